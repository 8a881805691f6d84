"""OpenNRE's JSON lines (Wiki80, NYT10 and others in that style): one pair of mentions a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...types import Mention
from ..records import UNTYPED, Place, Record, Report
from ._read import NO_RELATION_LABELS, Row, get, get_id, get_words, int_list, parse_rows, read_json_lines


def read_opennre(path: Path, report: Report) -> Iterator[Record]:
    """Read an OpenNRE file: "token" or "text", "h" and "t" with "pos" [start, end), "relation".

    pos counts tokens where there are tokens, else characters. An entity's "type" is the mention's label (ENT where
    absent), its "id" the kb_id. The relations NA, Other and no_relation are none. A line without "relation" has
    mentions only. The relation as written is kept as meta["label"].
    BROKEN: RX101, RX102, RX103, RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    key = next((key for key in ("token", "tokens") if key in row), None)
    if key is not None:
        record.words = get_words(row, key)
    else:
        record.text = get(row, "text", str)
    for name in ("h", "t"):
        entity = get(row, name, dict)
        start, end = int_list(entity.get("pos"), 2, f"'pos' of '{name}'")
        label = get(entity, "type", str, f"in '{name}', ", default="") or UNTYPED
        record.mentions.append(Mention(start, end, label, get_id(entity, "id")))
    label = get(row, "relation", str, default=None)
    if label is not None:
        record.meta = {"label": label}
        if label in NO_RELATION_LABELS:
            report.relations_none += 1
        else:
            record.relations = [(0, 1, label)]
    return record
