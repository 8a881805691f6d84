"""What this package keeps on a Doc, and how it follows the text.

Everything is in one dict of plain data in `doc.user_data`, under the key that spaCy gives to an extension of the span
of all tokens: ("._.", "spacy_relx", first character, last character). spaCy moves such keys with the text in
`Doc.from_docs` and in `Span.as_doc(copy_user_data=True)`. A key that is not at its place says that the Doc was made of
others, and how far each was moved; `kept` puts the parts together then.

Spans are rows with their tokens (`start`, `end`) and their characters (`start_char`, `end_char`). Characters hold good
when tokens are merged or split; whoever reads rows checks that the tokens still are these characters, and finds the
tokens anew where they are not.

Values are never changed in place, so that a shallow copy of the dict is a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from spacy.tokens import Doc

from .annotated import Annotated
from .facts import facts_of, merge_facts
from .places import Places, all_fit, fits, text_end, warn_lost
from .types import MENTION_COLUMNS, MENTIONS_KEY

#: Names of values in the dict.
RELATIONS, REMOVED, FACTS, CANDIDATES = "relations", "removed_relations", "facts", "candidates"
LANG, SENT_LANGS, ROUTES, BAG, FACT_SCORES = "lang", "sent_langs", "routes", "bag", "fact_scores"
FOUND_MENTIONS, GOLD_MENTIONS, COVER = "found_mentions", "gold_mentions", "annotated"
_NAME = "spacy_relx"
_NOTHING: Mapping[str, Any] = {}

_Row = Mapping[str, Any]


def _key(start: int, end: int) -> Any:  # a tuple, as spaCy has them, though it types the keys of user_data as str
    return ("._.", _NAME, start, end)


def kept(doc: Doc) -> Mapping[str, Any]:
    """The values on a Doc, by name. Do not change them: `put` does."""
    data = doc.user_data
    if not data:
        return _NOTHING
    found = data.get(_key(0, text_end(doc)))
    if found is None:
        parts = [key for key in data if _is_ours(key)]
        found = _settle(doc, parts) if parts else _NOTHING
    return found


def put(doc: Doc, name: str, value: Any) -> None:
    """Keep a value on a Doc; None removes it."""
    found: Any = kept(doc)
    if value is None:
        if found:
            found.pop(name, None)
        return
    if found is _NOTHING:
        found = doc.user_data[_key(0, text_end(doc))] = {}
    found[name] = value


def carry(doc: Doc, other: Doc, shift: int) -> None:
    """Give another Doc what a Doc has. shift: how many characters later the Doc's text stands there."""
    items: Any = list(doc.user_data.items())
    for key, value in items:
        if _is_ours(key):
            other.user_data[_key(key[2] + shift, key[3] + shift)] = dict(value)


def keep_piece(doc: Doc) -> None:
    """Leave a Doc what a piece of it would have, see `_settle`."""
    found = kept(doc)
    facts = [row for row in found.get(FACTS, ()) if "evidence" in row]
    for name in (BAG, FACT_SCORES, CANDIDATES, ROUTES):
        put(doc, name, None)
    put(doc, FACTS, facts or None)


def _is_ours(key: Any) -> bool:
    return type(key) is tuple and len(key) == 4 and key[:2] == ("._.", _NAME)


# Rows that follow the text


def spans_fit(doc: Doc, rows: Iterable[_Row]) -> bool:
    """Whether the tokens of all these rows still are their characters. One object is looked at once."""
    seen: set[int] = set()
    for row in rows:
        if id(row) not in seen:
            if not fits(doc, row["start"], row["end"], row["start_char"], row["end_char"]):
                return False
            seen.add(id(row))
    return True


class _Move:
    """Puts rows at their place in a Doc. shift: how many characters later they stand now."""

    def __init__(self, places: Places, shift: int = 0):
        self.places = places
        self.shift = shift
        self.length = places.ends[-1] if places.ends else 0
        #: Characters of mentions that do not begin and end where tokens do.
        self.lost: list[tuple[int, int]] = []

    def _chars(self, row: _Row) -> tuple[int, int]:
        return row["start_char"] + self.shift, row["end_char"] + self.shift

    def _placed(self, row: _Row, found: tuple[int, int]) -> dict[str, Any]:
        start, end = found
        chars = {"start_char": self.places.starts[start], "end_char": self.places.ends[end - 1]}
        return {**row, "start": start, "end": end, **chars}

    def mention(self, row: _Row) -> dict[str, Any] | None:
        chars = self._chars(row)
        found = self.places.exact(*chars)
        if found is None and chars[0] >= 0 and chars[1] <= self.length:
            self.lost.append(chars)
        return None if found is None else self._placed(row, found)

    def pair(self, row: _Row) -> dict[str, Any] | None:
        """A row with a head and a tail."""
        head, tail = self.mention(row["head"]), self.mention(row["tail"])
        return None if head is None or tail is None else {**row, "head": head, "tail": tail}

    def evidence(self, row: _Row) -> dict[str, Any] | None:
        """A sentence that lies in the Doc, with the tokens that have any of its characters."""
        chars = self._chars(row)
        found = self.places.around(*chars) if chars[0] >= 0 and chars[1] <= self.length else None
        moved = None if found is None else self.pair(row)
        return None if found is None or moved is None else self._placed(moved, found)

    def fact(self, row: _Row) -> dict[str, Any]:
        moved = (self.evidence(each) for each in row.get("evidence", ()))
        evidence = [each for each in moved if each is not None]
        rest = {name: value for name, value in row.items() if name != "evidence"}
        return {**rest, "evidence": evidence} if evidence else rest

    def part(self, row: Sequence[Any]) -> list[Any] | None:
        """A part of one language, [start, end, code, start_char, end_char], with the tokens that begin in it."""
        chars = max(row[3] + self.shift, 0), min(row[4] + self.shift, self.length)
        found = self.places.beginning(*chars)
        return None if found is None else [*found, row[2], self.places.starts[found[0]], self.places.ends[found[1] - 1]]


def pair_rows(doc: Doc, name: str) -> Sequence[_Row]:
    """The rows of RELATIONS or REMOVED. WARNS: RX540 where mentions no longer begin and end where tokens do."""
    rows = kept(doc).get(name, ())
    if spans_fit(doc, (span for row in rows for span in (row["head"], row["tail"]))):
        return rows
    move = _Move(Places(doc))
    found = [moved for row in rows if (moved := move.pair(row)) is not None]
    put(doc, name, found)
    _say(doc, "relations" if name == RELATIONS else "removed relations", move, len(rows) - len(found), len(rows))
    return found


def fact_rows_of(doc: Doc) -> Sequence[_Row]:
    """The rows of FACTS. WARNS: RX540 where evidence no longer begins and ends where tokens do."""
    rows = kept(doc).get(FACTS, ())
    pieces = [each for row in rows for each in row.get("evidence", ())]
    if spans_fit(doc, (span for each in pieces for span in (each, each["head"], each["tail"]))):
        return rows
    move = _Move(Places(doc))
    found = [move.fact(row) for row in rows]
    put(doc, FACTS, found)
    n_kept = sum(len(row.get("evidence", ())) for row in found)
    _say(doc, "pieces of evidence", move, len(pieces) - n_kept, len(pieces))
    return found


def _say(doc: Doc, what: str, move: _Move, lost: int, total: int) -> None:
    if lost:
        warn_lost(doc, what, lost, total, *move.lost[0])


def lang_rows(doc: Doc, name: str) -> Sequence[Sequence[Any]]:
    """The rows of SENT_LANGS or ROUTES: (start, end, code, start_char, end_char). A token is in the part in which it
    begins."""
    rows = kept(doc).get(name, ())
    if all(fits(doc, start, end, start_char, end_char) for start, end, _, start_char, end_char in rows):
        return rows
    move = _Move(Places(doc))
    found = [moved for row in rows if (moved := move.part(row)) is not None]
    put(doc, name, found)
    return found


def candidate_columns(doc: Doc, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """Columns of candidates by the tokens that the Doc has now: those given, where they fit.

    Warns:
        RX540: Where mentions no longer begin and end where tokens do; their pairs are left out.
    """
    spans = [columns[name] for name in ("starts", "ends", "start_chars", "end_chars")]
    if all_fit(doc, *spans):
        return columns
    places = Places(doc)
    chars = list(zip(*spans[2:]))
    found = [places.exact(*each) for each in chars]
    rows = [i for i, place in enumerate(found) if place is not None]
    number = np.full(len(found), -1)
    number[rows] = np.arange(len(rows))
    pairs = number[np.array([columns["heads"], columns["tails"]], "int64")]
    moved = {name: [columns[name][i] for i in rows] for name in (*MENTION_COLUMNS, "types", "markers")}
    moved["starts"], moved["ends"] = ([place[end] for place in found if place is not None] for end in (0, 1))
    moved["heads"], moved["tails"] = pairs[:, (pairs >= 0).all(axis=0)].tolist()
    lost = len(found) - len(rows)
    if lost:
        warn_lost(doc, "candidate mentions", lost, len(found), *chars[found.index(None)])
    return {**columns, **moved}


# Docs that were made of others


def _settle(doc: Doc, keys: Iterable[Any]) -> dict[str, Any]:
    """Put together what a Doc has from others, and keep it as its own.

    A part that lies in the Doc as a whole comes from a Doc that was merged with others; of another one the Doc is a
    piece. Relations and evidence are taken where all of them lies in the Doc. What is about one Doc by itself
    (candidates, scores of facts, routes) is not.
    """
    values: dict[Any, dict[str, Any]] = {key: doc.user_data.pop(key) for key in keys}
    places = Places(doc)
    parts = [_Part(values[key], key[2], key[3], places) for key in sorted(values, key=lambda key: key[2:])]
    parts = [part for part in parts if part.start < part.end]
    found: dict[str, Any] = {}
    for name in (RELATIONS, REMOVED):
        rows = [moved for part in parts for row in part.values.get(name, ()) if (moved := part.move.pair(row))]
        if rows:
            found[name] = rows
    facts = facts_of([row for part in parts for row in part.facts()], doc)
    if facts:
        found[FACTS] = [fact.to_dict() for fact in merge_facts(facts)]
    found.update(_langs(parts, places))
    annotated = Annotated.common(Annotated.from_any(part.values.get(COVER)) for part in parts)
    if not annotated.is_whole:
        found[COVER] = annotated.to_dict()
    bag = _common_bag(doc, parts, places)
    if bag is not None:
        found[BAG] = bag
    lost = [chars for part in parts for chars in part.move.lost]
    if lost:
        warn_lost(doc, "mentions", len(lost), len(lost), *lost[0])
    doc.user_data[_key(0, text_end(doc))] = found
    return found


class _Part:
    """What one of the Docs had that a Doc was made of. start, end: its characters there."""

    def __init__(self, values: dict[str, Any], start: int, end: int, places: Places):
        self.values, self.start, self.end = values, start, end
        self.move = _Move(places, start)
        self.is_whole = start >= 0 and end <= self.move.length
        self.lang: str = values.get(LANG, "")

    def facts(self) -> list[dict[str, Any]]:
        """Its facts. Of a piece those alone that have evidence in it: nothing says what the others are from."""
        rows = [self.move.fact(row) for row in self.values.get(FACTS, ())]
        return rows if self.is_whole else [row for row in rows if "evidence" in row]

    def langs(self) -> list[list[Any]]:
        """Its parts of one language, as `_Move.part` has them, without gaps."""
        whole = self.move.part((0, 0, self.lang, 0, self.end - self.start))
        if whole is None:
            return []
        moved = (self.move.part([*row[:2], row[2] or self.lang, *row[3:]]) for row in self.values.get(SENT_LANGS, ()))
        rows = [row for row in moved if row is not None]
        return sorted(rows + _gaps(rows, whole[0], whole[1], self.lang, self.move.places)) if rows else [whole]


def _langs(parts: Sequence[_Part], places: Places) -> dict[str, Any]:
    """The language of the Doc, and of its sentences where it has several parts or languages."""
    rows = [row for part in parts for row in part.langs()]
    unknown = _gaps(rows, 0, len(places.starts), "", places)
    if len(parts) == 1 and not unknown:
        names = {row[2] for row in rows}
        lang = names.pop() if len(names) == 1 else parts[0].lang
        return {LANG: lang, **({SENT_LANGS: rows} if len(rows) > 1 else {})}
    names = {part.lang for part in parts} | {row[2] for row in unknown}
    return {LANG: names.pop() if len(names) == 1 else "", SENT_LANGS: sorted(rows + unknown)}


def _gaps(rows: Sequence[Sequence[Any]], start: int, end: int, lang: str, places: Places) -> list[list[Any]]:
    """The parts of tokens [start, end) that no row has."""
    bounds = zip([start, *(row[1] for row in rows)], [*(row[0] for row in rows), end])
    return [[a, b, lang, places.starts[a], places.ends[b - 1]] for a, b in bounds if a < b]


def _common_bag(doc: Doc, parts: Sequence[_Part], places: Places) -> Any:
    """The bag of a Doc that was made of bags of one pair, laid end to end."""
    bags = [part.values.get(BAG) for part in parts]
    if not parts or any(bag is None or bag != bags[0] for bag in bags) or not all(part.is_whole for part in parts):
        return None
    firsts = [places.exact(part.start, part.end) for part in parts]
    covered = all(one and other and one[1] == other[0] for one, other in pairwise(firsts))
    ends = firsts[0] is not None and firsts[0][0] == 0 and firsts[-1] is not None and firsts[-1][1] == len(doc)
    begun = all(first is not None and doc[first[0]].is_sent_start for first in firsts[1:])
    return bags[0] if covered and ends and begun and MENTIONS_KEY in doc.spans else None
