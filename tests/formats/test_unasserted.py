"""The augmenter that denies, supposes, asks and affirms: offsets, relations, what is known, settings."""

from __future__ import annotations

from collections import Counter

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Span, SpanGroup
from spacy.util import registry
from support.examples import make_doc

from spacy_relx.data.annotated import ONLY_PAIRS, Annotated
from spacy_relx.data.extensions import GoldMentions, get_gold_mentions
from spacy_relx.data.types import MENTIONS_KEY, NO_RELATION
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation.denial import DENIALS
from spacy_relx.formats.convert import default_nlp
from spacy_relx.formats.docbin import new_docbin, write_docbin
from spacy_relx.formats.mentions import gold_example
from spacy_relx.formats.reader import RelationCorpus
from spacy_relx.formats.unasserted import Unasserted, frame, make_unasserted
from spacy_relx.formats.wordings import AFFIRMED, ENDINGS, KINDS, UNASSERTED, WORDINGS

NLP = default_nlp()
#: A sentence in which Ann is related to Rome; its final mark stands apart.
WORDS = ["Ann", "Bee", "lives", "in", "Rome", "."]
MENTIONS = [(0, 2, "PER"), (4, 5, "LOC"), (0, 1, "PER")]
RELATIONS = [(0, "lives_in", 1)]


def gold(lang="en", words=WORDS, mentions=MENTIONS, relations=RELATIONS, annotated=None):
    doc = make_doc(NLP.vocab, words, mentions, relations)
    doc._.lang = lang
    doc._.annotated = annotated
    return doc


def korean(lang):
    """The sentence with an ending behind which the wordings of a language go on."""
    return [*WORDS[:-1], ENDINGS[lang][0], "."] if lang in ENDINGS else WORDS


def variants(doc, n=40, **settings):
    make = Unasserted(1.0, **settings)
    return [make.variant(NLP, doc) for _ in range(n)]


def places(doc):
    return [(span.text, span.label_) for span in doc.spans[MENTIONS_KEY]]


@pytest.mark.parametrize("lang", WORDINGS)
def test_all_wordings(lang):
    """Every one keeps the sentence and its mentions, where they stand in the text, and reads as it is written."""
    doc = gold(lang, korean(lang))
    sentence = doc[: len(doc) - 1]
    for kind, wordings in WORDINGS[lang].items():
        assert kind in KINDS and wordings
        for wording in wordings:
            made = frame(NLP, sentence, wording, doc._.relations)
            before, behind = wording.split("{}")
            assert made.text == before + sentence.text + behind
            assert places(made) == places(doc) and [e.text for e in made.ents] == [e.text for e in doc.ents]
            (relation,) = made._.relations
            assert (relation.head.span(made).text, relation.tail.span(made).text) == ("Ann Bee", "Rome")
            assert made._.lang == lang and len(list(made.sents)) == 1
    assert set(WORDINGS[lang]) == set(KINDS)


def test_wordings_are_no_test_data():
    """What measures whether denials are understood is not learned."""
    for lang, wordings in WORDINGS.items():
        texts = {part.strip(' “”„«»「」"') for before, behind in DENIALS.get(lang, ()) for part in (before, behind)}
        for wording in (text for texts in wordings.values() for text in texts):
            assert not [text for text in texts if text and text in wording]
    assert set(DENIALS) <= set(WORDINGS)


def test_variants():
    found = variants(gold(), affirmed=0.0)
    assert all(doc._.relations == [] and places(doc) == places(gold()) for doc in found)
    texts = {doc.text for doc in found}
    assert "It is not true that Ann Bee lives in Rome." in texts and "Is it true that Ann Bee lives in Rome?" in texts
    assert len(texts) > 8 and all(doc._.annotated.is_whole for doc in found)


def test_affirmed_variants():
    found = variants(gold(), 400)
    kept = [doc for doc in found if doc._.relations]
    assert abs(len(kept) - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5
    assert all(doc._.triples == [("Ann Bee", "lives_in", "Rome")] for doc in kept)
    assert {doc.text for doc in kept}.isdisjoint(doc.text for doc in found if not doc._.relations)


@pytest.mark.parametrize("kind", UNASSERTED)
def test_kinds(kind):
    wordings = {text.replace("{}", "Ann Bee lives in Rome") for text in WORDINGS["en"][kind]}
    assert {doc.text for doc in variants(gold(), affirmed=0.0, kinds=[kind])} == wordings


@pytest.mark.parametrize("annotated, known", [(ONLY_PAIRS, ONLY_PAIRS), (Annotated(["PER"], ["born_in"]), None)])
def test_what_is_known_then(annotated, known):
    """Where absent relations are unknown, the pair is annotated as unrelated, both ways."""
    for doc in variants(gold(annotated=annotated), 5, affirmed=0.0):
        assert [(r.label, r.head.span(doc).text) for r in doc._.relations] == [
            (NO_RELATION, "Ann Bee"),
            (NO_RELATION, "Rome"),
        ]
        assert doc._.annotated == (known or Annotated(["PER"], pairs="named"))
    for doc in variants(gold(annotated=annotated), 5, affirmed=1.0):
        assert doc._.annotated == annotated and doc._.triples == [("Ann Bee", "lives_in", "Rome")]


def test_covered_labels_stay_covered():
    annotated = Annotated("none", ["born_in", "lives_in"])
    for doc in variants(gold(annotated=annotated), 5, affirmed=0.0):
        assert doc._.annotated == annotated and doc._.relations == []


def test_one_sentence_of_several():
    """The one whose relations are gold; those of others, and across sentences, are left behind."""
    words = [*["Nobody", "came", ".", "Ann", "Bee", "lives", "in", "Rome", ".", "She", "works", "for", "Acme", "."]]
    mentions = [(3, 5, "PER"), (7, 8, "LOC"), (9, 10, "PER"), (12, 13, "ORG")]
    doc = gold(words=words, mentions=mentions, relations=[(0, "lives_in", 1), (2, "works_for", 3), (0, "works_for", 3)])
    doc.user_data.update(id="x", meta={"fold": 1})
    found = Counter(each._.triples[0] for each in variants(doc, affirmed=1.0))
    assert set(found) == {("Ann Bee", "lives_in", "Rome"), ("She", "works_for", "Acme")}
    for made in variants(doc, 10, affirmed=0.0):
        assert made._.relations == [] and ("Acme" in made.text) != ("Rome" in made.text)
        assert made.user_data["id"] == "x" and made.user_data["meta"] == {"fold": 1}


@pytest.mark.parametrize(
    "words",
    [["Does", "Ann", "work", "for", "Acme", "?"], ["Ann", "Bee", "lives", "in", "Rome", "？"]],
)
def test_questions_have_no_variants(words):
    doc = gold(words=words, mentions=[(1, 2, "PER"), (4, 5, "ORG")])
    assert variants(doc, 3) == [None] * 3


def test_endings():
    """Korean wordings go on from one ending of sentences."""
    assert variants(gold("ko"), 3) == [None] * 3
    assert all("다" in doc.text for doc in variants(gold("ko", korean("ko")), 10))


def test_small_letters():
    """A short first word is written small inside a sentence, a mention and a longer word are not."""
    words = ["The", "Ann", "lives", "in", "Rome", "."]
    texts = {doc.text for doc in variants(gold(words=words, mentions=[(1, 2, "PER"), (4, 5, "LOC")]), 80)}
    assert "Suppose that the Ann lives in Rome." in texts and "The Ann lives in Rome?" in texts
    assert "Suppose that Ann Bee lives in Rome." in {doc.text for doc in variants(gold(), 80)}


def test_what_stands_around(tmp_path):
    """Spaces at the edges and several final marks go; Docs that have nothing to deny stay alone."""
    words = ["\n", *WORDS, "!", "\n"]
    moved = [(start + 1, end + 1, label) for start, end, label in MENTIONS]
    assert "It is true that Ann Bee lives in Rome." in {
        doc.text for doc in variants(gold(words=words, mentions=moved), 80)
    }
    make = Unasserted(1.0)
    unrelated, bag = gold(relations=[(0, NO_RELATION, 1)]), gold()
    bag._.bag = ("Q1", "Q2")
    for doc in (unrelated, bag, gold(relations=[]), gold(words=[], mentions=[], relations=[])):
        example = gold_example(doc)
        assert list(make(NLP, example)) == [example]


def test_level_and_seed():
    def run(seed):
        make = make_unasserted(0.3, seed=seed)
        return [[each.reference.text for each in make(NLP, gold_example(gold()))] for _ in range(300)]

    found = run(1)
    assert found == run(1) != run(2)
    assert all(texts[0] == gold().text for texts in found)
    n_variants = sum(len(texts) == 2 for texts in found)
    assert abs(n_variants - 90) < 4 * (300 * 0.3 * 0.7) ** 0.5
    assert sum(map(len, found)) == 300 + n_variants


@pytest.mark.parametrize("gold_mentions", [True, False])
def test_the_predicted_doc(gold_mentions):
    """It is as that of the Example: with mentions where these are given, and without relations."""
    make = Unasserted(1.0, affirmed=1.0)
    example, variant = make(NLP, gold_example(gold(), gold_mentions=gold_mentions))
    assert variant.predicted.text == variant.reference.text and variant.predicted._.relations == []
    assert (MENTIONS_KEY in variant.predicted.spans) is gold_mentions
    assert get_gold_mentions(variant.predicted) == get_gold_mentions(example.predicted)
    assert variant.predicted._.lang == "en"
    if gold_mentions:
        assert places(variant.predicted) == places(variant.reference)


def test_in_a_corpus(tmp_path):
    """Each pass has variants of its own; the mentions of a pipeline that finds its own are those of training."""
    docbin = new_docbin()
    for _ in range(20):
        docbin.add(gold())
    write_docbin(docbin, tmp_path / "x.spacy")
    corpus = RelationCorpus(tmp_path / "x.spacy", augmenter=make_unasserted(0.5), cache=True)
    one, two = ([each.reference.text for each in corpus(NLP)] for _ in range(2))
    assert 20 < len(one) < 40 and one != two
    nlp = spacy.blank("xx")
    nlp.add_pipe("joint_extractor")
    assert {get_gold_mentions(each.predicted) for each in corpus(nlp)} == {GoldMentions.TRAINING}


def test_own_wordings():
    own = {"xy": {"negation": ["Ba {} bu.", "{} ba!"], AFFIRMED: ["Bi {}."]}, "en": {"question": ["Hm, {}?"]}}
    texts = {doc.text for doc in variants(gold("xy"), affirmed=0.5, wordings=own, kinds=["negation"])}
    assert texts == {f"Ba {(s := 'Ann Bee lives in Rome')} bu.", f"{s} ba!", f"Bi {s}."}
    # a language with wordings of one kind has no variants of the others
    assert {doc.text for doc in variants(gold(), affirmed=0.0, wordings=own)} == {f"Hm, {s}?"}
    assert variants(gold(), 3, affirmed=1.0, wordings=own) == [None] * 3


@pytest.mark.parametrize(
    "wordings",
    [
        *({"xy": {"negation": [text]}} for text in ("no gap", "{} and {}", "{}", " {} ", 3)),
        {"xy": {"irony": ["Oh, {}."]}},
    ],
)
def test_wrong_wordings(wordings):
    with pytest.raises(RelxError, match=r"RX747.*'xy'"):
        make_unasserted(wordings=wordings)


@pytest.mark.parametrize(
    "setting", [{"level": -0.1}, {"level": 1.5}, {"affirmed": 2}, {"kinds": []}, {"kinds": ["affirmed"]}]
)
def test_wrong_settings(setting):
    with pytest.raises(RelxError, match=f"RX021.*{next(iter(setting))}"):
        make_unasserted(**setting)


def test_languages_without_wordings():
    make = Unasserted(1.0)
    with pytest.warns(RelxWarning, match=r"RX748.*'', 'xy'"):
        for number in range(100):
            assert make.variant(NLP, gold("xy" if number % 2 else "")) is None
    assert Unasserted(1.0).variant(NLP, gold("en")) is not None


def test_its_name():
    assert registry.augmenters.get("spacy_relx.Unasserted.v1") is make_unasserted


@st.composite
def sentences(draw):
    """Any words, with mentions that may overlap, in a language that has wordings."""
    lang = draw(st.sampled_from(sorted(WORDINGS)))
    word = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=4)
    words = draw(st.lists(word, min_size=2, max_size=8))
    ends = st.tuples(st.integers(0, len(words) - 1), st.integers(1, len(words)))
    spans = draw(st.lists(ends.filter(lambda each: each[0] < each[1]), min_size=2, max_size=4, unique=True))
    spaces = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    return lang, words, spaces, spans


@given(sentences(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_offsets(found, seed):
    lang, words, spaces, spans = found
    doc = spacy.tokens.Doc(NLP.vocab, words=words, spaces=spaces, sent_starts=[True] + [False] * (len(words) - 1))
    mentions = [
        Span(doc, start, end, label=f"T{number}", kb_id=f"Q{number}") for number, (start, end) in enumerate(spans)
    ]
    doc.spans[MENTIONS_KEY] = SpanGroup(doc, name=MENTIONS_KEY, spans=mentions)
    doc._.relations = [{"head": mentions[0], "label": "r", "tail": mentions[1]}]
    doc._.lang = lang
    before = doc.to_bytes()
    make = Unasserted(1.0, affirmed=0.5, seed=seed)
    made = make.variant(NLP, doc)
    assert doc.to_bytes() == before
    if made is None:
        assert words[-1][-1] in "?？؟;" or lang in ENDINGS
        return
    group = made.spans[MENTIONS_KEY]
    lost = [each for each in mentions if each.text not in {span.text for span in group}]
    assert all(not any(char.isalnum() for char in words[each.end - 1]) for each in lost)  # final marks
    for span in group:
        other = mentions[int(span.label_[1:])]
        assert [token.text for token in span] == [token.text for token in other] and span.kb_id_ == other.kb_id_
    for relation in made._.relations:
        assert relation.head.span(made).text.split() == mentions[0].text.split()
        assert relation.tail.span(made).text.split() == mentions[1].text.split()
    assert "".join(token.text_with_ws for token in made) == made.text
