"""The reader of bags."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.util import registry
from support.made_bags import group, save, sentence

from spacy_relx.data.extensions import get_sentence_langs
from spacy_relx.data.facts import Bag, Fact
from spacy_relx.data.storage import kept
from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats import bag_reader
from spacy_relx.formats.bag_reader import BagCorpus, make_bag_corpus


def bags(n: int = 12, prefix: str = "h") -> list[Doc]:
    """Bags of 1, 2, 3, 1, ... sentences in English and German by turns; every fourth has no fact."""
    docs = []
    for i in range(n):
        for j in range(i % 3 + 1):
            label = None if i % 4 == 3 else f"r{i % 2}"
            ids, lang = (f"{prefix}{i}", "t"), ("en", "de")[j % 2]
            docs.append(sentence(f"Ann likes Ulm {i} {j}", ids=ids, label=label, lang=lang))
    return group(docs)


@pytest.fixture
def nlp():
    return spacy.blank("xx")


@pytest.fixture
def path(tmp_path):
    return save(tmp_path / "bags.spacy", bags())


def heads(examples) -> list[str]:
    return [example.reference._.bag.head for example in examples]


def test_examples(path, nlp):
    examples = list(make_bag_corpus(path)(nlp))
    assert len(examples) == 12
    for example, bag in zip(examples, bags()):
        reference, predicted = example.reference, example.predicted
        assert reference.text == predicted.text == bag.text
        assert reference._.bag == predicted._.bag == bag._.bag
        assert set(kept(predicted)) == {"bag", "lang", "sent_langs", "gold_mentions"} - {"" if bag._.lang else "lang"}
        assert reference._.facts == bag._.facts and not predicted._.facts
        for doc in (reference, predicted):
            assert [sent.text for sent in doc.sents] == [sent.text for sent in bag.sents]
            assert get_sentence_langs(doc) == get_sentence_langs(bag) and doc._.lang == bag._.lang
            for spans in (doc.spans[MENTIONS_KEY], doc.ents):
                assert [(span.text, span.label_, span.kb_id_) for span in spans] == [
                    ("Ann", "PERSON", bag._.bag.head),
                    ("Ulm", "PLACE", "t"),
                ] * len(list(bag.sents))
    assert sum(bool(example.reference._.facts) for example in examples) == 9


def test_it_is_registered(path, nlp):
    config = {"@readers": "spacy_relx.BagCorpus.v1", "path": str(path), "max_sentences": 1, "langs": ["de"]}
    corpus = registry.resolve({"corpus": config})["corpus"]
    examples = list(corpus(nlp))
    assert len(examples) == 8 and {example.predicted._.lang for example in examples} == {"de"}


def test_large_bags_are_split(path, nlp):
    examples = list(BagCorpus(path, max_sentences=2)(nlp))
    assert Counter(heads(examples)) == {bag._.bag.head: 2 if len(list(bag.sents)) == 3 else 1 for bag in bags()}
    assert max(len(list(example.predicted.sents)) for example in examples) == 2
    part = next(example for example in examples if example.reference._.bag.head == "h5")
    assert part.reference._.facts == [Fact("h5", "r1", "t")] and part.predicted._.bag == Bag("h5", "t")


def test_languages(path, nlp):
    examples = list(BagCorpus(path, langs=["de"])(nlp))
    assert sorted(heads(examples)) == sorted(bag._.bag.head for bag in bags() if len(list(bag.sents)) > 1)
    for example in examples:
        assert {lang for _, _, lang in get_sentence_langs(example.predicted)} == {"de"}
        assert len(list(example.reference.sents)) == 1
    assert len(list(BagCorpus(path, langs=["en"])(nlp))) == 12
    both = BagCorpus(path, langs=["en", "de"])(nlp)
    assert [example.reference.text for example in both] == [bag.text for bag in bags()]


def test_languages_that_are_not_there(path, nlp):
    with pytest.raises(RelxError, match=r"RX146.*fr.*de.*en"):
        list(BagCorpus(path, langs=["fr"])(nlp))
    corpus = BagCorpus(path, langs=["en", "fr"])
    with pytest.warns(RelxWarning, match=r"RX147.*fr"):
        assert len(list(corpus(nlp))) == 12
    assert len(list(corpus(nlp))) == 12  # says it once: the tests take warnings for errors
    assert len(list(BagCorpus(path, langs=["en", "fr"], limit=3)(nlp))) == 3  # it may come later
    for value in ("english", "", "e"):
        with pytest.raises(RelxError, match="RX042"):
            BagCorpus(path, langs=[value])


def test_limits(path, nlp):
    assert heads(BagCorpus(path, limit=3)(nlp)) == heads(BagCorpus(path)(nlp))[:3]
    limited = list(BagCorpus(path, limit=6, max_sentences=1)(nlp))
    assert len(set(heads(limited))) == 6 < len(limited)
    assert len(list(BagCorpus(path, limit=100)(nlp))) == 12


@pytest.mark.parametrize("cache", [True, False])
def test_a_limit_takes_the_same_bags_on_each_pass(path, nlp, tmp_path, cache):
    for name in "abc":  # which file comes first must not matter either
        (tmp_path / f"{name}.spacy").write_bytes(path.read_bytes())
    corpus = BagCorpus(tmp_path, limit=8, shuffle=True, cache=cache)
    passes = [heads(corpus(nlp)) for _ in range(4)]
    assert {tuple(sorted(each)) for each in passes} == {tuple(sorted(heads(BagCorpus(path)(nlp))[:8]))}
    assert len(set(map(tuple, passes))) > 1


def folder_of_bags(tmp_path: Path) -> Path:
    for i in range(3):
        (tmp_path / "bags").mkdir(exist_ok=True)
        save(tmp_path / "bags" / f"bags-0000{i}.spacy", bags(6, prefix=f"{i}-"))
    return tmp_path / "bags"


def test_folders(tmp_path, nlp):
    found = heads(BagCorpus(folder_of_bags(tmp_path))(nlp))
    assert len(found) == 18 and [head[0] for head in found] == sorted(head[0] for head in found)


@pytest.mark.parametrize("cache", [False, True])
def test_shuffling_is_new_each_time_and_reproducible(tmp_path, nlp, cache):
    folder = folder_of_bags(tmp_path)

    def orders(seed: int) -> list[list[str]]:
        corpus = BagCorpus(folder, shuffle=True, seed=seed, cache=cache)
        return [heads(corpus(nlp)) for _ in range(3)]

    first = orders(0)
    assert first == orders(0) != orders(1)
    assert len({tuple(order) for order in first}) == 3
    plain = heads(BagCorpus(folder)(nlp))
    assert all(sorted(order) == sorted(plain) != order for order in first)


def test_shuffling_in_a_buffer(tmp_path, nlp, monkeypatch):
    """No Doc comes before those that are more than a buffer before it in its file, and all come once."""
    monkeypatch.setattr(bag_reader, "BUFFER", 4)
    path = save(tmp_path / "bags.spacy", bags(40))
    plain = heads(BagCorpus(path)(nlp))
    shuffled = heads(BagCorpus(path, shuffle=True)(nlp))
    assert sorted(shuffled) == sorted(plain) != shuffled
    places = [plain.index(head) for head in shuffled]
    assert all(place <= i + 4 for i, place in enumerate(places))


def test_streaming_reads_one_file_at_a_time(tmp_path, nlp, monkeypatch):
    opened = []
    read = bag_reader.read_docs
    monkeypatch.setattr(bag_reader, "read_docs", lambda file, vocab: opened.append(file) or read(file, vocab))
    stream = BagCorpus(folder_of_bags(tmp_path))(nlp)
    for i in range(6):
        next(stream)
        assert len(opened) == 1 + i // 6
    next(stream)
    assert len(opened) == 2


def test_the_cache(path, nlp):
    corpus = BagCorpus(path, cache=True)
    first = list(corpus(nlp))
    path.unlink()
    again = list(corpus(nlp))
    assert all(one is other for one, other in zip(first, again)) and len(again) == 12
    with pytest.raises(RelxError, match="RX120"):
        list(corpus(spacy.blank("xx")))  # another vocab


def test_what_is_wrong(tmp_path, path, nlp):
    with pytest.raises(RelxError, match="RX130"):
        make_bag_corpus(None)
    for setting in ({"limit": -1}, {"max_sentences": -1}):
        with pytest.raises(RelxError, match="RX021"):
            make_bag_corpus(path, **setting)
    with pytest.raises(RelxError, match="RX120"):
        list(BagCorpus(tmp_path / "none.spacy")(nlp))
    save(tmp_path / "plain.spacy", [sentence("Ann likes Ulm", label="x")])
    with pytest.raises(RelxError, match=r"RX143.*plain\.spacy.*relx data bags"):
        list(BagCorpus(tmp_path / "plain.spacy")(nlp))
    save(tmp_path / "empty.spacy", [])
    with pytest.raises(RelxError, match="RX134"):
        list(BagCorpus(tmp_path / "empty.spacy", langs=["en"])(nlp))
    bag = bags(1)[0]
    del bag.spans[MENTIONS_KEY]
    save(tmp_path / "bare.spacy", [bag])
    with pytest.raises(RelxError, match=r"RX144.*\(h0, t\)"):
        list(BagCorpus(tmp_path / "bare.spacy")(nlp))


def test_the_pipeline_can_be_initialised_and_updated(path, nlp):
    """As `spacy train` uses a reader: the component sees sentences and mentions, and the gold facts stay hidden."""
    corpus = BagCorpus(path)
    nlp.add_pipe("entity_type_marker")
    nlp.initialize(lambda: corpus(nlp))
    seen = nlp.get_pipe("entity_type_marker").labels
    assert set(seen) == {"PERSON", "PLACE"}
    nlp.update(list(corpus(nlp)))
