"""Grouping sentences into bags, whatever their number: they wait in temporary files, not in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker

from ..data.extensions import get_lang, set_extensions
from ..data.facts import Bag
from ..data.ids import stable_hash
from ..data.places import check_span
from ..data.types import Mention
from ..errors import RelxError
from .bags import BagSentence, make_bag, token_arrays
from .directions import ReversedNegatives

#: Files that the sentences are divided among. All sentences of one file are in memory while it is grouped.
N_PARTS = 64
_BUFFER = 1 << 16
Row = list[Any]
#: (head id, tail id) -> its sentences, by what makes two of them one, and its labels.
Groups = dict[tuple[str, str], tuple[dict[Any, Row], set[str]]]


class BagSpool:
    """Takes sentences in any order, gives the bags they make: add all, then read `bags()`. A context manager.

    vocab: of the bag Docs. n_parts: files to divide the sentences among, by a hash of the pair of entities; memory is
    that for the largest of them (and for the vocab). folder: where the files are, None for the system's place. They
    have no names where the system allows that, so that nothing stays behind however the process ends; else they are
    removed when the spool is closed. reversed_negatives: which related pairs become a bag of no relation the other way
    round, with the same sentences, None for none. These take no room in the files: a pair and its reverse lie in one.
    """

    def __init__(
        self,
        vocab: Vocab,
        *,
        n_parts: int = N_PARTS,
        folder: str | None = None,
        reversed_negatives: ReversedNegatives | None = None,
    ):
        set_extensions()
        self.vocab = vocab
        self._folder = folder
        self._reversed = reversed_negatives
        self._parts: list[IO[bytes] | None] = [None] * n_parts
        self._packer = Packer(use_bin_type=True)
        self.n_added = 0
        self.n_duplicates = 0

    def __enter__(self) -> BagSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        for stream in self._parts:
            if stream is not None:
                stream.close()
        self._parts = [None] * len(self._parts)

    def add(
        self, sentence: Doc, head: Mention, tail: Mention, labels: Iterable[str] = (), source: Sequence[Any] = ()
    ) -> None:
        """Add a sentence to the bag of (head.kb_id, tail.kb_id).

        sentence: a Doc of one sentence; its `doc._.lang` goes with it. labels: the relations that it is an example of,
        none for NA. source: where the sentence is from, as plain data; the sentences' sources are in
        `user_data["sources"]` of the bag Docs. Only words, spaces, the two mentions, language, labels and source are
        kept.
        RAISES: RelxError RX140 (an id is missing), RX003 (a mention does not fit), RX141 (no room for the files).
        """
        if not head.kb_id or not tail.kb_id:
            raise RelxError("RX140", head=head.text(sentence), tail=tail.text(sentence), text=sentence.text[:60])
        for mention in (head, tail):
            check_span(mention.start, mention.end, len(sentence))
        words, spaces = token_arrays(sentence)
        if sentence.vocab is not self.vocab:
            for word in set(words.tolist()):
                self.vocab.strings.add(sentence.vocab.strings[word])
        # srsly's packer is called by itself: `srsly.msgpack_dumps` looks up its codecs anew on each call.
        row: Row = [head.kb_id, tail.kb_id, words.tobytes(), None if spaces is None else spaces.tobytes()]
        row += [head.start, head.end, head.label, tail.start, tail.end, tail.label, get_lang(sentence), list(labels)]
        row.append(list(source))
        pair = (head.kb_id, tail.kb_id)
        part = stable_hash(*(pair if self._reversed is None else sorted(pair))) % len(self._parts)
        try:
            self._stream(part).write(self._packer.pack(row))
        except OSError as err:
            raise self._no_room(err) from err
        self.n_added += 1

    def bags(self) -> Iterator[Doc]:
        """The bag Docs of all that was added, each followed by that of its reverse where this becomes a negative.

        Their order depends on nothing but what was added, and in which order; so does that of the sentences of a bag,
        which is the order of adding. A sentence that was added to a bag twice, with the same mentions, is there once
        and has the labels of both. Can be read more than once. RAISES: RelxError RX141, RX397.
        """
        if self._reversed is not None and self._reversed.counts_bags:
            self._reversed.start(self._count_directions())
        self.n_duplicates = 0
        for groups in self._groups():
            for (head, tail), (rows, labels) in groups.items():
                sentences = [_sentence(row) for row in rows.values()]
                yield make_bag(self.vocab, Bag(head, tail), sentences, labels)
                if self._reversed is None or not labels or (tail, head) in groups:
                    continue
                types = sentences[0].head.label, sentences[0].tail.label
                if self._reversed.takes(head, tail, labels, types):
                    turned = [each._replace(head=each.tail, tail=each.head) for each in sentences]
                    yield make_bag(self.vocab, Bag(tail, head), turned, ())

    def _count_directions(self) -> dict[str, tuple[int, int]]:
        """Relation -> number of its pairs, and of those that are related the other way round as well."""
        n: Counter[str] = Counter()
        both: Counter[str] = Counter()
        for groups in self._groups():
            for (head, tail), (_, labels) in groups.items():
                n.update(labels)
                if groups.get((tail, head), ((), ()))[1]:
                    both.update(labels)
        return {label: (n[label], both[label]) for label in n}

    def _groups(self) -> Iterator[Groups]:
        """The pairs of one file at a time."""
        for stream in self._parts:
            if stream is None:
                continue
            try:
                stream.seek(0)  # writes what is in the buffer, too
                groups = self._grouped(Unpacker(stream, raw=False, strict_map_key=False))
                stream.seek(0, 2)
            except OSError as err:
                raise self._no_room(err) from err
            yield groups

    def _grouped(self, rows: Iterable[Row]) -> Groups:
        groups: Groups = {}
        for row in rows:
            sentences, labels = groups.setdefault((row[0], row[1]), ({}, set()))
            key = (row[2], row[4], row[5], row[7], row[8], row[10])
            self.n_duplicates += key in sentences
            sentences.setdefault(key, row)
            labels.update(row[11])
        return groups

    def _stream(self, part: int) -> IO[bytes]:
        stream = self._parts[part]
        if stream is None:
            # closed by `close`
            stream = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER)  # noqa: SIM115
            self._parts[part] = stream
        return stream

    def _no_room(self, err: OSError) -> RelxError:
        return RelxError("RX141", folder=self._folder or tempfile.gettempdir(), reason=err.strerror or err)


def _sentence(row: Row) -> BagSentence:
    words, spaces = row[2:4]
    return BagSentence(
        np.frombuffer(words, dtype="uint64"),
        None if spaces is None else np.frombuffer(spaces, dtype=bool),
        Mention(row[4], row[5], row[6], row[0]),
        Mention(row[7], row[8], row[9], row[1]),
        row[10],
        row[12],
    )
