"""TACRED (Zhang et al. 2017), and what is given in its JSON: one pair of mentions a sentence, ends INCLUSIVE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, Place, Record, Report
from ._keys import Keys
from ._read import NO_RELATION_LABELS, Row, get, get_id, get_words, parse_rows, read_json_list

_KEYS = Keys(
    *("id", "docid", "token", "relation", "subj_start", "subj_end", "subj_type", "obj_start", "obj_end", "obj_type"),
    prefix="stanford_",
)


def read_tacred(path: Path, report: Report) -> Iterator[Record]:
    """Read a JSON list of sentences: the subject is the head, the object the tail; `no_relation` is no relation.

    The relation as written is kept as meta["label"]. A sentence with several pairs is as many records, as in the file.
    BROKEN: RX101, RX102, RX103, RX108, RX109, RX602; places count sentences.
    """
    rows = read_json_list(path, report, lambda row: str(row.get("token", row)))
    sentences = ((place._replace(unit="sentence"), text, row) for place, text, row in rows)
    yield from parse_rows(sentences, _parse, report, inclusive=True, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    label = get(row, "relation", str)
    record = Record(place, words=get_words(row, "token"), id=get_id(row, "id"), meta={"label": label})
    for role in ("subj", "obj"):
        start, last = get(row, f"{role}_start", int), get(row, f"{role}_end", int)
        kind = get(row, f"{role}_type", str, default="") or UNTYPED
        record.mentions.append(Mention(start, last + 1, kind))
    if label in NO_RELATION_LABELS:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, label)]
    return record
