"""Registered parts that let a transformer read instances: marked subwords, and the encoder above them."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..core.checks import check_one_of, check_probability
from ..core.precision import PRECISIONS
from ..core.transformers.loading import TransformerSource
from ..errors import RelxError
from ..marked.marking import ROLES
from ..marked.pooling_settings import PoolingFactory
from .sentence_encoders_settings import EncoderFactory
from .subwords import MarkedSubwords
from .transformer_instances import SubwordEmbedding, TransformerEncoder


def make_marked_subwords(
    transformer: TransformerSource, markers: str = "typed", roles: str = "uniform"
) -> MarkedSubwords:
    """`spacy_relx.MarkedSubwords.v1`: the subwords of a transformer, with marker tokens around head and tail.

    It stands in the place of `spacy_relx.WordTable.v1`, with `spacy_relx.TransformerEncoder.v1` above it.

    transformer: `spacy_relx.Transformer.v1`, whose stride is left at null: one text around head and tail is read.
    markers: "typed", which name the entity types that the entity_type_marker gives, or "uniform". roles: which markers
    tell head from tail: "uniform" (Ni et al. 2020: typed ones do not), "all", or "none".

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_one_of(("typed", "uniform"), markers=markers)
    check_one_of(ROLES, roles=roles)
    if transformer.stride is not None:
        need = "null for spacy_relx.MarkedSubwords.v1, which reads one text around head and tail"
        raise RelxError("RX021", name="stride", value=transformer.stride, need=need)
    return MarkedSubwords(transformer, markers == "typed", roles)


def make_transformer_encoder(pooling: PoolingFactory, precision: str = "auto", dropout: float = 0.1) -> EncoderFactory:
    """`spacy_relx.TransformerEncoder.v1`: the transformer of `spacy_relx.MarkedSubwords.v1`, pooled at head and tail.

    Each encoder of a model with several, as one for each language, has layers of its own, which begin alike.

    pooling: for instance `spacy_relx.EntityStart.v1`. precision: "fp32"; "bf16", bfloat16; or "auto", that where the
    device computes it in hardware. dropout: on the vector of head and tail. RAISES: RelxError RX021 for settings that
    make no sense or do not go together.
    """
    check_one_of(PRECISIONS, precision=precision)
    check_probability(dropout=dropout)
    return partial(_build, pooling, precision, dropout)


def _build(pooling: PoolingFactory, precision: str, dropout: float, words: Any, n_markers: int) -> TransformerEncoder:
    if not isinstance(words, SubwordEmbedding):
        need = "spacy_relx.MarkedSubwords.v1, which spacy_relx.TransformerEncoder.v1 reads"
        raise RelxError("RX021", name="words", value="another", need=need)
    loaded = words.loaded
    made = pooling(int(loaded.config.hidden_size))
    if made.of_sentence and not words.directed:
        need = '"all" where spacy_relx.SentenceStart.v1 gives head and tail one vector'
        raise RelxError("RX021", name="roles", value="uniform or none", need=need)
    words.add_markers(n_markers)
    return TransformerEncoder(
        words.take_body(),
        made,
        flat=loaded.flat,
        precision=precision,
        dropout=dropout,
    )
