"""The training corpus, and copying of mentions."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.util import registry
from support.examples import SENTENCES, make_doc

from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import new_docbin
from spacy_relx.formats.mentions import blank_copy, copy_mentions
from spacy_relx.formats.reader import RelationCorpus, make_relation_corpus, sentence_runs

DATA = Path(os.environ.get("RELX_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def nlp():
    return spacy.blank("xx")


def save(path: Path, docs: list[Doc]) -> Path:
    docbin = new_docbin()
    for doc in docs:
        docbin.add(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    docbin.to_disk(path)
    return path


@pytest.fixture
def path(tmp_path, nlp):
    docs = [make_doc(nlp.vocab, *sentence) for sentence in SENTENCES]
    for i, doc in enumerate(docs):
        doc._.lang = "en" if i % 2 else "de"
        doc.user_data["id"] = str(i)
    return save(tmp_path / "train.spacy", docs)


def mentions(doc: Doc, key: str = MENTIONS_KEY) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def test_examples(path, nlp):
    examples = list(make_relation_corpus(path)(nlp))
    assert len(examples) == len(SENTENCES)
    for example, (words, spans, relations) in zip(examples, SENTENCES):
        assert example.reference.text == example.predicted.text == words + " "
        assert mentions(example.reference) == mentions(example.predicted) == spans
        assert [str(e) for e in example.predicted.ents] == [str(e) for e in example.reference.ents]
        assert [r.label for r in example.reference._.relations] == [label for _, label, _ in relations]
        assert not example.predicted._.relations
        assert example.predicted._.lang == example.reference._.lang != ""
        assert "id" not in example.predicted.user_data
    assert any(example.reference._.relations for example in examples)


def test_it_is_registered_and_validated(path, nlp):
    config = {"@readers": "spacy_relx.RelationCorpus.v1", "path": str(path), "langs": ["de"], "shuffle": True}
    resolved = registry.resolve({"corpus": config})["corpus"]
    assert {example.reference._.lang for example in resolved(nlp)} == {"de"}


def test_without_gold_mentions(path, nlp):
    for example in RelationCorpus(path, gold_mentions=False)(nlp):
        assert not example.predicted.ents
        assert MENTIONS_KEY not in example.predicted.spans
        assert not example.predicted.has_annotation("ENT_IOB")
    for example in RelationCorpus(path, spans_key=None)(nlp):
        assert MENTIONS_KEY not in example.predicted.spans
        assert len(example.predicted.ents) == len(example.reference.ents)


def test_folders_limits_languages(path, nlp, tmp_path):
    save(tmp_path / "more" / "x.spacy", [make_doc(nlp.vocab, "One more")])
    save(tmp_path / ".hidden" / "x.spacy", [make_doc(nlp.vocab, "Never")])
    texts = [example.reference.text for example in RelationCorpus(tmp_path)(nlp)]
    assert len(texts) == len(SENTENCES) + 1
    assert "One more " in texts
    assert len(list(RelationCorpus(tmp_path, limit=3)(nlp))) == 3
    some = list(RelationCorpus(tmp_path, langs=["en"], limit=2)(nlp))
    assert [example.reference._.lang for example in some] == ["en", "en"]
    with pytest.raises(RelxError, match=r"RX134.*fr.*de.*en"):
        list(RelationCorpus(tmp_path, langs=["fr"])(nlp))
    corpus = RelationCorpus(tmp_path, langs=["en", "fr"])
    with pytest.warns(RelxWarning, match=r"RX147.*'fr'.*'en'"):
        list(corpus(nlp))
    assert list(corpus(nlp))  # says it once: the tests take warnings for errors
    assert list(RelationCorpus(tmp_path, langs=["en", "fr"], limit=1)(nlp))  # it may come later
    with pytest.raises(RelxError, match=r"RX042.*english"):
        RelationCorpus(tmp_path, langs=["en", "english"])


def test_missing_and_broken_files(nlp, tmp_path):
    with pytest.raises(RelxError, match="RX130"):
        make_relation_corpus(None)
    with pytest.raises(RelxError, match="RX021"):
        make_relation_corpus(tmp_path, max_tokens=-1)
    for path, code in ((tmp_path / "none.spacy", "RX120"), (tmp_path, "RX131")):
        with pytest.raises(RelxError, match=code):
            list(make_relation_corpus(path)(nlp))
    with pytest.raises(FileNotFoundError):
        list(make_relation_corpus(tmp_path / "none.spacy")(nlp))
    (tmp_path / "x.spacy").write_text("no DocBin")
    with pytest.raises(RelxError, match="RX132"):
        list(make_relation_corpus(tmp_path)(nlp))
    save(tmp_path / "x.spacy", [Doc(nlp.vocab)])
    with pytest.raises(RelxError, match="RX134"):
        list(make_relation_corpus(tmp_path)(nlp))


def test_shuffling_is_new_each_time_and_reproducible(path, nlp):
    def orders(seed: int, cache: bool) -> list[list[str]]:
        corpus = RelationCorpus(path, shuffle=True, seed=seed, cache=cache)
        return [[example.reference.text for example in corpus(nlp)] for _ in range(3)]

    first = orders(0, False)
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1]) == sorted(sentence[0] + " " for sentence in SENTENCES)
    assert orders(0, False) == orders(0, True) == first
    assert orders(1, False) != first


def test_caching(path, nlp):
    corpus = RelationCorpus(path, cache=True)
    first = list(corpus(nlp))
    assert all(one is other for one, other in zip(first, corpus(nlp)))
    path.unlink()
    assert len(list(corpus(nlp))) == len(SENTENCES)
    with pytest.raises(RelxError, match="RX120"):
        list(corpus(spacy.blank("xx")))  # of another vocab


def test_docs_of_one_language_are_joined(tmp_path, nlp):
    """To texts of several sentences; nothing is lost, and the draws are the seed's."""
    docs = []
    for lang in ("en", "de"):
        for words, entities, relations in SENTENCES:
            docs.append(make_doc(nlp.vocab, words, entities, relations))
            docs[-1]._.lang = lang
    path = save(tmp_path / "train.spacy", docs)
    single = [eg.reference for eg in make_relation_corpus(path)(nlp)]
    joined = [eg.reference for eg in make_relation_corpus(path, join=3, seed=1)(nlp)]
    again = [eg.reference for eg in make_relation_corpus(path, join=3, seed=1)(nlp)]
    assert 2 < len(joined) < len(single)
    assert {doc._.lang for doc in joined} == {"en", "de"}
    assert [t.text for doc in joined for t in doc] == [t.text for doc in single for t in doc]
    assert [t for doc in joined for t in doc._.triples] == [t for doc in single for t in doc._.triples]
    assert sum(len(mentions(doc)) for doc in joined) == sum(len(mentions(doc)) for doc in single) > 0
    assert [len(doc) for doc in again] == [len(doc) for doc in joined]
    with pytest.raises(RelxError, match="RX021"):
        make_relation_corpus(path, join=0)


def test_training_leaves_cached_examples_alone(path, nlp):
    """A component that writes on `predicted` in update and evaluate never touches the cache."""

    @spacy.Language.component("relx_test_writer")
    def writer(doc):
        doc._.relations = [{"head": {"start": 0, "end": 1}, "label": "x", "tail": {"start": 0, "end": 1}}]
        doc.spans[MENTIONS_KEY] = []
        doc.ents = []
        return doc

    nlp.add_pipe("relx_test_writer")
    examples = list(RelationCorpus(path, cache=True)(nlp))
    before = [mentions(example.predicted) for example in examples]
    nlp.update(examples, annotates=["relx_test_writer"], sgd=nlp.create_optimizer())
    nlp.evaluate(examples)
    assert [mentions(example.predicted) for example in examples] == before
    assert any(before)
    assert not any(example.predicted._.relations for example in examples)


# long documents


def long_doc(vocab, lengths: list[int], bounds: bool = True) -> Doc:
    words = [f"w{i}" for i in range(sum(lengths))]
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    doc = Doc(vocab, words=words, sent_starts=[i in starts for i in range(len(words))] if bounds else None)
    doc.spans[MENTIONS_KEY] = [Span(doc, start, start + 1, label="X") for start in starts]
    at = [{"start": start, "end": start + 1, "label": "X"} for start in starts]
    doc._.relations = [{"head": a, "label": "next", "tail": b} for a, b in pairwise(at)]
    doc._.lang = "en"
    doc.user_data["id"] = "long"
    return doc


def test_long_docs_are_split_and_reported(nlp, tmp_path):
    docs = [
        make_doc(nlp.vocab, "short one"),
        long_doc(nlp.vocab, [4, 4, 3, 20, 5]),
        long_doc(nlp.vocab, [15], bounds=False),
    ]
    corpus = RelationCorpus(save(tmp_path / "x.spacy", docs), max_tokens=10)
    # Two Docs are long, a sentence and a Doc are lost, and of the four relations three.
    with pytest.warns(RelxWarning, match=r"RX133.* 2 Docs.* 2 sentences.* 3 relations"):
        examples = list(corpus(nlp))
    assert [len(example.reference) for example in examples] == [2, 8, 3, 5]
    part = examples[1].reference
    assert part._.triples == [("w0", "next", "w4")]
    assert [len(sent) for sent in examples[1].predicted.sents] == [4, 4]
    assert part.user_data["id"] == "long"
    assert examples[1].predicted._.lang == "en"
    assert len(list(corpus(nlp))) == 4  # without another warning


def test_nothing_but_long_docs(nlp, tmp_path):
    corpus = RelationCorpus(save(tmp_path / "x.spacy", [long_doc(nlp.vocab, [9], False)]), max_tokens=3)
    with pytest.warns(RelxWarning, match="RX133"), pytest.raises(RelxError, match=r"RX134.*max_tokens"):
        list(corpus(nlp))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_runs_cover_the_doc(lengths, max_tokens):
    doc = long_doc(spacy.blank("xx").vocab, lengths)
    runs = sentence_runs(doc, max_tokens)
    assert [start for start, _ in runs] == [0, *(end for _, end in runs[:-1])]
    assert runs[-1][1] == len(doc)
    starts = {sent.start for sent in doc.sents}
    for start, end in runs:
        assert start in starts
        assert end - start <= max_tokens or end - start in lengths


# copies


def test_blank_copies_hold_no_other_annotation(nlp):
    doc = make_doc(nlp.vocab, *SENTENCES[6])
    doc[0].tag_ = "NN"
    doc[0].lemma_ = "x"
    doc._.relations = []
    copy = blank_copy(doc)
    assert not copy.has_annotation("SENT_START")
    assert not copy[0].tag_
    assert not copy[0].lemma_
    assert copy.has_unknown_spaces == doc.has_unknown_spaces
    assert [t.text_with_ws for t in copy] == [t.text_with_ws for t in doc]
    spaced = Doc(nlp.vocab, words=["a", "b"], spaces=[False, False], sent_starts=[True, True])
    copy = blank_copy(spaced)
    assert copy.text == "ab"
    assert len(list(copy.sents)) == 2
    assert len(blank_copy(Doc(nlp.vocab))) == 0


@pytest.fixture
def reference(nlp):
    doc = make_doc(nlp.vocab, *SENTENCES[6])
    doc.spans["mentions"].append(Span(doc, 5, 6, label="X", kb_id="Q7"))
    doc._.lang = "en"
    return doc


def test_copying_to_the_same_tokens_of_another_vocab(reference):
    predicted = Doc(spacy.blank("de").vocab, words=[token.text for token in reference])
    predicted.ents = [Span(predicted, 0, 1, label="OLD")]
    assert copy_mentions(reference, predicted) == 0
    assert mentions(predicted) == mentions(reference)
    assert predicted.spans[MENTIONS_KEY][-1].kb_id_ == "Q7"
    assert [e.text for e in predicted.ents] == [e.text for e in reference.ents]
    assert predicted._.lang == "en"
    assert not predicted._.relations


def test_copying_to_other_tokens(reference):
    words = ["B", "ob", "of", "Acme", "Rome met", "Ann"]
    predicted = Doc(reference.vocab, words=words, spaces=[False, True, True, True, True, False])
    assert predicted.text + " " == reference.text
    assert copy_mentions(reference, predicted) == 2
    assert [span.text for span in predicted.spans[MENTIONS_KEY]] == ["Bob", "Ann", "Ann"]
    assert mentions(predicted)[0] == (0, 2, "PERSON")
    assert [e.text for e in predicted.ents] == ["Bob", "Ann"]


def test_copying_to_other_blanks(reference):
    predicted = Doc(reference.vocab, words=["Bob", "of", "Acme", "\n", "Rome", "m", "et", "Ann"])
    assert copy_mentions(reference, predicted, None) == 0
    assert MENTIONS_KEY not in predicted.spans
    assert [e.text.split() for e in predicted.ents] == [["Bob"], ["Acme", "Rome"], ["Ann"]]
    with pytest.raises(RelxError, match="RX135"):
        copy_mentions(reference, Doc(reference.vocab, words=["Bob", "left"]))


def test_real_data_is_read(tmp_path, nlp):
    folder = DATA / "crossre" / "crossre_data"
    if not folder.is_dir():
        pytest.skip("the data folder is absent")
    report = convert("crossre", [folder], tmp_path / "x.spacy", patterns=["*-train.json.gz"])
    assert report.relations_kept + report.relations_merged == 2213
    corpus = RelationCorpus(tmp_path / "x.spacy")
    examples = list(corpus(nlp))
    assert len(examples) == 504
    assert sum(len(example.reference._.relations) for example in examples) == report.relations_kept
    assert len(DocBin().from_disk(tmp_path / "x.spacy")) == 504
