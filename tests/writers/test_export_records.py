"""Exported triples: from Docs and from JSON, ids of entities, IRIs, merging."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from support.export import ANN, ODD, odd_triples, triple

from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.ids import content_id
from spacy_relx.data.text_forms import folded_form
from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.writers import EntityMention, Iris, Triple, TripleSpool, entity_id, export, iter_triples, triples_of_row
from spacy_relx.writers.predictions import doc_record, fact_record
from spacy_relx.writers.records import MAX_PASSAGE, clean_text, kb_id_of, line_bounds, passage, set_model
from spacy_relx.writers.tables import fact_record as export_record

VOCAB = spacy.blank("xx").vocab
#: In a line with the text "a b".
RELATION = {"head": 0, "label": "r", "tail": 1}
MENTIONS = [{"start": 0, "end": 1}, {"start": 2, "end": 3}]
RECORD = {"text": "a b", "mentions": MENTIONS, "relations": [RELATION]}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def make_doc(words, starts=(), **user_data):
    doc = Doc(
        VOCAB, words=words.split(), sent_starts=[i in starts for i in range(len(words.split()))] if starts else None
    )
    doc.user_data.update(user_data)
    return doc


def spans(triple):
    """What the offsets of a triple point at: in its sentence."""
    return [triple.sentence[part.start : part.end] for part in (triple.head, triple.tail)]


# From Docs


def test_relations():
    doc = make_doc("It rains . Ann Lee works for Acme . Bob sings .", starts=(0, 3, 9), id="d1")
    doc._.lang = "en"
    head, tail = Mention(3, 5, "PERSON", "Q1"), Mention(7, 8, "ORG")
    doc._.relations = [Relation(head, "works_for", tail, 0.5, kb_score=0.25, known=False, kb_rank=2.0)]
    (found,) = iter_triples([doc], model="xx_relx", model_version="1")
    assert found == Triple(
        EntityMention("Ann Lee", "PERSON", "Q1", 0, 7),
        "works_for",
        EntityMention("Acme", "ORG", "", 18, 22),
        "d1",
        "Ann Lee works for Acme .",
        11,
        35,
        "en",
        0.5,
        None,
        0.25,
        False,
        2.0,
        "xx_relx",
        "1",
    )
    assert doc.text[found.sentence_start : found.sentence_end] == found.sentence
    assert spans(found) == ["Ann Lee", "Acme"]


def test_relation_across_sentences_and_tail_first():
    doc = make_doc("Ann sings . So what . Acme hired her . End .", starts=(0, 3, 6, 10))
    doc._.relations = [Relation(Mention(6, 7, "ORG"), "employs", Mention(0, 1, "PERSON"))]
    (found,) = iter_triples([doc])
    assert found.sentence == "Ann sings . So what . Acme hired her ." and spans(found) == ["Acme", "Ann"]


def test_without_sentences_the_line_is_given():
    doc = spacy.blank("xx")("One line\nAnn of Acme\nand more")
    words = [token.text for token in doc]
    ann, acme = words.index("Ann"), words.index("Acme")
    doc._.relations = [Relation(Mention(ann, ann + 1), "of", Mention(acme, acme + 1))]
    (found,) = iter_triples([doc])
    assert found.sentence == "Ann of Acme" and spans(found) == ["Ann", "Acme"]


def test_ids_of_documents():
    docs = []
    for id in (None, "mine", 7):
        docs.append(make_doc("a b", **({} if id is None else {"id": id})))
        docs[-1]._.relations = [Relation(Mention(0, 1), "r", Mention(1, 2))]
    digest = content_id("", docs[0].text)
    assert [each.doc_id for each in iter_triples(docs)] == [f"1~{digest}", "mine", f"7~{digest}"]
    named = [each.doc_id for each in iter_triples(docs, source="x.spacy")]
    assert named == [f"x.spacy#1~{digest}", "mine", f"x.spacy#7~{digest}"]
    docs[1].user_data["id"] = ""
    assert [each.doc_id for each in iter_triples(docs, source="x.spacy")][1] == f"x.spacy#2~{digest}"
    docs[1].user_data["id"] = True
    with pytest.raises(RelxError, match=r"RX580.*document 2 of x\.spacy cannot .*but is True"):
        list(iter_triples(docs, source="x.spacy"))


def test_ids_of_lines():
    doc = predicted()
    row = doc_record(doc)
    for id in (None, ""):
        found = [each.doc_id for n in (3, 4) for each in triples_of_row({**row, "id": id}, number=n, source="p.jsonl")]
        assert found == [content_id("p.jsonl#3", doc.text), content_id("p.jsonl#4", doc.text)]
    piece = {"text": doc.text, "head": {"start": 0, "end": 3}, "tail": {"start": 14, "end": 18}, "source": "a.txt"}
    fact = {"head": "Q1", "label": "r", "tail": "Q2"}
    for id, wanted in (("", "a.txt"), ("d", "d"), (3, "a.txt#3")):
        (found,) = triples_of_row({**fact, "evidence": [{**piece, "id": id}]})
        assert found.doc_id == wanted


def test_models_of_rows_that_say_none():
    row = {"text": "", "relations": []}
    (one,) = triples_of_row({**row, **RECORD}, model="m", model_version="2")
    assert (one.model, one.model_version) == ("m", "2")
    assert set_model(replace(one, model="other", model_version=""), "m", "2").model_version == ""
    assert set_model(replace(one, model_version=""), "", "3").model_version == "3"


def test_facts_with_evidence_and_without():
    doc = make_doc("Ann of Acme . Acme and Ann .", starts=(0, 4))
    evidence = [
        Evidence(4, 8, Mention(6, 7, "PERSON"), Mention(4, 5, "ORG"), 0.75),
        Evidence(0, 4, Mention(0, 1, "PERSON"), Mention(2, 3, "ORG"), 0.25),
    ]
    doc._.facts = [Fact("Q1", "works_for", "Q2", 0.5, tuple(evidence)), Fact("Q1", "born_in", "Q3", 0.25, known=True)]
    one, two, three = iter_triples([doc], what="facts")
    assert [one.sentence, two.sentence] == ["Acme and Ann .", "Ann of Acme ."] and spans(one) == ["Ann", "Acme"]
    assert [one.weight, two.weight] == [0.75, 0.25] and one.score == two.score == 0.5
    assert one.head.kb_id == two.head.kb_id == "Q1" and one.tail.kb_id == "Q2"
    assert (three.head.text, three.head.start, three.sentence, three.known) == ("Q1", None, "", True)
    assert list(iter_triples([doc], what="relations")) == []


def test_bags_say_where_sentences_are_from():
    doc = make_doc("Ann of Acme . Acme and Ann .", starts=(0, 4), sources=[["a.txt", 3], ["b.txt", "d9"]])
    doc.spans["mentions"] = [doc[0:1], doc[2:3], doc[4:5], doc[6:7]]
    doc._.bag = ("Q1", "Q2")
    evidence = [
        Evidence(0, 4, Mention(0, 1), Mention(2, 3)),
        Evidence(4, 8, Mention(6, 7), Mention(4, 5)),
    ]
    doc._.facts = [Fact("Q1", "works_for", "Q2", 0.5, tuple(evidence))]
    one, two = iter_triples([doc])
    assert (one.doc_id, two.doc_id) == ("a.txt#3", "d9")
    assert one.sentence_start is None and spans(one) == ["Ann", "Acme"] and spans(two) == ["Ann", "Acme"]


def test_docs_without_anything():
    assert list(iter_triples([Doc(VOCAB), make_doc("Nobody knows")])) == []
    with pytest.raises(RelxError, match="RX021"):
        list(iter_triples([], what="triples"))


def test_document_with_hundreds_of_relations():
    words = " ".join(f"w{i}" for i in range(4000))
    doc = make_doc(words)
    doc._.relations = [
        Relation(Mention(i, i + 1), "next", Mention((i * 7) % 4000, (i * 7) % 4000 + 1)) for i in range(800)
    ]
    found, text = list(iter_triples([doc])), doc.text
    assert len(found) == 800 and all(len(each.sentence) <= MAX_PASSAGE for each in found)
    for each in found:
        for part in (each.head, each.tail):
            assert part.start is None or each.sentence[part.start : part.end] == part.text
        assert text[each.sentence_start : each.sentence_end] == each.sentence
    assert sum(each.head.start is not None or each.tail.start is not None for each in found) == 800


@given(st.integers(0, 50), st.integers(1, 20), st.integers(0, 50), st.integers(5, 60))
def test_passage(first, length, after, limit):
    last = first + length
    start, end = passage(0, last + after, first, last, limit)
    assert (0 <= start < end <= last + after and end - start <= max(limit, 0)) or (start, end) == (0, last + after)
    if length <= limit:
        assert start <= first and last <= end


def test_line_bounds():
    assert line_bounds("ab\ncd\nef", 3, 5) == (3, 5) and line_bounds("ab", 0, 2) == (0, 2)


# From JSON


def predicted():
    doc = spacy.blank("xx")("Ann works for Acme")
    doc._.lang = "en"
    doc._.relations = [Relation(Mention(0, 1, "PERSON", "Q1"), "works_for", Mention(3, 4, "ORG"), 0.5, known=True)]
    return doc


def test_predictions_give_the_same_as_their_docs():
    doc = predicted()
    row = doc_record(doc, 4)
    (found,) = triples_of_row(row, source="p.jsonl", model="m")
    (expected,) = iter_triples([doc], model="m")
    assert found == replace(expected, doc_id=content_id("p.jsonl#4", doc.text))


def test_facts_of_the_command():
    doc = make_doc("Ann of Acme .", starts=(0,), sources=[["a.txt", 3]])
    evidence = (Evidence(0, 4, Mention(0, 1), Mention(2, 3), 0.5),)
    doc._.facts = [Fact("Q1", "works_for", "Q2", 0.5, evidence, kb_score=0.25), Fact("Q1", "knows", "Q3", 0.5)]
    one, two = (list(triples_of_row(fact_record(doc, fact))) for fact in doc._.facts)
    assert [(each.doc_id, each.sentence, each.weight, each.kb_score) for each in one] == [
        ("a.txt#3", "Ann of Acme .", 0.5, 0.25)
    ]
    assert spans(one[0]) == ["Ann", "Acme"] and one[0].head.kb_id == "Q1"
    assert [(each.head.text, each.sentence) for each in two] == [("Q1", "")]


def test_exported_lines_come_back():
    triples = odd_triples()
    with TripleSpool(merge=False) as spool:
        rows = [export_record(fact) for fact in spool.add(triples).facts()]
    for each in triples:  # what a knowledge base says is of the fact, and "" is left out
        assert each in [found for row in rows for found in triples_of_row(row)]


@pytest.mark.parametrize(
    "row, message",
    [
        ([1], "must be an object"),
        ({"a": 1}, "neither"),
        ({"text": "Ann", "relations": [1]}, '"relations" must be a list of objects'),
        ({"text": 1, "relations": []}, '"text" must be a string'),
        ({**RECORD, "mentions": [{"start": 0, "end": 9}, {"start": 0, "end": 1}]}, "does not fit"),
        ({**RECORD, "mentions": [{"start": -1, "end": 2}, {}]}, '"start" must be a number'),
        (
            {**RECORD, "mentions": MENTIONS[:1]},
            '"tail" must be the place of one of the 1 mentions, or its id, but is 1',
        ),
        ({**RECORD, "relations": [{**RELATION, "head": "m"}]}, "\"head\" must be .* but is 'm'"),
        ({**RECORD, "relations": [{**RELATION, "head": True}]}, '"head" must be .* but is True'),
        ({"head": "Q1", "tail": "", "label": "r", "evidence": []}, '"tail" must be a string'),
        ({"head": "Q1", "tail": "Q2", "label": "r", "score": "x", "evidence": []}, '"score" must be a number'),
        ({"head": "Q1", "tail": "Q2", "label": "r", "score": float("nan"), "evidence": []}, '"score" must be a number'),
        ({"head": "Q1", "tail": "Q2", "label": "r", "kb_score": 7, "evidence": []}, "RX254"),
        ({"head": {}, "label": "r", "evidence": []}, '"tail" must be an object'),
        ({**RECORD, "mentions": [{"text": "x", "start": 0, "end": 1}]}, "text says 'x'"),
        ({**RECORD, "relations": [{**RELATION, "score": 7}]}, "from 0 to 1, but is 7"),
        ({**RECORD, "relations": [{**RELATION, "score": -0.1}]}, "from 0 to 1"),
        ({**RECORD, "id": True}, "id must be a string or a whole number, but is True"),
        ({**RECORD, "id": 1.5}, "but is 1.5"),
        (
            {
                **{"head": {}, "label": "r", "tail": {}},
                "evidence": [{"sentence": "a b", "head": {"text": "b", "start": 0, "end": 1}, "tail": {}}],
            },
            r"\[0, 1\) is 'a', and its text says 'b'",
        ),
    ],
)
def test_broken_rows(row, message):
    with pytest.raises(ValueError, match=message):
        list(triples_of_row(row))


# Ids and IRIs


def test_entity_ids():
    assert entity_id("Ann", "PERSON", "Q1") == "Q1"
    assert entity_id("Ann  LEE", "PERSON") == entity_id("ａｎｎ lee", "PERSON") == "text:PERSON/ann lee"
    assert entity_id("Straße", "PLACE") == entity_id("STRASSE", "PLACE") != entity_id("Strasse", "ORG")
    assert entity_id("b", "A/") != entity_id("/b", "A")
    assert entity_id("ann", "PERSON") != entity_id("", "", "text:PERSON/ann")


@given(texts, texts, texts)
def test_ids_tell_entities_apart(text, kind, kb_id):
    assert kb_id_of(entity_id(text, kind, kb_id)) == kb_id
    assert entity_id(folded_form(text), kind) == entity_id(text, kind)
    if kb_id:
        assert entity_id("other", "", kb_id) == entity_id(text, kind, kb_id) != entity_id(text, kind)


def test_clean_text():
    assert clean_text("a\ud83db") == "a\ufffdb" and clean_text("北京") == "北京" and clean_text(3) == "3"


def test_iris():
    iris = Iris("http://a.example/", ids=["wd:=http://www.wikidata.org/entity/", "wikidata"], relations=["wikidata"])
    wanted = {
        "Q42": "http://www.wikidata.org/entity/Q42",
        "wd:Q42": "http://www.wikidata.org/entity/Q42",
        "Queen": "http://a.example/kb/Queen",
        "http://dbpedia.org/resource/Köln": "http://dbpedia.org/resource/Köln",
        "http://a.example/x y#b#c": "http://a.example/x%20y#b%23c",
        "urn:isbn:123": "urn:isbn:123",
        "http://a.example/\u2028ls": "http://a.example/%E2%80%A8ls",  # a line break to some readers of N-Triples
        "http://": "http://a.example/kb/http%3A%2F%2F",
        "text:PERSON/北 京": "http://a.example/entity/PERSON/%E5%8C%97%20%E4%BA%AC",
        "=text:x": "http://a.example/kb/text%3Ax",
    }
    assert {id: iris.entity(id) for id in wanted} == wanted
    assert iris.relation("P19") == "http://www.wikidata.org/prop/direct/P19"
    assert iris.relation("org:founded by") == "http://a.example/relation/org%3Afounded%20by"
    assert Iris(ids=["=http://kb.example/", "x=http://x.example/"]).entity("xy?z") == "http://x.example/y%3Fz"
    assert len({iris.entity(entity_id("a", kind)) for kind in ("", "-", "%2D", ".", "..", "/")}) == 6
    assert Iris("http://a.example").relation("r") == "http://a.example/relation/r"
    assert Iris("urn:x:").relation("r") == "urn:x:relation/r"
    assert Iris(ids=["=http://kb.example/", "wikidata"]).entity("Q1") == "http://www.wikidata.org/entity/Q1"


@pytest.mark.parametrize("base", ["", "example.org/", "http://a b/", "file:///x", "http://", "http://a.example/x#"])
def test_bases_that_are_none(base):
    with pytest.raises(RelxError, match="RX334"):
        Iris(base)


@pytest.mark.parametrize("rule", ["dbpedia", "Q=entity/", ""])
def test_rules_that_are_none(rule):
    with pytest.raises(RelxError, match="RX334"):
        Iris(ids=[rule])


@given(
    st.one_of(texts, texts.map("http://".__add__), texts.map("http://h.example/".__add__), texts.map("urn:a:".__add__))
)
def test_iris_are_valid(id):
    ox = pytest.importorskip("pyoxigraph")
    iris = Iris(ids=["q=http://q.example/"])
    for iri in (iris.entity(entity_id("", "", id or "x")), iris.entity(entity_id(id, id)), iris.relation(id)):
        line = f"<{iri}> <http://p.example/> <{iri}> .\n"
        (quad,) = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
        assert quad.subject.value == iri


# Merging


def test_merging_keeps_evidence():
    triples = [
        triple(doc_id="d1", score=0.5),
        triple("Bob", doc_id="d2"),
        triple("ANN", doc_id="d3", score=0.9, known=True, kb_rank=2.0),
        triple(doc_id="d1", score=0.4),  # the same place again
        triple("Ann", "knows", doc_id="d4"),
    ]
    with TripleSpool() as spool:
        spool.add(triples)
        facts = list(spool.facts())
        assert [fact.id for fact in spool.facts()] == [fact.id for fact in facts], "can be read again"
        entities = list(spool.entities())
        assert list(spool.documents()) == ["d1", "d2", "d3", "d4"] and list(spool.relations()) == ["knows", "works_for"]
        assert list(spool.models()) == [("xx_relx", "0.1.0")]
    assert [(fact.head_id, fact.label, fact.n_evidence) for fact in facts] == [
        ("text:PERSON/ann", "knows", 1),
        ("text:PERSON/ann", "works_for", 2),
        ("text:PERSON/bob", "works_for", 1),
    ]
    merged = facts[1]
    assert [each.doc_id for each in merged.evidence] == ["d3", "d1"] and merged.evidence[0] == triples[2]
    assert (merged.score, merged.known, merged.kb_rank) == (0.9, True, 2.0)
    assert [(entity.name, entity.names, entity.type) for entity in entities] == [
        ("Acme", [], "ORG"),
        ("Ann", ["ANN"], "PERSON"),
        ("Bob", [], "PERSON"),
    ]


def test_limit_of_evidence():
    with TripleSpool(max_evidence=2) as spool:
        (fact,) = spool.add(triple(doc_id=f"d{i}", score=i / 10) for i in range(5)).facts()
    assert [each.doc_id for each in fact.evidence] == ["d4", "d3"] and fact.n_evidence == 5


def test_without_merging_the_order_stays():
    triples = [triple("Bob"), triple("Ann"), triple("Bob")]
    with TripleSpool(merge=False) as spool:
        facts = list(spool.add(triples).facts())
    assert [fact.evidence for fact in facts] == [[each] for each in triples] and len({fact.id for fact in facts}) == 3


def test_scores_that_are_no_numbers():
    with TripleSpool() as spool, pytest.raises(RelxError, match="RX337"):
        spool.add([triple(score=float("nan"))])


def test_odd_texts_come_through_the_spool():
    triples = odd_triples()
    with TripleSpool(merge=False) as spool:
        assert [fact.evidence[0] for fact in spool.add(triples).facts()] == triples
        assert {entity.name for entity in spool.entities()} >= set(ODD)
    assert ANN.id == "Q1"


@given(st.lists(st.tuples(texts, texts, texts, st.integers(0, 3)), max_size=12))
def test_merging_loses_nothing(rows):
    triples = [
        Triple(EntityMention(one, "A"), relation, EntityMention(other, "B"), f"d{doc}")
        for one, relation, other, doc in rows
    ]
    with TripleSpool() as spool:
        facts = list(spool.add(triples).facts())
    keys = [(fact.head_id, fact.label, fact.tail_id) for fact in facts]
    assert len(set(keys)) == len(keys) == len({fact.id for fact in facts})
    back = [each for fact in facts for each in fact.evidence]
    assert all(each in triples for each in back) and all(each in back for each in triples)
    assert set(keys) == {(each.head.id, each.label, each.tail.id) for each in triples}


def test_memory_does_not_grow():
    """Python's own memory; SQLite has a cache of its own, of a fixed size. Ids of entities are kept, too."""

    def peak(n):
        tracemalloc.start()
        with TripleSpool() as spool:
            spool.add(triple(f"Person {i % 500}", doc_id=f"d{i}") for i in range(n))
            assert sum(fact.n_evidence for fact in spool.facts()) == n
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(8_000) < 1.5 * peak(2_000)


# Docs, as they are


def linked_doc(text="Ann works for Acme", **user_data):
    doc = make_doc(text, **user_data)
    doc.ents = [Span(doc, 0, 1, "PERSON"), Span(doc, 3, 4, "ORG")]
    doc._.relations = [Relation(doc.ents[0], "works_for", doc.ents[1], 0.5)]
    doc._.facts = [Fact("Q1", "knows", "Q2")]
    return doc


def test_docs_are_exported_as_their_triples_are(tmp_path):
    docs = [linked_doc(id="a"), linked_doc("Bob works for Initech")]
    for name in ("x.jsonl", "x.csv", "x.nt"):
        export(iter_triples(docs, source="s", model="m", model_version="1"), tmp_path / name)
        expected = (tmp_path / name).read_bytes()
        for items in (docs, iter(docs)):
            report = export(items, tmp_path / name, source="s", model="m", model_version="1")
            assert (tmp_path / name).read_bytes() == expected and (report.triples, report.facts) == (4, 3)
        mixed = [*iter_triples(docs[:1], model="m", model_version="1"), docs[1]]
        export(mixed, str(tmp_path / name), source="s", model="m", model_version="1")
        assert b"s#1" in (tmp_path / name).read_bytes() or name == "x.nt"  # Docs are counted, not triples


def test_one_doc_and_a_part_of_what_it_has(tmp_path):
    path = tmp_path / "x.jsonl"
    assert export(linked_doc(), path).facts == 2
    for what, relation in (("relations", "works_for"), ("facts", "knows")):
        export(linked_doc(), path, what=what)
        (row,) = map(json.loads, path.read_text("utf8").splitlines())
        assert row["label"] == relation


@pytest.mark.parametrize(
    "items, settings, code",
    [
        ([linked_doc()._.relations[0]], {}, "RX544"),
        (["facts.ttl"], {}, "RX544"),
        ([linked_doc()], {"what": "triples"}, "RX021"),
        ([linked_doc(id=1.5)], {}, "RX580"),
    ],
)
def test_what_cannot_be_exported_leaves_the_file_as_it_was(items, settings, code, tmp_path):
    path = tmp_path / "x.nt"
    export([linked_doc()], path)
    before = path.read_bytes()
    with pytest.raises(RelxError, match=code):
        export(items, path, **settings)
    assert path.read_bytes() == before
