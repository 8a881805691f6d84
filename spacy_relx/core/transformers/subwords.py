"""Docs -> subwords of a tokenizer, aligned with spaCy's tokens.

The tokenizer reads running text, as it was trained on: what stands between two blanks, a word of English or a clause of
Chinese, whatever spaCy's tokens are. Each distinct run is tokenized once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Doc
from tokenizers import Tokenizer

#: Characters of the runs that are remembered; then all are forgotten, so that memory is bounded on endless streams.
CACHE_SIZE = 2_000_000
#: By code, whether a character is written. The last one stands for all above, of which none is space.
_WRITTEN = np.array([not chr(code).isspace() for code in range(0x3002)])
#: Unusual characters, one of which is put before a word to ask SentencePiece for its pieces inside of a word.
_ANCHORS = ("\ue000", "☃", "†", ",")


@dataclass(frozen=True)
class DocSubwords:
    """The subwords of a Doc, and of each of its tokens those that overlap it.

    A subword may lie in several tokens. One token may have none, as all space has.

    Args:
        ids: int64, *Shape:* (n_subwords,).
        starts, ends: int64, *Shape:* (n_tokens,), neither ever falls: token i has the subwords [starts[i], ends[i]).
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def spans(self, tokens: np.ndarray) -> np.ndarray:
        """Spans of tokens as spans of subwords, int64 (n, 2). One without subwords (all space) gets its neighbour."""
        last = max(len(self.ids) - 1, 0)
        starts = np.minimum(self.starts[tokens[:, 0]], last)
        return np.stack([starts, np.maximum(self.ends[tokens[:, 1] - 1], starts + 1)], axis=1)

    def cut(self, starts: np.ndarray) -> list[DocSubwords]:
        """The texts of the Doc. starts: int64 (n_texts,), the tokens at which they begin; the first is 0."""
        if len(starts) == 1:
            return [self]
        bounds = np.append(starts, len(self.starts)).tolist()
        return [self.part(start, end) for start, end in pairwise(bounds)]

    def part(self, start: int, end: int) -> DocSubwords:
        """The tokens [start, end), one or more, as a text by itself."""
        low, high = self.starts[start], self.ends[end - 1]
        return DocSubwords(self.ids[low:high], self.starts[start:end] - low, self.ends[start:end] - low)


class _Runs(NamedTuple):
    """The text of a Doc as it is tokenized.

    texts: What is tokenized at once, each with a blank before it where the tokenizer is to see one. firsts: int64, the
    first token of each. begins, ends: int64 (n_tokens,), characters of the tokens. starts, breaks: As they were given.
    """

    texts: list[str]
    firsts: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    starts: np.ndarray
    breaks: np.ndarray


class Subwords:
    """A tokenizer, and what the rest needs to know of it.

    prefix, suffix: ids that stand before and behind a text ([CLS], [SEP]). separator: id between two texts.
    pad_id, unk_id.

    Whether a blank stands before a run is told apart where the tokenizer does: byte-level BPE and SentencePiece have
    other pieces for the inside of a word. Where a run has to be cut inside of one, as at the end of a mention or of a
    text, its second part is no beginning of a word. What the tokenizer has no subword for becomes the unknown one;
    spaces have no subword.
    """

    def __init__(self, tokenizer: Tokenizer, pad_id: int | None = None):
        self.tokenizer = tokenizer
        self.pad_id = pad_id or 0
        self.unk_id = self._find_unknown()
        self.prefix, self.suffix = self._frame()
        self.separator = self.suffix[0] if self.suffix else self.unk_id
        self._anchor = self._find_anchor()
        self._marks_space = bool(self._anchor) or self._ids([" a"]) != self._ids(["a"])
        self._cache: dict[str, tuple[list[int], list[int], list[int]]] = {}
        self._n_cached = 0

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

    def _find_anchor(self) -> str:
        """SentencePiece sets a word mark before any text it is given: what to put before the inside of a word."""
        if not self._marks_word(self._ids(["a"])[0]):
            return ""
        for anchor in _ANCHORS:
            alone, joined = self._ids([anchor, anchor + "a"])
            rest = joined[len(alone) :]
            if joined[: len(alone)] == alone and rest and not self._marks_word(rest):
                return anchor
        return ""

    def _marks_word(self, ids: Sequence[int]) -> bool:
        return bool(ids) and str(self.tokenizer.id_to_token(ids[0])).startswith("▁")

    def __call__(
        self,
        docs: Sequence[Doc],
        starts: Sequence[np.ndarray] | None = None,
        breaks: Sequence[np.ndarray] | None = None,
    ) -> list[DocSubwords]:
        """Subwords of Docs.

        Args:
            docs: Docs.
            starts: Of each, the tokens at which texts begin that are read by themselves; None: the Doc is one text.
            breaks: Of each, further tokens before which a subword ends, such as those where mentions begin and end.
        """
        none = np.zeros(1, dtype="int64")
        runs = [
            self._runs(doc, none if starts is None else starts[i], none if breaks is None else breaks[i])
            for i, doc in enumerate(docs)
        ]
        if self._n_cached > CACHE_SIZE:
            self._cache.clear()
            self._n_cached = 0
        unseen = list(dict.fromkeys(run for part in runs for run in part.texts if run not in self._cache))
        if unseen:
            self._learn(unseen)
        return [self._join(doc, part) for doc, part in zip(docs, runs)]

    def _runs(self, doc: Doc, starts: np.ndarray, breaks: np.ndarray) -> _Runs:
        """The text between blanks, and where else it has to be cut; a blank before those that begin a word where the
        tokenizer cares."""
        lengths, blanks = doc.to_array(["LENGTH", "SPACY"]).astype("int64").reshape(-1, 2).T
        ends = np.cumsum(lengths + blanks) - blanks
        begins = ends - lengths
        text = doc.text
        # not the flag of the tokens, which a Vocab without a language does not set
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        written = _WRITTEN[np.minimum(codes, len(_WRITTEN) - 1)]
        is_space = np.add.reduceat(written, begins, dtype="int64") == 0 if len(doc) else np.zeros(0, dtype=bool)
        spaced = np.zeros(len(doc), dtype=bool)
        spaced[1:] = (blanks[:-1] > 0) | is_space[:-1]
        cuts = spaced | is_space
        # SentencePiece takes the beginning of a text for the beginning of a word, byte-level BPE does not
        spaced[starts[starts < len(doc)]] = bool(self._anchor)
        for tokens in (starts, breaks):
            cuts[tokens[tokens < len(doc)]] = True
        firsts = np.flatnonzero(cuts)
        lasts = np.append(firsts[1:], len(doc)) - 1
        lasts, firsts = lasts[~is_space[firsts]], firsts[~is_space[firsts]]
        marks = spaced[firsts] & self._marks_space
        texts = [
            f" {text[a:b]}" if mark else text[a:b]
            for a, b, mark in zip(begins[firsts].tolist(), ends[lasts].tolist(), marks.tolist())
        ]
        return _Runs(texts, firsts, begins, ends, starts, breaks)

    def _learn(self, runs: list[str]) -> None:
        inside = [bool(self._anchor) and not run.startswith(" ") for run in runs]
        asked = [self._anchor + run if flag else run for run, flag in zip(runs, inside)]
        for run, flag, found in zip(runs, inside, self._encode(asked)):
            lead = len(self._anchor) if flag else int(run.startswith(" "))
            length = len(run) - (0 if flag else lead)
            ids, places = np.array(found.ids, dtype="int64"), np.array(found.offsets, dtype="int64").reshape(-1, 2)
            own = places[:, 1] > lead if flag else np.ones(len(ids), dtype=bool)
            ids, (starts, ends) = ids[own], (places[own] - lead).T
            if not len(ids):  # the tokenizer leaves nothing of it
                ids, starts, ends = np.array([self.unk_id]), np.zeros(1, "int64"), np.array([length])
            starts = np.maximum.accumulate(starts.clip(0, length - 1))
            ends = np.maximum.accumulate(np.maximum(ends.clip(0, length), starts + 1))
            self._cache[run] = (ids.tolist(), starts.tolist(), ends.tolist())
            self._n_cached += len(run)

    def _encode(self, texts: list[str]) -> list[Any]:
        """The library's encodings, with ids and offsets, in characters."""
        return self.tokenizer.encode_batch(texts, add_special_tokens=False)

    def _join(self, doc: Doc, runs: _Runs) -> DocSubwords:
        parts = [self._cache[text] for text in runs.texts]
        counts = [len(part[0]) for part in parts]
        if len(doc) and not parts:  # nothing but spaces: a text that has tokens has something to mark
            ends = np.ones(len(doc), dtype="int64")
            return DocSubwords(np.array([self.unk_id]), np.minimum(np.arange(len(doc)), 1), ends)
        ids, starts, ends = (
            np.fromiter(chain.from_iterable(part[k] for part in parts), dtype="int64", count=sum(counts))
            for k in range(3)
        )
        shift = np.repeat(runs.begins[runs.firsts], counts)
        starts, ends = starts + shift, ends + shift
        wide = self._unknown_words(ids, starts, ends, runs)
        if len(wide):
            return self([doc], [runs.starts], [np.union1d(runs.breaks, wide)])[0]
        first = np.searchsorted(ends, runs.begins, side="right")
        return DocSubwords(ids, first, np.maximum(np.searchsorted(starts, runs.ends, side="left"), first))

    def _unknown_words(self, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, runs: _Runs) -> np.ndarray:
        """Tokens within one unknown subword, which says nothing of any of them: they are tokenized one by one."""
        unknown = ids == self.unk_id
        first = np.searchsorted(runs.ends, starts[unknown], side="right")
        last = np.searchsorted(runs.begins, ends[unknown], side="left")
        wide = last - first > 1
        lengths = (last - first + 1)[wide]
        steps = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(first[wide], lengths) + steps

    def pieces(self, text: str) -> list[int]:
        """Subwords of a short text, such as an entity type's name; none that are unknown."""
        return [piece for piece in self._ids([text])[0] if piece != self.unk_id]
