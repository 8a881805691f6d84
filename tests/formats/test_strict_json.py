"""JSON in and out as RFC 8259 has it."""

from __future__ import annotations

import json
import math

import pytest
from support.commands import invoke

from spacy_relx.data.strict_json import DuplicateKeyError, dump_json, load_json
from spacy_relx.errors import RelxError
from spacy_relx.formats.importers._read import read_json_list
from spacy_relx.formats.records import Report


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": [Infinity]}', "1e999", "-1e400", "'a'", "[1,]"])
def test_what_is_no_json(text):
    with pytest.raises(ValueError):
        load_json(text)


def test_read():
    assert load_json('{"a": [1, 2.5, 1e300, null, "\\ud83d\\ude00"]}') == {"a": [1, 2.5, 1e300, None, "😀"]}
    with pytest.raises(DuplicateKeyError, match="'a' is there twice"):
        load_json('{"b": {"a": 1, "a": 2}}')


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "the value is nan"),
        ({"a": [1, {"b": math.inf}]}, r"a\[1\]\.b is inf"),
        ({"a": ["x", "y\ud83d"]}, r"a\[1\] is no text, its character 1"),
        ({"a": {"\ud83d": 1}}, r"the key '\\ud83d' in a"),
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_what_cannot_be_written(value, reason, ascii_only):
    with pytest.raises(RelxError, match=rf"RX581.*{reason}"):
        dump_json(value, ascii_only=ascii_only)


def test_write():
    value = {"é": [0.5, None, True, "😀"], "n": {}}
    assert dump_json(value) == '{"é": [0.5, null, true, "😀"], "n": {}}'
    assert json.loads(dump_json(value, ascii_only=True)) == value and dump_json(value, ascii_only=True).isascii()
    assert dump_json({"a": 1}, indent=1) == '{\n "a": 1\n}'


def test_data_with_nan_are_refused_with_their_line(tmp_path):
    path = tmp_path / "in.jsonl"
    rows = ['{"text": "fine"}', '{"text": "a", "meta": {"weight": NaN}}']
    path.write_text("\n".join(rows), encoding="utf8")
    result = invoke("data", "convert", "jsonl", path, "--output", tmp_path / "o.spacy", exit_code=1)
    assert "[RX101]" in result.stderr and "in.jsonl, line 2" in result.stderr and "NaN is no value" in result.stderr


def test_a_list_with_nan_loses_that_item_alone(tmp_path):
    path, report = tmp_path / "in.json", Report("skip")
    path.write_text('[{"a": 1},\n {"a": NaN},\n {"a": [1e999]}, {"a": 2}]', encoding="utf8")
    assert [row for _, _, row in read_json_list(path, report)] == [{"a": 1}, {"a": 2}]
    assert [(problem.code, problem.line) for problem in report.problems] == [("RX101", 2), ("RX101", 3)]
