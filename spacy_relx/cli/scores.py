"""Commands that measure pipelines: evaluate, compare, calibrate, challenge, error-report, routes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ._app import command, echo_saved, progress, relx_app
from ._options import (
    BatchOpt,
    CodeOpt,
    DataArg,
    GoldMentionsOpt,
    GpuOpt,
    Match,
    Method,
    Metric,
    ModelArg,
    RowsOpt,
    SymmetricOpt,
    limit_option,
    match_option,
    output_option,
    split_names,
)

#: Width of tables where there is no terminal.
WIDTH = 120
RUNS_HELP = (
    "NAME=PATH, several. PATH: a metrics file of relx evaluate, the folder of a pipeline, or a pattern "
    "('metrics/en-*.json') for several runs, of which the mean is taken"
)


@command(relx_app, "evaluate")
def evaluate_cli(
    model: ModelArg,
    data: DataArg,
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match, match_option()] = "boundary",
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme", help="A published score to add: semeval2010 ((9+1)-way macro-F1), one_triple (as SMiLER)"
        ),
    ] = None,
    output: Annotated[Path | None, output_option("JSON file for the scores")] = None,
    across_docs: Annotated[
        bool, typer.Option("--across-docs", help="Facts: the same pair of entities in several documents is one pair")
    ] = False,
    symmetric: SymmetricOpt = "",
    reliability: Annotated[
        Path | None, typer.Option("--reliability", help="Reliability diagram of the scores: .svg, .png or .pdf")
    ] = None,
    retokenize: Annotated[
        bool, typer.Option("--retokenize", help="Use the pipeline's own tokens, not the gold ones")
    ] = False,
    rows: RowsOpt = 20,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Score the relations that a pipeline finds: overall, per relation, per language. A gold relation whose mentions the
    pipeline does not find counts as a miss; with --gold-mentions the mentions are given and relations alone are scored.

    Facts are scored too, where the pipeline finds facts. Documents that are bags always come with their mentions.
    """
    from ..data.outputs import check_output
    from ..library.scoring import evaluate
    from ..viz.charts import check_chart

    check_output(output, data, code, model=model)
    check_output(reliability, data, code, output, model=model)
    if reliability is not None:
        check_chart(reliability, "a picture of reliability")
    scores = evaluate(
        model,
        data,
        gold_mentions=gold_mentions,
        match=match,
        scheme=scheme,
        across_docs=across_docs,
        symmetric=split_names(symmetric),
        retokenize=retokenize,
        batch_size=batch_size,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    typer.echo(scores.to_text(rows))
    if output is not None:
        scores.save(output)
        echo_saved(output)
    if reliability is not None:
        scores.save_reliability(reliability)
        echo_saved(reliability)


@command(relx_app, "compare")
def compare_cli(
    runs: Annotated[list[str], typer.Argument(help=RUNS_HELP)],
    test: Annotated[
        Path | None, typer.Option("--test", "-t", help="Gold documents to evaluate pipelines on: .spacy file or folder")
    ] = None,
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match | None, match_option()] = None,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="The names are the languages that models were trained on")
    ] = False,
    metric: Annotated[
        Metric | None, typer.Option("--metric", help="--transfer: F1 over all relations, or mean of the labels'")
    ] = None,
    langs: Annotated[
        str | None, typer.Option("--langs", help="--transfer: languages to test on, in this order: de,fr,zh")
    ] = None,
    types: Annotated[bool, typer.Option("--types", help="--transfer: F1 of each relation, too")] = False,
    curves: Annotated[
        Path | None, typer.Option("--curves", help="Picture of precision-recall curves of facts: .svg, .png or .pdf")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="--curves: title of the picture")] = "",
    recall_max: Annotated[float | None, typer.Option("--recall-max", help="--curves: draw up to this recall")] = None,
    output: Annotated[Path | None, output_option("JSON file for the numbers")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Markdown file for the tables")] = None,
    rows: RowsOpt = 20,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Compare models by their scores: overall, per relation, per language. Several paths of one name are seeds of one
    model, of which means and standard deviations are shown.

    With --transfer the names are languages: how models of one language do on others, also as a share of the target's
    own model, and joint models against monolingual ones. With --curves the precision-recall curves of facts are drawn.
    """
    from ..data.outputs import write_output
    from ..library.comparison import check_comparison, compare, named_runs

    given = {"--metric": metric, "--langs": langs, "--types": types, "--title": title, "--recall-max": recall_max}
    pairs = named_runs(runs)
    files = [output, markdown, curves]
    check_comparison(files, pairs, [test, code], given, transfer=transfer, curves=curves is not None)
    compared = compare(
        pairs,
        test=test,
        gold_mentions=gold_mentions,
        match=match,
        batch_size=batch_size,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    report: Any = compared
    if transfer:
        report = compared.transfer(metric=metric or "micro", langs=split_names(langs) if langs else None, types=types)
    drawn = (
        None if curves is None else compared.curves(title=title, recall_max=1.0 if recall_max is None else recall_max)
    )
    typer.echo(report.to_text(rows, shutil.get_terminal_size((WIDTH, 0)).columns))
    if drawn is not None and curves is not None:
        drawn.save(curves)
        echo_saved(curves)
    if output is not None:
        report.save(output, curves=drawn)
        echo_saved(output)
    if markdown is not None:
        write_output(markdown, report.to_markdown(rows))
        echo_saved(markdown)


@command(relx_app, "calibrate")
def calibrate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents, not those of training: a .spacy file or a folder")],
    output: Annotated[Path, output_option("Folder for the calibrated pipeline, new or empty")],
    method: Annotated[
        Method, typer.Option("--method", help="temperature: one number; isotonic: any rising function, for much data")
    ] = "temperature",
    precision: Annotated[
        float | None,
        typer.Option("--precision", help="Thresholds for this precision, above 0 and at most 1; else for the best F1"),
    ] = None,
    per: Annotated[
        str, typer.Option("--per", help="Fits of their own, where examples suffice: label, lang, or both")
    ] = "",
    min_examples: Annotated[
        int,
        typer.Option("--min-examples", min=2, help="Right items, and wrong items, that a fit of its own needs"),
    ] = 30,
    component: Annotated[
        str | None, typer.Option("--component", help="The one to calibrate, where several find relations")
    ] = None,
    gold_mentions: GoldMentionsOpt = False,
    rows: RowsOpt = 20,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Fit scores and thresholds of a trained pipeline to held-out documents, and save a pipeline that applies them. Its
    weights stay as they are. See docs/trust.md.
    """
    from ..library.scoring import calibrate

    result = calibrate(
        model,
        data,
        output,
        method=method,
        precision=precision,
        per=per,
        min_examples=min_examples,
        component=component,
        gold_mentions=gold_mentions,
        batch_size=batch_size,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    typer.echo(result.to_text(rows))
    echo_saved(output, "Saved the calibrated pipeline")


@command(relx_app, "challenge")
def challenge_cli(
    model: ModelArg,
    data: DataArg,
    symmetric: SymmetricOpt = "",
    output: Annotated[Path | None, output_option("JSON file for the report")] = None,
    rows: RowsOpt = 20,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Test a pipeline on hard negatives that are made of gold documents: mentions that merely occur together, reversed
    relations, and sentences that are denied. The pipeline is given the gold mentions. See docs/trust.md.
    """
    from ..data.outputs import check_output, write_output
    from ..data.strict_json import dump_json
    from ..library.scoring import challenge

    check_output(output, data, code, model=model)
    names = split_names(symmetric)
    report = challenge(model, data, symmetric=names, batch_size=batch_size, code=code, gpu_id=gpu_id, progress=progress)
    typer.echo(report.to_text(rows))
    if output is not None:
        write_output(output, dump_json(report, indent=2) + "\n")
        echo_saved(output)


@command(relx_app, "error-report")
def error_report_cli(
    model: ModelArg,
    data: DataArg,
    output: Annotated[Path, output_option("HTML file to write")],
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match, match_option()] = "boundary",
    limit: Annotated[int, limit_option("Show at most so many documents, 0 for all", min=0)] = 5000,
    title: Annotated[str, typer.Option("--title", help="Title of the page")] = "Errors",
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Make an HTML page of the relations that a pipeline gets right, misses and gets wrong, why, and which relations it
    takes for which. Counted as by relx evaluate; one file that needs no network. See docs/pictures.md.
    """
    from ..data.outputs import check_ending, check_output
    from ..library.scoring import error_report

    check_output(output, data, code, model=model)
    check_ending(output, "a page", ".html", ".htm")
    report = error_report(
        model,
        data,
        gold_mentions=gold_mentions,
        match=match,
        limit=limit,
        batch_size=batch_size,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    report.save(output, title)
    named = ", ".join(f"{report.counts[name]} {name}" for name in ("right", "missed", "wrong"))
    typer.secho(f"✔ {output}: {len(report.docs)} documents, {named}", fg="green", err=True)
    if report.has_more:
        typer.secho(f"There are more documents: --limit is {limit}.", fg="yellow", err=True)


@command(relx_app, "routes")
def routes_cli(
    model: ModelArg,
    output: Annotated[
        Path | None, output_option("A heatmap to write (.svg, .png, .pdf), or the numbers (.json)")
    ] = None,
    component: Annotated[str | None, typer.Option("--component", help="Of this component (else of each)")] = None,
    rows: RowsOpt = 20,
    code: CodeOpt = None,
) -> None:
    """
    Show the routes of a model with a switcher: how much of each sub-module each language takes, and how many it
    spreads over, as the exponential of the entropy.
    """
    from ..data.outputs import check_output
    from ..library.routes import routes
    from ..viz.charts import check_chart

    check_output(output, code, model=model)
    if output is not None:
        check_chart(output, "a heatmap or its numbers", ".json")
    found = routes(model, component=component, code=code)
    if output is not None:
        found.save(output)
    if len(found) == 1 and not sys.stdout.isatty():  # in a pipe one table needs no name, but several have theirs
        typer.echo(f"\n{next(iter(found))}", err=True)
    typer.echo(found.to_text(rows, shutil.get_terminal_size((WIDTH, 0)).columns))
    if output is not None:
        typer.secho(f"✔ {output}", fg="green", err=True)
