"""What a batch of texts looks like to a network that finds mentions and relations, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.pair_batch import TensorBatch


@dataclass(frozen=True)
class JointBatch(TensorBatch):
    """Sentences, or whole texts where sentences are not known, laid end to end. Mentions and relations lie in one.

    lengths: (n_parts,) int64, tokens of each, at least 1. allowed: (n_parts, n_labels + 1) bool, the relations that its
    language has, column 0 is no-relation; None where all are.
    """

    lengths: Tensor
    allowed: Tensor | None = None

    def parts(self) -> Tensor:
        """int64 (n_parts, 2): first token and end of each."""
        ends = self.lengths.cumsum(0)
        return torch.stack([ends - self.lengths, ends], dim=1)

    def owners(self) -> Tensor:
        """int64 (n_tokens,): the part of each token."""
        return torch.arange(len(self.lengths), device=self.lengths.device).repeat_interleave(self.lengths)


@dataclass(frozen=True)
class Known(TensorBatch):
    """What the annotation of each Doc covers, see `Annotated`.

    docs: (n_tokens,) int64, the Doc of each token. The others are bool. types: (n_docs, n_types), whether all mentions
    of the type are annotated. labels: (n_docs, n_labels), the same of relations. mentions: (n_docs,), whether all
    mentions are, of whatever type. pairs: (n_docs,), whether labels are known of all pairs; else of those alone that
    relations name.
    """

    docs: Tensor
    types: Tensor
    labels: Tensor
    mentions: Tensor
    pairs: Tensor


@dataclass(frozen=True)
class JointTargets(TensorBatch):
    """What is to be found, tokens numbered through the batch. All int64.

    spans: (n_mentions, 2) first token and end (exclusive). types: (n_mentions,) row of the entity type, -1 where it is
    not known. relations: (n_relations, 3) head, label, tail: rows of mentions, and of the label plus one; 0 is
    no-relation, for a pair of mentions that is known to have none. known: None where all is annotated.
    """

    spans: Tensor
    types: Tensor
    relations: Tensor
    known: Known | None = None


@dataclass(frozen=True)
class Found(TensorBatch):
    """What is found in a batch.

    spans: (n_mentions, 2) int64, in the order of the parts, within one in any. types: (n_mentions,) int64, -1 for a
    mention without a type. mention_scores: (n_mentions,) float, probability that it is a mention. pairs: (n_pairs, 2)
    int64, rows of mentions: head, tail.
    scores: (n_pairs, n_labels + 1) float, column 0 is no-relation; the others are the probability of the whole triple:
    of the relation and of both mentions.
    """

    spans: Tensor
    types: Tensor
    mention_scores: Tensor
    pairs: Tensor
    scores: Tensor


class Finder(nn.Module, ABC):
    """A network that finds mentions and relations.

    Attributes:
        multi_label: Whether a pair may have several labels.
        max_mention_tokens: Tokens of a mention at most.
        unrelated_pairs: Whether sentences of no relation are about a pair, too, which is to be found.
    """

    multi_label: bool
    max_mention_tokens: int
    unrelated_pairs: bool = False

    @abstractmethod
    def loss(self, tokens: Tensor, batch: JointBatch, targets: JointTargets) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            tokens: *Shape:* (n_tokens, width).
            batch: The texts.
            targets: What is to be found.
        """

    @abstractmethod
    def forward(self, tokens: Tensor, batch: JointBatch) -> Found:
        """What is found. tokens: *Shape:* (n_tokens, width)."""
