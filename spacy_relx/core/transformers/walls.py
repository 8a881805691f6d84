"""What keeps a transformer's files from running code: checked before transformers reads any of them.

transformers imports Python files that a configuration names, asks on the terminal whether it may, and fetches
attention kernels and backbones by name. None of this is needed for an encoder that transformers itself knows, so
files that ask for it are refused, those of a saved pipeline and those of a model given by name alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...data._compat import optional_import
from ...errors import RelxError

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
#: Files that transformers' tokenizers consist of: vocabularies and settings. No code, no pickle.
TOKENIZER_FILES = frozenset(
    (
        "added_tokens.json",
        "bpe.codes",
        "chat_template.jinja",
        "dict.txt",
        "emoji.json",
        "entity_vocab.json",
        "merges.txt",
        "prophetnet.tokenizer",
        "sentencepiece.bpe.model",
        "sentencepiece.model",
        "source.spm",
        "special_tokens_map.json",
        "spiece.model",
        "spm.model",
        "target.spm",
        "target_vocab.json",
        "tokenizer.json",
        TOKENIZER_CONFIG,
        "tokenizer.model",
        "vocab.bpe",
        "vocab.json",
        "vocab.txt",
        "word_pronunciation.json",
        "word_shape.json",
    )
)
#: Bytes of one such file. The largest vocabularies in use (250,000 subwords) take about 35 MB.
MAX_FILE = 256 * 2**20
#: Tokenizers of transformers that unpickle their vocabulary.
_UNPICKLES = {"TransfoXLTokenizer"}
#: Settings that name Python classes, by which transformers finds code beside the model.
_NAMES_CODE = ("auto_map", "custom_pipelines", "custom_generate")


def check_archive(name: str, config: Any, files: Any) -> dict[str, bytes]:
    """Check the configuration and the tokenizer's files of a saved pipeline, before they are written anywhere.

    Args:
        name: Of the transformer, for the message.
        config: The text of its config.json.
        files: The tokenizer's files, content by name.

    Returns:
        The files.

    Raises:
        RelxError: RX597 for a file that is no tokenizer's or is too large, RX597 for settings that name code.
    """
    if not isinstance(config, str) or not isinstance(files, Mapping):
        raise RelxError("RX597", name=name, file=CONFIG, reason="it is missing, or of another type than was saved")
    check_files(name, files)
    check_settings(name, _json(name, CONFIG, config), _json(name, TOKENIZER_CONFIG, files.get(TOKENIZER_CONFIG, b"{}")))
    for file, content in files.items():
        if file.endswith(".json"):
            _json(name, file, content)
    return dict(files)


def check_files(name: str, files: Mapping[Any, Any]) -> None:
    """Check that these are files of a tokenizer. Raises: RelxError RX597."""
    for file, content in files.items():
        if file not in TOKENIZER_FILES:
            raise RelxError(
                "RX597", name=name, file=str(file)[:80], reason="no tokenizer of transformers has such a file"
            )
        if not isinstance(content, bytes) or len(content) > MAX_FILE:
            raise RelxError("RX597", name=name, file=file, reason=f"it is no file of at most {MAX_FILE >> 20} MB")


def check_settings(name: str, config: Mapping[str, Any], tokenizer: Mapping[str, Any], *, saved: bool = True) -> None:
    """Check what config.json and tokenizer_config.json ask for.

    Args:
        name: Of the transformer, for the message.
        config: config.json, as read.
        tokenizer: tokenizer_config.json, as read; empty where there is none.
        saved: Whether it is a saved pipeline's, which names no files beside its own.

    Raises:
        RelxError: RX597 for what names code or classes that are not transformers' own, or other places to read from.
    """
    for file, settings in ((CONFIG, config), (TOKENIZER_CONFIG, tokenizer)):
        for key, value in _walk(settings):
            if key in _NAMES_CODE and value:
                raise RelxError("RX597", name=name, file=file, reason=f"'{key}' names Python classes to import")
            # in place of an implementation transformers takes the name of a repository with a kernel
            if "_implementation" in key and isinstance(value, str) and not value.isidentifier():
                raise RelxError("RX597", name=name, file=file, reason=f"'{key}' names code to fetch, {value[:80]!r}")
            if saved and file == TOKENIZER_CONFIG and key.endswith("_file") and value:
                raise RelxError("RX597", name=name, file=file, reason=f"'{key}' names a file, {str(value)[:80]!r}")
        kind = settings.get("tokenizer_class")
        if kind is not None and not (isinstance(kind, str) and kind in _tokenizers()):
            raise RelxError("RX597", name=name, file=file, reason=f"transformers has no tokenizer {str(kind)[:80]!r}")
    kind = config.get("model_type")
    if not (isinstance(kind, str) and kind in _text_models()):
        raise RelxError("RX597", name=name, file=CONFIG, reason=f"transformers has no text model {str(kind)[:80]!r}")


def read_named_settings(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json and tokenizer_config.json of a model of the hub or a folder, read as plain data.

    Raises:
        OSError: Where they cannot be had.
        ValueError: Where config.json is no JSON object.
    """
    transformers = _transformers()
    auto = optional_import("transformers.models.auto.tokenization_auto", extra="transformers", purpose="transformers")
    config, _ = transformers.PretrainedConfig.get_config_dict(name)
    return config, auto.get_tokenizer_config(name)


def _json(name: str, file: str, content: str | bytes) -> Any:
    """Raises: RelxError RX597 for what is no JSON, and for settings that are no object."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise RelxError("RX597", name=name, file=file, reason=f"it is no JSON ({err})") from err
    if file in (CONFIG, TOKENIZER_CONFIG) and not isinstance(data, dict):
        raise RelxError("RX597", name=name, file=file, reason="it is no JSON object")
    return data


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """All keys of nested JSON with their values."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            yield from each.items()
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)


def _transformers() -> Any:
    return optional_import("transformers", extra="transformers", purpose="transformers")


@lru_cache(maxsize=1)
def _tokenizers() -> frozenset[str]:
    """Names of transformers' own tokenizer classes, fast ones and others."""
    auto = optional_import("transformers.models.auto.tokenization_auto", extra="transformers", purpose="transformers")
    names = {each.removesuffix("Fast") for pair in auto.TOKENIZER_MAPPING_NAMES.values() for each in pair if each}
    names -= _UNPICKLES
    return frozenset({*names, *(f"{each}Fast" for each in names)})


@lru_cache(maxsize=1)
def _text_models() -> frozenset[str]:
    """Types of models that read texts alone. Others may load a part by name from the hub (a backbone for pictures)."""
    auto = optional_import("transformers.models.auto.modeling_auto", extra="transformers", purpose="transformers")
    tasks = ("TOKEN_CLASSIFICATION", "MASKED_LM", "TEXT_ENCODING", "CAUSAL_LM")
    return frozenset(kind for task in tasks for kind in getattr(auto, f"MODEL_FOR_{task}_MAPPING_NAMES"))


def write_archive(folder: str | Path, config: str, files: Mapping[str, bytes]) -> None:
    """Write what `check_archive` let pass to a folder, where transformers reads it."""
    for name, content in files.items():
        (Path(folder) / name).write_bytes(content)
    (Path(folder) / CONFIG).write_text(config, encoding="utf8")
