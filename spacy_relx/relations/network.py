"""Pair features and a classifier together: token vectors in, scores or a loss out."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.chunks import chunked_logits
from ..core.classifiers import Classifier, sample_pairs
from ..core.pair_batch import PairBatch
from .pair_features import PairFeatures


class RelationNetwork(nn.Module):
    """Token vectors and pairs -> labels.

    Args:
        pairs: Token vectors and `PairBatch` -> pair vectors.
        classifier: Pair vectors -> labels.
        batch_pairs: Pairs that are worked on at once, which bounds memory whatever the Doc.
    """

    def __init__(self, pairs: PairFeatures, classifier: Classifier, batch_pairs: int):
        super().__init__()
        self.pairs = pairs
        self.classifier = classifier
        self.batch_pairs = batch_pairs

    def loss(self, tokens: Tensor, batch: PairBatch, targets: Tensor) -> Tensor:
        """The classifier's loss over the pairs that it samples, a scalar.

        Args:
            tokens: *Shape:* (n_tokens, width).
            batch: The pairs.
            targets: *Shape:* (n_pairs, n_labels), 0, 1 or `UNKNOWN`.
        """
        rows = sample_pairs(targets, self.classifier.negative_ratio)
        if rows is not None:
            batch, targets = batch.select(rows), targets[rows]
        if not len(batch):
            return tokens.sum() * 0.0
        return self.classifier.loss(self._logits(tokens, batch), targets)

    def forward(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        """Scores, *Shape:* (n_pairs, n_labels + 1), column 0 is no-relation."""
        return self.classifier.scores(self._logits(tokens, batch))

    def _logits(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        markers = self.pairs.known(batch.markers)
        context = self.pairs.context(tokens, batch, markers)

        def logits(part: PairBatch) -> Tensor:
            found: Tensor = self.classifier(self.pairs.pair(context, part, markers))
            return found

        return chunked_logits(logits, batch, self.batch_pairs)
