"""What the check of data counts in one split."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..data.annotated import ALL, NONE, Annotated
from ..data.extensions import get_annotated, get_bag, get_candidates, get_facts, get_lang, get_relations
from ..data.ids import stable_hash
from ..data.sentences import sentence_starts
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention
from ..errors import RelxWarning
from ..formats.mentions import gold_example

#: In place of what a text has, where the annotation of that covers a part only.
_IN_PART = -1


@dataclass
class SplitCounts:
    """What one split holds.

    Attributes:
        docs, tokens, mentions, relations, pairs: How many; pairs are candidates.
        labels: Examples of each relation.
        types: Mentions of each entity type.
        langs: Documents of each language, "" for none.
        related_types: Mentions of each entity type that are head or tail.
        ends: Relation -> (type of the head, type of the tail) -> examples.
        uncovered: Why gold relations have no candidate pair -> how many.
        annotated: Documents by what their annotation covers.
        told: The same -> candidate pairs of which it says anything.
        held: What the annotation covers, and relation -> candidate pairs that hold it.
        both_ways: Relation -> pairs that hold it in both directions.
        long: Documents that are longer than the encoder reads.
        bags: Documents that are bags.
    """

    docs: int = 0
    tokens: int = 0
    mentions: int = 0
    relations: int = 0
    pairs: int = 0
    covered: int = 0
    long: int = 0
    bags: int = 0
    empty: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    langs: Counter[str] = field(default_factory=Counter)
    related_types: Counter[str] = field(default_factory=Counter)
    ends: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    uncovered: Counter[str] = field(default_factory=Counter)
    annotated: Counter[Annotated] = field(default_factory=Counter)
    told: Counter[Annotated] = field(default_factory=Counter)
    held: Counter[tuple[Annotated, str]] = field(default_factory=Counter)
    both_ways: Counter[str] = field(default_factory=Counter)
    texts: dict[int, int] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)
    contradicted: int = 0
    repeated: int = 0


def count_split(docs: Iterable[Doc], nlp: Language, limit: int) -> SplitCounts:
    """Count what the documents of one split hold.

    Args:
        docs: The documents.
        nlp: A pipeline with an entity_type_marker, which proposes pairs.
        limit: The most tokens of a sentence that the encoder reads, 0 for no limit.
    """
    counts = SplitCounts()
    marker: Any = nlp.get_pipe("entity_type_marker")
    for doc in docs:
        counts.docs += 1
        counts.tokens += len(doc)
        counts.langs[get_lang(doc)] += 1
        longest = max((end - start for start, end in _sentences(doc)), default=0)
        counts.long += bool(limit) and longest > limit
        if not len(doc):
            counts.empty += 1
            continue
        if get_bag(doc) is not None:
            counts.bags += 1
            facts = [fact.label for fact in get_facts(doc) if fact.label != NO_RELATION]
            counts.labels.update(facts)
            counts.relations += len(facts)
            counts.pairs += 1
            counts.told[Annotated()] += 1
            counts.covered += bool(facts)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RelxWarning)  # of the marker: what it would say is counted here
            marked = marker(gold_example(doc, gold_mentions=True, spans_key=MENTIONS_KEY).predicted)
        _count_relations(counts, doc, marked)
    return counts


def _sentences(doc: Doc) -> Iterator[tuple[int, int]]:
    starts = sentence_starts(doc).tolist()
    return zip(starts, [*starts[1:], len(doc)])


def _count_relations(counts: SplitCounts, doc: Doc, marked: Doc) -> None:
    """Count the mentions and relations of an annotated Doc. marked: the same, with candidates."""
    candidates = get_candidates(marked)
    rows = {(m.start, m.end): place for place, m in enumerate(candidates.mentions)}
    proposed = set(map(tuple, candidates.pairs.tolist()))
    counts.mentions += candidates.n_mentions
    counts.types.update(m.label for m in candidates.mentions)
    counts.pairs += len(candidates)
    starts = [start for start, _ in _sentences(doc)]
    triples = set()
    related = set()
    annotated = get_annotated(doc)
    counts.annotated[annotated] += 1
    named, held = set(), set()
    for relation in get_relations(doc):
        head, tail = relation.head, relation.tail
        pair = rows.get(_place(head)), rows.get(_place(tail))
        if pair in proposed:
            named.add(pair)
        if relation.label == NO_RELATION:
            continue
        counts.relations += 1
        counts.labels[relation.label] += 1
        counts.ends[relation.label][head.label, tail.label] += 1
        counts.related_types.update({head.label, tail.label})
        triples.add((_place(head), relation.label, _place(tail)))
        if pair in proposed:
            related.add(pair)
            held.add((pair, relation.label))
            continue
        counts.uncovered[_reason(pair, head, tail, starts, candidates.dropped)] += 1
    counts.covered += len(related)
    everywhere = annotated.pairs == ALL and annotated.relations != NONE
    counts.told[annotated] += len(candidates) if everywhere else len(named if annotated.relations != NONE else related)
    counts.held.update((annotated, label) for _, label in held)
    for head_place, label, tail_place in triples:
        counts.both_ways[label] += (tail_place, label, head_place) in triples
    key, value = stable_hash(doc.text), stable_hash(*sorted(map(str, triples)))
    if key in counts.texts:
        counts.repeated += 1
        counts.contradicted += annotated.is_whole and counts.texts[key] not in (_IN_PART, value)
    if annotated.is_whole or key not in counts.texts:
        counts.texts[key] = value if annotated.is_whole else _IN_PART
    if doc.user_data.get("id") is not None:
        counts.ids.add(stable_hash(str(doc.user_data["id"])))


def _place(mention: Mention) -> tuple[int, int]:
    return mention.start, mention.end


def _reason(pair: tuple[int | None, int | None], head: Mention, tail: Mention, starts: list[int], cut: int) -> str:
    """Why the candidates do not have a gold pair."""
    if _place(head) == _place(tail):
        return "head and tail are one mention"
    if None in pair:
        return "a mention is not among those that candidates are made of"
    sentences = [sum(start <= mention.start for start in starts) for mention in (head, tail)]
    if sentences[0] != sentences[1]:
        return "head and tail are in two sentences, which the generator does not join"
    return "max_pairs cut it off" if cut else "the generator leaves the pair out"
