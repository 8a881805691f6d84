"""The call that shows the sub-modules of a switcher: routes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.outputs import write_output
from ..data.strict_json import dump_json
from ..data.tables import ROWS, Shown, Table, shortened
from ..errors import RelxError
from ..languages.language_router import route_tables
from ..viz.charts import check_chart, draw_routes, picture
from .inputs import Model, pipeline_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What stands for the languages that a switcher does not know.
OTHERS = "(others)"


class Routes(dict[str, dict[str, list[float]]], Shown):
    """What `routes` returns: component -> language -> the share of each sub-module. It prints as tables."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        found = []
        for name, table in self.items():
            columns = [*(str(n + 1) for n in range(len(next(iter(table.values()))))), "spread"]
            cells = [
                (lang, *(f"{w:.2f}" if w else "-" for w in row), f"{spread(row):.2f}") for lang, row in table.items()
            ]
            title = name if len(self) > 1 else "language"
            found.append(shortened(Table(title, columns, cells), rows))
        return found

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """The shares, ready for JSON."""
        return dict(self)

    def draw(self) -> Figure:
        """The routes of the one component as a heatmap, a matplotlib figure.

        Raises:
            RelxError: RX272 where there are several components, RX005 without matplotlib.
        """
        if len(self) > 1:
            raise RelxError("RX272", names=", ".join(self))
        ((name, table),) = self.items()
        notes = {lang: f"spread {spread(row):.1f}" for lang, row in table.items()}
        return draw_routes(table, notes, title=f"Sub-modules of {name} by language")

    def save(self, path: str | Path) -> None:
        """Write a heatmap (.svg, .png, .pdf), or the numbers (.json).

        Raises:
            RelxError: RX368 for another ending, RX272 for a heatmap of several components, RX005 without matplotlib,
                RX186 where it cannot be written.
        """
        check_chart(Path(path), "a heatmap or its numbers", ".json")
        kind = Path(path).suffix.lower()
        write_output(Path(path), dump_json(self, indent=2) + "\n" if kind == ".json" else picture(self.draw(), kind))


def routes(model: Model, *, component: str | None = None, code: str | Path | None = None) -> Routes:
    """How much of each language-specific sub-module each language takes, and over how many it spreads.

    Args:
        model: A pipeline with a switcher, its folder or its name.
        component: Only this component; None for all that have a switcher.
        code: A Python file with additional components.

    Returns:
        The shares of each component; `save` writes them as a heatmap or as JSON.

    Raises:
        RelxError: RX269 where there is no switcher, RX270 for another component.
    """
    nlp = pipeline_of(model, code)
    tables = {name: {lang or OTHERS: row for lang, row in table.items()} for name, table in route_tables(nlp).items()}
    if not tables:
        names = [name for name, pipe in nlp.pipeline if hasattr(pipe, "model")]
        raise RelxError("RX269", names=", ".join(names) or "none")
    if component is not None and component not in tables:
        raise RelxError("RX270", name=component, known=", ".join(tables))
    return Routes({name: table for name, table in tables.items() if component in (None, name)})


def spread(weights: Sequence[float]) -> float:
    """Over how many sub-modules a language spreads: e to the entropy of its weights, 1 for a single one."""
    total = sum(weights)
    shares = [weight / total for weight in weights if weight > 0]
    return math.exp(-sum(share * math.log(share) for share in shares)) if shares else 0.0
