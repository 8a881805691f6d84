"""Word embeddings of instances: a table of words, found by their hashes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from .instance_batch import InstanceBatch, TokenVectors


class WordEmbedding(TokenVectors):
    """Row of each token -> its vector.

    n_words: rows of the table; row 0 stands for all unknown words. dropout: on the vectors. word_dropout: probability
    that a word is taken for unknown in training. tune: whether training changes the vectors.

    `keys` (int64, sorted, (n_words - 1,)) are the words' hashes: row i + 1 belongs to keys[i]. They are saved with the
    weights, so that a pipeline needs no list of words.
    """

    keys: Tensor

    def __init__(self, n_words: int, width: int, *, dropout: float, word_dropout: float, tune: bool):
        super().__init__()
        self.width = width
        self.table = nn.Embedding(n_words, width)
        self.table.weight.requires_grad_(tune)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout
        self.register_buffer("keys", torch.zeros(n_words - 1, dtype=torch.int64))

    def forward(self, batch: InstanceBatch) -> Tensor:
        """RETURNS: *Shape:* (n_tokens, width), float32."""
        rows = batch.tokens
        if self.training and self.word_dropout:
            rows = rows * (torch.rand(len(rows), device=rows.device) >= self.word_dropout)
        vectors: Tensor = self.dropout(self.table(rows))
        return vectors
