"""`relx serve`: requests that are malformed, too large or too slow."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.commands import EXPECTED, TEXT
from support.serving import LIMITS, ask, client_of, code_of, pieces, pipeline, post, run_asgi

from spacy_relx.errors import RelxError
from spacy_relx.run.serving import Limits, create_app
from spacy_relx.run.serving import app as serving_app


@pytest.fixture(scope="module")
def app():
    return create_app(pipeline(), LIMITS)


@pytest.fixture(scope="module")
def client(app):
    return client_of(app)


# Bad requests

MALFORMED = [
    (b"", "JSON"),
    (b"{", "JSON"),
    (b'{"texts": ["\xff"]}', "utf-8"),
    (b"[" * 100_000, "JSON"),
    (b'{"texts": ' + b"9" * 5000 + b"}", "JSON"),
    (b"[]", "the body: Input should be a valid dictionary."),
    (b'{"text": "Ann"}', "texts: Field required"),
    (b'{"texts": "Ann"}', "list"),
    (b'{"texts": [], "texts": []}', "twice"),
    (b'{"texts": [], "' + b"k" * 500 + b'": 1}', "Extra inputs are not permitted"),
    (b'{"texts": ["Ann", 3]}', "texts[1]"),
    (b'{"texts": [{"lang": "en"}]}', "texts[0].text: Field required"),
    (b'{"texts": [{"text": ["Ann"]}]}', "texts[0].text: Input should be a valid string"),
    (b'{"texts": [{"text": "Ann", "lang": 5}]}', "texts[0].lang: Input should be a valid string"),
    (b'{"texts": [{"text": "Ann", "language": "en"}]}', "texts[0].language: Extra"),
    (b'{"texts": [{"text": "Ann", "id": 1.5}]}', "texts[0].id: "),
    (b'{"texts": [{"text": "Ann", "id": NaN}]}', '"id"'),
    (b'{"texts": [{"text": "Ann", "id": true}]}', "texts[0].id: "),
    (b'{"texts": [{"text": "Ann", "id": "\\ud800"}]}', "texts[0].id: "),
    (b'{"texts": [{"text": "Ann", "\\ud800": 1, "\\ud800": 2}]}', "twice"),
]


def finds_nothing():
    nlp = spacy.blank("xx")
    nlp.add_pipe("relx_test_finds_nothing")
    return nlp


@pytest.mark.parametrize("content, part", MALFORMED)
def test_malformed_requests(app, content, part):
    client = client_of(create_app(finds_nothing(), Limits(max_total=100_000)))
    answer = post(client, content)
    assert code_of(answer) == (422, "RX420")
    assert part in answer.json()["error"]["message"] and len(answer.text) < 700


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_called_json(client, kind):
    assert code_of(post(client, b'{"texts": []}', kind)) == (415, "RX426")


def test_json_with_a_charset(client):
    assert post(client, b'\xef\xbb\xbf{"texts": []}', "application/json; charset=utf-8").json() == {"results": []}


def test_other_addresses(client):
    assert code_of(client.get("/nothing")) == (404, "RX427")
    answer = client.get("/extract")
    assert code_of(answer) == (405, "RX427") and answer.headers["allow"] == "POST"


def test_too_much(client):
    assert ask(client, *["Ann"] * 5, status=413)["code"] == "RX421"
    assert ask(client, *["x" * 60] * 3, status=413)["code"] == "RX421"
    assert len(ask(client, *["x" * 37] * 4)) == 4


def test_a_body_without_a_length_is_never_read_whole(app):
    """The application itself, without a client that might gather the body."""
    limit, sent, taken = LIMITS.max_bytes, [], []
    body = pieces(1000, 10**9, taken)

    async def receive():
        return {"type": "http.request", "body": next(body), "more_body": True}

    async def send(message):
        sent.append(message)

    run_asgi(app, receive, send)
    assert sent[0]["status"] == 413 and json.loads(sent[1]["body"])["error"]["code"] == "RX421"
    assert limit < sum(taken) <= limit + 1000


def test_a_body_in_pieces(client):
    content = json.dumps({"texts": [TEXT]}).encode()
    answer = post(client, (content[i : i + 1] for i in range(len(content))))
    assert answer.json()["results"][0]["relations"] == EXPECTED


@pytest.mark.parametrize("length", [str(LIMITS.max_bytes + 1), "9" * 5000])
def test_a_length_that_is_too_great_is_refused_at_once(app, length):
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        sent.append(message)

    run_asgi(app, receive, send, [(b"content-length", length.encode())])
    assert sent[0]["status"] == 413


def test_a_body_that_does_not_come(app, monkeypatch):
    monkeypatch.setattr(serving_app, "BODY_SECONDS", 0.05)
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    run_asgi(app, receive, send)
    assert sent[0]["status"] == 408


def test_a_client_that_goes(app):
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    for _ in range(LIMITS.max_waiting + 2):  # its place is free again
        run_asgi(app, receive, send)
    assert {message["status"] for message in sent if "status" in message} == {400}


def test_a_failure_of_the_server_says_nothing(monkeypatch):
    app = create_app(finds_nothing())
    monkeypatch.setattr("spacy_relx.run.serving.extract.read_request", lambda *args: 1 / 0)
    answer = post(client_of(app), b"{}")
    assert code_of(answer) == (500, "RX429") and "Zero" not in answer.text


@pytest.mark.parametrize("wrong", [{"max_texts": 0}, {"max_chars": -1}, {"max_waiting": -1}, {"max_total": 2.5}])
def test_limits_that_are_none(wrong):
    with pytest.raises(RelxError, match="RX021"):
        Limits(**wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
KEYED = st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "lang", "id", "other"), JSON))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | JSON.map(json.dumps) | st.lists(JSON | KEYED).map(lambda x: json.dumps({"texts": x})))
def test_nothing_makes_it_fail(client, content):
    answer = post(client, content if isinstance(content, bytes) else content.encode())
    assert answer.status_code in (200, 413, 422)
    answer.json()
