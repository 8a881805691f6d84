"""Results of calls: the values of `sr.facts`, and every `to_frame`."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.vocab import Vocab
from support.bag import facts_folder
from support.examples import SENTENCES, make_doc

import spacy_relx as sr
from spacy_relx.errors import RelxError
from spacy_relx.formats.docbin import read_docs

pandas = pytest.importorskip("pandas")


# Facts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return facts_folder(tmp_path_factory.mktemp("facts"))


@pytest.fixture(scope="module")
def found(folder):
    return sr.facts(folder / "pipeline", [folder / "part0.spacy", folder / "part1.spacy"], min_score=0.3)


def test_facts_of_a_corpus(found, folder):
    fact = {(each["head"], each["label"], each["tail"]): each for each in found}["ann", "works_for", "acme"]
    assert list(fact) == ["head", "label", "tail", "score", "head_text", "tail_text", "sentences", "evidence"]
    assert (fact["head_text"], fact["tail_text"], fact["sentences"]) == ("Ann", "Acme", 2)
    assert 0.3 <= fact["score"] <= 1 and fact["score"] == round(fact["score"], 6)
    assert {(each["source"], each["id"]) for each in fact["evidence"]} == {
        (str(folder / f"part{i}.spacy"), "d0") for i in range(2)
    }
    for each in fact["evidence"]:
        for end, text in (("head", "Ann"), ("tail", "Acme")):
            assert each[end]["text"] == text == each["text"][each[end]["start"] : each[end]["end"]]
        assert each["weight"] == round(each["weight"], 6)
    assert sum(each["weight"] for each in fact["evidence"]) == pytest.approx(1.0, abs=1e-4)
    assert len({(each["head"], each["label"], each["tail"]) for each in found}) == len(found)


def test_facts_are_the_same_however_the_corpus_is_given(found, folder):
    nlp = spacy.load(folder / "pipeline")
    docs = [doc for i in range(2) for doc in read_docs(folder / f"part{i}.spacy", Vocab())]
    again = sr.facts(nlp, docs, min_score=0.3)

    def values(facts):
        return sorted((f["head"], f["label"], f["tail"], f["score"], f["sentences"]) for f in facts)

    assert values(again) == [(*row[:3], pytest.approx(row[3], abs=1e-5), row[4]) for row in values(found)]


def test_facts_are_shown(found):
    text = str(found)
    assert f"{len(found)} facts" in text and "works_for" in text and "<table>" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["facts"] == list(found)


def test_facts_as_a_frame(found):
    frame = found.to_frame()
    columns = ["head", "label", "tail", "score", "kb_score", "known", "kb_rank", "head_text", "tail_text", "sentences"]
    assert list(frame.columns) == columns and len(frame) == len(found)
    assert frame["score"].tolist() == [each["score"] for each in found]
    assert frame["known"].isna().all()


def test_settings_of_facts(folder):
    pipeline, texts = folder / "pipeline", folder / "part0.spacy"
    none = sr.facts(pipeline, texts, min_score=1)
    assert none == [] and str(none).strip() and list(none.to_frame().columns)[:4] == ["head", "label", "tail", "score"]
    assert all(each["evidence"] == [] for each in sr.facts(pipeline, texts, min_score=0, max_evidence=0))


def test_facts_and_what_is_known(folder, tmp_path):
    known = tmp_path / "known.tsv"
    known.write_text("head\tlabel\ttail\nann\tworks_for\tacme\n", encoding="utf8")
    pipeline, texts = folder / "pipeline", [folder / "part0.spacy", folder / "part1.spacy"]
    frame = sr.facts(pipeline, texts, min_score=0.3, known=known).to_frame()
    assert frame[frame.known == True][["head", "label", "tail"]].values.tolist() == [  # noqa: E712
        ["ann", "works_for", "acme"]
    ]
    new = sr.facts(pipeline, texts, min_score=0.3, known=known, new=True)
    assert len(new) == len(frame) - 1 and not any(each["known"] for each in new)
    with pytest.raises(RelxError, match="RX251"):
        sr.facts(pipeline, texts, new=True)
    with pytest.raises(RelxError, match="RX021"):
        sr.facts(pipeline, texts, on_error="fail")


# Frames


@pytest.fixture(scope="module")
def docs():
    vocab = spacy.blank("en").vocab
    docs = [make_doc(vocab, *sentence) for sentence in SENTENCES]
    for doc in docs:
        doc._.lang = "en"
    return docs


def test_errors_as_a_frame(trained, docs):
    changed = [doc.copy() for doc in docs]
    changed[0]._.relations = []
    report = sr.error_report(trained, changed, gold_mentions=True)
    frame = report.to_frame()
    columns = ["doc", "lang", "verdict", "head", "label", "tail", "score", "other", "why", "head_start", "tail_start"]
    assert list(frame.columns) == columns
    assert frame.verdict.value_counts().to_dict() == {name: n for name, n in report.counts.items() if n}
    row = frame[frame.verdict == "wrong"].iloc[0]
    assert (row["head"], row["label"], row["tail"], row["lang"]) == ("Ann", "works_for", "Acme", "en")
    text = docs[0].text
    assert text[row.head_start :].startswith("Ann") and text[row.tail_start :].startswith("Acme")


def test_fits_as_a_frame(trained, docs, tmp_path):
    trained.to_disk(tmp_path / "pipeline")
    result = sr.calibrate(tmp_path / "pipeline", docs, gold_mentions=True, min_examples=2, per=["label"])
    frame = result.to_frame()
    assert list(frame.columns) == ["label", "lang", "right", "wrong", "temperature", "threshold"]
    assert len(frame) == len(result.fitted.calibration.fits)
    everything = frame[frame.label.isna() & frame.lang.isna()]
    assert len(everything) == 1 and everything.right.tolist() == [7]
    assert everything.temperature.tolist() == [result.fitted.calibration.fits[0].temperature]
    assert frame.threshold.between(0, 1).all()


def test_a_comparison_as_a_frame(trained, docs):
    right = sr.evaluate(trained, docs, gold_mentions=True)
    half = {**right, "gold_mentions_rel_micro_f": 0.5}
    frame = sr.compare({"one": right, "two": [right, half]}).to_frame()
    assert list(frame.columns) == ["name", "group", "number", "mean", "sd", "n"]
    micro = frame[(frame.group == "overall") & (frame.number == "rel_micro_f")].set_index("name")
    assert micro["mean"].to_dict() == {"one": 1.0, "two": 0.75} and micro["n"].to_dict() == {"one": 1, "two": 2}
    assert micro["sd"]["two"] == pytest.approx(0.125**0.5) and pandas.isna(micro["sd"]["one"])
    assert set(frame[frame.group == "label"].number) == {"works_for", "founder_of", "acquired", "based_in"}
    assert set(frame[frame.group == "lang"].number) == {"en"}


def test_a_challenge_as_a_frame(trained, docs):
    report = sr.challenge(trained, docs)
    frame = report.to_frame()
    assert list(frame.columns) == ["kind", "group", "name", "n", "predicted", "rate"]
    totals = frame[frame.group == "all"].set_index("kind")
    for kind in totals.index:
        assert totals["n"][kind] == report[kind]["n"] and totals["predicted"][kind] == report[kind]["predicted"]
        labels = frame[(frame.kind == kind) & (frame.group == "label")].set_index("name")["n"]
        assert labels.to_dict() == {name: row["n"] for name, row in report[kind]["per_label"].items()}
    assert {"cooccurrence", "reversed", "negation"} == set(totals.index)


def test_frames_have_the_facts_of_docs_too():
    nlp = spacy.blank("en")
    doc = nlp("Ann works for Acme")
    head, tail = sr.Mention(0, 1, "PERSON", "Q1"), sr.Mention(3, 4, "ORG", "Q2")
    evidence = [sr.Evidence(0, 4, head, tail, 0.75)]
    doc._.facts = [sr.Fact("Q1", "works_for", "Q2", 0.5, evidence, kb_score=0.25, known=True, kb_rank=3)]
    (row,) = sr.to_frame(doc, what="facts").to_dict("records")
    assert row == {
        **{"doc": row["doc"], "head": "Ann", "head_type": "PERSON", "head_kb_id": "Q1", "label": "works_for"},
        **{"tail": "Acme", "tail_type": "ORG", "tail_kb_id": "Q2", "score": 0.5, "lang": "", "sentence": doc.text},
        **{"head_start": 0, "tail_start": 14, "weight": 0.75, "kb_score": 0.25, "known": True, "kb_rank": 3.0},
    }
