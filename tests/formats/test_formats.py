"""Importers: what all of them share, our own format, reports, and the documentation."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from catalogue import REGISTRY
from hypothesis import given
from hypothesis import strategies as st
from support.formats import FORMATS, raises, read, relations, write

from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.importers import formats, get_format
from spacy_relx.formats.records import MAX_PROBLEMS, Place, Record, Report, excerpt

JSONL = {
    "text": "Ann works for Acme.",
    "mentions": [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 14, "end": 18, "label": "ORG", "kb_id": "Q1"}],
    "relations": [{"head": 0, "tail": 1, "label": "works_for"}],
    "id": 7,
    "lang": "en",
    "meta": {"source": "me"},
}


# registry and shared reading


def test_every_format_is_registered():
    assert sorted(formats.get_all()) == FORMATS
    with pytest.raises(RelxError, match=r"RX100.*ace, brat, crossre, dbpedia_pt, doccano, docred, fewrel, finre, gids"):
        get_format("conll")


def test_a_format_of_ones_own():
    formats.register("one_line", func=lambda path, report: iter([Record(Place(path, 1), text="Hi")]))
    try:
        assert read("one_line", Path("x"))[0][0].text == "Hi"
    finally:
        REGISTRY.pop(("spacy_relx", "formats", "one_line"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_line_ends_byte_order_marks_gzip(tmp_path, end, bom, packed):
    path = tmp_path / ("x.jsonl.gz" if packed else "x.jsonl")
    content = bom + end.join([json.dumps(JSONL), "", json.dumps(JSONL)]).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    records, report = read("jsonl", path)
    assert [record.place.line for record in records] == [1, 3]
    assert report.records_broken == 0
    assert relations(records[1]) == [("Ann", "works_for", "Acme")]


def test_lines_that_are_not_utf8(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(JSONL).encode() + b'\n{"text": "\xe4"}\n' + json.dumps(JSONL).encode())
    assert "line 2" in raises("RX108", "jsonl", path)
    assert len(read("jsonl", path, "skip")[0]) == 2


def test_a_gzip_file_that_ends_early(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    rows = "\n".join(json.dumps({**JSONL, "id": i}) for i in range(5000))
    path.write_bytes(gzip.compress(rows.encode())[:-500])
    raises("RX109", "jsonl", path)
    assert len(read("jsonl", path, "skip")[0]) > 100


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_file(tmp_path, name):
    raises("RX109", name, tmp_path / "none")


@pytest.mark.parametrize("name", ["jsonl", "crossre", "opennre", "prodigy"])
def test_broken_json_lines(tmp_path, name):
    assert "line 1" in raises("RX101", name, write(tmp_path / "a", "{not json"))
    assert "an integer" in raises("RX102", name, write(tmp_path / "b", "12"))
    raises("RX102", name, write(tmp_path / "c", {"nothing": 1}))


# our own format


def test_jsonl(tmp_path):
    (record,), report = read("jsonl", write(tmp_path / "x.jsonl", JSONL))
    assert (record.id, record.lang, record.meta) == (7, "en", {"source": "me"})
    assert record.mentions == [Mention(0, 3, "PERSON"), Mention(14, 18, "ORG", "Q1")]
    assert relations(record) == [("Ann", "works_for", "Acme")]
    assert not report.problems


@pytest.mark.parametrize("lang", ["", "de", "ceb", "pt-BR", "zh_Hant_TW"])
def test_language_codes(tmp_path, lang):
    assert read("jsonl", write(tmp_path / "x.jsonl", {**JSONL, "lang": lang}))[0][0].lang == lang


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "Ann works for Acme.", "text": "Bob"}',
        '{"text": "Ann", "mentions": [{"start": 0, "end": 1, "end": 3}]}',
    ],
)
def test_a_key_that_is_there_twice(tmp_path, line):
    """JSON parsers keep the last value without a word."""
    message = raises("RX102", "jsonl", write(tmp_path / "x.jsonl", JSONL, line, JSONL))
    assert "line 2" in message and "twice" in message
    documents = tmp_path / "x.json"
    documents.write_text(f"[{line}]", encoding="utf8")
    assert "twice" in raises("RX102", "docred", documents)


def test_jsonl_tokens_ids_and_no_relation(tmp_path):
    row = {
        "tokens": ["Ann", "left", "Acme", "."],
        "spaces": [True, True, False, False],
        "mentions": [{"start": 0, "end": 1, "id": "ann"}, {"start": 2, "end": 3, "label": "ORG", "id": "acme"}],
        "relations": [
            {"head": "acme", "tail": "ann", "label": "lost"},
            {"head": "ann", "tail": 1, "label": "no_relation"},
        ],
    }
    (record,), _ = read("jsonl", write(tmp_path / "x.jsonl", row))
    assert record.text is None
    assert record.mentions[0].label == "ENT"
    assert relations(record) == [("Acme", "lost", "Ann"), ("Ann", "no_relation", "Acme")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": None}, "RX102"),
        ({"text": "  "}, "RX102"),
        ({"tokens": ["Ann"]}, "RX102"),
        ({"spaces": [True]}, "RX102"),
        ({"relation": []}, "RX102"),
        ({"mentions": {"start": 0}}, "RX102"),
        ({"mentions": [1]}, "RX102"),
        ({"mentions": [{"start": 0}]}, "RX102"),
        ({"mentions": [{"start": 0, "end": 1.5}]}, "RX102"),
        ({"mentions": [{"start": True, "end": 2}]}, "RX102"),
        ({"mentions": [{"start": 0, "end": 1, "lable": "X"}]}, "RX102"),
        ({"mentions": [{"start": 0, "end": 1, "id": 5}]}, "RX102"),
        ({"mentions": [{"start": 0, "end": 1, "id": "a"}, {"start": 2, "end": 3, "id": "a"}]}, "RX102"),
        ({"mentions": [{"start": 3, "end": 3}]}, "RX103"),
        ({"mentions": [{"start": -1, "end": 3}]}, "RX103"),
        ({"mentions": [{"start": 0, "end": 20}]}, "RX103"),
        ({"mentions": [{"start": 0, "end": 3, "text": "Bob"}]}, "RX105"),
        ({"relations": [{"head": 0, "tail": 2, "label": "r"}]}, "RX104"),
        ({"relations": [{"head": -1, "tail": 1, "label": "r"}]}, "RX104"),
        ({"relations": [{"head": "ann", "tail": 1, "label": "r"}]}, "RX104"),
        ({"relations": [{"head": 0, "tail": 1, "label": ""}]}, "RX102"),
        ({"relations": [{"head": 0, "tail": 1}]}, "RX102"),
        ({"relations": [{"head": 0, "label": "r"}]}, "RX102"),
        ({"lang": 3}, "RX102"),
        ({"lang": "English!!"}, "RX102"),
        ({"lang": "klingon"}, "RX102"),
        ({"meta": "x"}, "RX102"),
    ],
)
def test_jsonl_says_what_is_wrong(tmp_path, change, code):
    row = {**JSONL, **change}
    if "mentions" in change:
        row["relations"] = []
    path = write(tmp_path / "x.jsonl", JSONL, row, JSONL)
    message = raises(code, "jsonl", path)
    assert "x.jsonl, line 2" in message
    assert len(read("jsonl", path, "skip")[0]) == 2


# reports


def test_a_report_is_bounded_and_counts_on(tmp_path):
    _, report = read("jsonl", write(tmp_path / "x", *["{"] * (MAX_PROBLEMS + 5)), "skip")
    assert report.records_broken == report.problem_counts["RX101"] == MAX_PROBLEMS + 5
    assert len(report.problems) == MAX_PROBLEMS
    assert report.problems[2].line == 3
    assert report.problems[2].text == "{"
    summary = report.summary(2)
    assert f"broken {MAX_PROBLEMS + 5}" in summary
    assert summary.count("RX101") == 2
    with pytest.raises(RelxError, match="RX021"):
        Report("continue")


@given(st.text(max_size=300), st.integers(0, 200), st.integers(1, 50))
def test_excerpts_are_short_and_hold_the_place(text, start, length):
    cut = excerpt(text, start, start + length)
    assert len(cut) <= 120 + 50 + 6
    inside = " ".join(text[start : start + length].split())
    assert inside in cut or " ".join(text.split()) == cut


# documentation and sample


def test_the_examples_of_the_documentation(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf8")
    rows = [block.split("```")[0].strip() for block in page.split("```json\n")[1:]]
    records, report = read("jsonl", write(tmp_path / "x.jsonl", *rows))
    assert [relations(record) for record in records] == [
        [("Ann", "works_for", "Acme")],
        [("Acme", "employs", "Ann")],
    ]
    assert not report.problems
    assert all(f"`{name}`" in page for name in FORMATS)


def test_the_sample_corpus_is_in_our_format():
    folder = Path(__file__).parents[2] / "assets" / "sample"
    report = Report()
    counts = [
        sum(1 for _ in get_format("jsonl")(folder / f"{part}.jsonl", report)) for part in ("train", "dev", "test")
    ]
    assert min(counts) > 100
