"""Sentences with `<e1>..</e1>` and `<e2>..</e2>`: to plain text and offsets."""

from __future__ import annotations

import re

from ..records import BadRecord

_MARKER = re.compile(r"<(/?)(e[12])>")
# Some data has blanks inside its markers. They go, but never glue two words together that were apart.
_BEHIND_OPENING = [
    (re.compile(r"(?<=\w)(<e[12]>)\s+(?=\w)"), r" \1"),
    (re.compile(r"(<e[12]>)\s+"), r"\1"),
]
_CLOSING = re.compile(r"</e[12]>")
_LETTER = re.compile(r"\w")
#: Markers in the orders in which they may stand.
_ORDERS = (("<e1>", "</e1>", "<e2>", "</e2>"), ("<e2>", "</e2>", "<e1>", "</e1>"))
_ALL = ["e1", "e2"]


def is_marked(text: str) -> bool:
    """Whether all markers are there, those of one entity before those of the other."""
    return any(_has_in_order(text, markers) for markers in _ORDERS)


def _has_in_order(text: str, parts: tuple[str, ...]) -> bool:
    position = 0
    for part in parts:
        position = text.find(part, position) + len(part)
        if position < len(part):
            return False
    return True


def _without_blanks_before_closing(marked: str) -> str:
    """The text without blanks before closing markers. No pattern: one that begins with blanks takes the square of their
    number, where no marker follows."""
    parts = []
    position = 0
    for match in _CLOSING.finditer(marked):
        before = marked[position : match.start()]
        kept = before.rstrip()
        parts += [kept, match.group()]
        position = match.end()
        if kept and len(kept) < len(before) and _LETTER.match(kept[-1]) and _LETTER.match(marked, position):
            parts.append(" ")
    return "".join([*parts, marked[position:]])


def parse_markers(marked: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """Take the markers out. RETURNS: the text, and (start, end) of e1 and of e2 in it, in characters.

    RAISES: BadRecord RX102 unless both are there, once, and hold something.
    """
    for pattern, replacement in _BEHIND_OPENING:
        marked = pattern.sub(replacement, marked)
    marked = _without_blanks_before_closing(marked)
    opened: dict[str, int] = {}
    closed: dict[str, int] = {}
    parts = []
    length = position = 0
    for match in _MARKER.finditer(marked):
        parts.append(marked[position : match.start()])
        length += match.start() - position
        position = match.end()
        closing, name = match.groups()
        seen = closed if closing else opened
        if name in seen or (closing and name not in opened):
            raise misplaced(f"{match.group()} is out of place")
        seen[name] = length
    parts.append(marked[position:])
    for name in _ALL:
        if name not in opened or name not in closed:
            raise misplaced(f"<{name}> or </{name}> is missing")
        if opened[name] >= closed[name]:
            raise misplaced(f"there is nothing between <{name}> and </{name}>")
    return "".join(parts), (opened["e1"], closed["e1"]), (opened["e2"], closed["e2"])


def misplaced(problem: str) -> BadRecord:
    """RX102 for marks that are not as they must be."""
    return BadRecord("RX102", problem=f"the sentence must have <e1>..</e1> and <e2>..</e2> exactly once, but {problem}")
