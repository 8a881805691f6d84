"""Importers of data for bags: GIDS, NYT10, DBpediaRelations-PT, OpenNRE; files packed with bzip2."""

from __future__ import annotations

import bz2
import os
from itertools import islice
from pathlib import Path

import pytest
from support.formats import raises, read, relations, write

from spacy_relx.data.types import Mention
from spacy_relx.formats.convert import default_nlp, records_to_docs
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.records import Report

DATA = Path(os.environ.get("RELX_DATA", Path(__file__).parents[3] / "shared" / "data"))
END = "###END###"


def line(head="Ann_Bee", tail="New_Ulm", sentence="Ann_Bee was born in New_Ulm .", relation="born", end=f" {END}"):
    return "\t".join(["/m/1", "/m/2", head, tail, relation, sentence + end])


# GIDS, NYT10


def test_gids(tmp_path):
    (record,), report = read("gids", write(tmp_path / "x.tsv", line()))
    assert record.text == "Ann Bee was born in New Ulm ." and record.words is None
    assert record.mentions == [Mention(0, 7, "ENT", "/m/1"), Mention(20, 27, "ENT", "/m/2")]
    assert relations(record) == [("Ann Bee", "born", "New Ulm")]
    assert record.meta == {"label": "born"} and record.lang == "" and not report.problems


def test_nyt10_keeps_its_words(tmp_path):
    (record,), _ = read("nyt10", write(tmp_path / "x.txt", line()))
    assert record.words == ["Ann_Bee", "was", "born", "in", "New_Ulm", "."] and record.text is None
    assert record.mentions == [Mention(0, 1, "ENT", "/m/1"), Mention(4, 5, "ENT", "/m/2")]
    assert relations(record) == [("Ann_Bee", "born", "New_Ulm")]


@pytest.mark.parametrize("name", ["gids", "nyt10"])
def test_na_is_no_relation(tmp_path, name):
    (record,), report = read(name, write(tmp_path / "x.tsv", line(relation="NA")))
    assert record.relations == [] and record.meta == {"label": "NA"} and report.relations_none == 1
    assert [mention.kb_id for mention in record.mentions] == ["/m/1", "/m/2"]


@pytest.mark.parametrize("end", ["", END, f" {END} ", f"\t{END}", f" {END}\t"])
def test_ends_of_lines(tmp_path, end):
    (record,), _ = read("gids", write(tmp_path / "x.tsv", line(end=end)))
    assert record.text == "Ann Bee was born in New Ulm ."


@pytest.mark.parametrize(
    "head, tail, sentence, found",
    [
        # as it is, before anything else
        ("ulm", "Ann", "Ulm : Ann left ulm", ("ulm", "Ann")),
        # without regard to capitals
        ("ann_bee", "ULM", "Ann_Bee left Ulm", ("Ann Bee", "Ulm")),
        # as a sequence of words, punctuation behind it or not
        ("Ann_Bee", "Ulm", "Ulm is where Ann Bee, a singer, lives", ("Ann Bee", "Ulm")),
        ("Ann_Bee", "Ulm", "Was ANN BEE in Ulm?", ("ANN BEE", "Ulm")),
        # one within the other: the second looks further
        ("Bank_of_Ulm", "Ulm", "Bank of Ulm is in Ulm", ("Bank of Ulm", "Ulm")),
        # the first of several
        ("Ann", "Ulm", "Ann likes Ann and Ulm", ("Ann", "Ulm")),
        # underscores at the ends and between
        ("Ann_Bee_", "New__Ulm", "So Ann_Bee_ left New__Ulm now", ("Ann Bee", "New Ulm")),
        # a name that is special in patterns
        ("A.B.(C)", "Ulm+", "Is A.B.(C) in Ulm+ or AxB.C", ("A.B.(C)", "Ulm+")),
    ],
)
def test_where_names_are_found(tmp_path, head, tail, sentence, found):
    (record,), _ = read("gids", write(tmp_path / "x.tsv", line(head, tail, sentence)))
    assert relations(record) == [(found[0], "born", found[1])]


def test_the_place_that_is_taken(tmp_path):
    (record,), _ = read("gids", write(tmp_path / "x.tsv", line("Ann", "Ulm", "Ann saw Ann in Ulm , not Ulm .")))
    assert [(mention.start, mention.end) for mention in record.mentions] == [(0, 3), (15, 18)]


def test_sequences_of_words_in_nyt10(tmp_path):
    (record,), _ = read("nyt10", write(tmp_path / "x.tsv", line(sentence="new ulm is where ann_bee sang")))
    assert relations(record) == [("ann_bee", "born", "new ulm")]
    assert "'New_Ulm'" in raises("RX115", "nyt10", write(tmp_path / "x.tsv", line(sentence="Ann_Bee left New Ulm, so")))


@pytest.mark.parametrize("name", ["gids", "nyt10"])
def test_broken_lines(tmp_path, name):
    path = tmp_path / "x.tsv"
    text = raises("RX115", name, write(path, line(), line(tail="Old_Ulm")).rename(path))
    assert "line 2: the tail 'Old_Ulm'" in text
    raises("RX115", name, write(path, line(head="Annie")))
    raises("RX115", name, write(path, line(head="New_Ulm")))  # where the tail is, and nowhere else
    assert "5 columns" in raises("RX111", name, write(path, line().rpartition("\t")[0]))
    assert "7 columns" in raises("RX111", name, write(path, line() + "\tmore"))
    assert "id of the tail" in raises("RX102", name, write(path, line().replace("/m/2", "")))
    assert "relation is missing" in raises("RX102", name, write(path, line(relation=" ")))


def test_docs_of_gids_have_the_head_first(tmp_path):
    """Bags take the first mention of a Doc without relations as its head."""
    path = write(tmp_path / "x.tsv", line("New_Ulm", "Ann_Bee", relation="NA"))
    (doc,) = records_to_docs(read("gids", path)[0], default_nlp(), Report())
    assert [(span.text, span.kb_id_) for span in doc.spans["mentions"]] == [("New Ulm", "/m/1"), ("Ann Bee", "/m/2")]
    assert not doc._.relations


def test_opennre_keeps_ids_and_order(tmp_path):
    row = {"text": "Ulm is Ann's home", "h": {"id": "Q2", "pos": [7, 10]}, "t": {"id": "Q1", "pos": [0, 3]}}
    (record,), _ = read("opennre", write(tmp_path / "x.txt", {**row, "relation": "NA"}))
    assert [(mention.start, mention.kb_id) for mention in record.mentions] == [(7, "Q2"), (0, "Q1")]


def test_opennre_compares_names_with_the_text(tmp_path):
    words = ["Ann", "Bee", "left", "New", "Ulm", "(", "Bavaria", ")", "."]
    good = {"h": {"name": "ann  BEE", "pos": [0, 2]}, "t": {"name": "New_Ulm (Bavaria)", "pos": [3, 8]}}
    text = {"text": "Ann Bee left Ulm.", "h": {"name": "Ann Bee", "pos": [0, 7]}, "t": {"pos": [13, 16]}}
    shifted = {"text": "Ann Bee left Ulm.", "h": {"name": "Ann Bee", "pos": [2, 9]}, "t": {"name": "", "pos": [13, 16]}}
    tokens = {"token": words, "h": {"name": "Ann Bee", "pos": [0, 2]}, "t": {"name": "New Ulm", "pos": [4, 6]}}
    signs = {"token": ["C+", "and", "C", "!"], "h": {"name": "C", "pos": [0, 1]}, "t": {"name": "?", "pos": [3, 4]}}
    rows = [{"token": words, **good}, text, shifted, tokens, signs]
    path = write(tmp_path / "x.jsonl", *({**row, "relation": "x"} for row in rows))
    records, report = read("opennre", path)
    assert len(records) == 5 and not report.records_broken
    assert [(p.code, p.line) for p in report.problems] == [("RX117", 3), ("RX117", 4), *[("RX117", 5)] * 2]
    assert "x.jsonl, line 3: the entity 'h' is named 'Ann Bee', but the text at characters [2, 9) is 'n Bee l'" in str(
        report.problems[0].message
    )
    assert "'t' is named 'New Ulm', but the text at tokens [4, 6) is 'Ulm ('" in report.problems[1].message
    assert (records[2].mentions[0].start, records[2].mentions[0].end) == (2, 9)


# DBpediaRelations-PT


def block(sentence="Ann nasceu em Ulm.", checked="FALSE", one="Ann", two="Ulm", relation="origin", **more):
    fields = {"SENTENCE": sentence, "MANUALLY CHECKED": checked, "ENTITY1": one, "TYPE1": "PERSON"}
    fields.update({"ENTITY2": two, "TYPE2": "LOCATION", "REL TYPE": relation}, **more)
    lines = [f"{name} : {value}" for name, value in fields.items() if value is not None]
    return ["*" * 28, lines[0], "", lines[1], "", *lines[2:], "*" * 28]


def test_dbpedia_pt(tmp_path):
    path = write(tmp_path / "x.txt", *block(checked="TRUE"), *block(relation="other", one="Ulm", two="Ann"))
    (first, second), report = read("dbpedia_pt", path)
    assert first.text == "Ann nasceu em Ulm." and first.lang == "pt"
    assert first.mentions == [Mention(0, 3, "PERSON", "Ann"), Mention(14, 17, "LOCATION", "Ulm")]
    assert relations(first) == [("Ann", "origin", "Ulm")]
    assert first.meta == {"label": "origin", "checked": "TRUE"}
    assert second.meta == {"label": "other", "checked": "FALSE"}
    assert (first.place.line, second.place.line) == (2, 13)
    assert second.relations == [] and second.mentions[0].kb_id == "Ulm" and report.relations_none == 1


def test_records_that_are_left_out(tmp_path):
    blocks = [
        block(checked="IGNORE"),
        block(one="Bob"),
        block(one="Ulm"),  # it is there once
        block("A cidade do Porto Santo", one="Porto", two="Porto Santo"),
        block("Anna nasceu em Ulm", one="Ann"),
        block("Porto Santo e o Porto", one="Porto", two="Porto Santo"),
    ]
    (record,), report = read("dbpedia_pt", write(tmp_path / "x.txt", *(line for each in blocks for line in each)))
    assert [mention.start for mention in record.mentions] == [16, 0]
    assert (report.records_skipped, report.records_broken) == (5, 0)
    assert report.problem_counts == {"RX116": 4}
    assert "line 13" in report.problems[0].message and "'Bob' and 'Ulm'" in report.problems[0].message


def test_a_type_that_is_missing_or_there_twice(tmp_path):
    lines = "\n".join(block()).replace("TYPE2", "TYPE1").split("\n")
    (record,), _ = read("dbpedia_pt", write(tmp_path / "x.txt", *lines))
    assert [mention.label for mention in record.mentions] == ["PERSON", "ENT"]


def test_broken_blocks(tmp_path):
    path = tmp_path / "x.txt"
    assert "'ENTITY2' is missing" in raises("RX102", "dbpedia_pt", write(path, *block(ENTITY2=None)))
    assert "line 2" in raises("RX102", "dbpedia_pt", write(path, *block(relation="")))
    twice = block()
    twice.insert(3, twice[1])
    assert "line 4: 'SENTENCE' is there twice" in raises("RX102", "dbpedia_pt", write(path, *twice))
    assert "no line of a record" in raises("RX102", "dbpedia_pt", write(path, *block(), "more"))


def test_the_last_block_may_be_open(tmp_path):
    records, _ = read("dbpedia_pt", write(tmp_path / "x.txt", *block()[:-1]))
    assert len(records) == 1


# bzip2


def test_bzip2(tmp_path):
    path = tmp_path / "x.tsv.bz2"
    path.write_bytes(bz2.compress("\n".join([line()] * 3).encode()))
    assert len(read("gids", path)[0]) == 3
    rows = "\n".join(line(sentence=f"Ann_Bee was born in New_Ulm {i**3}") for i in range(2500))
    path.write_bytes(bz2.compress(rows.encode(), 1)[:-500])  # in blocks of 100 KB
    raises("RX109", "gids", path)
    assert len(read("gids", path, "skip")[0]) > 100
    path.write_bytes(b"no bzip2")
    raises("RX109", "gids", path)


# real data


@pytest.mark.parametrize(
    "name, file, written, left_out",
    [
        ("gids", "gids/dev.tsv", 1863, 1),
        ("gids", "gids/test.tsv.gz", 5655, 8),
        ("dbpedia_pt", "dbpediarelations_pt/DBpediaRelations-PT-0.2.txt.bz2", 6000, 693),
    ],
)
def test_published_files(name, file, written, left_out):
    path = DATA / file
    if not path.exists():
        pytest.skip(f"no data at {path}")
    report = Report("skip")
    records = list(islice(get_format(name)(path, report), 6000))
    assert (len(records), report.records_broken + report.records_skipped) == (written, left_out)
    for record in records:
        assert len(record.mentions) == 2 and all(mention.kb_id for mention in record.mentions)
        head, tail = record.mentions
        assert head.end <= tail.start or tail.end <= head.start
        assert "_" not in record.text[head.start : head.end] + record.text[tail.start : tail.end]
