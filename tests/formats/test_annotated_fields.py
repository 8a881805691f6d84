"""Which text was annotated, where data has several: Label Studio's fields, HTML and paragraphs; doccano, OpenNRE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.formats import raises, read, relations, write

from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import choose_inputs, convert
from spacy_relx.formats.importers._labelstudio_texts import place_regions

TITLE, BODY = "A weekly digest of names and mills, no. 3", "Ada Brook runs Kestrel Mill."
PARTS = ["Ada Brook", "Kestrel Mill"]


def region(number: int, text: str, part: str, to_name: str | None = "body", quoted: bool = True) -> dict:
    start = text.index(part)
    value = {"start": start, "end": start + len(part), "labels": ["X"], **({"text": part} if quoted else {})}
    return {"id": f"r{number}", "from_name": "label", "type": "labels", "value": value, **_named(to_name)}


def _named(to_name: str | None) -> dict:
    return {} if to_name is None else {"to_name": to_name}


def link(head: str = "r0", tail: str = "r1", label: str = "runs") -> dict:
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": "right", "labels": [label]}


def task(data: dict, *results: dict, number: int = 1) -> dict:
    return {"id": number, "data": data, "annotations": [{"id": number, "result": list(results)}]}


def body_task(data: dict, to_name: str | None = "body", quoted: bool = True, number: int = 1) -> dict:
    text = next(value for value in data.values() if isinstance(value, str) and PARTS[1] in value)
    regions = [region(i, text, part, to_name, quoted) for i, part in enumerate(PARTS)]
    return task(data, *regions, link(), number=number)


def save(path: Path, *tasks: dict, interface: str = "") -> Path:
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf8")
    if interface:
        path.with_suffix(".xml").write_text(interface, encoding="utf-8-sig")
    return path


def interface(*tags: str) -> str:
    return f'<View><Labels name="label" toName="x"><Label value="X"/></Labels>{"".join(tags)}</View>'


FOUND = [("Ada Brook", "runs", "Kestrel Mill")]


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("title", ["Weekly digest", TITLE, f"{BODY} Again.", "Осенний обзор мельниц и имён, № 3"])
@pytest.mark.parametrize("to_name", ["body", "txt", None])
def test_pointers_decide(tmp_path, quoted, title, to_name):
    """The own texts of regions and the name of the tag; never the field that happens to be called "text"."""
    path = save(tmp_path / "x.json", body_task({"text": title, "body": BODY}, to_name, quoted))
    clear = to_name == "body" or (quoted and title != f"{BODY} Again.") or title == "Weekly digest"
    if not clear:
        message = raises("RX573", "labelstudio", path)
        assert "'text', 'body'" in message and ".xml" in message
        return
    (record,), _ = read("labelstudio", path)
    assert record.text == BODY and relations(record) == FOUND


def test_a_tag_that_is_called_as_another_field(tmp_path):
    """As where somebody has changed the value of a tag, and not its name."""
    data = {"text": TITLE, "body": BODY}
    (record,), _ = read("labelstudio", save(tmp_path / "x.json", body_task(data, "text")))
    assert record.text == BODY  # the regions say so
    path = save(tmp_path / "x.json", body_task(data, "text", quoted=False))
    raises("RX573", "labelstudio", path)  # they fit the other field better


@pytest.mark.parametrize("first", [True, False])
def test_the_other_tasks_of_a_file_decide(tmp_path, first):
    data = {"text": TITLE, "body": BODY}
    tasks = [body_task(data, "txt", quoted=False, number=2), task(data, number=3), body_task(data, "txt", number=1)]
    records, _ = read("labelstudio", save(tmp_path / "x.json", *(tasks[::-1] if first else tasks)))
    assert [record.text for record in records] == [BODY] * 3
    assert sorted(map(relations, records)) == [[], FOUND, FOUND]


def test_the_labelling_interface_decides(tmp_path):
    data = {"text": TITLE, "body": BODY, "n": 3}
    row = body_task(data, "text", quoted=False)
    path = save(tmp_path / "x.json", row, interface=interface('<Text name="text" value="$body"/>'))
    (record,), _ = read("labelstudio", path)
    assert record.text == BODY and relations(record) == FOUND
    assert choose_inputs("auto", [tmp_path]) == ("labelstudio", [path])  # the interface is no data
    assert convert("labelstudio", [tmp_path], tmp_path / "o.spacy").relations_kept == 1
    save(path, task(data), interface=interface('<Text name="text" value="$body"/>'))
    assert read("labelstudio", path)[0][0].text == BODY  # without regions
    save(path, row, interface=interface('<Text name="text" value="$other"/>'))
    assert "'$other'" in raises("RX573", "labelstudio", path)
    path.with_suffix(".xml").write_text("<View")
    with pytest.raises(RelxError, match=r"RX577.*x\.xml"):
        read("labelstudio", path)


def test_tasks_without_regions(tmp_path):
    choice = {"type": "choices", "to_name": "body", "value": {"choices": ["news"]}}
    path = save(tmp_path / "x.json", task({"title": TITLE, "body": BODY}, choice))
    assert read("labelstudio", path)[0][0].text == BODY
    path = save(tmp_path / "x.json", task({"id": "a", "lang": "en", "text": BODY}))
    assert read("labelstudio", path)[0][0].text == BODY
    raises("RX573", "labelstudio", save(tmp_path / "x.json", task({"title": TITLE, "body": BODY})))


def test_regions_in_several_texts_of_a_task(tmp_path):
    data = {"id": "t1", "title": "Ada Brook and others", "body": BODY, "source": "a paper"}
    results = [
        *(region(0, BODY, PARTS[0]), region(1, BODY, PARTS[1]), region(2, data["title"], PARTS[0], "title")),
        *(link(), link("r2", "r1", "owns"), link("r2", "r2", "is")),
    ]
    (body, title), report = read("labelstudio", save(tmp_path / "x.json", task(data, *results)))
    assert (body.text, relations(body), body.id) == (BODY, FOUND, "t1#body")
    assert (title.text, relations(title), title.id) == (data["title"], [("Ada Brook", "is", "Ada Brook")], "t1#title")
    assert report.problem_counts == {"RX575": 1} and report.relations_dropped == 1
    assert "'title' and 'body'" in report.problems[0].message


@pytest.mark.parametrize("key", ["was_cancelled", "skipped"])
def test_cancelled_annotations_are_no_pointers(tmp_path, key):
    row = body_task({"text": TITLE, "body": BODY})
    wrong = {"id": 2, key: True, "result": [region(0, TITLE, "digest", "body")]}
    row["annotations"].append(wrong)
    (record,), _ = read("labelstudio", save(tmp_path / "x.json", row))
    assert relations(record) == FOUND
    row["annotations"] = [wrong]
    records, report = read("labelstudio", save(tmp_path / "x.json", row))
    assert not records and report.records_skipped == 1


def test_predictions_of_a_task_to_import(tmp_path):
    row = body_task({"text": TITLE, "body": BODY}, quoted=False)
    row["predictions"] = [{"result": row.pop("annotations")[0]["result"], "score": 0.5}]
    (record,), report = read("labelstudio", save(tmp_path / "x.json", row))
    assert relations(record) == FOUND and report.problem_counts == {"RX313": 1}


# HTML and paragraphs


def hyper(number: int, content: str, part: str, kind: str = "hypertextlabels") -> dict:
    start = content.index(part)
    places = {"start": start, "end": start + len(part)}
    value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 3, "text": part}
    value = {**value, "globalOffsets": places, kind: ["X"]}
    return {"id": f"r{number}", "from_name": "label", "to_name": "ht", "type": kind, "value": value}


@pytest.mark.parametrize("kind", ["hypertextlabels", "labels"])
def test_hypertext(tmp_path, kind):
    html = (
        "<style>p {color: red}</style><h1>Mills &amp; more</h1><p>Ada <b>Brook</b><br>runs</p>\n"
        "<p>Kestrel Mill.</p><p>Zoë</p>"
    )
    content = "Mills & moreAda Brookruns\nKestrel Mill.Zoë"
    results = [hyper(i, content, part, kind) for i, part in enumerate([*PARTS, "Zoë"])]
    row = task({"text": TITLE, "html": html}, *results, link(), link("r2", "r1"))
    (record,), report = read("labelstudio", save(tmp_path / "x.json", row))
    assert record.text == "Mills & more\nAda Brook\nruns\nKestrel Mill.\nZoë"  # blocks are lines
    assert relations(record) == [*FOUND, ("Zoë", "runs", "Kestrel Mill")] and not report.problems
    del results[0]["value"]["globalOffsets"]
    assert "globalOffsets" in raises("RX102", "labelstudio", save(tmp_path / "x.json", task({"html": html}, *results)))


def test_hypertext_that_is_another_one(tmp_path):
    results = [hyper(i, BODY, part) for i, part in enumerate(PARTS)]
    raises(
        "RX105", "labelstudio", save(tmp_path / "x.json", task({"html": "<p>No names are in this text.</p>"}, *results))
    )


def paragraph(number: int, index: int, text: str, part: str, shift: int = 0) -> dict:
    start = text.index(part) + shift
    value = {"start": str(index), "end": str(index), "startOffset": start, "endOffset": start + len(part), "text": part}
    value["paragraphlabels"] = ["X"]
    return {"id": f"r{number}", "from_name": "label", "to_name": "d", "type": "paragraphlabels", "value": value}


@pytest.mark.parametrize("shift", [0, 1])
def test_paragraphs(tmp_path, shift):
    """Of which each counts for itself; also UTF-16 units."""
    lines = ["😀 Ada Brook?", "😀 She runs Kestrel Mill."]
    talk = [{"author": "A", "text": line, "utterance": line} for line in lines]
    results = [paragraph(0, 0, lines[0], PARTS[0], shift), paragraph(1, 1, lines[1], PARTS[1], shift), link()]
    path = save(tmp_path / "x.json", task({"dialogue": talk, "title": TITLE}, *results))
    (record,), _ = read("labelstudio", path)
    assert record.text == "\n".join(lines) and relations(record) == FOUND
    for one in talk:
        del one["text"]
    tag = '<Paragraphs name="d" value="$dialogue" textKey="utterance"/>'
    path = save(path, task({"dialogue": talk}, *results), interface=interface(tag))
    assert relations(read("labelstudio", path)[0][0]) == FOUND
    results[0]["value"]["end"] = "9"
    raises("RX102", "labelstudio", save(path, task({"dialogue": talk}, *results), interface=interface(tag)))


def test_kinds_of_texts_do_not_mix(tmp_path):
    row = task({"body": BODY}, region(0, BODY, PARTS[0]), hyper(1, BODY, PARTS[1]))
    raises("RX102", "labelstudio", save(tmp_path / "x.json", row))
    assert place_regions(BODY, []) == (BODY, [])


# doccano, OpenNRE


def test_doccano_texts_are_in_data_or_text(tmp_path):
    def row(**texts: str) -> dict:
        spans = [[BODY.index(part), BODY.index(part) + len(part), "X"] for part in PARTS]
        return {"id": 1, **texts, "label": spans}

    path = write(tmp_path / "x.jsonl", row(data=BODY))
    assert choose_inputs("auto", [path])[0] == "doccano"
    assert read("doccano", path)[0][0].text == BODY
    for texts in ({"text": TITLE, "data": BODY}, {"text": BODY, "data": "a paper"}):
        assert read("doccano", write(tmp_path / "x.jsonl", row(**texts)))[0][0].text == BODY
    message = raises("RX573", "doccano", write(tmp_path / "x.jsonl", row(text=BODY, data=BODY + " ")))
    assert "'text' and 'data'" in message


def test_opennre_offsets_of_tokens_or_of_the_text(tmp_path):
    text, tokens = "Ann met Bob Lee.", ["Ann", "met", "Bob", "Lee", "."]

    def row(*places: list[int]) -> dict:
        ends = [{"name": name, "pos": place} for name, place in zip(("Ann", "Bob Lee"), places)]
        return {"text": text, "token": tokens, "h": ends[0], "t": ends[1], "relation": "met"}

    for places in (([0, 1], [2, 4]), ([0, 3], [8, 15])):
        (record,), report = read("opennre", write(tmp_path / "x.jsonl", row(*places)))
        assert relations(record) == [("Ann", "met", "Bob Lee")] and not report.problems
