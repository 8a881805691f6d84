"""The sample corpus, the configs and the project file."""

import json
import shlex
import subprocess
import sys
from collections import Counter

import pytest
import spacy
import srsly
import typer
from spacy.util import import_file, load_config
from support.config import overrides, unknown_settings
from support.trained_configs import CONFIGS, PROJECTS, ROOT, TRAINED_BY_CONFIGS

from spacy_relx.formats.convert import convert

SAMPLE = ROOT / "assets" / "sample"
VERIFY = ROOT / "scripts" / "verify.py"
FILL = import_file("fill_configs", ROOT / "scripts" / "fill_configs.py")


def rows(split):
    return [json.loads(line) for line in (SAMPLE / f"{split}.jsonl").read_text(encoding="utf8").splitlines()]


def run(*args, **kwargs):
    return subprocess.run([sys.executable, *map(str, args)], capture_output=True, text=True, timeout=120, **kwargs)


def test_the_sample_corpus_is_what_its_script_builds(tmp_path):
    done = run(SAMPLE / "build.py", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for split in ("train", "dev", "test"):
        assert (tmp_path / f"{split}.jsonl").read_bytes() == (SAMPLE / f"{split}.jsonl").read_bytes()


def test_the_sample_corpus_keeps_its_promises():
    splits = {split: rows(split) for split in ("train", "dev", "test")}
    every = [row for part in splits.values() for row in part]
    per_lang = Counter(row["lang"] for row in every)
    assert len(per_lang) >= 12 and min(per_lang.values()) >= 200
    assert len({r["label"] for row in every for r in row["relations"]}) >= 12
    assert len({m["label"] for row in every for m in row["mentions"]}) == 7
    pairs, phrasings = {}, {}
    for split, part in splits.items():
        names = [[row["text"][m["start"] : m["end"]] for m in row["mentions"]] for row in part]
        pairs[split] = {frozenset((a, b)) for found in names for a in found for b in found if a != b}
        phrasings[split] = {(row["lang"], row["meta"]["phrasing"]) for row in part}
    assert not pairs["test"] & pairs["train"]
    assert not phrasings["test"] & phrasings["train"]
    for split, part in splits.items():
        kinds = Counter(row["meta"]["kind"] for row in part)
        assert kinds["negation"] and kinds["cooccurrence"] and kinds["combined"], split


def test_every_sample_mention_aligns(tmp_path):
    lines = [line for split in ("train", "dev", "test") for line in (SAMPLE / f"{split}.jsonl").open(encoding="utf8")]
    (tmp_path / "some.jsonl").write_text("".join(lines[::3]), encoding="utf8")
    report = convert("jsonl", [tmp_path / "some.jsonl"], tmp_path / "some.spacy")
    assert report.records_written > 1000
    assert report.mentions_misaligned == 0 and report.relations_dropped == 0


@pytest.mark.parametrize("name", TRAINED_BY_CONFIGS)
def test_configs_are_complete(name):
    """`spacy init fill-config` has nothing to add: `spacy debug` fills in nothing."""
    path = CONFIGS[name]
    command = next((line for line in path.read_text("utf8").splitlines() if line.startswith("# Train")), "")
    assert not command or f"{path.relative_to(ROOT).as_posix()} " in command
    config = load_config(path)
    assert FILL.fill(config) == config, "python scripts/fill_configs.py fills them"


def test_a_config_is_filled_in_place(tmp_path):
    """Comments and order stay, what is missing stands where it belongs."""
    text = (ROOT / "configs" / "cpu.cfg").read_text("utf8")
    cut = text.replace("types = []\n", "").replace("beta1 = 0.9\n", "").replace("[nlp.vectors]\n", "")
    cut = cut.replace('@vectors = "spacy.Vectors.v1"\n\n', "").replace("[pretraining]\n", "")
    cut = cut.replace("[components.relation_extractor]", "# of the extractor\n[components.relation_extractor]")
    assert text.count("\n") - cut.count("\n") == 5
    (tmp_path / "cut.cfg").write_text(cut, encoding="utf8")
    filled = FILL.fill_text(cut, FILL.fill(load_config(tmp_path / "cut.cfg")))
    (tmp_path / "cut.cfg").write_text(filled, encoding="utf8")
    assert load_config(tmp_path / "cut.cfg") == load_config(ROOT / "configs" / "cpu.cfg")
    kept = [line for line in cut.splitlines() if line]
    assert [line for line in filled.splitlines() if line in kept] == kept
    assert "\n\n# of the extractor\n[components.relation_extractor]\n" in filled
    assert filled.index("[nlp.tokenizer]") < filled.index("[nlp.vectors]") < filled.index("[components]")


def read_project(path):
    """The project file, its variables filled in."""
    text = path.read_text(encoding="utf8")
    for name, value in srsly.yaml_loads(text)["vars"].items():
        text = text.replace(f"${{vars.{name}}}", str(value))
    return srsly.yaml_loads(text)


EACH_PROJECT = pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)


@EACH_PROJECT
def test_the_project_files(path):
    project = read_project(path)
    commands = {command["name"]: command for command in project["commands"]}
    used = [step for steps in project["workflows"].values() for step in steps]
    assert set(used) == set(commands)
    assert path.parent.name == "quickstart" or all(
        steps[0].startswith("verify") for steps in project["workflows"].values()
    )
    made = {output for command in commands.values() for output in command.get("outputs", ())}
    for command in commands.values():
        for dep in command.get("deps", ()):
            if dep not in made and not dep.startswith("assets/"):
                assert (path.parent / dep).exists(), dep


def test_every_paper_has_its_project():
    names = {"quickstart", "crossre", "etm", "at", "amnre", "mere", "hrere", "wiki"}
    assert {path.parent.name for path in PROJECTS if path.parent != ROOT} == names
    assert all((ROOT / "projects" / name / "README.md").is_file() for name in names)
    assert "all" in read_project(ROOT / "project.yml")["workflows"]


def scripts(project):
    return [(command["name"], script) for command in project["commands"] for script in command["script"]]


def test_scripts_of_the_projects_are_there_and_their_commands_exist(monkeypatch):
    from spacy.cli._util import app
    from support.docs_commands import parse

    for path in PROJECTS:
        monkeypatch.chdir(path.parent)  # where its commands run
        for name, script in scripts(read_project(path)):
            # a config that another command makes
            words = shlex.split(script.replace("train training/config.cfg", "train ../../configs/cpu.cfg"))
            if words[:3] == ["python", "-m", "spacy"]:
                parse(typer.main.get_command(app), words[3:])
            else:
                assert words[0] == "python" and (path.parent / words[1]).is_file(), (path, name)


@EACH_PROJECT
def test_overrides_of_the_project_files_are_of_the_config(path):
    """spaCy refuses a section or a function's setting that does not exist, but only when the command is run."""
    for name, script in scripts(read_project(path)):
        config, found = overrides(script)
        if config is None:
            continue
        assert unknown_settings(config, found, path.parent) == [], name
        known = load_config(path.parent / config)
        for setting in found:
            spacy.util.dot_to_object(known, setting)


@EACH_PROJECT
def test_models_that_a_workflow_compares_are_built_alike(path):
    """The same overrides of the model, by all lines of a workflow that train from the same config."""
    project = srsly.read_yaml(path)
    compared = set()
    for workflow, steps in project["workflows"].items():
        models = {}
        for name, script in scripts(project):
            config, found = overrides(script)
            if name in steps and config and " train " in script:
                own = {key: value for key, value in found.items() if key.startswith(("components.", "etm."))}
                models.setdefault(config, []).append(own)
        for config, group in models.items():
            assert all(own == group[0] for own in group), (workflow, config)
            compared.update([workflow] * (len(group) > 1))
    assert path.parent.name != "crossre" or "transfer" in compared


def test_checksums_are_verified(tmp_path):
    assert run(VERIFY, ROOT / "assets" / "checksums" / "sample.sha256", SAMPLE).returncode == 0
    (tmp_path / "a.json").write_text("{}", encoding="utf8")
    sums = tmp_path / "sums"
    assert run(VERIFY, sums, tmp_path, "--write").returncode == 0
    assert run(VERIFY, sums, tmp_path).returncode == 0
    (tmp_path / "a.json").write_text("[]", encoding="utf8")
    changed = run(VERIFY, sums, tmp_path)
    assert changed.returncode == 1 and "a.json" in changed.stderr
    (tmp_path / "a.json").unlink()
    assert "missing" in run(VERIFY, sums, tmp_path).stderr
