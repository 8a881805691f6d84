"""Charts: what they show, that names are escaped, that equal figures make equal files."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from spacy_relx.errors import MissingPackageError, RelxError
from spacy_relx.evaluation.reliability import reliability_scores
from spacy_relx.viz import CurveLine, draw_curves, draw_reliability, draw_routes, picture
from spacy_relx.viz.charts import DASHES, KINDS, LINE_COLOURS, check_chart

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<script>alert("1")</script> & \x00\ud800 more\nlines'
SCORES = reliability_scores([0.1, 0.42, 0.48, 0.9], [False, True, False, True])


def lines(n=3):
    recall = np.linspace(0, 1, 50)
    return [CurveLine(f"run {i}", recall, 1 - recall * i / 9, numbers={"AP": f"0.{i}", "AUC": "0.5"}) for i in range(n)]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def texts(figure):
    root = ElementTree.fromstring(picture(figure, ".svg"))
    return [text.text for text in root.iter(f"{SVG}text")]


def test_curves_show_everything():
    drawn = lines()
    figure = draw_curves(drawn, title="Held-out pairs")
    assert {"Held-out pairs", "Recall", "Precision", "0.0", "1.0", "AP", "AUC", "0.2", "run 2"} <= set(texts(figure))
    (axes,) = figure.axes
    for line, shown in zip(drawn, axes.get_lines(), strict=True):
        assert np.array_equal(shown.get_xydata(), np.stack([line.recall, line.precision], axis=1))
    assert legend(figure)[:5] == ["", "run 0", "run 1", "run 2", "AP"]  # by columns, each with its heading


def test_recall_max_ends_the_axis():
    (axes,) = draw_curves([*lines(1), CurveLine("late", [0.6], [0.5])], recall_max=0.4).axes
    assert axes.get_xlim() == (0, 0.4) and len(axes.get_lines()) == 2


def test_bands_and_points_that_are_not_there():
    nan = float("nan")
    (axes,) = draw_curves([CurveLine("a", [0.1, 0.2, 0.3], [0.9, 0.95, nan], [0.05, 0.1, nan])]).axes
    (line,), (band,) = axes.get_lines(), axes.collections
    assert len(line.get_xydata()) == 2
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (pytest.approx(0.85), 1)  # 0.95 + 0.1 is cut at 1
    (axes,) = draw_curves([CurveLine("a", [0.1, 0.2], [0.9, 0.8], [0.0, 0.0])]).axes
    assert not axes.collections


def test_one_point_is_a_dot():
    (axes,) = draw_curves([CurveLine("a", [0.5], [0.5]), *lines(1)]).axes
    assert [line.get_marker() for line in axes.get_lines()] == ["o", ""]


def test_lines_can_be_told_apart():
    """Colour or dashes differ among as many lines as there are pairs of both; and all colours stand out from white."""
    n = len(LINE_COLOURS) * len(DASHES)
    (axes,) = draw_curves(lines(n)).axes
    assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in axes.get_lines()}) == n
    for colour in LINE_COLOURS:
        linear = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
        luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
        assert 1.05 / (luminance + 0.05) > 2.2, colour


def test_long_names_end_in_dots():
    names = ["x" * 300, "\u540d" * 300, "short"]
    shown = legend(draw_curves([CurveLine(name, [0, 1], [1, 0]) for name in names]))
    assert shown[2] == "short" and all(name.endswith("…") and 20 < len(name) < 70 for name in shown[:2])


@pytest.mark.parametrize(
    "drawn, recall_max, message",
    [
        ([], 1.0, "RX393.*there are no curves"),
        ([CurveLine("a", [], [])], 1.0, "RX393.*'a' has no points"),
        ([CurveLine("a", [float("nan")], [1.0])], 1.0, "RX393.*'a' has no points"),
        ([CurveLine("a", [0.1, 0.2], [1.0])], 1.0, "RX197.*'a'.*2, 1, 2"),
        ([CurveLine("a", [0.1], [1.0], [0.1, 0.2])], 1.0, "RX197.*'a'.*1, 1, 2"),
        ([CurveLine("a", [0, 1], [1, 0])], 0.0, "RX021.*'recall_max' is 0.0"),
        ([CurveLine("a", [0, 1], [1, 0])], 1.5, "RX021.*'recall_max' is 1.5"),
    ],
)
def test_curves_that_cannot_be_drawn(drawn, recall_max, message):
    with pytest.raises(RelxError, match=message):
        draw_curves(drawn, recall_max=recall_max)


def test_reliability():
    figure = draw_reliability({"<b>&": SCORES, "none": reliability_scores([], []), "more": SCORES}, title="a < b")
    axes, counts = figure.axes
    _, line, other = axes.get_lines()
    assert line.get_xydata().tolist() == [[0.1, 0], [pytest.approx(0.45), 0.5], [0.9, 1]]
    assert [bar.get_height() for bar in counts.patches] == [1, 2, 1] * 2
    assert line.get_linestyle() != other.get_linestyle()  # equal lines lie upon each other: both show
    shown = texts(figure)
    assert {"a < b", "<b>&", "4", f"{SCORES['ece']:.3f}"} <= set(shown) and "none" not in shown
    with pytest.raises(RelxError, match="RX393"):
        draw_reliability({"none": reliability_scores([], [])})


def test_routes():
    figure = draw_routes({"en": [0.0, 0.25, 0.75], "(others)": [1, 0, 0]}, {"en": "spread 1.8"}, title="x < y")
    shown = texts(figure)
    assert {"x < y", "en", "(others)", "spread 1.8", "0.25", "0.75", "1.00", "3"} <= set(shown) and "0.00" not in shown
    assert figure.axes[0].collections[0].get_array().shape == (2, 3)


FIGURES = [
    lambda: draw_curves([CurveLine(EVIL, [0, 1], [1, 0], numbers={EVIL: EVIL})], title=EVIL),
    lambda: draw_reliability({EVIL: SCORES}, title=EVIL),
    lambda: draw_routes({EVIL: [0.5, 1.0]}, {EVIL: EVIL}, title=EVIL),
]


@pytest.mark.parametrize("draw", FIGURES)
def test_names_are_escaped_and_nothing_is_loaded(draw):
    svg = picture(draw(), ".svg").decode("utf8")
    root = ElementTree.fromstring(svg)
    assert not list(root.iter(f"{SVG}script")) and "<script" not in svg
    assert any(text.text.startswith("<script>alert") for text in root.iter(f"{SVG}text"))
    places = re.findall(r"(?:href|src)=\"([^\"]*)|url\(([^)]*)", svg)
    assert places and all(place.startswith("#") for pair in places for place in pair if place)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_figures_make_equal_files(kind):
    files = [picture(draw_curves(lines(), title="$x_1$ \\frac{$"), kind) for _ in range(2)]  # no formula, so no error
    assert files[0] == files[1] and files[0].startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[kind])


def test_png_has_the_line():
    import matplotlib.image

    data = picture(draw_curves([CurveLine("$x_1$", [0.0, 1.0], [0.5, 0.5], [0.2, 0.2])]), ".PNG")
    pixels = matplotlib.image.imread(io.BytesIO(data), format="png")[..., :3]
    blue = np.array([int(LINE_COLOURS[0][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert ((np.abs(pixels - blue) < 0.02).all(axis=-1).sum(axis=1) > 1000).any()


def test_kinds_of_files():
    check_chart(Path("a.PNG"), "curves")
    check_chart(Path("a.json"), "curves", ".json")
    for call in (lambda: check_chart(Path("a.txt"), "curves"), lambda: picture(draw_curves(lines(1)), "svg")):
        with pytest.raises(RelxError, match=r"RX368.*\.svg, \.png, \.pdf"):
            call()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    check_chart(Path("a.json"), "curves", ".json")
    for call in (lambda: check_chart(Path("a.svg"), "curves"), lambda: draw_curves(lines(1))):
        with pytest.raises(MissingPackageError, match=r"RX005.*spacy-relx\[viz\]"):
            call()
