"""Transfer between languages: the report against naive loops, and `relx transfer`."""

from __future__ import annotations

import gc
import json
import math
import weakref
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_util import make_nlp, train
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.vocab import Vocab
from test_cli import invoke
from util import SENTENCES, make_doc, make_example

from spacy_relx.cli._tables import Table, markdown_table, text_table
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import score_relations, transfer_report


def scores(f, types=None, **more):
    """Scores of one run. f: {language: F1 or None}; types: {language: {label: (F1, support)}}."""
    table = {
        lang: {"p": value, "r": value, "f": value, "macro_f": value and value / 2, "support": 10 * (value is not None)}
        for lang, value in f.items()
    }
    out = {"rel_per_lang": table, **more}
    if types is not None:
        out["rel_per_lang_type"] = {
            lang: {label: {"p": value, "r": value, "f": value, "support": n} for label, (value, n) in row.items()}
            for lang, row in types.items()
        }
    return out


#: Two seeds of each of three sources.
RUNS = [
    ("en", scores({"en": 0.7, "de": 0.5, "fr": 0.4})),
    ("en", scores({"en": 0.9, "de": 0.4, "fr": 0.4})),
    ("de", scores({"en": 0.3, "de": 0.5, "fr": 0.2})),
    ("joint", scores({"en": 0.9, "de": 0.4, "fr": 0.6})),
]


def means(report):
    return {source: {lang: cell["mean"] for lang, cell in row.items()} for source, row in report["f"].items()}


def flat(value):
    """Every number in a report, with its path, so that pytest.approx can compare reports."""
    if isinstance(value, dict):
        return {f"{key}/{path}": item for key, part in value.items() for path, item in flat(part).items()}
    return {"": value}


# the report


def test_by_hand():
    report = transfer_report(RUNS)
    assert json.loads(json.dumps(report)) == report
    assert list(report["f"]) == ["en", "de", "joint"] and report["langs"] == ["en", "de", "fr"]
    assert report["f"]["en"]["de"] == pytest.approx({"mean": 0.45, "sd": math.sqrt(0.005), "n": 2})
    assert report["f"]["de"]["fr"] == {"mean": 0.2, "sd": None, "n": 1}
    assert report["supervised"] == ["en", "de"]  # there is no French model: nothing to divide by
    assert flat(report["normalized"]) == pytest.approx(
        {"en/en/": 1, "en/de/": 0.9, "de/en/": 0.375, "de/de/": 1, "joint/en/": 1.125, "joint/de/": 0.8}
    )
    assert report["rho"] == pytest.approx({"en": 0.9, "de": 0.375, "joint": (1.125 + 0.8) / 2})
    assert report["average"] == pytest.approx({"en": 0.425, "de": 0.25, "joint": 1.9 / 3})
    assert list(report["joint"]) == ["joint"]
    comparison = report["joint"]["joint"]
    assert list(comparison["langs"]) == ["en", "de"]
    assert comparison["langs"]["de"] == pytest.approx({"monolingual": 0.5, "joint": 0.4, "difference": -0.1})
    assert comparison["average"] == pytest.approx({"monolingual": 0.65, "joint": 0.65, "difference": 0})


def test_one_source_and_its_targets_own_models():
    """English to three targets, as a share of what a model of the target's own reaches."""
    own = {"ar": 0.8, "zh": 0.75, "es": 0.6}
    english = {"ar": 0.4, "zh": 0.6, "es": 0.57}
    runs = [("en", scores(english)), *((lang, scores({lang: value})) for lang, value in own.items())]
    report = transfer_report(runs)
    assert report["normalized"]["en"] == pytest.approx({"ar": 0.5, "zh": 0.8, "es": 0.95})
    assert report["rho"]["en"] == pytest.approx((0.5 + 0.8 + 0.95) / 3)
    assert report["average"]["en"] == pytest.approx((0.4 + 0.6 + 0.57) / 3)
    assert report["rho"]["ar"] is report["average"]["ar"] is None  # tested on Arabic only


def test_missing_is_not_zero():
    runs = [
        ("en", scores({"en": 0.8, "de": 0.4, "fr": None})),
        ("en", scores({"en": 0.6})),
        ("de", scores({"de": 0.5})),
        ("fr", scores({"fr": 0.5, "de": 0.3, "en": 0.2})),
    ]
    report = transfer_report(runs)
    assert set(report["f"]["en"]) == {"en", "de"}
    assert (report["f"]["en"]["de"]["n"], report["f"]["en"]["en"]["n"]) == (1, 2)
    assert set(report["normalized"]["de"]) == {"de"}
    assert report["rho"]["en"] is report["average"]["en"] is None
    assert report["rho"]["fr"] == pytest.approx((0.2 / 0.7 + 0.3 / 0.5) / 2)
    fewer = transfer_report(runs, langs=["de", "en"])
    assert fewer["rho"]["en"] == pytest.approx(0.8) and fewer["average"]["en"] == pytest.approx(0.4)
    assert fewer["joint"] == {}  # French is a language of the test data, though not asked for


def test_nothing_is_divided_by_zero():
    report = transfer_report([("en", scores({"en": 0.5, "de": 0.2})), ("de", scores({"en": 0.1, "de": 0.0}))])
    assert report["supervised"] == ["en"] and report["normalized"]["en"] == {"en": 1.0}
    assert report["rho"] == {"en": None, "de": pytest.approx(0.2)}
    assert report["f"]["de"]["de"]["mean"] == 0.0 and report["average"]["en"] == 0.2


def test_metric_and_languages():
    micro, macro = (transfer_report(RUNS, metric=metric, langs=["fr", "en", "fr"]) for metric in ("micro", "macro"))
    assert micro["langs"] == macro["langs"] == ["fr", "en"] and macro["metric"] == "macro"
    assert micro["f"]["en"]["fr"]["mean"] == pytest.approx(2 * macro["f"]["en"]["fr"]["mean"])
    assert list(micro["joint"]["joint"]["langs"]) == ["en"]
    assert micro["average"]["en"] == pytest.approx(0.4) and micro["average"]["joint"] == pytest.approx(0.75)


def test_what_counts_as_a_joint_model():
    """Not the code of a language, which was merely not tested."""
    tested = scores({"en": 0.5, "de": 0.25})
    languages = ["nl", "NL", "pt-BR", "zh-Hant", "zh_Hant_TW"]
    several = ["joint", "all", "mix", "en+de", "en-de", "nld", "no language"]
    report = transfer_report([("en", tested), *((source, tested) for source in languages + several)])
    assert list(report["joint"]) == several
    assert report["average"]["nl"] == report["average"]["joint"] == 0.375
    assert report["rho"]["nl"] == 1.0


def test_documents_without_a_language():
    """They have a column, but are no language that an average is over, unless they are asked for."""
    runs = [
        ("en", scores({"en": 0.5, "de": 0.25, "unknown": 0.75})),
        ("unknown", scores({"en": 0.25, "de": 0.25, "unknown": 0.5})),
        ("joint", scores({"en": 0.5, "de": 0.25, "unknown": 1.0})),
    ]
    report = transfer_report(runs)
    assert report["langs"] == ["en", "unknown", "de"] and report["f"]["en"]["unknown"]["mean"] == 0.75
    assert report["supervised"] == ["en"] and list(report["joint"]) == ["joint"]
    assert list(report["joint"]["joint"]["langs"]) == ["en"]
    assert report["average"] == {"en": 0.25, "unknown": 0.25, "joint": 0.375}
    assert report["rho"] == {"en": None, "unknown": 0.5, "joint": 1.0}
    asked = transfer_report(runs, langs=["unknown", "en"])
    assert asked["supervised"] == ["unknown", "en"] and asked["average"]["joint"] == 0.75
    assert asked["rho"]["en"] == 1.5 and list(asked["joint"]["joint"]["langs"]) == ["unknown", "en"]


def test_per_type():
    one = {"en": {"r": (0.5, 3), "s": (0.0, 0)}, "de": {"s": (0.4, 2), "r": (0.0, 1)}}
    two = {"en": {"r": (0.7, 3)}, "de": {"r": (0.2, 1), "s": (0.4, 2)}}
    runs = [("en", scores({"en": 0.5, "de": 0.5}, types)) for types in (one, two)]
    report = transfer_report([*runs, ("de", scores({"en": 0.5, "de": 0.5}))])
    assert flat(report["per_type"]["en"]) == pytest.approx(
        {"en/r/mean/": 0.6, "en/r/sd/": math.sqrt(0.02), "en/r/n/": 2}  # s is in no English gold relation
        | {"de/r/mean/": 0.1, "de/r/sd/": math.sqrt(0.02), "de/r/n/": 2, "de/s/mean/": 0.4, "de/s/sd/": 0, "de/s/n/": 2}
    )
    assert list(report["per_type"]["en"]["de"]) == ["r", "s"] and report["per_type"]["de"] == {}
    assert list(transfer_report(runs, langs=["de"])["per_type"]["en"]) == ["de"]


LANGS = ["en", "de", "fr", "zh"]
F1 = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 0.9]))
ANY_RUNS = st.lists(
    st.tuples(
        st.sampled_from([*LANGS, "joint", "en+de"]),
        st.dictionaries(st.sampled_from(LANGS), F1).filter(lambda row: {*row.values()} - {None}),
    ),
    min_size=1,
)


def naive(runs):
    """f and sd from the formulas; rho and average over what is there, None where a part is missing."""
    sources = [source for source, _ in runs]
    langs = {lang for _, row in runs for lang, value in row.items() if value is not None}
    f, sd = {}, {}
    for s in sources:
        for t in langs:
            values = [row[t] for source, row in runs if source == s and row.get(t) is not None]
            if values:
                f[s, t] = sum(values) / len(values)
            if len(values) > 1:
                sd[s, t] = math.sqrt(sum((value - f[s, t]) ** 2 for value in values) / (len(values) - 1))
    own = {t for t in langs if f.get((t, t), 0) > 0}
    ratio = {(s, t): f[s, t] / f[t, t] for s, t in f if t in own}
    rho, average = {}, {}
    for s in sources:
        for table, cells, over in ((rho, ratio, own), (average, f, langs)):
            others = over - {s}
            whole = others and all((s, t) in cells for t in others)
            table[s] = sum(cells[s, t] for t in others) / len(others) if whole else None
    return f, sd, ratio, rho, average, own, langs


@settings(max_examples=200, deadline=None)
@given(ANY_RUNS)
def test_equals_naive_loops(runs):
    report = transfer_report([(source, scores(row)) for source, row in runs])
    f, sd, ratio, rho, average, own, langs = naive(runs)
    cells = {(s, t): cell for s, row in report["f"].items() for t, cell in row.items()}
    assert {key: cell["mean"] for key, cell in cells.items()} == pytest.approx(f)
    found = {key: cell["sd"] for key, cell in cells.items() if cell["sd"] is not None}
    assert found == pytest.approx(sd, abs=1e-12)
    assert {(s, t): value for s, row in report["normalized"].items() for t, value in row.items()} == pytest.approx(
        ratio
    )
    assert set(report["langs"]) == langs and set(report["supervised"]) == own
    assert report["rho"] == pytest.approx(rho) and report["average"] == pytest.approx(average)
    for source, comparison in report["joint"].items():
        assert source not in langs
        both = {t for t in langs if (source, t) in f and (t, t) in f}
        assert set(comparison["langs"]) == both != set()
        rows = comparison["langs"]
        difference = {t: f[source, t] - f[t, t] for t in both}
        assert {t: rows[t]["difference"] for t in both} == pytest.approx(difference, abs=1e-12)
        assert comparison["average"]["difference"] == pytest.approx(sum(difference.values()) / len(both), abs=1e-12)


GOOD = scores({"en": 0.5})


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {},
        {"rel_per_lang": None},
        {"rel_per_lang": [1]},
        {"rel_per_lang": {"en": 0.5}},
        {"rel_per_lang": {"en": {"f": 0.5, "support": 1}}},
        {"rel_per_lang": {"en": {"f": "0.5", "macro_f": 0.5, "support": 1}}},
        {"rel_per_lang": {"en": {"f": 50.0, "macro_f": 0.5, "support": 1}}},
        {"rel_per_lang": {"en": {"f": math.nan, "macro_f": 0.5, "support": 1}}},
        {"rel_per_lang": {"en": {"f": True, "macro_f": 0.5, "support": 1}}},
        {"rel_per_lang": {"en": {"f": 0.5, "macro_f": 0.5, "support": True}}},
        {"rel_per_lang": {}},
        scores({"en": None, "de": None}),
        {**GOOD, "rel_per_lang_type": {"en": {"r": {"f": 0.5}}}},
        {**GOOD, "rel_per_lang_type": ["en"]},
    ],
)
def test_bad_scores(bad):
    with pytest.raises(RelxError, match=r"RX177.*run 2, of the source 'de'"):
        transfer_report([("en", GOOD), ("de", bad)])


@pytest.mark.parametrize(
    ("runs", "options", "part"),
    [
        ([], {}, "no runs"),
        ([("en", GOOD)], {"metric": "f"}, "'micro' or 'macro'"),
        ([("en", GOOD)], {"langs": ["en", "de"]}, "'de'. Languages: en"),
        ([("en", GOOD)], {"langs": []}, "no language"),
        ([("en", scores({"en": 0.5, "de": None}))], {"langs": ["de"]}, "'de'"),
        ([("en", GOOD), ("EN", GOOD)], {}, "the source 'EN' is the language 'en'"),
        ([("pt_br", scores({"pt-BR": 0.5}))], {}, "the source 'pt_br' is the language 'pt-BR'"),
    ],
)
def test_reports_that_cannot_be(runs, options, part):
    with pytest.raises(RelxError, match="RX178") as error:
        transfer_report(runs, **options)
    assert part in str(error.value)


@pytest.mark.parametrize(
    ("one", "two", "part"),
    [
        (scores({"en": 0.5}, match="strict"), scores({"en": 0.5}, match="boundary"), "match"),
        (scores({"en": 0.5}, gold_entities=True), scores({"en": 0.5}, gold_entities=False), "gold_entities"),
        (GOOD, {"rel_per_lang": {"en": {"f": 0.5, "macro_f": 0.5, "support": 11}}}, "gold relations of 'en' is 10"),
    ],
)
def test_runs_that_were_not_scored_alike(one, two, part):
    with pytest.warns(RelxWarning, match=rf"RX179.*{part}.*'de'"):
        transfer_report([("en", one), ("de", two)])
    transfer_report([("en", one), ("de", one)])  # no warning, which would be an error here


# scores by language and type


def naive_by_type(examples):
    table = {}
    for example in examples:
        row = table.setdefault(example.reference._.lang or "unknown", {})
        gold, pred = (set(doc._.relations) for doc in (example.reference, example.predicted))
        for relation in gold | pred:
            counts = row.setdefault(relation.label, [0, 0, 0])
            counts[0] += relation in gold and relation in pred
            counts[1] += relation in gold
            counts[2] += relation in pred
    return {
        lang: {
            label: {
                "p": hits / pred if pred else 0.0,
                "r": hits / gold if gold else 0.0,
                "f": 2 * hits / (gold + pred),
                "support": gold,
            }
            for label, (hits, gold, pred) in row.items()
        }
        for lang, row in table.items()
    }


RELATIONS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["r", "s"]), st.integers(0, 2)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["en", "de", ""]), RELATIONS, RELATIONS), max_size=5))
def test_scores_by_language_and_type(vocab, items):
    mentions = [(0, 1, "A"), (1, 2, "B"), (2, 3, "C")]
    examples = []
    for lang, gold, pred in items:
        docs = [make_doc(vocab, "x y z", mentions, relations) for relations in (pred, gold)]
        docs[1]._.lang = lang
        examples.append(Example(*docs))
    found = score_relations(examples)["rel_per_lang_type"]
    if any(gold for _, gold, _ in items):
        assert found == naive_by_type(examples) and list(found) == sorted(found)
        assert all(list(row) == sorted(row) for row in found.values())
    else:
        assert found is None


@pytest.fixture(scope="module")
def vocab():
    return Vocab()


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
    printed = invoke("transfer", *args, "--output", out, "--markdown", page).stdout
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
    lines = lines_of(invoke("transfer", *args, "--metric", "macro", "--languages", "de, en").stdout)
    assert " ".join(lines[0]) == "macro F1 de en Average rho runs"
    assert " ".join(lines[1]) == "en 22.5 ± 3.5 40.0 ± 7.1 22.5 90.0 2"  # a file that is named twice counts once
    assert not any("monolingual" in line or "relation" in line for line in lines)
    alone = invoke("transfer", f"en={metrics}/en-0.json", "--languages", "en").stdout
    assert "supervised" not in alone and lines_of(alone)[1] == ["en", "70.0", "-", "-"]


def test_command_names_of_sources(metrics):
    lines = lines_of(invoke("transfer", f" en ={metrics}/en-0.json", f"en={metrics}/en-1.json").stdout)
    assert lines[1][:4] == ["en", "80.0", "±", "14.1"]
    assert "[RX178]" in invoke("transfer", f"En={metrics}/en-0.json", exit_code=1).stderr


def test_command_counts_a_file_once(metrics, tmp_path):
    (tmp_path / "link.json").symlink_to(metrics / "en-0.json")
    alone = invoke("transfer", f"en={metrics}/en-0.json").stdout
    same = [f"en={metrics}/../metrics/en-0.json", f"en={tmp_path}/link.json"]
    assert invoke("transfer", f"en={metrics}/en-0.json", *same).stdout == alone
    message = invoke("transfer", f"en={metrics}/en-*.json", f"joint={tmp_path}/link.json", exit_code=1).stderr
    assert "[RX178]" in message and "two sources, 'en' and 'joint'" in message


@pytest.mark.parametrize(
    "option",
    [("--test", "test.spacy"), ("--gold-entities",), ("--batch-size", "8"), ("--code", "code.py"), ("--gpu-id", "0")],
    ids=lambda option: option[0],
)
def test_command_options_for_pipelines_only(metrics, option):
    message = invoke("transfer", f"en={metrics}/en-0.json", *option, exit_code=1).stderr
    assert "[RX178]" in message and option[0] in message


def test_command_match_of_metrics_files(pipelines, corpus, tmp_path):
    """Files cannot be scored anew: --match may only say what they say."""
    strict = f"en={save(tmp_path / 'strict.json', {**GOOD, 'match': 'strict'})}"
    silent = f"de={save(tmp_path / 'silent.json', GOOD)}"
    assert "50.0" in invoke("transfer", strict, "--match", "strict").stdout
    for sources, part in (([strict], "--match strict"), ([silent], "does not say")):
        message = invoke("transfer", *sources, "--match", "boundary", exit_code=1).stderr
        assert "[RX178]" in message and part in message
    mixed = [f"both={pipelines}/de/model-best", "--test", corpus, "--gold-entities", "--match", "boundary"]
    assert "[RX178]" in invoke("transfer", strict, *mixed, exit_code=1).stderr
    assert "both" in invoke("transfer", silent, *mixed).stdout


def test_command_with_brackets_in_a_name(metrics):
    path = metrics / "run[1].json"
    path.write_bytes((metrics / "en-0.json").read_bytes())
    assert "70.0" in invoke("transfer", f"en={path}").stdout


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
    from spacy_relx.cli import evaluate

    load, loaded = evaluate.load_pipeline, []

    def load_alone(path):
        assert [ref() for ref in loaded] == [None] * len(loaded), "the pipeline before is still there"
        nlp = load(path)
        nlp.tokenizer = Circular(nlp.tokenizer, nlp)
        loaded.append(weakref.ref(nlp))
        return nlp

    own = tmp_path / "en.json"
    invoke("evaluate", pipelines / "en" / "model-best", corpus, "--gold-entities", "--output", own)
    expected = json.loads(own.read_text(encoding="utf8"))
    assert expected["rel_per_lang"]["en"]["f"] == 1.0
    out = tmp_path / "out.json"
    args = [f"en={pipelines}/en/model-best", f"both={pipelines}/*/model-best", f"file={own}"]
    monkeypatch.setattr(evaluate, "load_pipeline", load_alone)
    gc.disable()  # so that only the command itself can have collected them
    try:
        result = invoke("transfer", *args, "--test", corpus, "--gold-entities", "--types", "--output", out)
    finally:
        gc.enable()
    report = json.loads(out.read_text(encoding="utf8"))
    assert len(loaded) == 3 and f"both: {pipelines}/de/model-best" in result.stderr
    for lang in ("en", "de"):
        f = expected["rel_per_lang"][lang]["f"]
        assert report["f"]["en"][lang]["mean"] == report["f"]["file"][lang]["mean"] == f
    assert (report["f"]["both"]["en"]["n"], report["f"]["both"]["en"]["mean"] < 1) == (2, True)
    assert report["per_type"]["en"]["en"]["works_for"]["mean"] == 1.0
    assert report["files"]["both"] == [f"{pipelines}/{name}/model-best" for name in ("de", "en")]


def test_command_settings_reach_the_pipelines(pipelines, corpus, tmp_path):
    """Without gold mentions these pipelines find nothing; how they are scored must fit the metrics files."""
    source = f"en={pipelines}/en/model-best"
    assert "RX171" in invoke("transfer", source, "--test", corpus).stderr
    metrics = tmp_path / "strict.json"
    invoke("evaluate", pipelines / "de" / "model-best", corpus, "--gold-entities", "--match", "strict", "-o", metrics)
    args = [f"de={metrics}", source, "-t", corpus, "--gold-entities"]
    assert "RX" not in invoke("transfer", *args, "-m", "strict").stderr
    assert "match is strict for the source 'de', boundary for 'en'" in invoke("transfer", *args).stderr


@pytest.mark.parametrize(
    ("arg", "code", "part"),
    [
        ("metrics.json", "RX176", "not SOURCE=PATH"),
        ("=metrics.json", "RX176", "not SOURCE=PATH"),
        ("en=", "RX176", "not SOURCE=PATH"),
        ("en={0}/absent.json", "RX176", "no such file"),
        ("en={0}/absent-*.json", "RX176", "no such file"),
        ("en={0}", "RX176", "no config.cfg"),
        ("en={0}/broken.json", "RX177", "broken.json"),
        ("en={0}/binary.json", "RX177", "utf-8"),
        ("en={0}/other.json", "RX177", "rel_per_lang"),
        ("en={0}/none.json", "RX177", "no gold"),
    ],
)
def test_command_with_a_bad_source(metrics, arg, code, part):
    (metrics / "broken.json").write_text("{", encoding="utf8")
    (metrics / "binary.json").write_bytes(b"\xff\xfe")
    save(metrics / "other.json", {"ents_f": 1.0})
    save(metrics / "none.json", {"rel_per_lang": None})
    message = invoke("transfer", f"de={metrics}/de-0.json", arg.format(metrics), exit_code=1).stderr
    assert f"[{code}]" in message and part in message


def test_command_that_cannot_report(metrics, pipelines, tmp_path):
    good = f"en={metrics}/en-0.json"
    assert "--test" in invoke("transfer", good, f"de={pipelines}/de/model-best", exit_code=1).stderr
    assert "'fr'" in invoke("transfer", good, "--languages", "fr", exit_code=1).stderr
    old = save(tmp_path / "old.json", GOOD)
    assert "relx evaluate" in invoke("transfer", f"en={old}", "--types", exit_code=1).stderr
    warned = invoke("transfer", f"en={save(tmp_path / 'strict.json', {**GOOD, 'match': 'strict'})}", good)
    assert "RX179" not in warned.stderr  # only one of them says how it was scored
    loose = save(tmp_path / "loose.json", {**GOOD, "match": "boundary"})
    assert "RX179" in invoke("transfer", f"en={tmp_path}/strict.json", f"en={loose}").stderr


def test_command_never_overwrites_an_input(metrics, pipelines, corpus, tmp_path):
    before = {path: path.read_bytes() for path in metrics.iterdir()}
    model = pipelines / "en" / "model-best"
    for option in ("--output", "--markdown"):
        for path in (metrics / "en-1.json", corpus, model / "meta.json", model / "vocab" / "strings.json"):
            args = [f"en={metrics}/en-*.json", f"de={model}", "--test", corpus, option, path]
            assert "[RX189]" in invoke("transfer", *args, exit_code=1).stderr, path
    both = ["--output", tmp_path / "out", "--markdown", tmp_path / "." / "out"]
    assert "[RX186]" in invoke("transfer", f"en={metrics}/en-0.json", *both, exit_code=1).stderr
    assert before == {path: path.read_bytes() for path in metrics.iterdir()}
