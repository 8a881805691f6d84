"""Scores of relations, and evaluation of whole pipelines."""

from .evaluate import evaluate, mention_writers
from .scorer import RelationCounter, make_relation_scorer, score_relations

__all__ = ["RelationCounter", "evaluate", "make_relation_scorer", "mention_writers", "score_relations"]
