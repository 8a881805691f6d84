"""A transformer as an encoder: Docs -> token vectors, whatever their length."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab
from support.joint import examples_in, joint_model, language_encoder, make_joint, outputs, train_joint
from support.tiny_transformer import make_transformer, reference

pytest.importorskip("transformers")

KINDS = ("bert", "xlm-roberta", "deberta-v2")
WORDS = ["ann", "works", "for", "acme", "in", "rome", "bob", "founded", "initech"]


def encoder_config(folder, **settings):
    return {
        "@architectures": "spacy_relx.TokenTransformer.v1",
        "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder), **settings},
        "precision": "fp32",
    }


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp(request.param), request.param)


def make_encoder(folder, batch_tokens=4096, **settings):
    model = registry.resolve({"model": {**encoder_config(folder, **settings), "batch_tokens": batch_tokens}})["model"]
    model.initialize()
    return model


def docs_of(*texts):
    vocab = Vocab()
    return [Doc(vocab, words=text.split()) for text in texts]


def test_vectors_are_means_of_the_subwords_states(folder):
    model = make_encoder(folder)
    loaded = model.shims[0].layer.loaded
    doc = docs_of("ann works for zyx acme")[0]
    part = loaded.subwords([doc])[0]
    ids = [*loaded.subwords.prefix, *part.ids.tolist(), *loaded.subwords.suffix]
    with torch.no_grad():
        states = reference(loaded.module, folder)(torch.tensor([ids])).last_hidden_state[0].numpy()
    first = len(loaded.subwords.prefix)
    wanted = [states[first + a : first + b].mean(axis=0) for a, b in zip(part.starts, part.ends)]
    assert np.allclose(model.predict([doc])[0], wanted, atol=1e-4)


def test_batches_and_order_change_nothing(folder):
    docs = docs_of("ann works", "bob founded initech by eve", "rome", "globex was founded by eve in rome")
    model = make_encoder(folder, batch_tokens=12)
    together = model.predict([docs[0], Doc(docs[0].vocab), *docs[1:]])
    assert together[1].shape == (0, 32)
    for doc, vectors in zip(docs, [together[0], *together[2:]]):
        assert vectors.shape == (len(doc), 32)
        assert np.allclose(vectors, model.predict([doc])[0], atol=1e-4)


def test_long_docs_are_read_in_windows(folder):
    model = make_encoder(folder, max_subwords=32)
    words = (WORDS * 20)[:150]
    doc = Doc(Vocab(), words=words)
    vectors = model.predict([doc])[0]
    assert vectors.shape == (150, 32) and np.isfinite(vectors).all()
    assert np.abs(vectors).sum(axis=1).min() > 0
    short = model.predict([Doc(doc.vocab, words=words[:8])])[0]
    assert not np.allclose(short[:3], 0)


def test_a_word_longer_than_a_window_and_spaces(folder):
    model = make_encoder(folder, max_subwords=32)
    doc = Doc(Vocab(), words=["ann", "x" * 200, " ", "acme"], spaces=[True, False, False, False])
    vectors = model.predict([doc])[0]
    assert np.isfinite(vectors).all() and not vectors[2].any()


def test_the_gradient_is_that_of_the_output(tmp_path):
    model = make_encoder(make_transformer(tmp_path))
    docs = docs_of("ann works for acme", "bob")
    vectors, backprop = model.begin_update(docs)
    backprop([np.ones_like(rows) for rows in vectors])
    module = model.shims[0].module
    name, parameter = next((n, p) for n, p in module.named_parameters() if n.endswith("down.bias"))
    grad, parameter.grad = parameter.grad[0].item(), None
    with torch.no_grad():
        step = 1e-2
        parameter[0] += step
        up = sum(rows.sum() for rows in model.predict(docs))
        parameter[0] -= 2 * step
        down = sum(rows.sum() for rows in model.predict(docs))
    assert grad == pytest.approx((up - down) / (2 * step), rel=0.05, abs=0.05), name


def test_a_joint_extractor_learns_with_it_and_needs_no_folder_later(tmp_path):
    (tmp_path / "tiny").mkdir()
    folder = make_transformer(tmp_path / "tiny")
    encoder = language_encoder(encoder=encoder_config(folder, lr_scale=0.3))
    nlp = make_joint(joint_model(encoder=encoder))
    examples = examples_in(nlp.vocab)
    losses = train_joint(nlp, examples, steps=70)
    assert losses[-1] < 0.2 * losses[0]
    before = outputs(nlp)
    nlp.to_disk(tmp_path / "saved")
    (tmp_path / "tiny" / "config.json").unlink()
    assert outputs(spacy.load(tmp_path / "saved")) == before


def test_settings_that_make_no_sense(tmp_path):
    with pytest.raises(ValueError, match="RX021"):
        registry.resolve({"model": {**encoder_config(tmp_path), "precision": "fp8"}})
    with pytest.raises(ValueError, match="RX021"):
        make_encoder(make_transformer(tmp_path), max_subwords=5000)
