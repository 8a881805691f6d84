"""Readers whose cost grows with their input, not with its square; `benchmarks/scaling.py` measures their times."""

from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.util import import_file
from support.benchmarks import BENCHMARKS
from support.formats import read

from spacy_relx.formats.importers._markers import _without_blanks_before_closing, is_marked
from spacy_relx.formats.importers._names import find_apart, find_places, in_word

#: What the plain way was: right, and as slow as the square of a run of blanks.
BEFORE_CLOSING = [(re.compile(r"(?<=\w)\s+(</e[12]>)(?=\w)"), r"\1 "), (re.compile(r"\s+(</e[12]>)"), r"\1")]
MARKED = re.compile(r"<e1>.*</e1>.*<e2>.*</e2>|<e2>.*</e2>.*<e1>.*</e1>", re.DOTALL)
PIECES = st.lists(
    st.sampled_from(["<e1>", "</e1>", "<e2>", "</e2>", " ", "\t", "\xa0", "a", "é", ".", "_"]), max_size=14
)


@given(PIECES.map("".join))
def test_markers_as_by_patterns(text):
    wanted = text
    for pattern, replacement in BEFORE_CLOSING:
        wanted = pattern.sub(replacement, wanted)
    assert _without_blanks_before_closing(text) == wanted
    assert is_marked(text) == (MARKED.search(text) is not None)


@given(
    st.text("ab ", max_size=12),
    st.text("ab", min_size=1, max_size=3),
    st.text("ab", min_size=1, max_size=3),
    st.booleans(),
)
def test_the_first_places_apart(text, one, other, words):
    """As if all pairs of places were looked at."""
    joins = in_word if words else lambda character: False
    tails = list(find_places(other, text, joins))
    pairs = ((head, tail) for head in find_places(one, text, joins) for tail in tails)
    wanted = next((pair for pair in pairs if pair[0][1] <= pair[1][0] or pair[1][1] <= pair[0][0]), None)
    assert find_apart(one, other, text, joins) == wanted


def test_a_line_of_one_name_needs_little_memory(tmp_path):
    """Both names everywhere, and overlapping: the pairs of their places are the square of the line."""
    path = tmp_path / "x.txt"
    path.write_text(f"甲甲\t甲甲甲\tr\t{'甲' * 8000}\n", encoding="utf8")
    tracemalloc.start()
    (record,), _ = read("finre", path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(mention.start, mention.end) for mention in record.mentions] == [(0, 2), (2, 5)]
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "format", ["redfm", "semeval2010", "smiler", "finre", "dbpedia_pt", "gids", "prodigy", "inception"]
)
def test_the_benchmark(tmp_path, format):
    """It reads what it makes, in each way that its input can grow."""
    scaling = import_file("relx_scaling_test", BENCHMARKS / "scaling.py")
    times = {}
    for way in scaling.WAYS:
        (tmp_path / way).mkdir()
        times[way] = scaling.time_reader(tmp_path / way, format, way, 20)
    assert times["words"] > 0 and times["blanks"] > 0
    assert (times["names"] is None) != (times["mentions"] is None)


def test_the_benchmark_of_writers(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyarrow")
    scaling = import_file("relx_scaling_test", BENCHMARKS / "scaling.py")
    monkeypatch.setattr(scaling, "SHORT", 0)
    names = ["brat", "doccano", "labelstudio", "prodigy", "csv", "turtle", "parquet"]
    arguments = ["scaling.py", "--only", *names, "--ways", "words", "mentions", "--size", "5", "--bound", "99"]
    monkeypatch.setattr("sys.argv", arguments)
    scaling.main()
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["grows", "by", "n", "seconds", "4n", "slope"] and len(lines) == 2 * (4 + 4 + 3)
    monkeypatch.setattr("sys.argv", [*arguments[:-1], "-99"])
    with pytest.raises(SystemExit, match="steeper than the bound: reader doccano, words"):
        scaling.main()
