"""Records that are objects and plain data at once: `Doc.to_json`, `Doc.from_json`, encoders, reprs, lists."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import srsly
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from support.doc_data_pipe import HEAD, RELATION, TAIL, read_all, write_all

from spacy_relx import Candidate, Candidates, Mention, Relation, set_extensions
from spacy_relx.data.extensions import get_candidates, has_candidates, has_fact_scores, set_removed
from spacy_relx.data.facts import Bag, Evidence, Fact, FactScores
from spacy_relx.errors import RelxError

set_extensions()
VOCAB = Vocab()
NAMES = ["relations", "removed_relations", "candidates", "facts", "fact_scores", "bag", "lang", "triples"]


def make_doc() -> Doc:
    doc = Doc(VOCAB, words=["Ann", "runs", "New", "Ulm", "Ltd"])
    doc.ents = [Span(doc, 0, 1, "PERSON"), Span(doc, 2, 4, "PLACE", kb_id="Q2")]
    return doc


def annotated() -> Doc:
    doc = make_doc()
    ann, ulm = doc.ents
    doc._.relations = [Relation(ann, "runs", ulm, 0.5, kb_score=0.25, known=True), Relation(ulm, "run_by", ann)]
    set_removed(doc, [{"head": ann, "label": "is", "tail": ulm, "score": 0.25, "reason": "types"}])
    doc._.facts = [Fact("Q1", "runs", "Q2", 0.5, [Evidence(0, 5, ann, ulm, 0.75)]), Fact("Q2", "run_by", "Q1")]
    doc._.fact_scores = FactScores([("Q1", "Q2")], ["runs", "is"], np.array([[0.5, 0.25]]))
    doc._.bag = ("Q1", "Q2")
    doc._.lang = "en"
    mentions = [Mention.from_any(span) for span in doc.ents]
    doc._.candidates = Candidates(mentions, np.array([1, 2]), np.array([[0, 1], [1, 0]]))
    return doc


def values(doc: Doc) -> dict:
    plain = {name: doc._.get(name) for name in NAMES if name not in ("fact_scores", "candidates")}
    scores, candidates = doc._.fact_scores, doc._.candidates
    plain["scores"] = scores.pairs, [dict(zip(scores.labels, row)) for row in scores.scores.tolist()]
    plain["candidates"] = list(candidates), candidates.markers.tolist(), [m.to_dict() for m in candidates.mentions]
    return plain


ENCODERS = {
    "json": lambda data: json.loads(json.dumps(data)),
    "json, indented": lambda data: json.loads(json.dumps(data, indent=2, sort_keys=True)),
    "ujson": lambda data: srsly.json_loads(srsly.json_dumps(data)),
    "ujson, sorted": lambda data: srsly.ujson.loads(srsly.ujson.dumps(data, sort_keys=True)),
    "msgpack": lambda data: srsly.msgpack_loads(srsly.msgpack_dumps(data)),
    "none": lambda data: data,
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=list(ENCODERS))
def test_all_that_is_on_a_doc_goes_to_json_and_back(encode):
    doc = annotated()
    expected = values(doc)
    data = encode(doc.to_json(underscore=NAMES))
    again = Doc(Vocab()).from_json(data, validate=True)
    assert values(again) == expected
    assert again._.triples == [("Ann", "runs", "New Ulm"), ("New Ulm", "run_by", "Ann")]
    assert encode(again.to_json(underscore=NAMES))["_"] == data["_"]


@pytest.mark.parametrize("name", NAMES)
def test_each_alone_and_of_a_doc_that_has_nothing(name):
    for doc in (annotated(), make_doc(), Doc(VOCAB)):
        data = json.loads(json.dumps(doc.to_json(underscore=[name])))
        again = Doc(Vocab()).from_json(data, validate=True)
        if name == "triples":
            assert again._.relations == []
        else:
            assert json.dumps(again._.get(name)) == json.dumps(doc._.get(name))
        assert has_candidates(again) == (name == "candidates" and len(doc._.candidates) > 0)
        assert has_fact_scores(again) == (name == "fact_scores" and len(doc._.fact_scores) > 0)


def test_what_the_json_says():
    data = json.loads(json.dumps(annotated().to_json(underscore=NAMES)))["_"]
    head = {"start": 0, "end": 1, "start_char": 0, "end_char": 3, "label": "PERSON"}
    tail = {"start": 2, "end": 4, "start_char": 9, "end_char": 16, "label": "PLACE", "kb_id": "Q2"}
    relation = {"head": head, "label": "runs", "tail": tail, "score": 0.5, "kb_score": 0.25, "known": True}
    assert data["relations"][0] == relation
    assert data["candidates"][0] == {"head": {**head, "marker": 1}, "tail": {**tail, "marker": 2}}
    place = {"start": 0, "end": 5, "start_char": 0, "end_char": 20}
    assert data["facts"][0]["evidence"] == [{**place, "head": head, "tail": tail, "weight": 0.75}]
    assert data["facts"][1] == {"head": "Q2", "label": "run_by", "tail": "Q1", "score": 1.0}
    assert data["fact_scores"] == [{"head": "Q1", "tail": "Q2", "scores": {"runs": 0.5, "is": 0.25}}]
    assert data["bag"] == {"head": "Q1", "tail": "Q2"} and data["lang"] == "en"


def test_triples_are_read_only_but_for_what_json_gives_back():
    doc = annotated()
    with pytest.raises(RelxError, match="RX008"):
        doc._.triples = doc._.triples
    with pytest.raises(RelxError, match="RX008"):
        doc._.triples = []
    Doc(VOCAB).from_json(doc.to_json(underscore=["triples"]))


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("fact_scores", None, "RX014"),
        ("fact_scores", ["a"], "RX014"),
        ("fact_scores", {"head": "a", "tail": "b", "scores": {}}, "RX014"),
        ("fact_scores", [{"head": "a", "tail": "b"}], "RX014"),
        ("fact_scores", [{"head": "a", "tail": "b", "scores": {"x": "much"}}], "RX014"),
        (
            "fact_scores",
            [{"head": "a", "tail": "b", "scores": {"x": 1}}, {"head": "a", "tail": "c", "scores": {"y": 1}}],
            "RX014",
        ),
        (
            "fact_scores",
            [{"head": "a", "tail": "b", "scores": {"x": 1}}, {"head": "a", "tail": "c", "scores": {}}],
            "RX014",
        ),
        ("candidates", [{"head": {**HEAD, "marker": "x"}, "tail": TAIL}], "RX009"),
        ("candidates", "ab", "RX009"),
        ("candidates", 3, "RX009"),
        ("candidates", {"head": HEAD, "tail": TAIL}, "RX009"),
        ("candidates", [{"head": HEAD}], "RX009"),
        ("candidates", [{"head": HEAD, "tail": "w1"}], "RX002"),
        ("removed_relations", None, "RX543"),
        ("removed_relations", [RELATION], "RX543"),
        ("removed_relations", [{**RELATION, "reason": 1}], "RX543"),
        ("removed_relations", [{"label": "r", "reason": "types"}], "RX004"),
    ],
)
def test_what_json_of_others_has(name, value, code):
    doc = annotated()
    before = values(doc)
    with pytest.raises(RelxError, match=code):
        setattr(doc._, name, value)
    assert values(doc) == before


def test_candidates_from_pairs():
    doc = make_doc()
    doc._.candidates = [Candidate(*doc.ents), {"head": doc.ents[1], "tail": {"start": 4, "end": 5}}]
    candidates = get_candidates(doc)
    assert [m.text(doc) for m in candidates.mentions] == ["Ann", "New Ulm", "Ltd"]
    assert candidates.pairs.tolist() == [[0, 1], [1, 2]] and candidates.markers.tolist() == [0, 0, 0]
    doc._.candidates = doc._.candidates
    assert list(doc._.candidates) == list(candidates) and doc._.candidates == tuple(candidates)
    doc._.candidates = []
    assert not has_candidates(doc)


def test_the_tuple_of_candidates_has_the_arrays():
    doc = annotated()
    seen = doc._.candidates
    assert isinstance(seen, Candidates) and isinstance(seen, tuple) and len(seen) == 2 == seen.n_mentions
    assert seen[1].head == Mention.from_any(doc.ents[1]) and seen[:1] == [seen[0]] and seen == doc._.candidates
    assert seen.spans.tolist() == [[0, 1], [2, 4]] and seen.types == ["PERSON", "PLACE"] and seen.kb_ids == ["", "Q2"]
    for candidates in (seen, get_candidates(doc)):
        again = pickle.loads(pickle.dumps(candidates))
        assert list(again) == list(candidates) and again.pairs.tolist() == candidates.pairs.tolist()
        assert b"Doc" not in pickle.dumps(candidates)


# Relations of spans, and what they look like


def test_a_relation_of_spans():
    doc = make_doc()
    relation = Relation(doc.ents[0], "runs", doc.ents[1])
    assert relation == Relation(Mention(0, 1, "PERSON"), "runs", Mention(2, 4, "PLACE", "Q2"))
    assert relation == Relation({"start": 0, "end": 1, "label": "PERSON"}, "runs", doc.ents[1])
    doc._.relations.append(relation)
    doc._.relations += [Relation(doc[4:5], "in", doc.ents[1], np.float32(0.5))]
    assert doc._.triples == [("Ann", "runs", "New Ulm"), ("Ltd", "in", "New Ulm")]
    assert type(doc._.relations[1].score) is float
    for head, code in (("Ann", "RX002"), (None, "RX002"), (3, "RX002")):
        with pytest.raises(RelxError, match=code):
            Relation(head, "runs", doc.ents[1])
    with pytest.raises(RelxError, match="RX004"):
        Relation(doc.ents[0], "runs", doc.ents[1], "much")
    assert Evidence(0, 5, *doc.ents).head == relation.head == Candidate(*doc.ents).head


def test_reprs_are_short_and_have_the_text():
    doc = annotated()
    relation, fact, candidate = doc._.relations[0], doc._.facts[0], doc._.candidates[0]
    assert repr(relation) == "Relation('Ann', 'runs', 'New Ulm', score=0.5, kb_score=0.25, known=True)"
    assert repr(doc._.relations) == f"[{relation!r}, Relation('New Ulm', 'run_by', 'Ann', score=1)]"
    assert repr(relation.head) == "Mention(0, 1, 'PERSON', text='Ann')" == str(relation.head)
    assert repr(relation.tail) == "Mention(2, 4, 'PLACE', 'Q2', text='New Ulm')"
    assert repr(Mention.from_any(doc.ents[0])) == repr(relation.head)
    assert repr(fact) == "Fact('Q1', 'runs', 'Q2', score=0.5, text=('Ann', 'New Ulm'), evidence=1)"
    assert repr(doc._.facts[1]) == "Fact('Q2', 'run_by', 'Q1', score=1)"
    assert repr(fact.evidence[0]) == "Evidence('Ann runs New Ulm Ltd', 'Ann', 'New Ulm', weight=0.75)"
    assert repr(candidate) == "Candidate('Ann', 'New Ulm')" and repr(doc._.bag) == "Bag('Q1', 'Q2')"
    assert "pairs=2" in repr(doc._.candidates) and "pairs=1" in repr(doc._.fact_scores)


def test_reprs_without_a_doc():
    assert repr(RELATION) == "Relation([0:1], 'lives_in', [1:3], score=0.25)"
    assert repr(HEAD) == "Mention(0, 1, 'PER', 'Q1')" and eval(repr(HEAD)) == HEAD
    assert repr(Evidence(0, 5, HEAD, TAIL)) == "Evidence([0:5], [0:1], [1:3], weight=1)"
    assert repr(Candidate(HEAD, TAIL)) == "Candidate([0:1], [1:3])"
    shifted = annotated()._.relations[0].shift(3)
    assert repr(shifted).startswith("Relation([3:4], 'runs', [5:7]")


def test_a_long_text_is_cut_in_a_repr():
    doc = Doc(VOCAB, words=["long"] * 100)
    doc._.relations = [Relation(Mention(0, 100), "r", Mention(0, 1))]
    assert len(repr(doc._.relations)) < 90 and "…" in repr(doc._.relations)


# Frozen mappings


RECORDS = {
    "mention": HEAD,
    "relation": replace(RELATION, known=False),
    "candidate": Candidate(HEAD, TAIL),
    "evidence": Evidence(0, 3, HEAD, TAIL, 0.5),
    "fact": Fact("a", "r", "b", 0.5, (Evidence(0, 3, HEAD, TAIL, 0.5),), kb_rank=3.0),
    "bag": Bag("a", "b"),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_records(record):
    kind = type(record)
    names = list(kind.__dataclass_fields__)
    assert replace(record) == record and replace(record) is not record
    other = "z" if isinstance(getattr(record, names[0]), str) else TAIL
    assert kind(*(getattr(record, name) for name in names)) == record != replace(record, **{names[0]: other})
    assert hash(replace(record)) == hash(record) and record not in ({}, dict(record), None, RELATION.shift(1))
    assert json.loads(json.dumps(record)) == json.loads(json.dumps(record.to_dict()))
    assert type(record.to_dict()) is dict
    if hasattr(kind, "from_any"):
        assert kind.from_any(json.loads(json.dumps(record))) == record == kind.from_any(record)
    for again in (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)):
        assert again == record and type(again) is kind and again.to_dict() == record.to_dict()
    first = names[0]
    for change in (
        lambda: record.__setitem__(first, 1),
        lambda: record.__delitem__(first),
        lambda: record.update(x=1),
        lambda: record.pop(first),
        lambda: record.popitem(),
        lambda: record.setdefault("x", 1),
        lambda: record.clear(),
        lambda: record.__ior__({}),
    ):
        with pytest.raises(RelxError, match="RX542"):
            change()
    with pytest.raises(AttributeError):
        setattr(record, first, 1)
    assert replace(record) == record


def test_a_record_does_not_take_its_doc_along():
    doc = annotated()
    for record in (doc._.relations[0], doc._.facts[0], doc._.candidates[0], doc._.relations[0].head):
        data = pickle.dumps(record)
        assert b"spacy.tokens" not in data and len(data) < 700
        again = pickle.loads(data)
        assert again == record and "'Ann'" in repr(record) and "'Ann'" not in repr(again)
    lists = pickle.loads(pickle.dumps([doc._.relations, doc._.facts]))
    assert lists == [list(doc._.relations), list(doc._.facts)] and type(lists[0]) is list is type(lists[1])
    for again in (copy.copy(doc._.relations), copy.deepcopy(doc._.relations), doc._.relations.copy()):
        again.clear()
    assert len(doc._.relations) == 2


def test_lists_that_are_held_do_not_undo_each_other():
    doc = make_doc()
    a, b, c = (Relation(doc.ents[0], label, doc.ents[1]) for label in "abc")
    one, other = doc._.relations, doc._.relations
    one.append(a)
    other.append(b)
    assert doc._.relations == other == [a, b] and one == [a]
    one.insert(0, c)
    assert one == doc._.relations == [c, a, b]
    one *= 2
    assert len(doc._.relations) == 6
    del one[3:]
    one.sort(key=lambda relation: relation.label, reverse=True)
    assert [relation.label for relation in doc._.relations] == ["c", "b", "a"]
    assert [*one, a] == [c, b, a, a] and [*one][1:] == [b, a] and sorted(one, key=lambda r: r.label)[0] == a
    assert len(doc._.relations) == 3 and a in one and one.index(a) == 2
    one[1:1] = other[:1]
    assert doc._.relations == [c, a, b, a] and one.pop(1) == a
    with pytest.raises(ValueError):
        one.remove(Relation(HEAD, "none", TAIL))
    with pytest.raises(IndexError):
        one.pop(9)
    assert doc._.relations == one == [c, b, a]
    doc._.relations = []
    other.extend([b])
    assert doc._.relations == [b]


def test_values_of_workers_are_read_as_before():
    """What `doc_data_pipe` writes, through JSON: also the languages of sentences stay what they were."""
    doc = write_all(Doc(VOCAB, words=["a", "b", "c", "d"]))
    data = json.loads(json.dumps(doc.to_json(underscore=["relations", "candidates", "lang"])))
    again = read_all(Doc(VOCAB).from_json(data))
    expected = read_all(doc)
    assert {name: again[name] for name in again if name not in ("span_langs", "dropped")} == {
        name: expected[name] for name in expected if name not in ("span_langs", "dropped")
    }
