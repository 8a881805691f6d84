"""Marked texts against plain loops: one pair at a time, built token by token, run by the transformer's own forward."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, Span
from support.examples import SENTENCES, make_doc, make_examples
from support.tiny_transformer import BERT_LIKE, KINDS, MENTION_PAIRS, make_transformer, model_config, reference
from thinc.api import fix_random_seed

from spacy_relx.core.docs_to_batch import DocBatch
from spacy_relx.core.task import layer_of
from spacy_relx.marked.marking import HEAD, MENTION, TAIL, marker_rows

pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:.*RX025")  # a type that training never showed is part of the sentences

NESTED = (
    "bob of acme rome met ann",
    [(0, 1, "PERSON"), (2, 4, "ORG"), (3, 4, "PLACE"), (5, 6, "PERSON"), (2, 4, "ODD")],
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: make_transformer(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def make_nlp(config, markers="typed"):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker", config={"markers": markers})
    nlp.add_pipe("relation_extractor", config={"model": config, "scorer": None})
    examples = make_examples(nlp.vocab)
    nlp.initialize(lambda: examples)
    return nlp


def marked(nlp, *sentences):
    marker = nlp.get_pipe("entity_type_marker")
    return [marker(make_doc(nlp.vocab, words, mentions)) for words, mentions, *_ in sentences]


def predict(nlp, docs):
    return nlp.get_pipe("relation_extractor").predict(docs)


class Naive:
    """The same scores, computed for one pair with Python lists."""

    def __init__(self, nlp, roles="uniform"):
        model = nlp.get_pipe("relation_extractor").model
        self.network = model.shims[0].module.eval()
        self.loaded = model.shims[0].layer.loaded
        self.transformer = reference(self.network.transformer, model.shims[0].layer.source.name)
        first = self.network.transformer.get_input_embeddings().first_id
        self.ids = marker_rows(model.shims[0].layer.task.n_markers, roles) + first

    def words(self, doc):
        parts = self.loaded.subwords([doc])[0]
        return [parts.ids[parts.starts[i] : parts.ends[i]].tolist() for i in range(len(doc))]

    def insert(self, doc, mentions):
        """mentions: (start, end, opening id, closing id). RETURNS: ids, places of the markers (opening, closing)."""
        tokenizer = self.loaded.subwords
        ids, places = list(tokenizer.prefix), {}
        order = range(len(mentions))
        for i, pieces in enumerate([*self.words(doc), []]):
            for k in sorted((k for k in order if mentions[k][1] == i), key=lambda k: (-mentions[k][0], -k)):
                places[k, 1] = len(ids)
                ids.append(mentions[k][3])
            for k in sorted((k for k in order if mentions[k][0] == i), key=lambda k: (-mentions[k][1], k)):
                places[k, 0] = len(ids)
                ids.append(mentions[k][2])
            ids += pieces
        return ids + list(tokenizer.suffix), [(places[k, 0], places[k, 1]) for k in order]

    def pool(self, states, opening, closing, inner):
        name = type(self.network.pooling).__name__
        if name == "SentenceStart":
            return states[0]
        if name == "EntityStart":
            return states[opening]
        if name == "EntityEnds":
            return torch.cat([states[opening], states[closing]])
        return torch.stack([states[opening], states[closing], *(states[i] for i in inner)]).max(dim=0).values

    def classify(self, head, tail):
        vector = head if self.network.pooling.of_sentence else torch.cat([head, tail])
        return torch.softmax(self.network.classifier.output(vector), dim=0)

    def sorted_pair(self, candidates, head, tail, roles):
        """The pair in the order of its text, and its markers."""
        both = all(candidates.markers[m] > 0 for m in (head, tail))
        swap = head > tail and (roles == "none" or (roles == "uniform" and both))
        first, second = (tail, head) if swap else (head, tail)
        return first, second, swap

    def single(self, doc, head, tail, roles="uniform"):
        candidates = doc._.candidates
        first, second, swap = self.sorted_pair(candidates, head, tail, roles)
        mentions = []
        for k, role in ((first, HEAD), (second, TAIL)):
            mention = candidates.mentions[k]
            mentions.append((mention.start, mention.end, *self.ids[candidates.markers[k], role].tolist()))
        ids, places = self.insert(doc, mentions)
        with torch.no_grad():
            states = self.transformer(input_ids=torch.tensor([ids])).last_hidden_state[0]
            vectors = [self.pool(states, o, c, range(o + 1, c)) for o, c in places]
            return self.classify(*(vectors[::-1] if swap else vectors))

    def packed(self, doc, head, tail, roles="uniform"):
        """One pair's four markers behind the text, with a mask over text and markers."""
        candidates = doc._.candidates
        first, second, swap = self.sorted_pair(candidates, head, tail, roles)
        parts, tokenizer = self.loaded.subwords([doc])[0], self.loaded.subwords
        ids = [*tokenizer.prefix, *parts.ids.tolist(), *tokenizer.suffix]
        n, spans, markers = len(ids), [], []
        for k, role in ((first, HEAD), (second, TAIL)):
            mention = candidates.mentions[k]
            spans.append((parts.spans(np.array([[mention.start, mention.end]]))[0] + len(tokenizer.prefix)).tolist())
            markers += self.ids[candidates.markers[k], role].tolist()
        offset = 2 if "oberta" in type(self.transformer).__name__ else 0
        positions = [*range(n), *(place for s, e in spans for place in (s, e - 1))]
        if self.network.pooling.of_sentence:
            markers.append(ids[0])
            positions.append(0)
        size = len(markers)
        mask = torch.zeros(1, n + size, n + size, dtype=torch.long)
        mask[:, :, :n] = 1
        mask[:, n:, n:] = 1
        with torch.no_grad():
            states = self.transformer(
                input_ids=torch.tensor([ids + markers]),
                attention_mask=mask,
                position_ids=torch.tensor([positions]) + offset,
                token_type_ids=torch.zeros(1, n + size, dtype=torch.long),
            ).last_hidden_state[0]
            if self.network.pooling.of_sentence:
                return self.classify(states[n + 4], states[n + 4])
            vectors = [self.pool(states, n + 2 * k, n + 2 * k + 1, range(*spans[k])) for k in (0, 1)]
            return self.classify(*(vectors[::-1] if swap else vectors))

    def shared(self, doc, head, tail):
        candidates = doc._.candidates
        mentions = [
            (m.start, m.end, *self.ids[row, MENTION].tolist())
            for m, row in zip(candidates.mentions, candidates.markers)
        ]
        ids, places = self.insert(doc, mentions)
        with torch.no_grad():
            states = self.transformer(input_ids=torch.tensor([ids])).last_hidden_state[0]
            vectors = [self.pool(states, o, c, range(o + 1, c)) for o, c in (places[head], places[tail])]
            return self.classify(*vectors)


def assert_equal(docs, scores, compute, atol=2e-5, spread=0.01):
    checked, values = 0, []
    for doc, part in zip(docs, scores):
        assert len(part) == len(doc._.candidates)
        for row, (head, tail) in enumerate(doc._.candidates.pairs.tolist()):
            expected = compute(doc, head, tail).numpy()
            np.testing.assert_allclose(part[row], expected, atol=atol)
            values.append(expected)
            checked += 1
    assert checked > 20
    assert np.std(values, axis=0).max() > spread, "all scores alike: the comparison says nothing"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["EntityStart", "EntityEnds", "EntityMax"])
def test_single_equals_one_run_per_pair(folders, kind, pooling):
    nlp = make_nlp(model_config(folders[kind], "single", pooling))
    docs = marked(nlp, *SENTENCES, NESTED)
    assert_equal(docs, predict(nlp, docs), Naive(nlp).single)


@pytest.mark.parametrize("roles", ["uniform", "all", "none"])
@pytest.mark.parametrize("markers", ["typed", "uniform"])
@pytest.mark.parametrize("mode", ["single", "packed"])
def test_roles_of_markers(folders, roles, markers, mode):
    nlp = make_nlp(model_config(folders["bert"], mode, roles=roles), markers)
    docs = marked(nlp, *SENTENCES, NESTED)
    naive = Naive(nlp, roles)
    assert_equal(docs, predict(nlp, docs), lambda *pair: getattr(naive, mode)(*pair, roles=roles))


@pytest.mark.parametrize("mode", ["single", "packed"])
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_sentence_start_equals_one_run_per_pair(folders, kind, mode):
    nlp = make_nlp(model_config(folders[kind], mode, "SentenceStart"))
    docs = marked(nlp, *SENTENCES, NESTED)
    naive = Naive(nlp, "all")
    assert_equal(docs, predict(nlp, docs), lambda *pair: getattr(naive, mode)(*pair, roles="all"), spread=0.002)


@pytest.mark.parametrize("kind", BERT_LIKE)
@pytest.mark.parametrize("pooling", ["EntityStart", "EntityEnds", "EntityMax"])
def test_packed_equals_a_pack_of_one_pair(folders, kind, pooling):
    nlp = make_nlp(model_config(folders[kind], "packed", pooling))
    docs = marked(nlp, *SENTENCES, NESTED)
    assert_equal(docs, predict(nlp, docs), Naive(nlp).packed)


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "deberta-v2"])
@pytest.mark.parametrize("pooling", ["EntityStart", "EntityEnds", "EntityMax"])
def test_shared_equals_one_run_per_text(folders, kind, pooling):
    nlp = make_nlp(model_config(folders[kind], "shared", pooling))
    docs = marked(nlp, *SENTENCES, NESTED)
    assert_equal(docs, predict(nlp, docs), Naive(nlp).shared)


MODELS = {
    "single": {"mode": "single", "pooling": "EntityMax"},
    "packed": {"mode": "packed"},
    "sentence": {"mode": "packed", "pooling": "SentenceStart"},
    "inline": {"mode": "shared", "pairs": MENTION_PAIRS},
    "beside": {"mode": "shared", "inline": False, "pairs": MENTION_PAIRS},
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("limits", [{"batch_tokens": 1, "batch_pairs": 1}, {"batch_tokens": 50, "batch_pairs": 3}])
def test_batches_and_padding_change_nothing(folders, name, limits):
    nlp = make_nlp(model_config(folders["bert"], **MODELS[name]))
    small = make_nlp(model_config(folders["bert"], **MODELS[name], **limits))
    docs = marked(nlp, *SENTENCES, NESTED)
    whole = predict(nlp, docs)
    assert sum(map(len, whole)) > 20
    for other in (predict(small, docs), [predict(nlp, [doc])[0] for doc in docs], predict(nlp, docs[::-1])[::-1]):
        for a, b in zip(whole, other):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", ["single", "packed", "sentence"])
def test_a_pair_does_not_depend_on_the_others(folders, name):
    from spacy_relx.data.types import Candidates

    nlp = make_nlp(model_config(folders["bert"], **MODELS[name]))
    (doc,) = marked(nlp, NESTED)
    whole, candidates = predict(nlp, [doc])[0], doc._.candidates
    assert len(whole) == 18  # two mentions have the same tokens, and are no pair
    for rows in ([3], [7, 1, 12], list(range(0, 18, 2))):
        doc._.candidates = Candidates(candidates.mentions, candidates.markers, candidates.pairs[rows])
        np.testing.assert_allclose(predict(nlp, [doc])[0], whole[rows], atol=1e-5)


def test_packed_in_prediction_after_single_in_training(folders):
    mixed = make_nlp(model_config(folders["bert"], "single", inference_mode="packed"))
    packed = make_nlp(model_config(folders["bert"], "packed"))
    docs = marked(mixed, *SENTENCES)
    for a, b in zip(predict(mixed, docs), predict(packed, docs)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", BERT_LIKE)
def test_gradients_are_those_of_transformers(folders, kind):
    from spacy_relx.core.kernels.flat_transformer import padded_states
    from spacy_relx.core.transformers.bert import own_name

    nlp = make_nlp(model_config(folders[kind], "single"))
    layer = nlp.get_pipe("relation_extractor").model
    docs = marked(nlp, *SENTENCES)
    network = layer.shims[0].module.double().train()
    plan, _ = layer_of(layer).plan(DocBatch(docs), None, "single")
    batch, _ = plan.build(np.arange(len(plan.sizes)))
    weights = torch.randn(int(batch.lengths.sum()), 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    theirs, ours = reference(network.transformer, folders[kind]), dict(network.transformer.named_parameters())
    pad_id = layer_of(layer).loaded.subwords.pad_id
    (network.transformer(batch) * weights).sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in ours.items()}
    network.zero_grad()
    (padded_states(theirs, batch, pad_id) * weights).sum().backward()
    seen = 0
    for name, parameter in theirs.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(gradients[own_name(name)], parameter.grad)
            seen += bool(parameter.grad.abs().sum() > 0)
    assert seen > 20


@pytest.mark.parametrize("name", MODELS)
def test_gradient_equals_finite_differences(folders, name):
    nlp = make_nlp(model_config(folders["bert"], **MODELS[name]))
    layer = nlp.get_pipe("relation_extractor").model
    docs = marked(nlp, *SENTENCES[:2], NESTED)
    targets = np.zeros((sum(len(d._.candidates) for d in docs), layer.get_dim("nO")), "float32")
    targets[::3, 1] = 1
    network = layer.shims[0].module.double()
    loss, backprop = layer.begin_update((docs, targets))
    backprop(1.0)
    embedding = network.transformer.get_input_embeddings().markers.weight
    query = network.transformer.layers[0].query.weight
    for parameter in (embedding, query, network.classifier.output.weight):
        direction = torch.randn(parameter.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        values = []
        for step in (1e-7, -1e-7):  # small, so that few units cross zero
            with torch.no_grad():
                parameter += step * direction
                values.append(layer.begin_update((docs, targets))[0])
                parameter -= step * direction
        expected = (values[0] - values[1]) / 2e-7
        assert abs(expected) > 1e-6
        assert float((parameter.grad * direction).sum()) == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert loss > 0


def test_spaces_and_empty_docs(folders):
    nlp = make_nlp(model_config(folders["bert"]))
    doc = Doc(nlp.vocab, words=["ann", "\n", "acme", " "], spaces=[False] * 4)
    doc.spans["mentions"] = [Span(doc, i, i + 1, "ORG") for i in range(4)]
    nlp.get_pipe("entity_type_marker")(doc)
    blank = Doc(nlp.vocab, words=[" ", "\n"])
    blank.spans["mentions"] = [Span(blank, i, i + 1, "ORG") for i in range(2)]
    nlp.get_pipe("entity_type_marker")(blank)
    for mode in ("single", "packed", "shared"):
        nlp = make_nlp(model_config(folders["bert"], mode))
        for part, n in zip(predict(nlp, [doc, *marked(nlp, ("", []), ("a", [(0, 1, "X")])), blank]), (12, 0, 0, 2)):
            assert part.shape == (n, 1 + 4) and np.isfinite(part).all()


def test_maximum_over_spans_equals_a_plain_loop():
    """Spans that are alike, that nest, and one without a token (a word of which the tokenizer leaves nothing)."""
    from spacy_relx.marked.marking import make_batch
    from spacy_relx.marked.pooling import EntityMax

    states = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
    spans = np.array([[1, 4], [2, 3], [1, 4], [3, 3]])
    opens = np.array([4, 6, 8, 10])
    some = {name: np.zeros(4, dtype=int) for name in ("texts", "markers")}
    batch = make_batch(
        ids=np.zeros(4),
        lengths=np.array([4]),
        opens=opens,
        closes=opens + 1,
        spans=spans,
        pairs=np.zeros((0, 2)),
        **some,
    )
    pooled = EntityMax(5)(states, batch)
    rows = [[o, o + 1, *range(*span)] for o, span in zip(opens.tolist(), spans.tolist())]
    expected = torch.stack([states[row].max(dim=0).values for row in rows])
    torch.testing.assert_close(pooled, expected)
    weights = torch.randn_like(pooled)
    gradients = [torch.autograd.grad((out * weights).sum(), states, retain_graph=True)[0] for out in (pooled, expected)]
    torch.testing.assert_close(*gradients)
    read = EntityMax(5).rows(batch)
    assert set(read.tolist()) == {row for part in rows for row in part}
