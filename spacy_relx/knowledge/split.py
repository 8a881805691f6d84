"""Dividing triples into parts for training and testing, and what the parts tell about each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import RelxError, warn
from .triples import HEAD, LABEL, TAIL, KnowledgeBase


def split_triples(
    kb: KnowledgeBase, *, valid: float = 0.1, test: float = 0.1, seed: int = 0, cover: bool = True
) -> tuple[KnowledgeBase, KnowledgeBase, KnowledgeBase]:
    """Divide the triples at random into train, valid and test, over the same ids.

    Args:
        valid: Shares of the triples, each in [0, 1), together below 1.
        test: Shares of the triples, each in [0, 1), together below 1.
        cover: Every entity and relation of valid and test occurs in train as well: for each, one triple (the first one
            drawn) is kept for train.

    Raises:
        RelxError: RX021 for other shares.

    Warns:
        RelxWarning: RX209 where cover leaves too few triples for valid and test; each then gets its part of those that
            there are.
    """
    for name, share in (("valid", valid), ("test", test)):
        if not 0 <= share < 1 or not valid + test < 1:
            raise RelxError("RX021", name=name, value=share, need="in [0, 1), valid and test together below 1")
    n = len(kb)
    order = np.random.default_rng(seed).permutation(n)
    wanted = np.array([round(valid * n), round(test * n)])
    free = order[~_first_of_each(kb.triples[order])] if cover else order
    if wanted.sum() > len(free):
        warn("RX209", wanted=int(wanted.sum()), n=len(free), total=n)
        wanted = np.floor(wanted * (len(free) / wanted.sum())).astype(int)
    n_valid, n_test = wanted.tolist()
    part = np.zeros(n, "int8")
    part[free[:n_valid]] = 1
    part[free[n_valid : n_valid + n_test]] = 2
    train, *held = (kb.with_triples(kb.triples[part == number]) for number in range(3))
    return train, held[0], held[1]


def _first_of_each(triples: np.ndarray) -> np.ndarray:
    """Which rows are the first to have some entity or relation. int (n, 3) -> bool (n,)."""
    first = np.zeros(len(triples), bool)
    first[np.unique(triples[:, LABEL], return_index=True)[1]] = True
    entities = triples[:, [HEAD, TAIL]].ravel()  # row by row: place // 2 is the row
    first[np.unique(entities, return_index=True)[1] // 2] = True
    return first


@dataclass(frozen=True)
class TripleLeakage:
    """What train tells about test. Each is a bool (n_test,) over the test triples (h, r, t).

    same: train has the triple itself. inverted: train has a triple (t, r', h), of any relation r'. parallel: train has
    a triple (h, r', t) of another relation. unknown: an entity or the relation does not occur in train's ids.
    """

    same: np.ndarray
    inverted: np.ndarray
    parallel: np.ndarray
    unknown: np.ndarray

    def counts(self) -> dict[str, int]:
        return {name: int(getattr(self, name).sum()) for name in ("same", "inverted", "parallel", "unknown")}


def triple_leakage(train: KnowledgeBase, test: KnowledgeBase) -> TripleLeakage:
    """What train tells about the triples of test; their ids may be numbered differently."""
    if train.entity_index is test.entity_index and train.relation_index is test.relation_index:
        triples = test.triples.astype("int64")
    else:
        entities = np.append(train.encode_entities(test.entity_ids), -1)
        relations = [train.relation_index.get(name, -1) for name in test.relation_ids] + [-1]
        columns = (entities, np.array(relations), entities)
        triples = np.stack([column[test.triples[:, i]] for i, column in enumerate(columns)], axis=1).astype("int64")
    same = train.contains(triples)
    places = train.find_pairs(triples[:, [HEAD, TAIL]])
    n_relations = np.append(np.diff(train.pair_starts), 0)[places]  # -1: the 0 appended
    inverted = train.find_pairs(triples[:, [TAIL, HEAD]]) >= 0
    parallel = np.greater(n_relations, same)
    return TripleLeakage(same, inverted, parallel, triples.min(axis=1, initial=0) < 0)


@dataclass(frozen=True)
class RelationOverlap:
    """Two relations that hold between (nearly) the same pairs.

    inverse: the pairs of `other` are turned round. shared: pairs of both. share: shared / pairs of `relation`;
    other_share: shared / pairs of `other`.
    """

    relation: str
    other: str
    inverse: bool
    shared: int
    share: float
    other_share: float


def relation_overlaps(kb: KnowledgeBase, threshold: float = 0.8) -> list[RelationOverlap]:
    """Relations that are near-duplicates or inverses of each other, those that share most first.

    Whoever knows one of them knows the other: FB15k was mostly such, FB15k-237 is FB15k without them (Toutanova and
    Chen 2015, "Observed versus latent features for knowledge base and text inference"). Both shares must reach the
    threshold, in (0, 1]. A symmetric relation is its own inverse. Each two relations are reported once for either way.

    Raises:
        RelxError: RX021 for another threshold.
    """
    if not 0 < threshold <= 1:
        raise RelxError("RX021", name="threshold", value=threshold, need="in (0, 1]")
    n = len(kb.relation_ids)
    sizes = np.bincount(kb.triples[:, LABEL], minlength=n)
    found = []
    turned = kb.triples[:, [TAIL, LABEL, HEAD]]
    for inverse, rows in ((False, kb.triples), (True, turned)):
        one, other, shared = _count_shared(kb, rows)
        good = (other > one) | ((other == one) & inverse)
        good &= np.minimum(shared / sizes[one], shared / sizes[other]) >= threshold
        for a, b, count in zip(one[good].tolist(), other[good].tolist(), shared[good].tolist()):
            names = kb.relation_ids[a], kb.relation_ids[b]
            found.append(RelationOverlap(*names, inverse, count, count / int(sizes[a]), count / int(sizes[b])))
    return sorted(found, key=lambda each: (-min(each.share, each.other_share), -each.shared, each.relation, each.other))


def _count_shared(kb: KnowledgeBase, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each relation of `rows` and each of the knowledge base: in how many pairs of entities they meet.

    RETURNS: numbers of both relations and the count, int64 (m,) each, only where they meet.
    """
    n = len(kb.relation_ids)
    places = kb.find_pairs(rows[:, [HEAD, TAIL]])
    rows, places = rows[places >= 0], places[places >= 0]
    counts = np.diff(kb.pair_starts)[places]
    # Each row beside every triple of its pair: places of the latter in by_pair are runs of `counts` numbers.
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    others = kb.triples[kb.by_pair[np.repeat(kb.pair_starts[places], counts) + offsets], LABEL]
    keys, shared = np.unique(np.repeat(rows[:, LABEL].astype("int64"), counts) * n + others, return_counts=True)
    return keys // max(1, n), keys % max(1, n), shared
