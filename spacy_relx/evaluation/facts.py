"""Scores of facts against gold ones, ranked and at the threshold; entry point `spacy_relx.FactScorer.v1`.

An item is a pair of entities, by their ids, and a relation. A pair that several bag Docs are about is one pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Callable

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..data.extensions import get_bag, get_fact_scores, get_facts, get_sentence_langs, has_fact_scores
from ..data.facts import Bag
from ..data.types import NO_RELATION
from ..errors import RelxError
from ..formats.directions import hold_both_ways
from .curves import RANKS, RECALLS, Curve, curve_scores, curves_by_group, precision_recall
from .given import check_unsigned, name_scores
from .scorer import UNKNOWN_LANG, _mean, _prf

#: Language of a pair whose sentences are of more than one.
SEVERAL_LANGS = "several"

#: (row of the pair, row of the label)
Item = tuple[int, int]


def make_fact_scorer(
    across_docs: bool = False, no_relation: str = NO_RELATION, symmetric: Sequence[str] = ()
) -> Callable[..., dict[str, Any]]:
    """Make the scorer of a component: `(examples, **kwargs) -> scores`, as `score_facts` gives them, less fact_curve.
    Where Docs that are not bags were given the gold mentions, "gold_mentions_" stands before each key.

    Args:
        across_docs: As for `score_facts`.
        no_relation: As for `score_facts`.
        symmetric: As for `score_facts`.
    """
    # No closure: pipelines are pickled, and sent to worker processes.
    return partial(_score_component, across_docs=across_docs, no_relation=no_relation, symmetric=tuple(symmetric))


def _score_component(
    examples: Iterable[Example], *, across_docs: bool, no_relation: str, symmetric: Sequence[str], **kwargs: Any
) -> dict[str, Any]:
    """`score_facts`, as spaCy calls scorers: it passes the component's settings on as **kwargs."""
    examples = list(examples)
    if "component" in kwargs:
        check_unsigned(examples, get_facts)
    scores = score_facts(examples, across_docs=across_docs, no_relation=no_relation, symmetric=symmetric)
    del scores["fact_curve"]  # a picture, no score: loggers of training would write it out at every step
    return name_scores(scores, examples, bags=False)


def score_facts(
    examples: Iterable[Example],
    *,
    across_docs: bool = False,
    no_relation: str = NO_RELATION,
    symmetric: Iterable[str] = (),
) -> dict[str, Any]:
    """Compare the facts of `eg.predicted` with `eg.reference._.facts`.

    Pairs: bag Docs (`reference._.bag`) of one pair of entities are taken together, wherever they are: gold and
    predicted facts are the unions, the score of an item is the highest. Only the pair that a bag Doc is about counts,
    though its sentences may say something of others. In a Doc that is no bag a pair is that of this document;
    across_docs: the same pair in all such documents, as for bags.
    Items are those of `predicted._.fact_scores`, every pair with every relation, or `predicted._.facts` in Docs
    without. Facts and items of the label no_relation are none. A fact that occurs twice counts once. Pairs without
    a gold fact (NA) are negatives for every relation.
    A predicted fact is reversed where it is not gold, but the same relation of the same entities in reverse
    is. Symmetric relations have no reversed facts: those named in symmetric, and those of which at least half
    of the gold facts hold both ways. In bags, a gold fact is asked in reverse where there is a bag of that
    pair, too; in other documents always.

    RETURNS: fractions in [0, 1], None where there is no gold fact at all, and where a number is not defined.
    fact_ap, fact_auc             average precision; area under the curve by trapezoids (see `curves.Curve`).
    fact_max_f, fact_max_f_threshold    the best F1 of any threshold, and that threshold.
    fact_p_at_100, _200, _300     precision of the first so many items; None where there are fewer.
    fact_p_at_recall_10, _20 to _50    precision where recall reaches so many percent; None where it does not.
    fact_micro_p, _r, _f          of `predicted._.facts`, that is, at the component's threshold.
    fact_macro_f                  mean of the F1s of the labels that occur in gold, at that threshold.
    fact_reversed_rate            share of the predicted facts that are reversed; None where no gold fact is asked the
                                  other way round, or nothing is predicted.
    fact_per_type                 {label: {p, r, f, ap, max_f, support, n_pred, n_reversed}} of the labels in gold and
                                  of those predicted.
    fact_per_lang                 {language: {p, r, f, ap, support, n_bags}}; the language of a pair is that of all its
                                  sentences, else "several"; "unknown" where it is "".
    fact_n_gold, fact_n_pred, fact_n_items, fact_n_bags    gold facts, predicted facts, items, pairs: each once.
    fact_n_reversed, fact_n_asked_reversed    predicted facts that are reversed; gold facts with a direction, that hold
                                  one way, and are asked in reverse.
    fact_curve                    {recall, precision, score}: lists, points of the curve for drawing.
    RAISES: RelxError RX190 for a score that is NaN, RX191 for a bag with a gold fact about another pair.
    """
    counter = FactCounter(across_docs=across_docs, no_relation=no_relation, symmetric=symmetric)
    for example in examples:
        counter.add(example.reference, example.predicted)
    return counter.scores()


class FactCounter:
    """Counts Doc by Doc, so that a caller need not keep them; `scores` gives what `score_facts` documents.

    Args:
        across_docs: As for `score_facts`.
        no_relation: As for `score_facts`.
        symmetric: As for `score_facts`.
    """

    def __init__(self, *, across_docs: bool = False, no_relation: str = NO_RELATION, symmetric: Iterable[str] = ()):
        self._across_docs = across_docs
        self._no_relation = no_relation
        self._symmetric = frozenset(symmetric)
        self._n_docs = 0
        self._pairs: dict[tuple[int | None, str, str], int] = {}
        self._langs: list[set[str]] = []  # of each pair
        self._of_bags: set[int] = set()  # rows of the pairs that bags are about
        self._in_docs: set[int] = set()  # rows of the gold pairs of other documents
        self._labels: dict[str, int] = {}
        self._columns: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._gold: set[Item] = set()
        self._found: set[Item] = set()
        self._scored: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # (pairs, labels, scores) of each Doc

    def add(self, reference: Doc, predicted: Doc) -> None:
        """Count the facts of one Doc, gold and predicted.

        Raises:
            RelxError: RX191.
        """
        bag = get_bag(reference)
        rows = _Rows(self, None if bag is not None or self._across_docs else self._n_docs, reference)
        self._n_docs += 1
        gold, found = self._facts(reference), self._facts(predicted)
        if bag is not None:
            self._of_bags.add(rows.of(bag.head, bag.tail))  # the pair counts, whatever is found of it
            _check_gold(reference, bag, gold)
            found = {fact: score for fact, score in found.items() if fact[:2] == (bag.head, bag.tail)}
        elif gold:
            self._in_docs.update(rows.of(head, tail) for head, tail, _ in gold)
        self._gold.update((rows.of(head, tail), self._label(label)) for head, tail, label in gold)
        items = [(rows.of(head, tail), self._label(label)) for head, tail, label in found]
        self._found.update(items)
        if has_fact_scores(predicted):
            self._add_scores(predicted, bag, rows)
        elif items:
            pairs, labels = np.array(items, dtype="int64").T
            self._scored.append((pairs, labels, np.array(list(found.values()), dtype="float64")))

    def scores(self) -> dict[str, Any]:
        """The scores of all Docs added so far.

        Raises:
            RelxError: RX190 for a score that is NaN.
        """
        codes, scores = self._items()
        gold, found = self._codes(self._gold), self._codes(self._found)
        correct = np.isin(codes, gold)
        curve = precision_recall(scores, correct, len(gold))
        turned, n_asked = self._reversed(gold, found)
        tables = _Tables(len(self._labels), codes, scores, correct, gold, found, turned)
        out: dict[str, Any] = _ranked(curve)
        micro = tables.micro() if len(gold) else {"p": None, "r": None, "f": None}
        out.update({f"fact_micro_{name}": value for name, value in micro.items()})
        per_type = tables.per_type(list(self._labels))
        in_gold = [row["f"] for row in per_type.values() if row["support"]]
        out["fact_macro_f"] = _mean(in_gold) if len(gold) else None
        out["fact_reversed_rate"] = len(turned) / len(found) if n_asked and len(found) else None
        out["fact_per_type"] = per_type if len(gold) else None
        out["fact_per_lang"] = tables.per_lang([_lang(langs) for langs in self._langs]) if len(gold) else None
        counts = {"gold": len(gold), "pred": len(found), "items": len(codes), "bags": len(self._pairs)}
        counts.update(reversed=len(turned), asked_reversed=n_asked)
        out.update({f"fact_n_{name}": n for name, n in counts.items()})
        out["fact_curve"] = curve.points() if len(gold) else None
        return out

    def _facts(self, doc: Doc) -> dict[tuple[str, str, str], float]:
        """(head, tail, label) of each fact of a Doc, and its score, the highest where there are several."""
        found: dict[tuple[str, str, str], float] = {}
        for fact in get_facts(doc):
            if fact.label != self._no_relation:
                key = fact.head, fact.tail, fact.label
                found[key] = max(fact.score, found.get(key, fact.score))
        return found

    def _add_scores(self, doc: Doc, bag: Bag | None, rows: _Rows) -> None:
        """Take the items of `doc._.fact_scores`, for a bag only those of its pair."""
        scored = get_fact_scores(doc)
        pairs, scores = scored.pairs, scored.scores
        if bag is not None and any(pair != (bag.head, bag.tail) for pair in pairs):
            own = [i for i, pair in enumerate(pairs) if pair == (bag.head, bag.tail)]
            pairs, scores = [pairs[i] for i in own], scores[own]
        columns, labels = self._label_columns(tuple(scored.labels))
        places = np.array([rows.of(*pair) for pair in pairs], dtype="int64")
        if len(places) and len(labels):
            pair_rows, label_rows = np.broadcast_arrays(places[:, None], labels[None, :])
            self._scored.append((pair_rows, label_rows, scores[:, columns]))

    def _label(self, label: str) -> int:
        return self._labels.setdefault(label, len(self._labels))

    def _label_columns(self, labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The columns of a table of scores that are relations, and the rows of these among all labels."""
        if labels not in self._columns:
            columns = [i for i, label in enumerate(labels) if label != self._no_relation]
            rows = [self._label(labels[i]) for i in columns]
            self._columns[labels] = np.array(columns, dtype="int64"), np.array(rows, dtype="int64")
        return self._columns[labels]

    def _items(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes of all items, in order and each once, with the highest score of each."""
        n = len(self._labels)
        codes = np.concatenate(
            [(pairs * n + labels).ravel() for pairs, labels, _ in self._scored] or [np.zeros(0, int)]
        )
        scores = np.concatenate([values.ravel() for _, _, values in self._scored] or [np.zeros(0)])
        order = np.argsort(codes, kind="stable")
        codes, scores = codes[order], scores[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        return codes[starts], np.maximum.reduceat(scores, starts) if len(starts) else scores

    def _reversed(self, gold: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, int]:
        """Codes of the predicted facts that are reversed, and how many gold facts are asked in reverse.

        gold, found: int64 (n,), codes of gold and predicted facts.
        """
        n, names, pairs = len(self._labels), list(self._labels), list(self._pairs)
        rows, labels = (gold // n, gold % n) if n else (gold, gold)
        keys = [pairs[row] for row in rows.tolist()]
        back = np.array([self._pairs.get((scope, tail, head), -1) for scope, head, tail in keys], "int64")
        turned = np.where(back >= 0, back * n + labels, -1)
        both = np.isin(turned, gold)
        counts = (np.bincount(each, minlength=n).tolist() for each in (labels, labels[both]))
        undirected = hold_both_ways(dict(zip(names, zip(*counts))), self._symmetric)
        one_way = ~both & np.array([name not in undirected for name in names], bool)[labels]
        asked = np.array([i in self._in_docs or j in self._of_bags for i, j in zip(rows.tolist(), back.tolist())], bool)
        return np.intersect1d(found, turned[one_way]), int((one_way & asked).sum())

    def _codes(self, items: set[Item]) -> np.ndarray:
        n = len(self._labels)
        return np.array(sorted(pair * n + label for pair, label in items), dtype="int64")


class _Rows:
    """Rows of the pairs of one Doc in a counter. A pair that is asked for gets a row, and the Doc's languages.

    scope: the number of the document that the pairs are of; None where they are the same in all.
    """

    def __init__(self, counter: FactCounter, scope: int | None, doc: Doc):
        self._pairs, self._langs = counter._pairs, counter._langs
        self._scope = scope
        self._doc_langs = {lang for _, _, lang in get_sentence_langs(doc)}

    def of(self, head: str, tail: str) -> int:
        row = self._pairs.setdefault((self._scope, head, tail), len(self._pairs))
        if row == len(self._langs):
            self._langs.append(set())
        self._langs[row] |= self._doc_langs
        return row


class _Tables:
    """Scores at the threshold and ranked ones, over all items, by relation and by language.

    n_labels: a code is the row of its pair * n_labels + the row of its label. codes, scores, correct: items, as for
    `precision_recall`. gold, found, turned: codes of the gold facts, of the predicted ones, and of those of the latter
    that are reversed.
    """

    def __init__(
        self,
        n_labels: int,
        codes: np.ndarray,
        scores: np.ndarray,
        correct: np.ndarray,
        gold: np.ndarray,
        found: np.ndarray,
        turned: np.ndarray,
    ):
        self._n_labels = max(n_labels, 1)
        self._ranking = scores, correct
        self._sets = codes, gold, found, np.intersect1d(gold, found)
        self._turned = turned

    def micro(self) -> dict[str, float]:
        _, gold, found, hits = self._sets
        return _prf(len(hits), len(gold), len(found))

    def per_type(self, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
        groups = self._grouped([codes % self._n_labels for codes in self._sets], len(labels))
        turned = np.bincount(self._turned % self._n_labels, minlength=len(labels)).tolist()
        rows = {}
        for i, label in sorted(enumerate(labels), key=lambda item: item[1]):
            curve, gold, found, hits = groups[i]
            if gold or found:
                ranked = {"ap": curve.average_precision(), "max_f": curve.max_f()[0]}
                counts = {"support": gold, "n_pred": found, "n_reversed": turned[i]}
                rows[label] = {**_prf(hits, gold, found), **ranked, **counts}
        return rows

    def per_lang(self, langs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """langs: of each pair."""
        n_bags = Counter(langs)
        names = sorted(n_bags)
        place = {lang: i for i, lang in enumerate(names)}
        lang_of = np.array([place[lang] for lang in langs], dtype="int64")
        groups = self._grouped([lang_of[codes // self._n_labels] for codes in self._sets], len(names))
        rows = {}
        for lang, (curve, gold, found, hits) in zip(names, groups):
            scores = _prf(hits, gold, found) if gold else {"p": None, "r": None, "f": None}
            ap = curve.average_precision()
            rows[lang] = {**scores, "ap": ap, "support": gold, "n_bags": n_bags[lang]}
        return rows

    def _grouped(self, groups: Sequence[np.ndarray], n: int) -> list[tuple[Curve, int, int, int]]:
        """(curve, gold, found, hits) of each group. groups: those of items, gold facts, found facts and hits."""
        gold, found, hits = (np.bincount(each, minlength=n).tolist() for each in groups[1:])
        return list(zip(curves_by_group(groups[0], *self._ranking, gold), gold, found, hits))


def _ranked(curve: Curve) -> dict[str, Any]:
    """The numbers of the curve, by their keys."""
    numbers = curve_scores(curve, ranks=RANKS, recalls=RECALLS)
    out = {f"fact_{name}": numbers[name] for name in ("ap", "auc", "max_f", "max_f_threshold")}
    out.update({f"fact_p_at_{n}": value for n, value in numbers["p_at_n"].items()})
    out.update({f"fact_p_at_recall_{round(100 * at)}": value for at, value in numbers["p_at_recall"].items()})
    return out


def _lang(langs: set[str]) -> str:
    if len(langs) > 1:
        return SEVERAL_LANGS
    return next(iter(langs), "") or UNKNOWN_LANG


def _check_gold(doc: Doc, bag: Bag, gold: Iterable[tuple[str, str, str]]) -> None:
    """RAISES: RelxError RX191."""
    for head, tail, _ in gold:
        if (head, tail) != (bag.head, bag.tail):
            pairs = {"head": bag.head, "tail": bag.tail, "other_head": head, "other_tail": tail}
            raise RelxError("RX191", text=doc.text[:60], **pairs)
