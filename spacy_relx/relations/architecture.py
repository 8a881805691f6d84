"""The relation extractor's model: an encoder, a pair representation and a head, composed in the config."""

from __future__ import annotations

from functools import partial

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..core.checks import check_at_least, check_probability
from ..core.head_settings import HeadFactory
from .layer import make_relation_layer
from .network import RelationNetwork
from .pair_features_settings import PairFactory


def build_relation_model(
    encoder: Model[list[Doc], list[Floats2d]],
    pairs: PairFactory,
    head: HeadFactory,
    batch_tokens: int = 8192,
    batch_pairs: int = 8192,
    marker_dropout: float = 0.0,
) -> Model:
    """`spacy_relx.RelationModel.v1`: token vectors of the encoder -> pair vectors -> labels.

    encoder: any model from Docs to token vectors, a listener too. pairs: for instance `spacy_relx.PairFeatures.v1`.
    head: `spacy_relx.SoftmaxHead.v1` or `spacy_relx.MultiLabelHead.v1`. batch_tokens: tokens that are encoded at
    once in prediction; batch_pairs: pairs that are worked on at once. They bound memory and change no score.
    marker_dropout: probability that all types of a Doc, and again that a single mention's type, are hidden in training.
    It teaches the uniform marker, which types that training never showed fall back to.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, batch_tokens=batch_tokens, batch_pairs=batch_pairs)
    check_probability(marker_dropout=marker_dropout)
    return make_relation_layer(encoder, partial(_build_network, pairs, head, batch_pairs), batch_tokens, marker_dropout)


def _build_network(
    pairs: PairFactory, head: HeadFactory, batch_pairs: int, width: int, n_markers: int, n_labels: int
) -> RelationNetwork:
    features = pairs(width, n_markers)
    return RelationNetwork(features, head(features.width_out, n_labels), batch_pairs)
