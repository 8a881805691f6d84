"""Wikidata's properties that relation data uses: names, what they join, inverses.

The file `wikidata_relations.tsv` has them all: id, English name, types of head and tail, inverse property, description.
Names and descriptions are Wikidata's (CC0), the names as Wiki80 and RED-FM spell them; the types are those of
Re-DocRED.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

_FILE = Path(__file__).with_name("wikidata_relations.tsv")


class WikidataRelation(NamedTuple):
    """A property of Wikidata.

    Attributes:
        id: Such as "P19".
        name: In English: "place of birth".
        head_types: What its subjects are, among PER, ORG, LOC, TIME, NUM and MISC; empty for anything.
        tail_types: What its objects are; empty for anything.
        inverse: The property that says the same the other way round, "" for none; its own id where it is symmetric.
        description: Wikidata's.
    """

    id: str
    name: str
    head_types: tuple[str, ...]
    tail_types: tuple[str, ...]
    inverse: str
    description: str

    @property
    def is_symmetric(self) -> bool:
        """Whether it holds in both directions: that of a spouse."""
        return self.inverse == self.id


@lru_cache(maxsize=1)
def wikidata_relations() -> Mapping[str, WikidataRelation]:
    """The properties by their ids."""
    found: dict[str, WikidataRelation] = {}
    for line in _FILE.read_text(encoding="utf8").splitlines():
        if line.startswith("#"):
            continue
        id, name, head, tail, inverse, description = line.split("\t")
        types = [tuple(each for each in cell.split(",") if each) for cell in (head, tail)]
        found[id] = WikidataRelation(id, name, types[0], types[1], inverse, description)
    return MappingProxyType(found)
