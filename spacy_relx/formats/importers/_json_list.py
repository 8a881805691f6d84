"""Lists in JSON, read item by item: an item that is wrong leaves the others, a list that is broken ends there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...data.strict_json import STRICT
from ..records import excerpt

_BLANKS = re.compile(r"[ \t\r\n]*")
#: What `errors="surrogateescape"` makes of bytes that are not UTF-8.
_BAD_BYTE = re.compile("[\udc80-\udcff]")


class Item(NamedTuple):
    """An item of a list.

    Attributes:
        number: its place, from 1.
        start: where it begins in the text.
        end: where it ends in the text, as far as it was read.
        value: what it is, where there is no error.
        error: why it cannot be used.
        at: where in the text the error is.
        last: whether what follows cannot be read.
    """

    number: int
    start: int
    end: int
    value: Any = None
    error: ValueError | RecursionError | None = None
    at: int = 0
    last: bool = False


def iter_items(text: str) -> Iterator[Item]:
    """The items of a JSON list, up to the first place that is no JSON.

    Args:
        text: begins with the bracket.
    """
    # the lenient one only finds the end: a float can have any number of digits
    strict, lenient = json.JSONDecoder(**STRICT), json.JSONDecoder(parse_int=float)
    number, position = 1, _skip_blanks(text, 1)
    while not (number == 1 and text[position : position + 1] == "]"):
        value, error = None, None
        try:
            try:
                value, end = strict.raw_decode(text, position)
            except json.JSONDecodeError:
                raise
            except ValueError as err:  # JSON, but with a key twice, NaN or a number too large: it has an end
                error, (_, end) = err, lenient.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as err:
            yield _broken(text, number, position, getattr(err, "pos", position), err)
            return
        yield Item(number, position, end, value, error, position)
        number, position = number + 1, _skip_blanks(text, end)
        sign = text[position : position + 1]
        if sign == "]":
            break
        if sign != ",":
            yield _broken(text, number, position, position, ValueError("Expecting ',' delimiter"))
            return
        position = _skip_blanks(text, position + 1)
    rest = _skip_blanks(text, position + 1)
    if rest < len(text):
        yield _broken(text, number, rest, rest, ValueError("Extra data"))


def _broken(text: str, number: int, start: int, at: int, error: ValueError | RecursionError) -> Item:
    at = min(at, len(text) - 1)
    return Item(number, min(start, at), at + 1, error=error, at=at, last=True)


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


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position
