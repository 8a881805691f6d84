"""Networks against naive computations, and their gradients against finite differences."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from spacy_relx.core.classifiers import MultiLabelClassifier, SoftmaxClassifier, sample_pairs
from spacy_relx.core.pair_batch import PairBatch
from spacy_relx.core.spans import SpanAttention, span_means
from spacy_relx.relations.hash_bigru import HashBiGRU
from spacy_relx.relations.network import RelationNetwork
from spacy_relx.relations.pair_features import PairFeatures, distance_buckets

WIDTH, N_MARKERS = 6, 4
SETTINGS = {
    "hidden": 8,
    "marker_width": 3,
    "window": 2,
    "between_heads": 2,
    "sentence": True,
    "product": True,
    "distance": True,
    "pair_rows": 100,
    "dropout": 0.0,
}


def make_batch() -> PairBatch:
    """Two Docs of 7 and 5 tokens; nested and touching mentions among them."""
    spans = torch.tensor([[0, 1], [3, 5], [4, 5], [6, 7], [7, 9], [10, 11]])
    docs = torch.tensor([0, 0, 0, 0, 1, 1])
    pairs = [(a, b) for a in range(6) for b in range(6) if a != b and docs[a] == docs[b]]
    return PairBatch(
        torch.tensor([[0, 7], [7, 12]]), spans, docs, torch.tensor([1, 2, 0, 3, 2, 2]), torch.tensor(pairs)
    )


def make_tokens(seed=0, dtype=torch.float64):
    return torch.randn(12, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_features(**settings) -> PairFeatures:
    torch.manual_seed(1)
    return PairFeatures(WIDTH, N_MARKERS, **{**SETTINGS, **settings}).double()


def naive_pair(module: PairFeatures, tokens, batch: PairBatch, row: int):
    """The same pair vector, computed for one pair with plain slices and one concatenation a projection."""

    def mean(start, end):
        return tokens[start:end].mean(0) if end > start else torch.zeros(WIDTH, dtype=tokens.dtype)

    def mention(i):
        start, end = batch.mention_spans[i].tolist()
        first, last = batch.doc_spans[batch.mention_docs[i]].tolist()
        parts = [mean(start, end)]
        if module.window:
            parts.append(mean(max(first, start - module.window), start))
            parts.append(mean(end, min(last, end + module.window)))
        if module.markers is not None:
            parts.append(module.markers.weight[batch.markers[i]])
        return torch.cat(parts)

    head, tail = batch.pairs[row].tolist()
    vector = module.head(mention(head)) + module.tail(mention(tail))
    if module.product:
        vector = vector + module.head(mention(head)) * module.tail(mention(tail))
    (hs, he), (ts, te) = batch.mention_spans[head].tolist(), batch.mention_spans[tail].tolist()
    start, end = min(he, te), max(hs, ts)
    if module.between is not None and end > start:
        attention = module.between
        scores = attention.cap * torch.tanh(attention.query(tokens[start:end]) / attention.cap)
        weights = torch.softmax(scores, dim=0)
        values = attention.value(tokens[start:end]).view(end - start, attention.heads, -1)
        vector = vector + (weights.unsqueeze(2) * values).sum(0).flatten()
    if module.sentence is not None:
        vector = vector + module.sentence(mean(*batch.doc_spans[batch.mention_docs[head]].tolist()))
    if module.distance is not None:
        delta = ts - hs
        bucket = 12 + int(np.sign(delta)) * min(11, int(np.log2(abs(delta) + 1) * 1.6))
        vector = vector + module.distance.weight[bucket]
    if module.marker_pairs is not None:
        first, second = int(batch.markers[head]), int(batch.markers[tail])
        key = max(first, second) ** 2 + (first + second if first >= second else first)
        vector = vector + module.marker_pairs.weight[key % module.pair_rows]
    return torch.relu(vector)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window": 0},
        {"between_heads": 0},
        {"sentence": False},
        {"product": False},
        {"distance": False},
        {"marker_width": 0},
        {"marker_width": 0, "pair_rows": 0},
        {"pair_rows": 5},
    ],
)
def test_pair_features_equal_the_naive_computation(settings):
    module, tokens, batch = make_features(**settings).eval(), make_tokens(), make_batch()
    vectors = module(tokens, batch)
    assert vectors.shape == (len(batch), 8)
    expected = torch.stack([naive_pair(module, tokens, batch, row) for row in range(len(batch))])
    torch.testing.assert_close(vectors, expected)


def test_pair_features_gradient():
    module, batch = make_features(), make_batch()
    tokens = make_tokens().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: module(t, batch), (tokens,))


def test_pair_features_reach_every_parameter():
    module = make_features()
    module(make_tokens(), make_batch()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_direction_matters():
    module, batch = make_features().eval(), make_batch()
    vectors = dict(zip(map(tuple, batch.pairs.tolist()), module(make_tokens(), batch)))
    assert not torch.allclose(vectors[0, 1], vectors[1, 0])


def test_unknown_marker_is_the_uniform_one():
    module, tokens, batch = make_features().eval(), make_tokens(), make_batch()
    beyond = PairBatch(
        batch.doc_spans, batch.mention_spans, batch.mention_docs, torch.full_like(batch.markers, 99), batch.pairs
    )
    uniform = PairBatch(
        batch.doc_spans, batch.mention_spans, batch.mention_docs, torch.zeros_like(batch.markers), batch.pairs
    )
    torch.testing.assert_close(module(tokens, beyond), module(tokens, uniform))


def test_distance_is_signed_and_finer_when_near():
    heads = torch.tensor([5, 5, 5, 5, 5, 105])
    tails = torch.tensor([5, 6, 4, 8, 1000, 5])
    buckets = distance_buckets(heads, tails)
    assert buckets[0] == 12
    assert buckets[1] > 12 > buckets[2]
    assert buckets[3] > buckets[1]
    assert buckets.min() >= 0 and buckets.max() <= 24


def test_span_means():
    tokens = torch.randn(50, 4)
    starts, ends = torch.tensor([0, 45, 7, 3]), torch.tensor([3, 50, 7, 40])
    means = span_means(tokens, starts, ends)
    for row, (start, end) in enumerate(zip(starts, ends)):
        torch.testing.assert_close(means[row], tokens[start:end].mean(0) if end > start else torch.zeros(4))
    assert span_means(tokens, starts[:0], ends[:0]).shape == (0, 4)


def test_span_attention_far_down_a_long_batch():
    torch.manual_seed(0)
    attention = SpanAttention(4, 6, 2)
    tokens = torch.randn(50_000, 4)
    starts, ends = torch.tensor([0, 49_990]), torch.tensor([3, 49_995])
    pooled = attention.pool(attention(tokens), starts, ends)
    near = attention.pool(attention(tokens[49_990:]), torch.tensor([0]), torch.tensor([5]))
    torch.testing.assert_close(pooled[1:], near)


def test_span_attention_stays_finite_for_extreme_scores():
    attention = SpanAttention(4, 6, 2)
    pooled = attention.pool(attention(torch.randn(100, 4) * 1e4), torch.tensor([0, 3, 5]), torch.tensor([100, 4, 5]))
    assert torch.isfinite(pooled).all()
    assert (pooled[2] == 0).all()


def test_pairs_of_types_count_without_embeddings_of_types():
    """`marker_width` and `pair_rows` are settings of their own."""
    features, batch = make_features(marker_width=0), make_batch()
    vectors = features(make_tokens(), batch)
    assert (
        vectors - features(make_tokens(), replace(batch, markers=torch.zeros_like(batch.markers)))
    ).abs().max() > 0.1
    assert make_features(marker_width=0, pair_rows=0).marker_pairs is None


def test_chunks_change_nothing():
    torch.manual_seed(0)
    network = RelationNetwork(make_features(), SoftmaxClassifier(8, 3).double(), batch_pairs=1000)
    targets = torch.zeros(len(make_batch()), 3)
    targets[0, 1] = targets[3, 2] = 1
    results = []
    for batch_pairs in (1000, 3):
        network.batch_pairs = batch_pairs
        network.zero_grad()
        tokens = make_tokens().requires_grad_()
        loss = network.loss(tokens, make_batch(), targets)
        loss.backward()
        gradients = [p.grad.clone() for p in network.parameters()]
        results.append([network.eval()(make_tokens(), make_batch()), loss, tokens.grad, *gradients])
        network.train()
    assert results[0][0].shape == (len(make_batch()), 4)
    for whole, chunked in zip(*results):
        torch.testing.assert_close(chunked, whole)


def test_bigru_does_not_mix_docs():
    torch.manual_seed(0)
    encoder = HashBiGRU([20, 20], [4, 4], hidden=5, depth=2, dropout=0.0, word_dropout=0.0).eval()
    features, lengths = torch.randint(0, 20, (14, 2)), torch.tensor([3, 9, 2])
    together = encoder(features, lengths)
    alone = torch.cat([encoder(part, torch.tensor([len(part)])) for part in features.split(lengths.tolist())])
    assert together.shape == (14, 10)
    torch.testing.assert_close(together, alone)


def test_bigru_word_dropout_touches_words_only():
    torch.manual_seed(0)
    encoder = HashBiGRU([20, 20], [4, 4], hidden=5, depth=1, dropout=0.0, word_dropout=0.999999)
    features = torch.randint(1, 20, (14, 2))
    hidden = torch.cat([torch.zeros(14, 1, dtype=torch.long), features[:, 1:]], dim=1)
    lengths = torch.tensor([14])
    torch.testing.assert_close(encoder.train()(features, lengths), encoder.eval()(hidden, lengths))


TARGETS = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1], [0, 0]])


def test_softmax_loss_equals_the_naive_computation():
    torch.manual_seed(0)
    head = SoftmaxClassifier(8, 2, no_relation_weight=0.3).double()
    logits = head(torch.randn(5, 8, dtype=torch.float64))
    p = torch.softmax(logits, dim=1)
    gold = [p[0, 0], p[1, 1], p[2, 2], p[3, 1] + p[3, 2], p[4, 0]]
    weights = [0.3, 1, 1, 1, 0.3]
    expected = sum(-w * torch.log(q) for w, q in zip(weights, gold)) / sum(weights)
    torch.testing.assert_close(head.loss(logits, TARGETS), expected)
    torch.testing.assert_close(head.scores(logits).sum(1), torch.ones(5, dtype=torch.float64))


def test_label_smoothing_equals_the_naive_computation():
    torch.manual_seed(0)
    plain, smooth = SoftmaxClassifier(8, 2).double(), SoftmaxClassifier(8, 2, label_smoothing=0.1).double()
    logits = plain(torch.randn(5, 8, dtype=torch.float64))
    uniform = -torch.log_softmax(logits, dim=1).mean()
    torch.testing.assert_close(smooth.loss(logits, TARGETS), 0.9 * plain.loss(logits, TARGETS) + 0.1 * uniform)


def test_multilabel_loss_equals_the_naive_computation():
    torch.manual_seed(0)
    head = MultiLabelClassifier(8, 2, no_relation_weight=0.3, positive_weight=2.0).double()
    logits = head(torch.randn(5, 8, dtype=torch.float64))
    p = torch.sigmoid(logits)
    losses = -(2.0 * TARGETS * torch.log(p) + (1 - TARGETS) * torch.log(1 - p)).sum(1)
    weights = torch.tensor([0.3, 1, 1, 1, 0.3])
    torch.testing.assert_close(head.loss(logits, TARGETS), (losses * weights).sum() / weights.sum())
    assert (head.scores(logits)[:, 0] == 0.5).all()


@pytest.mark.parametrize("head", [SoftmaxClassifier, MultiLabelClassifier])
def test_heads_gradient(head):
    torch.manual_seed(0)
    module = head(8, 2).double()
    vectors = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: module.loss(module(v), TARGETS), (vectors,))


def test_negative_sampling_keeps_all_related_pairs():
    targets = torch.zeros(100, 3)
    targets[[4, 50]] = 1
    torch.manual_seed(0)
    rows = sample_pairs(targets, 3.0)
    assert len(rows) == 2 + 6
    assert {4, 50} <= set(rows.tolist())
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert sample_pairs(targets, None) is None
    assert sample_pairs(targets, 1000.0) is None
    assert len(sample_pairs(torch.zeros(10, 3), 1.0)) == 1


def test_negative_sampling_changes_the_batch_of_the_loss():
    torch.manual_seed(0)
    seen = []
    head = SoftmaxClassifier(8, 2, negative_ratio=1.0).double()
    network = RelationNetwork(make_features(), head, batch_pairs=10)
    head.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    targets = torch.zeros(len(make_batch()), 2)
    targets[0, 1] = 1
    loss = network.loss(make_tokens(), make_batch(), targets)
    assert seen == [2]
    assert loss.requires_grad


def test_gradients_are_the_same_bit_for_bit():
    """With threads, too: sums over the pairs of a mention may not depend on which thread comes first."""
    torch.manual_seed(0)
    n, width = 60, 64
    spans = torch.arange(n).unsqueeze(1) * 3 + torch.tensor([0, 2])
    pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n))
    nowhere = torch.zeros(n, dtype=torch.long)
    batch = PairBatch(torch.tensor([[0, 3 * n]]), spans, nowhere, nowhere, pairs[pairs[:, 0] != pairs[:, 1]])
    features = PairFeatures(width, N_MARKERS, **{**SETTINGS, "hidden": 256})
    tokens = torch.randn(3 * n, width, requires_grad=True)
    weights = torch.randn(len(batch), 256)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gradients = [torch.autograd.grad((features(tokens, batch) * weights).sum(), tokens)[0] for _ in range(10)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_process_computes(run_python):
    """OpenMP's threads do not survive a fork: without a remedy this waits for ever."""
    assert (
        run_python(
            """
import os
import torch
import spacy_relx.core.layer

torch.set_num_threads(2)
torch.ones(1 << 22).exp_()
child = os.fork()
if child == 0:
    torch.ones(1 << 22).exp_()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
        )
        == "7\n"
    )
