"""What a batch of candidate pairs looks like to a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class PairBatch:
    """The candidate pairs of a batch of Docs. Tokens and mentions are numbered through the batch.

    doc_spans: (n_docs, 2) first token and end of each Doc.
    mention_spans: (n_mentions, 2) first token and end (exclusive) of each mention.
    mention_docs: (n_mentions,) the Doc of each mention.
    markers: (n_mentions,) row of the mention's type in the marker vocabulary, 0 is the uniform marker.
    pairs: (n_pairs, 2) rows of the mentions: head, tail.
    All int64.
    """

    doc_spans: Tensor
    mention_spans: Tensor
    mention_docs: Tensor
    markers: Tensor
    pairs: Tensor

    def __len__(self) -> int:
        return len(self.pairs)

    def to(self, device: torch.device) -> PairBatch:
        return PairBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def select(self, rows: Tensor | slice) -> PairBatch:
        """The same batch with only some of its pairs. rows: int64 (n,), bool (n_pairs,) or a slice."""
        return replace(self, pairs=self.pairs[rows])
