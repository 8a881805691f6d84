"""Files of bags: writing, splitting, leakage, the command."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.made_bags import VOCAB, group, many, naive, one_bag, save, sentence, spans_of, through_docbin
from typer.testing import CliRunner

from spacy_relx.data.facts import Bag
from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.bag_files import read_bags, write_bags
from spacy_relx.formats.bag_writer import BagCounts, BagWriter, SplitWriter
from spacy_relx.formats.bags import bag_labels, bag_sentences, make_bag
from spacy_relx.formats.leakage import leakage

# files


def pairs_of(path: Path) -> list[tuple[str, str]]:
    return [(bag._.bag.head, bag._.bag.tail) for bag in read_bags(path, VOCAB)]


@pytest.fixture
def sentences(tmp_path):
    return save(tmp_path / "sentences.spacy", many(200))


def test_writing_a_file_and_a_folder(tmp_path, sentences):
    report = write_bags([sentences], tmp_path / "bags.spacy", VOCAB)
    counts = report.outputs[str(tmp_path / "bags.spacy")]
    expected = naive(many(200))
    assert (report.read, report.instances, counts.bags, counts.sentences) == (200, 200, len(expected), 200)
    assert counts.na == sum(not labels for _, labels in expected.values())
    assert counts.several == sum(len(texts) > 1 for texts, _ in expected.values())
    assert counts.longest == max(len(texts) for texts, _ in expected.values())
    assert counts.facts == Counter(label for _, labels in expected.values() for label in labels)
    assert set(counts.langs) == {"a", "b"} and counts.langs.total() == 200
    assert report.leakage is None
    folder = tmp_path / "new" / "bags"
    for _ in range(2):  # the second time it replaces the first
        write_bags([tmp_path / "bags.spacy"], folder, VOCAB, shard_size=20)
        names = [path.name for path in sorted(folder.iterdir())]
        assert names == [f"bags-{i:05d}.spacy" for i in range(-(-len(expected) // 20))]
        assert [path.name for path in folder.parent.iterdir()] == ["bags"]
    sizes = [len(pairs_of(path)) for path in sorted(folder.iterdir())]
    assert sizes[:-1] == [20] * (len(sizes) - 1) and pairs_of(folder) == pairs_of(tmp_path / "bags.spacy")


def test_large_bags_are_split_on_writing(tmp_path, sentences):
    report = write_bags([sentences], tmp_path / "bags", VOCAB, max_sentences=2, shard_size=7)
    counts = report.outputs[str(tmp_path / "bags")]
    assert counts.longest == 2 and counts.sentences == 200 and len(set(pairs_of(tmp_path / "bags"))) < counts.bags


@pytest.mark.parametrize("suffix", [".spacy", ""])
def test_the_split(tmp_path, suffix):
    docs = many(200)
    docs += [sentence(f"Ulm saw Ann {i}", ids=(f"t{i}", f"h{i}")) for i in range(8)]
    source = save(tmp_path / "in.spacy", docs)
    train, test = tmp_path / f"train{suffix}", tmp_path / f"test{suffix}"
    report = write_bags([source], train, VOCAB, test=test, test_share=0.3)
    ours, theirs = set(pairs_of(train)), set(pairs_of(test))
    assert ours | theirs == set(naive(docs)) and not ours & theirs
    assert not {pair[::-1] for pair in ours} & theirs and any(pair[::-1] in ours for pair in ours)
    assert 0.1 < len(theirs) / len(ours | theirs) < 0.5
    assert not report.leakage.pairs and not report.leakage.reversed and not report.leakage.facts
    again = tmp_path / "again.spacy"
    random.Random(1).shuffle(docs)
    write_bags([save(source, docs)], tmp_path / "x.spacy", VOCAB, test=again, test_share=0.3)
    assert set(pairs_of(again)) == theirs
    write_bags([source], tmp_path / "x.spacy", VOCAB, test=again, test_share=0.3, seed=1)
    assert set(pairs_of(again)) != theirs


def test_excluding(tmp_path):
    test = [sentence("Ann likes Ulm", label="x"), sentence("Bob left Ulm", ids=("Q3", "Q2"))]
    docs = [
        sentence("Ann loves Ulm", label="x"),
        sentence("Ulm loves Ann", ids=("Q2", "Q1")),
        sentence("Ann likes Ulm", ids=("Q1", "Q9"), label="x"),
        sentence("Eve left Ulm", ids=("Q4", "Q2")),
    ]
    write_bags([save(tmp_path / "a.spacy", test)], tmp_path / "test.spacy", VOCAB)
    source = save(tmp_path / "b.spacy", docs)
    report = write_bags([source], tmp_path / "train.spacy", VOCAB, exclude=tmp_path / "test.spacy")
    assert sorted(pairs_of(tmp_path / "train.spacy")) == [("Q1", "Q9"), ("Q4", "Q2")]
    assert report.excluded == 2 and report.leakage.sentences == 1 and not report.leakage.pairs
    args = {"exclude": tmp_path / "test.spacy", "exclude_sentences": True}
    report = write_bags([source], tmp_path / "train.spacy", VOCAB, **args)
    assert pairs_of(tmp_path / "train.spacy") == [("Q4", "Q2")]
    assert report.excluded_sentences == 1 and not report.leakage
    with pytest.raises(RelxError, match=r"RX142.*left out 2 bags"):
        write_bags([save(source, docs[:2])], tmp_path / "none.spacy", VOCAB, exclude=tmp_path / "test.spacy")
    assert not (tmp_path / "none.spacy").exists()


def test_meta(tmp_path):
    docs = [sentence("Ann likes Ulm", ids=("Q1", str(i))) for i in range(4)]
    for doc, meta in zip(docs, ({"checked": "TRUE", "n": 1}, {"checked": "FALSE", "n": 1}, {}, None)):
        doc.user_data["meta"] = meta
    source, output = save(tmp_path / "in.spacy", docs), tmp_path / "out.spacy"
    write_bags([source], output, VOCAB, meta=["checked=TRUE"])
    assert pairs_of(output) == [("Q1", "0")]
    write_bags([source], output, VOCAB, meta=["n=1"])
    assert sorted(pairs_of(output)) == [("Q1", "0"), ("Q1", "1")]
    with pytest.raises(
        RelxError, match=r"RX142.*none of the 4 documents .*\(n=1 holds for 2, checked=\? holds for 0\)"
    ):
        write_bags([source], output, VOCAB, meta=["n=1", "checked=?"])
    report = write_bags([source], output, VOCAB, meta=["n=1", "n=1", "checked=TRUE"])
    assert "documents read     4 (taken by their meta 1)" in report.summary()
    assert report.meta == {"n=1": 2, "checked=TRUE": 1}
    for meta in ("checked", "=TRUE"):
        with pytest.raises(RelxError, match="RX021"):
            write_bags([source], output, VOCAB, meta=[meta])


@pytest.mark.parametrize(
    "setting, code",
    [
        ({"test_share": 1.0, "test": "test.spacy"}, "RX021"),
        ({"test_share": 0.2}, "RX021.*test_share.*--test"),
        ({"shard_size": 0}, "RX021"),
        ({"max_sentences": -1}, "RX021"),
        ({"exclude_sentences": True}, "RX021"),
        ({"exclude": "none.spacy"}, "RX120"),
        ({"exclude": "in.spacy"}, "RX143"),
        ({"test": "bags.spacy"}, "RX145"),
        ({"test": "in.spacy"}, "RX145"),
        ({"output": "in.spacy"}, "RX145"),
        ({"output": "."}, "RX145"),
        ({"output": "plain"}, "RX145"),
        ({"output": "other"}, "RX145"),
        ({"output": "folder.spacy"}, "RX145"),
        ({"output": "new", "test": "other"}, "RX145"),
        ({"output": "plain/new"}, "RX145"),
        ({"output": "plain/new.spacy"}, "RX145"),
        ({"inputs": ["none.spacy"]}, "RX120"),
        ({"inputs": ["plain"]}, "RX132"),
        ({"inputs": ["no_ids.spacy"]}, "RX142"),
        ({"inputs": ["one.spacy"], "test": "test.spacy"}, "RX142"),
    ],
)
def test_what_cannot_be_written(tmp_path, monkeypatch, setting, code):
    monkeypatch.chdir(tmp_path)
    save(Path("in.spacy"), many(5))
    save(Path("no_ids.spacy"), [sentence("Ann likes Ulm", ids=("", ""), label="x")])
    save(Path("one.spacy"), [sentence("Ann likes Ulm", label="x")])
    Path("plain").write_text("no DocBin")
    Path("other").mkdir()
    (Path("other") / "notes.txt").write_text("mine")
    Path("folder.spacy").mkdir()
    before = sorted(tmp_path.rglob("*"))
    arguments = {"inputs": ["in.spacy"], "output": "bags.spacy", "vocab": VOCAB, **setting}
    with pytest.raises(RelxError, match=code):
        write_bags(**arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_replaced_only_at_the_end(tmp_path):
    bag = one_bag(sentence("Ann likes Ulm"))
    with BagWriter(tmp_path / "bags", 1) as writer:
        writer.add(bag)
        writer.commit()
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / "bags", 1) as writer:
        for _ in range(3):
            writer.add(bag)
        raise KeyboardInterrupt
    assert len(list((tmp_path / "bags").iterdir())) == 1 and len(list(tmp_path.iterdir())) == 1


def test_counts_of_nothing():
    assert "bags               0" in str(BagCounts()) and BagCounts().to_dict()["facts"] == {}


# leakage


def test_leakage():
    train = group([
        sentence("Ann likes Ulm", label="x"),
        sentence("Ann likes Rome", ids=("Q1", "Q3"), label="x"),
        sentence("Rome saw Bob", ids=("Q3", "Q5"), label="z"),
        sentence("Eve saw Bob", ids=("Q7", "Q8")),
    ])  # fmt: skip
    test = group([
        sentence("Ann left Ulm", label="x"),
        sentence("Ann left Ulm now", label="y"),
        sentence("Bob saw Rome", ids=("Q5", "Q3"), label="x"),
        sentence("Eve saw Bob", ids=("Q9", "Q8")),
    ])  # fmt: skip
    found = leakage(train, [through_docbin(doc) for doc in test])
    assert found.pairs == [("Q1", "Q2")] and found.reversed == [("Q5", "Q3")]
    assert found.facts == [("Q1", "x", "Q2")] and found.sentences == 1
    assert found.to_dict() == {
        "pairs": {"in_both": 1, "in_test": 3},
        "reversed_pairs": {"in_both": 1, "in_test": 3},
        "facts": {"in_both": 1, "in_test": 3},
        "sentences": {"in_both": 1, "in_test": 4},
    }
    assert bool(found) and "reversed pairs   1 of 3" in str(found) and "(Q1, Q2), (Q5, Q3)" in str(found)
    nothing = leakage(train, [])
    assert not nothing and nothing.test_pairs == 0 and "such as" not in str(nothing)
    with pytest.raises(RelxError, match="RX143"):
        leakage([sentence("Ann likes Ulm")], test)


# the commands


def run(*args: object):
    from spacy_relx.cli import relx_app  # it imports all that spaCy's command line needs

    return CliRunner().invoke(relx_app, [str(arg) for arg in args])


def test_the_command(tmp_path, sentences):
    train, test = tmp_path / "train.spacy", tmp_path / "test"
    done = run(
        "data",
        "bags",
        sentences,
        "--output",
        train,
        "--test",
        test,
        "--test-share",
        0.3,
        "--shard-size",
        4,
        "--max-sentences",
        3,
    )
    assert done.exit_code == 0, done.output
    n_train, n_test = len(pairs_of(train)), len(pairs_of(test))
    assert f"Saved {n_train} bags to {train}" in done.output and f"Saved {n_test} bags to {test}" in done.output
    assert "documents read     200" in done.output and "the largest: 3" in done.output
    assert f"pairs            0 of {len(set(pairs_of(test)))}" in done.output
    assert len(list(test.iterdir())) == -(-n_test // 4)
    same = run("data", "check", train, "--test", test)
    assert same.exit_code == 0 and f"pairs            0 of {len(set(pairs_of(test)))}" in same.output
    all_of_it = run("data", "check", train, "--test", train)
    n_pairs = len(set(pairs_of(train)))
    assert f"pairs            {n_pairs} of {n_pairs}" in all_of_it.output
    more = run(
        "data",
        "bags",
        sentences,
        "--output",
        tmp_path / "more.spacy",
        "--exclude",
        test,
        "--exclude-sentences",
        "--meta",
        "a=b",
    )
    assert more.exit_code == 1 and "RX142" in more.output
    more = run("data", "bags", sentences, "--output", tmp_path / "more.spacy", "--exclude", test)
    assert more.exit_code == 0 and set(pairs_of(tmp_path / "more.spacy")) == set(pairs_of(train))


def test_the_command_says_what_is_wrong(tmp_path, sentences):
    done = run("data", "bags", sentences, "--output", sentences)
    assert done.exit_code == 1 and "RX145" in done.output
    done = run("data", "bags", sentences, "--output", tmp_path / "bags.spacy", "--test-share", 0.2)
    assert done.exit_code == 1 and "RX021" in done.output and not (tmp_path / "bags.spacy").exists()
    assert run("data", "bags", sentences).exit_code == 2


def test_make_bag_does_not_mind_empty_labels():
    words = np.array([VOCAB.strings.add(word) for word in ("Ann", "Ulm")], dtype="uint64")
    first = bag_sentences(one_bag(sentence("Ann likes Ulm")))[0]
    part = first._replace(words=words, spaces=None, tail=Mention(1, 2, "", ""))
    doc = make_bag(VOCAB, Bag("a", "b"), [part], ["y", "x", "y"])
    assert bag_labels(doc) == ["x", "y"] and spans_of(doc) == [("Ann", "PERSON", "a"), ("Ulm", "ENT", "b")]


def test_an_output_inside_the_other_output_is_refused(tmp_path):
    with pytest.raises(RelxError, match="RX145"):
        SplitWriter(tmp_path / "bags", test=tmp_path / "bags" / "test.spacy")
