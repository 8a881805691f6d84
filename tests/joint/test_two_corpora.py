"""One joint model learns mentions from one corpus and relations from another."""

from spacy.training import Example
from support.examples import make_doc
from support.joint import make_joint, train_joint

#: All names, and no word about relations.
NAMES = [
    ("Ann works in Rome", [(0, 1, "PERSON"), (3, 4, "PLACE")]),
    ("Bob never worked for Initech", [(0, 1, "PERSON"), (4, 5, "ORG")]),
    ("Eve works for Globex in Rome", [(0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")]),
    ("Eve founded Acme in Oslo", [(0, 1, "PERSON"), (2, 3, "ORG"), (4, 5, "PLACE")]),
    ("Bob founded Globex", [(0, 1, "PERSON"), (2, 3, "ORG")]),
    ("Nobody works for Acme", [(3, 4, "ORG")]),
    ("Ann founded Initech in Oslo", [(0, 1, "PERSON"), (2, 3, "ORG"), (4, 5, "PLACE")]),
]
#: Mentions of unknown type, perhaps not all of them, and all relations between them.
RELATIONS = [
    ("Ann works for Acme in Rome", (0, 3, 5), [(0, "works_for", 1)]),
    ("Bob works for Globex in Oslo", (0, 3, 5), [(0, "works_for", 1)]),
    ("Eve never worked for Acme", (0, 4), []),
    ("Bob founded Initech in Rome", (0, 2, 4), [(0, "founder_of", 1)]),
    ("Ann founded Globex in Oslo", (0, 2, 4), [(0, "founder_of", 1)]),
    ("Ann never worked for Globex", (0, 4), []),
]
TYPES = ("PERSON", "ORG", "PLACE")
MENTIONS = [[*zip(places, TYPES)] for _, places, _ in RELATIONS]
TRIPLES = [{(places[h], label, places[t]) for h, label, t in relations} for _, places, relations in RELATIONS]


def corpora(vocab, of_names, of_relations):
    """of_names, of_relations: what the annotation of each corpus covers."""
    docs = [(make_doc(vocab, *row), of_names) for row in NAMES]
    for words, places, relations in RELATIONS:
        docs.append((make_doc(vocab, words, [(i, i + 1, "ENT") for i in places], relations), of_relations))
    for doc, annotated in docs:
        doc._.annotated = annotated
    return [Example(make_doc(vocab, [token.text for token in doc]), doc) for doc, _ in docs]


def outputs(nlp):
    docs = [nlp(make_doc(nlp.vocab, words)) for words, *_ in RELATIONS]
    found = [[(span.start, span.label_) for span in doc.spans["mentions"]] for doc in docs]
    return found, [{(r.head.start, r.label, r.tail.start) for r in doc._.relations} for doc in docs]


def test_what_each_corpus_does_not_say_comes_from_the_other():
    nlp = make_joint()
    train_joint(nlp, corpora(nlp.vocab, {"relations": "none"}, {"mentions": "none"}), steps=60)
    assert outputs(nlp) == (MENTIONS, TRIPLES)


def test_what_is_absent_is_learned_so_where_nothing_is_said():
    nlp = make_joint()
    train_joint(nlp, corpora(nlp.vocab, {"relations": "none"}, None), steps=60)
    assert outputs(nlp) == ([[(i, "ENT") for i in places] for _, places, _ in RELATIONS], TRIPLES)
