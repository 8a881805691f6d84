"""`relx evaluate`, `relx predict` and `relx show`, without a trained model."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin
from support.commands import CODE, EXPECTED, MENTIONS, TEXT, invoke
from support.scorer import check_keys

from spacy_relx.data.tables import Table, shortened
from spacy_relx.data.types import Relation
from spacy_relx.evaluation.report import _by_support


def call(command, model, *args, **more):
    """A command whose pipeline is an argument, or an option."""
    return invoke(
        command,
        *(args[:1] if command == "show" else (model, *args[:1])),
        *args[1:],
        *(("--model", model) if command == "show" else ()),
        **more,
    )


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


# evaluate


def test_evaluate_prints_and_saves(model, data, tmp_path):
    out = tmp_path / "metrics.json"
    result = invoke("evaluate", model, data, "--output", out)
    scores = json.loads(out.read_text(encoding="utf8"))
    assert (scores["rel_micro_p"], scores["rel_micro_r"]) == (1.0, 0.5)
    assert scores["rel_micro_f"] == scores["rel_macro_f"] == pytest.approx(2 / 3)
    assert scores["rel_per_type"]["works_for"]["support"] == 2
    assert (scores["rel_per_lang"]["en"]["f"], scores["rel_per_lang"]["de"]["f"]) == (1.0, 0.0)
    assert (scores["match"], scores["gold_mentions"]) == ("boundary", False)
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf8")
    check_keys(scores, page)
    for part in ("Overall", "Per relation", "works_for", "Per language", "66.67", "100.00", "documents/s"):
        assert part in result.stdout, part


def test_evaluate_shows_the_largest_relations(model, data, tmp_path):
    """80 relations: those with most gold first, 20 of them, and how many more there are; the JSON has them all."""
    out = tmp_path / "metrics.json"
    docs = list(DocBin().from_disk(data).get_docs(spacy.blank("en").vocab))
    for i in range(78):
        doc = docs[0].copy()
        doc._.relations = [Relation(r.head, f"r{i:02d}", r.tail) for r in docs[0]._.relations[:1]]
        docs += [doc] * (3 if i == 70 else 1)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "many.spacy")
    result = invoke("evaluate", model, tmp_path / "many.spacy", "--gold-mentions", "--output", out)
    scores = json.loads(out.read_text(encoding="utf8"))
    lines = result.stdout.split("Per relation", 1)[1].split("Per language")[0].splitlines()
    names = [line.split()[0] for line in lines if line.strip() and not set(line) <= {"-", " "}][1:]
    per_type = scores["gold_mentions_rel_per_type"]
    by_support = sorted(per_type, key=lambda name: (-per_type[name]["support"], name))
    assert names[:-1] == by_support[:20] and len(by_support) == 79
    assert names[:2] == ["r70", "works_for"] and "… 59 more (--rows 0: all)" in result.stdout
    assert "predicted" in result.stdout
    result = invoke("evaluate", model, tmp_path / "many.spacy", "--gold-mentions", "--rows", 0)
    assert "more (--rows" not in result.stdout and all(name in result.stdout for name in by_support)


def test_rows_without_anything_to_say_are_left_out():
    none = {"p": 0.0, "r": 0.0, "f": 0.0, "support": 0, "n_pred": 0}
    found = _by_support(
        {"a": none, "b": {**none, "n_pred": 1}, "c": {**none, "support": 2}, "d": {**none, "support": 2}}
    )
    assert [name for name, _ in found] == ["c", "d", "b"]
    table = Table("", ("n",), [(str(i), "") for i in range(5)])
    assert [row[0] for row in shortened(table, 3).rows] == ["0", "1", "2", "… 2 more (--rows 0: all)"]
    assert shortened(table, 5) == shortened(table, 0) == table


def test_evaluate_strict_and_gold_mentions(model, data, tmp_path):
    out = tmp_path / "metrics.json"
    invoke("evaluate", model, data, "--gold-mentions", "--match", "strict", "--output", out)
    scores = json.loads(out.read_text(encoding="utf8"))
    assert (scores["gold_mentions_rel_micro_f"], scores["match"], scores["gold_mentions"]) == (1.0, "strict", True)


def test_evaluate_folder(model, data, tmp_path):
    invoke("evaluate", model, data.parent, "--output", tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf8"))["n_docs"] == 2


def test_evaluate_nothing(model, tmp_path):
    empty = tmp_path / "empty.spacy"
    DocBin().to_disk(empty)
    assert "RX173" in invoke("evaluate", model, empty, exit_code=1).stderr


def test_evaluate_without_gold_relations(model, tmp_path):
    path = tmp_path / "none.spacy"
    DocBin(docs=[Doc(spacy.blank("xx").vocab, words=["Ann"])], store_user_data=True).to_disk(path)
    assert "Overall" in invoke("evaluate", model, path).stdout


def test_evaluate_warning_is_one_line(data, tmp_path):
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_test_finds_nothing")
    nlp.to_disk(tmp_path / "bare")
    result = invoke("evaluate", tmp_path / "bare", data)
    assert "[RX171]" in result.stderr and "RelxWarning" not in result.stderr and "RX171" not in result.stdout


# predict


def test_predict_txt_to_file(model, tmp_path):
    texts, out = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_bytes(b"\xef\xbb\xbf" + f"{TEXT}\r\n\n   \nNobody\u2028here\n".encode())
    result = invoke("predict", model, texts, "-o", out, "--batch-size", 1)
    assert result.stdout == ""
    assert rows(out.read_text(encoding="utf8").replace("\u2028", " ")) == [
        {"id": 1, "text": TEXT, "lang": "", "mentions": MENTIONS, "relations": EXPECTED},
        {"id": 4, "text": "Nobody here", "lang": "", "mentions": [], "relations": []},
    ]


@pytest.mark.parametrize("command", ["predict", "show"])
def test_blank_lines_are_counted(model, tmp_path, command):
    """Whoever puts lines of texts and of results side by side has to know."""
    texts = tmp_path / "texts.txt"
    texts.write_text(f"{TEXT}\n\n  \n{TEXT}\n\n", encoding="utf8")
    message = call(command, model, texts, "-o", tmp_path / "out.html").stderr
    assert f"[RX184] 3 texts were left out, the first at {texts}:2: the line is blank." in message
    assert message.count("RX184") == 1
    texts.write_text(f"{TEXT}\n{TEXT}\n", encoding="utf8")
    assert "RX184" not in call(command, model, texts, "-o", tmp_path / "out.html").stderr


def test_predict_jsonl_to_stdout(model, tmp_path):
    texts = tmp_path / "texts.jsonl"
    lines = [{"text": TEXT, "id": "a", "lang": "en"}, {"text": "Ann 😀 東京"}, {"text": "", "id": None, "lang": None}]
    texts.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf8")
    found = rows(invoke("predict", model, texts).stdout)
    assert [(row["id"], row["lang"]) for row in found] == [("a", "en"), (2, ""), (3, "")]
    assert found[0]["relations"] == EXPECTED
    tail = found[1]["mentions"][found[1]["relations"][0]["tail"]]
    assert found[1]["text"][tail["start"] : tail["end"]] == tail["text"] == "東京"


def test_predict_stdin(model):
    assert rows(invoke("predict", model, "-", stdin=f"{TEXT}\nnothing").stdout)[0]["relations"] == EXPECTED


def test_predict_spacy_does_not_repeat_gold_relations(model, data, tmp_path):
    found = rows(invoke("predict", model, data).stdout)
    assert [(row["id"], row["lang"]) for row in found] == [(1, "en"), (2, "de")]
    assert found[0]["relations"] == EXPECTED
    nlp = spacy.blank("xx")
    nlp.add_pipe("relx_test_finds_nothing")
    nlp.to_disk(tmp_path / "bare")
    assert [row["relations"] for row in rows(invoke("predict", tmp_path / "bare", data).stdout)] == [[], []]


BROKEN = [
    (b'{"text": "ok"', "RX183"),
    (b'["text"]', '"text"'),
    (b'{"text": 3}', '"text"'),
    (b'{"text": "ok", "lang": 5}', '"lang"'),
    (b'{"text": "ok", "lang": "klingon"}', "'klingon'"),
    (b'{"text": "ok", "text": "other"}', "twice"),
    (b'{"text": "\xff"}', "utf-8"),
    (b'{"text": "Ada \\ud83d runs Ulm."}', "half of a character"),
    (b'{"text": "ok", "id": "\\ud83d"}', "half of a character"),
    *(
        (b'{"text": "ok", "id": %b}' % id, "must be a string or a whole number")
        for id in (b"1.5", b"true", b"[1]", b"{}")
    ),
    (b'{"text": "ok", "id": NaN}', "NaN is no value of JSON"),
    (b'{"text": "ok", "more": -Infinity}', "-Infinity is no value of JSON"),
    (json.dumps({"text": "x" * 1_000_001}).encode(), "max_length"),
]


@pytest.mark.parametrize(("line", "part"), BROKEN)
def test_broken_line(model, tmp_path, line, part):
    texts = tmp_path / "texts.jsonl"
    good = json.dumps({"text": TEXT}).encode()
    texts.write_bytes(good + b"\n" + line + b"\n" + good + b"\n")
    result = invoke("predict", model, texts, exit_code=1)
    assert f"[RX183] {texts}:2: " in result.stderr and part in result.stderr
    skipped = invoke("predict", model, texts, "--on-error", "skip")
    assert [row["id"] for row in rows(skipped.stdout)] == [1, 3]
    assert "[RX184] 1 texts" in skipped.stderr and f"{texts}:2" in skipped.stderr


def test_ids_of_documents_in_spacy_files(model, tmp_path):
    docs = []
    for id in ("a", 7, None, "", 1.5, float("nan"), True, ["x"]):
        doc = spacy.blank("en")(TEXT)
        doc.user_data["id"] = id
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "texts.spacy")
    result = invoke("predict", model, tmp_path / "texts.spacy", "--on-error", "skip")
    assert [row["id"] for row in rows(result.stdout)] == ["a", 7, 3, 4]
    assert "[RX184] 4 texts" in result.stderr and "texts.spacy, document 5: the id must be" in result.stderr
    result = invoke("predict", model, tmp_path / "texts.spacy", exit_code=1)
    assert "[RX183]" in result.stderr and "document 5" in result.stderr


def test_partial_output_is_kept(model, tmp_path):
    texts, out = tmp_path / "texts.jsonl", tmp_path / "out.jsonl"
    texts.write_text(json.dumps({"text": TEXT}) + "\nbroken\n", encoding="utf8")
    invoke("predict", model, texts, "-o", out, "-b", 1, exit_code=1)
    assert rows(out.read_text(encoding="utf8"))[0]["relations"] == EXPECTED


# errors that all commands share


@pytest.mark.parametrize("command", ["evaluate", "predict", "show"])
def test_model_that_is_none(command, data, tmp_path):
    rest = ["-o", tmp_path / "out"]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.cfg").write_text("[nlp]\nlang = 3\n", encoding="utf8")
    for model in (tmp_path, tmp_path / "absent", data, "no_such_package", tmp_path / "broken"):
        result = call(command, model, data, *rest, exit_code=1)
        assert "[RX180]" in result.stderr and str(model) in result.stderr
        assert "Traceback" not in result.output


def test_component_that_is_unknown(data, model, tmp_path):
    nlp = spacy.load(model)
    nlp.to_disk(tmp_path / "m")
    config = (tmp_path / "m" / "config.cfg").read_text(encoding="utf8")
    (tmp_path / "m" / "config.cfg").write_text(config.replace("relx_cli_test_works", "nobody_knows"), encoding="utf8")
    assert "nobody_knows" in invoke("predict", tmp_path / "m", data, exit_code=1).stderr


def test_data_that_is_none(model, tmp_path):
    fake = tmp_path / "fake.spacy"
    fake.write_text("no DocBin", encoding="utf8")
    other = tmp_path / "texts.csv"
    other.write_text("x", encoding="utf8")
    absent = tmp_path / "absent.spacy"
    for path, code in ((fake, "RX132"), (absent, "RX120"), (other, "RX182")):
        assert f"[{code}]" in invoke("predict", model, path, exit_code=1).stderr
    for path, code in ((fake, "RX132"), (absent, "RX120"), (other, "RX132")):
        assert f"[{code}]" in invoke("evaluate", model, path, exit_code=1).stderr


def test_data_that_is_none_is_named_rightly(model, tmp_path):
    """What is evaluated is no training data, and spaCy's advice on a broken file is about its own old format."""
    absent = invoke("evaluate", model, tmp_path / "absent.spacy", exit_code=1).stderr
    assert "training data" not in absent and ".." not in absent.replace(str(tmp_path), "")
    fake = tmp_path / "fake.spacy"
    for content in (b"{}", zlib.compress(srsly.msgpack_dumps({"a": 1}))):
        fake.write_bytes(content)
        broken = invoke("show", fake, "-o", tmp_path / "x.html", exit_code=1).stderr
        assert "[RX132]" in broken and "E1014" not in broken and "spacy convert" not in broken


@pytest.mark.parametrize("command", ["evaluate", "predict", "show"])
def test_output_that_cannot_be_written(command, model, data, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf8")
    for path in (tmp_path / "file" / "out", tmp_path):
        result = call(command, tmp_path / "no_model", data, "-o", path, exit_code=1)
        assert "[RX186]" in result.stderr  # said before anything is loaded


@pytest.mark.parametrize("command", ["evaluate", "predict", "show"])
def test_output_in_a_new_folder(command, model, data, tmp_path):
    out = tmp_path / "new" / "folder" / "out"
    call(command, model, data, "-o", out)
    assert out.stat().st_size > 0
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("command", ["evaluate", "predict", "show"])
def test_output_that_is_an_input(command, model, data, code, tmp_path):
    copy, link, hard = tmp_path / "in" / "gold.spacy", tmp_path / "link", tmp_path / "hard"
    copy.parent.mkdir()
    copy.write_bytes(data.read_bytes())
    link.symlink_to(copy)
    hard.hardlink_to(copy)
    for out in (copy, copy.parent / ".." / "in" / "gold.spacy", link, hard):
        assert "[RX189]" in call(command, model, copy, "-o", out, exit_code=1).stderr
    if command == "evaluate":
        assert "[RX189]" in call(command, model, copy.parent, "-o", copy, exit_code=1).stderr
    assert "[RX189]" in call(command, model, copy, "--code", code, "-o", code, exit_code=1).stderr
    assert copy.read_bytes() == data.read_bytes() and code.read_text(encoding="utf8") == CODE


@pytest.mark.parametrize("command", ["evaluate", "predict", "show"])
def test_output_in_the_folder_of_the_pipeline(command, model, data):
    before = {path: path.stat().st_mtime_ns for path in model.rglob("*")}
    for name in ("config.cfg", "new.out", "vocab/new"):
        assert "[RX181]" in call(command, model, data, "-o", model / name, exit_code=1).stderr
    assert {path: path.stat().st_mtime_ns for path in model.rglob("*")} == before


@pytest.mark.process
def test_output_that_is_standard_input(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text(TEXT, encoding="utf8")
    with texts.open("rb") as stream:
        args = command("predict", model, "-", "-o", texts)
        done = subprocess.run(args, stdin=stream, capture_output=True, encoding="utf8", timeout=60, check=False)
    assert done.returncode == 1 and "[RX189]" in done.stderr
    assert texts.read_text(encoding="utf8") == TEXT


@pytest.mark.parametrize("command", ["evaluate", "show"])
def test_a_failed_write_leaves_what_was_there(command, model, data, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.write_text("old", encoding="utf8")

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spacy_relx.data.files.os.replace", fail)
    result = call(command, model, data, "-o", out, exit_code=1)
    assert "[RX186]" in result.stderr and "No space left" in result.stderr
    assert "Overall" in result.stdout or command == "show"  # the report is not lost with its file
    assert out.read_text(encoding="utf8") == "old" and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_device_as_output(model, data):
    invoke("evaluate", model, data, "-o", os.devnull)
    assert not Path(os.devnull).is_file()


def test_code_and_gpu_that_do_not_work(model, data, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0", encoding="utf8")
    for path in (broken, tmp_path / "absent.py"):
        assert "[RX188]" in invoke("predict", model, data, "--code", path, exit_code=1).stderr
    message = invoke("predict", model, data, "--gpu-id", 99, exit_code=1).stderr
    assert "[RX187]" in message and ". Omit --gpu-id" in message


# show


def test_show(model, tmp_path):
    texts, out = tmp_path / "texts.txt", tmp_path / "page.html"
    texts.write_text("\n".join([TEXT] * 5), encoding="utf8")
    result = invoke("show", texts, "--model", model, "-o", out, "--limit", 2, "--title", "A <title>")
    html = out.read_text(encoding="utf8")
    assert html.count("<article") == 2 and "works_for" in html and "A &lt;title&gt;" in html
    assert "--limit is 2" in result.stderr
    assert "--limit" not in invoke("show", texts, "--model", model, "-o", out, "--limit", 5).stderr


def test_show_prints_triples(model, data, tmp_path):
    texts, out = tmp_path / "texts.jsonl", tmp_path / "page.html"
    rows = [{"text": TEXT, "lang": "en"}, {"text": "Nobody"}, {"text": "Ann at Acme"}]
    texts.write_text("\n".join(map(json.dumps, rows)), encoding="utf8")
    printed = invoke("show", texts, "--model", model, "--limit", 2).stdout
    assert printed == f"en  {TEXT}\n    Ann --works_for--> Acme  (0.50)\n??  Nobody\n"
    assert invoke("show", texts, "--model", model, "-o", out).stdout == ""
    assert "Bob --works_for--> Initech  (1.00)" in invoke("show", data).stdout


def test_show_without_a_model(data, tmp_path):
    out = tmp_path / "page.html"
    invoke("show", data, "-o", out)
    assert out.read_text(encoding="utf8").count("works_for") == 2
    texts = tmp_path / "texts.txt"
    texts.write_text(TEXT, encoding="utf8")
    assert "[RX185]" in invoke("show", texts, "-o", out, "--style", "rows", exit_code=1).stderr
    assert "[RX338]" in invoke("show", texts, "-o", out, exit_code=1).stderr


def test_show_predictions(model, data, tmp_path):
    """What `relx predict` wrote is browsed; with a pipeline, texts are too."""
    found, out = tmp_path / "found.jsonl", tmp_path / "page.html"
    invoke("predict", model, data, "-o", found)
    assert "2 documents, 2 triples" in invoke("show", found, "-o", out).stderr
    assert "Ann --works_for--> Acme  (0.50)" in invoke("show", found).stdout
    shown = invoke("show", data, "--model", model, "--style", "browse", "-o", out).stderr
    assert "2 documents, 2 triples" in shown
    assert "[RX367]" in invoke("show", found, "-o", out, "--width", 300, exit_code=1).stderr


# as processes


def command(*args):
    return [sys.executable, "-m", "spacy", "relx", *map(str, args)]


@pytest.mark.process
def test_help_names_the_commands():
    done = subprocess.run(command("--help"), capture_output=True, encoding="utf8", timeout=60, check=True)
    for name in ("data", "train", "evaluate", "compare", "predict", "show"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.process
def test_stream_is_bounded_and_interrupts_cleanly(model, code):
    args = command("predict", model, "-", "--batch-size", 1, "--code", code)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # where the tests run in a shell's background, interrupts are ignored, and processes inherit that
    listen = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(args, **pipes, env={**os.environ, "OMP_NUM_THREADS": "1"}, preexec_fn=listen)
    try:
        for _ in range(3):  # standard input stays open: each line is answered at once
            process.stdin.write(TEXT.encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["relations"] == EXPECTED
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Interrupted" in errors and b"Traceback" not in errors


@pytest.mark.process
def test_closed_pipe_is_no_error(model, code):
    args = command("predict", model, "-", "--batch-size", 1, "--code", code)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(args, **pipes, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        process.stdin.write(f"{TEXT}\n".encode() * 50)
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(f"{TEXT}\n".encode() * 500)
        process.stdin.close()
        errors = process.stderr.read()
        assert process.wait(timeout=30) == 0, errors
    assert errors == b""


def test_import_is_cheap(run_python):
    source = (
        "import sys, spacy.cli, spacy_relx\n"
        "before = set(sys.modules)\n"
        "import spacy_relx.cli\n"
        "new = {name for name in set(sys.modules) - before}\n"
        "print(sorted(n for n in new if n.split('.')[0] not in (*sys.stdlib_module_names, 'spacy_relx')))\n"
        "print(sorted(n for n in new if n.startswith('spacy_relx.')))\n"
    )
    others, own = run_python(source).splitlines()
    assert others == "[]"
    assert "spacy_relx.cli._app" in own
    for heavy in ("evaluation", "viz", "core", "relations", "bags"):
        assert f"spacy_relx.{heavy}" not in own
