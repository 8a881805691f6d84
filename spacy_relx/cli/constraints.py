"""`relx constraints`: what annotated documents tell of a schema of relations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..data.strict_json import dump_json
from ..data.tables import ROWS, Table, largest_first, shortened, text_table
from ..errors import RelxError
from ._app import RowsOpt, progress, read_docs, relx_app, report_errors
from ._output import check_output, write_output


@relx_app.command("constraints")
@report_errors
def constraints_cli(
    data: Annotated[Path, typer.Argument(help="Annotated documents: a .spacy file, or a folder of such")],
    output: Annotated[Path, typer.Argument(help="JSON file for the counts and the proposed settings")],
    min_share: Annotated[
        float, typer.Option("--min-share", min=0.5, max=1, help="Of how many cases a property must be true")
    ] = 0.98,
    min_count: Annotated[int, typer.Option("--min-count", min=1, help="How many cases there must be")] = 20,
    rows: RowsOpt = ROWS,
) -> None:
    """
    Learn from annotated documents what relations join and which properties they have, as a starting point for the
    settings of `relation_constraints`. Look through it: data show what was annotated, not what is true.
    """
    from spacy.vocab import Vocab

    from ..data.extensions import set_extensions
    from ..formats.constraints import learn_constraints

    set_extensions()
    check_output(output, data)
    found = learn_constraints(progress(read_docs(data, Vocab())), min_share=min_share, min_count=min_count)
    if not found["n_relations"]:
        raise RelxError("RX394", path=data)
    typer.echo(text_table(shortened(_table(found), rows)))
    typer.echo(f"{found['n_relations']} relations in {found['n_docs']} documents")
    write_output(output, dump_json(found, indent=2) + "\n")
    typer.secho(f"✔ Saved to {output}; its 'config' holds the proposed settings", fg="green")


def _table(found: dict[str, Any]) -> Table:
    config = found["config"]
    rows = []
    for label, row in largest_first(found["relations"], lambda row: row["n"]):
        named = [name for name in config if name not in ("types", "inverse") and label in config[name]]
        one, other, both = row["functional"], row["inverse_functional"], row["symmetric"]
        counts = (
            str(row["n"]),
            str(len(row["types"])),
            f"{one['single']}/{one['chances']}",
            f"{other['single']}/{other['chances']}",
            f"{both['both_ways']}/{both['pairs']}",
        )
        rows.append((label, *counts, " ".join(named)))
    return Table("Relation", ("n", "types", "one tail", "one head", "both ways", "proposed"), rows)
