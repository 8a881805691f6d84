"""Build the sample corpus (train.jsonl, dev.jsonl, test.jsonl) from the hand-written files in ``lang/``.

Each ``lang/<xx>.json`` holds fictional entities and hand-written phrasings. The script draws *facts* (a
person has one birthplace, a firm one founder, ...) and words them. All draws come from seeded generators, so
one seed always gives the same bytes.

Slots in a phrasing
    ``{h}``          the name as it is (the slots are ``h`` and ``t`` in a phrasing of one relation, and
                     ``person``, ``org2``, ... elsewhere: the entity type in lower case, an optional number)
    ``{h.gen}``      a case form of the name, given with the entity (``gen``, ``acc``, ``ins``, ``loc``)
    ``{h?his|her}``  a choice by the gender of the person in the slot; not itself a mention
    ``{h^은|는}``    the name, then a Korean particle: the first after a consonant, the second after a vowel

How the splits stay apart
    Every unordered pair of entities belongs to exactly one split. A sentence is used in a split only if all
    pairs of entities in it belong there. Every phrasing belongs to one split, too.

Usage: ``python build.py [--seed 1] [--out DIR] [--per-lang 272]``
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOG = logging.getLogger("build")

SPLITS = ("train", "dev", "test")
LANGS = ("en", "de", "fr", "es", "it", "pl", "ru", "uk", "tr", "ar", "hi", "zh", "ja", "ko")
TYPES = ("PERSON", "ORG", "PLACE", "WORK", "PRODUCT", "EVENT", "DATE")

# label: (head type, tail type, the side which has at most one such fact)
RELATIONS: dict[str, tuple[str, str, str]] = {
    "born_in": ("PERSON", "PLACE", "head"),
    "died_in": ("PERSON", "PLACE", "head"),
    "works_for": ("PERSON", "ORG", "head"),
    "founder_of": ("PERSON", "ORG", "tail"),
    "spouse_of": ("PERSON", "PERSON", "both"),
    "parent_of": ("PERSON", "PERSON", "tail"),
    "teacher_of": ("PERSON", "PERSON", "tail"),
    "author_of": ("PERSON", "WORK", "tail"),
    "published_on": ("WORK", "DATE", "head"),
    "made_by": ("PRODUCT", "ORG", "head"),
    "headquartered_in": ("ORG", "PLACE", "head"),
    "subsidiary_of": ("ORG", "ORG", "head"),
    "acquired": ("ORG", "ORG", "tail"),
    "took_place_in": ("EVENT", "PLACE", "head"),
    "participant_in": ("PERSON", "EVENT", "head"),
}
# Annotated from the mention which comes first in the text.
SYMMETRIC = frozenset({"spouse_of"})

SENTENCE_SHARE = {"train": 0.70, "dev": 0.115, "test": 0.185}
KIND_SHARE = {"cooccurrence": 0.15, "negation": 0.13, "combined": 0.08}  # the rest: one relation
PAIR_SHARE = {"train": 0.54, "dev": 0.18, "test": 0.28}
FACT_SHARE = {"train": 0.60, "dev": 0.15, "test": 0.25}
MIN_FACTS = {"train": 4, "dev": 1, "test": 1}
MIN_LANGS, MIN_RELATIONS, MIN_TYPES, MIN_SENTENCES, MIN_ENTITIES = 12, 12, 7, 200, 12
MIN_PHRASINGS = {"train": 5, "dev": 1, "test": 2}
TRIES = 4000  # random fillings of a phrasing
ATTEMPTS = 50  # draws of the facts of a relation

SLOT = re.compile(r"\{(\w+)(?:\.(?P<case>\w+)|(?P<kind>[?^])(?P<one>[^{}|]*)\|(?P<two>[^{}|]*))?\}")
FINAL_DIGITS = frozenset("013678")  # Korean digits whose reading ends in a consonant


class CorpusError(ValueError):
    """The hand-written files or the built corpus break a guarantee."""


@dataclass(frozen=True)
class Entity:
    """A name from an inventory, with its case forms and, for a person, the gender."""

    name: str
    label: str
    gender: str = ""
    forms: tuple[tuple[str, str], ...] = ()

    def form(self, case: str | None) -> str:
        """The name in the given case; the base form without one."""
        if case is None:
            return self.name
        for key, value in self.forms:
            if key == case:
                return value
        raise CorpusError(f"{self.label} {self.name!r} has no form {case!r}")


@dataclass(frozen=True)
class Phrasing:
    """One template, with the relations between its slots."""

    name: str
    kind: str
    text: str
    relations: tuple[tuple[str, str, str], ...] = ()
    types: tuple[tuple[str, str], ...] = ()

    @property
    def slots(self) -> dict[str, str]:
        """The slots which hold a mention, and their entity types."""
        given = dict(self.types)
        found: dict[str, str] = {}
        for match in SLOT.finditer(self.text):
            if match["kind"] == "?":
                continue
            slot = match[1]
            if slot in found:
                raise CorpusError(f"{self.name}: slot {slot!r} occurs twice")
            found[slot] = given.get(slot, slot.rstrip("0123456789").upper())
        return found


@dataclass
class Language:
    """The inventories and phrasings of one language."""

    code: str
    entities: dict[str, list[Entity]]
    phrasings: dict[str, dict[str, list[Phrasing]]]  # kind or relation label -> split -> phrasings


@dataclass
class Facts:
    """The facts of one language: for each relation and split, (head, tail) pairs."""

    pairs: dict[str, dict[str, list[tuple[Entity, Entity]]]] = field(
        default_factory=lambda: {label: {split: [] for split in SPLITS} for label in RELATIONS}
    )
    taken: set[tuple[str, str, Entity]] = field(default_factory=set)
    used: dict[frozenset[str], tuple[str, Entity]] = field(default_factory=dict)

    def allows(self, label: str, head: Entity, tail: Entity) -> bool:
        """Whether the fact is known already, or contradicts none."""
        key = frozenset((head.name, tail.name))
        if key in self.used:
            return self.used[key] == (label, head)
        side = RELATIONS[label][2]
        if side in ("head", "both") and (label, "head", head) in self.taken:
            return False
        return not (side in ("tail", "both") and (label, "tail", tail) in self.taken)

    def add(self, label: str, head: Entity, tail: Entity, split: str) -> None:
        """Record a fact, once."""
        key = frozenset((head.name, tail.name))
        if key not in self.used:
            self.used[key] = (label, head)
            self.taken |= {(label, "head", head), (label, "tail", tail)}
            self.pairs[label][split].append((head, tail))


class Builder:
    """Draws the facts and the sentences of one language."""

    def __init__(self, language: Language, seed: int, per_lang: int) -> None:
        self.language = language
        self.seed = seed
        self.per_lang = per_lang
        self.facts = Facts()
        self.uses: Counter[tuple[str, Entity]] = Counter()  # how often a split has used an entity
        # Parents, teachers, buyers and parent firms come before their counterparts: no cycles.
        self.rank: dict[Entity, int] = {}
        for label in ("PERSON", "ORG"):
            order = list(language.entities[label])
            self.rng("rank", label).shuffle(order)
            self.rank |= {entity: index for index, entity in enumerate(order)}

    def rng(self, *parts: object) -> random.Random:
        """A generator of its own for one purpose, the same in every run."""
        return random.Random("|".join(str(part) for part in (self.seed, self.language.code, *parts)))

    def split_of(self, first: Entity, second: Entity) -> str:
        """The split to which an unordered pair of entities belongs."""
        value = self.rng("pair", *sorted((first.name, second.name))).random()
        for split in SPLITS:
            value -= PAIR_SHARE[split]
            if value < 0:
                return split
        return SPLITS[-1]

    def fits(self, entities: Iterable[Entity], split: str) -> bool:
        """Whether the entities differ, and all pairs of them belong to the split."""
        return all(a != b and self.split_of(a, b) == split for a, b in itertools.combinations(entities, 2))

    def plausible(self, label: str, head: Entity, tail: Entity) -> bool:
        """Whether the world allows the fact: couples of a man and a woman (as worded), no cycles."""
        if label == "spouse_of":
            return head.gender != tail.gender
        if label in ("parent_of", "teacher_of", "acquired"):
            return self.rank[head] < self.rank[tail]
        if label == "subsidiary_of":
            return self.rank[tail] < self.rank[head]
        return True

    def build(self) -> dict[str, list[dict[str, Any]]]:
        """All sentences of the language, by split."""
        counts = {split: self.counts(split) for split in SPLITS}
        rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
        for split in SPLITS:  # first, as they need two facts at once
            rows[split] += self.combined(split, counts[split]["combined"])
        self.draw_facts()
        for split in SPLITS:
            rows[split] += self.single(split, counts[split]["relation"])
            for kind in ("cooccurrence", "negation"):
                rows[split] += self.negatives(kind, split, counts[split][kind])
            self.rng("order", split).shuffle(rows[split])
            for number, row in enumerate(rows[split], 1):
                row["id"] = f"{self.language.code}-{split}-{number:04d}"
        return rows

    def counts(self, split: str) -> dict[str, int]:
        """How many sentences of each kind the split gets."""
        total = round(self.per_lang * SENTENCE_SHARE[split])
        counts = {kind: round(total * share) for kind, share in KIND_SHARE.items()}
        return counts | {"relation": total - sum(counts.values())}

    def combined(self, split: str, count: int) -> list[dict[str, Any]]:
        """Sentences with two relations at once."""
        rng = self.rng("combined", split)

        def accept(phrasing: Phrasing, filling: dict[str, Entity]) -> bool:
            facts = [(label, filling[head], filling[tail]) for head, label, tail in phrasing.relations]
            if not all(self.facts.allows(*fact) and self.plausible(*fact) for fact in facts):
                return False
            for fact in facts:
                self.facts.add(*fact, split)
            return True

        return self.fill(self.language.phrasings["combined"][split], split, count, rng, accept)

    def negatives(self, kind: str, split: str, count: int) -> list[dict[str, Any]]:
        """Sentences whose mentions have no relation; a negation never denies one of the facts."""

        def accept(_: Phrasing, filling: dict[str, Entity]) -> bool:
            pairs = itertools.combinations((entity.name for entity in filling.values()), 2)
            return kind == "cooccurrence" or not any(frozenset(pair) in self.facts.used for pair in pairs)

        return self.fill(self.language.phrasings[kind][split], split, count, self.rng(kind, split), accept)

    def fill(
        self,
        phrasings: list[Phrasing],
        split: str,
        count: int,
        rng: random.Random,
        accept: Callable[[Phrasing, dict[str, Entity]], bool],
    ) -> list[dict[str, Any]]:
        """Fill phrasings in turn with random entities until there are ``count`` different sentences."""
        rows: list[dict[str, Any]] = []
        texts: set[str] = set()
        for phrasing in itertools.islice(itertools.cycle(phrasings), count):
            for _ in range(TRIES):
                slots = phrasing.slots.items()
                filling = {slot: self.pick(label, split, rng) for slot, label in slots}
                if not self.fits(filling.values(), split):
                    continue
                row = render(self.language.code, phrasing, filling)
                if row["text"] in texts or not accept(phrasing, filling):
                    continue
                texts.add(row["text"])
                self.uses.update((split, entity) for entity in filling.values())
                rows.append(row)
                break
            else:
                raise CorpusError(f"{self.language.code}: cannot fill {phrasing.name}; lower --per-lang")
        return rows

    def pick(self, label: str, split: str, rng: random.Random) -> Entity:
        """A random entity of a type; those which the split has used less are more likely."""
        entities = self.language.entities[label]
        return rng.choices(entities, [1 / (1 + self.uses[split, entity]) ** 2 for entity in entities])[0]

    def rarest_first(self, entities: list[Entity], split: str) -> list[Entity]:
        """The entities in their order, those which the split has used least first."""
        return sorted(entities, key=lambda entity: self.uses[split, entity])

    def draw_facts(self) -> None:
        """Draw the facts of each relation; again, if a split got too few."""
        for label in RELATIONS:
            for attempt in range(ATTEMPTS):
                before = copy.deepcopy(self.facts), self.uses.copy()
                self.draw_relation(label, attempt)
                drawn = self.facts.pairs[label]
                if all(len(drawn[split]) >= least for split, least in MIN_FACTS.items()):
                    break
                self.facts, self.uses = before
            else:
                raise CorpusError(f"{self.language.code}: too few facts of {label}; try another --seed")

    def draw_relation(self, label: str, attempt: int) -> None:
        """Give each entity that may still have one a fact of the relation, by the quota of each split."""
        head_type, tail_type, side = RELATIONS[label]
        rng = self.rng("facts", label, attempt)
        key_is_tail = side == "tail"
        keys = list(self.language.entities[tail_type if key_is_tail else head_type])
        others = list(self.language.entities[head_type if key_is_tail else tail_type])
        total = len(keys) // (2 if side == "both" else 1)
        rng.shuffle(keys)
        drawn = self.facts.pairs[label]
        for key in keys:
            needed = sorted(SPLITS, key=lambda split: len(drawn[split]) / (FACT_SHARE[split] * total))
            rng.shuffle(others)
            for split, other in ((s, o) for s in needed for o in self.rarest_first(others, s)):
                head, tail = (other, key) if key_is_tail else (key, other)
                if side == "both" and head.gender != "m":  # each couple is drawn once, from the man
                    continue
                if (
                    self.fits((head, tail), split)
                    and frozenset((head.name, tail.name)) not in self.facts.used
                    and self.plausible(label, head, tail)
                    and self.facts.allows(label, head, tail)
                ):
                    self.facts.add(label, head, tail, split)
                    self.uses.update({(split, head): 1, (split, tail): 1})
                    break

    def single(self, split: str, count: int) -> list[dict[str, Any]]:
        """Sentences with one relation: the relations in turn, each with its phrasings and facts in turn."""
        streams = [self.stream(label, split) for label in RELATIONS]
        rows: list[dict[str, Any]] = []
        while streams and len(rows) < count:
            alive: list[Iterator[dict[str, Any]]] = []
            for stream in streams:
                row = next(stream, None) if len(rows) < count else None
                if row is not None:
                    rows.append(row)
                    alive.append(stream)
            streams = alive
        if len(rows) < count:
            raise CorpusError(f"{self.language.code}/{split}: only {len(rows)} of {count}; lower --per-lang")
        return rows

    def stream(self, label: str, split: str) -> Iterator[dict[str, Any]]:
        """All different sentences of one relation; phrasings and facts change from each to the next."""
        rng = self.rng("single", label, split)
        facts = list(self.facts.pairs[label][split])
        rng.shuffle(facts)
        phrasings = list(self.language.phrasings[label][split])
        rng.shuffle(phrasings)
        for turn, index in itertools.product(range(len(facts)), range(len(phrasings))):
            head, tail = facts[(turn + index) % len(facts)]
            if label in SYMMETRIC and rng.random() < 0.5:
                head, tail = tail, head
            yield render(self.language.code, phrasings[index], {"h": head, "t": tail})


def has_final_consonant(name: str) -> bool:
    """Whether a Korean name ends in a consonant (batchim)."""
    last = name[-1]
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    if last.isdigit():
        return last in FINAL_DIGITS
    raise CorpusError(f"cannot choose a particle after {name!r}")


def render(lang: str, phrasing: Phrasing, filling: dict[str, Entity]) -> dict[str, Any]:
    """Word a phrasing with entities: the text, the mentions with their offsets, the relations."""
    text = ""
    position = 0
    mentions: list[dict[str, Any]] = []
    index: dict[str, int] = {}
    names: list[str] = []
    for match in SLOT.finditer(phrasing.text):
        slot, entity = match[1], filling[match[1]]
        text += phrasing.text[position : match.start()]
        position = match.end()
        if match["kind"] == "?":
            if entity.gender not in ("m", "f"):
                raise CorpusError(f"{phrasing.name}: {entity.name!r} has no gender")
            text += match["one"] if entity.gender == "m" else match["two"]
            continue
        name = entity.form(match["case"])
        index[slot] = len(mentions)
        names.append(entity.name)
        mentions.append({"start": len(text), "end": len(text) + len(name), "label": entity.label})
        text += name
        if text[mentions[-1]["start"] :] != name:
            raise CorpusError(f"{phrasing.name}: offsets do not match {name!r}")
        if match["kind"] == "^":
            text += match["one"] if has_final_consonant(name) else match["two"]
    text += phrasing.text[position:]
    relations = []
    for head_slot, label, tail_slot in phrasing.relations:
        head, tail = index[head_slot], index[tail_slot]
        if label in SYMMETRIC and head > tail:
            head, tail = tail, head
        relations.append({"head": head, "tail": tail, "label": label})
    meta = {"phrasing": phrasing.name, "kind": phrasing.kind}
    row = {"id": "", "lang": lang, "text": text, "mentions": mentions, "relations": relations, "meta": meta}
    return row | {"_names": names, "_template": phrasing.text}


def load_language(path: Path) -> Language:
    """Read one ``lang/<xx>.json`` and check its parts."""
    data = json.loads(path.read_text(encoding="utf-8"))
    code = data["lang"]
    entities = {
        label: [
            Entity(item["name"], label, item.get("gender", ""), tuple(item.get("forms", {}).items())) for item in items
        ]
        for label, items in data["entities"].items()
    }
    if set(entities) != set(TYPES) or min(map(len, entities.values())) < MIN_ENTITIES:
        raise CorpusError(f"{code}: needs {len(TYPES)} entity types with {MIN_ENTITIES} names each")
    if set(data["phrasings"]) != set(RELATIONS):
        raise CorpusError(f"{code}: the relations differ from those of the corpus")
    phrasings: dict[str, dict[str, list[Phrasing]]] = {}
    for label, by_split in data["phrasings"].items():
        types = (("h", RELATIONS[label][0]), ("t", RELATIONS[label][1]))
        phrasings[label] = {
            split: [
                Phrasing(f"{label}/{split}/{number}", "relation", text, (("h", label, "t"),), types)
                for number, text in enumerate(by_split[split])
            ]
            for split in SPLITS
        }
        for split, least in MIN_PHRASINGS.items():
            if len(by_split[split]) < least:
                raise CorpusError(f"{code}: {label} has fewer than {least} {split} phrasings")
    phrasings["combined"] = {
        split: [
            Phrasing(f"combined/{split}/{n}", "combined", item["text"], tuple(map(tuple, item["relations"])))
            for n, item in enumerate(data["combined"][split])
        ]
        for split in SPLITS
    }
    for kind, by_split in data["negatives"].items():
        phrasings[kind] = {
            split: [Phrasing(f"{kind}/{split}/{n}", kind, text) for n, text in enumerate(by_split[split])]
            for split in SPLITS
        }
    for phrasing in (p for by_split in phrasings.values() for group in by_split.values() for p in group):
        ends = {slot for head, _, tail in phrasing.relations for slot in (head, tail)}
        if len(phrasing.slots) < 2 or not ends <= set(phrasing.slots):
            raise CorpusError(f"{code}: {phrasing.name} lacks a slot: {phrasing.text}")
        if not set(phrasing.slots.values()) <= set(TYPES) or re.search(r"[{}|]", SLOT.sub("", phrasing.text)):
            raise CorpusError(f"{code}: {phrasing.name} has a malformed slot: {phrasing.text}")
    return Language(code, entities, phrasings)


def check(corpus: dict[str, list[dict[str, Any]]]) -> None:
    """Raise CorpusError unless the corpus keeps what its README promises."""
    ids: set[str] = set()
    pairs: dict[tuple[str, frozenset[str]], str] = {}
    templates: dict[tuple[str, str], str] = {}
    seen: dict[tuple[str, str], set[str]] = {}
    totals: Counter[str] = Counter()
    for split, rows in corpus.items():
        for row in rows:
            where, lang, text = row["id"], row["lang"], row["text"]
            if where in ids:
                raise CorpusError(f"{where}: the id occurs twice")
            ids.add(where)
            totals[lang] += 1
            if templates.setdefault((lang, row["_template"]), split) != split:
                raise CorpusError(f"{where}: the phrasing {row['_template']!r} is in two splits")
            spans = [text[mention["start"] : mention["end"]] for mention in row["mentions"]]
            if any(not span or span != span.strip() for span in spans):
                raise CorpusError(f"{where}: bad offsets: {spans}")
            for names in (spans, row["_names"]):  # as worded, and in the base form
                for pair in itertools.combinations(names, 2):
                    if pairs.setdefault((lang, frozenset(pair)), split) != split:
                        raise CorpusError(f"{where}: the pair {pair} is in two splits")
            for relation in row["relations"]:
                ends = tuple(row["mentions"][relation[end]]["label"] for end in ("head", "tail"))
                if ends != RELATIONS[relation["label"]][:2]:
                    raise CorpusError(f"{where}: {relation['label']} has ends of the wrong types: {ends}")
                seen.setdefault((lang, split), set()).add(relation["label"])
            seen.setdefault((lang, "types"), set()).update(mention["label"] for mention in row["mentions"])
    if len(totals) < MIN_LANGS:
        raise CorpusError(f"{len(totals)} languages, at least {MIN_LANGS} are needed")
    for lang, total in totals.items():
        if total < MIN_SENTENCES:
            raise CorpusError(f"{lang}: {total} sentences, at least {MIN_SENTENCES} are needed")
        if len(seen[lang, "types"]) < MIN_TYPES:
            raise CorpusError(f"{lang}: fewer than {MIN_TYPES} entity types")
        for split in SPLITS:
            found = seen.get((lang, split), set())
            if len(found) < MIN_RELATIONS or found != set(RELATIONS):
                raise CorpusError(f"{lang}/{split}: lacks {sorted(set(RELATIONS) - found)}")


def build(seed: int, per_lang: int) -> dict[str, list[dict[str, Any]]]:
    """Build and check the whole corpus."""
    corpus: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for lang in LANGS:
        rows = Builder(load_language(HERE / "lang" / f"{lang}.json"), seed, per_lang).build()
        for split in SPLITS:
            corpus[split] += rows[split]
    check(corpus)
    return corpus


def main() -> None:
    """Command line: build, check, write."""
    parser = argparse.ArgumentParser(description="Build the sample corpus from the files in lang/.")
    parser.add_argument("--seed", type=int, default=1, help="seed of all draws (default: 1)")
    parser.add_argument("--out", type=Path, default=HERE, help="target folder (default: this one)")
    parser.add_argument("--per-lang", type=int, default=272, help="sentences a language (default: 272)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    corpus = build(args.seed, args.per_lang)
    args.out.mkdir(parents=True, exist_ok=True)
    for split, rows in corpus.items():
        public = ({key: value for key, value in row.items() if not key.startswith("_")} for row in rows)
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in public]
        (args.out / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    sizes = ", ".join(f"{split} {len(rows)}" for split, rows in corpus.items())
    LOG.info("%d languages, sentences: %s", len(LANGS), sizes)


if __name__ == "__main__":
    main()
