"""Where head and tail stand, as features of each token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .instance_batch import InstanceBatch


def relative_positions(batch: InstanceBatch) -> Tensor:
    """Signed distance of each token to head and tail, 0 within the mention.

    RETURNS: *Shape:* (n_tokens, 2), int64: tokens to the right of the mention are positive.
    """
    places = torch.arange(len(batch.tokens), device=batch.tokens.device).unsqueeze(1)
    mentions = batch.mentions.index_select(0, batch.owners())
    starts, ends = mentions.unbind(2)
    return torch.where(places < starts, places - starts, (places - ends + 1).clamp(min=0))


class PositionFeatures(nn.Module):
    """An embedding of the distance to the head and another of that to the tail (Zeng et al. 2014, section 3.4).

    width: of each of the two. max_distance: what is farther counts as that far.
    """

    def __init__(self, width: int, max_distance: int):
        super().__init__()
        self.width = 2 * width
        self.max_distance = max_distance
        self.head = nn.Embedding(2 * max_distance + 1, width)
        self.tail = nn.Embedding(2 * max_distance + 1, width)

    def forward(self, batch: InstanceBatch) -> Tensor:
        """RETURNS: *Shape:* (n_tokens, 2 * width), float32."""
        rows = relative_positions(batch).clamp(-self.max_distance, self.max_distance) + self.max_distance
        return torch.cat([self.head(rows[:, 0]), self.tail(rows[:, 1])], dim=1)


class IndicatorFeatures(nn.Module):
    """Ones on the tokens of an entity, zeros elsewhere (Wu et al. 2017, section 3.2, "indicator encoding").

    width: of the vector. roles: tell head and tail apart, each with ones in a half of its own; the paper has the same
    for both, with which a model cannot know the direction of a relation.
    """

    def __init__(self, width: int, roles: bool):
        super().__init__()
        self.width = 2 * width if roles else width
        self.width_each = width
        self.roles = roles

    def forward(self, batch: InstanceBatch) -> Tensor:
        """RETURNS: *Shape:* (n_tokens, width), float32."""
        inside = (relative_positions(batch) == 0).float()
        if not self.roles:
            inside = inside.amax(dim=1, keepdim=True)
        return inside.unsqueeze(2).expand(-1, -1, self.width_each).flatten(1)


class TypeFeatures(nn.Module):
    """Another module's features, and embeddings of the entity types of head and tail on all tokens of the sentence.

    n_markers: size of the marker vocabulary, row 0 is the uniform marker.
    """

    def __init__(self, positions: Any, n_markers: int, width: int):
        super().__init__()
        self.positions = positions
        self.n_markers = n_markers
        self.head = nn.Embedding(n_markers, width)
        self.tail = nn.Embedding(n_markers, width)
        self.width = positions.width + 2 * width

    def forward(self, batch: InstanceBatch) -> Tensor:
        """RETURNS: *Shape:* (n_tokens, width), float32."""
        known = torch.where(batch.markers < self.n_markers, batch.markers, 0)
        types = torch.cat([self.head(known[:, 0]), self.tail(known[:, 1])], dim=1)
        return torch.cat([self.positions(batch), types.index_select(0, batch.owners())], dim=1)
