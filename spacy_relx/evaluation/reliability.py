"""How far scores can be taken as probabilities: expected calibration error, Brier score, reliability by bins.

An item has a score in [0, 1] and is right or wrong. Items are sorted into bins by score; in each bin the mean score is
compared with the share of right items. The expected calibration error (ECE; Naeini et al. 2015, "Obtaining Well
Calibrated Probabilities Using Bayesian Binning") is the mean of the distances, weighted by the items of the bins; the
adaptive one (Nixon et al. 2019, "Measuring Calibration in Deep Learning") has bins of about equally many items. The
Brier score (1950) is the mean squared distance of the score from 1 (right) or 0 (wrong).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ..data.calibration import PairScores
from ..data.extensions import get_lang, get_type_names
from ..data.loading import assigners
from ..data.types import NO_RELATION
from ..errors import RelxError, warn
from .covered import Covered
from .scorer import UNKNOWN_LANG, DocView, doc_views

#: Bins of a score.
BINS = 10


def reliability_bins(scores: Any, right: Any, edges: Any) -> dict[str, np.ndarray]:
    """Items by bins. edges: float (n_bins + 1,); a bin holds (low, high], the first its lower end, too.

    RETURNS: low, high, n (items), score (their mean, NaN without any), right (share of right ones), for each bin.
    """
    scores, right, edges = (np.asarray(each, dtype="float64") for each in (scores, right, edges))
    places = np.searchsorted(edges[1:-1], scores)
    n, sums, hits = (np.bincount(places, each, len(edges) - 1) for each in (np.ones(len(scores)), scores, right))
    with np.errstate(invalid="ignore"):
        return {"low": edges[:-1], "high": edges[1:], "n": n.astype("int64"), "score": sums / n, "right": hits / n}


def calibration_error(bins: dict[str, np.ndarray]) -> float:
    """Mean distance of score and share of right items over the bins, each with the weight of its items."""
    distance = np.nan_to_num(np.abs(bins["score"] - bins["right"]))
    return float((distance * bins["n"]).sum() / bins["n"].sum())


def reliability_scores(scores: Any, right: Any, *, n_bins: int = BINS) -> dict[str, Any]:
    """Numbers of how reliable scores are.

    Args:
        scores: float (n,), in [0, 1].
        right: bool (n,).

    Returns:
        N, and, None where there are no items: ece (bins of equal width), ece_adaptive (bins between quantiles; equal
        scores are never divided), brier, mean_score, share_right, bins [{low, high, n, score, right}] of equal width;
        score and right are None in an empty bin.

    Raises:
        RelxError: RX391 for arrays of different lengths or scores that are not in [0, 1].
    """
    scores, right = (np.asarray(each, dtype="float64").reshape(-1) for each in (scores, right))
    if len(scores) != len(right) or not ((scores >= 0) & (scores <= 1)).all():
        raise RelxError("RX391", n=len(scores), right=len(right))
    names = ("ece", "ece_adaptive", "brier", "mean_score", "share_right", "bins")
    if not len(scores):
        return {"n": 0, **dict.fromkeys(names)}
    bins = reliability_bins(scores, right, np.linspace(0, 1, n_bins + 1))
    adaptive = reliability_bins(scores, right, np.quantile(scores, np.linspace(0, 1, n_bins + 1)))
    values = (
        calibration_error(bins),
        calibration_error(adaptive),
        float(((scores - right) ** 2).mean()),
        float(scores.mean()),
        float(right.mean()),
        [_plain(row) for row in zip(*bins.values())],
    )
    return {"n": len(scores), **dict(zip(names, values))}


def _plain(row: tuple[Any, ...]) -> dict[str, Any]:
    low, high, n, score, right = row
    known = bool(n)
    return {
        "low": round(float(low), 12),
        "high": round(float(high), 12),
        "n": int(n),
        "score": float(score) if known else None,
        "right": float(right) if known else None,
    }


class ReliabilityCounter:
    """Collects items Doc by Doc.

    Items are, at the level "predicted", the relations that were predicted (each once, with its best score); at the
    level "pairs" the pairs that were scored, each with its best label and the score of that, predicted or not. An item
    is right where the gold relation has that label and the same mentions, in this order.

    Args:
        match: As for `score_relations`. Kept are 9 bytes for each item.
        no_relation: As for `score_relations`. Kept are 9 bytes for each item.
    """

    def __init__(self, *, match: str = "boundary", no_relation: str = NO_RELATION):
        self._strict = match == "strict"
        self._no_relation = no_relation
        self._parts: dict[str, dict[str, list[tuple[np.ndarray, np.ndarray]]]] = {
            level: defaultdict(list) for level in ("predicted", "pairs")
        }
        self._has_pairs = False
        self._left_out = 0

    def add(self, reference: Doc, predicted: Doc, *scores: PairScores) -> None:
        """scores: all scores of the predicted Doc, of each component that hands them out."""
        lang = get_lang(reference) or UNKNOWN_LANG
        reference_view, view, covered = doc_views(reference, predicted, get_type_names(predicted))
        gold = reference_view.labelled_pairs(self._strict)
        view.drop_unknown(covered)
        found: dict[Any, float] = {}
        for relation in view.relations:
            if relation.label == self._no_relation:
                continue
            if not 0 <= relation.score <= 1:
                self._left_out += 1
                continue
            key = ((view.key(relation.head, self._strict), view.key(relation.tail, self._strict)), relation.label)
            found[key] = max(found.get(key, 0.0), relation.score)
        self._put("predicted", lang, np.array(list(found.values())), np.array([key in gold for key in found], bool))
        for each in scores:
            self._has_pairs = True
            rows, columns, values = each.best()
            kept, right = right_items(view, gold, each, rows, columns, values, covered, strict=self._strict)
            self._put("pairs", lang, values[kept], right)

    def _put(self, level: str, lang: str, scores: np.ndarray, right: np.ndarray) -> None:
        if len(scores):
            self._parts[level][lang].append((scores.astype("float64"), right))

    def scores(self) -> dict[str, Any]:
        """{"rel_reliability": {"predicted": ..., "pairs": ...}}, each as of `reliability_scores` with "per_lang" too:
        {language: {n, ece, ece_adaptive, brier, mean_score, share_right}}; "pairs" is None where no scores were known.

        Warns:
            RelxWarning: RX383 for relations left out, whose scores are no probabilities.
        """
        if self._left_out:
            warn("RX383", n=self._left_out)
        predicted = self._level("predicted")
        return {"rel_reliability": {"predicted": predicted, "pairs": self._level("pairs") if self._has_pairs else None}}

    def _level(self, level: str) -> dict[str, Any]:
        langs = {lang: _joined(parts) for lang, parts in sorted(self._parts[level].items())}
        total = reliability_scores(*_joined(list(langs.values())))
        per_lang = {lang: reliability_scores(*columns) for lang, columns in langs.items()}
        for row in per_lang.values():
            del row["bins"]
        return {**total, "per_lang": per_lang}


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    scores, right = (np.concatenate(each) for each in zip((np.zeros(0), np.zeros(0, bool)), *parts))
    return scores, right


def right_items(
    view: DocView,
    gold: set[Any],
    scores: PairScores,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    covered: Covered | None,
    *,
    strict: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Which items count, and which of these are right.

    view: of the predicted Doc. gold: labelled pairs of the reference (`DocView.labelled_pairs`). rows, columns, values:
    pair, label and score of each item. Items of one pair of places and one label count once, with the best score; those
    that the annotation does not cover do not count.
    RETURNS: int64 (n,), places among the items; bool (n,).
    """
    ids: dict[Any, int] = {}
    places = np.array([ids.setdefault(view.key(m, strict), len(ids)) for m in scores.mentions], dtype="int64")
    pairs = places[np.asarray(scores.pairs, dtype="int64")[rows]].reshape(-1, 2)
    n_labels = max(1, len(scores.labels))
    codes = (pairs[:, 0] * len(ids) + pairs[:, 1]) * n_labels + columns
    order = np.argsort(-values, kind="stable")
    kept = np.sort(order[np.unique(codes[order], return_index=True)[1]])
    if covered is not None:
        keys = list(ids)
        items = zip(kept.tolist(), pairs[kept].tolist(), columns[kept].tolist())
        told = [row for row, (h, t), label in items if covered.relation(keys[h], scores.labels[label], keys[t])]
        kept = np.array(told, dtype="int64")
    known = {label: column for column, label in enumerate(scores.labels)}
    wanted = [
        (ids[head] * len(ids) + ids[tail]) * n_labels + known[label]
        for (head, tail), label in gold
        if head in ids and tail in ids and label in known
    ]
    return kept, np.isin(codes[kept], np.array(wanted, dtype="int64"))


def scoring_components(nlp: Language) -> dict[str, Any]:
    """The components that find relations and hand out all their scores, by name."""
    pipes = {name: nlp.get_pipe(name) for name in assigners(nlp, "doc._.relations")}
    return {name: pipe for name, pipe in pipes.items() if hasattr(pipe, "on_scores")}


@contextmanager
def all_scores(nlp: Language) -> Iterator[Callable[[Doc], list[PairScores]]]:
    """Within this context a function gives, once, all scores of a Doc that came out of the pipeline, those of each
    component that hands them out."""
    pipes = scoring_components(nlp).values()
    found: dict[int, tuple[Doc, list[PairScores]]] = {}  # with the Doc, whose id could be another's when it is gone

    def take(doc: Doc) -> list[PairScores]:
        return found.pop(id(doc), (doc, []))[1]

    def keep(doc: Doc, scores: PairScores) -> None:
        found.setdefault(id(doc), (doc, []))[1].append(scores)

    for pipe in pipes:
        pipe.on_scores = keep
    try:
        yield take
    finally:
        for pipe in pipes:
            pipe.on_scores = None
