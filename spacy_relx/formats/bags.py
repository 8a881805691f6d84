"""Bags: all sentences that mention one ordered pair of entities, as one Doc. Made, taken apart, counted.

A bag Doc holds its sentences one behind the other, and in `doc.spans["mentions"]` two mentions for each sentence, head
and tail, in that order, with the entities' ids as kb_id. `doc._.bag` names the pair, `doc._.facts` what is known of it;
no facts mean that there is no relation (NA).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ORTH, SENT_START, SPACY
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..data.extensions import (
    get_bag,
    get_facts,
    get_lang,
    get_sentence_langs,
    set_bag,
    set_facts,
    set_lang,
    set_sentence_langs,
)
from ..data.facts import Bag, Fact
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, Mention
from ..errors import RelxError
from .records import UNTYPED

#: Key of `doc.user_data`: where each sentence of a bag is from.
SOURCES = "sources"
#: What `Doc.from_array` takes for "begins no sentence": -1, as an unsigned integer.
_NO_START = np.uint64(2**64 - 1)


class BagSentence(NamedTuple):
    """A sentence of a bag.

    Attributes:
        words: uint64 (n_tokens,), their hashes in the vocab.
        spaces: bool (n_tokens,), whether a space follows, None where that is unknown.
        head: Offsets count from the start of the sentence.
        tail: Offsets count from the start of the sentence.
        lang: "" for unknown.
        source: Where the sentence is from, plain data, empty for unknown.
    """

    words: np.ndarray
    spaces: np.ndarray | None
    head: Mention
    tail: Mention
    lang: str
    source: Sequence[Any] = ()


def token_arrays(doc: Doc, start: int = 0, end: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """The words and spaces of tokens [start, end), as `BagSentence` has them."""
    array: Any = doc.to_array([ORTH, SPACY])[start:end]
    return array[:, 0], None if doc.has_unknown_spaces else array[:, 1].astype(bool)


def make_bag(vocab: Vocab, bag: Bag, sentences: Sequence[BagSentence], labels: Iterable[str]) -> Doc:
    """The bag Doc of sentences about one pair.

    Args:
        vocab: It knows all their words.
        sentences: At least one.
        labels: The relations of the pair, none for NA; each becomes one fact, in sorted order. There is a blank between
            sentences, and none behind the last. Where the source of any sentence is known, `doc.user_data["sources"]`
            has those of all.
    """
    ends = np.cumsum([len(sentence.words) for sentence in sentences])
    starts = [0, *ends[:-1].tolist()]
    words = np.concatenate([sentence.words for sentence in sentences])
    spaces = _spaces(sentences, ends)
    doc = Doc(vocab, words=words.tolist(), spaces=None if spaces is None else spaces.tolist())
    sent_starts: Any = np.full((len(words), 1), _NO_START)
    sent_starts[starts] = 1
    doc.from_array([SENT_START], sent_starts)
    spans = []
    for start, sentence in zip(starts, sentences):
        for mention, kb_id in ((sentence.head, bag.head), (sentence.tail, bag.tail)):
            label = mention.label or UNTYPED
            spans.append(Span(doc, start + mention.start, start + mention.end, label=label, kb_id=kb_id))
    doc.spans[MENTIONS_KEY] = SpanGroup(doc, name=MENTIONS_KEY, spans=spans)
    doc.set_ents(filter_spans(spans))  # `doc.ents = ...` would make all spans anew
    set_bag(doc, bag)
    set_facts(doc, [Fact(bag.head, label, bag.tail) for label in sorted(set(labels))])
    langs = [sentence.lang for sentence in sentences]
    set_sentence_langs(doc, list(zip(starts, ends.tolist(), langs)))
    set_lang(doc, langs[0] if len(set(langs)) == 1 else "")
    if any(sentence.source for sentence in sentences):
        doc.user_data[SOURCES] = [list(sentence.source) for sentence in sentences]
    return doc


def _spaces(sentences: Sequence[BagSentence], ends: np.ndarray) -> np.ndarray | None:
    """The spaces of all sentences; where those of some are not known, a blank behind each of their words."""
    if all(sentence.spaces is None for sentence in sentences):
        return None
    known = [np.ones(len(s.words), dtype=bool) if s.spaces is None else s.spaces for s in sentences]
    spaces = np.concatenate(known)
    spaces[ends - 1] = True
    spaces[-1] = False
    return spaces


def bag_of(doc: Doc) -> Bag:
    """The pair of a bag Doc. RAISES: RelxError RX143 where it is none."""
    bag = get_bag(doc)
    if bag is None:
        raise RelxError("RX143", where=f"The Doc '{doc.text[:60]}...'")
    return bag


def bag_sentences(doc: Doc) -> list[BagSentence]:
    """The sentences of a bag Doc.

    Raises:
        RelxError: RX143 (it is no bag), RX144 (it is no proper one).
    """
    bag = bag_of(doc)
    bounds = sentence_bounds(doc)
    spans = current_spans(doc.spans.get(MENTIONS_KEY, ()))
    if not bounds or len(spans) != 2 * len(bounds):
        raise _broken(doc, bag, f"it has {len(bounds)} sentences and {len(spans)} mentions")
    langs = {start: lang for start, _, lang in get_sentence_langs(doc)}
    common = get_lang(doc)
    sources = doc.user_data.get(SOURCES) or [()] * len(bounds)
    words, spaces = token_arrays(doc)
    sentences = []
    for (start, end), head, tail, source in zip(bounds, spans[::2], spans[1::2], sources):
        for span, kb_id in ((head, bag.head), (tail, bag.tail)):
            if not start <= span.start < span.end <= end:
                raise _broken(doc, bag, f"the mention [{span.start}, {span.end}) is not in its sentence")
            if span.kb_id_ != kb_id:
                raise _broken(
                    doc, bag, f"the mention [{span.start}, {span.end}) is of {span.kb_id_!r}, not of {kb_id!r}"
                )
        first, second = (Mention.from_any(span).shift(-start) for span in (head, tail))
        blanks = None if spaces is None else spaces[start:end]
        sentences.append(BagSentence(words[start:end], blanks, first, second, langs.get(start) or common, source))
    return sentences


def _broken(doc: Doc, bag: Bag, reason: str) -> RelxError:
    return RelxError("RX144", head=bag.head, tail=bag.tail, text=doc.text[:60], reason=reason)


def sentence_bounds(doc: Doc) -> list[tuple[int, int]]:
    """(start, end) of each sentence in tokens; a Doc without sentence boundaries is one sentence."""
    if not len(doc):
        return []
    starts = [0]
    if doc.has_annotation("SENT_START"):
        array: Any = doc.to_array([SENT_START])
        starts += (np.flatnonzero(array.reshape(-1)[1:] == 1) + 1).tolist()
    return list(zip(starts, [*starts[1:], len(doc)]))


def split_bag(doc: Doc, max_sentences: int) -> list[Doc]:
    """Cut a bag Doc into as few bag Docs of at most `max_sentences` sentences as there can be, of like sizes.

    The parts have the same `doc._.bag` and the same facts.

    Args:
        max_sentences: 0 for no limit. A bag that fits is returned as it is.

    Raises:
        RelxError: RX143, RX144.
    """
    if not max_sentences or len(sentence_bounds(doc)) <= max_sentences:
        return [doc]
    sentences = bag_sentences(doc)
    n_parts = -(-len(sentences) // max_sentences)
    cuts = [len(sentences) * i // n_parts for i in range(n_parts + 1)]
    return [_rebuilt(doc, sentences[start:end]) for start, end in itertools.pairwise(cuts)]


def take_langs(doc: Doc, langs: frozenset[str]) -> Doc | None:
    """The bag Doc with its sentences of these languages alone; None where there are none.

    Raises:
        RelxError: RX143, RX144.
    """
    sentences = bag_sentences(doc)
    kept = [sentence for sentence in sentences if sentence.lang in langs]
    if len(kept) == len(sentences):
        return doc
    return _rebuilt(doc, kept) if kept else None


def _rebuilt(doc: Doc, sentences: Sequence[BagSentence]) -> Doc:
    return make_bag(doc.vocab, bag_of(doc), sentences, bag_labels(doc))


def bag_labels(doc: Doc) -> list[str]:
    """The relations of a bag Doc's pair, none for NA."""
    return [fact.label for fact in get_facts(doc)]
