"""spaCy's training loop (`spacy.training.loop.train`), which can be interrupted.

The steps, scores and weights are those of spaCy for the same seed: what this loop adds is that it can begin anywhere.
spaCy's own cannot: its place in the data, its results and its schedules are local to generators.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import srsly
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import (
    DIR_MODEL_BEST,
    DIR_MODEL_LAST,
    clean_output_dir,
    create_before_to_disk_callback,
    create_evaluation_callback,
    subdivide_batch,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import constant, fix_random_seed, set_gpu_allocator
from wasabi import Printer

from ...data.files import whole_output
from ...errors import RelxError
from ..storage import exact_weights
from .state import (
    Place,
    optimizer_state,
    python_state,
    random_state,
    set_optimizer_state,
    set_python_state,
    set_random_state,
)

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

#: In the output: the folder of the checkpoint.
CHECKPOINT = "checkpoint"
FORMAT, VERSION = "spacy_relx.Checkpoint", 1
_STATE, _MODEL = "state.msgpack", "model"


@dataclass
class Checkpoints:
    """When a checkpoint is written, and whether training goes on from the last one.

    Attributes:
        minutes: Between checkpoints; 0 for none by time.
        steps: Between checkpoints; 0 for none by steps.
        resume: Whether to go on from the checkpoint in the output, where there is one.
    """

    minutes: float = 10.0
    steps: int = 0
    resume: bool = False
    _last: float = field(default_factory=time.monotonic)

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint is to be written after so many steps."""
        by_time = self.minutes > 0 and time.monotonic() - self._last >= 60 * self.minutes
        return by_time or (self.steps > 0 and step % self.steps == 0)

    def written(self) -> None:
        """Count the minutes from now on."""
        self._last = time.monotonic()


def train(
    nlp: Language,
    output: Path | None,
    *,
    use_gpu: int = -1,
    stdout: IO[str],
    stderr: IO[str],
    checkpoints: Checkpoints | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> Language:
    """Train a pipeline, as `spacy.training.loop.train` does.

    Args:
        nlp: The initialized pipeline with the whole config.
        output: The folder for "model-best" and "model-last", and while training lasts for "checkpoint"; None: nothing
            is saved.
        use_gpu: The number of the GPU; -1 for the CPU.
        stdout: For the logger.
        stderr: For the logger.
        checkpoints: When checkpoints are written.
        on_step: Called after each step with what loggers are told.

    Returns:
        The last pipeline.

    Raises:
        RelxError: RX652 or RX653 for a checkpoint of another config or of other data, RX654 for one that is damaged.
    """
    run = _Run(nlp, output, use_gpu, checkpoints or Checkpoints(minutes=0))
    run.begin(stdout)
    with nlp.select_pipes(disable=run.frozen):
        log_step, finalize_logger = run.settings["logger"](nlp, stdout, stderr)
    for row in run.place.rows:  # of before the interruption
        log_step({**row, "checkpoints": [each for each in run.place.results if each[1] <= row["step"]]})
    try:
        for info, is_best in run.steps():
            if is_best is not None:
                with nlp.select_pipes(disable=run.frozen):
                    update_meta(run.settings, nlp, info)
                if output is not None:
                    run.save(is_best)
                    info["output_path"] = str(output / DIR_MODEL_LAST)
                run.place.rows.append(
                    {**info, "losses": dict(info["losses"]), "checkpoints": list(info["checkpoints"])}
                )
            log_step(info if is_best is not None else None)
            if on_step is not None:
                on_step(info)
    except Exception as err:
        if output is not None:
            message = f"Aborting and saving the final best model. Encountered exception: {err!r}"
            stdout.write(Printer(no_print=True).warn(message) + "\n")
        raise
    finally:
        finalize_logger()
        if output is not None:
            run.save(False)
    if output is not None:
        shutil.rmtree(output / CHECKPOINT, ignore_errors=True)
        stdout.write(Printer(no_print=True).good("Saved pipeline to output directory", output / DIR_MODEL_LAST) + "\n")
    return nlp


class _Run:
    """One training: what the config says, and where it is."""

    def __init__(self, nlp: Language, output: Path | None, use_gpu: int, checkpoints: Checkpoints):
        self.nlp, self.output, self.checkpoints = nlp, output, checkpoints
        config = nlp.config.interpolate()
        if config["training"]["seed"] is not None:
            fix_random_seed(config["training"]["seed"])
        if use_gpu >= 0 and config["training"]["gpu_allocator"]:
            set_gpu_allocator(config["training"]["gpu_allocator"])
        self.settings: dict[str, Any] = registry.resolve(config["training"], schema=ConfigSchemaTraining)
        T = self.settings
        self.train_corpus, dev_corpus = resolve_dot_names(config, [T["train_corpus"], T["dev_corpus"]])
        self.evaluate = create_evaluation_callback(nlp, dev_corpus, T["score_weights"])
        self.before_to_disk = create_before_to_disk_callback(T["before_to_disk"])
        self.optimizer, self.frozen = T["optimizer"], T["frozen_components"]
        self.dropouts: Any = constant(T["dropout"]) if isinstance(T["dropout"], float) else T["dropout"]
        self.config = _fingerprint(config)
        self.place = Place()
        self.digest = ""
        self._batches = self._all_batches()

    def begin(self, stdout: IO[str]) -> None:
        """Say what is trained; go to the place of the checkpoint, or clear the output.

        Raises:
            RelxError: RX652, RX653, RX654.
        """
        message = Printer(no_print=True)
        folder = None if self.output is None else self.output / CHECKPOINT
        if self.checkpoints.resume and folder is not None and folder.exists():
            self._load(folder)
            stdout.write(message.info(f"Resumed after step {self.place.step - 1}") + "\n")
        else:
            clean_output_dir(self.output)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        stdout.write(message.info(f"Pipeline: {self.nlp.pipe_names}") + "\n")
        if self.frozen:
            stdout.write(message.info(f"Frozen components: {self.frozen}") + "\n")
        if self.settings["annotating_components"]:
            text = f"Set annotations on update for: {self.settings['annotating_components']}"
            stdout.write(message.info(text) + "\n")
        stdout.write(message.info(f"Initial learn rate: {self.optimizer.learn_rate}") + "\n")

    def steps(self) -> Iterator[tuple[dict[str, Any], bool | None]]:
        """Train. Yields after each step what loggers are told, and whether it is the best so far; None where it was not
        evaluated. A checkpoint is written when the caller has done with the step."""
        T, place = self.settings, self.place
        started = time.monotonic() - place.seconds
        for step, (epoch, batch) in enumerate(self._batches, start=place.step):
            self._update(step, epoch, batch)
            score = other_scores = is_best = None
            if not step % T["eval_frequency"]:
                score, other_scores = self._score()
                place.results.append((score, step))
                is_best = score == max(place.results)[0]
            place.words += sum(len(example) for example in batch)
            place.seconds = time.monotonic() - started
            yield (
                {
                    "epoch": epoch,
                    "step": step,
                    "score": score,
                    "other_scores": other_scores,
                    "losses": place.losses,
                    "checkpoints": place.results,
                    "seconds": int(place.seconds),
                    "words": place.words,
                },
                is_best,
            )
            if is_best is not None:
                place.losses = {}
            place.step = step + 1
            # the earliest of several best steps
            best_step = -max((score, -number) for score, number in place.results)[1]
            if T["patience"] and step - best_step >= T["patience"]:
                return
            if T["max_steps"] and step >= T["max_steps"]:
                return
            if self.output is not None and self.checkpoints.is_due(place.step):
                self._write(self.output / CHECKPOINT)

    def _update(self, step: int, epoch: int, batch: list[Example]) -> None:
        T = self.settings
        if T["before_update"]:
            T["before_update"](self.nlp, {"step": step, "epoch": epoch})
        dropout = next(self.dropouts)
        for part in subdivide_batch(batch, T["accumulate_gradient"]):
            self.nlp.update(
                part,
                drop=dropout,
                losses=self.place.losses,
                sgd=False,  # type: ignore[arg-type]
                exclude=self.frozen,
                annotates=T["annotating_components"],
            )
        for name, pipe in self.nlp.pipeline:
            trained: Any = pipe
            is_trained = name not in self.frozen and getattr(trained, "is_trainable", False)
            if is_trained and trained.model not in (True, False, None):
                trained.finish_update(self.optimizer)
        self.optimizer.step_schedules()

    def _score(self) -> tuple[float, dict[str, Any]]:
        if not self.optimizer.averages:
            return self.evaluate()
        with self.nlp.use_params(self.optimizer.averages):
            return self.evaluate()

    def _all_batches(self) -> Iterator[tuple[int, list[Example]]]:
        """Batches, each with its epoch. Epochs that the place knows begin with the random numbers that they began
        with."""
        T = self.settings
        corpus = self.train_corpus
        # a corpus that draws anew has more than one pass shows
        is_fixed = T["max_epochs"] >= 0 and not getattr(corpus, "redraws", False)
        examples: Iterable[Example] = []
        if is_fixed:
            examples = _examples(corpus(self.nlp))
            self.digest = _digest(examples)
        elif hasattr(corpus, "digest"):
            self.digest = corpus.digest(self.nlp)
        epoch = 0
        while T["max_epochs"] < 1 or epoch != T["max_epochs"]:
            if epoch < len(self.place.epochs):
                set_python_state(self.place.epochs[epoch])
            else:
                self.place.epochs.append(python_state())
            if is_fixed:
                _shuffle(examples)
            else:
                examples = corpus(self.nlp)
            for batch in T["batcher"](examples):
                yield epoch, batch
            epoch += 1

    def save(self, is_best: bool) -> None:
        """Write model-last, and model-best where it is the best."""
        if self.output is None:
            return
        last, best = self.output / DIR_MODEL_LAST, self.output / DIR_MODEL_BEST
        with self.nlp.use_params(self.optimizer.averages):
            self.before_to_disk(self.nlp).to_disk(last)
        if is_best:
            with whole_output(best) as place:  # a copy costs less than saving again
                shutil.copytree(last, place)

    def _write(self, folder: Path) -> None:
        """Write a checkpoint, whole or not at all. RAISES: RelxError RX186."""
        state = {
            **{"format": FORMAT, "version": VERSION, "config": self.config, "digest": self.digest},
            "place": self.place.to_dict(),
            "random": random_state(),
            "optimizer": optimizer_state(self.nlp, self.optimizer),
        }
        try:
            with whole_output(folder) as place:
                place.mkdir()
                with exact_weights():
                    self.nlp.to_disk(place / _MODEL)
                (place / _STATE).write_bytes(srsly.msgpack_dumps(state))
        except OSError as err:
            raise RelxError("RX186", path=folder, reason=err.strerror or err) from err
        self.checkpoints.written()

    def _load(self, folder: Path) -> None:
        """Go to the place of a checkpoint. RAISES: RelxError RX652, RX653, RX654."""
        try:
            state = srsly.msgpack_loads((folder / _STATE).read_bytes())
            if (state["format"], state["version"]) != (FORMAT, VERSION):
                raise ValueError(f"its format is {state['format']} {state['version']}")
            self.place = Place.from_dict(state["place"])
            self._check_config(folder, state["config"])
            for _ in range(self.place.step):
                next(self._batches)
                next(self.dropouts)
                self.optimizer.step_schedules()
            if self.digest != state["digest"]:
                raise RelxError("RX653", path=folder)
            self.nlp.from_disk(folder / _MODEL)
            set_optimizer_state(self.nlp, self.optimizer, state["optimizer"])
            set_random_state(state["random"])
        except RelxError:
            raise
        except StopIteration as err:
            raise RelxError("RX653", path=folder) from err
        except (OSError, ValueError, KeyError, TypeError, IndexError) as err:
            raise RelxError("RX654", path=folder, reason=f"{type(err).__name__}: {err}") from err

    def _check_config(self, folder: Path, saved: dict[str, Any]) -> None:
        """RAISES: RelxError RX652."""
        names = [name for name in {**saved, **self.config} if saved.get(name) != self.config.get(name)]
        if names:
            raise RelxError("RX652", path=folder, names=", ".join(sorted(names)[:5]))


def _examples(examples: Iterable[Example]) -> list[Example]:
    """RAISES: ValueError, as spaCy, where there are none."""
    from spacy.errors import Errors

    found = list(examples)
    if not found:
        raise ValueError(Errors.E986)
    return found


def _shuffle(examples: Any) -> None:
    import random

    random.shuffle(examples)


def _digest(examples: Iterable[Example]) -> str:
    """What equal training data have in common."""
    digest = hashlib.blake2b(digest_size=16)
    for example in examples:
        digest.update(f"{len(example)}\0{example.reference.text}\0".encode("utf8", "surrogatepass"))
    return digest.hexdigest()


def _fingerprint(config: Any) -> dict[str, str]:
    """The settings that must be those of a checkpoint, by their dotted names: not where files are, nor the logger."""
    found: dict[str, str] = {}

    def walk(section: Any, names: tuple[str, ...]) -> None:
        if isinstance(section, dict) and section:
            for name, value in section.items():
                walk(value, (*names, name))
        elif names[0] != "paths" and names[-1] != "path" and names[:2] != ("training", "logger"):
            found[".".join(names)] = repr(section)

    walk({name: config[name] for name in ("nlp", "components", "corpora", "training") if name in config}, ())
    return found
