"""Transformers as sentence encoders of bags and instances: `MarkedSubwords` and `TransformerEncoder`."""

import random
import shutil
from pathlib import Path

import model_util
import numpy as np
import pytest
import spacy
import torch
from model_util import SOFTMAX, gold
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import Config, fix_random_seed
from tiny import KINDS, contains_text, make_transformer
from util import SENTENCES, make_example

from spacy_relx.corpora.mentions import blank_copy
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.extensions import get_bag, get_sentence_langs, set_bag, set_extensions, set_facts, set_sentence_langs
from spacy_relx.layers.bags import Reader
from spacy_relx.layers.marked_subwords import excerpts, mention_limit
from spacy_relx.layers.marking import HEAD, TAIL, marker_rows

pytest.importorskip("spacy_transformers")

CONFIGS = Path(__file__).parent.parent / "configs"
CUED = [(words.lower(), mentions, relations) for words, mentions, relations in SENTENCES]
#: Bags: (head, tail, relation or None, sentences with their language). Words that the tiny tokenizer knows.
BAGS = [
    ("ann", "acme", "works_for", [("ann works for acme", "en"), ("ann met acme in rome", "en")]),
    ("bob", "initech", "founder_of", [("bob founded initech", "en"), ("initech was founded by bob", "de")]),
    ("eve", "globex", None, [("eve met globex", "en"), ("eve never worked for globex", "de")]),
    ("acme", "rome", "based_in", [("acme of rome", "de")]),
    ("rome", "acme", None, [("acme of rome", "de")]),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: make_transformer(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def words_config(folder, transformer=None, **settings):
    source = {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder), **(transformer or {})}
    return {"@architectures": "spacy_relx.MarkedSubwords.v1", "transformer": source, **settings}


def encoder_config(pooling="EntityStart", **settings):
    defaults = {"dropout": 0.0, "precision": "fp32", **settings}
    pooled = {"@architectures": f"spacy_relx.{pooling}.v1"}
    return {"@architectures": "spacy_relx.TransformerEncoder.v1", "pooling": pooled, **defaults}


BAG_HEAD = {
    "@architectures": "spacy_relx.BagHead.v1",
    "aggregator": {"@architectures": "spacy_relx.SelectiveAttention.v1"},
}


def bag_config(folder, words=None, encoder=None, **settings):
    return {
        "@architectures": "spacy_relx.BagModel.v1",
        "words": words_config(folder, **(words or {})),
        "encoder": encoder_config(**(encoder or {})),
        "head": BAG_HEAD,
        **settings,
    }


def instance_config(folder, words=None, encoder=None, **settings):
    parts = bag_config(folder, words, encoder, **settings)
    return {**parts, "@architectures": "spacy_relx.InstanceModel.v1", "head": {"@architectures": SOFTMAX}}


def adversarial(eps, scope="sentence"):
    return {"@architectures": "spacy_relx.AdversarialTraining.v1", "eps": eps, "scope": scope}


def bag_doc(vocab, head, tail, relation, sentences):
    """A bag Doc; ids of entities are their names in upper case."""
    words, starts, spans, langs = [], [], [], []
    for text, lang in sentences:
        here = text.split()
        langs.append((len(words), len(words) + len(here), lang))
        for name in (head, tail):
            place = len(words) + here.index(name)
            spans.append((place, place + 1, "ORG" if name in ("acme", "initech", "globex") else "OTHER", name.upper()))
        words += here
        starts += [True] + [False] * (len(here) - 1)
    doc = Doc(vocab, words=words, sent_starts=starts)
    doc.spans["mentions"] = [Span(doc, a, b, label=label, kb_id=kb_id) for a, b, label, kb_id in spans]
    doc._.bag = (head.upper(), tail.upper())
    set_sentence_langs(doc, langs)
    set_facts(doc, [{"head": head.upper(), "label": relation, "tail": tail.upper()}] if relation else [])
    return doc


def bag_examples(vocab):
    examples = []
    for bag in BAGS:
        doc = bag_doc(vocab, *bag)
        predicted = blank_copy(doc)
        set_bag(predicted, get_bag(doc))
        set_sentence_langs(predicted, get_sentence_langs(doc))
        examples.append(Example(predicted, doc))
    return examples


def make_bag_nlp(config, markers="typed"):
    set_extensions()
    fix_random_seed(0)
    nlp = spacy.blank("en")
    generator = {"@misc": "spacy_relx.BagPairs.v1"}
    nlp.add_pipe("entity_type_marker", config={"markers": markers, "generator": generator, "spans_key": "mentions"})
    nlp.add_pipe("fact_extractor", config={"model": config, "scorer": None})
    examples = bag_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    return nlp, examples, optimizer


def model_of(nlp):
    return nlp.get_pipe(nlp.pipe_names[-1]).model


def network(nlp):
    return model_of(nlp).shims[0].module


def marked(nlp, examples):
    return [nlp.get_pipe("entity_type_marker")(eg.predicted) for eg in examples]


def predict(nlp, docs):
    return nlp.get_pipe(nlp.pipe_names[-1]).predict(docs)


def train(nlp, examples, optimizer, steps, rate=0.003):
    optimizer.learn_rate = rate
    losses = []
    for _ in range(steps):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step)
        losses.append(step[nlp.pipe_names[-1]])
    return losses


def encode(nlp, docs, max_tokens=0):
    """The batch of the Docs' instances, and their vectors."""
    reader = Reader(model_of(nlp).shims[0].text, "linked", (), max_tokens)
    module = network(nlp).eval()
    instances, batch, _ = reader(docs, module)
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
        self.ids = marker_rows(model_of(nlp).get_dim("n_markers") if typed else 1, roles) + first

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
        return np.split(part.ids, part.starts[1:-1])


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
            subwords.tokenizer.convert_ids_to_tokens([min(i, subwords.tokenizer.vocab_size) for i in part.tolist()])
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


# Learning, saving


def test_bags_are_learned_saved_and_loaded(tmp_path):
    """The pipeline that is loaded needs neither the folder nor the network."""
    folder = tmp_path / "source"
    folder.mkdir()
    make_transformer(folder)
    nlp, examples, optimizer = make_bag_nlp(bag_config(folder))
    losses = train(nlp, examples, optimizer, 40)
    assert losses[-1] < 0.2 < losses[0]
    shutil.rmtree(folder)
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    docs = [blank_copy(eg.reference) for eg in bag_examples(loaded.vocab)]
    found = [[(f.head, f.label, f.tail) for f in doc._.facts] for doc in loaded.pipe(docs)]
    wanted = [[(head.upper(), label, tail.upper())] if label else [] for head, tail, label, _ in BAGS]
    assert found == wanted
    ours = predict(nlp, marked(nlp, bag_examples(nlp.vocab)))
    for one, other in zip(ours, predict(loaded, marked(loaded, bag_examples(loaded.vocab)))):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    data = (tmp_path / "saved" / "fact_extractor" / "model").read_bytes()
    assert contains_text(data, "[CLS]") and not contains_text(data, str(folder))
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    np.testing.assert_array_equal(
        predict(again, marked(again, bag_examples(again.vocab)))[0].scores,
        predict(nlp, marked(nlp, examples))[0].scores,
    )


def test_relations_are_learned(folders, tmp_path):
    fix_random_seed(0)
    nlp = model_util.make_nlp(instance_config(folders["bert"], batch_pairs=7))
    examples = [make_example(nlp.vocab, *sentence) for sentence in CUED]
    losses = model_util.train(nlp, examples, steps=40, rate=0.005)
    assert losses[-1] < 0.1 < losses[0]
    nlp.to_disk(tmp_path)
    assert model_util.run(spacy.load(tmp_path), CUED) == [gold(sentence) for sentence in CUED]


def test_weights_of_another_model_are_refused(folders):
    nlp, *_ = make_bag_nlp(bag_config(folders["bert"]))
    data = nlp.to_bytes()
    plain = {"@architectures": "spacy_relx.WordTable.v1", "width": 8, "min_count": 1}
    positions = {"@architectures": "spacy_relx.PositionFeatures.v1"}
    cnn = {"@architectures": "spacy_relx.CNN.v1", "channels": 8, "positions": positions}
    other, *_ = make_bag_nlp({**bag_config(folders["bert"]), "words": plain, "encoder": cnn})
    for config, saved in ((other.config, data), (nlp.config, other.to_bytes())):
        with pytest.raises(RelxError, match="RX051"):
            spacy.blank("en").from_config(config).from_bytes(saved)


def test_learning_rates_and_frozen_parts(folders):
    source = {"lr_scale": 0.5, "layer_decay": 0.5, "freeze_embeddings": True, "freeze_layers": 1}
    nlp, examples, optimizer = make_bag_nlp(bag_config(folders["bert"], {"transformer": source}))
    module = network(nlp)
    scales = {name: getattr(p, "lr_scale", 1.0) for name, p in module.named_parameters()}
    assert scales["words.table.markers.weight"] == 0.5 and scales["words.table.words.weight"] == 0.125
    assert {scale for name, scale in scales.items() if "encoder.body.encoder.layer.1." in name} == {0.5}
    assert {scale for name, scale in scales.items() if "encoder.body.encoder.layer.0." in name} == {0.25}
    assert {scale for name, scale in scales.items() if name.startswith("head.")} == {1.0}
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    assert "words.table.words.weight" in frozen and "encoder.body.embeddings.position_embeddings.weight" in frozen
    assert all(".layer.0." in name or ".embeddings." in name or name == "words.table.words.weight" for name in frozen)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    train(nlp, examples, optimizer, 1)
    changed = {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}
    assert not changed & frozen and "words.table.markers.weight" in changed
    copied = model_of(nlp).copy().shims[0].module
    assert {n: getattr(p, "lr_scale", 1.0) for n, p in copied.named_parameters()} == scales


def test_typed_markers_begin_at_their_names(folders):
    nlp, *_ = make_bag_nlp(bag_config(folders["bert"]))
    table = network(nlp).words.table
    names = list(nlp.get_pipe("entity_type_marker").labels)
    pieces = network(nlp).words.loaded.subwords.pieces
    rows = marker_rows(len(names) + 1, "uniform")
    for name, row in zip(names, rows[1:]):
        mean = table.words.weight[torch.tensor(pieces(name))].mean(dim=0)
        assert torch.cosine_similarity(table.markers.weight[int(row[HEAD, 0])], mean, dim=0) > 0.9


# Adversarial training


@pytest.mark.parametrize("scope", ["sentence", "bag"])
def test_perturbation_of_subwords_only(folders, scope):
    nlp, examples, _ = make_bag_nlp(bag_config(folders["bert"], adversarial=adversarial(0.7, scope)))
    docs = marked(nlp, examples)
    targets = nlp.get_pipe("fact_extractor").targets(examples)
    module, seen = network(nlp), []
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    module.encoder.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0].detach(), inputs[1])))
    positions = []
    module.encoder.body.embeddings.position_embeddings.register_forward_hook(
        lambda _, inputs, output: positions.append(output.detach())
    )
    loss, backprop = model_of(nlp).begin_update((docs, targets))
    backprop(1.0)
    (clean, batch), (changed, _) = seen
    difference = (changed - clean).split(batch.lengths.tolist())
    sizes = [len(sentences) for *_, sentences in BAGS] if scope == "bag" else [1] * len(batch)
    first = 0
    for size in sizes:
        assert torch.cat(difference[first : first + size]).norm().item() == pytest.approx(0.7, rel=1e-4)
        first += size
    torch.testing.assert_close(clean, module.words(batch).detach())
    assert torch.equal(positions[0], positions[1])
    assert all(torch.equal(p, before[name]) for name, p in module.named_parameters())
    plain, *_ = make_bag_nlp(bag_config(folders["bert"]))
    assert loss > model_of(plain).begin_update((docs, targets))[0] + 0.01
    assert module.encoder.body.embeddings.position_embeddings.weight.grad.abs().sum() > 0


def test_adversarial_training_learns(folders):
    nlp, examples, optimizer = make_bag_nlp(bag_config(folders["bert"], adversarial=adversarial(0.1, "bag")))
    losses = train(nlp, examples, optimizer, 30)
    assert losses[-1] < 0.2 < losses[0]


# Several languages


def multilingual_config(folder, **settings):
    parts = bag_config(folder)
    encoder = parts.pop("encoder")
    adversary = {"@architectures": "spacy_relx.LanguageAdversary.v1", "hidden": 8, "steps": 1, "fooling_steps": 1}
    return {
        **parts,
        "@architectures": "spacy_relx.MultilingualBagModel.v1",
        "langs": ["en", "de"],
        "individual": encoder,
        "consistent": encoder,
        "adversary": adversary,
        "orthogonality": 0.0,
        **settings,
    }


def test_each_language_has_its_own_layers(folders, tmp_path):
    nlp, examples, optimizer = make_bag_nlp(multilingual_config(folders["bert"]))
    module = network(nlp)
    bodies = [encoder.body for encoder in [*module.individual, *module.consistent]]
    weights = [body.encoder.layer[0].output.dense.weight for body in bodies]
    assert len({weight.data_ptr() for weight in weights}) == 4
    assert all(torch.equal(weight, weights[0]) for weight in weights)
    assert sum("word_embeddings" in name or "words.weight" in name for name in module.state_dict()) == 1
    losses = train(nlp, examples, optimizer, 15)
    assert losses[-1] < 0.5 * losses[0]
    assert not torch.equal(weights[0], weights[1])
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    for one, other in zip(
        predict(nlp, marked(nlp, examples)), predict(loaded, marked(loaded, bag_examples(loaded.vocab)))
    ):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


# Settings


def test_parts_that_do_not_go_together(folders):
    config = bag_config(folders["bert"])
    cnn = {"@architectures": "spacy_relx.CNN.v1", "positions": {"@architectures": "spacy_relx.PositionFeatures.v1"}}
    wrong = {
        "words": {**config, "words": {"@architectures": "spacy_relx.WordTable.v1", "min_count": 1}},
        "encoder": {**config, "encoder": cnn},
        "roles": bag_config(folders["bert"], {"roles": "uniform"}, {"pooling": "SentenceStart"}),
        "stride": bag_config(folders["bert"], {"transformer": {"stride": 8}}),
        "markers": bag_config(folders["bert"], {"markers": "some"}),
        "precision": bag_config(folders["bert"], None, {"precision": "int8"}),
        "max_length": bag_config(folders["bert"], {"transformer": {"max_length": 65}}),
    }
    for name, each in wrong.items():
        with pytest.raises(RelxError, match="RX021") as error:
            make_bag_nlp(each)
        assert f"'{name}'" in str(error.value)


def test_the_config(folders):
    config = load_config(CONFIGS / "bags_transformer.cfg", overrides={"paths.transformer": folders["xlm-roberta"]})
    config = config.interpolate()
    parts = Config({name: config[name] for name in ("nlp", "components")})
    parts["components"]["fact_extractor"].update(scorer=None)
    parts["components"]["fact_extractor"]["model"]["words"]["transformer"]["max_length"] = 60
    set_extensions()
    fix_random_seed(0)
    nlp = load_model_from_config(parts, auto_fill=True, validate=True)
    examples = bag_examples(nlp.vocab)
    losses = train(nlp, examples, nlp.initialize(lambda: examples), 5)
    assert np.isfinite(losses).all()
    assert type(network(nlp).encoder).__name__ == "TransformerEncoder"
    assert nlp(blank_copy(examples[0].reference))._.fact_scores.scores.shape == (1, 3)
