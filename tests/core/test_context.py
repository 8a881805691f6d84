"""What is read at once: a document gives what its sentences give one by one, where training had single sentences."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from support.examples import SENTENCES, make_doc, make_example, make_examples
from support.joint import joint_model, language_encoder, make_joint
from support.marked import MODELS as MARKED
from support.model import make_nlp, model_config
from support.tiny_transformer import MENTION_PAIRS, make_transformer
from support.tiny_transformer import model_config as marked_config

from spacy_relx.errors import RelxError
from spacy_relx.relations.encoders import build_hash_bigru

#: A full stop behind each, so that the rule finds them again in a text.
PARTS = [(f"{words} .", mentions) for words, mentions, _ in SENTENCES]


def joined(vocab, boundaries=False):
    """All sentences in one Doc, and where they begin."""
    starts = np.cumsum([0, *(len(words.split()) for words, _ in PARTS)])[:-1].tolist()
    mentions = [(a + start, b + start, label) for start, (_, part) in zip(starts, PARTS) for a, b, label in part]
    doc = make_doc(vocab, " ".join(words for words, _ in PARTS), mentions)
    if boundaries:
        for token in doc:
            token.is_sent_start = token.i in starts
    return doc, starts


def relation_model(context=None, **pairs):
    model = model_config()
    model["encoder"]["encoder"]["context"] = context
    model["pairs"].update(pairs)
    return model


def both(nlp, boundaries=False):
    """Scores of all pairs of the document, and of its sentences one by one."""
    extractor, marker = nlp.get_pipe("relation_extractor"), nlp.get_pipe("entity_type_marker")
    doc, starts = joined(nlp.vocab, boundaries)
    parts = [marker.mark(make_doc(nlp.vocab, *part)) for part in PARTS]
    marker.mark(doc)
    pairs = [(pair.head.start, pair.tail.start) for pair in doc._.candidates]
    assert pairs == [(c.head.start + s, c.tail.start + s) for s, part in zip(starts, parts) for c in part._.candidates]
    assert len(pairs) > 10
    return extractor.predict([doc])[0], np.concatenate([extractor.predict([part])[0] for part in parts])


def initialized(model, examples=None):
    nlp = make_nlp(model)
    nlp.initialize(lambda: examples or make_examples(nlp.vocab))
    return nlp


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("spacy_transformers")
    return make_transformer(tmp_path_factory.mktemp("bert"), "bert")


@pytest.mark.parametrize("boundaries", [False, True], ids=["by rule", "annotated"])
def test_hash_bigru(boundaries, tmp_path):
    nlp = initialized(relation_model(window=3, sentence=True))
    whole, apart = both(nlp, boundaries)
    np.testing.assert_allclose(whole, apart, atol=1e-5)
    nlp.to_disk(tmp_path)
    whole, again = both(spacy.load(tmp_path), boundaries)
    np.testing.assert_allclose(whole, apart, atol=1e-5)
    np.testing.assert_allclose(again, apart, atol=1e-5)


def test_the_setting_of_the_encoder():
    whole, apart = both(initialized(relation_model("document")))
    assert np.abs(whole - apart).max() > 1e-3
    nlp = make_nlp(relation_model())
    assert np.abs(np.subtract(*both(initialized(relation_model(), [document_example(nlp.vocab)])))).max() > 1e-3
    np.testing.assert_allclose(*both(initialized(relation_model("sentence"), [document_example(nlp.vocab)])), atol=1e-5)
    with pytest.raises(RelxError, match=r"RX021.*context.*sentence, document"):
        build_hash_bigru(context="paragraph")


def document_example(vocab):
    """A training Doc of several sentences with relations within each."""
    doc, starts = joined(vocab)
    gold, _ = joined(vocab)
    for start, (_, mentions, relations) in zip(starts, SENTENCES):
        for head, label, tail in relations:
            ends = (
                {"start": m[0] + start, "end": m[1] + start, "label": m[2]} for m in (mentions[head], mentions[tail])
            )
            gold._.relations.append({"head": next(ends), "label": label, "tail": next(ends)})
    return Example(doc, gold)


def test_training_reads_by_sentence_too():
    """The loss of a document is that of its sentences."""
    nlp = initialized(relation_model())
    extractor, marker = nlp.get_pipe("relation_extractor"), nlp.get_pipe("entity_type_marker")
    batches = [
        [document_example(nlp.vocab)],
        [make_example(nlp.vocab, f"{words} .", mentions, relations) for words, mentions, relations in SENTENCES],
    ]
    losses = []
    for batch in batches:
        docs = [marker.mark(eg.predicted) for eg in batch]
        losses.append(extractor.model.begin_update((docs, extractor.targets(batch)))[0])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.parametrize("name", MARKED)
def test_marked_texts(name, folder):
    settings = {"pairs": {"@architectures": "spacy_relx.ConcatPairs.v1"}, **MARKED[name]}
    nlp = initialized(marked_config(folder, **settings))
    np.testing.assert_allclose(*both(nlp), atol=2e-5)
    other = initialized(marked_config(folder, **{**settings, "context": "document"}))
    assert np.abs(np.subtract(*both(other))).max() > 1e-4


@pytest.mark.parametrize("mode", ["single", "shared"])
def test_marked_pairs_across_sentences(mode, folder):
    """Both sentences are read, and all between, in whatever order the pairs come; training does the same."""
    pairs = MENTION_PAIRS if mode == "shared" else None
    nlp = initialized(marked_config(folder, mode=mode, pairs=pairs))
    marker, extractor = nlp.get_pipe("entity_type_marker"), nlp.get_pipe("relation_extractor")
    marker.generator = spacy.registry.misc.get("spacy_relx.AllPairs.v1")()
    words = "Ann met Bob . Eve left . Acme fell . Rome burns ."
    doc = marker.mark(make_doc(nlp.vocab, words, [(0, 1, "PERSON"), (4, 5, "PERSON"), (7, 8, "ORG")]))
    start = make_doc(nlp.vocab, "Ann met Bob . Eve left .", [(0, 1, "PERSON"), (4, 5, "PERSON")])
    with pytest.warns(UserWarning, match="RX503"):
        whole = extractor.predict([doc])[0]
    alone = extractor.predict([marker.mark(start)])[0]
    rows = {(c.head.start, c.tail.start): i for i, c in enumerate(doc._.candidates)}
    assert len(rows) == 6
    np.testing.assert_allclose([whole[rows[0, 4]], whole[rows[4, 0]]], alone, atol=2e-5)
    loss, backprop = extractor.model.begin_update(([doc], np.zeros((6, len(extractor.labels)), "float32")))
    assert loss == pytest.approx(float(-np.log(whole[:, 0]).mean()), abs=1e-4)
    backprop(1.0)


def test_token_transformer(folder):
    encoder = {
        "@architectures": "spacy_relx.TokenTransformer.v1",
        "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": folder},
        "precision": "fp32",
    }
    np.testing.assert_allclose(*both(initialized({**model_config(), "encoder": encoder})), atol=1e-4)
    document = {**model_config(), "encoder": {**encoder, "context": "document"}}
    assert np.abs(np.subtract(*both(initialized(document)))).max() > 1e-3


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta"])
def test_subwords_of_a_sentence_are_those_of_its_text(kind, tmp_path):
    """Byte-level BPE and SentencePiece have other pieces for a word at the start of a text."""
    pytest.importorskip("spacy_transformers")
    encoder = {
        "@architectures": "spacy_relx.TokenTransformer.v1",
        "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": make_transformer(tmp_path, kind)},
        "precision": "fp32",
    }
    np.testing.assert_allclose(*both(initialized({**model_config(), "encoder": encoder})), atol=1e-4)


def test_language_layers():
    model = {**model_config(), "encoder": language_encoder()}
    with pytest.warns(UserWarning, match="RX266"):
        nlp = initialized(model)
    np.testing.assert_allclose(*both(nlp), atol=1e-5)


def test_one_instance_a_pair():
    model = {
        "@architectures": "spacy_relx.InstanceModel.v1",
        "words": {"@architectures": "spacy_relx.WordTable.v1", "width": 8, "min_count": 1},
        "encoder": {
            "@architectures": "spacy_relx.PCNN.v1",
            "channels": 8,
            "dropout": 0.0,
            "positions": {"@architectures": "spacy_relx.PositionFeatures.v1"},
        },
        "classifier": {"@architectures": "spacy_relx.SoftmaxClassifier.v1"},
    }
    np.testing.assert_allclose(*both(initialized(model)), atol=1e-5)


def test_joint_extractor():
    """Mentions and relations of a document are those of its sentences."""
    nlp = make_joint(joint_model(mention_threshold=0.0, max_mention_tokens=2))
    nlp.initialize(lambda: make_examples(nlp.vocab))
    joint = nlp.get_pipe("joint_extractor")
    assert joint.cfg["seen"]["single_sentence_docs"] == len(SENTENCES)
    doc, starts = joined(nlp.vocab)
    parts = joint.predict([Doc(nlp.vocab, words=words.split()) for words, _ in PARTS])
    whole = joint.predict([doc])[0]
    spans = np.concatenate([part.spans + start for part, start in zip(parts, starts)])
    assert whole.spans.tolist() == spans.tolist() and len(spans) > 20
    np.testing.assert_allclose(whole.scores, np.concatenate([part.scores for part in parts]), atol=1e-5)


def test_a_joint_extractor_of_relations_across_sentences():
    """Trained on Docs without boundaries that have such relations, it reads these as one text, as before."""
    words = "Ann left . Acme fell ."
    nlp = make_joint(joint_model(mention_threshold=0.0, max_mention_tokens=1))
    gold = make_example(nlp.vocab, words, [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "r", 1)])
    nlp.initialize(lambda: [gold])
    joint = nlp.get_pipe("joint_extractor")
    assert joint.seen.crosses
    found = joint.predict([make_doc(nlp.vocab, words)])[0]
    ends = found.spans[found.pairs][:, :, 0]
    assert (np.abs(ends[:, 0] - ends[:, 1]) > 4).any()
