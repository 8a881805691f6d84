"""Making marked texts: subwords, insertion of markers, windows and excerpts, what goes into which batch."""

from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab
from support.tiny_transformer import make_transformer

from spacy_relx.core.docs_to_batch import sub_batches
from spacy_relx.core.transformers.sources import read_tokenizer
from spacy_relx.core.transformers.subwords import DocSubwords, Subwords
from spacy_relx.core.transformers.windows import most_central, window_starts
from spacy_relx.data.types import Candidates, Mention
from spacy_relx.errors import RelxWarning
from spacy_relx.marked.marking import (
    MENTION,
    MarkedDoc,
    Marking,
    count_marker_rows,
    insertion_order,
    marker_rows,
    ranges,
)
from spacy_relx.marked.mention_texts import MentionPlan
from spacy_relx.marked.pair_texts import PairPlan

FIRST_MARKER = 100_000
VOCAB = Vocab()


class FakeSubwords:
    prefix, suffix, separator = [90_000], [90_001], 90_002


def make_marking(mode="single", inline=True, roles="uniform", room=28, stride=None, n_markers=3):
    ids = marker_rows(n_markers, roles) + FIRST_MARKER
    return Marking(mode, inline, roles, room, stride or room // 2, ids, FakeSubwords())


def make_doc(n_tokens, spans, pairs=None):
    """A Doc whose subwords are numbered, two to a token."""
    mentions = [Mention(start, end) for start, end in spans]
    n = len(mentions)
    if pairs is None:
        pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    markers = np.arange(n) % 3
    candidates = Candidates(mentions, markers, np.array(pairs).reshape(-1, 2))
    subwords = DocSubwords(np.arange(2 * n_tokens), 2 * np.arange(n_tokens), 2 * np.arange(1, n_tokens + 1))
    doc = Doc(VOCAB, words=["word"] * n_tokens)
    return MarkedDoc(doc, subwords, candidates.spans, markers, candidates.pairs.astype("int64"), np.arange(n) % 2)


@st.composite
def docs(draw, longest=90):
    n_tokens = draw(st.integers(2, longest))
    spans = draw(
        st.lists(st.tuples(st.integers(0, n_tokens - 1), st.integers(1, 3)), min_size=2, max_size=7, unique=True)
    )
    return make_doc(n_tokens, sorted({(start, min(start + length, n_tokens)) for start, length in spans}))


# Pieces


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)), min_size=1, max_size=6))
def test_insertion_equals_a_plain_loop(pieces):
    spans = [(start, start + length) for start, length in pieces]
    text, marked, n = list(range(12)), [], len(spans)
    for i in range(13):
        for k in sorted((k for k in range(n) if spans[k][1] == i), key=lambda k: (-spans[k][0], -k)):
            marked.append(("close", k))
        for k in sorted((k for k in range(n) if spans[k][0] == i), key=lambda k: (-spans[k][1], k)):
            marked.append(("open", k))
        marked += text[i : i + 1]
    starts, ends = np.array(spans).T
    places = insertion_order(starts, ends)
    assert [marked.index(("open", k)) for k in range(n)] == places[:n].tolist()
    assert [marked.index(("close", k)) for k in range(n)] == places[n:].tolist()


def test_ranges():
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert ranges(np.zeros(0, int), np.zeros(0, int)).tolist() == []


@given(st.integers(1, 300), st.integers(4, 40), st.data())
def test_windows_cover_the_text_and_the_central_one_is_chosen(length, room, data):
    stride = data.draw(st.integers(1, room // 2))
    starts = window_starts(length, room, stride)
    assert starts[0] == 0 and starts[-1] + room >= length and (np.diff(starts) <= stride).all()
    low = data.draw(st.integers(0, length - 1))
    high = data.draw(st.integers(low + 1, min(low + room, length)))
    chosen = int(most_central(starts, room, np.array([low]), np.array([high]))[0])

    def margin(start):  # to the nearer edge that is not the text's own end
        edges = [low - start] * (start > 0) + [start + room - high] * (start + room < length)
        return min(edges, default=room)

    def lies_in(start):
        return start <= low and high <= start + room

    if any(lies_in(start) for start in starts):
        assert lies_in(starts[chosen])
        if all(0 < start < length - room for start in starts):
            assert margin(starts[chosen]) == max(margin(start) for start in starts if lies_in(start))
    if high - low <= room - stride:
        assert lies_in(starts[chosen])


def test_marker_rows():
    for roles, distinct in (("uniform", 6 + 2), ("all", 6 + 4), ("none", 2 + 2)):
        rows = marker_rows(3, roles)
        assert len(np.unique(rows)) == distinct
        assert rows.max() < count_marker_rows(3, roles)
        assert (rows[1:, :, 0] == rows[1:, :, 1]).all(), "a type's marker opens and closes"
        assert (rows[0, :, 0] != rows[0, :, 1]).all()
        assert (rows[1:, 0] != rows[1:, 1]).all() == (roles == "all")


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200), st.booleans())
def test_sub_batches_fit(sizes, limit, padded):
    batches = sub_batches(np.array(sizes, dtype=int), limit, padded=padded)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    assert [sizes[i] for batch in batches for i in batch] == sorted(sizes)

    def cost(batch):
        return len(batch) * max(sizes[i] for i in batch) if padded else sum(sizes[i] for i in batch)

    assert all(len(batch) == 1 or cost(batch) <= limit for batch in batches)
    assert all(cost([*batch, after[0]]) > limit for batch, after in pairwise(batches)), "none could be longer"


# Texts for pairs


def check_pair(batch, pair, doc, marking):
    """A pair's markers stand around its mentions, in a text that is cut from the Doc."""
    ids, starts = batch.ids.numpy(), batch.text_starts().numpy()
    head, tail = pair["mentions"]
    for entity, mention in zip(pair["entities"], (head, tail)):
        start, end = batch.spans[entity].tolist()
        # whatever else is marked inside of it, its own subwords are there, and in order
        inside = [i for i in ids[start:end] if i < FIRST_MARKER]
        assert inside == doc.subwords.ids[slice(*doc.subwords.spans(doc.spans)[mention])].tolist()
        text = int(batch.texts[entity])
        assert starts[text] < start < end < starts[text] + int(batch.lengths[text])
        assert int(batch.markers[entity]) == doc.markers[mention]


def walk(plan, docs_):
    """Yields (batch, pair) for each pair of the plan, with its mentions, by the order of the pairs."""
    owners = [(d, pair) for d, doc in enumerate(docs_) for pair in doc.pairs.tolist()]
    seen = []
    for items in sub_batches(plan.sizes, 60):
        batch, rows = plan.build(items)
        assert len(batch.lengths) == len(items) and int(batch.lengths.sum()) == len(batch.ids)
        for row, entities in zip(rows.tolist(), batch.pairs.tolist()):
            seen.append(row)
            doc, mentions = owners[row]
            yield batch, {"doc": doc, "mentions": mentions, "entities": entities}
    if isinstance(plan, MentionPlan):
        seen += plan.apart.tolist()
    assert sorted(seen) == list(range(len(owners)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(docs(), min_size=1, max_size=3),
    st.sampled_from(["single", "packed"]),
    st.sampled_from(["uniform", "all", "none"]),
)
def test_texts_of_pairs(docs_, mode, roles):
    marking = make_marking(mode, roles=roles)
    plan = PairPlan(docs_, marking, limit=50)
    for batch, pair in walk(plan, docs_):
        doc = docs_[pair["doc"]]
        assert batch.lengths.max() <= marking.room + 2 + 4
        check_pair(batch, pair, doc, marking)
        ids = np.concatenate([batch.ids.numpy(), batch.group_ids.numpy().ravel()])
        for k, entity in enumerate(pair["entities"]):
            markers = doc.markers[pair["mentions"]]
            role = k
            if marking.symmetric(markers[:1], markers[1:])[0] and pair["mentions"][0] > pair["mentions"][1]:
                role = 1 - k
            expected = marking.ids[markers[k], role].tolist()
            assert [ids[batch.opens[entity]], ids[batch.closes[entity]]] == expected
            if mode == "packed":  # the markers take the places of the mention's first and last subword
                group, place = divmod(int(batch.opens[entity]) - len(batch.ids), 4)
                rows = batch.group_rows[group, place : place + 2].tolist()
                assert rows == [int(batch.spans[entity, 0]), int(batch.spans[entity, 1]) - 1]


def test_directions_share_an_entry_where_markers_show_none():
    doc = make_doc(8, [(0, 1), (2, 3), (4, 5)])
    doc = doc._replace(markers=np.array([1, 2, 0]))
    for roles, entries in (("none", 3), ("uniform", 5), ("all", 6)):
        assert len(PairPlan([doc], make_marking(roles=roles), 100).sizes) == entries


def test_a_pair_too_far_apart_is_read_in_an_excerpt():
    doc = make_doc(200, [(10, 11), (150, 152)])
    marking = make_marking("single")
    plan = PairPlan([doc], marking, 1000)
    batch, rows = plan.build(np.arange(len(plan.sizes)))
    assert len(rows) == 2
    text = [i for i in batch.ids[: int(batch.lengths[0])].tolist() if i < FIRST_MARKER]
    assert text[0] == 90_000 and text[-1] == 90_001
    cut = text.index(90_002)
    one, two = text[1:cut], text[cut + 1 : -1]
    for part, mention in ((one, [20, 21]), (two, [300, 301, 302, 303])):
        assert part == list(range(part[0], part[0] + 13)) and set(mention) <= set(part)


def test_a_pack_is_cut_where_it_is_full():
    doc = make_doc(10, [(i, i + 1) for i in range(10)])
    plan = PairPlan([doc], make_marking("packed", roles="all"), limit=62)
    assert plan.sizes.max() <= 62 and plan.sizes.sum() == 9 * 22 + 90 * 4


# Texts for mentions


@settings(max_examples=60, deadline=None)
@given(st.lists(docs(), min_size=1, max_size=3), st.booleans())
def test_texts_of_mentions(docs_, inline):
    marking = make_marking("shared", inline, room=40)  # half of it has a mention with the markers of all others inside
    plan = MentionPlan(docs_, marking)
    for batch, pair in walk(plan, docs_):
        doc = docs_[pair["doc"]]
        assert batch.lengths.max() <= marking.room + 2
        check_pair(batch, pair, doc, marking)
        ids = np.concatenate([batch.ids.numpy(), batch.group_ids.numpy().ravel()])
        for mention, entity in zip(pair["mentions"], pair["entities"]):
            expected = marking.ids[doc.markers[mention], MENTION].tolist()
            assert [ids[batch.opens[entity]], ids[batch.closes[entity]]] == expected
        if inline:  # a window has no half of a mention's markers
            text = batch.ids.numpy()
            per_marker = np.unique(text[text >= FIRST_MARKER], return_counts=True)[1]
            assert len(per_marker) == 0 or per_marker.sum() % 2 == 0


def test_markers_of_nested_mentions_can_make_one_too_long():
    doc = make_doc(10, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)])
    marking = make_marking("shared")
    with pytest.warns(RelxWarning, match=r"RX083.* 1 mentions of the Doc 'word word .*14 subwords"):
        plan = MentionPlan([doc], marking)
    assert plan.texts.lengths.max() <= marking.room + 2
    assert len(list(walk(plan, [doc]))) == 20


def test_pairs_that_share_no_window_are_kept():
    doc = make_doc(200, [(10, 11), (12, 13), (150, 152)])
    plan = MentionPlan([doc], make_marking("shared"))
    assert len(plan.apart) == 4 and len(plan.entities_apart) == 3
    batch, rows = plan.build_apart()
    assert rows.tolist() == plan.apart.tolist() and len(batch) == 4 and len(batch.ids) == 0
    distance = (batch.spans[batch.pairs[:, 1], 0] - batch.spans[batch.pairs[:, 0], 0]).abs()
    assert (distance > 200).all()


def test_texts_of_a_very_long_doc_are_bounded():
    n_tokens, n_mentions = 20_000, 300
    step = n_tokens // n_mentions
    doc = make_doc(n_tokens, [(i * step, i * step + 2) for i in range(n_mentions)])
    packed = PairPlan([doc], make_marking("packed", room=506), limit=4096)
    for plan in (packed, MentionPlan([doc], make_marking("shared", room=506))):
        assert plan.sizes.max() <= 4096
        assert plan.texts.lengths.max() <= 508
    assert len(packed.entries.pair_rows) == 300 * 299
    # excerpts are not spelled out before they are read
    assert packed.texts.pieces.nbytes + packed.texts.starts.nbytes + packed.texts.sizes.nbytes < 5_000_000


# Subwords


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    folders = {
        kind: make_transformer(tmp_path_factory.mktemp(kind), kind) for kind in ("bert", "roberta", "xlm-roberta")
    }
    return {
        kind: (transformers.AutoTokenizer.from_pretrained(folder), Subwords(read_tokenizer(folder), 0))
        for kind, folder in folders.items()
    }


TEXTS = ["ann works for acme, in rome.", "bob's acme", "(ann) met bob", "acme-initech 12.5", "ann  met\nbob"]


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_subwords_equal_those_of_the_whole_text(tokenizers, kind):
    whole_text, subwords = tokenizers[kind]
    nlp = spacy.blank("en")
    for text in TEXTS[:4]:
        doc = nlp(text)
        parts = subwords([doc])[0]
        assert parts.ids.tolist() == whole_text(text, add_special_tokens=False)["input_ids"], text
        assert len(parts.starts) == len(doc) and parts.ends[-1] == len(parts.ids)
        assert (parts.ends > parts.starts).all()
        whole = whole_text(text)["input_ids"]
        assert [*subwords.prefix, *parts.ids.tolist(), *subwords.suffix] == whole


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_odd_tokens(tokenizers, kind):
    _, subwords = tokenizers[kind]
    nlp = spacy.blank("en")
    docs_ = [
        Doc(nlp.vocab, words=["ann", "\n", "☃☃", " ", "中"], spaces=[False] * 5),
        Doc(nlp.vocab),
        nlp(" "),
        nlp("ann"),
    ]
    first, empty, blank, word = subwords(docs_)
    lengths = first.ends - first.starts
    assert lengths[1] == lengths[3] == 0 and (lengths[[0, 2, 4]] > 0).all()
    assert empty.ids.tolist() == [] and empty.starts.tolist() == []
    assert blank.ids.tolist() == [subwords.unk_id]
    assert len(word.ids) == 1
    spans = first.spans(np.array([[0, 1], [1, 2], [3, 4], [4, 5]]))
    assert (spans[:, 1] > spans[:, 0]).all() and spans.max() <= len(first.ids)


def test_words_are_remembered(tokenizers, monkeypatch):
    _, subwords = tokenizers["bert"]
    encode = subwords._encode
    nlp = spacy.blank("en")
    first = subwords([nlp("ann met bob"), nlp("bob met ann")])
    asked = []
    monkeypatch.setattr(
        subwords,
        "_encode",
        lambda runs: asked.append(runs) or encode(runs),
    )
    again = subwords([nlp("ann met bob"), nlp("bob met eve")])
    assert asked == [["eve"]]
    assert again[0].ids.tolist() == first[0].ids.tolist()
    monkeypatch.setattr("spacy_relx.core.transformers.subwords.CACHE_SIZE", 1)
    assert subwords([nlp("ann met bob")])[0].ids.tolist() == first[0].ids.tolist()
