"""Commands that run pipelines over texts: predict, facts, annotate, show, serve."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._app import BoundedEnd, command, echo_saved, progress, relx_app
from ._options import (
    TEXTS_HELP,
    BatchOpt,
    CodeOpt,
    Engine,
    GpuOpt,
    KnownOpt,
    ModelArg,
    OnErrorOpt,
    Style,
    What,
    as_sources,
    limit_option,
    model_option,
    output_option,
)

if TYPE_CHECKING:
    from ..run import Summary
    from ..run.shard import ShardReport

TextsArg = Annotated[list[str], typer.Argument(help=TEXTS_HELP)]
INPUTS_HELP = ".jsonl (text, and lang and id where known), .txt (one a line), .gz of both, .parquet, .spacy, or folders"
SHOWN_HELP = (
    "With --model: texts, as for relx predict. Else .spacy files; to browse also .parquet of relx annotate or export, "
    ".jsonl of relx predict, facts or export, folders of these, or -"
)


@command(relx_app, "predict")
def predict_cli(
    model: ModelArg,
    texts: TextsArg,
    output: Annotated[Path | None, output_option("File for the relations (else standard output)")] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = "raise",
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Write the relations of each text as one JSON object a line: id, text, lang, relations; and facts, where a component
    finds these. Offsets count characters.

    Texts are streamed: results appear while standard input is still open, a batch at a time.
    """
    from ..data.outputs import check_output, line_writer
    from ..data.strict_json import dump_json
    from ..library.extraction import Predictor

    check_output(output, *texts, code, model=model)
    predictor = Predictor(model, code=code, gpu_id=gpu_id)
    records = predictor.read(as_sources(texts), batch_size=batch_size, on_error=on_error)
    with line_writer(output) as write:
        for record in progress(records):
            write(dump_json(record))
    counts, n = predictor.unknown_types()
    for label, count in counts.most_common():
        typer.secho(f"⚠ entity type {label!r}, unknown in training: {count} of {n} mentions", fg="yellow", err=True)


@command(relx_app, "facts")
def facts_cli(
    model: ModelArg,
    texts: TextsArg,
    output: Annotated[Path | None, output_option("File for the facts (else standard output)")] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="In place of the pipeline's thresholds")
    ] = None,
    max_evidence: Annotated[
        int | None, typer.Option("--max-evidence", min=0, help="Sentences to give with each fact, best first")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option("--embeddings", help="From relx kb train: how plausible each fact is")
    ] = None,
    known: KnownOpt = None,
    new: Annotated[bool, typer.Option("--new", help="Only facts that are not known")] = False,
    min_kb_score: Annotated[
        float | None,
        typer.Option("--min-kb-score", min=0, max=1, help="Only facts with such a kb_score or a greater one"),
    ] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = "raise",
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Write what all texts together say about each pair of entities, one JSON object a line: head, label, tail, score and
    evidence. The pipeline needs a fact_extractor, and components that find and link entities (or .spacy files that have
    them). Which pairs are asked, the generator of its entity_type_marker says. Sentences wait in temporary files, so
    the corpus may be larger than memory.

    With a fact_checker in the pipeline, --embeddings or --known each fact also says how far a knowledge base supports
    it: kb_score, known and kb_rank, see docs/knowledge-base.md.
    """
    from ..data.outputs import check_output, line_writer
    from ..data.strict_json import dump_json
    from ..library.extraction import FactStream

    check_output(output, *texts, code, embeddings, known, model=model)
    stream = FactStream(
        model,
        min_score=min_score,
        max_evidence=max_evidence,
        embeddings=embeddings,
        known=known,
        new=new,
        min_kb_score=min_kb_score,
        code=code,
        gpu_id=gpu_id,
    )
    with line_writer(output) as write:
        for record in stream.read(as_sources(texts), batch_size=batch_size, on_error=on_error, progress=progress):
            write(dump_json(record))
    if output is not None:
        echo_saved(output, f"Saved {stream.counts.saved} facts about {stream.counts.bags} pairs of entities")
        typer.echo(f"{stream.counts.directions.counts()[1]} of them are there the other way round, too.")
        if stream.checked:
            typer.echo(stream.counts.support())


@command(relx_app, "annotate")
def annotate_cli(
    model: ModelArg,
    inputs: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, output_option("Folder to write; one of a run that was ended goes on")],
    engine: Annotated[Engine, typer.Option("--engine", "-e", help="What runs the shards")] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=0, help="Processes (else one a core); local: 0 for this one")
    ] = None,
    what: Annotated[What, typer.Option("--what", help="Write relations, facts, or all")] = "all",
    docs: Annotated[bool, typer.Option("--docs", help="Write the annotated Docs too, as .spacy files")] = False,
    text_field: Annotated[str, typer.Option(help="Key or column of the text")] = "text",
    id_field: Annotated[str, typer.Option(help="Key or column of the id, where there is one")] = "id",
    lang_field: Annotated[str, typer.Option(help="Key or column of the language, where there is one")] = "lang",
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, help="Lines, or rows, of a shard")] = 5000,
    batch_size: Annotated[
        int, typer.Option("--batch-size", "-b", min=1, help="Texts that go through the pipeline together")
    ] = 256,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of PyTorch in each process")] = 1,
    max_errors: Annotated[
        int, typer.Option("--max-errors", min=0, help="Documents that may be set aside before the run stops")
    ] = 1000,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a run has written before")] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="Of the engine, NAME=VALUE: spark.master=..., address=...; repeatable"),
    ] = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Annotate a corpus in shards, each done as a whole: OUTPUT/triples has a row for each triple, OUTPUT/documents one
    for each document, also for those that could not be used, with the reason. A run that was ended goes on with the
    same command, and each document appears exactly once. See docs/scale.md.
    """
    from ..library.extraction import annotate

    end = BoundedEnd()
    with _Bar() as bar:

        def done(summary: Summary) -> None:
            bar.__exit__()
            _echo_summary(summary, output)

        annotate(
            model,
            inputs,
            output,
            engine=engine,
            workers=workers,
            what=what,
            docs=docs,
            text_field=text_field,
            id_field=id_field,
            lang_field=lang_field,
            shard_size=shard_size,
            batch_size=batch_size,
            threads=threads,
            max_errors=max_errors,
            overwrite=overwrite,
            option=option or [],
            code=code,
            gpu_id=gpu_id,
            progress=bar,
            on_done=done,
        )
    end.code = 0


def _echo_summary(summary: Summary, output: Path) -> None:
    new = f", {summary.resumed} of {summary.shards} shards by earlier runs" if summary.resumed else ""
    typer.secho(
        f"✔ {summary.triples} triples of {summary.documents} documents in {output}{new}",
        fg="yellow" if summary.broken else "green",
    )
    if summary.failed:
        typer.secho(
            f"⚠ {summary.failed} of them could not be used: {output}/documents says why. The first, "
            f"{summary.first_failure}",
            fg="yellow",
            err=True,
        )
    if summary.replaced:
        names = ", ".join(summary.replaced[:3]) + (", ..." if len(summary.replaced) > 3 else "")
        typer.secho(f"⚠ Changed since, and done anew: {names}", fg="yellow", err=True)


class _Bar:
    """Prints documents done, their rate and the time that is left, on standard error where that is a terminal."""

    def __enter__(self) -> _Bar:
        self.bar: Any = None
        return self

    def __exit__(self, *rest: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def start(self, total: int | None, done: int) -> None:
        from tqdm import tqdm

        self.triples = self.failed = 0
        silent = not sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=done, unit=" docs", file=sys.stderr, disable=silent, smoothing=0.05)
        self.finished = done

    def advance(self, n: int) -> None:
        self.bar.update(n)

    def finish(self, report: ShardReport) -> None:
        self.finished += report.documents
        self.bar.update(max(0, self.finished - self.bar.n))  # of an engine that tells nothing before
        self.triples += report.triples
        self.failed += report.failed
        self.bar.set_postfix({"triples": self.triples, "set aside": self.failed}, refresh=False)


@command(relx_app, "show")
def show_cli(
    docs: Annotated[list[str], typer.Argument(help=SHOWN_HELP)],
    model: Annotated[str | None, model_option("Pipeline that finds relations; else the inputs have them")] = None,
    output: Annotated[
        Path | None, output_option("HTML file to write, or .svg for arcs alone (else the relations are printed)")
    ] = None,
    style: Annotated[
        Style | None,
        typer.Option("--style", help="Rows below the text, arcs over it, or a page to browse a whole corpus"),
    ] = None,
    width: Annotated[int | None, typer.Option("--width", help="Of arcs, in pixels", show_default="920")] = None,
    limit: Annotated[
        int | None,
        limit_option("Show at most so many documents", min=1, show_default="100; 20,000 to browse"),
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="Title of the page or picture", show_default="Relations; none in SVG")
    ] = None,
    on_error: OnErrorOpt = "raise",
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Show documents, their mentions and relations: printed, or as one HTML file that needs no network, in rows, as arcs,
    or to browse a whole corpus by relation, language, score and text; or as an SVG picture of arcs (-o picture.svg).
    See docs/pictures.md.
    """
    from ..data.outputs import check_output
    from ..library.pictures import check_picture, show

    check_output(output, *docs, code, model=model)
    style = check_picture(output, style)
    shown = show(
        as_sources(docs),
        model=model,
        style=style,
        width=width,
        limit=limit,
        title=title,
        on_error=on_error,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    if output is None:
        typer.echo(str(shown))
    else:
        shown.save(output)
        typer.secho(f"✔ {output}: {shown.contents}", fg="green", err=True)
    if shown.has_more:
        typer.secho(f"There are more: --limit is {len(shown.docs)}.", fg="yellow", err=True)


@command(relx_app, "serve")
def serve_cli(
    model: ModelArg,
    host: Annotated[str, typer.Option("--host", help="Address to listen to; 0.0.0.0 for all networks")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port, 0 for any that is free")] = 8000,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Texts of a request")] = 64,
    max_chars: Annotated[int, typer.Option("--max-chars", min=1, help="Characters of a text")] = 100_000,
    max_total: Annotated[
        int, typer.Option("--max-total", min=1, help="Characters of all texts of a request")
    ] = 1_000_000,
    max_waiting: Annotated[
        int, typer.Option("--max-waiting", min=0, help="Requests that wait while one is worked on; others are refused")
    ] = 16,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Answer POST /extract with the relations of texts, as JSON, until ctrl-C. See docs/serving.md.

    There is no login: whoever reaches the port can use it.
    """
    from ..data._compat import optional_import

    for package in ("fastapi", "uvicorn"):  # before a pipeline is loaded
        optional_import(package, extra="serve", purpose="relx serve")
    from ..library.inputs import pipeline_of
    from ..run.serving import Limits, create_app, run_server

    app = create_app(pipeline_of(model, code, gpu_id), Limits(max_texts, max_chars, max_total, max_waiting), gpu=gpu_id)

    def started(address: str) -> None:
        typer.secho(f"✔ {model} at {address}/extract (ctrl-C ends it)", fg="green", err=True)

    run_server(app, host, port, started)
    if app.state.worker.is_busy:  # with a request that nobody waits for any more
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
