"""The sample corpus, the configs and the project file."""

import json
import subprocess
import sys
from collections import Counter

import pytest
import spacy
import srsly
from spacy.util import import_file, load_config
from support.config import overrides, unknown_settings
from support.trained_configs import ROOT, TRAINED_BY_CONFIGS

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
    path = ROOT / "configs" / name
    command = next((line for line in path.read_text("utf8").splitlines() if line.startswith("# Train")), "")
    assert not command or f"configs/{name} " in command
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


def read_project():
    """The project file, its variables filled in."""
    project = srsly.read_yaml(ROOT / "project.yml")
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    for name, value in project["vars"].items():
        text = text.replace(f"${{vars.{name}}}", str(value))
    return srsly.yaml_loads(text)


def test_the_project_file():
    project = read_project()
    commands = {command["name"]: command for command in project["commands"]}
    assert {"all", "crossre"} <= set(project["workflows"])
    for steps in project["workflows"].values():
        assert set(steps) <= set(commands)
        assert steps[0].startswith("verify")
    for command in commands.values():
        for dep in command["deps"]:
            if dep.startswith(("configs", "assets/checksums", "assets/sample")):
                assert (ROOT / dep).exists(), dep


def scripts(project):
    return [(command["name"], script) for command in project["commands"] for script in command["script"]]


def test_overrides_of_the_project_file_are_of_the_config():
    """spaCy refuses a section or a function's setting that does not exist, but only when the command is run."""
    seen = set()
    for name, script in scripts(read_project()):
        path, found = overrides(script)
        assert unknown_settings(path, found) == [], name
        known = load_config(ROOT / path) if path else {}
        for setting in found:
            spacy.util.dot_to_object(known, setting)
        seen.update(found)
    assert {"system.seed", "etm.pooling", "components.entity_type_marker.markers"} <= seen


def test_models_that_a_workflow_compares_are_built_alike():
    """The same overrides of the model, by all lines of a workflow that train from the same config."""
    project = srsly.read_yaml(ROOT / "project.yml")
    compared = set()
    for workflow, steps in project["workflows"].items():
        models = {}
        for name, script in scripts(project):
            path, found = overrides(script)
            if name in steps and path and " train " in script:
                own = {key: value for key, value in found.items() if key.startswith(("components.", "etm."))}
                models.setdefault(path, []).append(own)
        for path, group in models.items():
            assert all(own == group[0] for own in group), (workflow, path)
            compared.update([workflow] * (len(group) > 1))
    assert "transfer" in compared


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
