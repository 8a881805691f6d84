"""Plain types that everything else speaks in. All offsets count tokens, ends are exclusive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Callable, Union

import numpy as np
from spacy.tokens import Doc

from ..errors import RelxError
from .mention import Mention as Mention  # from here, too
from .mention import SpanRows, bind, short
from .places import warn_lost
from .record import Record, serve_fields
from .text_forms import normal_form

#: The name that stands for "no relation" in reports; it is never stored on a Doc.
NO_RELATION = "no_relation"
#: Entity type where there is none: `Doc.ents` silently drops a span without a label.
UNTYPED = "ENT"
#: `Doc.spans` group that holds all mentions, overlapping ones too (`Doc.ents` cannot).
MENTIONS_KEY = "mentions"
#: Stands in `found_by` for what was annotated, beside the components that found the same.
ANNOTATED = ""
#: Fields of a fact or a relation between linked entities that say how far a knowledge base supports it.
SUPPORT: dict[str, type] = {"kb_score": float, "known": bool, "kb_rank": float}
#: Columns of the mentions of candidates, and what they are in the mapping of a `Mention`.
MENTION_COLUMNS = {
    "starts": "start",
    "ends": "end",
    "labels": "label",
    "kb_ids": "kb_id",
    "start_chars": "start_char",
    "end_chars": "end_char",
}
_PLAIN_COLUMNS, _CHAR_COLUMNS = list(MENTION_COLUMNS)[:4], list(MENTION_COLUMNS)[4:]


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Relation(Record):
    """A relation between two mentions of a text: `head` -label-> `tail`.

    Args:
        head: A Mention, a Span or a mapping with "start", "end" and "label".
        label: The name of the relation. It is normalised by `text_forms.normal_form`, as all names are.
        tail: As `head`.
        score: The score of the model, in [0, 1]; 1.0 in annotated data.
        kb_score: The probability of the relation according to a knowledge base, in [0, 1]; None if it was not computed.
        known: Whether the knowledge base has the relation; None if it was not asked.
        kb_rank: The rank of the tail among all entities, from 1; None if it was not computed.
        found_by: Names of the components that found the relation, with their scores; empty for an annotated relation.
            It is not part of equality.

    Raises:
        RelxError: RX002 for an invalid head or tail, RX004 for a score that is not a number.
    """

    __slots__ = ()
    head: Mention
    label: str
    tail: Mention
    score: float = 1.0
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None
    found_by: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    def __init__(
        self,
        head: Any,
        label: str,
        tail: Any,
        score: float = 1.0,
        kb_score: float | None = None,
        known: bool | None = None,
        kb_rank: float | None = None,
        found_by: Mapping[str, float] | None = None,
    ):
        try:
            score, shares = float(score), read_found_by(found_by)
        except (TypeError, ValueError, AttributeError) as err:
            raise RelxError("RX004", value={"label": label, "score": score, "found_by": found_by}) from err
        dict.__init__(
            self, head=Mention.from_any(head), label=normal_form(label), tail=Mention.from_any(tail), score=score
        )
        if kb_score is not None or known is not None or kb_rank is not None:
            dict.update(self, _plain_support([kb_score, known, kb_rank]))
        if shares:
            dict.update(self, found_by=shares)

    def _values(self) -> tuple[Any, ...]:
        return self["head"], self["label"], self["tail"], self["score"], *(self.get(name) for name in SUPPORT)

    def __repr__(self) -> str:
        support = "".join(f", {name}={value!r}" for name, value in support_of(self).items())
        return f"Relation({short(self.head)}, {self.label!r}, {short(self.tail)}, score={self.score:.4g}{support})"

    def __post_init__(self) -> None:
        if not self.label.isascii():
            object.__setattr__(self, "label", normal_form(self.label))

    def triple(self, doc: Doc) -> tuple[str, str, str]:
        """(head text, label, tail text). Raises: RelxError RX003, RX541, see `Mention.bounds`."""
        return self.head.text(doc), self.label, self.tail.text(doc)

    @property
    def linked(self) -> tuple[str, str, str] | None:
        """(head id, label, tail id), by the `kb_id` of the mentions; None where one has none."""
        head, tail = self.head.kb_id, self.tail.kb_id
        return (head, self.label, tail) if head and tail else None

    def shift(self, offset: int) -> Relation:
        """The same relation between mentions `offset` tokens later."""
        return replace(self, head=self.head.shift(offset), tail=self.tail.shift(offset))

    @classmethod
    def from_any(cls, value: Any) -> Relation:
        """Read a Relation or a mapping as `to_dict` makes it. Raises: RelxError RX002, RX004, RX254."""
        if isinstance(value, Relation):
            return value
        if isinstance(value, Mapping) and {"head", "label", "tail"} <= set(value):
            support = read_support(value)
            try:
                rest = {"score": value.get("score", 1.0), **support, "found_by": value.get("found_by")}
                return cls(value["head"], str(value["label"]), value["tail"], **rest)
            except RelxError as err:
                if err.code != "RX004":
                    raise
                raise RelxError("RX004", value=value) from err.__cause__
        raise RelxError("RX004", value=value)


def rounded(score: float) -> float:
    """A score or a weight as files and answers have it: six digits behind the point."""
    return round(float(score), 6)


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


def merge_found_by(items: Sequence[Any]) -> dict[str, float]:
    """The field `found_by` of equal Relations or Facts that become one.

    What was annotated keeps its score under the name `ANNOTATED`, so that it stays when components look again.
    """
    shares: dict[str, float] = {}
    if any(item.found_by for item in items):
        for item in items:
            for name, score in (item.found_by or {ANNOTATED: item.score}).items():
                shares[name] = max(score, shares.get(name, score))
    return shares


def read_found_by(shares: Mapping[str, Any] | None) -> dict[str, float]:
    """The field `found_by` as plain data. RAISES: TypeError, ValueError or AttributeError for one of another form."""
    return {str(name): float(score) for name, score in shares.items()} if shares else {}


def relation_rows(relations: Iterable[Any], doc: Doc) -> list[dict[str, Any] | None]:
    """Relations as plain rows of a Doc; None for one from a file whose mentions do not begin and end where tokens do.

    Raises:
        RelxError: RX002, RX003, RX004, RX254, RX541.

    Warns:
        RX540: Where there are such relations.
    """
    spans = SpanRows(doc)
    rows: list[dict[str, Any] | None] = []
    for value in relations:
        relation = Relation.from_any(value)
        head, tail = spans.mention(relation.head), spans.mention(relation.tail)
        if head is None or tail is None:
            rows.append(None)
        else:
            rows.append({**relation, "head": head, "tail": tail})
    if spans.lost:
        warn_lost(doc, "relations", rows.count(None), len(rows), *spans.lost[0])
    return rows


def relations_of(rows: Iterable[Mapping[str, Any]], doc: Doc) -> list[Relation]:
    """The Relations of plain rows of a Doc. Rows of one mention may be one object, of which one Mention is made."""
    relations, made = [], {}
    for row in rows:
        head, tail = row["head"], row["tail"]
        for each in (head, tail):
            if id(each) not in made:
                made[id(each)] = bind(Mention, each, doc)
        relation = Relation.__new__(Relation)
        dict.update(relation, row, head=made[id(head)], tail=made[id(tail)])
        relations.append(relation)
    return relations


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Candidate(Record):
    """An ordered pair of mentions that may be related.

    Args:
        head: A Mention, a Span or a mapping with "start", "end" and "label".
        tail: As `head`.
    """

    __slots__ = ()
    head: Mention
    tail: Mention

    def __init__(self, head: Any, tail: Any):
        dict.__init__(self, head=Mention.from_any(head), tail=Mention.from_any(tail))

    def _values(self) -> tuple[Any, ...]:
        return self["head"], self["tail"]

    def __repr__(self) -> str:
        return f"Candidate({short(self.head)}, {short(self.tail)})"


def _pair(head: Mention, tail: Mention) -> Candidate:
    """The same, for what is known to be mentions: there are many."""
    candidate = Candidate.__new__(Candidate)
    dict.update(candidate, head=head, tail=tail)
    return candidate


class Candidates(Sequence[Any]):
    """The ordered pairs of mentions that a relation extractor classifies, as arrays over one table of mentions.

    It is a sequence of `Candidate`; the arrays are faster.

    Args:
        mentions: The Doc's mentions, each once, with their types on the Doc.
        markers: int32 (n_mentions,), row of each mention's type in the marker vocabulary (0 is the uniform marker).
        pairs: int32 (n_pairs, 2), rows of `mentions`: head, tail.
        dropped: The number of pairs beyond the cap.
        types: The entity type of each mention under its name in training; None for the types of `mentions`.

    Attributes:
        spans: int32 (n_mentions, 2), tokens [start, end) of the mentions.
    """

    types: Sequence[str]
    _columns: Mapping[str, Any]
    _doc: Doc | None = None

    def __init__(
        self,
        mentions: Sequence[Mention],
        markers: np.ndarray,
        pairs: np.ndarray,
        dropped: int = 0,
        types: Sequence[str] | None = None,
    ):
        self.mentions = list(mentions)
        self.spans = np.array([(m.start, m.end) for m in self.mentions], dtype="int32").reshape(-1, 2)
        self.markers = np.asarray(markers, dtype="int32").reshape(-1)
        self.pairs = np.asarray(pairs, dtype="int32").reshape(-1, 2)
        self.dropped = int(dropped)
        self.types = [mention.label for mention in self.mentions] if types is None else list(types)

    @cached_property
    def mentions(self) -> list[Mention]:
        """The mentions as objects, made when they are first asked for."""
        columns, doc = self._columns, self._doc
        mentions = [Mention(*row) for row in zip(*(columns[name] for name in _PLAIN_COLUMNS))]
        if doc is not None:
            for mention, start_char, end_char in zip(mentions, *(columns[name] for name in _CHAR_COLUMNS)):
                dict.update(mention, start_char=start_char, end_char=end_char)
                mention._doc = doc
        return mentions

    @property
    def n_mentions(self) -> int:
        return len(self.spans)

    @property
    def labels(self) -> list[str]:
        """The entity type that each mention has on the Doc, "" where it has none."""
        if "mentions" in self.__dict__:
            return [mention.label for mention in self.mentions]
        return list(self._columns["labels"])

    @property
    def kb_ids(self) -> list[str]:
        """The entity of each mention, "" where it is not known."""
        if "mentions" in self.__dict__:
            return [mention.kb_id for mention in self.mentions]
        return list(self._columns["kb_ids"])

    @classmethod
    def empty(cls) -> Candidates:
        return cls([], np.zeros(0, "int32"), np.zeros((0, 2), "int32"))

    @classmethod
    def of_pairs(
        cls, pairs: Iterable[Candidate], markers: Mapping[Mention, int], types: Mapping[Mention, str]
    ) -> Candidates:
        """Candidates of pairs, and the markers and types of their mentions."""
        rows: dict[Mention, int] = {}
        places = [(rows.setdefault(p.head, len(rows)), rows.setdefault(p.tail, len(rows))) for p in pairs]
        of_rows = np.array([markers[mention] for mention in rows])
        return cls(list(rows), of_rows, np.array(places, dtype="int32"), types=[types[mention] for mention in rows])

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        head, tail = self.pairs[index]
        return _pair(self.mentions[head], self.mentions[tail])

    def __iter__(self) -> Iterator[Candidate]:
        mentions = self.mentions
        for head, tail in self.pairs.tolist():
            yield _pair(mentions[head], mentions[tail])

    def __getstate__(self) -> dict[str, Any]:
        """Without the Doc."""
        return {name: value for name, value in self.__dict__.items() if name != "_doc"}

    def __repr__(self) -> str:
        return f"Candidates(mentions={self.n_mentions}, pairs={len(self)}, dropped={self.dropped})"

    def are_of(self, doc: Doc) -> bool:
        """Whether the characters of the mentions, where they are known, are those of the Doc's text."""
        return self._doc is None or self._doc is doc or self._doc.text == doc.text

    def _chars(self) -> dict[str, list[int]]:
        """Columns of the mentions' characters, none where those of any are not known."""
        if "mentions" not in self.__dict__:
            return {name: list(self._columns[name]) for name in _CHAR_COLUMNS if name in self._columns}
        if not self.mentions or not all("start_char" in mention for mention in self.mentions):
            return {}
        return {name: [mention[MENTION_COLUMNS[name]] for mention in self.mentions] for name in _CHAR_COLUMNS}

    def to_dict(self) -> dict[str, Any]:
        """Plain columns: they are read far more often than mentions are wanted as objects."""
        return {
            **self._chars(),
            "starts": self.spans[:, 0].tolist(),
            "ends": self.spans[:, 1].tolist(),
            "labels": self.labels,
            "types": list(self.types),
            "kb_ids": self.kb_ids,
            "markers": self.markers.tolist(),
            "heads": self.pairs[:, 0].tolist(),
            "tails": self.pairs[:, 1].tolist(),
            "dropped": self.dropped,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], doc: Doc | None = None) -> Candidates:
        """Candidates of plain columns.

        Args:
            doc: What they are stored on; the columns then have the mentions' characters.
        """
        candidates = cls.__new__(cls)
        candidates._columns = data
        candidates._doc = doc
        candidates.spans = np.array([data["starts"], data["ends"]], dtype="int32").T
        candidates.markers = np.array(data["markers"], dtype="int32")
        candidates.pairs = np.array([data["heads"], data["tails"]], dtype="int32").T
        candidates.dropped = int(data["dropped"])
        candidates.types = data["types"]
        return candidates


class CandidateTuple(Candidates, tuple[Any, ...]):
    """`doc._.candidates`: the candidates as a tuple of `Candidate`, which JSON takes as it is, with the same arrays.

    The mapping of each mention has its "marker", and its "type" where training calls it by another name. Mentions
    without a pair, and `dropped`, are not in the JSON.
    """

    @classmethod
    def of(cls, candidates: Candidates) -> CandidateTuple:
        """The tuple of candidates that were read from a Doc."""
        doc: Any = candidates._doc
        mentions = [
            bind(Mention, {**mention, "marker": marker, **({} if kind == mention["label"] else {"type": kind})}, doc)
            for mention, marker, kind in zip(candidates.mentions, candidates.markers.tolist(), candidates.types)
        ]
        pairs = candidates.pairs.tolist()
        made = tuple.__new__(cls, [_pair(mentions[head], mentions[tail]) for head, tail in pairs])
        made.__dict__.update(candidates.__dict__, mentions=mentions)
        return made


#: Proposes pairs: (doc, mentions) -> blocks of int32 (n, 2), rows of `mentions`: head, tail; never one row twice.
CandidateGenerator = Callable[[Doc, Sequence[Mention]], Iterable[np.ndarray]]
#: Names the language of each text: ISO 639-1 codes, None where it cannot tell.
LanguageDetector = Callable[[Sequence[str]], list[Union[str, None]]]
