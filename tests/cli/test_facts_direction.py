"""`relx facts` keeps what the pipeline says, and bags of both directions teach a small model which is which."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from support.bag import FACTS, LABELS, make_nlp, text_doc, train
from support.small_world import SYMMETRIC, TYPES, write_world
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import get_facts, set_facts
from spacy_relx.evaluation import evaluate
from spacy_relx.formats.bag_reader import BagCorpus
from spacy_relx.knowledge.aliases import AliasMatcher, read_aliases

TYPED = {
    "@misc": "spacy_relx.TypedPairs.v1",
    "allowed": [["PERSON", "ORG"], ["ORG", "PLACE"]],
    "generator": {"@misc": "spacy_relx.BagPairs.v1"},
}


@Language.factory("relx_test_name_linker", assigns=["doc.spans"])
def make_name_linker(nlp, name, path: str, key: str = "mentions"):
    find = AliasMatcher(read_aliases(path))

    def link(doc):
        doc.spans[key] = [mention.span(doc) for mention in find(doc)]
        return doc

    return link


@Language.component("relx_test_drop_founded", assigns=["doc._.facts"])
def drop_founded(doc):
    set_facts(doc, [fact for fact in get_facts(doc) if fact.label != "founded"])
    return doc


def invoke(*args):
    result = CliRunner().invoke(relx_app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def facts_of(folder, *options):
    output = folder / "facts.jsonl"
    said = invoke("facts", folder / "pipeline", folder / "texts.spacy", "--output", output, *options)
    facts = [json.loads(line) for line in output.read_text(encoding="utf8").splitlines()]
    return {(fact["head"], fact["label"], fact["tail"]): fact for fact in facts}, said


def save_with(nlp, folder, **settings):
    """Save the pipeline with other settings of its marker."""
    config = nlp.config.copy()
    config["components"]["entity_type_marker"].update(settings)
    type(nlp).from_config(config, vocab=nlp.vocab).from_bytes(nlp.to_bytes()).to_disk(folder / "pipeline")


# What the pipeline says


@pytest.fixture(scope="module")
def trained():
    nlp = make_nlp()
    train(nlp, steps=40)
    return nlp.to_bytes()


@pytest.fixture
def texts(tmp_path, trained):
    """A pipeline that is yet to be saved, and texts of the bags it knows, with types."""
    nlp = make_nlp().from_bytes(trained)
    types = {"ann": "PERSON", "bob": "PERSON", "eve": "PERSON", "rome": "PLACE", "oslo": "PLACE"}
    docs = []
    for head, tail, _, sentences in FACTS:
        for sentence in sentences:
            words = [word.removesuffix("|h").removesuffix("|t") for word in sentence.split()]
            places = [
                next(i for i, word in enumerate(sentence.split()) if word.endswith(role)) for role in ("|h", "|t")
            ]
            mentions = [(i, i + 1, types.get(name, "ORG"), name) for i, name in zip(places, (head, tail))]
            docs.append(text_doc(nlp.vocab, " ".join([*words, "."]), sorted(mentions)))
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "texts.spacy")
    return nlp


def test_the_generator_of_the_pipeline_says_which_pairs_are_asked(texts, tmp_path):
    texts.to_disk(tmp_path / "pipeline")
    everything, _ = facts_of(tmp_path, "--min-score", 0)
    assert {(head, tail) for head, _, tail in everything} == {
        pair for head, tail, *_ in FACTS for pair in ((head, tail), (tail, head))
    }
    save_with(texts, tmp_path, generator=TYPED)
    kept, said = facts_of(tmp_path, "--min-score", 0)
    allowed = {("ann", "acme"), ("bob", "initech"), ("eve", "globex"), ("eve", "acme"), ("globex", "oslo")}
    assert {(head, tail) for head, _, tail in kept} == {*allowed, ("acme", "rome")}
    assert kept == {key: fact for key, fact in everything.items() if key in kept}, "nothing else changes"
    assert "RX520" not in said


def test_a_generator_that_knows_no_sentences(tmp_path, texts):
    """Bags are of single sentences: pairs of two are left out, and it is said how many."""
    nlp = texts
    nlp.to_disk(tmp_path / "pipeline")
    doc = text_doc(
        nlp.vocab,
        "Ann works for Acme . Globex fell .",
        [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme"), (5, 6, "ORG", "globex")],
    )
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "texts.spacy")
    wanted, said = facts_of(tmp_path, "--min-score", 0)
    assert "RX520" not in said and len(wanted) == 2 * len(LABELS)
    save_with(nlp, tmp_path, generator={"@misc": "spacy_relx.AllPairs.v1"})
    found, said = facts_of(tmp_path, "--min-score", 0)
    assert found == wanted and "[RX520] 4 candidate pairs cross sentences" in said


def test_nested_mentions_of_another_group(tmp_path, texts):
    """Where the pipeline's mentions lie in a group of another name, nested ones are kept, too."""
    nlp = texts
    save_with(nlp, tmp_path, spans_key="sc")
    doc = text_doc(nlp.vocab, "The Globex Oslo fell .", [(1, 3, "ORG", "globex"), (2, 3, "PLACE", "oslo")])
    doc.spans["sc"] = list(doc.spans["mentions"])
    del doc.spans["mentions"]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "texts.spacy")
    found, _ = facts_of(tmp_path, "--min-score", 0)
    assert {(head, tail) for head, _, tail in found} == {("globex", "oslo"), ("oslo", "globex")}


def test_components_behind_that_change_facts_have_their_say(tmp_path, texts):
    texts.to_disk(tmp_path / "pipeline")
    everything, _ = facts_of(tmp_path)
    texts.add_pipe("relx_test_drop_founded")
    texts.to_disk(tmp_path / "pipeline")
    kept, _ = facts_of(tmp_path)
    assert kept == {key: fact for key, fact in everything.items() if key[1] != "founded"} != everything


# A model learns direction


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, n_facts=60, n_texts=240, seed=1)


def learn(folder, *options):
    """Train a small extractor on aligned bags. Returns its scores on the test bags, and the facts it reads."""
    bags = ["--output", folder / "train.spacy", "--aliases", folder / "names.tsv", "--test", folder / "test.spacy"]
    invoke("data", "align", folder / "kb.tsv", folder / "texts.jsonl", *bags, *options)
    nlp = make_nlp(threshold=0.5)
    fix_random_seed(0)
    train(nlp, list(BagCorpus(folder / "train.spacy")(nlp)), steps=45)
    scores = evaluate(nlp, [eg.reference for eg in BagCorpus(folder / "test.spacy")(nlp)])
    nlp.add_pipe("sentencizer", first=True)
    config = {"path": str(folder / "names.tsv")}
    nlp.add_pipe("relx_test_name_linker", before="entity_type_marker", config=config)
    nlp.to_disk(folder / "pipeline")
    return scores, read_facts(folder)


def read_facts(folder):
    said = invoke("facts", folder / "pipeline", folder / "texts.jsonl", "--output", folder / "facts.jsonl")
    lines = (folder / "facts.jsonl").read_text(encoding="utf8").splitlines()
    facts = {(fact["head"], fact["label"], fact["tail"]) for fact in map(json.loads, lines)}
    both = sum((tail, label, head) in facts for head, label, tail in facts)
    assert f"\n{both} of them are there the other way round, too." in said
    return facts


def turned_round(facts, triples):
    return {(h, label, t) for h, label, t in facts if (h, label, t) not in triples and (t, label, h) in triples}


def test_facts_are_not_turned_round(world):
    folder, triples = world
    scores, facts = learn(folder)
    n_right = len(facts & triples)
    assert n_right > 0.8 * len(triples)
    assert len(turned_round(facts, triples)) <= 0.05 * len(facts)
    assert scores["fact_n_asked_reversed"] > 5 and scores["fact_reversed_rate"] <= 0.1 and scores["fact_ap"] > 0.7
    both = {(h, label, t) for h, label, t in facts & triples if label in SYMMETRIC and (t, label, h) in facts}
    assert len(both) > 10, "what has no direction is found both ways"


def test_without_reversed_negatives_most_facts_are_turned_round(world):
    """What the test above would miss if the world were too easy."""
    folder, triples = world
    scores, facts = learn(folder, "--reversed-negatives", 0)
    n_directed = sum(label not in SYMMETRIC for _, label, _ in triples)
    assert len(turned_round(facts, triples)) > 0.5 * n_directed
    assert scores["fact_ap"] > 0.7 and scores["fact_reversed_rate"] is None, "and the test bags do not show it"
    # where types tell the directions apart, a generator that knows them is enough
    generator = {**TYPED, "allowed": [list(pair) for pair in TYPES.values()]}
    save_with(spacy.load(folder / "pipeline"), folder, generator=generator)
    left = {label for _, label, _ in turned_round(read_facts(folder), triples)}
    assert left == {label for label, (head, tail) in TYPES.items() if head == tail} - SYMMETRIC
