"""Registered pair representations over entity vectors. Each returns what makes one: (pooling, width, n_markers) ->
module."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from ..core.checks import check_at_least, check_pair_settings, check_probability
from ..errors import RelxError
from .mention_pairs import ConcatPairs, MentionPairs
from .pooling import EntityPooling

MentionPairFactory = Callable[[EntityPooling, int, int], Any]


def make_concat_pairs(hidden: int = 0, dropout: float = 0.1) -> MentionPairFactory:
    """`spacy_relx.ConcatPairs.v1`: head and tail side by side, as in Ni et al. 2020.

    hidden: width of a hidden layer over them, 0 for none. dropout: on the pair vector.
    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(0, hidden=hidden)
    check_probability(dropout=dropout)
    return partial(_concat_pairs, hidden, dropout)


def _concat_pairs(hidden: int, dropout: float, pooling: EntityPooling, width: int, n_markers: int) -> ConcatPairs:
    return ConcatPairs(pooling.width_out, pooling.of_sentence, hidden=hidden, dropout=dropout)


def make_mention_pairs(
    hidden: int = 256,
    marker_width: int = 32,
    between_heads: int = 4,
    product: bool = True,
    distance: bool = True,
    pair_rows: int = 10_000,
    dropout: float = 0.1,
) -> MentionPairFactory:
    """`spacy_relx.MentionPairs.v1`: head, tail, their product, their types, their distance and the text between, as a
    sum of projections that are made once a mention; see `spacy_relx.PairFeatures.v1` for the settings.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    checked: dict[str, Any] = {
        "hidden": hidden,
        "dropout": dropout,
        "between_heads": between_heads,
        "marker_width": marker_width,
        "pair_rows": pair_rows,
    }
    check_pair_settings(**checked)
    return partial(_mention_pairs, {**checked, "product": product, "distance": distance})


def _mention_pairs(settings: dict[str, Any], pooling: EntityPooling, width: int, n_markers: int) -> MentionPairs:
    if pooling.of_sentence:
        problem = "spacy_relx.MentionPairs.v1 needs entity vectors, which spacy_relx.SentenceStart.v1 does not give"
        raise RelxError("RX081", problem=problem)
    return MentionPairs(pooling.width_out, width, n_markers, **settings)
