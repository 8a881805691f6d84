"""Text and knowledge base together (HRERE): the formulas, what gradients reach, learning, saving, bad input."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
import spacy
import torch
from spacy.strings import get_string_id
from support.bag import (
    FACTS,
    LABELS,
    SIZES,
    bag_docs,
    extractor,
    gold,
    make_bags,
    make_nlp,
    model_config,
    network,
    random,
)
from support.bag import run as run_bags
from support.bag import train as train_bags

from spacy_relx.bags.bag_classifiers import SoftmaxBagClassifier
from spacy_relx.bags.sentence_weights import SelectiveAttention
from spacy_relx.errors import RelxError
from spacy_relx.knowledge.complex import ComplExSettings, train_complex
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.hrere import Knowledge, KnowledgeClassifier, KnowledgeTables
from spacy_relx.knowledge.hrere_tables import make_complex_knowledge, read_tables
from spacy_relx.knowledge.triples import KnowledgeBase

DIM, N_LABELS, WIDTH = 3, 4, 5
ROWS = [(head, label, tail) for head, tail, labels, *_ in FACTS for label in labels]


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def knowledge(tune="all"):
    tables = KnowledgeTables(torch.arange(6) * 10, random(6, 2 * DIM), random(N_LABELS + 1, 2 * DIM, seed=1))
    module = Knowledge(N_LABELS, lambda labels: tables, tune=tune, lr_scale=0.5)
    module.start(())
    return module


def make_head(**settings):
    torch.manual_seed(0)
    attention = SelectiveAttention(WIDTH, N_LABELS + 1, tanh=False, tied=False)
    text = SoftmaxBagClassifier(attention, WIDTH, N_LABELS, dropout=0.0).double()
    torch.nn.init.normal_(text.classifier.bias)
    defaults = {"text_weight": 1.0, "knowledge_weight": 1.0, "agreement_weight": 1.0, "alpha": 0.6}
    defaults |= {"combine": "probabilities", "double_softmax": False}
    parts = {"text": lambda width, n: text, "knowledge": lambda n: knowledge(tune)}
    tune = settings.pop("tune", "all")
    return KnowledgeClassifier(WIDTH, N_LABELS, **{**parts, **defaults, **settings})


#: The third bag's head is not known.
ENTITIES = torch.tensor([[0, 1], [5, 2], [-1, 3], [4, 4]])
TARGETS = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]).double()
KNOWN = [0, 1, 3]


def inputs():
    bags = make_bags()
    return random(sum(SIZES), WIDTH, seed=2).requires_grad_(), type(bags)(bags.starts, bags.sizes, ENTITIES), TARGETS


def naive_knowledge(module, entities):
    """p(r | (h, t)), with Python's complex numbers."""
    table, relations = (
        np.array([[complex(row[i], row[i + DIM]) for i in range(DIM)] for row in tensor.tolist()])
        for tensor in (module.entities, module.relations)
    )
    scores = [[np.sum(table[h] * w * np.conj(table[t])).real for w in relations] for h, t in entities.tolist()]
    return softmax(np.array(scores))


def naive_text(text, vectors, query):
    """p(r | S) of one bag under one query."""
    attention = softmax(vectors @ text.aggregator.queries.detach().numpy()[query])
    weight, bias = text.classifier.weight.detach().numpy(), text.classifier.bias.detach().numpy()
    return softmax(weight @ (attention @ vectors) + bias)


def bag_vectors(vectors):
    return np.split(vectors.detach().numpy(), np.cumsum(SIZES)[:-1])


def test_probabilities_of_relations_equal_complex_numbers():
    module = knowledge()
    got = torch.softmax(module(ENTITIES[KNOWN]), dim=1).detach().numpy()
    np.testing.assert_allclose(got, naive_knowledge(module, ENTITIES[KNOWN]))


def test_the_loss_equals_the_formula():
    head, (vectors, bags, targets) = make_head(text_weight=0.7, knowledge_weight=0.3, agreement_weight=0.2), inputs()
    p_knowledge = dict(zip(KNOWN, naive_knowledge(head.knowledge, ENTITIES[KNOWN])))
    text = knows = agrees = 0.0
    for bag, own in enumerate(bag_vectors(vectors)):
        relations = [1 + i for i in range(N_LABELS) if targets[bag, i]] or [0]
        text -= sum(np.log(naive_text(head.text, own, r)[r]) for r in relations)
        if bag in p_knowledge:
            knows -= sum(np.log(p_knowledge[bag][r]) for r in relations)
            best = int(p_knowledge[bag].argmax())
            agrees -= np.log(naive_text(head.text, own, best)[best])
    expected = (0.7 * text + 0.3 * knows + 0.2 * agrees) / len(SIZES)
    assert head.loss(vectors, bags, targets).item() == pytest.approx(expected)


def test_the_loss_as_published_takes_probabilities_for_logits():
    head, (vectors, bags, targets) = make_head(text_weight=0, knowledge_weight=0, double_softmax=True), inputs()
    expected = 0.0
    for bag, p in zip(KNOWN, naive_knowledge(head.knowledge, ENTITIES[KNOWN])):
        best = int(p.argmax())
        expected -= np.log(softmax(naive_text(head.text, bag_vectors(vectors)[bag], best))[best])
    assert head.loss(vectors, bags, targets).item() == pytest.approx(expected / len(SIZES))


@pytest.mark.parametrize("settings", [{}, {"double_softmax": True}, {"agreement_weight": 0.0}, {"tune": "relations"}])
def test_gradients(settings):
    head, (vectors, bags, targets) = make_head(**settings), inputs()
    tables = [p for p in head.parameters() if p.requires_grad]
    assert torch.autograd.gradcheck(lambda x, *_: head.loss(x, bags, targets), (vectors, *tables))


def test_agreement_moves_the_text_and_never_the_knowledge():
    head, (vectors, bags, targets) = make_head(text_weight=0, knowledge_weight=0), inputs()
    head.loss(vectors, bags, targets).backward()
    assert vectors.grad.abs().sum() > 0 and head.text.classifier.weight.grad.abs().sum() > 0
    for table in (head.knowledge.entities, head.knowledge.relations):
        assert table.grad is None or not table.grad.any()
    known = torch.zeros(sum(SIZES), dtype=torch.bool)
    for bag, rows in enumerate(torch.arange(sum(SIZES)).split(SIZES)):
        known[rows] = bag in KNOWN
    assert not vectors.grad[~known].any() and vectors.grad[known].any(dim=1).all()


@pytest.mark.parametrize("combine", ["probabilities", "logits"])
def test_scores_are_a_weighted_mean_or_of_the_text_alone(combine):
    head, (vectors, bags, _) = make_head(combine=combine), inputs()
    got = head.scores(vectors, bags).detach().numpy()
    for bag, own in enumerate(bag_vectors(vectors)):
        expected = text = np.array([naive_text(head.text, own, r)[r] for r in range(N_LABELS + 1)])
        if bag in KNOWN:
            p = naive_knowledge(head.knowledge, ENTITIES[[bag]])[0]
            expected = (
                0.6 * text + 0.4 * p if combine == "probabilities" else softmax(0.6 * np.log(text) + 0.4 * np.log(p))
            )
        np.testing.assert_allclose(got[bag], expected)
    np.testing.assert_array_equal(head.weights(vectors, bags).detach(), head.text.weights(vectors, bags).detach())


def test_the_base_variant_is_the_text_alone():
    base, (vectors, bags, targets) = make_head(knowledge_weight=0, agreement_weight=0, alpha=1.0), inputs()
    torch.testing.assert_close(base.loss(vectors, bags, targets), base.text.loss(vectors, bags, targets))
    torch.testing.assert_close(base.scores(vectors, bags), base.text.scores(vectors, bags))
    nobody = make_bags()
    full = make_head()
    torch.testing.assert_close(full.loss(vectors, nobody, targets), full.text.loss(vectors, nobody, targets))
    torch.testing.assert_close(full.scores(vectors, nobody), full.text.scores(vectors, nobody))


def test_rows_of_entities():
    assert knowledge().rows(np.array([[0, 50], [51, -1], [10, 20]])).tolist() == [[0, 5], [-1, -1], [1, 2]]
    empty = Knowledge(1, lambda labels: None, tune="all", lr_scale=1.0)
    assert empty.rows(np.array([[0, 50]])).tolist() == [[-1, -1]]


@pytest.mark.parametrize("tune,trained", [("all", 2), ("relations", 1), ("none", 0)])
def test_what_is_tuned(tune, trained):
    parameters = [p for p in knowledge(tune).parameters() if p.requires_grad]
    assert len(parameters) == trained and all(p.lr_scale == 0.5 for p in parameters)


# Embeddings and the component


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    """A folder of embeddings of the facts of `bag_util`, but for those of Globex."""
    folder = tmp_path_factory.mktemp("kb") / "embeddings"
    kb = KnowledgeBase.from_rows([*[row for row in ROWS if "globex" not in row], ("eve", "founded", "x")])
    settings = ComplExSettings(dim=6, epochs=30, batch_size=4, n3=0.0, relation_weight=1.0)
    train_complex(kb, settings).save(folder)
    return folder


def test_tables_follow_the_labels(embeddings):
    labels = ["founded", "based_in"]
    tables = read_tables(embeddings, "error", labels)
    made = KBEmbeddings.load(embeddings)
    assert tables.keys.tolist() == sorted(tables.keys.tolist())
    for name, row in made.ids.entity_index.items():
        key = np.array([get_string_id(name)], dtype="uint64").view("int64")[0]
        place = tables.keys.tolist().index(key)
        torch.testing.assert_close(tables.entities[place], made.model.entities[row].detach())
    for place, label in enumerate(labels, start=1):
        torch.testing.assert_close(tables.relations[place], made.model.relations[made.relation(label)].detach())


def hrere(folder, **settings):
    model = model_config()
    text, known = model["classifier"], settings.pop("knowledge", {})
    source = {"@architectures": "spacy_relx.ComplExKnowledge.v1", "path": str(folder), "lr_scale": 1.0, **known}
    model["classifier"] = {
        "@architectures": "spacy_relx.KnowledgeClassifier.v1",
        "text": text,
        "knowledge": source,
        **settings,
    }
    return model


def scores(nlp):
    return [doc._.fact_scores.scores for doc in nlp.pipe(bag_docs(nlp))]


def test_overfit_save_reload_score(embeddings, tmp_path):
    copied = shutil.copytree(embeddings, tmp_path / "embeddings")
    nlp = make_nlp(hrere(copied))
    losses = train_bags(nlp)
    assert losses[-1] < 0.25 * losses[0] and run_bags(nlp) == gold()
    start = read_tables(embeddings, "error", LABELS)
    assert not torch.equal(network(nlp).classifier.knowledge.entities, start.entities)
    shutil.rmtree(copied)  # a trained pipeline needs no embeddings but its own
    before = scores(nlp)
    nlp.to_disk(tmp_path / "pipeline")
    for other in (spacy.load(tmp_path / "pipeline"), spacy.blank("xx", config=nlp.config).from_bytes(nlp.to_bytes())):
        for a, b in zip(before, scores(other)):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_knowledge_reaches_the_scores_of_known_entities_alone(embeddings):
    found = []
    for alpha in (0.5, 1.0):
        nlp = make_nlp(hrere(embeddings, alpha=alpha))
        train_bags(nlp, steps=1)
        found.append(scores(nlp))
    for (head, tail, *_), one, other in zip(FACTS, *found):
        assert np.allclose(one, other) == ("globex" in (head, tail)), (head, tail)


def test_two_runs_with_one_seed_are_alike(embeddings):
    one, other = (train_bags(make_nlp(hrere(embeddings)), steps=3) for _ in range(2))
    assert one == other


def test_a_relation_that_the_base_lacks(embeddings):
    kb = KnowledgeBase.from_rows([row for row in ROWS if row[1] != "founded"])
    folder = embeddings.parent / "fewer"
    train_complex(kb, ComplExSettings(dim=6, epochs=1)).save(folder)
    with pytest.raises(RelxError, match=r"RX240.*founded"):
        train_bags(make_nlp(hrere(folder)), steps=1)
    nlp = make_nlp(hrere(folder, knowledge={"missing": "random"}))
    train_bags(nlp, steps=1)
    assert network(nlp).classifier.knowledge.relations.shape == (1 + len(LABELS), 12)


def test_bad_embeddings_and_settings(embeddings, tmp_path):
    with pytest.raises(RelxError, match="RX242"):
        read_tables(None, "error", LABELS)
    with pytest.raises(RelxError, match="RX205"):
        read_tables(tmp_path, "error", LABELS)
    broken = shutil.copytree(embeddings, tmp_path / "broken")
    np.save(broken / "entities.npy", np.zeros((2, 3), "float32"))
    with pytest.raises(RelxError, match="RX205"):
        read_tables(broken, "error", LABELS)
    source = make_complex_knowledge(path=embeddings)
    build = partial(KnowledgeClassifier.configure, text=lambda width, n: None, knowledge=source)
    for name, value in (("alpha", 1.5), ("text_weight", -1.0), ("combine", "sum")):
        with pytest.raises(RelxError, match=f"RX021.*{name}"):
            build(**{name: value})
    for name, value in (("tune", "some"), ("missing", "skip"), ("lr_scale", 0.0)):
        with pytest.raises(RelxError, match=f"RX021.*{name}"):
            make_complex_knowledge(path=embeddings, **{name: value})
    model = hrere(embeddings)
    model["classifier"]["text"]["loss"] = "sigmoid"
    with pytest.raises(RelxError, match=r"RX021.*loss"):
        train_bags(make_nlp(model), steps=1)


def test_saved_tables_of_another_size_are_refused(embeddings):
    nlp = make_nlp(hrere(embeddings))
    train_bags(nlp, steps=1)
    shim = extractor(nlp).model.shims[0]
    weights = shim.weights()
    weights["classifier.tables.relations"] = weights["classifier.tables.relations"][:-1]
    with pytest.raises(RelxError, match=r"RX051.*relations"):
        shim.load_weights(weights)
