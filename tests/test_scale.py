"""Corpora in shards: plans, documents that fail, runs that are ended, and the command."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scale_util import TEXT, make_code, make_pipeline, rows, write_texts
from spacy.tokens import DocBin
from spacy.util import import_file
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.corpora.texts import Broken, Text
from spacy_relx.errors import RelxError
from spacy_relx.export import iter_triples
from spacy_relx.export.arrow import ParquetRows, triples_of_parquet
from spacy_relx.scale import annotate_corpus
from spacy_relx.scale.documents import MAX_CHARACTERS, Extraction
from spacy_relx.scale.journal import Journal
from spacy_relx.scale.plan import Job, Plan, Shard, cut, input_files
from spacy_relx.scale.shard import run_shard, shard_items
from spacy_relx.scale.tables import TRIPLE_COLUMNS, triple_row

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return make_code(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def model(tmp_path_factory, code):
    return make_pipeline(tmp_path_factory.mktemp("model"), code)


@pytest.fixture(scope="module")
def nlp(model, code):
    import_file("relx_scale_test_code", code)
    return spacy.load(model)


@pytest.fixture
def annotate(model, code, tmp_path):
    """`annotate_corpus` in this process, to the folder "out"."""

    def run(*inputs, output=tmp_path / "out", **settings):
        given = {"workers": 0, "code": code, "shard_size": 3, "batch_size": 2, **settings}
        return annotate_corpus(str(model), [Path(path) for path in inputs], output, **given)

    return run


def places(output):
    return [(row["document"], row["place"]) for row in rows(output / "documents")]


# Plans


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=25),
    ended=st.booleans(),
    shard_size=st.integers(1, 7),
    read=st.integers(1, 40),
    max_bytes=st.integers(1, 60),
)
def test_parts_of_a_file_are_its_lines(tmp_path, lines, ended, shard_size, read, max_bytes):
    """However the file is read, and wherever it is cut: each line is in one part, under its own number."""
    from spacy_relx.scale import plan

    path = tmp_path / "some.txt"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended and lines else b""))
    data = path.read_bytes()
    expected = data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n") if data else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_READ", read)
        patch.setattr(plan, "MAX_SHARD_BYTES", max_bytes)
        shards = list(cut([(path, "some.txt")], shard_size))
    found = []
    for shard in shards:
        part = data[shard.start : shard.end]
        inside = part.split(b"\n")[:-1] if part.endswith(b"\n") else part.split(b"\n")
        assert shard.first == len(found) + 1
        assert shard.n == len(inside) <= shard_size
        assert len(inside) == 1 or sum(len(line) + 1 for line in inside[:-1]) < max_bytes
        found += inside
    assert found == expected
    assert len({shard.name for shard in shards}) == len(shards)


def test_row_groups_make_shards(tmp_path):
    path = tmp_path / "some.parquet"
    parquet.write_table(pa.table({"text": [f"t{number}" for number in range(10)]}), path, row_group_size=2)
    shards = list(cut([(path, "some.parquet")], 3))
    assert [(shard.start, shard.end, shard.first, shard.n) for shard in shards] == [
        (0, 2, 1, 4),
        (2, 4, 5, 4),
        (4, 5, 9, 2),
    ]
    job = Job("", "", batch_size=3)
    texts = [[(item.text, item.where) for item in shard_items(shard, spacy.blank("xx").vocab, job)] for shard in shards]
    assert [len(part) for part in texts] == [4, 4, 2]
    assert texts[1][0] == ("t4", "some.parquet:5")


def test_a_plan_reads_back(tmp_path):
    plan = Plan(
        {"model": "m"},
        {"a.txt": ["a.txt", 1, 2]},
        [Shard("00000-a", "a.txt", "a.txt", 0, 10, 1, 2), Shard("00001-b", "b.spacy", "b.spacy")],
    )
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2, "identity": {}, "shards": []}', '{"version": 1}'])
def test_a_broken_plan(tmp_path, text):
    (tmp_path / "_plan.json").write_text(text, encoding="utf8")
    with pytest.raises(RelxError) as info:
        Plan.load(tmp_path)
    assert info.value.code == "RX402"


def test_inputs(tmp_path):
    for name in ("a/x.jsonl", "b/x.jsonl", "b/y.txt.gz", "b/.hidden/z.txt", "b/readme.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "link.jsonl").symlink_to(tmp_path / "a" / "x.jsonl")
    assert [name for _, name in input_files([tmp_path / "a", tmp_path / "b"])] == [
        "a/x.jsonl",
        "b/x.jsonl",
        "b/y.txt.gz",
    ]
    assert [name for _, name in input_files([tmp_path / "a" / "x.jsonl"])] == ["x.jsonl"]
    for wrong in (
        [tmp_path / "b" / "readme.md"],
        [tmp_path / "none"],
        [tmp_path / "b", tmp_path / "b" / "x.jsonl"],
        [tmp_path / "a" / "x.jsonl", tmp_path / "b" / "x.jsonl"],  # of one name, of which ids are made
        [tmp_path / "a", tmp_path / "c"],
    ):
        with pytest.raises(RelxError) as info:
            input_files(wrong)
        assert info.value.code == "RX400"


# Documents


def items(*texts):
    return [Text(f"t{number}", f"some:{number}", text, "") for number, text in enumerate(texts, start=1)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_one_text_that_fails_takes_no_other_with_it(nlp, size):
    given = items(TEXT, "poison", TEXT, "", "Ann met 東京 😀", "more poison")
    given[3:3] = [Broken(None, "some:9", "it is broken")]
    found = list(Extraction(nlp, batch_size=size)(given, "some"))
    assert [each.where for each in found] == [each.where for each in given]
    assert [len(each.triples) for each in found] == [1, 0, 1, 0, 0, 1, 0]
    assert [each.error for each in found] == [
        "",
        "RuntimeError: this text is poison",
        "",
        "it is broken",
        "",
        "",
        "RuntimeError: this text is poison",
    ]
    assert found[5].triples[0].object.text == "東京" and found[5].triples[0].doc_id == "t5"


def test_a_text_longer_than_the_pipeline_allows(nlp, monkeypatch):
    monkeypatch.setattr(nlp, "max_length", 30)
    found = list(Extraction(nlp)(items(TEXT, "x" * 31, TEXT)))
    assert [bool(each.error) for each in found] == [False, True, False]
    assert "max_length" in found[1].error


def test_what_an_error_handler_leaves_out_is_told(nlp):
    def silent(name, component, docs, error):
        pass

    handler = nlp.default_error_handler
    try:
        nlp.set_error_handler(silent)
        found = list(Extraction(nlp)(items(TEXT, "poison", TEXT)))
    finally:
        nlp.set_error_handler(handler)
    assert [len(each.triples) for each in found] == [1, 0, 1]
    assert "left it out" in found[1].error


def test_batches_are_bounded_by_characters(nlp, monkeypatch):
    from spacy_relx.scale import documents

    sizes = []
    annotate = documents.annotate
    monkeypatch.setattr(documents, "annotate", lambda nlp, texts: (sizes.append(len(texts)), annotate(nlp, texts))[1])
    list(Extraction(nlp)(items(*["x " * (MAX_CHARACTERS // 4 - 1)] * 3)))
    assert sizes == [2, 1]


def test_the_journal_finds_the_text_that_kills(tmp_path):
    """Each simulated process ends at the text 5; none other is lost, and the search ends."""
    path = tmp_path / "journal.json"
    deaths = 0
    for _ in range(10):
        journal, read = Journal(path), []
        try:
            for first, last in [part for start in (0, 4, 8) for part in journal.parts(start, start + 4)]:
                if not journal.has_killed(first):
                    journal._write(first, last)
                    if first <= 5 < last:
                        raise MemoryError
                    read += range(first, last)
        except MemoryError:
            deaths += 1
        else:
            break
    assert deaths == 3 and read == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    journal.close()
    assert not path.exists()


def test_a_journal_that_was_cut_says_nothing(tmp_path):
    (tmp_path / "journal.json").write_text('{"start": 1', encoding="ascii")
    assert list(Journal(tmp_path / "journal.json").parts(0, 4)) == [(0, 4)]


# Runs


def test_each_document_once_whatever_the_input(annotate, tmp_path, nlp):
    texts = [TEXT, "nothing here", "poison", "😀 Ann met 東京", TEXT]
    write_texts(tmp_path / "in" / "a.jsonl", texts, lang="en")
    (tmp_path / "in" / "b.txt").write_bytes("\ufeff".encode() + "\r\n".join([TEXT, "", TEXT]).encode("utf8"))
    with gzip.open(tmp_path / "in" / "c.jsonl.gz", "wt", encoding="utf8") as stream:
        stream.write('{"text": "Ann likes Acme"}\n{"text": 1}\nnot json\n')
    table = pa.table({"text": [TEXT, None], "id": [7, 8], "lang": ["en", "en"], "more": [1, 2]})
    parquet.write_table(table, tmp_path / "in" / "d.parquet")
    DocBin(docs=[nlp(TEXT)], store_user_data=True).to_disk(tmp_path / "in" / "e.spacy")
    summary = annotate(tmp_path / "in")
    assert (summary.documents, summary.triples, summary.failed, summary.broken) == (13, 8, 4, {})
    assert places(tmp_path / "out") == [
        *((f"t{number}", f"in/a.jsonl:{number + 1}") for number in range(5)),
        *((f"in/b.txt#{number}", f"in/b.txt:{number}") for number in (1, 3)),
        *((f"in/c.jsonl.gz#{number}", f"in/c.jsonl.gz:{number}") for number in (1, 2, 3)),
        *((str(number + 6), f"in/d.parquet:{number}") for number in (1, 2)),
        ("in/e.spacy#1", "in/e.spacy, document 1"),
    ]
    found = rows(tmp_path / "out" / "triples")
    assert [row["sentence"][row["subject_start"] : row["subject_end"]] for row in found] == ["Ann"] * 8
    assert {row["model"] for row in found} == {"xx_scale"} and {row["model_version"] for row in found} == {"1.2.3"}
    assert [row["triples"] for row in rows(tmp_path / "out" / "documents")].count(1) == 8
    assert not (tmp_path / "out" / "_work").exists()


def test_triples_are_those_of_the_pipeline(annotate, tmp_path, nlp):
    texts = [f"{TEXT} Ann likes Acme {number}" for number in range(7)]
    annotate(write_texts(tmp_path / "in.jsonl", texts))
    docs = list(nlp.pipe(texts))
    for number, doc in enumerate(docs):
        doc.user_data["id"] = f"t{number}"
    expected = list(iter_triples(docs, model="xx_scale", model_version="1.2.3"))
    found = [triple for path in sorted((tmp_path / "out" / "triples").iterdir()) for triple in triples_of_parquet(path)]
    assert found == expected and len(found) > 7


def test_docs_by_flag(annotate, tmp_path, nlp):
    annotate(write_texts(tmp_path / "in.jsonl", [TEXT, "poison", "no relation", TEXT]), docs=True)
    files = sorted((tmp_path / "out" / "docs").iterdir())
    docs = [doc for path in files for doc in DocBin().from_disk(path).get_docs(nlp.vocab)]
    assert [doc.user_data["id"] for doc in docs] == ["t0", "t2", "t3"]
    assert [len(doc._.relations) for doc in docs] == [1, 0, 1]


def test_other_names_of_fields(annotate, tmp_path):
    from spacy_relx.corpora.texts import Fields

    (tmp_path / "in.jsonl").write_text(json.dumps({"body": TEXT, "key": "k", "language": "de"}) + "\n", encoding="utf8")
    annotate(tmp_path / "in.jsonl", fields=Fields("body", "key", "language"))
    (row,) = rows(tmp_path / "out" / "triples")
    assert (row["document"], row["lang"]) == ("k", "de")


def test_a_run_goes_on_where_it_was_left(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 8)
    first = annotate(texts)
    assert (first.shards, first.resumed) == (3, 0)
    lost = next((tmp_path / "out" / "_shards").iterdir())
    lost.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "triples").iterdir()}
    again = annotate(texts)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "triples").iterdir()}
    assert (again.resumed, again.documents) == (2, 8)
    assert [name for name in after if after[name] != before[name]] == [f"{lost.stem}.parquet"]
    assert len(places(tmp_path / "out")) == len(set(places(tmp_path / "out"))) == 8
    assert annotate(texts).resumed == 3


def test_another_run_is_not_mixed_in(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 2)
    annotate(texts)
    for change, said in (
        ({"what": "facts"}, "what 'all', not 'facts'"),
        ({"shard_size": 1}, "shard_size 3, not 1"),
        ({"docs": True}, "docs False, not True"),
    ):
        with pytest.raises(RelxError, match=f"{said}. --overwrite begins anew") as info:
            annotate(texts, **change)
        assert info.value.code == "RX401"
    annotate(texts, workers=0, batch_size=7)  # changes nothing of the output
    other = write_texts(tmp_path / "other.jsonl", [TEXT])
    with pytest.raises(RelxError, match=r"in\.jsonl, which is not among the inputs"):
        annotate(other)
    assert annotate(other, overwrite=True).documents == 1
    assert places(tmp_path / "out") == [("t0", "other.jsonl:1")]


def test_files_that_are_new_or_have_changed(annotate, tmp_path):
    """What has not changed is not done again; what has is done anew, and nothing of it is left."""
    folder = tmp_path / "in"
    write_texts(folder / "a.jsonl", [TEXT] * 7)
    (folder / "b.spacy").write_bytes(b"no DocBin")
    broken = annotate(folder, docs=True)
    assert list(broken.broken) == ["00003-in-b"]
    with pytest.raises(RelxError, match="1 of 4 shards are not done") as info:
        broken.check()
    assert info.value.code == "RX409"
    (folder / "b.spacy").unlink()
    write_texts(folder / "b.jsonl", ["poison"] * 2)
    with pytest.raises(RelxError, match=r"b\.spacy, which is not among"):
        annotate(folder, docs=True)
    DocBin().to_disk(folder / "b.spacy")
    summary = annotate(folder, docs=True)
    assert (summary.documents, summary.failed, summary.shards, summary.resumed, summary.broken) == (9, 2, 5, 3, {})
    write_texts(folder / "a.jsonl", [TEXT] * 2)
    summary = annotate(folder, docs=True)
    summary.check()
    assert (summary.documents, summary.triples, summary.shards, summary.resumed) == (4, 2, 3, 2)
    assert summary.replaced == ["in/a.jsonl"]
    assert len(places(tmp_path / "out")) == 4 and len(rows(tmp_path / "out" / "triples")) == 2
    for part in ("triples", "documents", "docs", "_shards"):
        assert len(list((tmp_path / "out" / part).iterdir())) == 3


def test_ids(annotate, tmp_path):
    """Those of users are kept; what could look like another is refused; the place is unlike all others."""
    ids = ['"a"', "2", "null", '""', "[1]", "true", "1.5", '"in.jsonl#3"']
    lines = [f'{{"id": {id}, "text": "{TEXT}"}}' for id in ids]
    lines += [f'{{"text": "{TEXT}"}}', '{"id": "k7", "text": "x", "lang": "klingon!!"}', '{"id": 8, "text": null}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf8")
    annotate(tmp_path / "in.jsonl")
    found = rows(tmp_path / "out" / "documents")
    assert [row["document"] for row in found] == [
        *("a", "2", "in.jsonl#3", "in.jsonl#4"),
        *("in.jsonl:5", "in.jsonl:6", "in.jsonl:7"),  # refused
        *("in.jsonl#3", "in.jsonl#9", "k7", "8"),
    ]
    assert [number for number, row in enumerate(found, start=1) if row["error"]] == [5, 6, 7, 10, 11]
    assert "must be a string or a whole number, but is [1]" in found[4]["error"]
    assert '"text" must be a string, but is None' in found[10]["error"]
    assert len({row["place"] for row in found}) == len(found)
    assert {row["place"] for row in rows(tmp_path / "out" / "triples")} == {
        f"in.jsonl:{number}" for number in (1, 2, 3, 4, 8, 9)
    }


def test_nothing_is_lost_by_a_command_that_is_wrong(annotate, model, code, tmp_path):
    """Another model, a table without texts, another file of the same name: found before anything is touched."""
    texts = write_texts(tmp_path / "jan" / "in.jsonl", [TEXT] * 4)
    annotate(texts)
    before = rows(tmp_path / "out" / "triples")
    parquet.write_table(pa.table({"body": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(RelxError) as info:
        annotate(tmp_path / "in.parquet", overwrite=True)
    assert info.value.code == "RX400"
    for name in ("none", str(tmp_path / "none"), str(texts), str(tmp_path)):
        with pytest.raises(RelxError) as info:
            annotate_corpus(name, [texts], tmp_path / "out", overwrite=True)
        assert info.value.code == "RX180"
    other = write_texts(tmp_path / "feb" / "in.jsonl", [TEXT])
    with pytest.raises(RelxError, match=r"jan/in\.jsonl' as in\.jsonl, and here that is '.*feb/in\.jsonl'"):
        annotate(other)
    for place in ("jan", "jan/below"):
        with pytest.raises(RelxError, match="it lies in a folder of inputs"):
            annotate(texts.parent, output=tmp_path / place)
    (tmp_path / "out" / "triples" / "mine.txt").write_text("mine", encoding="utf8")
    with pytest.raises(RelxError, match=r"it holds triples/mine\.txt, which is of no such run"):
        annotate(texts, overwrite=True)
    (tmp_path / "out" / "triples" / "mine.txt").unlink()
    assert rows(tmp_path / "out" / "triples") == before and len(before) == 4
    assert annotate(texts).resumed == 2


def test_a_corpus_that_was_moved_is_the_same(annotate, tmp_path):
    texts = write_texts(tmp_path / "jan" / "in.jsonl", [TEXT] * 4)
    annotate(texts)
    texts.parent.rename(tmp_path / "elsewhere")
    summary = annotate(tmp_path / "elsewhere" / "in.jsonl")
    assert (summary.resumed, summary.shards, summary.replaced) == (2, 2, [])


@pytest.mark.parametrize("damage", ["remove", "cut"])
def test_output_that_was_lost_is_made_again(annotate, tmp_path, damage):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 7)
    annotate(texts)
    before = rows(tmp_path / "out" / "triples")
    for path in (
        (tmp_path / "out" / "triples" / "00000-in.parquet"),
        (tmp_path / "out" / "documents" / "00002-in.parquet"),
    ):
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-9])
    summary = annotate(texts)
    assert (summary.resumed, summary.shards, summary.documents) == (1, 3, 7)
    assert rows(tmp_path / "out" / "triples") == before and len(places(tmp_path / "out")) == 7
    (tmp_path / "out" / "_plan.json").unlink()
    with pytest.raises(RelxError, match=r"shards of no plan\. --overwrite begins anew"):
        annotate(texts)


def test_a_folder_with_something_else_is_left_alone(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf8")
    for overwrite in (False, True):
        with pytest.raises(RelxError, match=r"mine\.txt") as info:
            annotate(texts, overwrite=overwrite)
        assert info.value.code == "RX401"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    with pytest.raises(RelxError, match="it is a file"):
        annotate(texts, output=texts)


def test_one_run_at_a_time(annotate, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    texts = write_texts(tmp_path / "in.jsonl", [TEXT])
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / "_lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(RelxError) as info:
            annotate(texts)
    assert info.value.code == "RX403"
    assert annotate(texts).documents == 1


def test_too_many_errors_stop_the_run(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", ["poison", TEXT, "poison", "poison"])
    with pytest.raises(RelxError, match=r"in\.jsonl:1: RuntimeError: this text is poison") as info:
        annotate(texts, max_errors=1)
    assert info.value.code == "RX407"
    assert annotate(texts, max_errors=3).failed == 3


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(annotate, tmp_path):
    write_texts(tmp_path / "in" / "a.jsonl", [TEXT] * 4)
    (tmp_path / "in" / "b.spacy").write_bytes(b"no DocBin")
    cut_off = gzip.compress(b"\n".join([TEXT.encode()] * 50))[:-20]
    (tmp_path / "in" / "c.txt.gz").write_bytes(cut_off)
    (tmp_path / "in" / "d.parquet").write_bytes(b"PAR1 nothing")
    summary = annotate(tmp_path / "in")
    assert summary.documents == 4
    assert [error[:7] for error in summary.broken.values()] == ["[RX132]", "[RX182]", "[RX400]"]
    names = sorted(path.name for path in (tmp_path / "out" / "triples").iterdir())
    assert names == ["00000-in-a.parquet", "00001-in-a.parquet"]
    assert not list((tmp_path / "out" / "_work").glob("*.parquet"))


def test_a_table_without_texts(annotate, tmp_path):
    parquet.write_table(pa.table({"body": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(RelxError, match="no column 'text', but 'body'"):
        annotate(tmp_path / "in.parquet")
    parquet.write_table(pa.table({"text": [b"a"]}), tmp_path / "bytes.parquet")
    with pytest.raises(RelxError, match="holds no texts, but binary") as info:
        annotate(tmp_path / "bytes.parquet")
    assert info.value.code == "RX400"
    assert not (tmp_path / "out" / "_plan.json").exists()


def test_warnings_of_components_are_told_once(annotate, tmp_path):
    with pytest.warns(UserWarning, match="a warning of a component") as caught:
        annotate(write_texts(tmp_path / "in.jsonl", ["warning"] * 7))
    assert sum("a warning of" in str(each.message) for each in caught) == 1


def test_nothing_to_read(annotate, tmp_path):
    (tmp_path / "in.txt").write_bytes(b"")
    assert annotate(tmp_path / "in.txt").documents == 0


def test_what_is_unknown(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT])
    for wrong, code in (({"engine": "none"}, "RX404"), ({"options": {"a": "b"}}, "RX404"), ({"what": "x"}, "RX331")):
        with pytest.raises(RelxError) as info:
            annotate(texts, **wrong)
        assert info.value.code == code


def test_vocabulary_does_not_grow(model, code, tmp_path):
    """New words are forgotten with their shard."""
    from spacy_relx.loading import pipeline_of_process

    import_file("relx_scale_test_code", code)
    job = Job(str(model), str(tmp_path / "out"), str(code))
    strings = pipeline_of_process(job.model, job.code, job.threads, job.gpu).vocab.strings
    sizes = []
    for part in range(3):
        texts = write_texts(tmp_path / f"{part}.jsonl", [f"Ann{part}x{number} met Acme" for number in range(50)])
        report = run_shard(job, Shard(f"s{part}", str(texts), texts.name))
        assert (report.documents, report.triples, report.error) == (50, 0, "")
        sizes.append(len(strings))
    assert sizes[0] == sizes[1] == sizes[2]


# Processes


def test_processes_that_end_are_replaced(annotate, tmp_path):
    """One text ends its process always, another once: the first is set aside, and nothing else is lost."""
    texts = [TEXT] * 12
    texts[4] = "deadly"
    texts[7] = f"Ann met Acme {tmp_path}/once"
    summary = annotate(write_texts(tmp_path / "in.jsonl", texts), workers=2, shard_size=6, batch_size=3)
    assert (summary.documents, summary.failed, summary.triples, summary.broken) == (12, 1, 11, {})
    assert Counter(document for document, _ in places(tmp_path / "out")) == {f"t{number}": 1 for number in range(12)}
    failed = [row for row in rows(tmp_path / "out" / "documents") if row["error"]]
    assert [row["document"] for row in failed] == ["t4"] and "ended the process" in failed[0]["error"]
    assert len(rows(tmp_path / "out" / "triples")) == 11


def test_a_pipeline_that_cannot_be_loaded_stops_the_run(tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT])
    (tmp_path / "none").mkdir()
    with pytest.raises(RelxError) as info:
        annotate_corpus(str(tmp_path / "none"), [texts], tmp_path / "out", workers=1)
    assert info.value.code == "RX180"


def test_processes_that_never_begin_stop_the_run(model, tmp_path, monkeypatch):
    """As in a script that starts itself again and again: not every shard is tried."""
    from spacy_relx.scale import local

    started = []
    monkeypatch.setattr(local, "ATTEMPTS", 1)
    monkeypatch.setattr(local, "_work", os._exit)  # what a process then does: end, for its arguments are wrong
    start = local._Pool.start
    monkeypatch.setattr(local._Pool, "start", lambda pool: started.append(1) or start(pool))
    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 9)
    with pytest.raises(RelxError, match="__main__") as info:
        annotate_corpus(str(model), [texts], tmp_path / "out", workers=1, shard_size=1)
    assert info.value.code == "RX405" and len(started) == 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-C", "killed"])
def test_a_run_that_is_ended_goes_on(model, code, tmp_path, how):
    """The command is ended in the middle, its processes with it; then it is given again."""
    texts = write_texts(tmp_path / "in.jsonl", [f"{TEXT} {number}" for number in range(4000)])
    output = tmp_path / "out"
    arguments = ["annotate", str(model), str(texts), str(output), "--code", str(code), "--workers", "1"]
    arguments += ["--shard-size", "100", "--batch-size", "10"]
    process = subprocess.Popen(
        [sys.executable, "-m", "spacy", "relx", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "RELX_TEST_SECONDS": "0.01"},  # so that it does not end by itself before
        # what a shell starts in the background ignores SIGINT, and so do its children
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 90
    while not any((output / "_shards").glob("*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(how)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == (130 if how is signal.SIGINT else -how), said
    done = len(list((output / "_shards").iterdir()))
    assert 0 < done < 40
    result = CliRunner().invoke(relx_app, [*arguments, "--workers", "0"])
    assert result.exit_code == 0, result.output
    summary = json.loads((output / "_summary.json").read_text(encoding="utf8"))
    assert summary["resumed"] >= done and summary["documents"] == 4000 and summary["failed"] == 0
    found = Counter(document for document, _ in places(output))
    assert found == {f"t{number}": 1 for number in range(4000)}
    assert len(rows(output / "triples")) == 4000


# The command, and what reads its output


def invoke(*arguments):
    return CliRunner().invoke(relx_app, [str(argument) for argument in arguments])


def test_the_command(model, code, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT, "poison", "Ann met 東京"])
    out = tmp_path / "out"
    result = invoke("annotate", model, texts, out, "--code", code, "--workers", 0)
    assert result.exit_code == 0, result.output
    assert (
        "2 triples of 3 documents" in result.output and "in.jsonl:2: RuntimeError: this text is poison" in result.output
    )
    again = invoke("annotate", model, texts, out, "--code", code, "--workers", 0)
    assert "1 of 1 shards by earlier runs" in again.output
    exported = invoke("export", out / "triples", tmp_path / "facts.jsonl")
    assert exported.exit_code == 0, exported.output
    facts = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text(encoding="utf8").splitlines()]
    assert {(fact["subject"]["text"], fact["object"]["text"]) for fact in facts} == {("Ann", "Acme"), ("Ann", "東京")}
    assert {fact["evidence"][0]["document"] for fact in facts} == {"t0", "t2"}


def test_the_command_says_what_is_broken(model, code, tmp_path):
    write_texts(tmp_path / "in" / "a.jsonl", [TEXT])
    (tmp_path / "in" / "b.spacy").write_bytes(b"no DocBin")
    result = invoke("annotate", model, tmp_path / "in", tmp_path / "out", "--code", code, "--workers", 0)
    assert result.exit_code == 1
    assert "RX409" in result.output and "b.spacy" in result.output and "1 triples of 1 documents" in result.output
    wrong = invoke("annotate", model, tmp_path / "in", tmp_path / "new", "--option", "what", "--workers", 0)
    assert wrong.exit_code == 1 and "NAME=VALUE" in wrong.output


def test_a_parquet_file_of_export_reads_back(tmp_path):
    from export_util import odd_triples

    with ParquetRows(tmp_path / "some.parquet", TRIPLE_COLUMNS) as writer:
        writer.write(triple_row(triple, "some:1") for triple in odd_triples())
    assert list(triples_of_parquet(tmp_path / "some.parquet")) == odd_triples()
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(RelxError, match="no column 'document'"):
        list(triples_of_parquet(tmp_path / "other.parquet"))
