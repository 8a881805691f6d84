"""How far a knowledge base supports facts and relations: the core against a plain loop, the component, the fields."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.consistency import BASE, EMBEDDINGS, ENTITIES, KNOWN, RELATIONS_OF, alike, make_embeddings, naive, raises

from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.types import SUPPORT, Mention, Relation
from spacy_relx.knowledge.consistency import Consistency, relation_probabilities
from spacy_relx.knowledge.triples import KnowledgeBase

# The core


NAMES = st.sampled_from([*ENTITIES, "paris", "nobody"])


ROWS = st.lists(st.tuples(NAMES, st.sampled_from([*RELATIONS_OF, "twin_of", "eats"]), NAMES), max_size=15)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, st.integers(0, 5), st.booleans(), st.booleans(), st.sampled_from([1, 20, 1 << 20]))
def test_the_core_is_the_plain_loop(rows, known, seed, reciprocal, ties, max_scores):
    embeddings = make_embeddings(seed, reciprocal, ties)
    consistency = Consistency(embeddings, KnowledgeBase.from_rows(known), max_scores=max_scores)
    rows = [*rows, *known, *rows]
    support = consistency.check(rows)
    fields = list(support.fields())
    assert len(fields) == len(rows) == len(support.scores) == len(support.known) == len(support.ranks)
    for row, found in zip(rows, fields):
        alike(found, naive(embeddings, known, row))


def test_parts_of_a_knowledge_base():
    rows = [("ann", "lives_in", "rome"), ("bob", "works_for", "acme"), ("eve", "lives_in", "paris")]
    both = Consistency(EMBEDDINGS, BASE).check(rows)
    assert both.known.tolist() == [False, True, True] and np.isnan(both.ranks).tolist() == [False, True, True]
    vectors = Consistency(EMBEDDINGS, None).check(rows)
    np.testing.assert_array_equal(vectors.scores, both.scores)
    assert vectors.known is None and np.isnan(vectors.ranks).all()
    assert [found["known"] for found in vectors.fields()] == [None] * 3
    triples = Consistency(None, BASE).check(rows)
    assert triples.known.tolist() == both.known.tolist() and np.isnan([triples.scores, triples.ranks]).all()
    with raises("RX253"):
        Consistency(None, None)


def test_probabilities_are_of_all_relations():
    rows = [("ann", relation, "rome") for relation in RELATIONS_OF]
    scores = Consistency(EMBEDDINGS, None).check(rows).scores
    assert scores.sum() == pytest.approx(1) and (scores > 0).all()
    assert np.isnan(relation_probabilities(EMBEDDINGS.model, np.array([[0, -1, 1], [-1, 0, 1]]))).all()


def test_broken_vectors_have_no_score():
    embeddings = make_embeddings()
    with torch.no_grad():
        embeddings.model.entities[0] = float("nan")
    found = list(Consistency(embeddings, BASE).check([("ann", "knows", "bob")]).fields())
    assert found == [{"kb_score": None, "known": False, "kb_rank": None}]


def test_a_knowledge_base_is_saved_over_the_files_it_is_mapped_from(tmp_path):
    BASE.save(tmp_path)
    mapped = KnowledgeBase.load(tmp_path)
    mapped.save(tmp_path)
    again = KnowledgeBase.load(tmp_path, mmap=False)
    assert again.decode(again.triples) == mapped.decode(mapped.triples) == KNOWN
    assert not list(tmp_path.glob("*.tmp"))


# The fields


NUMBERS = st.none() | st.floats(0, 1)


FIELDS = st.fixed_dictionaries(
    {"kb_score": NUMBERS, "known": st.none() | st.booleans(), "kb_rank": st.none() | st.floats(1, 1e9)}
)


HEAD, TAIL = Mention(0, 1, "PERSON", "ann"), Mention(3, 4, "ORG", "acme")


@given(FIELDS, st.floats(0, 1))
def test_fields_through_plain_data(fields, score):
    fact = Fact("ann", "works_for", "acme", score, (Evidence(0, 5, HEAD, TAIL, 0.5),), **fields)
    relation = Relation(HEAD, "works_for", TAIL, score, **fields)
    for item in (fact, relation):
        row = json.loads(json.dumps(item.to_dict()))
        assert type(item).from_any(row) == item
        assert {name for name in SUPPORT if name in row} == {name for name in SUPPORT if fields[name] is not None}
        nulls = {**row, **{name: row.get(name) for name in SUPPORT}}
        assert type(item).from_any(nulls) == item


def test_plain_data_without_the_fields():
    fact = Fact.from_any({"head": "a", "label": "x", "tail": "b", "score": 0.5})
    assert (fact.kb_score, fact.known, fact.kb_rank) == (None, None, None)
    assert set(fact.to_dict()) == {"head", "label", "tail", "score"}
    assert set(Relation(HEAD, "x", TAIL).to_dict()) == {"head", "label", "tail", "score"}


def test_numbers_of_numpy_become_plain():
    row = Fact("a", "x", "b", 1.0, (), np.float32(0.5), np.True_, np.int64(3)).to_dict()
    assert (row["kb_score"], row["known"], row["kb_rank"]) == (0.5, True, 3.0)
    assert [type(row[name]) for name in SUPPORT] == [float, bool, float]
    assert Fact.from_any({**row, "known": np.False_, "kb_rank": np.int64(2)}).to_dict()["known"] is False


@pytest.mark.parametrize(
    "fields",
    [
        {"kb_score": 1.5},
        {"kb_score": -0.1},
        {"kb_score": float("nan")},
        {"kb_score": "high"},
        {"kb_score": [0.5, 0.5]},
        {"known": "no"},
        {"known": 1},
        {"kb_rank": 0},
        {"kb_rank": {}},
    ],
)
def test_what_cannot_be_said(fields):
    with raises("RX254"):
        Fact.from_any({"head": "a", "label": "x", "tail": "b", **fields})
    with raises("RX254"):
        Relation.from_any({"head": HEAD, "label": "x", "tail": TAIL, **fields})
