"""Tiny saved pipelines with one of our components each, answers of theirs, and ways to damage and to forge files."""

from __future__ import annotations

import json
from pathlib import Path

import spacy

from spacy_relx.core.component import saving
from support import bag as bag_util
from support import consistency as consistency_util
from support import joint as joint_util
from support import model as model_util
from support.examples import SENTENCES, make_doc, make_examples
from support.tiny_transformer import make_transformer
from support.tiny_transformer import model_config as marked_config

#: Folder of a component in its pipeline -> the files in it.
COMPONENTS = {
    "entity_type_marker": ("cfg",),
    "relation_extractor": ("cfg", "model"),
    "joint_extractor": ("cfg", "model"),
    "language_router": ("cfg",),
    "fact_extractor": ("cfg", "model"),
    "fact_checker": (
        "cfg",
        *(f"embeddings/{name}" for name in ("entities.npy", "entities.txt", "meta.json", "relations.npy")),
        *(f"triples/{name}" for name in ("by_pair.npy", "entities.txt", "meta.json", "triples.npy")),
    ),
    "marked_extractor": ("cfg", "model"),
}
FILES = [(name, file) for name, files in COMPONENTS.items() for file in (*files, saving.CHECKSUMS)]


def make_pipeline(name, folder):
    """A pipeline with this component, initialised, not trained. folder: for the files that it is made of."""
    if name in ("entity_type_marker", "relation_extractor"):
        nlp = model_util.make_nlp(threshold=0.0)
        nlp.initialize(lambda: make_examples(nlp.vocab))
    elif name == "marked_extractor":
        nlp = spacy.blank("en")
        nlp.add_pipe("entity_type_marker")
        model = marked_config(make_transformer(folder, num_hidden_layers=1), "single")
        nlp.add_pipe("relation_extractor", name=name, config={"model": model, "threshold": 0.0})
        nlp.initialize(lambda: make_examples(nlp.vocab))
    elif name == "joint_extractor":
        nlp = joint_util.make_joint(joint_util.joint_model(mention_threshold=0.05), threshold=0.0)
        nlp.initialize(lambda: joint_util.examples_in(nlp.vocab))
    elif name == "language_router":
        nlp = spacy.blank("xx")
        config = {"detector": None, "default": "de", "langs": ["de", "en"], "fallbacks": {"fr": "en"}}
        nlp.add_pipe(name, config=config)
        nlp.get_pipe(name).add_langs(["pt", "nl"])
    elif name == "fact_extractor":
        nlp = bag_util.make_nlp()
        nlp.initialize(lambda: bag_util.make_examples(nlp.vocab))
    else:
        nlp = spacy.blank("xx")
        nlp.add_pipe(name).set_knowledge(embeddings=consistency_util.EMBEDDINGS, triples=consistency_util.BASE)
    return nlp


def answers(nlp):
    """All that the pipeline's components say of some Docs, as plain data."""
    if "fact_extractor" in nlp.pipe_names:
        docs = list(nlp.pipe(bag_util.bag_docs(nlp)))
        return [doc._.fact_scores.to_dict() for doc in docs]
    if "joint_extractor" in nlp.pipe_names:
        return joint_util.outputs(nlp)
    if "fact_checker" in nlp.pipe_names:
        checker, names = nlp.get_pipe("fact_checker"), ("a", "b", "c", "d")
        parts = checker.consistency
        ids = parts.embeddings.ids.entity_ids if parts.embeddings is not None else names
        relations = parts.embeddings.ids.relation_ids if parts.embeddings is not None else names
        rows = [(head, relation, tail) for head in ids for relation in relations for tail in ids]
        return list(parts.check(rows).fields())
    if "language_router" in nlp.pipe_names:
        router = nlp.get_pipe("language_router")
        return [router.langs, [router.route_of(lang) for lang in ("de", "pt", "nl", "fr")]]
    docs = list(nlp.pipe([make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]))
    return [(doc._.candidates.to_dict(), [each.to_dict() for each in doc._.relations]) for doc in docs]


def resign(folder):
    """Write a component's checksums anew, as somebody who changes its files on purpose would."""
    path = Path(folder) / saving.CHECKSUMS
    document = json.loads(path.read_text(encoding="utf8"))
    sums = {name: saving._sum_of_file(path.parent / name) for name in document["files"]}
    path.write_text(json.dumps(saving._document(None, sums, document["component"])), encoding="utf8")
