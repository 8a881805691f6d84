"""Networks over bags against the papers' formulas, computed sentence by sentence with plain loops."""

import numpy as np
import pytest
import torch
from support.bag import INSTANCES, N_MARKERS, N_WORDS, SIZES, WIDTH, make_bags, make_batch, random

from spacy_relx.bags.bag_classifiers import SigmoidBagClassifier, SoftmaxBagClassifier
from spacy_relx.bags.instance_batch import Bags
from spacy_relx.bags.positions import IndicatorFeatures, PositionFeatures, relative_positions
from spacy_relx.bags.sentence_encoders import CNN, PCNN, BiGRU, BiLSTM, PieceMax, windows
from spacy_relx.bags.sentence_weights import AtLeastOne, AverageSentences, SelectiveAttention, bag_softmax
from spacy_relx.bags.word_table import WordEmbedding

N_TOKENS = sum(length for length, _, _ in INSTANCES)
N_LABELS, VECTOR = 3, 5
WORDS = WordEmbedding(3, WIDTH, dropout=0.0, word_dropout=0.0, tune=True)  # for its width


def distance(place, mention):
    start, end = mention
    return place - start if place < start else 0 if place < end else place - end + 1


def sentences(tokens):
    """The rows of each sentence."""
    ends = np.cumsum([length for length, _, _ in INSTANCES])
    return np.split(np.asarray(tokens), ends[:-1])


def arrays(module):
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def test_relative_positions():
    expected = [[distance(i, head), distance(i, tail)] for n, head, tail in INSTANCES for i in range(n)]
    assert relative_positions(make_batch()).tolist() == expected


@pytest.mark.parametrize("max_distance", [2, 60])
def test_position_features(max_distance):
    module = PositionFeatures(N_MARKERS, width=3, max_distance=max_distance)
    head, tail = module.head.weight.detach().numpy(), module.tail.weight.detach().numpy()
    expected = []
    for n, *mentions in INSTANCES:
        for i in range(n):
            rows = [max(-max_distance, min(max_distance, distance(i, m))) + max_distance for m in mentions]
            expected.append(np.concatenate([head[rows[0]], tail[rows[1]]]))
    np.testing.assert_array_equal(module(make_batch()).detach(), np.array(expected))
    assert module.width == 6


@pytest.mark.parametrize("roles", [False, True])
def test_indicator_features(roles):
    module = IndicatorFeatures(N_MARKERS, width=2, roles=roles)
    expected = []
    for n, (hs, he), (ts, te) in INSTANCES:
        for i in range(n):
            head, tail = hs <= i < he, ts <= i < te
            expected.append([head, head, tail, tail] if roles else [head or tail] * 2)
    features = module(make_batch())
    np.testing.assert_array_equal(features, np.array(expected, dtype=float))
    assert features.shape[1] == module.width


def test_type_features_and_markers_that_are_not_known():
    # the last marker is beyond the table: taken for the uniform one
    module = PositionFeatures(N_MARKERS - 1, width=1, type_width=2)
    batch = make_batch()
    head, tail = (types.weight.detach().numpy() for types in (module.head_types, module.tail_types))
    known = [[0 if m == N_MARKERS - 1 else m for m in row] for row in batch.markers.tolist()]
    types = [np.concatenate([head[known[i][0]], tail[known[i][1]]]) for i in batch.owners().tolist()]
    expected = np.concatenate([module.places(batch).detach().numpy(), np.array(types)], axis=1)
    np.testing.assert_array_equal(module(batch).detach(), expected)
    assert module.width == expected.shape[1]
    assert {m for row in batch.markers.tolist() for m in row} == {0, 1, 2}


def test_word_embedding():
    module = WordEmbedding(N_WORDS, WIDTH, dropout=0.0, word_dropout=0.0, tune=True)
    batch = make_batch()
    np.testing.assert_array_equal(module(batch).detach(), module.table.weight.detach().numpy()[batch.tokens])


def test_word_dropout_takes_words_for_unknown_in_training_only():
    module = WordEmbedding(N_WORDS, WIDTH, dropout=0.0, word_dropout=0.5, tune=True)
    batch, table = make_batch(), module.table.weight.detach()
    torch.manual_seed(0)
    got = module(batch).detach()
    unknown = (got == table[0]).all(dim=1)
    assert unknown[batch.tokens != 0].any() and not unknown.all()
    torch.testing.assert_close(got[~unknown], table[batch.tokens[~unknown]])
    torch.testing.assert_close(module.eval()(batch), table[batch.tokens])


@pytest.mark.parametrize("kernel", [1, 3, 5, 11])
def test_a_convolution_sees_zeros_beyond_its_sentence(kernel):
    tokens = random(N_TOKENS, WIDTH)
    expected, margin = [], kernel // 2
    for rows in sentences(tokens):
        padded = np.pad(rows, ((margin, margin), (0, 0)))
        expected += [padded[i : i + kernel].ravel() for i in range(len(rows))]
    rows, places = windows(tokens, make_batch(), kernel)
    np.testing.assert_array_equal(rows[places], np.array(expected))


def naive_conv(module, tokens, piecewise, activation):
    """Zeng et al. 2015, section 3.3: c_i, the maxima of its pieces, and the activation."""
    weight, bias = module.convolution.weight.detach().numpy(), module.convolution.bias.detach().numpy()
    margin, vectors = module.kernel // 2, []
    for rows, (n, *mentions) in zip(sentences(tokens), INSTANCES):
        padded = np.pad(rows, ((margin, margin), (0, 0)))
        states = np.array([weight @ padded[i : i + module.kernel].ravel() + bias for i in range(n)])
        first, second = sorted(end for _, end in mentions)
        pieces = [states[:first], states[first:second], states[second:]] if piecewise else [states]
        maxima = [piece.max(axis=0) if len(piece) else np.zeros(len(bias)) for piece in pieces]
        vectors.append(activation(np.concatenate(maxima)))
    return np.array(vectors)


@pytest.mark.parametrize("piecewise", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_cnn_and_pcnn(piecewise, activation, kernel):
    settings = {"channels": 4, "kernel": kernel, "activation": activation, "dropout": 0.0}
    positions = PositionFeatures.configure(width=2, max_distance=5)
    module = (PCNN if piecewise else CNN)(WORDS, N_MARKERS, positions=positions, **settings).double()
    module.convolution.bias.data.normal_()
    words, batch = random(N_TOKENS, WIDTH), make_batch()
    tokens = torch.cat([words, module.positions(batch)], dim=1).detach()
    function = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[activation]
    got = module(words, batch).detach()
    assert got.shape == (len(INSTANCES), module.width_out)
    np.testing.assert_allclose(got, naive_conv(module, tokens, piecewise, function), atol=1e-12)


def test_the_maximum_of_pieces_and_its_gradient():
    """Rows in any order and not all of them; the third piece is empty, as is the last one."""
    values = random(9, 4).requires_grad_()
    rows, starts = torch.tensor([7, 1, 0, 8, 2, 3]), torch.tensor([0, 2, 3, 3, 6])
    assert torch.autograd.gradcheck(lambda each: PieceMax.apply(each, rows, starts), [values])
    expected = torch.nn.functional.embedding_bag(rows, values, starts, mode="max")
    found = PieceMax.apply(values, rows, starts)
    weights = random(5, 4)
    gradients = [torch.autograd.grad((each * weights).sum(), values)[0] for each in (expected, found)]
    assert torch.equal(found, expected) and torch.equal(*gradients) and not found[[2, 4]].any()


def gru_states(p, x, suffix):
    """Cho et al. 2014, with a bias on each side, as PyTorch has it."""
    wi, wh, bi, bh = (p[f"layer.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    hidden, states = np.zeros(wh.shape[1]), []
    for row in x:
        (ri, zi, ni), (rh, zh, nh) = np.split(wi @ row + bi, 3), np.split(wh @ hidden + bh, 3)
        reset, update = sigmoid(ri + rh), sigmoid(zi + zh)
        hidden = (1 - update) * np.tanh(ni + reset * nh) + update * hidden
        states.append(hidden)
    return np.array(states)


def lstm_states(p, x, suffix):
    wi, wh, bi, bh = (p[f"layer.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    hidden, cell, states = np.zeros(wh.shape[1]), np.zeros(wh.shape[1]), []
    for row in x:
        i, f, g, o = np.split(wi @ row + bi + wh @ hidden + bh, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("pool", ["last", "attention"])
def test_bigru_and_bilstm(kind, pool):
    torch.manual_seed(3)
    settings = {"positions": IndicatorFeatures.configure(width=2, roles=True), "hidden": 3, "dropout": 0.0}
    module = {"gru": BiGRU, "lstm": BiLSTM}[kind](WORDS, N_MARKERS, pooling=pool, **settings).double()
    words, batch = random(N_TOKENS, WIDTH), make_batch()
    tokens, p = torch.cat([words, module.positions(batch)], dim=1), arrays(module)
    run, expected = {"gru": gru_states, "lstm": lstm_states}[kind], []
    for x in sentences(tokens):
        forward, backward = run(p, x, ""), run(p, x[::-1], "_reverse")
        if pool == "last":
            expected.append(np.concatenate([forward[-1], backward[-1]]))
        else:  # Zhou et al. 2016, eq. 9-12
            states = np.concatenate([forward, backward[::-1]], axis=1)
            weights = softmax(np.tanh(states) @ p["query.weight"][0])
            expected.append(np.tanh(weights @ states))
    np.testing.assert_allclose(module(words, batch).detach(), np.array(expected), atol=1e-12)


def groups(sizes=SIZES):
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end) for end, size in zip(ends, sizes)]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_bag_softmax(scale):
    scores = random(sum(SIZES), 4) * scale
    expected = np.concatenate([np.array([softmax(scores[g, c].numpy()) for c in range(4)]).T for g in groups()])
    np.testing.assert_allclose(bag_softmax(scores, make_bags()), expected, atol=1e-12)


def attention(head, vectors, aggregator, tanh, tied):
    """Wu et al. 2017, section 3.2: u_i^r = tanh(s_i) q_r, a^r = softmax(u^r). (n_instances, n_queries)."""
    queries = arrays(head)["classifier.weight" if tied else "aggregator.queries"]
    states = np.tanh(vectors) if tanh else vectors
    weights = np.zeros((len(vectors), N_LABELS + 1))
    for group in groups():
        for r in range(N_LABELS + 1):
            weights[group, r] = softmax(np.array([states[i] @ queries[r] for i in group]))
    return weights


def average(head, vectors):
    return np.concatenate([np.full((size, N_LABELS + 1), 1 / size) for size in SIZES])


def at_least_one(head, vectors):
    """Zeng et al. 2015, eq. 7: the instance with the highest p(r)."""
    p = arrays(head)
    weights = np.zeros((len(vectors), N_LABELS + 1))
    for group in groups():
        for r in range(N_LABELS + 1):
            logits = [p["classifier.weight"] @ vectors[i] + p["classifier.bias"] for i in group]
            said = [softmax(each)[r] if isinstance(head, SoftmaxBagClassifier) else sigmoid(each)[r] for each in logits]
            weights[group[int(np.argmax(said))], r] = 1.0
    return weights


AGGREGATORS = {
    "tanh": lambda: SelectiveAttention(VECTOR, N_LABELS + 1, tanh=True, tied=False),
    "plain": lambda: SelectiveAttention(VECTOR, N_LABELS + 1, tanh=False, tied=False),
    "tied": lambda: SelectiveAttention(VECTOR, N_LABELS + 1, tanh=False, tied=True),
    "average": lambda: AverageSentences(VECTOR, N_LABELS + 1),
    "one": lambda: AtLeastOne(VECTOR, N_LABELS + 1),
}
TARGETS = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])


def naive_weights(name, head, vectors):
    if name in ("average", "one"):
        return {"average": average, "one": at_least_one}[name](head, vectors)
    return attention(head, vectors, name, tanh=name == "tanh", tied=name == "tied")


def bag_logits(head, vectors, weights):
    """A s_r + b for each bag and query r: (n_bags, n_queries, n_outcomes)."""
    p = arrays(head)
    return np.array(
        [
            [p["classifier.weight"] @ (weights[g, r] @ vectors[g]) + p["classifier.bias"] for r in range(N_LABELS + 1)]
            for g in groups()
        ]
    )


def make_head(kind, name, **settings):
    torch.manual_seed(5)
    head = kind(AGGREGATORS[name](), VECTOR, N_LABELS, dropout=0.0, **settings).double()
    head.classifier.bias.data.normal_()
    return head


@pytest.mark.parametrize("kind", [SoftmaxBagClassifier, SigmoidBagClassifier])
@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_weights_of_a_bag(kind, name):
    head, vectors, bags = make_head(kind, name), random(sum(SIZES), VECTOR, seed=2), make_bags()
    expected = naive_weights(name, head, vectors.numpy())
    got = head.weights(vectors, bags).detach()
    np.testing.assert_allclose(got, expected, atol=1e-12)
    queries = torch.tensor([2, 0, 3, 1])
    one = head.aggregator(vectors, head.logits_of(vectors), head.classifier, bags, queries).detach()
    np.testing.assert_allclose(one, expected[np.arange(len(vectors)), queries[bags.owners()]], atol=1e-12)


@pytest.mark.parametrize("weight", [1.0, 0.25])
@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_softmax_loss_and_scores(name, weight):
    head = make_head(SoftmaxBagClassifier, name, no_relation_weight=weight)
    vectors, bags = random(sum(SIZES), VECTOR, seed=2), make_bags()
    logits = bag_logits(head, vectors.numpy(), naive_weights(name, head, vectors.numpy()))
    p = np.array([[softmax(of_query)[r] for r, of_query in enumerate(of_bag)] for of_bag in logits])
    loss = weights = 0.0
    for row, target in enumerate(TARGETS):  # Wu et al. 2017, eq. 1, the gold relation being the query
        asked = [1 + r for r in np.flatnonzero(target)] or [0]
        weights += 1.0 if target.any() else weight
        loss -= sum(np.log(p[row, r]) for r in asked) * (1.0 if target.any() else weight)
    got = head.loss(vectors, bags, torch.from_numpy(TARGETS)).item()
    assert got == pytest.approx(loss / weights, abs=1e-9)
    np.testing.assert_allclose(head.scores(vectors, bags).detach(), p, atol=1e-9)
    np.testing.assert_allclose(head.log_scores(vectors, bags).detach(), np.log(p), atol=1e-9)


@pytest.mark.parametrize("weight", [1.0, 0.25])
@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_sigmoid_loss_and_scores(name, weight):
    head = make_head(SigmoidBagClassifier, name, no_relation_weight=weight)
    vectors, bags = random(sum(SIZES), VECTOR, seed=2), make_bags()
    logits = bag_logits(head, vectors.numpy(), naive_weights(name, head, vectors.numpy()))
    p = np.array([[sigmoid(of_bag[r, r]) for r in range(1, N_LABELS + 1)] for of_bag in logits])
    losses = -(TARGETS * np.log(p) + (1 - TARGETS) * np.log(1 - p)).sum(axis=1)
    bag_weights = np.where(TARGETS.any(axis=1), 1.0, weight)
    got = head.loss(vectors, bags, torch.from_numpy(TARGETS)).item()
    assert got == pytest.approx((losses * bag_weights).sum() / bag_weights.sum(), abs=1e-9)
    np.testing.assert_allclose(head.scores(vectors, bags).detach(), np.pad(p, ((0, 0), (1, 0)), constant_values=0.5))


@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_scores_in_parts_are_the_same(name, monkeypatch):
    head, vectors, bags = make_head(SoftmaxBagClassifier, name), random(sum(SIZES), VECTOR), make_bags()
    whole = head.scores(vectors, bags)
    monkeypatch.setattr("spacy_relx.bags.bag_classifiers._ROOM", 1)
    torch.testing.assert_close(head.scores(vectors, bags), whole)


def test_at_least_one_takes_the_first_of_equals():
    head = make_head(SoftmaxBagClassifier, "one")
    row = random(1, VECTOR)
    vectors = torch.cat([random(1, VECTOR, seed=1), row, row, row, row])
    bags = Bags.of_sizes(torch.tensor([3, 2]))
    weights = head.weights(vectors, bags)
    assert weights[:3].sum(0).tolist() == [1.0] * (N_LABELS + 1)
    assert not weights[2].any() and not weights[4].any()
    assert weights[3].tolist() == [1.0] * (N_LABELS + 1)


@pytest.mark.parametrize("kind", [SoftmaxBagClassifier, SigmoidBagClassifier])
@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_a_bag_without_sentences_is_the_classifiers_bias(kind, name):
    head = make_head(kind, name)
    vectors = random(3, VECTOR)
    scores = head.scores(vectors, Bags.of_sizes(torch.tensor([0, 3, 0])))
    bias = arrays(head)["classifier.bias"]
    expected = softmax(bias) if kind is SoftmaxBagClassifier else np.append(0.5, sigmoid(bias[1:]))
    for row in (0, 2):
        np.testing.assert_allclose(scores[row].detach(), expected, atol=1e-9)
    torch.testing.assert_close(scores[1:2], head.scores(vectors, Bags.of_sizes(torch.tensor([3]))))


def test_dropout_is_on_the_bags_vector():
    """With everything dropped but the bias, all bags look alike; the weights of their sentences do not."""
    for kind in (SoftmaxBagClassifier, SigmoidBagClassifier):
        head, vectors, bags = make_head(kind, "tanh"), random(sum(SIZES), VECTOR), make_bags()
        targets = torch.from_numpy(TARGETS)
        kept = head.loss(vectors, bags, targets)
        head.dropout.p = 0.5
        torch.manual_seed(0)
        dropped = head.loss(vectors, bags, targets)
        torch.manual_seed(0)
        mask = head.dropout(torch.ones(len(SIZES), VECTOR, dtype=torch.float64))
        assert dropped != kept and {0.0, 2.0} == set(mask.unique().tolist())
        assert head.eval().loss(vectors, bags, targets) == kept
        if kind is SigmoidBagClassifier:  # one mask a bag, for all its relations
            weights = head.weights(vectors, bags).detach().numpy()
            expected = 0.0
            for row, group in enumerate(groups()):
                for r in range(1, N_LABELS + 1):
                    pooled = (weights[group, r] @ vectors[group].numpy()) * mask[row].numpy()
                    p = arrays(head)
                    logit = p["classifier.weight"][r] @ pooled + p["classifier.bias"][r]
                    expected += np.log1p(np.exp(-logit if TARGETS[row, r - 1] else logit))
            assert dropped.item() == pytest.approx(expected / len(SIZES))
