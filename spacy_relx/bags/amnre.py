"""Bags in several languages: what is particular to each, and what they have in common (Wang et al. 2018, AMNRE)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Callable, Literal, cast

import torch
from torch import Tensor, nn

from .bag_classifiers import SoftmaxBagClassifier, bag_weights, gold_queries
from .instance_batch import Bags, InstanceBatch, TokenVectors
from .language_adversary import Adversary, Discriminator, Penalty, fooling_loss, orthogonality, reverse_gradient
from .network import FactNetwork, encode_in_parts, word_groups
from .perturbation import Perturbation
from .sentence_encoders import SentenceEncoder

#: How the experts' probabilities become one.
Combine = Literal["product", "geometric", "average"]
#: Row of a language from 1, the rows of its sentences in a batch, the vectors of their words, and their batch.
_OfLanguage = tuple[int, Tensor, Tensor, InstanceBatch]


class MultilingualNetwork(FactNetwork):
    """p(r | T) = p(r | consistent) prod_j p(r | individual_j), eq. 11, over the languages j that the bag has.

    Args:
        words: Instances -> word vectors.
        individual: An encoder for each language, or None.
        consistent: An encoder for each language, into one space, or None; the same object as `individual` for sentences
            that have one vector for both.
        classifiers: One for each language.
        classifier: Of the consistent space.
        combine: How prediction takes the factors together: "product" (eq. 11); "geometric", its root by the number of
            factors, which makes bags with few and with many languages comparable; or "average" of the factors.
        discriminator: What names the language of a sentence, or None.
        game: How it is played against.
        penalty: Weight of the orthogonality between the two spaces, and its kind.
        perturbation: For adversarial training, or None.
        batch_tokens: As of `BagNetwork`.
    """

    def __init__(
        self,
        words: TokenVectors,
        *,
        individual: nn.ModuleList | None,
        consistent: nn.ModuleList | None,
        classifiers: nn.ModuleList | None,
        classifier: SoftmaxBagClassifier | None,
        combine: Combine,
        discriminator: Discriminator | None,
        game: Adversary | None,
        penalty: tuple[float, Penalty],
        perturbation: Perturbation | None,
        batch_tokens: int,
    ):
        super().__init__()
        self.words = words
        self.shared = consistent is not None and consistent is individual
        self.individual = individual
        self.consistent = None if self.shared else consistent  # saved once
        self.classifiers = classifiers
        self.classifier = classifier
        self.combine = combine
        self.discriminator = discriminator
        self.game = game
        self.penalty = penalty
        self.perturbation = perturbation
        self.batch_tokens = batch_tokens

    @property
    def plays(self) -> bool:
        return self.game is not None and not self.game.reversal

    def loss(self, batch: InstanceBatch, bags: Bags, targets: Tensor) -> Tensor:
        """L_nre + lambda3 L_penalty (eq. 18), and the discriminator's loss where its gradient is to be reversed.

        L_nre is eq. 13 as a weighted mean over bags: - log p(r | T) of the product (eq. 11), summed over a bag's
        relations, whatever `combine` is; each factor is thereby trained as if alone.

        targets: *Shape:* (n_bags, n_labels), 0 or 1. RETURNS: a scalar; out of training that of the words as they are.
        """

        def loss_of(words: Tensor) -> Tensor:
            return self._loss(words, batch, bags, targets)

        words = self.words(batch)
        if self.perturbation is None or not self.training:
            return loss_of(words)
        groups, n_groups = word_groups(self.perturbation.scope, batch, bags)
        return self.perturbation.loss(words, groups, n_groups, loss_of)

    def _loss(self, words: Tensor, batch: InstanceBatch, bags: Bags, targets: Tensor) -> Tensor:
        individual, consistent = self.encode(words, batch)
        loss = self._relation_loss(individual, consistent, batch.langs, bags, targets)
        if self.penalty[0] and individual is not None and consistent is not None and not self.shared:
            loss = loss + self.penalty[0] * self._penalty(individual, consistent, batch.langs)
        if self.game is not None and self.game.reversal and self.discriminator is not None and consistent is not None:
            logits = self.discriminator(reverse_gradient(consistent, self.game.weight))
            loss = loss + nn.functional.cross_entropy(logits, batch.langs - 1)
        return loss

    def _relation_loss(
        self, individual: Tensor | None, consistent: Tensor | None, langs: Tensor, bags: Bags, targets: Tensor
    ) -> Tensor:
        weight = self._no_relation_weight
        rows, queries, weights = gold_queries(targets, weight)
        instances, asked = bags.expand(rows)
        total = torch.zeros(len(rows), device=langs.device)
        for vectors, mine, part, classifier in self._experts(
            individual, consistent, langs[instances], asked, instances
        ):
            log_p = classifier.log_probabilities(vectors.index_select(0, mine), part, queries)
            total = total + torch.where(part.sizes > 0, log_p, 0.0)
        return -(total * weights).sum() / bag_weights(targets, weight).sum().clamp(min=1e-8)

    def forward(self, batch: InstanceBatch, bags: Bags) -> tuple[Tensor, Tensor]:
        """RETURNS: scores, *Shape:* (n_bags, n_labels + 1), column 0 is no-relation, each relation under its own query;
        and how much each sentence counts in its bag, *Shape:* (n_instances, n_labels + 1), sums to 1 in each bag: in
        the consistent space, or else among those of its language, of which all count alike.
        """
        individual, consistent = self.encode(self.words(batch), batch)
        everything = torch.arange(len(batch), device=batch.langs.device)
        experts = list(self._experts(individual, consistent, batch.langs, bags, everything))
        logs = torch.stack(
            [classifier.log_scores(vectors.index_select(0, mine), part) for vectors, mine, part, classifier in experts]
        )
        there = torch.stack([part.sizes > 0 for _, _, part, _ in experts])
        scores = combine(logs, there.unsqueeze(2), self.combine)
        if consistent is not None and self.classifier is not None:
            return scores, self.classifier.weights(consistent, bags)
        weights = scores.new_zeros(len(batch), scores.shape[1])
        for vectors, mine, part, classifier in experts:
            weights = weights.index_copy(0, mine, classifier.weights(vectors.index_select(0, mine), part))
        n_langs = there.sum(dim=0).clamp(min=1)
        return scores, weights / n_langs.index_select(0, bags.owners()).unsqueeze(1)

    def encode(self, words: Tensor, batch: InstanceBatch) -> tuple[Tensor | None, Tensor | None]:
        """Individual and consistent vectors of all sentences, each by the encoders of its language.

        words: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_instances, width), each, or None without such encoders.
        """
        parts = list(self._by_lang(words, batch))
        individual = self._encode(self.individual, parts)
        return individual, individual if self.shared else self._encode(self.consistent, parts)

    def _consistent(self, words: Tensor, batch: InstanceBatch) -> Tensor | None:
        return self._encode(self._consistent_encoders, self._by_lang(words, batch))

    @property
    def _consistent_encoders(self) -> nn.ModuleList | None:
        return self.individual if self.shared else self.consistent

    def _by_lang(self, words: Tensor, batch: InstanceBatch) -> Iterator[_OfLanguage]:
        """The sentences of each language that occurs: its row, theirs, their words, and their batch."""
        if bool((batch.langs == batch.langs[:1]).all()):
            for lang in batch.langs[:1].tolist():
                yield lang, torch.arange(len(batch), device=batch.langs.device), words, batch
            return
        token_langs = batch.langs.index_select(0, batch.owners())
        for lang in torch.unique(batch.langs).tolist():
            rows = (batch.langs == lang).nonzero().squeeze(1)
            yield lang, rows, words[token_langs == lang], batch.select(rows)

    def _encode(self, encoders: nn.ModuleList | None, parts: Iterable[_OfLanguage]) -> Tensor | None:
        if encoders is None:
            return None
        vectors, order = [], []
        for lang, rows, words, part in parts:
            encoder = cast(SentenceEncoder, encoders[lang - 1])
            vectors.append(encode_in_parts(encoder, words, part, self.batch_tokens))
            order.append(rows)
        return torch.cat(vectors).index_select(0, torch.cat(order).argsort())

    def _experts(
        self, individual: Tensor | None, consistent: Tensor | None, langs: Tensor, bags: Bags, instances: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Bags, SoftmaxBagClassifier]]:
        """Each expert's vectors, the rows of them that its bags have, these bags, and its classifier.

        Experts are the consistent space, and each language that occurs, for which bags without it are empty.

        langs: *Shape:* (n,), of the instances of `bags`. instances: *Shape:* (n,), their rows in the vectors.
        """
        if consistent is not None and self.classifier is not None:
            yield consistent, instances, bags, self.classifier
        if individual is None or self.classifiers is None:
            return
        owners = bags.owners()
        for lang, module in enumerate(self.classifiers, start=1):
            classifier = cast(SoftmaxBagClassifier, module)
            mine = langs == lang
            if bool(mine.any()):
                sizes = torch.bincount(owners[mine], minlength=len(bags))
                yield individual, instances[mine], Bags.of_sizes(sizes), classifier

    @property
    def _no_relation_weight(self) -> float:
        classifier = self.classifier if self.classifier is not None else self.classifiers[0]  # type: ignore[index]
        return cast(SoftmaxBagClassifier, classifier).no_relation_weight

    def _penalty(self, individual: Tensor, consistent: Tensor, langs: Tensor) -> Tensor:
        """Eq. 17: a sum over languages."""
        parts = [
            orthogonality(individual[langs == lang], consistent[langs == lang], self.penalty[1])
            for lang in torch.unique(langs).tolist()
        ]
        return torch.stack(parts).sum()

    def games(self) -> Iterator[tuple[Callable[[InstanceBatch], Tensor], list[nn.Parameter]]]:
        encoders = self._consistent_encoders
        if self.game is None or self.discriminator is None or encoders is None:
            return
        for _ in range(self.game.steps):
            yield self.discriminator_loss, list(self.discriminator.parameters())
        moved = [parameter for parameter in encoders.parameters() if parameter.requires_grad]
        for _ in range(self.game.fooling_steps if moved else 0):
            yield self.encoder_loss, moved

    def discriminator_loss(self, batch: InstanceBatch) -> Tensor:
        """Cross-entropy of the languages (L_D of eq. 16, as a mean)."""
        with torch.no_grad():
            vectors = self._consistent(self.words(batch), batch)
        return nn.functional.cross_entropy(self.discriminator(vectors), batch.langs - 1)  # type: ignore[misc]

    def encoder_loss(self, batch: InstanceBatch) -> Tensor:
        """What makes the consistent encoders hide the language (L_E of eq. 16, as a mean)."""
        logits = self.discriminator(self._consistent(self.words(batch).detach(), batch))  # type: ignore[misc]
        return fooling_loss(logits, batch.langs - 1, self.game.fooling)  # type: ignore[union-attr]

    def told_apart(self, batch: InstanceBatch) -> tuple[int, int]:
        if self.discriminator is None:
            return 0, 0
        with torch.inference_mode():
            named = self.discriminator(self._consistent(self.words(batch), batch)).argmax(dim=1)
        return int((named == batch.langs - 1).sum()), len(batch)


def combine(logs: Tensor, there: Tensor, how: Combine) -> Tensor:
    """One score of several experts'.

    logs: *Shape:* (n_experts, n_bags, n_outcomes), logarithms of probabilities. there: *Shape:* (n_experts, n_bags, 1),
    bool, whether an expert has anything to say. how: see `Combine`. RETURNS: *Shape:* (n_bags, n_outcomes).
    """
    n = there.sum(dim=0).clamp(min=1)
    if how == "average":
        return torch.where(there, logs.exp(), 0.0).sum(dim=0) / n
    total = torch.where(there, logs, 0.0).sum(dim=0)
    return (total / n if how == "geometric" else total).exp()
