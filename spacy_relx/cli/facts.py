"""`relx facts`: what a whole corpus says about each pair of entities, with the sentences that say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RelxError, warn
from ..extensions import get_candidates
from ._app import (
    TEXTS_HELP,
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    OnError,
    OnErrorOpt,
    annotate,
    import_code,
    load_pipeline,
    progress,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, line_writer

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from ..corpora.bag_spool import BagSpool
    from ..facts import Fact


@relx_app.command("facts")
@report_errors
def facts_cli(
    model: ModelArg,
    texts: Annotated[list[str], typer.Argument(help=TEXTS_HELP)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the facts (else standard output)")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="In place of the pipeline's thresholds")
    ] = None,
    max_evidence: Annotated[
        int | None, typer.Option("--max-evidence", min=0, help="Sentences to give with each fact, best first")
    ] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Write what all texts together say about each pair of entities, one JSON object a line: head, label, tail, score and
    evidence. The pipeline needs a fact_extractor, and components that find and link entities (or .spacy files that have
    them). Sentences wait in temporary files, so the corpus may be larger than memory.
    """
    from ..corpora.bag_spool import BagSpool

    for source in texts:
        check_output(output, source, code)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    name = prepare(nlp, min_score, max_evidence)
    with BagSpool(nlp.vocab) as spool:
        read_pairs(nlp, name, texts, spool, batch_size, on_error)
        n_facts = n_bags = 0
        with line_writer(output) as write:
            for doc in progress(extract(nlp, name, spool, batch_size), unit=" pairs"):
                n_bags += 1
                for fact in doc._.facts:
                    n_facts += 1
                    write(json.dumps(fact_record(doc, fact), ensure_ascii=False))
    if output is not None:
        typer.secho(f"✔ Saved {n_facts} facts about {n_bags} pairs of entities to {output}", fg="green")


def prepare(nlp: Language, min_score: float | None, max_evidence: int | None) -> str:
    """Set up the pipeline for bags. RETURNS: the name of its fact extractor. RAISES: RelxError RX067 without one."""
    from ..models.candidates import make_bag_pairs
    from ..pipeline.entity_type_marker import EntityTypeMarker
    from ..pipeline.fact_extractor import FactExtractor

    found = [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, FactExtractor)]
    markers = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, EntityTypeMarker)]
    if not found or not markers:
        raise RelxError("RX067", names=", ".join(nlp.pipe_names) or "no components")
    name, extractor = found[-1]
    if min_score is not None:
        extractor.threshold, extractor.label_thresholds = min_score, {}
    if max_evidence is not None:
        extractor.max_evidence = max_evidence
    extractor.keep_scores = False
    for marker in markers:
        marker.generator = make_bag_pairs()
    return name


def read_pairs(
    nlp: Language, name: str, texts: list[str], spool: BagSpool, batch_size: int | None, on_error: OnError
) -> None:
    """Run the pipeline up to the fact extractor, and put each pair of entities of a sentence aside.

    WARNS: RX068 where there are none.
    """
    from ..corpora.instances import candidate_instances

    extractor: Any = nlp.get_pipe(name)
    counts = [0, 0, 0]
    later = nlp.pipe_names[nlp.pipe_names.index(name) :]
    with nlp.select_pipes(disable=later):
        for source in texts:
            stream = read_texts(source, nlp.vocab, on_error)
            for item, doc in progress(annotate(nlp, stream, batch_size=batch_size, on_error=on_error)):
                ids = get_candidates(doc).kb_ids
                counts = [counts[0] + 1, counts[1] + len(ids), counts[2] + sum(map(bool, ids))]
                for instance in candidate_instances(doc, extractor.model.attrs["entities"]):
                    spool.add(*instance, source=[source, item.id])
    if not spool.n_added:
        warn("RX068", n_docs=counts[0], n_mentions=counts[1], n_linked=counts[2])


def extract(nlp: Language, name: str, spool: BagSpool, batch_size: int | None) -> Iterator[Doc]:
    """The bags with their facts."""
    from ..pipeline.entity_type_marker import EntityTypeMarker

    wanted = [each for each, pipe in nlp.pipeline if each == name or isinstance(pipe, EntityTypeMarker)]
    with nlp.select_pipes(enable=wanted):
        yield from nlp.pipe(spool.bags(), batch_size=batch_size)


def fact_record(doc: Doc, fact: Fact) -> dict[str, Any]:
    """A fact of a bag Doc as plain data. Offsets of evidence count characters of its sentence.

    head, label, tail, score, head_text and tail_text (as the best evidence has them), sentences (how many the bag has),
    evidence (text, head, tail, weight, lang, and source: the file and the id of the text in it).
    """
    head_text, _, tail_text = fact.triple(doc)
    record = {"head": fact.head, "label": fact.label, "tail": fact.tail, "score": round(fact.score, 6)}
    sources = doc.user_data.get("sources", ())
    starts = {sent.start: i for i, sent in enumerate(doc.sents)}
    evidence = []
    for each in fact.evidence:
        sentence = each.sentence(doc)
        place = max((start for start in starts if start <= each.start), default=0)
        number = starts.get(place, 0)
        evidence.append(
            {
                "text": sentence.text,
                "head": _characters(doc, sentence.start_char, each.head.start, each.head.end),
                "tail": _characters(doc, sentence.start_char, each.tail.start, each.tail.end),
                "weight": round(each.weight, 6),
                "lang": sentence._.lang,
                **({"source": sources[number][0], "id": sources[number][1]} if number < len(sources) else {}),
            }
        )
    return {
        **record,
        "head_text": head_text,
        "tail_text": tail_text,
        "sentences": len(starts),
        "evidence": evidence,
    }


def _characters(doc: Doc, base: int, start: int, end: int) -> dict[str, Any]:
    span = doc[start:end]
    return {"text": span.text, "start": span.start_char - base, "end": span.end_char - base}
