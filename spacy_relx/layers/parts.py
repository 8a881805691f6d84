"""The parts of Docs that are read by themselves: sentences, or pieces of a Doc whose sentences are not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from spacy.tokens import Doc

from ..errors import warn
from ..extensions import get_sentence_langs, has_routes, known_code
from ..grouping import sentence_starts

#: spaCy's code for no language in particular: the only one of models whose training data has no languages.
NO_LANGUAGE = "xx"


def part_lengths(doc: Doc, max_length: int) -> np.ndarray:
    """int64 (n_parts,): tokens of each sentence, or of the whole Doc where sentences are not set. What is longer than
    `max_length` tokens is cut into pieces of that length, so that the cost grows with the Doc."""
    if not len(doc):
        return np.zeros(0, dtype="int64")
    starts = sentence_starts(doc)
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


def part_codes(
    docs: Sequence[Doc],
    lengths: Sequence[np.ndarray],
    read: Callable[[Doc], list[tuple[int, int, str]]] = get_sentence_langs,
) -> list[str]:
    """The same for all parts of Docs, one Doc behind the other. lengths: of each Doc, as of `part_lengths`."""
    return [code for doc, sizes in zip(docs, lengths) for code in codes_at(doc, np.cumsum(sizes) - sizes, read)]


def route_rows(codes: Sequence[str], languages: Sequence[str]) -> np.ndarray:
    """int64 (n_codes,): row of each language, as of `LanguageSwitcher`: their number for one that is not among them."""
    rows = {code: row for row, code in enumerate(languages)}
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
