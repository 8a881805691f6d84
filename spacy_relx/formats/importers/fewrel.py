"""FewRel (Han et al. 2018): sentences with one pair of entities and its Wikidata property."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.annotated import ONLY_PAIRS
from ...data.files import open_binary
from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._keys import Keys
from ._read import Row, get, get_id, get_words, json_name, parse_rows, read_json, read_json_lines

#: What rows of this project's kind carry besides: it becomes meta.
_META = ("cased", "src", "in_wiki80_dev", "in_val_wiki")
_KEYS = Keys("relation", "tokens", "h", "t", *_META)
_HEAD = 1 << 16


def read_fewrel(path: Path, report: Report) -> Iterator[Record]:
    """Read FewRel: the published object of lists by relation, or JSON lines with "relation" beside "tokens".

    "h" and "t" are [name, Wikidata id, places], or one place; a place is a list of indices of tokens, all of which the
    mention spans. The first place is the mention. Mentions are of the type ENT, and only this pair is annotated.
    BROKEN: RX101, RX102, RX103, RX108, RX109; in the object, places count sentences.
    """
    rows = read_json_lines(path, report) if _has_lines(path) else _rows(path, report)
    yield from parse_rows(rows, _parse, report, unknown=_KEYS)


def _has_lines(path: Path) -> bool:
    """Whether each line is an object of its own: then the key of a relation stands in it."""
    try:
        with open_binary(path) as stream:
            line = stream.readline(_HEAD)
    except (OSError, EOFError):
        return False  # the reader says why
    return b'"relation"' in line


def _rows(path: Path, report: Report) -> Iterator[tuple[Place, str, Any]]:
    """The sentences of the object of lists, each with its relation."""
    n_broken, value = report.records_broken, read_json(path, report)
    if report.records_broken > n_broken:
        return
    if not isinstance(value, dict):
        report.broken("RX102", Place(path, 1), "", problem=f"the file must be an object, this is {json_name(value)}")
        return
    number = 0
    for label, rows in value.items():
        if not isinstance(rows, list):
            problem = f"'{label}' must be a list of sentences, but is {json_name(rows)}"
            report.broken("RX102", Place(path, 1), label, problem=problem)
            continue
        for row in rows:
            number += 1
            place = Place(path, number, "sentence")
            if isinstance(row, dict):
                yield place, str(row), {**row, "relation": label}
            else:
                problem = f"a sentence must be an object, but is {json_name(row)}"
                report.broken("RX102", place, str(row), problem=problem)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, words=get_words(row, "tokens"), lang="en", annotated=ONLY_PAIRS)
    record.mentions = [_mention(row, key) for key in ("h", "t")]
    record.relations = [(0, 1, get(row, "relation", str))]
    record.meta = {key: row[key] for key in _META if key in row}
    return record


def _mention(row: Row, key: str) -> Mention:
    value = get(row, key, list)
    kb_id: str | int = ""
    if value and isinstance(value[-1], list):
        if len(value) != 3 or not value[2] or not isinstance(value[2][0], list):
            raise BadRecord("RX102", problem=f"'{key}' must be [name, id, places], but is {value!r}")
        kb_id, value = get_id({"id": value[1]}, "id"), value[2][0]
    if not value or any(type(index) is not int for index in value):
        raise BadRecord("RX102", problem=f"a place of '{key}' must be a list of indices of tokens, but is {value!r}")
    return Mention(min(value), max(value) + 1, UNTYPED, str(kb_id))
