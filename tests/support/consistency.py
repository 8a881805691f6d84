"""Embeddings and triples to ask, and the plain loop that answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spacy_relx.data.types import SUPPORT
from spacy_relx.errors import RelxError
from spacy_relx.knowledge.complex_network import ComplEx
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.triples import KnowledgeBase

ENTITIES, RELATIONS_OF = ["ann", "bob", "eve", "acme", "rome", "oslo"], ["works_for", "lives_in", "knows"]


#: In another order than the embeddings have, with an entity and a relation that these lack.
KNOWN = [
    ("rome", "twin_of", "oslo"),
    ("bob", "works_for", "acme"),
    ("eve", "lives_in", "rome"),
    ("eve", "lives_in", "paris"),
    ("ann", "lives_in", "oslo"),
]


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def make_embeddings(seed=0, reciprocal=True, ties=False):
    generator = torch.Generator().manual_seed(seed)
    sizes = (len(ENTITIES), len(RELATIONS_OF), 3)
    model = ComplEx.random(*sizes, reciprocal=reciprocal, scale=1.0, generator=generator)
    if ties:  # whole numbers: many scores are equal, exactly
        with torch.no_grad():
            model.entities.round_().clamp_(-1, 1)
            model.relations.round_().clamp_(-1, 1)
    return KBEmbeddings(KnowledgeBase(ENTITIES, RELATIONS_OF, np.zeros((0, 3), "int32")), model)


EMBEDDINGS, BASE = make_embeddings(), KnowledgeBase.from_rows(KNOWN)


def naive(embeddings, known, row):
    """kb_score, known and kb_rank of one triple, from the numbers of the vectors."""
    h, r, t = row
    is_known = row in known
    if h not in ENTITIES or t not in ENTITIES or r not in RELATIONS_OF:
        return {"kb_score": None, "known": is_known, "kb_rank": None}
    tables = [table.detach().double().numpy() for table in (embeddings.model.entities, embeddings.model.relations)]
    entities, relations = (table[:, :3] + 1j * table[:, 3:] for table in tables)

    def score(h, r, t):
        numbers = (entities[ENTITIES.index(h)], relations[RELATIONS_OF.index(r)], entities[ENTITIES.index(t)].conj())
        return float(np.real(np.prod(numbers, axis=0).sum()))

    exponents = [math.exp(score(h, each, t)) for each in RELATIONS_OF]
    found = {"kb_score": exponents[RELATIONS_OF.index(r)] / sum(exponents), "known": is_known, "kb_rank": None}
    if not is_known:
        others = [score(h, r, e) for e in ENTITIES if e != t and (h, r, e) not in known]
        own = score(h, r, t)
        higher, equal = (sum(test(each) for each in others) for test in (lambda x: x > own, lambda x: x == own))
        found["kb_rank"] = 1 + higher + equal / 2
    return found


def alike(found, wanted):
    """Equal but for rounding; whether something is missing and what is known are equal."""
    assert set(found) == set(wanted) == set(SUPPORT)
    assert found["known"] is wanted["known"] and found["kb_rank"] == wanted["kb_rank"], (found, wanted)
    if wanted["kb_score"] is None:
        assert found["kb_score"] is None
    else:
        assert found["kb_score"] == pytest.approx(wanted["kb_score"], abs=1e-6)
