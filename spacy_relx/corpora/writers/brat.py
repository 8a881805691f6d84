"""A collection for brat: texts, annotations beside them, and the settings that name the types."""

from __future__ import annotations

import re
from pathlib import Path

from spacy.tokens import Doc

from ...errors import warn
from ._base import Annotations, Writer, head_of

#: What may stand in the name of a type: brat divides by blanks, commas, bars, colons and brackets.
_NO_TYPE = re.compile(r"[^\w.+/-]+")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BREAK = re.compile(r"[\r\n]+")
#: What a kb_id cannot have in a link.
_NO_LINK = re.compile(r"\s")
_REFERENCE = "KB"


class BratWriter(Writer):
    """A folder with a .txt and an .ann for each Doc, and annotation.conf.

    Files have the ids of the Docs as names, where these can be names of files, else numbers. Types and relations whose
    names brat cannot hold get others, with "_" for what is wrong; visual.conf shows the true names (RX322). The `kb_id`
    of a mention is an N line. A mention over several lines is written in fragments, one a line. Scores have no place.
    WARNS: RX322.
    """

    folder = True

    def begin(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._types: dict[tuple[str, str], str] = {}

    def write(self, doc: Doc, annotations: Annotations) -> None:
        text = doc.text
        lines = []
        links = 0
        for i, (mention, (start, end)) in enumerate(zip(annotations.mentions, annotations.spans), start=1):
            kind = self._type("entities", mention.label)
            offsets = ";".join(f"{first} {last}" for first, last in _fragments(text, start, end))
            lines.append(f"T{i}\t{kind} {offsets}\t{_BREAK.sub(' ', text[start:end])}")
            if mention.kb_id and not _NO_LINK.search(mention.kb_id):
                links += 1
                lines.append(
                    f"N{links}\tReference T{i} {_REFERENCE}:{mention.kb_id}\t{_BREAK.sub(' ', text[start:end])}"
                )
        for i, (head, tail, relation) in enumerate(annotations.relations, start=1):
            kind = self._type("relations", relation.label)
            lines.append(f"R{i}\t{kind} Arg1:T{head + 1} Arg2:T{tail + 1}\t")
        name = self._name(doc)
        (self._folder / f"{name}.txt").write_bytes(text.encode("utf8"))
        (self._folder / f"{name}.ann").write_bytes("".join(line + "\n" for line in lines).encode("utf8"))

    def end(self, complete: bool) -> None:
        if not complete:
            return
        sections: dict[str, list[str]] = {"entities": [], "relations": [], "events": [], "attributes": []}
        for (section, _), name in sorted(self._types.items()):
            sections[section].append(name + ("\tArg1:<ENTITY>, Arg2:<ENTITY>" if section == "relations" else ""))
        self._write_settings("annotation.conf", sections)
        changed = {label: name for (_, label), name in sorted(self._types.items()) if label != name}
        if changed:
            labels = [f"{name} | {_BREAK.sub(' ', label).replace('|', '/')}" for label, name in changed.items()]
            self._write_settings("visual.conf", {"labels": labels, "drawing": []})
            pairs = ", ".join(f"{label!r} is {name}" for label, name in changed.items())
            warn("RX322", names=pairs)

    def _write_settings(self, name: str, sections: dict[str, list[str]]) -> None:
        text = "\n".join("\n".join([f"[{section}]", *lines, ""]) for section, lines in sections.items())
        (self._folder / name).write_text(text, encoding="utf8")

    def _type(self, section: str, label: str) -> str:
        """The name of a type in brat, another for each label."""
        if (section, label) not in self._types:
            taken = {name for (kind, _), name in self._types.items() if kind == section}
            first = name = _NO_TYPE.sub("_", label) or "_"
            number = 2
            while name in taken:
                name, number = f"{first}_{number}", number + 1
            self._types[section, label] = name
        return self._types[section, label]

    def _name(self, doc: Doc) -> str:
        """The name of a Doc's files; names that differ in capitals only are one name to some file systems."""
        name = str(head_of(doc).get("id", ""))
        if not _SAFE_NAME.fullmatch(name) or name.lower() in self._names:
            name = f"{self.count + 1:06}"
            while name in self._names:
                name += "_"
        self._names.add(name.lower())
        return name


def _fragments(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) of what a mention has on each line, which brat wants; blank lines have nothing."""
    fragments = []
    for line in re.finditer(r"[^\r\n]+", text[start:end]):
        if line.group().strip():
            fragments.append((start + line.start(), start + line.end()))
    return fragments or [(start, end)]
