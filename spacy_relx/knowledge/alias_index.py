"""Finding many names in Docs: those that are some of its tokens, or those that begin and end within tokens as well.

Names and texts are compared in one normal form, see `text_forms`, so that it makes no difference how their accents are
written; what is found are the tokens of the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc

from ..data._compat import optional_import
from ..data.text_forms import NormalText, normal_forms, normal_text
from ..data.tokenizer import _KATAKANA, _SINGLE, _SINGLE_MARKS

#: Names hashed at a time.
_CHUNK = 1 << 15
#: Lengths of beginnings of names, in characters: a name is looked for where the longest of these that it has is found.
_PREFIXES = (1, 2, 4, 8)
_BLANK = 32
_IS_SPACE = np.array([chr(code).isspace() for code in range(0x3001)])
_UNSPACED = re.compile(f"[{_SINGLE}{_SINGLE_MARKS}{_KATAKANA}]")


class Index(Protocol):
    """names: int64 (n_rows,), which name each row of the table has; equal names have one number, from 0."""

    names: np.ndarray

    def find(self, docs: Sequence[Doc]) -> np.ndarray:
        """All that are found, overlapping ones too: int64 (n, 4), places of Docs, starts and ends in tokens, names."""
        raise NotImplementedError


class SpanIndex:
    """Names that are the text of some tokens, however these are split; each run of whitespace counts as one blank.

    texts: the names. case: whether case matters. The names need not be tokenized: the text of any tokens in a row is
    known by a hash that costs the same whatever its length, and is looked up where a name begins with these letters.
    Hashes have 64 bits: among a million names and a billion places of text, two that differ have the same one with a
    probability of 5e-5. About 40 bytes a name.
    """

    def __init__(self, texts: Sequence[str], *, case: bool = True):
        self._case = case
        texts = normal_forms(texts)
        lengths = np.fromiter(map(len, texts), "int64", count=len(texts))
        keys = np.empty(len(texts), "uint64")
        prefixes = np.empty(len(texts), "uint64")
        sizes = np.array(_PREFIXES)[np.searchsorted(_PREFIXES, lengths, side="right") - 1]
        for first in range(0, len(texts), _CHUNK):
            rows = slice(first, first + _CHUNK)
            ends = np.cumsum(lengths[rows])
            starts = ends - lengths[rows]
            spans = _SpanHashes(_codes(fold("".join(texts[rows]), case)))
            keys[rows] = spans(starts, ends)
            prefixes[rows] = spans(starts, starts + sizes[rows])
        #: uint64 (n_names,), ascending.
        self._keys, self.names = np.unique(keys, return_inverse=True)
        # Per length of beginnings: their hashes, ascending, and the length of the longest name that has each.
        self._prefixes = []
        for size in _PREFIXES:
            rows_of_size = np.flatnonzero(sizes == size)
            found, places = np.unique(prefixes[rows_of_size], return_inverse=True)
            longest = np.zeros(len(found), "int64")
            np.maximum.at(longest, places, lengths[rows_of_size])
            self._prefixes.append((size, found, longest))

    def find(self, docs: Sequence[Doc]) -> np.ndarray:
        n_tokens = np.array([len(doc) for doc in docs], "int64")
        if not n_tokens.sum() or not len(self._keys):
            return np.zeros((0, 4), "int64")
        text, starts, ends = _tokens_in(docs)
        codes = _codes(fold(text, self._case))
        codes, moved = _one_blank(codes)
        starts, ends = moved[starts], moved[ends]
        owner = np.repeat(np.arange(len(docs)), n_tokens)
        first_tokens = np.cumsum(n_tokens) - n_tokens
        behind = (first_tokens + n_tokens)[owner]  # the token behind the Doc of each token
        spans = _SpanHashes(codes)
        longest = self._longest(spans, starts, ends[behind - 1])
        tokens = np.flatnonzero(longest)
        found = [np.zeros((0, 4), "int64")]
        n = 1
        while len(tokens):
            hits, names = _look_up(spans(starts[tokens], ends[tokens + n - 1]), self._keys)
            begin = tokens[hits]
            rows = (owner[begin], begin - first_tokens[owner[begin]], names)
            found.append(np.stack([rows[0], rows[1], rows[1] + n, rows[2]], axis=1))
            tokens = tokens[tokens + n < behind[tokens]]
            tokens = tokens[ends[tokens + n] - starts[tokens] <= longest[tokens]]
            n += 1
        return np.concatenate(found)

    def _longest(self, spans: _SpanHashes, starts: np.ndarray, limits: np.ndarray) -> np.ndarray:
        """Of each token, the length in characters of the longest name that may begin there, 0 for none."""
        longest = np.zeros(len(starts), "int64")
        for size, keys, lengths in self._prefixes:
            tokens = np.flatnonzero(starts + size <= limits)
            hits, places = _look_up(spans(starts[tokens], starts[tokens] + size), keys)
            longest[tokens[hits]] = np.maximum(longest[tokens[hits]], lengths[places])
        return longest


class CharacterIndex:
    """Names that are some characters of the text (an Aho-Corasick automaton), in scripts without spaces also where they
    begin or end within a token: then they take all of it. In other scripts they must begin and end with tokens, else
    "art" would be found in "party".

    texts: the names. case: whether case matters. Whitespace must be as it is in the text.
    RAISES: RelxError RX005 where the package ahocorasick_rs is not installed.
    """

    def __init__(self, texts: Sequence[str], *, case: bool = True):
        package = optional_import("ahocorasick_rs", extra="kb", purpose="finding names that cut tokens")
        self._case = case
        index: dict[str, int] = {}
        names = [index.setdefault(fold(text, case), len(index)) for text in normal_forms(texts)]
        self.names = np.array(names, "int64")
        self._automaton = package.AhoCorasick(list(index), store_patterns=False)

    def find(self, docs: Sequence[Doc]) -> np.ndarray:
        found = [np.zeros((0, 4), "int64")]
        for place, doc in enumerate(docs):
            text, token_starts, token_ends = _tokens_in([doc])
            matches = self._automaton.find_matches_as_indexes(fold(text, self._case), overlapping=True)
            if matches:
                names, starts, ends = np.array(matches, "int64").T
                first = np.searchsorted(token_starts, starts, side="right") - 1
                last = np.searchsorted(token_ends, ends)
                good = (token_starts[first] == starts) | _may_cut(text, starts)
                good &= (token_ends[last] == ends) | _may_cut(text, ends)
                rows = np.stack([np.full(len(names), place), first, last + 1, names], axis=1)
                found.append(rows[good])
        return np.concatenate(found)


def fold(text: str, case: bool) -> str:
    """The text in lower case unless case matters, as long as before: what has no single lower case stays as it is."""
    if case:
        return text
    lower = text.lower()
    if len(lower) == len(text) and "Σ" not in text:  # a capital sigma depends on what follows
        return lower
    return "".join([char.lower() if len(char.lower()) == 1 else char for char in text])


class _SpanHashes:
    """Hashes of any pieces of a text: sum of g(character i) * B**i over the piece, times B**-start, modulo 2**64.

    codes: uint32 (n,), code points; g mixes their bits (splitmix64), B is odd and so has an inverse.
    """

    _BASE = 0x9E3779B97F4A7C15
    _INVERSE = pow(_BASE, -1, 1 << 64)

    def __init__(self, codes: np.ndarray):
        size = 1 << max(10, len(codes).bit_length())  # few sizes, so that the tables are made few times
        self._inverse = _powers(self._INVERSE, size)
        self._sums = np.zeros(len(codes) + 1, "uint64")
        np.cumsum(mix(codes) * _powers(self._BASE, size)[: len(codes)], out=self._sums[1:])

    def __call__(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """int64 (n,), int64 (n,) -> uint64 (n,)."""
        return (self._sums[ends] - self._sums[starts]) * self._inverse[starts]


@lru_cache(maxsize=8)
def _powers(base: int, size: int) -> np.ndarray:
    """base**0, base**1, ... modulo 2**64, uint64 (size,)."""
    powers = np.full(size, base, "uint64")
    powers[0] = 1
    return np.multiply.accumulate(powers)


def mix(codes: np.ndarray) -> np.ndarray:
    """splitmix64 of each number (Steele, Lea and Flood 2014). RETURNS: uint64 (n,)."""
    mixed = (codes.astype("uint64") + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _look_up(keys: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which keys are in the ascending table, and where there. RETURNS: int64 (n_found,) each."""
    if not len(table):
        return np.zeros(0, "int64"), np.zeros(0, "int64")
    places = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    hits = np.flatnonzero(table[places] == keys)
    return hits, places[hits]


def _codes(text: str) -> np.ndarray:
    """Code points, uint32 (n,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "uint32")


def _tokens_in(docs: Sequence[Doc]) -> tuple[str, np.ndarray, np.ndarray]:
    """The normal forms of all texts one behind the other, and where the tokens start and end there, in characters."""
    starts, ends = _token_places(docs)
    texts = [normal_text(doc.text) for doc in docs]
    if any(text.starts is not text.ends for text in texts):
        starts, ends = _in_normal_form(texts, [len(doc) for doc in docs], starts, ends)
    return "".join([text.text for text in texts]), starts, ends


def _in_normal_form(
    texts: Sequence[NormalText], n_tokens: Sequence[int], starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places of tokens in texts one behind the other, as those in the normal forms of these."""
    before = np.cumsum([0, *(len(text.starts) - 1 for text in texts)])
    moved = np.cumsum([0, *(len(text.text) for text in texts)])
    rows = np.cumsum([0, *n_tokens])
    starts, ends = starts.copy(), ends.copy()
    for number, text in enumerate(texts):
        own = slice(rows[number], rows[number + 1])
        starts[own] = text.starts[starts[own] - before[number]] + moved[number]
        ends[own] = text.ends[ends[own] - before[number]] + moved[number]
    return starts, ends


def _token_places(docs: Sequence[Doc]) -> tuple[np.ndarray, np.ndarray]:
    """Where the tokens of all Docs start and end, in characters of their texts one behind the other."""
    sizes = np.concatenate([doc.to_array([LENGTH, SPACY]).reshape(-1, 2) for doc in docs]).astype("int64")
    behind = np.cumsum(sizes.sum(axis=1))
    ends = behind - sizes[:, 1]
    return ends - sizes[:, 0], ends


def _one_blank(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each run of whitespace made one blank. RETURNS: characters, and the new places of the old ones and of the end."""
    space = (codes < len(_IS_SPACE)) & _IS_SPACE[np.minimum(codes, len(_IS_SPACE) - 1)]
    keep = np.ones(len(codes) + 1, bool)
    keep[1:-1] = ~(space[1:] & space[:-1])
    moved = np.cumsum(keep) - keep
    return np.where(space, _BLANK, codes)[keep[:-1]].astype("uint32"), moved


def _may_cut(text: str, places: np.ndarray) -> np.ndarray:
    """Whether each place lies between two characters of scripts without spaces. int64 (n,) -> bool (n,)."""
    return np.array([len(_UNSPACED.findall(text[max(0, i - 1) : i + 1])) == 2 for i in places.tolist()], bool)
