"""What a model over instances reads of a text, and how that is kept with the weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Callable, ClassVar

import numpy as np
import srsly
from spacy.tokens import Doc
from thinc.api import Model
from torch import nn

from ..core.shim import TorchShim
from ..errors import RelxError
from .instance_batch import InstanceBatch
from .instances import Instances


class InstanceText(ABC):
    """Makes the module of its tokens' vectors, and batches of the tokens.

    The module is built of what `prepare` found in training, or `restore` among what was saved. Texts for which the
    weights are all there is to save need neither `saved` nor `restore`. extra: the extra of this package that it needs.
    """

    extra: ClassVar[str] = ""

    @property
    def is_ready(self) -> bool:
        """Whether `build` has all that it needs."""
        return True

    @abstractmethod
    def prepare(self, docs: Iterable[Doc]) -> int:
        """Called once, with all training Docs, before the module is made. RETURNS: rows of the table of tokens."""

    @abstractmethod
    def build(self, n_rows: int) -> nn.Module:
        """The module: `InstanceBatch` -> vectors of its tokens, of the width that it has as `width`."""

    @abstractmethod
    def batch(self, docs: Sequence[Doc], instances: Instances, langs: np.ndarray, module: Any) -> InstanceBatch:
        """langs: int64 (n_instances,), row of each instance's language. module: from `build`."""

    def start(self, module: Any, marker_names: Sequence[str]) -> None:
        """Called once, when a new model has been built: first values that depend on the names of entity types."""
        return None

    def saved(self, module: Any) -> dict[str, Any] | None:
        """What `build` needs besides the weights, as values that msgpack can write; None if nothing."""
        return None

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what `saved` gave. RAISES: RelxError RX051 for a text that needs nothing of the kind."""
        raise RelxError("RX051", name="transformer", found="saved with the weights", wanted="absent", count=1)


class InstanceShim(TorchShim):
    """A `TorchShim` that also keeps what its text needs to be built anew, such as a tokenizer.

    The module has its text's module as `words`.
    """

    def __init__(self, text: InstanceText):
        super().__init__()
        self.text = text
        self.extra = getattr(text, "extra", "")
        self.make: Callable[[], nn.Module] | None = None

    def to_bytes(self) -> bytes:
        saved = self.text.saved(self.module.words) if self.is_built else None
        if saved is None:
            return super().to_bytes()
        return srsly.msgpack_dumps({"text": saved, "weights": self.weights()})

    def from_bytes(self, bytes_data: bytes) -> InstanceShim:
        """Load weights, and build the module first where its text had to be saved.

        RAISES: RelxError RX051 when they do not fit it, RX050 when the sizes are not known yet.
        """
        state = srsly.msgpack_loads(bytes_data)
        if set(state) == {"text", "weights"}:
            if self.make is None:
                raise RelxError("RX050")
            self.text.restore(state["text"])
            self.build(self.make())
            state = state["weights"]
        elif state and not self.is_built:
            raise RelxError("RX051", name="transformer", found="missing", wanted="saved with the weights", count=1)
        if state or self.is_built:
            self.load_weights(state)
        return self


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Prepare the text with all training Docs, then build the network; nO and n_markers must be set."""
    shim: Any = model.shims[0]
    build_network(model, shim.text.prepare(X[0] if X is not None else ()))
    shim.text.start(shim.module.words, model.attrs.get("marker_names", ()))
    for part in list(shim.module.modules()):
        if hasattr(part, "start_from_labels"):
            part.start_from_labels(model.attrs.get("label_names", ()))


def build_network(model: Model, width: int) -> None:
    """Build the torch module, once all dimensions are known; if its text must be loaded first, then when that is.

    The model has as attribute `build`: (width, n_markers, n_labels) -> module. width: rows of the table of tokens.
    """
    shim: Any = model.shims[0]
    model.set_dim("nI", width, force=True)
    shim.make = partial(model.attrs["build"], width, model.get_dim("n_markers"), model.get_dim("nO"))
    if shim.text.is_ready:
        shim.build(shim.make())
