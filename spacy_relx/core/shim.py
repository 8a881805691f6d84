"""A thinc shim whose optimizer is PyTorch's, and whose weights on disk are plain arrays."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import srsly
import torch
from thinc.api import Model, Optimizer, PyTorchShim
from thinc.util import get_torch_default_device
from torch import nn

from ..errors import RelxError
from . import forks  # noqa: F401
from .copies import copy_module


class TorchShim(PyTorchShim):
    """Holds a torch module that may be built later, when its dimensions are known.

    thinc's own shim steps every parameter through numpy; here one fused torch optimizer steps all. Its learning rate
    and the rest are read from the thinc optimizer at each step, so spaCy's `[training.optimizer]` and its schedules
    mean what they always mean: Adam with `L2_is_weight_decay` is AdamW. Gradients are clipped by their norm over the
    whole module. Weights are saved as msgpack of arrays, never as pickled code. extra: the extra of this package that
    the module needs.
    """

    extra = ""

    def __init__(self, module: nn.Module | None = None):
        super().__init__(module)
        self._torch_optimizer: torch.optim.Optimizer | None = None
        self._owner: Optimizer | None = None

    @property
    def module(self) -> Any:
        """The torch module. RAISES: RelxError RX050 before it is built."""
        if self._model is None:
            raise RelxError("RX050")
        return self._model

    @property
    def is_built(self) -> bool:
        return self._model is not None

    def build(self, module: nn.Module) -> None:
        """Set the module, on the device that spaCy uses."""
        self._model = module.to(get_torch_default_device())
        self._torch_optimizer = None

    def finish_update(self, optimizer: Optimizer) -> None:
        """One optimizer step over all parameters that have a gradient; then the gradients are gone."""
        stepped = [p for p in self.module.parameters() if p.grad is not None]
        if not stepped:
            return
        if self._torch_optimizer is None or self._owner is not optimizer:
            self._torch_optimizer = _make_optimizer(self.module, optimizer)
            self._owner = optimizer
        if optimizer.grad_clip:
            nn.utils.clip_grad_norm_(stepped, optimizer.grad_clip)
        for group in self._torch_optimizer.param_groups:
            group["lr"] = optimizer.learn_rate * group["lr_scale"]
            group["weight_decay"] = optimizer.L2
        self._torch_optimizer.step()
        self._torch_optimizer.zero_grad(set_to_none=True)

    def optimizer_state(self) -> dict[str, Any] | None:
        """What the torch optimizer keeps of each parameter, as arrays: place among its parameters -> name -> value.
        None before the first step."""
        if self._torch_optimizer is None:
            return None
        state = self._torch_optimizer.state_dict()["state"]
        return {
            str(place): {name: np.array(value.detach().cpu()) for name, value in kept.items()}
            for place, kept in state.items()
        }

    def load_optimizer_state(self, optimizer: Optimizer, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Go on with what `optimizer_state` gave. optimizer: the thinc one that steps from now on."""
        self._torch_optimizer, self._owner = _make_optimizer(self.module, optimizer), optimizer
        tensors = {
            int(place): {name: torch.from_numpy(np.array(value)) for name, value in kept.items()}
            for place, kept in state.items()
        }
        self._torch_optimizer.load_state_dict({**self._torch_optimizer.state_dict(), "state": tensors})

    def to_bytes(self) -> bytes:
        return srsly.msgpack_dumps(self.weights() if self.is_built else {})

    def from_bytes(self, bytes_data: bytes) -> TorchShim:
        """Load weights into the built module. RAISES: RelxError RX051 when they do not fit it."""
        state = srsly.msgpack_loads(bytes_data)
        if state or self.is_built:
            self.load_weights(state)
        return self

    def weights(self) -> dict[str, np.ndarray]:
        """All parameters and saved buffers by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.module.state_dict().items()}

    def load_weights(self, state: Mapping[str, np.ndarray]) -> None:
        """RAISES: RelxError RX051 when they do not fit the module."""
        shapes = {name: tuple(array.shape) for name, array in state.items()}
        for prefix, part in self.module.named_modules():
            if hasattr(part, "fit_shapes"):  # tables of a size that only the weights know
                part.fit_shapes(f"{prefix}." if prefix else "", shapes)
        wanted = self.module.state_dict()
        wrong = sorted(set(state) ^ set(wanted))
        wrong += [n for n in set(state) & set(wanted) if tuple(state[n].shape) != tuple(wanted[n].shape)]
        if wrong:
            name = wrong[0]
            found = tuple(state[name].shape) if name in state else "missing"
            need = tuple(wanted[name].shape) if name in wanted else "absent"
            raise RelxError("RX051", name=name, found=found, wanted=need, count=len(wrong))
        self._model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})

    def __deepcopy__(self, memo: dict) -> TorchShim:
        copied = copy.copy(self)
        copied._model = None if self._model is None else copy_module(self._model, memo)
        copied._torch_optimizer = copied._owner = None
        return copied

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        state["_torch_optimizer"] = state["_owner"] = None
        return state


def torch_shim(model: Model) -> TorchShim:
    """The shim of one of our layers."""
    return cast(TorchShim, model.shims[0])


def _make_optimizer(module: nn.Module, optimizer: Optimizer) -> torch.optim.Optimizer:
    """The torch optimizer that does what the thinc one is set to do. A parameter's own learning rate is the shared
    one times its attribute `lr_scale`, where a module has set it."""
    scales: dict[float, list[nn.Parameter]] = {}
    for parameter in module.parameters():
        if parameter.requires_grad:
            scales.setdefault(float(getattr(parameter, "lr_scale", 1.0)), []).append(parameter)
    groups = [{"params": params, "lr_scale": scale} for scale, params in scales.items()]
    lr, decay = float(optimizer.learn_rate), float(optimizer.L2)
    if optimizer.b1 == 0.0 and optimizer.b2 == 0.0:
        return torch.optim.SGD(groups, lr=lr, weight_decay=decay)
    settings: dict[str, Any] = {"lr": lr, "betas": (optimizer.b1, optimizer.b2), "eps": optimizer.eps}
    settings["weight_decay"] = decay
    if optimizer.use_radam:
        return torch.optim.RAdam(groups, decoupled_weight_decay=optimizer.L2_is_weight_decay, **settings)
    kind = torch.optim.AdamW if optimizer.L2_is_weight_decay else torch.optim.Adam
    return kind(groups, fused=True, **settings)
