"""Transformers over marked instances: embeddings of subwords, and the layers above them as a sentence encoder.

The two are apart, so that a perturbation can come between; positions and types are embedded above.
"""

from __future__ import annotations

from typing import Any, Callable, cast

import torch
from torch import Tensor, nn

from ..core.copies import copy_module
from ..core.kernels.dropout import Dropout
from ..core.kernels.flat_transformer import similar_runs
from ..core.precision import Precision, autocast, full_precision
from ..core.settings import Probability, architecture
from ..core.spans import span_rows
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.bert import token_states
from ..core.transformers.loading import LoadedTransformer
from ..errors import RelxError
from ..marked.marker_embedding import MarkerEmbedding
from ..marked.pooling import MakePooling
from .instance_batch import InstanceBatch, TokenVectors
from .sentence_encoders import SentenceEncoder


class SubwordEmbedding(TokenVectors):
    """Ids of subwords and markers -> their vectors, as the transformer has them.

    Args:
        loaded: The transformer, whose word embeddings move into this module, with its tokenizer.
        count_rows: n_markers -> marker tokens.
        lr_scale: Theirs.
        directed: Whether the markers in a text tell head from tail.
    """

    table: nn.Module

    def __init__(self, loaded: LoadedTransformer, count_rows: Callable[[int], int], lr_scale: float, directed: bool):
        super().__init__()
        self.loaded = loaded
        words: nn.Embedding = loaded.module.get_input_embeddings()
        self.table = words
        loaded.module.set_input_embeddings(nn.Identity())
        self.width = words.embedding_dim
        self.count_rows = count_rows
        self.lr_scale = lr_scale
        self.directed = directed
        self.n_markers: int | None = None
        self._taken = False

    def add_markers(self, n_markers: int) -> None:
        """Give the markers rows behind those of the words, once. n_markers: size of the marker vocabulary."""
        if self.n_markers is not None:
            return
        self.n_markers = n_markers
        markers = MarkerEmbedding(cast(nn.Embedding, self.table), self.count_rows(n_markers))
        markers.markers.weight.lr_scale = self.lr_scale  # type: ignore[attr-defined]
        if self.loaded.has_weights:
            markers.start()
        self.table = markers

    @property
    def markers(self) -> MarkerEmbedding:
        """The table, once it has markers."""
        return cast(MarkerEmbedding, self.table)

    def take_body(self) -> Any:
        """The transformer without its word embeddings: for the first encoder itself, for each further one a copy."""
        if self._taken:
            return copy_module(self.loaded.module)
        self._taken = True
        return self.loaded.module

    def forward(self, batch: InstanceBatch) -> Tensor:
        vectors: Tensor = self.table(batch.tokens)
        return vectors


@architecture
class TransformerEncoder(SentenceEncoder):
    """`spacy_relx.TransformerEncoder.v1`: the transformer of `spacy_relx.MarkedSubwords.v1`, pooled at head and tail,
    one behind the other (Ni et al. 2020, section 3.3).

    Each encoder of a model with several, as one for each language, has layers of its own, which begin alike. An
    instance's mentions begin with their opening and end with their closing marker.
    """

    def __init__(
        self,
        words: TokenVectors,
        n_markers: int,
        *,
        pooling: MakePooling,
        precision: Precision = "auto",
        dropout: Probability = 0.1,
    ):
        """Make the encoder.

        Args:
            words: Module of the subwords' vectors, which gets the markers.
            n_markers: Size of the marker vocabulary.
            pooling: How states become entity vectors, for instance `spacy_relx.EntityStart.v1`.
            precision: "fp32"; "bf16", bfloat16; or "auto", that where the device computes it in hardware.
            dropout: Dropout on the vector of head and tail.

        Raises:
            RelxError: RX021 for other words, and for roles that the pooling cannot have.
        """
        super().__init__()
        if not isinstance(words, SubwordEmbedding):
            need = "spacy_relx.MarkedSubwords.v1, which spacy_relx.TransformerEncoder.v1 reads"
            raise RelxError("RX021", name="words", value="another", need=need)
        self.pooling = pooling(words.loaded.width)
        if self.pooling.of_sentence and not words.directed:
            need = '"all" where spacy_relx.SentenceStart.v1 gives head and tail one vector'
            raise RelxError("RX021", name="roles", value="uniform or none", need=need)
        words.add_markers(n_markers)
        self.body = words.take_body()
        self.flat = words.loaded.flat
        self.precision = precision
        self.dropout = Dropout(dropout)
        self.width_out = self.pooling.width_out * (1 if self.pooling.of_sentence else 2)

    def forward(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        """words: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_instances, width_out)."""
        order = batch.lengths.argsort(stable=True)  # texts of about one length side by side: little padding
        places, _ = span_rows(batch.starts[order], (batch.starts + batch.lengths)[order])
        words, batch = words.index_select(0, places), batch.select(order)
        marked = marked_batch(batch)
        with autocast(self.precision, words.device):
            states = self._states(words, batch, marked)
        entities = self.pooling(full_precision(states), marked)
        vectors = entities[::2] if self.pooling.of_sentence else entities.view(len(batch), -1)
        return self.dropout(vectors.index_select(0, order.argsort()))

    def _states(self, words: Tensor, batch: InstanceBatch, marked: MarkedBatch) -> Tensor:
        if self.flat:
            return token_states(self.body, marked, 0, self.pooling.rows(marked), words)
        lengths = batch.lengths.tolist()
        runs = similar_runs(lengths)
        sizes = [int(part.sum()) for part in batch.lengths.split(runs)]
        rows = torch.arange(len(batch), device=words.device)
        return torch.cat(
            [
                token_states(self.body, marked_batch(batch.select(some)), 0, None, part)
                for some, part in zip(rows.split(runs), words.split(sizes))
            ]
        )


def marked_batch(batch: InstanceBatch) -> MarkedBatch:
    """Instances as marked texts of one pair each, entities 2i and 2i + 1 those of instance i."""
    n = len(batch)
    none = batch.tokens.new_zeros(0, 1)
    opens, closes = batch.mentions[:, :, 0].flatten(), batch.mentions[:, :, 1].flatten() - 1
    entities = torch.arange(2 * n, device=batch.tokens.device)
    return MarkedBatch(
        ids=batch.tokens,
        lengths=batch.lengths,
        group_ids=none,
        group_rows=none,
        group_counts=torch.zeros_like(batch.lengths),
        opens=opens,
        closes=closes,
        spans=torch.stack([opens + 1, closes], dim=1),
        texts=entities // 2,
        sentences=batch.starts.repeat_interleave(2),
        markers=batch.markers.flatten(),
        pairs=entities.view(n, 2),
    )
