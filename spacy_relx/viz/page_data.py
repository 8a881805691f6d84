"""The data of a page of many documents: what the page shows of each, and as JSON that HTML can hold."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_lang, get_relations
from ..data.types import support_of
from ._text import direction, mentions_of, printable
from .palette import colour_slots

#: Where a sentence ends in a text whose sentences are not known.
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।؟])\s*|\n+")


@dataclass(frozen=True)
class PageRelation:
    """A relation of a page. An error page also has verdict, other and why.

    Attributes:
        head: The index of the head in the mentions of the `PageDoc`.
        label: The name of the relation.
        tail: The index of the tail.
        score: The score of the model.
        support: Fields of `types.SUPPORT`.
        verdict: "right", "missed" or "wrong".
        other: The gold or predicted relation in its place; "" for none.
        why: The reason of the verdict.
    """

    head: int
    label: str
    tail: int
    score: float = 1.0
    support: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""
    other: str = ""
    why: str = ""


@dataclass
class PageDoc:
    """A document to show.

    Attributes:
        mentions: (start, end, type), characters.
        sentences: (start, end) of each, characters; None where they are not known.
    """

    id: str
    text: str
    lang: str = ""
    mentions: list[tuple[int, int, str]] = field(default_factory=list)
    relations: list[PageRelation] = field(default_factory=list)
    sentences: list[tuple[int, int]] | None = None

    @classmethod
    def of(cls, doc: Doc, name: str, relations: Iterable[PageRelation] | None = None) -> PageDoc:
        """A Doc with its mentions, sentences and relations.

        Args:
            relations: Instead of those of the Doc.
        """
        mentions = mentions_of(doc)
        spans = [mention.span(doc) for mention in mentions]
        place = {(m.start, m.end, m.label): i for i, m in enumerate(mentions)}
        if relations is None:
            relations = [
                PageRelation(
                    place[r.head.start, r.head.end, r.head.label],
                    r.label,
                    place[r.tail.start, r.tail.end, r.tail.label],
                    r.score,
                    support_of(r),
                )
                for r in get_relations(doc)
            ]
        sentences = None
        if doc.has_annotation("SENT_START"):
            sentences = [(sent.start_char, sent.end_char) for sent in doc.sents]
        chars = [(span.start_char, span.end_char, mention.label) for span, mention in zip(spans, mentions)]
        return cls(name, doc.text, get_lang(doc), chars, list(relations), sentences)


def page_data(docs: Sequence[PageDoc], verdicts: Sequence[str] = ()) -> dict[str, Any]:
    """Documents as plain columns for the page's script; offsets count UTF-16 units, as scripts do.

    verdicts: those that relations may have, none on pages without.
    RETURNS: types, slots (colours of types), labels, langs, verdicts, whys, and docs: rows [id, language, direction,
    text, mentions, relations]; a mention is [start, end, type]; a relation [head, label, tail, score, start, end,
    known, kb_score, kb_rank, verdict, other label, why], names as places in these lists, -1 for none, what is absent at
    the end left out; start and end are of the sentences of its mentions.
    """
    types, labels, langs, whys = _Names(), _Names(), _Names(), _Names()
    slots = colour_slots(kind for doc in docs for _, _, kind in doc.mentions)
    rows = []
    for doc in docs:
        units = _utf16(doc.text)
        sentences = doc.sentences if doc.sentences is not None else list(_guess_sentences(doc.text))
        evidence = _Evidence(sentences, len(doc.text))
        mentions = [[int(units[start]), int(units[end]), types[kind]] for start, end, kind in doc.mentions]
        relations = []
        for each in doc.relations:
            start, end = evidence.around(doc.mentions[each.head], doc.mentions[each.tail])
            row: list[Any] = [each.head, labels[each.label], each.tail, round(float(each.score), 4)]
            row += [int(units[start]), int(units[end]), *(_short(each.support.get(name)) for name in _SUPPORT)]
            if verdicts:
                row += [verdicts.index(each.verdict), labels[each.other] if each.other else -1, whys[each.why]]
            while row[-1] is None:
                row.pop()
            relations.append(row)
        rtl = int(direction(doc.text, doc.lang) == "rtl")
        rows.append([doc.id, langs[doc.lang], rtl, doc.text, mentions, relations])
    names = {"types": types, "labels": labels, "langs": langs, "whys": whys}
    out: dict[str, Any] = {name: list(found) for name, found in names.items()}
    return {**out, "slots": [slots[kind] for kind in types], "verdicts": list(verdicts), "docs": rows}


#: In the order of the rows.
_SUPPORT = ("known", "kb_score", "kb_rank")


def json_block(data: Any) -> str:
    """Data as JSON that can stand in a script element: no "<", nothing that HTML forbids."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return printable(text).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class _Names(dict[str, int]):
    """Name -> place, in the order of first use."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


class _Evidence:
    """Sentences that hold two mentions."""

    def __init__(self, sentences: Sequence[tuple[int, int]], length: int):
        self._starts = [start for start, _ in sentences]
        self._ends = [end for _, end in sentences]
        self._length = length

    def around(self, *mentions: tuple[int, int, str]) -> tuple[int, int]:
        """(start, end) from the first sentence that one of them is in to the last."""
        low, high = min(mention[0] for mention in mentions), max(mention[1] for mention in mentions)
        first = bisect_right(self._starts, low) - 1
        last = bisect_left(self._ends, high)
        start = self._starts[first] if first >= 0 else 0
        return start, self._ends[last] if last < len(self._ends) else self._length


def _guess_sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.start() > start:
            yield start, match.start()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def _utf16(text: str) -> Sequence[int] | np.ndarray:
    """Place of each character, and of the end, in units of UTF-16."""
    if text.isascii():
        return range(len(text) + 1)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return np.concatenate([[0], np.cumsum(1 + (codes > 0xFFFF))])


def _short(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return round(float(value), 4) if value is not None else None
