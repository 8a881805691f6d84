"""How far apart the mentions of pairs are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.types import Mention


def spans_of(mentions: Sequence[Mention]) -> np.ndarray:
    """int32 (n_mentions, 2): start and end."""
    return np.array([(m.start, m.end) for m in mentions], dtype="int32").reshape(-1, 2)


def token_gaps(spans: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """int32 (n_pairs,): tokens between the two mentions of each pair; 0 when they touch or overlap."""
    head, tail = spans[pairs[:, 0]], spans[pairs[:, 1]]
    return np.maximum(np.maximum(head[:, 0], tail[:, 0]) - np.minimum(head[:, 1], tail[:, 1]), 0)


def sentence_gaps(first: np.ndarray, last: np.ndarray, heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """int64 *Shape:* (n_pairs,): sentences from one mention of each pair to the other, 0 where they share one.

    Args:
        first: int64 *Shape:* (n_mentions,), the sentence in which each begins.
        last: That in which it ends.
        heads: int *Shape:* (n_pairs,), rows of the mentions.
        tails: The same of the pairs' tails.
    """
    return np.maximum(np.maximum(first[heads] - last[tails], first[tails] - last[heads]), 0)
