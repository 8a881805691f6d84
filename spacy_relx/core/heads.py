"""Classifiers over pair vectors, with their losses and what their scores mean.

Both give, for a pair, the score of "no relation" in column 0 and that of label i in column i + 1. A label is predicted
when its score beats column 0 (or a threshold), so decoding need not know which head it was.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .precision import full_precision


class SoftmaxHead(nn.Module):
    """One label a pair, or none: softmax over no-relation and the labels.

    A training pair that holds several labels asks for the probability of all of them together, -log sum_l p(l).

    width: of the pair vectors. n_labels: without no-relation. no_relation_weight: weight of unrelated pairs in the
    loss. negative_ratio: at most so many unrelated pairs for each related one, drawn anew in each update; None keeps
    all. label_smoothing: share of the loss that asks for all outcomes alike (Szegedy et al. 2016, section 7).
    """

    multi_label = False

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        no_relation_weight: float = 1.0,
        negative_ratio: float | None = None,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.output = nn.Linear(width, n_labels + 1)
        self.no_relation_weight = no_relation_weight
        self.negative_ratio = negative_ratio
        self.label_smoothing = label_smoothing

    def forward(self, vectors: Tensor) -> Tensor:
        """vectors: *Shape:* (n_pairs, width). RETURNS: logits, *Shape:* (n_pairs, n_labels + 1)."""
        return self.output(vectors)

    def scores(self, logits: Tensor) -> Tensor:
        """RETURNS: probabilities, *Shape:* (n_pairs, n_labels + 1), each row sums to 1."""
        return torch.softmax(full_precision(logits), dim=1)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_pairs, n_labels), 0 or 1. RETURNS: weighted mean over pairs, a scalar."""
        negative = ~targets.any(dim=1)
        gold = torch.cat([negative.unsqueeze(1), targets.bool()], dim=1)
        log_p = torch.log_softmax(full_precision(logits), dim=1)
        losses = -torch.logsumexp(log_p.masked_fill(~gold, -torch.inf), dim=1)
        if self.label_smoothing:
            losses = (1 - self.label_smoothing) * losses - self.label_smoothing * log_p.mean(dim=1)
        weights = torch.where(negative, self.no_relation_weight, 1.0)
        return (losses * weights).sum() / weights.sum().clamp(min=1e-8)


class MultiLabelHead(nn.Module):
    """Any number of labels a pair: an independent sigmoid each, binary cross-entropy summed over labels.

    no_relation_weight, negative_ratio: as in `SoftmaxHead`. positive_weight: weight of a label that holds against one
    that does not.
    """

    multi_label = True

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        no_relation_weight: float = 1.0,
        negative_ratio: float | None = None,
        positive_weight: float = 1.0,
    ):
        super().__init__()
        self.output = nn.Linear(width, n_labels)
        # most pairs hold no label: begin there, or the first updates do nothing but learn it
        nn.init.constant_(self.output.bias, -3.0)
        self.no_relation_weight = no_relation_weight
        self.negative_ratio = negative_ratio
        self.positive_weight = positive_weight

    def forward(self, vectors: Tensor) -> Tensor:
        """vectors: *Shape:* (n_pairs, width). RETURNS: logits, *Shape:* (n_pairs, n_labels)."""
        return self.output(vectors)

    def scores(self, logits: Tensor) -> Tensor:
        """RETURNS: probabilities; column 0 is the constant .5, *Shape:* (n_pairs, n_labels + 1)."""
        return nn.functional.pad(torch.sigmoid(full_precision(logits)), (1, 0), value=0.5)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_pairs, n_labels), 0 or 1. RETURNS: weighted mean over pairs, a scalar."""
        logits = full_precision(logits)
        weights = torch.where(targets.any(dim=1), 1.0, self.no_relation_weight)
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, targets.to(logits.dtype), pos_weight=logits.new_tensor(self.positive_weight), reduction="none"
        )
        return (losses.sum(dim=1) * weights).sum() / weights.sum().clamp(min=1e-8)


Head = SoftmaxHead | MultiLabelHead


def sample_pairs(targets: Tensor, ratio: float | None) -> Tensor | None:
    """Rows to train on: every related pair, and at random `ratio` unrelated ones for each (at least one in all).

    targets: *Shape:* (n_pairs, n_labels). RETURNS: sorted int64 rows, or None for all.
    """
    if ratio is None:
        return None
    related = targets.any(dim=1)
    negatives = (~related).nonzero().squeeze(1)
    wanted = max(1, round(float(related.sum()) * ratio))
    if wanted >= len(negatives):
        return None
    drawn = negatives[torch.randperm(len(negatives), device=targets.device)[:wanted]]
    return torch.cat([related.nonzero().squeeze(1), drawn]).sort().values
