"""Pair vectors from entity vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.pair_batch import PairBatch
from ..core.transformers.batch import MarkedBatch
from ..relations.pair_features import PairFeatures


class ConcatPairs(nn.Module):
    """[head; tail], eq. 5 and 7 of Ni et al. 2020, or a hidden layer over it: a sum of projections made once an entity.

    entity_width: of the entity vectors. of_sentence: both entities have the text's vector, so it is taken once (eq. 4).
    hidden: width of the hidden layer, 0 for none, as in the paper. dropout: on the pair vector.
    """

    reads_text = False

    def __init__(self, entity_width: int, of_sentence: bool, *, hidden: int, dropout: float):
        super().__init__()
        self.of_sentence = of_sentence
        self.width_out = hidden or entity_width * (1 if of_sentence else 2)
        self.head = nn.Linear(entity_width, hidden) if hidden else nn.Identity()
        self.tail = nn.Linear(entity_width, hidden, bias=False) if hidden and not of_sentence else nn.Identity()
        self.hidden = hidden
        self.dropout = Dropout(dropout)

    def context(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Any:
        """entities: *Shape:* (n_entities, entity_width). RETURNS: what all pairs share."""
        return self.head(entities), self.tail(entities)

    def pair(self, context: Any, batch: MarkedBatch) -> Tensor:
        """RETURNS: *Shape:* (n_pairs, width_out)."""
        heads, tails = (part.index_select(0, rows) for part, rows in zip(context, batch.pairs.unbind(1)))
        if self.of_sentence:
            vectors = heads
        elif self.hidden:
            vectors = heads + tails
        else:
            vectors = torch.cat([heads, tails], dim=1)
        return self.dropout(nn.functional.gelu(vectors) if self.hidden else vectors)


class MentionPairs(nn.Module):
    """The parts of `PairFeatures` (product, distance, types, text between) over entity vectors.

    entity_width: of the entity vectors. width: of the text's states. settings: as for `PairFeatures`; distances count
    the rows of the marked text.
    """

    def __init__(self, entity_width: int, width: int, n_markers: int, *, marker_width: int, **settings: Any):
        super().__init__()
        self.features = PairFeatures(
            width,
            n_markers,
            mention_width=entity_width + marker_width,
            marker_width=marker_width,
            window=0,
            sentence=False,
            **settings,
        )
        self.width_out = self.features.width_out
        self.reads_text = self.features.between is not None

    def context(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Any:
        """entities: *Shape:* (n_entities, entity_width). states: *Shape:* (n_rows + markers beside, width), or None
        where the entities of a pair come from different texts: then nothing is between them. RETURNS: what all pairs
        share."""
        markers = self.features.known(batch.markers)
        if self.features.markers is not None:
            entities = torch.cat([entities, self.features.markers(markers)], dim=1)
        tokens = None if states is None else states[: len(batch.ids)]  # what is beside a text is not between mentions
        return self.features.context_of(entities, tokens, _pair_batch(batch)), markers

    def pair(self, context: Any, batch: MarkedBatch) -> Tensor:
        """RETURNS: *Shape:* (n_pairs, width_out)."""
        return self.features.pair(context[0], _pair_batch(batch), context[1])


def _pair_batch(batch: MarkedBatch) -> PairBatch:
    starts = batch.text_starts()
    bounds = torch.stack([starts, starts + batch.lengths], dim=1)
    return PairBatch(bounds, batch.spans, batch.texts, batch.markers, batch.pairs)
