"""Small pieces that several test files use."""

from __future__ import annotations

from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation

#: (words, mentions (start, end, type), relations (head, label, tail)): enough for a model to learn by heart.
SENTENCES = [
    ("Ann works for Acme in Rome", [(0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")], [(0, "works_for", 1)]),
    ("Bob founded Initech", [(0, 1, "PERSON"), (2, 3, "ORG")], [(0, "founder_of", 1)]),
    ("Globex was founded by Eve", [(0, 1, "ORG"), (4, 5, "PERSON")], [(1, "founder_of", 0)]),
    ("Eve never worked for Acme", [(0, 1, "PERSON"), (4, 5, "ORG")], []),
    ("Acme bought Globex", [(0, 1, "ORG"), (2, 3, "ORG")], [(0, "acquired", 1)]),
    ("Globex was bought by Initech", [(0, 1, "ORG"), (4, 5, "ORG")], [(1, "acquired", 0)]),
    (
        "Bob of Acme Rome met Ann",
        [(0, 1, "PERSON"), (2, 4, "ORG"), (3, 4, "PLACE"), (5, 6, "PERSON")],
        [(0, "works_for", 1), (1, "based_in", 2)],
    ),
    ("Nobody knows anything", [], []),
    ("Ann sings", [(0, 1, "PERSON")], []),
]


def make_doc(vocab, words, mentions=(), relations=()) -> Doc:
    """A Doc with all mentions in doc.spans, the flat ones in doc.ents, and gold relations."""
    doc = Doc(vocab, words=words.split() if isinstance(words, str) else words)
    spans = [Span(doc, start, end, label=label) for start, end, label in mentions]
    doc.spans[MENTIONS_KEY] = spans
    taken: set[int] = set()
    flat = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        if taken.isdisjoint(range(span.start, span.end)):
            flat.append(span)
            taken.update(range(span.start, span.end))
    doc.ents = flat
    places = [Mention(*mention) for mention in mentions]
    doc._.relations = [Relation(places[head], label, places[tail]) for head, label, tail in relations]
    return doc


def make_example(vocab, words, mentions=(), relations=()) -> Example:
    """Gold relations on the reference only."""
    return Example(make_doc(vocab, words, mentions), make_doc(vocab, words, mentions, relations))


def make_examples(vocab) -> list[Example]:
    return [make_example(vocab, *sentence) for sentence in SENTENCES]


def triples(doc: Doc) -> set[tuple[str, str, str]]:
    return set(doc._.triples)


def rounded(scores):
    """Scores without the last digits, in which a sum in another order differs."""
    if isinstance(scores, dict):
        return {key: rounded(value) for key, value in scores.items()}
    if isinstance(scores, list):
        return [rounded(value) for value in scores]
    return round(scores, 9) if isinstance(scores, float) else scores
