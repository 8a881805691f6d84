"""Routes of languages through a switcher: which are shown, and which texts of unknown languages take."""

import json
import warnings
from xml.dom import minidom

import pytest
import spacy
from spacy.tokens import Doc
from support.examples import make_examples
from support.joint import (
    LANGS,
    SWITCHER,
    examples_in,
    go_on,
    joint_model,
    language_encoder,
    make_joint,
    outputs,
    raw_docs,
    train_joint,
)
from support.model import make_nlp
from support.model import model_config as pair_model
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import get_routes, set_sentence_langs
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.languages.language_router import LanguageRouter
from spacy_relx.library.routes import spread

MODEL = joint_model(encoder=language_encoder())


@pytest.fixture(scope="module")
def trained():
    nlp = make_joint(MODEL, router={"default": "en"})
    train_joint(nlp, examples_in(nlp.vocab), steps=60)
    return nlp


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("routes")
    trained.to_disk(path)
    return path


def routed(nlp, lang):
    doc = nlp.make_doc("Bob founded Initech")
    doc._.lang = lang
    nlp.get_pipe("language_router")(doc)
    return [code for _, _, code in get_routes(doc)]


# The router holds the languages


def test_the_router_learns_the_languages_where_a_model_asks(trained, saved):
    assert trained.get_pipe("language_router").langs == list(LANGS)
    assert spacy.load(saved).get_pipe("language_router").langs == list(LANGS)
    assert trained.get_pipe("joint_extractor").model.layers[0].shims[0].layer.task.langs == tuple(LANGS)
    plain = make_joint(router={"default": "en"})
    plain.initialize(lambda: examples_in(plain.vocab))
    assert plain.get_pipe("language_router").langs is None


def test_languages_of_the_config_hold():
    nlp = make_joint(MODEL, router={"default": "en", "langs": ["en", "de", "fr", "it"]})
    with pytest.warns(RelxWarning, match="RX276.* is in it,"):  # there are no examples in Italian
        nlp.initialize(lambda: examples_in(nlp.vocab))
    assert nlp.get_pipe("joint_extractor").model.layers[0].shims[0].layer.task.langs == ("en", "de", "fr", "it")


def test_without_a_router_the_data_say_the_languages():
    nlp = make_joint(MODEL)
    nlp.initialize(lambda: examples_in(nlp.vocab))
    assert nlp.get_pipe("joint_extractor").model.layers[0].shims[0].layer.task.langs == tuple(LANGS)


def test_data_without_languages():
    nlp = make_joint(MODEL)
    with pytest.warns(RelxWarning, match="RX266"):
        nlp.initialize(lambda: make_examples(nlp.vocab))
    assert nlp("Bob founded Initech") is not None


# Unknown languages


def test_an_unknown_language_takes_the_average_and_is_said_once(saved):
    nlp = spacy.load(saved)
    with pytest.warns(RelxWarning, match=r"RX267.*'fi'.*average"):
        assert routed(nlp, "fi") == [""]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert routed(nlp, "fi") == [""]
        assert routed(nlp, "de") == ["de"]
    assert outputs(nlp, ["fi"])  # no crash


def test_the_nearest_language(saved):
    pytest.importorskip("langcodes")
    nlp = spacy.load(saved, config={"components": {"language_router": {"unknown": "nearest"}}})
    with pytest.warns(RelxWarning, match=r"RX267.*'lb'.*route of 'de'"):
        assert routed(nlp, "lb") == ["de"]
    with pytest.warns(RelxWarning, match=r"RX267.*'ja'.*average"):
        assert routed(nlp, "ja") == [""]


def test_fallbacks_come_first(saved):
    nlp = spacy.load(saved, config={"components": {"language_router": {"fallbacks": {"fi": "fr", "sv": "xx"}}}})
    with pytest.warns(RelxWarning, match=r"RX267.*route of 'fr'"):
        assert routed(nlp, "fi") == ["fr"]
    with pytest.warns(RelxWarning, match=r"RX267.*average"):
        assert routed(nlp, "sv") == [""]
    assert outputs(nlp, ["fi"]) == outputs(nlp, ["fr"])


def test_fallbacks_to_languages_without_a_model(saved):
    """Said with the first text, in whatever language it is, and not when the first one takes that way."""
    nlp = spacy.load(saved, config={"components": {"language_router": {"fallbacks": {"fi": "fr", "sv": "it"}}}})
    with pytest.raises(RelxError, match=r"RX021.*'fallbacks' is \{'sv': 'it'\}.*\(de, en, fr\)"):
        nlp("Ann")
    nlp.get_pipe("language_router").add_langs(["it"])
    assert nlp("Ann") is not None


def test_a_router_that_loads_twice_knows_what_it_loaded_last():
    router = LanguageRouter(detector=None, langs=["de"])
    for langs in (["pt", "nl"], ["it"], []):
        other = LanguageRouter(detector=None)
        if langs:
            other.add_langs(langs)
        router.from_bytes(other.to_bytes())
        assert router.langs == [*langs, "de"]


def test_a_warning_names_the_line_of_its_user(saved):
    nlp = spacy.load(saved)
    doc = nlp.make_doc("Bob founded Initech")
    doc._.lang = "sv"
    for run in (lambda: routed(nlp, "fi"), lambda: list(nlp.pipe([doc]))):
        with pytest.warns(RelxWarning, match="RX267") as caught:
            run()
        assert [each.filename for each in caught] == [__file__]


@pytest.mark.parametrize("settings, code", [({"unknown": "far"}, "RX021"), ({"langs": ["english!"]}, "RX042")])
def test_settings_that_make_no_sense(settings, code):
    with pytest.raises(RelxError, match=code):
        LanguageRouter(**settings)


def test_the_language_matters(trained):
    assert outputs(trained, ["de"]) != outputs(trained, ["fr"])


def test_a_document_of_several_languages_is_routed_by_sentence(trained):
    words = ["Bob", "founded", "Initech"]
    alone = {}
    for lang in ("de", "fr"):
        doc = Doc(trained.vocab, words=words, sent_starts=[True, False, False])
        doc._.lang = lang
        alone[lang] = trained.get_pipe("joint_extractor").model.layers[0].predict([doc])[0]
    mixed = Doc(trained.vocab, words=words * 2, sent_starts=[True, False, False] * 2)
    set_sentence_langs(mixed, [(0, 3, "fr"), (3, 6, "de")])
    layer = trained.get_pipe("joint_extractor").model.layers[0]
    layer.layers[0]._func, forward = repeated(layer.layers[0], words), layer.layers[0]._func
    try:
        vectors = layer.predict([mixed])[0]
        wanted = {lang: layer.predict([doc_in(trained, words, lang)])[0] for lang in ("fr", "de")}
    finally:
        layer.layers[0]._func = forward
    assert abs(vectors[:3] - wanted["fr"]).max() < 1e-5 and abs(vectors[3:] - wanted["de"]).max() < 1e-5
    assert abs(wanted["fr"] - wanted["de"]).max() > 1e-3


def doc_in(nlp, words, lang):
    doc = Doc(nlp.vocab, words=words, sent_starts=[True, False, False])
    doc._.lang = lang
    return doc


def repeated(encoder, words):
    """An encoder that gives each word its vectors by itself, so that only the switcher knows of sentences."""

    def forward(model, docs, is_train):
        rng = {word: model.ops.xp.arange(model.get_dim("nO"), dtype="f") * (i + 1) / 50 for i, word in enumerate(words)}
        return [model.ops.xp.stack([rng[token.text] for token in doc]) for doc in docs], lambda grads: []

    return forward


def test_a_model_that_goes_on_from_another_keeps_its_languages(saved, tmp_path):
    """The router learns the new language, and still knows those of the model that training started from."""
    first = spacy.load(saved)
    nlp = make_joint(MODEL, router={"default": "en"})
    settings = {"start_from": str(saved), "train": ["*.langs.it"]}
    nlp.config["initialize"]["components"]["joint_extractor"] = settings
    examples = examples_in(nlp.vocab, ["it"])
    go_on(nlp, examples, nlp.initialize(lambda: examples), 3)
    assert nlp.get_pipe("language_router").langs == [*LANGS, "it"]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("language_router").langs == [*LANGS, "it"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelxWarning)
        assert outputs(loaded) == outputs(first)


def test_texts_without_a_route_are_said_once():
    nlp = make_joint(MODEL)
    train_joint(nlp, examples_in(nlp.vocab), steps=1)
    with pytest.warns(RelxWarning, match=r"RX274.*''"):
        nlp("Bob founded Initech")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelxWarning)
        nlp("Bob founded Initech")


# The pair extractor has a switcher, too


def test_a_switcher_in_the_pair_extractor(tmp_path):
    model = pair_model()
    model["encoder"] = language_encoder(encoder=model["encoder"])
    nlp = make_nlp(model)
    examples = make_examples(nlp.vocab)
    for i, eg in enumerate(examples):
        eg.reference._.lang = eg.predicted._.lang = LANGS[i % 3]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(examples)["rel_micro_f"] == 1.0 if nlp.get_pipe("relation_extractor").scorer else True
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    for eg in examples:
        assert loaded(eg.predicted.copy())._.triples == eg.reference._.triples
    assert set(LanguageRouter().routes(loaded)["relation_extractor"]) == {*LANGS, ""}


@pytest.mark.parametrize("mode", ["single", "packed", "shared"])
def test_a_switcher_over_entity_type_markers(mode, tmp_path):
    pytest.importorskip("transformers")
    from support.tiny_transformer import make_transformer
    from support.tiny_transformer import model_config as marked_config

    (tmp_path / "tiny").mkdir()
    folder = make_transformer(tmp_path / "tiny")
    nlp = make_nlp(marked_config(folder, mode, switcher=SWITCHER))
    examples = make_examples(nlp.vocab)
    for i, eg in enumerate(examples):
        eg.reference._.lang = eg.predicted._.lang = LANGS[i % 3]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)
    switcher = nlp.get_pipe("relation_extractor").model.shims[0].module.switcher
    assert switcher.codes == list(LANGS) and len(switcher.submodules) == 3

    def scores(pipeline, lang):
        docs = [eg.predicted.copy() for eg in examples]
        for doc in docs:
            doc._.lang = lang
            pipeline.get_pipe("entity_type_marker")(doc)
        return pipeline.get_pipe("relation_extractor").predict(docs)

    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert set(LanguageRouter().routes(loaded)["relation_extractor"]) == {*LANGS, ""}
    for a, b in zip(scores(nlp, "de"), scores(loaded, "de")):
        assert abs(a - b).max(initial=0) < 1e-6
    differ = [abs(a - b).max(initial=0) for a, b in zip(scores(nlp, "de"), scores(nlp, "fr"))]
    assert max(differ) > 1e-5
    with pytest.warns(RelxWarning, match=r"RX274.*'ja'"):
        scores(nlp, "ja")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelxWarning)
        scores(nlp, "ja")


# Shown


def test_routes_are_those_of_prediction(trained):
    table = trained.get_pipe("language_router").routes(trained)["joint_extractor"]
    assert list(table) == [*LANGS, ""]
    for row in table.values():
        assert len(row) == len(SWITCHER["depths"]) and sum(row) == pytest.approx(1.0)
        assert sum(weight > 0 for weight in row) == SWITCHER["top_k"]


def run(*args):
    return CliRunner().invoke(relx_app, ["routes", *map(str, args)])


def test_command(saved, tmp_path):
    result = run(saved, "--output", tmp_path / "routes.svg")
    assert result.exit_code == 0, result.output
    assert all(lang in result.output for lang in (*LANGS, "(others)", "spread"))
    picture = minidom.parse(str(tmp_path / "routes.svg"))
    texts = {node.firstChild.data for node in picture.getElementsByTagName("text") if node.firstChild}
    assert {*LANGS, "(others)"} <= texts
    assert run(saved, "-o", tmp_path / "routes.json").exit_code == 0
    assert set(json.loads((tmp_path / "routes.json").read_text())["joint_extractor"]) == {*LANGS, "(others)"}


def test_command_errors(saved, tmp_path):
    assert "RX368" in run(saved, "-o", tmp_path / "routes.txt").output
    assert "RX270" in run(saved, "--component", "ner").output
    spacy.blank("xx").to_disk(tmp_path / "blank")
    assert "RX269" in run(tmp_path / "blank").output


@pytest.mark.parametrize("weights, wanted", [([1.0, 0.0], 1.0), ([0.5, 0.5], 2.0), ([0.25] * 4, 4.0), ([0.0], 0.0)])
def test_spread(weights, wanted):
    assert spread(weights) == pytest.approx(wanted)


def test_raw_docs_have_languages(trained):
    assert [doc._.lang for doc in raw_docs(trained)][:3] == list(LANGS)
