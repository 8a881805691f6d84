"""From the states of a marked text to one vector for each marked entity (Ni et al. 2020, section 3.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.settings import architecture
from ..core.spans import span_rows
from ..core.transformers.batch import MarkedBatch


class EntityPooling(nn.Module, ABC):
    """width_out: of an entity's vector. of_sentence: the vector is the text's own, alike for both entities."""

    of_sentence = False

    def __init__(self, width: int):
        super().__init__()
        self.width_out = width

    @abstractmethod
    def rows(self, batch: MarkedBatch) -> Tensor:
        """int64: the rows of the states that `forward` reads, which spares the last layer the others."""

    @abstractmethod
    def forward(self, states: Tensor, batch: MarkedBatch) -> Tensor:
        """states: *Shape:* (n_rows, width). RETURNS: *Shape:* (n_entities, width_out)."""


#: Width of the transformer -> the pooling.
MakePooling = Callable[[int], EntityPooling]


@architecture
class EntityStart(EntityPooling):
    """`spacy_relx.EntityStart.v1`: the state of the opening marker (ES, eq. 5)."""

    def rows(self, batch: MarkedBatch) -> Tensor:
        return batch.opens

    def forward(self, states: Tensor, batch: MarkedBatch) -> Tensor:
        """states: *Shape:* (n_rows, width). RETURNS: *Shape:* (n_entities, width)."""
        return states.index_select(0, batch.opens)


@architecture
class EntityEnds(EntityPooling):
    """`spacy_relx.EntityEnds.v1`: the states of the opening and the closing marker, one behind the other (Ye et al.
    2022, packed levitated markers)."""

    def __init__(self, width: int):
        super().__init__(width)
        self.width_out = 2 * width

    def rows(self, batch: MarkedBatch) -> Tensor:
        return torch.cat([batch.opens, batch.closes])

    def forward(self, states: Tensor, batch: MarkedBatch) -> Tensor:
        """states: *Shape:* (n_rows, width). RETURNS: *Shape:* (n_entities, 2 * width)."""
        return torch.cat([states.index_select(0, batch.opens), states.index_select(0, batch.closes)], dim=1)


@architecture
class EntityMax(EntityPooling):
    """`spacy_relx.EntityMax.v1`: the element-wise maximum over the opening marker, what stands between, and
    the closing marker (EMP, eq. 6)."""

    def rows(self, batch: MarkedBatch) -> Tensor:
        return torch.cat([batch.opens, batch.closes, self._inner(batch)[0]])

    @staticmethod
    def _inner(batch: MarkedBatch) -> tuple[Tensor, Tensor, Tensor]:
        """(rows of the tokens of each different span, how many each span has, the span of each entity): beside a text,
        all pairs of a mention have the same tokens."""
        starts, ends = batch.spans.unbind(1)
        base = len(batch.ids) + 1  # above every end: a span as one number
        spans, of_entity = torch.unique(starts * base + ends, return_inverse=True)
        rows, lengths = span_rows(spans // base, spans % base)
        return rows, lengths, of_entity

    def forward(self, states: Tensor, batch: MarkedBatch) -> Tensor:
        """states: *Shape:* (n_rows, width). RETURNS: *Shape:* (n_entities, width)."""
        rows, lengths, of_entity = self._inner(batch)
        of_row = torch.repeat_interleave(torch.arange(len(lengths), device=rows.device), lengths)
        index = of_row.unsqueeze(1).expand(-1, states.shape[1])
        lowest = states.new_full((len(lengths), states.shape[1]), -torch.inf)
        inner = lowest.scatter_reduce(0, index, states.index_select(0, rows), "amax")
        ends = torch.maximum(states.index_select(0, batch.opens), states.index_select(0, batch.closes))
        return torch.maximum(ends, inner.index_select(0, of_entity))


@architecture
class SentenceStart(EntityPooling):
    """`spacy_relx.SentenceStart.v1`: the state of the text's first token (SS, eq. 4); beside a text, of a copy of that
    token that sees the text and the pair's markers. For the modes "single" and "packed"."""

    of_sentence = True

    def rows(self, batch: MarkedBatch) -> Tensor:
        return batch.sentences

    def forward(self, states: Tensor, batch: MarkedBatch) -> Tensor:
        """states: *Shape:* (n_rows, width). RETURNS: *Shape:* (n_entities, width)."""
        return states.index_select(0, batch.sentences)
