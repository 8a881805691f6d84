"""Texts with half of a character, which JSON can write and UTF-8 cannot: every command sets them aside."""

from __future__ import annotations

import json

import pytest
import spacy
from support.commands import invoke
from support.scale import rows

from spacy_relx.formats.docbin import read_docs

HALF = "\ud83d"
TEXT = "Ann met Bob."
MENTIONS = [{"start": 0, "end": 3, "label": "P"}, {"start": 8, "end": 11, "label": "P"}]
RELATION = {"head": 0, "tail": 1, "label": "met"}
PREDICTED = {**RELATION, "score": 0.5}


def write_lines(path, *lines):
    """With the halves as JSON escapes them."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="ascii")
    return path


def test_align(tmp_path):
    texts = write_lines(tmp_path / "in.jsonl", {"text": TEXT}, {"text": f"Ann {HALF} Bob"}, {"text": TEXT})
    (tmp_path / "kb.tsv").write_text("a\tmet\tb\n")
    (tmp_path / "names.tsv").write_text("a\tAnn\nb\tBob\n")
    command = (
        "data",
        "align",
        tmp_path / "kb.tsv",
        texts,
        "--output",
        tmp_path / "o.spacy",
        "--aliases",
        tmp_path / "names.tsv",
    )
    result = invoke(*command, exit_code=1)
    assert "[RX183]" in result.stderr and "in.jsonl:2" in result.stderr
    result = invoke(*command, "--on-error", "skip")
    assert "texts              2" in result.stdout and "in.jsonl:2" in result.stderr


@pytest.mark.parametrize("broken", ["text", "label", "kb_id", "id"])
def test_export(tmp_path, broken):
    line = {"id": "b", "text": TEXT, "mentions": MENTIONS, "relations": [PREDICTED]}
    half = json.loads(json.dumps(line))
    half.update({"text": HALF + TEXT} if broken == "text" else {"id": HALF} if broken == "id" else {})
    half["relations"][0].update({"label": HALF} if broken == "label" else {})
    half["mentions"][0].update({"kb_id": HALF} if broken == "kb_id" else {})
    path = write_lines(tmp_path / "in.jsonl", line, half, {**line, "id": "c"})
    result = invoke("export", path, "--output", tmp_path / "o.jsonl", exit_code=1)
    assert "[RX339]" in result.stderr and "in.jsonl:2" in result.stderr and "half of a character" in result.stderr
    result = invoke("export", path, "--output", tmp_path / "o.jsonl", "--on-error", "skip")
    (fact,) = map(json.loads, (tmp_path / "o.jsonl").read_text(encoding="utf8").splitlines())
    assert [each["document"] for each in fact["evidence"]] == ["b", "c"] and "in.jsonl:2" in result.stderr


@pytest.mark.parametrize("broken", ["text", "id", "meta", "type", "kb_id", "label"])
def test_convert(tmp_path, broken):
    good = {"text": TEXT, "mentions": MENTIONS, "relations": [RELATION]}
    line = json.loads(json.dumps(good))
    line.update({"text": TEXT + HALF} if broken == "text" else {"id": HALF} if broken == "id" else {})
    line.update({"meta": {"a": [HALF]}} if broken == "meta" else {})
    line["mentions"][0].update({"label": HALF} if broken == "type" else {"kb_id": HALF} if broken == "kb_id" else {})
    line["relations"][0].update({"label": HALF} if broken == "label" else {})
    path = write_lines(tmp_path / "in.jsonl", good, line, good)
    result = invoke("data", "convert", "jsonl", path, "--output", tmp_path / "o.spacy", exit_code=1)
    assert result.stderr.startswith("✘ [RX1") and "in.jsonl, line 2" in result.stderr
    result = invoke("data", "convert", "jsonl", path, "--output", tmp_path / "o.spacy", "--on-error", "skip")
    assert "records found      3 (broken 1)" in result.stdout
    assert [doc.text for doc in read_docs(tmp_path / "o.spacy", spacy.blank("en").vocab)] == [TEXT, TEXT]


def test_convert_names_of_what_is_annotated(tmp_path):
    line = {"doc": "1", "start": 0, "text": TEXT, "facts": [], "no_fact_for": ["CEO"]}
    path = write_lines(tmp_path / "in.jsonl", line, {**line, "no_fact_for": [HALF]}, line)
    result = invoke("data", "convert", "knowledgenet", path, "--output", tmp_path / "o.spacy", "--on-error", "skip")
    assert "records found      3 (broken 1)" in result.stdout and "a name of what is" in result.stdout


def test_annotate(annotate, tmp_path):
    write_lines(tmp_path / "in.jsonl", {"text": TEXT}, {"text": HALF}, {"text": TEXT, "id": HALF}, {"text": TEXT})
    annotate(tmp_path / "in.jsonl")
    found = rows(tmp_path / "out" / "documents")
    assert ["half of a character" in (row["error"] or "") for row in found] == [False, True, True, False]
