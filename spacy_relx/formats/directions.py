"""Which relations have a direction, and the bags that teach it: related pairs of entities, the other way round."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..data.ids import stable_hash
from ..errors import RelxError

#: A relation has no direction where at least this share of its pairs holds both ways. Wikidata's and Freebase's
#: symmetric relations lie above .6, those with a direction below .1.
SYMMETRIC_SHARE = 0.5
#: No reversed negatives are made of a relation with at least this share of pairs that are related the other way round
#: as well, in whatever relation: what is missing there may be true, and the bags of those pairs teach its direction.
RELATED_SHARE = 0.25
#: Names in a line of a report or an error message, at most.
_SHOWN = 10


def hold_both_ways(
    counts: Mapping[str, tuple[int, int]], symmetric: Iterable[str] = (), *, share: float = SYMMETRIC_SHARE
) -> frozenset[str]:
    """The relations that hold both ways.

    Args:
        counts: Relation -> number of its pairs, and of those that hold in reverse as well.
        symmetric: Relations that are known to hold both ways, whatever the counts.
        share: Share of its pairs that makes a relation one of these.

    Returns:
        The symmetric ones and those with that share.
    """
    counted = {label for label, (n, both) in counts.items() if n and both >= share * n}
    return frozenset(symmetric) | counted


class BothWays:
    """Counts which pairs of a stream come in reverse as well. Memory is for hashes: 24 bytes for each pair."""

    def __init__(self) -> None:
        self._all, self._counted, self._turned = (array("Q") for _ in range(3))

    def add(self, head: str, tail: str, label: str = "", *, counted: bool = True) -> None:
        """Add a pair. label: what must agree, too. counted: False for one that is only looked for."""
        key = stable_hash(head, label, tail)
        self._all.append(key)
        if counted:
            self._counted.append(key)
            self._turned.append(stable_hash(tail, label, head))

    def counts(self) -> tuple[int, int]:
        """How many different pairs are counted, and how many of these are there in reverse as well."""
        seen, counted, turned = (np.frombuffer(each, "uint64") for each in (self._all, self._counted, self._turned))
        first = np.unique(counted, return_index=True)[1]
        return len(first), int(np.isin(turned[first], seen).sum())


class ReversedNegatives:
    """Chooses related pairs whose reverse becomes a bag of no relation, and counts them.

    Without such bags a model is never asked a pair in reverse, neither in training nor in a test: it answers
    both directions alike. The reverse of (head, tail) is a negative where nothing relates (tail, head) and none of the
    relations of (head, tail) holds both ways: those named, and those whose pairs are related in reverse as
    well, at least `RELATED_SHARE` of them. Symmetric relations and those with an inverse are such; a reverse that the
    data lack is then no safe negative.

    Args:
        share: Share of these pairs to take, in [0, 1], drawn by the ids and the seed alone.
        symmetric: Relations that hold both ways, beside those that the counts show.
        seed: Of the draw.
        counts: Relation -> number of its pairs, and of those that are related in reverse as well, of a
            knowledge base; None to count the bags themselves.

    Attributes:
        both_ways: The relations that hold both ways, sorted.
        one_way: Related pairs whose reverse is not related.
        left_out: Those of them that have a relation that holds both ways.
        taken: Those whose reverse became a bag.

    Raises:
        RelxError: RX021 for a share out of range; RX397 for symmetric relations that do not occur.
    """

    def __init__(
        self,
        share: float = 1.0,
        *,
        symmetric: Iterable[str] = (),
        seed: int = 0,
        counts: Mapping[str, tuple[int, int]] | None = None,
    ):
        if not 0 <= share <= 1:
            raise RelxError("RX021", name="reversed_negatives", value=share, need="0 (none) to 1 (all)")
        self.share = share
        self.symmetric = tuple(symmetric)
        self.seed = seed
        self.counts_bags = counts is None
        self.both_ways: list[str] = []
        self._reset()
        if counts is not None:
            self.start(counts)

    def _reset(self) -> None:
        self.one_way = self.left_out = self.taken = 0
        self._of_label: Counter[str] = Counter()  # one-way pairs by relation, and those of two entities of one type
        self._alike: Counter[str] = Counter()

    def start(self, counts: Mapping[str, tuple[int, int]]) -> None:
        """Begin a pass over all pairs.

        Args:
            counts: As of the class. Raises: RelxError RX397.
        """
        unknown = [label for label in self.symmetric if label not in counts]
        if unknown:
            known = shortened(sorted(counts)) or "none"
            raise RelxError("RX397", setting="setting 'symmetric'", names=shortened(unknown), known=known)
        self.both_ways = sorted(hold_both_ways(counts, self.symmetric, share=RELATED_SHARE))
        self._reset()

    def takes(self, head: str, tail: str, labels: Iterable[str], types: Sequence[str]) -> bool:
        """Whether the reverse of a related pair becomes a bag; counts the pair.

        Args:
            head: Id of the head.
            tail: Id of the tail. Nothing relates (tail, head).
            labels: The relations of (head, tail).
            types: Entity types of the two.
        """
        self.one_way += 1
        if not set(labels).isdisjoint(self.both_ways):
            self.left_out += 1
            return False
        self._of_label.update(labels)
        self._alike.update(labels if types[0] == types[1] else ())
        taken = stable_hash(str(self.seed), "reversed", head, tail) < self.share * 2**64
        self.taken += taken
        return taken

    @property
    def doubtful(self) -> list[str]:
        """Relations that were taken for such with a direction and mostly join entities of one type: some may have none
        and be stored one way only."""
        return sorted(label for label, n in self._of_label.items() if 2 * self._alike[label] >= n)

    def lines(self) -> list[str]:
        """The counts as lines of a report."""
        lines = [f"reversed negatives {self.taken} of {self.one_way} related pairs that are related one way only"]
        if self.both_ways:
            lines.append(f"hold both ways     {shortened(self.both_ways)} (left out of these: {self.left_out} pairs)")
        if self.doubtful:
            lines.append(
                f"one way only       {shortened(self.doubtful)}, between entities of one type or none: name those that "
                "have no direction with --symmetric"
            )
        return lines


def shortened(names: Sequence[str]) -> str:
    """The first names, and how many there are more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
