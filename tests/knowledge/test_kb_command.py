"""`relx kb train`, `evaluate` and `predict`."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.read import read_triples

N = 12
NEXT = [(f"e{i}", "next", f"e{(i + 1) % N}") for i in range(N)]
OPPOSITE = [(f"e{i}", "opposite", f"e{(i + N // 2) % N}") for i in range(N)]
FAST = ("--dim", 16, "--epochs", 60, "--batch-size", 16, "--n3", 0.001, "--threads", 1)


def invoke(*args, exit_code=0):
    """Run a command; a traceback, which no user should see, fails the test."""
    result = CliRunner().invoke(relx_app, ["kb", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def tsv(path, rows):
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("triples")
    train = tsv(folder / "train.txt", NEXT + OPPOSITE[:9])
    return train, tsv(folder / "valid.txt", OPPOSITE[9:10]), tsv(folder / "test.txt", OPPOSITE[10:])


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings") / "kb"
    train, valid, _ = files
    output = invoke("train", train, "--output", folder, "--valid", valid, *FAST).output
    return folder, output


def test_train(trained, files):
    folder, output = trained
    assert "in training: the same 0, turned round 1" in output
    assert "epoch 5: loss" in output and "MRR" in output and "✔ Saved epoch" in output
    embeddings = KBEmbeddings.load(folder)
    assert embeddings.settings["dim"] == 16 and embeddings.model.dim == 16
    assert embeddings.training["valid_mrr"] > 0.4
    assert sorted(path.name for path in folder.iterdir()) == [
        "entities.npy",
        "entities.txt",
        "meta.json",
        "relations.npy",
        "relations.txt",
        "training",
    ]


def test_evaluate(trained, files, tmp_path):
    folder, _ = trained
    train, valid, test = files
    path = tmp_path / "new" / "scores.json"
    result = invoke("evaluate", folder, test, "--known", train, "--known", valid, "--output", path)
    assert "Hits@10 %" in result.output and "RX239" not in result.output
    scores = json.loads(path.read_text())
    assert scores["mean"]["n"] == 4 and scores["tail"]["n"] == scores["head"]["n"] == 2
    assert scores["mean"]["mrr"] == pytest.approx((scores["tail"]["mrr"] + scores["head"]["mrr"]) / 2)
    assert 0 < scores["mean"]["hits_at_1"] <= scores["mean"]["hits_at_3"] <= scores["mean"]["hits_at_10"] <= 1
    assert scores["unknown"] == 0 and scores["leakage"] == {"same": 0, "inverted": 2, "parallel": 0, "unknown": 0}


def test_evaluate_what_was_trained_on(trained, files, tmp_path):
    folder, _ = trained
    assert "[RX235]" in invoke("evaluate", folder, files[0], "--known", files[0]).output
    assert "[RX239]" in invoke("evaluate", folder, files[2]).output
    part = tsv(tmp_path / "part.txt", [*OPPOSITE[10:], ("e1", "next", "nobody")])
    output = invoke("evaluate", folder, part, "--known", files[0]).output
    assert "[RX234]" in output and "1 of 3" in output
    other = tsv(tmp_path / "other.txt", [("a", "b", "c")])
    assert "[RX233]" in invoke("evaluate", folder, other, "--known", files[0], exit_code=1).output
    assert "[RX189]" in invoke("evaluate", folder, other, "--output", other, exit_code=1).output


def test_leakage_of_validation(files, tmp_path):
    leaky = tsv(tmp_path / "leaky.txt", [*OPPOSITE[8:10], ("e1", "eats", "e2")])
    output = invoke("train", files[0], "--output", tmp_path / "kb", "--valid", leaky, *FAST, "--epochs", 1).output
    assert "[RX235]" in output and "1 of its 3" in output and "[RX234]" in output


def test_predict(trained, files):
    folder, _ = trained
    lines = invoke("predict", folder, "e3", "next", "--limit", 3, "--known", files[0]).output.splitlines()
    rows = [line.split() for line in lines if line.startswith("e")]
    assert rows[0][0] == "e4" and rows[0][2] == "known" and {row[2] for row in rows[1:]} == {"new"} and len(rows) == 3
    rows = [line.split() for line in invoke("predict", folder, "e3", "next", "--tail").output.splitlines()]
    answers = [row for row in rows if row and row[0].startswith("e")]
    assert answers[0][0] == "e2" and len(answers) == 10 and all(len(row) == 2 for row in answers)


def test_unknown_ids(trained, tmp_path):
    folder, _ = trained
    output = invoke("predict", folder, "e3", "nexd", exit_code=1).output
    assert "[RX232]" in output and "'next'" in output
    assert "[RX232]" in invoke("predict", folder, "f77", "next", exit_code=1).output
    assert "[RX205]" in invoke("predict", tmp_path, "e3", "next", exit_code=1).output


def test_resume(files, trained, tmp_path):
    """In two parts, the second with more epochs, as in one."""
    train, valid, _ = files
    folder = tmp_path / "kb"
    invoke("train", train, "--output", folder, "--valid", valid, *FAST, "--epochs", 10)
    output = invoke("train", train, "--output", folder, "--valid", valid, *FAST, "--resume").output
    assert "epoch 11:" in output and "epoch 10:" not in output
    one, two = KBEmbeddings.load(folder), KBEmbeddings.load(trained[0])
    np.testing.assert_allclose(one.model.entities.detach(), two.model.entities.detach(), atol=1e-6)
    assert "[RX236]" in invoke("train", train, "--output", folder, *FAST, "--lr", 0.3, "--resume", exit_code=1).output
    shutil.rmtree(folder / "training")
    assert "[RX248]" in invoke("train", train, "--output", folder, *FAST, "--resume", exit_code=1).output


def test_sampled_loss(files, tmp_path):
    invoke("train", files[0], "--output", tmp_path / "kb", *FAST, "--loss", "sampled", "--lr", 0.3, "--negatives", 4)
    embeddings = KBEmbeddings.load(tmp_path / "kb")
    assert not embeddings.model.reciprocal and embeddings.settings["loss"] == "sampled"
    assert embeddings.predict_tails("e3", "next", 1)[0][0] == "e4"


def test_a_folder_that_cannot_be_made(files):
    assert "[RX186]" in invoke("train", files[0], "--output", files[1], *FAST, exit_code=1).output
    assert "[RX021]" in invoke("train", files[0], "--output", files[1].parent / "kb", "--lr", 0, exit_code=1).output


DATA = Path(os.environ.get("RELX_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.mark.skipif(not (DATA / "kg_umls").is_dir(), reason="the data set is not at hand")
def test_umls(tmp_path):
    """Published triples: most of what training reaches, in a few seconds."""
    with tarfile.open(DATA / "kg_umls" / "umls.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    files = [next(tmp_path.rglob(f"{name}.txt")) for name in ("train", "valid", "test")]
    fast = ("--dim", 50, "--epochs", 10, "--n3", 0.01, "--threads", 1)
    invoke("train", files[0], "--output", tmp_path / "kb", *fast)
    output = tmp_path / "scores.json"
    invoke("evaluate", tmp_path / "kb", files[2], "--known", files[0], "--known", files[1], "--output", output)
    scores = json.loads(output.read_text())
    assert scores["mean"]["mrr"] > 0.85 and scores["mean"]["hits_at_10"] > 0.98
    assert scores["leakage"]["same"] == 0
    ranks = naive_ranks(KBEmbeddings.load(tmp_path / "kb"), *files, test=files[2])
    for name, naive in zip(("tail", "head"), map(np.array, ranks)):  # scores may differ in the last digit
        assert scores[name]["mean_rank"] == pytest.approx(naive.mean(), rel=1e-3)
        assert scores[name]["mrr"] == pytest.approx((1 / naive).mean(), rel=1e-3)


def naive_ranks(embeddings, *known, test):
    """Filtered ranks of tails and of heads, one triple after the other, from the scores of all entities."""
    rows = {path: [tuple(line.split("\t")) for line in path.read_text().splitlines()] for path in known}
    true = {row for part in rows.values() for row in part}
    names = embeddings.ids.entity_ids
    ranks = ([], [])
    for head, relation, tail in rows[test]:
        tails = dict(embeddings.predict_tails(head, relation, len(names)))
        heads = dict(embeddings.predict_heads(relation, tail, len(names)))
        wrong = [tails[name] for name in names if (head, relation, name) not in true]
        ranks[0].append(1 + sum(x > tails[tail] for x in wrong) + sum(x == tails[tail] for x in wrong) / 2)
        wrong = [heads[name] for name in names if (name, relation, tail) not in true]
        ranks[1].append(1 + sum(x > heads[head] for x in wrong) + sum(x == heads[head] for x in wrong) / 2)
    return ranks


def test_a_folder_of_something_else_is_not_written_over(files, tmp_path):
    read_triples(files[0]).save(tmp_path / "kb")
    before = {path.name: path.read_bytes() for path in (tmp_path / "kb").iterdir()}
    assert "RX246" in invoke("train", files[0], "--output", tmp_path / "kb", *FAST, exit_code=1).output
    assert {path.name: path.read_bytes() for path in (tmp_path / "kb").iterdir()} == before


def test_scores_are_not_written_into_the_embeddings(files, tmp_path):
    folder = tmp_path / "embeddings"
    invoke("train", files[0], "--output", folder, *FAST)
    before = (folder / "meta.json").read_bytes()
    scores = ("evaluate", folder, files[2], "--output")
    assert "RX189" in invoke(*scores, folder / "meta.json", exit_code=1).output
    assert "RX189" in invoke(*scores, folder / "new" / "scores.json", exit_code=1).output
    assert (folder / "meta.json").read_bytes() == before
