"""Filtered ranks, saving and loading of embeddings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_relx.errors import RelxError
from spacy_relx.knowledge.complex_network import ComplEx
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.ranks import RankScores, entity_ranks, rank_triples
from spacy_relx.knowledge.triples import HEAD, TAIL, KnowledgeBase

N_ENTITIES, N_RELATIONS = 8, 2


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def make_model(seed=0, reciprocal=True, ties=False):
    model = ComplEx.random(
        N_ENTITIES, N_RELATIONS, 3, reciprocal=reciprocal, scale=1.0, generator=torch.Generator().manual_seed(seed)
    )
    if ties:  # whole numbers: many scores are equal, exactly
        with torch.no_grad():
            model.entities.round_().clamp_(-1, 1)
            model.relations.round_().clamp_(-1, 1)
    return model


def naive_ranks(model, triples, known, asked):
    """One triple after the other."""
    ranks = []
    true = {tuple(row) for row in known.tolist()}
    for h, r, t in triples.tolist():
        if min(h, r, t) < 0:
            ranks.append(float(N_ENTITIES))
            continue
        ids = [torch.tensor([x]) for x in (h, r, t)]
        scores = (model.head_scores(ids[1], ids[2]) if asked == HEAD else model.tail_scores(ids[0], ids[1]))[0].tolist()
        answer = h if asked == HEAD else t
        others = [
            score
            for e, score in enumerate(scores)
            if e != answer and ((e, r, t) if asked == HEAD else (h, r, e)) not in true
        ]
        best = 1 + sum(score > scores[answer] for score in others)
        worst = best + sum(score == scores[answer] for score in others)
        ranks.append((best + worst) / 2)
    return np.array(ranks)


TRIPLES = st.lists(
    st.tuples(st.integers(-1, N_ENTITIES - 1), st.integers(-1, N_RELATIONS - 1), st.integers(-1, N_ENTITIES - 1)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(TRIPLES, TRIPLES, st.integers(0, 5), st.booleans(), st.booleans(), st.sampled_from([1, 20, 1 << 20]))
def test_ranks_are_the_naive_ones(triples, known, seed, reciprocal, ties, max_scores):
    model = make_model(seed, reciprocal, ties)
    triples, known = np.array(triples, "int32"), np.array(known, "int32")
    for asked in (HEAD, TAIL):
        ranks = entity_ranks(model, triples, known, asked, max_scores=max_scores)
        np.testing.assert_array_equal(ranks, naive_ranks(model, triples, known, asked))


def test_equal_scores_share_the_mean_rank():
    model = make_model()
    with torch.no_grad():
        model.entities.fill_(1.0)
    triples = np.array([[0, 0, 1]], "int32")
    assert entity_ranks(model, triples, np.zeros((0, 3), "int32"), TAIL).tolist() == [(1 + N_ENTITIES) / 2]
    known = np.array([[0, 0, 2], [0, 0, 3], [0, 1, 4], [1, 0, 5]], "int32")
    assert entity_ranks(model, triples, known, TAIL).tolist() == [(1 + N_ENTITIES - 2) / 2]


def test_what_is_no_number_does_not_look_good():
    model = make_model()
    triples, known = np.array([[0, 0, 1], [0, 0, 2]], "int32"), np.zeros((0, 3), "int32")
    before = entity_ranks(model, triples, known, TAIL)
    with torch.no_grad():
        model.entities[1] = float("nan")
    after = entity_ranks(model, triples, known, TAIL)
    assert after[0] == N_ENTITIES and after[1] >= before[1]


def test_report():
    model = make_model()
    triples = np.array([[0, 0, 1], [2, 1, 3], [4, -1, 5]], "int32")
    report = rank_triples(model, triples, triples)
    tails, heads = (entity_ranks(model, triples, triples, asked) for asked in (TAIL, HEAD))
    assert report.unknown == 1 and report.tail.n == 3 and report.mean.n == 6
    assert report.mean.mrr == pytest.approx((1 / np.concatenate([tails, heads])).mean())
    assert report.mean.mrr == pytest.approx((report.tail.mrr + report.head.mrr) / 2)
    assert report.to_dict()["head"]["mean_rank"] == pytest.approx(heads.mean())
    with raises("RX233"):
        rank_triples(model, triples[2:], triples)


def test_scores_of_ranks():
    scores = RankScores.of(np.array([1.0, 2.5, 10.0, 40.0]))
    assert scores.mrr == pytest.approx((1 + 0.4 + 0.1 + 0.025) / 4) and scores.mean_rank == 13.375
    assert scores.hits == {1: 0.25, 3: 0.5, 10: 0.75}
    assert set(scores.to_dict()) == {"mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank", "n"}


def test_agrees_with_pykeen():
    """Where the package is there: its ranks of the same scores."""
    evaluation = pytest.importorskip("pykeen.evaluation")
    model = make_model(ties=True)
    rng = np.random.default_rng(0)
    triples = np.unique(rng.integers(0, [N_ENTITIES, N_RELATIONS, N_ENTITIES], (30, 3)), axis=0)
    report = rank_triples(model, triples[:9], triples)
    evaluator = evaluation.RankBasedEvaluator()
    for column, target in ((0, "head"), (2, "tail")):
        for h, r, t in triples[:9].tolist():
            ids = [torch.tensor([x]) for x in (h, r, t)]
            scores = (model.head_scores(*ids[1:]) if target == "head" else model.tail_scores(*ids[:2])).detach()
            others = [row for row in triples.tolist() if all(row[i] == (h, r, t)[i] for i in (0, 1, 2) if i != column)]
            true = scores[0, (h, r, t)[column]].clone().reshape(1, 1)
            for row in others:
                if row[column] != (h, r, t)[column]:
                    scores[0, row[column]] = float("nan")
            evaluator.process_scores_(torch.tensor([[h, r, t]]), target, scores, true)
    theirs = evaluator.finalize()
    for side, ours in (("both", report.mean), ("head", report.head), ("tail", report.tail)):
        assert theirs.get_metric(f"{side}.realistic.inverse_harmonic_mean_rank") == pytest.approx(ours.mrr)
        for k, value in ours.hits.items():
            assert theirs.get_metric(f"{side}.realistic.hits_at_{k}") == pytest.approx(value)


# Ids, saving, loading


@pytest.fixture
def embeddings():
    ids = KnowledgeBase([f"Q{i}" for i in range(N_ENTITIES)], ["born in", "größer als"], np.zeros((0, 3), "int32"))
    return KBEmbeddings(ids, make_model(), {"dim": 3}, {"best_epoch": 4})


def test_ids(embeddings):
    other = KnowledgeBase.from_rows([("Q3", "born in", "Q1"), ("Q9", "born in", "Q0"), ("Q0", "eats", "Q1")])
    assert embeddings.encode(other).tolist() == [[3, 0, 1], [-1, 0, 0], [0, -1, 1]]
    scores = embeddings.score([("Q3", "born in", "Q1"), ("Q3", "born in", "Q77")])
    assert np.isnan(scores[1])
    assert scores[0] == pytest.approx(dict(embeddings.predict_tails("Q3", "born in", 8))["Q1"], abs=1e-5)
    with raises("RX232") as err:
        embeddings.predict_tails("Q3", "born_in")
    assert "'born in'" in str(err.value)
    with raises("RX232") as err:
        embeddings.entity("something else entirely")
    assert "None of the 8" in str(err.value)


def test_predictions_are_sorted(embeddings):
    answers = embeddings.predict_heads("born in", "Q1", 3)
    scores = [score for _, score in answers]
    assert len(answers) == 3 and scores == sorted(scores, reverse=True)
    assert len(embeddings.predict_heads("born in", "Q1", 100)) == N_ENTITIES


@pytest.mark.parametrize("mmap", [True, False])
def test_save_and_load(tmp_path, embeddings, mmap):
    embeddings.save(tmp_path / "kb")
    loaded = KBEmbeddings.load(tmp_path / "kb", mmap=mmap)
    assert torch.equal(loaded.model.entities, embeddings.model.entities)
    assert torch.equal(loaded.model.relations, embeddings.model.relations)
    assert loaded.ids.entity_ids == embeddings.ids.entity_ids and loaded.ids.relation_ids == embeddings.ids.relation_ids
    assert loaded.settings == {"dim": 3} and loaded.training == {"best_epoch": 4} and loaded.model.reciprocal
    loaded.save(tmp_path / "kb")  # over the files that it is mapped from
    assert torch.equal(KBEmbeddings.load(tmp_path / "kb").model.entities, embeddings.model.entities)


def test_changes_stay_in_memory(tmp_path, embeddings):
    embeddings.save(tmp_path)
    loaded = KBEmbeddings.load(tmp_path)
    with torch.no_grad():
        loaded.model.entities.zero_()
    assert torch.equal(KBEmbeddings.load(tmp_path).model.entities, embeddings.model.entities)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def change_meta(**values):
    def change(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def save_array(array):
    return lambda path: np.save(path, array)


@pytest.mark.parametrize(
    "name, damage",
    [
        ("meta.json", cut),
        ("meta.json", lambda path: path.unlink()),
        ("meta.json", change_meta(format="something")),
        ("meta.json", change_meta(version=99)),
        ("meta.json", change_meta(arrays=None)),
        ("meta.json", change_meta(n_ids=3)),
        ("meta.json", change_meta(reciprocal=False)),
        ("entities.npy", cut),
        ("entities.npy", lambda path: path.write_bytes(b"")),
        ("entities.npy", lambda path: path.unlink()),
        ("entities.npy", save_array(np.zeros((N_ENTITIES, 6)))),
        ("entities.npy", save_array(np.zeros((N_ENTITIES + 1, 6), "float32"))),
        ("relations.npy", save_array(np.zeros((2 * N_RELATIONS, 8), "float32"))),
        ("relations.npy", save_array(np.array([{}], object))),
        ("entities.txt", cut),
        ("entities.txt", lambda path: path.write_text("Q1\n" * N_ENTITIES)),
        ("relations.txt", lambda path: path.write_bytes(b"\xff\n\xfe\n")),
    ],
)
@pytest.mark.parametrize("mmap", [True, False])
def test_broken_folders(tmp_path, embeddings, name, damage, mmap):
    embeddings.save(tmp_path)
    damage(tmp_path / name)
    with raises("RX205") as err:
        KBEmbeddings.load(tmp_path, mmap=mmap)
    assert str(tmp_path) in str(err.value)


def test_numbers_that_are_not_finite(tmp_path, embeddings):
    with torch.no_grad():
        embeddings.model.entities[3, 1] = float("nan")
    embeddings.save(tmp_path)
    with raises("RX205"):
        KBEmbeddings.load(tmp_path, mmap=False)


def test_ids_and_vectors_that_do_not_belong_together(embeddings):
    ids = KnowledgeBase(["a"], ["r"], np.zeros((0, 3), "int32"))
    with raises("RX205"):
        KBEmbeddings(ids, embeddings.model)


def test_a_folder_that_cannot_be_written(tmp_path, embeddings):
    (tmp_path / "file").write_text("")
    with raises("RX186"):
        embeddings.save(tmp_path / "file")
