"""Pair features and a head together: token vectors in, scores or a loss out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .batch import PairBatch
from .heads import Head, sample_pairs
from .pairs import PairContext, PairFeatures


class RelationNetwork(nn.Module):
    """pairs: token vectors and `PairBatch` -> pair vectors. head: pair vectors -> labels.
    chunk: so many pairs are worked on at once, which bounds memory whatever the Doc.
    """

    def __init__(self, pairs: PairFeatures, head: Head, chunk: int):
        super().__init__()
        self.pairs = pairs
        self.head = head
        self.chunk = chunk

    def loss(self, tokens: Tensor, batch: PairBatch, targets: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). targets: *Shape:* (n_pairs, n_labels). RETURNS: a scalar."""
        rows = sample_pairs(targets, self.head.negative_ratio)
        if rows is not None:
            batch, targets = batch.select(rows), targets[rows]
        markers = self.pairs.known(batch.markers)
        context = self.pairs.context(tokens, batch, markers)
        parts = batch.chunks(self.chunk)
        if len(parts) == 1:
            logits = self._logits(context, batch, markers)
        else:
            # what a chunk's backward pass needs is computed again then, so that memory is that of one chunk
            logits = torch.cat([checkpoint(self._logits, context, p, markers, use_reentrant=False) for p in parts])
        return self.head.loss(logits, targets)

    def _logits(self, context: PairContext, batch: PairBatch, markers: Tensor) -> Tensor:
        return self.head(self.pairs.pair(context, batch, markers))

    def forward(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        """RETURNS: scores, *Shape:* (n_pairs, n_labels + 1), column 0 is no-relation."""
        markers = self.pairs.known(batch.markers)
        context = self.pairs.context(tokens, batch, markers)
        parts = batch.chunks(self.chunk)
        return torch.cat([self.head.scores(self._logits(context, part, markers)) for part in parts])
