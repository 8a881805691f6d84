"""Words, sentence encoder and bag classifier together: bags of instances in, scores or a loss out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .bag_classifiers import BagClassifier, EntityTables
from .instance_batch import Bags, InstanceBatch, TokenVectors
from .perturbation import Perturbation, Scope
from .sentence_encoders import SentenceEncoder


class FactNetwork(nn.Module, ABC):
    """A network over bags of instances.

    Attributes:
        words: Instances -> vectors of their tokens.
        discriminator: What names languages, if anything does.
    """

    words: TokenVectors
    discriminator: nn.Module | None

    @property
    def plays(self) -> bool:
        """Whether there are further losses to step on after each update, see `games`."""
        return False

    @property
    def knowledge(self) -> EntityTables | None:
        """What it knows of entities, None for nothing."""
        return None

    @abstractmethod
    def loss(self, batch: InstanceBatch, bags: Bags, targets: Tensor) -> Tensor:
        """The loss, a scalar; out of training that of the words as they are.

        Args:
            batch: The instances.
            bags: Which of them belong together.
            targets: *Shape:* (n_bags, n_labels), 0 or 1.
        """

    @abstractmethod
    def forward(self, batch: InstanceBatch, bags: Bags) -> tuple[Tensor, Tensor]:
        """Scores, *Shape:* (n_bags, n_labels + 1), column 0 is no-relation; and how much each sentence counts in its
        bag for each of these, *Shape:* (n_instances, n_labels + 1)."""

    def games(self) -> Iterator[tuple[Callable[[InstanceBatch], Tensor], list[nn.Parameter]]]:
        """The steps that follow one on the relations: a loss, a mean over sentences, and the parameters that it moves;
        all others stay."""
        return iter(())

    def told_apart(self, batch: InstanceBatch) -> tuple[int, int]:
        """How many sentences' languages the discriminator names rightly, and of how many; zeros without one."""
        return 0, 0


class BagNetwork(FactNetwork):
    """Bags of instances -> relations.

    Args:
        words: Instances -> word vectors.
        encoder: Word vectors -> sentence vectors.
        classifier: Bags of them -> relations.
        perturbation: For adversarial training, or None.
        batch_tokens: Tokens that are encoded at once, which bounds memory whatever a batch has; in training the
            intermediate values of each such part are computed anew in the backward pass.
    """

    def __init__(
        self,
        words: TokenVectors,
        encoder: SentenceEncoder,
        classifier: BagClassifier,
        perturbation: Perturbation | None,
        batch_tokens: int,
    ):
        super().__init__()
        self.words = words
        self.discriminator = None
        self.encoder = encoder
        self.classifier = classifier
        self.perturbation = perturbation
        self.batch_tokens = batch_tokens

    @property
    def knowledge(self) -> EntityTables | None:
        return self.classifier.knowledge

    def loss(self, batch: InstanceBatch, bags: Bags, targets: Tensor) -> Tensor:
        def loss_of(words: Tensor) -> Tensor:
            return self.classifier.loss(self._encode(words, batch), bags, targets)

        words = self.words(batch)
        if self.perturbation is None or not self.training:
            return loss_of(words)
        groups, n_groups = word_groups(self.perturbation.scope, batch, bags)
        return self.perturbation.loss(words, groups, n_groups, loss_of)

    def forward(self, batch: InstanceBatch, bags: Bags) -> tuple[Tensor, Tensor]:
        vectors = self._encode(self.words(batch), batch)
        return self.classifier.scores(vectors, bags), self.classifier.weights(vectors, bags)

    def _encode(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        return encode_in_parts(self.encoder, words, batch, self.batch_tokens)


def word_groups(scope: Scope, batch: InstanceBatch, bags: Bags | None = None) -> tuple[Tensor, int]:
    """Which words share a norm: int64 (n_tokens,) and the number of groups. scope: see `perturbation.Scope`; without
    bags each sentence is one."""
    owners = batch.owners()
    if scope == "batch":
        return torch.zeros_like(owners), 1
    if scope == "bag" and bags is not None:
        return bags.owners().index_select(0, owners), len(bags)
    return owners, len(batch)


def encode_in_parts(encoder: SentenceEncoder, words: Tensor, batch: InstanceBatch, batch_tokens: int) -> Tensor:
    """Sentence vectors, of about `batch_tokens` tokens at once, a longer sentence alone.

    words: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_instances, width_out).
    """
    if len(batch.tokens) <= batch_tokens:
        return encoder(words, batch)
    sizes = torch.unique_consecutive(batch.starts // batch_tokens, return_counts=True)[1]
    parts = []
    for rows in torch.arange(len(batch), device=words.device).split(sizes.tolist()):
        first, last = rows[0], rows[-1]
        piece = words[batch.starts[first] : batch.starts[last] + batch.lengths[last]]
        if torch.is_grad_enabled():
            parts.append(checkpoint(encoder, piece, batch.select(rows), use_reentrant=False))
        else:
            parts.append(encoder(piece, batch.select(rows)))
    return torch.cat(parts)
