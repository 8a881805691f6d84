"""Importers of INCEpTION's and WebAnno's exports, and what they build on: UTF-16 offsets, texts with own tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats import raises, read, relations
from support.uima_samples import CAS_TEXT, DKPRO, HEADER, NE, ROWS, STRUCTURES, annotation, arrow, cas

from spacy_relx.data.ids import content_id
from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.formats.convert import default_nlp, records_to_docs
from spacy_relx.formats.importers._tokens import TokenizedRecord, tokenize
from spacy_relx.formats.importers.webanno import _split, _unescape
from spacy_relx.formats.records import Place, Record, Report

NLP = default_nlp()
PLACE = Place(Path("x"), 1)


def docs_of(*records, alignment="strict"):
    report = Report()
    return list(records_to_docs(records, NLP, report, alignment)), report


# offsets and tokens


@given(st.text(alphabet="ab😀 \n\t.", min_size=1, max_size=25), st.sets(st.integers(0, 25)))
def test_own_tokens_make_up_the_text(text, cuts):
    """Whatever the tokens, those of only some of the text as well: no character is lost, no token changed."""
    ends = sorted({cut for cut in cuts if cut < len(text)})
    tokens = [(start, end) for start, end in zip(ends[::2], ends[1::2]) if text[start:end].strip()]
    record = tokenize(Record(PLACE, text=text), tokens, [start for start, _ in tokens[:1]])
    assert isinstance(record, TokenizedRecord)
    if not text.strip():
        return
    (doc,), _ = docs_of(record)
    assert doc.text == text
    offsets = {(token.idx, token.idx + len(token)) for token in doc}
    assert set(tokens) <= offsets


@pytest.mark.parametrize("tokens", [[(0, 2), (1, 3)], [(1, 1)], [(0, 9)], [(2, 3), (0, 1)]])
def test_tokens_that_are_none(tokens):
    record = Record(PLACE, text="a bc")
    assert tokenize(record, tokens) is record


def test_a_mention_that_cuts_an_own_token():
    record = Record(PLACE, text="Ann likes Acmes.", mentions=[Mention(10, 14, "ORG")])
    record = tokenize(record, [(0, 3), (4, 9), (10, 15), (15, 16)])
    (doc,), report = docs_of(record)
    assert not doc.spans[MENTIONS_KEY] and report.mentions_misaligned == 1
    (doc,), _ = docs_of(record, alignment="expand")
    assert [span.text for span in doc.spans[MENTIONS_KEY]] == ["Acmes"]


# INCEpTION


TOKENS = [(0, 2), (3, 6), (7, 10), (11, 14), (15, 18), (18, 19), (20, 23), (24, 28), (28, 29)]
TYPES = {"custom.Relation": {"label": {"%NAME": "label", "%RANGE": "uima.cas.String"}}, "custom.Bare": {"%NAME": "x"}}


def save(path: Path, value) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf8")
    return path


def test_inception(tmp_path):
    segmentation = [annotation(100 + i, DKPRO + "segmentation.type.Token", *span) for i, span in enumerate(TOKENS)]
    sentences = [
        annotation(200 + i, DKPRO + "segmentation.type.Sentence", *s) for i, s in enumerate([(0, 19), (20, 29)])
    ]
    path = save(tmp_path / "x.json", cas(*sentences, *segmentation, *STRUCTURES, types=TYPES))
    (record,), report = read("inception", path)
    assert (record.id, record.lang, record.text) == (content_id("a.txt", CAS_TEXT), "en", CAS_TEXT)
    named = {record.text[m.start : m.end]: (m.label, m.kb_id) for m in record.mentions}
    assert named == {"Ann Bee": ("PERSON", "Q1"), "Ann": ("NAME", ""), "Zoë": ("PERSON", ""), "met": ("ENT", "")}
    assert relations(Record(PLACE, text=record.text, mentions=record.mentions, relations=record.relations)) == [
        ("Ann Bee", "met", "Zoë"),
        ("Zoë", "Bare", "met"),
    ]
    assert report.problem_counts == {"RX307": 1, "RX308": 1}
    (doc,), _ = docs_of(record)
    assert [token.text for token in doc] == ["😀", "Ann", "Bee", "met", "Zoë", ".", "\n", "She", "sang", "."]
    assert [sent.text for sent in doc.sents] == ["😀 Ann Bee met Zoë.\n", "She sang."]
    assert doc._.triples == [("Ann Bee", "met", "Zoë"), ("Zoë", "Bare", "met")]


def test_inception_slots_and_marked_offsets(tmp_path):
    host = {**annotation(10, "custom.Event", 11, 14, kind="Meeting"), "@who": 30}
    host = {("^" + key if key in ("begin", "end") else key): value for key, value in host.items()}
    slots = [
        {"%ID": 30, "%TYPE": "uima.cas.FSArray", "%ELEMENTS": [31, 32, None]},
        {"%ID": 31, "%TYPE": "custom.Link", "role": "guest", "@target": 12},
        {"%ID": 32, "%TYPE": "custom.Link", "@target": 13},
    ]
    spans = [annotation(12, NE, 3, 10, value="PERSON"), annotation(13, NE, 15, 18)]
    (record,), _ = read("inception", save(tmp_path / "x.json", cas(host, *slots, *spans)))
    assert relations(record) == [("met", "guest", "Ann Bee"), ("met", "who", "Zoë")]
    assert [mention.label for mention in record.mentions] == ["Meeting", "PERSON", "ENT"]
    assert record.words is None  # without tokens the text is split as any other


METADATA = DKPRO + "metadata.type.DocumentMetaData"


def metadata(layer, lang, **more):
    return {**annotation(60 + len(layer), layer, 0, 29, language=lang), **more}


@pytest.mark.parametrize(
    ("structures", "lang"),
    [
        ([metadata("uima.tcas.DocumentAnnotation", "de")], "de"),
        ([metadata("uima.tcas.DocumentAnnotation", "x-unspecified")], ""),
        ([metadata("uima.tcas.DocumentAnnotation", "de", **{"@sofa": 77})], ""),  # of another view
        ([metadata("uima.tcas.DocumentAnnotation", "de"), metadata(METADATA, "pt-BR")], "pt-BR"),
        ([metadata(METADATA, "x-unspecified"), metadata("uima.tcas.DocumentAnnotation", "de")], "de"),
        ([], ""),
    ],
)
def test_language_of_an_inception_document(tmp_path, structures, lang):
    (record,), _ = read("inception", save(tmp_path / "x.json", cas(annotation(5, NE, 3, 6), *structures)))
    assert record.lang == lang and len(record.mentions) == 1


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "RX102"),
        ({"a": 1}, "RX102"),
        ({"_context": {}, "_views": {}}, "RX311"),
        (cas(annotation(5, NE, 0, 99)), "RX103"),
        (cas(annotation(5, NE, 1, 4)), "RX103"),  # in the middle of a character
        (cas(annotation(5, NE, 3, 6), annotation(5, NE, 3, 6)), "RX102"),
        (cas(annotation(5, NE, 3, 6), arrow(6, 5, 77, label="r")), "RX104"),
        (cas({"%TYPE": NE}), "RX102"),
        ({"%FEATURE_STRUCTURES": [annotation(5, NE, 3, 6)]}, "RX102"),
        (json.dumps(cas())[:-20], "RX101"),
        (cas(text=" "), "RX102"),
    ],
)
def test_inception_says_what_is_wrong(tmp_path, value, code):
    assert "x.json" in raises(code, "inception", save(tmp_path / "x.json", value))


# WebAnno TSV


def tsv(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows), encoding="utf8")
    return path


def test_webanno(tmp_path):
    (record,), report = read("webanno", tsv(tmp_path / "a.tsv", *HEADER, *ROWS))
    assert record.text == "😀 Ann [Bee] met\nZoë.\n  She\tsang ."
    mentions = [(record.text[m.start : m.end], m.label, m.kb_id) for m in record.mentions]
    assert mentions == [
        ("Ann [Bee]", "PERSON", "Q_1"),
        ("Ann", "NA|ME", ""),
        ("met", "Meeting", ""),
        ("Zoë", "ENT", ""),
        ("Z", "LETTER", ""),
    ]
    plain = Record(PLACE, text=record.text, mentions=record.mentions, relations=record.relations)
    assert relations(plain) == [
        ("Zoë", "met", "Ann [Bee]"),
        ("Zoë", "saw", "Ann"),
        ("met", "guest", "Ann"),
        ("met", "who", "Zoë"),
    ]
    assert report.problem_counts == {"RX305": 1, "RX307": 1, "RX308": 1}
    (doc,), report = docs_of(record)
    assert [token.text for token in doc if not token.is_space][:6] == ["😀", "Ann", "[Bee]", "met", "Zoë", "."]
    assert [sent.text.strip() for sent in doc.sents] == ["😀 Ann [Bee] met\nZoë.", "She\tsang ."]
    assert report.mentions_misaligned == 1  # a part of a token
    assert (doc.user_data["id"], doc.user_data["meta"]) == (content_id("a", doc.text), {"file": "a.tsv"})
    assert len(doc._.relations) == 4


def test_webanno_sentences_without_a_gap_and_windows_line_ends(tmp_path):
    rows = [
        "#FORMAT=WebAnno TSV 3.2",
        "#T_SP=custom.A|",
        "",
        "",
        "#Text=你好。",
        "1-1\t0-3\t你好。\t*\t",
        "",
        "#Text=再见",
    ]
    rows += ["2-1\t3-5\t再见\t_\t", ""]
    path = tmp_path / "a.tsv"
    path.write_bytes("\r\n".join(rows).encode())
    (record,), _ = read("webanno", path)
    assert record.text == "你好。再见"
    assert record.mentions == [Mention(0, 3, "ENT")]
    assert record.sent_starts == [0, 1]


def test_webanno_relation_without_features_on_tokens(tmp_path):
    rows = ("#FORMAT=WebAnno TSV 3.3", f"#T_RL=custom.Near|BT_{DKPRO}segmentation.type.Token", "", "")
    rows += ("#Text=Ann met", "1-1\t0-3\tAnn\t_\t", "1-2\t4-7\tmet\t1-1\t", "")
    (record,), _ = read("webanno", tsv(tmp_path / "a.tsv", *rows))
    plain = Record(PLACE, text=record.text, mentions=record.mentions, relations=record.relations)
    assert relations(plain) == [("Ann", "Near", "met")]


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("#FORMAT=WebAnno TSV 3.3", "#FORMAT=WebAnno TSV 2.0", "RX311", "line 1"),
        ("1-3\t7-12\t[Bee]", "1-3\t7-12\tBee", "RX102", "line 13"),
        ("1-3\t7-12\t", "1-3\t7-99\t", "RX103", "line 13"),
        ("1-3\t7-12\t", "1-2\t7-12\t", "RX102", "line 13"),
        ("1-3\t7-12\t", "1-3\t712\t", "RX102", "line 13"),
        ("\t_\t_\t_\t_\t_\t_\t_\t_\t_\t\n1-2", "\t_\t_\n1-2", "RX102", "line 11"),
        ("1-5[0_1]|", "9-9|", "RX104", "line 12"),
        ("[0_1]|", "[0_77]|", "RX104", "line 12"),
        ("[0_1]|", "[x]|", "RX102", "line 12"),
        ("1-2[2];1-5", "1-2[2]", "RX102", "line 14"),
        ("PERSON[1]|", "PERSON[one]|", "RX102", "line 12"),
        ("2-1\t24-27", "2-1\t4-7", "RX102", "line 21"),
    ],
)
def test_webanno_says_what_is_wrong(tmp_path, old, new, code, place):
    content = "\n".join([*HEADER, *ROWS])
    assert content.count(old) >= 1
    message = raises(code, "webanno", tsv(tmp_path / "a.tsv", content.replace(old, new, 1)))
    assert f"a.tsv, {place}" in message


def test_webanno_broken_files(tmp_path):
    content = "\n".join([*HEADER, *ROWS])
    raises("RX102", "webanno", tsv(tmp_path / "a.tsv", content[: content.index("2-1")]))  # cut
    path = tmp_path / "b.tsv"
    path.write_bytes(content.encode("utf-16"))
    raises("RX108", "webanno", path)


@given(st.lists(st.text(alphabet="a|;\\_*[]>-\t\n", max_size=5), min_size=1, max_size=4))
def test_webanno_escapes(values):
    escape = {c: "\\" + c for c in "\\[]|_;*"} | {"\t": "\\t", "\n": "\\n"}
    cell = "|".join("".join(escape.get(c, c) for c in value) for value in values)
    assert [_unescape(part) for part in _split(cell, "|")] == values


def test_what_another_program_writes(tmp_path):
    """UIMA CAS JSON by DKPro Cassis, with nested mentions behind characters of two UTF-16 units."""
    cassis = pytest.importorskip("cassis")
    text = "😀 Mara Ellwood founded Tarnbrook Mill . 𝔄nn leads it ."
    types = cassis.TypeSystem()
    sentence = types.create_type(f"{DKPRO}segmentation.type.Sentence")
    token = types.create_type(f"{DKPRO}segmentation.type.Token")
    entity = types.create_type(f"{DKPRO}ner.type.NamedEntity")
    relation = types.create_type("custom.Relation")
    for name in ("value", "identifier"):
        types.create_feature(entity, name, "uima.cas.String")
    types.create_feature(relation, "label", "uima.cas.String")
    for name in ("Governor", "Dependent"):
        types.create_feature(relation, name, entity)
    cas = cassis.Cas(typesystem=types)
    cas.sofa_string, cas.sofa_mime = text, "text/plain"

    def add(type, part, after=0, **features):
        begin = text.index(part, after)
        added = type(begin=begin, end=begin + len(part), **features)
        cas.add(added)
        return added

    end = 0
    for word in text.split():
        end = add(token, word, end).end
    for part in (text[: text.index(" 𝔄")], "𝔄nn leads it ."):
        add(sentence, part)
    mara = add(entity, "Mara Ellwood", value="PERSON", identifier="Q5")
    add(entity, "Ellwood", value="SURNAME")
    mill, ann = add(entity, "Tarnbrook Mill", value="ORG"), add(entity, "𝔄nn", value="PERSON")
    for head, label in ((mara, "founded"), (ann, "leads")):
        cas.add(relation(begin=mill.begin, end=mill.end, Governor=head, Dependent=mill, label=label))
    cas.to_json(str(tmp_path / "doc.json"))
    (record,), report = read("inception", tmp_path / "doc.json")
    (doc,), _ = docs_of(record)
    assert not report.records_broken
    assert [token.text for token in doc] == text.split() and len(list(doc.sents)) == 2
    assert {(span.text, span.label_, span.kb_id_) for span in doc.spans[MENTIONS_KEY]} == {
        ("Mara Ellwood", "PERSON", "Q5"),
        ("Ellwood", "SURNAME", ""),
        ("Tarnbrook Mill", "ORG", ""),
        ("𝔄nn", "PERSON", ""),
    }
    assert set(doc._.triples) == {("Mara Ellwood", "founded", "Tarnbrook Mill"), ("𝔄nn", "leads", "Tarnbrook Mill")}
