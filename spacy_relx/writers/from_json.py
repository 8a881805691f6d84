"""From the JSON Lines of `relx predict`, `relx facts` and `relx export` to exported triples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from ..data.text_forms import surrogate_fault
from ..data.types import read_support
from ..errors import RelxError
from .records import EntityMention, Triple, clean_text, document_id, line_bounds, passage, set_model, text_origin

Row = Mapping[str, Any]
#: How far from [0, 1] sums of single precision may come.
_ROUNDING = 1e-6


def triples_of_row(
    row: Any, *, number: int = 1, source: str = "", model: str = "", model_version: str = ""
) -> Iterator[Triple]:
    """The triples of one JSON object.

    Args:
        row: A document with "mentions", "relations" and perhaps "facts" (of `relx predict`), or a fact with "evidence":
            its "head" is an id (of `relx facts`) or an object (of `relx export --to jsonl`).
        number: The id of a row of predictions without one.
        source: Stands before ids that are numbers.
        model: For rows that do not say it. The texts of mentions, where they are given, must be those at their offsets,
            and scores must be in [0, 1].
        model_version: For rows that do not say it. The texts of mentions, where they are given, must be those at their
            offsets, and scores must be in [0, 1].

    Raises:
        ValueError: That says what is wrong; whoever reads the file adds the place.
    """
    if not isinstance(row, dict):
        raise ValueError("the line must be an object")
    origin = ""
    try:
        if "relations" in row:
            text = _optional_string(row, "text")
            doc_id, origin = document_id(row.get("id"), number, source, text), text_origin(text)
            facts = _rows(row, "facts") if "facts" in row else []
            triples: Iterator[Triple] = chain(_of_prediction(row, doc_id), *(_of_fact(fact, doc_id) for fact in facts))
        elif "head" in row and "evidence" in row:
            triples = _of_export(row) if isinstance(row["head"], dict) else _of_fact(row)
        else:
            raise ValueError('there is neither "relations" nor "head" with "evidence"')
        for triple in triples:
            triple.origin = origin
            yield set_model(triple, clean_text(model), clean_text(model_version))
    except RelxError as err:  # of read_support
        raise ValueError(str(err)) from err


def _of_prediction(row: Row, doc_id: str) -> Iterator[Triple]:
    text, lang = _optional_string(row, "text"), _optional_string(row, "lang")
    mentions = _rows(row, "mentions") if row.get("mentions") else []
    places = [_place(mention, text) for mention in mentions]
    for relation, *ends in relations_of_row(row):
        first, last = min(places[number][0] for number in ends), max(places[number][1] for number in ends)
        start, end = passage(*line_bounds(text, first, last), first, last)
        entities = []
        for number in ends:
            mention, place = mentions[number], places[number]
            inside = start <= place[0] and place[1] <= end
            where = (place[0] - start, place[1] - start) if inside else (None, None)
            kind, kb_id = _optional_string(mention, "label"), _optional_string(mention, "kb_id")
            entities.append(EntityMention(text[slice(*place)], kind, kb_id, *where))
        yield Triple(
            entities[0],
            _string(relation, "label"),
            entities[1],
            doc_id,
            text[start:end],
            start,
            end,
            lang,
            _score(relation),
            **read_support(relation),
        )


def _of_fact(row: Row, found_in: str | None = None) -> Iterator[Triple]:
    """found_in: the id of the one text that the fact was found in; else its evidence says where it is from."""
    ids = [_string(row, name) for name in ("head", "tail")]
    names = [_optional_string(row, f"{name}_text") for name in ("head", "tail")]
    label, score, support = _string(row, "label"), _score(row), read_support(row)
    pieces = _rows(row, "evidence")
    for piece in pieces:
        text = _string(piece, "text")
        entities = []
        for name, kb_id in zip(("head", "tail"), ids):
            start, end = _place(_part(piece, name), text)
            entities.append(EntityMention(text[start:end], "", kb_id, start, end))
        lang, weight = _optional_string(piece, "lang"), _optional_number(piece, "weight")
        if found_in is not None:
            doc_id, place = found_in, (_offset(piece, "start"), _offset(piece, "end"))
        else:
            named = _optional_string(piece, "document")
            doc_id = named or document_id(piece.get("id"), None, _optional_string(piece, "source"))
            place = (None, None)
        yield Triple(
            entities[0],
            label,
            entities[1],
            doc_id,
            text,
            *place,
            lang=lang,
            score=score,
            weight=weight,
            **support,
        )
    if not pieces:
        head, tail = (EntityMention(name or kb_id, kb_id=kb_id) for name, kb_id in zip(names, ids))
        yield Triple(head, label, tail, found_in or "", score=score, **support)


def _of_export(row: Row) -> Iterator[Triple]:
    label, support = _string(row, "label"), read_support(row)
    kb_ids = [_optional_string(_part(row, name), "kb_id") for name in ("head", "tail")]
    for piece in _rows(row, "evidence"):
        sentence = _optional_string(piece, "sentence")
        entities = []
        for name, kb_id in zip(("head", "tail"), kb_ids):
            part = _part(piece, name)
            words, kind = _optional_string(part, "text"), _optional_string(part, "label")
            start, end = _offset(part, "start"), _offset(part, "end")
            if start is not None and end is not None:
                _check_words(words, sentence, start, end)
            entities.append(EntityMention(words, kind, kb_id, start, end))
        yield Triple(
            entities[0],
            label,
            entities[1],
            _optional_string(piece, "document"),
            sentence,
            _offset(piece, "sentence_start"),
            _offset(piece, "sentence_end"),
            _optional_string(piece, "lang"),
            _score(piece),
            _optional_number(piece, "weight"),
            model=_optional_string(piece, "model"),
            model_version=_optional_string(piece, "model_version"),
            **support,
        )


def relations_of_row(row: Row) -> Iterator[tuple[Row, int, int]]:
    """Each relation of a record, and the places of its head and its tail in the list of mentions.

    RAISES: ValueError for a head or tail that is not there.
    """
    mentions = row.get("mentions") or []
    names = {each["id"]: number for number, each in enumerate(mentions) if isinstance(each.get("id"), str)}
    for relation in _rows(row, "relations"):
        head, tail = (_end(relation, key, names, len(mentions)) for key in ("head", "tail"))
        yield relation, head, tail


# Checks: each says which key is wrong


def _string(row: Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f'"{key}" must be a string that is not empty, but is {value!r:.80}')
    return _text(key, value)


def _optional_string(row: Row, key: str) -> str:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{key}" must be a string, but is {value!r:.80}')
    return _text(key, value or "")


def _text(key: str, value: str) -> str:
    if fault := surrogate_fault(value):
        raise ValueError(f'"{key}" is no text, {fault}')
    return value


def _rows(row: Row, key: str) -> list[Row]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError(f'"{key}" must be a list of objects, but is {value!r:.80}')
    return value


def _part(row: Row, key: str) -> Row:
    value = row.get(key)
    if not isinstance(value, dict):
        raise ValueError(f'"{key}" must be an object, but is {value!r:.80}')
    return value


def _end(relation: Row, key: str, names: Mapping[str, int], n: int) -> int:
    """The place in the list of mentions of the mention that a relation names, by its place or its id."""
    value = relation.get(key)
    number = names.get(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < n:
        raise ValueError(f'"{key}" must be the place of one of the {n} mentions, or its id, but is {value!r:.80}')
    return number


def _offset(row: Row, key: str) -> int | None:
    value = row.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53):
        raise ValueError(f'"{key}" must be a number of characters, but is {value!r:.80}')
    return value


def _place(mention: Row, text: str) -> tuple[int, int]:
    start, end = _offset(mention, "start"), _offset(mention, "end")
    if start is None or end is None or not start < end <= len(text):
        raise ValueError(f"the mention [{start}, {end}) does not fit the text of {len(text)} characters")
    _check_words(_optional_string(mention, "text"), text, start, end)
    return start, end


def _check_words(words: str, text: str, start: int, end: int) -> None:
    """words: the text of a mention, "" where it is not given; else offsets of another unit or text come to light."""
    if words and text[start:end] != words:
        raise ValueError(f"the mention [{start}, {end}) is {text[start:end]!r:.80}, and its text says {words!r:.80}")


def _score(row: Row) -> float:
    value = _optional_number(row, "score")
    if value is None:
        return 1.0
    if not -_ROUNDING <= value <= 1 + _ROUNDING:
        raise ValueError(f'"score" must be a number from 0 to 1, but is {value:g}')
    return value


def _optional_number(row: Row, key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f'"{key}" must be a number, but is {value!r:.80}')
    return float(value)
