"""Run a pipeline over gold documents and score it, with its own mentions or with the gold ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from time import perf_counter
from typing import Any, Callable

import numpy as np
from spacy.attrs import IDX, SENT_START
from spacy.language import Language
from spacy.tokens import Doc

from ..data.calibration import PairScores
from ..data.extensions import (
    get_bag,
    get_candidates,
    get_facts,
    get_lang,
    get_relations,
    get_sentence_langs,
    has_sentence_langs,
    set_bag,
    set_lang,
    set_sentence_langs,
)
from ..data.loading import MENTION_ATTRIBUTES, assigners, check_finds, unknown_types
from ..data.types import MENTIONS_KEY, NO_RELATION
from ..errors import RelxError, listed, warn
from ..formats.bags import bag_sentences
from ..formats.mentions import copy_mentions
from .facts import FactCounter
from .given import with_prefix
from .joint import MentionCounter, OneTripleCounter
from .reliability import ReliabilityCounter, all_scores
from .report import Scores
from .scorer import RelationCounter
from .semeval import SemevalCounter

#: Official scores of shared tasks, by name.
SCHEMES = {"semeval2010": SemevalCounter, "one_triple": OneTripleCounter}
_AnyCounter = RelationCounter | SemevalCounter | OneTripleCounter | FactCounter | MentionCounter
#: Docs whose languages a discriminator is asked for together.
_TOLD_AT_ONCE = 128


def evaluate(
    nlp: Language,
    docs: Iterable[Doc],
    *,
    gold_mentions: bool = False,
    match: str = "boundary",
    no_relation: str = NO_RELATION,
    spans_key: str | None = MENTIONS_KEY,
    retokenize: bool = False,
    batch_size: int | None = None,
    scheme: str | None = None,
    across_docs: bool = False,
    symmetric: Sequence[str] = (),
    on_scores: Callable[[Doc, Doc, PairScores], None] | None = None,
) -> Scores:
    """Run a pipeline over gold documents, and score its relations and facts.

    The pipeline always gets the words and languages of the documents, and never gold relations or facts. Bag Docs are
    given with their mentions, their sentences and `doc._.bag`. Facts are scored if a component declares that it assigns
    `doc._.facts`.

    Args:
        nlp: The pipeline.
        docs: Gold documents, read once.
        gold_mentions: Whether the pipeline gets the gold mentions (`doc.ents` and `doc.spans[spans_key]`). Components
            that would overwrite them (`mention_writers`) are then skipped, and keys of scores begin with
            "gold_mentions_".
        match: "boundary" or "strict", see `score_relations`.
        no_relation: The label of unrelated pairs, if the data have it.
        spans_key: The group of `doc.spans` with the mentions; None for `doc.ents` only.
        retokenize: Whether the pipeline's tokenizer splits the text. Otherwise the gold words and sentence starts are
            kept, as in training.
        batch_size: The batch size of `nlp.pipe`.
        scheme: The name of an official score to add, one of `SCHEMES`.
        across_docs: Whether equal pairs of entities of different documents are one pair, see `score_facts`.
        symmetric: Symmetric relations, which have no direction, beside those that the gold data have in both.
        on_scores: Called with each gold document, its prediction, and the scores of its pairs, for each component that
            provides them.

    Returns:
        The scores as a dict that prints as tables. It has the scores of `score_relations`, also for each component, of
        `ReliabilityCounter`, of `score_mentions` without gold mentions, and of `score_facts`. It also has
        "gold_mentions", "match", "components", "unknown_types" and "n_mentions", "fact_lang_accuracy" for a model
        with an adversary, and the run: n_docs, n_words, n_candidates, seconds in the pipeline, docs_per_s, words_per_s,
        pairs_per_s and "speed".

    Raises:
        RelxError: RX531 for a pipeline that finds neither relations nor facts, RX144 for a malformed bag, RX021 for an
            unknown match or scheme, RX191 for a bag with facts of another pair, RX192 for bags and other documents
            without gold_mentions, and errors of the components.

    Warns:
        RelxWarning: RX171 if no document has an entity, RX172 if an error handler dropped documents, RX174 if gold
            mentions do not match the pipeline's tokens, RX277 if a component replaced them, RX198 for gold labels that
            the pipeline does not know, RX521 for symmetric relations that are not in gold, RX199 if there is nothing to
            score, RX273 if a component finds mentions itself although gold mentions were requested.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise RelxError("RX021", name="scheme", value=scheme, need=" or ".join(map(repr, SCHEMES)))
    check_finds(nlp)
    run = Run(nlp, docs, spans_key, gold_mentions, retokenize)
    counters = _Counters(nlp, run, match, no_relation, symmetric, spans_key, scheme, across_docs)
    disable = mention_writers(nlp) if run.mentions else []
    n_candidates = n_found = 0
    stream = nlp.pipe(run.inputs(), as_tuples=True, batch_size=batch_size, disable=disable)
    before = unknown_types(nlp)
    tellers = LanguageCounter([pipe for _, pipe in nlp.pipeline if hasattr(pipe, "languages_told")])
    with all_scores(nlp) as scores_of:
        for predicted, number in run.timed(stream):
            reference = run.taken(predicted, number)
            tellers.add(predicted)
            of_pairs = scores_of(predicted)
            counters.add(reference, predicted)
            counters.reliability.add(reference, predicted, *of_pairs)
            if on_scores is not None:
                for each in of_pairs:
                    on_scores(reference, predicted, each)
            n_candidates += len(get_candidates(predicted))
            n_found += len(predicted.ents) + sum(map(len, predicted.spans.values())) + len(get_relations(predicted))
            n_found += len(get_facts(predicted))
    for reference in run.waiting.values():
        counters.add(reference, _blank(nlp, reference, retokenize))
    relations, facts, mentions = counters.scores()
    run.report()
    n_out = run.n_out
    if n_out and _only_facts(nlp) and not (run.n_bags or facts["fact_n_gold"]):
        warn("RX199", n=n_out, relations=relations["rel_n_gold"])
    elif n_out and not n_found and (relations["rel_n_gold"] or facts.get("fact_n_gold")):
        warn("RX171", n=n_out, advice=no_mentions_advice(nlp, run.mentions))
    _check_labels(nlp, {**relations, **facts})
    _check_symmetric(symmetric, {**relations, **facts})
    unknown, n_mentions = unknown_types(nlp)
    counts = {"docs": n_out, "words": run.n_words, "pairs": n_candidates}
    speeds = {f"{name}_per_s": n / run.seconds if run.seconds else 0.0 for name, n in counts.items()}
    n_docs = n_out + len(run.waiting)
    return Scores(
        {
            "match": match,
            **(with_prefix(relations) if run.mentions else relations),
            **(with_prefix(facts) if run.mentions and n_docs > run.n_bags else facts),
            **mentions,
            **tellers.scores(),
            "gold_mentions": run.mentions,
            "components": assigners(nlp, "doc._.relations"),
            "n_docs": n_docs,
            "n_words": run.n_words,
            "n_candidates": n_candidates,
            "n_mentions": n_mentions - before[1],
            "unknown_types": dict((unknown - before[0]).most_common()),
            "seconds": run.seconds,
            **speeds,
            "speed": speeds["words_per_s"],
        }
    )


class _Counters:
    """What is counted of each document: relations, and facts and mentions where the pipeline finds these."""

    def __init__(
        self,
        nlp: Language,
        run: Run,
        match: str,
        no_relation: str,
        symmetric: Sequence[str],
        spans_key: str | None,
        scheme: str | None,
        across_docs: bool,
    ):
        labels = {name: getattr(nlp.get_pipe(name), "labels", ()) for name in assigners(nlp, "doc._.relations")}
        self.reliability = ReliabilityCounter(match=match, no_relation=no_relation)
        self._relations: list[_AnyCounter] = [
            RelationCounter(match=match, no_relation=no_relation, symmetric=symmetric, components=labels),
            *([SCHEMES[scheme](no_relation=no_relation)] if scheme is not None else ()),
        ]
        self._facts: list[_AnyCounter] = []
        if _assigning(nlp, "doc._.facts"):
            self._facts.append(FactCounter(across_docs=across_docs, no_relation=no_relation, symmetric=symmetric))
        self._mentions: list[_AnyCounter] = []
        if not run.mentions:
            found_key = getattr(nlp.get_pipe(run.finders[-1]), "spans_key", spans_key) if run.finders else spans_key
            self._mentions.append(MentionCounter(match=match, spans_key=spans_key, found_key=found_key))

    def add(self, reference: Doc, predicted: Doc) -> None:
        for each in (*self._relations, *self._facts, *self._mentions):
            each.add(reference, predicted)

    def scores(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Those of relations, of facts and of mentions."""
        relations, facts, mentions = map(_scores, (self._relations, self._facts, self._mentions))
        return {**relations, **self.reliability.scores()}, facts, mentions


def _scores(counters: Iterable[_AnyCounter]) -> dict[str, Any]:
    return {key: value for each in counters for key, value in each.scores().items()}


def mention_writers(nlp: Language) -> list[str]:
    """Names of the components that declare to set entities or span groups, other than this package's own."""
    return [
        name
        for name, pipe in nlp.pipeline
        if not type(pipe).__module__.startswith("spacy_relx.")
        and MENTION_ATTRIBUTES.intersection(nlp.get_pipe_meta(name).assigns)
    ]


def mention_finders(nlp: Language) -> list[str]:
    """Names of the components that find mentions and relations together, and take none that they are given."""
    return assigners(nlp, "doc.ents", "doc._.relations")


def no_mentions_advice(nlp: Language, given: bool) -> str:
    """What to do where no document had entities (RX171). given: whether it was given the gold ones."""
    finders = ", ".join(mention_finders(nlp))
    if finders:
        return f"'{finders}' finds mentions itself: train it longer, or lower its model's mention_threshold."
    if given:
        return "It was given the gold mentions, and there are none in doc.ents or in the span group: see the data."
    return (
        "Give the gold mentions to the pipeline (evaluate(..., gold_mentions=True), on the command line "
        "--gold-mentions), or put a component that finds entities before the entity_type_marker."
    )


def _assigning(nlp: Language, attribute: str) -> list[Any]:
    """The components that declare to assign this."""
    return [nlp.get_pipe(name) for name in assigners(nlp, attribute)]


def _only_facts(nlp: Language) -> bool:
    return bool(_assigning(nlp, "doc._.facts")) and not _assigning(nlp, "doc._.relations")


def _check_labels(nlp: Language, scores: dict[str, Any]) -> None:
    """Say how many gold relations and facts the pipeline cannot find, since it does not know their labels.

    Components that do not say which labels they know could know all. WARNS: RX198.
    """
    for what, prefix in (("relations", "rel"), ("facts", "fact")):
        found_by = _assigning(nlp, f"doc._.{what}")
        if not found_by or not all(getattr(pipe, "labels", ()) for pipe in found_by):
            continue
        known = {label for pipe in found_by for label in pipe.labels}
        gold = {label: row["support"] for label, row in (scores[f"{prefix}_per_type"] or {}).items() if row["support"]}
        unknown = {label: n for label, n in gold.items() if label not in known}
        if unknown:
            counts = {"unknown": sum(unknown.values()), "gold": sum(gold.values())}
            warn("RX198", what=what, labels=listed(unknown), known=listed(known), **counts)


def _check_symmetric(symmetric: Iterable[str], scores: dict[str, Any]) -> None:
    """WARNS: RX521 for relations that no gold relation and no gold fact has."""
    gold = {
        label
        for key in ("rel_per_type", "fact_per_type")
        for label, row in (scores.get(key) or {}).items()
        if row["support"]
    }
    unknown = set(symmetric) - gold
    if unknown:
        warn("RX521", names=listed(unknown), known=listed(gold) or "none")


class LanguageCounter:
    """How far the adversaries of fact extractors tell languages apart, over a stream of Docs."""

    def __init__(self, pipes: list[Any]):
        self._pipes = pipes
        self._docs: list[Doc] = []
        self._right = self._total = 0

    def add(self, doc: Doc) -> None:
        if self._pipes:
            self._docs.append(doc)
            if len(self._docs) == _TOLD_AT_ONCE:
                self._count()

    def _count(self) -> None:
        for pipe in self._pipes:
            right, n = pipe.languages_told(self._docs)
            self._right, self._total = self._right + right, self._total + n
        self._docs = []

    def scores(self) -> dict[str, float]:
        self._count()
        return {"fact_lang_accuracy": self._right / self._total} if self._total else {}


class Run:
    """Makes the documents that a pipeline gets, keeps the gold ones until they come out, and times the pipeline.

    mentions: whether the documents have the gold mentions, because it was said so or because they are bags. finders: of
    `mention_finders`. n_out: documents that came out.
    WARNS: RX273 where components of the pipeline cannot be given mentions, and so are not.
    """

    def __init__(self, nlp: Language, docs: Iterable[Doc], spans_key: str | None, mentions: bool, retokenize: bool):
        self._nlp = nlp
        stream = iter(docs)
        first = list(islice(stream, 1))  # components are left out for all documents or for none
        self._docs = chain(first, stream)
        self._spans_key = spans_key
        read: set[Any] = {getattr(pipe, "spans_key", None) for pipe in _assigning(nlp, "doc._.candidates")}
        self._read_keys: list[str] = sorted(read - {None, spans_key})  # other groups that mentions are taken from
        self._bags = any(get_bag(doc) is not None for doc in first)
        self._alike = not mentions
        self.finders = mention_finders(nlp)
        self.mentions = self._bags or (mentions and not self.finders)
        if mentions and self.finders:
            warn("RX273", names=", ".join(self.finders))
        self._retokenize = retokenize
        self._outside = 0.0
        self.waiting: dict[int, Doc] = {}
        self._given: dict[int, frozenset[tuple[int, int, int]]] = {}
        self.n_out = self.n_words = self.n_lost = self.n_bags = self.n_replaced = 0
        self.seconds = 0.0

    def inputs(self) -> Iterator[tuple[Doc, int]]:
        """(document for the pipeline, its number); the time this takes is not the pipeline's."""
        start = perf_counter()
        for number, reference in enumerate(self._docs):
            is_bag = get_bag(reference) is not None
            if self._alike and is_bag != self._bags:
                raise RelxError("RX192", number=number + 1)
            if is_bag:
                bag_sentences(reference)  # raises where something is wrong with it, which the pipeline would pass over
                self.n_bags += 1
            doc = _blank(self._nlp, reference, self._retokenize)
            if self.mentions:
                self.n_lost += self._give_mentions(reference, doc)
                self._given[number] = self._mentions(doc)
            self.waiting[number] = reference
            self.n_words += len(doc)
            self._outside += perf_counter() - start
            yield doc, number
            start = perf_counter()

    def _give_mentions(self, reference: Doc, doc: Doc) -> int:
        """Copy the gold mentions to where the pipeline reads them. RETURNS: how many do not fit its tokens."""
        there = [key for key in self._read_keys if key in reference.spans]
        lost = max(copy_mentions(reference, doc, key) for key in (self._spans_key, *there))
        if self._spans_key is not None and self._spans_key in doc.spans:
            for key in set(self._read_keys).difference(there):
                doc.spans[key] = list(doc.spans[self._spans_key])
        return lost

    def taken(self, doc: Doc, number: int) -> Doc:
        """The gold document of one that came out; counts those that no longer have the mentions they were given."""
        given = self._given.pop(number, None)
        if given is not None and not given <= self._mentions(doc):
            self.n_replaced += 1
        self.n_out += 1
        return self.waiting.pop(number)

    def report(self) -> None:
        """WARNS: RX172 for documents that did not come out, RX174 for gold mentions that do not fit the pipeline's
        tokens, RX277 for documents whose mentions were replaced."""
        if self.waiting:
            warn("RX172", missing=len(self.waiting), n=self.n_out + len(self.waiting))
        if self.n_lost:
            warn("RX174", lost=self.n_lost)
        if self.n_replaced:
            warn("RX277", n=self.n_replaced, total=self.n_out)

    def _mentions(self, doc: Doc) -> frozenset[tuple[int, int, int]]:
        """(start, end, kb_id) of the mentions in both places that may hold them."""
        spans = doc.spans[self._spans_key] if self._spans_key is not None and self._spans_key in doc.spans else ()
        return frozenset((span.start, span.end, span.kb_id) for span in (*doc.ents, *spans))

    def timed(self, stream: Iterator[tuple[Doc, Any]]) -> Iterator[tuple[Doc, Any]]:
        """The same stream; `seconds` becomes the time that the pipeline took for it."""
        total = 0.0
        while True:
            start = perf_counter()
            item = next(stream, None)
            total += perf_counter() - start
            self.seconds = max(total - self._outside, 0.0)
            if item is None:
                return
            yield item


def _blank(nlp: Language, reference: Doc, retokenize: bool) -> Doc:
    """The reference's text, languages and (with its tokens) sentence starts, and nothing else of it.

    Of a bag also the pair that it is about, and its sentences whatever the tokens.
    """
    if retokenize:
        doc = nlp.make_doc(reference.text)
    else:
        # Strings, not a copy: the reference may be of another vocab
        starts: list[bool | int | None] | None = None
        if reference.has_annotation("SENT_START"):
            starts = [token.is_sent_start for token in reference]
        spaces = [bool(t.whitespace_) for t in reference]
        doc = Doc(nlp.vocab, words=[t.text for t in reference], spaces=spaces, sent_starts=starts)
    set_lang(doc, get_lang(reference))
    bag = get_bag(reference)
    if bag is not None:
        set_bag(doc, bag)
    if len(doc) and (bag is not None or has_sentence_langs(reference)):
        _copy_sentences(reference, doc, starts=bag is not None)
    return doc


def _copy_sentences(reference: Doc, doc: Doc, *, starts: bool) -> None:
    """Give a Doc of the same text the languages of the reference's sentences. starts: and the sentences, too.

    A sentence begins with the token that holds its first character.
    """
    place = np.searchsorted(doc.to_array(IDX), reference.to_array(IDX), side="right") - 1
    if starts and reference.has_annotation("SENT_START"):
        marks: Any = np.full((len(doc), 1), -1, dtype="int64")
        marks[place[reference.to_array(SENT_START) == 1]] = 1
        doc.from_array([SENT_START], marks.astype("uint64"))
    if has_sentence_langs(reference):
        ends = np.append(place, len(doc))
        parts = [(ends[start], ends[end], lang) for start, end, lang in get_sentence_langs(reference)]
        set_sentence_langs(doc, [(start, end, lang) for start, end, lang in parts if start < end])
