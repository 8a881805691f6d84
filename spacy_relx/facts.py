"""Facts: what a bag of sentences says about a pair of entities. Plain types; offsets count tokens, ends exclusive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index as as_integer
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span

from .errors import RelxError
from .text_forms import normal_form
from .types import Mention, PlainList, check_span, read_support, support_of


def _normalize(item: Any, *names: str) -> None:
    """Names in the normal form of `text_forms`, in which all look-ups are."""
    for name in names:
        value = getattr(item, name)
        if not value.isascii():
            object.__setattr__(item, name, normal_form(value))


@dataclass(frozen=True)
class Bag:
    """The ordered pair of entities, by their ids, that all sentences of a bag Doc are about."""

    head: str
    tail: str

    def __post_init__(self) -> None:
        _normalize(self, "head", "tail")

    def to_dict(self) -> dict[str, str]:
        return {"head": self.head, "tail": self.tail}

    @classmethod
    def from_any(cls, value: Any) -> Bag:
        """Read a Bag, a pair of ids or a mapping. RAISES: RelxError RX010."""
        if isinstance(value, Bag):
            return value
        if isinstance(value, Mapping) and {"head", "tail"} <= set(value):
            value = (value["head"], value["tail"])
        if isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(v, str) and v for v in value):
            return cls(*value)
        raise RelxError("RX010", value=value)


@dataclass(frozen=True)
class Evidence:
    """A sentence, tokens [start, end), that mentions both entities of a fact.

    head, tail: their mentions in it. weight: how much the sentence counted among all of the bag, in [0, 1].
    """

    start: int
    end: int
    head: Mention
    tail: Mention
    weight: float = 1.0

    def sentence(self, doc: Doc) -> Span:
        return doc[self.start : self.end]

    def shift(self, offset: int) -> Evidence:
        """The same evidence `offset` tokens later."""
        head, tail = self.head.shift(offset), self.tail.shift(offset)
        return Evidence(self.start + offset, self.end + offset, head, tail, self.weight)

    def to_dict(self) -> dict[str, Any]:
        mentions = {"head": self.head.to_dict(), "tail": self.tail.to_dict()}
        return {"start": self.start, "end": self.end, **mentions, "weight": float(self.weight)}

    @classmethod
    def from_any(cls, value: Any) -> Evidence:
        """Read an Evidence or a mapping as `to_dict` makes it. RAISES: RelxError RX002, RX011."""
        if isinstance(value, Evidence):
            return value
        if isinstance(value, Mapping) and {"start", "end", "head", "tail"} <= set(value):
            head, tail = Mention.from_any(value["head"]), Mention.from_any(value["tail"])
            try:  # integers of any kind (numpy's too), but 1.7 is not cut to 1
                start, end = as_integer(value["start"]), as_integer(value["end"])
                return cls(start, end, head, tail, float(value.get("weight", 1.0)))
            except (TypeError, ValueError) as err:
                raise RelxError("RX011", value=value) from err
        raise RelxError("RX011", value=value)


@dataclass(frozen=True)
class Fact:
    """`head` -label-> `tail` between two entities, by their ids.

    score: the model's, in [0, 1] (1.0 in annotated data). evidence: sentences of the Doc, those that counted most
    first. What a knowledge base says of it, None where none was asked or it cannot tell: kb_score, probability of the
    relation given the two entities, in [0, 1]; known, whether it is one of the knowledge base's triples; kb_rank, of
    one that is not, the rank of the tail among all entities, from 1 (`kb.consistency`).
    """

    head: str
    label: str
    tail: str
    score: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None

    def __post_init__(self) -> None:
        _normalize(self, "head", "label", "tail")

    def triple(self, doc: Doc) -> tuple[str, str, str]:
        """(name of the head, label, name of the tail): as the best evidence mentions them, or the ids without any."""
        if not self.evidence:
            return self.head, self.label, self.tail
        best = self.evidence[0]
        return best.head.text(doc), self.label, best.tail.text(doc)

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"head": self.head, "label": self.label, "tail": self.tail, "score": float(self.score)}
        if self.evidence:
            data["evidence"] = [each.to_dict() for each in self.evidence]
        return {**data, **support_of(self)}

    @classmethod
    def from_any(cls, value: Any) -> Fact:
        """Read a Fact or a mapping as `to_dict` makes it. RAISES: RelxError RX002, RX011, RX012, RX254."""
        if isinstance(value, Fact):
            return value
        if not isinstance(value, Mapping) or not {"head", "label", "tail"} <= set(value):
            raise RelxError("RX012", value=value)
        names = [value[key] for key in ("head", "label", "tail")]
        if not all(isinstance(name, str) and name for name in names):
            raise RelxError("RX012", value=value)
        try:
            score, rows = float(value.get("score", 1.0)), list(value.get("evidence", ()))
        except (TypeError, ValueError) as err:
            raise RelxError("RX012", value=value) from err
        evidence = tuple(Evidence.from_any(each) for each in rows)
        return cls(names[0], names[1], names[2], score, evidence, **read_support(value))


def merge_facts(facts: Iterable[Fact]) -> list[Fact]:
    """Facts of one Doc, each (head, label, tail) once, where it first stands: with the best score, and all evidence.

    Evidence is in the order of its weights, greatest first. The weights stay as they are: of evidence that comes from
    several bags they sum to more than 1. What a knowledge base says is that of the first one that has been checked.
    """
    groups: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in facts:
        groups.setdefault((fact.head, fact.label, fact.tail), []).append(fact)
    merged = []
    for group in groups.values():
        evidence = dict.fromkeys(each for fact in group for each in fact.evidence)
        ordered = tuple(sorted(evidence, key=lambda each: -each.weight))
        first = next((fact for fact in group if support_of(fact)), group[0])
        merged.append(replace(first, score=max(fact.score for fact in group), evidence=ordered))
    return merged


class FactList(PlainList[Fact]):
    """`doc._.facts`: a list of `Fact` that writes through to the Doc's plain storage."""

    read = Fact.from_any

    def check(self, values: Iterable[Any]) -> list[dict[str, Any]]:
        return fact_rows(values, self._length)


def fact_rows(facts: Iterable[Any], length: int) -> list[dict[str, Any]]:
    """Facts as plain rows, their evidence checked against a Doc of `length` tokens.

    RAISES: RelxError RX002, RX003, RX011, RX012, RX254.
    """
    rows = []
    for value in facts:
        fact = Fact.from_any(value)
        for each in fact.evidence:
            for span in (each, each.head, each.tail):
                check_span(span.start, span.end, length)
        rows.append(fact.to_dict())
    return rows


class FactScores:
    """`doc._.fact_scores`: the score of every relation for every pair of entities of a Doc, taken as facts or not.

    pairs: ids (head, tail) of each pair. labels: the relations. scores: float32 (n_pairs, n_labels), in [0, 1].
    RAISES: RelxError RX015 for scores of another shape.
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
        heads, tails = zip(*self.pairs) if self.pairs else ((), ())
        return {
            "heads": list(heads),
            "tails": list(tails),
            "labels": self.labels,
            "scores": self.scores.ravel().tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FactScores:
        pairs, labels = list(zip(data["heads"], data["tails"])), data["labels"]
        return cls(pairs, labels, np.array(data["scores"], dtype="float32").reshape(len(pairs), len(labels)))
