"""Training options of the relation extractor over marked texts: batches, freezing, layers, precision, seeds."""

import copy

import numpy as np
import pytest
import spacy
import torch
from support.examples import make_example, make_examples
from support.marked import CUED, MODELS, make_nlp, marked_docs, network, run, train
from support.tiny_transformer import MENTION_PAIRS, make_transformer, model_config

from spacy_relx.core.transformers.loading import _layers
from spacy_relx.errors import RelxError

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("bert"))


# Training


def training_step(folder, sentences=CUED, scored=None, **settings):
    """(loss, gradients by name) of one step. scored: a list for how many pairs the classifier scores at once."""
    nlp = make_nlp(model_config(folder, **settings))
    nlp.initialize(lambda: make_examples(nlp.vocab))
    if scored is not None:
        network(nlp).classifier.register_forward_hook(lambda module, inputs, output: scored.append(len(output)))
    marker, extractor = nlp.get_pipe("entity_type_marker"), nlp.get_pipe("relation_extractor")
    examples = [make_example(nlp.vocab, *sentence) for sentence in sentences]
    for eg in examples:
        marker(eg.predicted)
    loss, backprop = extractor.model.begin_update(([eg.predicted for eg in examples], extractor.targets(examples)))
    backprop(1.0)
    return loss, {n: p.grad for n, p in network(nlp).named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["single", "packed", "inline", "beside"])
def test_sub_batches_do_not_change_the_gradient(folder, name):
    settings = {
        **MODELS[name],
        "classifier": {"@architectures": "spacy_relx.SoftmaxClassifier.v1", "no_relation_weight": 0.3},
    }
    loss, gradients = training_step(folder, **settings)
    small_loss, small = training_step(folder, **settings, batch_tokens=30, batch_pairs=2)
    assert small_loss == pytest.approx(loss, rel=1e-5)
    assert set(small) == set(gradients) and len(small) > 20
    for key, gradient in gradients.items():
        torch.testing.assert_close(small[key], gradient, atol=1e-5, rtol=1e-3)


FAR = " ".join(["nobody knows"] * 60)
#: Pairs that share a text, and pairs whose mentions are too far from each other for that.
LONG = (
    f"ann works for acme {FAR} bob founded initech",
    [(0, 1, "PERSON"), (3, 4, "ORG"), (124, 125, "PERSON"), (126, 127, "ORG")],
    [(0, "works_for", 1), (2, "works_for", 3), (0, "works_for", 3)],
)


@pytest.mark.parametrize("pairs", [None, MENTION_PAIRS])
@pytest.mark.parametrize("sentences", [CUED, [LONG]])
def test_shared_training_scores_few_pairs_at_once(folder, pairs, sentences):
    sizes = {}
    settings = {"mode": "shared", "pairs": pairs}
    loss, gradients = training_step(folder, sentences, sizes.setdefault("whole", []), **settings)
    small_loss, small = training_step(folder, sentences, sizes.setdefault("small", []), **settings, batch_pairs=3)
    assert max(sizes["whole"]) > 3 == max(sizes["small"])
    assert small_loss == pytest.approx(loss, rel=1e-5)
    assert set(small) == set(gradients)
    for key, gradient in gradients.items():
        torch.testing.assert_close(small[key], gradient, atol=1e-5, rtol=1e-3)


def test_recomputed_sub_batches_draw_the_same_dropout(folder):
    """Where they would not, finite loss and gradient would belong to different networks, and seeds would not hold."""
    settings = {"mode": "single", "transformer": {"dropout": 0.5}, "batch_tokens": 30}
    first, second = training_step(folder, **settings), training_step(folder, **settings)
    assert first[0] == second[0] != training_step(folder, mode="single", batch_tokens=30)[0]
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_gradients_accumulate_until_the_update_is_finished(folder):
    nlp = make_nlp(model_config(folder))
    examples = [make_example(nlp.vocab, *sentence) for sentence in CUED]
    optimizer = nlp.initialize(lambda: examples)
    parameter = network(nlp).classifier.output.weight
    before, gradients = parameter.detach().clone(), []
    for _ in range(2):
        nlp.update(examples, sgd=False)
        gradients.append(parameter.grad.clone())
    torch.testing.assert_close(gradients[1], 2 * gradients[0])
    torch.testing.assert_close(parameter, before)
    nlp.get_pipe("relation_extractor").finish_update(optimizer)
    assert parameter.grad is None and not torch.equal(parameter, before)


def test_freezing_and_learning_rates(folder):
    settings = {"freeze_embeddings": True, "freeze_layers": 1, "lr_scale": 0.2, "layer_decay": 0.5}
    nlp = make_nlp(model_config(folder, transformer=settings))
    train(nlp, 0)
    before = {name: p.detach().clone() for name, p in network(nlp).named_parameters()}
    train_again = [make_example(nlp.vocab, *sentence) for sentence in CUED]
    nlp.update(train_again, sgd=nlp.create_optimizer())
    moved = {name for name, p in network(nlp).named_parameters() if not torch.equal(p, before[name])}
    embeddings = "transformer.embeddings."
    assert f"{embeddings}words.markers.weight" in moved
    assert not any(n.startswith((embeddings + "p", embeddings + "words.words", "transformer.layers.0")) for n in moved)
    assert any(name.startswith("transformer.layers.1") for name in moved)
    for holder in (network(nlp), copy.deepcopy(nlp.get_pipe("relation_extractor").model.shims[0]).module):
        rates = {name: getattr(p, "lr_scale", 1.0) for name, p in holder.named_parameters()}
        assert rates["classifier.output.weight"] == 1.0
        assert rates["transformer.layers.1.down.weight"] == pytest.approx(0.2)
        assert rates["transformer.layers.0.down.weight"] == pytest.approx(0.1)
        assert rates[f"{embeddings}positions.weight"] == pytest.approx(0.05)
        assert rates[f"{embeddings}words.markers.weight"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("kind", "sizes", "below", "above"),
    [
        (
            "electra",
            {},
            ["embeddings_project.weight", "embeddings_project.bias", "embeddings.norm.weight"],
            "layers.0.down.weight",
        ),
        (
            "deberta-v2",
            {"norm_rel_ebd": "layer_norm"},
            ["encoder.rel_embeddings.weight", "encoder.LayerNorm.weight", "embeddings.LayerNorm.weight"],
            "encoder.layer.0.output.dense.weight",
        ),
    ],
)
def test_what_else_is_below_the_layers(tmp_path, kind, sizes, below, above):
    source = make_transformer(tmp_path, kind, **sizes)
    for freeze in (False, True):
        settings = {"freeze_embeddings": freeze, "lr_scale": 0.2, "layer_decay": 0.5}
        nlp = make_nlp(model_config(source, "single", transformer=settings))
        train(nlp, 0)
        parameters = dict(network(nlp).transformer.named_parameters())
        for name in below:
            assert parameters[name].lr_scale == pytest.approx(0.05)
            assert parameters[name].requires_grad is not freeze
        trained = parameters[above]
        assert trained.lr_scale == pytest.approx(0.1) and trained.requires_grad


@pytest.mark.parametrize("kind", ["bert", "deberta-v2"])
def test_layers_are_cut_off(tmp_path, kind):
    source = make_transformer(tmp_path, kind, num_hidden_layers=3)

    def started(n):
        nlp = make_nlp(model_config(source, "single", transformer={"layers": n}))
        train(nlp, 0)
        return nlp

    whole, cut = started(None), started(1)
    modules = [nlp.get_pipe("relation_extractor").model.shims[0].module.transformer for nlp in (whole, cut)]
    assert [len(_layers(module)) for module in modules] == [3, 1]
    all_values = dict(modules[0].named_parameters())
    assert all(torch.equal(all_values[name], value) for name, value in modules[1].named_parameters())
    cut.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    scores = [np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp))) for nlp in (cut, again)]
    np.testing.assert_array_equal(*scores)
    with pytest.raises(RelxError, match="RX084"):
        started(4)


def test_marker_dropout_marks_uniformly_in_training_only(folder):
    plain = training_step(folder)[1]
    dropped = training_step(folder, marker_dropout=0.999)[1]
    name = "transformer.embeddings.words.markers.weight"
    assert plain[name][:6].abs().sum() == 0 < plain[name][6:].abs().sum()
    assert dropped[name][6:].abs().sum() == 0 < dropped[name][:6].abs().sum()
    scores = []
    for settings in ({}, {"marker_dropout": 0.999}):
        nlp = make_nlp(model_config(folder, **settings))
        train(nlp, 0)
        scores.append(np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp))))
    np.testing.assert_array_equal(*scores)


def test_bfloat16_is_close(folder):
    scores = []
    for precision in ("fp32", "bf16"):
        nlp = make_nlp(model_config(folder, precision=precision))
        losses = train(nlp, 2)
        assert np.isfinite(losses).all()
        scores.append(np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp))))
    assert scores[1].dtype == np.float32
    assert 0 < np.abs(scores[0] - scores[1]).max() < 0.1


@pytest.mark.parametrize("in_hardware", [False, True])
def test_automatic_precision(folder, monkeypatch, in_hardware):
    monkeypatch.setattr("spacy_relx.core.precision.computes_bf16", lambda device_type: in_hardware)
    scores = []
    for precision in ("bf16" if in_hardware else "fp32", "auto"):
        nlp = make_nlp(model_config(folder, precision=precision))
        train(nlp, 1)
        scores.append(np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp))))
    np.testing.assert_array_equal(*scores)


def test_same_seed_same_losses(folder):
    settings = {"transformer": {"dropout": 0.1}, "marker_dropout": 0.2}
    losses = [train(make_nlp(model_config(folder, **settings)), 3) for _ in range(2)]
    assert losses[0] == losses[1]


def test_an_update_survives_empty_docs_and_no_pairs(folder):
    nlp = make_nlp(model_config(folder))
    train(nlp, 0)
    for sentence in [("", [], []), ("a b", [], []), ("a", [(0, 1, "ORG")], [])]:
        losses = nlp.update([make_example(nlp.vocab, *sentence)], sgd=False)
        assert losses["relation_extractor"] == 0.0
    assert run(nlp, [("", [], []), ("a b", [], []), ("a", [(0, 1, "ORG")], [])]) == [set()] * 3
