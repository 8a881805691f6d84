"""thinc layer around networks over bags: Docs with candidates -> facts, or a loss to backpropagate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple

import numpy as np
import torch
from spacy.strings import get_string_id
from spacy.tokens import Doc
from thinc.api import Model, Optimizer

from ..core.docs_to_batch import docs_and_targets, hidden_types, offsets
from ..core.shim import torch_shim
from ..data.extensions import get_bag, get_candidates, has_candidates, known_code
from ..data.sentences import sentence_starts
from ..errors import RelxError
from .instance_batch import Bags, InstanceBatch
from .instance_text import InstanceShim, InstanceText, build_network, init
from .instances import Instances, find_instances, pair_instances

#: What the layer reads: Docs, and in training float32 (n_bags, n_labels) for all their bags.
BagInput = tuple[list[Doc], "np.ndarray | None"]


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


class BagShim(InstanceShim):
    """A shim for networks that play a game: after the step on the loss come further steps, on losses of their own.

    `pending` holds the batches of the updates since the last step. A network says in `games()` which losses, means over
    a batch's sentences, are to be stepped on, and which parameters each may move. A step is on all pending batches at
    once, so that there are as many whatever the accumulation of gradients.
    """

    def __init__(self, text: InstanceText):
        super().__init__(text)
        self.pending: list[InstanceBatch] = []

    def finish_update(self, optimizer: Optimizer) -> None:
        super().finish_update(optimizer)
        pending, self.pending = self.pending, []
        if not pending:
            return
        self.module.train()  # a prediction may have come between
        total = sum(map(len, pending))
        for loss_of, parameters in self.module.games():
            for batch in pending:
                torch.autograd.backward(loss_of(batch) * (len(batch) / total), inputs=parameters)
            super().finish_update(optimizer)

    def __getstate__(self) -> dict:
        return {**super().__getstate__(), "pending": []}


def make_bag_layer(
    text: InstanceText,
    build: Callable[[int, int, int], Any],
    *,
    entities: str,
    langs: Sequence[str],
    max_tokens: int,
    batch_tokens: int,
    marker_dropout: float,
) -> Model:
    """text: makes batches of instances, for instance a `WordTable`. build: (rows of its table, n_markers, n_labels) ->
    network. entities: see `instances.ENTITIES`. langs: languages that the network tells apart. max_tokens: of an
    instance. batch_tokens: tokens that are read at once in prediction. marker_dropout: see `hidden_types`."""
    reader = Reader(text, entities, tuple(langs), max_tokens)
    attrs = {
        "build": build,
        "build_network": build_network,
        "entities": entities,
        "langs": list(langs),
        "reads_all": True,
    }
    return Model(
        "bags",
        partial(forward, reader, batch_tokens, marker_dropout),
        init=init,
        shims=[BagShim(text)],
        dims={"nO": None, "nI": None, "n_markers": None},
        attrs={**attrs, "reads": reader.reads, "languages_told": partial(languages_told, reader, batch_tokens)},
    )


class Reader:
    """Docs -> instances and their batch. See `make_bag_layer` for the settings.

    entities: None for instances that are a bag of their own each, linked or not.
    """

    def __init__(self, text: InstanceText, entities: str | None, langs: tuple[str, ...], max_tokens: int):
        self.text = text
        self.entities = entities
        self.langs = {lang: row for row, lang in enumerate(langs, start=1)}
        self.max_tokens = max_tokens

    def __call__(self, docs: Sequence[Doc], module: Any) -> tuple[Instances, InstanceBatch, Bags]:
        instances = self.instances(docs)
        bags = Bags.of_sizes(torch.from_numpy(instances.sizes), self.entity_rows(instances, module))
        return instances, self.batch(docs, instances, module), bags

    def entity_rows(self, instances: Instances, module: Any) -> torch.Tensor | None:
        """int64 (n_bags, 2), the rows of head and tail in the network's knowledge; None if it has no such thing."""
        knowledge = getattr(getattr(module, "head", None), "knowledge", None)
        if knowledge is None:
            return None
        keys = [[get_string_id(name) for name in pair] for bags in instances.bags for pair in bags.keys]
        hashes = np.array(keys, dtype="uint64").reshape(-1, 2).view("int64")
        return torch.from_numpy(knowledge.rows(hashes))

    def instances(self, docs: Sequence[Doc]) -> Instances:
        if self.entities is None:
            return pair_instances(docs, self.max_tokens)
        return find_instances(docs, self.entities, self.max_tokens)

    def row_of(self, lang: str) -> int:
        """Of a language, or else of the one that it is a variant of ("en" for "en-US"); 0 for another."""
        return self.langs.get(known_code(lang, self.langs), 0)

    def reads(self, lang: str) -> bool:
        """Whether a network of these languages can read a sentence in that one; one that tells none apart reads all."""
        return not self.langs or self.row_of(lang) > 0

    def batch(self, docs: Sequence[Doc], instances: Instances, module: Any) -> InstanceBatch:
        """module: the network, which has the text's module as `words`."""
        langs = np.array([self.row_of(lang) for lang in instances.langs], dtype="int64")
        if self.langs and not langs.all():
            i = int(np.argmin(langs))
            start, end = instances.windows[i].tolist()
            text = docs[instances.docs[i]][start:end].text[:60]
            raise RelxError("RX065", lang=instances.langs[i], text=text, known=", ".join(self.langs))
        return self.text.batch(docs, instances, langs, module.words)


def forward(
    reader: Reader, batch_tokens: int, marker_dropout: float, model: Model, inputs: BagInput, is_train: bool
) -> tuple[Any, Callable]:
    """(Docs, targets) -> (loss, backprop), to be called with 1.0; (Docs, None) -> DocFacts for each Doc."""
    docs, targets = docs_and_targets(inputs)
    if targets is None:
        return predict(reader, model, docs, batch_tokens), lambda _: docs
    with hidden_types(docs, marker_dropout if is_train else 0.0):
        return _forward_loss(reader, model, docs, targets, is_train)


def _forward_loss(
    reader: Reader, model: Model, docs: list[Doc], targets: np.ndarray, is_train: bool
) -> tuple[float, Callable]:
    shim: Any = torch_shim(model)
    _, batch, bags = reader(docs, shim.module)
    if not len(batch):
        return 0.0, lambda _: docs
    batch, bags = batch.to(shim.device), bags.to(shim.device)
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        loss = shim.module.loss(batch, bags, torch.from_numpy(targets).to(shim.device))

    def backprop(factor: float) -> list[Doc]:
        (loss * factor).backward()
        if shim.module.plays:
            shim.pending.append(batch)
        return docs

    return float(loss.detach()), backprop


def predict(reader: Reader, model: Model, docs: Sequence[Doc], batch_tokens: int) -> list[DocFacts]:
    """What the network says of each Doc, in the order of the Docs."""
    return [facts for group in _groups(docs, batch_tokens) for facts in _predict_batch(reader, model, group)]


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


def languages_told(reader: Reader, batch_tokens: int, model: Model, docs: Sequence[Doc]) -> tuple[int, int]:
    """Of how many sentences the network's discriminator names the language, and how many there are; zeros for a network
    without one."""
    shim = torch_shim(model)
    if getattr(shim.module, "discriminator", None) is None:
        return 0, 0
    shim.module.eval()
    right = total = 0
    for group in _groups(docs, batch_tokens):
        _, batch, _ = reader(group, shim.module)
        if len(batch):
            named, n = shim.module.told_apart(batch.to(shim.device))
            right, total = right + named, total + n
    return right, total


def _predict_batch(reader: Reader, model: Model, docs: list[Doc]) -> list[DocFacts]:
    shim = torch_shim(model)
    shim.module.eval()
    n = model.get_dim("nO") + 1
    instances, batch, bags = reader(docs, shim.module)
    scores, weights = np.zeros((0, n), "float32"), np.zeros((0, n), "float32")
    if len(batch):
        with torch.inference_mode():
            both = shim.module(batch.to(shim.device), bags.to(shim.device))
            scores, weights = (each.cpu().numpy() for each in both)
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
