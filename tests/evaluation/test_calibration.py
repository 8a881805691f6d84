"""Calibrated scores and fitted thresholds: the numbers against naive ones, the components that apply them."""

from __future__ import annotations

import json
import pickle
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from spacy.tokens import DocBin
from support.commands import invoke
from support.examples import SENTENCES, make_doc, make_examples
from support.fit_items import items
from support.joint import joint_model, make_joint, raw_docs, train_joint
from support.model import MULTILABEL, make_nlp, model_config, train

from spacy_relx.data.calibration import Calibration, Fit, items_of, log_odds
from spacy_relx.data.thresholds import Thresholds
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import calibration as module
from spacy_relx.evaluation import evaluate
from spacy_relx.evaluation.calibrate import apply_fitted
from spacy_relx.evaluation.calibration import (
    FitItems,
    Fitted,
    fit_calibration,
    fit_temperature,
    fit_threshold,
    pool_adjacent_violators,
)
from spacy_relx.evaluation.reliability import reliability_scores

# Fitting


@settings(max_examples=200, deadline=None)
@given(items(), st.sampled_from([0, 1, module._PASSES]))
def test_isotonic_regression_equals_sklearn(data, passes):
    scores, right = data
    before, module._PASSES = module._PASSES, passes
    try:
        x, y = pool_adjacent_violators(scores, right)
    finally:
        module._PASSES = before
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and (y >= 0).all() and (y <= 1).all()
    at = np.linspace(0, 1, 61)
    wanted = IsotonicRegression(out_of_bounds="clip").fit(scores, right.astype(float)).predict(at)
    assert np.interp(at, x, y) == pytest.approx(wanted, abs=1e-9)


def test_isotonic_regression_of_an_order_that_pools_one_by_one():
    """A long rise and one fall at its end: each pass over all blocks could pool one only."""
    n = 4000
    right = np.append(np.linspace(0.5, 1, n), [0.0] * 50)
    scores = np.linspace(0, 1, len(right))
    x, y = pool_adjacent_violators(scores, right)
    wanted = IsotonicRegression().fit(scores, right).predict(scores)
    assert np.interp(scores, x, y) == pytest.approx(wanted, abs=1e-9)


def test_temperature_is_the_likeliest():
    draw = np.random.default_rng(0)
    z = draw.normal(0, 3, 4000)
    right = draw.random(4000) < 1 / (1 + np.exp(-z / 2.5))
    scores = 1 / (1 + np.exp(-z))

    def loss(t):
        p = 1 / (1 + np.exp(-log_odds(scores) / t))
        return -np.log(np.where(right, p, 1 - p)).sum()

    wanted = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert fit_temperature(scores, right) == pytest.approx(wanted, rel=1e-3) == pytest.approx(2.5, rel=0.1)
    assert fit_temperature([0.9, 0.1], [True, False]) == pytest.approx(0.05)  # it cannot be sure enough


@settings(max_examples=200, deadline=None)
@given(items(), st.integers(0, 3), st.sampled_from([None, 0.5, 0.8, 1.0]))
def test_thresholds_against_all_cuts(data, missing, precision):
    scores, right = data
    n_gold = int(right.sum()) + missing
    threshold = fit_threshold(scores, right, n_gold, precision=precision)

    def numbers(cut):
        taken = scores > cut
        hits = (taken & right).sum()
        return hits / max(taken.sum(), 1), 2 * hits / max(taken.sum() + n_gold, 1), taken.sum()

    cuts = [numbers(cut) for cut in [-1.0, *scores] if numbers(cut)[2]]
    if precision is None:
        assert right.any() == (threshold is not None)
        if threshold is not None:
            assert numbers(threshold)[1] == pytest.approx(max(f for _, f, _ in cuts)) or 0.0 in scores
    else:
        good = [n for p, _, n in cuts if p >= precision and p > 0]
        assert bool(good) == (threshold is not None)
        if threshold is not None and scores.min() > 0:
            assert numbers(threshold)[0] >= precision and numbers(threshold)[2] == max(good)


def test_nothing_cannot_be_fitted():
    for fit in (pool_adjacent_violators, fit_temperature):
        with pytest.raises(RelxError, match="RX391"):
            fit([], [])


# What is applied


def make_items(n=400, seed=0, langs=("en", "de")):
    """Items of two labels in two languages, of which in the second the model is far too sure."""
    draw = np.random.default_rng(seed)
    found = FitItems(("r", "s"))
    for i in range(n):
        columns = draw.integers(0, 2, 3)
        raw = draw.random(3).astype("float32")
        right = draw.random(3) < 1 / (1 + np.exp(-log_odds(raw) / (6 if i % 2 else 1)))
        found._parts.append((raw, columns.astype("int32"), right))
        found._langs.append(langs[i % len(langs)])
        found.gold.update((("r", "s")[c], langs[i % len(langs)]) for c, r in zip(columns, right) if r)
    return found


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_fits_by_relation_and_language_and_fallback(method):
    found = make_items()
    both, thresholds = fit_calibration(found, method=method, precision=0.7, per=["label", "lang"])
    assert [(fit.label, fit.lang) for fit in both.fits] == [
        (label, lang) for label in (None, "r", "s") for lang in (None, "de", "en")
    ]
    raw, columns, right, langs, sizes = found.columns()
    rows = both.rows(("r", "s"), columns, langs, sizes)
    values = both.apply(raw, rows)
    assert Thresholds.from_settings("x", *json.loads(json.dumps(thresholds.to_settings())).values()) == thresholds
    bars = thresholds.of_pairs(("r", "s"), langs, sizes)
    for i in range(0, len(raw), 97):
        lang = np.repeat(langs, sizes)[i]
        fit = next(f for f in both.fits if (f.label, f.lang) == (("r", "s")[columns[i]], lang))
        assert values[i] == pytest.approx(fit.apply(raw[i : i + 1])[0])
        assert bars[i, columns[i]] == thresholds.of(fit.label, fit.lang)
    for fit in both.fits[4:6]:  # each keeps to the precision on what it was fitted to
        mine = (columns == 0) & (np.repeat(langs, sizes) == fit.lang)
        taken = mine & (fit.apply(raw) > thresholds.of(fit.label, fit.lang))
        assert right[taken].mean() >= 0.7
    after = reliability_scores(values, right)["ece"]
    assert after < reliability_scores(raw, right)["ece"] / 2
    few, one = fit_calibration(found, method=method, per=["label"], min_examples=10_000)
    assert len(few.fits) == 1 and one == Thresholds(one.threshold)
    unknown = both.rows(("t", "r"), np.array([0, 1, 0]), ["fr", "de"], [1, 2])
    assert [(both.fits[i].label, both.fits[i].lang) for i in unknown] == [(None, None), ("r", "de"), (None, "de")]


def test_calibration_is_plain_and_is_checked():
    calibration, _ = fit_calibration(make_items(), method="isotonic", per=["label"])
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    good = calibration.to_dict()
    for broken in (
        None,
        {},
        {**good, "fits": []},
        {**good, "method": "magic"},
        {**good, "fits": good["fits"][1:]},
        {**good, "fits": [{**good["fits"][0], "points": []}]},
        {**good, "fits": [{**good["fits"][0], "points": [[0.1, 0.5], [0.2, 0.4]]}]},
        {**good, "fits": [{**good["fits"][0], "points": [], "temperature": 0}]},
        {**good, "fits": [{**good["fits"][0], "label": 3}]},
    ):
        with pytest.raises(RelxError, match="RX382"):
            Calibration.from_dict(broken)


def test_what_cannot_be_fitted():
    found = make_items(20)
    for settings_, code in (({"method": "magic"}, "RX021"), ({"precision": 2.0}, "RX021"), ({"per": ["x"]}, "RX021")):
        with pytest.raises(RelxError, match=code):
            fit_calibration(found, **settings_)
    with pytest.raises(RelxError, match="RX387"):
        fit_calibration(FitItems(("r",)))
    wrong = FitItems(("r",))
    wrong._parts.append((np.array([0.9, 0.5, 0.4], "float32"), np.zeros(3, "int32"), np.array([False, True, False])))
    wrong._langs.append("en")
    with pytest.warns(RelxWarning, match="RX388"):
        assert fit_calibration(wrong, precision=0.9).thresholds.threshold == 1.0


def test_items():
    raw = np.array([[0.1, 0.5], [0.0, 0.0], [0.3, 0.3]], dtype="float32")
    assert [each.tolist() for each in items_of(raw, multi_label=False)] == [[0, 2], [1, 0]]
    assert [each.tolist() for each in items_of(raw, multi_label=True)] == [[0, 0, 2, 2], [0, 1, 0, 1]]
    assert [len(each) for each in items_of(raw[:0], multi_label=False)] == [0, 0]


# Components


def sharp(temperature=2.0):
    return Calibration("temperature", [Fit(None, None, 9, 9, temperature)])


def docs_of(nlp):
    return list(nlp.pipe([make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]))


def rows_of(nlp):
    return [[(r.to_dict()["head"], r.label, round(r.score, 6)) for r in doc._.relations] for doc in docs_of(nlp)]


@pytest.mark.parametrize("head", [None, MULTILABEL])
def test_extractor_applies_and_keeps_its_calibration(head, tmp_path):
    nlp = make_nlp(model_config(head) if head else None)
    train(nlp, steps=25)
    pipe = nlp.get_pipe("relation_extractor")
    plain = rows_of(nlp)
    weights = pipe.model.to_bytes()
    apply_fitted(nlp, pipe, Fitted(sharp(3.0), Thresholds(0.0)))  # lower than the model's own: more relations
    more = rows_of(nlp)
    assert sum(map(len, more)) > sum(map(len, plain)) > 0
    for doc, scores in zip(docs_of(nlp), pipe.predict(docs_of(nlp))):
        for relation in doc._.relations:
            row = list(doc._.candidates).index(
                next(c for c in doc._.candidates if (c.head, c.tail) == (relation.head, relation.tail))
            )
            raw = scores[row, 1 + pipe.labels.index(relation.label)]
            assert relation.score == pytest.approx(1 / (1 + np.exp(-log_odds(raw) / 3.0)))
    assert pipe.model.to_bytes() == weights
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    again = spacy.util.load_model_from_config(nlp.config, auto_fill=True).from_bytes(nlp.to_bytes())
    for other in (loaded, again, pickle.loads(pickle.dumps(loaded.get_pipe("relation_extractor")))):
        calibrated = other if not hasattr(other, "get_pipe") else other.get_pipe("relation_extractor")
        assert calibrated.calibration == pipe.calibration
    assert rows_of(loaded) == rows_of(again) == more
    # what a config says holds, on the calibrated scores
    changed = spacy.load(tmp_path, config={"components": {"relation_extractor": {"threshold": 0.6}}})
    assert all(score > 0.6 for row in rows_of(changed) for _, _, score in row)
    assert rows_of(changed) == [[r for r in row if r[2] > 0.6] for row in more]
    pipe.set_calibration(None)
    assert pipe.threshold == 0.0 and "calibration" not in pipe.cfg
    pipe.threshold = None
    assert rows_of(nlp) == plain


@pytest.mark.parametrize("calibration", [None, sharp(1.0)])
def test_thresholds_are_those_of_the_settings(calibration):
    """With a calibration and without: the most special one that the settings have, by label and language."""
    nlp = make_nlp()
    train(nlp, steps=25)
    pipe = nlp.get_pipe("relation_extractor")
    plain = rows_of(nlp)
    pipe.set_calibration(calibration)
    assert rows_of(nlp) == [[(h, label, pytest.approx(s, abs=1e-5)) for h, label, s in row] for row in plain]

    def found(lang, **settings):
        pipe.set_thresholds(Thresholds(**settings))
        docs = [make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]
        for doc in docs:
            doc._.lang = lang
        return {relation.label for doc in nlp.pipe(docs) for relation in doc._.relations}

    every = {label for row in plain for _, label, _ in row}
    assert len(every) > 2 and found("en") == every and found("en", threshold=1.0) == set()
    first, second = sorted(every)[:2]
    assert found("en", threshold=1.0, labels={first: 0.2}) == {first}
    in_english = {("en", None): 1.0, ("en", second): 0.2}
    assert found("en", langs=in_english) == {second} and found("de", langs=in_english) == every
    assert found("", langs=in_english) == every
    assert found("en", labels={first: 0.2}, langs=in_english) == {first, second}
    assert found("en", labels={second: 1.0, first: 1.0}, langs=in_english) == {second}


def test_labels_that_a_config_cannot_hold_as_names(tmp_path):
    """A line "org:founded_by = 0.5" is read as org = "founded_by = 0.5"."""
    thresholds = Thresholds(0.4, {"org:founded_by": 0.123456789, "r": 0.5}, {("de", "a=b"): 0.25, ("de", None): 0.5})
    nlp = make_nlp()
    apply_fitted(nlp, nlp.get_pipe("relation_extractor"), Fitted(sharp(), thresholds))
    config = nlp.config.from_str(nlp.config.to_str())
    loaded = spacy.util.load_model_from_config(config, auto_fill=True)
    assert loaded.get_pipe("relation_extractor").thresholds == thresholds
    assert Thresholds(None, {"r": 0.5}).to_settings()["label_thresholds"] == {"r": 0.5}
    for name in ("relation_extractor", "joint_extractor", "fact_extractor"):
        nlp = spacy.blank("en")
        with pytest.raises(RelxError, match=r"RX562.*\[\['org:founded_by', 0\.5\]\]"):
            nlp.add_pipe(name, config={"label_thresholds": {"org:founded_by": 0.5}})
        assert nlp.add_pipe(name, config={"label_thresholds": [["org:founded_by", 0.5]]}).thresholds.labels
    for wrong in (
        {"label_thresholds": [["r"]]},
        {"lang_thresholds": [["de", 0.5]]},
        {"lang_thresholds": [["de", 3, 0.5]]},
    ):
        with pytest.raises(RelxError, match="RX021"):
            make_nlp(**wrong)
    with pytest.raises(RelxError, match=r"RX021.*r in de"):
        make_nlp(lang_thresholds=[["de", "r", 1.5]])


@given(items(min_size=2))
def test_fitted_thresholds_are_short(data):
    scores, right = data
    threshold = fit_threshold(scores, right, int(right.sum()))
    assert threshold is None or threshold == round(threshold, 4)


def test_training_drops_a_calibration():
    nlp = make_nlp()
    train(nlp, steps=2)
    pipe = nlp.get_pipe("relation_extractor")
    pipe.set_calibration(sharp())
    with pytest.warns(RelxWarning, match="RX381"):
        nlp.update(make_examples(nlp.vocab), sgd=nlp.resume_training())
    assert pipe.calibration is None and "calibration" not in pipe.cfg
    pipe.set_calibration(sharp())
    nlp.initialize(lambda: make_examples(nlp.vocab))
    assert pipe.calibration is None


def test_joint_extractor_applies_its_calibration(tmp_path):
    nlp = make_joint(joint_model())
    train_joint(nlp, make_examples(nlp.vocab), steps=40)
    pipe = nlp.get_pipe("joint_extractor")
    before = [len(doc._.relations) for doc in nlp.pipe(raw_docs(nlp))]
    apply_fitted(nlp, pipe, Fitted(sharp(4.0), Thresholds(0.0)))
    after = list(nlp.pipe(raw_docs(nlp)))
    assert sum(len(doc._.relations) for doc in after) > sum(before)
    nlp.to_disk(tmp_path)
    loaded = list(spacy.load(tmp_path).pipe(raw_docs(nlp)))
    wanted = [[(r.label, pytest.approx(r.score, abs=1e-5)) for r in doc._.relations] for doc in after]
    assert [[(r.label, r.score) for r in doc._.relations] for doc in loaded] == wanted
    levels = evaluate(nlp, gold_docs(nlp.vocab))["rel_reliability"]
    assert levels["pairs"]["n"] >= levels["predicted"]["n"] > 0 and pipe.on_scores is None


def gold_docs(vocab, copies=1):
    docs = []
    for i in range(copies):
        for words, mentions, relations in SENTENCES:
            doc = make_doc(vocab, words, mentions, relations)
            doc._.lang = ("en", "de")[i % 2]
            docs.append(doc)
    return docs


# Commands


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = make_nlp()
    train(nlp, steps=12)
    path = tmp_path_factory.mktemp("calibrate") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("calibrate") / "gold.spacy"
    DocBin(docs=gold_docs(spacy.blank("en").vocab, 6), store_user_data=True).to_disk(path)
    return path


def weights_of(path):
    module_ = spacy.load(path).get_pipe("relation_extractor").model.shims[0].module
    return {name: value.numpy() for name, value in module_.state_dict().items()}


def check_what_is_saved(out, options):
    """The component, its config and the file say the same, and the meta how it came about."""
    nlp = spacy.load(out)
    pipe = nlp.get_pipe("relation_extractor")
    assert pipe.calibration.method == (options[1] if options else "temperature")
    settings_ = {name: getattr(pipe, name) for name in ("threshold", "label_thresholds", "lang_thresholds")}
    assert 0 <= pipe.threshold <= 1
    saved = spacy.util.load_config(out / "config.cfg")["components"]["relation_extractor"]
    record = nlp.meta["calibration"]["relation_extractor"]
    for place in (nlp.get_pipe_config("relation_extractor"), saved, record):
        assert {name: place[name] for name in settings_} == settings_
    assert record["target"] == ({"precision": 0.9} if options else {"best_f1": True})
    assert record["n_docs"] == 54 and record["after"]["f"] > 0
    if options:
        assert {fit.lang for fit in pipe.calibration.fits} == {None, "de", "en"}
        assert settings_["label_thresholds"] and {lang for lang, _, _ in settings_["lang_thresholds"]} == {"de", "en"}


@pytest.mark.parametrize("options", [(), ("--method", "isotonic", "--precision", "0.9", "--per", "label,lang")])
def test_calibrate_command(model, data, tmp_path, options):
    out = tmp_path / "calibrated"
    weights = weights_of(model)
    result = invoke("calibrate", model, data, "--output", out, "--gold-mentions", "--min-examples", "5", *options)
    assert "before" in result.stdout and "threshold" in result.stdout
    assert all(np.array_equal(value, weights[name]) for name, value in weights_of(out).items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibrated"]
    check_what_is_saved(out, options)
    picture, metrics = tmp_path / "r.svg", tmp_path / "m.json"
    invoke("evaluate", out, data, "--gold-mentions", "--reliability", picture, "--output", metrics)
    ET.parse(picture)
    scores = json.loads(metrics.read_text(encoding="utf8"))
    assert set(scores["gold_mentions_rel_reliability"]["pairs"]["per_lang"]) == {"en", "de"}
    if options:
        assert scores["gold_mentions_rel_micro_p"] >= 0.9
    else:
        invoke("evaluate", model, data, "--gold-mentions", "--output", metrics)
        key = "gold_mentions_rel_micro_f"
        assert scores[key] >= json.loads(metrics.read_text(encoding="utf8"))[key]


def test_calibrate_refuses(model, data, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("x", encoding="utf8")
    for args, code in (
        ((full,), "RX186"),
        ((model / "inside",), "RX181"),
        ((tmp_path / "o", "--precision", "1.5"), "RX021"),
        ((tmp_path / "o", "--per", "mood"), "RX021"),
    ):
        assert code in invoke("calibrate", model, data, "--output", *args, exit_code=1).output
    blank = tmp_path / "blank"
    spacy.blank("en").to_disk(blank)
    assert "RX380" in invoke("calibrate", blank, data, "--output", tmp_path / "o", exit_code=1).output
    result = invoke("evaluate", model, data, "--reliability", tmp_path / "x.txt", exit_code=1)
    assert "RX368" in result.output
    assert not (tmp_path / "o").exists()
