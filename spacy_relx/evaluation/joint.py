"""Scores of mentions and relations that were found together; entry point `spacy_relx.JointScorer.v1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Callable

from spacy.tokens import Doc, Span
from spacy.training import Example

from ..data.annotated import ALL
from ..data.extensions import get_annotated, get_lang, get_relations, get_type_names
from ..data.types import MENTIONS_KEY, NO_RELATION, UNTYPED, Mention
from .covered import is_unrelated
from .scorer import MATCHES, UNKNOWN_LANG, make_relation_scorer

#: (first character, last character) of a mention.
_Place = tuple[int, int]
#: (head, relation, tail).
_Answer = tuple[_Place, str, _Place]


def make_joint_scorer(
    match: str = "boundary", no_relation: str = NO_RELATION, spans_key: str | None = MENTIONS_KEY
) -> Callable[..., dict[str, Any]]:
    """Make the scorer of a component that finds mentions and relations: the scores of `score_relations` (named as by
    `make_relation_scorer`) and those of `score_mentions`.

    Args:
        match: As for `score_relations`.
        no_relation: As for `score_relations`.
        spans_key: Group of the mentions; None for `doc.ents`.

    Raises:
        RelxError: RX021 for another match.
    """
    relations = make_relation_scorer(match, no_relation)
    return partial(_score, relations=relations, match=match, spans_key=spans_key)


def _score(
    examples: Iterable[Example],
    *,
    relations: Callable[..., dict[str, Any]],
    match: str,
    spans_key: str | None,
    **kwargs: Any,
) -> dict[str, Any]:
    examples = list(examples)
    return {**relations(examples, **kwargs), **score_mentions(examples, match=match, spans_key=spans_key)}


def score_mentions(
    examples: Iterable[Example], *, match: str = "boundary", spans_key: str | None = MENTIONS_KEY
) -> dict[str, Any]:
    """Compare the mentions of `eg.predicted` with those of `eg.reference`, by characters; each counts once.

    Args:
        match: "boundary", first and last character; "strict", the type too.
        spans_key: The group in `doc.spans` that has them, where the Doc has it; else `doc.ents`.

    Returns:
        mention_micro_p, _r, _f of the match asked for, and mention_boundary_f, mention_strict_f; None where there is no
        gold mention. mention_n_unknown: mentions found that the annotation does not cover, see `Annotated`, which are
        neither right nor wrong.
    """
    counter = MentionCounter(match=match, spans_key=spans_key, found_key=spans_key)
    for eg in examples:
        counter.add(eg.reference, eg.predicted)
    return counter.scores()


class MentionCounter:
    """Counts mentions Doc by Doc; `scores` gives what `score_mentions` documents.

    spans_key, found_key: the group of the gold mentions, and of those found; each None for `doc.ents`.
    """

    def __init__(self, *, match: str, spans_key: str | None, found_key: str | None):
        self._match = match
        self._keys = spans_key, found_key
        self._counts = {name: Counter[str]() for name in MATCHES}
        self._n_unknown = 0

    def add(self, reference: Doc, predicted: Doc) -> None:
        names = get_type_names(predicted)
        docs = zip((reference, predicted), self._keys)
        annotated = get_annotated(reference)
        gold, found = (_mentions(doc, key, names) for doc, key in docs)
        if annotated.mentions != ALL:
            places = {mention[:2] for mention in gold}
            untyped = {mention[:2] for mention in gold if mention[2] == UNTYPED}
            unknown = {each for each in found if each[:2] not in places and not annotated.has_type(each[2])}
            found = {(*each[:2], UNTYPED) if each[:2] in untyped else each for each in found - unknown}
            self._n_unknown += len({each[:2] for each in unknown})
        for name, counts in self._counts.items():
            length = 3 if name == "strict" else 2
            mine, others = ({mention[:length] for mention in each} for each in (gold, found))
            counts.update(hits=len(mine & others), gold=len(mine), found=len(others))

    def scores(self) -> dict[str, float | None]:
        rows = {name: _prf(counts["hits"], counts["gold"], counts["found"]) for name, counts in self._counts.items()}
        wanted = {f"mention_micro_{key}": value for key, value in rows[self._match].items()}
        unknown = {"mention_n_unknown": self._n_unknown}
        return {**wanted, **{f"mention_{name}_f": row["f"] for name, row in rows.items()}, **unknown}


def _mentions(doc: Doc, spans_key: str | None, names: Mapping[str, str]) -> set[tuple]:
    spans: Iterable[Span] = doc.ents
    if spans_key is not None and spans_key in doc.spans:
        spans = doc.spans[spans_key]
    return {(span.start_char, span.end_char, names.get(span.label_, span.label_)) for span in spans}


class OneTripleCounter:
    """The scores of Wang et al. 2023, section 4.2, on sentences with one pair of entities each, such as SMiLER's.

    An answer is a head, a relation and a tail; no relation is an answer like any other, and its pair counts: of a
    sentence without relations, its two mentions in the order of `doc.spans`. Of several relations the surest is the
    answer. A part of an answer is right when it is the gold answer's: the triple, the relation alone, the pair, the
    head, the tail. Sentences without a gold answer are ignored; of those without a predicted one, recall suffers.
    no_relation: relations of this label are none.
    """

    def __init__(self, *, no_relation: str = NO_RELATION, spans_key: str = MENTIONS_KEY):
        self._no_relation = no_relation
        self._spans_key = spans_key
        self._total: Counter[str] = Counter()
        self._by_lang: dict[str, Counter[str]] = {}

    def add(self, reference: Doc, predicted: Doc) -> None:
        gold = self._answer(reference)
        if gold is None or (gold[1] == self._no_relation and not is_unrelated(reference, self._no_relation)):
            return
        found = self._answer(predicted)
        counts = Counter(gold=1)
        if found is not None:
            head, relation, tail = (a == b for a, b in zip(gold, found))
            counts.update(found=1, head=head, tail=tail, relation=relation)
            counts.update(entities=head and tail, triple=head and tail and relation)
        self._total += counts
        lang = get_lang(reference) or UNKNOWN_LANG
        self._by_lang[lang] = self._by_lang.get(lang, Counter()) + counts

    def _answer(self, doc: Doc) -> _Answer | None:
        relations = [relation for relation in get_relations(doc) if relation.label != self._no_relation]
        if relations:
            best = max(relations, key=lambda relation: relation.score)
            return _place(doc, best.head), best.label, _place(doc, best.tail)
        spans = doc.spans.get(self._spans_key, ())
        if len(spans) != 2:
            return None
        head, tail = ((span.start_char, span.end_char) for span in spans)
        return head, self._no_relation, tail

    def scores(self) -> dict[str, Any]:
        """RETURNS: "one_triple_f", "one_triple_relation_f", "one_triple_entities_f", "one_triple_head_f" and
        "one_triple_tail_f", micro F1 in [0, 1], no relation counted; None without gold answers. "one_triple_per_lang":
        {language: {"triple": f, "relation": f, ..., "support": sentences}}."""
        names = {"triple": "", "relation": "relation_", "entities": "entities_", "head": "head_", "tail": "tail_"}
        total = _shares(self._total, names)
        per_lang = {
            lang: {**_shares(counts, names), "support": counts["gold"]}
            for lang, counts in sorted(self._by_lang.items())
        }
        return {
            **{f"one_triple_{prefix}f": total[name] for name, prefix in names.items()},
            "one_triple_per_lang": per_lang or None,
        }


def _place(doc: Doc, mention: Mention) -> _Place:
    span = doc[mention.start : mention.end]
    return span.start_char, span.end_char


def _shares(counts: Counter[str], names: Iterable[str]) -> dict[str, float | None]:
    return {name: _prf(counts[name], counts["gold"], counts["found"])["f"] for name in names}


def _prf(hits: int, gold: int, found: int) -> dict[str, float | None]:
    if not gold:
        return {"p": None, "r": None, "f": None}
    return {"p": hits / found if found else 0.0, "r": hits / gold, "f": 2 * hits / (gold + found)}
