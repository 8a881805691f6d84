"""Corpora in shards, in this process: what comes out, and runs that go on."""

from __future__ import annotations

import gzip
import json

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import import_file
from support.scale import TEXT, places, rows, write_texts

from spacy_relx.data.ids import content_id
from spacy_relx.errors import RelxError
from spacy_relx.run import annotate_corpus
from spacy_relx.run.plan import Job, Shard
from spacy_relx.run.shard import run_shard
from spacy_relx.writers import iter_triples
from spacy_relx.writers.arrow import triples_of_parquet

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def nlp(scale_model):
    return spacy.load(scale_model)


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
        *((content_id(f"in/b.txt#{number}", TEXT), f"in/b.txt:{number}") for number in (1, 3)),
        (content_id("in/c.jsonl.gz#1", "Ann likes Acme"), "in/c.jsonl.gz:1"),
        *((f"in/c.jsonl.gz#{number}", f"in/c.jsonl.gz:{number}") for number in (2, 3)),
        *((str(number + 6), f"in/d.parquet:{number}") for number in (1, 2)),
        (content_id("in/e.spacy#1", TEXT), "in/e.spacy, document 1"),
    ]
    found = rows(tmp_path / "out" / "triples")
    assert [row["sentence"][row["head_start"] : row["head_end"]] for row in found] == ["Ann"] * 8
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
    from spacy_relx.formats.texts import Fields

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
        assert info.value.code == "RX186"
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
        *("a", "2", content_id("in.jsonl#3", TEXT), content_id("in.jsonl#4", TEXT)),
        *("in.jsonl:5", "in.jsonl:6", "in.jsonl:7"),  # refused
        *("in.jsonl#3", content_id("in.jsonl#9", TEXT), "k7", "8"),
    ]
    assert [number for number, row in enumerate(found, start=1) if row["error"]] == [5, 6, 7, 10, 11]
    assert "must be a string or a whole number, but is [1]" in found[4]["error"]
    assert '"text" must be a string, but is None' in found[10]["error"]
    assert len({row["place"] for row in found}) == len(found)
    assert {row["place"] for row in rows(tmp_path / "out" / "triples")} == {
        f"in.jsonl:{number}" for number in (1, 2, 3, 4, 8, 9)
    }


def test_nothing_is_lost_by_a_command_that_is_wrong(annotate, scale_model, scale_code, tmp_path):
    """Another model, a table without texts, another file of the same name: found before anything is touched."""
    texts = write_texts(tmp_path / "jan" / "in.jsonl", [TEXT] * 4)
    annotate(texts)
    before = rows(tmp_path / "out" / "triples")
    parquet.write_table(pa.table({"body": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(RelxError) as info:
        annotate(tmp_path / "in.parquet", overwrite=True)
    assert info.value.code == "RX182"
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
        assert info.value.code == "RX186"
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
    assert [error[:7] for error in summary.broken.values()] == ["[RX132]", "[RX182]", "[RX182]"]
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
    assert info.value.code == "RX182"
    assert not (tmp_path / "out" / "_plan.json").exists()


def test_warnings_of_components_are_told_once(annotate, tmp_path):
    with pytest.warns(UserWarning, match="RX408.*a warning of a component") as caught:
        annotate(write_texts(tmp_path / "in.jsonl", ["warning"] * 7))
    assert sum("a warning of" in str(each.message) for each in caught) == 1


def test_nothing_to_read(annotate, tmp_path):
    (tmp_path / "in.txt").write_bytes(b"")
    assert annotate(tmp_path / "in.txt").documents == 0


def test_what_is_unknown(annotate, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT])
    for wrong, code in (({"engine": "none"}, "RX404"), ({"options": {"a": "b"}}, "RX404"), ({"what": "x"}, "RX021")):
        with pytest.raises(RelxError) as info:
            annotate(texts, **wrong)
        assert info.value.code == code


def test_vocabulary_does_not_grow(scale_model, scale_code, tmp_path):
    """New words are forgotten with their shard."""
    from spacy_relx.data.loading import pipeline_of_process

    import_file("relx_scale_test_code", scale_code)
    job = Job(str(scale_model), str(tmp_path / "out"), str(scale_code))
    strings = pipeline_of_process(job.model, job.code, job.threads, job.gpu).vocab.strings
    sizes = []
    for part in range(3):
        texts = write_texts(tmp_path / f"{part}.jsonl", [f"Ann{part}x{number} met Acme" for number in range(50)])
        report = run_shard(job, Shard(f"s{part}", str(texts), texts.name))
        assert (report.documents, report.triples, report.error) == (50, 0, "")
        sizes.append(len(strings))
    assert sizes[0] == sizes[1] == sizes[2]
