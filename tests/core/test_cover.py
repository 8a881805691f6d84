"""Gold relations without candidates are said: in training, in evaluation, once, with what to do."""

import warnings

import pytest
import spacy
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.cli.find_threshold import find_threshold
from spacy.cli.train import train as spacy_train
from spacy.tokens import Span
from spacy.training import Example
from spacy.util import load_config
from support import bag as bag_util
from support.examples import SENTENCES, make_doc, make_example, make_examples
from support.model import make_nlp, train

from spacy_relx.core.component.cover import N_FRUITLESS
from spacy_relx.core.component.order import recognisers_behind
from spacy_relx.errors import RelxWarning
from spacy_relx.formats import gold_example
from spacy_relx.formats.docbin import new_docbin, write_docbin

PATTERNS = [
    {"label": label, "pattern": words.split()[a]} for words, part, _ in SENTENCES for a, b, label in part if b == a + 1
]
N_GOLD = sum(len(relations) for _, _, relations in SENTENCES)
N_DOCS = sum(bool(relations) for _, _, relations in SENTENCES)


def codes(call):
    """The codes of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message)[1:6] for each in caught if isinstance(each.message, RelxWarning)]


def plain_examples(nlp):
    """As spaCy's own reader gives them: words alone, the gold data beside."""
    return [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in make_examples(nlp.vocab)]


def with_ruler(nlp, **place):
    nlp.add_pipe("entity_ruler", **(place or {"first": True})).add_patterns(PATTERNS)
    return nlp


# Initialise and update


def test_plain_examples_are_told_at_initialise():
    nlp = make_nlp()
    with pytest.warns(
        RelxWarning, match=f"RX500. {N_DOCS} training Docs with {N_GOLD} gold relations.*gold_example"
    ) as caught:
        nlp.initialize(lambda: plain_examples(nlp))
    assert len(caught) == 1
    assert codes(lambda: nlp.update(plain_examples(nlp))) == [], "said already"


def test_plain_examples_are_told_in_update():
    nlp = make_nlp()
    assert codes(lambda: nlp.initialize(lambda: make_examples(nlp.vocab))) == []
    assert codes(lambda: [nlp.update(plain_examples(nlp)) for _ in range(3)]) == ["RX500"]


def test_initialise_begins_anew():
    nlp = make_nlp()
    for _ in range(2):
        assert codes(lambda: nlp.initialize(lambda: plain_examples(nlp))) == ["RX500"]


def test_some_docs_without_mentions():
    nlp = make_nlp()
    examples = [*make_examples(nlp.vocab), plain_examples(nlp)[0]]
    with pytest.warns(RelxWarning, match="RX500. 1 training Docs with 1 gold relations"):
        nlp.initialize(lambda: examples)


def test_mentions_in_another_group_than_the_markers():
    nlp = make_nlp()
    examples = make_examples(nlp.vocab)
    for eg in examples:
        eg.predicted.spans["sc"] = list(eg.predicted.spans.pop("mentions"))
        eg.predicted.ents = []
    assert codes(lambda: nlp.initialize(lambda: examples)) == ["RX500"]


def test_whoever_gives_mentions_hears_nothing():
    """A reader that gives them; a component that is named under annotating_components, be it that it finds none."""
    nlp = make_nlp()
    examples = [gold_example(eg.reference) for eg in make_examples(nlp.vocab)]
    optimizer = nlp.initialize(lambda: examples)
    assert codes(lambda: nlp.update(examples, sgd=optimizer)) == []
    for patterns in (PATTERNS, []):
        nlp = make_nlp()
        nlp.add_pipe("entity_ruler", first=True).add_patterns(patterns)
        assert codes(lambda: nlp.initialize(lambda: plain_examples(nlp))) == []  # noqa: B023
        assert codes(lambda: nlp.update(plain_examples(nlp), annotates=["entity_ruler"])) == []  # noqa: B023
    assert codes(lambda: nlp.update(plain_examples(nlp))) == ["RX500"], "nobody has asked the ruler"


def test_a_recogniser_that_is_of_no_use_for_long():
    nlp = make_nlp()
    nlp.add_pipe("entity_ruler", first=True)
    nlp.initialize(lambda: plain_examples(nlp))
    for i in range(N_FRUITLESS - 1):
        assert codes(lambda: nlp.update(plain_examples(nlp)[:1], annotates=["entity_ruler"])) == [], i
    one = plain_examples(nlp)[:1]
    assert codes(lambda: [nlp.update(one, annotates=["entity_ruler"]) for _ in range(3)]) == ["RX509"]


def test_plain_bags_are_told():
    nlp = bag_util.make_nlp()
    examples = [Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in bag_util.make_examples(nlp.vocab)]
    with pytest.warns(RelxWarning, match=r"RX500. \d+ training Docs with \d+ gold facts.*'fact_extractor'"):
        nlp.initialize(lambda: examples)
    assert codes(lambda: nlp.initialize(lambda: bag_util.make_examples(nlp.vocab))) == []


def test_the_case_of_spacy_train(tmp_path):
    """spaCy's own reader, and ours told to give no mentions: neither learns anything, and both say so."""
    docs = new_docbin()
    for eg in make_examples(spacy.blank("xx").vocab):
        docs.add(eg.reference)
    write_docbin(docs, tmp_path / "a.spacy")
    config = load_config("configs/cpu.cfg")
    encoder = config["components"]["relation_extractor"]["model"]["encoder"]["encoder"]
    encoder.update(hidden=8, word_rows=50, affix_rows=50)
    config["components"]["relation_extractor"]["model"]["pairs"]["hidden"] = 8
    overrides = {"paths.train": str(tmp_path / "a.spacy"), "paths.dev": str(tmp_path / "a.spacy")}
    overrides |= {
        "training.max_steps": 2,
        "training.eval_frequency": 1,
    }
    for name, reader, expected in (
        ("gold", config["corpora"]["train"], []),
        ("no_gold", {**config["corpora"]["train"], "gold_mentions": False}, ["RX500"]),
        ("spacy", {"@readers": "spacy.Corpus.v1", "path": "${paths.train}"}, ["RX500"]),
    ):
        one = config.copy()
        one["corpora"]["train"] = reader
        one.to_disk(tmp_path / "one.cfg")
        assert codes(lambda: spacy_train(tmp_path / "one.cfg", overrides=overrides)) == expected, name


# Evaluate


def test_docs_without_mentions_are_told_in_evaluation():
    nlp = make_nlp(scorer={"@scorers": "spacy_relx.RelationScorer.v1"})
    train(nlp, steps=1)
    assert codes(lambda: nlp.evaluate(make_examples(nlp.vocab))) == []
    with pytest.warns(RelxWarning) as caught:
        for _ in range(2):
            nlp.evaluate(plain_examples(nlp))
    assert sorted(str(each.message)[1:6] for each in caught) == ["RX501", "RX505"]
    assert f"{N_DOCS} evaluated Docs with {N_GOLD} gold relations" in "".join(str(each.message) for each in caught)
    with_ruler(nlp)
    assert codes(lambda: nlp.evaluate(plain_examples(nlp))) == []


def test_spacys_own_commands(tmp_path):
    nlp = make_nlp(scorer={"@scorers": "spacy_relx.RelationScorer.v1"}, threshold=0.5)
    train(nlp, steps=1)
    nlp.to_disk(tmp_path / "pipeline")
    docs = new_docbin()
    for eg in make_examples(nlp.vocab):
        docs.add(eg.reference)
    write_docbin(docs, tmp_path / "a.spacy")
    found = codes(lambda: spacy_evaluate(str(tmp_path / "pipeline"), tmp_path / "a.spacy", silent=True))
    assert sorted(found) == ["RX501", "RX505"]
    args = (str(tmp_path / "pipeline"), tmp_path / "a.spacy", "relation_extractor", "threshold", "rel_micro_f")
    assert set(codes(lambda: find_threshold(*args, n_trials=2, silent=True))) == {"RX501", "RX505"}


def test_pairs_that_are_not_proposed_are_told_in_evaluation():
    nlp = make_nlp(scorer={"@scorers": "spacy_relx.RelationScorer.v1"})
    train(nlp, steps=1)
    apart = make_example(nlp.vocab, "Ann left . Acme fell", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1)])
    with pytest.warns(RelxWarning) as caught:
        for _ in range(2):
            nlp.evaluate([*make_examples(nlp.vocab), apart])
    said = sorted(str(each.message) for each in caught)
    assert [each[1:6] for each in said] == ["RX502", "RX507"]
    assert f"cannot find 1 of {N_GOLD + 1} gold relations" in said[1]


def test_facts_of_pairs_that_are_not_proposed():
    nlp = bag_util.make_nlp(scorer={"@scorers": "spacy_relx.FactScorer.v1"})
    bag_util.train(nlp, steps=1)
    assert codes(lambda: nlp.evaluate(bag_util.make_examples(nlp.vocab))) == []
    nlp.get_pipe("entity_type_marker").generator = lambda doc, mentions: []
    assert codes(lambda: nlp.evaluate(bag_util.make_examples(nlp.vocab))) == ["RX507"]


# The order of components


def test_a_recogniser_behind_the_marker_is_told():
    nlp = make_nlp()
    nlp.add_pipe("entity_ruler")
    with pytest.warns(RelxWarning, match="RX504.*'entity_type_marker' runs before 'entity_ruler'"):
        nlp.initialize(lambda: make_examples(nlp.vocab))
    assert codes(lambda: list(nlp.pipe([SENTENCES[0][0]] * 3))) == ["RX505"]
    joint = make_nlp()
    joint.add_pipe("joint_extractor")
    assert recognisers_behind(joint, "entity_type_marker") == []


def test_a_trained_pipeline_put_before_the_recogniser_of_another(tmp_path):
    trained = make_nlp()
    train(trained)
    trained.to_disk(tmp_path)
    for names, place, expected in (
        (("relation_extractor", "entity_type_marker"), "first", ["RX505"]),
        (("entity_type_marker", "relation_extractor"), "last", []),
    ):
        nlp = with_ruler(spacy.blank("en"))
        source = spacy.load(tmp_path)
        for name in names:
            nlp.add_pipe(name, source=source, **{place: True})
        said = codes(lambda: [nlp(words) for words, _, _ in SENTENCES[:3]])  # noqa: B023
        assert said == expected
        assert len(nlp(SENTENCES[1][0])._.relations) == (0 if expected else 1)


@pytest.mark.parametrize("text", ["", "Ann"])
def test_docs_of_which_mentions_were_looked_for(text):
    nlp = make_nlp()
    train(nlp, steps=1)
    doc = nlp.make_doc(text)
    doc.ents = []
    assert codes(lambda: nlp(doc)) == []
    other = nlp.make_doc(text)
    other.spans["mentions"] = []
    assert codes(lambda: nlp(other)) == []
    assert codes(lambda: nlp.make_doc(text)) == []


def test_mentions_that_are_not_linked_are_told():
    """A fact_extractor before its entity linker, or without one."""
    nlp = bag_util.make_nlp()
    bag_util.train(nlp, steps=1)
    docs = [make_doc(nlp.vocab, "Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "PLACE")]) for _ in range(2)]
    with pytest.warns(RelxWarning, match="RX508.*'fact_extractor' gets mentions that are not linked") as caught:
        for doc in docs:
            nlp(doc)
    assert len(caught) == 1
    linked = make_doc(nlp.vocab, "Ann works for Acme")
    linked.spans["mentions"] = [Span(linked, 0, 1, "PERSON", kb_id="a"), Span(linked, 3, 4, "PLACE", kb_id="b")]
    assert codes(lambda: bag_util.make_nlp().from_bytes(nlp.to_bytes())(linked)) == []
