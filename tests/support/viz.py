"""Documents to draw."""

from __future__ import annotations

import spacy
from spacy.tokens import Doc, Span

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation

NLP = spacy.blank("xx")


def make(words, mentions=(), relations=(), lang="", name=None, spaces=None):
    """A Doc. mentions: (start, end, label). relations: (place of head, label, place of tail, score)."""
    doc = Doc(NLP.vocab, words=words.split() if isinstance(words, str) else words, spaces=spaces)
    doc.spans[MENTIONS_KEY] = [Span(doc, start, end, label=label) for start, end, label in mentions]
    places = [Mention(*mention) for mention in mentions]
    doc._.relations = [Relation(places[h], label, places[t], score) for h, label, t, score in relations]
    doc._.lang = lang
    if name is not None:
        doc.user_data["id"] = name
    return doc
