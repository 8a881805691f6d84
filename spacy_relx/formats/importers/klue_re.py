"""KLUE-RE (Park et al. 2021): Korean sentences with one pair of typed entities, as CSV or as JSON lines."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.annotated import ONLY_PAIRS
from ...data.types import Mention
from ..records import BadRecord, Place, Record, Report
from ._keys import Keys
from ._read import Row, get, get_id, int_list, parse_rows, read_json_lines, read_lines

#: The columns that are read; others, such as a model's predictions, are passed over.
COLUMNS = ["sentence", "subject_entity", "object_entity", "label"]
_KEYS = Keys("id", "guid", "sentence", "s", "s_type", "o", "o_type", "label", "source")


def read_klue_re(path: Path, report: Report) -> Iterator[Record]:
    """Read KLUE-RE: a CSV with "sentence", "subject_entity", "object_entity" and "label", or JSON lines with "s" and
    "o" [start, end) and "s_type", "o_type".

    In the CSV an entity is a Python dict of word, start_idx, end_idx (inclusive) and type; its word is checked. The
    subject is the head. Only this pair is annotated; the label no_relation says that it is unrelated.
    BROKEN: RX101, RX102, RX103, RX105, RX108, RX109.
    """
    if path.name.removesuffix(".gz").removesuffix(".bz2").endswith(".csv"):
        yield from parse_rows(_csv_rows(path, report), _parse_csv, report, inclusive=True)
    else:
        yield from parse_rows(read_json_lines(path, report), _parse_json, report, unknown=_KEYS)


def _csv_rows(path: Path, report: Report) -> Iterator[tuple[Place, str, Any]]:
    """Each row as a dict. A value in quotes may hold line ends: a row begins where the one before it is complete."""
    columns: list[str] = []
    parts: list[str] = []
    first: Place | None = None
    n_quotes = 0
    for place, line in read_lines(path, report):
        first = first or place
        parts.append(line)
        n_quotes += line.count('"')
        if n_quotes % 2 or not (line or parts[1:]):
            continue
        text = "\n".join(parts)
        row = next(csv.reader(text.splitlines(keepends=True)))
        parts, start, first, n_quotes = [], first, None, 0
        if not columns:
            columns = row
            missing = [name for name in COLUMNS if name not in columns]
            if missing:
                report.broken("RX102", start, line, problem=f"the header has no column {missing[0]!r}")
                return
        elif len(row) != len(columns):
            problem = f"the row has {len(row)} columns, but the header has {len(columns)}"
            report.broken("RX102", start, text, problem=problem)
        else:
            yield start, text, dict(zip(columns, row))
    if first is not None and "".join(parts).strip():
        report.broken("RX102", first, "\n".join(parts), problem="a quoted value does not end")


def _parse_csv(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, text=row["sentence"], id=get_id(row, "id", "guid"), lang="ko", annotated=ONLY_PAIRS)
    for key in ("subject_entity", "object_entity"):
        try:
            entity = ast.literal_eval(row[key])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            entity = None
        if not isinstance(entity, dict):
            raise BadRecord("RX102", problem=f"'{key}' must be a Python dict, but is {row[key]!r:.80}")
        start, last = (get(entity, name, int, f"in '{key}', ") for name in ("start_idx", "end_idx"))
        word = get(entity, "word", str, f"in '{key}', ")
        found = (record.text or "")[max(start, 0) : last + 1]
        if found != word:
            raise BadRecord("RX105", start=start, end=last + 1, found=found, wanted=word)
        record.mentions.append(Mention(start, last + 1, get(entity, "type", str, f"in '{key}', ", default="")))
    return _finish(record, row)


def _parse_json(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, text=get(row, "sentence", str), id=get_id(row, "id", "guid"), lang="ko")
    record.annotated = ONLY_PAIRS
    for key in ("s", "o"):
        start, end = int_list(row.get(key), 2, f"'{key}'")
        record.mentions.append(Mention(start, end, get(row, f"{key}_type", str, default="")))
    return _finish(record, row)


def _finish(record: Record, row: Row) -> Record:
    record.relations = [(0, 1, get(row, "label", str))]
    if isinstance(row.get("source"), str):
        record.meta = {"source": row["source"]}
    return record
