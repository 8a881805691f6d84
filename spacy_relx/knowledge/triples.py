"""A knowledge base: its entities, relations and triples, as integer arrays that can be searched and mapped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..data.ids import entity_ids, look_up_ids
from ..errors import RelxError
from .folders import META, read_array, read_ids, read_meta, save_array, save_ids

#: Columns of a row of triples.
HEAD, LABEL, TAIL = range(3)
FORMAT, VERSION = "spacy_relx.KnowledgeBase", 1
_ARRAYS = {"triples": ("int32", 2), "pairs": ("int64", 1), "pair_starts": ("int64", 1), "by_pair": ("int64", 1)}
#: The error of a folder that is no saved knowledge base, or a broken one.


class KnowledgeBase:
    """Entities, relations and triples between them.

    Args:
        entity_ids: Their names, each once; a number is a place in these lists.
        relation_ids: Their names, each once; a number is a place in these lists.
        triples: int32 (n, 3), the numbers of head, label and tail, in the order given, each row once. duplicates: rows
            that were there before and are merged. An id is a string or a whole number (`ids.entity_id`), and is kept in
            the normal form of `text_forms`; look-ups take any form.

    Raises:
        RelxError: RX206 for what is no id, for ids that are there twice or have line breaks, and for triples of another
            shape or with numbers that are none of theirs.
    """

    def __init__(self, entity_ids: Iterable[str], relation_ids: Iterable[str], triples: Any):
        self.entity_ids = _read_ids("entity", list(entity_ids))
        self.relation_ids = _read_ids("relation", list(relation_ids))
        self.entity_index = _check_ids("entity", self.entity_ids)
        self.relation_index = _check_ids("relation", self.relation_ids)
        triples = _check_triples(triples, len(self.entity_ids), len(self.relation_ids))
        self.triples, self.duplicates = self._merge(triples)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, str, str]]) -> KnowledgeBase:
        """From ids (head, label, tail); numbers are given in the order in which ids first appear."""
        columns = [list(column) for column in zip(*rows)] or [[], [], []]
        columns = [_read_ids(kind, column) for kind, column in zip(("entity", "relation", "entity"), columns)]
        entities = dict.fromkeys(name for pair in zip(columns[HEAD], columns[TAIL]) for name in pair)
        kb = cls(entities, dict.fromkeys(columns[LABEL]), np.zeros((0, 3), "int32"))
        return kb.with_triples(kb.encode(zip(*columns)))

    def with_triples(self, triples: np.ndarray) -> KnowledgeBase:
        """Other triples over the same ids.

        Args:
            triples: int (n, 3). The lists of ids are shared, not copied.
        """
        other = KnowledgeBase.__new__(KnowledgeBase)
        other.entity_ids, other.relation_ids = self.entity_ids, self.relation_ids
        other.entity_index, other.relation_index = self.entity_index, self.relation_index
        triples = _check_triples(triples, len(self.entity_ids), len(self.relation_ids))
        other.triples, other.duplicates = other._merge(triples)
        return other

    def __len__(self) -> int:
        return len(self.triples)

    def __repr__(self) -> str:
        n_entities, n_relations = len(self.entity_ids), len(self.relation_ids)
        return f"KnowledgeBase(entities={n_entities}, relations={n_relations}, triples={len(self)})"

    def __contains__(self, row: object) -> bool:
        """Whether the ids (head, label, tail) are a triple."""
        if not isinstance(row, tuple) or len(row) != 3:
            return False
        return bool(self.contains(self.encode([row]))[0])

    # Numbers and ids

    def encode(self, rows: Iterable[tuple[str, str, str]]) -> np.ndarray:
        """Ids (head, label, tail) as int32 (n, 3); -1 for an id that is unknown."""
        columns = list(zip(*rows)) or [(), (), ()]
        encoded = np.empty((len(columns[0]), 3), "int32")
        for column, index in enumerate((self.entity_index, self.relation_index, self.entity_index)):
            encoded[:, column] = [index.get(name, -1) for name in look_up_ids(columns[column])]
        return encoded

    def encode_entities(self, ids: Sequence[str]) -> np.ndarray:
        """Ids of entities as int32 (n,); -1 for an id that is unknown."""
        index = self.entity_index
        return np.fromiter((index.get(name, -1) for name in look_up_ids(ids)), "int32", count=len(ids))

    def decode(self, triples: np.ndarray) -> list[tuple[str, str, str]]:
        """Numbers, int (n, 3), as ids (head, label, tail)."""
        entities, relations = self.entity_ids, self.relation_ids
        return [(entities[h], relations[r], entities[t]) for h, r, t in np.asarray(triples).tolist()]

    # Look-ups

    def relations(self, head: str, tail: str) -> list[str]:
        """The relations from head to tail, ids, by number; none where an entity is unknown."""
        pair = self.encode_entities([head, tail])[None]
        return [self.relation_ids[number] for number in self.pair_relations(int(self.find_pairs(pair)[0]))]

    def tails(self, head: str, label: str) -> list[str]:
        """The entities that head has this relation to, ids, in the order of the triples."""
        h, r = self.encode([(head, label, head)])[0, :2].tolist()
        if h < 0 or r < 0:
            return []
        keys, rows = self._by_head
        key = h * len(self.relation_ids) + r
        first, last = np.searchsorted(keys, [key, key + 1])
        return [self.entity_ids[tail] for tail in self.triples[rows[first:last], TAIL].tolist()]

    def contains(self, triples: np.ndarray) -> np.ndarray:
        """Which rows are triples of this knowledge base.

        Args:
            triples: int (n, 3), also with -1.

        Returns:
            Bool (n,).
        """
        triples = np.asarray(triples, "int64").reshape(-1, 3)
        n_relations = len(self.relation_ids)
        places = self.find_pairs(triples[:, [HEAD, TAIL]])
        known = (places >= 0) & (triples[:, LABEL] >= 0) & (triples[:, LABEL] < n_relations)
        return known & _is_in(places * n_relations + triples[:, LABEL], self._keys)

    def find_pairs(self, pairs: np.ndarray) -> np.ndarray:
        """The place of each pair of entities among `pairs`, -1 where no triple joins them in that direction.

        Args:
            pairs: int (n, 2), head and tail.

        Returns:
            int64 (n,).
        """
        pairs = np.asarray(pairs, "int64").reshape(-1, 2)
        n = len(self.entity_ids)
        keys = pairs[:, 0] * n + pairs[:, 1]
        known = ((pairs >= 0) & (pairs < n)).all(axis=1) & _is_in(keys, self.pairs)
        return np.where(known, np.searchsorted(self.pairs, keys), -1)

    def pair_relations(self, place: int) -> list[int]:
        """Numbers of the relations of one pair, ascending.

        Args:
            place: From `find_pairs`; none for -1.
        """
        if place < 0:
            return []
        first, last = self.pair_starts[place : place + 2]
        return self.triples[self.by_pair[first:last], LABEL].tolist()

    # Sorted copies, made when first asked for, or loaded

    @cached_property
    def by_pair(self) -> np.ndarray:
        """int64 (n,): rows of `triples`, sorted by head, tail, label."""
        pairs, relations = self._pair_keys(self.triples), self.triples[:, LABEL]
        n_relations = max(1, len(self.relation_ids))
        if (len(self.entity_ids) ** 2 + 1) * n_relations < 2**63:  # one key, sorted twice as fast as two
            return np.argsort(pairs * n_relations + relations)
        return np.lexsort((relations, pairs))

    @cached_property
    def pairs(self) -> np.ndarray:
        """int64 (n_pairs,), ascending: head * number of entities + tail of each ordered pair that has a triple."""
        return np.unique(self._pair_keys(self.triples))

    @cached_property
    def pair_starts(self) -> np.ndarray:
        """int64 (n_pairs + 1,): where the triples of each pair begin in `by_pair`, and their number."""
        keys = self._pair_keys(self.triples)[self.by_pair]
        return np.append(np.searchsorted(keys, self.pairs), len(keys)).astype("int64")

    @cached_property
    def _keys(self) -> np.ndarray:
        """int64 (n,), ascending: place of the pair * number of relations + relation. It fits 63 bits always."""
        places = np.repeat(np.arange(len(self.pairs)), np.diff(self.pair_starts))
        return places * len(self.relation_ids) + self.triples[self.by_pair, LABEL]

    @cached_property
    def _by_head(self) -> tuple[np.ndarray, np.ndarray]:
        """head * number of relations + relation, ascending, and the rows of `triples` in that order."""
        keys = self.triples[:, HEAD].astype("int64") * len(self.relation_ids) + self.triples[:, LABEL]
        rows = np.argsort(keys, kind="stable")
        return keys[rows], rows

    def _pair_keys(self, triples: np.ndarray) -> np.ndarray:
        return triples[:, HEAD].astype("int64") * len(self.entity_ids) + triples[:, TAIL]

    def _merge(self, triples: np.ndarray) -> tuple[np.ndarray, int]:
        """Each row once, where it first is; and how many were left out."""
        self.triples = triples
        order = self.by_pair
        ordered = triples[order]
        again = np.zeros(len(triples), bool)
        again[1:] = (ordered[1:] == ordered[:-1]).all(axis=1)
        n_again = int(again.sum())
        if not n_again:
            return triples, 0
        del self.by_pair
        first = np.minimum.reduceat(order, np.flatnonzero(~again))
        return triples[np.sort(first)], n_again

    # Files

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load` reads or maps: arrays (.npy), ids (.txt, one a line) and meta.json.

        Raises:
            RelxError: RX205 where it cannot be written.
        """
        folder = Path(folder)
        sizes = {name: list(getattr(self, name).shape) for name in _ARRAYS}
        counts = {"entities": len(self.entity_ids), "relations": len(self.relation_ids)}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Last and first: a folder that was not written to its end, or is being rewritten, has none.
            (folder / META).unlink(missing_ok=True)
            for name in _ARRAYS:
                save_array(folder, name, np.asarray(getattr(self, name)))
            for name, ids in (("entities", self.entity_ids), ("relations", self.relation_ids)):
                save_ids(folder, name, ids)
            meta = {"format": FORMAT, "version": VERSION, **counts, "shapes": sizes}
            (folder / META).write_text(json.dumps(meta, indent=1), encoding="utf8")
        except OSError as err:
            raise RelxError("RX186", path=folder, reason=err) from err

    @classmethod
    def load(cls, folder: str | Path, *, mmap: bool = True) -> KnowledgeBase:
        """Read a folder that `save` wrote.

        Args:
            mmap: Map the arrays instead of reading them; then what is in them is not looked through, only their sizes.

        Raises:
            RelxError: RX205 for what is no such folder, for another version, for sizes that do not agree.
        """
        folder = Path(folder)
        meta = read_meta(folder, FORMAT, VERSION)
        kb = cls.__new__(cls)
        kb.duplicates = 0
        kb.entity_ids = read_ids(folder, "entities", meta.get("entities"))
        kb.relation_ids = read_ids(folder, "relations", meta.get("relations"))
        kb.entity_index = dict(zip(kb.entity_ids, range(len(kb.entity_ids))))
        kb.relation_index = dict(zip(kb.relation_ids, range(len(kb.relation_ids))))
        for name in _ARRAYS:
            setattr(kb, name, _load_array(folder, name, meta, mmap))
        n, n_pairs = len(kb.triples), len(kb.pairs)
        if kb.triples.shape != (n, 3) or len(kb.by_pair) != n or len(kb.pair_starts) != n_pairs + 1:
            raise _broken(folder, "its arrays do not belong together")
        if not mmap:
            try:
                _check_triples(kb.triples, len(kb.entity_ids), len(kb.relation_ids))
            except RelxError as err:
                raise _broken(folder, str(err)) from err
            if not _is_sorted_copy(kb):
                raise _broken(folder, "its arrays do not belong together")
        return kb


def _is_sorted_copy(kb: KnowledgeBase) -> bool:
    """Whether the sorted arrays of a knowledge base are those of its triples: look-ups take their numbers as places."""
    n, starts = len(kb.triples), kb.pair_starts
    if (np.diff(starts) <= 0).any() or starts[0] != 0 or starts[-1] != n or (np.diff(kb.pairs) <= 0).any():
        return False
    if n and (kb.by_pair.min() < 0 or kb.by_pair.max() >= n or (np.bincount(kb.by_pair, minlength=n) != 1).any()):
        return False
    keys, relations = kb._pair_keys(kb.triples)[kb.by_pair], kb.triples[kb.by_pair, LABEL]
    again = keys[1:] == keys[:-1]
    return np.array_equal(keys, np.repeat(kb.pairs, np.diff(starts))) and bool((np.diff(relations)[again] > 0).all())


def _is_in(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Which values are among the ascending keys. int64 (n,), int64 (m,) -> bool (n,)."""
    if not len(keys):
        return np.zeros(len(values), bool)
    return keys[np.minimum(np.searchsorted(keys, values), len(keys) - 1)] == values


def _read_ids(kind: str, ids: list[Any]) -> list[str]:
    """RAISES: RelxError RX206."""
    try:
        return entity_ids(ids)
    except ValueError as err:
        raise RelxError("RX206", problem=f"{kind} {err}") from err


def _check_ids(kind: str, ids: list[str]) -> dict[str, int]:
    """Number by id. RAISES: RelxError RX206."""
    index = dict(zip(ids, range(len(ids))))
    if len(index) < len(ids):
        twice = next(name for place, name in enumerate(ids) if index[name] != place)
        raise RelxError("RX206", problem=f"the {kind} {twice!r} is there twice")
    if "\n" in "".join(ids):
        broken = next(name for name in ids if "\n" in name)
        raise RelxError("RX206", problem=f"the id {broken!r} of one {kind} has a line break")
    return index


def _check_triples(triples: Any, n_entities: int, n_relations: int) -> np.ndarray:
    """The triples as int32 (n, 3). RAISES: RelxError RX206."""
    triples = np.asarray(triples)
    if triples.ndim != 2 or triples.shape[1] != 3 or triples.dtype.kind not in "iu":
        problem = f"the triples must be integers of shape (n, 3), but are {triples.dtype} of shape {triples.shape}"
        raise RelxError("RX206", problem=problem)
    limits = np.array([n_entities, n_relations, n_entities])
    if len(triples) and ((triples < 0) | (triples >= limits)).any():
        row = int(((triples < 0) | (triples >= limits)).any(axis=1).argmax())
        problem = (
            f"row {row} of the triples is {triples[row].tolist()}, but there are {n_entities} entities and "
            f"{n_relations} relations"
        )
        raise RelxError("RX206", problem=problem)
    return np.ascontiguousarray(triples, "int32")


def _broken(folder: Path, reason: str) -> RelxError:
    return RelxError("RX205", path=folder, reason=reason)


def _load_array(folder: Path, name: str, meta: dict[str, Any], mmap: bool) -> np.ndarray:
    dtype, ndim = _ARRAYS[name]
    shape = (meta.get("shapes") or {}).get(name)
    array = read_array(folder, name, dtype, shape, mmap_mode="r" if mmap else None)
    if array.ndim != ndim:
        raise _broken(folder, f"its {name}.npy is {array.dtype} {shape}, but {ndim} dimensions are wanted")
    return array
