"""Corpora of mentions in columns: a token a line with its tags (IOB2 and its kin), a blank line between sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ...data.annotated import NONE, Annotated
from ...data.types import Mention
from ...errors import RelxError
from ..records import BadRecord, Place, Record, Report
from ..running_text import guess_spaces
from ._read import check_record, read_lines

#: A tag: outside, or a position (IOB1, IOB2, IOBES, BILOU, BMES) and the entity type.
_TAG = re.compile(r"O|[BIELMSU]-\S+")
_BEGINS, _ENDS = "BSU", "ELSU"
#: What some files have for O.
_NOTHING = ("-", "_")
#: Columns of Universal NER, which has the tag in the annotation of a treebank's own scheme behind its own.
_UNIVERSAL = 5
#: Lines by which the columns are told, and the share of them that must have a tag in a column of tags.
_LINES, _SHARE = 2000, 0.9
_ID = re.compile(r"#\s*(?:sent_id\s*=|id\b)\s*(\S+)")
_TEXT = re.compile(r"#\s*text\s*=\s?(.*)")
_DOCSTART = "-DOCSTART"
#: What a setting of columns may name.
COLUMNS = ("token", "tag", "-")


@dataclass
class Layout:
    """How the lines of a file are divided.

    Attributes:
        tabs: Whether columns are separated by tabs; else by spaces.
        n_columns: How many there are.
        token: The column of the tokens.
        tags: The columns of tags, outer mentions first.
        exact: Whether tokens include the spaces between words, so that together they are the text.
    """

    tabs: bool
    n_columns: int
    token: int
    tags: list[int]
    exact: bool = False

    def cells(self, line: str) -> list[str]:
        """The columns of a line."""
        return line.split("\t") if self.tabs else line.split()

    def is_token(self, line: str) -> bool:
        """Whether a line that begins with # is a token all the same."""
        cells = self.cells(line)
        found = (cells[column] for column in self.tags) if len(cells) == self.n_columns else ("",)
        return all(tag in _NOTHING or _TAG.fullmatch(tag) for tag in found)


def read_iob(path: Path, report: Report, *, columns: str = "") -> Iterator[Record]:
    """Read a corpus of mentions in columns, one record a sentence.

    The annotation covers mentions of the types that the file has, and no relations.

    The columns are told by their content: those of tags, all of whose values are tags, and the first of the others
    that holds no numbers of tokens. Several columns of tags hold nested mentions. A mention begins with B, S or U, and
    with any tag that continues no mention of its type. `# text = ...` gives the running text, and `# sent_id = ...` or
    `# id ...` the id; other comments and lines of -DOCSTART are passed over. Without a text, words are joined as the
    script writes them; tokens that include the spaces (characters, as a rule) are the text themselves.
    BROKEN: RX102 (columns, tags, no tokens in the text), RX108, RX109, RX602.

    Args:
        path: The file.
        report: Counts what is read.
        columns: The columns in order where their content does not tell: "token", "tag", and "-" for others.

    Raises:
        RelxError: RX740 where the columns cannot be told, RX741 for other names of columns.
    """
    lines = read_lines(path, report)
    head = list(islice(lines, _LINES))
    layout = _layout(path, head, columns)
    if layout is None:
        return
    annotated = Annotated(_types(path, layout), NONE)
    for sentence in _sentences(chain(head, lines), layout):
        try:
            record = _parse(sentence, layout, annotated)
            check_record(record)
        except BadRecord as err:
            place, text = sentence[0] if not isinstance(err, _BadLine) else (err.place, err.line)
            report.broken(err.code, place, text, **err.values)
            continue
        yield record


def has_columns(path: Path, lines: Sequence[str]) -> bool:
    """Whether the beginning of a file is of this format. Raises: RelxError RX740 where it is not."""
    return _layout(path, [(Place(path, number), line) for number, line in enumerate(lines, start=1)], "") is not None


class _BadLine(BadRecord):
    """A sentence is broken for one of its lines."""

    def __init__(self, place: Place, line: str, problem: str):
        super().__init__("RX102", problem=problem)
        self.place, self.line = place, line


def _layout(path: Path, head: Sequence[tuple[Place, str]], columns: str) -> Layout | None:
    """How a file is divided, None for one without tokens. Raises: RelxError RX740, RX741."""
    lines = [line for _, line in head if line.strip() and not line.startswith(("#", _DOCSTART))]
    lines = lines or [line for _, line in head if line.startswith("#\t")]
    if not lines:
        return None
    tabs = 2 * sum("\t" in line for line in lines) > len(lines)
    rows = [line.split("\t") if tabs else line.split() for line in lines]
    n_columns = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == n_columns]
    if columns:
        names = columns.split()
        if names.count("token") != 1 or "tag" not in names or not set(names) <= set(COLUMNS) or len(names) != n_columns:
            raise RelxError("RX741", columns=columns, n=n_columns, path=path)
        token, tags = names.index("token"), [number for number, name in enumerate(names) if name == "tag"]
    else:
        tags = [number for number in range(n_columns) if _holds_tags(rows, number)]
        numbered = all(row[0].isdecimal() for row in rows)
        if numbered and n_columns == _UNIVERSAL:
            tags = tags[:1]
        others = [number for number in range(n_columns) if number not in tags]
        if numbered and len(others) > 1:
            others = others[1:]
        if not tags or not others:
            raise RelxError("RX740", path=path, n=n_columns, text=lines[0])
        token = others[0]
    exact = tabs and any(row[token] and not row[token].strip() for row in rows)
    return Layout(tabs, n_columns, token, tags, exact)


def _holds_tags(rows: Sequence[Sequence[str]], column: int) -> bool:
    n_tags = sum(_TAG.fullmatch(row[column]) is not None for row in rows)
    n_empty = sum(row[column] in _NOTHING for row in rows)
    return n_tags + n_empty >= _SHARE * len(rows) and n_tags > n_empty


def _sentences(lines: Iterator[tuple[Place, str]], layout: Layout) -> Iterator[list[tuple[Place, str]]]:
    """The lines of each sentence, with the comments before it."""
    sentence: list[tuple[Place, str]] = []
    has_tokens = False
    for place, line in lines:
        is_comment = line.startswith("#") and not layout.is_token(line)
        if line.startswith(_DOCSTART) or not line.strip("\r\n \t"):
            if has_tokens:
                yield sentence
            sentence, has_tokens = [], False
            continue
        if is_comment and has_tokens:
            yield sentence
            sentence, has_tokens = [], False
        sentence.append((place, line))
        has_tokens = has_tokens or not is_comment
    if has_tokens:
        yield sentence


def _types(path: Path, layout: Layout) -> set[str]:
    """The entity types of a file."""
    found: set[str] = set()
    for _, line in read_lines(path, Report("skip")):
        if "-" not in line:  # most lines
            continue
        cells = layout.cells(line)
        if len(cells) == layout.n_columns:
            found.update(cells[column] for column in layout.tags)
    return {tag.partition("-")[2] for tag in found if _TAG.fullmatch(tag)} - {""}


def _parse(sentence: Sequence[tuple[Place, str]], layout: Layout, annotated: Annotated) -> Record:
    """The record of a sentence. Raises: BadRecord."""
    record = Record(sentence[0][0], annotated=annotated)
    words: list[str] = []
    tags: list[list[str]] = [[] for _ in layout.tags]
    text = None
    for place, line in sentence:
        if line.startswith("#") and not layout.is_token(line):
            if found := _ID.match(line):
                record.id = found[1]
            elif found := _TEXT.match(line):
                text = found[1].strip()
            continue
        cells = layout.cells(line)
        if len(cells) != layout.n_columns:
            raise _BadLine(place, line, f"the line has {len(cells)} columns, but others have {layout.n_columns}")
        if not cells[layout.token]:
            raise _BadLine(place, line, "the token is empty")
        words.append(cells[layout.token])
        for column, values in zip(layout.tags, tags):
            if cells[column] not in _NOTHING and not _TAG.fullmatch(cells[column]):
                problem = f"the tag is {cells[column]!r}, but must be O, or a position such as B or I, -, and a type"
                raise _BadLine(place, line, problem)
            values.append("O" if cells[column] in _NOTHING else cells[column])
    record.place = next(place for place, line in sentence if not line.startswith("#") or layout.is_token(line))
    spans = list(dict.fromkeys(chain.from_iterable(map(_spans, tags))))
    offsets = _offsets(words, "".join(words)) if layout.exact else text and _offsets(words, text)
    if offsets:
        record.text = "".join(words) if layout.exact else text
        record.mentions = [Mention(offsets[start][0], offsets[end - 1][1], label) for start, end, label in spans]
    else:
        record.words = words
        record.spaces = guess_spaces(words)
        record.mentions = [Mention(*span) for span in spans]
    return record


def _spans(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The mentions of a column of tags: (first token, token behind the last, type)."""
    start, kind = 0, ""
    for number, tag in enumerate(tags):
        position, _, label = tag.partition("-")
        if kind and (label != kind or position in _BEGINS):
            yield start, number, kind
            kind = ""
        if label and not kind:
            start, kind = number, label
        if kind and position in _ENDS:
            yield start, number + 1, kind
            kind = ""
    if kind:
        yield start, len(tags), kind


def _offsets(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Where the words stand in the text, None where they do not: nothing but spaces may be between them."""
    found: list[tuple[int, int]] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(word)
        found.append((start, end))
    return found
