"""Scores of relations and of facts, evaluation of whole pipelines, and of transfer between languages."""

from .calibrate import calibrate
from .calibration import fit_calibration
from .challenge import challenge
from .curves import Curve, curve_scores, curves_by_group, mean_curve, precision_recall
from .error_analysis import error_report
from .evaluate import evaluate, mention_writers
from .facts import FactCounter, make_fact_scorer, score_facts
from .joint import make_joint_scorer, score_mentions
from .reliability import ReliabilityCounter, reliability_scores
from .scorer import RelationCounter, make_relation_scorer, score_relations
from .transfer import transfer_report

__all__ = [
    "Curve",
    "FactCounter",
    "RelationCounter",
    "ReliabilityCounter",
    "calibrate",
    "challenge",
    "curve_scores",
    "curves_by_group",
    "error_report",
    "evaluate",
    "fit_calibration",
    "make_fact_scorer",
    "make_joint_scorer",
    "make_relation_scorer",
    "mean_curve",
    "mention_writers",
    "precision_recall",
    "reliability_scores",
    "score_facts",
    "score_mentions",
    "score_relations",
    "transfer_report",
]
