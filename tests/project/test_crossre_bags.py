"""The benchmark that makes multilingual bags of Multi-CrossRE, on a small made-up copy of its layout."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
import spacy

from spacy_relx.data.extensions import get_sentence_langs
from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.formats.bag_files import read_bags
from spacy_relx.formats.bags import BagSentence, bag_labels, bag_sentences
from spacy_relx.formats.leakage import leakage

SCRIPT = Path(__file__).parents[2] / "projects" / "amnre" / "crossre_bags.py"
VOCAB = spacy.blank("xx").vocab
#: names of two people and a place, in English and German, where they are translated.
GERMAN = {"Ann": "Anna", "Rome": "Rom"}


def rows(split: str, i: int) -> tuple[dict, dict]:
    """A sentence in English, and in German, where words change places and one mention is lost."""
    one, two, place = f"Ann{i}", f"Bob{i % 5}{split}", "Rome"
    english = {
        "doc_key": f"music-{split}-{i}",
        "sentence": [one, "met", two, "in", place, f"{split}{i}"],
        "ner": [[0, 0, "person"], [2, 2, "person"], [4, 4, "place"]],
        "relations": [[0, 0, 2, 2, "social", "", False, False]],
    }
    words = ["In", GERMAN["Rome"], "traf", one, two, f"{split}{i}"]
    kept = [0, 2] if i % 3 == 2 else [0, 1, 2]
    spans = {0: [3, 3, "person"], 1: [4, 4, "person"], 2: [1, 1, "place"]}
    german = {
        "doc_key": english["doc_key"],
        "sentence": words,
        "ner": [spans[k] for k in kept],
        "ner_mapping_to_source": kept,
        "relations": [],
        "relations_mapping_to_source": [],
    }
    return english, german


def build(folder: Path, unrelated: int = 0) -> Path:
    """30 texts to train on, 10 for dev, 12 for test, one of which is in train as well. unrelated: texts of the training
    data in which no relation is annotated."""
    places = [folder / "crossre_data", folder / "multi-crossre_data" / "translation" / "german"]
    for place in places:
        place.mkdir(parents=True)
    for split, n in (("train", 30), ("dev", 10), ("test", 12)):
        pairs = [rows(split, i) for i in range(n)]
        if split == "train":
            pairs.append(tuple({**row, "doc_key": "music-train-99"} for row in rows("test", 3)))
            for i in range(unrelated):
                english, german = rows(split, 100 + i)
                pairs.append(({**english, "relations": []}, german))
        for place, lines in zip(places, zip(*pairs)):
            (place / f"music-{split}.json").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf8")
    (places[0] / "news-train.json").write_text("never read", encoding="utf8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("crossre"))


def make(folder: Path, out: Path, monkeypatch, *args: object) -> dict[str, list]:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    script = importlib.import_module(SCRIPT.stem)
    monkeypatch.setattr(sys, "argv", ["crossre_bags.py", str(folder), str(out), *map(str, args)])
    script.main()
    return {name: list(read_bags(out / f"{name}.spacy", VOCAB)) for name in ("train", "dev", "test")}


def test_bags_are_parallel(folder, tmp_path, monkeypatch, capsys):
    parts = make(folder, tmp_path, monkeypatch, "--langs", "en", "de", "--noise", 0, "--negatives", 0)
    assert "sentences        0 of" in capsys.readouterr().out
    assert len(parts["test"]) == 12 and len(parts["train"]) + len(parts["dev"]) == 40  # that of test is left out
    for bags in parts.values():
        for bag in bags:
            assert bag_labels(bag) == ["social"]
            number = int(bag._.bag.head.removeprefix("music:ann"))
            langs = [lang for _, _, lang in get_sentence_langs(bag)]
            assert langs == (["en"] if number % 3 == 2 else ["en", "de"])
            heads = bag.spans[MENTIONS_KEY]
            assert {heads[i].text for i in range(0, len(heads), 2)} == {f"Ann{number}"}
            assert {heads[i].kb_id_ for i in range(1, len(heads), 2)} == {bag._.bag.tail}
    for name in ("dev", "test"):
        assert not leakage(parts["train"], parts[name])


def test_noise_and_negatives(folder, tmp_path, monkeypatch):
    args = ("--langs", "en", "de", "--noise", 1, "--negatives", 0.5)
    train = make(folder, tmp_path / "one", monkeypatch, *args)["train"]
    positive = [bag for bag in train if bag_labels(bag)]
    assert len(train) - len(positive) == round(len(positive) / 2)
    facts = {(bag._.bag.head, bag._.bag.tail) for bag in positive}
    assert not any((bag._.bag.tail, bag._.bag.head) in facts for bag in train)
    noisy = make(folder, tmp_path / "two", monkeypatch, *args)["train"]
    assert [bag.to_bytes() for bag in noisy] == [bag.to_bytes() for bag in train]
    other = make(folder, tmp_path / "three", monkeypatch, *args, "--seed", 1)["train"]
    assert [bag.text for bag in other] != [bag.text for bag in train]


def test_noise(tmp_path, monkeypatch):
    """Every bag gets a text of two other people, as if it were about its own pair; tests of other splits do not."""
    folder = build(tmp_path / "in", unrelated=20)
    parts = make(folder, tmp_path, monkeypatch, "--langs", "en", "de", "--noise", 1, "--negatives", 0)
    n_noisy = 0
    for bag in parts["train"]:
        noise = [part for part in bag_sentences(bag) if re.search(r"train1\d\d$", words_of(part))]
        n_noisy += bool(noise)
        for part in noise:
            assert (part.head.label, part.tail.label) == ("person", "person")
            assert (part.head.kb_id, part.tail.kb_id) == (bag._.bag.head, bag._.bag.tail)
            assert VOCAB.strings[int(part.words[part.head.start])] != bag.spans[MENTIONS_KEY][0].text
    assert n_noisy == len(parts["train"]) > 20
    assert not any(re.search(r"train1\d\d", bag.text) for bag in parts["test"])


def words_of(part: BagSentence) -> str:
    return " ".join(VOCAB.strings[int(word)] for word in part.words)


def test_languages_that_are_not_there(folder, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"No translations for fr.*de"):
        make(folder, tmp_path, monkeypatch, "--langs", "en", "fr")
