"""What the annotation of a Doc covers, where that is not everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Union

from typing_extensions import TypeAlias

from ..errors import RelxError
from .record import Record, serve_fields
from .text_forms import normal_form

#: Everything is annotated; nothing is, beyond what is there.
ALL, NONE = "all", "none"
#: Of pairs: those that relations name, with no_relation among the labels, and no others.
NAMED = "named"

#: "all", "none", or names.
Names: TypeAlias = Union[str, Collection[str]]


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Annotated(Record):
    """What the annotation of a Doc covers. What it does not cover is unknown: it is neither learned nor scored.

    What is annotated is known in any case. Only that something else is absent depends on the cover.

    Args:
        mentions: "all": what is no annotated mention is none. Entity types: no further mention of these types exists.
            "none": the text may hold any number of further mentions. In the last two cases an annotated mention of
            the type ENT is a mention of unknown type.
        relations: "all", labels, or "none": which relations two annotated mentions do not have when they are not
            annotated. Where mentions are not "all", nothing is known of pairs with another span.
        pairs: "all", or "named": `relations` is about the pairs that an annotated relation names, with "no_relation"
            among their labels. Nothing is known of other pairs.

    Raises:
        RelxError: RX720 for other values.
    """

    __slots__ = ()
    mentions: str | tuple[str, ...] = ALL
    relations: str | tuple[str, ...] = ALL
    pairs: str = ALL

    def __init__(self, mentions: Names = ALL, relations: Names = ALL, pairs: str = ALL):
        found = {"mentions": _names("mentions", mentions), "relations": _names("relations", relations)}
        if pairs not in (ALL, NAMED):
            raise _wrong(f"'pairs' is {pairs!r:.80}")
        dict.__init__(self, {key: value for key, value in {**found, "pairs": pairs}.items() if value != ALL})

    def _values(self) -> tuple[Any, ...]:
        return self.mentions, self.relations, self.pairs

    def __repr__(self) -> str:
        return f"Annotated({', '.join(f'{key}={value!r}' for key, value in self.items())})"

    def __str__(self) -> str:
        return ", ".join(f"{key} {value if isinstance(value, str) else ' '.join(value)}" for key, value in self.items())

    def __bool__(self) -> bool:
        """A mapping without keys is not nothing."""
        return True

    @property
    def is_whole(self) -> bool:
        """Whether all is annotated, so that nothing is unknown."""
        return self.mentions == self.relations == self.pairs == ALL

    def has_type(self, label: str) -> bool:
        """Whether all mentions of this type are annotated."""
        return self.mentions == ALL or (self.mentions != NONE and label in self.mentions)

    def has_label(self, label: str) -> bool:
        """Whether all relations of this label are annotated, between the mentions and pairs that are covered."""
        return self.relations == ALL or (self.relations != NONE and label in self.relations)

    def __and__(self, other: Annotated) -> Annotated:
        """What both cover."""
        return Annotated(
            _common(self.mentions, other.mentions),
            _common(self.relations, other.relations),
            NAMED if NAMED in (self.pairs, other.pairs) else ALL,
        )

    @classmethod
    def common(cls, parts: Iterable[Annotated]) -> Annotated:
        """What all of them cover; everything where there are none."""
        return reduce(cls.__and__, parts, cls())

    @classmethod
    def from_any(cls, value: Any) -> Annotated:
        """Read an Annotated, or a mapping as `to_dict` makes it; None for everything. Raises: RelxError RX720."""
        if isinstance(value, cls):
            return value
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            raise _wrong(f"it is {value!r:.80}")
        unknown = sorted(map(str, set(value) - {"mentions", "relations", "pairs"}))
        if unknown:
            raise _wrong(f"the key {unknown[0]!r:.80} is unknown")
        return cls(**value)


def _names(key: str, value: Any) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in (ALL, NONE):
        return value
    if isinstance(value, (str, Mapping)) or not isinstance(value, Collection):
        raise _wrong(f"'{key}' is {value!r:.80}")
    if not all(isinstance(name, str) and name for name in value):
        raise _wrong(f"'{key}' holds what is no name: {value!r:.80}")
    return tuple(sorted(set(map(normal_form, value)))) or NONE


def _common(one: str | tuple[str, ...], other: str | tuple[str, ...]) -> Names:
    if ALL in (one, other):
        return other if one == ALL else one
    return NONE if NONE in (one, other) else set(one) & set(other)


def _wrong(problem: str) -> RelxError:
    return RelxError("RX720", problem=problem)


#: A corpus of mentions that says nothing of relations.
ONLY_MENTIONS = Annotated(relations=NONE)
#: Sentences of which a pair of mentions is given, with its relations or without any, and nothing else is known.
ONLY_PAIRS = Annotated(mentions=NONE, pairs=NAMED)
