"""Language-universal aggregation: self-attention over sentences of several languages (Wang et al. 2023, eq. 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.kernels.flat_transformer import Table, similar_runs
from ..core.settings import Count, Probability, architecture
from ..errors import RelxError


@architecture
class LanguageAggregator(nn.Module):
    """`spacy_relx.LanguageAggregator.v1`: softmax(Q K^T / sqrt(e)) V over the tokens of one sentence, or in training of
    a few from different languages (eq. 4)."""

    def __init__(
        self, width: int, *, mix: Count = 2, heads: Count = 1, residual: bool = False, dropout: Probability = 0.0
    ):
        """Make the aggregator.

        Args:
            width: Width of the token vectors.
            mix: Sentences of different languages that it sees at once in training (s in the paper); in prediction, and
                where it is held still, each is read by itself.
            heads: Heads of the attention, a divisor of the width; the paper has one.
            residual: Whether to add the input to the output, which the paper does not.
            dropout: Dropout on the output.
        """
        super().__init__()
        if width % heads:
            raise RelxError("RX021", name="heads", value=heads, need=f"a divisor of the width {width}")
        self.mix = mix
        self.heads = heads
        self.residual = residual
        self.queries = nn.Linear(width, width, bias=False)
        self.keys = nn.Linear(width, width, bias=False)
        self.values = nn.Linear(width, width, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, lengths: Tensor, groups: Tensor | None = None) -> Tensor:
        """Attention within each sentence, or within each group of sentences.

        tokens: *Shape:* (n_tokens, width), the sentences laid end to end. lengths: *Shape:* (n_sentences,), int64, on
        the CPU, at least 1. groups: *Shape:* (n_sentences,), int64, on the CPU, the group of each sentence, 0 and up,
        each used; None for every sentence alone. RETURNS: *Shape:* (n_tokens, width). What a sentence gets in
        prediction depends on no other one.
        """
        if not len(lengths):
            return tokens
        order = None if groups is None else torch.argsort(groups, stable=True)
        sizes = lengths
        if order is not None and groups is not None:
            rows = _rows_of(lengths, order).to(tokens.device)
            sizes = torch.zeros(int(groups.max()) + 1, dtype=torch.int64).index_add_(0, groups, lengths)
            mixed = self._attend(tokens.index_select(0, rows), sizes)
            mixed = torch.empty_like(mixed).index_copy(0, rows, mixed)
        else:
            mixed = self._attend(tokens, sizes)
        mixed = self.dropout(mixed)
        return tokens + mixed if self.residual else mixed

    def _attend(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Texts of about one length together, so that little is padded."""
        counts = similar_runs(lengths.tolist())
        parts = lengths.split(counts)
        sizes = [int(part.sum()) for part in parts]
        rows = [layer(tokens).split(sizes) for layer in (self.queries, self.keys, self.values)]
        out = []
        for i, part in enumerate(parts):
            table = Table.of(part.to(tokens.device))
            queries, keys, values = (table.pick(each[i], self.heads) for each in rows)
            out.append(
                table.put(nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=table.keys))
            )
        return torch.cat(out)


#: Width of the token vectors -> the aggregator.
MakeAggregator = Callable[[int], LanguageAggregator]


def _rows_of(lengths: Tensor, order: Tensor) -> Tensor:
    """Rows of the tokens when sentences are laid end to end in another order. RETURNS: int64 (n_tokens,)."""
    starts = (lengths.cumsum(0) - lengths)[order]
    sizes = lengths[order]
    firsts = sizes.cumsum(0) - sizes
    return torch.arange(int(sizes.sum())) + (starts - firsts).repeat_interleave(sizes)


def mix_languages(langs: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """Put sentences into groups of about `size`, at random, each of different languages as far as possible.

    Sentences in random order are sorted by language and dealt out in turn, so that a group gets two of one language
    only where that language has more sentences than there are groups.

    langs: *Shape:* (n_sentences,), int64, the language of each. RETURNS: *Shape:* (n_sentences,), int64, its group.
    """
    n = len(langs)
    n_groups = max(1, -(-n // size))
    order = torch.randperm(n, generator=generator)
    names = torch.randperm(
        int(langs.max()) + 1 if n else 0, generator=generator
    )  # which language comes first is random
    order = order[torch.argsort(names[langs[order]], stable=True)]
    groups = torch.empty(n, dtype=torch.int64)
    groups[order] = torch.arange(n) % n_groups
    return groups
