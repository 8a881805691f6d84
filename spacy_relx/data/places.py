"""Where tokens stand in the text. Characters stay when tokens are merged, split or made anew; token numbers do not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc, Span

from ..errors import RelxError, warn

#: So many spans, or one for ten tokens, are looked up faster one by one than with arrays of all tokens.
_FEW = 20
#: A `to_array` of these costs less than of their names.
_COLUMNS = [IDX, LENGTH]


def text_end(doc: Doc) -> int:
    """The character behind the last token."""
    if not len(doc):
        return 0
    last = doc[-1]
    return last.idx + len(last)


def char_bounds(doc: Doc, start: int, end: int) -> tuple[int, int]:
    """The characters [start, end) of tokens [start, end), which the Doc has."""
    first = doc[start]
    last = first if end - start == 1 else doc[end - 1]
    return first.idx, last.idx + len(last)


def fits(doc: Doc, start: int, end: int, start_char: int, end_char: int) -> bool:
    """Whether tokens [start, end) of the Doc are these characters."""
    if not 0 <= start < end <= len(doc):
        return False
    first = doc[start]
    last = first if end - start == 1 else doc[end - 1]
    return first.idx == start_char and last.idx + len(last) == end_char


def token_bounds(doc: Doc) -> tuple[np.ndarray, np.ndarray]:
    """int64 (n_tokens,): the character at which each token begins, and the one behind it."""
    columns: Any = doc.to_array(_COLUMNS).view("int64").reshape(-1, 2)
    return columns[:, 0], columns.sum(axis=1)


def all_chars(doc: Doc, starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
    """The first characters of spans of tokens, and those behind their last ones. Raises: RelxError RX003."""
    length = len(doc)
    if len(starts) <= max(_FEW, length // 10):
        first_chars, end_chars = [], []
        for start, end in zip(starts, ends):
            check_span(start, end, length)
            first_char, end_char = char_bounds(doc, start, end)
            first_chars.append(first_char)
            end_chars.append(end_char)
        return first_chars, end_chars
    firsts, lasts = np.array(starts, "int64"), np.array(ends, "int64")
    bad = ((firsts < 0) | (firsts >= lasts) | (lasts > length)).nonzero()[0]
    if len(bad):
        check_span(starts[bad[0]], ends[bad[0]], length)
    begins, behind = token_bounds(doc)
    return begins[firsts].tolist(), behind[lasts - 1].tolist()


def all_fit(doc: Doc, starts: list[int], ends: list[int], start_chars: list[int], end_chars: list[int]) -> bool:
    """Whether each of these spans of tokens still is its characters."""
    if len(starts) <= max(_FEW, len(doc) // 10) or max(ends) > len(doc):
        for start, end, start_char, end_char in zip(starts, ends, start_chars, end_chars):
            if not fits(doc, start, end, start_char, end_char):
                return False
        return True
    found = all_chars(doc, starts, ends)
    return found == (list(start_chars), list(end_chars))


def check_span(start: int, end: int, length: int) -> None:
    """Raises: RelxError RX003 for a span that is empty or does not fit a Doc of `length` tokens."""
    if not 0 <= start < end <= length:
        raise RelxError("RX003", start=start, end=end, length=length)


class Places:
    """The tokens of a Doc, to be found by characters."""

    def __init__(self, doc: Doc):
        starts, ends = token_bounds(doc)
        self.starts: list[int] = starts.tolist()
        self.ends: list[int] = ends.tolist()

    @cached_property
    def _by_start(self) -> dict[int, int]:
        return {char: i for i, char in enumerate(self.starts)}

    @cached_property
    def _by_end(self) -> dict[int, int]:
        return {char: i + 1 for i, char in enumerate(self.ends)}

    def exact(self, start_char: int, end_char: int) -> tuple[int, int] | None:
        """The tokens [start, end) that are these characters, None where no tokens are."""
        start, end = self._by_start.get(start_char), self._by_end.get(end_char)
        return None if start is None or end is None or start >= end else (start, end)

    def around(self, start_char: int, end_char: int) -> tuple[int, int] | None:
        """The tokens [start, end) that have any of these characters, None where there are none."""
        start, end = bisect_right(self.ends, start_char), bisect_left(self.starts, end_char)
        return (start, end) if start < end else None

    def beginning(self, start_char: int, end_char: int) -> tuple[int, int] | None:
        """The tokens [start, end) that begin within these characters, None where there are none."""
        start, end = bisect_left(self.starts, start_char), bisect_left(self.starts, end_char)
        return (start, end) if start < end else None


def current_spans(spans: Iterable[Span]) -> list[Span]:
    """Spans of a Doc by the tokens that it has now.

    After tokens were merged or split, spaCy gives `doc.spans` by the numbers of the old tokens. WARNS: RX540 where
    spans no longer begin and end where tokens do; they are left out.
    """
    given = list(spans)
    places: Places | None = None
    found: list[Span] = []
    lost: list[Span] = []
    for span in given:
        if span.start == span.end or fits(span.doc, span.start, span.end, span.start_char, span.end_char):
            found.append(span)
            continue
        if places is None:
            places = Places(span.doc)
        bounds = places.exact(span.start_char, span.end_char)
        if bounds is None:
            lost.append(span)
        else:
            found.append(Span(span.doc, *bounds, label=span.label, kb_id=span.kb_id, span_id=span.id))
    if lost:
        warn_lost(lost[0].doc, "mentions", len(lost), len(given), lost[0].start_char, lost[0].end_char)
    return found


def warn_lost(doc: Doc, what: str, lost: int, total: int, start_char: int, end_char: int) -> None:
    """WARNS: RX540. start_char, end_char: of one mention that is lost."""
    text = doc.text
    warn("RX540", what=what, lost=lost, total=total, mention=text[start_char:end_char], text=text[:60])
