"""Relations as an HTML page that needs nothing but a browser: no scripts, no network, no fonts to load."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal
from zlib import crc32

from spacy.tokens import Doc

from ..data.extensions import get_lang, get_relations
from ..data.types import Mention, Relation
from ..errors import RelxError
from ._style import style_sheet
from ._text import count, direction, mentions_of, safe
from .arcs import Colours, check_width, inline_svg, support_words
from .palette import colour_slots

_ARROW = (
    '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
    '<path d="M0 5H97M92 1l6 4-6 4" fill="none" stroke="currentColor" stroke-width="1.5" '
    'vector-effect="non-scaling-stroke"/></svg>'
)
_HEAD = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
)


#: How relations are shown: in rows below the text, or as arcs over it.
STYLES = ("rows", "arcs")


def render(
    docs: Doc | Iterable[Doc],
    *,
    page: bool = True,
    title: str = "Relations",
    style: Literal["rows", "arcs"] = "rows",
    width: int = 920,
) -> str:
    """Docs with their mentions and relations as HTML, a card each.

    Args:
        docs: One Doc or several. Mentions are those of `doc.spans["mentions"]`, else of `doc.ents`, and those of the
            relations; they may be nested or overlap. The heading of a card is `doc.user_data["id"]`, else its number.
        page: A whole page; else a fragment with its own style, for notebooks and other pages.
        title: Heading of the page.
        style: "rows", relations in rows below the text, or "arcs", labelled arcs over it, as `arcs_svg` draws them, in
            pictures of this width in pixels.

    Returns:
        HTML; all that comes from the Docs is escaped.

    Raises:
        RelxError: RX021 for another style, RX360 for a width that is too small or large.
    """
    if style not in STYLES:
        raise RelxError("RX021", name="style", value=style, need=" or ".join(map(repr, STYLES)))
    check_width(width)
    found = [docs] if isinstance(docs, Doc) else list(docs)
    mentions = [mentions_of(doc) for doc in found]
    slots = colour_slots(mention.label for group in mentions for mention in group)
    # In a notebook several fragments meet on one page: their anchors must differ
    prefix = "relx" if page else f"relx{_fingerprint(found)}"
    colours = Colours.of(found, slots) if style == "arcs" else None
    cards = [
        _Card(doc, group, slots, f"{prefix}-{number}").html(str(doc.user_data.get("id", number)), colours, width)
        for number, (doc, group) in enumerate(zip(found, mentions), start=1)
    ]
    body = "\n".join(cards)
    sheet = f"<style>{style_sheet()}</style>"
    if not page:
        return f'{sheet}\n<div class="relx">\n{body}\n</div>'
    n_relations = sum(len(get_relations(doc)) for doc in found)
    return (
        f"{_HEAD}<title>{safe(title)}</title>\n{sheet}\n<style>body{{margin:0}}</style>\n</head>\n"
        f'<body class="relx">\n<main class="relx-main">\n<header>\n<h1>{safe(title)}</h1>\n'
        f'<p class="relx-sum">{count(len(found), "text")}, {count(n_relations, "relation")}</p>\n'
        f"{_legend(slots)}</header>\n{body}\n</main>\n</body>\n</html>\n"
    )


class _Card:
    """One Doc: heading, text, relations."""

    def __init__(self, doc: Doc, mentions: list[Mention], slots: dict[str, int], anchor: str):
        self.doc = doc
        self.mentions = mentions
        self.slots = slots
        self.anchor = anchor
        self.relations = list(get_relations(doc))
        self.index = {(m.start, m.end, m.label): i for i, m in enumerate(mentions)}

    def html(self, name: str, colours: Colours | None, width: int) -> str:
        """colours, width: of arcs; no colours: relations in rows."""
        lang = get_lang(self.doc)
        attributes = f'dir="{direction(self.doc.text, lang)}"' + (f' lang="{safe(lang)}"' if lang else "")
        hidden = '<span class="relx-hidden">language </span>'
        badge = f'<span class="relx-lang">{hidden}{safe(lang)}</span>' if lang else ""
        if colours is None:
            body = f'<p class="relx-text">{self._text()}</p>\n{self._relations()}'
        else:
            body = f'<div class="relx-arcs" tabindex="0">{inline_svg(self.doc, width, colours)}</div>'
        return (
            f'<article class="relx-card" aria-labelledby="{self.anchor}">\n<header class="relx-head">'
            f'<h2 id="{self.anchor}">{safe(name)}</h2>{badge}'
            f'<span class="relx-n">{count(len(self.relations), "relation")}</span></header>\n'
            f"<div {attributes}>\n"
            f"{body}\n</div>\n</article>"
        )

    def _text(self) -> str:
        """The text with nested marks. HTML cannot hold marks that cross: those are cut, and opened again."""
        text = self.doc.text
        bounds = [(span.start_char, span.end_char) for span in (m.span(self.doc) for m in self.mentions)]
        order = sorted(range(len(bounds)), key=lambda i: (bounds[i][0], -bounds[i][1]))
        stops = sorted({place for bound in bounds for place in bound} | {0, len(text)})
        parts: list[str] = []
        stack: list[int] = []
        waiting = iter(order)
        following = next(waiting, None)
        for start, end in pairwise(stops):
            while following is not None and bounds[following][0] == start:
                stack.append(following)
                parts.append(self._open(following, first=True))
                following = next(waiting, None)
            parts.append(safe(text[start:end]))
            self._close(stack, bounds, end, parts)
        return "".join(parts)

    def _close(self, stack: list[int], bounds: list[tuple[int, int]], end: int, parts: list[str]) -> None:
        ending = [i for i in stack if bounds[i][1] == end]
        if not ending:
            return
        deepest = stack.index(ending[0])
        reopen = [i for i in stack[deepest:] if bounds[i][1] != end]
        for i in reversed(stack[deepest:]):
            parts.append(f"{self._type(i)}</mark>" if bounds[i][1] == end else "</mark>")
        del stack[deepest:]
        stack.extend(reopen)
        parts.extend(self._open(i, first=False) for i in reopen)

    def _open(self, i: int, *, first: bool) -> str:
        anchor = f' id="{self.anchor}-m{i}"' if first else ""
        return f'<mark class="relx-c{self.slots[self.mentions[i].label]}"{anchor}>'

    def _type(self, i: int) -> str:
        label = self.mentions[i].label
        return f'<span class="relx-type"><bdi>{safe(label)}</bdi></span>' if label else ""

    def _relations(self) -> str:
        if not self.relations:
            return '<p class="relx-none" dir="ltr">No relations.</p>'
        rows = "\n".join(self._row(relation) for relation in self.relations)
        return f'<ol class="relx-rels">\n{rows}\n</ol>'

    def _row(self, relation: Relation) -> str:
        percent = max(0.0, min(1.0, relation.score)) * 100
        return (
            f'<li class="relx-rel"><span class="relx-from">{self._chip(relation.head)}</span>'
            f'<span class="relx-arrow"><bdi>{safe(relation.label)}</bdi>{_ARROW}</span>'
            f'<span class="relx-to">{self._chip(relation.tail)}</span>'
            f'<span class="relx-score" dir="ltr"><i aria-hidden="true"><b style="width:{percent:.0f}%"></b></i>'
            f'<span class="relx-hidden">score </span>{relation.score:.2f}</span>{_support(relation)}</li>'
        )

    def _chip(self, mention: Mention) -> str:
        i = self.index[mention.start, mention.end, mention.label]
        slot = self.slots[mention.label]
        text = safe(mention.text(self.doc))
        return f'<a class="relx-chip relx-c{slot}" href="#{self.anchor}-m{i}"><bdi>{text}</bdi>{self._type(i)}</a>'


def _support(relation: Relation) -> str:
    """What a knowledge base says of a relation: kb_score, known, kb_rank, those that are set."""
    words = "".join(f"<span>{safe(word)}</span>" for word in support_words(relation))
    return f'<span class="relx-kb" dir="ltr">{words}</span>' if words else ""


def _fingerprint(docs: list[Doc]) -> str:
    return f"{crc32(chr(0).join(doc.text for doc in docs).encode('utf8')):08x}"


def _legend(slots: dict[str, int]) -> str:
    chips = [f'<li class="relx-chip relx-c{slots[label]}">{safe(label)}</li>' for label in sorted(slots) if label]
    return f'<ul class="relx-legend" aria-label="Entity types">{"".join(chips)}</ul>\n' if chips else ""
