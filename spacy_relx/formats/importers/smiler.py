"""SMiLER (Seganti et al. 2021): tab-separated, the entities marked in the text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._markers import parse_markers
from ._read import NO_RELATION_LABELS, parse_rows, read_lines

COLUMNS = ["id", "entity_1", "entity_2", "label", "text", "lang"]


def read_smiler(path: Path, report: Report) -> Iterator[Record]:
    """Read a SMiLER file. The line with the names of the columns may be absent; their order is fixed.

    e1 is the head, e2 the tail; `no_relation` is no relation. There are no entity types: mentions are of the type ENT.
    BROKEN: RX102 (markers), RX108, RX109, RX111 (number of columns).
    """
    rows = ((place, line, line) for place, line in read_lines(path, report) if line.strip())
    yield from parse_rows(rows, _parse, report)


def _parse(line: str, place: Place, report: Report) -> Record | None:
    cells = line.split("\t")
    if len(cells) != len(COLUMNS):
        raise BadRecord("RX111", n=len(cells), wanted=len(COLUMNS), columns=", ".join(COLUMNS))
    if place.line == 1 and cells == COLUMNS:
        return None
    row = dict(zip(COLUMNS, map(_unquote, cells)))
    text, e1, e2 = parse_markers(row["text"].strip())
    record = Record(place, text=text, id=row["id"], lang=row["lang"].strip().lower())
    record.meta = {"label": row["label"], "entity_1": row["entity_1"], "entity_2": row["entity_2"]}
    record.mentions = [Mention(*e1, UNTYPED), Mention(*e2, UNTYPED)]
    if row["label"] in NO_RELATION_LABELS:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, row["label"])]
    return record


def _unquote(cell: str) -> str:
    """Undo the quoting of CSV writers, which quote a cell that holds quotes, and double those. A sentence that merely
    begins and ends with a quote stays as it is."""
    inner = cell[1:-1]
    if len(cell) > 2 and cell[0] == cell[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return cell
