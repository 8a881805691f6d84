"""A transformer, saved or given by name, runs no Python of its own, reads no other file and asks no network."""

import io
import json
import socket
import sys
from pathlib import Path

import pytest
from support.tiny_transformer import make_transformer

from spacy_relx.errors import RelxError

pytest.importorskip("transformers")

from spacy_relx.core.transformers.loading import LoadedTransformer, TransformerSource, load_transformer
from spacy_relx.core.transformers.walls import MAX_FILE, TOKENIZER_FILES, check_archive

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def saved(folder):
    return load_transformer(TransformerSource(name=folder)).to_dict()


def changed(content, **settings):
    return json.dumps({**json.loads(content), **settings})


def hostile(saved, file, **settings):
    """The saved transformer with other settings in one of its JSON files."""
    if file == "config.json":
        return {**saved, "config": changed(saved["config"], **settings)}
    files = dict(saved["tokenizer"])
    return {**saved, "tokenizer": {**files, file: changed(files[file], **settings).encode("utf8")}}


def refused(code, file, load):
    with pytest.raises(RelxError) as err:
        load()
    assert err.value.code == code and f"'{file}'" in str(err.value).replace(f"its {file}", f"'{file}'")
    return str(err.value)


#: What a stranger may write into the settings of the configuration or the tokenizer.
SETTINGS = {
    "tokenizer, auto_map": ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": TOKENIZERS}}),
    "tokenizer, auto_map of old": ("tokenizer_config.json", {"auto_map": TOKENIZERS}),
    "tokenizer, class": ("tokenizer_config.json", {"tokenizer_class": "EvilTokenizer"}),
    "tokenizer, no name": ("tokenizer_config.json", {"tokenizer_class": ["BertTokenizer"]}),
    "tokenizer, a pickle": ("tokenizer_config.json", {"tokenizer_class": "TransfoXLTokenizer"}),
    "tokenizer, another file": ("tokenizer_config.json", {"vocab_file": "/etc/hostname"}),
    "tokenizer, another file within": ("tokenizer_config.json", {"sp_model_kwargs": {"model_file": "/etc/hostname"}}),
    "config, auto_map": ("config.json", {"auto_map": {**AUTO, "AutoTokenizer": TOKENIZERS}}),
    "config, auto_map within": ("config.json", {"encoder": [{"auto_map": AUTO}]}),
    "config, class": ("config.json", {"tokenizer_class": "EvilTokenizer"}),
    "config, custom generation": ("config.json", {"custom_generate": "a/b"}),
    "config, type": ("config.json", {"model_type": "evil"}),
    "config, no type": ("config.json", {"model_type": None}),
    "config, a backbone of the hub": ("config.json", {"model_type": "detr", "backbone": "a/b"}),
    "config, a kernel of the hub": ("config.json", {"attn_implementation": "a/b:c"}),
    "config, a kernel for a part": (
        "config.json",
        {"_attn_implementation": {"text": "a/b"}, "x_implementation": "a/b"},
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_name_code_are_refused(saved, case, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    file, settings = SETTINGS[case]
    refused("RX596", file, lambda: LoadedTransformer.from_dict(hostile(saved, file, **settings)))


FILES = {
    "code": {"evil.py": b"", "tokenizer.json": b"{}"},
    "a path": {"../vocab.txt": b""},
    "a path of its own": {"/opt/vocab.txt": b""},
    "a path of another system": {"..\\vocab.txt": b""},
    "the folder": {"..": b""},
    "a pickle": {"vocab.pkl": b""},
    "the configuration": {"config.json": b"{}"},
    "weights": {"pytorch_model.bin": b""},
    "an adapter": {"adapter_config.json": b"{}"},
    "no name": {7: b""},
    "no bytes": {"vocab.txt": "a"},
}


@pytest.mark.parametrize("case", FILES)
def test_other_files_are_refused(saved, case, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = str(next(iter(FILES[case])))
    data = {**saved, "tokenizer": {**FILES[case], **saved["tokenizer"]} if file != "vocab.txt" else FILES[case]}
    refused("RX597", file, lambda: LoadedTransformer.from_dict(data))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000], ids=range(5))
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_settings_that_are_no_settings(saved, file, content):
    data = {**saved, "tokenizer": {**saved["tokenizer"], file: content}}
    if file == "config.json":
        data = {**saved, "config": content.decode("latin-1")}
    refused("RX597", file, lambda: LoadedTransformer.from_dict(data))


def test_settings_that_transformers_cannot_use(saved):
    data = hostile(saved, "config.json", hidden_size="wide")
    with pytest.raises(RelxError, match=r"RX080.*of the saved pipeline"):
        LoadedTransformer.from_dict(data)


def test_large_files_are_refused(saved, monkeypatch):
    monkeypatch.setattr("spacy_relx.core.transformers.walls.MAX_FILE", 1000)
    assert MAX_FILE > 100e6
    with pytest.raises(RelxError, match="RX597"):
        check_archive("x", saved["config"], saved["tokenizer"])


def test_loading_asks_no_network(saved, monkeypatch):
    def connect(*args, **kwargs):
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket, "socket", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    loaded = LoadedTransformer.from_dict(saved)
    assert type(loaded.module).__name__ == "BertModel" and loaded.files == saved["tokenizer"]


def test_saved_files_name_no_other_files(folder, tmp_path):
    """Old tokenizers name the files that they were made from, in folders of who made them."""
    for path in Path(folder).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "tokenizer_config.json"
    path.write_text(changed(path.read_bytes(), special_tokens_map_file="/opt/who/map.json", name_or_path="/opt/who"))
    saved = load_transformer(TransformerSource(name=str(tmp_path))).to_dict()
    assert b"/opt/who" not in saved["tokenizer"]["tokenizer_config.json"] and set(saved["tokenizer"]) <= TOKENIZER_FILES
    LoadedTransformer.from_dict(saved)


# A model given by name or folder


@pytest.mark.parametrize("dropout", [None, 0.1])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_is_refused(folder, file, dropout, tmp_path, monkeypatch):
    """Also where somebody, or a file of texts on standard input, answers yes to transformers' question."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "model"
    model.mkdir()
    for path in Path(folder).iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    (model / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "mark")))
    auto = {**AUTO, "AutoTokenizer": TOKENIZERS} if file == "config.json" else {"AutoTokenizer": TOKENIZERS}
    settings = {"auto_map": auto, **({"model_type": "evil"} if file == "config.json" else {})}
    (model / file).write_text(changed((model / file).read_bytes(), **settings))
    refused("RX596", file, lambda: load_transformer(TransformerSource(name=str(model), dropout=dropout)))
    assert not (tmp_path / "mark").exists()
    assert sys.stdin.readline() == "y\n"  # nobody has asked


def test_code_in_a_saved_pipeline_is_not_run(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "cache"))
    settings = {"auto_map": {"AutoTokenizer": TOKENIZERS}, "tokenizer_class": "EvilTokenizer"}
    data = hostile(saved, "tokenizer_config.json", **settings)
    data["tokenizer"]["evil.py"] = EVIL.format(mark=str(tmp_path / "mark")).encode("utf8")
    refused("RX597", "evil.py", lambda: LoadedTransformer.from_dict(data))
    assert not (tmp_path / "mark").exists() and sys.stdin.readline() == "y\n"
