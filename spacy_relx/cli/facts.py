"""`relx facts`: what a whole corpus says about each pair of entities, with the sentences that say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..data.extensions import get_candidates
from ..data.files import name_in_ids
from ..data.loading import assigners
from ..data.strict_json import dump_json
from ..errors import RelxError, sentence, warn
from ..formats.directions import BothWays
from ..formats.texts import LeftOut
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

    from ..data.facts import Fact
    from ..formats.bag_spool import BagSpool
    from ..formats.texts import Text
    from ..knowledge.fact_checker import FactChecker
    from ..relations.entity_type_marker import EntityTypeMarker


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
    kb: Annotated[
        Path | None, typer.Option("--kb", help="Embeddings, from relx kb train: how plausible each fact is")
    ] = None,
    known: Annotated[
        Path | None, typer.Option("--known", "-k", help="Triples that are true: which facts are known, which are new")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Only facts that are not known")] = False,
    min_kb_score: Annotated[
        float | None,
        typer.Option("--min-kb-score", min=0, max=1, help="Only facts with such a kb_score or a greater one"),
    ] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Write what all texts together say about each pair of entities, one JSON object a line: head, label, tail, score and
    evidence. The pipeline needs a fact_extractor, and components that find and link entities (or .spacy files that have
    them). Which pairs are asked, the generator of its entity_type_marker says. Sentences wait in temporary files, so
    the corpus may be larger than memory.

    With a fact_checker in the pipeline, --kb or --known each fact also says how far a knowledge base supports it:
    kb_score, known and kb_rank, see docs/knowledge-base.md.
    """
    from ..formats.bag_spool import BagSpool
    from ..writers.predictions import fact_record

    for source in texts:
        check_output(output, source, code, kb, known, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    name = prepare(nlp, min_score, max_evidence)
    checker = find_checker(nlp, kb, known)
    wanted = Wanted(new, min_kb_score)
    wanted.check_possible(checker)
    counts = Counts()
    with BagSpool(nlp.vocab) as spool:
        read_pairs(nlp, name, texts, spool, batch_size, on_error)
        docs = extract(nlp, name, spool, batch_size)
        if checker is not None:
            docs = checker.pipe(docs, batch_size=batch_size or nlp.batch_size)
        with line_writer(output) as write:
            for doc in progress(docs, unit=" pairs"):
                counts.bags += 1
                for fact in doc._.facts:
                    if counts.add(fact, wanted(fact)):
                        write(dump_json(fact_record(doc, fact)))
    if output is not None:
        typer.secho(f"✔ Saved {counts.saved} facts about {counts.bags} pairs of entities to {output}", fg="green")
        typer.echo(f"{counts.directions.counts()[1]} of them are there the other way round, too.")
        if checker is not None:
            typer.echo(counts.support())


@dataclass
class Counts:
    """bags: pairs of entities. found: facts about them; of these known, new and scored (with a kb_score) to the
    knowledge base, and saved. directions: of those that are saved."""

    bags: int = 0
    found: int = 0
    known: int = 0
    new: int = 0
    scored: int = 0
    saved: int = 0
    directions: BothWays = field(default_factory=BothWays)

    def add(self, fact: Fact, saved: bool) -> bool:
        """Count one fact. RETURNS: saved."""
        self.found += 1
        self.known += fact.known is True
        self.new += fact.known is False
        self.scored += fact.kb_score is not None
        self.saved += saved
        if saved:
            self.directions.add(fact.head, fact.tail, fact.label)
        return saved

    def support(self) -> str:
        return (
            f"Of {self.found} facts found, the knowledge base has {self.known}, lacks {self.new}, and gives "
            f"{self.scored} a kb_score."
        )


class Wanted(NamedTuple):
    """Which facts are written. new: those that are not known. min_kb_score: those with such a kb_score or a greater
    one; None for all, also those without any."""

    new: bool
    min_kb_score: float | None

    def __call__(self, fact: Fact) -> bool:
        if self.new and fact.known is not False:
            return False
        return self.min_kb_score is None or (fact.kb_score is not None and fact.kb_score >= self.min_kb_score)

    def check_possible(self, checker: FactChecker | None) -> None:
        """RAISES: RelxError RX251 where nothing says what is asked for, RX250 and others where it cannot be read."""
        base = None if checker is None else checker.consistency
        if self.new and (base is None or base.known is None):
            raise RelxError("RX251", option="--new", part="triples", need="triples", remedy="--known TRIPLES")
        if self.min_kb_score is not None and (base is None or base.embeddings is None):
            remedy = "--kb FOLDER"
            raise RelxError("RX251", option="--min-kb-score", part="embeddings", need="their folder", remedy=remedy)


def find_checker(nlp: Language, kb: Path | None, known: Path | None) -> FactChecker | None:
    """The pipeline's fact_checker, or one for the options alone; None without both.

    kb, known: embeddings and triples in place of the pipeline's. RAISES: RelxError RX250, and what reading them raises.
    """
    from ..knowledge.fact_checker import FactChecker

    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, FactChecker)]
    if not found and kb is None and known is None:
        return None
    checker = found[-1] if found else FactChecker("relx facts")
    checker.read_paths(embeddings=kb, triples=known)
    return checker


def prepare(nlp: Language, min_score: float | None, max_evidence: int | None) -> str:
    """Set up the pipeline for bags. RETURNS: the name of its fact extractor. RAISES: RelxError RX067 without one."""
    from ..bags.fact_extractor import FactExtractor
    from ..data.thresholds import Thresholds

    found = [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, FactExtractor)]
    if not found or not _markers(nlp, found[-1][0]):
        raise RelxError("RX067", names=", ".join(nlp.pipe_names) or "no components")
    name, extractor = found[-1]
    if min_score is not None:
        extractor.set_thresholds(Thresholds(min_score))
    if max_evidence is not None:
        extractor.max_evidence = max_evidence
    extractor.keep_scores = extractor.keep_scores and bool(_behind(nlp, name))  # nobody else reads them
    return name


def _markers(nlp: Language, name: str) -> dict[str, EntityTypeMarker]:
    """The markers before a component, by their names."""
    from ..relations.entity_type_marker import EntityTypeMarker

    before = nlp.pipeline[: nlp.pipe_names.index(name)]
    return {each: pipe for each, pipe in before if isinstance(pipe, EntityTypeMarker)}


def _behind(nlp: Language, name: str) -> list[str]:
    """The components behind the fact extractor that change its facts."""
    return [each for each in assigners(nlp, "doc._.facts") if nlp.pipe_names.index(each) > nlp.pipe_names.index(name)]


def read_pairs(
    nlp: Language, name: str, texts: list[str], spool: BagSpool, batch_size: int | None, on_error: OnError
) -> None:
    """Run the pipeline up to the fact extractor, and put each pair of entities of a sentence aside.

    RAISES: RelxError RX183 for a text with a pair in a language that the model has no encoders for. WARNS: RX184 where
    such texts were left out, RX068 where there are no pairs, RX520 where pairs in two sentences were left out.
    """
    from ..formats.instances import candidate_instances

    extractor: Any = nlp.get_pipe(name)
    left_out = LeftOut()
    lost: Counter[str] = Counter()
    counts = [0, 0, 0]
    later = nlp.pipe_names[nlp.pipe_names.index(name) :]
    with nlp.select_pipes(disable=later):
        for source in texts:
            stream = read_texts(source, nlp.vocab, on_error)
            for item, doc in progress(annotate(nlp, stream, batch_size=batch_size, on_error=on_error)):
                ids = get_candidates(doc).kb_ids
                counts = [counts[0] + 1, counts[1] + len(ids), counts[2] + sum(map(bool, ids))]
                instances = list(candidate_instances(doc, extractor.model.attrs["entities"], lost))
                langs = (instance.sentence._.lang for instance in instances)
                foreign = next((lang for lang in langs if not extractor.reads(lang)), None)
                if foreign is not None:
                    known = ", ".join(extractor.model.attrs["langs"])
                    reason = f"the model has encoders for {known}, not for '{foreign}' (doc._.lang)."
                    if on_error is OnError.fail:
                        raise RelxError("RX183", where=item.where, reason=reason)
                    left_out.add(item.where, reason)
                    continue
                document = _document(item, source) if instances else ""
                for instance in instances:
                    spool.add(*instance, source=[source, item.id, document])
    left_out.report()
    if lost.total():
        warn("RX520", n=lost.total())
    if not spool.n_added:
        warn("RX068", n_docs=counts[0], n_mentions=counts[1], n_linked=counts[2])


def _document(item: Text, source: str) -> str:
    """The id that exports give a text. RAISES: RelxError RX183 for an id that none can have."""
    from ..writers.records import document_id

    try:
        return document_id(item.id, None, name_in_ids(Path(source)) if source != "-" else "", item.text)
    except ValueError as err:
        raise RelxError("RX183", where=item.where, reason=sentence(err)) from err


def extract(nlp: Language, name: str, spool: BagSpool, batch_size: int | None) -> Iterator[Doc]:
    """The bags with their facts, those that components behind the fact extractor leave."""
    markers = _markers(nlp, name)
    with _reading_bags(list(markers.values())), nlp.select_pipes(enable=[*markers, name, *_behind(nlp, name)]):
        yield from nlp.pipe(spool.bags(), batch_size=batch_size)


@contextmanager
def _reading_bags(markers: list[EntityTypeMarker]) -> Iterator[None]:
    """Within this context the markers propose the pair of each bag Doc, whatever they propose of texts: which pairs
    become bags, they have said already, where they saw all of the text."""
    from ..data.types import MENTIONS_KEY
    from ..relations.generators import make_bag_pairs

    settings = [(marker.generator, marker.spans_key) for marker in markers]
    for marker in markers:
        marker.generator, marker.spans_key = make_bag_pairs(), MENTIONS_KEY
    try:
        yield
    finally:
        for marker, before in zip(markers, settings):
            marker.generator, marker.spans_key = before
