"""Pre-annotations for annotation tools: what is written is read back by the importers."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from support.commands import code, data, invoke, model  # noqa: F401  (fixtures)
from support.formats import read

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.formats.annotation_tools import WRITERS
from spacy_relx.formats.convert import convert, default_nlp, records_to_docs
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.records import Report

NLP = default_nlp()
SUFFIX = {"prodigy": ".jsonl", "doccano": ".jsonl", "labelstudio": ".json", "brat": ""}
#: Formats that keep the kb_id of mentions.
LINKING = ("prodigy", "brat")
TEXTS = [
    "😀 Ann Bee met Zoë.",
    "𝔘nder 你好，安娜在柏林工作。",
    "دانا تعمل في شركة الأفق، في عمّان.",
    'דנה עובדת ב"אופק".',
    "two  blanks\nand\r\nlines \n\n of\ttext",
]


def make_doc(text: str, spans=(), relations=(), **user_data) -> Doc:
    """spans: (start, end, label[, kb_id]) in tokens; relations: (head, label, tail) in spans."""
    doc = NLP.make_doc(text)
    mentions = [Mention(*span) for span in spans]
    doc.spans[MENTIONS_KEY] = [mention.span(doc) for mention in mentions]
    doc._.relations = [Relation(mentions[head], label, mentions[tail], 0.75) for head, label, tail in relations]
    doc.user_data.update(user_data)
    return doc


def write(tool: str, path: Path, *docs: Doc) -> Path:
    path = path / f"out{SUFFIX[tool]}"
    with WRITERS[tool](path, name="mine") as writer:
        for doc in docs:
            writer.add(doc)
    return path


def read_back(tool: str, path: Path) -> list:
    files = sorted(path.glob("*.ann")) if tool == "brat" else [path]
    report = Report()
    return [record for file in files for record in get_format(tool)(file, report)]


def in_characters(record) -> tuple[list, list]:
    """Mentions and relations of a record with offsets in characters."""
    if record.words is None:
        spans = [(m.start, m.end, m.label, m.kb_id) for m in record.mentions]
    else:
        doc = Doc(NLP.vocab, words=record.words, spaces=record.spaces)
        spans = [(s.start_char, s.end_char, m.label, m.kb_id) for m in record.mentions for s in [doc[m.start : m.end]]]
    return spans, [(spans[head], label, spans[tail]) for head, tail, label in record.relations]


def expected(doc: Doc, tool: str) -> tuple[set, list]:
    def plain(mention: Mention):
        span = doc[mention.start : mention.end]
        return span.start_char, span.end_char, mention.label, mention.kb_id if tool in LINKING else ""

    mentions = {plain(Mention.from_any(span)) for span in doc.spans[MENTIONS_KEY]}
    return mentions, [(plain(one.head), one.label, plain(one.tail)) for one in doc._.relations]


@st.composite
def annotated(draw):
    """A Doc in some script, with mentions that nest and share ends, or stand in one place with several types."""
    text = draw(st.sampled_from(TEXTS)) + draw(st.text(alphabet="aB你😀א \n.", max_size=6))
    doc = NLP.make_doc(text)
    n = len(doc)
    places = st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda place: place[0] < place[1])
    places = places.filter(lambda place: not doc[place[0]].is_space and not doc[place[1] - 1].is_space)
    kinds = st.sampled_from(["PER", "ORG", "人", "a-b", "Typ.1"])
    spans = draw(st.lists(st.tuples(places, kinds, st.sampled_from(["", "Q1", "x:y"])), max_size=6))
    unique = {(*place, kind): link for place, kind, link in spans}
    spans = [(*key, link) for key, link in unique.items()]
    index = st.integers(0, len(spans) - 1)
    labels = st.sampled_from(["works_for", "met", "知道"])
    relations = draw(st.lists(st.tuples(index, labels, index), unique=True, max_size=5)) if spans else []
    return make_doc(text, spans, relations)


@pytest.mark.parametrize("tool", WRITERS)
@settings(max_examples=40, deadline=None)
@given(docs=st.lists(annotated(), min_size=1, max_size=3))
def test_what_is_written_is_read_back(tool, docs, tmp_path_factory):
    path = write(tool, tmp_path_factory.mktemp("x"), *docs)
    records = read_back(tool, path)
    assert len(records) == len(docs)
    for record, doc in zip(records, docs):
        assert (record.text if record.words is None else Doc(NLP.vocab, record.words, record.spaces).text) == doc.text
        found_mentions, found_relations = in_characters(record)
        mentions, relations = expected(doc, tool)
        if tool not in LINKING:
            relations = list(dict.fromkeys(relations))
            found_relations = list(dict.fromkeys(found_relations))
        assert set(found_mentions) == mentions
        assert sorted(found_relations) == sorted(relations)
    for doc in records_to_docs(records, NLP, Report()):  # aligned with the same tokenizer, nothing is lost
        assert doc.text in {one.text for one in docs}


def test_mentions_come_from_all_places():
    doc = NLP.make_doc("Ann Bee met Zoë in Ulm")
    doc.spans[MENTIONS_KEY] = [Span(doc, 0, 2, label="PER")]
    doc.ents = [Span(doc, 0, 2, label="PER"), Span(doc, 5, 6, label="LOC")]
    doc._.relations = [Relation(Mention(3, 4, ""), "met", Mention(0, 2, "PER"))]
    from spacy_relx.formats.annotation_tools._base import annotations_of

    found = annotations_of(doc)
    assert found.mentions == [Mention(0, 2, "PER"), Mention(3, 4, "ENT"), Mention(5, 6, "LOC")]
    assert [(head, tail) for head, tail, _ in found.relations] == [(1, 0)]
    assert found.spans == [(0, 7), (12, 15), (19, 22)]


ANN = make_doc("😀 Ann Bee met Zoë.", [(1, 3, "PER", "Q1"), (2, 3, "NAME"), (4, 5, "PER")], [(0, "met", 2)], id="d1")
ANN._.lang = "en"


def test_prodigy(tmp_path):
    row = json.loads(write("prodigy", tmp_path, ANN).read_text(encoding="utf8"))
    assert (row["id"], row["lang"], row["text"]) == ("d1", "en", ANN.text)
    assert row["tokens"][1] == {"text": "Ann", "start": 2, "end": 5, "id": 1, "ws": True}
    span = {"start": 2, "end": 9, "token_start": 1, "token_end": 2, "label": "PER", "kb_id": "Q1"}
    assert row["spans"][0] == span
    (relation,) = row["relations"]
    assert (relation["head"], relation["child"], relation["label"], relation["score"]) == (2, 4, "met", 0.75)
    assert relation["head_span"] == span


def test_labelstudio(tmp_path):
    odd = make_doc("Ann", [(0, 1, 'a<b>&"c')], [(0, "r\x00'", 0)])
    path = write("labelstudio", tmp_path, ANN, odd)
    rows = json.loads(path.read_text(encoding="utf8"))
    assert rows[0]["data"] == {"id": "d1", "lang": "en", "text": ANN.text}
    (prediction,) = rows[0]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("mine", 0.75)
    assert prediction["result"][0]["value"] == {"start": 2, "end": 9, "text": "Ann Bee", "labels": ["PER"]}
    assert prediction["result"][-1]["direction"] == "right"
    tree = ElementTree.parse(path.with_suffix(".xml"))
    assert [label.get("value") for label in tree.iter("Label")] == ["NAME", "PER", 'a<b>&"c']
    assert [label.get("value") for label in tree.iter("Relation")] == ["met", "r\ufffd'"]
    names = {result["from_name"] for result in prediction["result"] if "from_name" in result}
    assert names == {label.get("name") for label in tree.iter("Labels")}
    records, report = read("labelstudio", path)
    assert records[0].id == "d1" and report.problem_counts == {"RX313": 2}


def test_labelstudio_has_one_relation_for_a_pair(tmp_path):
    """Its editor keeps a single one, and drops the others without a word."""
    links = [(0, "met", 1), (1, "met", 0), (0, "saw", 1), (0, "met", 1)]
    doc = make_doc("Ann met Zoë", [(0, 1, "PER"), (2, 3, "PER")], links)
    doc._.relations = [Relation(one.head, one.label, one.tail, 0.9 - i / 10) for i, one in enumerate(doc._.relations)]
    (row,) = json.loads(write("labelstudio", tmp_path, doc).read_text(encoding="utf8"))
    arrows = [result for result in row["predictions"][0]["result"] if result["type"] == "relation"]
    assert [(one["from_id"], one["to_id"], one["labels"]) for one in arrows] == [
        ("m0", "m1", ["met", "saw"]),
        ("m1", "m0", ["met"]),
    ]
    assert [one["score"] for one in arrows] == [0.6, 0.8] and row["predictions"][0]["score"] == 0.6


def test_labelstudio_accepts_an_interface_with_a_label_only(tmp_path):
    path = write("labelstudio", tmp_path, make_doc("Nobody is here."))
    tree = ElementTree.parse(path.with_suffix(".xml"))
    assert [label.get("value") for label in tree.iter("Label")] == ["ENT"]


def test_doccano(tmp_path):
    """It refuses files in which lines have different keys, guesses encodings, and counts UTF-16 units."""
    path = write("doccano", tmp_path, ANN, make_doc("Zoë"), make_doc("x", id=7))
    assert path.read_bytes().isascii()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({tuple(row) for row in rows}) == 1
    assert [(row["id"], row["lang"]) for row in rows] == [("d1", "en"), ("2", ""), ("7", "")]
    assert rows[0]["entities"][0] == {"id": 0, "label": "PER", "start_offset": 3, "end_offset": 10}
    records, report = read("doccano", path)
    assert records[0].text == ANN.text and records[0].mentions[0] == Mention(2, 9, "PER")
    assert not report.problems


def test_brat(tmp_path):
    more = [make_doc("Ann", id=name) for name in ("D1", "../x", "d1", 7, ".hidden", None)]
    path = write("brat", tmp_path, ANN, *more)
    names = ["000002", "000003", "000004", "000006", "000007", "7", "d1"]
    assert sorted(file.stem for file in path.glob("*.ann")) == sorted(file.stem for file in path.glob("*.txt")) == names
    assert (path / "d1.ann").read_text(encoding="utf8").splitlines() == [
        "T1\tPER 2 9\tAnn Bee",
        "N1\tReference T1 KB:Q1\tAnn Bee",
        "T2\tNAME 6 9\tBee",
        "T3\tPER 14 17\tZoë",
        "R1\tmet Arg1:T1 Arg2:T3\t",
    ]
    settings_ = (path / "annotation.conf").read_text(encoding="utf8")
    assert settings_.split("\n\n")[:2] == ["[entities]\nNAME\nPER", "[relations]\nmet\tArg1:<ENTITY>, Arg2:<ENTITY>"]
    assert not (path / "visual.conf").exists()
    assert (path.stat().st_mode & 0o777) == 0o777 & ~_umask()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def test_brat_names_of_types(tmp_path):
    doc = make_doc("Ann Bee", [(0, 1, "a b"), (0, 2, "a,b"), (1, 2, "a|b")], [(0, "place of birth", 1)])
    with pytest.warns(match=r"RX322.*'a b' is a_b_2, 'a,b' is a_b, .*relx-names\.json") as warned:
        path = write("brat", tmp_path, doc)
    assert len(warned) == 1
    assert "place_of_birth | place of birth" in (path / "visual.conf").read_text(encoding="utf8")
    lines = (path / "000001.ann").read_text(encoding="utf8").splitlines()
    assert sorted(line.split("\t")[1].split()[0] for line in lines) == ["a_b", "a_b_2", "a_b_3", "place_of_birth"]
    (record,) = read_back("brat", path)
    assert [mention.label for mention in record.mentions] == ["a,b", "a b", "a|b"]
    assert record.relations[0][2] == "place of birth"
    (path / "relx-names.json").unlink()
    (record,) = read_back("brat", path)
    assert sorted(mention.label for mention in record.mentions) == ["a_b", "a_b_2", "a_b_3"]


def test_brat_all_names_come_back(tmp_path):
    links = ["Q 1", "Q_1", "NULL", "x:y", "a\tb\n"]
    doc = make_doc("A B C D E", [(i, i + 1, f"T:{i % 2}", link) for i, link in enumerate(links)], [(0, "is met|by", 1)])
    with pytest.warns(match=r"RX322"):
        path = write("brat", tmp_path, doc)
    convert("brat", [path], tmp_path / "x.spacy")
    (back,) = DocBin().from_disk(tmp_path / "x.spacy").get_docs(NLP.vocab)
    assert [(s.label_, s.kb_id_) for s in back.spans[MENTIONS_KEY]] == [(f"T:{i % 2}", k) for i, k in enumerate(links)]
    assert back._.triples == [("A", "is met|by", "B")]


def test_the_warning_of_many_names_is_short(tmp_path):
    docs = [make_doc("Ann", [(0, 1, "P", f"Q {i}")]) for i in range(200)]
    with pytest.warns(match=r"RX322.* and 190 more\. ") as warned:
        write("brat", tmp_path, *docs)
    assert len(str(warned[0].message)) < 1000


def test_brat_mentions_over_several_lines(tmp_path):
    doc = make_doc("Acme\r\n \nInc. is", [(0, len(NLP.make_doc("Acme\r\n \nInc")), "ORG")])
    path = write("brat", tmp_path, doc)
    assert (path / "000001.ann").read_bytes() == b"T1\tORG 0 4;8 11\tAcme   Inc\n".replace(b"   ", b"   ")
    (record,) = read_back("brat", path)
    assert (record.mentions, record.text) == ([Mention(0, 11, "ORG")], doc.text)


@pytest.mark.parametrize("tool", WRITERS)
def test_an_error_leaves_what_was_there(tool, tmp_path):
    path = tmp_path / f"out{SUFFIX[tool]}"
    if tool != "brat":
        path.write_text("old")
    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error), WRITERS[tool](path) as writer:
            writer.add(ANN)
            raise error
    assert [file.name for file in tmp_path.iterdir()] == ([] if tool == "brat" else [path.name])
    assert tool == "brat" or path.read_text() == "old"


def test_blank_texts_and_folders_that_are_taken(tmp_path):
    with pytest.warns(match=r"RX323.*1 texts"):
        path = write("doccano", tmp_path, ANN, make_doc(" \n"))
    assert len(read("doccano", path)[0]) == 1
    (tmp_path / "out").mkdir()
    write("brat", tmp_path, ANN)
    with pytest.raises(RelxError, match="RX320"):
        write("brat", tmp_path, ANN)
    with pytest.raises(RelxError, match="RX320"), WRITERS["brat"](path):
        pass
    with pytest.raises(RelxError, match="RX186"), WRITERS["doccano"](path / "x.jsonl"):
        pass


# the command


@pytest.mark.parametrize("tool", WRITERS)
def test_the_command(tool, model, code, tmp_path):  # noqa: F811
    texts = tmp_path / "texts.jsonl"
    rows = [{"text": "Ann works for Acme 😀", "id": "a", "lang": "en"}, {"text": "Nobody."}, {"text": "Ann: 東京"}]
    texts.write_text("\n".join(map(json.dumps, rows)), encoding="utf8")
    output = tmp_path / "new" / f"out{SUFFIX[tool]}"
    result = invoke("data", "prelabel", texts, "--model", model, "--output", output, "--to", tool, "--code", code)
    assert f"3 texts for {tool}" in result.output
    report = convert(tool, [output], tmp_path / "x.spacy")
    assert (report.records_written, report.relations_kept) == (3, 2)
    docs = list(DocBin().from_disk(tmp_path / "x.spacy").get_docs(NLP.vocab))
    triples = {doc.text: doc._.triples for doc in docs}
    assert triples["Ann works for Acme 😀"] == [("Ann", "works_for", "Acme")]
    assert triples["Ann: 東京"] == [("Ann", "works_for", "東京")]
    assert triples["Nobody."] == []


def test_the_command_without_a_pipeline(data, tmp_path):  # noqa: F811
    output = tmp_path / "x.jsonl"
    invoke("data", "prelabel", data, "--output", output, "--to", "prodigy")
    records, _ = read("prodigy", output)
    assert [(record.lang, len(record.relations)) for record in records] == [("en", 1), ("de", 1)]


def test_the_command_says_what_is_wrong(data, model, code, tmp_path):  # noqa: F811
    texts = tmp_path / "x.txt"
    texts.write_text("Ann works for Acme\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    for arguments, expected_code in (
        ((None, texts, tmp_path / "o.jsonl", "--to", "prodigy"), "RX185"),
        ((model, texts, tmp_path / "o.json", "--to", "doccano"), "RX325"),
        ((model, texts, tmp_path / "o.jsonl", "--to", "labelstudio"), "RX325"),
        ((model, texts, tmp_path / "full", "--to", "brat"), "RX320"),
        ((model, texts, model / "o.jsonl", "--to", "prodigy"), "RX181"),
        ((model, texts, model / "o", "--to", "brat"), "RX181"),
        ((model, tmp_path / "none.txt", tmp_path / "o.jsonl", "--to", "prodigy"), "RX120"),
        ((tmp_path / "none", texts, tmp_path / "o.jsonl", "--to", "prodigy"), "RX180"),
        ((model, empty, tmp_path / "o.jsonl", "--to", "prodigy", "--code", code), "RX324"),
        ((model, texts, texts / "o.jsonl", "--to", "prodigy"), "RX186"),
    ):
        pipeline, source, output, *options = arguments
        named = ["--model", pipeline] if pipeline else []
        result = invoke("data", "prelabel", source, *named, "--output", output, *options, exit_code=1)
        assert expected_code in result.output, result.output
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty.txt", "full", "x.txt"]
    invoke("data", "prelabel", texts, "--model", model, "--output", tmp_path / "o", "--to", "excel", exit_code=2)


def test_the_output_may_not_be_the_input(model, code, tmp_path):  # noqa: F811
    texts = tmp_path / "x.jsonl"
    texts.write_text('{"text": "Ann"}\n')
    assert (
        "RX189"
        in invoke(
            "data",
            "prelabel",
            texts,
            "--model",
            model,
            "--output",
            texts,
            "--to",
            "prodigy",
            "--code",
            code,
            exit_code=1,
        ).output
    )
