"""Charts, drawn by matplotlib (the extra `viz`): precision-recall curves, reliability diagrams, routes of languages.

Each function returns a matplotlib `Figure`, which a notebook shows; `picture` makes a file's bytes of it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data._compat import optional_import
from ..errors import RelxError
from ._text import printable, trim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Kinds of pictures that `picture` makes, as endings of files.
KINDS = (".svg", ".png", ".pdf")
#: Colours of lines that people with any colour vision can tell apart, on white: Okabe and Ito 2008, less the yellow.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1B1F24")
#: Each next line has other dashes, so that a print in grey can be read, too.
DASHES = ("-", (0, (5, 1.6)), (0, (1.3, 1.3)), (0, (6, 1.6, 1.3, 1.6)))
_SOFT, _RULE = "#57606a", "#e3e6ea"
_FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Arial Unicode MS")
#: Of names, in pixels.
_NAME_WIDTH = 330


@dataclass(frozen=True)
class CurveLine:
    """A curve to draw.

    Attributes:
        name: what the legend calls it.
        recall: of each point, in [0, 1], not falling. Points with a NaN are left out.
        precision: of each point, in [0, 1].
        spread: half the height of a band around the line, one for each point.
        numbers: for the legend, column -> text ("AP" -> "0.412").
    """

    name: str
    recall: Sequence[float] | np.ndarray
    precision: Sequence[float] | np.ndarray
    spread: Sequence[float] | np.ndarray | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)


def draw_curves(lines: Sequence[CurveLine], *, title: str = "", recall_max: float = 1.0) -> Figure:
    """Draw precision over recall, a line for each run.

    Args:
        lines: the curves.
        title: above the plot.
        recall_max: where the horizontal axis ends, in (0, 1].

    Returns:
        A matplotlib figure.

    Raises:
        RelxError: RX393 for no lines, or a line without points; RX197 for arrays of different lengths; RX021 for
            another recall_max; RX005 without matplotlib.
    """
    if not lines:
        raise RelxError("RX393", reason="there are no curves")
    if not 0 < recall_max <= 1:
        raise RelxError("RX021", name="recall_max", value=recall_max, need="above 0 and at most 1")
    points = [_points(line) for line in lines]
    columns = list(dict.fromkeys(column for line in lines for column in line.numbers))
    with _style():
        figure = _figure(7.6, 5.2 + 0.25 * len(lines), title or "Precision-recall curves")
        axes: Axes = figure.subplots()
        axes.set(xlim=(0, recall_max), ylim=(0, 1), xlabel="Recall", ylabel="Precision")
        axes.set_title(_text(title, 560), loc="left", fontweight="bold")
        for number, (line, (recall, precision, spread)) in enumerate(zip(lines, points)):
            look: dict[str, Any] = _look(number)
            if spread.any():
                low, high = np.clip([precision - spread, precision + spread], 0, 1)
                axes.fill_between(recall, low, high, color=look["color"], alpha=0.16, linewidth=0)
            marker = "o" if len(recall) == 1 else ""  # a line needs two points
            axes.plot(recall, precision, label=_text(line.name), marker=marker, zorder=3, **look)
        rows = [[line.numbers.get(column, "-") for column in columns] for line in lines]
        _legend(figure, axes, columns, rows)
    return figure


def _points(line: CurveLine) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(recall, precision, spread) of the points without NaN. Raises RX197, RX393."""
    spread = np.zeros(len(line.recall)) if line.spread is None else line.spread
    arrays = [np.asarray(column, dtype="float64").reshape(-1) for column in (line.recall, line.precision, spread)]
    if len({len(array) for array in arrays}) > 1:
        raise RelxError("RX197", name=line.name, lengths=", ".join(str(len(array)) for array in arrays))
    recall, precision, spread = np.stack(arrays)[:, ~np.isnan(arrays).any(axis=0)]
    if not len(recall):
        raise RelxError("RX393", reason=f"the curve '{line.name}' has no points")
    return recall, precision, spread


def draw_reliability(levels: Mapping[str, Mapping[str, Any]], *, title: str = "") -> Figure:
    """Draw how often items of a score are right, and how many items each score has.

    A line goes through the share of right items at the mean score of each bin: on the diagonal, scores are
    probabilities. The lower plot has the number of items in each bin, on a logarithmic scale.

    Args:
        levels: name -> numbers of `evaluation.reliability.reliability_scores` (n, ece, brier, bins).
        title: above the plot.

    Returns:
        A matplotlib figure.

    Raises:
        RelxError: RX393 where no level has items; RX005 without matplotlib.
    """
    drawn = {name: row for name, row in levels.items() if row.get("n")}
    if not drawn:
        raise RelxError("RX393", reason="no relation was predicted and no pair was scored")
    with _style():
        figure = _figure(5.6, 7.0 + 0.25 * len(drawn), title or "Reliability diagram")
        axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="Share of right items")
        axes.set_title(_text(title, 420), loc="left", fontweight="bold")
        axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=1, linestyle="--")
        counts.set(yscale="symlog", ylabel="Items (log)", xlabel="Score")
        for number, (name, row) in enumerate(drawn.items()):
            bins = [each for each in row["bins"] if each["n"]]
            names = ("low", "high", "score", "right", "n")
            low, high, scores, shares, sizes = (np.array([each[name] for each in bins]) for name in names)
            look = _look(number)
            axes.plot(scores, shares, marker="o", clip_on=False, label=_text(name, 150), zorder=3, **look)
            share = 0.8 / len(drawn)
            left = low + (high - low) * (0.1 + number * share)
            counts.bar(left, sizes, (high - low) * share, align="edge", color=look["color"], alpha=0.55)
        counts.set_ylim(bottom=0)
        counts.yaxis.set_major_formatter("{x:g}")
        rows = [[f"{row['ece']:.3f}", f"{row['brier']:.3f}", str(row["n"])] for row in drawn.values()]
        _legend(figure, axes, ["ECE", "Brier", "n"], rows)
    return figure


def draw_routes(rows: Mapping[str, Sequence[float]], notes: Mapping[str, str], *, title: str = "") -> Figure:
    """Draw which sub-modules each language takes, as a heatmap (Wang et al. 2023, figure 8).

    Args:
        rows: language -> weights in [0, 1], as many for each; the darker the more.
        notes: language -> a short text behind its row.
        title: above the plot.

    Returns:
        A matplotlib figure.

    Raises:
        RelxError: RX005 without matplotlib.
    """
    weights = np.array(list(rows.values()), dtype="float64").reshape(len(rows), -1)
    n_rows, n_columns = weights.shape
    with _style():
        figure = _figure(max(2.5 + 0.5 * n_columns, 6.0), 1.0 + 0.34 * n_rows, title or "Routes")
        axes: Axes = figure.subplots()
        # small weights differ from none; cells are shapes, not the pixels of an image
        axes.pcolormesh(weights**0.7, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=3)
        axes.invert_yaxis()
        axes.set_title(_text(title, 560), loc="left", fontweight="bold")
        axes.set_xticks(np.arange(n_columns) + 0.5, [str(column + 1) for column in range(n_columns)])
        axes.set_yticks(np.arange(n_rows) + 0.5, [_text(name, 130) for name in rows])
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        for (row, column), weight in np.ndenumerate(weights):
            if weight >= 0.005:
                ink = "white" if weight > 0.5 else "black"
                axes.text(column + 0.5, row + 0.5, f"{weight:.2f}", ha="center", va="center", color=ink, fontsize=9)
        for row, name in enumerate(rows):
            axes.text(n_columns + 0.1, row + 0.5, _text(notes.get(name, "")), va="center", color=_SOFT, fontsize=9)
    return figure


def check_chart(path: Path, what: str, *others: str) -> None:
    """Make sure that a chart can be written, before the work for it begins.

    Args:
        path: of the file.
        what: what is to be written, for the message.
        others: endings of files that are no charts.

    Raises:
        RelxError: RX368 for another ending than one of `KINDS` and `others`; RX005 for a chart without matplotlib.
    """
    ending = path.suffix.lower()
    if ending not in (*KINDS, *others):
        raise RelxError("RX368", path=path, kind=what, known=", ".join([*KINDS, *others]))
    if ending in KINDS:
        _matplotlib()


def _matplotlib() -> Any:
    """Raises RX005."""
    return optional_import("matplotlib", extra="viz", purpose="charts")


def picture(figure: Figure, kind: str) -> bytes:
    """Make a file of a figure. Equal figures make equal files.

    Args:
        figure: of one of the functions above, or any other.
        kind: one of `KINDS`. An SVG keeps its texts as texts, which whoever views it can search and copy.

    Returns:
        The bytes of the file.

    Raises:
        RelxError: RX368 for another kind.
    """
    check_chart(Path(f"chart{kind}"), "a chart")
    kind = kind.lower()
    stream = io.BytesIO()
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}
    title = figure.get_label() or None
    with _style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it shows in the picture as a box
        figure.savefig(stream, format=kind[1:], dpi=192, metadata={"Title": title, **dates[kind]})
    return stream.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """matplotlib's settings, for drawing and for writing. Raises RX005."""
    matplotlib = _matplotlib()
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    settings: dict[str, Any] = {
        "font.family": [*(name for name in _FONTS if name in installed), "sans-serif"],
        "text.parse_math": False,  # names are no formulas, whatever dollars they have
        "svg.fonttype": "none",
        "svg.hashsalt": "spacy_relx",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": _RULE,
        "axes.edgecolor": _SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _SOFT,
        "ytick.color": _SOFT,
        "legend.frameon": False,
    }
    with matplotlib.rc_context(settings):
        yield


def _figure(width: float, height: float, title: str) -> Figure:
    """width, height: in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white", label=printable(title))


def _text(text: str, width: float = _NAME_WIDTH) -> str:
    """A text on one line, without characters that no file can hold, and as much of it as fits. width: in pixels."""
    return trim(" ".join(printable(text).split()), width, 14)


def _look(number: int) -> dict[str, Any]:
    """How the line of this number is drawn."""
    return {
        "color": LINE_COLOURS[number % len(LINE_COLOURS)],
        "linestyle": DASHES[number % len(DASHES)],
        "linewidth": 1.8,
    }


def _legend(figure: Figure, axes: Axes, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A row for each line that has a label, below the plot, where it hides nothing, with its numbers in columns."""
    from matplotlib.lines import Line2D

    blank = Line2D([], [], linestyle="none")
    handles, labels = axes.get_legend_handles_labels()
    cells = [list(column) for column in zip(*([columns, *rows] if columns else []))]
    if columns:
        handles, labels = [blank, *handles], ["", *labels]
    for column in cells:  # matplotlib fills a legend by columns
        handles += [blank] * len(column)
        labels += [_text(cell) for cell in column]
    figure.legend(handles, labels, ncols=1 + len(columns), loc="outside lower left", handlelength=3.2)
