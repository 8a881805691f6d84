"""Precision-recall curves of several runs in one picture: SVG by ourselves, PNG by matplotlib (the extra `viz`).

The picture is laid out once, as lines, areas and texts in pixels; two small writers put these into either format.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..data._compat import optional_import
from ..errors import RelxError
from ._text import FONT_STACK, safe, trim

#: Colours of lines that people with any colour vision can tell apart, on white: Okabe and Ito 2008, less the yellow.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1B1F24")
#: Dashes (drawn, left out, ...) in pixels. Each next line has others, so that a print in grey can be read, too.
DASHES: tuple[tuple[float, ...], ...] = ((), (9.0, 3.0), (2.5, 2.5), (10.0, 3.0, 2.5, 3.0))
_INK, _SOFT, _RULE = "#1b1f24", "#57606a", "#e3e6ea"
_FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Arial Unicode MS")

_WIDTH = 760
_PLOT_HEIGHT = 420
_LEFT, _RIGHT, _TOP = 70, 24, 24
_TITLE = 36
_AXIS = 62  # ticks and name of the horizontal axis
_ROW = 24  # of the legend
_COLUMN = 118
_SIZE = 14
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class CurveLine:
    """A curve to draw.

    recall, precision: of each point, in [0, 1], recall not falling; points that are NaN are left out. spread: half the
    height of a band around the line, one for each point. numbers: for the legend, column -> text ("AP" -> "0.412").
    """

    name: str
    recall: Sequence[float] | np.ndarray
    precision: Sequence[float] | np.ndarray
    spread: Sequence[float] | np.ndarray | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)


def curves_svg(lines: Sequence[CurveLine], *, title: str = "", recall_max: float = 1.0) -> str:
    """The curves as an SVG picture that needs no fonts, scripts or network; all text in it is escaped.

    title: above the plot. recall_max: where the horizontal axis ends, in (0, 1].
    RAISES: RelxError RX197 for no lines, lines without points or with arrays of different lengths, another recall_max.
    """
    return _svg(_layout(lines, title, recall_max), title or "Precision-recall curves", _describe(lines))


def curves_png(lines: Sequence[CurveLine], *, title: str = "", recall_max: float = 1.0, scale: float = 2.0) -> bytes:
    """The same picture as a PNG file's bytes, `scale` pixels for one of the SVG's.

    RAISES: as `curves_svg`, and RelxError RX005 without matplotlib.
    """
    optional_import("matplotlib", extra="viz", purpose="pictures in PNG (SVG needs nothing)")
    return _png(_layout(lines, title, recall_max), scale)


@dataclass(frozen=True)
class _Stroke:
    points: np.ndarray  # (n, 2)
    colour: str
    width: float = 1.0
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Area:
    points: np.ndarray  # (n, 2)
    colour: str
    opacity: float


@dataclass(frozen=True)
class _Text:
    x: float
    y: float  # of the middle of the letters
    text: str
    colour: str = _INK
    size: float = _SIZE
    anchor: Literal["start", "middle", "end"] = "start"
    upright: bool = True  # else turned to the left by a quarter
    bold: bool = False


_Shape = _Stroke | _Area | _Text


@dataclass(frozen=True)
class _Picture:
    width: int
    height: int
    shapes: Sequence[_Shape]


def _layout(lines: Sequence[CurveLine], title: str, recall_max: float) -> _Picture:
    if not lines:
        raise RelxError("RX197", reason="there are none.")
    if not 0 < recall_max <= 1:
        raise RelxError("RX197", reason=f"the recall to draw up to must be above 0 and at most 1, not {recall_max}.")
    frame = _Frame(_TOP + (_TITLE if title else 0), recall_max)
    shapes: list[_Shape] = []
    if title:
        shapes.append(_Text(_LEFT, _TOP + 6, trim(title, _WIDTH - _LEFT - _RIGHT, 18), size=18, bold=True))
    shapes.extend(frame.axes())
    points = [_points(line, recall_max) for line in lines]
    styles = [(LINE_COLOURS[i % len(LINE_COLOURS)], DASHES[i % len(DASHES)]) for i in range(len(lines))]
    for (recall, precision, spread), (colour, _) in zip(points, styles):  # bands lie below all lines
        if spread is not None and spread.any():
            edges = [frame.place(recall, np.clip(precision + side * spread, 0, 1)) for side in (-1, 1)]
            shapes.append(_Area(np.concatenate([edges[0], edges[1][::-1]]), colour, 0.16))
    for (recall, precision, _), (colour, dashes) in zip(points, styles):
        place = frame.place(recall, precision)
        if len(place) == 1:  # a dot: no line has one point only
            place, dashes = place.repeat(2, axis=0), ()
        if len(place):
            shapes.append(_Stroke(place, colour, 2.0, dashes))
    shapes.extend(_legend(lines, styles, frame.bottom + _AXIS))
    has_numbers = any(line.numbers for line in lines)
    height = frame.bottom + _AXIS + _ROW * (len(lines) + has_numbers) + 12
    return _Picture(_WIDTH, round(height), shapes)


def _points(line: CurveLine, recall_max: float) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(recall, precision, spread) of the points to draw: those up to recall_max, and the one where the line leaves.

    RAISES: RelxError RX197.
    """
    columns = [line.recall, line.precision, *([] if line.spread is None else [line.spread])]
    arrays = [np.asarray(column, dtype="float64").reshape(-1) for column in columns]
    if len({len(array) for array in arrays}) > 1:
        raise RelxError("RX197", reason=f"the arrays of '{line.name}' differ in length.")
    table = np.stack(arrays)
    table = table[:, ~np.isnan(table).any(axis=0)]
    if not table.shape[1]:
        raise RelxError("RX197", reason=f"'{line.name}' has no points.")
    inside = int(np.searchsorted(table[0], recall_max, side="right"))
    if 0 < inside < table.shape[1]:
        before, after = table[:, inside - 1], table[:, inside]
        share = (recall_max - before[0]) / (after[0] - before[0])
        table = np.column_stack([table[:, :inside], before + share * (after - before)])
    else:
        table = table[:, :inside]
    return table[0], table[1], table[2] if line.spread is not None else None


class _Frame:
    """The place of the plot in the picture, and its axes."""

    def __init__(self, top: float, recall_max: float):
        self.top, self.bottom = top, top + _PLOT_HEIGHT
        self.left, self.right = _LEFT, _WIDTH - _RIGHT
        self._recall_max = recall_max

    def place(self, recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """Pixels (n, 2) of points."""
        x = self.left + recall / self._recall_max * (self.right - self.left)
        return np.stack([x, self.bottom - precision * (self.bottom - self.top)], axis=-1)

    def axes(self) -> Iterable[_Shape]:
        for tick, label in _ticks(1.0):
            (_, y) = self.place(np.zeros(()), np.asarray(tick))
            yield _Stroke(np.array([[self.left, y], [self.right, y]]), _RULE if tick else _SOFT)
            yield _Text(self.left - 10, y, label, _SOFT, anchor="end")
        for tick, label in _ticks(self._recall_max):
            (x, _) = self.place(np.asarray(tick), np.zeros(()))
            yield _Stroke(np.array([[x, self.bottom], [x, self.bottom + 5]]), _SOFT)
            yield _Text(x, self.bottom + 18, label, _SOFT, anchor="middle")
        yield _Stroke(np.array([[self.left, self.top], [self.left, self.bottom]]), _SOFT)
        yield _Text((self.left + self.right) / 2, self.bottom + 40, "Recall", anchor="middle")
        yield _Text(20, (self.top + self.bottom) / 2, "Precision", anchor="middle", upright=False)


def _ticks(end: float) -> list[tuple[float, str]]:
    """At most eleven round numbers from 0 to `end`, with their labels."""
    step = next((step for step in _TICKS if end / step <= 10 + 1e-9), _TICKS[-1])
    digits = len(f"{step:g}") - 2
    return [(i * step, f"{i * step:.{digits}f}") for i in range(int(end / step + 1e-9) + 1)]


def _legend(
    lines: Sequence[CurveLine], styles: Sequence[tuple[str, tuple[float, ...]]], top: float
) -> Iterable[_Shape]:
    """A row for each line, below the plot, where it hides nothing: a piece of the line, its name, its numbers."""
    columns = list(dict.fromkeys(column for line in lines for column in line.numbers))
    ends = [_WIDTH - _RIGHT - _COLUMN * i for i in range(len(columns))][::-1]
    width = _WIDTH - _RIGHT - _COLUMN * len(columns) - (_LEFT + 52)
    y = top + _ROW / 2
    if columns:
        yield from (_Text(x, y, column, _SOFT, anchor="end") for x, column in zip(ends, columns))
        y += _ROW
    for line, (colour, dashes) in zip(lines, styles):
        yield _Stroke(np.array([[_LEFT, y], [_LEFT + 40, y]]), colour, 3.0, dashes)
        yield _Text(_LEFT + 52, y, trim(line.name, width, _SIZE))
        yield from (_Text(x, y, line.numbers.get(column, "-"), anchor="end") for x, column in zip(ends, columns))
        y += _ROW


def _describe(lines: Sequence[CurveLine]) -> str:
    """The legend as a text, for readers who do not see the picture."""
    parts = (line.name + "".join(f", {column} {number}" for column, number in line.numbers.items()) for line in lines)
    return "Precision over recall. " + "; ".join(parts) + "."


def _svg(picture: _Picture, title: str, description: str) -> str:
    size = f'width="{picture.width}" height="{picture.height}" viewBox="0 0 {picture.width} {picture.height}"'
    body = "\n".join(_svg_shape(shape) for shape in picture.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT_STACK}">\n'
        f"<title>{safe(title)}</title>\n<desc>{safe(description)}</desc>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _svg_shape(shape: _Shape) -> str:
    if isinstance(shape, _Text):
        x, y = f"{shape.x:.1f}", f"{shape.y:.1f}"
        turn = "" if shape.upright else f' transform="rotate(-90 {x} {y})"'
        bold = ' font-weight="600"' if shape.bold else ""
        # Half the height of capitals below the middle: not all programs know dominant-baseline
        return (
            f'<text x="{x}" y="{y}" dy=".36em" font-size="{shape.size:g}" fill="{shape.colour}" '
            f'text-anchor="{shape.anchor}"{bold}{turn}>{safe(shape.text)}</text>'
        )
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points.tolist())
    if isinstance(shape, _Area):
        return f'<polygon points="{places}" fill="{shape.colour}" fill-opacity="{shape.opacity:g}"/>'
    dashes = f' stroke-dasharray="{" ".join(f"{dash:g}" for dash in shape.dashes)}"' if shape.dashes else ""
    round_ends = ' stroke-linecap="round"'  # which a line needs that is a dot
    return (
        f'<polyline points="{places}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}" '
        f'stroke-linejoin="round"{dashes or round_ends}/>'
    )


def _png(picture: _Picture, scale: float) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    dpi = 96.0  # CSS pixels of an inch; a point is 1/72 of one
    installed = set(get_font_names())
    # Names are no formulas, whatever dollars they have
    settings: Any = {"font.family": [name for name in _FONTS if name in installed], "text.parse_math": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it shows in the picture as a box
        figure = Figure(figsize=(picture.width / dpi, picture.height / dpi), dpi=dpi * scale, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, picture.width), ylim=(picture.height, 0))
        axes.set_axis_off()
        for order, shape in enumerate(picture.shapes):
            _draw(axes, shape, 72 / dpi, order)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
    return stream.getvalue()


def _draw(axes: Any, shape: _Shape, points: float, order: int) -> None:
    """Put a shape onto matplotlib's axes. points: of a pixel."""
    if isinstance(shape, _Text):
        align = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
        place: dict[str, Any] = {"ha": align, "va": "center_baseline", "rotation": 0 if shape.upright else 90}
        weight = "bold" if shape.bold else "normal"
        size = shape.size * points
        axes.text(shape.x, shape.y, shape.text, color=shape.colour, fontsize=size, weight=weight, zorder=order, **place)
    elif isinstance(shape, _Area):
        axes.fill(*shape.points.T, color=shape.colour, alpha=shape.opacity, linewidth=0, zorder=order)
    else:
        # matplotlib counts dashes in widths of the line
        style = (0, [dash / shape.width for dash in shape.dashes]) if shape.dashes else "-"
        width = shape.width * points
        axes.plot(*shape.points.T, color=shape.colour, linewidth=width, linestyle=style, zorder=order)
