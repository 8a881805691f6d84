"""The HTML page: what it shows, what it escapes, and that its colours can be read."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from support.viz import NLP, make

from spacy_relx.data.types import Mention, Relation
from spacy_relx.errors import RelxError
from spacy_relx.viz import render
from spacy_relx.viz._text import direction
from spacy_relx.viz.palette import COLOURS, colour_slots

VOID = {"meta", "path"}


class Page(HTMLParser):
    """Checks that tags are balanced; collects ids, links, attributes, and the texts of marks and of paragraphs."""

    def __init__(self, html: str):
        super().__init__()
        self.stack, self.ids, self.links, self.tags, self.attributes = [], [], [], [], []
        self.texts: list[str] = []
        self.marks: dict[str, str] = {}
        self._open: list[str | None] = []
        self._in_type = self._in_text = 0
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if "href" in attrs:
            self.links.append(attrs["href"])
        if tag in VOID:
            return
        self.stack.append(tag)
        if tag == "mark":
            self._open.append(attrs.get("id"))
            if attrs.get("id"):
                self.marks[attrs["id"]] = ""
        if attrs.get("class") == "relx-text":
            self.texts.append("")
            self._in_text = len(self.stack)
        if attrs.get("class") == "relx-type":
            self._in_type = len(self.stack)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.stack and self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1:]}>"
        if self._in_type == len(self.stack):
            self._in_type = 0
        if self._in_text == len(self.stack):
            self._in_text = 0
        self.stack.pop()
        if tag == "mark":
            self._open.pop()

    def handle_data(self, data):
        if self._in_text and not self._in_type:
            self.texts[-1] += data
            for name in self._open:
                if name:
                    self.marks[name] += data


ANN = make("Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1, 0.875)], "en", "one")


def test_page_shows_everything():
    html = render([ANN, make("Nothing here")], title="My page")
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>My page</title>" in html and "2 texts, 1 relation<" in html
    assert [text.strip() for text in page.texts] == ["Ann works for Acme", "Nothing here"]
    assert page.marks == {"relx-1-m0": "Ann", "relx-1-m1": "Acme"}
    assert page.links == ["#relx-1-m0", "#relx-1-m1"]
    for part in ("works_for", "0.88", ">PERSON<", ">ORG<", ">one</h2>", ">2</h2>", "No relations."):
        assert part in html, part


def test_needs_nothing_else():
    html = render([ANN])
    page = Page(html)
    assert {"style", "mark", "svg", "ol"} <= set(page.tags)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import|javascript:", html)
    assert all(not name.startswith("on") for _, attributes in page.attributes for name in attributes)


def test_accessible_structure():
    page = Page(render([ANN, ANN]))
    assert ("html", {"lang": "en"}) in page.attributes
    assert len(page.ids) == len(set(page.ids)) > 4
    labels = [a["aria-labelledby"] for tag, a in page.attributes if tag == "article"]
    assert len(labels) == 2 and set(labels) <= set(page.ids)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert all(a.get("aria-hidden") == "true" for tag, a in page.attributes if tag == "svg")


def test_everything_is_escaped():
    evil = '<script>alert("1")</script>'
    doc = make([evil, "&amp;", evil], [(0, 1, evil), (2, 3, "'\"><b>")], [(0, evil, 1, 0.5)], '"><i>', evil)
    html = render([doc], title=evil)
    page = Page(html)
    assert not {"script", "i>"} & set(page.tags) and "<script" not in html
    assert html.count("&lt;script&gt;") >= 8
    assert "&amp;amp;" in html
    assert page.texts[0].strip() == f"{evil} &amp; {evil}"


def test_characters_that_html_forbids():
    html = render([make(["a\x00b", "c\x1bd", "\ufffe"])])
    assert "a\ufffdb c\ufffdd" in html
    assert not re.search("[\x00-\x08\x0e-\x1f\ufffe]", html)


def test_nested_and_crossing_mentions():
    nested = make("Bank of New York", [(0, 4, "ORG"), (2, 4, "PLACE")])
    page = Page(render([nested]))
    assert [text.strip() for text in page.marks.values()] == ["Bank of New York", "New York"]
    html = render([make("a b c d e", [(0, 3, "X"), (2, 5, "Y")])])
    page = Page(html)
    assert page.texts[0].strip() == "a b c d e"
    assert page.tags.count("mark") == 3  # the second one is cut in two
    assert page.marks["relx-1-m0"] == "a b c"
    assert html.count(">X<") == 2 and html.count(">Y<") == 2  # each once in the text and once in the legend


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8), st.sampled_from("XYZ")), max_size=7))
def test_any_mentions_give_balanced_html(spans):
    mentions = sorted({(s, e, label) for s, e, label in spans if s < e})
    page = Page(render([make("a b c d e f g h", mentions)]))
    assert page.texts[0].strip() == "a b c d e f g h"
    assert len(page.marks) == len(mentions)


def test_ents_and_mentions_of_relations_only():
    doc = Doc(NLP.vocab, words=["Ann", "likes", "Bob"])
    doc.ents = [Span(doc, 0, 1, label="PERSON")]
    doc._.relations = [Relation(Mention(0, 1, "PERSON"), "likes", Mention(2, 3, "NEW"))]
    assert list(Page(render(doc)).marks.values()) == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("abc", "", "ltr"),
        ("אבג", "", "rtl"),
        ("12 ابج", "", "rtl"),
        ("", "", "ltr"),
        ("BBC ...", "ar", "rtl"),
        ("...", "fa-IR", "rtl"),
        ("...", "az_Arab", "rtl"),
        ("ابج", "en", "ltr"),
    ],
)
def test_direction(text, lang, expected):
    assert direction(text, lang) == expected


def test_right_to_left_card():
    html = render([make("ليلى في دمشق", [(0, 1, "PERSON"), (2, 3, "PLACE")], [(0, "born_in", 1, 1.0)], "ar")])
    attributes = [a for tag, a in Page(html).attributes if tag == "div" and "dir" in a]
    assert attributes == [{"dir": "rtl", "lang": "ar"}]


def test_types_stay_with_their_mentions():
    """A browser may break a line before anything that is no inline text, and between CJK characters and a word."""
    rules = dict(re.findall(r"\n(\.relx-type[^{]*)\{([^}]*)\}", render([ANN])))
    assert "display" not in rules[".relx-type"] and "white-space:nowrap" in rules[".relx-type"]
    assert rules[".relx-type::before"] == 'content:"\\2060"'
    assert "Acme<span" in render([ANN])  # nor is there a blank


def test_fragment():
    html = render([ANN], page=False)
    page = Page(html)
    assert not {"html", "body", "head", "title", "h1"} & set(page.tags)
    other = Page(render([make("Bob", [(0, 1, "PERSON")])], page=False))
    assert page.ids and other.ids and not set(page.ids) & set(other.ids)
    rules = re.sub(r"@media\([^)]*\)\{|^.*?<style>|</style>.*$", "", html, flags=re.S)
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", rules) for part in rule.split(",")]
    assert len(selectors) > 30
    assert all("relx" in selector or selector.startswith("@media") for selector in selectors)


def test_no_docs():
    assert "0 texts, 0 relations" in render([])


def test_labels_keep_their_colours():
    assert colour_slots(["ORG", "PERSON"]) == colour_slots(["PERSON", "ORG", "PERSON"])
    alone = {label: colour_slots([label])[label] for label in ("PERSON", "ORG", "gene", "drug")}
    assert {label: colour_slots(["PERSON", "ORG", label])[label] for label in alone} == alone
    many = colour_slots(f"T{i}" for i in range(len(COLOURS)))
    assert sorted(many.values()) == list(range(len(COLOURS)))
    assert set(colour_slots(f"T{i}" for i in range(50)).values()) == set(range(len(COLOURS)))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    for row in COLOURS:
        assert _contrast(row[0], row[1]) >= 4.5, row
        assert _contrast(row[2], row[3]) >= 4.5, row
    themes = re.findall(r"--page:(#\w+);--card:(#\w+);--ink:(#\w+);--soft:(#\w+);.*?--accent:(#\w+)", render([]))
    assert len(themes) == 2
    for page, card, *inks in themes:
        for ink in inks:
            for ground in (page, card):
                ground, ink = (c if len(c) == 7 else "#" + "".join(2 * d for d in c[1:]) for c in (ground, ink))
                assert _contrast(ground, ink) >= 4.5, (ground, ink)


def test_support_of_a_knowledge_base():
    doc = make("Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")])
    ann, acme = Mention(0, 1, "PERSON"), Mention(3, 4, "ORG")
    doc._.relations = [
        Relation(ann, "works_for", acme, 0.9, kb_score=0.831, known=True, kb_rank=2.5),
        Relation(ann, "owns", acme, 0.4, known=False),
        Relation(acme, "employs", ann, 0.4),
    ]
    html = render(doc)
    Page(html)
    for part in ("<span>known</span><span>kb_score 0.83</span><span>kb_rank 2.5</span>", "<span>new</span></span>"):
        assert part in html, part
    assert html.count('class="relx-kb"') == 2  # the third was not asked about


def test_arcs_in_a_page():
    html = render([ANN, make("Nothing here")], style="arcs")
    page = Page(html)
    assert html.count("<svg") == 2 and "works_for</text>" in html and 'class="relx-rels"' not in html
    assert not re.search(r"https?:|url\(|@import|javascript:|<script", html)
    assert page.tags.count("article") == 2
    assert "xmlns" not in html and "<!DOCTYPE" not in render(ANN, style="arcs", page=False)


def test_unknown_style_and_width():
    with pytest.raises(RelxError, match="RX021"):
        render(ANN, style="waves")
    with pytest.raises(RelxError, match="RX360"):
        render(ANN, style="arcs", width=10)
