"""How reliable scores are: numbers against naive ones and sklearn, items of documents."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from sklearn.calibration import calibration_curve
from spacy.tokens import Doc
from support.fit_items import items

from spacy_relx.data.calibration import PairScores
from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation.reliability import ReliabilityCounter, reliability_scores


def naive_ece(scores, right, edges):
    total = 0.0
    for i, (low, high) in enumerate(pairwise(edges)):
        inside = [(s, r) for s, r in zip(scores, right) if (low < s or i == 0) and (s <= high or i == len(edges) - 2)]
        if inside:
            mean, share = (sum(column) / len(inside) for column in zip(*inside))
            total += abs(mean - share) * len(inside) / len(scores)
    return total


@settings(max_examples=200, deadline=None)
@given(items())
def test_reliability_against_a_naive_computation_and_sklearn(data):
    scores, right = data
    found = reliability_scores(scores, right)
    assert found["ece"] == pytest.approx(naive_ece(scores, right, np.linspace(0, 1, 11)))
    assert found["brier"] == pytest.approx(sum((s - r) ** 2 for s, r in zip(scores, right)) / len(scores))
    assert sum(row["n"] for row in found["bins"]) == found["n"] == len(scores)
    share, mean = calibration_curve(right, scores, n_bins=10)
    used = [row for row in found["bins"] if row["n"]]
    assert [row["score"] for row in used] == pytest.approx(mean.tolist())
    assert [row["right"] for row in used] == pytest.approx(share.tolist())
    edges = np.quantile(scores, np.linspace(0, 1, 11))
    share, mean = calibration_curve(right, scores, n_bins=10, strategy="quantile")
    n = np.bincount(np.searchsorted(edges[1:-1], scores))
    assert found["ece_adaptive"] == pytest.approx((np.abs(share - mean) * n[n > 0]).sum() / len(scores))


def test_adaptive_error_by_hand():
    scores = np.arange(1, 21) / 20
    right = np.arange(20) % 2 == 1  # one of each two, and ten bins of two
    means = (np.arange(10) * 2 + 1.5) / 20
    assert reliability_scores(scores, right)["ece_adaptive"] == pytest.approx(np.abs(means - 0.5).mean())


def test_no_items_and_bad_ones():
    assert reliability_scores([], [])["ece"] is None and reliability_scores([], [])["n"] == 0
    for scores, right in (([0.5], []), ([1.5], [True]), ([float("nan")], [True])):
        with pytest.raises(RelxError, match="RX391"):
            reliability_scores(scores, right)


def test_counter_of_relations_and_pairs():
    vocab = spacy.blank("en").vocab
    mentions = [Mention(0, 1, "A"), Mention(1, 2, "B"), Mention(2, 3, "B")]
    reference, predicted = Doc(vocab, words=["a", "b", "c"]), Doc(vocab, words=["a", "b", "c"])
    reference._.relations = [Relation(mentions[0], "r", mentions[1]), Relation(mentions[1], "s", mentions[2])]
    reference._.lang = "en"
    twice = Relation(mentions[0], "r", mentions[1], 0.5)
    predicted._.relations = [
        Relation(mentions[0], "r", mentions[1], 0.9),
        twice,
        Relation(mentions[1], "s", mentions[0], 0.4),
    ]
    raw = np.array([[0.9, 0.05], [0.2, 0.3], [0.0, 0.0], [0.1, 0.25]], dtype="float32")
    pairs = np.array([[0, 1], [1, 2], [2, 0], [0, 2]])
    counter = ReliabilityCounter()
    counter.add(reference, predicted, PairScores(mentions, pairs, ("r", "s"), raw, False, "en", None))
    levels = counter.scores()["rel_reliability"]
    assert (levels["predicted"]["n"], levels["predicted"]["mean_score"]) == (2, pytest.approx(0.65))
    assert levels["predicted"]["brier"] == pytest.approx((0.1**2 + 0.4**2) / 2)
    # of the pairs the one of scores 0 says nothing
    assert levels["pairs"]["n"] == 3 and levels["pairs"]["share_right"] == pytest.approx(2 / 3)
    assert levels["pairs"]["brier"] == pytest.approx((0.1**2 + 0.7**2 + 0.25**2) / 3, abs=1e-6)
    assert set(levels["pairs"]["per_lang"]) == {"en"}
    predicted._.relations = [Relation(mentions[0], "r", mentions[1], 3.0)]
    counter.add(reference, predicted)
    with pytest.warns(RelxWarning, match="RX383"):
        assert counter.scores()["rel_reliability"]["predicted"]["n"] == 2
