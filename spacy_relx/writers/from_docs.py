"""From Docs to exported triples."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from spacy.attrs import IDX, SENT_START
from spacy.tokens import Doc

from ..data.extensions import get_bag, get_facts, get_relations, get_span_lang, set_extensions
from ..data.facts import Evidence, Fact
from ..data.types import NO_RELATION, Mention, Relation, support_of
from ..errors import RelxError
from .records import EntityMention, Triple, clean_text, document_id, line_bounds, passage, text_origin

#: What of a Doc is exported.
WHAT = ("all", "relations", "facts")


def iter_triples(
    docs: Iterable[Doc], *, what: str = "all", source: str = "", model: str = "", model_version: str = ""
) -> Iterator[Triple]:
    """The triples of Docs, one Doc at a time.

    Args:
        what: "relations" (each is a triple), "facts" (each piece of their evidence is one; a fact without evidence is a
            triple without a sentence), or "all".
        source: Stands before the numbers of Docs that have no id of their own in `doc.user_data["id"]`.
        model: What found them. The sentence of a triple goes from the sentence of the first mention to that of the
            last; in a Doc without sentence boundaries it is the line. Of one that is longer than `records.MAX_PASSAGE`
            characters, the part around the mentions is given.
        model_version: What found them. The sentence of a triple goes from the sentence of the first mention to that of
            the last; in a Doc without sentence boundaries it is the line. Of one that is longer than
            `records.MAX_PASSAGE` characters, the part around the mentions is given.

    Raises:
        RelxError: RX021 for another `what`, RX580 for an id that is neither string nor whole number.
    """
    check_what(what)
    for number, doc in enumerate(docs, start=1):
        doc_id = id_of_doc(doc, number, source)
        origin = text_origin(doc.text)
        for triple in triples_of_doc(doc, doc_id, what=what, model=model, model_version=model_version):
            if triple.doc_id == doc_id:
                triple.origin = origin
            yield triple


def as_triples(
    items: Doc | Iterable[Doc | Triple],
    *,
    what: str = "all",
    source: str = "",
    model: str = "",
    model_version: str = "",
) -> Iterator[Triple]:
    """The triples of Docs, or triples as they are.

    Args:
        items: Docs, triples, or one Doc.
        what: As for `iter_triples`, of Docs.
        source: The same.
        model: The same.
        model_version: The same.

    Raises:
        RelxError: RX021, RX580, RX544 for anything that is neither a Doc nor a triple.
    """
    check_what(what)
    number = 0
    for item in [items] if isinstance(items, Doc) else items:
        if isinstance(item, Doc):
            number += 1
            doc_id = id_of_doc(item, number, source)
            yield from triples_of_doc(item, doc_id, what=what, model=model, model_version=model_version)
        elif isinstance(item, Triple):
            yield item
        else:
            raise RelxError("RX544", value=item)


def id_of_doc(doc: Doc, number: int, source: str = "") -> str:
    """The id in `doc.user_data["id"]`, else one of the Doc's number and text, see `records.document_id`.

    RAISES: RelxError RX580 for an id that is neither string nor whole number.
    """
    try:
        return document_id(doc.user_data.get("id"), number, source, doc.text)
    except ValueError as err:
        where = f"document {number} of {source}" if source else f"document {number}"
        raise RelxError("RX580", where=where, reason=err) from err


def check_what(what: str) -> None:
    """RAISES: RelxError RX021 for what is not in `WHAT`."""
    if what not in WHAT:
        raise RelxError("RX021", name="what", value=what, need=" or ".join(map(repr, WHAT)))
    set_extensions()


def triples_of_doc(
    doc: Doc, doc_id: str, *, what: str = "all", model: str = "", model_version: str = ""
) -> Iterator[Triple]:
    """The triples of one Doc, see `iter_triples`. RAISES: RelxError RX337 for a score that is not finite."""
    if not doc.user_data:
        return
    view = _View(doc, clean_text(doc_id), clean_text(model), clean_text(model_version))
    for triple in _all_triples(view, doc, what):
        triple.check_numbers()  # here, where the Doc is known: one Doc is left out, and no folder is refused later
        yield triple


def _all_triples(view: _View, doc: Doc, what: str) -> Iterator[Triple]:
    if what != "facts":
        yield from (view.of_relation(each) for each in get_relations(doc) if each.label != NO_RELATION)
    if what != "relations":
        for fact in get_facts(doc):
            yield from view.of_fact(fact)


class _View:
    """A Doc with what is looked up for each of its triples: a document may have hundreds."""

    def __init__(self, doc: Doc, doc_id: str, model: str, model_version: str):
        self.doc, self.doc_id, self.model, self.model_version = doc, doc_id, model, model_version
        self.text = doc.text
        columns = np.asarray(doc.to_array([IDX, SENT_START]), dtype="uint64").reshape(-1, 2).astype("int64")
        self.starts: list[int] = columns[:, 0].tolist()
        self.has_sentences = bool(len(doc)) and doc.has_annotation("SENT_START")
        # a document of one sentence begins one, even if nothing says so
        firsts = {0, *np.flatnonzero(columns[:, 1] == 1).tolist()} if self.has_sentences else {0}
        self.sentences: list[int] = sorted(firsts)
        #: of a bag: where its sentences are from
        self.sources = doc.user_data.get("sources") or () if get_bag(doc) is not None else ()

    def of_relation(self, relation: Relation) -> Triple:
        head, tail = relation.head, relation.tail
        start, end = self.sentence(min(head.start, tail.start), max(head.end, tail.end))
        return self.triple(head, relation.label, tail, start, end, relation.score, None, relation)

    def of_fact(self, fact: Fact) -> Iterator[Triple]:
        for each in fact.evidence:
            start, end = self.starts[each.start], self.end_of(each.end)
            head, tail = _linked(each.head, fact.head), _linked(each.tail, fact.tail)
            triple = self.triple(head, fact.label, tail, start, end, fact.score, float(each.weight), fact)
            if self.sources:
                self.set_origin(triple, each)
            yield triple
        if not fact.evidence:
            one, other = (EntityMention(name, kb_id=name) for name in map(clean_text, (fact.head, fact.tail)))
            yield Triple(
                one,
                clean_text(fact.label),
                other,
                self.doc_id,
                score=float(fact.score),
                model=self.model,
                model_version=self.model_version,
                **support_of(fact),
            )

    def triple(
        self,
        head: Mention,
        label: str,
        tail: Mention,
        start: int,
        end: int,
        score: float,
        weight: float | None,
        support: Relation | Fact,
    ) -> Triple:
        """start, end: characters of the sentence."""
        places = [(self.starts[each.start], self.end_of(each.end)) for each in (head, tail)]
        first, last = min(place[0] for place in places), max(place[1] for place in places)
        start, end = passage(min(start, first), max(end, last), first, last)
        return Triple(
            self.entity(head, places[0], start, end),
            clean_text(label),
            self.entity(tail, places[1], start, end),
            self.doc_id,
            clean_text(self.text[start:end]),
            start,
            end,
            clean_text(get_span_lang(self.doc[head.start : head.end])),
            float(score),
            weight,
            model=self.model,
            model_version=self.model_version,
            **support_of(support),
        )

    def entity(self, mention: Mention, place: tuple[int, int], start: int, end: int) -> EntityMention:
        words, inside = self.text[slice(*place)], start <= place[0] and place[1] <= end
        return EntityMention(
            clean_text(words),
            clean_text(mention.label),
            clean_text(mention.kb_id),
            place[0] - start if inside else None,
            place[1] - start if inside else None,
        )

    def sentence(self, first: int, last: int) -> tuple[int, int]:
        """Characters of the sentences that tokens [first, last) are in."""
        if not self.has_sentences:
            return line_bounds(self.text, self.starts[first], self.end_of(last))
        begin = self.sentences[bisect_right(self.sentences, first) - 1]
        after = bisect_right(self.sentences, last - 1)
        until = self.sentences[after] if after < len(self.sentences) else len(self.doc)
        return self.starts[begin], self.end_of(until)

    def set_origin(self, triple: Triple, evidence: Evidence) -> None:
        """Evidence in a bag is from another document, of which only the sentence is known: its place in it is not."""
        number = bisect_right(self.sentences, evidence.start) - 1
        triple.sentence_start = triple.sentence_end = None
        if number < len(self.sources):
            triple.doc_id = clean_text(document_of_source(self.sources[number]))

    def end_of(self, token: int) -> int:
        """The character behind token - 1."""
        return self.starts[token - 1] + len(self.doc[token - 1].text)


def document_of_source(source: Any) -> str:
    """The document of a bag's sentence. source: (file, id of the text in it), as `corpora.bag_spool` keeps it, perhaps
    with the id of the document behind them."""
    if isinstance(source, (list, tuple)) and len(source) == 3:
        return str(source[2])
    if isinstance(source, (list, tuple)) and len(source) == 2:
        try:
            return document_id(source[1], None, str(source[0]))
        except ValueError as err:
            raise RelxError("RX580", where=f"a sentence from {source[0]}", reason=err) from err
    return str(source)


def _linked(mention: Mention, kb_id: str) -> Mention:
    """The mention as one of that entity."""
    return mention if mention.kb_id == kb_id else Mention(mention.start, mention.end, mention.label, kb_id)
