"""Words, sentence encoder and bag head together: bags of instances in, scores or a loss out."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .instance_batch import Bags, InstanceBatch
from .perturbation import Perturbation


class BagNetwork(nn.Module):
    """words: instances -> word vectors. encoder: word vectors -> sentence vectors. head: bags of them -> relations.

    perturbation: for adversarial training, or None. batch_tokens: tokens that are encoded at once, which bounds memory
    whatever a batch has; in training the intermediate values of each such part are computed anew in the backward pass.
    """

    def __init__(
        self, words: nn.Module, encoder: nn.Module, head: Any, perturbation: Perturbation | None, batch_tokens: int
    ):
        super().__init__()
        self.words = words
        self.encoder = encoder
        self.head = head
        self.perturbation = perturbation
        self.batch_tokens = batch_tokens

    #: Whether there are further losses to step on after each update, see `layers.bags.BagShim`.
    plays = False

    def loss(self, batch: InstanceBatch, bags: Bags, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_bags, n_labels), 0 or 1. RETURNS: a scalar; out of training that of the words as they
        are."""

        def loss_of(words: Tensor) -> Tensor:
            return self.head.loss(self._encode(words, batch), bags, targets)

        words = self.words(batch)
        if self.perturbation is None or not self.training:
            return loss_of(words)
        groups, n_groups = word_groups(self.perturbation.scope, batch, bags)
        return self.perturbation.loss(words, groups, n_groups, loss_of)

    def forward(self, batch: InstanceBatch, bags: Bags) -> tuple[Tensor, Tensor]:
        """RETURNS: scores, *Shape:* (n_bags, n_labels + 1), column 0 is no-relation; and how much each sentence counts
        in its bag for each of these, *Shape:* (n_instances, n_labels + 1)."""
        vectors = self._encode(self.words(batch), batch)
        return self.head.scores(vectors, bags), self.head.weights(vectors, bags)

    def _encode(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        return encode_in_parts(self.encoder, words, batch, self.batch_tokens)


def word_groups(scope: str, batch: InstanceBatch, bags: Bags | None = None) -> tuple[Tensor, int]:
    """Which words share a norm: int64 (n_tokens,) and the number of groups. scope: see `perturbation.SCOPES`; without
    bags each sentence is one."""
    owners = batch.owners()
    if scope == "batch":
        return torch.zeros_like(owners), 1
    if scope == "bag" and bags is not None:
        return bags.owners().index_select(0, owners), len(bags)
    return owners, len(batch)


def encode_in_parts(
    encoder: Callable[[Tensor, InstanceBatch], Tensor], words: Tensor, batch: InstanceBatch, batch_tokens: int
) -> Tensor:
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
