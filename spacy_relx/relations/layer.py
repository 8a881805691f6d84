"""`spacy_relx.RelationModel.v1`: Docs with candidates -> token vectors -> pair vectors -> labels."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..core.classifiers import MakeClassifier
from ..core.docs_to_batch import DocBatch, make_pair_batch, offsets
from ..core.layer import Encoder, TaskModel, TokenTaskLayer, given, make_model
from ..core.pair_batch import PairBatch
from ..core.settings import Count, Probability, architecture
from .network import RelationNetwork
from .pair_features import MakePairs

#: float32 (n_pairs, n_labels + 1) of each Doc, column 0 is no-relation.
PairScores: TypeAlias = np.ndarray


class RelationLayer(TokenTaskLayer[RelationNetwork, np.ndarray, PairScores]):
    """Candidate pairs -> scores, or a loss. Targets: float32 (n_pairs, n_labels), of all Docs' pairs.

    Args:
        pairs: Makes the pair representation.
        classifier: Makes the classifier.
        batch_tokens: As of `TokenTaskLayer`.
        batch_pairs: Pairs that are worked on at once.
        marker_dropout: As of `TaskLayer`.
    """

    name = "relation"

    def __init__(
        self, pairs: MakePairs, classifier: MakeClassifier, batch_tokens: int, batch_pairs: int, marker_dropout: float
    ):
        super().__init__(batch_tokens, marker_dropout)
        self.pairs, self.classifier, self.batch_pairs = pairs, classifier, batch_pairs

    def build(self) -> RelationNetwork:
        pairs = self.pairs(self.sizes["width"], self.task.n_markers)
        return RelationNetwork(pairs, self.classifier(pairs.width_out, self.task.n_labels), self.batch_pairs)

    def batch(self, docs: DocBatch) -> PairBatch:
        """The pairs of Docs. Where pair features see a mention's text, it is the sentence if training had such."""
        by_sentence = self.task.by_sentence and self.network.pairs.reads_texts
        return make_pair_batch(docs, by_sentence).to(self.device)

    def loss(self, docs: DocBatch, targets: np.ndarray, tokens: Tensor | None) -> Tensor:
        vectors = given(tokens)
        batch = self.batch(docs)
        if not len(batch):  # yet the backward pass has to happen: an encoder that others listen to waits for it
            return vectors.sum() * 0.0
        return self.network.loss(vectors, batch, torch.from_numpy(targets).to(self.device))

    def nothing(self) -> PairScores:
        return np.zeros((0, self.task.n_labels + 1), dtype="float32")

    def is_read(self, docs: DocBatch) -> list[bool]:
        return [len(each) > 0 for each in docs.candidates]

    def answers(self, docs: DocBatch, tokens: Tensor) -> list[PairScores]:
        scores = self.network(tokens, self.batch(docs)).cpu().numpy()
        return np.split(scores, offsets([len(each) for each in docs.candidates])[1:-1])


@architecture
def build_relation_model(
    encoder: Encoder,
    pairs: MakePairs,
    classifier: MakeClassifier,
    *,
    batch_tokens: Count = 8192,
    batch_pairs: Count = 8192,
    marker_dropout: Probability = 0.0,
) -> TaskModel:
    """`spacy_relx.RelationModel.v1`: a model of `relation_extractor` above any encoder.

    Args:
        encoder: Any model from Docs to token vectors, such as `spacy_relx.HashBiGRU.v1`, spaCy's, or a listener. With
            `spacy_relx.WithEntityTypes.v1` around it, it knows of the mentions' entity types.
        pairs: `spacy_relx.PairFeatures.v1`.
        classifier: `spacy_relx.SoftmaxClassifier.v1` or `spacy_relx.MultiLabelClassifier.v1`.
        batch_tokens: Tokens that are encoded at once in prediction. It bounds memory and changes no score.
        batch_pairs: Pairs that are worked on at once. It bounds memory and changes no score.
        marker_dropout: Probability that all types of a Doc, and again that a single mention's type, are hidden in
            training. It teaches the uniform marker, to which types fall back that training never showed.

    Returns:
        The model.
    """
    return make_model(RelationLayer(pairs, classifier, batch_tokens, batch_pairs, marker_dropout), encoder)
