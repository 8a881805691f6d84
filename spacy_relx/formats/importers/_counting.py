"""How programs count the characters of a text: units, line ends, a byte order mark; and from there to characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

#: What counts as one, and how messages name it.
UNITS = {
    "characters": "characters (code points)",
    "utf16": "UTF-16 units (two for an emoji)",
    "bytes": "bytes of UTF-8",
    "graphemes": "grapheme clusters (one for a letter with its marks)",
}
#: How line ends count, and how messages name it.
BREAKS = {
    "kept": "CR LF as two",
    "crlf_one": "CR LF as one",
    "lf_two": "every line end as two, as CR LF",
    "no_cr": "no CR",
}
#: Whether a byte order mark before the text counts; "lost" is one that counts, but is not there any more.
BOMS = {
    "counted": "the byte order mark",
    "ignored": "not the byte order mark",
    "lost": "a byte order mark that the text has lost",
}
BOM = "\ufeff"
_LF, _CR, _ZWJ = 10, 13, 0x200D
#: What continues a grapheme cluster although it is no mark: ZWNJ, Thai and Lao AM, halfwidth voiced marks.
_EXTENDING = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f")


Span = tuple[int, int]


class Convention(NamedTuple):
    """What the offsets of a file count.

    unit: one of `UNITS`. breaks: one of `BREAKS`. bom: one of `BOMS`; it matters where there is such a mark.
    """

    unit: str = "characters"
    breaks: str = "kept"
    bom: str = "counted"


CHARACTERS = Convention("characters")
UTF16 = Convention("utf16")


class Countable:
    """A text whose characters can be counted by any convention.

    Args:
        text: The text, without a byte order mark.
        has_bom: Whether a byte order mark stood before it.
    """

    def __init__(self, text: str, has_bom: bool = False):
        self.text = text
        self.has_bom = has_bom
        self._counts: dict[Convention, np.ndarray | None] = {}

    @cached_property
    def _points(self) -> np.ndarray:
        return np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), "<u4")

    @cached_property
    def _has_astral(self) -> bool:
        return not self.text.isascii() and bool((self._points > 0xFFFF).any())

    @cached_property
    def _has_crlf(self) -> bool:
        return "\r\n" in self.text

    @property
    def may_be_rare(self) -> bool:
        """Whether the rarer conventions differ from the others in this text, but for a lost byte order mark."""
        return not self.text.isascii() or "\n" in self.text or "\r" in self.text

    @cached_property
    def _continues(self) -> np.ndarray:
        """bool (n,): the characters that continue a grapheme cluster, by the main rules of UAX 29."""
        points = self._points
        extending = [
            ord(char)
            for char in set(self.text)
            if unicodedata.category(char)[0] == "M"
            or char in _EXTENDING
            or "\U0001f3fb" <= char <= "\U0001f3ff"
            or "\U000e0020" <= char <= "\U000e007f"
        ]
        before = np.concatenate([[_LF], points[:-1]]) if len(points) else points
        regional = (points >= 0x1F1E6) & (points <= 0x1F1FF)
        jamo = (points >= 0x1160) & (points <= 0x11FF)
        hangul = ((before >= 0x1100) & (before <= 0x11FF)) | ((before >= 0xAC00) & (before <= 0xD7A3))
        joined = (before == _ZWJ) & (points >= 0x203C)
        found = np.isin(points, extending) & (before != _LF) & (before != _CR) | joined | (jamo & hangul)
        return found | _second_of_pairs(regional) | ((before == _CR) & (points == _LF))

    def conventions(self, default: Convention, units: tuple[str, ...]) -> Iterator[Convention]:
        """The conventions that a program may have followed: the default first, then the likely ones.

        Args:
            default: What the format says.
            units: The units that programs with this format count.
        """
        breaks = ("kept", "crlf_one") if self._has_crlf else ("kept",)
        marks = ("counted", "ignored") if self.has_bom else (default.bom,)
        yield default
        for mark in marks:
            for unit in dict.fromkeys((default.unit, *units)):
                for end in dict.fromkeys((default.breaks, *breaks)):
                    yield Convention(unit, end, mark)

    def rare_conventions(self, default: Convention) -> Iterator[Convention]:
        """Further ones, of texts that were changed after they were annotated, and of programs that count bytes."""
        ends = ["kept"]
        ends += ["crlf_one"] * self._has_crlf
        ends += ["lf_two"] * ("\n" in self.text)
        ends += ["no_cr"] * ("\r" in self.text)
        for mark in ("counted", "ignored") if self.has_bom else (default.bom, "lost"):
            for unit in dict.fromkeys((default.unit, *UNITS)):
                for end in ends if unit != "graphemes" else ["kept"]:
                    yield Convention(unit, end, mark)

    def counts(self, convention: Convention) -> np.ndarray | None:
        """What a convention counts before each place of the text.

        Returns:
            int64 (len(text) + 1,), never falling, the end of the text included; None where it is the place itself.
        """
        if convention not in self._counts:
            self._counts[convention] = self._make_counts(convention)
        return self._counts[convention]

    def _make_counts(self, convention: Convention) -> np.ndarray | None:
        unit, breaks, bom = convention
        plain_unit = (
            self.text.isascii() or unit == "characters" or (unit == "utf16" and not self._has_astral)
        ) and not (unit == "graphemes" and self._has_crlf)
        counted = bom == "lost" or (bom == "counted" and self.has_bom)
        before = (3 if unit == "bytes" else 1) if counted else 0
        if plain_unit and breaks == "kept" and not before:
            return None
        points = self._points
        widths = np.ones(len(points), "int64")
        if unit == "utf16":
            widths += points > 0xFFFF
        elif unit == "bytes":
            widths += (points > 0x7F).astype("int64") + (points > 0x7FF) + (points > 0xFFFF)
        elif unit == "graphemes":
            widths -= self._continues
        followed = np.append(points[1:] == _LF, False) & (points == _CR)
        if breaks == "crlf_one" and unit != "graphemes":
            widths[followed] = 0
        elif breaks == "no_cr":
            widths[points == _CR] = 0
        elif breaks == "lf_two":
            single = (points == _LF) & ~np.concatenate([[False], followed[:-1]])
            widths[single] += 1
        return before + np.concatenate([[0], np.cumsum(widths)])

    def length(self, convention: Convention) -> int:
        """What a convention counts in the whole text."""
        counts = self.counts(convention)
        return len(self.text) if counts is None else int(counts[-1])

    def read(self, spans: Sequence[Span], convention: Convention) -> list[Span]:
        """`places` of spans in a list, however large their numbers are."""
        limit = 1 << 62  # what is beyond is outside of any text
        clipped = [(max(-1, min(start, limit)), max(-1, min(end, limit))) for start, end in spans]
        found = self.places(np.array(clipped, "int64").reshape(-1, 2), convention)
        return [(start, end) for start, end in found.tolist()]

    def places(self, spans: np.ndarray, convention: Convention) -> np.ndarray:
        """From offsets to places in the text.

        Args:
            spans: int64 (n, 2), start and exclusive end as the file counts them.
            convention: What they count.

        Returns:
            int64 (n, 2), in characters; -1 for an offset that is in the middle of one, or outside of the text.
        """
        counts = self.counts(convention)
        if counts is None:
            return np.where((spans >= 0) & (spans <= len(self.text)), spans, -1)
        # what begins with the mark begins with the text
        spans = np.where(spans >= 0, np.maximum(spans, counts[0]), -1)
        # places of one count: CR, before LF, belongs to what follows, marks to the letter before them
        starts = np.searchsorted(counts, spans[:, 0], side="right") - 1
        if convention.unit == "graphemes":
            ends = np.searchsorted(counts, spans[:, 1], side="right") - 1
        else:
            ends = np.minimum(np.searchsorted(counts, spans[:, 1], side="left"), len(self.text))
        ends = np.where(spans[:, 0] == spans[:, 1], starts, ends)
        found = np.stack([np.maximum(starts, 0), np.maximum(ends, 0)], axis=1)
        return np.where(counts[found] == spans, found, -1)


def _second_of_pairs(flags: np.ndarray) -> np.ndarray:
    """bool (n,): of runs of True, every second place, as flags are pairs of letters."""
    places = np.arange(len(flags))
    last_false = np.maximum.accumulate(np.where(flags, -1, places)) if len(flags) else places
    return flags & ((places - last_false) % 2 == 0)


def describe(convention: Convention, text: str, has_bom: bool) -> str:
    """A convention in words: its unit, and the rest as far as it matters in this text."""
    parts = [UNITS[convention.unit]]
    if convention.breaks != "kept" or "\r\n" in text:
        parts.append("CR LF as one" if convention.unit == "graphemes" else BREAKS[convention.breaks])
    if has_bom or convention.bom == "lost":
        parts.append(BOMS[convention.bom])
    return ", ".join(parts)


def utf16_offsets(text: str) -> np.ndarray:
    """Of each place in a text, its end included, how many UTF-16 units stand before it: int64 (len(text) + 1,)."""
    counts = Countable(text).counts(UTF16)
    return np.arange(len(text) + 1) if counts is None else counts
