"""Recurrent layers over sentences of any lengths, with a backward pass that is fast on a CPU.

PyTorch's own loop over the steps of packed sentences is kept where it is good: without gradients, and on a GPU. On a
CPU its backward pass makes a gradient of all tokens, zeros but for one step, for each step: it takes time with the
square of the length, fifteen times that of the forward pass where sentences have 80 words. So sentences of about one
length are padded there, which PyTorch does well for an LSTM. For a GRU a loop of our own takes half the time of that:
the gates' derivatives are found for all steps at once, each step adds what it alone knows, and the weights' gradients
are single products at the end. `benchmarks/recurrent.py` has all ways side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Union

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Recurrent = Union[nn.GRU, nn.LSTM]
#: Rows of tokens from the first words of sentences and from their last words, and which of these are no padding: int64,
#: int64, bool, *Shape:* (longest, n_sentences).
_Padded = tuple[Tensor, Tensor, Tensor]
#: Batches into which padded sentences are sorted by length.
_BATCHES = 4


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


def run_packed(layer: Recurrent, tokens: Tensor, sizes: Tensor, *, kernel: bool = True) -> Tensor:
    """The states of a bidirectional GRU or LSTM at each token.

    Args:
        layer: the layer.
        tokens: *Shape:* (n_tokens, width), in the order of a `Packing`.
        sizes: its sizes.
        kernel: whether a GRU may take our own loop; else PyTorch's layers do all.

    Returns:
        *Shape:* (n_tokens, 2 * hidden), float, in the same order.
    """
    plain = tokens.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if not plain or not torch.is_grad_enabled() or not len(sizes):
        return layer(nn.utils.rnn.PackedSequence(tokens, sizes))[0].data
    steps = sizes.tolist()
    batches: list[_Padded] = []
    loop: Any = GRULoop
    for depth in range(layer.num_layers):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        directions = [[getattr(layer, f"{name}_l{depth}{way}") for name in names] for way in ("", "_reverse")]
        if kernel and isinstance(layer, nn.GRU):
            states = []
            for (to_input, to_state, input_bias, bias), reverse in zip(directions, (False, True)):
                gates = nn.functional.linear(tokens, to_input, input_bias)
                states.append(loop.apply(gates, to_state, bias, steps, reverse))
            tokens = torch.cat(states, dim=1)
        else:
            batches = batches or _padded(sizes)
            tokens = _run_padded(torch.gru if isinstance(layer, nn.GRU) else torch.lstm, directions, tokens, batches)
    return tokens


def _padded(sizes: Tensor) -> list[_Padded]:
    """Sentences in batches of about as many tokens, each of sentences of about one length.

    sizes: of a `Packing`.
    """
    n = int(sizes[0])
    lengths = (sizes.unsqueeze(1) > torch.arange(n)).sum(dim=0)
    ends = torch.searchsorted(lengths.cumsum(0), lengths.sum() * torch.arange(1, _BATCHES) / _BATCHES).tolist()
    firsts = sizes.cumsum(0) - sizes
    batches = []
    for start, end in pairwise(sorted({0, *ends, n})):
        steps, sentences, own = (
            torch.arange(int(lengths[start])).unsqueeze(1),
            torch.arange(start, end),
            lengths[start:end],
        )
        last = (own - 1 - steps).clamp(min=0)
        batches.append((firsts[torch.minimum(steps, own - 1)] + sentences, firsts[last] + sentences, steps < own))
    return batches


def _run_padded(
    function: Any,
    directions: Sequence[Sequence[Tensor]],
    tokens: Tensor,
    batches: Sequence[_Padded],
) -> Tensor:
    """A layer of a GRU or LSTM; each direction reads its sentences so that padding comes behind all words.

    function: `torch.gru` or `torch.lstm`. RETURNS: as `run_packed`.
    """
    found = []
    for way, weights in enumerate(directions):
        states, places = [], []
        for batch in batches:
            rows, there = batch[way], batch[2]
            start = tokens.new_zeros(1, rows.shape[1], weights[1].shape[1])
            first: Any = start if function is torch.gru else (start, start)
            padded = tokens.index_select(0, rows.flatten()).view(*rows.shape, -1)
            states.append(function(padded, first, weights, True, 1, 0.0, True, False, False)[0][there])
            places.append(rows[there])
        found.append(torch.cat(states).index_select(0, torch.cat(places).argsort()))
    return torch.cat(found, dim=1)


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
