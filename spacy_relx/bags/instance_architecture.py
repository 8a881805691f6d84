"""The relation extractor's model over instances: words, a sentence encoder and a head, composed in the config."""

from __future__ import annotations

from functools import partial
from typing import Any

from thinc.api import Model

from ..core.checks import check_at_least, check_one_of, check_probability
from ..core.head_settings import HeadFactory
from .instance_layer import make_instance_layer
from .instance_network import InstanceNetwork
from .instance_text import InstanceText
from .perturbation import Perturbation
from .sentence_encoders_settings import EncoderFactory

#: Scopes of a perturbation that there are without bags.
SCOPES = ("sentence", "batch")


def build_instance_model(
    words: InstanceText,
    encoder: EncoderFactory,
    head: HeadFactory,
    adversarial: Perturbation | None = None,
    max_tokens: int = 256,
    batch_tokens: int = 8192,
    batch_pairs: int = 2048,
    marker_dropout: float = 0.0,
) -> Model:
    """`spacy_relx.InstanceModel.v1`: each candidate pair is a sentence with one head and one tail -> its vector ->
    labels. The sentence encoders of `spacy_relx.BagModel.v1`, for a `relation_extractor`.

    words: for instance `spacy_relx.WordTable.v1`. encoder: for instance `spacy_relx.PCNN.v1`. head:
    `spacy_relx.SoftmaxHead.v1` or `spacy_relx.MultiLabelHead.v1`; pairs that its negative_ratio leaves out are not
    encoded. adversarial: `spacy_relx.AdversarialTraining.v1` with the scope "sentence" or "batch", or null.

    max_tokens: of the text of a pair, the sentence or sentences of its mentions; of a longer one, what is around both
    mentions is read; 0 for no limit. batch_tokens: tokens that are encoded at once; batch_pairs: pairs whose words are
    held at once. They bound memory and change no score. marker_dropout: probability that all types of a Doc, and again
    that a single mention's type, are hidden in training.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, batch_tokens=batch_tokens, batch_pairs=batch_pairs)
    check_at_least(0, max_tokens=max_tokens)
    check_probability(marker_dropout=marker_dropout)
    if adversarial is not None:
        check_one_of(SCOPES, scope=adversarial.scope)
    return make_instance_layer(
        words,
        partial(_build_network, words, encoder, head, adversarial, batch_tokens, batch_pairs),
        max_tokens=max_tokens,
        batch_pairs=batch_pairs,
        marker_dropout=marker_dropout,
    )


def _build_network(
    words: InstanceText,
    encoder: EncoderFactory,
    head: HeadFactory,
    adversarial: Perturbation | None,
    batch_tokens: int,
    batch_pairs: int,
    n_words: int,
    n_markers: int,
    n_labels: int,
) -> InstanceNetwork:
    table = words.build(n_words)
    sentences: Any = encoder(table, n_markers)
    return InstanceNetwork(
        table, sentences, head(sentences.width_out, n_labels), adversarial, batch_tokens, batch_pairs
    )
