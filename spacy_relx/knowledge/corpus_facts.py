"""What a whole corpus says about each pair of entities: the sentences of all texts, put together pair by pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..bags.fact_extractor import FactExtractor
from ..data.extensions import get_candidates, get_facts
from ..data.facts import Fact
from ..data.files import name_in_ids
from ..data.loading import assigners
from ..data.thresholds import Thresholds
from ..data.types import MENTIONS_KEY
from ..errors import RelxError, sentence, warn
from ..formats.bag_spool import BagSpool
from ..formats.directions import BothWays
from ..formats.instances import candidate_instances
from ..formats.texts import LeftOut, OnError, Text, annotate
from ..relations.entity_type_marker import EntityTypeMarker
from ..relations.generators import make_bag_pairs
from ..writers.records import document_id
from .fact_checker import FactChecker

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


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
            remedy = "--embeddings FOLDER"
            raise RelxError("RX251", option="--min-kb-score", part="embeddings", need="their folder", remedy=remedy)


class FactReader:
    """Reads texts, and gives the facts that all of them together say.

    Args:
        nlp: A pipeline with an `entity_type_marker` and behind it a `fact_extractor`. The settings of
            both are as before once the facts are read.
        min_score: In place of the thresholds of the pipeline.
        max_evidence: Sentences with each fact; None for the pipeline's setting.
        kb: The folder of embeddings, in place of those of the pipeline's `fact_checker`.
        known: A file of true triples, in place of those of the pipeline's `fact_checker`.
        wanted: Which facts are given.

    Attributes:
        counts: What was found and given so far.

    Raises:
        RelxError: RX067 for a pipeline without a fact extractor, RX251 where nothing says what is wanted, RX250 and
            others for embeddings or triples that cannot be read.
    """

    def __init__(
        self,
        nlp: Language,
        *,
        min_score: float | None = None,
        max_evidence: int | None = None,
        kb: Path | None = None,
        known: Path | None = None,
        wanted: Wanted | None = None,
    ):
        self.nlp = nlp
        self.name = _fact_extractor(nlp)
        self.checker = find_checker(nlp, kb, known)
        self.wanted = wanted or Wanted(False, None)
        self.wanted.check_possible(self.checker)
        self.counts = Counts()
        self._settings = (min_score, max_evidence)

    def read(
        self,
        sources: Iterable[tuple[str, Iterator[Text]]],
        *,
        batch_size: int | None = None,
        on_error: OnError = "raise",
        progress: Callable[..., Iterator[Any]] = lambda stream, **_: stream,
    ) -> Iterator[tuple[Doc, Fact]]:
        """Read all texts, and give each fact with the Doc of its bag.

        Args:
            sources: The texts, those of each source with its name.
            batch_size: Of `nlp.pipe`.
            on_error: What to do with a text that cannot be used.
            progress: Wraps the streams of texts and of bags.

        Raises:
            RelxError: RX183 for a text with a pair in a language that the model has no encoders for.

        Warns:
            RX184: Where such texts were left out.
            RX068: Where there are no pairs.
            RX520: Where pairs in two sentences were left out.
        """
        with self._settled(), BagSpool(self.nlp.vocab) as spool:
            read_pairs(self.nlp, self.name, sources, spool, batch_size, on_error, progress)
            docs = extract(self.nlp, self.name, spool, batch_size)
            if self.checker is not None:
                docs = self.checker.pipe(docs, batch_size=batch_size or self.nlp.batch_size)
            for doc in progress(docs, unit=" pairs"):
                self.counts.bags += 1
                for fact in get_facts(doc):
                    if self.counts.add(fact, self.wanted(fact)):
                        yield doc, fact

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Within this context the fact extractor has the settings that were asked for."""
        extractor: Any = self.nlp.get_pipe(self.name)
        before = (extractor.thresholds, extractor.max_evidence, extractor.keep_scores)
        min_score, max_evidence = self._settings
        if min_score is not None:
            extractor.set_thresholds(Thresholds(min_score))
        if max_evidence is not None:
            extractor.max_evidence = max_evidence
        # nobody else reads the scores of all pairs
        extractor.keep_scores = extractor.keep_scores and bool(_behind(self.nlp, self.name))
        try:
            yield
        finally:
            extractor.set_thresholds(before[0])
            extractor.max_evidence, extractor.keep_scores = before[1:]


def _fact_extractor(nlp: Language) -> str:
    """The name of the pipeline's fact extractor, the last one. RAISES: RelxError RX067 without one."""
    found = [name for name, pipe in nlp.pipeline if isinstance(pipe, FactExtractor)]
    if not found or not _markers(nlp, found[-1]):
        raise RelxError("RX067", names=", ".join(nlp.pipe_names) or "no components")
    return found[-1]


def find_checker(nlp: Language, kb: Path | None, known: Path | None) -> FactChecker | None:
    """The pipeline's fact_checker, or one for the options alone; None without both.

    kb, known: embeddings and triples in place of the pipeline's. RAISES: RelxError RX250, and what reading them raises.
    """
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, FactChecker)]
    if not found and kb is None and known is None:
        return None
    checker = found[-1] if found else FactChecker("relx facts")
    checker.read_paths(embeddings=kb, triples=known)
    return checker


def _markers(nlp: Language, name: str) -> dict[str, EntityTypeMarker]:
    """The markers before a component, by their names."""
    before = nlp.pipeline[: nlp.pipe_names.index(name)]
    return {each: pipe for each, pipe in before if isinstance(pipe, EntityTypeMarker)}


def _behind(nlp: Language, name: str) -> list[str]:
    """The components behind the fact extractor that change its facts."""
    return [each for each in assigners(nlp, "doc._.facts") if nlp.pipe_names.index(each) > nlp.pipe_names.index(name)]


def read_pairs(
    nlp: Language,
    name: str,
    sources: Iterable[tuple[str, Iterator[Text]]],
    spool: BagSpool,
    batch_size: int | None,
    on_error: OnError,
    progress: Callable[..., Iterator[Any]],
) -> None:
    """Run the pipeline up to the fact extractor, and put each pair of entities of a sentence aside.

    RAISES: RelxError RX183 for a text with a pair in a language that the model has no encoders for. WARNS: RX184 where
    such texts were left out, RX068 where there are no pairs, RX520 where pairs in two sentences were left out.
    """
    extractor: Any = nlp.get_pipe(name)
    left_out = LeftOut()
    lost: Counter[str] = Counter()
    counts = [0, 0, 0]
    later = nlp.pipe_names[nlp.pipe_names.index(name) :]
    with nlp.select_pipes(disable=later):
        for source, stream in sources:
            for item, doc in progress(annotate(nlp, stream, batch_size=batch_size, on_error=on_error)):
                ids = get_candidates(doc).kb_ids
                counts = [counts[0] + 1, counts[1] + len(ids), counts[2] + sum(map(bool, ids))]
                instances = list(candidate_instances(doc, extractor.entities, lost))
                langs = (instance.sentence._.lang for instance in instances)
                foreign = next((lang for lang in langs if not extractor.reads(lang)), None)
                if foreign is not None:
                    known = ", ".join(extractor.langs)
                    reason = f"the model has encoders for {known}, not for '{foreign}' (doc._.lang)."
                    if on_error == "raise":
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
    settings = [(marker.generator, marker.spans_key) for marker in markers]
    for marker in markers:
        marker.generator, marker.spans_key = make_bag_pairs(), MENTIONS_KEY
    try:
        yield
    finally:
        for marker, before in zip(markers, settings):
            marker.generator, marker.spans_key = before
