"""Choosing documents while they are converted, and running text of data in tokens."""

from __future__ import annotations

import json

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from support.commands import invoke
from support.formats import write

from spacy_relx.data.extensions import get_relations
from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert, default_nlp
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.records import Place, Record
from spacy_relx.formats.running_text import detokenize, guess_spaces
from spacy_relx.formats.selection import KnownTexts, text_key


def row(text, **meta):
    return {"text": text, "mentions": [{"start": 0, "end": 3, "label": "PER"}], "relations": [], "meta": meta}


def texts(path):
    return [doc.text for doc in read_docs(path, spacy.blank("xx").vocab)]


def test_meta_and_known_texts(tmp_path):
    rows = [row("Ann left.", fold=1), row("Ann came.", fold=4), row("Bob came.", checked=True)]
    path = write(tmp_path / "x.jsonl", *rows)
    output, test = tmp_path / "train.spacy", tmp_path / "test.spacy"
    convert("jsonl", [path], test, meta=["fold=4"])
    report = convert("jsonl", [path], output, meta=["fold!=4"], exclude=[test])
    assert texts(test) == ["Ann came."] and texts(output) == ["Ann left.", "Bob came."]
    assert (report.left_out_by_meta, report.left_out_as_known) == (1, 0)
    assert "documents left out 1 (meta 1)" in str(report)
    convert("jsonl", [path], output, meta=["checked=True"])
    assert texts(output) == ["Bob came."]
    other = write(tmp_path / "y.jsonl", row("ANN  came"), row("Änn came"), row("Ann comes."))
    report = convert("jsonl", [other], output, exclude=KnownTexts([test]))
    assert texts(output) == ["Ann comes."] and report.left_out_as_known == 2
    with pytest.raises(RelxError, match=r"RX021.*KEY=VALUE"):
        convert("jsonl", [path], output, meta=["fold"])
    with pytest.raises(RelxError, match="RX122"):
        convert("jsonl", [path], test, exclude=[test])
    with pytest.raises(RelxError, match=r"(?s)RX121.*known texts 1"):
        convert("jsonl", [write(tmp_path / "z.jsonl", row("Ann came."))], output, exclude=[test])


def test_text_key():
    assert text_key("Zoë's  Café!") == text_key("ZOES cafe") != text_key("Zoes cafes")
    assert text_key("... !") == "" and text_key("का") != text_key("की") and text_key("が") != text_key("か")
    assert text_key("안나는, 웃다.") == text_key("안나는 웃다")


def test_texts_without_words_are_not_known(tmp_path):
    path, test = write(tmp_path / "x.jsonl", {"text": "..."}, {"text": "Ann"}), tmp_path / "test.spacy"
    convert("jsonl", [path], test)
    convert("jsonl", [path], tmp_path / "train.spacy", exclude=[test])
    assert texts(tmp_path / "train.spacy") == ["..."]


def test_documents_of_which_nothing_is_annotated_any_more(tmp_path):
    rows = [
        {"sentence": "Ann Ulm", "s": [0, 3], "s_type": "PER", "o": [4, 7], "o_type": "LOC", "label": label}
        for label in ("per:title", "per:origin", "no_relation")
    ]
    (tmp_path / "labels.tsv").write_text("per:title\t\nper:origin\tP27(e2,e1)\n", encoding="utf8")
    path, output = write(tmp_path / "x.jsonl", *rows), tmp_path / "x.spacy"
    report = convert("klue_re", [path], output, labels=tmp_path / "labels.tsv")
    assert report.records_skipped == 1 and report.records_found == 3
    docs = list(read_docs(output, spacy.blank("xx").vocab))
    found = [[(each.head.label, each.label, each.tail.label) for each in get_relations(doc)] for doc in docs]
    assert found == [[("LOC", "P27", "PER")], [("PER", "no_relation", "LOC")]]


def test_the_command(tmp_path):
    path = write(tmp_path / "x.jsonl", row("Ann left.", fold=1), row("Ann came.", fold=4))
    arguments = ["data", "convert", "jsonl", path, "--detokenize", "--on-error", "skip"]
    assert invoke(*arguments, "--output", tmp_path / "a.spacy", "--meta", "fold=4").exit_code == 0
    result = invoke(*arguments, "--output", tmp_path / "b.spacy", "--exclude", tmp_path / "a.spacy")
    assert result.exit_code == 0 and texts(tmp_path / "b.spacy") == ["Ann left."]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ('He said " yes " ( in New - York ) , 1990 .', 'He said "yes" (in New-York), 1990.'),
        ("L' homme d' Albert n' est pas là !", "L'homme d'Albert n'est pas là!"),
        ("He does n't know John 's boss .", "He doesn't know John's boss."),
        ("日本 の Sony は 2019 年 、 東京 で 。", "日本のSonyは2019年、東京で。"),
        ("안나 는 웃다 .", "안나 는 웃다."),
        ("ولد في القاهرة ، مصر", "ولد في القاهرة، مصر"),
        ("« Oui » , dit-il", "«Oui», dit-il"),
    ],
)
def test_guessed_spaces(words, text):
    words = words.split()
    assert "".join(word + " " * space for word, space in zip(words, guess_spaces(words))) == text


def test_detokenized_documents(tmp_path):
    doc = {
        "tokens": ["Ann", "(", "Bee", ")", "left", ".", "Acme's", "boss", "stayed", "."],
        "mentions": [{"start": 2, "end": 3, "label": "PER"}, {"start": 6, "end": 8, "label": "ORG"}],
        "relations": [{"head": 0, "tail": 1, "label": "leaves"}],
    }
    path, output = write(tmp_path / "x.jsonl", doc), tmp_path / "x.spacy"
    convert("jsonl", [path], output, detokenize=True)
    (made,) = read_docs(output, default_nlp().vocab)
    assert made.text == "Ann (Bee) left. Acme's boss stayed."
    assert [span.text for span in made.spans[MENTIONS_KEY]] == ["Bee", "Acme's boss"]
    assert "'s" in [token.text for token in made]
    assert [each.label for each in get_relations(made)] == ["leaves"]


def test_sentences_stay(tmp_path):
    docred = [{"title": "a", "sents": [["Ann", "left", "."], ["Bob", "stayed", "."]], "vertexSet": [], "labels": []}]
    path, output = tmp_path / "x.json", tmp_path / "x.spacy"
    path.write_text(json.dumps(docred), encoding="utf8")
    convert("docred", [path], output, detokenize=True)
    (made,) = read_docs(output, default_nlp().vocab)
    assert made.text == "Ann left. Bob stayed." and [sent.text for sent in made.sents] == ["Ann left.", "Bob stayed."]


NLP = default_nlp()
WORD = st.text(st.sampled_from("aB.,'\"()-/年の안é1 "), min_size=1, max_size=3)


@given(st.lists(WORD, min_size=1, max_size=10), st.data())
def test_mentions_stay_where_they_are(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    starts = sorted(data.draw(st.sets(st.integers(1, len(words) - 1)))) if len(words) > 1 else []
    record = Record(Place("x", 1), words=words, mentions=[Mention(start, end, "A")], sent_starts=[0, *starts])
    made = detokenize(record, NLP)
    (mention,) = made.mentions
    found = made.text[mention.start : mention.end]
    assert found.replace(" ", "") == "".join(words[start:end]).replace(" ", "")
    assert found.startswith(words[start]) and found.endswith(words[end - 1])
    assert detokenize(made, NLP) is made
