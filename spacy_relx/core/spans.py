"""Pooling of token spans: short ones token by token, any number of long ones through prefix sums."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def span_means(tokens: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Mean of each span's tokens; zeros for an empty one. For spans that are few or short: cost is their total length.

    tokens: *Shape:* (n_tokens, width). starts, ends: *Shape:* (n_spans,), int64, end exclusive.
    RETURNS: *Shape:* (n_spans, width).
    """
    rows, lengths = span_rows(starts, ends)
    return nn.functional.embedding_bag(rows, tokens, lengths.cumsum(0) - lengths, mode="mean")


def span_rows(starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """The tokens of spans, one span behind the other.

    starts, ends: *Shape:* (n_spans,), int64, end exclusive. RETURNS: the tokens, and how many each span
    has, both int64.
    """
    lengths = (ends - starts).clamp(min=0)
    bounds = lengths.cumsum(0)
    steps = torch.arange(int(bounds[-1]) if len(bounds) else 0, device=starts.device)
    return steps + (starts - bounds + lengths).repeat_interleave(lengths), lengths


def prefix_sums(tokens: Tensor) -> Tensor:
    """Running sums over the tokens, with a zero row in front.

    tokens: *Shape:* (n_tokens, width), float. In double precision, so that a span far down a long batch loses nothing.
    RETURNS: *Shape:* (n_tokens + 1, width), float64.
    """
    return nn.functional.pad(tokens, (0, 0, 1, 0)).cumsum(0, dtype=torch.float64)


class SpanAttention(nn.Module):
    """Attention over the tokens of a span, each head with one learned query, for as many spans as wanted.

    A head's weights are softmax(x q) within the span. Numerator and denominator are prefix sums, so a further span
    costs two look-ups and no pass over its tokens. Scores are bounded to [-cap, cap] by cap * tanh(score / cap): the
    exponentials then stay within float64's precision whatever the length.

    width: of the tokens. heads: how many queries; each sees its own slice of `width_out`.
    """

    cap = 8.0

    def __init__(self, width: int, width_out: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads)
        self.value = nn.Linear(width, width_out, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). RETURNS: prefix sums, *Shape:* (n_tokens + 1, width_out + heads)."""
        weights = torch.exp(self.cap * torch.tanh(self.query(tokens) / self.cap))
        values = self.value(tokens).unflatten(1, (self.heads, -1)) * weights.unsqueeze(2)
        return prefix_sums(torch.cat([values.flatten(1), weights], dim=1))

    def pool(self, sums: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """sums: from `forward`. starts, ends: *Shape:* (n_spans,). RETURNS: *Shape:* (n_spans, width_out)."""
        # index_select: the gradient of sums[ends] is summed up in an order that differs from run to run
        span = (sums.index_select(0, ends) - sums.index_select(0, starts)).to(self.value.weight.dtype)
        values, weights = span[:, : -self.heads], span[:, -self.heads :]
        values = values.unflatten(1, (self.heads, -1)) / weights.clamp(min=1e-6).unsqueeze(2)
        return values.flatten(1)
