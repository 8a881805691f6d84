"""Reading triples from files: columns divided by tabs, and N-Triples. In chunks, so that millions take seconds."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data.files import open_binary
from ..data.text_forms import normal_forms, surrogate_fault
from ..errors import RelxError, warn
from ..formats.records import BadRecord, Place, Report, excerpt
from .columns import TRIPLES, Layout
from .triples import HEAD, LABEL, TAIL, KnowledgeBase

CHUNK_BYTES = 1 << 22
_PACKED = (".gz", ".bz2")
_PACKING_ERRORS = (OSError, EOFError, zlib.error)
_TAB, _NEWLINE, _BLANK, _RETURN = 9, 10, 32, 13
_BOM = b"\xef\xbb\xbf"


@dataclass
class TripleReport(Report):
    """What was read. lines: those that are not empty and no comment; each ended in one of: a triple (triples), merged
    with an equal one (duplicates), a value instead of an entity (literals, N-Triples only), or broken
    (records_broken)."""

    lines: int = 0
    triples: int = 0
    duplicates: int = 0
    literals: int = 0

    def summary(self, max_problems: int = 10) -> str:
        """The counts, then the first problems."""
        parts = {"duplicates": self.duplicates, "literals": self.literals, "broken": self.records_broken}
        more = ", ".join(f"{name} {count}" for name, count in parts.items() if count)
        lines = [f"triples            {self.triples}" + (f" ({more})" if more else "")]
        lines += [f"  [{problem.code}] {problem.message}" for problem in self.problems[:max_problems]]
        return "\n".join(lines)


def read_triples(
    path: str | Path, *, shorten: bool = False, on_error: str = "raise", report: TripleReport | None = None
) -> KnowledgeBase:
    """Read a knowledge base.

    Args:
        path: A file of three columns separated by tabs: head, label, tail, or in the order that a first line with names
            of columns tells, see `columns.TRIPLES`, perhaps with other columns besides (quotes have no meaning; spaces
            around ids are cut off; empty lines are ignored); or of N-Triples (.nt), of which triples with a literal
            are counted and left out; both also compressed (.gz, .bz2); or a folder of `KnowledgeBase.save`. UTF-8.
            Ids are taken in the normal form of `text_forms`.
        shorten: Of ids that are IRIs, keep what follows the last / or #. IRIs that would become equal stay whole.
        on_error: "raise", or "skip" to count broken lines and go on.
        report: Filled with counts, where given.

    Raises:
        RelxError: RX120 (no such file), RX204 (no triples in it), RX205 (a broken folder), RX021 (on_error), and with
            file and line RX582 (names of columns), RX111 (columns), RX102 (an empty id), RX202 (no N-Triples), RX108
            (not UTF-8), RX109 (the file cannot be read on).

    Warns:
        RelxWarning: RX207 for IRIs that could not be shortened.
    """
    path = Path(path)
    report = TripleReport(on_error) if report is None else report
    if path.is_dir():
        kb = KnowledgeBase.load(path)
        report.triples = len(kb)
        return kb
    if not path.exists():
        raise RelxError("RX120", path=path)
    parse = _parse_ntriples if _suffix(path) == ".nt" else _Columns()
    encode = _Encoder()
    blocks = [encode(parse(lines, place, report)) for place, lines in read_chunks(path, report)]
    triples = np.concatenate(blocks) if blocks else np.zeros((0, 3), "int32")
    del blocks
    entities, relations = list(encode.entities), list(encode.relations)
    if shorten:
        entities, relations = shorten_ids(entities, path), shorten_ids(relations, path)
    kb = KnowledgeBase(entities, relations, triples)
    report.triples, report.duplicates = len(kb), kb.duplicates
    if not len(kb):
        raise RelxError("RX204", path=path, report=report.summary())
    return kb


def shorten_ids(ids: Sequence[str], path: Path) -> list[str]:
    """IRIs as what follows their last / or #; those for which that is empty or already an id stay whole.

    WARNS: RX207 where some stay whole because another has the same name.
    """
    names: dict[str, None] = {}
    taken = set(ids)
    clashes = []
    for name in ids:
        short = name[max(name.rfind("/"), name.rfind("#")) + 1 :] or name
        if short != name and (short in taken or short in names):
            clashes.append(name)
            short = name
        names[short] = None
    if clashes:
        warn("RX207", path=path, n=len(clashes), first=clashes[0])
    return list(names)


class _Encoder:
    """Turns flat lists of names (head, label, tail, head, ...) into int32 (n, 3); new names get the next numbers."""

    def __init__(self) -> None:
        self.entities: defaultdict[str, int] = defaultdict()
        self.relations: defaultdict[str, int] = defaultdict()
        for names in (self.entities, self.relations):
            names.default_factory = names.__len__  # a new name gets the next number

    def __call__(self, names: list[str]) -> np.ndarray:
        names = normal_forms(names)
        relations = names[LABEL::3]
        del names[LABEL::3]
        n = len(relations)
        triples = np.empty((n, 3), "int32")
        triples[:, LABEL] = np.fromiter(map(self.relations.__getitem__, relations), "int32", count=n)
        pairs = np.fromiter(map(self.entities.__getitem__, names), "int32", count=2 * n)
        triples[:, [HEAD, TAIL]] = pairs.reshape(n, 2)
        return triples


# Bytes


def _suffix(path: Path) -> str:
    """The ending of the name before the packing."""
    return Path(path.stem).suffix if path.suffix in _PACKED else path.suffix


def read_chunks(path: Path, report: Report) -> Iterator[tuple[Place, bytes]]:
    """The place of the first line and whole lines, each ended by one line feed. A byte order mark is passed over.

    BROKEN: RX109 for a file that cannot be read (to its end).
    """
    number, rest = 1, b""
    try:
        with open_binary(path) as stream:
            head = stream.read(CHUNK_BYTES)
            data = head.removeprefix(_BOM)
            while data:
                end = data.rfind(b"\n") + 1
                lines, rest = (rest + data[:end], data[end:]) if end else (b"", rest + data)
                if lines:
                    lines = lines.replace(b"\r\n", b"\n")
                    yield Place(path, number), lines
                    number += lines.count(b"\n")
                data = stream.read(CHUNK_BYTES)
        if rest:
            yield Place(path, number), rest.rstrip(b"\r") + b"\n"
    except _PACKING_ERRORS as err:
        report.broken("RX109", Place(path, number), "", reason=str(err) or type(err).__name__)


def each_line(data: bytes, place: Place, report: Report) -> Iterator[tuple[Place, str]]:
    """The lines that are not empty, spaces around them cut off. BROKEN: RX108 for one that is not UTF-8."""
    for number, raw in enumerate(data.split(b"\n")[:-1], start=place.line):
        here = Place(place.file, number)
        try:
            line = raw.decode("utf8").strip(" \r")
        except UnicodeDecodeError as err:
            report.broken("RX108", here, raw.decode("utf8", "replace"), reason=err.reason, offset=err.start)
            continue
        if line:
            yield here, line


# Columns

_COLUMNS = "head, label, tail, or those that the first line names (N-Triples are read from files that end in .nt)"


class _Columns:
    """Parses lines of columns: names, flat, three for each good line.

    places: of head, label and tail among the n columns, as the first line of the file names them.
    """

    def __init__(self) -> None:
        self.places, self.n = [HEAD, LABEL, TAIL], 3

    def __call__(self, data: bytes, place: Place, report: TripleReport) -> list[str]:
        if place.line == 1:
            data, place, header = without_header(data, place, TRIPLES)
            if header is not None:
                self.places, self.n = [each for each in header.places if each is not None], header.n
        if is_regular(data, self.n, self.n):
            try:
                names = data.decode("utf8").replace("\n", "\t").split("\t")
            except UnicodeDecodeError:
                pass  # found line by line, below
            else:
                names.pop()
                report.lines += len(names) // self.n
                return names if self.n == 3 and self.places == [0, 1, 2] else self._picked(names)
        names = []
        for here, line in each_line(data, place, report):
            report.lines += 1
            names += self._cells(here, line, report)
        return names

    def _picked(self, cells: list[str]) -> list[str]:
        names = [""] * (3 * (len(cells) // self.n))
        for role, place in enumerate(self.places):
            names[role::3] = cells[place :: self.n]
        return names

    def _cells(self, here: Place, line: str, report: TripleReport) -> list[str]:
        """Head, label and tail of a line, [] for a broken one."""
        cells = [cell.strip(" \r") for cell in line.split("\t")]
        cells += [""] * (self.n - len(cells)) if self.n > 3 and len(cells) > max(self.places) else []
        if len(cells) != self.n:
            report.broken("RX111", here, line, n=len(cells), wanted=self.n, columns=_COLUMNS)
            return []
        names = [cells[place] for place in self.places]
        if not all(names):
            column = ("head", "label", "tail")[names.index("")]
            report.broken("RX102", here, line, problem=f"the {column} of the triple is empty")
            return []
        return names


class Header(NamedTuple):
    """Names of columns: for each role its place, or None; n: number of columns."""

    places: list[int | None]
    n: int


def without_header(data: bytes, place: Place, layout: Layout) -> tuple[bytes, Place, Header | None]:
    """The lines without the first, where that names columns; the place of what is left; and what it names.

    RAISES: RelxError RX582, whatever is to be done with broken lines: the others could be read the wrong way.
    """
    first, _, rest = data.partition(b"\n")
    cells = first.decode("utf8", "replace").strip(" \r").split("\t")
    try:
        places = layout.read(cells)
    except BadRecord as err:
        raise RelxError(err.code, where=place, text=excerpt("\t".join(cells)), **err.values) from err
    if places is None:
        return data, place, None
    return rest, place._replace(line=2), Header(places, len(cells))


def is_regular(data: bytes, n: int, n_needed: int) -> bool:
    """Whether each line has n cells, no spaces at the edges of cells, and the first n_needed are not empty."""
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((codes == _TAB) | (codes == _NEWLINE))
    if not len(ends) or len(ends) % n or (codes[ends].reshape(-1, n) != (*(_TAB,) * (n - 1), _NEWLINE)).any():
        return False
    if (np.diff(ends, prepend=-1).reshape(-1, n)[:, :n_needed] < 2).any():
        return False
    last, first = codes[ends - 1], codes[np.append(0, ends[:-1] + 1)]
    return not any((edge == char).any() for edge in (first, last) for char in (_BLANK, _RETURN))


# N-Triples (W3C recommendation, 25 February 2014)

_IRI_CHARS = r"[^\x00-\x20<>\"{}|^`\\]"
#: Bytes that are in no IRI, but for what stands between IRIs.
_NO_IRI = np.zeros(256, bool)
_NO_IRI[list(range(33)) + list(b'"{}|^`\\')] = True
_NO_IRI[[_BLANK, _NEWLINE]] = False
_UCHAR = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_IRI = rf"<(?:{_IRI_CHARS}|{_UCHAR})+>"
_BLANK_NODE = r"_:\w(?:[\w.\-\u00B7]*[\w\-\u00B7])?"
_LITERAL = rf'"(?:[^"\\\n\r]|\\[tbnrf"\'\\]|{_UCHAR})*"(?:\^\^{_IRI}|@[A-Za-z]+(?:-[A-Za-z0-9]+)*)?'
_LINE = re.compile(
    rf"({_IRI}|{_BLANK_NODE})[ \t]*({_IRI})[ \t]*(?:({_IRI}|{_BLANK_NODE})|{_LITERAL})[ \t]*\.[ \t]*(?:#.*)?"
)
_ESCAPE = re.compile(_UCHAR)


def _parse_ntriples(data: bytes, place: Place, report: TripleReport) -> list[str]:
    """Names, flat: three for each line whose object is no literal."""
    names: list[str] = []
    if _is_plain(data):
        try:
            names = data[1:-4].decode("utf8").replace("> .\n<", "> <").split("> <")
        except UnicodeDecodeError:
            pass  # found line by line, below
        else:
            report.lines += len(names) // 3
            return names
    for here, line in each_line(data, place, report):
        line = line.strip("\t ")
        if not line or line.startswith("#"):
            continue
        report.lines += 1
        match = _LINE.fullmatch(line)
        if match is None:
            report.broken("RX202", here, line)
        elif match[3] is None:
            report.literals += 1
        else:
            try:
                names += [_unescape(name) for name in match.groups()]
            except ValueError:  # an escape that is no character
                report.broken("RX202", here, line)
    return names


def _is_plain(data: bytes) -> bool:
    """Whether each line is '<head> <relation> <tail> .', with these spaces only and nothing to unescape."""
    codes = np.frombuffer(data, np.uint8)
    if _NO_IRI[codes].any() or b"<>" in data or not data.startswith(b"<"):
        return False
    ends = codes[(codes == _BLANK) | (codes == _NEWLINE)]
    if len(ends) % 4 or (ends.reshape(-1, 4) != (_BLANK, _BLANK, _BLANK, _NEWLINE)).any():
        return False
    n = data.count(b"\n")
    wanted = {b"> <": 2 * n, b"> .\n": n, b"\n<": n - 1, b"<": 3 * n, b">": 3 * n}
    return all(data.count(piece) == count for piece, count in wanted.items())


def _unescape(name: str) -> str:
    """The IRI without its brackets, \\u1234 as the character; blank nodes as they are."""
    name = name[1:-1] if name.startswith("<") else name
    return _ESCAPE.sub(_char, name) if "\\" in name else name


def _char(escape: re.Match[str]) -> str:
    """RAISES: ValueError for a number beyond Unicode, and for half of a character."""
    char = chr(int(escape[0][2:], 16))
    if surrogate_fault(char):
        raise ValueError(surrogate_fault(char))
    return char
