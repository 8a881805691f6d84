"""What a relation extractor learns of data that is annotated in part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.training import Example
from spacy.vocab import Vocab
from support import marked
from support import model as models
from support.examples import make_doc
from support.tiny_transformer import make_transformer, model_config

from spacy_relx import Annotated, Mention
from spacy_relx.core.task import UNKNOWN
from spacy_relx.data.extensions import GoldMentions, set_gold_mentions
from spacy_relx.relations.relation_extractor import RelationExtractor
from spacy_relx.relations.targets import pair_targets

WORDS = "a b c d e f"
LABELS = {"r": 0, "s": 1, "t": 2}
PLACES = [(i, i + 1, "X") for i in range(4)]
NAMES = st.one_of(st.sampled_from(["all", "none"]), st.sets(st.sampled_from(["r", "s", "X"])))
COVERS = st.builds(Annotated, NAMES, NAMES, st.sampled_from(["all", "named"]))
GOLD = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*LABELS, "no_relation"]), st.integers(0, 2)), max_size=4)


def example(relations, annotated, vocab=None):
    """Three gold mentions; the pipeline has found another one."""
    vocab = vocab or Vocab()
    reference = make_doc(vocab, WORDS, PLACES[:3], relations)
    reference._.annotated = annotated
    predicted = make_doc(vocab, WORDS, PLACES)
    mentions = [Mention(*place) for place in PLACES]
    predicted._.candidates = [{"head": h, "tail": t} for h in mentions for t in mentions if h != t]
    return Example(predicted, reference)


@settings(max_examples=80, deadline=None)
@given(GOLD, COVERS, st.booleans())
def test_targets_are_those_of_a_loop(relations, annotated, given_mentions):
    eg = example(relations, annotated)
    if given_mentions:
        set_gold_mentions(eg.predicted, GoldMentions.GIVEN)
    found = pair_targets(eg, LABELS, "x")
    for pair, row in zip(eg.predicted._.candidates, found):
        ends = pair.head.start, pair.tail.start
        held = [label for h, label, t in relations if (h, t) == ends]
        for label, column in LABELS.items():
            told = annotated.has_label(label) and (annotated.pairs == "all" or bool(held))
            told = told and (annotated.mentions == "all" or given_mentions or max(ends) < 3)
            assert row[column] == (1 if label in held else 0 if told else UNKNOWN)


@pytest.mark.parametrize("classifier", [models.SOFTMAX, models.MULTILABEL])
def test_component_loss_of_partial_data(classifier):
    """`get_loss` passes over what is not known, and its gradient is that of small differences."""
    nlp = models.make_nlp(models.model_config(classifier))
    relations = [(0, "r", 1), (1, "s", 0), (1, "no_relation", 2)]
    eg = example(relations, Annotated("none", ["r", "s"], "named"), nlp.vocab)
    full = example([*relations, (0, "t", 2)], None, nlp.vocab)
    nlp.initialize(lambda: [full])
    pipe: RelationExtractor = nlp.get_pipe("relation_extractor")
    scores = pipe.predict([eg.predicted])
    loss, (gradient,) = pipe.get_loss([eg], scores)
    told = (pipe.targets([eg]) >= 0).any(axis=1)
    assert 0 < told.sum() < len(told) and not gradient[~told].any() and gradient[told].any()
    step = 1e-3
    for row, column in np.argwhere(np.abs(gradient) > 0)[:4]:
        more = [scores[0].astype("float64").copy()]
        more[0][row, column] += step
        slope = (pipe.get_loss([eg], more)[0] - loss) / step
        assert slope == pytest.approx(gradient[row, column], rel=0.05, abs=1e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("transformers")
    return make_transformer(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("classifier", [models.SOFTMAX, models.MULTILABEL])
@pytest.mark.parametrize("name", ["pairs", "single", "packed", "inline", "beside", "windows"])
def test_models_learn_what_is_known(folder, name, classifier):
    """The loss is the mean over the pairs of which anything is known, each by its scores."""
    settings = {"no_relation_weight": 0.3, "@architectures": classifier}
    if name == "pairs":
        nlp = models.make_nlp(models.model_config(classifier, no_relation_weight=0.3))
    else:
        nlp = marked.make_nlp(model_config(folder, **{**marked.MODELS[name], "classifier": settings}))
    relations = [(0, "r", 1), (1, "s", 0), (1, "no_relation", 2)]
    nlp.initialize(lambda: [example([*relations, (0, "t", 2)], None, nlp.vocab)])
    pipe = nlp.get_pipe("relation_extractor")
    covers = [Annotated("none", ["r", "s"], "named"), Annotated(), Annotated(relations="none"), Annotated("none")]
    examples = [example(relations, cover, nlp.vocab) for cover in covers]
    docs, targets = [eg.predicted for eg in examples], pipe.targets(examples)
    scores = np.concatenate(pipe.predict(docs)).astype("float64")
    total = weights = 0.0
    for row, gold in zip(scores, targets):
        if (gold == UNKNOWN).all():
            continue
        weight = 1.0 if (gold == 1).any() else 0.3
        if classifier == models.SOFTMAX:
            p = row[1:][gold == 1].sum() if (gold == 1).any() else row[0] + row[1:][gold == UNKNOWN].sum()
        else:
            p = row[1:][gold == 1].prod() * (1 - row[1:][gold == 0]).prod()
        total, weights = total - weight * np.log(p), weights + weight
    loss, _ = pipe.model.begin_update((docs, targets))
    assert 0 < (targets < 0).all(axis=1).sum() < len(targets)
    assert float(loss) == pytest.approx(total / weights, rel=1e-4)


def test_nothing_known_is_no_error(folder):
    nlp = models.make_nlp()
    eg = example([(0, "r", 1)], None, nlp.vocab)
    optimizer = nlp.initialize(lambda: [eg])
    nothing = example([], {"relations": "none"}, nlp.vocab)
    assert nlp.update([nothing], sgd=optimizer)["relation_extractor"] == 0
    nlp = marked.make_nlp(model_config(folder, **marked.MODELS["packed"]))
    optimizer = nlp.initialize(lambda: [eg])
    assert nlp.update([nothing], sgd=optimizer)["relation_extractor"] == 0


def test_pairs_annotated_as_unrelated_are_no_label():
    nlp = models.make_nlp()
    nlp.initialize(lambda: [example([(0, "r", 1), (1, "no_relation", 0)], {"pairs": "named"}, nlp.vocab)])
    assert nlp.get_pipe("relation_extractor").labels == ("r",)
