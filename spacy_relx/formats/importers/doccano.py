"""doccano's JSON lines for projects with relations, and for sequence labelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._counting import UTF16 as UTF16_UNITS
from ._keys import Keys
from ._offsets import clear_best, faults_of_fields
from ._read import Row, get, get_id, get_objects, int_list, parse_rows, read_json_lines

#: A key of our own and its value, by which files of ours say what their offsets count: doccano keeps it as any other.
UNIT, UTF16 = "offset_unit", "utf16"
#: Where a project without relations has its spans: "labels" before version 1.4.
_LISTS = ("label", "labels")
#: Where the text is: "data" in version 1.4.
_TEXTS = ("text", "data")
#: Units that editors of this format and other programs count.
_UNITS = ("utf16", "characters", "graphemes")
_KEYS = Keys(
    *("id", "lang", "Comments", "comments", "cats", "meta", "annotation_approver", UNIT, *_TEXTS, *_LISTS),
    inside={
        "entities": Keys("id", "label", "start_offset", "end_offset", "user", "example", "created_at", "updated_at"),
        "relations": Keys("id", "from_id", "to_id", "type"),
    },
)


def read_doccano(path: Path, report: Report) -> Iterator[Record]:
    """Read an export: "text", "entities" with "start_offset" and "end_offset", "relations".

    "from_id" is the head, "to_id" the tail, "type" the label. A project without relations has "label" instead, a list
    of [start, end, label]. The text is "data" where there is no "text", as in version 1.4.
    Offsets count UTF-16 units, as the editor does, unless the mentions show that they count something else (RX570):
    grapheme clusters, if the project is set so, of which CR LF is one, or characters, if another program wrote them.
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109, RX602, RX573 (two fields may be the text).
    """
    rows = read_json_lines(path, report)
    yield from parse_rows(rows, _parse, report, offsets=UTF16_UNITS, units=_UNITS, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    names: dict[int, int] = {}
    if not {"entities", "relations", *_LISTS} & set(row):
        raise BadRecord("RX102", problem="there are neither 'entities' nor 'label'")
    for entity in get_objects(row, "entities"):
        start, end = (get(entity, key, int, "in an entity, ") for key in ("start_offset", "end_offset"))
        name = get(entity, "id", int, "in an entity, ", default=None)
        if name in names:
            raise BadRecord("RX102", problem=f"two entities have the id {name}")
        if name is not None:
            names[name] = len(record.mentions)
        label = get(entity, "label", str, "in an entity, ", default="") or UNTYPED
        record.mentions.append(Mention(start, end, label))
    for key in _LISTS:
        for value in get(row, key, list, default=[]):
            start, end = int_list(value, 2, f"an item of '{key}'")
            if len(value) < 3 or not isinstance(value[2], str):
                raise BadRecord("RX102", problem=f"an item of '{key}' must be [start, end, label], but is {value!r}")
            record.mentions.append(Mention(start, end, value[2]))
    record.quotes = [None] * len(record.mentions)
    record.unit = UTF16 if row.get(UNIT) == UTF16 else ""
    record.text = _text(row, record)
    for relation in get_objects(row, "relations"):
        head, tail = (get(relation, key, int, "in a relation, ") for key in ("from_id", "to_id"))
        for name in (head, tail):
            if name not in names:
                raise BadRecord("RX104", value=name, n=len(names))
        record.relations.append((names[head], names[tail], get(relation, "type", str, "in a relation, ")))
    return record


def _text(row: Row, record: Record) -> str:
    """The text that was annotated. RAISES: BadRecord RX573 where two fields may be it."""
    texts = {key: row[key] for key in _TEXTS if isinstance(row.get(key), str)}
    if len(texts) < 2:
        return get(row, next(iter(texts), "text"), str)
    spans = [[(mention.start, mention.end)] for mention in record.mentions]
    name = clear_best(faults_of_fields(texts, spans, record.quotes or [], UTF16_UNITS, _UNITS)) if spans else None
    if name is None:
        reason = f"{' and '.join(map(repr, texts))} may be it"
        raise BadRecord("RX573", reason=reason, advice="Remove the field that is not the text, or rename it.")
    return texts[name]
