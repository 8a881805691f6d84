"""From annotated sentences to the instances that bags are made of."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_bag, get_candidates, get_relations, get_span_lang, set_extensions, set_lang
from ..data.grouping import Entities, group_pairs
from ..data.places import current_spans
from ..data.sentences import sentence_starts
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention
from .bags import bag_labels, bag_sentences, sentence_bounds, token_arrays

Pair = tuple[Mention, Mention]


class Instance(NamedTuple):
    """A sentence, as a Doc of its own, that mentions two entities. labels: what it says of them, none for NA."""

    sentence: Doc
    head: Mention
    tail: Mention
    labels: tuple[str, ...]


def sentence_instances(doc: Doc, lost: Counter[str] | None = None) -> Iterator[Instance]:
    """The instances in an annotated Doc: one for each ordered pair of entities that relations join, and each sentence.

    Entities are known by kb_id, that of the relation's mentions or of the mentions in `doc.spans["mentions"]` (else
    `doc.ents`) with the same tokens. Where several mentions of a pair are related in one sentence, the two nearest to
    each other are taken. A Doc of exactly two mentions with different kb_ids and no relation is an instance of no
    relation (NA); its first mention, in the order of the group, is the head, as importers give it. So is a pair that is
    annotated as unrelated. A Doc without sentence boundaries is one sentence. A bag Doc gives its sentences again.

    Args:
        lost: Counts what gives no instance, by reason: "without ids" and "in two sentences" (relations, or Docs of two
            mentions), "of one entity" (head and tail are the same); and Docs without relations that have not two
            mentions.
    """
    if get_bag(doc) is not None:
        yield from _of_bag(doc)
        return
    lost = Counter() if lost is None else lost
    spans = current_spans(doc.spans.get(MENTIONS_KEY, doc.ents))
    ids = {(span.start, span.end): span.kb_id_ for span in spans if span.kb_id}
    relations = [(r.head, r.tail, "" if r.label == NO_RELATION else r.label) for r in get_relations(doc)]
    if not relations and len(spans) == 2:
        relations = [(Mention.from_any(spans[0]), Mention.from_any(spans[1]), "")]
    elif not relations:
        lost["documents without relations and with other than two mentions"] += 1
    bounds = sentence_bounds(doc)
    found: dict[tuple[int, str, str], tuple[Pair, dict[str, None]]] = {}
    for head, tail, label in relations:
        pair = (_with_id(head, ids), _with_id(tail, ids))
        place = _sentence_of(pair, bounds, lost)
        if place is not None:
            key = (place, pair[0].kb_id, pair[1].kb_id)
            nearest, labels = found.get(key, (pair, {}))
            if label:
                labels[label] = None
            found[key] = (min(nearest, pair, key=_distance), labels)
    for (place, _, _), (pair, labels) in found.items():
        start, end = bounds[place]
        sentence = doc if len(bounds) == 1 else _cut(doc, start, end)
        yield Instance(sentence, pair[0].shift(-start), pair[1].shift(-start), tuple(labels))


def _with_id(mention: Mention, ids: dict[tuple[int, int], str]) -> Mention:
    kb_id = mention.kb_id or ids.get((mention.start, mention.end), "")
    return mention if kb_id == mention.kb_id else Mention(mention.start, mention.end, mention.label, kb_id)


def _sentence_of(pair: Pair, bounds: list[tuple[int, int]], lost: Counter[str]) -> int | None:
    """The sentence that holds both mentions; None, counted, for a pair that is no instance."""
    head, tail = pair
    if not head.kb_id or not tail.kb_id:
        lost["without ids"] += 1
        return None
    if head.kb_id == tail.kb_id:
        lost["of one entity"] += 1
        return None
    first, last = min(head.start, tail.start), max(head.end, tail.end)
    place = int(np.searchsorted([start for start, _ in bounds], first, side="right")) - 1
    if last > bounds[place][1]:
        lost["in two sentences"] += 1
        return None
    return place


def _distance(pair: Pair) -> int:
    return max(pair[0].start, pair[1].start) - min(pair[0].end, pair[1].end)


def candidate_instances(doc: Doc, entities: Entities, lost: Counter[str] | None = None) -> Iterator[Instance]:
    """The instances that a Doc's candidate pairs make: one for each pair of entities and sentence, without labels.

    Of several pairs of mentions in one sentence the nearest is taken (`group_pairs`); pairs whose mentions lie in two
    sentences are none. entities: see `grouping.Entities`; the mentions get what the entity is known by as kb_id.
    lost: counts those pairs, by the reason "in two sentences".
    """
    lost = Counter() if lost is None else lost
    candidates = get_candidates(doc)
    starts = sentence_starts(doc).tolist()
    bounds = list(zip(starts, [*starts[1:], len(doc)]))
    grouped = group_pairs(doc, candidates, entities)
    sentences: dict[int, Doc] = {}
    firsts = np.cumsum(grouped.sizes) - grouped.sizes
    for key, first, size in zip(grouped.keys, firsts.tolist(), grouped.sizes.tolist()):
        for row in grouped.rows[first : first + size].tolist():
            pair = candidates[row].head, candidates[row].tail
            place = bisect_right(starts, min(pair[0].start, pair[1].start)) - 1
            start, end = bounds[place]
            if max(pair[0].end, pair[1].end) > end:
                lost["in two sentences"] += 1
                continue
            if place not in sentences:
                sentences[place] = _cut(doc, start, end)
            head, tail = (
                Mention(mention.start - start, mention.end - start, mention.label, entity)
                for mention, entity in zip(pair, key)
            )
            yield Instance(sentences[place], head, tail, ())


def _cut(doc: Doc, start: int, end: int) -> Doc:
    """The tokens [start, end) as a Doc with their language; much faster than `span.as_doc()`."""
    words, spaces = token_arrays(doc, start, end)
    part = _make(doc, words, spaces)
    set_lang(part, get_span_lang(doc[start:end]))
    return part


def _make(doc: Doc, words: np.ndarray, spaces: np.ndarray | None) -> Doc:
    return Doc(doc.vocab, words=words.tolist(), spaces=None if spaces is None else spaces.tolist())


def _of_bag(doc: Doc) -> Iterator[Instance]:
    labels = tuple(bag_labels(doc))
    for sentence in bag_sentences(doc):
        part = _make(doc, sentence.words, sentence.spaces)
        set_lang(part, sentence.lang)
        yield Instance(part, sentence.head, sentence.tail, labels)


def all_instances(docs: Iterable[Doc], lost: Counter[str] | None = None) -> Iterator[Instance]:
    """The instances of many Docs, see `sentence_instances`."""
    set_extensions()
    for doc in docs:
        yield from sentence_instances(doc, lost)
