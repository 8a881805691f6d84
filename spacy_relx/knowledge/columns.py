"""Columns of tables that people bring along: which is which, by the names in the first line, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..formats.records import BadRecord


@dataclass(frozen=True)
class Layout:
    """What the columns of a table may be called.

    Args:
        names: Role -> names of its column in lower case, blanks and dashes as "_"; of two such columns the one whose
            name stands first is taken.
        needed: How many roles, of the first, a first line must name to be names of columns.
        telling: Roles that, named in a first line that lacks others, show that it names columns.
    """

    names: Mapping[str, Sequence[str]]
    needed: int
    telling: Sequence[frozenset[str]]

    def read(self, cells: Sequence[str]) -> list[int | None] | None:
        """Where each role's column is.

        Args:
            cells: The first line of the table.

        Returns:
            For each role the place of its column, None for an optional role without one. None for a line that names no
            columns: it is data.

        Raises:
            BadRecord: RX582, where some needed columns are named and others not, or one role has two columns that are
                called the same.
        """
        called = [_plain(cell) for cell in cells]
        places: list[int | None] = []
        taken: set[int] = set()
        for names in self.names.values():
            name = next((name for name in names if any(_fits(called, name, taken))), None)
            found = [] if name is None else [place for place, fits in enumerate(_fits(called, name, taken)) if fits]
            if len(found) > 1 and len(places) < self.needed:
                raise BadRecord("RX582", problem=f"two columns are called '{name}'", known=self._known())
            places.append(found[0] if found else None)
            taken.update(found)
        lacking = [role for role, place in list(zip(self.names, places))[: self.needed] if place is None]
        found_roles = {role for role, place in zip(self.names, places) if place is not None}
        if lacking and any(roles <= found_roles for roles in self.telling):
            problem = f"none of the columns {', '.join(map(repr, cells))} is the {lacking[0]}"
            raise BadRecord("RX582", problem=problem, known=self._known())
        return None if lacking else places

    def _known(self) -> str:
        return "; ".join(f"{role}: {', '.join(names)}" for role, names in self.names.items())


def _fits(called: Sequence[str], name: str, taken: set[int]) -> list[bool]:
    return [each == name and place not in taken for place, each in enumerate(called)]


def _plain(cell: str) -> str:
    """ ":START_ID" and "Start ID" as "start_id"."""
    return cell.strip(" \r\"':").lower().replace(" ", "_").replace("-", "_")


#: Of a file of triples.
TRIPLES = Layout(
    {
        "head": (
            *("head_id", "head", "h", "subject_id", "subject", "subj", "s", "source_id", "source", "from", "start_id"),
            *("entity1", "entity_1", "e1", "node1"),
        ),
        "label": (
            *("relation_id", "relation", "rel", "r", "predicate_id", "predicate", "pred", "p", "property_id"),
            *("property", "relationship", "relation_type", "rel_type", "edge", "type", "label"),
        ),
        "tail": (
            *("tail_id", "tail", "t", "object_id", "object", "obj", "o", "target_id", "target", "to", "end_id"),
            *("entity2", "entity_2", "e2", "node2"),
        ),
    },
    needed=3,
    telling=[frozenset({"head", "label"}), frozenset({"head", "tail"}), frozenset({"label", "tail"})],
)
#: Of a file of names of entities.
ALIASES = Layout(
    {
        "entity": ("entity_id", "kb_id", "qid", "entity", "id"),
        "name": ("alias", "name", "mention", "surface_form", "surface", "label", "title", "text"),
        "type": ("type", "entity_type", "label", "class"),
        "lang": ("lang", "language", "lang_code"),
    },
    needed=2,
    telling=[frozenset({"entity"})],
)
