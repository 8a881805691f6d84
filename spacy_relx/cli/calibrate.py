"""`relx calibrate`: scores that can be taken as probabilities, and thresholds, fitted on held-out documents."""

from __future__ import annotations

import tempfile
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..data.files import whole_output
from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    RowsOpt,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import cannot_write
from ._tables import ROWS, Table, percent, shortened, text_table
from .evaluate import GoldMentionsOpt

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from ..core.component.trained import TrainedPipe
    from ..data.calibration import PairScores
    from ..evaluation.calibration import Fitted


class Method(str, Enum):
    """How scores are calibrated."""

    temperature = "temperature"
    isotonic = "isotonic"


#: Names of `--per`.
PER = ("relation", "language")


@relx_app.command("calibrate")
@report_errors
def calibrate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents, not those of training: a .spacy file or a folder")],
    output: Annotated[Path, typer.Argument(help="Folder for the calibrated pipeline, new or empty")],
    method: Annotated[
        Method, typer.Option("--method", help="temperature: one number; isotonic: any rising function, for much data")
    ] = Method.temperature,
    precision: Annotated[
        float | None, typer.Option("--precision", help="Thresholds for this precision, above 0 and at most 1")
    ] = None,
    best_f1: Annotated[bool, typer.Option("--best-f1", help="Thresholds for the best F1 (the default)")] = False,
    per: Annotated[
        str, typer.Option("--per", help="Fits of their own, where examples suffice: relation, language, or both")
    ] = "",
    min_examples: Annotated[
        int,
        typer.Option("--min-examples", min=2, help="Right items, and wrong items, that a fit of its own needs"),
    ] = 30,
    component: Annotated[
        str | None, typer.Option("--component", help="The one to calibrate, where several find relations")
    ] = None,
    gold_mentions: GoldMentionsOpt = False,
    rows: RowsOpt = ROWS,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Fit scores and thresholds of a trained pipeline to held-out documents, and save a pipeline that applies them. Its
    weights stay as they are. See docs/trust.md.
    """
    from ..evaluation import evaluate
    from ..evaluation.calibration import FitItems, fit_calibration

    names = list(dict.fromkeys(name.strip() for name in per.split(",") if name.strip()))
    _check_settings(precision, best_f1, names)
    _check_folder(output, model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    name, pipe = _component(nlp, component)
    items = FitItems(pipe.labels)

    def keep(reference: Doc, predicted: Doc, found: PairScores) -> None:
        if found.component in (name, ""):
            items.add(reference, predicted, found)

    docs = progress(read_docs(data, nlp.vocab))
    before = evaluate(nlp, docs, gold_mentions=gold_mentions, batch_size=batch_size, on_scores=keep)
    if not before["n_docs"]:
        raise RelxError("RX173", where=data)
    fitted = fit_calibration(items, method=method.value, precision=precision, per=names, min_examples=min_examples)
    apply_fitted(nlp, pipe, fitted)
    docs = progress(read_docs(data, nlp.vocab))
    after = evaluate(nlp, docs, gold_mentions=gold_mentions, batch_size=batch_size)
    typer.echo(text_table(shortened(_fits_table(fitted), rows)) + text_table(_effect_table(before, after)))
    typer.echo("Both rows are of the documents that were fitted to: measure on others (relx evaluate).")
    nlp.meta.setdefault("calibration", {})[pipe.name] = _record(fitted, precision, before, after)
    save_pipeline(nlp, output)
    typer.secho(f"✔ Saved the calibrated pipeline to {output}", fg="green")


def _component(nlp: Language, name: str | None) -> tuple[str, Any]:
    """The component to calibrate, behind its name.

    Raises:
        RelxError: RX380 where there is none, RX532 where several could be meant or none has that name.
    """
    from ..evaluation.reliability import scoring_components

    found = scoring_components(nlp)
    if not found:
        raise RelxError("RX380", names=", ".join(nlp.pipe_names) or "no components")
    if name not in found and (name is not None or len(found) > 1):
        raise RelxError("RX532", names=", ".join(found))
    return (name, found[name]) if name is not None else next(iter(found.items()))


def _check_settings(precision: float | None, best_f1: bool, per: list[str]) -> None:
    """RAISES: RelxError RX390."""
    if precision is not None and best_f1:
        raise RelxError("RX390", reason="give either --precision or --best-f1.")
    if precision is not None and not 0 < precision <= 1:
        raise RelxError("RX390", reason=f"--precision must be above 0 and at most 1, but is {precision}.")
    unknown = [name for name in per if name not in PER]
    if unknown:
        raise RelxError("RX390", reason=f"--per takes relation, language, or both with a comma, not {unknown[0]!r}.")


def _check_folder(output: Path, model: str) -> None:
    """RAISES: RelxError RX181, RX320, RX186."""
    try:
        taken = output.exists() and (not output.is_dir() or any(output.iterdir()))
        inside = Path(model).is_dir() and Path(model).resolve() in [output.resolve(), *output.resolve().parents]
        if inside:
            raise RelxError("RX181", path=output, model=model)
        if taken:
            raise RelxError("RX320", path=output)
        output.resolve().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.resolve().parent):
            pass
    except RelxError:
        raise
    except OSError as err:
        raise cannot_write(output, err) from err


def apply_fitted(nlp: Language, pipe: TrainedPipe, fitted: Fitted) -> None:
    """Let a component of a pipeline apply what was fitted; its settings and the pipeline's config say so."""
    pipe.set_calibration(fitted.calibration)
    pipe.set_thresholds(fitted.thresholds)
    nlp.get_pipe_config(pipe.name).update(fitted.thresholds.to_settings())


def _record(fitted: Fitted, precision: float | None, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is kept in the pipeline's meta: how thresholds were fitted, and what that did on the same documents."""
    from ..evaluation.given import without_prefix

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


def save_pipeline(nlp: Language, output: Path) -> None:
    """Write a pipeline, whole or not at all. RAISES: RelxError RX186."""
    try:
        with whole_output(output) as place:
            nlp.to_disk(place)
    except RelxError:
        raise
    except OSError as err:
        raise cannot_write(output, err) from err


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
    from ..evaluation.given import without_prefix

    rows = []
    for name, scores in (("before", without_prefix(before)), ("after", without_prefix(after))):
        levels = scores["rel_reliability"]
        parts = [percent(scores[f"rel_micro_{part}"]) for part in "prf"]
        errors = [percent(levels[level]["ece"]) for level in ("predicted", "pairs")]
        rows.append((name, *parts, str(scores["rel_n_pred"]), *errors, percent(levels["pairs"]["brier"])))
    columns = ("P", "R", "F", "predicted", "ECE", "ECE, pairs", "Brier, pairs")
    return Table("In percent", columns, rows)
