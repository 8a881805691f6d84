"""Knowledge base embeddings beside the text: what the base says of two entities, and a classifier that uses both.

Xu and Barbosa 2019, "Connecting Language and Knowledge with Heterogeneous Representations for Neural Relation
Extraction" (HRERE), NAACL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..bags.bag_classifiers import (
    BagClassifier,
    EntityTables,
    MakeBagClassifier,
    SoftmaxBagClassifier,
    bag_weights,
    gold_queries,
)
from ..bags.instance_batch import Bags
from ..core.precision import full_precision
from ..core.settings import Fraction, NotNegative, architecture
from ..errors import RelxError
from .complex_network import conj_product

#: What of the knowledge training changes: all vectors, those of relations, or none.
Tune = Literal["all", "relations", "none"]


class KnowledgeTables(NamedTuple):
    """keys: int64 (n_entities,), hashes of the entities' ids, ascending. entities: float32 (n_entities, 2 * dim), in
    that order, [real; imaginary]. relations: float32 (n_labels + 1, 2 * dim), row 0 is no-relation."""

    keys: Tensor
    entities: Tensor
    relations: Tensor


class Knowledge(EntityTables):
    """p(r | (h, t)) = softmax over relations, no-relation included, of the ComplEx score phi(e_h, w_r, e_t) (Xu and
    Barbosa 2019, section 4.2).

    n_labels: relations, without no-relation. source: relations' names -> where to start from, asked once, when a new
    model is initialised; a saved model has its tables, of whatever size, with its weights. tune: see `Tune`. lr_scale:
    learning rate of the tables, times the common one.
    """

    keys: Tensor

    def __init__(
        self, n_labels: int, source: Callable[[Sequence[str]], KnowledgeTables], *, tune: Tune, lr_scale: float
    ):
        super().__init__()
        self.source = source
        self.tune = tune
        self.lr_scale = lr_scale
        self.n_labels = n_labels
        self._set(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 0), torch.zeros(n_labels + 1, 0))

    def start(self, labels: Sequence[str]) -> None:
        device = self.entities.device
        self._set(*(table.to(device) for table in self.source(labels)))

    @property
    def shape(self) -> tuple[int, int]:
        n_entities, width = self.entities.shape
        return n_entities, width

    def make_room(self, n_entities: int, width: int) -> None:
        keys = torch.zeros(n_entities, dtype=torch.int64)
        self._set(keys, torch.zeros(n_entities, width), torch.zeros(self.n_labels + 1, width))

    def _set(self, keys: Tensor, entities: Tensor, relations: Tensor) -> None:
        self.register_buffer("keys", keys)
        self.entities = nn.Parameter(entities, requires_grad=self.tune == "all")
        self.relations = nn.Parameter(relations, requires_grad=self.tune != "none")
        for table in (self.entities, self.relations):
            table.lr_scale = self.lr_scale  # type: ignore[attr-defined]

    def rows(self, hashes: np.ndarray) -> np.ndarray:
        """Rows of entities, -1 for those that the base does not know. hashes: int64, of any shape, as is the result."""
        keys = self.keys.cpu().numpy()
        if not len(keys):
            return np.full(hashes.shape, -1, dtype="int64")
        places = np.searchsorted(keys, hashes).clip(max=len(keys) - 1)
        return np.where(keys[places] == hashes, places, -1)

    def forward(self, entities: Tensor) -> Tensor:
        """Scores of the relations. entities: int64 (n, 2), rows of heads and tails. RETURNS: (n, n_labels + 1)."""
        heads, tails = (nn.functional.embedding(rows, self.entities) for rows in entities.unbind(1))
        return full_precision(conj_product(heads, tails) @ self.relations.t())


#: Number of labels -> what the knowledge base says of entities.
MakeKnowledge = Callable[[int], Knowledge]


@architecture
class KnowledgeClassifier(BagClassifier):
    """`spacy_relx.KnowledgeClassifier.v1`: a classifier over bags that also asks a knowledge base about the bag's
    entities (HRERE, Xu and Barbosa 2019).

    J = text_weight J_L + knowledge_weight J_G + agreement_weight J_D (equations 1 to 4; the norm of the parameters is
    the optimizer's L2). J_L is the loss of the text's classifier. J_G is the same of the knowledge. J_D is the
    cross-entropy of the text with the relation that the knowledge finds most probable, as a given: no gradient reaches
    the knowledge through it. All are means over the batch's bags; one with an entity that the base does not know has
    only J_L.

    Scores: alpha p(r|S) + (1 - alpha) p(r|(h, t)) (equation 5) for `combine` "probabilities"; for "logits" the softmax
    of the same sum of logarithms. p(r|S) alone where the base does not know an entity.

    The paper's variants: base has knowledge_weight = agreement_weight = 0 and alpha = 1, naive agreement_weight = 0;
    Weston's is that without knowledge_weight and with tune = "none".
    """

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        text: MakeBagClassifier,
        knowledge: MakeKnowledge,
        text_weight: NotNegative = 1.0,
        knowledge_weight: NotNegative = 1.0,
        agreement_weight: NotNegative = 1.0,
        alpha: Fraction = 0.6,
        combine: Literal["probabilities", "logits"] = "probabilities",
        double_softmax: bool = False,
    ):
        """Make the classifier.

        Args:
            width: Width of the sentence vectors.
            n_labels: Number of labels, without no-relation.
            text: `spacy_relx.BagClassifier.v1` with the loss "softmax".
            knowledge: `spacy_relx.ComplExKnowledge.v1`.
            text_weight: Weight of J_L.
            knowledge_weight: Weight of J_G.
            agreement_weight: Weight of J_D.
            alpha: Share of the text in the scores.
            combine: "probabilities" (the paper) or "logits".
            double_softmax: Whether J_D takes probabilities of the text for logits, as the code published with the paper
                does.

        Raises:
            RelxError: RX021 for another loss of the text's classifier.
        """
        super().__init__()
        of_text = text(width, n_labels)
        if not isinstance(of_text, SoftmaxBagClassifier):
            need = '"softmax", where a knowledge base is asked, too'
            raise RelxError("RX021", name="loss", value="sigmoid", need=need)
        self.text = of_text
        self.tables = knowledge(n_labels)
        self.text_weight = text_weight
        self.knowledge_weight = knowledge_weight
        self.agreement_weight = agreement_weight
        self.alpha = alpha
        self.combine = combine
        self.double_softmax = double_softmax

    @property
    def knowledge(self) -> Knowledge:
        return self.tables

    def loss(self, vectors: Tensor, bags: Bags, targets: Tensor) -> Tensor:
        """targets: *Shape:* (n_bags, n_labels), 0 or 1. RETURNS: a scalar."""
        loss = self.text_weight * self.text.loss(vectors, bags, targets)
        known, entities = self._known(bags)
        if not len(known) or not (self.knowledge_weight or self.agreement_weight):
            return loss
        logits = self.tables(entities)
        weights = bag_weights(targets, self.text.no_relation_weight)
        total = weights.sum().clamp(min=1e-8)
        if self.knowledge_weight:
            rows, queries, of_gold = gold_queries(targets[known], self.text.no_relation_weight)
            log_p = torch.log_softmax(logits, dim=1)[rows, queries]
            loss = loss - self.knowledge_weight * (log_p * of_gold).sum() / total
        if self.agreement_weight:
            log_p = self._log_agreement(vectors, bags, known, logits.detach().argmax(dim=1))
            loss = loss - self.agreement_weight * (log_p * weights[known]).sum() / total
        return loss

    def _log_agreement(self, vectors: Tensor, bags: Bags, known: Tensor, best: Tensor) -> Tensor:
        """log p(best | S) of the text, each under the query of that relation. RETURNS: *Shape:* (n_known,)."""
        instances, asked = bags.expand(known)
        asked_vectors = vectors.index_select(0, instances)
        if not self.double_softmax:
            return self.text.log_probabilities(asked_vectors, asked, best)
        p = torch.softmax(full_precision(self.text.queried(asked_vectors, asked, best)), dim=1)
        return torch.log_softmax(p, dim=1).gather(1, best.unsqueeze(1)).squeeze(1)

    def scores(self, vectors: Tensor, bags: Bags) -> Tensor:
        """RETURNS: *Shape:* (n_bags, n_labels + 1), probabilities."""
        text = self.text.scores(vectors, bags)
        known, entities = self._known(bags)
        if self.alpha == 1 or not len(known):
            return text
        log_p = torch.log_softmax(self.tables(entities), dim=1)
        if self.combine == "probabilities":
            both = self.alpha * text[known] + (1 - self.alpha) * log_p.exp()
        else:
            log_text = text[known].clamp(min=torch.finfo(text.dtype).tiny).log()
            both = torch.softmax(self.alpha * log_text + (1 - self.alpha) * log_p, dim=1)
        return text.index_copy(0, known, both.to(text.dtype))

    def weights(self, vectors: Tensor, bags: Bags) -> Tensor:
        """How much each sentence counts in its bag, for the text. RETURNS: *Shape:* (n_instances, n_labels + 1)."""
        return self.text.weights(vectors, bags)

    def _known(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """The bags of which both entities are known, int64 (n,), and the rows of these, int64 (n, 2)."""
        entities = bags.entities
        if entities is None:
            entities = bags.sizes.new_full((len(bags), 2), -1)
        known = (entities >= 0).all(dim=1).nonzero().squeeze(1)
        return known, entities.index_select(0, known)
