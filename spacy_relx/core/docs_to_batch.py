"""Docs -> `PairBatch`, once a batch and in numpy; sub-batches; Docs whose types are hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc

from ..data.extensions import get_candidates, other_markers
from ..data.types import Candidates
from .pair_batch import PairBatch
from .parts import text_lengths


def offsets(lengths: Sequence[int]) -> np.ndarray:
    """int64 (n + 1,): where each part begins when they are laid end to end, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype="int64")]).astype("int64")


def docs_and_targets(inputs: Any) -> tuple[list[Doc], Any]:
    """What a layer of ours reads, taken apart.

    Args:
        inputs: (Docs, targets or None), as our components give it; or Docs alone, as thinc's and spaCy's own tools do
            (`spacy debug model`).

    Returns:
        The Docs, and the targets, None for a prediction.
    """
    return inputs if isinstance(inputs, tuple) else (list(inputs), None)


def make_pair_batch(
    docs: Sequence[Doc], candidates: Sequence[Candidates] | None = None, by_sentence: bool = False
) -> PairBatch:
    """Number tokens and mentions of the Docs through, in the order given.

    Args:
        docs: Docs with candidates.
        candidates: Those of each, if already read.
        by_sentence: Whether the texts of the batch are the Docs' sentences; else the Docs. A mention is in the text in
            which it begins.
    """
    if candidates is None:
        candidates = [get_candidates(doc) for doc in docs]
    n_mentions = [c.n_mentions for c in candidates]
    tokens, mentions = offsets([len(doc) for doc in docs]), offsets(n_mentions)
    spans = np.concatenate([np.zeros((0, 2)), *(c.spans + start for c, start in zip(candidates, tokens))])
    pairs = [c.pairs + start for c, start in zip(candidates, mentions)]
    markers = [c.markers for c in candidates]
    starts, owners = tokens[:-1], np.repeat(np.arange(len(docs)), n_mentions)
    if by_sentence:
        lengths = np.concatenate([np.zeros(0, "int64"), *text_lengths(docs, True)])
        starts = np.cumsum(lengths) - lengths
        owners = np.searchsorted(starts, spans[:, 0], side="right") - 1
    return PairBatch(
        doc_spans=_tensor(np.stack([starts, np.append(starts[1:], tokens[-1])], axis=1)),
        mention_spans=_tensor(spans),
        mention_docs=_tensor(owners),
        markers=_tensor(np.concatenate(markers) if markers else np.zeros(0)),
        pairs=_tensor(np.concatenate(pairs) if pairs else np.zeros((0, 2))),
    )


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype="int64"))


@contextmanager
def hidden_types(docs: Sequence[Doc], rate: float) -> Iterator[None]:
    """Show all types of some Docs, and of the others those of some mentions, as uniform, to encoder and network alike.

    rate: probability of each, Doc and mention. The Docs' own candidates are back at the end.
    """

    def hidden(markers: Sequence[int]) -> list[int]:
        keep = (torch.rand(len(markers)) >= rate) & (torch.rand(1) >= rate)
        return (torch.tensor(markers).long() * keep).tolist()

    with other_markers(docs if rate else [], hidden):
        yield


def token_markers(doc: Doc, candidates: Candidates) -> np.ndarray:
    """int64 (n_tokens,): 0 outside of mentions, else 1 + the marker; where mentions nest, the innermost counts."""
    rows = np.zeros(len(doc), dtype="int64")
    spans, markers = candidates.spans, candidates.markers
    for i in np.argsort(spans[:, 0] - spans[:, 1], kind="stable"):  # longest first: inner mentions overwrite outer ones
        rows[spans[i, 0] : spans[i, 1]] = 1 + markers[i]
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
