"""Copies of modules that are trained as the original is."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

_Module = TypeVar("_Module", bound=nn.Module)


def copy_module(module: _Module, memo: dict[int, object] | None = None) -> _Module:
    """A deep copy whose parameters have the original's share of the learning rate (attribute `lr_scale`), which is not
    copied with them. memo: see `copy.deepcopy`."""
    copied = copy.deepcopy(module, memo)
    for old, new in zip(module.parameters(), copied.parameters()):
        if hasattr(old, "lr_scale"):
            new.lr_scale = old.lr_scale  # type: ignore[attr-defined]
    return copied


def leading(new: Tensor, old: Tensor) -> Tensor | None:
    """`new` with the values of `old` where it has room for them: all of it, or its first rows where both have the same
    row length. RETURNS: None where they do not fit."""
    if new.shape == old.shape:
        return old.to(new.dtype)
    if new.dim() != old.dim() or not new.dim() or new.shape[1:] != old.shape[1:] or len(old) > len(new):
        return None
    return torch.cat([old.to(new.dtype), new[len(old) :]])
