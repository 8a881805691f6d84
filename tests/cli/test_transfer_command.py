"""`relx compare --transfer`, the command: its tables, its sources and options, and what it refuses."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from support.commands import invoke
from support.examples import SENTENCES, make_doc, make_example
from support.model import make_nlp, train
from support.transfer import GOOD, scores

from spacy_relx.data.tables import Table, markdown_table, text_table
from spacy_relx.evaluation import transfer_report

# tables


def test_wide_tables_go_on_below():
    columns = [f"c{i}" for i in range(14)]
    table = Table("F1", columns, [("first", *"abcdefghijklmn"), ("the second", *"ABCDEFGHIJKLMN")])
    lines = text_table(table, 50).splitlines()
    assert max(map(len, lines)) <= 50
    heads = [line.split()[1:] for line in lines if line.startswith("F1")]
    assert [len(head) for head in heads] == [7, 7] and [*heads[0], *heads[1]] == columns
    for name, cells in (("first", "abcdefghijklmn"), ("the second", "ABCDEFGHIJKLMN")):
        assert "".join(line[len(name) :].replace(" ", "") for line in lines if line.startswith(name)) == cells
    assert text_table(table, 1).count("F1") == 14  # no narrower than one column
    assert text_table(table).count("F1") == text_table(table, 1000).count("F1") == 1


def test_markdown():
    table = Table("F1", ["a", "b"], [("x|y", "1", "2")])
    assert markdown_table(table) == "| F1 | a | b |\n| --- | ---: | ---: |\n| x\\|y | 1 | 2 |\n"


# the command


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf8")
    return path


@pytest.fixture
def metrics(tmp_path):
    """A folder of metrics files: two seeds of English, a German model and a joint one."""
    types = {"en": {"works_for": (0.5, 6)}, "de": {"works_for": (0.25, 4), "founder_of": (1.0, 6)}}
    rows = [("en-0", 0.7, 0.5), ("en-1", 0.9, 0.4), ("de-0", 0.3, 0.5), ("joint-0", 0.9, 0.4)]
    for name, en, de in rows:
        save(tmp_path / "metrics" / f"{name}.json", scores({"en": en, "de": de}, types))
    return tmp_path / "metrics"


def lines_of(text):
    return [line.split() for line in text.splitlines() if set(line) - {"-", " "}]


def test_command(metrics, tmp_path):
    out, page = tmp_path / "new" / "report.json", tmp_path / "new" / "report.md"
    args = [f"en={metrics}/en-*.json", f"de={metrics}/de-0.json", f"joint={metrics}/joint-*.json", "--types"]
    printed = invoke("compare", "--transfer", *args, "--output", out, "--markdown", page).stdout
    lines = lines_of(printed)
    for line in (
        "micro F1 en de Average rho runs",
        "en 80.0 ± 14.1 45.0 ± 7.1 45.0 90.0 2",
        "de 30.0 50.0 30.0 37.5 1",
        "joint 90.0 40.0 65.0 96.2 1",
        "% of supervised en de",
        "en 100.0 90.0",
        "joint against monolingual en de Average",
        "monolingual 80.0 50.0 65.0",
        "difference +10.0 -10.0 +0.0",
        "F1 per relation en→en en→de de→en de→de joint→en joint→de",
        "founder_of - 100.0 ± 0.0 - 100.0 - 100.0",
        "works_for 50.0 ± 0.0 25.0 ± 0.0 50.0 25.0 50.0 25.0",
    ):
        assert line.split() in lines, line
    report = json.loads(out.read_text(encoding="utf8"))
    seeds = [str(metrics / f"en-{seed}.json") for seed in (0, 1)]
    assert report.pop("files") == {
        "en": seeds,
        "de": [str(metrics / "de-0.json")],
        "joint": [str(metrics / "joint-0.json")],
    }
    paths = [*(("en", path) for path in seeds), ("de", metrics / "de-0.json"), ("joint", metrics / "joint-0.json")]
    read = [(source, json.loads(Path(path).read_text(encoding="utf8"))) for source, path in paths]
    assert report == transfer_report(read)
    markdown = page.read_text(encoding="utf8")
    assert "| de | 30.0 | 50.0 | 30.0 | 37.5 | 1 |" in markdown and markdown.count("| --- |") == 4
    assert lines_of(markdown.replace("|", " ").replace("---:", ""))[0] == lines[0]


def test_command_options(metrics):
    args = [f"en={metrics}/en-0.json", f"en={metrics}/en-*.json", f"de={metrics}/de-0.json"]
    lines = lines_of(invoke("compare", "--transfer", *args, "--metric", "macro", "--langs", "de, en").stdout)
    assert " ".join(lines[0]) == "macro F1 de en Average rho runs"
    assert " ".join(lines[1]) == "en 22.5 ± 3.5 40.0 ± 7.1 22.5 90.0 2"  # a file that is named twice counts once
    assert not any("monolingual" in line or "relation" in line for line in lines)
    alone = invoke("compare", "--transfer", f"en={metrics}/en-0.json", "--langs", "en").stdout
    assert "supervised" not in alone and lines_of(alone)[1] == ["en", "70.0", "-", "-"]


def test_command_names_of_sources(metrics):
    lines = lines_of(invoke("compare", "--transfer", f" en ={metrics}/en-0.json", f"en={metrics}/en-1.json").stdout)
    assert lines[1][:4] == ["en", "80.0", "±", "14.1"]
    assert "[RX178]" in invoke("compare", "--transfer", f"En={metrics}/en-0.json", exit_code=1).stderr


def test_command_counts_a_file_once(metrics, tmp_path):
    (tmp_path / "link.json").symlink_to(metrics / "en-0.json")
    alone = invoke("compare", "--transfer", f"en={metrics}/en-0.json").stdout
    same = [f"en={metrics}/../metrics/en-0.json", f"en={tmp_path}/link.json"]
    assert invoke("compare", "--transfer", f"en={metrics}/en-0.json", *same).stdout == alone
    message = invoke(
        "compare", "--transfer", f"en={metrics}/en-*.json", f"joint={tmp_path}/link.json", exit_code=1
    ).stderr
    assert "[RX178]" in message and "two names, 'en' and 'joint'" in message


@pytest.mark.parametrize(
    "option",
    [("--test", "test.spacy"), ("--gold-mentions",), ("--batch-size", "8"), ("--code", "code.py"), ("--gpu-id", "0")],
    ids=lambda option: option[0],
)
def test_command_options_for_pipelines_only(metrics, option):
    message = invoke("compare", "--transfer", f"en={metrics}/en-0.json", *option, exit_code=1).stderr
    assert "[RX178]" in message and option[0].lstrip("-").replace("-", "_") in message


def test_command_match_of_metrics_files(pipelines, corpus, tmp_path):
    """Files cannot be scored anew: --match may only say what they say."""
    strict = f"en={save(tmp_path / 'strict.json', {**GOOD, 'match': 'strict'})}"
    silent = f"de={save(tmp_path / 'silent.json', GOOD)}"
    assert "50.0" in invoke("compare", "--transfer", strict, "--match", "strict").stdout
    for sources, part in (([strict], "match = strict"), ([silent], "does not say")):
        message = invoke("compare", "--transfer", *sources, "--match", "boundary", exit_code=1).stderr
        assert "[RX178]" in message and part in message
    mixed = [f"both={pipelines}/de/model-best", "--test", corpus, "--gold-mentions", "--match", "boundary"]
    assert "[RX178]" in invoke("compare", "--transfer", strict, *mixed, exit_code=1).stderr
    assert "both" in invoke("compare", "--transfer", silent, *mixed).stdout


def test_command_with_brackets_in_a_name(metrics):
    path = metrics / "run[1].json"
    path.write_bytes((metrics / "en-0.json").read_bytes())
    assert "70.0" in invoke("compare", "--transfer", f"en={path}").stdout


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Documents of two languages; a pipeline trained on one cannot know the words of the other."""
    vocab = Vocab()
    german = {"works": "arbeitet", "for": "für", "founded": "gründete", "was": "wurde", "by": "von", "bought": "kaufte"}
    docs = []
    for words, mentions, relations in SENTENCES:
        for lang in ("en", "de"):
            own = words if lang == "en" else " ".join(german.get(word, word) for word in words.split())
            docs.append(make_doc(vocab, own, mentions, relations))
            docs[-1]._.lang = lang
    path = tmp_path_factory.mktemp("corpus") / "test.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """Folders of one pipeline that knows the English sentences, and one that has learnt two of them only."""
    root = tmp_path_factory.mktemp("pipelines")
    for name, known, steps in (("en", SENTENCES, 40), ("de", SENTENCES[:2], 5)):
        nlp = make_nlp()
        train(nlp, [make_example(nlp.vocab, *sentence) for sentence in known], steps=steps)
        (root / name).mkdir()
        nlp.to_disk(root / name / "model-best")
    return root


class Circular:
    """A part of a pipeline that knows the pipeline, as parts of other packages may."""

    def __init__(self, tokenizer, nlp):
        self.tokenizer, self.nlp = tokenizer, nlp

    def __call__(self, text):
        return self.tokenizer(text)


def test_command_runs_pipelines(pipelines, corpus, tmp_path, monkeypatch):
    from spacy_relx.library import inputs

    load, loaded = inputs.load_pipeline, []

    def load_alone(path):
        assert [ref() for ref in loaded] == [None] * len(loaded), "the pipeline before is still there"
        nlp = load(path)
        nlp.tokenizer = Circular(nlp.tokenizer, nlp)
        loaded.append(weakref.ref(nlp))
        return nlp

    own = tmp_path / "en.json"
    invoke("evaluate", pipelines / "en" / "model-best", corpus, "--gold-mentions", "--output", own)
    expected = json.loads(own.read_text(encoding="utf8"))
    assert expected["gold_mentions_rel_per_lang"]["en"]["f"] == 1.0
    out = tmp_path / "out.json"
    args = [f"en={pipelines}/en/model-best", f"both={pipelines}/*/model-best", f"file={own}"]
    monkeypatch.setattr(inputs, "load_pipeline", load_alone)
    gc.disable()  # so that only the command itself can have collected them
    try:
        result = invoke("compare", "--transfer", *args, "--test", corpus, "--gold-mentions", "--types", "--output", out)
    finally:
        gc.enable()
    report = json.loads(out.read_text(encoding="utf8"))
    assert len(loaded) == 3 and "F1 per relation" in result.stdout
    for lang in ("en", "de"):
        f = expected["gold_mentions_rel_per_lang"][lang]["f"]
        assert report["f"]["en"][lang]["mean"] == report["f"]["file"][lang]["mean"] == f
    assert (report["f"]["both"]["en"]["n"], report["f"]["both"]["en"]["mean"] < 1) == (2, True)
    assert report["per_type"]["en"]["en"]["works_for"]["mean"] == 1.0
    assert report["files"]["both"] == [f"{pipelines}/{name}/model-best" for name in ("de", "en")]


def test_command_settings_reach_the_pipelines(pipelines, corpus, tmp_path):
    """Without gold mentions these pipelines find nothing; how they are scored must fit the metrics files."""
    source = f"en={pipelines}/en/model-best"
    assert "RX171" in invoke("compare", "--transfer", source, "--test", corpus).stderr
    metrics = tmp_path / "strict.json"
    invoke("evaluate", pipelines / "de" / "model-best", corpus, "--gold-mentions", "--match", "strict", "-o", metrics)
    args = [f"de={metrics}", source, "-t", corpus, "--gold-mentions"]
    assert "RX" not in invoke("compare", "--transfer", *args, "--match", "strict").stderr
    assert "match is strict for 'de' and boundary for 'en'" in invoke("compare", "--transfer", *args).stderr


@pytest.mark.parametrize(
    ("arg", "code", "part"),
    [
        ("metrics.json", "RX176", "not NAME=PATH"),
        ("=metrics.json", "RX176", "not NAME=PATH"),
        ("en=", "RX176", "not NAME=PATH"),
        ("en={0}/absent.json", "RX176", "no such file"),
        ("en={0}/absent-*.json", "RX176", "no such file"),
        ("en={0}", "RX176", "no config.cfg"),
        ("en={0}/broken.json", "RX615", "broken.json"),
        ("en={0}/binary.json", "RX615", "utf-8"),
        ("en={0}/other.json", "RX615", "rel_per_lang"),
        ("en={0}/none.json", "RX615", "no gold"),
    ],
)
def test_command_with_a_bad_source(metrics, arg, code, part):
    (metrics / "broken.json").write_text("{", encoding="utf8")
    (metrics / "binary.json").write_bytes(b"\xff\xfe")
    save(metrics / "other.json", {"ents_f": 1.0})
    save(metrics / "none.json", {"rel_per_lang": None})
    message = invoke("compare", "--transfer", f"de={metrics}/de-0.json", arg.format(metrics), exit_code=1).stderr
    assert f"[{code}]" in message and part in message


def test_command_that_cannot_report(metrics, pipelines, tmp_path):
    good = f"en={metrics}/en-0.json"
    assert "Give 'test'" in invoke("compare", "--transfer", good, f"de={pipelines}/de/model-best", exit_code=1).stderr
    assert "'fr'" in invoke("compare", "--transfer", good, "--langs", "fr", exit_code=1).stderr
    old = save(tmp_path / "old.json", GOOD)
    assert "relx evaluate" in invoke("compare", "--transfer", f"en={old}", "--types", exit_code=1).stderr
    warned = invoke("compare", "--transfer", f"en={save(tmp_path / 'strict.json', {**GOOD, 'match': 'strict'})}", good)
    assert "RX179" not in warned.stderr  # only one of them says how it was scored
    loose = save(tmp_path / "loose.json", {**GOOD, "match": "boundary"})
    assert "RX179" in invoke("compare", "--transfer", f"en={tmp_path}/strict.json", f"en={loose}").stderr


def test_command_never_overwrites_an_input(metrics, pipelines, corpus, tmp_path):
    before = {path: path.read_bytes() for path in metrics.iterdir()}
    model = pipelines / "en" / "model-best"
    for option in ("--output", "--markdown"):
        for path in (metrics / "en-1.json", corpus, model / "meta.json", model / "vocab" / "strings.json"):
            args = [f"en={metrics}/en-*.json", f"de={model}", "--test", corpus, option, path]
            assert "[RX189]" in invoke("compare", "--transfer", *args, exit_code=1).stderr, path
    both = ["--output", tmp_path / "out", "--markdown", tmp_path / "." / "out"]
    assert "[RX186]" in invoke("compare", "--transfer", f"en={metrics}/en-0.json", *both, exit_code=1).stderr
    assert before == {path: path.read_bytes() for path in metrics.iterdir()}
