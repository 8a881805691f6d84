"""Texts that bring their own tokens."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..records import Record

_PIECE = re.compile(r"\s+|\S+")
Span = tuple[int, int]


@dataclass
class TokenizedRecord(Record):
    """A record of both text and words: words and spaces make up the text, mentions count its characters.

    So a mention that cuts a token is treated like one of any other text, and the tokens stay as they are.
    """


def tokenize(record: Record, tokens: Sequence[Span], sentences: Iterable[int] = ()) -> Record:
    """The same record with tokens of its own.

    tokens: [start, end) of each in characters of record.text, in order; text between them becomes tokens, too.
    sentences: the characters at which sentences begin, none for unknown.
    RETURNS: a `TokenizedRecord`, or the record as it is, where the tokens overlap, are empty or do not fit the text.
    """
    text = record.text or ""
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[int] = []
    position = 0
    for start, end in [*tokens, (len(text), len(text))]:
        if not position <= start <= end <= len(text) or (start == end and start < len(text)):
            return record
        for piece in _PIECE.finditer(text, position, start):
            _add(words, spaces, starts, piece.group(), piece.start())
        if start < end:
            words.append(text[start:end])
            spaces.append(False)
            starts.append(start)
        position = end
    known = {bisect_left(starts, start) for start in sentences} - {len(starts)}
    return TokenizedRecord(
        place=record.place,
        text=text,
        words=words,
        spaces=spaces,
        mentions=record.mentions,
        relations=record.relations,
        sent_starts=sorted({0, *known}) if known else None,
        id=record.id,
        lang=record.lang,
        meta=record.meta,
        annotated=record.annotated,
    )


def _add(words: list[str], spaces: list[bool], starts: list[int], piece: str, start: int) -> None:
    """Add what stands between two tokens. spaCy keeps one blank with the token before it."""
    if words and piece[0] == " " and not spaces[-1]:
        spaces[-1] = True
        piece, start = piece[1:], start + 1
    if piece:
        words.append(piece)
        spaces.append(False)
        starts.append(start)
