"""brat standoff (Stenetorp et al. 2012; BioNLP shared tasks): a text, and beside it files of annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...data.ids import content_id
from ...data.types import Mention
from ..records import BadRecord, DuplicateKeyError, Place, Record, Report, load_json
from ._counting import CHARACTERS
from ._offsets import Pieces, check_choice, choose, joined, note_choice, same_words, split_bom
from ._read import BadFile, check_record, get, pass_over, read_text, select_inputs, to_int

#: Suffixes of annotations, in the order in which they are read: brat's own, then those of the shared tasks.
SUFFIXES = (".ann", ".a1", ".a2", ".co", ".rel")
_TEXT, _SETTINGS = ".txt", ".conf"
#: Beside the texts: the true names of types, relations and kb_ids that brat cannot hold, by their names in brat.
NAMES_FILE = "relx-names.json"
#: What has names there: entity types, relations, kb_ids; and ids of documents, by the names of their files.
NAMED = ("entities", "relations", "links")
DOCUMENTS = "documents"
#: Units that programs with this format count, besides characters.
_UNITS = ("utf16",)
_MENTION = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)\s*")
_ARGUMENT = re.compile(r"([^\s:]+):(\S+)")
_LINK = re.compile(r"\S+ (\S+) [^\s:]+:(\S+)\s*")
_ROLES = ["Arg1", "Arg2"]
_PASSED_OVER = {"A": "attributes", "M": "attributes", "#": "notes", "*": "equivalences other than Equiv"}
_EQUAL = "Equiv"
#: Problems of which each is told; of others the first.
_EACH = ("RX306", "RX314", "RX315")
#: What stands for "in no knowledge base" in links.
NO_LINK = "NULL"


def choose_files(paths: list[Path]) -> list[Path]:
    """One path for each text: the first of its files of annotations. brat's settings (.conf) and the table of
    names go; other files stay."""
    there = set(paths)
    chosen: dict[Path, None] = {}
    for path in paths:
        if path.suffix == _SETTINGS or path.name == NAMES_FILE:
            continue
        own = _annotations(path) if path.suffix in (*SUFFIXES, _TEXT) else []
        chosen[next((file for file in own if file in there), own[0] if own else path)] = None
    return list(chosen)


@select_inputs(choose_files)
def read_brat(path: Path, report: Report) -> Iterator[Record]:
    """Read one text of a brat collection, with all files of annotations beside it. path: any one of these.

    A mention of several fragments becomes the one that covers them, which is noted (RX306), unless there are only
    blanks between them. The id of an N line becomes the kb_id (NULL is none; of several the first, RX314). Mentions
    that `Equiv` lines make equal share a kb_id: that of an N line of one of them, else `DOCUMENT#T1`, after the first
    of them; where they have several links, each keeps its own (RX315). DOCUMENT is the name of the file and a digest of
    the text and of the places of its mentions, since files in several folders have one name. An R line has two
    arguments, of which Arg1 is the head; one that names an event means its trigger. Events (RX304), attributes, notes
    and other equivalences (RX305) are passed over and counted. The record's id is the name of the file and a digest of
    its text; the file is meta["file"]. A text without annotations is skipped (RX303). Offsets count characters, unless
    the mentions' own texts show something else (RX570). Names that `NAMES_FILE` beside the text has, as `relx data
    prelabel` writes it, become what they stand for.
    BROKEN, the whole text: RX102 (a line is not of the format, an id is there twice), RX103 (offsets), RX104 (an
    argument names nothing), RX105 and RX574 (the line's own text is another one), RX108, RX109, RX302 (no text), RX602;
    RX101 or RX102 for a broken table of names.
    """
    place = Place(path, 1)
    if not path.exists():
        report.broken("RX109", place, "", reason="there is no such file")
        return
    if path.suffix not in (*SUFFIXES, _TEXT):
        report.broken("RX102", place, path.name, problem=f"a brat file ends in {', '.join(SUFFIXES)} or {_TEXT}")
        return
    files = _annotations(path)
    text_file = _beside(path, _TEXT)
    if not files:
        report.records_skipped += 1
        report.note("RX303", place, "")
        return
    if not text_file.is_file():
        report.broken("RX302", place, "", name=text_file.name)
        return
    reader = _Reader(Place(text_file, 1, "document"))
    try:
        reader.read_names(_beside(path, _TEXT).with_name(NAMES_FILE))
        reader.place = reader.record.place
        reader.set_text(read_text(text_file, "utf-8"))
        for file in files:
            reader.read(file)
        reader.finish(report)
        check_record(reader.record)
    except BadFile as err:
        report.broken(err.code, reader.place._replace(line=err.line, unit="line"), err.text, **err.values)
        return
    except BadRecord as err:
        report.broken(err.code, reader.place, reader.line, **err.values)
        return
    yield reader.record


def _annotations(path: Path) -> list[Path]:
    """The files of annotations that a text has. path: any of its files."""
    return [file for file in (_beside(path, suffix) for suffix in SUFFIXES) if file.is_file()]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.stem + suffix)


@lru_cache(maxsize=8)
def _read_names(path: Path, changed: int, size: int) -> dict[str, dict[str, Any]]:
    """A table of names. changed, size: of the file, so that another one is read anew.

    RAISES: BadFile RX108, RX109, RX602; BadRecord RX101, RX102.
    """
    try:
        table = load_json(read_text(path))
    except DuplicateKeyError as err:
        raise BadRecord("RX102", problem=err) from err
    except (ValueError, RecursionError) as err:
        raise BadRecord("RX101", reason=err) from err
    if not isinstance(table, dict):
        raise BadRecord("RX102", problem="a table of names must be an object")
    names = {kind: get(table, kind, dict, default={}) for kind in NAMED}
    for kind, of_kind in names.items():
        if not all(isinstance(name, str) and name for name in of_kind.values()):
            raise BadRecord("RX102", problem=f"'{kind}' must map names to names, none of them empty")
    ids = get(table, DOCUMENTS, dict, default={})
    if not all(isinstance(id, (str, int)) and not isinstance(id, bool) and id != "" for id in ids.values()):
        raise BadRecord("RX102", problem=f"'{DOCUMENTS}' must map names of files to ids")
    return {**names, DOCUMENTS: ids}


@dataclass
class _Marked:
    """A mention as a line has it. pieces: as the file counts them. quote: its own text, "" for none."""

    place: Place
    line: str
    label: str
    pieces: Pieces
    quote: str


@dataclass
class _Reader:
    """What is known of one text. place, line: of the annotation that is looked at."""

    place: Place
    line: str = ""
    ids: set[str] = field(default_factory=set)
    #: id -> its place in marked, and in record.mentions
    mentions: dict[str, int] = field(default_factory=dict)
    marked: list[_Marked] = field(default_factory=list)
    has_bom: bool = False
    triggers: dict[str, str] = field(default_factory=dict)
    links: list[tuple[Place, str, str, str]] = field(default_factory=list)
    equal: list[tuple[Place, str, list[str]]] = field(default_factory=list)
    relations: list[tuple[Place, str, str, list[str]]] = field(default_factory=list)
    #: true names by names in brat, of each of `NAMED`
    names: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in (*NAMED, DOCUMENTS)})
    #: (place, line, code, values) of what is to be noted if the text can be used
    notes: list[tuple[Place, str, str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record = Record(self.place)

    def read_names(self, file: Path) -> None:
        """Read the table of names, where there is one. RAISES: BadRecord."""
        self.place = Place(file, 1)
        if file.is_file():
            stat = file.stat()
            self.names = _read_names(file, stat.st_mtime_ns, stat.st_size)

    def set_text(self, text: str) -> None:
        """Take the text, and the id of the record."""
        self.record.text, self.has_bom = split_bom(text)
        name = self.place.file.stem
        self.record.meta = {"file": self.place.file.name}
        self.record.id = self.names[DOCUMENTS].get(name) or content_id(name, self.record.text)

    def read(self, file: Path) -> None:
        """Read a file of annotations. RAISES: BadRecord."""
        self.place, self.line = Place(file, 1), ""
        content = read_text(file)
        for number, line in enumerate(content.split("\n" if "\n" in content else "\r"), start=1):
            self.place, self.line = Place(file, number), line.rstrip("\r")
            if self.line.strip():
                self._read_line(*self.line.partition("\t")[::2])

    def _read_line(self, name: str, rest: str) -> None:
        kind = name[:1]
        if kind not in {"T", "R", "N", "E", *_PASSED_OVER} or not rest:
            raise BadRecord("RX102", problem="this is no line of brat's: an id such as T1, a tab, and what it is")
        if kind != "*" and kind != "#":
            if name in self.ids:
                raise BadRecord("RX102", problem=f"the id {name} is there twice")
            self.ids.add(name)
        data, _, text = rest.partition("\t")
        if kind == "T":
            self._add_mention(name, data, text)
        elif kind == "R":
            self._add_relation(data)
        elif kind == "N":
            link = _LINK.fullmatch(data)
            if link is None:
                raise BadRecord("RX102", problem="a link must be as in 'Reference T1 Wikidata:Q42'")
            self.links.append((self.place, self.line, link[1], link[2]))
        elif kind == "*" and data.split(" ")[0] == _EQUAL:
            equal = data.split()[1:]
            if len(equal) < 2 or text.strip():
                raise BadRecord("RX102", problem="an equivalence must be as in 'Equiv T1 T2'")
            self.equal.append((self.place, self.line, equal))
        elif kind == "E":
            self.triggers[name] = data.split(" ")[0].rpartition(":")[2]
            self.notes.append((self.place, self.line, "RX304", {}))
        else:
            self.notes.append((self.place, self.line, "RX305", {"kind": _PASSED_OVER[kind]}))

    def _add_mention(self, name: str, data: str, shown: str) -> None:
        match = _MENTION.fullmatch(data)
        if match is None:
            raise BadRecord("RX102", problem="a mention must be as in 'PERSON 0 5' or 'PERSON 0 5;9 12'")
        pieces = [(to_int(start), to_int(end)) for start, end in (piece.split() for piece in match[2].split(";"))]
        self.mentions[name] = len(self.marked)
        self.marked.append(_Marked(self.place, self.line, match[1], pieces, shown))

    def _place_mentions(self, report: Report) -> None:
        """Find the mentions in the text. RAISES: BadRecord RX103, RX105, RX574."""
        text = self.record.text or ""
        as_written, quotes = [one.pieces for one in self.marked], [one.quote for one in self.marked]
        choice = choose(text, as_written, quotes, CHARACTERS, _UNITS, has_bom=self.has_bom)
        for number, (marked, pieces) in enumerate(zip(self.marked, choice.pieces)):
            self.place, self.line = marked.place, marked.line
            one = choice._replace(pieces=[pieces])
            check_choice(text, one, as_written[number : number + 1], quotes[number : number + 1])
            start, end = min(pieces)[0], max(end for _, end in pieces)
            found = joined(text, pieces)
            if len(pieces) > 1 and not same_words(found, text[start:end]):
                self.notes.append((self.place, self.line, "RX306", {"parts": found, "whole": text[start:end]}))
            self.record.mentions.append(Mention(start, end, self.names["entities"].get(marked.label, marked.label)))
        note_choice(choice, text, as_written, self.record.place, text, report)

    def _add_relation(self, data: str) -> None:
        parts = data.split()
        pairs = [match.groups() for match in map(_ARGUMENT.fullmatch, parts[1:]) if match]
        if len(parts) != 3 or len(pairs) != 2:
            raise BadRecord("RX102", problem="a relation must have two arguments, as in 'Label Arg1:T1 Arg2:T2'")
        if [role for role, _ in pairs] == _ROLES[::-1]:
            pairs.reverse()
        label = self.names["relations"].get(parts[0], parts[0])
        self.relations.append((self.place, self.line, label, [name for _, name in pairs]))

    def finish(self, report: Report) -> None:
        """Find the mentions, and resolve what names other annotations, which may come later in the files.

        RAISES: BadRecord RX103, RX104, RX105, RX574.
        """
        self._place_mentions(report)
        for place, line, name, target in self.links:
            self.place, self.line = place, line
            index = self._resolve(name)
            mention = self.record.mentions[index]
            if target == NO_LINK:
                continue
            target = self.names["links"].get(target, target)
            if mention.kb_id and target != mention.kb_id:
                self.notes.append((self.place, self.line, "RX314", {"taken": mention.kb_id, "other": target}))
                continue
            self._link(index, target)
        self._link_equal()
        for place, line, label, names in self.relations:
            self.place, self.line = place, line
            head, tail = map(self._resolve, names)
            self.record.relations.append((head, tail, label))
        for place, line, code, values in self.notes:
            if code in _EACH:
                report.note(code, place, line, **values)
            else:
                pass_over(report, code, place, line, **values)
        self.place, self.line = self.record.place, self.record.content

    def _link_equal(self) -> None:
        """Give the mentions of each cluster of equal ones one kb_id. RAISES: BadRecord RX104."""
        parents: dict[int, int] = {}

        def find(index: int) -> int:
            while parents.setdefault(index, index) != index:
                parents[index] = index = parents[parents[index]]
            return index

        lines: dict[int, tuple[Place, str]] = {}
        for place, line, names in self.equal:
            self.place, self.line = place, line
            roots = sorted({find(self._resolve(name)) for name in names})
            parents.update((root, roots[0]) for root in roots)
            lines.update((root, (place, line)) for root in roots[:1])
        clusters: dict[int, list[int]] = {}
        for index in sorted(parents):
            clusters.setdefault(find(index), []).append(index)
        ids = {index: name for name, index in self.mentions.items()}
        places = (f"{ids[i]} {mention.start} {mention.end}" for i, mention in enumerate(self.record.mentions))
        document = content_id(self.record.place.file.stem, self.record.content, *places)
        for root, cluster in clusters.items():
            links = list(dict.fromkeys(filter(None, (self.record.mentions[i].kb_id for i in cluster))))
            if len(links) > 1:
                self.notes.append((*lines[root], "RX315", {"links": ", ".join(map(repr, links))}))
            target = links[0] if links else f"{document}#{ids[root]}"
            for index in cluster:
                self._link(index, self.record.mentions[index].kb_id or target)

    def _link(self, index: int, kb_id: str) -> None:
        mention = self.record.mentions[index]
        self.record.mentions[index] = Mention(mention.start, mention.end, mention.label, kb_id)

    def _resolve(self, name: str) -> int:
        name = self.triggers.get(name, name)
        if name not in self.mentions:
            raise BadRecord("RX104", value=name, n=len(self.mentions))
        return self.mentions[name]
