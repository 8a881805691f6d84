"""Where head and tail stand, as features of each token."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.settings import Count, CountOrZero, architecture
from .instance_batch import InstanceBatch


def relative_positions(batch: InstanceBatch) -> Tensor:
    """Signed distance of each token to head and tail, 0 within the mention.

    RETURNS: *Shape:* (n_tokens, 2), int64: tokens to the right of the mention are positive.
    """
    places = torch.arange(len(batch.tokens), device=batch.tokens.device).unsqueeze(1)
    mentions = batch.mentions.index_select(0, batch.owners())
    starts, ends = mentions.unbind(2)
    return torch.where(places < starts, places - starts, (places - ends + 1).clamp(min=0))


class TokenFeatures(nn.Module, ABC):
    """Features of the tokens of instances, beside their vectors.

    Args:
        n_markers: Size of the marker vocabulary, row 0 is the uniform marker.
        width: Width of what `places` gives.
        type_width: Width of embeddings of the entity types of head and tail, which all tokens get; 0 leaves them out.

    Attributes:
        width: Width of all features.
    """

    width: int

    def __init__(self, n_markers: int, width: int, type_width: int):
        super().__init__()
        self.n_markers = n_markers
        self.width = width + 2 * type_width
        self.head_types = nn.Embedding(n_markers, type_width) if type_width else None
        self.tail_types = nn.Embedding(n_markers, type_width) if type_width else None

    @abstractmethod
    def places(self, batch: InstanceBatch) -> Tensor:
        """Where head and tail stand, float32, *Shape:* (n_tokens, width of these)."""

    def forward(self, batch: InstanceBatch) -> Tensor:
        """All features, float32, *Shape:* (n_tokens, width)."""
        places = self.places(batch)
        if self.head_types is None or self.tail_types is None:
            return places
        known = torch.where(batch.markers < self.n_markers, batch.markers, 0)
        types = torch.cat([self.head_types(known[:, 0]), self.tail_types(known[:, 1])], dim=1)
        return torch.cat([places, types.index_select(0, batch.owners())], dim=1)


#: n_markers -> the features.
MakeFeatures = Callable[[int], TokenFeatures]


@architecture
class PositionFeatures(TokenFeatures):
    """`spacy_relx.PositionFeatures.v1`: an embedding of each token's distance to the head and another of that to the
    tail (Zeng et al. 2014, section 3.4)."""

    def __init__(self, n_markers: int, *, width: Count = 5, max_distance: Count = 60, type_width: CountOrZero = 0):
        """Make the features.

        Args:
            n_markers: Size of the marker vocabulary, row 0 is the uniform marker.
            width: Width of each of the two embeddings.
            max_distance: What is farther counts as that far.
            type_width: Width of embeddings of the entity types of head and tail, which all tokens get; 0 leaves them
                out.
        """
        super().__init__(n_markers, 2 * width, type_width)
        self.max_distance = max_distance
        self.head = nn.Embedding(2 * max_distance + 1, width)
        self.tail = nn.Embedding(2 * max_distance + 1, width)

    def places(self, batch: InstanceBatch) -> Tensor:
        rows = relative_positions(batch).clamp(-self.max_distance, self.max_distance) + self.max_distance
        return torch.cat([self.head(rows[:, 0]), self.tail(rows[:, 1])], dim=1)


@architecture
class IndicatorFeatures(TokenFeatures):
    """`spacy_relx.IndicatorFeatures.v1`: ones on the tokens of an entity, zeros elsewhere (Wu et al. 2017, section 3.2,
    "indicator encoding")."""

    def __init__(self, n_markers: int, *, width: Count = 5, roles: bool = False, type_width: CountOrZero = 0):
        """Make the features.

        Args:
            n_markers: Size of the marker vocabulary, row 0 is the uniform marker.
            width: Width of the ones.
            roles: Whether to tell head and tail apart, each with ones in a half of its own; the paper has the same for
                both, with which a model cannot know the direction of a relation.
            type_width: As of `spacy_relx.PositionFeatures.v1`.
        """
        super().__init__(n_markers, 2 * width if roles else width, type_width)
        self.width_each = width
        self.roles = roles

    def places(self, batch: InstanceBatch) -> Tensor:
        inside = (relative_positions(batch) == 0).float()
        if not self.roles:
            inside = inside.amax(dim=1, keepdim=True)
        return inside.unsqueeze(2).expand(-1, -1, self.width_each).flatten(1)
