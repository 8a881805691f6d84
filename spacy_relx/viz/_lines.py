"""Words on lines: where lines may break, and in which order the words of both directions stand on them.

The order follows the Unicode bidirectional algorithm (UAX #9) with a word in the place of a character: letters inside a
word are left to whatever draws it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

from spacy.tokens import Doc

from ._text import text_width

#: A line is cut inside a mention only where the last place between mentions would leave more than this share empty.
_EMPTY = 0.6
#: Names of letters of scripts that are written without blanks, besides wide ones.
_UNSPACED = ("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


class Break(IntEnum):
    """Whether a line may end after a piece."""

    no = 0
    inside = 1  # a mention
    yes = 2
    must = 3


@dataclass
class Piece:
    """A word, a part of a word that is wider than a line, or a blank. before, after: room around it, in its reading
    direction. level: of UAX #9, odd for right to left. x: of its left edge; None where it is not drawn (a blank at a
    line's end)."""

    token: int
    text: str
    width: float
    blank: bool = False
    before: float = 0.0
    after: float = 0.0
    cut: Break = Break.no
    level: int = 0
    line: int = -1
    place: int = -1  # on the line, from the left
    x: float | None = None

    @property
    def room(self) -> float:
        return self.before + self.width + self.after


def make_pieces(doc: Doc, n_tokens: int, size: float, widest: float) -> list[Piece]:
    """The first n_tokens of a Doc as pieces, none wider than `widest` pixels at a font of this size."""
    pieces: list[Piece] = []
    for token in doc[:n_tokens]:
        text = token.text
        if text.isspace():
            cut = Break.must if any(char in "\n\r\x0b\x0c\x85\u2028\u2029" for char in text) else Break.yes
            pieces.append(Piece(token.i, "", text_width(" ", size), True, cut=cut))
            continue
        if pieces and not pieces[-1].blank and _unspaced(pieces[-1].text, text):
            pieces[-1].cut = Break.yes
        parts = _parts(text, size, widest)
        pieces.extend(Piece(token.i, part, text_width(part, size), cut=Break.yes) for part in parts)
        pieces[-1].cut = Break.no
        if token.whitespace_:
            pieces.append(Piece(token.i, "", text_width(" ", size), True, cut=Break.yes))
    return pieces


def _unspaced(before: str, after: str) -> bool:
    """Whether a line may end between two words without a blank between them."""
    last, first = before[-1], after[0]
    if unicodedata.category(first) in ("Pe", "Pf", "Po", "Mn", "Mc", "Lm") or unicodedata.category(last) in (
        "Ps",
        "Pi",
    ):
        return False
    return _is_unspaced(last) or _is_unspaced(first)


def _is_unspaced(char: str) -> bool:
    if unicodedata.east_asian_width(char) in "WF":
        return True
    return unicodedata.name(char, "").startswith(_UNSPACED)


def _parts(text: str, size: float, widest: float) -> list[str]:
    """The text in parts that are not wider; marks stay with their letters."""
    if text_width(text, size) <= widest:
        return [text]
    parts, used = [""], 0.0
    for char in text:
        width = text_width(char, size)
        if used + width > widest and parts[-1]:
            parts.append("")
            used = 0.0
        parts[-1] += char
        used += width
    return parts


def break_lines(pieces: Sequence[Piece], width: float) -> list[list[Piece]]:
    """Cut pieces into lines of at most this width, as far as they are no wider themselves."""
    lines: list[list[Piece]] = []
    start = 0
    while start < len(pieces):
        end = _line_end(pieces, start, width)
        line = list(pieces[start:end])
        while line and line[-1].blank:
            line.pop()
        for piece in line:
            piece.line = len(lines)
        lines.append(line)
        start = end
        while start < len(pieces) and pieces[start].blank and pieces[start - 1].cut is not Break.must:
            start += 1
            if pieces[start - 1].cut is Break.must:
                break
    return lines


def _line_end(pieces: Sequence[Piece], start: int, width: float) -> int:
    used = 0.0
    ends: list[tuple[Break, float, int]] = []  # kind, width before it, the next piece
    for i in range(start, len(pieces)):
        piece = pieces[i]
        if used + piece.room > width and not piece.blank and i > start:
            break
        used += piece.room
        if piece.cut is Break.must:
            return i + 1
        if piece.cut:
            ends.append((piece.cut, used, i + 1))
    else:
        return len(pieces)
    between = next((end for end in reversed(ends) if end[0] is Break.yes), None)
    if between is not None and between[1] >= (1 - _EMPTY) * width:
        return between[2]
    if ends:
        return ends[-1][2]
    return i  # nowhere to break: anywhere


def place_lines(lines: Sequence[Sequence[Piece]], left: float, right: float, rtl: bool) -> None:
    """Order the pieces of each line and set their `x`, from the left, or from the right for rtl."""
    for line in lines:
        _set_levels(line, rtl)
        order = _visual_order([piece.level for piece in line])
        x = right - sum(piece.room for piece in line) if rtl else left
        for place, i in enumerate(order):
            piece = line[i]
            piece.place = place
            piece.x = x + (piece.after if piece.level % 2 else piece.before)
            x += piece.room


def _kind(piece: Piece) -> str:
    """L, R, EN (a number) or N (neutral): of the first character that decides."""
    kinds = [unicodedata.bidirectional(char) for char in piece.text]
    for kind in kinds:
        if kind in ("L", "R", "AL"):
            return "L" if kind == "L" else "R"
    return "EN" if any(kind in ("EN", "AN") for kind in kinds) else "N"


def _set_levels(line: Sequence[Piece], rtl: bool) -> None:
    """Levels by the rules W7, N1, N2, I1 and I2 of UAX #9; neutrals at the ends of a line are of its direction."""
    base = "R" if rtl else "L"
    kinds = []
    strong = base
    for piece in line:
        kind = _kind(piece)
        if kind in "LR":
            strong = kind
        elif kind == "EN" and strong == "L":
            kind = "L"
        kinds.append(kind)
    before = base
    at = 0
    for neutral, group in groupby(range(len(line)), key=lambda i: kinds[i] == "N"):
        places = list(group)
        at = places[-1] + 1
        if not neutral:
            before = "L" if kinds[places[-1]] == "L" else "R"
            continue
        after = base if at == len(line) else ("L" if kinds[at] == "L" else "R")
        for i in places:
            kinds[i] = before if before == after else base
    for piece, kind in zip(line, kinds):
        piece.level = {"L": 2 if rtl else 0, "R": 1, "EN": 2}[kind]


def _visual_order(levels: Sequence[int]) -> list[int]:
    """Rule L2: from the highest level to the lowest odd one, turn around what is at that level or above."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        turned: list[int] = []
        for above, group in groupby(order, key=lambda i: levels[i] >= level):
            run = list(group)
            turned.extend(reversed(run) if above else run)
        order = turned
    return order
