"""The precision that parts of a network compute in."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

#: Of a part's numbers; "auto" is bf16 where the device computes it in hardware.
Precision = Literal["fp32", "bf16", "auto"]


@lru_cache
def computes_bf16(device_type: str) -> bool:
    """Whether a kind of device ("cpu", "cuda") multiplies bfloat16 matrices in hardware. Elsewhere they are emulated,
    which takes two to three times as long as single precision."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)() if device_type == "cpu" else {}
    return any(there for name, there in capabilities.items() if "bf16" in name)


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A precision ("fp32", "bf16" or "auto", bf16 where the device computes it in hardware), as a context."""
    bf16 = precision == "bf16" or (precision == "auto" and computes_bf16(device.type))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


def full_precision(logits: Tensor) -> Tensor:
    """Losses and probabilities are computed in single precision at least, whatever the network ran in."""
    return logits if logits.dtype == torch.float64 else logits.float()
