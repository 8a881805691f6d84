"""A collection for brat: texts, annotations beside them, and the settings that name the types."""

from __future__ import annotations

import re
from pathlib import Path

from spacy.tokens import Doc

from ...errors import warn
from ..importers.brat import DOCUMENTS, NAMED, NAMES_FILE, NO_LINK
from ._base import Annotations, Writer, head_of, to_json

#: What cannot stand in the name of a type: brat divides by blanks, commas, bars, colons and brackets.
_NO_TYPE = re.compile(r"[^\w.+/-]+")
#: What cannot stand in a link.
_NO_ID = re.compile(r"\s+")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BREAK = re.compile(r"[\r\n]+")
_REFERENCE = "KB"
#: Changed names that the warning shows.
_SHOWN = 10


class _Names:
    """Names in brat, a different one for each true name. forbidden: what they cannot have. taken: what none can be."""

    def __init__(self, forbidden: re.Pattern[str], *taken: str):
        self.given: dict[str, str] = {}
        self.changed: dict[str, str] = {}
        self._forbidden = forbidden
        self._taken = set(taken)

    def __call__(self, true: str) -> str:
        if true not in self.given:
            first = name = self._forbidden.sub("_", true) or "_"
            number = 2
            while name in self._taken:
                name, number = f"{first}_{number}", number + 1
            self._taken.add(name)
            self.given[true] = name
            if name != true:
                self.changed[true] = name
        return self.given[true]


class BratWriter(Writer):
    """A folder with a .txt and an .ann for each Doc, and annotation.conf.

    Files have the ids of the Docs as names, where these can be names of files, else numbers. Types, relations and
    `kb_id`s whose names brat cannot hold get others, with "_" for what is wrong; visual.conf shows the true names of
    types, as far as it can, and `NAMES_FILE` keeps all of them for the importer (RX322), and the ids of the Docs. The
    `kb_id` of a mention is an N line. A mention over several lines is written in fragments, one a line. Scores have no
    place.
    WARNS: RX322.
    """

    folder = True

    def begin(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()
        #: ids of Docs by the names of their files
        self._ids: dict[str, str | int] = {}
        self._types, self._relations, self._links = _Names(_NO_TYPE), _Names(_NO_TYPE), _Names(_NO_ID, NO_LINK)

    def write(self, doc: Doc, annotations: Annotations) -> None:
        text = doc.text
        lines = []
        links = 0
        for i, (mention, (start, end)) in enumerate(zip(annotations.mentions, annotations.spans), start=1):
            kind = self._types(mention.label)
            offsets = ";".join(f"{first} {last}" for first, last in _fragments(text, start, end))
            lines.append(f"T{i}\t{kind} {offsets}\t{_BREAK.sub(' ', text[start:end])}")
            if mention.kb_id:
                links += 1
                link = f"{_REFERENCE}:{self._links(mention.kb_id)}"
                lines.append(f"N{links}\tReference T{i} {link}\t{_BREAK.sub(' ', text[start:end])}")
        for i, (head, tail, relation) in enumerate(annotations.relations, start=1):
            kind = self._relations(relation.label)
            lines.append(f"R{i}\t{kind} Arg1:T{head + 1} Arg2:T{tail + 1}\t")
        name = self._name(doc)
        (self._folder / f"{name}.txt").write_bytes(text.encode("utf8"))
        (self._folder / f"{name}.ann").write_bytes("".join(line + "\n" for line in lines).encode("utf8"))

    def end(self, complete: bool) -> None:
        if not complete:
            return
        types, relations = (sorted(names.given.values()) for names in (self._types, self._relations))
        relations = [f"{name}\tArg1:<ENTITY>, Arg2:<ENTITY>" for name in relations]
        self._write_settings(
            "annotation.conf", {"entities": types, "relations": relations, "events": [], "attributes": []}
        )
        labels = sorted({*self._types.changed.items(), *self._relations.changed.items()})
        if labels:
            lines = [f"{name} | {_BREAK.sub(' ', label).replace('|', '/')}" for label, name in labels]
            self._write_settings("visual.conf", {"labels": lines, "drawing": []})
        changed = sorted({*labels, *self._links.changed.items()})
        if changed or self._ids:
            parts = (self._types, self._relations, self._links)
            table: dict[str, dict[str, str | int]] = {
                kind: {name: true for true, name in part.changed.items()} for kind, part in zip(NAMED, parts)
            }
            table[DOCUMENTS] = self._ids
            (self._folder / NAMES_FILE).write_text(to_json(table), encoding="utf8")
        if changed:
            pairs = [f"{true!r} is {name}" for true, name in changed]
            more = f" and {len(pairs) - _SHOWN} more" * (len(pairs) > _SHOWN)
            warn("RX322", names=", ".join(pairs[:_SHOWN]) + more, file=NAMES_FILE)

    def _write_settings(self, name: str, sections: dict[str, list[str]]) -> None:
        text = "\n".join("\n".join([f"[{section}]", *lines, ""]) for section, lines in sections.items())
        (self._folder / name).write_text(text, encoding="utf8")

    def _name(self, doc: Doc) -> str:
        """The name of a Doc's files; names that differ in capitals only are one name to some file systems."""
        id = head_of(doc).get("id", "")
        name = str(id)
        if not _SAFE_NAME.fullmatch(name) or name.lower() in self._names:
            name = f"{self.count + 1:06}"
            while name in self._names:
                name += "_"
        self._names.add(name.lower())
        if id != "":
            self._ids[name] = id
        return name


def _fragments(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) of what a mention has on each line, which brat wants; blank lines have nothing."""
    fragments = []
    for line in re.finditer(r"[^\r\n]+", text[start:end]):
        if line.group().strip():
            fragments.append((start + line.start(), start + line.end()))
    return fragments or [(start, end)]
