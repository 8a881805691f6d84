"""Bags, facts and their scores on a Doc: plain types, the extensions, and what spaCy does to them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_relx.data.extensions import (
    get_sentence_langs,
    has_fact_scores,
    merge_docs,
    set_extensions,
    set_sentence_langs,
    span_as_doc,
)
from spacy_relx.data.facts import Bag, Evidence, Fact, FactList, FactScores, merge_facts
from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.errors import RelxError

set_extensions()
HEAD, TAIL = Mention(0, 1, "PERSON", "Q1"), Mention(3, 5, "PLACE", "Q2")
EVIDENCE = Evidence(0, 5, HEAD, TAIL, 0.75)
SECOND = Evidence(5, 8, Mention(5, 6, "PERSON", "Q1"), Mention(7, 8, "PLACE", "Q2"), 0.25)
FACT = Fact("Q1", "born_in", "Q2", 0.5, (EVIDENCE, SECOND))
BARE = Fact("Q1", "lives_in", "Q2")
PAIRS, LABELS = [("Q1", "Q2"), ("Q2", "Q1")], ["born_in", "dies_in", "lives_in"]
SCORES = np.arange(6, dtype="float32").reshape(2, 3) / 8


VOCAB = Vocab()


def make_doc(vocab: Vocab | None = None) -> Doc:
    return Doc(Vocab() if vocab is None else vocab, words=["Ann", "was", "from", "New", "Ulm", ".", "She", "Ulm"])


def annotated(vocab: Vocab | None = None) -> Doc:
    doc = make_doc(vocab)
    doc._.bag = Bag("Q1", "Q2")
    doc._.facts = [FACT, BARE]
    doc._.fact_scores = FactScores(PAIRS, LABELS, SCORES)
    set_sentence_langs(doc, [(0, 5, "en"), (5, 8, "de")])
    return doc


def through_bytes(doc: Doc) -> Doc:
    return Doc(Vocab()).from_bytes(doc.to_bytes())


def through_docbin(doc: Doc) -> Doc:
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(Vocab()))


def through_pickle(doc: Doc) -> Doc:
    return pickle.loads(pickle.dumps(doc))


# what spaCy does to Docs


@pytest.mark.parametrize("way", [through_bytes, through_docbin, through_pickle, Doc.copy])
def test_everything_survives(way):
    doc = annotated()
    after = way(doc)
    assert after is not doc
    assert after._.bag == Bag("Q1", "Q2")
    assert after._.facts == [FACT, BARE] and isinstance(after._.facts, FactList)
    assert after._.facts[0].evidence == (EVIDENCE, SECOND)
    scores = after._.fact_scores
    assert (scores.pairs, scores.labels) == (PAIRS, LABELS)
    np.testing.assert_array_equal(scores.scores, SCORES)
    assert get_sentence_langs(after) == [(0, 5, "en"), (5, 8, "de")]


@pytest.mark.parametrize("way", [through_bytes, through_docbin, through_pickle, Doc.copy])
def test_the_list_can_be_changed_afterwards(way):
    doc = annotated()
    after = way(doc)
    after._.facts.append(Fact("Q2", "has_mayor", "Q1"))
    after._.facts[0] = BARE
    assert [fact.label for fact in after._.facts] == ["lives_in", "lives_in", "has_mayor"]
    assert doc._.facts == [FACT, BARE]


def test_the_storage_is_plain():
    doc = annotated()
    (data,) = doc.user_data.values()
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {"bag", "facts", "fact_scores", "sent_langs"}
    assert "evidence" not in data["facts"][1]


def test_a_doc_that_has_nothing():
    doc = make_doc()
    assert doc._.bag is None
    assert doc._.facts == [] and not doc._.facts
    assert not has_fact_scores(doc)
    scores = doc._.fact_scores
    assert len(scores) == 0 and scores.scores.shape == (0, 0)
    doc._.fact_scores = FactScores([], LABELS, np.zeros((0, 3)))
    assert has_fact_scores(doc) and through_docbin(doc)._.fact_scores.scores.shape == (0, 3)


def test_sentence_langs_of_a_doc_with_one_language():
    doc = make_doc()
    assert get_sentence_langs(doc) == [(0, 8, "")]
    doc._.lang = "en"
    assert get_sentence_langs(doc) == [(0, 8, "en")]
    set_sentence_langs(doc, [(0, 5, "de"), (5, 8, "")])
    assert get_sentence_langs(doc) == [(0, 5, "de"), (5, 8, "en")]


# merged Docs and parts of Docs


def bag_doc(pair=("Q1", "Q2"), sent_starts=(0, 5)) -> Doc:
    """Two sentences that mention a pair."""
    doc = make_doc(VOCAB)
    for token in doc:
        token.is_sent_start = token.i in sent_starts
    doc.spans[MENTIONS_KEY] = [m.span(doc) for each in (EVIDENCE, SECOND) for m in (each.head, each.tail)]
    doc._.bag = pair
    doc._.facts = [FACT, BARE]
    return doc


def test_merge_docs_makes_one_fact_of_the_same_ones():
    first, second = annotated(VOCAB), make_doc(VOCAB)
    first._.bag = None
    better = Fact("Q1", "born_in", "Q2", 0.75, (Evidence(0, 5, HEAD, TAIL, 0.5),))
    other = Fact("Q2", "born_in", "Q1", 0.25, (SECOND,))
    second._.facts = [other, better]
    merged = merge_docs([first, Doc(first.vocab), second])
    found = merged._.facts
    assert [(f.head, f.label, f.tail, f.score) for f in found] == [
        ("Q1", "born_in", "Q2", 0.75),
        ("Q1", "lives_in", "Q2", 1.0),
        ("Q2", "born_in", "Q1", 0.25),
    ]
    assert found[0].evidence == (EVIDENCE, better.evidence[0].shift(8), SECOND)
    assert [each.sentence(merged).text for each in found[0].evidence][:2] == ["Ann was from New Ulm"] * 2
    assert found[0].evidence[1].head.text(merged) == "Ann" and found[2].evidence == (SECOND.shift(8),)
    assert merged._.bag is None and not has_fact_scores(merged)
    assert first._.facts == [FACT, BARE] and second._.facts == [other, better]


def test_merge_facts_takes_evidence_once():
    assert merge_facts([FACT, FACT]) == [FACT] and merge_facts([]) == []


def test_merged_bags():
    """One bag where all are of one pair and sentences stay apart; `Doc.from_docs` keeps the mentions."""
    both = merge_docs([bag_doc(), bag_doc()])
    assert both._.bag == Bag("Q1", "Q2") and len(both.spans[MENTIONS_KEY]) == 8 and len(list(both.sents)) == 4
    assert [fact.label for fact in both._.facts] == ["born_in", "lives_in"]
    plain = make_doc(VOCAB)
    for docs in ([bag_doc(), bag_doc(("Q1", "Q3"))], [bag_doc(), bag_doc(sent_starts=())], [bag_doc(), plain]):
        assert merge_docs(docs)._.bag is None
    assert merge_docs([bag_doc(), bag_doc()], exclude=["spans"])._.bag is None


def test_span_as_doc_keeps_facts_with_their_evidence_there():
    doc = bag_doc()
    part = span_as_doc(doc[5:8])
    assert part._.facts == [Fact("Q1", "born_in", "Q2", 0.5, (SECOND.shift(-5),))]
    assert part._.facts[0].triple(part) == (".", "born_in", "Ulm")
    assert span_as_doc(doc[:])._.facts == [FACT]
    for nothing in (doc[0:4], doc[6:8], doc[4:7]):  # no sentence is whole
        assert span_as_doc(nothing)._.facts == []
    assert part._.bag is None and span_as_doc(doc[:])._.bag is None and doc._.facts == [FACT, BARE]


# bags


@pytest.mark.parametrize("value", [Bag("a", "b"), ("a", "b"), ["a", "b"], {"head": "a", "tail": "b", "more": 1}])
def test_bags_are_read(value):
    doc = make_doc()
    doc._.bag = value
    assert doc._.bag == Bag("a", "b")
    doc._.bag = None
    assert doc._.bag is None


@pytest.mark.parametrize("value", ["ab", ("a",), ("a", ""), ("a", 2), {"head": "a"}, {"head": "a", "tail": None}, 7])
def test_what_is_no_bag(value):
    doc = make_doc()
    with pytest.raises(RelxError, match="RX010"):
        doc._.bag = value
    assert doc._.bag is None


# facts


def test_triples_and_sentences():
    doc = make_doc()
    assert FACT.triple(doc) == ("Ann", "born_in", "New Ulm")
    assert BARE.triple(doc) == ("Q1", "lives_in", "Q2")
    assert EVIDENCE.sentence(doc).text == "Ann was from New Ulm"


def test_the_list_is_a_list():
    doc = annotated()
    facts = doc._.facts
    assert len(facts) == 2 and facts[-1] == BARE and facts[:1] == [FACT] and FACT in facts and facts.index(BARE) == 1
    facts.insert(0, {"head": "a", "label": "x", "tail": "b"})
    assert doc._.facts[0] == Fact("a", "x", "b", 1.0)
    facts[1:] = [BARE]
    assert doc._.facts == [Fact("a", "x", "b"), BARE] != [BARE]
    del facts[0]
    facts.extend([FACT])
    assert doc._.facts == (BARE, FACT)
    assert repr(facts) == repr(list(doc._.facts))
    doc._.facts = doc._.facts
    assert doc._.facts == [BARE, FACT]
    facts = doc._.facts
    facts.clear()
    assert doc._.facts == [] and facts != "no list"


@pytest.mark.parametrize(
    "value",
    [
        "fact",
        {"head": "a", "label": "x"},
        {"head": "a", "label": "", "tail": "b"},
        {"head": 1, "label": "x", "tail": "b"},
        {"head": "a", "label": "x", "tail": "b", "score": "much"},
        {"head": "a", "label": "x", "tail": "b", "score": None},
        {"head": "a", "label": "x", "tail": "b", "evidence": None},
        {"head": "a", "label": "x", "tail": "b", "evidence": 3},
    ],
)
def test_what_is_no_fact(value):
    doc = annotated()
    for change in (doc._.facts.append, lambda fact: setattr(doc._, "facts", [fact])):
        with pytest.raises(RelxError, match="RX012"):
            change(value)
    assert doc._.facts == [FACT, BARE]


@pytest.mark.parametrize(
    "change",
    [{"start": "a"}, {"end": None}, {"weight": "much"}, {"start": 0.5}, {"head": None, "code": "RX002"}, None, 7],
)
def test_what_is_no_evidence(change):
    code = "RX011"
    evidence = change
    if isinstance(change, dict):
        code = change.pop("code", code)
        evidence = {**EVIDENCE.to_dict(), **change}
    with pytest.raises(RelxError, match=code):
        make_doc()._.facts = [{**BARE.to_dict(), "evidence": [evidence]}]


@pytest.mark.parametrize("place", [(3, 3), (-1, 2), (6, 9)])
@pytest.mark.parametrize("part", ["sentence", "head", "tail"])
def test_evidence_must_fit_the_doc(place, part):
    values = {"sentence": (0, 5), "head": (0, 1), "tail": (3, 5), part: place}
    evidence = Evidence(*values["sentence"], Mention(*values["head"]), Mention(*values["tail"]))
    doc = make_doc()
    with pytest.raises(RelxError, match="RX003"):
        doc._.facts = [Fact("a", "x", "b", 1.0, (evidence,))]
    assert doc._.facts == []


@pytest.mark.parametrize("value", ["facts", {"head": "a"}, None, 7])
def test_facts_want_a_list(value):
    with pytest.raises(RelxError, match="RX013"):
        make_doc()._.facts = value


def test_numpy_numbers_become_plain():
    doc = make_doc()
    evidence = Evidence(int(np.int64(0)), 5, HEAD, TAIL, np.float32(0.5))
    doc._.facts = [Fact("a", "x", "b", np.float32(0.25), (evidence,))]
    assert through_docbin(doc)._.facts[0].score == 0.25
    assert type(doc._.facts[0].evidence[0].weight) is float


# scores


@pytest.mark.parametrize("value", [None, {"pairs": []}, SCORES, "Q1"])
def test_scores_want_their_own_type(value):
    with pytest.raises(RelxError, match="RX014"):
        make_doc()._.fact_scores = value


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 2), (2, 3, 1)])
def test_scores_of_another_shape(shape):
    """(n_labels, n_pairs) has as many numbers: it must not be read as (n_pairs, n_labels)."""
    with pytest.raises(RelxError, match=r"RX015.*\(2, 3\)"):
        FactScores(PAIRS, LABELS, np.zeros(shape))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.lists(st.text(), max_size=3))
def test_scores_are_what_they_were(pairs, labels):
    scores = np.linspace(0, 1, len(pairs) * len(labels)).astype("float32").reshape(len(pairs), len(labels))
    again = FactScores.from_dict(FactScores(pairs, labels, scores).to_dict())
    assert (again.pairs, again.labels, len(again)) == (pairs, labels, len(pairs))
    np.testing.assert_array_equal(again.scores, scores)
    assert repr(again) == f"FactScores(pairs={len(pairs)}, labels={len(labels)})"
