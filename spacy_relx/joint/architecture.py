"""The joint extractor's model: an encoder, and what finds mentions and relations in its token vectors."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..core.checks import check_at_least, check_one_of, check_positive, check_probability
from ..core.head_settings import HeadFactory
from ..relations.network import RelationNetwork
from ..relations.pair_features_settings import PairFactory
from .layer import make_joint_layer
from .pointers import POOLINGS, OneTriple
from .span_triples import OVERLAPS, AllTriples, SpanScorer

#: (width, n_markers, n_labels) -> the network; n_markers is the number of entity types plus one.
FinderFactory = Callable[[int, int, int], Any]


def build_joint_model(
    encoder: Model[list[Doc], list[Floats2d]],
    finder: FinderFactory,
    batch_tokens: int = 8192,
    max_length: int = 256,
) -> Model:
    """`spacy_relx.JointModel.v1`: token vectors of the encoder -> mentions and relations.

    encoder: any model from Docs to token vectors, a listener too; for several languages `spacy_relx.LanguageEncoder.v1`
    around it. finder: `spacy_relx.AllTriples.v1` or `spacy_relx.OneTriple.v1`. batch_tokens: tokens that are worked on
    at once in prediction, which bounds memory and changes no result. max_length: sentences (Docs, where sentences are
    not set) of more tokens are read in pieces; what a piece border cuts is not found.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, batch_tokens=batch_tokens, max_length=max_length)
    return make_joint_layer(encoder, finder, batch_tokens, max_length)


def make_all_triples(
    pairs: PairFactory,
    head: HeadFactory,
    hidden: int = 256,
    max_mention: int = 12,
    mention_weight: float = 1.0,
    mention_threshold: float = 0.5,
    overlap: str = "none",
    max_mentions: int = 64,
    max_noise: float = 1.0,
    type_noise: float = 0.0,
    batch_pairs: int = 8192,
    dropout: float = 0.3,
) -> FinderFactory:
    """`spacy_relx.AllTriples.v1`: all mentions of a sentence with their types, and all relations between them.

    pairs: `spacy_relx.PairFeatures.v1`, which gets the types as markers. head: `spacy_relx.SoftmaxHead.v1` or
    `spacy_relx.MultiLabelHead.v1`. hidden, dropout: of the vectors of spans. max_mention: tokens of a mention at most.
    mention_weight: of the mentions' loss beside that of the relations. mention_threshold: a span is a mention from this
    probability on. overlap: mentions may overlap: "none", "nested", one within the other, or "any". max_mentions: the
    best so many mentions of a sentence are kept. max_noise: in training at most so many wrong mentions for each gold
    one are paired too. type_noise: how often a gold mention is paired under the type that the model gives it, in
    training. batch_pairs: pairs that are worked on at once.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, hidden=hidden, max_mention=max_mention, max_mentions=max_mentions, batch_pairs=batch_pairs)
    check_at_least(0, max_noise=max_noise)
    check_positive(mention_weight=mention_weight)
    check_probability(mention_threshold=mention_threshold, type_noise=type_noise, dropout=dropout)
    check_one_of(OVERLAPS, overlap=overlap)
    spans = partial(SpanScorer, hidden=hidden, max_length=max_mention, dropout=dropout)
    settings = {
        "mention_weight": mention_weight,
        "threshold": mention_threshold,
        "overlap": overlap,
        "max_mentions": max_mentions,
        "max_noise": max_noise,
        "type_noise": type_noise,
    }
    return partial(_build_all_triples, spans, pairs, head, batch_pairs, settings)


def _build_all_triples(
    spans: Callable[[int, int], SpanScorer],
    pairs: PairFactory,
    head: HeadFactory,
    batch_pairs: int,
    settings: dict[str, Any],
    width: int,
    n_markers: int,
    n_labels: int,
) -> AllTriples:
    features = pairs(width, n_markers)
    relations = RelationNetwork(features, head(features.width_out, n_labels), batch_pairs)
    return AllTriples(spans(width, n_markers - 1), relations, **settings)


def make_one_triple(
    pooling: str = "mean",
    relation_width: int | None = None,
    hidden: int | None = None,
    max_mention: int = 12,
    joint: bool = True,
    entity_weight: float = 2.0,
    relation_weight: float = 1.0,
    unrelated_pairs: bool = False,
    dropout: float = 0.1,
) -> FinderFactory:
    """`spacy_relx.OneTriple.v1`: one relation a sentence and its two entities, as in Wang et al. 2023.

    pooling: the sentence's vector: "first" token, "mean" or "max". relation_width: of the relation embedding, hidden:
    of the pointers; null: the token vectors'. max_mention: tokens of a mention at most. joint: choose start and end of
    a mention together, and head and tail in different places; false: each by itself (the paper), and a mention that
    ends before it begins is none.
    entity_weight, relation_weight: alpha and beta of eq. 12. unrelated_pairs: a training sentence without relations and
    with exactly two mentions is about the pair of these, first and second in `doc.spans` (as in SMiLER); such pairs are
    learned and found, too. dropout: on the token vectors.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_one_of(POOLINGS, pooling=pooling)
    check_at_least(1, relation_width=relation_width, hidden=hidden, max_mention=max_mention)
    check_positive(entity_weight=entity_weight, relation_weight=relation_weight)
    check_probability(dropout=dropout)
    return partial(
        OneTriple,
        pooling=pooling,
        relation_width=relation_width,
        hidden=hidden,
        max_length=max_mention,
        joint=joint,
        entity_weight=entity_weight,
        relation_weight=relation_weight,
        unrelated_pairs=unrelated_pairs,
        dropout=dropout,
    )
