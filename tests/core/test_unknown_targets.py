"""Losses of pairs of which the annotation does not say everything, beside plain loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_relx.core.classifiers import MultiLabelClassifier, SoftmaxClassifier, sample_pairs
from spacy_relx.core.task import UNKNOWN

N = 3


def softmax(**settings):
    return SoftmaxClassifier(4, N, **settings)


def multi(**settings):
    return MultiLabelClassifier(4, N, **settings)


def loop(classifier, logits, targets, smoothing=0.0):
    total = weights = 0.0
    for row, gold in zip(logits.tolist(), targets.tolist()):
        if all(value == UNKNOWN for value in gold):
            continue
        weight = 1.0 if 1 in gold else classifier.no_relation_weight
        if classifier.multi_label:
            loss = 0.0
            for x, value in zip(row, gold):
                p = 1 / (1 + math.exp(-x))
                positive = -classifier.positive_weight * math.log(p)
                loss += positive if value == 1 else -math.log(1 - p) if value == 0 else 0.0
        else:
            total_p = sum(map(math.exp, row))
            p = [math.exp(x) / total_p for x in row]
            if 1 in gold:
                sets = [[i + 1 for i in range(N) if gold[i] == 1]]
                uniform = [math.log(x) for x in p]
            else:
                sets = [[0, *(i + 1 for i in range(N) if gold[i] == UNKNOWN)]]
                rest = [[i + 1] for i in range(N) if gold[i] == 0]
                uniform = [math.log(sum(p[i] for i in each)) for each in (*sets, *rest)]
            loss = -math.log(sum(p[i] for i in sets[0]))
            loss = (1 - smoothing) * loss - smoothing * sum(uniform) / len(uniform)
        total, weights = total + weight * loss, weights + weight
    return total / weights if weights else 0.0


ROWS = st.lists(st.lists(st.sampled_from([0, 1, UNKNOWN]), min_size=N, max_size=N), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 1000))
def test_losses_are_those_of_a_loop(rows, seed):
    targets = torch.tensor(rows, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    kinds = [
        (softmax(no_relation_weight=0.3), 0.0),
        (softmax(label_smoothing=0.2), 0.2),
        (multi(no_relation_weight=0.3, positive_weight=2.0), 0.0),
    ]
    for classifier, smoothing in kinds:
        width = classifier.output.out_features
        logits = torch.randn(len(rows), width, dtype=torch.float64, generator=generator, requires_grad=True)
        loss = classifier.loss(logits, targets)
        assert float(loss.detach()) == pytest.approx(loop(classifier, logits, targets, smoothing), rel=1e-6, abs=1e-9)
        (gradient,) = torch.autograd.grad(loss, logits)
        unknown = (targets < 0).all(dim=1)
        assert not gradient[unknown].any()
        if classifier.multi_label:
            assert not gradient[targets < 0].any()
        rows_known = (~unknown).nonzero().squeeze(1)
        if len(rows_known):  # as if the others were not there
            alone = classifier.loss(logits[rows_known], targets[rows_known])
            torch.testing.assert_close(alone, loss)


def test_losses_of_whole_data_are_what_they_were():
    """To the last bit, since the same terms are added in the same order."""
    torch.manual_seed(0)
    targets = (torch.rand(50, N) < 0.2).float()
    logits = torch.randn(50, N + 1)
    negative = ~targets.any(dim=1)
    gold = torch.cat([negative.unsqueeze(1), targets.bool()], dim=1)
    log_p = torch.log_softmax(logits, dim=1)
    weights = torch.where(negative, 0.3, 1.0)
    losses = -torch.logsumexp(log_p.masked_fill(~gold, -torch.inf), dim=1)
    for smoothing in (0.0, 0.1):
        plain = (1 - smoothing) * losses - smoothing * log_p.mean(dim=1) if smoothing else losses
        wanted = (plain * weights).sum() / weights.sum().clamp(min=1e-8)
        classifier = softmax(no_relation_weight=0.3, label_smoothing=smoothing)
        assert torch.equal(classifier.loss(logits, targets), wanted)
    classifier = multi(no_relation_weight=0.3, positive_weight=2.0)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[:, 1:], targets, pos_weight=torch.tensor(2.0), reduction="none"
    )
    wanted = (losses.sum(dim=1) * weights).sum() / weights.sum().clamp(min=1e-8)
    assert torch.equal(classifier.loss(logits[:, 1:], targets), wanted)


def test_pairs_of_which_nothing_is_known_are_not_sampled():
    targets = torch.zeros(40, N)
    targets[:20] = UNKNOWN
    targets[30, 1], targets[35, 0] = 1, UNKNOWN
    assert sample_pairs(targets, None).tolist() == [*range(20, 40)]
    assert sample_pairs(targets, 100.0).tolist() == [*range(20, 40)]
    torch.manual_seed(0)
    drawn = {tuple(sample_pairs(targets, 3.0).tolist()) for _ in range(20)}
    assert len(drawn) > 5 and all(len(rows) == 4 and 30 in rows and min(rows) >= 20 for rows in drawn)
    assert sample_pairs(torch.full((3, N), float(UNKNOWN)), None).tolist() == []
