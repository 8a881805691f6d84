"""`relx convert`: training data in other formats to .spacy files."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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


class SplitBy(str, Enum):
    """What is never split between the two files."""

    text = "text"
    id = "id"


@relx_app.command("convert")
@report_errors
def convert_cli(
    format: Annotated[
        str,
        typer.Argument(
            help="Format of the input: jsonl (our own), brat, docred, opennre, ...; auto to tell it by the content"
        ),
    ],
    inputs: Annotated[list[Path], typer.Argument(help="Files, or folders to search for files")],
    output: Annotated[Path, typer.Argument(help="File to write; ends in .spacy")],
    lang: Annotated[str | None, typer.Option("--lang", "-l", help="Language of texts that do not say theirs")] = None,
    pattern: Annotated[
        list[str] | None, typer.Option("--pattern", "-p", help="In folders, take only such files; may be repeated")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Pipeline whose tokenizer splits texts: name, folder, or blank:en"),
    ] = None,
    alignment: Annotated[
        Alignment, typer.Option("--alignment", "-a", help="Mentions that cut a token: leave out, expand or contract")
    ] = Alignment.strict,
    on_error: Annotated[
        OnError, typer.Option("--on-error", help="Broken lines: stop, or leave them out")
    ] = OnError.fail,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Write at most so many documents, 0 for all")] = 0,
    dev: Annotated[Path | None, typer.Option("--dev", "-d", help="Second file, for a share of the documents")] = None,
    dev_share: Annotated[float, typer.Option("--dev-share", help="Share of the documents that goes there")] = 0.1,
    split_by: Annotated[
        SplitBy, typer.Option("--split-by", help="Keep equal texts together, or equal ids (translations)")
    ] = SplitBy.text,
    seed: Annotated[int, typer.Option("--seed", "-s", help="Seed of that draw")] = 0,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Table of new names for relations: old, tab, new (or nothing)")
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            "--types", help="Table of new entity types, as --labels; or two ready tables, such as ontonotes:conll"
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Stop at unknown keys and at files without relations"),
    ] = False,
    problems: Annotated[int, typer.Option("--problems", min=0, help="Show at most so many problems")] = 10,
) -> None:
    """
    Convert annotated data to a .spacy file for training (reader spacy_relx.RelationCorpus.v1). Says what was kept and
    what was lost, and where.
    """
    from ..formats.convert import AUTO, choose_inputs, convert

    if format == AUTO:
        format, _ = choose_inputs(format, inputs, pattern or ["*"])
        typer.echo(f"format             {format}")
    report = convert(
        format,
        inputs,
        output,
        lang=lang,
        patterns=pattern or ["*"],
        nlp=_tokenizer_of(model),
        alignment=alignment.value,
        on_error=on_error.value,
        limit=limit,
        dev=dev,
        dev_share=dev_share,
        split_by=split_by.value,
        seed=seed,
        labels=labels,
        types=types,
        strict=strict,
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
