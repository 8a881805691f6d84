"""Pairs in chunks, which bounds memory whatever a batch has."""

from __future__ import annotations

from typing import Any, Callable, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


class Chunked(Protocol):
    """A batch that can be cut into batches of at most `size` pairs."""

    def chunks(self, size: int) -> list[Any]: ...


_Batch = TypeVar("_Batch", bound=Chunked)


def chunked_logits(logits: Callable[[_Batch], Tensor], batch: _Batch, size: int) -> Tensor:
    """Logits of all pairs of a batch, of at most `size` pairs at once, in training and prediction.

    logits: batch -> *Shape:* (n_pairs, n_outputs). RETURNS: the same for the whole batch.
    """
    parts = batch.chunks(size)
    if len(parts) == 1:
        return logits(batch)
    if not torch.is_grad_enabled():
        return torch.cat([logits(part) for part in parts])
    # what a chunk's backward pass needs is computed again then, so that memory is that of one chunk
    return torch.cat([checkpoint(logits, part, use_reentrant=False) for part in parts])
