"""SemEval-2010 Task 8 (Hendrickx et al. 2010), and the files in its style: KBP37, RELX.

Blocks of lines: `id<TAB>"sentence with <e1>..</e1> and <e2>..</e2>"`, the label, perhaps a comment, an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._markers import parse_markers
from ._read import NO_RELATION_LABELS, parse_rows, read_lines

_LABEL = re.compile(r"(.+)\((e[12]),\s*(e[12])\)")
_RELX_NAME = re.compile(r"relx_([a-z]{2,3})\.txt", re.IGNORECASE)


def read_semeval2010(path: Path, report: Report) -> Iterator[Record]:
    """Read a file in the style of SemEval-2010 Task 8.

    `Label(e1,e2)` says that e1 is the head, `Label(e2,e1)` that e2 is; `Other` and `no_relation` are no relation. The
    label as written is kept as meta["label"]. There are no entity types: mentions are of the type ENT. The language
    is known for files named as those of RELX are (RELX_de.txt).
    BROKEN: RX102 (markers, label), RX108, RX109.
    """
    name = _RELX_NAME.fullmatch(path.name.removesuffix(".gz"))
    lang = name.group(1).lower() if name else ""
    for record in parse_rows(_blocks(path, report), _parse, report):
        record.lang = lang
        yield record


def is_label(line: str) -> bool:
    """Whether a line is what stands behind a sentence: `Label(e1,e2)`, or a label for no relation."""
    match = _LABEL.fullmatch(line)
    return line in NO_RELATION_LABELS or (match is not None and match.group(2) != match.group(3))


def _blocks(path: Path, report: Report) -> Iterator[tuple[Place, str, tuple[str, str]]]:
    """(place of the sentence, sentence line, (sentence line, label line)); the label is "" where it is missing."""
    sentence: tuple[Place, str] | None = None
    for place, line in read_lines(path, report):
        line = line.strip()
        if sentence is None:
            # Comments quote markers too, so they are known by their first word.
            if line and not line.startswith("Comment"):
                sentence = (place, line)
            continue
        yield *sentence, (sentence[1], line)
        sentence = None
    if sentence is not None:
        yield *sentence, (sentence[1], "")


def _parse(row: tuple[str, str], place: Place, report: Report) -> Record:
    line, label = row
    name, tab, sentence = line.partition("\t")
    if not tab:
        name, sentence = "", line
    sentence = sentence.strip()
    if len(sentence) > 1 and sentence[0] == sentence[-1] == '"':
        sentence = sentence[1:-1].strip()
    text, e1, e2 = parse_markers(sentence)
    record = Record(place, text=text, id=name.strip(), meta={"label": label})
    record.mentions = [Mention(*e1, UNTYPED), Mention(*e2, UNTYPED)]
    if label in NO_RELATION_LABELS:
        report.relations_none += 1
        return record
    match = _LABEL.fullmatch(label)
    if match is None or match.group(2) == match.group(3):
        wanted = "a label such as 'Cause-Effect(e1,e2)', 'Other' or 'no_relation'"
        raise BadRecord("RX102", problem=f"the line after the sentence must be {wanted}, but is {label!r}")
    head = 0 if match.group(2) == "e1" else 1
    record.relations = [(head, 1 - head, match.group(1).strip())]
    return record
