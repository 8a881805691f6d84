"""What importers hand over (`Record`), and what went well and wrong on the way (`Report`)."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Union

from typing_extensions import TypeAlias

from ..data.annotated import Annotated
from ..data.strict_json import DuplicateKeyError as DuplicateKeyError
from ..data.strict_json import load_json as load_json
from ..data.types import UNTYPED as UNTYPED
from ..data.types import Mention
from ..errors import RelxError, message_of

#: What to do with a broken line.
ON_ERROR = ("raise", "skip")
#: Problems that a report keeps; it counts all of them.
MAX_PROBLEMS = 100
#: The shape of a language code: "en", "ceb", "pt-BR", "zh_Hant_TW".
_LANG_CODE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_EXCERPT = 120
#: Entity types that a summary names.
_TYPES = 20
#: Longest key that is compared with others, and shown.
_MAX_KEY = 60
#: All blanks, also those of no width: Unicode's, and byte order marks within a text.
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u2060\ufeff"


class Place(NamedTuple):
    """Where a record stands: the file, and the number (from 1) of its line, or of whatever unit the file has."""

    file: Path
    line: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.line}"


RecordRelation: TypeAlias = Union[tuple[int, int, str], tuple[int, int, str, Mapping[str, Any]]]


@dataclass
class Record:
    """One annotated text, as an importer reads it.

    Attributes:
        place: Where it stands. Either text, or words (then spaces: whether a space follows each word, None if unknown).
        mentions: Their offsets count characters (code points) where there is a text, words where there are words; ends
            are exclusive.
        relations: (index of the head in mentions, index of the tail, label), and perhaps the scores that a model gave:
            a mapping with score, kb_score, known, kb_rank.
        sent_starts: The words that begin sentences, None if unknown.
        id: A string or a whole number as the data has it, "" for none.
        lang: "" for unknown.
        meta: JSON-able data.
        annotated: What the annotation covers, where the data or the format says it; None for everything, unless whoever
            converts says otherwise. Where its pairs are "named", relations have also those pairs that are annotated as
            unrelated, labelled `NO_RELATION`.
        quotes: Of a stand-off format, the own text of each mention as the data has it, None where it has none; offsets
            then count as the file does, until `formats._offsets.settle`.
        unit: What they count, where the record itself says it.
    """

    place: Place
    text: str | None = None
    words: list[str] | None = None
    spaces: list[bool] | None = None
    mentions: list[Mention] = field(default_factory=list)
    relations: list[RecordRelation] = field(default_factory=list)
    sent_starts: list[int] | None = None
    id: str | int = ""
    lang: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    annotated: Annotated | None = None
    quotes: list[str | None] | None = None
    unit: str = ""

    @property
    def content(self) -> str:
        """The text, or the words with spaces between them."""
        return self.text if self.text is not None else " ".join(self.words or ())


@dataclass(frozen=True)
class Problem:
    """Something wrong in the data. text: the offending text with its surroundings."""

    code: str
    file: Path
    line: int
    message: str
    text: str


def is_lang_code(value: str) -> bool:
    """Whether this looks like a language code: two or three letters, perhaps with a script or a region ("pt-BR")."""
    return _LANG_CODE.fullmatch(value) is not None


class BadRecord(Exception):
    """Raised by the parser of one record; whoever runs it adds the place. Never reaches the user."""

    def __init__(self, code: str, **values: Any):
        super().__init__(code)
        self.code = code
        self.values = values


def misfit(start: int, end: int, length: int, unit: str, *, inclusive: bool = False) -> BadRecord:
    """RX103, for a mention [start, end) that does not fit a text of so many units.

    inclusive: the ends of the format are so, and the message counts as the format does.
    """
    span = f"[{start}, {end - 1}]" if inclusive else f"[{start}, {end})"
    end_is = f"last of the {unit} in the" if inclusive else f"first of the {unit} behind the"
    return BadRecord("RX103", span=span, length=length, unit=unit, end_is=end_is)


@dataclass
class LabelCounts:
    """What a table of names did: number of relations, or of mentions, by their label in the data.

    what: what is counted. renamed: another name was given. left_out: the table has an empty name. unknown: not in the
    table.
    """

    what: str = "relations"
    renamed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def count(self, label: str, new: str | None) -> str:
        """Count one with this label in the data. new: its name in the table, None where it is not there.

        RETURNS: the label that it has from now on, "" where it is dropped.
        """
        if new is None:
            self.unknown[label] += 1
            return label
        if not new:
            self.left_out[label] += 1
        elif new != label:
            self.renamed[label] += 1
        return new

    def __str__(self) -> str:
        groups = {"renamed": self.renamed, "left out": self.left_out, "not in the table": self.unknown}
        return ", ".join(f"{name} {len(found)} ({self.what} {found.total()})" for name, found in groups.items())


@dataclass
class UnknownKey:
    """A key that the format of a file does not know, so that what it holds is not read.

    place, text: where it was first seen. inside: the key that holds the object; "" for the outermost one. nearest: a
    key of the format that may be meant, "" for none. count: how often the file has it.
    """

    place: Place
    text: str
    inside: str
    key: str
    nearest: str
    count: int = 1

    def values(self) -> dict[str, Any]:
        """What RX600 says."""
        inside = f"in '{self.inside}', " if self.inside else ""
        hint = f" Is {self.nearest!r} meant?" if self.nearest else ""
        return {"key": f"{inside}the key {self.key!r}", "n": self.count, "hint": hint}


@dataclass
class Report:
    """Counts of what was read, kept and lost, and the first problems in detail.

    Attributes:
        on_error: "raise" makes a broken line a RelxError, "skip" counts it and goes on. Each record ends in one of
            three ways: records_written (a Doc was made of it), records_broken, or records_skipped, which the data
            itself excludes (answers other than "accept").
        strict: Whether unknown keys, and files without relations, are errors.
        mentions_trimmed: Of those kept, those with spaces at their edges.
        relations_merged: Exact duplicates.
        relations_none: Annotated as no relation.
        left_out_by_meta: Docs, of those made, that are not wanted for their meta.
        left_out_as_known: Docs, of those made, whose texts are to be left out.
        annotated: Records whose annotation does not cover everything, by what it covers.
        mention_types: Mentions kept, by entity type.
        labels: What a table of labels, or of entity types, did, None without one.
        types: What a table of labels, or of entity types, did, None without one.
        detected: The format that the content told.
        outputs: Docs written, by file.
        unknown_keys: Keys that formats do not know, by file, the key that holds the object, and their names.
        unknown_more: Other such keys, beyond `MAX_PROBLEMS`.

    Raises:
        RelxError: RX021 for another on_error.
    """

    on_error: str = "raise"
    strict: bool = False
    files: int = 0
    records_written: int = 0
    records_broken: int = 0
    records_skipped: int = 0
    mentions_kept: int = 0
    mentions_misaligned: int = 0
    mentions_merged: int = 0
    mentions_trimmed: int = 0
    relations_kept: int = 0
    relations_dropped: int = 0
    relations_merged: int = 0
    relations_none: int = 0
    left_out_by_meta: int = 0
    left_out_as_known: int = 0
    annotated: Counter[Annotated] = field(default_factory=Counter)
    mention_types: Counter[str] = field(default_factory=Counter)
    labels: LabelCounts | None = None
    types: LabelCounts | None = None
    detected: str = ""
    outputs: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_counts: Counter[str] = field(default_factory=Counter)
    unknown_keys: dict[tuple[Path, str, str], UnknownKey] = field(default_factory=dict)
    unknown_more: int = 0

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            raise RelxError("RX021", name="on_error", value=self.on_error, need=" or ".join(map(repr, ON_ERROR)))

    @property
    def records_found(self) -> int:
        """Records of which it is known how they ended: written, broken and skipped together."""
        return self.records_written + self.records_broken + self.records_skipped

    def broken(self, code: str, place: Place, text: str, **values: Any) -> None:
        """A record that cannot be used.

        Raises:
            RelxError: `code`, unless broken ones are to be skipped.
        """
        text = excerpt(text)
        if self.on_error == "raise":
            raise RelxError(code, where=place, text=text, **values)
        self.records_broken += 1
        self.note(code, place, text, **values)

    def note(self, code: str, place: Place, text: str, **values: Any) -> None:
        """Keep a problem that does not stop the record."""
        self.problem_counts[code] += 1
        if len(self.problems) < MAX_PROBLEMS or self.problem_counts[code] == 1:
            text = excerpt(text)
            message = message_of(code, {"where": place, "text": text, **values})
            self.problems.append(Problem(code, place.file, place.line, message, text))

    def suspect(self, code: str, place: Place, text: str, **values: Any) -> None:
        """Note what is no fault by itself, but may be the sign of one.

        Raises:
            RelxError: `code`, if strict.
        """
        if self.strict:
            raise RelxError(code, where=place, text=excerpt(text), **values)
        self.note(code, place, text, **values)

    def unknown_key(self, place: Place, text: str, inside: str, key: str, known: Collection[str]) -> None:
        """Count a key that the format does not know.

        Args:
            known: Those that may be meant.

        Raises:
            RelxError: RX600, if strict.
        """
        name = place.file, inside, key
        if name in self.unknown_keys:
            self.unknown_keys[name].count += 1
            return
        if len(self.unknown_keys) >= MAX_PROBLEMS and not self.strict:
            self.unknown_more += 1
            return
        found = UnknownKey(place, excerpt(text), inside, key[:_MAX_KEY], _nearest(key, known))
        if self.strict:
            raise RelxError("RX600", where=place, text=found.text, **found.values())
        self.unknown_keys[name] = found

    @property
    def all_problems(self) -> list[Problem]:
        """The unknown keys, one problem for each key of a file, then `problems`."""
        keys = [
            Problem(
                "RX600",
                found.place.file,
                found.place.line,
                message_of("RX600", {"where": found.place, "text": found.text, **found.values()}),
                found.text,
            )
            for found in self.unknown_keys.values()
        ]
        return [*keys, *self.problems]

    def _telling_problems(self, n: int) -> list[Problem]:
        """At most n problems in their order: the first of each kind, so that none hides behind many of another."""
        problems = self.all_problems
        firsts: dict[str, int] = {}
        for number, problem in enumerate(problems):
            firsts.setdefault(problem.code, number)
        chosen = dict.fromkeys([*firsts.values(), *range(len(problems))])
        return [problems[number] for number in sorted(list(chosen)[:n])]

    def __str__(self) -> str:
        return self.summary()

    def summary(self, max_problems: int = 10) -> str:
        """The counts as lines of text, then problems, of each kind at least one."""
        lines = [
            *([f"format             {self.detected}"] if self.detected else []),
            f"files              {self.files}",
            f"records found      {self.records_found}"
            + _extra(broken=self.records_broken, skipped=self.records_skipped),
            f"records written    {self.records_written}",
            f"mentions kept      {self.mentions_kept}"
            + _extra(
                misaligned=self.mentions_misaligned, duplicates=self.mentions_merged, trimmed=self.mentions_trimmed
            ),
            *([f"entity types       {_most_common(self.mention_types)}"] if self.mention_types else []),
            f"relations kept     {self.relations_kept}"
            + _extra(dropped=self.relations_dropped, duplicates=self.relations_merged),
        ]
        if self.relations_none:
            lines.append(f"marked no relation {self.relations_none}")
        lines += [f"annotated in part  {n} records: {part}" for part, n in self.annotated.most_common()]
        if self.left_out_by_meta or self.left_out_as_known:
            left_out = _extra(**{"meta": self.left_out_by_meta, "known texts": self.left_out_as_known})
            lines.append(f"documents left out {self.left_out_by_meta + self.left_out_as_known}{left_out}")
        if self.labels is not None:
            lines.append(f"labels             {self.labels}")
        if self.types is not None:
            lines.append(f"types              {self.types}")
        shown = self._telling_problems(max_problems)
        if shown:
            total = sum(self.problem_counts.values()) + len(self.unknown_keys) + self.unknown_more
            lines.append(f"problems           {total}" + (f", {len(shown)} of them:" if total > len(shown) else ":"))
            lines.extend(f"  [{problem.code}] {problem.message}" for problem in shown)
        return "\n".join(lines)


def _nearest(key: str, known: Collection[str]) -> str:
    """The known key that is most like this one, "" where none is."""
    by_letters = {"".join(filter(str.isalnum, name)).casefold(): name for name in sorted(known)}
    letters = "".join(filter(str.isalnum, key[:_MAX_KEY])).casefold()
    found = difflib.get_close_matches(letters, by_letters, 1, cutoff=0.7)
    return by_letters[found[0]] if found else ""


def bare(text: str) -> str:
    """A text without spaces at its edges, those of no width among them."""
    return text.strip(_BLANKS)


def is_blank(label: str) -> bool:
    """Whether a label has nothing that can be seen."""
    return not bare(label)


def pass_over(report: Report, code: str, place: Place, text: str, **values: Any) -> None:
    """Count something of which the first is told for all; that is a problem in detail."""
    if report.problem_counts[code]:
        report.problem_counts[code] += 1
    else:
        report.note(code, place, text, **values)


def _extra(**counts: int) -> str:
    parts = [f"{name} {count}" for name, count in counts.items() if count]
    return f" ({', '.join(parts)})" if parts else ""


def _most_common(counts: Counter[str]) -> str:
    shown = ", ".join(f"{name} {n}" for name, n in counts.most_common(_TYPES))
    return shown + (f" and {len(counts) - _TYPES} more" if len(counts) > _TYPES else "")


def excerpt(text: str, start: int = 0, end: int = 0, width: int = _EXCERPT) -> str:
    """At most about `width` characters of text around [start, end), on one line; "..." where it is cut."""
    margin = max(0, width - (end - start)) // 2 if end else width
    first, last = (max(0, start - margin) if end else 0), max(end, start) + margin
    cut = " ".join(text[first:last].split())
    return ("..." if first else "") + cut + ("..." if last < len(text) else "")
