"""Importers on files of the very shape in which programs write them, with all the fields that these have. The words are
invented; the shapes are those of Label Studio 1.23, doccano 1.8, Prodigy, INCEpTION and WebAnno, DyGIE++ and TACRED."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from support.formats import raises, read, relations, write

from spacy_relx.data.types import Mention
from spacy_relx.formats.convert import choose_inputs, convert
from spacy_relx.formats.importers.spacy_rel import REL
from spacy_relx.formats.records import Place, Record

NE = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"


def texts(record: Record) -> list[tuple[str, str]]:
    """(text, label) of each mention."""
    source = record.text if record.text is not None else record.words
    found = [source[m.start : m.end] for m in record.mentions]
    return [(one if isinstance(one, str) else " ".join(one), m.label) for one, m in zip(found, record.mentions)]


def detected(path: Path) -> str:
    return choose_inputs("auto", [path])[0]


# Label Studio

TEXT = '😀 Ann Bee of 𝒜cme met Zoë.\nShe said "so/so".'


def result(name: str, part: str, *labels: str, group: str = "label") -> dict:
    start = TEXT.index(part)
    value = {"start": start, "end": start + len(part), "text": part, "labels": list(labels)}
    return {"id": name, "from_name": group, "to_name": "text", "type": "labels", "origin": "manual", "value": value}


def annotation(number: int, results: list, **more) -> dict:
    return {
        "id": number,
        "completed_by": 1,
        "result": results,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-02T03:04:05.000006Z",
        "updated_at": f"2026-01-02T03:04:0{number}.000006Z",
        "lead_time": 12.5,
        "prediction": {},
        "result_count": len(results),
        "unique_id": "0f6ab0b2-93c2-4b9a-9d4e-3a1f4a5a6b7c",
        "bulk_created": False,
        "task": 6,
        "project": 2,
        "updated_by": 1,
        **dict.fromkeys(("draft_created_at", "import_id", "last_action", "parent_prediction", "last_created_by")),
        **more,
    }


def task(number: int, annotations: list, **more) -> dict:
    return {
        "id": number,
        "annotations": annotations,
        "drafts": [],
        "predictions": [],
        "data": {"text": TEXT},
        "meta": {},
        "created_at": "2026-01-02T03:04:05.000006Z",
        "updated_at": "2026-01-02T03:04:05.000006Z",
        "allow_skip": True,
        "inner_id": number,
        "total_annotations": len(annotations),
        **dict.fromkeys(("cancelled_annotations", "total_predictions", "comment_count", "unresolved_comment_count"), 0),
        "last_comment_updated_at": None,
        "project": 2,
        "updated_by": 1,
        "comment_authors": [],
        **more,
    }


def test_labelstudio(tmp_path):
    note = {**result("c", "Ann Bee"), "from_name": "note", "type": "textarea", "meta": {"text": ["m"]}}
    note["value"] = {"start": 2, "end": 9, "text": ["a note 😀"]}
    topic = {"id": "t", "from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["news"]}}
    arrow = {"type": "relation", "direction": "right"}
    results = [
        *(result("a", "Ann Bee of 𝒜cme", "ORG"), result("b", "𝒜cme", "ORG"), result("c", "Ann Bee", "PERSON")),
        *(result("c", "Ann Bee", "NAMED", group="kind"), note, topic, result("e", "Zoë", "PERSON")),
        {"from_id": "c", "to_id": "b", **arrow, "labels": ["works_for", "leads"]},
        {"from_id": "e", "to_id": "c", **arrow, "direction": "bi", "labels": ["met"]},
        {"from_id": "b", "to_id": "e", **arrow, "direction": "left", "labels": ["works_for"]},
        {"from_id": "a", "to_id": "e", **arrow, "labels": []},
        {"from_id": "a", "to_id": "b", **arrow},
    ]
    rows = [
        task(6, [annotation(1, results[:1]), annotation(2, results)], drafts=[{"id": 1, "result": results[:1]}]),
        task(7, [annotation(3, []), annotation(4, results, was_cancelled=True)], cancelled_annotations=1),
        task(8, [], predictions=[41]),  # a task that nobody has done, and the number of its prediction
        task(9, [annotation(5, results, was_cancelled=True)]),
    ]
    path = tmp_path / "project-2-at-2026-01-02-03-04-abcdef12.json"
    path.write_text(json.dumps(rows, ensure_ascii=False).replace("/", "\\/"), encoding="utf8")
    assert detected(path) == "labelstudio"
    (record, empty), report = read("labelstudio", path)
    assert texts(record) == [
        ("Ann Bee of 𝒜cme", "ORG"),
        ("𝒜cme", "ORG"),
        ("Ann Bee", "PERSON"),
        ("Ann Bee", "NAMED"),
        ("Zoë", "PERSON"),
    ]
    assert sorted(relations(record)) == [
        ("Ann Bee", "leads", "𝒜cme"),
        ("Ann Bee", "met", "Zoë"),
        ("Ann Bee", "works_for", "𝒜cme"),
        ("Zoë", "met", "Ann Bee"),
        ("Zoë", "works_for", "𝒜cme"),
    ]
    assert (empty.text, empty.mentions) == (TEXT, [])
    assert report.problem_counts == {"RX305": 2, "RX308": 2, "RX312": 1}
    assert (report.records_skipped, report.relations_dropped) == (2, 2)


# doccano


def spans(text: str, *parts: tuple[str, str], units: bool = True) -> list[tuple[int, int, str]]:
    """(start, end, label) as doccano's editor counts, in UTF-16 units, or in characters."""
    found = [(text.index(part), text.index(part) + len(part), label) for part, label in parts]
    if not units:
        return found
    return [tuple(len(text[:at].encode("utf-16-le")) // 2 for at in one[:2]) + one[2:] for one in found]


PARTS = [("Ann Bee of 𝒜cme", "ORG"), ("𝒜cme", "ORG"), ("Ann Bee", "PERSON"), ("Ann", "NA ME|x/y"), ("Zoë", "PERSON")]


def doccano(number: int, text: str, found: list, *arrows: tuple[int, str, int], **more) -> dict:
    """A line of JSONL(relation). Where examples have different keys of their own, all have all, numbers as 3.0."""
    first = 10 * number
    entities = [
        {"id": first + i, "label": label, "start_offset": start, "end_offset": end}
        for i, (start, end, label) in enumerate(found)
    ]
    links = [
        {"id": first + i, "from_id": first + head, "to_id": first + tail, "type": label}
        for i, (head, label, tail) in enumerate(arrows)
    ]
    own = {"id": number, "text": text, "source": None, "n": None}
    return {**own, "entities": entities, "relations": links, "Comments": [], **more}


def test_doccano(tmp_path):
    rows = [
        doccano(1, TEXT, spans(TEXT, *PARTS), (2, "works_for", 1), (4, "met / saw", 2)),
        doccano(2, "Kein Wort.", [], source="x", n=3.0, Comments=[{"id": 1, "comment": "sure? 😀"}]),
        doccano(3, "Zoë 😀", [(0, 3, "PERSON")]),  # before the first such character both counts are one
    ]
    path = write(tmp_path / "all.jsonl", *rows)
    assert detected(path) == "doccano"
    records, report = read("doccano", path)
    assert texts(records[0]) == PARTS
    assert relations(records[0]) == [("Ann Bee", "works_for", "𝒜cme"), ("Zoë", "met / saw", "Ann Bee")]
    assert texts(records[2]) == [("Zoë", "PERSON")]
    assert not report.problems  # the editor's own way to count


def test_doccano_offsets_of_other_programs(tmp_path):
    """Those that count characters are known by the words that mentions would cut, or by what does not fit."""
    rows = [
        doccano(1, TEXT, spans(TEXT, *PARTS, units=False), (2, "works_for", 1)),
        doccano(2, "Ann 𝒜 B", [(4, 5, "X")]),  # in UTF-16 units the end would be in the middle of a character
    ]
    path = write(tmp_path / "x.jsonl", *rows)
    records, report = read("doccano", path)
    assert texts(records[0]) == PARTS and relations(records[0]) == [("Ann Bee", "works_for", "𝒜cme")]
    assert records[1].mentions == [Mention(4, 5, "X")]
    assert report.problem_counts == {"RX570": 2} and "count characters" in report.problems[0].message
    raises("RX103", "doccano", write(tmp_path / "x.jsonl", doccano(3, "Ann 𝒜B", [(4, 5, "X")])))  # not sound as either


def test_doccano_files_that_say_their_unit(tmp_path):
    rows = [doccano(1, "😀ab cd", [(3, 4, "X")], offset_unit="utf16"), doccano(2, "😀ab", [(0, 5, "X")])]
    records, report = read("doccano", write(tmp_path / "x.jsonl", rows[0]))
    assert texts(records[0]) == [("b", "X")] and not report.problems
    for row in (rows[1], {**rows[0], "entities": [{"id": 1, "label": "X", "start_offset": 1, "end_offset": 3}]}):
        assert "UTF-16 units" in raises("RX103", "doccano", write(tmp_path / "x.jsonl", row))


@pytest.mark.parametrize("key", ["label", "labels"])
def test_doccano_without_relations(tmp_path, key):
    row = {"id": 9, "text": TEXT, key: [list(one) for one in spans(TEXT, *PARTS)], "Comments": ["sure?"], "n": None}
    path = write(tmp_path / "all.jsonl", row, {"id": 10, "text": "Kein Wort.", key: [], "Comments": [], "n": 3.0})
    assert detected(path) == "doccano"
    records, _ = read("doccano", path)
    assert texts(records[0]) == PARTS and records[1].mentions == []


# Prodigy

WORDS = ["Un", "-", "Acme", " ", "met", "😀", "Zoë", "."]


def prodigy(**change) -> dict:
    tokens, at = [], 0
    for i, word in enumerate(WORDS):
        blank = i in (4, 5)
        tokens.append({"text": word, "start": at, "end": at + len(word), "id": i, "ws": blank, "disabled": i == 4})
        at += len(word) + blank
    text = "".join(token["text"] + " " * token["ws"] for token in tokens)

    def span(first: int, last: int, label: str, **more) -> dict:
        places = {"start": tokens[first]["start"], "end": tokens[last]["end"]}
        return {**places, "token_start": first, "token_end": last, "label": label, **more}

    acme, zoe = span(0, 2, "ORG"), span(6, 6, "PERSON")
    listed = [{"text": text[one["start"] : one["end"]], "type": "span", **one} for one in (acme, zoe)]
    arrow = {"head": 2, "child": 6, "color": "#ffd882", "label": "met"}
    # "token_start" is 2 although the span begins with token 0: so Prodigy has it
    arrow |= {"head_span": {**acme, "token_start": 2}, "child_span": zoe}
    return {
        "text": text,
        "spans": listed,
        "meta": {"source": "a book, p. 7"},
        "_input_hash": -13,
        "_task_hash": -19,
        "tokens": tokens,
        "_session_id": None,
        "_view_id": "relations",
        "relations": [arrow],
        "answer": "accept",
        **change,
    }


def test_prodigy(tmp_path):
    path = write(tmp_path / "annotations.jsonl", prodigy(), prodigy(answer="reject"), prodigy(answer="ignore"))
    assert detected(path) == "prodigy"
    (record,), report = read("prodigy", path)
    assert record.mentions == [Mention(0, 3, "ORG"), Mention(6, 7, "PERSON")]
    assert relations(record) == [("Un - Acme", "met", "Zoë")]
    assert Doc(Vocab(), record.words, record.spaces).text == prodigy()["text"]
    assert record.meta == {"source": "a book, p. 7"}
    assert report.records_skipped == 2 and not report.problems


def test_prodigy_tokens_and_characters_that_differ(tmp_path):
    moved = prodigy()["spans"]
    moved[0]["start"] += 1
    path = write(tmp_path / "x.jsonl", prodigy(), prodigy(spans=moved))
    assert "the tokens 0 to 2 of a span are not its characters [1, 7)" in raises("RX102", "prodigy", path)
    assert len(read("prodigy", path, "skip")[0]) == 1


# WebAnno TSV


def tsv(path: Path, header: str, *lines: str) -> Path:
    rows = [line.replace(" | ", "\t") for line in lines]
    path.write_text("\n".join([*header.split(), "", "", *rows, ""]).replace("TSV3", "WebAnno TSV 3"), encoding="utf8")
    return path


def characters(record: Record) -> Record:
    """Without its tokens."""
    return Record(Place(Path("x"), 1), text=record.text, mentions=record.mentions, relations=record.relations)


SLOTS = f"""#FORMAT=TSV3.3
#T_SP=webanno.custom.Deed|ROLE_webanno.custom.Deed:who_webanno.custom.DeedLink|{NE}|kind
#T_SP={NE}|value"""


def test_webanno_slots_of_several_annotations(tmp_path):
    """Two in one place, with slots of both, and one of several tokens, each of which repeats its slots."""
    path = tsv(
        tmp_path / "a.tsv",
        SLOTS,
        "#Text=Ann met up Zoë",
        "1-1 | 0-3 | Ann | _ | _ | _ | PER | ",
        "1-2 | 4-7 | met | by;*[1]|with[2]|for[3] | 1-1;1-4|1-4|1-1 | Talk[1]|Date[2]|Visit[3] | _ | ",
        "1-3 | 8-10 | up | for[3] | 1-1 | Visit[3] | _ | ",
        "1-4 | 11-14 | Zoë | _ | _ | _ | PER | ",
    )
    (record,), _ = read("webanno", path)
    assert relations(characters(record)) == [
        ("met", "by", "Ann"),
        ("met", "who", "Zoë"),
        ("met", "with", "Zoë"),
        ("met up", "for", "Ann"),
    ]
    assert [label for _, label in texts(characters(record))] == ["PER", "Talk", "Date", "Visit", "PER"]


def test_webanno_columns_that_list_some_of_the_annotations(tmp_path):
    """The numbers in brackets say whose values they are, not the place in the cell; 0 is the one without a number."""
    path = tsv(
        tmp_path / "a.tsv",
        """#FORMAT=TSV3.2
        #T_SP=webanno.custom.Entity|value|name
        #T_RL=webanno.custom.Same|type|BT_webanno.custom.Entity""",
        "#Text=Ann of big Ulm",
        "1-1 | 0-3 | Ann | person[1]|name | Ann_B[1] | coref | 1-4[3_0] | ",
        "1-2 | 4-6 | of | person[1] | Ann_B[1] | _ | _ | ",
        "1-3 | 7-10 | big | person[1]|place[2] | Ulm[2] | _ | _ | ",
        "1-4 | 11-14 | Ulm | person[1]|place[2]|word[3] | Ulm[2] | _ | _ | ",
    )
    (record,), _ = read("webanno", path)
    named = [("Ann of big Ulm", "person"), ("Ann", "name"), ("big Ulm", "place"), ("Ulm", "word")]
    assert texts(characters(record)) == named
    assert relations(characters(record)) == [("Ulm", "coref", "Ann")]
    assert record.relations == [(3, 1, "coref")]


def test_webanno_escapes_of_early_versions(tmp_path):
    lines = (r"#Text=Zo\u00eb \ud83d\ude00 \\u00eb a\tb", "1-1 | 0-3 | Zoë | PER | ", "1-2 | 4-6 | 😀 | _ | ")
    header = f"#FORMAT=TSV3.1\n#T_SP={NE}|value"
    (record,), _ = read("webanno", tsv(tmp_path / "a.tsv", header, *lines))
    assert record.text == "Zoë 😀 \\u00eb a\tb"
    raises(
        "RX103", "webanno", tsv(tmp_path / "a.tsv", header.replace("3.1", "3.2"), lines[0], "1-1 | 0-99 | Zoë | _ | ")
    )
    assert "'Zou'" in raises("RX102", "webanno", tsv(tmp_path / "a.tsv", header.replace("3.1", "3.2"), *lines))


# DyGIE++, SpERT, TACRED, the rel_component tutorial


def test_dygie(tmp_path):
    row = {
        "events": [[[[1, "meeting"], [0, 0, "guest"]]], []],
        "sentence_start": [0, 4],
        "sentences": [["Ann", "met", "Zoë", "."], ["She", "left", "Ulm"]],
        "relations": [[[0, 0, 2, 2, "PER-SOC.Lasting"]], [[4, 4, 6, 6, "PHYS"]]],
        "ner": [[[0, 0, "PER"], [2, 2, "PER"]], [[4, 4, "PER"], [6, 6, "GPE"]]],
        "doc_key": "NEWS_7",
        "dataset": "ace-event",
        "clusters": [[[2, 2], [4, 4]]],
        "predicted_ner": [[], []],
    }
    path = write(tmp_path / "train.json", row)
    assert detected(path) == "ace"
    (record,), report = read("ace", path)
    assert relations(record) == [("Ann", "PER-SOC.Lasting", "Zoë"), ("She", "PHYS", "Ulm")]
    assert (record.id, record.sent_starts) == ("NEWS_7", [0, 4]) and report.problem_counts == {"RX305": 2}


def test_spert(tmp_path):
    entities = [{"type": "Peop", "start": 0, "end": 2}, {"type": "Loc", "start": 3, "end": 4}]
    row = {"tokens": ["Ann", "Bee", "of", "Ulm"], "entities": entities}
    row |= {"relations": [{"type": "Live_In", "head": 0, "tail": 1}], "orig_id": 5178}
    bare = {"tokens": ["None", "here"], "entities": [], "relations": [], "orig_id": 5179}
    path = tmp_path / "conll04_train.json"
    path.write_text(json.dumps([row, bare]))
    assert detected(path) == "spert"
    records, _ = read("spert", path)
    assert relations(records[0]) == [("Ann Bee", "Live_In", "Ulm")] and [one.id for one in records] == [5178, 5179]


def test_tacred(tmp_path):
    row = {"id": "61b3", "docid": "NEWS_7", "relation": "per:title", "token": ["Ann", "Bee", ",", "mayor", "-LRB-"]}
    row |= {"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3, "subj_type": "PERSON", "obj_type": "TITLE"}
    row |= {"stanford_pos": ["NNP"] * 5, "stanford_ner": ["O"] * 5}
    row |= {
        "stanford_head": ["2", "0", "2", "2", "2"],
        "stanford_deprel": ["compound", "ROOT", "punct", "appos", "dep"],
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps([row, {**row, "relation": "no_relation"}]))
    assert detected(path) == "tacred"
    records, report = read("tacred", path)
    assert relations(records[0]) == [("Ann Bee", "per:title", "mayor")] and report.relations_none == 1
    assert [one.meta["label"] for one in records] == ["per:title", "no_relation"]


def test_rel_component(tmp_path):
    """As the tutorial's script writes them: all pairs of entities, each with itself too, and all labels."""
    doc = Doc(Vocab(), words=["Ann", "Bee", "met", "Zoë"], spaces=[True, True, True, False])
    doc.ents = [Span(doc, 0, 2, label="GGP"), Span(doc, 3, 4, label="GGP")]
    scores = {(a, b): {"Regulates": 0.0, "Binds": 0.0} for a in (0, 3) for b in (0, 3)}
    scores[3, 0]["Regulates"] = 1.0
    doc.user_data[REL] = scores
    path = tmp_path / "train.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    assert detected(path) == "rel_component"
    (record,), report = read("rel_component", path)
    assert relations(record) == [("Zoë", "Regulates", "Ann Bee")] and report.relations_none == 3
    assert convert("auto", [path], tmp_path / "o.spacy").relations_kept == 1
