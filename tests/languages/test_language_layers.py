"""The aggregator and the switcher of sub-modules, beside plain computations of the paper's formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_relx.core.copies import leading
from spacy_relx.languages.aggregator import LanguageAggregator, mix_languages
from spacy_relx.languages.network import LanguageLayers
from spacy_relx.languages.switcher import LanguageSwitcher, SubModule

LANGS = ["de", "en", "fr"]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def sentences(*lengths, width=6, dtype=torch.float32):
    return torch.randn(sum(lengths), width, dtype=dtype), torch.tensor(lengths)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def naive_attention(layer, tokens):
    q, k, v = (tokens @ each.weight.detach().numpy().T for each in (layer.queries, layer.keys, layer.values))
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


# Aggregator, eq. 4


def test_aggregator_is_plain_self_attention_of_each_sentence():
    tokens, lengths = sentences(3, 5, 1, 4)
    layer = LanguageAggregator(6)
    out = layer(tokens, lengths).detach().numpy()
    parts = [naive_attention(layer, part.numpy()) for part in tokens.split(lengths.tolist())]
    assert np.allclose(out, np.concatenate(parts), atol=1e-6)


def test_aggregator_over_a_group_is_attention_over_its_concatenation():
    tokens, lengths = sentences(3, 5, 1, 4)
    layer = LanguageAggregator(6)
    groups = torch.tensor([1, 0, 1, 0])
    out = layer(tokens, lengths, groups).detach().numpy()
    parts = [part.numpy() for part in tokens.split(lengths.tolist())]
    for members in ([0, 2], [1, 3]):
        wanted = naive_attention(layer, np.concatenate([parts[i] for i in members]))
        bounds = np.cumsum([0, *lengths.tolist()])
        found = np.concatenate([out[bounds[i] : bounds[i + 1]] for i in members])
        assert np.allclose(found, wanted, atol=1e-6)


def test_groups_of_one_are_no_groups():
    tokens, lengths = sentences(3, 5, 2)
    layer = LanguageAggregator(6)
    assert torch.allclose(layer(tokens, lengths), layer(tokens, lengths, torch.tensor([2, 0, 1])), atol=1e-6)


def test_aggregator_does_not_mix_sentences_whatever_the_batch():
    tokens, lengths = sentences(2, 40, 7, 3)
    layer = LanguageAggregator(6, heads=2, residual=True)
    whole = layer(tokens, lengths).split(lengths.tolist())
    for part, alone in zip(tokens.split(lengths.tolist()), whole):
        assert torch.allclose(layer(part, torch.tensor([len(part)])), alone, atol=1e-5)


def test_aggregator_gradient():
    tokens, lengths = sentences(2, 3, dtype=torch.float64)
    layer = LanguageAggregator(6, heads=2).double()
    assert torch.autograd.gradcheck(
        lambda x: layer(x, lengths, torch.tensor([0, 0])), tokens.clone().requires_grad_(True)
    )


def test_aggregator_without_sentences():
    assert LanguageAggregator(6)(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64)).shape == (0, 6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 4))
def test_groups_are_of_different_languages_as_far_as_possible(langs, size):
    ids = torch.tensor(langs)
    groups = mix_languages(ids, size)
    n_groups = -(-len(langs) // size)
    assert set(groups.tolist()) == set(range(n_groups))
    assert torch.bincount(groups).max() <= size
    for group in range(n_groups):
        members = ids[groups == group].tolist()
        for lang in set(members):
            assert members.count(lang) <= -(-langs.count(lang) // n_groups)


def test_groups_differ_from_draw_to_draw():
    langs = torch.arange(12) % 4
    assert any(not torch.equal(mix_languages(langs, 2), mix_languages(langs, 2)) for _ in range(5))


# Switcher, eq. 5-8


def naive_switcher(layer, tokens, codes):
    weights = softmax(
        np.stack([layer.langs[code].detach().numpy() for code in layer.codes])
        @ np.stack([column.detach().numpy() for column in layer.router], axis=1)
    )
    out = []
    for token, code in zip(tokens.numpy(), codes):
        row = weights[layer.codes.index(code)] if code in layer.codes else weights.mean(axis=0)
        total = 0.0
        for weight, module in zip(row, layer.submodules):
            x = token
            for up, down, norm in zip(module.up, module.down, module.norm):
                y = np.maximum(up.weight.detach().numpy() @ x, 0)
                y = down.weight.detach().numpy() @ y + x
                y = (y - y.mean()) / np.sqrt(y.var() + norm.eps)
                x = y * norm.weight.detach().numpy() + norm.bias.detach().numpy()
            total = total + weight * x
        out.append(total)
    return np.array(out)


def rows_of(codes):
    return torch.tensor([LANGS.index(code) if code in LANGS else len(LANGS) for code in codes])


def test_switcher_is_the_papers_mixture():
    layer = LanguageSwitcher(6, LANGS, depths=[2, 1], hidden=9)
    tokens, codes = torch.randn(5, 6), ["en", "fr", "en", "xx", "de"]
    assert np.allclose(layer(tokens, rows_of(codes)).detach().numpy(), naive_switcher(layer, tokens, codes), atol=1e-5)


def test_all_kept_is_the_mixture_of_training():
    layer = LanguageSwitcher(6, LANGS, depths=[1, 1, 2], hidden=9, top_k=3)
    tokens, rows = torch.randn(7, 6), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    assert torch.allclose(layer.train()(tokens, rows), layer.eval()(tokens, rows), atol=1e-6)


@pytest.mark.parametrize("renormalise", [True, False])
def test_top_k_keeps_the_heaviest(renormalise):
    layer = LanguageSwitcher(6, LANGS, depths=[1] * 4, hidden=9, top_k=2, renormalise=renormalise).eval()
    weights, routes = layer.weights(), layer.routes()
    assert ((routes > 0).sum(dim=1) == 2).all()
    for row, kept in zip(weights, routes):
        best = row.topk(2)
        wanted = best.values / best.values.sum() if renormalise else best.values
        assert torch.allclose(kept[best.indices], wanted)


def test_submodules_work_only_on_tokens_that_use_them():
    layer = LanguageSwitcher(4, LANGS, depths=[1], hidden=5, routing="one_to_one").eval()
    seen = []
    for module in layer.submodules:
        module.register_forward_hook(lambda m, inputs, out: seen.append(len(inputs[0])))
    layer(torch.randn(5, 4), torch.tensor([0, 0, 2, 2, 2]))
    assert seen == [2, 3]
    assert layer.weights().tolist() == torch.eye(3).tolist()


def test_switcher_gradient_reaches_every_part():
    layer = LanguageSwitcher(4, LANGS, depths=[2, 1], hidden=5).double()
    tokens = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, torch.tensor([0, 1, 2])), tokens)
    layer(tokens, torch.tensor([0, 1, 2])).pow(3).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in layer.parameters())


def test_a_later_submodule_changes_no_language_that_was_there():
    old = LanguageSwitcher(6, LANGS, depths=[1, 2], hidden=9).eval()
    new = LanguageSwitcher(6, [*LANGS, "it"], depths=[1, 2, 1], hidden=9, n_old=3, old_modules=2).eval()
    state = new.state_dict()
    state.update(old.state_dict())
    new.load_state_dict(state)
    tokens, rows = torch.randn(6, 6), torch.tensor([0, 1, 2, 0, 1, 2])
    assert torch.equal(old(tokens, rows), new(tokens, rows))
    assert (new.weights()[3] > 0).all()


def test_languages_and_submodules_come_at_different_times():
    new = LanguageSwitcher(6, [*LANGS, "it", "sv"], depths=[1] * 4, hidden=9, n_old=4, old_modules=[2, 2, 2, 3])
    assert new.reach() == [2, 2, 2, 3, 4]
    assert [int((row > 0).sum()) for row in new.weights()] == new.reach()


def test_languages_with_submodules_of_their_own_count_alike_in_the_average():
    layer = LanguageSwitcher(4, LANGS, depths=[1], hidden=5, routing="one_to_one", top_k=2).eval()
    assert torch.allclose(layer.routes()[-1], torch.full((3,), 1 / 3))


def test_submodule_is_residual():
    module = SubModule(4, 7, 2)
    for up in module.up:
        torch.nn.init.zeros_(up.weight)
    tokens = torch.randn(3, 4)
    wanted = torch.nn.functional.layer_norm(torch.nn.functional.layer_norm(tokens, (4,)), (4,))
    assert torch.allclose(module(tokens), wanted, atol=1e-5)


# Both


def test_a_frozen_aggregator_reads_sentences_alone():
    layers = LanguageLayers(LanguageAggregator(6, mix=2), None).train()
    tokens, lengths = sentences(3, 4)
    args = (tokens, lengths, torch.tensor([0, 1]), torch.zeros(7, dtype=torch.int64))
    mixed = layers(*args)
    layers.aggregator.requires_grad_(False)
    assert torch.allclose(layers(*args), layers.eval()(*args))
    assert not torch.allclose(mixed, layers(*args))


@pytest.mark.parametrize(
    "new, old, fits", [((3, 2), (3, 2), True), ((4, 2), (3, 2), True), ((3, 2), (4, 2), False), ((3, 2), (3, 1), False)]
)
def test_values_that_fit_are_taken(new, old, fits):
    values = leading(torch.zeros(new), torch.ones(old))
    assert (values is not None) == fits
    if fits:
        assert values.shape == new and values[: old[0]].eq(1).all() and values[old[0] :].eq(0).all()


def test_routes_do_not_depend_on_what_is_there_besides():
    torch.manual_seed(0)
    width = 256
    old = LanguageSwitcher(width, [f"l{i}" for i in range(12)], depths=[1] * 6, hidden=2, top_k=3)
    codes = [*old.codes, "new", "newer"]
    new = LanguageSwitcher(width, codes, depths=[1] * 7, hidden=2, top_k=3, n_old=12, old_modules=6)
    for code in old.codes:
        new.langs[code].data.copy_(old.langs[code].data)
    for mine, theirs in zip(new.router, old.router):
        mine.data.copy_(theirs.data)
    assert new.weights()[12:, 6].all()
    for found, wanted in ((new.weights(), old.weights()), (new.eval().routes(), old.eval().routes())):
        assert torch.equal(found[:12, :6], wanted[:12]) and not found[:12, 6].any()  # to the last bit
