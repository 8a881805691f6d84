"""`relx serve`: what is answered, many requests at once, and the command."""

# ruff: noqa: E402 (what is imported may not be installed)
from __future__ import annotations

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")

import spacy
from spacy.language import Language
from spacy.tokens import Span
from support.commands import EXPECTED, MENTIONS, TEXT, invoke
from support.model import make_nlp, train
from support.serving import GATE, LIMITS, STARTED, ask, client_of, code_of, pieces, pipeline, post, wait_until

from spacy_relx.errors import RelxError
from spacy_relx.run.serving import Limits, create_app, run_server
from spacy_relx.run.serving.models import ExtractAnswer, Info


@pytest.fixture(scope="module")
def app():
    return create_app(pipeline(), LIMITS)


@pytest.fixture
def client(app):
    """Server errors are answers here, as they are for a real client."""
    GATE.clear()
    STARTED.clear()
    yield client_of(app)
    GATE.set()


# What is answered


def test_records_are_those_of_predict(client):
    first, second, third = ask(client, TEXT, {"text": "Nobody", "lang": "de", "id": "x"}, {"text": "No", "id": None})
    assert {key: first[key] for key in ("id", "text", "lang", "mentions", "relations")} == {
        "id": 0,
        "text": TEXT,
        "lang": "",
        "mentions": MENTIONS,
        "relations": EXPECTED,
    }
    assert (second["id"], second["lang"], second["relations"], third["id"]) == ("x", "de", [], 2)
    assert ask(client) == []


def test_facts_point_into_the_text(client):
    text = "So , Ann works for Acme"
    (record,) = ask(client, text)
    (fact,) = record["facts"]
    (evidence,) = fact.pop("evidence")
    assert fact == {
        **{"head": "Q1", "label": "works_for", "tail": "Q2", "score": 0.75},
        **{"head_text": "Ann", "tail_text": "Acme"},
    }
    assert text[evidence["start"] : evidence["end"]] == evidence["text"] == "Ann works for Acme"
    for part in (evidence["head"], evidence["tail"]):
        assert evidence["text"][part["start"] : part["end"]] == part["text"]


def test_answers_are_as_openapi_describes_them(client):
    """The models only describe answers, which are written without them: no key is missing in them, none is too much."""
    content = {"texts": ["So , Ann works for Acme", {"text": " ", "id": "x"}]}
    answer = client.post("/extract", json=content).json()
    found = ExtractAnswer.model_validate(answer)
    assert found.model_dump(mode="json", exclude_unset=True) == answer
    assert found.results[0].facts and found.results[1].error.code == "RX422"
    assert Info.model_validate(info := client.get("/info").json()).model_dump() == info


def test_no_facts_where_no_component_finds_them():
    nlp = spacy.blank("xx")
    with pytest.raises(RelxError, match="RX531"):
        create_app(nlp)
    nlp.add_pipe("relx_test_finds_nothing")
    (record,) = ask(client_of(create_app(nlp)), "Ann")
    assert record == {"id": 0, "text": "Ann", "lang": "", "mentions": [], "relations": []}


@pytest.mark.parametrize(
    "text", ["😀👨‍👩‍👧 Ann at Acme", "Ann 在 東京", "\ufeff Ann\u2028 Acme", "\u0645\u0631 Ann \0 Acme"]
)
def test_offsets_count_code_points(client, text):
    (record,) = ask(client, text)
    (relation,) = record["relations"]
    assert record["text"] == text
    for part in (record["mentions"][relation[end]] for end in ("head", "tail")):
        assert text[part["start"] : part["end"]] == part["text"]


def test_info_and_health(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.head("/health").status_code == 200
    info = client.get("/info").json()
    assert info["name"] == "xx_pipeline" and info["langs"] == [] and info["labels"] == {}
    assert info["limits"] == LIMITS.to_dict() and info["limits"]["max_bytes"] > LIMITS.max_total


def test_info_names_languages_and_labels():
    nlp = make_nlp()
    nlp.add_pipe("language_router", first=True, config={"detector": None, "langs": ["en", "de"]})
    train(nlp, steps=1)
    info = client_of(create_app(nlp)).get("/info").json()
    assert info["langs"] == ["en", "de"]
    assert info["labels"] == {"relation_extractor": ["acquired", "based_in", "founder_of", "works_for"]}


def test_openapi_names_all_and_nothing_is_loaded_from_elsewhere(client):
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/extract", "/health", "/info"}
    post = schema["paths"]["/extract"]["post"]
    assert {"200", "400", "408", "413", "415", "422", "503"} == set(post["responses"])
    assert "texts" in post["requestBody"]["content"]["application/json"]["schema"]["properties"]
    for path in ("/docs", "/redoc"):
        assert client.get(path).status_code == 404


# One bad text


def test_bad_texts_get_an_error_at_their_place(client, caplog):
    results = ask(client, TEXT, {"text": "a poison", "id": "p"}, " \n", TEXT)
    assert [each.get("error", {}).get("code") for each in results] == [None, "RX423", "RX422", None]
    assert [each["id"] for each in results] == [0, "p", 2, 3]
    assert results[0]["relations"] == results[3]["relations"] == EXPECTED
    assert "OSError" in results[1]["error"]["message"] and "secret" not in json.dumps(results)
    assert "/secret/place" in caplog.text  # the log has what the answer has not
    (strange,) = ask(client, "a strange one")
    assert "(RX180)" in strange["error"]["message"] and "secret" not in json.dumps(strange)
    assert ask(client, "Ann infinite Acme")[0]["error"]["code"] == "RX423"  # JSON has no such number


@pytest.mark.parametrize(
    "text, part",
    [
        ("x" * 61, "61 characters"),
        ("", "blank"),
        ("\u3000", "blank"),
        ("cut \ud83d", "surrogate"),
        ({"text": "Ann", "lang": "klingon"}, "'klingon'"),
        ({"text": "Ann", "lang": "en-" + "a" * 40}, "code"),
    ],
)
def test_texts_that_cannot_be_taken(client, text, part):
    content = json.dumps({"texts": [text, TEXT]}).encode()
    bad, good = post(client, content).json()["results"]
    assert bad["error"]["code"] == "RX422" and part in bad["error"]["message"] and good["relations"] == EXPECTED


def test_a_text_that_an_error_handler_drops():
    nlp = pipeline()
    nlp.set_error_handler(lambda *args: None)
    bad, good = ask(client_of(create_app(nlp)), "poison", TEXT)
    assert bad["error"]["code"] == "RX423" and good["relations"] == EXPECTED


def test_the_pipeline_bounds_texts_too():
    nlp = pipeline()
    nlp.max_length = 10
    client = client_of(create_app(nlp))
    assert client.get("/info").json()["limits"]["max_chars"] == 10
    assert ask(client, "x" * 11)[0]["error"]["code"] == "RX422"


# Many requests


def test_health_while_a_batch_is_worked_on_and_others_are_refused(client):
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(ask, client, "slow Ann Acme")
        assert STARTED.wait(10)
        others = [pool.submit(post, client, json.dumps({"texts": [TEXT]}).encode()) for _ in range(4)]
        wait_until(lambda: sum(each.done() for each in others) == 3)  # there is one place to wait
        refused = [each.result() for each in others if each.done()]
        assert {code_of(answer) for answer in refused} == {(503, "RX425")}
        assert int(refused[0].headers["retry-after"]) > 0
        assert client.get("/health").json() == {"status": "ok"} and not first.done()
        GATE.set()
        assert first.result(10)[0]["relations"]
        (waited,) = (each.result(10) for each in others if each.result(10).status_code == 200)
        assert waited.json()["results"][0]["relations"] == EXPECTED
    for _ in range(3):  # the places are free again
        assert ask(client, TEXT)[0]["relations"] == EXPECTED


def test_many_at_once_get_their_own():
    client = client_of(create_app(pipeline(), Limits(max_waiting=100)))
    texts = [f"Ann {n} Acme" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: ask(client, text)[0]["text"], texts))
    assert found == texts


def test_memory_does_not_grow_and_predictions_stay(trained):
    """What texts add to the vocabulary is freed, and the model says the same as without."""
    names = [f"Name{n}" for n in range(60)]
    texts = [f"{a} works for {b} in Rome" for a, b in zip(names, reversed(names))]

    @Language.component("relx_serving_test_mentions")
    def mentions(doc):
        doc.spans["mentions"] = [Span(doc, 0, 1, label="PERSON"), Span(doc, 3, 4, label="ORG")]
        return doc

    trained.add_pipe("relx_serving_test_mentions", first=True)
    try:
        client = client_of(create_app(trained))
        ask(client, TEXT)
        strings = len(trained.vocab.strings)
        for _ in range(2):
            parts = [ask(client, *texts[start : start + 20]) for start in range(0, 60, 20)]
        found = [each["relations"] for part in parts for each in part]
        assert len(trained.vocab.strings) == strings and "Name7" not in trained.vocab.strings
        assert not {lexeme.text for lexeme in trained.vocab} & set(names)
        expected = [doc._.relations for doc in trained.pipe(texts)]
        assert len(trained.vocab.strings) > strings
    finally:
        trained.remove_pipe("relx_serving_test_mentions")
    assert any(found)
    for own, other in zip(found, expected):
        assert [each["label"] for each in own] == [each.label for each in other]
        assert [each["score"] for each in own] == pytest.approx([each.score for each in other], abs=1e-5)


def test_docs_of_the_caller_stay_good(app):
    """The vocabulary is shared with whoever made the pipeline; what they made before stays."""
    nlp = pipeline()
    doc = nlp.make_doc("Zebediah knows Ann")
    ask(client_of(create_app(nlp)), "Zebediah knows Acme", "Quorl")
    assert [token.text for token in doc] == ["Zebediah", "knows", "Ann"] and doc.vocab is nlp.vocab
    assert "Zebediah" in nlp.vocab.strings and "Quorl" not in nlp.vocab.strings


# Over a socket


@pytest.fixture(scope="module")
def address(app):
    config = uvicorn.Config(app, port=0, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(10)


def test_over_a_socket(address):
    with httpx.Client(base_url=address) as client:
        assert ask(client, TEXT)[0]["relations"] == EXPECTED
        content = json.dumps({"texts": [TEXT]}).encode()
        assert post(client, iter([content[:9], content[9:]])).json()["results"][0]["relations"] == EXPECTED
        assert code_of(post(client, pieces(60_000, 100, []))) == (413, "RX421")
        assert code_of(post(client, b" " * 5_000_000)) == (413, "RX421")
        assert ask(client, TEXT)[0]["relations"] == EXPECTED  # the connection is still good
        assert client.get("/health").json() == {"status": "ok"}


def test_run_server_says_where_it_cannot_listen(app):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for host, port in (("127.0.0.1", taken.getsockname()[1]), ("no.such.host.invalid", 0), ("a" * 300, 0)):
            with pytest.raises(RelxError, match="RX424"):
                run_server(app, host, port)


# The command


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor")
    path = tmp_path_factory.mktemp("model") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.mark.process
def test_command(model):
    """Answers, and ends cleanly on ctrl-C."""
    args = [sys.executable, "-m", "spacy", "relx", "serve", str(model), "--port", "0", "--max-texts", "3"]
    listen = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(args, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env, preexec_fn=listen)
    try:
        line = process.stderr.readline().decode()
        address = re.search(r"(http://[\d.:]+)/extract", line)[1]

        def answers():
            try:
                return httpx.get(f"{address}/health").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers)
        assert httpx.get(f"{address}/info").json()["limits"]["max_texts"] == 3
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and b"Traceback" not in errors


def test_command_with_what_cannot_be(model, monkeypatch, tmp_path):
    assert "[RX180]" in invoke("serve", tmp_path, exit_code=1).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        message = invoke("serve", model, "--port", taken.getsockname()[1], exit_code=1).stderr
    assert "[RX424]" in message and "in use" in message
    invoke("serve", model, "--port", 70000, exit_code=2)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    message = invoke("serve", tmp_path / "no_model", exit_code=1).stderr
    assert "[RX005]" in message and "spacy-relx[serve]" in message
