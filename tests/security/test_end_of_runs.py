"""A run of `relx annotate` ends when its work is done, whatever threads components and libraries have left."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.scale import CODE, TEXT, places, write_texts

from spacy_relx.run import local

pytestmark = pytest.mark.process

pytest.importorskip("pyarrow")

#: A thread that is no daemon: the interpreter waits for it.
THREAD = """
import threading

threading.Thread(target=threading.Event().wait, name="holds on").start()
"""
#: The command, with less patience than it has.
COMMAND = """
import sys

from spacy_relx.cli import _app, relx_app

_app.END_SECONDS = 0.5
relx_app(sys.argv[1:])
"""


@pytest.fixture
def holding_code(tmp_path):
    path = tmp_path / "code.py"
    path.write_text(CODE + THREAD, encoding="utf8")
    return path


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("text", [TEXT, "poison"])
def test_a_thread_does_not_hold_a_run(scale_model, holding_code, tmp_path, workers, text):
    """One in the processes that work, or in that of the command."""
    texts = write_texts(tmp_path / "in.jsonl", [text] * 3)
    words = ["annotate", scale_model, texts, "--output", tmp_path / "out", "--code", holding_code, "--workers", workers]
    words += ["--max-errors", 0]
    command = [sys.executable, "-c", COMMAND, *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    failed = text == "poison"
    assert ended.returncode == failed, ended.stderr
    assert ("RX407" in ended.stderr) if failed else ("3 triples of 3 documents" in ended.stdout)
    # the pipeline, and with it the thread, is in the process of the command without workers only
    assert ("RX603" in ended.stderr) == (workers == 0) == ("holds on" in ended.stderr or "in wait" in ended.stderr)
    assert len(places(tmp_path / "out")) == 3


def test_a_process_that_does_not_end_is_ended(monkeypatch):
    """Not by itself, and not by the signal that asks it to."""
    asked = []

    class Stubborn:
        def is_alive(self):
            return "kill" not in asked

        def join(self, seconds=None):
            assert seconds is not None or not self.is_alive()

        def terminate(self):
            asked.append("terminate")

        def kill(self):
            asked.append("kill")

    monkeypatch.setattr(local, "PATIENCE", 0.0)
    local._end_all([Stubborn()])
    assert asked == ["terminate", "kill"]
