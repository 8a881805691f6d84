"""`relx curves`: precision-recall curves of several runs in one picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard

import typer

from ..data.files import same_file, write_whole
from ..data.strict_json import dump_json
from ..data.tables import FACT_NUMBERS, Table, text_table
from ..errors import RelxError, warn
from ..formats.records import load_json
from ._app import relx_app, report_errors, sentence
from ._output import cannot_write, check_output
from .transfer import WIDTH, _cell

if TYPE_CHECKING:
    pass

RUNS_HELP = (
    "NAME=PATH, several. NAME: what the picture calls it. PATH: a metrics file of relx evaluate, or a pattern "
    "('metrics/pcnn-*.json') for several runs, of which the mean is drawn"
)


@relx_app.command("curves")
@report_errors
def curves_cli(
    runs: Annotated[list[str], typer.Argument(help=RUNS_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .svg, .png or .pdf")],
    title: Annotated[str, typer.Option("--title", help="Title of the picture")] = "",
    recall_max: Annotated[float, typer.Option("--recall-max", help="Draw up to this recall")] = 1.0,
    json_path: Annotated[Path | None, typer.Option("--json", help="JSON file for the numbers and the curves")] = None,
) -> None:
    """
    Draw precision-recall curves of facts, from what relx evaluate --output writes. Several files of one name are
    seeds of one model: their mean is drawn, in a band of one standard deviation.
    """
    from ..evaluation.curve_runs import picture_of_runs

    paths = _group(item for run in runs for item in _find(run))
    files = [path for group in paths.values() for path in group]
    _check_outputs(output, json_path, files)
    scores = {name: [_read(path) for path in group] for name, group in paths.items()}
    _check_alike({path: each for name in paths for path, each in zip(paths[name], scores[name])})
    picture, merged = picture_of_runs(scores, output.suffix, title=title, recall_max=recall_max)
    typer.echo(text_table(_table(merged), shutil.get_terminal_size((WIDTH, 0)).columns))
    _write(output, picture)
    if json_path is not None:
        for name, group in paths.items():
            merged[name]["files"] = [str(path) for path in group]
        text = dump_json({"recall_max": recall_max, "runs": merged}, indent=2) + "\n"
        _write(json_path, text.encode("utf8"))


def _table(merged: dict[str, Any]) -> Table:
    several = any(row["n"] > 1 for row in merged.values())
    rows = [
        (name, *(_cell(row["numbers"][key]) for key in FACT_NUMBERS.values()), *[str(row["n"])] * several)
        for name, row in merged.items()
    ]
    return Table("Facts", [*FACT_NUMBERS, *["runs"] * several], rows)


def _find(arg: str) -> Iterator[tuple[str, Path]]:
    """(name, metrics file) for each file that NAME=PATH means. RAISES: RelxError RX193."""
    name, equals, pattern = arg.partition("=")
    name = name.strip()
    if not (name and equals and pattern):
        raise RelxError("RX193", arg=arg, reason="it is not NAME=PATH.")
    paths = [Path(pattern)] if Path(pattern).exists() else sorted(map(Path, glob(pattern, recursive=True)))
    paths = [path for path in paths if not path.is_dir()]
    if not paths:
        raise RelxError("RX193", arg=arg, reason="there is no such file.")
    yield from ((name, path) for path in paths)


def _group(items: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    """The files of each name, each file once, by whatever names and links."""
    groups: dict[str, dict[Path, Path]] = {}
    for name, path in items:
        groups.setdefault(name, {}).setdefault(path.resolve(), path)
    return {name: list(files.values()) for name, files in groups.items()}


def _read(path: Path) -> dict[str, Any]:
    """The scores in a metrics file, with a curve. RAISES: RelxError RX194."""
    from ..evaluation.given import without_prefix

    try:
        scores = load_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as err:  # not UTF-8 and not JSON are ValueErrors
        raise RelxError("RX194", where=path, reason=sentence(err)) from err
    scores = without_prefix(scores) if isinstance(scores, dict) else {}
    if "fact_curve" not in scores:
        raise RelxError("RX194", where=path, reason="it has no 'fact_curve'.")
    curve = scores["fact_curve"]
    if curve is None:
        raise RelxError("RX194", where=path, reason="the documents had no gold facts.")
    recall, precision = (curve.get(key) if isinstance(curve, dict) else None for key in ("recall", "precision"))
    if not (_is_numbers(recall) and _is_numbers(precision) and len(recall) == len(precision)):
        raise RelxError("RX194", where=path, reason="its 'fact_curve' has no recall and precision of each point.")
    return scores


def _is_numbers(column: Any) -> TypeGuard[list[float]]:
    return isinstance(column, list) and all(isinstance(value, (int, float)) for value in column)


def _check_alike(scores: dict[Path, dict[str, Any]]) -> None:
    """WARNS: RX196 where two files are of different numbers of gold facts."""
    (first, n_first), *others = ((path, each.get("fact_n_gold")) for path, each in scores.items())
    for other, n_other in others:
        if n_other != n_first:
            warn("RX196", first=first, n_first=n_first, other=other, n_other=n_other)
            return


def _check_outputs(output: Path, json_path: Path | None, inputs: list[Path]) -> None:
    """RAISES: RelxError RX368, RX005, RX186, RX189."""
    from ..viz.charts import check_chart

    check_chart(output, "a picture of curves")
    check_output(output, *inputs)
    check_output(json_path, *inputs)
    if json_path is not None and same_file(output, json_path):
        raise RelxError("RX186", path=json_path, reason="it is the place of both the picture and the numbers.")


def _write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, and say so. RAISES: RelxError RX186."""
    try:
        write_whole(path, data)
    except OSError as err:
        raise cannot_write(path, err) from err
    typer.secho(f"✔ Saved to {path}", fg="green")
