"""Docs -> subwords of a tokenizer, aligned with spaCy's tokens. Each distinct word is tokenized once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from spacy.tokens import Doc
from tokenizers import Tokenizer

from ..docs_to_batch import offsets

#: Distinct words that are remembered; then all are forgotten, so that memory stays bounded on endless streams.
CACHE_SIZE = 200_000
#: Unusual characters, one of which is put before a word to ask SentencePiece for its pieces inside of a word.
_ANCHORS = ("\ue000", "☃", "†", ",")


@dataclass(frozen=True)
class DocSubwords:
    """ids: int64 (n_subwords,). starts: int64 (n_tokens + 1,), token i has the subwords [starts[i], starts[i + 1])."""

    ids: np.ndarray
    starts: np.ndarray

    def spans(self, tokens: np.ndarray) -> np.ndarray:
        """Spans of tokens as spans of subwords, int64 (n, 2). One without subwords (all space) gets its neighbour."""
        spans = self.starts[tokens]
        last = max(len(self.ids) - 1, 0)
        starts = np.minimum(spans[:, 0], last)
        return np.stack([starts, np.maximum(spans[:, 1], starts + 1)], axis=1)

    def cut(self, starts: np.ndarray) -> list[DocSubwords]:
        """The texts of the Doc. starts: int64 (n_texts,), the tokens at which they begin; the first is 0."""
        if len(starts) == 1:
            return [self]
        bounds = np.append(starts, len(self.starts) - 1).tolist()
        return [self.part(start, end) for start, end in pairwise(bounds)]

    def part(self, start: int, end: int) -> DocSubwords:
        """The tokens [start, end) as a text by itself."""
        places = self.starts[start : end + 1]
        return DocSubwords(self.ids[places[0] : places[-1]], places - places[0])


class Subwords:
    """A tokenizer, and what the rest needs to know of it.

    prefix, suffix: ids that stand before and behind a text ([CLS], [SEP]). separator: id between two texts.
    pad_id, unk_id.

    Words are tokenized one by one, so that every mention begins and ends at a subword. Whether a space stands before a
    word is told apart where the tokenizer does: byte-level BPE and SentencePiece have other pieces for the inside of a
    run of characters. A token that the tokenizer has no subword for becomes the unknown one; spaces have no subword.
    """

    def __init__(self, tokenizer: Tokenizer, pad_id: int | None = None):
        self.tokenizer = tokenizer
        self.pad_id = pad_id or 0
        self.unk_id = self._find_unknown()
        self.prefix, self.suffix = self._frame()
        self.separator = self.suffix[0] if self.suffix else self.unk_id
        self._anchor, self._cut = self._find_anchor()
        self._marks_space = bool(self._anchor) or self._ids([" a"]) != self._ids(["a"])
        self._cache: dict[str, tuple[int, ...]] = {}

    def _ids(self, words: Sequence[str]) -> list[list[int]]:
        return [each.ids for each in self.tokenizer.encode_batch_fast(list(words), add_special_tokens=False)]

    def _find_unknown(self) -> int:
        """Id of the unknown piece; that of padding where there is none, as for byte-level BPE."""
        for piece in (getattr(self.tokenizer.model, "unk_token", None), "<unk>", "[UNK]"):
            found = None if piece is None else self.tokenizer.token_to_id(piece)
            if found is not None:
                return int(found)
        return self.pad_id

    def _frame(self) -> tuple[list[int], list[int]]:
        bare, whole = self._ids(["a"])[0], self.tokenizer.encode("a").ids
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                return whole[:start], whole[start + len(bare) :]
        return [], []

    def _find_anchor(self) -> tuple[str, int]:
        """SentencePiece sets a word mark before any text it is given: an anchor and the number of its own pieces."""
        if not self._marks_word(self._ids(["a"])[0]):
            return "", 0
        for anchor in _ANCHORS:
            alone, joined = self._ids([anchor, anchor + "a"])
            rest = joined[len(alone) :]
            if joined[: len(alone)] == alone and rest and not self._marks_word(rest):
                return anchor, len(alone)
        return "", 0

    def _marks_word(self, ids: Sequence[int]) -> bool:
        return bool(ids) and str(self.tokenizer.id_to_token(ids[0])).startswith("▁")

    def __call__(self, docs: Sequence[Doc], starts: Sequence[np.ndarray] | None = None) -> list[DocSubwords]:
        """Subwords of each Doc. starts: tokens of each at which texts begin that are read by themselves; None for the
        Doc as one text."""
        words = [self._words(doc, [0] if starts is None else starts[i].tolist()) for i, doc in enumerate(docs)]
        if len(self._cache) > CACHE_SIZE:
            self._cache.clear()
        unseen = list(dict.fromkeys(word for part in words for word in part if word not in self._cache))
        if unseen:
            self._learn(unseen)
        return [self._join([self._cache[word] for word in part]) for part in words]

    def _words(self, doc: Doc, starts: Sequence[int]) -> list[str]:
        """The tokens' texts, a space before those that begin a word where the tokenizer cares."""
        words = [token.text for token in doc]
        if not self._marks_space:
            return words
        # SentencePiece takes the beginning of a text for the beginning of a word, byte-level BPE does not
        spaced = [False, *(bool(token.whitespace_) or token.is_space for token in doc)]
        for start in starts:
            spaced[start] = bool(self._anchor)
        return [f" {word}" if space else word for word, space in zip(words, spaced)]

    def _learn(self, words: list[str]) -> None:
        inside = [bool(self._anchor) and not word.startswith(" ") for word in words]
        asked = [self._anchor + word if flag else word for word, flag in zip(words, inside)]
        for word, flag, ids in zip(words, inside, self._ids(asked)):
            pieces = tuple(ids[self._cut :] if flag else ids)
            self._cache[word] = () if not word.strip() else pieces or (self.unk_id,)

    def _join(self, parts: list[tuple[int, ...]]) -> DocSubwords:
        if parts and not any(parts):  # nothing but spaces: a text that has tokens has something to mark
            parts = [(self.unk_id,), *parts[1:]]
        starts = offsets([len(part) for part in parts])
        ids = np.fromiter(chain.from_iterable(parts), dtype="int64", count=int(starts[-1]))
        return DocSubwords(ids, starts)

    def pieces(self, text: str) -> list[int]:
        """Subwords of a short text, such as an entity type's name; none that are unknown."""
        return [piece for piece in self._ids([text])[0] if piece != self.unk_id]
