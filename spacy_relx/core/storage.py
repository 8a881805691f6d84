"""How weights are kept in a saved pipeline: as they are, in 16 bits, or in rows of 8 bits with a scale each.

A parameter says so by its attribute `storage`, which `set_training` gives those of a transformer; in memory all have 32
bits. In 8 bits a weight is off by at most 1/254 of its row's largest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Union

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import TypeAlias

Storage = Literal["fp32", "fp16", "int8"]
#: An array as it is, or rows and their scales.
Saved: TypeAlias = Union[np.ndarray, Mapping[str, np.ndarray]]

_ROWS = {"rows", "scales"}
_exact: ContextVar[bool] = ContextVar("exact", default=False)


@contextmanager
def exact_weights() -> Iterator[None]:
    """In this context, weights are saved as they are, whatever `storage` says: for training that goes on later."""
    token = _exact.set(True)
    try:
        yield
    finally:
        _exact.reset(token)


def save_weights(module: nn.Module) -> dict[str, Saved]:
    """All parameters and saved buffers of a module by name, each in its storage."""
    kinds = {name: getattr(p, "storage", "fp32") for name, p in module.named_parameters(remove_duplicate=False)}
    return {name: _pack(tensor, kinds.get(name, "fp32")) for name, tensor in module.state_dict().items()}


def saved_shape(saved: Saved) -> tuple[int, ...]:
    """The shape of the weights that were saved.

    Raises:
        ValueError: For what is no weights of `save_weights`.
    """
    if isinstance(saved, Mapping):
        rows, scales = (saved.get("rows"), saved.get("scales")) if set(saved) == _ROWS else (None, None)
        if not (isinstance(rows, np.ndarray) and isinstance(scales, np.ndarray)):
            raise ValueError("weights in 8 bits do not have rows and scales")
        if rows.dtype != np.int8 or scales.dtype != np.float32 or rows.ndim != 2 or scales.shape != rows.shape[:1]:
            raise ValueError("weights in 8 bits do not have a scale for each row")
        saved = rows
    return tuple(saved.shape)


def load_saved(target: Tensor, saved: Saved) -> None:
    """Write saved weights into a tensor of their shape."""
    with torch.no_grad():
        if isinstance(saved, Mapping):
            target.copy_(_tensor(saved["rows"]))
            target.mul_(_tensor(saved["scales"]).to(target.device).unsqueeze(1))
        else:
            target.copy_(_tensor(saved))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _pack(tensor: Tensor, storage: str) -> Saved:
    tensor = tensor.detach().cpu()
    if storage == "fp32" or _exact.get() or tensor.dtype != torch.float32:
        return _array(tensor)
    if storage == "int8" and tensor.dim() == 2:
        scales = tensor.abs().amax(dim=1) / 127
        rows = torch.round(tensor / torch.where(scales > 0, scales, 1.0).unsqueeze(1)).to(torch.int8)
        return {"rows": _array(rows), "scales": _array(scales)}
    half = tensor.half()
    return _array(half if storage == "fp16" and bool(half.isfinite().all()) else tensor)


def _array(tensor: Tensor) -> Any:
    return tensor.numpy()
