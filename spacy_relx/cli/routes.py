"""`relx routes`: how much of each language-specific sub-module each language takes."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..data.strict_json import dump_json
from ..data.tables import Table, text_table
from ..errors import RelxError
from ._app import CodeOpt, ModelArg, import_code, load_pipeline, relx_app, report_errors
from ._output import check_output, write_output

#: What stands for the languages that the model does not know.
OTHERS = "(others)"


@relx_app.command("routes")
@report_errors
def routes_cli(
    model: ModelArg,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write a heatmap (.svg, .png) or the numbers (.json)"),
    ] = None,
    component: Annotated[str | None, typer.Option("--component", help="Of this component (else of each)")] = None,
    code: CodeOpt = None,
) -> None:
    """
    Show the routes of a model with a switcher: how much of each sub-module each language takes, and how many it
    spreads over, as the exponential of the entropy.
    """
    check_output(output, code, model=model)
    if output is not None:
        from ..viz.charts import check_chart

        check_chart(output, "a heatmap or its numbers", ".json")
    import_code(code)
    tables = _tables(model, component)
    written = None if output is None else _written(output, tables)
    for name, rows in tables.items():
        # in a pipe one table needs no name, but several do
        typer.echo(f"\n{name}", err=len(tables) == 1 and not sys.stdout.isatty())
        columns = [*(str(n + 1) for n in range(len(next(iter(rows.values()))))), "spread"]
        cells = [[lang, *(f"{w:.2f}" if w else "-" for w in row), f"{spread(row):.2f}"] for lang, row in rows.items()]
        typer.echo(text_table(Table("language", columns, cells), shutil.get_terminal_size().columns))
    if output is not None and written is not None:
        write_output(output, written)
        typer.secho(f"✔ {output}", fg="green", err=True)


def _tables(model: str, component: str | None) -> dict[str, dict[str, list[float]]]:
    """For each component its routes. RAISES: RelxError RX269 where there are none, RX270 for another component."""
    from ..languages.language_router import route_tables

    nlp = load_pipeline(model)
    tables = {name: {lang or OTHERS: row for lang, row in table.items()} for name, table in route_tables(nlp).items()}
    if not tables:
        names = [name for name, pipe in nlp.pipeline if hasattr(pipe, "model")]
        raise RelxError("RX269", names=", ".join(names) or "none")
    if component is not None and component not in tables:
        raise RelxError("RX270", name=component, known=", ".join(tables))
    return {name: table for name, table in tables.items() if component in (None, name)}


def spread(weights: Sequence[float]) -> float:
    """Over how many sub-modules a language spreads: e to the entropy of its weights, 1 for a single one."""
    total = sum(weights)
    shares = [weight / total for weight in weights if weight > 0]
    return math.exp(-sum(share * math.log(share) for share in shares)) if shares else 0.0


def _written(output: Path, tables: Mapping[str, Mapping[str, Sequence[float]]]) -> str | bytes:
    """RAISES: RelxError RX272 for a picture of several components."""
    if output.suffix.lower() == ".json":
        return dump_json(tables, indent=2) + "\n"
    from ..viz import draw_routes, picture

    if len(tables) > 1:
        raise RelxError("RX272", names=", ".join(tables))
    ((name, rows),) = tables.items()
    notes = {lang: f"spread {spread(row):.1f}" for lang, row in rows.items()}
    return picture(draw_routes(rows, notes, title=f"Sub-modules of {name} by language"), output.suffix)
