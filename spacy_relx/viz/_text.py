"""Text in pictures and pages: what may stand in HTML and SVG, which way it runs, how wide it is without its font."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape
from itertools import accumulate, takewhile

from spacy.tokens import Doc

from ..data.extensions import get_relations
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, Mention

#: Fonts that most systems have, among them some for each script.
FONT_STACK = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC','PingFang SC','Hiragino Sans',"
    "'Microsoft YaHei','Noto Sans Arabic',sans-serif"
)
#: Languages and scripts written from right to left.
_RTL = {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "syr", "ug", "ur", "yi", "arab", "hebr", "thaa"}
#: What HTML does not allow in a text, even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Widths of letters in em, as usual fonts without serifs have them.
_NARROW, _SLIM, _BROAD = "fijlrtIıłіјІ.,:;'`|!()[]{}/\\-\"", "sczJ*?_ykvxaeLEFTS", "mwMWOQGDHNU@%&мшщжюфыМШЩЖЮФЫ"
_WIDTHS = {
    **dict.fromkeys(map(chr, range(33, 127)), 0.6),
    **dict.fromkeys("ABCDEFGKPRSTVXYZ", 0.66),
    **dict.fromkeys(_SLIM, 0.55),
    **dict.fromkeys(_NARROW, 0.32),
    **dict.fromkeys(_BROAD, 0.78),
    **dict.fromkeys("mMW@%", 0.92),
}
_BLANK = 0.27


def safe(text: str) -> str:
    """The text as HTML or SVG can hold it, in elements and in attributes: escaped, without characters they forbid."""
    return escape(printable(text), quote=True)


def printable(text: str) -> str:
    """The text with a replacement character for each one that HTML forbids."""
    return _FORBIDDEN.sub("�", text)


def direction(text: str, lang: str = "") -> str:
    """ "rtl" or "ltr": by the language, else by the first letter of the text that has a direction."""
    if lang:
        parts = lang.lower().replace("_", "-").split("-")
        return "rtl" if _RTL.intersection((parts[0], *parts[1:2])) else "ltr"
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def text_width(text: str, size: float) -> float:
    """About how wide a text is in pixels, by its characters alone. size: of the font, in pixels."""
    return sum(map(_char_width, text)) * size


@lru_cache(maxsize=4096)
def _char_width(char: str) -> float:
    if char.isspace():
        return _BLANK
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):  # they stand above, below or in other letters
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    letter = unicodedata.normalize("NFD", char)[0]  # without accents
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if unicodedata.category(char) == "Mc":  # vowels beside a letter, of which most scripts have slim ones
        return 0.28
    kind = unicodedata.bidirectional(char)
    if kind == "AL":
        return 0.52
    if char.isupper():
        return 0.68
    return 0.6


def trim(text: str, width: float, size: float) -> str:
    """The text, or as much of it as fits the width and an ellipsis."""
    if text_width(text, size) <= width:
        return text
    reach = accumulate((_char_width(char) * size for char in text), initial=size)
    end = sum(1 for _ in takewhile(lambda used: used <= width, reach)) - 1
    return f"{text[: max(end, 0)].rstrip()}…"


def mentions_of(doc: Doc) -> list[Mention]:
    """The mentions to show, sorted, each once: `doc.spans["mentions"]`, else `doc.ents`, and those of the relations."""
    spans = current_spans(doc.spans.get(MENTIONS_KEY, doc.ents))
    found = {(span.start, span.end, span.label_): Mention.from_any(span) for span in spans}
    for relation in get_relations(doc):
        for mention in (relation.head, relation.tail):
            found.setdefault((mention.start, mention.end, mention.label), mention)
    return [found[key] for key in sorted(found)]


def count(n: int, noun: str) -> str:
    """ "1 text", "2 texts"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
