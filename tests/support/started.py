"""A pipeline of several languages, trained for a few steps."""

import re
import shlex
from pathlib import Path

from spacy.cli._util import parse_config_overrides
from spacy.util import load_config, load_model_from_config
from thinc.api import fix_random_seed

from support.bag import make_examples

CONFIG = Path(__file__).parents[2] / "projects" / "amnre" / "configs" / "amnre.cfg"


MODEL = "components.fact_extractor.model"


LANGS = ["de", "en", "es"]


FACTS = [
    (
        "ann",
        "acme",
        ["works_for"],
        ["Ann|h works for Acme|t", "Ann|h arbeitet für Acme|t", "Ann|h trabaja en Acme|t"],
        ["en", "de", "es"],
    ),
    ("bob", "initech", ["founded", "works_for"], ["Bob|h founded Initech|t", "Bob|h gründete Initech|t"], ["en", "de"]),
    ("eve", "globex", ["founded"], ["Globex|t fue fundada por Eve|h"], ["es"]),
    ("eve", "acme", [], ["Eve|h left Acme|t", "Eve|h verließ Acme|t", "Eve|h mied Acme|t"], ["en", "de", "de"]),
    ("globex", "oslo", ["based_in"], ["Globex|h sitzt in Oslo|t", "oficinas de Globex|h en Oslo|t"], ["de", "es"]),
    ("rome", "acme", [], ["Acme|t of Rome|h", "Acme|t de Rome|h"], ["en", "es"]),
]


#: Of a product of up to four probabilities, in bags with up to two relations, which share each of them.
THRESHOLD = 0.04


SIZES = {
    "langs": LANGS,
    "words.width": 12,
    "words.min_count": 1,
    "individual.channels": 12,
    "individual.dropout": 0.0,
    "consistent.channels": 12,
    "consistent.dropout": 0.0,
    "adversary.hidden": 8,
    "adversary.dropout": 0.0,
}


def ablations():
    """Name -> what the comment in the config says to add to the command."""
    text = CONFIG.read_text(encoding="utf8")
    shown = re.search(r"^# M=(\S+)$", text, re.MULTILINE)[1]
    lines = re.findall(r"^#   (\w+) +(\S.*)$", text, re.MULTILINE)
    return {name: parse_config_overrides(shlex.split(line.replace("$M", shown))) for name, line in lines}


ABLATIONS = {"amnre": {}, **ablations()}


def load(name="amnre", seed=0, **settings):
    """A small pipeline of the config. settings: of the model, with __ between names of parts."""
    overrides = {f"{MODEL}.{key}": value for key, value in SIZES.items()}
    overrides["components.fact_extractor.threshold"] = THRESHOLD
    overrides.update(ABLATIONS[name])
    overrides.update({f"{MODEL}.{key.replace('__', '.')}": value for key, value in settings.items()})
    absent = tuple(f"{key}." for key, value in overrides.items() if value is None)
    overrides = {key: value for key, value in overrides.items() if not (absent and key.startswith(absent))}
    fix_random_seed(seed)
    return load_model_from_config(load_config(CONFIG, overrides=overrides), auto_fill=True)


def started(*args, facts=FACTS, **settings):
    """A pipeline that is ready to train, its optimizer, and Examples."""
    nlp = load(*args, **settings)
    examples = make_examples(nlp.vocab, facts)
    return nlp, nlp.initialize(lambda: examples), examples
