"""Adagrad and Adam for tables of vectors, of which an update changes all rows or only some (sparse gradients)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adagrad, Adam, Optimizer, SparseAdam

#: Names of optimizers.
OPTIMIZERS = ("adagrad", "adam")


def make_optimizers(
    name: str, dense: Sequence[nn.Parameter], sparse: Sequence[nn.Parameter], lr: float
) -> list[Optimizer]:
    """The optimizers of tables, for `step`.

    Args:
        name: "adagrad" (Duchi, Hazan and Singer 2011), whose rows without a gradient do not change, so that updating
            some rows is exact; or "adam" (Kingma and Ba 2015), where some rows are updated the "lazy" one: the moments
            of the others stay as they are.
        dense: tables whose gradients are those of all rows.
        sparse: tables whose gradients are `row_gradient`s.
        lr: learning rate.
    """
    kinds: dict[str, tuple[Any, Any]] = {"adagrad": (Adagrad, Adagrad), "adam": (Adam, SparseAdam)}
    of_all, of_some = kinds[name]
    found: list[Optimizer] = [of_all(dense, lr=lr, **_fused(of_all))] if dense else []
    return [*found, of_some(sparse, lr=lr)] if sparse else found


def _fused(kind: Any) -> dict[str, Any]:
    """Fused kernels pass over the memory once, three times as fast as one operation behind the other; PyTorch before
    2.5 has none of Adagrad."""
    return {"fused": True} if "fused" in inspect.signature(kind).parameters else {}


def step(optimizers: Sequence[Optimizer]) -> None:
    """Update the tables."""
    with torch.sparse.check_sparse_tensor_invariants(enable=False):  # PyTorch warns where nobody has chosen
        for optimizer in optimizers:
            optimizer.step()


def row_gradient(table: nn.Parameter, rows: Tensor, values: Tensor) -> Tensor:
    """The gradient of some rows of a table. rows: int64 (n,), each once. values: *Shape:* (n, width)."""
    return torch.sparse_coo_tensor(rows.unsqueeze(0), values, table.shape, check_invariants=False)


def state_tensors(optimizers: Sequence[Optimizer], tables: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """The state of optimizers, by names "table.what"."""
    states = {name: each.state[table] for each in optimizers for name, table in tables.items() if table in each.state}
    return {
        f"{name}.{key}": value if isinstance(value, Tensor) else torch.tensor(float(value))
        for name, state in states.items()
        for key, value in state.items()
    }


def set_state(optimizers: Sequence[Optimizer], tables: dict[str, nn.Parameter], tensors: dict[str, Tensor]) -> None:
    """Put back what `state_tensors` gave. RAISES: ValueError where that is not of the shape of its table."""
    states: dict[str, dict[str, Any]] = {name: {} for name in tables}
    for key, value in tensors.items():
        name, _, what = key.partition(".")
        shape = () if what == "step" else tables[name].shape if name in tables else None
        if value.shape != shape or value.dtype != torch.float32:
            raise ValueError(f"{key} is {value.dtype} {list(value.shape)}")
        states[name][what] = value
    for optimizer in optimizers:
        for name, table in tables.items():
            if not any(table is each for each in optimizer.param_groups[0]["params"]):
                continue
            wanted = optimizer.state[table].keys()
            if not wanted <= states[name].keys():
                raise ValueError(f"{name} has no {', '.join(sorted(wanted - states[name].keys()))}")
            if isinstance(optimizer, SparseAdam):  # which counts its steps itself
                states[name]["step"] = int(states[name]["step"])
            optimizer.state[table] = states[name]
