"""JSON lists of which a part is damaged: the other items are read, and the place is named."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.format_samples import spert, tacred
from support.formats import read

from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.importers._json_list import iter_items

ROWS = [spert(orig_id=i, tokens=["😀", "Zoë", *"abcdefg"]) for i in range(5)]
ITEMS = [json.dumps(row, ensure_ascii=False) for row in ROWS]
LAYOUTS = {
    "one line": "[" + ", ".join(ITEMS) + "]",
    "a line each": "[\n" + ",\n".join(ITEMS) + "\n]\n",
    "indented": json.dumps(ROWS, ensure_ascii=False, indent=2),
}


def damage(text: str, old: bytes, new: bytes) -> bytes:
    """The text with one place of its third item changed."""
    raw = text.encode()
    start = raw.index(old, raw.rindex(b"{", 0, raw.index(b'"tokens"', raw.index(b'"orig_id": 1'))))
    return raw[:start] + new + raw[start + len(old) :]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("old", "new", "code", "reason"),
    [
        ("ë".encode(), b"\xeb", "RX108", "invalid continuation byte"),
        (b'"entities"', b"entities", "RX101", "Expecting property name"),
        (b'"entities":', b'"tokens":', "RX102", "'tokens' is there twice"),
        (b'"entities":', b'"entities"', "RX101", "Expecting ':' delimiter"),
    ],
)
def test_one_damaged_item(tmp_path, layout, old, new, code, reason):
    text = LAYOUTS[layout]
    path = tmp_path / "x.json"
    path.write_bytes(damage(text, old, new))
    records, report = read("spert", path, "skip")
    assert [record.id for record in records] == [0, 1, 3, 4]
    assert [record.place.line for record in records] == [1, 2, 4, 5]
    (problem,) = report.problems
    line = text[: text.index('orig_id": 1')].count("\n") + 1
    assert (problem.code, report.records_broken) == (code, 1)
    assert problem.line > line if layout != "one line" else problem.line == 1
    assert f"x.json, line {problem.line}: " in problem.message
    assert "item 3 of the list" in problem.message and reason in problem.message
    assert "\ufffd" in problem.text or code != "RX108"
    with pytest.raises(RelxError, match=f"{code}.*x.json, line {problem.line}: .*item 3"):
        read("spert", path)


@pytest.mark.parametrize("layout", ["a line each", "indented"])
@pytest.mark.parametrize(("old", "new"), [(b"}", b""), (b"]", b""), (b'"', b""), (b"{", b"")])
def test_items_on_lines_of_their_own_are_told_apart(tmp_path, layout, old, new):
    path = tmp_path / "x.json"
    path.write_bytes(damage(LAYOUTS[layout], old, new))
    records, report = read("spert", path, "skip")
    assert [record.id for record in records] == [0, 1, 3, 4] and report.records_broken == 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.99])
def test_a_file_that_is_cut(tmp_path, layout, share):
    text = LAYOUTS[layout]
    path = tmp_path / "x.json"
    path.write_bytes(cut := text.encode()[: int(len(text.encode()) * share)])
    records, report = read("spert", path, "skip")
    whole = sum(len(text[: item.end].encode()) <= len(cut) for item in iter_items(text))
    assert [record.id for record in records] == list(range(whole)) and report.records_broken == 1
    (problem,) = report.problems
    assert problem.code in ("RX101", "RX108") and f"item {len(records) + 1} of the list" in problem.message
    assert "what follows cannot be read" in problem.message
    assert problem.line <= cut.count(b"\n") + 1


def test_the_summary_counts_what_was_kept(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[\n" + ",\n".join(json.dumps(tacred(id=i)) for i in "abc")[:-40])
    report = convert("tacred", [path], tmp_path / "o.spacy", on_error="skip")
    assert "records found      3 (broken 1)" in report.summary() and report.outputs
    assert "x.json, line 4" in report.summary()
    with pytest.raises(RelxError, match=r"RX101.*x\.json, line 4: .*item 3"):
        convert("tacred", [path], tmp_path / "p.spacy")
    assert not (tmp_path / "p.spacy").exists()


def test_a_packed_list_that_ends_early(tmp_path):
    path = tmp_path / "x.json.gz"
    packed = gzip.compress(json.dumps([spert(orig_id=i) for i in range(6000)]).encode())
    path.write_bytes(packed[: len(packed) // 2])
    records, report = read("spert", path, "skip")
    assert len(records) > 2000 and [problem.code for problem in report.problems] == ["RX109"]
    path.write_bytes(packed[:-6])  # all is there, but for the checksum
    records, report = read("spert", path, "skip")
    assert len(records) == 6000 and [problem.code for problem in report.problems] == ["RX109"]


SMALL = {
    "[1, 2,]": 2,
    "[1 2, 3]": 1,
    "[{} {}, 3]": 2,
    "[1, 2] x": 2,
    "[1, 2": 2,
    "[1, }": 1,
    "[": 0,
    "[]x": 0,
    "[1,,2]": 2,
}


@pytest.mark.parametrize(("text", "kept"), SMALL.items())
def test_items_of_small_lists(text, kept):
    items = list(iter_items(text))
    assert sum(item.error is None for item in items) == kept
    assert sum(item.error is not None for item in items) == 1
    assert [item.number for item in items] == list(range(1, len(items) + 1))


@given(st.binary(max_size=40), st.integers(0, 600), st.sampled_from([*LAYOUTS]))
def test_any_damage_is_told(tmp_path_factory, junk, start, layout):
    """Whatever stands in a part of the file: there is no other error, and no item twice."""
    raw = LAYOUTS[layout].encode()
    path: Path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_bytes(raw[:start] + junk + raw[start + 20 :])
    records, report = read("spert", path, "skip")
    ids = [record.id for record in records if record.id in range(5)]
    assert len(ids) == len(set(ids)) and (report.records_broken or len(records) == 5)


@pytest.mark.parametrize("old", ['"orig_id"', "}\n", "😀"])
def test_many_damaged_items_are_read_in_time(tmp_path, old):
    """An error of `json` counts all lines before it: with one in each item that would take minutes."""
    text = "[\n" + "\n,".join(ITEMS * 3000) + "\n]"
    path = tmp_path / "x.json"
    path.write_text(text.replace(old, "\n" if old[0] == "}" else "orig"), encoding="utf8")
    start = time.perf_counter()
    _, report = read("spert", path, "skip")
    assert time.perf_counter() - start < 20 and (old == "😀") == (report.records_broken == 0)


@pytest.mark.parametrize("n", [5, 60])
@pytest.mark.parametrize("indent", ["", "  "])
def test_commas_that_are_missing(tmp_path, n, indent):
    """Items on lines of their own are kept, the broken ones among them are not."""
    path = tmp_path / "x.json"
    items = [json.dumps(spert(orig_id=i)) for i in range(n)]
    items[3] = items[3][:-1]
    path.write_text("[\n" + "".join(f"{indent}{item}\n" for item in items) + "]", encoding="utf8")
    records, report = read("spert", path, "skip")
    assert [record.id for record in records] == [i for i in range(n) if i != 3]
    assert report.records_broken == 1 and report.problem_counts["RX101"] == n - 2  # none for the one behind it
    assert (
        "x.json, line 3: " in report.problems[0].message
        and "the comma before it is missing" in report.problems[0].message
    )
    with pytest.raises(RelxError, match=r"RX101.*line 3: .*item 2 of the list: the comma before it is missing"):
        read("spert", path)
