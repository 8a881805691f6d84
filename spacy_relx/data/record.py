"""Records that are typed objects and plain data at once, and lists of them that write through to a Doc."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn, TypeVar

from spacy.tokens import Doc

from ..errors import RelxError

_Item = TypeVar("_Item", bound="Record")
_Kind = TypeVar("_Kind", bound=type)
#: Characters of a text that a `repr` shows.
_SHOWN = 40


class Record(dict[str, Any]):
    """A dataclass that is also a mapping of its fields, so that any JSON or msgpack encoder takes it as it is.

    It cannot be changed; `dataclasses.replace` makes another one. Fields that say nothing ("", None, an empty tuple)
    are not in the mapping. Equality and hash are those of the fields.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            return self._values() == other._values()
        return False if isinstance(other, dict) else NotImplemented  # nor is it equal to the plain mapping

    def __ne__(self, other: object) -> bool:  # that of a dict would be asked first
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        """The fields that make it equal to another one."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists."""
        return {key: _plain(value) for key, value in self.items()}

    def __copy__(self: _Item) -> _Item:
        return self

    def __deepcopy__(self: _Item, memo: dict[int, Any]) -> _Item:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the Doc that it was read from."""
        return _restore, (type(self), dict(self))

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RelxError("RX542", name=type(self).__name__)

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def serve_fields(cls: _Kind) -> _Kind:
    """Let the fields of a dataclass that is a `Record` be read from the mapping."""
    for field in fields(cls):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        getter = itemgetter(field.name) if default is MISSING else _getter(field.name, default)
        setattr(cls, field.name, property(getter))
    return cls


def _getter(name: str, default: Any) -> Callable[[Any], Any]:
    return lambda self: self.get(name, default)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, dict) else value


def _restore(cls: type[_Item], data: dict[str, Any]) -> _Item:
    """A record of its mapping; those within are records already."""
    record = cls.__new__(cls)
    dict.update(record, data)
    return record


def shown(text: str) -> str:
    """A text in a `repr`: quoted, and cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


class RowKind(NamedTuple):
    """How the records of one kind are kept on a Doc.

    Attributes:
        name: What their rows are stored as.
        rows: The plain rows of a Doc, which fit its tokens; the same object until something is stored.
        items: The records of rows.
        make: Rows of records, or of mappings like them; None for one that is left out.
        store: Puts rows on a Doc under a name.
    """

    name: str
    rows: Callable[[Doc], Sequence[Any]]
    items: Callable[[Iterable[Any], Doc], list[Any]]
    make: Callable[[Iterable[Any], Doc], list[Any]]
    store: Callable[[Doc, str, list[Any]], None]


class RecordList(list[_Item]):
    """A list of records that belong to a Doc. What is changed in the list is changed on the Doc.

    It is a list as of when it was read: `doc._.relations` gives another one each time. A change is made to what the Doc
    has then, so that several lists of one Doc do not undo each other's changes. Values that the Doc refuses raise an
    error and leave both as they were.
    """

    def __init__(self, doc: Doc, kind: RowKind):
        self._doc, self._kind = doc, kind
        self._rows = kind.rows(doc)
        super().__init__(kind.items(self._rows, doc))

    def _change(self, operation: Callable[..., Any], *args: Any) -> Any:
        """Apply a method of `list` to the Doc's records."""
        doc, kind = self._doc, self._kind
        current = self if kind.rows(doc) is self._rows else RecordList(doc, kind)
        values: list[Any] = list(current)
        rows = {id(item): row for item, row in zip(values, current._rows)}
        items = {id(row): item for item, row in zip(values, current._rows)}
        result = operation(values, *args)
        made = iter(kind.make([value for value in values if id(value) not in rows], doc))
        changed = [rows[id(value)] if id(value) in rows else next(made) for value in values]
        self._rows = [row for row in changed if row is not None]
        kind.store(doc, kind.name, self._rows)
        new = iter(kind.items([row for row in self._rows if id(row) not in items], doc))
        super().__setitem__(slice(None), [items[id(row)] if id(row) in items else next(new) for row in self._rows])
        return result

    def append(self, value: Any) -> None:
        self._change(list.append, value)

    def extend(self, values: Iterable[Any]) -> None:
        self._change(list.extend, values)

    def insert(self, index: Any, value: Any) -> None:
        self._change(list.insert, index, value)

    def pop(self, index: Any = -1) -> _Item:
        return self._change(list.pop, index)

    def remove(self, value: Any) -> None:
        self._change(list.remove, value)

    def clear(self) -> None:
        self._change(list.clear)

    def reverse(self) -> None:
        self._change(list.reverse)

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        self._change(lambda values: values.sort(key=key, reverse=reverse))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._change(list.__setitem__, index, value)

    def __delitem__(self, index: Any) -> None:
        self._change(list.__delitem__, index)

    def __iadd__(self, values: Iterable[Any]) -> RecordList[_Item]:  # type: ignore[override,misc]
        self.extend(values)
        return self

    def __imul__(self, times: Any) -> RecordList[_Item]:  # type: ignore[misc]
        self._change(list.__imul__, times)
        return self

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (list, tuple)) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what another process gets, is a list of its own."""
        return list, (list(self),)
