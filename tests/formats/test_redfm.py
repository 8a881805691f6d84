"""Marked pairs of RED-FM, tables of labels, and the table of Wikidata's properties."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from support.formats import raises, read, relations, write
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.convert import convert
from spacy_relx.formats.importers import formats, get_format
from spacy_relx.formats.labels import read_labels
from spacy_relx.formats.records import Report

PROPERTIES = Path(__file__).parents[2] / "assets" / "wikidata" / "properties.tsv"
COUNTS = {"ar": 864, "de": 811, "en": 1233, "es": 731, "fr": 973}


def row(text="<e1>Ann Bee</e1> was born in <e2>Ulm</e2>.", label="place of birth", pid="P19", **more) -> dict:
    return {"id": "7-0-1", "lang": "en", "text": text, "e1": "", "e2": "", "label": label, "pid": pid, **more}


# the importer


def test_redfm(tmp_path):
    path = write(
        tmp_path / "x.jsonl",
        row(),
        row("In <e2>ميلانو</e2> wohnt <e1>Bo</e1>. ", "residence", "P551", lang="de", id=8),
        row("Ann Bee was born in <e1>Ulm</e1><e2>m</e2>.", "no_relation", ""),
    )
    (first, second, third), report = read("redfm", path)
    assert first.text == "Ann Bee was born in Ulm."
    assert first.mentions == [Mention(0, 7, "ENT"), Mention(20, 23, "ENT")]
    assert relations(first) == [("Ann Bee", "place of birth", "Ulm")]
    assert (first.id, first.lang, first.meta) == ("7-0-1", "en", {"label": "place of birth", "pid": "P19"})
    assert (second.id, second.lang, second.text) == (8, "de", "In ميلانو wohnt Bo.")
    # e1 is the head wherever it stands.
    assert relations(second) == [("Bo", "residence", "ميلانو")]
    # Mentions may touch.
    assert [(m.start, m.end) for m in third.mentions] == [(20, 23), (23, 24)]
    assert third.relations == [] and report.relations_none == 1
    assert not report.problems


def test_redfm_rows_of_one_text_stay_apart(tmp_path):
    """They are as many documents, and the draw keeps them on one side."""
    pairs = ["<e1>Al</e1> met <e2>Bo</e2> and Cy.", "<e1>Al</e1> met Bo and <e2>Cy</e2>."]
    others = [f"<e1>Al</e1> met <e2>Bo</e2> and number {i}." for i in range(20)]
    path = write(tmp_path / "x.jsonl", *[row(text, "met", id=str(i)) for i, text in enumerate(pairs + others)])
    report = convert("redfm", [path], tmp_path / "a.spacy", dev=tmp_path / "b.spacy", dev_share=0.5)
    sides = [load(tmp_path / f"{name}.spacy") for name in "ab"]
    assert report.records_written == sum(map(len, sides)) == 22
    assert min(map(len, sides)) > 3
    assert sorted(sum(doc.text == "Al met Bo and Cy." for doc in docs) for docs in sides) == [0, 2]


@pytest.mark.parametrize(
    ("change", "code", "problem"),
    [
        ({"text": "Ann <e2>Ulm</e2>"}, "RX102", "missing"),
        ({"text": "<e1>Ann</e1> <e2>Ulm"}, "RX102", "missing"),
        ({"text": "<e1></e1> <e2>Ulm</e2>"}, "RX102", "nothing between"),
        ({"text": "<e1> </e1> <e2>Ulm</e2>"}, "RX102", "nothing between"),
        ({"text": "<e1>Ann</e1> <e1>Bo</e1> <e2>Ulm</e2>"}, "RX102", "out of place"),
        ({"text": "</e1>Ann<e1> <e2>Ulm</e2>"}, "RX102", "out of place"),
        ({"text": "<e1>Ann of <e2>Ulm</e2></e1>"}, "RX102", "overlap"),
        ({"text": "<e2>Ann of <e1>Ulm</e1></e2>"}, "RX102", "overlap"),
        ({"text": "<e1>Ann <e2>of</e1> Ulm</e2>"}, "RX102", "overlap"),
        ({"text": "<e1><e2>Ann</e2></e1>"}, "RX102", "overlap"),
        ({"text": None}, "RX102", "'text' is missing"),
        ({"label": None}, "RX102", "'label' is missing"),
        ({"label": ""}, "RX102", "label of a relation is empty"),
        ({"pid": 19}, "RX102", "'pid' must be a string"),
        ({"lang": "English"}, "RX102", "language"),
    ],
)
def test_redfm_broken(tmp_path, change, code, problem):
    path = write(tmp_path / "x.jsonl", row(), {**row(), **change}, row())
    message = raises(code, "redfm", path)
    assert "x.jsonl, line 2" in message and problem in message
    assert len(read("redfm", path, "skip")[0]) == 2


def test_redfm_files_that_are_none(tmp_path):
    assert "redfm" in formats.get_all()
    raises("RX109", "redfm", tmp_path / "none")
    raises("RX101", "redfm", write(tmp_path / "a", "{not json"))
    raises("RX102", "redfm", write(tmp_path / "b", "12"))


# tables of labels


def load(path: Path) -> list:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))


def table(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf8")
    return path


def corpus(path: Path, *labels: str) -> Path:
    """One text, its two mentions joined by relations of these labels."""
    return write(
        path,
        {
            "text": "Ann works for Acme.",
            "mentions": [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 14, "end": 18, "label": "ORG"}],
            "relations": [{"head": 0, "tail": 1, "label": label} for label in labels],
        },
    )


def labels_of(path: Path) -> list[str]:
    return [relation.label for doc in load(path) for relation in doc._.relations]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_table(tmp_path, end, bom):
    lines = ["P108\temployer", "# a comment", "", "P571\t", " P50 \t the author ", "#\tno\tpair", "P108\temployer"]
    path = tmp_path / "x.tsv"
    path.write_bytes(bom + end.join(lines).encode())
    assert read_labels(path) == {"P108": "employer", "P571": "", "P50": "the author"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("P19 birthplace", "1 columns"),
        ("P19\tplace of birth\tplace", "3 columns"),
        ("\tplace of birth", "the name to replace is missing"),
        ("P108\tworks for", "line 2 makes 'P108' into 'employer'"),
        ("P108\t", "line 2 makes 'P108' into 'employer'"),
    ],
)
def test_broken_tables(tmp_path, line, problem):
    """Settled before the work: the input, which is not there, is not missed, and nothing is written."""
    path = table(tmp_path / "x.tsv", "# names", "P108\temployer", "P50\tauthor", line)
    with pytest.raises(RelxError, match=r"RX102.*x\.tsv, line 4: ") as err:
        convert("jsonl", [tmp_path / "none.jsonl"], tmp_path / "o.spacy", labels=path)
    assert problem in str(err.value)
    assert not (tmp_path / "o.spacy").exists()


def test_tables_that_are_none(tmp_path):
    data = corpus(tmp_path / "x.jsonl", "a")
    (tmp_path / "latin.tsv").write_bytes(b"a\tb\nd\tf\xfcr\n")
    for path, code in ((tmp_path / "none.tsv", "RX120"), (tmp_path, "RX120"), (tmp_path / "latin.tsv", "RX108")):
        with pytest.raises(RelxError, match=code) as err:
            convert("jsonl", [data], tmp_path / "o.spacy", labels=path, on_error="skip")
        assert path.name in str(err.value)
    assert "line 2" in str(err.value)
    assert not (tmp_path / "o.spacy").exists()


def test_relations_are_renamed_left_out_and_kept(tmp_path):
    data = [
        corpus(tmp_path / "1.jsonl", "P108", "P571", "likes"),
        corpus(tmp_path / "2.jsonl", "P108", "P50", "same", "hates"),
        corpus(tmp_path / "3.jsonl", "P571"),
    ]
    path = table(tmp_path / "x.tsv", "P108\temployer", "P571\t", "P50\tauthor", "same\tsame", "P1\tunused")
    report = convert("jsonl", data, tmp_path / "o.spacy", labels=path)
    assert labels_of(tmp_path / "o.spacy") == ["employer", "likes", "employer", "author", "same", "hates"]
    assert [len(doc.spans["mentions"]) for doc in load(tmp_path / "o.spacy")] == [2, 2, 2]
    assert report.labels is not None
    assert report.labels.renamed == {"P108": 2, "P50": 1}
    assert report.labels.left_out == {"P571": 2}
    assert report.labels.unknown == {"likes": 1, "hates": 1}
    (line,) = [line for line in report.summary().splitlines() if line.startswith("labels")]
    assert line.split(maxsplit=1)[1] == (
        "renamed 2 (relations 3), left out 1 (relations 2), not in the table 2 (relations 2)"
    )


def test_labels_are_looked_up_once(tmp_path):
    data = corpus(tmp_path / "x.jsonl", "a", "b")
    convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", "a\tb", "b\ta"))
    assert sorted(labels_of(tmp_path / "o.spacy")) == ["a", "b"]
    convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", "a\tb", "b\tc"))
    assert sorted(labels_of(tmp_path / "o.spacy")) == ["b", "c"]


def test_relations_that_become_equal_count_once(tmp_path):
    data = corpus(tmp_path / "x.jsonl", "a", "b", "c")
    report = convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", "a\tc", "b\tc"))
    assert labels_of(tmp_path / "o.spacy") == ["c"]
    assert (report.relations_kept, report.relations_merged) == (1, 2)
    assert "duplicates 2" in report.summary()


def test_relations_that_are_renamed_to_none(tmp_path):
    """They are none, as when the data says so; a label that the table does not touch stays."""
    data = corpus(tmp_path / "x.jsonl", "a", "b", "c", "Other", "NA", "no_relation")
    names = table(tmp_path / "x.tsv", "a\tOther", "b\tno_relation", "c\td", "NA\tNA")
    report = convert("jsonl", [data], tmp_path / "o.spacy", labels=names)
    assert labels_of(tmp_path / "o.spacy") == ["d", "Other", "NA"]
    assert (report.relations_none, report.relations_kept) == (3, 3)
    assert report.labels is not None and report.labels.renamed == {"a": 1, "b": 1, "c": 1}
    assert "marked no relation 3" in report.summary()


def test_the_table_is_no_output(tmp_path):
    data = corpus(tmp_path / "x.jsonl", *"a" * 5)
    names = table(tmp_path / "names.spacy", "a\tb")
    for outputs in ({"output": names}, {"output": tmp_path / "o.spacy", "dev": tmp_path / "." / "names.spacy"}):
        with pytest.raises(RelxError, match=r"RX122.*names\.spacy"):
            convert("jsonl", [data], labels=names, **outputs)
    assert read_labels(names) == {"a": "b"} and not (tmp_path / "o.spacy").exists()


def test_a_table_for_other_data(tmp_path):
    data = corpus(tmp_path / "x.jsonl", *"fedcba")
    with pytest.warns(RelxWarning, match=r"RX126.*x\.tsv.*6 relations.*'a', 'b', 'c', 'd', 'e', \.\.\.") as found:
        convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", "P19\tborn in"))
    assert found[0].filename == __file__
    assert len(labels_of(tmp_path / "o.spacy")) == 6
    # No warning, which would be an error here: one label of the data is named, or there is no relation at all
    for line in ("a\tz", "a\t"):
        convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", line))
    same = [f"{label}\t{label}" for label in "abcdef"]
    convert("jsonl", [data], tmp_path / "o.spacy", labels=table(tmp_path / "x.tsv", *same))
    convert("jsonl", [corpus(tmp_path / "y.jsonl")], tmp_path / "o.spacy", labels=tmp_path / "x.tsv")


def test_meta_keeps_the_label_of_the_data(tmp_path):
    path = table(tmp_path / "x.tsv", "place of birth\tborn_in")
    convert("redfm", [write(tmp_path / "x.jsonl", row())], tmp_path / "o.spacy", labels=path)
    (doc,) = load(tmp_path / "o.spacy")
    assert doc._.triples == [("Ann Bee", "born_in", "Ulm")]
    assert doc.user_data["meta"] == {"label": "place of birth", "pid": "P19"}
    assert doc._.lang == "en"


def test_the_command(tmp_path):
    data = write(tmp_path / "x.jsonl", row(), row("<e1>Bo</e1> wrote <e2>Fog</e2>.", "notable work"))
    names = table(tmp_path / "x.tsv", "place of birth\tborn_in")
    arguments = ["data", "convert", "redfm", str(data), "--output", str(tmp_path / "o.spacy")]
    plain = CliRunner().invoke(relx_app, arguments)
    assert plain.exit_code == 0 and "labels" not in plain.output
    assert labels_of(tmp_path / "o.spacy") == ["place of birth", "notable work"]
    renamed = CliRunner().invoke(relx_app, [*arguments, "--labels", str(names)])
    assert renamed.exit_code == 0
    assert "renamed 1 (relations 1), left out 0 (relations 0), not in the table 1 (relations 1)" in renamed.output
    assert labels_of(tmp_path / "o.spacy") == ["born_in", "notable work"]
    other = CliRunner().invoke(relx_app, [*arguments, "--labels", str(table(tmp_path / "y.tsv", "P19\tborn_in"))])
    assert other.exit_code == 0 and "⚠ [RX126]" in other.output
    failed = CliRunner().invoke(relx_app, [*arguments, "--labels", str(tmp_path / "none.tsv")])
    assert failed.exit_code == 1 and "RX120" in failed.output


# the documentation, and the names of Wikidata's properties


def test_the_documentation_names_both(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf8")
    (example,) = [line for line in page.splitlines() if line.startswith("{") and "<e1>" in line]
    ((record,), _) = read("redfm", write(tmp_path / "x.jsonl", example))
    assert relations(record) == [("Ann Bee", "place of birth", "Ulm")]
    assert "| `redfm` |" in page and "--labels" in page and "assets/wikidata/properties.tsv" in page


def test_the_table_of_properties():
    names = read_labels(PROPERTIES)
    assert len(names) == len(set(names.values())) == 100
    assert all(pid[0] == "P" and pid[1:].isdigit() and name for pid, name in names.items())
    assert list(names) == sorted(names, key=lambda pid: int(pid[1:]))
    assert names["P19"] == "place of birth" and names["P3373"] == "sibling"


# real data


@pytest.mark.parametrize("lang", sorted(COUNTS))
def test_counts_of_the_published_files(data_set, lang):
    path = data_set("redfm_test") / f"redfm_test_{lang}.jsonl"
    report = Report()
    names = read_labels(PROPERTIES)
    records = list(get_format("redfm")(path, report))
    assert len(records) == COUNTS[lang]
    assert {record.lang for record in records} == {lang}
    assert not report.problems
    for record, line in zip(records, path.read_text(encoding="utf8").splitlines()):
        wanted = json.loads(line)
        assert relations(record) == [(wanted["e1"], wanted["label"], wanted["e2"])]
        assert record.id == wanted["id"]
        assert names[record.meta["pid"]] == wanted["label"]


def test_the_table_covers_redocred(data_set):
    names = read_labels(PROPERTIES)
    records = get_format("docred")(data_set("redocred") / "dev_revised.json.gz", Report())
    labels = {label for record in records for _, _, label in record.relations}
    assert len(labels) > 90 and labels <= set(names)
