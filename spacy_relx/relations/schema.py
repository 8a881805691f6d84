"""A schema of relations, and the greedy choice of relations that keep to it.

Relations are taken by score, the best first, and one that contradicts what has been taken is left out (as constrained
decoding does greedily; Roth and Yih 2004, "A Linear Programming Formulation for Global Inference in Natural Language
Tasks", has the exact form). So of relations that cannot stand together the better ones stay; of each cycle of an
acyclic relation the weakest edge is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_type_names
from ..data.text_forms import folded_form, normal_form
from ..data.types import Candidates, Mention, Relation
from ..errors import RelxError, listed, warn

#: What mentions of one entity have in common: their id (`kb_id`), or, where they have none, their text.
ENTITIES = ("linked", "text")
#: What becomes of two relations that say the same (a symmetric one in both directions, two inverse ones).
TWINS = ("both", "one")
#: Why a relation is taken away.
REASONS = (
    "types",
    "irreflexive",
    "asymmetric",
    "functional",
    "inverse_functional",
    "acyclic",
    "twin",
)
#: Any entity type.
ANY = "*"

_Node = Any
_Edge = tuple[_Node, str, _Node]


class Schema:
    """What relations may be; all settings are plain lists.

    types: allowed [head type, label, tail type], as training calls these types (see `EntityTypeMarker`), "*" for any
    type; a label that is not named may have all.
    functional: labels with at most one tail for a head; inverse_functional: one head for a tail. symmetric: labels that
    hold in both directions; asymmetric: in one only. irreflexive: nothing is so related to itself. acyclic: no
    chain of such relations leads back to its beginning (so it is asymmetric and irreflexive, too). inverse: pairs of
    labels [a, b], where (x, a, y) says the same as (y, b, x). twins: of what says the same, "both" keeps both, adds
    what is missing, and gives them the better score; "one" keeps that with the better score, the first of equal ones.
    entities: "linked", mentions with one kb_id are one entity; "text", also those of one text, in whatever case
    and form (`text_forms.folded_form`).
    RAISES: RelxError RX021 for a setting of another form, RX385 for settings that contradict each other.
    """

    def __init__(
        self,
        name: str = "relation_constraints",
        *,
        types: Sequence[Sequence[str]] = (),
        functional: Sequence[str] = (),
        inverse_functional: Sequence[str] = (),
        symmetric: Sequence[str] = (),
        asymmetric: Sequence[str] = (),
        irreflexive: Sequence[str] = (),
        acyclic: Sequence[str] = (),
        inverse: Sequence[Sequence[str]] = (),
        twins: str = "both",
        entities: str = "linked",
    ):
        self._name = name
        self.functional = self._labels("functional", functional)
        self.inverse_functional = self._labels("inverse_functional", inverse_functional)
        self.symmetric = self._labels("symmetric", symmetric)
        self.acyclic = self._labels("acyclic", acyclic)
        self.asymmetric = self._labels("asymmetric", asymmetric) | self.acyclic
        self.irreflexive = self._labels("irreflexive", irreflexive) | self.asymmetric
        self.inverse = self._rows("inverse", inverse, 2)
        self.twins = self._one_of("twins", twins, TWINS)
        self.entities = self._one_of("entities", entities, ENTITIES)
        self._check()
        self._twin = {label: label for label in self.symmetric}
        for one, other in self.inverse:
            self._twin.update({one: other, other: one})
        self.types: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for head, label, tail in self._rows("types", types, 3):
            self.types[label].add((head, tail))
        for label in list(self.types):  # what a relation may join, its twin may join the other way round
            twin = self._twin.get(label)
            if twin is not None and twin in self.types:
                self.types[twin] |= {(tail, head) for head, tail in self.types[label]}

    @property
    def labels(self) -> set[str]:
        """All relations that the schema names."""
        named = self.functional | self.inverse_functional | self.symmetric | self.irreflexive
        return named | set(self.types) | {label for pair in self.inverse for label in pair}

    def brought_by(self, label: str) -> str | None:
        """The other relation that adds this one, its inverse, if there is one."""
        return self._twin.get(label) if self.twins == "both" else None

    def _labels(self, setting: str, value: Any) -> set[str]:
        if not _is_list(value) or not all(isinstance(label, str) and label for label in value):
            raise RelxError("RX021", name=f"{setting}' of '{self._name}", value=value, need="a list of relations")
        return set(map(normal_form, value))

    def _rows(self, setting: str, value: Any, n: int) -> list[tuple[str, ...]]:
        need = "a list of [head type, relation, tail type]" if n == 3 else "a list of [relation, inverse relation]"
        for row in value if _is_list(value) else [value]:
            if not _is_list(row) or len(row) != n or not all(isinstance(each, str) and each for each in row):
                raise RelxError("RX021", name=f"{setting}' of '{self._name}", value=row, need=need)
        return [tuple(map(normal_form, row)) for row in value]

    def _one_of(self, setting: str, value: Any, known: Sequence[str]) -> str:
        if value not in known:
            need = " or ".join(repr(each) for each in known)
            raise RelxError("RX021", name=f"{setting}' of '{self._name}", value=value, need=need)
        return value

    def _check(self) -> None:
        """RAISES: RelxError RX385."""

        def fail(reason: str) -> None:
            raise RelxError("RX385", name=self._name, reason=reason)

        both = sorted(self.symmetric & self.asymmetric)
        if both:
            what = "acyclic" if both[0] in self.acyclic else "asymmetric"
            fail(f"'{both[0]}' is symmetric and {what}")
        seen: set[str] = set()
        for one, other in self.inverse:
            if one == other:
                fail(f"'{one}' is its own inverse: name it under 'symmetric'")
            for label in (one, other):
                if label in self.symmetric:
                    fail(f"'{label}' is symmetric, so that its inverse would be itself, and not '{other}' or '{one}'")
                if label in seen:
                    fail(f"'{label}' has two inverses")
                seen.add(label)

    # Choosing

    def apply(self, doc: Doc, relations: Sequence[Relation]) -> tuple[list[Relation], list[tuple[Relation, str]]]:
        """Relations of a Doc that keep to the schema, and those taken away, each with the reason.

        RETURNS: what is kept in the order it came, what is added behind its twin; what is taken away in order.
        """
        node, names = self._nodes(doc), get_type_names(doc)
        by_score = sorted(range(len(relations)), key=lambda i: -relations[i].score)
        groups: dict[_Edge, list[int]] = {}  # relations that say the same of the same mentions, the best first
        reasons: dict[int, str] = {}
        for i in by_score:
            relation = relations[i]
            if not self._allows(relation, names):
                reasons[i] = "types"
            else:
                groups.setdefault(self._said(relation), []).append(i)
        chosen = _Chosen(self)
        best: dict[int, float] = {}
        added: dict[int, Relation] = {}
        for members in groups.values():  # in the order of the best of each
            first, twin = relations[members[0]], self._twin_of(relations[members[0]])
            reason = chosen.add([self._edge(node, each) for each in (first, twin) if each is not None])
            if reason is not None:
                reasons.update(dict.fromkeys(members, reason))
            elif twin is not None:
                others = [i for i in members if _places(relations[i]) == _places(twin) != _places(first)]
                if self.twins == "one":
                    reasons.update(dict.fromkeys(others, "twin"))
                else:
                    best.update(dict.fromkeys(members, first.score))
                    if not others and _places(twin) != _places(first):
                        added[members[0]] = twin
        kept: list[Relation] = []
        for i, relation in enumerate(relations):
            if i not in reasons:
                kept.append(replace(relation, score=best.get(i, relation.score)))
                kept.extend([added[i]] if i in added else [])
        return kept, [(relations[i], reasons[i]) for i in sorted(reasons)]

    def _nodes(self, doc: Doc) -> Callable[[Mention], _Node]:
        """What stands for the entity of a mention."""

        def node(mention: Mention) -> _Node:
            if mention.kb_id:
                return mention.kb_id
            if self.entities == "text":
                return "text", folded_form(mention.text(doc))
            return mention.start, mention.end

        return node

    def _allows(self, relation: Relation, names: Mapping[str, str]) -> bool:
        head, tail = (names.get(mention.label, mention.label) for mention in (relation.head, relation.tail))
        return self.allows(head, relation.label, tail)

    def allows(self, head: str, label: str, tail: str) -> bool:
        """Whether mentions of these entity types may be so related."""
        allowed = self.types.get(label)
        if allowed is None:
            return True
        return not allowed.isdisjoint({(head, tail), (head, ANY), (ANY, tail), (ANY, ANY)})

    def _twin_of(self, relation: Relation) -> Relation | None:
        """The relation that says the same the other way round."""
        label = self._twin.get(relation.label)
        if label is None:
            return None
        # What a knowledge base says is about the relation as it was
        return replace(
            relation, head=relation.tail, label=label, tail=relation.head, kb_score=None, known=None, kb_rank=None
        )

    def _said(self, relation: Relation) -> Any:
        """The same for a relation and its twin, between the same mentions."""
        place, twin = _places(relation)[:2], self._twin.get(relation.label)
        if twin is None:
            return place, relation.label
        return min((place, relation.label), (place[::-1], twin))

    @staticmethod
    def _edge(node: Callable[[Mention], _Node], relation: Relation) -> _Edge:
        return node(relation.head), relation.label, node(relation.tail)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _places(relation: Relation) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Where head and tail are, and the label."""
    head, tail = relation.head, relation.tail
    return (head.start, head.end), (tail.start, tail.end), relation.label


def check_types(name: str, types: Sequence[Sequence[str]], known: Iterable[str]) -> None:
    """Say which entity types of a setting no mention can have.

    Args:
        name: The component's name.
        types: Allowed [head type, label, tail type].
        known: The types of training; none: they are not known.

    Warns:
        RX513.
    """
    known = set(known)
    unknown = {kind for head, _, tail in types for kind in (head, tail)} - known - {ANY}
    if known and unknown:
        warn("RX513", name=name, setting="types", unknown=listed(unknown), known=listed(known))


class TypeMask:
    """Which of some labels the candidate pairs of a Doc may have, by the entity types of head and tail.

    types: see `Schema`. RAISES: RelxError RX021.
    """

    def __init__(self, name: str, types: Sequence[Sequence[str]]):
        self.types = types
        self._schema = Schema(name, types=types)
        self._labels: tuple[str, ...] = ()
        self._kinds: dict[str, int] = {}
        self._table = np.zeros((0, 0, 0), dtype=bool)

    def __call__(self, candidates: Candidates, labels: tuple[str, ...]) -> np.ndarray:
        """labels: in the order of the columns. RETURNS: bool (n_pairs, n_labels)."""
        rows = np.array([self._kinds.setdefault(kind, len(self._kinds)) for kind in candidates.types], dtype="int64")
        if len(self._table) < len(self._kinds) or labels != self._labels:
            allows = [[[self._schema.allows(a, x, b) for x in labels] for b in self._kinds] for a in self._kinds]
            shape = (len(self._kinds), len(self._kinds), len(labels))
            self._table, self._labels = np.array(allows, dtype=bool).reshape(shape), labels
        heads, tails = rows[candidates.pairs.T]
        return self._table[heads, tails]


class _Chosen:
    """What has been taken, as edges between entities."""

    def __init__(self, schema: Schema):
        self._schema = schema
        self._tails: dict[tuple[str, _Node], set[_Node]] = defaultdict(set)
        self._heads: dict[tuple[str, _Node], set[_Node]] = defaultdict(set)

    def add(self, edges: Sequence[_Edge]) -> str | None:
        """Take edges together, or none of them. RETURNS: why not, or None."""
        for edge in edges:
            reason = self._contradicts(edge)
            if reason is not None:
                return reason
        for head, label, tail in edges:
            self._tails[label, head].add(tail)
            self._heads[label, tail].add(head)
        return None

    def _contradicts(self, edge: _Edge) -> str | None:
        schema, (head, label, tail) = self._schema, edge
        if label in schema.irreflexive and head == tail:
            return "irreflexive"
        if label in schema.acyclic and self._leads(label, tail, head):
            return "acyclic"
        if label in schema.asymmetric and head in self._tails.get((label, tail), ()):
            return "asymmetric"
        if label in schema.functional and self._tails.get((label, head), set()) - {tail}:
            return "functional"
        if label in schema.inverse_functional and self._heads.get((label, tail), set()) - {head}:
            return "inverse_functional"
        return None

    def _leads(self, label: str, start: _Node, goal: _Node) -> bool:
        """Whether a chain of edges of this label leads from one entity to the other."""
        seen, waiting = {start}, [start]
        while waiting:
            nodes: Iterable[_Node] = self._tails.get((label, waiting.pop()), ())
            if goal in nodes:
                return True
            new = set(nodes) - seen
            seen |= new
            waiting.extend(new)
        return False
