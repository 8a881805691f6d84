"""The networks that find mentions and relations, beside plain loops."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.joint_networks import GOLD, LENGTHS, N_LABELS, WIDTH, all_triples, data, one_triple, targets

from spacy_relx.core.classifiers import MultiLabelClassifier, SoftmaxClassifier
from spacy_relx.joint.batch import JointBatch, JointTargets
from spacy_relx.joint.pointers import apart, best_spans, draw_relations
from spacy_relx.joint.span_triples import pairs_within, without_conflicts


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


# One triple a sentence


def naive_point(model, tokens, label):
    """Eq. 9 as it stands: tanh([token; relation] W) U for each of the four."""
    relation = model.relations.weight[label]
    hidden = model.of_tokens.out_features // 4
    rows = []
    for x in range(4):
        block = slice(x * hidden, (x + 1) * hidden)
        weight = torch.cat([model.of_tokens.weight[block], model.of_relations.weight[block]], dim=1)
        joined = torch.cat([tokens, relation.expand(len(tokens), -1)], dim=1)
        rows.append(torch.tanh(joined @ weight.T) @ model.pointers[x])
    return torch.stack(rows)


def test_loss_is_the_papers():
    model = one_triple(pooling="mean")
    tokens, batch = data(*LENGTHS)
    total = 0.0
    for part, (label, wanted) in zip(tokens.split(LENGTHS), [(2, [0, 1, 3, 3]), (1, [1, 2, 0, 0])]):
        cross = torch.nn.functional.cross_entropy
        relation = cross((part.mean(dim=0) @ model.classifier.weight.T)[None], torch.tensor([label]))
        entity = cross(naive_point(model, part, label), torch.tensor(wanted), reduction="sum")
        total = total + 2.0 / 2 * entity + relation
    assert torch.allclose(model.loss(tokens, batch, GOLD), total / 2, atol=1e-5)


def test_a_sentence_without_a_triple_teaches_no_relation_alone():
    model = one_triple()
    tokens, batch = data(*LENGTHS)
    empty = targets([[0, 2]], [0], torch.zeros(0, 3).long().tolist() or [[0, 0, 0]])
    empty = JointTargets(empty.spans, empty.types, torch.zeros(0, 3, dtype=torch.int64))
    model.loss(tokens, batch, empty).backward()
    assert model.classifier.weight.grad.abs().sum() > 0
    assert model.pointers.grad is None


def test_one_triple_finds_the_best_relation_and_the_best_spans():
    model = one_triple(max_mention_tokens=3).eval()
    tokens, batch = data(*LENGTHS)
    with torch.no_grad():
        found = model(tokens, batch)
        row = 0
        for first, part in zip((0, 5), tokens.split(LENGTHS)):
            p = torch.softmax(part.mean(dim=0) @ model.classifier.weight.T, dim=0)
            label = int(p.argmax())
            if label == 0:
                continue
            logs = torch.log_softmax(naive_point(model, part, label), dim=1)
            score = float(p[label])
            for side in (0, 1):
                options = {
                    (i, j): float(logs[2 * side, i] + logs[2 * side + 1, j])
                    for i in range(len(part))
                    for j in range(i, min(i + 3, len(part)))
                }
                i, j = max(options, key=options.get)
                assert found.spans[2 * row + side].tolist() == [first + i, first + j + 1]
                score *= float(torch.tensor(options[i, j]).exp())
            assert float(found.scores[row, label]) == pytest.approx(score, rel=1e-4)
            assert found.scores[row].count_nonzero() == 1
            row += 1
        assert row == len(found.pairs)


def test_independent_pointers_may_give_none():
    starts, ends = torch.tensor([[0.0, 5.0]]), torch.tensor([[5.0, 0.0]])
    first, last, score = best_spans(starts, ends, 2)
    assert (int(first), int(last), float(score)) in {(0, 0, 5.0), (1, 1, 5.0)}
    model = one_triple(joint=False).eval()
    logits = torch.tensor([[[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [9.0, 0.0, 0.0]]])
    model.point = lambda *args: logits
    model.classifier.weight.data.zero_()
    model.classifier.weight.data[2] = 1.0
    assert not len(model(torch.ones(3, WIDTH), JointBatch(torch.tensor([3]))).pairs)  # the tail ends before it begins
    model.joint = True
    assert len(model(torch.ones(3, WIDTH), JointBatch(torch.tensor([3]))).pairs) == 1


@pytest.mark.parametrize("joint", [True, False])
def test_no_mention_is_related_to_itself(joint):
    model = one_triple(joint=joint, unrelated_pairs=True).eval()
    tokens, batch = data(1, 1)
    found = model(tokens, batch)
    assert not len(found.pairs) and not len(found.spans)


def test_relations_that_a_language_lacks_are_not_predicted():
    tokens, batch = data(4, 4)
    allowed = torch.ones(2, N_LABELS + 1, dtype=torch.bool)
    allowed[:, 1:] = False
    allowed[0, 3] = True
    for model in (one_triple().eval(), all_triples().eval()):
        with torch.no_grad():
            found = model(tokens, JointBatch(batch.lengths, allowed))
        assert not found.scores[:, [1, 2, 4]].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 100))
def test_best_spans_is_the_best_of_all(n, cap, seed):
    generator = torch.Generator().manual_seed(seed)
    starts, ends = torch.randn(2, 3, n, generator=generator)
    first, last, score = best_spans(starts, ends, cap)
    for row in range(3):
        options = [float(starts[row, i] + ends[row, j]) for i in range(n) for j in range(i, min(n, i + cap))]
        assert float(score[row]) == pytest.approx(max(options), rel=1e-5)
        assert first[row] <= last[row] < first[row] + cap


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 100))
def test_head_and_tail_are_the_best_that_differ(n, cap, alike, seed):
    generator = torch.Generator().manual_seed(seed)
    starts, ends = torch.randn(2, 5, 2, n, generator=generator)
    if alike:  # both want one place
        starts[:, 1], ends[:, 1] = starts[:, 0] + 0.01 * starts[:, 1], ends[:, 0] + 0.01 * ends[:, 1]
    first, last, score = apart(*best_spans(starts, ends, cap, 2))
    places = [(i, j) for i in range(n) for j in range(i, min(n, i + cap))]
    for row in range(5):
        sums = [{(i, j): float(starts[row, x, i] + ends[row, x, j]) for i, j in places} for x in (0, 1)]
        pairs = {(a, b): sums[0][a] + sums[1][b] for a in places for b in places if a != b}
        found = list(zip(first[row].tolist(), last[row].tolist()))
        if not pairs:
            assert found == [places[0]] * 2
            continue
        assert float(score[row].sum()) == pytest.approx(max(pairs.values()), rel=1e-4, abs=1e-4)
        assert pairs[tuple(found)] == pytest.approx(max(pairs.values()), rel=1e-4, abs=1e-4)


def test_one_relation_of_each_sentence_is_drawn():
    batch = JointBatch(torch.tensor([4, 4]))
    spans = torch.tensor([[0, 1], [2, 3], [4, 5], [6, 7]])
    spans = torch.cat([spans, torch.tensor([[3, 5]])])
    relations = torch.tensor([[0, 1, 1], [1, 2, 0], [2, 1, 3], [0, 3, 2], [0, 3, 4]])  # the last two cross
    drawn = {tuple(row) for _ in range(20) for row in draw_relations(batch, spans, relations).tolist()}
    assert drawn == {(0, 1, 1), (1, 2, 0), (2, 1, 3)}
    assert len(draw_relations(batch, spans, relations)) == 2


def test_one_triple_gradient():
    model = one_triple(pooling="max").double()
    tokens, batch = data(*LENGTHS)
    tokens = tokens.double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: model.loss(x, batch, GOLD), tokens)


# All triples


def test_all_spans_of_each_sentence_are_scored():
    model = all_triples()
    batch = JointBatch(torch.tensor([4, 1, 2]))
    wanted = []
    for start, end in ((0, 4), (4, 5), (5, 7)):
        wanted += [[i, j] for i in range(start, end) for j in range(i + 1, min(i + 3, end) + 1)]
    assert model.spans.spans(batch).tolist() == wanted


def test_span_logits_are_those_of_a_plain_loop():
    scorer = all_triples().spans.eval()
    tokens, batch = data(*LENGTHS)
    spans = scorer.spans(batch)
    for row, (start, end) in enumerate(spans.tolist()):
        first = scorer.firsts.weight @ tokens[start] + scorer.firsts.bias
        last = scorer.lasts.weight @ tokens[end - 1]
        vector = torch.relu(first + last + scorer.lengths.weight[end - start - 1])
        assert torch.allclose(scorer.output(vector), scorer(tokens, spans)[row], atol=1e-5)


@pytest.mark.parametrize("head", [SoftmaxClassifier, MultiLabelClassifier])
def test_all_triples_loss(head):
    """With no wrong mention among the pairs: the spans' cross-entropy and the head's loss over all gold pairs."""
    model = all_triples(head, max_noise=0.0, mention_weight=0.7)
    tokens, batch = data(*LENGTHS)
    spans = model.spans.spans(batch)
    gold = torch.zeros(len(spans), dtype=torch.int64)
    places = {tuple(span): i for i, span in enumerate(spans.tolist())}
    for span, kind in zip(GOLD.spans.tolist(), GOLD.types.tolist()):
        gold[places[tuple(span)]] = kind + 1
    mention = torch.nn.functional.cross_entropy(model.spans(tokens, spans), gold, reduction="sum") / len(tokens)
    pairs = model._pair_batch(batch, GOLD.spans, GOLD.types)
    labels = torch.zeros(len(pairs), N_LABELS)
    for row, pair in enumerate(pairs.pairs.tolist()):
        for h, label, t in GOLD.relations.tolist():
            labels[row, label - 1] += pair == [h, t]
    assert labels.sum() == 2
    wanted = 0.7 * mention + model.relations.loss(tokens, pairs, labels)
    assert torch.allclose(model.loss(tokens, batch, GOLD), wanted, atol=1e-5)


def test_wrong_mentions_join_the_pairs():
    model = all_triples(mention_threshold=0.0)
    tokens, batch = data(*LENGTHS)
    seen = []
    model.relations.loss = lambda tokens, pairs, labels: seen.append((pairs, labels)) or tokens.sum()
    model.loss(tokens, batch, GOLD)
    pairs, labels = seen[0]
    assert len(pairs.mention_spans) == 8  # four gold ones, and as many wrong ones
    assert len({tuple(span) for span in pairs.mention_spans.tolist()}) == 8
    assert labels.sum() == 2


def test_gold_mentions_are_paired_under_other_types():
    model = all_triples(max_noise=0.0, type_noise=0.999999)
    model.spans.output.bias.data[2] = 9.0  # the model takes all for the second type
    tokens, batch = data(*LENGTHS)
    seen = []
    model.relations.loss = lambda tokens, pairs, labels: seen.append((pairs, labels)) or tokens.sum()
    model.loss(tokens, batch, GOLD)
    assert seen[0][0].markers.tolist() == [2] * 4 and seen[0][1].sum() == 2


def test_found_scores_are_products_of_probabilities():
    model = all_triples(mention_threshold=0.0, overlap="any").eval()
    tokens, batch = data(*LENGTHS)
    with torch.no_grad():
        found = model(tokens, batch)
        assert len(found.pairs)
        pairs = model._pair_batch(batch, found.spans, found.types)
        relation = model.relations(tokens, pairs)
    for row, (head, tail) in enumerate(found.pairs.tolist()):
        wanted = relation[row, 1:] * found.mention_scores[head] * found.mention_scores[tail]
        assert torch.allclose(found.scores[row, 1:], wanted, atol=1e-6)
    assert torch.allclose(found.scores.sum(dim=1), torch.ones(len(found.pairs)), atol=1e-5)


@pytest.mark.parametrize("make", [one_triple, all_triples])
def test_batched_is_one_by_one(make):
    model = make().eval()
    if make is all_triples:
        model.threshold = 0.0
    lengths = (5, 1, 40, 4)  # too different to be padded to one length
    tokens, batch = data(*lengths)
    with torch.no_grad():
        whole = model(tokens, batch)
        start, spans, scores = 0, [], []
        for part in tokens.split(lengths):
            alone = model(part, JointBatch(torch.tensor([len(part)])))
            spans.append(alone.spans + start)
            scores.append(alone.scores)
            start += len(part)
    assert torch.equal(whole.spans, torch.cat(spans))
    assert torch.allclose(whole.scores, torch.cat(scores), atol=1e-5)


def test_the_best_mentions_of_each_sentence_are_kept():
    model = all_triples(overlap="any", max_mentions=2)
    batch = JointBatch(torch.tensor([5, 4]))
    spans = torch.tensor([[0, 1], [1, 2], [2, 3], [5, 6], [6, 7], [7, 8]])
    assert model._keep(batch, spans, torch.tensor([0.5, 0.9, 0.7, 0.2, 0.1, 0.3])).tolist() == [1, 2, 3, 5]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=0, max_size=12, unique=True),
    st.booleans(),
    st.integers(0, 99),
)
def test_conflicts_are_solved_as_by_a_greedy_loop(places, nested, seed):
    spans = torch.tensor([[start, start + size] for start, size in places]).reshape(-1, 2)
    scores = torch.rand(len(spans), generator=torch.Generator().manual_seed(seed))
    taken = []
    for i in sorted(range(len(spans)), key=lambda i: -float(scores[i])):
        a, b = spans[i].tolist()
        clash = False
        for j in taken:
            c, d = spans[j].tolist()
            inside = (a <= c and d <= b) or (c <= a and b <= d)
            clash |= a < d and c < b and not (nested and inside)
        if not clash:
            taken.append(i)
    assert without_conflicts(spans, scores, nested=nested).nonzero().squeeze(1).tolist() == sorted(taken)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=10))
def test_pairs_within_owners(owners):
    wanted = {(i, j) for i, j in itertools.permutations(range(len(owners)), 2) if owners[i] == owners[j]}
    found = [tuple(pair) for pair in pairs_within(torch.tensor(owners, dtype=torch.int64)).tolist()]
    assert len(found) == len(wanted) and set(found) == wanted


def test_all_triples_gradient():
    model = all_triples(max_noise=0.0).double()
    tokens, batch = data(*LENGTHS)
    tokens = tokens.double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: model.loss(x, batch, GOLD), tokens, atol=1e-4)
