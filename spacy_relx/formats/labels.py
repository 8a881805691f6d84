"""Tables that rename relations, or entity types, while data is converted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Callable, NamedTuple, cast

from ..data.annotated import NAMED, Annotated, Names
from ..data.entity_types import TABLES, TARGETS, ready_name, target_names
from ..data.text_forms import normal_form
from ..data.types import NO_RELATION, Mention
from ..data.wikidata import wikidata_relations
from ..errors import RelxError, warn
from .importers._read import NO_RELATION_LABELS, read_lines
from .records import UNTYPED, LabelCounts, Record, RecordRelation, Report

#: The new name of one in the data: "" to leave it out, None where the table does not have it.
Renaming = Callable[[str], str | None]
#: Behind the new name of a relation that joins its ends the other way round.
_TURNED = "(e2,e1)"
#: Ready tables of labels.
_WIKIDATA = ("ids:names", "names:ids")
#: Names that the warning shows.
_SHOWN = 5
#: Two ready tables: the names in the data, and those to give.
_READY = re.compile(r"([a-z]+):([a-z]+)")


class Kind(NamedTuple):
    """What a table renames, in the words of messages: "table of {kind}", "name of the {thing}", "{n} {what}"."""

    kind: str
    thing: str
    what: str


RELATIONS = Kind("labels", "relation", "relations")
TYPES = Kind("entity types", "entity type", "mentions")


def read_labels(path: str | Path, kind: Kind = RELATIONS) -> dict[str, str]:
    """Read a table of names: two columns divided by a tab, the name in the data and the name to give.

    The second is empty for what is to be left out. UTF-8; no line with names of columns. Empty lines and lines that
    begin with # are passed over, and so are blanks around the names.
    kind: what it renames, for messages.
    RETURNS: new name by old name.
    RAISES: RelxError RX120 where there is no such file, RX102 for a line that is no pair or contradicts an earlier one,
    RX108 for one that is not UTF-8, RX109 where the file cannot be read.
    """
    path = Path(path)
    if not path.exists() or path.is_dir():
        raise RelxError("RX120", path=path)
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}

    def fail(where: object, line: str, problem: str) -> RelxError:
        form = f"a line of a table of {kind.kind} has the old name, a tab and the new name, empty to leave it out"
        return RelxError("RX102", where=where, problem=f"{problem}; {form}", text=line)

    for place, line in read_lines(path, Report("raise")):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not cells[0]:
            problem = "the name to replace is missing" if len(cells) == 2 else f"it has {len(cells)} columns"
            raise fail(place, line, problem)
        old, new = map(normal_form, cells)
        if labels.setdefault(old, new) != new:
            raise fail(place, line, f"line {lines[old]} makes {old!r} into {labels[old]!r}")
        lines.setdefault(old, place.line)
    return labels


def renaming(names: Mapping[str, str]) -> Renaming:
    """Look names up whatever their Unicode form: "é" may be one character or two."""
    forms = {normal_form(old): new for old, new in names.items()}
    return lambda name: forms.get(normal_form(name))


def types_renaming(table: str | Path) -> tuple[Renaming, Path | None]:
    """What renames entity types.

    Args:
        table: A file as of `read_labels`, or two ready tables, such as "ontonotes:conll": the names in the data, and
            the names to give.

    Returns:
        The look-up, and the file that was read, if any.

    Raises:
        RelxError: RX511 for a ready table that does not exist, and those of `read_labels`.
    """
    ready = _READY.fullmatch(str(table))
    if ready is None or Path(table).exists():
        return renaming(read_labels(table, TYPES)), Path(table)
    source, target = ready.groups()
    for name, tables in ((source, TABLES), (target, TARGETS)):
        if name not in tables:
            raise RelxError("RX511", name=name, known=", ".join(tables))
    names = target_names(target)
    return lru_cache(maxsize=None)(lambda name: ready_name(name, source, names)), None


def labels_renaming(table: str | Path) -> tuple[Renaming, Path | None]:
    """What renames relations.

    Args:
        table: A file as of `read_labels`, or "ids:names" or "names:ids": Wikidata's properties, see `data.wikidata`.

    Returns:
        The look-up, and the file that was read, if any.

    Raises:
        RelxError: Those of `read_labels`.
    """
    if str(table) not in _WIKIDATA or Path(table).exists():
        return renaming(read_labels(table)), Path(table)
    pairs = {each.id: each.name for each in wikidata_relations().values()}
    return renaming(pairs if str(table) == _WIKIDATA[0] else {name: id for id, name in pairs.items()}), None


def rename_relations(record: Record, find: Renaming, counts: LabelCounts) -> int:
    """Give the record's relations the names of the table, and leave those out that have an empty one there.

    Each label is looked up once, so that names may be swapped. A new name with "(e2,e1)" behind it exchanges head and
    tail. Those that the table makes into a label of `NO_RELATION_LABELS` are relations no more: "no_relation" where
    pairs are annotated as named. Mentions and meta stay as they are.
    RETURNS: how many became no relation.
    """
    n_none = 0
    relations: list[RecordRelation] = []
    named = record.annotated is not None and record.annotated.pairs == NAMED
    for head, tail, label, *scores in record.relations:
        new = label if label == NO_RELATION else counts.count(label, find(label))
        if new in NO_RELATION_LABELS and new != label:
            n_none += not named
            new = NO_RELATION if named else ""
        if new.endswith(_TURNED):
            relations.append(cast(RecordRelation, (tail, head, new.removesuffix(_TURNED), *scores)))
        elif new:
            relations.append(cast(RecordRelation, (head, tail, new, *scores)))
    record.relations = relations
    if record.annotated is not None:
        cover = record.annotated
        record.annotated = Annotated(cover.mentions, _renamed(cover.relations, find), cover.pairs)
    return n_none


def rename_types(record: Record, find: Renaming, counts: LabelCounts) -> int:
    """Give the record's mentions the types of the table, and leave those out that have an empty one there, with their
    relations. A mention without a type is looked up as ENT.

    Returns:
        How many relations were left out.
    """
    mentions: list[Mention] = []
    places: dict[int, int] = {}
    for i, mention in enumerate(record.mentions):
        label = mention.label or UNTYPED
        new = counts.count(label, find(label))
        if new:
            places[i] = len(mentions)
            mentions.append(replace(mention, label=new))
    kept: list[RecordRelation] = [
        (places[h], places[t], *rest) for h, t, *rest in record.relations if h in places and t in places
    ]
    n_dropped = len(record.relations) - len(kept)
    if record.annotated is not None:
        cover = record.annotated
        record.annotated = Annotated(_renamed(cover.mentions, find), cover.relations, cover.pairs)
    record.mentions, record.relations = mentions, kept
    return n_dropped


def _renamed(names: Names, find: Renaming) -> Names:
    """What the annotation covers, by its new names."""
    if isinstance(names, str):
        return names
    found = (name if (new := find(name)) is None else new for name in names)
    return [name.removesuffix(_TURNED) for name in found if name and name not in NO_RELATION_LABELS]


def check_use(path: str | Path, counts: LabelCounts, kind: Kind = RELATIONS) -> None:
    """WARNS: RX126 where relations, or mentions, were read, and the table names none of their labels, or types."""
    if counts.unknown and not counts.renamed and not counts.left_out:
        names = ", ".join(map(repr, sorted(counts.unknown)[:_SHOWN])) + ", ..." * (len(counts.unknown) > _SHOWN)
        warn("RX126", path=path, n=counts.unknown.total(), names=names, kind=kind.kind, what=kind.what)
