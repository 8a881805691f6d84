"""Recurrent layers over sentences of any lengths, with a backward pass that is fast on a CPU.

PyTorch's own loop over the steps of packed sentences is kept where it is good: without gradients, and on a GPU. On a
CPU its backward pass makes a gradient of all tokens, zeros but for one step, for each step: it takes time with the
square of the length, fifteen times that of the forward pass where sentences have 80 words. Here the gates'
derivatives are found for all steps at once, each step adds what it alone knows, and the weights' gradients are single
products at the end: twice the time of the forward pass (`benchmarks/recurrent.py`).
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple, Union

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Recurrent = Union[nn.GRU, nn.LSTM]


class Packing(NamedTuple):
    """Sentences step by step: the first words of all, longest sentence first, then the second words, and so on.

    rows: int64 (n_tokens,), the token that stands at each place. sizes: how many sentences have each step, on the CPU.
    order: int64 (n_sentences,), the sentence that stands at each place of a step. lengths: (n_sentences,), in that
    order.
    """

    rows: Tensor
    sizes: Tensor
    order: Tensor
    lengths: Tensor


def pack(lengths: Tensor) -> Packing:
    """lengths: int64 (n_sentences,), of sentences that lie end to end, each at least 1."""
    starts = lengths.cumsum(0) - lengths
    lengths, order = lengths.sort(descending=True, stable=True)
    steps = torch.arange(int(lengths[0]) if len(lengths) else 0, device=lengths.device)
    there = steps.unsqueeze(1) < lengths.unsqueeze(0)
    rows = (starts[order].unsqueeze(0) + steps.unsqueeze(1))[there]
    return Packing(rows, there.sum(dim=1).cpu(), order, lengths)


def run_packed(layer: Recurrent, tokens: Tensor, sizes: Tensor) -> Tensor:
    """The states of a bidirectional GRU or LSTM at each token.

    tokens: *Shape:* (n_tokens, width), in the order of a `Packing`. sizes: its sizes. RETURNS: *Shape:* (n_tokens,
    2 * hidden), float, in the same order.
    """
    plain = tokens.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if not plain or not torch.is_grad_enabled() or not len(sizes):
        return layer(nn.utils.rnn.PackedSequence(tokens, sizes))[0].data
    loop: Any = GRULoop if isinstance(layer, nn.GRU) else LSTMLoop
    steps = sizes.tolist()
    for depth in range(layer.num_layers):
        states = []
        for suffix in (f"_l{depth}", f"_l{depth}_reverse"):
            weights = [getattr(layer, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            gates = nn.functional.linear(tokens, weights[0], weights[2])
            states.append(loop.apply(gates, weights[1], weights[3], steps, suffix.endswith("reverse")))
        tokens = torch.cat(states, dim=1)
    return tokens


def last_states(states: Tensor, packing: Packing) -> Tensor:
    """Of each sentence, in the order of the batch, the last state of each direction: *Shape:* (n_sentences, width).

    states: *Shape:* (n_tokens, width), what `run_packed` gives.
    """
    hidden = states.shape[1] // 2
    n = len(packing.order)
    firsts = packing.sizes.cumsum(0) - packing.sizes
    ends = firsts.to(states.device)[packing.lengths - 1] + torch.arange(n, device=states.device)
    both = torch.cat([states[ends, :hidden], states[:n, hidden:]], dim=1)
    return both.index_select(0, packing.order.argsort())


def _steps(sizes: list[int], reverse: bool) -> list[tuple[slice, int]]:
    """(the places of a step, how many they are), in the order in which the loop takes them."""
    steps = [(slice(end - size, end), size) for size, end in zip(sizes, accumulate(sizes))]
    return steps[::-1] if reverse else steps


class GRULoop(torch.autograd.Function):
    """One direction of a GRU (Cho et al. 2014, as in `torch.nn.GRU`)."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int], reverse: bool) -> Tensor:
        """gates: *Shape:* (n, 3 * hidden), what the input says to reset, update and candidate, its bias included.
        weight: (3 * hidden, hidden). bias: (3 * hidden,). RETURNS: *Shape:* (n, hidden), the states."""
        hidden = weight.shape[1]
        states, before = (gates.new_empty(len(gates), hidden) for _ in range(2))
        inner = gates.new_empty(len(gates), 3 * hidden)  # what the state before says, then reset, update, candidate
        said = gates.new_empty(len(gates), hidden)
        state, turned = gates.new_zeros(sizes[0], hidden), weight.t()
        for places, n in _steps(sizes, reverse):
            before[places] = state[:n]
            own = torch.addmm(bias, state[:n], turned, out=inner[places])
            said[places] = own[:, 2 * hidden :]
            own[:, : 2 * hidden].add_(gates[places, : 2 * hidden]).sigmoid_()
            reset, update, candidate = own.split(hidden, dim=1)
            candidate.mul_(reset).add_(gates[places, 2 * hidden :]).tanh_()
            torch.lerp(candidate, state[:n], update, out=states[places])
            state[:n] = states[places]
        ctx.save_for_backward(weight, inner, said, before)
        ctx.steps = sizes, reverse
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, inner, said, before = ctx.saved_tensors
        hidden = weight.shape[1]
        reset, update, candidate = inner.split(hidden, dim=1)
        # what each gate's argument changes for a change of the state, and of the candidate's argument
        by_candidate = (1 - update) * (1 - candidate * candidate)
        by_update = (before - candidate) * update * (1 - update)
        by_reset = said * reset * (1 - reset)
        own, change_candidate = torch.empty_like(inner), torch.empty_like(before)
        carried = gradient.new_zeros(ctx.steps[0][0], hidden)
        for places, n in reversed(_steps(*ctx.steps)):
            change = gradient[places] + carried[:n]
            to_reset, to_update, to_said = own[places].split(hidden, dim=1)
            torch.mul(change, by_update[places], out=to_update)
            to_candidate = torch.mul(change, by_candidate[places], out=change_candidate[places])
            torch.mul(to_candidate, by_reset[places], out=to_reset)
            torch.mul(to_candidate, reset[places], out=to_said)
            torch.addmm(change.mul_(update[places]), own[places], weight, out=carried[:n])
        gates = torch.cat([own[:, : 2 * hidden], change_candidate], dim=1)
        return gates, own.t() @ before, own.sum(dim=0), None, None


class LSTMLoop(torch.autograd.Function):
    """One direction of an LSTM (Hochreiter and Schmidhuber 1997, as in `torch.nn.LSTM`)."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int], reverse: bool) -> Tensor:
        """gates: *Shape:* (n, 4 * hidden), what the input says to input, forget, cell and output gate, its bias
        included. weight: (4 * hidden, hidden). bias: (4 * hidden,). RETURNS: *Shape:* (n, hidden), the states."""
        hidden = weight.shape[1]
        states, before, cells_before, cells = (gates.new_empty(len(gates), hidden) for _ in range(4))
        inner = gates + bias
        state, cell, turned = gates.new_zeros(sizes[0], hidden), gates.new_zeros(sizes[0], hidden), weight.t()
        for places, n in _steps(sizes, reverse):
            before[places], cells_before[places] = state[:n], cell[:n]
            own = inner[places].addmm_(state[:n], turned)
            own[:, : 2 * hidden].sigmoid_()
            own[:, 3 * hidden :].sigmoid_()
            takes, keeps, new, shows = own.split(hidden, dim=1)
            new.tanh_()
            cell[:n].mul_(keeps).addcmul_(takes, new)
            torch.tanh(cell[:n], out=cells[places])
            state[:n] = torch.mul(shows, cells[places], out=states[places])
        ctx.save_for_backward(weight, inner, before, cells_before, cells)
        ctx.steps = sizes, reverse
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, inner, before, cells_before, cells = ctx.saved_tensors
        hidden = weight.shape[1]
        takes, keeps, new, shows = inner.split(hidden, dim=1)
        by_cell = shows * (1 - cells * cells)
        by_gates = torch.cat(
            [
                new * takes * (1 - takes),
                cells_before * keeps * (1 - keeps),
                takes * (1 - new * new),
                cells * shows * (1 - shows),
            ],
            dim=1,
        )
        own = torch.empty_like(inner)
        carried, cell = (gradient.new_zeros(ctx.steps[0][0], hidden) for _ in range(2))
        for places, n in reversed(_steps(*ctx.steps)):
            change = gradient[places] + carried[:n]
            changed = cell[:n].addcmul_(change, by_cell[places])
            four = own[places].view(n, 4, hidden)
            four[:, :3] = changed.unsqueeze(1)
            four[:, 3] = change
            own[places] *= by_gates[places]
            changed.mul_(keeps[places])
            torch.mm(own[places], weight, out=carried[:n])
        return own, own.t() @ before, own.sum(dim=0), None, None
