"""The trainable component: learning, saving, gradients, batches."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from support.examples import SENTENCES, make_doc, make_example, make_examples
from support.model import MULTILABEL, SOFTMAX, TOK2VEC, gold, make_nlp, model_config, run, train
from thinc.api import Config, Model, fix_random_seed

from spacy_relx.core.docs_to_batch import DocBatch
from spacy_relx.core.layer import make_model
from spacy_relx.core.task import layer_of
from spacy_relx.errors import RelxWarning
from spacy_relx.relations.encoders import type_rows


@pytest.mark.parametrize(
    "model",
    [
        model_config(),
        model_config(MULTILABEL),
        model_config(no_relation_weight=0.5, negative_ratio=2.0),
        {**model_config(), "encoder": Config().from_str(f"[e]{TOK2VEC}")["e"]},
    ],
    ids=["softmax", "multilabel", "sampled", "tok2vec"],
)
def test_overfit_save_reload_score(model, tmp_path):
    nlp = make_nlp(model)
    train(nlp)
    expected = [gold(sentence) for sentence in SENTENCES]
    assert run(nlp) == expected
    nlp.to_disk(tmp_path)
    reloaded = spacy.load(tmp_path)
    assert run(reloaded) == expected
    from_bytes = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    assert run(from_bytes) == expected


def test_overfit_with_a_listener(tmp_path):
    fix_random_seed(0)
    config = Config().from_str(f"[model]{TOK2VEC}")
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config=config)
    nlp.add_pipe("entity_type_marker")
    model = model_config()
    model["encoder"] = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    nlp.add_pipe("relation_extractor", config={"model": model, "scorer": None})
    train(nlp, steps=80)
    expected = [gold(sentence) for sentence in SENTENCES]
    assert run(nlp) == expected
    nlp.to_disk(tmp_path)
    assert run(spacy.load(tmp_path)) == expected


def test_gradient_reaches_the_listener():
    fix_random_seed(0)
    config = Config().from_str(f"[model]{TOK2VEC}")
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec", config=config)
    nlp.add_pipe("entity_type_marker")
    model = model_config()
    model["encoder"] = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32}
    nlp.add_pipe("relation_extractor", config={"model": model, "scorer": None})
    examples = make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    weights = {(n.id, p): n.get_param(p).copy() for n in tok2vec.model.walk() for p in n.param_names if n.has_param(p)}
    for _ in range(2):  # spaCy applies a listened-to component's gradient at the beginning of the next update
        nlp.update(examples, sgd=optimizer)
    moved = [
        not np.allclose(weights[n.id, p], n.get_param(p))
        for n in tok2vec.model.walk()
        for p in n.param_names
        if n.has_param(p)
    ]
    assert any(moved)


def test_an_update_without_pairs_still_sends_others_gradients_upstream():
    """The last listener runs the upstream backward pass: it has to, also when it has nothing to say."""
    nlp = make_nlp()
    train(nlp, steps=1)
    sent = []

    def forward(model, docs, is_train):
        return [np.ones((len(doc), 3), "float32") for doc in docs], lambda grads: sent.append(grads) or docs

    extractor = nlp.get_pipe("relation_extractor")
    extractor.model = make_model(layer_of(extractor.model).copy(), Model("fixed", forward, dims={"nO": 3}))
    extractor.model.initialize()
    nlp.update([make_example(nlp.vocab, "a b c", [(0, 1, "ORG")])])
    assert [[part.shape for part in grads] for grads in sent] == [[(3, 3)]]
    assert not np.concatenate(sent[0]).any()


def test_gradient_to_the_encoder_equals_finite_differences():
    """Loss -> network -> thinc layer -> encoder, by central differences in a few directions."""
    nlp = make_nlp()
    examples = make_examples(nlp.vocab)
    nlp.initialize(lambda: examples)
    marker, extractor = nlp.get_pipe("entity_type_marker"), nlp.get_pipe("relation_extractor")
    docs = [marker(eg.predicted) for eg in examples]
    targets = extractor.targets(examples)
    rng = np.random.default_rng(0)
    width = 7
    vectors = [rng.normal(size=(len(doc), width)).astype("float32") for doc in docs]
    received = []

    def forward(model, docs, is_train):
        return vectors, lambda grads: received.append(grads) or docs

    model = make_model(layer_of(extractor.model).copy(), Model("fixed", forward, dims={"nO": width}))
    model.initialize()
    _, backprop = model.begin_update((docs, targets))
    backprop(1.0)
    gradient = np.concatenate(received[0])
    for _ in range(5):
        direction = rng.normal(size=gradient.shape).astype("float32")
        parts = np.split(direction, np.cumsum([len(doc) for doc in docs])[:-1])
        values = []
        original = list(vectors)
        for eps in (2e-3, -2e-3):
            vectors[:] = [v + eps * p for v, p in zip(original, parts)]
            values.append(model.begin_update((docs, targets))[0])
        vectors[:] = original
        assert (values[0] - values[1]) / 4e-3 == pytest.approx(float((gradient * direction).sum()), rel=0.05, abs=2e-3)


def test_the_network_knows_the_marker_vocabulary(trained):
    extractor, marker = trained.get_pipe("relation_extractor"), trained.get_pipe("entity_type_marker")
    assert layer_of(extractor.model).task.n_markers == marker.n_markers == 4
    assert extractor.model.shims[0].module.pairs.markers.num_embeddings == 4


def test_unseen_types_fall_back_to_the_uniform_marker():
    nlp = make_nlp({**model_config(), "marker_dropout": 0.3})
    train(nlp, steps=150)
    renamed = [
        (words, [(start, end, f"OTHER_{label}") for start, end, label in mentions], relations)
        for words, mentions, relations in SENTENCES
    ]
    with pytest.warns(RelxWarning, match="RX025") as caught:
        found = run(nlp, renamed)
    assert len([w for w in caught if "RX025" in str(w.message)]) == 3  # one for each type
    assert found == run(nlp) == [gold(sentence) for sentence in SENTENCES]


def test_marker_dropout_leaves_the_docs_alone():
    nlp = make_nlp({**model_config(), "marker_dropout": 0.9})
    train(nlp, steps=1)
    docs = [nlp.get_pipe("entity_type_marker")(eg.predicted) for eg in make_examples(nlp.vocab)]
    before = [doc._.candidates.markers.tolist() for doc in docs]
    batch, shown = DocBatch(docs, hide_types=0.9), DocBatch(docs)
    assert np.array_equal(shown.markers, np.concatenate(before)) and not np.array_equal(batch.markers, shown.markers)
    hidden = (batch.markers == 0) & (shown.markers > 0)
    assert np.array_equal(np.where(hidden, 0, shown.markers), batch.markers)
    # the encoder sees what the network sees: the uniform marker where a type is hidden
    assert set(type_rows(batch, 64)[type_rows(shown, 64) > 0].tolist()) == {1, *(1 + batch.markers).tolist()}
    assert [doc._.candidates.markers.tolist() for doc in docs] == before


def test_batched_equals_one_by_one(trained):
    docs = [make_doc(trained.vocab, words, mentions) for words, mentions, _ in SENTENCES] * 3
    extractor, marker = trained.get_pipe("relation_extractor"), trained.get_pipe("entity_type_marker")
    docs = [marker(doc) for doc in docs]
    together = extractor.predict(docs)
    alone = [extractor.predict([doc])[0] for doc in docs]
    assert any(len(scores) for scores in together)
    for a, b in zip(together, alone):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_sub_batches_change_nothing(trained):
    docs = [make_doc(trained.vocab, words, mentions) for words, mentions, _ in SENTENCES]
    docs = [trained.get_pipe("entity_type_marker")(doc) for doc in docs]
    small = make_nlp({**model_config(), "batch_tokens": 1, "batch_pairs": 1})
    train(small, steps=1)
    small.get_pipe("relation_extractor").model.from_bytes(trained.get_pipe("relation_extractor").model.to_bytes())
    for a, b in zip(
        trained.get_pipe("relation_extractor").predict(docs), small.get_pipe("relation_extractor").predict(docs)
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_same_seed_same_weights_and_scores():
    """Bit for bit, with threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        runs = []
        for _ in range(2):
            nlp = make_nlp()
            examples = [eg for _ in range(10) for eg in make_examples(nlp.vocab)]
            losses = train(nlp, examples, steps=3)
            model = nlp.get_pipe("relation_extractor").model
            runs.append((losses, model.shims[0].weights(), model.layers[0].shims[0].weights()))
    finally:
        torch.set_num_threads(threads)
    assert runs[0][0] == runs[1][0]
    for first, second in zip(runs[0][1:], runs[1][1:]):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.filterwarnings("ignore:.*RX025")
def test_odd_docs(trained):
    for words, mentions in [("", []), ("nothing here", []), ("one", [(0, 1, "PERSON")]), ("a b", [(0, 2, "NEW_TYPE")])]:
        assert run(trained, [(words, mentions, [])]) == [set()]
    assert len(trained("")._.relations) == 0


def test_an_update_survives_empty_docs_and_no_pairs(trained):
    nlp = make_nlp()
    train(nlp, steps=1)
    for sentence in [("", [], []), ("a b", [], []), ("a", [(0, 1, "ORG")], [])]:
        losses = nlp.update([make_example(nlp.vocab, *sentence)], sgd=nlp.create_optimizer())
        assert losses["relation_extractor"] == 0.0


def test_gold_is_matched_by_characters():
    nlp = make_nlp()
    train(nlp, steps=1)
    reference = make_doc(nlp.vocab, *SENTENCES[0])
    predicted = Doc(
        nlp.vocab,
        words=["Ann", "wor", "ks", "for", "Acme", "in", "Ro", "me"],
        spaces=[True, False, True, True, True, True, False, False],
    )
    predicted.set_ents(
        [
            spacy.tokens.Span(predicted, 0, 1, "PERSON"),
            spacy.tokens.Span(predicted, 4, 5, "ORG"),
            spacy.tokens.Span(predicted, 6, 7, "PLACE"),
        ]
    )
    nlp.get_pipe("entity_type_marker")(predicted)
    extractor = nlp.get_pipe("relation_extractor")
    targets = extractor.targets([Example(predicted, reference)])
    assert targets.sum() == 1
    row = int(targets.any(axis=1).nonzero()[0][0])
    pair = predicted._.candidates[row]
    assert (pair.head.text(predicted), pair.tail.text(predicted)) == ("Ann", "Acme")


@pytest.mark.parametrize("classifier", [SOFTMAX, MULTILABEL])
def test_get_loss_gradient(classifier):
    nlp = make_nlp(model_config(classifier))
    train(nlp, steps=1)
    examples = make_examples(nlp.vocab)
    extractor = nlp.get_pipe("relation_extractor")
    docs = [nlp.get_pipe("entity_type_marker")(eg.predicted) for eg in examples]
    scores = [part.astype("float64") for part in extractor.predict(docs)]
    loss, gradients = extractor.get_loss(examples, scores)
    assert [g.shape for g in gradients] == [s.shape for s in scores]
    scores[0][1, 2] += 1e-5
    assert (extractor.get_loss(examples, scores)[0] - loss) / 1e-5 == pytest.approx(gradients[0][1, 2], abs=1e-3)
