"""What `relx predict`, `relx facts` and `relx serve` give out: relations and facts of a Doc as plain data.

`export.from_json` reads the same rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..data.extensions import get_annotated, get_facts, get_lang, get_relations, get_span_lang
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, Mention, rounded, support_of

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from ..data.facts import Evidence, Fact
    from ..data.types import Relation


def doc_record(doc: Doc, id: Any = None, *, facts: bool = False) -> dict[str, Any]:
    """A Doc as one JSON record, which `relx data convert jsonl` reads back: see docs/formats.md, "One record".

    Args:
        doc: The Doc.
        id: Its id; None for the one in `doc.user_data["id"]`.
        facts: Whether to add the Doc's facts, see `fact_records`.

    Returns:
        id, text, lang, mentions, relations; meta and facts, where there are any; annotated, where the annotation does
        not cover everything. Mentions are those in `doc.ents`, in
        `doc.spans["mentions"]` and of relations, each once, ordered by their places; relations name them by their
        places in that list.
    """
    relations = list(get_relations(doc))
    spans = [*doc.ents, *current_spans(doc.spans.get(MENTIONS_KEY, ()))]
    found = [Mention.from_any(span) for span in spans if span.start < span.end]
    for relation in relations:
        found += relation.head, relation.tail
    mentions = sorted(dict.fromkeys(found), key=lambda each: (each.start, each.end, each.label, each.kb_id))
    places = {mention: number for number, mention in enumerate(mentions)}
    record = {
        "id": doc.user_data.get("id") if id is None else id,
        "text": doc.text,
        "lang": get_lang(doc),
        "mentions": [_mention_record(doc, mention) for mention in mentions],
        "relations": [
            {
                "head": places[relation.head],
                "label": relation.label,
                "tail": places[relation.tail],
                **_scores(relation),
            }
            for relation in relations
        ],
    }
    if not get_annotated(doc).is_whole:
        record["annotated"] = get_annotated(doc).to_dict()
    if doc.user_data.get("meta"):
        record["meta"] = doc.user_data["meta"]
    return {**record, "facts": fact_records(doc)} if facts else record


def fact_record(doc: Doc, fact: Fact) -> dict[str, Any]:
    """A fact of a bag Doc as plain data. Offsets of evidence count characters of its sentence.

    head, label, tail, score, kb_score, known and kb_rank (those that are set), head_text and tail_text (as the best
    evidence has them), sentences (how many the bag has), evidence (text, head, tail, weight, lang, and where it is
    from: source, the file; id, that of the text in it; document, the id that exports give it).
    """
    sources: Sequence[Any] = doc.user_data.get("sources", ())
    starts = [sent.start for sent in doc.sents]
    evidence = []
    for each in fact.evidence:
        number = max(bisect_right(starts, each.start) - 1, 0)
        source = dict(zip(("source", "id", "document"), sources[number])) if number < len(sources) else {}
        evidence.append({**_evidence_record(doc, each), **source})
    return {**_fact_fields(doc, fact), "sentences": len(starts), "evidence": evidence}


def fact_records(doc: Doc) -> list[dict[str, Any]]:
    """The facts of a Doc as plain data, as `fact_record` has them, without `sentences`.

    Instead of a source, evidence has start and end: where its sentence stands in the text, in characters.
    """
    records = []
    for fact in get_facts(doc):
        evidence = []
        for each in fact.evidence:
            sentence = each.sentence(doc)
            place = {"start": sentence.start_char, "end": sentence.end_char}
            evidence.append({**_evidence_record(doc, each), **place})
        records.append({**_fact_fields(doc, fact), "evidence": evidence})
    return records


def _mention_record(doc: Doc, mention: Mention) -> dict[str, Any]:
    record = {**_characters(doc, mention), "label": mention.label}
    return {**record, "kb_id": mention.kb_id} if mention.kb_id else record


def _scores(item: Relation | Fact) -> dict[str, Any]:
    """score, and those of kb_score, known and kb_rank that are set."""
    support = support_of(item)
    if "kb_score" in support:
        support["kb_score"] = rounded(support["kb_score"])
    return {"score": rounded(item.score), **support}


def _fact_fields(doc: Doc, fact: Fact) -> dict[str, Any]:
    head_text, _, tail_text = fact.triple(doc)
    return {
        "head": fact.head,
        "label": fact.label,
        "tail": fact.tail,
        **_scores(fact),
        "head_text": head_text,
        "tail_text": tail_text,
    }


def _evidence_record(doc: Doc, evidence: Evidence) -> dict[str, Any]:
    sentence = evidence.sentence(doc)
    return {
        "text": sentence.text,
        "head": _characters(doc, evidence.head, sentence.start_char),
        "tail": _characters(doc, evidence.tail, sentence.start_char),
        "weight": rounded(evidence.weight),
        "lang": get_span_lang(sentence),
    }


def _characters(doc: Doc, mention: Mention, base: int = 0) -> dict[str, Any]:
    span = doc[mention.start : mention.end]
    return {"text": span.text, "start": span.start_char - base, "end": span.end_char - base}
