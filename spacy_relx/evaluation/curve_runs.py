"""Precision-recall curves of several runs: their means, and one picture of them."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

import numpy as np

from ..data.tables import FACT_NUMBERS
from ..viz.charts import CurveLine, draw_curves, picture
from .curves import mean_curve

#: Steps of the recalls at which runs are averaged.
GRID = 200


def picture_of_runs(
    scores: dict[str, list[dict[str, Any]]], kind: str, *, title: str = "", recall_max: float = 1.0
) -> tuple[bytes, dict[str, Any]]:
    """The picture of the curves, and the numbers in it.

    scores: name -> metrics of its runs. kind: of the picture, as `viz.charts.KINDS`. RETURNS: the picture's bytes;
    {name: {n, numbers, recall, precision, sd}}, where numbers is {key of the metrics: {mean, sd}} (None where a run
    lacks it), recall a grid up to recall_max, precision and sd the mean and the sample standard deviation
    there, None where not all runs reach.
    RAISES: RelxError RX197 for a curve without points or another recall_max, RX005 without matplotlib.
    """
    merged = {name: _merge(group, recall_max) for name, group in scores.items()}
    lines = [_line(name, group, merged[name]) for name, group in scores.items()]
    return picture(draw_curves(lines, title=title, recall_max=recall_max), kind), merged


def _merge(runs: list[dict[str, Any]], recall_max: float) -> dict[str, Any]:
    """Means of the runs of one name. RETURNS: as `draw` says."""
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
