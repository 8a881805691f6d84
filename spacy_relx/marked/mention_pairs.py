"""Pair vectors from entity vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.pair_batch import PairBatch
from ..core.settings import Count, CountOrZero, Probability, architecture
from ..core.transformers.batch import MarkedBatch
from ..errors import RelxError
from ..relations.pair_features import PairFeatures
from .pooling import EntityPooling


class EntityPairs(nn.Module, ABC):
    """Entity vectors -> pair vectors.

    Attributes:
        width_out: Width of the pair vectors.
        reads_text: Whether they depend on the states of the text.
    """

    width_out: int
    reads_text: bool = False

    @abstractmethod
    def vectors(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Callable[[MarkedBatch], Tensor]:
        """Do what is done once for all pairs of a batch.

        Args:
            entities: *Shape:* (n_entities, entity width).
            batch: The marked texts.
            states: *Shape:* (n_rows + markers beside, width), or None where the entities of a pair come from different
                texts: then nothing is between them.

        Returns:
            What makes the vectors, *Shape:* (n_pairs, width_out), of the batch with some or all of its pairs.
        """


#: (pooling, width of the transformer, n_markers) -> the pair representation.
MakeEntityPairs = Callable[[EntityPooling, int, int], EntityPairs]


@architecture
class ConcatPairs(EntityPairs):
    """`spacy_relx.ConcatPairs.v1`: [head; tail], eq. 5 and 7 of Ni et al. 2020, or a hidden layer over it: a sum of
    projections made once an entity."""

    def __init__(
        self,
        pooling: EntityPooling,
        width: int,
        n_markers: int,
        *,
        hidden: CountOrZero = 0,
        dropout: Probability = 0.1,
    ):
        """Make the pair representation.

        Args:
            pooling: What the entity vectors come from. Where they are the text's, one of them is taken (eq. 4).
            width: Width of the text's states, which are not read.
            n_markers: Size of the marker vocabulary, which is not read.
            hidden: Width of the hidden layer, 0 for none, as in the paper.
            dropout: Dropout on the pair vector.
        """
        super().__init__()
        entity_width = pooling.width_out
        self.of_sentence = pooling.of_sentence
        self.width_out = hidden or entity_width * (1 if self.of_sentence else 2)
        self.head = nn.Linear(entity_width, hidden) if hidden else nn.Identity()
        two = hidden and not self.of_sentence
        self.tail = nn.Linear(entity_width, hidden, bias=False) if two else nn.Identity()
        self.hidden = hidden
        self.dropout = Dropout(dropout)

    def vectors(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Callable[[MarkedBatch], Tensor]:
        heads, tails = self.head(entities), self.tail(entities)

        def of(part: MarkedBatch) -> Tensor:
            head = heads.index_select(0, part.pairs[:, 0])
            if self.of_sentence:
                vectors = head
            else:
                tail = tails.index_select(0, part.pairs[:, 1])
                vectors = head + tail if self.hidden else torch.cat([head, tail], dim=1)
            found: Tensor = self.dropout(nn.functional.gelu(vectors) if self.hidden else vectors)
            return found

        return of


@architecture
class MentionPairs(EntityPairs):
    """`spacy_relx.MentionPairs.v1`: the parts of `PairFeatures` (product, distance, types, text between) over entity
    vectors. Distances count the rows of the marked text."""

    def __init__(
        self,
        pooling: EntityPooling,
        width: int,
        n_markers: int,
        *,
        hidden: Count = 256,
        marker_width: CountOrZero = 32,
        between_heads: CountOrZero = 4,
        product: bool = True,
        distance: bool = True,
        pair_rows: CountOrZero = 10_000,
        dropout: Probability = 0.1,
    ):
        """Make the pair representation. 0 or false leaves a part out; see `PairFeatures`.

        Args:
            pooling: What the entity vectors come from.
            width: Width of the text's states.
            n_markers: Size of the marker vocabulary.
            hidden: Width of the pair vector.
            marker_width: Width of an entity type's embedding.
            between_heads: Attention queries over the text between the mentions; `hidden` must be a multiple of it.
            product: Whether to use the element-wise product of head and tail.
            distance: Whether to use the signed distance.
            pair_rows: Rows of the table of pairs of types.
            dropout: Dropout on the pair vector.

        Raises:
            RelxError: RX385 for a pooling that gives no entity vectors.
        """
        super().__init__()
        if pooling.of_sentence:
            problem = "spacy_relx.MentionPairs.v1 needs entity vectors, which spacy_relx.SentenceStart.v1 does not give"
            raise RelxError("RX385", name="spacy_relx.MarkedModel.v1", reason=problem)
        self.features = PairFeatures(
            width,
            n_markers,
            pooling.width_out + marker_width,
            hidden=hidden,
            marker_width=marker_width,
            between_heads=between_heads,
            product=product,
            distance=distance,
            pair_rows=pair_rows,
            dropout=dropout,
        )
        self.width_out = self.features.width_out
        self.reads_text = self.features.between is not None

    @staticmethod
    def check_settings(*, hidden: int, between_heads: int, **settings: object) -> None:
        """As of `PairFeatures`."""
        PairFeatures.check_settings(hidden=hidden, between_heads=between_heads)

    def vectors(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Callable[[MarkedBatch], Tensor]:
        markers = self.features.known(batch.markers)
        if self.features.markers is not None:
            entities = torch.cat([entities, self.features.markers(markers)], dim=1)
        tokens = None if states is None else states[: len(batch.ids)]  # what is beside a text is not between mentions
        context = self.features.context_of(entities, tokens, _pair_batch(batch))
        return lambda part: self.features.pair(context, _pair_batch(part), markers)


def _pair_batch(batch: MarkedBatch) -> PairBatch:
    starts = batch.text_starts()
    bounds = torch.stack([starts, starts + batch.lengths], dim=1)
    return PairBatch(bounds, batch.spans, batch.texts, batch.markers, batch.pairs)
