"""Prodigy's `rel.manual` output: JSON lines, tokens, `token_end` INCLUSIVE, ends of relations named by LAST token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, misfit
from ._read import Row, get, get_id, get_objects, mention_index, parse_rows, read_json_lines

_ANSWERS = ("accept", "reject", "ignore")


def read_prodigy(path: Path, report: Report) -> Iterator[Record]:
    """Read annotations made with `rel.manual`: "head" is the head of a relation, "child" its tail.

    Only accepted answers are used; a line without "answer" counts as accepted. A relation may join tokens that are no
    annotated span: they become mentions of the type ENT, and are noted (RX112). The language is "lang" or
    "meta"["lang"], where given; a span may have a "kb_id".
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, inclusive=True)


def _parse(row: Row, place: Place, report: Report) -> Record | None:
    answer = get(row, "answer", str, default="accept")
    if answer not in _ANSWERS:
        raise BadRecord("RX102", problem=f"'answer' must be one of {', '.join(_ANSWERS)}, but is '{answer}'")
    if answer != "accept":
        report.records_skipped += 1
        return None
    tokens = _tokens(row)
    meta = get(row, "meta", dict, default={})
    lang = row.get("lang") or meta.get("lang") or ""
    record = Record(place, words=[token["text"] for token in tokens], lang=str(lang), meta=meta)
    record.id = str(row["id"]) if "id" in row else ""
    record.spaces = _spaces(tokens, row)
    index: dict[tuple[int, int], int] = {}
    last: dict[int, int] = {}
    for span in get_objects(row, "spans"):
        start, end = _token_span(span, tokens)
        index.setdefault((start, end), len(record.mentions))
        last.setdefault(end - 1, len(record.mentions))
        label = get(span, "label", str, "in a span, ", default="") or UNTYPED
        record.mentions.append(Mention(start, end, label, get_id(span, "kb_id")))
    for relation in get_objects(row, "relations"):
        label = get(relation, "label", str, "in a relation, ")
        head, tail = (_end(relation, key, tokens, record, index, last, report) for key in ("head", "child"))
        record.relations.append((head, tail, label))
    return record


def _tokens(row: Row) -> list[Row]:
    tokens = get_objects(row, "tokens")
    if not tokens:
        raise BadRecord("RX102", problem="'tokens' is missing, which every rel.manual example has")
    for token in tokens:
        if not get(token, "text", str, "in a token, "):
            raise BadRecord("RX102", problem="a token has an empty text")
    return tokens


def _spaces(tokens: list[Row], row: Row) -> list[bool] | None:
    """Whether a blank follows each token: "ws" says it, or the offsets do."""
    if all(isinstance(token.get("ws"), bool) for token in tokens):
        return [token["ws"] for token in tokens]
    if all(type(token.get(key)) is int for token in tokens for key in ("start", "end")):
        length = len(row["text"]) if isinstance(row.get("text"), str) else tokens[-1]["end"]
        starts = [token["start"] for token in tokens[1:]] + [length]
        return [token["end"] < start for token, start in zip(tokens, starts)]
    return None


def _token_span(span: Row, tokens: list[Row]) -> tuple[int, int]:
    """[start, end) of a span in tokens; read off its characters where it does not say its tokens.

    RAISES: BadRecord RX102, RX103.
    """
    if span.get("token_start") is not None:
        start, end = (get(span, key, int, "in a span, ") for key in ("token_start", "token_end"))
        if not 0 <= start <= end < len(tokens):
            raise misfit(start, end + 1, len(tokens), "tokens", inclusive=True)
        return start, end + 1
    first, last = get(span, "start", int, "in a span, "), get(span, "end", int, "in a span, ")
    starts = {token.get("start"): i for i, token in enumerate(tokens)}
    ends = {token.get("end"): i for i, token in enumerate(tokens)}
    if first not in starts or last not in ends or starts[first] > ends[last]:
        raise BadRecord("RX102", problem=f"the span of characters [{first}, {last}) is not a span of tokens")
    return starts[first], ends[last] + 1


def _end(
    relation: Row,
    key: str,
    tokens: list[Row],
    record: Record,
    index: dict[tuple[int, int], int],
    last: dict[int, int],
    report: Report,
) -> int:
    """The mention at one end of a relation: by its span, else by its last token."""
    span: Any = relation.get(f"{key}_span")
    if isinstance(span, dict):
        start, end = _token_span(span, tokens)
    else:
        token = get(relation, key, int, "in a relation, ")
        if token in last:
            return last[token]
        if not 0 <= token < len(tokens):
            raise BadRecord("RX104", value=f"token {token}", n=len(record.mentions))
        start, end = token, token + 1
    if isinstance(span, dict):  # of several mentions of these tokens, the one that is meant
        meant = Mention(start, end, str(span.get("label") or UNTYPED), get_id(span, "kb_id"))
        if meant in record.mentions:
            return record.mentions.index(meant)
    number, added = mention_index(record.mentions, index, start, end)
    if added:
        label = span.get("label") if isinstance(span, dict) else None
        if isinstance(label, str) and label:
            record.mentions[number] = Mention(start, end, label)
        report.note("RX112", record.place, record.content, start=start, end=end)
    return number
