"""Hard negatives, made of gold documents: what a model that reads words and not what they say gets wrong.

co-occurrence   two mentions of one sentence that the data relate in neither direction, of types that some gold relation
                of the data joins, in this order. An item is such an ordered pair; it is failed where any relation is
                predicted, and counts for a label where that label's gold relations join these types.
reversed        a gold relation with a direction, whose reverse is not gold. It is failed where the reverse is
                predicted.
negation        a sentence with one related pair, quoted and denied in words of our own (`denial.DENIALS`). Only
                relations that the pipeline finds in the plain sentence are items, one for each wording; an item is
                failed where the relation is still predicted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..data.extensions import get_bag, get_lang, get_relations
from ..data.loading import check_finds
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention, Relation
from ..errors import warn
from ..formats.directions import hold_both_ways
from .challenge_report import ChallengeReport
from .denial import DENIALS, deny
from .evaluate import Run, mention_writers
from .scorer import UNKNOWN_LANG, DocView, doc_views

KINDS = ("cooccurrence", "reversed", "negation")
#: Pairs of one document that are looked at, at most.
MAX_PAIRS = 20_000
_Pair = tuple[Any, Any]
_Item = tuple[_Pair, str]


class _Counts:
    """Items and failures by language and by label."""

    def __init__(self) -> None:
        self._langs: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._labels: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, label: str | None, lang: str, failed: bool) -> None:
        """Count an item; label: None for one that `add_label` counts."""
        self._langs[lang][0] += 1
        self._langs[lang][1] += failed
        if label is not None:
            self.add_label(label, failed)

    def add_label(self, label: str, failed: bool) -> None:
        self._labels[label][0] += 1
        self._labels[label][1] += failed

    def report(self) -> dict[str, Any]:
        total = [sum(row[i] for row in self._langs.values()) for i in (0, 1)]
        groups = {"per_label": self._labels, "per_lang": self._langs}
        tables = {name: {key: _rate(*row) for key, row in sorted(rows.items())} for name, rows in groups.items()}
        return {**_rate(*total), **tables}


def _rate(n: int, failed: int) -> dict[str, Any]:
    return {"n": n, "predicted": failed, "rate": failed / n if n else None}


def challenge(
    nlp: Language, docs: Iterable[Doc], *, symmetric: Iterable[str] = (), batch_size: int | None = None
) -> ChallengeReport:
    """Run a pipeline over hard negatives, with the gold mentions.

    Args:
        docs: Gold documents; they are kept in memory. Bags are ignored.
        symmetric: Symmetric relations, whose reverse is no error; beside these all that the data have both
            ways in at least half of the cases.

    Returns:
        {kind: {n, predicted, rate, per_label, per_lang}}, rate being the share of items that are failed, None where
        there are none; "cooccurrence" has also "left_out": pairs of mentions over the limit of a document; "reversed"
        also "both": those where the gold direction is predicted, too; "negation" also "n_gold": single relations that
        could be denied. And "symmetric": what counted as such; "n_docs", "n_relations".

    Raises:
        RelxError: RX531 for a pipeline that finds no relations.

    Warns:
        RelxWarning: RX396 for relations in languages in which nothing can be denied here.
    """
    check_finds(nlp, "doc._.relations")
    gold = [doc for doc in docs if get_bag(doc) is None]
    types, without = _types(gold), _without_direction(gold, set(symmetric))
    hard = _Hard(types, without)
    for reference, predicted in _predictions(nlp, gold, batch_size):
        hard.add(nlp, reference, predicted)
    for reference, predicted in _predictions(nlp, hard.denied, batch_size):
        _, wanted, found = _views(reference, predicted)
        for item in wanted:
            hard.counts["negation"].add(item[1], get_lang(reference), item in found)
    if hard.lacking:
        n = sum(hard.lacking.values())
        warn("RX396", names=", ".join(sorted(hard.lacking)), n=n, known=", ".join(DENIALS))
    report: dict[str, Any] = {kind: each.report() for kind, each in hard.counts.items()}
    report["cooccurrence"]["left_out"] = hard.left_out
    report["reversed"]["both"] = hard.both
    report["negation"]["n_gold"] = hard.n_single
    n_relations = sum(len(get_relations(doc)) for doc in gold)
    return ChallengeReport({**report, "symmetric": sorted(without), "n_docs": len(gold), "n_relations": n_relations})


class _Hard:
    """Makes hard items of documents, and counts. types: (head type, tail type) -> labels. without: labels without a
    direction."""

    def __init__(self, types: dict[tuple[str, str], set[str]], without: set[str]):
        self._types = types
        self._without = without
        self.counts = {kind: _Counts() for kind in KINDS}
        self.denied: list[Doc] = []
        self.lacking: Counter[str] = Counter()
        self.both = self.n_single = self.left_out = 0

    def add(self, nlp: Language, reference: Doc, predicted: Doc) -> None:
        lang = get_lang(reference) or UNKNOWN_LANG
        view, gold, found = _views(reference, predicted)
        self._cooccurrences(reference, view, gold, found, lang)
        for (head, tail), label in gold:
            reverse = (tail, head), label
            if label not in self._without and head != tail and reverse not in gold:
                self.counts["reversed"].add(label, lang, reverse in found)
                self.both += reverse in found and ((head, tail), label) in found
        self._denials(nlp, reference, view, found, lang)

    def _cooccurrences(self, reference: Doc, view: DocView, gold: set[_Item], found: set[_Item], lang: str) -> None:
        related = {pair for pair, _ in gold}
        predicted: dict[_Pair, set[str]] = defaultdict(set)
        for pair, label in found:
            predicted[pair].add(label)
        pairs = (pair for mentions in _by_sentence(reference) for pair in permutations(mentions, 2))
        for number, (head, tail) in enumerate(pairs):
            if number >= MAX_PAIRS:
                self.left_out += 1
                continue
            one, other = view.key(head, False), view.key(tail, False)
            labels = self._types.get((head.label, tail.label))
            if labels is None or one == other or (one, other) in related or (other, one) in related:
                continue
            self.counts["cooccurrence"].add(None, lang, bool(predicted.get((one, other))))
            for label in labels:
                self.counts["cooccurrence"].add_label(label, label in predicted.get((one, other), ()))

    def _denials(self, nlp: Language, reference: Doc, view: DocView, found: set[_Item], lang: str) -> None:
        for sentence, relations in _single_relations(reference):
            if lang not in DENIALS:
                self.lacking[lang] += len(relations)
                continue
            self.n_single += len(relations)
            kept = [
                each
                for each in relations
                if ((view.key(each.head, False), view.key(each.tail, False)), each.label) in found
            ]
            if kept:
                forms = range(len(DENIALS[lang]))
                self.denied.extend(deny(nlp, sentence, kept, lang, form) for form in forms)


def _predictions(nlp: Language, docs: Iterable[Doc], batch_size: int | None) -> Iterator[tuple[Doc, Doc]]:
    """(gold document, what the pipeline makes of it with the gold mentions). WARNS: as `Run`, and its report."""
    run = Run(nlp, docs, MENTIONS_KEY, True, False)
    disable = mention_writers(nlp) if run.mentions else []
    stream = nlp.pipe(run.inputs(), as_tuples=True, batch_size=batch_size, disable=disable)
    for predicted, number in stream:
        yield run.taken(predicted, number), predicted
    run.report()


def _views(reference: Doc, predicted: Doc) -> tuple[DocView, set[_Item], set[_Item]]:
    """A view of the gold document, its relations, and those predicted, by characters."""
    view, other, covered = doc_views(reference, predicted)
    other.drop_unknown(covered)
    gold, found = ({item for item in each.labelled_pairs(False) if item[1] != NO_RELATION} for each in (view, other))
    return view, gold, found


def _types(docs: Iterable[Doc]) -> dict[tuple[str, str], set[str]]:
    """(head type, tail type) -> labels of the gold relations that join these."""
    types: dict[tuple[str, str], set[str]] = defaultdict(set)
    for doc in docs:
        for relation in get_relations(doc):
            if relation.label != NO_RELATION:
                types[relation.head.label, relation.tail.label].add(relation.label)
    return dict(types)


def _without_direction(docs: Iterable[Doc], given: set[str]) -> set[str]:
    """The given labels, and those whose gold relations are annotated both ways in at least half of the cases."""
    n: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for doc in docs:
        edges = {(r.label, (r.head.start, r.head.end), (r.tail.start, r.tail.end)) for r in get_relations(doc)}
        for label, head, tail in edges:
            n[label] += 1
            both[label] += (label, tail, head) in edges
    return set(hold_both_ways({label: (n[label], both[label]) for label in n}, given))


def _sentences(doc: Doc) -> Iterator[Span]:
    """The sentences, or all of a Doc that has none."""
    if len(doc):
        yield from doc.sents if doc.has_annotation("SENT_START") else [doc[:]]


def _by_sentence(doc: Doc) -> Iterator[list[Mention]]:
    """The mentions of each sentence, those at one place once."""
    spans = current_spans(doc.spans.get(MENTIONS_KEY, doc.ents))
    mentions = list({(span.start, span.end): Mention.from_any(span) for span in spans}.values())
    for sentence in _sentences(doc):
        yield [m for m in mentions if sentence.start <= m.start and m.end <= sentence.end]


def _single_relations(doc: Doc) -> Iterator[tuple[Span, list[Relation]]]:
    """Sentences with one related pair, and its relations; those that reach out of a sentence count for none."""
    relations = [relation for relation in get_relations(doc) if relation.label != NO_RELATION]
    for sentence in _sentences(doc):
        inside = [
            each
            for each in relations
            if all(sentence.start <= m.start and m.end <= sentence.end for m in (each.head, each.tail))
        ]
        if len({frozenset([(r.head.start, r.head.end), (r.tail.start, r.tail.end)]) for r in inside}) == 1:
            yield sentence, inside
