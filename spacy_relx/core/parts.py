"""The parts of Docs that are read by themselves: sentences, or pieces of a Doc whose sentences are not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_sentence_langs, has_routes, known_code
from ..data.sentences import sentence_starts
from ..errors import warn

#: spaCy's code for no language in particular: the only one of models whose training data has no languages.
NO_LANGUAGE = "xx"


#: What a model may read at once. None stands for "as in training": sentences where the training Docs were single ones.
Context = Literal["sentence", "document"]


def reads_sentences(by_sentence: bool, context: Context | None) -> bool:
    """Whether a layer reads sentence by sentence.

    Args:
        by_sentence: Whether the training Docs were single sentences.
        context: The layer's setting.
    """
    return by_sentence if context is None else context == "sentence"


def text_lengths(docs: Sequence[Doc], by_sentence: bool) -> list[np.ndarray]:
    """int64 (n_texts,) for each Doc: tokens of each text that is read by itself, its sentences or the Doc. An empty Doc
    has none."""
    if not by_sentence:
        return [np.array([len(doc)] if len(doc) else [], dtype="int64") for doc in docs]
    return [np.diff(sentence_starts(doc), append=len(doc)) if len(doc) else np.zeros(0, "int64") for doc in docs]


def part_lengths(doc: Doc, max_tokens: int, by_rule: bool = False) -> np.ndarray:
    """int64 (n_parts,): tokens of each sentence; where sentences are not set, of the whole Doc, or of each sentence
    that the rule finds. What is longer than `max_tokens` tokens is cut into pieces of that length, so that the cost
    grows with the Doc."""
    if not len(doc):
        return np.zeros(0, dtype="int64")
    starts = np.zeros(1, "int64")
    if by_rule or doc.has_annotation("SENT_START"):
        starts = sentence_starts(doc)
    sizes = np.diff(starts, append=len(doc))
    if sizes.max() > max_tokens:
        starts = np.concatenate([np.arange(s, s + size, max_tokens) for s, size in zip(starts, sizes)])
    return np.diff(starts, append=len(doc)).astype("int64")


def piece_lengths(doc: Doc, max_tokens: int) -> np.ndarray:
    """int64 (n_pieces,): tokens of the pieces of a Doc, each of as many whole sentences as have at most `max_tokens` in
    all. A longer sentence is cut as `part_lengths` does. Sentences that are not set are found by rule."""
    pieces: list[int] = []
    room = 0
    for size in part_lengths(doc, max_tokens, by_rule=True).tolist():
        if size > room:
            pieces.append(0)
            room = max_tokens
        pieces[-1] += size
        room -= size
    return np.array(pieces, dtype="int64")


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


def part_codes(
    docs: Sequence[Doc],
    lengths: Sequence[np.ndarray],
    read: Callable[[Doc], list[tuple[int, int, str]]] = get_sentence_langs,
) -> list[str]:
    """The same for all parts of Docs, one Doc behind the other. lengths: of each Doc, as of `part_lengths`."""
    return [code for doc, sizes in zip(docs, lengths) for code in codes_at(doc, np.cumsum(sizes) - sizes, read)]


def route_rows(codes: Sequence[str], langs: Sequence[str]) -> np.ndarray:
    """int64 (n_codes,): row of each language, as of `LanguageSwitcher`: their number for one that is not among them."""
    rows = {code: row for row, code in enumerate(langs)}
    found = {code: rows.get(known_code(code, rows), len(rows)) for code in {*codes}}
    return np.array([found[code] for code in codes], dtype="int64")


def warn_of_unrouted(docs: Sequence[Doc], known: Sequence[str]) -> bool:
    """WARNS: RX274 where Docs in languages that a switcher does not know come from no router, which would have said so.

    known: the switcher's languages. RETURNS: whether it warned.
    """
    if list(known) == [NO_LANGUAGE]:
        return False
    langs = {lang for doc in docs if not has_routes(doc) for _, _, lang in get_sentence_langs(doc)}
    unknown = sorted(lang for lang in langs if known_code(lang, known) not in known)
    if unknown:
        warn("RX274", names=", ".join(map(repr, unknown)), known=", ".join(known))
    return bool(unknown)
