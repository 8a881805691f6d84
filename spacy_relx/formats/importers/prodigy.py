"""Prodigy's `rel.manual` output: JSON lines, tokens, `token_end` INCLUSIVE, ends of relations named by LAST token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, misfit
from ._counting import CHARACTERS
from ._keys import Keys
from ._offsets import choose, note_choice
from ._read import Row, get, get_id, get_objects, mention_index, parse_rows, read_json_lines

_ANSWERS = ("accept", "reject", "ignore")
_SPAN = Keys(
    *("start", "end", "token_start", "token_end", "label", "kb_id", "id", "text", "source", "score", "type", "pattern"),
    *("color", "disabled", "style"),
    prefix="_",
)
_RELATION = Keys(
    *("head", "child", "label", "color", "text", "score", "source", "id"),
    prefix="_",
    inside={"head_span": _SPAN, "child_span": _SPAN},
)
_KEYS = Keys(
    *("id", "text", "tokens", "meta", "lang", "answer", "html", "image", "options", "accept", "label", "score"),
    *("priority", "config", "versions", "view_id", "field_id", "field_label", "user_input", "path", "audio"),
    prefix="_",
    inside={"spans": _SPAN, "relations": _RELATION},
)


def read_prodigy(path: Path, report: Report) -> Iterator[Record]:
    """Read annotations made with `rel.manual`: "head" is the head of a relation, "child" its tail.

    Only accepted answers are used; a line without "answer" counts as accepted. A relation may join tokens that are no
    annotated span: they become mentions of the type ENT, and are noted (RX112). The language is "lang" or
    "meta"["lang"], where given; a span may have a "kb_id". Characters of spans that are no tokens' count something else
    than characters, if the spans' own texts or tokens show it (RX570).
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109.
    """
    yield from parse_rows(read_json_lines(path, report), _parse, report, inclusive=True, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record | None:
    answer = get(row, "answer", str, default="accept")
    if answer not in _ANSWERS:
        raise BadRecord("RX102", problem=f"'answer' must be one of {', '.join(_ANSWERS)}, but is '{answer}'")
    if answer != "accept":
        report.records_skipped += 1
        return None
    tokens = _tokens(row)
    row = _in_characters(row, tokens, place, report)
    meta = get(row, "meta", dict, default={})
    lang = row.get("lang") or meta.get("lang") or ""
    record = Record(place, words=[token["text"] for token in tokens], lang=str(lang), meta=meta)
    record.id = get_id(row, "id")
    record.spaces = _spaces(tokens, row)
    ends = _Ends(record, _Places(tokens), report)
    for span in get_objects(row, "spans"):
        start, end = ends.places.of_span(span)
        label = get(span, "label", str, "in a span, ", default="") or UNTYPED
        ends.add(Mention(start, end, label, str(get_id(span, "kb_id"))))
    for relation in get_objects(row, "relations"):
        label = get(relation, "label", str, "in a relation, ")
        head, tail = (ends.find(relation, key) for key in ("head", "child"))
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


def _in_characters(row: Row, tokens: list[Row], place: Place, report: Report) -> Row:
    """The row, the offsets of its spans brought to characters where they count something else."""
    places, text = _Places(tokens), row.get("text")
    relations = get_objects(row, "relations")
    ends = [relation.get(key) for relation in relations for key in ("head_span", "child_span")]
    listed = [span for span in (*get_objects(row, "spans"), *ends) if isinstance(span, dict)]
    spans = [span for span in listed if all(type(span.get(key)) is int for key in ("start", "end"))]
    if not isinstance(text, str) or all(places.of_characters(span) is not None for span in spans):
        return row
    as_written = [[(span["start"], span["end"])] for span in spans]
    choice = choose(text, as_written, [_quote(span, tokens) for span in spans], CHARACTERS, ("utf16",))
    if choice.is_default:
        return row
    note_choice(choice, text, as_written, place, text, report)
    mended = {id(span): {**span, "start": start, "end": end} for span, [(start, end)] in zip(spans, choice.pieces)}
    row = {**row, "spans": [mended.get(id(span), span) for span in get_objects(row, "spans")]}
    row["relations"] = [
        {key: mended.get(id(value), value) for key, value in relation.items()} for relation in relations
    ]
    return row


def _quote(span: Row, tokens: list[Row]) -> str | None:
    """The text of a span: its own, or that of its tokens."""
    if isinstance(span.get("text"), str):
        return span["text"]
    first, last = span.get("token_start"), span.get("token_end")
    if type(first) is int and type(last) is int and 0 <= first <= last < len(tokens):
        return " ".join(token["text"] for token in tokens[first : last + 1])
    return None


def _spaces(tokens: list[Row], row: Row) -> list[bool] | None:
    """Whether a blank follows each token: "ws" says it, or the offsets do."""
    if all(isinstance(token.get("ws"), bool) for token in tokens):
        return [token["ws"] for token in tokens]
    if all(type(token.get(key)) is int for token in tokens for key in ("start", "end")):
        length = len(row["text"]) if isinstance(row.get("text"), str) else tokens[-1]["end"]
        starts = [token["start"] for token in tokens[1:]] + [length]
        return [token["end"] < start for token, start in zip(tokens, starts)]
    return None


class _Places:
    """Where tokens begin and end in the text, where they say it."""

    def __init__(self, tokens: list[Row]):
        self.n = len(tokens)
        self.starts = {token["start"]: i for i, token in enumerate(tokens) if type(token.get("start")) is int}
        self.ends = {token["end"]: i for i, token in enumerate(tokens) if type(token.get("end")) is int}

    def of_span(self, span: Row) -> tuple[int, int]:
        """[start, end) of a span in tokens; read off its characters where it does not say its tokens.

        RAISES: BadRecord RX102 (also where tokens and characters differ), RX103.
        """
        found = self.of_characters(span)
        if span.get("token_start") is None:
            if found is None:
                first, last = (get(span, key, int, "in a span, ") for key in ("start", "end"))
                raise BadRecord("RX102", problem=f"the span of characters [{first}, {last}) is not a span of tokens")
            return found
        start, end = (get(span, key, int, "in a span, ") for key in ("token_start", "token_end"))
        if not 0 <= start <= end < self.n:
            raise misfit(start, end + 1, self.n, "tokens", inclusive=True)
        if self.ends and span.get("start") is not None and found != (start, end + 1):
            first, last = span["start"], span.get("end")
            problem = f"the tokens {start} to {end} of a span are not its characters [{first}, {last})"
            raise BadRecord("RX102", problem=problem)
        return start, end + 1

    def of_characters(self, span: Row) -> tuple[int, int] | None:
        """[start, end) of a span in tokens by its characters, None where these are no tokens."""
        first, last = span.get("start"), span.get("end")
        if type(first) is not int or type(last) is not int or first not in self.starts or last not in self.ends:
            return None
        start, end = self.starts[first], self.ends[last] + 1
        return (start, end) if start < end else None


class _Ends:
    """The mentions of a record, and which of them a relation means."""

    def __init__(self, record: Record, places: _Places, report: Report):
        self.record = record
        self.places = places
        self.report = report
        self.index: dict[tuple[int, int], int] = {}
        self.numbers: dict[Mention, int] = {}
        self.last: dict[int, int] = {}

    def add(self, mention: Mention) -> None:
        number = len(self.record.mentions)
        self.index.setdefault((mention.start, mention.end), number)
        self.last.setdefault(mention.end - 1, number)
        self.numbers.setdefault(mention, number)
        self.record.mentions.append(mention)

    def find(self, relation: Row, key: str) -> int:
        """The mention at one end of a relation: by its span, else by its last token."""
        span: Any = relation.get(f"{key}_span")
        record = self.record
        if isinstance(span, dict):
            # Characters first: of a span that begins with token 0, Prodigy writes the last token as "token_start" here.
            start, end = self.places.of_characters(span) or self.places.of_span(span)
            # of several mentions of these tokens, the one that is meant
            meant = Mention(start, end, str(span.get("label") or UNTYPED), str(get_id(span, "kb_id")))
            if meant in self.numbers:
                return self.numbers[meant]
        else:
            token = get(relation, key, int, "in a relation, ")
            if token in self.last:
                return self.last[token]
            if not 0 <= token < self.places.n:
                raise BadRecord("RX104", value=f"token {token}", n=len(record.mentions))
            start, end = token, token + 1
        number, added = mention_index(record.mentions, self.index, start, end)
        if added:
            label = span.get("label") if isinstance(span, dict) else None
            if isinstance(label, str) and label:
                record.mentions[number] = Mention(start, end, label)
            self.numbers.setdefault(record.mentions[number], number)
            self.report.note("RX112", record.place, record.content, start=start, end=end)
        return number
