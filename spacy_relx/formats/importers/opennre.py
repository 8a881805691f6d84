"""OpenNRE's JSON lines (Wiki80, NYT10 and others in that style): one pair of mentions a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, Place, Record, Report
from ._counting import CHARACTERS
from ._keys import Keys
from ._read import NO_RELATION_LABELS, Row, get, get_id, get_words, int_list, parse_rows, read_json_lines

_ENTITY = Keys("id", "name", "pos", "type")
_KEYS = Keys("text", "token", "tokens", "relation", "id", "lang", inside={"h": _ENTITY, "t": _ENTITY})


def read_opennre(path: Path, report: Report) -> Iterator[Record]:
    """Read an OpenNRE file: "token" or "text", "h" and "t" with "pos" [start, end), "relation".

    pos counts tokens where there are tokens, else characters. An entity's "type" is the mention's label (ENT where
    absent), its "id" the kb_id. The relations NA, Other and no_relation are none. A line without "relation" has
    mentions only. The relation as written is kept as meta["label"]. Where an entity has a "name" and another text
    stands at pos (blanks, capitals and punctuation aside), that is noted, and the mention kept.
    A line may have both tokens and a text: pos counts what the names stand in, tokens if both or none fit.
    BROKEN: RX101, RX102, RX103, RX108, RX109. NOTED: RX117; RX570 where names show that pos counts something else than
    characters.
    """
    rows = read_json_lines(path, report)
    units = ("utf16",)
    for record in parse_rows(rows, _parse, report, offsets=CHARACTERS, units=units, strict=False, unknown=_KEYS):
        for role, name, mention in zip(("h", "t"), record.quotes or (), record.mentions):
            _check_name(record, role, name, mention, report)
        yield record


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    record.quotes = []
    for name in ("h", "t"):
        entity = get(row, name, dict)
        start, end = int_list(entity.get("pos"), 2, f"'pos' of '{name}'")
        label = get(entity, "type", str, f"in '{name}', ", default="") or UNTYPED
        record.mentions.append(Mention(start, end, label, str(get_id(entity, "id"))))
        record.quotes.append(entity["name"] if isinstance(entity.get("name"), str) else None)
    key = next((key for key in ("token", "tokens") if key in row), None)
    if key is None or _is_of_text(row, key, record):
        record.text = get(row, "text", str)
    else:
        record.words = get_words(row, key)
    label = get(row, "relation", str, default=None)
    if label is not None:
        record.meta = {"label": label}
        if label in NO_RELATION_LABELS:
            report.relations_none += 1
        else:
            record.relations = [(0, 1, label)]
    return record


def _is_of_text(row: Row, key: str, record: Record) -> bool:
    """Whether offsets count the text that stands beside the tokens, as the names of the entities show."""
    text, words = row.get("text"), get_words(row, key)
    if not isinstance(text, str) or not any(record.quotes or ()):
        return False
    named = [(mention, name) for mention, name in zip(record.mentions, record.quotes or ()) if name is not None]
    in_text = all(_same(text[mention.start : mention.end], name) for mention, name in named)
    in_words = all(_same(" ".join(words[mention.start : mention.end]), name) for mention, name in named)
    return in_text and not in_words


def _check_name(record: Record, role: str, name: str | None, mention: Mention, report: Report) -> None:
    """Compare the name of an entity, where the data has one, with the text of its mention."""
    if not name:
        return
    start, end = mention.start, mention.end
    unit, sequence = ("tokens", record.words) if record.words is not None else ("characters", record.text or "")
    found = " ".join(sequence[start:end]) if unit == "tokens" else record.content[start:end]
    if not _same(found, name):
        values = {"role": role, "name": name, "found": found, "unit": unit, "start": start, "end": end}
        report.note("RX117", record.place, record.content, **values)


def _same(found: str, name: str) -> bool:
    return found == name or _bare(found) == _bare(name)


def _bare(text: str) -> str:
    """What counts of a name: no blanks, capitals or punctuation (unless there is nothing else), which tokens and data
    bases write in their own ways."""
    folded = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return "".join(char for char in folded if unicodedata.category(char)[0] not in "PC") or folded
