"""Finding many names in Docs at once: an Aho-Corasick automaton (the extra `kb`).

Names and texts are compared in one normal form, see `text_forms`, so that it makes no difference how their accents are
written; what is found are the tokens of the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc

from ..data._compat import optional_import
from ..data.text_forms import NormalText, normal_forms, normal_text
from ..data.tokenizer import _KATAKANA, _SINGLE, _SINGLE_MARKS

_UNSPACED = re.compile(f"[{_SINGLE}{_SINGLE_MARKS}{_KATAKANA}]")
_SPACES = re.compile(r"\s+")


class NameIndex:
    """Names that are the text of some tokens, however these are split; each run of whitespace counts as one blank.

    Attributes:
        names: int64 (n_rows,), which name each row of the table has; equal names have one number, from 0.
    """

    def __init__(self, texts: Sequence[str], *, case: bool = True, expand: bool = False):
        """
        Args:
            texts: the names, of each row of a table.
            case: whether case matters.
            expand: in scripts without spaces, a name that begins or ends within a token takes all of that token. In
                other scripts a name always begins and ends with tokens, else "art" would be found in "party".

        Raises:
            RelxError: RX005 where the package ahocorasick_rs is not installed.
        """
        package = optional_import("ahocorasick_rs", extra="kb", purpose="finding names of entities in texts")
        self._case, self._expand = case, expand
        index: dict[str, int] = {}
        names = [index.setdefault(fold(text, case), len(index)) for text in normal_forms(texts)]
        self.names = np.array(names, "int64")
        self._automaton = package.AhoCorasick(list(index), store_patterns=False)

    def find(self, docs: Sequence[Doc]) -> np.ndarray:
        """All that are found, overlapping ones too: int64 (n, 4), places of Docs, starts and ends in tokens, names."""
        n_tokens = np.array([len(doc) for doc in docs], "int64")
        if not n_tokens.sum():
            return np.zeros((0, 4), "int64")
        text, starts, ends = _one_blank(*_tokens_in(docs))
        found = self._automaton.find_matches_as_indexes(fold(text, self._case), overlapping=True)
        names, begin, end = np.array(found, "int64").reshape(-1, 3).T
        first = np.searchsorted(starts, begin, side="right") - 1
        last = np.searchsorted(ends, end)
        owner = np.repeat(np.arange(len(docs)), n_tokens)
        good = owner[first] == owner[last]
        for places, matched in ((starts[first], begin), (ends[last], end)):
            good[good] &= (places == matched)[good] | self._may_cut(text, matched[good])
        names, first, last = names[good], first[good], last[good]
        before = (np.cumsum(n_tokens) - n_tokens)[owner[first]]
        return np.stack([owner[first], first - before, last + 1 - before, names], axis=1)

    def _may_cut(self, text: str, places: np.ndarray) -> np.ndarray:
        """Whether a name may begin or end within a token at each place: between two characters of scripts without
        spaces. int64 (n,) -> bool (n,)."""
        if not self._expand:
            return np.zeros(len(places), bool)
        return np.array([len(_UNSPACED.findall(text[max(0, i - 1) : i + 1])) == 2 for i in places.tolist()], bool)


def fold(text: str, case: bool) -> str:
    """The text in lower case unless case matters, as long as before: what has no single lower case stays as it is."""
    if case:
        return text
    lower = text.lower()
    if len(lower) == len(text) and "Σ" not in text:  # a capital sigma depends on what follows
        return lower
    return "".join([char.lower() if len(char.lower()) == 1 else char for char in text])


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


def _one_blank(text: str, starts: np.ndarray, ends: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """Each run of whitespace made one blank: the text, and the new places of the tokens."""
    runs = [match.span() for match in _SPACES.finditer(text) if match[0] != " "]
    if not runs:
        return text, starts, ends
    dropped = np.zeros(len(text) + 1, bool)
    for start, end in runs:
        dropped[start + 1 : end] = True
    moved = np.arange(len(text) + 1) - (np.cumsum(dropped) - dropped)
    return _SPACES.sub(" ", text), moved[starts], moved[ends]
