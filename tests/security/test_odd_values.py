"""Values of other kinds than a format has, anywhere in a record: coded errors, never a raw one."""

from __future__ import annotations

import json
import re
from copy import deepcopy

import pytest
from support.detect_samples import SAMPLES
from support.formats import read
from support.lost import CROSSRE, MISSPELT
from support.spec_samples import Example
from support.spec_samples import brat as brat_file
from support.uima_samples import HEADER, ROWS, STRUCTURES, cas

from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import default_nlp, records_to_docs
from spacy_relx.formats.importers import _names, _read

HUGE = 10**30
ODD = [None, True, -1, 1.5, HUGE, -HUGE, float("nan"), "", "x", [], [[]], {}, {"a": 1}, [None], ["x", {}]]
ROWS_OF = {
    **{format: (row, listed) for format, (row, *_, listed) in MISSPELT.items()},
    "crossre": (CROSSRE, False),
    "jsonl": ({"text": "Ann met", "mentions": [{"start": 0, "end": 3, "id": "a"}, {"start": 4, "end": 7}],
               "relations": [{"head": "a", "tail": 1, "label": "r"}], "id": 1, "meta": {"a": 1}}, False),
    "redfm": (SAMPLES["redfm"][0], False),
    "tacred": (SAMPLES["tacred"][0], True),
}  # fmt: skip
NLP = default_nlp()


def places(value, path=()):
    """The paths of all values in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value, path, odd):
    if not path:
        return odd
    value = deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return value


def convert_all(format, path):
    """All as far as to Docs, broken ones left out; and once more with broken ones as errors."""
    records, report = read(format, path, "skip")
    docs = list(records_to_docs(records, NLP, report))
    try:
        read(format, path)
    except RelxError as err:
        assert re.fullmatch(r"RX\d{3}", err.code)
    return docs, report


@pytest.mark.parametrize("format", ROWS_OF)
def test_an_odd_value_anywhere(tmp_path, format):
    row, listed = ROWS_OF[format]
    path = tmp_path / "x.json"
    for place in places(row):
        rows = [changed(row, place, odd) for odd in ODD]
        text = json.dumps(rows) if listed else "\n".join(map(json.dumps, rows))
        path.write_text(text, encoding="utf8")
        _, report = convert_all(format, path)
        assert report.records_found > 0 or report.unknown_keys


def test_an_odd_value_anywhere_in_uima(tmp_path):
    value = cas(*STRUCTURES)
    path = tmp_path / "x.json"
    for place in places(value):
        for odd in ODD:
            path.write_text(json.dumps(changed(value, place, odd)), encoding="utf8")
            convert_all("inception", path)


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 19, "-1", "", "x", "٣", "²", "0x1", "1.5"])
@pytest.mark.parametrize("format", ["brat", "webanno"])
def test_an_odd_number_anywhere(tmp_path, format, number):
    text = brat_file(Example()) if format == "brat" else "\n".join([*HEADER, *ROWS])
    (tmp_path / "x.txt").write_text("😀 Ann Bee of 𝔘lm Press met Zoë.", encoding="utf8")
    path = tmp_path / ("x.ann" if format == "brat" else "x.tsv")
    broken = 0
    for match in re.finditer(r"\d+", text):
        path.write_text(text[: match.start()] + number + text[match.end() :], encoding="utf8")
        broken += convert_all(format, path)[1].records_broken
    assert broken > 5


@pytest.mark.parametrize("format", ["jsonl", "spert"])
def test_a_number_that_python_does_not_read(tmp_path, format):
    row, listed = ROWS_OF[format]
    text = json.dumps([row] if listed else row).replace('"start": 0', f'"start": {"9" * 5000}').replace(
        '"start": 1', f'"start": {"9" * 5000}'
    )  # fmt: skip
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf8")
    _, report = convert_all(format, path)
    assert report.records_broken == 1 and report.problems[0].code == "RX101"


@pytest.mark.parametrize("limit", ["MAX_TEXT", "MAX_ITEMS"])
@pytest.mark.parametrize("format", ["jsonl", "docred", "brat", "inception", "webanno"])
def test_a_record_that_is_too_large(tmp_path, format, limit, monkeypatch):
    """One whose text, tokens, mentions or relations are more than any annotated text has."""
    monkeypatch.setattr(_read, limit, 1)
    path = tmp_path / "x.ann"
    (tmp_path / "x.txt").write_text("😀 Ann Bee of 𝔘lm Press met Zoë.", encoding="utf8")
    if format in ROWS_OF:
        row, listed = ROWS_OF[format]
        path.write_text(json.dumps([row] if listed else row), encoding="utf8")
    else:
        uima = "\n".join([*HEADER, *ROWS]) if format == "webanno" else json.dumps(cas(*STRUCTURES))
        path.write_text(brat_file(Example()) if format == "brat" else uima, encoding="utf8")
    if format == "docred" and limit == "MAX_TEXT":
        pytest.skip("tokens only")
    _, report = read(format, path, "skip")
    assert report.records_broken == 1 and report.problem_counts["RX602"] == 1


def test_a_name_that_is_too_long(tmp_path):
    name = "甲" * (_names.MAX_NAME + 1)
    path = tmp_path / "x.txt"
    path.write_text(f"{name}\t乙\tr\t{name}和乙\n", encoding="utf8")
    _, report = read("finre", path, "skip")
    assert [problem.code for problem in report.problems] == ["RX602"]
