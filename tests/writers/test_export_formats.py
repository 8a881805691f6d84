"""Exported formats, read by other programs: rdflib, Oxigraph, pyarrow, networkx, and the parsers of Python."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.export import ODD, odd_triples, triple

from spacy_relx.errors import RelxError
from spacy_relx.writers import (
    EntityMention,
    Iris,
    Settings,
    Triple,
    Writer,
    entity_id,
    export,
    exports,
    get_writer,
    triples_of_row,
)
from spacy_relx.writers.neo4j import EDGE_HEADER, EVIDENCE_HEADER, NODE_HEADER, cell, name_of
from spacy_relx.writers.rdf_syntax import escape_literal
from spacy_relx.writers.tables import COLUMNS

RDF_FILES = {"nt": "N_TRIPLES", "ttl": "TURTLE", "jsonld": "JSON_LD"}
FILES = ["x.jsonl", "x.csv", "x.parquet", "x.nt", "x.ttl", "x.jsonld", "x.graphml"]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
odd = st.builds(
    lambda a, b, kind, id, relation, doc, lang: Triple(
        EntityMention(a, kind, id, 0, len(a)), relation, EntityMention(b), doc, a + b, 0, len(a + b), lang, 0.5
    ),
    *(texts, texts, texts, texts, texts, texts, st.sampled_from(["", "en", "pt-BR", "x y"])),
)


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf8"), newline="")))


def needed(name):
    for package in ("pyarrow",) if name.endswith("parquet") else ():
        pytest.importorskip(package)


# RDF


def ox_triples(path):
    ox = pytest.importorskip("pyoxigraph")
    found = ox.parse(path=str(path), format=getattr(ox.RdfFormat, RDF_FILES[path.suffix[1:]]))
    return {tuple(map(str, quad.triple)) for quad in found}


def rdflib_triples(path):
    """rdflib's, as Oxigraph writes them."""
    rdflib = pytest.importorskip("rdflib")
    ox = pytest.importorskip("pyoxigraph")
    graph = rdflib.Graph().parse(path, format={"nt": "nt", "ttl": "turtle", "jsonld": "json-ld"}[path.suffix[1:]])

    def term(value):
        if isinstance(value, rdflib.URIRef):
            return str(ox.NamedNode(str(value)))
        # for rdflib, unlike RDF 1.1, a string with its datatype is another literal: beside Turtle it counts twice
        assert value.datatype != rdflib.XSD.string
        kind = None if value.datatype is None else ox.NamedNode(str(value.datatype))
        return str(ox.Literal(str(value), datatype=kind, language=value.language))

    return {tuple(map(term, row)) for row in graph}


def check_rdf(triples, folder, **settings):
    """All readers agree on all syntaxes. RETURNS: the triples."""
    found = {}
    for ending in RDF_FILES:
        path = folder / f"x.{ending}"
        export(triples, path, settings=Settings(**settings))
        found[f"oxigraph {ending}"], found[f"rdflib {ending}"] = ox_triples(path), rdflib_triples(path)
    first = found["oxigraph nt"]
    assert {name: (rows - first, first - rows) for name, rows in found.items() if rows != first} == {}
    return first


def test_rdf_readers_agree(tmp_path):
    found = check_rdf(odd_triples(), tmp_path)
    ox = pytest.importorskip("pyoxigraph")
    for text in ODD:
        assert any(row[2] == str(ox.Literal(text)) for row in found), text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd, min_size=1, max_size=4))
def test_rdf_readers_agree_on_anything(tmp_path, triples):
    check_rdf(triples, tmp_path)


def test_rdf_says_it_all(tmp_path):
    support = {"kb_score": 0.25, "known": False, "kb_rank": 3.0, "weight": 0.5}
    made = triple(**support)
    made.head.kb_id = "Q1"
    found = check_rdf([made], tmp_path, iris=Iris("http://a.example/", ids=["wikidata"]))
    wikidata, base = "<http://www.wikidata.org/entity/Q1>", "<http://a.example/"
    acme, works = f"{base}entity/ORG/acme>", f"{base}relation/works_for>"
    assert (wikidata, works, acme) in found
    (statement,) = {one for one, _, other in found if other.endswith("rdf-syntax-ns#Statement>")}
    said = {re.split("[#/]", verb)[-1][:-1]: other for one, verb, other in found if one == statement}
    assert [said[name] for name in ("subject", "predicate", "object")] == [wikidata, works, acme]
    assert said["score"].startswith('"0.75"^^') and said["known"].startswith('"false"^^') and "kbRank" in said
    shown = {re.split("[#/]", verb)[-1][:-1]: other for one, verb, other in found if one == said["wasDerivedFrom"]}
    assert shown["value"] == '"Ann works for Acme."@en' and shown["wasQuotedFrom"] == f"{base}document/d1>"
    assert shown["wasAttributedTo"] == said["wasAttributedTo"] == f"{base}model/xx_relx/0.1.0>"
    numbers = [shown[name].split('"')[1] for name in ("sentenceStart", "tailStart", "tailEnd", "weight")]
    assert numbers == ["10", "14", "18", "0.5"]


def test_bare_rdf(tmp_path):
    found = check_rdf([triple(), triple(doc_id="d2")], tmp_path, bare=True)
    base = "http://example.org/"
    assert (f"<{base}entity/PERSON/ann>", f"<{base}relation/works_for>", f"<{base}entity/ORG/acme>") in found
    assert not any("Statement" in other or "prov#" in verb for _, verb, other in found)


def test_rdflib_finds_one_graph(tmp_path):
    """What rdflib has read of all three syntaxes is what it has read of one."""
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph()
    sizes = []
    for ending, format in (("nt", "nt"), ("ttl", "turtle"), ("jsonld", "json-ld")):
        export([triple(known=True, weight=0.5), triple("Bob", lang="")], tmp_path / f"x.{ending}")
        sizes.append(len(graph.parse(tmp_path / f"x.{ending}", format=format)))
    assert sizes[0] > 40 and len(set(sizes)) == 1


def test_relation_with_the_iri_of_a_label(tmp_path):
    rules = ["label=http://www.w3.org/2000/01/rdf-schema#label", "x=http://www.w3.org/1999/02/22-rdf-syntax-ns#"]
    made = [triple(label="label"), triple(label="xobject")]
    check_rdf(made, tmp_path, iris=Iris(relations=[each + "s" for each in rules]))


def test_escapes():
    assert escape_literal('a"b\\c\nd\r\t\x00\x7f\x85北') == 'a\\"b\\\\c\\nd\\r\\t\\u0000\\u007F\\u0085北'


# Tables


def test_json_lines_can_be_exported_again(tmp_path):
    made = [triple(), triple("Bob", weight=0.5, known=True), triple("ANN", doc_id="d2", score=0.5)]
    export(made, tmp_path / "a.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf8").splitlines()]
    assert [(row["head"]["id"], row["score"], row["n_evidence"]) for row in rows] == [
        ("text:PERSON/ann", 0.75, 2),
        ("text:PERSON/bob", 0.75, 1),
    ]
    export((each for row in rows for each in triples_of_row(row)), tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_csv(tmp_path):
    report = export(odd_triples(), tmp_path / "x.csv", settings=Settings(formulas=True), merge=False)
    rows = read_csv(tmp_path / "x.csv")
    assert len(rows) == report.triples == report.facts == 3 * len(ODD) and list(rows[0]) == list(COLUMNS)
    controls = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
    assert [row["head"] for row in rows[::3]] == [controls.sub("\ufffd", text) for text in ODD]
    assert {row["known"] for row in rows} == {"", "true", "false"}
    data = (tmp_path / "x.csv").read_bytes()
    assert data.count(b"\r\n") >= len(rows) + 1 and not data.startswith(b"\xef\xbb\xbf")


def test_csv_has_no_formulas(tmp_path):
    cells = ["=1+1", "+1", "-1", "@cmd", "\t=1", "\r=1", "＝1", "Ann", "a=b"]
    export([triple(each, label=each) for each in cells], tmp_path / "x.csv", merge=False)
    rows = read_csv(tmp_path / "x.csv")
    assert [row["head"] for row in rows] == ["'" + each for each in cells[:7]] + cells[7:]
    assert rows[0]["label"] == "'=1+1" and rows[0]["score"] == "0.75"
    assert not any(cell[:1] in ("=", "+", "@") for row in rows for cell in row.values())


def test_parquet(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("spacy_relx.writers.arrow.ROW_GROUP", 20)
    triples = odd_triples()
    export(triples, tmp_path / "x.parquet", merge=False)
    file = parquet.ParquetFile(tmp_path / "x.parquet")
    assert file.metadata.num_row_groups == -(-len(triples) // 20) and file.schema_arrow.names == list(COLUMNS)
    rows = file.read().to_pylist()
    assert [(row["head"], row["head_type"], row["head_kb_id"], row["label"]) for row in rows] == [
        (each.head.text, each.head.type, each.head.kb_id, each.label) for each in triples
    ]
    assert [(row["known"], row["kb_rank"], row["weight"], row["sentence_end"]) for row in rows] == [
        (each.known, each.kb_rank, each.weight, each.sentence_end) for each in triples
    ]


# Property graphs


def xml_text(text):
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)


def test_graphml(tmp_path):
    export(odd_triples(), tmp_path / "x.graphml")
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = ElementTree.parse(tmp_path / "x.graphml").getroot().find(f"{space}graph")
    nodes = {node.get("id"): {each.get("key"): each.text for each in node} for node in graph.findall(f"{space}node")}
    edges = graph.findall(f"{space}edge")
    assert all(edge.get("source") in nodes and edge.get("target") in nodes for edge in edges)
    assert all(re.fullmatch("n[0-9a-f]+", name) for name in nodes)
    ids = {xml_text(each.id) for made in odd_triples() for each in (made.head, made.tail)}
    assert {node["node_id"] for node in nodes.values()} == ids
    for edge in edges:
        data = {each.get("key"): each.text for each in edge}
        assert len(json.loads(data["edge_evidence"])) == int(data["edge_n_evidence"]) and float(data["edge_score"])


def test_graphml_in_networkx(tmp_path):
    networkx = pytest.importorskip("networkx")
    export([triple(), triple("Bob", known=True), triple(doc_id="d2")], tmp_path / "x.graphml")
    graph = networkx.read_graphml(tmp_path / "x.graphml")
    names = networkx.get_node_attributes(graph, "label")
    found = {(names[one], data["label"], names[other]): data for one, other, data in graph.edges(data=True)}
    assert set(found) == {("Ann", "works_for", "Acme"), ("Bob", "works_for", "Acme")}
    assert found["Ann", "works_for", "Acme"]["n_evidence"] == 2
    assert found["Bob", "works_for", "Acme"]["known"] is True


HEADER_FIELD = re.compile(
    r"[A-Za-z_]\w*:(string|double|boolean|long|string\[\]|ID\(\w+\))|:(LABEL|TYPE)|:(START|END)_ID\(\w+\)"
)


def test_neo4j_headers():
    for header in (NODE_HEADER, EDGE_HEADER, EVIDENCE_HEADER):
        assert all(HEADER_FIELD.fullmatch(each) for each in header) and len(set(header)) == len(header)
    assert {":LABEL", "id:ID(Entity)"} <= set(NODE_HEADER)
    assert {":START_ID(Entity)", ":END_ID(Entity)", ":TYPE"} <= set(EDGE_HEADER)


def test_neo4j(tmp_path):
    triples = [*odd_triples(), triple("Q", label="a;b`c"), triple("ANN"), triple("Ann", doc_id="d2")]
    triples.append(triple("Eve", lang='no "language"\\\n'))
    export(triples, tmp_path / "graph", "neo4j")
    assert sorted(path.name for path in (tmp_path / "graph").iterdir()) == [
        *("evidence.csv", "load.cypher", "nodes.csv", "relationships.csv")
    ]
    nodes, edges, evidence = (
        read_csv(tmp_path / "graph" / f"{name}.csv") for name in ("nodes", "relationships", "evidence")
    )
    ids = [node["id:ID(Entity)"] for node in nodes]
    assert len(set(ids)) == len(ids) == len({each.id for made in triples for each in (made.head, made.tail)})
    for edge in edges:
        assert edge[":START_ID(Entity)"] in ids and edge[":END_ID(Entity)"] in ids and edge[":TYPE"]
        float(edge["score:double"]), int(edge["n_evidence:long"])
    assert {each["fact:string"] for each in evidence} == {edge["fact:string"] for edge in edges}
    assert len(evidence) == sum(int(edge["n_evidence:long"]) for edge in edges)
    assert len({each["id:string"] for each in evidence}) == len(evidence)
    assert {edge["label:string"] for edge in edges} == {cell(each.label) for each in triples}
    export(triples, tmp_path / "again", "neo4j", merge=True)  # ids are the same, so that loading twice adds nothing
    assert (tmp_path / "again" / "evidence.csv").read_bytes() == (tmp_path / "graph" / "evidence.csv").read_bytes()
    ann = next(node for node in nodes if node["id:ID(Entity)"] == entity_id("Ann", "PERSON"))
    assert (ann["name:string"], ann["names:string[]"], ann[":LABEL"]) == ("Ann", "ANN", "Entity;PERSON")
    for name in ("nodes", "relationships", "evidence"):
        data = (tmp_path / "graph" / f"{name}.csv").read_text(encoding="utf8")
        rows = {"nodes": nodes, "relationships": edges, "evidence": evidence}[name]
        assert len(data.split("\n")) == len(rows) + 2 and '\\"' not in data and "\r" not in data
    check_script((tmp_path / "graph" / "load.cypher").read_text(encoding="utf8"), nodes, edges, evidence)


def check_script(script, nodes, edges, evidence):
    """Every column it reads is there, every relation is loaded, and no name ends its backticks."""
    read = set(re.findall(r"row\.`([^`]*)`", script))
    columns = {*nodes[0], *edges[0], *evidence[0]}
    assert read <= columns and columns - read == set()
    kinds = re.findall(r"row\.`:TYPE` = '((?:[^'\\]|\\.)*)'", script)
    assert {re.sub(r"\\(.)", r"\1", kind) for kind in kinds} == {edge[":TYPE"] for edge in edges}
    assert script.count("LOAD CSV") == 2 + len(kinds) + len({x for n in nodes for x in n[":LABEL"].split(";")[1:]})
    assert "MERGE (a)-[r:`a_b``c` {" in script and "MERGE (n:Evidence {id: " in script and "CREATE (" not in script
    outside = re.sub(r"'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`|//[^\n]*", "", script)
    assert outside.isascii() and not re.search(r"['`\\\x00-\x09]", outside)


def test_neo4j_relations_of_one_type(tmp_path):
    export([triple(label="a;b"), triple(label="a_b")], tmp_path / "graph", "neo4j")
    edges = read_csv(tmp_path / "graph" / "relationships.csv")
    assert [(edge[":TYPE"], edge["label:string"]) for edge in edges] == [("a_b", "a;b"), ("a_b", "a_b")]


@given(texts)
def test_neo4j_cells(text):
    found = cell(text)
    assert not re.search(r'[\r\n\x00]|\\"|\\$', found)
    assert name_of(text, "Default") and not re.search(r"[;\\\n]", name_of(text, "Default"))


# All of them


@pytest.mark.parametrize("name", FILES)
def test_streams(tmp_path, name):
    needed(name)
    export([triple()], tmp_path / name)
    stream = io.BytesIO()
    export([triple()], stream, {"nt": "ntriples", "ttl": "turtle"}.get(name[2:], name[2:]))
    assert stream.getvalue() == (tmp_path / name).read_bytes()


def test_streams_hold_no_folder():
    with pytest.raises(RelxError, match=r"RX353.*nodes\.csv"):
        export([triple()], io.BytesIO(), "neo4j")
    with pytest.raises(RelxError, match="RX332"):
        export([triple()], io.BytesIO())


def test_all_formats_are_registered():
    formats = {"csv", "graphml", "jsonl", "jsonld", "neo4j", "ntriples", "parquet", "turtle"}
    assert formats <= set(exports.get_all())
    with pytest.raises(RelxError, match=r"RX100.*turtle"):
        get_writer("rdfxml")
    with pytest.raises(RelxError, match="RX332"):
        export([], "x.docx")


def test_own_writer(tmp_path):
    @exports.register("relx_test_names")
    def names(spool, path, settings):
        path.write_text("".join(entity.name for entity in spool.entities()), encoding="utf8")

    exports.register("relx_test_names", func=Writer(names))
    export([triple()], tmp_path / "names", "relx_test_names")
    assert (tmp_path / "names").read_text(encoding="utf8") == "AcmeAnn"


@pytest.mark.parametrize("name", [*FILES, "neo4j"])
def test_nothing_to_export(tmp_path, name):
    needed(name)
    with pytest.warns(UserWarning, match="RX336"):
        export([], tmp_path / name, "neo4j" if name == "neo4j" else None)
    if name == "x.jsonld":
        assert json.loads((tmp_path / name).read_text(encoding="utf8"))["@graph"] == []
    elif name == "x.graphml":
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("graphml")
    elif name == "x.csv":
        assert read_csv(tmp_path / name) == []
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", [*FILES, "neo4j"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_what_was_there(tmp_path, name, error):
    needed(name)
    path, format = tmp_path / name, "neo4j" if name == "neo4j" else None
    export([triple()], path, format)
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}

    def stop(facts):
        yield next(facts)
        raise error

    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else RelxError, match=None):
        export([triple("Bob"), triple("Eve")], path, format, progress=stop)
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before
    with pytest.raises((KeyboardInterrupt, RelxError)):
        export([triple("Bob"), triple("Eve")], tmp_path / f"new{path.suffix}", format, progress=stop)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_folders_of_other_things_are_left_alone(tmp_path):
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "thesis.txt").write_text("precious", encoding="utf8")
    with pytest.raises(RelxError, match=r"RX186.*thesis"):
        export([triple()], tmp_path / "graph", "neo4j")
    with pytest.raises(RelxError, match="RX186"):
        export([triple()], tmp_path / "graph", "csv")
    with pytest.raises(RelxError, match="RX186"):
        export([triple()], tmp_path / "graph" / "thesis.txt" / "x", "csv")
    (tmp_path / "file").write_text("precious", encoding="utf8")
    with pytest.raises(RelxError, match="RX186"):
        export([triple()], tmp_path / "file", "neo4j")


def test_links_are_followed(tmp_path):
    target = tmp_path / "real.csv"
    target.write_text("old", encoding="utf8")
    target.chmod(0o600)
    (tmp_path / "x.csv").symlink_to(target)
    export([triple()], tmp_path / "x.csv")
    assert (tmp_path / "x.csv").is_symlink() and target.read_text(encoding="utf8").startswith("fact,")
    assert target.stat().st_mode & 0o777 == 0o600
    export([triple()], tmp_path / "new.csv")
    Path(tmp_path / "plain").touch()
    assert (tmp_path / "new.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode
    export([triple()], os.devnull, "csv")


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(RelxError, match=r"RX005.*spacy-relx\[parquet\]"):
        export([triple()], tmp_path / "x.parquet")
