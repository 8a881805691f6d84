"""The call that trains pipelines: train."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.training import Checkpoints
from ..core.training import train as run_training
from ..data.loading import import_code, use_gpu
from ..errors import RelxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacy.language import Language

BEST, LAST = "model-best", "model-last"


def train(
    config: str | Path | Mapping[str, Any],
    output: str | Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
    checkpoint_minutes: float = 10.0,
    checkpoint_steps: int = 0,
    quiet: bool = True,
    code: str | Path | None = None,
    gpu_id: int = -1,
) -> Language:
    """Train a pipeline, as `spacy train` does: the same steps, scores and weights for the same seed.

    A training that was interrupted goes on from its last checkpoint, to the weights that it would have had.

    Args:
        config: A config file, or a config.
        output: A folder, in which "model-best" and "model-last" are saved; None: nothing is saved.
        overrides: Values in place of the config's, by dotted names: {"paths.train": "train.spacy"}.
        resume: Whether to go on from the checkpoint in the output; without one, training begins.
        checkpoint_minutes: Minutes between checkpoints; 0 for none by time.
        checkpoint_steps: Steps between checkpoints; 0 for none by steps.
        quiet: Whether to show one line of progress in place of the logger's table.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.

    Returns:
        The best pipeline, where there is an output; else the last one.

    Raises:
        RelxError: RX652 or RX653 for a checkpoint of another config or of other data, RX654 for one that is damaged,
            RX655 for a checkpoint without an output.
    """
    from spacy.training.initialize import init_nlp
    from spacy.util import load_model

    if resume and output is None:
        raise RelxError("RX655")
    use_gpu(gpu_id)
    import_code(None if code is None else Path(code))
    nlp = init_nlp(read_config(config, overrides or {}), use_gpu=gpu_id)
    place = None if output is None else Path(output)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(checkpoint_minutes, checkpoint_steps, resume)
    steps = nlp.config["training"]["max_steps"]
    with _line(steps) if quiet else _table() as (stdout, on_step):
        settings: dict[str, Any] = {"use_gpu": gpu_id, "stdout": stdout, "stderr": stdout if quiet else sys.stderr}
        nlp = run_training(nlp, place, checkpoints=checkpoints, on_step=on_step, **settings)
    return nlp if place is None or not (place / BEST).exists() else load_model(place / BEST)


def read_config(config: str | Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Any:
    """A config with other values, variables as they are.

    Args:
        config: A config file, "-" for standard input, or a config.
        overrides: Values in place of the config's, by dotted names.
    """
    from spacy.util import load_config
    from thinc.api import Config

    if isinstance(config, (str, Path)):
        return load_config(Path(config), overrides=dict(overrides), interpolate=False)
    text = Config(dict(config)).to_str(interpolate=False)
    return Config().from_str(text, overrides=dict(overrides), interpolate=False)


@contextmanager
def _table() -> Iterator[tuple[Any, None]]:
    yield sys.stdout, None


@contextmanager
def _line(n_steps: int) -> Iterator[tuple[io.StringIO, Callable[[dict[str, Any]], None]]]:
    """Shows one line: the step, the last score and the best, in a notebook as its own bar."""
    from tqdm.auto import tqdm

    with tqdm(total=n_steps or None, unit=" steps") as bar:

        def show(info: dict[str, Any]) -> None:
            bar.update(info["step"] + 1 - bar.n)
            if info["score"] is not None:
                best = max(info["checkpoints"])[0]
                bar.set_postfix({"score": f"{info['score']:.4f}", "best": f"{best:.4f}"})

        yield io.StringIO(), show
