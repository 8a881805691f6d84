"""DocBins of other spaCy components that keep relations in `doc._.rel`: the rel_component tutorial, spacy-llm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ...data.types import Mention
from ...errors import RelxError
from ..docbin import read_docs
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._read import Row, get, json_name, parse_rows

#: Where spaCy keeps the extension.
REL: Any = ("._.", "rel", None, None)
#: The tutorial's values are 0 or 1 in annotations, probabilities in predictions.
_YES = 0.5


def read_rel_component(path: Path, report: Report) -> Iterator[Record]:
    """Read a .spacy file of explosion's rel_component tutorial: `doc._.rel` is a dict, (first token of the head's
    entity, first token of the tail's) -> {label: number}; numbers from 0.5 are relations.

    A pair without any is counted as marked no relation. Mentions are `doc.ents`; tokens and sentences stay.
    BROKEN: RX102 (`doc._.rel` is no dict, or no Doc has any), RX104 (no entity begins there), RX109;
    places count documents.
    """
    yield from parse_rows(_docs(path, report), _parse_dict, report)


def read_spacy_llm(path: Path, report: Report) -> Iterator[Record]:
    """Read a .spacy file of spacy-llm's REL tasks: `doc._.rel` is a list of {"dep", "dest", "relation"}, of which "dep"
    and "dest", head and tail, are places in `doc.ents`.

    spacy-llm itself sets objects, which no .spacy file can hold: set them as dicts (`item.model_dump()`) to save them.
    BROKEN: RX102 (`doc._.rel` is no list, or no Doc has any), RX104, RX109; places count documents.
    """
    yield from parse_rows(_docs(path, report), _parse_list, report)


def first_rel(path: Path) -> Any:
    """`doc._.rel` of the first Doc of a .spacy file that has one, None where none has. RAISES: RelxError RX132."""
    return next((doc.user_data[REL] for doc in read_docs(path, Vocab()) if REL in doc.user_data), None)


def _docs(path: Path, report: Report) -> Iterator[tuple[Place, str, Doc]]:
    try:
        if first_rel(path) is None:
            problem = (
                "no document of this file has a value in doc._.rel; if the relations are in doc._.relations, no "
                "conversion is needed; else check that the file was saved with store_user_data"
            )
            report.broken("RX102", Place(path, 1, "document"), "", problem=problem)
            return
        for number, doc in enumerate(read_docs(path, Vocab()), start=1):
            yield Place(path, number, "document"), doc.text, doc
    except RelxError as err:
        if err.code != "RX132":
            raise
        report.broken("RX109", Place(path, 1, "document"), "", reason=err)


def _parse_dict(doc: Doc, place: Place, report: Report) -> Record:
    record = _record(doc, place)
    rel = _rel(doc, Mapping, "a dict of pairs", "spacy_llm")
    first = {mention.start: i for i, mention in enumerate(record.mentions)}
    for pair, scores in (rel or {}).items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(scores, Mapping):
            raise BadRecord("RX102", problem=f"doc._.rel must map pairs of tokens to scores, but has {pair!r}")
        for token in pair:
            if token not in first:
                raise BadRecord("RX104", value=f"that begins at token {token}", n=len(first))
        labels = [label for label, score in scores.items() if _number(score) >= _YES]
        report.relations_none += not labels
        record.relations.extend((first[pair[0]], first[pair[1]], str(label)) for label in labels)
    return record


def _parse_list(doc: Doc, place: Place, report: Report) -> Record:
    record = _record(doc, place)
    for item in _rel(doc, (list, tuple), "a list", "rel_component") or ():
        if not isinstance(item, Mapping):
            raise BadRecord("RX102", problem=f"doc._.rel must hold dicts, but one is {json_name(item)}")
        row: Row = dict(item)
        head, tail = (get(row, key, int, "in doc._.rel, ") for key in ("dep", "dest"))
        record.relations.append((head, tail, get(row, "relation", str, "in doc._.rel, ")))
    return record


def _rel(doc: Doc, kind: Any, wanted: str, other: str) -> Any:
    rel = doc.user_data.get(REL)
    if rel is not None and not isinstance(rel, kind):
        problem = f"doc._.rel is a {type(rel).__name__}, but must be {wanted}; the format may be {other}"
        raise BadRecord("RX102", problem=problem)
    return rel


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as err:
        raise BadRecord("RX102", problem=f"a score in doc._.rel is {value!r}") from err


def _record(doc: Doc, place: Place) -> Record:
    words = [token.text for token in doc]
    spaces = None if doc.has_unknown_spaces else [bool(token.whitespace_) for token in doc]
    record = Record(place, words=words, spaces=spaces)
    record.mentions = [Mention(e.start, e.end, e.label_ or UNTYPED, e.kb_id_) for e in doc.ents]
    if doc.has_annotation("SENT_START"):
        record.sent_starts = [sent.start for sent in doc.sents]
    return record
