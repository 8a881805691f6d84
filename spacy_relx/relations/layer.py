"""thinc layer around `nn.relation.RelationNetwork`: Docs with candidates -> scores, or a loss to backpropagate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Callable

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d

from ..core.docs_to_batch import docs_and_targets, hidden_types, make_pair_batch, offsets, sub_batches
from ..core.shim import TorchShim, torch_shim
from ..data.extensions import get_candidates
from ..data.types import Candidates

#: What the layer reads: Docs, and in training float32 (n_pairs, n_labels) for all their candidate pairs.
RelationInput = tuple[list[Doc], np.ndarray | None]


def make_relation_layer(
    encoder: Model[list[Doc], list[Floats2d]],
    build: Callable[[int, int, int], Any],
    batch_tokens: int,
    marker_dropout: float = 0.0,
) -> Model:
    """encoder: Docs -> token vectors. build: (width of the token vectors, n_markers, n_labels) -> RelationNetwork.
    batch_tokens: tokens that are encoded at once in prediction, a longer Doc alone. marker_dropout: see `hidden_types`.
    """
    return Model(
        "relation",
        # bound here: what stands in `attrs` is saved and would beat the config
        partial(forward, batch_tokens, marker_dropout),
        init=init,
        layers=[encoder],
        refs={"tok2vec": encoder},  # the name by which spaCy finds listeners
        shims=[TorchShim()],
        dims={"nO": None, "nI": None, "n_markers": None},
        attrs={"build": build, "build_network": build_network, "by_sentence": False},
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Initialise the encoder with sample Docs, then build the network; nO and n_markers must be set."""
    encoder = model.layers[0]
    docs = X[0] if X is not None else None
    encoder.initialize(X=docs)
    build_network(model, encoder.get_dim("nO"))


def build_network(model: Model, width: int) -> None:
    """Build the torch module, once all dimensions are known. width: of the token vectors."""
    model.set_dim("nI", width, force=True)
    network = model.attrs["build"](width, model.get_dim("n_markers"), model.get_dim("nO"))
    torch_shim(model).build(network)


def forward(
    batch_tokens: int, marker_dropout: float, model: Model, inputs: RelationInput, is_train: bool
) -> tuple[Any, Callable]:
    """(Docs, targets) -> (loss, backprop), to be called with 1.0; (Docs, None) -> scores for each Doc."""
    docs, targets = docs_and_targets(inputs)
    if targets is None:
        return predict(model, docs, batch_tokens), lambda _: docs
    with hidden_types(docs, marker_dropout if is_train else 0.0):
        return _forward_loss(model, docs, targets, is_train)


def cuts_texts(model: Model) -> bool:
    """Whether pair features see the sentence of a mention in place of its Doc: as in training, where they see any."""
    return model.attrs["by_sentence"] and torch_shim(model).module.pairs.reads_texts


def _forward_loss(model: Model, docs: list[Doc], targets: np.ndarray, is_train: bool) -> tuple[float, Callable]:
    shim = torch_shim(model)
    vectors, backprop_encoder = model.layers[0](docs, is_train)
    tokens = xp2torch(model.ops.flatten(vectors), requires_grad=is_train, device=shim.device)
    batch = make_pair_batch(docs, by_sentence=cuts_texts(model)).to(shim.device)
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        if len(batch):
            loss = shim.module.loss(tokens, batch, torch.from_numpy(targets).to(shim.device))
        else:
            # no pairs, yet the backward pass has to happen: an encoder that others listen to waits for it
            loss = tokens.sum() * 0.0

    return float(loss.detach()), loss_backprop(model, docs, tokens, loss, backprop_encoder)


def loss_backprop(
    model: Model, docs: list[Doc], tokens: torch.Tensor, loss: torch.Tensor, backprop_encoder: Callable
) -> Callable[[float], list[Doc]]:
    """The backward pass of a loss over token vectors: first through the network, then through the encoder.

    tokens: *Shape:* (n_tokens, width), of all Docs, as the encoder gave them. RETURNS: to be called with 1.0.
    """

    def backprop(factor: float) -> list[Doc]:
        (loss * factor).backward()
        gradient = tokens.grad if tokens.grad is not None else torch.zeros_like(tokens)
        lengths = model.ops.asarray1i([len(doc) for doc in docs])
        backprop_encoder(model.ops.unflatten(torch2xp(gradient, ops=model.ops), lengths))
        return docs

    return backprop


def predict(model: Model, docs: Sequence[Doc], batch_tokens: int) -> list[np.ndarray]:
    """Scores of each Doc's candidate pairs.

    Docs are encoded in sub-batches of about `batch_tokens` tokens, sorted by length; Docs without pairs are not read
    at all. RETURNS: in the order of the Docs, float32 (n_pairs, n_labels + 1), column 0 is no-relation.
    """
    candidates = [get_candidates(doc) for doc in docs]
    scores = [np.zeros((0, model.get_dim("nO") + 1), dtype="float32")] * len(docs)
    used = [i for i in range(len(docs)) if len(candidates[i])]
    for batch in sub_batches(np.array([len(docs[i]) for i in used], dtype="int64"), batch_tokens):
        rows = [used[i] for i in batch.tolist()]
        parts = _predict_batch(model, [docs[i] for i in rows], [candidates[i] for i in rows])
        for i, part in zip(rows, parts):
            scores[i] = part
    return scores


def _predict_batch(model: Model, docs: list[Doc], candidates: list[Candidates]) -> list[np.ndarray]:
    shim = torch_shim(model)
    vectors = model.layers[0].predict(docs)
    shim.module.eval()
    with torch.inference_mode():
        tokens = xp2torch(model.ops.flatten(vectors), device=shim.device)
        batch = make_pair_batch(docs, candidates, cuts_texts(model)).to(shim.device)
        scores = shim.module(tokens, batch).cpu().numpy()
    return np.split(scores, offsets([len(c) for c in candidates])[1:-1])
