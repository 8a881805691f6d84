"""`relx calibrate`: scores that can be taken as probabilities, and thresholds, fitted on held-out documents."""

from __future__ import annotations

import tempfile
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..data.loading import save_pipeline
from ..data.tables import ROWS
from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    RowsOpt,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import cannot_write
from .evaluate import GoldMentionsOpt

if TYPE_CHECKING:
    pass


class Method(str, Enum):
    """How scores are calibrated."""

    temperature = "temperature"
    isotonic = "isotonic"


#: Names of `--per`.
PER = ("label", "lang")


@relx_app.command("calibrate")
@report_errors
def calibrate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents, not those of training: a .spacy file or a folder")],
    output: Annotated[Path, typer.Argument(help="Folder for the calibrated pipeline, new or empty")],
    method: Annotated[
        Method, typer.Option("--method", help="temperature: one number; isotonic: any rising function, for much data")
    ] = Method.temperature,
    precision: Annotated[
        float | None, typer.Option("--precision", help="Thresholds for this precision, above 0 and at most 1")
    ] = None,
    best_f1: Annotated[bool, typer.Option("--best-f1", help="Thresholds for the best F1 (the default)")] = False,
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
    rows: RowsOpt = ROWS,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Fit scores and thresholds of a trained pipeline to held-out documents, and save a pipeline that applies them. Its
    weights stay as they are. See docs/trust.md.
    """
    from ..evaluation.calibrate import calibrate

    names = list(dict.fromkeys(name.strip() for name in per.split(",") if name.strip()))
    _check_settings(precision, best_f1, names)
    _check_folder(output, model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    result = calibrate(
        nlp,
        lambda: progress(read_docs(data, nlp.vocab)),
        method=method.value,
        precision=precision,
        per=names,
        min_examples=min_examples,
        component=component,
        gold_mentions=gold_mentions,
        batch_size=batch_size,
        where=data,
    )
    typer.echo(result.to_text(rows))
    save_pipeline(nlp, output)
    typer.secho(f"✔ Saved the calibrated pipeline to {output}", fg="green")


def _check_settings(precision: float | None, best_f1: bool, per: list[str]) -> None:
    """RAISES: RelxError RX390."""
    if precision is not None and best_f1:
        raise RelxError("RX390", reason="give either --precision or --best-f1.")
    if precision is not None and not 0 < precision <= 1:
        raise RelxError("RX390", reason=f"--precision must be above 0 and at most 1, but is {precision}.")
    unknown = [name for name in per if name not in PER]
    if unknown:
        raise RelxError("RX390", reason=f"--per takes label, lang, or both with a comma, not {unknown[0]!r}.")


def _check_folder(output: Path, model: str) -> None:
    """RAISES: RelxError RX181, RX320, RX186."""
    try:
        taken = output.exists() and (not output.is_dir() or any(output.iterdir()))
        inside = Path(model).is_dir() and Path(model).resolve() in [output.resolve(), *output.resolve().parents]
        if inside:
            raise RelxError("RX181", path=output, model=model)
        if taken:
            raise RelxError("RX320", path=output)
        output.resolve().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.resolve().parent):
            pass
    except RelxError:
        raise
    except OSError as err:
        raise cannot_write(output, err) from err
