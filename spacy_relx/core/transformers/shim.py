"""A shim that keeps a transformer's configuration and tokenizer beside its weights."""

from __future__ import annotations

from typing import Any, Callable

import srsly
from torch import nn

from ...errors import RelxError
from ..shim import TorchShim
from .loading import LoadedTransformer


class TransformerShim(TorchShim):
    """A `TorchShim` that also keeps the transformer's configuration and tokenizer, from which it builds itself anew.

    make: the transformer -> the network around it. sizes: languages, n_old and old_modules as in `LanguageSwitcher`,
    where the network has a switcher; else None. warned: whether RX274 has been said.
    """

    extra = "transformers"

    def __init__(self) -> None:
        super().__init__()
        self.warned = False
        self.loaded: LoadedTransformer | None = None
        self.sizes: dict[str, Any] | None = None
        self.make: Callable[[LoadedTransformer], nn.Module] | None = None

    def build_from(self, loaded: LoadedTransformer) -> None:
        """Build the network. RAISES: RelxError RX050 when the sizes are not known yet."""
        if self.make is None:
            raise RelxError("RX050")
        self.build(self.make(loaded))
        self.loaded = loaded

    @property
    def transformer(self) -> LoadedTransformer:
        """RAISES: RelxError RX050 before it is loaded."""
        if self.loaded is None:
            raise RelxError("RX050")
        return self.loaded

    def to_bytes(self) -> bytes:
        if not self.is_built:
            return srsly.msgpack_dumps({})
        return srsly.msgpack_dumps(
            {"transformer": self.transformer.to_dict(), "weights": self.weights(), "sizes": self.sizes}
        )

    def from_bytes(self, bytes_data: bytes) -> TransformerShim:
        """Build the network from what was saved. RAISES: RelxError RX051 when the weights do not fit it."""
        state = srsly.msgpack_loads(bytes_data)
        if state:
            if not {"transformer", "weights"} <= set(state):
                raise RelxError("RX051", name="transformer", found="missing", wanted="saved with the weights", count=1)
            if self.sizes is not None:
                self.sizes.update(state.get("sizes") or {})
            self.build_from(LoadedTransformer.from_dict(state["transformer"]))
            self.load_weights(state["weights"])
        return self
