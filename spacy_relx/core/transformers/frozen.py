"""What the frozen layers below the trained ones say of texts, kept from one epoch to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from .batch import MarkedBatch


class StateCache:
    """States of texts by their pieces. When it is full, what it holds stays: the texts of a training come again and
    again, and to let the oldest go would be to let each go before it comes.

    Args:
        megabytes: Memory that it may take.
    """

    def __init__(self, megabytes: int):
        self.megabytes = megabytes
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._states: dict[bytes, Tensor] = {}
        self._version: object = None
        self.n_bytes = 0

    def __deepcopy__(self, memo: dict[int, object]) -> StateCache:
        return StateCache(self.megabytes)

    def __reduce__(self) -> tuple[type[StateCache], tuple[int]]:
        return StateCache, (self.megabytes,)

    def states(self, batch: MarkedBatch, weights: Iterable[Tensor], compute: Callable[[MarkedBatch], Tensor]) -> Tensor:
        """States of a batch's texts, from memory where they are there.

        Args:
            batch: Texts without markers beside them.
            weights: What the states depend on besides the texts: where one has changed, nothing is taken from memory.
            compute: The states of a batch, *Shape:* (rows, width).

        Returns:
            *Shape:* (rows, width).
        """
        version = [(weight.data_ptr(), weight._version) for weight in weights]
        if version != self._version:
            self.clear()
            self._version = version
        texts = batch.ids.split(batch.lengths.tolist())
        keys = [text.cpu().numpy().tobytes() for text in texts]
        found = [self._states.get(key) for key in keys]
        missing = [row for row, states in enumerate(found) if states is None]
        if missing:
            lengths = batch.lengths[missing]
            part = replace(
                batch,
                ids=torch.cat([texts[row] for row in missing]),
                lengths=lengths,
                group_counts=torch.zeros_like(lengths),
            )
            with torch.no_grad():
                computed = compute(part).split(lengths.tolist())
            for row, states in zip(missing, computed):
                found[row] = states
                self._keep(keys[row], states)
        return torch.cat([states for states in found if states is not None])

    def _keep(self, key: bytes, states: Tensor) -> None:
        size = len(key) + states.numel() * states.element_size()
        if self.n_bytes + size <= self.megabytes * 2**20 and key not in self._states:
            self._states[key] = states.clone()  # a slice would keep the whole batch
            self.n_bytes += size
