"""A pipeline and requests for the tests of the service."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings

import spacy
from spacy.language import Language

from spacy_relx import Relation
from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.errors import RelxError
from spacy_relx.run.serving import Limits

GATE = threading.Event()  # texts with "slow" wait for it
STARTED = threading.Event()


@Language.component("relx_serving_test", assigns=["doc._.relations", "doc._.facts"], requires=["doc._.candidates"])
def find(doc):
    if "poison" in doc.text:
        raise OSError("/secret/place is not there")
    if "strange" in doc.text:
        raise RelxError("RX180", model="/secret/model", reason="so.")
    if "slow" in doc.text:
        STARTED.set()
        GATE.wait(20)
    pairs = [pair for pair in doc._.candidates if (pair.head.label, pair.tail.label) == ("PERSON", "ORG")]
    score = float("nan") if "infinite" in doc.text else 0.5
    doc._.relations = [Relation(pair.head, "works_for", pair.tail, score) for pair in pairs]
    doc._.facts = [
        Fact("Q1", "works_for", "Q2", 0.75, (Evidence(2, len(doc), pair.head, pair.tail, 1.0),)) for pair in pairs
    ]
    return doc


def pipeline():
    nlp = spacy.blank("xx")
    patterns = [("PERSON", "Ann"), ("ORG", "Acme"), ("ORG", "東京")]
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for label, name in patterns])
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_serving_test")
    return nlp


LIMITS = Limits(max_texts=4, max_chars=60, max_total=150, max_waiting=1)


def client_of(app):
    """A client for which errors of the server are answers, as they are for a real one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that starlette would rather have than httpx
        from fastapi.testclient import TestClient
    return TestClient(app, raise_server_exceptions=False)


def ask(client, *texts, status=200):
    answer = client.post("/extract", json={"texts": list(texts)})
    assert answer.status_code == status, answer.text
    return answer.json()["results"] if status == 200 else answer.json()["error"]


def post(client, content, kind="application/json"):
    return client.post("/extract", content=content, headers={"content-type": kind} if kind else {})


def code_of(answer):
    error = answer.json()["error"]
    assert set(error) == {"code", "message"} and "Traceback" not in answer.text and "[RX" not in answer.text
    return answer.status_code, error["code"]


def pieces(size, n, taken):
    for _ in range(n):
        taken.append(size)
        yield b" " * size


def run_asgi(app, receive, send, headers=()):
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/extract",
        "raw_path": b"/extract",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    asyncio.run(app(scope, receive, send))


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
