"""Tables that rename relations while data is converted."""

from __future__ import annotations

from pathlib import Path

from ..errors import RelxError, warn
from ..text_forms import normal_form
from .formats._read import NO_RELATION_LABELS, read_lines
from .records import LabelCounts, Record, Report

#: Labels that the warning names.
_SHOWN = 5


def read_labels(path: str | Path) -> dict[str, str]:
    """Read a table of relation labels: two columns divided by a tab, the name in the data and the name to give.

    The second is empty for relations to leave out. UTF-8; no line with names of columns. Empty lines and lines that
    begin with # are passed over, and so are blanks around the names.
    RETURNS: new name by old name.
    RAISES: RelxError RX124 where there is no such file, RX125 for a line that is no pair or contradicts an earlier one,
    RX108 for one that is not UTF-8, RX109 where the file cannot be read.
    """
    path = Path(path)
    if not path.exists() or path.is_dir():
        raise RelxError("RX124", path=path)
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for place, line in read_lines(path, Report("raise")):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not cells[0]:
            problem = "the name to replace is missing" if len(cells) == 2 else f"it has {len(cells)} columns"
            raise RelxError("RX125", where=place, problem=problem, text=line)
        old, new = map(normal_form, cells)
        if labels.setdefault(old, new) != new:
            problem = f"line {lines[old]} makes {old!r} into {labels[old]!r}"
            raise RelxError("RX125", where=place, problem=problem, text=line)
        lines.setdefault(old, place.line)
    return labels


def rename_relations(record: Record, labels: dict[str, str], counts: LabelCounts) -> int:
    """Give the record's relations the names of the table, and leave those out that have an empty one there.

    Each label is looked up once, so that names may be swapped. Those that the table makes into a label of
    `NO_RELATION_LABELS` are relations no more. Mentions and meta stay as they are.
    RETURNS: how many became no relation.
    """
    n_none = 0
    relations = []
    for head, tail, label in record.relations:
        label = normal_form(label)
        new = labels.get(label)
        if new is None:
            counts.unknown[label] += 1
        elif not new:
            counts.left_out[label] += 1
            continue
        elif new != label:
            counts.renamed[label] += 1
            if new in NO_RELATION_LABELS:
                n_none += 1
                continue
        relations.append((head, tail, label if new is None else new))
    record.relations = relations
    return n_none


def check_use(path: str | Path, counts: LabelCounts) -> None:
    """WARNS: RX126 where relations were read, and the table names none of their labels."""
    if counts.unknown and not counts.renamed and not counts.left_out:
        labels = ", ".join(map(repr, sorted(counts.unknown)[:_SHOWN])) + ", ..." * (len(counts.unknown) > _SHOWN)
        warn("RX126", path=path, n=counts.unknown.total(), labels=labels)
