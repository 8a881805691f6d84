"""Learning from instances with a transformer: saving, settings, adversarial training, several languages."""

import shutil

import numpy as np
import pytest
import spacy
import torch
from spacy.util import load_config, load_model_from_config
from support import model as model_util
from support.examples import SENTENCES, make_example
from support.instances import (
    BAGS,
    bag_config,
    bag_examples,
    make_bag_nlp,
    make_folders,
    marked,
    model_of,
    network,
    predict,
)
from support.model import SOFTMAX, gold
from support.tiny_transformer import contains_text, make_transformer
from support.trained_configs import CONFIGS
from thinc.api import Config, fix_random_seed

from spacy_relx.data.extensions import set_extensions
from spacy_relx.errors import RelxError
from spacy_relx.formats.mentions import blank_copy
from spacy_relx.marked.marking import HEAD, marker_rows

pytest.importorskip("transformers")

CUED = [(words.lower(), mentions, relations) for words, mentions, relations in SENTENCES]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return make_folders(tmp_path_factory)


def instance_config(folder, words=None, encoder=None, **settings):
    parts = bag_config(folder, words, encoder, **settings)
    return {**parts, "@architectures": "spacy_relx.InstanceModel.v1", "classifier": {"@architectures": SOFTMAX}}


def adversarial(eps, scope="sentence"):
    return {"@architectures": "spacy_relx.AdversarialTraining.v1", "eps": eps, "scope": scope}


def train(nlp, examples, optimizer, steps, rate=0.003):
    optimizer.learn_rate = rate
    losses = []
    for _ in range(steps):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step)
        losses.append(step[nlp.pipe_names[-1]])
    return losses


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
    assert {scale for name, scale in scales.items() if "encoder.body.layers.1." in name} == {0.5}
    assert {scale for name, scale in scales.items() if "encoder.body.layers.0." in name} == {0.25}
    assert {scale for name, scale in scales.items() if name.startswith("classifier.")} == {1.0}
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    assert "words.table.words.weight" in frozen and "encoder.body.embeddings.positions.weight" in frozen
    assert all(".layers.0." in name or ".embeddings." in name or name == "words.table.words.weight" for name in frozen)
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
    module.encoder.body.embeddings.positions.register_forward_hook(
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
    assert module.encoder.body.embeddings.positions.weight.grad.abs().sum() > 0


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
    weights = [body.layers[0].down.weight for body in bodies]
    assert len({weight.data_ptr() for weight in weights}) == 4
    assert all(torch.equal(weight, weights[0]) for weight in weights)
    assert sum("words.weight" in name for name in module.state_dict()) == 1
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
        "max_subwords": bag_config(folders["bert"], {"transformer": {"max_subwords": 65}}),
    }
    for name, each in wrong.items():
        with pytest.raises(RelxError, match="RX021") as error:
            make_bag_nlp(each)
        assert f"'{name}'" in str(error.value)


def test_the_config(folders):
    config = load_config(CONFIGS["bags_transformer"], overrides={"paths.transformer": folders["xlm-roberta"]})
    config = config.interpolate()
    parts = Config({name: config[name] for name in ("nlp", "components")})
    parts["components"]["fact_extractor"].update(scorer=None)
    parts["components"]["fact_extractor"]["model"]["words"]["transformer"]["max_subwords"] = 60
    set_extensions()
    fix_random_seed(0)
    nlp = load_model_from_config(parts, auto_fill=True, validate=True)
    examples = bag_examples(nlp.vocab)
    losses = train(nlp, examples, nlp.initialize(lambda: examples), 5)
    assert np.isfinite(losses).all()
    assert type(network(nlp).encoder).__name__ == "TransformerEncoder"
    assert nlp(blank_copy(examples[0].reference))._.fact_scores.scores.shape == (1, 3)
