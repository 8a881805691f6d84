"""`relx export`: triples as tables, RDF, or a property graph."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..corpora.texts import LeftOut
from ..errors import RelxError
from ..loading import pipeline_name
from ._app import OnError, progress, relx_app, report_errors
from ._output import check_output
from ._triples import TripleLines

if TYPE_CHECKING:
    from ..export import Settings, Triple, Writer

#: Field of the writers' settings -> the options that set it.
OPTIONS = {"iris": "--base, --ids and --relation-ids", "bare": "--bare", "formulas": "--formulas"}
INPUTS_HELP = ".spacy files, .parquet of relx annotate, folders of them, .jsonl of relx predict, facts or export, or -"


class What(str, Enum):
    """What of Docs is exported."""

    all = "all"
    relations = "relations"
    facts = "facts"


@relx_app.command("export")
@report_errors
def export_cli(
    inputs: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, typer.Argument(help="File to write; a folder for neo4j")],
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
    from ..export import Settings, export, get_writer
    from ..export.iris import DEFAULT_BASE, Iris
    from ..export.writers import check_target, format_of

    format = to or format_of(output)
    writer = get_writer(format)
    given = {"iris": base is not None or bool(ids or relation_ids), "bare": bare, "formulas": formulas}
    _check_options(format, writer, [name for name, is_given in given.items() if is_given])
    if what is not What.all and not any(map(_holds_docs, inputs)):
        raise RelxError("RX347", option="--what", format="JSON Lines", known=".spacy files")
    iris = Iris(DEFAULT_BASE if base is None else base, ids or (), relation_ids or ())
    settings: Settings = Settings(iris, bare, formulas)
    for path in inputs:
        check_output(None if writer.files else output, "-" if str(path) == "-" else path)
    check_target(output, writer)
    name, version = _model(model, model_version)
    triples = progress(_read(inputs, what.value, name, version, on_error), unit=" triples")
    if min_score is not None:
        triples = (triple for triple in triples if triple.score >= min_score)
    report = export(
        triples,
        output,
        format,
        settings,
        merge=merge,
        max_evidence=max_evidence,
        progress=lambda facts: progress(facts, unit=" facts"),
    )
    typer.secho(f"✔ Saved {report.facts} facts from {report.triples} triples to {output} ({format})", fg="green")


def _check_options(format: str, writer: Writer, given: list[str]) -> None:
    """RAISES: RelxError RX347 for options that are not for this format."""
    from ..export import exports

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
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise RelxError("RX350", path=path, reason=f"{type(err).__name__}: {err}") from err


def _holds_docs(path: Path) -> bool:
    return path.suffix == ".spacy" or (path.is_dir() and not _holds_tables(path))


def _holds_tables(path: Path) -> bool:
    """Whether it is a table of triples, or a folder of such, as `relx annotate` writes it."""
    return path.suffix == ".parquet" or (path.is_dir() and any(path.glob("*.parquet")))


def _read(paths: list[Path], what: str, model: str, version: str, on_error: OnError) -> Iterator[Triple]:
    from ..export.arrow import triples_of_parquet

    for path in paths:
        if _holds_tables(path):
            for file in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
                yield from triples_of_parquet(file)
        elif _holds_docs(path):
            yield from _read_docs(path, what, model, version)
        elif str(path) == "-":
            yield from _read_lines(nullcontext(sys.stdin.buffer), "standard input", "", model, version, on_error)
        elif path.suffix != ".jsonl":
            raise RelxError("RX338", path=path, reason=f"files that end in {path.suffix!r} are not known")
        elif not path.is_file():
            raise RelxError("RX338", path=path, reason="there is no such file")
        else:
            yield from _read_lines(path.open("rb"), str(path), path.name, model, version, on_error)


def _read_docs(path: Path, what: str, model: str, version: str) -> Iterator[Triple]:
    import spacy

    from ..corpora.docbin import read_docs
    from ..corpora.reader import corpus_files
    from ..export import iter_triples

    for file in corpus_files(path):
        # a new vocabulary for each file: with one for all it would grow
        docs = read_docs(file, spacy.blank("xx").vocab)
        yield from iter_triples(docs, what=what, source=file.name, model=model, model_version=version)


def _read_lines(
    opened: AbstractContextManager[BinaryIO], name: str, source: str, model: str, version: str, on_error: OnError
) -> Iterator[Triple]:
    """RAISES: RelxError RX339. WARNS: RX348, at the end."""
    lines = TripleLines(on_error, broken="RX339", left_out=LeftOut("RX348"))
    for _, _, triples in lines.read(opened, name, source=source, model=model, model_version=version):
        yield from triples
    lines.left_out.report()
