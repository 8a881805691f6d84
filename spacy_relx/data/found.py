"""What components find, put on a Doc beside what stands there.

All components follow one rule. What was annotated, and what other components found, stays. What the component itself
found in an earlier run is replaced, so that a pipeline can run over a Doc again. With `overwrite` all is replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from .extensions import get_facts, get_relations, set_facts, set_relations
from .facts import Fact, FactScores, merge_facts
from .storage import FACT_SCORES, FACTS, FOUND_MENTIONS, RELATIONS, put
from .storage import kept as values_of
from .types import ANNOTATED, Mention, Relation, merge_found_by

_Item = TypeVar("_Item", Relation, Fact)


def add_relations(doc: Doc, name: str, found: Iterable[Relation], *, overwrite: bool = False) -> None:
    """Add relations to a Doc, as a component does.

    If the Doc has a relation with the same label between the same tokens, the two become one with the higher score.

    Args:
        doc: The Doc.
        name: The name of the component that found the relations.
        found: The relations.
        overwrite: Whether to replace all relations of the Doc.
    """
    mine = _signed(found, name)
    kept = [] if overwrite or not values_of(doc).get(RELATIONS) else list(_of_others(get_relations(doc), name))
    if not kept:
        set_relations(doc, mine)
        return
    places = {_place(relation): row for row, relation in reversed(list(enumerate(kept)))}
    for relation in mine:
        row = places.get(_place(relation))
        if row is None:
            kept.append(relation)
        else:
            both = (kept[row], relation)
            kept[row] = replace(kept[row], score=max(each.score for each in both), found_by=merge_found_by(both))
    set_relations(doc, kept)


def add_facts(doc: Doc, name: str, found: Iterable[Fact], *, overwrite: bool = False) -> None:
    """Put facts on a Doc. Equal ones become one, see `facts.merge_facts`. Arguments as for `add_relations`."""
    mine = _signed(found, name)
    kept = [] if overwrite or not values_of(doc).get(FACTS) else list(_of_others(get_facts(doc), name))
    set_facts(doc, merge_facts([*kept, *mine]) if kept else mine)


def add_fact_scores(doc: Doc, name: str, scores: FactScores | None, *, overwrite: bool = False) -> None:
    """Put the scores of a component on a Doc, beside those of others; None to remove those of an earlier run."""
    kept = {} if overwrite else dict(values_of(doc).get(FACT_SCORES, {}))
    kept.pop(name, None)
    if scores is not None:
        kept[name] = scores.to_dict()
    put(doc, FACT_SCORES, kept or None)


def add_mentions(
    doc: Doc,
    name: str,
    found: Sequence[Mention],
    scores: np.ndarray,
    *,
    spans_key: str | None,
    annotate_ents: bool,
    overwrite: bool = False,
) -> None:
    """Put mentions on a Doc: all of them in a span group, and in `doc.ents` those that overlap no entity there.

    Args:
        doc: Takes the mentions.
        name: The component that found them.
        found: What it found.
        scores: Float (n_mentions,). Of mentions that overlap, `doc.ents` takes the one with the greatest.
        spans_key: The span group; None for none.
        annotate_ents: Whether to set `doc.ents`.
        overwrite: Whether to replace all of the span group, and all entities.
    """
    before = values_of(doc).get(FOUND_MENTIONS, {})
    earlier = {part: {tuple(row) for row in rows} for part, rows in before.get(name, {}).items()}
    added: dict[str, list[Any]] = {}
    if spans_key is not None:
        kept = [] if overwrite else [s for s in doc.spans.get(spans_key, ()) if _key(s) not in earlier.get("spans", ())]
        there = {_key(span) for span in kept}
        spans = [span for span in (mention.span(doc) for mention in found) if _key(span) not in there]
        doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=[*kept, *spans])
        added["spans"] = [list(_key(span)) for span in spans]
    if annotate_ents:
        kept = [] if overwrite else [ent for ent in doc.ents if _key(ent) not in earlier.get("ents", ())]
        ents = _flat(doc, found, scores, kept)
        doc.ents = [*kept, *ents]
        added["ents"] = [list(_key(ent)) for ent in ents]
    put(doc, FOUND_MENTIONS, {**before, name: added})


def _signed(found: Iterable[_Item], name: str) -> list[_Item]:
    return [replace(item, found_by={name: item.score}) for item in found]


def _of_others(items: Iterable[_Item], name: str) -> Iterable[_Item]:
    """The items without this component's share of them, and without those that it alone found."""
    for item in items:
        if name not in item.found_by:
            yield item
            continue
        rest: dict[str, float] = {other: score for other, score in item.found_by.items() if other != name}
        if rest:
            yield replace(item, score=max(rest.values()), found_by={} if [*rest] == [ANNOTATED] else rest)


def _place(relation: Relation) -> tuple[int, int, str, int, int]:
    return relation.head.start, relation.head.end, relation.label, relation.tail.start, relation.tail.end


def _key(span: Span) -> tuple[int, int, str]:
    """Place and type, in characters, which stay where they are when tokens are merged or split."""
    return span.start_char, span.end_char, span.label_


def _flat(doc: Doc, mentions: Sequence[Mention], scores: np.ndarray, ents: Iterable[Span]) -> list[Span]:
    """Mentions that overlap neither an entity nor one another, the surest first."""
    taken = np.zeros(len(doc), dtype=bool)
    for ent in ents:
        taken[ent.start : ent.end] = True
    flat = []
    for row in np.argsort(-scores, kind="stable").tolist():
        mention = mentions[row]
        if not taken[mention.start : mention.end].any():
            taken[mention.start : mention.end] = True
            flat.append(mention.span(doc))
    return flat
