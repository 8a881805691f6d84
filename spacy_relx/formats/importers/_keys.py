"""Keys that formats in JSON have: what stands under another key is not read, and must not be lost without a word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from ..records import Place, Report


class UnknownKey(NamedTuple):
    """A key of an object that its format does not know.

    inside: the key that holds the object, empty for the outermost one. key: the key itself. known: those that the
    format knows there, and the object does not have.
    """

    inside: str
    key: str
    known: Collection[str]


#: An object of a file -> its unknown keys.
FindUnknown = Callable[[Any], Iterable[UnknownKey]]


class Keys:
    """The keys that objects of a format may have, read or passed over.

    Args:
        *names: Keys whose values are not looked into: they are no objects, or hold data of the user's own.
        prefix: Keys that begin with it are a program's own, or say nothing here; empty for none.
        inside: Keys whose values are objects, or lists of objects, and the keys of these.
    """

    def __init__(self, *names: str, prefix: str = "", inside: dict[str, Keys] | None = None):
        self.inside = inside or {}
        self.known = frozenset({*names, *self.inside})
        self.prefix = prefix

    def __call__(self, row: Any) -> Iterator[UnknownKey]:
        """The unknown keys of an object of a file, and of the objects in it."""
        if isinstance(row, dict):
            yield from self._unknown(row, "")

    def _unknown(self, row: dict[str, Any], where: str) -> Iterator[UnknownKey]:
        if not row.keys() <= self.known:
            for key in row:
                if key not in self.known and not (self.prefix and key.startswith(self.prefix)):
                    yield UnknownKey(where, key, self.known - row.keys())
        for key, keys in self.inside.items():
            for value in _objects(row.get(key)):
                yield from keys._unknown(value, key)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects that a value is or holds, also those in lists of a list."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item
            elif isinstance(item, list):
                yield from (each for each in item if isinstance(each, dict))


def watch_keys(
    rows: Iterable[tuple[Place, str, Any]], unknown: FindUnknown, report: Report
) -> Iterator[tuple[Place, str, Any]]:
    """The same rows; the report is told of their unknown keys."""
    for place, text, row in rows:
        for found in unknown(row):
            report.unknown_key(place, text, found.inside, found.key, found.known)
        yield place, text, row
