"""doccano's JSON lines for projects with relations, and for sequence labelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._read import Row, get, get_id, get_objects, int_list, parse_rows, read_json_lines


def read_doccano(path: Path, report: Report) -> Iterator[Record]:
    """Read an export: "text", "entities" with "start_offset" and "end_offset" in characters, "relations".

    "from_id" is the head, "to_id" the tail, "type" the label. A project without relations has "label" instead, a list
    of [start, end, label].
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109, RX309.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, text=get(row, "text", str), id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    names: dict[int, int] = {}
    if "entities" not in row and "relations" not in row and "label" not in row:
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
    for value in get(row, "label", list, default=[]):
        start, end = int_list(value, 2, "an item of 'label'")
        if len(value) < 3 or not isinstance(value[2], str):
            raise BadRecord("RX102", problem=f"an item of 'label' must be [start, end, label], but is {value!r}")
        record.mentions.append(Mention(start, end, value[2]))
    for relation in get_objects(row, "relations"):
        head, tail = (get(relation, key, int, "in a relation, ") for key in ("from_id", "to_id"))
        for name in (head, tail):
            if name not in names:
                raise BadRecord("RX104", value=name, n=len(names))
        record.relations.append((names[head], names[tail], get(relation, "type", str, "in a relation, ")))
    return record
