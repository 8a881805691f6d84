"""Annotated Docs as a knowledge base: the triples of their facts, and what a base tells of test facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spacy.tokens import Doc

from ..data.extensions import get_bag, get_facts, get_relations
from ..data.types import NO_RELATION
from .triples import KnowledgeBase

Triple = tuple[str, str, str]
_SHOWN = 5


def doc_triples(doc: Doc) -> Iterator[Triple]:
    """Its facts, and its relations between mentions that are both linked (`kb_id`), as ids (head, label, tail)."""
    for fact in get_facts(doc):
        if fact.label != NO_RELATION:
            yield fact.head, fact.label, fact.tail
    for relation in get_relations(doc):
        if relation.label != NO_RELATION and relation.linked:
            yield relation.linked


def doc_pairs(doc: Doc) -> Iterator[tuple[str, str]]:
    """The pairs of entities that a Doc is about: its bag's, and those of its triples."""
    bag = get_bag(doc)
    if bag is not None:
        yield bag.head, bag.tail
    for head, _, tail in doc_triples(doc):
        yield head, tail


def collect_triples(docs: Iterable[Doc], exclude: Iterable[Doc] = ()) -> tuple[list[Triple], int]:
    """The triples of Docs, each once, in the order in which they first appear.

    Args:
        exclude: Docs whose pairs of entities are dropped, in either direction: those of the test.

    Returns:
        The triples, and how many were left out.
    """
    closed = {pair for doc in exclude for pair in doc_pairs(doc)}
    closed |= {(tail, head) for head, tail in closed}
    kept: dict[Triple, None] = {}
    left_out: set[Triple] = set()
    for doc in docs:
        for triple in doc_triples(doc):
            if (triple[0], triple[2]) in closed:
                left_out.add(triple)
            else:
                kept[triple] = None
    return list(kept), len(left_out)


@dataclass
class KnownFacts:
    """What a knowledge base tells of the facts of test Docs.

    n_pairs, n_facts: different ones in the Docs. pairs: those that a triple joins in the base, in either direction.
    facts: those that are triples of it. entities: share of the pairs' entities that the base has.
    """

    n_pairs: int = 0
    n_facts: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)
    facts: list[Triple] = field(default_factory=list)
    entities: float = 0.0

    def summary(self) -> str:
        lines = [
            f"{self.n_pairs} pairs of entities, {self.n_facts} facts; the knowledge base has {self.entities:.1%} of the"
            " entities",
            f"  pairs that it relates already: {len(self.pairs)}",
            f"  facts that it has already: {len(self.facts)}",
        ]
        lines += [f"    {head}  {label}  {tail}" for head, label, tail in self.facts[:_SHOWN]]
        return "\n".join(lines)


def known_facts(kb: KnowledgeBase, docs: Iterable[Doc]) -> KnownFacts:
    """What the knowledge base tells of the facts in the Docs, which may be a test of what is trained with it."""
    pairs: dict[tuple[str, str], None] = {}
    facts: dict[Triple, None] = {}
    for doc in docs:
        pairs.update(dict.fromkeys(doc_pairs(doc)))
        facts.update(dict.fromkeys(doc_triples(doc)))
    names = {name for pair in pairs for name in pair}
    return KnownFacts(
        len(pairs),
        len(facts),
        [(head, tail) for head, tail in pairs if kb.relations(head, tail) or kb.relations(tail, head)],
        [fact for fact in facts if fact in kb],
        sum(name in kb.entity_index for name in names) / len(names) if names else 0.0,
    )
