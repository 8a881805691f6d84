"""Corpora in shards, in processes of their own, by the command; and what reads its output."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from support.scale import TEXT, places, rows, write_texts
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.run import annotate_corpus
from spacy_relx.run.tables import TRIPLE_COLUMNS, triple_row
from spacy_relx.writers.arrow import ParquetRows, triples_of_parquet

pytestmark = pytest.mark.process

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


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


def test_processes_that_never_begin_stop_the_run(scale_model, tmp_path, monkeypatch):
    """As in a script that starts itself again and again: not every shard is tried."""
    from spacy_relx.run import local

    started = []
    monkeypatch.setattr(local, "ATTEMPTS", 1)
    monkeypatch.setattr(local, "_work", os._exit)  # what a process then does: end, for its arguments are wrong
    start = local._Pool.start
    monkeypatch.setattr(local._Pool, "start", lambda pool: started.append(1) or start(pool))
    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 9)
    with pytest.raises(RelxError, match="__main__") as info:
        annotate_corpus(str(scale_model), [texts], tmp_path / "out", workers=1, shard_size=1)
    assert info.value.code == "RX405" and len(started) == 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-C", "killed"])
def test_a_run_that_is_ended_goes_on(scale_model, scale_code, tmp_path, how):
    """The command is ended in the middle, its processes with it; then it is given again."""
    texts = write_texts(tmp_path / "in.jsonl", [f"{TEXT} {number}" for number in range(4000)])
    output = tmp_path / "out"
    arguments = [
        "annotate",
        str(scale_model),
        str(texts),
        "--output",
        str(output),
        "--code",
        str(scale_code),
        "--workers",
        "1",
    ]
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


def test_the_command(scale_model, scale_code, tmp_path):
    texts = write_texts(tmp_path / "in.jsonl", [TEXT, "poison", "Ann met 東京"])
    out = tmp_path / "out"
    result = invoke("annotate", scale_model, texts, "--output", out, "--code", scale_code, "--workers", 0)
    assert result.exit_code == 0, result.output
    assert (
        "2 triples of 3 documents" in result.output and "in.jsonl:2: RuntimeError: this text is poison" in result.output
    )
    again = invoke("annotate", scale_model, texts, "--output", out, "--code", scale_code, "--workers", 0)
    assert "1 of 1 shards by earlier runs" in again.output
    exported = invoke("export", out / "triples", "--output", tmp_path / "facts.jsonl")
    assert exported.exit_code == 0, exported.output
    facts = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text(encoding="utf8").splitlines()]
    assert {(fact["head"]["text"], fact["tail"]["text"]) for fact in facts} == {("Ann", "Acme"), ("Ann", "東京")}
    assert {fact["evidence"][0]["document"] for fact in facts} == {"t0", "t2"}


@pytest.mark.skipif(os.name != "posix", reason="terminals")
def test_progress_is_for_terminals(scale_model, scale_code, tmp_path):
    """How many of how many, a rate and the time that is left; nothing of the kind in a pipe."""
    import termios

    texts = write_texts(tmp_path / "in.jsonl", [TEXT] * 150)
    words = [
        "annotate",
        scale_model,
        texts,
        "--output",
        tmp_path / "out",
        "--code",
        scale_code,
        "--workers",
        0,
        "--overwrite",
    ]
    command = [sys.executable, "-m", "spacy", "relx", *map(str, words)]
    env = {**os.environ, "RELX_TEST_SECONDS": "0.01"}
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    process = subprocess.Popen(command, env=env, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # what Linux says when the other end is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    assert "150/150" in shown.decode() and re.search(r" 64/150 \[\d+:\d+<\d+:\d+, +[\d.]+ docs/s", shown.decode())
    piped = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "docs/s" not in piped.stderr and "\r" not in piped.stderr


def test_the_command_says_what_is_broken(scale_model, scale_code, tmp_path):
    write_texts(tmp_path / "in" / "a.jsonl", [TEXT])
    (tmp_path / "in" / "b.spacy").write_bytes(b"no DocBin")
    result = invoke(
        "annotate", scale_model, tmp_path / "in", "--output", tmp_path / "out", "--code", scale_code, "--workers", 0
    )
    assert result.exit_code == 1
    assert "RX409" in result.output and "b.spacy" in result.output and "1 triples of 1 documents" in result.output
    wrong = invoke(
        "annotate", scale_model, tmp_path / "in", "--output", tmp_path / "new", "--option", "what", "--workers", 0
    )
    assert wrong.exit_code == 1 and "NAME=VALUE" in wrong.output


def test_a_parquet_file_of_export_reads_back(tmp_path):
    from support.export import odd_triples

    with ParquetRows(tmp_path / "some.parquet", TRIPLE_COLUMNS) as writer:
        writer.write(triple_row(triple, "some:1") for triple in odd_triples())
    assert list(triples_of_parquet(tmp_path / "some.parquet")) == odd_triples()
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(RelxError, match="no column 'document'"):
        list(triples_of_parquet(tmp_path / "other.parquet"))
