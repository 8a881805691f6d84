"""Candidate pairs of a Doc, grouped by the entities that they are about."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from spacy.tokens import Doc

from .extensions import get_bag
from .sentences import sentence_starts
from .text_forms import folded_form
from .types import Candidates

#: What an entity is known by: the id of its mentions (`kb_id`), or their text where they have none.
Entities = Literal["linked", "text"]


class DocBags(NamedTuple):
    """The candidate pairs of a Doc, grouped by what they are about.

    keys: ids (head, tail) of each bag's entities. rows: int64 (n,), rows of the Doc's candidate pairs, bag by bag.
    sizes: int64 (n_bags,).
    """

    keys: list[tuple[str, str]]
    rows: np.ndarray
    sizes: np.ndarray


def group_pairs(doc: Doc, candidates: Candidates, entities: Entities) -> DocBags:
    """Group candidate pairs by the entities of head and tail, in the order in which bags first appear.

    A sentence is one instance of a pair of entities: where it has several pairs of their mentions, the nearest counts,
    as in training data.
    entities: see `Entities`; mentions without an id are left out of "linked". Pairs of an entity with itself are none.
    """
    named = entity_ids(doc, candidates, entities)
    if get_bag(doc) is not None and (key := _only_key(named, candidates.pairs)) is not None:
        n = len(candidates.pairs)
        return DocBags([key], np.arange(n), np.array([n]))
    numbers: dict[str, int] = {"": 0}
    ids = np.array([numbers.setdefault(name, len(numbers)) for name in named], "int64")
    heads, tails = ids[candidates.pairs].reshape(-1, 2).T
    rows = ((heads > 0) & (tails > 0) & (heads != tails)).nonzero()[0]
    keys = heads * len(numbers) + tails
    rows = rows[_nearest(doc, candidates.spans[candidates.pairs[rows]], keys[rows])]
    keys = keys[rows]
    names = list(numbers)
    found, firsts, bags, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(firsts)
    rows = rows[np.argsort(firsts[bags], kind="stable")]
    pairs = [(names[key // len(names)], names[key % len(names)]) for key in found[order].tolist()]
    return DocBags(pairs, rows, counts[order])


def _nearest(doc: Doc, spans: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Places of the pairs that are the nearest of their key in their sentence, the first of equals, in their order.

    spans: int (n, 2, 2). keys: int64 (n,). RETURNS: int64 (n_nearest,).
    """
    if len(np.unique(keys)) == len(keys):
        return np.arange(len(keys))
    starts, ends = spans[:, :, 0].astype("int64"), spans[:, :, 1].astype("int64")
    begins = sentence_starts(doc)
    first, last = starts.min(axis=1), ends.max(axis=1) - 1
    places = np.stack([keys, *(np.searchsorted(begins, each, side="right") for each in (first, last))])
    order = np.lexsort((np.arange(len(keys)), starts.max(axis=1) - ends.min(axis=1), *places))
    placed = places[:, order]
    new = np.append(True, (placed[:, 1:] != placed[:, :-1]).any(axis=0))
    return np.sort(order[new])


def _only_key(ids: list[str], pairs: np.ndarray) -> tuple[str, str] | None:
    """The entities that all pairs are about, as in a bag Doc. There are many of these, and they are small: plain lists
    are four times as fast as arrays here."""
    if not len(pairs):
        return None
    head, tail = (ids[row] for row in pairs[0].tolist())
    if not head or not tail or head == tail:
        return None
    same = all(ids[first] == head and ids[second] == tail for first, second in pairs.tolist())
    return (head, tail) if same else None


def entity_ids(doc: Doc, candidates: Candidates, entities: Entities) -> list[str]:
    """What each mention's entity is known by, "" where it is not. entities: see `Entities`."""
    names = candidates.kb_ids
    if entities == "text":
        spans = candidates.spans.tolist()
        names = [name or folded_form(doc[start:end].text) for name, (start, end) in zip(names, spans)]
    return names
