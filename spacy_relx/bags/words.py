"""Tokens -> rows of a table of words, by their hashes; and vectors to begin with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy.vocab import Vocab

from ..core.settings import Count, Probability, architecture
from ..data.extensions import primary_code
from ..errors import RelxError
from .instance_batch import InstanceBatch
from .instance_text import InstanceText
from .instances import Instances, token_langs, token_places
from .word_table import WordEmbedding

_DOCS = 256
#: Vectors that come with the pipeline's vocab.
VOCAB = "vocab"
_ODD = np.uint64(0x9E3779B97F4A7C15)


@architecture
@dataclass(kw_only=True)
class WordTable(InstanceText[WordEmbedding]):
    """`spacy_relx.WordTable.v1`: an embedding for each word that the training data has `min_count` times or more.

    Args:
        width: Width of the vectors.
        min_count: How often training has to show a word.
        lower: Whether to read words in lower case.
        by_lang: Whether to give one word in two languages two vectors.
        vectors: Where vectors begin: null, at random; "vocab", with those of the pipeline's vocab; else a file in the
            text format of word2vec, GloVe and fastText, a table of floret (.floret), or a pipeline. All words that have
            a vector are then known, whether training shows them or not (floret's and `by_lang` aside). The file is
            read at initialisation only; RX061 says why one cannot be used.
        tune: Whether training changes the vectors.
        dropout: Dropout on the vectors.
        word_dropout: How often a word is taken for unknown in training.
    """

    width: Count = 50
    min_count: Count = 2
    lower: bool = True
    by_lang: bool = False
    vectors: str | None = None
    tune: bool = True
    dropout: Probability = 0.0
    word_dropout: Probability = 0.0

    def __post_init__(self) -> None:
        self._keys: np.ndarray | None = None
        self._start: np.ndarray | None = None

    def prepare(self, docs: Iterable[Doc]) -> int:
        """Collect the words of the training Docs. RETURNS: rows of the table, 1 (for unknown words) included."""
        counts: Counter[int] = Counter()
        words: dict[int, int] = {}
        vocab: Vocab | None = None
        for batch in minibatch(docs, _DOCS):
            vocab = batch[0].vocab
            plain = self._hashes(batch)
            keys, firsts, n = np.unique(self._keyed(plain, batch), return_index=True, return_counts=True)
            for key, first, count in zip(keys.tolist(), firsts.tolist(), n.tolist()):
                counts[key] += count
                words[key] = int(plain[first])
        if vocab is None:
            raise RelxError("RX060")
        kept = {key: words[key] for key, count in counts.items() if count >= self.min_count}
        vectors = self._load_vectors(vocab)
        if vectors is not None and not self.by_lang:
            kept.update(self._all_words(vectors))
        self._keys = np.array(sorted(kept), dtype="int64")
        self._start = None if vectors is None else self._first_vectors(vectors, vocab, kept)
        return 1 + len(self._keys)

    def build(self, n_words: int) -> WordEmbedding:
        """The module, with the words and vectors that `prepare` found; all zeros after loading, until weights come."""
        module = WordEmbedding(
            n_words, self.width, dropout=self.dropout, word_dropout=self.word_dropout, tune=self.tune
        )
        if self._keys is not None and len(self._keys) == n_words - 1:
            module.keys.copy_(torch.from_numpy(self._keys))
            if self._start is not None:
                found = ~np.isnan(self._start[:, 0])
                module.table.weight.data[1:][torch.from_numpy(found)] = torch.from_numpy(self._start[found])
        self._keys = self._start = None
        return module

    def batch(
        self, docs: Sequence[Doc], instances: Instances, langs: np.ndarray, module: WordEmbedding
    ) -> InstanceBatch:
        """langs: int64 (n_instances,), row of each instance's language. module: from `build`."""
        rows = self._rows(docs, module.keys.cpu().numpy())[token_places(docs, instances)]
        return make_instance_batch(rows, instances, langs)

    def _rows(self, docs: Sequence[Doc], keys: np.ndarray) -> np.ndarray:
        hashes = self._keyed(self._hashes(docs), docs)
        if not len(keys):
            return np.zeros(len(hashes), dtype="int64")
        places = np.searchsorted(keys, hashes).clip(max=len(keys) - 1)
        return np.where(keys[places] == hashes, places + 1, 0)

    def _hashes(self, docs: Sequence[Doc]) -> np.ndarray:
        """int64 (n_tokens,): spaCy's hash of each word."""
        attr = "LOWER" if self.lower else "ORTH"
        return np.concatenate([doc.to_array(attr) for doc in docs]).astype("uint64").view("int64")

    def _keyed(self, hashes: np.ndarray, docs: Sequence[Doc]) -> np.ndarray:
        """The hashes as they are, or by language: one word in two languages is two, in variants of one it is one."""
        if not self.by_lang:
            return hashes
        langs = []
        for rows, names in map(token_langs, docs):
            codes = map(primary_code, names)
            langs.append(np.array([get_string_id(code) if code else 0 for code in codes], dtype="uint64")[rows])
        return (hashes.view("uint64") * _ODD ^ np.concatenate(langs)).view("int64")

    def _load_vectors(self, vocab: Vocab) -> Vocab | None:
        """The vocab whose vectors words begin with. RAISES: RelxError RX061."""
        if self.vectors is None:
            return None
        source = vocab if self.vectors == VOCAB else read_vectors(self.vectors)
        width = source.vectors_length
        if not width:
            raise RelxError("RX061", path=self.vectors, reason="the pipeline's vocab has no vectors.")
        if width != self.width:
            reason = f"they have {width} numbers each, but 'width' is {self.width}."
            raise RelxError("RX061", path=self.vectors, reason=reason)
        return source

    def _all_words(self, source: Vocab) -> dict[int, int]:
        """Words that have a vector, whether training shows them or not; none where vectors are of parts of words."""
        if source.vectors.mode == "floret":
            return {}
        return {key: key for key in self._vector_rows(source)}

    def _vector_rows(self, source: Vocab) -> dict[int, int]:
        """The key of each word that has a vector -> what the vector is found by. Where several words are one in lower
        case, the one that is written so has it, else the first."""
        found: dict[int, int] = {}
        for row in source.vectors:
            if row in source.strings:
                word = source.strings[row]
                key = self._key_of(word)
                if key not in found or word == word.lower():
                    found[key] = row
        return found

    def _key_of(self, word: str) -> int:
        return int(np.uint64(get_string_id(word.lower() if self.lower else word)).view(np.int64))

    def _first_vectors(self, source: Vocab, vocab: Vocab, kept: dict[int, int]) -> np.ndarray:
        """float32 (n_words - 1, width), in the order of the keys; NaN for words without a vector."""
        by_key = self._vector_rows(source)
        start = np.full((len(kept), self.width), np.nan, dtype="float32")
        for row, key in enumerate(sorted(kept)):
            word: Any = int(np.int64(kept[key]).view(np.uint64))
            if kept[key] in by_key:
                start[row] = _numpy(source.vectors[by_key[kept[key]]])
            elif source.vectors.mode == "floret" and word in vocab.strings:
                start[row] = _numpy(source.get_vector(vocab.strings[word]))
        return start


def _numpy(vector: Any) -> np.ndarray:
    return vector.get() if hasattr(vector, "get") else np.asarray(vector)


def read_vectors(path: str) -> Vocab:
    """A vocab with the vectors of a file: word2vec's, GloVe's or fastText's text format, floret's table (.floret), or a
    folder or package of a pipeline. RAISES: RelxError RX061."""
    from spacy.training.initialize import convert_vectors

    place = Path(path)
    if not place.exists() and not spacy.util.is_package(path):
        reason = "there is no such file or folder, and no installed pipeline of that name."
        raise RelxError("RX061", path=path, reason=reason)
    try:
        if place.is_file():
            nlp = spacy.blank("xx")
            mode = "floret" if ".floret" in place.suffixes else "default"
            convert_vectors(nlp, place, truncate=0, prune=-1, mode=mode)
            return nlp.vocab
        return spacy.load(place if place.is_dir() else path).vocab
    except (OSError, ValueError, KeyError, SystemExit) as err:
        raise RelxError("RX061", path=path, reason=f"{type(err).__name__}: {err}") from err


def make_instance_batch(rows: np.ndarray, instances: Instances, langs: np.ndarray) -> InstanceBatch:
    """A batch of instances whose tokens are as in their Docs. rows: int64 (n_tokens,)."""
    lengths = instances.windows[:, 1] - instances.windows[:, 0]
    starts = np.cumsum(lengths) - lengths
    arrays = {
        "tokens": rows,
        "starts": starts,
        "lengths": lengths,
        "mentions": instances.mentions + (starts - instances.windows[:, 0])[:, None, None],
        "markers": instances.markers,
        "langs": langs,
    }
    return InstanceBatch(**{n: torch.from_numpy(np.ascontiguousarray(a, dtype="int64")) for n, a in arrays.items()})
