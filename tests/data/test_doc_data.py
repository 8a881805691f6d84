"""What our extensions keep on a Doc, through everything that spaCy does to Docs."""

import json
import pickle

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from support.doc_data_pipe import HEAD, RELATION, TAIL, read_all, write_all

from spacy_relx import Candidates, Mention, Relation, merge_docs, span_as_doc
from spacy_relx.data.extensions import has_candidates, has_sentence_langs, set_sentence_langs
from spacy_relx.data.relation_list import RelationList
from spacy_relx.errors import RelxError

VOCAB = Vocab()


def make_doc(words: int = 5, vocab: Vocab = VOCAB) -> Doc:
    return Doc(vocab, words=[f"w{i}" for i in range(words)])


def through_bytes(doc: Doc) -> Doc:
    return Doc(Vocab()).from_bytes(doc.to_bytes())


def through_docbin(doc: Doc) -> Doc:
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(Vocab()))


def through_pickle(doc: Doc) -> Doc:
    return pickle.loads(pickle.dumps(doc))


def through_disk(doc: Doc, path) -> Doc:
    doc.to_disk(path)
    return Doc(Vocab()).from_disk(path)


WAYS = [through_bytes, through_docbin, through_pickle, Doc.copy]


@st.composite
def annotated(draw):
    """(number of tokens, relations that fit)."""
    length = draw(st.integers(1, 12))
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

    def mention():
        start = draw(st.integers(0, length - 1))
        return Mention(start, draw(st.integers(start + 1, length)), draw(text), draw(text))

    count = draw(st.integers(0, 6))
    return length, [Relation(mention(), draw(text), mention(), draw(st.floats(0, 1))) for _ in range(count)]


@pytest.mark.parametrize("way", WAYS)
def test_everything_survives(way):
    doc = write_all(make_doc())
    before = read_all(doc)
    assert before["relations"][0] == RELATION and before["triples"][0] == ("w0", "lives_in", "w1 w2")
    assert before["span_langs"] == ["tr", "tr", "de", "de", "de"] and before["dropped"] == 3
    after = way(doc)
    assert after is not doc
    assert read_all(after) == before


def test_everything_survives_disk(tmp_path):
    doc = write_all(make_doc())
    assert read_all(through_disk(doc, tmp_path / "doc")) == read_all(doc)


@given(annotated())
def test_any_relations_survive(data):
    length, relations = data
    doc = make_doc(length)
    doc._.relations = relations
    assert doc._.relations == relations
    for way in WAYS:
        assert way(doc)._.relations == relations


@given(annotated())
def test_what_is_stored_is_json(data):
    length, relations = data
    doc = make_doc(length)
    doc._.relations = relations
    for value in doc.user_data.values():
        assert json.loads(json.dumps(value)) == value
    assert [Relation.from_any(json.loads(json.dumps(r.to_dict()))) for r in relations] == relations


@pytest.mark.parametrize("way", WAYS)
def test_relations_can_be_changed_after_the_way(way):
    doc = way(write_all(make_doc()))
    doc._.relations.append(RELATION)
    assert len(doc._.relations) == 3 and doc._.relations[-1] == RELATION


def test_a_copy_has_its_own_relations():
    doc = write_all(make_doc())
    copy = doc.copy()
    copy._.relations.clear()
    assert len(doc._.relations) == 2 and len(copy._.relations) == 0


def test_processes(run_python):
    """Both ways to start a worker; in one script, since starting costs most."""
    source = """
import multiprocessing as mp
import spacy
from support.doc_data_pipe import read_all

if __name__ == "__main__":
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_write_all")
    texts = [f"a{i} b c d" for i in range(6)]
    expected = [read_all(nlp(text)) for text in texts]
    for method in ("fork", "spawn"):
        mp.set_start_method(method, force=True)
        assert [read_all(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=2)] == expected, method
        print(method, len(expected), len(expected[0]["relations"]))
"""
    assert run_python(source, timeout=90).split("\n")[:2] == ["fork 6 2", "spawn 6 2"]


# The list itself


def test_list_writes_through():
    doc = make_doc()
    relations = doc._.relations
    assert isinstance(relations, RelationList) and relations == [] and doc._.triples == []
    a, b, c = (Relation(HEAD, label, TAIL) for label in "abc")
    relations.append(b)
    relations.insert(0, a)
    relations.insert(-1, c)
    assert [r.label for r in doc._.relations] == ["a", "c", "b"]
    assert relations[-1] == b and relations[1:] == [c, b] and relations[::-2] == [b, a]
    relations[-1] = c.to_dict()
    relations[0:1] = [b, b]
    assert [label for _, label, _ in doc._.triples] == ["b", "b", "c", "c"]
    del relations[-2:]
    assert relations.pop() == b and relations == (b,)
    relations.extend([a, c])
    relations.reverse()
    relations.remove(a)
    assert doc._.relations == [c, b] and doc._.relations != [b, c] and a not in doc._.relations
    assert relations != "no list" and repr(relations) == repr(list(doc._.relations))
    with pytest.raises(IndexError):
        relations[2]


@given(annotated(), st.data())
def test_list_behaves_like_a_list(data, draw):
    length, relations = data
    doc, model = make_doc(length), list(relations)
    doc._.relations = relations
    part = slice(*(draw.draw(st.none() | st.integers(-8, 8)) for _ in range(2)))
    assert doc._.relations[part] == model[part]
    at = draw.draw(st.integers(-8, 8))
    extra = Relation(Mention(0, 1), "new", Mention(0, length))
    doc._.relations.insert(at, extra)
    model.insert(at, extra)
    doc._.relations[part] = [extra, extra]
    model[part] = [extra, extra]
    assert doc._.relations == model
    del doc._.relations[part]
    del model[part]
    assert doc._.relations == model


def test_relation_of_spans():
    doc = make_doc()
    head, tail = Span(doc, 0, 1, label="PER", kb_id="Q1"), Span(doc, 1, 3, label="LOC")
    doc._.relations = [{"head": head, "label": "lives_in", "tail": tail, "score": np.float32(0.25)}]
    assert doc._.relations == [RELATION]
    assert doc._.relations[0].head.span(doc).kb_id_ == "Q1"


def mention(start, end):
    return {"start": start, "end": end, "label": ""}


@pytest.mark.parametrize(
    "relation, code",
    [
        ((HEAD, "r", TAIL), "RX004"),
        ("head", "RX004"),
        (None, "RX004"),
        ({"head": HEAD, "tail": TAIL}, "RX004"),
        ({"head": HEAD, "label": "r", "tail": TAIL, "score": "high"}, "RX004"),
        ({"head": HEAD, "label": "r", "tail": TAIL, "score": None}, "RX004"),
        ({"head": "w0", "label": "r", "tail": TAIL}, "RX002"),
        ({"head": {"start": 0}, "label": "r", "tail": TAIL}, "RX002"),
        ({"head": mention(0, "x"), "label": "r", "tail": TAIL}, "RX002"),
        ({"head": mention(None, 1), "label": "r", "tail": TAIL}, "RX002"),
        ({"head": mention(0, 1.7), "label": "r", "tail": TAIL}, "RX002"),
        ({"head": mention(0, 0), "label": "r", "tail": TAIL}, "RX003"),
        ({"head": mention(-1, 1), "label": "r", "tail": TAIL}, "RX003"),
        ({"head": mention(2, 1), "label": "r", "tail": TAIL}, "RX003"),
        ({"head": HEAD, "label": "r", "tail": mention(4, 6)}, "RX003"),
    ],
)
def test_bad_relations(relation, code):
    doc = make_doc()
    doc._.relations = [RELATION]
    ways = [
        lambda: setattr(doc._, "relations", [relation]),
        lambda: doc._.relations.append(relation),
        lambda: doc._.relations.__setitem__(0, relation),
        lambda: doc._.relations.__setitem__(slice(0, 1), [relation]),
    ]
    for way in ways:
        with pytest.raises(RelxError) as err:
            way()
        assert err.value.code == code and str(err.value).startswith(f"[{code}]")
        assert doc._.relations == [RELATION]


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("relations", None, "RX007"),
        ("relations", "lives_in", "RX007"),
        ("relations", RELATION.to_dict(), "RX007"),
        ("candidates", [(HEAD, TAIL)], "RX009"),
        ("lang", 3, "RX006"),
        ("triples", [], "RX008"),
    ],
)
def test_bad_values(name, value, code):
    doc = make_doc()
    with pytest.raises(RelxError, match=code):
        setattr(doc._, name, value)
    assert doc.user_data == {}


def test_span_language_is_read_only():
    with pytest.raises(RelxError, match="RX008"):
        make_doc()[0:1]._.lang = "de"


# Languages and candidates


def test_language():
    doc = make_doc()
    assert doc._.lang == "" and doc[1:3]._.lang == "" and not has_sentence_langs(doc)
    doc._.lang = "fr"
    assert doc[1:3]._.lang == "fr"
    set_sentence_langs(doc, [(0, 2, "de"), (2, 4, "")])
    assert has_sentence_langs(doc)
    assert [doc[i : i + 1]._.lang for i in range(5)] == ["de", "de", "fr", "fr", "fr"]
    doc._.lang = None
    assert doc._.lang == ""


def test_candidates():
    doc = make_doc()
    assert not has_candidates(doc) and len(doc._.candidates) == 0 and list(doc._.candidates) == []
    doc._.candidates = Candidates.empty()
    assert has_candidates(doc) and len(doc._.candidates) == 0
    assert doc._.candidates.spans.shape == (0, 2)
    write_all(doc)
    candidates = doc._.candidates
    assert candidates.spans.tolist() == [[0, 1], [1, 3]] and candidates.spans.dtype == np.int32
    assert candidates.pairs.dtype == np.int32 and candidates.markers.dtype == np.int32
    assert candidates[-1].head == TAIL and candidates[:1] == [candidates[0]] and candidates[1:][0].tail == HEAD
    assert "pairs=2" in repr(candidates)


# Docs that are merged and cut: see test_retokenized.py, too


def test_merge_docs():
    first, second, empty = write_all(make_doc(3)), make_doc(4), make_doc(0)
    second._.lang = "en"
    second._.relations = [Relation(Mention(3, 4), "r", Mention(0, 1))]
    merged = merge_docs([first, empty, second])
    assert len(merged) == 7 and len(merged._.relations) == 3
    assert merged._.relations[:2] == list(first._.relations)
    assert merged._.relations[2] == second._.relations[0].shift(3)
    assert merged._.triples == first._.triples + second._.triples
    assert [merged[i : i + 1]._.lang for i in range(7)] == ["tr", "tr", "de"] + ["en"] * 4
    assert merged._.lang == "" and not has_candidates(merged)
    assert merge_docs([second, second, empty])._.lang == "en"
    assert merge_docs([]) is None


@given(st.lists(annotated(), min_size=1, max_size=4))
def test_merge_keeps_all_triples(parts):
    docs = []
    for length, relations in parts:
        doc = make_doc(length)
        doc._.relations = relations
        docs.append(doc)
    expected = [triple for doc in docs for triple in doc._.triples]
    assert merge_docs(docs)._.triples == expected


def test_span_as_doc():
    doc = write_all(make_doc())
    doc._.relations.append(Relation(Mention(2, 3), "inside", Mention(3, 5)))
    assert doc[1:5].as_doc()._.lang == ""
    part = span_as_doc(doc[1:5])
    assert part._.triples == [("w2", "inside", "w3 w4")]
    assert part._.relations[0].head == Mention(1, 2)
    assert part._.lang == "tr" and [part[i : i + 1]._.lang for i in range(4)] == ["tr", "de", "de", "de"]
    assert span_as_doc(doc[2:4])._.lang == "de" and span_as_doc(doc[0:2])._.lang == "tr"
    whole = span_as_doc(doc[:])
    assert whole._.relations == doc._.relations


def test_span_as_doc_keeps_spans_that_lie_in_it():
    doc = Doc(VOCAB, words=["Bob", "of", "Acme", "Rome", "met", "Ann"])
    doc.spans["mentions"] = [
        Span(doc, 0, 1, label="PERSON"),
        Span(doc, 2, 4, label="ORG", kb_id="Q1"),
        Span(doc, 3, 4, label="PLACE"),
        Span(doc, 5, 6, label="PERSON"),
    ]
    part = span_as_doc(doc[1:5])
    found = [(span.start, span.end, span.label_, span.kb_id_) for span in part.spans["mentions"]]
    assert found == [(1, 3, "ORG", "Q1"), (2, 3, "PLACE", "")]


def test_span_as_doc_of_spans_without_language():
    part = span_as_doc(make_doc()[1:3])
    assert part._.lang == "" and len(part._.relations) == 0 and not has_sentence_langs(part)


# Another package with the same names


def test_name_taken_by_another_package(run_python):
    """Who does not use this package is not disturbed; its components say what is wrong."""
    source = """
import spacy
from spacy.tokens import Doc
Doc.set_extension("relations", default=[])
nlp = spacy.blank("en")
print(nlp("a b")._.relations)
try:
    nlp.add_pipe("language_router")
except ValueError as err:
    print(type(err).__name__, err.code, "relations" in str(err))
"""
    assert run_python(source).split("\n")[:2] == ["[]", "PipelineError RX001 True"]


def test_extensions_are_registered_once():
    from spacy_relx import set_extensions

    set_extensions()
    set_extensions()
    assert all(Doc.has_extension(name) for name in ("relations", "triples", "candidates", "lang"))
    assert Span.has_extension("lang")
    assert spacy.blank("en")("a b")._.relations == []
