"""Registered tables of words: what a model over instances reads of a text."""

from __future__ import annotations

from ..core.checks import check_at_least, check_probability
from .words import WordTable


def make_word_table(
    width: int = 50,
    min_count: int = 2,
    lower: bool = True,
    by_language: bool = False,
    vectors: str | None = None,
    tune: bool = True,
    dropout: float = 0.0,
    word_dropout: float = 0.0,
) -> WordTable:
    """`spacy_relx.WordTable.v1`: an embedding for each word that the training data has `min_count` times or more.

    width: of the vectors. lower: read words in lower case. by_language: give one word in two languages two vectors.
    vectors: where vectors begin: null, at random; "vocab", with those of the pipeline's vocab; else a file in the text
    format of word2vec, GloVe and fastText, a table of floret (.floret), or a pipeline. All words that have a vector are
    then known, whether training shows them or not (floret's and `by_language` aside). The file is read at
    initialisation only. tune: whether training changes the vectors. dropout: on the vectors. word_dropout: how often a
    word is taken for unknown in training.

    RAISES: RelxError RX021 for settings that make no sense; at initialisation RX061 for vectors that cannot be used.
    """
    check_at_least(1, width=width, min_count=min_count)
    check_probability(dropout=dropout, word_dropout=word_dropout)
    return WordTable(
        width=width,
        min_count=min_count,
        lower=lower,
        by_language=by_language,
        vectors=vectors,
        tune=tune,
        dropout=dropout,
        word_dropout=word_dropout,
    )
