"""doccano's JSON lines for projects with relations, and for sequence labelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._read import Row, get, get_id, get_objects, in_word, int_list, parse_rows, pass_over, read_json_lines
from ._tokens import Span, Utf16Offsets

#: A key of our own and its value, by which files of ours say what their offsets count: doccano keeps it as any other.
UNIT, UTF16 = "offset_unit", "utf16"
#: Where a project without relations has its spans: "labels" before version 1.4.
_LISTS = ("label", "labels")


def read_doccano(path: Path, report: Report) -> Iterator[Record]:
    """Read an export: "text", "entities" with "start_offset" and "end_offset", "relations".

    "from_id" is the head, "to_id" the tail, "type" the label. A project without relations has "label" instead, a list
    of [start, end, label].
    Offsets count UTF-16 units, as the editor does, which matters behind characters beyond the BMP only, such as emojis
    (RX415); where mentions so read cut words, and read as characters cut none, they are characters (RX416).
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109, RX309.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report)


def _parse(row: Row, place: Place, report: Report) -> Record:
    text = get(row, "text", str)
    record = Record(place, text=text, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    names: dict[int, int] = {}
    spans: list[Span] = []
    labels: list[str] = []
    if not {"entities", "relations", *_LISTS} & set(row):
        raise BadRecord("RX102", problem="there are neither 'entities' nor 'label'")
    for entity in get_objects(row, "entities"):
        start, end = (get(entity, key, int, "in an entity, ") for key in ("start_offset", "end_offset"))
        name = get(entity, "id", int, "in an entity, ", default=None)
        if name in names:
            raise BadRecord("RX102", problem=f"two entities have the id {name}")
        if name is not None:
            names[name] = len(spans)
        spans.append((start, end))
        labels.append(get(entity, "label", str, "in an entity, ", default="") or UNTYPED)
    for key in _LISTS:
        for value in get(row, key, list, default=[]):
            start, end = int_list(value, 2, f"an item of '{key}'")
            if len(value) < 3 or not isinstance(value[2], str):
                raise BadRecord("RX102", problem=f"an item of '{key}' must be [start, end, label], but is {value!r}")
            spans.append((start, end))
            labels.append(value[2])
    spans = _in_characters(text, spans, row.get(UNIT) == UTF16, place, report)
    record.mentions = [Mention(start, end, label) for (start, end), label in zip(spans, labels)]
    for relation in get_objects(row, "relations"):
        head, tail = (get(relation, key, int, "in a relation, ") for key in ("from_id", "to_id"))
        for name in (head, tail):
            if name not in names:
                raise BadRecord("RX104", value=name, n=len(names))
        record.relations.append((names[head], names[tail], get(relation, "type", str, "in a relation, ")))
    return record


def _in_characters(text: str, spans: list[Span], is_utf16: bool, place: Place, report: Report) -> list[Span]:
    """Offsets in characters. is_utf16: whether the file itself says what they count now. RAISES: BadRecord RX103."""
    units = Utf16Offsets(text)
    if units.length == len(text):
        return spans
    fits_characters = all(_is_clean(text, span) for span in spans)
    try:
        found = [units.span(*span) for span in spans]
    except BadRecord:
        if is_utf16 or not fits_characters:
            raise
        found = None
    if is_utf16 or found == spans:
        return found or []
    if found is None or (fits_characters and not all(_is_clean(text, span) for span in found)):
        pass_over(report, "RX416", place, text)
        return spans
    pass_over(report, "RX415", place, text)
    return found


def _is_clean(text: str, span: Span) -> bool:
    """Whether a span lies in the text, and neither cuts a word nor begins or ends with a blank."""
    start, end = span
    if not 0 <= start < end <= len(text) or text[start].isspace() or text[end - 1].isspace():
        return False
    cuts = (start, end)
    return not any(0 < at < len(text) and in_word(text[at - 1]) and in_word(text[at]) for at in cuts)
