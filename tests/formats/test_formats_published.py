"""Importers of published formats, on small made-up files, on broken ones, and on real data where it is at hand."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats import raises, read, relations, write

from spacy_relx.data.types import Mention
from spacy_relx.formats.convert import choose_inputs
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.importers._markers import parse_markers
from spacy_relx.formats.records import Report

DATA = Path(os.environ.get("RELX_DATA", Path(__file__).parents[3] / "shared" / "data"))


# tokens with inclusive ends


def test_crossre(tmp_path):
    row = {
        "doc_key": "k1",
        "sentence": ["Ann", "Bee", "sang", "in", "Rome", "."],
        "ner": [[0, 1, "person"], [0, 0, "first"], [4, 4, "place"]],
        "relations": [
            [0, 1, 4, 4, "physical", "", False, False],
            [0, 1, 4, 4, "role", "", False, False],
            [4, 4, 0, 0, "named", "", True, False],
        ],
    }
    folder = tmp_path / "german"
    folder.mkdir()
    (record,), report = read("crossre", write(folder / "x.json", row))
    assert record.lang == "de"
    assert record.id == "k1"
    assert record.mentions == [Mention(0, 2, "person"), Mention(0, 1, "first"), Mention(4, 5, "place")]
    assert relations(record) == [
        ("Ann Bee", "physical", "Rome"),
        ("Ann Bee", "role", "Rome"),
        ("Rome", "named", "Ann"),
    ]
    assert record.spaces is None
    assert not report.problems


def test_crossre_spaces_and_spans_that_are_no_mention(tmp_path):
    row = {
        "sentence": ["Ann", "sang", "."],
        "ner": [[0, 0, "person"]],
        "relations": [[0, 0, 1, 1, "role"]],
        "token2charspan": [[0, 3], [4, 8], [8, 9]],
    }
    (record,), report = read("crossre", write(tmp_path / "x.json", row))
    assert record.spaces == [True, False, False]
    assert relations(record) == [("Ann", "role", "sang")]
    assert record.mentions[1].label == "ENT"
    assert report.problem_counts == {"RX112": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ner": [[0, 3, "x"]]}, "RX103"),
        ({"ner": [[0, "a", "x"]]}, "RX102"),
        ({"ner": [[0, 0]]}, "RX102"),
        ({"relations": [[0, 0, 1, 1]]}, "RX102"),
        ({"relations": [[0, 0, 1, 9, "r"]]}, "RX103"),
        ({"sentence": ["a", "", "c"]}, "RX102"),
    ],
)
def test_crossre_broken(tmp_path, change, code):
    row = {"sentence": ["a", "b", "c"], "ner": [], "relations": [], **change}
    raises(code, "crossre", write(tmp_path / "x.json", row))


# sentences with markers


@given(st.text("ab .\u00e4\u4f60", max_size=8), st.text("cd", min_size=1), st.text("ef", min_size=1), st.booleans())
def test_markers_come_out_and_offsets_fit(around, first, second, swap):
    names = ("e2", "e1") if swap else ("e1", "e2")
    marked = f"{around}<{names[0]}>{first}</{names[0]}>{around}<{names[1]}>{second}</{names[1]}>{around}"
    text, e1, e2 = parse_markers(marked)
    assert text == around + first + around + second + around
    if swap:
        e1, e2 = e2, e1
    assert (text[slice(*e1)], text[slice(*e2)]) == (first, second)


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("The <e1> Old Firm </e1> of (<e2> Rome </e2>).", "The Old Firm of (Rome)."),
        ("<e1> Old Firm </e1> <e2> Rome </e2>", "Old Firm Rome"),
        ("x<e1> Old Firm </e1>y<e2> Rome </e2>", "x Old Firm y Rome"),
        ("<e1>Old Firm of <e2>Rome</e2></e1>", "Old Firm of Rome"),
    ],
)
def test_blanks_inside_markers(marked, text):
    clean, e1, e2 = parse_markers(marked)
    assert clean == text
    assert clean[slice(*e1)].startswith("Old Firm")
    assert clean[slice(*e2)] == "Rome"


def test_semeval2010(tmp_path):
    path = write(
        tmp_path / "x.txt",
        '1\t"The <e1>core</e1> of the <e2>tree</e2>."',
        "Component-Whole(e1,e2)",
        "Comment: not <e1>this</e1>",
        "",
        '2\t"He said "<e1>fire</e1>" and <e2>smoke</e2>"',
        "Cause-Effect(e2,e1)",
        "",
        "",
        '3\t"<e1> Ann </e1> and <e2> Bob </e2>."',
        "no_relation",
        "",
        '4\t"<e1>A</e1> and <e2>B</e2>"',
        "Other",
    )
    records, report = read("semeval2010", path)
    assert [record.id for record in records] == list("1234")
    assert relations(records[0]) == [("core", "Component-Whole", "tree")]
    assert relations(records[1]) == [("smoke", "Cause-Effect", "fire")]
    assert records[1].text == 'He said "fire" and smoke'
    assert records[1].meta == {"label": "Cause-Effect(e2,e1)"}
    assert records[2].relations == records[3].relations == []
    assert records[2].text == "Ann and Bob."
    assert report.relations_none == 2
    assert records[0].lang == ""


def test_semeval2010_knows_the_language_of_relx_by_name(tmp_path):
    path = write(tmp_path / "RELX_de.txt", '1\t"<e1> A </e1> <e2> B </e2>"', "per:title(e1,e2)")
    assert read("semeval2010", path)[0][0].lang == "de"


@pytest.mark.parametrize(
    ("sentence", "label", "code"),
    [
        ("<e1>a</e1> b", "Other", "RX102"),
        ("<e1>a</e1> <e2></e2>", "Other", "RX102"),
        ("<e1>a</e1> <e1>b</e1> <e2>c</e2>", "Other", "RX102"),
        ("</e1>a<e1> <e2>c</e2>", "Other", "RX102"),
        ("<e1>a</e1> <e2>c</e2>", "Cause-Effect", "RX102"),
        ("<e1>a</e1> <e2>c</e2>", "Cause-Effect(e1,e1)", "RX102"),
        ("<e1>a</e1> <e2>c</e2>", "", "RX102"),
    ],
)
def test_semeval2010_broken(tmp_path, sentence, label, code):
    good = ['1\t"<e1>a</e1> <e2>c</e2>"', "Other", ""]
    path = write(tmp_path / "x.txt", *good, f'2\t"{sentence}"', label, "", *good)
    assert "line 4" in raises(code, "semeval2010", path)
    assert len(read("semeval2010", path, "skip")[0]) == 2


def test_semeval2010_without_a_last_label(tmp_path):
    raises("RX102", "semeval2010", write(tmp_path / "x.txt", '1\t"<e1>a</e1> <e2>c</e2>"'))


def test_smiler(tmp_path):
    path = write(
        tmp_path / "de.tsv",
        "id\tentity_1\tentity_2\tlabel\ttext\tlang",
        "5\tAnn\tUlm\tbirth-place\t<e1>Ann</e1> kam in <e2>Ulm</e2> zur Welt.\tde",
        '6\tA\tB\tno_relation\t"Die ""<e1>A</e1>"" und <e2>B</e2>."\tde',
        '7\tA\tB\thas-part\t"<e2>B</e2> in <e1>A</e1>"\tde',
    )
    records, report = read("smiler", path)
    assert [(record.id, record.lang) for record in records] == [("5", "de"), ("6", "de"), ("7", "de")]
    assert relations(records[0]) == [("Ann", "birth-place", "Ulm")]
    assert records[1].text == 'Die "A" und B.'
    assert records[1].relations == []
    assert records[2].text == '"B in A"'
    assert relations(records[2]) == [("A", "has-part", "B")]
    assert report.relations_none == 1


def test_smiler_broken(tmp_path):
    message = raises("RX111", "smiler", write(tmp_path / "x.tsv", "1\ta\tb\tlabel\t<e1>a</e1> <e2>b</e2>"))
    assert "5 columns" in message
    raises("RX102", "smiler", write(tmp_path / "y.tsv", "1\ta\tb\tlabel\ta b\ten"))


# one pair a line


def test_opennre(tmp_path):
    h, t = {"name": "ann", "id": "Q5", "pos": [0, 1]}, {"name": "rome", "pos": [3, 4], "type": "GPE"}
    words = {"token": ["Ann", "went", "to", "Rome"], "h": h, "t": t, "relation": "visited"}
    chars = {
        "text": "Ann went to Rome",
        "h": {**t, "pos": [12, 16]},
        "t": {**h, "pos": [0, 3]},
        "relation": "visited by",
    }
    records, report = read("opennre", write(tmp_path / "x", words, chars, {**words, "relation": "NA"}))
    assert records[0].mentions == [Mention(0, 1, "ENT", "Q5"), Mention(3, 4, "GPE")]
    assert relations(records[0]) == [("Ann", "visited", "Rome")]
    assert relations(records[1]) == [("Rome", "visited by", "Ann")]
    assert records[2].relations == []
    assert report.relations_none == 1
    raises("RX103", "opennre", write(tmp_path / "y", {**words, "h": {"pos": [0, 5]}}))
    raises("RX102", "opennre", write(tmp_path / "z", {**words, "h": {"pos": 3}}))


# documents


DOCRED = {
    "title": "T",
    "sents": [["Ann", "lives", "."], ["She", "left", "Rome", "for", "Ulm", "."], ["Acme", "hired", "Ann", "."]],
    "vertexSet": [
        [{"pos": [0, 1], "sent_id": 0, "type": "PER"}, {"pos": [2, 3], "sent_id": 2, "type": "PER"}],
        [{"pos": [2, 3], "sent_id": 1, "type": "LOC"}],
        [{"pos": [0, 1], "sent_id": 2, "type": "ORG"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P19", "evidence": [0]}, {"h": 2, "t": 0, "r": "P108", "evidence": [2]}],
}


def test_docred(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([DOCRED, {**DOCRED, "labels": []}]))
    (record, unlabelled), report = read("docred", path)
    title, _, digest = record.id.partition("~")
    assert (title, len(digest), record.meta) == ("T", 16, {"title": "T"})
    assert record.sent_starts == [0, 3, 9]
    assert record.mentions[1] == Mention(11, 12, "PER", record.mentions[0].kb_id)
    # The first fact's mentions share no sentence, so the nearest pair stands for it; the second's do, once.
    assert relations(record) == [("Ann", "P19", "Rome"), ("Acme", "P108", "Ann")]
    assert [record.mentions[i].start for i in record.relations[0][:2]] == [0, 5]
    assert [record.mentions[i].start for i in record.relations[1][:2]] == [9, 11]
    assert unlabelled.relations == []
    assert not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"labels": [{"h": 0, "t": 5, "r": "P1"}]}, "RX104"),
        ({"labels": [{"h": 0, "t": 1}]}, "RX102"),
        ({"vertexSet": [[{"pos": [0, 9], "sent_id": 0}]]}, "RX103"),
        ({"vertexSet": [[{"pos": [0, 1], "sent_id": 7}]]}, "RX102"),
        ({"vertexSet": [3]}, "RX102"),
        ({"sents": ["text"]}, "RX102"),
    ],
)
def test_docred_broken(tmp_path, change, code):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([DOCRED, {**DOCRED, "labels": [], **change}]))
    assert "document 2" in raises(code, "docred", path)


def test_docred_files_that_are_no_list(tmp_path):
    path = tmp_path / "x.json"
    for content, code in (("{", "RX101"), ("{}", "RX102"), ("[1]", "RX102")):
        path.write_text(content)
        raises(code, "docred", path)


# Prodigy

PRODIGY = {
    "text": "Ann Bee joined Acme.",
    "tokens": [
        {"text": "Ann", "start": 0, "end": 3, "id": 0, "ws": True},
        {"text": "Bee", "start": 4, "end": 7, "id": 1, "ws": True},
        {"text": "joined", "start": 8, "end": 14, "id": 2, "ws": True},
        {"text": "Acme", "start": 15, "end": 19, "id": 3, "ws": False},
        {"text": ".", "start": 19, "end": 20, "id": 4, "ws": False},
    ],
    "spans": [
        {"start": 0, "end": 7, "token_start": 0, "token_end": 1, "label": "PERSON"},
        {"start": 15, "end": 19, "token_start": 3, "token_end": 3, "label": "ORG"},
    ],
    "relations": [
        {
            "head": 1,
            "child": 3,
            "head_span": {"start": 0, "end": 7, "token_start": 0, "token_end": 1, "label": "PERSON"},
            "child_span": {"start": 15, "end": 19, "token_start": 3, "token_end": 3, "label": "ORG"},
            "label": "JOINED",
        }
    ],
    "answer": "accept",
}


def test_prodigy(tmp_path):
    rows = [{**PRODIGY, "answer": answer} for answer in ("accept", "reject", "ignore")]
    records, report = read("prodigy", write(tmp_path / "x.jsonl", *rows))
    (record,) = records
    assert record.words == ["Ann", "Bee", "joined", "Acme", "."]
    assert record.spaces == [True, True, True, False, False]
    assert record.mentions == [Mention(0, 2, "PERSON"), Mention(3, 4, "ORG")]
    assert relations(record) == [("Ann Bee", "JOINED", "Acme")]
    assert report.records_skipped == 2
    assert not report.problems


def test_prodigy_leaner_rows(tmp_path):
    """Ends by last token only, spans by characters only, blanks by offsets only, a relation to no span."""
    row = json.loads(json.dumps(PRODIGY))
    del row["answer"]
    for token in row["tokens"]:
        del token["ws"]
    for span in row["spans"]:
        del span["token_start"], span["token_end"]
    row["relations"] = [{"head": 1, "child": 3, "label": "JOINED"}, {"head": 3, "child": 2, "label": "IN"}]
    (record,), report = read("prodigy", write(tmp_path / "x.jsonl", row))
    assert record.spaces == [True, True, True, False, False]
    assert relations(record) == [("Ann Bee", "JOINED", "Acme"), ("Acme", "IN", "joined")]
    assert record.mentions[2] == Mention(2, 3, "ENT")
    assert report.problem_counts == {"RX112": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"answer": "maybe"}, "RX102"),
        ({"tokens": []}, "RX102"),
        ({"spans": [{"token_start": 0, "token_end": 5}]}, "RX103"),
        ({"spans": [{"start": 1, "end": 7}]}, "RX102"),
        ({"relations": [{"head": 9, "child": 3, "label": "x"}]}, "RX104"),
    ],
)
def test_prodigy_broken(tmp_path, change, code):
    raises(code, "prodigy", write(tmp_path / "x.jsonl", {**PRODIGY, **change}))


# real data

CROSSRE = {"crossre_data": (4351, 25110, 18876), "multi-crossre_data/translation/german": (4351, 24275, 17233)}


@pytest.mark.parametrize(
    ("name", "files", "counts"),
    [
        ("semeval2010", "semeval2010_task8/TRAIN_FILE.TXT", (8000, 16000, 8000 - 1410)),
        ("semeval2010", "semeval2010_task8/TEST_FILE_FULL.TXT", (2717, 5434, 2717 - 454)),
        # One of the 502 sentences, a no_relation, has nothing between its markers.
        ("semeval2010", "relx/RELX_en.txt", (501, 1002, 434)),
        ("opennre", "wiki80/train_0.1.txt", (3920, 7840, 3920)),
        ("opennre", "wiki80/dev.txt.gz", (5600, 11200, 5600)),
        ("docred", "redocred/test_revised.json.gz", (500, 13018, None)),
        *(("crossre", f"crossre/{folder}/*.json.gz", counts) for folder, counts in CROSSRE.items()),
    ],
)
def test_counts_of_real_data(name, files, counts):
    paths = sorted(DATA.glob(files))
    if not paths:
        pytest.skip("the data folder is absent")
    report = Report("skip")
    records = [record for path in paths for record in get_format(name)(path, report)]
    found = (len(records), sum(len(r.mentions) for r in records), sum(len(r.relations) for r in records))
    assert found[:2] == counts[:2]
    assert counts[2] is None or found[2] == counts[2]
    assert report.problem_counts == ({"RX102": 1} if "relx" in files else {})
    if name == "docred":
        # Every fact is there: all (title, entity, label, entity) of the file, and at least as many relations.
        facts = {
            (r.id, r.mentions[head].kb_id, label, r.mentions[tail].kb_id)
            for r in records
            for head, tail, label in r.relations
        }
        assert len(facts) == 17448 <= found[2]
    if name == "crossre":
        assert {record.lang for record in records} == {"de" if "german" in files else "en"}


@pytest.mark.parametrize(
    ("name", "file", "counts"),
    [
        ("spert", "ade/train_triples.json", (3845, 9769, 6155)),
        ("spert", "ade/test_triples.json", (427, 1070, 666)),
        ("spert", "scierc/train_triples.json", (1861, 5598, 3219)),
        ("spert", "scierc/test_triples.json", (551, 1685, 974)),
        ("finre", "finre/test.txt", (3727, 7454, 2722)),
        ("finre", "sanwen/test.txt", (2220, 4440, 1560)),
    ],
)
def test_counts_of_more_real_data(data_folder, name, file, counts):
    if not (data_folder / file).is_file():
        pytest.skip("the data set is absent")
    assert choose_inputs("auto", [data_folder / file])[0] == name
    report = Report()
    records = list(get_format(name)(data_folder / file, report))
    found = (len(records), sum(len(r.mentions) for r in records), sum(len(r.relations) for r in records))
    assert found == counts
    assert not report.problems


def test_nerel(data_set, tmp_path):
    with tarfile.open(data_set("nerel") / "NEREL-v1.1.tar.gz") as archive:
        members = [member for member in archive if member.isfile() and "/dev/" in member.name]
        for member in members:
            (tmp_path / Path(member.name).name).write_bytes(archive.extractfile(member).read())
    name, paths = choose_inputs("auto", [tmp_path])
    assert (name, len(paths)) == ("brat", 94)
    report = Report()
    records = [record for path in paths for record in get_format(name)(path, report)]
    assert sum(len(record.mentions) for record in records) == 5590
    assert sum(len(record.relations) for record in records) == 4012
    assert sum(mention.kb_id.startswith("Q") for record in records for mention in record.mentions) > 3000
    assert set(report.problem_counts) == {"RX306"}
