"""`relx export`, `relx graph`, and the examples of docs/export.md."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.util import import_file
from support.examples import SENTENCES, make_doc
from support.export import triple
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.writers import Iris, Settings, export
from spacy_relx.writers.graph import build_graph, graph_prefixes
from spacy_relx.writers.query import query_graph
from spacy_relx.writers.rdf import PREFIXES

DOC = Path(__file__).parents[2] / "docs" / "export.md"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", DOC.read_text(encoding="utf8"), re.MULTILINE | re.DOTALL)


def relx(*args, code=0, **more):
    result = CliRunner().invoke(relx_app, [str(arg) for arg in args], **more)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def data(tmp_path):
    import spacy

    vocab = spacy.blank("xx").vocab
    path = tmp_path / "data.spacy"
    DocBin(docs=[make_doc(vocab, *sentence) for sentence in SENTENCES], store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text(blocks("json")[0], encoding="utf8")
    return path


# relx export


def test_spacy_files(tmp_path, data):
    result = relx("export", data, "--output", tmp_path / "facts.csv", "--model", "mine", "--model-version", "2")
    assert "Saved 7 facts from 7 triples" in result.output
    rows = list(csv.DictReader(io.StringIO((tmp_path / "facts.csv").read_text(encoding="utf8"))))
    named = {(row["head"], row["label"], row["tail"]) for row in rows}
    assert named == {
        *(("Ann", "works_for", "Acme"), ("Bob", "founder_of", "Initech"), ("Eve", "founder_of", "Globex")),
        *(("Acme", "acquired", "Globex"), ("Initech", "acquired", "Globex"), ("Acme Rome", "based_in", "Rome")),
        ("Bob", "works_for", "Acme Rome"),
    }
    assert rows[0]["document"].startswith(f"{tmp_path.name}/data.spacy#")
    assert (rows[0]["model"], rows[0]["model_version"]) == ("mine", "2")
    for option, n in (("--what=facts", 0), ("--what=relations", 7)):
        assert f"Saved {n} facts" in relx("export", data, "--output", tmp_path / "x.jsonl", option).output


def test_pipeline_names_itself(tmp_path, predictions):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "meta.json").write_text('{"lang": "xx", "name": "relx", "version": "3"}', encoding="utf8")
    relx("export", predictions, "--output", tmp_path / "x.jsonl", "--model", tmp_path / "pipeline")
    row = json.loads((tmp_path / "x.jsonl").read_text(encoding="utf8").splitlines()[0])
    assert (row["evidence"][0]["model"], row["evidence"][0]["model_version"]) == ("xx_relx", "3")
    (tmp_path / "pipeline" / "meta.json").write_text("{", encoding="utf8")
    assert (
        "RX350"
        in relx(
            "export", predictions, "--output", tmp_path / "y.jsonl", "--model", tmp_path / "pipeline", code=1
        ).output
    )


def test_standard_input_and_options(tmp_path, predictions):
    lines = predictions.read_text(encoding="utf8")
    result = relx(
        "export", "-", "--output", tmp_path / "x.nt", "--bare", "--ids", "wikidata", "--min-score", "0.9", input=lines
    )
    assert "Saved 1 facts from 1 triples" in result.output
    text = (tmp_path / "x.nt").read_text(encoding="utf8")
    assert "<http://www.wikidata.org/entity/Q901> <http://example.org/relation/works_for>" in text
    relx("export", predictions, "--output", tmp_path / "x.jsonl", "--no-merge")
    assert len((tmp_path / "x.jsonl").read_text(encoding="utf8").splitlines()) == 3
    relx("export", tmp_path / "x.jsonl", "--output", tmp_path / "y.jsonl", "--max-evidence", "1")
    rows = [json.loads(line) for line in (tmp_path / "y.jsonl").read_text(encoding="utf8").splitlines()]
    assert [(len(row["evidence"]), row["n_evidence"]) for row in rows] == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    "args, code",
    [
        (["x.docx", "y.csv"], "RX120"),
        (["x.jsonl", "y.csv"], "RX120"),
        (["x.spacy", "y.csv"], "RX120"),
        (["x", "y.csv"], "RX120"),
        (["empty", "y.csv"], "RX338"),
        (["in.jsonl", "-", "--to", "neo4j"], "RX353"),
        (["in.jsonl", "-"], "RX332"),
        (["in.jsonl", "y"], "RX332"),
        (["in.jsonl", "y", "--to", "xml"], "RX100"),
        (["in.jsonl", "in.jsonl"], "RX189"),
        (["in.jsonl", "y.csv", "--bare"], "RX347"),
        (["in.jsonl", "y.csv", "--what", "facts"], "RX347"),
        (["in.jsonl", "y.ttl", "--formulas"], "RX347"),
        (["in.jsonl", "y.csv", "--ids", "wikidata"], "RX347"),
        (["in.jsonl", "y.ttl", "--base", "here"], "RX334"),
        (["in.jsonl", ".", "--to", "csv"], "RX186"),
        (["in.jsonl", ".", "--to", "neo4j"], "RX186"),
        (["broken.jsonl", "y.csv"], "RX339"),
    ],
)
def test_bad_calls(tmp_path, monkeypatch, args, code):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"text": "a", "relations": []}\n', encoding="utf8")
    Path("broken.jsonl").write_text('{"text": "a", "relations": []}\n\n{"text": "a"}\n', encoding="utf8")
    Path("empty").mkdir()
    source, output, *options = args
    result = relx("export", source, "--output", output, *options, code=1)
    assert f"[{code}]" in result.output and "Traceback" not in result.output
    assert sorted(path.name for path in Path().iterdir()) == ["broken.jsonl", "empty", "in.jsonl"]
    assert args[0][0] != "x" or "There is no file or folder x" in result.output
    assert code != "RX339" or "broken.jsonl:3" in result.output


def test_broken_lines_can_be_left_out(tmp_path, predictions):
    rows = predictions.read_bytes().splitlines()
    broken = [b"\xff", b"{", b"[" * 100_000, rows[0][:-3], b'{"text": "a", "relations": [{}]}', b'{"a": 1, "a": 2}']
    predictions.write_bytes(b"\n".join([*broken, *rows]))
    result = relx("export", predictions, "--output", tmp_path / "x.csv", "--on-error", "skip")
    assert "[RX348] 6 broken lines were left out, the first at" in result.output and "2 facts from 3" in result.output


@pytest.fixture
def corpus(tmp_path, data, predictions):
    """A folder with triples in all kinds of files, two of them with one name, and a file of another kind."""
    pytest.importorskip("pyarrow")
    folder = tmp_path / "corpus"
    for name in ("a", "b", "b/.hidden"):
        (folder / name).mkdir(parents=True)
        (folder / name / "dev.spacy").write_bytes(data.read_bytes())
    (folder / "pred.jsonl").write_bytes(predictions.read_bytes())
    (folder / "notes.txt").touch()
    export([triple("Zoe", doc_id="z")], folder / "b" / "old.parquet")
    return folder


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_folders(tmp_path, corpus):
    out = tmp_path / "out.jsonl"
    result = relx("export", corpus, "--output", out)
    assert "[RX410] 1 of the files" in result.output and "notes.txt" in result.output
    assert "Saved 10 facts from 18 triples" in result.output
    rows = rows_of(out)
    zoe = next(row for row in rows if row["head"]["text"] == "Zoe")
    assert zoe["evidence"][0]["document"] == "z" and any(row["label"] == "born_in" for row in rows)
    twice = next(row for row in rows if row["label"] == "based_in")
    # equal names and sentences, and no ids: two documents all the same
    found = sorted(each["document"].split("#")[0] for each in twice["evidence"])
    assert twice["n_evidence"] == 2 and found == ["corpus/a/dev.spacy", "corpus/b/dev.spacy"]
    # an output that would be among the inputs is refused
    relx("export", corpus, "--output", corpus / "new.jsonl")
    assert "[RX189]" in relx("export", corpus, "--output", corpus / "new.jsonl", code=1).output


def test_files_of_one_name(tmp_path, corpus):
    out, one, other = tmp_path / "out.jsonl", corpus / "a" / "dev.spacy", corpus / "b" / "dev.spacy"
    for inputs, names in (
        ((one, other), {"a/dev.spacy", "b/dev.spacy"}),
        ((corpus / "b", one), {"b/dev.spacy", "a/dev.spacy", "z"}),
        ((one,), {"a/dev.spacy"}),
    ):
        relx("export", *inputs, "--output", out)
        assert {each["document"].split("#")[0] for row in rows_of(out) for each in row["evidence"]} == names


def test_output_of_annotate(tmp_path, corpus):
    whole = tmp_path / "annotated"
    for name in ("triples", "documents", "docs"):
        (whole / name).mkdir(parents=True)
        (whole / name / "00000-x.parquet").write_bytes(b"no table")
    (whole / "_plan.json").write_text("{}", encoding="utf8")
    (corpus / "b" / "old.parquet").rename(whole / "triples" / "00000-x.parquet")
    for path in (whole, whole / "triples", whole / "triples" / "00000-x.parquet"):
        result = relx("export", path, "--output", tmp_path / "x.jsonl", "--model", "mine", "--model-version", "2")
        assert "1 facts from 1 triples" in result.output and "RX410" not in result.output
    (row,) = rows_of(tmp_path / "x.jsonl")
    assert row["evidence"][0]["model"] == "xx_relx"  # what the table says itself
    (tmp_path / "nest").mkdir()
    whole.rename(tmp_path / "nest" / "run1")
    result = relx("export", tmp_path / "nest", "--output", tmp_path / "y.jsonl")
    assert "1 facts from 1 triples" in result.output and "RX410" not in result.output


def test_model_of_tables_that_say_none(tmp_path):
    pytest.importorskip("pyarrow")
    export([triple(model="", model_version="")], tmp_path / "a.parquet")
    relx("export", tmp_path / "a.parquet", "--output", tmp_path / "b.jsonl", "--model", "mine", "--model-version", "2")
    (row,) = rows_of(tmp_path / "b.jsonl")
    assert (row["evidence"][0]["model"], row["evidence"][0]["model_version"]) == ("mine", "2")


def test_standard_output(tmp_path, monkeypatch, predictions):
    monkeypatch.chdir(tmp_path)
    relx("export", predictions, "--output", "facts.jsonl")
    result = relx("export", predictions, "--output", "-", "--to", "jsonl")
    assert result.stdout_bytes == Path("facts.jsonl").read_bytes()
    assert "Saved 2 facts from 3 triples to standard output" in result.stderr and not Path("-").exists()


def test_lines_that_contradict_themselves(tmp_path, predictions):
    lines = predictions.read_text(encoding="utf8").splitlines()
    lines[0] = lines[0].replace('"text": "Marta Quill", "start"', '"text": "Marta Quirk", "start"')
    lines[1] = lines[1].replace("0.84", "84")
    predictions.write_text("\n".join(lines), encoding="utf8")
    result = relx("export", predictions, "--output", tmp_path / "x.csv", "--on-error", "skip")
    assert "[RX348] 2 broken lines" in result.output and "'Marta Quirk'" in result.output


def test_nothing_is_said(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a", "relations": []}\n', encoding="utf8")
    assert "[RX336]" in relx("export", tmp_path / "in.jsonl", "--output", tmp_path / "x.csv").output


# relx graph


@pytest.fixture
def graph(tmp_path):
    pytest.importorskip("pyoxigraph")
    export([triple(), triple("Bob"), triple("ANN", doc_id="d2", lang="de")], tmp_path / "facts.nt")
    build_graph([tmp_path / "facts.nt"], tmp_path / "graph")
    return tmp_path / "graph"


NAMES = "SELECT ?name WHERE { ?x a <http://example.org/type/PERSON> ; rdfs:label ?name } ORDER BY ?name"


@pytest.mark.process
def test_graph(graph, tmp_path):
    assert query_graph(graph, "ASK { ?x rdfs:label 'Ann' }").yes is True
    table = relx("graph", "query", graph, NAMES).output.split()
    assert table[0] == "name" and table[-2:] == ["Ann", "Bob"]
    assert relx("graph", "query", graph, NAMES, "--format", "csv").stdout_bytes == b"name\r\nAnn\r\nBob\r\n"
    found = json.loads(relx("graph", "query", graph, NAMES, "--format", "json").output)
    assert found["results"]["bindings"][1] == {"name": {"type": "literal", "value": "Bob"}}
    assert "yes" in relx("graph", "query", graph, "ASK {}").output
    (tmp_path / "q.rq").write_text(NAMES, encoding="utf8")
    assert "Bob" in relx("graph", "query", graph, f"@{tmp_path / 'q.rq'}").output
    sentences = query_graph(graph, "SELECT ?s ?none WHERE { ?e prov:value ?s } ORDER BY LANG(?s)")
    cells = sentences.to_json()["results"]["bindings"]
    assert [cell["s"]["xml:lang"] for cell in cells] == ["de", "en", "en"] and all(len(cell) == 1 for cell in cells)
    made = query_graph(graph, "CONSTRUCT { ?x rdfs:comment ?n } WHERE { ?x rdfs:label ?n }")
    assert made.names == ["subject", "predicate", "object"] and len(made.rows) == 7


@pytest.mark.process
@pytest.mark.parametrize("ending", ["nt", "ttl", "jsonld"])
@pytest.mark.parametrize("base", ["http://example.org/", "http://data.example/x/", "urn:a:"])
@pytest.mark.parametrize("bare", [False, True])
def test_queries_know_the_prefixes_of_exports(tmp_path, ending, base, bare):
    """Those of the vocabulary and of all kinds of things, whatever the syntax and the base, undeclared."""
    pytest.importorskip("pyoxigraph")
    facts, folder = tmp_path / f"facts.{ending}", tmp_path / "graph"
    export([triple(), triple("Bob")], facts, settings=Settings(iris=Iris(base), bare=bare))
    build_graph([facts], folder)
    iris = Iris(base)
    assert {**graph_prefixes(folder), **iris.prefixes, **PREFIXES} == graph_prefixes(folder)
    who = "SELECT ?n WHERE { ?p a type:PERSON ; relation:works_for ?c . ?p rdfs:label ?n } ORDER BY ?n"
    assert [row[0].value for row in query_graph(folder, who).rows] == ["Ann", "Bob"]
    scores = query_graph(folder, "SELECT ?s WHERE { ?f relx:score ?s }").rows
    assert bool(scores) != bare
    # what a query declares comes first
    other = query_graph(folder, f"PREFIX type: <{base}relation/> ASK {{ ?s type:works_for ?o }}")
    assert other.yes is True


@pytest.mark.process
def test_prefixes_of_other_files(graph, tmp_path):
    pytest.importorskip("pyoxigraph")
    one, two = tmp_path / "one.ttl", tmp_path / "two.ttl"
    one.write_text("@prefix p: <http://one.example/> . p:a p:b p:c .", encoding="utf8")
    two.write_text(
        "@prefix p: <http://two.example/> . @prefix : <http://two.example/#> . p:a :b p:c .", encoding="utf8"
    )
    result = relx("graph", "build", one, two, "--output", graph)
    assert "[RX563]" in result.stderr and "http://one.example/" in result.stderr and "two.ttl" in result.stderr
    assert "prefixes that queries know: rdf, rdfs" in result.stdout and ", p," in result.stdout
    assert query_graph(graph, "ASK { p:a p:b p:c }").yes is True
    assert query_graph(graph, "ASK { ?s :b ?o }").yes is True
    assert not {"entity", "relx"} & set(graph_prefixes(graph))  # nothing here has such IRIs


@pytest.mark.process
@pytest.mark.parametrize(
    "query, unknown",
    [
        ("SELECT * { foo:a ?p 'no:prefix' }", "foo"),
        ("PREFIX foo: <http://a.example/> SELECT * { foo:a bar:b ?o . _:x foo:c <http://b.example/> }", "bar"),
        ("SELECT * { ?s :a ?o } # x:y", "(the empty one)"),
    ],
)
def test_unknown_prefixes_are_named(graph, query, unknown):
    result = relx("graph", "query", graph, query, code=1)
    assert f"[RX564] The query uses undeclared prefixes: {unknown}." in result.output
    assert "relation" in result.output


@pytest.mark.process
def test_too_many_rows_are_cut(graph):
    result = relx("graph", "query", graph, "SELECT ?s WHERE { ?s ?p ?o }", "--limit", "3", "--format", "csv")
    assert len(result.stdout.splitlines()) == 4 and "[RX349]" in result.stderr
    everything = query_graph(graph, "SELECT ?s WHERE { ?s ?p ?o }", limit=0)
    assert len(everything.rows) > 30 and not everything.cut
    assert not query_graph(graph, "SELECT ?s WHERE { ?s ?p ?o }", limit=len(everything.rows)).cut


@pytest.mark.process
def test_terminals_get_no_control_characters(tmp_path):
    pytest.importorskip("pyoxigraph")
    export([triple("red\x1b[31m\u202eAnn")], tmp_path / "facts.nt")
    build_graph([tmp_path / "facts.nt"], tmp_path / "graph")
    shown = relx("graph", "query", tmp_path / "graph", NAMES).output
    assert "\x1b" not in shown and "\u202e" not in shown and "red" in shown


@pytest.mark.process
@pytest.mark.parametrize(
    "query, code",
    [
        ("SELECT", "RX344"),
        ("DELETE WHERE { ?s ?p ?o }", "RX344"),
        ("INSERT DATA { <http://a.example/> <http://b.example/> 1 }", "RX344"),
        ("SELECT * { SERVICE <http://a.example/> { ?s ?p ?o } }", "RX345"),
        ("SELECT * { service silent ?x { ?s ?p ?o } }", "RX345"),
        ("SELECT * {BIND('\"' AS ?q)SERVICE<http://a.example/>{?s ?p ?o}}", "RX345"),
        ("@missing.rq", "RX344"),
    ],
)
def test_queries_that_are_refused(graph, query, code):
    before = len(query_graph(graph, "SELECT * { ?s ?p ?o }", limit=0).rows)
    assert f"[{code}]" in relx("graph", "query", graph, query, code=1).output
    assert len(query_graph(graph, "SELECT * { ?s ?p ?o }", limit=0).rows) == before


@pytest.mark.process
@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?service WHERE { ?service ?p ?o } # SERVICE",
        "PREFIX service: <http://a.example/SERVICE> SELECT * { ?s service:x ?o }",
        'SELECT * { ?s rdfs:label \'no SERVICE <x> \\\' here\' , """SERVICE""" }',
    ],
)
def test_the_word_service_is_no_crime(graph, query):
    query_graph(graph, query)


@pytest.mark.process
def test_slow_queries_are_given_up(graph, run_python):
    """In a process of its own, since the query goes on in its thread."""
    parts = " ".join(f"?a{i} ?b{i} ?c{i} ." for i in range(9))
    source = f"""
import time
from spacy_relx.errors import RelxError
from spacy_relx.writers.query import query_graph
start = time.monotonic()
try:
    query_graph({str(graph)!r}, "SELECT (COUNT(*) AS ?n) WHERE {{ {parts} }}", timeout=0.5)
except RelxError as err:
    print(err.code, time.monotonic() - start)
"""
    code, seconds = run_python(source).split()
    assert code == "RX346" and 0.4 < float(seconds) < 20


@pytest.mark.process
def test_building_again_replaces_graphs_alone(graph, tmp_path):
    export([triple("Eve")], tmp_path / "eve.ttl", settings=Settings(bare=True))
    assert "Saved" in relx("graph", "build", tmp_path / "eve.ttl", "--output", graph).output
    assert [str(row[0].value) for row in query_graph(graph, NAMES).rows] == ["Eve"]
    (tmp_path / "other" / "store").mkdir(parents=True)
    for folder in (tmp_path / "other", tmp_path):
        result = relx("graph", "build", tmp_path / "eve.ttl", "--output", folder, code=1)
        assert "[RX205]" in result.output or "[RX186]" in result.output
    assert (tmp_path / "other" / "store").is_dir()


@pytest.mark.process
def test_builds_that_fail_leave_the_graph(graph, tmp_path):
    names = query_graph(graph, NAMES).rows
    (tmp_path / "broken.nt").write_text("<http://a.example/> <b> .\n", encoding="utf8")
    (tmp_path / "x.csv").touch()
    for inputs, code in ((["broken.nt"], "RX341"), (["x.csv"], "RX341"), (["none.nt"], "RX120")):
        result = relx("graph", "build", *[tmp_path / each for each in inputs], "--output", graph, code=1)
        assert f"[{code}]" in result.output and query_graph(graph, NAMES).rows == names

    class Stop:
        def __init__(self, stream, path):
            self.stream = stream

        def read(self, size=-1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_graph([tmp_path / "facts.nt"], graph, Stop)
    assert query_graph(graph, NAMES).rows == names
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
    (graph / "store" / "x.nt").touch()
    with pytest.raises(RelxError, match="RX186"):
        build_graph([graph / "store" / "x.nt"], graph)


@pytest.mark.process
def test_folders_that_are_no_graph(tmp_path):
    pytest.importorskip("pyoxigraph")
    for meta in (None, "[]", "{}", '{"kind": "spacy_relx graph", "version": 1}'):
        if meta is not None:
            (tmp_path / "graph.json").write_text(meta, encoding="utf8")
        assert "[RX205]" in relx("graph", "query", tmp_path, "ASK {}", code=1).output


@pytest.mark.process
def test_without_oxigraph(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyoxigraph", None)
    assert "spacy-relx[graph]" in relx("graph", "query", tmp_path, "ASK {}", code=1).output


# docs/export.md


def test_examples_of_the_docs(tmp_path, predictions):
    """Each line of output that is shown is in the output."""
    shown = {"jsonl": "jsonl", "csv": "csv", "turtle": "ttl", "ntriples": "nt", "jsonld": "jsonld", "xml": "graphml"}
    relx("export", predictions, "--output", tmp_path / "neo4j", "--to", "neo4j")
    graph = "".join(path.read_text(encoding="utf8") for path in (tmp_path / "neo4j").iterdir())
    for kind, ending in shown.items():
        relx("export", predictions, "--output", tmp_path / f"facts.{ending}")
        text = (tmp_path / f"facts.{ending}").read_text(encoding="utf8") + graph
        examples = [line for block in blocks(kind) for line in block.splitlines()]
        assert examples and [line for line in examples if line not in text] == []


@pytest.mark.process
def test_sparql_of_the_docs(tmp_path, predictions):
    pytest.importorskip("pyoxigraph")
    relx("export", predictions, "--output", tmp_path / "facts.ttl")
    relx("graph", "build", tmp_path / "facts.ttl", "--output", tmp_path / "graph")
    queries = blocks("sparql")
    found = [
        [[str(term.value) for term in row] for row in query_graph(tmp_path / "graph", each).rows] for each in queries
    ]
    assert found == [
        [["Marta Quill", "Tarnbrook Mill"]],
        [["Marta Quill works for Tarnbrook Mill.", "0.91", "n1"], ["Tarnbrook Mill hired Quill.", "0.84", "n2"]],
        [
            ["Marta Quill", "works_for", "Tarnbrook Mill", "2", "en"],
            ["Marta Quill", "born_in", "Hellendorf", "1", "de"],
        ],
        [["Tarnbrook Mill", "Hellendorf", "Marta Quill"]],
    ]


def test_benchmark(tmp_path, monkeypatch, capsys):
    module = import_file("relx_export_benchmark", DOC.parent.parent / "benchmarks" / "export.py")

    def measured(format, n, folder):
        (tmp_path / f"{format} {n}").mkdir()
        return module.measure(format, n, tmp_path / f"{format} {n}")

    monkeypatch.setattr(module, "in_its_own_process", measured)
    monkeypatch.setattr(sys, "argv", ["export.py", "--triples", "50", "--formats", "csv", "turtle"])
    module.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["50", "triples"] and [row[0] for row in rows[2:]] == ["csv", "turtle"]
    assert all(float(row[4]) > 0 for row in rows[2:])
