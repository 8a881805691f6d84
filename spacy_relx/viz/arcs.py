"""Mentions and relations as arcs over the text, in SVG that needs no fonts, scripts or network.

The layout is made here, with widths of text guessed from its characters; each word is then drawn as wide as it was
taken to be, so that boxes and arcs fit the words in any font.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from spacy.tokens import Doc

from ..data.extensions import get_lang, get_relations
from ..data.types import Relation
from ..errors import RelxError
from ._arc_layout import LABEL_SIZE, LEVEL, MARGIN, SIZE, TAG_ROW, TAG_SIZE, Arc, Box, Layout, Line, pad_of
from ._text import FONT_STACK, count, mentions_of, safe, text_width, trim
from .palette import COLOURS, colour_slots

#: Pixels that a picture may be wide.
NARROWEST, WIDEST = 240, 10_000
#: What is drawn of one Doc; a note says what is not.
MAX_TOKENS, MAX_MENTIONS, MAX_RELATIONS = 3000, 1000, 300
_INK, _SOFT, _PAPER = "#1b1f24", "#57606a", "#ffffff"
_GAP, _HEADING, _NOTE = 14, 30, 24
_BEND = 6.0


class Colours(NamedTuple):
    """Rows of `palette.COLOURS` by the labels of mentions and of relations."""

    mentions: Mapping[str, int]
    relations: Mapping[str, int]

    @classmethod
    def of(cls, docs: Iterable[Doc], mention_slots: Mapping[str, int] | None = None) -> Colours:
        """The colours for all of these Docs. mention_slots: those of the mentions, where they are known."""
        docs = list(docs)
        if mention_slots is None:
            mention_slots = colour_slots(mention.label for doc in docs for mention in mentions_of(doc))
        return cls(mention_slots, colour_slots(relation.label for doc in docs for relation in get_relations(doc)))


def arcs_svg(docs: Doc | Iterable[Doc], *, width: int = 960, title: str = "") -> str:
    """Docs with their mentions as boxes and their relations as arcs, one below the other, as an SVG picture.

    Args:
        docs: One Doc or several; mentions as for `render`. Several have their `doc.user_data["id"]`, or number, above
            them. An arc goes from a dot at the head to an arrow at the tail. Where the two are not on one line it ends
            at the margin, and goes on where the same number stands at another line's margin. What is behind the mouse
            says the score, too.
        width: Of the picture, in pixels; the height follows.
        title: Above it. Of a Doc at most the first `MAX_TOKENS` tokens, `MAX_MENTIONS` mentions and `MAX_RELATIONS`
            relations are drawn, with a note about the others.

    Returns:
        SVG; all that comes from the Docs is escaped.

    Raises:
        RelxError: RX360 for a width that is too small or large.
    """
    found = [docs] if isinstance(docs, Doc) else list(docs)
    check_width(width)
    colours = Colours.of(found)
    parts: list[str] = []
    y = 12.0
    if title:
        parts.append(_text(MARGIN, y + 14, trim(title, width - 2 * MARGIN, 18), 18, _INK, "relx-ink", bold=True))
        y += 36
    for number, doc in enumerate(found, start=1):
        if len(found) > 1:
            name = trim(str(doc.user_data.get("id", number)), width - 2 * MARGIN, 13)
            parts.append(_text(MARGIN, y + 16, name, 13, _SOFT, "relx-soft", bold=True))
            y += _HEADING
        body, height = doc_body(doc, width, colours)
        parts.append(f'<g transform="translate(0 {y:.1f})">\n{body}\n</g>')
        y += height + (12 if len(found) > 1 else 0)
    description = "; ".join(_describe(doc) for doc in found[:20])
    body = f'<rect width="{width}" height="{y + 8:.0f}" fill="{_PAPER}"/>\n' + "\n".join(parts)
    head = _svg_head(width, round(y + 8), title or "Relations", description, 'xmlns="http://www.w3.org/2000/svg" ')
    return f"{head}\n{body}\n</svg>\n"


def inline_svg(doc: Doc, width: int, colours: Colours) -> str:
    """One Doc for an HTML page, whose style sheet gives other colours to its parts by their classes."""
    body, height = doc_body(doc, width, colours)
    return f"{_svg_head(width, round(height), 'Relations', _describe(doc))}\n{body}\n</svg>"


def check_width(width: int) -> None:
    """RAISES: RelxError RX360."""
    if not NARROWEST <= width <= WIDEST:
        raise RelxError("RX360", width=width, least=NARROWEST, most=WIDEST)


def _svg_head(width: int, height: int, title: str, description: str, more: str = "") -> str:
    return (
        f'<svg {more}width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'direction="ltr" font-family="{FONT_STACK}">\n<title>{safe(title)}</title>\n<desc>{safe(description)}</desc>'
    )


def doc_body(doc: Doc, width: int, colours: Colours) -> tuple[str, float]:
    """What is in the SVG of one Doc, without the element itself, and its height."""
    layout = Layout(doc, width, get_lang(doc), MAX_TOKENS, MAX_MENTIONS, MAX_RELATIONS)
    parts: list[str] = []
    y = 0.0
    for line in layout.lines:
        baseline = y + line.above + line.ascent
        parts.extend(_line(layout, line, baseline, colours))
        y += line.height + _GAP
    notes = [count(n, noun) for n, noun in zip(layout.left_out, ("word", "mention", "relation")) if n]
    if notes:
        parts.append(_text(MARGIN, y + 14, f"Not drawn: {', '.join(notes)}.", 12, _SOFT, "relx-soft"))
        y += _NOTE
    return "\n".join(parts), max(y, 2.0 * _GAP)


def _line(layout: Layout, line: Line, baseline: float, colours: Colours) -> Iterator[str]:
    """Boxes below the words, then arcs, then the labels, which no arc may cross."""
    for box in line.boxes:
        yield from _box(layout, box, baseline, colours)
    for piece in line.pieces:
        if piece.x is not None and not piece.blank:
            way = ' direction="rtl"' if piece.level % 2 else ""
            middle = piece.x + piece.width / 2
            yield _text(middle, baseline, piece.text, SIZE, _INK, "relx-ink", width=piece.width, more=way)
    for arc in line.arcs:
        yield _arc(layout, arc, baseline, colours)
    for arc in line.arcs:
        yield from _label(layout, arc, baseline, colours)


def _box(layout: Layout, box: Box, baseline: float, colours: Colours) -> Iterator[str]:
    label = layout.mentions[box.mention].label
    slot = colours.mentions[label]
    paper, ink = COLOURS[slot][:2]
    pad = pad_of(box.row)
    top, height = baseline - layout.ascent - pad, layout.ascent + layout.descent + 2 * pad
    yield (
        f'<rect class="relx-box relx-c{slot}" x="{box.x0:.1f}" y="{top:.1f}" width="{box.x1 - box.x0:.1f}" '
        f'height="{height:.1f}" rx="4" fill="{paper}" stroke="{ink}" stroke-width="1"/>'
    )
    name = trim(label, box.room, TAG_SIZE) if label and box.tagged else ""
    if name:
        x = (box.x0 + box.x1) / 2
        y = baseline + layout.descent + layout.deepest + TAG_ROW * (box.row + 1) - 3
        width = text_width(name, TAG_SIZE)
        yield _text(x, y, name, TAG_SIZE, ink, f"relx-fill relx-c{slot}", bold=True, width=width, tip=label)


def _arc(layout: Layout, arc: Arc, baseline: float, colours: Colours) -> str:
    slot = colours.relations[layout.relations[arc.relation].label]
    ink = COLOURS[slot][1]
    top = baseline - layout.ascent
    y = _level_y(layout, arc, baseline)
    path = []
    (x0, row0), (x1, row1) = (arc.head, arc.head_row), (arc.tail, arc.tail_row)
    bend = min(_BEND, abs(x1 - x0) / 2) * (1 if x1 >= x0 else -1)
    foot0, foot1 = (None if row is None else top - pad_of(row) for row in (row0, row1))
    if foot0 is None:
        path.append(f"M{x0:.1f} {y:.1f}")
    else:
        path.append(f"M{x0:.1f} {foot0:.1f}V{y + _BEND:.1f}Q{x0:.1f} {y:.1f} {x0 + bend:.1f} {y:.1f}")
    if foot1 is None:
        path.append(f"H{x1:.1f}")
    else:
        path.append(f"H{x1 - bend:.1f}Q{x1:.1f} {y:.1f} {x1:.1f} {y + _BEND:.1f}V{foot1 - 5:.1f}")
    drawn = [f'<path class="relx-arc relx-c{slot}" d="{"".join(path)}" fill="none" stroke="{ink}" stroke-width="1.3"/>']
    if foot0 is not None:
        drawn.append(f'<circle class="relx-fill relx-c{slot}" cx="{x0:.1f}" cy="{foot0:.1f}" r="2" fill="{ink}"/>')
    if foot1 is not None:
        tip = f"M{x1:.1f} {foot1:.1f}l-3.2 -6.5h6.4z"
        drawn.append(f'<path class="relx-fill relx-c{slot}" d="{tip}" fill="{ink}"/>')
    return "".join(drawn)


def _level_y(layout: Layout, arc: Arc, baseline: float) -> float:
    return baseline - layout.ascent - layout.deepest - LEVEL * (arc.level + 1)


def _label(layout: Layout, arc: Arc, baseline: float, colours: Colours) -> Iterator[str]:
    relation = layout.relations[arc.relation]
    slot = colours.relations[relation.label]
    ink = COLOURS[slot][1]
    y = _level_y(layout, arc, baseline)
    width = text_width(arc.label, LABEL_SIZE)
    half, height = width / 2 + 3, LABEL_SIZE + 2
    tip = _tip(layout.doc, relation)
    if arc.label:
        yield (
            f'<rect class="relx-paper" x="{arc.label_x - half:.1f}" y="{y - height / 2:.1f}" '
            f'width="{2 * half:.1f}" height="{height}" fill="{_PAPER}"/>'
        )
        yield _text(arc.label_x, y + 4, arc.label, LABEL_SIZE, ink, f"relx-fill relx-c{slot}", width=width, tip=tip)
    if arc.number:
        at_left = (arc.head if arc.head_row is None else arc.tail) < layout.middle
        x = MARGIN / 2 if at_left else layout.width - MARGIN / 2
        name = str(arc.number)
        yield _text(x, y + 4, name, TAG_SIZE, ink, f"relx-fill relx-c{slot}", bold=True, middle=True, tip=tip)


def _tip(doc: Doc, relation: Relation) -> str:
    head, label, tail = (" ".join(part.split()) for part in relation.triple(doc))
    return " ".join([f"{head} → {label} → {tail}, score {relation.score:.2f}", *support_words(relation)])


def support_words(relation: Relation) -> Iterator[str]:
    """What a knowledge base says of a relation, in words."""
    if relation.known is not None:
        yield "known" if relation.known else "new"
    if relation.kb_score is not None:
        yield f"kb_score {relation.kb_score:.2f}"
    if relation.kb_rank is not None:
        yield f"kb_rank {relation.kb_rank:g}"


def _describe(doc: Doc) -> str:
    """The relations as a text, for readers who do not see the picture."""
    triples = [", ".join(relation.triple(doc)) for relation in get_relations(doc)[:50]]
    return f"{doc.text[:1000].strip()} " + (f"Relations: {'; '.join(triples)}." if triples else "No relations.")


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    ink: str,
    kind: str,
    *,
    bold: bool = False,
    width: float | None = None,
    middle: bool = False,
    more: str = "",
    tip: str = "",
) -> str:
    """A text element. width: as wide as it is drawn, around x. kind: its classes. tip: shown under the mouse."""
    anchor = ' text-anchor="middle"' if width is not None or middle else ""
    fixed = f' textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"' if width else ""
    weight = ' font-weight="700"' if bold else ""
    title = f"<title>{safe(tip)}</title>" if tip else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{ink}"{anchor}{fixed}{weight}{more}>'
        f"{title}{safe(text)}</text>"
    )
