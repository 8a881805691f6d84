"""Scores on data that is annotated in part: what is not covered is neither right nor wrong."""

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.training import Example
from spacy.vocab import Vocab
from support.examples import make_doc

from spacy_relx import Annotated
from spacy_relx.data.calibration import PairScores
from spacy_relx.data.types import Mention
from spacy_relx.evaluation import score_mentions, score_relations
from spacy_relx.evaluation.calibration import FitItems
from spacy_relx.evaluation.error_analysis import compare_doc
from spacy_relx.evaluation.joint import OneTripleCounter
from spacy_relx.evaluation.reliability import ReliabilityCounter
from spacy_relx.evaluation.semeval import SemevalCounter
from spacy_relx.library.scoring import evaluate

WORDS = "a b c d e f"
LABELS = ["r", "s", "t"]
TYPES = ["PER", "LOC", "ENT"]
NAMES = st.one_of(st.sampled_from(["all", "none"]), st.sets(st.sampled_from(["r", "s", "PER"]), min_size=1))
COVERS = st.builds(Annotated, NAMES, NAMES, st.sampled_from(["all", "named"]))
MENTIONS = st.lists(st.sampled_from(TYPES), min_size=2, max_size=4)


@st.composite
def texts(draw):
    """Gold and predicted mentions and relations of one text, and what its annotation covers."""
    gold = [(i, i + 1, kind) for i, kind in enumerate(draw(MENTIONS))]
    found = [(i, i + 1, kind) for i, kind in enumerate(draw(MENTIONS), start=draw(st.integers(0, 2)))]

    def relations(mentions, labels):
        rows = st.integers(0, len(mentions) - 1)
        return draw(st.lists(st.tuples(rows, st.sampled_from(labels), rows), max_size=4, unique=True))

    return gold, relations(gold, [*LABELS, "no_relation"]), found, relations(found, LABELS), draw(COVERS)


def example(gold, gold_relations, found, found_relations, annotated):
    vocab = Vocab()
    reference = make_doc(vocab, WORDS, gold, gold_relations)
    reference._.annotated = annotated
    return Example(make_doc(vocab, WORDS, found, found_relations), reference)


@settings(max_examples=150, deadline=None)
@given(texts())
def test_relations_are_counted_as_by_a_loop(text):
    gold, gold_relations, found, found_relations, annotated = text
    places = {start for start, _, _ in gold}
    named = {(gold[h][0], gold[t][0]) for h, _, t in gold_relations}
    held = {(gold[h][0], label, gold[t][0]) for h, label, t in gold_relations if label != "no_relation"}
    predicted = {(found[h][0], label, found[t][0]) for h, label, t in found_relations}
    unknown = set()
    for head, label, tail in predicted - held:
        told = annotated.has_label(label)
        told = told and (annotated.pairs == "all" or (head, tail) in named)
        if annotated.mentions != "all":
            told = told and head in places and tail in places
        if not told:
            unknown.add((head, label, tail))
    scores = score_relations([example(*text)])
    counts = scores["rel_n_gold"], scores["rel_n_pred"], scores["rel_n_unknown"]
    assert counts == (len(held), len(predicted - unknown), len(unknown))
    if held:
        hits = len(held & predicted)
        assert scores["rel_micro_r"] == hits / len(held)
        assert scores["rel_micro_p"] == (hits / len(predicted - unknown) if predicted - unknown else 0)
        assert 0 <= scores["rel_micro_f_na"] <= 1


@settings(max_examples=150, deadline=None)
@given(texts())
def test_mentions_are_counted_as_by_a_loop(text):
    gold, _, found, _, annotated = text
    kinds = {start: kind for start, _, kind in gold}
    hits = strict = n_found = unknown = 0
    for start, _, kind in found:
        if start not in kinds and not annotated.has_type(kind):
            unknown += 1
            continue
        n_found += 1
        hits += start in kinds
        any_type = annotated.mentions != "all" and kinds.get(start) == "ENT"
        strict += kinds.get(start) == kind or any_type
    scores = score_mentions([example(*text)])
    assert scores["mention_n_unknown"] == unknown
    assert scores["mention_micro_p"] == (hits / n_found if n_found else 0)
    assert scores["mention_micro_r"] == hits / len(gold)
    assert scores["mention_strict_f"] == pytest.approx(2 * strict / (len(gold) + n_found))


#: Gold: r from 0 to 1. Found: that, s on the same pair, r to a mention that is not gold, and r the other way round.
GOLD = [(0, 1, "PER"), (1, 2, "LOC")], [(0, "r", 1)]
FOUND = [(0, 1, "PER"), (1, 2, "LOC"), (3, 4, "PER")], [(0, "r", 1), (0, "s", 1), (0, "r", 2), (1, "r", 0)]


@pytest.mark.parametrize(
    ("cover", "n_pred"),
    [
        ({}, 4),
        ({"relations": ["r"]}, 3),
        ({"relations": "none"}, 1),
        ({"pairs": "named"}, 2),
        ({"mentions": "none"}, 3),
        ({"mentions": "none", "pairs": "named", "relations": ["r"]}, 1),
    ],
)
def test_every_score_passes_over_the_same(cover, n_pred):
    eg = example(*GOLD, *FOUND, cover)
    mentions = [Mention(*each) for each in FOUND[0]]
    pairs = np.array([[0, 1], [0, 2], [1, 0]])
    raw = np.array([[0.9, 0.8], [0.7, 0.1], [0.6, 0.1]], "float32")
    of_pairs = PairScores(mentions, pairs, ["r", "s"], raw, True, "", None, "x")
    counter = ReliabilityCounter()
    counter.add(eg.reference, eg.predicted, of_pairs)
    levels = counter.scores()["rel_reliability"]
    assert levels["predicted"]["n"] == n_pred
    fit = FitItems(["r", "s"])
    fit.add(eg.reference, eg.predicted, of_pairs)
    raw_scores, _, right, _, _ = fit.columns()
    assert right.sum() == 1 and len(raw_scores) == {4: 6}.get(n_pred, len(raw_scores)) >= n_pred
    page = compare_doc(eg.reference, eg.predicted, "x", False)
    assert [relation.verdict for relation in page.relations].count("wrong") == n_pred - 1
    assert score_relations([eg])["rel_n_pred"] == n_pred


def test_one_answer_a_sentence_is_asked_for_where_it_is_known():
    for counter, key in ((SemevalCounter, "given"), (OneTripleCounter, "_total")):
        for relations, cover, n in (
            ([], None, 1),
            ([], {"relations": "none"}, 0),
            ([], {"pairs": "named"}, 0),
            ([(0, "no_relation", 1)], {"pairs": "named"}, 1),
            ([(0, "r", 1)], {"pairs": "named"}, 1),
        ):
            eg = example(GOLD[0], relations, GOLD[0], [(0, "r", 1)], cover)
            made = counter()
            made.add(eg.reference, eg.predicted)
            found = getattr(made, key)
            assert (found["found"] if key == "_total" else found.total()) == n


def test_evaluate_says_what_it_passed_over():
    nlp = spacy.blank("xx")

    @spacy.Language.component("finds_too_much", assigns=["doc.ents", "doc.spans", "doc._.relations"])
    def component(doc):
        made = make_doc(doc.vocab, WORDS, *FOUND)
        doc.spans["mentions"] = [doc.char_span(s.start_char, s.end_char, s.label_) for s in made.spans["mentions"]]
        doc._.relations = made._.relations
        return doc

    nlp.add_pipe("finds_too_much")
    reference = make_doc(nlp.vocab, WORDS, *GOLD)
    reference._.annotated = {"mentions": "none", "pairs": "named"}
    scores = evaluate(nlp, [reference])
    assert (scores["rel_n_pred"], scores["rel_n_unknown"], scores["mention_n_unknown"]) == (2, 2, 1)
    assert scores["rel_micro_p"] == 0.5 and scores["mention_micro_f"] == 1
    assert "2 more predicted relations are not covered" in str(scores)
    assert "1 more predicted mentions are not covered" in str(scores)
