"""Sentences and bags of them, made by hand."""

from __future__ import annotations

import random
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.formats.bag_spool import BagSpool
from spacy_relx.formats.docbin import new_docbin, quick_msgpack
from spacy_relx.formats.instances import sentence_instances

VOCAB = spacy.blank("xx").vocab


def sentence(text: str, head=(0, 1), tail=(2, 3), ids=("Q1", "Q2"), label: str | None = None, lang="en", vocab=VOCAB):
    """A Doc of one sentence with two mentions, head first, and a relation if there is a label."""
    words = text.split()
    doc = Doc(vocab, words=words, spaces=[True] * (len(words) - 1) + [False])
    first, second = Mention(*head, "PERSON", ids[0]), Mention(*tail, "PLACE", ids[1])
    doc.spans[MENTIONS_KEY] = [first.span(doc), second.span(doc)]
    doc._.lang = lang
    if label is not None:
        doc._.relations = [Relation(first, label, second)]
    return doc


def group(docs, **kwargs) -> list[Doc]:
    with BagSpool(VOCAB, **kwargs) as spool:
        for doc in docs:
            for instance in sentence_instances(doc):
                spool.add(*instance)
        return list(spool.bags())


def one_bag(*docs: Doc) -> Doc:
    (bag,) = group(docs)
    return bag


def through_docbin(doc: Doc) -> Doc:
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(Vocab()))


def spans_of(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span.kb_id_) for span in doc.spans[MENTIONS_KEY]]


def many(n: int, seed: int = 0) -> list[Doc]:
    rng = random.Random(seed)
    docs = []
    for i in range(n):
        ids = (f"h{rng.randrange(8)}", f"t{rng.randrange(8)}")
        label = rng.choice([None, "x", "y"])
        text = f"Ann {'very ' * rng.randrange(3)}likes it Ulm {i}"
        docs.append(sentence(text, ids=ids, label=label, lang=rng.choice("ab")))
    return docs


def naive(docs: list[Doc]) -> dict[tuple[str, str], tuple[list[str], set[str]]]:
    bags: dict[tuple[str, str], tuple[list[str], set[str]]] = {}
    for doc in docs:
        head, tail = doc.spans[MENTIONS_KEY]
        texts, labels = bags.setdefault((head.kb_id_, tail.kb_id_), ([], set()))
        texts.append(doc.text)
        labels.update(relation.label for relation in doc._.relations)
    return bags


def save(path: Path, docs: list[Doc]) -> Path:
    docbin = new_docbin()
    with quick_msgpack():
        for doc in docs:
            docbin.add(doc)
    docbin.to_disk(path)
    return path
