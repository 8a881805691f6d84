"""How mentions are marked: which ids markers have, where they go, and windows over long texts. All in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from spacy.tokens import Doc

from ..core.docs_to_batch import offsets
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.subwords import DocSubwords, Subwords
from ..data.sentences import sentence_places
from .marker_embedding import MarkerEmbedding

#: Columns of the table of marker ids.
HEAD, TAIL, MENTION = 0, 1, 2
Roles = Literal["uniform", "all", "none"]
Mode = Literal["single", "packed", "shared"]
_UNIFORM_ROWS = 6


def marker_rows(n_markers: int, roles: Roles) -> np.ndarray:
    """Rows of marker tokens, int64 (n_markers, 3, 2): for head, tail and a mention as such, opening and closing.

    Row 0 is the uniform marker, [E1] [/E1], [E2] [/E2] (Ni et al. 2020, eq. 1), and one more for a mention as such. An
    entity type has one token, which opens and closes (eq. 2). roles: which markers tell head and tail apart: "uniform"
    (the paper: typed ones do not), "all" (two tokens a type), or "none".
    """
    types = np.arange(n_markers - 1)
    rows = np.zeros((n_markers, 3, 2), dtype="int64")
    rows[0] = [[0, 1], [2, 3], [4, 5]] if roles != "none" else [[4, 5]] * 3
    step = 2 if roles == "all" else 1
    rows[1:] = (_UNIFORM_ROWS + step * types)[:, None, None]
    rows[1:, TAIL] += step - 1
    return rows


def count_marker_rows(n_markers: int, roles: Roles) -> int:
    return _UNIFORM_ROWS + (n_markers - 1) * (2 if roles == "all" else 1)


def start_markers(embedding: MarkerEmbedding, subwords: Subwords, roles: Roles, names: Sequence[str]) -> None:
    """Let typed markers begin as the mean of the words in their type's name, where it has any. names: of the types."""
    for name, row in zip(names, marker_rows(len(names) + 1, roles)[1:]):
        pieces = subwords.pieces(name.replace("_", " ").replace("-", " "))
        if pieces:
            for place in {int(row[TAIL, 0]), int(row[MENTION, 0])}:
                embedding.start_from(place, pieces)


@dataclass(frozen=True)
class Marking:
    """All that is needed to mark texts.

    mode: "single", one text for each pair; "packed", a text and beside it the markers of all its pairs; "shared", one
    pair of markers for each mention. inline: whether shared markers stand in the text, or beside it. roles: see
    `marker_rows`. room: subwords of a text, special tokens not counted. stride: subwords between the beginnings of
    windows. ids: int64 (n_markers, 3, 2), ids of the marker tokens. sentence: whether each pair that is marked beside
    its text has a copy of the text's first token there, too.
    """

    mode: Mode
    inline: bool
    roles: Roles
    room: int
    stride: int
    ids: np.ndarray
    subwords: Subwords
    sentence: bool = False
    prefix: np.ndarray = field(init=False)
    suffix: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        for name in ("prefix", "suffix"):  # the dataclass is frozen
            object.__setattr__(self, name, np.array(getattr(self.subwords, name), dtype="int64"))

    @property
    def group_size(self) -> int:
        """Tokens that a pair has beside its text, or in it."""
        return 4 + (self.sentence and self.mode == "packed")

    def known(self, markers: np.ndarray) -> np.ndarray:
        """Markers, those that the model does not know as the uniform one."""
        return np.where(markers < len(self.ids), markers, 0)

    def symmetric(self, heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
        """Whether a pair's text is the same with head and tail swapped. heads, tails: markers of the pairs."""
        if self.roles == "uniform":
            return (heads > 0) & (tails > 0)
        return np.full(len(heads), self.roles == "none")


class MarkedDoc(NamedTuple):
    """A text that is to be marked, a Doc or sentences of one, and what is to be marked in it.

    doc: The Doc. subwords: of the text. spans: int (n_mentions, 2), first token and end of its mentions, counted from
    its start. markers: int64 (n_mentions,), the mentions' rows in the marker vocabulary, all of them known. pairs:
    int64 (n_pairs, 2), rows of the mentions: the pairs that are wanted. langs: int64 (n_mentions,), row of the language
    whose route each mention takes.
    """

    doc: Doc
    subwords: DocSubwords
    spans: np.ndarray
    markers: np.ndarray
    pairs: np.ndarray
    langs: np.ndarray


def cut_sentences(doc: MarkedDoc, starts: np.ndarray) -> tuple[list[MarkedDoc], np.ndarray]:
    """The sentences of a Doc as texts of their own; for a pair across sentences, all from the first to the last of it.

    Args:
        doc: The Doc as one text.
        starts: int64 *Shape:* (n_sentences,), where its sentences begin.

    Returns:
        The texts that pairs need; and int64 *Shape:* (n_pairs,), for each of their pairs, one text behind the other,
        its row among the Doc's.
    """
    if len(starts) == 1:
        return [doc], np.arange(len(doc.pairs))
    first, last = sentence_places(starts, doc.spans)
    low, high = first[doc.pairs].min(axis=1), last[doc.pairs].max(axis=1)
    used, texts = np.unique(low * len(starts) + high, return_inverse=True)
    order = np.argsort(texts, kind="stable")
    bounds = bounds_of(texts, len(used))
    ends = np.append(starts[1:], len(doc.subwords.starts))
    parts = []
    for row, key in enumerate(used.tolist()):
        one, two = divmod(key, len(starts))
        inside = ((first >= one) & (last <= two)).nonzero()[0]
        pairs = np.searchsorted(inside, doc.pairs[order[bounds[row] : bounds[row + 1]]])
        subwords = doc.subwords.part(starts[one], ends[two])
        spans = doc.spans[inside] - starts[one]
        parts.append(MarkedDoc(doc.doc, subwords, spans, doc.markers[inside], pairs, doc.langs[inside]))
    return parts, order


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int64: the numbers [start, start + length) of each part, one part behind the other."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)


def bounds_of(rows: np.ndarray, n: int) -> np.ndarray:
    """int64 (n + 1,): where the parts begin if things are sorted by the part, in [0, n), that each belongs to."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype("int64")


def insertion_order(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Where markers go if they are inserted into a text: int64 (..., 2 * n), places in the marked text.

    starts, ends: int64 (..., n), spans of the text. The last axis of the answer has the openings, then the closings.
    At one place closings come first, and they close inner mentions before outer ones; equal spans nest in their order.
    """
    n = starts.shape[-1]
    points = np.concatenate([starts, ends], axis=-1)
    opening = np.broadcast_to(np.arange(2 * n) < n, points.shape)
    other = np.concatenate([-ends, -starts], axis=-1)  # longer ones open first, later ones close first
    turn = np.broadcast_to(np.concatenate([np.arange(n), -np.arange(n)]), points.shape)
    order = np.lexsort((turn, other, opening, points), axis=-1)
    places = np.empty_like(points)
    np.put_along_axis(places, order, np.take_along_axis(points, order, -1) + np.arange(2 * n), -1)
    return places


@dataclass(frozen=True)
class Texts:
    """Framed texts as pieces of one pool of ids, so that many texts over the same words cost little.

    pieces: int64 (n_ids,). starts, sizes: int64 (n_texts, n_pieces), the pieces of each text, in order; may be empty.
    """

    pieces: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[np.ndarray]) -> Texts:
        """Texts of one piece each."""
        bounds = offsets([len(part) for part in parts])
        pieces = np.concatenate(parts) if parts else np.zeros(0, "int64")
        return cls(pieces, bounds[:-1, None], np.diff(bounds)[:, None])

    @cached_property
    def lengths(self) -> np.ndarray:
        return self.sizes.sum(axis=1)

    def ids(self, texts: np.ndarray) -> np.ndarray:
        """The ids of some texts, one behind the other."""
        return self.pieces[ranges(self.starts[texts].ravel(), self.sizes[texts].ravel())]


def make_batch(**arrays: np.ndarray) -> MarkedBatch:
    """A `MarkedBatch` of numpy arrays. Without group_ids there are no markers beside the texts, without sentences the
    texts' first tokens stand for them."""
    if "group_ids" not in arrays:
        none = np.zeros((0, 1))
        arrays.update(group_ids=none, group_rows=none, group_counts=np.zeros(len(arrays["lengths"])))
    if "sentences" not in arrays:
        texts, lengths = arrays["texts"], arrays["lengths"]
        arrays["sentences"] = (np.cumsum(lengths) - lengths)[texts] if len(lengths) else np.zeros(len(texts))
    return MarkedBatch(**{n: torch.from_numpy(np.ascontiguousarray(a, dtype="int64")) for n, a in arrays.items()})
