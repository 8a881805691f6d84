"""`relx annotate`: a corpus of any size to Parquet files of triples, by several processes or a cluster."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RelxError
from ._app import BoundedEnd, CodeOpt, GpuOpt, ModelArg, relx_app, report_errors
from .export import What

if TYPE_CHECKING:
    from ..run import Summary
    from ..run.shard import ShardReport

INPUTS_HELP = ".jsonl (text, and lang and id where known), .txt (one a line), .gz of both, .parquet, .spacy, or folders"


class EngineName(str, Enum):
    """What runs the shards."""

    local = "local"
    spark = "spark"
    ray = "ray"


@relx_app.command("annotate")
@report_errors
def annotate_cli(
    model: ModelArg,
    inputs: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, typer.Argument(help="Folder to write; one of a run that was ended goes on")],
    engine: Annotated[EngineName, typer.Option("--engine", "-e", help="What runs the shards")] = EngineName.local,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=0, help="Processes (else one a core); local: 0 for this one")
    ] = None,
    what: Annotated[What, typer.Option("--what", help="Write relations, facts, or all")] = What.all,
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
        typer.Option("--option", "-o", help="Of the engine, NAME=VALUE: spark.master=..., address=...; repeatable"),
    ] = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Annotate a corpus in shards, each done as a whole: OUTPUT/triples has a row for each triple, OUTPUT/documents one
    for each document, also for those that could not be used, with the reason. A run that was ended goes on with the
    same command, and each document appears exactly once. See docs/scale.md.
    """
    from ..formats.texts import Fields
    from ..run import annotate_corpus
    from ..run.run import default_workers

    end = BoundedEnd()
    with _Bar() as bar:
        summary = annotate_corpus(
            model,
            inputs,
            output,
            engine=engine.value,
            workers=default_workers() if workers is None else workers,
            what=what.value,
            docs=docs,
            fields=Fields(text_field, id_field, lang_field),
            shard_size=shard_size,
            batch_size=batch_size,
            threads=threads,
            gpu=gpu,
            code=code,
            max_errors=max_errors,
            overwrite=overwrite,
            options=_options(engine, option or []),
            progress=bar,
        )
    _report(summary, output)
    end.code = 0


def _options(engine: EngineName, given: list[str]) -> dict[str, str]:
    for each in given:
        if "=" not in each:
            raise RelxError("RX404", engine=engine.value, names=f"an option is NAME=VALUE, but not {each!r}")
    return dict(each.split("=", 1) for each in given)


def _report(summary: Summary, output: Path) -> None:
    """RAISES: RelxError RX409 where shards are not done."""
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
    summary.check()


class _Bar:
    """Documents done, their rate and the time that is left, on standard error where that is a terminal."""

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
