"""The parts of Docs that are read by themselves: sentences, or pieces of a Doc whose sentences are not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from spacy.attrs import SENT_START
from spacy.tokens import Doc

from ..extensions import get_routes, get_sentence_langs


def part_lengths(doc: Doc, max_length: int) -> np.ndarray:
    """int64 (n_parts,): tokens of each sentence, or of the whole Doc where sentences are not set. What is longer than
    `max_length` tokens is cut into pieces of that length, so that the cost grows with the Doc."""
    if not len(doc):
        return np.zeros(0, dtype="int64")
    starts = np.zeros(1, dtype="int64")
    if doc.has_annotation("SENT_START"):
        starts = (doc.to_array([SENT_START]).ravel() == 1).nonzero()[0]
        starts = starts if len(starts) and starts[0] == 0 else np.append(0, starts)
    sizes = np.diff(starts, append=len(doc))
    if sizes.max() > max_length:
        starts = np.concatenate([np.arange(s, s + size, max_length) for s, size in zip(starts, sizes)])
    return np.diff(starts, append=len(doc)).astype("int64")


def codes_at(
    doc: Doc, starts: np.ndarray, read: Callable[[Doc], list[tuple[int, int, str]]] = get_sentence_langs
) -> list[str]:
    """The language of the parts that begin at these tokens. read: languages of a Doc's parts, or their routes
    (`extensions.get_routes`)."""
    ranges = read(doc)
    if len(ranges) == 1:
        return [ranges[0][2]] * len(starts)
    if not ranges:
        return [""] * len(starts)
    rows = np.searchsorted([start for start, _, _ in ranges], starts, side="right") - 1
    return [ranges[max(row, 0)][2] for row in rows.tolist()]


def read_parts(docs: Sequence[Doc], max_length: int) -> tuple[np.ndarray, list[str], list[str]]:
    """The parts of all Docs, one behind the other. RETURNS: int64 (n_parts,) tokens of each, its language, and the
    language whose route it takes."""
    lengths = [part_lengths(doc, max_length) for doc in docs]
    langs: list[str] = []
    routes: list[str] = []
    for doc, sizes in zip(docs, lengths):
        if len(sizes):
            starts = np.cumsum(sizes) - sizes
            langs += codes_at(doc, starts)
            routes += codes_at(doc, starts, get_routes)
    return np.concatenate([np.zeros(0, dtype="int64"), *lengths]), langs, routes
