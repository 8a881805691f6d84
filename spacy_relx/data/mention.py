"""Mentions of entities, and other spans of tokens, as records that follow their text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index as as_integer
from typing import Any, TypeVar

from spacy.tokens import Doc, Span

from ..errors import RelxError
from .ids import optional_entity_id
from .places import Places, char_bounds, check_span, fits
from .record import Record, serve_fields, shown
from .text_forms import normal_form

#: Keys of the characters of a span in its mapping.
CHARS = ("start_char", "end_char")
_Span = TypeVar("_Span", bound="SpanRecord")


class SpanRecord(Record):
    """A record of tokens [start, end), which knows its characters and its Doc once it was read from one.

    `start_char` and `end_char` are in the mapping then, but make no difference for equality.
    """

    __slots__ = ("_doc",)
    start: int
    end: int
    _doc: Doc

    @property
    def start_char(self) -> int | None:
        """The first character, None where it is not known."""
        return self.get("start_char")

    @property
    def end_char(self) -> int | None:
        """The character behind the last one, None where it is not known."""
        return self.get("end_char")

    def own_doc(self) -> Doc | None:
        """The Doc that it was read from."""
        return getattr(self, "_doc", None)

    def bounds(self, doc: Doc) -> tuple[int, int]:
        """The tokens [start, end) of `doc` that it stands for, which follow the text when tokens were merged or split.

        Raises:
            RelxError: RX003 where it does not fit the Doc, RX541 where it does not begin and end where tokens do.
        """
        start, end = self.start, self.end
        if "start_char" not in self:
            check_span(start, end, len(doc))
            return start, end
        start_char, end_char = self["start_char"], self["end_char"]
        if fits(doc, start, end, start_char, end_char):
            return start, end
        own = self.own_doc()
        if own is not None and own is not doc and own.text != doc.text:  # another text: only tokens can be meant
            check_span(start, end, len(doc))
            return start, end
        found = self.find(Places(doc))
        if found is None:
            raise RelxError("RX541", text=doc.text[start_char:end_char], start=start_char, end=end_char)
        return found

    def find(self, places: Places) -> tuple[int, int] | None:
        """The tokens [start, end) at its characters, None where it does not begin and end where tokens do."""
        return places.exact(self["start_char"], self["end_char"])

    def own_text(self) -> str:
        """Its text, "" where the Doc is not known."""
        doc = self.own_doc()
        if doc is None:
            return ""
        if fits(doc, self.start, self.end, self["start_char"], self["end_char"]):
            return doc[self.start : self.end].text
        return doc.text[self["start_char"] : self["end_char"]]


def short(span: SpanRecord) -> str:
    """A span in the `repr` of what it is part of: its text, or its tokens where that is not known."""
    return shown(span.own_text()) if span.own_doc() is not None else f"[{span.start}:{span.end}]"


def bind(cls: type[_Span], row: Mapping[str, Any], doc: Doc) -> _Span:
    """The record of a plain row of a Doc."""
    record = cls.__new__(cls)
    dict.update(record, row)
    record._doc = doc
    return record


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Mention(SpanRecord):
    """A mention of an entity.

    Attributes:
        start: The first token.
        end: The token after the last one.
        label: The entity type. It is normalised by `text_forms.normal_form`, and so is `kb_id`.
        kb_id: The id of the entity; "" if it is unknown.
        start_char: The first character; None if the mention was not read from a Doc.
        end_char: The character after the last one, or None.
    """

    __slots__ = ()
    start: int
    end: int
    label: str = ""
    kb_id: str = ""

    def __init__(self, start: int, end: int, label: str = "", kb_id: str = ""):
        dict.__init__(self, start=start, end=end, label=normal_form(label))
        if kb_id:
            dict.__setitem__(self, "kb_id", normal_form(kb_id))

    def _values(self) -> tuple[Any, ...]:
        return self["start"], self["end"], self["label"], self.get("kb_id", "")

    def __repr__(self) -> str:
        kb_id = f", {self.kb_id!r}" if self.kb_id else ""
        text = f", text={shown(self.own_text())}" if self.own_doc() is not None else ""
        return f"Mention({self.start}, {self.end}, {self.label!r}{kb_id}{text})"

    def span(self, doc: Doc) -> Span:
        """The mention as a Span of `doc`. Raises: RelxError RX003, RX541, see `bounds`."""
        return Span(doc, *self.bounds(doc), label=self.label, kb_id=self.kb_id)

    def text(self, doc: Doc) -> str:
        """Its words in `doc`. Raises: RelxError RX003, RX541, see `bounds`."""
        start, end = self.bounds(doc)
        return doc[start:end].text

    def shift(self, offset: int) -> Mention:
        """The same mention `offset` tokens later."""
        return Mention(self.start + offset, self.end + offset, self.label, self.kb_id)

    @classmethod
    def from_any(cls, value: Any) -> Mention:
        """Read a Mention, a Span or a mapping. Raises: RelxError RX002, RX580 (a kb_id that is none)."""
        if isinstance(value, Mention):
            return value
        if isinstance(value, Span):
            mention = cls(value.start, value.end, value.label_, value.kb_id_)
            dict.update(mention, start_char=value.start_char, end_char=value.end_char)
            mention._doc = value.doc
            return mention
        if isinstance(value, Mapping) and "start" in value and "end" in value:
            try:  # integers of any kind (numpy's too), but 1.7 is not cut to 1
                mention = cls(as_integer(value["start"]), as_integer(value["end"]))
                chars = {name: as_integer(value[name]) for name in CHARS if value.get(name) is not None}
            except TypeError as err:
                raise RelxError("RX002", value=value) from err
            kb_id = _kb_id(value)
            dict.update(
                mention, label=normal_form(str(value.get("label") or "")), **({"kb_id": kb_id} if kb_id else {})
            )
            if len(chars) == len(CHARS):
                dict.update(mention, chars)
            return mention
        raise RelxError("RX002", value=value)


def _kb_id(row: Mapping[str, Any]) -> str:
    """Raises: RelxError RX580."""
    try:
        return optional_entity_id(row.get("kb_id"))
    except ValueError as err:
        raise RelxError("RX580", where="a mention", reason=err) from err


class SpanRows:
    """Makes plain rows of spans of one Doc, with the characters that they stand for; each object once."""

    def __init__(self, doc: Doc):
        self._doc = doc
        self._length = len(doc)
        self._made: dict[int, tuple[SpanRecord, dict[str, Any] | None]] = {}
        self._places: Places | None = None
        #: (start_char, end_char) of spans that do not begin and end where tokens do.
        self.lost: list[tuple[int, int]] = []

    def mention(self, mention: Mention) -> dict[str, Any] | None:
        """The row of a mention, None for one from a file that does not begin and end where tokens do.

        Raises:
            RelxError: RX003, RX541.
        """
        made = self._made.get(id(mention))
        if made is None:
            row = self.place(mention)
            if row is not None:
                row["label"] = mention.label
                if mention.kb_id:
                    row["kb_id"] = mention.kb_id
            made = self._made[id(mention)] = mention, row  # the object, so that no other one gets its id
        return made[1]

    def place(self, span: SpanRecord) -> dict[str, Any] | None:
        """start, end, start_char and end_char of a span, as `mention` has them."""
        start, end = span["start"], span["end"]
        if 0 <= start < end <= self._length:
            start_char, end_char = char_bounds(self._doc, start, end)
            if "start_char" not in span or (span["start_char"] == start_char and span["end_char"] == end_char):
                return {"start": int(start), "end": int(end), "start_char": start_char, "end_char": end_char}
        found = self._moved(span)
        if found is None:
            return None
        start_char, end_char = char_bounds(self._doc, *found)
        return {"start": found[0], "end": found[1], "start_char": start_char, "end_char": end_char}

    def _moved(self, span: SpanRecord) -> tuple[int, int] | None:
        """The tokens of a span that other tokens stand for now."""
        if "start_char" not in span or span.own_doc() is not None:
            return span.bounds(self._doc)
        if self._places is None:
            self._places = Places(self._doc)
        found = span.find(self._places)
        if found is None:
            self.lost.append((span["start_char"], span["end_char"]))
        return found
