"""`relx transfer`: how models trained on one language, or on several, do on others."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterable, Iterator
from enum import Enum
from glob import glob
from pathlib import Path
from typing import Annotated, Any

import typer

from ..data.files import same_file
from ..data.strict_json import dump_json
from ..data.tables import Table, markdown_table, percent, text_table
from ..errors import RelxError
from ..formats.records import load_json
from ._app import BatchOpt, CodeOpt, GpuOpt, import_code, relx_app, report_errors, sentence, use_gpu
from ._output import check_output, write_output
from .evaluate import MATCH_OPTION, GoldMentionsOpt, Match, score_pipeline

#: Width of tables where there is no terminal.
WIDTH = 120
SOURCES_HELP = (
    "SOURCE=PATH, several. SOURCE: the language that a model was trained on, or another name (joint). "
    "PATH: a metrics file of relx evaluate, the folder of a pipeline, or a pattern ('metrics/en-*.json') for several"
)


class Metric(str, Enum):
    """Which F1 of a language."""

    micro = "micro"
    macro = "macro"


@relx_app.command("transfer")
@report_errors
def transfer_cli(
    sources: Annotated[list[str], typer.Argument(help=SOURCES_HELP)],
    test: Annotated[
        Path | None, typer.Option("--test", "-t", help="Gold documents to evaluate pipelines on: .spacy file or folder")
    ] = None,
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match | None, MATCH_OPTION] = None,
    metric: Annotated[Metric, typer.Option("--metric", help="F1 over all relations, or mean of the labels'")] = (
        Metric.micro
    ),
    languages: Annotated[
        str | None, typer.Option("--languages", "-l", help="Languages to test on, in this order: de,fr,zh")
    ] = None,
    types: Annotated[bool, typer.Option("--types", help="F1 of each relation, too")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the report")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Markdown file for the tables")] = None,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Compare models by source language and target language: F1, also as a share of the target's own model, transfer
    efficiency (rho), and joint models against monolingual ones. Several paths of one source are seeds of one model.
    """
    from ..evaluation import transfer_report

    paths = _unique(item for source in sources for item in _find(source))
    _check_outputs(output, markdown, [path for _, path in paths], test, code)
    if test is None and any(path.is_dir() for _, path in paths):
        raise RelxError("RX178", reason="there are pipelines, but no documents to evaluate them on. Give --test.")
    read = {path: _read(path) for _, path in paths if not path.is_dir()}
    if len(read) == len(paths):
        given = {"--test": test, "--gold-mentions": gold_mentions, "--batch-size": batch_size, "--code": code}
        _check_unused({**given, "--gpu-id": gpu >= 0})
    if match is not None:
        _check_match(match, read, alone=len(read) == len(paths))
    use_gpu(gpu)
    import_code(code)

    def scores_of(path: Path, source: str) -> dict[str, Any]:
        if path in read or test is None:
            return read[path]
        typer.echo(f"{source}: {path}", err=True)
        how = match or Match.boundary
        scores = score_pipeline(str(path), test, gold_mentions=gold_mentions, match=how, batch_size=batch_size)
        gc.collect()  # parts of a pipeline may refer to it: the next is not to be loaded beside this one
        return scores

    langs = None if languages is None else [lang.strip() for lang in languages.split(",") if lang.strip()]
    runs = [(source, scores_of(path, source)) for source, path in paths]
    report = transfer_report(runs, metric=metric.value, langs=langs)
    tables = report_tables(report, types=types)
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    typer.echo("".join(text_table(table, width) for table in tables))
    files = {source: [str(path) for name, path in paths if name == source] for source in report["f"]}
    if output is not None:
        write_output(output, dump_json({**report, "files": files}, indent=2) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")
    if markdown is not None:
        write_output(markdown, "\n".join(map(markdown_table, tables)))
        typer.secho(f"✔ Saved to {markdown}", fg="green")


def report_tables(report: dict[str, Any], *, types: bool = False) -> list[Table]:
    """What `transfer_report` returns, as tables in percent: F1s, normalised F1s, joint models, and types if asked for.

    RAISES: RelxError RX178 where types are asked for and no run has scores of them.
    """
    tables = [_f1_table(report)]
    if any(lang != source for source, row in report["normalized"].items() for lang in row):
        rows = [
            (source, *(percent(row.get(lang), 1) for lang in report["supervised"]))
            for source, row in report["normalized"].items()
        ]
        tables.append(Table("% of supervised", report["supervised"], rows))
    tables.extend(_joint_table(source, row) for source, row in report["joint"].items())
    if types:
        tables.append(_type_table(report))
    return tables


def _f1_table(report: dict[str, Any]) -> Table:
    """f(s, t), average and rho; with the number of runs where one has several."""
    runs = {source: max((cell["n"] for cell in row.values()), default=0) for source, row in report["f"].items()}
    several = any(n > 1 for n in runs.values())
    rows = []
    for source, row in report["f"].items():
        means = percent(report["average"][source], 1), percent(report["rho"][source], 1)
        rows.append(
            (source, *(_cell(row.get(lang)) for lang in report["langs"]), *means, *[str(runs[source])] * several)
        )
    return Table(f"{report['metric']} F1", [*report["langs"], "Average", "rho", *["runs"] * several], rows)


def _joint_table(source: str, comparison: dict[str, Any]) -> Table:
    columns = [*comparison["langs"].values(), comparison["average"]]
    rows = [
        ("monolingual", *(percent(column["monolingual"], 1) for column in columns)),
        (source, *(percent(column["joint"], 1) for column in columns)),
        ("difference", *(f"{round(100 * column['difference'], 1) + 0.0:+}" for column in columns)),
    ]
    return Table(f"{source} against monolingual", [*comparison["langs"], "Average"], rows)


def _type_table(report: dict[str, Any]) -> Table:
    """Sources side by side, each with all its targets."""
    columns = {f"{source}→{lang}": row for source, langs in report["per_type"].items() for lang, row in langs.items()}
    labels = sorted({label for row in columns.values() for label in row})
    if not labels:
        reason = "no run has scores of each relation by language. Make the metrics files anew with relx evaluate."
        raise RelxError("RX178", reason=reason)
    rows = [(label, *(_cell(row.get(label)) for row in columns.values())) for label in labels]
    return Table("F1 per relation", list(columns), rows)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    return percent(cell["mean"], 1) + (f" ± {percent(cell['sd'], 1)}" if cell["sd"] is not None else "")


def _find(arg: str) -> Iterator[tuple[str, Path]]:
    """(source, metrics file or pipeline folder) for each path that SOURCE=PATH means. RAISES: RelxError RX176."""
    source, equals, name = arg.partition("=")
    source = source.strip()
    if not (source and equals and name):
        raise RelxError("RX176", arg=arg, reason="it is not SOURCE=PATH.")
    paths = [Path(name)] if Path(name).exists() else sorted(map(Path, glob(name, recursive=True)))
    if not paths:
        raise RelxError("RX176", arg=arg, reason="there is no such file or folder.")
    for path in paths:
        if path.is_dir() and not (path / "config.cfg").exists():
            raise RelxError("RX176", arg=arg, reason=f"the folder {path} has no config.cfg, so it is no pipeline.")
        yield source, path


def _unique(items: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Each once, by whatever names and links. RAISES: RelxError RX178 for a metrics file of two sources."""
    found: dict[tuple[str, Path], tuple[str, Path]] = {}
    owners: dict[Path, str] = {}
    for source, path in items:
        file = path.resolve()
        found.setdefault((source, file), (source, path))
        if path.is_file() and owners.setdefault(file, source) != source:
            reason = f"the metrics file {path} is given for two sources, '{owners[file]}' and '{source}'."
            raise RelxError("RX178", reason=reason)
    return list(found.values())


def _check_unused(options: dict[str, Any]) -> None:
    """RAISES: RelxError RX178 for an option that is for pipelines, where there are none."""
    unused = " and ".join(name for name, value in options.items() if value)
    if unused:
        reason = f"all paths are metrics files, which were scored already: {unused} would do nothing. Leave it out."
        raise RelxError("RX178", reason=reason)


def _check_match(match: Match, files: dict[Path, dict[str, Any]], *, alone: bool) -> None:
    """RAISES: RelxError RX178 for a metrics file of another match; without pipelines, for one that does not say its."""
    for path, scores in files.items():
        own = scores.get("match")
        if own != match.value and (alone or own is not None):
            said = "does not say which" if own is None else f"was scored with --match {own}"
            reason = f"--match is {match.value}, but the metrics file {path} {said}. Files cannot be scored anew."
            raise RelxError("RX178", reason=reason)


def _read(path: Path) -> dict[str, Any]:
    """The scores in a metrics file. RAISES: RelxError RX615."""
    from ..evaluation.transfer import check_scores

    try:
        scores = load_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as err:  # not UTF-8 and not JSON are ValueErrors
        raise RelxError("RX615", where=path, reason=sentence(err)) from err
    check_scores(scores, str(path))
    return scores


def _check_outputs(output: Path | None, markdown: Path | None, paths: list[Path], *inputs: Path | None) -> None:
    """`check_output` for both files; all files of a pipeline are inputs, too. RAISES: RelxError RX186, RX189."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    check_output(output, *files, *inputs)
    check_output(markdown, *files, *inputs)
    if output is not None and markdown is not None and same_file(output, markdown):
        raise RelxError("RX186", path=markdown, reason="it is the place of both the report and the tables.")
