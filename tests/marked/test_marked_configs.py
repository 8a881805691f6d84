"""The configs that train transformers, and one transformer shared with other components through a listener."""

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_loop
from spacy.util import load_config
from support.examples import SENTENCES, make_doc, make_examples, triples
from support.tiny_transformer import make_transformer
from support.trained_configs import CONFIGS
from thinc.api import fix_random_seed

from spacy_relx.data.extensions import set_extensions

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    set_extensions()
    vocab = spacy.blank("xx").vocab
    path = tmp_path_factory.mktemp("data") / "data.spacy"
    DocBin(docs=[make_doc(vocab, *sentence) for sentence in SENTENCES], store_user_data=True).to_disk(path)
    return str(path)


def load(name, folder, data, **overrides):
    paths = {"paths.train": data, "paths.dev": data, "paths.transformer": folder, "system.gpu_allocator": None}
    return init_nlp(load_config(CONFIGS[name], overrides={**paths, **overrides}))


@pytest.mark.parametrize("name", ["minilm", "minilm_shared", "transformer", "etm"])
def test_configs_train(folder, data, tmp_path, name):
    settings = {"training.max_steps": 5, "training.eval_frequency": 5, "training.accumulate_gradient": 2}
    nlp = load(name, folder, data, **settings)
    (tmp_path / "output").mkdir()
    trained, path = train_loop(nlp, tmp_path / "output", stdout=NoOutput(), stderr=NoOutput())
    loaded = spacy.load(path)
    assert loaded.pipe_labels["relation_extractor"] == trained.pipe_labels["relation_extractor"]
    doc = loaded(make_doc(loaded.vocab, *SENTENCES[0][:2]))
    assert len(doc._.candidates) == 6


@pytest.mark.parametrize("markers", ["uniform", "typed"])
@pytest.mark.parametrize("pooling", ["SentenceStart", "EntityStart", "EntityMax"])
@pytest.mark.parametrize("mode", ["single", "packed"])
def test_variants_of_entity_type_markers(folder, data, markers, pooling, mode):
    variant = {"markers": markers, "pooling": f"spacy_relx.{pooling}.v1", "mode": mode, "layers": 1}
    settings = {**variant, "negative_ratio": 2.0, "no_relation_weight": 4.0}
    nlp = load("etm", folder, data, **{f"etm.{name}": value for name, value in settings.items()})
    extractor = nlp.get_pipe("relation_extractor")
    network = extractor.model.shims[0].module
    assert type(network.pooling).__name__ == pooling
    assert (network.classifier.negative_ratio, network.classifier.no_relation_weight) == (2.0, 4.0)
    assert len(network.transformer.layers) == 1
    doc = nlp(make_doc(nlp.vocab, *SENTENCES[0][:2]))
    assert all(row > 0 for row in doc._.candidates.markers) == (markers == "typed")
    assert len(extractor.predict([doc])[0]) == 6


class NoOutput:
    def write(self, text):
        pass

    def flush(self):
        pass


def test_a_transformer_shared_through_a_listener(folder, tmp_path):
    pytest.importorskip("spacy_transformers")
    fix_random_seed(0)
    nlp = spacy.blank("en")
    transformer = {"@architectures": "spacy-transformers.TransformerModel.v3", "name": folder}
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 30, "stride": 20}
    nlp.add_pipe(
        "transformer", config={"model": {**transformer, "get_spans": spans, "tokenizer_config": {"use_fast": True}}}
    )
    nlp.add_pipe("entity_type_marker")
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    model = {
        "@architectures": "spacy_relx.RelationModel.v1",
        "encoder": listener,
        "pairs": {"@architectures": "spacy_relx.PairFeatures.v1", "hidden": 32, "dropout": 0.0},
        "classifier": {"@architectures": "spacy_relx.SoftmaxClassifier.v1"},
    }
    nlp.add_pipe("relation_extractor", config={"model": model, "scorer": None})
    examples = make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    embeddings = nlp.get_pipe("transformer").model.transformer.embeddings.word_embeddings.weight
    before = embeddings.detach().clone()
    losses = []
    for _ in range(30):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step, annotates=["transformer"])
        losses.append(step["relation_extractor"])
    assert losses[-1] < losses[0] / 3
    assert not (embeddings == before).all(), "the relations' gradient reaches the shared transformer"
    docs = [make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]
    expected = [triples(doc) for doc in nlp.pipe(docs)]
    assert any(expected)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    docs = [make_doc(loaded.vocab, words, mentions) for words, mentions, _ in SENTENCES]
    assert [triples(doc) for doc in loaded.pipe(docs)] == expected
