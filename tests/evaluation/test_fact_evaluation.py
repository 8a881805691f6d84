"""Evaluation of pipelines that find facts."""

from __future__ import annotations

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from spacy_relx.data.extensions import get_bag, get_sentence_langs, has_sentence_langs, set_sentence_langs
from spacy_relx.data.facts import Bag, Fact, FactScores
from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate

LABELS = ["born_in", "lives_in"]

# Evaluation of pipelines


@Language.component("relx_test_facts", assigns=["doc._.facts", "doc._.fact_scores"])
def finds_facts(doc):
    """Says of the first and last entity that the one was born in the other, more surely where sentences are English."""
    spans = doc.spans.get(MENTIONS_KEY, ())
    if len(spans) > 1:
        pair = spans[0].kb_id_, spans[-1].kb_id_
        english = sum(sent._.lang == "en" for sent in doc.sents)
        value = 0.5 + english / 10
        doc._.facts = [Fact(pair[0], "born_in", pair[1], value)]
        doc._.fact_scores = FactScores([pair], LABELS, np.array([[value, 0.1]]))
    return doc


@Language.component("relx_test_keep")
def keep(doc):
    SEEN.append(doc)
    return doc


@Language.component("relx_test_drop_oslo")
def drop_oslo(doc):
    if "Oslo" in doc.text:
        raise RuntimeError("no Oslo")
    return doc


@Language.component("relx_test_silent", assigns=["doc._.facts"])
def silent(doc):
    SEEN.append(doc)
    return doc


@Language.component("relx_test_undeclared")
def undeclared(doc):
    return finds_facts(doc)


SEEN: list[Doc] = []


def bag_doc(vocab, sentences, pair, facts=(), spaces=None):
    """A bag Doc. sentences: (words, (place of the head, place of the tail), language)."""
    words = [word for text, _, _ in sentences for word in text.split()]
    starts, spans, langs = [], [], []
    for text, places, lang in sentences:
        n = len(text.split())
        spans += [(len(starts) + place, kb_id) for place, kb_id in zip(places, pair)]
        langs.append((len(starts), len(starts) + n, lang))
        starts += [True] + [False] * (n - 1)
    doc = Doc(vocab, words=words, spaces=spaces, sent_starts=starts)
    doc.spans[MENTIONS_KEY] = [Span(doc, i, i + 1, label="ENT", kb_id=kb_id) for i, kb_id in spans]
    doc.ents = filter_spans(doc.spans[MENTIONS_KEY])
    doc._.bag = pair
    doc._.facts = [Fact(pair[0], label, pair[1]) for label in facts]
    names = {lang for _, _, lang in langs}
    doc._.lang = names.pop() if len(names) == 1 else ""
    set_sentence_langs(doc, langs)
    return doc


def gold_bags(vocab):
    ann = [("Ann came from Rome", (0, 3), "en"), ("Rom sah Ann aufwachsen", (2, 0), "de")]
    bob = [("Oslo is where Bob was born", (3, 0), "en")]
    eve = [("Eva kennt Bonn", (0, 2), "de")]
    return [
        bag_doc(vocab, ann, ("Q1", "Q2"), ["born_in", "lives_in"]),
        bag_doc(vocab, bob, ("Q3", "Q4"), ["born_in"]),
        bag_doc(vocab, eve, ("Q5", "Q6")),
        bag_doc(vocab, eve[:1], ("Q5", "Q6")),  # the bag was split
    ]


def pipeline(*names):
    nlp = spacy.blank("xx")
    for name in ("sentencizer", *names, "relx_test_facts", "relx_test_keep"):
        nlp.add_pipe(name)
    SEEN.clear()
    return nlp


def test_evaluate_bags():
    nlp = pipeline("entity_ruler")
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": "came"}])
    scores = evaluate(nlp, iter(gold_bags(Vocab())))
    assert (scores["fact_n_gold"], scores["fact_n_bags"], scores["fact_n_pred"], scores["n_docs"]) == (3, 3, 3, 4)
    assert (scores["fact_micro_p"], scores["fact_micro_r"]) == (2 / 3, 2 / 3)
    assert scores["fact_ap"] == pytest.approx((1 + 1 + 3 / 6) / 3)  # the two with an English sentence first
    assert scores["fact_per_lang"]["several"]["support"] == 2 and scores["fact_per_lang"]["de"]["n_bags"] == 1
    assert scores["gold_mentions"] is True and scores["gold_mentions_rel_n_gold"] == 0
    assert scores["gold_mentions_rel_micro_f"] is None
    for gold, seen in zip(gold_bags(nlp.vocab), SEEN):  # given the question ...
        assert (get_bag(seen), get_sentence_langs(seen)) == (gold._.bag, get_sentence_langs(gold))
        assert [sent.text for sent in seen.sents] == [sent.text for sent in gold.sents]
        for mine, its in ((gold.spans[MENTIONS_KEY], seen.spans[MENTIONS_KEY]), (gold.ents, seen.ents)):
            assert [(s.start, s.end, s.label_, s.kb_id_) for s in mine] == [
                (s.start, s.end, s.label_, s.kb_id_) for s in its
            ]
        assert seen._.lang == gold._.lang and "came" not in {ent.text for ent in seen.ents}


def test_evaluate_gives_no_gold_facts():
    nlp = spacy.blank("xx")
    nlp.add_pipe("relx_test_silent")
    SEEN.clear()
    scores = evaluate(nlp, gold_bags(nlp.vocab))
    assert (scores["fact_n_gold"], scores["fact_n_pred"], scores["fact_n_items"], scores["fact_ap"]) == (3, 0, 0, 0.0)
    assert [list(doc._.facts) for doc in SEEN] == [[]] * 4


def test_evaluate_bags_with_other_tokens():
    nlp = pipeline()
    text = [("Ann came from Rome", (0, 3), "en"), ("hier sah Rom Ann", (3, 2), "de")]
    spaces = [True, True, True, False, True, True, True, False]  # the sentences meet within a word: Romehier
    doc = bag_doc(nlp.vocab, text, ("Q1", "Q2"), ["born_in"], spaces)
    with pytest.warns(RelxWarning, match="RX174"):
        scores = evaluate(nlp, [doc], retokenize=True)
    seen = SEEN[0]
    assert scores["fact_ap"] == 1.0 and scores["n_words"] == len(seen) < len(doc)
    assert [sent.text for sent in seen.sents] == ["Ann came from", "Romehier sah Rom Ann"]
    assert get_sentence_langs(seen) == [(0, 3, "en"), (3, 7, "de")]
    spaced = gold_bags(nlp.vocab)[:1]
    assert evaluate(nlp, spaced, retokenize=True)["n_words"] == len(spaced[0])
    assert [sent.text for sent in SEEN[1].sents] == [sent.text for sent in spaced[0].sents]
    assert get_sentence_langs(SEEN[1]) == get_sentence_langs(spaced[0])


def test_evaluate_an_empty_bag_and_sentences_without_starts():
    nlp = pipeline()
    empty = Doc(nlp.vocab)
    empty._.bag = ("a", "b")
    with pytest.raises(RelxError, match=r"RX144.*0 sentences"):
        evaluate(nlp, [empty])
    plain = Doc(nlp.vocab, words=["Ann", "in", "Rome"])
    plain._.bag = ("a", "b")
    plain.spans[MENTIONS_KEY] = [Mention(0, 1, "ENT", "a").span(plain), Mention(2, 3, "ENT", "b").span(plain)]
    for retokenize in (False, True):
        scores = evaluate(nlp, [plain], retokenize=retokenize)
        assert (scores["fact_n_bags"], scores["n_docs"]) == (1, 1)
    assert not has_sentence_langs(SEEN[-1]) and get_bag(SEEN[-1]) == Bag("a", "b")


def test_bags_and_other_documents():
    nlp = pipeline()
    other = Doc(nlp.vocab, words=["Ann", "in", "Rome"])
    for docs, number in (([*gold_bags(nlp.vocab), other], 5), ([other, *gold_bags(nlp.vocab)], 2)):
        with pytest.raises(RelxError, match=f"RX192.*document {number}"):
            evaluate(nlp, docs)
        assert evaluate(nlp, docs, gold_mentions=True)["n_docs"] == 5


def test_other_documents_are_treated_as_before():
    """No mentions; the same facts of two documents are two facts, unless across_docs."""
    nlp = pipeline()
    docs = gold_bags(nlp.vocab)[:1] * 2
    for doc in docs:
        doc._.bag = None
    with pytest.warns(RelxWarning, match="RX171"):
        scores = evaluate(nlp, docs)
    assert (scores["fact_n_gold"], scores["fact_n_pred"], scores["gold_mentions"]) == (4, 0, False)
    assert not SEEN[0].spans and get_sentence_langs(SEEN[0]) == get_sentence_langs(docs[0])
    given = [evaluate(nlp, docs, gold_mentions=True, across_docs=across) for across in (False, True)]
    assert [scores["gold_mentions_fact_n_gold"] for scores in given] == [4, 2]


def test_facts_are_scored_only_where_a_component_says_it_finds_them():
    nlp = spacy.blank("xx")
    nlp.add_pipe("relx_test_undeclared")
    with pytest.raises(RelxError, match=r"RX531.*relx_test_undeclared.*assigns"):
        evaluate(nlp, gold_bags(nlp.vocab))


def test_relations_and_facts_are_scored_beside_each_other():
    nlp = pipeline()
    docs = gold_bags(nlp.vocab)
    docs[0]._.relations = [Relation(Mention(0, 1, "ENT"), "born_in", Mention(3, 4, "ENT"))]
    scores = evaluate(nlp, docs)
    keys = ("gold_mentions_rel_n_gold", "gold_mentions_rel_micro_r", "fact_n_gold")
    assert [scores[key] for key in keys] == [1, 0.0, 3]


def test_dropped_bags_are_misses():
    nlp = pipeline("relx_test_drop_oslo")
    nlp.set_error_handler(lambda name, proc, docs, err: None)
    with pytest.warns(RelxWarning, match="RX172. 1 of 4"):
        scores = evaluate(nlp, gold_bags(nlp.vocab))
    assert (scores["fact_n_gold"], scores["fact_n_bags"], scores["fact_micro_r"]) == (3, 3, 1 / 3)
