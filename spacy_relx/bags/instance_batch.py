"""Instances: sentences with one head and one tail each, laid end to end; and the bags they belong to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..core.pair_batch import TensorBatch
from ..core.spans import span_rows


@dataclass(frozen=True)
class InstanceBatch(TensorBatch):
    """Sentences, each with one head and one tail. Tokens are numbered through the batch.

    tokens: (n_tokens,) row of each token in the model's table of words (or subwords).
    starts, lengths: (n_instances,) first token of each sentence, and how many it has, at least 1; they lie end to end.
    mentions: (n_instances, 2, 2) first token and end (exclusive) of the head and of the tail.
    markers: (n_instances, 2) rows of their types in the marker vocabulary, 0 is the uniform marker.
    langs: (n_instances,) row of the sentence's language, 0 where it is unknown.
    All int64.
    """

    tokens: Tensor
    starts: Tensor
    lengths: Tensor
    mentions: Tensor
    markers: Tensor
    langs: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, rows: Tensor) -> InstanceBatch:
        """The batch of some of the instances, in the order given. rows: int64 (n,)."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        places, _ = span_rows(starts, starts + lengths)
        moved = lengths.cumsum(0) - lengths
        return replace(
            self,
            tokens=self.tokens[places],
            starts=moved,
            lengths=lengths,
            mentions=self.mentions[rows] + (moved - starts).view(-1, 1, 1),
            markers=self.markers[rows],
            langs=self.langs[rows],
        )

    def chunks(self, size: int) -> list[InstanceBatch]:
        """The same batch with at most `size` instances at a time; one without any where there are none."""
        if len(self) <= size:
            return [self]
        return [self.select(rows) for rows in torch.arange(len(self), device=self.lengths.device).split(size)]

    def owners(self) -> Tensor:
        """int64 (n_tokens,): the instance of each token."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.lengths.device), self.lengths)


@dataclass(frozen=True)
class Bags(TensorBatch):
    """Which instances are about one pair of entities. Those of a bag stand side by side, bags in order.

    starts, sizes: (n_bags,) int64, first instance of each bag, and how many it has; 0 is allowed.
    entities: (n_bags, 2) int64, rows of head and tail in the network's knowledge, -1 where it has none; None for a
    network without knowledge.
    """

    starts: Tensor
    sizes: Tensor
    entities: Tensor | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of_sizes(cls, sizes: Tensor, entities: Tensor | None = None) -> Bags:
        return cls(sizes.cumsum(0) - sizes, sizes, entities)

    def owners(self) -> Tensor:
        """int64 (n_instances,): the bag of each instance."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.sizes.device), self.sizes)

    def expand(self, rows: Tensor) -> tuple[Tensor, Bags]:
        """The same instances for some bags, which may come several times: (instances, their new bags).

        rows: int64 (n,), bags. RETURNS: int64 (n_instances of these,), and bags of *Length:* n.
        """
        starts = self.starts[rows]
        instances, sizes = span_rows(starts, starts + self.sizes[rows])
        return instances, Bags.of_sizes(sizes)


class TokenVectors(nn.Module, ABC):
    """Vectors of the tokens of instances.

    Attributes:
        width: Their width.
    """

    width: int

    @abstractmethod
    def forward(self, batch: InstanceBatch) -> Tensor:
        """The vectors, *Shape:* (n_tokens, width), float32."""


def segment_softmax(scores: Tensor, owners: Tensor, n: int) -> Tensor:
    """Softmax among the rows of each owner. scores: *Shape:* (n_rows, width). owners: int64 (n_rows,), below n.
    RETURNS: the same shape as the scores."""
    owners = owners.unsqueeze(1).expand_as(scores)
    lowest = scores.new_full((n, scores.shape[1]), -torch.inf)
    highest = lowest.scatter_reduce(0, owners, scores.detach(), "amax")  # a constant shift: no gradient needed
    powers = torch.exp(scores - highest.gather(0, owners))
    totals = powers.new_zeros(n, scores.shape[1]).index_add(0, owners[:, 0], powers)
    return powers / totals.index_select(0, owners[:, 0])
