"""Pair representation from token vectors: a sum of projected parts, so that a pair costs a few look-ups.

A linear layer over concatenated features, W [head; tail; between; ...], equals the sum of each part's own projection.
So mentions are projected once per mention, tokens once per token, tables once per row, and what is left to do for a
pair is to add rows up. With n mentions that is n projections and not n * (n - 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.pair_batch import PairBatch
from ..core.settings import Count, CountOrZero, Probability, architecture
from ..core.spans import SpanAttention, span_means
from ..errors import RelxError

#: Log-spaced distances in one direction; the table holds both directions and the overlap in between.
_DISTANCES = 12


def distance_buckets(heads: Tensor, tails: Tensor) -> Tensor:
    """Signed, log-spaced distance between the first tokens of head and tail: nearer is finer, and order is direction.

    heads, tails: *Shape:* (n_pairs,), int64, first token of each. RETURNS: *Shape:* (n_pairs,), int64 in [0, 24].
    """
    delta = tails - heads
    steps = (torch.log2(delta.abs().float() + 1) * 1.6).long().clamp(max=_DISTANCES - 1)
    return _DISTANCES + delta.sign() * steps


@dataclass(frozen=True)
class PairContext:
    """What all pairs of a batch share; computed once, then read by every chunk of pairs."""

    heads: Tensor
    tails: Tensor
    between: Tensor | None
    sentences: Tensor | None


@architecture
class PairFeatures(nn.Module):
    """`spacy_relx.PairFeatures.v1`: token vectors and a `PairBatch` -> one vector a pair.

    Parts, each of which can be left out: the two mentions (mean of the tokens, and the means of `window` tokens on
    either side of each), the product of their projections, the text between (attention with `between_heads` queries),
    the whole text, the markers (entity types) of each mention and of the pair, and the signed distance. Direction is
    in the distance's sign and in separate projections of head and tail.
    """

    def __init__(
        self,
        width: int,
        n_markers: int,
        mention_width: int | None = None,
        *,
        hidden: Count = 256,
        marker_width: CountOrZero = 32,
        window: CountOrZero = 0,
        between_heads: CountOrZero = 4,
        sentence: bool = False,
        product: bool = True,
        distance: bool = True,
        pair_rows: CountOrZero = 10_000,
        dropout: Probability = 0.4,
    ):
        """Make the pair representation. 0 or false leaves a part out.

        Args:
            width: Width of the token vectors.
            n_markers: Size of the marker vocabulary, row 0 is the uniform marker.
            mention_width: Width of the mention vectors; None where `mentions` makes them.
            hidden: Width of the pair vector.
            marker_width: Width of an entity type's embedding.
            window: Tokens of context on either side of each mention.
            between_heads: Attention queries over the text between the mentions; `hidden` must be a multiple of it.
            sentence: Whether to use the whole text's mean.
            product: Whether to use the element-wise product of head and tail.
            distance: Whether to use the signed distance.
            pair_rows: Rows of the table of pairs of types.
            dropout: Dropout on the pair vector.
        """
        super().__init__()
        self.width_out = hidden
        self.window = window
        self.n_markers = n_markers
        self.pair_rows = min(pair_rows, n_markers * n_markers)
        self.markers = nn.Embedding(n_markers, marker_width) if marker_width else None
        if mention_width is None:
            mention_width = width * (3 if window else 1) + marker_width
        self.head = nn.Linear(mention_width, hidden)
        self.tail = nn.Linear(mention_width, hidden, bias=False)
        self.product = product
        self.between = SpanAttention(width, hidden, between_heads) if between_heads else None
        self.sentence = nn.Linear(width, hidden, bias=False) if sentence else None
        self.distance = nn.Embedding(2 * _DISTANCES + 1, hidden) if distance else None
        self.marker_pairs = nn.Embedding(self.pair_rows, hidden) if self.pair_rows else None
        for table in (self.distance, self.marker_pairs):
            if table is not None:  # a table that stands for W e: the spread of a linear layer's output
                nn.init.normal_(table.weight, std=1 / math.sqrt(3))
        self.dropout = Dropout(dropout)

    @staticmethod
    def check_settings(*, hidden: int, between_heads: int, **settings: object) -> None:
        """Check the settings that concern each other.

        Raises:
            RelxError: RX021 for a width that the attention cannot have.
        """
        if between_heads and hidden % between_heads:
            raise RelxError("RX021", name="hidden", value=hidden, need=f"a multiple of between_heads ({between_heads})")

    @property
    def reads_texts(self) -> bool:
        """Whether a pair's vector depends on where its text begins and ends."""
        return bool(self.window) or self.sentence is not None

    def mentions(self, tokens: Tensor, batch: PairBatch, markers: Tensor) -> Tensor:
        """*Shape:* (n_mentions, mention_width): what the projections of head and tail read."""
        starts, ends = batch.mention_spans.unbind(1)
        parts = [span_means(tokens, starts, ends)]
        if self.window:
            first, last = batch.doc_spans[batch.mention_docs].unbind(1)
            parts.append(span_means(tokens, torch.maximum(starts - self.window, first), starts))
            parts.append(span_means(tokens, ends, torch.minimum(ends + self.window, last)))
        if self.markers is not None:
            parts.append(self.markers(markers))
        return torch.cat(parts, dim=1)

    def forward(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        """tokens: *Shape:* (n_tokens, width), float32. RETURNS: *Shape:* (n_pairs, hidden), float32."""
        markers = self.known(batch.markers)
        return self.pair(self.context(tokens, batch, markers), batch, markers)

    def known(self, markers: Tensor) -> Tensor:
        """Markers beyond the vocabulary become the uniform one."""
        return torch.where(markers < self.n_markers, markers, 0)

    def context(self, tokens: Tensor, batch: PairBatch, markers: Tensor) -> PairContext:
        """All work that is per token, mention or Doc."""
        return self.context_of(self.mentions(tokens, batch, markers), tokens, batch)

    def context_of(self, mentions: Tensor, tokens: Tensor | None, batch: PairBatch) -> PairContext:
        """The same for given mention vectors. tokens: None leaves out the parts that read the text, as if empty."""
        between = None if tokens is None or self.between is None else self.between(tokens)
        sentences = None
        if tokens is not None and self.sentence is not None:
            sentences = self.sentence(span_means(tokens, *batch.doc_spans.unbind(1)))
        return PairContext(self.head(mentions), self.tail(mentions), between, sentences)

    def pair(self, context: PairContext, batch: PairBatch, markers: Tensor) -> Tensor:
        """All work that is per pair. RETURNS: *Shape:* (n_pairs, hidden).

        Every part is a table and a pair's row in it, so that one fused look-up adds them all.
        """
        head, tail = batch.pairs.unbind(1)
        parts = [(context.heads, head), (context.tails, tail)]
        if context.between is not None:
            spans = between_spans(batch.mention_spans[head], batch.mention_spans[tail])
            parts.append(self.pool_between(context.between, *spans))
        if context.sentences is not None:
            parts.append((context.sentences, batch.mention_docs[head]))
        if self.distance is not None:
            buckets = distance_buckets(batch.mention_spans[head, 0], batch.mention_spans[tail, 0])
            parts.append((self.distance.weight, buckets))
        if self.marker_pairs is not None:
            # vocabularies of more than sqrt(pair_rows) types share rows; the markers themselves stay distinct
            keys = marker_pair_keys(markers[head], markers[tail]) % self.pair_rows
            parts.append((self.marker_pairs.weight, keys))
        vectors = sum_rows(parts)
        if self.product:
            vectors = torch.addcmul(vectors, context.heads.index_select(0, head), context.tails.index_select(0, tail))
        return self.dropout(torch.relu(vectors))

    def pool_between(self, sums: Tensor, starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """A table of the different texts between mentions, and the row of each pair: both directions share one.

        starts, ends: *Shape:* (n_pairs,). RETURNS: *Shape:* (n, hidden), n <= n_pairs; (n_pairs,).
        """
        n = len(sums)
        unique, rows = torch.unique(starts * n + ends, return_inverse=True)
        return cast(SpanAttention, self.between).pool(sums, unique // n, unique % n), rows


#: (width of the token vectors, n_markers) -> the pair representation.
MakePairs = Callable[[int, int], PairFeatures]


def marker_pair_keys(heads: Tensor, tails: Tensor) -> Tensor:
    """A number for each ordered pair of markers, below n * n for markers below n, whatever n is: so that pairs keep
    their rows when more types come. heads, tails: *Shape:* (n_pairs,), int64. RETURNS: the same shape and type."""
    return torch.maximum(heads, tails).square() + heads + torch.where(heads >= tails, tails, 0)


def between_spans(heads: Tensor, tails: Tensor) -> tuple[Tensor, Tensor]:
    """Start and end of what lies between the mentions of each pair; overlapping ones have nothing between them.

    heads, tails: *Shape:* (n_pairs, 2), spans. RETURNS: two of *Shape:* (n_pairs,).
    """
    starts = torch.minimum(heads[:, 1], tails[:, 1])
    return starts, torch.maximum(torch.maximum(heads[:, 0], tails[:, 0]), starts)


def sum_rows(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum over parts of table[rows]: tables of *Shape:* (n_i, width), rows of *Shape:* (n,). RETURNS: (n, width)."""
    tables = [table for table, _ in parts]
    starts = [0]
    for table in tables[:-1]:
        starts.append(starts[-1] + len(table))
    rows = torch.stack([rows + start for (_, rows), start in zip(parts, starts)], dim=1)
    return nn.functional.embedding_bag(rows, torch.cat(tables), mode="sum")
