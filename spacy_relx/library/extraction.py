"""Calls that train pipelines and run them over many texts: train, facts, annotate."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language

from ..data.loading import import_code, use_gpu
from ..data.tables import ROWS, Shown, Table, data_frame, shortened
from ..data.types import SUPPORT
from ..errors import RelxError
from ..formats.texts import Fields
from ..knowledge.corpus_facts import FactReader, Wanted
from ..run import Summary, annotate_corpus
from ..run.run import default_workers
from ..writers.predictions import fact_record
from .inputs import Model, Texts, on_error_of, pipeline_of, text_sources

if TYPE_CHECKING:
    import pandas


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


def facts(
    model: Model,
    texts: Texts,
    *,
    min_score: float | None = None,
    max_evidence: int | None = None,
    kb: str | Path | None = None,
    known: str | Path | None = None,
    new: bool = False,
    min_kb_score: float | None = None,
    batch_size: int | None = None,
    on_error: str = "raise",
) -> CorpusFacts:
    """What all texts together say about each pair of entities, with the sentences that say it.

    Args:
        model: A pipeline with an entity_type_marker and behind it a fact_extractor, its folder or its name.
        texts: A file of texts; or a list of texts, Docs, and paths of such files.
        min_score: In place of the thresholds of the pipeline.
        max_evidence: Sentences with each fact, best first; None for the pipeline's setting.
        kb: The folder of embeddings: how plausible each fact is.
        known: A file of true triples: which facts are known, which are new.
        new: Whether to give only facts that are not known.
        min_kb_score: Only facts with such a kb_score or a greater one.
        batch_size: Texts that the pipeline takes at a time.
        on_error: "raise", or "skip" texts that cannot be used.

    Raises:
        RelxError: RX067 for a pipeline without a fact_extractor, RX251 for facts chosen by what nothing says.
    """
    when = on_error_of(on_error)
    nlp = pipeline_of(model)
    reader = FactReader(
        nlp,
        min_score=min_score,
        max_evidence=max_evidence,
        kb=None if kb is None else Path(kb),
        known=None if known is None else Path(known),
        wanted=Wanted(new, min_kb_score),
    )
    sources = text_sources(texts, nlp.vocab, when)
    found = reader.read(sources, batch_size=batch_size, on_error=when)
    return CorpusFacts(fact_record(doc, fact) for doc, fact in found)


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
    option: Mapping[str, str] | None = None,
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
        option: Options of the engine.
        **settings: Those of `spacy_relx.run.run.annotate_corpus`: engine, what, docs, shard_size, batch_size, threads,
            code, max_errors, overwrite.

    Returns:
        What was done.

    Raises:
        RelxError: RX613 for a pipeline that is not given by its folder or name, RX409 where shards could not be done,
            and what `annotate_corpus` raises.
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
        options=option,
        **settings,
    )
    summary.check()
    return summary


def train(
    config: str | Path | Mapping[str, Any],
    output: str | Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    code: str | Path | None = None,
    gpu_id: int = -1,
) -> Language:
    """Train a pipeline, as `spacy train` does.

    Args:
        config: A config file, or a config.
        output: A folder, in which "model-best" and "model-last" are saved; None: nothing is saved.
        overrides: Values in place of the config's, by dotted names: {"paths.train": "train.spacy"}.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.

    Returns:
        The best pipeline, where there is an output; else the last one.
    """
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train as run_training
    from spacy.util import load_config, load_model
    from thinc.api import Config

    use_gpu(gpu_id)
    import_code(None if code is None else Path(code))
    if isinstance(config, (str, Path)):
        loaded = load_config(Path(config), overrides=dict(overrides or {}), interpolate=False)
    else:
        text = Config(dict(config)).to_str(interpolate=False)
        loaded = Config().from_str(text, overrides=dict(overrides or {}), interpolate=False)
    nlp = init_nlp(loaded, use_gpu=gpu_id)
    place = None if output is None else Path(output)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    nlp, best = run_training(nlp, place, use_gpu=gpu_id, stdout=sys.stdout, stderr=sys.stderr)
    return nlp if best is None else load_model(Path(best))
