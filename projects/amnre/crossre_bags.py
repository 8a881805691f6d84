"""Multilingual bags from Multi-CrossRE: real parallel text, for extractors of facts from bags.

    python projects/amnre/crossre_bags.py FOLDER OUT --langs en de es zh --noise 0.2 --negatives 1

FOLDER has crossre_data/ and multi-crossre_data/translation/<language>/. Writes OUT/train.spacy, OUT/dev.spacy and
OUT/test.spacy, bag Docs as `spacy_relx.BagCorpus.v1` reads them, and prints what they hold.

**Sentences** of one doc_key are translations of each other. A translated file gives, for each of its mentions, the
place of that mention in the English list ("ner_mapping_to_source"); so a mention is known in all languages by the
English one. The lists keep the English order, whatever the order of words; mentions that were lost in translation are
missing, and with them this language's sentence of the pair. Relations are those of the English file, which was
corrected after it had been translated.

**Entities.** CrossRE has no ids of entities. Within the texts of one domain, mentions are taken for one entity if their
English names are equal without regard to capitals; the id is `domain:name`. A bag is an ordered pair of ids, with all
its sentences in the languages that are wanted: several languages of one text, and several texts where the pair is in
several.

**Labels** are CrossRE's 17 relations. Pairs that no relation joins, in either direction and in no text of the split,
are negatives (NA): --negatives of them are drawn for each pair that has relations, from the texts of the same split.

**Noise**, as distant supervision has it: a bag has all texts that mention its pair, also those that do not state the
relation. Besides, with the probability --noise, a bag with relations gets a text, in all its languages, that says
nothing of the kind: that of an unrelated pair of the same two types, from the same split, which is no negative then.

**Splits.** Train is CrossRE's train and dev but for a tenth of the texts, drawn by doc_key, which is dev; test is
CrossRE's test. What test has is left out of dev and train, and what dev has is left out of train: pairs, in either
order, and texts that have an equal sentence in any language. What is shared in spite of that is printed: nothing.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_relx.data.ids import stable_hash
from spacy_relx.data.types import Mention
from spacy_relx.formats.bag_files import read_bags
from spacy_relx.formats.bag_spool import BagSpool
from spacy_relx.formats.bag_writer import BagWriter
from spacy_relx.formats.convert import find_inputs
from spacy_relx.formats.importers._read import read_json_lines
from spacy_relx.formats.importers.crossre import LANGUAGES, read_crossre
from spacy_relx.formats.leakage import leakage
from spacy_relx.formats.records import Record, Report

Pair = tuple[str, str]
SPLITS = ("train", "dev", "test")


@dataclass
class Text:
    """One text in several languages. entities: the id of each English mention. types: their types. relations: labels
    by (head, tail), places of English mentions. docs: by language; places: language -> English mention -> mention."""

    key: str
    entities: list[str]
    types: list[str]
    relations: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    docs: dict[str, Doc] = field(default_factory=dict)
    places: dict[str, dict[int, Mention]] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a pair of entities is mentioned: the text, and two of its English mentions."""

    text: Text
    head: int
    tail: int

    @property
    def pair(self) -> Pair:
        return self.text.entities[self.head], self.text.entities[self.tail]

    @property
    def types(self) -> Pair:
        return self.text.types[self.head], self.text.types[self.tail]


def main() -> None:
    args = parse_arguments()
    vocab = spacy.blank("xx").vocab
    texts = {name: read_texts(args.folder, name, args.langs, vocab) for name in SPLITS}
    splits = divide(texts, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    taken: set[Pair] = set()
    for name in reversed(SPLITS):  # test first: what it has, the others must not have
        rng = random.Random(f"{args.seed} {name}")
        taken |= write_split(args.out / f"{name}.spacy", splits[name], taken, args, rng, vocab)
    for name in ("dev", "test"):
        train, other = (read_bags(args.out / f"{part}.spacy", vocab) for part in ("train", name))
        print(f"\n{name}: {leakage(train, other)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--langs", nargs="+", default=["en", "de", "es", "zh"])
    parser.add_argument("--noise", type=float, default=0.2, help="probability of a text that says nothing of the kind")
    parser.add_argument("--negatives", type=float, default=1.0, help="pairs without a relation for each with one")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_texts(folder: Path, split: str, langs: Sequence[str], vocab: Vocab) -> dict[str, Text]:
    """The texts of one of CrossRE's splits, by doc_key."""
    texts: dict[str, Text] = {}
    for record, _ in read_records(folder / "crossre_data", split):
        domain = record.id.partition("-")[0]
        words = record.words or []
        names = [" ".join(words[m.start : m.end]).casefold() for m in record.mentions]
        text = Text(record.id, [f"{domain}:{name}" for name in names], [m.label for m in record.mentions])
        for head, tail, label in record.relations:
            text.relations.setdefault((head, tail), set()).add(label)
        texts[record.id] = text
        if "en" in langs:
            add_language(text, record, range(len(record.mentions)), vocab)
    for name in folder_names(folder, langs):
        for record, row in read_records(folder / "multi-crossre_data" / "translation" / name, split):
            add_language(texts[record.id], record, row["ner_mapping_to_source"], vocab)
    return texts


def folder_names(folder: Path, langs: Sequence[str]) -> list[str]:
    """The folders of the translations that are wanted."""
    present = sorted(path.name for path in (folder / "multi-crossre_data" / "translation").iterdir())
    found = {LANGUAGES[name.lower()]: name for name in present if name.lower() in LANGUAGES}
    missing = [lang for lang in langs if lang != "en" and lang not in found]
    if missing:
        raise SystemExit(f"No translations for {', '.join(missing)}. There are: {', '.join(sorted(found))}.")
    return [found[lang] for lang in langs if lang != "en"]


def read_records(folder: Path, split: str) -> Iterator[tuple[Record, dict]]:
    """The records of a folder, each with the row it was made of; not those of the domain "news", whose text is not
    free."""
    for path in find_inputs([folder], [f"[!n]*-{split}.json*"]):
        rows = {place.line: row for place, _, row in read_json_lines(path, Report())}
        for record in read_crossre(path, Report()):
            yield record, rows[record.place.line]


def add_language(text: Text, record: Record, english: Iterable[int], vocab: Vocab) -> None:
    """english: for each mention of the record, the place of the same mention in the English list."""
    doc = Doc(vocab, words=record.words, spaces=record.spaces)
    doc._.lang = record.lang
    text.docs[record.lang] = doc
    text.places[record.lang] = dict(zip(english, record.mentions))


def divide(texts: dict[str, dict[str, Text]], seed: int) -> dict[str, list[Text]]:
    """CrossRE's train and dev: nine tenths to train on, one to watch. A text of which a later split has a sentence, in
    any language, is left out."""
    free = [*texts["train"].values(), *texts["dev"].values()]
    in_dev = {text.key: stable_hash(str(seed), text.key) % 10 == 0 for text in free}
    splits = {
        "train": [text for text in free if not in_dev[text.key]],
        "dev": [text for text in free if in_dev[text.key]],
        "test": list(texts["test"].values()),
    }
    seen: set[str] = set()
    for name in reversed(SPLITS):
        own = {text.key: {doc.text for doc in text.docs.values()} for text in splits[name]}
        splits[name] = [text for text in splits[name] if seen.isdisjoint(own[text.key])]
        seen.update(*own.values())
    return splits


def write_split(
    path: Path, texts: list[Text], taken: set[Pair], args: argparse.Namespace, rng: random.Random, vocab: Vocab
) -> set[Pair]:
    """Write the bags of a split. RETURNS: their pairs, in both orders."""
    places = pair_places(texts, taken)
    labels: dict[Pair, set[str]] = defaultdict(set)
    for pair, found in places.items():
        for place in found:
            labels[pair] |= place.text.relations.get((place.head, place.tail), set())
    related = [pair for pair in places if labels[pair]]
    unrelated = [pair for pair in places if not labels[pair] and not labels.get(pair[::-1])]
    negatives = rng.sample(unrelated, min(len(unrelated), round(args.negatives * len(related))))
    free = set(unrelated) - set(negatives)
    spare: dict[Pair, list[Place]] = defaultdict(list)
    for pair in unrelated:
        if pair in free:
            spare[places[pair][0].types].append(places[pair][0])
    n_noisy = 0
    with BagSpool(vocab) as spool, BagWriter(path, 0) as writer:
        for pair in [*related, *negatives]:
            found = list(places[pair])
            others = spare.get(found[0].types, [])
            if labels[pair] and others and rng.random() < args.noise:
                found.append(rng.choice(others))
                n_noisy += 1
            for place in found:
                add_place(spool, place, pair, labels[pair])
        for bag in spool.bags():
            writer.add(bag)
        writer.commit()
    print(
        f"{path.name}: {len(texts)} texts, {n_noisy} bags with a text that says nothing of the kind\n{writer.counts}\n"
    )
    return {pair for bag in (*related, *negatives) for pair in (bag, bag[::-1])}


def pair_places(texts: list[Text], taken: set[Pair]) -> dict[Pair, list[Place]]:
    """Where each pair of entities is mentioned in some language, once a text: two mentions that are related, if any."""
    places: dict[Pair, list[Place]] = defaultdict(list)
    for text in texts:
        found: dict[Pair, Place] = {}
        for head in range(len(text.entities)):
            for tail in range(len(text.entities)):
                place = Place(text, head, tail)
                if place.pair[0] == place.pair[1] or place.pair in taken:
                    continue
                if (head, tail) in text.relations or place.pair not in found:
                    found[place.pair] = place
        for pair, place in found.items():
            if any(place.head in known and place.tail in known for known in text.places.values()):
                places[pair].append(place)
    return places


def add_place(spool: BagSpool, place: Place, pair: Pair, labels: set[str]) -> None:
    """Add the sentences of a place, in all languages that have both mentions, to the bag of a pair."""
    for lang, doc in place.text.docs.items():
        known = place.text.places[lang]
        if place.head in known and place.tail in known:
            head, tail = known[place.head], known[place.tail]
            spool.add(
                doc,
                Mention(head.start, head.end, head.label, pair[0]),
                Mention(tail.start, tail.end, tail.label, pair[1]),
                sorted(labels),
            )


if __name__ == "__main__":
    main()
