"""Small bags: batches for the networks, and Docs that a small fact extractor learns by heart."""

from __future__ import annotations

import spacy
import torch
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import filter_spans
from thinc.api import Config, fix_random_seed

from spacy_relx.bags.fact_extractor import DEFAULT_MODEL_CONFIG
from spacy_relx.bags.instance_batch import Bags, InstanceBatch
from spacy_relx.data.extensions import get_bag, set_bag, set_facts, set_sentence_langs
from spacy_relx.data.facts import Fact
from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.formats.mentions import blank_copy

WIDTH, N_MARKERS, N_WORDS = 4, 3, 9
#: (tokens, head, tail): head first, tail first, touching, nested either way, one within the other's beginning, at the
#: very ends.
INSTANCES = [
    (6, (1, 2), (4, 5)),
    (5, (3, 5), (0, 1)),
    (2, (0, 1), (1, 2)),
    (7, (1, 4), (2, 3)),
    (4, (1, 2), (0, 4)),
    (3, (0, 3), (0, 1)),
    (9, (8, 9), (0, 2)),
]
SIZES = (3, 1, 2, 1)


def make_batch(instances=INSTANCES) -> InstanceBatch:
    lengths = torch.tensor([length for length, _, _ in instances])
    starts = lengths.cumsum(0) - lengths
    mentions = torch.tensor([[head, tail] for _, head, tail in instances]) + starts.view(-1, 1, 1)
    rows = torch.arange(len(lengths))
    n = int(lengths.sum())
    return InstanceBatch(
        tokens=(torch.arange(n) * 5 + torch.arange(n) // 4) % N_WORDS,
        starts=starts,
        lengths=lengths,
        mentions=mentions,
        markers=torch.stack([rows % N_MARKERS, (rows + 1) % N_MARKERS], dim=1),
        langs=rows % 2,
    )


def make_bags(sizes=SIZES) -> Bags:
    return Bags.of_sizes(torch.tensor(sizes))


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ADVERSARIAL = {"@architectures": "spacy_relx.AdversarialTraining.v1", "eps": 0.1, "scope": "bag"}
LABELS = ("based_in", "founded", "works_for")
TYPES = {"ann": "PERSON", "bob": "PERSON", "eve": "PERSON", "rome": "PLACE", "oslo": "PLACE"}
#: (head, tail, relations, sentences): |h is behind the head, |t behind the tail.
FACTS = [
    ("ann", "acme", ["works_for"], ["Ann|h works for Acme|t", "Acme|t employs Ann|h today"]),
    ("bob", "initech", ["founded", "works_for"], ["Bob|h founded Initech|t", "Bob|h runs Initech|t"]),
    ("eve", "globex", ["founded"], ["Globex|t was founded by Eve|h"]),
    ("eve", "acme", [], ["Eve|h left Acme|t", "Acme|t never met Eve|h"]),
    (
        "globex",
        "oslo",
        ["based_in"],
        ["Globex|h is based in Oslo|t", "Globex|h of Oslo|t", "offices of Globex|h in Oslo|t"],
    ),
    ("acme", "rome", ["based_in"], ["Acme|h of Rome|t"]),
    ("rome", "acme", [], ["Acme|t of Rome|h"]),
    ("ann", "bob", [], ["Ann|h met Bob|t"]),
]


def make_bag(vocab, head, tail, relations, sentences, langs=()) -> Doc:
    """A bag Doc with gold facts. langs: of the sentences."""
    words, starts, mentions, parts = [], [], [], []
    for i, sentence in enumerate(sentences):
        tokens = sentence.split()
        first = len(words)
        for role, name in (("|h", head), ("|t", tail)):
            places = [first + j for j, token in enumerate(tokens) if token.endswith(role)]
            mentions.append((places[0], places[-1] + 1, name))
        words += [token.removesuffix("|h").removesuffix("|t") for token in tokens]
        starts += [j == 0 for j in range(len(tokens))]
        parts.append((first, len(words), langs[i] if langs else ""))
    doc = Doc(vocab, words=words, sent_starts=starts)
    add_mentions(doc, [(start, end, TYPES.get(name, "ORG"), name) for start, end, name in mentions])
    set_bag(doc, (head, tail))
    set_facts(doc, [Fact(head, label, tail) for label in relations])
    if langs:
        set_sentence_langs(doc, parts)
    return doc


def add_mentions(doc, mentions):
    """mentions: (start, end, type, entity id)."""
    spans = [Span(doc, start, end, label=label, kb_id=kb_id) for start, end, label, kb_id in mentions]
    doc.spans[MENTIONS_KEY] = spans
    doc.ents = filter_spans(spans)
    return doc


def text_doc(vocab, words, mentions, sentences=None) -> Doc:
    """An ordinary Doc. words: of sentences that end with a full stop. mentions: (start, end, type, entity id)."""
    tokens = words.split()
    starts = [i == 0 or tokens[i - 1] == "." for i in range(len(tokens))]
    return add_mentions(Doc(vocab, words=tokens, sent_starts=starts if sentences is None else sentences), mentions)


def without_facts(doc) -> Doc:
    """What a corpus gives the pipeline of a gold bag."""
    copied = blank_copy(doc)
    set_bag(copied, get_bag(doc))
    if len(doc):
        set_sentence_langs(copied, [(s.start, s.end, s._.lang) for s in doc.sents])
    return copied


def make_examples(vocab, facts=FACTS) -> list[Example]:
    gold = [make_bag(vocab, *row) for row in facts]
    return [Example(without_facts(doc), doc) for doc in gold]


def model_config(
    encoder="PCNN", aggregator="SelectiveAttention", loss="softmax", positions="PositionFeatures", **model
):
    """The model part of a small `fact_extractor`'s config, without dropout."""
    config = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
    config["words"].update(width=12, min_count=1)
    sizes = {"channels": 16} if "CNN" in encoder else {"hidden": 12}
    places = {"@architectures": f"spacy_relx.{positions}.v1"}
    config["encoder"] = {"@architectures": f"spacy_relx.{encoder}.v1", "positions": places, "dropout": 0.0, **sizes}
    config["classifier"].update(loss=loss, aggregator={"@architectures": f"spacy_relx.{aggregator}.v1"})
    return {**config, **model}


def make_nlp(model=None, seed=0, **config):
    fix_random_seed(seed)
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker", config={"generator": {"@misc": "spacy_relx.BagPairs.v1"}})
    settings = {"threshold": 0.3, "scorer": None, **config}
    nlp.add_pipe("fact_extractor", config={"model": model or model_config(), **settings})
    return nlp


def train(nlp, examples=None, steps=25, rate=0.03):
    examples = examples or make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = rate
    losses = []
    for _ in range(steps):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step)
        losses.append(step["fact_extractor"])
    return losses


def found(doc) -> set[tuple[str, str, str]]:
    return {(fact.head, fact.label, fact.tail) for fact in doc._.facts}


def gold(facts=FACTS):
    return [{(head, label, tail) for label in labels} for head, tail, labels, *_ in facts]


def run(nlp, facts=FACTS, **settings):
    return [found(doc) for doc in nlp.pipe(bag_docs(nlp, facts), **settings)]


def bag_docs(nlp, facts=FACTS, **settings):
    return [without_facts(make_bag(nlp.vocab, *row, **settings)) for row in facts]


def extractor(nlp):
    return nlp.get_pipe("fact_extractor")


def network(nlp):
    return extractor(nlp).model.shims[0].module


def facts_folder(path):
    """A pipeline, and two files of ordinary documents; each pair of `FACTS` has its sentences in both."""
    nlp = make_nlp()
    train(nlp, steps=40)
    nlp.to_disk(path / "pipeline")
    bins = [DocBin(store_user_data=True), DocBin(store_user_data=True)]
    for number, (head, tail, _, sentences) in enumerate(FACTS):
        for i, sentence in enumerate(sentences):
            tokens = sentence.split()
            words = [token.removesuffix("|h").removesuffix("|t") for token in tokens]
            places = {token[-2:]: j + 1 for j, token in enumerate(tokens) if token.endswith(("|h", "|t"))}
            ends = ((places["|h"], head), (places["|t"], tail))
            mentions = [(place, place + 1, TYPES.get(name, "ORG"), name) for place, name in ends]
            doc = text_doc(nlp.vocab, " ".join(["Then", *words, "."]), mentions)
            doc.user_data["id"] = f"d{number}"
            bins[i % 2].add(doc)
    for i, docbin in enumerate(bins):
        docbin.to_disk(path / f"part{i}.spacy")
    return path
