"""What a package of a pipeline requires: `spacy package` reads it from meta.json, pip from what setup.py writes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest
import spacy
from packaging.requirements import Requirement
from support.examples import make_examples
from support.instances import bag_config, encoder_config, words_config
from support.tiny_transformer import make_transformer, model_config

from spacy_relx.about import __version__
from spacy_relx.data.loading import require_extras

OWN = "spacy-relx"
NAME = "some/model"  # loaded when the pipeline is initialised, not when it is made
TOKENS = {
    "@architectures": "spacy_relx.TokenTransformer.v1",
    "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": NAME},
}
INSTANCES = {
    "@architectures": "spacy_relx.InstanceModel.v1",
    "words": words_config(NAME),
    "encoder": encoder_config(),
    "classifier": {"@architectures": "spacy_relx.SoftmaxClassifier.v1"},
}
NO_DETECTOR = {"detector": None, "default": "en"}

#: Component and settings -> the extras that it needs.
NEEDS = {
    "language_router": ("language_router", {}, {"langid"}),
    "default": ("language_router", {"default": "en"}, {"langid"}),
    "no detector": ("language_router", NO_DETECTOR, set()),
    "nearest": ("language_router", {**NO_DETECTOR, "unknown": "nearest"}, {"langid"}),
    "marker": ("entity_type_marker", {}, set()),
    "marked": ("relation_extractor", {"model": model_config(NAME)}, set()),
    "encoder": ("relation_extractor", {"model": {"encoder": TOKENS}}, set()),
    "small": ("relation_extractor", {}, set()),
    "instances": ("relation_extractor", {"model": INSTANCES}, set()),
    "bags": ("fact_extractor", {"model": bag_config(NAME)}, set()),
    "small bags": ("fact_extractor", {}, set()),
    "joint": ("joint_extractor", {"model": {"encoder": TOKENS}}, set()),
    "small joint": ("joint_extractor", {}, set()),
}


def extras(requirements):
    return {extra for each in map(Requirement, requirements) if each.name == OWN for extra in each.extras}


def packaged(nlp, folder):
    """meta.json of the package that spaCy makes of a saved pipeline, and the folder of the package."""
    for name in ("saved", "packages"):
        (folder / name).mkdir()
    nlp.to_disk(folder / "saved")
    import_module("spacy.cli.package")  # the module, which the function of this name hides
    package = sys.modules["spacy.cli.package"].package
    package(folder / "saved", folder / "packages", name="sample", version="1.2.3", create_sdist=False)
    (made,) = (folder / "packages").iterdir()
    return json.loads((made / "meta.json").read_text(encoding="utf8")), made


@pytest.mark.parametrize("name", NEEDS)
def test_components_say_what_they_need(name):
    factory, config, wanted = NEEDS[name]
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config=config)
    assert extras(nlp.meta.get("requirements", [])) == wanted


@pytest.mark.parametrize("kind", ["bert", "deberta-v2"])
def test_what_a_transformer_needs_is_known_when_it_is_loaded(tmp_path, kind):
    pytest.importorskip("transformers")
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor", config={"model": model_config(make_transformer(tmp_path, kind), "single")})
    examples = make_examples(nlp.vocab)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path / "saved")
    wanted = {"transformers"} if kind == "deberta-v2" else set()
    assert extras(spacy.load(tmp_path / "saved").meta.get("requirements", [])) == wanted


@pytest.mark.parametrize("save_again", [False, True])
def test_package_requires_the_language_identifier(tmp_path, save_again):
    nlp = spacy.blank("en")
    nlp.add_pipe("language_router")
    if save_again:
        nlp.to_disk(tmp_path / "before")
        nlp = spacy.load(tmp_path / "before")
    meta, made = packaged(nlp, tmp_path)
    (own,) = [each for each in map(Requirement, meta["requirements"]) if each.name == OWN]
    assert own.extras == {"langid"} and own.specifier.contains(__version__) and not own.specifier.contains("0.0.1")
    # what pip will read
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=made, check=True, capture_output=True)
    (required,) = made.glob("*.egg-info/requires.txt")
    assert extras(required.read_text(encoding="utf8").split()) == {"langid"}


def test_pipelines_saved_without_requirements(tmp_path):
    """Those of earlier versions, and those whose components all come from other pipelines, are asked when packaged."""
    source = spacy.blank("en")
    source.add_pipe("language_router")
    nlp = spacy.blank("en")
    nlp.add_pipe("language_router", source=source)
    assert "requirements" not in nlp.meta
    meta, _ = packaged(nlp, tmp_path)
    assert extras(meta["requirements"]) == {"langid"}


def test_what_is_required_already_is_kept():
    nlp = spacy.blank("en")
    nlp.meta["requirements"] = ["jieba>=0.42", "spacy-relx[kb]==0.1.0"]
    require_extras(nlp, ["langid", ""])
    require_extras(nlp, {"transformers"})
    assert nlp.meta["requirements"] == ["jieba>=0.42", "spacy-relx[kb,langid,transformers]==0.1.0"]
    nlp.meta["requirements"] = ["spacy-relx-more>=1", "spacy_relx >=0.1"]
    require_extras(nlp, ["langid"])
    assert nlp.meta["requirements"] == ["spacy-relx-more>=1", "spacy-relx[langid]>=0.1"]
    require_extras(nlp, {""})
    assert nlp.meta["requirements"] == ["spacy-relx-more>=1", "spacy-relx[langid]>=0.1"]


def test_every_extra_exists():
    from importlib.metadata import metadata

    known = set(metadata(OWN).get_all("Provides-Extra"))
    assert {extra for _, _, wanted in NEEDS.values() for extra in wanted} <= known
