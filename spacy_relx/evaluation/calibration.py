"""Fitting calibrated scores and thresholds to held-out data: temperature, isotonic regression, cuts of a ranking.

Temperature scaling is that of Guo et al. 2017 ("On Calibration of Modern Neural Networks"), on the log-odds of each
item; isotonic regression that of Zadrozny and Elkan 2002 ("Transforming Classifier Scores into Accurate Multiclass
Probability Estimates"), by pool-adjacent-violators. numpy only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Doc

from ..data.calibration import METHODS, Calibration, Fit, PairScores, log_odds
from ..data.thresholds import Thresholds
from ..errors import RelxError, warn
from .curves import precision_recall
from .reliability import right_items
from .scorer import doc_views

#: Items that are right, and items that are wrong, that a label or a language must have for a fit of its own.
MIN_EXAMPLES = 30
#: Temperatures that are looked among.
_COLDEST, _HOTTEST = 0.05, 20.0
#: Passes over all blocks before the others are pooled one by one.
_PASSES = 12


def pool_adjacent_violators(scores: Any, right: Any) -> tuple[np.ndarray, np.ndarray]:
    """Isotonic regression with least squares (Barlow et al. 1972): the function of the score that never falls and is
    nearest to `right`.

    scores: float (n,), in any order. right: bool or float (n,).
    RETURNS: x and y, float64 (n_points,), both not falling: the ends of the steps, between which one interpolates.
    RAISES: RelxError RX391 for arrays of other shapes, no items, or scores that are not finite.
    """
    scores, right = _checked(scores, right)
    x, places, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    values, weights = np.bincount(places.reshape(-1), right) / sizes, sizes.astype("float64")
    starts = np.arange(len(x))  # the first score of each block
    for _ in range(_PASSES):
        first = np.concatenate([[True], values[1:] > values[:-1]])  # values that fall, or are equal, make one block
        if first.all():
            break
        rows = first.nonzero()[0]
        sums = np.add.reduceat(values * weights, rows)
        weights, starts = np.add.reduceat(weights, rows), starts[rows]
        values = sums / weights
    else:  # in rare orders a pass pools only one: then in one go from left to right
        values, weights, starts = _pool(values.tolist(), weights.tolist(), starts.tolist())
    ends = np.append(starts[1:], len(x)) - 1
    at = np.stack([x[starts], x[ends]], axis=1).reshape(-1)
    kept = np.stack([np.ones(len(starts), dtype=bool), ends > starts], axis=1).reshape(-1)
    return at[kept], np.clip(values, 0, 1).repeat(2)[kept]


def _pool(values: list[float], weights: list[float], starts: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    blocks: list[tuple[float, float, int]] = []
    for value, weight, start in zip(values, weights, starts):
        while blocks and blocks[-1][0] >= value:
            other, size, start = blocks.pop()
            value, weight = (value * weight + other * size) / (weight + size), weight + size
        blocks.append((value, weight, start))
    found = [np.array(column) for column in zip(*blocks)]
    return found[0], found[1], found[2]


def fit_temperature(scores: Any, right: Any) -> float:
    """The temperature T for which sigmoid(log-odds / T) gives `right` the greatest likelihood, in [0.05, 20].

    The negative log-likelihood is convex in 1/T, so bisection of its slope finds the minimum. scores: float (n,), in
    [0, 1]. right: bool (n,). RAISES: RelxError RX391.
    """
    scores, right = _checked(scores, right)
    z = log_odds(scores)
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(60):
        middle = (low * high) ** 0.5
        slope = ((1 / (1 + np.exp(-np.clip(middle * z, -500, 500))) - right) * z).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(1 / (low * high) ** 0.5)


def fit_threshold(scores: Any, right: Any, n_gold: int, *, precision: float | None = None) -> float | None:
    """Where to cut a ranking: items with a score greater than this are predicted.

    scores: float (n,), in [0, 1]. right: bool (n,). n_gold: what is to be found, proposed or not. precision: the lowest
    cut above which the share of right items is at least this; None: the cut with the best F1. The threshold lies in the
    middle between the last score that is predicted and the next, with as many digits as that needs (4 at least).
    RETURNS: None where no cut will do.
    """
    curve = precision_recall(scores, right, max(int(n_gold), int(np.sum(right))))
    if not len(curve) or not curve.hits[-1]:
        return None
    if precision is None:
        best = int((curve.hits / (curve.taken + curve.n_gold)).argmax())
    else:
        reached = (curve.precision >= precision).nonzero()[0]
        if not len(reached):
            return None
        best = int(reached[-1])
    below = float(curve.score[best + 1]) if best + 1 < len(curve) else 0.0
    score = float(curve.score[best])
    middle = (score + below) / 2
    return next((value for digits in range(4, 10) if below <= (value := round(middle, digits)) < score), middle)


@dataclass
class FitItems:
    """Items of many Docs to fit on. `add` takes them Doc by Doc, `columns` gives them as arrays.

    labels: of the extractor. 9 bytes are kept for each item. gold: gold relations by (label, language).
    """

    labels: Sequence[str]
    gold: Counter[tuple[str, str]] = field(default_factory=Counter)
    _parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    _langs: list[str] = field(default_factory=list)

    def add(self, reference: Doc, predicted: Doc, scores: PairScores) -> None:
        """Take the items of a Doc, and the gold relations of its reference."""
        reference_view, view, covered = doc_views(reference, predicted)
        gold = reference_view.labelled_pairs(False)
        rows, columns = scores.items()
        raw = scores.raw[rows, columns]
        kept, right = right_items(view, gold, scores, rows, columns, raw, covered)
        self._parts.append((raw[kept], columns[kept].astype("int32"), right))
        self._langs.append(scores.lang)
        self.gold.update((label, scores.lang) for _, label in gold if label in self.labels)

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], list[int]]:
        """Raw scores, label rows and right or wrong of all items; languages and numbers of items of the Docs."""
        empty: Any = (np.zeros(0, "float32"), np.zeros(0, "int32"), np.zeros(0, bool))
        raw, columns, right = (np.concatenate(each) for each in zip(empty, *self._parts))
        return raw, columns, right, self._langs, [len(part[0]) for part in self._parts]


class Fitted(NamedTuple):
    """What is fitted: how scores change, and where the changed scores are cut."""

    calibration: Calibration
    thresholds: Thresholds


def fit_calibration(
    items: FitItems,
    *,
    method: str = "temperature",
    precision: float | None = None,
    per: Iterable[str] = (),
    min_examples: int = MIN_EXAMPLES,
) -> Fitted:
    """Fit scores and thresholds.

    Args:
        method: See `calibration.METHODS`.
        precision: What thresholds are to reach; None: the best F1.
        per: "label", "lang", or both: labels, languages, and labels in a language, get a fit of their own where they
            have at least `min_examples` items that are right and as many that are wrong.

    Raises:
        RelxError: RX387 where all items are right, or all wrong; RX021 for settings that do not go together.

    Warns:
        RelxWarning: RX388 for fits whose threshold cannot reach the precision on these items: they never predict.
    """
    per = set(per)
    for name, value, is_good, need in (
        ("method", method, method in METHODS, " or ".join(map(repr, METHODS))),
        ("per", sorted(per), per <= {"label", "lang"}, "of 'label' and 'lang'"),
        ("min_examples", min_examples, min_examples >= 2, "2 or more"),
    ):
        if not is_good:
            raise RelxError("RX021", name=name, value=value, need=need)
    if precision is not None and not 0 < precision <= 1:
        raise RelxError("RX021", name="precision", value=precision, need="above 0 and at most 1")
    raw, columns, right, langs, sizes = items.columns()
    n_right = int(right.sum())
    if not 0 < n_right < len(right):
        raise RelxError("RX387", n=len(right), right=n_right)
    names = sorted(set(langs))
    codes = np.repeat([names.index(lang) for lang in langs], sizes)
    fits: list[Fit] = []
    found: dict[tuple[str | None, str | None], float] = {}
    unreached: list[str] = []
    for label, lang in _groups(items.labels, names, per):
        mask = np.ones(len(raw), dtype=bool)
        if label is not None:
            mask &= columns == items.labels.index(label)
        if lang is not None:
            mask &= codes == names.index(lang)
        count, hits = int(mask.sum()), int((mask & right).sum())
        if fits and min(hits, count - hits) < min_examples:
            continue
        fit = _fit(raw[mask], right[mask], method, label, lang)
        gold = sum(n for key, n in items.gold.items() if label in (None, key[0]) and lang in (None, key[1]))
        threshold = fit_threshold(fit.apply(raw[mask]), right[mask], gold, precision=precision)
        if threshold is None:
            unreached.append(" in ".join(filter(None, (label, lang))) or "all relations")
        fits.append(fit)
        found[label, lang] = 1.0 if threshold is None else threshold
    if unreached:
        warn("RX388", precision=precision, names=", ".join(unreached))
    return Fitted(Calibration(method, fits), _thresholds(found))


def _thresholds(found: Mapping[tuple[str | None, str | None], float]) -> Thresholds:
    """found: of (label, language), None for all."""
    labels = {label: value for (label, lang), value in found.items() if label is not None and lang is None}
    langs = {(lang, label): value for (label, lang), value in found.items() if lang is not None}
    return Thresholds(found[None, None], labels, langs)


def _groups(labels: Sequence[str], langs: Sequence[str], per: set[str]) -> Iterator[tuple[str | None, str | None]]:
    """All items first, then what may have a fit of its own. Unknown languages have none, nor one that is alone."""
    wanted: list[str | None] = [None, *(labels if "label" in per else ())]
    spoken: list[str | None] = [
        None,
        *((lang for lang in langs if lang) if "lang" in per and len(langs) > 1 else ()),
    ]
    yield from ((label, lang) for label in wanted for lang in spoken)


def _fit(raw: np.ndarray, right: np.ndarray, method: str, label: str | None, lang: str | None) -> Fit:
    n_right = int(right.sum())
    counts = (n_right, len(right) - n_right)
    if method == "temperature":
        return Fit(label, lang, *counts, temperature=fit_temperature(raw, right))
    points = np.stack(pool_adjacent_violators(raw, right), axis=1)
    return Fit(label, lang, *counts, points=tuple((x, y) for x, y in points.tolist()))


def _checked(scores: Any, right: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (n,). RAISES: RelxError RX391."""
    scores, right = (np.asarray(each, dtype="float64").reshape(-1) for each in (scores, right))
    if len(scores) != len(right) or not len(scores) or not np.isfinite(scores).all():
        raise RelxError("RX391", n=len(scores), right=len(right))
    return scores, right
