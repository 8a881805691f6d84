"""The Doc extensions, and helpers that carry them where spaCy drops them.

Storage is plain, JSON-able data with token offsets in `Doc.user_data`, under the keys spaCy itself uses for
extensions. So it survives `Doc.to_bytes`, `DocBin(store_user_data=True)`, pickle, `Doc.copy` and `nlp.pipe` with
several processes.
Typed objects are made by getters, on reading.

`doc._.relations`   list-like of `Relation`
`doc._.triples`     list of (head text, label, tail text), read-only
`doc._.removed_relations`  what `relation_constraints` took away, plain data, read-only
`doc._.candidates`  `Candidates`
`doc._.bag`         `Bag`, where all sentences of the Doc are about one pair of entities, else None
`doc._.facts`       list-like of `Fact`
`doc._.fact_scores` `FactScores`
`doc._.lang`        language code, "" where unknown;  `span._.lang`: that of the span's sentence, else the Doc's
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span

from .errors import RelxError
from .facts import Bag, Evidence, Fact, FactList, FactScores, fact_rows, merge_facts
from .types import MENTIONS_KEY, Candidates, Mention, Relation, RelationList, relation_rows


def _key(name: str) -> Any:  # a tuple, as spaCy has them, though it types the keys of user_data as str
    return ("._.", name, None, None)


RELATIONS, CANDIDATES, LANG, SENT_LANGS = (_key(n) for n in ("relations", "candidates", "lang", "sent_langs"))
ROUTES = _key("routes")
REMOVED = _key("removed_relations")
BAG, FACTS, FACT_SCORES = (_key(n) for n in ("bag", "facts", "fact_scores"))


def _rows(doc: Doc, key: Any) -> list[dict[str, Any]]:
    """The Doc's own list under a key, made where there is none."""
    rows = doc.user_data.get(key)
    if not isinstance(rows, list):  # absent, or a tuple: DocBin gives lists back as tuples
        rows = list(rows or ())
        doc.user_data[key] = rows
    return rows


def _is_list(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, Mapping))


def get_relations(doc: Doc) -> RelationList:
    return RelationList(_rows(doc, RELATIONS), len(doc))


def set_relations(doc: Doc, relations: Iterable[Any]) -> None:
    if not _is_list(relations):
        raise RelxError("RX007", value=relations)
    doc.user_data[RELATIONS] = relation_rows(relations, len(doc))


def get_removed(doc: Doc) -> list[dict[str, Any]]:
    """What `relation_constraints` has taken away: relations as plain data, each with a "reason"."""
    return list(doc.user_data.get(REMOVED, ()))


def get_bag(doc: Doc) -> Bag | None:
    data = doc.user_data.get(BAG)
    return None if data is None else Bag.from_any(data)


def set_bag(doc: Doc, bag: Any) -> None:
    """bag: a Bag, a pair of ids or a mapping; None for a Doc that is no bag. RAISES: RelxError RX010."""
    if bag is None:
        doc.user_data.pop(BAG, None)
    else:
        doc.user_data[BAG] = Bag.from_any(bag).to_dict()


def get_facts(doc: Doc) -> FactList:
    return FactList(_rows(doc, FACTS), len(doc))


def set_facts(doc: Doc, facts: Iterable[Any]) -> None:
    if not _is_list(facts):
        raise RelxError("RX013", value=facts)
    doc.user_data[FACTS] = fact_rows(facts, len(doc))


def has_fact_scores(doc: Doc) -> bool:
    return FACT_SCORES in doc.user_data


def get_fact_scores(doc: Doc) -> FactScores:
    data = doc.user_data.get(FACT_SCORES)
    return FactScores([], [], np.zeros((0, 0))) if data is None else FactScores.from_dict(data)


def set_fact_scores(doc: Doc, scores: FactScores) -> None:
    if not isinstance(scores, FactScores):
        raise RelxError("RX014", value=scores)
    doc.user_data[FACT_SCORES] = scores.to_dict()


def get_triples(doc: Doc) -> list[tuple[str, str, str]]:
    return [relation.triple(doc) for relation in get_relations(doc)]


def primary_code(lang: str) -> str:
    """The code of a language without script and region, in lower case: "pt" of "pt-BR" and of "PT_br"."""
    return lang.replace("_", "-").partition("-")[0].lower()


def known_code(lang: str, known: Container[str]) -> str:
    """The language itself where it is known, else the one that it is a variant of: "pt" for "pt-BR"."""
    return lang if lang in known else primary_code(lang)


def primary_langs(docs: Iterable[Doc]) -> list[str]:
    """The languages of the Docs' parts, as `primary_code` has them, sorted; unknown ones left out."""
    return sorted({primary_code(lang) for doc in docs for _, _, lang in get_sentence_langs(doc)} - {""})


def has_candidates(doc: Doc) -> bool:
    """Whether a marker component has looked at this Doc (it may have found no pair)."""
    return CANDIDATES in doc.user_data


def get_candidates(doc: Doc) -> Candidates:
    data = doc.user_data.get(CANDIDATES)
    return Candidates.empty() if data is None else Candidates.from_dict(data)


def set_candidates(doc: Doc, candidates: Candidates) -> None:
    if not isinstance(candidates, Candidates):
        raise RelxError("RX009", value=candidates)
    doc.user_data[CANDIDATES] = candidates.to_dict()


def get_type_names(doc: Doc) -> dict[str, str]:
    """What training calls the Doc's entity types, where it is something else: {type on the Doc: type of training}."""
    data = doc.user_data.get(CANDIDATES, {"labels": (), "types": ()})
    return {label: kind for label, kind in zip(data["labels"], data["types"]) if label != kind}


def get_lang(doc: Doc) -> str:
    return doc.user_data.get(LANG, "")


def set_lang(doc: Doc, lang: str | None) -> None:
    """Store the language of a Doc; routes that were made for another language are forgotten."""
    if lang is not None and not isinstance(lang, str):
        raise RelxError("RX006", value=lang)
    doc.user_data[LANG] = lang or ""
    set_routes(doc, None)


def set_sentence_langs(doc: Doc, langs: Sequence[tuple[int, int, str]]) -> None:
    """Store the languages of sentences: (start, end, code), token offsets. Routes are forgotten, as by `set_lang`."""
    set_routes(doc, None)
    doc.user_data[SENT_LANGS] = [[int(start), int(end), str(lang)] for start, end, lang in langs]


def get_sentence_langs(doc: Doc) -> list[tuple[int, int, str]]:
    """(start, end, code) of each part of one language; all of the Doc where it is not known by sentence."""
    return _lang_parts(doc[:])


def set_routes(doc: Doc, routes: Sequence[tuple[int, int, str]] | None) -> None:
    """Store whose route through language-specific layers parts of the Doc take: (start, end, code), token offsets, ""
    for the average of all routes. None: each part takes that of its own language."""
    if routes is None:
        doc.user_data.pop(ROUTES, None)
    else:
        doc.user_data[ROUTES] = [[int(start), int(end), str(lang)] for start, end, lang in routes]


def get_routes(doc: Doc) -> list[tuple[int, int, str]]:
    """(start, end, code) of the parts of a Doc that take the route of one language, see `set_routes`."""
    routes = doc.user_data.get(ROUTES)
    return get_sentence_langs(doc) if routes is None else [(start, end, lang) for start, end, lang in routes]


def has_routes(doc: Doc) -> bool:
    """Whether a router has said whose routes the Doc takes, see `set_routes`."""
    return ROUTES in doc.user_data


def has_sentence_langs(doc: Doc) -> bool:
    """Whether the language of any sentence is known."""
    return any(lang for _, _, lang in doc.user_data.get(SENT_LANGS, ()))


def get_span_lang(span: Span) -> str:
    for start, end, lang in span.doc.user_data.get(SENT_LANGS, ()):
        if start <= span.start < end:
            return lang or get_lang(span.doc)
    return get_lang(span.doc)


# spaCy stores what is assigned to an extension without a setter, where its getter never looks: say so instead.


def _refuse_triples(doc: Doc, value: Any) -> None:
    raise RelxError("RX008", name="doc._.triples", source="doc._.relations")


def _refuse_removed(doc: Doc, value: Any) -> None:
    raise RelxError("RX008", name="doc._.removed_relations", source="doc._.relations")


def _refuse_span_lang(span: Span, value: Any) -> None:
    raise RelxError("RX008", name="span._.lang", source="doc._.lang")


_DOC_EXTENSIONS: dict[str, dict[str, Any]] = {
    "relations": {"getter": get_relations, "setter": set_relations},
    "triples": {"getter": get_triples, "setter": _refuse_triples},
    "removed_relations": {"getter": get_removed, "setter": _refuse_removed},
    "candidates": {"getter": get_candidates, "setter": set_candidates},
    "bag": {"getter": get_bag, "setter": set_bag},
    "facts": {"getter": get_facts, "setter": set_facts},
    "fact_scores": {"getter": get_fact_scores, "setter": set_fact_scores},
    "lang": {"getter": get_lang, "setter": set_lang},
}
_SPAN_EXTENSIONS: dict[str, dict[str, Any]] = {"lang": {"getter": get_span_lang, "setter": _refuse_span_lang}}


def set_extensions() -> None:
    """Register the extensions, once; every component does so when it is made.

    RAISES: RelxError RX001 when another package holds one of the names.
    """
    for cls, extensions in ((Doc, _DOC_EXTENSIONS), (Span, _SPAN_EXTENSIONS)):
        for name, functions in extensions.items():
            if not cls.has_extension(name):
                cls.set_extension(name, **functions)
            elif cls.get_extension(name)[2] is not functions["getter"]:
                raise RelxError("RX001", name=name)


def merge_docs(docs: Sequence[Doc], **kwargs: Any) -> Doc:
    """`Doc.from_docs`, keeping relations, facts and languages (spaCy drops extensions of the Doc there).

    docs: Docs of one vocab. **kwargs: as for `Doc.from_docs`. A Doc's language becomes that of its part's sentences,
    and the language of the whole where all agree. The same fact of several Docs becomes one, see `facts.merge_facts`.
    Bags of one pair become one bag; what is merged of other Docs is none. Candidates and `doc._.fact_scores` are not
    carried: they are about each Doc by itself, so run the components again.
    RETURNS: the merged Doc, or None for no docs, as `Doc.from_docs` does.
    """
    docs = list(docs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[W10[12]\]")  # of extensions, ids and metadata
        merged = Doc.from_docs(list(docs), **kwargs)
    if merged is None:
        return merged
    relations: list[Relation] = []
    facts: list[Fact] = []
    langs: list[tuple[int, int, str]] = []
    starts: list[int] = []
    offset = 0
    for doc in docs:
        relations.extend(relation.shift(offset) for relation in get_relations(doc))
        facts.extend(_moved(fact, fact.evidence, offset) for fact in get_facts(doc))
        langs.extend((start + offset, end + offset, lang) for start, end, lang in _lang_parts(doc[:]))
        starts.extend([offset] * bool(len(doc)))
        offset += len(doc)
    set_relations(merged, relations)
    set_facts(merged, merge_facts(facts))
    bags = {get_bag(doc) for doc in docs if len(doc)}
    if len(bags) == 1 and MENTIONS_KEY in merged.spans and all(merged[i].is_sent_start for i in starts[1:]):
        set_bag(merged, bags.pop())
    names = {get_lang(doc) for doc in docs if len(doc)}
    set_lang(merged, names.pop() if len(names) == 1 else "")
    set_sentence_langs(merged, langs)
    return merged


def span_as_doc(span: Span) -> Doc:
    """`span.as_doc()`, keeping the language, the spans of `doc.spans` that lie in the span, the relations of which both
    mentions do, and the facts that have evidence there, with that evidence alone.

    Facts without evidence are left out: nothing says what they are from. So are `doc._.fact_scores` and `doc._.bag`,
    which are about all of the Doc. `corpora.bags.split_bag` divides a bag and keeps its facts.
    """
    doc = span.as_doc()
    for key, group in span.doc.spans.items():  # spaCy drops them
        doc.spans[key] = [
            Span(doc, part.start - span.start, part.end - span.start, label=part.label, kb_id=part.kb_id)
            for part in group
            if span.start <= part.start and part.end <= span.end
        ]
    inside = [
        relation.shift(-span.start)
        for relation in get_relations(span.doc)
        if _lies_in(span, relation.head, relation.tail)
    ]
    set_relations(doc, inside)
    shown = [
        (fact, [each for each in fact.evidence if _lies_in(span, each, each.head, each.tail)])
        for fact in get_facts(span.doc)
    ]
    set_facts(doc, [_moved(fact, evidence, -span.start) for fact, evidence in shown if evidence])
    parts = _lang_parts(span)
    names = {lang for _, _, lang in parts}
    set_lang(doc, names.pop() if len(names) == 1 else get_lang(span.doc))
    if len(parts) > 1:
        set_sentence_langs(doc, parts)
    return doc


def _lies_in(span: Span, *parts: Mention | Evidence) -> bool:
    return all(span.start <= part.start and part.end <= span.end for part in parts)


def _moved(fact: Fact, evidence: Iterable[Evidence], offset: int) -> Fact:
    """The fact with this evidence, `offset` tokens later."""
    return replace(fact, evidence=tuple(each.shift(offset) for each in evidence))


def _lang_parts(span: Span) -> list[tuple[int, int, str]]:
    """(start, end, code) of the parts of one language in the span, counted from its start; all of it where not known
    by sentence."""
    parts = []
    for start, end, lang in span.doc.user_data.get(SENT_LANGS) or [(0, len(span.doc), "")]:
        start, end = max(start, span.start), min(end, span.end)
        if start < end:
            parts.append((start - span.start, end - span.start, lang or get_lang(span.doc)))
    return parts
