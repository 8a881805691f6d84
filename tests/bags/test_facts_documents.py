"""Facts of ordinary documents: one instance a sentence, bounded memory, languages, and what `relx predict` writes."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from support.bag import LABELS, bag_docs, extractor, make_bag, make_nlp, model_config, text_doc, train, without_facts
from support.started import started
from typer.testing import CliRunner

from spacy_relx.bags.layer import BagLayer, _n_tokens
from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxWarning
from spacy_relx.formats.bag_files import BagReport
from spacy_relx.formats.instances import all_instances
from spacy_relx.writers.from_json import triples_of_row

MENTIONS = [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme"), (6, 7, "PERSON", "ann"), (9, 10, "ORG", "acme")]


def invoke(*args):
    result = CliRunner().invoke(relx_app, list(map(str, args)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def nlp():
    nlp = make_nlp()
    train(nlp, steps=40)
    return nlp


def long_doc(vocab):
    """One sentence that mentions both entities twice, then another one."""
    words = "Ann works for Acme , says Ann works for Acme ; Ann left Acme ."
    mentions = [*MENTIONS, (11, 12, "PERSON", "ann"), (13, 14, "ORG", "acme")]
    return text_doc(vocab, words, mentions, sentences=[i in (0, 11) for i in range(15)])


def test_a_sentence_is_evidence_once(nlp):
    extractor(nlp).threshold = 0.0
    doc = nlp(long_doc(nlp.vocab))
    fact = next(fact for fact in doc._.facts if (fact.head, fact.label, fact.tail) == ("ann", "works_for", "acme"))
    extractor(nlp).threshold = 0.3
    assert sorted((each.start, each.end) for each in fact.evidence) == [(0, 11), (11, 15)]
    # and so a document has the scores of the bag of its sentences, as in training and in `relx facts`
    nearest = ["Ann|h works for Acme|t , says Ann works for Acme ;", "Ann|h left Acme|t ."]
    bag = nlp(without_facts(make_bag(nlp.vocab, "ann", "acme", [], nearest)))
    assert doc._.fact_scores.scores[doc._.fact_scores.pairs.index(("ann", "acme"))] == pytest.approx(
        bag._.fact_scores.scores[0], abs=1e-5
    )


def test_memory_is_bounded_by_the_tokens_of_instances(nlp, monkeypatch):
    sizes = []
    predict = BagLayer._predict

    def counted(layer, docs):
        sizes.append(sum(len(doc._.candidates) * 11 for doc in docs))
        return predict(layer, docs)

    monkeypatch.setattr(BagLayer, "_predict", counted)
    names = [(i, i + 1, "PERSON", f"q{i}") for i in range(6)]
    words = [f"w{i}" for i in range(11)]
    docs = [text_doc(nlp.vocab, " ".join(words), names) for _ in range(20)]
    small = make_nlp(model_config(batch_tokens=700))
    train(small, steps=1)
    together = [doc._.fact_scores.scores for doc in small.pipe(docs, batch_size=20)]
    assert len(sizes) == 10 and max(sizes) == 2 * 30 * 11  # two documents of thirty pairs of eleven words
    sizes.clear()
    alone = [doc._.fact_scores.scores for doc in small.pipe(docs, batch_size=1)]
    assert all(one == pytest.approx(other, abs=1e-6) for one, other in zip(together, alone))


def test_predict_writes_facts_and_export_reads_them(nlp, tmp_path):
    nlp.to_disk(tmp_path / "model")
    docs = DocBin(store_user_data=True)
    doc = long_doc(nlp.vocab)
    doc.user_data["id"] = "d1"
    docs.add(doc)
    docs.to_disk(tmp_path / "in.spacy")
    result = invoke("predict", tmp_path / "model", tmp_path / "in.spacy", "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf8"))
    found = {(fact["head"], fact["label"], fact["tail"]) for fact in row["facts"]}
    assert row["relations"] == [] and ("ann", "works_for", "acme") in found
    triples = list(triples_of_row(row))
    assert {(t.head.kb_id, t.label, t.tail.kb_id) for t in triples} == found
    assert len(triples) == sum(len(fact["evidence"]) for fact in row["facts"])
    for triple in triples:
        assert triple.doc_id == "d1" and row["text"][triple.sentence_start : triple.sentence_end] == triple.sentence
    plain = spacy.blank("xx")
    plain.add_pipe("relx_test_finds_nothing")
    plain.to_disk(tmp_path / "plain")
    lines = invoke("predict", tmp_path / "plain", tmp_path / "in.spacy").stdout.splitlines()
    assert "facts" not in json.loads(lines[0])


def test_languages_without_encoders_are_left_out_while_reading(tmp_path):
    nlp, _, _ = started()
    nlp.to_disk(tmp_path / "model")
    docs = DocBin(store_user_data=True)
    for number, lang in enumerate(("en", "fi", "de-AT", "")):
        doc = text_doc(nlp.vocab, f"Ann works for Acme {number} .", [(0, 1, "P", "ann"), (3, 4, "O", "acme")])
        doc._.lang = lang
        docs.add(doc)
    docs.to_disk(tmp_path / "in.spacy")
    command = ["facts", tmp_path / "model", tmp_path / "in.spacy", "--min-score", 0, "--output", tmp_path / "out.jsonl"]
    result = invoke(*command)
    assert (
        result.exit_code == 1 and "RX183" in result.output and "'fi'" in result.output and "in.spacy" in result.output
    )
    result = invoke(*command, "--on-error", "skip")
    assert result.exit_code == 0, result.output
    assert "RX184" in result.output and "2 texts" in result.output
    fact = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf8").splitlines()[0])
    assert fact["sentences"] == 2


def test_gold_facts_without_candidates_are_said_before_training():
    nlp = make_nlp()
    gold = [make_bag(nlp.vocab, "ann", "acme", [LABELS[0]], ["Ann|h works for Acme|t"]) for _ in range(3)]
    for doc in gold:
        doc.spans["mentions"] = [Span(doc, 0, 1, "X", kb_id="ann"), Span(doc, 3, 4, "X", kb_id="another")]
    with pytest.warns(RelxWarning, match="RX058.*0 of 3 gold facts"):
        nlp.initialize(lambda: [Example(given(doc), doc) for doc in gold])


def given(doc):
    copied = without_facts(doc)
    copied.spans["mentions"] = [Span(copied, s.start, s.end, s.label_, kb_id=s.kb_id_) for s in doc.spans["mentions"]]
    return copied


def test_documents_that_give_no_bag_are_counted(nlp):
    report = BagReport()
    one = text_doc(nlp.vocab, "Ann , Bob and Eve", [(0, 1, "P", "ann"), (2, 3, "P", "bob"), (4, 5, "P", "eve")])
    two = text_doc(nlp.vocab, "Ann and Bob", [(0, 1, "P", "ann"), (2, 3, "P", "bob")])
    assert len(list(all_instances([one, two, Doc(nlp.vocab, words=["Ann"])], report.lost))) == 1
    assert "documents without relations and with other than two mentions 2" in report.summary()


def test_bags_have_as_many_tokens_as_words(nlp):
    for doc in bag_docs(nlp):
        assert _n_tokens(doc) == len(doc)
