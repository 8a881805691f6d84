"""An invented world: people, towns and firms, what is true of them, and texts that say so.

Some relations have a direction and some have none; some join entities of unlike types and some of like ones.
"""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path

_STARTS = {
    "PERSON": ["Bel", "Dor", "Fen", "Gal", "Hes", "Jor", "Kal", "Lum", "Mir", "Nev", "Orv", "Pel"],
    "TOWN": ["Ash", "Brim", "Cold", "Dun", "Elm", "Frost", "Glen", "Hart"],
    "FIRM": ["Axi", "Boro", "Cryo", "Delta", "Ergo", "Flexi", "Gyro", "Helio"],
}
_ENDS = {
    "PERSON": ["an", "ette", "ina", "o", "wyn", "is"],
    "TOWN": ["ford", "mere", "stead", "wick"],
    "FIRM": ["dyne", "lux", "tron", "works"],
}
#: Relation -> types of head and tail.
TYPES = {
    "born_in": ("PERSON", "TOWN"),
    "works_for": ("PERSON", "FIRM"),
    "based_in": ("FIRM", "TOWN"),
    "taught": ("PERSON", "PERSON"),
    "bought": ("FIRM", "FIRM"),
    "married_to": ("PERSON", "PERSON"),
}
#: Relations without a direction: the knowledge base has them both ways.
SYMMETRIC = {"married_to"}
_TEMPLATES = {
    "born_in": ["{h} was born in {t}.", "{t} is the birthplace of {h}.", "Born in {t}, {h} never forgot the river."],
    "works_for": ["{h} works for {t}.", "{t} pays {h} well.", "{h} has a desk at {t}."],
    "based_in": ["{h} has its seat in {t}.", "The head office of {h} is in {t}.", "{t} is home to {h}."],
    "taught": ["{h} taught {t} to paint.", "{t} learned everything from {h}.", "{t} was a pupil of {h}."],
    "bought": ["{h} bought {t} last spring.", "{t} now belongs to {h}.", "{t} was taken over by {h}."],
    "married_to": ["{h} is married to {t}.", "{h} and {t} had a quiet wedding.", "{t} is the spouse of {h}."],
}
_NOISE = ["{h} and {t} were in the news.", "Nobody asked {h} about {t}.", "A letter named {t} before {h}."]


def make_names() -> dict[str, list[str]]:
    """Type -> names, each once."""
    return {kind: [a + b for a, b in product(_STARTS[kind], _ENDS[kind])] for kind in _STARTS}


def make_world(n_facts: int = 200, n_texts: int = 500, noise: float = 0.15, seed: int = 0):
    """Triples of names (head, relation, tail), and texts of one sentence.

    Args:
        n_facts: Facts to draw, evenly by relation. One without a direction makes two triples.
        n_texts: Texts, evenly by fact.
        noise: Share of the texts that mention two entities and say nothing of them. Half of these are related.
        seed: Of all draws.

    Returns:
        The triples, (head, relation, tail), and the texts.
    """
    rng = random.Random(seed)
    names = make_names()
    facts: dict[tuple[str, str, str], None] = {}
    taken: set[frozenset[str]] = set()
    labels = list(TYPES)
    while len(facts) < n_facts:
        label = labels[len(facts) % len(labels)]
        head, tail = (rng.choice(names[kind]) for kind in TYPES[label])
        if head != tail and frozenset((head, tail)) not in taken:
            taken.add(frozenset((head, tail)))
            facts[head, label, tail] = None
    drawn = list(facts)
    texts = []
    everyone = [name for each in names.values() for name in each]
    for number in range(n_texts):
        head, label, tail = drawn[number % len(drawn)]
        if rng.random() < noise:
            if rng.random() < 0.5:
                head, tail = rng.sample(everyone, 2)
            template = rng.choice(_NOISE)
        else:
            template = rng.choice(_TEMPLATES[label])
        texts.append(template.format(h=head, t=tail))
    triples = [*drawn, *((t, label, h) for h, label, t in drawn if label in SYMMETRIC)]
    return triples, texts


def write_world(folder: Path, **settings) -> set[tuple[str, str, str]]:
    """Write kb.tsv, names.tsv and texts.jsonl.

    Args:
        folder: Where the files go.
        **settings: Of `make_world`.

    Returns:
        The triples.
    """
    triples, texts = make_world(**settings)
    lines = {
        "kb.tsv": ["\t".join(row) for row in [("head", "label", "tail"), *triples]],
        "names.tsv": ["\t".join((n, n, kind)) for kind, names in make_names().items() for n in names],
        "texts.jsonl": [json.dumps({"text": text, "lang": "en"}) for text in texts],
    }
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf8")
    return set(triples)
