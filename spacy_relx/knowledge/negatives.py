"""Unrelated pairs of entities from a stream of sentences: all wait on disk, few are taken in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker

from ..data.extensions import get_lang, set_lang
from ..data.spool import Spool
from ..formats.bags import token_arrays


class Instance(NamedTuple):
    """One sentence that mentions an unrelated pair.

    Attributes:
        key: the hash of the pair, int64.
        head: number of the entity.
        tail: number of the entity.
        head_start, head_end, tail_start, tail_end: tokens of the mentions.
        head_type, tail_type: numbers of the entity types.
    """

    key: int
    head: int
    tail: int
    head_start: int
    head_end: int
    tail_start: int
    tail_end: int
    head_type: int
    tail_type: int


class NegativeSpool:
    """Keeps instances of unrelated pairs on disk until it is known how many are wanted. A context manager.

    How many pairs are wanted depends on how many related ones there will be, and no rate is known before the stream
    ends. So each ordered pair has a hash (of the ids and a seed), every instance is written with it, and in the end the
    pairs with the lowest hashes are taken: that is a draw without replacement in which each pair has the same chance
    however often it is mentioned, and each pair comes with all its sentences. Memory is some megabytes.

    vocab: it knows the words of all sentences.
    """

    def __init__(self, vocab: Vocab):
        self._vocab = vocab
        columns = ", ".join(f"{name} INT" for name in Instance._fields)
        self._rows = Spool(
            "CREATE TABLE sentences (number INTEGER PRIMARY KEY, row BLOB)",
            f"CREATE TABLE instances ({columns}, sentence INT)",
        )
        # By themselves: `srsly.msgpack.packb` and `unpackb` look up their codecs anew on each call.
        self._packer, self._unpacker = Packer(use_bin_type=True), Unpacker(raw=False)
        self._n = 0

    def __enter__(self) -> NegativeSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._rows.close()

    def add(self, sentence: Doc, instances: Iterable[tuple[int, ...]]) -> None:
        """Write a sentence and its instances, tuples as `Instance`. RAISES: RelxError RX333 (no room)."""
        words, spaces = token_arrays(sentence)
        row = [words.tobytes(), None if spaces is None else spaces.tobytes(), get_lang(sentence)]
        self._n += 1
        self._rows.add("INSERT INTO sentences VALUES (?, ?)", (self._n, self._packer.pack(row)))
        for instance in instances:
            self._rows.add("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*instance, self._n))

    def lowest(self, n: int) -> list[int]:
        """The n lowest hashes of pairs, ascending, fewer where there are fewer pairs. RAISES: RelxError RX333."""
        return [key for (key,) in self._rows.select("SELECT DISTINCT key FROM instances ORDER BY key LIMIT ?", n)]

    def take(self, keys: list[int]) -> Iterator[tuple[Doc, Instance]]:
        """The instances of pairs with these hashes, with their sentences, in the order in which they were added.

        keys: from `lowest`. RAISES: RelxError RX333.
        """
        query = (
            "SELECT instances.*, row FROM instances JOIN sentences ON number = sentence WHERE key <= ? "
            "ORDER BY instances.rowid"
        )
        last, doc = 0, Doc(self._vocab)
        for *instance, number, row in self._rows.select(query, keys[-1]) if keys else ():
            if number != last:
                last, doc = number, self._sentence(row)
            yield doc, Instance(*instance)

    def _sentence(self, row: bytes) -> Doc:
        self._unpacker.feed(row)
        words, spaces, lang = self._unpacker.unpack()
        blanks: Any = None if spaces is None else np.frombuffer(spaces, bool)
        hashes: Any = np.frombuffer(words, "uint64")
        doc = Doc(self._vocab, words=hashes, spaces=blanks)
        set_lang(doc, lang)
        return doc
