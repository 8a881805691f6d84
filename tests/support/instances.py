"""Tiny models over instances with a transformer, and bags for them."""

from __future__ import annotations

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_relx.data.extensions import (
    get_bag,
    get_sentence_langs,
    set_bag,
    set_extensions,
    set_facts,
    set_sentence_langs,
)
from spacy_relx.formats.mentions import blank_copy
from support.tiny_transformer import KINDS, make_transformer

#: Bags: (head, tail, relation or None, sentences with their language). Words that the tiny tokenizer knows.
BAGS = [
    ("ann", "acme", "works_for", [("ann works for acme", "en"), ("ann met acme in rome", "en")]),
    ("bob", "initech", "founder_of", [("bob founded initech", "en"), ("initech was founded by bob", "de")]),
    ("eve", "globex", None, [("eve met globex", "en"), ("eve never worked for globex", "de")]),
    ("acme", "rome", "based_in", [("acme of rome", "de")]),
    ("rome", "acme", None, [("acme of rome", "de")]),
]


def make_folders(tmp_path_factory):
    return {kind: make_transformer(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def words_config(folder, transformer=None, **settings):
    source = {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder), **(transformer or {})}
    return {"@architectures": "spacy_relx.MarkedSubwords.v1", "transformer": source, **settings}


def encoder_config(pooling="EntityStart", **settings):
    defaults = {"dropout": 0.0, "precision": "fp32", **settings}
    pooled = {"@architectures": f"spacy_relx.{pooling}.v1"}
    return {"@architectures": "spacy_relx.TransformerEncoder.v1", "pooling": pooled, **defaults}


BAG_CLASSIFIER = {
    "@architectures": "spacy_relx.BagClassifier.v1",
    "aggregator": {"@architectures": "spacy_relx.SelectiveAttention.v1"},
}


def bag_config(folder, words=None, encoder=None, **settings):
    return {
        "@architectures": "spacy_relx.BagModel.v1",
        "words": words_config(folder, **(words or {})),
        "encoder": encoder_config(**(encoder or {})),
        "classifier": BAG_CLASSIFIER,
        **settings,
    }


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
