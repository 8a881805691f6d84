"""Recurrent layers over packed sentences beside PyTorch's own, and their gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spacy_relx.core.kernels.recurrent import last_states, pack, run_packed

WIDTH, HIDDEN = 3, 4
LAYERS = {"gru": nn.GRU, "lstm": nn.LSTM}


def make_layer(kind, depth=1):
    torch.manual_seed(1)
    return LAYERS[kind](WIDTH, HIDDEN, num_layers=depth, bidirectional=True, batch_first=True).double()


def outcomes(layer, run, tokens):
    """What a run gives, and the gradients of a sum of it with weights."""
    layer.zero_grad()
    tokens = tokens.clone().requires_grad_()
    found = run(tokens)
    torch.manual_seed(2)
    (found * torch.randn_like(found)).sum().backward()
    return [found.detach(), tokens.grad, *(each.grad.clone() for each in layer.parameters())]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from(sorted(LAYERS)), st.integers(1, 2))
def test_states_and_gradients_are_those_of_pytorch(lengths, kind, depth):
    layer, packing = make_layer(kind, depth), pack(torch.tensor(lengths))
    tokens = torch.randn(sum(lengths), WIDTH, dtype=torch.double)
    ours = outcomes(layer, lambda each: run_packed(layer, each, packing.sizes), tokens)
    packed = nn.utils.rnn.PackedSequence
    theirs = outcomes(layer, lambda each: layer(packed(each, packing.sizes))[0].data, tokens)
    library = outcomes(layer, lambda each: run_packed(layer, each, packing.sizes, kernel=False), tokens)
    for found in (ours, library):
        for one, other in zip(found, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(run_packed(layer, tokens, packing.sizes), ours[0], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_by_finite_differences(kind):
    layer, packing = make_layer(kind), pack(torch.tensor([2, 3, 1]))
    names = [f"layer.{name}" for name, _ in layer.named_parameters()]

    def run(tokens, *values):
        return torch.func.functional_call(Wrapped(layer, packing.sizes), dict(zip(names, values)), (tokens,))

    tokens = torch.randn(6, WIDTH, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(run, [tokens, *layer.parameters()])


class Wrapped(nn.Module):
    def __init__(self, layer, sizes):
        super().__init__()
        self.layer, self.sizes = layer, sizes

    def forward(self, tokens):
        return run_packed(self.layer, tokens, self.sizes)


def test_packing_and_last_states():
    lengths = torch.tensor([2, 3, 1])
    packing = pack(lengths)
    assert packing.rows.tolist() == [2, 0, 5, 3, 1, 4]  # first words of sentence 1, 0 and 2, then the second ones
    assert packing.sizes.tolist() == [3, 2, 1] and packing.order.tolist() == [1, 0, 2]
    for kind in LAYERS:
        layer, tokens = make_layer(kind), torch.randn(6, WIDTH, dtype=torch.double)
        found = last_states(run_packed(layer, tokens[packing.rows], packing.sizes), packing)
        for row, sentence in enumerate(tokens.split(lengths.tolist())):
            last = layer(sentence.unsqueeze(0))[1]
            state = last[0] if kind == "lstm" else last
            torch.testing.assert_close(found[row], state.flatten())


def test_lower_precision_is_left_to_pytorch():
    layer, packing = make_layer("gru").float(), pack(torch.tensor([2, 3]))
    tokens = torch.randn(5, WIDTH, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = run_packed(layer, tokens, packing.sizes)
    found.float().sum().backward()
    torch.testing.assert_close(found.float(), run_packed(layer, tokens, packing.sizes), atol=0.02, rtol=0.02)


def test_no_sentences():
    packing = pack(torch.zeros(0, dtype=torch.long))
    assert packing.rows.tolist() == [] and packing.sizes.tolist() == []
