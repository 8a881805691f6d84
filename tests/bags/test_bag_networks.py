"""Networks over bags: gradients, adversarial training, and what must not change a score."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from support.bag import INSTANCES, N_MARKERS, N_WORDS, SIZES, WIDTH, make_bags, make_batch, random
from torch.func import functional_call

from spacy_relx.bags.bag_classifiers import SigmoidBagClassifier, SoftmaxBagClassifier
from spacy_relx.bags.instance_batch import Bags
from spacy_relx.bags.network import BagNetwork, encode_in_parts, word_groups
from spacy_relx.bags.perturbation import Perturbation, Scope
from spacy_relx.bags.positions import IndicatorFeatures, PositionFeatures
from spacy_relx.bags.sentence_encoders import CNN, PCNN, BiGRU, BiLSTM, piece_max
from spacy_relx.bags.sentence_weights import AtLeastOne, AverageSentences, SelectiveAttention
from spacy_relx.bags.word_table import WordEmbedding
from spacy_relx.core.precision import computes_bf16

N_LABELS = 3
N_TOKENS = sum(length for length, _, _ in INSTANCES)
TARGETS = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])


def make_encoder(name, dropout=0.0):
    torch.manual_seed(1)
    if name in ("cnn", "pcnn"):
        settings = {"channels": 3, "kernel": 3, "activation": "tanh", "dropout": dropout}
        positions = PositionFeatures.configure(width=2, max_distance=4, type_width=1)
        encoder = {"cnn": CNN, "pcnn": PCNN}[name]
        return encoder(make_words(), N_MARKERS, positions=positions, **settings).double()
    kind, pooling = name.split("-")
    settings = {"positions": IndicatorFeatures.configure(width=1, roles=True), "hidden": 2, "dropout": dropout}
    return {"gru": BiGRU, "lstm": BiLSTM}[kind](make_words(), N_MARKERS, pooling=pooling, **settings).double()


def make_words(dropout=0.0):
    return WordEmbedding(N_WORDS, WIDTH, dropout=dropout, word_dropout=0.0, tune=True)


ENCODERS = ["cnn", "pcnn", "gru-last", "gru-attention", "lstm-last", "lstm-attention"]


def make_aggregator(name, width):
    if name == "average":
        return AverageSentences(width, N_LABELS + 1)
    if name == "one":
        return AtLeastOne(width, N_LABELS + 1)
    return SelectiveAttention(width, N_LABELS + 1, tanh=name == "tanh", tied=name == "tied")


AGGREGATORS = ["tanh", "plain", "tied", "average", "one"]


def make_network(
    encoder="pcnn",
    aggregator="tanh",
    classifier=SoftmaxBagClassifier,
    perturbation=None,
    dropout=0.0,
    batch_tokens=1000,
):
    sentences = make_encoder(encoder, dropout)
    weights = make_aggregator(aggregator, sentences.width_out)
    of_bags = classifier(weights, sentences.width_out, N_LABELS, dropout=dropout)
    return BagNetwork(make_words(dropout), sentences, of_bags, perturbation, batch_tokens).double()


def check_gradients(module, function, *inputs):
    """Numeric gradients to the inputs and to all parameters. function: (parameters by name, inputs) -> values."""
    parameters = dict(module.named_parameters())
    leaves = [each.detach().clone().requires_grad_() for each in parameters.values()]

    def values(*args):
        given = dict(zip(parameters, args[len(inputs) :]))
        return function(given, *args[: len(inputs)])

    return torch.autograd.gradcheck(
        values, (*(each.clone().requires_grad_() for each in inputs), *leaves), fast_mode=True
    )


@pytest.mark.parametrize("name", ENCODERS)
def test_gradient_of_encoders(name):
    module = make_encoder(name)
    batch = make_batch(INSTANCES[:4])
    words = random(len(batch.tokens), WIDTH)
    assert check_gradients(module, lambda p, w: functional_call(module, p, (w, batch)), words)


@pytest.mark.parametrize("piecewise", [False, True])
def test_maxima_are_the_same_with_a_gradient_and_without(piecewise):
    module = make_encoder("pcnn" if piecewise else "cnn")
    batch = make_batch()
    words = random(len(batch.tokens), WIDTH)
    found = module(words, batch)
    assert found.requires_grad and found.any()
    with torch.inference_mode():
        assert torch.equal(module(words, batch), found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maxima_of_pieces(dtype):
    values = -random(7, 3).abs().to(dtype)  # below the zeros of an empty piece
    rows, starts = torch.tensor([0, 1, 3, 4, 6]), torch.tensor([0, 2, 2, 4])
    pieces = [[0, 1], [], [3, 4], [6]]
    wanted = torch.stack([values[piece].amax(dim=0) if piece else values.new_zeros(3) for piece in pieces])
    assert torch.equal(piece_max(values, rows, starts), wanted)
    leaf = values.clone().requires_grad_()
    pooled = piece_max(leaf, rows, starts)
    assert torch.equal(pooled, wanted)
    pooled.sum().backward()
    assert leaf.grad.sum() == 9 and not leaf.grad[[2, 5]].any()


def test_convolution_in_bfloat16():
    batch = make_batch(INSTANCES[:4])
    words = random(len(batch.tokens), WIDTH).float()
    outputs = {}
    for precision in ("fp32", "bf16", "auto"):
        module = make_encoder("pcnn").float()
        module.precision = precision
        outputs[precision] = module(words, batch)
        outputs[precision].sum().backward()
        assert outputs[precision].dtype == module.convolution.weight.grad.dtype == torch.float32
        assert all(p.grad is not None and p.grad.any() for p in module.parameters())
    assert not torch.equal(outputs["bf16"], outputs["fp32"])
    assert torch.allclose(outputs["bf16"], outputs["fp32"], atol=0.05)
    assert torch.equal(outputs["auto"], outputs["bf16" if computes_bf16("cpu") else "fp32"])


class Loss(torch.nn.Module):
    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, vectors, bags, targets):
        return self.head.loss(vectors, bags, targets)


@pytest.mark.parametrize("head", [SoftmaxBagClassifier, SigmoidBagClassifier])
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_gradient_of_heads(head, aggregator):
    torch.manual_seed(2)
    module = Loss(head(make_aggregator(aggregator, 4), 4, N_LABELS, dropout=0.0, no_relation_weight=0.5).double())
    vectors, bags = random(sum(SIZES), 4), make_bags()
    assert check_gradients(module, lambda p, v: functional_call(module, p, (v, bags, TARGETS)), vectors)


def test_gradient_of_the_whole_network_reaches_every_parameter():
    network = make_network()
    network.loss(make_batch(), make_bags(), TARGETS).backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


# Adversarial training


def norms(change, scope):
    groups, n = word_groups(scope, make_batch(), make_bags())
    return torch.stack([change[groups == i].norm() for i in range(n)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("eps", [0.01, 0.5, 20.0])
@pytest.mark.parametrize("scope", get_args(Scope))
def test_the_perturbation_is_as_long_as_eps(scope, eps, dtype):
    groups, n = word_groups(scope, make_batch(), make_bags())
    gradient = random(N_TOKENS, WIDTH, seed=7).to(dtype)
    change = Perturbation(eps=eps, scope=scope).change(gradient, groups, n)
    assert change.dtype == dtype
    lengths = norms(change.double(), scope)
    assert len(lengths) == {"sentence": len(INSTANCES), "bag": len(SIZES), "batch": 1}[scope]
    assert (lengths / eps - 1).abs().max() < 1e-6
    for i in range(n):  # in the direction of the gradient
        mine, of = change[groups == i].flatten().double(), gradient[groups == i].flatten().double()
        assert torch.dot(mine, of) / of.norm() == pytest.approx(eps, rel=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_gradients_of_any_size_count_alike(size):
    groups, n = word_groups("bag", make_batch(), make_bags())
    gradient = (random(N_TOKENS, WIDTH) * size).float()
    lengths = norms(Perturbation(eps=0.1, scope="bag").change(gradient, groups, n).double(), "bag")
    assert (lengths - 0.1).abs().max() < 1e-6


@pytest.mark.parametrize("scope", get_args(Scope))
def test_no_change_where_the_gradient_is_zero(scope):
    groups, n = word_groups(scope, make_batch(), make_bags())
    gradient = random(N_TOKENS, WIDTH)
    silent = make_batch().owners() == 3  # a sentence, and a bag of its own
    gradient[silent] = 0.0
    change = Perturbation(eps=0.1, scope=scope).change(gradient, groups, n)
    assert not change[silent].any() and torch.isfinite(change).all()
    assert not Perturbation(eps=0.1, scope=scope).change(torch.zeros_like(gradient), groups, n).any()
    expected = [0.0 if scope != "batch" and silent[groups == i].all() else 0.1 for i in range(n)]
    assert norms(change, scope).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("encoder", ["pcnn", "gru-last"])
@pytest.mark.parametrize("scope", get_args(Scope))
def test_only_the_loss_at_the_changed_words_is_optimised(encoder, scope):
    """Against eq. 2-4 of the paper, step by step: e is a constant, and the first pass leaves no gradient."""
    network = make_network(encoder, perturbation=Perturbation(eps=0.3, scope=scope))
    batch, bags = make_batch(), make_bags()
    loss = network.loss(batch, bags, TARGETS)
    loss.backward()
    got = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()

    words = network.words(batch).detach().requires_grad_()
    base = network.classifier.loss(network.encoder(words, batch), bags, TARGETS)
    (gradient,) = torch.autograd.grad(base, words)
    change = torch.zeros_like(gradient)
    groups = {"sentence": batch.owners(), "bag": bags.owners()[batch.owners()], "batch": torch.zeros(N_TOKENS)}[scope]
    for group in groups.unique():
        change[groups == group] = 0.3 * gradient[groups == group] / gradient[groups == group].norm()
    expected = network.classifier.loss(network.encoder(network.words(batch) + change, batch), bags, TARGETS)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    assert loss > base
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad)


@pytest.mark.parametrize("scope", get_args(Scope))
def test_without_length_it_is_the_base_loss(scope):
    clean, changed = make_network(), make_network(perturbation=Perturbation(eps=0.0, scope=scope))
    changed.load_state_dict(clean.state_dict())
    losses = [network.loss(make_batch(), make_bags(), TARGETS) for network in (clean, changed)]
    assert losses[0] == losses[1]
    for loss in losses:
        loss.backward()
    for one, other in zip(clean.parameters(), changed.parameters()):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)


@pytest.mark.parametrize("batch_tokens", [1000, 5])
@pytest.mark.parametrize("head", [SoftmaxBagClassifier, SigmoidBagClassifier])
def test_both_passes_have_the_same_dropout_masks(head, batch_tokens):
    settings = {"perturbation": Perturbation(eps=0.1, scope="bag"), "dropout": 0.5, "batch_tokens": batch_tokens}
    network = make_network(classifier=head, **settings)
    masks = {"words": [], "encoder": [], "classifier": []}
    for name, seen in masks.items():
        dropout = getattr(network, name).dropout
        dropout.register_forward_hook(lambda _, given, out, seen=seen: seen.append((given[0].detach(), out.detach())))
    torch.manual_seed(0)
    network.loss(make_batch(), make_bags(), TARGETS)
    after = torch.rand(1)
    assert len(masks["words"]) == 1  # the words are drawn once, and both passes take the result
    assert len(masks["classifier"]) == 2
    n = len(masks["encoder"]) // 2
    assert n == (1 if batch_tokens == 1000 else 5)
    for first, second in (
        (masks["encoder"][:n], masks["encoder"][-n:]),
        (masks["classifier"][:1], masks["classifier"][1:]),
    ):
        for (given, out), (changed, of_changed) in zip(first, second):
            both = (given != 0) & (changed != 0)
            assert torch.equal((out != 0)[both], (of_changed != 0)[both])
            assert 0 < (out != 0)[both].float().mean() < 1
    assert not torch.equal(masks["encoder"][0][0], masks["encoder"][-n][0])
    torch.manual_seed(0)  # the first pass takes nothing from the stream of random numbers
    network.perturbation = None
    network.loss(make_batch(), make_bags(), TARGETS)
    assert torch.rand(1) == after


def test_positions_are_not_changed():
    network = make_network(perturbation=Perturbation(eps=5.0, scope="batch"))
    seen = []
    network.encoder.positions.register_forward_hook(lambda module, given, out: seen.append(out.detach()))
    read = []
    network.encoder.register_forward_pre_hook(lambda module, given: read.append(given[0].detach()))
    network.loss(make_batch(), make_bags(), TARGETS)
    assert len(seen) == len(read) == 2
    assert torch.equal(seen[0], seen[1])
    assert (read[0] - read[1]).norm() == pytest.approx(5.0)


def test_out_of_training_the_words_are_as_they_are():
    clean, changed = (
        make_network(dropout=0.5),
        make_network(dropout=0.5, perturbation=Perturbation(eps=5.0, scope="bag")),
    )
    changed.load_state_dict(clean.state_dict())
    batch, bags = make_batch(), make_bags()
    clean.eval(), changed.eval()
    with torch.inference_mode():
        for one, other in zip(clean(batch, bags), changed(batch, bags)):
            assert torch.equal(one, other)
        assert clean.loss(batch, bags, TARGETS) == changed.loss(batch, bags, TARGETS)


def test_frozen_words_can_be_perturbed():
    network = make_network(perturbation=Perturbation(eps=0.3, scope="bag"))
    network.words.table.weight.requires_grad_(False)
    network.loss(make_batch(), make_bags(), TARGETS).backward()
    assert network.words.table.weight.grad is None
    assert network.encoder.convolution.weight.grad.any()


# What must not change a score


def bag_alone(batch, bags, row):
    rows = torch.arange(int(bags.starts[row]), int(bags.starts[row] + bags.sizes[row]))
    return batch.select(rows), Bags.of_sizes(bags.sizes[row : row + 1])


@pytest.mark.parametrize("head", [SoftmaxBagClassifier, SigmoidBagClassifier])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_batched_equals_bag_by_bag(encoder, head):
    """So adding other bags changes nothing, and neither does the length of other sentences."""
    for aggregator in AGGREGATORS:
        network = make_network(encoder, aggregator, head).float().eval()
        batch, bags = make_batch(), make_bags()
        scores, weights = network(batch, bags)
        alone = [network(*bag_alone(batch, bags, row)) for row in range(len(bags))]
        torch.testing.assert_close(scores, torch.cat([s for s, _ in alone]), atol=1e-5, rtol=0)
        torch.testing.assert_close(weights, torch.cat([w for _, w in alone]), atol=1e-5, rtol=0)
        totals = torch.stack([weights[bags.owners() == row].sum(0) for row in range(len(bags))])
        torch.testing.assert_close(totals, torch.ones_like(totals))


@pytest.mark.parametrize("aggregator", AGGREGATORS)
@pytest.mark.parametrize("encoder", ["pcnn", "lstm-attention"])
def test_the_order_of_sentences_in_a_bag_does_not_matter(encoder, aggregator):
    network = make_network(encoder, aggregator).eval()
    batch, bags = make_batch(), make_bags()
    order = torch.tensor([2, 0, 1, 3, 5, 4, 6])
    scores, weights = network(batch, bags)
    moved, moved_weights = network(batch.select(order), bags)
    torch.testing.assert_close(moved, scores)
    torch.testing.assert_close(moved_weights, weights[order])
    torch.testing.assert_close(network.loss(batch.select(order), bags, TARGETS), network.loss(batch, bags, TARGETS))


def test_select_is_a_batch_of_its_own():
    chosen = [4, 0, 0, 6]
    part = make_batch().select(torch.tensor(chosen))
    fresh = make_batch([INSTANCES[i] for i in chosen])
    for name in ("starts", "lengths", "mentions"):
        assert getattr(part, name).tolist() == getattr(fresh, name).tolist()
    whole = make_batch()
    words = [whole.tokens[s : s + n].tolist() for s, n in zip(whole.starts.tolist(), whole.lengths.tolist())]
    assert part.tokens.tolist() == [word for i in chosen for word in words[i]]
    assert part.markers.tolist() == whole.markers[chosen].tolist()
    assert part.langs.tolist() == whole.langs[chosen].tolist()


def test_bags_can_be_repeated():
    instances, bags = make_bags((2, 0, 3)).expand(torch.tensor([2, 0, 2, 1]))
    assert instances.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert (bags.starts.tolist(), bags.sizes.tolist()) == ([0, 3, 5, 8], [3, 2, 3, 0])
    assert bags.owners().tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("batch_tokens", [1, 7, 20])
def test_parts_equal_all_at_once(encoder, batch_tokens):
    module, batch = make_encoder(encoder), make_batch()
    words = [random(N_TOKENS, WIDTH).requires_grad_() for _ in range(2)]
    sizes = []

    def counted(words, batch):
        sizes.append(len(batch.tokens))
        return module(words, batch)

    whole, parts = module(words[0], batch), encode_in_parts(counted, words[1], batch, batch_tokens)
    assert len(sizes) > 1 and sum(sizes) == N_TOKENS
    assert max(sizes) < batch_tokens + max(length for length, _, _ in INSTANCES)
    torch.testing.assert_close(parts, whole)
    gradients = []
    for vectors, leaf in ((whole, words[0]), (parts, words[1])):
        module.zero_grad()
        vectors.square().sum().backward()
        gradients.append([leaf.grad, *(p.grad.clone() for p in module.parameters())])
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other)
    with torch.inference_mode():
        torch.testing.assert_close(encode_in_parts(module, words[0].detach(), batch, batch_tokens), whole.detach())


def test_parts_draw_the_same_masks_in_the_backward_pass():
    """Each part is computed anew there: the gradient is that of the loss that was reported."""
    network = make_network(dropout=0.3, batch_tokens=7)
    batch, bags, bias = make_batch(), make_bags(), network.encoder.convolution.bias

    def loss():
        torch.manual_seed(4)
        return network.loss(batch, bags, TARGETS)

    loss().backward()
    for i in range(len(bias)):
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                bias[i] += step
                values.append(loss().item())
                bias[i] -= step
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(bias.grad[i].item(), abs=1e-6)


def test_languages_and_markers_of_other_sentences_do_not_matter():
    network = make_network().eval()
    batch, bags = make_batch(), make_bags()
    scores, _ = network(batch, bags)
    markers = batch.markers.clone()
    markers[3] = (markers[3] + 1) % N_MARKERS
    changed, _ = network(replace(batch, markers=markers), bags)
    assert torch.equal(changed[[0, 2, 3]], scores[[0, 2, 3]]) and not torch.equal(changed[1], scores[1])
