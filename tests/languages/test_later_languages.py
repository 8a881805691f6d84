"""Languages, relations and settings that differ from those of the pipeline that training starts from."""

import warnings

import pytest
import spacy
from support.examples import make_example
from support.joint import (
    SWITCHER,
    examples_in,
    go_on,
    joint_model,
    language_encoder,
    make_joint,
    outputs,
    plain_encoder,
    train_joint,
)
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import set_sentence_langs
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.languages.language_router import route_tables


def pipeline(depths=(1, 1, 2), encoder=None, **settings):
    switcher = {**SWITCHER, "depths": list(depths)}
    return make_joint(joint_model(encoder=language_encoder(switcher=switcher, encoder=encoder)), **settings)


def initialize(nlp, examples, **settings):
    nlp.config["initialize"]["components"]["joint_extractor"] = settings
    return nlp.initialize(lambda: examples)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    nlp = pipeline()
    train_joint(nlp, examples_in(nlp.vocab), steps=30)
    path = tmp_path_factory.mktemp("first")
    nlp.to_disk(path)
    return path, nlp


def add(path, target, lang, depths, *patterns, steps=3):
    """Go on from one pipeline to another, with one more language."""
    nlp = pipeline(depths)
    examples = examples_in(nlp.vocab, [lang])
    optimizer = initialize(nlp, examples, start_from=str(path), train=[f"*.langs.{lang}", *patterns])
    go_on(nlp, examples, optimizer, steps)
    nlp.to_disk(target)
    return nlp


def test_a_second_later_language_moves_no_other(first, tmp_path):
    path, nlp = first
    one = add(path, tmp_path / "one", "it", [1, 1, 2, 1], "*.submodules.3.*", "*.router.3")
    own = add(tmp_path / "one", tmp_path / "own", "sv", [1, 1, 2, 1, 1], "*.submodules.4.*", "*.router.4")
    none = add(tmp_path / "one", tmp_path / "none", "sv", [1, 1, 2, 1])
    for each in (own, none, spacy.load(tmp_path / "own"), spacy.load(tmp_path / "none")):
        assert outputs(each) == outputs(nlp)  # to the last bit
        assert outputs(each, ["it"]) == outputs(one, ["it"])
        switcher = each.get_pipe("joint_extractor").model.layers[0].shims[0].module.switcher
        assert switcher.reach()[:4] == [3, 3, 3, 4]


def test_what_is_held_still_without_weights_is_said(first):
    path, _ = first
    nlp = pipeline(encoder=plain_encoder(16))  # another width than that of the source
    hold = ["language_encoder.switcher.*", "joint.*"]
    with pytest.warns(RelxWarning, match=r"RX275.*hash_bigru"):
        initialize(nlp, examples_in(nlp.vocab), start_from=str(path), train=hold)
    nlp = pipeline()
    new = make_example(nlp.vocab, "Ann adores Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "adores", 1)])
    new.reference._.lang = new.predicted._.lang = "it"
    with pytest.warns(RelxWarning, match=r"RX275.*joint.relations.classifier"):
        initialize(nlp, [new], start_from=str(path), train=["*.langs.it"])


@pytest.mark.filterwarnings("error::spacy_relx.errors.RelxWarning")
def test_what_is_held_still_with_its_weights_is_not(first):
    path, _ = first
    for patterns in (["language_encoder.switcher.*", "joint.*"], ["joint.*"]):
        nlp = pipeline()
        initialize(nlp, examples_in(nlp.vocab), start_from=str(path), train=patterns)


def test_languages_without_training_data(first, tmp_path):
    # a source without a switcher has no routes: a second stage on fewer languages does not know the others
    one = make_joint(joint_model(encoder=language_encoder(switcher=None)))
    train_joint(one, examples_in(one.vocab), steps=1)
    one.to_disk(tmp_path / "one")
    two = pipeline()
    german = examples_in(two.vocab, ["de"])
    initialize(two, german, start_from=str(tmp_path / "one"))
    assert route_langs(two) == ["de"]
    with pytest.warns(RelxWarning, match=r"RX276.*is in it, sv,"):
        initialize(pipeline(router={"langs": ["de", "sv", "it"]}), german)
    path, nlp = first
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelxWarning)
        # the routes that the source has were trained
        languages = route_langs(nlp)
        assert len(languages) > 1
        initialize(pipeline(router={"langs": languages}), german, start_from=str(path))
        # and without a switcher there are none
        model = joint_model(encoder=language_encoder(switcher=None))
        initialize(make_joint(model, router={"langs": ["de", "sv"]}), german)


def route_langs(nlp):
    return [lang for lang in route_tables(nlp)["joint_extractor"] if lang]


def test_patterns_of_nothing(first):
    nlp = pipeline()
    with pytest.raises(RelxError, match=r"RX021.*'train'"):
        initialize(nlp, examples_in(nlp.vocab), train=[])


def test_relations_of_languages_that_are_no_labels():
    nlp = pipeline(mask_labels=True)
    labels = {"labels": ["works_for"], "types": ["ORG", "PERSON", "PLACE"], "lang_labels": {"en": ["works_fro"]}}
    with pytest.raises(RelxError, match=r"RX021.*works_fro.*works_for"):
        initialize(nlp, examples_in(nlp.vocab), labels=labels)


def test_relations_of_a_language_are_those_of_all_its_training(first):
    path, nlp = first
    before = nlp.get_pipe("joint_extractor").cfg["lang_labels"]
    more = pipeline()
    new = make_example(more.vocab, "Ann adores Bob", [(0, 1, "PERSON"), (2, 3, "PERSON")], [(0, "adores", 1)])
    new.reference._.lang = "de"
    initialize(more, [new], start_from=str(path))
    after = more.get_pipe("joint_extractor").cfg["lang_labels"]
    assert after == {**before, "de": sorted([*before["de"], "adores"])} and before["de"]


def test_a_document_of_two_languages_gives_each_its_own_relations():
    nlp = make_joint(mask_labels=True)
    mentions = [(0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PERSON"), (8, 9, "PLACE")]
    eg = make_example(
        nlp.vocab, "Ann works for Acme . Bob wohnt in Ulm .", mentions, [(0, "works_for", 1), (2, "lives_in", 3)]
    )
    set_sentence_langs(eg.reference, [(0, 5, "en"), (5, 10, "de")])
    nlp.initialize(lambda: [eg])
    assert nlp.get_pipe("joint_extractor").cfg["lang_labels"] == {"de": ["lives_in"], "en": ["works_for"]}


def test_routes_of_several_components(first, tmp_path):
    path, nlp = first
    nlp = spacy.load(path)
    config = nlp.get_pipe_config("joint_extractor")
    nlp.add_pipe(config.pop("factory"), name="second", config=config)
    examples = examples_in(nlp.vocab)
    nlp.get_pipe("second").initialize(lambda: examples, nlp=nlp)
    nlp.to_disk(tmp_path / "two")

    def run(*args):
        return CliRunner().invoke(relx_app, ["routes", str(tmp_path / "two"), *map(str, args)])

    result = run("-o", tmp_path / "routes.svg")
    assert result.exit_code and "RX272" in result.output and "spread" not in result.output
    result = run("-o", tmp_path / "routes.JSON")
    assert result.exit_code == 0
    assert "joint_extractor  " in result.stdout and "second  " in result.stdout  # tables in a file can be told apart
