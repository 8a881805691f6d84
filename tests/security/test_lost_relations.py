"""Relations that a misspelt key, a damaged header or a line end hides: named, and an error where that is wanted."""

from __future__ import annotations

import json

import pytest
from support.format_samples import ace, spert, tacred
from support.formats import raises, read, relations, write
from support.lost import CROSSRE, DOCRED, MISSPELT, OPENNRE, PAIR, PRODIGY, TASK, VERTICES
from support.tool_samples import REGIONS, link, task
from support.uima_samples import HEADER, ROWS, STRUCTURES, cas
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.importers._keys import Keys
from spacy_relx.formats.records import MAX_PROBLEMS, Report


def rename(row, key, other):
    return {other if name == key else name: value for name, value in row.items()}


def save(path, rows, listed):
    text = json.dumps(rows) if listed else "\n".join(map(json.dumps, rows))
    path.write_text(text, encoding="utf8")
    return path


@pytest.mark.parametrize("format", MISSPELT)
def test_a_misspelt_key_is_named(tmp_path, format):
    row, key, other, listed = MISSPELT[format]
    sound = save(tmp_path / "sound.json", [row] * 3, listed)
    report = convert(format, [sound], tmp_path / "o.spacy")
    assert report.relations_kept > 0 and {problem.code for problem in report.all_problems} <= {"RX112"}
    path = save(tmp_path / "x.json", [rename(row, key, other)] * 3, listed)
    _, report = read(format, path)
    (found,) = report.unknown_keys.values()
    assert (found.key, found.nearest, found.count, found.place.line) == (other, key, 3, 1)
    said = report.summary()
    assert f"the key '{other}'" in said and f"Is '{key}' meant?" in said and "3 times" in said
    with pytest.raises(RelxError, match=f"'{other}'") as info:
        convert(format, [path], tmp_path / "o.spacy", strict=True)
    assert info.value.code == "RX600"


@pytest.mark.parametrize(
    ("format", "change", "inside", "key", "nearest"),
    [
        ("docred", {"labels": [{"h": 0, "t": 1, "r": "P1", "evidense": []}]}, "labels", "evidense", "evidence"),
        ("docred", {"vertexSet": [[{**VERTICES[0][0], "typ": "x"}], VERTICES[1]]}, "vertexSet", "typ", ""),
        ("prodigy", {"relations": [{"head": 0, "child": 2, "label": "m", "Label": "m"}]}, "relations", "Label", ""),
        ("prodigy", {"spans": [{**PRODIGY["spans"][0], "kbid": "Q1"}]}, "spans", "kbid", "kb_id"),
        ("opennre", {"h": {**PAIR["h"], "kind": "PER"}}, "h", "kind", ""),
    ],
)
def test_keys_of_inner_objects(tmp_path, format, change, inside, key, nearest):
    row, *_, listed = MISSPELT[format]
    _, report = read(format, save(tmp_path / "x.json", [{**row, **change}], listed))
    (found,) = report.unknown_keys.values()
    assert (found.inside, found.key, found.nearest) == (inside, key, nearest)
    assert f"in '{inside}', the key '{key}'" in report.summary()


def test_keys_that_programs_add_are_no_problem(tmp_path):
    rows = {
        "prodigy": {**PRODIGY, "_input_hash": 1, "_task_hash": 2, "_timestamp": 3, "meta": {"anything": 1}},
        "labelstudio": {**TASK, "data": {**TASK["data"], "source": "mine"}, "total_annotations": 1, "inner_id": 1},
        "tacred": {**tacred(), "stanford_pos": [], "docid": "d"},
        "crossre": CROSSRE,
        "ace": {**ace(), "predicted_ner": []},
    }
    for format, row in rows.items():
        _, report = read(format, save(tmp_path / "x.json", [row], format in ("labelstudio", "tacred")))
        assert not report.unknown_keys, format


def test_keys_without_end_are_counted(tmp_path):
    rows = [{**OPENNRE, f"key{number}": 1} for number in range(MAX_PROBLEMS + 5)]
    _, report = read("opennre", write(tmp_path / "x.jsonl", *rows))
    assert len(report.unknown_keys) == MAX_PROBLEMS and report.unknown_more == 5
    assert f"problems           {MAX_PROBLEMS + 5}, 3 of them:" in report.summary(3)


def test_keys_that_are_nothing_to_look_into():
    keys = Keys("a", inside={"b": Keys("c")})
    odd = [{"b": 1}, {"b": None}, {"b": [1, [{"c": 1}], [[{"x": 1}]]]}, [], None, 3]
    assert [list(keys(row)) for row in odd] == [[]] * 6
    assert [(one.inside, one.key) for one in keys({"d": 1, "b": [[{"x": 1}]]})] == [("", "d"), ("b", "x")]


def test_a_huge_key(tmp_path):
    _, report = read("opennre", write(tmp_path / "x.jsonl", {**OPENNRE, "k" * 1_000_000: 1}))
    assert len(report.summary()) < 2000


# Files without a relation


def test_a_file_without_relations_is_said(tmp_path):
    without = {key: value for key, value in OPENNRE.items() if key != "relation"}
    paths = [write(tmp_path / "a.jsonl", OPENNRE, without), write(tmp_path / "b.jsonl", without, without)]
    report = convert("opennre", paths, tmp_path / "o.spacy")
    (problem,) = report.problems
    assert problem.code == "RX601" and problem.file == paths[1] and "the 2 records of the file" in problem.message
    with pytest.raises(RelxError, match=r"b\.jsonl") as info:
        convert("opennre", paths, tmp_path / "strict.spacy", strict=True)
    assert info.value.code == "RX601" and not (tmp_path / "strict.spacy").exists()
    result = CliRunner().invoke(
        relx_app, ["data", "convert", "opennre", str(paths[1]), "--output", str(tmp_path / "o.spacy")]
    )
    assert result.exit_code == 0 and "RX601" in result.output
    strict = CliRunner().invoke(
        relx_app, ["data", "convert", "opennre", str(paths[1]), "--output", str(tmp_path / "o.spacy"), "--strict"]
    )
    assert strict.exit_code == 1 and "RX601" in strict.output


def test_pairs_marked_as_not_related_are_an_annotation(tmp_path):
    path = write(tmp_path / "x.jsonl", {**OPENNRE, "relation": "NA"}, {**OPENNRE, "relation": "NA"})
    assert convert("opennre", [path], tmp_path / "o.spacy", strict=True).relations_none == 2


def test_files_of_one_document_are_taken_together(tmp_path):
    """Few collections have relations in each of their documents."""
    for name, lines in (("a", ["R1\tmet Arg1:T1 Arg2:T2"]), ("b", []), ("c", [])):
        (tmp_path / f"{name}.txt").write_text("Ann met Bob", encoding="utf8")
        write(tmp_path / f"{name}.ann", "T1\tPER 0 3\tAnn", "T2\tPER 8 11\tBob", *lines)
    assert not convert("brat", [tmp_path], tmp_path / "o.spacy", strict=True).problems
    (tmp_path / "a.ann").unlink()
    (tmp_path / "a.txt").unlink()
    report = convert("brat", [tmp_path], tmp_path / "o.spacy", patterns=["*.ann"])
    assert [problem.code for problem in report.problems] == ["RX601"]
    assert "the 2 files of one record" in report.problems[0].message


# Labels of blanks


@pytest.mark.parametrize("label", ["", " ", "\t", "\u200b", "\xa0\ufeff"])
def test_a_blank_label_is_none(tmp_path, label):
    rows = {
        "jsonl": {"tokens": ["a", "b"], "mentions": [{"start": 0, "end": 1}, {"start": 1, "end": 2}]},
        "opennre": {**OPENNRE, "relation": label},
        "tacred": tacred(relation=label),
        "docred": {**DOCRED, "labels": [{"h": 0, "t": 1, "r": label}]},
        "spert": spert(relations=[{"type": label, "head": 0, "tail": 2}]),
        "prodigy": {**PRODIGY, "relations": [{"head": 0, "child": 2, "label": label}]},
    }
    rows["jsonl"]["relations"] = [{"head": 0, "tail": 1, "label": label}]
    for format, row in rows.items():
        listed = format in ("docred", "spert", "tacred")
        assert "the label of a relation is empty" in raises(
            "RX102", format, save(tmp_path / "x.json", [row], listed)
        ), format
    (record,), report = read(
        "labelstudio", save(tmp_path / "x.json", [task(*REGIONS, link("a", "b", "right", label))], True)
    )
    assert not record.relations and report.relations_dropped == 1 and report.problem_counts["RX308"] == 1


def test_a_blank_type_is_none(tmp_path):
    import spacy

    from spacy_relx.formats.docbin import read_docs

    row = {"text": "Ann met Bob", "mentions": [{"start": 0, "end": 3, "label": " "}, {"start": 8, "end": 11}]}
    convert("jsonl", [write(tmp_path / "x.jsonl", row)], tmp_path / "o.spacy")
    (doc,) = read_docs(tmp_path / "o.spacy", spacy.blank("xx").vocab)
    assert [span.label_ for span in doc.spans["mentions"]] == ["ENT", "ENT"]


# WebAnno, INCEpTION, DBpediaRelations-PT


def test_webanno_a_damaged_layer(tmp_path):
    """The line of the header is lost, misspelt or of another kind: its columns are there still."""
    (layer,) = [line for line in HEADER if line.startswith("#T_RL")]
    for damaged in (None, layer.replace("#T_RL", "#T_Rl"), layer.replace("#T_RL", "#TRL"), layer.replace("_RL", "_SP")):
        lines = [damaged if line == layer else line for line in (*HEADER, *ROWS)]
        path = tmp_path / "x.tsv"
        path.write_text("\n".join(line for line in lines if line is not None), encoding="utf8")
        assert "header" in (said := raises("RX102", "webanno", path)) or "#T_RL=" in said


def test_webanno_a_line_of_the_header_that_is_unknown(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("\n".join([HEADER[0], "#T_R=custom.Other|value", *HEADER[1:], *ROWS]), encoding="utf8")
    (record,), report = read("webanno", path)
    (found,) = report.unknown_keys.values()
    assert record.relations and (found.key, found.place.line) == ("#T_R", 2)


def test_inception_an_end_that_is_missing(tmp_path):
    types = {
        "custom.Relation": {
            "%SUPER_TYPE": "custom.Above",
            "Governor": {"%RANGE": "custom.Span"},
            "Dependent": {"%RANGE": "custom.Span"},
            "label": {"%RANGE": "uima.cas.String"},
        },
        "custom.Above": {"%SUPER_TYPE": "uima.tcas.Annotation", "note": {"%RANGE": "uima.cas.String"}},
    }
    structures = [dict(one) for one in STRUCTURES]
    arrows = [one for one in structures if one["%TYPE"] == "custom.Relation"]
    assert arrows
    for one in arrows:
        one["note"] = "of the type above"
    sound = save(tmp_path / "sound.json", cas(*structures, types=types), True)
    _, report = read("inception", sound)
    assert not [one for one in report.unknown_keys.values() if one.inside == "custom.Relation"]
    for one in arrows:
        one["@Governer"] = one.pop("@Governor")
    path = save(tmp_path / "x.json", cas(*structures, types=types), True)
    assert "has no '@Governor'" in raises("RX102", "inception", path)
    _, report = read("inception", path, "skip")
    (found,) = [one for one in report.unknown_keys.values() if one.inside == "custom.Relation"]
    assert (found.key, found.nearest, found.count) == ("@Governer", "@Governor", len(arrows))


BLOCK = """****************
SENTENCE : Ann nasceu em Lisboa .
MANUALLY CHECKED : TRUE
ENTITY1 : Ann
TYPE1 : Person
ENTITY2 : Lisboa
TYPE2 : Place
REL TYPE : origin
****************
"""


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\r\r\n", "\x85", "\x85\n", "\u2028", "\t\n", " \t\r\n", "\ufeff\n"]
)
@pytest.mark.parametrize("before", ["", "\ufeff", "\t", " \ufeff"])
def test_dbpedia_pt_any_end_of_line(tmp_path, end, before):
    path = tmp_path / "x.txt"
    path.write_bytes("".join(before + line + end for line in (BLOCK * 2).splitlines()).encode())
    records, report = read("dbpedia_pt", path)
    assert [relations(record) for record in records] == [[("Ann", "origin", "Lisboa")]] * 2
    assert records[0].mentions[1].kb_id == "Lisboa" and records[0].mentions[1].label == "Place"
    assert not report.problems


def test_strict_is_a_setting_of_reports():
    assert not Report().strict
