"""FinRE and SanWen (Li et al. 2019, Chinese NRE): tab-separated, names in the sentence without offsets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._names import find_apart, find_places
from ._read import parse_rows, read_lines

COLUMNS = ["head", "tail", "relation", "sentence"]
#: The label for "not related".
_NONE = "unknown"
Span = tuple[int, int]


def read_finre(path: Path, report: Report) -> Iterator[Record]:
    """Read a file of FinRE or SanWen: head, tail, relation, sentence; `unknown` is no relation.

    The first places of both names that do not overlap are taken; where there are none, the first that are not the
    same, for one name may stand only within the other. The relation as written is kept as meta["label"]. There are no
    entity types: mentions are of the type ENT. The language is "zh".
    BROKEN: RX102, RX108, RX109, RX111 (number of columns), RX115 (a name is not in the sentence), RX602.
    """
    rows = ((place, line, line) for place, line in read_lines(path, report) if line.strip())
    yield from parse_rows(rows, _parse, report)


def _parse(line: str, place: Place, report: Report) -> Record:
    cells = line.split("\t")
    if len(cells) != len(COLUMNS):
        raise BadRecord("RX111", n=len(cells), wanted=len(COLUMNS), columns=", ".join(COLUMNS))
    head, tail, label, text = cells
    record = Record(place, text=text, lang="zh", meta={"label": label})
    record.mentions = [Mention(*span, UNTYPED) for span in _find_both(head, tail, text)]
    if label == _NONE:
        report.relations_none += 1
    else:
        record.relations = [(0, 1, label)]
    return record


def _never(character: str) -> bool:
    """Chinese is written without blanks: a character beside a name does not make it a part of something else."""
    return False


def _find_both(head: str, tail: str, text: str) -> tuple[Span, Span]:
    """RAISES: BadRecord RX115."""
    for role, name in (("head", head), ("tail", tail)):
        if next(find_places(name, text, _never), None) is None:
            raise BadRecord("RX115", role=role, name=name)
    pair = find_apart(head, tail, text, _never)
    if pair is not None:
        return pair
    first = next(find_places(head, text, _never))
    second = next((place for place in find_places(tail, text, _never) if place != first), None)
    if second is None:
        raise BadRecord("RX115", role="tail", name=tail)
    return first, second
