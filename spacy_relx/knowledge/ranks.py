"""Link prediction: at which rank the embeddings put the true entity, among all that are not known to be true as well.

Bordes et al. 2013, "Translating Embeddings for Modeling Multi-relational Data", section 4.2, "filtered"; equal scores
at their mean rank (Berrendorf et al. 2020, "On the Ambiguity of Rank-Based Evaluation", "realistic").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RelxError
from .complex_network import ComplEx
from .triples import HEAD, LABEL, TAIL

HITS = (1, 3, 10)
#: Scores computed at a time.
MAX_SCORES = 1 << 24


@dataclass(frozen=True)
class RankScores:
    """n: ranks. mrr: mean of 1 / rank. mean_rank. hits: for each k of `HITS` the share of ranks <= k. All but n and
    mean_rank in [0, 1]."""

    n: int
    mrr: float
    mean_rank: float
    hits: dict[int, float]

    @classmethod
    def of(cls, ranks: np.ndarray) -> RankScores:
        """ranks: float64 (n,), from 1, n > 0."""
        hits = {k: float((ranks <= k).mean()) for k in HITS}
        return cls(len(ranks), float((1 / ranks).mean()), float(ranks.mean()), hits)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: mrr, hits_at_k, mean_rank, n."""
        hits = {f"hits_at_{k}": value for k, value in self.hits.items()}
        return {"mrr": self.mrr, **hits, "mean_rank": self.mean_rank, "n": self.n}


@dataclass(frozen=True)
class RankReport:
    """tail: ranks of tails given head and relation. head: ranks of heads given relation and tail. mean: of all ranks.
    unknown: triples with an entity or relation that the embeddings lack; their ranks are the last."""

    tail: RankScores
    head: RankScores
    mean: RankScores
    unknown: int

    def to_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).to_dict() for name in ("mean", "tail", "head")}
        return {**parts, "unknown": self.unknown}


class Answers:
    """The known answers to queries: for two columns of triples, what the third may be.

    triples: int (n, 3), numbers of known triples; rows with -1 are dropped. asked: the column asked for, `HEAD` or
    `TAIL`. n_relations: of the relations' numbers.
    """

    def __init__(self, triples: np.ndarray, asked: int, n_relations: int):
        self.asked = asked
        self._given = TAIL if asked == HEAD else HEAD
        self._n_relations = n_relations
        triples = triples[(triples >= 0).all(axis=1)]
        keys = self._key(triples)
        order = np.argsort(keys, kind="stable")
        self._keys, self._answers = keys[order], triples[order, asked].astype("int64")

    def __call__(self, triples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All known answers to the queries in these triples. int (n, 3). RETURNS: places of queries, ascending, and
        answers, int64 (m,) each; an answer may come twice."""
        keys = self._key(triples)
        first = np.searchsorted(self._keys, keys, side="left")
        counts = np.searchsorted(self._keys, keys, side="right") - first
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(triples)), counts), self._answers[np.repeat(first, counts) + offsets]

    def _key(self, triples: np.ndarray) -> np.ndarray:
        return triples[:, self._given].astype("int64") * self._n_relations + triples[:, LABEL]


def ranks_of(scores: Tensor, targets: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Ranks of the targets among what is not known, equal scores at their mean rank. Changes `scores`.

    scores: float, *Shape:* (n, n_entities). targets: int64, *Shape:* (n,). rows, columns: int64, *Shape:* (m,), the
    known answers. RETURNS: float64, *Shape:* (n,), from 1. A score that is not a number is a target's last place, and
    another's first: broken vectors must not look good.
    """
    reached = scores.gather(1, targets.unsqueeze(1))
    scores[rows, columns] = -torch.inf
    scores.scatter_(1, targets.unsqueeze(1), -torch.inf)
    worse, equal = (scores < reached).sum(1), (scores == reached).sum(1)
    better = scores.shape[1] - worse - equal
    return (1.0 + better.double() + equal.double() / 2).clamp_(max=scores.shape[1])


def entity_ranks(
    model: ComplEx,
    triples: np.ndarray,
    known: np.ndarray,
    asked: int,
    *,
    max_scores: int = MAX_SCORES,
    progress: Callable[[Sequence[int]], Any] = iter,
) -> np.ndarray:
    """Filtered ranks of the heads or the tails of triples.

    triples: int (n, 3). known: int (m, 3), triples that are true: as wrong answers they do not count. Rows with a -1,
    unknown to the embeddings, have the last rank. asked: `HEAD` or `TAIL`. max_scores: so many are computed at a time.
    progress: may show how the chunks pass. RETURNS: float64 (n,).
    """
    answers = Answers(known, asked, max(1, model.n_relations))
    return filtered_ranks(model, triples, answers, max_scores=max_scores, progress=progress)


def filtered_ranks(
    model: ComplEx,
    triples: np.ndarray,
    answers: Answers,
    *,
    max_scores: int = MAX_SCORES,
    progress: Callable[[Sequence[int]], Any] = iter,
) -> np.ndarray:
    """As `entity_ranks`, for who asks often: the known triples, sorted once. The column asked for is theirs."""
    asked = answers.asked
    n = len(model.entities)
    ranks = np.full(len(triples), float(n))
    places = np.flatnonzero((triples >= 0).all(axis=1))
    size = max(1, max_scores // max(1, n))
    with torch.no_grad():
        for first in progress(range(0, len(places), size)):
            here = places[first : first + size]
            part = triples[here]
            h, r, t = torch.from_numpy(part.astype("int64")).unbind(1)
            scores = model.head_scores(r, t) if asked == HEAD else model.tail_scores(h, r)
            rows, columns = map(torch.from_numpy, answers(part))
            ranks[here] = ranks_of(scores, h if asked == HEAD else t, rows, columns).numpy()
    return ranks


def rank_triples(
    model: ComplEx,
    triples: np.ndarray,
    known: np.ndarray,
    *,
    max_scores: int = MAX_SCORES,
    progress: Callable[[Sequence[int]], Any] = iter,
) -> RankReport:
    """Filtered MRR and Hits@k of heads and tails. Memory is that of `max_scores` numbers, four to nine bytes each.

    Arguments as in `entity_ranks`.

    Raises:
        RelxError: RX233 where there are no triples, or none that is known.
    """
    unknown = int((triples < 0).any(axis=1).sum())
    if unknown == len(triples):
        raise RelxError("RX233", n=len(triples))
    tails, heads = (
        entity_ranks(model, triples, known, asked, max_scores=max_scores, progress=progress) for asked in (TAIL, HEAD)
    )
    both = RankScores.of(np.concatenate([tails, heads]))
    return RankReport(RankScores.of(tails), RankScores.of(heads), both, unknown)
