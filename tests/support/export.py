"""Triples that several tests of exports use."""

from __future__ import annotations

from spacy_relx.writers import EntityMention, Triple

ANN, ACME = EntityMention("Ann", "PERSON", "Q1", 0, 3), EntityMention("Acme", "ORG", "Q2", 14, 18)
#: What has broken writers and readers elsewhere: quotes, controls, line ends, other scripts, parts of IRIs, formulas.
ODD = [
    "Ann",
    'say "q" \\',
    "back\\",
    "nul\x00 bell\x07 esc\x1b",
    "tab\tline\nreturn\rboth\r\n",
    "sep\u2028par\u2029nel\x85",
    "北京市",
    "فارسی\u200cها",
    "e\u0301\ufffe\uffff",
    "\U0001f600\U000e0001",
    "\ue000\U0010fffd",
    "=1+1",
    "@cmd",
    "..",
    "a/b?c#d#e%zz%41",
    "<i>&amp;]]>",
    "semi;colon`tick'",
    " ",
    "",
]


def triple(head="Ann", label="works_for", tail="Acme", **fields) -> Triple:
    """A triple with all that a triple can have."""
    values = {"doc_id": "d1", "sentence": f"{head} works for {tail}.", "sentence_start": 10, "lang": "en"}
    values.update({"score": 0.75, "model": "xx_relx", "model_version": "0.1.0"})
    values["sentence_end"] = 10 + len(values["sentence"])
    values.update(fields)
    start = len(head) + 11
    one = EntityMention(head, "PERSON", "", 0, len(head))
    return Triple(one, label, EntityMention(tail, "ORG", "", start, start + len(tail)), **values)


def odd_triples() -> list[Triple]:
    """Each odd text as a text, a type, a kb_id, a relation, a document, a sentence."""
    triples = []
    for number, text in enumerate(ODD):
        kinds = [("PERSON", ""), (text, ""), ("PERSON", text)]
        for kind, kb_id in kinds:
            one, other = EntityMention(text, kind, kb_id, 0, len(text)), EntityMention(ODD[number - 1], "ORG")
            support = {"kb_score": 0.25, "known": bool(number % 2), "kb_rank": 3.0} if number % 3 else {}
            made = Triple(
                one, text or "none", other, f"d{text}", f"{text} here", 0, len(text) + 5, "de", 0.5, **support
            )
            triples.append(made)
    return triples
