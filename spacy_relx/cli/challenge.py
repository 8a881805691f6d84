"""`relx challenge`: how often a pipeline falls for hard negatives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..data.strict_json import dump_json
from ..errors import RelxError
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
from ._tables import ROWS, Table, largest_first, percent, shortened, text_table

#: Kind (in the order of the tables' columns) -> its name in tables.
TITLES = {"cooccurrence": "mere co-occurrence", "reversed": "reversed direction", "negation": "negation"}


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

    check_output(output, data, code, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    check_finds(nlp, "doc._.relations")
    docs = list(progress(read_docs(data, nlp.vocab)))
    names = split_names(symmetric)
    known = sorted({relation.label for doc in docs for relation in doc._.relations})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RelxError("RX397", setting="--symmetric", names=", ".join(unknown), known=", ".join(known) or "none")
    if not known:
        raise RelxError("RX395", path=data, n=len(docs), relations=0)
    report = challenge(nlp, docs, symmetric=names, batch_size=batch_size)
    typer.echo("".join(map(text_table, report_tables(report, rows))))
    typer.echo(_summary(report))
    if output is not None:
        write_output(output, dump_json(report, indent=2) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")


def report_tables(report: dict[str, Any], limit: int = ROWS) -> Iterator[Table]:
    """False positive rates in percent: by kind, by relation, by language, those with most items first."""
    rows = [(title, *_cells(report[kind])) for kind, title in TITLES.items()]
    yield Table("Hard negatives", ("items", "predicted", "rate"), rows)
    columns = [column for name in ("together", "reversed", "denied") for column in (name, "%")]
    for title, key in (("Per relation", "per_relation"), ("Per language", "per_lang")):
        names = sorted({name for kind in TITLES for name in report[kind][key]})
        none = {"n": 0, "predicted": 0, "rate": None}
        groups = {name: [report[kind][key].get(name, none) for kind in TITLES] for name in names}
        lines = [
            (name, *(cell for row in cells for cell in (str(row["n"]), percent(row["rate"], 1))))
            for name, cells in largest_first(groups, lambda cells: sum(row["n"] for row in cells))
        ]
        yield shortened(Table(title, columns, lines), limit)


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["n"]), str(row["predicted"]), percent(row["rate"])


def _summary(report: dict[str, Any]) -> str:
    without = ", ".join(report["symmetric"]) or "none"
    return (
        f"{report['n_relations']} gold relations in {report['n_docs']} documents; without direction: {without}. Of "
        f"{report['reversed']['predicted']} reversed relations {report['reversed']['both']} are predicted in both "
        f"directions. {report['negation']['n_gold']} relations stand alone in a sentence that can be denied here."
    )
