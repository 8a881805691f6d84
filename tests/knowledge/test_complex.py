"""ComplEx: scores, gradients by hand, optimizers, training, going on after an interruption."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from spacy_relx.core.kernels.table_optimizers import OPTIMIZERS, make_optimizers, row_gradient, step
from spacy_relx.errors import RelxError
from spacy_relx.knowledge.complex import ComplExSettings, Queries, train_complex
from spacy_relx.knowledge.complex_network import (
    ComplEx,
    OneVsAll,
    QueryBatch,
    Weights,
    conj_product,
    corrupt,
    corrupted_scores,
    n3,
    n3_gradient,
    product,
    sampled_loss,
    triple_score,
)
from spacy_relx.knowledge.triples import KnowledgeBase

DIM = 5


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def as_complex(rows):
    real, imaginary = rows.detach().double().numpy()[..., :DIM], rows.detach().double().numpy()[..., DIM:]
    return real + 1j * imaginary


@pytest.fixture
def vectors():
    return torch.randn(3, 7, 2 * DIM, generator=random())


@pytest.fixture(params=[True, False])
def model(request):
    return ComplEx.random(9, 3, DIM, reciprocal=request.param, scale=0.5, generator=random())


# Scores


def test_products(vectors):
    a, b, _ = vectors
    np.testing.assert_allclose(as_complex(product(a, b)), as_complex(a) * as_complex(b), atol=1e-6)
    np.testing.assert_allclose(as_complex(conj_product(a, b)), as_complex(a).conj() * as_complex(b), atol=1e-6)


def test_score_is_the_formula(vectors):
    h, r, t = map(as_complex, vectors)
    np.testing.assert_allclose(triple_score(*vectors), (h * r * t.conj()).sum(-1).real, atol=1e-5)


def test_turning_round_flips_what_the_imaginary_part_of_the_relation_adds(vectors):
    h, r, t = vectors
    real, imaginary = r.clone(), r.clone()
    real[:, DIM:], imaginary[:, :DIM] = 0, 0
    assert torch.allclose(triple_score(h, real, t), triple_score(t, real, h), atol=1e-5)
    assert torch.allclose(triple_score(h, imaginary, t), -triple_score(t, imaginary, h), atol=1e-5)
    assert triple_score(h, imaginary, t).abs().min() > 1e-3
    both = triple_score(h, real, t) + triple_score(h, imaginary, t)
    assert torch.allclose(triple_score(h, r, t), both, atol=1e-5)


def test_all_scores_are_those_of_triples(model):
    h, r, t = torch.tensor([0, 3, 8]), torch.tensor([0, 2, 1]), torch.tensor([1, 3, 4])
    n = torch.arange(9)
    for i, row in enumerate(zip(h, r, t)):
        head, relation, tail = (each.repeat(9) for each in row)
        assert torch.allclose(model.tail_scores(h, r)[i], model(head, relation, n), atol=1e-5)
        turned = model(tail, relation + 3, n) if model.reciprocal else model(n, relation, tail)
        assert torch.allclose(model.head_scores(r, t)[i], turned, atol=1e-5)
        relations = model.relation_scores(h, t)[i]
        assert torch.allclose(relations, model(head[:3], torch.arange(3), tail[:3]), atol=1e-5)
    assert model.n_relations == 3 and model.dim == DIM and model.relation_scores(h, t).shape == (3, 3)


def test_n3(vectors):
    rows = vectors[0].double().requires_grad_()
    np.testing.assert_allclose(n3(rows).detach(), (np.abs(as_complex(rows)) ** 3).sum(-1))
    (gradient,) = torch.autograd.grad(n3(rows).sum(), rows)
    assert torch.allclose(n3_gradient(rows.detach()), gradient)
    assert n3_gradient(torch.zeros(1, 4)).eq(0).all()


# One against all


def batch(bias=None):
    rows = torch.tensor([0, 0, 1, 2, 2, 2])
    tails = torch.tensor([1, 4, 1, 0, 8, 4])
    return QueryBatch(torch.tensor([0, 1, 7]), torch.tensor([0, 4, 4]), rows, tails, torch.tensor([2, 1, 3]), bias)


@pytest.mark.parametrize("max_scores", [1 << 20, 9, 20])
@pytest.mark.parametrize("bias", [False, True])
def test_gradient_by_hand(max_scores, bias):
    model = ComplEx.random(9, 3, DIM, scale=0.5, generator=random())
    queries = batch(torch.randn(9, generator=random(1)) if bias else None)
    weights = Weights(triples=6.0, n3=0.3, l2=0.2, relation=0.7)
    h, r, t = queries.heads[queries.rows], queries.relations[queries.rows], queries.tails
    factors = (model.entities[h], model.relations[r], model.entities[t])
    scores = model.tail_scores(h, r) + (queries.bias if bias else 0)
    tails = cross_entropy(scores, t, reduction="sum")
    relations = cross_entropy(conj_product(factors[0], factors[2]) @ model.relations.T, r, reduction="sum")
    norms = sum(0.3 * n3(x).sum() + 0.2 * x.square().sum() for x in factors)
    ((tails + norms + 0.7 * relations) / 6).backward()
    loss = OneVsAll(max_scores)
    for _ in range(2):  # the second time in used buffers
        value, entities_grad, relations_grad = loss(model.entities.detach(), model.relations.detach(), queries, weights)
        assert value == pytest.approx(float(tails.detach()), rel=1e-5)
        assert torch.allclose(entities_grad, model.entities.grad, atol=1e-6)
        assert torch.allclose(relations_grad, model.relations.grad, atol=1e-6)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_batches_have_every_triple_and_its_inverse_once(limit):
    rng = np.random.default_rng(0)
    triples = np.unique(rng.integers(0, [6, 2, 6], (60, 3)), axis=0).astype("int32")
    queries = Queries(triples, 2, limit)
    seen, sizes = [], []
    for part in queries.batches(4, rng):
        h, r = part.heads[part.rows], part.relations[part.rows]
        seen += list(zip(h.tolist(), r.tolist(), part.tails.tolist()))
        assert part.rows.bincount().tolist() == part.counts.tolist()
        assert int(part.counts.max()) <= limit
        sizes.append(len(part.heads))
    wanted = {(h, r, t) for h, r, t in triples.tolist()} | {(t, r + 2, h) for h, r, t in triples.tolist()}
    assert len(seen) == len(wanted) == len(queries) and set(seen) == wanted
    assert sum(sizes) == queries.n_rows and set(sizes[:-1]) == {4}
    assert queries.rows_per_batch(10**6) == queries.n_rows
    assert limit > 1 or queries.n_rows == len(queries)


def test_drawn_entities_stand_for_all(monkeypatch):
    """The softmax's denominator is right on average, whatever is drawn."""
    kb = circle(40)
    settings = ComplExSettings(dim=4, candidates=10, batch_size=4, tails_per_query=1)
    seen = []

    def record(self, entities, relations, queries, weights):
        exact = torch.logsumexp(product(entities[queries.heads], relations[queries.relations]) @ self.all.T, 1)
        drawn = product(entities[queries.heads], relations[queries.relations]) @ entities.T + queries.bias
        seen.append((torch.logsumexp(drawn, 1) - exact).exp())
        assert (queries.bias > 0).any() and (queries.bias[queries.tails] == 0).all()
        return 0.0, torch.zeros_like(entities), torch.zeros_like(relations)

    from spacy_relx.knowledge import complex as module

    trainer = module._Trainer(kb, settings, None)
    with torch.no_grad():
        trainer.model.entities.mul_(10)
    trainer._loss.all = trainer.model.entities.detach()
    monkeypatch.setattr(module.OneVsAll, "__call__", record)
    for _ in range(6):
        trainer.epoch(lambda batches, total, epoch: batches)
    ratios = torch.cat(seen)
    assert ratios.std() > 0.1 and ratios.mean() == pytest.approx(1, abs=0.05)


# Corrupted triples


def test_corrupt():
    triples = torch.tensor([[0, 0, 1], [2, 1, 2]]).repeat(50, 1)
    others = corrupt(triples, 4, 3, 2, random())
    for drawn, column, size in ((others.heads, 0, 3), (others.tails, 2, 3), (others.relations, 1, 2)):
        assert drawn.shape == (100, 4) and (drawn != triples[:, column, None]).all()
        for own in triples[:2]:
            found = set(drawn[(triples == own).all(1)].flatten().tolist())
            assert found == set(range(size)) - {int(own[column])}
    assert corrupt(triples, 4, 3, 1, random()).relations.shape == (100, 0)


def test_corrupted_scores(vectors):
    h, r, t = vectors[:, :2]
    others = vectors[:, 2:].unsqueeze(1).repeat(1, 2, 1, 1)
    scores = corrupted_scores(h, r, t, others[0], others[1, :, :3], others[2])
    h, r, t = h[:, None], r[:, None], t[:, None]
    parts = [triple_score(others[0], r, t), triple_score(h, r, others[1, :, :3]), triple_score(h, others[2], t)]
    assert torch.allclose(scores, torch.cat(parts, 1), atol=1e-5)


def test_sampled_loss():
    positive, negative = torch.tensor([2.0, -1.0]), torch.tensor([[0.5, -3.0], [1.0, 0.0]])
    wanted = np.log1p(np.exp(-positive.numpy())) + np.log1p(np.exp(negative.numpy())).sum(1)
    np.testing.assert_allclose(sampled_loss(positive, negative), wanted, rtol=1e-5)


# Optimizers


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_are_updated_as_all_would_be(name):
    """Rows with a gradient change as PyTorch's optimizer changes them, others not at all."""
    start = torch.randn(6, 4, generator=random())
    table, plain = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    ours = make_optimizers(name, [], [table], 0.1)
    theirs = {"adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}[name]([plain], lr=0.1)
    rows = torch.tensor([1, 4])
    for seed in range(3):
        gradient = torch.randn(2, 4, generator=random(seed))
        table.grad = row_gradient(table, rows, gradient)
        step(ours)
        plain.grad = torch.zeros(6, 4).index_copy(0, rows, gradient)
        theirs.step()
    assert torch.allclose(table, plain, atol=1e-6)
    assert torch.equal(table[[0, 2, 3, 5]], start[[0, 2, 3, 5]]) and not torch.equal(table[rows], start[rows])


# Training


def circle(n=12):
    """Who is next to whom in a circle, and who opposite: `next` has a direction, `opposite` has none."""
    rows = [(f"e{i}", "next", f"e{(i + 1) % n}") for i in range(n)]
    rows += [(f"e{i}", "opposite", f"e{(i + n // 2) % n}") for i in range(n)]
    return KnowledgeBase.from_rows(rows)


SMALL = {"dim": 16, "epochs": 60, "batch_size": 16, "n3": 0.001, "threads": 1}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"optimizer": "adam", "lr": 0.02},
        {"relation_weight": 0.5},
        {"candidates": 6},
        {"candidates": 6, "optimizer": "adam", "lr": 0.02},
        {"loss": "sampled", "epochs": 60, "lr": 0.3},
        {"loss": "sampled", "epochs": 50, "optimizer": "adam", "lr": 0.1},
    ],
    ids=str,
)
def test_learns(more):
    kb = circle()
    embeddings = train_complex(kb, ComplExSettings(**{**SMALL, **more}))
    assert embeddings.model.reciprocal == (more.get("loss") != "sampled")
    best = [embeddings.predict_tails(f"e{i}", "next", 1)[0][0] for i in range(12)]
    assert best == [f"e{(i + 1) % 12}" for i in range(12)]
    heads = [embeddings.predict_heads("next", f"e{i}", 1)[0][0] for i in range(12)]
    assert heads == [f"e{(i - 1) % 12}" for i in range(12)]
    losses = [epoch["loss"] for epoch in embeddings.training["epochs"]]
    assert losses[-1] < losses[0] / 2
    assert embeddings.training["best_epoch"] == len(losses) and embeddings.training["valid_mrr"] is None


@pytest.mark.parametrize(
    "more", [{}, {"candidates": 6}, {"loss": "sampled"}, {"optimizer": "adam"}, {"average": 0}], ids=str
)
def test_goes_on_as_if_nothing_had_happened(tmp_path, more):
    kb = circle()
    settings = {**SMALL, "epochs": 6, "save_every": 2, "eval_every": 2, **more}
    whole = train_complex(kb, ComplExSettings(**settings), valid=kb)
    again = train_complex(kb, ComplExSettings(**settings), valid=kb)
    assert torch.equal(whole.model.entities, again.model.entities)

    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch.number == 5:
            raise Stop

    folder = tmp_path / "state"
    with pytest.raises(Stop):
        train_complex(kb, ComplExSettings(**settings), valid=kb, folder=folder, on_epoch=stop)
    seen = []
    settings["threads"] = 0
    more_epochs = train_complex(
        kb, ComplExSettings(**settings), valid=kb, folder=folder, resume=True, on_epoch=lambda e: seen.append(e.number)
    )
    assert seen == [5, 6]
    assert torch.allclose(more_epochs.model.entities, whole.model.entities, atol=1e-6)
    assert torch.allclose(more_epochs.model.relations, whole.model.relations, atol=1e-6)
    assert more_epochs.training["best_epoch"] == whole.training["best_epoch"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]


def test_saved_state_of_another_training(tmp_path):
    kb = circle()
    train_complex(kb, ComplExSettings(**{**SMALL, "epochs": 2}), folder=tmp_path / "state")
    with raises("RX236") as err:
        train_complex(kb, ComplExSettings(**{**SMALL, "lr": 0.3}), folder=tmp_path / "state", resume=True)
    assert "lr 0.2" in str(err.value)
    with raises("RX236"):
        train_complex(circle(14), ComplExSettings(**SMALL), folder=tmp_path / "state", resume=True)


def save_state_array(name, array):
    """Write an array over a saved one, and its shape to meta.json."""

    def damage(folder):
        np.save(folder / f"{name}.npy", array)
        meta = json.loads((folder / "meta.json").read_text())
        meta["arrays"][name] = {"dtype": str(array.dtype), "shape": list(array.shape)}
        (folder / "meta.json").write_text(json.dumps(meta))

    return damage


def forget(*keys):
    def damage(folder):
        meta = json.loads((folder / "meta.json").read_text())
        inner = meta
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        (folder / "meta.json").write_text(json.dumps(meta))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "relations.npy").write_bytes(b"no array"),
        lambda folder: (folder / "best.relations.npy").unlink(),
        save_state_array("entities", np.zeros((1, 32), "float32")),
        save_state_array("best.relations", np.zeros((4, 32))),
        save_state_array("state.entities.sum", np.zeros((1, 32), "float32")),
        save_state_array("state.nobody.sum", np.zeros((1, 32), "float32")),
        forget("arrays"),
        forget("arrays", "relations"),
        forget("arrays", "state.relations.sum"),
        forget("best"),
        forget("epochs"),
    ],
)
def test_broken_states(tmp_path, damage):
    kb, settings = circle(), ComplExSettings(**{**SMALL, "epochs": 2})
    train_complex(kb, settings, valid=kb, folder=tmp_path / "state")
    damage(tmp_path / "state")
    with raises("RX205") as err:
        train_complex(kb, ComplExSettings(**SMALL), valid=kb, folder=tmp_path / "state", resume=True)
    assert str(tmp_path / "state") in str(err.value)


def test_stops_early_and_keeps_the_best():
    kb = circle()
    settings = ComplExSettings(**{**SMALL, "epochs": 200, "eval_every": 2, "patience": 3})
    embeddings = train_complex(kb, settings, valid=kb)
    scores = {epoch["number"]: epoch["valid_mrr"] for epoch in embeddings.training["epochs"]}
    best = embeddings.training["best_epoch"]
    assert max(scores) == best + 6 < 200
    assert scores[best] == embeddings.training["valid_mrr"] == max(score for score in scores.values() if score)
    shorter = train_complex(kb, ComplExSettings(**{**SMALL, "epochs": best}))
    assert torch.equal(embeddings.model.entities, shorter.model.entities)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_mean_over_epochs(share):
    def trained(epochs, average):
        return train_complex(circle(), ComplExSettings(**{**SMALL, "epochs": epochs, "average": average})).model

    last = [trained(epochs, 0.0).relations.detach() for epochs in (1, 2, 3, 4)]
    wanted = {0.0: last[3], 1.0: last[3], 0.5: last[0] / 8 + last[1] / 8 + last[2] / 4 + last[3] / 2}
    assert torch.allclose(trained(4, share).relations, wanted[share], atol=1e-6)
    # as old as it is to be after four epochs, at a quarter: evenly until then
    assert torch.allclose(trained(4, 0.25).relations, sum(last) / 4, atol=1e-6)


def test_the_mean_goes_on_where_it_was(tmp_path):
    settings = {**SMALL, "save_every": 1}
    whole = train_complex(circle(), ComplExSettings(**{**settings, "epochs": 7}))
    for epochs in (3, 7):
        parts = train_complex(
            circle(), ComplExSettings(**{**settings, "epochs": epochs}), folder=tmp_path / "state", resume=True
        )
    assert torch.allclose(parts.model.entities, whole.model.entities, atol=1e-6)


def test_another_seed_gives_other_vectors():
    one, other = (train_complex(circle(), ComplExSettings(**{**SMALL, "epochs": 1, "seed": seed})) for seed in (0, 1))
    assert not torch.allclose(one.model.entities, other.model.entities)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dim": 0},
        {"lr": 0.0},
        {"n3": -1.0},
        {"loss": "margin"},
        {"optimizer": "sgd"},
        {"lr": float("nan")},
        {"seed": -1},
        {"average": -0.1},
        {"average": 1.5},
    ],
    ids=str,
)
def test_wrong_settings(wrong):
    with raises("RX021"):
        ComplExSettings(**wrong)


def test_nothing_to_train_or_to_validate():
    empty = circle().with_triples(np.zeros((0, 3), "int32"))
    with raises("RX233"):
        train_complex(empty)
    with raises("RX233"):
        train_complex(circle(), valid=KnowledgeBase.from_rows([("a", "next", "b")]))


def test_divergence():
    with raises("RX237"):
        train_complex(circle(), ComplExSettings(**{**SMALL, "lr": 1e30, "init_scale": 1e15}))


def test_settings_that_sampled_training_does_not_use():
    for name in ("relation_weight", "candidates"):
        with raises("RX021") as err:
            ComplExSettings(loss="sampled", **{name: 1})
        assert name in str(err.value)
