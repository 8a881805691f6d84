"""What components put on a Doc beside what stands there: of others, of earlier runs, of annotators."""

from dataclasses import replace

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from support.bag import FACTS, bag_docs, make_bag
from support.bag import make_nlp as make_bag_nlp
from support.bag import train as train_bags
from support.examples import SENTENCES, make_doc, make_example, triples
from support.joint import make_joint, train_joint
from support.model import make_nlp, train
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import get_fact_scores, set_extensions
from spacy_relx.data.facts import Fact, FactScores
from spacy_relx.data.found import add_fact_scores, add_facts, add_mentions, add_relations
from spacy_relx.data.loading import check_finds
from spacy_relx.data.types import ANNOTATED, MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate, score_relations
from spacy_relx.evaluation.reliability import all_scores
from spacy_relx.formats.texts import Text, doc_of

set_extensions()
ANN, ACME, ROME = Mention(0, 1, "PERSON"), Mention(3, 4, "ORG"), Mention(5, 6, "PLACE")
WORKS, LIVES = Relation(ANN, "works_for", ACME, 0.6), Relation(ANN, "lives_in", ROME, 0.7)
SCORER = {"@scorers": "spacy_relx.RelationScorer.v1"}
RUNNER = CliRunner()


@pytest.fixture
def doc():
    return make_doc(spacy.blank("en").vocab, "Ann works for Acme in Rome")


def shares(doc):
    return {relation.label: dict(relation.found_by) for relation in doc._.relations}


# Relations


def test_what_others_found_and_annotated_stays(doc):
    doc._.relations = [LIVES]
    add_relations(doc, "a", [WORKS])
    add_relations(doc, "b", [Relation(ACME, "based_in", ROME, 0.5)])
    assert [relation.label for relation in doc._.relations] == ["lives_in", "works_for", "based_in"]
    assert shares(doc) == {"lives_in": {}, "works_for": {"a": 0.6}, "based_in": {"b": 0.5}}
    add_relations(doc, "a", [WORKS], overwrite=True)
    assert doc._.relations == [WORKS] and shares(doc) == {"works_for": {"a": 0.6}}


def test_an_earlier_run_is_replaced(doc):
    doc._.relations = [LIVES]
    for found in ([WORKS], [WORKS], [replace(WORKS, score=0.5)], []):
        add_relations(doc, "a", found)
        assert doc._.relations == [LIVES, *found]


def test_equal_relations_become_one_with_the_best_score(doc):
    """Each component's share is taken away by itself, so that no score outlives what gave it."""
    add_relations(doc, "a", [WORKS])
    add_relations(doc, "b", [replace(WORKS, score=0.9, head=Mention(0, 1, "HUMAN")), LIVES])
    (works, lives) = doc._.relations
    assert (works.score, works.head, lives.score) == (0.9, ANN, 0.7)
    assert works.found_by == {"a": 0.6, "b": 0.9}
    add_relations(doc, "b", [])
    assert doc._.relations == [WORKS] and shares(doc) == {"works_for": {"a": 0.6}}
    doc._.relations = [replace(WORKS, score=0.4, known=True)]
    add_relations(doc, "a", [WORKS])
    assert doc._.relations == [replace(WORKS, known=True)]
    assert shares(doc) == {"works_for": {ANNOTATED: 0.4, "a": 0.6}}
    add_relations(doc, "a", [])
    assert doc._.relations == [replace(WORKS, score=0.4, known=True)] and shares(doc) == {"works_for": {}}


def test_who_found_a_relation_is_saved(doc, tmp_path):
    add_relations(doc, "a", [WORKS])
    copies = [Doc(doc.vocab).from_bytes(doc.to_bytes()), doc.copy()]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    copies += DocBin().from_disk(tmp_path / "a.spacy").get_docs(doc.vocab)
    assert [shares(copy) for copy in copies] == 3 * [{"works_for": {"a": 0.6}}]
    assert doc._.relations[0] == WORKS and hash(WORKS) == hash(doc._.relations[0])  # it is the same statement


@pytest.mark.parametrize("value", ["a", {"a": "x"}, ["a"]])
def test_found_by_of_another_form(doc, value):
    with pytest.raises(RelxError, match="RX004"):
        doc._.relations = [{**WORKS.to_dict(), "found_by": value}]
    with pytest.raises(RelxError, match="RX012"):
        doc._.facts = [{**Fact("a", "r", "b").to_dict(), "found_by": value}]


# Two extractors


def half(labels):
    """The sentences with relations of these labels alone."""
    return [(words, mentions, [r for r in relations if r[1] in labels]) for words, mentions, relations in SENTENCES]


@pytest.fixture(scope="module")
def two():
    """Two extractors behind one marker: one knows works_for and based_in, the other founder_of, and works_for too."""
    nlp = None
    for name, labels in (("first", {"works_for", "based_in"}), ("second", {"works_for", "founder_of"})):
        one = make_nlp(scorer=SCORER)
        train(one, [make_example(one.vocab, *row) for row in half(labels)])
        if nlp is None:
            nlp = spacy.blank("en", vocab=one.vocab)
            nlp.add_pipe("entity_type_marker", source=one)
        nlp.add_pipe("relation_extractor", name=name, source=one)
    return nlp


def given(nlp):
    return [make_doc(nlp.vocab, words, mentions) for words, mentions, _ in SENTENCES]


def test_two_extractors(two):
    docs = list(two.pipe(given(two)))
    wanted = [triples(make_doc(two.vocab, *row)) for row in half({"works_for", "based_in", "founder_of"})]
    assert [triples(doc) for doc in docs] == wanted and all(len(doc._.relations) == len(triples(doc)) for doc in docs)
    assert {label: set(names) for doc in docs for label, names in shares(doc).items()} == {
        "works_for": {"first", "second"},
        "based_in": {"first"},
        "founder_of": {"second"},
    }
    best = [r for doc in docs for r in doc._.relations]
    assert all(r.score == max(r.found_by.values()) for r in best)


def test_a_pipeline_runs_twice_over_a_doc(two):
    docs = list(two.pipe(given(two)))
    once = [doc.to_bytes() for doc in docs]
    assert [doc.to_bytes() for doc in two.pipe(docs)] == once
    two.get_pipe("first").threshold = 1.0
    try:
        again = list(two.pipe(docs))
    finally:
        two.get_pipe("first").threshold = None
    assert {label for doc in again for label in shares(doc)} == {"works_for", "founder_of"}
    assert {name for doc in again for names in shares(doc).values() for name in names} == {"second"}


def test_overwrite_is_a_setting(two):
    second = two.get_pipe("second")
    second.overwrite = True
    try:
        docs = list(two.pipe(given(two)))
    finally:
        second.overwrite = False
    assert {name for doc in docs for names in shares(doc).values() for name in names} == {"second"}


def test_scores_of_each_extractor(two):
    examples = [Example(doc, make_doc(two.vocab, *row)) for doc, row in zip(given(two), SENTENCES)]
    scores = two.evaluate(examples, per_component=True)
    one, other = scores["first"], scores["second"]
    assert one["rel_micro_f"] == other["rel_micro_f"] < 1  # of all that is on the Docs; nobody knows acquired
    assert one["rel_first_f"] == other["rel_second_f"] == 1.0 and "rel_second_f" not in one
    with pytest.warns(RelxWarning, match=r"RX198.*acquired"):
        whole = evaluate(two, [eg.reference for eg in examples], gold_mentions=True)
    assert whole["components"] == ["first", "second"]
    assert whole["gold_mentions_rel_first_f"] == whole["gold_mentions_rel_second_f"] == 1.0
    assert whole["gold_mentions_rel_micro_f"] == one["rel_micro_f"]


def test_scores_of_a_component_are_of_its_labels(doc):
    gold = make_doc(doc.vocab, "Ann works for Acme in Rome")
    gold._.relations = [WORKS, LIVES]
    add_relations(doc, "a", [WORKS])
    add_relations(doc, "b", [replace(WORKS, label="owns")])
    components = {"a": ["works_for"], "b": ["owns", "lives_in"], "c": []}
    scores = score_relations([Example(doc, gold)], components=components)
    assert [scores[f"rel_a_{part}"] for part in "prf"] == [1.0, 1.0, 1.0]
    assert [scores[f"rel_b_{part}"] for part in "prf"] == [0.0, 0.0, 0.0]
    assert [scores[f"rel_c_{part}"] for part in "prf"] == [0.0, 0.0, 0.0]
    assert (scores["rel_micro_p"], scores["rel_micro_r"]) == (0.5, 0.5)


def test_each_extractor_is_trained(two):
    nlp = spacy.blank("en", vocab=two.vocab)
    for name in two.pipe_names:
        nlp.add_pipe(name, source=two)
    examples = [make_example(nlp.vocab, *row) for row in half({"works_for"})]
    optimizer = nlp.resume_training()
    losses = nlp.update(examples, sgd=optimizer)
    assert set(losses) == {"first", "second"} and all(losses.values())


def test_scores_of_all_pairs_are_of_each_extractor(two):
    with all_scores(two) as scores_of:
        docs = list(two.pipe(given(two)[:1]))
        found = scores_of(docs[0])
        assert [(each.component, each.labels) for each in found] == [
            (name, two.get_pipe(name).labels) for name in ("first", "second")
        ]
        assert scores_of(docs[0]) == []


def test_calibrate_asks_which_extractor(two, tmp_path):
    two.to_disk(tmp_path / "two")
    DocBin(docs=[make_doc(two.vocab, *row) for row in SENTENCES], store_user_data=True).to_disk(tmp_path / "d.spacy")
    args = [
        "calibrate",
        str(tmp_path / "two"),
        str(tmp_path / "d.spacy"),
        "--output",
        str(tmp_path / "out"),
        "--gold-mentions",
    ]
    for options in ([], ["--component", "third"]):
        done = RUNNER.invoke(relx_app, [*args, *options])
        assert done.exit_code == 1 and "RX532" in done.stderr and "first, second" in done.stderr
    done = RUNNER.invoke(relx_app, [*args, "--component", "second", "--min-examples", "2"])
    assert done.exit_code == 0, done.output
    out = spacy.load(tmp_path / "out")
    assert out.get_pipe("first").calibration is None
    fitted = out.get_pipe("second").calibration.fits[0]
    n_pairs = sum(len(doc._.candidates) for doc in two.pipe(given(two)))
    assert fitted.right + fitted.wrong == n_pairs


def test_table_of_components(two, tmp_path):
    two.to_disk(tmp_path / "two")
    DocBin(docs=[make_doc(two.vocab, *row) for row in SENTENCES], store_user_data=True).to_disk(tmp_path / "d.spacy")
    done = RUNNER.invoke(relx_app, ["evaluate", str(tmp_path / "two"), str(tmp_path / "d.spacy"), "--gold-mentions"])
    assert done.exit_code == 0 and "Per component" in done.stdout and "second" in done.stdout


# A joint extractor beside a recogniser


@pytest.fixture(scope="module")
def joint():
    nlp = make_joint()
    examples = [Example(Doc(nlp.vocab, words=row[0].split()), make_doc(nlp.vocab, *row)) for row in SENTENCES]
    train_joint(nlp, examples)
    return nlp


def behind_ruler(joint, **settings):
    """The joint extractor behind a ruler of other types, which knows a thing that it does not."""
    nlp = spacy.blank("xx", vocab=joint.vocab)
    patterns = [{"label": "COMPANY", "pattern": "Acme"}, {"label": "VERB", "pattern": "works for"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.add_pipe("joint_extractor", source=joint)
    for name, value in settings.items():
        setattr(nlp.get_pipe("joint_extractor"), name, value)
    return nlp


@pytest.fixture
def keep_settings(joint):
    pipe = joint.get_pipe("joint_extractor")
    before = {name: getattr(pipe, name) for name in ("overwrite", "annotate_ents", "spans_key", "threshold")}
    yield
    for name, value in before.items():
        setattr(pipe, name, value)


def ents(doc):
    return {(ent.text, ent.label_) for ent in doc.ents}


def test_joint_extractor_keeps_entities(joint, keep_settings):
    nlp = behind_ruler(joint)
    raw = "Ann works for Acme in Rome"
    doc = nlp(Doc(nlp.vocab, words=raw.split()))
    assert ents(doc) == {("Ann", "PERSON"), ("works for", "VERB"), ("Acme", "COMPANY"), ("Rome", "PLACE")}
    assert triples(doc) == {("Ann", "works_for", "Acme")}
    assert {span.label_ for span in doc.spans[MENTIONS_KEY]} == {"PERSON", "ORG", "PLACE"}
    once = doc.to_bytes()
    assert nlp(doc).to_bytes() == once
    nlp.get_pipe("joint_extractor").overwrite = True
    doc = nlp(Doc(nlp.vocab, words=raw.split()))
    assert ents(doc) == {("Ann", "PERSON"), ("Acme", "ORG"), ("Rome", "PLACE")}
    nlp.get_pipe("joint_extractor").annotate_ents = False
    doc = nlp(Doc(nlp.vocab, words=raw.split()))
    assert ents(doc) == {("works for", "VERB"), ("Acme", "COMPANY")}


def test_joint_extractor_keeps_a_span_group(joint, keep_settings):
    nlp = behind_ruler(joint)
    doc = Doc(nlp.vocab, words=["Ann", "works", "for", "Acme", "in", "Rome"])
    doc.spans[MENTIONS_KEY] = [Span(doc, 3, 6, label="WHOLE"), Span(doc, 0, 1, label="PERSON", kb_id="Q1")]
    found = [("Acme in Rome", "WHOLE"), ("Ann", "PERSON"), ("Acme", "ORG"), ("Rome", "PLACE")]
    for _ in range(2):
        doc = nlp(doc)
        assert [(span.text, span.label_) for span in doc.spans[MENTIONS_KEY]] == found
        assert doc.spans[MENTIONS_KEY][1].kb_id_ == "Q1"


def test_mentions_of_an_earlier_run_go(doc):
    settings = {"spans_key": "m", "annotate_ents": True}
    doc.ents = [Span(doc, 5, 6, label="CITY")]
    add_mentions(doc, "a", [ANN, ACME, ROME], np.array([0.9, 0.8, 0.7]), **settings)
    assert ents(doc) == {("Ann", "PERSON"), ("Acme", "ORG"), ("Rome", "CITY")} and len(doc.spans["m"]) == 3
    add_mentions(doc, "a", [ANN], np.array([0.9]), **settings)
    assert ents(doc) == {("Ann", "PERSON"), ("Rome", "CITY")} and [span.text for span in doc.spans["m"]] == ["Ann"]
    add_mentions(doc, "b", [ACME], np.array([0.9]), **settings)
    assert [span.text for span in doc.spans["m"]] == ["Ann", "Acme"]
    assert ents(doc) == {("Ann", "PERSON"), ("Acme", "ORG"), ("Rome", "CITY")}
    add_mentions(doc, "a", [], np.zeros(0), **settings, overwrite=True)
    assert not doc.ents and not doc.spans["m"]


def test_entities_of_an_earlier_run_go_when_tokens_have_changed(doc):
    settings = {"spans_key": None, "annotate_ents": True}
    add_mentions(doc, "a", [ANN, ACME], np.array([0.9, 0.8]), **settings)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
    add_mentions(doc, "a", [ANN], np.array([0.9]), **settings)
    assert ents(doc) == {("Ann", "PERSON")}


# Facts


def test_facts_of_two_components(doc):
    doc._.facts = [Fact("ann", "lives_in", "rome")]
    add_facts(doc, "a", [Fact("ann", "works_for", "acme", 0.6)])
    add_facts(doc, "b", [Fact("ann", "works_for", "acme", 0.9), Fact("ann", "owns", "acme", 0.5)])
    assert [(fact.label, fact.score, dict(fact.found_by)) for fact in doc._.facts] == [
        ("lives_in", 1.0, {}),
        ("works_for", 0.9, {"a": 0.6, "b": 0.9}),
        ("owns", 0.5, {"b": 0.5}),
    ]
    add_facts(doc, "b", [])
    assert [(fact.label, fact.score) for fact in doc._.facts] == [("lives_in", 1.0), ("works_for", 0.6)]
    add_facts(doc, "b", [], overwrite=True)
    assert not doc._.facts


def test_fact_scores_of_two_components(doc):
    one = FactScores([("a", "b"), ("a", "c")], ["r", "s"], np.array([[0.1, 0.2], [0.3, 0.4]]))
    other = FactScores([("a", "c"), ("d", "b")], ["s", "t"], np.array([[0.5, 0.6], [0.7, 0.8]]))
    add_fact_scores(doc, "one", one)
    assert get_fact_scores(doc).scores.tolist() == one.scores.tolist()
    add_fact_scores(doc, "other", other)
    both = get_fact_scores(doc)
    assert (both.pairs, both.labels) == ([("a", "b"), ("a", "c"), ("d", "b")], ["r", "s", "t"])
    wanted = np.array([[0.1, 0.2, 0], [0.3, 0.5, 0.6], [0, 0.7, 0.8]], dtype="float32")
    assert np.array_equal(both.scores, wanted)
    add_fact_scores(doc, "one", None)
    assert get_fact_scores(doc).pairs == other.pairs
    add_fact_scores(doc, "one", one, overwrite=True)
    assert get_fact_scores(doc).pairs == one.pairs
    add_fact_scores(doc, "one", None)
    assert not get_fact_scores(doc).pairs


def test_two_fact_extractors():
    nlp = make_bag_nlp()
    train_bags(nlp)
    alone = [list(doc._.facts) for doc in nlp.pipe(bag_docs(nlp))]
    nlp.add_pipe("fact_extractor", name="second", source=nlp)
    docs = list(nlp.pipe(bag_docs(nlp)))
    assert [list(doc._.facts) for doc in docs] == alone and any(alone)
    assert {name for doc in docs for fact in doc._.facts for name in fact.found_by} == {"second"}
    before = [doc.to_bytes() for doc in docs]
    assert [doc.to_bytes() for doc in nlp.pipe(docs)] == before


def test_facts_that_a_file_has_are_no_predictions():
    nlp = make_bag_nlp()
    gold = make_bag(nlp.vocab, *FACTS[0])
    gold._.relations = [Relation(ANN, "works_for", ACME)]
    gold._.fact_scores = FactScores([("ann", "acme")], ["r"], np.array([[0.5]]))
    read = doc_of(nlp, Text(1, "x", gold.text, "", gold))
    assert not read._.facts and not read._.relations and not read._.fact_scores.pairs and read.ents


# Others


def test_each_constraints_component_lists_what_it_took_away(doc):
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_constraints", name="one", config={"types": [["PERSON", "works_for", "PLACE"]]})
    nlp.add_pipe("relation_constraints", name="other", config={"irreflexive": ["lives_in"]})
    for _ in range(2):
        doc._.relations = [WORKS, LIVES, Relation(ANN, "lives_in", ANN)]
        for _, pipe in nlp.pipeline:
            pipe(doc)
        listed = [(row["label"], row["reason"], row["removed_by"]) for row in doc._.removed_relations]
        assert listed == [("works_for", "types", "one"), ("lives_in", "irreflexive", "other")]
        assert doc._.relations == [LIVES]


def test_what_constraints_add_goes_with_what_it_was_made_of(doc):
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_constraints", config={"symmetric": ["works_for"]})
    constraints = nlp.get_pipe("relation_constraints")
    for found in ([WORKS], [WORKS], []):
        add_relations(doc, "a", found)
        constraints(doc)
        assert len(doc._.relations) == 2 * len(found)


def test_language_router_overwrites_when_told(doc):
    doc._.lang = "de"
    for overwrite, lang in ((False, "de"), (True, "en")):
        nlp = spacy.blank("en")
        nlp.add_pipe("language_router", config={"detector": None, "default": "en", "overwrite": overwrite})
        assert nlp(doc)._.lang == lang


def test_candidates_are_those_of_the_mentions_that_are_there(doc):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    for n in (2, 3):
        doc.spans[MENTIONS_KEY] = [mention.span(doc) for mention in (ANN, ACME, ROME)[:n]]
        assert len(nlp(doc)._.candidates) == n * (n - 1)


# Pipelines that find nothing


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "{model}", "{texts}"],
        ["show", "{texts}", "--model", "{model}", "-o", "{out}.html"],
        ["data", "prelabel", "{texts}", "--model", "{model}", "--output", "{out}.jsonl", "--to", "doccano"],
        ["annotate", "{model}", "{texts}", "--output", "{out}", "--workers", "0"],
        ["annotate", "{model}", "{texts}", "--output", "{out}", "--workers", "0", "--what", "facts"],
        ["serve", "{model}"],
        ["facts", "{model}", "{texts}"],
        ["evaluate", "{model}", "{gold}"],
        ["error-report", "{model}", "{gold}", "-o", "{out}.html"],
        ["challenge", "{model}", "{gold}"],
        ["calibrate", "{model}", "{gold}", "--output", "{out}"],
        ["compare", "--transfer", "en={model}", "--test", "{gold}"],
    ],
    ids=lambda command: " ".join(part for part in command if "{" not in part),
)
def test_commands_refuse_a_pipeline_without_an_extractor(command, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ann"}])
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("Ann works for Acme.\n", encoding="utf8")
    DocBin(docs=[make_doc(nlp.vocab, *SENTENCES[0])], store_user_data=True).to_disk(tmp_path / "gold.spacy")
    places = {"model": "model", "texts": "texts.txt", "gold": "gold.spacy", "out": "out"}
    args = [part.format(**{name: tmp_path / place for name, place in places.items()}) for part in command]
    done = RUNNER.invoke(relx_app, args)
    codes = {"facts": "RX067", "calibrate": "RX380"}
    assert done.exit_code == 1 and codes.get(command[0], "RX531") in done.stderr, done.output
    assert "entity_ruler" in done.stderr and "extractor" in done.stderr
    assert not list(tmp_path.glob("out.*"))


def test_a_pipeline_that_finds_nothing():
    nlp = spacy.blank("en")
    with pytest.raises(RelxError, match=r"RX531.*finds relations or facts.*no components.*assigns=\['doc._.facts'\]"):
        check_finds(nlp)
    with pytest.raises(RelxError, match=r"RX531.*'relation_extractor'"):
        evaluate(nlp, [])
    nlp.add_pipe("fact_extractor")
    check_finds(nlp)
    with pytest.raises(RelxError, match=r"RX531.*finds relations: it has fact_extractor"):
        check_finds(nlp, "doc._.relations")
