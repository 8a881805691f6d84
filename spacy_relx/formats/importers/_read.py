"""What all importers share: lines of a file, JSON, checks with precise errors."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...data.files import bounded_lines, open_binary
from ...data.ids import document_id
from ...data.types import Mention
from ..records import (
    UNTYPED,
    BadRecord,
    DuplicateKeyError,
    Place,
    Record,
    Report,
    is_blank,
    is_lang_code,
    load_json,
    misfit,
)
from ..records import pass_over as pass_over
from ._counting import BOM, Convention
from ._json_list import bad_byte, bad_reason, iter_items, line_of, shown
from ._keys import FindUnknown, watch_keys
from ._offsets import Item, settle

#: Labels that data sets use for "these two are not related".
NO_RELATION_LABELS = frozenset({"NA", "Other", "no_relation"})
Row = dict[str, Any]
_Importer = TypeVar("_Importer", bound=Callable[..., Any])

#: Longest line, and largest file where one file is one thing, in bytes: what is longer is no annotated text.
MAX_LINE = 64 << 20
MAX_FILE = 2 << 30

#: Largest record: characters of its text, tokens, mentions and relations.
MAX_TEXT, MAX_ITEMS = 10_000_000, 1_000_000

#: Digits of the largest number that 64 bits hold, less one.
MAX_DIGITS = 18

#: What may stand before a JSON value: a byte order mark, and blanks.
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*")
#: Bytes that are read at once; what was read before an error is kept.
_PIECE = 1 << 20
#: Bytes on each side of a wrong one that a message can show.
_AROUND = 100
_PACKED_ERRORS = (OSError, EOFError, zlib.error)


def read_lines(path: Path, report: Report) -> Iterator[tuple[Place, str]]:
    """The lines of a UTF-8 file with their places, without line ends. A byte order mark is passed over, also before a
    later line, where files were joined.

    BROKEN: RX108 for a line that is not UTF-8, RX109 for a file that cannot be read (to its end), RX602 for a line
    longer than `MAX_LINE`.
    """
    number = 0
    try:
        with open_binary(path) as stream:
            for number, raw in enumerate(bounded_lines(stream, MAX_LINE), start=1):
                place = Place(path, number)
                if len(raw) > MAX_LINE:
                    report.broken("RX602", place, "", what="the line", unit="bytes", limit=MAX_LINE)
                    continue
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError as err:
                    report.broken("RX108", place, raw.decode("utf-8", "replace"), reason=err.reason, offset=err.start)
                    continue
                yield place, line.removeprefix(BOM).rstrip("\r\n")
    except _PACKED_ERRORS as err:
        report.broken("RX109", Place(path, number + 1), "", reason=str(err) or type(err).__name__)


class BadFile(BadRecord):
    """A file that cannot be used as a whole. line: where in it that shows, from 1. text: what stands there."""

    def __init__(self, code: str, line: int = 1, text: str = "", **values: Any):
        super().__init__(code, **values)
        self.line = line
        self.text = text


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """All of a UTF-8 file, unpacked where need be; line ends stay as they are.

    encoding: "utf-8" keeps a byte order mark as a character. RAISES: BadFile RX108, RX109, RX602 (too large).
    """
    raw, failure = _read_bytes(path)
    if failure is not None:
        raise failure
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        sides = raw[max(0, err.start - _AROUND) : err.start], raw[err.start : err.start + _AROUND]
        left, right = (side.decode("utf-8", "replace") for side in sides)
        raise BadFile("RX108", line, shown(left + right, len(left)), reason=err.reason, offset=err.start) from err


def _read_bytes(path: Path) -> tuple[bytes, BadFile | None]:
    """What can be read of a file, and why there is no more of it (RX109). RAISES: BadFile RX602."""
    parts, size, failure = [], 0, None
    try:
        with open_binary(path) as stream:
            while part := stream.read1(_PIECE):  # type: ignore[attr-defined]
                parts.append(part)
                size += len(part)
                if size > MAX_FILE:
                    raise BadFile("RX602", what="the file", unit="bytes", limit=MAX_FILE)
    except _PACKED_ERRORS as err:
        line = sum(part.count(b"\n") for part in parts) + 1
        failure = BadFile("RX109", line, reason=str(err) or type(err).__name__)
    return b"".join(parts), failure


def read_json(path: Path, report: Report) -> Any:
    """The value of a file that is one JSON value, None where it cannot be read.

    BROKEN: RX101, RX102 (a key twice), RX108, RX109, RX602.
    """
    try:
        return load_json(read_text(path))
    except BadFile as err:
        report.broken(err.code, Place(path, err.line), err.text, **err.values)
    except DuplicateKeyError as err:
        report.broken("RX102", Place(path, 1), "", problem=err)
    except json.JSONDecodeError as err:
        report.broken("RX101", Place(path, err.lineno), shown(err.doc, err.pos), reason=_reason(err, err.colno - 1))
    except (ValueError, RecursionError) as err:
        report.broken("RX101", Place(path, 1), "", reason=err)
    return None


def read_json_list(path: Path, report: Report, show: Callable[[Row], str] = str) -> Iterator[tuple[Place, str, Row]]:
    """The objects of a file that is a JSON list: (place, text for messages, object). Places count documents.

    Of a file that is cut off or damaged, the items before that place are there; the error names line, column and item.
    show: object -> that text.
    BROKEN: as `read_json`; RX102 for a file that is no list, and for what is no object.
    """
    try:
        raw, failure = _read_bytes(path)
    except BadFile as err:
        report.broken(err.code, Place(path, err.line), err.text, **err.values)
        return
    offset = len(_BEFORE.match(raw)[0])  # type: ignore[index]
    counted, seen = (0, 1 + raw.count(b"\n", 0, offset), 0), 0
    text, ascii_only = raw[offset:].decode("utf-8", "surrogateescape"), raw.isascii()
    del raw
    is_list = text[:1] == "["
    if failure is None and not is_list:
        n_broken, value = report.records_broken, read_json(path, report)
        if report.records_broken == n_broken:
            problem = f"the file must be a JSON list, this is {json_name(value)}"
            report.broken("RX102", Place(path, 1), "", problem=problem)
        return
    for item in iter_items(text) if is_list else ():
        if failure is not None and item.last:
            break  # that is why it is cut off
        bad = -1 if ascii_only else bad_byte(text, item.start, item.end)
        if bad < 0 and item.error is None:
            place, row = Place(path, item.number, "document"), item.value
            if isinstance(row, dict):
                yield place, show(row), row
            else:
                problem = f"a document must be an object, this is {json_name(row)}"
                report.broken("RX102", place, str(row), problem=problem)
            continue
        at = item.at if bad < 0 else bad
        counted = line_of(text, at, counted)
        place, excerpt, where = Place(path, counted[1]), shown(text, at), f"item {item.number} of the list"
        rest = "; what follows cannot be read" if item.last else ""
        if bad >= 0:
            offset, seen = offset + len(text[seen:bad].encode("utf-8", "surrogateescape")), bad
            report.broken("RX108", place, excerpt, reason=f"{where}: {bad_reason(text, bad)}{rest}", offset=offset)
        elif isinstance(item.error, DuplicateKeyError):
            report.broken("RX102", place, excerpt, problem=f"{where}: {item.error}{rest}")
        else:
            report.broken("RX101", place, excerpt, reason=f"{where}: {_reason(item.error, at - counted[2])}{rest}")
    if failure is not None:
        report.broken(failure.code, Place(path, failure.line), "", **failure.values)


def _reason(err: object, column: int) -> str:
    """What is wrong with JSON, and where in the line that the place tells; column: from 0."""
    return f"{getattr(err, 'msg', None) or err}, column {column + 1}"


def read_json_lines(path: Path, report: Report) -> Iterator[tuple[Place, str, Row]]:
    """The JSON objects of a file with one a line: (place, the line, the object). Empty lines are passed over.

    BROKEN: RX101 for a line that is not JSON, RX102 for one that is no object or has a key twice.
    """
    for place, line in read_lines(path, report):
        if not line.strip():
            continue
        try:
            row = load_json(line)
        except DuplicateKeyError as err:
            report.broken("RX102", place, line, problem=err)
            continue
        except (ValueError, RecursionError) as err:
            report.broken("RX101", place, line, reason=err)
            continue
        if not isinstance(row, dict):
            report.broken("RX102", place, line, problem=f"a line must be a JSON object, this is {json_name(row)}")
            continue
        yield place, line, row


def parse_rows(
    rows: Iterable[tuple[Place, str, Any]],
    parse: Callable[[Any, Place, Report], Record | Sequence[Record] | None],
    report: Report,
    *,
    inclusive: bool = False,
    offsets: Convention | None = None,
    units: tuple[str, ...] = (),
    strict: bool = True,
    unknown: FindUnknown | None = None,
) -> Iterator[Record]:
    """Parse each row and check the records.

    Args:
        rows: (place, text for messages, row).
        parse: (row, place, report) -> a record, several, or None for a row to pass over.
        report: Counts broken rows.
        inclusive: Whether the ends of mentions are so in the format; errors count as it does.
        offsets: Of a stand-off format, what its offsets count: they are settled, see `_offsets.settle`.
        units: Other units that programs with this format count.
        strict: Whether mentions' own texts must be right.
        unknown: Of a format in JSON, finds the keys of a row that it does not know, see `_keys.Keys`.

    Yields:
        The records. Broken is a row with the code of the BadRecord that parse raises, and with those of `settle` and
        `check_record`.
    """
    if unknown is not None:
        rows = watch_keys(rows, unknown, report)
    items = _parse_each(rows, parse, report)
    if offsets is not None:
        items = settle(items, report, offsets, units, strict=strict)
    for place, text, record in items:
        try:
            check_record(record, inclusive=inclusive)
        except BadRecord as err:
            report.broken(err.code, place, text, **err.values)
            continue
        yield record


def _parse_each(
    rows: Iterable[tuple[Place, str, Any]],
    parse: Callable[[Any, Place, Report], Record | Sequence[Record] | None],
    report: Report,
) -> Iterator[Item]:
    for place, text, row in rows:
        try:
            parsed = parse(row, place, report)
        except BadRecord as err:
            report.broken(err.code, place, text, **err.values)
            continue
        for record in [parsed] if isinstance(parsed, Record) else parsed or ():
            yield place, text, record


def check_record(record: Record, *, inclusive: bool = False) -> None:
    """inclusive: whether the ends of mentions are so in the format.

    RAISES: BadRecord RX102 (empty text, empty label, no language code), RX103 (offsets), RX104 (no mention), RX602 (too
    large).
    """
    sizes = (
        ("the text", len(record.text or ""), "characters", MAX_TEXT),
        ("the text", len(record.words or ()), "tokens", MAX_ITEMS),
        ("the record", len(record.mentions), "mentions", MAX_ITEMS),
        ("the record", len(record.relations), "relations", MAX_ITEMS),
    )
    for what, n, counted, limit in sizes:
        if n > limit:
            raise BadRecord("RX602", what=what, unit=counted, limit=limit)
    unit, length = ("characters", len(record.text)) if record.text is not None else ("tokens", len(record.words or ()))
    if not record.content.strip():
        raise BadRecord("RX102", problem="the text is empty")
    if record.lang and not is_lang_code(record.lang):
        raise BadRecord("RX102", problem=f"the language must be a code such as 'en' or 'pt-BR', but is {record.lang!r}")
    for mention in record.mentions:
        if not 0 <= mention.start < mention.end <= length:
            raise misfit(mention.start, mention.end, length, unit, inclusive=inclusive)
    for head, tail, label, *_ in record.relations:
        for index in (head, tail):
            if not 0 <= index < len(record.mentions):
                raise BadRecord("RX104", value=index, n=len(record.mentions))
        if is_blank(label):
            raise BadRecord("RX102", problem="the label of a relation is empty")


def get(row: Row, key: str, kind: type, where: str = "", default: Any = ...) -> Any:
    """row[key], checked. default: what to give where the key is absent or null; without one the key is required.

    RAISES: BadRecord RX102.
    """
    value = row.get(key)
    if value is None and default is not ...:
        return default
    if value is None:
        raise BadRecord("RX102", problem=f"{where}'{key}' is missing")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadRecord("RX102", problem=f"{where}'{key}' must be {_NAMES[kind]}, but is {json_name(value)}")
    return value


def get_objects(row: Row, key: str) -> list[Row]:
    """row[key] as a list of objects, [] where it is absent. RAISES: BadRecord RX102."""
    rows = get(row, key, list, default=[])
    for value in rows:
        if not isinstance(value, dict):
            raise BadRecord("RX102", problem=f"'{key}' must hold objects, but one is {json_name(value)}")
    return rows


def get_words(row: Row, key: str) -> list[str]:
    """row[key] as a list of words. RAISES: BadRecord RX102 for anything else, and for empty words."""
    words = get(row, key, list)
    for word in words:
        if not isinstance(word, str) or not word:
            raise BadRecord("RX102", problem=f"'{key}' must hold words, but one is {word!r}")
    return words


def get_id(row: Row, *keys: str) -> str | int:
    """The first of the keys that has an id. One of more than 64 bits, which no Doc can hold, becomes a string.

    RAISES: BadRecord RX102 for what is no id, see `ids.document_id`.
    """
    for key in keys:
        try:
            value = document_id(row.get(key))
        except ValueError as err:
            raise BadRecord("RX102", problem=f"'{key}': {err}") from err
        if value is not None:
            return value if isinstance(value, str) or abs(value) < 1 << 63 else str(value)
    return ""


def to_int(digits: str) -> int:
    """The number that decimal digits stand for. RAISES: BadRecord RX102 for one that no file needs, which Python may
    not read at all."""
    if len(digits) > MAX_DIGITS:
        raise BadRecord("RX102", problem=f"the number {digits[:MAX_DIGITS]}... has {len(digits)} digits")
    return int(digits)


def int_list(value: Any, n: int, what: str) -> list[int]:
    """The first n values of a list, which must be integers. RAISES: BadRecord RX102."""
    if not isinstance(value, list) or len(value) < n or any(type(item) is not int for item in value[:n]):
        raise BadRecord("RX102", problem=f"{what} must begin with {n} integers, but is {value!r}")
    return value[:n]


def mention_index(mentions: list[Mention], index: dict[tuple[int, int], int], start: int, end: int) -> tuple[int, bool]:
    """The place of the mention [start, end) in mentions, and whether it had to be added (untyped)."""
    if (start, end) in index:
        return index[start, end], False
    index[start, end] = len(mentions)
    mentions.append(Mention(start, end, UNTYPED))
    return index[start, end], True


def select_inputs(choose: Callable[[list[Path]], list[Path]]) -> Callable[[_Importer], _Importer]:
    """For an importer whose records are made of several files: choose, of the files found, those to call it with."""

    def mark(importer: _Importer) -> _Importer:
        importer.select_inputs = choose  # type: ignore[attr-defined]
        return importer

    return mark


def json_name(value: Any) -> str:
    """What JSON calls a value of this type."""
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
}
