"""An encoder, saved or given by name, runs no Python of its own, reads no other file and asks no network."""

import io
import json
import shutil
import socket
import sys

import pytest
from support.tiny_transformer import make_transformer

from spacy_relx.core.transformers.bert import BertModel
from spacy_relx.core.transformers.loading import LoadedTransformer, TransformerSource, load_transformer
from spacy_relx.errors import RelxError

pytest.importorskip("transformers")

#: A module that transformers would import, and that leaves a file behind when it is.
EVIL = """
from pathlib import Path
Path({mark!r}).write_text("was run")
from transformers import BertConfig, BertModel, BertTokenizer, BertTokenizerFast
class EvilConfig(BertConfig): pass
class EvilModel(BertModel): pass
class EvilTokenizer(BertTokenizer): pass
class EvilTokenizerFast(BertTokenizerFast): pass
"""
TOKENIZERS = ["evil.EvilTokenizer", "evil.EvilTokenizerFast"]
AUTO = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"}
KINDS = ("bert", "deberta-v2")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: make_transformer(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def save(folder):
    return load_transformer(TransformerSource(name=folder)).to_dict()


def changed(content, **settings):
    return json.dumps({**json.loads(content), **settings})


def error_of(code, load):
    with pytest.raises(RelxError) as err:
        load()
    assert err.value.code == code
    return str(err.value)


#: What a stranger may write into the configuration of a kind that transformers computes.
SETTINGS = {
    "auto_map": {"auto_map": {**AUTO, "AutoTokenizer": TOKENIZERS}},
    "auto_map within": {"encoder": [{"auto_map": AUTO}]},
    "class": {"tokenizer_class": "EvilTokenizer"},
    "no name": {"tokenizer_class": ["BertTokenizer"]},
    "a pickle": {"tokenizer_class": "TransfoXLTokenizer"},
    "custom generation": {"custom_generate": "a/b"},
    "type": {"model_type": "evil"},
    "no type": {"model_type": None},
    "a backbone of the hub": {"model_type": "detr", "backbone": "a/b"},
    "a kernel of the hub": {"attn_implementation": "a/b:c"},
    "a kernel for a part": {"_attn_implementation": {"text": "a/b"}, "x_implementation": "a/b"},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_name_code_are_refused(folders, case, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    saved = save(folders["deberta-v2"])
    saved["config"] = changed(saved["config"], **SETTINGS[case])
    error_of("RX597", lambda: LoadedTransformer.from_dict(saved))
    assert sys.stdin.readline() == "y\n"  # nobody has asked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", "[" * 100_000, None], ids=range(6))
def test_settings_that_are_no_settings(folders, kind, content):
    saved = {**save(folders[kind]), "config": content}
    error_of("RX597", lambda: LoadedTransformer.from_dict(saved))


#: Settings of BERT and its kin that make no encoder, or one that asks for all memory.
SIZES = [
    {"hidden_size": "wide"},
    {"hidden_size": 2**40},
    {"hidden_size": 33},
    {"hidden_size": None},
    {"vocab_size": True},
    {"vocab_size": 7},
    {"num_hidden_layers": 0},
    {"num_hidden_layers": 10**6},
    {"max_position_embeddings": -1},
    {"pad_token_id": 10**9},
    {"layer_norm_eps": "small"},
    {"hidden_dropout_prob": 1.5},
]


@pytest.mark.parametrize("settings", SIZES, ids=str)
def test_sizes_that_cannot_be(folders, settings):
    saved = save(folders["bert"])
    saved["config"] = changed(saved["config"], **settings)
    assert "of the saved pipeline" in error_of("RX080", lambda: LoadedTransformer.from_dict(saved))


def test_settings_that_transformers_cannot_use(folders):
    saved = save(folders["deberta-v2"])
    saved["config"] = changed(saved["config"], hidden_size="wide")
    assert "of the saved pipeline" in error_of("RX080", lambda: LoadedTransformer.from_dict(saved))


@pytest.mark.parametrize("content", ["", "{}", "[]", b"{}", None, "[" * 100_000], ids=range(6))
def test_tokenizers_that_are_none(folders, content):
    error_of("RX080", lambda: LoadedTransformer.from_dict({**save(folders["bert"]), "tokenizer": content}))


def test_large_tokenizers_are_refused(folders, monkeypatch):
    saved = save(folders["bert"])
    monkeypatch.setattr("spacy_relx.core.transformers.sources.MAX_TOKENIZER", 1000)
    error_of("RX080", lambda: LoadedTransformer.from_dict(saved))


@pytest.mark.parametrize("kind", KINDS)
def test_loading_asks_no_network_and_reads_no_file(folders, kind, monkeypatch):
    saved = save(folders[kind])
    assert set(saved) == {"config", "tokenizer"} and folders[kind] not in str(saved)

    def connect(*args, **kwargs):
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket, "socket", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    loaded = LoadedTransformer.from_dict(saved)
    assert (
        isinstance(loaded.module, BertModel) == (kind == "bert") and loaded.to_dict()["tokenizer"] == saved["tokenizer"]
    )


# An encoder given by name or folder


@pytest.fixture
def evil(folders, tmp_path, monkeypatch):
    """A copy of a folder with code in it, and settings that name it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "cache"))

    def make(kind, file, **settings):
        model = tmp_path / "model"
        shutil.copytree(folders[kind], model)
        (model / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "mark")))
        (model / file).write_text(changed((model / file).read_bytes(), **settings))
        return model

    yield make
    assert not (tmp_path / "mark").exists()
    assert sys.stdin.readline() == "y\n"  # nobody has asked


@pytest.mark.parametrize("dropout", [None, 0.1])
def test_a_model_with_code_is_refused(evil, dropout):
    """Also where somebody, or a file of texts on standard input, answers yes to transformers' question."""
    model = evil("deberta-v2", "config.json", auto_map={**AUTO, "AutoTokenizer": TOKENIZERS}, model_type="evil")
    assert "'config.json'" in error_of(
        "RX597", lambda: load_transformer(TransformerSource(name=str(model), dropout=dropout))
    )


def test_a_tokenizer_with_code_is_refused(evil):
    model = evil("bert", "tokenizer_config.json", auto_map={"AutoTokenizer": TOKENIZERS})
    load_transformer(TransformerSource(name=str(model)))  # tokenizer.json suffices
    (model / "tokenizer.json").unlink()
    message = error_of("RX597", lambda: load_transformer(TransformerSource(name=str(model))))
    assert "'tokenizer_config.json'" in message


def test_code_beside_bert_is_not_looked_at(evil):
    model = evil("bert", "config.json", auto_map=AUTO)
    saved = load_transformer(TransformerSource(name=str(model))).to_dict()
    assert "evil" not in str(saved) and "auto_map" not in saved["config"]
