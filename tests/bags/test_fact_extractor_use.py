"""The fact extractor: errors, configs, and how it is evaluated."""

import re

import pytest
import spacy
import torch
from spacy.tokens import Doc
from support.bag import (
    FACTS,
    bag_docs,
    extractor,
    make_bag,
    make_examples,
    make_nlp,
    model_config,
    network,
    text_doc,
    train,
)
from support.fact_extractor import trained_nlp
from support.trained_configs import CONFIGS
from thinc.api import Config

from spacy_relx.data.extensions import set_bag, set_facts
from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate


@pytest.fixture(scope="module")
def trained():
    return trained_nlp()


# Errors


def test_no_facts_in_the_training_data():
    nlp = make_nlp()
    with pytest.raises(RelxError, match="RX053"):
        nlp.initialize(lambda: make_examples(nlp.vocab, [FACTS[3]]))


def test_no_marker_component():
    nlp = spacy.blank("xx")
    nlp.add_pipe("fact_extractor", config={"model": model_config(), "scorer": None})
    with pytest.raises(RelxError, match="RX054"):
        nlp.initialize(lambda: make_examples(nlp.vocab))


def test_docs_that_no_marker_has_seen(trained):
    doc = bag_docs(trained)[0]
    with pytest.raises(RelxError, match="RX054"):
        extractor(trained)(doc)
    nlp = make_nlp()
    train(nlp, steps=1)
    losses = nlp.update(make_examples(nlp.vocab), sgd=nlp.create_optimizer(), exclude=["entity_type_marker"])
    assert losses["fact_extractor"] > 0  # it has asked the marker for the pairs


def test_a_relation_that_is_not_among_the_labels(trained):
    nlp = make_nlp()
    train(nlp, steps=1)
    examples = make_examples(nlp.vocab, [("ann", "acme", ["owns"], ["Ann|h owns Acme|t"])])
    with pytest.raises(RelxError, match=r"RX055.*owns.*Ann owns Acme"):
        nlp.update(examples)


def test_a_model_that_was_never_initialised():
    nlp = make_nlp()
    with pytest.raises(RelxError, match="RX050"):
        nlp(bag_docs(nlp)[0])


def test_weights_that_do_not_fit(trained, tmp_path):
    trained.to_disk(tmp_path)
    with pytest.raises(RelxError, match="RX051"):
        spacy.load(tmp_path, config={"components.fact_extractor.model.words.width": 7})


def test_a_loss_that_is_not_finite():
    nlp = make_nlp()
    train(nlp, steps=1)
    with torch.no_grad():
        network(nlp).classifier.classifier.bias.fill_(float("nan"))
    with pytest.raises(RelxError, match="RX056"):
        nlp.update(make_examples(nlp.vocab))


# With the scorer, the config, and storage


def test_the_scorer_is_that_of_facts(trained):
    nlp = make_nlp(scorer={"@scorers": "spacy_relx.FactScorer.v1"})
    train(nlp)
    result = nlp.evaluate(make_examples(nlp.vocab))
    assert result["fact_micro_f"] == result["fact_ap"] == 1.0
    assert (result["fact_n_gold"], result["fact_n_bags"]) == (6, len(FACTS))


def test_the_config_in_the_repository():
    config = spacy.util.load_config(CONFIGS["bags"])
    config = Config({name: config[name] for name in ("nlp", "components")})
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    examples = make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    losses = [nlp.update(examples, sgd=optimizer)["fact_extractor"] for _ in range(6)]
    assert losses[-1] < losses[0]
    assert nlp.pipe_names == ["entity_type_marker", "fact_extractor"]


@pytest.mark.parametrize("name", ["amnre", "bags", "bags_bigru", "bags_transformer"])
def test_configs_bound_the_pairs_of_a_text_and_never_those_of_a_training_bag(name):
    config = spacy.util.load_config(CONFIGS[name])
    settings, max_sentences = config["components"]["entity_type_marker"], config["corpora"]["train"]["max_sentences"]
    assert settings["max_pairs"] == 10_000
    nlp = spacy.blank("xx")
    marker = nlp.add_pipe("entity_type_marker", config={key: settings[key] for key in ("generator", "max_pairs")})
    n = 102
    crowd = text_doc(nlp.vocab, " ".join(["Ann"] * n), [(i, i + 1, "PERSON", f"ann{i}") for i in range(n)])
    with pytest.warns(RelxWarning, match=r"RX024.* 10302 candidate pairs\. The 10000 nearest .* 302 are left out"):
        marker(crowd)
    kept = set(map(tuple, crowd._.candidates.pairs.tolist()))
    left_out = {abs(i - j) for i in range(n) for j in range(n) if i != j and (i, j) not in kept}
    assert len(kept) == 10_000 and min(left_out) >= max(abs(i - j) for i, j in kept)
    bag = make_bag(nlp.vocab, "ann", "acme", [], ["Ann|h of Acme|t"] * max_sentences)
    assert len(marker(bag)._.candidates) == max_sentences and bag._.candidates.dropped == 0


# `evaluate` says why there is nothing to see


def test_evaluate_says_that_labels_are_unknown(trained):
    other = [(head, tail, [f"P{len(label)}" for label in labels], texts) for head, tail, labels, texts in FACTS]
    with pytest.warns(
        RelxWarning, match=r"RX198. 6 of 6 gold facts .*\(P7, P8, P9\).*knows based_in, founded, works_for"
    ):
        scores = evaluate(trained, [make_bag(trained.vocab, *row) for row in other])
    assert scores["fact_micro_f"] == 0
    some = [*FACTS, ("ann", "rome", ["born_in"], ["Ann|h came from Rome|t"])]
    with pytest.warns(RelxWarning, match=r"RX198. 1 of 7 gold facts .*\(born_in\)"):
        evaluate(trained, [make_bag(trained.vocab, *row) for row in some])
    assert evaluate(trained, [make_bag(trained.vocab, *row) for row in FACTS])["fact_micro_f"] == 1


def test_evaluate_says_that_sentences_are_no_bags(trained):
    mentions = [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme")]
    doc = text_doc(trained.vocab, "Ann works for Acme .", mentions)
    head, tail = (Mention(*mention) for mention in mentions)
    doc._.relations = [Relation(head, "works_for", tail)]
    for given in (False, True):
        trained.get_pipe("entity_type_marker")._said.clear()
        with pytest.warns(RelxWarning) as caught:
            evaluate(trained, [doc], gold_mentions=given)
        said = [str(each.message) for each in caught]
        assert re.search(r"RX199.*none of the 1 documents.*1 gold relations.*relx data bags", said[-1])
        assert [each[1:6] for each in said[:-1]] == ([] if given else ["RX505"])
    doc._.facts = [Fact("ann", "works_for", "acme")]
    assert evaluate(trained, [doc], gold_mentions=True)["gold_mentions_fact_micro_f"] == 1


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda doc: doc.spans.pop("mentions"), "2 sentences and 0 mentions"),
        (lambda doc: [setattr(token, "is_sent_start", False) for token in doc[1:]], "1 sentences and 4 mentions"),
        (lambda doc: set_bag(doc, ("ann", "globex")), r"mention \[3, 4\) is of 'acme', not of 'globex'"),
        (lambda doc: set_bag(doc, ("acme", "ann")), r"mention \[0, 1\) is of 'ann', not of 'acme'"),
    ],
)
def test_evaluate_refuses_bags_that_are_not_made_as_they_must_be(trained, change, problem):
    doc = make_bag(trained.vocab, *FACTS[0])
    change(doc)
    set_facts(doc, [])
    with pytest.raises(RelxError, match=rf"RX144.*{problem}.*relx data bags"):
        evaluate(trained, [doc])


def test_evidence_is_plain_data(trained):
    (doc,) = trained.pipe(bag_docs(trained)[:1])
    again = Doc(trained.vocab).from_bytes(doc.to_bytes())
    assert list(again._.facts) == list(doc._.facts) and isinstance(again._.facts[0].evidence[0], Evidence)
    assert again._.facts[0].evidence[0].head == Mention(*_first_head(doc))


def _first_head(doc):
    span = min(
        (s for s in doc.spans["mentions"] if s.kb_id_ == "ann"),
        key=lambda s: -next(e.weight for e in doc._.facts[0].evidence if e.start <= s.start < e.end),
    )
    return span.start, span.end, span.label_, span.kb_id_
