"""Files of an encoder, in a folder or on the Hugging Face hub: configuration, tokenizer and weights, read as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from ...data._compat import optional_import
from ...errors import RelxError

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
#: Files with weights, the first that there is is read.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
#: Bytes of a tokenizer. The largest in use (250,000 pieces) has about 17 MB.
MAX_TOKENIZER = 256 * 2**20


def find_file(source: str | Path, file: str) -> Path | None:
    """A file of an encoder; None where it has no such file.

    Args:
        source: A folder, or the name of a model of the hub, which is downloaded unless it is in the cache.
        file: Name of the file.

    Raises:
        OSError: Where the hub does not answer, or has no such model.
        ValueError: For a name that is no folder and cannot be one of the hub.
    """
    if Path(source).is_dir():
        path = Path(source, file)
        return path if path.is_file() else None
    hub = optional_import("huggingface_hub", extra="transformers", purpose="models of the Hugging Face hub")
    try:
        return Path(hub.hf_hub_download(str(source), file))
    except hub.errors.LocalEntryNotFoundError:  # without a network; it is an EntryNotFoundError, too
        raise
    except hub.errors.EntryNotFoundError:
        return None


def read_settings(source: str | Path, file: str = CONFIG) -> dict[str, Any]:
    """A JSON object in a file of an encoder; empty for a missing tokenizer_config.json.

    Raises:
        OSError: Where it cannot be had.
        ValueError: Where it is no JSON object.
    """
    path = find_file(source, file)
    if path is None:
        if file == TOKENIZER_CONFIG:
            return {}
        raise FileNotFoundError(f"it has no file {file}")
    settings = json.loads(path.read_bytes())
    if not isinstance(settings, dict):
        raise ValueError(f"{file} is no JSON object")
    return settings


def read_tokenizer(source: str | Path) -> Tokenizer | None:
    """The tokenizer in tokenizer.json; None where there is none."""
    path = find_file(source, TOKENIZER)
    if path is None:
        return None
    tokenizer = parse_tokenizer(path.read_text(encoding="utf8"))
    if type(tokenizer.normalizer).__name__ == "BertNormalizer":  # as transformers has it: the settings are stronger
        settings = read_settings(source, TOKENIZER_CONFIG)
        if isinstance(settings.get("do_lower_case"), bool):
            normalizer: Any = tokenizer.normalizer
            normalizer.lowercase = settings["do_lower_case"]
            tokenizer.normalizer = normalizer
    return tokenizer


def parse_tokenizer(text: Any) -> Tokenizer:
    """A tokenizer of its JSON, which neither cuts nor pads texts.

    Raises:
        ValueError: For what is none.
    """
    if not isinstance(text, str) or len(text) > MAX_TOKENIZER:
        raise ValueError(f"{TOKENIZER} is no text of at most {MAX_TOKENIZER >> 20} MB")
    try:
        tokenizer: Tokenizer = Tokenizer.from_str(text)
    except Exception as err:  # the library raises nothing more specific
        raise ValueError(f"{TOKENIZER} holds no tokenizer ({err})") from err
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_weights(source: str | Path) -> Mapping[str, Tensor]:
    """All weights of an encoder by name, on the CPU.

    Raises:
        OSError: Where they cannot be had.
    """
    for file in WEIGHTS:
        path = find_file(source, file)
        if path is not None and file.endswith(".safetensors"):
            return load_file(path)
        if path is not None:
            weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            return weights
    raise FileNotFoundError(f"it has no file {WEIGHTS[0]}")


def refused(name: str, file: str, reason: str) -> RelxError:
    """RX597 for a file that asks for more than to be read."""
    return RelxError("RX597", name=name, file=file, reason=reason)
