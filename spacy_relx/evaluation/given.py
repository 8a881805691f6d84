"""Scores on given mentions, and how they are named.

A pipeline that finds mentions itself is scored on these: `rel_micro_f`. Where the gold mentions were given to it, the
same score is `gold_mentions_rel_micro_f`: one key means one thing, in logs of training, meta.json and metrics files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from ..data.extensions import GoldMentions, get_bag, get_gold_mentions
from ..data.facts import Fact
from ..data.types import ANNOTATED, Relation
from ..errors import warn

PREFIX = "gold_mentions_"


def has_given_mentions(doc: Doc) -> bool:
    """Whether what was predicted of a Doc is about the gold mentions. In a bag it always is, they are the question."""
    return get_gold_mentions(doc) in (GoldMentions.GIVEN, GoldMentions.MARKED)


def name_scores(scores: Mapping[str, Any], examples: Iterable[Example], *, bags: bool = True) -> dict[str, Any]:
    """The scores of Examples, by the names that they have on mentions such as these.

    Args:
        scores: The scores by their plain names.
        examples: What was scored. One that was given its mentions is enough for the prefix.
        bags: Whether mentions of bags count as given.
    """
    docs = (eg.predicted for eg in examples)
    given = any(has_given_mentions(doc) and (bags or get_bag(doc) is None) for doc in docs)
    return with_prefix(scores) if given else dict(scores)


def with_prefix(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The same scores, as of given mentions."""
    return {PREFIX + key: value for key, value in scores.items()}


def without_prefix(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The same scores by their plain names, for what shows or compares either."""
    return {key.removeprefix(PREFIX): value for key, value in scores.items()}


def check_unsigned(examples: Iterable[Example], found: Callable[[Doc], Iterable[Relation | Fact]]) -> None:
    """Say that what was annotated stood on the Docs that were predicted on: what no component found is all of it.

    Args:
        examples: What is scored.
        found: The relations of a Doc, or its facts.

    Warns:
        RX533 in that case.
    """
    n = 0
    for eg in examples:
        unsigned = Counter(_name(each, eg.predicted) for each in found(eg.predicted) if _is_unsigned(each))
        gold = Counter(_name(each, eg.reference) for each in found(eg.reference))
        if unsigned != gold:
            return
        n += gold.total()
    if n:
        warn("RX533", n=n)


def _is_unsigned(item: Relation | Fact) -> bool:
    return not item.found_by or ANNOTATED in item.found_by


def _name(item: Relation | Fact, doc: Doc) -> tuple[Any, str, Any]:
    """What it says, whatever the tokens."""
    if isinstance(item, Fact):
        return item.head, item.label, item.tail
    spans = (doc[each.start : each.end] for each in (item.head, item.tail))
    head, tail = ((span.start_char, span.end_char) for span in spans)
    return head, item.label, tail
