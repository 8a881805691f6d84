"""Classifiers over pair vectors, with their losses and what their scores mean.

All give, for a pair, the score of "no relation" in column 0 and that of label i in column i + 1. A label is predicted
when its score beats column 0 (or a threshold), so decoding need not know which classifier it was.

In targets 1 is a label that holds, 0 one that does not, and `UNKNOWN` one of which that is not known: of data that is
annotated in part. A pair of which nothing is known is no part of a loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .precision import full_precision
from .settings import Positive, Probability, architecture


class Classifier(nn.Module, ABC):
    """Pair vectors -> labels.

    Attributes:
        multi_label: Whether a pair may have several labels.
        n_labels: Number of labels, without no-relation.
        no_relation_weight: Weight of unrelated pairs in the loss.
        negative_ratio: At most this many unrelated pairs are kept for each related one; None keeps all.
    """

    multi_label: bool
    no_relation_weight: float
    negative_ratio: float | None

    def __init__(self, width: int, n_labels: int, n_outputs: int):
        super().__init__()
        self.n_labels = n_labels
        self.output = nn.Linear(width, n_outputs)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits.

        Args:
            vectors: *Shape:* (n_pairs, width).

        Returns:
            *Shape:* (n_pairs, n_outputs).
        """
        logits: Tensor = self.output(vectors)
        return logits

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """Scores, *Shape:* (n_pairs, n_labels + 1), of what `forward` gave."""

    def weights(self, targets: Tensor) -> Tensor:
        """The weight of each pair in the loss, *Shape:* (n_pairs,); 0 where nothing is known."""
        weights = torch.where((targets > 0).any(dim=1), 1.0, float(self.no_relation_weight))
        return weights.masked_fill((targets < 0).all(dim=1), 0.0)

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of the pairs, weighted.

        Args:
            logits: What `forward` gave.
            targets: *Shape:* (n_pairs, n_labels), 0, 1 or `UNKNOWN`.

        Returns:
            A scalar.
        """


#: (width, n_labels) -> the classifier.
MakeClassifier = Callable[[int, int], Classifier]


@architecture
class SoftmaxClassifier(Classifier):
    """`spacy_relx.SoftmaxClassifier.v1`: one label a pair, or none, by a softmax over no-relation and the labels.

    A training pair that holds several labels asks for the probability of all of them together, -log sum_l p(l). One
    that holds none, but of which some labels are unknown, asks for that of no relation and these labels together.
    """

    multi_label = False

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        no_relation_weight: Positive = 1.0,
        negative_ratio: Positive | None = None,
        label_smoothing: Probability = 0.0,
    ):
        """Make the classifier.

        Args:
            width: Width of the pair vectors.
            n_labels: Number of labels, without no-relation.
            no_relation_weight: Weight of unrelated pairs in the loss.
            negative_ratio: Keep at most this many unrelated pairs for each related one, drawn anew in each update; null
                keeps all.
            label_smoothing: Share of the loss that asks for all outcomes alike (Szegedy et al. 2016, section 7).
        """
        super().__init__(width, n_labels, n_labels + 1)
        self.no_relation_weight = no_relation_weight
        self.negative_ratio = negative_ratio
        self.label_smoothing = label_smoothing

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities; each row sums to 1."""
        return torch.softmax(full_precision(logits), dim=1)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        holds, unknown = targets > 0, targets < 0
        negative = ~holds.any(dim=1, keepdim=True)
        gold = torch.cat([negative, holds | (unknown & negative)], dim=1)
        log_p = torch.log_softmax(full_precision(logits), dim=1)
        losses = set_loss(log_p, gold)
        if self.label_smoothing:
            # unknown labels and no relation are one outcome
            whole = (log_p.masked_fill(gold, 0.0).sum(dim=1) - losses) / (1 + (~gold).sum(dim=1))
            uniform = torch.where((unknown & negative).any(dim=1), whole, log_p.mean(dim=1))
            losses = (1 - self.label_smoothing) * losses - self.label_smoothing * uniform
        weights = self.weights(targets)
        return (losses * weights).sum() / weights.sum().clamp(min=1e-8)


@architecture
class MultiLabelClassifier(Classifier):
    """`spacy_relx.MultiLabelClassifier.v1`: any number of labels a pair, by a sigmoid for each; binary cross-entropy
    summed over labels."""

    multi_label = True

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        no_relation_weight: Positive = 1.0,
        negative_ratio: Positive | None = None,
        positive_weight: Positive = 1.0,
    ):
        """Make the classifier.

        Args:
            width: Width of the pair vectors.
            n_labels: Number of labels.
            no_relation_weight: Weight of unrelated pairs in the loss.
            negative_ratio: Keep at most this many unrelated pairs for each related one, drawn anew in each update; null
                keeps all.
            positive_weight: Weight of a label that holds against one that does not.
        """
        super().__init__(width, n_labels, n_labels)
        # most pairs hold no label: begin there, or the first updates do nothing but learn it
        nn.init.constant_(self.output.bias, -3.0)
        self.no_relation_weight = no_relation_weight
        self.negative_ratio = negative_ratio
        self.positive_weight = positive_weight

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities; column 0 is the constant .5."""
        return nn.functional.pad(torch.sigmoid(full_precision(logits)), (1, 0), value=0.5)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        logits = full_precision(logits)
        weights = self.weights(targets)
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, (targets > 0).to(logits.dtype), pos_weight=logits.new_tensor(self.positive_weight), reduction="none"
        ).masked_fill(targets < 0, 0.0)
        return (losses.sum(dim=1) * weights).sum() / weights.sum().clamp(min=1e-8)


def set_loss(log_p: Tensor, possible: Tensor) -> Tensor:
    """-log of the probability that the outcome is one of those that are possible.

    Args:
        log_p: *Shape:* (n, n_outcomes).
        possible: The same, bool.

    Returns:
        *Shape:* (n,).
    """
    return -torch.logsumexp(log_p.masked_fill(~possible, -torch.inf), dim=1)


def sample_pairs(targets: Tensor, ratio: float | None) -> Tensor | None:
    """Choose the pairs to train on: every related one, and for each of them `ratio` unrelated ones at random; none of
    which nothing is known.

    Args:
        targets: *Shape:* (n_pairs, n_labels), 0, 1 or `UNKNOWN`.
        ratio: Unrelated pairs for each related one, at least one in all; None for all.

    Returns:
        Their rows, int64, ascending; None for all.
    """
    told = (targets >= 0).any(dim=1)
    every = None if bool(told.all()) else told.nonzero().squeeze(1)
    if ratio is None:
        return every
    related = (targets > 0).any(dim=1)
    negatives = (told & ~related).nonzero().squeeze(1)
    wanted = max(1, round(float(related.sum()) * ratio))
    if wanted >= len(negatives):
        return every
    drawn = negatives[torch.randperm(len(negatives), device=targets.device)[:wanted]]
    return torch.cat([related.nonzero().squeeze(1), drawn]).sort().values
