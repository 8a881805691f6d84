"""The Doc extensions, and helpers that carry them where spaCy drops them.

What is stored is plain, JSON-able data (`storage`). So it survives `Doc.to_bytes`, `DocBin(store_user_data=True)`,
pickle, `Doc.copy` and `nlp.pipe` with several processes. Getters make typed objects on reading, by the tokens that the
Doc has then. These objects are lists and mappings, which `Doc.to_json(underscore=[...])` takes as they are, and
`Doc.from_json` gives back to the setters.

`doc._.relations`   list of `Relation`;  `span._.relations`: those of a mention, or of a sentence
`doc._.triples`     list of (head text, label, tail text), read-only
`doc._.removed_relations`  what `relation_constraints` took away: plain data, each with a "reason"
`doc._.candidates`  `Candidates`
`doc._.bag`         `Bag`, where all sentences of the Doc are about one pair of entities, else None
`doc._.facts`       list of `Fact`
`doc._.fact_scores` `FactScores`
`doc._.annotated`   `Annotated`: what the annotation covers
`doc._.lang`        language code, "" where unknown;  `span._.lang`: that of the span's sentence, else the Doc's
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span
from spacy.tokens.underscore import Underscore

from ..errors import RelxError
from . import storage
from .annotated import Annotated
from .facts import Bag, FactList, FactScores, FactScoreTuple, fact_rows, facts_of
from .places import all_chars, char_bounds, check_span, current_spans
from .record import RowKind
from .relation_list import RelationList, Relations
from .storage import kept, put
from .types import (
    ANNOTATED,
    Candidate,
    Candidates,
    CandidateTuple,
    Mention,
    Relation,
    relation_rows,
    relations_of,
)


def _is_list(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, Mapping))


def _without_none(rows: Iterable[Any]) -> list[Any]:
    return [row for row in rows if row is not None]


_RELATIONS = RowKind(
    storage.RELATIONS, partial(storage.pair_rows, name=storage.RELATIONS), relations_of, relation_rows, put
)
_FACTS = RowKind(storage.FACTS, storage.fact_rows_of, facts_of, fact_rows, put)


def get_relations(doc: Doc) -> RelationList:
    return RelationList(doc, _RELATIONS)


def get_span_relations(span: Span) -> Relations:
    """The relations of a mention, or of a longer span such as a sentence, see `RelationList.of`."""
    return get_relations(span.doc).of(span)


def set_relations(doc: Doc, relations: Iterable[Any]) -> None:
    if not _is_list(relations):
        raise RelxError("RX007", value=relations)
    put(doc, storage.RELATIONS, _without_none(relation_rows(relations, doc)))


def get_removed(doc: Doc) -> list[dict[str, Any]]:
    """What `relation_constraints` has taken away: relations as plain data, each with a "reason" and "removed_by"."""
    rows = storage.pair_rows(doc, storage.REMOVED)
    return [{**row, "head": dict(row["head"]), "tail": dict(row["tail"])} for row in rows]


def set_removed(doc: Doc, relations: Iterable[Mapping[str, Any]]) -> None:
    """relations: mappings as `get_removed` gives them. Raises: RelxError RX543, and as for `doc._.relations`."""
    rows: list[Any] = list(relations) if _is_list(relations) else [relations]
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("reason"), str):
            raise RelxError("RX543", value=row)
    made = relation_rows((Relation.from_any(dict(row)) for row in rows), doc)
    told = [{key: row[key] for key in ("reason", "removed_by") if key in row} for row in rows]
    found = [{**plain, **each} for plain, each in zip(made, told) if plain is not None]
    put(doc, storage.REMOVED, found)


def get_bag(doc: Doc) -> Bag | None:
    data = kept(doc).get(storage.BAG)
    return None if data is None else Bag.from_any(data)


def set_bag(doc: Doc, bag: Any) -> None:
    """bag: a Bag, a pair of ids or a mapping; None for a Doc that is no bag. Raises: RelxError RX010."""
    put(doc, storage.BAG, None if bag is None else Bag.from_any(bag).to_dict())


def get_facts(doc: Doc) -> FactList:
    return FactList(doc, _FACTS)


def set_facts(doc: Doc, facts: Iterable[Any]) -> None:
    if not _is_list(facts):
        raise RelxError("RX013", value=facts)
    put(doc, storage.FACTS, fact_rows(facts, doc))


def has_fact_scores(doc: Doc) -> bool:
    return bool(kept(doc).get(storage.FACT_SCORES))


def get_fact_scores(doc: Doc) -> FactScores:
    """The scores of all components together, without an object for each pair."""
    parts = [FactScores.from_dict(data) for data in kept(doc).get(storage.FACT_SCORES, {}).values()]
    return FactScores.merged(parts) if parts else FactScores([], [], np.zeros((0, 0)))


def read_fact_scores(doc: Doc) -> FactScoreTuple:
    """The scores with a mapping for each pair, as `Doc.to_json` wants them."""
    return FactScoreTuple.of(get_fact_scores(doc))


def set_fact_scores(doc: Doc, scores: FactScores | Iterable[Mapping[str, Any]]) -> None:
    """Keep scores in place of all that were there.

    scores: also a list of mappings as `FactScores.of_rows` reads them; an empty list for none.

    Raises:
        RelxError: RX014.
    """
    if not isinstance(scores, FactScores):
        if not _is_list(scores):
            raise RelxError("RX014", value=scores)
        scores = FactScores.of_rows(list(scores))
    put(doc, storage.FACT_SCORES, {ANNOTATED: scores.to_dict()} if scores.labels else None)


def get_annotated(doc: Doc) -> Annotated:
    return Annotated.from_any(kept(doc).get(storage.COVER))


def set_annotated(doc: Doc, value: Any) -> None:
    """value: an Annotated or a mapping like it; None for everything. Raises: RelxError RX720."""
    annotated = Annotated.from_any(value)
    put(doc, storage.COVER, None if annotated.is_whole else annotated.to_dict())


def get_triples(doc: Doc) -> list[tuple[str, str, str]]:
    rows = storage.pair_rows(doc, storage.RELATIONS)
    return [(_text(doc, row["head"]), row["label"], _text(doc, row["tail"])) for row in rows]


def _text(doc: Doc, row: Mapping[str, Any]) -> str:
    return doc[row["start"] : row["end"]].text


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
    return storage.CANDIDATES in kept(doc)


def count_candidates(doc: Doc) -> int:
    """How many candidate pairs a Doc has."""
    return len(kept(doc).get(storage.CANDIDATES, {"heads": ()})["heads"])


def get_candidates(doc: Doc) -> Candidates:
    """The candidates, without an object for each pair."""
    data = kept(doc).get(storage.CANDIDATES)
    if data is None:
        return Candidates.empty()
    current = storage.candidate_columns(doc, data)
    if current is not data:
        put(doc, storage.CANDIDATES, current)
    return Candidates.from_dict(current, doc)


def read_candidates(doc: Doc) -> CandidateTuple:
    """The candidates with an object for each pair, as `Doc.to_json` wants them."""
    return CandidateTuple.of(get_candidates(doc))


def set_candidates(doc: Doc, candidates: Candidates | Iterable[Any]) -> None:
    """candidates: also a list of `Candidate`, or of mappings with "head" and "tail"; an empty list for none.

    Raises:
        RelxError: RX002, RX003, RX009.

    Warns:
        RX540: Where mentions from a file do not begin and end where tokens do.
    """
    if not isinstance(candidates, Candidates):
        candidates = _candidates_of(candidates)
        if not len(candidates):
            put(doc, storage.CANDIDATES, None)
            return
    columns: Mapping[str, Any] = candidates.to_dict()
    if "start_chars" in columns and candidates.are_of(doc):
        columns = storage.candidate_columns(doc, columns)
    else:
        start_chars, end_chars = all_chars(doc, columns["starts"], columns["ends"])
        columns = {**columns, "start_chars": start_chars, "end_chars": end_chars}
    put(doc, storage.CANDIDATES, columns)


def _candidates_of(values: Any) -> Candidates:
    pairs: list[Candidate] = []
    markers: dict[Mention, int] = {}
    types: dict[Mention, str] = {}
    for value in values if _is_list(values) else [None]:
        if not isinstance(value, Mapping) or not {"head", "tail"} <= set(value):
            raise RelxError("RX009", value=values)
        pair = value if isinstance(value, Candidate) else Candidate(value["head"], value["tail"])
        pairs.append(pair)
        for end, mention in (("head", pair.head), ("tail", pair.tail)):
            row = value[end] if isinstance(value[end], Mapping) else {}
            marker, kind = row.get("marker", 0), row.get("type", mention.label)
            if not isinstance(marker, int) or marker < 0 or not isinstance(kind, str):
                raise RelxError("RX009", value=value)
            markers[mention], types[mention] = marker, kind
    return Candidates.of_pairs(pairs, markers, types)


def get_type_names(doc: Doc) -> dict[str, str]:
    """What training calls the Doc's entity types, where it is something else: {type on the Doc: type of training}."""
    data = kept(doc).get(storage.CANDIDATES, {"labels": (), "types": ()})
    return {label: kind for label, kind in zip(data["labels"], data["types"]) if label != kind}


def get_lang(doc: Doc) -> str:
    return kept(doc).get(storage.LANG, "")


def set_lang(doc: Doc, lang: str | None) -> None:
    """Store the language of a Doc; routes that were made for another language are forgotten."""
    if lang is not None and not isinstance(lang, str):
        raise RelxError("RX006", value=lang)
    put(doc, storage.LANG, lang or "")
    set_routes(doc, None)


def set_sentence_langs(doc: Doc, langs: Sequence[tuple[int, int, str]]) -> None:
    """Store the languages of sentences: (start, end, code), token offsets. Routes are forgotten, as by `set_lang`."""
    set_routes(doc, None)
    put(doc, storage.SENT_LANGS, _parts(doc, langs))


def _parts(doc: Doc, parts: Sequence[tuple[int, int, str]]) -> list[list[Any]]:
    """Parts with their characters. RAISES: RelxError RX003 for one that does not fit the Doc."""
    rows = [(int(start), int(end), str(lang)) for start, end, lang in parts]
    for start, end, _ in rows:
        check_span(start, end, len(doc))
    return [[start, end, lang, *char_bounds(doc, start, end)] for start, end, lang in rows]


def get_sentence_langs(doc: Doc) -> list[tuple[int, int, str]]:
    """(start, end, code) of each part of one language; all of the Doc where it is not known by sentence."""
    common, length = get_lang(doc), len(doc)
    rows = storage.lang_rows(doc, storage.SENT_LANGS)
    if not rows:
        return [(0, length, common)] if length else []
    return [(row[0], row[1], row[2] or common) for row in rows]


def set_routes(doc: Doc, routes: Sequence[tuple[int, int, str]] | None) -> None:
    """Store whose route through language-specific layers parts of the Doc take: (start, end, code), token offsets, ""
    for the average of all routes. None: each part takes that of its own language."""
    put(doc, storage.ROUTES, None if routes is None else _parts(doc, routes))


def get_routes(doc: Doc) -> list[tuple[int, int, str]]:
    """(start, end, code) of the parts of a Doc that take the route of one language, see `set_routes`."""
    if not has_routes(doc):
        return get_sentence_langs(doc)
    return [(row[0], row[1], row[2]) for row in storage.lang_rows(doc, storage.ROUTES)]


def has_routes(doc: Doc) -> bool:
    """Whether a router has said whose routes the Doc takes, see `set_routes`."""
    return storage.ROUTES in kept(doc)


def has_sentence_langs(doc: Doc) -> bool:
    """Whether the language of any sentence is known."""
    return any(row[2] for row in kept(doc).get(storage.SENT_LANGS, ()))


def get_span_lang(span: Span) -> str:
    for start, end, lang, *_ in storage.lang_rows(span.doc, storage.SENT_LANGS):
        if start <= span.start < end:
            return lang or get_lang(span.doc)
    return get_lang(span.doc)


class GoldMentions(str, Enum):
    """What a Doc that is to be predicted on has to do with the mentions of its reference."""

    GIVEN = "given"  #: They stand on the Doc: scores are of given mentions.
    TRAINING = "training"  #: A training step takes them of the reference; a component of the pipeline finds its own.
    MARKED = "marked"  #: A training step has made candidates of them.


def get_gold_mentions(doc: Doc) -> GoldMentions | None:
    value = kept(doc).get(storage.GOLD_MENTIONS)
    return None if value is None else GoldMentions(value)


def set_gold_mentions(doc: Doc, value: GoldMentions) -> None:
    put(doc, storage.GOLD_MENTIONS, value.value)


# spaCy stores what is assigned to an extension without a setter, where its getter never looks: say so instead.


def _refuse_triples(doc: Doc, value: Any) -> None:
    # Doc.from_json gives back, by Underscore.set, what Doc.to_json has read: that is passed over. An assignment comes
    # another way.
    if sys._getframe(2).f_code is not Underscore.set.__code__:
        raise RelxError("RX008", name="doc._.triples", source="doc._.relations")


def _refuse_span_lang(span: Span, value: Any) -> None:
    raise RelxError("RX008", name="span._.lang", source="doc._.lang")


def _refuse_span_relations(span: Span, value: Any) -> None:
    raise RelxError("RX008", name="span._.relations", source="doc._.relations")


_DOC_EXTENSIONS: dict[str, dict[str, Any]] = {
    "relations": {"getter": get_relations, "setter": set_relations},
    "triples": {"getter": get_triples, "setter": _refuse_triples},
    "removed_relations": {"getter": get_removed, "setter": set_removed},
    "candidates": {"getter": read_candidates, "setter": set_candidates},
    "bag": {"getter": get_bag, "setter": set_bag},
    "facts": {"getter": get_facts, "setter": set_facts},
    "fact_scores": {"getter": read_fact_scores, "setter": set_fact_scores},
    "annotated": {"getter": get_annotated, "setter": set_annotated},
    "lang": {"getter": get_lang, "setter": set_lang},
}
_SPAN_EXTENSIONS: dict[str, dict[str, Any]] = {
    "lang": {"getter": get_span_lang, "setter": _refuse_span_lang},
    "relations": {"getter": get_span_relations, "setter": _refuse_span_relations},
}


def set_extensions() -> None:
    """Register the extension attributes of Doc and Span.

    Each component calls this when it is made; further calls do nothing.

    Raises:
        RelxError: RX001 if another package has registered one of the names.
    """
    for cls, extensions in ((Doc, _DOC_EXTENSIONS), (Span, _SPAN_EXTENSIONS)):
        for name, functions in extensions.items():
            if not cls.has_extension(name):
                cls.set_extension(name, **functions)
            elif cls.get_extension(name)[2] is not functions["getter"]:
                raise RelxError("RX001", name=name)


def merge_docs(docs: Sequence[Doc], **kwargs: Any) -> Doc:
    """Merge Docs, as `Doc.from_docs` does, with their relations and facts.

    The language of each Doc becomes the language of its sentences, and of the merged Doc if all agree. Equal facts
    become one, see `facts.merge_facts`. Bags of one pair become one bag; other Docs do not. Candidates and
    `doc._.fact_scores` are dropped, so run the components again.

    Args:
        docs: Docs with the same vocab.
        **kwargs: As for `Doc.from_docs`. Relations, facts and languages are kept even without its `user_data`.

    Returns:
        The merged Doc, or None if there are no Docs, as with `Doc.from_docs`.
    """
    docs = list(docs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[W10[12]\]")  # of extensions, ids and metadata
        merged = Doc.from_docs(list(docs), **kwargs)
    if merged is None:
        return merged
    offset = 0
    for doc in docs:
        if len(doc):
            storage.carry(doc, merged, merged[offset].idx - doc[0].idx)
        offset += len(doc)
    kept(merged)
    return merged


def span_as_doc(span: Span) -> Doc:
    """Copy a span to a Doc of its own, as `span.as_doc()` does, with its relations and facts.

    The Doc keeps the language, the spans of `doc.spans` inside the span, relations whose two mentions are inside it,
    and facts with evidence inside it, with that evidence only. Facts without evidence, `doc._.fact_scores` and
    `doc._.bag` are dropped. `formats.bags.split_bag` divides a bag and keeps its facts.

    Args:
        span: The span to copy.

    Returns:
        The new Doc.
    """
    doc = span.as_doc()
    for key, group in span.doc.spans.items():  # spaCy drops them
        doc.spans[key] = [
            Span(doc, part.start - span.start, part.end - span.start, label=part.label, kb_id=part.kb_id)
            for part in current_spans(group)
            if span.start <= part.start and part.end <= span.end
        ]
    if len(doc):
        storage.carry(span.doc, doc, -span.start_char)
        storage.keep_piece(doc)
    return doc
