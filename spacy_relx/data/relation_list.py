"""The relations of a Doc as a list, and what picks some of them."""

from __future__ import annotations

from typing import Any, cast

from .mention import Mention
from .record import RecordList
from .types import Relation


class _Filters:
    """What picks relations from a list of them."""

    def of(self, span: Any) -> Relations:
        """The relations of a mention, or of a longer span such as a sentence.

        Args:
            span: A Span, a Mention, or a mapping like one.

        Returns:
            The relations whose head or tail is this span, token by token, and those whose mentions both lie in it.

        Raises:
            RelxError: RX002 for anything else.
        """
        place = Mention.from_any(span)
        bounds = (place.start, place.end)

        def belongs(relation: Relation) -> bool:
            ends = [(mention.start, mention.end) for mention in (relation.head, relation.tail)]
            return bounds in ends or all(bounds[0] <= start and end <= bounds[1] for start, end in ends)

        return Relations(filter(belongs, self._relations()))

    def with_label(self, *labels: str) -> Relations:
        """The relations with one of these labels.

        Args:
            *labels: The labels.
        """
        return Relations(relation for relation in self._relations() if relation.label in labels)

    def above(self, score: float) -> Relations:
        """The relations with a greater score, in their order.

        Args:
            score: A score in [0, 1].
        """
        return Relations(relation for relation in self._relations() if relation.score > score)

    def _relations(self) -> list[Relation]:
        return cast("list[Relation]", self)


class Relations(_Filters, list[Relation]):
    """Relations that were picked from those of a Doc. What is changed in this list is not changed on the Doc."""


class RelationList(_Filters, RecordList[Relation]):
    """`doc._.relations`: a list of `Relation` that writes through to the Doc.

    `of`, `with_label` and `above` pick relations from it, and can follow one another:
    `doc._.relations.with_label("works_for").above(0.5)`.
    """
