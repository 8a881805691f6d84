"""What a challenge returns, as tables to read, and what its data must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..data.extensions import get_relations
from ..data.tables import ROWS, Shown, Table, data_frame, largest_first, percent, shortened
from ..errors import RelxError

if TYPE_CHECKING:
    import pandas
    from spacy.tokens import Doc

#: Kind (in the order of the tables' columns) -> its name in tables.
TITLES = {"cooccurrence": "mere co-occurrence", "reversed": "reversed direction", "negation": "negation"}


class ChallengeReport(dict[str, Any], Shown):
    """What `challenge` returns: a dict of numbers that prints as tables, rates in percent."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        kinds = [(title, *_cells(self[kind])) for kind, title in TITLES.items()]
        found = [Table("Hard negatives", ("items", "predicted", "rate"), kinds)]
        columns = [column for name in ("together", "reversed", "denied") for column in (name, "%")]
        for title, key in (("Per relation", "per_label"), ("Per language", "per_lang")):
            names = sorted({name for kind in TITLES for name in self[kind][key]})
            none = {"n": 0, "predicted": 0, "rate": None}
            groups = {name: [self[kind][key].get(name, none) for kind in TITLES] for name in names}
            lines = [
                (name, *(cell for row in cells for cell in (str(row["n"]), percent(row["rate"], 1))))
                for name, cells in largest_first(groups, lambda cells: sum(row["n"] for row in cells))
            ]
            found.append(shortened(Table(title, columns, lines), rows))
        return found

    def note(self) -> str:
        without = ", ".join(self["symmetric"]) or "none"
        return (
            f"{self['n_relations']} gold relations in {self['n_docs']} documents; without direction: {without}. Of "
            f"{self['reversed']['predicted']} reversed relations {self['reversed']['both']} are predicted in both "
            f"directions. {self['negation']['n_gold']} relations stand alone in a sentence that can be denied here."
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers as a plain dict, ready for JSON."""
        return dict(self)

    def to_frame(self) -> pandas.DataFrame:
        """The numbers as a data frame.

        Returns:
            The columns kind, group ("all", "label" or "lang"), name, n (items), predicted, rate (a fraction; None
            without items).

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        rows = []
        for kind in TITLES:
            groups = {"all": {"": self[kind]}, "label": self[kind]["per_label"], "lang": self[kind]["per_lang"]}
            for group, named in groups.items():
                for name, row in named.items():
                    numbers = {key: row[key] for key in ("n", "predicted", "rate")}
                    rows.append({"kind": kind, "group": group, "name": name, **numbers})
        return data_frame(rows, ("kind", "group", "name", "n", "predicted", "rate"))


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["n"]), str(row["predicted"]), percent(row["rate"])


def check_data(docs: Sequence[Doc], symmetric: Iterable[str], where: object) -> None:
    """Make sure that documents have relations, and those that are named.

    Args:
        docs: Gold documents.
        symmetric: Names of relations.
        where: Names the documents in messages.

    Raises:
        RelxError: RX397 for a relation that the documents do not have, RX173 where they have none.
    """
    known = sorted({relation.label for doc in docs for relation in get_relations(doc)})
    unknown = [name for name in symmetric if name not in known]
    if unknown:
        raise RelxError("RX397", setting="symmetric", names=", ".join(unknown), known=", ".join(known) or "none")
    if not known:
        raise RelxError("RX173", where=where, what=f"relations that the pipeline knows in its {len(docs)} documents")
