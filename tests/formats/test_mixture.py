"""One training corpus of several: shares, languages, order, passes, and trainings that go on."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
import spacy
from spacy.tokens import Doc
from spacy.util import load_config, registry
from support.examples import SENTENCES, make_doc
from support.trained_configs import ROOT

import spacy_relx as sr
from spacy_relx.data.extensions import get_lang, get_relations
from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.docbin import StoredDocs, new_docbin, write_docbin
from spacy_relx.formats.mixture import MixedCorpus, make_mixed_corpus
from spacy_relx.formats.reader import RelationCorpus

NLP = spacy.blank("xx")


def write(path, docs):
    docbin = new_docbin()
    for doc in docs:
        docbin.add(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_docbin(docbin, path)
    return path


def numbered(name, lang, n):
    """Docs of two tokens: the name of their corpus and a number."""
    docs = [make_doc(NLP.vocab, [name, str(number)], [(0, 1, "THING")]) for number in range(n)]
    for doc in docs:
        doc._.lang = lang
    return docs


@pytest.fixture
def files(tmp_path):
    """Two corpora: a large one of two languages, and a small one."""
    large = [*numbered("large", "en", 160), *numbered("large", "de", 10)]
    return {
        "large": write(tmp_path / "large.spacy", large),
        "small": write(tmp_path / "small" / "x.spacy", numbered("small", "ko", 7)),
    }


def sources(files, weights=(1.0, 1.0), **settings):
    return {
        name: {"reader": RelationCorpus(path, **settings), "weight": weight}
        for (name, path), weight in zip(files.items(), weights)
    }


def drawn(corpus, n=None):
    return [example.reference for example in islice(corpus(NLP), n)]


def texts(corpus, n=None):
    return [doc.text for doc in drawn(corpus, n)]


def test_shares_of_sources(files):
    """Within four standard deviations of the weights."""
    n = 3000
    docs = drawn(MixedCorpus(sources(files, (3.0, 1.0)), epoch_size=n))
    found = Counter(doc[0].text for doc in docs)
    assert len(docs) == n and abs(found["large"] - 0.75 * n) < 4 * (n * 0.75 * 0.25) ** 0.5
    langs = Counter(get_lang(doc) for doc in docs if doc[0].text == "large")
    assert abs(langs["de"] - found["large"] / 17) < 4 * (found["large"] / 17) ** 0.5


@pytest.mark.parametrize("temperature, share", [(1.0, 1 / 17), (2.0, 1 / 5), (1e9, 1 / 2)])
def test_languages_are_balanced(files, temperature, share):
    """16 times as many documents are 4 times as likely at 2, and as likely as the others in the limit."""
    n = 2000
    corpus = MixedCorpus({"large": sources(files)["large"]}, temperature=temperature, epoch_size=n)
    langs = Counter(map(get_lang, drawn(corpus)))
    assert abs(langs["de"] - share * n) < 4 * (n * share * (1 - share)) ** 0.5


def test_all_are_seen_before_any_comes_again(files):
    docs = texts(MixedCorpus({"small": sources(files)["small"]}, epoch_size=22))
    first, rest = docs[0], docs[1:]  # the first shows the language and the type
    rounds = [rest[start : start + 7] for start in (0, 7, 14)]
    assert first in rounds[0] and all(len(set(each)) == 7 for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1


def test_the_seed_decides(files):
    def order(seed):
        corpus = MixedCorpus(sources(files), seed=seed, epoch_size=50)
        return texts(corpus) + texts(corpus)

    assert order(1) == order(1) != order(2)


def test_passes(files):
    """A pass has as many documents as the sources, and the next goes on."""
    corpus = MixedCorpus(sources(files))
    one, two = texts(corpus), texts(corpus)
    assert len(one) == len(two) == 177 and one != two
    small = MixedCorpus({"small": sources(files)["small"]}, epoch_size=4)
    assert len({*texts(small)[1:], *texts(small)[1:]}) == 6


def test_a_pass_begins_with_everything(tmp_path):
    plain = [make_doc(NLP.vocab, "Nobody knows anything") for _ in range(300)]
    docs = [make_doc(NLP.vocab, *sentence) for sentence in SENTENCES]
    docs[2]._.lang = "de"
    path = write(tmp_path / "x.spacy", [*plain, *docs, *plain])
    first = drawn(MixedCorpus({"x": {"reader": RelationCorpus(path)}}), 5)
    assert {relation.label for doc in first for relation in get_relations(doc)} == {
        "works_for",
        "founder_of",
        "acquired",
        "based_in",
    }
    assert {span.label_ for doc in first for span in doc.spans[MENTIONS_KEY]} == {"PERSON", "ORG", "PLACE"}
    assert "de" in map(get_lang, first)


def test_examples_are_those_of_the_reader(tmp_path):
    docs = [make_doc(NLP.vocab, *sentence) for sentence in SENTENCES]
    path = write(tmp_path / "x.spacy", docs)
    examples = list(MixedCorpus({"x": {"reader": RelationCorpus(path)}}, epoch_size=60)(NLP))
    wanted = {example.reference.text: example for example in RelationCorpus(path)(NLP)}
    for example in examples:
        one, other = example.reference, wanted[example.reference.text].reference
        assert one.to_bytes() == other.to_bytes() and one._.relations == other._.relations
        assert not example.predicted._.relations
        spans = wanted[example.reference.text].predicted.spans[MENTIONS_KEY]
        assert [str(s) for s in example.predicted.spans[MENTIONS_KEY]] == [str(s) for s in spans]


def test_settings_of_readers(files):
    """Documents of a source are joined, split and chosen as its reader says."""
    joined = drawn(MixedCorpus(sources(files, join=3, max_tokens=5), epoch_size=300))
    lengths = Counter(map(len, joined))
    assert set(lengths) == {2, 4} and all(doc[0].text == doc[-2].text for doc in joined)
    german = drawn(MixedCorpus({"large": sources(files, langs=["de"])["large"]}))
    assert len(german) == 10 and set(map(get_lang, german)) == {"de"}


def test_stored_docs(files):
    stored = StoredDocs(NLP.vocab)
    docs = [make_doc(NLP.vocab, *sentence) for sentence in SENTENCES]
    docs[0].user_data["meta"] = {"fold": 1}
    docs.append(Doc(NLP.vocab, words=["東", "京"], spaces=[False, False]))
    for doc in docs:
        stored.add(doc)
    assert len(stored) == len(docs)
    for number, doc in enumerate(docs):
        made = stored[number]
        assert made is not stored[number] and made.to_bytes() == doc.to_bytes() and made.text == doc.text
        assert made._.relations == doc._.relations and stored.n_tokens(number) == len(doc)


def bad_sources(path):
    reader = RelationCorpus(path)
    yield {}, "there is none"
    yield {"a": {"weight": 1.0}}, "reader of 'a'"
    yield {"a": {"reader": lambda nlp: ()}}, "reader of 'a'"
    yield {"a": {"reader": reader, "share": 1}}, "'a' must have"
    for weight in (0, -1.0, "2", True, float("nan"), float("inf")):
        yield {"a": {"reader": reader, "weight": weight}}, "weight of 'a'"


def test_wrong_settings(files):
    for wrong, message in bad_sources(files["small"]):
        with pytest.raises(RelxError, match=f"RX745.*{message}"):
            make_mixed_corpus(wrong)
    for settings in ({"temperature": 0.5}, {"epoch_size": -1}):
        with pytest.raises(RelxError, match=f"RX021.*{next(iter(settings))}"):
            make_mixed_corpus(sources(files), **settings)
    with pytest.raises(RelxError, match="RX120"):
        next(MixedCorpus({"a": {"reader": RelationCorpus(files["small"] / "absent")}})(NLP))


def test_streamed_data_that_shows_too_little(tmp_path):
    docs = [make_doc(NLP.vocab, "Ann", [(0, 1, f"TYPE{number}")]) for number in range(101)]
    corpus = MixedCorpus({"x": {"reader": RelationCorpus(write(tmp_path / "x.spacy", docs))}})
    nlp = spacy.blank("xx")
    nlp.config["training"]["max_epochs"] = -1
    with pytest.warns(RelxWarning, match=r"RX746.*101 Docs"):
        corpus(nlp)


@pytest.fixture
def config(tmp_path):
    docs = [make_doc(NLP.vocab, *sentence) for sentence in SENTENCES]
    paths = {"paths.train": str(write(tmp_path / "data" / "train.spacy", docs))}
    paths["paths.dev"] = paths["paths.train"]
    names = {
        **{"training.max_steps": 9, "training.eval_frequency": 4, "training.batcher.size": 4},
        "components.relation_extractor.model.encoder.encoder.hidden": 16,
        "components.relation_extractor.model.pairs.hidden": 16,
    }
    found = load_config(ROOT / "configs" / "cpu.cfg", overrides={**names, **paths}, interpolate=False)
    reader = dict(found["corpora"]["train"])
    other = {**reader, "path": str(write(tmp_path / "data" / "more.spacy", docs[:3]))}
    found["corpora"]["train"] = {
        "@readers": "spacy_relx.MixedCorpus.v1",
        "seed": 1,
        "epoch_size": 12,
        "sources": {"all": {"weight": 2.0, "reader": reader}, "few": {"reader": other}},
    }
    return found


@pytest.mark.parametrize("max_epochs", [0, -1])
def test_a_training_goes_on(config, tmp_path, monkeypatch, max_epochs):
    """It draws what it would have drawn."""
    from spacy_relx.core.training import loop

    seen = []
    plain = loop._Run._update

    def update(run, step, epoch, batch):
        if len(seen) == stop:
            raise KeyboardInterrupt
        seen.append((epoch, [example.reference.text for example in batch]))
        plain(run, step, epoch, batch)

    monkeypatch.setattr(loop._Run, "_update", update)
    config["training"]["max_epochs"] = max_epochs
    stop = -1
    sr.train(config, tmp_path / "whole")
    whole, seen, stop = seen, [], 6
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path / "parts", checkpoint_steps=4)
    stop, parts = -1, seen[:4]
    seen = []
    sr.train(config, tmp_path / "parts", resume=True)
    assert parts + seen == whole and len({epoch for epoch, _ in whole}) > 1
    first, second = ([texts for epoch, texts in whole if epoch == number] for number in (0, 1))
    assert first != second


def test_other_data_than_that_of_the_checkpoint(config, tmp_path, monkeypatch):
    from spacy_relx.core.training import loop

    plain = loop._Run._update

    def update(run, step, epoch, batch):
        if step == 3:
            raise KeyboardInterrupt
        plain(run, step, epoch, batch)

    monkeypatch.setattr(loop._Run, "_update", update)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path / "out", checkpoint_steps=2)
    write(tmp_path / "data" / "more.spacy", [make_doc(NLP.vocab, *sentence) for sentence in SENTENCES[:2]])
    with pytest.raises(RelxError, match="RX653"):
        sr.train(config, tmp_path / "out", resume=True)


def test_the_check_reads_all_sources(config, tmp_path):
    config.to_disk(tmp_path / "x.cfg")
    report = sr.check(tmp_path / "x.cfg")
    assert report.splits["train"].docs == len(SENTENCES) + 3
    config["corpora"]["train"]["sources"]["few"]["reader"]["path"] = None
    config.to_disk(tmp_path / "y.cfg")
    with pytest.raises(RelxError, match="RX130"):
        sr.check(tmp_path / "y.cfg")


def test_its_name():
    assert registry.readers.get("spacy_relx.MixedCorpus.v1") is make_mixed_corpus
