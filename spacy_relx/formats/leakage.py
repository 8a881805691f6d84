"""What training and test bags have in common, and should not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from spacy.tokens import Doc

from .bags import bag_labels, bag_of, bag_sentences

Pair = tuple[str, str]
_SHOWN = 5


def sentence_key(words: np.ndarray) -> bytes:
    """What equal sentences have in common, in any vocab. words: as `BagSentence` has them. RETURNS: 16 bytes."""
    return hashlib.blake2b(words.tobytes(), digest_size=16).digest()


@dataclass
class BagIndex:
    """What a set of bags is about. pairs: (head id, tail id). facts: (head id, relation, tail id). sentences: by
    `sentence_key`."""

    pairs: dict[Pair, None] = field(default_factory=dict)
    facts: set[tuple[str, str, str]] = field(default_factory=set)
    sentences: set[bytes] = field(default_factory=set)

    def add(self, doc: Doc) -> None:
        bag = bag_of(doc)
        self.pairs[bag.head, bag.tail] = None
        self.facts.update((bag.head, label, bag.tail) for label in bag_labels(doc))
        self.sentences.update(sentence_key(sentence.words) for sentence in bag_sentences(doc))

    @classmethod
    def of(cls, docs: Iterable[Doc]) -> BagIndex:
        """The index of bag Docs. RAISES: RelxError RX143, RX144."""
        index = cls()
        for doc in docs:
            index.add(doc)
        return index


@dataclass
class Leakage:
    """What test bags share with training bags.

    Attributes:
        test_pairs: How many different ones the test bags have.
        test_facts: How many different ones the test bags have.
        test_sentences: How many different ones the test bags have.
        pairs: Those of them in training, (head id, tail id).
        reversed: Those whose (tail id, head id) is there.
        facts: (head id, relation, tail id) in both.
        sentences: How many different sentences of the test are in training, with whatever pair.
    """

    test_pairs: int
    test_facts: int
    test_sentences: int
    pairs: list[Pair]
    reversed: list[Pair]
    facts: list[tuple[str, str, str]]
    sentences: int

    def to_dict(self) -> dict[str, Any]:
        """Counts alone, JSON-able."""
        return {
            "pairs": {"in_both": len(self.pairs), "in_test": self.test_pairs},
            "reversed_pairs": {"in_both": len(self.reversed), "in_test": self.test_pairs},
            "facts": {"in_both": len(self.facts), "in_test": self.test_facts},
            "sentences": {"in_both": self.sentences, "in_test": self.test_sentences},
        }

    def __bool__(self) -> bool:
        return bool(self.pairs or self.reversed or self.facts or self.sentences)

    def __str__(self) -> str:
        """The counts as lines of text, with the first few pairs."""
        lines = ["of the test, also in training:"]
        for name, counts in self.to_dict().items():
            lines.append(f"  {name.replace('_', ' '):<16} {counts['in_both']} of {counts['in_test']}")
        pairs = [f"({head}, {tail})" for head, tail in (self.pairs + self.reversed)[:_SHOWN]]
        if pairs:
            lines.append(f"  such as {', '.join(pairs)}")
        return "\n".join(lines)


def leakage(train: Iterable[Doc], test: Iterable[Doc]) -> Leakage:
    """Compare training and test bags. Memory is for what the test bags are about; training bags are streamed.

    Args:
        train: Bag Docs, of the same vocab or not.
        test: Bag Docs, of the same vocab or not.

    Raises:
        RelxError: RX143 (no bag), RX144 (no proper one).
    """
    index = BagIndex.of(test)
    pairs: dict[Pair, None] = {}
    turned: dict[Pair, None] = {}
    facts: dict[tuple[str, str, str], None] = {}
    sentences: set[bytes] = set()
    for doc in train:
        bag = bag_of(doc)
        head, tail = bag.head, bag.tail
        if (head, tail) in index.pairs:
            pairs[head, tail] = None
            facts.update(dict.fromkeys((head, x, tail) for x in bag_labels(doc) if (head, x, tail) in index.facts))
        if (tail, head) in index.pairs:
            turned[tail, head] = None
        sentences.update(index.sentences.intersection(sentence_key(s.words) for s in bag_sentences(doc)))
    sizes = (len(index.pairs), len(index.facts), len(index.sentences))
    return Leakage(*sizes, list(pairs), list(turned), list(facts), len(sentences))
