"""Scores of mentions and relations found together, by hand-made Docs."""

import pytest
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.evaluation.joint import OneTripleCounter, make_joint_scorer, score_mentions

WORDS = ["Ann", "works", "for", "Acme", "in", "Rome"]


def doc_with(mentions=(), relations=(), lang="", words=WORDS):
    doc = Doc(Vocab(), words=words)
    doc.spans[MENTIONS_KEY] = [Span(doc, start, end, label=label) for start, end, label in mentions]
    doc._.relations = [Relation(Mention(*head), label, Mention(*tail), score) for head, label, tail, score in relations]
    doc._.lang = lang
    return doc


ANN, ACME, ROME = (0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")


def test_mentions_by_place_and_by_type():
    reference = doc_with([ANN, ACME, ROME])
    predicted = doc_with([ANN, (3, 4, "PLACE"), (4, 6, "PLACE")])
    scores = score_mentions([Example(predicted, reference)])
    assert scores["mention_micro_p"] == scores["mention_micro_r"] == pytest.approx(2 / 3)
    assert scores["mention_boundary_f"] == pytest.approx(2 / 3)
    assert scores["mention_strict_f"] == pytest.approx(1 / 3)
    strict = score_mentions([Example(predicted, reference)], match="strict")
    assert strict["mention_micro_f"] == pytest.approx(1 / 3)


def test_entities_count_where_there_is_no_group():
    reference = doc_with([ANN, ROME])
    predicted = Doc(Vocab(), words=WORDS)
    predicted.ents = [Span(predicted, 0, 1, label="PERSON")]
    assert score_mentions([Example(predicted, reference)])["mention_micro_r"] == 0.5
    assert score_mentions([Example(predicted, doc_with())])["mention_micro_f"] is None


def test_the_scorer_has_both():
    relation = (ANN, "works_for", ACME, 1.0)
    example = Example(doc_with([ANN, ACME], [relation]), doc_with([ANN, ACME, ROME], [relation]))
    scores = make_joint_scorer()([example])
    assert scores["rel_micro_f"] == 1.0 and scores["mention_micro_r"] == pytest.approx(2 / 3)
    with pytest.raises(RelxError, match="RX021"):
        make_joint_scorer("loose")


# One triple a sentence (Wang et al. 2023, section 4.2)


def scores_of(*pairs):
    counter = OneTripleCounter()
    for reference, predicted in pairs:
        counter.add(reference, predicted)
    return counter.scores()


def test_parts_of_a_triple():
    gold = doc_with([ANN, ACME], [(ANN, "works_for", ACME, 1.0)], "en")
    swapped = doc_with([ANN, ROME], [(ANN, "works_for", ROME, 0.9)], "en")
    other = doc_with([ANN, ACME], [(ANN, "founder_of", ACME, 0.9)], "en")
    scores = scores_of((gold, gold), (gold, swapped), (gold, other))
    assert scores["one_triple_f"] == pytest.approx(1 / 3)
    assert scores["one_triple_relation_f"] == pytest.approx(2 / 3)
    assert scores["one_triple_entities_f"] == pytest.approx(2 / 3)
    assert scores["one_triple_head_f"] == 1.0 and scores["one_triple_tail_f"] == pytest.approx(2 / 3)


def test_no_relation_is_an_answer_with_its_pair():
    unrelated = doc_with([ANN, ROME], lang="de")
    related = doc_with([ANN, ROME], [(ANN, "lives_in", ROME, 0.8)], "de")
    elsewhere = doc_with([ACME, ROME], lang="de")
    assert scores_of((unrelated, unrelated))["one_triple_f"] == 1.0
    assert scores_of((unrelated, related))["one_triple_f"] == 0.0
    assert scores_of((unrelated, related))["one_triple_entities_f"] == 1.0
    assert scores_of((unrelated, elsewhere))["one_triple_relation_f"] == 1.0
    assert scores_of((related, doc_with(lang="de")))["one_triple_f"] == 0.0


def test_the_surest_relation_is_the_answer_and_languages_are_apart():
    gold = doc_with([ANN, ACME], [(ANN, "works_for", ACME, 1.0)], "en")
    two = doc_with([ANN, ACME], [(ANN, "works_for", ACME, 0.4), (ACME, "works_for", ANN, 0.6)], "en")
    german = doc_with([ANN, ACME], [(ANN, "works_for", ACME, 1.0)], "de")
    scores = scores_of((gold, two), (german, german), (doc_with([ANN]), doc_with([ANN])))
    assert scores["one_triple_per_lang"]["en"]["triple"] == 0.0
    assert scores["one_triple_per_lang"]["de"] == {
        "triple": 1.0, "relation": 1.0, "entities": 1.0, "head": 1.0, "tail": 1.0, "support": 1,
    }  # fmt: skip
    assert scores_of()["one_triple_f"] is None
