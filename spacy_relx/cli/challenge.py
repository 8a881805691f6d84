"""`relx challenge`: how often a pipeline falls for hard negatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..data.strict_json import dump_json
from ..data.tables import ROWS
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    RowsOpt,
    SymmetricOpt,
    check_finds,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    split_names,
    use_gpu,
)
from ._output import check_output, write_output


@relx_app.command("challenge")
@report_errors
def challenge_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    symmetric: SymmetricOpt = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the report")] = None,
    rows: RowsOpt = ROWS,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Test a pipeline on hard negatives that are made of gold documents: mentions that merely occur together, reversed
    relations, and sentences that are denied. The pipeline is given the gold mentions. See docs/trust.md.
    """
    from ..evaluation.challenge import challenge
    from ..evaluation.challenge_report import check_data

    check_output(output, data, code, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    check_finds(nlp, "doc._.relations")
    docs = list(progress(read_docs(data, nlp.vocab)))
    names = split_names(symmetric)
    check_data(docs, names, data, "--symmetric")
    report = challenge(nlp, docs, symmetric=names, batch_size=batch_size)
    typer.echo(report.to_text(rows))
    if output is not None:
        write_output(output, dump_json(report, indent=2) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")
