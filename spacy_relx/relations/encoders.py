"""Registered encoders: Docs -> token vectors. spaCy's own tok2vec models and listeners do just as well."""

from __future__ import annotations

from functools import partial

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..core.checks import check_at_least, check_one_of, check_probability
from ..core.parts import CONTEXTS
from .hash_bigru import HashBiGRU
from .hash_bigru_layer import make_hash_bigru_layer


def build_hash_bigru(
    hidden: int = 128,
    depth: int = 1,
    word_rows: int = 8000,
    word_width: int = 96,
    affix_rows: int = 3000,
    affix_width: int = 48,
    marker_rows: int = 64,
    marker_width: int = 32,
    dropout: float = 0.4,
    word_dropout: float = 0.0,
    context: str | None = None,
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy_relx.HashBiGRU.v1`: a bidirectional GRU over hashed words, affixes, case and the mention's type.

    hidden: width in each direction; token vectors are twice as wide. depth: layers. *_rows, *_width: of the embedding
    tables. marker_rows: for entity types, two more than there are types are enough. dropout: on the GRU's input and
    output. word_dropout: how often a word is hidden in training. context: what is read at once, each "sentence" by
    itself or the whole "document"; null: as in training, sentences where the training Docs were single sentences.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(2, word_rows=word_rows, affix_rows=affix_rows, marker_rows=marker_rows)
    check_at_least(1, hidden=hidden, depth=depth)
    check_at_least(1, word_width=word_width, affix_width=affix_width, marker_width=marker_width)
    check_probability(dropout=dropout, word_dropout=word_dropout)
    check_one_of(CONTEXTS, context=context)
    rows = (word_rows, affix_rows, affix_rows, 4, marker_rows)
    widths = (word_width, affix_width, affix_width, 8, marker_width)
    build = partial(HashBiGRU, rows, widths, hidden=hidden, depth=depth, dropout=dropout, word_dropout=word_dropout)
    return make_hash_bigru_layer(rows, build, context)
