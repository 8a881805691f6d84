"""Sentences with `<e1>..</e1>` and `<e2>..</e2>`: to plain text and offsets."""

from __future__ import annotations

import re

from ..records import BadRecord

_MARKER = re.compile(r"<(/?)(e[12])>")
# Some data has blanks inside its markers. They go, but never glue two words together that were apart.
_INNER_BLANKS = [
    (re.compile(r"(?<=\w)(<e[12]>)\s+(?=\w)"), r" \1"),
    (re.compile(r"(<e[12]>)\s+"), r"\1"),
    (re.compile(r"(?<=\w)\s+(</e[12]>)(?=\w)"), r"\1 "),
    (re.compile(r"\s+(</e[12]>)"), r"\1"),
]
_ALL = ["e1", "e2"]


def parse_markers(marked: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """Take the markers out. RETURNS: the text, and (start, end) of e1 and of e2 in it, in characters.

    RAISES: BadRecord RX106 unless both are there, once, and hold something.
    """
    for pattern, replacement in _INNER_BLANKS:
        marked = pattern.sub(replacement, marked)
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
            raise BadRecord("RX106", problem=f"{match.group()} is out of place")
        seen[name] = length
    parts.append(marked[position:])
    for name in _ALL:
        if name not in opened or name not in closed:
            raise BadRecord("RX106", problem=f"<{name}> or </{name}> is missing")
        if opened[name] >= closed[name]:
            raise BadRecord("RX106", problem=f"there is nothing between <{name}> and </{name}>")
    return "".join(parts), (opened["e1"], closed["e1"]), (opened["e2"], closed["e2"])
