"""Unrelated pairs of entities from a stream of sentences: all wait in temporary files, few are taken in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker

from ..data.extensions import get_lang, set_lang
from ..errors import RelxError
from ..formats.bags import token_arrays

#: One sentence that mentions an unrelated pair. key: the hash of the pair. head, tail: numbers of the entities. place,
#: size: where the sentence is in its file, in bytes. spans: start and end of head and tail. labels: numbers of types.
INSTANCE = np.dtype(
    [
        ("key", "uint64"),
        ("place", "int64"),
        ("size", "int32"),
        ("head", "int32"),
        ("tail", "int32"),
        ("spans", "int32", (4,)),
        ("labels", "int32", (2,)),
    ]
)
_ROWS = 1 << 16


class NegativeSpool:
    """Keeps instances of unrelated pairs on disk until it is known how many are wanted. A context manager.

    How many pairs are wanted depends on how many related ones there will be, and no rate is known before the stream
    ends. So each ordered pair has a hash (of the ids and a seed), every instance is written with it, and in the end the
    pairs with the lowest hashes are taken: that is a draw without replacement in which each pair has the same chance
    however often it is mentioned, and each pair comes with all its sentences. Memory is 8 bytes for each pair that is
    taken, and a few MB; disk is 56 bytes for each instance and each sentence once.

    vocab: it knows the words of all sentences. folder: where the files are, None for the system's place.
    """

    def __init__(self, vocab: Vocab, folder: str | None = None):
        self._vocab = vocab
        self._folder = folder
        # By themselves: `srsly.msgpack.packb` and `unpackb` look up their codecs anew on each call.
        self._packer, self._unpacker = Packer(use_bin_type=True), Unpacker(raw=False)
        self._size = 0
        self._sentences = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by __exit__)
        self._instances = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __enter__(self) -> NegativeSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._sentences.close()
        self._instances.close()

    def add(self, sentence: Doc, instances: np.ndarray) -> None:
        """Write a sentence and its instances; sets their place and size. instances: INSTANCE (n,). RAISES: RX141."""
        words, spaces = token_arrays(sentence)
        row = [words.tobytes(), None if spaces is None else spaces.tobytes(), get_lang(sentence)]
        data = self._packer.pack(row)
        instances["place"], instances["size"] = self._size, len(data)
        try:
            self._sentences.write(data)
            self._instances.write(instances.tobytes())
        except OSError as err:
            raise self._no_room(err) from err
        self._size += len(data)

    def lowest(self, n: int) -> np.ndarray:
        """The n lowest hashes of pairs, ascending, fewer where there are fewer pairs. RETURNS: uint64 (<= n,)."""
        lowest = np.zeros(0, "uint64")
        for block in self._blocks() if n else ():
            keys = block["key"]
            if len(lowest) == n:
                keys = keys[keys < lowest[-1]]
            if len(keys):
                lowest = np.unique(np.concatenate([lowest, keys]))[:n]
        return lowest

    def take(self, keys: np.ndarray) -> Iterator[tuple[Doc, np.void]]:
        """The instances of pairs with these hashes, with their sentences, in the order in which they were added.

        keys: from `lowest`. RAISES: RelxError RX141.
        """
        if not len(keys):
            return
        place, doc = -1, Doc(self._vocab)
        for row in chain.from_iterable(block[block["key"] <= keys[-1]] for block in self._blocks()):
            if row["place"] != place:
                place = int(row["place"])
                doc = self._sentence(place, int(row["size"]))
            yield doc, row

    def _blocks(self) -> Iterator[np.ndarray]:
        try:
            self._instances.seek(0)
            while data := self._instances.read(_ROWS * INSTANCE.itemsize):
                yield np.frombuffer(data, INSTANCE)
        except OSError as err:
            raise self._no_room(err) from err

    def _sentence(self, place: int, size: int) -> Doc:
        try:
            self._sentences.seek(place)
            self._unpacker.feed(self._sentences.read(size))
        except OSError as err:
            raise self._no_room(err) from err
        words, spaces, lang = self._unpacker.unpack()
        blanks: Any = None if spaces is None else np.frombuffer(spaces, bool)
        hashes: Any = np.frombuffer(words, "uint64")
        doc = Doc(self._vocab, words=hashes, spaces=blanks)
        set_lang(doc, lang)
        return doc

    def _no_room(self, err: OSError) -> RelxError:
        return RelxError("RX141", folder=self._folder or tempfile.gettempdir(), reason=err.strerror or err)
