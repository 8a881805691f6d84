"""Facts: what a bag of sentences says about a pair of entities. Plain types; offsets count tokens, ends exclusive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import index as as_integer
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span

from ..errors import RelxError
from .mention import CHARS, Mention, SpanRecord, SpanRows, bind, short
from .places import Places, warn_lost
from .record import Record, RecordList, serve_fields
from .text_forms import normal_form
from .types import merge_found_by, read_found_by, read_support, support_of


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Bag(Record):
    """The ordered pair of entities that all sentences of a bag Doc are about.

    Args:
        head: The id of the first entity.
        tail: The id of the second.
    """

    __slots__ = ()
    head: str
    tail: str

    def __init__(self, head: str, tail: str):
        dict.__init__(self, head=normal_form(head), tail=normal_form(tail))

    def _values(self) -> tuple[Any, ...]:
        return self["head"], self["tail"]

    def __repr__(self) -> str:
        return f"Bag({self.head!r}, {self.tail!r})"

    @classmethod
    def from_any(cls, value: Any) -> Bag:
        """Read a Bag, a pair of ids or a mapping. Raises: RelxError RX010."""
        if isinstance(value, Bag):
            return value
        if isinstance(value, Mapping) and {"head", "tail"} <= set(value):
            value = (value["head"], value["tail"])
        if isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(v, str) and v for v in value):
            return cls(*value)
        raise RelxError("RX010", value=value)


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Evidence(SpanRecord):
    """A sentence that mentions both entities of a fact.

    Args:
        start: The first token of the sentence.
        end: The token after its last one.
        head: The mention of the head in this sentence: a Mention, a Span or a mapping.
        tail: The mention of the tail.
        weight: The weight of the sentence among all sentences of the bag, in [0, 1].
    """

    __slots__ = ()
    start: int
    end: int
    head: Mention
    tail: Mention
    weight: float = 1.0

    def __init__(self, start: int, end: int, head: Any, tail: Any, weight: float = 1.0):
        head, tail = Mention.from_any(head), Mention.from_any(tail)
        dict.__init__(self, start=start, end=end, head=head, tail=tail, weight=float(weight))

    def _values(self) -> tuple[Any, ...]:
        return self["start"], self["end"], self["head"], self["tail"], self["weight"]

    def __repr__(self) -> str:
        return f"Evidence({short(self)}, {short(self.head)}, {short(self.tail)}, weight={self.weight:.4g})"

    def find(self, places: Places) -> tuple[int, int] | None:
        """The tokens [start, end) that have any of its characters: a sentence need not end where tokens do."""
        return places.around(self["start_char"], self["end_char"])

    def sentence(self, doc: Doc) -> Span:
        """The sentence in `doc`. Raises: RelxError RX003, RX541, see `Mention.bounds`."""
        start, end = self.bounds(doc)
        return doc[start:end]

    def shift(self, offset: int) -> Evidence:
        """The same evidence `offset` tokens later."""
        head, tail = self.head.shift(offset), self.tail.shift(offset)
        return Evidence(self.start + offset, self.end + offset, head, tail, self.weight)

    @classmethod
    def from_any(cls, value: Any) -> Evidence:
        """Read an Evidence or a mapping as `to_dict` makes it. Raises: RelxError RX002, RX011."""
        if isinstance(value, Evidence):
            return value
        if isinstance(value, Mapping) and {"start", "end", "head", "tail"} <= set(value):
            head, tail = Mention.from_any(value["head"]), Mention.from_any(value["tail"])
            try:  # integers of any kind (numpy's too), but 1.7 is not cut to 1
                start, end = as_integer(value["start"]), as_integer(value["end"])
                evidence = cls(start, end, head, tail, float(value.get("weight", 1.0)))
                chars = {name: as_integer(value[name]) for name in CHARS if value.get(name) is not None}
            except (TypeError, ValueError) as err:
                raise RelxError("RX011", value=value) from err
            if len(chars) == len(CHARS):
                dict.update(evidence, chars)
            return evidence
        raise RelxError("RX011", value=value)


@serve_fields
@dataclass(init=False, repr=False, eq=False)
class Fact(Record):
    """A relation between two entities: `head` -label-> `tail`.

    Args:
        head: The id of an entity.
        label: The name of the relation.
        tail: The id of the other entity.
        score: The score of the model, in [0, 1]; 1.0 in annotated data.
        evidence: Sentences of the Doc that express the fact, highest weight first.
        kb_score: The probability of the relation given the two entities, according to a knowledge base, in [0, 1]; None
            if it was not computed or the entities are unknown.
        known: Whether the knowledge base has the fact; None if it was not asked.
        kb_rank: For a fact that the knowledge base lacks, the rank of the tail among all entities, from 1; else None.
        found_by: Names of the components that found the fact, with their scores, as in `types.Relation`.
    """

    __slots__ = ()
    head: str
    label: str
    tail: str
    score: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None
    found_by: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    def __init__(
        self,
        head: str,
        label: str,
        tail: str,
        score: float = 1.0,
        evidence: Iterable[Evidence] = (),
        kb_score: float | None = None,
        known: bool | None = None,
        kb_rank: float | None = None,
        found_by: Mapping[str, float] | None = None,
    ):
        names = {name: normal_form(value) for name, value in (("head", head), ("label", label), ("tail", tail))}
        dict.__init__(self, **names, score=float(score))
        evidence = tuple(evidence)
        if evidence:
            dict.update(self, evidence=evidence)
        if kb_score is not None or known is not None or kb_rank is not None:
            dict.update(self, read_support({"kb_score": kb_score, "known": known, "kb_rank": kb_rank}))
        if found_by:
            dict.update(self, found_by=read_found_by(found_by))

    def _values(self) -> tuple[Any, ...]:
        return self.head, self.label, self.tail, self.score, self.evidence, self.kb_score, self.known, self.kb_rank

    def __repr__(self) -> str:
        support = "".join(f", {name}={value!r}" for name, value in support_of(self).items())
        best = f", text=({short(self.evidence[0].head)}, {short(self.evidence[0].tail)})" if self.evidence else ""
        number = f", evidence={len(self.evidence)}" if self.evidence else ""
        return f"Fact({self.head!r}, {self.label!r}, {self.tail!r}, score={self.score:.4g}{best}{number}{support})"

    def triple(self, doc: Doc) -> tuple[str, str, str]:
        """(name of the head, label, name of the tail): as the best evidence mentions them, or the ids without any."""
        if not self.evidence:
            return self.head, self.label, self.tail
        best = self.evidence[0]
        return best.head.text(doc), self.label, best.tail.text(doc)

    @classmethod
    def from_any(cls, value: Any) -> Fact:
        """Read a Fact or a mapping as `to_dict` makes it. Raises: RelxError RX002, RX011, RX012, RX254."""
        if isinstance(value, Fact):
            return value
        if not isinstance(value, Mapping) or not {"head", "label", "tail"} <= set(value):
            raise RelxError("RX012", value=value)
        names = [value[key] for key in ("head", "label", "tail")]
        if not all(isinstance(name, str) and name for name in names):
            raise RelxError("RX012", value=value)
        try:
            score, rows = float(value.get("score", 1.0)), list(value.get("evidence", ()))
            found_by = read_found_by(value.get("found_by"))
        except (TypeError, ValueError, AttributeError) as err:
            raise RelxError("RX012", value=value) from err
        evidence = tuple(Evidence.from_any(each) for each in rows)
        return cls(names[0], names[1], names[2], score, evidence, **read_support(value), found_by=found_by)


def merge_facts(facts: Iterable[Fact]) -> list[Fact]:
    """Facts of one Doc, each (head, label, tail) once, where it first stands: with the best score, and all evidence.

    Evidence is in the order of its weights, greatest first; the same sentence and mentions stand there once, with the
    greatest weight. The weights stay as they are: of evidence that comes from several bags they sum to more than 1.
    What a knowledge base says is that of the first one that has been checked.
    """
    groups: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in facts:
        groups.setdefault((fact.head, fact.label, fact.tail), []).append(fact)
    merged = []
    for group in groups.values():
        rising = sorted((each for fact in group for each in fact.evidence), key=lambda each: each.weight)
        evidence = {(each.start, each.end, each.head, each.tail): each for each in rising}
        first = next((fact for fact in group if support_of(fact)), group[0])
        merged.append(
            replace(
                first,
                score=max(fact.score for fact in group),
                evidence=tuple(sorted(evidence.values(), key=lambda each: -each.weight)),
                found_by=merge_found_by(group),
            )
        )
    return merged


class FactList(RecordList[Fact]):
    """`doc._.facts`: a list of `Fact` that writes through to the Doc."""


def fact_rows(facts: Iterable[Any], doc: Doc) -> list[dict[str, Any] | None]:
    """Facts as plain rows of a Doc; never None, see `types.relation_rows`.

    Evidence from a file whose mentions do not begin and end where tokens do is left out.

    Raises:
        RelxError: RX002, RX003, RX011, RX012, RX254, RX541.

    Warns:
        RX540: Where evidence is left out.
    """
    spans = SpanRows(doc)
    rows: list[dict[str, Any] | None] = []
    total = lost = 0
    for value in facts:
        fact = Fact.from_any(value)
        row = {name: part for name, part in fact.items() if name != "evidence"}
        evidence = [_evidence_row(each, spans) for each in fact.evidence]
        total, lost = total + len(evidence), lost + evidence.count(None)
        kept = [each for each in evidence if each is not None]
        rows.append({**row, "evidence": kept} if kept else row)
    if lost:
        warn_lost(doc, "pieces of evidence", lost, total, *spans.lost[0])
    return rows


def _evidence_row(evidence: Evidence, spans: SpanRows) -> dict[str, Any] | None:
    place, head, tail = spans.place(evidence), spans.mention(evidence.head), spans.mention(evidence.tail)
    if place is None or head is None or tail is None:
        return None
    return {**place, "head": head, "tail": tail, "weight": evidence.weight}


def facts_of(rows: Iterable[Mapping[str, Any]], doc: Doc) -> list[Fact]:
    """The Facts of plain rows of a Doc."""
    return [_fact_of(row, doc) for row in rows]


def _fact_of(row: Mapping[str, Any], doc: Doc) -> Fact:
    fact = Fact.__new__(Fact)
    dict.update(fact, row)
    if "evidence" in row:
        dict.update(fact, evidence=tuple(_evidence_of_row(each, doc) for each in row["evidence"]))
    return fact


def _evidence_of_row(row: Mapping[str, Any], doc: Doc) -> Evidence:
    evidence = bind(Evidence, row, doc)
    dict.update(evidence, head=bind(Mention, row["head"], doc), tail=bind(Mention, row["tail"], doc))
    return evidence


class FactScores:
    """The score of every relation for every pair of entities of a Doc, taken as facts or not.

    Its length is the number of pairs.

    Args:
        pairs: ids (head, tail) of each pair.
        labels: The relations.
        scores: float32 (n_pairs, n_labels), in [0, 1].

    Raises:
        RelxError: RX015 for scores of another shape.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], labels: Sequence[str], scores: np.ndarray):
        self.pairs = [(head, tail) for head, tail in pairs]
        self.labels = list(labels)
        self.scores = np.asarray(scores, dtype="float32")
        shape = (len(self.pairs), len(self.labels))
        if self.scores.shape != shape:
            raise RelxError("RX015", shape=self.scores.shape, wanted=shape)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"FactScores(pairs={len(self.pairs)}, labels={len(self.labels)})"

    def to_dict(self) -> dict[str, Any]:
        """Plain columns."""
        heads, tails = zip(*self.pairs) if self.pairs else ((), ())
        return {
            "heads": list(heads),
            "tails": list(tails),
            "labels": self.labels,
            "scores": self.scores.ravel().tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FactScores:
        """Scores of plain columns."""
        pairs, labels = list(zip(data["heads"], data["tails"])), data["labels"]
        return cls(pairs, labels, np.array(data["scores"], dtype="float32").reshape(len(pairs), len(labels)))

    @classmethod
    def merged(cls, parts: Sequence[FactScores]) -> FactScores:
        """The scores of several components: all pairs and labels of any, the best score where several have one, and 0
        where none has."""
        if len(parts) == 1:
            return parts[0]
        pairs = {pair: row for row, pair in enumerate(dict.fromkeys(pair for part in parts for pair in part.pairs))}
        labels = {label: row for row, label in enumerate(dict.fromkeys(name for part in parts for name in part.labels))}
        scores = np.zeros((len(pairs), len(labels)), dtype="float32")
        for part in parts:
            places = np.ix_([pairs[pair] for pair in part.pairs], [labels[label] for label in part.labels])
            scores[places] = np.maximum(scores[places], part.scores)
        return cls(list(pairs), list(labels), scores)

    @classmethod
    def of_rows(cls, rows: Sequence[Any]) -> FactScores:
        """Scores of mappings with "head", "tail" and "scores", a number by label. Raises: RelxError RX014."""
        try:
            pairs = [(str(row["head"]), str(row["tail"])) for row in rows]
            labels = list(rows[0]["scores"]) if rows else []
            scores = [[row["scores"][label] for label in labels] for row in rows if len(row["scores"]) == len(labels)]
            return cls(pairs, labels, np.array(scores, dtype="float32").reshape(len(pairs), len(labels)))
        except (LookupError, TypeError, ValueError) as err:
            raise RelxError("RX014", value=rows) from err


class FactScoreTuple(FactScores, tuple[Any, ...]):
    """`doc._.fact_scores`: the scores as a tuple of a mapping for each pair, which JSON takes as it is, with the same
    columns."""

    @classmethod
    def of(cls, scores: FactScores) -> FactScoreTuple:
        """The tuple of scores."""
        rows = zip(scores.pairs, scores.scores.tolist())
        named = [{"head": head, "tail": tail, "scores": dict(zip(scores.labels, row))} for (head, tail), row in rows]
        made = tuple.__new__(cls, named)
        made.__dict__.update(scores.__dict__)
        return made
