"""Copies of modules that are trained as the original is."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def copy_module(module: _Module, memo: dict | None = None) -> _Module:
    """A deep copy whose parameters have the original's share of the learning rate (attribute `lr_scale`), which is not
    copied with them. memo: see `copy.deepcopy`."""
    copied = copy.deepcopy(module, memo)
    for old, new in zip(module.parameters(), copied.parameters()):
        if hasattr(old, "lr_scale"):
            new.lr_scale = old.lr_scale  # type: ignore[attr-defined]
    return copied
