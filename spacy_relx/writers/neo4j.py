"""Triples for Neo4j: CSV files for `neo4j-admin database import`, and a Cypher script that loads the same files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from .records import MergedTriple, evidence_id
from .spool import TripleSpool
from .tables import no_controls
from .writers import Settings, Writer

NODES, RELATIONSHIPS, EVIDENCE, SCRIPT = "nodes.csv", "relationships.csv", "evidence.csv", "load.cypher"
#: Header fields, NAME:TYPE as the importer has them, in the order of the columns.
NODE_HEADER = ("id:ID(Entity)", "name:string", "names:string[]", "kb_id:string", ":LABEL")
EDGE_HEADER = (
    ":START_ID(Entity)",
    ":END_ID(Entity)",
    ":TYPE",
    "fact:string",
    "label:string",
    "score:double",
    "kb_score:double",
    "known:boolean",
    "kb_rank:double",
    "n_evidence:long",
)
EVIDENCE_HEADER = (
    "id:string",
    ":LABEL",
    "fact:string",
    "document:string",
    "lang:string",
    "sentence:string",
    "sentence_start:long",
    "sentence_end:long",
    "head:string",
    "head_start:long",
    "head_end:long",
    "tail:string",
    "tail_start:long",
    "tail_end:long",
    "score:double",
    "weight:double",
    "model:string",
    "model_version:string",
)
#: Labels of all entities and of all evidence; entities have those of their types besides.
ENTITY_LABEL, EVIDENCE_LABEL = "Entity", "Evidence"
_BREAKS = re.compile(r"[\r\n\x85\u2028\u2029]+")
# Before a quotation mark LOAD CSV takes a backslash for an escape, and the importer does not.
_BACKSLASH = re.compile(r'\\(?="|$)')
# In names of labels and types: ";" divides labels, and a backslash begins an escape even between backticks.
_NO_NAME = re.compile(r"[;\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONVERSIONS = {"double": "toFloat({})", "long": "toInteger({})", "boolean": "toBoolean({})"}
_CONVERSIONS["string[]"] = "split({}, ';')"


def cell(text: str) -> str:
    """A text as one field: line breaks, which need an option of the importer, become blanks; control characters
    U+FFFD; and a backslash before a quotation mark, or at the end, has a blank behind it."""
    return _BACKSLASH.sub(r"\\ ", no_controls(_BREAKS.sub(" ", text)))


def key_of(id: str) -> str:
    """The id of an entity as one field, still different for different ones."""
    text = cell(id)
    return text if text == id else f"{text} {blake2b(id.encode(), digest_size=8).hexdigest()}"


def name_of(label: str, default: str) -> str:
    """A text as a label or a type: as it is, but for characters that have a meaning there, which become "_"."""
    return _NO_NAME.sub("_", label).strip() or default


def _write_neo4j(spool: TripleSpool, path: Path, settings: Settings) -> None:
    path.mkdir()
    labels: set[str] = set()
    types: set[str] = set()
    with ExitStack() as stack:
        streams = {
            name: stack.enter_context((path / name).open("w", encoding="utf8", newline=""))
            for name in (NODES, RELATIONSHIPS, EVIDENCE)
        }
        nodes, edges, evidence = (csv.writer(stream, lineterminator="\n") for stream in streams.values())
        nodes.writerow(NODE_HEADER)
        edges.writerow(EDGE_HEADER)
        evidence.writerow(EVIDENCE_HEADER)
        for entity in spool.entities():
            own = dict.fromkeys(name_of(kind, ENTITY_LABEL) for kind in entity.types)
            labels.update(own)
            names = ";".join(cell(name.replace(";", ",")) for name in entity.names)
            row = (entity.name, names, entity.kb_id, ";".join({ENTITY_LABEL: None, **own}))
            nodes.writerow((key_of(entity.id), *map(cell, row)))
        for fact in spool.facts():
            kind = name_of(fact.label, "RELATED")
            types.add(kind)
            edges.writerow(_edge(fact, kind))
            evidence.writerows(_evidence(fact))
        labels.discard(ENTITY_LABEL)
        _write_script(stack.enter_context((path / SCRIPT).open("w", encoding="utf8")), sorted(labels), sorted(types))


def _edge(fact: MergedTriple, kind: str) -> tuple[Any, ...]:
    known = None if fact.known is None else str(fact.known).lower()
    ends = (key_of(fact.head_id), key_of(fact.tail_id))
    # the relation besides its type, whose characters several relations may share
    names = (cell(kind), fact.id, cell(fact.label))
    return (*ends, *names, fact.score, fact.kb_score, known, fact.kb_rank, fact.n_evidence)


def _evidence(fact: MergedTriple) -> Iterator[tuple[Any, ...]]:
    for each in fact.evidence:
        one, other = each.head, each.tail
        yield (
            *(evidence_id(fact, each), EVIDENCE_LABEL, fact.id, cell(each.doc_id), cell(each.lang)),
            cell(each.sentence),
            *(each.sentence_start, each.sentence_end, cell(one.text), one.start, one.end),
            *(cell(other.text), other.start, other.end, each.score, each.weight),
            *(cell(each.model), cell(each.model_version)),
        )


# The script


def _quoted(name: str) -> str:
    """A name between backticks."""
    return f"`{name.replace('`', '``')}`"


def _string(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _properties(header: Iterable[str]) -> str:
    """The map of properties of a row: no property where the field is empty."""
    pairs = []
    for field in header:
        name, _, kind = field.partition(":")
        if name:
            value = f"row.{_quoted(field)}"
            pairs.append(f"{name}: {_CONVERSIONS.get(kind, '{}').format(value)}")
    return "{" + ", ".join(pairs) + "}"


def _write_script(stream: TextIO, labels: list[str], types: list[str]) -> None:
    """Cypher cannot take labels and types from data: a statement for each."""
    stream.write(
        "// Loads the CSV files of this folder, copied to the import folder of a running Neo4j 5, into a database:\n"
        "//   cypher-shell -f load.cypher\n"
        "// Into a new database, this is faster:\n"
        f"//   neo4j-admin database import full --nodes={NODES} --nodes={EVIDENCE} "
        f"--relationships={RELATIONSHIPS} neo4j\n"
        "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE;\n"
        "CREATE CONSTRAINT evidence_id IF NOT EXISTS FOR (n:Evidence) REQUIRE n.id IS UNIQUE;\n"
        "CREATE INDEX evidence_fact IF NOT EXISTS FOR (n:Evidence) ON (n.fact);\n"
    )
    node = f"MERGE (n:{ENTITY_LABEL} {{id: row.{_quoted(NODE_HEADER[0])}}}) SET n += {_properties(NODE_HEADER[1:-1])}"
    _statement(stream, NODES, "", node)
    for label in labels:
        where = f"WITH row WHERE {_string(label)} IN split(row.`:LABEL`, ';')"
        change = f"MATCH (n:{ENTITY_LABEL} {{id: row.{_quoted(NODE_HEADER[0])}}}) SET n:{_quoted(label)}"
        _statement(stream, NODES, where, change)
    ends = (
        f"MATCH (a:{ENTITY_LABEL} {{id: row.{_quoted(EDGE_HEADER[0])}}}), "
        f"(b:{ENTITY_LABEL} {{id: row.{_quoted(EDGE_HEADER[1])}}}) "
    )
    for kind in types:
        edge = f"MERGE (a)-[r:{_quoted(kind)} {{fact: row.`fact:string`}}]->(b) SET r += {_properties(EDGE_HEADER[4:])}"
        _statement(stream, RELATIONSHIPS, f"WITH row WHERE row.`:TYPE` = {_string(kind)}", ends + edge)
    properties = _properties(EVIDENCE_HEADER[2:])
    change = f"MERGE (n:{EVIDENCE_LABEL} {{id: row.{_quoted(EVIDENCE_HEADER[0])}}}) SET n += {properties}"
    _statement(stream, EVIDENCE, "", change)


def _statement(stream: TextIO, file: str, where: str, change: str) -> None:
    between = f"{where}\n" if where else ""
    stream.write(
        f"LOAD CSV WITH HEADERS FROM 'file:///{file}' AS row\n{between}"
        f"CALL {{ WITH row {change} }} IN TRANSACTIONS OF 10000 ROWS;\n"
    )


NEO4J = Writer(_write_neo4j, files=(NODES, RELATIONSHIPS, EVIDENCE, SCRIPT))
