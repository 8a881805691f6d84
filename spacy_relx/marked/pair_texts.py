"""Marked texts for the modes "single" and "packed": markers belong to pairs.

A pair that fits into a window over its Doc is read in the window where it lies most centrally. One that does not is
read in an excerpt: a window of half the size around each of its mentions, with a separator between. So no pair is left
out, however far its mentions lie apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from spacy.tokens import Doc

from ..core.docs_to_batch import offsets
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.windows import most_central, window_starts
from ..errors import warn
from .marking import HEAD, TAIL, MarkedDoc, Marking, Texts, bounds_of, insertion_order, make_batch, ranges


@dataclass(frozen=True)
class Entries:
    """Pairs that are marked alike share an entry: both directions of a pair whose markers tell no direction.

    texts: (n,) the text of each. spans: (n, 2, 2) start and end of its two mentions in that text. markers: (n, 2).
    langs: (n, 2), see `MarkedDoc`. In the order of the texts. pair_rows: (n_pairs,) the entry of each pair; flipped:
    (n_pairs,) whether its head is the entry's second mention.
    """

    texts: np.ndarray
    spans: np.ndarray
    markers: np.ndarray
    langs: np.ndarray
    pair_rows: np.ndarray
    flipped: np.ndarray


def doc_entries(doc: MarkedDoc, marking: Marking) -> tuple[np.ndarray, Entries]:
    """The texts of a Doc, int64 (n_texts, 2, 2): start and length of their first and second part, and its entries."""
    ids, room, markers = doc.subwords.ids, marking.room, doc.markers
    half = (room - 1) // 2
    spans = doc.subwords.spans(doc.spans)
    if len(ids) > room:
        spans = clip_mentions(spans, half - half // 2, doc.doc)
    head, tail = doc.pairs.T
    flipped = marking.symmetric(markers[head], markers[tail]) & (head > tail)
    first, second = np.where(flipped, tail, head), np.where(flipped, head, tail)
    windows = window_starts(len(ids), room, marking.stride)
    low = np.minimum(spans[head, 0], spans[tail, 0])
    high = np.maximum(spans[head, 1], spans[tail, 1])
    window = most_central(windows, room, low, high)
    far = (low < windows[window]) | (high > windows[window] + room)
    segments = window_starts(len(ids), half, max(half // 2, 1))
    segment = most_central(segments, half, spans[:, 0], spans[:, 1])
    forward = spans[first, 0] <= spans[second, 0]
    early, late = np.where(forward, first, second), np.where(forward, second, first)
    text = np.where(far, len(windows) + segment[early] * len(segments) + segment[late], window)
    n = len(spans)
    keys, chosen, rows = np.unique((text * n + first) * n + second, return_index=True, return_inverse=True)
    used, texts = np.unique(keys // (n * n), return_inverse=True)
    parts, shifts = _cut(len(ids), used, windows, segments, marking)
    mentions = np.stack([first, second], axis=1)[chosen]
    in_second = far[chosen, None] & (mentions == late[chosen, None])
    local = spans[mentions] + np.take_along_axis(shifts[texts], in_second.astype("int64"), 1)[..., None]
    return parts, Entries(texts, local, markers[mentions], doc.langs[mentions], rows, flipped)


def clip_mentions(spans: np.ndarray, limit: int, doc: Doc) -> np.ndarray:
    """Spans of a Doc, of at most `limit` subwords, which is said (RX083): longer ones are marked up to there."""
    long = int((spans[:, 1] - spans[:, 0] > limit).sum())
    if long:
        warn("RX083", count=long, limit=limit, text=doc.text[:60])
    return np.stack([spans[:, 0], np.minimum(spans[:, 1], spans[:, 0] + limit)], axis=1)


def _cut(
    length: int, keys: np.ndarray, windows: np.ndarray, segments: np.ndarray, marking: Marking
) -> tuple[np.ndarray, np.ndarray]:
    """Texts by their keys: start and length of their two parts in the Doc, int64 (n_texts, 2, 2); and what to add to a
    place in the Doc for its place in the text's first and second part, (n_texts, 2)."""
    half = (marking.room - 1) // 2
    far = keys >= len(windows)
    one, two = np.divmod(np.where(far, keys - len(windows), 0), len(segments))
    starts = np.stack([np.where(far, segments[one], windows[np.where(far, 0, keys)]), segments[two]], axis=1)
    sizes = np.stack([np.where(far, half, marking.room), np.where(far, half, 0)], axis=1)
    sizes = np.minimum(sizes, length - starts)
    shifts = np.array([len(marking.prefix), len(marking.prefix) + half + 1]) - starts
    return np.stack([starts, sizes], axis=2), shifts


def framed(parts: np.ndarray, words: Sequence[np.ndarray], marking: Marking) -> Texts:
    """Texts between special tokens. parts: (n_texts, 2, 2), start and length of the first part and of the second, which
    a separator precedes if there is one, in all words of `words`."""
    prefix, suffix = marking.prefix, marking.suffix
    frame = np.concatenate([prefix, [marking.subwords.separator], suffix]).astype("int64")
    starts, sizes = np.zeros((len(parts), 5), dtype="int64"), np.zeros((len(parts), 5), dtype="int64")
    starts[:, [2, 4]] = len(prefix), len(prefix) + 1
    starts[:, [1, 3]] = parts[:, :, 0] + len(frame)
    sizes[:, [1, 3]] = parts[:, :, 1]
    sizes[:, 0], sizes[:, 2], sizes[:, 4] = len(prefix), parts[:, 1, 1] > 0, len(suffix)
    return Texts(np.concatenate([frame, *words]), starts, sizes)


def insert_markers(
    texts: Texts, rows: np.ndarray, spans: np.ndarray, marker_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts with the markers of one pair each.

    rows: int64 (n,), the text of each pair. spans: (n, 2, 2), start and end of its two mentions in that text.
    marker_ids: (n, 2, 2), their markers, opening and closing. RETURNS: the ids of all texts, one behind the other;
    lengths, (n,); and (n, 4), where among all ids the markers are: two openings, two closings.
    """
    places = insertion_order(spans[..., 0], spans[..., 1])
    lengths = texts.lengths[rows] + 4
    places += (np.cumsum(lengths) - lengths)[:, None]
    ids = np.empty(lengths.sum(), dtype="int64")
    is_text = np.ones(len(ids), dtype=bool)
    is_text[places] = False
    ids[is_text] = texts.ids(rows)
    ids[places] = marker_ids.transpose(0, 2, 1).reshape(-1, 4)
    return ids, lengths, places


class PairPlan:
    """All marked texts of a batch of Docs; `build` makes some of them into a `MarkedBatch`.

    Items are entries in the mode "single"; in "packed" they are texts with as many entries beside them as `limit` rows
    allow. sizes: int64 (n_items,), rows of each.
    """

    def __init__(self, docs: Sequence[MarkedDoc], marking: Marking, limit: int):
        self.marking = marking
        parts: list[np.ndarray] = []
        entries: list[Entries] = []
        n_texts, n_entries = 0, 0
        words = offsets([len(doc.subwords.ids) for doc in docs])
        for doc, first in zip(docs, words):
            texts, e = doc_entries(doc, marking)
            entries.append(replace(e, texts=e.texts + n_texts, pair_rows=e.pair_rows + n_entries))
            parts.append(texts + np.array([first, 0]))
            n_texts += len(texts)
            n_entries += len(e.texts)
        self.texts = framed(np.concatenate(parts), [doc.subwords.ids for doc in docs], marking)
        fields = ("texts", "spans", "markers", "langs", "pair_rows", "flipped")
        self.entries = Entries(*(np.concatenate([getattr(e, name) for e in entries]) for name in fields))
        # pairs by entry, so that those of an item are found without a search
        self._order = np.argsort(self.entries.pair_rows, kind="stable")
        self._pair_starts = bounds_of(self.entries.pair_rows, n_entries)
        self._set_items(limit)

    def _set_items(self, limit: int) -> None:
        texts, lengths = self.entries.texts, self.texts.lengths
        if self.marking.mode == "single":
            self._first, self._count = np.arange(len(texts)), np.ones(len(texts), dtype="int64")
        else:
            counts = np.bincount(texts, minlength=len(lengths))
            most = np.maximum((limit - lengths) // self.marking.group_size, 1)
            packs = -(-counts // most)
            nth = ranges(np.zeros(len(packs), "int64"), packs)
            most = np.repeat(most, packs)
            self._first = np.repeat(np.cumsum(counts) - counts, packs) + nth * most
            self._count = np.minimum(np.repeat(counts, packs) - nth * most, most)
        self.sizes = lengths[texts[self._first]] + self.marking.group_size * self._count

    def build(self, items: np.ndarray) -> tuple[MarkedBatch, np.ndarray]:
        """RETURNS: the batch, and the rows of its pairs among all pairs of the plan."""
        entries = ranges(self._first[items], self._count[items])
        counts = np.diff(self._pair_starts)[entries]
        pair_rows = self._order[ranges(self._pair_starts[entries], counts)]
        first = 2 * np.repeat(np.arange(len(entries)), counts)
        flipped = self.entries.flipped[pair_rows]
        arrays = {
            "markers": self.entries.markers[entries].ravel(),
            "langs": self.entries.langs[entries].ravel(),
            "pairs": np.stack([first + flipped, first + ~flipped], axis=1),
        }
        mark = self._mark_inline if self.marking.mode == "single" else self._mark_beside
        return make_batch(**arrays, **mark(items, entries)), pair_rows

    def _marker_ids(self, entries: np.ndarray) -> np.ndarray:
        """int64 (n, 2, 2): ids of each entry's markers: of its two mentions, opening and closing."""
        return self.marking.ids[self.entries.markers[entries], [HEAD, TAIL]]

    def _mark_inline(self, items: np.ndarray, entries: np.ndarray) -> dict[str, np.ndarray]:
        texts, spans = self.entries.texts[entries], self.entries.spans[entries]
        ids, lengths, places = insert_markers(self.texts, texts, spans, self._marker_ids(entries))
        opens, closes = places[:, :2].ravel(), places[:, 2:].ravel()
        return {
            "ids": ids,
            "lengths": lengths,
            "opens": opens,
            "closes": closes,
            "spans": np.stack([opens + 1, closes], axis=1),
            "texts": np.repeat(np.arange(len(entries)), 2),
        }

    def _mark_beside(self, items: np.ndarray, entries: np.ndarray) -> dict[str, np.ndarray]:
        texts = self.entries.texts[self._first[items]]
        lengths = self.texts.lengths[texts]
        ids, starts = self.texts.ids(texts), np.cumsum(lengths) - lengths
        of_entry = np.repeat(np.arange(len(items)), self._count[items])
        spans = self.entries.spans[entries] + starts[of_entry][:, None, None]
        group_ids = self._marker_ids(entries).reshape(-1, 4)
        group_rows = (spans - [0, 1]).reshape(-1, 4)
        arrays = {}
        size = self.marking.group_size
        groups = lengths.sum() + size * np.arange(len(entries))
        if size > 4:
            first = starts[of_entry][:, None]
            group_ids = np.concatenate([group_ids, ids[first]], axis=1)
            group_rows = np.concatenate([group_rows, first], axis=1)
            arrays["sentences"] = np.repeat(groups + 4, 2)
        opens = (groups[:, None] + [0, 2]).ravel()
        return {
            "ids": ids,
            "lengths": lengths,
            "group_ids": group_ids,
            "group_rows": group_rows,
            "group_counts": self._count[items],
            "opens": opens,
            "closes": opens + 1,
            "spans": spans.reshape(-1, 2),
            "texts": np.repeat(of_entry, 2),
            **arrays,
        }
