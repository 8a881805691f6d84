"""thinc layer around a transformer of Hugging Face: Docs -> token vectors, trained by one fused optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Callable, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d
from torch import Tensor, nn

from ..docs_to_batch import offsets, sub_batches
from ..kernels.flat_transformer import flat_states, padded_states
from ..parts import reads_sentences, text_lengths
from ..precision import autocast, full_precision
from ..spans import span_means
from .batch import MarkedBatch
from .loading import LoadedTransformer, TransformerSource, load_transformer, set_training, text_length
from .shim import TransformerShim
from .subwords import DocSubwords
from .windows import most_central, window_starts


def shim_of(model: Model) -> TransformerShim:
    return cast(TransformerShim, model.shims[0])


def make_token_transformer(
    source: TransformerSource, batch_tokens: int, precision: str, context: str | None = None
) -> Model[list[Doc], list[Floats2d]]:
    """batch_tokens: subwords that are worked on at once. precision: as of `nn.marked.autocast`. context: what is read
    at once, see `parts.CONTEXTS`."""
    shim = TransformerShim()
    shim.make = partial(_prepare, source)
    return Model(
        "token_transformer",
        partial(forward, source, batch_tokens, precision, context),
        init=partial(init, source),
        dims={"nO": None},
        shims=[shim],
        attrs={"by_sentence": False},
    )


def _prepare(source: TransformerSource, loaded: LoadedTransformer) -> Any:
    set_training(loaded.module, source, new=nn.Module())
    return loaded.module


def init(source: TransformerSource, model: Model, X: Any = None, Y: Any = None) -> None:
    loaded = load_transformer(source)
    text_length(loaded, source)
    model.set_dim("nO", int(loaded.config.hidden_size), force=True)
    shim_of(model).build_from(loaded)


def forward(
    source: TransformerSource,
    batch_tokens: int,
    precision: str,
    context: str | None,
    model: Model,
    docs: list[Doc],
    is_train: bool,
) -> tuple[list[Floats2d], Callable]:
    """Each token is the mean of its subwords, in the window over its text (the Doc, or its sentence) where it lies most
    centrally; a token without subwords (space) is zero.

    RETURNS: for each Doc float32, *Shape:* (n_tokens, width), and the backward pass. In training each sub-batch keeps
    what its backward pass needs; in prediction memory is bounded by `batch_tokens`.
    """
    shim = shim_of(model)
    counts = model.ops.asarray1i([len(doc) for doc in docs])
    shim.module.train(is_train)
    texts = text_lengths(docs, reads_sentences(model, context))
    with torch.set_grad_enabled(is_train):
        vectors = _token_vectors(shim, source, docs, texts, batch_tokens, precision)
    output: Any = torch2xp(vectors.detach(), ops=model.ops)

    def backprop(grads: list[Floats2d]) -> list[Doc]:
        if vectors.requires_grad:
            torch.autograd.backward(vectors, xp2torch(model.ops.flatten(grads), device=vectors.device))
        return docs

    return model.ops.unflatten(output, counts), backprop


def _token_vectors(
    shim: TransformerShim,
    source: TransformerSource,
    docs: Sequence[Doc],
    texts: Sequence[np.ndarray],
    batch_tokens: int,
    precision: str,
) -> Tensor:
    """float32, *Shape:* (n_tokens, width), of all Docs. texts: lengths of each Doc's texts, in tokens."""
    loaded = shim.transformer
    width = int(loaded.config.hidden_size)
    full = [i for i, doc in enumerate(docs) if len(doc)]
    if not full:
        return torch.zeros(0, width, device=shim.device)
    firsts = [np.cumsum(texts[i]) - texts[i] for i in full]
    whole = loaded.subwords([docs[i] for i in full], firsts)
    parts = [part for subwords, at in zip(whole, firsts) for part in subwords.cut(at)]
    prefix, suffix = (np.array(ids, dtype="int64") for ids in (loaded.subwords.prefix, loaded.subwords.suffix))
    room = text_length(loaded, source) - len(prefix) - len(suffix)
    stride = min(source.stride or room // 2, max(room // 2, 1))
    windows = Windows(parts, room, stride)
    vectors, order = [], []
    for rows in sub_batches(windows.lengths + len(prefix) + len(suffix), batch_tokens, padded=not loaded.flat):
        batch = windows.batch(rows, prefix, suffix).to(shim.device)
        with autocast(precision, batch.ids.device):
            if loaded.flat:
                states = flat_states(shim.module, batch)
            else:
                states = padded_states(shim.module, batch, loaded.subwords.pad_id)
        tokens, starts, ends = windows.tokens(rows, len(prefix), len(prefix) + len(suffix))
        spans = (torch.from_numpy(each).to(shim.device) for each in (starts, ends))
        vectors.append(span_means(full_precision(states), *spans))
        order.append(tokens)
    back = torch.from_numpy(np.argsort(np.concatenate(order), kind="stable")).to(shim.device)
    return torch.cat(vectors).index_select(0, back)


class Windows:
    """Windows over the subwords of Docs; each token is read in one of them, where it lies most centrally.

    room: subwords of a window. stride: between the beginnings of two. A token of more subwords than a window has is
    read as far as the window goes.
    """

    def __init__(self, parts: Sequence[DocSubwords], room: int, stride: int):
        starts = [window_starts(len(part.ids), room, stride) for part in parts]
        self._ids = np.concatenate([part.ids for part in parts])
        first = offsets([len(part.ids) for part in parts])
        sizes = np.diff(first)
        owners = np.repeat(np.arange(len(parts)), [len(each) for each in starts])
        self.starts = np.concatenate(starts) + first[owners]
        self.lengths = np.minimum(np.concatenate(starts) + room, sizes[owners]) + first[owners] - self.starts
        spans = np.concatenate(
            [np.stack([part.starts[:-1], part.starts[1:]], axis=1) + start for part, start in zip(parts, first)]
        )
        self._spans = spans
        bases = offsets([len(each) for each in starts])
        self._window = np.concatenate(
            [
                most_central(each, room, part.starts[:-1], part.starts[1:]) + base
                for each, part, base in zip(starts, parts, bases)
            ]
        )

    def batch(self, rows: np.ndarray, prefix: np.ndarray, suffix: np.ndarray) -> MarkedBatch:
        """These windows as texts without markers."""
        ids = np.concatenate(
            [
                piece
                for row in rows.tolist()
                for piece in (prefix, self._ids[self.starts[row] : self.starts[row] + self.lengths[row]], suffix)
            ]
        )
        none, pairs = torch.zeros(0, dtype=torch.int64), torch.zeros((0, 2), dtype=torch.int64)
        return MarkedBatch(
            ids=torch.from_numpy(ids),
            lengths=torch.from_numpy(self.lengths[rows] + len(prefix) + len(suffix)),
            group_ids=pairs,
            group_rows=pairs,
            group_counts=torch.zeros(len(rows), dtype=torch.int64),
            opens=none,
            closes=none,
            spans=pairs,
            texts=none,
            sentences=none,
            markers=none,
            pairs=pairs,
        )

    def tokens(self, rows: np.ndarray, prefix: int, frame: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The tokens read in these windows, and where their subwords begin and end in the batch of them.

        prefix: special tokens before a window; frame: before and behind it.
        """
        place = np.full(len(self.starts), -1, dtype="int64")
        place[rows] = np.arange(len(rows))
        tokens = (place[self._window] >= 0).nonzero()[0]
        window = self._window[tokens]
        sizes = self.lengths[rows] + frame
        shift = (np.cumsum(sizes) - sizes + prefix)[place[window]] - self.starts[window]
        starts = np.maximum(self._spans[tokens, 0], self.starts[window])
        ends = np.minimum(self._spans[tokens, 1], self.starts[window] + self.lengths[window])
        return tokens, starts + shift, ends + shift
