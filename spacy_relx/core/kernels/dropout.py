"""Dropout whose random numbers cost less on a CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Numbers from one draw of 64 bits, and how many values each of them can have.
_PARTS, _VALUES = 4, 65536


class Dropout(nn.Module):
    """As `torch.nn.Dropout`, which draws every number by itself on a CPU and so takes up to a fifth of a training step.

    p: share of values that become zero, in [0, 1]; on a CPU to the nearest 1/65,536. The others grow so that the
    expected value stays. Elsewhere than on a CPU it is PyTorch's.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """*Shape:* any, floats; the same in training and out of it."""
        n_zero = round(self.p * _VALUES)
        if not self.training or not n_zero:
            return values
        if values.device.type != "cpu" or n_zero == _VALUES:
            return nn.functional.dropout(values, self.p, training=True)
        kept = _draw(values.shape) >= n_zero - _VALUES // 2
        return values * kept.to(values.dtype).mul_(_VALUES / (_VALUES - n_zero))

    def extra_repr(self) -> str:
        return f"p={self.p}"


def _draw(shape: Sequence[int]) -> Tensor:
    """int16, each value as likely as any other."""
    n = math.prod(shape)
    # bounds are given, since without them PyTorch draws numbers of 63 bits
    drawn = torch.empty(-(-n // _PARTS), dtype=torch.int64).random_(-(2**63), 2**63 - 1)
    return drawn.view(torch.int16)[:n].view(tuple(shape))
