"""RED-FM (Huguet Cabot et al. 2023) as marked pairs: JSON lines, one pair of entities a line, marked in the text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, Place, Record, Report
from ._keys import Keys
from ._markers import misplaced, parse_markers
from ._read import NO_RELATION_LABELS, Row, get, get_id, parse_rows, read_json_lines

_KEYS = Keys("text", "label", "id", "lang", "pid", "e1", "e2")


def read_redfm(path: Path, report: Report) -> Iterator[Record]:
    """Read marked pairs of RED-FM: "text" with <e1>..</e1> and <e2>..</e2>, "label", and if known "id", "lang", "pid".

    e1 is the head, e2 the tail. The label and the Wikidata id of the property are kept as meta["label"] and
    meta["pid"]; "e1" and "e2" repeat what is marked and are not read. There are no entity types: mentions are of the
    type ENT. Each line is a record of its own: a text with several pairs is there as often, with two mentions each.
    BROKEN: RX101, RX102 (markers; also where they overlap or nest, as no pair of the data does), RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    text, e1, e2 = parse_markers(get(row, "text", str).strip())
    if e1[0] < e2[1] and e2[0] < e1[1]:
        raise misplaced("the two overlap")
    label = get(row, "label", str)
    record = Record(place, text=text, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    record.meta = {"label": label, "pid": get(row, "pid", str, default="")}
    record.mentions = [Mention(*e1, UNTYPED), Mention(*e2, UNTYPED)]
    if label in NO_RELATION_LABELS:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, label)]
    return record
