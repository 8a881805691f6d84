"""`spacy_relx.TokenTransformer.v1`: a pre-trained transformer as an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from ..docs_to_batch import offsets, sub_batches
from ..layer import Encoder, TokenLayer, make_model
from ..parts import Context, reads_sentences, text_lengths
from ..precision import Precision, autocast, full_precision
from ..settings import Count, architecture
from ..spans import span_means
from .batch import MarkedBatch
from .bert import token_states
from .layer import TransformerLayer
from .loading import TransformerSource, set_training, text_length
from .subwords import DocSubwords
from .windows import most_central, window_starts


class TokenTransformerLayer(TransformerLayer[nn.Module], TokenLayer[nn.Module]):
    """Docs -> token vectors, the means of subwords. Settings: as of `build_token_transformer`."""

    name = "token_transformer"

    def __init__(self, source: TransformerSource, batch_tokens: int, precision: Precision, context: Context | None):
        super().__init__(source)
        self.batch_tokens, self.precision, self.context = batch_tokens, precision, context

    @property
    def width_out(self) -> int | None:
        return self.loaded.width if self.has_loaded else None

    def build(self) -> nn.Module:
        text_length(self.loaded, self.source)
        set_training(self.loaded.module, self.source, new=nn.Module())
        return self.loaded.module

    def vectors(self, docs: list[Doc], tokens: Tensor | None) -> Tensor:
        """Each token is the mean of the subwords that overlap it, in the window over its text (Doc or sentence)
        where it lies most centrally; a token without subwords (space) is zero. Tokens within one subword, as characters
        of Chinese are, are told apart by where in it they are.

        In training each sub-batch keeps what its backward pass needs; in prediction memory is bounded by
        `batch_tokens`.
        """
        loaded = self.loaded
        full = [doc for doc in docs if len(doc)]
        if not full:
            return torch.zeros(0, loaded.width, device=self.device)
        texts = text_lengths(full, reads_sentences(self.task.by_sentence, self.context))
        firsts = [np.cumsum(lengths) - lengths for lengths in texts]
        whole = loaded.subwords(full, firsts)
        parts = [part for subwords, at in zip(whole, firsts) for part in subwords.cut(at)]
        prefix, suffix = (np.array(ids, dtype="int64") for ids in (loaded.subwords.prefix, loaded.subwords.suffix))
        room = text_length(loaded, self.source) - len(prefix) - len(suffix)
        stride = min(self.source.stride or room // 2, max(room // 2, 1))
        windows = Windows(parts, room, stride)
        vectors, order = [], []
        sizes = windows.lengths + len(prefix) + len(suffix)
        for rows in sub_batches(sizes, self.batch_tokens, padded=not loaded.flat):
            batch = windows.batch(rows, prefix, suffix).to(self.device)
            with autocast(self.precision, batch.ids.device):
                states = token_states(self.network, batch, loaded.subwords.pad_id)
            places, starts, ends = windows.tokens(rows, len(prefix), len(prefix) + len(suffix))
            spans = (torch.from_numpy(each).to(self.device) for each in (starts, ends))
            means = span_means(full_precision(states), *spans)
            vectors.append(windows.places.add(means, places))
            order.append(places)
        back = torch.from_numpy(np.argsort(np.concatenate(order), kind="stable")).to(self.device)
        return torch.cat(vectors).index_select(0, back)


@architecture
def build_token_transformer(
    transformer: TransformerSource,
    *,
    batch_tokens: Count = 4096,
    precision: Precision = "auto",
    context: Context | None = None,
) -> Encoder:
    """`spacy_relx.TokenTransformer.v1`: a transformer as an encoder, Docs -> token vectors, the means of subwords.

    Docs may be of any length: what is longer than the transformer reads is read in windows, each token where it lies
    most centrally.

    Args:
        transformer: `spacy_relx.Transformer.v1`.
        batch_tokens: Subwords that are worked on at once.
        precision: "fp32", "bf16", or "auto": bf16 where the device computes it in hardware.
        context: What is read at once, each "sentence" by itself or the whole "document"; null: as in training,
            sentences where the training Docs were single sentences.

    Returns:
        The encoder.
    """
    return make_model(TokenTransformerLayer(transformer, batch_tokens, precision, context))


class PiecePlaces:
    """Where tokens are in the subwords that they share with others: characters of Chinese, suffixes of Korean.

    Such tokens have the same state. Their places, counted from the subword's front and from its back, are added to it
    as sinusoids, as positions are in Vaswani et al. 2017 (section 3.5), less those of the first place: nothing is
    added to a token that has its subwords for itself.

    Args:
        parts: Subwords of texts.
    """

    def __init__(self, parts: Sequence[DocSubwords]):
        places = [_places(part) for part in parts]
        found = np.concatenate(places) if places else np.zeros((0, 2), dtype="int64")
        self._places = found if found.any() else None

    def add(self, states: Tensor, tokens: np.ndarray) -> Tensor:
        """states: float (n_tokens, width). tokens: int64 (n_tokens,), of all texts one after the other."""
        if self._places is None:
            return states
        rows = np.flatnonzero(self._places[tokens].any(axis=1))
        if not len(rows):
            return states
        front, back = (_sinusoids(each, states.shape[1] // 2) for each in self._places[tokens[rows]].T)
        codes = np.zeros((len(rows), states.shape[1]), dtype="float32")
        codes[:, : front.shape[1]], codes[:, states.shape[1] - back.shape[1] :] = front, back
        added = torch.from_numpy(codes).to(states.device, states.dtype)
        return states.index_add(0, torch.from_numpy(rows).to(states.device), added)


def _places(part: DocSubwords) -> np.ndarray:
    """Of each token, the tokens before it in its first subword and those behind it in its last one: int64 (n, 2)."""
    here = np.arange(len(part.starts))
    front = here - np.searchsorted(part.ends, part.starts, side="right")
    back = np.searchsorted(part.starts, part.ends - 1, side="right") - 1 - here
    return np.stack([front, back], axis=1) * (part.ends > part.starts)[:, None]


def _sinusoids(places: np.ndarray, width: int) -> np.ndarray:
    """float64 (n, width): sines and cosines of places, less those of place 0."""
    angles = places[:, None] / 10_000.0 ** (np.arange(0, width, 2) / max(width, 1))
    return np.concatenate([np.sin(angles), np.cos(angles) - 1.0], axis=1)[:, :width]


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
            [np.stack([part.starts, part.ends], axis=1) + start for part, start in zip(parts, first)]
        )
        self._spans = spans
        self.places = PiecePlaces(parts)
        bases = offsets([len(each) for each in starts])
        self._window = np.concatenate(
            [most_central(each, room, part.starts, part.ends) + base for each, part, base in zip(starts, parts, bases)]
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
