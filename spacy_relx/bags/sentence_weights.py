"""How much each sentence of a bag counts, for each relation that is asked for (multi-instance learning).

An aggregator gives weights that sum to 1 within each bag. Its queries are the relations, column 0 that of no-relation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.settings import architecture
from .instance_batch import Bags, segment_softmax


def bag_softmax(scores: Tensor, bags: Bags) -> Tensor:
    """Softmax within each bag. scores: *Shape:* (n_instances, n). RETURNS: the same shape."""
    return segment_softmax(scores, bags.owners(), len(bags))


class Aggregator(nn.Module, ABC):
    """width: of the sentence vectors. n_queries: relations, no-relation included."""

    #: Whether the probabilities that a sentence gives the relations sum to 1; the classifier sets it.
    exclusive = True

    @abstractmethod
    def forward(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags, queries: Tensor) -> Tensor:
        """Weights under one query for each bag.

        vectors: *Shape:* (n_instances, width). logits: *Shape:* (n_instances, n_queries), what the classifier says of
        each sentence alone, without its bias. queries: *Shape:* (n_bags,), int64. RETURNS: *Shape:* (n_instances,).
        """

    @abstractmethod
    def all(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags) -> Tensor:
        """The same under every query. RETURNS: *Shape:* (n_instances, n_queries)."""


@architecture
class SelectiveAttention(Aggregator):
    """`spacy_relx.SelectiveAttention.v1`: sentences count by their agreement with the relation that is asked for.

    The weights are the softmax over the bag of f(s) q_r, with a query vector for each relation (Lin et al. 2016, eq.
    8).
    """

    def __init__(self, width: int, n_queries: int, *, tanh: bool = True, tied: bool = False):
        """Make the attention.

        Args:
            width: Width of the sentence vectors.
            n_queries: Number of relations, no-relation included.
            tanh: Whether f is tanh (Wu et al. 2017, section 3.2), or nothing (Wang et al. 2018, eq. 7).
            tied: Whether q_r is the classifier's row of r (as OpenNRE has it), or a vector of its own.
        """
        super().__init__()
        self.tanh = tanh
        self.queries = None if tied else nn.Parameter(torch.empty(n_queries, width))
        if self.queries is not None:
            nn.init.xavier_uniform_(self.queries)

    def _queries(self, classifier: nn.Linear) -> Tensor:
        return classifier.weight if self.queries is None else self.queries

    def forward(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags, queries: Tensor) -> Tensor:
        asked = self._queries(classifier).index_select(0, queries).index_select(0, bags.owners())
        states = torch.tanh(vectors) if self.tanh else vectors
        return bag_softmax((states * asked).sum(dim=1, keepdim=True), bags).squeeze(1)

    def all(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags) -> Tensor:
        states = torch.tanh(vectors) if self.tanh else vectors
        return bag_softmax(states @ self._queries(classifier).t(), bags)


@architecture
class AverageSentences(Aggregator):
    """`spacy_relx.AverageSentences.v1`: every sentence of a bag counts alike."""

    def __init__(self, width: int, n_queries: int):
        super().__init__()

    def forward(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags, queries: Tensor) -> Tensor:
        return 1.0 / torch.repeat_interleave(bags.sizes, bags.sizes).to(vectors.dtype)

    def all(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags) -> Tensor:
        weights = self.forward(vectors, logits, classifier, bags, bags.sizes)
        return weights.unsqueeze(1).expand(-1, logits.shape[1])


@architecture
class AtLeastOne(Aggregator):
    """`spacy_relx.AtLeastOne.v1`: the one sentence counts that makes the relation most probable (Zeng et al. 2015,
    section 3.5)."""

    def __init__(self, width: int, n_queries: int):
        super().__init__()

    def forward(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags, queries: Tensor) -> Tensor:
        return self.all(vectors, logits, classifier, bags).gather(1, queries[bags.owners()].unsqueeze(1)).squeeze(1)

    def all(self, vectors: Tensor, logits: Tensor, classifier: nn.Linear, bags: Bags) -> Tensor:
        likely = logits.detach() + classifier.bias.detach()
        if self.exclusive:
            likely = torch.log_softmax(likely, dim=1)
        owners = bags.owners().unsqueeze(1).expand_as(likely)
        lowest = likely.new_full((len(bags), likely.shape[1]), -torch.inf)
        best = lowest.scatter_reduce(0, owners, likely, "amax").gather(0, owners) == likely
        # among equals the first one: what comes earlier has a lower number
        places = torch.arange(len(likely), device=likely.device).unsqueeze(1).expand_as(likely)
        firsts = torch.where(best, places, len(likely))
        first = places.new_full(lowest.shape, len(likely)).scatter_reduce(0, owners, firsts, "amin").gather(0, owners)
        return (places == first).to(vectors.dtype)


#: (width of the sentence vectors, number of relations with no-relation) -> the aggregator.
MakeAggregator = Callable[[int, int], Aggregator]
