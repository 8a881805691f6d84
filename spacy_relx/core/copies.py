"""Copies of modules that are trained as the original is."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

_Module = TypeVar("_Module", bound=nn.Module)


def copy_module(module: _Module, memo: dict[int, object] | None = None) -> _Module:
    """A deep copy whose parameters have the original's attributes `lr_scale` and `storage`, which are not copied with
    them. memo: see `copy.deepcopy`."""
    copied = copy.deepcopy(module, memo)
    for old, new in zip(module.parameters(), copied.parameters()):
        for name in ("lr_scale", "storage"):
            if hasattr(old, name):
                setattr(new, name, getattr(old, name))
    return copied


def leading(new: Tensor, old: Tensor) -> Tensor | None:
    """`new` with the values of `old` where it has room for them: all of it, or its first rows where both have the same
    row length. RETURNS: None where they do not fit."""
    if new.shape == old.shape:
        return old.to(new.dtype)
    if new.dim() != old.dim() or not new.dim() or new.shape[1:] != old.shape[1:] or len(old) > len(new):
        return None
    return torch.cat([old.to(new.dtype), new[len(old) :]])
