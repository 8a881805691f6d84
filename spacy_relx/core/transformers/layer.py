"""What layers with a transformer have in common: it is loaded once, and saved with the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc

from ...errors import RelxError
from ..layer import Layer, NetworkT
from .loading import LoadedTransformer, TransformerSource, load_transformer


class TransformerLayer(Layer[NetworkT]):
    """A layer whose network is made around a transformer.

    Args:
        source: Where the transformer comes from and how it is trained.
        settings: What the next class in the method resolution order takes.
    """

    def __init__(self, source: TransformerSource, *settings: Any):
        super().__init__(*settings)
        self.source = source
        self._loaded: LoadedTransformer | None = None

    @property
    def package_extra(self) -> str:
        """The extra of this package that the transformer needs, "" for none or before it is loaded."""
        return "" if self._loaded is None else self._loaded.package_extra

    @property
    def has_loaded(self) -> bool:
        """Whether the transformer is there."""
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedTransformer:
        """The transformer.

        Raises:
            RelxError: RX050 before it is loaded.
        """
        if self._loaded is None:
            raise RelxError("RX050")
        return self._loaded

    def measure(self, docs: Iterable[Doc] | None) -> None:
        self._loaded = load_transformer(self.source)

    def extra_state(self) -> dict[str, Any]:
        return self.loaded.to_dict()

    def restore(self, task: Mapping[str, Any], sizes: Mapping[str, Any], extra: Mapping[str, Any] | None) -> None:
        if extra is None:
            raise RelxError("RX051", name="transformer", found="missing", wanted="saved with the weights", count=1)
        super().restore(task, sizes, None)
        self._loaded = LoadedTransformer.from_dict(extra)
