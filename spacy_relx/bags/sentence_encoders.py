"""Sentence encoders: vectors of the tokens of instances -> one vector for each instance.

They take word vectors that another module made, so that a perturbation can come between.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..core.kernels.dropout import Dropout
from ..core.kernels.recurrent import last_states, pack, run_packed
from ..core.precision import Precision, autocast, full_precision
from ..core.settings import Count, Probability, architecture
from ..errors import RelxError
from .instance_batch import InstanceBatch, TokenVectors, segment_softmax
from .positions import MakeFeatures

_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class SentenceEncoder(nn.Module, ABC):
    """Vectors of the tokens of instances -> one vector for each instance.

    Attributes:
        width_out: Width of these.
    """

    width_out: int

    @abstractmethod
    def forward(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        """The sentence vectors, *Shape:* (n_instances, width_out).

        Args:
            words: *Shape:* (n_tokens, width).
            batch: The instances.
        """


#: (module of the words, n_markers) -> the sentence encoder.
MakeSentences = Callable[[TokenVectors, int], SentenceEncoder]


class ConvEncoder(SentenceEncoder):
    """Convolution over the tokens and a maximum over the sentence, or over its pieces; the activation comes after it.

    Attributes:
        piecewise: Whether the sentence has three pieces, which end with the first mention, with the second, and with
            the sentence; one that is empty gives zeros.
    """

    piecewise: bool

    def __init__(
        self,
        words: TokenVectors,
        n_markers: int,
        *,
        positions: MakeFeatures,
        channels: Count = 230,
        kernel: Count = 3,
        activation: Literal["relu", "tanh"] = "relu",
        dropout: Probability = 0.5,
        precision: Precision = "fp32",
    ):
        """Make the encoder.

        Args:
            words: Module of the words' vectors.
            n_markers: Size of the marker vocabulary.
            positions: Further features of the tokens, for instance `spacy_relx.PositionFeatures.v1`.
            channels: Channels of the convolution.
            kernel: Its size in tokens, odd.
            activation: "relu" or "tanh".
            dropout: Dropout on the sentence's vector.
            precision: Of the convolution's products, "fp32"; "bf16", bfloat16; or "auto", that where the device
                computes it in hardware, so that scores differ a little between machines.
        """
        super().__init__()
        self.positions = positions(n_markers)
        self.kernel = kernel
        self.precision = precision
        self.activation = _ACTIVATIONS[activation]
        self.convolution = nn.Linear(kernel * (words.width + self.positions.width), channels)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)
        self.dropout = Dropout(dropout)
        self.width_out = channels * (3 if self.piecewise else 1)

    @staticmethod
    def check_settings(*, kernel: int, **settings: object) -> None:
        """Check the size of the convolution.

        Raises:
            RelxError: RX021 for an even one.
        """
        if kernel % 2 == 0:
            raise RelxError("RX021", name="kernel", value=kernel, need="odd")

    def forward(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        """words: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_instances, width_out)."""
        tokens = torch.cat([words, self.positions(batch)], dim=1)
        rows, places = windows(tokens, batch, self.kernel)
        with autocast(self.precision, rows.device):
            values = self.convolution(rows)
        pooled = piece_max(values, places, self.pieces(batch))
        return self.dropout(self.activation(full_precision(pooled).view(len(batch), self.width_out)))

    def pieces(self, batch: InstanceBatch) -> Tensor:
        """int64: the token at which each piece begins, piece by piece; it ends where the next one begins."""
        if not self.piecewise:
            return batch.starts
        ends = batch.mentions[:, :, 1]
        # a mention that reaches beyond the other's end, as nested ones do, ends the second piece
        return torch.stack([batch.starts, ends.amin(dim=1), ends.amax(dim=1)], dim=1).flatten()


@architecture
class CNN(ConvEncoder):
    """`spacy_relx.CNN.v1`: convolution and a maximum over the sentence (Zeng et al. 2014)."""

    piecewise = False


@architecture
class PCNN(ConvEncoder):
    """`spacy_relx.PCNN.v1`: convolution and a maximum over each of the three pieces that head and tail cut (Zeng et al.
    2015, section 3.3)."""

    piecewise = True


def piece_max(values: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
    """Maximum of each column over pieces of rows.

    values: *Shape:* (n_rows, width). rows: int64 (n,), rows of `values`, each at most once. starts: int64 (n_pieces,),
    where the pieces begin in `rows`. RETURNS: *Shape:* (n_pieces, width), zeros for an empty piece.
    """
    if values.requires_grad:
        return PieceMax.apply(values, rows, starts)  # type: ignore[no-untyped-call]
    # many times as fast, but does not tell which row it was
    n_pieces = len(starts)
    owners = torch.full((len(values),), n_pieces, device=values.device)
    owners[rows] = torch.repeat_interleave(torch.diff(starts, append=starts.new_tensor([len(rows)])))
    pooled = values.new_zeros(n_pieces + 1, values.shape[1])
    owners = owners.unsqueeze(1).expand(-1, values.shape[1])
    return pooled.scatter_reduce(0, owners, values, "amax", include_self=False)[:n_pieces]


class PieceMax(torch.autograd.Function):
    """`piece_max` with a gradient. As `embedding_bag` with mode "max", whose backward pass goes column by column: since
    no row is in two pieces, one scatter does."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
        """As `piece_max`."""
        pooled, _, _, found = torch.embedding_bag(values, rows, starts, False, 2)
        lengths = torch.diff(starts, append=starts.new_tensor([len(rows)]))
        ctx.save_for_backward(found, lengths)
        ctx.n_rows = len(values)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        found, lengths = ctx.saved_tensors
        filled = lengths.nonzero().squeeze(1)
        values = gradient.new_zeros(ctx.n_rows, gradient.shape[1])
        values.scatter_(0, found.index_select(0, filled), gradient.index_select(0, filled))
        return values, None, None


def windows(tokens: Tensor, batch: InstanceBatch, kernel: int) -> tuple[Tensor, Tensor]:
    """What a convolution reads at each token: itself and its neighbours, from left to right, zeros beyond the sentence.

    tokens: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_rows, kernel * width), n_rows >= n_tokens; and the row of
    each token, int64 (n_tokens,). The rows between sentences, a few, mix two of them and are not to be used: to take
    them out costs more than to pass them through the convolution.
    """
    margin = kernel // 2
    places = torch.arange(len(tokens), device=tokens.device)
    if not margin:
        return tokens, places
    # sentences with `margin` rows of zeros between them: one look-up, and no sentence sees another
    places = places + batch.owners() * margin
    padded = tokens.new_zeros(len(tokens) + (len(batch) + 1) * margin, tokens.shape[1])
    padded = padded.index_copy(0, places + margin, tokens)
    shifted = [padded.narrow(0, shift, len(padded) - kernel + 1) for shift in range(kernel)]
    return torch.cat(shifted, dim=1), places


class RecurrentEncoder(SentenceEncoder):
    """A bidirectional GRU or LSTM over the sentence.

    The sentence's vector is the last state of each direction (Wu et al. 2017, section 3.2; Wang et al. 2018, eq. 4), or
    what attention over the words gives: a = softmax(w tanh(h)) (Zhou et al. 2016, eq. 9-11; Xu & Barbosa 2019, section
    4.1).

    Attributes:
        kind: The class of the layer.
    """

    kind: type[nn.GRU] | type[nn.LSTM]

    def __init__(
        self,
        words: TokenVectors,
        n_markers: int,
        *,
        positions: MakeFeatures,
        hidden: Count = 230,
        pooling: Literal["last", "attention"] = "last",
        dropout: Probability = 0.5,
    ):
        """Make the encoder.

        Args:
            words: Module of the words' vectors.
            n_markers: Size of the marker vocabulary.
            positions: Further features of the tokens, for instance `spacy_relx.IndicatorFeatures.v1`.
            hidden: Width of each direction.
            pooling: "last", the last state of each direction, or "attention" over the words.
            dropout: Dropout on the sentence's vector.
        """
        super().__init__()
        self.positions = positions(n_markers)
        self.layer = self.kind(words.width + self.positions.width, hidden, bidirectional=True, batch_first=True)
        self.query = nn.Linear(2 * hidden, 1, bias=False) if pooling == "attention" else None
        self.dropout = Dropout(dropout)
        self.width_out = 2 * hidden

    def forward(self, words: Tensor, batch: InstanceBatch) -> Tensor:
        """words: *Shape:* (n_tokens, width). RETURNS: *Shape:* (n_instances, width_out)."""
        tokens = torch.cat([words, self.positions(batch)], dim=1)
        packing = pack(batch.lengths)
        states = run_packed(self.layer, tokens.index_select(0, packing.rows), packing.sizes)
        if self.query is None:
            return self.dropout(last_states(states, packing))
        owners = batch.owners().index_select(0, packing.rows)
        weights = segment_softmax(self.query(torch.tanh(states)), owners, len(batch))
        pooled = states.new_zeros(len(batch), self.width_out).index_add(0, owners, weights * states)
        return self.dropout(torch.tanh(pooled))


@architecture
class BiGRU(RecurrentEncoder):
    """`spacy_relx.BiGRU.v1`: a bidirectional GRU over the sentence."""

    kind = nn.GRU


@architecture
class BiLSTM(RecurrentEncoder):
    """`spacy_relx.BiLSTM.v1`: a bidirectional LSTM over the sentence."""

    kind = nn.LSTM
