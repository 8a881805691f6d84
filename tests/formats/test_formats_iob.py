"""Mentions in columns: layouts, schemes, nested mentions, texts, broken lines; and Stockmark's JSON."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats import raises, read
from typer.testing import CliRunner

from spacy_relx import Annotated
from spacy_relx.cli import relx_app
from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import choose_inputs, convert
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.records import Report

UNIVERSAL = """# newdoc id = d0
# sent_id = d0-1
# text = Ann Bee (Ulm) lacht.
1\tAnn\tB-PER\tB-PER#O\ts
2\tBee\tI-PER\tI-PER#O\ts
3\t(\tO\tO#O\ts
4\tUlm\tB-LOC\tB-LOC#O\ts
5\t)\tO\tO#O\ts
6\tlacht\tO\tB-DRV\ts
7\t.\t-\tO#O\ts

"""


def found(record):
    content = record.words if record.text is None else record.text
    parts = [content[each.start : each.end] for each in record.mentions]
    return [
        (each.label, part if isinstance(part, str) else " ".join(part)) for each, part in zip(record.mentions, parts)
    ]


def records_of(tmp_path, text, **settings):
    path = tmp_path / "x.txt"
    path.write_text(text, encoding="utf8")
    report = Report()
    return list(get_format("iob")(path, report, **settings)), report


def test_universal_ner(tmp_path):
    """The tags of the treebank's own scheme, in the fourth column, are no nested mentions."""
    (record,), report = records_of(tmp_path, UNIVERSAL * 1)
    assert record.text == "Ann Bee (Ulm) lacht." and record.id == "d0-1"
    assert record.mentions == [Mention(0, 7, "PER"), Mention(9, 12, "LOC")]
    assert record.annotated == Annotated(["PER", "LOC"], "none")
    assert record.place.line == 4 and not report.problems


def test_nested_columns_and_comments_like_tokens(tmp_path):
    text = (
        "#\thttp://x.example\t[2010-01-01]\t\n1\tAnn\tB-PER\tO\n2\tUniversität\tB-ORG\tO\n3\tUlm\tI-ORG\tB-LOC\n"
        "4\t.\tO\tO\n5\t#\tO\tO\n\n#\thttp://y.example\t[2010-01-01]\t\n1\tUlmer\tB-LOCderiv\tO\n"
    )
    records, _ = records_of(tmp_path, text)
    assert [found(record) for record in records] == [
        [("PER", "Ann"), ("ORG", "Universität Ulm"), ("LOC", "Ulm")],
        [("LOCderiv", "Ulmer")],
    ]
    assert records[0].words[-1] == "#" and records[0].content == "Ann Universität Ulm . #"
    assert records[0].spaces == [True, True, False, True, False]


def test_spaces_between_columns(tmp_path):
    text = "# id 7-a\tdomain=dev\nann _ _ B-PER\nlacht _ _ O\n\n# id 7-b\tdomain=dev\nulm _ _ B-LOC\n"
    records, _ = records_of(tmp_path, text)
    assert [(record.id, found(record)) for record in records] == [("7-a", [("PER", "ann")]), ("7-b", [("LOC", "ulm")])]


def test_characters_are_the_text(tmp_path):
    text = "## : \\t\n## doc_0\t<안나:PS>는 웃다\n안\tB-PS\n나\tI-PS\n는\tO\n \tO\n웃\tO\n다\tO\n"
    (record,), _ = records_of(tmp_path, text)
    assert record.text == "안나는 웃다" and record.mentions == [Mention(0, 2, "PS")]


def test_scripts_without_spaces(tmp_path):
    (record,), _ = records_of(tmp_path, "安\tB-PERSON\nは\tO\n東京\tB-GPE\nの\tO\nSony\tB-ORG\nで\tO\n")
    assert not any(record.spaces)


def test_document_lines(tmp_path):
    text = "-DOCSTART FILE a\nAnn\tann\tsubst:sg\tB-nam\n.\t.\tinterp\tO\n-DOCSTART FILE b\nUlm\tulm\tsubst\tB-loc\n"
    records, _ = records_of(tmp_path, text)
    assert [record.words for record in records] == [["Ann", "."], ["Ulm"]]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-B", [("A", 0, 2), ("B", 3, 4)]),
        ("I-A I-A O I-B", [("A", 0, 2), ("B", 3, 4)]),
        ("I-A B-A I-B I-B", [("A", 0, 1), ("A", 1, 2), ("B", 2, 4)]),
        ("B-A E-A S-A O", [("A", 0, 2), ("A", 2, 3)]),
        ("B-A L-A U-A U-A", [("A", 0, 2), ("A", 2, 3), ("A", 3, 4)]),
        ("B-A M-A E-A I-A", [("A", 0, 3), ("A", 3, 4)]),
        ("B-A I-A I-A I-A", [("A", 0, 4)]),
        ("O O O B-x-y", [("x-y", 3, 4)]),
    ],
)
def test_schemes(tmp_path, tags, spans):
    (record,), _ = records_of(tmp_path, "".join(f"w\t{tag}\n" for tag in tags.split()))
    assert [(each.label, each.start, each.end) for each in record.mentions] == spans


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z", "Cf"]), min_size=1, max_size=4).filter(str.strip)


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", "PER", "LOC"]), st.integers(0, 2)), min_size=1, max_size=9))
def test_any_words_keep_their_mentions(tmp_path_factory, parts):
    """Each word is a mention or none; with a text the offsets count its characters, without one the words."""
    words = [word for word, *_ in parts]
    text = "".join(word + " " * gap for word, _, gap in parts).strip()
    rows = "".join(f"{n}\t{word}\t{f'B-{kind}' if kind else 'O'}\tx\ty\n" for n, (word, kind, _) in enumerate(parts, 1))
    folder = tmp_path_factory.mktemp("iob")
    expected = [(kind, word) for word, kind, _ in parts if kind]
    (record,), _ = records_of(folder, f"# text = {text}\n{rows}")
    assert record.text == text and found(record) == expected
    (record,), _ = records_of(folder, rows)
    assert record.words == words and found(record) == expected


def test_a_text_that_is_another(tmp_path):
    """Words that do not stand in the text one behind the other are kept as words."""
    (record,), _ = records_of(tmp_path, UNIVERSAL.replace("(Ulm)", "(in Ulm)"))
    assert record.words == ["Ann", "Bee", "(", "Ulm", ")", "lacht", "."]
    assert found(record) == [("PER", "Ann Bee"), ("LOC", "Ulm")]


@pytest.mark.parametrize("line", ["x\tO\tO", "x\tB_PER", "\tO", "x\tB-"])
def test_broken_lines(tmp_path, line):
    path = tmp_path / "x.txt"
    path.write_text("Ann\tB-PER\n" * 12 + f"{line}\nb\tO\n\nUlm\tB-LOC\n", encoding="utf8")
    assert "line 13" in raises("RX102", "iob", path)
    assert [found(record) for record in read("iob", path, "skip")[0]] == [[("LOC", "Ulm")]]


def test_columns(tmp_path):
    text = "B-x\tAnn\tB-PER\nB-y\tlacht\tO\n"
    (record,), _ = records_of(tmp_path, text, columns="- token tag")
    assert found(record) == [("PER", "Ann")]
    for columns in ("token tag", "token token tag", "- token -", "- word tag"):
        with pytest.raises(RelxError, match="RX741"):
            records_of(tmp_path, text, columns=columns)
    with pytest.raises(RelxError, match=r"RX740.*2 columns"):
        records_of(tmp_path, "Ann\tPER\nlacht\tnone\n")
    assert records_of(tmp_path, "# nothing\n\n")[0] == []
    path, output = tmp_path / "x.txt", tmp_path / "x.spacy"
    path.write_text(text, encoding="utf8")
    arguments = ["data", "convert", "iob", str(path), "--output", str(output), "--columns", "- token tag"]
    result = CliRunner().invoke(relx_app, [*arguments, "--strict"])
    assert result.exit_code == 0 and "PER 1" in result.output
    with pytest.raises(RelxError, match="RX742"):
        convert("jsonl", [path], output, columns="token tag")


STOCKMARK = {"curid": "7", "text": "安は東京に住む。", "entities": [{"name": "安", "span": [0, 1], "type": "人名"}]}


def test_stockmark(tmp_path):
    path = tmp_path / "ner.json"
    path.write_text(json.dumps([STOCKMARK]), encoding="utf8")
    (record,), report = read("stockmark", path)
    assert (record.lang, record.meta, record.mentions) == ("ja", {"curid": "7"}, [Mention(0, 1, "人名")])
    assert record.annotated.has_type("地名") and not record.annotated.has_type("日付")
    assert record.annotated.relations == "none" and not report.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"span": [0, 2]}, "RX105"),
        ({"span": [0]}, "RX102"),
        ({"span": [0, 99], "name": None}, "RX103"),
        ({"type": None}, "RX102"),
    ],
)
def test_stockmark_broken(tmp_path, change, code):
    path = tmp_path / "ner.json"
    path.write_text(json.dumps([{**STOCKMARK, "entities": [{**STOCKMARK["entities"][0], **change}]}]), encoding="utf8")
    raises(code, "stockmark", path)


@pytest.mark.parametrize(
    ("file", "n_records", "types"),
    [
        ("uner/Danish-DDT__da_ddt-ud-test.iob2.gz", 565, {"PER": 185, "ORG": 172, "LOC": 90}),
        ("uner/Norwegian-NDT__nno_norne-ud-dev.iob2.gz", 1890, {"PER": 481, "ORG": 350, "LOC": 280}),
        (
            "multiconer2022/zh_dev.conll.gz",
            800,
            {"LOC": 378, "CW": 282, "PROD": 274, "CORP": 192, "PER": 129, "GRP": 26},
        ),
        ("ner_tr_wiki/test.conll.gz", 1000, {"PERSON": 654, "GPE": 566, "DATE": 343, "ORG": 250}),
        ("ner_ja_gsd_megagon/test.bio.gz", 543, {"PERSON": 89, "DATE": 84, "GPE": 82, "QUANTITY": 78}),
        ("ner_ko_klue/klue-ner-v1.1_dev.tsv.gz", 5000, {"PS": 4418, "QT": 3151, "DT": 2312, "TI": 545}),
        ("ner_pl_kpwr/kpwr-ner-n82-test.iob.gz", 4323, {"nam_liv_person": 949, "nam_loc_gpe_city": 437}),
        ("ner_ja_stockmark/ner.json.gz", 5343, {"人名": 2980, "法人名": 2485}),
    ],
)
def test_published_counts(data_folder, file, n_records, types):
    if not (data_folder / file).is_file():
        pytest.skip("the data set is absent")
    name, (path,) = choose_inputs("auto", [data_folder / file])
    report = Report()
    records = list(get_format(name)(path, report))
    counts = Counter(mention.label for record in records for mention in record.mentions)
    assert len(records) == n_records and not report.problems
    assert {label: counts[label] for label in types} == types


def test_nested_mentions_of_published_data(data_folder):
    path = data_folder / "ner_de_germeval2014" / "NER-de-dev.tsv.gz"
    if not path.is_file():
        pytest.skip("the data set is absent")
    records, report = read("iob", path)
    nested = Counter(mention.label for record in records for mention in record.mentions)
    assert len(records) == 2200 and not report.problems
    with gzip.open(path, "rt", encoding="utf8") as lines:
        outer = Counter(line.split("\t")[2] for line in lines if "\tB-" in line)
    assert nested["LOC"] > outer["B-LOC"] == 763
