"""Where the words, boxes and arcs of a Doc stand in a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from spacy.tokens import Doc

from ..data.extensions import get_relations
from ..data.types import Mention, Relation
from ._lines import Break, Piece, break_lines, make_pieces, place_lines
from ._text import direction, mentions_of, text_width, trim

#: All in pixels: fonts of words, types and labels; side margins, where the numbers of arcs stand; the height of a level
#: of arcs and of a row of types; room between the words and a box, and how much more each box around it has.
SIZE, TAG_SIZE, LABEL_SIZE = 16, 10, 11.5
MARGIN, LEVEL, TAG_ROW, PAD, PAD_STEP = 26, 17, 13, 2.0, 2.5
_MAX_PAD_ROWS = 6
_WIDEST_TAG, _WIDEST_LABEL, _PORT, _WIDEST_PORTS, _EDGE = 150, 170, 7, 112, 3.5


def pad_of(row: int) -> float:
    """Room between the words and a box that holds boxes of so many rows."""
    return PAD + PAD_STEP * min(row, _MAX_PAD_ROWS)


@dataclass
class Box:
    """A mention, or its part on one line. row: 0, or above those of the mentions in it. room: for its type, in pixels.
    tagged: whether its type is written, which one part of a mention has."""

    mention: int
    x0: float
    x1: float
    row: int
    room: float
    line: int
    tagged: bool = False


@dataclass
class Arc:
    """A relation, or one of its two parts where head and tail are on different lines.

    head, tail: x of its ends. head_row, tail_row: row of the box there; None for an end at the margin. number: what
    both parts have in common, 0 for a whole arc. low, high: what it takes of its level, with its label.
    """

    relation: int
    head: float
    tail: float
    head_row: int | None
    tail_row: int | None
    label: str
    number: int = 0
    level: int = 0
    label_x: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass
class Line:
    """above: room for arcs and boxes above the words. ascent: of the words."""

    pieces: list[Piece]
    ascent: float
    boxes: list[Box] = field(default_factory=list)
    arcs: list[Arc] = field(default_factory=list)
    above: float = 0.0
    height: float = 0.0


@dataclass
class _Port:
    """An end of an arc at a mention's box. partner: x of the other end."""

    relation: int
    is_head: bool
    box: Box
    partner: float
    x: float = 0.0


class Layout:
    """The layout of one Doc. width: of the picture. max_*: what is drawn at most; left_out: the numbers of words,
    mentions and relations that are not."""

    def __init__(self, doc: Doc, width: float, lang: str, max_tokens: int, max_mentions: int, max_relations: int):
        self.doc = doc
        self.width = width
        self.middle = width / 2
        self.ascent, self.descent = SIZE * 0.95, SIZE * 0.3
        self.rtl = direction(doc.text, lang) == "rtl"
        self._choose(max_tokens, max_mentions, max_relations)
        self._rows = mention_rows(self.mentions)
        self.deepest = pad_of(max(self._rows, default=0))
        widest = width - 2 * MARGIN
        # room at the sides of a word as wide as a line would not fit
        pieces = make_pieces(doc, self._n_tokens, SIZE, widest / 2)
        self._pieces_of: dict[int, list[Piece]] = defaultdict(list)
        for piece in pieces:
            self._pieces_of[piece.token].append(piece)
        self._sides = [(0.0, 0.0, 0.0)] * len(self.mentions)
        self._widen()
        self._hold_together()
        broken = break_lines(pieces, widest)
        place_lines(broken, MARGIN, width - MARGIN, self.rtl)
        self.lines = [Line(line, self.ascent) for line in broken]
        self._boxes = [self._boxes_of(i) for i in range(len(self.mentions))]
        for box in sorted((box for boxes in self._boxes for box in boxes), key=lambda box: -box.row):
            self.lines[box.line].boxes.append(box)
        self._draw_arcs()
        for line in self.lines:
            self._measure(line)

    def _choose(self, max_tokens: int, max_mentions: int, max_relations: int) -> None:
        """Those of the relations and mentions that are drawn; the mentions of relations go first."""
        doc = self.doc
        self._n_tokens = min(len(doc), max_tokens)
        every = list(get_relations(doc))
        inside = [r for r in every if max(r.head.end, r.tail.end) <= self._n_tokens]
        self.relations: list[Relation] = inside[:max_relations]
        wanted = {_key(m) for r in self.relations for m in (r.head, r.tail)}
        found = mentions_of(doc)
        fitting = [m for m in found if m.end <= self._n_tokens]
        fitting.sort(key=lambda m: _key(m) not in wanted)
        self.mentions: list[Mention] = sorted(fitting[: max(max_mentions, len(wanted))], key=_key)
        self._index = {_key(m): i for i, m in enumerate(self.mentions)}
        n_out = len(doc) - self._n_tokens
        self.left_out = (n_out, len(found) - len(self.mentions), len(every) - len(self.relations))

    def _ends(self) -> Iterator[tuple[int, int, int]]:
        """(relation, row of its head in `mentions`, row of its tail)."""
        for i, relation in enumerate(self.relations):
            yield i, self._index[_key(relation.head)], self._index[_key(relation.tail)]

    def _solid(self, mention: Mention) -> list[Piece]:
        """The pieces of a mention, without blanks at its ends."""
        pieces = [piece for token in range(mention.start, mention.end) for piece in self._pieces_of[token]]
        while pieces and pieces[-1].blank:
            pieces.pop()
        while pieces and pieces[0].blank:
            pieces.pop(0)
        return pieces

    def _widen(self) -> None:
        """Give mentions the room that their boxes, types and arcs need, inner mentions first: `_sides`, how much wider
        than its words a box is where the mention begins and ends, and the room for its type."""
        n_ends = [0] * len(self.mentions)
        for _, head, tail in self._ends():
            n_ends[head] += 1
            n_ends[tail] += 1
        for i in sorted(range(len(self.mentions)), key=lambda i: self._rows[i]):
            mention = self.mentions[i]
            pieces = self._solid(mention)
            if not pieces:
                continue
            first, last = pieces[0], pieces[-1]
            inner = sum(piece.room for piece in pieces)
            ports = min(_PORT * (n_ends[i] + 1), _WIDEST_PORTS)
            side = max((ports - inner) / 2, _EDGE)
            first.before += side
            last.after += side
            tag = min(text_width(mention.label, TAG_SIZE) * 1.08 + 4, _WIDEST_TAG)
            self._sides[i] = first.before, last.after, max(tag, inner + 2 * side)
            around = max((tag - inner) / 2 - side, 0) + 0.5
            first.before += around
            last.after += around

    def _hold_together(self) -> None:
        """Let lines end between mentions rather than inside them."""
        for mention in self.mentions:
            for piece in self._solid(mention)[:-1]:
                if piece.cut is Break.yes:
                    piece.cut = Break.inside

    def _boxes_of(self, i: int) -> list[Box]:
        """The parts of a mention: one on each line, or several where words of both directions are between them."""
        pieces = [piece for piece in self._solid(self.mentions[i]) if piece.x is not None]
        boxes = []
        for number, group in groupby(pieces, key=lambda piece: piece.line):
            ordered = sorted(group, key=lambda piece: piece.place)
            for _, run in groupby(enumerate(ordered), key=lambda item: item[1].place - item[0]):
                parts = [piece for _, piece in run]
                if all(piece.blank for piece in parts):
                    continue
                x0 = (parts[0].x or 0.0) - self._side(i, parts[0], pieces, left=True)
                x1 = (parts[-1].x or 0.0) + parts[-1].width + self._side(i, parts[-1], pieces, left=False)
                room = self._sides[i][2] if len(parts) == len(pieces) else x1 - x0
                boxes.append(Box(i, x0, x1, self._rows[i], room, number))
        if boxes:
            max(boxes, key=lambda box: box.room).tagged = True
        return boxes

    def _side(self, i: int, piece: Piece, pieces: Sequence[Piece], *, left: bool) -> float:
        """How much the box of a mention is wider than its words, left or right of a piece at its side: not at all where
        the mention goes on elsewhere."""
        begins = left == (piece.level % 2 == 0)
        if piece is (pieces[0] if begins else pieces[-1]):
            return self._sides[i][0 if begins else 1]
        return 0.0

    def _draw_arcs(self) -> None:
        """Put arcs onto the lines: their ends, then their levels."""
        ports: list[_Port] = []
        pairs: list[tuple[_Port, _Port]] = []
        for i, head, tail in self._ends():
            if not self._boxes[head] or not self._boxes[tail]:
                continue
            one, other = self._nearest(head, tail)
            to_one, to_other = self._toward(one, other), self._toward(other, one)
            pairs.append((_Port(i, True, one, to_one), _Port(i, False, other, to_other)))
            ports.extend(pairs[-1])
        self._place_ports(ports)
        number = 0
        for head_port, tail_port in pairs:
            label = trim(self.relations[head_port.relation].label, _WIDEST_LABEL, LABEL_SIZE)
            i, rows = head_port.relation, (head_port.box.row, tail_port.box.row)
            if head_port.box.line == tail_port.box.line:
                whole = Arc(i, head_port.x, tail_port.x, *rows, label)
                self.lines[head_port.box.line].arcs.append(whole)
                continue
            number += 1
            # a part too short for its label leaves it to the other part
            lengths = [
                abs(port.x - port.partner) - text_width(label, LABEL_SIZE) - 12 for port in (head_port, tail_port)
            ]
            labels = [label if length >= min(0, max(lengths)) else "" for length in lengths]
            first = Arc(i, head_port.x, head_port.partner, rows[0], None, labels[0], number)
            second = Arc(i, tail_port.partner, tail_port.x, None, rows[1], labels[1], number)
            self.lines[head_port.box.line].arcs.append(first)
            self.lines[tail_port.box.line].arcs.append(second)
        for line in self.lines:
            set_levels(line.arcs, MARGIN, self.width - MARGIN)

    def _nearest(self, head: int, tail: int) -> tuple[Box, Box]:
        """The parts of two mentions that are fewest lines apart; among several of one line the widest."""
        pairs = ((one, other) for one in self._boxes[head] for other in self._boxes[tail])
        return min(pairs, key=lambda pair: (abs(pair[0].line - pair[1].line), -_width(pair[0]) - _width(pair[1])))

    def _toward(self, box: Box, other: Box) -> float:
        """x of where an arc from a box goes: the other box, or the margin on the way to its line."""
        if box.line == other.line:
            return (other.x0 + other.x1) / 2
        on = other.line > box.line
        return self.width - MARGIN if on != self.rtl else float(MARGIN)

    def _place_ports(self, ports: Iterable[_Port]) -> None:
        """Spread the ends at each box, so that arcs to one side do not cross each other on their way down."""
        by_box: dict[int, list[_Port]] = defaultdict(list)
        for port in ports:
            by_box[id(port.box)].append(port)
        for group in by_box.values():
            box = group[0].box
            x0, x1 = self._free_part(box)
            middle = (box.x0 + box.x1) / 2
            group.sort(key=lambda port: _port_order(port, middle))
            step = (x1 - x0) / (len(group) + 1)
            for place, port in enumerate(group, start=1):
                port.x = x0 + step * place

    def _free_part(self, box: Box) -> tuple[float, float]:
        """The widest part of a box with no box of a nested mention in it, where that is wide enough."""
        inner = [each for each in self.lines[box.line].boxes if each.row < box.row and _meet(each, box)]
        best, reach = (box.x0, box.x0), box.x0
        for x0, x1 in [*sorted((each.x0, each.x1) for each in inner), (box.x1, box.x1)]:
            if x0 - reach > best[1] - best[0]:
                best = reach, x0
            reach = max(reach, x1)
        return best if best[1] - best[0] >= 2 * _PORT else (box.x0, box.x1)

    def _measure(self, line: Line) -> None:
        """Set the room above a line and its height."""
        levels = 1 + max((arc.level for arc in line.arcs), default=-1)
        rows = 1 + max((box.row for box in line.boxes if self.mentions[box.mention].label), default=-1)
        pad = self.deepest if line.boxes else 0.0
        line.above = pad + (LEVEL * levels + LEVEL / 2 if levels else 4)
        line.height = line.above + self.ascent + self.descent + pad + TAG_ROW * rows


def set_levels(arcs: Sequence[Arc], left: float, right: float) -> None:
    """Give each arc of a line the lowest level that is free, short ones first, and place its label between left and
    right. Arcs on one level do not touch."""
    for arc in arcs:
        half = text_width(arc.label, LABEL_SIZE) / 2 + 5 if arc.label else 2
        low, high = sorted((arc.head, arc.tail))
        arc.label_x = min(max((low + high) / 2, left + half), right - half)
        arc.low, arc.high = min(low, arc.label_x - half), max(high, arc.label_x + half)
    levels: list[list[Arc]] = []
    for arc in sorted(arcs, key=lambda arc: (abs(arc.head - arc.tail), arc.low)):
        touching = {
            i for i, level in enumerate(levels) for each in level if arc.low < each.high and each.low < arc.high
        }
        arc.level = next(i for i in range(len(levels) + 1) if i not in touching)
        if arc.level == len(levels):
            levels.append([])
        levels[arc.level].append(arc)


def mention_rows(mentions: Sequence[Mention]) -> list[int]:
    """The row of each mention: 0, or above those of the shorter mentions that it meets."""
    rows = [0] * len(mentions)
    taken: dict[int, set[int]] = defaultdict(set)  # token -> rows
    for i in sorted(range(len(mentions)), key=lambda i: (mentions[i].end - mentions[i].start, i)):
        tokens = range(mentions[i].start, mentions[i].end)
        below = set().union(*(taken[token] for token in tokens))
        rows[i] = max(below, default=-1) + 1
        for token in tokens:
            taken[token].add(rows[i])
    return rows


def _key(mention: Mention) -> tuple[int, int, str]:
    return mention.start, mention.end, mention.label


def _width(box: Box) -> float:
    return box.x1 - box.x0


def _meet(one: Box, other: Box) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1


def _port_order(port: _Port, middle: float) -> tuple[int, float, int, int]:
    """From left to right: arcs to the left, near ones first; then arcs to the right, far ones first."""
    distance = port.partner - middle
    return (0, -distance, port.relation, port.is_head) if distance < 0 else (1, -distance, -port.relation, port.is_head)
