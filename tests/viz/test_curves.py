"""Precision-recall curves against naive loops, sklearn and numbers made by hand; their pictures."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ET
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score

from spacy_relx.errors import RelxError
from spacy_relx.evaluation.curves import curve_scores, curves_by_group, mean_curve, precision_recall
from spacy_relx.viz import CurveLine, curves_png, curves_svg
from spacy_relx.viz.curves import DASHES, LINE_COLOURS

SVG = "{http://www.w3.org/2000/svg}"


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
        ([float("nan"), 1], [True, False], 1, "together", "1 of 2 scores are NaN"),
        ([1, 2], [True, True], 1, "together", "only 1 gold"),
        ([1], [True], 1, "lucky", "'lucky'"),
    ],
)
def test_rankings_that_are_none(scores, correct, n_gold, ties, part):
    with pytest.raises(RelxError, match=f"RX190.*{part}"):
        precision_recall(scores, correct, n_gold, ties=ties)


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


# Pictures


def lines(n=3):
    out = []
    for seed in range(n):
        curve = long_curve(2000, 300, seed, 1.5 + seed / 4)
        points = curve.points()
        numbers = {"AP": f"{curve.average_precision():.3f}", "AUC": f"{curve.trapezoid_area():.3f}"}
        out.append(CurveLine(f"run {seed}", points["recall"], points["precision"], numbers=numbers))
    return out


def places(shape):
    return np.array([[float(x) for x in pair.split(",")] for pair in shape.get("points").split()])


def parse(svg):
    """(all texts, the polylines of curves, of the legend, bands)"""
    root = ET.fromstring(svg)
    shapes = [shape for shape in root.iter(f"{SVG}polyline") if shape.get("stroke") in LINE_COLOURS]
    curves = [shape for shape in shapes if shape.get("stroke-width") == "2"]
    legend = [shape for shape in shapes if shape.get("stroke-width") == "3"]
    return [text.text for text in root.iter(f"{SVG}text")], curves, legend, list(root.iter(f"{SVG}polygon"))


def test_picture_shows_everything():
    drawn = lines()
    texts, curves, legend, bands = parse(curves_svg(drawn, title="Held-out pairs"))
    assert {"Held-out pairs", "Recall", "Precision", "0.0", "1.0", "AP", "AUC"} <= set(texts)
    assert {line.name for line in drawn} | {line.numbers["AP"] for line in drawn} <= set(texts)
    assert (len(curves), len(legend), bands) == (3, 3, [])
    assert [c.get("stroke") for c in curves] == [c.get("stroke") for c in legend] == list(LINE_COLOURS[:3])
    assert [c.get("stroke-dasharray") for c in curves] == [c.get("stroke-dasharray") for c in legend]
    assert len({c.get("stroke-dasharray") for c in curves}) == 3


def test_legend_and_lines_do_not_overlap():
    root = ET.fromstring(curves_svg(lines(9)))
    _, curves, legend, _ = parse(curves_svg(lines(9)))
    lowest = max(places(shape)[:, 1].max() for shape in curves)
    assert all(places(shape)[:, 1].min() > lowest for shape in legend)
    rows = [places(shape)[0, 1] for shape in legend]
    assert min(np.diff(rows)) > 20 and float(root.get("height")) > max(rows) + 8
    for shape in [*curves, *legend]:
        assert (places(shape) >= 0).all() and (places(shape)[:, 0] <= float(root.get("width"))).all()


def test_points_stand_where_the_axes_say():
    svg = curves_svg([CurveLine("a", [0.0, 0.2, 0.4, 0.8], [1.0, 0.5, 0.25, 0.0])], recall_max=0.4)
    root = ET.fromstring(svg)
    ticks = {text.text: text for text in root.iter(f"{SVG}text") if text.get("text-anchor") != "start"}
    (curve,) = parse(svg)[1]
    x, y = places(curve).T
    for value, place in zip(("0.00", "0.20", "0.40"), x):
        assert float(ticks[value].get("x")) == place
    for value, place in zip(("1.0", "0.5"), y):
        assert float(ticks[value].get("y")) == place


def test_recall_max_cuts_lines_where_they_leave():
    cut = CurveLine("a", [0.1, 0.3, 0.5], [1.0, 0.8, 0.4])
    whole = CurveLine("a", [0.1, 0.3, 0.4], [1.0, 0.8, 0.6])
    assert curves_svg([cut], recall_max=0.4) == curves_svg([whole], recall_max=0.4)
    (curve,) = parse(curves_svg([CurveLine("a", [0.1, 0.4, 0.4], [1.0, 0.8, 0.4])], recall_max=0.4))[1]
    assert len(places(curve)) == 3
    _, curves, legend, _ = parse(curves_svg([cut, CurveLine("b", [0.6], [0.5])], recall_max=0.4))
    assert (len(curves), len(legend)) == (1, 2)


def test_bands_and_points_that_are_not_there():
    nan = float("nan")
    line = CurveLine("a", [0.1, 0.2, 0.3], [0.9, 0.95, nan], [0.05, 0.1, nan])
    _, (curve,), _, (band,) = parse(curves_svg([line]))
    assert len(places(curve)) == 2 and len(places(band)) == 4
    heights = np.unique(places(band)[:, 1])
    top = places(parse(curves_svg([CurveLine("a", [0, 1], [1, 1])]))[1][0])[0, 1]
    assert heights.min() == top  # 0.95 + 0.1 is cut at 1
    assert parse(curves_svg([CurveLine("a", [0.1, 0.2], [0.9, 0.8], [0.0, 0.0])]))[3] == []


def test_one_point_is_a_dot():
    (curve,) = parse(curves_svg([CurveLine("a", [0.5], [0.5])]))[1]
    assert len(places(curve)) == 2 and curve.get("stroke-linecap") == "round"


def test_everything_is_escaped_and_self_contained():
    name = '<script>alert("1")</script> & \x00 more'
    svg = curves_svg([CurveLine(name, [0, 1], [1, 0], numbers={"<b>": "&"})], title="a < b & c")
    texts = parse(svg)[0]  # it is well-formed XML
    assert "<script" not in svg and {"a < b & c", "<b>", "&"} <= set(texts)
    assert any(text.startswith("<script>alert") for text in texts)
    assert not re.findall(r"(?:href|src|url|@import|<style|<script)", svg.replace('"http://www.w3.org/2000/svg"', ""))


def test_long_names_end_in_dots():
    names = ["x" * 300, "名" * 300, "short"]
    texts = parse(curves_svg([CurveLine(n, [0, 1], [1, 0], numbers={"AP": "0.5"}) for n in names]))[0]
    cut = [text for text in texts if text.endswith("…")]
    assert len(cut) == 2 and "short" in texts
    assert 20 < len(cut[1]) < len(cut[0]) < 70


def test_lines_can_be_told_apart():
    """Colour or dashes differ among as many lines as there are pairs of both; and all colours stand out from white."""
    n = len(LINE_COLOURS) * len(DASHES)
    _, curves, _, _ = parse(curves_svg([CurveLine(str(i), [0, 1], [1, 0]) for i in range(n)]))
    assert len({(c.get("stroke"), c.get("stroke-dasharray")) for c in curves}) == n
    for colour in LINE_COLOURS:
        linear = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
        luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
        assert 1.05 / (luminance + 0.05) > 2.2, colour


@pytest.mark.parametrize(
    "drawn, recall_max, part",
    [
        ([], 1.0, "there are none"),
        ([CurveLine("a", [], [])], 1.0, "'a' has no points"),
        ([CurveLine("a", [float("nan")], [1.0])], 1.0, "'a' has no points"),
        ([CurveLine("a", [0.1, 0.2], [1.0])], 1.0, "'a' differ in length"),
        ([CurveLine("a", [0, 1], [1, 0])], 0.0, "not 0.0"),
        ([CurveLine("a", [0, 1], [1, 0])], 1.5, "not 1.5"),
    ],
)
def test_curves_that_cannot_be_drawn(drawn, recall_max, part):
    for draw in (curves_svg, curves_png):
        with pytest.raises(RelxError, match=f"RX197.*{part}"):
            draw(drawn, recall_max=recall_max)


def test_png():
    import matplotlib.image

    def pixels(drawn, **kwargs):
        return matplotlib.image.imread(io.BytesIO(curves_png(drawn, **kwargs)), format="png")

    line = CurveLine("$x_1$ 名", [0.0, 1.0], [0.5, 0.5], [0.2, 0.2])
    picture = pixels([line], title="$\\frac{$", scale=1.0)  # no formula, so no error in one
    height = float(ET.fromstring(curves_svg([line], title="a")).get("height"))
    assert picture.shape[:2] == (height, 760)
    blue = np.array([int(LINE_COLOURS[0][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    rows = np.flatnonzero((np.abs(picture[..., :3] - blue) < 0.02).all(axis=-1).sum(axis=1) > 500)
    y = places(parse(curves_svg([line], title="a"))[1][0])[0, 1]
    assert len(rows) and abs(rows.mean() + 0.5 - y) < 1  # the line lies where the SVG has it
    assert pixels([line], scale=2.0).shape[1] == 2 * 760


def test_png_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RelxError, match=r"RX005.*spacy-relx\[viz\]"):
        curves_png(lines(1))
    assert curves_svg(lines(1)).startswith("<svg")
