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

from ..core.gaps import sentence_gaps, spans_of, token_gaps
from ..data.extensions import get_bag
from ..data.sentences import sentence_places, sentence_starts
from ..data.text_forms import normal_form
from ..data.types import CandidateGenerator, Mention
from ..errors import RelxError

#: Pairs in a block, about.
BLOCK = 1 << 16


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


def _sentences(doc: Doc, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences in which spans begin and end, as numbers."""
    return sentence_places(sentence_starts(doc, spans), spans)


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


def pairs_within(
    starts: np.ndarray, spans: np.ndarray, max_sentences: int = 0, max_tokens: int | None = None
) -> Iterator[np.ndarray]:
    """Every ordered pair of mentions that are near enough and not the same span; hardly any other pair is ever made.

    Args:
        starts: int64 *Shape:* (n_sentences,), where sentences begin.
        spans: int *Shape:* (n_mentions, 2), in reading order.
        max_sentences: Sentences from one mention to the other at most; 0 for those of one sentence.
        max_tokens: Tokens between the two at most; None for any number.

    Returns:
        Blocks of int32 *Shape:* (n, 2), in the order of head and tail.
    """
    first, last = sentence_places(starts, spans)
    # for each head the mentions that may be its tail: a run, since mentions are in reading order
    low = np.searchsorted(np.maximum.accumulate(last), first - max_sentences, side="left")
    counts = np.searchsorted(first, last + max_sentences, side="right") - low
    ends = np.cumsum(counts)
    begins = ends - counts
    row = 0
    while row < len(spans):
        stop = max(row + 1, int(np.searchsorted(ends, begins[row] + BLOCK, side="right")))
        sizes = counts[row:stop]
        heads = np.repeat(np.arange(row, stop, dtype="int32"), sizes)
        steps = np.arange(len(heads)) - np.repeat(begins[row:stop] - begins[row], sizes)
        tails = (np.repeat(low[row:stop], sizes) + steps).astype("int32")
        near = (spans[heads] != spans[tails]).any(axis=1)
        near &= sentence_gaps(first, last, heads, tails) <= max_sentences
        block = np.stack([heads, tails], axis=1)[near]
        yield block if max_tokens is None else block[token_gaps(spans, block) <= max_tokens]
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
    begins = sentence_starts(doc, spans_of(mentions)).tolist()
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
    those of its head and its tail. Where sentences are not set they are found by rule, see `sentences`.

    generator: whose pairs are filtered, `spacy_relx.SameSentence.v1` by default.
    """
    return bag_pairs if generator is None else partial(_filtered, inner=generator, keep=_linked_apart)


def make_all_pairs() -> CandidateGenerator:
    """`spacy_relx.AllPairs.v1`: every ordered pair of different mentions."""
    return all_pairs


def make_same_sentence(generator: CandidateGenerator | None = None) -> CandidateGenerator:
    """`spacy_relx.SameSentence.v1`: pairs whose mentions lie in one sentence. Where sentences are not set they are
    found by rule, see `sentences`.

    generator: whose pairs are filtered, all pairs by default.
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

    allowed: list of [head type, tail type]; "*" stands for any type. RAISES: RelxError RX021 for another shape.
    """
    if not allowed or any(len(pair) != 2 for pair in allowed):
        raise RelxError("RX021", name="allowed", value=allowed, need="a list of [head type, tail type]")
    types = frozenset((normal_form(head), normal_form(tail)) for head, tail in allowed)
    return partial(_filtered, inner=generator or all_pairs, keep=partial(_typed, types))


def named_types(generator: CandidateGenerator | None) -> set[str]:
    """The entity types that a generator names (`spacy_relx.TypedPairs.v1`, however deep it is nested); "*" is none."""
    if not isinstance(generator, partial):
        return set()
    keep = generator.keywords.get("keep")
    found = named_types(generator.keywords.get("inner", all_pairs))
    if isinstance(keep, partial) and keep.func is _typed:
        found |= {name for pair in keep.args[0] for name in pair} - {"*"}
    return found


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
