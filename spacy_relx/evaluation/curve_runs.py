"""Precision-recall curves of several runs: their means, and one picture of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from ..data.outputs import write_output
from ..data.tables import FACT_NUMBERS, ROWS, Shown, Table, cell_text
from ..errors import RelxError, warn
from ..viz.charts import CurveLine, check_chart, draw_curves, picture
from .curves import mean_curve
from .given import without_prefix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps of the recalls at which runs are averaged.
GRID = 200


class Curves(Shown):
    """What `Comparison.curves` returns. It prints as a table of the areas and precisions; a notebook shows the picture.

    Attributes:
        runs: Name -> {n, numbers, recall, precision, sd}, where numbers is {key of the scores: {mean, sd}} (None where
            a run lacks it), recall a grid up to recall_max, precision and sd the mean and the sample standard deviation
            there, None where not all runs reach.

    Args:
        scores: Name -> the scores of its runs.
        files: Name -> the files that they were read from.
        title: The title of the picture.
        recall_max: The recall up to which is drawn.

    Raises:
        RelxError: RX615 for scores without a curve, RX197 for one without points or another recall_max.

    Warns:
        RX196: Where runs are of different numbers of gold facts.
    """

    def __init__(
        self,
        scores: Mapping[str, Sequence[Mapping[str, Any]]],
        files: Mapping[str, Sequence[str]] | None = None,
        title: str = "",
        recall_max: float = 1.0,
    ):
        self.title, self.recall_max = title, recall_max
        named = {
            name: [(_place(files or {}, name, number), without_prefix(run)) for number, run in enumerate(group)]
            for name, group in scores.items()
        }
        everywhere = [run for group in named.values() for run in group]
        for where, run in everywhere:
            _check_curve(where, run)
        _check_alike(everywhere)
        plain = {name: [run for _, run in group] for name, group in named.items()}
        self.runs = {name: _merge(group, recall_max) for name, group in plain.items()}
        self._lines = [_line(name, group, self.runs[name]) for name, group in plain.items()]

    def tables(self, rows: int = ROWS) -> list[Table]:
        several = any(row["n"] > 1 for row in self.runs.values())
        lines = [
            (name, *(cell_text(row["numbers"][key]) for key in FACT_NUMBERS.values()), *[str(row["n"])] * several)
            for name, row in self.runs.items()
        ]
        return [Table("Facts", [*FACT_NUMBERS, *["runs"] * several], lines)]

    def to_dict(self) -> dict[str, Any]:
        """The curves and numbers, ready for JSON."""
        return {"recall_max": self.recall_max, "runs": self.runs}

    def draw(self) -> Figure:
        """The picture, as a matplotlib figure.

        Raises:
            RelxError: RX005 without matplotlib.
        """
        return draw_curves(self._lines, title=self.title, recall_max=self.recall_max)

    def _repr_html_(self) -> str:
        return picture(self.draw(), ".svg").decode("utf8")

    def save(self, path: str | Path) -> None:
        """Write the picture to a file that ends in .svg, .png or .pdf.

        Raises:
            RelxError: RX368 for another ending, RX005 without matplotlib, RX186 where it cannot be written.
        """
        check_chart(Path(path), "a picture of curves")
        write_output(Path(path), picture(self.draw(), Path(path).suffix))


def _place(files: Mapping[str, Sequence[str]], name: str, number: int) -> str:
    named = files.get(name, ())
    return named[number] if number < len(named) else f"run {number + 1} of '{name}'"


def _check_curve(where: str, scores: Mapping[str, Any]) -> None:
    """RAISES: RelxError RX615 for scores without a curve."""
    if "fact_curve" not in scores:
        raise RelxError("RX615", where=where, reason="it has no 'fact_curve'.")
    curve = scores["fact_curve"]
    if curve is None:
        raise RelxError("RX615", where=where, reason="the documents had no gold facts.")
    recall, precision = (curve.get(key) if isinstance(curve, dict) else None for key in ("recall", "precision"))
    if not (_is_numbers(recall) and _is_numbers(precision) and len(recall) == len(precision)):
        raise RelxError("RX615", where=where, reason="its 'fact_curve' has no recall and precision of each point.")


def _is_numbers(column: Any) -> TypeGuard[list[float]]:
    return isinstance(column, list) and all(isinstance(value, (int, float)) for value in column)


def _check_alike(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """WARNS: RX196 where two runs are of different numbers of gold facts."""
    (first, n_first), *others = ((where, run.get("fact_n_gold")) for where, run in runs)
    for other, n_other in others:
        if n_other != n_first:
            warn("RX196", first=first, n_first=n_first, other=other, n_other=n_other)
            return


def _merge(runs: list[dict[str, Any]], recall_max: float) -> dict[str, Any]:
    """Means of the runs of one name. RETURNS: as `Curves.runs`."""
    grid = np.linspace(0.0, recall_max, GRID + 1)
    curves = [(run["fact_curve"]["recall"], run["fact_curve"]["precision"]) for run in runs]
    means, spread = (
        [None if np.isnan(value) else value for value in column.tolist()] for column in mean_curve(curves, grid)
    )
    numbers = {key: _mean([run.get(key) for run in runs]) for key in FACT_NUMBERS.values()}
    return {"n": len(runs), "numbers": numbers, "recall": grid.tolist(), "precision": means, "sd": spread}


def _mean(values: list[float | None]) -> dict[str, float | None] | None:
    """Mean, and sample standard deviation of several; None where a run has no such number."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return {"mean": mean(known), "sd": stdev(known) if len(known) > 1 else None}


def _line(name: str, runs: list[dict[str, Any]], merged: dict[str, Any]) -> CurveLine:
    """What is drawn of a name: the points of a single run, else the mean on the grid with its band."""
    shown = {heading: _fraction(merged["numbers"][FACT_NUMBERS[heading]]) for heading in ("AP", "AUC")}
    if len(runs) == 1:
        curve = runs[0]["fact_curve"]
        return CurveLine(name, curve["recall"], curve["precision"], numbers=shown)
    return CurveLine(f"{name} ({len(runs)} runs)", merged["recall"], merged["precision"], merged["sd"], shown)


def _fraction(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    return f"{cell['mean']:.3f}" + (f" ± {cell['sd']:.3f}" if cell["sd"] is not None else "")
