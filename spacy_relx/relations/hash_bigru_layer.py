"""thinc layer around `nn.hash_bigru.HashBiGRU`: Docs -> token vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Callable
from zlib import crc32

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d

from ..core.docs_to_batch import token_markers
from ..core.parts import reads_sentences, text_lengths
from ..core.shim import TorchShim, torch_shim
from ..data.extensions import get_candidates
from .hash_bigru import HashBiGRU


def make_hash_bigru_layer(
    rows: Sequence[int], build: Callable[[], HashBiGRU], context: str | None = None
) -> Model[list[Doc], list[Floats2d]]:
    """rows: sizes of the embedding tables, (word, suffix, prefix, shape, marker). build: makes the encoder, at once (so
    that weights can be loaded) and anew at each initialisation. context: what is read at once, see `parts.CONTEXTS`."""
    module = build()
    return Model(
        "hash_bigru",
        partial(forward, tuple(rows), context),  # bound here: what stands in `attrs` is saved and would beat the config
        init=partial(init, build),
        dims={"nO": module.width},
        attrs={"by_sentence": False},
        shims=[TorchShim(module)],
    )


def init(build: Callable[[], HashBiGRU], model: Model, X: Any = None, Y: Any = None) -> None:
    torch_shim(model).build(build())


@lru_cache(maxsize=1 << 18)
def word_rows(word: str, rows: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Table rows of a word's features: lower-cased word, last three and first three characters, and case or digit.

    crc32, so that they are the same on every machine and in every release. Row 0 of a table is never given to a
    feature: it stands for a word left out.
    """
    low = word.lower()
    shape = 1 if word.isupper() else 2 if word[:1].isupper() else 3 if word.isdigit() else 0
    names = ("w" + low, "s" + low[-3:], "p" + low[:3])
    hashed = [1 + crc32(name.encode("utf8")) % (n - 1) for name, n in zip(names, rows)]
    return hashed[0], hashed[1], hashed[2], shape


def doc_features(docs: Sequence[Doc], rows: tuple[int, ...]) -> np.ndarray:
    """int64 (n_tokens, 5). Python runs once for each distinct word of the batch, numpy for the tokens."""
    orths = np.concatenate([doc.to_array("ORTH") for doc in docs])
    unique, inverse = np.unique(orths, return_inverse=True)
    strings = docs[0].vocab.strings
    table = np.array([word_rows(strings[orth], rows) for orth in unique.tolist()], dtype="int64")
    markers = np.concatenate([token_markers(doc, get_candidates(doc)) for doc in docs])
    # vocabularies of more types than rows share rows; outside (0) stays its own
    markers = np.where(markers > 0, 1 + (markers - 1) % (rows[4] - 1), 0)
    return np.concatenate([table[inverse], markers[:, None]], axis=1)


def forward(
    rows: tuple[int, ...], context: str | None, model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable]:
    """rows: sizes of the tables. context: see `parts.CONTEXTS`.

    RETURNS: for each Doc float32, *Shape:* (n_tokens, width), and the backward pass.
    """
    shim = torch_shim(model)
    width = model.get_dim("nO")
    full = [doc for doc in docs if len(doc)]
    lengths = [len(doc) for doc in docs]
    if not full:
        return [model.ops.alloc2f(0, width) for _ in docs], lambda grads: []
    features = torch.from_numpy(doc_features(full, rows)).to(shim.device)
    counts = torch.from_numpy(np.concatenate(text_lengths(full, reads_sentences(model, context))))
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        vectors = shim.module(features, counts)
    output: Any = model.ops.unflatten(torch2xp(vectors.detach(), ops=model.ops), model.ops.asarray1i(lengths))

    def backprop(grads: list[Floats2d]) -> list[Doc]:
        flat = xp2torch(model.ops.flatten(grads), device=vectors.device)
        torch.autograd.backward(vectors, flat)
        return []

    return output, backprop
