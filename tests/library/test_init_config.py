"""`init_config`: configs that train as they are."""

from __future__ import annotations

import pytest
import spacy
from spacy.util import load_config
from support.commands import invoke
from support.trained_configs import ROOT

import spacy_relx as sr
from spacy_relx.errors import RelxError
from spacy_relx.library.configs import fill

CONFIGS = ROOT / "configs"


@pytest.mark.parametrize(
    ("task", "encoder", "name"),
    [
        ("relations", "cpu", "cpu"),
        ("relations", "minilm", "minilm_shared"),
        ("relations", "multilingual", "transformer"),
        ("joint", "cpu", "joint"),
    ],
)
def test_the_configs_of_the_repository_are_what_it_makes(task, encoder, name):
    assert sr.init_config(task=task, encoder=encoder) == load_config(CONFIGS / f"{name}.cfg")


@pytest.mark.parametrize("task", ["relations", "joint", "facts"])
@pytest.mark.parametrize("encoder", ["cpu", "minilm", "multilingual", "some/model"])
@pytest.mark.parametrize("lang", ["xx", "de"])
def test_every_config_is_complete(task, encoder, lang, tmp_path):
    config = sr.init_config(tmp_path / "config.cfg", task=task, encoder=encoder, lang=lang)
    assert fill(config) == config == load_config(tmp_path / "config.cfg", interpolate=False)
    assert config["nlp"]["lang"] == lang
    text = config.to_str(interpolate=False)
    assert ("some/model" in text) == (encoder == "some/model")
    assert ("Transformer.v1" in text) == (encoder != "cpu")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A spaCy pipeline with a tok2vec, an NER that listens to it, and a tagger that nobody needs."""
    nlp = spacy.blank("de")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "tok2vec"}
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "tok2vec": listener}
    nlp.add_pipe("ner", config={"model": {**model, "extra_state_tokens": False, "hidden_width": 8, "maxout_pieces": 2}})
    nlp.add_pipe("tagger").add_label("NN")
    nlp.get_pipe("ner").add_label("PER")
    nlp.initialize()
    path = tmp_path_factory.mktemp("pipeline") / "base"
    nlp.to_disk(path)
    return path


def test_on_a_spacy_pipeline(pipeline):
    config = sr.init_config(encoder=str(pipeline))
    names = ["tok2vec", "ner", "entity_type_marker", "relation_extractor"]
    assert config["nlp"]["pipeline"] == names and config["nlp"]["lang"] == "de"
    assert config["components"]["ner"] == {"source": "${paths.base}"} and config["paths"]["base"] == str(pipeline)
    assert config["training"]["score_weights"]["rel_micro_f"] == 1.0
    assert config["training"]["frozen_components"] == ["tok2vec", "ner"]
    joint = sr.init_config(task="joint", encoder=str(pipeline))
    assert joint["nlp"]["pipeline"] == ["tok2vec", "joint_extractor"]


def test_a_config_on_a_pipeline_trains(pipeline, tmp_path):
    lines = (ROOT / "assets" / "sample" / "dev.jsonl").read_text(encoding="utf8").splitlines()[:40]
    (tmp_path / "some.jsonl").write_text("\n".join(lines), encoding="utf8")
    data = str(tmp_path / "some.spacy")
    sr.convert("jsonl", tmp_path / "some.jsonl", data, model=str(pipeline))
    steps = {"training.max_steps": 1, "training.eval_frequency": 1, "paths.train": data, "paths.dev": data}
    for task, encoder in (
        ("relations", str(pipeline)),
        ("joint", str(pipeline)),
        ("joint", "cpu"),
        ("relations", "cpu"),
    ):
        nlp = sr.train(sr.init_config(task=task, encoder=encoder), tmp_path / "out", overrides=steps)
        assert nlp.pipe_names[-1] == ("joint_extractor" if task == "joint" else "relation_extractor")


def test_what_cannot_be_made(pipeline, tmp_path):
    with pytest.raises(RelxError, match="RX021"):
        sr.init_config(task="nope")
    with pytest.raises(RelxError, match="RX042"):
        sr.init_config(lang="klingon")
    with pytest.raises(RelxError, match="RX656"):
        sr.init_config(task="facts", encoder=str(pipeline))
    spacy.blank("en").to_disk(tmp_path / "bare")
    with pytest.raises(RelxError, match=r"RX656.*tok2vec"):
        sr.init_config(encoder=str(tmp_path / "bare"))
    with pytest.raises(RelxError, match="RX180"):
        sr.init_config(encoder="spacy", lang="fo")


def test_the_command(tmp_path):
    out = tmp_path / "my.cfg"
    assert "relx train" in invoke("init", "config", "-o", out, "--task", "facts").stdout
    printed = invoke("init", "config", "--task", "facts").stdout
    assert printed.strip() == out.read_text(encoding="utf8").strip() and "fact_extractor" in printed
