"""Docs with candidates -> instances: the sentence of each pair, and which pairs are about the same entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from spacy.tokens import Doc

from ..core.docs_to_batch import DocBatch, offsets
from ..data.extensions import get_lang, get_sentence_langs
from ..data.grouping import DocBags, Entities, group_pairs
from ..data.sentences import sentence_starts
from ..marked.marking import ranges


@dataclass(frozen=True)
class Instances:
    """The instances of some Docs, bag by bag.

    docs: int64 (n,), the Doc of each. rows: (n,), its candidate pair. windows: (n, 2), tokens [start, end) of its
    sentence in the Doc. mentions: (n, 2, 2), start and end of head and tail in the Doc. markers: (n, 2), their types.
    langs: the language of each sentence, "" where unknown. bags: of each Doc.
    """

    docs: np.ndarray
    rows: np.ndarray
    windows: np.ndarray
    mentions: np.ndarray
    markers: np.ndarray
    langs: list[str]
    bags: list[DocBags]

    def __len__(self) -> int:
        return len(self.docs)

    @property
    def sizes(self) -> np.ndarray:
        """int64 (n_bags,): instances of each bag, of all Docs."""
        return np.concatenate([np.zeros(0, "int64"), *(bags.sizes for bags in self.bags)])

    def select(self, rows: np.ndarray) -> Instances:
        """Some of the instances, which belong to no bags. rows: int64 (n,)."""
        names = ("docs", "rows", "windows", "mentions", "markers")
        langs = [self.langs[row] for row in rows.tolist()]
        return replace(self, langs=langs, bags=[], **{name: getattr(self, name)[rows] for name in names})


def find_instances(docs: DocBatch, entities: Entities, max_tokens: int) -> Instances:
    """All instances of some Docs that have candidates. max_tokens: see `cut_windows`."""
    bags = [group_pairs(doc, candidates, entities) for doc, candidates in zip(docs, docs.candidates)]
    return _gather(docs, bags, max_tokens)


def pair_instances(docs: DocBatch, max_tokens: int) -> Instances:
    """Every candidate pair of the Docs as an instance that is a bag of its own, linked or not."""
    bags = []
    for candidates in docs.candidates:
        n = len(candidates)
        bags.append(DocBags([("", "")] * n, np.arange(n), np.ones(n, "int64")))
    return _gather(docs, bags, max_tokens)


def _gather(docs: DocBatch, bags: list[DocBags], max_tokens: int) -> Instances:
    """All Docs' tokens count as laid end to end until the last step: one pass over arrays, not one for each Doc."""
    counts = [len(grouped.rows) for grouped in bags]
    starts = offsets([len(doc) for doc in docs])
    spans, markers = [np.zeros((0, 2, 2), "int64")], [np.zeros((0, 2), "int64")]
    for i, (candidates, grouped, start) in enumerate(zip(docs.candidates, bags, starts.tolist())):
        if len(grouped.rows):
            pairs = candidates.pairs[grouped.rows]
            spans.append(candidates.spans[pairs].astype("int64") + start)
            markers.append(docs.markers_of(i)[pairs])
    mentions, owners = np.concatenate(spans), np.repeat(np.arange(len(docs)), counts)
    sentences = sentence_windows(docs, mentions)
    shift = starts[owners]
    return Instances(
        docs=owners,
        rows=np.concatenate([np.zeros(0, "int64"), *(grouped.rows for grouped in bags)]),
        windows=cut_windows(sentences, mentions, max_tokens) - shift[:, None],
        mentions=mentions - shift[:, None, None],
        markers=np.concatenate(markers),
        langs=_langs_at(docs, counts, sentences[:, 0] - shift),
        bags=bags,
    )


def sentence_windows(docs: Sequence[Doc], spans: np.ndarray) -> np.ndarray:
    """int64 (n, 2): the text from the beginning of the sentence in which a pair begins to the end of that in which it
    ends. Tokens are numbered through the Docs.

    spans: int64 (n, 2, 2), each pair within a Doc.
    """
    starts = offsets([len(doc) for doc in docs])
    bounds = np.concatenate([*(sentence_starts(doc) + start for doc, start in zip(docs, starts.tolist())), starts[-1:]])
    first = np.searchsorted(bounds, spans[:, :, 0].min(axis=1), side="right") - 1
    last = np.searchsorted(bounds, spans[:, :, 1].max(axis=1), side="left")
    return np.stack([bounds[first], bounds[last]], axis=1)


def _langs_at(docs: Sequence[Doc], counts: list[int], places: np.ndarray) -> list[str]:
    """The language of the text at some tokens, `counts` of them of each Doc. places: int64 (n,), in their Docs."""
    langs: list[str] = []
    ends = np.cumsum(counts)
    for doc, count, end in zip(docs, counts, ends.tolist()):
        if count:
            langs.extend(langs_at(doc, places[end - count : end]))
    return langs


def langs_at(doc: Doc, places: np.ndarray) -> list[str]:
    """The language of the text at some tokens. places: int64 (n,)."""
    parts = get_sentence_langs(doc)
    known = {lang for _, _, lang in parts}
    if len(known) == 1 and sum(end - start for start, end, _ in parts) == len(doc):
        return [known.pop()] * len(places)
    rows, names = token_langs(doc)
    return [names[row] for row in rows[places].tolist()]


def token_langs(doc: Doc) -> tuple[np.ndarray, list[str]]:
    """int64 (n_tokens,), the row of each token's language, and the languages; that of the Doc is the first one.

    It is the language of tokens of which no sentence's language is known.
    """
    rows = np.zeros(len(doc), dtype="int64")
    names = {get_lang(doc): 0}
    for start, end, lang in get_sentence_langs(doc):
        rows[start:end] = names.setdefault(lang, len(names))
    return rows, list(names)


def cut_windows(windows: np.ndarray, spans: np.ndarray, max_tokens: int) -> np.ndarray:
    """Windows of at most max_tokens around both mentions (0: no limit); longer only where the mentions are that far
    apart. windows: int64 (n, 2). spans: int64 (n, 2, 2). RETURNS: int64 (n, 2)."""
    if not max_tokens or not len(windows) or (windows[:, 1] - windows[:, 0]).max() <= max_tokens:
        return windows
    low, high = spans[:, :, 0].min(axis=1), spans[:, :, 1].max(axis=1)
    size = np.maximum(np.minimum(windows[:, 1] - windows[:, 0], max_tokens), high - low)
    start = np.clip((low + high - size) // 2, windows[:, 0], windows[:, 1] - size)
    return np.stack([start, start + size], axis=1)


def token_places(docs: Sequence[Doc], instances: Instances) -> np.ndarray:
    """int64 (n_tokens,): where the tokens of the instances stand in the Docs' tokens laid end to end."""
    starts = offsets([len(doc) for doc in docs])[instances.docs] + instances.windows[:, 0]
    return ranges(starts, instances.windows[:, 1] - instances.windows[:, 0])
