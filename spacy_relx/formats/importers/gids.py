"""GIDS (Jat et al. 2018) and the older text files of NYT10 and MNRE: tab-separated, one sentence a line, names with
underscores."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._names import find_places, in_word
from ._read import NO_RELATION_LABELS, parse_rows, read_lines

COLUMNS = ["id of the head", "id of the tail", "name of the head", "name of the tail", "relation", "sentence"]
_END = "###END###"
Span = tuple[int, int]


def read_gids(path: Path, report: Report) -> Iterator[Record]:
    """Read a GIDS file: six columns, running text that the tokenizer splits.

    The ids become the mentions' kb_id, NA is no relation; the relation as written is kept as meta["label"]. There are
    no entity types: mentions are of the type ENT. In the text the names' underscores become blanks.
    A name is looked for as a word of the sentence (what stands between blanks): as it is, then without regard to
    capitals; else as a sequence of words, blanks for its underscores. The first place is taken, of the tail the first
    that is not the head's.
    BROKEN: RX102, RX108, RX109, RX111 (number of columns), RX115 (a name is not in the sentence).
    """
    yield from parse_rows(_rows(path, report), partial(_parse, tokenized=False), report)


def read_nyt10(path: Path, report: Report) -> Iterator[Record]:
    """Read a text file of NYT10 or MNRE: the same columns as GIDS, but of sentences that blanks divide into words.

    The words stay as they are, names with underscores among them. All else as for `read_gids`.
    """
    yield from parse_rows(_rows(path, report), partial(_parse, tokenized=True), report)


def _rows(path: Path, report: Report) -> Iterator[tuple[Place, str, str]]:
    return ((place, line, line) for place, line in read_lines(path, report) if line.strip())


def _parse(line: str, place: Place, report: Report, *, tokenized: bool) -> Record:
    cells = [cell.strip() for cell in line.rstrip("\t").split("\t")]
    if len(cells) == len(COLUMNS) + 1 and cells[-1] == _END:  # some files have a tab before it
        del cells[-1]
    if len(cells) != len(COLUMNS):
        raise BadRecord("RX111", n=len(cells), wanted=len(COLUMNS), columns=", ".join(COLUMNS))
    for name, cell in zip(COLUMNS, cells):
        if not cell:
            raise BadRecord("RX102", problem=f"the {name} is missing")
    ids, names, label = cells[:2], cells[2:4], cells[4]
    words = cells[5].removesuffix(_END).split()
    spans = _find_both(names, " ".join(words), whole_words=tokenized)
    record = Record(place, meta={"label": label})
    if tokenized:
        record.words = words
        text = " ".join(words)
        spans = [(text.count(" ", 0, start), text.count(" ", 0, end) + 1) for start, end in spans]
    else:
        record.text, spans = _without_underscores(" ".join(words), names, spans)
    record.mentions = [Mention(start, end, UNTYPED, kb_id) for (start, end), kb_id in zip(spans, ids)]
    if label in NO_RELATION_LABELS:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, label)]
    return record


def _find_both(names: list[str], text: str, whole_words: bool) -> list[Span]:
    """Where head and tail stand, in characters. RAISES: BadRecord RX115."""
    spans: list[Span] = []
    for name, role in zip(names, ("head", "tail")):
        places = _find(name, text, whole_words)
        free = (place for place in places if all(place[1] <= start or end <= place[0] for start, end in spans))
        span = next(free, None)
        if span is None:
            raise BadRecord("RX115", role=role, name=name)
        spans.append(span)
    return spans


def _find(name: str, text: str, whole_words: bool) -> Iterator[Span]:
    """Where a name stands in words divided by single blanks, the best places first. whole_words: a sequence of words
    must not have punctuation at its ends."""
    parts = " ".join(name.replace("_", " ").split())
    yield from find_places(name, text, _no_blank)
    yield from find_places(_lower(name), _lower(text), _no_blank)
    joins = _no_blank if whole_words else in_word
    yield from find_places(parts, text, joins)
    yield from find_places(_lower(parts), _lower(text), joins)


def _no_blank(character: str) -> bool:
    return character != " "


def _lower(text: str) -> str:
    """In lower case, of the same length: a few capitals, such as the dotted I, have two characters for that."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _without_underscores(text: str, names: list[str], spans: list[Span]) -> tuple[str, list[Span]]:
    """The text with blanks for the underscores of words that are a name or a part of one, and the spans in it."""
    known = {word.casefold() for name in names for word in name.split()}

    def plain(part: str) -> str:
        words = part.split(" ")
        return " ".join(
            " ".join(word.replace("_", " ").split()) if word.casefold() in known else word for word in words
        )

    return plain(text), [(len(plain(text[:start])), len(plain(text[:end]))) for start, end in spans]
