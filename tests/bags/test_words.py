"""The table of words: what it knows, what vectors begin with, and what training changes."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vectors import Vectors
from support.bag import (
    FACTS,
    found,
    gold,
    make_bag,
    make_examples,
    make_nlp,
    model_config,
    network,
    train,
    without_facts,
)

from spacy_relx.bags.instances import Instances
from spacy_relx.bags.words import WordTable
from spacy_relx.data.extensions import set_lang, set_sentence_langs
from spacy_relx.data.grouping import DocBags
from spacy_relx.errors import RelxError

WIDTH = 4


def make_vocab():
    return spacy.blank("xx").vocab


def doc_of(vocab, text):
    return Doc(vocab, words=text.split())


def rows(table, module, *docs):
    """The row of each token, Doc by Doc."""
    n = len(docs)
    found = Instances(
        docs=np.arange(n),
        rows=np.zeros(n, "int64"),
        windows=np.array([(0, len(doc)) for doc in docs]),
        mentions=np.zeros((n, 2, 2), "int64"),
        markers=np.zeros((n, 2), "int64"),
        langs=[""] * n,
        bags=[DocBags([("", "")], np.zeros(1, "int64"), np.ones(1, "int64"))] * n,
    )
    batch = table.batch(list(docs), found, np.zeros(n, "int64"), module)
    return [part.tolist() for part in batch.tokens.split(batch.lengths.tolist())]


def prepared(docs, **settings):
    table = WordTable(**{"width": WIDTH, "min_count": 1, **settings})
    return table, table.build(table.prepare(iter(docs)))


def test_words_that_are_rare_are_unknown():
    vocab = make_vocab()
    docs = [doc_of(vocab, "a b a c"), doc_of(vocab, "b a d")]
    table, module = prepared(docs, min_count=2)
    assert module.table.weight.shape == (3, WIDTH) and len(module.keys) == 2
    (first,) = rows(table, module, docs[0])
    assert first[0] == first[2] != first[1] and 0 not in first[:3] and first[3] == 0
    assert [len(prepared(docs, min_count=n)[1].keys) for n in (1, 3, 4)] == [4, 1, 0]


def test_a_table_that_knows_nothing():
    vocab = make_vocab()
    table, module = prepared([doc_of(vocab, "a b")], min_count=3)
    assert rows(table, module, doc_of(vocab, "a b c")) == [[0, 0, 0]]


def test_keys_are_sorted_and_each_word_has_its_row():
    vocab = make_vocab()
    text = " ".join(f"w{i}" for i in range(50))
    table, module = prepared([doc_of(vocab, text)], lower=False)
    keys = module.keys.tolist()
    assert keys == sorted(keys)
    (found,) = rows(table, module, doc_of(vocab, text))
    assert sorted(found) == list(range(1, 51))
    assert [keys[row - 1] for row in found] == [
        int(np.uint64(vocab.strings[word]).view(np.int64)) for word in text.split()
    ]
    assert rows(table, module, doc_of(vocab, "w7 new w9 W9")) == [[found[7], 0, found[9], 0]]


def test_lower_case():
    vocab = make_vocab()
    docs = [doc_of(vocab, "Straße NATO straße nato ÉTÉ")]
    table, module = prepared(docs, lower=True)
    (found,) = rows(table, module, docs[0])
    assert found[0] == found[2] and found[1] == found[3] and len(module.keys) == 3
    assert rows(table, module, doc_of(vocab, "été Nato STRASSE"))[0][:2] == [found[4], found[1]]
    table, module = prepared(docs, lower=False)
    assert len(set(rows(table, module, docs[0])[0])) == 5


def test_one_word_in_two_languages_is_two():
    vocab = make_vocab()
    english, german, mixed, none = (doc_of(vocab, "die die was") for _ in range(4))
    set_lang(english, "en")
    set_lang(german, "de")
    set_sentence_langs(mixed, [(0, 1, "en"), (1, 2, "de")])
    table, module = prepared([english, german], by_lang=True)
    assert len(module.keys) == 4
    (en, _, en_was), (de, _, de_was), mixed_rows, unknown = rows(table, module, english, german, mixed, none)
    assert len({0, en, en_was, de, de_was}) == 5
    assert mixed_rows == [en, de, 0] and unknown == [0, 0, 0]
    set_lang(mixed, "de")  # the Doc's language is that of the sentences without one
    assert rows(table, module, mixed) == [[en, de, de_was]]
    plain, module = prepared([english, german])
    assert len(module.keys) == 2 and len({tuple(r) for r in rows(plain, module, english, german, mixed)}) == 1


def vectors_file(path, header=True):
    table = {"the": [1, 2, 3, 4], "The": [9, 9, 9, 9], "Unseen": [5, 6, 7, 8], "zebra": [0.5, 0.5, 0.5, 0.5]}
    lines = [f"{len(table)} {WIDTH}"] if header else []
    lines += [f"{word} {' '.join(str(v) for v in vector)}" for word, vector in table.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
    return str(path)


@pytest.mark.parametrize("header", [True, False], ids=["word2vec", "glove"])
def test_vectors_of_a_text_file(tmp_path, header):
    nlp = spacy.blank("xx")
    path = vectors_file(tmp_path / "vectors.txt", header)
    table, module = prepared([doc_of(nlp.vocab, "The cat")], vectors=path)
    weights = module.table.weight.detach()
    (found,) = rows(table, module, doc_of(nlp.vocab, "the cat unseen zebra Zebra never"))
    assert weights[found[0]].tolist() == [1, 2, 3, 4]  # and not the vector of "The", which comes later
    assert found[1] != 0 and weights[found[1]].tolist() not in [[1, 2, 3, 4], [9, 9, 9, 9]]
    assert weights[found[2]].tolist() == [5, 6, 7, 8]  # training never showed it
    assert weights[found[3]].tolist() == [0.5] * 4 and found[4] == found[3]
    assert found[5] == 0 and len(module.keys) == 4


def test_vectors_with_their_case(tmp_path):
    nlp = spacy.blank("xx")
    table, module = prepared([doc_of(nlp.vocab, "cat")], vectors=vectors_file(tmp_path / "v.txt"), lower=False)
    (found,) = rows(table, module, doc_of(nlp.vocab, "the The Unseen unseen"))
    weights = module.table.weight.detach()
    assert [weights[row].tolist()[0] for row in found[:3]] == [1, 9, 5] and found[3] == 0


def test_rare_words_with_a_vector_are_known(tmp_path):
    nlp = spacy.blank("xx")
    path = vectors_file(tmp_path / "vectors.txt")
    table, module = prepared([doc_of(nlp.vocab, "zebra cat")], vectors=path, min_count=5)
    (found,) = rows(table, module, doc_of(nlp.vocab, "zebra cat"))
    assert found[0] != 0 and found[1] == 0


def test_vectors_by_lang_are_for_the_words_of_training(tmp_path):
    nlp = spacy.blank("xx")
    docs = [doc_of(nlp.vocab, "the cat") for _ in range(2)]
    for doc, lang in zip(docs, ("en", "de")):
        set_lang(doc, lang)
    table, module = prepared(docs, vectors=vectors_file(tmp_path / "v.txt"), by_lang=True)
    english, german = rows(table, module, *docs)
    assert english != german
    for row, *_ in (english, german):
        assert module.table.weight[row].tolist() == [1, 2, 3, 4]
    assert len(module.keys) == 4


def test_vectors_of_the_vocab():
    nlp = spacy.blank("xx")
    nlp.vocab.set_vector("dog", np.arange(WIDTH, dtype="float32"))
    nlp.vocab.set_vector("bird", np.full(WIDTH, 7, dtype="float32"))
    table, module = prepared([doc_of(nlp.vocab, "dog cat")], vectors="vocab")
    (found,) = rows(table, module, doc_of(nlp.vocab, "dog bird fish"))
    assert module.table.weight[found[0]].tolist() == [0, 1, 2, 3]
    assert module.table.weight[found[1]].tolist() == [7] * 4 and found[2] == 0


def test_vectors_of_a_pipeline_in_a_folder(tmp_path):
    nlp = spacy.blank("xx")
    nlp.vocab.set_vector("dog", np.arange(WIDTH, dtype="float32"))
    nlp.to_disk(tmp_path)
    other = spacy.blank("xx")
    table, module = prepared([doc_of(other.vocab, "cat")], vectors=str(tmp_path))
    (found,) = rows(table, module, doc_of(other.vocab, "cat dog"))
    assert module.table.weight[found[1]].tolist() == [0, 1, 2, 3]


def floret(strings):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(20, WIDTH)).astype("float32")
    return Vectors(mode="floret", data=data, hash_count=2, minn=2, maxn=3, bow="<", eow=">", strings=strings)


@pytest.mark.parametrize("lower", [True, False])
def test_vectors_of_parts_of_words(lower):
    nlp = spacy.blank("xx")
    nlp.vocab.vectors = floret(nlp.vocab.strings)
    table, module = prepared([doc_of(nlp.vocab, "Katze cat")], vectors="vocab", lower=lower)
    (found,) = rows(table, module, doc_of(nlp.vocab, "Katze cat dog"))
    word = "katze" if lower else "Katze"
    np.testing.assert_allclose(module.table.weight[found[0]].detach(), nlp.vocab.get_vector(word))
    np.testing.assert_allclose(module.table.weight[found[1]].detach(), nlp.vocab.get_vector("cat"))
    assert found[2] == 0 and len(module.keys) == 2


def test_vectors_of_a_floret_table(tmp_path):
    vectors = floret(make_vocab().strings)
    path = tmp_path / "tiny.floret"
    lines = [f"{len(vectors.data)} {WIDTH} {vectors.minn} {vectors.maxn} {vectors.hash_count} 2166136261 < >"]
    lines += [f"{i} {' '.join(str(v) for v in row)}" for i, row in enumerate(vectors.data.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
    nlp = spacy.blank("xx")
    table, module = prepared([doc_of(nlp.vocab, "cat Katze")], vectors=str(path))
    (found,) = rows(table, module, doc_of(nlp.vocab, "cat katze"))
    expected = spacy.blank("xx")
    expected.vocab.vectors = Vectors(
        mode="floret",
        data=vectors.data,
        hash_count=vectors.hash_count,
        hash_seed=2166136261,
        minn=vectors.minn,
        maxn=vectors.maxn,
        bow="<",
        eow=">",
        strings=expected.vocab.strings,
    )
    for row, word in zip(found, ("cat", "katze")):
        np.testing.assert_allclose(module.table.weight[row].detach(), expected.vocab.get_vector(word), rtol=1e-5)


def test_vectors_that_cannot_be_used(tmp_path):
    nlp = spacy.blank("xx")
    docs = [doc_of(nlp.vocab, "a b")]
    path = vectors_file(tmp_path / "vectors.txt")
    with pytest.raises(RelxError, match=r"RX061.*4 numbers each, but 'width' is 5"):
        WordTable(width=5, vectors=path).prepare(docs)
    with pytest.raises(RelxError, match=r"RX061.*missing\.txt.*no such file or folder"):
        WordTable(width=4, vectors=str(tmp_path / "missing.txt")).prepare(docs)
    with pytest.raises(RelxError, match=r"RX061.*vocab has no vectors"):
        WordTable(width=4, vectors="vocab").prepare(docs)
    broken = tmp_path / "broken.txt"
    broken.write_text("2 4\nthe 1 2 3 4\ncat 1 2 x 4\n", encoding="utf8")
    with pytest.raises(RelxError, match=r"RX061.*ValueError"):
        WordTable(width=4, vectors=str(broken)).prepare(docs)
    nlp.to_disk(tmp_path / "none")  # a pipeline without vectors
    with pytest.raises(RelxError, match="RX061"):
        WordTable(width=4, vectors=str(tmp_path / "none")).prepare(docs)


def test_no_docs():
    with pytest.raises(RelxError, match="RX060"):
        WordTable().prepare([])


@pytest.mark.parametrize("setting", [{"width": 0}, {"min_count": 0}, {"dropout": 1.0}, {"word_dropout": -0.1}], ids=str)
def test_settings_that_make_no_sense(setting):
    with pytest.raises(RelxError, match=f"RX021.*{next(iter(setting))}"):
        WordTable(**setting)


def words_config(**settings):
    model = model_config()
    model["words"].update(settings)
    return model


@pytest.mark.parametrize("tune", [True, False])
def test_training_moves_vectors_unless_frozen(tune, tmp_path):
    path = vectors_file(tmp_path / "vectors.txt")
    nlp = make_nlp(words_config(width=WIDTH, vectors=path, tune=tune))
    examples = make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    before = network(nlp).words.table.weight.detach().clone()
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    after = network(nlp).words.table.weight.detach()
    read = after.ne(before).any(dim=1)
    assert bool(read.any()) == tune
    assert tune or torch.equal(before, after)


def test_a_saved_pipeline_needs_no_file(tmp_path):
    path = tmp_path / "vectors.txt"
    nlp = make_nlp(words_config(width=WIDTH, vectors=vectors_file(path)))
    train(nlp, steps=2)
    nlp.to_disk(tmp_path / "model")
    path.unlink()
    again = spacy.load(tmp_path / "model")
    old, new = network(nlp).words, network(again).words
    assert torch.equal(old.keys, new.keys) and torch.equal(old.table.weight, new.table.weight)
    doc = make_bag(again.vocab, "ann", "acme", [], ["Ann|h zebra Acme|t"])
    assert len(again(doc)._.fact_scores) == 1


def test_words_are_those_of_all_training_docs():
    nlp = make_nlp(words_config(min_count=1))
    facts = [*FACTS * 40, ("ann", "oslo", [], ["Ann|h hates Oslo|t"])]
    examples = make_examples(nlp.vocab, facts)
    nlp.initialize(lambda: examples)
    expected = {word.lower_ for eg in examples for word in eg.predicted}
    assert len(network(nlp).words.keys) == len(expected)


def test_sentences_in_several_languages():
    model = model_config()
    model["words"].update(by_lang=True)
    nlp = make_nlp(model)
    gold_docs = [make_bag(nlp.vocab, *row, langs=["en", "de", "tr"][: len(row[3])]) for row in FACTS]
    train(nlp, [Example(without_facts(doc), doc) for doc in gold_docs])
    docs = [without_facts(doc) for doc in gold_docs]
    assert [found(doc) for doc in nlp.pipe(docs)] == gold()
    other = [without_facts(make_bag(nlp.vocab, *row, langs=["fr"] * len(row[3]))) for row in FACTS]
    assert [found(doc) for doc in nlp.pipe(other)] != gold()  # all of its words are unknown
