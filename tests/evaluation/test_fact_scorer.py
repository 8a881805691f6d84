"""Scores of facts against hand-counted cases and a naive reference; evaluation of pipelines that find facts."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from spacy import registry
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from support.examples import rounded

from spacy_relx.data.extensions import set_sentence_langs
from spacy_relx.data.facts import Fact, FactScores
from spacy_relx.errors import RelxError
from spacy_relx.evaluation import FactCounter, make_fact_scorer, score_facts

LABELS = ["born_in", "lives_in"]

VOCAB = Vocab()


def make(facts=(), bag=None, langs=("",), scores=None, words="a b", labels=LABELS):
    """A Doc. facts: (head, label, tail[, score]); langs: of its sentences, one a word; scores: {pair: scores}."""
    words = words.split()
    doc = Doc(VOCAB, words=words)
    doc._.bag = bag
    doc._.facts = [Fact(*fact) for fact in facts]
    if len(langs) > 1:
        set_sentence_langs(doc, [(i, i + 1, lang) for i, lang in enumerate(langs)])
    else:
        doc._.lang = langs[0]
    if scores is not None:
        doc._.fact_scores = FactScores(list(scores), labels, np.array(list(scores.values())).reshape(-1, len(labels)))
    return doc


def score(*docs, **kwargs):
    """docs: (gold, predicted) Docs."""
    return score_facts([Example(predicted, gold) for gold, predicted in docs], **kwargs)


def bags():
    """Four bags and one more half: Ann was born in Rome (in both halves), Bob lives in Oslo and was born there, ..."""
    ann, bob, eve, kim = ("Q1", "Q2"), ("Q3", "Q4"), ("Q5", "Q6"), ("Q7", "Q8")
    return [
        (make([("Q1", "born_in", "Q2")], ann, ("en",)), make([], ann, scores={ann: [0.2, 0.1]})),
        (
            make([("Q3", "born_in", "Q4"), ("Q3", "lives_in", "Q4")], bob, ("en", "de")),
            make([("Q3", "lives_in", "Q4", 0.8)], bob, scores={bob: [0.4, 0.8]}),
        ),
        (make([], eve, ("en",)), make([("Q5", "born_in", "Q6", 0.7)], eve, scores={eve: [0.7, 0.3]})),
        (make([("Q7", "lives_in", "Q8")], kim), make([], kim)),  # nothing proposed
        (
            make([("Q1", "born_in", "Q2")], ann, ("en",)),
            make([("Q1", "born_in", "Q2", 0.9)], ann, scores={ann: [0.9, 0.05]}),
        ),
    ]


def test_bags_by_hand():
    scores = score(*bags())
    # ranked: Ann born .9, Bob lives .8, Eve born .7 (wrong), Bob born .4, Eve lives .3 (wrong), Ann lives .1 (wrong)
    assert scores["fact_n_gold"] == 4 and scores["fact_n_pred"] == 3
    assert scores["fact_n_items"] == 6 and scores["fact_n_bags"] == 4
    assert scores["fact_ap"] == pytest.approx((1 + 1 + 3 / 4) / 4)
    assert scores["fact_auc"] == pytest.approx(0.25 * 1 + 0.25 * (2 / 3 + 3 / 4) / 2)
    assert scores["fact_max_f"] == pytest.approx(2 * 3 / (4 + 4))
    assert scores["fact_max_f_threshold"] == pytest.approx((0.4 + 0.3) / 2)
    assert (scores["fact_micro_p"], scores["fact_micro_r"]) == (2 / 3, 2 / 4)
    assert scores["fact_micro_f"] == pytest.approx(2 * 2 / (3 + 4))
    assert scores["fact_p_at_recall_20"] == scores["fact_p_at_recall_40"] == 1.0
    assert scores["fact_p_at_100"] is None  # there are six items
    born, lives = scores["fact_per_type"]["born_in"], scores["fact_per_type"]["lives_in"]
    assert (born["p"], born["r"], born["support"]) == (1 / 2, 1 / 2, 2)
    assert born["ap"] == pytest.approx((1 + 2 / 3) / 2) and born["max_f"] == pytest.approx(2 * 2 / (3 + 2))
    assert (lives["p"], lives["r"], lives["ap"], lives["support"]) == (1.0, 1 / 2, 1 / 2, 2)
    assert scores["fact_macro_f"] == pytest.approx((born["f"] + lives["f"]) / 2)
    assert scores["fact_curve"]["recall"] == pytest.approx([0.25, 0.5, 0.5, 0.75, 0.75, 0.75])
    assert scores["fact_curve"]["precision"] == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5, 1 / 2])
    assert scores["fact_curve"]["score"] == pytest.approx([0.9, 0.8, 0.7, 0.4, 0.3, 0.1])


def test_bags_per_language():
    scores = score(*bags())["fact_per_lang"]
    assert list(scores) == ["en", "several", "unknown"]
    assert [row["n_bags"] for row in scores.values()] == [2, 1, 1]
    assert [row["support"] for row in scores.values()] == [1, 2, 1]
    assert (scores["en"]["ap"], scores["en"]["p"], scores["en"]["r"]) == (1.0, 0.5, 1.0)
    assert (scores["several"]["ap"], scores["several"]["f"]) == (1.0, pytest.approx(2 / 3))
    assert (scores["unknown"]["ap"], scores["unknown"]["f"]) == (0.0, 0.0)


def test_halves_of_a_bag_in_two_languages_are_several():
    ann = ("Q1", "Q2")
    gold = [("Q1", "born_in", "Q2")]
    scores = score((make(gold, ann, ("en",)), make(gold)), (make(gold, ann, ("de",)), make(gold)))
    assert list(scores["fact_per_lang"]) == ["several"] and scores["fact_n_bags"] == 1
    na = score((make(gold, ann, ("en",)), make(gold)), (make([], ("Q5", "Q6"), ("de",)), make()))
    assert na["fact_per_lang"]["de"] == {"p": None, "r": None, "f": None, "ap": None, "support": 0, "n_bags": 1}


def test_pairs_that_a_bag_is_not_about_do_not_count():
    ann, back = ("Q1", "Q2"), ("Q2", "Q1")
    gold = make([("Q1", "born_in", "Q2")], ann)
    found = make([("Q2", "born_in", "Q1", 0.9)], ann, scores={back: [0.9, 0.8], ann: [0.5, 0.1]})
    scores = score((gold, found))
    assert (scores["fact_n_items"], scores["fact_n_pred"], scores["fact_ap"]) == (2, 0, 1.0)
    with pytest.raises(RelxError, match=r"RX191.*\(Q1, Q2\).*\(Q2, Q1\)"):
        score((make([("Q2", "born_in", "Q1")], ann), found))


def ways(*rows):
    """(gold, predicted) bags. rows: (head, tail), gold labels, predicted labels."""
    return [
        (make([(h, label, t) for label in gold], (h, t)), make([(h, label, t, 0.9) for label in found], (h, t)))
        for (h, t), gold, found in rows
    ]


def directions(scores):
    return scores["fact_n_asked_reversed"], scores["fact_n_reversed"], scores["fact_reversed_rate"]


def test_reversed_facts_by_hand():
    scores = score(
        *ways(
            (("a", "b"), ["born_in", "lives_in"], ["born_in"]),
            (("b", "a"), [], ["born_in", "works_in"]),  # the first is turned round
            (("c", "d"), ["born_in"], []),
            (("d", "c"), [], ["born_in"]),  # turned round, and not found the right way
            (("e", "f"), ["married_to"], ["married_to"]),
            (("f", "e"), ["married_to"], ["married_to"]),
            (("g", "h"), ["lives_in"], ["lives_in"]),  # not asked the other way round
        )
    )
    assert directions(scores) == (3, 2, 2 / 7) and scores["fact_n_pred"] == 7
    assert {label: row["n_reversed"] for label, row in scores["fact_per_type"].items()} == {
        "born_in": 2,
        "lives_in": 0,
        "married_to": 0,
        "works_in": 0,
    }


def test_relations_without_a_direction_are_not_reversed():
    half = [
        (("a", "b"), ["met"], ["met"]),
        (("b", "a"), ["met"], ["met"]),
        (("c", "d"), ["met"], ["met"]),  # gold one way
        (("d", "c"), [], ["met"]),
    ]
    assert directions(score(*ways(*half))) == (0, 0, None), "two of three hold both ways"
    assert directions(score(*ways(*half, (("e", "f"), ["met"], [])))) == (0, 0, None), "two of four"
    fewer = [*half, (("e", "f"), ["met"], []), (("g", "h"), ["met"], [])]
    assert directions(score(*ways(*fewer))) == (1, 1, 1 / 4), "two of five"
    assert directions(score(*ways(*fewer), symmetric=["met"])) == (0, 0, None)
    assert make_fact_scorer(symmetric=["met"])([Example(p, g) for g, p in ways(*fewer)])["fact_n_reversed"] == 0


def test_nothing_is_reversed_where_nothing_was_asked():
    """A rate of 0 would flatter."""
    assert directions(score(*ways((("a", "b"), ["r"], ["r"]), (("c", "d"), [], ["r"])))) == (0, 0, None)
    assert directions(score(*ways((("a", "b"), ["r"], []), (("b", "a"), [], [])))) == (1, 0, None)
    assert directions(score(*ways((("a", "b"), ["r"], ["r"]), (("b", "a"), [], [])))) == (1, 0, 0.0)
    split = ways((("a", "b"), ["r"], ["r"]), (("b", "a"), [], []), (("b", "a"), [], ["r"]))
    assert directions(score(*split)) == (1, 1, 1 / 2)


def test_documents_always_ask_both_ways():
    gold, found = ("a", "r", "b"), ("b", "r", "a", 0.9)
    assert directions(score((make([gold]), make([found])))) == (1, 1, 1.0)
    assert directions(score((make([gold]), make([gold])))) == (1, 0, 0.0)
    apart = [(make([gold]), make([])), (make([]), make([found]))]
    assert directions(score(*apart)) == (1, 0, 0.0)
    assert directions(score(*apart, across_docs=True)) == (1, 1, 1.0)


def test_facts_of_documents_are_those_of_the_document():
    fact = ("Q1", "born_in", "Q2")
    docs = [(make([fact]), make([(*fact, 0.9)])), (make([fact]), make([])), (make([]), make([(*fact, 0.4)]))]
    apart = score(*docs)
    assert (apart["fact_n_gold"], apart["fact_n_pred"], apart["fact_n_bags"]) == (2, 2, 3)
    assert (apart["fact_micro_p"], apart["fact_micro_r"], apart["fact_ap"]) == (0.5, 0.5, 0.5)
    across = score(*docs, across_docs=True)
    assert (across["fact_n_gold"], across["fact_n_pred"], across["fact_n_bags"]) == (1, 1, 1)
    assert across["fact_micro_f"] == across["fact_ap"] == 1.0
    bag = ("Q1", "Q2")  # a bag and documents of the same pair
    mixed = [*docs, (make([fact], bag), make([], bag))]
    assert (score(*mixed)["fact_n_gold"], score(*mixed, across_docs=True)["fact_n_gold"]) == (3, 1)


def test_items_are_the_facts_where_there_are_no_scores():
    fact = ("Q1", "born_in", "Q2")
    found = make([(*fact, 0.4), ("Q1", "lives_in", "Q2", 0.6), (*fact, 0.7)])
    scores = score((make([fact, fact]), found))
    assert (scores["fact_n_items"], scores["fact_n_pred"], scores["fact_n_gold"], scores["fact_ap"]) == (2, 2, 1, 1.0)
    assert scores["fact_max_f_threshold"] == pytest.approx((0.7 + 0.6) / 2)


def test_equal_scores_come_in_together():
    pairs = [(f"Q{i}", f"Q{i + 1}") for i in range(0, 20, 2)]
    docs = [
        (make([(*pair[:1], "born_in", *pair[1:])] if i < 2 else [], pair), make([], pair, scores={pair: [1.0, 0.0]}))
        for i, pair in enumerate(pairs)
    ]
    assert score(*docs)["fact_ap"] == score(*docs[::-1])["fact_ap"] == pytest.approx(2 / 10)


def test_labels_in_another_order_and_labels_that_are_none():
    ann, bob = ("Q1", "Q2"), ("Q3", "Q4")
    docs = [
        (make([("Q1", "born_in", "Q2")], ann), make([], ann, scores={ann: [0.9, 0.8]}, labels=["born_in", "NA"])),
        (
            make([("Q3", "NA", "Q4")], bob),
            make([("Q3", "NA", "Q4")], bob, scores={bob: [1.0, 0.3]}, labels=["NA", "born_in"]),
        ),
    ]
    scores = score(*docs, no_relation="NA")
    assert (scores["fact_n_items"], scores["fact_n_gold"], scores["fact_n_pred"]) == (2, 1, 0)
    assert scores["fact_ap"] == 1.0 and list(scores["fact_per_type"]) == ["born_in"]
    assert score(*docs)["fact_n_items"] == 4


def test_scores_that_are_nan():
    ann = ("Q1", "Q2")
    with pytest.raises(RelxError, match=r"RX190.*NaN"):
        score((make([("Q1", "born_in", "Q2")], ann), make([], ann, scores={ann: [float("nan"), 0.1]})))


@pytest.mark.parametrize(
    "docs", [[], [(make(), make())], [(make(bag=("a", "b")), make([("a", "x", "b")], ("a", "b")))]]
)
def test_none_without_gold(docs):
    scores = score(*docs)
    fractions = [key for key in scores if not key.startswith("fact_n_")]
    assert len(fractions) > 15 and all(scores[key] is None for key in fractions)
    assert scores["fact_n_gold"] == 0


# Against a naive reference


pairs_st = st.tuples(st.sampled_from("abx"), st.sampled_from("xya"))


label_st = st.sampled_from(["r", "s", "t"])


score_st = st.integers(0, 4).map(lambda n: n / 4)


@st.composite
def documents(draw):
    """(gold, predicted) Docs, bags and others."""
    docs = []
    for _ in range(draw(st.integers(0, 6))):
        bag = draw(st.one_of(st.none(), pairs_st))
        pair = st.just(bag) if bag else pairs_st
        gold = draw(st.sets(st.tuples(pair, label_st), max_size=3))
        found = draw(st.dictionaries(st.tuples(pairs_st, label_st), score_st, max_size=3))
        scored = draw(st.one_of(st.none(), st.dictionaries(pairs_st, st.lists(score_st, min_size=3, max_size=3))))
        labels = draw(st.permutations(["r", "s", "t"]))
        predicted = make(
            [(head, label, tail, s) for ((head, tail), label), s in found.items()], bag, scores=scored, labels=labels
        )
        docs.append((make([(head, label, tail) for (head, tail), label in sorted(gold)], bag), predicted))
    return docs


def naive(docs, across):
    """Items {key: score}, gold keys, predicted keys, pairs that could be predicted."""
    items, gold, found, asked = {}, set(), set(), set()
    for number, (reference, predicted) in enumerate(docs):
        bag = reference._.bag
        scope = None if bag or across else number
        free = itertools.permutations("abxy", 2) if bag is None and reference._.facts else []
        turned = {(fact.tail, fact.head) for fact in reference._.facts}
        asked |= {(scope, *pair) for pair in free if pair in turned} | ({(scope, bag.head, bag.tail)} if bag else set())
        gold |= {(scope, fact.head, fact.tail, fact.label) for fact in reference._.facts}
        own = [f for f in predicted._.facts if bag is None or (f.head, f.tail) == (bag.head, bag.tail)]
        found |= {(scope, fact.head, fact.tail, fact.label) for fact in own}
        rows = [((scope, fact.head, fact.tail, fact.label), fact.score) for fact in own]
        table = predicted._.fact_scores
        if table.labels:
            rows = [
                ((scope, *pair, label), float(table.scores[i, j]))
                for i, pair in enumerate(table.pairs)
                for j, label in enumerate(table.labels)
                if bag is None or pair == (bag.head, bag.tail)
            ]
        for key, value in rows:
            items[key] = max(value, items.get(key, value))
    return items, gold, found, asked


def naive_directions(gold, found, asked):
    """As `directions`."""
    turned = {(scope, tail, head, label): label for scope, head, tail, label in gold}
    n, both = (Counter(key[3] for key in keys) for keys in (gold, gold & set(turned)))
    one_way = {key for key, label in turned.items() if key not in gold and 2 * both[label] < n[label]}
    n_asked = sum(key[:3] in asked for key in one_way)
    return n_asked, len(found & one_way), len(found & one_way) / len(found) if n_asked and found else None


@settings(max_examples=80)
@given(documents(), st.booleans())
def test_equals_naive_reference(docs, across):
    scores = score(*docs, across_docs=across)
    items, gold, found, asked = naive(docs, across)
    assert directions(scores) == naive_directions(gold, found, asked)
    counts = [scores[f"fact_n_{name}"] for name in ("items", "gold", "pred")]
    assert counts == [len(items), len(gold), len(found)]
    if not gold:
        assert scores["fact_ap"] is None
        return
    hits = len(gold & found)
    assert scores["fact_micro_f"] == pytest.approx(2 * hits / (len(gold) + len(found)))
    for label in ["r", "s", "t", None]:
        kept = {key: value for key, value in items.items() if label in (None, key[3])}
        own = {key for key in gold if label in (None, key[3])}
        row = scores["fact_per_type"].get(label, {"ap": None}) if label else {"ap": scores["fact_ap"]}
        right = [key in own for key in kept]
        ap = average_precision_score(right, list(kept.values())) * sum(right) / len(own) if any(right) else 0.0
        assert row["ap"] == (pytest.approx(ap) if own else None)
    parts = scores["fact_per_lang"].values()
    assert sum(row["support"] for row in parts) == len(gold)
    assert sum(row["n_bags"] for row in parts) == scores["fact_n_bags"]


@given(documents(), st.randoms(use_true_random=False))
def test_order_of_documents_makes_no_difference(docs, random):
    shuffled = list(docs)
    random.shuffle(shuffled)
    one, other = score(*docs), score(*shuffled)
    assert rounded(one) == rounded(other)


def test_curve_is_thinned_but_numbers_are_not():
    random = np.random.default_rng(0)
    pairs = [(f"h{i}", f"t{i}") for i in range(3000)]
    gold = [(head, "born_in", tail) for head, tail in pairs[::10]]
    table = dict(zip(pairs, random.random((3000, 2))))
    scores = score((make(gold), make(scores=table)))
    assert scores["fact_n_items"] == 6000 and 100 < len(scores["fact_curve"]["recall"]) <= 1000
    flat = {(pair, label): value for pair, row in table.items() for label, value in zip(LABELS, row)}
    right = [(key[0][0], key[1], key[0][1]) in set(gold) for key in flat]
    values = np.array(list(flat.values()), dtype="float32")
    assert scores["fact_ap"] == pytest.approx(average_precision_score(right, values))
    ranked = [right[i] for i in np.argsort(-values, kind="stable")]
    assert [scores[f"fact_p_at_{n}"] for n in (100, 300)] == [sum(ranked[:n]) / n for n in (100, 300)]


# The scorer of a component


def test_entry_point():
    assert registry.scorers.get("spacy_relx.FactScorer.v1") is make_fact_scorer
    examples = [Example(predicted, gold) for gold, predicted in bags()]
    wanted = score_facts(examples)
    del wanted["fact_curve"]
    scorer = make_fact_scorer()
    assert scorer(examples, threshold=0.5, labels=LABELS) == wanted
    assert pickle.loads(pickle.dumps(scorer))(examples) == wanted
    fact = ("Q1", "born_in", "Q2")
    twice = [Example(make([fact]), make([fact]))] * 2
    assert make_fact_scorer(across_docs=True)(twice)["fact_n_gold"] == 1
    assert make_fact_scorer(no_relation="born_in")(twice)["fact_n_gold"] == 0


def test_counter_keeps_no_docs():
    counter = FactCounter()
    for gold, predicted in bags():
        counter.add(gold, predicted)
    assert counter.scores() == counter.scores() == score(*bags())
