"""Registered pair representations. Each function returns what makes one: (width, n_markers) -> module."""

from __future__ import annotations

from functools import partial
from typing import Callable

from ..core.checks import check_pair_settings
from .pair_features import PairFeatures

PairFactory = Callable[[int, int], PairFeatures]


def make_pair_features(
    hidden: int = 256,
    marker_width: int = 32,
    window: int = 0,
    between_heads: int = 4,
    sentence: bool = False,
    product: bool = True,
    distance: bool = True,
    pair_rows: int = 10_000,
    dropout: float = 0.4,
) -> PairFactory:
    """`spacy_relx.PairFeatures.v1`: the parts of a pair's vector, each of which 0 or false leaves out.

    hidden: width of the pair vector. marker_width: width of an entity type's embedding. window: tokens of context on
    either side of each mention. between_heads: attention queries over the text between the mentions; `hidden` must be
    a multiple. sentence: the whole text's mean. product: the element-wise product of head and tail. distance: signed
    distance. pair_rows: rows of the table of type pairs. dropout: on the pair vector. See
    `nn.pairs.PairFeatures`.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_pair_settings(
        hidden=hidden,
        dropout=dropout,
        between_heads=between_heads,
        marker_width=marker_width,
        pair_rows=pair_rows,
        window=window,
    )
    return partial(
        PairFeatures,
        hidden=hidden,
        marker_width=marker_width,
        window=window,
        between_heads=between_heads,
        sentence=sentence,
        product=product,
        distance=distance,
        pair_rows=pair_rows,
        dropout=dropout,
    )
