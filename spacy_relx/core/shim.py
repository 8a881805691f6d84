"""The thinc shim of every layer: PyTorch's optimizer, and weights on disk as plain arrays."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import srsly
import torch
from thinc.api import Optimizer, PyTorchShim
from thinc.util import get_torch_default_device
from torch import nn

from ..errors import RelxError
from . import forks  # noqa: F401
from .copies import copy_module
from .storage import Saved, load_saved, save_weights, saved_shape

if TYPE_CHECKING:
    from .layer import AnyLayer

#: What is saved: the task and the sizes that the network is built of, its weights, and what else its layer needs.
_SAVED = {"task", "sizes", "weights", "extra"}


class TorchShim(PyTorchShim):
    """Holds a layer and its torch network, which is built when the layer knows its sizes.

    thinc's own shim steps every parameter through numpy; here one fused torch optimizer steps all. Its learning rate
    and the rest are read from the thinc optimizer at each step, so spaCy's `[training.optimizer]` and its schedules
    mean what they always mean: Adam with `L2_is_weight_decay` is AdamW. Gradients are clipped by their norm over the
    whole network. Weights are saved as msgpack of arrays, never as pickled code.

    Args:
        layer: What builds the network, and works with it.
    """

    def __init__(self, layer: AnyLayer):
        super().__init__(None)
        self.layer = layer
        self._torch_optimizer: torch.optim.Optimizer | None = None
        self._owner: Optimizer | None = None

    @property
    def is_built(self) -> bool:
        """Whether there is a network, by initialisation or loading."""
        return self.layer.is_built

    @property
    def module(self) -> nn.Module:
        """The network.

        Raises:
            RelxError: RX050 before it is built.
        """
        network: nn.Module = self.layer.network
        return network

    def build(self) -> None:
        """Build the network from what the layer knows, on the device that spaCy uses."""
        self._set(self.layer.build().to(get_torch_default_device()))

    def _set(self, network: nn.Module | None) -> None:
        self._model = network
        self.layer.set_network(network)
        self._torch_optimizer = None

    def finish_update(self, optimizer: Optimizer) -> None:
        """Step on the gradients of an update, and then on those of each loss that the layer has besides."""
        self.step(optimizer)
        for _ in self.layer.further_gradients():
            self.step(optimizer)

    def step(self, optimizer: Optimizer) -> None:
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
        """Everything that a network of the same settings needs; nothing before it is built."""
        if not self.is_built:
            return srsly.msgpack_dumps({})
        state = {
            "task": self.layer.task.to_dict(),
            "sizes": self.layer.sizes,
            "weights": self.weights(),
            "extra": self.layer.extra_state(),
        }
        return srsly.msgpack_dumps(state)

    def from_bytes(self, bytes_data: bytes) -> TorchShim:
        """Build the network from the sizes that were saved, then load its weights.

        Raises:
            RelxError: RX051 when the weights do not fit the network of these settings.
            ValueError: For what was not saved by `to_bytes`.
        """
        state = srsly.msgpack_loads(bytes_data)
        if not state:
            self._set(None)
        elif isinstance(state, dict) and set(state) == _SAVED:
            self.layer.restore(state["task"], state["sizes"], state["extra"])
            self.build()
            self.load_weights(state["weights"])
        else:
            raise ValueError(f"a layer's bytes do not hold {', '.join(sorted(_SAVED))}")
        return self

    def weights(self) -> dict[str, Saved]:
        """All parameters and saved buffers by name, as `storage` keeps them."""
        return save_weights(self.module)

    def load_weights(self, state: Mapping[str, Saved]) -> None:
        """Load what `weights` gave.

        Raises:
            RelxError: RX051 when they do not fit the network.
            ValueError: For what is no weights.
        """
        wanted = self.module.state_dict()
        found = {name: saved_shape(saved) for name, saved in state.items()}
        wrong = sorted(set(found) ^ set(wanted))
        wrong += [name for name in set(found) & set(wanted) if found[name] != tuple(wanted[name].shape)]
        if wrong:
            name = wrong[0]
            need = tuple(wanted[name].shape) if name in wanted else "absent"
            raise RelxError("RX051", name=name, found=found.get(name, "missing"), wanted=need, count=len(wrong))
        for name, saved in state.items():
            load_saved(wanted[name], saved)

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchShim:
        copied = copy.copy(self)
        copied.layer = self.layer.copy()
        copied._set(copy_module(self.module, memo) if self.is_built else None)
        copied._owner = None
        return copied

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_torch_optimizer"] = state["_owner"] = None
        return state


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
