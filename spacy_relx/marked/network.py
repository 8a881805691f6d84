"""Transformer, pooling, pair representation and classifier together: marked texts in, scores or a loss out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.chunks import chunked_logits
from ..core.classifiers import Classifier
from ..core.precision import Precision, autocast, full_precision
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.bert import token_states
from ..languages.switcher import LanguageSwitcher
from .mention_pairs import EntityPairs
from .pooling import EntityPooling


class MarkedNetwork(nn.Module):
    """Ni et al. 2020, figure 1, for texts with one pair each or with many.

    Args:
        transformer: A pre-trained encoder.
        pooling: States -> entity vectors.
        pairs: Entity vectors -> pair vectors.
        classifier: Pair vectors -> labels.
        flat: Whether the transformer is BERT-like, and reads texts without padding.
        pad_id: Id of padding, for those that are not.
        precision: As of `precision.autocast`; what follows the transformer is in full precision.
        batch_pairs: Pairs that are scored at once.
        switcher: Refines the entity vectors by their language, or None.
    """

    def __init__(
        self,
        transformer: nn.Module,
        pooling: EntityPooling,
        pairs: EntityPairs,
        classifier: Classifier,
        *,
        flat: bool,
        pad_id: int,
        precision: Precision,
        batch_pairs: int,
        switcher: LanguageSwitcher | None = None,
    ):
        super().__init__()
        self.transformer = transformer
        self.pooling = pooling
        self.pairs = pairs
        self.classifier = classifier
        self.flat = flat
        self.pad_id = pad_id
        self.precision = precision
        self.batch_pairs = batch_pairs
        self.switcher = switcher

    def autocast(self, device: torch.device) -> torch.autocast:
        """The precision that the transformer runs in on that device, as a context."""
        return autocast(self.precision, device)

    def encode(self, batch: MarkedBatch) -> Tensor:
        """*Shape:* (n_rows + markers beside, width): states of the last layer, as far as they are read."""
        with self.autocast(batch.ids.device):
            needed = None if self.pairs.reads_text else self.pooling.rows(batch)
            states = token_states(self.transformer, batch, self.pad_id, needed)
        return full_precision(states)

    def entities(self, batch: MarkedBatch) -> tuple[Tensor, Tensor]:
        """RETURNS: entity vectors, *Shape:* (n_entities, entity width), and the states they were taken from."""
        states = self.encode(batch)
        vectors = self.pooling(states, batch)
        return vectors if self.switcher is None else self.switcher(vectors, batch.langs), states

    def loss(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_pairs, n_labels). RETURNS: weighted mean over the batch's pairs, a scalar."""
        return self.classifier.loss(self._logits(entities, batch, states), targets)

    def scores(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Tensor:
        """RETURNS: *Shape:* (n_pairs, n_labels + 1), column 0 is no-relation."""
        return self.classifier.scores(self._logits(entities, batch, states))

    def _logits(self, entities: Tensor, batch: MarkedBatch, states: Tensor | None) -> Tensor:
        vectors = self.pairs.vectors(entities, batch, states)

        def logits(part: MarkedBatch) -> Tensor:
            found: Tensor = self.classifier(vectors(part))
            return found

        return chunked_logits(logits, batch, self.batch_pairs)
