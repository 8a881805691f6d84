"""Pair features and a head together: token vectors in, scores or a loss out."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.chunks import chunked_logits
from ..core.heads import Head, sample_pairs
from ..core.pair_batch import PairBatch
from .pair_features import PairFeatures


class RelationNetwork(nn.Module):
    """pairs: token vectors and `PairBatch` -> pair vectors. head: pair vectors -> labels.
    batch_pairs: so many pairs are worked on at once, which bounds memory whatever the Doc.
    """

    def __init__(self, pairs: PairFeatures, head: Head, batch_pairs: int):
        super().__init__()
        self.pairs = pairs
        self.head = head
        self.batch_pairs = batch_pairs

    def loss(self, tokens: Tensor, batch: PairBatch, targets: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). targets: *Shape:* (n_pairs, n_labels). RETURNS: a scalar."""
        rows = sample_pairs(targets, self.head.negative_ratio)
        if rows is not None:
            batch, targets = batch.select(rows), targets[rows]
        return self.head.loss(self._logits(tokens, batch), targets)

    def forward(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        """RETURNS: scores, *Shape:* (n_pairs, n_labels + 1), column 0 is no-relation."""
        return self.head.scores(self._logits(tokens, batch))

    def _logits(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        markers = self.pairs.known(batch.markers)
        context = self.pairs.context(tokens, batch, markers)
        return chunked_logits(lambda part: self.head(self.pairs.pair(context, part, markers)), batch, self.batch_pairs)
