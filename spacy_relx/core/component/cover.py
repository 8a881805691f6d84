"""Whether gold relations have candidate pairs, and whether candidate pairs are such as training had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ...data.extensions import get_candidates
from ...data.sentences import sentence_places, sentence_starts
from ...errors import warn
from .order import recognisers_before
from .seen import SeenPairs, candidate_gaps

if TYPE_CHECKING:
    from .trained import TrainedPipe

#: Training Docs whose gold relations are looked at before training, and the share that should be within reach.
N_COVER_DOCS = 200
MIN_COVER = 0.9
#: Updates in a row without a candidate of any gold relation that are too many for a recogniser that still learns.
N_FRUITLESS = 100


class Cover(NamedTuple):
    """Gold relations or facts of a Doc: all, those whose mentions are both there, and those with a candidate pair."""

    gold: int = 0
    found: int = 0
    covered: int = 0

    def plus(self, other: Cover) -> Cover:
        return Cover(*map(sum, zip(self, other)))


class CoverChecks:
    """What a trained component says about gold relations without candidates, and of pairs that training never had.

    Each warning comes once, until the component is initialised again. pipe: the component, which has `what` is
    annotated, `cover` for counting it, and `seen` from training.
    """

    def __init__(self, pipe: TrainedPipe):
        self._pipe: Any = pipe
        self._said: set[str] = set()
        self._fruitless = 0

    def initialize(self, marker: Any, examples: Iterable[Example], nlp: Language | None) -> None:
        """Look at the first training Docs, and note in `seen` how far apart the mentions of their candidates are.

        WARNS: RX500 where Docs come without mentions and no component finds any, RX058 where few gold relations of the
        others have a candidate.
        """
        self._said, self._fruitless = set(), 0
        first = (eg for eg in islice(examples, N_COVER_DOCS) if len(eg.predicted))
        marked = [_marked(marker, Example(eg.predicted.copy(), eg.reference)) for eg in first]
        with_mentions = [eg for eg in marked if get_candidates(eg.predicted).n_mentions]
        for eg in with_mentions:
            self._pipe.seen.add_candidates(eg.predicted)
        if not recognisers_before(nlp, getattr(marker, "name", self._pipe.name)):
            self._without_mentions("RX500", marked)
        total = self._total(with_mentions)
        if total.gold and total.covered < MIN_COVER * total.gold:
            warn("RX058", covered=total.covered, gold=total.gold, what=self._pipe.what, name=self._pipe.name)

    def update(self, examples: Sequence[Example], targets: np.ndarray) -> None:
        """Look at a batch in training, its Docs marked. WARNS: RX500, RX509, once each."""
        self._without_mentions("RX500", examples)
        if (targets > 0).any():
            self._fruitless = 0
        elif "RX509" not in self._said and self._total(examples).gold:
            self._fruitless += 1
            if self._fruitless == N_FRUITLESS:
                self._say("RX509", n=N_FRUITLESS, what=self._pipe.what)

    def score(self, examples: Sequence[Example]) -> None:
        """Look at Docs that are scored. WARNS: RX501, RX507, once each."""
        self._without_mentions("RX501", examples)
        if "RX507" not in self._said:
            total = self._total(examples)
            apart = total.found - total.covered
            if apart > (1 - MIN_COVER) * total.gold:
                self._say("RX507", apart=apart, gold=total.gold, what=self._pipe.what)

    def predict(self, docs: Iterable[Doc]) -> None:
        """Look at the pairs of Docs. WARNS: RX503, RX506, once each."""
        seen: SeenPairs = self._pipe.seen
        if not seen.docs or {"RX503", "RX506"} <= self._said:
            return
        for doc in docs:
            starts = sentence_starts(doc)
            if len(starts) < 2:
                continue
            candidates = get_candidates(doc)
            farthest = int(candidate_gaps(starts, candidates).max(initial=0))
            if farthest > seen.reach and "RX503" not in self._said:
                known = f"at most {seen.reach} apart" if seen.reach else "of one sentence"
                self._say("RX503", far=farthest, known=known, text=doc.text[:60])
            if seen.crosses and not farthest and candidates.n_mentions > 1 and "RX506" not in self._said:
                first, last = sentence_places(starts, candidates.spans)
                if first.max() > last.min():
                    self._say("RX506", across=seen.across_sentences, relations=seen.relations, text=doc.text[:60])

    def _total(self, examples: Iterable[Example]) -> Cover:
        total = Cover()
        for eg in examples:
            total = total.plus(self._pipe.cover(eg))
        return total

    def _without_mentions(self, code: str, examples: Iterable[Example]) -> None:
        if code in self._said:
            return
        bare = [eg for eg in examples if _is_bare(eg.predicted)]
        gold = [n for n in (self._pipe.cover(eg).gold for eg in bare) if n]
        if gold:
            self._say(code, docs=len(gold), gold=sum(gold), what=self._pipe.what)

    def _say(self, code: str, **values: Any) -> None:
        self._said.add(code)
        warn(code, name=self._pipe.name, **values)


def _is_bare(doc: Doc) -> bool:
    """Whether a Doc has no mention among its candidates, and not because a recogniser has found none."""
    if get_candidates(doc).n_mentions:
        return False
    return not doc.has_annotation("ENT_IOB") or bool(doc.ents) or any(map(len, doc.spans.values()))


def _marked(marker: Any, example: Example) -> Example:
    """The Example with candidates, as a training step gives them."""
    if hasattr(marker, "update"):
        marker.update([example])
    else:
        example.predicted = marker(example.predicted)
    return example
