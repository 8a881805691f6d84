"""Small joint extractors, trained on the sentences of `util`."""

import spacy
from spacy.tokens import Doc
from thinc.api import Config, fix_random_seed

from spacy_relx.joint.joint_extractor import DEFAULT_MODEL_CONFIG
from support.examples import SENTENCES, make_examples

LANGS = ("de", "en", "fr")
ONE = {"@architectures": "spacy_relx.OneTriple.v1", "dropout": 0.0}
AGGREGATOR = {"@architectures": "spacy_relx.LanguageAggregator.v1", "residual": True}
SWITCHER = {"@architectures": "spacy_relx.LanguageSwitcher.v1", "depths": [1, 1, 2], "hidden": 40, "top_k": 2}


def plain_encoder(hidden=24):
    encoder = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]["encoder"]
    return {**encoder, "hidden": hidden, "dropout": 0.0}


def language_encoder(aggregator=AGGREGATOR, switcher=SWITCHER, encoder=None):
    return {
        "@architectures": "spacy_relx.LanguageEncoder.v1",
        "encoder": encoder or plain_encoder(),
        "aggregator": aggregator,
        "switcher": switcher,
    }


def joint_model(finder=None, encoder=None, **settings):
    config = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
    config["encoder"] = encoder or plain_encoder()
    config["finder"].update({"hidden": 40, "dropout": 0.0, "overlap": "nested", **settings})
    config["finder"]["pairs"].update(hidden=32, dropout=0.0)
    if finder is not None:
        config["finder"] = finder
    return config


def make_joint(model=None, router=None, seed=0, **config):
    fix_random_seed(seed)
    nlp = spacy.blank("xx")
    if router is not None:
        nlp.add_pipe("language_router", config={"detector": None, **router})
    nlp.add_pipe("joint_extractor", config={"model": model or joint_model(), **config})
    return nlp


def examples_in(vocab, langs=LANGS):
    """The sentences, each in one of the languages, in turn."""
    examples = make_examples(vocab)
    for i, eg in enumerate(examples):
        for doc in (eg.reference, eg.predicted):
            doc._.lang = langs[i % len(langs)]
            doc.user_data["id"] = i
        eg.predicted.ents = []
        eg.predicted.spans.clear()
    return examples


def train_joint(nlp, examples, steps=60, rate=0.01):
    optimizer = nlp.initialize(lambda: examples)
    return go_on(nlp, examples, optimizer, steps, rate)


def go_on(nlp, examples, optimizer, steps, rate=0.01):
    optimizer.learn_rate = rate
    losses = []
    for _ in range(steps):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step)
        losses.append(step["joint_extractor"])
    return losses


def raw_docs(nlp, langs=LANGS, sentences=SENTENCES):
    docs = []
    for i, (words, _, _) in enumerate(sentences):
        doc = Doc(nlp.vocab, words=words.split())
        doc._.lang = langs[i % len(langs)]
        docs.append(doc)
    return docs


def outputs(nlp, langs=LANGS):
    """All that the pipeline says of the sentences, as plain data."""
    rows = []
    for doc in nlp.pipe(raw_docs(nlp, langs)):
        spans = [(span.start, span.end, span.label_) for span in doc.spans.get("mentions", ())]
        rows.append((spans, [relation.to_dict() for relation in doc._.relations]))
    return rows
