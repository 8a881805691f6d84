"""What annotated documents tell of a schema of relations: a starting point for the settings of `relation_constraints`.

Everything is counted within each document. Entities are mentions with one `kb_id`, or a mention by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc

from ..data.extensions import get_relations
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention

#: Of how many cases a property must be true to be proposed, and how many cases there must be.
MIN_SHARE = 0.98
MIN_COUNT = 20

_Node = Any


@dataclass
class _Label:
    """Counts of one relation."""

    n: int = 0
    types: Counter[tuple[str, str]] = field(default_factory=Counter)
    heads: int = 0
    heads_chance: int = 0
    heads_single: int = 0
    tails: int = 0
    tails_chance: int = 0
    tails_single: int = 0
    swappable: int = 0
    both_ways: int = 0
    reflexive: int = 0
    chains: int = 0
    docs_with_cycle: int = 0


def learn_constraints(
    docs: Iterable[Doc], *, min_share: float = MIN_SHARE, min_count: int = MIN_COUNT
) -> dict[str, Any]:
    """Count what relations join, and propose settings.

    min_share: of how many cases a property must be true to be proposed. min_count: how many cases there must be.
    RETURNS:
    n_docs, n_relations
    relations   {label: {n, types [[head type, tail type, n]], functional, inverse_functional, symmetric, reflexive,
                cycles}}.
                functional {heads, chances, single}: heads with this relation; those of them in whose document another
                entity of the tail's type could have been a second tail; and those of the latter that have one tail.
                inverse_functional {tails, chances, single}: the same for tails.
                symmetric {pairs, both_ways}: relations whose types would fit the other way round too; and how many of
                these are annotated both ways. A symmetric relation that is annotated once looks like one with a
                direction here: that must be known.
                reflexive: relations of an entity with itself. cycles {chains, documents}: relations that go on where
                another of their label ends; and documents with a cycle of these.
    inverse     [[label, other label, n]]: pairs of labels that join the same entities the other way round
    config      settings for `relation_constraints`: what is true of at least min_share of min_count cases or more
    """
    labels: dict[str, _Label] = defaultdict(_Label)
    inverse: Counter[tuple[str, str]] = Counter()
    n_docs = 0
    for doc in docs:
        n_docs += 1
        _count(doc, labels, inverse)
    relations = {label: _report(row) for label, row in sorted(labels.items())}
    return {
        "n_docs": n_docs,
        "n_relations": sum(row.n for row in labels.values()),
        "relations": relations,
        "inverse": [[*pair, n] for pair, n in sorted(inverse.items())],
        "config": _propose(labels, inverse, min_share, min_count),
    }


def _count(doc: Doc, labels: dict[str, _Label], inverse: Counter[tuple[str, str]]) -> None:
    relations = [relation for relation in get_relations(doc) if relation.label != NO_RELATION]
    if not relations:
        return
    spans = current_spans(doc.spans.get(MENTIONS_KEY, doc.ents))
    by_type: dict[str, set[_Node]] = defaultdict(set)
    for mention in [Mention.from_any(span) for span in spans] + [m for r in relations for m in (r.head, r.tail)]:
        by_type[mention.label].add(_node(mention))
    edges: dict[str, set[tuple[_Node, _Node]]] = defaultdict(set)
    types: dict[tuple[str, _Node, _Node], tuple[str, str]] = {}
    for relation in relations:
        head, tail = _node(relation.head), _node(relation.tail)
        row = labels[relation.label]
        row.n += 1
        row.types[relation.head.label, relation.tail.label] += 1
        edges[relation.label].add((head, tail))
        types[relation.label, head, tail] = relation.head.label, relation.tail.label
    for label, pairs in edges.items():
        row = labels[label]
        _count_sides(row, label, pairs, types, by_type)
        row.reflexive += sum(head == tail for head, tail in pairs)
        for head, tail in pairs:
            if head != tail and types[label, head, tail] in {each[::-1] for each in row.types}:
                row.swappable += 1
                row.both_ways += (tail, head) in pairs
        starts = {head for head, _ in pairs}
        row.chains += sum(tail in starts for _, tail in pairs)
        row.docs_with_cycle += _has_cycle(pairs)
    found = sorted(edges)
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            swapped = {(tail, head) for head, tail in edges[other]}
            if edges[one] & swapped:
                inverse[one, other] += len(edges[one] & swapped)


def _count_sides(
    row: _Label,
    label: str,
    pairs: set[tuple[_Node, _Node]],
    types: dict[tuple[str, _Node, _Node], tuple[str, str]],
    by_type: dict[str, set[_Node]],
) -> None:
    tails_of: dict[_Node, set[_Node]] = defaultdict(set)
    heads_of: dict[_Node, set[_Node]] = defaultdict(set)
    for head, tail in pairs:
        tails_of[head].add(tail)
        heads_of[tail].add(head)
    for head, tails in tails_of.items():
        others = set().union(*(by_type[types[label, head, tail][1]] for tail in tails)) - {head}
        row.heads += 1
        row.heads_chance += len(others) > 1
        row.heads_single += len(others) > 1 and len(tails) == 1
    for tail, heads in heads_of.items():
        others = set().union(*(by_type[types[label, head, tail][0]] for head in heads)) - {tail}
        row.tails += 1
        row.tails_chance += len(others) > 1
        row.tails_single += len(others) > 1 and len(heads) == 1


def _node(mention: Mention) -> _Node:
    return mention.kb_id or (mention.start, mention.end)


def _has_cycle(pairs: set[tuple[_Node, _Node]]) -> bool:
    """Whether edges lead from a node back to itself: taking away nodes without a predecessor leaves something."""
    edges = set(pairs)
    while edges:
        ends = {tail for _, tail in edges}
        left = {(head, tail) for head, tail in edges if head in ends}
        if len(left) == len(edges):
            return True
        edges = left
    return False


def _report(row: _Label) -> dict[str, Any]:
    return {
        "n": row.n,
        "types": [[head, tail, n] for (head, tail), n in row.types.most_common()],
        "functional": {"heads": row.heads, "chances": row.heads_chance, "single": row.heads_single},
        "inverse_functional": {"tails": row.tails, "chances": row.tails_chance, "single": row.tails_single},
        "symmetric": {"pairs": row.swappable, "both_ways": row.both_ways},
        "reflexive": row.reflexive,
        "cycles": {"chains": row.chains, "documents": row.docs_with_cycle},
    }


def _propose(
    labels: dict[str, _Label], inverse: Counter[tuple[str, str]], min_share: float, min_count: int
) -> dict[str, Any]:
    def names(holds: Any) -> list[str]:
        return [label for label, row in sorted(labels.items()) if holds(row)]

    def enough(part: int, whole: int) -> bool:
        return whole >= min_count and part >= min_share * whole

    symmetric = names(lambda row: enough(row.both_ways, row.swappable))
    pairs: list[list[str]] = []
    free = set(labels) - set(symmetric)  # a relation has one inverse, the one that is seen most often
    for (one, other), n in sorted(inverse.items(), key=lambda item: (-item[1], item[0])):
        if {one, other} <= free and enough(n, labels[one].n) and enough(n, labels[other].n):
            pairs.append([one, other])
            free -= {one, other}

    def one_way(row: _Label) -> bool:
        return row.swappable >= min_count and row.both_ways <= (1 - min_share) * row.swappable

    acyclic = names(lambda row: row.chains >= min_count and not row.docs_with_cycle)
    return {
        "types": [[head, label, tail] for label, row in sorted(labels.items()) for head, tail in sorted(row.types)],
        "functional": names(lambda row: enough(row.heads_single, row.heads_chance)),
        "inverse_functional": names(lambda row: enough(row.tails_single, row.tails_chance)),
        "symmetric": symmetric,
        "asymmetric": names(
            lambda row: row.swappable >= min_count and row.both_ways <= (1 - min_share) * row.swappable
        ),
        "irreflexive": names(lambda row: row.n >= min_count and row.reflexive <= (1 - min_share) * row.n),
        "acyclic": [label for label in acyclic if label not in symmetric],
        "inverse": sorted(pairs),
    }
