"""What a model over instances reads of a text, and how that is kept with the weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from spacy.tokens import Doc

from ..errors import RelxError
from .instance_batch import InstanceBatch, TokenVectors
from .instances import Instances

VectorsT = TypeVar("VectorsT", bound=TokenVectors)


class InstanceText(ABC, Generic[VectorsT]):
    """Makes the module of its tokens' vectors, and batches of the tokens.

    The module is built of what `prepare` found in training, or `restore` among what was saved. Texts for which the
    weights are all there is to save need neither `saved` nor `restore`.

    Attributes:
        package_extra: The extra of this package that it needs, "" for none.
    """

    package_extra: str = ""

    @abstractmethod
    def prepare(self, docs: Iterable[Doc]) -> int:
        """Called once, with all training Docs, before the module is made.

        Returns:
            Rows of the table of tokens.
        """

    @abstractmethod
    def build(self, n_words: int) -> VectorsT:
        """The module. n_words: rows of the table of tokens."""

    @abstractmethod
    def batch(self, docs: Sequence[Doc], instances: Instances, langs: np.ndarray, module: VectorsT) -> InstanceBatch:
        """A batch of instances.

        Args:
            docs: Their Docs.
            instances: The instances.
            langs: int64 (n_instances,), row of each instance's language.
            module: What `build` made.
        """

    def start(self, module: VectorsT, entity_types: Sequence[str]) -> None:
        """Called once, when a new model has been built: first values that depend on the names of entity types."""
        return None

    def saved(self, module: VectorsT) -> dict[str, Any] | None:
        """What `build` needs besides the weights, as values that msgpack can write; None if nothing."""
        return None

    def restore(self, saved: Mapping[str, Any] | None) -> None:
        """Take what `saved` gave.

        Raises:
            RelxError: RX051 for what was saved with a text of another kind.
        """
        if saved is not None:
            raise RelxError("RX051", name="transformer", found="saved with the weights", wanted="absent", count=1)


AnyText = InstanceText[Any]
