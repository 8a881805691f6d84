"""Sentences of a Doc: as a component or the data set them, else by the marks that end sentences in each script.

The rule writes nothing to the Doc. It looks at the words around each mark alone, so a text splits into the same
sentences whether it is read by itself, in a batch or as a part of a longer text.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from spacy.attrs import IS_SPACE, ORTH
from spacy.pipeline import Sentencizer
from spacy.strings import get_string_id
from spacy.tokens import Doc

from .extensions import get_candidates

#: Marks that end a sentence only where the next word may begin one.
_WEAK = {"".join(marks) for n in (1, 2, 3) for marks in product("!?", repeat=n)} | {"."}
#: Marks that end a sentence only before a capital letter.
_ELLIPSES = {"…", "……", *("." * n for n in range(2, 7))}
#: Marks that are punctuation of another kind in other scripts: the script of the word before them, first and last code.
_OF_SCRIPT = {";": (0x0370, 0x03FF), ":": (0x0530, 0x058F)}  # Greek question mark, Armenian full stop
#: All other marks of spaCy's sentencizer, but for the Burmese comma, and marks of Khmer, Tibetan and Sinhala.
_STRONG = {*Sentencizer.default_punct_chars, *"។៕༎༏༐༑෴。｡"} - _WEAK - _ELLIPSES - {"\u104a"}
_MARKS = _WEAK | _ELLIPSES | _STRONG | set(_OF_SCRIPT)
#: What belongs to the sentence that a mark has ended.
_BRACKETS = {*")]}」』）】》〉〕］｝〟"}
#: Quotes, which open in one language and close in another, with whether they close where spaces do not tell.
_QUOTES = {**dict.fromkeys("»”’›＂", True), **dict.fromkeys("“«„‘‹", False), "''": True, "’’": True, "``": False}
_STRAIGHT = {'"', "'"}
#: What no sentence begins with.
_GOES_ON = {*",;،؛、，；：", "--"}


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


#: Abbreviations before a name, without their full stop.
_TITLES = _words(
    "mr mrs ms dr drs prof profs st ste mt ft rev fr sen sens rep reps gov gen col lt sgt capt cmdr cpt maj adm hon",
    "pres supt det insp messrs vs v hr dipl ing mag phil med jur bzw vgl bspw sog evtl ggf gest geb mm mme mmes mlle",
    "mgr sr sra srta dra lic excmo ud uds exmo exma eng profa sig sigg dott avv geom arch on dhr mevr mej ir bijv",
    "inż hab dypl ks płk ppłk mjr kpt zw tzw mudr judr phdr tzv např napr doc doç yrd öğr sn av",
    "frk hrn kgl chr engl okr dl dna ifj özv",
    "им ул пл пр просп акад проф тов гр св ст др ред изд см ср вул ім обл κος κα κ δρ καθ αγ",
)
#: Abbreviations before a number, without their full stop.
_NUMBERED = _words(
    "no nos kl stk nr nº núm num vol vols fig figs pp p ch sec art par ca cf approx abs kap bd str s tel ext",
    "č čís poz tab jan feb mar apr jun jul aug sep sept oct nov dec okt dez ene abr ago dic fev set out",
    "рис стр гл том ст п т с αρ σελ",
)
#: German nouns that an ordinal number stands before; in most other languages they begin with a small letter.
_AFTER_ORDINAL = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember",
    "jahrhundert jahrhunderts weltkrieg weltkriegs",
)
#: Sorted, and one more that is greater than all: so each search ends at an element.
_MARK_HASHES = np.sort(np.array([*map(get_string_id, _MARKS), np.iinfo("uint64").max], dtype="uint64"))


def sentence_starts(doc: Doc, spans: np.ndarray | None = None) -> np.ndarray:
    """Where the sentences of a Doc begin: as its boundaries say, or by the rule where it has none.

    Args:
        doc: The Doc. It is not changed.
        spans: int *Shape:* (n_mentions, 2), first token and end of each mention. No boundary of the rule lies in one.
            None for the mentions of its candidates, if it has any.

    Returns:
        int64 *Shape:* (n_sentences,), tokens; the first is 0. Empty for an empty Doc.
    """
    if not len(doc):
        return np.zeros(0, "int64")
    if doc.has_annotation("SENT_START"):
        starts = (doc.to_array("SENT_START").view("int64") == 1).nonzero()[0]
        return starts if len(starts) and starts[0] == 0 else np.append(0, starts)
    starts = _starts_by_rule(doc)
    if len(starts) == 1:
        return starts
    spans = get_candidates(doc).spans if spans is None else spans
    return starts[~_inside(starts, spans)] if len(spans) else starts


def sentence_places(starts: np.ndarray, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences in which spans begin and end.

    Args:
        starts: int64 *Shape:* (n_sentences,), as `sentence_starts` gives them.
        spans: int *Shape:* (n, 2), first token and end.

    Returns:
        Two of int64 *Shape:* (n,), rows of `starts`.
    """
    first = np.searchsorted(starts, spans[:, 0], side="right") - 1
    return first, np.searchsorted(starts, spans[:, 1] - 1, side="right") - 1


def _inside(starts: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """bool *Shape:* (n_sentences,): whether a sentence would begin in the midst of a span."""
    first, last = sentence_places(starts, spans)
    steps = np.zeros(len(starts) + 1, dtype="int64")
    np.add.at(steps, first + 1, 1)
    np.add.at(steps, last + 1, -1)
    return np.cumsum(steps)[:-1] > 0


def _starts_by_rule(doc: Doc) -> np.ndarray:
    words, spaces = doc.to_array([ORTH, IS_SPACE]).T
    marks = (_MARK_HASHES[_MARK_HASHES.searchsorted(words)] == words) | spaces.astype(bool)
    marks[-1] = False
    starts = [0]
    for i in marks.nonzero()[0].tolist():  # a few in each sentence
        if i >= starts[-1]:
            start = _start_after(doc, i, starts[-1])
            if start is not None:
                starts.append(start)
    return np.array(starts, dtype="int64")


def _start_after(doc: Doc, i: int, start: int) -> int | None:
    """The sentence that begins behind a mark or a space, None if none does. start: of the sentence so far."""
    mark = doc[i].text
    if doc[i].is_space:
        if not _ends_paragraph(mark) or all(token.is_space for token in doc[start:i]):
            return None
        return next((j for j in range(i + 1, len(doc)) if not doc[j].is_space), None)
    j = i + 1
    while j < len(doc) and _closes(doc, j, start):
        j += 1
    if j == len(doc) or doc[j].text in _GOES_ON or not _ends(doc, i, j):
        return None
    return j


def _ends_paragraph(space: str) -> bool:
    return space.replace("\r\n", "\n").count("\n") > 1 or "\u2029" in space or "\f" in space


def _closes(doc: Doc, j: int, start: int) -> bool:
    """Whether a token behind a mark still belongs to the sentence: another mark, what closes, or space."""
    text = doc[j].text
    if text in _BRACKETS or text in _WEAK or text in _ELLIPSES or text in _STRONG or doc[j].is_space:
        return True
    if text not in _QUOTES and text not in _STRAIGHT:
        return False
    before, after = bool(doc[j - 1].whitespace_), bool(doc[j].whitespace_) or j + 1 == len(doc)
    if before != after:
        return after
    return _QUOTES[text] if text in _QUOTES else sum(token.text == text for token in doc[start:j]) % 2 == 1


def _ends(doc: Doc, i: int, j: int) -> bool:
    """Whether the mark at i ends a sentence if the next one would begin at j."""
    mark = doc[i].text
    before = doc[i - 1].text if i else ""
    if mark in _STRONG:
        return True
    if mark in _OF_SCRIPT:
        first, last = _OF_SCRIPT[mark]
        return first <= ord(before[-1:] or " ") <= last
    after = next((token.text for token in doc[j : j + 3] if token.text[:1].isalnum()), "")
    if after[:1].islower():
        return False
    if mark in _ELLIPSES:
        return after[:1].isupper()
    if mark != ".":
        return True
    word = before.lower().rpartition(".")[2]
    if after[:1].isdigit():
        return word not in _NUMBERED and word not in _TITLES and bool(doc[i].whitespace_ or not before[-1:].isdigit())
    if word in _TITLES or (len(word) == 1 and before[:1].isupper() and before != "I"):
        return False
    return not (before.isdigit() and len(before) < 3 and after.lower() in _AFTER_ORDINAL)
