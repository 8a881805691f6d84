"""Scores of relations, evaluation of whole pipelines, and of transfer between languages."""

from .evaluate import evaluate, mention_writers
from .scorer import RelationCounter, make_relation_scorer, score_relations
from .transfer import transfer_report

__all__ = [
    "RelationCounter",
    "evaluate",
    "make_relation_scorer",
    "mention_writers",
    "score_relations",
    "transfer_report",
]
