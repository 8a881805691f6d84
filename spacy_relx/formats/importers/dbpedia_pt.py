"""DBpediaRelations-PT (Batista et al. 2013): sentences of the Portuguese Wikipedia, labelled by DBpedia, in blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, bare
from ._names import find_apart, in_word
from ._read import parse_rows, read_lines

_NAMES = "(?:SENTENCE|MANUALLY CHECKED|ENTITY1|TYPE1|ENTITY2|TYPE2|REL TYPE)"
_FIELD = re.compile(rf"({_NAMES})\s*:\s*(.*)", re.DOTALL)
_NONE = "other"
_IGNORED = "IGNORE"
#: Other line ends than LF and CR LF, before a line of the format; and what may stand around one.
_OTHER_ENDS = re.compile(rf"[\r\v\f\x1c-\x1e\x85\u2028\u2029](?=[\s\ufeff]*(?:\*\*|{_NAMES}\s*:))")
Block = dict[str, str]


def read_dbpedia_pt(path: Path, report: Report) -> Iterator[Record]:
    """Read a DBpediaRelations-PT file: blocks of "NAME : value" lines between lines of asterisks.

    ENTITY1 is the head, ENTITY2 the tail, the relation "other" is none. The data has no ids of entities: the name is
    the kb_id. It has no offsets either: the first places that both names have in the sentence, apart from each other,
    are taken; letters or digits beside it make a name part of another word. Where there are none, the record is
    skipped and noted (RX116). Records that their checkers marked IGNORE are skipped too. MANUALLY CHECKED and the
    relation as written are kept, as meta["checked"] (TRUE or FALSE) and meta["label"]. The language is "pt".
    BROKEN: RX102, RX108, RX109; the line is the first of the block.
    """
    yield from parse_rows(_blocks(path, report), _parse, report)


def _blocks(path: Path, report: Report) -> Iterator[tuple[Place, str, Block]]:
    """(place of the first line, the sentence, its fields). BROKEN: RX102 for a line that is no field, or one twice."""
    block: Block = {}
    first: Place | None = None
    broken = False
    for place, line in _lines(path, report):
        if line.strip("*"):
            first = first or place
            problem = "" if broken else _add_field(block, line)
            if problem:
                broken = True
                report.broken("RX102", place, line, problem=problem)
        elif line and first is not None:
            if not broken:
                yield first, block.get("SENTENCE", ""), block
            block, first, broken = {}, None, False
    if first is not None and not broken:
        yield first, block.get("SENTENCE", ""), block


def _lines(path: Path, report: Report) -> Iterator[tuple[Place, str]]:
    """The lines, without blanks and byte order marks around them; also of a file with other line ends."""
    for place, line in read_lines(path, report):
        for more, part in enumerate(_OTHER_ENDS.split(line)):
            yield place._replace(line=place.line + more), bare(part)


def _add_field(block: Block, line: str) -> str:
    """RETURNS: what is wrong with the line, "" for nothing."""
    match = _FIELD.match(line)
    if match is None:
        return "this is no line of a record (NAME : value)"
    # One published record has TYPE1 twice and no TYPE2: the second entity has no type then.
    if match[1] in block and match[1] != "TYPE1":
        return f"'{match[1]}' is there twice in one record"
    block.setdefault(match[1], bare(match[2]))
    return ""


def _parse(block: Block, place: Place, report: Report) -> Record | None:
    for name in ("SENTENCE", "ENTITY1", "ENTITY2", "REL TYPE"):
        if not block.get(name):
            raise BadRecord("RX102", problem=f"'{name}' is missing")
    text, label, checked = block["SENTENCE"], block["REL TYPE"], block.get("MANUALLY CHECKED", "FALSE")
    if checked == _IGNORED:
        report.records_skipped += 1
        return None
    names = [block["ENTITY1"], block["ENTITY2"]]
    places = find_apart(names[0], names[1], text, in_word)
    if places is None:
        report.records_skipped += 1
        report.note("RX116", place, text, head=names[0], tail=names[1])
        return None
    record = Record(place, text=text, lang="pt", meta={"label": label, "checked": checked})
    types = [block.get(name) or UNTYPED for name in ("TYPE1", "TYPE2")]
    record.mentions = [Mention(*where, kind, name) for where, kind, name in zip(places, types, names)]
    if label == _NONE:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, label)]
    return record
