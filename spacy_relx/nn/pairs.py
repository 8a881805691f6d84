"""Pair representation from token vectors: a sum of projected parts, so that a pair costs a few look-ups.

A linear layer over concatenated features, W [head; tail; between; ...], equals the sum of each part's own projection.
So mentions are projected once per mention, tokens once per token, tables once per row, and what is left to do for a
pair is to add rows up. With n mentions that is n projections and not n * (n - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .batch import PairBatch
from .spans import SpanAttention, prefix_sums, span_means

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
    products: tuple[Tensor, Tensor] | None
    between: Tensor | None
    sentences: Tensor | None


class PairFeatures(nn.Module):
    """Token vectors and a `PairBatch` -> one vector a pair.

    Parts, each of which can be left out: the two mentions (mean of the tokens, and the means of `window` tokens on
    either side of each), their product, the text between (attention with `between_heads` queries, beside the mean),
    the whole text, the markers (entity types) of each mention and of the pair, and the signed distance. Direction is
    in the distance's sign and in separate projections of head and tail.

    width: of the token vectors. n_markers: size of the marker vocabulary, row 0 is the uniform marker.
    marker_dropout: probability that a mention is shown with the uniform marker in training, which is what teaches the
    uniform marker that unknown types fall back to.
    """

    def __init__(
        self,
        width: int,
        n_markers: int,
        *,
        hidden: int,
        marker_width: int,
        window: int,
        between_heads: int,
        sentence: bool,
        product: bool,
        distance: bool,
        pair_rows: int,
        dropout: float,
        marker_dropout: float,
    ):
        super().__init__()
        self.width_out = hidden
        self.window = window
        self.n_markers = n_markers
        self.marker_dropout = marker_dropout
        self.pair_rows = min(pair_rows, n_markers * n_markers) if marker_width else 0
        self.markers = nn.Embedding(n_markers, marker_width) if marker_width else None
        mention_width = width * (3 if window else 1) + marker_width
        self.head = nn.Linear(mention_width, hidden)
        self.tail = nn.Linear(mention_width, hidden, bias=False)
        self.head_product = nn.Linear(mention_width, hidden, bias=False) if product else None
        self.tail_product = nn.Linear(mention_width, hidden, bias=False) if product else None
        self.between_mean = nn.Linear(width, hidden, bias=False) if between_heads else None
        self.between = SpanAttention(width, hidden, between_heads) if between_heads else None
        self.sentence = nn.Linear(width, hidden, bias=False) if sentence else None
        self.distance = nn.Embedding(2 * _DISTANCES + 1, hidden) if distance else None
        self.marker_pairs = nn.Embedding(self.pair_rows, hidden) if self.pair_rows else None
        for table in (self.distance, self.marker_pairs):
            if table is not None:  # a table that stands for W e: the spread of a linear layer's output
                nn.init.normal_(table.weight, std=1 / math.sqrt(3))
        self.dropout = nn.Dropout(dropout)

    def mentions(self, tokens: Tensor, batch: PairBatch, markers: Tensor) -> Tensor:
        """*Shape:* (n_mentions, mention_width): what the projections of head and tail read."""
        sums = prefix_sums(tokens)
        starts, ends = batch.mention_spans.unbind(1)
        parts = [span_means(sums, starts, ends, tokens.dtype)]
        if self.window:
            first, last = batch.doc_spans[batch.mention_docs].unbind(1)
            parts.append(span_means(sums, torch.maximum(starts - self.window, first), starts, tokens.dtype))
            parts.append(span_means(sums, ends, torch.minimum(ends + self.window, last), tokens.dtype))
        if self.markers is not None:
            parts.append(self.markers(markers))
        return torch.cat(parts, dim=1)

    def forward(self, tokens: Tensor, batch: PairBatch) -> Tensor:
        """tokens: *Shape:* (n_tokens, width), float32. RETURNS: *Shape:* (n_pairs, hidden), float32."""
        markers = self.drop_markers(batch.markers)
        return self.pair(self.context(tokens, batch, markers), batch, markers)

    def drop_markers(self, markers: Tensor) -> Tensor:
        """Markers the network does not know become the uniform one; in training some others, by chance, too."""
        markers = torch.where(markers < self.n_markers, markers, 0)
        if self.training and self.marker_dropout:
            keep = torch.rand(len(markers), device=markers.device) >= self.marker_dropout
            markers = markers * keep
        return markers

    def context(self, tokens: Tensor, batch: PairBatch, markers: Tensor) -> PairContext:
        """All work that is per token, mention or Doc."""
        mentions = self.mentions(tokens, batch, markers)
        products = None
        if self.head_product is not None and self.tail_product is not None:
            products = (self.head_product(mentions), self.tail_product(mentions))
        between = None
        if self.between is not None and self.between_mean is not None:
            between = torch.cat([self.between(tokens), prefix_sums(self.between_mean(tokens))], dim=1)
        sentences = None
        if self.sentence is not None:
            sentences = self.sentence(span_means(prefix_sums(tokens), *batch.doc_spans.unbind(1), tokens.dtype))
        return PairContext(self.head(mentions), self.tail(mentions), products, between, sentences)

    def pair(self, context: PairContext, batch: PairBatch, markers: Tensor) -> Tensor:
        """All work that is per pair. RETURNS: *Shape:* (n_pairs, hidden)."""
        head, tail = batch.pairs.unbind(1)
        vectors = context.heads[head] + context.tails[tail]
        if context.products is not None:
            vectors = vectors + context.products[0][head] * context.products[1][tail]
        if context.between is not None:
            vectors = vectors + self.pool_between(context.between, batch.mention_spans[head], batch.mention_spans[tail])
        if context.sentences is not None:
            vectors = vectors + context.sentences[batch.mention_docs[head]]
        if self.distance is not None:
            buckets = distance_buckets(batch.mention_spans[head, 0], batch.mention_spans[tail, 0])
            vectors = vectors + self.distance(buckets)
        if self.marker_pairs is not None:
            # vocabularies of more than sqrt(pair_rows) types share rows; the markers themselves stay distinct
            vectors = vectors + self.marker_pairs((markers[head] * self.n_markers + markers[tail]) % self.pair_rows)
        return self.dropout(torch.relu(vectors))

    def pool_between(self, sums: Tensor, heads: Tensor, tails: Tensor) -> Tensor:
        """heads, tails: *Shape:* (n_pairs, 2), spans. Overlapping mentions have nothing between them."""
        starts = torch.minimum(heads[:, 1], tails[:, 1])
        ends = torch.maximum(torch.maximum(heads[:, 0], tails[:, 0]), starts)
        attended = self.between.width_sums
        dtype = self.between.value.weight.dtype
        mean = span_means(sums[:, attended:], starts, ends, dtype)
        return self.between.pool(sums[:, :attended], starts, ends) + mean
