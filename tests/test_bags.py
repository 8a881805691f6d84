"""Bags: made of sentences, taken apart, grouped, written, compared; the commands `relx bags` and `relx leakage`."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_relx.corpora.bag_files import read_bags, write_bags
from spacy_relx.corpora.bag_spool import BagSpool
from spacy_relx.corpora.bag_writer import BagCounts, BagWriter, SplitWriter
from spacy_relx.corpora.bags import bag_labels, bag_sentences, make_bag, split_bag, stable_hash, take_langs
from spacy_relx.corpora.docbin import new_docbin, quick_msgpack
from spacy_relx.corpora.instances import sentence_instances
from spacy_relx.corpora.leakage import leakage
from spacy_relx.errors import RelxError
from spacy_relx.extensions import get_sentence_langs, set_extensions
from spacy_relx.facts import Bag, Fact
from spacy_relx.types import MENTIONS_KEY, Mention, Relation

set_extensions()
VOCAB = spacy.blank("xx").vocab


def sentence(text: str, head=(0, 1), tail=(2, 3), ids=("Q1", "Q2"), label: str | None = None, lang="en", vocab=VOCAB):
    """A Doc of one sentence with two mentions, head first, and a relation if there is a label."""
    words = text.split()
    doc = Doc(vocab, words=words, spaces=[True] * (len(words) - 1) + [False])
    first, second = Mention(*head, "PERSON", ids[0]), Mention(*tail, "PLACE", ids[1])
    doc.spans[MENTIONS_KEY] = [first.span(doc), second.span(doc)]
    doc._.lang = lang
    if label is not None:
        doc._.relations = [Relation(first, label, second)]
    return doc


def group(docs, **kwargs) -> list[Doc]:
    with BagSpool(VOCAB, **kwargs) as spool:
        for doc in docs:
            for instance in sentence_instances(doc):
                spool.add(*instance)
        return list(spool.bags())


def one_bag(*docs: Doc) -> Doc:
    (bag,) = group(docs)
    return bag


def through_docbin(doc: Doc) -> Doc:
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(Vocab()))


def spans_of(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span.kb_id_) for span in doc.spans[MENTIONS_KEY]]


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


def many(n: int, seed: int = 0) -> list[Doc]:
    rng = random.Random(seed)
    docs = []
    for i in range(n):
        ids = (f"h{rng.randrange(8)}", f"t{rng.randrange(8)}")
        label = rng.choice([None, "x", "y"])
        text = f"Ann {'very ' * rng.randrange(3)}likes it Ulm {i}"
        docs.append(sentence(text, ids=ids, label=label, lang=rng.choice("ab")))
    return docs


def naive(docs: list[Doc]) -> dict[tuple[str, str], tuple[list[str], set[str]]]:
    bags: dict[tuple[str, str], tuple[list[str], set[str]]] = {}
    for doc in docs:
        head, tail = doc.spans[MENTIONS_KEY]
        texts, labels = bags.setdefault((head.kb_id_, tail.kb_id_), ([], set()))
        texts.append(doc.text)
        labels.update(relation.label for relation in doc._.relations)
    return bags


@pytest.mark.parametrize("n_parts", [1, 7, 64])
def test_grouping_equals_a_dictionary(n_parts):
    docs = many(300)
    bags = group(docs, n_parts=n_parts)
    found = {
        (bag._.bag.head, bag._.bag.tail): ([sent.text.strip() for sent in bag.sents], set(bag_labels(bag)))
        for bag in bags
    }
    assert found == naive(docs) and len(bags) == len(found)


def test_the_order_depends_on_the_input_alone():
    """By part, which a hash that is the same everywhere gives, and within a part by what came first."""
    docs = many(100)
    pairs = list(naive(docs))
    expected = sorted(pairs, key=lambda pair: stable_hash(*pair) % 64)
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


def test_no_file_stays_behind(tmp_path):
    def files():
        return [path for path in tmp_path.rglob("*") if path.is_file()]

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), BagSpool(VOCAB, folder=str(tmp_path)) as spool:
            for doc in many(50):
                spool.add(*next(sentence_instances(doc)))
            next(spool.bags())
            raise error
        assert not files()
    spool = BagSpool(VOCAB, folder=str(tmp_path))
    spool.add(*next(sentence_instances(sentence("Ann likes Ulm"))))
    assert not files() or os.name == "nt"  # it has no name even while it is used
    spool.close()


def test_errors_of_the_spool(tmp_path):
    doc = sentence("Ann likes Ulm")
    with BagSpool(VOCAB) as spool:
        with pytest.raises(RelxError, match=r"RX140.*'Ann' and 'Ulm'"):
            spool.add(doc, Mention(0, 1, "X", "Q1"), Mention(2, 3, "X"))
        with pytest.raises(RelxError, match="RX003"):
            spool.add(doc, Mention(0, 1, "X", "Q1"), Mention(2, 4, "X", "Q2"))
        assert list(spool.bags()) == []
    with BagSpool(VOCAB, folder=str(tmp_path / "none")) as spool, pytest.raises(RelxError, match=r"RX141.*none"):
        spool.add(*next(sentence_instances(doc)))


def test_grouping_is_fast():
    """On a quiet core, sentences of 25 words are grouped at more than 10,000 a second; here just not absurdly slow."""
    text = "Ann likes to be in Ulm " + "word " * 19
    docs = [sentence(f"{text} {i}", (0, 1), (5, 6), (f"h{i % 400}", "t")) for i in range(2000)]
    start = time.process_time()
    bags = group(docs)
    assert len(bags) == 400 and len(docs) / (time.process_time() - start) > 1000


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
    with pytest.raises(RelxError, match=r"RX143.*relx bags"):
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


# files


def save(path: Path, docs: list[Doc]) -> Path:
    docbin = new_docbin()
    with quick_msgpack():
        for doc in docs:
            docbin.add(doc)
    docbin.to_disk(path)
    return path


def pairs_of(path: Path) -> list[tuple[str, str]]:
    return [(bag._.bag.head, bag._.bag.tail) for bag in read_bags(path, VOCAB)]


@pytest.fixture
def sentences(tmp_path):
    return save(tmp_path / "sentences.spacy", many(200))


def test_writing_a_file_and_a_folder(tmp_path, sentences):
    report = write_bags([sentences], tmp_path / "bags.spacy", VOCAB)
    counts = report.outputs[str(tmp_path / "bags.spacy")]
    expected = naive(many(200))
    assert (report.read, report.instances, counts.bags, counts.sentences) == (200, 200, len(expected), 200)
    assert counts.na == sum(not labels for _, labels in expected.values())
    assert counts.several == sum(len(texts) > 1 for texts, _ in expected.values())
    assert counts.longest == max(len(texts) for texts, _ in expected.values())
    assert counts.facts == Counter(label for _, labels in expected.values() for label in labels)
    assert set(counts.langs) == {"a", "b"} and counts.langs.total() == 200
    assert report.leakage is None
    folder = tmp_path / "new" / "bags"
    for _ in range(2):  # the second time it replaces the first
        write_bags([tmp_path / "bags.spacy"], folder, VOCAB, shard_size=20)
        names = [path.name for path in sorted(folder.iterdir())]
        assert names == [f"bags-{i:05d}.spacy" for i in range(-(-len(expected) // 20))]
        assert [path.name for path in folder.parent.iterdir()] == ["bags"]
    sizes = [len(pairs_of(path)) for path in sorted(folder.iterdir())]
    assert sizes[:-1] == [20] * (len(sizes) - 1) and pairs_of(folder) == pairs_of(tmp_path / "bags.spacy")


def test_large_bags_are_split_on_writing(tmp_path, sentences):
    report = write_bags([sentences], tmp_path / "bags", VOCAB, max_sentences=2, shard_size=7)
    counts = report.outputs[str(tmp_path / "bags")]
    assert counts.longest == 2 and counts.sentences == 200 and len(set(pairs_of(tmp_path / "bags"))) < counts.bags


@pytest.mark.parametrize("suffix", [".spacy", ""])
def test_the_split(tmp_path, suffix):
    docs = many(200)
    docs += [sentence(f"Ulm saw Ann {i}", ids=(f"t{i}", f"h{i}")) for i in range(8)]
    source = save(tmp_path / "in.spacy", docs)
    train, test = tmp_path / f"train{suffix}", tmp_path / f"test{suffix}"
    report = write_bags([source], train, VOCAB, test=test, test_share=0.3)
    ours, theirs = set(pairs_of(train)), set(pairs_of(test))
    assert ours | theirs == set(naive(docs)) and not ours & theirs
    assert not {pair[::-1] for pair in ours} & theirs and any(pair[::-1] in ours for pair in ours)
    assert 0.1 < len(theirs) / len(ours | theirs) < 0.5
    assert not report.leakage.pairs and not report.leakage.reversed and not report.leakage.facts
    again = tmp_path / "again.spacy"
    random.Random(1).shuffle(docs)
    write_bags([save(source, docs)], tmp_path / "x.spacy", VOCAB, test=again, test_share=0.3)
    assert set(pairs_of(again)) == theirs
    write_bags([source], tmp_path / "x.spacy", VOCAB, test=again, test_share=0.3, seed=1)
    assert set(pairs_of(again)) != theirs


def test_excluding(tmp_path):
    test = [sentence("Ann likes Ulm", label="x"), sentence("Bob left Ulm", ids=("Q3", "Q2"))]
    docs = [
        sentence("Ann loves Ulm", label="x"),
        sentence("Ulm loves Ann", ids=("Q2", "Q1")),
        sentence("Ann likes Ulm", ids=("Q1", "Q9"), label="x"),
        sentence("Eve left Ulm", ids=("Q4", "Q2")),
    ]
    write_bags([save(tmp_path / "a.spacy", test)], tmp_path / "test.spacy", VOCAB)
    source = save(tmp_path / "b.spacy", docs)
    report = write_bags([source], tmp_path / "train.spacy", VOCAB, exclude=tmp_path / "test.spacy")
    assert sorted(pairs_of(tmp_path / "train.spacy")) == [("Q1", "Q9"), ("Q4", "Q2")]
    assert report.excluded == 2 and report.leakage.sentences == 1 and not report.leakage.pairs
    args = {"exclude": tmp_path / "test.spacy", "exclude_sentences": True}
    report = write_bags([source], tmp_path / "train.spacy", VOCAB, **args)
    assert pairs_of(tmp_path / "train.spacy") == [("Q4", "Q2")]
    assert report.excluded_sentences == 1 and not report.leakage
    with pytest.raises(RelxError, match=r"RX142.*left out 2 bags"):
        write_bags([save(source, docs[:2])], tmp_path / "none.spacy", VOCAB, exclude=tmp_path / "test.spacy")
    assert not (tmp_path / "none.spacy").exists()


def test_meta(tmp_path):
    docs = [sentence("Ann likes Ulm", ids=("Q1", str(i))) for i in range(4)]
    for doc, meta in zip(docs, ({"checked": "TRUE", "n": 1}, {"checked": "FALSE", "n": 1}, {}, None)):
        doc.user_data["meta"] = meta
    source, output = save(tmp_path / "in.spacy", docs), tmp_path / "out.spacy"
    write_bags([source], output, VOCAB, meta=["checked=TRUE"])
    assert pairs_of(output) == [("Q1", "0")]
    write_bags([source], output, VOCAB, meta=["n=1"])
    assert sorted(pairs_of(output)) == [("Q1", "0"), ("Q1", "1")]
    with pytest.raises(
        RelxError, match=r"RX142.*none of the 4 documents .*\(n=1 holds for 2, checked=\? holds for 0\)"
    ):
        write_bags([source], output, VOCAB, meta=["n=1", "checked=?"])
    report = write_bags([source], output, VOCAB, meta=["n=1", "n=1", "checked=TRUE"])
    assert "documents read     4 (taken by their meta 1)" in report.summary()
    assert report.meta == {"n=1": 2, "checked=TRUE": 1}
    for meta in ("checked", "=TRUE"):
        with pytest.raises(RelxError, match="RX119"):
            write_bags([source], output, VOCAB, meta=[meta])


@pytest.mark.parametrize(
    "setting, code",
    [
        ({"test_share": 1.0, "test": "test.spacy"}, "RX119"),
        ({"test_share": 0.2}, "RX119.*test_share.*--test"),
        ({"shard_size": 0}, "RX119"),
        ({"max_sentences": -1}, "RX119"),
        ({"exclude_sentences": True}, "RX119"),
        ({"exclude": "none.spacy"}, "RX131"),
        ({"exclude": "in.spacy"}, "RX143"),
        ({"test": "bags.spacy"}, "RX145"),
        ({"test": "in.spacy"}, "RX145"),
        ({"output": "in.spacy"}, "RX145"),
        ({"output": "."}, "RX145"),
        ({"output": "plain"}, "RX145"),
        ({"output": "other"}, "RX145"),
        ({"output": "folder.spacy"}, "RX145"),
        ({"output": "new", "test": "other"}, "RX145"),
        ({"output": "plain/new"}, "RX145"),
        ({"output": "plain/new.spacy"}, "RX145"),
        ({"inputs": ["none.spacy"]}, "RX131"),
        ({"inputs": ["plain"]}, "RX132"),
        ({"inputs": ["no_ids.spacy"]}, "RX142"),
        ({"inputs": ["one.spacy"], "test": "test.spacy"}, "RX142"),
    ],
)
def test_what_cannot_be_written(tmp_path, monkeypatch, setting, code):
    monkeypatch.chdir(tmp_path)
    save(Path("in.spacy"), many(5))
    save(Path("no_ids.spacy"), [sentence("Ann likes Ulm", ids=("", ""), label="x")])
    save(Path("one.spacy"), [sentence("Ann likes Ulm", label="x")])
    Path("plain").write_text("no DocBin")
    Path("other").mkdir()
    (Path("other") / "notes.txt").write_text("mine")
    Path("folder.spacy").mkdir()
    before = sorted(tmp_path.rglob("*"))
    arguments = {"inputs": ["in.spacy"], "output": "bags.spacy", "vocab": VOCAB, **setting}
    with pytest.raises(RelxError, match=code):
        write_bags(**arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_replaced_only_at_the_end(tmp_path):
    bag = one_bag(sentence("Ann likes Ulm"))
    with BagWriter(tmp_path / "bags", 1) as writer:
        writer.add(bag)
        writer.commit()
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / "bags", 1) as writer:
        for _ in range(3):
            writer.add(bag)
        raise KeyboardInterrupt
    assert len(list((tmp_path / "bags").iterdir())) == 1 and len(list(tmp_path.iterdir())) == 1


def test_counts_of_nothing():
    assert "bags               0" in str(BagCounts()) and BagCounts().to_dict()["facts"] == {}


# leakage


def test_leakage():
    train = group([
        sentence("Ann likes Ulm", label="x"),
        sentence("Ann likes Rome", ids=("Q1", "Q3"), label="x"),
        sentence("Rome saw Bob", ids=("Q3", "Q5"), label="z"),
        sentence("Eve saw Bob", ids=("Q7", "Q8")),
    ])  # fmt: skip
    test = group([
        sentence("Ann left Ulm", label="x"),
        sentence("Ann left Ulm now", label="y"),
        sentence("Bob saw Rome", ids=("Q5", "Q3"), label="x"),
        sentence("Eve saw Bob", ids=("Q9", "Q8")),
    ])  # fmt: skip
    found = leakage(train, [through_docbin(doc) for doc in test])
    assert found.pairs == [("Q1", "Q2")] and found.reversed == [("Q5", "Q3")]
    assert found.facts == [("Q1", "x", "Q2")] and found.sentences == 1
    assert found.to_dict() == {
        "pairs": {"in_both": 1, "in_test": 3},
        "reversed_pairs": {"in_both": 1, "in_test": 3},
        "facts": {"in_both": 1, "in_test": 3},
        "sentences": {"in_both": 1, "in_test": 4},
    }
    assert bool(found) and "reversed pairs   1 of 3" in str(found) and "(Q1, Q2), (Q5, Q3)" in str(found)
    nothing = leakage(train, [])
    assert not nothing and nothing.test_pairs == 0 and "such as" not in str(nothing)
    with pytest.raises(RelxError, match="RX143"):
        leakage([sentence("Ann likes Ulm")], test)


# the commands


def run(*args: object):
    from spacy_relx.cli import relx_app  # it imports all that spaCy's command line needs

    return CliRunner().invoke(relx_app, [str(arg) for arg in args])


def test_the_command(tmp_path, sentences):
    train, test = tmp_path / "train.spacy", tmp_path / "test"
    done = run("bags", sentences, train, "--test", test, "--test-share", 0.3, "--shard-size", 4, "--max-sentences", 3)
    assert done.exit_code == 0, done.output
    n_train, n_test = len(pairs_of(train)), len(pairs_of(test))
    assert f"Saved {n_train} bags to {train}" in done.output and f"Saved {n_test} bags to {test}" in done.output
    assert "documents read     200" in done.output and "the largest: 3" in done.output
    assert f"pairs            0 of {len(set(pairs_of(test)))}" in done.output
    assert len(list(test.iterdir())) == -(-n_test // 4)
    same = run("leakage", train, test)
    assert same.exit_code == 0 and same.output.strip() in done.output
    all_of_it = run("leakage", train, train)
    n_pairs = len(set(pairs_of(train)))
    assert f"pairs            {n_pairs} of {n_pairs}" in all_of_it.output
    more = run("bags", sentences, tmp_path / "more.spacy", "--exclude", test, "--exclude-sentences", "--meta", "a=b")
    assert more.exit_code == 1 and "RX142" in more.output
    more = run("bags", sentences, tmp_path / "more.spacy", "--exclude", test)
    assert more.exit_code == 0 and set(pairs_of(tmp_path / "more.spacy")) == set(pairs_of(train))


def test_the_command_says_what_is_wrong(tmp_path, sentences):
    done = run("leakage", sentences, sentences)
    assert done.exit_code == 1 and "RX143" in done.output and "relx bags" in done.output
    done = run("bags", sentences, sentences)
    assert done.exit_code == 1 and "RX145" in done.output
    done = run("bags", sentences, tmp_path / "bags.spacy", "--test-share", 0.2)
    assert done.exit_code == 1 and "RX119" in done.output and not (tmp_path / "bags.spacy").exists()
    assert run("bags", sentences).exit_code == 2


def test_temporary_files_are_where_the_system_has_them(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    with BagSpool(VOCAB) as spool, pytest.raises(RelxError, match=r"RX141.*full.*TMPDIR"):
        spool.add(*next(sentence_instances(sentence("Ann likes Ulm"))))


def test_make_bag_does_not_mind_empty_labels():
    words = np.array([VOCAB.strings.add(word) for word in ("Ann", "Ulm")], dtype="uint64")
    first = bag_sentences(one_bag(sentence("Ann likes Ulm")))[0]
    part = first._replace(words=words, spaces=None, tail=Mention(1, 2, "", ""))
    doc = make_bag(VOCAB, Bag("a", "b"), [part], ["y", "x", "y"])
    assert bag_labels(doc) == ["x", "y"] and spans_of(doc) == [("Ann", "PERSON", "a"), ("Ulm", "ENT", "b")]


def test_an_output_inside_the_other_output_is_refused(tmp_path):
    with pytest.raises(RelxError, match="RX145"):
        SplitWriter(tmp_path / "bags", test=tmp_path / "bags" / "test.spacy")
