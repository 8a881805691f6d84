"""Adagrad and Adam for tables of vectors, of which an update changes all rows or only some."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def _fused(kind: type) -> dict[str, Any]:
    """Fused kernels pass over the memory once, three times as fast as one operation behind the other; PyTorch before
    2.5 has none of Adagrad."""
    return {"fused": True} if "fused" in inspect.signature(kind).parameters else {}


class TableAdagrad(torch.optim.Adagrad):
    """Duchi, Hazan and Singer 2011. Rows without a gradient do not change: updating some rows is exact."""

    def __init__(self, tables: Iterable[nn.Parameter], lr: float):
        super().__init__(tables, lr=lr, **_fused(torch.optim.Adagrad))

    def update_rows(self, table: nn.Parameter, rows: Tensor, gradient: Tensor) -> None:
        """rows: int64 (n,), each once. gradient: *Shape:* (n, width)."""
        with torch.no_grad():
            sums = self.state[table]["sum"]
            new = sums[rows].addcmul_(gradient, gradient)
            sums[rows] = new
            group = self.param_groups[0]
            table[rows] -= group["lr"] * gradient / new.sqrt_().add_(group["eps"])


class TableAdam(torch.optim.Adam):
    """Kingma and Ba 2015. Where some rows are updated, the moments of the others stay as they are ("lazy" Adam)."""

    def __init__(self, tables: Iterable[nn.Parameter], lr: float):
        super().__init__(tables, lr=lr, **_fused(torch.optim.Adam))

    def update_rows(self, table: nn.Parameter, rows: Tensor, gradient: Tensor) -> None:
        """rows: int64 (n,), each once. gradient: *Shape:* (n, width)."""
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(table), torch.zeros_like(table)
        group = self.param_groups[0]
        first, second = group["betas"]
        state["step"] += 1
        step = float(state["step"])
        with torch.no_grad():
            mean = state["exp_avg"][rows].lerp_(gradient, 1 - first)
            square = state["exp_avg_sq"][rows].lerp_(gradient * gradient, 1 - second)
            state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
            spread = (square / (1 - second**step)).sqrt_().add_(group["eps"])
            table[rows] -= group["lr"] / (1 - first**step) * mean / spread


TableOptimizer = TableAdagrad | TableAdam
OPTIMIZERS: dict[str, type[TableAdagrad] | type[TableAdam]] = {"adagrad": TableAdagrad, "adam": TableAdam}


def state_tensors(optimizer: TableOptimizer, tables: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """The state of an optimizer, by names "table.what"."""
    return {f"{name}.{key}": value for name, table in tables.items() for key, value in optimizer.state[table].items()}


def set_state(optimizer: TableOptimizer, tables: dict[str, nn.Parameter], tensors: dict[str, Tensor]) -> None:
    """Put back what `state_tensors` gave. RAISES: ValueError where that is not of the shape of its table."""
    states: dict[str, dict[str, Any]] = {name: {} for name in tables}
    for key, value in tensors.items():
        name, _, what = key.partition(".")
        shape = () if what == "step" else tables[name].shape if name in tables else None
        if value.shape != shape or value.dtype != torch.float32:
            raise ValueError(f"{key} is {value.dtype} {list(value.shape)}")
        states[name][what] = value
    for name, table in tables.items():
        wanted = optimizer.state[table].keys()
        if not wanted <= states[name].keys():
            raise ValueError(f"{name} has no {', '.join(sorted(wanted - states[name].keys()))}")
        optimizer.state[table] = states[name]
