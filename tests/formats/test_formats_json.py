"""Importers of JSON files of research code, of FinRE and SanWen, and of DocBins of other spaCy components."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from support.format_samples import WORDS, ace, docbin, spert, tacred
from support.formats import raises, read, relations, write

from spacy_relx.data.types import Mention
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import read_docs


def listed(path: Path, *rows) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf8")
    return path


# SpERT


def test_spert(tmp_path):
    (record,), report = read("spert", listed(tmp_path / "x.json", spert()))
    assert relations(record) == [("Ann Bee", "met", "Zoë"), ("Zoë", "in", "New York")]
    assert (record.id, record.mentions[1], record.spaces) == (7, Mention(1, 2, "Name"), None)
    assert str(record.place).endswith("sentence 1") and not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"entities": [{"type": "P", "start": 8, "end": 10}], "relations": []}, "RX103"),
        ({"entities": [{"type": "P", "start": 2, "end": 2}], "relations": []}, "RX103"),
        ({"entities": [{"start": 0, "end": 1}]}, "RX102"),
        ({"entities": None}, "RX102"),
        ({"relations": [{"type": "r", "head": 0, "tail": 9}]}, "RX104"),
        ({"relations": [{"type": "r", "head": "0", "tail": 1}]}, "RX102"),
        ({"tokens": ["a", 1]}, "RX102"),
        ({"tokens": []}, "RX102"),
    ],
)
def test_spert_says_what_is_wrong(tmp_path, change, code):
    path = listed(tmp_path / "x.json", spert(), spert(**change), spert())
    assert "sentence 2" in raises(code, "spert", path)
    assert len(read("spert", path, "skip")[0]) == 2


@pytest.mark.parametrize("name", ["spert", "tacred", "labelstudio", "docred"])
def test_broken_json_files(tmp_path, name):
    path = listed(tmp_path / "x.json", spert())
    path.write_bytes(path.read_bytes()[:-9])
    raises("RX101", name, path)
    path.write_bytes('["Zoë"]'.encode("latin-1"))
    raises("RX108", name, path)
    path.write_text("3")
    raises("RX102", name, path)
    path.write_text("[3]")
    raises("RX102", name, path)
    path.write_text("[" * 200_000)
    raises("RX101", name, path)


# ACE, PURE, DyGIE++


def test_ace(tmp_path):
    path = write(tmp_path / "x.json", ace(clusters=[[[1, 2], [9, 9]]], events=[[], [], []]))
    (record,), report = read("ace", path)
    assert relations(record) == [("Ann Bee", "met", "Zoë"), ("She", "knows", "Bob")]
    assert record.mentions[:2] == [Mention(1, 3, "PER"), Mention(1, 2, "NAME")]
    assert (record.id, record.sent_starts) == ("d1", [0, 9, 12])
    assert report.problem_counts == {"RX112": 1, "RX305": 1}
    convert("ace", [path], tmp_path / "x.spacy")
    (doc,) = read_docs(tmp_path / "x.spacy", spacy.blank("xx").vocab)
    assert len(list(doc.sents)) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ner": [[[1, 12, "PER"]], [], []], "relations": [[], [], []]}, "RX103"),
        ({"ner": [[], [[0, 0, "PER"]], []], "relations": [[], [], []]}, "RX102"),  # counted from its sentence
        ({"relations": [[[1, 2, 4, 44, "met"]], [], []]}, "RX103"),
        ({"relations": [[[2, 1, 4, 4, "met"]], [], []]}, "RX103"),
        ({"ner": [[[1, 2]], [], []]}, "RX102"),
        ({"ner": [[1, 2, "PER"], [], []]}, "RX102"),
        ({"ner": [[]]}, "RX102"),
        ({"relations": [[[1, 2, 4, 4]], [], []]}, "RX102"),
        ({"sentences": "Ann met Bob"}, "RX102"),
        ({"sentences": [["a", ""]]}, "RX102"),
    ],
)
def test_ace_says_what_is_wrong(tmp_path, change, code):
    fine = {"relations": [[[1, 2, 4, 4, "met"]], [], []]}
    path = write(tmp_path / "x.json", ace(**fine), ace(**{**fine, **change}), ace(**fine))
    assert "line 2" in raises(code, "ace", path)
    assert len(read("ace", path, "skip")[0]) == 2


def test_errors_count_as_the_format_does(tmp_path):
    """Ends are inclusive in some formats, and the mention is shown as it stands in the file."""
    ends = {
        "ace": ace(ner=[[[1, 12, "PER"]], [], []], relations=[[], [], []]),
        "crossre": {"sentence": WORDS, "ner": [[1, 12, "PER"]], "relations": []},
    }
    for name, row in ends.items():
        message = raises("RX103", name, write(tmp_path / "x.json", row))
        assert f"the mention [1, 12] does not fit {message.split('fit ')[1].split()[0]} tokens" in message
        assert "the end is the last of the tokens in the mention" in message
    message = raises("RX103", "tacred", listed(tmp_path / "x.json", tacred(subj_end=9)))
    assert "the mention [4, 9] does not" in message and "last of the tokens in the mention" in message
    spert = {"tokens": WORDS, "entities": [{"type": "P", "start": 8, "end": 99}], "relations": []}
    message = raises("RX103", "spert", listed(tmp_path / "x.json", spert))
    assert "the mention [8, 99) does not" in message and "first of the tokens behind the mention" in message


# TACRED


def test_tacred(tmp_path):
    path = listed(tmp_path / "x.json", tacred(), tacred(relation="no_relation", obj_type=None))
    records, report = read("tacred", path)
    assert [relations(record) for record in records] == [[("Zoë", "per:met", "Ann Bee")], []]
    assert records[1].mentions[1] == Mention(1, 3, "ENT")
    assert (records[1].meta, report.relations_none) == ({"label": "no_relation"}, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subj_end": 9}, "RX103"),
        ({"subj_end": 3}, "RX103"),
        ({"obj_start": None}, "RX102"),
        ({"relation": 1}, "RX102"),
    ],
)
def test_tacred_says_what_is_wrong(tmp_path, change, code):
    path = listed(tmp_path / "x.json", tacred(), tacred(**change))
    assert "sentence 2" in raises(code, "tacred", path)
    assert len(read("tacred", path, "skip")[0]) == 1


# FinRE, SanWen


def test_finre(tmp_path):
    rows = [
        "甲公司\t乙公司\t收购\t甲公司收购乙公司。\r",
        "",
        "他\t他的朋友\tunknown\t那天他的朋友来看他\r",
        "朋友\t他的朋友\tr\t他的朋友",
    ]
    records, report = read("finre", write(tmp_path / "x.txt", *rows))
    assert [relations(record) for record in records] == [
        [("甲公司", "收购", "乙公司")],
        [],
        [("朋友", "r", "他的朋友")],
    ]
    assert records[1].mentions == [Mention(8, 9, "ENT"), Mention(2, 6, "ENT")]  # apart, where that can be
    assert (records[0].lang, report.relations_none) == ("zh", 1)


@pytest.mark.parametrize(
    ("line", "code"),
    [("甲\t乙\tr", "RX111"), ("甲\t丙\tr\t甲乙", "RX115"), ("甲\t甲\tr\t甲乙", "RX115"), ("\t乙\tr\t甲乙", "RX115")],
)
def test_finre_says_what_is_wrong(tmp_path, line, code):
    path = write(tmp_path / "x.txt", "甲\t乙\tr\t甲和乙", line, "甲\t乙\tr\t甲和乙")
    assert "line 2" in raises(code, "finre", path)
    assert len(read("finre", path, "skip")[0]) == 2


# DocBins with doc._.rel


def test_rel_component(tmp_path):
    rel = {(1, 4): {"met": 1.0, "saw": 0.2}, (4, 1): {"met": 0.0, "saw": 0.0}, (1, 6): {}}
    path = docbin(tmp_path / "x.spacy", rel, None)
    records, report = read("rel_component", path)
    assert [relations(record) for record in records] == [[("Ann Bee", "met", "Zoë")], []]
    assert records[0].mentions[0] == Mention(1, 3, "PER", "Q1")
    assert report.relations_none == 2
    report = convert("rel_component", [path], tmp_path / "out.spacy")
    assert report.relations_kept == 1
    doc = next(iter(read_docs(tmp_path / "out.spacy", spacy.blank("xx").vocab)))
    assert doc.text == "😀 Ann Bee met Zoë in New York."


def test_spacy_llm(tmp_path):
    rel = [{"dep": 0, "dest": 1, "relation": "met"}, {"dep": 1, "dest": 0, "relation": "met"}]
    records, report = read("spacy_llm", docbin(tmp_path / "x.spacy", rel, []))
    assert relations(records[0]) == [("Ann Bee", "met", "Zoë"), ("Zoë", "met", "Ann Bee")]
    assert records[1].relations == [] and not report.problems


@pytest.mark.parametrize(
    ("name", "rel", "code"),
    [
        ("rel_component", [{"dep": 0, "dest": 1, "relation": "met"}], "RX102"),
        ("rel_component", {(2, 4): {"met": 1.0}}, "RX104"),
        ("rel_component", {"a": {"met": 1.0}}, "RX102"),
        ("rel_component", {(1, 4): ["met"]}, "RX102"),
        ("rel_component", {(1, 4): {"met": "yes"}}, "RX102"),
        ("spacy_llm", {(1, 4): {"met": 1.0}}, "RX102"),
        ("spacy_llm", [{"dep": 0, "dest": 5, "relation": "met"}], "RX104"),
        ("spacy_llm", [{"dep": 0, "dest": 1}], "RX102"),
        ("spacy_llm", ["met"], "RX102"),
    ],
)
def test_docbins_say_what_is_wrong(tmp_path, name, rel, code):
    path = docbin(tmp_path / "x.spacy", None, rel, None)
    assert "document 2" in raises(code, name, path)
    assert len(read(name, path, "skip")[0]) == 2


@pytest.mark.parametrize("name", ["rel_component", "spacy_llm"])
def test_broken_docbins(tmp_path, name):
    path = docbin(tmp_path / "x.spacy", None)
    path.write_bytes(path.read_bytes()[:-20])
    raises("RX109", name, path)
    path.write_text("not a DocBin")
    raises("RX109", name, path)


@pytest.mark.parametrize("name", ["rel_component", "spacy_llm"])
def test_docbins_without_relations(tmp_path, name):
    """A file whose relations are elsewhere, or were not saved, would give documents without any."""
    raises("RX102", name, docbin(tmp_path / "x.spacy", None, None))
    raises("RX102", name, docbin(tmp_path / "y.spacy", [], user_data=False))
