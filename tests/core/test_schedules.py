"""The learning rate of the configs, inside and outside of a training run."""

from itertools import islice

import pytest
import spacy
import thinc.api
from spacy.util import load_config, load_model_from_config, registry
from support.trained_configs import CONFIGS, ROOT, TRAINED_BY_CONFIGS

from spacy_relx.core.schedules import warmup_linear
from spacy_relx.errors import RelxError

#: Settings of a schedule whose number of steps spaCy has not filled in.
UNRESOLVED = "${training.max_steps}"


def rates(n, **settings):
    return list(islice(warmup_linear(0.003, **settings), n))


@pytest.mark.parametrize(("steps", "warmup_steps"), [(1040, 52), (5200, 260), (432, 43), (7, 0)])
def test_it_is_the_curve_of_thinc(steps, warmup_steps):
    naive = list(islice(thinc.api.warmup_linear(0.003, warmup_steps, steps), steps + 5))
    assert rates(steps + 5, warmup=warmup_steps / steps, total_steps=steps) == pytest.approx(naive)


@pytest.mark.parametrize("total_steps", [None, 0, -1, UNRESOLVED])
def test_without_a_number_of_steps_it_is_constant(total_steps):
    assert rates(5000, total_steps=total_steps) == [0.0015] * 5000
    assert sum(rates(1040, total_steps=1040)) / 1040 == pytest.approx(0.0015)  # the mean of the curve


@pytest.mark.parametrize(
    "settings", [{"warmup": 1.0}, {"warmup": -0.1}, {"total_steps": "many"}, {"initial_rate": 0.0}], ids=str
)
def test_settings_are_checked_before_the_first_step(settings):
    with pytest.raises(RelxError, match="RX021"):
        warmup_linear(**{"initial_rate": 0.003, **settings})


def optimizer_settings(name):
    return load_config(CONFIGS[name])["training"]["optimizer"]


@pytest.mark.parametrize("name", TRAINED_BY_CONFIGS)
def test_the_optimizer_of_a_config_can_be_made_alone(name):
    """As `nlp.create_optimizer` does, which sees nothing of the config but the optimizer's own section."""
    optimizer = registry.resolve({"optimizer": optimizer_settings(name)})["optimizer"]
    assert optimizer.learn_rate > 0


def test_one_setting_changes_the_number_of_steps():
    overrides = {"training.max_steps": 100}
    config = load_config(ROOT / "configs" / "cpu.cfg", overrides=overrides).interpolate()
    optimizer = registry.resolve({"optimizer": config["training"]["optimizer"]})["optimizer"]
    seen = [optimizer.learn_rate]
    for _ in range(101):
        optimizer.step_schedules()
        seen.append(optimizer.learn_rate)
    assert seen[0] == 0.0 and seen[5] == max(seen) == 0.003 and seen[99] > 0.0 == seen[100] == seen[101]


def test_a_pipeline_of_a_config_is_trained_on_in_python(tmp_path):
    from support.examples import make_examples
    from support.model import model_config

    config = load_config(ROOT / "configs" / "cpu.cfg")
    config["components"]["relation_extractor"]["model"] = model_config()
    nlp = load_model_from_config(config, auto_fill=True)
    examples = make_examples(nlp.vocab)
    assert nlp.initialize(lambda: examples).learn_rate == 0.0015
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    optimizer = loaded.resume_training()
    assert optimizer.learn_rate == 0.0015
    examples = make_examples(loaded.vocab)
    losses = [loaded.update(examples, sgd=optimizer)["relation_extractor"] for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]
