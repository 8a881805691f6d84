"""WebAnno TSV 3.x, also an export of INCEpTION: tokens in lines, layers in columns, offsets count UTF-16 units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...data.ids import content_id
from ..records import BadRecord, Place, Record, Report, misfit
from ._counting import CHARACTERS, UNITS, UTF16, Convention, Countable
from ._offsets import Choice, note_choice
from ._read import BadFile, check_record, pass_over, read_text, to_int
from ._tokens import tokenize
from ._uima import Annotation, Link, dangling, fill, is_language, label_of, short_name

_FORMAT = re.compile(r"#FORMAT=WebAnno TSV 3\.(\d{1,3})")
_LAYERS = {"#T_SP=": "span", "#T_RL=": "relation", "#T_CH=": "chain"}
_TEXT = "#Text="
#: Lines of comments that are neither of the text nor of a sentence.
_OTHER = re.compile(r"#(?!Text=|Sentence)")
_ROLE, _BASE = "ROLE_", "BT_"
#: "no annotation", "an annotation without a value"
_NOTHING, _UNSET = "_", "*"
_SUFFIX = re.compile(r"(.*)(?<!\\)\[([^\[\]]*)\]", re.DOTALL)
#: The last minor version in which texts have the escapes of Java strings.
_JAVA_ESCAPES = 1
_UNIT = re.compile(r"((?<!\\)(?:\\\\)*)((?:\\u+[0-9A-Fa-f]{4})+)")
_ESCAPE = re.compile(r"\\(->|.)", re.DOTALL)
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b"}
#: ROLE_, the layer, a colon, the feature, an underscore, the type of the links
_SLOT = re.compile(r"ROLE_[^:]*:(.+)_[^_.]+\..+")
_ANY = "uima.tcas.Annotation"
_TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"


@dataclass
class _Column:
    """kind: value, role, target (of slots), ref (where a relation begins), none. base: layer that is referred to."""

    layer: str
    layer_kind: str
    kind: str
    feature: str = ""
    base: str = ""


@dataclass
class _Relation:
    """What the columns of a relation say; the row's own unit is its tail."""

    place: Place
    line: str
    unit: str
    base: str
    label: str = ""
    has_label: bool = False
    source: str = ""
    ids: tuple[int, int] = (0, 0)
    features: dict[str, str] = field(default_factory=dict)


@dataclass
class _Slots:
    """What the columns of a slot feature say of one annotation; every token of it repeats that."""

    place: Place
    line: str
    host: Annotation
    base: str
    feature: str
    roles: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


def read_webanno(path: Path, report: Report) -> Iterator[Record]:
    """Read a WebAnno TSV file, one record a document, with its tokens and sentences.

    What are mentions, labels, heads and tails: as in `read_inception`. Mentions of several tokens, stacked ones and
    those of parts of tokens are known by their numbers in brackets. Chains (coreference) are passed over (RX305).
    BROKEN, the whole document: RX102 (a line is not of the format), RX103, RX104 (a relation names nothing), RX108,
    RX109, RX602, RX311 (another version), RX102 (a token is not what stands in the text).
    """
    reader = _Reader(Place(path, 1))
    try:
        reader.read(read_text(path))
        record = reader.finish(report)
        check_record(record)
    except BadFile as err:
        report.broken(err.code, reader.place._replace(line=err.line), err.text, **err.values)
        return
    except BadRecord as err:
        report.broken(err.code, reader.place, reader.line, **err.values)
        return
    yield record


class _Reader:
    """The lines of one document. Offsets are UTF-16 units until `finish`."""

    def __init__(self, place: Place):
        self.start = self.place = place
        self.line = ""
        self.columns: list[_Column] = []
        self.waiting: list[str] = []
        #: (place, line, offset of the first token, text)
        self.sentences: list[tuple[Place, str, int, str]] = []
        self.tokens: list[tuple[Place, int, int, str]] = []
        self.annotations: list[Annotation] = []
        self.by_id: dict[int, Annotation] = {}
        self.numbered: set[Annotation] = set()
        #: (unit, layer) -> the annotations there, as they are stacked
        self.by_unit: dict[tuple[str, str], list[Annotation]] = {}
        self.units: dict[str, tuple[int, int]] = {}
        self.relations: dict[tuple[str, str, int], _Relation] = {}
        #: by host and feature
        self.slots: dict[tuple[Annotation, str], _Slots] = {}
        self.chains: list[tuple[Place, str]] = []
        #: lines of the header that are of no layer
        self.unknown: list[tuple[Place, str]] = []

    def read(self, content: str) -> None:
        in_header, java = True, False
        for number, line in enumerate(content.split("\n"), start=1):
            self.place, self.line = self.start._replace(line=number), line.rstrip("\r")
            if number == 1:
                match = _FORMAT.fullmatch(self.line)
                if match is None:
                    raise BadRecord("RX311", found=repr(self.line[:40]), wanted="WebAnno TSV 3.x")
                java = int(match[1]) <= _JAVA_ESCAPES
            if in_header and self.line.startswith(tuple(_LAYERS)):
                self._add_layer(_LAYERS[self.line[:6]], self.line[6:])
            elif in_header and number > 1 and _OTHER.match(self.line):
                self.unknown.append((self.place, self.line))
            elif self.line.startswith(_TEXT):
                in_header = False
                text = self.line[len(_TEXT) :]
                self.waiting.append(_unescape(_from_java(text) if java else text))
            elif self.line and not self.line.startswith("#"):
                self._add_row(self.line.split("\t"))
        self._end_sentence()

    def _add_layer(self, kind: str, text: str) -> None:
        name, *features = text.split("|")
        if kind == "chain":
            self.chains.append((self.place, self.line))
            self.columns.extend(_Column(name, kind, "none") for _ in features)
            return
        skipped = kind == "relation" and is_language(name)
        i = 0
        features = features or [""]
        while i < len(features):
            feature = features[i]
            if feature.startswith(_ROLE) and i + 1 < len(features):
                match = _SLOT.fullmatch(feature)
                link = match[1] if match else feature
                base = features[i + 1]
                self.columns += [_Column(name, kind, part, link, base) for part in ("role", "target")]
                i += 1
            elif feature.startswith(_BASE):
                if kind != "relation":
                    problem = "a layer with a column BT_ is one of relations, and its line must begin with #T_RL="
                    raise BadRecord("RX102", problem=problem)
                self.columns.append(_Column(name, kind, "none" if skipped else "ref", "", feature[len(_BASE) :]))
            else:
                self.columns.append(_Column(name, kind, "none" if skipped else "value", feature))
            i += 1

    def _add_row(self, cells: list[str]) -> None:
        offsets = cells[1].split("-") if len(cells) > 1 else []
        if len(cells) < 3 + len(self.columns) or len(offsets) != 2 or not all(map(str.isdecimal, offsets)):
            problem = f"a line must have a number, offsets, a token and {len(self.columns)} columns, divided by tabs"
            raise BadRecord("RX102", problem=problem)
        if any(cells[3 + len(self.columns) :]):
            # a layer of which the line in the header is lost or damaged
            problem = f"the line has more columns than the {len(self.columns)} of the layers (#T_ lines) in the header"
            raise BadRecord("RX102", problem=problem)
        unit, (start, end) = cells[0], map(to_int, offsets)
        if unit in self.units:
            raise BadRecord("RX102", problem=f"the number {unit} is there twice")
        if "." not in unit:
            self._begin_sentence(start)
            self.tokens.append((self.place, start, end, cells[2]))
        self.units[unit] = start, end
        for column, cell in zip(self.columns, cells[3:]):
            if column.kind != "none" and cell != _NOTHING:
                for depth, value in enumerate(_split(cell, "|")):
                    if column.layer_kind == "relation":
                        self._add_to_relation(column, unit, depth, value)
                    else:
                        self._add_to_span(column, unit, depth, value)

    def _begin_sentence(self, start: int) -> None:
        """At the first token: it says where its sentence stands in the text."""
        if self.waiting:
            self.sentences.append((self.place, self.line, start, "\n".join(self.waiting)))
            self.waiting = []

    def _end_sentence(self) -> None:
        if self.waiting:
            raise BadRecord("RX102", problem="the file ends behind a #Text line, before its tokens")

    def _add_to_span(self, column: _Column, unit: str, depth: int, value: str) -> None:
        number = 0
        if column.kind != "target":
            value, number = _number(value)
        annotation = self._annotation_at(column.layer, unit, depth, number)
        if column.kind == "value":
            if value != _UNSET and column.feature:
                annotation.features[column.feature] = _unescape(value)
            return
        slots = self.slots.get((annotation, column.feature))
        if column.kind == "role":
            slots = slots or _Slots(self.place, self.line, annotation, column.base, column.feature)
            slots.roles = ["" if role == _UNSET else _unescape(role) for role in _split(value, ";")]
            self.slots[annotation, column.feature] = slots
        elif slots is not None and value not in (_UNSET, _NOTHING):
            slots.targets = _split(value, ";")

    def _annotation_at(self, layer: str, unit: str, depth: int, number: int) -> Annotation:
        """The annotation that the part of a cell at a depth is about: the one of its number, else by the depth. There
        are files that list in a column only those that have a value there."""
        there = self.by_unit.setdefault((unit, layer), [])
        start, end = self.units[unit]
        annotation = self.by_id.get(number)
        if annotation is not None and annotation.layer == layer:
            annotation.end = max(annotation.end, end)
            if annotation not in there:
                there.append(annotation)
            return annotation
        if depth < len(there) and not (number and there[depth] in self.numbered):
            annotation = there[depth]
        else:
            annotation = Annotation(layer, start, end)
            self.annotations.append(annotation)
            there.append(annotation)
        if number:
            self.by_id[number] = annotation
            self.numbered.add(annotation)
        return annotation

    def _add_to_relation(self, column: _Column, unit: str, depth: int, value: str) -> None:
        relation = self.relations.setdefault(
            (unit, column.layer, depth), _Relation(self.place, self.line, unit, column.base)
        )
        if column.kind == "value":
            relation.has_label = relation.has_label or bool(column.feature)
            if value != _UNSET:
                relation.features[column.feature] = _unescape(value)
            return
        relation.base = column.base
        match = _SUFFIX.fullmatch(value)
        relation.source = match[1] if match else value
        if match:
            numbers = match[2].split("_")
            if len(numbers) != 2 or not all(map(str.isdecimal, numbers)):
                raise BadRecord("RX102", problem=f"a relation must be as in 1-1[0_2], but is {value!r}")
            relation.ids = to_int(numbers[0]), to_int(numbers[1])

    def _resolve(self, base: str, unit: str, number: int) -> Annotation:
        """The annotation that a reference means. RAISES: BadRecord RX104."""
        if number:
            if number not in self.by_id:
                raise dangling(f"[{number}]", len(self.by_id))
            return self.by_id[number]
        there = self.by_unit.get((unit, base), [])
        if not there and base == _ANY:
            there = [one for (where, _), found in self.by_unit.items() if where == unit for one in found]
        if not there and base == _TOKEN and unit in self.units:
            there = [Annotation(_TOKEN, *self.units[unit])]
            self.annotations.append(there[0])
            self.by_unit[unit, base] = there
        if not there:
            raise dangling(unit, len(self.units))
        return next((one for one in there if one not in self.numbered), there[0])

    def _links(self) -> Iterator[Link]:
        for (_, layer, _), one in self.relations.items():
            self.place, self.line = one.place, one.line
            head = self._resolve(one.base, one.source, one.ids[0])
            tail = self._resolve(one.base, one.unit, one.ids[1])
            label = label_of(one.features) or ("" if one.has_label else short_name(layer))
            yield Link(one.place, head, tail, label)
        for slot in self.slots.values():
            self.place, self.line = slot.place, slot.line
            if slot.targets and len(slot.targets) != len(slot.roles):
                raise BadRecord("RX102", problem=f"there are {len(slot.roles)} slots, but {len(slot.targets)} targets")
            for role, target in zip(slot.roles, slot.targets):
                if target not in (_UNSET, _NOTHING):
                    unit, number = _number(target)
                    yield Link(slot.place, slot.host, self._resolve(slot.base, unit, number), role or slot.feature)

    def finish(self, report: Report) -> Record:
        """RAISES: BadRecord."""
        convention, text = self._text()
        countable = Countable(text)
        name = self.start.file.stem
        record = Record(self.start._replace(unit="document"), text=text, meta={"file": self.start.file.name})
        record.id = content_id(name, text)
        links = list(self._links())
        written = [(first, last) for _, first, last, _ in self.tokens]
        tokens = countable.read(written, convention)
        spans = countable.read([(one.start, one.end) for one in self.annotations], convention)
        for annotation, (start, end) in zip(self.annotations, spans):
            annotation.start, annotation.end = start, end
        fill(record, self.annotations, links, report)
        for place, line in self.unknown:
            report.unknown_key(place, line, "", line.partition("=")[0], [*(key.rstrip("=") for key in _LAYERS), _TEXT])
        for place, line in self.chains:
            pass_over(report, "RX305", place, line, kind="chains of coreference")
        self.place, self.line = record.place, text
        choice = Choice(convention, [[span] for span in tokens], is_default=convention == UTF16)
        note_choice(choice, text, [[span] for span in written], record.place, text, report)
        starts = countable.read([(start, start) for _, _, start, _ in self.sentences], convention)
        return tokenize(record, tokens, [start for start, _ in starts])

    def _text(self) -> tuple[Convention, str]:
        """What offsets count, as the tokens show, and the text. RAISES: BadRecord RX102, RX103."""
        try:
            return UTF16, self._checked_text(UTF16)
        except BadRecord as err:
            where = self.place, self.line
            try:
                return CHARACTERS, self._checked_text(CHARACTERS)
            except BadRecord:
                self.place, self.line = where
                raise err from None

    def _checked_text(self, convention: Convention) -> str:
        """The text by a convention. What is between two sentences is not recorded: blanks, and a line end."""
        parts: list[str] = []
        length = 0
        for place, line, start, sentence in self.sentences:
            self.place, self.line = place, line
            gap = start - length
            if gap < 0:
                raise BadRecord(
                    "RX102", problem=f"a sentence begins at {start}, but the text before it ends at {length}"
                )
            if gap:
                parts.append("\n" + " " * (gap - 1) if parts else " " * gap)
            parts.append(sentence)
            length = start + Countable(sentence).length(convention)
        text = "".join(parts)
        countable = Countable(text)
        places = countable.read([(first, last) for _, first, last, _ in self.tokens], convention)
        for (place, first, last, shown), (start, end) in zip(self.tokens, places):
            self.place, self.line = place, shown
            if min(start, end) < 0:
                raise misfit(first, last, countable.length(convention), UNITS[convention.unit].partition(" (")[0])
            if text[start:end] not in (shown, _unescape(shown)):
                found = f"is {text[start:end]!r} by its offsets in UTF-16 units, but is given as {shown!r}"
                raise BadRecord("RX102", problem=f"the token at [{first}, {last}) {found}; export the document again")
        return text


def _number(value: str) -> tuple[str, int]:
    """A value without its number in brackets, and the number, 0 for none."""
    match = _SUFFIX.fullmatch(value)
    if match is None:
        return value, 0
    if not match[2].isdecimal():
        raise BadRecord("RX102", problem=f"the number in brackets of {value!r} is none")
    return match[1], to_int(match[2])


def _split(value: str, mark: str) -> list[str]:
    """Split at a mark that is not escaped."""
    parts = re.findall(rf"(?:\\.|[^\\{mark}])+|{re.escape(mark)}", value, re.DOTALL)
    pieces = [""]
    for part in parts:
        if part == mark:
            pieces.append("")
        else:
            pieces[-1] += part
    return pieces


def _unescape(value: str) -> str:
    return _ESCAPE.sub(lambda match: _CONTROLS.get(match[1], match[1]), value)


def _from_java(text: str) -> str:
    """A text without the escapes that Java has for UTF-16 units, such as \\u00eb; other escapes stay."""

    def decode(match: re.Match[str]) -> str:
        units = b"".join(bytes.fromhex(unit)[::-1] for unit in re.findall(r"u([0-9A-Fa-f]{4})", match[2]))
        return match[1] + units.decode("utf-16-le", "surrogatepass")

    return _UNIT.sub(decode, text)
