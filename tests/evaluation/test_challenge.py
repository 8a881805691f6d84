"""`relx challenge`: hard negatives of each kind, of documents made by hand."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from support.commands import invoke
from support.examples import make_doc

from spacy_relx.errors import RelxWarning
from spacy_relx.evaluation.challenge import challenge
from spacy_relx.evaluation.denial import DENIALS, deny

CODE = '''
from spacy.language import Language
from spacy_relx import Relation


@Language.component("relx_challenge_test", assigns=["doc._.relations"], requires=["doc._.candidates"])
def credulous(doc):
    """Takes every person and organisation for related, both ways, unless the sentence has the word 'false'."""
    types = [("PERSON", "ORG"), ("ORG", "PERSON")]
    fine = "false" not in doc.text
    pairs = [pair for pair in doc._.candidates if (pair.head.label, pair.tail.label) in types]
    doc._.relations = [Relation(pair.head, "works_for", pair.tail, 0.5) for pair in pairs if fine]
    return doc
'''
GOLD = [
    ("Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1)], "en"),
    ("Bob met Eve of Initech", [(0, 1, "PERSON"), (2, 3, "PERSON"), (4, 5, "ORG")], [(1, "works_for", 2)], "en"),
    ("Bob saw Acme", [(0, 1, "PERSON"), (2, 3, "ORG")], [], "en"),
    ("Eva ist bei Acme", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1)], "de"),
    ("Ann and Bob are married", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "spouse", 1), (1, "spouse", 0)], "en"),
]


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    path = tmp_path_factory.mktemp("challenge") / "code.py"
    path.write_text(CODE, encoding="utf8")
    return path


@pytest.fixture(scope="module")
def nlp(code):
    if not Language.has_factory("relx_challenge_test"):
        spacy.util.import_file("relx_challenge_code", code)
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_challenge_test")
    return nlp


def docs_of(vocab, rows=GOLD):
    docs = []
    for words, mentions, relations, lang in rows:
        doc = make_doc(vocab, words, mentions, relations)
        doc._.lang = lang
        docs.append(doc)
    return docs


def numbers(row):
    return row["n"], row["predicted"]


def test_each_kind_by_hand(nlp):
    found = challenge(nlp, docs_of(nlp.vocab))
    together = found["cooccurrence"]
    # Bob-Initech and Bob-Acme; Bob-Eve and Eve-Bob, whose types those of spouses are: nothing is predicted there
    assert numbers(together) == (4, 2) and together["rate"] == 0.5
    assert {label: numbers(row) for label, row in together["per_label"].items()} == {
        "spouse": (2, 0),
        "works_for": (2, 2),
    }
    back = found["reversed"]
    assert numbers(back) == (3, 3) and back["both"] == 3 and found["symmetric"] == ["spouse"]
    assert {lang: numbers(row) for lang, row in back["per_lang"].items()} == {"de": (1, 1), "en": (2, 2)}
    # three of works_for are found, in two wordings each, and one English one has the word that is looked for
    denial = found["negation"]
    assert (denial["n_gold"], *numbers(denial)) == (5, 6, 4)
    assert {lang: numbers(row) for lang, row in denial["per_lang"].items()} == {"de": (2, 2), "en": (4, 2)}
    assert denial["per_label"]["works_for"]["rate"] == pytest.approx(4 / 6)


def test_symmetric_and_languages(nlp):
    rows = [GOLD[0], ("Ann trabaja en Acme", *GOLD[0][1:3], "xx")]
    with pytest.warns(RelxWarning, match="RX396.*xx"):
        found = challenge(nlp, docs_of(nlp.vocab, rows), symmetric=["works_for"])
    assert found["reversed"]["n"] == 0 and found["reversed"]["rate"] is None
    assert found["negation"]["n"] == 2 and set(found["negation"]["per_lang"]) == {"en"}
    empty = challenge(nlp, [])
    assert all(empty[kind]["n"] == 0 for kind in ("cooccurrence", "reversed", "negation"))


@pytest.mark.parametrize("lang", sorted(DENIALS))
def test_denials_keep_the_sentence(nlp, lang):
    assert {"en", "de", "zh", "ar"} <= set(DENIALS)
    (doc,) = docs_of(
        nlp.vocab, [("Zwei Wörter . Ann works for Acme", [(3, 4, "PERSON"), (6, 7, "ORG")], [(0, "r", 1)], lang)]
    )
    texts = set()
    for form in range(2):
        denied = deny(nlp, doc[3:7], doc._.relations, lang, form)
        texts.add(denied.text)
        assert "Ann works for Acme" in denied.text and len(denied.text) > 25
        assert [span.text for span in denied.spans["mentions"]] == ["Ann", "Acme"] == [e.text for e in denied.ents]
        assert denied._.triples == [("Ann", "r", "Acme")] and denied._.lang == lang
        assert len(list(denied.sents)) == 1
    assert len(texts) == 2


def test_challenge_command(nlp, code, tmp_path):
    model, data, out = tmp_path / "model", tmp_path / "gold.spacy", tmp_path / "report.json"
    nlp.to_disk(model)
    DocBin(docs=docs_of(nlp.vocab), store_user_data=True).to_disk(data)
    result = invoke("challenge", model, data, "--output", out, "--symmetric", "spouse")
    for part in ("mere co-occurrence", "reversed direction", "negation", "works_for", "66.7", "de"):
        assert part in result.stdout, part
    report = json.loads(out.read_text(encoding="utf8"))
    assert numbers(report["cooccurrence"]) == (4, 2)
    assert "RX397" in invoke("challenge", model, data, "--symmetric", "nothing", exit_code=1).output
    none = tmp_path / "none.spacy"
    DocBin(docs=docs_of(nlp.vocab, [GOLD[2]]), store_user_data=True).to_disk(none)
    assert "RX173" in invoke("challenge", model, none, exit_code=1).output
