"""Queries to a graph reach no other machine, whatever is in them, and end in bounded time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.sparql import HOSTILE, start_listener

from spacy_relx.errors import RelxError
from spacy_relx.writers import _query_process, query
from spacy_relx.writers.graph import build_graph

pytestmark = pytest.mark.process

ox = pytest.importorskip("pyoxigraph")
pytest.importorskip("rdflib")


@pytest.fixture
def listener():
    """Address of a server on this machine, and the list of what was asked of it."""
    server, url, asked = start_listener()
    yield url, asked
    server.shutdown()


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "one.nt").write_text("<http://a.example/s> <http://a.example/p> <http://a.example/o> .\n")
    build_graph([tmp_path / "one.nt"], tmp_path / "graph")
    return tmp_path / "graph"


def test_the_listener_hears_what_is_asked(listener, graph):
    """So that the tests below cannot pass by an address that nobody listens to."""
    url, asked = listener
    with pytest.raises(OSError):
        list(ox.Store().query(HOSTILE["a dot before"].replace("URL", url).replace("?s ?p ?o.", "")))
    assert asked


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_grammar_refuses(kind):
    """The first wall by itself, in this process."""
    with pytest.raises(_query_process.Refused) as caught:
        _query_process.check_query(_query_process.plain_query(HOSTILE[kind].replace("URL", "http://a.example/")))
    assert caught.value.code in ("RX344", "RX345")


@pytest.mark.parametrize(
    "harmless",
    [
        "SELECT ?service WHERE { ?service ?p ?o } # SERVICE",
        "PREFIX service: <http://a.example/SERVICE> SELECT * { ?s service:x ?o }",
        'SELECT * { ?s ?p \'no SERVICE <x> \\\' here\' , """SERVICE""" }',
        "SELECT * { ?s ?p '\\u00e9t\\u00e9' }",
    ],
)
def test_the_word_alone_is_no_service(harmless):
    _query_process.check_query(_query_process.plain_query(harmless))


def test_escapes_are_written_out():
    assert _query_process.plain_query("'\\u00e9\\U0001F600'\r\n\r") == "'é😀'\n\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the second wall is Linux's")
def test_no_socket_without_the_grammar(listener, graph):
    """The second wall by itself: the process as it is, but for the look at the parse tree."""
    url, asked = listener
    script = Path(_query_process.__file__)
    source = (
        "import runpy; names = runpy.run_path("
        f"{str(script)!r}); names['main'].__globals__['check_query'] = lambda query: None; names['main']()"
    )
    text = HOSTILE["a dot before"].replace("URL", url)
    question = {"store": str(graph / "store"), "query": text, "prefixes": {}, "limit": 0, "max_bytes": 1 << 32}
    done = subprocess.run([sys.executable, "-c", source], input=json.dumps(question).encode(), capture_output=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "ermission" in lines[-1]["reason"], (lines, done.stderr)
    assert not asked


#: Answered from nothing: 100 million rows, which have to be sorted.
HUGE = "SELECT * {{ {} }} ORDER BY ?d".format(
    " ".join(f"VALUES ?{name} {{ {' '.join(map(str, range(100)))} }}" for name in "abcd")
)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing there limits a process's memory")
def test_a_query_that_takes_too_much_memory_is_ended(graph, monkeypatch):
    monkeypatch.setattr(query, "MAX_BYTES", 256 << 20)
    with pytest.raises(RelxError, match="RX346"):
        query.query_graph(graph, HUGE, timeout=300)


def test_a_query_that_takes_too_long_is_ended(graph):
    with pytest.raises(RelxError, match="RX346"):
        query.query_graph(graph, HUGE, timeout=2)


def test_a_query_of_any_length_is_not_read(graph):
    """Reading takes time and memory, too."""
    with pytest.raises(RelxError, match=r"RX344.*100000 characters"):
        query.query_graph(graph, "SELECT * { VALUES ?x { " + "1 " * 3_000_000 + "} }")
