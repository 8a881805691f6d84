import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from support.examples import SENTENCES, make_doc, make_examples

from spacy_relx.core.gaps import spans_of, token_gaps
from spacy_relx.data.extensions import has_candidates
from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.relations.generators import all_pairs, make_same_sentence, make_typed_pairs, make_within_tokens, nearest

VOCAB = Vocab()


def make_marker(**config):
    nlp = spacy.blank("en")
    return nlp, nlp.add_pipe("entity_type_marker", config=config)


def pairs_of(doc):
    return {((c.head.start, c.head.end), (c.tail.start, c.tail.end)) for c in doc._.candidates}


def test_all_ordered_pairs_of_flat_nested_and_overlapping_mentions():
    nlp, marker = make_marker()
    doc = marker(make_doc(nlp.vocab, *SENTENCES[6]))
    assert len(doc._.candidates.mentions) == 4
    assert len(doc._.candidates) == 12
    assert ((2, 4), (3, 4)) in pairs_of(doc)


@pytest.mark.parametrize("words, mentions", [("", []), ("a b", []), ("a b", [(0, 1, "X")])])
def test_nothing_to_pair(words, mentions):
    nlp, marker = make_marker()
    doc = marker(make_doc(nlp.vocab, words, mentions))
    assert has_candidates(doc)
    assert len(doc._.candidates) == 0
    assert len(doc._.candidates.mentions) == len(mentions)


def test_mentions_come_from_ents_without_the_group():
    nlp, marker = make_marker()
    doc = Doc(nlp.vocab, words=["a", "b", "c"])
    doc.ents = [Span(doc, 0, 1, "X"), Span(doc, 2, 3, "Y")]
    assert pairs_of(marker(doc)) == {((0, 1), (2, 3)), ((2, 3), (0, 1))}
    doc.spans[MENTIONS_KEY] = []
    assert len(marker(doc)._.candidates) == 0
    _, ents_only = make_marker(spans_key=None)
    assert len(ents_only(doc)._.candidates) == 2


def test_one_span_with_two_types_is_two_mentions_but_no_pair():
    nlp, marker = make_marker()
    doc = make_doc(nlp.vocab, "a b", [(0, 1, "X"), (0, 1, "Y"), (0, 1, "Y"), (1, 2, "X")])
    candidates = marker(doc)._.candidates
    assert [m.label for m in candidates.mentions] == ["X", "Y", "X"]
    assert len(candidates) == 4


def test_vocabulary_is_learned_and_unknown_types_are_uniform(tmp_path):
    nlp, marker = make_marker()
    nlp.initialize(lambda: make_examples(nlp.vocab))
    assert marker.labels == ("ORG", "PERSON", "PLACE")
    assert marker.n_markers == 4
    nlp.to_disk(tmp_path)
    for pipe in (marker, spacy.load(tmp_path).get_pipe("entity_type_marker")):
        with pytest.warns(RelxWarning, match="RX025.*NEVER_SEEN"):
            doc = pipe(make_doc(nlp.vocab, "a b c", [(0, 1, "PLACE"), (1, 2, "NEVER_SEEN"), (2, 3, "ORG")]))
        assert doc._.candidates.markers.tolist() == [3, 0, 1]
    copy = make_marker()[1].from_bytes(marker.to_bytes())
    assert copy.labels == marker.labels


def test_uniform_markers():
    nlp, marker = make_marker(markers="uniform")
    nlp.initialize(lambda: make_examples(nlp.vocab))
    doc = marker(make_doc(nlp.vocab, *SENTENCES[0]))
    assert doc._.candidates.markers.tolist() == [0, 0, 0]


def test_labels_can_be_given():
    nlp, marker = make_marker()
    marker.initialize(lambda: [], nlp=nlp, labels=["B", "A"])
    assert marker.labels == ("B", "A")
    assert marker.add_label("A") == 0
    assert marker.add_label("C") == 1
    assert marker.label_data == ["B", "A", "C"]


def test_the_cap_keeps_the_nearest_and_says_so():
    nlp, marker = make_marker(max_pairs=4)
    doc = make_doc(nlp.vocab, "a b c d e f g h", [(0, 1, "X"), (1, 2, "X"), (5, 6, "X"), (7, 8, "X")])
    with pytest.warns(RelxWarning, match="RX024"):
        marker(doc)
    assert pairs_of(doc) == {((0, 1), (1, 2)), ((1, 2), (0, 1)), ((5, 6), (7, 8)), ((7, 8), (5, 6))}
    assert doc._.candidates.dropped == 8


def test_within_tokens_and_typed_pairs():
    nlp, _ = make_marker()
    doc = make_doc(nlp.vocab, "a b c d e f g h", [(0, 1, "X"), (2, 3, "Y"), (7, 8, "X")])
    mentions = [Mention(0, 1, "X"), Mention(2, 3, "Y"), Mention(7, 8, "X")]

    def run(generator):
        return sorted(map(tuple, np.concatenate(list(generator(doc, mentions))).tolist()))

    assert run(make_within_tokens(1)) == [(0, 1), (1, 0)]
    assert run(make_within_tokens(4)) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert run(make_typed_pairs([["X", "Y"]])) == [(0, 1), (2, 1)]
    assert run(make_typed_pairs([["*", "X"]])) == [(0, 2), (1, 0), (1, 2), (2, 0)]
    assert run(make_typed_pairs([["X", "Y"]], make_within_tokens(1))) == [(0, 1)]


def test_same_sentence():
    nlp, _ = make_marker()
    words, mentions = ["a", "b", ".", "c", "d"], [Mention(0, 1), Mention(1, 2), Mention(3, 4), Mention(1, 4)]
    doc = Doc(nlp.vocab, words=words, sent_starts=[True, False, False, True, False])
    found = np.concatenate(list(make_same_sentence()(doc, mentions))).tolist()
    assert sorted(found) == [[0, 1], [1, 0]]
    by_rule = Doc(nlp.vocab, words=["A", "b", ".", "C", "d"])
    assert np.concatenate(list(make_same_sentence()(by_rule, mentions[:3]))).tolist() == [[0, 1], [1, 0]]


def test_generators_are_chosen_in_the_config():
    nlp, marker = make_marker(generator={"@misc": "spacy_relx.WithinTokens.v1", "max_tokens": 0})
    doc = marker(make_doc(nlp.vocab, "a b c d", [(0, 1, "X"), (1, 2, "X"), (3, 4, "X")]))
    assert pairs_of(doc) == {((0, 1), (1, 2)), ((1, 2), (0, 1))}


@pytest.mark.parametrize(
    "make, code",
    [
        (lambda: make_marker(markers="fancy"), "RX021"),
        (lambda: make_marker(max_pairs=0), "RX021"),
        (lambda: make_within_tokens(-1), "RX021"),
        (lambda: make_typed_pairs([]), "RX021"),
        (lambda: make_typed_pairs([["A"]]), "RX021"),
    ],
)
def test_settings_that_make_no_sense(make, code):
    with pytest.raises(RelxError, match=code):
        make()


@pytest.mark.parametrize("pairs", [[[0, 9]], [[0, 0]], [[0.5, 1.0]], [[0, 1, 1]], [[-1, 0]]])
def test_a_generator_that_breaks_its_contract(pairs):
    nlp, marker = make_marker(max_pairs=1)
    marker.generator = lambda doc, mentions: [np.array(pairs)]
    with pytest.raises(RelxError, match="RX023"):
        marker(make_doc(nlp.vocab, "a b", [(0, 1, "X"), (1, 2, "X")]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=12), st.integers(1, 40))
def test_nearest_equals_sorting_everything(places, limit):
    mentions = [Mention(start, start + length) for start, length in places]
    spans = spans_of(mentions)
    doc = Doc(VOCAB, words=["x"] * 40)
    found, total = nearest((block for block in all_pairs(doc, mentions)), spans, limit)
    everything = [
        (a, b)
        for a in range(len(places))
        for b in range(len(places))
        if a != b and (mentions[a].start, mentions[a].end) != (mentions[b].start, mentions[b].end)
    ]
    assert total == len(everything)
    assert len(found) == min(limit, total)

    def gap(pair):
        (s1, e1), (s2, e2) = spans[pair[0]], spans[pair[1]]
        return max(max(s1, s2) - min(e1, e2), 0)

    expected = sorted(sorted(everything, key=gap)[:limit])
    assert sorted(map(tuple, found.tolist())) == expected
    if everything:
        array = np.array(everything)
        assert token_gaps(spans, array).tolist() == [gap(pair) for pair in everything]


def test_nearest_merges_blocks_with_bounded_memory():
    spans = np.array([[i, i + 1] for i in range(600)], dtype="int32")
    mentions = [Mention(i, i + 1) for i in range(600)]
    doc = Doc(VOCAB, words=["x"] * 600)
    pairs, total = nearest(all_pairs(doc, mentions), spans, 1000)
    assert total == 600 * 599
    assert len(pairs) == 1000
    assert token_gaps(spans, pairs).max() == 0


def test_training_steps_are_marked():
    """What is trained on in a step is marked by the component itself, unless it is frozen."""
    nlp, marker = make_marker()
    seen = []

    class Witness:
        def update(self, examples, **kwargs):
            seen.append([has_candidates(eg.predicted) for eg in examples])

    nlp.add_pipe("sentencizer", name="other")
    nlp._components[-1] = ("other", Witness())
    examples = make_examples(nlp.vocab)
    assert nlp.update(examples) == {}
    nlp.update(examples, exclude=["entity_type_marker"])
    assert seen == [[True] * len(examples), [False] * len(examples)]
    assert not any(has_candidates(eg.predicted) for eg in examples)
    with pytest.raises(TypeError):
        marker.update([examples[0].predicted])
