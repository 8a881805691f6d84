"""What is frozen costs no gradient, no optimizer memory and no second computation; states of several layers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab
from support import marked
from support.examples import make_example
from support.joint import examples_in, joint_model, language_encoder, make_joint, train_joint
from support.tiny_transformer import make_transformer, model_config

from spacy_relx.core.transformers.bert import BertLayer
from spacy_relx.errors import RelxError

pytest.importorskip("transformers")

FROZEN = {"freeze_embeddings": True, "freeze_layers": 1}
TEXTS = ("ann works for acme in rome", "bob founded initech", "ann works for acme in rome", "globex")


@pytest.fixture(scope="module", params=["bert", "electra"])
def folder(request, tmp_path_factory):
    sizes = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3, "num_hidden_layers": 3}
    return make_transformer(tmp_path_factory.mktemp(request.param), request.param, **sizes)


def encoder_config(folder, **settings):
    transformer = {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder), **settings}
    return {"@architectures": "spacy_relx.TokenTransformer.v1", "transformer": transformer, "precision": "fp32"}


def make_encoder(folder, **settings):
    model = registry.resolve({"model": encoder_config(folder, **settings)})["model"]
    model.initialize()
    return model


def docs_of(*texts):
    vocab = Vocab()
    return [Doc(vocab, words=text.split()) for text in texts]


def module_of(model):
    return model.shims[0].module


@pytest.fixture
def computed(monkeypatch):
    """Rows that each layer computes, by the layer."""
    rows = {}
    forward = BertLayer.forward

    def count(layer, context, hidden):
        rows[id(layer)] = rows.get(id(layer), 0) + len(hidden)
        return forward(layer, context, hidden)

    monkeypatch.setattr(BertLayer, "forward", count)
    return rows


def test_frozen_layers_are_computed_once_for_each_text(folder, computed):
    model = make_encoder(folder, **FROZEN)
    layers = module_of(model).layers
    for _ in range(4):
        model.begin_update(docs_of(*TEXTS))
    rows = [computed[id(layer)] for layer in layers]
    assert rows[0] <= rows[1] / 4 and rows[1] == rows[2]
    before = dict(computed)
    model.predict(docs_of("a text that is not kept"))
    assert computed[id(layers[0])] > before[id(layers[0])]
    assert len(module_of(model).cache._states) == 3


def test_training_is_the_same_with_a_cache_and_without(folder):
    trained = []
    for cache_mb in (0, 8):
        encoder = language_encoder(encoder=encoder_config(folder, cache_mb=cache_mb, **FROZEN))
        nlp = make_joint(joint_model(encoder=encoder))
        train_joint(nlp, examples_in(nlp.vocab), steps=4)
        trained.append(nlp.get_pipe("joint_extractor").model)
    one, other = ([shim.module.state_dict() for node in model.walk() for shim in node.shims] for model in trained)
    assert len(one) == len(other) > 1
    for left, right in zip(one, other):
        assert all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)


def test_what_is_frozen_has_no_gradient_and_no_optimizer_memory(folder):
    encoder = language_encoder(encoder=encoder_config(folder, **FROZEN))
    nlp = make_joint(joint_model(encoder=encoder))
    train_joint(nlp, examples_in(nlp.vocab), steps=1)
    shims = [shim for node in nlp.get_pipe("joint_extractor").model.walk() for shim in node.shims]
    shim = next(each for each in shims if hasattr(each.module, "layers"))
    frozen = {id(p) for part in shim.module._frozen_parts() for p in part.parameters()}
    assert sum(p.numel() for p in shim.module.embeddings.parameters()) > 1000
    kept = {id(p) for group in shim._torch_optimizer.param_groups for p in group["params"]}
    assert all(not p.requires_grad and p.grad is None for p in shim.module.parameters() if id(p) in frozen)
    assert kept.isdisjoint(frozen) and kept | frozen == {id(p) for p in shim.module.parameters()}
    assert set(map(id, shim._torch_optimizer.state)) == kept


def test_dropout_is_off_where_all_is_frozen(folder):
    module = module_of(make_encoder(folder, **FROZEN)).train()
    off = {name for name, part in module.named_modules() if isinstance(part, torch.nn.Dropout) and not part.training}
    assert off == {"embeddings.dropout", "layers.0.dropout"}
    module = module_of(make_encoder(folder, freeze_layers=1)).train()
    assert all(part.training for part in module.modules())


def test_the_cache_has_a_bound(folder):
    model = make_encoder(folder, **FROZEN)
    cache = module_of(model).cache
    cache.megabytes = 1000 / 2**20  # states and pieces of the shortest text take 408 bytes, of the next 680
    for _ in range(2):
        vectors = model.begin_update(docs_of(*TEXTS))[0]
    assert cache.n_bytes <= cache.megabytes * 2**20 and len(cache._states) == 1
    assert [len(rows) for rows in vectors] == [6, 3, 6, 1]


def test_other_weights_are_computed_anew(folder):
    model = make_encoder(folder, dropout=0.0, **FROZEN)
    before = model.begin_update(docs_of(*TEXTS))[0]
    with torch.no_grad():
        module_of(model).embeddings.words.weight.mul_(-1.0)
    after = model.begin_update(docs_of(*TEXTS))[0]
    assert not np.allclose(before[0], after[0], atol=0.1)
    assert np.allclose(after[0], model.predict(docs_of(*TEXTS))[0], atol=1e-4)


def test_copies_hold_no_states(folder):
    module = module_of(make_encoder(folder, **FROZEN)).train()
    model = make_encoder(folder, **FROZEN)
    model.begin_update(docs_of(*TEXTS))
    cache = module_of(model).cache
    for copied in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert cache._states and not copied._states and copied.megabytes == cache.megabytes == 1024
    assert not module.cache._states


def test_markers_are_trained_through_frozen_layers(folder):
    nlp = marked.make_nlp(model_config(folder, "packed", transformer={"freeze_embeddings": True, "freeze_layers": 3}))
    marked.train(nlp, 0)
    transformer = marked.network(nlp).transformer
    before = {name: value.clone() for name, value in transformer.state_dict().items()}
    examples = [make_example(nlp.vocab, *sentence) for sentence in marked.CUED]
    nlp.update(examples, sgd=nlp.resume_training())
    after = transformer.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == {"embeddings.words.markers.weight"}
    assert not transformer.cache._states


# Several layers


def test_a_mix_begins_as_the_mean_of_the_highest_layers(folder):
    docs = docs_of(*TEXTS)
    layers = [make_encoder(folder, layers=n).predict(docs) for n in (2, 3)]
    mixed = make_encoder(folder, layer_mix=2).predict(docs)
    assert all(np.allclose(m, (a + b) / 2, atol=1e-4) for m, a, b in zip(mixed, *layers))
    frozen = make_encoder(folder, layer_mix=2, dropout=0.0, freeze_embeddings=True, freeze_layers=3)
    for _ in range(2):
        states = frozen.begin_update(docs)[0]
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(states, mixed))
    with torch.no_grad():
        module_of(frozen).mix.copy_(torch.tensor([0.0, 30.0]))
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(frozen.predict(docs), layers[1]))


def test_a_mix_is_learned_and_saved(folder, tmp_path):
    nlp = marked.make_nlp(model_config(folder, "packed", transformer={"layer_mix": 3}))
    marked.train(nlp, 5)
    mix = marked.network(nlp).transformer.mix
    assert mix.shape == (3,) and mix.abs().max() > 1e-4 and mix.lr_scale == 1.0
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert torch.equal(marked.network(loaded).transformer.mix, mix)
    assert marked.run(loaded) == marked.run(nlp)
    settings = {"components": {"relation_extractor": {"model": {"transformer": {"layer_mix": 0}}}}}
    with pytest.raises(RelxError, match=r"RX051.*mix"):
        spacy.load(tmp_path, config=settings)


def test_layers_that_cannot_be_mixed(folder, tmp_path):
    with pytest.raises(RelxError, match="RX704"):
        make_encoder(folder, layer_mix=4)
    with pytest.raises(RelxError, match="RX704"):
        make_encoder(make_transformer(tmp_path, "deberta-v2"), layer_mix=1)
