"""Relations as arcs in SVG: lines, directions, boxes and levels, escaping, bounds."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.viz import make

from spacy_relx.data.types import Mention
from spacy_relx.errors import RelxError
from spacy_relx.viz import arcs_svg
from spacy_relx.viz._arc_layout import MARGIN, Layout, mention_rows
from spacy_relx.viz._text import text_width, trim
from spacy_relx.viz.arcs import MAX_RELATIONS, MAX_TOKENS

SVG = "{http://www.w3.org/2000/svg}"
ANN = make("Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1, 0.875)], "en")
NAMES = ["Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hal", "Ida", "Jon", "Kim", "Lou"]
PAIRS = list(combinations(range(12), 2))[::3][:20]
CROWD = make(
    " , ".join(NAMES),
    [(2 * i, 2 * i + 1, "PERSON") for i in range(12)],
    [(one, ("knows", "works_with")[k % 2], other, 0.5) for k, (one, other) in enumerate(PAIRS)],
)


def layout(doc, width=960, lang=""):
    return Layout(doc, width, lang, MAX_TOKENS, 1000, MAX_RELATIONS)


def drawn(doc, **kwargs):
    return ElementTree.fromstring(arcs_svg(doc, **kwargs))


def words_of(tree):
    """(x of the middle, y, text) of each word."""
    found = [text for text in tree.iter(f"{SVG}text") if text.get("class") == "relx-ink"]
    return [(float(text.get("x")), float(text.get("y")), "".join(text.itertext())) for text in found]


def check(found, width):
    """What holds for each layout."""
    for line in found.lines:
        placed = sorted((p for p in line.pieces if p.x is not None), key=lambda p: p.place)
        for one, other in pairwise(placed):
            assert one.x + one.width <= other.x + 1e-6
        for piece in placed:
            assert piece.x >= MARGIN - 1e-6 and piece.x + piece.width <= width - MARGIN + 1e-6
        for one, other in combinations(line.arcs, 2):
            assert one.level != other.level or one.high <= other.low or other.high <= one.low
        levels = {arc.level for arc in line.arcs}
        assert levels == set(range(len(levels)))
        for one, other in combinations(line.boxes, 2):
            assert one.row != other.row or one.x1 <= other.x0 + 1e-6 or other.x1 <= one.x0 + 1e-6


def test_draws_everything():
    tree = drawn(ANN)
    assert [text for _, _, text in words_of(tree)] == ["Ann", "works", "for", "Acme"]
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert texts.count("PERSONPERSON") == texts.count("ORGORG") == 1  # with what the mouse shows
    assert "Ann → works_for → Acme, score 0.88works_for" in texts
    classes = [element.get("class", "").split(" ")[0] for element in tree.iter()]
    assert (classes.count("relx-box"), classes.count("relx-arc")) == (2, 1)
    assert tree.find(f"{SVG}desc").text == "Ann works for Acme Relations: Ann, works_for, Acme."


def test_arcs_end_at_their_boxes():
    found = layout(CROWD)
    check(found, 960)
    boxes = {box.mention: box for line in found.lines for box in line.boxes}
    arcs = [arc for line in found.lines for arc in line.arcs]
    assert len(arcs) == 20 and len(found.lines) == 1
    for arc in arcs:
        one, other = PAIRS[arc.relation]
        assert boxes[one].x0 < arc.head < boxes[one].x1 and boxes[other].x0 < arc.tail < boxes[other].x1
    ends = [round(x, 3) for arc in arcs for x in (arc.head, arc.tail)]
    assert len(set(ends)) == 40  # no two at one place


def test_arcs_of_one_mention_do_not_cross_on_their_way_down():
    doc = make("A b c d e f g h i", [(i, i + 1, "X") for i in range(9)], [(4, "r", i, 1) for i in (0, 2, 6, 8)])
    (line,) = layout(doc).lines
    arcs = {arc.relation: arc for arc in line.arcs}
    far_left, left, right, far_right = (arcs[i] for i in range(4))
    assert left.level < far_left.level and right.level < far_right.level
    assert left.head < far_left.head < far_right.head < right.head


def test_arcs_across_lines():
    doc = make(["Ann"] + ["word"] * 60 + ["Acme"], [(0, 1, "P"), (61, 62, "O")], [(0, "works_for", 1, 1)])
    found = layout(doc, 400)
    check(found, 400)
    parts = [(number, arc) for number, line in enumerate(found.lines) for arc in line.arcs]
    (first, begin), (last, end) = parts
    assert (first, last) == (0, len(found.lines) - 1) and last > 3
    assert begin.number == end.number == 1
    assert begin.head_row == 0 and begin.tail_row is None and begin.tail == 400 - MARGIN
    assert end.head_row is None and end.tail_row == 0 and end.head == MARGIN
    tree = drawn(doc, width=400)
    numbers = [t for t in tree.iter(f"{SVG}text") if "".join(t.itertext()).endswith("score 1.001")]
    assert [float(t.get("x")) for t in numbers] == [400 - MARGIN / 2, MARGIN / 2]


def test_right_to_left():
    words = ["ولدت", "مريم", "في", "القاهرة", "سنة", "1985", "لدى", "Northgate", "Systems", "."]
    tree = drawn(make(words, [(1, 2, "P"), (7, 9, "O")], [(0, "r", 1, 1)], "ar"))
    placed = {text: x for x, _, text in words_of(tree)}
    order = [placed[word] for word in words]
    assert order[:7] == sorted(order[:7], reverse=True)  # from the right
    assert placed["Northgate"] < placed["Systems"] < placed["لدى"]  # but Latin words from the left
    assert placed["."] == min(placed.values())
    ways = {"".join(t.itertext()): t.get("direction") for t in tree.iter(f"{SVG}text")}
    assert ways["مريم"] == "rtl" and ways["Northgate"] is None


def test_across_lines_from_the_right():
    doc = make(["דנה"] + ["מילה"] * 60 + ["חיפה"], [(0, 1, "P"), (61, 62, "L")], [(0, "r", 1, 1)], "he")
    found = layout(doc, 400, "he")
    check(found, 400)
    begin, end = (arc for line in found.lines for arc in line.arcs)
    assert begin.tail == MARGIN and end.head == 400 - MARGIN


def test_numbers_between_directions():
    (line,) = layout(make("abc דנה 12 - 13 חיפה def")).lines
    order = [p.text for p in sorted(line.pieces, key=lambda p: p.place) if p.text]
    assert order == ["abc", "חיפה", "13", "-", "12", "דנה", "def"]


def test_unspaced_text_breaks_between_words():
    words = ["李", "晓明", "出生", "于", "成都", "，", "毕业", "于", "西南", "大学", "。"] * 6
    doc = make(words, [(0, 2, "PERSON")], (), "zh", spaces=[False] * len(words))
    found = layout(doc, 300)
    check(found, 300)
    assert len(found.lines) > 3
    for line in found.lines[1:]:
        assert line.pieces[0].text not in "，。"


def test_lines_break_between_mentions():
    doc = make(["word"] * 9 + ["United", "States", "of", "America"] + ["now"], [(9, 13, "LOC")])
    for width in range(280, 700, 20):
        found = layout(doc, width)
        check(found, width)
        lines = {piece.line for line in found.lines for piece in line.pieces if 9 <= piece.token < 13}
        assert len(lines) == 1


def test_words_wider_than_a_line_and_line_ends():
    found = layout(make(["x" * 200, "\n", "Ann"]), 300)
    check(found, 300)
    assert "".join(p.text for line in found.lines for p in line.pieces) == "x" * 200 + "Ann"
    assert [p.text for p in found.lines[-1].pieces] == ["Ann"]


def test_nested_mentions():
    doc = make("University of Leeds", [(0, 3, "ORGANIZATION"), (2, 3, "LOC")], [(0, "in", 1, 1), (1, "has", 0, 1)])
    (line,) = layout(doc).lines
    outer, inner = line.boxes
    assert (outer.row, inner.row) == (1, 0) and outer.x0 < inner.x0 < inner.x1 < outer.x1
    for arc in line.arcs:
        place = arc.head if doc._.relations[arc.relation].head.label == "ORGANIZATION" else arc.tail
        assert place < inner.x0  # where it is plain which box is meant
    check(layout(doc), 960)


def test_rows_of_mentions():
    spans = [(0, 4), (1, 3), (2, 3), (3, 5), (6, 7)]
    rows = dict(zip(spans, mention_rows([Mention(*span) for span in spans])))
    assert rows[2, 3] == 0 < rows[1, 3] < rows[0, 4] and rows[6, 7] == 0 and rows[3, 5] != rows[0, 4]


def test_a_relation_of_a_mention_with_itself():
    check(layout(make("Ann", [(0, 1, "P")], [(0, "knows", 0, 1)])), 960)


def test_escapes():
    evil = '<script>alert("1")</script>'
    doc = make([evil, "&amp;", "\x01\ufffe"], [(0, 1, evil), (2, 3, "'>")], [(0, evil, 1, 0.5)], "en", evil)
    svg = arcs_svg([doc, doc], title=evil, width=2000)
    tree = ElementTree.fromstring(svg)
    assert "<script" not in svg and not list(tree.iter("script"))
    assert any(text == "&amp;" for _, _, text in words_of(tree))


def test_needs_nothing_else():
    svg = arcs_svg([ANN, CROWD], title="Title").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|url\(|@import|javascript:|href|<style|<script|<image", svg)


def test_bounds():
    n = MAX_TOKENS + 500
    pairs = [(i % 90, "r", (i * 7 + 1) % 90, 1.0) for i in range(MAX_RELATIONS + 100)]
    mentions = [(i, i + 1, "X") for i in range(90)] + [(n - 1, n, "X")]
    doc = make(["word"] * n, mentions, [*pairs, (0, "late", 90, 1.0)])
    start = time.perf_counter()
    svg = arcs_svg(doc)
    assert time.perf_counter() - start < 5
    assert "Not drawn: 500 words, 1 mention, 101 relations." in svg
    for width in (10, 100_000):
        with pytest.raises(RelxError, match="RX360"):
            arcs_svg(doc, width=width)


def test_nothing():
    for docs in ([], make([]), [make([]), make([])]):
        drawn(docs)


def test_text_width():
    assert text_width("东京", 10) == 20 and text_width("e\u0301", 10) == text_width("e", 10)
    assert text_width("ill", 10) < text_width("mmm", 10)
    assert trim("short", 100, 10) == "short"
    for width in (5, 20, 40, 60):
        cut = trim("a long text of words", width, 10)
        assert cut.endswith("…") and text_width(cut, 10) <= max(width, 10)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9).filter(lambda text: text.strip() or text == "\n")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(1, 6), st.text(max_size=5)), max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.text(max_size=12), st.integers(0, 7)), max_size=12),
    st.sampled_from([240, 333, 960]),
    st.sampled_from(["", "ar", "en"]),
)
def test_any_text(words, spans, pairs, width, lang):
    spans = [(start, min(start + n, len(words)), label) for start, n, label in spans if start < len(words)]
    relations = [(h, label, t, 0.5) for h, label, t in pairs if max(h, t) < len(spans)]
    doc = make(words, spans, relations, lang)
    check(layout(doc, width, lang), width)
    tree = drawn(doc, width=width)
    assert tree.get("width") == str(width) and float(tree.get("height")) < 8000
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        "svg",
        "title",
        "desc",
        "rect",
        "g",
        "text",
        "path",
        "circle",
    }
