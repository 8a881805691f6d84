"""Evaluation of pipelines that find relations."""

from __future__ import annotations

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from support.scorer import ACME, ANN, VOCAB, make

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxWarning
from spacy_relx.evaluation import evaluate, mention_writers

# Pipelines


@Language.component("relx_test_people_work", assigns=["doc._.relations"], requires=["doc._.candidates"])
def people_work(doc):
    """Says of every candidate pair of a person and an organisation that the first works for the second."""
    doc._.relations = [
        Relation(pair.head, "works_for", pair.tail)
        for pair in doc._.candidates
        if (pair.head.label, pair.tail.label) == ("PERSON", "ORG")
    ]
    return doc


@Language.component("relx_test_drop_rome")
def drop_rome(doc):
    if "Rome" in doc.text:
        raise RuntimeError("no Rome")
    return doc


@Language.component("relx_test_finds_no_mentions", assigns=["doc.ents", "doc._.relations"])
def finds_nothing(doc):
    return doc


def gold_docs(vocab):
    docs = [make([(ANN, "works_for", ACME)], lang="en", vocab=vocab)]
    docs.append(make([((0, 1, "PERSON"), "founder_of", (2, 3, "ORG"))], words="Bob founded Initech", vocab=vocab))
    docs.append(make([], words="", vocab=vocab))
    for doc in docs:
        spans = {(m.start, m.end, m.label) for r in doc._.relations for m in (r.head, r.tail)}
        doc.ents = [Span(doc, *span[:2], label=span[2]) for span in sorted(spans)]
        doc.spans[MENTIONS_KEY] = list(doc.ents)
    return docs


def pipeline(ruler=True):
    nlp = spacy.blank("en")
    if ruler:
        patterns = [("PERSON", "Ann"), ("ORG", "Acme")]
        nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for label, name in patterns])
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_test_people_work")
    return nlp


def test_evaluate_with_predicted_entities():
    nlp = pipeline()
    scores = evaluate(nlp, iter(gold_docs(nlp.vocab)))
    assert (scores["rel_micro_p"], scores["rel_micro_r"]) == (1.0, 0.5)  # the ruler does not know Bob
    assert (scores["rel_uncovered"], scores["n_docs"], scores["n_words"], scores["n_candidates"]) == (1, 3, 9, 2)
    assert scores["rel_per_lang"]["en"]["f"] == 1.0
    for name in ("speed", "docs_per_s", "words_per_s", "pairs_per_s", "seconds"):
        assert scores[name] > 0, name
    assert scores["speed"] == scores["words_per_s"]


def test_evaluate_with_gold_mentions():
    nlp = pipeline()
    assert mention_writers(nlp) == ["entity_ruler"]
    docs = gold_docs(nlp.vocab)
    scores = evaluate(nlp, docs, gold_mentions=True, match="strict")
    keys = ("rel_micro_p", "rel_micro_r", "rel_uncovered")
    assert [scores[f"gold_mentions_{key}"] for key in keys] == [0.5, 0.5, 0] and not scores.keys() & {*keys}
    assert nlp.pipe_names == ["entity_ruler", "entity_type_marker", "relx_test_people_work"]
    assert docs[0]._.triples == [("Ann", "works_for", "Acme")]  # the gold is left alone


def test_own_components_are_never_left_out():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("span_ruler")
    assert mention_writers(nlp) == ["span_ruler"]


def test_evaluate_docs_of_another_vocab_and_tokenizer():
    nlp = pipeline()
    docs = gold_docs(Vocab())
    docs.append(make([(ANN, "works_for", (2, 3, "ORG"))], words=["Ann", "joined", "Acme", "."], lang="en"))
    docs.append(Doc(VOCAB, words=["Ann", "joined", "Acme!"], spaces=[True, True, False]))
    docs[-1]._.relations = [Relation(Mention(0, 1, "PERSON"), "works_for", Mention(2, 3, "ORG"))]
    kept, cut = evaluate(nlp, docs), evaluate(nlp, docs, retokenize=True)
    assert kept["n_words"] == 9 + 4 + 3
    assert cut["n_words"] == 9 + 4 + 4
    assert kept["rel_n_pred"] == 2 and cut["rel_n_pred"] == 3


def test_gold_mentions_that_do_not_fit_the_tokens():
    nlp = pipeline()
    doc = Doc(nlp.vocab, words=["Ann", "at", "Acme", "Ltd"], spaces=[True, True, False, False])  # Acme|Ltd is one token
    doc.ents = [Span(doc, 0, 1, label="PERSON"), Span(doc, 2, 3, label="ORG")]
    doc._.relations = [Relation(Mention(0, 1, "PERSON"), "works_for", Mention(2, 3, "ORG"))]
    assert evaluate(nlp, [doc], gold_mentions=True)["gold_mentions_rel_micro_f"] == 1.0
    with pytest.warns(RelxWarning, match="RX174. 1 gold"):
        assert evaluate(nlp, [doc], gold_mentions=True, retokenize=True)["gold_mentions_rel_micro_f"] == 0.0


def test_evaluate_gives_sentences_as_in_training():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker", config={"generator": {"@misc": "spacy_relx.SameSentence.v1"}})
    nlp.add_pipe("relx_test_people_work")
    doc = gold_docs(nlp.vocab)[0]
    for token in doc:
        token.is_sent_start = token.i in (0, 2)
    scores = evaluate(nlp, [doc], gold_mentions=True)
    assert (scores["n_candidates"], scores["gold_mentions_rel_uncovered"]) == (0, 1)


def test_evaluate_without_entities_warns():
    nlp = pipeline(ruler=False)
    with pytest.warns(RelxWarning, match="RX171.*--gold-mentions"), pytest.warns(RelxWarning, match="RX505"):
        scores = evaluate(nlp, gold_docs(nlp.vocab))
    assert scores["rel_micro_r"] == 0.0


def test_evaluate_without_entities_says_what_would_help():
    empty = gold_docs(spacy.blank("xx").vocab)
    for doc in empty:
        doc.ents, doc.spans[MENTIONS_KEY] = [], []
    with pytest.warns(RelxWarning, match="RX171.*there are none in doc.ents"):
        evaluate(pipeline(ruler=False), empty, gold_mentions=True)
    finder = spacy.blank("xx")
    finder.add_pipe("relx_test_finds_no_mentions")
    with pytest.warns(RelxWarning, match="RX171.*'relx_test_finds_no_mentions' finds mentions itself"):
        evaluate(finder, gold_docs(finder.vocab))


def test_mentions_that_are_replaced_are_said():
    def replaced(assigns):
        @Language.component("relx_test_finds_anew", assigns=assigns)
        def finds_anew(doc):
            doc.ents, doc.spans[MENTIONS_KEY] = [], [Span(doc, 0, 1, label="PERSON")]
            return doc

        nlp = pipeline(ruler=False)
        nlp.add_pipe("relx_test_finds_anew", first=True)
        return nlp

    nlp = replaced(["doc.ents", "doc.spans"])
    good = evaluate(nlp, gold_docs(nlp.vocab)[:2], gold_mentions=True)
    nlp = replaced([])
    with pytest.warns(RelxWarning, match="RX277.* 2 of 2 documents.*assigns"):
        bad = evaluate(nlp, gold_docs(nlp.vocab)[:2], gold_mentions=True)
    assert bad["gold_mentions_rel_micro_r"] == 0 < good["gold_mentions_rel_micro_r"]


def test_dropped_documents_are_misses():
    nlp = pipeline()
    nlp.add_pipe("relx_test_drop_rome", first=True)
    with pytest.raises(RuntimeError):
        evaluate(nlp, gold_docs(nlp.vocab))
    nlp.set_error_handler(lambda name, proc, docs, err: None)
    with pytest.warns(RelxWarning) as record:
        scores = evaluate(nlp, gold_docs(nlp.vocab))
    assert any(str(w.message).startswith("[RX172] 1 of 3") for w in record)
    assert (scores["rel_n_gold"], scores["rel_micro_r"], scores["n_docs"]) == (2, 0.0, 3)


def test_gold_mentions_go_to_the_group_that_the_pipeline_reads():
    """Nested mentions are in no doc.ents; a marker that reads another group than "mentions" gets them all the same."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker", config={"spans_key": "sc"})
    nlp.add_pipe("relx_test_people_work")
    doc = make([], words="Ann Lee Works", vocab=nlp.vocab)
    spans = [Span(doc, 0, 2, label="PERSON"), Span(doc, 1, 3, label="ORG")]
    doc.ents = spans[:1]
    doc._.relations = [Relation(Mention(0, 2, "PERSON"), "works_for", Mention(1, 3, "ORG"))]
    for key in (MENTIONS_KEY, "sc"):
        gold = doc.copy()
        gold.spans[key] = [Span(gold, span.start, span.end, label=span.label) for span in spans]
        scores = evaluate(nlp, [gold], gold_mentions=True)
        assert (scores["n_candidates"], scores["gold_mentions_rel_micro_f"]) == (2, 1.0), key
