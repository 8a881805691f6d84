"""Normal forms of names: composed and decomposed spellings are one in every look-up, and texts stay as they are."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from support.examples import make_doc, make_example, triples

from spacy_relx import Mention, Relation
from spacy_relx.cli._options import split_names
from spacy_relx.data.facts import Bag, Fact
from spacy_relx.data.text_forms import folded_form, normal_form, normal_forms, normal_text, surrogate_fault
from spacy_relx.formats.convert import default_nlp
from spacy_relx.formats.labels import read_labels, rename_relations, renaming
from spacy_relx.formats.records import LabelCounts, Place, Record
from spacy_relx.knowledge.aliases import Aliases, AliasMatcher, read_aliases
from spacy_relx.knowledge.align_files import align_to_bags
from spacy_relx.knowledge.read import read_triples
from spacy_relx.knowledge.triples import KnowledgeBase
from spacy_relx.relations.generators import make_typed_pairs
from spacy_relx.relations.schema import Schema, TypeMask

#: Names in scripts whose letters can be taken apart, and what stands before and behind them in a text.
NAMES = [
    ("Zürich", "Ann left ", "."),
    ("Nguyễn Văn", "Then ", " came"),
    ("한국어", "그는 ", " 책"),
    ("ガンダム", "彼は", "を見た"),
    ("ぱぴぷ", "これは", "です"),
    ("\u0958लम", "यह ", " है"),
    ("\u212b", "at ", " end"),
]
FORMS = ("NFC", "NFD")


def forms(text):
    return [unicodedata.normalize(form, text) for form in FORMS]


def spellings(text):
    """All that one text can be written as; the letter U+0958 is composed in neither normal form."""
    return {text, *forms(text)}


# The forms


def test_normal_form():
    assert [normal_form(text) for text in forms("Zürich 한 ガ")] == ["Zürich 한 ガ"] * 2
    assert normal_form("\u212b") == "\u00c5" and normal_form("plain") == "plain"
    # what only looks alike stays apart: a knowledge base may know both
    assert [normal_form(text) for text in ("x²", "ﬁ", "Ａ", "ｶ", "½")] == ["x²", "ﬁ", "Ａ", "ｶ", "½"]
    assert normal_forms(["Zu\u0308rich", "a", "\u0308"]) == ["Zürich", "a", "\u0308"]
    assert normal_forms([]) == [] and normal_forms(("a", "ü")) == ["a", "ü"]


def test_folded_form():
    assert {folded_form(text) for text in ("Ｚürich", "zu\u0308rich ", "ZÜRICH")} == {"zürich"}
    assert folded_form("Straße") == folded_form("STRASSE") != folded_form("Strase")


def test_places():
    text = normal_text("Cafe\u0301 Zu\u0308ri")
    assert text.text == "Café Züri"
    # a letter cut from its accent has nothing of the composed letter
    assert text.starts.tolist() == [0, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9]
    assert text.ends.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]


def test_places_of_random_texts():
    """Where a text is cut beside what composes, the parts' normal forms are those of the places."""
    draw = random.Random(0)
    odd = [chr(code) for code in range(0x20, 0x2FA20) if unicodedata.decomposition(chr(code)) and draw.random() < 0.2]
    odd += [chr(code) for code in range(0x20, 0x11600) if unicodedata.combining(chr(code))]
    odd += [chr(code) for code in range(0x1100, 0x11C3)] * 3 + list("abcu ") * 300
    for _ in range(3000):
        text = "".join(draw.choices(odd, k=draw.randint(0, 8)))
        found = normal_text(text)
        assert found.text == unicodedata.normalize("NFC", text)
        assert (np.diff(found.starts) >= 0).all() and (np.diff(found.ends) >= 0).all()
        assert (found.starts >= found.ends).all() and found.starts[-1] == len(found.text)
        for place in np.flatnonzero(found.starts == found.ends).tolist():
            parts = text[:place], text[place:]
            cut = int(found.starts[place])
            assert forms(parts[0])[0] == found.text[:cut] and forms(parts[1])[0] == found.text[cut:]


@pytest.mark.parametrize(("text", "place"), [("a\ud83d", 1), ("\ude00", 0), ("😀 \udfff", 2)])
def test_half_characters(text, place):
    assert f"its character {place} is half" in surrogate_fault(text)
    assert not surrogate_fault("😀 plain") and not surrogate_fault("")


# Names in texts


@pytest.mark.parametrize("alignment", ["strict", "expand"])
@pytest.mark.parametrize(("name", "before", "behind"), NAMES)
def test_names_are_found_in_every_form(name, before, behind, alignment):
    assert len(spellings(name)) > 1
    nlp = default_nlp()
    for written in spellings(name):
        matcher = AliasMatcher(Aliases([("Q1", written, "THING")]), alignment=alignment)
        for text in spellings(before + name + behind):
            doc = nlp(text)
            (mention,) = matcher(doc)
            assert doc.text == text  # as it was
            assert normal_form(mention.text(doc)) == normal_form(name) and mention.kb_id == "Q1"


def test_several_docs_of_several_forms_at_once():
    nlp = default_nlp()
    docs = [nlp(text) for text in ("\u0308 Zu\u0308rich", "", "Zürich Zu\u0308rich!", "plain Zurich", "u\u0308 Zürich")]
    found, _ = AliasMatcher(Aliases([("Q72", "Zürich")])).match(docs)
    texts = [[normal_form(mention.text(doc)) for mention in each] for doc, each in zip(docs, found)]
    assert texts == [["Zürich"], [], ["Zürich", "Zürich"], [], ["Zürich"]]


def test_a_name_is_not_found_without_its_accent():
    words, nlp = ["Cafe", "\u0301", "x"], spacy.blank("xx")
    for name, wanted in (("Cafe", []), ("Café", [(0, 2)])):
        for alignment in ("strict", "expand"):
            doc = Doc(nlp.vocab, words=words, spaces=[False, True, False])
            found = AliasMatcher(Aliases([("Q1", name)]), alignment=alignment)(doc)
            assert [(mention.start, mention.end) for mention in found] == wanted


def test_one_name_in_two_forms_is_one_name():
    aliases = Aliases([("Q1", "Zürich"), ("Q2", "Zu\u0308rich"), ("Zu\u0308", "a"), ("Zü", "b")])
    assert AliasMatcher(aliases).ambiguous_aliases == 1 and aliases.entity_ids == ["Q1", "Q2", "Zü"]


@pytest.mark.parametrize("of_kb", FORMS)
@pytest.mark.parametrize("of_names", FORMS)
@pytest.mark.parametrize("of_texts", FORMS)
def test_align(tmp_path, of_kb, of_names, of_texts):
    for name, form, text in (
        ("kb.tsv", of_kb, "Zoë\tgegründet\tZürich\n"),
        ("names.tsv", of_names, "Zoë\tZoë Öhm\tPERSÖN\nZürich\tZürich\n"),
    ):
        (tmp_path / name).write_text(unicodedata.normalize(form, text), encoding="utf8")
    nlp = default_nlp()
    nlp.add_pipe("sentencizer")
    text = unicodedata.normalize(of_texts, "Zoë Öhm sah Zürich.")
    kb, matcher = read_triples(tmp_path / "kb.tsv"), AliasMatcher(read_aliases(tmp_path / "names.tsv"))
    report = align_to_bags(kb, [nlp(text)], tmp_path / "o.spacy", nlp.vocab, matcher=matcher, inputs=[])
    assert (report.linked, report.covered, report.facts) == (2, 1, {"gegründet": 1})


# Ids, labels and types


def test_ids_of_a_knowledge_base():
    for form in FORMS:
        kb = KnowledgeBase.from_rows([tuple(unicodedata.normalize(form, each) for each in ("ü", "ñ", "é"))])
        for head, relation, tail in zip(*map(forms, ("ü", "ñ", "é"))):
            assert (head, relation, tail) in kb and kb.relations(head, tail) == ["ñ"]
            assert kb.tails(head, relation) == ["é"] and kb.encode_entities([tail]).tolist() == [1]


def test_what_is_on_a_doc():
    for label in forms("gegründet"):
        mention = Mention(0, 1, *forms("Zoë")[::-1])
        assert (mention.label, mention.kb_id) == ("Zoë", "Zoë")
        assert Relation(mention, label, mention).label == "gegründet" and Fact("a", label, "b").label == "gegründet"
        doc = Doc(spacy.blank("xx").vocab, words=["a", "b"])
        doc.ents = [Span(doc, 0, 1, label=label, kb_id=label)]
        assert Mention.from_any(doc.ents[0]) == Mention(0, 1, "gegründet", "gegründet")
        doc._.relations = [{"head": doc.ents[0], "label": label, "tail": {"start": 1, "end": 2}}]
        assert doc._.relations[0].label == "gegründet"
    assert Bag(*forms("Zoë")) == Bag("Zoë", "Zoë")


@pytest.mark.parametrize("form", FORMS)
def test_labels_and_types_in_settings(form):
    def name(text):
        return unicodedata.normalize(form, text)

    schema = Schema("x", types=[[name("PERSÖN"), name("gegründet"), "*"]], functional=[name("gegründet")])
    assert schema.labels == {"gegründet"} and schema.allows("PERSÖN", "gegründet", "X")
    assert not schema.allows("X", "gegründet", "X") and TypeMask("x", [[name("Ö"), "r", name("Ö")]])
    assert split_names(name("größer, ähnlich,größer")) == ["größer", "ähnlich"]
    doc = make_doc(spacy.blank("en").vocab, "a b", [(0, 1, name("Ö")), (1, 2, name("Ä"))])
    mentions = [Mention.from_any(span) for span in doc.spans["mentions"]]
    assert np.concatenate(list(make_typed_pairs([[name("Ö"), name("Ä")]])(doc, mentions))).tolist() == [[0, 1]]


def test_data_in_two_forms_give_one_label():
    """And one entity type and one threshold, whichever form the settings have."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    config = {"label_thresholds": {forms("gründet")[1]: 0.25}}
    pipe = nlp.add_pipe("relation_extractor", config=config)
    rows = [("a b", [(0, 1, form), (1, 2, form)], [(0, label, 1)]) for form, label in zip(forms("Ö"), forms("gründet"))]
    examples = [make_example(nlp.vocab, *row) for row in rows]
    nlp.initialize(lambda: examples)
    assert pipe.labels == ("gründet",) and nlp.get_pipe("entity_type_marker").labels == ("Ö",)
    assert pipe.add_label(forms("gründet")[1]) == 0 and pipe.label_thresholds == {"gründet": 0.25}
    assert {label for eg in examples for _, label, _ in triples(eg.reference)} == {"gründet"}


def test_tables_of_labels(tmp_path):
    for old, new in zip(forms("gründet"), forms("founded é")[::-1]):
        (tmp_path / "labels.tsv").write_text(f"{old}\t{new}\n", encoding="utf8")
        for label in forms("gründet"):
            record = Record(Place(tmp_path, 1), text="a b", mentions=[Mention(0, 1), Mention(2, 3)])
            record.relations = [(0, 1, label)]
            rename_relations(record, renaming(read_labels(tmp_path / "labels.tsv")), LabelCounts())
            assert record.relations == [(0, 1, "founded é")]
