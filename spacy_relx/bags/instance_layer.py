"""thinc layer around `nn.instance_relation.InstanceNetwork`: Docs with candidates -> scores, or a loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Callable

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model

from ..core.docs_to_batch import docs_and_targets, hidden_types, offsets
from ..core.heads import sample_pairs
from ..core.shim import torch_shim
from ..relations.layer import RelationInput
from .instance_batch import InstanceBatch
from .instance_text import InstanceShim, InstanceText, build_network, init
from .instances import Instances
from .layer import Reader


def make_instance_layer(
    text: InstanceText,
    build: Callable[[int, int, int], Any],
    *,
    max_tokens: int,
    batch_pairs: int,
    marker_dropout: float,
) -> Model:
    """text: makes batches of instances, for instance a `WordTable`. build: (rows of its table, n_markers, n_labels) ->
    InstanceNetwork. max_tokens: of an instance. batch_pairs: pairs that are read at once in prediction. marker_dropout:
    see `hidden_types`."""
    return Model(
        "instance_relation",
        partial(forward, Reader(text, None, (), max_tokens), batch_pairs, marker_dropout),
        init=init,
        shims=[InstanceShim(text)],
        dims={"nO": None, "nI": None, "n_markers": None},
        attrs={"build": build, "build_network": build_network, "reads_all": True},
    )


def forward(
    reader: Reader, batch_pairs: int, marker_dropout: float, model: Model, inputs: RelationInput, is_train: bool
) -> tuple[Any, Callable]:
    """(Docs, targets) -> (loss, backprop), to be called with 1.0; (Docs, None) -> scores for each Doc."""
    docs, targets = docs_and_targets(inputs)
    if targets is None:
        return predict(reader, model, docs, batch_pairs), lambda _: docs
    with hidden_types(docs, marker_dropout if is_train else 0.0):
        return _forward_loss(reader, model, docs, targets, is_train)


def _forward_loss(
    reader: Reader, model: Model, docs: list[Doc], targets: np.ndarray, is_train: bool
) -> tuple[float, Callable]:
    """The loss of the pairs that are sampled; the others are not read."""
    if not len(targets):
        return 0.0, lambda _: docs
    shim = torch_shim(model)
    gold = torch.from_numpy(targets)
    instances = reader.instances(docs)
    rows = sample_pairs(gold, shim.module.head.negative_ratio)
    if rows is not None:
        gold, instances = gold[rows], instances.select(rows.numpy())
    batch = read(reader, docs, instances, shim.module).to(shim.device)
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        loss = shim.module.loss(batch, gold.to(shim.device))

    def backprop(factor: float) -> list[Doc]:
        (loss * factor).backward()
        return docs

    return float(loss.detach()), backprop


def read(reader: Reader, docs: Sequence[Doc], instances: Instances, module: Any) -> InstanceBatch:
    """The batch of some instances. Docs that have none of them are not looked at."""
    used, owners = np.unique(instances.docs, return_inverse=True)
    return reader.batch([docs[i] for i in used.tolist()], replace(instances, docs=owners), module)


def predict(reader: Reader, model: Model, docs: Sequence[Doc], batch_pairs: int) -> list[np.ndarray]:
    """Scores of each Doc's candidate pairs, of at most `batch_pairs` pairs at once.

    RETURNS: in the order of the Docs, float32 (n_pairs, n_labels + 1), column 0 is no-relation.
    """
    shim = torch_shim(model)
    shim.module.eval()
    instances = reader.instances(docs)
    scores = np.zeros((len(instances), model.get_dim("nO") + 1), dtype="float32")
    with torch.inference_mode():
        for first in range(0, len(instances), batch_pairs):
            rows = np.arange(first, min(first + batch_pairs, len(instances)))
            batch = read(reader, docs, instances.select(rows), shim.module)
            scores[rows] = shim.module(batch.to(shim.device)).cpu().numpy()
    return np.split(scores, offsets([len(bags.rows) for bags in instances.bags])[1:-1])
