"""Registered encoders: Docs -> token vectors. spaCy's own tok2vec models and listeners do just as well."""

from __future__ import annotations

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import RelxError
from ..layers.hash_bigru import make_hash_bigru_layer
from ..nn.hash_bigru import HashBiGRU


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
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy_relx.HashBiGRU.v1`: a bidirectional GRU over hashed words, affixes, case and the mention's type.

    hidden: width in each direction; token vectors are twice as wide. depth: layers. *_rows, *_width: of the embedding
    tables. marker_rows: for entity types, one more than there are types is enough. dropout: on the GRU's input and
    output. word_dropout: how often a word is hidden in training.

    RAISES: RelxError RX021 for tables of fewer than two rows.
    """
    rows = (word_rows, affix_rows, affix_rows, 4, marker_rows)
    for name, value in {"word_rows": word_rows, "affix_rows": affix_rows, "marker_rows": marker_rows}.items():
        if value < 2:
            raise RelxError("RX021", name=name, value=value, need="2 or more")
    widths = (word_width, affix_width, affix_width, 8, marker_width)
    module = HashBiGRU(rows, widths, hidden=hidden, depth=depth, dropout=dropout, word_dropout=word_dropout)
    return make_hash_bigru_layer(rows, module)
