"""One JSON record for training data, predictions and HTTP: what a Doc is written as gives the same Doc back."""

from __future__ import annotations

import json
from functools import lru_cache

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.util import filter_spans
from support.commands import TEXT, invoke

from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert, default_nlp, records_to_docs
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.importers.jsonl import read_jsonl
from spacy_relx.formats.records import Report
from spacy_relx.run.serving import create_app
from spacy_relx.writers.from_docs import iter_triples
from spacy_relx.writers.from_json import triples_of_row
from spacy_relx.writers.predictions import doc_record

WORDS = ["Ann", "works", "for", "Acme", "😀", "東京", "مصر", "e\u0301", "l'eau", "3.5", ",", "U.S."]
LABELS = ["PERSON", "ORG", "a b", "Ünde\u0301"]
shared_nlp = lru_cache(maxsize=None)(default_nlp)


@st.composite
def annotated(draw):
    doc = shared_nlp()(" ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))))
    token = st.integers(0, len(doc) - 1)
    mentions = []
    for _ in range(draw(st.integers(0, 5))):
        start, end = sorted((draw(token), draw(token)))
        mentions.append(
            Mention(start, end + 1, draw(st.sampled_from(LABELS)), draw(st.sampled_from(["", "Q1", "kb:2"])))
        )
    mentions = list(dict.fromkeys(mentions))
    spans = [mention.span(doc) for mention in mentions]
    doc.spans["mentions"] = spans
    doc.ents = filter_spans(spans)
    relations = {}
    for _ in range(draw(st.integers(0, 6)) if mentions else 0):
        pair = draw(st.sampled_from(mentions)), draw(st.sampled_from(mentions))
        label = draw(st.sampled_from(["works_for", "é e\u0301", "x/y"]))
        support = draw(st.sampled_from([{}, {"kb_score": 0.25, "known": True}, {"known": False, "kb_rank": 3.0}]))
        score = round(draw(st.floats(0, 1)), 6)
        relations[pair[0], label, pair[1]] = Relation(pair[0], label, pair[1], score, **support)
    doc._.relations = list({(r.head, r.label, r.tail): r for r in relations.values()}.values())
    doc._.lang = draw(st.sampled_from(["", "en", "pt-BR"]))
    id = draw(st.sampled_from([None, "a", "é", 0, 7]))
    if id is not None:
        doc.user_data["id"] = id
    if draw(st.booleans()):
        doc.user_data["meta"] = {"page": 3, "who": ["é", None]}
    return doc


def content(doc):
    mentions = {Mention.from_any(span) for span in doc.spans["mentions"]}
    return {
        "tokens": [(token.text, token.whitespace_) for token in doc],
        "mentions": mentions,
        "ents": {(ent.start, ent.end) for ent in doc.ents},
        "relations": set(doc._.relations),
        "lang": doc._.lang,
        "id": doc.user_data.get("id"),
        "meta": doc.user_data.get("meta"),
    }


def read_back(records, folder, nlp):
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf8")
    report = Report()
    return list(records_to_docs(read_jsonl(path, report), nlp, report)), report


@settings(deadline=None, max_examples=150)
@given(docs=st.lists(annotated(), min_size=1, max_size=3))
def test_docs_and_records_are_the_same(tmp_path_factory, docs):
    folder = tmp_path_factory.getbasetemp()
    records = [doc_record(doc) for doc in docs]
    found, report = read_back(records, folder, shared_nlp())
    assert [content(doc) for doc in found] == [content(doc) for doc in docs]
    assert report.relations_kept == sum(len(doc._.relations) for doc in docs) and not report.relations_dropped
    assert [doc_record(doc) for doc in found] == records
    for doc, record in zip(docs, records):
        (*triples,) = triples_of_row(record, number=1)
        assert len(triples) == len(list(iter_triples([doc])))
    (answer, _) = read_back([{"results": records}], folder, shared_nlp())
    assert [content(doc) for doc in answer] == [content(doc) for doc in docs]


def test_scores_have_six_digits():
    doc = shared_nlp()("Ann works for Acme")
    doc._.relations = [Relation(Mention(0, 1, "P"), "r", Mention(3, 4, "O"), 1 / 3, kb_score=2 / 3)]
    (relation,) = doc_record(doc, "a")["relations"]
    assert relation == {"head": 0, "label": "r", "tail": 1, "score": 0.333333, "kb_score": 0.666667}


@pytest.mark.parametrize(
    "relation, message",
    [
        ({"score": 1.5}, "'score' must be a number from 0 to 1, but is 1.5"),
        ({"score": "high"}, "'score' must be"),
        ({"score": True}, "'score' must be"),
        ({"kb_score": 7}, "kb_score"),
        ({"scores": 1}, "the key 'scores' is unknown"),
    ],
)
def test_scores_that_are_none(tmp_path, relation, message):
    mentions = [{"start": 0, "end": 3}, {"start": 14, "end": 18}]
    row = {"text": TEXT, "mentions": mentions, "relations": [{"head": 0, "tail": 1, "label": "r", **relation}]}
    with pytest.raises(RelxError, match=message) as caught:
        read_back([row], tmp_path, shared_nlp())
    assert caught.value.code == "RX102"


def test_facts_of_records_are_counted(tmp_path):
    row = {"text": TEXT, "relations": [], "facts": [{"head": "Q1", "label": "r", "tail": "Q2"}]}
    docs, report = read_back([row, row, {**row, "facts": []}], tmp_path, shared_nlp())
    assert len(docs) == 3 and report.problem_counts["RX604"] == 2
    assert "[RX604]" in report.summary()


def test_errors_in_an_answer_are_broken_records(tmp_path):
    answer = {"results": [{"id": 0, "error": {"code": "RX422", "message": "The text is blank."}}]}
    with pytest.raises(RelxError, match=r"RX102.*'error' is unknown"):
        read_back([answer], tmp_path, shared_nlp())


def ruled(lang):
    nlp = spacy.blank(lang)
    patterns = [{"label": "PERSON", "pattern": "Ann"}, {"label": "ORG", "pattern": "Acme"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp


def test_predict_correct_train(tmp_path):
    """The lines of a run, corrected by hand, are training data as they are."""
    nlp = ruled("en")
    nlp.to_disk(tmp_path / "ruler")
    lines, data = tmp_path / "out.jsonl", tmp_path / "train.spacy"
    records = [doc_record(doc, number) for number, doc in enumerate(nlp.pipe([TEXT, "Ann left Acme"]), start=1)]
    records[0]["relations"].append({"head": 0, "label": "works_for", "tail": 1, "score": 0.5})
    lines.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf8")
    assert "jsonl" in invoke("data", "convert", "auto", lines, "--output", data, "--model", tmp_path / "ruler").stdout
    one, two = read_docs(data, nlp.vocab)
    assert one._.triples == [("Ann", "works_for", "Acme")] and one._.relations[0].score == 0.5
    assert [(ent.text, ent.label_) for ent in two.ents] == [("Ann", "PERSON"), ("Acme", "ORG")]
    assert (one.user_data["id"], two.user_data["id"]) == (1, 2)


def test_answers_of_the_service_are_converted(tmp_path):
    testclient = pytest.importorskip("fastapi.testclient")
    nlp = shared_nlp()
    served = ruled("xx")
    served.add_pipe("relx_record_relates")
    client = testclient.TestClient(create_app(served))
    path = tmp_path / "answer.jsonl"
    path.write_bytes(client.post("/extract", json={"texts": [TEXT, {"text": "Ann", "lang": "de", "id": "x"}]}).content)
    report = convert("auto", [path], tmp_path / "o.spacy")
    one, two = read_docs(tmp_path / "o.spacy", nlp.vocab)
    assert report.relations_kept == 1 and one._.triples == [("Ann", "works_for", "Acme")]
    assert (two._.lang, two.user_data["id"], [ent.text for ent in two.ents]) == ("de", "x", ["Ann"])


@spacy.language.Language.component("relx_record_relates", assigns=["doc._.relations"])
def relates(doc):
    if len(doc.ents) == 2:
        doc._.relations = [Relation(doc.ents[0], "works_for", doc.ents[1], 0.75)]
    return doc
