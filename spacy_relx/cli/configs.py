"""`relx init config`: the config of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import command, echo_saved, init_app
from ._options import Task, output_option

ENCODER_HELP = (
    "cpu (no download), minilm, multilingual (for a GPU), spacy (a pipeline's tok2vec), or the name or folder of a "
    "spaCy pipeline or of a transformer"
)


@command(init_app, "config")
def config_cli(
    task: Annotated[
        Task,
        typer.Option("--task", help="Relations of mentions; mentions and relations of raw text; facts of bags"),
    ] = "relations",
    encoder: Annotated[str, typer.Option("--encoder", help=ENCODER_HELP)] = "cpu",
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the pipeline, xx for several")] = "xx",
    output: Annotated[Path | None, output_option("File to write (else standard output)")] = None,
) -> None:
    """
    Make a config that relx train and spacy train take as it is, with every setting filled in. See docs/training.md.
    """
    from ..library.configs import init_config

    config = init_config(output, task=task, encoder=encoder, lang=lang)
    if output is None:
        typer.echo(config.to_str(interpolate=False))
    else:
        echo_saved(output)
        typer.echo(f"Train: python -m spacy relx train {output} --output training --paths.train ... --paths.dev ...")
