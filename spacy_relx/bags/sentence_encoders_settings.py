"""Registered sentence encoders, and features of the tokens that say where head and tail stand.

A function for an encoder returns what makes one: (module of words, n_markers) -> module. One for features returns what
makes them: n_markers -> module.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from torch import nn

from ..core.checks import check_at_least, check_one_of, check_probability
from ..core.precision import PRECISIONS
from ..errors import RelxError
from .positions import IndicatorFeatures, PositionFeatures, TypeFeatures
from .sentence_encoders import ConvEncoder, RecurrentEncoder

PositionFactory = Callable[[int], nn.Module]
EncoderFactory = Callable[[Any, int], nn.Module]


def make_position_features(width: int = 5, max_distance: int = 60, type_width: int = 0) -> PositionFactory:
    """`spacy_relx.PositionFeatures.v1`: embeddings of each token's distance to head and tail.

    width: of each of the two. max_distance: what is farther counts as that far. type_width: of embeddings of the entity
    types of head and tail, which all tokens get; 0 leaves them out. RAISES: RelxError RX021.
    """
    check_at_least(1, width=width, max_distance=max_distance)
    check_at_least(0, type_width=type_width)
    return partial(_typed, partial(PositionFeatures, width, max_distance), type_width)


def make_indicator_features(width: int = 5, roles: bool = False, type_width: int = 0) -> PositionFactory:
    """`spacy_relx.IndicatorFeatures.v1`: ones on the tokens of an entity, zeros elsewhere.

    width: of the vector. roles: tell head and tail apart; else (the paper) a model cannot know the direction.
    type_width: as in `spacy_relx.PositionFeatures.v1`. RAISES: RelxError RX021.
    """
    check_at_least(1, width=width)
    check_at_least(0, type_width=type_width)
    return partial(_typed, partial(IndicatorFeatures, width, roles), type_width)


def _typed(make: Callable[[], nn.Module], type_width: int, n_markers: int) -> nn.Module:
    return TypeFeatures(make(), n_markers, type_width) if type_width else make()


def make_cnn(
    positions: PositionFactory,
    channels: int = 230,
    kernel: int = 3,
    activation: str = "relu",
    dropout: float = 0.5,
    precision: str = "fp32",
) -> EncoderFactory:
    """`spacy_relx.CNN.v1`: convolution and a maximum over the sentence. See `make_pcnn`."""
    return _conv(positions, channels, kernel, activation, dropout, precision, piecewise=False)


def make_pcnn(
    positions: PositionFactory,
    channels: int = 230,
    kernel: int = 3,
    activation: str = "relu",
    dropout: float = 0.5,
    precision: str = "fp32",
) -> EncoderFactory:
    """`spacy_relx.PCNN.v1`: convolution and a maximum over each of the three pieces that head and tail cut.

    positions: for instance `spacy_relx.PositionFeatures.v1`. channels: of the convolution. kernel: its size in tokens,
    odd. activation: "relu" or "tanh". dropout: on the sentence's vector. precision: of the convolution's products,
    "fp32"; "bf16", bfloat16; or "auto", that where the device computes it in hardware, so that scores differ a little
    between machines. See `nn.sentence_encoders.ConvEncoder`. RAISES: RelxError RX021 for settings that make no sense.
    """
    return _conv(positions, channels, kernel, activation, dropout, precision, piecewise=True)


def _conv(
    positions: PositionFactory,
    channels: int,
    kernel: int,
    activation: str,
    dropout: float,
    precision: str,
    piecewise: bool,
) -> EncoderFactory:
    check_at_least(1, channels=channels, kernel=kernel)
    check_one_of(PRECISIONS, precision=precision)
    check_one_of(("relu", "tanh"), activation=activation)
    check_probability(dropout=dropout)
    if kernel % 2 == 0:
        raise RelxError("RX021", name="kernel", value=kernel, need="odd")
    settings = {
        "channels": channels,
        "kernel": kernel,
        "piecewise": piecewise,
        "activation": activation,
        "dropout": dropout,
        "precision": precision,
    }
    return partial(_build, ConvEncoder, positions, settings)


def make_bigru(
    positions: PositionFactory, hidden: int = 230, pool: str = "last", dropout: float = 0.5
) -> EncoderFactory:
    """`spacy_relx.BiGRU.v1`: a bidirectional GRU over the sentence.

    positions: for instance `spacy_relx.IndicatorFeatures.v1`. hidden: width of each direction. pool: "last", the last
    state of each direction, or "attention" over the words. dropout: on the sentence's vector. RAISES: RelxError RX021.
    """
    return _recurrent("gru", positions, hidden, pool, dropout)


def make_bilstm(
    positions: PositionFactory, hidden: int = 320, pool: str = "attention", dropout: float = 0.5
) -> EncoderFactory:
    """`spacy_relx.BiLSTM.v1`: the same with an LSTM. See `make_bigru`."""
    return _recurrent("lstm", positions, hidden, pool, dropout)


def _recurrent(kind: str, positions: PositionFactory, hidden: int, pool: str, dropout: float) -> EncoderFactory:
    check_at_least(1, hidden=hidden)
    check_one_of(("last", "attention"), pool=pool)
    check_probability(dropout=dropout)
    return partial(
        _build, RecurrentEncoder, positions, {"hidden": hidden, "kind": kind, "pool": pool, "dropout": dropout}
    )


def _build(
    encoder: Callable[..., nn.Module], positions: PositionFactory, settings: dict[str, Any], words: Any, n_markers: int
) -> nn.Module:
    return encoder(words.width, positions(n_markers), **settings)
