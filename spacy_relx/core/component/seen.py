"""What training saw of pairs: how far apart the mentions of gold relations are, and of candidate pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ...data.extensions import get_candidates, get_relations
from ...data.sentences import sentence_places, sentence_starts
from ...data.types import MENTIONS_KEY, NO_RELATION, Candidates
from ..gaps import sentence_gaps, spans_of, token_gaps

#: Training Docs that are looked at where labels are given: spaCy may stream training data that has no end.
N_SEEN_DOCS = 5000
#: Share of gold relations across sentences up to which they count as errors of sentence boundaries.
NEGLIGIBLE = 0.02
#: Share of training Docs of one sentence from which on training had single sentences.
MOSTLY = 0.95


@dataclass
class SeenPairs:
    """Counts of what training saw; `to_dict` is what a component keeps in its `cfg`.

    Args:
        docs: Training Docs.
        single_sentence_docs: Those of one sentence.
        relations: Gold relations, those of a mention with itself and no-relation aside.
        across_sentences: Those of them whose mentions lie in different sentences.
        max_sentences: Sentences from head to tail at most; 0 within a sentence.
        max_tokens: Tokens between head and tail at most.
        p99_tokens: The same of 99 % of the relations.
        max_candidate_sentences: Sentences from head to tail of any pair that training had, related or not; None where
            candidates were not counted.
    """

    docs: int = 0
    single_sentence_docs: int = 0
    relations: int = 0
    across_sentences: int = 0
    max_sentences: int = 0
    max_tokens: int = 0
    p99_tokens: int = 0
    max_candidate_sentences: int | None = None
    _tokens: list[np.ndarray] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, examples: Iterable[Example]) -> SeenPairs:
        """The counts of the Examples' references."""
        seen = cls()
        for _ in seen.noting(examples):
            pass
        return seen

    @classmethod
    def first_of(cls, examples: Iterable[Example]) -> SeenPairs:
        """The same of no more than `N_SEEN_DOCS` Examples."""
        return cls.of(islice(examples, N_SEEN_DOCS))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> SeenPairs:
        """What `to_dict` gave; None for a component that was never trained."""
        return cls(**(data or {}))

    def to_dict(self) -> dict[str, Any]:
        names = (name for name in self.__dataclass_fields__ if not name.startswith("_"))
        return {name: getattr(self, name) for name in names}

    @property
    def crosses(self) -> bool:
        """Whether gold relations across sentences are more than errors of sentence boundaries."""
        return self.across_sentences > NEGLIGIBLE * self.relations

    @property
    def single_sentences(self) -> bool:
        """Whether the training Docs were single sentences."""
        return bool(self.docs) and self.single_sentence_docs >= MOSTLY * self.docs

    @property
    def reach(self) -> int:
        """Sentences from head to tail at most of any pair that training had."""
        return max(self.max_sentences if self.crosses else 0, self.max_candidate_sentences or 0)

    def noting(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The same Examples; each is counted as it passes."""
        for eg in examples:
            self.add(eg.reference)
            yield eg
        if self._tokens:
            tokens = np.concatenate(self._tokens)
            self.max_tokens = int(tokens.max())
            self.p99_tokens = int(np.percentile(tokens, 99, method="higher"))

    def add(self, doc: Doc) -> None:
        """Count a Doc with gold relations."""
        relations = [r for r in get_relations(doc) if r.label != NO_RELATION]
        heads, tails = spans_of([r.head for r in relations]), spans_of([r.tail for r in relations])
        mentions = [(span.start, span.end) for span in (*doc.ents, *doc.spans.get(MENTIONS_KEY, ()))]
        starts = sentence_starts(doc, np.concatenate([np.array(mentions, "int32").reshape(-1, 2), heads, tails]))
        self.docs += 1
        self.single_sentence_docs += len(starts) == 1
        apart = (heads != tails).any(axis=1)
        spans = np.concatenate([heads[apart], tails[apart]])
        pairs = np.arange(len(spans)).reshape(2, -1).T
        if len(pairs):
            gaps = sentence_gaps(*sentence_places(starts, spans), *pairs.T)
            self.relations += len(gaps)
            self.across_sentences += int((gaps > 0).sum())
            self.max_sentences = max(self.max_sentences, int(gaps.max()))
            self._tokens.append(token_gaps(spans, pairs))

    def add_candidates(self, doc: Doc) -> None:
        """Count the candidate pairs of a training Doc."""
        gaps = candidate_gaps(sentence_starts(doc), get_candidates(doc))
        self.max_candidate_sentences = max(self.max_candidate_sentences or 0, int(gaps.max(initial=0)))


def candidate_gaps(starts: np.ndarray, candidates: Candidates) -> np.ndarray:
    """int64 *Shape:* (n_pairs,): sentences from head to tail. starts: of the Doc's sentences."""
    return sentence_gaps(*sentence_places(starts, candidates.spans), *candidates.pairs.T)
