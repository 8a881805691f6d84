"""`relx convert`: training data in other formats to .spacy files."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from ..errors import RelxError
from ._app import OnError, load_pipeline, progress, relx_app, report_errors

if TYPE_CHECKING:
    from spacy.language import Language


class Alignment(str, Enum):
    """What happens to mentions that do not begin and end where tokens do."""

    strict = "strict"
    expand = "expand"
    contract = "contract"


@relx_app.command("convert")
@report_errors
def convert_cli(
    format: str = typer.Argument(..., help="Format of the input: jsonl (our own), crossre, docred, opennre, ..."),
    inputs: list[Path] = typer.Argument(..., help="Files, or folders to search for files"),
    output: Path = typer.Argument(..., help="File to write; ends in .spacy"),
    lang: str | None = typer.Option(None, "--lang", "-l", help="Language of texts that do not say theirs, as 'en'"),
    pattern: str | None = typer.Option(None, "--pattern", "-p", help="In folders, take only files of such names"),
    model: str | None = typer.Option(
        None, "--model", "-m", help="Pipeline whose tokenizer splits texts: name, folder, or blank:en"
    ),
    alignment: Alignment = typer.Option(
        Alignment.strict, "--alignment", "-a", help="Mentions that cut a token: leave out, expand or contract"
    ),
    on_error: OnError = typer.Option(OnError.fail, "--on-error", help="Broken lines: stop, or leave them out"),
    limit: int = typer.Option(0, "--limit", "-n", min=0, help="Write at most so many documents, 0 for all"),
    dev: Path | None = typer.Option(None, "--dev", "-d", help="Second file, for a part of the documents"),
    dev_share: float = typer.Option(0.1, "--dev-share", help="About which part goes there, between 0 and 1"),
    seed: int = typer.Option(0, "--seed", "-s", help="Seed of that draw; equal texts always stay together"),
    problems: int = typer.Option(10, "--problems", min=0, help="Show at most so many problems"),
) -> None:
    """
    Convert annotated data to a .spacy file for training (reader spacy_relx.RelationCorpus.v1). Says what was kept and
    what was lost, and where.
    """
    from ..corpora.convert import convert

    report = convert(
        format,
        inputs,
        output,
        lang=lang,
        pattern=pattern,
        nlp=_tokenizer_of(model),
        alignment=alignment.value,
        on_error="skip" if on_error is OnError.skip else "raise",
        limit=limit,
        dev=dev,
        dev_share=dev_share,
        seed=seed,
        progress=progress,
    )
    typer.echo(report.summary(problems))
    for path, count in report.outputs.items():
        typer.secho(f"✔ Saved {count} documents to {path}", fg="green")


def _tokenizer_of(model: str | None) -> Language | None:
    """The pipeline to split texts with, None for the default. RAISES: RelxError RX180."""
    if model is None or not model.startswith("blank:"):
        return None if model is None else load_pipeline(model)
    import spacy

    try:
        return spacy.blank(model.removeprefix("blank:"))
    except ImportError as err:
        raise RelxError("RX180", model=model, reason="spaCy has no such language.") from err
