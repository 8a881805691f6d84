"""OpenNRE's JSON lines (Wiki80, NYT10 and others in that style): one pair of mentions a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ...types import Mention
from ..records import UNTYPED, Place, Record, Report
from ._read import NO_RELATION_LABELS, Row, get, get_id, get_words, int_list, parse_rows, read_json_lines


def read_opennre(path: Path, report: Report) -> Iterator[Record]:
    """Read an OpenNRE file: "token" or "text", "h" and "t" with "pos" [start, end), "relation".

    pos counts tokens where there are tokens, else characters. An entity's "type" is the mention's label (ENT where
    absent), its "id" the kb_id. The relations NA, Other and no_relation are none. A line without "relation" has
    mentions only. The relation as written is kept as meta["label"]. Where an entity has a "name" and another text
    stands at pos (blanks, capitals and punctuation aside), that is noted, and the mention kept.
    BROKEN: RX101, RX102, RX103, RX108, RX109. NOTED: RX117.
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
    for name, mention in zip(("h", "t"), record.mentions):
        _check_name(record, name, row[name].get("name"), mention, report)
    label = get(row, "relation", str, default=None)
    if label is not None:
        record.meta = {"label": label}
        if label in NO_RELATION_LABELS:
            report.relations_none += 1
        else:
            record.relations = [(0, 1, label)]
    return record


def _check_name(record: Record, role: str, name: object, mention: Mention, report: Report) -> None:
    """Compare the name of an entity, where the data has one, with the text of its mention."""
    start, end = mention.start, mention.end
    unit, sequence = ("tokens", record.words) if record.words is not None else ("characters", record.text or "")
    if not isinstance(name, str) or not name or not 0 <= start < end <= len(sequence):  # RX103 says what is wrong
        return
    found = " ".join(sequence[start:end]) if unit == "tokens" else record.content[start:end]
    if found != name and _bare(found) != _bare(name):
        values = {"role": role, "name": name, "found": found, "unit": unit, "start": start, "end": end}
        report.note("RX117", record.place, record.content, **values)


def _bare(text: str) -> str:
    """What counts of a name: no blanks, capitals or punctuation (unless there is nothing else), which tokens and data
    bases write in their own ways."""
    folded = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return "".join(char for char in folded if unicodedata.category(char)[0] not in "PC") or folded
