"""`check`: what will go wrong in training, said before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from support.commands import invoke
from support.examples import SENTENCES, make_doc

import spacy_relx as sr
from spacy_relx.formats.docbin import new_docbin, write_docbin

VOCAB = spacy.blank("xx").vocab
ROOT = Path(__file__).resolve().parents[2]


def docs_of(sentences=SENTENCES, lang="en"):
    docs = [make_doc(VOCAB, *sentence) for sentence in sentences]
    for number, doc in enumerate(docs):
        doc._.lang = lang
        doc.user_data["id"] = f"{lang}{number}"
    return docs


def save(path, docs):
    docbin = new_docbin()
    for doc in docs:
        docbin.add(doc)
    write_docbin(docbin, path)
    return path


def found(report, kind, where="train"):
    return [(f.level, f.message) for f in report.findings if (f.kind, f.where) == (kind, where)]


def test_counts():
    report = sr.check(docs_of())
    counts = report.splits["train"]
    assert (counts.docs, counts.relations) == (9, 7) and counts.langs == {"en": 9}
    assert counts.labels["works_for"] == 2 and not counts.uncovered and not report.errors
    assert counts.pairs > counts.relations
    text = str(report)
    assert "works_for" in text and "PERSON" in text and "candidate pairs" in text
    assert json.loads(json.dumps(report.to_dict()))["splits"]["train"]["relations"] == 7
    pytest.importorskip("pandas")
    assert list(report.to_frame().columns) == ["level", "kind", "where", "message"]


def test_labels_that_are_rare_or_unseen():
    report = sr.check(
        docs_of(), dev=docs_of([("Ann knows Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "knows", 1)])])
    )
    ((level, message),) = found(report, "labels")[:1]
    assert level == "warning" and "single example" in message and "based_in" in message
    assert ("error", "Relations without examples in train, which no model finds: knows (1 examples).") in found(
        report, "labels", "dev"
    )


def test_no_relations_and_no_negatives():
    report = sr.check(docs_of([("Ann sings", [(0, 1, "PERSON")], [])]))
    assert [level for level, _ in found(report, "labels")] == ["error"]
    both = [(0, "knows", 1), (1, "knows", 0)]
    report = sr.check(docs_of([("Ann knows Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], both)]))
    assert [level for level, _ in found(report, "negatives")] == ["error"]


def test_gold_pairs_that_no_candidate_covers():
    doc = make_doc(VOCAB, "Ann sings . Acme grows .", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "owns", 1)])
    same = make_doc(VOCAB, "Ann sees Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "sees", 0)])
    report = sr.check([*docs_of(), doc, same])
    counts = report.splits["train"].uncovered
    assert counts["head and tail are one mention"] == 1 and sum(counts.values()) == 2
    assert any("two sentences" in reason for reason in counts)
    assert {level for level, _ in found(report, "coverage")} == {"warning"}


def covered(cover, *sentences):
    docs = docs_of(sentences)
    for doc in docs:
        doc._.annotated = cover
    return docs


LEFT = ("Bob left Initech", [(0, 1, "X"), (2, 3, "ENT")], [(0, "left", 1)])
JOINED = ("Bob joined Initech", [(0, 1, "X"), (2, 3, "ENT")], [(0, "joined", 1)])
PAIRS = {"mentions": "none", "pairs": "named"}


def test_documents_annotated_in_part():
    assert "Annotated" not in str(sr.check(docs_of()))
    names = covered({"mentions": ["PERSON", "X"], "relations": "none"}, *SENTENCES[3:5])
    labels = covered({"relations": ["joined"]}, JOINED)
    report = sr.check([*names, *labels, *covered(PAIRS, LEFT), *docs_of(SENTENCES[7:8])])
    text = str(report)
    assert "Annotated" in text and "mentions PERSON X, relations none" in text and "everything" in text
    assert report.to_dict()["splits"]["train"]["annotated"] == {
        "mentions PERSON X, relations none": 2,
        "relations joined": 1,
        "mentions none, pairs named": 1,
        "everything": 1,
    }
    (message,) = [message for _, message in found(report, "annotated")]
    assert message.startswith("Relations that no annotated pair lacks: left. A model")


def test_one_text_in_a_corpus_of_names_and_in_one_of_relations():
    names = covered({"relations": "none"}, SENTENCES[0])
    names[0]._.relations = []
    assert found(sr.check(names), "labels")[0][0] == "note"
    for docs in ([*names, *docs_of()], [*docs_of(), *names]):
        assert [level for level, _ in found(sr.check(docs), "annotation")] == ["note"]
        other = docs_of([("Ann works for Acme in Rome", *SENTENCES[3][1:])])
        assert [level for level, _ in found(sr.check([*docs, *other]), "annotation")] == ["warning"]


def test_types_and_relations_that_no_document_annotates_wholly():
    report = sr.check(covered(PAIRS, LEFT, JOINED))
    (message,) = [message for _, message in found(report, "annotated")]
    assert "does not learn what is no mention" in message
    assert "Every candidate pair that is annotated is related" in found(report, "negatives")[0][1]
    people = covered({"mentions": ["PERSON"]}, ("Ann sings", [(0, 1, "PERSON")], []))
    (message,) = [message for _, message in found(sr.check([*covered(PAIRS, LEFT, JOINED), *people]), "annotated")]
    assert message.startswith("Entity types of which no document annotates all mentions: X.")


def test_reversed_directions():
    rows = [(f"P{i} founded Acme", [(0, 1, "PERSON"), (2, 3, "ORG")], [(0, "founder_of", 1)]) for i in range(19)]
    rows.append(("Bob founded Acme", [(0, 1, "PERSON"), (2, 3, "ORG")], [(1, "founder_of", 0)]))
    ((level, message),) = found(sr.check(docs_of(rows)), "directions")
    assert level == "warning" and "founder_of (PERSON, ORG) 19, (ORG, PERSON) 1" in message
    assert found(sr.check(docs_of(rows[:-1])), "directions") == []


def test_leakage_types_and_languages():
    other = [("Ann left Acme", [(0, 1, "HUMAN"), (2, 3, "ORG")], [(0, "works_for", 1)])]
    report = sr.check(docs_of(), dev=[*docs_of()[:2], *docs_of(other, "de")])
    ((level, message),) = [f for f in found(report, "leakage", "train and dev") if f[0] == "warning"]
    assert level == "warning" and message.startswith("2 of 3 texts of dev")
    assert "2 ids are in both" in dict(found(report, "leakage", "train and dev"))["note"]
    assert "HUMAN" in found(report, "types", "dev")[0][1]
    assert "de" in found(report, "languages", "dev")[0][1]


def test_contradictions():
    first, second = docs_of([SENTENCES[0], SENTENCES[0]])
    second._.relations = []
    assert [level for level, _ in found(sr.check([first, second]), "annotation")] == ["warning"]
    assert [level for level, _ in found(sr.check([first, first]), "annotation")] == ["note"]


def test_a_config_and_its_limit(tmp_path):
    long = Doc(VOCAB, words=["word"] * 300)
    train = save(tmp_path / "train.spacy", [*docs_of(), long])
    dev = save(tmp_path / "dev.spacy", docs_of())
    report = sr.check(ROOT / "configs" / "joint.cfg", overrides={"paths.train": str(train), "paths.dev": str(dev)})
    assert list(report.splits) == ["train", "dev"] and report.splits["train"].long == 1
    assert "more than 256 tokens" in found(report, "length")[0][1]


def test_the_command(tmp_path):
    train, out = save(tmp_path / "train.spacy", docs_of()), tmp_path / "check.json"
    printed = invoke("data", "check", train, "--dev", train, "--strict", "--output", out).stdout
    assert "9 of 9 texts of dev are in train" in printed
    assert json.loads(out.read_text(encoding="utf8"))["findings"]
    empty = save(tmp_path / "empty.spacy", [])
    assert "There are no documents" in invoke("data", "check", empty).stdout
    invoke("data", "check", empty, "--strict", exit_code=1)
    config = ROOT / "configs" / "cpu.cfg"
    paths = ("--paths.train", train, "--paths.dev", train)
    assert "based_in" in invoke("data", "check", config, *paths).stdout
    assert "[RX130]" in invoke("data", "check", config, exit_code=1).stderr


def test_split(tmp_path):
    data = save(tmp_path / "all.spacy", docs_of([(f"Ann {i} sings", [(0, 1, "PERSON")], []) for i in range(40)]))
    parts = [tmp_path / f"{name}.spacy" for name in ("train", "dev", "test")]
    report = sr.split(data, parts[0], parts[1], test=parts[2], dev_share=0.2, test_share=0.1)
    assert [report.outputs[str(path)] for path in parts] == [28, 8, 4]
    texts = [{doc.text for doc in sr.read_docs(path)} for path in parts]
    assert len(set.union(*texts)) == 40
    first = [path.read_bytes() for path in parts]
    invoke("data", "split", data, "-o", parts[0], "--dev", parts[1], "--test", parts[2], "--dev-share", 0.2)
    assert [path.read_bytes() for path in parts] == first
    assert (
        "[RX021]" in invoke("data", "split", data, "-o", parts[0], "-d", parts[1], "--dev-share", 1, exit_code=1).stderr
    )
    assert "[RX122]" in invoke("data", "split", data, "-o", data, "-d", parts[1], exit_code=1).stderr


def test_bags_are_not_split_by_their_texts(tmp_path):
    doc = docs_of()[0]
    doc._.bag = ("a", "b")
    data = save(tmp_path / "bags.spacy", [doc])
    with pytest.raises(sr.RelxError, match="RX650"):
        sr.split(data, tmp_path / "a.spacy", tmp_path / "b.spacy")
