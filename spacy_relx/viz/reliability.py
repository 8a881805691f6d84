"""Reliability diagrams as SVG: how often items of a score are right, and how many there are of each score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import RelxError
from ._text import trim
from .curves import _INK, _RULE, _SOFT, LINE_COLOURS, _Area, _Picture, _Shape, _Stroke, _svg, _Text

_LEFT, _RIGHT, _TOP, _SIDE = 78, 24, 28, 420
_TITLE = 34
_GAP, _COUNTS = 26, 90
_AXIS, _ROW = 62, 24
_WIDTH = _LEFT + _SIDE + _RIGHT
_DOT = 3.5
_GAPS = (9.0, 7.0)


def reliability_svg(levels: Mapping[str, Mapping[str, Any]], *, title: str = "") -> str:
    """A reliability diagram as an SVG picture that needs no fonts, scripts or network; all text in it is escaped.

    levels: name -> numbers as of `evaluation.reliability.reliability_scores` (n, ece, brier, bins). Each is a line
    through the share of right items at the mean score of each bin; on the diagonal scores are probabilities. Below, how
    many items each bin has, on a logarithmic scale. title: above the plot.
    RAISES: RelxError RX393 where no level has items.
    """
    drawn = {name: row for name, row in levels.items() if row.get("n")}
    if not drawn:
        raise RelxError("RX393")
    picture = _layout(drawn, title)
    return _svg(picture, title or "Reliability diagram", _describe(drawn))


def _layout(levels: Mapping[str, Mapping[str, Any]], title: str) -> _Picture:
    top = _TOP + (_TITLE if title else 0)
    bottom = top + _SIDE
    shapes: list[_Shape] = []
    if title:
        shapes.append(_Text(_LEFT, _TOP + 4, trim(title, _SIDE, 18), size=18, bold=True))
    shapes.extend(_axes(top, bottom))
    floor = bottom + _GAP + _COUNTS
    most = max(each["n"] for row in levels.values() for each in row["bins"])
    # Lines may lie upon each other: the first on top, with gaps through which the others show
    for number, row in reversed(list(enumerate(levels.values()))):
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        bins = [each for each in row["bins"] if each["n"]]
        points = np.array([(_x(each["score"]), bottom - each["right"] * _SIDE) for each in bins])
        shapes.append(_Stroke(points, colour, 2.5, () if number else _GAPS))
        shapes.extend(_dot(x, y, colour) for x, y in points.tolist())
        shapes.extend(_bars(bins, number, len(levels), floor, most, colour))
    shapes.append(_Stroke(np.array([[_LEFT, floor], [_LEFT + _SIDE, floor]]), _SOFT))
    shapes.append(_Text(_LEFT - 10, floor - _COUNTS, f"{most}", _SOFT, size=12, anchor="end"))
    shapes.append(_Text(_LEFT - 10, floor, "0", _SOFT, size=12, anchor="end"))
    shapes.append(_Text(20, floor - _COUNTS / 2, "Items (log)", _SOFT, size=12, anchor="middle", upright=False))
    shapes.append(_Text(_LEFT + _SIDE / 2, floor + 40, "Score", anchor="middle"))
    shapes.extend(_legend(levels, floor + _AXIS))
    return _Picture(_WIDTH, round(floor + _AXIS + _ROW * len(levels) + 12), shapes)


def _x(score: float) -> float:
    return _LEFT + score * _SIDE


def _axes(top: float, bottom: float) -> Iterable[_Shape]:
    for i in range(6):
        tick = i / 5
        y, x = bottom - tick * _SIDE, _x(tick)
        yield _Stroke(np.array([[_LEFT, y], [_LEFT + _SIDE, y]]), _RULE if i else _SOFT)
        yield _Text(_LEFT - 10, y, f"{tick:.1f}", _SOFT, anchor="end")
        yield _Text(x, bottom + _GAP + _COUNTS + 18, f"{tick:.1f}", _SOFT, anchor="middle")
    yield _Stroke(np.array([[_LEFT, top], [_LEFT, bottom]]), _SOFT)
    yield _Stroke(np.array([[_LEFT, bottom], [_LEFT + _SIDE, top]]), _SOFT, 1.0, (5.0, 4.0))
    yield _Text(20, (top + bottom) / 2, "Share of right items", _INK, anchor="middle", upright=False)


def _dot(x: float, y: float, colour: str) -> _Area:
    turn = np.linspace(0, 2 * np.pi, 13)[:-1]
    return _Area(np.stack([x + _DOT * np.cos(turn), y + _DOT * np.sin(turn)], axis=1), colour, 1.0)


def _bars(
    bins: Sequence[Mapping[str, Any]], number: int, n_levels: int, floor: float, most: int, colour: str
) -> Iterable[_Shape]:
    """The counts of a level's bins, beside those of the others."""
    for each in bins:
        height = _COUNTS * np.log1p(each["n"]) / np.log1p(most)
        width = (each["high"] - each["low"]) * _SIDE * 0.8 / n_levels
        left = _x(each["low"]) + (each["high"] - each["low"]) * _SIDE * 0.1 + number * width
        corners = [(left, floor), (left, floor - height), (left + width, floor - height), (left + width, floor)]
        yield _Area(np.array(corners), colour, 0.55)


def _legend(levels: Mapping[str, Mapping[str, Any]], top: float) -> Iterable[_Shape]:
    y = top + _ROW / 2
    for number, (name, row) in enumerate(levels.items()):
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        yield _Stroke(np.array([[_LEFT, y], [_LEFT + 34, y]]), colour, 3.0, () if number else _GAPS)
        yield _Text(_LEFT + 44, y, trim(name, 150, 14))
        yield _Text(_LEFT + _SIDE, y, _numbers(row), anchor="end", size=13)
        y += _ROW


def _numbers(row: Mapping[str, Any]) -> str:
    return f"ECE {row['ece']:.3f}  Brier {row['brier']:.3f}  n {row['n']}"


def _describe(levels: Mapping[str, Mapping[str, Any]]) -> str:
    """The legend as a text, for readers who do not see the picture."""
    parts = "; ".join(f"{name}, {_numbers(row)}" for name, row in levels.items())
    return f"Share of right items over the score. {parts}."
