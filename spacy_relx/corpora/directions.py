"""Which relations have a direction, and the bags that teach it: related pairs of entities, the other way round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import RelxError
from .bags import stable_hash

#: A relation has no direction, or has an inverse, where at least this share of its pairs is related the other way
#: round as well. Wikidata's and Freebase's symmetric relations lie above .6, those with a direction below .1.
BOTH_WAYS = 0.5
#: Names in a line of a report or an error message, at most.
_SHOWN = 10


def hold_both_ways(counts: Mapping[str, tuple[int, int]], symmetric: Iterable[str] = ()) -> frozenset[str]:
    """The relations of which the reverse of a true pair is no safe negative.

    Args:
        counts: Relation -> number of its pairs, and of those that are related the other way round as well.
        symmetric: Relations that are known to hold both ways, whatever the counts.

    Returns:
        The symmetric ones and those with at least `BOTH_WAYS` of their pairs.
    """
    counted = {label for label, (n, both) in counts.items() if n and both >= BOTH_WAYS * n}
    return frozenset(symmetric) | counted


class ReversedNegatives:
    """Chooses related pairs whose reverse becomes a bag of no relation, and counts them.

    Without such bags a model is never asked a pair the other way round, neither in training nor in a test: it answers
    both directions alike. The reverse of (head, tail) is a negative where nothing relates (tail, head) and none of the
    relations of (head, tail) holds both ways (`hold_both_ways`), since the data may lack the reverse of a relation
    without a direction.

    Args:
        share: Share of these pairs to take, in [0, 1], drawn by the ids and the seed alone.
        symmetric: Relations that hold both ways, beside those that the counts show.
        seed: Of the draw.
        counts: As for `hold_both_ways`, from a knowledge base; None to count the bags themselves.

    Attributes:
        both_ways: The relations that hold both ways, sorted.
        one_way: Related pairs whose reverse is not related.
        left_out: Those of them that have a relation that holds both ways.
        taken: Those whose reverse became a bag.

    Raises:
        RelxError: RX119 for a share out of range; RX397 for symmetric relations that do not occur.
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
            raise RelxError("RX119", name="reversed_negatives", value=share, need="0 (none) to 1 (all)")
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
        """Begin a pass over all pairs. counts: as for `hold_both_ways`. Raises: RelxError RX397."""
        unknown = [label for label in self.symmetric if label not in counts]
        if unknown:
            known = shortened(sorted(counts)) or "none"
            raise RelxError("RX397", setting="setting 'symmetric'", names=shortened(unknown), known=known)
        self.both_ways = sorted(hold_both_ways(counts, self.symmetric))
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
        both = not set(labels).isdisjoint(self.both_ways)
        if both:
            self.left_out += 1
            return False
        self._of_label.update(labels)
        self._alike.update(labels if types[0] == types[1] else ())
        taken = stable_hash(str(self.seed), "reversed", head, tail) < self.share * 2**64
        self.taken += taken
        return taken

    @property
    def doubtful(self) -> list[str]:
        """Relations that never hold both ways though they mostly join entities of one type: some may have no direction
        and be stored in one only."""
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

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        names = ("one_way", "left_out", "taken", "both_ways", "doubtful")
        return {name: getattr(self, name) for name in names}


def shortened(names: Sequence[str]) -> str:
    """The first names, and how many there are more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
