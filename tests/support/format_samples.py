"""Small files of JSON formats."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_relx.formats.importers.spacy_rel import REL

WORDS = ["😀", "Ann", "Bee", "met", "Zoë", "in", "New", "York", "."]


def spert(**change):
    entities = [("Peop", 1, 3), ("Name", 1, 2), ("Peop", 4, 5), ("Loc", 6, 8)]
    return {
        "tokens": WORDS,
        "entities": [{"type": kind, "start": start, "end": end} for kind, start, end in entities],
        "relations": [{"type": "met", "head": 0, "tail": 2}, {"type": "in", "head": 2, "tail": 3}],
        "orig_id": 7,
        **change,
    }


def ace(**change):
    return {
        "doc_key": "d1",
        "sentences": [WORDS, ["She", "knows", "Bob"], []],
        "ner": [[[1, 2, "PER"], [1, 1, "NAME"], [4, 4, "PER"]], [[11, 11, "PER"]], []],
        "relations": [[[1, 2, 4, 4, "met"]], [[9, 9, 11, 11, "knows"]], []],
        **change,
    }


def tacred(**change):
    row = {"id": "t1", "relation": "per:met", "token": WORDS, "subj_start": 4, "subj_end": 4, "obj_start": 1}
    return {**row, "obj_end": 2, "subj_type": "PERSON", "obj_type": "PERSON", **change}


def docbin(path: Path, *rels, user_data=True) -> Path:
    docs = []
    for rel in rels:
        doc = Doc(spacy.blank("xx").vocab, words=WORDS, spaces=[True] * 7 + [False] * 2)
        ann = Span(doc, 1, 3, label="PER", kb_id="Q1")
        doc.ents = [ann, Span(doc, 4, 5, label="PER"), Span(doc, 6, 8, label="LOC")]
        if rel is not None:
            doc.user_data[REL] = rel
        docs.append(doc)
    DocBin(docs=docs, store_user_data=user_data).to_disk(path)
    return path
