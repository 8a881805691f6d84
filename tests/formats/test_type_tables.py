"""`relx data convert --types`, and unknown entity types in the reports of `relx evaluate` and `relx predict`."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.tokens import DocBin
from support.commands import invoke
from support.examples import SENTENCES, make_doc, make_examples
from support.model import make_nlp, train

from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate
from spacy_relx.formats.convert import convert
from spacy_relx.formats.labels import read_labels, types_renaming


@pytest.fixture
def data(tmp_path):
    """Two texts, four mentions, two relations."""
    mentions = [("Ann", 0, "PERSON"), ("Acme", 14, "ORG"), ("May", 25, "DATE")]
    row = {
        "text": "Ann works for Acme since May.",
        "mentions": [{"start": i, "end": i + len(name), "label": label} for name, i, label in mentions],
        "relations": [{"head": 0, "tail": 1, "label": "works_for"}, {"head": 0, "tail": 2, "label": "since"}],
    }
    other = {"text": "Rome", "mentions": [{"start": 0, "end": 4}], "relations": []}
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (row, other)), encoding="utf8")
    return path


def table(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf8")
    return path


def types_of(path):
    docs = DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
    return [[span.label_ for span in doc.spans["mentions"]] for doc in docs]


def test_a_table_renames_types_and_leaves_out(data, tmp_path):
    names = table(tmp_path / "types.tsv", "# a comment", "PERSON\tPER", "DATE\t", "ENT\tLOC", "ORG\tORG")
    report = convert("jsonl", [data], tmp_path / "o.spacy", types=names)
    assert types_of(tmp_path / "o.spacy") == [["PER", "ORG"], ["LOC"]]
    assert (report.mentions_kept, report.relations_kept, report.relations_dropped) == (3, 1, 1)
    summary = report.summary()
    assert "entity types       PER 1, ORG 1, LOC 1\n" in summary
    assert (
        "types              renamed 2 (mentions 2), left out 1 (mentions 1), not in the table 0 (mentions 0)" in summary
    )
    (doc, _) = DocBin().from_disk(tmp_path / "o.spacy").get_docs(spacy.blank("xx").vocab)
    assert doc._.triples == [("Ann", "works_for", "Acme")]
    assert [span.label_ for span in doc.ents] == ["PER", "ORG"]


def test_ready_tables(data, tmp_path):
    report = convert("jsonl", [data], tmp_path / "o.spacy", types="ontonotes:conll")
    assert types_of(tmp_path / "o.spacy") == [["PER", "ORG", "DATE"], ["ENT"]]
    assert report.types is not None and report.types.unknown == {"DATE": 1, "ENT": 1}
    convert("jsonl", [data], tmp_path / "o.spacy", types="auto:docred")
    assert types_of(tmp_path / "o.spacy") == [["PER", "ORG", "TIME"], ["ENT"]]
    find, path = types_renaming("conll:ontonotes")
    assert (find("PER"), find("LOC"), find("MISC"), path) == ("PERSON", "LOC", None, None)


def test_a_file_of_such_a_name_is_the_table(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "conll:x", "PERSON\tP")
    convert("jsonl", [data], tmp_path / "o.spacy", types="conll:x")
    assert types_of(tmp_path / "o.spacy")[0] == ["P", "ORG", "DATE"]


def test_types_and_labels_together(data, tmp_path):
    labels = table(tmp_path / "labels.tsv", "works_for\temployer")
    convert("jsonl", [data], tmp_path / "o.spacy", labels=labels, types="ontonotes:conll")
    (doc, _) = DocBin().from_disk(tmp_path / "o.spacy").get_docs(spacy.blank("xx").vocab)
    assert [(r.head.label, r.label) for r in doc._.relations] == [("PER", "employer"), ("PER", "since")]


def test_names_fit_whatever_the_unicode_form(data, tmp_path):
    text = data.read_text(encoding="utf8").replace("PERSON", "entite\\u0301").replace("works_for", "cafe\\u0301")
    data.write_text(text, encoding="utf8")
    types, labels = table(tmp_path / "t.tsv", "entit\u00e9\tPER"), table(tmp_path / "l.tsv", "caf\u00e9\tX")
    report = convert("jsonl", [data], tmp_path / "o.spacy", types=types, labels=labels)
    assert report.types is not None and report.types.renamed.total() == 1
    assert report.labels is not None and report.labels.renamed.total() == 1


def test_a_table_for_other_data(data, tmp_path):
    names = table(tmp_path / "x.tsv", "HUMAN\tPER")
    with pytest.warns(RelxWarning, match=r"RX126.*entity types.*x\.tsv.*4 mentions.*'DATE', 'ENT', 'ORG', 'PERSON'"):
        convert("jsonl", [data], tmp_path / "o.spacy", types=names)


@pytest.mark.parametrize(
    "types, code, text",
    [
        ("none.tsv", "RX120", "There is no file or folder none.tsv"),
        ("ontonote:conll", "RX511", "'ontonote'.*ontonotes, conll, docred, wikidata, spacy, auto"),
        ("conll:auto", "RX511", "'auto'.*ontonotes, conll, docred, wikidata\\."),
    ],
)
def test_tables_that_do_not_exist(data, tmp_path, types, code, text):
    with pytest.raises(RelxError, match=f"{code}.*{text}"):
        convert("jsonl", [data], tmp_path / "o.spacy", types=types)
    assert not (tmp_path / "o.spacy").exists()


def test_messages_say_what_the_table_is_for(tmp_path):
    broken = table(tmp_path / "x.tsv", "A\tB\tC")
    with pytest.raises(RelxError, match=r"RX102.*table of entity types has the old name"):
        types_renaming(broken)
    with pytest.raises(RelxError, match=r"RX102.*table of labels has the old name"):
        read_labels(broken)


def test_the_output_must_not_be_the_table(data, tmp_path):
    names = table(tmp_path / "o.spacy", "PERSON\tPER")
    with pytest.raises(RelxError, match="RX122"):
        convert("jsonl", [data], names, types=names)


def test_the_command(data, tmp_path):
    result = invoke("data", "convert", "jsonl", data, "--output", tmp_path / "o.spacy", "--types", "ontonotes:conll")
    assert "types              renamed 1 (mentions 1)" in result.stdout
    assert "entity types       PER 1, ORG 1, DATE 1, ENT 1" in result.stdout
    assert types_of(tmp_path / "o.spacy")[0] == ["PER", "ORG", "DATE"]
    plain = invoke("data", "convert", "jsonl", data, "--output", tmp_path / "o.spacy").stdout
    assert "entity types       PERSON 1, " in plain and "renamed" not in plain


def test_many_types_are_counted(tmp_path):
    rows = [
        {"text": "a", "mentions": [{"start": 0, "end": 1, "label": f"T{i:02}"}], "relations": []} for i in range(23)
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    report = convert("jsonl", [path], tmp_path / "o.spacy")
    assert "T18 1, T19 1 and 3 more\n" in report.summary()


# Reports of unknown types


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A trained pipeline behind a recogniser that calls persons PER."""
    nlp = make_nlp()
    train(nlp, steps=1)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    names = {"PER": ("Ann", "Bob", "Eve"), "ORG": ("Acme", "Initech", "Globex"), "CITY": ("Rome",)}
    ruler.add_patterns([{"label": label, "pattern": name} for label, each in names.items() for name in each])
    path = tmp_path_factory.mktemp("model") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.fixture
def gold(tmp_path):
    docs = [make_doc(spacy.blank("en").vocab, *sentence) for sentence in SENTENCES]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "gold.spacy")
    return tmp_path / "gold.spacy"


def test_evaluate_counts_unknown_types(model):
    nlp = spacy.load(model)
    docs = [eg.reference for eg in make_examples(nlp.vocab)]
    with pytest.warns(RelxWarning) as caught:
        first = evaluate(nlp, docs)
    assert sorted(str(each.message)[:60] for each in caught if "RX025" in str(each.message)) != []
    second = evaluate(nlp, docs)  # counts are those of one run, whatever came before
    assert first["unknown_types"] == second["unknown_types"] == {"PER": 7, "CITY": 2}
    assert first["n_mentions"] == second["n_mentions"] == 18
    nlp.get_pipe("entity_type_marker").types = {"PER": "PERSON", "CITY": "PLACE"}
    assert evaluate(nlp, docs)["unknown_types"] == {}


def test_evaluate_reports_a_line_for_each(model, gold, tmp_path):
    result = invoke("evaluate", model, gold, "--output", tmp_path / "scores.json")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["PER", "7", "38.9"] in lines and ["CITY", "2", "11.1"] in lines
    assert "Entity types unknown in training" in result.stdout
    assert "[RX025]" in result.stderr
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf8"))["unknown_types"] == {"PER": 7, "CITY": 2}
    assert "unknown in training" not in invoke("evaluate", model, gold, "--gold-mentions").stdout


def test_predict_reports_a_line_for_each(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(words + "\n" for words, _, _ in SENTENCES), encoding="utf8")
    result = invoke("predict", model, texts)
    assert "⚠ entity type 'PER', unknown in training: 7 of 18 mentions" in result.stderr
    assert "⚠ entity type 'CITY', unknown in training: 2 of 18 mentions" in result.stderr
    assert all(json.loads(line)["text"] for line in result.stdout.splitlines())
