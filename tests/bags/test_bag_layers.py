"""Docs -> instances and bags: grouping, windows, languages, and the batch that a network reads."""

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from support.bag import (
    ADVERSARIAL,
    FACTS,
    LABELS,
    add_mentions,
    bag_docs,
    extractor,
    make_bag,
    make_examples,
    make_nlp,
    model_config,
    text_doc,
    train,
    without_facts,
)

from spacy_relx import Candidates, Mention
from spacy_relx.bags.instances import (
    cut_windows,
    find_instances,
    langs_at,
    pair_instances,
    sentence_windows,
)
from spacy_relx.bags.words import WordTable
from spacy_relx.core.docs_to_batch import DocBatch
from spacy_relx.data.extensions import set_bag, set_candidates, set_facts, set_lang, set_sentence_langs
from spacy_relx.data.facts import Fact
from spacy_relx.data.grouping import group_pairs
from spacy_relx.errors import RelxError
from spacy_relx.relations.entity_type_marker import EntityTypeMarker
from spacy_relx.relations.generators import make_all_pairs, make_bag_pairs

VOCAB = Vocab()


def marked(doc, generator=None):
    marker = EntityTypeMarker(generator=generator or make_bag_pairs())
    for label in ("ORG", "PERSON", "PLACE"):
        marker.add_label(label)
    return marker.mark(doc)


def named_pairs(doc):
    return {(pair.head.text(doc), pair.tail.text(doc)) for pair in doc._.candidates}


# Candidates


def test_bag_pairs_of_a_bag_are_those_of_its_entities():
    sentences = ["Ann|h works for Acme|t", "Acme|t employs Ann|h"]
    doc = make_bag(VOCAB, "ann", "acme", [], sentences)
    marked(doc)
    assert [(p.head.kb_id, p.tail.kb_id) for p in doc._.candidates] == [("ann", "acme")] * 2
    assert all(doc[p.head.start].sent == doc[p.tail.start].sent for p in doc._.candidates)


def test_bag_pairs_of_a_text_are_those_of_different_entities():
    mentions = [
        (0, 1, "PERSON", "ann"),
        (2, 3, "PERSON", ""),
        (4, 5, "PERSON", "ann"),
        (6, 7, "ORG", ""),
        (9, 10, "X", "0"),
    ]
    doc = text_doc(VOCAB, "Ann and Bob saw Annie at Acme . In Oslo", mentions)
    marked(doc)
    people = ["Ann", "Bob", "Annie", "Acme"]
    expected = {(a, b) for a in people for b in people if a != b} - {("Ann", "Annie"), ("Annie", "Ann")}
    assert named_pairs(doc) == expected


def test_mentions_without_an_id_are_no_entity_whatever_its_id():
    doc = text_doc(VOCAB, "Ann met Bob", [(0, 1, "PERSON", ""), (2, 3, "PERSON", "0")])
    assert named_pairs(marked(doc)) == {("Ann", "Bob"), ("Bob", "Ann")}


def test_bag_pairs_filter_another_generator():
    doc = text_doc(VOCAB, "Ann left . Acme hired", [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme")])
    assert not named_pairs(marked(doc))
    assert named_pairs(marked(doc, make_bag_pairs(make_all_pairs()))) == {("Ann", "Acme"), ("Acme", "Ann")}
    set_bag(doc, ("acme", "ann"))
    assert named_pairs(marked(doc, make_bag_pairs(make_all_pairs()))) == {("Acme", "Ann")}


# Grouping


def grouped_naively(names, pairs, begins):
    """Mention i is token i. begins: tokens that begin a sentence."""
    bags = {}
    for row, (head, tail) in enumerate(pairs):
        if names[head] and names[tail] and names[head] != names[tail]:
            place = tuple(sum(begin <= token for begin in begins) for token in sorted((head, tail)))
            best = bags.setdefault((names[head], names[tail]), {})
            if place not in best or abs(head - tail) < abs(pairs[best[place]][0] - pairs[best[place]][1]):
                best[place] = row
    # bags in the order of their first instance that is left
    return dict(sorted(((key, sorted(best.values())) for key, best in bags.items()), key=lambda item: item[1][0]))


@given(
    names=st.lists(st.sampled_from(["", "a", "b", "c", "é", "a b"]), min_size=1, max_size=6),
    places=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12, unique=True),
    begins=st.none() | st.sets(st.integers(1, 5)),
)
@settings(max_examples=200, deadline=None)
def test_grouping_equals_a_dictionary(names, places, begins):
    pairs = [(head, tail) for head, tail in places if max(head, tail) < len(names)]
    mentions = [Mention(i, i + 1, "X", name) for i, name in enumerate(names)]
    starts = None if begins is None else [i == 0 or i in begins for i in range(len(names))]
    doc = Doc(VOCAB, words=["w"] * len(names), sent_starts=starts)
    candidates = Candidates(mentions, np.zeros(len(names)), np.array(pairs, dtype="int32").reshape(-1, 2))
    for stored in (candidates, Candidates.from_dict(candidates.to_dict())):
        found = group_pairs(doc, stored, "linked")
        expected = grouped_naively(names, pairs, {0} | (begins or set()))
        assert found.keys == list(expected)
        assert found.rows.tolist() == [row for rows in expected.values() for row in rows]
        assert found.sizes.tolist() == [len(rows) for rows in expected.values()]
        assert found.rows.dtype == found.sizes.dtype == np.int64


def test_entities_by_their_text():
    mentions = [(0, 1, "PERSON", ""), (2, 3, "PERSON", "q1"), (5, 6, "PERSON", ""), (7, 9, "PLACE", "")]
    doc = text_doc(VOCAB, "ANN met Bob . Then Ann saw New York", mentions)
    marked(doc, make_all_pairs())
    keys = group_pairs(doc, doc._.candidates, "text").keys
    assert set(keys) == {(a, b) for a in ("ann", "q1", "new york") for b in ("ann", "q1", "new york") if a != b}
    sizes = dict(zip(keys, group_pairs(doc, doc._.candidates, "text").sizes.tolist()))
    assert sizes["ann", "q1"] == 2 and sizes["q1", "new york"] == 1
    assert group_pairs(doc, doc._.candidates, "linked").keys == []


# Windows


@st.composite
def windows_and_spans(draw):
    start, length = draw(st.integers(0, 5)), draw(st.integers(1, 30))
    edges = st.integers(start, start + length)
    spans = [sorted((draw(edges), draw(edges))) for _ in range(2)]
    spans = [(a, b) if a < b else (min(a, start + length - 1), min(a, start + length - 1) + 1) for a, b in spans]
    return (start, start + length), spans


@given(st.lists(windows_and_spans(), min_size=1, max_size=5), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_windows_keep_both_mentions_in_their_middle(rows, max_tokens):
    windows, spans = np.array([w for w, _ in rows]), np.array([s for _, s in rows])
    cut = cut_windows(windows, spans, max_tokens)
    for (first, last), ((a, b), (c, d)), (start, end) in zip(windows.tolist(), spans.tolist(), cut.tolist()):
        low, high = min(a, c), max(b, d)
        size = max(min(last - first, max_tokens or last - first), high - low)
        choices = [s for s in range(first, last - size + 1) if s <= low and high <= s + size]
        best = min(abs(2 * s + size - low - high) for s in choices)
        assert end - start == size and start in choices
        assert abs(2 * start + size - low - high) == best


def test_windows_are_sentences():
    doc = text_doc(VOCAB, "a b . c d e . f", [])
    spans = np.array(
        [[[0, 1], [1, 3]], [[3, 4], [5, 7]], [[7, 8], [7, 8]], [[1, 2], [4, 5]], [[4, 5], [0, 1]], [[2, 4], [5, 6]]]
    )
    assert sentence_windows([doc], spans).tolist() == [[0, 3], [3, 7], [7, 8], [0, 7], [0, 7], [0, 7]]
    whole = Doc(VOCAB, words=["a", "b", "c"])
    assert sentence_windows([whole], np.array([[[1, 2], [2, 3]]])).tolist() == [[0, 3]]


# Languages


def test_languages_of_windows():
    doc = text_doc(VOCAB, "a b . c d . e f", [])
    places = np.array([0, 3, 6, 7])
    assert langs_at(doc, places) == [""] * 4
    set_lang(doc, "en")
    assert langs_at(doc, places) == ["en"] * 4
    set_sentence_langs(doc, [(3, 6, "de")])  # of the others only the Doc's is known
    assert langs_at(doc, places) == ["en", "de", "en", "en"]
    set_sentence_langs(doc, [(6, 8, "tr"), (0, 3, ""), (3, 6, "de")])
    assert langs_at(doc, places) == ["en", "de", "tr", "tr"]


# Instances


def docs():
    gold = [make_bag(VOCAB, *row, langs=["en", "de", "tr"][: len(row[3])]) for row in FACTS[:3]]
    nothing = [Doc(VOCAB), Doc(VOCAB, words=["alone"])]
    text = text_doc(
        VOCAB, "Eve and Bob of Acme . Bob left", [(0, 1, "PERSON", "eve"), (2, 3, "PERSON", ""), (4, 5, "ORG", "acme")]
    )
    return [marked(doc) for doc in (gold[0], nothing[0], gold[1], nothing[1], text, gold[2])]


def test_instances_of_docs():
    some = docs()
    found = find_instances(DocBatch(some), "linked", 0)
    assert found.docs.tolist() == [0, 0, 2, 2, 4, 4, 5]
    assert [bags.keys for bags in found.bags] == [
        [("ann", "acme")],
        [],
        [("bob", "initech")],
        [],
        [("eve", "acme"), ("acme", "eve")],
        [("eve", "globex")],
    ]
    assert found.sizes.tolist() == [2, 2, 1, 1, 1]
    assert found.langs == ["en", "de", "en", "de", "", "", "en"]
    for i in range(len(found)):
        doc = some[found.docs[i]]
        pair = doc._.candidates[int(found.rows[i])]
        start, end = found.windows[i].tolist()
        assert doc[start:end] == doc[pair.head.start : pair.head.end].sent
        assert found.mentions[i].tolist() == [[m.start, m.end] for m in (pair.head, pair.tail)]
        assert found.markers[i].tolist() == [{"ORG": 1, "PERSON": 2}[m.label] for m in (pair.head, pair.tail)]


def test_every_pair_as_a_bag_of_its_own():
    some = docs()
    found = pair_instances(DocBatch(some), 0)
    pairs = [len(doc._.candidates) for doc in some]
    assert pairs == [2, 0, 2, 0, 6, 1]
    assert found.sizes.tolist() == [1] * sum(pairs) and found.docs.tolist() == np.repeat(range(6), pairs).tolist()
    assert found.rows.tolist() == [row for n in pairs for row in range(n)]


@pytest.mark.parametrize("max_tokens", [0, 3])
def test_a_batch_has_the_words_and_mentions_of_its_instances(max_tokens):
    some = docs()
    table = WordTable(width=3, min_count=1, lower=False)
    module = table.build(table.prepare(iter(some)))
    words = {}
    for doc in some:
        words.update((np.uint64(token.orth).view(np.int64), token.text) for token in doc)
    text = ["?", *(words[key] for key in module.keys.tolist())]
    found = find_instances(DocBatch(some), "linked", max_tokens)
    langs = np.arange(len(found))
    batch = table.batch(some, found, langs, module)
    assert batch.langs.tolist() == langs.tolist()
    for i in range(len(found)):
        doc, start = some[found.docs[i]], int(batch.starts[i])
        read = [text[row] for row in batch.tokens[start : start + int(batch.lengths[i])].tolist()]
        assert read == [token.text for token in doc[slice(*found.windows[i].tolist())]]
        for mention, (a, b) in zip(found.mentions[i].tolist(), batch.mentions[i].tolist()):
            assert read[a - start : b - start] == [token.text for token in doc[slice(*mention)]]
    assert batch.starts.tolist() == [0, *batch.lengths.cumsum(0)[:-1].tolist()]
    if max_tokens:
        spread = batch.mentions[:, :, 1].amax(1) - batch.mentions[:, :, 0].amin(1)
        assert batch.lengths.tolist() == spread.clamp(min=max_tokens).tolist()
    assert {each.dtype for each in vars(batch).values()} == {torch.int64}


def test_no_instances():
    for some in ([], [Doc(VOCAB)], [marked(Doc(VOCAB, words=["a", "b"]))]):
        found = find_instances(DocBatch(some), "linked", 5)
        assert len(found) == 0 and found.sizes.tolist() == [] and found.langs == []
        assert found.windows.shape == (0, 2) and found.mentions.shape == (0, 2, 2)


def test_bags_come_back_from_storage():
    nlp = spacy.blank("xx")
    doc = marked(without_facts(make_bag(nlp.vocab, *FACTS[0])))
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert find_instances(DocBatch([again]), "linked", 0).bags[0].keys == [("ann", "acme")]


def test_nested_mentions_and_mentions_over_sentences():
    doc = add_mentions(
        Doc(VOCAB, words=["New", "York", "Times", "of", "York"]),
        [(0, 3, "ORG", "times"), (0, 2, "PLACE", "york"), (4, 5, "PLACE", "york")],
    )
    doc[0].is_sent_start = True
    for token in doc[1:]:
        token.is_sent_start = False
    found = find_instances(DocBatch([marked(doc)]), "linked", 2)
    assert dict(zip(found.bags[0].keys, found.bags[0].sizes.tolist())) == {("york", "times"): 1, ("times", "york"): 1}
    # of a sentence the nearest two count; with other ids all pairs do
    add_mentions(doc, [(0, 3, "ORG", "times"), (0, 2, "PLACE", "york"), (4, 5, "PLACE", "old_york")])
    found = find_instances(DocBatch([marked(doc)]), "linked", 2)
    assert len(found) == 6
    for (start, end), spans in zip(found.windows.tolist(), found.mentions.tolist()):
        assert (start, end) == (min(s for s, _ in spans), max(e for _, e in spans))


def test_candidates_may_come_without_a_marker_component():
    doc = Doc(VOCAB, words=["a", "b"])
    set_candidates(doc, Candidates([Mention(0, 1, "", "x"), Mention(1, 2, "", "y")], np.zeros(2), np.array([[1, 0]])))
    assert find_instances(DocBatch([doc]), "linked", 0).bags[0].keys == [("y", "x")]


# Training


@pytest.fixture(scope="module")
def trained():
    nlp = make_nlp()
    train(nlp, steps=2)
    return nlp


def loss_of(nlp, examples):
    """The loss of an update, without the step."""
    return nlp.update(examples, sgd=False)["fact_extractor"]


def test_split_bags_train():
    nlp = make_nlp()
    rows = [(h, t, labels, [sentence]) for h, t, labels, sentences in FACTS for sentence in sentences]
    examples = make_examples(nlp.vocab, rows)
    losses = train(nlp, examples)
    assert losses[-1] < 0.5 * losses[0]
    for eg in examples:
        nlp.get_pipe("entity_type_marker")(eg.predicted)
    targets = extractor(nlp).targets(examples)
    assert len(targets) == len(rows)
    assert targets.sum(axis=1).tolist() == [len(labels) for _, _, labels, _ in rows]


def test_an_update_survives_empty_docs_and_no_pairs():
    nlp = make_nlp()
    train(nlp, steps=1)
    before = extractor(nlp).model.to_bytes()
    for doc in (
        Doc(nlp.vocab),
        text_doc(nlp.vocab, "a b", []),
        text_doc(nlp.vocab, "Ann", [(0, 1, "PERSON", "ann")]),
        text_doc(nlp.vocab, "Ann Bob", [(0, 1, "PERSON", ""), (1, 2, "PERSON", "")]),
    ):
        losses = nlp.update([Example(doc, doc.copy())], sgd=nlp.create_optimizer())
        assert losses["fact_extractor"] == 0.0
    assert extractor(nlp).model.to_bytes() == before
    mixed = [Example(Doc(nlp.vocab), Doc(nlp.vocab)), *make_examples(nlp.vocab)]
    alone, both = (loss_of(nlp, examples) for examples in (mixed[1:], mixed))
    assert alone == pytest.approx(both, rel=1e-5)


def test_targets_of_a_text(trained):
    """Every pair of the text, NA ones too; facts about other entities, and those of no relation, count for none."""
    mentions = [(0, 1, "PERSON", "ann"), (3, 4, "ORG", "acme"), (5, 6, "PLACE", "rome")]
    reference = text_doc(trained.vocab, "Ann works for Acme of Rome", mentions)
    gold_facts = [("acme", "based_in", "rome"), ("ann", "works_for", "acme"), ("ann", "founded", "acme")]
    gold_facts += [("ann", "works_for", "globex"), ("ann", "no_relation", "rome")]
    set_facts(reference, [Fact(*fact) for fact in gold_facts])
    predicted = trained.get_pipe("entity_type_marker")(without_facts(reference))
    targets = extractor(trained).targets([Example(predicted, reference)])
    pairs = [("ann", "acme"), ("ann", "rome"), ("acme", "ann"), ("acme", "rome"), ("rome", "ann"), ("rome", "acme")]
    expected = np.zeros((6, 3))
    for head, label, tail in gold_facts[:3]:
        expected[pairs.index((head, tail)), LABELS.index(label)] = 1
    assert targets.tolist() == expected.tolist()


def test_the_loss_of_an_update_is_the_heads():
    """Bags, targets and markers of a batch in the right order: against Docs one by one."""
    nlp = make_nlp(model_config(loss="sigmoid"))
    train(nlp, steps=2)
    together = loss_of(nlp, make_examples(nlp.vocab))
    alone = [loss_of(nlp, [eg]) for eg in make_examples(nlp.vocab)]
    assert together == pytest.approx(np.mean(alone), rel=1e-5)


def test_get_loss_gradient(trained):
    examples = make_examples(trained.vocab)
    marker, facts = trained.get_pipe("entity_type_marker"), extractor(trained)
    docs = [marker.mark(eg.predicted) for eg in examples]
    exact = [each._replace(scores=each.scores.astype("float64")) for each in facts.predict(docs)]
    loss, gradients = facts.get_loss(examples, exact)
    assert [g.shape for g in gradients] == [each.scores.shape for each in exact]
    for row, column in ((1, 2), (4, 1), (3, 3)):
        exact[row].scores[0, column] += 1e-6
        moved, _ = facts.get_loss(examples, exact)
        assert (moved - loss) / 1e-6 == pytest.approx(gradients[row][0, column], rel=1e-2, abs=1e-3)
        exact[row].scores[0, column] -= 1e-6
    assert facts.get_loss([], []) == (0.0, [])


def test_marker_dropout_leaves_the_docs_alone():
    model = model_config(marker_dropout=0.5)
    model["encoder"]["positions"].update(type_width=3)
    nlp = make_nlp(model)
    train(nlp, steps=1)
    docs = [nlp.get_pipe("entity_type_marker")(doc) for doc in bag_docs(nlp)]
    before = [doc._.candidates.markers.tolist() for doc in docs]
    torch.manual_seed(0)
    targets = np.zeros((len(docs), 3), "float32")
    losses = {extractor(nlp).model.begin_update((docs, targets))[0] for _ in range(5)}
    assert len(losses) > 1
    assert [doc._.candidates.markers.tolist() for doc in docs] == before


@pytest.mark.parametrize(
    "part,settings",
    [
        ("encoder", {"kernel": 2}),
        ("encoder", {"channels": 0}),
        ("encoder", {"activation": "gelu"}),
        ("encoder", {"dropout": 1.0}),
        ("classifier", {"loss": "hinge"}),
        ("classifier", {"no_relation_weight": 0.0}),
        ("", {"entities": "names"}),
        ("", {"batch_tokens": 0}),
        ("", {"max_tokens": -1}),
        ("", {"adversarial": {**ADVERSARIAL, "eps": -1.0}}),
        ("", {"adversarial": {**ADVERSARIAL, "scope": "word"}}),
    ],
    ids=str,
)
def test_models_that_make_no_sense(part, settings):
    model = model_config()
    (model[part] if part else model).update(settings)
    with pytest.raises(RelxError, match="RX021"):
        make_nlp(model)
