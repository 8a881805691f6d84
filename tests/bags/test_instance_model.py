"""`spacy_relx.InstanceModel.v1`: sentence encoders for single candidate pairs."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_loop
from spacy.util import load_config
from support import model as model_util
from support.examples import SENTENCES, make_doc, make_examples
from support.instance_config import ENCODERS, config
from support.model import MULTILABEL, SOFTMAX, gold, make_nlp, run
from support.trained_configs import CONFIGS
from thinc.api import fix_random_seed

from spacy_relx.data.extensions import set_extensions
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.relations.generators import all_pairs


def adversarial(eps=0.1, scope="sentence"):
    return {"@architectures": "spacy_relx.AdversarialTraining.v1", "eps": eps, "scope": scope}


def initialized(model):
    nlp = make_nlp(model)
    examples = make_examples(nlp.vocab)
    nlp.initialize(lambda: examples)
    return nlp, examples


def marked(nlp, examples):
    """The predicted Docs with candidates, and the gold of their pairs."""
    for eg in examples:
        nlp.get_pipe("entity_type_marker")(eg.predicted)
    return [eg.predicted for eg in examples], nlp.get_pipe("relation_extractor").targets(examples)


def network(nlp):
    return nlp.get_pipe("relation_extractor").model.shims[0].module


def loss_and_gradients(nlp, docs, targets):
    """Of one update, without the step."""
    model = nlp.get_pipe("relation_extractor").model
    network(nlp).zero_grad()
    loss, backprop = model.begin_update((docs, targets))
    backprop(1.0)
    return loss, {n: p.grad.clone() for n, p in network(nlp).named_parameters() if p.grad is not None}


# Learning


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
@pytest.mark.parametrize("classifier", [SOFTMAX, MULTILABEL])
def test_learns_by_heart(encoder, classifier):
    nlp = make_nlp(config(encoder, classifier))
    losses = model_util.train(nlp, steps=80)
    assert losses[-1] < 0.1 < losses[0]
    assert run(nlp) == [gold(sentence) for sentence in SENTENCES]


def test_save_and_reload(tmp_path):
    nlp = make_nlp(config())
    model_util.train(nlp, steps=60)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert run(loaded) == run(nlp) == [gold(sentence) for sentence in SENTENCES]
    docs, _ = marked(nlp, make_examples(nlp.vocab))
    for one, other in zip(
        nlp.get_pipe("relation_extractor").predict(docs), loaded.get_pipe("relation_extractor").predict(docs)
    ):
        np.testing.assert_array_equal(one, other)
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert run(again) == run(nlp)


def test_copies_are_apart():
    nlp, examples = initialized(config())
    docs, _ = marked(nlp, examples)
    model = nlp.get_pipe("relation_extractor").model
    copied = model.copy()
    before = model.predict((docs, None))[0].copy()
    for parameter in copied.shims[0].module.parameters():
        parameter.data.zero_()
    np.testing.assert_array_equal(model.predict((docs, None))[0], before)
    assert np.abs(copied.predict((docs, None))[0] - before).max() > 1e-3


# What is read


def test_batched_is_one_by_one():
    nlp, examples = initialized(config())
    docs, _ = marked(nlp, examples)
    extractor = nlp.get_pipe("relation_extractor")
    together = extractor.predict(docs)
    assert [len(part) for part in together] == [len(doc._.candidates) for doc in docs]
    for doc, scores in zip(docs, together):
        np.testing.assert_allclose(extractor.predict([doc])[0], scores, atol=1e-6)


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
@pytest.mark.parametrize("attack", [None, adversarial()])
def test_bounds_change_nothing(encoder, attack):
    answers = []
    for bounds in ({}, {"batch_tokens": 10}, {"batch_pairs": 3}, {"batch_tokens": 7, "batch_pairs": 5}):
        nlp, examples = initialized(config(encoder, adversarial=attack, **bounds))
        docs, targets = marked(nlp, examples)
        scores = np.concatenate(nlp.get_pipe("relation_extractor").predict(docs))
        answers.append((scores, *loss_and_gradients(nlp, docs, targets)))
    for scores, loss, gradients in answers[1:]:
        np.testing.assert_allclose(scores, answers[0][0], atol=1e-6)
        assert loss == pytest.approx(answers[0][1], abs=1e-6)
        assert set(gradients) == set(answers[0][2])
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, answers[0][2][name], atol=1e-5, rtol=1e-4)


def test_a_pair_reads_its_own_sentences():
    nlp, _ = initialized(config())
    text = "Ann works for Acme . Bob founded Initech . Eve never worked for Globex ."
    words = text.split()
    mentions = [(0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PERSON"), (7, 8, "ORG"), (9, 10, "PERSON"), (13, 14, "ORG")]

    def scores(words):
        doc = make_doc(nlp.vocab, words, mentions)
        for token in doc:
            token.is_sent_start = token.i in (0, 5, 9)
        nlp.get_pipe("entity_type_marker")(doc)
        pairs = doc._.candidates.pairs.tolist()
        return dict(zip(map(tuple, pairs), nlp.get_pipe("relation_extractor").predict([doc])[0]))

    changed = list(words)
    changed[6] = "bought"
    nlp.get_pipe("entity_type_marker").generator = all_pairs
    with pytest.warns(RelxWarning, match="RX503"):  # training had no such pairs
        before, after = scores(words), scores(changed)
    assert len(before) == 30
    for pair in before:  # mentions two by two stand in one sentence
        low, high = sorted(mention // 2 for mention in pair)
        reads = low <= 1 <= high
        assert (np.abs(before[pair] - after[pair]).max() > 1e-6) == reads, pair


def test_long_sentences_are_cut_around_the_pair():
    nlp, _ = initialized(config(max_tokens=6))
    filler = ["never"] * 30

    def scores(left, right):
        words = [*left, "Ann", "works", "for", "Acme", *right]
        doc = make_doc(nlp.vocab, words, [(len(left), len(left) + 1, "PERSON"), (len(left) + 3, len(left) + 4, "ORG")])
        return nlp.get_pipe("relation_extractor").predict([nlp.get_pipe("entity_type_marker")(doc)])[0]

    far = scores([*filler, "of", "of"], ["of", "of", *filler])
    np.testing.assert_allclose(scores([*filler[1:], "Acme", "of", "of"], ["of", "of", *filler]), far, atol=1e-6)
    assert np.abs(scores([*filler, "of", "Eve"], ["of", "of", *filler]) - far).max() > 1e-6


def test_only_sampled_pairs_are_encoded():
    nlp, examples = initialized(config(classifier_settings={"negative_ratio": 1.0}))
    docs, targets = marked(nlp, examples)
    seen = []
    network(nlp).words.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    loss_and_gradients(nlp, docs, targets)
    related = int(targets.any(axis=1).sum())
    assert seen == [2 * related] and 2 * related < len(targets)
    nlp.get_pipe("relation_extractor").predict(docs)
    assert sum(seen[1:]) == len(targets)


def test_docs_without_pairs():
    nlp, _ = initialized(config())
    extractor = nlp.get_pipe("relation_extractor")
    empty = [make_doc(nlp.vocab, "Nobody knows anything"), make_doc(nlp.vocab, "Ann sings", [(0, 1, "PERSON")])]
    docs = [nlp.get_pipe("entity_type_marker")(doc) for doc in [*empty, make_doc(nlp.vocab, *SENTENCES[1][:2])]]
    assert [scores.shape for scores in extractor.predict(docs)] == [(0, 5), (0, 5), (2, 5)]
    assert [scores.shape for scores in extractor.predict(docs[:2])] == [(0, 5), (0, 5)]
    assert len(nlp("")) == 0 and nlp("")._.relations == []
    loss, gradients = loss_and_gradients(nlp, docs[:2], np.zeros((0, 4), "float32"))
    assert loss == 0.0 and not gradients


def test_marker_dropout_hides_types():
    nlp, examples = initialized(config(marker_dropout=0.999, type_width=4))
    docs, targets = marked(nlp, examples)
    seen = []
    network(nlp).words.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].markers))
    loss_and_gradients(nlp, docs, targets)
    assert (seen[0] == 0).float().mean() > 0.9
    nlp.get_pipe("relation_extractor").predict(docs)
    assert (seen[1] > 0).all()


# Adversarial training


@pytest.mark.parametrize("scope", ["sentence", "batch"])
def test_adversarial_loss(scope):
    nlp, examples = initialized(config(adversarial=adversarial(0.5, scope)))
    docs, targets = marked(nlp, examples)
    module = network(nlp)
    batches = []
    module.words.register_forward_hook(lambda _, inputs, output: batches.append((inputs[0], output.detach())))
    found, _ = loss_and_gradients(nlp, docs, targets)
    batch, words = batches[0]
    gold_targets = torch.from_numpy(targets)

    def loss_of(vectors):
        return module.classifier.loss(module.classifier(module.encoder(vectors, batch)), gold_targets)

    leaf = words.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(leaf), leaf)
    change = torch.zeros_like(gradient)
    starts = batch.starts.tolist()
    parts = zip(starts, [*starts[1:], len(words)]) if scope == "sentence" else [(0, len(words))]
    for start, end in parts:
        change[start:end] = 0.5 * gradient[start:end] / gradient[start:end].norm()
    assert found == pytest.approx(loss_of(words + change).item(), rel=1e-4)
    assert found > loss_of(words).item() + 0.01


def test_scope_of_bags_is_refused():
    with pytest.raises(RelxError, match="RX021") as error:
        make_nlp(config(adversarial=adversarial(scope="bag")))
    assert "sentence" in str(error.value)


@pytest.mark.parametrize(
    "settings", [{"batch_pairs": 0}, {"batch_tokens": 0}, {"max_tokens": -1}, {"marker_dropout": 1.0}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(RelxError, match="RX021"):
        make_nlp(config(**settings))


# The config


def test_config_trains(tmp_path):
    set_extensions()
    vocab = spacy.blank("xx").vocab
    data = tmp_path / "data.spacy"
    DocBin(docs=[make_doc(vocab, *sentence) for sentence in SENTENCES], store_user_data=True).to_disk(data)
    overrides = {"paths.train": str(data), "paths.dev": str(data)}
    steps = {"training.max_steps": 5, "training.eval_frequency": 5}
    fix_random_seed(0)
    nlp = init_nlp(load_config(CONFIGS["pcnn"], overrides={**overrides, **steps}))
    (tmp_path / "output").mkdir()
    _, path = train_loop(nlp, tmp_path / "output", stdout=NoOutput(), stderr=NoOutput())
    loaded = spacy.load(path)
    doc = loaded(make_doc(loaded.vocab, *SENTENCES[0][:2]))
    assert len(doc._.candidates) == 6
    assert type(network(loaded).encoder).__name__ == "PCNN"


class NoOutput:
    def write(self, text):
        pass

    def flush(self):
        pass
