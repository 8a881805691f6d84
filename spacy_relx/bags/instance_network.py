"""Words, sentence encoder and a classifier together: single instances in, scores or a loss out."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.chunks import chunked_logits
from ..core.classifiers import Classifier
from .instance_batch import InstanceBatch, TokenVectors
from .network import encode_in_parts, word_groups
from .perturbation import Perturbation
from .sentence_encoders import SentenceEncoder


class InstanceNetwork(nn.Module):
    """Each candidate pair is a sentence that is read for itself (Zeng et al. 2014; Wang et al. 2018, section 3.2).

    words: instances -> word vectors. encoder: word vectors -> sentence vectors. head: sentence vectors -> labels.
    perturbation: for adversarial training, or None. batch_tokens: tokens that are encoded at once. batch_pairs: pairs
    whose word vectors are held at once; with a perturbation it needs those of all pairs.
    """

    def __init__(
        self,
        words: TokenVectors,
        encoder: SentenceEncoder,
        classifier: Classifier,
        perturbation: Perturbation | None,
        batch_tokens: int,
        batch_pairs: int,
    ):
        super().__init__()
        self.words = words
        self.encoder = encoder
        self.classifier = classifier
        self.perturbation = perturbation
        self.batch_tokens = batch_tokens
        self.batch_pairs = batch_pairs

    def loss(self, batch: InstanceBatch, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_instances, n_labels), 0 or 1. RETURNS: a scalar."""
        if self.perturbation is None or not self.training:
            return self.classifier.loss(self._logits(batch), targets)
        groups, n_groups = word_groups(self.perturbation.scope, batch)
        return self.perturbation.loss(
            self.words(batch),
            groups,
            n_groups,
            lambda words: self.classifier.loss(self.classifier(self._encode(words, batch)), targets),
        )

    def forward(self, batch: InstanceBatch) -> Tensor:
        """RETURNS: scores, *Shape:* (n_instances, n_labels + 1), column 0 is no-relation."""
        return self.classifier.scores(self._logits(batch))

    def _logits(self, batch: InstanceBatch) -> Tensor:
        return chunked_logits(
            lambda part: self.classifier(self._encode(self.words(part), part)), batch, self.batch_pairs
        )

    def _encode(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        return encode_in_parts(self.encoder, words, batch, self.batch_tokens)
