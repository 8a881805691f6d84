"""Plain types that everything else speaks in. All offsets count tokens, ends are exclusive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import index as as_integer
from typing import Any, Callable, Generic, TypeVar, Union

import numpy as np
from spacy.tokens import Doc, Span

from .errors import RelxError
from .ids import optional_entity_id
from .text_forms import normal_form

#: The name that stands for "no relation" in reports; it is never stored on a Doc.
NO_RELATION = "no_relation"
#: Entity type where there is none: `Doc.ents` silently drops a span without a label.
UNTYPED = "ENT"
#: `Doc.spans` group that holds all mentions, overlapping ones too (`Doc.ents` cannot).
MENTIONS_KEY = "mentions"
#: Fields of a fact or a relation between linked entities that say how far a knowledge base supports it.
SUPPORT: dict[str, type] = {"kb_score": float, "known": bool, "kb_rank": float}
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Mention:
    """A mention of an entity: tokens [start, end) and the entity type; `kb_id` names the entity, where known.

    Both names are kept in the normal form of `text_forms`, in which all look-ups are.
    """

    start: int
    end: int
    label: str = ""
    kb_id: str = ""

    def __post_init__(self) -> None:
        if not (self.label.isascii() and self.kb_id.isascii()):
            object.__setattr__(self, "label", normal_form(self.label))
            object.__setattr__(self, "kb_id", normal_form(self.kb_id))

    def span(self, doc: Doc) -> Span:
        """The mention as a Span of `doc`."""
        return Span(doc, self.start, self.end, label=self.label, kb_id=self.kb_id)

    def text(self, doc: Doc) -> str:
        return doc[self.start : self.end].text

    def shift(self, offset: int) -> Mention:
        """The same mention `offset` tokens later."""
        return Mention(self.start + offset, self.end + offset, self.label, self.kb_id)

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"start": self.start, "end": self.end, "label": self.label}
        if self.kb_id:
            data["kb_id"] = self.kb_id
        return data

    @classmethod
    def from_any(cls, value: Any) -> Mention:
        """Read a Mention, a Span or a mapping. RAISES: RelxError RX002, RX580 (a kb_id that is none)."""
        if isinstance(value, Mention):
            return value
        if isinstance(value, Span):
            return cls(value.start, value.end, value.label_, value.kb_id_)
        if isinstance(value, Mapping) and "start" in value and "end" in value:
            try:  # integers of any kind (numpy's too), but 1.7 is not cut to 1
                start, end = as_integer(value["start"]), as_integer(value["end"])
            except TypeError as err:
                raise RelxError("RX002", value=value) from err
            return cls(start, end, str(value.get("label") or ""), _kb_id(value))
        raise RelxError("RX002", value=value)


def _kb_id(row: Mapping[str, Any]) -> str:
    """RAISES: RelxError RX580."""
    try:
        return optional_entity_id(row.get("kb_id"))
    except ValueError as err:
        raise RelxError("RX580", where="a mention", reason=err) from err


@dataclass(frozen=True)
class Relation:
    """`head` -label-> `tail`, with the model's score in [0, 1] (1.0 in annotated data).

    kb_score, known, kb_rank: how far a knowledge base supports it, as of `facts.Fact`; None where none was asked.
    """

    head: Mention
    label: str
    tail: Mention
    score: float = 1.0
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None

    def __post_init__(self) -> None:
        if not self.label.isascii():
            object.__setattr__(self, "label", normal_form(self.label))

    def triple(self, doc: Doc) -> tuple[str, str, str]:
        """(head text, label, tail text)."""
        return self.head.text(doc), self.label, self.tail.text(doc)

    @property
    def linked(self) -> tuple[str, str, str] | None:
        """(head id, label, tail id), by the `kb_id` of the mentions; None where one has none."""
        head, tail = self.head.kb_id, self.tail.kb_id
        return (head, self.label, tail) if head and tail else None

    def shift(self, offset: int) -> Relation:
        return replace(self, head=self.head.shift(offset), tail=self.tail.shift(offset))

    def to_dict(self) -> dict[str, Any]:
        return {
            "head": self.head.to_dict(),
            "label": self.label,
            "tail": self.tail.to_dict(),
            "score": float(self.score),
            **support_of(self),
        }

    @classmethod
    def from_any(cls, value: Any) -> Relation:
        """Read a Relation or a mapping as `to_dict` makes it. RAISES: RelxError RX002, RX004, RX254."""
        if isinstance(value, Relation):
            return value
        if isinstance(value, Mapping) and {"head", "label", "tail"} <= set(value):
            head, tail = Mention.from_any(value["head"]), Mention.from_any(value["tail"])
            try:
                score = float(value.get("score", 1.0))
            except (TypeError, ValueError) as err:
                raise RelxError("RX004", value=value) from err
            return cls(head, str(value["label"]), tail, score, **read_support(value))
        raise RelxError("RX004", value=value)


def support_of(item: Any) -> dict[str, Any]:
    """What a knowledge base says of a Relation or a Fact, plain: those of `SUPPORT` that are not None."""
    return _plain_support([item.kb_score, item.known, item.kb_rank])


def read_support(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `SUPPORT` that a row has. RAISES: RelxError RX254."""
    score, known, rank = values = [row.get(name) for name in SUPPORT]
    try:  # what is no number cannot be compared
        fits = (score is None or 0 <= score <= 1) and (rank is None or rank >= 1)
    except (TypeError, ValueError):
        fits = False
    if not fits or not isinstance(known, (bool, np.bool_, type(None))):
        raise RelxError("RX254", value={name: row[name] for name in SUPPORT if name in row})
    return _plain_support(values)


def _plain_support(values: Iterable[Any]) -> dict[str, Any]:
    return {name: kind(value) for (name, kind), value in zip(SUPPORT.items(), values) if value is not None}


class PlainList(MutableSequence, Generic[_Item]):
    """A list of typed objects that writes through to a Doc's plain storage.

    rows: the Doc's own list of dicts; it is changed in place. length: tokens of the Doc, for checking offsets.
    """

    #: A plain row -> the object.
    read: Callable[[Any], _Item]

    def __init__(self, rows: list[dict[str, Any]], length: int):
        self._rows = rows
        self._length = length

    def check(self, values: Iterable[Any]) -> list[dict[str, Any]]:
        """Objects, or mappings like them, as plain rows that fit the Doc. RAISES: RelxError."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index):
        read = type(self).read
        if isinstance(index, slice):
            return [read(row) for row in self._rows[index]]
        return read(self._rows[index])

    def __setitem__(self, index, value) -> None:
        if isinstance(index, slice):
            self._rows[index] = self.check(value)
        else:
            self._rows[index] = self.check([value])[0]

    def __delitem__(self, index) -> None:
        del self._rows[index]

    def insert(self, index: int, value: Any) -> None:
        self._rows.insert(index, self.check([value])[0])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (PlainList, list, tuple)):
            return list(self) == list(other)
        return NotImplemented

    def __repr__(self) -> str:
        return repr(list(self))


class RelationList(PlainList[Relation]):
    """`doc._.relations`: a list of `Relation` that writes through to the Doc's plain storage."""

    read = Relation.from_any

    def check(self, values: Iterable[Any]) -> list[dict[str, Any]]:
        return relation_rows(values, self._length)


def relation_rows(relations: Iterable[Any], length: int) -> list[dict[str, Any]]:
    """Relations as plain rows, checked against a Doc of `length` tokens.

    RAISES: RelxError RX002, RX003, RX004, RX254.
    """
    rows = []
    for value in relations:
        relation = Relation.from_any(value)
        for mention in (relation.head, relation.tail):
            check_span(mention.start, mention.end, length)
        rows.append(relation.to_dict())
    return rows


def check_span(start: int, end: int, length: int) -> None:
    """RAISES: RelxError RX003 for a span that is empty or does not fit a Doc of `length` tokens."""
    if not 0 <= start < end <= length:
        raise RelxError("RX003", start=start, end=end, length=length)


@dataclass(frozen=True)
class Candidate:
    """An ordered pair of mentions that may be related."""

    head: Mention
    tail: Mention


class Candidates(Sequence):
    """`doc._.candidates`: the ordered pairs a relation extractor looks at, as arrays over one table of mentions.

    mentions: the Doc's mentions, each once. spans: int32 (n_mentions, 2), their start and end. markers: int32
    (n_mentions,), row of each mention's type in the marker vocabulary (0 is the uniform marker). pairs: int32
    (n_pairs, 2), rows of `mentions`: head, tail. dropped: pairs that the cap left out.

    Behaves as a sequence of `Candidate`; whoever wants speed reads the arrays.
    """

    _columns: Mapping[str, Any]

    def __init__(self, mentions: Sequence[Mention], markers: np.ndarray, pairs: np.ndarray, dropped: int = 0):
        self.mentions = list(mentions)
        self.spans = np.array([(m.start, m.end) for m in self.mentions], dtype="int32").reshape(-1, 2)
        self.markers = np.asarray(markers, dtype="int32").reshape(-1)
        self.pairs = np.asarray(pairs, dtype="int32").reshape(-1, 2)
        self.dropped = int(dropped)

    @cached_property
    def mentions(self) -> list[Mention]:
        """The mentions as objects, made when they are first asked for."""
        columns = self._columns
        return [Mention(*row) for row in zip(columns["starts"], columns["ends"], columns["labels"], columns["kb_ids"])]

    @property
    def n_mentions(self) -> int:
        return len(self.spans)

    @property
    def kb_ids(self) -> list[str]:
        """The entity of each mention, "" where it is not known."""
        if "mentions" in self.__dict__:
            return [mention.kb_id for mention in self.mentions]
        return list(self._columns["kb_ids"])

    @property
    def types(self) -> list[str]:
        """The entity type of each mention, "" where it has none."""
        if "mentions" in self.__dict__:
            return [mention.label for mention in self.mentions]
        return list(self._columns["labels"])

    @classmethod
    def empty(cls) -> Candidates:
        return cls([], np.zeros(0, "int32"), np.zeros((0, 2), "int32"))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        head, tail = self.pairs[index]
        return Candidate(self.mentions[head], self.mentions[tail])

    def __iter__(self) -> Iterator[Candidate]:
        for head, tail in self.pairs.tolist():
            yield Candidate(self.mentions[head], self.mentions[tail])

    def __repr__(self) -> str:
        return f"Candidates(mentions={self.n_mentions}, pairs={len(self)}, dropped={self.dropped})"

    def to_dict(self) -> dict[str, Any]:
        """Plain columns: they are read far more often than mentions are wanted as objects."""
        return {
            "starts": self.spans[:, 0].tolist(),
            "ends": self.spans[:, 1].tolist(),
            "labels": [m.label for m in self.mentions],
            "kb_ids": [m.kb_id for m in self.mentions],
            "markers": self.markers.tolist(),
            "heads": self.pairs[:, 0].tolist(),
            "tails": self.pairs[:, 1].tolist(),
            "dropped": self.dropped,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidates:
        candidates = cls.__new__(cls)
        candidates._columns = data
        candidates.spans = np.array([data["starts"], data["ends"]], dtype="int32").T
        candidates.markers = np.array(data["markers"], dtype="int32")
        candidates.pairs = np.array([data["heads"], data["tails"]], dtype="int32").T
        candidates.dropped = int(data["dropped"])
        return candidates


#: Proposes pairs: (doc, mentions) -> blocks of int32 (n, 2), rows of `mentions`: head, tail; never one row twice.
CandidateGenerator = Callable[[Doc, Sequence[Mention]], Iterable[np.ndarray]]
#: Names the language of each text: ISO 639-1 codes, None where it cannot tell.
LanguageDetector = Callable[[Sequence[str]], list[Union[str, None]]]
