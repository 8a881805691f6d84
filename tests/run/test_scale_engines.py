"""The function of record batches, and Spark and Ray where they are installed."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import pytest
from support.scale import TEXT, rows, write_texts

from spacy_relx.errors import RelxError
from spacy_relx.formats.texts import Fields
from spacy_relx.run import Annotator, annotate_corpus
from spacy_relx.run.runner import engine_failure

pa = pytest.importorskip("pyarrow")
TEXTS = [TEXT, "poison", "", "😀 Ann met 東京", f"{TEXT} Ann likes Acme"]


@pytest.fixture(scope="module")
def annotator(scale_model, scale_code):
    return Annotator(str(scale_model), code=str(scale_code), batch_size=2)


def check(found):
    """found: documents with their triples, of `TEXTS`."""
    assert [row["document"] for row in found] == ["a", "b", "c", "d", "e"]
    assert [bool(row["error"]) for row in found] == [False, True, False, False, False]
    assert "this text is poison" in found[1]["error"]
    assert [len(row["triples"]) for row in found] == [1, 0, 0, 1, 2]  # pairs of one sentence, as in training
    triple = found[3]["triples"][0]
    assert (triple["head"], triple["label"], triple["tail"]) == ("Ann", "works_for", "東京")
    assert triple["sentence"][triple["head_start"] : triple["head_end"]] == "Ann"
    assert (triple["model"], triple["model_version"], triple["lang"]) == ("xx_scale", "1.2.3", "en")


def table(**more):
    return pa.table({"id": list("abcde"), "text": TEXTS, "lang": ["en"] * 5, **more})


def test_a_table_in_a_table_out(annotator):
    found = annotator.table(table(other=[1] * 5))
    assert found.schema == annotator.schema
    check(found.to_pylist())
    assert annotator.table(table().slice(0, 0)).num_rows == 0


def test_record_batches_of_any_size(annotator):
    batches = table().to_batches(max_chunksize=2)
    found = [row for batch in annotator(iter(batches)) for row in batch.to_pylist()]
    check(found)


def test_rows_without_ids_and_without_texts(annotator):
    found = annotator.table(pa.table({"text": [TEXT, None, TEXT]})).to_pylist()
    assert [row["document"].split("~")[0] for row in found] == ["1", "2", "3"]
    assert len({row["document"].split("~")[1] for row in (found[0], found[2])}) == 1  # a digest of the text
    assert '"text" must be a string, but is None' in found[1]["error"]
    assert [len(row["triples"]) for row in found] == [1, 0, 1]


def test_what_travels_is_settings(annotator):
    data = pickle.dumps(annotator)
    assert len(data) < 2000
    check(pickle.loads(data).table(table()).to_pylist())


def test_other_columns(scale_model, scale_code):
    annotator = Annotator(
        str(scale_model), code=str(scale_code), fields=Fields("body", "key", "language"), what="relations"
    )
    (row,) = annotator.table(pa.table({"body": [TEXT], "key": ["k"], "language": ["de"]})).to_pylist()
    assert (row["document"], row["lang"], len(row["triples"])) == ("k", "de", 1)
    with pytest.raises(RelxError) as info:
        Annotator(str(scale_model), what="none")
    assert info.value.code == "RX021"


def test_what_an_engine_says_is_cut_to_what_matters():
    err = RuntimeError("Job aborted\n  File x.py\nspacy_relx.errors.RelxError: [RX180] no such pipeline\n\n  at java.y")
    assert "The engine Spark has stopped: [RX180] no such pipeline" in str(engine_failure("Spark", err))
    assert "first line" in str(engine_failure("Ray", ValueError("first line\nsecond")))


@pytest.fixture(scope="module")
def expected(tmp_path_factory, scale_model, scale_code):
    folder = tmp_path_factory.mktemp("expected")
    texts = write_texts(folder / "in.jsonl", TEXTS * 3)
    annotate_corpus(str(scale_model), [texts], folder / "out", workers=0, code=scale_code, shard_size=4)
    return texts, rows(folder / "out" / "triples"), rows(folder / "out" / "documents")


@pytest.mark.adapters
@pytest.mark.parametrize("engine", ["spark", "ray"])
def test_engines_give_the_same(engine, expected, scale_model, scale_code, tmp_path, monkeypatch):
    if engine == "spark":
        pytest.importorskip("pyspark")
        if shutil.which("java") is None:
            pytest.skip("needs Java")
        # in an environment that is not activated, another Python is the first one on the path
        monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(shutil.which("java")).parent), "/usr/bin", "/bin"]))
    else:
        pytest.importorskip("ray.data")
    texts, triples, documents = expected
    summary = annotate_corpus(
        str(scale_model), [texts], tmp_path / "out", engine=engine, workers=1, code=scale_code, shard_size=4
    )
    assert (summary.documents, summary.failed, summary.broken) == (15, 3, {})
    assert rows(tmp_path / "out" / "triples") == triples
    assert rows(tmp_path / "out" / "documents") == documents


@pytest.mark.adapters
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_data_frame_of_spark(annotator):
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    session = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        given = [(name, text, "en") for name, text in zip("abcde", TEXTS)]
        frame = session.createDataFrame(given, "id string, text string, lang string").coalesce(1)
        documents = frame.mapInArrow(annotator, annotator.ddl)
        check([row.asDict(recursive=True) for row in documents.collect()])
        assert documents.selectExpr("document", "inline(triples)").count() == 6
    finally:
        session.stop()


def test_an_engine_that_is_not_installed(monkeypatch, expected, scale_model, tmp_path):
    import sys

    for engine, package in (("spark", "pyspark.sql"), ("ray", "ray")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(RelxError, match=rf"spacy-relx\[{engine}\]") as info:
            annotate_corpus(str(scale_model), [Path(expected[0])], tmp_path / engine, engine=engine)
        assert info.value.code == "RX005"
