"""What keeps a configuration from running code, checked before transformers reads it.

transformers imports Python files that a configuration names, asks on the terminal whether it may, and fetches
attention kernels and backbones by name. None of this is needed for an encoder that transformers itself knows, so
settings that ask for it are refused, those of a saved pipeline and those of a model given by name alike. BERT and its
kin need no transformers, and of their configuration only sizes are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...data._compat import optional_import
from .sources import CONFIG, TOKENIZER_CONFIG, refused

#: Tokenizers of transformers that unpickle their vocabulary.
_UNPICKLES = {"TransfoXLTokenizer"}
#: Settings that name Python classes, by which transformers finds code beside the model.
_NAMES_CODE = ("auto_map", "custom_pipelines", "custom_generate")


def check_settings(name: str, config: Mapping[str, Any], tokenizer: Mapping[str, Any] | None = None) -> None:
    """Check the settings of a transformer.

    Args:
        name: Of the transformer, for the message.
        config: Its config.json.
        tokenizer: Its tokenizer_config.json, where transformers reads the tokenizer.

    Raises:
        RelxError: RX597 for what names code or classes that are not transformers' own, or other places to read from.
    """
    for file, settings in ((CONFIG, config), (TOKENIZER_CONFIG, tokenizer or {})):
        for key, value in _walk(settings):
            if key in _NAMES_CODE and value:
                raise refused(name, file, f"'{key}' names Python classes to import")
            # in place of an implementation transformers takes the name of a repository with a kernel
            if "_implementation" in key and isinstance(value, str) and not value.isidentifier():
                raise refused(name, file, f"'{key}' names code to fetch, {value[:80]!r}")
        kind = settings.get("tokenizer_class")
        if kind is not None and not (isinstance(kind, str) and kind in _tokenizers()):
            raise refused(name, file, f"transformers has no tokenizer {str(kind)[:80]!r}")
    kind = config.get("model_type")
    if not (isinstance(kind, str) and kind in _text_models()):
        raise refused(name, CONFIG, f"transformers has no text model {str(kind)[:80]!r}")


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


@lru_cache(maxsize=1)
def _tokenizers() -> frozenset[str]:
    """Names of transformers' own tokenizer classes, fast ones and others."""
    auto = optional_import("transformers.models.auto.tokenization_auto", extra="transformers", purpose="transformers")
    names = {each.removesuffix("Fast") for pair in auto.TOKENIZER_MAPPING_NAMES.values() for each in pair if each}
    names = names - _UNPICKLES | {"PreTrainedTokenizer"}
    return frozenset({*names, *(f"{each}Fast" for each in names)})


@lru_cache(maxsize=1)
def _text_models() -> frozenset[str]:
    """Types of models that read texts alone. Others may load a part by name from the hub (a backbone for pictures)."""
    auto = optional_import("transformers.models.auto.modeling_auto", extra="transformers", purpose="transformers")
    tasks = ("TOKEN_CLASSIFICATION", "MASKED_LM", "TEXT_ENCODING", "CAUSAL_LM")
    return frozenset(kind for task in tasks for kind in getattr(auto, f"MODEL_FOR_{task}_MAPPING_NAMES"))
