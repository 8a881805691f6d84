"""Precision-recall curves of ranked items, and the numbers read off them. numpy only.

An item is anything with a score that is correct or not; for facts, a pair of entities and a relation. Items are ranked
by score, highest first. Correct items that were never proposed count in recall all the same: the number of gold items
is given, not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..errors import RelxError

#: Ranks at which precision is reported (P@N), and recalls.
RANKS = (100, 200, 300)
RECALLS = (0.1, 0.2, 0.3, 0.4, 0.5)
#: Points that a thinned curve has at most.
MAX_POINTS = 1000

Ties = Literal["together", "ranked"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A point for each cut of the ranking, from the highest score down; arrays of shape (n_points,).

    Attributes:
        score: float64, the lowest score above the cut.
        taken: int64, items above the cut.
        hits: int64, how many of them are correct.
        n_gold: Items that are to be found.
    """

    score: np.ndarray
    taken: np.ndarray
    hits: np.ndarray
    n_gold: int

    def __len__(self) -> int:
        return len(self.taken)

    @cached_property
    def precision(self) -> np.ndarray:
        """float64 (n_points,): hits / taken."""
        return self.hits / self.taken

    @cached_property
    def recall(self) -> np.ndarray:
        """float64 (n_points,): hits / n_gold; NaN where there is nothing to find."""
        return self.hits / self.n_gold if self.n_gold else np.full(len(self), np.nan)

    def average_precision(self) -> float | None:
        """Mean over the gold items of the precision at the cut where each comes in, 0 for one that never does.

        Returns:
            In [0, 1]; None where there are no gold items. Where all gold items are among the ranked ones, this is
            sklearn's `average_precision_score`.
        """
        if not self.n_gold:
            return None
        return float((self.precision * np.diff(self.hits, prepend=0)).sum() / self.n_gold)

    def trapezoid_area(self) -> float | None:
        """Area under the straight lines from point to point, as sklearn's `auc(recall, precision)`, and so OpenNRE.

        It begins at the recall of the first point: no point at recall 0 is added.

        Returns:
            In [0, 1]; 0.0 for fewer than two points; None where there are no gold items.
        """
        if not self.n_gold:
            return None
        precision = self.precision
        return float((np.diff(self.recall) * (precision[1:] + precision[:-1])).sum() / 2)

    def max_f(self) -> tuple[float | None, float | None]:
        """The best F1 of all cuts, and a threshold that makes that cut (the highest where several are best).

        The threshold lies half way between the last score that is taken and the next one, or 0, so that items with a
        greater score than it are those of the cut, also where it is rounded a little.

        Returns:
            (F1, threshold); (0.0, None) without items; (None, None) where there are no gold items.
        """
        if not self.n_gold:
            return None, None
        if not len(self):
            return 0.0, None
        f = 2 * self.hits / (self.taken + self.n_gold)
        best = int(f.argmax())
        last = float(self.score[best])
        below = self.score[self.score < last]
        lower = float(below[0]) if len(below) else 0.0
        middle = (last + lower) / 2
        # components compare in single precision, in which the middle of two neighbours is one of them
        return float(f[best]), middle if np.float32(middle) < np.float32(last) else lower

    def precision_at(self, n: int) -> float | None:
        """Precision of the first n items (P@N); None where there are fewer.

        A cut within items of one score takes the share of correct ones among these: the mean over all orders of them
        (McSherry and Najork 2008, "Computing Information Retrieval Performance Measures Efficiently in the Presence of
        Tied Scores").
        """
        if n < 1 or not len(self) or n > self.taken[-1]:
            return None
        point = int(np.searchsorted(self.taken, n))
        taken, hits = (self.taken[point - 1], self.hits[point - 1]) if point else (0, 0)
        share = (self.hits[point] - hits) / (self.taken[point] - taken)
        return float((hits + (n - taken) * share) / n)

    def precision_at_recall(self, recall: float) -> float | None:
        """Precision at the first cut whose recall is `recall` or more; None where it is never reached."""
        if not self.n_gold or not len(self) or self.recall[-1] < recall:
            return None
        return float(self.precision[np.searchsorted(self.recall, recall)])

    def points(self, n: int = MAX_POINTS) -> dict[str, list[float]]:
        """{recall, precision, score} of at most n points for drawing, the first and the last among them.

        The others stand at even distances along the curve (in |recall| + |precision|), so there are more of them where
        it moves.

        Args:
            n: 2 or more.
        """
        kept: Any = slice(None)
        if len(self) > n:
            steps = np.abs(np.diff(self.precision)) + np.abs(np.diff(np.nan_to_num(self.recall)))
            length = np.concatenate([[0.0], np.cumsum(steps)])
            kept = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], n - 1)))
            kept = np.union1d(kept.clip(max=len(self) - 1), [0, len(self) - 1])
        columns = {"recall": self.recall, "precision": self.precision, "score": self.score}
        return {name: values[kept].tolist() for name, values in columns.items()}


def precision_recall(scores: Any, correct: Any, n_gold: int, *, ties: Ties = "together") -> Curve:
    """The curve of a ranking.

    Args:
        scores: float (n_items,), in any order.
        correct: bool (n_items,).
        n_gold: How many correct items there are, ranked or not.
        ties: What happens to items of one score. "together": they come in at once, and make one point. "ranked": one
            after the other, in the order they are given; then a lucky order gives better numbers than the scores
            deserve. Without equal scores there is no difference.

    Raises:
        RelxError: RX190 for arrays of different lengths, scores that are NaN, fewer gold items than correct ones,
            unknown ties.
    """
    values, hit = np.asarray(scores, dtype="float64").reshape(-1), np.asarray(correct, dtype=bool).reshape(-1)
    _check(values, hit, n_gold, ties)
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(hit[order], dtype="int64")
    taken = np.arange(1, len(values) + 1, dtype="int64")
    if ties == "together" and len(values):
        ends = np.append(values[1:] != values[:-1], True)
        values, hits, taken = values[ends], hits[ends], taken[ends]
    return Curve(values, taken, hits, int(n_gold))


def curve_scores(curve: Curve, *, ranks: Sequence[int] = RANKS, recalls: Sequence[float] = RECALLS) -> dict[str, Any]:
    """All numbers of a curve: ap, auc, max_f, max_f_threshold, p_at_n {rank: P}, p_at_recall {recall: P}.

    See the methods of `Curve`. A number that is not defined is None.
    """
    max_f, threshold = curve.max_f()
    return {
        "ap": curve.average_precision(),
        "auc": curve.trapezoid_area(),
        "max_f": max_f,
        "max_f_threshold": threshold,
        "p_at_n": {n: curve.precision_at(n) if curve.n_gold else None for n in ranks},
        "p_at_recall": {recall: curve.precision_at_recall(recall) for recall in recalls},
    }


def curves_by_group(groups: Any, scores: Any, correct: Any, n_gold: Sequence[int]) -> list[Curve]:
    """A curve for each group of items, such as each relation; ties come in together.

    Args:
        groups: int (n_items,), in [0, len(n_gold)).
        scores: As for `precision_recall`.
        correct: As for `precision_recall`.
        n_gold: Gold items of each group.

    Raises:
        RelxError: RX190.
    """
    groups = np.asarray(groups)
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(len(n_gold) + 1))
    values, hit = np.asarray(scores)[order], np.asarray(correct)[order]
    return [
        precision_recall(values[start:end], hit[start:end], n) for start, end, n in zip(bounds[:-1], bounds[1:], n_gold)
    ]


def mean_curve(curves: Sequence[tuple[Any, Any]], grid: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of several runs' precision, at each recall of a grid.

    Args:
        curves: (recall, precision) of each run, recall not falling.
        grid: float (n,). A run's precision at a recall is that of its first point there or beyond.

    Returns:
        Mean and sample standard deviation (0 for one run), float64 (n,), NaN where not all runs reach.
    """
    grid = np.asarray(grid, dtype="float64")
    rows = np.full((len(curves), len(grid)), np.nan)
    for row, (recall, precision) in zip(rows, curves):
        recall, precision = np.asarray(recall), np.asarray(precision)
        places = np.searchsorted(recall, grid)
        reached = places < len(recall)
        row[reached] = precision[places[reached]]
    spread = rows.std(axis=0, ddof=1) if len(curves) > 1 else np.where(np.isnan(rows[0]), np.nan, 0.0)
    return rows.mean(axis=0), spread


def _check(scores: np.ndarray, correct: np.ndarray, n_gold: int, ties: str) -> None:
    """RAISES: RelxError RX190."""
    n_nan = int(np.isnan(scores).sum())
    if len(scores) != len(correct) or n_nan or correct.sum() > n_gold:
        counts = {"n": len(scores), "n_nan": n_nan, "n_items": len(correct), "right": int(correct.sum())}
        raise RelxError("RX190", gold=n_gold, **counts)
    if ties not in ("together", "ranked"):
        raise RelxError("RX021", name="ties", value=ties, need="'together' or 'ranked'")
