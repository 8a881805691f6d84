"""Sentences of Docs without boundaries: found by rule, the same everywhere, and never against what is annotated."""

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from support.examples import make_doc

from spacy_relx.data.sentences import sentence_places, sentence_starts

NLP = spacy.blank("xx", config={"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}})

#: One list of sentences for each script or difficulty; texts are these joined by a blank, or by nothing in Chinese.
SENTENCES = {
    "latin": ["Ann works for Acme.", "Is Bob there?", "No!", "Él llegó.", "¿Y tú?"],
    "initials and titles": ["Dr. Eve met J. K. Rowling and Prof. Stone.", "Mr. Vale left St. Gallen."],
    "numbers": ["See No. 5 and fig. 3 on p. 12.", "It was sold in 2010.", "25 people came.", "It cost 3.5 euros."],
    "german": ["Er kam am 3. Oktober.", "Sie ist z. B. Ärztin bzw. Dr. med. Maier.", "„Ja.“", "Er ging."],
    "words go on": ["Yahoo! is a firm.", "“Stop!” he said.", "He paid (a lot!) for it.", "She ... never came back."],
    "quotes": ['"Yes."', "“No.”", "”Ja.”", "He left."],
    "ellipsis": ["Then he stopped…", "She left..."],
    "greek": ["Πού είναι ο Νίκος;", "Είναι στην Αθήνα;", "Ναι.", "Καλά!"],
    "cyrillic": ["Он живёт на ул. Ленина.", "Где она?", "В Киеве."],
    "arabic": ["أين علي؟", "هو في بغداد.", "نعم!"],
    "urdu": ["وہ لاہور میں ہے۔", "کیا وہ آیا؟"],
    "devanagari": ["वह दिल्ली में है।", "क्या वह आया?", "हाँ॥"],
    "bengali": ["সে ঢাকায় থাকে।", "কে?"],
    "ethiopic": ["አበበ በአዲስ አበባ ይኖራል።", "የት ነው፧"],
    "armenian": ["Նա Երևանում է։", "Այո:", "Գնաց:"],
    "burmese": ["သူ ရန်ကုန်၊ မန္တလေး သွား။", "သူ လာ။"],
    "khmer": ["គាត់នៅភ្នំពេញ។", "គាត់មក។"],
    "hebrew": ["הוא גר בחיפה.", "איפה?"],
    "paragraphs": ["A heading\n\n", "The text begins.\r\n\r\n", "and ends.\n\n"],
}
JOINED = {
    "chinese": ["他在乌尔姆。", "真的吗？", "「好！」", "他说，是的……然后走了。"],
    "japanese": ["彼は東京にいます。", "本当ですか？", "はい！"],
    "halfwidth": ["ｶﾚﾊｷﾀ｡", "ﾊｲ｡"],
}


def texts(sentences, between):
    """The text, and where its sentences begin in it."""
    starts = np.cumsum([0, *(len(sentence + between) for sentence in sentences[:-1])])
    return between.join(sentences), starts.tolist()


def found(doc):
    return [doc[int(i)].idx for i in sentence_starts(doc)]


@pytest.mark.parametrize("name", [*SENTENCES, *JOINED])
def test_the_marks_of_each_script(name):
    sentences = SENTENCES.get(name) or JOINED[name]
    text, starts = texts(sentences, "" if name in JOINED or name == "paragraphs" else " ")
    assert found(NLP(text)) == starts


def test_an_empty_doc_and_one_without_marks():
    assert sentence_starts(NLP("")).tolist() == []
    assert sentence_starts(NLP("no mark at all")).tolist() == [0]
    assert sentence_starts(NLP(".")).tolist() == [0]
    assert sentence_starts(NLP("\n\n\n")).tolist() == [0]
    assert sentence_starts(NLP("\n\nOne left. Two came.")).tolist() == [0, 4], "no sentence is all space"


def test_words_of_any_tokenizer():
    """Tokens with blanks between them all, as many data sets have them."""
    text = 'She said : " Stop ! " Then Dr . Vale left . Bob ( he was there . ) came .'
    doc = Doc(NLP.vocab, words=text.split())
    assert [doc[int(i)].text for i in sentence_starts(doc)] == ["She", "Then", "Bob"]
    english = spacy.blank("en")("Mr. Vale met Dr. Stone at Acme Inc. in the U.S. today. He left.")
    assert [english[int(i)].text for i in sentence_starts(english)] == ["Mr.", "He"]


def test_boundaries_on_the_doc_count():
    words = ["Ann", ".", "Bob", "left", ".", "Eve"]
    doc = Doc(NLP.vocab, words=words, sent_starts=[True, False, False, True, False, False])
    assert sentence_starts(doc).tolist() == [0, 3]
    for name in ("sentencizer", "senter"):
        nlp = spacy.blank("en")
        nlp.add_pipe(name)
        if name == "senter":
            nlp.initialize()
        doc = nlp("Yahoo! is there. Bob left.")
        assert sentence_starts(doc).tolist() == [sent.start for sent in doc.sents]
    assert sentence_starts(NLP("Yahoo! is there. Bob left.")).tolist() == [0, 5]


def test_nothing_is_written():
    doc = NLP("Ann left. Bob came.")
    assert sentence_starts(doc).tolist() == [0, 3]
    assert not doc.has_annotation("SENT_START")


def test_no_boundary_lies_in_a_mention():
    doc = NLP("He joined Panic! At The Disco. Ann left.")
    start = next(token.i for token in doc if token.text == "At")
    assert start in sentence_starts(doc)
    spans = np.array([[start - 2, start + 3], [0, 1]])
    assert sentence_starts(doc, spans).tolist() == [0, len(doc) - 3]
    assert sentence_starts(doc, spans[:0]).tolist() == sentence_starts(doc).tolist()
    first, last = sentence_places(sentence_starts(doc, spans), spans)
    assert first.tolist() == last.tolist() == [0, 0]


def test_mentions_of_candidates_count_for_whoever_comes_later():
    nlp = spacy.blank("xx", config=NLP.config)
    marker = nlp.add_pipe("entity_type_marker")
    doc = make_doc(nlp.vocab, "He joined Panic ! At The Disco . Ann left", [(2, 7, "ORG"), (8, 9, "PER")])
    assert sentence_starts(doc).tolist() == [0, 4, 8]
    assert sentence_starts(marker(doc)).tolist() == [0, 8]
    copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert sentence_starts(copy).tolist() == [0, 8]
    assert not doc.has_annotation("SENT_START")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(SENTENCES)), st.data())
def test_a_text_has_the_sentences_of_its_parts(name, data):
    """So that a document has the same sentences as its sentences one by one."""
    parts = data.draw(st.lists(st.sampled_from(SENTENCES[name]), min_size=1, max_size=8))
    text, starts = texts(parts, " ")
    apart = [start + idx for start, part in zip(starts, parts) for idx in found(NLP(part))]
    assert found(NLP(text)) == apart
