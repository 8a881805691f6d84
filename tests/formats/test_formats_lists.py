"""JSON lists of which a part is damaged: the other items are read, and the place is named."""

from __future__ import annotations

import gzip
import json
import re
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


WRONG = [
    ("ë".encode(), b"\xeb", "RX108", "invalid continuation byte"),
    (b'"entities":', b'"tokens":', "RX102", "'tokens' is there twice"),
    (b'"orig_id": 2', b'"orig_id": NaN', "RX101", "NaN is no value of JSON"),
]
BROKEN = [
    (b'"entities"', b"entities", "RX101", "Expecting property name"),
    (b'"entities":', b'"entities"', "RX101", "Expecting ':' delimiter"),
    (b"}", b"", "RX101", "Expecting "),
    (b'"', b"", "RX101", "Expecting "),
]
DAMAGES = [*((*row, [0, 1, 3, 4]) for row in WRONG), *((*row, [0, 1]) for row in BROKEN)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("old", "new", "code", "reason", "kept"), DAMAGES)
def test_one_damaged_item(tmp_path, layout, old, new, code, reason, kept):
    """An item that is JSON, but wrong, leaves all others. Behind a place that is no JSON nothing is guessed."""
    text = LAYOUTS[layout]
    path = tmp_path / "x.json"
    path.write_bytes(damage(text, old, new))
    records, report = read("spert", path, "skip")
    assert [record.id for record in records] == kept
    assert [record.place.line for record in records] == [n + 1 for n in kept]
    (problem,) = report.problems
    line = text[: text.index('orig_id": 1')].count("\n") + 1
    assert (problem.code, report.records_broken) == (code, 1)
    assert problem.line > line if layout != "one line" else problem.line == 1
    assert f"x.json, line {problem.line}: " in problem.message and reason in problem.message
    assert re.search("item [34] of the list", problem.message)
    assert ("what follows cannot be read" in problem.message) == (len(kept) == 2)
    assert "\ufffd" in problem.text or code != "RX108"
    with pytest.raises(RelxError, match=f"{code}.*x.json, line {problem.line}: .*item [34]"):
        read("spert", path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_error_names_line_column_and_item(tmp_path, layout):
    path = tmp_path / "x.json"
    path.write_bytes(raw := damage(LAYOUTS[layout], b'"entities"', b"entities"))
    before = raw[: raw.index(b" entities")] + b" "
    line, column = before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode()) + 1
    with pytest.raises(RelxError, match=rf"x\.json, line {line}: .*item 3 of the list: .*, column {column};"):
        read("spert", path)


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
    "[{} {}, 3]": 1,
    "[1, 2] x": 2,
    "[1, 2": 2,
    "[1, }": 1,
    "[": 0,
    "[]x": 0,
    "[1,,2]": 1,
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


@pytest.mark.parametrize("indent", ["", "  "])
def test_a_comma_that_is_missing(tmp_path, indent):
    path = tmp_path / "x.json"
    items = [json.dumps(spert(orig_id=i)) for i in range(4)]
    path.write_text("[\n" + ",\n".join(items[:2]) + f"\n{indent}" + ",\n".join(items[2:]) + "\n]", encoding="utf8")
    records, report = read("spert", path, "skip")
    assert [record.id for record in records] == [0, 1] and report.records_broken == 1
    column = len(indent) + 1
    with pytest.raises(
        RelxError, match=rf"RX101.*line 4: .*item 3 of the list: Expecting ',' delimiter, column {column}"
    ):
        read("spert", path)


@pytest.mark.parametrize(("text", "kind"), [("null", "null"), ("{}", "object"), ("1.5", "number")])
def test_a_file_that_is_no_list(tmp_path, text, kind):
    (tmp_path / "x.json").write_text(text, encoding="utf8")
    with pytest.raises(RelxError, match=f"RX102.*must be a JSON list, this is .*{kind}"):
        read("spert", tmp_path / "x.json")
