"""`relx evaluate` on bags, and `relx compare --curves` on what it writes."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.util import import_file
from support.scorer import check_keys
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.facts import Fact
from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.evaluation.curves import curve_scores, precision_recall

CODE = '''
import numpy as np
from spacy.language import Language
from spacy_relx.data.facts import Fact, FactScores


@Language.component("relx_curves_test_facts", assigns=["doc._.facts", "doc._.fact_scores"])
def facts(doc):
    """Trusts short texts."""
    if doc._.bag is not None:
        pair, score = (doc._.bag.head, doc._.bag.tail), 1 / len(doc)
        doc._.facts = [Fact(pair[0], "born_in", pair[1], score)] if score > 0.25 else []
        doc._.fact_scores = FactScores([pair], ["born_in", "lives_in"], np.array([[score, score / 2]]))
    return doc
'''
SVG = "{http://www.w3.org/2000/svg}"


def invoke(*args, exit_code=0):
    """Run a command; a traceback, which no user should see, fails the test."""
    result = CliRunner().invoke(relx_app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "code.py").write_text(CODE, encoding="utf8")
    import_file("relx_curves_test_code", folder / "code.py")
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_ruler")
    nlp.add_pipe("relx_curves_test_facts")
    nlp.to_disk(folder / "pipeline")
    return folder / "pipeline"


def bag(vocab, words, pair, labels, lang):
    doc = Doc(vocab, words=words.split())
    doc.spans[MENTIONS_KEY] = [
        Span(doc, i, i + 1, label="ENT", kb_id=kb_id) for i, kb_id in zip((0, len(doc) - 1), pair)
    ]
    doc.ents = list(doc.spans[MENTIONS_KEY])
    doc._.bag = pair
    doc._.facts = [Fact(pair[0], label, pair[1]) for label in labels]
    doc._.lang = lang
    return doc


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    vocab = spacy.blank("xx").vocab
    docs = [
        bag(vocab, "Ann from Rome", ("Q1", "Q2"), ["born_in"], "en"),
        bag(vocab, "Bob , born in Oslo", ("Q3", "Q4"), ["born_in", "lives_in"], "en"),
        bag(vocab, "Eva kennt das Bonn", ("Q5", "Q6"), [], "de"),
    ]
    path = tmp_path_factory.mktemp("data") / "bags.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


# evaluate


def test_evaluate_bags(model, data, tmp_path):
    out = tmp_path / "metrics.json"
    result = invoke("evaluate", model, data, "--output", out)
    scores = json.loads(out.read_text(encoding="utf8"))
    # ranked: Ann born 1/3, Eva born 1/4 (wrong), Bob born 1/5, then the halves of these: wrong, wrong, Bob lives
    assert scores["fact_ap"] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert (scores["fact_micro_p"], scores["fact_micro_r"]) == (1.0, pytest.approx(1 / 3))
    assert (scores["gold_mentions"], scores["fact_n_bags"], scores["fact_n_items"]) == (True, 3, 6)
    assert scores["fact_curve"]["recall"] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 1])
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf8")
    check_keys(scores, page)
    for part in ("Facts", "AP", "72.22", "At the threshold", "Facts per relation", "lives_in", "Facts per language"):
        assert part in result.stdout, part
    assert "3 gold and 1 predicted facts among 3 pairs" in result.stdout
    assert "Overall" not in result.stdout and "candidate pairs" not in result.stdout  # there are no relations


def test_evaluate_relations_and_facts(model, tmp_path):
    doc = bag(spacy.blank("xx").vocab, "Ann from Rome", ("Q1", "Q2"), ["born_in"], "en")
    doc._.relations = [Relation(Mention(0, 1, "ENT"), "born_in", Mention(2, 3, "ENT"))]
    path = tmp_path / "both.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    stdout = invoke("evaluate", model, path).stdout
    assert "Overall" in stdout and "predicted relations" in stdout and "Facts per relation" in stdout
    assert stdout.count("Direction") == 1  # no relation is predicted


def test_evaluate_bags_without_gold_facts(model, tmp_path):
    doc = bag(spacy.blank("xx").vocab, "Ann from Rome", ("Q1", "Q2"), [], "en")
    path = tmp_path / "na.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    out = tmp_path / "metrics.json"
    stdout = invoke("evaluate", model, path, "--output", out).stdout
    assert "0 gold and 1 predicted facts" in stdout and "Facts per relation" not in stdout
    assert "RX615" in invoke("compare", f"a={out}", "--curves", tmp_path / "a.svg", exit_code=1).stderr


def test_evaluate_across_docs(model, tmp_path):
    docs = [bag(spacy.blank("xx").vocab, "Ann from Rome", ("Q1", "Q2"), ["born_in"], "en") for _ in range(2)]
    for doc in docs:
        doc._.bag = None
    path = tmp_path / "docs.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    apart = invoke("evaluate", model, path, "--gold-mentions").stdout
    across = invoke("evaluate", model, path, "--gold-mentions", "--across-docs").stdout
    assert "2 gold and 0 predicted facts" in apart and "1 gold and 0 predicted facts" in across


def test_evaluate_says_how_many_facts_are_turned_round(model, tmp_path):
    vocab = spacy.blank("xx").vocab
    docs = [
        bag(vocab, "Ann from Rome", ("Q1", "Q2"), ["born_in"], "en"),
        bag(vocab, "Rome from Ann", ("Q2", "Q1"), [], "en"),
        bag(vocab, "Bob from Oslo", ("Q3", "Q4"), ["born_in"], "en"),
    ]
    path, out = tmp_path / "ways.spacy", tmp_path / "metrics.json"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    result = invoke("evaluate", model, path, "--output", out)
    scores = json.loads(out.read_text(encoding="utf8"))
    assert scores["fact_reversed_rate"] == 1 / 3 and scores["fact_per_type"]["born_in"]["n_reversed"] == 1
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("facts "))
    assert row == ["facts", "1", "1", "33.33"] and "Direction" in result.stdout
    assert "do not test direction" not in result.stdout and "RX521" not in result.output
    result = invoke("evaluate", model, path, "--symmetric", "born_in,marries")
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("facts "))
    assert row == ["facts", "0", "0", "-"]
    assert "[RX521]" in result.output and "marries" in result.output
    DocBin(docs=docs[::2], store_user_data=True).to_disk(path)
    result = invoke("evaluate", model, path)
    assert "No gold fact is asked the other way round" in result.stdout


# curves


def write_metrics(path, seed, shift=2.0, n_gold=400):
    """A metrics file with the scores of facts that matter here."""
    random = np.random.default_rng(seed)
    correct = np.arange(5000) < 400
    curve = precision_recall(random.normal(size=5000) + shift * correct, correct, n_gold)
    scores = curve_scores(curve)
    out = {f"fact_{key}": scores[key] for key in ("ap", "auc", "max_f")}
    out.update({f"fact_p_at_{n}": value for n, value in scores["p_at_n"].items()})
    out.update({f"fact_p_at_recall_{round(100 * at)}": value for at, value in scores["p_at_recall"].items()})
    path.write_text(json.dumps({**out, "fact_n_gold": n_gold, "fact_curve": curve.points()}), encoding="utf8")
    return out


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """A folder with metrics files, and their scores by name."""
    folder = tmp_path_factory.mktemp("metrics")
    files = {f"pcnn-{seed}": (seed, 1.5) for seed in range(3)} | {"gru": (7, 2.5)}
    return folder, {name: write_metrics(folder / f"{name}.json", *args) for name, args in files.items()}


def shapes(path):
    """(texts, number of curves, number of bands)"""
    root = ET.fromstring(path.read_text(encoding="utf8"))
    groups = [group.get("id") or "" for group in root.iter(f"{SVG}g")]
    curves = sum("stroke-width: 1.8" in (path.get("style") or "") for path in root.iter(f"{SVG}path"))
    bands = sum(name.startswith("FillBetween") for name in groups)
    return [text.text for text in root.iter(f"{SVG}text")], curves // 2, bands  # each is in the legend, too


def test_curves_of_several_runs(metrics, tmp_path):
    folder, scores = metrics
    out, numbers = tmp_path / "new" / "curves.svg", tmp_path / "curves.json"
    runs = [f"PCNN={folder}/pcnn-*.json", f"GRU & more={folder}/gru.json"]
    result = invoke("compare", *runs, "--curves", out, "--title", "Bags", "--recall-max", "0.5", "--output", numbers)
    texts, curves, bands = shapes(out)
    assert {"Bags", "PCNN (3 runs)", "GRU & more", "0.5", "AP", "AUC"} <= set(texts)
    assert texts.count("0.6") == 1  # of precision
    assert (curves, bands) == (2, 1)
    aps = [scores[f"pcnn-{seed}"]["fact_ap"] for seed in range(3)]
    mean, sd = np.mean(aps), np.std(aps, ddof=1)
    assert f"{mean:.3f} ± {sd:.3f}" in texts and f"{scores['gru']['fact_ap']:.3f}" in texts
    assert f"{100 * mean:.1f} ± {100 * sd:.1f}" in result.stdout and "P at R 40" in result.stdout
    whole = json.loads(numbers.read_text(encoding="utf8"))
    data = whole["curves"]
    assert len(whole["files"]["PCNN"]) == 3 and whole["runs"]["PCNN"] == 3
    assert data["recall_max"] == 0.5 and list(data["runs"]) == ["PCNN", "GRU & more"]
    row = data["runs"]["PCNN"]
    assert row["n"] == 3
    assert row["numbers"]["fact_ap"] == {"mean": pytest.approx(mean), "sd": pytest.approx(sd)}
    assert data["runs"]["GRU & more"]["numbers"]["fact_ap"]["sd"] is None
    at = row["recall"].index(0.4)  # the mean curve goes through the mean of precision at recall 0.4
    reached = [scores[f"pcnn-{seed}"]["fact_p_at_recall_40"] for seed in range(3)]
    assert row["precision"][at] == pytest.approx(np.mean(reached), abs=0.01)
    assert len(row["recall"]) == len(row["precision"]) == len(row["sd"]) and row["recall"][-1] == 0.5


def test_recall_that_is_not_reached_is_null(tmp_path):
    write_metrics(tmp_path / "a.json", 0, n_gold=800)
    numbers = tmp_path / "numbers.json"
    invoke("compare", f"a={tmp_path}/a.json", "--curves", tmp_path / "a.svg", "--output", numbers)
    row = json.loads(numbers.read_text(encoding="utf8"))["curves"]["runs"]["a"]
    assert row["precision"][0] is not None and row["precision"][-1] is row["sd"][-1] is None


def test_one_name_given_twice_and_a_file_given_twice(metrics, tmp_path):
    folder, _ = metrics
    out = tmp_path / "a.svg"
    invoke(
        "compare", f"a={folder}/pcnn-0.json", f"a={folder}/pcnn-1.json", f"a={folder}/./pcnn-0.json", "--curves", out
    )
    assert "a (2 runs)" in shapes(out)[0]


@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
def test_other_pictures(metrics, tmp_path, name):
    folder, _ = metrics
    invoke("compare", f"a={folder}/gru.json", "--curves", tmp_path / name)
    assert (tmp_path / name).read_bytes()[:4] in (b"\x89PNG", b"%PDF")


def test_without_matplotlib(metrics, model, data, tmp_path, monkeypatch):
    """Said before the work begins."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder, _ = metrics
    out = tmp_path / "a.svg"
    for args in (["compare", f"a={folder}/gru.json", "--curves", out], ["evaluate", model, data, "--reliability", out]):
        result = invoke(*args, exit_code=1)
        assert "RX005" in result.stderr and not result.stdout and not out.exists()


def test_runs_of_other_data_get_a_warning(metrics, tmp_path):
    write_metrics(tmp_path / "other.json", 0, n_gold=500)
    folder, _ = metrics
    run = invoke("compare", f"a={folder}/gru.json", f"b={tmp_path}/other.json", "--curves", tmp_path / "a.svg")
    assert "RX179" in run.stderr and "400" in run.stderr and "500" in run.stderr
    assert "RX179" not in invoke("compare", f"a={folder}/*.json", "--curves", tmp_path / "a.svg").stderr


def test_a_number_that_one_run_lacks_has_no_mean(metrics, tmp_path):
    folder, _ = metrics
    data = json.loads((folder / "gru.json").read_text(encoding="utf8"))
    (tmp_path / "few.json").write_text(json.dumps({**data, "fact_p_at_300": None}), encoding="utf8")
    numbers = tmp_path / "numbers.json"
    run = [f"a={folder}/gru.json", f"a={tmp_path}/few.json"]
    invoke("compare", *run, "--curves", tmp_path / "a.svg", "--output", numbers)
    means = json.loads(numbers.read_text(encoding="utf8"))["curves"]["runs"]["a"]["numbers"]
    assert means["fact_p_at_300"] is None and means["fact_p_at_200"] is not None


@pytest.mark.parametrize("arg", ["metrics.json", "=x.json", "a=", "a=nowhere/*.json"])
def test_arguments_that_name_no_file(arg, tmp_path):
    assert "RX176" in invoke("compare", arg, "--curves", tmp_path / "a.svg", exit_code=1).stderr


@pytest.mark.parametrize(
    "text, part",
    [
        ('{"rel_micro_f": 0.5}', "no 'fact_curve'"),
        ('{"fact_curve": [1]}', "recall and precision"),
        ('{"fact_curve": {"recall": [0.1], "precision": ["x"]}}', "recall and precision"),
        ('{"fact_curve": {"recall": [0.1], "precision": []}}', "recall and precision"),
    ],
)
def test_files_without_a_curve(text, part, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="utf8")
    stderr = invoke("compare", f"a={tmp_path}/a.json", "--curves", tmp_path / "a.svg", exit_code=1).stderr
    assert "RX615" in stderr and part in stderr


def test_options_of_a_view_that_was_not_asked_for(metrics):
    folder, _ = metrics
    run = f"a={folder}/gru.json"
    for options in (("--title", "x"), ("--recall-max", "0"), ("--metric", "macro"), ("--langs", "de"), ("--types",)):
        assert "RX651" in invoke("compare", run, *options, exit_code=1).stderr


@pytest.mark.parametrize("text, part", [("[1]", "no object of scores"), ("{", "line 1")])
def test_files_that_are_no_metrics(text, part, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="utf8")
    stderr = invoke("compare", f"a={tmp_path}/a.json", exit_code=1).stderr
    assert "RX615" in stderr and part in stderr


def test_outputs_that_cannot_be(metrics, tmp_path):
    folder, _ = metrics
    run = f"a={folder}/gru.json"
    assert "RX368" in invoke("compare", run, "--curves", tmp_path / "a.gif", exit_code=1).stderr
    assert "RX021" in invoke("compare", run, "--curves", tmp_path / "a.svg", "--recall-max", "0", exit_code=1).stderr
    assert (
        "RX189"
        in invoke("compare", run, "--curves", tmp_path / "a.svg", "--output", f"{folder}/gru.json", exit_code=1).stderr
    )
    same = invoke("compare", run, "--curves", tmp_path / "a.svg", "--output", tmp_path / "a.svg", exit_code=1)
    assert "RX186" in same.stderr and not (tmp_path / "a.svg").exists()


def test_a_failed_write_leaves_what_was_there(metrics, tmp_path, monkeypatch):
    folder, _ = metrics
    out = tmp_path / "a.svg"
    out.write_text("before", encoding="utf8")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert "RX186" in invoke("compare", f"a={folder}/gru.json", "--curves", out, exit_code=1).stderr
    assert out.read_text(encoding="utf8") == "before" and len(list(tmp_path.iterdir())) == 1


def test_help_names_the_command():
    assert "compare" in invoke("--help").stdout
