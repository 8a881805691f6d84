"""Encoders as the files of a folder, read and written without making a model of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from typing_extensions import Self

from ...errors import RelxError, sentence
from .bert import WORDS, BertConfig, encoder_prefix, is_bert_like
from .sources import CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, read_settings, read_tokenizer, read_weights

#: Settings of tokenizer_config.json that a pruned tokenizer keeps: the names of its special pieces, and its length.
_TOKENIZER_SETTINGS = ("bos_token", "cls_token", "eos_token", "mask_token", "pad_token", "sep_token", "unk_token")
_PARTS = ("embeddings.", "embeddings_project.", "encoder.layer.")


@dataclass(frozen=True)
class EncoderFiles:
    """What the folder of a BERT-like encoder holds.

    Args:
        settings: Its config.json.
        tokenizer: Its tokenizer.
        weights: Tensors by their names at Hugging Face, heads left out.
        tokenizer_settings: What is known of its tokenizer_config.json.
    """

    settings: Mapping[str, Any]
    tokenizer: Tokenizer
    weights: Mapping[str, Tensor]
    tokenizer_settings: Mapping[str, Any]

    @classmethod
    def read(cls, source: str) -> Self:
        """Read a folder, or a model of the Hugging Face hub.

        Args:
            source: The folder, or the model's name.

        Raises:
            RelxError: RX080 where it cannot be read, RX700 for what is no BERT-like encoder with a tokenizer.json.
        """
        try:
            settings = read_settings(source)
            if not is_bert_like(settings):
                kind = str(settings.get("model_type"))[:80]
                raise RelxError("RX700", source=source, reason=f"its type is {kind!r}, or it has no absolute positions")
            BertConfig.from_dict(settings)
            tokenizer = read_tokenizer(source)
            if tokenizer is None:
                raise RelxError("RX700", source=source, reason=f"it has no {TOKENIZER}")
            named = read_weights(source)
            told = read_settings(source, TOKENIZER_CONFIG)
        except RelxError:
            raise
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as err:
            raise RelxError("RX080", name=repr(source), reason=sentence(err).rstrip(".")) from err
        try:
            prefix = encoder_prefix(named)
        except ValueError as err:
            raise RelxError("RX700", source=source, reason=str(err)) from err
        weights = {
            own: tensor
            for name, tensor in named.items()
            if (own := name.removeprefix(prefix)).startswith(_PARTS) and not own.endswith("position_ids")
        }
        return cls(settings, tokenizer, weights, {key: told[key] for key in _TOKENIZER_SETTINGS if key in told})

    def write(self, folder: Path) -> None:
        """Write config.json, tokenizer.json, tokenizer_config.json and model.safetensors.

        Args:
            folder: An existing folder.
        """
        settings = {key: value for key, value in self.settings.items() if not key.endswith("name_or_path")}
        told = {**self.tokenizer_settings, "tokenizer_class": "PreTrainedTokenizerFast"}
        config = BertConfig.from_dict(settings)
        told["model_max_length"] = config.max_position_embeddings - config.position_offset
        for name, content in ((CONFIG, settings), (TOKENIZER_CONFIG, told)):
            (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf8")
        self.tokenizer.save(str(folder / TOKENIZER))
        tensors = {name: tensor.contiguous() for name, tensor in self.weights.items()}
        save_file(tensors, folder / WEIGHTS[0], metadata={"format": "pt"})
        (folder / WEIGHTS[0]).chmod((folder / CONFIG).stat().st_mode & 0o777)  # safetensors lets only its owner read it

    def with_words(self, rows: Tensor, settings: Mapping[str, Any], tokenizer: Tokenizer) -> EncoderFiles:
        """The same encoder with some rows of its table of words.

        Args:
            rows: int64, the rows to keep, in this order.
            settings: Its config.json from now on.
            tokenizer: The tokenizer for these rows.
        """
        weights = {**self.weights, WORDS: self.weights[WORDS].index_select(0, rows)}
        return EncoderFiles(settings, tokenizer, weights, self.tokenizer_settings)
