"""The joint extractor as a component: raw text in, mentions and relations out."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from support.examples import SENTENCES, make_doc, make_example, rounded
from support.joint import (
    LANGS,
    ONE,
    SWITCHER,
    examples_in,
    go_on,
    joint_model,
    language_encoder,
    make_joint,
    outputs,
    plain_encoder,
    raw_docs,
    train_joint,
)

from spacy_relx.core.component.warm_start import parameters
from spacy_relx.errors import RelxError, RelxWarning

GOLD = [
    {(mentions[h][:2], label, mentions[t][:2]) for h, label, t in relations} for _, mentions, relations in SENTENCES
]


def found(doc):
    return {((r.head.start, r.head.end), r.label, (r.tail.start, r.tail.end)) for r in doc._.relations}


@pytest.fixture(scope="module")
def trained():
    nlp = make_joint(joint_model(encoder=language_encoder()))
    train_joint(nlp, examples_in(nlp.vocab), steps=100)
    return nlp


# One overfit-save-reload-score for each finder


def test_all_triples_are_learned_saved_and_scored(trained, tmp_path):
    docs = list(trained.pipe(raw_docs(trained)))
    assert [found(doc) for doc in docs] == GOLD
    for doc, (_, mentions, _) in zip(docs, SENTENCES):
        assert [(s.start, s.end, s.label_) for s in doc.spans["mentions"]] == sorted(mentions)
        assert len(doc.ents) <= len(mentions)
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert rounded(outputs(loaded)) == rounded(outputs(trained))
    scores = loaded.evaluate(examples_in(loaded.vocab))
    assert scores["rel_micro_f"] == scores["rel_strict_micro_f"] == scores["mention_strict_f"] == 1.0
    copied = spacy.blank("xx")
    copied.add_pipe("joint_extractor", config={"model": joint_model(encoder=language_encoder())})
    copied.from_bytes(trained.to_bytes())
    assert rounded(outputs(copied)) == rounded(outputs(trained))


def test_one_triple_is_learned_saved_and_scored(tmp_path):
    single = [row for row in SENTENCES if len(row[2]) <= 1]
    nlp = make_joint(joint_model(ONE))
    examples = [make_example(nlp.vocab, *row) for row in single]
    train_joint(nlp, examples, steps=120)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    for words, mentions, relations in single:
        doc = loaded(Doc(loaded.vocab, words=words.split()))
        assert found(doc) == {(mentions[h][:2], label, mentions[t][:2]) for h, label, t in relations}
        assert {span.label_ for span in doc.spans["mentions"]} <= {"ENT"}
    assert loaded.evaluate([make_example(loaded.vocab, *row) for row in single])["rel_micro_f"] == 1.0


def test_two_runs_with_one_seed_are_the_same():
    runs = []
    for _ in range(2):
        nlp = make_joint(joint_model(encoder=language_encoder()), seed=3)
        losses = train_joint(nlp, examples_in(nlp.vocab), steps=8)
        runs.append((losses, outputs(nlp)))
    assert runs[0] == runs[1]


# Reading and writing Docs


def test_batched_is_one_by_one(trained):
    together = [doc._.relations for doc in trained.pipe(raw_docs(trained), batch_size=9)]
    alone = [trained(doc)._.relations for doc in raw_docs(trained)]
    for a, b in zip(together, alone):
        assert [r.to_dict()["label"] for r in a] == [r.to_dict()["label"] for r in b]
        assert np.allclose([r.score for r in a], [r.score for r in b], atol=1e-5)


def test_empty_and_odd_docs(trained):
    docs = [Doc(trained.vocab), trained.make_doc(" "), trained.make_doc("\n\n x"), *raw_docs(trained)[:1]]
    for doc in docs:
        doc._.lang = "de"
    for doc in trained.pipe(docs):
        assert doc._.relations is not None and "mentions" in doc.spans
    assert not docs[0]._.relations and found(docs[-1]) == GOLD[0]


def test_sentences_are_read_apart():
    """What is found in a sentence does not depend on those around it, and no relation joins two."""
    nlp = make_joint(joint_model())
    train_joint(nlp, examples_in(nlp.vocab), steps=60)
    first, second = (SENTENCES[i][0].split() for i in (0, 1))
    starts = [i in (0, len(first)) for i in range(len(first) + len(second))]
    doc = nlp(Doc(nlp.vocab, words=first + second, sent_starts=starts))
    for relation in doc._.relations:
        assert (relation.head.start < len(first)) == (relation.tail.start < len(first))


def test_a_long_text_without_sentences_is_read_in_pieces(trained):
    words = SENTENCES[1][0].split() * 400
    doc = Doc(trained.vocab, words=words)
    doc._.lang = "de"
    assert len(trained(doc).spans["mentions"]) > 100


def test_settings_of_what_is_written(trained, tmp_path):
    trained.to_disk(tmp_path)
    quiet = {"components": {"joint_extractor": {"spans_key": None, "annotate_ents": False}}}
    nlp = spacy.load(tmp_path, config=quiet)
    doc = nlp(raw_docs(nlp)[0])
    assert found(doc) == GOLD[0] and not doc.ents and "mentions" not in doc.spans
    strict = spacy.load(tmp_path, config={"components": {"joint_extractor": {"label_thresholds": {"works_for": 1.0}}}})
    assert not found(strict(raw_docs(strict)[0])) and found(strict(raw_docs(strict)[1])) == GOLD[1]


def test_masks_keep_a_languages_relations(tmp_path):
    nlp = make_joint(joint_model(), mask_labels=True)
    examples = examples_in(nlp.vocab)
    train_joint(nlp, examples, steps=60)
    pipe = nlp.get_pipe("joint_extractor")
    assert pipe.label_data["lang_labels"] == {
        "de": ["based_in", "works_for"],
        "en": ["acquired", "founder_of"],
        "fr": ["acquired", "founder_of"],
    }
    for doc in nlp.pipe(raw_docs(nlp, ["de"])):
        assert {r.label for r in doc._.relations} <= {"based_in", "works_for"}
    unknown = [found(doc) for doc in nlp.pipe(raw_docs(nlp, ["xx"]))]
    assert {label for row in unknown for _, label, _ in row} > {"works_for", "founder_of"}
    nlp.to_disk(tmp_path)
    assert outputs(spacy.load(tmp_path), ["de"]) == outputs(nlp, ["de"])


def test_gold_of_other_tokens():
    nlp = make_joint(joint_model())
    train_joint(nlp, examples_in(nlp.vocab), steps=1)
    reference = make_doc(
        nlp.vocab, "Ann works for Acme in Rome", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1)]
    )
    other = Doc(nlp.vocab, words=["An", "n", "works", "for", "Ac", "me", "in Rome"], spaces=[0, 1, 1, 1, 0, 1, 0])
    gold = nlp.get_pipe("joint_extractor").targets([Example(other, reference)])[0]
    assert gold.spans.tolist() == [[0, 2], [4, 6]] and len(gold.relations) == 1
    merged = Doc(nlp.vocab, words=["Ann works", "for", "Acme", "in", "Rome"])
    gold = nlp.get_pipe("joint_extractor").targets([Example(merged, reference)])[0]
    assert gold.spans.tolist() == [[2, 3]] and not len(gold.relations)


def test_pairs_without_a_relation_can_be_found():
    nlp = make_joint(joint_model({**ONE, "unrelated_pairs": True}))
    rows = [SENTENCES[1], SENTENCES[3], SENTENCES[4]]
    train_joint(nlp, [make_example(nlp.vocab, *row) for row in rows], steps=120)
    doc = nlp(Doc(nlp.vocab, words=SENTENCES[3][0].split()))
    assert not doc._.relations
    assert [(s.start, s.end) for s in doc.spans["mentions"]] == [(0, 1), (4, 5)]


# What goes wrong


def test_no_relations_to_learn():
    nlp = make_joint()
    with pytest.raises(RelxError, match="RX263"):
        nlp.initialize(lambda: [make_example(nlp.vocab, *SENTENCES[8])])


def test_not_initialised():
    with pytest.raises(RelxError, match="RX050"):
        nlp = make_joint()
        nlp("Ann works for Acme")


def test_labels_that_are_not_known():
    nlp = make_joint()
    examples = examples_in(nlp.vocab)
    train_joint(nlp, examples, steps=1)
    for mentions, relations in (
        ([(0, 1, "PERSON"), (1, 2, "ORG")], [(0, "sings", 1)]),
        ([(0, 1, "PLANET"), (1, 2, "ORG")], []),
    ):
        with pytest.raises(RelxError, match="RX264"):
            nlp.update([make_example(nlp.vocab, "Ann sings", mentions, relations)])


def test_gold_out_of_reach():
    nlp = make_joint(joint_model(max_mention_tokens=1))
    with pytest.warns(RelxWarning, match="RX265"):
        nlp.initialize(lambda: [make_example(nlp.vocab, "a b c", [(0, 2, "A"), (2, 3, "A")], [(0, "r", 1)])])


@pytest.mark.parametrize("name, value", [("max_mention_tokens", 0), ("overlap", "some"), ("mention_threshold", 1.5)])
def test_settings_that_make_no_sense(name, value):
    with pytest.raises(RelxError, match="RX021"):
        make_joint(joint_model(**{name: value}))


# Training in stages


def state(nlp):
    return {name: p.detach().clone() for name, p in parameters(nlp.get_pipe("joint_extractor").model)}


@pytest.fixture(scope="module")
def stage_one(tmp_path_factory):
    nlp = make_joint(joint_model(encoder=language_encoder(switcher=None)))
    train_joint(nlp, examples_in(nlp.vocab), steps=40)
    path = tmp_path_factory.mktemp("stage_one")
    nlp.to_disk(path)
    return path, state(nlp)


def start(nlp, examples, path, train=None):
    nlp.config["initialize"]["components"]["joint_extractor"] = {"start_from": str(path), "train": train}
    return nlp.initialize(lambda: examples)


def test_stage_two_trains_the_switcher_and_the_finder_alone(stage_one):
    path, first = stage_one
    nlp = make_joint(joint_model(encoder=language_encoder()))
    examples = examples_in(nlp.vocab)
    optimizer = start(nlp, examples, path, ["language_encoder.switcher.*", "joint.*"])
    before = state(nlp)
    for name, value in first.items():
        assert torch.equal(before[name], value), name  # it begins where stage one ended
    go_on(nlp, examples, optimizer, 3)
    after = state(nlp)
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert still == {n for n in before if n.startswith(("hash_bigru", "language_encoder.aggregator"))}
    assert still


def test_starting_from_a_pipeline_keeps_its_labels_first(stage_one):
    path, _ = stage_one
    nlp = make_joint(joint_model(encoder=language_encoder(switcher=None)))
    new = make_example(nlp.vocab, "Ann adores Bob", [(0, 1, "PERSON"), (2, 3, "ALIEN")], [(0, "adores", 1)])
    start(nlp, [new], path)
    pipe = nlp.get_pipe("joint_extractor")
    assert pipe.labels == ("acquired", "based_in", "founder_of", "works_for", "adores")
    assert pipe.types == ("ORG", "PERSON", "PLACE", "ALIEN")
    assert outputs(nlp)[0][0]  # what it knew is there


@pytest.mark.parametrize(
    "settings, code",
    [
        ({"start_from": "nowhere"}, "RX260"),
        ({"train": ["language_encoder.engine.*"]}, "RX261"),
    ],
)
def test_what_cannot_be_started_from_or_trained(settings, code):
    nlp = make_joint(joint_model(encoder=language_encoder()))
    nlp.config["initialize"]["components"]["joint_extractor"] = settings
    with pytest.raises(RelxError, match=code):
        nlp.initialize(lambda: examples_in(nlp.vocab))


def test_a_pattern_that_matches_nothing_is_told_what_is_near():
    nlp = make_joint(joint_model(encoder=language_encoder()))
    nlp.config["initialize"]["components"]["joint_extractor"] = {"train": ["language_encoder.swicher.router*"]}
    with pytest.raises(RelxError, match="RX261") as err:
        nlp.initialize(lambda: examples_in(nlp.vocab))
    message = str(err.value)
    groups, nearest = message.partition("parameters: ")[2].split(". Closest matches: ")
    assert "joint.* (" in groups and "hash_bigru.* (" in groups
    assert nearest.startswith("language_encoder.switcher.router") and nearest.count(",") == 4
    assert len(message) < 600


def test_a_pipeline_without_the_component(tmp_path):
    spacy.blank("xx").to_disk(tmp_path)
    nlp = make_joint()
    with pytest.raises(RelxError, match=r"RX260.*none at all"):
        start(nlp, examples_in(nlp.vocab), tmp_path)


def test_spacys_own_layers_cannot_be_held_by_a_pattern():
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 16,
        "depth": 1,
        "embed_size": 50,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    nlp = make_joint(joint_model(encoder=language_encoder(encoder=tok2vec)))
    examples = examples_in(nlp.vocab)
    assert train_joint(nlp, examples, steps=2)  # as an encoder it serves
    nlp = make_joint(joint_model(encoder=language_encoder(encoder=tok2vec)))
    nlp.config["initialize"]["components"]["joint_extractor"] = {"train": ["joint.*"]}
    with pytest.raises(RelxError, match="RX262"):
        nlp.initialize(lambda: examples)


# Languages added later


def test_a_language_added_later_moves_no_other(trained, tmp_path):
    trained.to_disk(tmp_path)
    switcher = {**SWITCHER, "depths": [1, 1, 2, 1]}
    nlp = make_joint(joint_model(encoder=language_encoder(switcher=switcher)))
    examples = examples_in(nlp.vocab, ["it", "sv"])
    new = ["*.langs.it", "*.langs.sv", "*.submodules.3.*", "*.router.3"]
    optimizer = start(nlp, examples, tmp_path, new)
    assert nlp.get_pipe("joint_extractor").model.layers[0].shims[0].layer.task.langs == (
        *LANGS,
        "it",
        "sv",
    )
    old = outputs(trained)
    assert outputs(nlp) == old
    before = outputs(nlp, ["it"])
    go_on(nlp, examples, optimizer, 5)
    assert outputs(nlp) == old  # to the last bit
    assert outputs(nlp, ["it"]) != before
    nlp.to_disk(tmp_path / "more")
    assert outputs(spacy.load(tmp_path / "more")) == old


def test_an_encoder_that_is_held_still_gets_no_gradient(stage_one):
    path, _ = stage_one
    nlp = make_joint(joint_model(encoder=language_encoder(encoder=plain_encoder())))
    examples = examples_in(nlp.vocab)
    with pytest.warns(RelxWarning, match="RX275"):  # the switcher, which stage one had not
        start(nlp, examples, path, ["joint.*"])
    nlp.update(examples, sgd=False)  # no optimizer: gradients stay
    grads = {name for name, p in parameters(nlp.get_pipe("joint_extractor").model) if p.grad is not None}
    assert grads and all(name.startswith("joint.") for name in grads)


# The commands


def test_evaluate_scores_mentions_too(trained, tmp_path):
    from spacy.tokens import DocBin
    from typer.testing import CliRunner

    from spacy_relx.cli import relx_app

    trained.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in examples_in(trained.vocab)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "gold.spacy")

    def run(*args):
        result = CliRunner().invoke(
            relx_app, ["evaluate", str(tmp_path / "model"), str(tmp_path / "gold.spacy"), *args]
        )
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    assert "mentions 100.00 100.00 100.00" in run()
    assert "RX273" in run("--gold-mentions")
    assert "One triple a sentence" in run("--scheme", "one_triple")
