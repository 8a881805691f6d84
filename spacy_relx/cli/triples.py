"""Commands about triples: export, graph build, graph query."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import typer

from ..errors import warn
from ._app import command, echo_saved, graph_app, progress, relx_app
from ._options import OnErrorOpt, What, limit_option, output_option

INPUTS_HELP = (
    ".spacy files, .parquet of relx annotate or export, .jsonl of relx predict, facts or export, folders of these, or -"
)


@command(relx_app, "export")
def export_cli(
    items: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, output_option("File to write, - for standard output; a folder for neo4j")],
    to: Annotated[
        str | None,
        typer.Option("--to", help="jsonl, csv, parquet, ntriples, turtle, jsonld, graphml, neo4j (else by ending)"),
    ] = None,
    what: Annotated[What, typer.Option("--what", help="Of .spacy files: relations, facts, or all")] = "all",
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Only triples with such a score or a greater one")
    ] = None,
    merge: Annotated[bool, typer.Option(help="Make equal triples one, with all their evidence")] = True,
    max_evidence: Annotated[
        int, typer.Option("--max-evidence", min=0, help="Pieces of evidence with each fact, best first, 0 for all")
    ] = 0,
    model: Annotated[
        str, typer.Option("--model", help="What made the triples: the folder of a pipeline, or a name")
    ] = "",
    model_version: Annotated[str, typer.Option("--model-version", help="Its version, where that is a name")] = "",
    base: Annotated[str | None, typer.Option("--base", help="RDF: IRI that stands before all names of our own")] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--ids", help="RDF: IRIs of kb_ids that begin with PREFIX: PREFIX=IRI, or wikidata; repeatable"),
    ] = None,
    relation_ids: Annotated[
        list[str] | None, typer.Option("--relation-ids", help="RDF: the same for relations; repeatable")
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="RDF: triples, names and types, without evidence")] = False,
    formulas: Annotated[
        bool, typer.Option("--formulas", help="CSV: leave cells as they are that a spreadsheet would run")
    ] = False,
    on_error: OnErrorOpt = "raise",
) -> None:
    """
    Write the relations and facts of documents, or of what relx predict and relx facts wrote, in a format that other
    programs read. Equal triples become one and keep their evidence; they wait in temporary files, so that there may be
    more of them than memory holds. See docs/export.md.
    """
    from ..data.outputs import standard_output
    from ..library.exports import export, format_of

    streamed = str(output) == "-"
    format = to or format_of(output)
    target: Any = standard_output() if streamed else nullcontext(output)
    with target as place:
        report = export(
            items,
            place,
            format,
            what=what,
            min_score=min_score,
            merge=merge,
            max_evidence=max_evidence,
            model=model,
            model_version=model_version,
            base=base,
            ids=ids or (),
            relation_ids=relation_ids or (),
            bare=bare,
            formulas=formulas,
            on_error=on_error,
            progress=progress,
        )
        where = "standard output" if streamed else output
        message = f"✔ Saved {report.facts} facts from {report.triples} triples to {where} ({format})"
        typer.secho(message, fg="green", err=streamed)


@command(graph_app, "build")
def build_cli(
    triples: Annotated[list[Path], typer.Argument(help="Files of RDF: .nt, .ttl, .jsonld (of relx export), .rdf")],
    output: Annotated[Path, output_option("Folder for the graph; an older one is replaced")],
) -> None:
    """
    Make a graph of RDF triples, such as relx export writes, that relx graph query can ask.
    """
    from ..writers.graph import build_graph, graph_prefixes

    size = build_graph(triples, output, _watched)
    typer.echo(f"prefixes that queries know: {', '.join(graph_prefixes(output))}")
    echo_saved(output, f"Saved {size} triples")


@command(graph_app, "query")
def query_cli(
    graph: Annotated[Path, typer.Argument(help="Folder, from relx graph build")],
    query: Annotated[str, typer.Argument(help="SPARQL, or @FILE that holds it")],
    format: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="For reading, or for programs")
    ] = "table",
    limit: Annotated[int, limit_option("Rows at most, 0 for all", min=0)] = 1000,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds at most, 0 for no limit")] = 60,
) -> None:
    """
    Ask a graph in SPARQL: SELECT, ASK, CONSTRUCT or DESCRIBE. Nothing is changed by it. Prefixes of the files that the
    graph was built of, and common ones, need no declaration.
    """
    from ..data.outputs import line_writer
    from ..data.strict_json import dump_json
    from ..writers.query import query_graph, query_text

    answer = query_graph(graph, query_text(query), limit=limit, timeout=timeout or None)
    with line_writer(None) as put:
        if format == "table":
            put(answer.to_text(shutil.get_terminal_size((160, 0)).columns))
        else:
            put(dump_json(answer.to_json(), indent=1) if format == "json" else answer.to_csv().removesuffix("\n"))
    if answer.cut:
        warn("RX349", limit=limit)


def _watched(stream: BinaryIO, path: Path) -> Any:
    """The file with a progress bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    from ..writers.graph import WatchedFile

    size = path.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, file=sys.stderr, disable=not sys.stderr.isatty())
    return WatchedFile(stream, bar.update)
