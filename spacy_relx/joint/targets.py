"""Gold mentions and relations -> what a joint extractor learns to find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc
from spacy.training import Example

from ..data.annotated import ALL, NAMED, Annotated
from ..data.extensions import get_annotated, get_relations
from ..data.gold import lacks_type
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention

if TYPE_CHECKING:
    from .layer import JointGold


class GoldMentions:
    """The mentions of a Doc, each place and type once: those of the group, of `doc.ents`, and of its relations.

    spans_key: the group; without one of that name (or None) that of gold data, `doc.spans["mentions"]`. A relation's
    mention without a type is the one that is annotated in its place.
    """

    def __init__(self, doc: Doc, spans_key: str | None):
        key = spans_key if spans_key in doc.spans else MENTIONS_KEY
        self._rows: dict[tuple[int, int, str], int] = {}
        self._at: dict[tuple[int, int], str] = {}
        self.mentions: list[Mention] = []
        for span in current_spans([*doc.spans.get(key, ()), *doc.ents]):
            self._add(Mention(span.start, span.end, span.label_))
        for relation in get_relations(doc):
            for each in (relation.head, relation.tail):
                if self.row(each) is None:
                    self._add(Mention(each.start, each.end, each.label))

    def _add(self, mention: Mention) -> None:
        key = mention.start, mention.end, mention.label
        if key not in self._rows:
            self._rows[key] = len(self.mentions)
            self._at.setdefault(key[:2], mention.label)
            self.mentions.append(mention)

    def row(self, mention: Mention) -> int | None:
        """Which of the mentions this one is, None for none."""
        label = mention.label or self._at.get((mention.start, mention.end), "")
        return self._rows.get((mention.start, mention.end, label))


def joint_gold(
    eg: Example,
    labels: dict[str, int],
    types: dict[str, int],
    spans_key: str | None,
    untyped: bool,
    unrelated_pairs: bool,
) -> JointGold:
    """What is to be found in one Doc; mentions that do not begin and end where its tokens do are left out.

    labels, types: their rows. untyped: all mentions are of the one type. unrelated_pairs: see
    `OneTriple`.
    RAISES: KeyError ("relation" or "type", name) for one that is not known.
    """
    from .layer import JointGold  # torch, which factories do without

    place = _TokenPlaces(eg.reference, eg.predicted)
    gold = GoldMentions(eg.reference, spans_key)
    rows: dict[int | None, int] = {}
    annotated = get_annotated(eg.reference)
    spans: list[tuple[int, int]] = []
    kinds: list[int] = []
    for row, mention in enumerate(gold.mentions):
        span = place(mention.start, mention.end)
        if span is None:
            continue
        hidden = not untyped and lacks_type(mention, annotated)
        if not untyped and not hidden and mention.label not in types:
            raise KeyError(("type", mention.label))
        rows[row] = len(spans)
        spans.append(span)
        kinds.append(-1 if hidden else 0 if untyped else types[mention.label])
    relations = []
    for relation in get_relations(eg.reference):
        if relation.label == NO_RELATION and annotated.pairs != NAMED:
            continue
        if relation.label not in labels and relation.label != NO_RELATION:
            raise KeyError(("relation", relation.label))
        head, tail = (rows.get(gold.row(mention)) for mention in (relation.head, relation.tail))
        if head is not None and tail is not None:
            relations.append((head, labels.get(relation.label, -1) + 1, tail))
    if unrelated_pairs and not relations and len(spans) == 2 and annotated.is_whole:
        relations.append((0, 0, 1))
    known = None if annotated.is_whole else _known(annotated, labels, types)
    return JointGold(_array(spans, (0, 2)), _array(kinds, (0,)), _array(relations, (0, 3)), known)


def _known(
    annotated: Annotated, labels: Iterable[str], types: Iterable[str]
) -> tuple[list[bool], list[bool], bool, bool]:
    """See `JointGold.known`."""
    of_types, of_labels = [*map(annotated.has_type, types)], [*map(annotated.has_label, labels)]
    return of_types, of_labels, annotated.mentions == ALL, annotated.pairs == ALL


def _array(values: Sequence[object], shape: tuple[int, ...]) -> np.ndarray:
    return np.array(values, dtype="int64") if values else np.zeros(shape, "int64")


class _TokenPlaces:
    """Spans of one Doc's tokens as spans of another's of the same text."""

    def __init__(self, reference: Doc, predicted: Doc):
        source, target = (doc.to_array([IDX, LENGTH]).astype("int64").reshape(-1, 2) for doc in (reference, predicted))
        self._same = np.array_equal(source, target)
        self._source = source
        self._starts = {} if self._same else {start: i for i, start in enumerate(target[:, 0].tolist())}
        self._ends = {} if self._same else {end: i + 1 for i, end in enumerate(target.sum(axis=1).tolist())}

    def __call__(self, start: int, end: int) -> tuple[int, int] | None:
        if self._same:
            return start, end
        first, last = self._source[start, 0], self._source[end - 1].sum()
        found = self._starts.get(int(first)), self._ends.get(int(last))
        return found if None not in found else None  # type: ignore[return-value]


@dataclass
class Reach:
    """Counts gold relations that no prediction can be: between sentences, or of mentions that are too long.

    parts: lengths of the parts of a Doc that are read by themselves.
    """

    parts: Callable[[Doc], np.ndarray]
    max_mention_tokens: int
    gold: int = 0
    crossing: int = 0
    long: int = 0
    lost: int = 0

    def add(self, doc: Doc) -> None:
        ends = np.cumsum(self.parts(doc))
        for relation in get_relations(doc):
            mentions = (relation.head, relation.tail)
            tokens = [place for mention in mentions for place in (mention.start, mention.end - 1)]
            crossing = len(set(np.searchsorted(ends, tokens, side="right").tolist())) > 1
            long = any(m.end - m.start > self.max_mention_tokens for m in mentions)
            self.gold += 1
            self.crossing += int(crossing)
            self.long += int(long)
            self.lost += int(crossing or long)
