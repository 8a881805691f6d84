"""The project's own format: one JSON record a line, easy to write by hand, and what `relx predict` writes and the
service answers. See docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.annotated import Annotated
from ...data.types import SUPPORT, Mention, read_support
from ...errors import RelxError
from ..records import UNTYPED, BadRecord, Place, Record, Report
from ._counting import CHARACTERS
from ._read import Row, get, get_id, get_objects, get_words, json_name, parse_rows, pass_over, read_json_lines

# A misspelt key must not lose its data without a word: keys of one's own go under "meta".
KEYS = {"text", "tokens", "spaces", "mentions", "relations", "id", "lang", "meta", "facts", "annotated"}
_MENTION_KEYS = {"start", "end", "label", "kb_id", "id", "text"}
_RELATION_KEYS = {"head", "tail", "label", "score", *SUPPORT}
#: The key of an answer of the service, which holds records and errors.
RESULTS = "results"
#: A score that sums of single precision have brought over 1.
_ROUNDING = 1e-6


def read_jsonl(path: Path, report: Report) -> Iterator[Record]:
    """Read a file of our own format. Relations labelled "no_relation" are pairs annotated as unrelated.

    A line may also be an answer of the service: its results are records. Facts of predictions are not read: they follow
    from the relations, and are counted (RX604).

    Offsets in a text count characters; where mentions show that a program counted something else, they are read so
    (RX570).
    BROKEN: RX101, RX102 (not of the format), RX103 (offsets), RX104 (relation to no mention), RX105 and RX574 (the
    mention's own text is another one), RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, offsets=CHARACTERS, units=("utf16",))


def _parse(row: Row, place: Place, report: Report) -> Record | list[Record]:
    if set(row) == {RESULTS}:
        return [_record(result, place, report) for result in get_objects(row, RESULTS)]
    return _record(row, place, report)


def _record(row: Row, place: Place, report: Report) -> Record:
    _check_keys(row, KEYS, "")
    record = Record(place, id=get_id(row, "id"), lang=get(row, "lang", str, default=""))
    record.meta = get(row, "meta", dict, default={})
    if ("text" in row) == ("tokens" in row):
        raise BadRecord("RX102", problem="there must be either 'text' or 'tokens'")
    if "text" in row:
        record.text, record.quotes = get(row, "text", str), []
        if "spaces" in row:
            raise BadRecord("RX102", problem="'spaces' goes with 'tokens', not with 'text'")
    else:
        record.words = get_words(row, "tokens")
        record.spaces = _spaces(row, len(record.words))
    names: dict[str, int] = {}
    for mention in get_objects(row, "mentions"):
        _add_mention(mention, record, names)
    for relation in get_objects(row, "relations"):
        _check_keys(relation, _RELATION_KEYS, "in a relation, ")
        label = get(relation, "label", str, "in a relation, ")
        head, tail = (_resolve(relation, key, names) for key in ("head", "tail"))
        scores = _scores(relation)
        record.relations.append((head, tail, label, scores) if scores else (head, tail, label))
    if "annotated" in row:
        record.annotated = _annotated(get(row, "annotated", dict))
    if get_objects(row, "facts"):
        pass_over(report, "RX604", place, record.content)
    return record


def _annotated(value: Row) -> Annotated:
    try:
        return Annotated.from_any(value)
    except RelxError as err:
        raise BadRecord("RX102", problem=str(err).partition("] ")[2].rstrip(".")) from err


def _scores(relation: Row) -> dict[str, Any]:
    """What a model says of a relation: score, kb_score, known, kb_rank, those that are there."""
    try:
        scores = read_support(relation)
    except RelxError as err:
        raise BadRecord("RX102", problem=f"in a relation, {str(err).partition('] ')[2].rstrip('.')}") from err
    score = relation.get("score")
    if score is None:
        return scores
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1 + _ROUNDING:
        raise BadRecord("RX102", problem=f"in a relation, 'score' must be a number from 0 to 1, but is {score!r:.80}")
    return {"score": float(score), **scores}


def _check_keys(row: Row, known: set[str], where: str) -> None:
    unknown = sorted(set(row) - known)
    if unknown:
        keys = ", ".join(sorted(known))
        raise BadRecord("RX102", problem=f"{where}the key '{unknown[0]}' is unknown (known: {keys})")


def _spaces(row: Row, n: int) -> list[bool] | None:
    spaces = get(row, "spaces", list, default=None)
    if spaces is not None and (len(spaces) != n or not all(isinstance(space, bool) for space in spaces)):
        raise BadRecord("RX102", problem=f"'spaces' must be {n} times true or false, one for each token")
    return spaces


def _add_mention(row: Row, record: Record, names: dict[str, int]) -> None:
    where = f"in mention {len(record.mentions)}, "
    _check_keys(row, _MENTION_KEYS, where)
    start, end = get(row, "start", int, where), get(row, "end", int, where)
    text = get(row, "text", str, where, default=None)
    if record.quotes is not None:
        record.quotes.append(text)
    name = row.get("id")
    if isinstance(name, str):
        if name in names:
            raise BadRecord("RX102", problem=f"two mentions have the id '{name}'")
        names[name] = len(record.mentions)
    elif name is not None:
        raise BadRecord("RX102", problem=f"{where}'id' must be a string, but is {json_name(name)}")
    label = get(row, "label", str, where, default="") or UNTYPED
    record.mentions.append(Mention(start, end, label, str(get_id(row, "kb_id"))))


def _resolve(relation: Row, key: str, names: dict[str, int]) -> int:
    """The mention a relation names, by its place in the list or by its id."""
    value: Any = relation.get(key)
    if isinstance(value, str):
        if value not in names:
            raise BadRecord("RX104", value=repr(value), n=len(names))
        return names[value]
    return get(relation, key, int, "in a relation, ")
