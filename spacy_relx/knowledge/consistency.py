"""How far a knowledge base supports triples that were found in texts: known or not, plausible or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.types import SUPPORT
from ..errors import RelxError
from .complex_network import ComplEx
from .embeddings import KBEmbeddings
from .ranks import MAX_SCORES, Answers, filtered_ranks
from .triples import TAIL, KnowledgeBase

#: So many entities that are all unknown are taken for names of another kind.
MANY = 20


class Support(NamedTuple):
    """What a knowledge base says of n triples.

    Attributes:
        scores: float64 (n,), probability of the relation given the pair of entities, in [0, 1]; NaN where the
            embeddings lack an entity or the relation, or there are none.
        known: bool (n,), whether it has the triple; None where no triples were given.
        ranks: float64 (n,), from 1, of the tail among all entities for (head, label, ?), those that are known left out,
            equal scores at their mean rank; NaN for known triples, and where scores or known are missing.
    """

    scores: np.ndarray
    known: np.ndarray | None
    ranks: np.ndarray

    def fields(self) -> Iterator[dict[str, Any]]:
        """For each triple kb_score, known and kb_rank, as a Fact or a Relation has them: plain, None for missing."""
        scores, ranks = (_none_for_nan(column) for column in (self.scores, self.ranks))
        known = [None] * len(scores) if self.known is None else self.known.tolist()
        for row in zip(scores, known, ranks):
            yield dict(zip(SUPPORT, row))


class Consistency:
    """A knowledge base that is asked about many triples at once.

    The probability of a relation is p(r|(h, t)), the softmax over the relations of the embeddings (not their inverses)
    of the ComplEx score (Xu and Barbosa 2019, section 4.2). Some relation is taken for granted: that two entities have
    none is not among the choices.

    Args:
        embeddings: ComplEx vectors; None where only `known` is wanted.
        known: The triples that are true; None where only scores are wanted. Ids are compared letter by letter; the two
            need not number them alike.
        max_scores: So many are computed at a time.

    Raises:
        RelxError: RX253 without both.
    """

    def __init__(self, embeddings: KBEmbeddings | None, known: KnowledgeBase | None, *, max_scores: int = MAX_SCORES):
        if embeddings is None and known is None:
            raise RelxError("RX253")
        self.embeddings, self.known = embeddings, known
        self.max_scores = max_scores
        self._answers = None if embeddings is None or known is None else _answers(embeddings, known)

    def strangers(self, rows: Sequence[tuple[str, str, str]]) -> tuple[str, list[str], str, list[str]] | None:
        """Where names of the triples and of the knowledge base seem to be of two worlds.

        Args:
            rows: As in `check`.

        Returns:
            "relations" or "entities", those of the triples, "embeddings" or "triples", which has none of them, and the
            names there; None where each part has some. Of entities there must be `MANY`, since a few may well be new.
        """
        relations = {relation for _, relation, _ in rows}
        entities = {name for head, _, tail in rows for name in (head, tail)}
        parts = {"embeddings": None if self.embeddings is None else self.embeddings.ids, "triples": self.known}
        for part, ids in parts.items():
            if ids is None:
                continue
            if relations and relations.isdisjoint(ids.relation_index):
                return "relations", sorted(relations), part, ids.relation_ids
            if len(entities) >= MANY and entities.isdisjoint(ids.entity_index):
                return "entities", sorted(entities), part, ids.entity_ids
        return None

    def check(self, rows: Sequence[tuple[str, str, str]]) -> Support:
        """rows: n triples of ids (head, label, tail), any ids, also the same triple again and again."""
        numbers: dict[tuple[str, str, str], int] = {}
        places = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype="int64")
        once = list(numbers)  # each triple is looked up once
        known = None if self.known is None else self.known.contains(self.known.encode(once))
        scores, ranks = np.full(len(once), np.nan), np.full(len(once), np.nan)
        if self.embeddings is not None:
            model, triples = self.embeddings.model, self.embeddings.ids.encode(once)
            scores = relation_probabilities(model, triples, max_scores=self.max_scores)
            if known is not None and self._answers is not None:
                asked = np.flatnonzero(~known & ~np.isnan(scores))
                ranks[asked] = filtered_ranks(model, triples[asked], self._answers, max_scores=self.max_scores)
        return Support(scores[places], None if known is None else known[places], ranks[places])


def relation_probabilities(model: ComplEx, triples: np.ndarray, *, max_scores: int = MAX_SCORES) -> np.ndarray:
    """p(r|(h, t)) of triples, see `Consistency`.

    triples: int (n, 3), with -1 for what is unknown. max_scores: so many numbers are held at a time.
    RETURNS: float64 (n,), in [0, 1], NaN for rows with a -1.
    """
    probabilities = np.full(len(triples), np.nan)
    places = np.flatnonzero((triples >= 0).all(axis=1))
    # Of a pair its two vectors are held, too, and these may be longer than there are relations.
    size = max(1, max_scores // max(1, model.n_relations, model.entities.shape[1]))
    with torch.no_grad():
        for first in range(0, len(places), size):
            here = places[first : first + size]
            h, r, t = torch.from_numpy(triples[here].astype("int64")).unbind(1)
            rows = torch.softmax(model.relation_scores(h, t).double(), dim=1)
            probabilities[here] = rows.gather(1, r.unsqueeze(1)).squeeze(1).numpy()
    return probabilities


def _answers(embeddings: KBEmbeddings, known: KnowledgeBase) -> Answers:
    """The known triples in the embeddings' numbers, as what a rank of tails leaves out; sorted once, not each time."""
    return Answers(embeddings.encode(known), TAIL, max(1, embeddings.model.n_relations))


def _none_for_nan(values: np.ndarray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]
