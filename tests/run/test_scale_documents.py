"""Texts through a pipeline: those that fail, and the one that ends its process."""

from __future__ import annotations

import pytest
import spacy
from support.scale import TEXT

from spacy_relx.formats.texts import Broken, Text
from spacy_relx.run.documents import MAX_CHARACTERS, Extraction
from spacy_relx.run.journal import Journal


@pytest.fixture(scope="module")
def nlp(scale_model):
    return spacy.load(scale_model)


def items(*texts):
    return [Text(f"t{number}", f"some:{number}", text, "") for number, text in enumerate(texts, start=1)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_one_text_that_fails_takes_no_other_with_it(nlp, size):
    given = items(TEXT, "poison", TEXT, "", "Ann met 東京 😀", "more poison")
    given[3:3] = [Broken(None, "some:9", "it is broken")]
    found = list(Extraction(nlp, batch_size=size)(given, "some"))
    assert [each.where for each in found] == [each.where for each in given]
    assert [len(each.triples) for each in found] == [1, 0, 1, 0, 0, 1, 0]
    assert [each.error for each in found] == [
        "",
        "RuntimeError: this text is poison",
        "",
        "it is broken",
        "",
        "",
        "RuntimeError: this text is poison",
    ]
    assert found[5].triples[0].tail.text == "東京" and found[5].triples[0].doc_id == "t5"


def test_a_text_longer_than_the_pipeline_allows(nlp, monkeypatch):
    monkeypatch.setattr(nlp, "max_length", 30)
    found = list(Extraction(nlp)(items(TEXT, "x" * 31, TEXT)))
    assert [bool(each.error) for each in found] == [False, True, False]
    assert "max_length" in found[1].error


def test_what_an_error_handler_leaves_out_is_told(nlp):
    def silent(name, component, docs, error):
        pass

    handler = nlp.default_error_handler
    try:
        nlp.set_error_handler(silent)
        found = list(Extraction(nlp)(items(TEXT, "poison", TEXT)))
    finally:
        nlp.set_error_handler(handler)
    assert [len(each.triples) for each in found] == [1, 0, 1]
    assert "left it out" in found[1].error


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_an_error_of_its_text(nlp, score):
    """Not a triple that nothing can export."""
    from spacy_relx import Mention, Relation

    @spacy.Language.component("relx_documents_test_scores", assigns=["doc._.relations"])
    def set_score(doc):
        if "Bob" in doc.text:
            doc._.relations = [Relation(Mention(0, 1, "A"), "r", Mention(1, 2, "B"), score)]
        return doc

    blank = spacy.blank("xx")
    blank.add_pipe("relx_documents_test_scores")
    bad, good = Extraction(blank)(items("Bob Ann", "Ann Acme"))
    assert "RX337" in bad.error and not bad.triples and not good.error


def test_batches_are_bounded_by_characters(nlp, monkeypatch):
    from spacy_relx.run import documents

    sizes = []
    run = documents.docs_or_errors
    monkeypatch.setattr(documents, "docs_or_errors", lambda nlp, texts: (sizes.append(len(texts)), run(nlp, texts))[1])
    list(Extraction(nlp)(items(*["x " * (MAX_CHARACTERS // 4 - 1)] * 3)))
    assert sizes == [2, 1]


def test_the_journal_finds_the_text_that_kills(tmp_path):
    """Each simulated process ends at the text 5; none other is lost, and the search ends."""
    path = tmp_path / "journal.json"
    deaths = 0
    for _ in range(10):
        journal, read = Journal(path), []
        try:
            for first, last in [part for start in (0, 4, 8) for part in journal.parts(start, start + 4)]:
                if not journal.has_killed(first):
                    journal._write(first, last)
                    if first <= 5 < last:
                        raise MemoryError
                    read += range(first, last)
        except MemoryError:
            deaths += 1
        else:
            break
    assert deaths == 3 and read == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    journal.close()
    assert not path.exists()


def test_a_journal_that_was_cut_says_nothing(tmp_path):
    (tmp_path / "journal.json").write_text('{"start": 1', encoding="ascii")
    assert list(Journal(tmp_path / "journal.json").parts(0, 4)) == [(0, 4)]
