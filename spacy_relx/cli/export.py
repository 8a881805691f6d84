"""`relx export`: triples as tables, RDF, or a property graph."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..data.loading import pipeline_name
from ..errors import RelxError
from ._app import OnError, progress, relx_app, report_errors
from ._output import check_output, standard_output

if TYPE_CHECKING:
    from ..writers import Settings, Writer

INPUTS_HELP = (
    ".spacy files, .parquet of relx annotate or export, .jsonl of relx predict, facts or export, folders of these, or -"
)
#: Field of the writers' settings -> the options that set it.
OPTIONS = {"iris": "--base, --ids and --relation-ids", "bare": "--bare", "formulas": "--formulas"}
STDOUT = Path("-")


class What(str, Enum):
    """What of Docs is exported."""

    all = "all"
    relations = "relations"
    facts = "facts"


@relx_app.command("export")
@report_errors
def export_cli(
    inputs: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, typer.Argument(help="File to write, - for standard output; a folder for neo4j")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to", "-t", help="jsonl, csv, parquet, ntriples, turtle, jsonld, graphml, neo4j (else by ending)"
        ),
    ] = None,
    what: Annotated[What, typer.Option("--what", help="Of .spacy files: relations, facts, or all")] = What.all,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Only triples with such a score or a greater one")
    ] = None,
    merge: Annotated[bool, typer.Option(help="Make equal triples one, with all their evidence")] = True,
    max_evidence: Annotated[
        int, typer.Option("--max-evidence", min=0, help="Pieces of evidence with each fact, best first, 0 for all")
    ] = 0,
    model: Annotated[
        str, typer.Option("--model", "-m", help="What made the triples: the folder of a pipeline, or a name")
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
    on_error: Annotated[
        OnError, typer.Option("--on-error", help="Broken lines: stop, or leave them out")
    ] = OnError.fail,
) -> None:
    """
    Write the relations and facts of documents, or of what relx predict and relx facts wrote, in a format that other
    programs read. Equal triples become one and keep their evidence; they wait in temporary files, so that there may be
    more of them than memory holds. See docs/export.md.
    """
    from ..writers import Settings, export, get_writer
    from ..writers.iris import DEFAULT_BASE, Iris
    from ..writers.reading import triple_files, triples_of_files
    from ..writers.writers import check_target, format_of

    format = to or format_of(output)
    writer = get_writer(format)
    given = {"iris": base is not None or bool(ids or relation_ids), "bare": bare, "formulas": formulas}
    _check_options(format, writer, [name for name, is_given in given.items() if is_given])
    files = triple_files(inputs, "RX338")
    if what is not What.all and not any(path.suffix == ".spacy" for path, _ in files):
        raise RelxError("RX347", option="--what", format="JSON Lines", known=".spacy files")
    iris = Iris(DEFAULT_BASE if base is None else base, ids or (), relation_ids or ())
    settings: Settings = Settings(iris, bare, formulas)
    streamed = output == STDOUT
    # "-" as a string is standard input there
    check_output(None if streamed or writer.files else output, *(str(path) for path, _ in files))
    check_target(None if streamed else output, writer)
    name, version = _model(model, model_version)
    triples = progress(triples_of_files(files, what.value, name, version, on_error), unit=" triples")
    if min_score is not None:
        triples = (triple for triple in triples if triple.score >= min_score)

    target: AbstractContextManager[Path | BinaryIO] = standard_output() if streamed else nullcontext(output)
    with target as place:
        report = export(
            triples,
            place,
            format,
            settings,
            merge=merge,
            max_evidence=max_evidence,
            progress=lambda facts: progress(facts, unit=" facts"),
        )
        where = "standard output" if streamed else output
        message = f"✔ Saved {report.facts} facts from {report.triples} triples to {where} ({format})"
        typer.secho(message, fg="green", err=streamed)


def _check_options(format: str, writer: Writer, given: list[str]) -> None:
    """RAISES: RelxError RX347 for options that are not for this format."""
    from ..writers import exports

    for name in given:
        if name not in writer.settings:
            known = ", ".join(sorted(each for each, other in exports.get_all().items() if name in other.settings))
            raise RelxError("RX347", option=OPTIONS[name], format=format, known=known)


def _model(model: str, version: str) -> tuple[str, str]:
    """Name and version: of the pipeline, where that is its folder. RAISES: RelxError RX350."""
    path = Path(model)
    if not model or not path.is_dir():
        return model, version
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf8"))
        name, found = pipeline_name(meta)
        return name, version or found
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise RelxError("RX350", path=path, reason=f"{type(err).__name__}: {err}") from err
