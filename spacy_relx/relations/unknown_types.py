"""Mentions of entity types that training never showed: counted all, each type said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..data.entity_types import AUTO, ready_name
from ..errors import listed, warn


class UnknownTypes:
    """Counts mentions by entity type, over all Docs of a component.

    Attributes:
        counts: Mentions of each unknown type, by its name on the Doc.
        n_mentions: Mentions of any type.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.n_mentions = 0
        self._named: dict[str, str] = {}
        self._said: set[str] = set()

    def add(self, labels: Sequence[str], types: Iterable[str], markers: np.ndarray) -> None:
        """Count the mentions of one Doc.

        Args:
            labels: Their types on the Doc.
            types: What training calls these.
            markers: int32 (n_mentions,), row in the marker vocabulary, 0 for an unknown type.
        """
        self.n_mentions += len(labels)
        if not markers.all():
            unknown = {label: kind for label, kind, row in zip(labels, types, markers.tolist()) if not row}
            self._named.update(unknown)
            self.counts.update(label for label, row in zip(labels, markers.tolist()) if not row)

    def warn(self, name: str, known: Sequence[str]) -> None:
        """Say each unknown type that was not said before, with the counts so far.

        Args:
            name: The component's name.
            known: The types of training.

        Warns:
            RX025 for a type that has no other name in training, RX512 for one that the setting 'types' makes into
            another unknown one.
        """
        for label in sorted(self.counts.keys() - self._said, key=lambda each: (-self.counts[each], each)):
            self._said.add(label)
            values = {"name": name, "label": label, "n": self.counts[label], "total": self.n_mentions}
            if self._named[label] != label:
                warn("RX512", **values, new=self._named[label], known=listed(known))
            else:
                warn("RX025", **values, known=listed(known), remedy=_remedy(name, label, known))


def _remedy(name: str, label: str, known: Sequence[str]) -> str:
    found = ready_name(label, AUTO, known)
    if found is not None:
        return (
            f'Most likely it is {found} there: set types = {{"{label}": "{found}"}} in the config of \'{name}\', or '
            f'types = "{AUTO}", which maps all names that the ready tables know.'
        )
    return (
        f"If it is one of these by another name, map it in the config of '{name}': types = {{\"{label}\": ...}}, where "
        '"" leaves its mentions out; else train with the types of your recogniser.'
    )
