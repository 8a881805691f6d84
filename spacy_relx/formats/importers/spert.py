"""SpERT's JSON (Eberts & Ulges 2020), in which CoNLL04, ADE and SciERC are often given: one list of sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import Place, Record, Report
from ._keys import Keys
from ._read import Row, get, get_id, get_objects, get_words, parse_rows, read_json_list

_KEYS = Keys(
    *("tokens", "orig_id", "id", "pos", "dep", "dep_label", "verb_indicator", "ltokens", "rtokens"),
    inside={"entities": Keys("type", "start", "end"), "relations": Keys("type", "head", "tail")},
)


def read_spert(path: Path, report: Report) -> Iterator[Record]:
    """Read a JSON list of {"tokens", "entities", "relations"}: "start" and "end" of entities count tokens, the end is
    exclusive; "head" and "tail" are places in "entities". The id is "orig_id" or "id", where given.
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109, RX602; places count sentences.
    """
    rows = read_json_list(path, report, lambda row: str(row.get("tokens", row)))
    sentences = ((place._replace(unit="sentence"), text, row) for place, text, row in rows)
    yield from parse_rows(sentences, _parse, report, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, words=get_words(row, "tokens"), id=get_id(row, "orig_id", "id"))
    get(row, "entities", list)
    for entity in get_objects(row, "entities"):
        start, end = (get(entity, key, int, "in an entity, ") for key in ("start", "end"))
        record.mentions.append(Mention(start, end, get(entity, "type", str, "in an entity, ")))
    for relation in get_objects(row, "relations"):
        head, tail = (get(relation, key, int, "in a relation, ") for key in ("head", "tail"))
        record.relations.append((head, tail, get(relation, "type", str, "in a relation, ")))
    return record
