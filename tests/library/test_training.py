"""`train`: spaCy's training, and one that goes on where it was stopped."""

from __future__ import annotations

import shutil
import sys

import pytest
import spacy
import srsly
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from spacy.util import load_config
from support.commands import invoke
from support.examples import SENTENCES, make_doc
from support.tiny_transformer import make_transformer
from support.trained_configs import ROOT

import spacy_relx as sr
from spacy_relx.errors import RelxError
from spacy_relx.formats.docbin import new_docbin, write_docbin

#: A training of 14 steps that looks at the scores every 4, over batches that grow.
STEPS = {
    "training.max_steps": 13,
    "training.eval_frequency": 4,
    "training.batcher.size": 4,
    "training.dropout": 0.1,
    "components.relation_extractor.model.encoder.encoder.hidden": 16,
    "components.relation_extractor.model.pairs.hidden": 16,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    vocab = spacy.blank("xx").vocab
    docbin = new_docbin()
    for sentence in SENTENCES:
        docbin.add(make_doc(vocab, *sentence))
    path = tmp_path_factory.mktemp("data") / "train.spacy"
    write_docbin(docbin, path)
    return path


@pytest.fixture
def config(data):
    overrides = {**STEPS, "paths.train": str(data), "paths.dev": str(data)}
    return load_config(ROOT / "configs" / "cpu.cfg", overrides=overrides, interpolate=False)


def weights(folder):
    """All files of a saved pipeline that hold what was learned."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("model"))
        if path.is_file()
    }


def scores(folder):
    return srsly.read_json(folder / "meta.json")["performance"]


def test_the_same_as_spacy(config, tmp_path):
    (tmp_path / "spacy").mkdir()
    spacy_train(init_nlp(config), tmp_path / "spacy", stdout=sys.stdout, stderr=sys.stderr)
    sr.train(config, tmp_path / "ours")
    for name in ("model-best", "model-last"):
        one, other = tmp_path / "spacy" / name, tmp_path / "ours" / name
        assert weights(one) == weights(other) and len(weights(one)) == 1
        assert scores(one) == scores(other)
    assert not (tmp_path / "ours" / "checkpoint").exists()


@pytest.fixture
def stop(monkeypatch):
    """Stops a training after so many steps, as if its process had ended."""
    from spacy_relx.core.training import loop

    def after(steps):
        plain = loop._Run._update
        seen = []

        def update(run, step, epoch, batch):
            if len(seen) == steps:
                raise KeyboardInterrupt
            seen.append(step)
            plain(run, step, epoch, batch)

        monkeypatch.setattr(loop._Run, "_update", update)
        return lambda: monkeypatch.setattr(loop._Run, "_update", plain)

    return after


@pytest.mark.parametrize("steps", [3, 5, 10])
def test_a_training_goes_on(config, stop, tmp_path, steps):
    sr.train(config, tmp_path / "whole", checkpoint_steps=2)
    go_on = stop(steps)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path / "parts", checkpoint_steps=2)
    go_on()
    assert (tmp_path / "parts" / "checkpoint" / "state.msgpack").is_file()
    sr.train(config, tmp_path / "parts", resume=True)
    for name in ("model-best", "model-last"):
        assert weights(tmp_path / "whole" / name) == weights(tmp_path / "parts" / name)
        assert scores(tmp_path / "whole" / name) == scores(tmp_path / "parts" / name)


def test_weights_that_pipelines_keep_in_8_bits_go_on_as_they_were(data, stop, tmp_path):
    pytest.importorskip("transformers")
    steps = {name: value for name, value in STEPS.items() if name.startswith("training.")}
    overrides = {**steps, "paths.train": str(data), "paths.dev": str(data)}
    overrides["paths.transformer"] = make_transformer(tmp_path)
    overrides["components.relation_extractor.model.transformer.storage"] = "int8"
    config = load_config(ROOT / "configs" / "minilm_shared.cfg", overrides=overrides, interpolate=False)
    sr.train(config, tmp_path / "whole")
    go_on = stop(5)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path / "parts", checkpoint_steps=2)
    go_on()
    sr.train(config, tmp_path / "parts", resume=True)
    assert weights(tmp_path / "whole" / "model-last") == weights(tmp_path / "parts" / "model-last")


def test_the_logger_hears_of_the_scores_before(config, stop, tmp_path, capsys):
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}
    go_on = stop(7)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path, checkpoint_steps=2, quiet=False)
    go_on()
    before = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()[:1].isdigit()]
    sr.train(config, tmp_path, resume=True, quiet=False)
    printed = capsys.readouterr().out
    after = [line.split() for line in printed.splitlines() if line.strip()[:1].isdigit()]
    assert "Resumed after step 5" in printed
    assert [row[1] for row in before] == ["0", "4"] and [row[1] for row in after] == ["0", "4", "8", "12"]
    assert after[:2] == before


def test_what_a_checkpoint_does_not_fit(config, data, stop, tmp_path):
    go_on = stop(3)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path, checkpoint_steps=2)
    go_on()
    with pytest.raises(RelxError, match=r"RX652.*training\.max_steps"):
        sr.train(config, tmp_path, overrides={"training.max_steps": 50}, resume=True)
    less = tmp_path / "less.spacy"
    docbin = new_docbin()
    for doc in sr.read_docs(data)[1:]:
        docbin.add(doc)
    write_docbin(docbin, less)
    with pytest.raises(RelxError, match="RX653"):
        sr.train(config, tmp_path, overrides={"paths.train": str(less)}, resume=True)
    moved = shutil.copy(data, tmp_path / "moved.spacy")
    state = tmp_path / "checkpoint" / "state.msgpack"
    kept = state.read_bytes()
    state.write_bytes(kept[:100])
    with pytest.raises(RelxError, match="RX654"):
        sr.train(config, tmp_path, resume=True)
    state.write_bytes(kept)
    assert sr.train(config, tmp_path, overrides={"paths.train": str(moved)}, resume=True).pipe_names
    with pytest.raises(RelxError, match="RX655"):
        sr.train(config, resume=True)


def test_a_checkpoint_is_written_whole_or_not_at_all(config, stop, tmp_path, monkeypatch):
    go_on = stop(3)
    with pytest.raises(KeyboardInterrupt):
        sr.train(config, tmp_path, checkpoint_steps=2)
    go_on()
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoint").rglob("*") if path.is_file()}

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spacy_relx.data.files.os.replace", full)
    with pytest.raises(RelxError, match=r"RX186.*No space"):
        sr.train(config, tmp_path, checkpoint_steps=2, resume=True)
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoint").rglob("*") if path.is_file()} == before
    assert not list(tmp_path.glob(".*"))


def test_the_command(config, tmp_path):
    config.to_disk(tmp_path / "config.cfg")
    args = ("train", tmp_path / "config.cfg", "--output", tmp_path / "out", "--training.max_steps", 2)
    printed = invoke(*args, "--resume").stdout  # which begins where there is no checkpoint
    assert "gold_mentions_rel_micro_f".upper()[:4] in printed.upper() and (tmp_path / "out" / "model-best").is_dir()
    assert "Saved to" in invoke(*args, "--quiet").stdout
    assert "RX" in invoke(*args, "--gpu-id", 99, exit_code=1).stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from spacy.util import load_config
import spacy_relx as sr
from spacy_relx.core.training import loop

config = load_config(Path({config!r}), interpolate=False)
plain, seen = loop._Run._update, []
def update(run, step, epoch, batch):
    if len(seen) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(step)
    plain(run, step, epoch, batch)
if {kill}:
    loop._Run._update = update
sr.train(config, {output!r}, checkpoint_steps=3, resume=True)
"""


@pytest.mark.process
def test_a_killed_training_goes_on(config, tmp_path):
    """By SIGKILL, twice, and each time in a new process: the weights are those of an undisturbed run."""
    import subprocess

    path, output = tmp_path / "config.cfg", tmp_path / "killed"
    config.to_disk(path)

    def run(kill, output):
        source = KILLED.format(config=str(path), output=str(output), kill=kill)
        return subprocess.run([sys.executable, "-c", source], capture_output=True, timeout=300, check=False)

    assert run(True, output).returncode == -9 and (output / "checkpoint").is_dir()
    assert run(True, output).returncode == -9
    assert run(False, output).returncode == 0
    whole = run(False, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert weights(output / "model-last") == weights(tmp_path / "whole" / "model-last")
    assert scores(output / "model-best") == scores(tmp_path / "whole" / "model-best")
