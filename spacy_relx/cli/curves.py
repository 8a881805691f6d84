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
    from ..viz.curves import CurveLine

RUNS_HELP = (
    "NAME=PATH, several. NAME: what the picture calls it. PATH: a metrics file of relx evaluate, or a pattern "
    "('metrics/pcnn-*.json') for several runs, of which the mean is drawn"
)
#: Steps of the recalls at which runs are averaged.
GRID = 200


@relx_app.command("curves")
@report_errors
def curves_cli(
    runs: Annotated[list[str], typer.Argument(help=RUNS_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .svg, or .png (needs matplotlib)")],
    title: Annotated[str, typer.Option("--title", help="Title of the picture")] = "",
    recall_max: Annotated[float, typer.Option("--recall-max", help="Draw up to this recall")] = 1.0,
    json_path: Annotated[Path | None, typer.Option("--json", help="JSON file for the numbers and the curves")] = None,
) -> None:
    """
    Draw precision-recall curves of facts, from what relx evaluate --output writes. Several files of one name are
    seeds of one model: their mean is drawn, in a band of one standard deviation.
    """
    paths = _group(item for run in runs for item in _find(run))
    files = [path for group in paths.values() for path in group]
    _check_outputs(output, json_path, files)
    scores = {name: [_read(path) for path in group] for name, group in paths.items()}
    _check_alike({path: each for name in paths for path, each in zip(paths[name], scores[name])})
    picture, merged = draw(scores, title=title, recall_max=recall_max, as_png=output.suffix == ".png")
    typer.echo(text_table(_table(merged), shutil.get_terminal_size((WIDTH, 0)).columns))
    _write(output, picture)
    if json_path is not None:
        for name, group in paths.items():
            merged[name]["files"] = [str(path) for path in group]
        text = dump_json({"recall_max": recall_max, "runs": merged}, indent=2) + "\n"
        _write(json_path, text.encode("utf8"))


def draw(
    scores: dict[str, list[dict[str, Any]]], *, title: str = "", recall_max: float = 1.0, as_png: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """The picture of the curves, and the numbers in it.

    scores: name -> metrics of its runs. RETURNS: the picture's bytes, SVG or PNG; {name: {n, numbers, recall,
    precision, sd}}, where numbers is {key of the metrics: {mean, sd}} (None where a run lacks it), recall a grid up to
    recall_max, precision and sd the mean and the sample standard deviation there, None where not all runs reach.
    RAISES: RelxError RX197 for a curve without points or another recall_max, RX005 for PNG without matplotlib.
    """
    from ..viz.curves import curves_png, curves_svg

    merged = {name: _merge(group, recall_max) for name, group in scores.items()}
    lines = [_line(name, group, merged[name]) for name, group in scores.items()]
    if as_png:
        return curves_png(lines, title=title, recall_max=recall_max), merged
    return curves_svg(lines, title=title, recall_max=recall_max).encode("utf8"), merged


def _merge(runs: list[dict[str, Any]], recall_max: float) -> dict[str, Any]:
    """Means of the runs of one name. RETURNS: as `draw` says."""
    import numpy as np

    from ..evaluation.curves import mean_curve

    grid = np.linspace(0.0, recall_max, GRID + 1)
    curves = [(run["fact_curve"]["recall"], run["fact_curve"]["precision"]) for run in runs]
    mean, spread = (
        [None if np.isnan(value) else value for value in column.tolist()] for column in mean_curve(curves, grid)
    )
    numbers = {key: _mean([run.get(key) for run in runs]) for key in FACT_NUMBERS.values()}
    return {"n": len(runs), "numbers": numbers, "recall": grid.tolist(), "precision": mean, "sd": spread}


def _mean(values: list[float | None]) -> dict[str, float | None] | None:
    """Mean, and sample standard deviation of several; None where a run has no such number."""
    from statistics import mean, stdev

    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return {"mean": mean(known), "sd": stdev(known) if len(known) > 1 else None}


def _line(name: str, runs: list[dict[str, Any]], merged: dict[str, Any]) -> CurveLine:
    """What is drawn of a name: the points of a single run, else the mean on the grid with its band."""
    from ..viz.curves import CurveLine

    shown = {heading: _fraction(merged["numbers"][FACT_NUMBERS[heading]]) for heading in ("AP", "AUC")}
    if len(runs) == 1:
        curve = runs[0]["fact_curve"]
        return CurveLine(name, curve["recall"], curve["precision"], numbers=shown)
    return CurveLine(f"{name} ({len(runs)} runs)", merged["recall"], merged["precision"], merged["sd"], shown)


def _fraction(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    return f"{cell['mean']:.3f}" + (f" ± {cell['sd']:.3f}" if cell["sd"] is not None else "")


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
    """RAISES: RelxError RX368, RX186, RX189."""
    if output.suffix not in (".svg", ".png"):
        raise RelxError("RX368", path=output, kind="a picture of curves", known=".svg, .png")
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
