"""Joint extractors on data and settings that are not as one would write them: mentions across sentences, without types
or head last, codes of languages with regions, other groups of spans, other settings at loading."""

import warnings

import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from support.examples import SENTENCES, make_doc, make_example
from support.joint import (
    LANGS,
    ONE,
    SWITCHER,
    examples_in,
    joint_model,
    language_encoder,
    make_joint,
    outputs,
    raw_docs,
    train_joint,
)

from spacy_relx.core.parts import piece_lengths
from spacy_relx.core.task import layer_of
from spacy_relx.data.extensions import get_routes, merge_docs
from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate
from spacy_relx.formats.mentions import blank_copy
from spacy_relx.relations.pair_features import PairFeatures, marker_pair_keys

JOINT = "joint_extractor"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    nlp = make_joint(joint_model(encoder=language_encoder()))
    train_joint(nlp, examples_in(nlp.vocab), steps=40)
    path = tmp_path_factory.mktemp("trained")
    nlp.to_disk(path)
    return path, nlp


def initialize(nlp, examples, **settings):
    nlp.config["initialize"]["components"][JOINT] = settings
    return nlp.initialize(lambda: examples)


# Mentions


def test_a_pair_without_a_relation_keeps_its_order():
    nlp = make_joint(joint_model({**ONE, "unrelated_pairs": True}))
    words, mentions, _ = SENTENCES[3]
    rows = [(words, mentions[::-1], []), SENTENCES[1], SENTENCES[4]]  # the tail comes first in the text
    examples = [make_example(nlp.vocab, *row) for row in rows]
    train_joint(nlp, examples, steps=120)
    doc = nlp(Doc(nlp.vocab, words=words.split()))
    assert [(span.start, span.end) for span in doc.spans["mentions"]] == [(4, 5), (0, 1)]
    scores = evaluate(nlp, [eg.reference for eg in examples], scheme="one_triple")
    assert scores["one_triple_f"] == scores["one_triple_head_f"] == 1.0


def crossing(vocab):
    """A sentence boundary within the tail, as a sentencizer makes it."""
    doc = make_doc(vocab, "Ann lives in St. Paul now .", [(0, 1, "PERSON"), (3, 5, "PLACE")], [(0, "works_for", 1)])
    for token in doc:
        token.is_sent_start = token.i in (0, 4)
    return Example(blank_copy(doc), doc)


@pytest.mark.parametrize("finder", [ONE, None])
def test_mentions_that_cross_a_border_are_left_out_and_counted(finder):
    model = {**joint_model(finder), "max_tokens": 4}
    nlp = make_joint(model)
    long = make_example(nlp.vocab, "a b c d e f", [(0, 1, "ORG"), (3, 5, "ORG")], [(0, "acquired", 1)])
    examples = [crossing(nlp.vocab), long, *(make_example(nlp.vocab, *row) for row in SENTENCES[1:2])]
    with pytest.warns(RelxWarning, match="RX265.* 2 of 3 gold.* 2 cross"):
        losses = train_joint(nlp, examples, steps=3)
    assert all(torch.isfinite(torch.tensor(losses)))


def test_relations_whose_mentions_have_no_type_take_those_that_are_annotated():
    nlp = make_joint()
    doc = make_doc(nlp.vocab, *SENTENCES[0][:2], [])
    doc._.relations = [Relation(Mention(0, 1), "works_for", Mention(3, 4), 1.0)]
    eg = Example(blank_copy(doc), doc)
    nlp.initialize(lambda: [eg])
    pipe = nlp.get_pipe(JOINT)
    assert pipe.types == ("ORG", "PERSON", "PLACE")
    (gold,) = pipe.targets([eg])
    assert len(gold.spans) == 3 and gold.spans[gold.relations[0, [0, 2]]].tolist() == [[0, 1], [3, 4]]
    doc._.relations = [Relation(Mention(0, 1), "works_for", Mention(4, 5), 1.0)]  # nothing is annotated there
    assert pipe.label_data["labels"] == ["works_for"]
    with pytest.raises(RelxError, match=r"RX055.*the type ''"):
        pipe.targets([eg])


@pytest.mark.parametrize("spans_key", ["mentions", "found", None])
def test_gold_mentions_nest_whatever_the_group_that_is_written(spans_key):
    nlp = make_joint(joint_model(), spans_key=spans_key)
    eg = make_example(nlp.vocab, *SENTENCES[6])
    nlp.initialize(lambda: [eg])
    (gold,) = nlp.get_pipe(JOINT).targets([eg])
    assert sorted(gold.spans.tolist()) == [[0, 1], [2, 4], [3, 4], [5, 6]]


def test_evaluation_reads_the_group_that_is_written():
    nlp = make_joint(joint_model(), spans_key="found")
    examples = [make_example(nlp.vocab, *row) for row in SENTENCES]
    train_joint(nlp, examples)
    scores = evaluate(nlp, [eg.reference for eg in examples])
    assert scores["mention_strict_f"] == 1.0 and len(nlp(raw_docs(nlp)[6]).spans["found"]) == 4


def test_gold_mentions_cannot_be_given(trained):
    _, nlp = trained
    docs = [eg.reference for eg in examples_in(nlp.vocab)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scores = evaluate(nlp, docs, gold_mentions=True)
    assert [code for each in said for code in ("RX273", "RX277") if code in str(each.message)] == ["RX273"]
    assert scores["gold_mentions"] is False and scores["mention_micro_f"] == evaluate(nlp, docs)["mention_micro_f"]


# Settings and labels


def test_masks_are_those_of_the_setting_at_loading(tmp_path):
    for saved, wanted in ((True, False), (False, True)):
        nlp = make_joint(joint_model(), mask_labels=saved)
        train_joint(nlp, examples_in(nlp.vocab), steps=1)
        nlp.to_disk(tmp_path)
        loaded = spacy.load(tmp_path, config={"components": {JOINT: {"mask_labels": wanted}}})
        for each, masked in ((nlp, saved), (loaded, wanted)):
            assert set(layer_of(each.get_pipe(JOINT).model).label_masks) == (set(LANGS) if masked else set())
        copied = loaded.get_pipe(JOINT).from_bytes(nlp.get_pipe(JOINT).to_bytes())
        assert bool(layer_of(copied.model).label_masks) is wanted


@pytest.mark.parametrize("labels", [["a"], {"labels": "abc"}, {"labels": ["a"], "more": []}])
def test_labels_of_another_form(labels):
    nlp = make_joint()
    with pytest.raises(RelxError, match=r"RX021.*'labels'"):
        nlp.get_pipe(JOINT).initialize(lambda: examples_in(nlp.vocab), labels=labels)


def test_labels_that_are_missing_are_collected():
    nlp = make_joint()
    initialize(nlp, examples_in(nlp.vocab), labels={"labels": ["works_for", "more"]})
    pipe = nlp.get_pipe(JOINT)
    assert pipe.label_data["lang_labels"] == {"de": ["works_for"], "en": [], "fr": []}
    assert pipe.labels == ("works_for", "more") and pipe.types == ("ORG", "PERSON", "PLACE")


# Starting from another pipeline


@given(st.integers(1, 40), st.integers(0, 20))
def test_pairs_of_types_keep_their_rows(n, more):
    markers = torch.arange(n + more)
    heads, tails = torch.meshgrid(markers, markers, indexing="ij")
    keys = marker_pair_keys(heads, tails)
    assert sorted(keys[:n, :n].flatten().tolist()) == list(range(n * n))
    assert len(keys.unique()) == (n + more) ** 2


def test_more_types_move_no_old_pair():
    settings = {"hidden": 8, "marker_width": 0, "window": 0, "between_heads": 0, "sentence": False, "product": False}
    few, more = (
        PairFeatures(6, n, distance=False, pair_rows=100, dropout=0.0, **settings).marker_pairs.weight for n in (3, 5)
    )
    assert len(few) == 9 and len(more) == 25
    keys = marker_pair_keys(torch.tensor([2, 0, 1]), torch.tensor([1, 2, 1]))
    assert keys.max() < len(few)


def test_every_layer_of_spacys_encoders_gets_its_own_weights(tmp_path):
    encoder = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 16,
        "depth": 3,
        "embed_size": 50,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    nlp, second = (make_joint(joint_model(encoder=encoder), seed=seed) for seed in (0, 1))
    examples = [make_example(nlp.vocab, *row) for row in SENTENCES]
    train_joint(nlp, examples, steps=5)
    nlp.to_disk(tmp_path)
    initialize(second, examples, start_from=str(tmp_path))
    assert outputs(second) == outputs(nlp)


def test_fewer_submodules_than_those_in_use(trained):
    path, _ = trained
    nlp = make_joint(joint_model(encoder=language_encoder(switcher={**SWITCHER, "depths": [1, 1]})))
    with pytest.raises(RelxError, match=r"RX021.*'depths'.*3 sub-modules"):
        initialize(nlp, examples_in(nlp.vocab, ["it"]), start_from=str(path))


def test_routing_of_another_kind(trained):
    path, _ = trained
    switcher = {**SWITCHER, "routing": "one_to_one", "depths": [1]}
    nlp = make_joint(joint_model(encoder=language_encoder(switcher=switcher)))
    with pytest.raises(RelxError, match=r"RX260.*'learned', not 'one_to_one'"):
        initialize(nlp, examples_in(nlp.vocab), start_from=str(path))


# Languages


def test_codes_with_a_region_take_the_route_of_the_language():
    nlp = make_joint(joint_model(encoder=language_encoder()), router={}, mask_labels=True)
    examples = examples_in(nlp.vocab, ["pt-BR", "EN"])
    train_joint(nlp, examples, steps=20)
    pipe = nlp.get_pipe(JOINT)
    assert nlp.get_pipe("language_router").langs == ["en", "pt"]
    assert sorted(pipe.label_data["lang_labels"]) == ["en", "pt"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelxWarning)
        assert outputs(nlp, ["pt-BR"]) == outputs(nlp, ["pt"]) != outputs(nlp, ["en"]) == outputs(nlp, ["EN"])
        nlp.disable_pipe("language_router")
        assert outputs(nlp, ["pt-BR"]) == outputs(nlp, ["pt"]) != outputs(nlp, ["en"])


def test_a_router_learns_the_languages_of_a_component_from_another_pipeline(trained):
    _, source = trained
    nlp = spacy.blank("xx")
    nlp.add_pipe("language_router", config={"detector": None})
    nlp.add_pipe(JOINT, source=source)
    with nlp.select_pipes(disable=[JOINT]):  # as `spacy train` does it
        nlp.initialize(lambda: examples_in(nlp.vocab, ["sv"]))
    assert nlp.get_pipe("language_router").langs == list(LANGS)
    with pytest.warns(RelxWarning, match="RX267.*'sv'"):
        list(nlp.pipe(raw_docs(nlp, ["sv"])))


def test_a_language_that_is_set_anew_has_no_old_route():
    nlp = spacy.blank("xx")
    router = nlp.add_pipe("language_router", config={"detector": None, "langs": ["it"]})
    doc = raw_docs(nlp, ["fr"])[0]
    with pytest.warns(RelxWarning, match="RX267"):
        doc = nlp(doc)
    assert get_routes(doc) == [(0, len(doc), "")]
    doc._.lang = "fr"
    assert get_routes(doc) == [(0, len(doc), "fr")]
    with pytest.raises(RelxError, match=r"RX042.*'xx'"):
        nlp.add_pipe("language_router", name="other", config={"detector": None, "langs": ["en", "xx"]})
    assert router.langs == ["it"]


def test_evaluation_gives_the_languages_of_sentences(trained):
    _, nlp = trained
    docs = [eg.reference for eg in examples_in(nlp.vocab)]
    mixed = [merge_docs(docs[start : start + 3]) for start in range(0, 6)]
    assert all(len({lang for _, _, lang in get_routes(doc)}) == 3 for doc in mixed)
    examples = [Example(blank_copy(doc, mentions=False), doc) for doc in mixed]
    keys = ("rel_micro_f", "mention_micro_f", "rel_micro_p")
    whole, plain = evaluate(nlp, mixed), nlp.evaluate(examples)
    assert [whole[key] for key in keys] == [plain[key] for key in keys]


def relation_across_sentences(vocab):
    """Two sentences, of four and three tokens, and a relation from one into the other."""
    doc = Doc(vocab, words=["Ann", "lives", "here", ".", "Acme", "pays", "her"], sent_starts=[1, 0, 0, 0, 1, 0, 0])
    doc.spans["mentions"] = [Span(doc, 0, 1, "PERSON"), Span(doc, 4, 5, "ORG")]
    doc._.relations = [Relation(Mention(0, 1, "PERSON"), "works_for", Mention(4, 5, "ORG"))]
    return doc


@pytest.mark.parametrize("context, found", [("sentence", False), ("document", True)])
def test_relations_across_sentences(context, found):
    nlp = make_joint({**joint_model(), "context": context})
    gold = relation_across_sentences(nlp.vocab)
    examples = [Example(blank_copy(gold), gold)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RelxWarning)  # RX265: out of reach of one that reads sentences
        optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert bool(nlp(blank_copy(gold))._.relations) is found


def test_pieces_are_whole_sentences():
    doc = Doc(Vocab(), words=list("aaaabbbccccccd"), sent_starts=[i in (0, 4, 7, 13) for i in range(14)])
    assert piece_lengths(doc, 7).tolist() == [7, 7]
    assert piece_lengths(doc, 9).tolist() == [7, 7]
    assert piece_lengths(doc, 13).tolist() == [13, 1]
    assert piece_lengths(doc, 5).tolist() == [4, 3, 5, 2]  # a sentence of six is cut
    assert piece_lengths(Doc(Vocab()), 5).tolist() == []
