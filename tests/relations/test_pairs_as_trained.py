"""Which pairs are proposed without a generator: those that training had."""

import warnings
from itertools import cycle

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from support import bag as bag_util
from support.examples import make_doc, make_example, make_examples
from support.model import make_nlp, train

from spacy_relx.core.component.seen import NEGLIGIBLE, SeenPairs
from spacy_relx.core.gaps import spans_of
from spacy_relx.data.extensions import merge_docs
from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxWarning
from spacy_relx.relations.generators import pairs_within

VOCAB = Vocab()
ALL_PAIRS = {"@misc": "spacy_relx.AllPairs.v1"}
ONE, TWO, THREE = (0, 1, "PERSON"), (3, 4, "ORG"), (6, 7, "PERSON")
#: Three sentences with a mention each.
WORDS = "Ann left . Acme fell . Bob came ."
APART = [ONE, TWO, THREE]
INSIDE = ("Ann met Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "r", 1)])


def across(head=0, tail=1):
    """A training sentence with a relation between mentions of different sentences."""
    return WORDS, APART, [(head, "r", tail)]


def make_marker(examples=(), **config):
    nlp = spacy.blank("en")
    marker = nlp.add_pipe("entity_type_marker", config=config)
    if examples:
        nlp.initialize(lambda: [make_example(nlp.vocab, *example) for example in examples])
    return nlp, marker


def pairs_of(doc):
    return sorted((pair.head.start, pair.tail.start) for pair in doc._.candidates)


def quietly(call):
    """What is returned, and the codes of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = call()
    return value, [str(each.message)[1:6] for each in caught if isinstance(each.message, RelxWarning)]


def test_an_untrained_marker_pairs_within_sentences():
    nlp, marker = make_marker()
    doc = make_doc(nlp.vocab, "Ann and Eve left . Bob came", [(0, 1, "X"), (2, 3, "X"), (5, 6, "X")])
    assert quietly(lambda: pairs_of(marker(doc))) == ([(0, 2), (2, 0)], [])


@pytest.mark.parametrize(
    "examples", [[across()[:2]], [("Ann met Bob", [(0, 1, "X"), (2, 3, "X")], [(0, "r", 1)])] * 60 + [across()]]
)
def test_single_sentences_in_training(examples):
    """Relations across sentences that are no more than errors of boundaries do not count."""
    nlp, marker = make_marker(examples)
    assert pairs_of(marker.mark(make_doc(nlp.vocab, WORDS, APART))) == []


def test_relations_across_sentences_in_training():
    """Then pairs are proposed as far as training had them, and not farther."""
    nlp, marker = make_marker([across()])
    doc = make_doc(nlp.vocab, WORDS, APART)
    assert pairs_of(marker.mark(doc)) == [(0, 3), (3, 0), (3, 6), (6, 3)]
    far = make_doc(nlp.vocab, "Ann left here now . Acme fell", [ONE, (5, 6, "ORG")])
    assert pairs_of(marker.mark(far)) == [], "more tokens apart than any in training"
    _, wide = make_marker([across(0, 2)])
    assert len(pairs_of(wide.mark(doc))) == 6


def test_a_generator_counts_as_it_is():
    for generator, n in (("AllPairs", 6), ("SameSentence", 0)):
        nlp, marker = make_marker([across()], generator={"@misc": f"spacy_relx.{generator}.v1"})
        assert quietly(lambda: len(pairs_of(marker(make_doc(nlp.vocab, WORDS, APART))))) == (n, [])  # noqa: B023


@pytest.mark.filterwarnings("ignore:.*RX025")
def test_what_is_left_out_is_said_once():
    nlp, marker = make_marker([INSIDE])
    within = make_doc(nlp.vocab, *INSIDE[:2])
    assert quietly(lambda: [pairs_of(doc) for doc in nlp.pipe([within] * 2)])[1] == []
    docs = [make_doc(nlp.vocab, WORDS, APART) for _ in range(3)]
    with pytest.warns(RelxWarning, match="RX502.*of one sentence.*0 of 1 gold relations") as caught:
        list(nlp.pipe(docs))
    assert sum("RX502" in str(each.message) for each in caught) == 1
    nlp, marker = make_marker([across()])
    far = make_doc(nlp.vocab, WORDS, [ONE, THREE])
    with pytest.warns(RelxWarning, match="RX502.*at most 1 sentences and 2 tokens apart.*1 of 1"):
        marker(far)
    assert quietly(lambda: nlp.update([Example(far, far)]))[1] == []


def test_what_was_seen_is_saved(tmp_path):
    nlp, marker = make_marker([across(), across(0, 2), INSIDE])
    expected = {
        "docs": 3,
        "single_sentence_docs": 1,
        "relations": 3,
        "across_sentences": 2,
        "max_sentences": 2,
        "max_tokens": 5,
        "p99_tokens": 5,
        "max_candidate_sentences": None,
    }
    assert marker.cfg["seen"] == expected
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe("entity_type_marker")
    assert loaded.cfg == marker.cfg
    for other in (loaded, make_marker()[1].from_bytes(marker.to_bytes())):
        assert len(pairs_of(other.mark(make_doc(nlp.vocab, WORDS, APART)))) == 6
    assert make_marker()[1].from_bytes(make_marker()[1].to_bytes()).cfg == {"labels": [], "seen": None}


def test_what_counts_as_seen():
    boundaries = Example(*[Doc(VOCAB, words=["a", "b", "c"], sent_starts=[True, True, False]) for _ in "12"])
    boundaries.reference._.relations = [
        {
            "head": {"start": 0, "end": 1, "label": "X"},
            "label": label,
            "tail": {"start": tail, "end": tail + 1, "label": "X"},
        }
        for label, tail in (("r", 2), ("no_relation", 1), ("r", 0))
    ]
    seen = SeenPairs.of([boundaries])
    assert (seen.relations, seen.across_sentences, seen.max_tokens, seen.single_sentence_docs) == (1, 1, 1, 0)
    assert seen.crosses and not seen.single_sentences
    edge = SeenPairs(docs=1, relations=100, across_sentences=int(100 * NEGLIGIBLE), max_sentences=1)
    assert not edge.crosses and edge.reach == 0
    assert SeenPairs.from_dict(seen.to_dict()).to_dict() == seen.to_dict()


def test_labels_from_a_file_do_not_read_all_the_data(monkeypatch):
    """spaCy streams training data that may have no end, and gives labels then."""
    monkeypatch.setattr("spacy_relx.core.component.seen.N_SEEN_DOCS", 5)
    nlp = make_nlp()
    marker, extractor = nlp.get_pipe("entity_type_marker"), nlp.get_pipe("relation_extractor")
    marker.initialize(lambda: cycle(make_examples(nlp.vocab)), nlp=nlp, labels=["ORG", "PERSON", "PLACE"])
    assert marker.cfg["seen"]["docs"] == 5
    labels = ["works_for", "founder_of", "acquired", "based_in"]
    extractor.initialize(lambda: make_examples(nlp.vocab), nlp=nlp, labels=labels)
    assert extractor.cfg["seen"]["docs"] == 5


def test_an_extractor_is_given_pairs_that_training_never_had(tmp_path):
    """Behind a marker with another generator it says so once; behind a new one with the default it need not."""
    trained = make_nlp()
    train(trained, steps=1)
    assert trained.get_pipe("relation_extractor").cfg["seen"]["max_candidate_sentences"] == 0
    trained.to_disk(tmp_path)

    def pipeline(**config):
        nlp = spacy.blank("en")
        nlp.add_pipe("entity_type_marker", config=config)
        nlp.add_pipe("relation_extractor", source=spacy.load(tmp_path))
        return nlp

    nlp = pipeline()
    doc, said = quietly(lambda: nlp(make_doc(nlp.vocab, WORDS, APART)))
    assert pairs_of(doc) == [] and said == []
    nlp = pipeline(generator=ALL_PAIRS)
    with pytest.warns(
        RelxWarning, match="RX503.*2 sentences apart, but training had only pairs of one sentence"
    ) as caught:
        docs = list(nlp.pipe(make_doc(nlp.vocab, WORDS, APART) for _ in range(3)))
    assert len(caught) == 1 and [len(pairs_of(doc)) for doc in docs] == [6, 6, 6]


def test_pairs_that_training_had_as_unrelated_are_no_others():
    """With all pairs in training, pairs across sentences were learned as unrelated."""
    nlp = make_nlp()
    nlp.get_pipe("entity_type_marker").generator = spacy.registry.misc.get("spacy_relx.AllPairs.v1")()
    inside = ("Ann met Acme . Bob came", [(0, 1, "PERSON"), (2, 3, "ORG"), (4, 5, "PERSON")], [(0, "r", 1)])
    train(nlp, [make_example(nlp.vocab, *inside)], steps=1)
    assert nlp.get_pipe("relation_extractor").cfg["seen"]["max_candidate_sentences"] == 1
    assert quietly(lambda: nlp(make_doc(nlp.vocab, *inside[:2])))[1] == []
    with pytest.warns(RelxWarning, match="RX503.*2 sentences apart.*at most 1 apart"):
        nlp(make_doc(nlp.vocab, WORDS, APART))


def test_an_extractor_of_relations_across_sentences_behind_a_marker_without_them():
    nlp = make_nlp()
    train(nlp, [make_example(nlp.vocab, *across())], steps=1)
    doc = make_doc(nlp.vocab, WORDS, APART)
    assert quietly(lambda: len(pairs_of(nlp(doc)))) == (4, ["RX502"])
    nlp.get_pipe("entity_type_marker").generator = spacy.registry.misc.get("spacy_relx.SameSentence.v1")()
    assert quietly(lambda: [len(pairs_of(nlp(doc))) for _ in "12"]) == ([0, 0], ["RX506"])


def test_a_fact_extractor_is_given_pairs_that_training_never_had():
    nlp = bag_util.make_nlp()
    bag_util.train(nlp, steps=1)
    assert nlp.get_pipe("fact_extractor").cfg["seen"]["max_candidate_sentences"] == 0
    nlp.get_pipe("entity_type_marker").generator = spacy.registry.misc.get("spacy_relx.AllPairs.v1")()
    doc = Doc(nlp.vocab, words=WORDS.split())
    doc.spans["mentions"] = [Span(doc, 0, 1, "PERSON", kb_id="ann"), Span(doc, 3, 4, "PLACE", kb_id="acme")]
    with pytest.warns(RelxWarning, match="RX503.*'fact_extractor'.*1 sentences apart") as caught:
        nlp(doc)
    assert len(caught) == 1


def test_merged_docs_have_the_pairs_of_their_parts():
    nlp, marker = make_marker()
    parts = [make_doc(nlp.vocab, *sentence[:2]) for sentence in [INSIDE] * 3]
    apart = [(pair[0] + 3 * i, pair[1] + 3 * i) for i, part in enumerate(parts) for pair in pairs_of(marker(part))]
    assert pairs_of(marker(merge_docs(parts))) == apart


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 38), st.integers(1, 4)), max_size=12),
    st.sets(st.integers(1, 39), max_size=10),
    st.integers(0, 4),
    st.none() | st.integers(0, 12),
)
def test_pairs_within_equals_all_pairs_filtered(places, starts, max_sentences, max_tokens):
    mentions = sorted({(start, start + length) for start, length in places})
    starts = np.array(sorted({0, *starts}))

    def near(one, other):
        (_, end), (start, _) = sorted([one, other])
        n_between = sum(end - 1 < place <= start for place in starts.tolist())
        return n_between <= max_sentences and (max_tokens is None or max(start - end, 0) <= max_tokens)

    spans = spans_of([Mention(*mention) for mention in mentions])
    blocks = list(pairs_within(starts, spans, max_sentences, max_tokens))
    assert all(block.dtype == np.int32 for block in blocks)
    found = [tuple(pair) for block in blocks for pair in block.tolist()]
    n = range(len(mentions))
    assert found == [(i, j) for i in n for j in n if i != j and near(mentions[i], mentions[j])]


def test_many_mentions_come_in_blocks(monkeypatch):
    monkeypatch.setattr("spacy_relx.relations.generators.BLOCK", 10)
    spans = np.array([[i, i + 1] for i in range(40)], dtype="int32")
    blocks = list(pairs_within(np.arange(0, 40, 4), spans))
    assert max(map(len, blocks)) <= 10 and sum(map(len, blocks)) == 40 * 3
