"""KnowledgeNet (Mesquita et al. 2019): passages, exhaustively annotated for some properties each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...data.annotated import NONE, Annotated
from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._keys import Keys
from ._read import Row, get, get_id, get_objects, int_list, json_name, parse_rows, read_json_lines

#: The types of what a property joins; FOUNDED_BY has founders of several types.
_TYPES = {
    "DATE_OF_BIRTH": ("PER", "TIME"),
    "DATE_OF_DEATH": ("PER", "TIME"),
    "PLACE_OF_RESIDENCE": ("PER", "LOC"),
    "PLACE_OF_BIRTH": ("PER", "LOC"),
    "NATIONALITY": ("PER", "LOC"),
    "EMPLOYEE_OR_MEMBER_OF": ("PER", "ORG"),
    "EDUCATED_AT": ("PER", "ORG"),
    "POLITICAL_AFFILIATION": ("PER", "ORG"),
    "CHILD_OF": ("PER", "PER"),
    "SPOUSE": ("PER", "PER"),
    "DATE_FOUNDED": ("ORG", "TIME"),
    "HEADQUARTERS": ("ORG", "LOC"),
    "SUBSIDIARY_OF": ("ORG", "ORG"),
    "FOUNDED_BY": ("ORG", UNTYPED),
    "CEO": ("ORG", "PER"),
}
_PREFIX = "http://www.wikidata.org/entity/"
_FACT = Keys("relation", "s", "o", "s_uri", "o_uri", prefix="")
_PASSAGE = Keys("doc", "fold", "start", "end", "text", "no_fact_for", inside={"facts": _FACT})
_DOCUMENT = Keys("documentId", "fold", "source", "documentText", "passages")


def read_knowledgenet(path: Path, report: Report) -> Iterator[Record]:
    """Read KnowledgeNet: the published JSON lines of documents, or lines of passages.

    One record a passage, with the id `DOCUMENT#START` and the number of the document and its fold in meta. The
    annotation covers the properties that a passage has facts of or is said to have none of. Nothing is known of other
    mentions; among those that are marked are pronouns. A Wikidata id is the kb_id. Entities have the type that the
    property asks for.
    BROKEN: RX101, RX102, RX103, RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, unknown=_unknown)


def _unknown(row: Any) -> Any:
    return (_DOCUMENT if "passages" in row else _PASSAGE)(row)


def _parse(row: Row, place: Place, report: Report) -> Record | Sequence[Record]:
    if "passages" in row:
        document, fold = get_id(row, "documentId"), row.get("fold")
        return [_published(passage, place, document, fold) for passage in get_objects(row, "passages")]
    facts = [
        (get(fact, "relation", str, "in a fact, "), *(_end(fact, key) for key in ("s", "o")))
        for fact in get_objects(row, "facts")
    ]
    absent = get(row, "no_fact_for", list, default=[])
    if not all(isinstance(name, str) and name for name in absent):
        raise BadRecord("RX102", problem=f"'no_fact_for' must hold names of properties, but is {absent!r:.80}")
    where = get_id(row, "doc"), get(row, "start", int, default=0), row.get("fold")
    return _record(place, get(row, "text", str), where, facts, absent)


def _end(fact: Row, key: str) -> tuple[int, int, str]:
    """An end of a fact: where it stands, and its id."""
    start, end = int_list(fact.get(key), 2, f"'{key}' of a fact")
    return start, end, get(fact, f"{key}_uri", str, "in a fact, ", default="")


def _published(row: Row, place: Place, document: str | int, fold: Any) -> Record:
    """The record of a passage of a document, whose offsets count the document."""
    begin = get(row, "passageStart", int, "in a passage, ")
    facts = []
    for fact in get_objects(row, "facts"):
        ends = []
        for key in ("subject", "object"):
            start, end = (get(fact, key + name, int, "in a fact, ") - begin for name in ("Start", "End"))
            ends.append((start, end, get(fact, f"{key}Uri", str, "in a fact, ", default="")))
        facts.append((_property(fact), *ends))
    names = [_property(each) for each in get_objects(row, "exhaustivelyAnnotatedProperties")]
    return _record(place, get(row, "passageText", str, "in a passage, "), (document, begin, fold), facts, names)


def _property(row: Row) -> str:
    """The name of a property: "propertyName", or that in "humanReadable" (<subject> <NAME> <object>) of a fact."""
    name = row.get("propertyName")
    if name is None and isinstance(row.get("humanReadable"), str):
        name = next((part for part in row["humanReadable"].replace("<", ">").split(">") if part in _TYPES), None)
    if not isinstance(name, str) or not name:
        raise BadRecord("RX102", problem=f"a property has no name, but is {json_name(name)}")
    return name


def _record(
    place: Place, text: str, where: tuple[Any, int, Any], facts: Sequence[Any], covered: Sequence[str]
) -> Record:
    document, start, fold = where
    record = Record(place, text=text, id=f"{document}#{start}", lang="en", meta={"document": document})
    if isinstance(fold, (int, str)):
        record.meta["fold"] = fold
    index: dict[tuple[int, int, str], int] = {}
    for label, *ends in facts:
        places = []
        for (first, last, uri), kind in zip(ends, _TYPES.get(label, (UNTYPED, UNTYPED))):
            key = first, last, uri.removeprefix(_PREFIX)
            if key not in index:
                index[key] = len(record.mentions)
                record.mentions.append(Mention(first, last, kind, key[2]))
            places.append(index[key])
        record.relations.append((places[0], places[1], label))
    record.annotated = Annotated(NONE, {*covered, *(label for label, *_ in facts)})
    return record
