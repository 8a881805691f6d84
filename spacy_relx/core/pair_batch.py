"""What a batch of candidate pairs looks like to a network."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class TensorBatch:
    """What all batches have in common: dataclasses of tensors, or of None where there is none."""

    def to(self, device: torch.device) -> Self:
        me = cast(Any, self)
        tensors = {each.name: getattr(me, each.name) for each in fields(me)}
        return replace(me, **{name: None if tensor is None else tensor.to(device) for name, tensor in tensors.items()})


class Batch(TensorBatch):
    """What batches of pairs have in common: dataclasses of int64 tensors, one of them `pairs`."""

    pairs: Tensor

    def __len__(self) -> int:
        return len(self.pairs)

    def select(self, rows: Tensor | slice) -> Self:
        """The same batch with only some of its pairs. rows: int64 (n,), bool (n_pairs,) or a slice."""
        return replace(cast(Any, self), pairs=self.pairs[rows])

    def chunks(self, size: int) -> list[Self]:
        """The same batch with at most `size` pairs at a time; one without any where there are none."""
        return [self.select(slice(first, first + size)) for first in range(0, max(len(self), 1), size)]


@dataclass(frozen=True)
class PairBatch(Batch):
    """The candidate pairs of a batch of Docs. Tokens and mentions are numbered through the batch.

    doc_spans: (n_texts, 2) first token and end of each text that is read by itself: a Doc, or a sentence.
    mention_spans: (n_mentions, 2) first token and end (exclusive) of each mention.
    mention_docs: (n_mentions,) the text of each mention.
    markers: (n_mentions,) row of the mention's type in the marker vocabulary, 0 is the uniform marker.
    pairs: (n_pairs, 2) rows of the mentions: head, tail.
    All int64.
    """

    doc_spans: Tensor
    mention_spans: Tensor
    mention_docs: Tensor
    markers: Tensor
    pairs: Tensor
