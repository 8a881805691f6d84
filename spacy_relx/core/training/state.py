"""The state of a training: what a checkpoint holds besides the weights."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from thinc.api import Shim, get_current_ops

from ..shim import TorchShim

if TYPE_CHECKING:
    from spacy.language import Language
    from thinc.api import Model, Optimizer

#: What a thinc optimizer keeps of each parameter.
_MOMENTS = ("mom1", "mom2", "averages", "nr_update", "last_seen")


@dataclass
class Place:
    """Where a training is, as plain data.

    Attributes:
        step: Steps that were done.
        words: Words that were seen.
        seconds: Time that was spent.
        results: (score, step) of each evaluation.
        losses: Losses since the last evaluation.
        rows: What loggers were told of each evaluation.
        epochs: The state of Python's random numbers at the beginning of each epoch.
    """

    step: int = 0
    words: int = 0
    seconds: float = 0.0
    results: list[tuple[float, int]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[Any] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for msgpack."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Place:
        """The place that `to_dict` gave."""
        place = cls(**{each.name: values[each.name] for each in fields(cls)})
        place.results = [(score, step) for score, step in place.results]
        return place


def random_state() -> dict[str, Any]:
    """The states of the random numbers of Python, numpy and PyTorch, as plain data and arrays."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    state = {
        "python": python_state(),
        "numpy": [name, np.asarray(keys), int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state().numpy(),
    }
    if torch.cuda.is_available():
        state["cuda"] = [each.numpy() for each in torch.cuda.get_rng_state_all()]
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Draw on from a state that `random_state` gave."""
    set_python_state(state["python"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys), position, has_gauss, cached))
    torch.set_rng_state(torch.from_numpy(np.array(state["torch"])))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([torch.from_numpy(np.array(each)) for each in state["cuda"]])


def python_state() -> list[Any]:
    """The state of Python's random numbers."""
    version, keys, gauss = random.getstate()
    return [version, np.array(keys, dtype="uint32"), gauss]


def set_python_state(state: list[Any]) -> None:
    """Draw Python's random numbers on from a state that `python_state` gave."""
    version, keys, gauss = state
    random.setstate((version, tuple(np.asarray(keys).tolist()), gauss))


def optimizer_state(nlp: Language, optimizer: Optimizer) -> dict[str, Any]:
    """What the optimizers keep of the parameters, by their places in the pipeline.

    Returns:
        "thinc": what the thinc optimizer keeps; "torch": for each shim that steps an optimizer of PyTorch, that one's.
    """
    nodes = {part.id: (name, part) for name, part in _parts(nlp) if not isinstance(part, Shim)}
    shims = {part.id: name for name, part in _parts(nlp) if isinstance(part, Shim)}

    def name_of(id: int, key: str) -> str | None:
        # layers and shims are numbered apart
        name, node = nodes.get(id, ("", None))
        return name if node is not None and node.has_param(key) else shims.get(id)

    kept: dict[str, Any] = {}
    for moment in _MOMENTS:
        rows = [(name_of(*key), key[1], value) for key, value in (getattr(optimizer, moment) or {}).items()]
        kept[moment] = [[name, key, _plain(value)] for name, key, value in rows if name is not None]
    states = {name: part.optimizer_state() for name, part in _parts(nlp) if isinstance(part, TorchShim)}
    return {"thinc": kept, "torch": {name: state for name, state in states.items() if state is not None}}


def set_optimizer_state(nlp: Language, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Give the optimizers what `optimizer_state` gave. Their schedules are not part of it.

    Raises:
        KeyError: Where the pipeline has other parts.
    """
    parts = dict(_parts(nlp))
    for moment, rows in state["thinc"].items():
        table = getattr(optimizer, moment)
        for name, key, value in rows:
            if isinstance(value, np.ndarray):
                ops: Any = getattr(parts[name], "ops", None) or get_current_ops()
                value = ops.asarray(np.array(value))
            table[parts[name].id, key] = value
    for name, each in state["torch"].items():
        shim: Any = parts[name]
        shim.load_optimizer_state(optimizer, each)


def _parts(nlp: Language) -> Iterator[tuple[str, Any]]:
    """The layers of all components, and their shims, each with a name that says where it stands."""
    for name, pipe in nlp.components:
        model: Model[Any, Any] | None = getattr(pipe, "model", None)
        if model is None or not hasattr(model, "walk"):
            continue
        for number, node in enumerate(model.walk()):
            yield f"{name}/{number}", node
            for place, shim in enumerate(node.shims):
                yield f"{name}/{number}/{place}", shim


def _plain(value: Any) -> Any:
    """Arrays as numpy's."""
    return value.get() if hasattr(value, "get") else value
