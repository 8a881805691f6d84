"""`spacy_relx.BagModel.v1`: Docs with candidates -> instances -> bags -> facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple

import numpy as np
import torch
from spacy.strings import get_string_id
from spacy.tokens import Doc
from torch import Tensor

from ..core.docs_to_batch import DocBatch, offsets
from ..core.layer import NetworkT, PredictionT, TaskLayer, TaskModel, make_model
from ..core.settings import Count, CountOrZero, Probability, architecture
from ..data.extensions import get_bag, get_candidates, has_candidates, known_code
from ..data.grouping import Entities
from ..data.sentences import sentence_starts
from ..errors import RelxError
from .bag_classifiers import MakeBagClassifier
from .instance_batch import Bags, InstanceBatch, TokenVectors
from .instance_text import AnyText
from .instances import Instances, find_instances
from .network import BagNetwork, FactNetwork
from .perturbation import Perturbation
from .sentence_encoders import MakeSentences

#: (module of the words, n_markers, n_labels) -> the network.
MakeNetwork = Callable[[TokenVectors, int, int], NetworkT]


class DocFacts(NamedTuple):
    """What a model says of one Doc's bags.

    keys: ids (head, tail) of each bag's entities. scores: float32 (n_bags, n_labels + 1), column 0 is no-relation.
    sizes: int64 (n_bags,), instances of each. windows: int64 (n_instances, 2) their sentences. rows: int64
    (n_instances,) their candidate pairs. weights: float32 (n_instances, n_labels + 1), how much each counts in its bag.
    """

    keys: list[tuple[str, str]]
    scores: np.ndarray
    sizes: np.ndarray
    windows: np.ndarray
    rows: np.ndarray
    weights: np.ndarray


class InstancesLayer(TaskLayer[NetworkT, np.ndarray, PredictionT], Generic[NetworkT, PredictionT]):
    """A model over instances, whose network has the module of its words as `words`.

    Args:
        words: Makes batches of instances, for instance a `WordTable`.
        make: Makes the network.
        langs: Languages that the network tells apart; none where it reads all.
        max_tokens: As of `instances.cut_windows`.
        marker_dropout: As of `TaskLayer`.
    """

    needs_all_docs = True

    def __init__(
        self,
        words: AnyText,
        make: MakeNetwork[NetworkT],
        langs: Sequence[str],
        max_tokens: int,
        marker_dropout: float,
    ):
        super().__init__(marker_dropout)
        self.words, self.make, self.max_tokens = words, make, max_tokens
        self.langs = list(langs)

    @property
    def package_extra(self) -> str:
        return self.words.package_extra

    def measure(self, docs: Iterable[Doc] | None) -> None:
        self.sizes["n_words"] = self.words.prepare(() if docs is None else docs)

    def build(self) -> NetworkT:
        return self.make(self.words.build(self.sizes["n_words"]), self.task.n_markers, self.task.n_labels)

    def start(self) -> None:
        self.words.start(self.network.words, self.task.entity_types)

    def extra_state(self) -> dict[str, Any] | None:
        return self.words.saved(self.network.words)

    def restore(self, task: Mapping[str, Any], sizes: Mapping[str, Any], extra: Mapping[str, Any] | None) -> None:
        self.words.restore(extra)
        super().restore(task, sizes, None)

    def row_of(self, lang: str) -> int:
        """Row of a language, or else of the one that it is a variant of ("en" for "en-US"), from 1; 0 for another."""
        code = known_code(lang, self.langs)
        return self.langs.index(code) + 1 if code in self.langs else 0

    def reads(self, lang: str) -> bool:
        """Whether the network can read a sentence in a language; one that tells none apart reads all."""
        return not self.langs or self.row_of(lang) > 0

    def batch(self, docs: Sequence[Doc], instances: Instances) -> InstanceBatch:
        """The batch of instances.

        Raises:
            RelxError: RX065 for a sentence in a language that the network cannot read.
        """
        rows = {lang: self.row_of(lang) for lang in set(instances.langs)}
        langs = np.array([rows[lang] for lang in instances.langs], dtype="int64")
        if self.langs and not langs.all():
            i = int(np.argmin(langs))
            start, end = instances.windows[i].tolist()
            text = docs[instances.docs[i]][start:end].text[:60]
            raise RelxError("RX065", lang=instances.langs[i], text=text, known=", ".join(self.langs))
        return self.words.batch(docs, instances, langs, self.network.words).to(self.device)


class BagLayer(InstancesLayer[FactNetwork, DocFacts]):
    """Bags -> facts, or a loss. Targets: float32 (n_bags, n_labels), of all Docs' bags.

    A network may play a game: after the step on the loss come further steps, on losses of their own. Each is on the
    batches of all updates since the last step at once, so that there are as many whatever the accumulation of
    gradients.

    Args:
        words: As of `InstancesLayer`.
        make: As of `InstancesLayer`.
        entities: As of `data.grouping.group_pairs`.
        langs: As of `InstancesLayer`.
        max_tokens: As of `InstancesLayer`.
        batch_tokens: Tokens that are read at once in prediction.
        marker_dropout: As of `TaskLayer`.

    Attributes:
        pending: Batches of the updates since the last step, where the network plays.
    """

    name = "bags"

    def __init__(
        self,
        words: AnyText,
        make: MakeNetwork[FactNetwork],
        *,
        entities: Entities,
        langs: Sequence[str],
        max_tokens: int,
        batch_tokens: int,
        marker_dropout: float,
    ):
        super().__init__(words, make, langs, max_tokens, marker_dropout)
        self.entities, self.batch_tokens = entities, batch_tokens
        self.pending: list[InstanceBatch] = []

    def build(self) -> FactNetwork:
        network = super().build()
        if network.knowledge is not None and "entities" in self.sizes:
            network.knowledge.make_room(*self.sizes["entities"])
        return network

    def start(self) -> None:
        super().start()
        knowledge = self.network.knowledge
        if knowledge is not None:
            knowledge.start(self.task.labels)
            self.sizes["entities"] = list(knowledge.shape)

    def copy(self) -> BagLayer:
        copied = super().copy()
        copied.pending = []
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "pending": []}

    def read(self, docs: DocBatch) -> tuple[Instances, InstanceBatch, Bags]:
        """The instances of Docs, their batch and their bags."""
        instances = find_instances(docs, self.entities, self.max_tokens)
        bags = Bags.of_sizes(torch.from_numpy(instances.sizes), self._entity_rows(instances))
        return instances, self.batch(docs, instances), bags.to(self.device)

    def _entity_rows(self, instances: Instances) -> Tensor | None:
        """int64 (n_bags, 2), the rows of head and tail in the network's knowledge; None if it has no such thing."""
        knowledge = self.network.knowledge
        if knowledge is None:
            return None
        keys = [[get_string_id(name) for name in pair] for bags in instances.bags for pair in bags.keys]
        return torch.from_numpy(knowledge.rows(np.array(keys, dtype="uint64").reshape(-1, 2).view("int64")))

    def loss(self, docs: DocBatch, targets: np.ndarray, tokens: Tensor | None) -> Tensor:
        _, batch, bags = self.read(docs)
        if not len(batch):
            return torch.zeros(())
        loss = self.network.loss(batch, bags, torch.from_numpy(targets).to(self.device))
        if self.network.plays and loss.requires_grad:
            self.pending.append(batch)
        return loss

    def further_gradients(self) -> Iterator[None]:
        pending, self.pending = self.pending, []
        if not pending:
            return
        self.network.train()  # a prediction may have come between
        total = sum(map(len, pending))
        for loss_of, parameters in self.network.games():
            for batch in pending:
                torch.autograd.backward(loss_of(batch) * (len(batch) / total), inputs=parameters)
            yield

    def predict(self, model: TaskModel, docs: Sequence[Doc]) -> list[DocFacts]:
        """What the network says of each Doc, in the order of the Docs."""
        self.network.eval()
        return [facts for group in _groups(docs, self.batch_tokens) for facts in self._predict(DocBatch(group))]

    def _predict(self, docs: DocBatch) -> list[DocFacts]:
        instances, batch, bags = self.read(docs)
        n = self.task.n_labels + 1
        scores, weights = np.zeros((0, n), "float32"), np.zeros((0, n), "float32")
        if len(batch):
            with torch.inference_mode():
                scores, weights = (each.cpu().numpy() for each in self.network(batch, bags))
        of_bags = offsets([len(each.keys) for each in instances.bags])
        of_instances = offsets([len(each.rows) for each in instances.bags])
        return [
            DocFacts(
                each.keys,
                scores[of_bags[i] : of_bags[i + 1]],
                each.sizes,
                instances.windows[part],
                each.rows,
                weights[part],
            )
            for i, each in enumerate(instances.bags)
            for part in [slice(of_instances[i], of_instances[i + 1])]
        ]

    def languages_told(self, docs: Sequence[Doc]) -> tuple[int, int]:
        """Of how many sentences the network's discriminator names the language, and how many there are; zeros for a
        network without one."""
        right = total = 0
        self.network.eval()
        for group in _groups(docs if self.network.discriminator is not None else (), self.batch_tokens):
            _, batch, _ = self.read(DocBatch(group))
            if len(batch):
                named, n = self.network.told_apart(batch)
                right, total = right + named, total + n
        return right, total


def _groups(docs: Sequence[Doc], batch_tokens: int) -> Iterator[list[Doc]]:
    """Docs whose instances have about `batch_tokens` tokens in all, or one Doc."""
    group: list[Doc] = []
    size = 0
    for doc in docs:
        n = _n_tokens(doc)
        if group and size + n > batch_tokens:
            yield group
            group, size = [], 0
        group.append(doc)
        size += n
    if group:
        yield group


def _n_tokens(doc: Doc) -> int:
    """About how many tokens the instances of a Doc have: those of a bag its own, else the sentence of each pair."""
    if get_bag(doc) is not None:
        return len(doc)
    n_pairs = len(get_candidates(doc)) if has_candidates(doc) else 0
    return n_pairs * len(doc) // max(len(sentence_starts(doc)), 1)


@architecture
def build_bag_model(
    words: AnyText,
    encoder: MakeSentences,
    classifier: MakeBagClassifier,
    *,
    adversarial: Perturbation | None = None,
    entities: Entities = "linked",
    max_tokens: CountOrZero = 256,
    batch_tokens: Count = 32768,
    marker_dropout: Probability = 0.0,
) -> TaskModel:
    """`spacy_relx.BagModel.v1`: the model of `fact_extractor`: words -> sentence vectors -> bags -> facts.

    Args:
        words: For instance `spacy_relx.WordTable.v1`.
        encoder: `spacy_relx.PCNN.v1`, `CNN.v1`, `BiGRU.v1`, `BiLSTM.v1` or `TransformerEncoder.v1`.
        classifier: `spacy_relx.BagClassifier.v1` or `spacy_relx.KnowledgeClassifier.v1`.
        adversarial: `spacy_relx.AdversarialTraining.v1`, or null.
        entities: "linked", pairs of mentions with an id (`kb_id`); "text", mentions without one are known by their text
            (`text_forms.folded_form`).
        max_tokens: Tokens of a sentence; of a longer one, what is around both mentions is read; 0 for no limit.
        batch_tokens: Tokens that are encoded at once. It bounds memory and changes no score.
        marker_dropout: Probability that all types of a Doc, and again that a single mention's type, are hidden in
            training.

    Returns:
        The model.
    """
    return make_model(
        BagLayer(
            words,
            partial(_make_network, encoder, classifier, adversarial, batch_tokens),
            entities=entities,
            langs=(),
            max_tokens=max_tokens,
            batch_tokens=batch_tokens,
            marker_dropout=marker_dropout,
        )
    )


def _make_network(
    encoder: MakeSentences,
    classifier: MakeBagClassifier,
    adversarial: Perturbation | None,
    batch_tokens: int,
    words: TokenVectors,
    n_markers: int,
    n_labels: int,
) -> FactNetwork:
    sentences = encoder(words, n_markers)
    return BagNetwork(words, sentences, classifier(sentences.width_out, n_labels), adversarial, batch_tokens)
