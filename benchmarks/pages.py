"""The pictures and pages in a real browser: screenshots, how fast they open, and that nothing is asked of the network.

    pip install playwright && playwright install chromium
    python benchmarks/pages.py SCREENSHOTS [--browser PATH] [--documents 5000]

Invented texts: English, Arabic, Chinese, a sentence of twelve mentions and twenty relations, and a corpus. A message
of a page's console, a request, or text that has become markup ends the run with an error.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import spacy
from spacy.tokens import Doc

from spacy_relx import Relation
from spacy_relx.data.types import Mention
from spacy_relx.viz import render
from spacy_relx.viz.page import corpus_page, errors_page
from spacy_relx.viz.page_data import PageDoc, PageRelation

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}}
#: language, text, mentions, relations between them
TEXTS = [
    (
        "en",
        "Mara Ellwood founded Tarnbrook Mill in Oakhaven, and her brother Jonas leads it today.",
        [("Mara Ellwood", "PERSON"), ("Tarnbrook Mill", "ORG"), ("Oakhaven", "PLACE"), ("Jonas", "PERSON")],
        [(0, "founded", 1), (1, "located_in", 2), (3, "leads", 1), (0, "sibling_of", 3)],
    ),
    (
        "ar",
        "أسست مريم شركة النور في مدينة الواحة، ويعمل فيها أخوها سالم.",
        [("مريم", "PERSON"), ("شركة النور", "ORG"), ("مدينة الواحة", "PLACE"), ("سالم", "PERSON")],
        [(0, "founded", 1), (1, "located_in", 2), (3, "works_for", 1), (3, "sibling_of", 0)],
    ),
    (
        "zh",
        "林小雨在青河市创办了远山公司，她的弟弟林大伟也在那里工作。",
        [("林小雨", "PERSON"), ("青河市", "PLACE"), ("远山公司", "ORG"), ("林大伟", "PERSON")],
        [(0, "founded", 2), (2, "located_in", 1), (3, "works_for", 2), (3, "sibling_of", 0)],
    ),
    ("en", "😀 Ann <b>works</b> for Acme. </script><script>alert(1)</script>", [("Ann", "PERSON"), ("Acme", "ORG")],
     [(0, "works_for <i>", 1)]),
]  # fmt: skip
PEOPLE = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hal", "Ida", "Jon", "Kim", "Lea"]
LABELS = ["works_for", "founded", "owns", "leads", "advises"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]


def make_doc(nlp, lang, text, mentions, relations) -> Doc:
    doc = nlp.make_doc(text)
    spans = [doc.char_span(text.index(part), text.index(part) + len(part), label) for part, label in mentions]
    found = [Mention(span.start, span.end, span.label_) for span in spans]
    doc.spans["mentions"] = spans
    doc._.relations = [Relation(found[head], label, found[tail], 0.9) for head, label, tail in relations]
    doc._.lang = lang
    return doc


def crowd(draw) -> tuple[str, str, list, list]:
    """Twelve people in a sentence, and twenty relations between them."""
    pairs = draw.sample([(a, b) for a in range(12) for b in range(12) if a != b], 20)
    text = "At the meeting " + ", ".join(PEOPLE[:-1]) + f" and {PEOPLE[-1]} spoke of each other."
    return "en", text, [(name, "PERSON") for name in PEOPLE], [(a, draw.choice(LABELS), b) for a, b in pairs]


def corpus(n: int, draw, verdicts: bool = False) -> Iterator[PageDoc]:
    """n documents of four sentences with a relation each."""
    for number in range(n):
        text, mentions, relations = "", [], []
        for row in range(4):
            person, place = draw.choice(PEOPLE), draw.choice(["Acme", "Initech", "Northgate", "Wrenfield"])
            start = len(text)
            text += f"{person} works for {place} and has lived near the old mill for {draw.randint(2, 30)} years. "
            mentions += [(start, start + len(person), "PERSON")]
            mentions += [(start + len(person) + 11, start + len(person) + 11 + len(place), "ORG")]
            kind = draw.choice(["right", "missed", "wrong"]) if verdicts else ""
            given = (kind, "", "nothing predicted" if kind == "missed" else "") if verdicts else ()
            relations.append(PageRelation(2 * row, draw.choice(LABELS), 2 * row + 1, draw.random(), {}, *given))
        yield PageDoc(f"doc-{number}", text, draw.choice(["en", "de", "fr"]), mentions, relations)


def pages(n_documents: int) -> dict[str, str]:
    draw, nlp = random.Random(0), spacy.blank("xx", config=CONFIG)
    docs = [make_doc(nlp, *row) for row in [*TEXTS, crowd(draw)]]
    return {
        "rows": render(docs, style="rows"),
        "arcs": render(docs, style="arcs"),
        "corpus": corpus_page([*map(PageDoc.of, docs, map(str, range(len(docs)))), *corpus(n_documents, draw)]),
        "errors": errors_page(corpus(400, draw, verdicts=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--browser", help="the program, where playwright has not installed one")
    parser.add_argument("--argument", action="append", default=ARGUMENTS, help="of the browser")
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name, html in pages(args.documents).items():
        (args.folder / f"{name}.html").write_text(html, encoding="utf8")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        for path in sorted(args.folder.glob("*.html")):
            seconds = []
            for run in range(args.repeats):
                browser = play.chromium.launch(executable_path=args.browser, args=args.argument)
                seconds.append(open_page(browser, path, shot=run == 0))
                browser.close()
            middle, size = statistics.median(seconds), path.stat().st_size / 1e6
            print(f"{path.stem:8} {size:5.1f} MB  open in {middle:.2f} s (most {max(seconds):.2f} s)")


def open_page(browser, path: Path, *, shot: bool) -> float:
    """Seconds until the page has been drawn. RAISES: SystemExit for what a page must not do."""
    said: list[str] = []
    tab = browser.new_page(viewport={"width": 1000, "height": 760})
    tab.on("console", lambda message: said.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: said.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    tab.on("request", lambda request: request.url.startswith("file:") or said.append(f"request: {request.url}"))
    begin = time.perf_counter()
    tab.goto(path.resolve().as_uri(), wait_until="load")
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    seconds = time.perf_counter() - begin
    if shot:
        tab.screenshot(path=path.with_suffix(".png"), full_page=path.stem in ("rows", "arcs"))
    if said:
        raise SystemExit(f"{path.name}: {said}")
    return seconds


if __name__ == "__main__":
    main()
