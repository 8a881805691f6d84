"""Dividing documents into training and development data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..data.ids import stable_hash
from ..errors import RelxError
from .docbin import new_docbin

#: What equal documents have in common; they never stand on both sides.
SPLITS = ("text", "id")


class SplitDocs:
    """Documents to divide into two DocBins, one of them with an exact share.

    The documents are ranked by a hash of their text and the seed, and the first of that ranking are drawn. So which
    ones are drawn depends neither on their order nor on the machine, and more data moves few of them. Documents are
    kept as a DocBin keeps them, and never made anew.
    """

    def __init__(self, vocab: Vocab, *, share: float, by: str = "text", seed: int = 0):
        """Begin with no documents.

        Args:
            vocab: That of the documents.
            share: Share of the documents to draw, in (0, 1).
            by: One of `SPLITS`: what equal documents have in common. A document without an id counts by its text.
            seed: Another seed draws other documents.
        """
        self.share, self.by, self.seed = share, by, seed
        self._vocab = vocab
        self._docbin = new_docbin()
        self._keys: list[int] = []
        self._strings: list[np.ndarray] = []  # of each document, as hashes: uint64 (n_strings,)

    def __len__(self) -> int:
        return len(self._docbin)

    @property
    def can_divide(self) -> bool:
        """Whether there are two documents that may stand on different sides."""
        return len(set(self._keys)) > 1

    def add(self, doc: Doc) -> None:
        """Add a document of the vocab."""
        key = str(doc.user_data.get("id", doc.text)) if self.by == "id" else doc.text
        self._keys.append(stable_hash(str(self.seed), key))
        self._docbin.strings = set()
        self._docbin.add(doc)
        self._strings.append(np.array([self._vocab.strings[each] for each in self._docbin.strings], dtype="uint64"))

    def divide(self) -> tuple[DocBin, DocBin]:
        """Divide the documents, each side in the order in which they were added.

        Returns:
            The rest, and the share. Both have documents where `can_divide`; else the second is empty.
        """
        drawn = draw_share(self._keys, self.share)
        return self._part(np.flatnonzero(~drawn)), self._part(np.flatnonzero(drawn))

    def _part(self, rows: Iterable[int]) -> DocBin:
        rows = [int(row) for row in rows]
        part: Any = new_docbin()
        for name in ("tokens", "spaces", "cats", "span_groups", "user_data", "flags"):
            column = getattr(self._docbin, name)
            setattr(part, name, [column[row] for row in rows])
        if rows:
            part.strings = {self._vocab.strings[each] for each in np.unique(np.concatenate(self._part_strings(rows)))}
        return part

    def _part_strings(self, rows: Sequence[int]) -> list[np.ndarray]:
        return [self._strings[row] for row in rows]


def divide(split: SplitDocs, outputs: Sequence[Path]) -> tuple[DocBin, DocBin]:
    """Divide documents between two files. RAISES: RelxError RX560 where one of the two would be empty."""
    if not split.can_divide:
        reason = "there is only one document"
        if len(split) > 1:
            reason = f"all {len(split)} documents have the same {split.by}, and equal ones stay together"
        raise RelxError("RX560", train=outputs[0], dev=outputs[1], reason=reason)
    return split.divide()


def draw_share(keys: Sequence[int], share: float) -> np.ndarray:
    """Draw a share of things, equal ones together.

    As many are drawn as the share asks for, rounded, but at least one, and never all. Equal things that would be too
    many are passed over; where all are, the fewest equal ones are drawn.

    Args:
        keys: A random number for each thing, equal ones of equal things.
        share: In (0, 1).

    Returns:
        Whether each is drawn, bool (n_things,). None is where all are equal.
    """
    drawn = np.zeros(len(keys), dtype=bool)
    groups, group_of, sizes = np.unique(np.array(keys, dtype="uint64"), return_inverse=True, return_counts=True)
    if len(groups) < 2:
        return drawn
    wanted = max(1, min(len(keys) - 1, int(share * len(keys) + 0.5)))
    chosen = np.zeros(len(groups), dtype=bool)
    left = wanted
    for group, size in enumerate(sizes.tolist()):  # in the order of their keys
        if size <= left:
            chosen[group] = True
            left -= size
            if not left:
                break
    if left == wanted:
        chosen[sizes.argmin()] = True
    return chosen[group_of]
