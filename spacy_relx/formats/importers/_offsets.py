"""What offsets count, told by the mentions themselves: by their own texts, or by which reading cuts no words.

Stand-off formats keep offsets apart from the text, so that both may count differently: editors in a browser count
UTF-16 units, some count CR LF as one character, and line ends change when a file is saved anew. All readers of such
formats decide here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from ..records import BadRecord, Place, Record, Report, misfit, pass_over
from ._counting import BOM, UNITS, Convention, Countable, Span, describe

#: The pieces of a mention, one for nearly all.
Pieces = Sequence[Span]
#: (place, text for messages, record)
Item = tuple[Place, str, Record]
#: By field of a convention: of how many texts of a file each value is known.
Known = dict[str, Counter[str]]

#: Records that wait until others of their file tell what it counts.
MAX_WAITING = 10_000
#: What is wrong with a mention that a reading gives: its weight.
_OUTSIDE, _IN_CRLF, _CUT, _BREAK_AT_EDGE, _BLANK_AT_EDGE, _BREAK_INSIDE, _KATAKANA_CUT = 4, 3, 2, 2, 1, 1, 1
#: Another reading is taken if its faults are fewer by so many, and by this factor; a rare one if it has none.
_GAIN, _FACTOR, _RARE_GAIN = 2, 3, 4
#: Characters of scripts without blanks between words, where letters side by side say nothing: Thai to Burmese, Khmer,
#: kana, Chinese, their extensions.
_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3005", "\u30ff"),
    ("\u31f0", "\u31ff"),
    ("\u3400", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff66", "\uff9f"),
    ("\U0001b000", "\U0001b16f"),
    ("\U00020000", "\U0003ffff"),
)


class Choice(NamedTuple):
    """How the offsets of a text are read.

    convention: what they count. pieces: of each mention in characters; -1 where an offset means no place. told: the
    fields of the convention that the mentions tell. rivals: other readings that are as good. is_default: whether the
    convention is what the format says. has_bom: whether a byte order mark stood before the text.
    """

    convention: Convention
    pieces: list[list[Span]]
    told: frozenset[str] = frozenset()
    rivals: dict[Convention, list[list[Span]]] = {}
    is_default: bool = True
    has_bom: bool = False


def choose(
    text: str,
    mentions: Sequence[Pieces],
    quotes: Sequence[str | None],
    default: Convention,
    units: tuple[str, ...] = (),
    *,
    has_bom: bool = False,
) -> Choice:
    """Tell what the offsets of a text count.

    Where mentions have texts of their own, these decide. Else the reading is taken that cuts words, halves line ends
    and has blanks at the edges of mentions least: the default, unless another is clearly better.

    Args:
        text: The text, without a byte order mark.
        mentions: The pieces of each mention, as the file counts them.
        quotes: The own text of each mention, None for unknown.
        default: What the format says.
        units: Other units that programs with this format count.
        has_bom: Whether a byte order mark stood before the text.

    Returns:
        The choice. If no reading fits, the default.
    """
    reader = _Reader(Countable(text, has_bom), mentions)
    decide = _by_quotes if any(quotes) else _by_words
    return decide(reader, quotes, default, units)._replace(has_bom=has_bom)


def _by_words(reader: _Reader, quotes: Sequence[str | None], default: Convention, units: tuple[str, ...]) -> Choice:
    countable, pieces = reader.countable, reader.read(default)
    text = countable.text
    readings = reader.different(countable.conventions(default, units))
    if len(readings) == 1 and not countable.may_be_rare:
        return Choice(default, pieces)
    scores = {convention: count_faults(text, found) for convention, found in readings.items()}
    faults, best = scores[default], min(scores, key=scores.__getitem__)
    misplaced = _is_misplaced(pieces)
    is_better = scores[best] + _GAIN <= faults and _FACTOR * scores[best] <= faults
    if is_better and not _is_misplaced(readings[best]):
        rivals = {one: readings[one] for one, score in scores.items() if one != best and score == scores[best]}
        return Choice(best, readings[best], frozenset() if rivals else _told(best, readings), rivals, False)
    if faults >= _RARE_GAIN and countable.may_be_rare and (misplaced or len(pieces) > 1):
        rare = reader.different(countable.rare_conventions(default))
        sound = [
            one
            for one, found in rare.items()
            if one.bom != "lost" and one not in readings and not count_faults(text, found)
        ]
        if sound:
            return Choice(sound[0], rare[sound[0]], frozenset(), {}, False)
    if misplaced:
        return Choice(default, pieces)
    rivals = {one: readings[one] for one, score in scores.items() if one != default and score <= faults}
    worse = [one for one, score in scores.items() if score >= faults + _GAIN]
    return Choice(default, pieces, frozenset() if rivals else _told(default, worse), rivals)


def _is_misplaced(mentions: Iterable[Pieces]) -> bool:
    return any(min(span) < 0 or span[0] >= span[1] for pieces in mentions for span in pieces)


def _by_quotes(reader: _Reader, quotes: Sequence[str | None], default: Convention, units: tuple[str, ...]) -> Choice:
    text, pieces = reader.countable.text, reader.read(default)
    if not mismatches(text, pieces, quotes):
        return Choice(default, pieces)
    for conventions in (reader.countable.conventions(default, units), reader.countable.rare_conventions(default)):
        readings = reader.different(conventions)
        fitting = [one for one, found in readings.items() if not mismatches(text, found, quotes)]
        if fitting:
            best = min(fitting, key=lambda one: count_faults(text, readings[one]))
            return Choice(best, readings[best], _told(best, readings), {}, False)
    return Choice(default, pieces)


def _told(chosen: Convention, readings: Iterable[Convention]) -> frozenset[str]:
    """The fields in which a reading that was not chosen differs, and in no other."""
    differing = ([name for name in chosen._fields if getattr(one, name) != getattr(chosen, name)] for one in readings)
    return frozenset(names[0] for names in differing if len(names) == 1)


class _Reader:
    """The mentions of a text by any convention."""

    def __init__(self, countable: Countable, mentions: Sequence[Pieces]):
        self.countable = countable
        self._spans = [span for pieces in mentions for span in pieces]
        self._sizes = [len(pieces) for pieces in mentions]

    def read(self, convention: Convention) -> list[list[Span]]:
        flat = iter(self.countable.read(self._spans, convention))
        return [list(islice(flat, size)) for size in self._sizes]

    def different(self, conventions: Iterable[Convention]) -> dict[Convention, list[list[Span]]]:
        """What conventions read, of those that read the same the first."""
        readings: dict[Convention, list[list[Span]]] = {}
        for convention in conventions:
            if convention not in readings:
                found = self.read(convention)
                if found not in readings.values():
                    readings[convention] = found
        return readings


def mismatches(text: str, mentions: Sequence[Pieces], quotes: Sequence[str | None]) -> list[int]:
    """The mentions whose own text is not what stands there, blanks aside, or that stand nowhere."""
    wrong = []
    for number, (pieces, quote) in enumerate(zip(mentions, quotes)):
        placed = all(0 <= start < end <= len(text) for start, end in pieces)
        if not placed or (quote and not same_words(quote, joined(text, pieces))):
            wrong.append(number)
    return wrong


def joined(text: str, pieces: Pieces) -> str:
    """The text of a mention, a blank between its pieces."""
    return " ".join(text[start:end] for start, end in pieces)


def same_words(one: str, other: str) -> bool:
    """Whether two texts are the same but for blanks, and for line ends, which programs write in their own ways."""
    if one == other:
        return True
    bare, other_bare = _bare(one), _bare(other)
    return bare == other_bare or unicodedata.normalize("NFC", bare) == unicodedata.normalize("NFC", other_bare)


def _bare(text: str) -> str:
    for escaped, character in (("\\r", "\r"), ("\\n", "\n"), ("\u200b", ""), (BOM, "")):
        text = text.replace(escaped, character)
    return "".join(text.split())


def count_faults(text: str, mentions: Iterable[Pieces]) -> int:
    """How unlikely mentions are as they stand in a text: cut words and line ends, blanks at their edges."""
    faults = 0
    for pieces in mentions:
        for start, end in pieces:
            if not 0 <= start < end <= len(text):
                faults += _OUTSIDE
                continue
            faults += _cut(text, start) + _cut(text, end)
            faults += _edge(text[start]) + _edge(text[end - 1])
            faults += _BREAK_INSIDE * any(mark in text[start + 1 : end - 1] for mark in "\r\n")
    return faults


def _edge(character: str) -> int:
    return _BREAK_AT_EDGE if character in "\r\n" else _BLANK_AT_EDGE * character.isspace()


def _cut(text: str, place: int) -> int:
    """The fault of a mention that begins or ends there."""
    if not 0 < place < len(text):
        return 0
    before, after = text[place - 1], text[place]
    if before == "\r" and after == "\n":
        return _IN_CRLF
    if before.isascii() and after.isascii():
        return _CUT * (_in_word(before) and _in_word(after))
    if unicodedata.category(after)[0] == "M" or after in "\u200d\ufe0f":
        return _CUT * (not before.isspace())
    if _is_katakana(before) and _is_katakana(after):
        return _KATAKANA_CUT
    return _CUT * (_in_word(before) and _in_word(after) and not _is_unspaced(before) and not _is_unspaced(after))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _is_katakana(character: str) -> bool:
    return "\u30a1" <= character <= "\u30fe" and character != "\u30fb"


def _is_unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in _UNSPACED)


def faults_of_fields(
    texts: Mapping[str, str],
    mentions: Sequence[Pieces],
    quotes: Sequence[str | None],
    default: Convention,
    units: tuple[str, ...],
) -> dict[str, int]:
    """The texts in which mentions may stand, where several are possible.

    Args:
        texts: Texts by the names of their fields.
        mentions: The pieces of each mention, as the file counts them.
        quotes: The own text of each mention, None for unknown.
        default: What the format says that offsets count.
        units: Other units that programs with this format count.

    Returns:
        For the fields in which all mentions have a place, and their own texts where they have any, how unlikely the
        mentions are there, see `count_faults`.
    """
    faults = {}
    for name, whole in texts.items():
        text, has_bom = split_bom(whole)
        pieces = choose(text, mentions, quotes, default, units, has_bom=has_bom).pieces
        if not mismatches(text, pieces, quotes):
            faults[name] = count_faults(text, pieces)
    return faults


def clear_best(faults: Mapping[str, int]) -> str | None:
    """The field that has clearly fewest faults, None where none has."""
    ordered = sorted(faults, key=faults.__getitem__)
    if len(ordered) > 1 and faults[ordered[1]] < faults[ordered[0]] + _GAIN:
        return None
    return ordered[0] if ordered else None


# Records


def split_bom(text: str) -> tuple[str, bool]:
    """A text without the byte order mark before it, and whether there was one."""
    return (text[1:], True) if text.startswith(BOM) else (text, False)


def settle(
    items: Iterable[Item], report: Report, default: Convention, units: tuple[str, ...] = (), *, strict: bool = True
) -> Iterator[Item]:
    """Bring the offsets of records to characters, see `choose`.

    A file counts in one way: a text of which nothing tells how it was counted is read as the others of its file.

    Args:
        items: The records, with offsets as the file has them and the mentions' own texts in `Record.quotes`.
        report: Is told of offsets that were read otherwise than the format says (RX570), and of those of which nothing
            tells how to read them (RX571).
        default: What the format says.
        units: Other units that programs with this format count.
        strict: Whether the own texts of mentions must be right; else mentions stay where the default puts them.

    Yields:
        The items, in their order. A record with offsets or texts that do not fit is broken (RX103, RX105, RX574).
    """
    known: dict[str, Counter[str]] = {name: Counter() for name in default._fields}
    waiting: deque[tuple[Item, Choice | None]] = deque()
    for place, shown, record in items:
        choice = _choice_of(record, default, units)
        for name in choice.told if choice is not None else ():
            known[name][getattr(choice.convention, name)] += 1  # type: ignore[union-attr]
        waiting.append(((place, shown, record), choice))
        while waiting and (len(waiting) > MAX_WAITING or _is_clear(waiting[0][1], known)):
            yield from _settled(*waiting.popleft(), known, report, strict)
    for item, choice in waiting:
        yield from _settled(item, choice, known, report, strict)


def _choice_of(record: Record, default: Convention, units: tuple[str, ...]) -> Choice | None:
    """How to read a record's offsets, None where they count words. The byte order mark of its text goes."""
    if record.text is None or record.quotes is None or not record.text.strip(BOM + " \t\r\n"):
        return None
    record.text, has_bom = split_bom(record.text)
    spans = [[(mention.start, mention.end)] for mention in record.mentions]
    if record.unit:
        default, units = default._replace(unit=record.unit), ()
    choice = choose(record.text, spans, record.quotes, default, units, has_bom=has_bom)
    if record.unit and choice.convention.unit != record.unit:  # the record itself says it
        return Choice(default, _Reader(Countable(record.text, has_bom), spans).read(default), has_bom=has_bom)
    return choice


def _is_clear(choice: Choice | None, known: Known) -> bool:
    return choice is None or not choice.rivals or _best_known(choice, known) is not None


def _best_known(choice: Choice, known: Known) -> Convention | None:
    """Of readings that are as good, the one that counts as the other texts of the file; None if these do not tell."""
    usual = {name: counts.most_common(1)[0][0] for name, counts in known.items() if counts}
    agreeing = {
        one: sum(getattr(one, name) == value for name, value in usual.items())
        for one in (choice.convention, *choice.rivals)
    }
    most = max(agreeing.values())
    best = [one for one, n in agreeing.items() if n == most]
    return best[0] if len(best) == 1 else None


def _settled(item: Item, choice: Choice | None, known: Known, report: Report, strict: bool) -> Iterator[Item]:
    """The item with its mentions in characters; none where it is broken."""
    place, shown, record = item
    if choice is None:
        yield item
        return
    text, quotes = record.text or "", record.quotes or []
    as_written = [[(mention.start, mention.end)] for mention in record.mentions]
    if choice.rivals:
        choice = _resolved(choice, known)
    try:
        check_choice(text, choice, as_written, quotes if strict else [None] * len(quotes))
    except BadRecord as err:
        report.broken(err.code, place, shown, **err.values)
        return
    note_choice(choice, text, as_written, place, shown, report)
    record.mentions = [
        replace(mention, start=start, end=end) for mention, [(start, end)] in zip(record.mentions, choice.pieces)
    ]
    yield item


def _resolved(choice: Choice, known: Known) -> Choice:
    """The choice, if other texts of the file tell between it and its rivals: the one that they tell."""
    best = _best_known(choice, known)
    if best is None:
        return choice
    if best == choice.convention:
        return choice._replace(rivals={})
    return choice._replace(convention=best, pieces=choice.rivals[best], rivals={}, is_default=False)


def check_choice(text: str, choice: Choice, as_written: Sequence[Pieces], quotes: Sequence[str | None]) -> None:
    """Check that mentions stand in the text, and where their own texts say.

    Args:
        text: The text.
        choice: How its offsets are read.
        as_written: The pieces of each mention, as the file counts them.
        quotes: The own text of each mention, None for unknown.

    Raises:
        BadRecord: RX103 (outside of the text), RX105 (another text), RX574 (another text, which stands nearby).
    """
    for number in mismatches(text, choice.pieces, quotes)[:1]:
        pieces, written, quote = choice.pieces[number], as_written[number], quotes[number]
        for (start, end), (first, last) in zip(pieces, written):
            if not 0 <= start < end <= len(text):
                countable = Countable(text, choice.has_bom)
                unit = UNITS[choice.convention.unit].partition(" (")[0]
                raise misfit(first, last, countable.length(choice.convention), unit)
        start, end = written[0][0], written[-1][1]
        values = {"start": start, "end": end, "found": joined(text, pieces), "wanted": quote}
        shift = _shift(text, pieces[0][0], quote or "")
        raise BadRecord("RX574", shift=f"{shift:+}", **values) if shift else BadRecord("RX105", **values)


def _shift(text: str, start: int, quote: str) -> int:
    """How far from its place a text stands, if as far as line ends that were changed may have shifted it; else 0."""
    n_breaks = text.count("\n", 0, start) + text.count("\r", 0, start)
    if not n_breaks:
        return 0
    before = text.rfind(quote, max(0, start - n_breaks), start + len(quote) - 1)
    after = text.find(quote, start + 1, start + n_breaks + len(quote))
    shifts = [found - start for found in (before, after) if found >= 0]
    return min(shifts, key=abs, default=0)


def note_choice(
    choice: Choice, text: str, as_written: Sequence[Pieces], place: Place, shown: str, report: Report
) -> None:
    """Tell of offsets that are not read as the format says (RX570), and of those that may be read wrongly (RX571)."""
    others = next(iter(choice.rivals.items()), None)
    if choice.is_default and others is None:
        return
    has_bom = choice.has_bom
    values = {"read": describe(choice.convention, text, has_bom)}
    if others is None:
        moved = (i for i, written in enumerate(as_written) if tuple(written[0]) != choice.pieces[i][0])
        number = next(moved, 0)
        (start, end), mention = as_written[number][0], joined(text, choice.pieces[number])
        pass_over(report, "RX570", place, shown, start=start, end=end, mention=mention, **values)
        return
    convention, rival = others
    number = next(i for i, pieces in enumerate(choice.pieces) if pieces != rival[i])
    [(start, end), *_], mention = as_written[number], joined(text, choice.pieces[number])
    values.update(other=describe(convention, text, has_bom), rival=joined(text, rival[number]))
    pass_over(report, "RX571", place, shown, start=start, end=end, mention=mention, **values)
