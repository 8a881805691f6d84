"""Classifiers over bags of sentence vectors, with their losses.

A bag's vector depends on the relation that is asked for: s_r = sum_i a_i^r s_i. As the classifier is linear, what it
says of s_r is the same weighted sum of what it says of each sentence, so prediction never builds the vectors s_r.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.precision import full_precision
from ..core.settings import Positive, Probability, architecture
from .instance_batch import Bags
from .sentence_weights import Aggregator, MakeAggregator

#: Floats that scoring may hold at once, about: bags times queries times outcomes.
_ROOM = 1 << 23


class EntityTables(nn.Module, ABC):
    """What a network knows of entities: tables of a size that only their source or saved weights know."""

    @abstractmethod
    def start(self, labels: Sequence[str]) -> None:
        """Take the tables of their source. labels: names of the relations, in the order of the scores' columns."""

    @abstractmethod
    def rows(self, hashes: np.ndarray) -> np.ndarray:
        """Rows of entities, -1 for those that are not known. hashes: int64, of any shape, as is the result."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Number of entities, and width of their vectors."""

    @abstractmethod
    def make_room(self, n_entities: int, width: int) -> None:
        """Set tables of this size, all zeros, before saved ones are loaded."""


class BagClassifier(nn.Module, ABC):
    """Bags of sentence vectors -> relations."""

    @property
    def knowledge(self) -> EntityTables | None:
        """What it knows of entities, None for nothing."""
        return None

    @abstractmethod
    def loss(self, vectors: Tensor, bags: Bags, targets: Tensor) -> Tensor:
        """The weighted mean loss of the bags, a scalar.

        Args:
            vectors: *Shape:* (n_instances, width).
            bags: Which instances belong together.
            targets: *Shape:* (n_bags, n_labels), 0 or 1.
        """

    @abstractmethod
    def scores(self, vectors: Tensor, bags: Bags) -> Tensor:
        """Scores, *Shape:* (n_bags, n_labels + 1)."""

    @abstractmethod
    def weights(self, vectors: Tensor, bags: Bags) -> Tensor:
        """How much each sentence counts in its bag, under each query, *Shape:* (n_instances, n_labels + 1)."""


class LinearBagClassifier(BagClassifier):
    """aggregator: weights of a bag's sentences. width: of their vectors. n_labels: without no-relation. dropout: on
    the bag's vector. no_relation_weight: weight of bags without a relation in the loss.

    Scores: *Shape:* (n_bags, n_labels + 1), column 0 is no-relation; each relation under its own query.
    """

    #: Whether the probabilities of the relations, under one query, sum to 1.
    exclusive = True

    def __init__(
        self, aggregator: Aggregator, width: int, n_labels: int, *, dropout: float, no_relation_weight: float = 1.0
    ):
        super().__init__()
        self.aggregator = aggregator
        aggregator.exclusive = self.exclusive
        self.classifier = nn.Linear(width, n_labels + 1)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        self.dropout = Dropout(dropout)
        self.no_relation_weight = no_relation_weight

    def logits_of(self, vectors: Tensor) -> Tensor:
        """What the classifier says of each sentence, without the bias. *Shape:* (n_instances, n_labels + 1)."""
        return nn.functional.linear(vectors, self.classifier.weight)

    def queried(self, vectors: Tensor, bags: Bags, queries: Tensor) -> Tensor:
        """Logits of bags, each under one query. queries: *Shape:* (n_bags,). RETURNS: (n_bags, n_labels + 1)."""
        weights = self.aggregator(vectors, self.logits_of(vectors), self.classifier, bags, queries)
        rows = torch.arange(len(vectors), device=vectors.device)
        pooled = nn.functional.embedding_bag(rows, vectors, bags.starts, mode="sum", per_sample_weights=weights)
        return self.classifier(self.dropout(pooled))

    def weights(self, vectors: Tensor, bags: Bags) -> Tensor:
        """How much each sentence counts in its bag, under each query. RETURNS: *Shape:* (n_instances, n_labels + 1)."""
        return self.aggregator.all(vectors, self.logits_of(vectors), self.classifier, bags)


class SoftmaxBagClassifier(LinearBagClassifier):
    """p(r | bag) = softmax(A s_r + b)_r (Lin et al. 2016, eq. 10; Wu et al. 2017, section 3.2).

    The loss is - sum log p(r | bag) over the relations that hold (Wu et al. 2017, eq. 1), or over no-relation where
    none does. In training the query is the gold relation; scores have each relation under its own query, so a row of
    them does not sum to 1.
    """

    def loss(self, vectors: Tensor, bags: Bags, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_bags, n_labels), 0 or 1. RETURNS: weighted mean over bags, a scalar."""
        rows, queries, weights = gold_queries(targets, self.no_relation_weight)
        instances, asked = bags.expand(rows)
        log_p = self.log_probabilities(vectors.index_select(0, instances), asked, queries)
        return -(log_p * weights).sum() / bag_weights(targets, self.no_relation_weight).sum().clamp(min=1e-8)

    def log_probabilities(self, vectors: Tensor, bags: Bags, queries: Tensor) -> Tensor:
        """log p(query | bag) under that query. RETURNS: *Shape:* (n_bags,)."""
        log_p = torch.log_softmax(full_precision(self.queried(vectors, bags, queries)), dim=1)
        return log_p.gather(1, queries.unsqueeze(1)).squeeze(1)

    def scores(self, vectors: Tensor, bags: Bags) -> Tensor:
        """RETURNS: *Shape:* (n_bags, n_labels + 1), probabilities, each under its relation's own query."""
        return self.log_scores(vectors, bags).exp()

    def log_scores(self, vectors: Tensor, bags: Bags) -> Tensor:
        """Logarithms of the scores. RETURNS: *Shape:* (n_bags, n_labels + 1)."""
        logits = self.logits_of(vectors)
        weights = self.aggregator.all(vectors, logits, self.classifier, bags)
        n = logits.shape[1]
        owners = bags.owners()
        parts = []
        for queries in torch.arange(n, device=vectors.device).split(max(1, _ROOM // max(1, len(vectors) * n))):
            products = weights[:, queries].unsqueeze(2) * logits.unsqueeze(1)
            summed = logits.new_zeros(len(bags), len(queries), n).index_add(0, owners, products)
            log_p = torch.log_softmax(full_precision(summed + self.classifier.bias), dim=2)
            parts.append(log_p.gather(2, queries.view(1, -1, 1).expand(len(bags), -1, 1)).squeeze(2))
        return torch.cat(parts, dim=1)


class SigmoidBagClassifier(LinearBagClassifier):
    """p(r | bag) = sigmoid(a_r s_r + b_r), each relation for itself; binary cross-entropy summed over the relations.

    No-relation is no class of its own (column 0 of the scores is the constant .5): a bag without a relation is negative
    for all. This is how the code that Wu et al. 2017 published trains, other than their eq. 1.
    """

    exclusive = False

    def loss(self, vectors: Tensor, bags: Bags, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_bags, n_labels), 0 or 1. RETURNS: weighted mean over bags, a scalar."""
        logits = full_precision(self._own_logits(vectors, bags))
        losses = nn.functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
        weights = bag_weights(targets, self.no_relation_weight)
        return (losses.sum(dim=1) * weights).sum() / weights.sum().clamp(min=1e-8)

    def scores(self, vectors: Tensor, bags: Bags) -> Tensor:
        """RETURNS: *Shape:* (n_bags, n_labels + 1), probabilities; column 0 is the constant .5."""
        return nn.functional.pad(torch.sigmoid(full_precision(self._own_logits(vectors, bags))), (1, 0), value=0.5)

    def _own_logits(self, vectors: Tensor, bags: Bags) -> Tensor:
        """Each relation's logit under its own query. *Shape:* (n_bags, n_labels)."""
        logits = self.logits_of(vectors)
        weights = self.aggregator.all(vectors, logits, self.classifier, bags)
        summed = logits.new_zeros(len(bags), logits.shape[1]).index_add(0, bags.owners(), weights * logits)
        if self.training and self.dropout.p:  # of the bag's vectors, one for each relation
            summed = self._dropped(vectors, weights, bags)
        return (summed + self.classifier.bias)[:, 1:]

    def _dropped(self, vectors: Tensor, weights: Tensor, bags: Bags) -> Tensor:
        """The same sums with dropout on the bags' vectors, one mask a bag. *Shape:* (n_bags, n_labels + 1)."""
        mask = self.dropout(vectors.new_ones(len(bags), vectors.shape[1]))
        logits = self.logits_of(vectors * mask.index_select(0, bags.owners()))
        return logits.new_zeros(len(bags), logits.shape[1]).index_add(0, bags.owners(), weights * logits)


#: (width of the sentence vectors, n_labels) -> the classifier.
MakeBagClassifier = Callable[[int, int], BagClassifier]


@architecture
def make_bag_classifier(
    *,
    aggregator: MakeAggregator,
    loss: Literal["softmax", "sigmoid"] = "softmax",
    dropout: Probability = 0.0,
    no_relation_weight: Positive = 1.0,
) -> MakeBagClassifier:
    """`spacy_relx.BagClassifier.v1`: a classifier over bags.

    Args:
        aggregator: How much each sentence counts, for instance `spacy_relx.SelectiveAttention.v1`.
        loss: "softmax" over no-relation and the relations, for each that holds; or "sigmoid", each relation for itself.
        dropout: Dropout on the bag's vector.
        no_relation_weight: Weight of bags without a relation in the loss.

    Returns:
        What makes it: (width of the sentence vectors, n_labels) -> the classifier.
    """
    kind = SoftmaxBagClassifier if loss == "softmax" else SigmoidBagClassifier
    return partial(_make, kind, aggregator, dropout, no_relation_weight)


def _make(
    kind: type[LinearBagClassifier],
    aggregator: MakeAggregator,
    dropout: float,
    no_relation_weight: float,
    width: int,
    n_labels: int,
) -> BagClassifier:
    weights = aggregator(width, n_labels + 1)
    return kind(weights, width, n_labels, dropout=dropout, no_relation_weight=no_relation_weight)


def gold_queries(targets: Tensor, no_relation_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """What to ask of which bag in training: each relation that holds, or no-relation.

    targets: *Shape:* (n_bags, n_labels). RETURNS: bags, queries (0 is no-relation), both int64 (n,), and weights (n,).
    """
    gold = torch.cat([~targets.any(dim=1, keepdim=True), targets.bool()], dim=1)
    rows, queries = gold.nonzero().unbind(1)
    weights = torch.where(queries == 0, no_relation_weight, 1.0)
    return rows, queries, weights


def bag_weights(targets: Tensor, no_relation_weight: float) -> Tensor:
    """Weight of each bag in the loss. RETURNS: *Shape:* (n_bags,)."""
    return torch.where(targets.any(dim=1), 1.0, no_relation_weight)
