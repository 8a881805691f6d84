"""What a component asks of its model, and how it finds the layer that does it. No torch: factories import this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from thinc.api import Model

from ..errors import RelxError

if TYPE_CHECKING:
    from .layer import AnyLayer

#: Of a label in targets, beside 1 (it holds) and 0 (it does not): it is not known whether it holds.
UNKNOWN = -1
#: thinc's model of anything: spaCy's are of no particular types.
AnyModel = Model[Any, Any]


@dataclass(frozen=True)
class Task:
    """What all layers of a component's model are told before it is initialised. It is saved with the weights.

    Args:
        labels: Names of the relations; the scores' columns from 1.
        n_markers: Rows of the marker vocabulary, the entity types and the uniform marker, row 0.
        entity_types: Names of the markers from row 1 on; empty where they have none.
        by_sentence: Whether the training Docs were single sentences, so that longer ones are read by sentence.
        by_rule: Whether relations lie within sentences, so that Docs without sentence boundaries are cut by rule.
        langs: Languages that are told apart, where a layer does that.
        n_old_langs: The first so many of them come from the pipeline that training starts from.
        old_modules: Sub-modules that these may use: a number for all of them, or one for each; 0 for all sub-modules.
    """

    labels: tuple[str, ...] = ()
    n_markers: int = 1
    entity_types: tuple[str, ...] = ()
    by_sentence: bool = False
    by_rule: bool = False
    langs: tuple[str, ...] = ()
    n_old_langs: int = 0
    old_modules: int | tuple[int, ...] = 0

    @property
    def n_labels(self) -> int:
        """Number of relations, without no-relation."""
        return len(self.labels)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        """What `to_dict` gave.

        Raises:
            ValueError: For values that cannot be.
        """
        values: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in data.items()}
        task = cls(**values)
        modules = task.old_modules if isinstance(task.old_modules, tuple) else (task.old_modules,)
        names = (task.labels, task.entity_types, task.langs)
        if not all(isinstance(part, tuple) and all(isinstance(name, str) for name in part) for part in names):
            raise ValueError("its names are no lists of strings")
        if not all(type(n) is int and n >= 0 for n in (task.n_markers, task.n_old_langs, *modules)):
            raise ValueError("its sizes are no whole numbers")
        return task


def layers_of(model: AnyModel) -> Iterator[tuple[AnyModel, AnyLayer]]:
    """The layers of this package in a model, itself and all below it, each with its thinc model."""
    from .shim import TorchShim  # torch, which is there when a model is

    for node in model.walk():
        for shim in node.shims:
            if isinstance(shim, TorchShim):
                yield node, shim.layer


def layer_of(model: AnyModel) -> AnyLayer:
    """The layer of this package that a thinc model is made of.

    Raises:
        RelxError: RX021 for a model that is none of this package.
    """
    from .shim import TorchShim

    for shim in model.shims:
        if isinstance(shim, TorchShim):
            return shim.layer
    raise RelxError("RX021", name="model", value=model.name, need="an architecture of spacy_relx")


def set_task(model: AnyModel, task: Task) -> None:
    """Tell all layers of a model what they are for."""
    for _, layer in layers_of(model):
        layer.task = task
