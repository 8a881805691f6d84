"""The configs that train transformers, and one transformer shared with other components through a listener."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_loop
from spacy.util import load_config
from thinc.api import fix_random_seed
from tiny import make_transformer
from util import SENTENCES, make_doc, make_examples, triples

from spacy_relx.extensions import set_extensions

pytest.importorskip("spacy_transformers")

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize("name", ["minilm", "minilm_shared", "transformer"])
def test_configs_train(folder, tmp_path, name):
    vocab = spacy.blank("xx").vocab
    set_extensions()
    docs = [make_doc(vocab, *sentence) for sentence in SENTENCES]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "data.spacy")
    overrides = {
        "paths.train": str(tmp_path / "data.spacy"),
        "paths.dev": str(tmp_path / "data.spacy"),
        "paths.transformer": folder,
        "system.gpu_allocator": None,
        "training.max_steps": 5,
        "training.eval_frequency": 5,
        "training.accumulate_gradient": 2,
    }
    nlp = init_nlp(load_config(CONFIGS / f"{name}.cfg", overrides=overrides))
    (tmp_path / "output").mkdir()
    trained, path = train_loop(nlp, tmp_path / "output", stdout=NoOutput(), stderr=NoOutput())
    loaded = spacy.load(path)
    assert loaded.pipe_labels["relation_extractor"] == trained.pipe_labels["relation_extractor"]
    doc = loaded(make_doc(loaded.vocab, *SENTENCES[0][:2]))
    assert len(doc._.candidates) == 6


class NoOutput:
    def write(self, text):
        pass

    def flush(self):
        pass


def test_a_transformer_shared_through_a_listener(folder, tmp_path):
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
        "head": {"@architectures": "spacy_relx.SoftmaxHead.v1"},
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
        nlp.update(examples, sgd=optimizer, losses=step, annotates=["transformer", "entity_type_marker"])
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
