"""The grid of settings: what it runs, what it keeps, and what it refuses. Training itself is faked."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from spacy.util import import_file

from spacy_relx.evaluation.given import with_prefix

grid = import_file("relx_grid_test", Path(__file__).parents[2] / "scripts" / "grid.py")

SCORE = "gold_mentions_rel_micro_f"
VARY = ["--vary", "etm.markers=uniform,typed", "--vary", "etm.pooling=spacy_relx.EntityMax.v1,org/other"]


@pytest.fixture
def main(tmp_path, monkeypatch, capsys):
    """Run the script with these arguments. RETURNS: (what it printed, the commands that it ran)."""
    commands = []

    def run(command, check):
        """Write scores as `relx evaluate` would; the first run gets the highest."""
        assert check and command[:3] == [sys.executable, "-m", "spacy"]
        commands.append(command[3:])
        if "fail.cfg" in command:
            raise subprocess.CalledProcessError(1, command)
        if command[3] == "relx":
            path = Path(command[command.index("--output") + 1])
            n = sum(other[0] == "relx" for other in commands)
            plain = {"rel_micro_f": 1 / n, "rel_macro_f": 0.5, "rel_n_gold": 7, "rel_micro_p": None}
            path.write_text(json.dumps(with_prefix(plain)), encoding="utf8")

    def call(*args, config="a.cfg", train="train.spacy", test="test.spacy"):
        commands.clear()
        paths = [config, train, test, tmp_path / "scores"]
        monkeypatch.setattr(sys, "argv", ["grid.py", *map(str, [*paths, *args])])
        grid.main()
        return capsys.readouterr().out, list(commands)

    monkeypatch.setattr(grid.subprocess, "run", run)
    return call


def refused(main, *args, **paths):
    """The message with which the script ends; code 1, since it is a string."""
    with pytest.raises(SystemExit) as end:
        main(*args, **paths)
    assert isinstance(end.value.code, str)
    return end.value.code


def overrides(command):
    """{name: value} of the options with a dot in their name."""
    return {key[2:]: value for key, value in pairwise(command) if key.startswith("--") and "." in key}


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "scores").iterdir())


def test_runs(main, tmp_path):
    _, commands = main(*VARY, "--set", "training.max_steps=5", "--seeds", 0, 1, "--gpu-id", 0)
    assert len(commands) == 2 * 2 * 2 * 2
    train, evaluate = commands[:2]
    assert train[:2] == ["train", "a.cfg"] and train[-2:] == evaluate[-2:] == ["--gpu-id", "0"]
    assert overrides(train) == {
        "etm.markers": "uniform",
        "etm.pooling": "spacy_relx.EntityMax.v1",
        "training.max_steps": "5",
        "system.seed": "0",
        "paths.train": "train.spacy",
        "paths.dev": "test.spacy",
        "corpora.dev.limit": "20",
    }
    assert evaluate[:2] == ["relx", "evaluate"] and evaluate[3:5] == ["test.spacy", "--gold-mentions"]
    assert evaluate[2].endswith("model-last")
    every = [
        f"{markers}_{pooling}-{seed}.json"
        for markers in ("typed", "uniform")
        for pooling in ("EntityMax", "org-other")
        for seed in (0, 1)
    ]
    assert names(tmp_path) == every
    kept = json.loads((tmp_path / "scores" / "uniform_EntityMax-0.json").read_text(encoding="utf8"))
    assert kept.pop("run") == {
        "config": "a.cfg",
        "train": "train.spacy",
        "test": "test.spacy",
        "settings": overrides(train),
    }
    assert kept["gold_mentions_rel_micro_f"] == 1.0 and kept["gold_mentions_rel_n_gold"] == 7


def test_lists_of_one_value(main, tmp_path):
    _, commands = main("--vary", 'corpora.train.langs=["en"],["de"]')
    assert [overrides(command).get("corpora.train.langs") for command in commands[::2]] == ['["en"]', '["de"]']
    assert names(tmp_path) == ["de-0.json", "en-0.json"]


def test_settings_come_before_defaults(main):
    _, (train, _) = main("--set", "paths.dev=other.spacy", "--set", "corpora.dev.limit=0")
    assert overrides(train)["paths.dev"] == "other.spacy" and overrides(train)["corpora.dev.limit"] == "0"


def test_the_table(main):
    out, _ = main("--vary", "etm.markers=uniform,typed", "--seeds", 0, 1)
    # In order of the runs, the scores are 1, 1/2, 1/3 and 1/4
    assert [line.split() for line in out.splitlines()] == [
        ["uniform", "66.7", "±", "47.1", "(100.0,", "33.3)"],
        ["typed", "37.5", "±", "17.7", "(50.0,", "25.0)"],
    ]
    out, commands = main("--vary", "etm.markers=uniform,typed", "--table", "--score", "gold_mentions_rel_macro_f")
    assert [line.split() for line in out.splitlines()] == [["uniform", "50.0", "(50.0)"], ["typed", "50.0", "(50.0)"]]
    assert not commands


def test_a_grid_goes_on_where_it_stood(main, tmp_path):
    main(*VARY[:2], "--seeds", 0)
    before = {path: path.read_bytes() for path in (tmp_path / "scores").iterdir()}
    out, commands = main(*VARY[:2], "--seeds", 0, 1)
    assert [overrides(command)["system.seed"] for command in commands if command[0] == "train"] == ["1", "1"]
    assert len(out.splitlines()) == 2 and before.items() <= {p: p.read_bytes() for p in before}.items()
    assert main(*VARY[:2], "--seeds", 1, 0)[1] == []


@pytest.mark.parametrize(
    ("args", "paths", "difference"),
    [
        ([], {"config": "b.cfg"}, "config is 'a.cfg' there, 'b.cfg' here"),
        ([], {"train": "more.spacy"}, "train is 'train.spacy' there, 'more.spacy' here"),
        ([], {"test": "more.spacy"}, "test is 'test.spacy' there, 'more.spacy' here"),
        (["--set", "etm.layers=4"], {}, "etm.layers is '3' there, '4' here"),
        (["--set", "etm.mode=single"], {}, "etm.mode is not set there, 'single' here"),
        (["--table"], {}, "etm.layers is '3' there, not set here"),
    ],
)
def test_scores_of_another_run_are_refused(main, tmp_path, args, paths, difference):
    main("--vary", "etm.markers=typed", "--set", "etm.layers=3")
    before = (tmp_path / "scores" / "typed-0.json").read_bytes()
    if "etm.mode=single" in args:
        args = ["--set", "etm.layers=3", *args]
    message = refused(main, "--vary", "etm.markers=typed", *args, "--seeds", 1, 0, **paths)
    assert "typed-0.json" in message and difference in message
    assert names(tmp_path) == ["typed-0.json"]  # said before anything was run
    assert before == (tmp_path / "scores" / "typed-0.json").read_bytes()


@pytest.mark.parametrize("text", [f'{{"{SCORE}": 0.5}}', '{"run": 1}', "[]", "{", '{"run": {"config": "a.cfg"}}'])
def test_scores_of_unknown_origin_are_refused(main, tmp_path, text):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "run-0.json").write_text(text, encoding="utf8")
    assert "run-0.json" in refused(main)


@pytest.mark.parametrize(
    ("score", "part"),
    [
        ("rel_micro_x", "no such score"),
        ("gold_mentions_rel_micro_p", "no value"),
        ("gold_mentions_rel_n_gold", "fraction"),
        ("run", "fraction"),
    ],
)
def test_scores_that_cannot_be_shown(main, tmp_path, score, part):
    message = refused(main, "--score", score, "--seeds", 0, 1)
    assert f"--score {score}" in message and part in message and f"{SCORE}, gold_mentions_rel_macro_f" in message
    assert names(tmp_path) == ["run-0.json"]  # said after the first run, which is kept


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--vary", "etm.markers"], "--vary etm.markers: this is not NAME=A,B"),
        (["--vary", "etm.markers="], "not NAME=A,B"),
        (["--vary", "=typed"], "not NAME=A,B"),
        (["--vary", "etm.markers=typed,,uniform"], "not NAME=A,B"),
        (["--set", "etm.layers"], "--set etm.layers: this is not NAME=VALUE"),
        (["--set", "etm.layers=1", "--vary", "etm.layers=2,3"], "etm.layers is given twice"),
        (["--set", "system.seed=1"], "--seeds"),
        (["--vary", "etm.markers=typed,typed"], "same name"),
        (["--vary", "a.b=x_y,x", "--vary", "a.c=z,y_z"], "same name"),
        (["--table"], "no scores"),
    ],
)
def test_arguments_that_cannot_be(main, tmp_path, args, part):
    assert part in refused(main, *args)
    assert not (tmp_path / "scores").exists()


def test_a_run_that_fails(main, tmp_path):
    assert "run: spacy train ended with code 1" in refused(main, config="fail.cfg")
    assert names(tmp_path) == []
