"""Calibrated scores of an extractor, as plain data; how they are applied. numpy only.

A calibration changes scores alone. Thresholds are settings of the component, fitted ones too: see `thresholds`.

What is decided on are *items*: a pair of mentions and a label with its score. Of a model that gives each pair at most
one label, the items are the pairs, each with its best label; of one that gives several, all labels of all pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RelxError
from .types import Mention

METHODS = ("temperature", "isotonic")
#: Scores are kept this far from 0 and 1, where log-odds end.
MARGIN = 1e-6


def log_odds(scores: np.ndarray) -> np.ndarray:
    """float64, of the same shape: log(p / (1 - p)), with p kept within [MARGIN, 1 - MARGIN]."""
    p = np.clip(np.asarray(scores, dtype="float64"), MARGIN, 1 - MARGIN)
    return np.log(p) - np.log1p(-p)


@dataclass(frozen=True)
class Fit:
    """What was fitted on the items of one label, of one language, of both, or (None, None) on all items.

    Attributes:
        right: Items it was fitted on.
        wrong: Items it was fitted on.
        temperature: What log-odds are divided by; else None.
        points: Ends of the steps of an isotonic fit, (score, calibrated score), both not falling; else empty.
    """

    label: str | None
    lang: str | None
    right: int
    wrong: int
    temperature: float | None = None
    points: tuple[tuple[float, float], ...] = ()

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated scores, float64 of the same shape, in [0, 1]. A score of 0 stays 0: nothing was said."""
        scores = np.asarray(scores, dtype="float64")
        if self.temperature is not None:
            found = 1 / (1 + np.exp(-log_odds(scores) / self.temperature))
        else:
            found = np.interp(scores, *np.array(self.points, dtype="float64").T)
        return np.where(scores > 0, found, 0.0)

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"label": self.label, "lang": self.lang, "right": self.right, "wrong": self.wrong}
        if self.temperature is not None:
            return {**data, "temperature": self.temperature}
        return {**data, "points": [list(point) for point in self.points]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fit:
        """RAISES: KeyError, TypeError, ValueError for what is no fit."""
        names = [data["label"], data["lang"]]
        if not all(isinstance(name, (str, type(None))) for name in names):
            raise ValueError(f"a label or a language is no string: {names}")
        points = tuple((float(x), float(y)) for x, y in data.get("points", ()))
        temperature = data.get("temperature")
        if (temperature is None) == (not points):
            raise ValueError("a fit must have either a temperature or points")
        table = np.array(points, dtype="float64").reshape(-1, 2)
        if not (np.isfinite(table).all() and (np.diff(table, axis=0) >= 0).all() and _within(table)):
            raise ValueError("the points of a fit must be in [0, 1] and must not fall")
        temperature = None if temperature is None else float(temperature)
        if temperature is not None and not 0 < temperature < float("inf"):
            raise ValueError("a temperature must be above 0")
        return cls(names[0], names[1], int(data["right"]), int(data["wrong"]), temperature, points)


def _within(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


class Calibration:
    """Fits of an extractor's scores, the most special one for each item.

    Args:
        method: One of `METHODS`.
        fits: That of all items first. Of an item the fit is that of its label and language; else of its label; else of
            its language; else of all.
    """

    def __init__(self, method: str, fits: Sequence[Fit]):
        self.method = method
        self.fits = list(fits)
        self._made: tuple[tuple[str, ...], np.ndarray] | None = None
        self._rows = {(fit.label, fit.lang): row for row, fit in enumerate(self.fits)}
        self._langs = {
            lang: i for i, lang in enumerate(sorted({fit.lang for fit in self.fits if fit.lang is not None}))
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return f"Calibration({self.method}, fits={len(self.fits)})"

    def _table(self, labels: Sequence[str]) -> np.ndarray:
        """int64 (n_langs + 1, n_labels): the row of the fit; the last row is for languages that have none."""
        if self._made is None or self._made[0] != tuple(labels):  # asked for Doc by Doc, for the same labels
            langs = [*self._langs, None]
            rows = [[self._row(label, lang) for label in labels] for lang in langs]
            self._made = tuple(labels), np.array(rows, dtype="int64")
        return self._made[1]

    def _row(self, label: str, lang: str | None) -> int:
        keys = ((label, lang), (label, None), (None, lang))
        return next((self._rows[key] for key in keys if key in self._rows), 0)

    def rows(
        self, labels: Sequence[str], columns: np.ndarray, langs: Sequence[str], sizes: Sequence[int]
    ) -> np.ndarray:
        """The fit of each item, int64 (n_items,).

        Args:
            columns: int (n_items,), rows of `labels`.
            langs: The language of one Doc's items after the other, and how many these are.
            sizes: The language of one Doc's items after the other, and how many these are.
        """
        codes = np.repeat([self._langs.get(lang, len(self._langs)) for lang in langs] or [0], sizes or [0])
        return self._table(labels)[codes, columns]

    def apply(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Calibrated scores, float64 (n_items,).

        Args:
            scores: float (n_items,).
            rows: The fit of each.
        """
        found = np.zeros(len(scores), dtype="float64")
        order = np.argsort(rows, kind="stable")
        used, starts = np.unique(rows[order], return_index=True)
        for row, part in zip(used.tolist(), np.split(order, starts[1:])):
            found[part] = self.fits[row].apply(scores[part])
        return found

    def to_dict(self) -> dict[str, Any]:
        return {"method": self.method, "fits": [fit.to_dict() for fit in self.fits]}

    @classmethod
    def from_dict(cls, data: Any) -> Calibration:
        """Read what `to_dict` gives.

        Raises:
            RelxError: RX382.
        """
        try:
            fits = [Fit.from_dict(each) for each in data["fits"]]
            found = cls(str(data["method"]), fits)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise RelxError("RX382", reason=f"{type(err).__name__}: {err}") from err
        if found.method not in METHODS or not fits or (fits[0].label, fits[0].lang) != (None, None):
            raise RelxError("RX382", reason="it has an unknown method, or no fit of all items at the beginning")
        return found


def items_of(raw: np.ndarray, *, multi_label: bool) -> tuple[np.ndarray, np.ndarray]:
    """The items among scores (see the module), without those of score 0: their rows and columns, both int64 (n_items,).

    raw: float (n_pairs, n_labels).
    """
    if multi_label:
        rows, columns = raw.nonzero()
        return rows, columns
    if not raw.size:
        return np.zeros(0, "int64"), np.zeros(0, "int64")
    columns = raw.argmax(axis=1)
    rows = raw[np.arange(len(raw)), columns].nonzero()[0]
    return rows, columns[rows]


@dataclass(frozen=True, eq=False)
class PairScores:
    """All scores of a Doc, as an extractor hands them to who asks, before thresholds.

    mentions: of the pairs. pairs: int (n_pairs, 2), head and tail, places in `mentions`. labels: of the columns. raw:
    float32 (n_pairs, n_labels), the model's own scores. multi_label: whether a pair may have several labels. lang: of
    the Doc, "" where unknown. calibration: of the extractor, or None. component: name of the extractor.
    """

    mentions: Sequence[Mention]
    pairs: np.ndarray
    labels: Sequence[str]
    raw: np.ndarray
    multi_label: bool
    lang: str
    calibration: Calibration | None
    component: str = ""

    def items(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the items."""
        return items_of(self.raw, multi_label=self.multi_label)

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and (calibrated) scores of the pairs with the best label of each."""
        rows, columns = items_of(self.raw, multi_label=False)
        scores = self.raw[rows, columns].astype("float64")
        if self.calibration is not None:
            fits = self.calibration.rows(self.labels, columns, [self.lang], [len(rows)])
            scores = self.calibration.apply(scores, fits)
        return rows, columns, scores
