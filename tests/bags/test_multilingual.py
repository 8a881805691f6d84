"""Bags in several languages against the paper's formulas, computed bag by bag and language by language."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from spacy.util import registry
from support.bag import N_MARKERS, N_WORDS, SIZES, make_bags, make_batch
from thinc.api import Config, fix_random_seed

from spacy_relx.bags.amnre import Combine, combine
from spacy_relx.bags.instance_batch import Bags
from spacy_relx.bags.language_adversary import Fooling, Penalty, orthogonality
from spacy_relx.core.task import Task, layer_of
from spacy_relx.errors import RelxError

#: Of the sentences of `bag_util`: a bag in all three languages, two in one each, and one twice in the same.
LANGS = [1, 2, 3, 2, 1, 1, 3]
N_LANGS, N_LABELS = 3, 3
#: A relation, two at once, none, one.
TARGETS = torch.tensor([[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]]).float()
MODEL = """
[model]
@architectures = "spacy_relx.MultilingualBagModel.v1"
langs = ["de","en","zh"]
orthogonality = 0.0

[model.words]
@architectures = "spacy_relx.WordTable.v1"
width = 4

[model.individual]
@architectures = "spacy_relx.CNN.v1"
channels = 5
activation = "tanh"
dropout = 0.0

[model.individual.positions]
@architectures = "spacy_relx.PositionFeatures.v1"
width = 2

[model.consistent]
@architectures = "spacy_relx.BiGRU.v1"
hidden = 3
dropout = 0.0

[model.consistent.positions]
@architectures = "spacy_relx.PositionFeatures.v1"
width = 2

[model.classifier]
@architectures = "spacy_relx.BagClassifier.v1"
no_relation_weight = 0.25

[model.classifier.aggregator]
@architectures = "spacy_relx.SelectiveAttention.v1"
tanh = false
"""
ADVERSARY = {"@architectures": "spacy_relx.LanguageAdversary.v1", "hidden": 6, "dropout": 0.0}
ABLATIONS = {
    "full": {"adversary": ADVERSARY, "orthogonality": 0.1},
    "noA": {"orthogonality": 0.1},
    "noBoth": {},
    "joint": {"consistent": None, "combine": "average"},
    "share": {"consistent": None, "combine": "average", "share_classifiers": True},
    "consistent": {"individual": None},
    "mnre": {"consistent": None, "share_encoders": True},
}


def build(**settings):
    """The model's layer, as a config has it."""
    config = Config().from_str(MODEL)
    config["model"].update(settings)
    return registry.resolve({"model": config["model"]})["model"]


def make_network(seed=0, **settings):
    """The network alone, in double precision and out of training. Biases are not 0, as they are at first."""
    fix_random_seed(seed)
    layer = layer_of(build(**settings))
    layer.task, layer.sizes = Task(labels=tuple("abcdefgh"[:N_LABELS]), n_markers=N_MARKERS), {"n_words": N_WORDS}
    network = layer.build().double().eval()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    return network


def batch_of(langs=LANGS):
    return replace(make_batch(), langs=torch.tensor(langs))


def alone(batch, rows):
    """The batch of some sentences, with tokens and mentions numbered from 0."""
    return batch.select(torch.tensor(rows))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def vectors_of(network, encoders, batch):
    """Eq. 6, one sentence at a time."""
    singles = [alone(batch, [i]) for i in range(len(batch))]
    with torch.no_grad():
        return [encoders[int(each.langs) - 1](network.words(each), each)[0].numpy() for each in singles]


def attention(head, vectors, query):
    """Eq. 7 and 9: how much each sentence counts."""
    return softmax(np.array([head.aggregator.queries[query].detach().numpy() @ vector for vector in vectors]))


def probability(head, vectors, query):
    """Eq. 8 (10) and 12: p(query | s) with `query` as the query."""
    pooled = sum(a * vector for a, vector in zip(attention(head, vectors, query), vectors))
    weight, bias = head.classifier.weight.detach().numpy(), head.classifier.bias.detach().numpy()
    return softmax(weight @ pooled + bias)[query]


def bags_of(sizes=SIZES):
    return np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])


def factors(network, batch):
    """For each bag and query the factors of eq. 11: that of the common space, and one for each language it has."""
    common = network.individual if network.shared else network.consistent
    consistent = None if common is None else vectors_of(network, common, batch)
    individual = None if network.individual is None else vectors_of(network, network.individual, batch)
    out = []
    for rows in bags_of():
        of_bag = []
        for query in range(N_LABELS + 1):
            each = [] if consistent is None else [probability(network.classifier, [consistent[i] for i in rows], query)]
            for lang in range(1, N_LANGS + 1) if individual is not None else ():
                mine = [individual[i] for i in rows if int(batch.langs[i]) == lang]
                if mine:
                    each.append(probability(network.classifiers[lang - 1], mine, query))
            of_bag.append(each)
        out.append(of_bag)
    return out


JOINING = {
    "product": lambda each: np.prod(each),
    "geometric": lambda each: np.prod(each) ** (1 / len(each)),
    "average": lambda each: np.mean(each),
}


@pytest.mark.parametrize("how", get_args(Combine))
@pytest.mark.parametrize("name", ABLATIONS)
def test_scores_are_those_of_the_formulas(name, how):
    """Eq. 6-12, each relation under its own query; a language that a bag lacks has no factor."""
    network, batch = make_network(**{**ABLATIONS[name], "combine": how}), batch_of()
    wanted = [[JOINING[how](each) for each in of_bag] for of_bag in factors(network, batch)]
    with torch.no_grad():
        scores, weights = network(batch, make_bags())
    np.testing.assert_allclose(scores, wanted, atol=1e-10)
    assert weights.shape == (len(batch), N_LABELS + 1)


def test_a_bag_without_a_language_is_the_product_of_the_other_factors():
    """Taking the sentences of a language away takes its factor away, and nothing else from the individual side."""
    network, batch = make_network(consistent=None), batch_of()
    rows = bags_of()[0].tolist()
    assert [LANGS[i] for i in rows] == [1, 2, 3]
    with torch.no_grad():
        every = network(alone(batch, rows), Bags.of_sizes(torch.tensor([3])))[0]
        for lang in (1, 2, 3):
            others = [i for i in rows if LANGS[i] != lang]
            one = [i for i in rows if LANGS[i] == lang]
            without = network(alone(batch, others), Bags.of_sizes(torch.tensor([2])))[0]
            factor = network(alone(batch, one), Bags.of_sizes(torch.tensor([1])))[0]
            torch.testing.assert_close(without * factor, every)


def test_combine():
    probabilities = np.array([[0.5, 0.2], [0.1, 0.9], [0.25, 0.4]])
    there = np.array([[True, True], [False, True], [True, False]])
    logs = torch.from_numpy(np.log(probabilities)).unsqueeze(2)
    for how, joined in JOINING.items():
        wanted = [joined(probabilities[there[:, bag], bag]) for bag in range(2)]
        got = combine(logs, torch.from_numpy(there).unsqueeze(2), how)
        np.testing.assert_allclose(got.squeeze(1), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ABLATIONS)
def test_evidence_weights(name):
    """Those of the common space, or of each language's sentences among themselves, languages alike; 1 in each bag."""
    network, batch = make_network(**ABLATIONS[name]), batch_of()
    with torch.no_grad():
        weights = network(batch, make_bags())[1].numpy()
    common = network.individual if network.shared else network.consistent
    vectors = vectors_of(network, common if common is not None else network.individual, batch)
    for rows in bags_of():
        np.testing.assert_allclose(weights[rows].sum(0), 1, atol=1e-10)
        langs = {LANGS[i] for i in rows}
        for query in range(N_LABELS + 1):
            if common is not None:
                np.testing.assert_allclose(
                    weights[rows, query], attention(network.classifier, [vectors[i] for i in rows], query), atol=1e-10
                )
            for lang in langs if common is None else ():
                mine = [i for i in rows if LANGS[i] == lang]
                wanted = attention(network.classifiers[lang - 1], [vectors[i] for i in mine], query) / len(langs)
                np.testing.assert_allclose(weights[mine, query], wanted, atol=1e-10)


def naive_relation_loss(network, batch, weight=0.25):
    """Eq. 13: of the product, for each relation that holds, or no-relation; gold relations as queries."""
    total, norm = 0.0, 0.0
    for each, target in zip(factors(network, batch), TARGETS):
        gold = [1 + i for i in range(N_LABELS) if target[i]] or [0]
        share = weight if gold == [0] else 1.0
        norm += share
        total -= share * sum(np.log(np.prod(each[query])) for query in gold)
    return total / norm


@pytest.mark.parametrize("how", get_args(Combine))
@pytest.mark.parametrize("name", ["noBoth", "joint", "share", "consistent", "mnre"])
def test_loss_is_that_of_the_formula(name, how):
    """Bags with one relation, with two and with none; `combine` is a matter of prediction."""
    network, batch = make_network(**{**ABLATIONS[name], "combine": how}), batch_of()
    loss = network.loss(batch, make_bags(), TARGETS)
    assert float(loss.detach()) == pytest.approx(naive_relation_loss(network, batch), abs=1e-10)


@pytest.mark.parametrize("kind", get_args(Penalty))
def test_penalty_is_a_sum_over_languages(kind):
    """Eq. 17 and 18."""
    settings = {"orthogonality": 0.3, "penalty": kind}
    network, batch = make_network(**settings), batch_of()
    individual, consistent = (
        torch.from_numpy(np.array(vectors_of(network, encoders, batch)))
        for encoders in (network.individual, network.consistent)
    )
    langs = torch.tensor(LANGS)
    penalty = sum(
        orthogonality(individual[langs == lang], consistent[langs == lang], kind) for lang in range(1, N_LANGS + 1)
    )
    loss = network.loss(batch, make_bags(), TARGETS)
    wanted = naive_relation_loss(network, batch) + 0.3 * float(penalty)
    assert float(loss.detach()) == pytest.approx(wanted, abs=1e-10)
    network.zero_grad()
    network._penalty(*network.encode(network.words(batch), batch), batch.langs).backward()
    for encoders in (network.individual, network.consistent):
        assert all(float(encoder.positions.head.weight.grad.abs().max()) > 0 for encoder in encoders)
    assert network.classifier.classifier.weight.grad is None


def test_reversal_adds_the_discriminators_loss_and_turns_its_gradient():
    game = {**ADVERSARY, "game": "reversal", "weight": 0.7}
    network, plain, batch = make_network(adversary=game), make_network(), batch_of()
    assert not network.plays
    plain.load_state_dict({n: p for n, p in network.state_dict().items() if not n.startswith("discriminator")})
    loss = network.loss(batch, make_bags(), TARGETS)
    relations, languages = plain.loss(batch, make_bags(), TARGETS), network.discriminator_loss(batch)
    assert float(loss.detach()) == pytest.approx(float((relations + languages).detach()), abs=1e-10)
    loss.backward()
    relations.backward()
    encoded = network.encode(network.words(batch), batch)[1]
    cross_entropy = torch.nn.functional.cross_entropy(network.discriminator(encoded), batch.langs - 1)
    places = [n for n, _ in network.named_parameters() if n.startswith(("consistent", "words"))]
    parameters = dict(network.named_parameters())
    of_languages = torch.autograd.grad(cross_entropy, [parameters[n] for n in places])
    for name, gradient in zip(places, of_languages):
        wanted = plain.get_parameter(name).grad - 0.7 * gradient
        torch.testing.assert_close(parameters[name].grad, wanted)
    torch.testing.assert_close(
        parameters["individual.0.convolution.weight"].grad, plain.individual[0].convolution.weight.grad
    )
    assert float(parameters["discriminator.output.weight"].grad.abs().max()) > 0


@pytest.mark.parametrize("name", ["full", "share", "mnre"])
def test_gradients_equal_finite_differences(name):
    """Of each part, in one random direction of all its parameters."""
    network, batch, bags = make_network(**ABLATIONS[name]), batch_of(), make_bags()
    network.loss(batch, bags, TARGETS).backward()
    random = torch.Generator().manual_seed(1)
    for part in {n.split(".")[0] for n, p in network.named_parameters() if p.grad is not None}:
        parameters = [p for p in getattr(network, part).parameters() if p.grad is not None]
        directions = [torch.randn(p.shape, dtype=torch.float64, generator=random) for p in parameters]
        sides = []
        with torch.no_grad():
            for step in (1e-5, -2e-5, 1e-5):
                for parameter, direction in zip(parameters, directions):
                    parameter += step * direction
                sides.append(float(network.loss(batch, bags, TARGETS)))
        expected = sum(float((p.grad * direction).sum()) for p, direction in zip(parameters, directions))
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(expected, rel=1e-4, abs=1e-7), part


@pytest.mark.parametrize("kind", get_args(Fooling))
def test_each_step_of_the_game_moves_its_own_part_only(kind):
    """Check 3: gradients that a step leaves out are none, not zero, so that no momentum can move anything."""
    network, batch = make_network(adversary={**ADVERSARY, "fooling": kind, "steps": 2, "fooling_steps": 3}), batch_of()
    network.train()
    assert network.plays
    moved = []
    for loss_of, parameters in network.games():
        loss = loss_of(batch)
        assert loss.ndim == 0 and loss.requires_grad
        torch.autograd.backward(loss, inputs=parameters)
        with_gradient = {n.split(".")[0] for n, p in network.named_parameters() if p.grad is not None}
        assert all(float(p.grad.abs().max()) > 0 for p in parameters if p.grad is not None)
        moved.append(with_gradient)
        network.zero_grad()
    assert moved == [{"discriminator"}] * 2 + [{"consistent"}] * 3


def test_an_encoder_that_cannot_move_is_not_stepped_on():
    network = make_network(adversary=ADVERSARY)
    network.consistent.requires_grad_(False)
    assert len(list(network.games())) == 1


def test_told_apart():
    network, batch = make_network(adversary=ADVERSARY), batch_of()
    with torch.no_grad():
        network.discriminator.output.weight.zero_()
        network.discriminator.output.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    assert network.told_apart(batch) == (LANGS.count(2), len(LANGS))


# What changes nothing


@pytest.mark.parametrize("name", ABLATIONS)
def test_batched_equals_one_by_one(name):
    network, batch = make_network(**ABLATIONS[name]), batch_of()
    with torch.no_grad():
        scores, weights = network(batch, make_bags())
        for bag, rows in enumerate(bags_of()):
            one = network(alone(batch, rows.tolist()), Bags.of_sizes(torch.tensor([len(rows)])))
            torch.testing.assert_close(one[0], scores[bag : bag + 1])
            torch.testing.assert_close(one[1], weights[torch.from_numpy(rows)])


@pytest.mark.parametrize("name", ["full", "mnre"])
def test_encoding_in_parts_changes_nothing(name):
    network, batch = make_network(**ABLATIONS[name]), batch_of()
    results = []
    for batch_tokens in (1, 10**6):
        network.batch_tokens = batch_tokens
        network.zero_grad()
        loss = network.loss(batch, make_bags(), TARGETS)
        loss.backward()
        grads = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
        with torch.no_grad():
            results.append({"loss": loss.detach(), "scores": network(batch, make_bags())[0], **grads})
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", ABLATIONS)
def test_order_of_sentences_does_not_matter(name):
    """Languages mixed within a bag in any order."""
    network, batch = make_network(**ABLATIONS[name]), batch_of()
    order = torch.tensor([2, 0, 1, 3, 5, 4, 6])
    with torch.no_grad():
        scores, weights = network(batch, make_bags())
        other, moved = network(batch.select(order), make_bags())
        losses = [network.loss(each, make_bags(), TARGETS) for each in (batch, batch.select(order))]
    torch.testing.assert_close(other, scores)
    torch.testing.assert_close(moved, weights[order])
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("name", ["full", "joint", "mnre"])
def test_order_of_languages_does_not_matter(name):
    network, batch = make_network(**ABLATIONS[name]), batch_of()
    with torch.no_grad():
        scores = network(batch, make_bags())[0]
        order = [2, 0, 1]  # the language that was third is now first
        for part in ("individual", "consistent", "classifiers"):
            modules = getattr(network, part)
            if modules is not None:
                setattr(network, part, torch.nn.ModuleList([modules[i] for i in order]))
        new = torch.tensor([order.index(lang - 1) + 1 for lang in LANGS])
        torch.testing.assert_close(network(replace(batch, langs=new), make_bags())[0], scores)


# Settings


def test_shared_parts_are_one():
    network = make_network(**ABLATIONS["share"])
    assert len({id(head) for head in network.classifiers}) == 1
    network = make_network(**ABLATIONS["mnre"])
    assert network.shared and not any(name.startswith("consistent") for name in network.state_dict())
    assert len({id(encoder) for encoder in network.individual}) == N_LANGS


SIGMOID = {
    "@architectures": "spacy_relx.BagClassifier.v1",
    "loss": "sigmoid",
    "aggregator": {"@architectures": "spacy_relx.AverageSentences.v1"},
}


@pytest.mark.parametrize(
    "settings, code",
    [
        ({"individual": None, "consistent": None}, "RX385"),
        ({"adversary": ADVERSARY, "consistent": None}, "RX385"),
        ({"adversary": ADVERSARY, "langs": ["en"]}, "RX385"),
        ({"share_encoders": True}, "RX385"),
        ({"share_encoders": True, "individual": None}, "RX385"),
        ({"share_encoders": True, "individual": None, "consistent": None}, "RX385"),
        ({"share_classifiers": True, "individual": None}, "RX385"),
        ({"classifier": SIGMOID}, "RX385"),
        ({"langs": []}, "RX021"),
        ({"langs": ["en", ""]}, "RX021"),
        ({"langs": ["en", "en"]}, "RX021"),
        ({"combine": "sum"}, "RX021"),
        ({"penalty": "l2"}, "RX021"),
        ({"orthogonality": -0.1}, "RX021"),
        ({"batch_tokens": 0}, "RX021"),
        ({"adversary": {**ADVERSARY, "steps": 0}}, "RX021"),
        ({"adversary": {**ADVERSARY, "fooling": "loud"}}, "RX021"),
        ({"adversary": {**ADVERSARY, "game": "chess"}}, "RX021"),
        ({"adversary": {**ADVERSARY, "weight": -1.0}}, "RX021"),
    ],
)
def test_settings_that_make_no_sense(settings, code):
    with pytest.raises(RelxError) as caught:
        build(**settings)
    assert caught.value.code == code
