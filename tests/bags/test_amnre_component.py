"""The fact extractor with bags in several languages (amnre.cfg), its ablations, and the game in training."""

import copy
import pickle
import sys

import numpy as np
import pytest
import spacy
import torch
from spacy.training.loop import train_while_improving
from support.bag import gold, make_bag, make_examples, make_nlp, model_config, network, run, train, without_facts
from support.started import ABLATIONS, FACTS, LANGS, load, started

from spacy_relx.core.shim import TorchShim
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate

#: The same of bags of one language.
ENGLISH = [
    ("ann", "acme", ["works_for"], ["Ann|h works for Acme|t", "Acme|t employs Ann|h"], ["en", "en"]),
    ("bob", "initech", ["founded"], ["Bob|h founded Initech|t"], ["en"]),
    ("eve", "acme", [], ["Eve|h left Acme|t"], ["en"]),
]


#: The game of the paper: one step on the discriminator, five on the encoders.
PAPER = {"adversary__steps": 1, "adversary__fooling_steps": 5, "adversary__fooling": "flipped"}


def update(nlp, examples, sgd):
    return nlp.update(examples, sgd=sgd)


def bags(nlp, facts=FACTS):
    return list(nlp.pipe([without_facts(make_bag(nlp.vocab, *row)) for row in facts]))


def scores_of(nlp, facts=FACTS):
    return [doc._.fact_scores.scores for doc in bags(nlp, facts)]


def weights(nlp):
    return {name: tensor.clone() for name, tensor in network(nlp).state_dict().items()}


# Learning by heart


def test_the_config_names_all_ablations():
    assert set(ABLATIONS) == {"amnre", "noA", "noO", "noBoth", "mono", "joint", "share", "mnre"}
    assert all(overrides for name, overrides in ABLATIONS.items() if name != "amnre")


@pytest.mark.parametrize("name", ABLATIONS)
def test_overfit_save_reload_score(name, tmp_path):
    facts = ENGLISH if name == "mono" else FACTS
    nlp = load(name)
    losses = train(nlp, make_examples(nlp.vocab, facts), steps=14, rate=0.03)
    assert losses[-1] < losses[0] / 3
    assert run(nlp, facts) == gold(facts)
    nlp.to_disk(tmp_path)
    reloaded = spacy.load(tmp_path)
    for one, other in zip(scores_of(nlp, facts), scores_of(reloaded, facts)):
        np.testing.assert_array_equal(one, other)
    scores = reloaded.evaluate(make_examples(reloaded.vocab, facts))
    assert scores["fact_ap"] == scores["fact_micro_f"] == 1.0
    plays = name in ("amnre", "noO")
    assert ("fact_lang_accuracy" in scores) == plays == (network(nlp).discriminator is not None)
    shared = {id(head) for head in network(reloaded).classifiers}
    assert len(shared) == (1 if name in ("share", "mono") else 3)
    assert network(reloaded).shared == (name == "mnre")


def test_shared_parts_stay_shared_in_training(tmp_path):
    nlp, optimizer, examples = started("mnre", share_classifiers=True)
    update(nlp, examples, optimizer)
    nlp.to_disk(tmp_path)
    reloaded = spacy.load(tmp_path)
    before = weights(reloaded)
    update(reloaded, make_examples(reloaded.vocab, FACTS), reloaded.resume_training())
    after = weights(reloaded)
    shared = [name for name in after if name.startswith("classifiers.0.")]
    assert shared
    for name in shared:
        assert not torch.equal(before[name], after[name])
        assert all(torch.equal(after[name], after[name.replace("classifiers.0", f"classifiers.{i}")]) for i in (1, 2))


def test_one_seed_gives_one_model():
    results = []
    for seed in (0, 0, 1):
        nlp, optimizer, examples = started(seed=seed, individual__dropout=0.5, adversary__dropout=0.5)
        for _ in range(3):
            update(nlp, examples, optimizer)
        results.append(weights(nlp))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
    assert not torch.equal(results[0]["words.table.weight"], results[2]["words.table.weight"])


def test_joint_with_one_language_is_the_bag_model():
    """The same weights give the same scores, evidence, loss and gradients."""
    one = model_config("CNN")
    several = {key: value for key, value in one.items() if key != "encoder"}
    several.update(individual=one["encoder"], consistent=None, langs=["en"], combine="average")
    several["@architectures"] = "spacy_relx.MultilingualBagModel.v1"
    plain, both = make_nlp(one, threshold=0.0), make_nlp(several, threshold=0.0)
    for nlp in (plain, both):
        nlp.initialize(lambda nlp=nlp: make_examples(nlp.vocab, ENGLISH))
    names = {"encoder": "individual.0", "classifier": "classifiers.0", "words": "words"}
    parts = {name: name.split(".", 1) for name in network(plain).state_dict()}
    state = network(plain).state_dict()
    network(both).load_state_dict({f"{names[part]}.{rest}": state[name] for name, (part, rest) in parts.items()})
    for old, new in zip(bags(plain, ENGLISH), bags(both, ENGLISH)):
        np.testing.assert_allclose(old._.fact_scores.scores, new._.fact_scores.scores, atol=1e-6)
        for a, b in zip(old._.facts, new._.facts):
            assert [each.start for each in a.evidence] == [each.start for each in b.evidence]
            np.testing.assert_allclose([e.weight for e in a.evidence], [e.weight for e in b.evidence], atol=1e-6)
    losses = [update(nlp, make_examples(nlp.vocab, ENGLISH), False)["fact_extractor"] for nlp in (plain, both)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for name, parameter in network(plain).encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, network(both).individual[0].get_parameter(name).grad)


@pytest.mark.parametrize("name", ["amnre", "joint"])
def test_evidence(name):
    nlp, _, _ = started(name)
    nlp.get_pipe("fact_extractor").threshold = 0.0
    for doc, row in zip(bags(nlp), FACTS):
        starts = [sent.start for sent in doc.sents]
        assert len(starts) == len(row[3])
        for fact in doc._.facts:
            assert sorted(each.start for each in fact.evidence) == starts
            found = [each.weight for each in fact.evidence]
            assert found == sorted(found, reverse=True) and sum(found) == pytest.approx(1, abs=1e-5)


# The game


@pytest.fixture
def steps(monkeypatch):
    """What each step of the optimizer changed, by part of the network, and the gradients that it had."""
    taken = []
    step = TorchShim.step

    def recorded(self, optimizer):
        before = {name: p.detach().clone() for name, p in self.module.named_parameters()}
        grads = {name: p.grad.clone() for name, p in self.module.named_parameters() if p.grad is not None}
        step(self, optimizer)
        changed = {n.split(".")[0] for n, p in self.module.named_parameters() if not torch.equal(p, before[n])}
        taken.append((changed, grads))

    monkeypatch.setattr(TorchShim, "step", recorded)
    return taken


ROUND = [{"words", "individual", "consistent", "classifiers", "classifier"}, {"discriminator"}, *[{"consistent"}] * 5]


def test_steps_of_an_update(steps):
    """Check 3, with Adam's momentum from earlier rounds: a step changes no bit of what it leaves out."""
    nlp, optimizer, examples = started(**PAPER)
    for _ in range(3):
        update(nlp, examples, optimizer)
    assert [changed for changed, _ in steps] == ROUND * 3


def test_steps_as_set_in_the_config(steps):
    nlp, optimizer, examples = started(adversary__steps=2, adversary__fooling_steps=1, adversary__fooling="uniform")
    update(nlp, examples, optimizer)
    assert [changed for changed, _ in steps] == [ROUND[0], {"discriminator"}, {"discriminator"}, {"consistent"}]


def test_reversal_is_one_step(steps, monkeypatch):
    nlp, optimizer, examples = started(adversary__game="reversal")
    for _ in range(2):
        update(nlp, examples, optimizer)
    assert [changed for changed, _ in steps] == [{*ROUND[0], "discriminator"}] * 2
    told = nlp.evaluate(examples)["fact_lang_accuracy"]
    assert told is not None
    monkeypatch.setattr(
        sys.modules["spacy_relx.evaluation.evaluate"], "_TOLD_AT_ONCE", 4
    )  # bags are asked for in parts
    assert evaluate(nlp, [eg.reference for eg in examples])["fact_lang_accuracy"] == pytest.approx(told)


def test_variants_of_languages_have_the_encoders_of_these():
    nlp, _, _ = started()
    plain, variant = (
        [doc._.fact_scores.scores for doc in nlp.pipe([without_facts(make_bag(nlp.vocab, *FACTS[0][:4], langs))])]
        for langs in (["en", "de", "es"], ["en-US", "de-AT", "es-MX"])
    )
    assert np.array_equal(plain[0], variant[0])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_steps_of_the_training_loop(steps, accumulate):
    """spaCy updates with sgd=False, once for each part of a batch, and then finishes the update."""
    nlp, optimizer, examples = started(**PAPER)
    loop = train_while_improving(
        nlp,
        optimizer,
        iter([(0, examples)] * 2),
        lambda: (0.0, {}),
        dropout=0.0,
        eval_frequency=100,
        accumulate_gradient=accumulate,
        patience=0,
        max_steps=0,
        exclude=[],
        annotating_components=[],
        before_update=None,
    )
    assert len(list(loop)) == 2
    assert [changed for changed, _ in steps] == ROUND * 2
    assert not nlp.get_pipe("fact_extractor").model.shims[0].layer.pending


def test_accumulated_steps_of_the_game_are_those_of_the_whole_batch(steps):
    nlp, optimizer, examples = started(**PAPER)
    optimizer.learn_rate = optimizer.grad_clip = 0.0  # nothing moves, so that all steps can be compared
    update(nlp, examples, optimizer)
    for part in (examples[:1], examples[1:]):
        update(nlp, part, False)
    nlp.get_pipe("fact_extractor").finish_update(optimizer)
    assert len(steps) == 14
    for (_, whole), (_, parts) in zip(steps[1:7], steps[8:]):
        torch.testing.assert_close(whole, parts)


def test_the_game_is_training_though_a_prediction_came_between():
    nlp, optimizer, examples = started(**PAPER)
    modes = []
    network(nlp).discriminator.register_forward_hook(lambda module, _, out: modes.append(module.training))
    update(nlp, examples, False)
    bags(nlp)
    assert not network(nlp).training
    nlp.get_pipe("fact_extractor").finish_update(optimizer)
    assert modes == [True] * 6


def test_what_is_pending_is_not_copied():
    nlp, optimizer, examples = started()
    update(nlp, examples, False)
    shim = nlp.get_pipe("fact_extractor").model.shims[0]
    assert len(shim.layer.pending) == 1
    assert copy.deepcopy(shim).layer.pending == pickle.loads(pickle.dumps(shim)).layer.pending == []
    assert len(shim.layer.pending) == 1
    nlp.get_pipe("fact_extractor").finish_update(optimizer)
    assert shim.layer.pending == []


@pytest.mark.parametrize("game", ["alternate", "reversal"])
def test_with_adversarial_training(game):
    """The worst small change of the words goes together with the game; out of training there is none."""
    losses = {}
    for eps in (0.0, 0.5):
        change = {"@architectures": "spacy_relx.AdversarialTraining.v1", "eps": eps, "scope": "bag"}
        nlp, optimizer, examples = started(adversarial=change, adversary__game=game)
        optimizer.learn_rate = 0.03
        pipe = nlp.get_pipe("fact_extractor")
        docs = [nlp.get_pipe("entity_type_marker")(eg.predicted) for eg in examples]
        still, _ = pipe.model((docs, pipe.targets(examples)), is_train=False)
        losses[eps] = [update(nlp, examples, optimizer)["fact_extractor"] for _ in range(12 if eps else 1)]
        assert (losses[eps][0] > still + 0.01) == (eps > 0)
    assert losses[0.5][-1] < losses[0.5][0] / 2
    assert run(nlp, FACTS) == gold(FACTS)


def test_lang_accuracy_is_that_of_the_discriminator():
    nlp, _, examples = started()
    langs = [lang for row in FACTS for lang in row[4]]
    for i, lang in enumerate(LANGS):
        with torch.no_grad():
            network(nlp).discriminator.output.weight.zero_()
            network(nlp).discriminator.output.bias.copy_(torch.eye(3)[i])
        accuracy = nlp.evaluate(examples)["fact_lang_accuracy"]
        assert accuracy == pytest.approx(langs.count(lang) / len(langs))
    assert "fact_lang_accuracy" not in nlp.evaluate([])


# Languages


def test_a_sentence_in_an_unknown_language():
    nlp, optimizer, _ = started()
    rows = [("ann", "acme", ["works_for"], ["Ann|h works for Acme|t", "Ann|h travaille chez Acme|t"], ["en", "fr"])]
    for act in (
        lambda: bags(nlp, rows),
        lambda: update(nlp, make_examples(nlp.vocab, rows), optimizer),
    ):
        with pytest.raises(RelxError, match=r"'fr' of a sentence \(Ann travaille chez Acme.* de, en, es") as caught:
            act()
        assert caught.value.code == "RX065"
    with pytest.raises(RelxError, match="RX065"):
        bags(nlp, [(*row[:4], []) for row in rows])  # no language at all


def initialised(nlp, facts=FACTS, langs=None):
    """Make the pipeline ready with bags, whose languages may be taken away."""
    examples = make_examples(nlp.vocab, facts if langs is None else [(*row[:4], langs) for row in facts])
    nlp.initialize(lambda: examples)


def test_languages_that_training_does_not_have(recwarn):
    with pytest.warns(
        RelxWarning, match=r"RX069. 'fact_extractor' .*\['fr', 'zh'\].*Languages in training: \['de', 'en', 'es'\]"
    ):
        initialised(load(langs=["de", "fr", "en", "es", "zh"]))
    with pytest.warns(RelxWarning, match=r"RX069.*\['de', 'es'\].*Languages in training: \['en'\]"):
        initialised(load(), ENGLISH)
    with pytest.warns(RelxWarning, match=r"RX069.*Languages in training: \[''\]"):
        initialised(load(), langs=[])
    recwarn.clear()
    initialised(load())
    router = load()
    router.add_pipe("language_router", first=True, config={"default": "en"})
    initialised(router, langs=[])  # the languages are not known yet
    initialised(make_nlp())  # a model that does not tell languages apart
    assert not [warning for warning in recwarn if issubclass(warning.category, RelxWarning)]


@pytest.mark.filterwarnings("ignore:.*RX505")
def test_bags_without_some_language_and_docs_without_bags():
    """Alone or in one batch: the same scores."""
    nlp, optimizer, examples = started()
    update(nlp, examples, optimizer)
    together = scores_of(nlp)
    for row, wanted in zip(FACTS, together):
        np.testing.assert_allclose(scores_of(nlp, [row])[0], wanted, atol=1e-6)
    empty = nlp.make_doc("")
    nothing = nlp.make_doc("Nobody knows anything .")
    nothing[0].is_sent_start = True
    docs = list(nlp.pipe([empty, nothing]))
    assert [len(doc._.fact_scores) for doc in docs] == [0, 0]
