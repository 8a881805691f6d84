"""CrossRE and Multi-CrossRE (Bassignana & Plank 2022): JSON lines, tokens, ends of spans INCLUSIVE."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from ...data.types import Mention
from ..records import BadRecord, Place, Record, Report, misfit
from ._keys import Keys
from ._read import Row, get, get_id, get_words, int_list, mention_index, parse_rows, read_json_lines

#: Language codes by folder name.
LANGUAGES = {
    "crossre_data": "en",
    "bulgarian": "bg",
    "chinese": "zh",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "estonian": "et",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hungarian": "hu",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "latvian": "lv",
    "lithuanian": "lt",
    "polish": "pl",
    "br_portuguese": "pt",
    "pt_portuguese": "pt",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "slovak": "sk",
    "slovenian": "sl",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
    "ukrainian": "uk",
}


_KEYS = Keys("sentence", "ner", "relations", "doc_key", "token2charspan")


def read_crossre(path: Path, report: Report) -> Iterator[Record]:
    """Read a CrossRE file. The language is that of the nearest folder whose name tells it.

    A relation may join spans that "ner" does not list: they become mentions of the type ENT, and are noted (RX112).
    BROKEN: RX101, RX102, RX103, RX108, RX109.
    """
    folders = (folder.lower() for folder in reversed(path.absolute().parent.parts))
    lang = next((LANGUAGES[folder] for folder in folders if folder in LANGUAGES), "")
    for record in parse_rows(read_json_lines(path, report), _parse, report, inclusive=True, unknown=_KEYS):
        record.lang = lang
        yield record


def _parse(row: Row, place: Place, report: Report) -> Record:
    words = get_words(row, "sentence")
    record = Record(place, words=words, id=get_id(row, "doc_key"))
    record.spaces = _spaces(row)
    index: dict[tuple[int, int], int] = {}
    for value in get(row, "ner", list):
        start, last = int_list(value, 2, "an item of 'ner'")
        if len(value) < 3 or not isinstance(value[2], str):
            raise BadRecord("RX102", problem=f"an item of 'ner' must be [start, end, type], but is {value!r}")
        index.setdefault((start, last + 1), len(record.mentions))
        record.mentions.append(Mention(start, last + 1, value[2]))
    for value in get(row, "relations", list):
        head_start, head_last, tail_start, tail_last = int_list(value, 4, "an item of 'relations'")
        if len(value) < 5 or not isinstance(value[4], str):
            raise BadRecord("RX102", problem=f"an item of 'relations' must have its label fifth, but is {value!r}")
        spans = [(head_start, head_last + 1), (tail_start, tail_last + 1)]
        for start, end in spans:
            if not 0 <= start < end <= len(words):
                raise misfit(start, end, len(words), "tokens", inclusive=True)
        ends = []
        for start, end in spans:
            number, added = mention_index(record.mentions, index, start, end)
            ends.append(number)
            if added:
                report.note("RX112", place, record.content, start=start, end=end)
        record.relations.append((ends[0], ends[1], value[4]))
    return record


def _spaces(row: Row) -> list[bool] | None:
    """Whether a blank follows each token, which only the translated files tell."""
    spans = row.get("token2charspan")
    if not isinstance(spans, list) or len(spans) != len(row["sentence"]):
        return None
    offsets = [int_list(span, 2, "an item of 'token2charspan'") for span in spans]
    return [left[1] < right[0] for left, right in itertools.pairwise(offsets)] + [False]
