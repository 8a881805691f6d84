"""Forms of a text under which two spellings are one: for names that are looked up, never for the text itself.

Names, ids, labels and entity types are looked up in Unicode's normal form C (NFC), which joins what Unicode defines as
the same text: accents, Hangul syllables and voiced kana, composed or decomposed. The compatibility form (NFKC) would
also join different characters, x² and x2, ﬁ and fi, ½ and 1⁄2: a knowledge base may tell such names apart, so that
only mentions without any id are compared in that form (`folded_form`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

#: Code points behind these neither compose nor decompose.
_LAST_COMPOSED = 0x2FA20
_HANGUL_VOWELS, _HANGUL_FINALS = range(0x1161, 0x1176), range(0x11A8, 0x11C3)
_SURROGATE = re.compile("[\ud800-\udfff]")


def normal_form(text: str) -> str:
    """The text in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def normal_forms(texts: Sequence[str]) -> list[str]:
    """Each text in NFC; one pass where all of them are in that form already, as most tables are."""
    joined = "\n".join(texts)
    if joined.isascii() or unicodedata.is_normalized("NFC", joined):
        return list(texts)
    return [normal_form(text) for text in texts]


def folded_form(text: str) -> str:
    """The text without differences of width, composition, case and white space.

    NFKC, case folding, and NFKC again, since folding may decompose (Unicode Standard, 3.13, NFKC_Casefold, here
    without removing ignorable characters, which tell words apart in some scripts).
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


class NormalText(NamedTuple):
    """A text in NFC, and where the places of the original are in it.

    starts, ends: int64 (n + 1,), for each place of the original, its end included, the place at which a piece that
    starts there starts, and at which one that ends there ends. Only inside of what composes do they differ: a piece of
    an original that cuts a letter from its accent has none of the composed letter.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray


def normal_text(text: str) -> NormalText:
    """The text in NFC with the places of the original."""
    places = np.arange(len(text) + 1)
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return NormalText(text, places, places)
    pieces, done = [], 0
    spans, sizes = [], []
    for match in _changing().finditer(text):
        start, end = match.span()
        composed = unicodedata.normalize("NFC", match[0])
        pieces += [text[done:start], composed]
        spans.append((start, end))
        sizes.append(len(composed))
        done = end
    first, last = np.array(spans, "int64").T
    shifts = np.zeros(len(text) + 1, "int64")  # how much longer the normal form is, from where that changes on
    shifts[last] = sizes - (last - first)
    moved = places + np.cumsum(shifts)
    n_inside = last - first - 1
    inside = np.repeat(first + 1 - np.cumsum(n_inside) + n_inside, n_inside) + np.arange(n_inside.sum())
    starts, ends = moved.copy(), moved
    starts[inside], ends[inside] = np.repeat(moved[last], n_inside), np.repeat(moved[first], n_inside)
    return NormalText("".join([*pieces, text[done:]]), starts, ends)


@lru_cache(maxsize=1)
def _changing() -> re.Pattern[str]:
    """Matches each shortest piece of a text that NFC may change by itself: what composes with what stands before it,
    together with that, and single characters that are never composed."""
    joining, single = [], []
    seconds = {chr(code) for code in (*_HANGUL_VOWELS, *_HANGUL_FINALS)}
    chars = [char for char in map(chr, range(_LAST_COMPOSED)) if not "\ud800" <= char <= "\udfff"]
    for char in chars:
        parts = unicodedata.decomposition(char).split()
        if len(parts) == 2 and parts[0][0] != "<":
            seconds.add(chr(int(parts[1], 16)))
    for char in chars:
        start = unicodedata.normalize("NFD", char)[0]
        if unicodedata.combining(start) or start in seconds:
            joining.append(char)
        elif not unicodedata.is_normalized("NFC", char):
            single.append(char)
    behind = _char_class(joining)
    return re.compile(f"[^{behind}]?[{behind}]+|[{_char_class(single)}]", re.DOTALL)


def _char_class(chars: Iterable[str]) -> str:
    """The inside of a character class, with ranges for characters in a row."""
    ranges: list[list[int]] = []
    for code in map(ord, chars):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def surrogate_fault(text: str) -> str:
    """What is wrong with a text that UTF-8 cannot hold, "" for one that it can."""
    found = None if text.isascii() else _SURROGATE.search(text)
    if found is None:
        return ""
    return f"its character {found.start()} is half of a character (a lone surrogate), as of an emoji that was cut"
