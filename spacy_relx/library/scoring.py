"""Calls that measure pipelines: evaluate, calibrate, error_report, challenge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..data.loading import check_finds, save_pipeline
from ..data.outputs import check_new_folder
from ..errors import RelxError
from ..evaluation import calibrate as _calibrate
from ..evaluation import challenge as _challenge
from ..evaluation import error_report as _error_report
from ..evaluation import evaluate as _evaluate
from ..evaluation.calibrate import CalibrationResult
from ..evaluation.challenge_report import ChallengeReport, check_data
from ..evaluation.error_analysis import ErrorReport
from ..evaluation.report import Scores
from .inputs import Docs, Model, Progress, docs_of, name_of, pipeline_of, silent

#: What `calibrate` can fit by itself.
PER = ("label", "lang")


def evaluate(
    model: Model,
    data: Docs,
    *,
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
    **settings: Any,
) -> Scores:
    """Score the relations and facts that a pipeline finds in gold documents.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.
        **settings: Those of `spacy_relx.evaluation.evaluate.evaluate`: gold_mentions, match, scheme, across_docs,
            symmetric, retokenize, batch_size and others.

    Returns:
        A dict of scores, which prints as tables.

    Raises:
        RelxError: RX173 where there are no documents, and what `evaluate` raises.
    """
    nlp = pipeline_of(model, code, gpu_id)
    scores = _evaluate(nlp, progress(docs_of(data, nlp.vocab)), **settings)
    if not scores["n_docs"]:
        raise RelxError("RX173", where=name_of(data), what="documents")
    return scores


def calibrate(
    model: Model,
    data: Docs,
    output: str | Path | None = None,
    *,
    per: str | Iterable[str] = (),
    precision: float | None = None,
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
    **settings: Any,
) -> CalibrationResult:
    """Fit scores and thresholds of a trained pipeline to held-out documents.

    A pipeline that is given as an object applies them from now on.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents that are not those of training, a .spacy file, or a folder of such.
        output: A folder for the calibrated pipeline; None: it is not saved.
        per: "label", "lang", or both (with a comma, or as a list): what gets fits of its own.
        precision: What the thresholds are to reach, above 0 and at most 1; None for the best F1.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.
        **settings: Those of `spacy_relx.evaluation.calibrate.calibrate`: method, min_examples, component,
            gold_mentions, batch_size.

    Returns:
        The fits, with the scores before and after. Its `nlp` is the calibrated pipeline.

    Raises:
        RelxError: RX021 for settings, RX181 for an output in the pipeline's folder, RX186 for one that exists, or
            cannot be written, and what `calibrate` raises.
    """
    names = [name.strip() for name in per.split(",") if name.strip()] if isinstance(per, str) else list(per)
    _check_calibration(precision, names)
    if output is not None:
        check_new_folder(Path(output), model=None if isinstance(model, Language) else str(model))
    nlp = pipeline_of(model, code, gpu_id)
    kept = data if isinstance(data, (str, Path, Doc)) else list(docs_of(data, nlp.vocab))

    def docs() -> Iterator[Doc]:
        return progress(docs_of(kept, nlp.vocab))

    result = _calibrate(nlp, docs, per=names, precision=precision, where=name_of(data), **settings)
    if output is not None:
        save_pipeline(nlp, output)
    return result


def _check_calibration(precision: float | None, per: Sequence[str]) -> None:
    """RAISES: RelxError RX021."""
    if precision is not None and not 0 < precision <= 1:
        raise RelxError("RX021", name="precision", value=precision, need="above 0 and at most 1")
    unknown = [name for name in per if name not in PER]
    if unknown:
        raise RelxError("RX021", name="per", value=unknown[0], need="label, lang, or both with a comma")


def error_report(
    model: Model,
    data: Docs,
    *,
    gold_mentions: bool = False,
    match: str = "boundary",
    limit: int = 0,
    batch_size: int | None = None,
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> ErrorReport:
    """Say of each relation whether a pipeline gets it right, misses it or gets it wrong, and why.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        gold_mentions: Whether to give the gold mentions to the pipeline.
        match: "boundary", or "strict": the types of the mentions must agree too.
        limit: The most documents that are read; 0 for all.
        batch_size: Texts that the pipeline takes at a time.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.

    Returns:
        The relations with their verdicts. `save("errors.html")` writes them as a page.

    Raises:
        RelxError: RX173 where there are no documents, RX531 for a pipeline that finds no relations.
    """
    nlp = pipeline_of(model, code, gpu_id)
    gold = docs_of(data, nlp.vocab)
    docs = progress(islice(gold, limit or None))
    name = "" if not isinstance(model, (str, Path)) else Path(model).name
    settings: dict[str, Any] = {"gold_mentions": gold_mentions, "match": match, "batch_size": batch_size, "name": name}
    report = _error_report(nlp, docs, **settings)
    if not report.docs:
        raise RelxError("RX173", where=name_of(data), what="documents")
    report.has_more = next(gold, None) is not None
    return report


def challenge(
    model: Model,
    data: Docs,
    *,
    symmetric: Sequence[str] = (),
    batch_size: int | None = None,
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> ChallengeReport:
    """Test a pipeline on hard negatives that are made of gold documents.

    Args:
        model: A pipeline, its folder or its name.
        data: Gold documents, a .spacy file, or a folder of such.
        symmetric: Relations without a direction, beside those that are seen to have none.
        batch_size: Texts that the pipeline takes at a time.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.

    Returns:
        A dict of numbers, which prints as tables; see `spacy_relx.evaluation.challenge.challenge`.

    Raises:
        RelxError: RX397 for a relation that the documents do not have, RX173 where they have none, RX531 for a
            pipeline that finds no relations.
    """
    nlp = pipeline_of(model, code, gpu_id)
    check_finds(nlp, "doc._.relations")
    docs = list(progress(docs_of(data, nlp.vocab)))
    check_data(docs, symmetric, name_of(data))
    return _challenge(nlp, docs, symmetric=symmetric, batch_size=batch_size)
