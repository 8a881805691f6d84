"""Gold relations -> what a relation extractor learns about candidate pairs."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..core.component.cover import Cover
from ..core.unknown import UNKNOWN
from ..data.annotated import ALL, NAMED
from ..data.extensions import GoldMentions, get_annotated, get_candidates, get_gold_mentions, get_relations
from ..data.gold import annotated_mentions
from ..data.types import NO_RELATION, Candidates, Mention
from ..errors import RelxError


def pair_targets(eg: Example, columns: dict[str, int], name: str) -> np.ndarray:
    """What is to be learned about the candidate pairs of one Doc.

    Mentions are matched by their characters, so the two Docs may be tokenized differently. columns: of each label.
    name: of the component, for errors. RETURNS: float32 (n_pairs, n_labels), 1 where the gold relation holds, 0 where
    it does not, `UNKNOWN` where the annotation does not say it.
    RAISES: RelxError RX055 for a relation without a column.
    """
    candidates = get_candidates(eg.predicted)
    targets = np.zeros((len(candidates), len(columns)), dtype="float32")
    relations, annotated = get_relations(eg.reference), get_annotated(eg.reference)
    if not len(candidates) or (not len(relations) and annotated.is_whole):
        return targets
    told = np.zeros(len(candidates), "bool")
    rows = _mention_rows(eg.predicted, candidates)
    n = candidates.n_mentions
    keys = candidates.pairs[:, 0].astype("int64") * n + candidates.pairs[:, 1]
    order = np.argsort(keys, kind="stable")
    for relation in relations:
        if relation.label == NO_RELATION and annotated.pairs != NAMED:
            continue
        if relation.label not in columns and relation.label != NO_RELATION:
            text = eg.reference.text[:60]
            raise RelxError("RX055", kind="relation", value=relation.label, name=name, text=text)
        head, tail = (_find(rows, eg.reference, m) for m in (relation.head, relation.tail))
        if head is None or tail is None:
            continue  # a mention that was not predicted: the scorer counts it as missed, there is no pair to train on
        place = np.searchsorted(keys, head * n + tail, sorter=order)
        if place < len(keys) and keys[order[place]] == head * n + tail:
            told[order[place]] = True
            if relation.label != NO_RELATION:
                targets[order[place], columns[relation.label]] = 1.0
    if not annotated.is_whole:
        _hide_unknown(targets, eg, candidates, told, [annotated.has_label(label) for label in columns])
    return targets


def _hide_unknown(
    targets: np.ndarray, eg: Example, candidates: Candidates, named: np.ndarray, labels: Sequence[bool]
) -> None:
    """Make targets `UNKNOWN` of which the annotation says nothing. named: bool (n_pairs,), the pairs of gold relations.
    labels: of each column whether the annotation covers it."""
    annotated = get_annotated(eg.reference)
    told = named if annotated.pairs == NAMED else np.ones(len(targets), "bool")
    if annotated.mentions != ALL and get_gold_mentions(eg.predicted) in (None, GoldMentions.TRAINING):
        gold = {_characters(eg.reference, mention) for mention in annotated_mentions(eg.reference)}
        is_gold = np.array([_characters(eg.predicted, mention) in gold for mention in candidates.mentions])
        told = told & is_gold[candidates.pairs].all(axis=1)
    targets[(targets == 0) & ~(told[:, None] & np.asarray(labels))] = UNKNOWN


def pair_cover(eg: Example, labels: Container[str]) -> Cover:
    """How many gold relations of these labels a Doc has, and how many of them have a candidate pair.

    Relations of a mention with itself do not count: no pair can be one.
    """
    relations = [r for r in get_relations(eg.reference) if r.label in labels and _tokens(r.head) != _tokens(r.tail)]
    candidates = get_candidates(eg.predicted)
    if not relations or not candidates.n_mentions:
        return Cover(len(relations))
    rows = _mention_rows(eg.predicted, candidates)
    pairs = set(map(tuple, candidates.pairs.tolist()))
    places = [tuple(_find(rows, eg.reference, m) for m in (r.head, r.tail)) for r in relations]
    found = [place for place in places if None not in place]
    return Cover(len(relations), len(found), sum(place in pairs for place in found))


def _mention_rows(doc: Doc, candidates: Candidates) -> dict[tuple[object, ...], int]:
    """Rows of mentions by (first character, last character, type), and by characters alone.

    The type is that on the Doc or, where no other mention there has it, that of training: gold may have either.
    """
    rows: dict[tuple[object, ...], int] = {}
    for i, mention in enumerate(candidates.mentions):
        key = _characters(doc, mention)
        rows.setdefault(key, i)
        rows[(*key, mention.label)] = i
    for i, (mention, kind) in enumerate(zip(candidates.mentions, candidates.types)):
        rows.setdefault((*_characters(doc, mention), kind), i)
    return rows


def _find(rows: dict[tuple[object, ...], int], doc: Doc, mention: Mention) -> int | None:
    key = _characters(doc, mention)
    return rows.get((*key, mention.label), rows.get(key))


def _tokens(mention: Mention) -> tuple[int, int]:
    return mention.start, mention.end


def _characters(doc: Doc, mention: Mention) -> tuple[int, int]:
    last = doc[mention.end - 1]
    return doc[mention.start].idx, last.idx + len(last)
