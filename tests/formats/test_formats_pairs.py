"""FewRel, KLUE-RE and KnowledgeNet: what each annotates of a sentence, in both forms of their files."""

from __future__ import annotations

import csv
import json

import pytest
from support.formats import raises, read, relations, write

from spacy_relx import Annotated
from spacy_relx.data.types import Mention
from spacy_relx.formats.convert import choose_inputs
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.records import Report

ONE_PAIR = Annotated("none", pairs="named")
TOKENS = ["Ann", "Bee", "was", "born", "in", "Ulm", "."]
FEWREL = {"tokens": TOKENS, "h": ["ann bee", "Q1", [[0, 1]]], "t": ["ulm", "Q2", [[5], [5]]]}


def test_fewrel(tmp_path):
    (record, other), report = read("fewrel", write(tmp_path / "x.json", {"P19": [FEWREL], "P20": [FEWREL]}))
    assert record.mentions == [Mention(0, 2, "ENT", "Q1"), Mention(5, 6, "ENT", "Q2")]
    assert relations(record) == [("Ann Bee", "P19", "Ulm")] and relations(other)[0][1] == "P20"
    assert (record.lang, record.annotated) == ("en", ONE_PAIR)
    assert (str(other.place).rpartition(", ")[2], report.problems) == ("sentence 2", [])
    row = {"relation": "P19", "tokens": TOKENS, "h": [0, 1], "t": [5], "cased": True, "in_val_wiki": False}
    (line,), report = read("fewrel", write(tmp_path / "x.jsonl", row))
    assert relations(line) == relations(record) and line.meta == {"cased": True, "in_val_wiki": False}
    assert not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"h": ["a", "Q1", []]}, "RX102"),
        ({"h": ["a", [[0]]]}, "RX102"),
        ({"h": []}, "RX102"),
        ({"h": [0, "x"]}, "RX102"),
        ({"h": [7]}, "RX103"),
        ({"tokens": []}, "RX102"),
        ({"tokens": None}, "RX102"),
    ],
)
def test_fewrel_broken(tmp_path, change, code):
    raises(code, "fewrel", write(tmp_path / "x.json", {"P19": [{**FEWREL, **change}]}))
    raises(code, "fewrel", write(tmp_path / "x.jsonl", {"relation": "P19", **FEWREL, **change}))


def test_fewrel_that_is_no_object_of_lists(tmp_path):
    for value in ([], {"P19": {}}, {"P19": ["x"]}):
        raises("RX102", "fewrel", write(tmp_path / "x.json", json.dumps(value)))
    raises("RX101", "fewrel", write(tmp_path / "x.json", '{"P19": ['))


SENTENCE = '안나는 "울름"에서\n태어났다.'
ENTITIES = [
    {"word": "안나", "start_idx": 0, "end_idx": 1, "type": "PER"},
    {"word": "울름", "start_idx": 5, "end_idx": 6, "type": "LOC"},
]
COLUMNS = ["id", "sentence", "subject_entity", "object_entity", "label", "source", "prediction"]


def klue_csv(path, entities=ENTITIES, label="per:place_of_birth", sentence=SENTENCE, columns=COLUMNS):
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerow([3, sentence, *map(str, entities), label, "wikipedia", "x"])
        writer.writerow([4, SENTENCE, *map(str, ENTITIES), "no_relation", "wikitree", "x"])
    return path


def test_klue_re(tmp_path):
    records, report = read("klue_re", klue_csv(tmp_path / "x.csv"))
    record, other = records
    assert record.text == SENTENCE and record.mentions == [Mention(0, 2, "PER"), Mention(5, 7, "LOC")]
    assert relations(record) == [("안나", "per:place_of_birth", "울름")]
    assert relations(other) == [("안나", "no_relation", "울름")]
    assert [each.id for each in records] == ["3", "4"] and record.meta == {"source": "wikipedia"}
    assert record.lang == "ko" and record.annotated == ONE_PAIR and not report.problems
    row = {"sentence": SENTENCE, "s": [0, 2], "s_type": "PER", "o": [5, 7], "o_type": "LOC", "label": "no_relation"}
    (line,), report = read("klue_re", write(tmp_path / "x.jsonl", row))
    assert (line.mentions, relations(line)) == (other.mentions, relations(other)) and not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"entities": ["{'word': ", ENTITIES[1]]}, "RX102"),
        ({"entities": [{**ENTITIES[0], "end_idx": 2}, ENTITIES[1]]}, "RX105"),
        ({"entities": [{**ENTITIES[0], "start_idx": "0"}, ENTITIES[1]]}, "RX102"),
        ({"label": ""}, "RX102"),
        ({"sentence": ""}, "RX105"),
    ],
)
def test_klue_re_broken(tmp_path, change, code):
    path = klue_csv(tmp_path / "x.csv", **change)
    raises(code, "klue_re", path)
    assert len(read("klue_re", path, "skip")[0]) == 1


def test_klue_re_that_is_cut(tmp_path):
    path = klue_csv(tmp_path / "x.csv", columns=["id", "text"])
    raises("RX102", "klue_re", path)
    path = klue_csv(tmp_path / "x.csv")
    path.write_text(path.read_text(encoding="utf8").rpartition('"')[0], encoding="utf8")
    assert "does not end" in raises("RX102", "klue_re", path)
    path.write_text(klue_csv(path).read_text(encoding="utf8") + "5,short\n", encoding="utf8")
    assert "2 columns" in raises("RX102", "klue_re", path)


TEXT = "Ann Bee was born in Ulm. He founded Acme."
FACTS = [
    {
        "relation": "PLACE_OF_BIRTH",
        "s": [0, 7],
        "o": [20, 23],
        "s_uri": "",
        "o_uri": "http://www.wikidata.org/entity/Q3012",
    },
    {"relation": "FOUNDED_BY", "s": [36, 40], "o": [25, 27], "s_uri": "Q5", "o_uri": ""},
]
PASSAGE = {"doc": "9", "fold": 2, "start": 50, "end": 91, "text": TEXT, "facts": FACTS, "no_fact_for": ["SPOUSE"]}


def test_knowledgenet(tmp_path):
    (record,), report = read("knowledgenet", write(tmp_path / "x.jsonl", PASSAGE))
    assert relations(record) == [("Ann Bee", "PLACE_OF_BIRTH", "Ulm"), ("Acme", "FOUNDED_BY", "He")]
    assert [(each.label, each.kb_id) for each in record.mentions] == [
        ("PER", ""),
        ("LOC", "Q3012"),
        ("ORG", "Q5"),
        ("ENT", ""),
    ]
    assert record.annotated == Annotated("none", ["FOUNDED_BY", "PLACE_OF_BIRTH", "SPOUSE"])
    assert (record.id, record.meta, report.problems) == ("9#50", {"document": "9", "fold": 2}, [])


def test_knowledgenet_as_published(tmp_path):
    facts = [
        {
            "factId": "1",
            "humanReadable": f"<{TEXT[slice(*fact['s'])]}> <{fact['relation']}> <{TEXT[slice(*fact['o'])]}>",
            **{
                f"{name}{where}": 50 + fact[key][i]
                for name, key in (("subject", "s"), ("object", "o"))
                for i, where in enumerate(("Start", "End"))
            },
            "subjectUri": fact["s_uri"],
            "objectUri": fact["o_uri"],
        }
        for fact in FACTS
    ]
    names = [{"propertyId": "1", "propertyName": name} for name in ("SPOUSE", "FOUNDED_BY", "PLACE_OF_BIRTH")]
    passage = {
        "passageStart": 50,
        "passageEnd": 91,
        "passageText": TEXT,
        "facts": facts,
        "exhaustivelyAnnotatedProperties": names,
    }
    row = {"documentId": "9", "fold": 2, "documentText": "x" * 50 + TEXT, "source": "", "passages": [passage]}
    path = write(tmp_path / "y.jsonl", row)
    assert choose_inputs("auto", [path])[0] == "knowledgenet"
    (record,), report = read("knowledgenet", path)
    (other,), _ = read("knowledgenet", write(tmp_path / "x.jsonl", PASSAGE))
    for name in ("text", "id", "meta", "mentions", "relations", "annotated"):
        assert getattr(record, name) == getattr(other, name)
    assert not report.problems
    raises(
        "RX102",
        "knowledgenet",
        write(path, {**row, "passages": [{**passage, "facts": [{**facts[0], "humanReadable": "x"}]}]}),
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"facts": [{**FACTS[0], "s": [0]}]}, "RX102"),
        ({"facts": [{**FACTS[0], "o": [0, 999]}]}, "RX103"),
        ({"facts": [{**FACTS[0], "relation": None}]}, "RX102"),
        ({"no_fact_for": [3]}, "RX102"),
        ({"text": ""}, "RX102"),
    ],
)
def test_knowledgenet_broken(tmp_path, change, code):
    raises(code, "knowledgenet", write(tmp_path / "x.jsonl", {**PASSAGE, **change}))


@pytest.mark.parametrize(
    ("name", "file", "counts"),
    [
        ("fewrel", "fewrel/val_wiki.json.gz", (11200, 22400, 11200)),
        ("fewrel", "fewrel_train/train_wiki_rebuilt.jsonl.gz", (44759, 89518, 44759)),
        ("klue_re", "klue_re/dev.csv.gz", (7765, 15530, 3134)),
        ("klue_re", "klue_re/train_part_merged.jsonl.gz", (9105, 18210, 6459)),
        ("knowledgenet", "knowledgenet/knowledgenet_train.jsonl.gz", (5728, None, 10895)),
    ],
)
def test_published_counts(data_folder, name, file, counts):
    if not (data_folder / file).is_file():
        pytest.skip("the data set is absent")
    assert choose_inputs("auto", [data_folder / file])[0] == name
    report = Report()
    records = list(get_format(name)(data_folder / file, report))
    labels = [label for record in records for _, _, label, *_ in record.relations if label != "no_relation"]
    n_mentions = sum(len(record.mentions) for record in records)
    assert (len(records), n_mentions if counts[1] else None, len(labels)) == counts
    assert not report.problems
