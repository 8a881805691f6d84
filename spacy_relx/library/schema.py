"""The call that learns a schema of relations: constraints."""

from __future__ import annotations

from typing import Any

from ..data.extensions import set_extensions
from ..data.tables import ROWS, Shown, Table, largest_first, shortened
from ..errors import RelxError
from ..formats.constraints import MIN_COUNT, MIN_SHARE, learn_constraints
from ..formats.convert import default_nlp
from .inputs import Docs, Progress, docs_of, name_of, silent


class Schema(dict[str, Any], Shown):
    """What `constraints` returns: counts of relations, and under "config" the proposed settings of
    `relation_constraints`. It prints as a table."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        config = self["config"]
        lines = []
        for label, row in largest_first(self["relations"], lambda row: row["n"]):
            named = [name for name in config if name not in ("types", "inverse") and label in config[name]]
            one, other, both = row["functional"], row["inverse_functional"], row["symmetric"]
            shares = (
                f"{one['single']}/{one['chances']}",
                f"{other['single']}/{other['chances']}",
                f"{both['both_ways']}/{both['pairs']}",
            )
            lines.append((label, str(row["n"]), str(len(row["types"])), *shares, " ".join(named)))
        columns = ("n", "types", "one tail", "one head", "both ways", "proposed")
        return [shortened(Table("Relation", columns, lines), rows)]

    def note(self) -> str:
        return f"{self['n_relations']} relations in {self['n_docs']} documents"

    def to_dict(self) -> dict[str, Any]:
        """The counts and settings as a plain dict, ready for JSON."""
        return dict(self)


def constraints(
    data: Docs, *, min_share: float = MIN_SHARE, min_count: int = MIN_COUNT, progress: Progress = silent
) -> Schema:
    """Learn from annotated documents what relations join and which properties they have.

    Look through it: data show what was annotated, not what is true.

    Args:
        data: Annotated documents, a .spacy file, or a folder of such.
        min_share: Of how many cases a property must be true to be proposed.
        min_count: How many cases there must be.
        progress: Shows how far the documents are read.

    Returns:
        Counts, and settings for `relation_constraints`.

    Raises:
        RelxError: RX173 where there are no relations.
    """
    set_extensions()
    docs = progress(docs_of(data, default_nlp().vocab))
    found = Schema(learn_constraints(docs, min_share=min_share, min_count=min_count))
    if not found["n_relations"]:
        raise RelxError("RX173", where=name_of(data), what="relations to learn constraints from")
    return found
