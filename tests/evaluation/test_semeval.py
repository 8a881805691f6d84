import random

import pytest
import spacy
from spacy.vocab import Vocab
from support.examples import make_doc

from spacy_relx.errors import RelxError
from spacy_relx.evaluation.evaluate import evaluate
from spacy_relx.evaluation.semeval import SemevalCounter, answer

VOCAB = Vocab()
MENTIONS = [(0, 1, "E"), (2, 3, "E")]


def sentence(*relations):
    """relations: (label, forward, score)."""
    doc = make_doc(VOCAB, "a b c", MENTIONS, [(0, r, 1) if forward else (1, r, 0) for r, forward, _ in relations])
    doc._.relations = [
        type(old)(old.head, old.label, old.tail, s) for old, (_, _, s) in zip(doc._.relations, relations)
    ]
    return doc


def test_one_answer_a_sentence():
    assert answer(sentence()) is None
    assert answer(sentence(("A", True, 0.4), ("B", False, 0.6))) == ("B", False)


def naive(gold, found):
    """By the definition: per relation P, R and F of its two directed classes together."""
    scores = []
    for label in sorted({g[0] for g in gold if g}):
        right = sum(g == f and g is not None and g[0] == label for g, f in zip(gold, found))
        given = sum(f is not None and f[0] == label for f in found)
        wanted = sum(g is not None and g[0] == label for g in gold)
        p, r = right / max(given, 1), right / wanted
        scores.append(2 * p * r / (p + r) if right else 0.0)
    return sum(scores) / len(scores)


def test_against_the_definition():
    rng = random.Random(0)
    classes = [None] + [(label, forward) for label in "ABC" for forward in (True, False)]
    gold = [rng.choice(classes) for _ in range(300)]
    found = [g if rng.random() < 0.6 else rng.choice(classes) for g in gold]
    counter = SemevalCounter()
    for g, f in zip(gold, found):
        counter.add(sentence(*[(*g, 1.0)] if g else []), sentence(*[(*f, 0.9)] if f else []))
    assert counter.scores()["semeval_macro_f"] == pytest.approx(naive(gold, found))


def test_nothing_in_the_gold_data():
    counter = SemevalCounter()
    counter.add(sentence(), sentence(("A", True, 1.0)))
    assert counter.scores()["semeval_macro_f"] is None


def test_no_relation_is_no_answer():
    none = sentence(("none", True, 0.9), ("A", False, 0.4))
    assert answer(none) == ("none", True) and answer(none, "none") == ("A", False)
    assert answer(sentence(("no_relation", True, 1.0))) is None
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_test_finds_nothing")
    gold = [sentence(("none", True, 1.0)), sentence(("A", True, 1.0))]
    counter = SemevalCounter(no_relation="none")
    for doc in gold:
        counter.add(doc, sentence(("A", True, 1.0)))
    assert counter.scores()["semeval_macro_f"] == pytest.approx(2 / 3)  # the mean is over A alone
    only = [sentence(("none", True, 1.0))]
    options = {"gold_mentions": True, "scheme": "semeval2010"}
    assert evaluate(nlp, only, **options)["gold_mentions_semeval_macro_f"] == 0.0
    assert evaluate(nlp, only, **options, no_relation="none")["gold_mentions_semeval_macro_f"] is None


def test_schemes_are_chosen_by_name():
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_test_finds_nothing")
    docs = [sentence(("A", True, 1.0)), sentence()]
    assert evaluate(nlp, docs, gold_mentions=True, scheme="semeval2010")["gold_mentions_semeval_macro_f"] == 0.0
    assert "gold_mentions_semeval_macro_f" not in evaluate(nlp, docs, gold_mentions=True)
    with pytest.raises(RelxError, match="RX021"):
        evaluate(nlp, docs, scheme="none")
