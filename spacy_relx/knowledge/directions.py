"""How often the relations of a knowledge base hold both ways."""

from __future__ import annotations

import numpy as np

from .triples import LABEL, KnowledgeBase

#: Pairs that are looked up at once.
_BLOCK = 1 << 20


def count_directions(kb: KnowledgeBase) -> dict[str, tuple[int, int]]:
    """Count the pairs of each relation, and those that any triple joins the other way round as well.

    A symmetric relation and one with an inverse have nearly all of their pairs both ways. Triples of an entity with
    itself are left out.

    Args:
        kb: The knowledge base. Memory is for a block of its pairs at a time.

    Returns:
        Relation -> (pairs, pairs both ways), for every relation of the knowledge base.
    """
    n_entities, n_relations = max(1, len(kb.entity_ids)), len(kb.relation_ids)
    n, both = np.zeros(n_relations, "int64"), np.zeros(n_relations, "int64")
    for first in range(0, len(kb.pairs), _BLOCK):
        keys = np.asarray(kb.pairs[first : first + _BLOCK])
        heads, tails = keys // n_entities, keys % n_entities
        turned = kb.find_pairs(np.stack([tails, heads], axis=1)) >= 0
        bounds = np.asarray(kb.pair_starts[first : first + len(keys) + 1])
        relations = kb.triples[kb.by_pair[bounds[0] : bounds[-1]], LABEL]
        counts = np.diff(bounds)
        apart = np.repeat(heads != tails, counts)
        n += np.bincount(relations[apart], minlength=n_relations)
        both += np.bincount(relations[apart & np.repeat(turned, counts)], minlength=n_relations)
    return {label: (int(n[i]), int(both[i])) for i, label in enumerate(kb.relation_ids)}
