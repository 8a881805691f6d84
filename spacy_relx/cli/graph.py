"""`relx graph`: RDF triples in a folder, and SPARQL queries to it."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..data.strict_json import dump_json
from ..errors import warn
from ._app import relx_app, report_errors
from ._output import line_writer

if TYPE_CHECKING:
    from ..writers.query import Answer, Term

graph_app = typer.Typer(
    name="graph", help="Triples in a graph, and queries.", no_args_is_help=True, rich_markup_mode=None
)
relx_app.add_typer(graph_app, name="graph")
# What would change a terminal instead of being shown, and line breaks, which would break the table.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Format(str, Enum):
    """How an answer is written."""

    table = "table"
    json = "json"
    csv = "csv"


@graph_app.command("build")
@report_errors
def build_cli(
    triples: Annotated[list[Path], typer.Argument(help="Files of RDF: .nt, .ttl, .jsonld (of relx export), .rdf")],
    folder: Annotated[Path, typer.Argument(metavar="GRAPH_DIR", help="Folder for the graph; an older one is replaced")],
) -> None:
    """
    Make a graph of RDF triples, such as relx export writes, that relx graph query can ask.
    """
    from ..writers.graph import build_graph, graph_prefixes

    size = build_graph(triples, folder, _watched)
    typer.echo(f"prefixes that queries know: {', '.join(graph_prefixes(folder))}")
    typer.secho(f"✔ Saved {size} triples to {folder}", fg="green")


@graph_app.command("query")
@report_errors
def query_cli(
    folder: Annotated[Path, typer.Argument(metavar="GRAPH_DIR", help="Folder, from relx graph build")],
    query: Annotated[str, typer.Argument(help="SPARQL, or @FILE that holds it")],
    format: Annotated[Format, typer.Option("--format", "-f", help="For reading, or for programs")] = Format.table,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Rows at most, 0 for all")] = 1000,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds at most, 0 for no limit")] = 60,
) -> None:
    """
    Ask a graph in SPARQL: SELECT, ASK, CONSTRUCT or DESCRIBE. Nothing is changed by it. Prefixes of the files that the
    graph was built of, and common ones, need no declaration.
    """
    from ..writers.query import query_graph

    answer = query_graph(folder, _query_text(query), limit=limit, timeout=timeout or None)
    write = {Format.table: _table, Format.json: _json, Format.csv: _csv}[format]
    with line_writer(None) as put:
        for line in write(answer):
            put(line)
    if answer.cut:
        warn("RX349", limit=limit)


def _query_text(query: str) -> str:
    """RAISES: RelxError RX344 for a file that cannot be read."""
    from ..errors import RelxError

    if not query.startswith("@"):
        return query
    try:
        return Path(query[1:]).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as err:
        raise RelxError("RX344", reason=f"the file {query[1:]} cannot be read ({err})") from err


def _watched(stream: BinaryIO, path: Path) -> Any:
    """The file with a progress bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    from ..writers.graph import WatchedFile

    size = path.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, file=sys.stderr, disable=not sys.stderr.isatty())
    return WatchedFile(stream, bar.update)


def _table(answer: Answer) -> list[str]:
    from wasabi import table

    if answer.yes is not None:
        return ["yes" if answer.yes else "no"]
    rows = [[_UNSHOWN.sub(" ", _text(term)) for term in row] for row in answer.rows]
    width = max(20, shutil.get_terminal_size((160, 0)).columns // max(1, len(answer.names)) - 3)
    return table(rows, header=answer.names, divider=True, max_col=width).strip("\n").split("\n") if answer.names else []


def _json(answer: Answer) -> list[str]:
    return [dump_json(answer.to_json(), indent=1)]


def _csv(answer: Answer) -> list[str]:
    """SPARQL 1.1 Query Results CSV Format; lines end in CR LF there."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(answer.names)
    for row in [["true" if answer.yes else "false"]] if answer.yes is not None else answer.rows:
        writer.writerow([each if isinstance(each, str) else _text(each) for each in row])
    return [stream.getvalue().removesuffix("\n")]


def _text(term: Term | None) -> str:
    return "" if term is None else str(term)
