"""Precision-recall curves against naive loops, sklearn and numbers made by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score

from spacy_relx.errors import RelxError
from spacy_relx.evaluation.curves import curve_scores, curves_by_group, mean_curve, precision_recall


@st.composite
def rankings(draw, tied=True, min_size=0):
    """(scores, correct, n_gold)"""
    n = draw(st.integers(min_size, 25))
    values = st.integers(0, 5) if tied else st.integers(0, 10**6)
    scores = draw(st.lists(values, min_size=n, max_size=n, unique=not tied))
    correct = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.array(scores) / 7, np.array(correct, dtype=bool), sum(correct) + draw(st.integers(0, 3))


def naive_points(scores, correct, n_gold, ties):
    """(score, precision, recall) of each cut, by loops."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    points = []
    for n in range(1, len(order) + 1):
        last = n == len(order)
        if ties == "together" and not last and scores[order[n]] == scores[order[n - 1]]:
            continue
        hits = sum(bool(correct[i]) for i in order[:n])
        points.append((scores[order[n - 1]], hits / n, hits / n_gold))
    return points


# By hand


def test_four_items():
    curve = precision_recall([0.9, 0.8, 0.7, 0.6], [True, False, True, False], n_gold=4)
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3, 1 / 2]
    assert curve.recall.tolist() == [0.25, 0.25, 0.5, 0.5]
    assert curve.average_precision() == pytest.approx((1 + 2 / 3) / 4)  # two of the four are never proposed
    assert curve.trapezoid_area() == pytest.approx((1 / 2 + 2 / 3) / 2 * 0.25)
    assert curve.max_f() == (pytest.approx(2 * 2 / (3 + 4)), pytest.approx((0.7 + 0.6) / 2))
    assert [curve.precision_at(n) for n in (1, 2, 3, 4, 5)] == [1, 1 / 2, 2 / 3, 1 / 2, None]
    assert curve.precision_at_recall(0.2) == curve.precision_at_recall(0.25) == 1.0
    assert curve.precision_at_recall(0.3) == pytest.approx(2 / 3)
    assert curve.precision_at_recall(0.51) is None


def test_input_order_makes_no_difference_but_to_ranked_ties():
    scores, correct = np.array([0.5, 0.5, 0.9]), np.array([False, True, False])
    orders = [list(order) for order in permutations(range(3))]
    together = {precision_recall(scores[o], correct[o], 1).average_precision() for o in orders}
    ranked = {precision_recall(scores[o], correct[o], 1, ties="ranked").average_precision() for o in orders}
    assert together == {1 / 3} and ranked == {1 / 2, 1 / 3}


def test_the_same_score_for_all_earns_nothing():
    """A model that says nothing cannot gain by the order of the file."""
    correct = [True] * 10 + [False] * 90
    honest, lucky = (precision_recall([0.5] * 100, correct, 10, ties=ties) for ties in ("together", "ranked"))
    assert (len(honest), honest.average_precision(), lucky.average_precision()) == (1, 0.1, 1.0)
    assert honest.precision_at(10) == pytest.approx(0.1) and lucky.precision_at(10) == 1.0
    assert honest.max_f()[0] == pytest.approx(2 * 10 / 110)


def test_recall_that_is_reached_exactly():
    for n_gold in (3, 10, 30, 70):
        curve = precision_recall(np.arange(n_gold)[::-1], np.ones(n_gold), n_gold)
        for k in range(1, n_gold + 1):  # 0.1 * 30 is not 3 in floating point, 3 / 30 is 0.1
            assert curve.precision_at_recall(k / n_gold) == 1.0
    noisy = precision_recall([9, 8, 7, 6], [True, True, True, False], 30)
    assert noisy.precision_at_recall(0.1) == 1.0


def test_nothing():
    none = curve_scores(precision_recall([0.5], [False], 0))
    assert none["ap"] is none["auc"] is none["max_f"] is none["max_f_threshold"] is None
    assert set(none["p_at_n"].values()) == set(none["p_at_recall"].values()) == {None}
    silent = curve_scores(precision_recall([], [], 5))
    assert (silent["ap"], silent["auc"], silent["max_f"], silent["max_f_threshold"]) == (0.0, 0.0, 0.0, None)
    assert set(silent["p_at_n"].values()) == set(silent["p_at_recall"].values()) == {None}
    assert precision_recall([], [], 5).points() == {"recall": [], "precision": [], "score": []}


@pytest.mark.parametrize(
    "scores, correct, n_gold, ties, part",
    [
        ([1, 2], [True], 1, "together", "2 scores"),
        ([float("nan"), 1], [True, False], 1, "together", r"2 scores \(1 NaN\)"),
        ([1, 2], [True, True], 1, "together", "2 are right, with 1 gold"),
    ],
)
def test_rankings_that_are_none(scores, correct, n_gold, ties, part):
    with pytest.raises(RelxError, match=f"RX190.*{part}"):
        precision_recall(scores, correct, n_gold, ties=ties)


def test_ties_that_are_none():
    with pytest.raises(RelxError, match=r"RX021.*'lucky'"):
        precision_recall([1], [True], 1, ties="lucky")


# Against naive loops and sklearn


@given(rankings(), st.sampled_from(["together", "ranked"]))
def test_points_equal_naive_ones(ranking, ties):
    scores, correct, n_gold = ranking
    curve = precision_recall(*ranking, ties=ties)
    wanted = naive_points(*ranking, ties) if n_gold else []
    if n_gold:
        assert np.allclose(np.array(wanted).reshape(-1, 3), np.stack([curve.score, curve.precision, curve.recall], 1))
        hits = [precision for _, precision, _ in naive_points(scores, correct, n_gold, "ranked")]
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        if ties == "ranked":
            mean = sum(p for p, i in zip(hits, order) if correct[i]) / n_gold
            assert curve.average_precision() == pytest.approx(mean)
    for recall in (0.0, 0.1, 0.5, 1.0):
        reached = [precision for _, precision, r in wanted if r >= recall]
        assert curve.precision_at_recall(recall) == (pytest.approx(reached[0]) if reached else None)
    best = max((2 * p * r / (p + r + 1e-20) for _, p, r in wanted), default=0.0)  # as OpenNRE counts F1
    f, threshold = curve.max_f()
    assert f == (pytest.approx(best) if n_gold else None)
    if n_gold and best and min(scores) > 0:  # the threshold makes this cut, where items of one score go together
        above = [right for score, right in zip(scores, correct) if score > threshold]
        if ties != "ranked":
            assert 2 * sum(above) / (len(above) + n_gold) == pytest.approx(best)


def opennre(scores, correct, total):
    """AUC as OpenNRE's bag evaluation counts it: one point for each rank, and sklearn's area under them."""
    ranked = sorted(zip(scores, correct), key=lambda item: -item[0])
    hits, precision, recall = 0, [], []
    for i, (_, right) in enumerate(ranked):
        hits += right
        precision.append(hits / (i + 1))
        recall.append(hits / total)
    return auc(x=recall, y=precision)


@given(rankings(min_size=2), st.sampled_from(["together", "ranked"]))
def test_areas_equal_sklearn(ranking, ties):
    scores, correct, n_gold = ranking
    curve = precision_recall(*ranking, ties=ties)
    if not n_gold:
        return
    if len(curve) > 1:
        assert curve.trapezoid_area() == pytest.approx(auc(curve.recall, curve.precision))
    if ties == "ranked":
        assert curve.trapezoid_area() == pytest.approx(opennre(scores, correct, n_gold))
    elif correct.any():
        share = correct.sum() / n_gold  # sklearn knows of the items that are ranked only
        assert curve.average_precision() == pytest.approx(average_precision_score(correct, scores) * share)


@given(rankings(tied=False))
def test_without_equal_scores_ties_do_not_matter(ranking):
    one, other = (precision_recall(*ranking, ties=ties) for ties in ("together", "ranked"))
    assert curve_scores(one) == curve_scores(other)


@given(rankings(), st.randoms(use_true_random=False))
def test_numbers_do_not_depend_on_the_order_given(ranking, random):
    scores, correct, n_gold = ranking
    order = list(range(len(scores)))
    random.shuffle(order)
    assert curve_scores(precision_recall(*ranking)) == curve_scores(
        precision_recall(scores[order], correct[order], n_gold)
    )


@settings(max_examples=30)
@given(rankings(min_size=1))
def test_precision_at_is_the_mean_over_orders_of_equals(ranking):
    scores, correct, n_gold = (ranking[0][:6], ranking[1][:6], ranking[2])
    curve = precision_recall(scores, correct, n_gold)
    for n in range(1, len(scores) + 1):
        means = []
        for order in permutations(range(len(scores))):
            ranked = sorted(order, key=lambda i: -scores[i])
            means.append(sum(bool(correct[i]) for i in ranked[:n]) / n)
        assert curve.precision_at(n) == pytest.approx(sum(means) / len(means))


@given(rankings())
def test_invariants(ranking):
    curve = precision_recall(*ranking)
    numbers = curve_scores(curve, ranks=(1, 5), recalls=(0.1, 1.0))
    flat = [*numbers["p_at_n"].values(), *numbers["p_at_recall"].values()]
    flat += [numbers[key] for key in ("ap", "auc", "max_f")]
    assert all(value is None or 0 <= value <= 1 for value in flat)
    assert (np.diff(curve.score) < 0).all() and (np.diff(curve.taken) > 0).all() and (np.diff(curve.hits) >= 0).all()
    scores, correct, n_gold = ranking
    if n_gold:  # gold that was never proposed costs average precision in proportion
        more = precision_recall(scores, correct, 2 * n_gold)
        assert more.average_precision() == pytest.approx(curve.average_precision() / 2)


@given(rankings(), st.data())
def test_groups_are_curves_of_their_own(ranking, data):
    scores, correct, _ = ranking
    n = len(scores)
    groups = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype="int64")
    n_gold = [int(correct[groups == group].sum()) + group for group in range(5)]
    curves = curves_by_group(groups, scores, correct, n_gold)
    assert len(curves) == 5
    for group, curve in enumerate(curves):
        alone = precision_recall(scores[groups == group], correct[groups == group], n_gold[group])
        assert curve_scores(curve) == curve_scores(alone)


# Thinning and means


def long_curve(n=30_000, n_gold=1000, seed=0, shift=2.0):
    random = np.random.default_rng(seed)
    correct = np.arange(n) < n_gold - 100
    return precision_recall(random.normal(size=n) + shift * correct, correct, n_gold)


def test_thinned_points_keep_ends_and_shape():
    curve = long_curve()
    points = {name: np.array(values) for name, values in curve.points(500).items()}
    assert 400 < len(points["recall"]) <= 500 < len(curve)
    for name, values in points.items():
        whole = getattr(curve, name)
        assert (values[0], values[-1]) == (whole[0], whole[-1])
        assert set(values.tolist()) <= set(whole.tolist())
    near = np.interp(curve.recall[100:], points["recall"], points["precision"])
    assert np.abs(near - curve.precision[100:]).max() < 0.02
    assert np.diff(points["recall"]).max() < 0.02
    assert len(curve.points()["score"]) <= 1000
    short = precision_recall([3, 2, 1], [True, False, True], 2)
    assert short.points() == {"recall": [0.5, 0.5, 1.0], "precision": [1, 1 / 2, 2 / 3], "score": [3.0, 2.0, 1.0]}


@given(rankings(tied=False), st.integers(2, 10))
def test_thinning_never_gives_more_than_asked_for(ranking, n):
    points = precision_recall(*ranking).points(n)
    size = min(n, len(ranking[0]))
    assert len(points["recall"]) <= size and (size < 2 or len(points["recall"]) >= 2)


def test_mean_curve():
    runs = [([0.1, 0.2, 0.2, 0.4], [1.0, 0.8, 0.5, 0.4]), ([0.2, 0.3], [0.6, 0.7])]
    mean, spread = mean_curve(runs, [0.0, 0.15, 0.2, 0.25, 0.35])
    assert mean[:4].tolist() == pytest.approx([0.8, 0.7, 0.7, 0.55])
    assert spread[:4].tolist() == pytest.approx([0.4 / 2**0.5, 0.2 / 2**0.5, 0.2 / 2**0.5, 0.3 / 2**0.5])
    assert np.isnan(mean[4]) and np.isnan(spread[4])  # the second run ends before
    mean, spread = mean_curve(runs[:1], [0.1, 0.5])
    assert (mean[0], spread[0]) == (1.0, 0.0) and np.isnan([mean[1], spread[1]]).all()
