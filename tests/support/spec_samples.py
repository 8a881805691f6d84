"""A document with its annotation, written as several formats write it."""

from __future__ import annotations

from typing import NamedTuple

TEXT = "😀 Ann Bee of 𝔘lm Press met Zoë."


WORDS = ["😀", "Ann", "Bee", "of", "𝔘lm", "Press", "met", "Zoë", "."]


STARTS = [0, 2, 6, 10, 13, 17, 23, 27, 30]


#: (first word, last word, type)
MENTIONS = [(1, 2, "PER"), (1, 1, "NAME"), (4, 5, "ORG"), (4, 4, "LOC"), (7, 7, "PER")]


RELATIONS = [(0, "works_for", 2), (4, "met", 0), (3, "part_of", 2)]


NOWHERE = 99


class Example(NamedTuple):
    mentions: list = MENTIONS
    relations: list = RELATIONS

    def spans(self) -> list[tuple[int, int, str]]:
        """Mentions in characters, the end exclusive."""
        return [(STARTS[first], end_of(last), label) for first, last, label in self.mentions]


def end_of(word: int) -> int:
    return STARTS[word] + len(WORDS[word]) if word < len(WORDS) else NOWHERE


def brat(one: Example) -> str:
    lines = [f"T{i}\t{label} {start} {end}\t{TEXT[start:end]}" for i, (start, end, label) in enumerate(one.spans())]
    lines.append("T50\tPUB 6 9;17 22\tBee Press")
    lines += [f"R{i}\t{label} Arg1:T{head} Arg2:T{tail}\t" for i, (head, label, tail) in enumerate(one.relations)]
    return "\n".join([*lines, ""])
