"""What joint networks learn of data that is annotated in part, beside plain loops."""

from dataclasses import replace

import pytest
import torch
from support.joint_networks import GOLD, LENGTHS, N_LABELS, N_TYPES, all_triples, data, one_triple, targets

from spacy_relx.core.classifiers import MultiLabelClassifier, SoftmaxClassifier
from spacy_relx.core.task import UNKNOWN
from spacy_relx.joint.batch import Known

EVERY, NO = [True] * N_TYPES, [False] * N_TYPES
ALL, NONE, ONE = [True] * N_LABELS, [False] * N_LABELS, [False, True, False, False]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def known(*docs):
    """docs: of each of the two sentences (types, labels, all mentions, all pairs)."""
    owners = torch.tensor([0] * LENGTHS[0] + [1] * LENGTHS[1])
    return Known(owners, *(torch.tensor(column) for column in zip(*docs)))


def with_known(*docs, gold=GOLD):
    return replace(gold, known=known(*docs))


WHOLE = (EVERY, ALL, True, True)
COVERS = {
    "only mentions": (EVERY, NONE, True, True),
    "some types": ([True, False, True], ALL, False, True),
    "no mentions": (NO, ALL, False, True),
    "some labels": (EVERY, ONE, True, True),
    "named pairs": (NO, ALL, False, False),
    "some labels of named pairs": (EVERY, ONE, True, False),
    "nothing": (NO, NONE, False, False),
}


def naive_mentions(model, tokens, batch, gold):
    """-log of the probability of all types that a span may have, span by span."""
    spans = model.spans.spans(batch)
    logits = model.spans(tokens, spans)
    found = {tuple(span): kind for span, kind in zip(gold.spans.tolist(), gold.types.tolist())}
    total = 0.0
    for row, span in enumerate(spans.tolist()):
        types = gold.known.types[gold.known.docs[span[0]]].tolist()
        kind = found.get(tuple(span))
        if kind is None:
            outcomes = [0, *(i + 1 for i, covered in enumerate(types) if not covered)]
        else:
            outcomes = [kind + 1] if kind >= 0 else range(1, N_TYPES + 1)
        if len(outcomes) <= N_TYPES:
            total = total - torch.log(torch.softmax(logits[row], dim=0)[list(outcomes)].sum())
    return total / len(tokens)


def naive_labels(pairs, gold):
    """Targets of the pairs, label by label."""
    spans, relations = pairs.mention_spans.tolist(), gold.relations.tolist()
    rows = []
    for head, tail in pairs.pairs.tolist():
        doc = int(gold.known.docs[spans[head][0]])
        named = any((h, t) == (head, tail) for h, _, t in relations)
        row = []
        for column in range(N_LABELS):
            told = bool(gold.known.labels[doc, column]) and (named or bool(gold.known.pairs[doc]))
            row.append(1 if [head, column + 1, tail] in relations else 0 if told else UNKNOWN)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float32)


@pytest.mark.parametrize("classifier", [SoftmaxClassifier, MultiLabelClassifier])
@pytest.mark.parametrize("name", COVERS)
def test_all_triples_loss_is_that_of_a_loop(name, classifier):
    model = all_triples(classifier, max_noise=0.0, mention_weight=0.7)
    tokens, batch = data(*LENGTHS)
    relations = [[0, 2, 1], [3, 1, 2], [1, 0, 0], [2, 0, 3]]
    base = targets([[0, 2], [3, 4], [5, 6], [6, 8]], [0, 1, -1, 0], relations)
    gold = with_known(WHOLE, COVERS[name], gold=base)
    kinds = torch.where(gold.types < 0, model.spans(tokens, torch.tensor([[5, 6]]))[:, 1:].argmax(), gold.types)
    pairs = model._pair_batch(batch, gold.spans, kinds)
    labels = naive_labels(pairs, gold)
    torch.testing.assert_close(model._gold_labels(pairs, gold, N_LABELS), labels)
    wanted = 0.7 * naive_mentions(model, tokens, batch, gold) + model.relations.loss(tokens, pairs, labels)
    torch.testing.assert_close(model.loss(tokens, batch, gold), wanted)


@pytest.mark.parametrize("model", [all_triples, one_triple])
def test_what_is_known_wholly_gives_the_same_loss(model):
    model, (tokens, batch) = model(), data(*LENGTHS)
    torch.testing.assert_close(model.loss(tokens, batch, with_known(WHOLE, WHOLE)), model.loss(tokens, batch, GOLD))


@pytest.mark.parametrize("model", [all_triples, one_triple])
def test_nothing_is_learned_where_nothing_is_known(model):
    model, (tokens, batch) = model(), data(*LENGTHS)
    tokens.requires_grad_()
    first = targets([[0, 2], [3, 4]], [0, 1], [[0, 2, 1]])
    gold = with_known(WHOLE, COVERS["nothing"], gold=first)
    model.loss(tokens, batch, gold).backward()
    assert tokens.grad[: LENGTHS[0]].any() and not tokens.grad[LENGTHS[0] :].any()
    tokens.grad = None
    nothing = with_known(COVERS["nothing"], COVERS["nothing"], gold=targets([], [], []))
    nothing = replace(nothing, spans=nothing.spans.view(0, 2), relations=nothing.relations.view(0, 3))
    loss = model.loss(tokens, batch, nothing)
    loss.backward()
    assert loss.item() == 0 and not tokens.grad.any()


def test_wrong_mentions_are_wrong_only_where_all_mentions_are_annotated():
    model = all_triples(mention_threshold=0.0, max_noise=2.0)
    tokens, batch = data(*LENGTHS)
    for name in COVERS:
        seen = []
        model.relations.loss = lambda tokens, pairs, labels, seen=seen: seen.append((pairs, labels)) or tokens.sum()
        model.loss(tokens, batch, with_known(WHOLE, COVERS[name]))
        spans = seen[0][0].mention_spans[4:]
        assert (spans[:, 0] < LENGTHS[0]).any()
        assert bool((spans[:, 0] >= LENGTHS[0]).any()) == (name == "some labels")


def test_mentions_of_unknown_type_are_paired_under_the_models_own():
    model = all_triples(max_noise=0.0)
    model.spans.output.bias.data[2] = 9.0
    tokens, batch = data(*LENGTHS)
    seen = []
    model.relations.loss = lambda tokens, pairs, labels: seen.append(pairs) or tokens.sum()
    long = targets([[0, 2], [3, 4], [5, 9]], [0, -1, -1], [[0, 2, 1]])  # the last is longer than a span may be
    model.loss(tokens, batch, with_known(WHOLE, COVERS["no mentions"], gold=long))
    assert seen[0].markers.tolist() == [1, 2, 0]


@pytest.mark.parametrize("name", COVERS)
def test_one_triple_loss_is_that_of_a_loop(name):
    """The first sentence has its triple, of the second none is annotated."""
    model = one_triple()
    tokens, batch = data(*LENGTHS)
    gold = with_known(WHOLE, COVERS[name], gold=targets([[0, 2], [3, 4]], [0, 1], [[0, 2, 1]]))
    first = with_known(WHOLE, COVERS["nothing"], gold=gold)  # of the second sentence nothing is learned
    _, labels, mentions, pairs = COVERS[name]
    outcomes = [0, *(i + 1 for i, told in enumerate(labels) if not (told and mentions and pairs))]
    wanted = model.loss(tokens, batch, first)
    if len(outcomes) <= N_LABELS:
        p = torch.softmax(model.classifier(tokens[LENGTHS[0] :].mean(dim=0)), dim=0)
        wanted = (wanted - torch.log(p[outcomes].sum())) / 2
    torch.testing.assert_close(model.loss(tokens, batch, gold), wanted)


def test_one_triple_takes_named_pairs_without_relation_only_where_it_finds_such():
    named = targets([[0, 2], [3, 4]], [0, 1], [[0, 0, 1]])
    tokens, batch = data(*LENGTHS)
    gold = with_known(COVERS["named pairs"], COVERS["nothing"], gold=named)
    assert one_triple().loss(tokens, batch, gold).item() == 0
    assert one_triple(unrelated_pairs=True).loss(tokens, batch, gold).item() > 0
