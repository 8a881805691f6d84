"""Calibration of a whole pipeline: scores and thresholds fitted to held-out documents, and what that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data.calibration import PairScores
from ..data.tables import ROWS, Shown, Table, data_frame, percent, shortened
from ..errors import RelxError
from .calibration import MIN_EXAMPLES, FitItems, Fitted, fit_calibration
from .evaluate import evaluate
from .given import without_prefix
from .reliability import scoring_components
from .report import Scores

if TYPE_CHECKING:
    import pandas
    from spacy.language import Language
    from spacy.tokens import Doc


@dataclass(repr=False)
class CalibrationResult(Shown):
    """What `calibrate` fitted, and the scores before and after it.

    Attributes:
        fitted: The calibration and the thresholds.
        before: The scores of the pipeline as it was.
        after: The scores of the pipeline with the calibration, on the same documents.
        record: What the pipeline's meta keeps of this.
        nlp: The calibrated pipeline.
    """

    fitted: Fitted
    before: Scores
    after: Scores
    record: dict[str, Any]
    nlp: Language

    def __repr__(self) -> str:
        fits = len(self.fitted.calibration.fits)
        return f"CalibrationResult(method={self.record['method']!r}, fits={fits}, n_docs={self.record['n_docs']})"

    def tables(self, rows: int = ROWS) -> list[Table]:
        return [shortened(_fits_table(self.fitted), rows), _effect_table(self.before, self.after)]

    def note(self) -> str:
        return "Both rows are of the documents that were fitted to: measure on others (relx evaluate)."

    def to_dict(self) -> dict[str, Any]:
        """The record, the fits, and all scores before and after, ready for JSON."""
        scores = {"scores_before": self.before.to_dict(), "scores_after": self.after.to_dict()}
        return {**self.record, "fits": self._rows(), **scores}

    def to_frame(self) -> pandas.DataFrame:
        """The fits as a data frame.

        Returns:
            The columns label and lang (None for all), right and wrong (numbers of items), temperature (None for
            isotonic regression), threshold.

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        return data_frame(self._rows(), ("label", "lang", "right", "wrong", "temperature", "threshold"))

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "label": fit.label,
                "lang": fit.lang,
                "right": fit.right,
                "wrong": fit.wrong,
                "temperature": fit.temperature,
                "threshold": self.fitted.thresholds.of(fit.label, fit.lang),
            }
            for fit in self.fitted.calibration.fits
        ]


def calibrate(
    nlp: Language,
    docs: Callable[[], Iterable[Doc]],
    *,
    method: str = "temperature",
    precision: float | None = None,
    per: Iterable[str] = (),
    min_examples: int = MIN_EXAMPLES,
    component: str | None = None,
    gold_mentions: bool = False,
    batch_size: int | None = None,
    where: object = "the data",
) -> CalibrationResult:
    """Fit scores and thresholds of a pipeline to gold documents, and let it apply them from now on.

    Args:
        nlp: The pipeline; it is changed in place.
        docs: Gives the gold documents, which are read twice. They should not be those of training.
        method: "temperature" or "isotonic".
        precision: What the thresholds are to reach, in (0, 1]; None for the best F1.
        per: "label", "lang", or both: what gets fits of its own where there are enough examples.
        min_examples: Right items, and wrong items, that a fit of its own needs.
        component: The component to calibrate, where several find relations.
        gold_mentions: Whether to give the gold mentions to the pipeline.
        batch_size: Of `nlp.pipe`.
        where: Names the documents in messages.

    Returns:
        The fits, with the scores before and after.

    Raises:
        RelxError: RX380 or RX532 for the component, RX173 without documents, RX387 where all items are right or all
            wrong, RX021 for settings that do not go together.
    """
    name, pipe = _component(nlp, component)
    items = FitItems(pipe.labels)

    def keep(reference: Doc, predicted: Doc, found: PairScores) -> None:
        if found.component in (name, ""):
            items.add(reference, predicted, found)

    before = evaluate(nlp, docs(), gold_mentions=gold_mentions, batch_size=batch_size, on_scores=keep)
    if not before["n_docs"]:
        raise RelxError("RX173", where=where, what="documents")
    fitted = fit_calibration(items, method=method, precision=precision, per=per, min_examples=min_examples)
    apply_fitted(nlp, pipe, fitted)
    after = evaluate(nlp, docs(), gold_mentions=gold_mentions, batch_size=batch_size)
    record = _record(fitted, precision, before, after)
    nlp.meta.setdefault("calibration", {})[pipe.name] = record
    return CalibrationResult(fitted, before, after, record, nlp)


def _component(nlp: Language, name: str | None) -> tuple[str, Any]:
    """The component to calibrate, behind its name.

    Raises:
        RelxError: RX380 where there is none, RX532 where several could be meant or none has that name.
    """
    found = scoring_components(nlp)
    if not found:
        raise RelxError("RX380", names=", ".join(nlp.pipe_names) or "no components")
    if name not in found and (name is not None or len(found) > 1):
        raise RelxError("RX532", names=", ".join(found))
    return (name, found[name]) if name is not None else next(iter(found.items()))


def apply_fitted(nlp: Language, pipe: Any, fitted: Fitted) -> None:
    """Let a component of a pipeline apply what was fitted; its settings and the pipeline's config say so."""
    pipe.set_calibration(fitted.calibration)
    pipe.set_thresholds(fitted.thresholds)
    nlp.get_pipe_config(pipe.name).update(fitted.thresholds.to_settings())


def _record(fitted: Fitted, precision: float | None, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is kept in the pipeline's meta: how thresholds were fitted, and what that did on the same documents."""
    keys = {"p": "rel_micro_p", "r": "rel_micro_r", "f": "rel_micro_f"}
    given = after["gold_mentions"]
    before, after = without_prefix(before), without_prefix(after)
    return {
        "method": fitted.calibration.method,
        "target": {"best_f1": True} if precision is None else {"precision": precision},
        "n_docs": after["n_docs"],
        "gold_mentions": given,
        "before": {name: before[key] for name, key in keys.items()},
        "after": {name: after[key] for name, key in keys.items()},
        **fitted.thresholds.to_settings(),
    }


def _fits_table(fitted: Fitted) -> Table:
    rows = []
    for fit in fitted.calibration.fits:
        name = " in ".join(filter(None, (fit.label, fit.lang))) or "all"
        shape = f"{fit.temperature:.3f}" if fit.temperature is not None else f"{len(fit.points)} points"
        threshold = fitted.thresholds.of(fit.label, fit.lang)
        rows.append((name, str(fit.right), str(fit.wrong), shape, f"{threshold:.4f}"))
    shape = "temperature" if fitted.calibration.method == "temperature" else "steps"
    return Table("Fitted to", ("right", "wrong", shape, "threshold"), rows)


def _effect_table(before: dict[str, Any], after: dict[str, Any]) -> Table:
    rows = []
    for name, scores in (("before", without_prefix(before)), ("after", without_prefix(after))):
        levels = scores["rel_reliability"]
        parts = [percent(scores[f"rel_micro_{part}"]) for part in "prf"]
        errors = [percent(levels[level]["ece"]) for level in ("predicted", "pairs")]
        rows.append((name, *parts, str(scores["rel_n_pred"]), *errors, percent(levels["pairs"]["brier"])))
    columns = ("P", "R", "F", "predicted", "ECE", "ECE, pairs", "Brier, pairs")
    return Table("In percent", columns, rows)
