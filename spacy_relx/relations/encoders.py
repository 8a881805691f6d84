"""`spacy_relx.HashBiGRU.v1`, an encoder; `spacy_relx.WithEntityTypes.v1`, which shows any encoder entity types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from ..core.docs_to_batch import DocBatch, token_markers
from ..core.layer import Encoder, TokenLayer, given, make_model
from ..core.parts import Context, reads_sentences, text_lengths
from ..core.settings import Count, Probability, Rows, architecture
from ..core.task import layers_of
from .hash_bigru import HashBiGRU


class Table(NamedTuple):
    """An embedding table: its rows, and the width of each."""

    rows: int
    width: int


class HashBiGRULayer(TokenLayer[HashBiGRU]):
    """Docs -> token vectors of a `HashBiGRU`.

    Args:
        tables: Of the word, its last and first characters, and its shape; behind them perhaps of entity types.
        context: What is read at once, see `parts.Context`.
        settings: hidden, depth, dropout and word_dropout of `HashBiGRU`.
    """

    name = "hash_bigru"

    def __init__(self, tables: Sequence[Table], context: Context | None, **settings: Any):
        super().__init__()
        self.tables, self.context, self.settings = list(tables), context, settings

    @property
    def width_out(self) -> int:
        return 2 * int(self.settings["hidden"])

    def with_types(self, table: Table) -> HashBiGRULayer:
        """The same layer, which reads the type of the mention that each token is in along with its word."""
        return HashBiGRULayer([*self.tables, table], self.context, **self.settings)

    def build(self) -> HashBiGRU:
        rows, widths = zip(*self.tables)
        return HashBiGRU(rows, widths, **self.settings)

    def vectors(self, docs: list[Doc], tokens: Tensor | None) -> Tensor:
        full = [doc for doc in docs if len(doc)]
        if not full:
            return torch.zeros(0, self.width_out, device=self.device)
        features = word_features(full, tuple(table.rows for table in self.tables[:3]))
        if len(self.tables) > 4:
            features = np.concatenate([features, type_rows(docs, self.tables[4].rows)[:, None]], axis=1)
        texts = text_lengths(full, reads_sentences(self.task.by_sentence, self.context))
        found: Tensor = self.network(
            torch.from_numpy(features).to(self.device), torch.from_numpy(np.concatenate(texts))
        )
        return found


@lru_cache(maxsize=1 << 18)
def word_rows(word: str, rows: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Table rows of a word's features: lower-cased word, last three and first three characters, and case or digit.

    crc32, so that they are the same on every machine and in every release. Row 0 of a table is never given to a
    feature: it stands for a word left out.
    """
    low = word.lower()
    shape = 1 if word.isupper() else 2 if word[:1].isupper() else 3 if word.isdigit() else 0
    names = ("w" + low, "s" + low[-3:], "p" + low[:3])
    hashed = [1 + crc32(name.encode("utf8")) % (n - 1) for name, n in zip(names, rows)]
    return hashed[0], hashed[1], hashed[2], shape


def word_features(docs: Sequence[Doc], rows: tuple[int, ...]) -> np.ndarray:
    """int64 (n_tokens, 4). Python runs once for each distinct word of the batch, numpy for the tokens."""
    orths = np.concatenate([doc.to_array("ORTH") for doc in docs])
    unique, inverse = np.unique(orths, return_inverse=True)
    strings = docs[0].vocab.strings
    table = np.array([word_rows(strings[orth], rows) for orth in unique.tolist()], dtype="int64")
    return table[inverse]


def type_rows(docs: list[Doc], n: int) -> np.ndarray:
    """int64 (n_tokens,) in [0, n): the type of the innermost mention that each token is in; 0 outside of mentions.
    Vocabularies of more types than rows share rows."""
    markers = token_markers(docs if isinstance(docs, DocBatch) else DocBatch(docs))
    return np.where(markers > 0, 1 + (markers - 1) % (n - 1), 0)


@architecture
def build_hash_bigru(
    *,
    hidden: Count = 128,
    depth: Count = 1,
    word_rows: Rows = 8000,
    word_width: Count = 96,
    affix_rows: Rows = 3000,
    affix_width: Count = 48,
    dropout: Probability = 0.4,
    word_dropout: Probability = 0.0,
    context: Context | None = None,
) -> Encoder:
    """`spacy_relx.HashBiGRU.v1`: an encoder for any language, a bidirectional GRU over hashed words, affixes and case.

    Args:
        hidden: Width in each direction; token vectors are twice as wide.
        depth: Layers of the GRU.
        word_rows: Rows of the table of words.
        word_width: Width of a word's embedding.
        affix_rows: Rows of the tables of first and of last characters.
        affix_width: Width of an affix's embedding.
        dropout: Dropout on the GRU's input and output.
        word_dropout: How often a word is hidden in training.
        context: What is read at once, each "sentence" by itself or the whole "document"; null: as in training,
            sentences where the training Docs were single sentences.

    Returns:
        The encoder.
    """
    affixes = Table(affix_rows, affix_width)
    tables = [Table(word_rows, word_width), affixes, affixes, Table(4, 8)]
    settings = {"hidden": hidden, "depth": depth, "dropout": dropout, "word_dropout": word_dropout}
    return make_model(HashBiGRULayer(tables, context, **settings))


class TypedTokens(nn.Module):
    """Token vectors, and behind each the embedding of its entity type."""

    def __init__(self, table: Table):
        super().__init__()
        self.types = nn.Embedding(table.rows, table.width)

    def forward(self, tokens: Tensor, types: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). types: *Shape:* (n_tokens,), int64."""
        return torch.cat([tokens, self.types(types)], dim=1)


class EntityTypesLayer(TokenLayer[TypedTokens]):
    """Token vectors of an encoder, with entity types behind them."""

    name = "entity_types"

    def __init__(self, table: Table):
        super().__init__()
        self.table = table

    @property
    def width_out(self) -> int | None:
        return self.sizes["width"] + self.table.width if "width" in self.sizes else None

    def build(self) -> TypedTokens:
        return TypedTokens(self.table)

    def vectors(self, docs: list[Doc], tokens: Tensor | None) -> Tensor:
        types = torch.from_numpy(type_rows(docs, self.table.rows)).to(self.device)
        found: Tensor = self.network(given(tokens), types)
        return found


@architecture
def build_with_entity_types(encoder: Encoder, *, rows: Rows = 64, width: Count = 32) -> Encoder:
    """`spacy_relx.WithEntityTypes.v1`: an encoder that also sees which tokens are in a mention, and of what type.

    The mentions and their types are those of the `entity_type_marker`. `spacy_relx.HashBiGRU.v1` reads an embedding of
    the type along with each word, below its GRU. Behind the token vectors of any other encoder the embedding is
    appended.

    Args:
        encoder: Any model from Docs to token vectors.
        rows: Rows of the table of types; two more than there are types are enough.
        width: Width of a type's embedding.

    Returns:
        The encoder.
    """
    table = Table(rows, width)
    layers = [layer for node, layer in layers_of(encoder) if node is encoder]
    if layers and isinstance(layers[0], HashBiGRULayer):
        return make_model(layers[0].with_types(table))
    return make_model(EntityTypesLayer(table), encoder)
