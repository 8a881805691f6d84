"""The fact extractor's model: words, a sentence encoder, and a head over bags, composed in the config."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from thinc.api import Model

from ..core.checks import check_at_least, check_one_of, check_positive, check_probability
from ..data.grouping import ENTITIES
from .bag_heads import BagHead, SigmoidBagHead, SoftmaxBagHead
from .layer import make_bag_layer
from .network import BagNetwork
from .perturbation import SCOPES, Perturbation
from .sentence_encoders_settings import EncoderFactory
from .sentence_weights import Aggregator, AtLeastOne, AverageSentences, SelectiveAttention

AggregatorFactory = Callable[[int, int], Aggregator]
BagHeadFactory = Callable[[int, int], BagHead]


def make_selective_attention(tanh: bool = True, tied: bool = False) -> AggregatorFactory:
    """`spacy_relx.SelectiveAttention.v1`: sentences count by their agreement with the relation that is asked for.

    tanh: of the sentence's vector, before it meets the query (Wu et al. 2017), else its plain dot product. tied: the
    query of a relation is the classifier's row of it (OpenNRE), else a vector of its own.
    """
    return partial(SelectiveAttention, tanh=tanh, tied=tied)


def make_average() -> AggregatorFactory:
    """`spacy_relx.AverageSentences.v1`: all sentences of a bag count alike."""
    return AverageSentences


def make_at_least_one() -> AggregatorFactory:
    """`spacy_relx.AtLeastOne.v1`: the one sentence counts that makes the relation most probable."""
    return AtLeastOne


def make_bag_head(
    aggregator: AggregatorFactory, loss: str = "softmax", dropout: float = 0.0, no_relation_weight: float = 1.0
) -> BagHeadFactory:
    """`spacy_relx.BagHead.v1`: a classifier over bags.

    aggregator: for instance `spacy_relx.SelectiveAttention.v1`. loss: "softmax" over no-relation and the relations, for
    each that holds; or "sigmoid", each relation for itself. dropout: on the bag's vector. no_relation_weight: weight of
    bags without a relation in the loss. See `nn.bag_heads`. RAISES: RelxError RX021.
    """
    check_one_of(("softmax", "sigmoid"), loss=loss)
    check_probability(dropout=dropout)
    check_positive(no_relation_weight=no_relation_weight)
    kind = SoftmaxBagHead if loss == "softmax" else SigmoidBagHead
    return partial(_build_head, kind, aggregator, dropout, no_relation_weight)


def _build_head(
    kind: type[BagHead],
    aggregator: AggregatorFactory,
    dropout: float,
    no_relation_weight: float,
    width: int,
    n_labels: int,
) -> BagHead:
    made = aggregator(width, n_labels + 1)
    return kind(made, width, n_labels, dropout=dropout, no_relation_weight=no_relation_weight)


def make_perturbation(eps: float = 0.01, scope: str = "bag") -> Perturbation:
    """`spacy_relx.AdversarialTraining.v1`: train on the worst small change of the word vectors (Wu et al. 2017).

    eps: its length, in the unit of the word vectors; 0 for none. scope: what has that length together: the words of a
    "sentence", of a "bag" or of the whole "batch". RAISES: RelxError RX021.
    """
    check_at_least(0, eps=eps)
    check_one_of(SCOPES, scope=scope)
    return Perturbation(eps, scope)


def build_bag_model(
    words: Any,
    encoder: EncoderFactory,
    head: BagHeadFactory,
    adversarial: Perturbation | None = None,
    entities: str = "linked",
    max_tokens: int = 256,
    batch_tokens: int = 32768,
    marker_dropout: float = 0.0,
) -> Model:
    """`spacy_relx.BagModel.v1`: words -> sentence vectors -> bags -> facts.

    words: for instance `spacy_relx.WordTable.v1`. encoder: `spacy_relx.PCNN.v1`, `CNN.v1`, `BiGRU.v1` or `BiLSTM.v1`.
    head: `spacy_relx.BagHead.v1`. adversarial: `spacy_relx.AdversarialTraining.v1`, or null. entities: "linked", pairs
    of mentions with an id (`kb_id`); "text", mentions without one are known by their text (`text_forms.folded_form`).
    max_tokens: of a sentence; of a longer one, what is around both mentions is read; 0 for no limit. batch_tokens:
    tokens that are encoded at once, which bounds memory. marker_dropout: how often entity types are hidden in training.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_one_of(ENTITIES, entities=entities)
    check_at_least(1, batch_tokens=batch_tokens)
    check_at_least(0, max_tokens=max_tokens)
    check_probability(marker_dropout=marker_dropout)
    return make_bag_layer(
        words,
        partial(_build_network, words, encoder, head, adversarial, batch_tokens),
        entities=entities,
        langs=(),
        max_tokens=max_tokens,
        batch_tokens=batch_tokens,
        marker_dropout=marker_dropout,
    )


def _build_network(
    words: Any,
    encoder: EncoderFactory,
    head: BagHeadFactory,
    adversarial: Perturbation | None,
    batch_tokens: int,
    n_words: int,
    n_markers: int,
    n_labels: int,
) -> BagNetwork:
    table = words.build(n_words)
    sentences: Any = encoder(table, n_markers)
    return BagNetwork(table, sentences, head(sentences.width_out, n_labels), adversarial, batch_tokens)
