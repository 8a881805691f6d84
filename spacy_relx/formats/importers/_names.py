"""Names of entities in texts that say no offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..records import BadRecord

#: Longest name that is looked for, in characters. Looking for longer ones takes up to the square of their length.
MAX_NAME = 1000


def find_places(name: str, text: str, joins: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Where a name stands by itself in a text, [start, end) in characters. joins: whether a character beside it makes
    it a part of something else. Far faster than a regular expression, which would have to be made for each name."""
    yield from _places_from(name, text, joins, 0)


def find_apart(
    one: str, other: str, text: str, joins: Callable[[str], bool]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The first place of a name and, for that, the first of another that does not overlap it; None where there is none.

    Args:
        one: The name that comes first in what is given back.
        other: The other name.
        text: The text.
        joins: See `find_places`.

    Returns:
        Their places, [start, end) in characters.
    """
    first = next(find_places(one, text, joins), None)
    second = next(find_places(other, text, joins), None)
    if first is None or second is None:
        return None
    if second[1] <= first[0] or first[1] <= second[0]:
        return first, second
    behind = next(_places_from(other, text, joins, first[1]), None)
    if behind is not None:
        return first, behind
    # all places of the other name begin before the end of this one: only a later place of this one is apart
    later = next(_places_from(one, text, joins, second[1]), None)
    return None if later is None else (later, second)


def _places_from(name: str, text: str, joins: Callable[[str], bool], position: int) -> Iterator[tuple[int, int]]:
    """Those places that begin at a position or behind it. RAISES: BadRecord RX602 for a name that is too long."""
    if len(name) > MAX_NAME:
        raise BadRecord("RX602", what="a name", unit="characters", limit=MAX_NAME)
    start = text.find(name, position) if name else -1
    while start >= 0:
        end = start + len(name)
        if not (start and joins(text[start - 1])) and not (end < len(text) and joins(text[end])):
            yield start, end
        start = text.find(name, start + 1)


def in_word(character: str) -> bool:
    """Whether it is a letter, a digit or an underscore."""
    return character.isalnum() or character == "_"
