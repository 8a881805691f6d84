"""Marker tokens: further rows behind the vocabulary of a pre-trained transformer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MarkerEmbedding(nn.Module):
    """A transformer's word embeddings with rows for the markers behind them, ids from `words.num_embeddings` on.

    The new rows are a table of their own, so that they can be trained while the words are frozen. They are no part of
    the tokenizer's vocabulary: markers are inserted by id, and no text can spell one.

    words: the pre-trained table. n_rows: number of markers.
    """

    def __init__(self, words: nn.Embedding, n_rows: int):
        super().__init__()
        self.words = words
        self.first_id = words.num_embeddings
        self.markers = nn.Embedding(n_rows, words.embedding_dim)

    def start(self) -> None:
        """Let all markers begin near the mean of all words. Not needed where saved weights are loaded."""
        words = self.words.weight
        with torch.no_grad():
            mean, spread = words.mean(dim=0).cpu(), words.std(dim=0).cpu()  # they may be on a GPU already
            self.markers.weight.copy_(mean + 0.2 * spread * torch.randn_like(self.markers.weight))

    def start_from(self, row: int, pieces: Sequence[int]) -> None:
        """Let a marker begin at the mean of some words, as those that spell its entity type. Keeps the noise small."""
        with torch.no_grad():
            mean = self.words.weight[torch.as_tensor(pieces, device=self.words.weight.device)].mean(dim=0)
            noise = 0.05 * self.words.weight.std(dim=0) * torch.randn_like(mean)
            self.markers.weight[row].copy_(mean + noise)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: *Shape:* (...,), int64. RETURNS: *Shape:* (..., width)."""
        words = self.words(ids.clamp(max=self.first_id - 1))
        markers = self.markers((ids - self.first_id).clamp(min=0))
        return torch.where((ids >= self.first_id).unsqueeze(-1), markers, words)
