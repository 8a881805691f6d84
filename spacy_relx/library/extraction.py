"""Calls that run pipelines over texts: predict, facts, annotate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.loading import assigners, check_finds, unknown_types
from ..data.tables import ROWS, Shown, Table, data_frame, shortened
from ..data.types import SUPPORT
from ..errors import RelxError
from ..formats.texts import Fields
from ..knowledge.corpus_facts import Counts, FactReader, Wanted
from ..run import Summary, annotate_corpus
from ..run.run import Progress as RunProgress
from ..run.run import default_workers
from ..writers.predictions import doc_record, fact_record
from .inputs import Model, Progress, Texts, annotated, on_error_of, pipeline_of, silent, text_sources

if TYPE_CHECKING:
    import pandas


class Predictions(list[dict[str, Any]], Shown):
    """What `predict` returns: a list of texts with their relations as `relx predict` writes them, each a mapping, which
    prints as a table of the relations."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        lines = [
            (row["head"], row["label"], row["tail"], f"{row['score']:.2f}", str(row["id"]))
            for text in self
            for row in _relations(text)
        ]
        return [shortened(Table("Head", ("label", "tail", "score", "text"), lines), rows)]

    def note(self) -> str:
        return f"{sum(len(text['relations']) for text in self)} relations in {len(self)} texts"

    def to_dict(self) -> dict[str, Any]:
        """The texts under the key "texts", ready for JSON."""
        return {"texts": list(self)}

    def to_frame(self) -> pandas.DataFrame:
        """The relations as a data frame.

        Returns:
            The columns id, lang (of the text), head, head_type, label, tail, tail_type, score.

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        columns = ("id", "lang", "head", "head_type", "label", "tail", "tail_type", "score")
        return data_frame((row for text in self for row in _relations(text)), columns)


def _relations(text: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The relations of a record, with the texts and types of their mentions."""
    for relation in text["relations"]:
        ends = {}
        for end in ("head", "tail"):
            mention = text["mentions"][relation[end]]
            ends.update({end: text["text"][mention["start"] : mention["end"]], f"{end}_type": mention["label"]})
        yield {**ends, "id": text["id"], "lang": text["lang"], "label": relation["label"], "score": relation["score"]}


class Predictor:
    """Reads texts, and gives the record of each: a stream, other than `predict`.

    Args:
        model: A pipeline that finds relations or facts, its folder or its name.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.

    Raises:
        RelxError: RX531 for a pipeline that finds neither.
    """

    def __init__(self, model: Model, *, code: str | Path | None = None, gpu_id: int = -1):
        self.nlp = pipeline_of(model, code, gpu_id)
        check_finds(self.nlp)

    def read(self, texts: Texts, *, batch_size: int | None = None, on_error: str = "raise") -> Iterator[dict[str, Any]]:
        """The records of the texts, as `predict` gives them."""
        facts = bool(assigners(self.nlp, "doc._.facts"))
        for item, doc in annotated(self.nlp, texts, batch_size=batch_size, on_error=on_error):
            yield doc_record(doc, item.id, facts=facts)

    def unknown_types(self) -> tuple[Counter[str], int]:
        """Mentions by entity type that training never showed, and mentions of any type, so far."""
        return unknown_types(self.nlp)


def predict(
    model: Model,
    texts: Texts,
    *,
    batch_size: int | None = None,
    on_error: str = "raise",
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> Predictions:
    """The relations of texts, and their facts where a component finds these, as plain data.

    `convert` makes training data of these records once they are written to a .jsonl file.

    Args:
        model: A pipeline that finds relations or facts, its folder or its name.
        texts: A file of texts; or a list of texts, Docs, and paths of such files.
        batch_size: Texts that the pipeline takes at a time.
        on_error: "raise", or "skip" texts that cannot be used.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the texts are read.

    Returns:
        For each text its id, text, lang and relations; offsets count characters.

    Raises:
        RelxError: RX531 for a pipeline that finds neither relations nor facts.
    """
    predictor = Predictor(model, code=code, gpu_id=gpu_id)
    return Predictions(progress(predictor.read(texts, batch_size=batch_size, on_error=on_error)))


class CorpusFacts(list[dict[str, Any]], Shown):
    """What `facts` returns: a list of facts as `relx facts` writes them, each a mapping, which prints as a table."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        lines = [
            (str(row["head_text"]), row["label"], str(row["tail_text"]), f"{row['score']:.2f}", str(row["sentences"]))
            for row in self
        ]
        return [shortened(Table("Head", ("label", "tail", "score", "sentences"), lines), rows)]

    def note(self) -> str:
        return f"{len(self)} facts"

    def to_dict(self) -> dict[str, Any]:
        """The facts under the key "facts", ready for JSON."""
        return {"facts": list(self)}

    def to_frame(self) -> pandas.DataFrame:
        """The facts as a data frame, a row each, without their evidence.

        Returns:
            The columns head, label, tail, score, kb_score, known, kb_rank (None where nothing was asked), head_text,
            tail_text, sentences (how many mention the pair).

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        columns = ("head", "label", "tail", "score", *SUPPORT, "head_text", "tail_text", "sentences")
        return data_frame(({name: row.get(name) for name in columns} for row in self), columns)


class FactStream:
    """Reads texts, and gives the record of each fact that all of them say: a stream, other than `facts`.

    Args:
        model: As for `facts`, as all the others.

    Attributes:
        counts: What was found so far.
        checked: Whether a knowledge base was asked.
    """

    def __init__(
        self,
        model: Model,
        *,
        min_score: float | None = None,
        max_evidence: int | None = None,
        embeddings: str | Path | None = None,
        known: str | Path | None = None,
        new: bool = False,
        min_kb_score: float | None = None,
        code: str | Path | None = None,
        gpu_id: int = -1,
    ):
        self._reader = FactReader(
            pipeline_of(model, code, gpu_id),
            min_score=min_score,
            max_evidence=max_evidence,
            kb=None if embeddings is None else Path(embeddings),
            known=None if known is None else Path(known),
            wanted=Wanted(new, min_kb_score),
        )
        self.counts: Counts = self._reader.counts
        self.checked = self._reader.checker is not None

    def read(
        self, texts: Texts, *, batch_size: int | None = None, on_error: str = "raise", progress: Progress = silent
    ) -> Iterator[dict[str, Any]]:
        """The records of the facts, as `facts` gives them."""
        when = on_error_of(on_error)
        sources = text_sources(texts, self._reader.nlp.vocab, when)
        found = self._reader.read(sources, batch_size=batch_size, on_error=when, progress=progress)
        return (fact_record(doc, fact) for doc, fact in found)


def facts(
    model: Model,
    texts: Texts,
    *,
    min_score: float | None = None,
    max_evidence: int | None = None,
    embeddings: str | Path | None = None,
    known: str | Path | None = None,
    new: bool = False,
    min_kb_score: float | None = None,
    batch_size: int | None = None,
    on_error: str = "raise",
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> CorpusFacts:
    """Find the facts about pairs of entities that all texts together support, with their evidence.

    Args:
        model: A pipeline with an entity_type_marker and behind it a fact_extractor, its folder or its name.
        texts: A file of texts; or a list of texts, Docs, and paths of such files.
        min_score: In place of the thresholds of the pipeline.
        max_evidence: Sentences with each fact, best first; None for the pipeline's setting.
        embeddings: The folder of embeddings of a knowledge base: how plausible each fact is.
        known: A file of true triples: which facts are known, which are new.
        new: Whether to give only facts that are not known.
        min_kb_score: Only facts with such a kb_score or a greater one.
        batch_size: Texts that the pipeline takes at a time.
        on_error: "raise", or "skip" texts that cannot be used.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far texts and pairs are read.

    Returns:
        A list of facts as dicts, which prints as a table.

    Raises:
        RelxError: RX067 for a pipeline without a fact_extractor, RX251 for facts chosen by what nothing says.
    """
    stream = FactStream(
        model,
        min_score=min_score,
        max_evidence=max_evidence,
        embeddings=embeddings,
        known=known,
        new=new,
        min_kb_score=min_kb_score,
        code=code,
        gpu_id=gpu_id,
    )
    return CorpusFacts(stream.read(texts, batch_size=batch_size, on_error=on_error, progress=progress))


def annotate(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    workers: int | None = None,
    text_field: str = "text",
    id_field: str = "id",
    lang_field: str = "lang",
    gpu_id: int = -1,
    engine: str = "local",
    option: Mapping[str, str] | Sequence[str] = (),
    progress: RunProgress | None = None,
    on_done: Callable[[Summary], None] | None = None,
    **settings: Any,
) -> Summary:
    """Annotate a corpus of any size in shards, to Parquet files of triples. A run that was ended goes on.

    Args:
        model: The folder or name of a pipeline, which each process loads for itself.
        inputs: Files of texts, and folders of such.
        output: A folder.
        workers: Processes; None for one a core, 0 for this process.
        text_field: Key or column of the text.
        id_field: Key or column of the id.
        lang_field: Key or column of the language.
        gpu_id: The number of the GPU; -1 for the CPU.
        engine: "local", "spark" or "ray".
        option: Options of the engine, as a mapping or as "NAME=VALUE".
        progress: Shows how far the run is.
        on_done: Called with what was done, before shards that could not be done are an error.
        **settings: Those of `spacy_relx.run.run.annotate_corpus`: what, docs, shard_size, batch_size, threads,
            code, max_errors, overwrite.

    Returns:
        What was done.

    Raises:
        RelxError: RX613 for a pipeline that is not given by its folder or name, RX404 for options, RX409 where shards
            could not be done, and what `annotate_corpus` raises.
    """
    if not isinstance(model, (str, Path)):
        raise RelxError("RX613", value=model)
    summary = annotate_corpus(
        str(model),
        [inputs] if isinstance(inputs, (str, Path)) else inputs,
        output,
        workers=default_workers() if workers is None else workers,
        fields=Fields(text_field, id_field, lang_field),
        gpu=gpu_id,
        engine=engine,
        options=option if isinstance(option, Mapping) else _options(engine, option),
        progress=progress,
        **settings,
    )
    if on_done is not None:
        on_done(summary)
    summary.check()
    return summary


def _options(engine: str, given: Sequence[str]) -> dict[str, str]:
    """RAISES: RelxError RX404."""
    for each in given:
        if "=" not in each:
            raise RelxError("RX404", engine=engine, names=f"an option is NAME=VALUE, but not {each!r}")
    return dict(each.split("=", 1) for each in given)
