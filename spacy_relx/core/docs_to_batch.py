"""Docs -> `PairBatch`, once a batch and in numpy; sub-batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import torch
from spacy.tokens import Doc

from ..data.extensions import get_candidates
from ..data.types import Candidates
from .pair_batch import PairBatch
from .parts import text_lengths


def offsets(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """int64 (n + 1,): where each part begins when they are laid end to end, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype="int64")]).astype("int64")


class DocBatch(list[Doc]):
    """The Docs of a batch with their candidates, which are read once; a list of Docs for every encoder.

    Args:
        docs: Docs.
        candidates: Their candidates, if already read.
        markers: Markers of their mentions, if they are not to be the candidates' own.
        hide_types: Probability that all types of a Doc, and again that a single mention's type, are hidden: shown to
            the encoder and the network as the uniform marker. The Docs stay as they are.

    Attributes:
        candidates: Of each Doc.
        first_mentions: int64 (n_docs + 1,), row of each Doc's first mention in the batch, and of the end.
        markers: int64 (n_mentions,), row of each mention's type in the marker vocabulary, 0 where it is hidden.
    """

    def __init__(
        self,
        docs: Iterable[Doc],
        candidates: Sequence[Candidates] | None = None,
        markers: np.ndarray | None = None,
        hide_types: float = 0.0,
    ):
        super().__init__(docs)
        self._hide_types = hide_types
        if candidates is not None:
            self.candidates = list(candidates)
        if markers is not None:
            self.markers = markers

    @cached_property
    def candidates(self) -> list[Candidates]:
        return [get_candidates(doc) for doc in self]

    @cached_property
    def first_mentions(self) -> np.ndarray:
        return offsets([each.n_mentions for each in self.candidates])

    @cached_property
    def markers(self) -> np.ndarray:
        markers = np.concatenate([np.zeros(0, "int64"), *(each.markers for each in self.candidates)])
        if self._hide_types:
            counts = torch.from_numpy(np.diff(self.first_mentions))
            shown = (torch.rand(len(counts)) >= self._hide_types).repeat_interleave(counts)
            markers *= (shown & (torch.rand(len(shown)) >= self._hide_types)).numpy()
        return markers

    def markers_of(self, row: int) -> np.ndarray:
        """int64 (n_mentions,): markers of one Doc's mentions."""
        return self.markers[self.first_mentions[row] : self.first_mentions[row + 1]]

    def take(self, rows: np.ndarray) -> DocBatch:
        """The batch of some of the Docs, in the order given."""
        places = rows.tolist()
        markers = np.concatenate([np.zeros(0, "int64"), *map(self.markers_of, places)])
        return DocBatch([self[i] for i in places], [self.candidates[i] for i in places], markers)


def make_pair_batch(docs: DocBatch, by_sentence: bool = False) -> PairBatch:
    """Number tokens and mentions of the Docs through, in the order given.

    Args:
        docs: Docs with candidates.
        by_sentence: Whether the texts of the batch are the Docs' sentences; else the Docs. A mention is in the text in
            which it begins.
    """
    candidates = docs.candidates
    tokens = offsets([len(doc) for doc in docs])
    spans = np.concatenate([np.zeros((0, 2)), *(c.spans + start for c, start in zip(candidates, tokens))])
    pairs = np.concatenate([np.zeros((0, 2)), *(c.pairs + start for c, start in zip(candidates, docs.first_mentions))])
    starts, owners = tokens[:-1], np.repeat(np.arange(len(docs)), np.diff(docs.first_mentions))
    if by_sentence:
        lengths = np.concatenate([np.zeros(0, "int64"), *text_lengths(docs, True)])
        starts = np.cumsum(lengths) - lengths
        owners = np.searchsorted(starts, spans[:, 0], side="right") - 1
    return PairBatch(
        doc_spans=_tensor(np.stack([starts, np.append(starts[1:], tokens[-1])], axis=1)),
        mention_spans=_tensor(spans),
        mention_docs=_tensor(owners),
        markers=_tensor(docs.markers),
        pairs=_tensor(pairs),
    )


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype="int64"))


def token_markers(docs: DocBatch) -> np.ndarray:
    """int64 (n_tokens,) of all Docs: 0 outside of mentions, else 1 + the marker; where mentions nest, the innermost
    counts."""
    starts = offsets([len(doc) for doc in docs])
    rows = np.zeros(starts[-1], dtype="int64")
    if len(docs.markers):
        spans = np.concatenate([c.spans + start for c, start in zip(docs.candidates, starts)])
        order = np.argsort(
            spans[:, 0] - spans[:, 1], kind="stable"
        )  # longest first: inner mentions overwrite outer ones
        firsts, lengths = spans[order, 0], spans[order, 1] - spans[order, 0]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(firsts - ends + lengths, lengths)
        rows[places] = np.repeat(1 + docs.markers[order], lengths)
    return rows


def sub_batches(sizes: np.ndarray, limit: int, *, padded: bool = False) -> list[np.ndarray]:
    """Rows of the sizes, shortest first, cut so that each batch fits the limit; what is longer stands alone.

    sizes: int (n,). padded: a batch takes as much as all of it at the size of its longest, else the sum of its sizes.
    """
    order = np.argsort(sizes, kind="stable")
    batches, first, total = [], 0, 0
    for i, size in enumerate(sizes[order].tolist()):
        total = size * (i - first + 1) if padded else total + size
        if i > first and total > limit:
            batches.append(order[first:i])
            first, total = i, size
    if first < len(order):
        batches.append(order[first:])
    return batches
