"""Scores of predicted relations against gold ones; entry point `spacy_relx.RelationScorer.v1`.

Relations are compared by character offsets, so gold and prediction may be tokenized differently.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Callable

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..data.extensions import get_annotated, get_candidates, get_lang, get_relations, get_type_names, has_candidates
from ..data.types import NO_RELATION, UNTYPED, Mention
from ..errors import RelxError
from ..formats.directions import hold_both_ways
from .covered import Covered
from .given import check_unsigned, name_scores

MATCHES = ("boundary", "strict")
UNKNOWN_LANG = "unknown"
#: Of scores that `spacy evaluate --spans-key relations` shows.
TABLE_NAME = "spans_relations"

#: (start_char, end_char) of a mention, and its type where the match is strict.
MentionKey = tuple
#: (key of the head, key of the tail)
PairKey = tuple[MentionKey, MentionKey]


def make_relation_scorer(
    match: str = "boundary", no_relation: str = NO_RELATION, symmetric: Sequence[str] = ()
) -> Callable[..., dict[str, Any]]:
    """Make the scorer of a component: `(examples, **kwargs) -> scores`, as `score_relations` gives them, and some by
    another name too (`table_scores`).

    Where Docs were given the gold mentions, "gold_mentions_" stands before each key.

    Args:
        match: "boundary" or "strict".
        no_relation: Label that means "no relation", should the data have it.
        symmetric: Symmetric relations.

    Raises:
        RelxError: RX021 for another match.
    """
    check_match(match)
    # No closure: pipelines are pickled, and sent to worker processes.
    return partial(_score_component, match=match, no_relation=no_relation, symmetric=tuple(symmetric))


def _score_component(
    examples: Iterable[Example], *, match: str, no_relation: str, symmetric: Sequence[str], **kwargs: Any
) -> dict[str, Any]:
    """`score_relations`, as spaCy calls scorers: it passes the component's settings on as **kwargs."""
    examples = list(examples)
    components = component_of(kwargs)
    if components:
        check_unsigned(examples, get_relations)
    scores = score_relations(examples, match=match, no_relation=no_relation, symmetric=symmetric, components=components)
    return {**name_scores(scores, examples), **table_scores(scores)}


def component_of(settings: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The component that is scored, and its labels, of what it tells its scorer (`TrainedPipe.score`)."""
    return {settings["component"]: settings.get("labels", ())} if "component" in settings else {}


def table_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Micro scores, and scores per relation, by names that the table of `spacy evaluate --spans-key relations` has.

    That command prints a fixed list of scores; among them are those of a group of `doc.spans` of any name.

    Args:
        scores: Of `score_relations`.
    """
    shown = {f"{TABLE_NAME}_{each}": scores[f"rel_micro_{each}"] for each in ("p", "r", "f")}
    return {**shown, f"{TABLE_NAME}_per_type": scores["rel_per_type"]}


def score_relations(
    examples: Iterable[Example],
    *,
    match: str = "boundary",
    no_relation: str = NO_RELATION,
    symmetric: Iterable[str] = (),
    components: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Compare `eg.predicted._.relations` with `eg.reference._.relations`.

    match: what must agree besides the label. "boundary": first and last character of both mentions; "strict": the
    types of both mentions too. no_relation: relations of this label are not relations; their pairs only count as
    pairs. A relation that occurs twice in a Doc counts once. What the annotation does not cover, see
    `Annotated`, is neither right nor wrong. Fractions are in [0, 1]. symmetric: relations without a
    direction, beside those that at least half of the gold relations have both ways.
    components: name and labels of components to score apart, by what they found (`Relation.found_by`).

    RETURNS:
    rel_micro_p, _r, _f         over all relations. A gold relation that no candidate covered is a miss.
    rel_macro_p, _r, _f         unweighted means of the scores of the labels that occur in gold.
    rel_per_type                {label: {p, r, f, support, n_pred}}; support: gold relations, n_pred: predicted ones.
                                Labels only predicted are here too, with support 0.
    rel_per_lang                {language: {p, r, f, macro_f, support}}, micro scores of the Docs of
                                `reference._.lang`, "unknown" where it is "".
    rel_per_lang_type           {language: {label: {p, r, f, support, n_pred}}}, rel_per_type of the Docs of each
                                language.
    rel_boundary_micro_p/r/f, rel_strict_micro_p/r/f     the micro scores of either match, whichever was asked for.
    rel_micro_f_na, rel_macro_f_na    with no-relation as a label of its own, see below.
    rel_{name}_p, _r, _f        micro scores of what the component of this name found, against the gold relations of its
                                labels; against all of them where it has none.
    rel_reversed_rate           share of the predicted relations that are not gold, but are so in reverse, of
                                relations with a direction; None where nothing is predicted.
    rel_n_gold, rel_n_pred, rel_n_reversed    relations, each once; the last as above.
    rel_n_unknown               predicted relations that the annotation does not cover, beside those of rel_n_pred.
    rel_n_pairs                 pairs, see below.
    rel_uncovered               gold relations whose pair is not among the candidates, of the Docs that have
                                `predicted._.candidates`; None if no Doc has.

    With no-relation: the pairs are the candidates together with the pairs of gold and of predicted relations. Each
    has a set of gold labels and a set of predicted ones, {no-relation} where it has none else. Hits are the labels
    in both sets, rel_micro_f_na is the micro F1 of all labels over all pairs, rel_macro_f_na the mean F1 of the
    labels in gold. Where each pair has one label, rel_micro_f_na equals the accuracy over pairs; with several, a pair
    of two gold labels and none predicted is two misses and one false no-relation.

    The fractions are None, and the tables by type and language too, where there is no gold relation at all.
    RAISES: RelxError RX021 for another match.
    """
    counter = RelationCounter(match=match, no_relation=no_relation, symmetric=symmetric, components=components)
    for example in examples:
        counter.add(example.reference, example.predicted)
    return counter.scores()


class RelationCounter:
    """Counts Doc by Doc, so that a caller need not keep them; `scores` gives what `score_relations` documents.

    Args:
        match: As for `score_relations`.
        no_relation: As for `score_relations`.
        symmetric: As for `score_relations`.
        components: As for `score_relations`.

    Raises:
        RelxError: RX021 for another match.
    """

    def __init__(
        self,
        *,
        match: str = "boundary",
        no_relation: str = NO_RELATION,
        symmetric: Iterable[str] = (),
        components: Mapping[str, Sequence[str]] | None = None,
    ):
        check_match(match)
        self._match = match
        self._symmetric = frozenset(symmetric)
        self._no_relation = no_relation
        self._counts: dict[str, dict[str, _Counts]] = {name: defaultdict(_Counts) for name in MATCHES}
        self._labels = {name: frozenset(labels) for name, labels in (components or {}).items()}
        self._of_component: dict[str, Counter[str]] = {name: Counter() for name in self._labels}
        self._n_unknown = 0

    def add(self, reference: Doc, predicted: Doc) -> None:
        """Count the relations of one Doc, gold and predicted. The two Docs must be of the same text."""
        lang = get_lang(reference) or UNKNOWN_LANG
        gold_view, found_view, covered = doc_views(reference, predicted, get_type_names(predicted))
        views = gold_view, found_view
        self._n_unknown += found_view.drop_unknown(covered)
        for name, counts in self._counts.items():
            counts[lang].add(*views, covered, strict=name == "strict", no_relation=self._no_relation)
        gold = self._items(views[0])
        for name, labels in self._labels.items():
            found = self._items(views[1], name)
            wanted = {item for item in gold if not labels or item[1] in labels}
            self._of_component[name].update(hits=len(found & wanted), gold=len(wanted), found=len(found))

    def _items(self, view: DocView, component: str | None = None) -> set[Any]:
        """The labelled pairs of a Doc, or of those the ones that a component found."""
        items = view.labelled_pairs(self._match == "strict", component)
        return {item for item in items if item[1] != self._no_relation}

    def scores(self) -> dict[str, Any]:
        """The scores of all Docs added so far."""
        by_lang = self._counts[self._match]
        total = _total(by_lang.values())
        scored = total.support > 0
        out: dict[str, Any] = {}
        out.update(_prefixed("rel_micro", total.micro() if scored else _NONE))
        out.update(_prefixed("rel_macro", total.macro() if scored else _NONE))
        for name in MATCHES:
            counts = _total(self._counts[name].values())
            out.update(_prefixed(f"rel_{name}_micro", counts.micro() if scored else _NONE))
        out["rel_micro_f_na"] = total.micro_na() if scored else None
        out["rel_macro_f_na"] = total.macro_na() if scored else None
        out["rel_per_type"] = total.per_type() if scored else None
        langs = sorted(by_lang)
        out["rel_per_lang"] = {lang: by_lang[lang].per_lang() for lang in langs} if scored else None
        out["rel_per_lang_type"] = {lang: by_lang[lang].per_type() for lang in langs} if scored else None
        n_pred, n_reversed = sum(total.pred.values()), total.n_reversed(self._symmetric)
        out["rel_reversed_rate"] = n_reversed / n_pred if scored and n_pred else None
        for name, own in self._of_component.items():
            row = _prf(own["hits"], own["gold"], own["found"]) if own["gold"] else _NONE
            out.update(_prefixed(f"rel_{name}", row))
        out["rel_n_gold"] = total.support
        out["rel_n_pred"] = n_pred
        out["rel_n_reversed"] = n_reversed
        out["rel_n_unknown"] = self._n_unknown
        out["rel_n_pairs"] = total.pairs
        out["rel_uncovered"] = total.uncovered if total.has_candidates else None
        return out


class DocView:
    """A Doc's relations and candidate mentions, with the places of characters read once.

    names: entity types by the names that they are compared by, where these are others: `get_type_names` of the
    predicted Doc, for both Docs, so that PERSON of the pipeline's recogniser is PER of the gold data.
    """

    def __init__(self, doc: Doc, skip_space: bool, names: Mapping[str, str] | None = None):
        self._names = names or {}
        starts = doc.to_array("IDX").astype("int64").reshape(-1)
        ends = starts + doc.to_array("LENGTH").astype("int64").reshape(-1)
        if skip_space:  # count characters that are not white space
            solid = np.cumsum([0, *(not char.isspace() for char in doc.text)])
            starts, ends = solid[starts], solid[ends]
        self._starts, self._ends = starts.tolist(), ends.tolist()
        self.relations = list(get_relations(doc))
        self.candidates = get_candidates(doc) if has_candidates(doc) else None
        self.untyped: Collection[MentionKey] = ()

    def key(self, mention: Mention, strict: bool) -> MentionKey:
        place = self._starts[mention.start], self._ends[mention.end - 1]
        if not strict:
            return place
        return (*place, UNTYPED if place in self.untyped else self._names.get(mention.label, mention.label))

    def drop_unknown(self, covered: Covered | None) -> int:
        """Leave out the relations that the annotation does not cover. RETURNS: how many, each once."""
        if covered is None:
            return 0
        keys = [(self.key(r.head, False), r.label, self.key(r.tail, False)) for r in self.relations]
        unknown = {key for key in keys if not covered.relation(*key)}
        self.relations = [relation for relation, key in zip(self.relations, keys) if key not in unknown]
        return len(unknown)

    def labelled_pairs(self, strict: bool, component: str | None = None) -> set[tuple[PairKey, str]]:
        """Pair and label of each relation, or of those that a component found."""
        relations = [r for r in self.relations if component is None or component in r.found_by]
        return {((self.key(r.head, strict), self.key(r.tail, strict)), r.label) for r in relations}

    def candidate_pairs(
        self, strict: bool, among: set[PairKey], covered: Covered | None = None
    ) -> tuple[int, set[PairKey]]:
        """How many distinct candidate pairs the annotation covers, and which of `among` are candidates."""
        if self.candidates is None or not len(self.candidates):
            return 0, set()
        ids: dict[MentionKey, int] = {}
        rows = [ids.setdefault(self.key(m, strict), len(ids)) for m in self.candidates.mentions]
        pairs = np.asarray(rows, dtype="int64")[self.candidates.pairs]
        codes = np.unique(pairs[:, 0] * len(ids) + pairs[:, 1])
        known = [pair for pair in among if pair[0] in ids and pair[1] in ids]
        found = np.isin([ids[head] * len(ids) + ids[tail] for head, tail in known], codes)
        n = len(codes)
        if covered is not None:
            keys = list(ids)
            n = sum(covered.pair(keys[code // len(ids)], keys[code % len(ids)]) for code in codes.tolist())
        return n, {pair for pair, is_in in zip(known, found) if is_in}


def doc_views(
    reference: Doc, predicted: Doc, names: Mapping[str, str] | None = None
) -> tuple[DocView, DocView, Covered | None]:
    """Views of a gold Doc and of the same text as predicted, and what the annotation covers, None for everything.

    names: as of `DocView`.
    """
    skip_space = reference.text != predicted.text  # the same words, spaced otherwise
    gold, found = (DocView(doc, skip_space, names) for doc in (reference, predicted))
    if get_annotated(reference).is_whole:
        return gold, found, None
    covered = Covered(reference, lambda mention: gold.key(mention, False))
    gold.untyped = found.untyped = covered.untyped
    return gold, found, covered


class _Counts:
    """Hits, gold and predicted relations by label, and the same for no-relation over pairs."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.gold: Counter[str] = Counter()
        self.pred: Counter[str] = Counter()
        self.gold_both_ways: Counter[str] = Counter()
        self.reversed: Counter[str] = Counter()  # of relations without a direction, too
        self.pairs = self.na_hits = self.na_gold = self.na_pred = 0
        self.uncovered = 0
        self.has_candidates = False

    @property
    def support(self) -> int:
        return sum(self.gold.values())

    def add(
        self, reference: DocView, predicted: DocView, covered: Covered | None, *, strict: bool, no_relation: str
    ) -> None:
        all_gold, all_pred = reference.labelled_pairs(strict), predicted.labelled_pairs(strict)
        named = {pair for pair, _ in all_gold | all_pred}
        n_candidates, proposed = predicted.candidate_pairs(strict, named, covered)
        gold = {item for item in all_gold if item[1] != no_relation}
        pred = {item for item in all_pred if item[1] != no_relation}
        self.hits.update(label for _, label in gold & pred)
        self.gold.update(label for _, label in gold)
        self.pred.update(label for _, label in pred)
        self.gold_both_ways.update(label for pair, label in gold if (pair[::-1], label) in gold)
        self.reversed.update(label for pair, label in pred - gold if (pair[::-1], label) in gold)
        gold_pairs, pred_pairs = {pair for pair, _ in gold}, {pair for pair, _ in pred}
        pairs = n_candidates + len(named - proposed)
        self.pairs += pairs
        self.na_gold += pairs - len(gold_pairs)
        self.na_pred += pairs - len(pred_pairs)
        self.na_hits += pairs - len(gold_pairs | pred_pairs)
        if predicted.candidates is not None:
            self.has_candidates = True
            self.uncovered += sum(pair not in proposed for pair, _ in gold)

    def n_reversed(self, symmetric: Iterable[str]) -> int:
        """Predicted relations that are gold in reverse, of relations with a direction."""
        counts = {label: (n, self.gold_both_ways[label]) for label, n in self.gold.items()}
        undirected = hold_both_ways(counts, symmetric)
        return sum(n for label, n in self.reversed.items() if label not in undirected)

    def micro(self) -> dict[str, float]:
        return _prf(sum(self.hits.values()), self.support, sum(self.pred.values()))

    def micro_na(self) -> float:
        hits, pred = sum(self.hits.values()) + self.na_hits, sum(self.pred.values()) + self.na_pred
        return _prf(hits, self.support + self.na_gold, pred)["f"]

    def _label(self, label: str) -> dict[str, float]:
        return _prf(self.hits[label], self.gold[label], self.pred[label])

    def macro(self) -> dict[str, float]:
        rows = [self._label(label) for label in self.gold]
        return {name: _mean([row[name] for row in rows]) for name in _NONE}

    def macro_na(self) -> float:
        values = [self._label(label)["f"] for label in self.gold]
        if self.na_gold:
            values.append(_prf(self.na_hits, self.na_gold, self.na_pred)["f"])
        return _mean(values)

    def per_type(self) -> dict[str, dict[str, float]]:
        labels = sorted({*self.gold, *self.pred})
        return {
            label: {**self._label(label), "support": self.gold[label], "n_pred": self.pred[label]} for label in labels
        }

    def per_lang(self) -> dict[str, Any]:
        if not self.support:
            return {**_NONE, "macro_f": None, "support": 0}
        return {**self.micro(), "macro_f": self.macro()["f"], "support": self.support}


_NONE: dict[str, Any] = {"p": None, "r": None, "f": None}


def _total(parts: Iterable[_Counts]) -> _Counts:
    total = _Counts()
    for part in parts:
        for name in ("hits", "gold", "pred", "gold_both_ways", "reversed"):
            getattr(total, name).update(getattr(part, name))
        for name in ("pairs", "na_hits", "na_gold", "na_pred", "uncovered"):
            setattr(total, name, getattr(total, name) + getattr(part, name))
        total.has_candidates |= part.has_candidates
    return total


def _prf(hits: int, gold: int, pred: int) -> dict[str, float]:
    return {"p": hits / pred if pred else 0.0, "r": hits / gold if gold else 0.0, "f": 2 * hits / ((gold + pred) or 1)}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def check_match(match: str) -> None:
    """RAISES: RelxError RX021 for a match that is not known."""
    if match not in MATCHES:
        raise RelxError("RX021", name="match", value=match, need=" or ".join(map(repr, MATCHES)))
