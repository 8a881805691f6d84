"""Grouping sentences into bags, whatever their number: they wait on disk, not in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker

from ..data.extensions import get_lang, set_extensions
from ..data.facts import Bag
from ..data.ids import stable_hash
from ..data.places import check_span
from ..data.spool import Spool
from ..data.types import Mention
from ..errors import RelxError
from .bags import BagSentence, make_bag, token_arrays
from .directions import ReversedNegatives

Row = list[Any]
#: (head id, tail id) -> its sentences, by what makes two of them one, and its labels.
Groups = dict[tuple[str, str], tuple[dict[Any, Row], set[str]]]


class BagSpool:
    """Takes sentences in any order, gives the bags they make: add all, then read `bags()`. A context manager.

    Args:
        vocab: Of the bag Docs.
        reversed_negatives: Which related pairs become a bag of no relation in reverse, with the same
            sentences, or None. The sentences lie in a `Spool`; memory is that for one bag (and for the vocab).
    """

    def __init__(self, vocab: Vocab, *, reversed_negatives: ReversedNegatives | None = None):
        set_extensions()
        self.vocab = vocab
        self._reversed = reversed_negatives
        self._rows = Spool("CREATE TABLE sentences (pair INT, row BLOB)")
        self._packer = Packer(use_bin_type=True)
        self.n_added = 0
        self.n_duplicates = 0

    def __enter__(self) -> BagSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        self._rows.close()

    def add(
        self, sentence: Doc, head: Mention, tail: Mention, labels: Iterable[str] = (), source: Sequence[Any] = ()
    ) -> None:
        """Add a sentence to the bag of (head.kb_id, tail.kb_id).

        Args:
            sentence: A Doc of one sentence; its `doc._.lang` goes with it.
            labels: The relations that it is an example of, none for NA.
            source: Where the sentence is from, as plain data; the sentences' sources are in `user_data["sources"]` of
                the bag Docs. Only words, spaces, the two mentions, language, labels and source are kept.

        Raises:
            RelxError: RX140 (an id is missing), RX003 (a mention does not fit), RX333 (no room).
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
        key = stable_hash(*(pair if self._reversed is None else sorted(pair))) >> 1  # SQLite's integers are signed
        self._rows.add("INSERT INTO sentences VALUES (?, ?)", (key, self._packer.pack(row)))
        self.n_added += 1

    def bags(self) -> Iterator[Doc]:
        """The bag Docs of all that was added, each followed by that of its reverse where this becomes a negative.

        They are ordered by a hash of their pairs, so that the first ones are a fair sample, and the sentences of a bag
        are in the order of adding. A sentence that was added to a bag twice, with the same mentions, is there once and
        has the labels of both. Can be read more than once.

        Raises:
            RelxError: RX333, RX397.
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
        """Relation -> number of its pairs, and of those that are related in reverse as well."""
        n: Counter[str] = Counter()
        both: Counter[str] = Counter()
        for groups in self._groups():
            for (head, tail), (_, labels) in groups.items():
                n.update(labels)
                if groups.get((tail, head), ((), ()))[1]:
                    both.update(labels)
        return {label: (n[label], both[label]) for label in n}

    def _groups(self) -> Iterator[Groups]:
        """The pairs of one hash at a time: one, with its reverse where that is asked for."""
        unpacker = Unpacker(raw=False, strict_map_key=False)
        for _, rows in groupby(
            self._rows.select("SELECT pair, row FROM sentences ORDER BY pair, rowid"), itemgetter(0)
        ):
            groups: Groups = {}
            for _, data in rows:
                unpacker.feed(data)
                row = unpacker.unpack()
                sentences, labels = groups.setdefault((row[0], row[1]), ({}, set()))
                key = (row[2], row[4], row[5], row[7], row[8], row[10])
                self.n_duplicates += key in sentences
                sentences.setdefault(key, row)
                labels.update(row[11])
            yield groups


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
