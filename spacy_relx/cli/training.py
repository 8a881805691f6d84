"""`relx train`: spaCy's training, with checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import command, echo_saved, relx_app
from ._options import CodeOpt, GpuOpt, output_option


@command(relx_app, "train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(help="Config file", exists=True, allow_dash=True)],
    output: Annotated[Path, output_option("Folder for model-best and model-last")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one")] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option("--checkpoint-minutes", min=0, help="Minutes between checkpoints, 0 for none by time")
    ] = 10.0,
    checkpoint_steps: Annotated[
        int, typer.Option("--checkpoint-steps", min=0, help="Steps between checkpoints, 0 for none by steps")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="One line of progress in place of the table")] = False,
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Train a pipeline as spacy train does: the same steps, scores and weights for the same seed. Settings of the config
    are overridden by options such as --paths.train train.spacy.

    An interrupted training goes on with --resume from its last checkpoint (OUTPUT/checkpoint), to the weights that it
    would have had. Without a checkpoint it begins, so that one command can be repeated until it is done.
    """
    from spacy.cli._util import parse_config_overrides, show_validation_error

    from ..library.training import train

    overrides = parse_config_overrides(ctx.args)
    with show_validation_error(config):
        train(
            config,
            output,
            overrides=overrides,
            resume=resume,
            checkpoint_minutes=checkpoint_minutes,
            checkpoint_steps=checkpoint_steps,
            quiet=quiet,
            code=code,
            gpu_id=gpu_id,
        )
    if quiet:
        echo_saved(output)
