"""Marked texts for the mode "shared": one pair of markers for each mention, pairs are formed afterwards.

A long Doc is read in windows over its marked text. A pair is formed in the window where both mentions lie most
centrally. Where none has both, each mention comes from the window that suits it best, and the pair is formed from the
two vectors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.transformers.batch import MarkedBatch
from ..core.transformers.windows import most_central, window_starts
from .marking import MENTION, MarkedDoc, Marking, Texts, bounds_of, insertion_order, make_batch, ranges
from .pair_texts import clip_mentions


@dataclass(frozen=True)
class Marked:
    """The marked text of a whole Doc. owners: the mention that each id marks, -1 for text. extents: (n_mentions, 2),
    from a mention's opening marker, or first subword where markers stand beside, to the end of its last one."""

    ids: np.ndarray
    owners: np.ndarray
    extents: np.ndarray


@dataclass(frozen=True)
class Windows:
    """Texts of a Doc and the entities read in them: a mention is an entity of each window that a pair needs it in.

    texts: (n,) text of each entity. mentions: (n,). spans: (n, 2) in the text, as extents. extents: (n, 2) in the Doc.
    pairs: (n_pairs, 2) entities.
    """

    parts: list[np.ndarray]
    texts: np.ndarray
    mentions: np.ndarray
    spans: np.ndarray
    extents: np.ndarray
    pairs: np.ndarray


def mark_doc(doc: MarkedDoc, marking: Marking) -> Marked:
    """All mentions of a Doc marked at once."""
    ids = doc.subwords.ids
    spans = doc.subwords.spans(doc.spans)
    n = len(spans)
    limit = marking.room - marking.stride
    if len(ids) + 2 * n * marking.inline > marking.room:
        spans = clip_mentions(spans, limit - 2 * marking.inline, doc.doc)
    if not marking.inline:
        return Marked(ids, np.full(len(ids), -1), spans)
    places = insertion_order(spans[:, 0], spans[:, 1])
    marked, owners = np.empty(len(ids) + 2 * n, dtype="int64"), np.full(len(ids) + 2 * n, -1)
    owners[places] = np.tile(np.arange(n), 2)
    marked[owners < 0] = ids
    marked[places] = marking.ids[doc.markers, MENTION].T.ravel()
    extents = np.stack([places[:n], places[n:] + 1], axis=1)
    if len(marked) > marking.room:  # the markers of nested mentions may have made one too long again
        extents = clip_mentions(extents, limit, doc.doc)
    return Marked(marked, owners, extents)


def cut_windows(marked: Marked, pairs: np.ndarray, marking: Marking) -> Windows:
    """The windows that the pairs need. pairs: (n_pairs, 2), rows of the mentions."""
    starts = window_starts(len(marked.ids), marking.room, marking.stride)
    extents, n = marked.extents, len(marked.extents)
    both = extents[pairs]  # (n_pairs, 2, 2)
    low, high = both[..., 0].min(axis=1), both[..., 1].max(axis=1)
    common = most_central(starts, marking.room, low, high)
    far = (low < starts[common]) | (high > starts[common] + marking.room)
    own = most_central(starts, marking.room, extents[:, 0], extents[:, 1])
    window = np.where(far[:, None], own[pairs], common[:, None])
    keys, rows = np.unique(window * n + pairs, return_inverse=True)
    used, texts = np.unique(keys // n, return_inverse=True)
    mentions = keys % n
    parts, spans = [], np.empty((len(keys), 2), dtype="int64")
    bounds = bounds_of(texts, len(used))
    for row, start in enumerate(starts[used].tolist()):
        inside = slice(bounds[row], bounds[row + 1])
        part, spans[inside] = _cut_window(marked, start, mentions[inside], marking)
        parts.append(part)
    return Windows(parts, texts, mentions, spans, extents[mentions], rows.reshape(-1, 2))


def _cut_window(marked: Marked, start: int, mentions: np.ndarray, marking: Marking) -> tuple[np.ndarray, np.ndarray]:
    """A framed window, and the places of mentions in it. Markers of mentions that it cuts are left out."""
    end = start + marking.room
    owners = marked.owners[start:end]
    whole = (marked.extents[:, 0] >= start) & (marked.extents[:, 1] <= end)
    kept = (owners < 0) | whole[owners] if len(whole) else owners < 0
    places = np.concatenate([[0], np.cumsum(kept)]) + len(marking.prefix)
    body = marked.ids[start:end][kept]
    return np.concatenate([marking.prefix, body, marking.suffix]), places[marked.extents[mentions] - start]


class MentionPlan:
    """All marked texts of a batch of Docs; `build` makes some of them into a `MarkedBatch`.

    Items are the texts. sizes: int64 (n_items,), rows of each.
    """

    def __init__(self, docs: Sequence[MarkedDoc], marking: Marking):
        self.marking = marking
        parts: list[np.ndarray] = []
        names = ("texts", "spans", "extents", "pairs", "markers", "langs")
        columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
        n_entities = 0
        for doc in docs:
            cut = cut_windows(mark_doc(doc, marking), doc.pairs, marking)
            columns["texts"].append(cut.texts + len(parts))
            columns["spans"].append(cut.spans)
            columns["extents"].append(cut.extents)
            columns["pairs"].append(cut.pairs + n_entities)
            columns["markers"].append(doc.markers[cut.mentions])
            columns["langs"].append(doc.langs[cut.mentions])
            parts.extend(cut.parts)
            n_entities += len(cut.texts)
        self.texts = Texts.of(parts)
        self._entity_texts, self._spans, self._extents, self._pairs, self._markers, self._langs = (
            np.concatenate(column) for column in columns.values()
        )
        self._entity_starts = bounds_of(self._entity_texts, len(parts))
        pair_texts = self._entity_texts[self._pairs]
        together = pair_texts[:, 0] == pair_texts[:, 1]
        self._order = np.argsort(np.where(together, pair_texts[:, 0], len(parts)), kind="stable")
        self._pair_starts = bounds_of(pair_texts[together, 0], len(parts))
        #: Pairs whose mentions come from different texts, and the entities that they need.
        self.apart = self._order[self._pair_starts[-1] :]
        self.entities_apart = np.unique(self._pairs[self.apart])
        self.sizes = self.texts.lengths + (0 if marking.inline else 2 * np.diff(self._entity_starts))

    def build(self, items: np.ndarray) -> tuple[MarkedBatch, np.ndarray]:
        """RETURNS: the batch, and the rows of its pairs among all pairs of the plan."""
        entities = self.entities(items)
        pair_rows = self._order[ranges(self._pair_starts[items], np.diff(self._pair_starts)[items])]
        local = np.empty(len(self._entity_texts), dtype="int64")
        local[entities] = np.arange(len(entities))
        lengths = self.texts.lengths[items]
        counts = np.diff(self._entity_starts)[items]
        of_entity = np.repeat(np.arange(len(items)), counts)
        spans = self._spans[entities] + (np.cumsum(lengths) - lengths)[of_entity][:, None]
        arrays = {
            "ids": self.texts.ids(items),
            "lengths": lengths,
            "texts": of_entity,
            "markers": self._markers[entities],
            "langs": self._langs[entities],
            "pairs": local[self._pairs[pair_rows]],
        }
        if self.marking.inline:
            return make_batch(**arrays, **_ends_inline(spans)), pair_rows
        beside = lengths.sum() + 2 * np.arange(len(entities))
        arrays["group_ids"] = self.marking.ids[arrays["markers"], MENTION]
        arrays["group_rows"] = spans - [0, 1]
        arrays["group_counts"] = counts
        return make_batch(**arrays, opens=beside, closes=beside + 1, spans=spans), pair_rows

    def entities(self, items: np.ndarray) -> np.ndarray:
        """Rows, among all entities of the plan, of those that a batch of these items has."""
        return ranges(self._entity_starts[items], np.diff(self._entity_starts)[items])

    def build_apart(self) -> tuple[MarkedBatch, np.ndarray]:
        """The pairs `apart`, over the entities `entities_apart`: a batch without texts, and the pairs' rows."""
        extents = self._extents[self.entities_apart]
        nothing = np.zeros(0)
        batch = make_batch(
            ids=nothing,
            lengths=nothing,
            texts=np.zeros(len(extents)),
            markers=self._markers[self.entities_apart],
            langs=self._langs[self.entities_apart],
            pairs=np.searchsorted(self.entities_apart, self._pairs[self.apart]),
            **(
                _ends_inline(extents)
                if self.marking.inline
                else {"opens": nothing, "closes": nothing, "spans": extents}
            ),
        )
        return batch, self.apart


def _ends_inline(extents: np.ndarray) -> dict[str, np.ndarray]:
    opens, closes = extents[:, 0], extents[:, 1] - 1
    return {"opens": opens, "closes": closes, "spans": np.stack([opens + 1, closes], axis=1)}
