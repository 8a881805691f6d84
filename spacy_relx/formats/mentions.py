"""Copying gold mentions to Docs that are to be predicted on; relations are never copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from spacy.attrs import ENT_IOB, ENT_KB_ID, ENT_TYPE, ORTH, SENT_START, SPACY
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..data.extensions import (
    GoldMentions,
    get_bag,
    get_lang,
    get_sentence_langs,
    has_sentence_langs,
    set_bag,
    set_gold_mentions,
    set_lang,
    set_sentence_langs,
)
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY
from ..errors import RelxError

_TOKENS = [ORTH, SPACY]
_ENTS = [ENT_IOB, ENT_TYPE, ENT_KB_ID]


def gold_example(doc: Doc, *, gold_mentions: bool = True, spans_key: str | None = MENTIONS_KEY) -> Example:
    """Make an Example of an annotated Doc, to train or evaluate on, as `spacy_relx.RelationCorpus.v1` does.

    Args:
        doc: The annotated Doc; it becomes `example.reference`.
        gold_mentions: Whether `example.predicted` gets the mentions, too. Use False if components of the pipeline find
            them.
        spans_key: The group of `doc.spans` whose mentions are used besides `doc.ents`; None for none.

    Returns:
        The Example. `predicted` has the tokens, sentence starts and language of the Doc, and its mentions if
        `gold_mentions`; it never has relations or facts.
    """
    return Example(blank_copy(doc, mentions=gold_mentions, spans_key=spans_key), doc)


def blank_copy(
    reference: Doc, *, mentions: bool = True, spans_key: str | None = MENTIONS_KEY, ents: bool = True
) -> Doc:
    """A new Doc of the same tokens, sentence starts (if annotated), languages and, if it is a bag, `doc._.bag`; nothing
    else.

    mentions: also copy `doc.ents` (unless ents is false) and, if spans_key is not None, `doc.spans[spans_key]`, and say
    that the mentions are given (`GoldMentions.GIVEN`).
    """
    attrs = [*_TOKENS, SENT_START, *(_ENTS if mentions and ents else ())]
    array: Any = reference.to_array(attrs)
    spaces: Any = None if reference.has_unknown_spaces else array[:, 1].astype(bool)
    predicted = Doc(reference.vocab, words=array[:, 0], spaces=spaces)
    if len(reference):
        predicted.from_array(attrs[2:], array[:, 2:])
    if mentions and spans_key is not None and spans_key in reference.spans:
        spans = [
            Span(predicted, span.start, span.end, label=span.label, kb_id=span.kb_id)
            for span in current_spans(reference.spans[spans_key])
        ]
        predicted.spans[spans_key] = SpanGroup(predicted, name=spans_key, spans=spans)
    _copy_lang(reference, predicted)
    if has_sentence_langs(reference):
        set_sentence_langs(predicted, get_sentence_langs(reference))
    set_bag(predicted, get_bag(reference))
    if mentions:
        set_gold_mentions(predicted, GoldMentions.GIVEN)
    return predicted


def copy_mentions(reference: Doc, predicted: Doc, spans_key: str | None = MENTIONS_KEY) -> int:
    """Put the mentions of `reference` on `predicted`, another Doc of the same text, however it is tokenized.

    Replaces `predicted.ents` and, if spans_key is not None and the reference has that group,
    `predicted.spans[spans_key]`; copies the language where the reference has one. The Docs may differ in whitespace.
    RETURNS: how many mentions do not begin and end where tokens of `predicted` do, and are missing there; a mention
    in both places counts once.
    RAISES: RelxError RX135 where the texts differ in more than whitespace.
    """
    lost: set[tuple[int, int, int, int]] = set()
    place = _places(reference, predicted)

    def carry(spans: Iterable[Span]) -> list[Span]:
        copies = []
        for span in spans:
            # Strings, not hashes: the Docs may be of different vocabs.
            start, end = place[span.start_char], place[span.end_char - 1] + 1
            copied = predicted.char_span(start, end, label=span.label_, kb_id=span.kb_id_)
            if copied is None:
                lost.add((span.start, span.end, span.label, span.kb_id))
            else:
                copies.append(copied)
        return copies

    predicted.ents = carry(reference.ents)
    if spans_key is not None and spans_key in reference.spans:
        group = carry(reference.spans[spans_key])
        predicted.spans[spans_key] = SpanGroup(predicted, name=spans_key, spans=group)
    _copy_lang(reference, predicted)
    return len(lost)


def _places(reference: Doc, predicted: Doc) -> Sequence[int]:
    """For each character of the reference, its place in the other text; for whitespace, that of the next character.

    RAISES: RelxError RX135.
    """
    source, target = reference.text, predicted.text
    if source == target:
        return range(len(source))
    places = [i for i, char in enumerate(target) if not char.isspace()]
    if "".join(source.split()) != "".join(target.split()):
        raise RelxError("RX135", reference=source[:60], predicted=target[:60])
    places.append(len(target))
    solid = np.array([not char.isspace() for char in source], dtype="int64")
    return np.asarray(places)[np.cumsum(solid) - solid].tolist()


def _copy_lang(reference: Doc, predicted: Doc) -> None:
    lang = get_lang(reference)
    if lang:
        set_lang(predicted, lang)
