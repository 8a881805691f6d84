"""Names of entity types: what a recogniser calls PERSON, training may have called PER.

The ready tables are one file, `entity_types.tsv`: a row for each concept, its broader concept, and what each tag set
calls it. A cell may hold several names, the usual one first.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, Union

from ..errors import RelxError
from .text_forms import normal_form
from .types import UNTYPED

#: All ready tables together.
AUTO = "auto"
#: Tag sets whose names other data can be given.
TARGETS = ("ontonotes", "conll", "docred", "wikidata")
#: The ready tables. "spacy": the names in all of spaCy's trained pipelines.
TABLES = (*TARGETS, "spacy", AUTO)
#: A setting: a ready table, pairs {name in the recogniser: name in training}, or several of these, the first that has
#: a name decides.
TypesSetting = Union[str, dict[str, str], list[Union[str, dict[str, str]]]]

_FILE = Path(__file__).with_suffix(".tsv")
#: The columns of the file that belong to a table.
_COLUMNS = {
    **{table: (table,) for table in TARGETS},
    "spacy": ("ontonotes", "conll", "spacy"),
    AUTO: (*TARGETS, "spacy", "other"),
}
#: What is none of the others: nothing tells which of its narrower concepts is meant.
_MISCELLANEOUS = "miscellaneous"


class TypeNames:
    """What the entity types of a recogniser are called in training.

    Called with a name, it returns the one of training: that of the setting's pairs, whatever it is ("" for a type
    whose mentions are to be left out); a type that training knows stays itself; then that of the ready tables. A type
    for which there is none keeps its name. Where training had no types (all mentions are ENT), all types are ENT.

    Args:
        setting: See `TypesSetting`.
        known: The entity types of training, in order.

    Attributes:
        setting: A copy of the setting.

    Raises:
        RelxError: RX021 for a setting of another form, RX511 for a ready table that does not exist.
    """

    def __init__(self, setting: TypesSetting, known: Iterable[str] = ()):
        tables = check_setting(setting)
        self.setting = deepcopy(setting)
        self._pairs: dict[str, str] = {}
        for table in reversed(tables):
            if not isinstance(table, str):
                self._pairs.update({normal_form(name): normal_form(new) for name, new in table.items()})
        self._tables = [table for table in tables if isinstance(table, str)]
        self._known = tuple(known)
        self._found: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._find(name)
        return found

    def _find(self, name: str) -> str:
        if normal_form(name) in self._pairs:
            return self._pairs[normal_form(name)]
        if name in self._known:
            return name
        if self._known == (UNTYPED,) or (not name and UNTYPED in self._known):
            return UNTYPED
        found = (ready_name(name, table, self._known) for table in self._tables)
        return next((new for new in found if new is not None), name)


def check_setting(setting: Any) -> list[str | Mapping[str, str]]:
    """The tables of a setting, in order.

    Raises:
        RelxError: RX021 for a setting of another form, RX511 for a ready table that does not exist.
    """
    tables = list(setting) if isinstance(setting, (list, tuple)) else [setting]
    for table in tables:
        if isinstance(table, str):
            if table not in TABLES:
                raise RelxError("RX511", name=table, known=", ".join(TABLES))
        elif not isinstance(table, Mapping) or not all(
            isinstance(name, str) for pair in table.items() for name in pair
        ):
            need = "the name of a built-in table, a mapping of names, or a list of names and mappings"
            raise RelxError("RX021", name="types", value=setting, need=need)
    return tables


def ready_name(name: str, table: str, known: Sequence[str]) -> str | None:
    """The type among `known` that a ready table takes `name` for: the same concept, else the nearest broader one, else
    the only narrower one.

    Args:
        name: An entity type.
        table: One of `TABLES`, where `name` is looked up.
        known: Entity types of any tag set; the first of several for one concept is taken.

    Returns:
        One of `known`, or None where the table does not tell.
    """
    key = _key(name)
    for each in known:
        if _key(each) == key:
            return each
    file = _read()
    meant = _known_concepts(tuple(known))
    concepts = file.concepts(key, _COLUMNS[table])
    for concept in concepts:
        for broader in file.chain(concept):
            if broader in meant:
                return meant[broader]
    for concept in concepts:
        narrower = {meant[each] for each in meant if concept in file.chain(each)}
        if concept != _MISCELLANEOUS and len(narrower) == 1:
            return narrower.pop()
    return None


def target_names(table: str) -> tuple[str, ...]:
    """The names that one of `TARGETS` has, the usual one of each concept first."""
    file = _read()
    return tuple(dict.fromkeys(name for row in file.names.values() for name in row[table]))


def _key(name: str) -> str:
    """The same for "WORK_OF_ART", "WorkOfArt" and "work of art"."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if char.isalnum())


@lru_cache(maxsize=256)
def _known_concepts(known: tuple[str, ...]) -> dict[str, str]:
    """The concepts that some types stand for, each with the type.

    Where a tag set has all of them, its second meanings of a name count too: NORP is LOC in DocRED, and there alone.
    """
    file = _read()
    keys = {_key(name): name for name in reversed(known)}
    whole = [table for table in TARGETS if keys.keys() <= {_key(name) for name in target_names(table)}]
    meant: dict[str, str] = {}
    for concept, row in file.names.items():
        found = [_key(name) for table in whole[:1] for name in row[table]] + file.first_keys(concept, _COLUMNS[AUTO])
        named = [keys[key] for key in found if key in keys]
        if named:
            meant[concept] = named[0]
    return meant


class _Concepts:
    """The file of ready tables.

    Attributes:
        names: Concept -> column -> its names.
        broader: Concept -> broader concept, "" for none.
    """

    def __init__(self, text: str):
        self.names: dict[str, dict[str, list[str]]] = {}
        self.broader: dict[str, str] = {}
        header, *lines = text.splitlines()
        columns = header.lstrip("# ").split("\t")[2:]
        for line in lines:
            concept, broader, *cells = [*line.split("\t"), ""][: len(columns) + 2]
            parts = [[name.strip() for name in cell.split(",") if name.strip()] for cell in cells]
            self.names[concept] = defaultdict(list, zip(columns, parts))
            self.names[concept]["other"] = [*self.names[concept]["other"], concept]
            self.broader[concept] = broader
        self._first: dict[tuple[str, str], str] = {}
        for concept, row in self.names.items():
            for column, names in row.items():
                for name in names:
                    self._first.setdefault((column, _key(name)), concept)

    def concepts(self, key: str, columns: Iterable[str]) -> list[str]:
        """What these columns call so: of each the first concept, in the order of the file."""
        found = {self._first.get((column, key)) for column in columns}
        return [concept for concept in self.names if concept in found]

    def first_keys(self, concept: str, columns: Iterable[str]) -> list[str]:
        """The names of the concept that are no second meaning in their column."""
        keys = ((column, _key(name)) for column in columns for name in self.names[concept][column])
        return [key for column, key in keys if self._first[column, key] == concept]

    def chain(self, concept: str) -> list[str]:
        """The concept and its broader ones."""
        found = [concept]
        while self.broader[found[-1]]:
            found.append(self.broader[found[-1]])
        return found


@lru_cache(maxsize=1)
def _read() -> _Concepts:
    return _Concepts(_FILE.read_text(encoding="utf8"))
