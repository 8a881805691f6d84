"""The trainable component: decoding, settings, errors, processes."""

import copy
from pathlib import Path

import numpy as np
import pytest
import spacy
from support.examples import SENTENCES, make_doc, make_example, make_examples
from support.model import MULTILABEL, gold, make_nlp, model_config, run, train
from thinc.api import Model

from spacy_relx.core.task import layer_of
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.relations.generators import make_typed_pairs
from spacy_relx.relations.layer import build_relation_model


def test_a_second_initialisation_starts_anew():
    nlp = make_nlp()
    train(nlp, steps=5)
    encoder = nlp.get_pipe("relation_extractor").model.layers[0]
    before = encoder.shims[0].weights()
    sentence = ("a b", [(0, 1, "X"), (1, 2, "Y")], [(0, "other", 1)])
    nlp.initialize(lambda: [make_example(nlp.vocab, *sentence)])
    after = encoder.shims[0].weights()
    assert any(not np.array_equal(before[name], after[name]) for name in before)
    assert nlp.get_pipe("relation_extractor").labels == ("other",)


def test_no_relation_is_never_a_label():
    nlp = make_nlp()
    sentence = ("a b", [(0, 1, "X"), (1, 2, "Y")], [(0, "no_relation", 1), (1, "r", 0)])
    train(nlp, [make_example(nlp.vocab, *sentence)])
    assert nlp.get_pipe("relation_extractor").labels == ("r",)
    assert run(nlp, [sentence]) == [{("b", "r", "a")}]


def test_streams_with_many_pairs_are_cut(trained, monkeypatch):
    sizes = []
    extractor = trained.get_pipe("relation_extractor")
    monkeypatch.setattr("spacy_relx.relations.relation_extractor.PIPE_PAIRS", 8)
    predict = type(extractor).predict

    def counted(self, docs):
        sizes.append(len(list(docs)))
        return predict(self, docs)

    monkeypatch.setattr(type(extractor), "predict", counted)
    assert run(trained) == [gold(sentence) for sentence in SENTENCES]
    assert len(sizes) > 1 and sum(sizes) == len(SENTENCES)


def test_candidates_that_cannot_cover_the_gold_are_told():
    nlp = make_nlp()
    nlp.get_pipe("entity_type_marker").generator = make_typed_pairs([["PERSN", "ORG"]])
    with pytest.warns(RelxWarning, match="RX058"), pytest.warns(RelxWarning, match="RX513.*PERSN"):
        nlp.initialize(lambda: make_examples(nlp.vocab))


def test_thresholds_of_unknown_relations_are_told():
    nlp = make_nlp(label_thresholds={"typo": 0.1})
    with pytest.warns(RelxWarning, match="RX057"):
        nlp.initialize(lambda: make_examples(nlp.vocab))


def typed(scores, types, threshold=0.3, **settings):
    """What is predicted of "Ann at Acme", whose pairs both have these scores: no-relation, works_for, founded."""
    nlp = make_nlp(threshold=threshold, types=types, **settings)
    train(nlp, [make_example(nlp.vocab, "Ann Acme", TWO, [(0, "works_for", 1), (1, "founded", 0)])], steps=1)
    extractor = nlp.get_pipe("relation_extractor")
    doc = nlp.get_pipe("entity_type_marker")(make_doc(nlp.vocab, "Ann Acme", TWO))
    assert extractor.labels == ("founded", "works_for")
    seen = []
    extractor.on_scores = lambda doc, found: seen.append(found.raw)
    extractor.set_annotations([doc], [np.array([scores, scores], "float32")])
    return {relation.triple(doc) for relation in doc._.relations}, seen[0]


TWO = [(0, 1, "PERSON"), (1, 2, "ORG")]


def test_of_labels_that_types_forbid_the_next_best_is_considered():
    scores = [0.1, 0.5, 0.4]  # founded before works_for
    both, _ = typed(scores, [])
    assert both == {("Ann", "founded", "Acme"), ("Acme", "founded", "Ann")}
    one, raw = typed(scores, [["ORG", "founded", "*"]])
    assert one == {("Ann", "works_for", "Acme"), ("Acme", "founded", "Ann")}
    np.testing.assert_allclose(raw, [[0, 0.4], [0.5, 0.4]])
    none, _ = typed(scores, [["ORG", "founded", "ORG"], ["PERSON", "works_for", "ORG"]], threshold=0.0)
    assert none == {("Ann", "works_for", "Acme")}
    assert typed(scores, [["ORG", "founded", "ORG"]], threshold=0.45)[0] == set()


def test_types_of_the_wrong_form_and_of_unknown_relations():
    with pytest.raises(RelxError, match=r"RX021.*relation_extractor"):
        make_nlp(types=[["PERSON", "works_for"]])
    nlp = make_nlp(types=[["PERSON", "typo", "ORG"]])
    with pytest.warns(RelxWarning, match="RX057.*typo"):
        nlp.initialize(lambda: make_examples(nlp.vocab))


def test_types_can_be_changed(trained):
    nlp = spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes())
    extractor = nlp.get_pipe("relation_extractor")
    before = run(nlp)
    extractor.types = [["X", label, "X"] for label in extractor.labels]
    assert not nlp(make_doc(nlp.vocab, ""))._.relations and not nlp(make_doc(nlp.vocab, "a b"))._.relations
    assert not any(run(nlp))
    with pytest.raises(RelxError, match="RX021"):
        extractor.types = [["X", "works_for"]]
    extractor.types = [["*", label, "*"] for label in extractor.labels]
    assert run(nlp) == before != []
    trained_bytes = trained.to_bytes()
    config = trained.config.copy()
    config["components"]["relation_extractor"]["types"] = [["ORG", "typo", "ORG"]]
    with pytest.warns(RelxWarning, match=r"RX057.*typo"):
        spacy.blank("en").from_config(config).from_bytes(trained_bytes)


@pytest.mark.parametrize("how", ["frozen", "sourced"])
def test_a_marker_that_is_not_initialised_anew(trained, how):
    """spaCy disables frozen components, and those of another pipeline, while a pipeline is initialised."""
    nlp = make_nlp()
    if how == "sourced":
        nlp.remove_pipe("entity_type_marker")
        nlp.add_pipe("entity_type_marker", source=trained, first=True)
    else:
        nlp.get_pipe("entity_type_marker").initialize(lambda: make_examples(nlp.vocab))
    with nlp.select_pipes(disable=["entity_type_marker"]):
        nlp.initialize(lambda: make_examples(nlp.vocab))
    task = layer_of(nlp.get_pipe("relation_extractor").model).task
    assert task.n_markers == nlp.get_pipe("entity_type_marker").n_markers == len(task.entity_types) + 1 > 1


def test_several_relations_on_one_pair():
    sentence = ("Ann leads Acme", [(0, 1, "PERSON"), (2, 3, "ORG")], [(0, "works_for", 1), (0, "leads", 1)])
    nlp = make_nlp(model_config(MULTILABEL))
    train(nlp, [make_example(nlp.vocab, *sentence)])
    assert run(nlp, [sentence]) == [{("Ann", "works_for", "Acme"), ("Ann", "leads", "Acme")}]
    nlp = make_nlp()
    train(nlp, [make_example(nlp.vocab, *sentence)])
    assert len(run(nlp, [sentence])[0]) == 1


def test_thresholds_are_settings_that_loading_can_override(trained, tmp_path):
    trained.to_disk(tmp_path)
    assert any(run(trained))
    for override in (
        {"threshold": 1.0},
        {"label_thresholds": dict.fromkeys(trained.pipe_labels["relation_extractor"], 1.0)},
    ):
        nlp = spacy.load(tmp_path, config={"components": {"relation_extractor": override}})
        assert not any(run(nlp))
    generous = spacy.load(tmp_path, config={"components": {"relation_extractor": {"threshold": 0.0}}})
    assert sum(map(len, run(generous))) == sum(len(m) * (len(m) - 1) for _, m, _ in SENTENCES)


def test_decoding_by_hand(trained):
    extractor = copy.copy(trained.get_pipe("relation_extractor"))
    doc = trained.get_pipe("entity_type_marker")(make_doc(trained.vocab, "a b", [(0, 1, "ORG"), (1, 2, "ORG")]))
    n = len(extractor.labels)
    scores = np.full((2, n + 1), 0.01, dtype="float32")
    scores[0, 0], scores[0, 1], scores[0, 2] = 0.5, 0.35, 0.14
    scores[1, 0], scores[1, 2] = 0.2, 0.7
    second = [(r.label, round(r.score, 2)) for r in extractor.decode([doc._.candidates], [scores])[0]]
    assert second == [(extractor.labels[1], 0.7)]
    extractor.threshold = 0.3
    both = [(r.label, round(r.score, 2)) for r in extractor.decode([doc._.candidates], [scores])[0]]
    assert both == [(extractor.labels[0], 0.35), (extractor.labels[1], 0.7)]
    extractor.label_thresholds = {extractor.labels[0]: 0.4, extractor.labels[1]: 0.1}
    mixed = [(r.label, round(r.score, 2)) for r in extractor.decode([doc._.candidates], [scores])[0]]
    assert mixed == [(extractor.labels[1], 0.14), (extractor.labels[1], 0.7)]


def test_no_setting_is_saved(trained):
    """What is saved beats the config, so it is what training found alone."""
    assert set(trained.get_pipe("relation_extractor").cfg) == {"labels", "types", "seen"}


def test_errors_say_what_to_do(trained):
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_extractor", config={"scorer": None})
    examples = make_examples(nlp.vocab)
    with pytest.raises(RelxError, match="RX054"):
        nlp.initialize(lambda: examples)
    nlp = make_nlp()
    with pytest.raises(RelxError, match="RX053"):
        nlp.initialize(lambda: [make_example(nlp.vocab, "a b", [(0, 1, "X")])])
    with pytest.raises(RelxError, match="RX050"):
        make_nlp()(make_doc(nlp.vocab, "a b"))
    nlp = make_nlp()
    train(nlp, steps=1)
    with pytest.raises(RelxError, match="RX054"):
        reloaded = make_nlp().from_bytes(nlp.to_bytes())
        reloaded.update(make_examples(reloaded.vocab), exclude=["entity_type_marker"])
    with pytest.raises(RelxError, match="RX055"):
        unseen = make_example(nlp.vocab, "a b", [(0, 1, "ORG"), (1, 2, "ORG")], [(0, "unheard_of", 1)])
        nlp.update([unseen])
    with pytest.raises(RelxError, match="RX052"):
        nlp.get_pipe("relation_extractor").add_label("late")
    with pytest.raises(RelxError, match="RX021"):
        make_nlp(threshold=3.0)
    with pytest.raises(RelxError, match="RX054"):
        trained.get_pipe("relation_extractor")(make_doc(trained.vocab, *SENTENCES[0][:2]))


def test_weights_that_do_not_fit(trained, tmp_path):
    trained.to_disk(tmp_path)
    override = {"components": {"relation_extractor": {"model": {"pairs": {"hidden": 64}}}}}
    with pytest.raises(RelxError, match="RX051"):
        spacy.load(tmp_path, config=override)


def test_model_folder_holds_no_pickle(trained, tmp_path):
    trained.to_disk(tmp_path)
    saved = (tmp_path / "relation_extractor" / "model").read_bytes()
    assert b"torch" not in saved and b"PK\x03\x04" not in saved


def test_model_settings_that_make_no_sense():
    encoder = Model("none", lambda *args: None)
    for settings in ({"batch_tokens": 0}, {"batch_pairs": 0}, {"marker_dropout": 1.0}):
        with pytest.raises(RelxError, match="RX021"):
            build_relation_model(encoder, None, None, **settings)
    for part, settings in (
        ("encoder", {"rows": 1}),
        ("pairs", {"hidden": 30, "between_heads": 4}),
        ("pairs", {"dropout": 1.0}),
        ("pairs", {"window": -1}),
        ("classifier", {"no_relation_weight": 0.0}),
        ("classifier", {"negative_ratio": 0.0}),
        ("classifier", {"label_smoothing": 1.0}),
    ):
        model = model_config()
        model[part].update(settings)
        with pytest.raises(RelxError, match="RX021"):
            make_nlp(model)
    for settings in ({"word_rows": 1}, {"hidden": 0}, {"word_dropout": 1.0}, {"context": "paragraph"}):
        model = model_config()
        model["encoder"]["encoder"].update(settings)
        with pytest.raises(RelxError, match="RX021"):
            make_nlp(model)


@pytest.mark.process
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_two_processes(trained, method, tmp_path):
    import subprocess
    import sys

    trained.to_disk(tmp_path)
    script = f"""
import multiprocessing, spacy, sys
from pathlib import Path
def main():
    multiprocessing.set_start_method({method!r})
    import torch; torch.set_num_threads(1)
    nlp = spacy.load({str(tmp_path)!r})
    sys.path.insert(0, {str(Path(__file__).parents[1])!r})
    from support.examples import SENTENCES, make_doc
    docs = [make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]
    found = [sorted(d._.triples) for d in nlp.pipe(docs, n_process=2, batch_size=3)]
    sys.stdout.write(repr(found))
if __name__ == "__main__":
    main()
"""
    path = tmp_path / "run.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [set(found) for found in eval(done.stdout)] == [gold(sentence) for sentence in SENTENCES]
