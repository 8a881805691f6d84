"""Lists in JSON, read item by item: what is damaged in one item leaves the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...data.strict_json import STRICT
from ..records import excerpt

_BLANKS = re.compile(r"[ \t\r\n]*")
#: Strings, and the signs that structure a list. JSON's strings end on their line, so a lost quote spoils one line.
_SIGNS = re.compile(r'"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|[\[\]{},]')
_OPENS = {"]": "[", "}": "{"}
#: Broken items after which it pays to look for the end of each one first.
_MANY = 20
#: What `errors="surrogateescape"` makes of bytes that are not UTF-8.
_BAD_BYTE = re.compile("[\udc80-\udcff]")


class Item(NamedTuple):
    """An item of a list. number: its place, from 1. start, end: of what was read of it in the text. value: what it is,
    where there is no error. error: why it cannot be used. at: where in the text the error is. last: the items behind
    it, if any, cannot be told apart. joined: the comma before it is missing, though it is whole."""

    number: int
    start: int
    end: int
    value: Any = None
    error: ValueError | RecursionError | None = None
    at: int = 0
    last: bool = False
    joined: bool = False


class _Lines:
    """The lines that begin like that of the first item, none where that does not begin its line. first: its place."""

    def __init__(self, text: str, first: int):
        self.text = text
        indent = text[text.rfind("\n", 0, first) + 1 : first]
        self.pattern = re.compile("\n" + re.escape(indent) + r"(?=[\[{])")
        #: the one that was found last, -1 where there is none behind
        self.found = -1 if indent.strip() else 0

    def after(self, position: int) -> int:
        """Where behind a position the next such line has its item, -1 for none. Positions may only grow, so that no
        part of the text is searched twice."""
        if 0 <= self.found <= position:
            match = self.pattern.search(self.text, position)
            self.found = match.end() if match else -1
        return self.found


def iter_items(text: str) -> Iterator[Item]:
    """The items of a JSON list that may be damaged or cut off. text: begins with the bracket.

    Behind a broken item the next one is looked for: in a file that has its items on lines of their own, at the next
    line that begins as the first item does, else where brackets and commas show the end of the broken one.
    """
    decoder = json.JSONDecoder(**STRICT)
    position = first = _skip_blanks(text, 1)
    lines = _Lines(text, first)
    number = broken = 0
    separated, joined = True, False
    if text[position : position + 1] == "]":
        yield from _check_end(text, position + 1, 1)
        return
    while True:
        number += 1
        start = position
        try:
            if not separated:
                raise ValueError("Expecting ',' delimiter")
            value, end = _decode(decoder, text, start, lines if broken >= _MANY else None)
            if not isinstance(value, (dict, list)) and _sign(text, end) not in ("", ",", "]"):
                raise ValueError("Expecting ',' delimiter")  # what is left of an item without its first bracket
        except (ValueError, RecursionError) as err:
            broken += 1
            at = start + err.pos if isinstance(err, json.JSONDecodeError) else start
            line = lines.after(start)
            end = line if line >= 0 else _end_of_item(text, start, len(text))
            if line < 0 <= end and text[end] == "]" and _skip_blanks(text, end + 1) < len(text):
                end = -1  # not the end of the list
            stop = end if end >= 0 else len(text)
            at = min(at, max(start, stop - 1))
            # Of the last one only what was read is its own: it may be all the rest of the file.
            yield Item(number, start, stop if end >= 0 else min(at + 1, stop), error=err, at=at, last=end < 0)
            if end < 0:
                return
            if end == line:
                separated, joined, position = True, False, line
                continue
        else:
            yield Item(number, start, end, value, at=start, joined=joined)
        behind = end
        end = _skip_blanks(text, end)
        if text[end : end + 1] == "]":
            yield from _check_end(text, end + 1, number + 1)
            return
        separated = text[end : end + 1] == ","
        position = _skip_blanks(text, end + separated)
        joined = not separated and lines.after(behind) == position
        separated = separated or joined


def _decode(decoder: json.JSONDecoder, text: str, start: int, lines: _Lines | None) -> tuple[Any, int]:
    """The item that begins there, and where it ends. lines: given if its end is to be looked for before it is read, for
    `json` goes through all of the text before an error to count its lines, which is slow where there are many errors.

    RAISES: JSONDecodeError, whose place counts from the item, DuplicateKeyError, RecursionError; ValueError where the
    end was looked for and brackets do not fit.
    """
    if lines is not None:
        line = lines.after(start)
        end = _end_of_item(text, start, line if line >= 0 else len(text))
        if end < 0 <= line:
            end = line  # without a comma
        if end < 0:
            raise ValueError("its brackets do not fit")
        value, length = decoder.raw_decode(text[start:end])
        return value, start + length
    try:
        return decoder.raw_decode(text, start)
    except json.JSONDecodeError as err:
        err.pos -= start
        raise


def line_of(text: str, position: int, known: tuple[int, int, int] = (0, 1, 0)) -> tuple[int, int, int]:
    """(position, its line, from 1, where that begins). known: the same of an earlier position, so that no part of the
    text is counted twice."""
    begin = text.rfind("\n", known[0], position) + 1
    return position, known[1] + text.count("\n", known[0], position), begin or known[2]


def bad_byte(text: str, start: int, end: int) -> int:
    """Where in text[start:end] the first byte stands that is not UTF-8, -1 for nowhere; see `_BAD_BYTE`."""
    match = _BAD_BYTE.search(text, start, end)
    return match.start() if match else -1


def bad_reason(text: str, position: int) -> str:
    """What is wrong with the byte there, in the words of Python's codec."""
    try:
        text[position : position + 4].encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as err:
        return err.reason
    return "invalid byte"


def shown(text: str, position: int) -> str:
    """The surroundings of a position for a message, without what cannot be printed."""
    cut = excerpt(text, position, position + 1, width=100)
    return cut.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _check_end(text: str, position: int, number: int) -> Iterator[Item]:
    """The error for what stands behind the list."""
    rest = _skip_blanks(text, position)
    if rest < len(text):
        yield Item(number, rest, rest + 1, error=ValueError("Extra data"), at=rest, last=True)


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _sign(text: str, position: int) -> str:
    """What stands there, blanks aside; "" for nothing."""
    position = _skip_blanks(text, position)
    return text[position : position + 1]


def _end_of_item(text: str, start: int, stop: int) -> int:
    """The comma or bracket behind the item that begins there, -1 where there is none before stop, or brackets do not
    fit."""
    opened: list[str] = []
    for match in _SIGNS.finditer(text, start, stop):
        sign = text[match.start()]
        if sign in "[{":
            opened.append(sign)
        elif sign in "]}":
            if not opened:
                return match.start() if sign == "]" else -1
            if opened.pop() != _OPENS[sign]:
                return -1
        elif sign == "," and not opened:
            return match.start()
    return -1
