"""The official score of SemEval-2010 Task 8: (9+1)-way macro-F1, with direction counted and Other left out.

Hendrickx et al. 2010, "SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations Between Pairs of Nominals".
"""

from __future__ import annotations

from collections import Counter

from spacy.tokens import Doc

from ..data.extensions import get_relations
from ..data.types import NO_RELATION
from .covered import is_unrelated

#: (relation, whether the head comes first in the text), or None for Other.
Answer = tuple[str, bool] | None


def answer(doc: Doc, no_relation: str = NO_RELATION) -> Answer:
    """The one answer for a sentence: its most probable relation in either direction, or Other where there is none.

    no_relation: relations of this label are none.
    """
    relations = [relation for relation in get_relations(doc) if relation.label != no_relation]
    if not relations:
        return None
    best = max(relations, key=lambda relation: relation.score)
    return best.label, (best.head.start, best.head.end) <= (best.tail.start, best.tail.end)


class SemevalCounter:
    """Counts answers, one a sentence with its pair of mentions.

    An answer is right when relation and direction are. A wrong direction counts against precision and recall of its
    relation; so does a relation given for Other, or Other for a relation. Other itself is not in the mean.
    no_relation: as for `answer`.
    """

    def __init__(self, *, no_relation: str = NO_RELATION) -> None:
        self._no_relation = no_relation
        self.right: Counter[str] = Counter()
        self.given: Counter[str] = Counter()
        self.wanted: Counter[str] = Counter()

    def add(self, reference: Doc, predicted: Doc) -> None:
        gold, found = (answer(doc, self._no_relation) for doc in (reference, predicted))
        if gold is None and not is_unrelated(reference, self._no_relation):
            return
        if gold is not None:
            self.wanted[gold[0]] += 1
        if found is not None:
            self.given[found[0]] += 1
            self.right[found[0]] += found == gold

    def scores(self) -> dict[str, float | None]:
        """RETURNS: "semeval_macro_f", in [0, 1]: the mean F1 of the relations in the gold data; None without any."""
        f = [2 * self.right[label] / (self.given[label] + self.wanted[label]) for label in self.wanted]
        return {"semeval_macro_f": sum(f) / len(f) if f else None}
