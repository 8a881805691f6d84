"""Names of entity types: ready tables, the setting `types` of the marker, and what sees which name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Span
from support.examples import make_doc, make_examples, triples
from support.model import make_nlp, train
from support.scorer import ANN, ROME, make

from spacy_relx.data.entity_types import TABLES, TARGETS, TypeNames, _read, ready_name, target_names
from spacy_relx.data.types import MENTIONS_KEY, Candidates, Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation.error_analysis import compare_doc as compare
from spacy_relx.evaluation.joint import MentionCounter
from spacy_relx.evaluation.reliability import ReliabilityCounter
from spacy_relx.evaluation.scorer import RelationCounter
from spacy_relx.relations.generators import make_typed_pairs, make_within_tokens, named_types

CONLL = ("LOC", "MISC", "ORG", "PER")
DOCRED = ("LOC", "MISC", "NUM", "ORG", "PER", "TIME")
PLAIN = ("LOC", "ORG", "PER")
CROSSRE = ("country", "location", "organisation", "person", "politician")
WIKIDATA = ("city", "country", "human", "organization")

#: All names in spaCy's trained pipelines of version 3.8, by language.
SPACY = {
    "ca da de es fr it pt uk xx": "LOC MISC ORG PER",
    "en fi nl zh": "CARDINAL DATE EVENT FAC GPE LANGUAGE LAW LOC MONEY NORP ORDINAL ORG PERCENT PERSON PRODUCT "
    "QUANTITY TIME WORK_OF_ART",
    "ja": "MOVEMENT PET_NAME TITLE_AFFIX",
    "ko": "DT LC OG PS QT TI",
    "nb": "DRV EVT GPE_LOC GPE_ORG PROD",
    "pl": "date geogName orgName persName placeName time",
    "ro": "DATETIME FACILITY NAT_REL_POL NUMERIC_VALUE ORGANIZATION PERIOD",
    "sv": "EVN MSR OBJ PRS TME WRK",
}


# Ready tables


def test_the_file_of_ready_tables():
    file = _read()
    assert all(not broader or broader in file.names for broader in file.broader.values())
    assert all(len(set(file.chain(concept))) == len(file.chain(concept)) for concept in file.names)  # no circle
    for table in TARGETS:
        usual = [row[table][0] for row in file.names.values() if row[table]]
        # a name has two meanings in one place: what OntoNotes calls NORP is LOC in DocRED
        assert [name for name, n in Counter(usual).items() if n > 1] == (["LOC"] if table == "docred" else [])
    assert target_names("docred") == ("PER", "ORG", "LOC", "MISC", "TIME", "NUM")


def test_the_ready_tables_are_shipped_and_documented():
    root = Path(__file__).parents[2]
    assert "**/*.tsv" in (root / "setup.cfg").read_text(encoding="utf8")
    for page, names in (("components.md", TABLES), ("formats.md", TABLES)):
        text = (root / "docs" / page).read_text(encoding="utf8")
        assert all(f'`"{name}"`' in text or f"`{name}`" in text for name in names), page


@pytest.mark.parametrize("langs", SPACY)
def test_all_names_of_spacys_pipelines_are_known(langs):
    for name in SPACY[langs].split():
        assert ready_name(name, "spacy", DOCRED) in DOCRED, name
        assert ready_name(name, "auto", DOCRED) in DOCRED, name


@pytest.mark.parametrize(
    "name, table, known, expected",
    [
        ("PERSON", "ontonotes", CONLL, "PER"),
        ("GPE", "ontonotes", CONLL, "LOC"),
        ("FAC", "ontonotes", PLAIN, "LOC"),
        ("WORK_OF_ART", "ontonotes", CONLL, "MISC"),
        ("WORK_OF_ART", "ontonotes", PLAIN, None),
        # nationalities are MISC in CoNLL, LOC in DocRED
        ("NORP", "ontonotes", CONLL, "MISC"),
        ("NORP", "ontonotes", DOCRED, "LOC"),
        ("NORP", "ontonotes", PLAIN, None),
        ("DATE", "ontonotes", DOCRED, "TIME"),
        ("MONEY", "ontonotes", DOCRED, "NUM"),
        ("PER", "conll", ("GPE", "LOC", "ORG", "PERSON"), "PERSON"),
        ("PERSON", "spacy", CROSSRE, "person"),
        ("GPE", "spacy", CROSSRE, "location"),
        ("ORG", "spacy", CROSSRE, "organisation"),
        ("geogName", "spacy", PLAIN, "LOC"),
        ("GPE_ORG", "spacy", PLAIN, "ORG"),
        ("PERSON", "ontonotes", WIKIDATA, "human"),
        ("GPE", "ontonotes", WIKIDATA, None),  # a city, or a country?
        ("GPE", "ontonotes", ("city", "human"), "city"),
        ("LOC", "conll", ("GPE", "PERSON"), "GPE"),
        ("MISC", "conll", ("EVENT", "PERSON"), None),  # what is none of the others may be anything
        ("TIME", "docred", ("DATE", "PERSON"), "DATE"),
        ("human", "wikidata", PLAIN, "PER"),
        ("Q5", "wikidata", PLAIN, "PER"),
        ("political party", "wikidata", DOCRED, "ORG"),
        ("sovereign state", "wikidata", ("GPE", "LOC"), "GPE"),
        ("work of art", "ontonotes", ("WorkOfArt",), "WorkOfArt"),
        ("Person", "conll", ("PERSON",), "PERSON"),  # capitals alone, whatever the table
        ("persName", "conll", PLAIN, None),  # it is not a name of CoNLL's
        ("persName", "auto", PLAIN, "PER"),
        ("Gadget", "auto", PLAIN, None),
        ("PERSON", "auto", (), None),
    ],
)
def test_ready_names(name, table, known, expected):
    assert ready_name(name, table, known) == expected


def test_types_of_training_keep_their_names():
    """LOC is what is no GPE in OntoNotes, and all places in CoNLL: a table cannot tell, so it leaves the name."""
    names = TypeNames("conll", target_names("ontonotes"))
    assert names("LOC") == "LOC" and names("PER") == "PERSON"


def test_pairs_come_first_and_need_not_be_known():
    names = TypeNames([{"GPE": "ORG", "DATE": "", "LOC": "PLACE"}, "ontonotes", {"FAC": "PER", "GPE": "PER"}], PLAIN)
    expected = {"GPE": "ORG", "DATE": "", "LOC": "PLACE", "FAC": "PER", "PERSON": "PER", "ORG": "ORG", "X": "X"}
    assert {name: names(name) for name in expected} == expected


def test_pairs_fit_whatever_the_unicode_form():
    assert TypeNames({"entite\u0301": "PER"})("entit\u00e9") == "PER"
    assert TypeNames({"entit\u00e9": "PER"})("entite\u0301") == "PER"


def test_training_without_types_takes_all_types_for_one():
    assert TypeNames({}, ("ENT",))("PERSON") == "ENT"
    assert TypeNames({}, ("ENT", "PER"))("PERSON") == "PERSON"
    assert TypeNames({}, ("ENT", "PER"))("") == "ENT"
    assert TypeNames({}, ("PER",))("") == ""


@pytest.mark.parametrize("setting", [{"A": 1}, [{"A": None}], [["A", "B"]], 7, None])
def test_settings_of_another_form(setting):
    with pytest.raises(RelxError, match="RX510"):
        TypeNames(setting)


def test_a_ready_table_that_does_not_exist():
    with pytest.raises(RelxError, match=f"RX511.*'ontonote'.*{', '.join(TABLES)}"):
        TypeNames(["ontonote"])


# The marker

NAMES = {"HUMAN": "PERSON", "CORP": "ORG", "DATE": ""}
WORDS = "Ann works for Acme in Rome since May"
FOREIGN = [(0, 1, "HUMAN"), (3, 4, "CORP"), (5, 6, "PLACE"), (7, 8, "DATE")]


def make_marker(**config):
    nlp = spacy.blank("en")
    marker = nlp.add_pipe("entity_type_marker", config=config)
    nlp.initialize(lambda: make_examples(nlp.vocab))
    return nlp, marker


def test_the_marker_sees_types_as_training_names_them_and_the_doc_keeps_its_own():
    nlp, marker = make_marker(types=NAMES)
    doc = marker(make_doc(nlp.vocab, WORDS, FOREIGN))
    found = doc._.candidates
    assert marker.labels == ("ORG", "PERSON", "PLACE")
    assert found.markers.tolist() == [2, 1, 3]
    assert found.types == ["PERSON", "ORG", "PLACE"]
    assert [mention.label for mention in found.mentions] == ["HUMAN", "CORP", "PLACE"]
    assert [span.label_ for span in doc.ents] == [label for _, _, label in FOREIGN]
    assert len(found) == 6  # the date is left out
    copy = Candidates.from_dict(found.to_dict())
    assert (copy.types, [m.label for m in copy.mentions]) == (["PERSON", "ORG", "PLACE"], ["HUMAN", "CORP", "PLACE"])


def test_generators_see_the_types_of_training():
    nlp, marker = make_marker(
        types=NAMES, generator={"@misc": "spacy_relx.TypedPairs.v1", "allowed": [["PERSON", "*"]]}
    )
    doc = marker(make_doc(nlp.vocab, WORDS, FOREIGN))
    assert [(pair.head.label, pair.tail.label) for pair in doc._.candidates] == [("HUMAN", "CORP"), ("HUMAN", "PLACE")]


def test_two_types_of_one_span_may_be_one_in_training():
    nlp, marker = make_marker(types={"HUMAN": "PERSON"})
    doc = marker(make_doc(nlp.vocab, WORDS, [(0, 1, "HUMAN"), (0, 1, "PERSON"), (3, 4, "ORG")]))
    assert doc._.candidates.mentions == [Mention(0, 1, "HUMAN"), Mention(3, 4, "ORG")]
    assert len(doc._.candidates) == 2


def test_uniform_markers_know_the_types_too():
    nlp, marker = make_marker(types=NAMES, markers="uniform")
    found = marker(make_doc(nlp.vocab, WORDS, FOREIGN))._.candidates
    assert (found.markers.tolist(), found.types) == ([0, 0, 0], ["PERSON", "ORG", "PLACE"])


def test_training_learns_the_new_names_and_keeps_its_relations():
    nlp = make_nlp()
    nlp.get_pipe("entity_type_marker").types = {"PERSON": "PER", "PLACE": ""}
    examples = [eg for eg in make_examples(nlp.vocab) if "Rome" not in eg.text]
    train(nlp, examples)
    assert nlp.get_pipe("entity_type_marker").labels == ("ORG", "PER")
    for eg in examples:
        assert triples(nlp(eg.predicted.copy())) == {tuple(triple) for triple in eg.reference._.triples}


def test_gold_may_have_the_names_of_training():
    """Two mentions of one span: the type tells which of them the gold relation is about, by either name."""
    nlp = make_nlp()
    train(nlp, steps=1)
    nlp.get_pipe("entity_type_marker").types = {"HUMAN": "PERSON", "CORP": "ORG"}
    words = "Ann Acme"
    predicted = nlp.get_pipe("entity_type_marker")(
        make_doc(nlp.vocab, words, [(0, 1, "CORP"), (0, 1, "HUMAN"), (1, 2, "CORP")])
    )
    for head in ("HUMAN", "PERSON"):
        reference = make_doc(nlp.vocab, words, [(0, 1, head), (1, 2, "ORG")], [(0, "works_for", 1)])
        targets = nlp.get_pipe("relation_extractor").targets([spacy.training.Example(predicted, reference)])
        (row,) = np.unique(targets.nonzero()[0])
        assert predicted._.candidates[int(row)].head.label == "HUMAN"


# Unknown types


def codes(caught):
    return [str(each.message)[:7] for each in caught if issubclass(each.category, RelxWarning)]


def test_each_unknown_type_is_said_once_with_counts():
    nlp, marker = make_marker()
    docs = [make_doc(nlp.vocab, WORDS, [*FOREIGN[:2], (5, 6, "PLACE")]) for _ in range(5)]
    with pytest.warns(RelxWarning) as caught:
        assert len(list(nlp.pipe(docs, batch_size=2))) == 5
    messages = [str(each.message) for each in caught]
    assert len(messages) == 2  # PLACE, which is known, silences neither
    assert messages[0].startswith(
        "[RX025] 'entity_type_marker' was not trained with the entity type 'CORP': 2 of the 6"
    )
    assert "'HUMAN': 2 of the 6" in messages[1] and "Entity types in training: ORG, PERSON, PLACE." in messages[1]
    assert (marker.unknown_types.counts, marker.unknown_types.n_mentions) == ({"HUMAN": 5, "CORP": 5}, 15)
    list(nlp.pipe(docs))  # a second warning would be an error here
    with pytest.warns(RelxWarning, match="RX025.*'NEW': 1 of the 31"):
        nlp(make_doc(nlp.vocab, "Ann", [(0, 1, "NEW")]))


def test_the_remedy_is_named_where_a_ready_table_knows_the_type():
    nlp, _ = make_marker()
    with pytest.warns(RelxWarning) as caught:
        nlp(make_doc(nlp.vocab, WORDS, [(0, 1, "PER"), (3, 4, "GADGET")]))
    by_type = {
        label: str(each.message) for each in caught for label in ("PER", "GADGET") if f"'{label}'" in str(each.message)
    }
    assert 'types = {"PER": "PERSON"}' in by_type["PER"] and 'types = "auto"' in by_type["PER"]
    assert 'types = {"GADGET": ...}' in by_type["GADGET"] and '"" leaves its mentions out' in by_type["GADGET"]


def test_unknown_types_are_said_where_nobody_reads_the_stream_to_its_end():
    nlp, marker = make_marker()
    stream = marker.pipe(iter([make_doc(nlp.vocab, "Ann", [(0, 1, "HUMAN")])] * 3))
    next(stream)
    with pytest.warns(RelxWarning, match="RX025.*1 of the 1 mentions"):
        stream.close()


def test_a_setting_that_names_unknown_types():
    nlp, _ = make_marker(types={"HUMAN": "PERS"})
    with pytest.warns(RelxWarning, match="RX512.*maps 'HUMAN' to 'PERS'.*1 of the 2.*ORG, PERSON, PLACE"):
        nlp(make_doc(nlp.vocab, WORDS, [(0, 1, "HUMAN"), (3, 4, "ORG")]))


def test_nothing_is_said_of_types_that_are_left_out_or_do_not_count():
    nlp, _ = make_marker(types={"HUMAN": ""})
    nlp(make_doc(nlp.vocab, WORDS, [(0, 1, "HUMAN"), (3, 4, "ORG")]))
    nlp, _ = make_marker(markers="uniform")
    nlp(make_doc(nlp.vocab, WORDS, FOREIGN))
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")  # not trained
    nlp(make_doc(nlp.vocab, WORDS, FOREIGN))


def test_training_steps_are_counted_apart():
    nlp, marker = make_marker()
    examples = make_examples(nlp.vocab)
    for eg in examples:
        eg.predicted.spans[MENTIONS_KEY] = [
            Span(eg.predicted, s.start, s.end, "X") for s in eg.predicted.spans[MENTIONS_KEY]
        ]
    with pytest.warns(RelxWarning) as caught:
        marker.update(examples)
    assert codes(caught) == ["[RX025]"]
    n = sum(len(eg.predicted.spans[MENTIONS_KEY]) for eg in examples)
    assert f"'X': {n} of the {n} mentions" in str(caught[0].message)
    assert marker.unknown_types.n_mentions == 0


# Saving


def test_types_are_a_setting_of_the_config(tmp_path):
    nlp, _ = make_marker(types=NAMES)
    nlp.to_disk(tmp_path)

    def types(value=None):
        config = {} if value is None else {"components": {"entity_type_marker": {"types": value}}}
        return spacy.load(tmp_path, config=config).get_pipe("entity_type_marker").types

    assert types() == NAMES
    assert types("ontonotes") == "ontonotes"
    assert types([{"A": "PERSON"}]) == [{"A": "PERSON"}]
    assert types({"A": "PERSON"}) == {**NAMES, "A": "PERSON"}


def test_types_that_were_set_on_the_component_are_saved_with_it(tmp_path):
    nlp, marker = make_marker()
    marker.types["HUMAN"] = "PERSON"
    marker.types.update(CORP="ORG", DATE="")
    nlp.to_disk(tmp_path)
    for loaded in (spacy.load(tmp_path), spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())):
        assert loaded.get_pipe("entity_type_marker").types == NAMES
        assert loaded(make_doc(loaded.vocab, WORDS, FOREIGN))._.candidates.types == ["PERSON", "ORG", "PLACE"]
    other = spacy.load(tmp_path, config={"components": {"entity_type_marker": {"types": "conll"}}})
    assert other.get_pipe("entity_type_marker").types == "conll"  # what the config says anew counts


# Settings with types


def test_types_that_a_generator_names():
    inner = make_typed_pairs([["A", "*"]], make_within_tokens(3))
    assert named_types(inner) == {"A"}
    assert named_types(make_typed_pairs([["B", "C"]], make_within_tokens(3, inner))) == {"A", "B", "C"}
    assert named_types(make_within_tokens(3)) == named_types(lambda doc, mentions: ()) == set()


def test_a_generator_that_wants_unknown_types(tmp_path):
    generator = {"@misc": "spacy_relx.TypedPairs.v1", "allowed": [["PERSON", "GPE"]]}
    with pytest.warns(RelxWarning, match="RX513.*'generator'.*GPE.*ORG, PERSON, PLACE"):
        nlp, _ = make_marker(generator=generator)
    nlp.to_disk(tmp_path)
    with pytest.warns(RelxWarning, match="RX513"):
        spacy.load(tmp_path)


@pytest.fixture(scope="module")
def renamed(trained):
    """The pipeline of `trained` behind a recogniser of other names, with types that the settings below allow."""
    nlp = spacy.blank("en", config=trained.config).from_bytes(trained.to_bytes())
    nlp.get_pipe("entity_type_marker").types = {"HUMAN": "PERSON", "CORP": "ORG"}
    return nlp


FOUNDED = ("Bob founded Initech", [(0, 1, "HUMAN"), (2, 3, "CORP")])


def test_relations_come_out_with_the_types_of_the_doc(renamed):
    doc = renamed(make_doc(renamed.vocab, *FOUNDED))
    (relation,) = doc._.relations
    assert (relation.head.label, relation.label, relation.tail.label) == ("HUMAN", "founder_of", "CORP")


@pytest.mark.parametrize("allowed, n", [(["PERSON", "founder_of", "ORG"], 1), (["ORG", "founder_of", "ORG"], 0)])
def test_the_extractors_types_are_those_of_training(renamed, allowed, n):
    extractor = renamed.get_pipe("relation_extractor")
    extractor.types = [allowed]
    found = list(renamed(make_doc(renamed.vocab, *FOUNDED))._.relations)
    extractor.types = []
    assert sum(relation.label == "founder_of" for relation in found) == n


@pytest.mark.parametrize("allowed, n", [(["PERSON", "founder_of", "ORG"], 1), (["ORG", "founder_of", "ORG"], 0)])
def test_the_types_of_constraints_are_those_of_training(renamed, allowed, n):
    renamed.add_pipe("relation_constraints", config={"types": [allowed]})
    found = list(renamed(make_doc(renamed.vocab, *FOUNDED))._.relations)
    renamed.remove_pipe("relation_constraints")
    assert len(found) == n


def test_settings_with_the_recognisers_types_are_said(renamed, tmp_path):
    types = [["HUMAN", "founder_of", "ORG"]]
    renamed.to_disk(tmp_path)
    with pytest.warns(RelxWarning, match="RX513.*'types' of 'relation_extractor'.*HUMAN.*ORG, PERSON, PLACE"):
        spacy.load(tmp_path, config={"components": {"relation_extractor": {"types": types}}})
    renamed.add_pipe("relation_constraints", config={"types": types})
    with pytest.warns(RelxWarning, match="RX513.*'types' of 'relation_constraints'.*HUMAN"):
        renamed(make_doc(renamed.vocab, *FOUNDED))
    renamed.remove_pipe("relation_constraints")


# Scores

HUMAN, CORP = (0, 1, "HUMAN"), (3, 4, "CORP")


def predicted_doc():
    doc = make([(HUMAN, "works_for", CORP)], candidates=[(HUMAN, CORP)])
    found = doc._.candidates
    doc._.candidates = Candidates(found.mentions, found.markers, found.pairs, types=["PERSON", "ORG"])
    doc.spans[MENTIONS_KEY] = [Span(doc, *HUMAN[:2], label="HUMAN"), Span(doc, *CORP[:2], label="CORP")]
    return doc


def gold_doc(head, tail):
    doc = make([(head, "works_for", tail)])
    doc.spans[MENTIONS_KEY] = [Span(doc, start, end, label=label) for start, end, label in (head, tail)]
    return doc


@pytest.mark.parametrize(
    "head, tail, right",
    [
        (ANN, (3, 4, "ORG"), 1.0),
        (HUMAN, CORP, 1.0),
        (ANN, CORP, 1.0),
        (ROME, (3, 4, "ORG"), 0.0),
        ((0, 1, "PLACE"), CORP, 0.0),
    ],
)
def test_strict_scores_compare_types_as_training_names_them(head, tail, right):
    """Gold may have the names of training, or those of the recogniser."""
    gold, predicted = gold_doc(head, tail), predicted_doc()
    relations = RelationCounter(match="strict")
    relations.add(gold, predicted)
    scores = relations.scores()
    assert (scores["rel_micro_f"], scores["rel_uncovered"]) == (right, 1 - right)
    mentions = MentionCounter(match="strict", spans_key=MENTIONS_KEY, found_key=MENTIONS_KEY)
    mentions.add(gold, predicted)
    assert mentions.scores()["mention_micro_f"] == (1.0 if right else 0.5)
    reliability = ReliabilityCounter(match="strict")
    reliability.add(gold, predicted)
    assert reliability.scores()["rel_reliability"]["predicted"]["share_right"] == right
    page = compare(gold, predicted, "x", True)
    assert [relation.verdict for relation in page.relations] == (["right"] if right else ["missed", "wrong"])
    assert len(page.mentions) == (2 if right else 3)
    assert Relation.from_any(predicted._.relations[0]).head.label == "HUMAN"
