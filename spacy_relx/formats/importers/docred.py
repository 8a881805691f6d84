"""DocRED (Yao et al. 2019) and Re-DocRED (Tan et al. 2022): documents, entities of several mentions, facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from ...data.ids import content_id
from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, misfit
from ._keys import Keys
from ._read import Row, get, get_objects, get_words, int_list, parse_rows, read_json_list

_KEYS = Keys(
    *("title", "sents", "index"),
    inside={
        # positions in the document, indices and evidence are other programs' additions
        "vertexSet": Keys("name", "pos", "sent_id", "type", "global_pos", "index", "kb_id"),
        "labels": Keys("h", "t", "r", "evidence", "id"),
    },
)


def read_docred(path: Path, report: Report) -> Iterator[Record]:
    """Read a DocRED file, a JSON list: one record a document, with its sentences.

    The mentions of one entity share a kb_id, `DOCUMENT#number`. A document is known by its title and a digest of its
    words and of the places of its entities, since titles may be missing or the same: equal documents have equal ids, in
    whichever file. The title itself is meta["title"]. A fact joins entities: it becomes a relation between
    every two of their mentions that share a sentence, and where none do, between the two nearest.
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109; places count documents.
    """
    rows = read_json_list(path, report, lambda row: str(row.get("title", "")))
    yield from parse_rows(rows, _parse, report, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    sents = [get_words({"sents": sent}, "sents") for sent in get(row, "sents", list)]
    title = get(row, "title", str, default="")
    words = [word for sent in sents for word in sent]
    record = Record(place, words=words, id=content_id(title, "\n".join(words)))
    if title:
        record.meta = {"title": title}
    offsets = [0]
    for sent in sents:
        offsets.append(offsets[-1] + len(sent))
    record.sent_starts = sorted(set(offsets[:-1]))
    entities = []
    for number, vertex in enumerate(get(row, "vertexSet", list)):
        if not isinstance(vertex, list) or not all(isinstance(mention, dict) for mention in vertex):
            raise BadRecord("RX102", problem=f"entity {number} of 'vertexSet' must be a list of objects")
        entities.append([_add_mention(mention, record, offsets, f"#{number}") for mention in vertex])
    places = (f"{mention.start} {mention.end} {mention.kb_id}" for mention in record.mentions)
    document = content_id(title, "\n".join(words), *places)
    record.mentions = [replace(mention, kb_id=document + mention.kb_id) for mention in record.mentions]
    for fact in get_objects(row, "labels"):
        head, tail = (_entity(fact, key, entities) for key in ("h", "t"))
        label = get(fact, "r", str, "in a fact, ")
        record.relations.extend((h, t, label) for h, t in _pairs(head, tail, record.mentions))
    return record


def _add_mention(mention: Row, record: Record, offsets: list[int], kb_id: str) -> tuple[int, int]:
    """kb_id: of its entity in the document. RETURNS: (index of the mention in the record, its sentence)."""
    sent = get(mention, "sent_id", int, "in a mention, ")
    if not 0 <= sent < len(offsets) - 1:
        raise BadRecord("RX102", problem=f"a mention is in sentence {sent}, but there are {len(offsets) - 1}")
    start, end = int_list(mention.get("pos"), 2, "'pos' of a mention")
    length = offsets[sent + 1] - offsets[sent]
    if not 0 <= start < end <= length:
        raise misfit(start, end, length, "tokens")
    label = get(mention, "type", str, "in a mention, ", default="") or UNTYPED
    record.mentions.append(Mention(start + offsets[sent], end + offsets[sent], label, kb_id))
    return len(record.mentions) - 1, sent


def _entity(fact: Row, key: str, entities: list[list[tuple[int, int]]]) -> list[tuple[int, int]]:
    number: Any = get(fact, key, int, "in a fact, ")
    if not 0 <= number < len(entities) or not entities[number]:
        raise BadRecord("RX104", value=number, n=len(entities))
    return entities[number]


def _pairs(head: list[tuple[int, int]], tail: list[tuple[int, int]], mentions: list[Mention]) -> list[tuple[int, int]]:
    """The pairs of mentions that stand for a fact; each end is a list of (mention, sentence)."""
    pairs = [(h, t) for (h, h_sent), (t, t_sent) in product(head, tail) if h != t]
    shared = [(h, t) for (h, h_sent), (t, t_sent) in product(head, tail) if h_sent == t_sent and h != t]
    if shared or not pairs:
        return shared or [(head[0][0], tail[0][0])]

    def gap(pair: tuple[int, int]) -> int:
        left, right = sorted((mentions[pair[0]], mentions[pair[1]]), key=lambda mention: mention.start)
        return max(0, right.start - left.end)

    return [min(pairs, key=gap)]
