"""Models of ours in the hands of spaCy's and thinc's own tools, which know nothing of candidates and targets."""

import numpy as np
import pytest
import spacy
from spacy.cli.debug_model import debug_model
from support import bag as bag_util
from support import joint as joint_util
from support.examples import make_examples
from support.instance_config import config as instance_config
from support.model import make_nlp, train
from support.tiny_transformer import make_transformer, model_config


def relation(folder):
    nlp = make_nlp()
    return nlp, "relation_extractor", make_examples(nlp.vocab)


def instances(folder):
    nlp = make_nlp(instance_config())
    return nlp, "relation_extractor", make_examples(nlp.vocab)


def marked(folder):
    pytest.importorskip("transformers")
    nlp = make_nlp(model_config(make_transformer(folder)))
    return nlp, "relation_extractor", make_examples(nlp.vocab)


def joint(folder):
    nlp = joint_util.make_joint()
    return nlp, "joint_extractor", joint_util.examples_in(nlp.vocab)


def facts(folder):
    nlp = bag_util.make_nlp()
    return nlp, "fact_extractor", bag_util.make_examples(nlp.vocab)


@pytest.mark.parametrize("make", [relation, instances, marked, joint, facts])
def test_debug_model(make, tmp_path, capsys):
    """`spacy debug model` trains one component on Docs that no other component has seen, and predicts Docs alone."""
    nlp, name, examples = make(tmp_path)
    training = {"corpora": {"train": lambda nlp: examples}}
    debug_model(training, {"train_corpus": "corpora.train"}, nlp, nlp.get_pipe(name))
    assert "Initialized the model with the training corpus" in capsys.readouterr().out
    assert nlp.get_pipe(name).labels


def test_docs_alone_are_a_prediction():
    nlp, name, examples = relation(None)
    train(nlp, examples, steps=5)
    docs = [nlp(eg.predicted.copy()) for eg in examples]
    model = nlp.get_pipe(name).model
    for alone, usual in zip(model.predict(docs), model.predict((docs, None))):
        np.testing.assert_array_equal(alone, usual)


def test_a_frozen_marker_marks_what_others_train_on():
    """spaCy does not update what is frozen, so the marker is not asked to mark the Docs of a step."""
    nlp, name, examples = relation(None)
    optimizer = nlp.initialize(lambda: examples)
    before = nlp.get_pipe(name).model.to_bytes()
    losses = nlp.update(examples, sgd=optimizer, exclude=["entity_type_marker"])
    assert losses[name] > 0 and nlp.get_pipe(name).model.to_bytes() != before


def test_a_joint_extractor_joins_a_pipeline_of_another_language(tmp_path):
    nlp, name, examples = joint(None)
    joint_util.train_joint(nlp, examples, steps=40)
    nlp.to_disk(tmp_path)
    config = {"nlp": {"lang": "en", "pipeline": [name]}, "components": {name: {"source": str(tmp_path)}}}
    english = spacy.util.load_model_from_config(config, auto_fill=True)
    expected = joint_util.outputs(nlp)
    assert english.lang == "en" and joint_util.outputs(english) == expected
    assert any(relations for _, relations in expected)
