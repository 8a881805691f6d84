"""Importers of what annotation tools export: brat, Label Studio, doccano; and bounds on the size of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.formats import raises, read, relations, write
from support.tool_samples import ANN, LS_TEXT, REGIONS, TEXT, doccano_row, link, region, task

from spacy_relx.data.ids import content_id
from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import choose_inputs, convert
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.importers import _read

# brat


def collection(folder: Path, text: str = TEXT, **files: str) -> Path:
    """A folder with one text and files of annotations, by suffix. RETURNS: the first of these."""
    folder.mkdir(exist_ok=True)
    (folder / "a.b.txt").write_bytes(text.encode())
    for suffix, content in files.items():
        (folder / f"a.b.{suffix}").write_bytes(content.encode())
    return folder / f"a.b.{next(iter(files))}"


def test_brat(tmp_path):
    (record,), report = read("brat", collection(tmp_path, ann=ANN))
    assert (record.id, record.meta) == (content_id("a.b", TEXT), {"file": "a.b.txt"}) and record.text == TEXT
    assert record.mentions == [
        Mention(2, 9, "PERSON", "Q1"),
        Mention(2, 5, "NAME", "Q1"),  # equal to T1
        Mention(13, 40, "ORG"),
        Mention(45, 48, "PERSON"),
        Mention(41, 44, "Meeting"),
    ]
    assert relations(record) == [("Ann Bee", "works_for", TEXT[13:40]), ("met", "met", "Zoë")]
    assert report.problem_counts == {"RX304": 1, "RX305": 3, "RX306": 1, "RX314": 1}
    assert [problem.code for problem in report.problems].count("RX305") == 1  # the rest is only counted
    (discontinuous,) = (problem for problem in report.problems if problem.code == "RX306")
    assert discontinuous.line == 3
    assert "'Acme Inc Co'" in discontinuous.message


def test_brat_fragments_with_blanks_between_are_one_piece(tmp_path):
    ann = "T1\tORG 0 4;6 9\tAcme Inc\n"
    (record,), report = read("brat", collection(tmp_path, "Acme\r\nInc.", ann=ann))
    assert record.mentions == [Mention(0, 9, "ORG")]
    assert not report.problem_counts


def test_brat_equal_mentions(tmp_path):
    text = "Ann Bob Cy Di Ed"
    spans = [(0, 3), (4, 7), (8, 10), (11, 13), (14, 16)]
    ann = "".join(f"T{i}\tP {start} {end}\t{text[start:end]}\n" for i, (start, end) in enumerate(spans, start=1))

    def links(lines: str) -> tuple:
        (record,), report = read("brat", collection(tmp_path, text, ann=lines + ann))
        return [mention.kb_id for mention in record.mentions], report

    (own, *rest), _ = links("*\tEquiv T2 T1\n")
    assert own.startswith("a.b~") and own.endswith("#T1") and rest == [own, "", "", ""]
    assert links("*\tEquiv T1 T2\n*\tEquiv T4 T5\n*\tEquiv T2 T5 T4\n")[0] == [own, own, "", own, own]
    found, report = links("*\tEquiv T1 T2\n*\tEquiv T4 T5\nN1\tRef T2 KB:Q2\n")
    assert found == ["Q2", "Q2", "", own.replace("T1", "T4"), own.replace("T1", "T4")] and not report.problem_counts
    found, report = links("N1\tRef T1 KB:Q1\n*\tEquiv T1 T2 T3\nN2\tRef T3 KB:Q3\n")
    assert found == ["Q1", "Q1", "Q3", "", ""]
    assert report.problem_counts == {"RX315": 1} and report.problems[0].line == 2
    found, report = links("*\tAlias T1 T2\n")
    assert not any(found) and report.problem_counts == {"RX305": 1}
    path = collection(tmp_path, text, ann="*\tEquiv T1 T9\n" + ann)
    assert "a.b.ann, line 1" in raises("RX104", "brat", path)
    for wrong in ("*\tEquiv\tT1 T2\n", "*\tEquiv\n", "*\tEquiv T1\n"):
        assert "as in 'Equiv T1 T2'" in raises("RX102", "brat", collection(tmp_path, text, ann=wrong + ann))


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("{", "RX101"),
        ("[]", "RX102"),
        ('{"entities": {"P": 1}}', "RX102"),
        ('{"links": {"a": "b", "a": "c"}}', "RX102"),
    ],
)
def test_brat_a_broken_table_of_names(tmp_path, table, code):
    path = collection(tmp_path, ann="T1\tPERSON 2 9\tAnn Bee\n")
    path.with_name("relx-names.json").write_text(table)
    assert "relx-names.json" in raises(code, "brat", path)
    path.with_name("relx-names.json").write_text('{"entities": {"PERSON": "a person"}}')
    assert read("brat", path)[0][0].mentions[0].label == "a person"


def test_brat_several_files_of_annotations(tmp_path):
    lines = ANN.splitlines(keepends=True)
    path = collection(tmp_path, a1="".join(lines[:5]), a2="".join(lines[5:]))
    whole = collection(tmp_path / "whole", ann=ANN)
    for file in (path, path.with_suffix(".a2")):
        assert read("brat", file)[0][0].relations == read("brat", whole)[0][0].relations
    assert choose_inputs("brat", [tmp_path], ["a.b.a*", "a.b.txt"]) == ("brat", [path, whole])


def test_brat_folders(tmp_path):
    folder = tmp_path / "in"
    path = collection(folder, ann=ANN)
    for name, content in (("annotation.conf", "[entities]\n"), ("visual.conf", ""), ("lonely.txt", "No annotations.")):
        (folder / name).write_text(content)
    assert choose_inputs("brat", [folder])[1] == [path, folder / "lonely.txt"]
    assert choose_inputs("brat", [path.with_suffix(".txt")])[1] == [path]
    output = tmp_path / "x.spacy"
    report = convert("brat", [folder], output, alignment="expand")
    assert (report.records_written, report.records_skipped, report.mentions_kept) == (1, 1, 5)
    assert report.problem_counts["RX303"] == 1
    (folder / "notes.md").write_text("# not data")
    with pytest.raises(RelxError, match=r"RX102.*notes\.md"):
        convert("brat", [folder], output)
    with pytest.raises(RelxError, match="RX119"):
        convert("brat", [folder / "annotation.conf"], output)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("T9\tPERSON 2 5", None),
        ("T1\tPERSON 2 5\tAnn", "RX102"),  # the id is there twice
        ("T9\tPERSON 2 99\tAnn", "RX103"),
        ("T9\tPERSON 5 2\tAnn", "RX103"),
        ("T9\tPERSON 2 x\tAnn", "RX102"),
        ("T9\tPERSON 2 5\tBob", "RX105"),
        ("T9\tPERSON 4 7\tAnn", "RX105"),  # offsets that count UTF-16 units or bytes
        ("T9 PERSON 2 5 Ann", "RX102"),
        ("T9", "RX102"),
        ("R9\t\tx", "RX102"),  # without a label
        ("R9\tmet Arg1:T1", "RX102"),
        ("R9\tmet T1 T2", "RX102"),
        ("R9\tmet Arg1:T1 Arg2:T77", "RX104"),
        ("N9\tReference T77 Wikidata:Q1\tx", "RX104"),
        ("N9\tReference T1 Q1", "RX102"),
        ("X1\tno such kind", "RX102"),
        ("just text", "RX102"),
    ],
)
def test_brat_says_what_is_wrong(tmp_path, line, code):
    path = collection(tmp_path, ann="T1\tPERSON 2 9\tAnn Bee\n" + line + "\n")
    if code is None:
        assert len(read("brat", path)[0][0].mentions) == 2
        return
    assert "a.b.ann, line 2" in raises(code, "brat", path)


def test_brat_broken_files(tmp_path):
    path = collection(tmp_path, ann=ANN)
    path.write_bytes(ANN.encode("utf-16"))
    raises("RX108", "brat", path)
    path.write_text(ANN[: ANN.index("R2") + 12])  # cut in the middle of a line
    raises("RX102", "brat", path)
    path.write_text(ANN)
    path.with_suffix(".txt").write_bytes("Zoë".encode("latin-1"))
    assert "a.b.txt" in raises("RX108", "brat", path)
    path.with_suffix(".txt").unlink()
    assert "a.b.txt is missing" in raises("RX302", "brat", path)


def test_brat_the_rest_survives(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("Ann met Bob.")
        (tmp_path / f"{number}.ann").write_text(f"T1\tP 0 3\tAnn\nT2\tP {8 + 50 * (number == 1)} 11\tBob\n")
    output = tmp_path / "x.spacy"
    report = convert("brat", [tmp_path], output, on_error="skip")
    assert (report.records_written, report.records_broken) == (2, 1)
    assert report.problems[0].file.name == "1.ann" and report.problems[0].line == 2


# Label Studio


def listed(path: Path, *rows) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf8")
    return path


def test_labelstudio(tmp_path):
    links = [link("a", "z", "right", "met", "saw"), link("a", "b", "left", "part_of"), link("a", "z", "bi", "knows")]
    path = listed(tmp_path / "x.json", task(*links, *REGIONS, {"type": "choices", "value": {}}))
    (record,), report = read("labelstudio", path)
    assert (record.id, record.text) == (1, LS_TEXT)
    assert record.mentions[:2] == [Mention(2, 9, "PERSON"), Mention(2, 9, "SINGER")]
    assert relations(record) == [
        ("Ann Bee", "met", "Zoë"),
        ("Ann Bee", "saw", "Zoë"),
        ("Ann", "part_of", "Ann Bee"),
        ("Ann Bee", "knows", "Zoë"),
        ("Zoë", "knows", "Ann Bee"),
    ]
    assert report.problem_counts == {"RX305": 1}
    assert str(record.place).endswith("x.json, task 1")


def test_labelstudio_one_region_of_several_groups_of_labels(tmp_path):
    again = region("a", 2, 9, "Ann Bee", "SINGER", "FEMALE")
    bare = {**again, "value": {key: value for key, value in again["value"].items() if key != "text"}}
    row = task(*REGIONS, again, bare, link("a", "z", "right", "met"))
    (record,), report = read("labelstudio", listed(tmp_path / "x.json", row))
    assert [m.label for m in record.mentions] == ["PERSON", "SINGER", "FEMALE", "NAME", "PERSON"]
    assert relations(record) == [("Ann Bee", "met", "Zoë")] and not report.problems


def test_labelstudio_offsets_of_before_1_4(tmp_path):
    shifted = [
        region(r["id"], r["value"]["start"] + 1, r["value"]["end"] + 1, r["value"]["text"], "P") for r in REGIONS
    ]
    (record,), _ = read("labelstudio", listed(tmp_path / "x.json", task(*shifted)))
    assert [record.text[m.start : m.end] for m in record.mentions] == ["Ann Bee", "Ann", "Zoë"]


def test_labelstudio_which_annotation(tmp_path):
    def annotation(number, **more):
        return {"id": number, "result": [region("a", 2, 5 + number, "", "P")] if number else [], **more}

    def ends(*annotations, **more):
        path = listed(tmp_path / "x.json", {"data": {"text": LS_TEXT}, "annotations": annotations, **more})
        records, report = read("labelstudio", path)
        return [record.mentions[0].end for record in records], report

    row = annotation(1, updated_at="2020"), annotation(2, updated_at="2021"), annotation(3, ground_truth=True)
    for one in (*row, annotation(4)):
        one["result"][0]["value"].pop("text")
    assert ends(row[0])[0] == [6]
    assert ends(row[1], row[0])[0] == [7]
    found, report = ends(*row)
    assert found == [8] and report.problem_counts == {"RX312": 1}
    assert ends({**row[1], "was_cancelled": True}, row[0])[0] == [6]
    found, report = ends({**row[1], "was_cancelled": True}, predictions=[annotation(1)])
    assert found == [] and report.records_skipped == 1  # predictions are no annotations
    path = listed(tmp_path / "y.json", {"data": {"text": LS_TEXT}, "predictions": [{"result": REGIONS}]})
    (record,), report = read("labelstudio", path)
    assert len(record.mentions) == 4 and report.problem_counts == {"RX313": 1}


def test_labelstudio_finds_the_text(tmp_path):
    row = task(*REGIONS)
    row["data"] = {"title": "Ann", "body": LS_TEXT, "lang": "en", "n": 3}
    (record,), _ = read("labelstudio", listed(tmp_path / "x.json", row))
    assert (record.text, record.lang) == (LS_TEXT, "en")
    row["data"] = {"one": "x", "other": "y"}
    assert "the fields 'one', 'other'" in raises("RX573", "labelstudio", listed(tmp_path / "x.json", row))


def test_labelstudio_a_relation_without_a_label(tmp_path):
    (record,), report = read("labelstudio", listed(tmp_path / "x.json", task(*REGIONS, link("a", "z", "right"))))
    assert record.relations == [] and report.relations_dropped == report.problem_counts["RX308"] == 1


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"id": 1, "text": "Ann", "label": [], "annotator": 1, "annotation_id": 2, "lead_time": 1.0}, "RX102"),
        ({"text": "Ann"}, "RX102"),
        (task(region("a", 2, 99, "Ann", "P")), "RX103"),
        (task(region("a", 3, 6, "Ann", "P"), region("b", 2, 5, "Ann", "P")), "RX105"),
        (task(region("a", "/p[1]/text()[1]", "/p[1]/text()[1]", "Ann", "P")), "RX102"),
        (task({**REGIONS[0], "type": "hypertextlabels"}), "RX102"),
        (task(REGIONS[0], region("a", 2, 5, "Ann", "NAME")), "RX102"),
        (task(*REGIONS, link("a", "none", "right", "r")), "RX104"),
        (task(*REGIONS, link("a", "b", "up", "r")), "RX102"),
        (task(*REGIONS, {**link("a", "b", "right"), "labels": [1]}), "RX102"),
    ],
)
def test_labelstudio_says_what_is_wrong(tmp_path, row, code):
    path = listed(tmp_path / "x.json", task(*REGIONS), row, task(*REGIONS))
    assert "task 2" in raises(code, "labelstudio", path)
    assert len(read("labelstudio", path, "skip")[0]) == 2


def test_labelstudio_broken_files(tmp_path):
    path = listed(tmp_path / "x.json", task(*REGIONS))
    path.write_bytes(path.read_bytes()[:-30])
    raises("RX101", "labelstudio", path)
    path.write_bytes(json.dumps([task(*REGIONS)], ensure_ascii=False).encode("latin-1", "replace"))
    raises("RX108", "labelstudio", path)
    path.write_text("{}")
    raises("RX102", "labelstudio", path)


# doccano


def test_doccano(tmp_path):
    labelled = {"text": LS_TEXT.replace("😀", "*"), "label": [[2, 5, "NAME"]]}
    records, report = read("doccano", write(tmp_path / "x.jsonl", doccano_row(), labelled))
    assert relations(records[0]) == [("Zoë", "met", "Ann Bee")]
    assert (records[0].id, len(records[0].mentions)) == (3, 3)
    assert records[1].mentions == [Mention(2, 5, "NAME")]
    assert not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"entities": [{"id": 7, "start_offset": 2, "end_offset": 99, "label": "P"}], "relations": []}, "RX103"),
        ({"entities": [{"id": 7, "start_offset": "2", "end_offset": 9, "label": "P"}]}, "RX102"),
        ({"entities": [{"id": [7], "start_offset": 2, "end_offset": 9, "label": "P"}]}, "RX102"),
        ({"entities": doccano_row()["entities"] * 2}, "RX102"),
        ({"relations": [{"from_id": 7, "to_id": 77, "type": "r"}]}, "RX104"),
        ({"relations": [{"from_id": 7, "to_id": 8}]}, "RX102"),
        ({"label": [[1, 2]]}, "RX102"),
        ({"text": ""}, "RX102"),
    ],
)
def test_doccano_says_what_is_wrong(tmp_path, change, code):
    path = write(tmp_path / "x.jsonl", doccano_row(), doccano_row(**change), doccano_row())
    assert "line 2" in raises(code, "doccano", path)
    assert len(read("doccano", path, "skip")[0]) == 2


# sizes


def test_a_huge_line(tmp_path, monkeypatch):
    monkeypatch.setattr(_read, "MAX_LINE", 600)
    path = write(tmp_path / "x.jsonl", doccano_row(), doccano_row(text="x" * 2000), doccano_row())
    assert "line 2" in raises("RX602", "doccano", path)
    assert [record.place.line for record in read("doccano", path, "skip")[0]] == [1, 3]


def test_a_huge_file(tmp_path, monkeypatch):
    monkeypatch.setattr(_read, "MAX_FILE", 100)
    raises("RX602", "labelstudio", listed(tmp_path / "x.json", task(*REGIONS)))
    assert "a.b.ann" in raises("RX602", "brat", collection(tmp_path, ann=ANN))


def test_from_a_tool_to_a_doc(tmp_path):
    from spacy.vocab import Vocab

    convert("doccano", [write(tmp_path / "x.jsonl", doccano_row())], tmp_path / "x.spacy", lang="de")
    (doc,) = read_docs(tmp_path / "x.spacy", Vocab())
    assert doc._.triples == [("Zoë", "met", "Ann Bee")]
    assert (doc._.lang, doc.user_data["id"]) == ("de", 3)
