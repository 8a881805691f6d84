"""Windows over texts that are longer than a transformer reads at once."""

from __future__ import annotations

import numpy as np


def window_starts(length: int, room: int, stride: int) -> np.ndarray:
    """Beginnings of windows of `room` over `length`; the last one ends where the text does."""
    last = max(length - room, 0)
    return np.append(np.arange(0, last, stride), last)


def most_central(starts: np.ndarray, room: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The window (row of `starts`) in whose middle [low, high) lies best; the text's own ends count as no edge."""
    wanted = (low + high - room) / 2
    after = np.searchsorted(starts, wanted).clip(1, max(len(starts) - 1, 1))
    before = after - 1
    after = after.clip(max=len(starts) - 1)
    return np.where(np.abs(starts[before] - wanted) <= np.abs(starts[after] - wanted), before, after)
