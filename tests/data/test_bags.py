"""Bags: made of sentences, taken apart, grouped, written, compared; `relx data bags`, `relx data check`."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from support.made_bags import VOCAB, group, many, naive, one_bag, sentence, spans_of, through_docbin

from spacy_relx.data.extensions import get_sentence_langs, set_extensions
from spacy_relx.data.facts import Bag, Fact
from spacy_relx.data.ids import stable_hash
from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.formats.bag_spool import BagSpool
from spacy_relx.formats.bags import bag_labels, bag_sentences, split_bag, take_langs
from spacy_relx.formats.instances import sentence_instances

set_extensions()


# what a bag Doc is


@pytest.mark.parametrize("stored", [False, True])
def test_a_bag(stored):
    bag = one_bag(
        sentence("Ann likes Ulm .", label="lives_in"),
        sentence("In Ulm lives Ann", head=(3, 4), tail=(1, 2), lang="de", label="born_in"),
        sentence("Ann left Ulm", label="lives_in"),
    )
    bag = through_docbin(bag) if stored else bag
    assert bag.text == "Ann likes Ulm . In Ulm lives Ann Ann left Ulm"
    assert [sent.text for sent in bag.sents] == ["Ann likes Ulm .", "In Ulm lives Ann", "Ann left Ulm"]
    assert [token.is_sent_start for token in bag] == [i in (0, 4, 8) for i in range(11)]
    assert spans_of(bag) == [("Ann", "PERSON", "Q1"), ("Ulm", "PLACE", "Q2")] * 3
    assert [span.start for span in bag.spans[MENTIONS_KEY]] == [0, 2, 7, 5, 8, 10]
    assert [(ent.start, ent.kb_id_) for ent in bag.ents] == [
        (0, "Q1"), (2, "Q2"), (5, "Q2"), (7, "Q1"), (8, "Q1"), (10, "Q2")
    ]  # fmt: skip
    assert bag._.bag == Bag("Q1", "Q2")
    assert bag._.facts == [Fact("Q1", "born_in", "Q2"), Fact("Q1", "lives_in", "Q2")]
    assert bag._.lang == "" and get_sentence_langs(bag) == [(0, 4, "en"), (4, 8, "de"), (8, 11, "en")]


def test_no_relation_is_a_bag_without_facts():
    bag = one_bag(sentence("Ann likes Ulm"), sentence("Ann left Ulm"))
    assert bag._.facts == [] and bag._.lang == "en" and len(list(bag.sents)) == 2
    mixed = one_bag(sentence("Ann likes Ulm"), sentence("Ann left Ulm", label="born_in"))
    assert bag_labels(mixed) == ["born_in"]


def test_overlapping_mentions_stay_mentions():
    bag = one_bag(sentence("Ann of Ulm sings", head=(0, 3), tail=(2, 3), label="born_in"))
    assert spans_of(bag) == [("Ann of Ulm", "PERSON", "Q1"), ("Ulm", "PLACE", "Q2")]
    assert [ent.text for ent in bag.ents] == ["Ann of Ulm"]


def test_direction_makes_two_bags():
    back = sentence("Ulm honours Ann", ids=("Q2", "Q1"), label="honours")
    bags = group([sentence("Ann likes Ulm", label="born_in"), back])
    assert {(bag._.bag.head, bag._.bag.tail, *bag_labels(bag)) for bag in bags} == {
        ("Q1", "Q2", "born_in"),
        ("Q2", "Q1", "honours"),
    }


def test_ids_that_would_run_together():
    bags = group([sentence("a b c", ids=("x", "yz")), sentence("a b c", ids=("xy", "z"))])
    assert len(bags) == 2 and stable_hash("x", "yz") != stable_hash("xy", "z") == stable_hash("xy", "z")


def test_duplicates_are_merged_with_their_labels():
    docs = [sentence("Ann likes Ulm", label=label) for label in ("b", "a", "b", None)]
    docs += [sentence("Ann likes Ulm", lang="de"), sentence("Ann likes Ulm", head=(1, 2))]
    with BagSpool(VOCAB) as spool:
        for doc in docs:
            for instance in sentence_instances(doc):
                spool.add(*instance)
        (bag,) = spool.bags()
        assert (spool.n_added, spool.n_duplicates) == (6, 3)
    assert bag_labels(bag) == ["a", "b"] and len(bag_sentences(bag)) == 3


@pytest.mark.parametrize("known", [(True, True), (True, False), (False, False)])
def test_spaces(known):
    docs = [sentence("Ann likes Ulm", label="x"), sentence("Ann left Ulm !", label="x")]
    for i, doc in enumerate(docs):
        words = [token.text for token in doc]
        docs[i] = Doc(VOCAB, words=words, spaces=[False] * len(words) if known[i] else None)
        docs[i].spans[MENTIONS_KEY] = [Mention(0, 1, "", "Q1").span(docs[i]), Mention(2, 3, "", "Q2").span(docs[i])]
    bag = one_bag(*docs)
    texts = ["AnnlikesUlm" if known[0] else "Ann likes Ulm", "AnnleftUlm!" if known[1] else "Ann left Ulm !"]
    assert bag.text.strip() == " ".join(texts)
    assert bag.has_unknown_spaces == (not any(known))
    assert [span.label_ for span in bag.spans[MENTIONS_KEY]] == ["ENT"] * 4


# from annotated Docs to instances


def test_an_instance_is_the_doc_itself_where_it_is_one_sentence():
    doc = sentence("Ann likes Ulm", label="x")
    (instance,) = sentence_instances(doc)
    assert instance.sentence is doc and instance.labels == ("x",)
    assert (instance.head, instance.tail) == (Mention(0, 1, "PERSON", "Q1"), Mention(2, 3, "PLACE", "Q2"))


def test_documents_are_cut_into_sentences():
    words = ["Ann", "met", "Bob", ".", "Bob", "lives", "in", "Ulm", ".", "Ann", "too", ",", "Ulm"]
    starts = [i in (0, 4, 9) for i in range(len(words))]
    doc = Doc(VOCAB, words=words, sent_starts=starts, spaces=[word != "." for word in words])
    ann, bob, bob2, ulm, ann2, ulm2 = (
        Mention(i, i + 1, "X", name)
        for i, name in ((0, "ann"), (2, "bob"), (4, "bob"), (7, "ulm"), (9, "ann"), (12, "ulm"))
    )
    doc.spans[MENTIONS_KEY] = [m.span(doc) for m in (ann, bob, bob2, ulm, ann2, ulm2)]
    no_id = Mention(5, 6, "X")
    triples = [(ann, "met", bob), (ann, "knows", bob), (bob2, "in", ulm), (ulm, "has", bob2), (bob, "in", ulm)]
    triples += [(bob, "is", bob), (bob2, "at", no_id), (ann2, "in", ulm2)]
    doc._.relations = [Relation(*triple) for triple in triples]
    doc._.lang = "en"
    lost: Counter[str] = Counter()
    found = [
        (i.sentence.text, i.sentence[i.head.start].text, i.labels, i.sentence[i.tail.start].text, i.sentence._.lang)
        for i in sentence_instances(doc, lost)
    ]
    assert found == [
        ("Ann met Bob .", "Ann", ("met", "knows"), "Bob", "en"),
        ("Bob lives in Ulm .", "Bob", ("in",), "Ulm", "en"),
        ("Bob lives in Ulm .", "Ulm", ("has",), "Bob", "en"),
        ("Ann too , Ulm ", "Ann", ("in",), "Ulm", "en"),
    ]
    assert lost == {"in two sentences": 1, "of one entity": 1, "without ids": 1}


def test_the_nearest_mentions_of_a_pair():
    doc = Doc(VOCAB, words=["Ann", ",", "dear", "Ann", "of", "Ulm", "or", "Ulm"])
    ann, near, ulm, far = (Mention(i, i + 1, "X", name) for i, name in ((0, "a"), (3, "a"), (5, "u"), (7, "u")))
    doc._.relations = [Relation(h, label, t) for h in (ann, near) for t in (far, ulm) for label in ("x", "y")]
    (instance,) = sentence_instances(doc)
    assert (instance.head.start, instance.tail.start, instance.labels) == (3, 5, ("x", "y"))


def test_ids_of_the_mentions_serve_relations_without():
    doc = Doc(VOCAB, words=["Ann", "likes", "Ulm"])
    doc.ents = [Span(doc, 0, 1, "X", kb_id="Q1"), Span(doc, 2, 3, "X", kb_id="Q2")]
    doc._.relations = [Relation(Mention(2, 3, "X"), "has", Mention(0, 1, "X"))]
    (instance,) = sentence_instances(doc)
    assert (instance.head.kb_id, instance.tail.kb_id) == ("Q2", "Q1")
    doc._.relations = []
    (instance,) = sentence_instances(doc)
    assert (instance.head.kb_id, instance.labels) == ("Q1", ())


def test_what_is_no_instance():
    lost: Counter[str] = Counter()
    for ids in (("Q1", ""), ("", ""), ("Q1", "Q1")):
        assert not list(sentence_instances(sentence("Ann likes Ulm", ids=ids), lost))
    assert lost == {"without ids": 2, "of one entity": 1}
    three = sentence("Ann likes Ulm")
    three.spans[MENTIONS_KEY] = [*three.spans[MENTIONS_KEY], Span(three, 1, 2, "X", kb_id="Q3")]
    across = sentence("Ann likes Ulm")
    across[1].is_sent_start = True
    assert not list(sentence_instances(three, lost)) and not list(sentence_instances(Doc(VOCAB), lost))
    assert not list(sentence_instances(across, lost)) and lost["in two sentences"] == 1


def test_bags_give_their_sentences_again():
    docs = [sentence("Ann likes Ulm .", label="x"), sentence("Ulm saw Ann", (2, 3), (0, 1), label="y", lang="de")]
    bag = one_bag(*docs)
    again = one_bag(bag)
    assert again is not bag and again.to_bytes() == bag.to_bytes()


# the spool


def test_grouping_equals_a_dictionary():
    docs = many(300)
    bags = group(docs)
    found = {
        (bag._.bag.head, bag._.bag.tail): ([sent.text.strip() for sent in bag.sents], set(bag_labels(bag)))
        for bag in bags
    }
    assert found == naive(docs) and len(bags) == len(found)


def test_the_order_depends_on_the_input_alone():
    """By a hash that is the same everywhere."""
    docs = many(100)
    pairs = list(naive(docs))
    expected = sorted(pairs, key=lambda pair: stable_hash(*pair))
    assert [(bag._.bag.head, bag._.bag.tail) for bag in group(docs)] == expected != pairs
    assert stable_hash("Q1", "Q2") == 17842881317662940040


def test_bags_can_be_read_twice_and_between():
    with BagSpool(VOCAB) as spool:
        for doc in many(20):
            spool.add(*next(sentence_instances(doc)))
        first = [bag.text for bag in spool.bags()]
        spool.add(*next(sentence_instances(sentence("One more here", ids=("h0", "t0")))))
        second = [bag.text for bag in spool.bags()]
    assert sum(map(len, second)) > sum(map(len, first)) and "One more here" in "".join(second)


def test_sentences_of_another_vocab():
    doc = sentence("Unheard words only", label="x", vocab=Vocab())
    with BagSpool(VOCAB) as spool:
        spool.add(*next(sentence_instances(doc)))
        (bag,) = spool.bags()
    assert bag.vocab is VOCAB and bag.text == "Unheard words only"


def test_pairs_of_one_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr("spacy_relx.formats.bag_spool.stable_hash", lambda *parts: len(parts[0]))
    docs = many(60)
    assert {(bag._.bag.head, bag._.bag.tail): len(list(bag.sents)) for bag in group(docs)} == {
        pair: len(texts) for pair, (texts, _) in naive(docs).items()
    }


def test_errors_of_the_spool():
    doc = sentence("Ann likes Ulm")
    with BagSpool(VOCAB) as spool:
        with pytest.raises(RelxError, match=r"RX140.*'Ann' or 'Ulm'"):
            spool.add(doc, Mention(0, 1, "X", "Q1"), Mention(2, 3, "X"))
        with pytest.raises(RelxError, match="RX003"):
            spool.add(doc, Mention(0, 1, "X", "Q1"), Mention(2, 4, "X", "Q2"))
        assert list(spool.bags()) == []


# taking bags apart


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 12), limit=st.integers(0, 13))
def test_splitting(n, limit):
    doc = one_bag(*(sentence(f"Ann likes Ulm {i}", label="x", lang="ab"[i % 2]) for i in range(n)))
    parts = split_bag(doc, limit)
    if not limit or n <= limit:
        assert parts == [doc]
        return
    sizes = [len(bag_sentences(part)) for part in parts]
    assert sum(sizes) == n and max(sizes) <= limit and len(parts) == -(-n // limit) and max(sizes) - min(sizes) <= 1
    assert " ".join(part.text for part in parts) == doc.text
    assert [lang for part in parts for _, _, lang in get_sentence_langs(part)] == ["ab"[i % 2] for i in range(n)]
    for part in parts:
        assert (part._.bag, part._.facts) == (doc._.bag, doc._.facts)
        assert spans_of(part) == [("Ann", "PERSON", "Q1"), ("Ulm", "PLACE", "Q2")] * len(bag_sentences(part))


def test_sentences_in_some_languages():
    doc = one_bag(*(sentence(f"Ann likes Ulm {lang}", label="x", lang=lang) for lang in ("en", "de", "zh", "de")))
    assert take_langs(doc, frozenset({"en", "de", "zh", "fr"})) is doc
    assert take_langs(doc, frozenset({"fr"})) is None
    german = take_langs(doc, frozenset({"de"}))
    assert german.text == "Ann likes Ulm de" and german._.lang == "de" and german._.facts == doc._.facts


def test_sources_go_with_their_sentences():
    docs = [sentence(f"Ann likes Ulm {i}", label="x", lang="ab"[i % 2]) for i in range(3)]
    with BagSpool(VOCAB) as spool:
        for i, doc in enumerate(docs):
            spool.add(*next(sentence_instances(doc)), source=[f"file {i}", i])
        (bag,) = spool.bags()
    bag = through_docbin(bag)
    assert [list(source) for source in bag.user_data["sources"]] == [["file 0", 0], ["file 1", 1], ["file 2", 2]]
    assert split_bag(bag, 2)[1].user_data["sources"] == [["file 1", 1], ["file 2", 2]]
    assert take_langs(bag, frozenset({"b"})).user_data["sources"] == [["file 1", 1]]


def test_what_is_no_bag():
    with pytest.raises(RelxError, match=r"RX143.*relx data bags"):
        bag_sentences(sentence("Ann likes Ulm"))
    doc = one_bag(sentence("Ann likes Ulm"), sentence("Ann left Ulm"))
    for change in (
        lambda doc: doc.spans.pop(MENTIONS_KEY),
        lambda doc: doc.spans.__setitem__(MENTIONS_KEY, list(doc.spans[MENTIONS_KEY])[:3]),
        lambda doc: doc.spans.__setitem__(MENTIONS_KEY, list(doc.spans[MENTIONS_KEY])[::-1]),
        lambda doc: setattr(doc[1], "is_sent_start", True),
        lambda doc: doc.spans.__setitem__(MENTIONS_KEY, [doc.spans[MENTIONS_KEY][i] for i in (1, 0, 2, 3)]),
        lambda doc: doc.spans.__setitem__(MENTIONS_KEY, [Span(doc, s.start, s.end) for s in doc.spans[MENTIONS_KEY]]),
    ):
        broken = doc.copy()
        change(broken)
        with pytest.raises(RelxError, match=r"RX144.*\(Q1, Q2\)"):
            bag_sentences(broken)
    empty = Doc(VOCAB)
    empty._.bag = ("a", "b")
    with pytest.raises(RelxError, match=r"RX144.*0 sentences"):
        bag_sentences(empty)
