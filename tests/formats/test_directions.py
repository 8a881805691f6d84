"""The direction of relations: counted, and taught by bags of related pairs the other way round."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_bags import VOCAB, save, sentence
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.formats.bag_files import read_bags, write_bags
from spacy_relx.formats.bag_spool import BagSpool
from spacy_relx.formats.bags import bag_labels, bag_sentences
from spacy_relx.formats.directions import BothWays, ReversedNegatives, hold_both_ways
from spacy_relx.formats.instances import sentence_instances
from spacy_relx.knowledge import directions
from spacy_relx.knowledge.directions import count_directions
from spacy_relx.knowledge.triples import KnowledgeBase

KB = [
    ("ann", "born_in", "rome"),
    ("bob", "born_in", "oslo"),
    ("ann", "married_to", "bob"),
    ("bob", "married_to", "ann"),
    ("eve", "married_to", "kim"),  # stored one way
    ("kim", "married_to", "eve"),
    ("lee", "married_to", "sam"),
    ("rome", "contains", "forum"),
    ("forum", "part_of", "rome"),
    ("oslo", "contains", "opera"),  # its inverse is missing
    ("ann", "taught", "lee"),
    ("sam", "knows", "sam"),
]


# counts


def test_directions_of_a_knowledge_base():
    counts = count_directions(KnowledgeBase.from_rows(KB))
    assert counts == {
        "born_in": (2, 0),
        "married_to": (5, 4),
        "contains": (2, 1),
        "part_of": (1, 1),
        "taught": (1, 0),
        "knows": (0, 0),
    }
    assert hold_both_ways(counts) == {"married_to", "contains", "part_of"}
    assert hold_both_ways(counts, ["taught"]) == {"married_to", "contains", "part_of", "taught"}
    quarter = {"a": (8, 2), "b": (8, 1), "c": (8, 0)}
    assert hold_both_ways(quarter) == set() and hold_both_ways(quarter, share=0.25) == {"a"}
    assert ReversedNegatives(counts=quarter).both_ways == ["a"], "a quarter is too much for a safe negative"


NAMES = st.sampled_from("abcde")


@settings(deadline=None)
@given(st.sets(st.tuples(NAMES, st.sampled_from(["r", "s"]), NAMES), min_size=1), st.integers(1, 4))
def test_counts_equal_naive_ones_in_blocks(rows, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions, "_BLOCK", block)
        counts = count_directions(KnowledgeBase.from_rows(sorted(rows)))
    pairs = {(h, t) for h, _, t in rows}
    for label, found in counts.items():
        own = [(h, t) for h, r, t in rows if r == label and h != t]
        assert found == (len(own), sum((t, h) in pairs for h, t in own))


def test_pairs_both_ways():
    pairs = BothWays()
    assert pairs.counts() == (0, 0)
    for head, tail, counted in (("a", "b", True), ("b", "a", False), ("a", "b", True), ("c", "d", True)):
        pairs.add(head, tail, counted=counted)
    assert pairs.counts() == (2, 1)
    pairs.add("d", "c", "r")  # of another label
    assert pairs.counts() == (3, 1)


# bags


def bags_of(rows, **settings):
    """(pair -> (labels, sentences), policy) of annotated sentences (text, ids, label)."""
    policy = ReversedNegatives(**settings)
    with BagSpool(VOCAB, reversed_negatives=policy) as spool:
        for text, ids, label in rows:
            for instance in sentence_instances(sentence(text, ids=ids, label=label)):
                spool.add(*instance, source=["file", text])
        return contents(spool.bags()), policy


def contents(bags):
    found = {}
    for doc in bags:
        rows = []
        for each in bag_sentences(doc):
            part = [VOCAB.strings[word] for word in each.words]
            rows.append((" ".join(part), each.head.start, each.head.label, each.tail.start, each.tail.label, each.lang))
        pair = (doc._.bag.head, doc._.bag.tail)
        assert pair not in found
        found[pair] = bag_labels(doc), rows
    return found


ROWS = [
    ("Ann likes Rome", ("ann", "rome"), "born_in"),
    ("Ann left Rome", ("ann", "rome"), None),
    ("Bob likes Oslo", ("bob", "oslo"), "born_in"),
    ("Oslo saw Bob", ("oslo", "bob"), None),  # asked already
    ("Ann loves Bob", ("ann", "bob"), "married_to"),
    ("Bob loves Ann", ("bob", "ann"), "married_to"),
    ("Lee loves Sam", ("lee", "sam"), "married_to"),
    ("Eve saw Kim", ("eve", "kim"), None),
]


def test_the_reverse_of_a_related_pair_is_a_bag_of_no_relation():
    found, policy = bags_of(ROWS)
    plain = {(pair, label) for _, pair, label in ROWS if label}
    assert {(pair, label) for pair, (labels, _) in found.items() for label in labels} == plain
    asked = {pair for _, pair, _ in ROWS}
    assert set(found) - asked == {("rome", "ann")}, "neither the reverse of no relation nor of one without a direction"
    labels, sentences = found["rome", "ann"]
    assert labels == [] and sentences == [
        ("Ann likes Rome", 2, "PLACE", 0, "PERSON", "en"),
        ("Ann left Rome", 2, "PLACE", 0, "PERSON", "en"),
    ]
    assert [row[0] for row in found["oslo", "bob"][1]] == ["Oslo saw Bob"], "a bag that is there stays as it is"
    assert policy.both_ways == ["married_to"]
    assert (policy.one_way, policy.left_out, policy.taken) == (2, 1, 1)


def test_bags_can_be_read_again_and_have_their_sources():
    policy = ReversedNegatives()
    with BagSpool(VOCAB, reversed_negatives=policy) as spool:
        for text, ids, label in ROWS:
            for instance in sentence_instances(sentence(text, ids=ids, label=label)):
                spool.add(*instance, source=[text])
        first, second = contents(spool.bags()), contents(spool.bags())
        assert first == second and policy.taken == 1 and spool.n_duplicates == 0
        sources = {(bag._.bag.head, bag._.bag.tail): bag.user_data["sources"] for bag in spool.bags()}
    assert sources["rome", "ann"] == sources["ann", "rome"] == [["Ann likes Rome"], ["Ann left Rome"]]


def test_relations_named_symmetric_are_left_out():
    rows = [("Lee loves Sam", ("lee", "sam"), "married_to"), ("Ann likes Rome", ("ann", "rome"), "born_in")]
    found, policy = bags_of(rows)
    assert ("sam", "lee") in found and policy.both_ways == []
    found, policy = bags_of(rows, symmetric=["married_to"])
    assert ("sam", "lee") not in found and ("rome", "ann") in found and policy.both_ways == ["married_to"]
    with pytest.raises(RelxError, match=r"RX397.*symmetric.*marries.*born_in, married_to"):
        bags_of(rows, symmetric=["marries"])


def test_relations_between_entities_of_one_type_are_doubtful():
    docs = [sentence("Ann taught Lee", ids=("ann", "lee"), label="taught"), sentence("Ann of Rome", label="born_in")]
    (taught,) = docs[0]._.relations
    docs[0]._.relations = [replace(taught, tail=replace(taught.tail, label="PERSON"))]
    policy = ReversedNegatives()
    with BagSpool(VOCAB, reversed_negatives=policy) as spool:
        for doc in docs:
            for instance in sentence_instances(doc):
                spool.add(*instance)
        assert len(list(spool.bags())) == 4
    assert policy.doubtful == ["taught"]
    assert "one way only       taught," in "\n".join(policy.lines())


def test_a_share_is_drawn_by_ids_and_seed():
    rows = [("Ann likes Rome", (f"h{i}", f"t{i}"), "born_in") for i in range(200)]
    drawn = {}
    for seed in (0, 1):
        found, policy = bags_of(rows, share=0.3, seed=seed)
        drawn[seed] = {pair for pair in found if pair[0].startswith("t")}
        assert len(drawn[seed]) == policy.taken and 30 < policy.taken < 90 and policy.one_way == 200
    assert drawn[0] != drawn[1]
    assert {pair for pair in bags_of(rows[::-1], share=0.3)[0] if pair[0].startswith("t")} == drawn[0]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range(share):
    with pytest.raises(RelxError, match=r"RX021.*reversed_negatives"):
        ReversedNegatives(share)


# files of bags of annotated sentences


@pytest.fixture
def source(tmp_path):
    docs = [sentence(f"Ann {i} likes Ulm", (0, 1), (3, 4), (f"a{i}", f"u{i}"), "born_in", "en") for i in range(40)]
    docs += [sentence(f"Ann {i} mag Ulm", (0, 1), (3, 4), (f"a{i}", f"u{i}"), None, "de") for i in range(40)]
    for i in range(10):
        for pair in itertools.permutations((f"p{i}", f"q{i}")):
            docs.append(sentence(f"Bob {i} loves Eve", (0, 1), (3, 4), pair, "married_to"))
    return save(tmp_path / "sentences.spacy", docs)


def test_converted_bags_stay_as_they_are_unless_asked(source, tmp_path):
    """Published data sets say what is asked in them."""
    report = write_bags([source], tmp_path / "plain.spacy", VOCAB)
    plain = contents(read_bags(tmp_path / "plain.spacy", VOCAB))
    assert len(plain) == 60 and all(labels for labels, _ in plain.values())
    counts = report.outputs[str(tmp_path / "plain.spacy")]
    assert (counts.related, counts.both_ways) == (60, 20)
    assert counts.to_dict()["both_ways"] == 20 and json.dumps(counts.to_dict())
    assert (
        "asked both ways    20 of 60 related pairs" in report.summary() and "--reversed-negatives" in report.summary()
    )

    report = write_bags([source], tmp_path / "more.spacy", VOCAB, reversed_negatives=1.0)
    more = contents(read_bags(tmp_path / "more.spacy", VOCAB))
    assert {pair: row for pair, row in more.items() if pair in plain} == plain
    assert {pair for pair in more if pair not in plain} == {(f"u{i}", f"a{i}") for i in range(40)}
    assert [row[-1] for row in more["u3", "a3"][1]] == ["en", "de"], "each sentence keeps its language"
    summary = report.summary()
    assert "reversed negatives 40 of 40 related pairs" in summary and "hold both ways     married_to" in summary
    assert "asked both ways    60 of 60" in summary and "Few related pairs" not in summary


def test_a_pair_and_its_reverse_are_on_one_side(source, tmp_path):
    train, test = tmp_path / "train", tmp_path / "test"
    settings = {"test": test, "test_share": 0.3, "max_sentences": 1, "shard_size": 7, "reversed_negatives": 1.0}
    report = write_bags([source], train, VOCAB, **settings)
    assert not report.leakage.reversed and not report.leakage.pairs
    for counts in report.outputs.values():
        assert counts.related == counts.both_ways > 5 and counts.na > 5
        assert counts.longest == 1
    # what is excluded is so in both directions
    report = write_bags([source], tmp_path / "x.spacy", VOCAB, exclude=test, reversed_negatives=1.0)
    assert not report.leakage.reversed and not report.leakage.pairs and report.excluded


def run(*args):
    return CliRunner().invoke(relx_app, [str(arg) for arg in args])


def test_the_options_of_relx_bags(source, tmp_path):
    out = tmp_path / "bags.spacy"
    done = run("data", "bags", source, "--output", out, "--reversed-negatives", 1, "--symmetric", " born_in, ")
    assert done.exit_code == 0, done.output
    assert len(contents(read_bags(out, VOCAB))) == 60 and "hold both ways     born_in, married_to" in done.output
    for options, code in (
        (["--reversed-negatives", 2], "RX021"),
        (["--symmetric", "born_in"], "RX021"),
        (["--symmetric", "x", "--reversed-negatives", 1], "RX397"),
    ):
        done = run("data", "bags", source, "--output", tmp_path / "none.spacy", *options)
        assert done.exit_code == 1 and code in done.output and not (tmp_path / "none.spacy").exists()


# bags of a knowledge base


@pytest.fixture
def world(tmp_path):
    """Files of `KB`: a sentence for each of its pairs and one of unrelated entities."""
    names = sorted({name for head, _, tail in KB for name in (head, tail)})
    pairs = dict.fromkeys(tuple(sorted((h, t))) for h, _, t in KB if h != t)
    lines = {
        "kb.tsv": ["\t".join(row) for row in KB],
        "names.tsv": [f"{name}\t{name.capitalize()}\tENT" for name in names],
        "texts.jsonl": [
            json.dumps({"text": f"{one.capitalize()} sah {two.capitalize()}.", "lang": "de"})
            for one, two in [*pairs, ("eve", "opera")]
        ],
    }
    for name, rows in lines.items():
        (tmp_path / name).write_text("\n".join(rows) + "\n", encoding="utf8")
    return tmp_path


def align(world: Path, *options, exit_code=0):
    files = [
        world / "kb.tsv",
        world / "texts.jsonl",
        "--output",
        world / "bags.spacy",
        "--aliases",
        world / "names.tsv",
    ]
    done = run("data", "align", *files, *options)
    assert done.exit_code == exit_code, done.output
    return (contents(read_bags(world / "bags.spacy", VOCAB)) if not exit_code else {}), done.output


def test_aligned_bags_ask_both_ways(world):
    bags, output = align(world, "--negatives", 0)
    related = {(h, t) for h, _, t in KB if h != t}
    assert {pair for pair, (labels, _) in bags.items() if labels} == related
    # not of lee and sam, nor of oslo and opera: relations that hold both ways elsewhere
    assert set(bags) - related == {("rome", "ann"), ("oslo", "bob"), ("lee", "ann")}
    assert bags["rome", "ann"] == ([], [("Ann sah Rome .", 2, "ENT", 0, "ENT", "de")])
    assert "reversed negatives 3 of 5 related pairs that are related one way only" in output
    assert "hold both ways     contains, married_to, part_of (left out of these: 2 pairs)" in output
    assert "one way only       born_in, taught, between entities of one type or none" in output
    assert "asked both ways    9 of 11 related pairs" in output


def test_the_options_of_relx_align(world):
    bags, output = align(world, "--negatives", 0, "--reversed-negatives", 0)
    assert all(labels for labels, _ in bags.values()) and "reversed negatives" not in output
    bags, output = align(world, "--negatives", 0, "--symmetric", "taught")
    assert {pair for pair, (labels, _) in bags.items() if not labels} == {("rome", "ann"), ("oslo", "bob")}
    for options, code in (
        (["--reversed-negatives", -1], "RX021"),
        (["--symmetric", "taught", "--reversed-negatives", 0], "RX021"),
        (["--symmetric", "teaches"], "RX397"),
    ):
        assert code in align(world, *options, exit_code=1)[1]


def test_reversed_negatives_come_beside_the_others(world):
    unrelated = {("eve", "opera"), ("opera", "eve")}
    bags, output = align(world, "--negatives", 1)
    assert {pair for pair, (labels, _) in bags.items() if not labels} >= unrelated
    assert "negatives          2 of 11 wanted" in output
    assert Counter(bool(labels) for labels, _ in bags.values()) == {True: 11, False: 5}
    first = (world / "bags.spacy").read_bytes()
    align(world, "--negatives", 1)
    assert (world / "bags.spacy").read_bytes() == first
    vocab = spacy.blank("xx").vocab
    assert all(doc._.lang == "de" for doc in read_bags(world / "bags.spacy", vocab))
