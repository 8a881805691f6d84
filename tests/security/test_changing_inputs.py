"""Inputs that change under a run of `relx annotate`, and damage to what a run knows of itself."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from support.scale import TEXT, places, rows, write_texts

from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.run import inputs as scale_inputs
from spacy_relx.run.run import _Silent

pytest.importorskip("pyarrow")


class Meddler(_Silent):
    """Changes something when the plan is made ("start"), or when the first shard is done ("finish")."""

    def __init__(self, when, change):
        self.when, self.change = when, change

    def start(self, total, done):
        self.meddle("start")

    def finish(self, report):
        self.meddle("finish")

    def meddle(self, when):
        if when == self.when:
            self.when = ""
            self.change()


def grow(path):
    return lambda: path.write_bytes(path.read_bytes() + b'{"id": "new", "text": "more"}\n')


def shorten(path):
    return lambda: path.write_bytes(path.read_bytes()[:60])


def swap(path):
    """Other content of the same size, and the old time: what no look at the folder shows."""

    def change():
        times = path.stat()
        path.write_bytes(path.read_bytes().replace(b"Acme", b"Emca"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return change


CHANGES = {"grow": grow, "shorten": shorten, "swap": swap, "remove": lambda path: path.unlink}


@pytest.fixture
def corpus(tmp_path):
    write_texts(tmp_path / "in" / "a.jsonl", [TEXT] * 8)
    write_texts(tmp_path / "in" / "b.jsonl", [TEXT] * 4)
    return tmp_path / "in"


@pytest.mark.parametrize("when", ["start", "finish"])
@pytest.mark.parametrize("kind", CHANGES)
def test_an_input_that_changes_ends_the_run(annotate, corpus, kind, when):
    out = corpus.parent / "out"
    path = corpus / "a.jsonl"
    before = path.read_bytes()
    with pytest.raises(RelxError, match=r"in/a\.jsonl") as info:
        annotate(corpus, progress=Meddler(when, CHANGES[kind](path)))
    assert info.value.code == "RX598" and "b.jsonl" not in str(info.value)
    assert not [place for _, place in places(out) if "a.jsonl" in place]
    assert not list((out / "_shards").glob("*a.json")) and not (out / "_summary.json").exists()
    if kind == "remove":
        path.write_bytes(before)
    done = len(places(out))
    summary = annotate(corpus)
    lines = path.read_bytes().count(b"\n") + (not path.read_bytes().endswith(b"\n"))
    assert summary.documents == len(set(places(out))) == lines + 4 and summary.broken == {}
    assert summary.resumed == (2 if done else 0)


def test_a_run_that_was_ended_does_not_trust_the_time(annotate, corpus):
    """All shards are done, but the run did not come to its end: its inputs are read again."""
    annotate(corpus)
    (corpus.parent / "out" / "_summary.json").unlink()
    swap(corpus / "b.jsonl")()
    with pytest.raises(RelxError, match=r"b\.jsonl") as info:
        annotate(corpus)
    assert info.value.code == "RX598"
    assert len(places(corpus.parent / "out")) == 8


def test_another_time_alone_is_no_change(annotate, corpus, monkeypatch):
    """Files that are copied, or touched, are what they were, and are read once by each process."""
    read = []
    digest_of = scale_inputs.digest_of
    monkeypatch.setattr(scale_inputs, "digest_of", lambda path: read.append(path) or digest_of(path))
    scale_inputs._digest_once.cache_clear()

    def touch():
        os.utime(corpus / "a.jsonl", ns=(1, 1))

    summary = annotate(corpus, progress=Meddler("finish", touch))
    assert (summary.documents, summary.broken) == (12, {})
    assert len(read) == 2 + 1 + 2  # to plan, once for the two shards after the touch, at the end
    assert annotate(corpus).resumed == summary.shards
    shutil.copytree(corpus, corpus.parent / "copy" / "in", copy_function=shutil.copyfile)
    assert annotate(corpus.parent / "copy" / "in").resumed == summary.shards
    del read[:]
    assert annotate(corpus.parent / "copy" / "in").replaced == []
    assert read == []


def test_an_input_that_changes_while_it_is_planned(annotate, corpus, monkeypatch):
    from spacy_relx.run import plan

    cut = plan.cut
    monkeypatch.setattr(plan, "cut", lambda *given: (grow(corpus / "a.jsonl")(), cut(*given))[1])
    with pytest.raises(RelxError, match=r"a\.jsonl") as info:
        annotate(corpus)
    assert info.value.code == "RX598" and not (corpus.parent / "out" / "_plan.json").exists()


def test_an_input_that_is_written_to_while_it_is_read(annotate, corpus, monkeypatch):
    """Also where it is as before when that is noticed: what was read is not known."""
    from spacy_relx.run import shard

    read = shard.shard_items

    def meddle(*given):
        yield from read(*given)
        path = corpus / "a.jsonl"
        os.utime(path, ns=(1, 1))

    monkeypatch.setattr(shard, "shard_items", meddle)
    with pytest.raises(RelxError) as info:
        annotate(corpus)
    assert info.value.code == "RX598" and not places(corpus.parent / "out")


def test_two_files_of_one_time_and_size_are_two(annotate, corpus):
    annotate(corpus)
    other = corpus.parent / "elsewhere" / "in"
    shutil.copytree(corpus, other)
    swap(other / "b.jsonl")()
    with pytest.raises(RelxError, match=r"here that is '.*elsewhere/in/b\.jsonl'"):
        annotate(other)


@pytest.mark.process
@pytest.mark.parametrize("engine", ["local", "spark", "ray"])
def test_engines_end_so_too(annotate, corpus, engine):
    if engine == "spark":
        pytest.importorskip("pyspark")
        if shutil.which("java") is None:
            pytest.skip("needs Java")
    elif engine == "ray":
        pytest.importorskip("ray.data")
    with pytest.raises(RelxError, match=r"in/a\.jsonl") as info:
        annotate(corpus, engine=engine, workers=1, progress=Meddler("start", shorten(corpus / "a.jsonl")))
    assert info.value.code == "RX598"
    assert not [place for _, place in places(corpus.parent / "out") if "a.jsonl" in place]


# What a run knows of itself

REPORT = {"name": "00001-in-a", "sizes": {}}
DAMAGES = ["", "{", "[]", "null", "[" * 100_000, "\x00" * 50, json.dumps(REPORT), '{"name": "00000-in-a"}']


@pytest.mark.parametrize("text", DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_report_costs_its_shard(annotate, corpus, text):
    annotate(corpus)
    before = rows(corpus.parent / "out" / "triples")
    path = corpus.parent / "out" / "_shards" / "00001-in-a.json"
    path.write_text(text, encoding="utf8")
    with pytest.warns(RelxWarning, match="RX599") as caught:
        summary = annotate(corpus)
    assert str(path) in str(caught[0].message)
    assert (summary.resumed, summary.shards, summary.documents) == (4, 5, 12)
    assert rows(corpus.parent / "out" / "triples") == before and len(before) == 12


@pytest.mark.parametrize("key", ["name", "documents", "seconds", "sizes", "warnings"])
def test_a_report_of_wrong_kinds_costs_its_shard(annotate, corpus, key):
    annotate(corpus)
    path = corpus.parent / "out" / "_shards" / "00001-in-a.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf8")), key: {"a": "b"}}), encoding="utf8")
    with pytest.warns(RelxWarning, match="RX599"):
        assert annotate(corpus).resumed == 4


@pytest.mark.parametrize("damage", ["inputs", "shards", "no inputs", "cut", "empty"])
def test_a_damaged_plan_is_named_and_can_be_mended(annotate, corpus, damage):
    """One without inputs or shards would leave documents out without a word."""
    annotate(corpus)
    path = corpus.parent / "out" / "_plan.json"
    data = path.read_text(encoding="utf8")
    plan = json.loads(data)
    if damage == "no inputs":
        del plan["inputs"]
    elif damage in plan:
        plan[damage] = type(plan[damage])()
    path.write_text({"cut": data[:-9], "empty": ""}.get(damage, json.dumps(plan)), encoding="utf8")
    with pytest.raises(RelxError, match=r"_plan\.json.* --overwrite") as info:
        annotate(corpus)
    assert info.value.code == "RX402"
    assert annotate(corpus, overwrite=True).documents == 12
