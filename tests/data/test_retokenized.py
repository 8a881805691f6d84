"""Relations, facts, candidates and languages follow the text when tokens are merged, split or made anew."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline.functions import merge_entities
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_relx import Candidates, Mention, Relation, merge_docs, set_extensions, span_as_doc
from spacy_relx.data.extensions import (
    get_candidates,
    get_routes,
    get_sentence_langs,
    has_candidates,
    set_removed,
    set_routes,
    set_sentence_langs,
)
from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.places import Places, all_chars, all_fit, current_spans
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.annotation_tools._base import annotations_of
from spacy_relx.relations.entity_type_marker import EntityTypeMarker
from spacy_relx.viz._text import mentions_of
from spacy_relx.writers import iter_triples

set_extensions()
VOCAB = Vocab()
#: Clara Oakenfield was born in Melbourne . She sings there .
WORDS = ["Clara", "Oakenfield", "was", "born", "in", "Melbourne", ".", "She", "sings", "there", "."]
SPACES = [True, True, True, True, True, False, True, True, True, False, False]
HEAD, TAIL = Mention(0, 2, "PERSON", "Q1"), Mention(5, 6, "PLACE", "Q2")
TRIPLE = ("Clara Oakenfield", "born_in", "Melbourne")


def make_doc() -> Doc:
    doc = Doc(VOCAB, words=WORDS, spaces=SPACES)
    for token in doc:
        token.is_sent_start = token.i in (0, 7)
    doc.ents = [mention.span(doc) for mention in (HEAD, TAIL)]
    doc.spans["mentions"] = list(doc.ents)
    return doc


def annotated() -> Doc:
    doc = make_doc()
    doc._.relations = [Relation(HEAD, "born_in", TAIL, 0.5)]
    set_removed(doc, [{**Relation(TAIL, "died_in", HEAD), "reason": "types"}])
    doc._.facts = [Fact("Q1", "born_in", "Q2", 0.5, (Evidence(0, 7, HEAD, TAIL, 0.75),)), Fact("Q1", "knows", "Q2")]
    doc._.candidates = Candidates([HEAD, TAIL], np.array([1, 2]), np.array([[0, 1], [1, 0]]), dropped=3)
    doc._.lang = "en"
    set_sentence_langs(doc, [(0, 7, "de"), (7, 11, "tr")])
    set_routes(doc, [(0, 7, "da"), (7, 11, "")])
    return doc


def merge(doc: Doc, *spans: tuple[int, int]) -> Doc:
    with doc.retokenize() as retokenizer:
        for start, end in spans:
            retokenizer.merge(doc[start:end])
    return doc


def split(doc: Doc, token: int, *parts: str) -> Doc:
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[token], list(parts), heads=[(doc[token], i) for i in range(len(parts))])
    return doc


def texts(doc: Doc) -> dict:
    """All that is said on a Doc, in words."""
    facts = doc._.facts
    return {
        "triples": doc._.triples,
        "relations": [relation.triple(doc) for relation in doc._.relations],
        "removed": [
            tuple(doc[row[end]["start"] : row[end]["end"]].text for end in ("head", "tail"))
            for row in doc._.removed_relations
        ],
        "facts": [fact.triple(doc) for fact in facts],
        "sentences": [[each.sentence(doc).text for each in fact.evidence] for fact in facts],
        "pairs": [(pair.head.text(doc), pair.tail.text(doc)) for pair in doc._.candidates],
        "langs": [(doc[start:end].text, lang) for start, end, lang in get_sentence_langs(doc)],
        "routes": [(doc[start:end].text, lang) for start, end, lang in get_routes(doc)],
        "exported": [(t.head.text, t.label, t.tail.text, t.sentence) for t in iter_triples([doc])],
        "shown": [mention.text(doc) for mention in mentions_of(doc)],
        "written": [doc.text[start:end] for start, end in annotations_of(doc).spans],
    }


SAME = {
    "nothing": lambda doc: doc,
    "an entity is merged": lambda doc: merge(doc, (0, 2)),
    "words between are merged": lambda doc: merge(doc, (2, 5)),
    "words behind are merged": lambda doc: merge(doc, (8, 10)),
    "merge_entities": merge_entities,
    "a word between is split": lambda doc: split(doc, 2, "w", "as"),
    "a mention is split": lambda doc: split(doc, 5, "Mel", "bourne"),
    "as many tokens as before": lambda doc: split(merge(doc, (0, 2)), 2, "bo", "rn"),
    "merged and split again": lambda doc: split(merge(doc, (2, 4)), 2, "was ", "born"),
    "one merged, one split": lambda doc: split(merge(doc, (2, 4)), 4, "Mel", "bourne"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=list(SAME))
def test_everything_follows_the_text(change):
    expected = texts(annotated())
    assert expected["triples"] == [TRIPLE] and expected["pairs"] == [TRIPLE[::2], TRIPLE[2::-2]]
    assert expected["langs"] == [("Clara Oakenfield was born in Melbourne.", "de"), ("She sings there.", "tr")]
    assert texts(change(annotated())) == expected


@pytest.mark.parametrize("way", ["docbin", "bytes", "copy"])
def test_what_was_saved_before_it_was_read_follows_too(way):
    doc = SAME["as many tokens as before"](annotated())
    if way == "docbin":
        (doc,) = DocBin().from_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes()).get_docs(Vocab())
    else:
        doc = Doc(Vocab()).from_bytes(doc.to_bytes()) if way == "bytes" else doc.copy()
    assert texts(doc) == texts(annotated())


def test_another_tokenizer_of_the_same_text():
    doc = annotated()
    words = ["Clara", "Oaken", "field", "was born in", "Melbourne", ". She sings there."]
    other = Doc(VOCAB, words=words, spaces=[True, False, True, True, False, False])
    assert len(doc) != len(other) and doc.text == other.text
    other.user_data = dict(doc.user_data)
    assert other._.triples == [TRIPLE]
    other._.relations = doc._.relations
    assert other._.triples == [TRIPLE] and other._.relations[0].head.start_char == 0
    other._.relations = [doc._.relations[0].to_dict()]
    assert other._.triples == [TRIPLE]


# What no longer begins and ends where tokens do


def test_a_mention_within_a_token_is_left_out_with_a_warning():
    doc = merge(annotated(), (1, 3))
    with pytest.warns(RelxWarning, match=r"RX540.*1 of 1 relations.*'Clara Oakenfield'"):
        assert doc._.triples == []
    with pytest.warns(RelxWarning, match="RX540.*1 of 1 pieces of evidence"):
        assert [fact.triple(doc) for fact in doc._.facts] == [("Q1", "born_in", "Q2"), ("Q1", "knows", "Q2")]
    with pytest.warns(RelxWarning, match="RX540.*1 of 1 removed relations"):
        assert doc._.removed_relations == []
    with pytest.warns(RelxWarning, match="RX540.*1 of 2 candidate mentions"):
        candidates = doc._.candidates
    assert len(candidates) == 0 and [m.text(doc) for m in get_candidates(doc).mentions] == ["Melbourne"]
    assert candidates.dropped == 3 and candidates.markers.tolist() == [2]
    with pytest.warns(RelxWarning, match="RX540.*1 of 2 mentions"):
        assert [span.text for span in current_spans(doc.spans["mentions"])] == ["Melbourne"]
    with warnings.catch_warnings():  # said once
        warnings.simplefilter("error")
        assert doc._.triples == [] and len(doc._.facts) == 2 and not doc._.removed_relations and not doc._.candidates


def test_all_in_one_token():
    doc = merge(annotated(), (0, 11))
    with pytest.warns(RelxWarning, match="RX540"):
        assert doc._.triples == []
    assert get_sentence_langs(doc) == [(0, 1, "de")] == get_sentence_langs(doc)


def test_sentences_that_are_merged_are_of_the_language_they_begin_in():
    doc = merge(annotated(), (6, 8))
    for _ in range(2):  # what was found anew stays
        assert texts(doc)["langs"] == [
            ("Clara Oakenfield was born in Melbourne. She", "de"),
            ("sings there.", "tr"),
        ]
        assert doc[7:8]._.lang == "tr" and doc[6:7]._.lang == "de"
        assert texts(doc)["sentences"] == [["Clara Oakenfield was born in Melbourne. She"], []]


def test_mentions_read_before_still_mean_their_words():
    doc = annotated()
    relation, evidence, pair = doc._.relations[0], doc._.facts[0].evidence[0], doc._.candidates[0]
    stale = Mention.from_any(doc.spans["mentions"][1])
    merge(doc, (2, 5))
    assert relation.triple(doc) == TRIPLE and "Melbourne" in repr(relation) and "Melbourne" in repr(stale)
    assert relation.tail.span(doc).start == 3 and stale.text(doc) == "Melbourne" == pair.tail.text(doc)
    assert evidence.sentence(doc).text == "Clara Oakenfield was born in Melbourne."
    doc._.relations = [relation]
    doc._.relations.append(Relation(stale, "home_of", relation.head))
    assert doc._.triples == [TRIPLE, ("Melbourne", "home_of", "Clara Oakenfield")]


def test_mentions_read_before_that_are_no_tokens_any_more():
    doc = annotated()
    relation = doc._.relations[0]
    merge(doc, (4, 6))
    for use in (
        lambda: relation.triple(doc),
        lambda: relation.tail.span(doc),
        lambda: setattr(doc._, "relations", [relation]),
        lambda: setattr(doc._, "facts", [Fact("a", "b", "c", 1.0, [Evidence(0, 5, relation.head, relation.tail)])]),
    ):
        with pytest.raises(RelxError, match=r"RX541.*'Melbourne'"):
            use()
    assert "'Melbourne'" in repr(relation)


def test_a_file_with_other_tokens_loses_no_more_than_it_must():
    relations, facts = ([each.to_dict() for each in annotated()._.get(name)] for name in ("relations", "facts"))
    relations += [{"head": relations[0]["head"], "label": "is", "tail": relations[0]["head"]}]
    doc = merge(make_doc(), (4, 6))
    with pytest.warns(RelxWarning, match="RX540.*1 of 2 relations.*'Melbourne'"):
        doc._.relations = relations
    assert doc._.triples == [("Clara Oakenfield", "is", "Clara Oakenfield")]
    with pytest.warns(RelxWarning, match="RX540"):
        doc._.relations.extend(relations)
    assert len(doc._.relations) == 2
    with pytest.warns(RelxWarning, match="RX540.*1 of 1 pieces of evidence"):
        doc._.facts = facts
    assert [fact.label for fact in doc._.facts] == ["born_in", "knows"] and not doc._.facts[0].evidence


def test_relations_of_another_text_mean_tokens():
    doc, other = annotated(), Doc(VOCAB, words=["Bo", "Li", "was", "born", "in", "Ulm"])
    other._.relations = doc._.relations
    assert other._.triples == [("Bo Li", "born_in", "Ulm")]
    with pytest.raises(RelxError, match="RX003"):
        Doc(VOCAB, words=["Bo", "Li"])._.relations = doc._.relations


def test_mentions_without_characters_must_fit():
    with pytest.raises(RelxError, match="RX003"):
        Mention(3, 20).text(make_doc())
    with pytest.raises(RelxError, match="RX003"):
        make_doc()._.candidates = Candidates([HEAD, Mention(5, 12)], np.zeros(2), np.array([[0, 1]]))
    with pytest.raises(RelxError, match="RX003"):
        set_sentence_langs(make_doc(), [(0, 12, "de")])


def test_the_marker_reads_the_spans_as_they_are_now():
    doc = merge(make_doc(), (0, 2))
    marked = EntityTypeMarker("marker", generator=lambda doc, mentions: [np.array([[0, 1]])], max_pairs=9)(doc)
    assert [m.text(doc) for m in get_candidates(marked).mentions] == ["Clara Oakenfield", "Melbourne"]


# Pieces and unions, by spaCy's own means


def test_docs_that_spacy_merges():
    parts = [annotated(), make_doc(), annotated()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        merged = Doc.from_docs(parts)
    found, one = texts(merged), texts(annotated())
    assert found["triples"] == one["triples"] * 2 and found["removed"] == one["removed"] * 2
    assert found["sentences"] == [one["sentences"][0] * 2, []] and found["facts"] == one["facts"]
    assert [lang for _, lang in found["langs"]] == ["de", "tr", "", "de", "tr"] and merged._.lang == ""
    assert texts(merge_docs(parts)) == found
    assert not has_candidates(merged) and merged._.bag is None


@pytest.mark.parametrize("settings", [{}, {"ensure_whitespace": False}, {"exclude": ["user_data"]}])
def test_merge_docs_carries_everything_whatever_is_asked_of_spacy(settings):
    empty, changed = Doc(VOCAB), merge(annotated(), (0, 2), (2, 5))
    changed.spans["mentions"] = current_spans(changed.spans["mentions"])  # or spaCy refuses
    merged = merge_docs([empty, changed, annotated(), empty], **settings)
    assert merged._.triples == [TRIPLE] * 2 and merged._.lang == "en"
    assert [doc.text for doc in merged.sents] == ["Clara Oakenfield was born in Melbourne.", "She sings there."] * 2


def test_pieces_that_spacy_cuts():
    doc = annotated()
    doc._.relations.append(Relation(Mention(7, 8), "sings_in", Mention(9, 10)))
    first, second = (doc[start:end].as_doc(copy_user_data=True) for start, end in ((0, 7), (7, 11)))
    assert first._.triples == [TRIPLE] and second._.triples == [("She", "sings_in", "there")]
    assert (first._.lang, second._.lang) == ("de", "tr") and not has_candidates(first)
    assert [fact.triple(first) for fact in first._.facts] == [TRIPLE] and second._.facts == []
    assert len(first._.removed_relations) == 1 and second._.removed_relations == []
    assert doc[2:11].as_doc(copy_user_data=True)._.triples == [("She", "sings_in", "there")]
    for piece, cut in ((first, doc[:7]), (second, doc[7:])):
        assert texts(span_as_doc(cut))["facts"] == texts(piece)["facts"]
    assert doc[0:7].as_doc()._.triples == []
    assert doc._.triples == [TRIPLE, ("She", "sings_in", "there")]


def test_pieces_of_pieces_and_their_union():
    doc = annotated()
    piece = doc[0:9].as_doc(copy_user_data=True)[0:7].as_doc(copy_user_data=True)
    assert piece._.triples == [TRIPLE]
    rest = doc[7:11].as_doc(copy_user_data=True)
    again = Doc.from_docs([doc[0:7].as_doc(copy_user_data=True), rest])
    assert again.text == doc.text and again._.triples == [TRIPLE]
    assert texts(again)["langs"] == texts(doc)["langs"]


def test_languages_of_sentences_that_are_not_all_known():
    doc = make_doc()
    doc._.lang = "fr"
    set_sentence_langs(doc, [(2, 7, "de")])
    piece = doc[1:9].as_doc(copy_user_data=True)
    assert [piece[i : i + 1]._.lang for i in range(8)] == ["fr"] + ["de"] * 5 + ["fr"] * 2 and piece._.lang == "fr"
    merged = Doc.from_docs([doc, make_doc()])
    assert merged._.lang == "" and [merged[i : i + 1]._.lang for i in (0, 2, 7, 11)] == ["fr", "de", "fr", ""]


def test_a_copy_of_all_is_a_doc_of_its_own():
    doc = annotated()
    whole = doc[:].as_doc(copy_user_data=True)
    assert texts(whole) | {"shown": 0, "written": 0} == texts(doc) | {"shown": 0, "written": 0}
    whole._.relations.clear()
    whole._.facts.pop()
    assert doc._.triples == [TRIPLE] and len(doc._.facts) == 2


def test_the_same_relations_in_the_words_of_a_piece_are_not_taken():
    """Where the first sentence has its relation, the second has the same characters for other words."""
    doc = Doc(VOCAB, words=["Ann", "met", "Bob", ".", "Eve", "met", "Tom", "."])
    doc._.relations = [Relation(Mention(0, 1), "met", Mention(2, 3))]
    assert doc[4:8].as_doc(copy_user_data=True)._.triples == []


# In general


@st.composite
def changed_docs(draw):
    """Words, relations between their spans, and merges and splits, one after the other."""
    words = draw(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=8))
    spaces = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    doc = Doc(VOCAB, words=words, spaces=spaces)

    def span():
        start = draw(st.integers(0, len(words) - 1))
        return Mention(start, draw(st.integers(start + 1, len(words))), "X")

    pairs = [Relation(span(), str(i), span()) for i in range(draw(st.integers(0, 4)))]
    steps = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(1, 3)), max_size=4))
    return doc, pairs, steps


def apply(doc: Doc, steps) -> None:
    for merging, place, size in steps:
        place %= len(doc)
        if merging:
            merge(doc, (place, min(place + size, len(doc))))
        elif len(doc[place]) > size:
            split(doc, place, doc[place].text[:size], doc[place].text[size:])


@given(changed_docs())
@settings(max_examples=300, deadline=None)
def test_never_a_triple_of_other_words(data):
    doc, relations, steps = data
    doc._.relations = relations
    doc._.facts = [Fact("h", r.label, "t", 1.0, (Evidence(0, len(doc), r.head, r.tail),)) for r in relations]
    heads = [r.head for r in relations]
    doc._.candidates = Candidates(heads, np.zeros(len(heads)), np.array([(0, i) for i in range(1, len(heads))]))
    triples, held = doc._.triples, doc._.relations
    evidence = [fact.triple(doc) for fact in doc._.facts]
    pairs = [(pair.head.text(doc), pair.tail.text(doc)) for pair in doc._.candidates]
    apply(doc, steps)
    places = Places(doc)
    fit = [
        all(places.exact(end.start_char, end.end_char) is not None for end in (each.head, each.tail)) for each in held
    ]
    expected = [triple for triple, fits in zip(triples, fit) if fits]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert doc._.triples == expected == [relation.triple(doc) for relation in doc._.relations]
    assert len(caught) == (expected != triples or len(expected) != len(triples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [f.triple(doc) for f in doc._.facts] == [e if f else ("h", e[1], "t") for e, f in zip(evidence, fit)]
        assert {(pair.head.text(doc), pair.tail.text(doc)) for pair in doc._.candidates} <= set(pairs)
    for relation, triple, fits in zip(held, triples, fit):
        if fits:
            assert relation.triple(doc) == triple
        else:
            with pytest.raises(RelxError, match="RX541"):
                relation.triple(doc)


@given(st.lists(changed_docs(), min_size=1, max_size=3), st.booleans())
@settings(deadline=None)
def test_merged_and_cut_docs_have_the_triples_of_their_parts(parts, whitespace):
    docs = []
    for doc, relations, steps in parts:
        doc._.relations = relations
        apply(doc, steps)
        docs.append(doc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        merged = Doc.from_docs(docs, ensure_whitespace=whitespace)
        helped = merge_docs(docs, ensure_whitespace=whitespace)._.triples
        expected = [triple for doc in docs for triple in doc._.triples]
        assert merged._.triples == expected == helped
        at = 0
        for doc in docs:
            span = merged[at : at + len(doc)]
            assert span.as_doc(copy_user_data=True)._.triples == doc._.triples == span_as_doc(span)._.triples
            at += len(doc)


@given(st.integers(1, 60), st.data())
@settings(deadline=None)
def test_many_spans_are_looked_up_as_few_are(length, data):
    doc = Doc(VOCAB, words=["ab", "c"] * length)
    bound = st.integers(0, 2 * length - 1)
    starts = data.draw(st.lists(bound, min_size=1, max_size=60))
    ends = [data.draw(st.integers(start + 1, 2 * length)) for start in starts]
    chars = all_chars(doc, starts, ends)
    assert list(zip(*chars)) == [(doc[s:e].start_char, doc[s:e].end_char) for s, e in zip(starts, ends)]
    assert all_fit(doc, starts, ends, *chars)
    chars[1][0] += 1
    assert not all_fit(doc, starts, ends, *chars)
    with pytest.raises(RelxError, match="RX003"):
        all_chars(doc, [*starts, 0], [*ends, 2 * length + 1])


def test_places_of_characters():
    doc = make_doc()  # Clara 0-5, Oakenfield 6-16, was 17-20
    places = Places(doc)
    assert places.exact(0, 16) == (0, 2) and places.exact(1, 16) is None and places.exact(6, 5) is None
    assert places.around(5, 6) is None and places.around(4, 7) == (0, 2) and places.around(5, 17) == (1, 2)
    assert places.beginning(1, 17) == (1, 2) and places.beginning(7, 17) is None
    assert Places(Doc(VOCAB)).exact(0, 0) is None


def test_spans_that_are_current_stay_the_same_objects():
    doc = make_doc()
    spans = [*doc.ents, Span(doc, 2, 2, "EMPTY")]
    assert all(a is b for a, b in zip(current_spans(spans), spans, strict=True))
    doc.spans["mentions"] = [Span(doc, 5, 6, "PLACE", kb_id="Q2", span_id="s")]
    (moved,) = current_spans(merge(doc, (2, 5)).spans["mentions"])
    assert (moved.text, moved.label_, moved.kb_id_, moved.id_) == ("Melbourne", "PLACE", "Q2", "s")
