"""`relx errors`: what a pipeline got right, missed and got wrong, as an HTML page."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_ending, check_output, write_output
from .evaluate import MATCH_OPTION, GoldMentionsOpt, Match
from .page import LimitOpt

if TYPE_CHECKING:
    pass


@relx_app.command("errors")
@report_errors
def errors_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match, MATCH_OPTION] = Match.boundary,
    limit: LimitOpt = 5000,
    title: Annotated[str, typer.Option("--title", help="Title of the page")] = "Errors",
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Make an HTML page of the relations that a pipeline gets right, misses and gets wrong, why, and which relations it
    takes for which. Counted as by relx evaluate; one file that needs no network. See docs/pictures.md.
    """
    from ..evaluation.error_analysis import error_report
    from ..viz.page import VERDICTS

    check_output(output, data, code, model=model)
    check_ending(output, "a page", ".html", ".htm")
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    gold = read_docs(data, nlp.vocab)
    report = error_report(
        nlp,
        progress(islice(gold, limit)),
        gold_mentions=gold_mentions,
        match=match.value,
        batch_size=batch_size,
        name=Path(model).name,
    )
    if not report.docs:
        raise RelxError("RX173", where=data)
    write_output(output, report.to_html(title))
    counts = report.counts
    named = ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
    typer.secho(f"✔ {output}: {len(report.docs)} documents, {named}", fg="green", err=True)
    if next(gold, None) is not None:
        typer.secho(f"There are more documents: --limit is {limit}.", fg="yellow", err=True)
