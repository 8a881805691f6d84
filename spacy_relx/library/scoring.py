"""Calls that measure pipelines: evaluate, calibrate, error_report, challenge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..data.loading import save_pipeline
from ..errors import RelxError
from ..evaluation import calibrate as _calibrate
from ..evaluation import challenge as _challenge
from ..evaluation import error_report as _error_report
from ..evaluation import evaluate as _evaluate
from ..evaluation.calibrate import CalibrationResult
from ..evaluation.challenge_report import ChallengeReport, check_data
from ..evaluation.error_analysis import ErrorReport
from ..evaluation.report import Scores
from .inputs import Docs, Model, docs_of, pipeline_of


def evaluate(model: Model, data: Docs, **settings: Any) -> Scores:
    """Score the relations and facts that a pipeline finds in gold documents.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        **settings: Those of `spacy_relx.evaluation.evaluate.evaluate`: gold_mentions, match, scheme, across_docs,
            symmetric, retokenize, batch_size and others.

    Returns:
        A dict of scores, which prints as tables.

    Raises:
        RelxError: RX173 where there are no documents, and what `evaluate` raises.
    """
    nlp = pipeline_of(model)
    scores = _evaluate(nlp, docs_of(data, nlp.vocab), **settings)
    if not scores["n_docs"]:
        raise RelxError("RX173", where=_name(data))
    return scores


def calibrate(
    model: Model,
    data: Docs,
    output: str | Path | None = None,
    *,
    per: str | Iterable[str] = (),
    **settings: Any,
) -> CalibrationResult:
    """Fit scores and thresholds of a trained pipeline to held-out documents.

    A pipeline that is given as an object applies them from now on.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents that are not those of training, a .spacy file, or a folder of such.
        output: A folder for the calibrated pipeline; None: it is not saved.
        per: "label", "lang", or both (with a comma, or as a list): what gets fits of its own.
        **settings: Those of `spacy_relx.evaluation.calibrate.calibrate`: method, precision, min_examples, component,
            gold_mentions, batch_size.

    Returns:
        The fits, with the scores before and after. Its `nlp` is the calibrated pipeline.

    Raises:
        RelxError: RX320 for an output that exists, RX186 where it cannot be written, and what `calibrate` raises.
    """
    if output is not None and Path(output).exists() and (not Path(output).is_dir() or any(Path(output).iterdir())):
        raise RelxError("RX320", path=output)
    nlp = pipeline_of(model)
    kept = data if isinstance(data, (str, Path, Doc)) else list(docs_of(data, nlp.vocab))
    names = [name.strip() for name in per.split(",") if name.strip()] if isinstance(per, str) else list(per)
    result = _calibrate(nlp, lambda: docs_of(kept, nlp.vocab), per=names, where=_name(data), **settings)
    if output is not None:
        save_pipeline(nlp, output)
    return result


def error_report(
    model: Model,
    data: Docs,
    *,
    gold_mentions: bool = False,
    match: str = "boundary",
    limit: int = 0,
    batch_size: int | None = None,
) -> ErrorReport:
    """Say of each relation whether a pipeline gets it right, misses it or gets it wrong, and why.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        gold_mentions: Whether to give the gold mentions to the pipeline.
        match: "boundary", or "strict": the types of the mentions must agree too.
        limit: The most documents that are read; 0 for all.
        batch_size: Texts that the pipeline takes at a time.

    Returns:
        The relations with their verdicts. `save("errors.html")` writes them as a page.

    Raises:
        RelxError: RX173 where there are no documents, RX531 for a pipeline that finds no relations.
    """
    nlp = pipeline_of(model)
    docs = islice(docs_of(data, nlp.vocab), limit or None)
    name = "" if not isinstance(model, (str, Path)) else Path(model).name
    settings: dict[str, Any] = {"gold_mentions": gold_mentions, "match": match, "batch_size": batch_size, "name": name}
    report = _error_report(nlp, docs, **settings)
    if not report.docs:
        raise RelxError("RX173", where=_name(data))
    return report


def challenge(
    model: Model, data: Docs, *, symmetric: Sequence[str] = (), batch_size: int | None = None
) -> ChallengeReport:
    """Test a pipeline on hard negatives that are made of gold documents.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        symmetric: Relations without a direction, beside those that are seen to have none.
        batch_size: Texts that the pipeline takes at a time.

    Returns:
        A dict of numbers, which prints as tables; see `spacy_relx.evaluation.challenge.challenge`.

    Raises:
        RelxError: RX397 for a relation that the documents do not have, RX395 where they have none, RX531 for a
            pipeline that finds no relations.
    """
    nlp = pipeline_of(model)
    docs = list(docs_of(data, nlp.vocab))
    check_data(docs, symmetric, _name(data))
    return _challenge(nlp, docs, symmetric=symmetric, batch_size=batch_size)


def _name(data: Docs) -> object:
    return data if isinstance(data, (str, Path)) else "the documents given"
