"""What a pipeline got right, missed and got wrong: each relation with its verdict, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.extensions import get_type_names
from ..data.loading import check_finds
from ..data.tables import ROWS, Shown, Table, data_frame, largest_first, percent, shortened
from ..data.types import MENTIONS_KEY, NO_RELATION, Relation, support_of
from ..errors import warn
from ..viz._text import mentions_of
from ..viz.page import VERDICTS, errors_page, write_page
from ..viz.page_data import PageDoc, PageRelation
from .evaluate import Run, mention_writers, no_mentions_advice
from .scorer import DocView, PairKey, check_match, doc_views

if TYPE_CHECKING:
    import pandas
    from spacy.language import Language
    from spacy.tokens import Doc

#: Why a relation is missed or wrong, as the page says it.
OTHER, TURNED = "another relation", "turned around"
NOT_FOUND, NO_PAIR, NOTHING = "mention not found", "no candidate pair", "nothing predicted"
NOT_GOLD, NO_GOLD, DROPPED = "mention not in gold", "no such relation in gold", "document dropped"


@dataclass(repr=False)
class ErrorReport(Shown):
    """What `error_report` returns: the relations of gold documents and those of a pipeline, with their verdicts.

    It prints as tables: how many relations of each label are right, missed and wrong, and the reasons.

    Attributes:
        docs: A document each, whose relations are "right", "missed" or "wrong", see `viz.page_data`.
        name: What was compared, for the heading of a page.
        has_more: Whether there were more documents than were asked for.
    """

    docs: list[PageDoc] = field(default_factory=list)
    name: str = ""
    has_more: bool = False

    def __repr__(self) -> str:
        return f"ErrorReport({len(self.docs)} documents, {self.counts['missed']} missed, {self.counts['wrong']} wrong)"

    @property
    def counts(self) -> Counter[str]:
        """Numbers of relations by verdict."""
        return Counter(relation.verdict for doc in self.docs for relation in doc.relations)

    def tables(self, rows: int = ROWS) -> list[Table]:
        by_label: dict[str, Counter[str]] = defaultdict(Counter)
        reasons: Counter[tuple[str, str]] = Counter()
        for doc in self.docs:
            for relation in doc.relations:
                by_label[relation.label][relation.verdict] += 1
                if relation.why:
                    reasons[relation.verdict, relation.why] += 1
        labels = largest_first(by_label, lambda counts: counts.total())
        lines = [(label, *(str(counts[name]) for name in VERDICTS)) for label, counts in labels]
        why = [(f"{verdict}: {reason}", str(n)) for (verdict, reason), n in reasons.most_common()]
        tables = [shortened(Table("Per relation", VERDICTS, lines), rows), Table("Reasons", ("relations",), why)]
        return [table for table in tables if table.rows]

    def note(self) -> str:
        return _numbers(self.counts)

    def to_dict(self) -> dict[str, Any]:
        """The numbers and all relations, ready for JSON; see `to_frame` for the keys."""
        return {"n_docs": len(self.docs), **{name: self.counts[name] for name in VERDICTS}, "relations": self._rows()}

    def to_frame(self) -> pandas.DataFrame:
        """The relations as a data frame.

        Returns:
            The columns doc (its id), lang, verdict, head, label, tail, score, other (the relation that stands in its
            place, gold or predicted), why, head_start and tail_start (characters of the text).

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        return data_frame(self._rows(), _COLUMNS)

    def _rows(self) -> list[dict[str, Any]]:
        return [_row(doc, relation) for doc in self.docs for relation in doc.relations]

    def to_html(self, title: str = "Errors") -> str:
        """The relations as a page to look through, with filters and a table of confusions.

        Args:
            title: The heading of the page.
        """
        name = f"{self.name}: " if self.name else ""
        return errors_page(self.docs, title=title, summary=name + _numbers(self.counts))

    def save(self, path: str | Path, title: str = "Errors") -> None:
        """Write the page to a file.

        Args:
            path: The HTML file.
            title: The heading of the page.

        Raises:
            RelxError: RX186 where it cannot be written.
        """
        write_page(path, self.to_html(title))


_COLUMNS = ("doc", "lang", "verdict", "head", "label", "tail", "score", "other", "why", "head_start", "tail_start")


def _row(doc: PageDoc, relation: PageRelation) -> dict[str, Any]:
    (head_start, head_end, _), (tail_start, tail_end, _) = doc.mentions[relation.head], doc.mentions[relation.tail]
    values = (
        (doc.id, doc.lang, relation.verdict),
        (doc.text[head_start:head_end], relation.label, doc.text[tail_start:tail_end], relation.score),
        (relation.other, relation.why, head_start, tail_start),
    )
    return dict(zip(_COLUMNS, (value for group in values for value in group)))


def error_report(
    nlp: Language,
    docs: Iterable[Doc],
    *,
    gold_mentions: bool = False,
    match: str = "boundary",
    batch_size: int | None = None,
    name: str = "",
) -> ErrorReport:
    """Run a pipeline over gold documents, and say of each relation whether it is right, missed or wrong, and why.

    Args:
        nlp: The pipeline.
        docs: Gold documents.
        gold_mentions: Whether to give the gold mentions to the pipeline.
        match: "boundary", or "strict": the types of the mentions must agree too.
        batch_size: Of `nlp.pipe`.
        name: What was compared, for the heading of a page.

    Returns:
        The documents in their order, with all relations.

    Raises:
        RelxError: RX531 for a pipeline that finds no relations, RX021 for an unknown match.

    Warns:
        RX171: Where no entity was found.
    """
    check_match(match)
    check_finds(nlp, "doc._.relations")
    return ErrorReport(list(_compare_all(nlp, docs, gold_mentions, match == "strict", batch_size)), name)


def _compare_all(
    nlp: Language, gold: Iterable[Doc], gold_mentions: bool, strict: bool, batch_size: int | None
) -> Iterator[PageDoc]:
    """Run a pipeline over the words of gold documents, as `evaluate` does, and compare each, in their order.

    WARNS: RX171 where no entity was found, and as `Run.report`.
    """
    run = Run(nlp, gold, MENTIONS_KEY, gold_mentions, False)
    disable = mention_writers(nlp) if run.mentions else []
    done: dict[int, PageDoc] = {}
    n_found = n_gold = 0
    for predicted, number in nlp.pipe(run.inputs(), as_tuples=True, batch_size=batch_size, disable=disable):
        reference = run.taken(predicted, number)
        n_gold += len(reference._.relations)
        n_found += len(predicted.ents) + sum(map(len, predicted.spans.values())) + len(predicted._.relations)
        done[number] = compare_doc(reference, predicted, _name(reference, number), strict)
    for number, reference in run.waiting.items():
        done[number] = compare_doc(reference, None, _name(reference, number), strict)
    run.report()
    if done and not n_found and n_gold:
        warn("RX171", n=len(done), advice=no_mentions_advice(nlp, run.mentions))
    yield from (done[number] for number in sorted(done))


def _name(doc: Doc, number: int) -> str:
    return str(doc.user_data.get("id", number + 1))


def _numbers(counts: Counter[str]) -> str:
    hits, n_gold, n_pred = counts["right"], counts["right"] + counts["missed"], counts["right"] + counts["wrong"]
    rates = {"P": (hits, n_pred), "R": (hits, n_gold), "F": (2 * hits, n_gold + n_pred)}
    parts = (f"{name} {percent(part / whole if whole else None)}" for name, (part, whole) in rates.items())
    return f"{', '.join(parts)}; {hits} right, {counts['missed']} missed, {counts['wrong']} wrong"


def compare_doc(reference: Doc, predicted: Doc | None, name: str, strict: bool) -> PageDoc:
    """A gold document with its relations and the predicted ones, each right, missed or wrong.

    predicted: of the same text; None where the pipeline dropped it. strict: types of mentions must agree.
    Where a pair has gold relations that are missed and others that are wrong, each stands in the place of one.
    """
    page = PageDoc.of(reference, name, ())
    sides = _Sides(reference, predicted, strict)
    left: tuple[dict[PairKey, list[str]], ...] = (defaultdict(list), defaultdict(list))
    for mine, other, into in ((sides.gold, sides.pred, left[0]), (sides.pred, sides.gold, left[1])):
        for pair, label in sorted(mine.keys() - other.keys(), key=lambda item: (-mine[item].score, item[1])):
            into[pair].append(label)
    add = _Adder(page, sides)
    for item, relation in sides.gold.items():
        pair, label = item
        if item in sides.pred:
            add(sides.pred[item], item, "right")
            continue
        instead = _opposite(left[0][pair], left[1][pair], label)
        add(relation, item, "missed", instead, OTHER if instead else sides.why_missed(pair, label))
    for item, relation in sides.pred.items():
        if item not in sides.gold:
            pair, label = item
            instead = _opposite(left[1][pair], left[0][pair], label)
            add(relation, item, "wrong", instead, OTHER if instead else sides.why_wrong(pair, label))
    return page


def _opposite(mine: list[str], others: list[str], label: str) -> str:
    place = mine.index(label)
    return others[place] if place < len(others) else ""


class _Sides:
    """Gold and predicted relations of a document, by what must agree: (pair of mentions, label). What the annotation
    does not cover is left out."""

    def __init__(self, reference: Doc, predicted: Doc | None, strict: bool):
        self._strict = strict
        self._dropped = predicted is None
        self.names = {} if predicted is None else get_type_names(predicted)
        views: list[DocView | None] = [DocView(reference, False, self.names), None]
        if predicted is not None:
            mine, other, covered = doc_views(reference, predicted, self.names)
            other.drop_unknown(covered)
            views = [mine, other]
        self.gold, self.pred = (self._items(view) for view in views)
        self._mentions: list[set[Any]] = [
            {view.key(mention, strict) for mention in mentions_of(doc)} if view and doc is not None else set()
            for view, doc in zip(views, (reference, predicted))
        ]
        self._covered = {pair for pair, _ in self.gold}
        view = views[1]
        if view is not None and view.candidates is not None:
            self._covered = view.candidate_pairs(strict, self._covered)[1]
            self._mentions[1].update(key for pair in self._covered for key in pair)

    def _items(self, view: DocView | None) -> dict[tuple[PairKey, str], Relation]:
        found: dict[tuple[PairKey, str], Relation] = {}
        if view is None:
            return found
        for relation in view.relations:
            if relation.label != NO_RELATION:
                pair = (view.key(relation.head, self._strict), view.key(relation.tail, self._strict))
                found.setdefault((pair, relation.label), relation)
        return found

    def why_missed(self, pair: PairKey, label: str) -> str:
        if self._dropped:
            return DROPPED
        if not self._mentions[1].issuperset(pair):
            return NOT_FOUND
        if (pair[::-1], label) in self.pred and (pair[::-1], label) not in self.gold:
            return TURNED
        return NOTHING if pair in self._covered else NO_PAIR

    def why_wrong(self, pair: PairKey, label: str) -> str:
        if not self._mentions[0].issuperset(pair):
            return NOT_GOLD
        return TURNED if (pair[::-1], label) in self.gold and (pair[::-1], label) not in self.pred else NO_GOLD


class _Adder:
    """Adds relations to a page's document, gold mentions for those that agree with them."""

    def __init__(self, page: PageDoc, sides: _Sides):
        self._page = page
        self._strict = sides._strict
        self._places: dict[Any, int] = {}
        for i, (start, end, kind) in enumerate(page.mentions):
            place = (start, end, sides.names.get(kind, kind)) if self._strict else (start, end)
            self._places.setdefault(place, i)

    def __call__(
        self, relation: Relation, item: tuple[PairKey, str], verdict: str, other: str = "", why: str = ""
    ) -> None:
        (head, tail), label = item
        ends = (self._place(head, relation.head.label), self._place(tail, relation.tail.label))
        found = PageRelation(ends[0], label, ends[1], relation.score, support_of(relation), verdict, other, why)
        self._page.relations.append(found)

    def _place(self, key: Any, kind: str) -> int:
        if key not in self._places:
            self._places[key] = len(self._page.mentions)
            self._page.mentions.append((key[0], key[1], kind))
        return self._places[key]
