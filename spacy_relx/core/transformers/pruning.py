"""Encoders with fewer pieces: which of a tokenizer's pieces to keep, and the tokenizer and the table of words without
the others. Words whose piece is gone are split into smaller ones, which have been trained as well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, normalizers

from ...errors import RelxError
from .folders import EncoderFiles

#: Texts that are tokenized at once.
_BATCH = 1000


def count_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> np.ndarray:
    """How often each piece stands in texts: int64, *Shape:* (n_pieces,)."""
    counts = np.zeros(tokenizer.get_vocab_size(), dtype="int64")
    stream = iter(texts)
    while batch := list(islice(stream, _BATCH)):
        encoded = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable(each.ids for each in encoded), dtype="int64")
        counts += np.bincount(ids, minlength=len(counts))
    return counts


def choose_pieces(
    files: EncoderFiles, keep_pieces: int, counts: Sequence[np.ndarray] = (), scripts: Sequence[str] = ()
) -> np.ndarray:
    """The pieces to keep: special ones, single characters, then the most frequent ones.

    Args:
        files: The encoder.
        keep_pieces: Their number.
        counts: How often each piece stands in some texts, *Shape:* (n_pieces,) each. Each counts alike, however long;
            the probabilities of a Unigram vocabulary count as much as all of them together, for the languages without
            texts. Pieces of equal frequency follow in the order of the vocabulary's own scores.
        scripts: Names of Unicode scripts, such as "Latin" or "Han", whose single characters are kept, besides
            punctuation, digits and the like; none: the characters of all scripts.

    Returns:
        int64, their ids in ascending order.

    Raises:
        RelxError: RX700 for a tokenizer of another kind than Unigram and WordPiece, RX701 where `keep_pieces` is too
            small for special pieces and single characters, RX702 for what is no script.
    """
    data = json.loads(files.tokenizer.to_str())
    kind, size = data["model"]["type"], files.tokenizer.get_vocab_size()
    if kind not in ("Unigram", "WordPiece"):
        raise RelxError(
            "RX700", source="the encoder to prune", reason=f"the pieces of its {kind} tokenizer are made of each other"
        )
    if keep_pieces >= size:
        return np.arange(size)
    pieces = [""] * size
    for piece, row in files.tokenizer.get_vocab().items():
        pieces[row] = piece
    own = _own_scores(data, size)
    frequencies = sum((each / max(each.sum(), 1) for each in counts), np.zeros(size))
    if kind == "Unigram":  # the scores are logarithms of probabilities in the data that the vocabulary was made of
        frequencies += len(counts) * np.exp(own)
    needed = _special(data, files.settings, size) | _characters(pieces, scripts)
    if keep_pieces < needed.sum():
        raise RelxError("RX701", wanted=keep_pieces, needed=int(needed.sum()))
    order = np.lexsort((-own, -frequencies, ~needed))
    return np.sort(order[:keep_pieces])


def prune(files: EncoderFiles, kept: np.ndarray) -> EncoderFiles:
    """The encoder with some of its pieces.

    Args:
        files: The encoder.
        kept: int64, the ids of the pieces, in ascending order; special ones and the unknown piece among them.

    Returns:
        The encoder whose pieces have the ids 0, 1, 2, ... in the same order.
    """
    new = {int(old): row for row, old in enumerate(kept)}
    data = json.loads(files.tokenizer.to_str())
    model = data["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for row, entry in enumerate(model["vocab"]) if row in new]
        model["unk_id"] = new.get(model["unk_id"])
    else:
        model["vocab"] = {piece: new[row] for piece, row in model["vocab"].items() if row in new}
    for token in data["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(data.get("post_processor"), new)
    settings = {
        key: new.get(value) if key.endswith("_token_id") and isinstance(value, int) else value
        for key, value in files.settings.items()
    }
    settings["vocab_size"] = len(new)
    return files.with_words(torch.from_numpy(kept), settings, Tokenizer.from_str(json.dumps(data)))


def _special(data: dict[str, Any], settings: Any, size: int) -> np.ndarray:
    """bool (size,): special pieces, the unknown one, and what stands before padding, whose id counts positions."""
    model = data["model"]
    unknown = model.get("unk_id") if model["type"] == "Unigram" else model["vocab"].get(model.get("unk_token"))
    rows = [token["id"] for token in data["added_tokens"]] + ([] if unknown is None else [unknown])
    found = np.zeros(size, dtype=bool)
    found[rows] = True
    found[: (settings.get("pad_token_id") or 0) + 1] = True
    return found


def _characters(pieces: Sequence[str], scripts: Sequence[str]) -> np.ndarray:
    """bool (n_pieces,): single characters of these scripts, with a mark and without; the mark alone, too."""
    bare = [piece.removeprefix("▁") or piece for piece in pieces]
    bare = [piece.removeprefix("##") if len(piece) > 2 else piece for piece in bare]
    single = np.array([len(piece) == 1 for piece in bare])
    if scripts:
        for name in scripts:
            _only("", [name])
        wanted = set(_only("".join(bare[row] for row in single.nonzero()[0]), ["Common", "Inherited", *scripts]))
        single &= np.array([piece in wanted for piece in bare])
    return single


def _only(text: str, scripts: Sequence[str]) -> str:
    """The characters of a text that are of these scripts. Raises: RelxError RX702."""
    others = "[^" + "".join(rf"\p{{{name}}}" for name in scripts) + "]"
    try:
        if not re.fullmatch(r"\w+", scripts[-1]):
            raise ValueError("it would be more than a name")
        kept: str = normalizers.Replace(Regex(others), "").normalize_str(text)
    except Exception as err:  # the library raises nothing more specific
        raise RelxError("RX702", script=scripts[-1]) from err
    return kept


def _own_scores(data: dict[str, Any], size: int) -> np.ndarray:
    """*Shape:* (size,): how likely the vocabulary itself takes each piece, by its score or its place."""
    if data["model"]["type"] != "Unigram":
        return -np.arange(size, dtype="float64")
    scores = np.full(size, -np.inf)
    own = np.array([score for _, score in data["model"]["vocab"]])
    scores[: len(own)] = own
    return scores


def _renumber(part: Any, new: dict[int, int]) -> None:
    """Put the new ids into a post-processor, which sets special pieces around a text."""
    if part is None:
        return
    for each in part.get("processors", ()):
        _renumber(each, new)
    for token in (part.get("special_tokens") or {}).values():
        token["ids"] = [new[row] for row in token["ids"]]
    for name in ("sep", "cls"):
        if name in part:
            part[name][1] = new[part[name][1]]
