"""Small networks that find mentions and relations, and what they are to find."""

import torch

from spacy_relx.core.classifiers import SoftmaxClassifier
from spacy_relx.joint.batch import JointBatch, JointTargets
from spacy_relx.joint.pointers import OneTriple
from spacy_relx.joint.span_triples import AllTriples
from spacy_relx.relations.pair_features import PairFeatures

WIDTH, N_TYPES, N_LABELS = 8, 3, 4


def one_triple(**settings):
    return OneTriple(WIDTH, N_TYPES + 1, N_LABELS, **{"dropout": 0.0, **settings})


def all_triples(classifier=SoftmaxClassifier, **settings):
    pairs = PairFeatures.configure(hidden=12, marker_width=4, between_heads=2, pair_rows=100, dropout=0.0)
    defaults = {"hidden": 10, "max_mention_tokens": 3, "mention_threshold": 0.3, "max_mentions": 8, "batch_pairs": 7}
    parts = {"pairs": pairs, "classifier": classifier, "dropout": 0.0}
    return AllTriples(WIDTH, N_TYPES + 1, N_LABELS, **{**parts, **defaults, **settings})


def data(*lengths):
    return torch.randn(sum(lengths), WIDTH), JointBatch(torch.tensor(lengths))


def targets(spans, types, relations):
    return JointTargets(*(torch.tensor(each, dtype=torch.int64) for each in (spans, types, relations)))


GOLD = targets([[0, 2], [3, 4], [5, 6], [6, 8]], [0, 1, 2, 0], [[0, 2, 1], [3, 1, 2]])
LENGTHS = (5, 4)
