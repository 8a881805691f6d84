"""What the annotation of a Doc covers: the type itself, on a Doc, through files and tables."""

import json
from dataclasses import replace

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab
from support.formats import write

from spacy_relx import Annotated, Mention, Relation, merge_docs, span_as_doc
from spacy_relx.data.annotated import ONLY_MENTIONS, ONLY_PAIRS
from spacy_relx.data.extensions import get_relations
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import new_docbin, read_docs
from spacy_relx.formats.instances import sentence_instances
from spacy_relx.formats.texts import Text, doc_of
from spacy_relx.writers.from_docs import iter_triples
from spacy_relx.writers.predictions import doc_record

NAMES = st.one_of(st.sampled_from(["all", "none"]), st.lists(st.text(min_size=1, max_size=5), max_size=3))
COVERS = st.builds(Annotated, NAMES, NAMES, st.sampled_from(["all", "named"]))


def make_doc(annotated=None, words=("Ann", "left", "Acme")) -> Doc:
    doc = Doc(Vocab(), words=list(words))
    doc._.annotated = annotated
    return doc


def through_docbin(doc: Doc) -> Doc:
    docbin = new_docbin()
    docbin.add(doc)
    return next(iter(docbin.get_docs(Vocab())))


@given(COVERS)
def test_round_trips(annotated):
    assert Annotated.from_any(json.loads(json.dumps(annotated.to_dict()))) == annotated
    doc = make_doc(annotated)
    assert doc._.annotated == annotated
    assert through_docbin(doc)._.annotated == annotated
    again = Doc(Vocab()).from_json(json.loads(json.dumps(doc.to_json(underscore=["annotated"]))))
    assert again._.annotated == annotated
    assert hash(replace(annotated)) == hash(annotated)


@given(COVERS, COVERS)
def test_common(one, other):
    both = one & other
    for name in ("PER", *_names(one), *_names(other)):
        assert both.has_type(name) == (one.has_type(name) and other.has_type(name))
        assert both.has_label(name) == (one.has_label(name) and other.has_label(name))
    assert both == other & one and both & both == both and one & Annotated() == one
    assert (both.pairs == "named") == ("named" in (one.pairs, other.pairs))


def _names(annotated):
    return [name for part in (annotated.mentions, annotated.relations) if not isinstance(part, str) for name in part]


def test_everything_is_the_default_and_costs_nothing():
    doc = make_doc()
    assert doc._.annotated.is_whole and not doc.user_data
    doc._.annotated = ONLY_MENTIONS
    doc._.annotated = None
    assert doc._.annotated == Annotated() and "annotated" not in doc_record(doc)
    assert Annotated(mentions=[]).mentions == "none" and not ONLY_PAIRS.is_whole


@pytest.mark.parametrize(
    "value",
    ["all", 3, {"mention": "all"}, {"mentions": "PER"}, {"mentions": [""]}, {"relations": {"a": 1}}, {"pairs": "none"}],
)
def test_other_values_are_refused(value):
    with pytest.raises(RelxError, match="RX720"):
        make_doc()._.annotated = value


def test_docs_made_of_others_cover_what_all_their_parts_cover():
    vocab = Vocab()
    docs = [Doc(vocab, words=["Ann", "left", "Acme"]) for _ in range(3)]
    docs[0]._.annotated, docs[1]._.annotated = {"mentions": ["PER", "LOC"]}, Annotated(["PER"], "none")
    docs[2]._.relations = [Relation(Mention(0, 1), "left", Mention(2, 3))]
    assert merge_docs(docs)._.annotated == Annotated(["PER"], "none")
    assert merge_docs([docs[0], docs[2]])._.annotated == Annotated(["LOC", "PER"])
    assert span_as_doc(docs[1][:2])._.annotated == docs[1]._.annotated


ROW = {
    "text": "Ann left Acme .",
    "mentions": [{"start": 0, "end": 3, "label": "PER"}, {"start": 9, "end": 13, "label": "ORG"}],
    "relations": [{"head": 0, "tail": 1, "label": "left"}, {"head": 1, "tail": 0, "label": "no_relation"}],
    "annotated": {"mentions": ["PER"], "pairs": "named"},
}


def converted(tmp_path, row, **settings):
    report = convert("jsonl", [write(tmp_path / "x.jsonl", row)], tmp_path / "x.spacy", **settings)
    return next(read_docs(tmp_path / "x.spacy", Vocab())), report


def test_json_record(tmp_path):
    doc, report = converted(tmp_path, ROW)
    assert doc._.annotated == Annotated(["PER"], pairs="named")
    assert [r.label for r in get_relations(doc)] == ["left", "no_relation"]
    assert (report.relations_kept, report.relations_none) == (1, 1)
    assert "annotated in part  1 records: mentions PER, pairs named" in str(report)
    assert doc_record(doc)["annotated"] == ROW["annotated"]
    predicted = doc_of(spacy.blank("xx"), Text(1, "", doc.text, "", doc))
    assert predicted._.annotated.is_whole


def test_json_record_that_is_wrong(tmp_path):
    for value in ("all", {"mentions": "PER"}):
        with pytest.raises(RelxError, match="RX102"):
            converted(tmp_path, {**ROW, "annotated": value})


def test_options_are_for_records_that_do_not_say(tmp_path):
    doc, _ = converted(tmp_path, ROW, annotated_mentions="none")
    assert doc._.annotated.mentions == ("PER",)
    plain = {key: value for key, value in ROW.items() if key != "annotated"}
    doc, _ = converted(tmp_path, plain, annotated_mentions=["LOC"], annotated_relations=["left"])
    assert doc._.annotated == Annotated(["LOC"], ["left"]) and len(get_relations(doc)) == 1
    doc, _ = converted(tmp_path, plain, annotated_pairs="named")
    assert doc._.annotated == Annotated(pairs="named") and len(get_relations(doc)) == 2
    with pytest.raises(RelxError, match="RX720"):
        converted(tmp_path, plain, annotated_mentions="LOC")


def test_texts_without_relations_are_expected_where_none_are_annotated(tmp_path):
    rows = {"text": ROW["text"], "mentions": ROW["mentions"]}
    (tmp_path / "x.jsonl").write_text((json.dumps({**rows, "annotated": {"relations": "none"}}) + "\n") * 2)
    convert("jsonl", [tmp_path / "x.jsonl"], tmp_path / "x.spacy", strict=True)
    (tmp_path / "y.jsonl").write_text((json.dumps(rows) + "\n") * 2)
    convert("jsonl", [tmp_path / "y.jsonl"], tmp_path / "x.spacy", strict=True, annotated_relations="none")
    with pytest.raises(RelxError, match="RX601"):
        convert("jsonl", [tmp_path / "y.jsonl"], tmp_path / "x.spacy", strict=True)


def test_tables_rename_what_is_covered(tmp_path):
    (tmp_path / "labels.tsv").write_text("left\tquits\nsays\t\nmet\tno_relation\n")
    (tmp_path / "types.tsv").write_text("PER\tPerson\nORG\tOrganisation\n")
    relations = [*ROW["relations"], {"head": 0, "tail": 1, "label": "met"}]
    row = {**ROW, "relations": relations, "annotated": {**ROW["annotated"], "relations": ["left", "says", "x"]}}
    tables = {"labels": tmp_path / "labels.tsv", "types": tmp_path / "types.tsv"}
    doc, report = converted(tmp_path, row, **tables)
    assert doc._.annotated == Annotated(["Person"], ["quits", "x"], "named")
    assert [r.label for r in get_relations(doc)] == ["quits", "no_relation", "no_relation"]
    assert report.relations_none == 2 and report.labels.unknown == {}


def test_a_pair_annotated_as_unrelated_is_no_triple_and_an_instance_of_no_relation():
    doc = make_doc({"pairs": "named"})
    ann, acme = Mention(0, 1, "PER", "Q1"), Mention(2, 3, "ORG", "Q2")
    doc._.relations = [Relation(ann, "left", acme), Relation(acme, "no_relation", ann)]
    assert [triple.label for triple in iter_triples([doc])] == ["left"]
    assert [(each.head.kb_id, each.labels) for each in sentence_instances(doc)] == [("Q1", ("left",)), ("Q2", ())]
