"""Dropout by numbers that are drawn four at once."""

import pytest
import torch

from spacy_relx.core.kernels.dropout import Dropout, _draw


@pytest.mark.parametrize("p", [0.001, 0.15, 0.5, 0.9])
def test_share_and_mean(p):
    torch.manual_seed(0)
    found = Dropout(p)(torch.full((1001, 999), 3.0))
    n = found.numel()
    spread = 5 * (p * (1 - p) / n) ** 0.5  # five standard deviations
    assert abs((found == 0).double().mean() - p) < spread + 1 / 65536
    assert abs(found.double().mean() / 3 - 1) < spread / (1 - p)
    assert len(found.unique()) == 2


def test_draws_are_even():
    torch.manual_seed(0)
    drawn = _draw((1000, 4 * 250)).view(-1, 4).long()
    for bit in range(16):  # each bit of each of the four places
        ones = ((drawn >> bit) & 1).double().mean(dim=0)
        assert ((ones - 0.5).abs() < 5 * 0.5 / len(drawn) ** 0.5).all(), bit
    # neighbours, and the same place of neighbouring draws, do not go together
    signs = (drawn >= 0).double() - 0.5
    assert abs((signs[:, :-1] * signs[:, 1:]).mean()) < 0.005 and abs((signs[:-1] * signs[1:]).mean()) < 0.005


def test_out_of_training_and_at_the_bounds():
    values = torch.randn(5, 7)
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values
    assert not Dropout(1.0)(values).any()
    assert Dropout(0.5)(torch.zeros(0, 3)).shape == (0, 3) and Dropout(0.5)(torch.tensor(1.0)).shape == ()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_gradient_is_the_mask(dtype):
    torch.manual_seed(0)
    values = torch.randn(3, 50, dtype=dtype).requires_grad_()
    found = Dropout(0.25)(values)
    found.sum().backward()
    assert found.dtype == dtype
    assert set(values.grad.unique().tolist()) == {0.0, torch.tensor(4 / 3, dtype=dtype).item()}
    assert torch.equal(found, values * values.grad)


def test_seeds():
    layer, values = Dropout(0.5), torch.ones(1000)
    torch.manual_seed(1)
    first, second = layer(values), layer(values)
    torch.manual_seed(1)
    assert torch.equal(layer(values), first) and not torch.equal(first, second)
