"""Which predictions the annotation of a Doc says anything about: the others are neither right nor wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc

from ..data.annotated import ALL, NAMED, NONE
from ..data.extensions import get_annotated, get_relations
from ..data.gold import annotated_mentions, lacks_type
from ..data.types import NO_RELATION, Mention


class Covered:
    """What the annotation of a Doc covers, by places: keys that begin with the first and the last character.

    Args:
        reference: The annotated Doc.
        place: The key of a mention of it.

    Attributes:
        untyped: Places of mentions of unknown type.
    """

    def __init__(self, reference: Doc, place: Callable[[Mention], tuple[Any, ...]]):
        self._annotated = get_annotated(reference)
        relations, mentions = get_relations(reference), annotated_mentions(reference)
        self._pairs = {(place(relation.head), place(relation.tail)) for relation in relations}
        self._held = {(place(r.head), r.label, place(r.tail)) for r in relations}
        self._places = {place(mention) for mention in mentions}
        self.untyped = frozenset(place(mention) for mention in mentions if lacks_type(mention, self._annotated))

    def mention(self, place: tuple[Any, ...], kind: str) -> bool:
        """Whether it is known whether a mention of this type is here."""
        return place[:2] in self._places or self._annotated.has_type(kind)

    def pair(self, head: tuple[Any, ...], tail: tuple[Any, ...]) -> bool:
        """Whether anything is known of a pair."""
        head, tail = head[:2], tail[:2]
        if (head, tail) in self._pairs:
            return True
        annotated = self._annotated
        if annotated.relations == NONE or annotated.pairs == NAMED:
            return False
        return annotated.mentions == ALL or {head, tail} <= self._places

    def relation(self, head: tuple[Any, ...], label: str, tail: tuple[Any, ...]) -> bool:
        """Whether it is known whether a relation holds."""
        if (head[:2], label, tail[:2]) in self._held:
            return True
        return self.pair(head, tail) and self._annotated.has_label(label)


def is_unrelated(doc: Doc, no_relation: str = NO_RELATION) -> bool:
    """Whether a Doc without relations is known to have none: all is annotated, or a pair is said to have none."""
    return get_annotated(doc).is_whole or any(relation.label == no_relation for relation in get_relations(doc))
