"""Which text of a Label Studio task was annotated, and where its regions stand in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import RelxError
from ..records import BadRecord
from ._counting import CHARACTERS, UTF16, Countable, Span
from ._offsets import choose, faults_of_fields, mismatches
from ._read import Row

TEXT, HYPERTEXT, PARAGRAPHS = "text", "hypertext", "paragraphs"
#: Units that its versions count, besides characters.
UNITS = ("utf16",)
_ADVICE = (
    "Save the labelling interface of the project (Settings, Labeling Interface, Code) beside the file, under the same "
    "name with .xml."
)
#: Elements of HTML that begin and end lines, and those whose text is not shown.
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
        "header hr li main nav ol p pre section table tbody td tfoot th thead tr ul",
    )
)
_HIDDEN = frozenset(("script", "style"))


class Region(NamedTuple):
    """A region of a text, as the file has it.

    kind: of the text. start, end: characters of the text, or of paragraphs. paragraphs: the first and the last, by
    number, of a text in paragraphs. quote: its own text, None for unknown. to_name: the name of the text's tag in the
    labelling interface, "" for unknown.
    """

    kind: str
    start: int
    end: int
    labels: list[str]
    quote: str | None
    to_name: str = ""
    paragraphs: tuple[int, int] = (0, 0)

    @property
    def place(self) -> tuple[int, ...]:
        """What tells it from other regions of its text."""
        return (*self.paragraphs, self.start, self.end)


class Tag(NamedTuple):
    """A text's tag in the labelling interface: the field of the data that it shows, and keys of paragraphs."""

    field: str
    text_key: str = "text"


def read_interface(path: Path) -> dict[str, Tag]:
    """The tags of texts in the labelling interface that lies beside a file, by their names; none where none is there.

    Raises:
        RelxError: RX577, for a file that is no such interface.
    """
    name = path.name.removesuffix(path.suffix) if path.suffix in (".gz", ".bz2") else path.name
    file = path.with_name(Path(name).stem + ".xml")
    if not file.is_file():
        return {}
    try:
        root = ElementTree.fromstring(file.read_bytes())
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as err:
        raise RelxError("RX577", path=file, reason=err) from err
    tags = {}
    for element in root.iter():
        tag, value = element.get("name"), element.get("value", "")
        if element.tag.lower() in (TEXT, HYPERTEXT, PARAGRAPHS) and tag and value.startswith("$"):
            tags[tag] = Tag(value[1:], element.get("textKey", "text"))
    return tags


@dataclass
class Fields:
    """Tells which field of a task's data holds a text. usual: the fields that other tasks of the file show, by the name
    of the tag, with their numbers."""

    interface: dict[str, Tag]
    usual: dict[str, Counter[str]] = field(default_factory=dict)

    def learn(self, data: Row, regions: Iterable[Region]) -> None:
        """Count the fields in which alone the own texts of a task's regions stand."""
        for to_name, named in _by_name(regions).items():
            if to_name not in self.interface and any(region.quote for region in named):
                fitting = _fitting(_texts(data), named)
                if len(fitting) == 1:
                    self.usual.setdefault(to_name, Counter()).update(fitting)

    def find(self, data: Row, to_name: str, regions: Sequence[Region]) -> str:
        """The field of the text that the tag of a name shows.

        The interface says it; else the own texts of the regions; else the other tasks, and the name of the tag, which
        mostly is that of the field, as long as no other field fits better.

        Raises:
            BadRecord: RX573, where it cannot be told.
        """
        if to_name in self.interface:
            name = self.interface[to_name].field
            if name not in data:
                reason = f"the labelling interface says '${name}', and the task has {_listed(data)}"
                raise BadRecord("RX573", reason=reason, advice="Give the file the interface of its own project.")
            return name
        texts = _texts(data)
        if len(texts) == 1:
            return next(iter(texts))
        has_quotes = any(region.quote for region in regions)
        faults = _fitting(texts, regions)
        fewest = [name for name, n in faults.items() if has_quotes or n == min(faults.values())]
        likely = [name for name, _ in self.usual.get(to_name, Counter()).most_common()] + [to_name]
        found = next((name for name in likely if name in fewest), None)
        if found is None and has_quotes:
            if not faults and to_name in texts:
                return to_name  # its text is another one, and the error says so
            if len({str(texts[name]) for name in faults}) == 1:
                return fewest[0]
        elif found is None and len(faults) == 1 and not set(likely) & set(texts):
            return fewest[0]
        if found is None:
            raise self._unknown(data, f"the regions are of '{to_name}'" if to_name else "the regions do not say")
        return found

    def find_empty(self, data: Row, to_names: Iterable[str]) -> str:
        """The field of the text of a task without regions. to_names: of its other results.

        Raises:
            BadRecord: RX573, where it cannot be told.
        """
        texts = _texts(data)
        shown = [self.interface[name].field for name in (*to_names, *self.interface) if name in self.interface]
        usual = [name for counts in self.usual.values() for name in counts]
        for likely in (shown, list(texts) if len(texts) == 1 else [], usual, list(to_names), [TEXT]):
            fields = dict.fromkeys(name for name in likely if name in texts)
            if len(fields) == 1:
                return next(iter(fields))
        raise self._unknown(data, "the task has no regions")

    def _unknown(self, data: Row, reason: str) -> BadRecord:
        return BadRecord("RX573", reason=f"{reason}, and the task has {_listed(data)}", advice=_ADVICE)

    def text_key(self, to_name: str) -> str:
        """The key of the text in a paragraph."""
        return self.interface[to_name].text_key if to_name in self.interface else "text"


def _by_name(regions: Iterable[Region]) -> dict[str, list[Region]]:
    named: dict[str, list[Region]] = {}
    for region in regions:
        named.setdefault(region.to_name, []).append(region)
    return named


def _texts(data: Row) -> dict[str, Any]:
    """The fields that may be texts."""
    return {
        name: value
        for name, value in data.items()
        if (isinstance(value, str) and value.strip())
        or (isinstance(value, list) and value and all(isinstance(one, dict) for one in value))
    }


def _listed(data: Row) -> str:
    return "the fields " + ", ".join(map(repr, _texts(data))) if _texts(data) else "no text"


def _fitting(texts: dict[str, Any], regions: Sequence[Region]) -> dict[str, int]:
    """The fields in which regions may stand, and how unlikely they are there."""
    quotes = [region.quote for region in regions]
    placed: dict[str, tuple[str, list[Span]]] = {}
    for name, value in texts.items():
        try:
            placed[name] = place_regions(value, regions)
        except BadRecord:
            continue
    faults = {}
    for name, (text, spans) in placed.items():
        faults.update(faults_of_fields({name: text}, [[span] for span in spans], quotes, CHARACTERS, UNITS))
    return faults


def place_regions(value: Any, regions: Sequence[Region], text_key: str = "text") -> tuple[str, list[Span]]:
    """The text of a field, and where its regions stand in it.

    Args:
        value: What the task has in the field.
        regions: Its regions; all of one kind.
        text_key: The key of the text in a paragraph.

    Returns:
        The text and, of plain text, the regions as the file counts them, else in characters.

    Raises:
        BadRecord: RX102, where the field has another kind of value; RX103.
    """
    kind = regions[0].kind if regions else TEXT
    if any(region.kind != kind for region in regions):
        raise BadRecord("RX102", problem="regions of one text are of several kinds (text, HTML, paragraphs)")
    if kind == PARAGRAPHS or (not regions and isinstance(value, list)):
        return _in_paragraphs(value, regions, text_key)
    if not isinstance(value, str):
        raise BadRecord("RX102", problem=f"a text must be a string, but is {value!r:.60}")
    return _in_html(value, regions) if kind == HYPERTEXT else (value, [(one.start, one.end) for one in regions])


def _in_paragraphs(value: Any, regions: Sequence[Region], text_key: str) -> tuple[str, list[Span]]:
    rows = value if isinstance(value, list) else [None]
    if not all(isinstance(one, dict) and isinstance(one.get(text_key), str) for one in rows):
        raise BadRecord("RX102", problem=f"paragraphs must be a list of objects with a string '{text_key}'")
    texts = [one[text_key] for one in value]
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + 1)
    whole = "\n".join(texts)
    quotes = [region.quote for region in regions]
    found: list[Span] = []
    for convention in (UTF16, CHARACTERS):
        found = []
        for region in regions:
            first, last = region.paragraphs
            if not 0 <= first <= last < len(texts):
                raise BadRecord("RX102", problem=f"a region is in the paragraphs {first} to {last} of {len(texts)}")
            start = Countable(texts[first]).read([(region.start, region.start)], convention)[0][0]
            end = Countable(texts[last]).read([(region.end, region.end)], convention)[0][1]
            found.append((starts[first] + start if start >= 0 else -1, starts[last] + end if end >= 0 else -1))
        if any(quotes) and not mismatches(whole, [[span] for span in found], quotes):
            break
    return whole, found


class _Html(HTMLParser):
    """The text of HTML. nodes: (text, whether a line begins there). with_breaks: whether <br> counts as a character."""

    def __init__(self, with_breaks: bool):
        super().__init__(convert_charrefs=True)
        self.nodes: list[tuple[str, bool]] = []
        self._with_breaks = with_breaks
        self._at_line = False
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._at_line = self._at_line or tag in _BLOCKS
        if tag in _HIDDEN:
            self._hidden = tag
        if tag == "br" and self._with_breaks:
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        self._at_line = self._at_line or tag in _BLOCKS
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.nodes.append((data, self._at_line))
            self._at_line = False


def _in_html(html: str, regions: Sequence[Region]) -> tuple[str, list[Span]]:
    """Regions of HTML count the characters of its text nodes. Lines of blocks get line ends, which HTML has not."""
    quotes = [region.quote for region in regions]
    pieces = [[(region.start, region.end)] for region in regions]
    result: tuple[str, list[Span]] = ("", [])
    for with_breaks in (True, False):
        parser = _Html(with_breaks)
        parser.feed(html)
        parser.close()
        content = "".join(text for text, _ in parser.nodes)
        choice = choose(content, pieces, quotes, CHARACTERS, UNITS)
        text, places = _with_lines(parser.nodes)
        spans = [piece for [piece] in choice.pieces]
        result = text, [(places[start], places[end - 1] + 1) if 0 <= start < end else (-1, -1) for start, end in spans]
        if not mismatches(content, choice.pieces, quotes):
            break
    return result


def _with_lines(nodes: Sequence[tuple[str, bool]]) -> tuple[str, list[int]]:
    """The text of nodes with line ends where lines begin, and for each character of the nodes its place there."""
    parts: list[str] = []
    places: list[int] = []
    length = 0
    last = "\n"
    for text, at_line in nodes:
        if text and at_line and not last.isspace() and not text[0].isspace():
            parts.append("\n")
            length += 1
        places.extend(range(length, length + len(text)))
        parts.append(text)
        length += len(text)
        last = text[-1:] or last
    return "".join(parts), places
