"""JSON lines of documents as DyGIE++ and PURE have them, for ACE, SciERC and others: ends of spans INCLUSIVE."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, misfit
from ._keys import Keys
from ._read import Row, get, get_id, get_words, int_list, mention_index, parse_rows, pass_over, read_json_lines

#: What the format has besides mentions and relations.
_PASSED_OVER = ("events", "clusters")
_KEYS = Keys(
    *("sentences", "ner", "relations", "doc_key", "dataset", "weight", "ner_flavors", "clusters_ace"),
    *("sentence_start", "_sentence_start", "sections"),
    *_PASSED_OVER,
    prefix="predicted_",
)


def read_ace(path: Path, report: Report) -> Iterator[Record]:
    """Read documents with "sentences", "ner" and "relations", each a list for every sentence; one record a document.

    Offsets count the tokens of the document, not of the sentence. A relation may join spans that "ner" does not list:
    they become mentions of the type ENT, and are noted (RX112). Coreference ("clusters") and events are passed over
    (RX305). The id is "doc_key".
    BROKEN: RX101, RX102, RX103, RX108, RX109, RX602.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, inclusive=True, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    sents = [get_words({"sentences": sent}, "sentences") for sent in get(row, "sentences", list)]
    offsets = [0, *accumulate(map(len, sents))]
    record = Record(place, words=[word for sent in sents for word in sent], id=get_id(row, "doc_key"))
    record.sent_starts = sorted(set(offsets[:-1]))
    index: dict[tuple[int, int], int] = {}
    length = offsets[-1]
    for number, value in _by_sentence(row, "ner", len(sents)):
        start, last = int_list(value, 2, "an item of 'ner'")
        first, end = offsets[number : number + 2]
        if 0 <= start <= last < length and not first <= start <= last < end:
            # what files have, too, whose offsets count from the beginning of each sentence
            raise BadRecord(
                "RX102",
                problem=f"the mention of the tokens {start} to {last} is listed for sentence {number + 1}, which has "
                f"the tokens {first} to {end - 1}; offsets count tokens of the whole document, and ends are inclusive",
            )
        index.setdefault((start, last + 1), len(record.mentions))
        record.mentions.append(Mention(start, last + 1, _label(value, 2, "ner") or UNTYPED))
    for _, value in _by_sentence(row, "relations", len(sents)):
        ends = int_list(value, 4, "an item of 'relations'")
        numbers = []
        for start, end in ((ends[0], ends[1] + 1), (ends[2], ends[3] + 1)):
            if not 0 <= start < end <= length:
                raise misfit(start, end, length, "tokens", inclusive=True)
            number, added = mention_index(record.mentions, index, start, end)
            numbers.append(number)
            if added:
                report.note("RX112", place, record.content, start=start, end=end)
        record.relations.append((numbers[0], numbers[1], _label(value, 4, "relations")))
    for key in _PASSED_OVER:
        value = row.get(key)
        if isinstance(value, list) and any(value):
            pass_over(report, "RX305", place, record.content, kind=f"'{key}'")
    return record


def _by_sentence(row: Row, key: str, n: int) -> Iterator[tuple[int, Any]]:
    """What a document lists for its sentences, one after the other: (sentence, item)."""
    lists = get(row, key, list, default=[])
    if lists and len(lists) != n:
        raise BadRecord(
            "RX102", problem=f"'{key}' must have a list for each of the {n} sentences, but has {len(lists)}"
        )
    for number, values in enumerate(lists):
        if not isinstance(values, list):
            raise BadRecord("RX102", problem=f"'{key}' must hold a list for each sentence")
        yield from ((number, value) for value in values)


def _label(value: list[Any], place: int, key: str) -> str:
    if len(value) <= place or not isinstance(value[place], str):
        raise BadRecord("RX102", problem=f"an item of '{key}' must have a label at place {place}, but is {value!r}")
    return value[place]
