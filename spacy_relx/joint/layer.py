"""thinc layer around networks that find mentions and relations: Docs -> what is found, or a loss to backpropagate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, xp2torch
from thinc.types import Floats2d

from ..core.docs_to_batch import docs_and_targets, offsets, sub_batches
from ..core.parts import part_codes, part_lengths
from ..core.shim import TorchShim, torch_shim
from ..data.extensions import known_code
from ..errors import RelxError
from ..relations.layer import build_network, loss_backprop
from .batch import Found, JointBatch, JointTargets


@dataclass(frozen=True)
class JointGold:
    """What is to be found in a Doc, tokens and mentions numbered in it; see `JointTargets`. All int64.

    spans: (n_mentions, 2). types: (n_mentions,). relations: (n_relations, 3).
    """

    spans: np.ndarray
    types: np.ndarray
    relations: np.ndarray


@dataclass(frozen=True)
class DocFound:
    """What is found in a Doc, tokens and mentions numbered in it; see `Found`. Floats are float32, all else int64."""

    spans: np.ndarray
    types: np.ndarray
    mention_scores: np.ndarray
    pairs: np.ndarray
    scores: np.ndarray

    @classmethod
    def nothing(cls, n_labels: int) -> DocFound:
        none, pairs = np.zeros(0, "int64"), np.zeros((0, 2), "int64")
        return cls(pairs, none, np.zeros(0, "float32"), pairs, np.zeros((0, n_labels + 1), "float32"))


#: What the layer reads: Docs, and in training what is to be found in each.
JointInput = tuple[list[Doc], Sequence[JointGold] | None]


def make_joint_layer(
    encoder: Model[list[Doc], list[Floats2d]],
    build: Callable[[int, int, int], Any],
    batch_tokens: int,
    max_length: int,
) -> Model:
    """encoder: Docs -> token vectors. build: (width of the token vectors, n_markers, n_labels) -> the network, where
    n_markers is the number of entity types plus one. batch_tokens: tokens that are worked on at once in prediction, a
    longer Doc alone. max_length: see `part_lengths`."""
    functions = {
        "build": build,
        "build_network": build_network,
        "part_lengths": partial(joint_parts, max_length=max_length),
    }
    return Model(
        "joint",
        partial(forward, batch_tokens, max_length),
        init=init,
        layers=[encoder],
        refs={"tok2vec": encoder},  # the name by which spaCy finds listeners
        shims=[TorchShim()],
        dims={"nO": None, "nI": None, "n_markers": None},
        attrs={**functions, "label_masks": {}, "by_rule": False},
    )


def joint_parts(model: Model, doc: Doc, max_length: int) -> np.ndarray:
    """int64 (n_parts,): tokens of the parts of a Doc in which mentions and relations are found, see `part_lengths`."""
    return part_lengths(doc, max_length, model.attrs["by_rule"])


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Initialise the encoder with sample Docs, then build the network; nO and n_markers must be set."""
    encoder = model.layers[0]
    encoder.initialize(X=X[0] if X is not None else None)
    build_network(model, encoder.get_dim("nO"))


def forward(
    batch_tokens: int, max_length: int, model: Model, inputs: JointInput, is_train: bool
) -> tuple[Any, Callable]:
    """(Docs, gold) -> (loss, backprop), to be called with 1.0; (Docs, None) -> a `DocFound` for each Doc."""
    docs, gold = docs_and_targets(inputs)
    if gold is None:
        return predict(model, docs, batch_tokens, max_length), lambda _: docs
    return _forward_loss(model, docs, gold, max_length, is_train)


def _forward_loss(
    model: Model, docs: list[Doc], gold: Sequence[JointGold], max_length: int, is_train: bool
) -> tuple[float, Callable]:
    shim = torch_shim(model)
    vectors, backprop_encoder = model.layers[0](docs, is_train)
    tokens = xp2torch(model.ops.flatten(vectors), requires_grad=is_train, device=shim.device)
    parts = [joint_parts(model, doc, max_length) for doc in docs]
    batch, targets = make_joint_batch(docs, parts), make_targets(docs, gold)
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        if len(tokens):
            loss = shim.module.loss(tokens, batch.to(shim.device), targets.to(shim.device))
        else:
            loss = tokens.sum() * 0.0
    return float(loss.detach()), loss_backprop(model, docs, tokens, loss, backprop_encoder)


def make_joint_batch(
    docs: Sequence[Doc],
    parts: Sequence[np.ndarray],
    masks: Mapping[str, Sequence[int]] | None = None,
    n_labels: int = 0,
) -> JointBatch:
    """The parts of the Docs, of which `parts` are the lengths. masks: for each language the rows of the labels that it
    has; languages that are not named have all."""
    langs = [known_code(lang, masks) for lang in part_codes(docs, parts)] if masks else []
    allowed = None
    if masks and any(lang in masks for lang in langs):
        allowed = torch.ones(len(langs), n_labels + 1, dtype=torch.bool)
        for row, lang in enumerate(langs):
            if lang in masks:
                allowed[row, 1:] = False
                allowed[row, torch.tensor(masks[lang], dtype=torch.int64) + 1] = True
    return JointBatch(torch.from_numpy(np.concatenate(parts)), allowed)


def make_targets(docs: Sequence[Doc], gold: Sequence[JointGold]) -> JointTargets:
    """Number tokens and mentions of the Docs through."""
    tokens, mentions = offsets([len(doc) for doc in docs]), offsets([len(each.types) for each in gold])
    spans = [each.spans + start for each, start in zip(gold, tokens)]
    step = np.array([1, 0, 1])
    relations = [each.relations + start * step for each, start in zip(gold, mentions)]
    arrays = (spans, [each.types for each in gold], relations)
    shapes = ((0, 2), (0,), (0, 3))
    return JointTargets(
        *(
            torch.from_numpy(np.concatenate([np.zeros(shape, "int64"), *parts]).astype("int64"))
            for parts, shape in zip(arrays, shapes)
        )
    )


def predict(model: Model, docs: Sequence[Doc], batch_tokens: int, max_length: int) -> list[DocFound]:
    """What is found in each Doc, in their order. They are read in sub-batches of about `batch_tokens` tokens, sorted by
    length."""
    found = [DocFound.nothing(model.get_dim("nO"))] * len(docs)
    used = [i for i in range(len(docs)) if len(docs[i])]
    for batch in sub_batches(np.array([len(docs[i]) for i in used], dtype="int64"), batch_tokens):
        rows = [used[i] for i in batch.tolist()]
        for i, part in zip(rows, _predict_batch(model, [docs[i] for i in rows], max_length)):
            found[i] = part
    return found


def _predict_batch(model: Model, docs: list[Doc], max_length: int) -> list[DocFound]:
    shim = torch_shim(model)
    vectors = model.layers[0].predict(docs)
    _check_vectors(model, docs, vectors)
    shim.module.eval()
    with torch.inference_mode():
        tokens = xp2torch(model.ops.flatten(vectors), device=shim.device)
        parts = [joint_parts(model, doc, max_length) for doc in docs]
        batch = make_joint_batch(docs, parts, model.attrs["label_masks"], model.get_dim("nO"))
        found: Found = shim.module(tokens, batch.to(shim.device)).to(torch.device("cpu"))
    return split_found(found, [len(doc) for doc in docs])


def _check_vectors(model: Model, docs: Sequence[Doc], vectors: Sequence[Floats2d]) -> None:
    """RAISES: RelxError RX595 for vectors that are not finite: no mention would be found, and nobody would know why."""
    for doc, part in zip(docs, vectors):
        if not model.ops.xp.isfinite(part).all():
            raise RelxError("RX595", name=model.name, text=doc.text[:60])


def split_found(found: Found, lengths: Sequence[int]) -> list[DocFound]:
    """What is found in each Doc, mentions in the order in which the network gives them. lengths: tokens of each."""
    bounds = offsets(lengths)
    spans, pairs = found.spans.numpy(), found.pairs.numpy()
    owners = np.searchsorted(bounds, spans[:, 0], side="right") - 1
    of_mentions = np.searchsorted(owners, np.arange(len(bounds)))
    by_head = np.argsort(pairs[:, 0], kind="stable")
    pairs = pairs[by_head]
    of_pairs = np.searchsorted(pairs[:, 0], of_mentions)
    types, sure = found.types.numpy(), found.mention_scores.float().numpy()
    scores = found.scores.float().numpy()[by_head]
    return [
        DocFound(spans[a:b] - start, types[a:b], sure[a:b], pairs[c:d] - a, scores[c:d])
        for start, a, b, c, d in zip(bounds, of_mentions, of_mentions[1:], of_pairs, of_pairs[1:])
    ]
