"""Ids that importers, exports and runs make of names, places and numbers: one thing each, whatever stands beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from support.commands import invoke
from support.formats import read, write

from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.files import name_in_ids
from spacy_relx.data.ids import (
    content_id,
    document_id,
    entity_id,
    entity_ids,
    look_up_ids,
    optional_entity_id,
    stable_hash,
)
from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.bag_files import read_bags, write_bags
from spacy_relx.formats.convert import convert, default_nlp
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.texts import text_of_row
from spacy_relx.knowledge.aliases import Aliases
from spacy_relx.knowledge.from_docs import collect_triples
from spacy_relx.knowledge.triples import KnowledgeBase
from spacy_relx.writers import export, iter_triples, triples_of_row
from spacy_relx.writers.predictions import fact_record

VOCAB = spacy.blank("xx").vocab


def docred(words: str, head: str, tail: str, title: str | None = None, **more) -> dict:
    tokens = words.split()

    def vertex(name: str) -> list[dict]:
        start = tokens.index(name.split()[0])
        return [{"name": name, "pos": [start, start + len(name.split())], "sent_id": 0, "type": "PER"}]

    row = {"sents": [tokens], "vertexSet": [vertex(head), vertex(tail)], "labels": [{"h": 0, "t": 1, "r": "P108"}]}
    return {**row, **({} if title is None else {"title": title}), **more}


ADA = ("Ada Brook runs Kestrel Mill .", "Ada Brook", "Kestrel Mill")
TOM = ("Tom Vale left Osprey Bank .", "Tom Vale", "Osprey Bank")
MEI = ("梅 灵 在 北河 磨坊 工作 。", "梅 灵", "北河 磨坊")


def listed(path: Path, *rows: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf8")
    return path


def docs_of(format: str, *inputs: Path, output: Path) -> list:
    convert(format, inputs, output)
    return list(read_docs(output, VOCAB))


def ids_of(docs: list) -> list[tuple]:
    """(id of the document, those of its entities)"""
    return [(doc.user_data.get("id"), *(span.kb_id_ for span in doc.spans["mentions"])) for doc in docs]


def test_content_ids():
    assert content_id("a", "b") == content_id("a", "b") != content_id("a", "c") != content_id("b", "c")
    assert content_id("a", "bc", "d") != content_id("a", "b", "cd")
    assert content_id("", "b") == content_id("a", "b").removeprefix("a~") == f"{stable_hash('b'):016x}"
    assert len(content_id("", "b")) == 16 and content_id("", "\ud800")


# One rule for what may be an id

NO_IDS = [1.5, 1.0, float("nan"), True, False, ["a"], {"a": 1}, b"a", "\ud83d"]


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_what_is_no_id(value, tmp_path):
    for read_id in (document_id, entity_id, optional_entity_id):
        with pytest.raises(ValueError, match="id"):
            read_id(value)
    for code, make in (
        ("RX206", lambda: KnowledgeBase.from_rows([("a", "r", value)])),
        ("RX206", lambda: KnowledgeBase.from_rows([("a", value, "b")])),
        ("RX102", lambda: Aliases([("Q1", "a"), (value, "b")])),
        ("RX580", lambda: Mention.from_any({"start": 0, "end": 1, "kb_id": value})),
    ):
        with pytest.raises(RelxError, match=rf"^\[{code}\]"):
            make()
    assert look_up_ids(["a", value])[0] == "a" and ("a", "r", value) not in KnowledgeBase.from_rows([("a", "r", "b")])
    if isinstance(value, bytes):
        return
    row = {"id": value, "text": "Ann met Bob", "relations": []}
    with pytest.raises(ValueError, match="id"):
        list(triples_of_row(row))
    with pytest.raises(ValueError, match="id"):
        text_of_row(row, 1, "x:1")
    # every importer, with file and line
    code = "RX101" if value != value else "RX102"
    for name, good in {"jsonl": {"text": "a b"}, "doccano": {"text": "a b", "label": []}}.items():
        lines = [json.dumps(each) for each in (good, {**good, "id": value})]
        path = tmp_path / "x.jsonl"
        path.write_text("\n".join(lines), encoding="utf8")
        with pytest.raises(RelxError, match=rf"^\[{code}\].*x\.jsonl, line 2"):
            read(name, path)


def test_ids():
    assert [document_id(value) for value in ("a", 7, np.int64(7), "", None)] == ["a", 7, 7, None, None]
    assert [entity_id(value) for value in ("a", 7, np.int64(7), "Zu\u0308")] == ["a", "7", "7", "Zü"]
    assert [optional_entity_id(value) for value in ("a", 7, "", None)] == ["a", "7", "", ""]
    for value in ("", None):
        with pytest.raises(ValueError, match="id"):
            entity_id(value)
    kb = KnowledgeBase.from_rows([(1, "r", "2"), ("1", 9, 2)])
    assert kb.entity_ids == ["1", "2"] and ("1", "9", "2") in kb and (1, 9, 2) in kb
    assert Mention.from_any({"start": 0, "end": 1, "kb_id": 7, "label": None}) == Mention(0, 1, "", "7")
    assert Mention.from_any({"start": 0, "end": 1, "kb_id": None}).kb_id == ""
    with pytest.raises(ValueError, match="1: the id must be"):
        entity_ids(["a", None])


def test_whole_numbers_as_ids_of_entities(tmp_path):
    mentions = [{"start": 0, "end": 1, "kb_id": 7}, {"start": 2, "end": 3, "kb_id": None}]
    (record,), _ = read("jsonl", write(tmp_path / "x.jsonl", {"text": "a b", "mentions": mentions}))
    assert [mention.kb_id for mention in record.mentions] == ["7", ""]


# DocRED


@pytest.mark.parametrize("title", [None, "", "Untitled"])
def test_docred_documents_without_a_title_of_their_own(tmp_path, title):
    path = listed(tmp_path / "x.json", *(docred(*one, title) for one in (ADA, TOM, MEI)))
    docs = docs_of("docred", path, output=tmp_path / "o.spacy")
    ids = [id for row in ids_of(docs) for id in row]
    assert len(set(ids)) == 9  # three documents, six entities
    assert len({name for triple in collect_triples(docs)[0] for name in (triple[0], triple[2])}) == 6
    report = write_bags([tmp_path / "o.spacy"], tmp_path / "bags.spacy", VOCAB)
    assert report.instances == 3 and len(list(read_bags(tmp_path / "bags.spacy", VOCAB))) == 3


def test_docred_files_of_one_name(tmp_path):
    """In one run, in several, and with a file more: the ids are those of the documents alone."""
    files = [listed(tmp_path / name / "x.json", docred(*one)) for name, one in (("b", ADA), ("c", TOM))]
    alone = [ids_of(docs_of("docred", file, output=tmp_path / "o.spacy")) for file in files]
    both = ids_of(docs_of("docred", *files, output=tmp_path / "o.spacy"))
    assert both == [*alone[0], *alone[1]] and not set(both[0]) & set(both[1])
    listed(tmp_path / "a" / "x.json", docred(*MEI), docred(*MEI, title="Mei"))
    assert ids_of(docs_of("docred", tmp_path / "a", *files, output=tmp_path / "o.spacy"))[2:] == both


def test_docred_of_equal_words_and_other_entities(tmp_path):
    """As in two annotations of one document: number 0 is not the same entity in both."""
    other = docred(*ADA, title="T")
    other["vertexSet"].reverse()
    (one,), (two,) = (read("docred", listed(tmp_path / "x.json", row))[0] for row in (docred(*ADA, title="T"), other))
    assert one.id == two.id and one.id.startswith("T~") and one.meta == {"title": "T"}
    kb_ids = [{mention.kb_id for mention in record.mentions} for record in (one, two)]
    assert not kb_ids[0] & kb_ids[1] and all(id.startswith("T~") for id in kb_ids[0])
    unlabelled = read("docred", listed(tmp_path / "x.json", docred(*ADA, title="T", labels=[])))[0][0]
    assert unlabelled.mentions == one.mentions  # what is said of them changes nothing


def test_docred_mentions_of_an_entity_share_its_id(tmp_path):
    row = docred(*ADA)
    row["vertexSet"][0].append({"name": "Ada", "pos": [0, 1], "sent_id": 0, "type": "PER"})
    (record,), _ = read("docred", listed(tmp_path / "x.json", row))
    assert len({mention.kb_id for mention in record.mentions}) == 2


# files of one name


def brat(folder: Path, text: str, *parts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.txt").write_text(text, encoding="utf8")
    lines = [f"T{i}\tPER {text.index(p)} {text.index(p) + len(p)}\t{p}" for i, p in enumerate(parts, start=1)]
    (folder / "1.ann").write_text("\n".join([*lines, "*\tEquiv T1 T2", ""]), encoding="utf8")
    return folder


def test_brat_files_of_one_name(tmp_path):
    brat(tmp_path / "a", "Ann Bee met Ann.", "Ann Bee", "Ann.")
    brat(tmp_path / "b", "Олег Бур, он же Олег.", "Олег Бур", "Олег.")
    docs = docs_of("brat", tmp_path / "a", tmp_path / "b", output=tmp_path / "o.spacy")
    (one, *first), (two, *second) = ids_of(docs)
    assert one != two and one.startswith("1~") and len(set(first)) == len(set(second)) == 1 and first != second
    assert [doc.user_data["meta"] for doc in docs] == [{"file": "1.txt"}] * 2
    assert ids_of(docs_of("brat", tmp_path / "b" / "1.ann", output=tmp_path / "o.spacy")) == [(two, *second)]


def test_brat_numbers_are_those_of_one_annotation(tmp_path):
    """T1 of one annotator is T2 of another."""
    brat(tmp_path / "a", "Ann Bee met Bob Lee.", "Ann", "Bee")
    brat(tmp_path / "b", "Ann Bee met Bob Lee.", "Bob", "Lee")
    (one, first, _), (two, second, _) = ids_of(docs_of("brat", tmp_path, output=tmp_path / "o.spacy"))
    assert one == two and first != second and first.endswith("#T1") and second.endswith("#T1")


@pytest.mark.parametrize("format", ["webanno", "inception"])
def test_documents_of_uima_of_one_name(tmp_path, format):
    from support.uima_samples import HEADER, cas

    for folder, text in (("a", "Ann met"), ("b", "Bob left")):
        (tmp_path / folder).mkdir()
        if format == "inception":
            write(tmp_path / folder / "x.json", cas(text=text))
            continue
        first, second = text.split()
        places = [f"1-1\t0-{len(first)}\t{first}\t", f"1-2\t{len(first) + 1}-{len(text)}\t{second}\t"]
        write(tmp_path / folder / "x.json", HEADER[0], "", "", f"#Text={text}", *places)
    docs = docs_of(format, tmp_path / "a", tmp_path / "b", output=tmp_path / "o.spacy")
    ids = [doc.user_data["id"] for doc in docs]
    assert len(set(ids)) == 2 and all("~" in id for id in ids)
    assert {doc.user_data["meta"]["file"] for doc in docs} == {"x.json"}


def test_prelabel_keeps_the_ids_of_documents_through_brat(tmp_path):
    """The names of files are made of them, as far as they can be, and they come home."""
    nlp, docs = default_nlp(), DocBin(store_user_data=True)
    for number, id in enumerate(["d1", 7, "a/b c", None]):
        doc = nlp(f"Ann met Bob {number}.")
        doc.spans["mentions"] = [doc[0:1]]
        if id is not None:
            doc.user_data["id"] = id
        docs.add(doc)
    docs.to_disk(tmp_path / "x.spacy")
    invoke("data", "prelabel", tmp_path / "x.spacy", "--output", tmp_path / "out", "--to", "brat")
    table = json.loads((tmp_path / "out" / "relx-names.json").read_text(encoding="utf8"))
    assert sorted(map(str, table["documents"].values())) == ["7", "a/b c", "d1"]
    ids = {doc.user_data["id"] for doc in docs_of("brat", tmp_path / "out", output=tmp_path / "o.spacy")}
    assert {"d1", 7, "a/b c"} < ids and len(ids) == 4


# ids that the data has


def test_ids_of_the_data_stay(tmp_path):
    row = {"text": "Ann met Bob.", "mentions": [{"start": 0, "end": 3, "kb_id": "Q1"}], "lang": "en"}
    rows = [{**row, "id": id} for id in ("d1", 0, 7, "7", 1 << 70)]
    path = write(tmp_path / "x.jsonl", *rows)
    assert [id for id, _ in ids_of(docs_of("jsonl", path, output=tmp_path / "o.spacy"))] == [
        "d1",
        0,
        7,
        "7",
        str(1 << 70),
    ]


def test_equal_ids_of_several_texts_are_noted(tmp_path):
    def row(id: object, text: str, **more) -> dict:
        return {"id": id, "text": text, **more}

    first = write(tmp_path / "a.jsonl", row("d1", "Ann."), row("d1", "Ann."), row("d2", "Bob.", lang="en"))
    second = write(
        tmp_path / "b.jsonl", row("d1", "Zoë."), row("d2", "Robert.", lang="de"), {"text": "x"}, {"text": "y"}
    )
    report = convert("jsonl", [first, second], tmp_path / "o.spacy")
    assert report.problem_counts["RX576"] == 1 and report.records_written == 7
    message = next(problem.message for problem in report.problems if problem.code == "RX576")
    assert "b.jsonl, line 1" in message and "a.jsonl, line 1" in message and "'d1'" in message


# exports, facts and runs


def made(text: str, id: object = None):
    doc = default_nlp()(text)
    doc._.relations = [Relation(Mention(0, 1, "P"), "met", Mention(2, 3, "P"))]
    if id is not None:
        doc.user_data["id"] = id
    return doc


def save_docs(path: Path, *docs) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def documents(path: Path) -> set[str]:
    return {
        one["document"] for line in path.read_text(encoding="utf8").splitlines() for one in json.loads(line)["evidence"]
    }


@pytest.mark.parametrize("id", [None, 7])
def test_numbers_are_ids_of_one_file_alone(tmp_path, id):
    """Equal numbers, names and even texts: documents are as many as there are, and stay what they are called."""
    one = save_docs(tmp_path / "a" / "x.spacy", made("Ann met Bob.", id))
    two = save_docs(tmp_path / "b" / "x.spacy", made("Ann met Bob.", id))
    three = save_docs(tmp_path / "c" / "x.spacy", made("Ann met Zoë.", id))
    invoke("export", one, "--output", tmp_path / "o.jsonl")
    (alone,) = documents(tmp_path / "o.jsonl")
    invoke("export", three, one, two, "--output", tmp_path / "o.jsonl")
    assert alone in documents(tmp_path / "o.jsonl") and len(documents(tmp_path / "o.jsonl")) == 3
    assert alone.partition("~")[0] == f"a/x.spacy#{7 if id else 1}"


def test_documents_of_predictions_in_several_runs(tmp_path):
    """The names of the files are the same, the texts are not."""
    found = []
    for text in ("Ann met Bob.", "Zoë met Bob."):
        ends = [{"text": text[s:e], "start": s, "end": e, "label": "P"} for s, e in ((0, 3), (8, 11))]
        relation = {"head": 0, "label": "met", "tail": 1, "score": 1.0}
        path = write(tmp_path / "p.jsonl", {"text": text, "mentions": ends, "relations": [relation]})
        invoke("export", path, "--output", tmp_path / "o.jsonl")
        found.append(documents(tmp_path / "o.jsonl"))
    assert not found[0] & found[1]


def test_exports_tell_of_ids_that_several_documents_have(tmp_path):
    docs = [
        made("Ann met Bob.", "d1"),
        made("Zoë met Bob.", "d1"),
        made("Ann met Bob.", "d2"),
        made("Ann met Bob.", "d2"),
    ]
    with pytest.warns(RelxWarning, match=r"RX578.*1 ids .*'d1'") as warned:
        export(iter_triples(docs), tmp_path / "o.jsonl")
    assert "'d2'" not in str(warned[0].message)  # one document, twice


def test_exports_of_annotated_corpora_tell_of_equal_ids(tmp_path):
    """Whose tables know the places of documents."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"document": ["d1", "d1", "d2"], "place": ["a.jsonl:1", "b.jsonl:1", "a.jsonl:2"]}
    columns |= {"head": ["Ann"] * 3, "label": ["met"] * 3, "tail": ["Bob"] * 3}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert "RX578" in invoke("export", tmp_path / "t.parquet", "--output", tmp_path / "o.jsonl").output


def test_documents_of_facts(tmp_path):
    """`relx facts` says which document a sentence is from, and exports take its word."""
    doc = default_nlp()("Ann met Bob. Ann saw Bob.")
    doc[4].is_sent_start = True
    for key, value in (("bag", ("Q1", "Q2")), ("facts", [Fact("Q1", "met", "Q2", 0.5, tuple(map(_evidence, (0, 4))))])):
        doc._.set(key, value)
    doc.user_data["sources"] = [["a/x.txt", 3, "a/x.txt#3~0"], ["b/x.txt", 3]]
    row = fact_record(doc, doc._.facts[0])
    assert [one.get("document") for one in row["evidence"]] == ["a/x.txt#3~0", None]
    wanted = ["a/x.txt#3~0", "b/x.txt#3"]
    assert [triple.doc_id for triple in triples_of_row(row)] == wanted
    assert [triple.doc_id for triple in iter_triples([doc])] == wanted


def _evidence(start: int) -> Evidence:
    return Evidence(start, start + 4, Mention(start, start + 1), Mention(start + 2, start + 3))


def test_names_of_files_in_ids():
    names = {"x.spacy": "x.spacy", "a/x.spacy": "a/x.spacy", "../b/a/x.spacy": "a/x.spacy", "./x.spacy": "x.spacy"}
    for path, name in {**names, "/x.spacy": "x.spacy", "/d/a/x.spacy": "a/x.spacy"}.items():
        assert name_in_ids(Path(path)) == name
