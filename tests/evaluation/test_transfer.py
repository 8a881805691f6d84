"""Transfer between languages: the report against naive loops."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.training import Example
from spacy.vocab import Vocab
from support.examples import make_doc
from support.transfer import GOOD, scores

from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import score_relations, transfer_report

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
    with pytest.raises(RelxError, match=r"RX615.*run 2, of the source 'de'"):
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
        (scores({"en": 0.5}, gold_mentions=True), scores({"en": 0.5}, gold_mentions=False), "gold_mentions"),
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
                "n_pred": pred,
            }
            for label, (hits, gold, pred) in row.items()
        }
        for lang, row in table.items()
    }


RELATIONS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["r", "s"]), st.integers(0, 2)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["en", "de", ""]), RELATIONS, RELATIONS), max_size=5))
def test_scores_by_lang_and_type(vocab, items):
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
