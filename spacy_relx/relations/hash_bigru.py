"""A small recurrent network over hashed features of words: no vocabulary, no pre-trained weights, any language."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.kernels.recurrent import pack, run_packed


class HashBiGRU(nn.Module):
    """Hashed features of each token -> embeddings, concatenated -> bidirectional GRU.

    Args:
        rows: Size of each feature's embedding table; features arrive already reduced to these sizes.
        widths: Width of each feature's embedding.
        hidden: Width of the GRU in each direction.
        depth: Layers of the GRU.
        dropout: Probability of dropout on its input and output.
        word_dropout: Probability that a token's first feature, the word itself, is replaced by row 0 in training, so
            that affixes and context have to carry words that were never seen.
    """

    def __init__(
        self, rows: Sequence[int], widths: Sequence[int], hidden: int, depth: int, dropout: float, word_dropout: float
    ):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, width) for n, width in zip(rows, widths, strict=True))
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout
        self.gru = nn.GRU(sum(widths), hidden, num_layers=depth, bidirectional=True, batch_first=True)
        self.width = 2 * hidden

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Encode texts laid end to end. A text's vectors do not depend on the others'.

        Args:
            features: *Shape:* (n_tokens, n_features), int64.
            lengths: *Shape:* (n_texts,), int64, each at least 1, on the CPU.

        Returns:
            *Shape:* (n_tokens, 2 * hidden), float32.
        """
        if self.training and self.word_dropout:
            keep = torch.rand(len(features), device=features.device) >= self.word_dropout
            features = torch.cat([features[:, :1] * keep.unsqueeze(1), features[:, 1:]], dim=1)
        embedded = torch.cat([table(features[:, i]) for i, table in enumerate(self.tables)], dim=1)
        embedded = self.dropout(embedded)
        packing = pack(lengths.to(embedded.device))
        states = run_packed(self.gru, embedded.index_select(0, packing.rows), packing.sizes)
        encoded: Tensor = self.dropout(torch.empty_like(states).index_copy(0, packing.rows, states))
        return encoded
