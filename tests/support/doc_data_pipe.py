"""A component that writes all our data on a Doc; a module of its own, so that worker processes can import it."""

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from spacy_relx import Candidates, Mention, Relation
from spacy_relx.data.extensions import set_extensions, set_sentence_langs

HEAD, TAIL = Mention(0, 1, "PER", "Q1"), Mention(1, 3, "LOC")
RELATION = Relation(HEAD, "lives_in", TAIL, 0.25)


def write_all(doc: Doc) -> Doc:
    """Relations, candidates and languages on a Doc of three tokens or more."""
    doc._.relations = [RELATION, Relation(TAIL, "home_of", HEAD)]
    doc._.candidates = Candidates([HEAD, TAIL], np.array([1, 2]), np.array([[0, 1], [1, 0]]), dropped=3)
    doc._.lang = "tr"
    set_sentence_langs(doc, [(0, 2, "tr"), (2, len(doc), "de")])
    return doc


def read_all(doc: Doc) -> dict:
    """What `write_all` wrote, as plain data, to compare."""
    candidates = doc._.candidates
    return {
        "relations": list(doc._.relations),
        "triples": doc._.triples,
        "candidates": list(candidates),
        "markers": candidates.markers.tolist(),
        "dropped": candidates.dropped,
        "lang": doc._.lang,
        "span_langs": [doc[i : i + 1]._.lang for i in range(len(doc))],
    }


@Language.component("test_write_all")
def write_all_component(doc: Doc) -> Doc:
    set_extensions()
    return write_all(doc)
