"""Transformers as sentence encoders of bags and instances: `MarkedSubwords` and `TransformerEncoder`."""

import random

import numpy as np
import pytest
import torch
from spacy.tokens import Doc, Span
from support.instances import (
    BAGS,
    bag_config,
    make_bag_nlp,
    make_folders,
    marked,
    model_of,
    network,
    predict,
)
from support.tiny_transformer import KINDS

from spacy_relx.bags.subwords import excerpts, mention_limit
from spacy_relx.core.docs_to_batch import DocBatch
from spacy_relx.core.task import layer_of
from spacy_relx.errors import RelxWarning
from spacy_relx.marked.marking import HEAD, TAIL, marker_rows

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return make_folders(tmp_path_factory)


def encode(nlp, docs, max_tokens=0):
    """The batch of the Docs' instances, and their vectors."""
    layer, module = layer_of(model_of(nlp)), network(nlp).eval()
    layer.max_tokens = max_tokens
    instances, batch, _ = layer.read(DocBatch(docs))
    with torch.inference_mode():
        return instances, batch, module.encoder(module.words(batch), batch)


# What the transformer reads


class Naive:
    """One instance at a time, with lists, run by a transformer that has the markers among its words."""

    def __init__(self, nlp, folder, pooling, typed=True, roles="uniform"):
        import transformers

        module = network(nlp)
        self.model = transformers.AutoModel.from_pretrained(folder).eval()
        self.pooling, self.typed, self.subwords = pooling, typed, module.words.loaded.subwords
        first = self.model.get_input_embeddings().num_embeddings
        markers = module.words.table.markers.weight.data
        self.model.resize_token_embeddings(first + len(markers))
        self.model.get_input_embeddings().weight.data[first:] = markers
        self.ids = marker_rows(layer_of(model_of(nlp)).task.n_markers if typed else 1, roles) + first

    def vector(self, doc, window, mentions, markers):
        """window: tokens. mentions: head and tail, tokens. markers: rows of their types."""
        words = [part.tolist() for part in self._pieces(doc)]
        ids = list(self.subwords.prefix)
        opens, closes = [0, 0], [0, 0]
        for i in range(window[0], window[1] + 1):
            for k in sorted((0, 1), key=lambda k: (-mentions[k][0], -k)):  # inner ones close first
                if mentions[k][1] == i:
                    closes[k] = len(ids)
                    ids.append(self._marker(k, markers, 1))
            for k in sorted((0, 1), key=lambda k: (-mentions[k][1], k)):
                if mentions[k][0] == i:
                    opens[k] = len(ids)
                    ids.append(self._marker(k, markers, 0))
            if i < window[1]:
                ids += words[i]
        ids += self.subwords.suffix
        with torch.inference_mode():
            states = self.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        if self.pooling == "EntityStart":
            return ids, torch.cat([states[k] for k in opens])
        if self.pooling == "EntityEnds":
            return ids, torch.cat([states[k] for pair in zip(opens, closes) for k in pair])
        if self.pooling == "EntityMax":
            return ids, torch.cat([states[a : b + 1].amax(dim=0) for a, b in zip(opens, closes)])
        return ids, states[0]

    def _marker(self, mention, markers, side):
        return int(self.ids[markers[mention] if self.typed else 0, (HEAD, TAIL)[mention], side])

    def _pieces(self, doc):
        part = self.subwords([doc])[0]
        return [part.ids[a:b] for a, b in zip(part.starts, part.ends)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "pooling, markers, roles",
    [("EntityStart", "typed", "uniform"), ("EntityEnds", "uniform", "uniform"), ("SentenceStart", "typed", "all")],
)
def test_vectors_are_those_of_one_marked_sentence_at_a_time(folders, kind, pooling, markers, roles):
    words = {"markers": markers, "roles": roles}
    nlp, examples, _ = make_bag_nlp(bag_config(folders[kind], words, {"pooling": pooling}))
    docs = marked(nlp, examples)
    instances, batch, vectors = encode(nlp, docs)
    naive = Naive(nlp, folders[kind], pooling, markers == "typed", roles)
    assert len(vectors) == sum(len(sentences) for *_, sentences in BAGS)
    for i, part in enumerate(batch.tokens.split(batch.lengths.tolist())):
        doc = docs[instances.docs[i]]
        ids, vector = naive.vector(doc, instances.windows[i], instances.mentions[i], instances.markers[i])
        assert part.tolist() == ids
        torch.testing.assert_close(vectors[i], vector, atol=2e-5, rtol=1e-4)


def test_nested_mentions_and_the_pooling_over_all_of_them(folders):
    nlp, _, _ = make_bag_nlp(bag_config(folders["bert"], None, {"pooling": "EntityMax"}))
    doc = Doc(nlp.vocab, words=["bob", "of", "acme", "rome", "met", "ann"], sent_starts=[True] + [False] * 5)
    doc.spans["mentions"] = [
        Span(doc, 2, 4, label="ORG", kb_id="A"),
        Span(doc, 3, 4, label="OTHER", kb_id="B"),
        Span(doc, 0, 1, label="ORG", kb_id="C"),
    ]
    nlp.get_pipe("entity_type_marker")(doc)
    instances, batch, vectors = encode(nlp, [doc])
    naive = Naive(nlp, folders["bert"], "EntityMax")
    assert len(vectors) == 6
    for i, part in enumerate(batch.tokens.split(batch.lengths.tolist())):
        ids, vector = naive.vector(doc, instances.windows[i], instances.mentions[i], instances.markers[i])
        assert part.tolist() == ids
        torch.testing.assert_close(vectors[i], vector, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "deberta-v2"])
def test_bounds_change_nothing(folders, kind):
    answers = []
    for batch_tokens in (8192, 12, 1):
        nlp, examples, _ = make_bag_nlp(bag_config(folders[kind], batch_tokens=batch_tokens))
        docs = marked(nlp, examples)
        targets = nlp.get_pipe("fact_extractor").targets(examples)
        found = predict(nlp, docs)
        loss, backprop = model_of(nlp).begin_update((docs, targets))
        backprop(1.0)
        gradients = {n: p.grad.clone() for n, p in network(nlp).named_parameters() if p.grad is not None}
        answers.append((np.concatenate([part.scores for part in found]), loss, gradients))
    for scores, loss, gradients in answers[1:]:
        np.testing.assert_allclose(scores, answers[0][0], atol=1e-5)
        assert loss == pytest.approx(answers[0][1], abs=1e-5)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, answers[0][2][name], atol=1e-4, rtol=1e-3)


# Long texts


def naive_text(ids, part, separator):
    (one, n_one), (two, n_two) = part.tolist()
    return [*ids[one : one + n_one], *([separator, *ids[two : two + n_two]] if n_two else [])]


def test_excerpts_hold_both_mentions():
    rng = random.Random(0)
    windows, spans = [], []
    room = 20
    for _ in range(3000):
        low = rng.randrange(50)
        high = low + rng.choice([3, 12, 20, 21, 30, 60, 100])
        pair = []
        for _ in range(2):
            start = rng.randrange(low, high)
            pair.append((start, min(high, start + rng.choice([1, 1, 2, 4, 9, 25]))))
        windows.append((low, high))
        spans.append(pair)
    windows, spans = np.array(windows), np.array(spans)
    parts, local, n_clipped = excerpts(windows, spans, room)
    limit, clipped, two = mention_limit(room), 0, 0
    for (low, high), pair, part, places in zip(windows.tolist(), spans.tolist(), parts, local.tolist()):
        text = naive_text(list(range(1000)), part, -1)
        length = max(end for _, end in pair) - min(start for start, _ in pair)
        assert len(text) <= room and all(low <= word < high or word == -1 for word in text)
        for (start, end), (first, last) in zip(pair, places):
            kept = range(start, end) if length <= room else range(start, min(end, start + limit))
            clipped += len(kept) < end - start
            assert text[first:last] == list(kept)
        if high - low <= room:
            assert text == list(range(low, high))
        elif not part[1, 1]:
            assert len(text) == room
        two += part[1, 1] > 0
    assert n_clipped == clipped > 100 and two > 100


def test_long_sentences_fit_the_transformer(folders):
    nlp, _, _ = make_bag_nlp(bag_config(folders["bert"], max_tokens=0))
    subwords = network(nlp).words.loaded.subwords
    for gap in (3, 40, 300):
        words = [*["of"] * 30, "ann", *["met"] * gap, "acme", *["in"] * 300]
        doc = Doc(nlp.vocab, words=words, sent_starts=[True] + [False] * (len(words) - 1))
        doc.spans["mentions"] = [
            Span(doc, 30, 31, label="OTHER", kb_id="A"),
            Span(doc, 31 + gap, 32 + gap, label="ORG", kb_id="B"),
        ]
        _, batch, vectors = encode(nlp, [nlp.get_pipe("entity_type_marker")(doc)])
        texts = [
            [subwords.tokenizer.id_to_token(i) for i in part.tolist()]
            for part in batch.tokens.split(batch.lengths.tolist())
        ]
        assert len(vectors) == 2 and all(60 <= len(text) <= 64 for text in texts)
        for text, mentions in zip(texts, (batch.mentions - batch.starts.view(-1, 1, 1)).tolist()):
            inner = {tuple(text[start + 1 : end - 1]) for start, end in mentions}
            assert inner == {("ann",), ("acme",)}
            assert text.count("[SEP]") == (1 if gap < 50 else 2)


def test_long_mentions_are_clipped_aloud(folders):
    nlp, _, _ = make_bag_nlp(bag_config(folders["bert"], max_tokens=0))
    doc = Doc(nlp.vocab, words=[*["ann"] * 50, *["met"] * 200, "acme"], sent_starts=[True] + [False] * 250)
    doc.spans["mentions"] = [Span(doc, 0, 50, label="OTHER", kb_id="A"), Span(doc, 250, 251, label="ORG", kb_id="B")]
    nlp.get_pipe("entity_type_marker")(doc)
    with pytest.warns(RelxWarning, match="RX083"):
        _, batch, _ = encode(nlp, [doc])
    assert int(batch.lengths.max()) <= 64


def test_mentions_without_subwords(folders):
    nlp, _, _ = make_bag_nlp(bag_config(folders["bert"]))
    doc = Doc(nlp.vocab, words=["ann", "met", "  ", "bob", "sings"], sent_starts=[True, False, False, True, False])
    doc.spans["mentions"] = [Span(doc, 0, 1, label="OTHER", kb_id="A"), Span(doc, 2, 3, label="ORG", kb_id="B")]
    _, batch, vectors = encode(nlp, [nlp.get_pipe("entity_type_marker")(doc)])
    assert len(vectors) == 2 and torch.isfinite(vectors).all()
    assert (batch.mentions[:, :, 1] - batch.mentions[:, :, 0] == 3).all()
