"""Registered transformers: where one is loaded from and how it is trained."""

from __future__ import annotations

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import RelxError
from ..checks import check_at_least, check_one_of, check_positive, check_probability
from ..parts import CONTEXTS
from ..precision import PRECISIONS
from .loading import TransformerSource
from .token_transformer import make_token_transformer


def make_transformer(
    name: str,
    max_length: int | None = None,
    stride: int | None = None,
    dropout: float | None = None,
    lr_scale: float = 1.0,
    layer_decay: float = 1.0,
    freeze_embeddings: bool = False,
    freeze_layers: int = 0,
    use_fast: bool = True,
    layers: int | None = None,
) -> TransformerSource:
    """`spacy_relx.Transformer.v1`: an encoder of Hugging Face, loaded when the pipeline is initialised.

    A trained pipeline holds its own copy and does not look for `name` again.

    name: of a model of the hub, or a folder. max_length: subwords of a text, special tokens and markers counted; null:
    as many as the model has positions. stride: subwords between the beginnings of windows over longer Docs, at most
    half of a window; null: half. dropout: in the transformer; null: as the model was saved. lr_scale: the top layer's
    share of the learning rate (the head's is 1). layer_decay: each layer's share of that of the layer above.
    freeze_embeddings: words and positions stay as they are; markers are trained all the same. freeze_layers: so many of
    the lowest layers stay too. use_fast: the tokenizer in Rust, where there is one. layers: keep only so many of the
    lowest layers, for speed; null: all.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(32, max_length=max_length)
    check_at_least(1, stride=stride, layers=layers)
    check_at_least(0, freeze_layers=freeze_layers)
    check_probability(dropout=dropout)
    check_positive(lr_scale=lr_scale)
    if not 0 < layer_decay <= 1:
        raise RelxError("RX021", name="layer_decay", value=layer_decay, need="in (0, 1]")
    return TransformerSource(
        name=name,
        max_length=max_length,
        stride=stride,
        dropout=dropout,
        lr_scale=lr_scale,
        layer_decay=layer_decay,
        freeze_embeddings=freeze_embeddings,
        freeze_layers=freeze_layers,
        use_fast=use_fast,
        layers=layers,
    )


def build_token_transformer(
    transformer: TransformerSource, batch_tokens: int = 4096, precision: str = "auto", context: str | None = None
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy_relx.TokenTransformer.v1`: a transformer as an encoder, Docs -> token vectors, the means of subwords.

    Documents of any length: what is longer than the transformer reads is read in windows, each token where it lies most
    centrally. transformer: `spacy_relx.Transformer.v1`. batch_tokens: subwords that are worked on at once. precision:
    "fp32", "bf16", or "auto", bf16 where the device computes it in hardware. context: what is read at once, each
    "sentence" by itself or the whole "document"; null: as in training, sentences where the training Docs were single
    sentences.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, batch_tokens=batch_tokens)
    check_one_of(PRECISIONS, precision=precision)
    check_one_of(CONTEXTS, context=context)
    return make_token_transformer(transformer, batch_tokens, precision, context)
