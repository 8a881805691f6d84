"""Candidate generators: which ordered pairs of mentions are looked at.

A generator takes a Doc and its mentions and yields blocks of pairs, int32 arrays of *Shape:* (n, 2) whose rows are
(head, tail), rows of the mentions. It yields blocks so that a Doc with thousands of mentions never needs all its pairs
in memory at once; a custom generator may just as well yield a single array. Register one under spaCy's `misc`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Callable

import numpy as np
from spacy.tokens import Doc

from ..errors import RelxError
from ..extensions import get_bag
from ..grouping import sentence_starts
from ..text_forms import normal_form
from ..types import CandidateGenerator, Mention

#: Pairs in a block, about.
BLOCK = 1 << 16


def spans_of(mentions: Sequence[Mention]) -> np.ndarray:
    """int32 (n_mentions, 2): start and end."""
    return np.array([(m.start, m.end) for m in mentions], dtype="int32").reshape(-1, 2)


def token_gaps(spans: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """int32 (n_pairs,): tokens between the two mentions of each pair; 0 when they touch or overlap."""
    head, tail = spans[pairs[:, 0]], spans[pairs[:, 1]]
    return np.maximum(np.maximum(head[:, 0], tail[:, 0]) - np.minimum(head[:, 1], tail[:, 1]), 0)


def all_pairs(doc: Doc, mentions: Sequence[Mention]) -> Iterator[np.ndarray]:
    """Every ordered pair of mentions that are not the same span."""
    n = len(mentions)
    spans = spans_of(mentions)
    tails = np.arange(n, dtype="int32")
    step = max(1, BLOCK // max(n, 1))
    for first in range(0, n, step):
        heads = np.arange(first, min(first + step, n), dtype="int32")
        block = np.stack([np.repeat(heads, n), np.tile(tails, len(heads))], axis=1)
        same = (spans[block[:, 0]] == spans[block[:, 1]]).all(axis=1)
        yield block[~same]


def _filtered(
    doc: Doc,
    mentions: Sequence[Mention],
    *,
    inner: CandidateGenerator,
    keep: Callable[[Doc, Sequence[Mention]], Callable[[np.ndarray], np.ndarray]],
) -> Iterator[np.ndarray]:
    """The inner generator's pairs for which `keep(doc, mentions)(pairs)` holds."""
    if not len(mentions):
        return
    test = keep(doc, mentions)
    for block in inner(doc, mentions):
        yield block[test(block)]


def _sentence_starts(doc: Doc) -> np.ndarray:
    """int64 (n,): tokens at which sentences start. RAISES: RelxError RX020 without sentence boundaries."""
    if not doc.has_annotation("SENT_START"):
        raise RelxError("RX020", text=doc.text[:60])
    return sentence_starts(doc)


def _sentences(doc: Doc, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences in which spans begin and end, as numbers. RAISES: RelxError RX020 without sentence boundaries."""
    starts = _sentence_starts(doc)
    return np.searchsorted(starts, spans[:, 0], side="right"), np.searchsorted(starts, spans[:, 1] - 1, side="right")


def _same_sentence(doc: Doc, mentions: Sequence[Mention]) -> Callable[[np.ndarray], np.ndarray]:
    first, last = _sentences(doc, spans_of(mentions))
    return lambda pairs: (first[pairs[:, 0]] == first[pairs[:, 1]]) & (last[pairs[:, 0]] == last[pairs[:, 1]])


def sentence_pairs(doc: Doc, mentions: Sequence[Mention]) -> Iterator[np.ndarray]:
    """Every ordered pair of mentions of one sentence that are not the same span; no other pair is ever made."""
    if not len(mentions):
        return
    spans = spans_of(mentions)
    first, last = _sentences(doc, spans)
    # mentions that begin and end in the same sentences, side by side
    _, group = np.unique(np.stack([first, last], axis=1), axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable").astype("int32")
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    sizes, starts = sizes[group[order]], starts[group[order]]  # for each mention, those of its group
    ends = np.cumsum(sizes)
    row = 0
    while row < len(order):
        stop = max(row + 1, int(np.searchsorted(ends, ends[row] - sizes[row] + BLOCK, side="right")))
        counts = sizes[row:stop]
        heads = np.repeat(order[row:stop], counts)
        steps = np.arange(len(heads)) - np.repeat(np.cumsum(counts) - counts, counts)
        block = np.stack([heads, order[np.repeat(starts[row:stop], counts) + steps]], axis=1)
        yield block[(spans[block[:, 0]] != spans[block[:, 1]]).any(axis=1)]
        row = stop


def _within_tokens(max_tokens: int, doc: Doc, mentions: Sequence[Mention]) -> Callable[[np.ndarray], np.ndarray]:
    spans = spans_of(mentions)
    return lambda pairs: token_gaps(spans, pairs) <= max_tokens


def _typed(
    allowed: frozenset[tuple[str, str]], doc: Doc, mentions: Sequence[Mention]
) -> Callable[[np.ndarray], np.ndarray]:
    types = sorted({m.label for m in mentions})
    rows = np.array([types.index(m.label) for m in mentions])
    table = np.array([[(a, b) in allowed or ("*", b) in allowed or (a, "*") in allowed for b in types] for a in types])
    return lambda pairs: table[rows[pairs[:, 0]], rows[pairs[:, 1]]]


def _linked_apart(doc: Doc, mentions: Sequence[Mention]) -> Callable[[np.ndarray], np.ndarray]:
    bag = get_bag(doc)
    ids = [mention.kb_id for mention in mentions]
    if bag is None:
        apart = [i or f"\0{n}" for n, i in enumerate(ids)]  # no id has a NUL, and all without an id are different
        _, rows = np.unique(np.array(apart, dtype=object), return_inverse=True)
        return lambda pairs: rows[pairs[:, 0]] != rows[pairs[:, 1]]
    heads, tails = np.array([i == bag.head for i in ids]), np.array([i == bag.tail for i in ids])
    return lambda pairs: heads[pairs[:, 0]] & tails[pairs[:, 1]]


def bag_pairs(doc: Doc, mentions: Sequence[Mention]) -> Iterator[np.ndarray]:
    """Every pair of mentions of different entities in one sentence; of a bag, those of its head and its tail alone."""
    bag = get_bag(doc)
    if bag is None or not len(mentions):
        yield from _filtered(doc, mentions, inner=sentence_pairs, keep=_linked_apart)
        return
    # A bag has few mentions, most often, and many bags come by: plain lists are three times as fast as arrays here.
    begins = _sentence_starts(doc).tolist()
    tails = defaultdict(list)
    heads = []
    for row, mention in enumerate(mentions):
        if mention.kb_id in (bag.head, bag.tail):
            sentence = bisect_right(begins, mention.start), bisect_right(begins, mention.end - 1)
            if mention.kb_id == bag.head:
                heads.append((row, sentence))
            if mention.kb_id == bag.tail:
                tails[sentence].append(row)
    spans = [(mention.start, mention.end) for mention in mentions]
    pairs = [(head, tail) for head, at in heads for tail in tails.get(at, ()) if spans[head] != spans[tail]]
    yield np.array(pairs, dtype="int32").reshape(-1, 2)


def make_bag_pairs(generator: CandidateGenerator | None = None) -> CandidateGenerator:
    """`spacy_relx.BagPairs.v1`: pairs of mentions of different entities in one sentence; of a Doc that is a bag, only
    those of its head and its tail. Needs sentence boundaries.

    generator: whose pairs are filtered, `spacy_relx.SameSentence.v1` by default.
    """
    return bag_pairs if generator is None else partial(_filtered, inner=generator, keep=_linked_apart)


def make_all_pairs() -> CandidateGenerator:
    """`spacy_relx.AllPairs.v1`: every ordered pair of different mentions."""
    return all_pairs


def make_same_sentence(generator: CandidateGenerator | None = None) -> CandidateGenerator:
    """`spacy_relx.SameSentence.v1`: pairs whose mentions lie in one sentence. Needs sentence boundaries.

    generator: whose pairs are filtered, all pairs by default. The generator RAISES: RelxError RX020 for a Doc
    without sentence boundaries.
    """
    return sentence_pairs if generator is None else partial(_filtered, inner=generator, keep=_same_sentence)


def make_within_tokens(max_tokens: int, generator: CandidateGenerator | None = None) -> CandidateGenerator:
    """`spacy_relx.WithinTokens.v1`: pairs with at most `max_tokens` tokens between their mentions.

    RAISES: RelxError RX021 for a negative number.
    """
    if max_tokens < 0:
        raise RelxError("RX021", name="max_tokens", value=max_tokens, need="0 or more")
    return partial(_filtered, inner=generator or all_pairs, keep=partial(_within_tokens, max_tokens))


def make_typed_pairs(allowed: list[list[str]], generator: CandidateGenerator | None = None) -> CandidateGenerator:
    """`spacy_relx.TypedPairs.v1`: pairs whose (head type, tail type) is allowed.

    allowed: list of [head type, tail type]; "*" stands for any type. RAISES: RelxError RX022 for another shape.
    """
    if not allowed or any(len(pair) != 2 for pair in allowed):
        raise RelxError("RX022", value=allowed)
    types = frozenset((normal_form(head), normal_form(tail)) for head, tail in allowed)
    return partial(_filtered, inner=generator or all_pairs, keep=partial(_typed, types))


def nearest(blocks: Iterable[np.ndarray], spans: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """The `limit` nearest pairs of all blocks, in reading order of head and tail.

    Ties go to the pair that a generator names first. Memory: a block and twice the limit, whatever is generated.
    RETURNS: int32 (n, 2), n <= limit; and how many pairs there were.
    """
    kept: list[np.ndarray] = []
    n_kept = total = 0
    for block in blocks:
        block = np.asarray(block, dtype="int32").reshape(-1, 2)
        total += len(block)
        n_kept += len(block)
        kept.append(block)
        if n_kept > 2 * limit + BLOCK:
            kept = [_nearest_of(np.concatenate(kept), spans, limit)]
            n_kept = len(kept[0])
    if len(kept) == 1:
        return _nearest_of(kept[0], spans, limit), total
    pairs = np.concatenate(kept) if kept else np.zeros((0, 2), "int32")
    return _nearest_of(pairs, spans, limit), total


def _nearest_of(pairs: np.ndarray, spans: np.ndarray, limit: int) -> np.ndarray:
    if len(pairs) <= limit:
        return pairs
    rows = np.argsort(token_gaps(spans, pairs), kind="stable")[:limit]
    return pairs[np.sort(rows)]
