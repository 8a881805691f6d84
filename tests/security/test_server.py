"""What clients can hold of the service, and for how long: over real sockets."""

# ruff: noqa: E402 (what is imported may not be installed)
from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

from support.serving import GATE, STARTED, ask, pipeline, wait_until

from spacy_relx.run.serving import Limits, create_app, server
from spacy_relx.run.serving.extract import Abandoned, Extractor

pytestmark = pytest.mark.process

HEAD = b"POST /extract HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def app():
    return create_app(pipeline(), Limits(max_waiting=3))


@pytest.fixture
def address(app, monkeypatch):
    """The service on a port; what is waited for is short here."""
    for name in ("HEADER_SECONDS", "WRITE_SECONDS", "REST_SECONDS"):
        monkeypatch.setattr(server, name, 1.0)
    monkeypatch.setattr(server, "REST_BYTES", 1 << 20)
    monkeypatch.setattr(server, "connection_limit", lambda: 8)
    GATE.clear()
    STARTED.clear()
    service = server.make_server(app, log_level="warning", port=0)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    wait_until(lambda: service.started)
    yield service.servers[0].sockets[0].getsockname()
    GATE.set()
    service.should_exit = True
    thread.join(15)
    assert not thread.is_alive()


def connect(address, data=b""):
    client = socket.create_connection(address, timeout=10)
    client.sendall(data)
    return client


def request(*texts):
    body = json.dumps({"texts": list(texts)}).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def is_closed(client, seconds=5.0):
    """Whether the server ends the connection in this time; what it sends before is passed over."""
    client.settimeout(seconds)
    try:
        while client.recv(65536):
            continue
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def healthy(address):
    return httpx.get(f"http://{address[0]}:{address[1]}/health").status_code == 200


def test_what_nobody_waits_for_is_not_worked_on(app, address):
    """One request is at work; those behind it whose clients go leave the queue, and their places are free."""
    first = connect(address, request("slow Ann Acme"))
    assert STARTED.wait(10)
    gone = [connect(address, request(f"poison {n}")) for n in range(3)]
    places = app.state.worker._places
    wait_until(lambda: places._value == 0)
    for client in gone:
        client.close()
    wait_until(lambda: places._value == 3)
    GATE.set()
    assert b" 200 " in first.recv(100)
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
        assert ask(client, "Ann at Acme")[0]["relations"]


def test_work_is_given_up_between_batches(monkeypatch):
    monkeypatch.setattr("spacy_relx.run.serving.extract.BATCH_CHARS", 10)
    extractor = Extractor(pipeline(), Limits())
    asked = []

    def given_up():
        asked.append(True)
        return len(asked) > 2

    body = json.dumps({"texts": ["Ann at Acme"] * 5}).encode()
    with pytest.raises(Abandoned):
        extractor.answer(body, given_up)
    assert len(asked) == 3
    whole = json.loads(extractor.answer(body))["results"]
    monkeypatch.setattr("spacy_relx.run.serving.extract.BATCH_CHARS", 1000)
    assert json.loads(extractor.answer(body))["results"] == whole and len(whole) == 5


@pytest.mark.parametrize("start", [b"", b"GET /hea", HEAD, b"GET /health HTTP/1.1\r\nHost: a.example\r\n\r\nGET /he"])
def test_headers_must_arrive_in_time(address, start):
    assert is_closed(connect(address, start), 10)


def test_headers_that_drip_do_not_buy_time(address):
    client = connect(address, HEAD)
    end = time.monotonic() + 10
    with pytest.raises(ConnectionError):
        while time.monotonic() < end:
            client.sendall(b"X: y\r\n")
            time.sleep(0.1)
        raise AssertionError("the connection is still there")


def test_more_connections_than_there_may_be(address):
    """The one that has been silent longest makes room, so that others are answered."""
    slow = [connect(address, b"GET /he") for _ in range(30)]
    assert healthy(address)
    assert is_closed(slow[0], 0.5)


def test_connections_at_work_are_not_ended_for_others(app, address):
    """Where all are at work, one more is told to come again."""
    at_work = [connect(address, HEAD + b"Content-Length: 9\r\n\r\n") for _ in range(8)]
    wait_until(lambda: app.state.worker._places._value == 0)
    assert b" 503 " in connect(address, b"GET /health HTTP/1.1\r\nHost: a.example\r\n\r\n").recv(1000)
    for client in at_work:
        client.close()


def test_answers_must_be_taken(address):
    """A client that sends requests and reads no answer is ended, and does not fill the memory."""
    client = connect(address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(15)
    get = b"GET /openapi.json HTTP/1.1\r\nHost: a.example\r\n\r\n"
    with pytest.raises(ConnectionError):
        for _ in range(100_000):
            client.sendall(get)


def test_a_refused_body_is_not_read_to_its_end(address):
    client = connect(address, HEAD + b"Content-Length: 4000000000\r\n\r\n")
    assert b" 413 " in client.recv(100)
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 1 << 30:
            sent += client.send(b" " * 65536)
    assert sent < 1 << 26


def test_a_refused_body_that_does_not_end_is_ended(address):
    client = connect(address, HEAD + b"Content-Length: 4000000000\r\n\r\n")
    assert b" 413 " in client.recv(100) and is_closed(client, 10)


def test_two_lengths_are_refused(address):
    chunked = HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    client = connect(address, chunked + b"GET /health HTTP/1.1\r\nHost: a.example\r\n\r\n")
    answer = client.recv(1000)
    assert b" 400 " in answer and b"RX420" in answer + client.recv(1000) and is_closed(client)


def test_nothing_is_redirected(address):
    client = connect(address, request("a").replace(b"/extract", b"/extract/").replace(b"a.example", b"evil.example"))
    answer = client.recv(1000)
    assert b" 404 " in answer and b"evil" not in answer


def test_small_answers_do_not_wait(address, monkeypatch):
    """Nagle's algorithm is off: with it each answer over a kept connection waits 40 ms."""
    seen = []
    made = server.Protocol.connection_made

    def connection_made(self, transport):
        made(self, transport)
        seen.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(server.Protocol, "connection_made", connection_made)
    assert healthy(address) and seen and all(seen)


def test_the_log_is_bounded():
    limit = server.LogLimit()

    def record(second):
        made = logging.LogRecord("uvicorn", logging.INFO, "", 0, "a line %d", (7,), None)
        made.created = second
        return made

    passed = [limit.filter(record(1000.0)) for _ in range(500)]
    assert sum(passed) == server.LOG_LINES
    later = record(1001.0)
    assert limit.filter(later) and later.getMessage() == "(450 lines were left out) a line 7"


def test_files_bound_connections():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert server.connection_limit() == 256 - server.RESERVED_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ctrl_c_ends_it_while_a_text_is_worked_on(tmp_path):
    """Whatever the pipeline does: here it never returns."""
    (tmp_path / "stuck.py").write_text(
        textwrap.dedent("""
        import time
        from spacy.language import Language

        @Language.component("stuck", assigns=["doc._.relations"])
        def stuck(doc):
            time.sleep(1000)
            return doc
        """)
    )
    source = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import spacy, stuck
nlp = spacy.blank("xx")
nlp.add_pipe("stuck")
nlp.to_disk({str(tmp_path / "model")!r})
"""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", source], check=True, env=env)
    args = [sys.executable, "-m", "spacy", "relx", "serve", str(tmp_path / "model"), "--port", "0"]
    args += ["--code", str(tmp_path / "stuck.py")]
    process = subprocess.Popen(args, stderr=subprocess.PIPE, env=env)
    try:
        found = None
        while found is None:
            line = process.stderr.readline().decode()
            assert line, "the server has ended"
            found = re.search(r"http://([\d.]+):(\d+)/extract", line)
        address = (found[1], int(found[2]))
        client = connect(address, request("Ann"))
        wait_until(lambda: healthy(address))
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        process.wait(timeout=60)
        assert time.monotonic() - start < server.STOP_SECONDS + 10
        assert process.returncode == 0
        client.close()
    finally:
        process.kill()
        process.stderr.close()
