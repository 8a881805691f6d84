"""The component that finds facts: learning, saving, odd Docs, settings, evidence."""

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from support.bag import (
    ADVERSARIAL,
    FACTS,
    LABELS,
    add_mentions,
    bag_docs,
    extractor,
    found,
    gold,
    make_bag,
    make_examples,
    make_nlp,
    model_config,
    network,
    run,
    text_doc,
    train,
    without_facts,
)
from support.fact_extractor import scores, trained_nlp
from thinc.api import Config

from spacy_relx.core.task import layer_of
from spacy_relx.data.extensions import has_fact_scores, set_bag, set_facts
from spacy_relx.data.facts import Bag, Fact
from spacy_relx.errors import RelxError, RelxWarning


@pytest.fixture(scope="module")
def trained():
    return trained_nlp()


# Learning and saving


def check_saved(nlp, tmp_path):
    """Save, load, score: from a folder into another vocab, and from bytes."""
    before = scores(nlp)
    nlp.to_disk(tmp_path)
    vocab = spacy.blank("xx").vocab
    for word in ("these", "words", "come", "first"):
        vocab.strings.add(word)
    loaded = spacy.load(tmp_path, vocab=vocab)
    from_bytes = spacy.blank("xx", config=nlp.config).from_bytes(nlp.to_bytes())
    for other in (loaded, from_bytes):
        assert extractor(other).labels == extractor(nlp).labels
        for a, b in zip(before, scores(other)):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert run(other) == run(nlp)


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
@pytest.mark.parametrize("aggregator", ["SelectiveAttention", "AverageSentences", "AtLeastOne"])
def test_overfit_save_reload_score(aggregator, loss, tmp_path):
    nlp = make_nlp(model_config(aggregator=aggregator, loss=loss))
    # Of a bag only the sentence that is taken is ever seen, and the others may say anything: one sentence a bag.
    facts = [(*row[:3], [sentence]) for row in FACTS for sentence in row[3]] if aggregator == "AtLeastOne" else FACTS
    losses = train(nlp, make_examples(nlp.vocab, facts))
    assert losses[-1] < 0.25 * losses[0]
    assert run(nlp) == gold()
    check_saved(nlp, tmp_path)


ENCODERS = [
    ("CNN", "PositionFeatures", {}),
    ("PCNN", "IndicatorFeatures", {"roles": True}),
    ("BiGRU", "IndicatorFeatures", {"roles": True, "type_width": 3}),
    ("BiLSTM", "PositionFeatures", {"type_width": 3}),
]


@pytest.mark.parametrize("encoder,positions,settings", ENCODERS)
def test_overfit_with_each_encoder(encoder, positions, settings, tmp_path):
    model = model_config(encoder, positions=positions)
    model["encoder"]["positions"].update(settings)
    nlp = make_nlp(model)
    train(nlp)
    assert run(nlp) == gold()
    check_saved(nlp, tmp_path)


def test_overfit_with_adversarial_training():
    plain = make_nlp()
    train(plain, steps=1)
    nlp = make_nlp(model_config(adversarial=ADVERSARIAL))
    losses = train(nlp)
    assert losses[-1] < 0.3 < losses[0] and run(nlp) == gold()
    other = make_nlp(model_config(adversarial=ADVERSARIAL))
    train(other, steps=1)
    assert not torch.equal(network(plain).encoder.convolution.weight, network(other).encoder.convolution.weight)


def test_a_config_with_dropout_everywhere_trains():
    model = model_config("BiGRU", adversarial=ADVERSARIAL, batch_tokens=32, marker_dropout=0.2, max_tokens=4)
    model["words"].update(dropout=0.2, word_dropout=0.1)
    model["encoder"].update(dropout=0.2)
    model["classifier"].update(dropout=0.2, no_relation_weight=0.5)
    model["classifier"]["aggregator"].update(tanh=False, tied=True)
    nlp = make_nlp(model)
    losses = train(nlp, steps=25, rate=0.02)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


@pytest.mark.parametrize("adversarial", [None, ADVERSARIAL])
def test_same_seed_same_weights(adversarial):
    runs = []
    for seed in (3, 3):
        model = model_config("PCNN", adversarial=adversarial)
        model["encoder"].update(dropout=0.3)
        nlp = make_nlp(model, seed=seed)
        runs.append((train(nlp, steps=3), extractor(nlp).model.shims[0].weights()))
    assert runs[0][0] == runs[1][0]
    for name, weights in runs[0][1].items():
        np.testing.assert_array_equal(weights, runs[1][1][name])


def test_labels_and_sizes(trained):
    facts = extractor(trained)
    assert facts.labels == LABELS and facts.label_data == list(LABELS)
    layer = layer_of(facts.model)
    assert layer.task.n_markers == trained.get_pipe("entity_type_marker").n_markers == 4
    assert layer.sizes["n_words"] == network(trained).words.table.num_embeddings


def test_labels_can_be_given():
    nlp = make_nlp()
    examples = make_examples(nlp.vocab)
    extractor(nlp).add_label("first")
    assert extractor(nlp).add_label("first") == 0
    trained_labels = ["works_for", "based_in", "founded", "other"]
    nlp.config["initialize"]["components"] = {"fact_extractor": {"labels": trained_labels}}
    nlp.initialize(lambda: examples)
    assert extractor(nlp).labels == ("first", *trained_labels)
    with pytest.raises(RelxError, match=r"RX052.*late"):
        extractor(nlp).add_label("late")


def test_initialising_anew_forgets_the_old_labels_and_words():
    nlp = make_nlp()
    train(nlp, steps=1)
    again = make_examples(nlp.vocab, [("ann", "oslo", ["born_in"], ["Ann|h came from Oslo|t"])])
    nlp.initialize(lambda: again)
    assert extractor(nlp).labels == ("born_in",)
    assert network(nlp).words.table.num_embeddings == 5


# What it reads


def test_batched_equals_one_by_one(trained):
    docs = bag_docs(trained) * 3
    together = [doc._.fact_scores.scores for doc in trained.pipe(docs, batch_size=7)]
    alone = [trained(doc)._.fact_scores.scores for doc in bag_docs(trained) * 3]
    for a, b in zip(together, alone):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 9])
def test_parts_change_nothing(trained, batch_tokens):
    small = make_nlp(model_config(batch_tokens=batch_tokens))
    train(small, steps=1)
    extractor(small).model.from_bytes(extractor(trained).model.to_bytes())
    for a, b in zip(scores(trained), scores(small)):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_several_processes(trained):
    assert run(trained, n_process=2, batch_size=3) == run(trained) == gold()
    docs = list(trained.pipe(bag_docs(trained), n_process=2, batch_size=3))
    for doc, alone in zip(docs, trained.pipe(bag_docs(trained))):
        assert [fact.evidence for fact in doc._.facts] == [fact.evidence for fact in alone._.facts]
        np.testing.assert_allclose(doc._.fact_scores.scores, alone._.fact_scores.scores, atol=1e-6)


def test_the_order_of_sentences_does_not_matter(trained):
    head, tail, labels, sentences = FACTS[4]
    one, other = (
        trained(without_facts(make_bag(trained.vocab, head, tail, labels, s))) for s in (sentences, sentences[::-1])
    )
    np.testing.assert_allclose(one._.fact_scores.scores, other._.fact_scores.scores, atol=1e-6)
    texts = [[e.sentence(doc).text for e in doc._.facts[0].evidence] for doc in (one, other)]
    assert texts[0] == texts[1] and len(texts[0]) == 3


def test_empty_docs_and_docs_with_nothing_to_say(trained):
    vocab = trained.vocab
    docs = [
        Doc(vocab),
        text_doc(vocab, "nothing here .", []),
        text_doc(vocab, "Ann alone .", [(0, 1, "PERSON", "ann")]),
        text_doc(vocab, "Ann works for Acme .", [(0, 1, "PERSON", ""), (3, 4, "ORG", "")]),
        text_doc(vocab, "Ann is Ann .", [(0, 1, "PERSON", "ann"), (2, 3, "PERSON", "ann")]),
        text_doc(vocab, "Ann left . Acme too .", [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme")]),
    ]
    with pytest.warns(RelxWarning, match="RX508"):
        docs = list(trained.pipe(docs))
    for doc in (*docs, trained("")):
        assert list(doc._.facts) == [] and len(doc._.fact_scores) == 0
        assert doc._.fact_scores.labels == list(LABELS) and doc._.fact_scores.scores.shape == (0, 3)
    assert list(trained.pipe([])) == []
    assert extractor(trained).predict([]) == []


def test_between_docs_with_facts_the_others_have_none(trained):
    docs = [*bag_docs(trained)[:1], Doc(trained.vocab), text_doc(trained.vocab, "x .", []), *bag_docs(trained)[4:5]]
    assert [found(doc) for doc in trained.pipe(docs)] == [gold()[0], set(), set(), gold()[4]]


def test_an_ordinary_text_with_several_pairs_in_a_sentence(trained):
    text = "Ann works for Acme . Acme of Rome . Acme employs Ann today ."
    mentions = [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme"), (5, 6, "ORG", "acme"), (7, 8, "PLACE", "rome")]
    mentions += [(9, 10, "ORG", "acme"), (11, 12, "PERSON", "ann")]
    doc = trained(text_doc(trained.vocab, text, mentions))
    pairs = [("ann", "acme"), ("acme", "ann"), ("acme", "rome"), ("rome", "acme")]
    assert doc._.fact_scores.pairs == pairs  # as they first appear
    assert {("ann", "works_for", "acme"), ("acme", "based_in", "rome")} <= found(doc)
    (fact,) = [fact for fact in doc._.facts if fact.head == "ann" and fact.label == "works_for"]
    assert sorted(e.sentence(doc).text for e in fact.evidence) == ["Acme employs Ann today .", "Ann works for Acme ."]
    # the bag of a pair says the same as a Doc of these two sentences alone
    alone = trained(
        without_facts(
            make_bag(trained.vocab, "ann", "acme", [], ["Ann|h works for Acme|t .", "Acme|t employs Ann|h today ."])
        )
    )
    np.testing.assert_allclose(doc._.fact_scores.scores[:1], alone._.fact_scores.scores, atol=1e-5)


def test_three_entities_in_one_sentence(trained):
    doc = text_doc(
        trained.vocab,
        "Ann works for Acme of Rome",
        [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme"), (5, 6, "PLACE", "rome")],
    )
    names = ("ann", "acme", "rome")
    assert set(trained(doc)._.fact_scores.pairs) == {(a, b) for a in names for b in names if a != b}


def test_nested_mentions(trained):
    doc = text_doc(
        trained.vocab,
        "Acme of Rome employs Ann",
        [(0, 3, "ORG", "acme_rome"), (2, 3, "PLACE", "rome"), (4, 5, "PERSON", "ann")],
    )
    doc = trained(doc)
    assert ("acme_rome", "rome") in doc._.fact_scores.pairs and ("ann", "rome") in doc._.fact_scores.pairs
    assert len(doc._.fact_scores) == 6 and np.isfinite(doc._.fact_scores.scores).all()


def test_bags_of_a_batch_may_come_in_any_order_and_in_parts(trained):
    """A bag that was split is two Docs of one pair: each is scored for itself."""
    head, tail, labels, sentences = FACTS[4]
    parts = [make_bag(trained.vocab, head, tail, labels, s) for s in (sentences[:1], sentences[1:])]
    docs = [without_facts(doc) for doc in (parts[0], make_bag(trained.vocab, *FACTS[0]), parts[1])]
    done = list(trained.pipe(docs))
    assert [doc._.bag for doc in done] == [Bag(head, tail), Bag("ann", "acme"), Bag(head, tail)]
    assert [doc._.fact_scores.pairs for doc in done] == [[(head, tail)], [("ann", "acme")], [(head, tail)]]
    for doc in (done[0], done[2]):
        assert found(doc) == gold()[4]


def test_entities_by_their_text():
    nlp = make_nlp(model_config(entities="text"))
    examples = []
    for head, tail, labels, sentences in FACTS[:6]:
        doc = make_bag(nlp.vocab, head, tail, [], sentences[:1])
        spans = [(span.start, span.end, span.label_, "") for span in doc.spans["mentions"]]
        doc = add_mentions(doc, spans)
        set_bag(doc, None)
        set_facts(doc, [Fact(head, label, tail) for label in labels])
        examples.append(Example(without_facts(doc), doc))
    train(nlp, examples)
    for eg, expected in zip(examples, gold()):
        doc = nlp(without_facts(eg.reference))
        assert found(doc) == expected and len(doc._.fact_scores) == 2


# Evidence and settings


def with_settings(nlp, **settings):
    config = {"components": {"fact_extractor": settings}}
    return spacy.blank("xx", config=Config(nlp.config).merge(config)).from_bytes(nlp.to_bytes())


def test_evidence(trained):
    nlp = with_settings(trained, max_evidence=10)
    for doc, row in zip(nlp.pipe(bag_docs(nlp)), FACTS):
        for fact in doc._.facts:
            assert {each.sentence(doc).text for each in fact.evidence} == {sent.text for sent in doc.sents}
            assert len(fact.evidence) == len(row[3])
            weights = [each.weight for each in fact.evidence]
            assert sum(weights) == pytest.approx(1.0, abs=1e-6) and weights == sorted(weights, reverse=True)
            for each in fact.evidence:
                assert (each.head.kb_id, each.tail.kb_id) == (fact.head, fact.tail)
                assert each.start <= min(each.head.start, each.tail.start)
                assert max(each.head.end, each.tail.end) <= each.end
            assert fact.triple(doc)[0].lower() == fact.head


def test_evidence_is_what_the_relations_own_query_looks_at(trained):
    nlp = with_settings(trained, max_evidence=10, threshold=0.0)
    doc = nlp(bag_docs(nlp)[1])
    facts, module = extractor(nlp), network(nlp)
    (scored,) = facts.predict([doc])
    for fact in doc._.facts:
        column = 1 + facts.labels.index(fact.label)
        weights = {tuple(w): scored.weights[i, column] for i, w in enumerate(scored.windows.tolist())}
        assert {(e.start, e.end): pytest.approx(e.weight) for e in fact.evidence} == weights
    assert len(doc._.facts) == 3 and module.classifier.aggregator.queries.shape[0] == 4


def test_at_most_so_much_evidence(trained):
    (doc,) = with_settings(trained, max_evidence=2).pipe(bag_docs(trained)[4:5])
    (everything,) = trained.pipe(bag_docs(trained)[4:5])
    assert len(everything._.facts[0].evidence) == 3
    assert doc._.facts[0].evidence == everything._.facts[0].evidence[:2]


def test_no_evidence(trained):
    nlp = with_settings(trained, max_evidence=0)
    (doc,) = nlp.pipe(bag_docs(nlp)[:1])
    assert found(doc) == gold()[0] and doc._.facts[0].evidence == ()
    assert doc._.facts[0].triple(doc) == ("ann", "works_for", "acme")


def test_without_scores(trained):
    nlp = with_settings(trained, keep_scores=False)
    docs = list(nlp.pipe(bag_docs(nlp)))
    assert [found(doc) for doc in docs] == gold()
    assert not any(has_fact_scores(doc) for doc in docs)
    assert all(has_fact_scores(doc) for doc in trained.pipe(bag_docs(trained)))


def test_thresholds(trained):
    def facts_at(**settings):
        return run(with_settings(trained, **settings))

    assert facts_at(threshold=1.0) == [set() for _ in FACTS]
    pairs = [(head, tail) for head, tail, *_ in FACTS]
    assert facts_at(threshold=0.0) == [{(h, label, t) for label in LABELS} for h, t in pairs]
    without = facts_at(label_thresholds={"based_in": 1.0})
    assert without == [{fact for fact in facts if fact[1] != "based_in"} for facts in gold()]
    only = facts_at(threshold=1.0, label_thresholds={"based_in": 0.3})
    assert only == [{fact for fact in facts if fact[1] == "based_in"} for facts in gold()]


def test_facts_are_the_scores_over_the_threshold(trained):
    for doc in trained.pipe(bag_docs(trained)):
        table = doc._.fact_scores
        over = {
            (*pair, label, float(score))
            for pair, row in zip(table.pairs, table.scores)
            for label, score in zip(table.labels, row)
            if score > 0.3
        }
        assert {(fact.head, fact.tail, fact.label, np.float32(fact.score)) for fact in doc._.facts} == over


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 1.5}, {"threshold": -0.1}, {"label_thresholds": {"a": 2.0}}, {"max_evidence": -1}],
    ids=str,
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(RelxError, match="RX021"):
        make_nlp(**settings)


def test_thresholds_of_unknown_relations_are_told():
    nlp = make_nlp(label_thresholds={"hates": 0.1})
    with pytest.warns(RelxWarning, match="RX057.*hates"):
        nlp.initialize(lambda: make_examples(nlp.vocab))
