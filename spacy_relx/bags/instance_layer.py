"""`spacy_relx.InstanceModel.v1`: each candidate pair is a sentence that is read for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from ..core.classifiers import MakeClassifier, sample_pairs
from ..core.docs_to_batch import DocBatch, offsets
from ..core.layer import TaskModel, make_model
from ..core.settings import Count, CountOrZero, Probability, architecture
from ..errors import RelxError
from ..relations.layer import PairScores
from .instance_batch import InstanceBatch, TokenVectors
from .instance_network import InstanceNetwork
from .instance_text import AnyText
from .instances import Instances, pair_instances
from .layer import InstancesLayer, MakeNetwork
from .perturbation import Perturbation
from .sentence_encoders import MakeSentences


class InstanceLayer(InstancesLayer[InstanceNetwork, PairScores]):
    """Candidate pairs -> scores, or a loss. Targets: float32 (n_pairs, n_labels), of all Docs' pairs.

    Args:
        words: As of `InstancesLayer`.
        make: As of `InstancesLayer`.
        max_tokens: As of `InstancesLayer`.
        batch_pairs: Pairs that are read at once in prediction.
        marker_dropout: As of `TaskLayer`.
    """

    name = "instance_relation"

    def __init__(
        self,
        words: AnyText,
        make: MakeNetwork[InstanceNetwork],
        max_tokens: int,
        batch_pairs: int,
        marker_dropout: float,
    ):
        super().__init__(words, make, (), max_tokens, marker_dropout)
        self.batch_pairs = batch_pairs

    def loss(self, docs: DocBatch, targets: np.ndarray, tokens: Tensor | None) -> Tensor:
        """The loss of the pairs that are sampled; the others are not read."""
        if not len(targets):
            return torch.zeros(())
        gold, instances = torch.from_numpy(targets), pair_instances(docs, self.max_tokens)
        rows = sample_pairs(gold, self.network.classifier.negative_ratio)
        if rows is not None and not len(rows):
            return torch.zeros(())
        if rows is not None:
            gold, instances = gold[rows], instances.select(rows.numpy())
        return self.network.loss(self._read(docs, instances), gold.to(self.device))

    def _read(self, docs: DocBatch, instances: Instances) -> InstanceBatch:
        """The batch of some instances. Docs that have none of them are not looked at."""
        used, owners = np.unique(instances.docs, return_inverse=True)
        return self.batch([docs[i] for i in used.tolist()], replace(instances, docs=owners))

    def predict(self, model: TaskModel, docs: Sequence[Doc]) -> list[PairScores]:
        """Scores of each Doc's candidate pairs, in the order of the Docs, of at most `batch_pairs` pairs at once."""
        batch = DocBatch(docs)
        instances = pair_instances(batch, self.max_tokens)
        scores = np.zeros((len(instances), self.task.n_labels + 1), dtype="float32")
        self.network.eval()
        with torch.inference_mode():
            for first in range(0, len(instances), self.batch_pairs):
                rows = np.arange(first, min(first + self.batch_pairs, len(instances)))
                scores[rows] = self.network(self._read(batch, instances.select(rows))).cpu().numpy()
        return np.split(scores, offsets([len(bags.rows) for bags in instances.bags])[1:-1])


@architecture
def build_instance_model(
    words: AnyText,
    encoder: MakeSentences,
    classifier: MakeClassifier,
    *,
    adversarial: Perturbation | None = None,
    max_tokens: CountOrZero = 256,
    batch_tokens: Count = 8192,
    batch_pairs: Count = 2048,
    marker_dropout: Probability = 0.0,
) -> TaskModel:
    """`spacy_relx.InstanceModel.v1`: a model of `relation_extractor` with the sentence encoders of
    `spacy_relx.BagModel.v1`: each candidate pair is a sentence with one head and one tail -> its vector -> labels.

    Args:
        words: For instance `spacy_relx.WordTable.v1`.
        encoder: For instance `spacy_relx.PCNN.v1`.
        classifier: `spacy_relx.SoftmaxClassifier.v1` or `spacy_relx.MultiLabelClassifier.v1`; pairs that its
            negative_ratio leaves out are not encoded.
        adversarial: `spacy_relx.AdversarialTraining.v1` with the scope "sentence" or "batch", or null.
        max_tokens: Tokens of the text of a pair, the sentence or sentences of its mentions; of a longer one, what is
            around both mentions is read; 0 for no limit.
        batch_tokens: Tokens that are encoded at once. It bounds memory and changes no score.
        batch_pairs: Pairs whose words are held at once. It bounds memory and changes no score.
        marker_dropout: Probability that all types of a Doc, and again that a single mention's type, are hidden in
            training.

    Returns:
        The model.

    Raises:
        RelxError: RX021 for adversarial training of bags.
    """
    if adversarial is not None and adversarial.scope == "bag":
        raise RelxError("RX021", name="scope", value="bag", need="one of sentence, batch")
    make = partial(_make_network, encoder, classifier, adversarial, batch_tokens, batch_pairs)
    return make_model(InstanceLayer(words, make, max_tokens, batch_pairs, marker_dropout))


def _make_network(
    encoder: MakeSentences,
    classifier: MakeClassifier,
    adversarial: Perturbation | None,
    batch_tokens: int,
    batch_pairs: int,
    words: TokenVectors,
    n_markers: int,
    n_labels: int,
) -> InstanceNetwork:
    sentences = encoder(words, n_markers)
    of_pairs = classifier(sentences.width_out, n_labels)
    return InstanceNetwork(words, sentences, of_pairs, adversarial, batch_tokens, batch_pairs)
