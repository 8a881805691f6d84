"""From one importer's record to its Doc: tokens, mentions, relations, and what is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from spacy.language import Language
from spacy.tokens import Doc, Span, Token
from spacy.util import filter_spans

from ..data.annotated import NAMED, Annotated
from ..data.extensions import set_annotated, set_lang, set_relations
from ..data.ids import stable_hash
from ..data.text_forms import surrogate_fault
from ..data.types import MENTIONS_KEY, NO_RELATION, Mention, Relation
from .records import UNTYPED, Place, Record, Report, bare, excerpt, pass_over

#: Tokens that a message shows.
_SHOWN = 50


def check_strings(record: Record) -> None:
    """RAISES: ValueError for what no file can hold: found here, it is one record, and later the whole output."""
    parts = [("the text", record.content), ("the id", str(record.id))]
    parts += [("an entity type", each.label) for each in record.mentions]
    parts += [("an entity's id", each.kb_id) for each in record.mentions]
    parts += [("a relation", relation[2]) for relation in record.relations]
    if record.annotated is not None:
        names = (record.annotated.mentions, record.annotated.relations)
        parts += [
            ("a name of what is annotated", each) for value in names if isinstance(value, tuple) for each in value
        ]
    for name, value in parts:
        if fault := surrogate_fault(value):
            raise ValueError(f"{name} cannot be stored, {fault}")


def make_tokens(record: Record, nlp: Language) -> Doc:
    """The Doc without mentions."""
    if record.text is not None and record.words is None:
        return nlp.make_doc(record.text)
    sent_starts: list[bool | int | None] | None = None
    if record.sent_starts is not None:
        starts = set(record.sent_starts)
        sent_starts = [i in starts for i in range(len(record.words or ()))]
    return Doc(nlp.vocab, words=record.words, spaces=record.spaces, sent_starts=sent_starts)


def make_spans(record: Record, doc: Doc, report: Report, alignment: str) -> list[Span | None]:
    """The span of each mention, None for those that are dropped."""
    if record.text is None:
        return [_token_span(record, doc, mention, report) for mention in record.mentions]
    return [_char_span(record, doc, mention, report, alignment) for mention in record.mentions]


def _token_span(record: Record, doc: Doc, mention: Mention, report: Report) -> Span | None:
    start, end = mention.start, mention.end
    while start < end and not bare(doc[start].text):
        start += 1
    while start < end and not bare(doc[end - 1].text):
        end -= 1
    text = doc[mention.start : mention.end].text
    if start == end:
        _leave_out(record, doc[mention.start : mention.end], mention, text, report)
        return None
    if (start, end) != (mention.start, mention.end):
        _note_trimmed(record, mention, text, doc.text, report)
    return Span(doc, start, end, label=_label(mention), kb_id=mention.kb_id)


def _char_span(record: Record, doc: Doc, mention: Mention, report: Report, alignment: str) -> Span | None:
    text = record.content[mention.start : mention.end]
    kept = bare(text)
    span = None
    if kept:
        start = mention.start + text.index(kept)
        label = _label(mention)
        span = doc.char_span(start, start + len(kept), label=label, kb_id=mention.kb_id, alignment_mode=alignment)
    if span is None or span.start >= span.end:
        _leave_out(
            record, doc.char_span(mention.start, mention.end, alignment_mode="expand") or (), mention, text, report
        )
        return None
    if len(kept) < len(text):
        context = excerpt(record.content, mention.start, mention.end)
        _note_trimmed(record, mention, text, context, report)
    return span


def _label(mention: Mention) -> str:
    """The type of a mention, ENT for one without, or of spaces alone."""
    return mention.label if bare(mention.label) else UNTYPED


def _leave_out(record: Record, near: Iterable[Token], mention: Mention, text: str, report: Report) -> None:
    """Count and note a mention that cannot be kept. near: the tokens that it touches."""
    report.mentions_misaligned += 1
    tokens = excerpt("|".join(token.text for token in islice(near, _SHOWN)))
    text = excerpt(text)
    context = excerpt(record.content, mention.start, mention.end) if record.text is not None else record.content
    values = {"start": mention.start, "end": mention.end, "mention": text, "tokens": f"tokens: {tokens}"}
    report.note("RX110", record.place, context, **values)


def _note_trimmed(record: Record, mention: Mention, text: str, context: str, report: Report) -> None:
    report.mentions_trimmed += 1
    pass_over(report, "RX572", record.place, context, start=mention.start, end=mention.end, mention=text)


def check_id(record: Record, known: dict[tuple[str | int, str], tuple[int, Place]], report: Report) -> None:
    """Note a record whose id another text of its language has. known: what was seen, gets this one."""
    if record.id in ("", None):
        return
    text = stable_hash(record.content)
    other, place = known.setdefault((record.id, record.lang), (text, record.place))
    if other != text:
        pass_over(report, "RX576", record.place, record.content, id=record.id, other=place)


def annotate(record: Record, doc: Doc, spans: list[Span | None], report: Report) -> None:
    """Put mentions, relations and the rest on the Doc, and count them."""
    unique: dict[Mention, Span] = {}
    mentions: list[Mention | None] = []
    for span in spans:
        mention = None if span is None else Mention.from_any(span)
        mentions.append(mention)
        if span is not None and mention is not None:
            report.mentions_merged += mention in unique
            unique.setdefault(mention, span)
    doc.spans[MENTIONS_KEY] = list(unique.values())
    doc.ents = filter_spans(unique.values())
    report.mentions_kept += len(unique)
    report.mention_types.update(mention.label for mention in unique)
    relations: dict[tuple[Mention, str, Mention], Relation] = {}
    annotated = record.annotated or Annotated()
    for head_index, tail_index, label, *scores in record.relations:
        if label == NO_RELATION:
            report.relations_none += 1
            if annotated.pairs != NAMED:
                continue
        head, tail = mentions[head_index], mentions[tail_index]
        if head is None or tail is None:
            report.relations_dropped += 1
            continue
        relation = Relation(head, label, tail, **(scores[0] if scores else {}))
        triple = relation.head, relation.label, relation.tail
        if triple in relations:
            report.relations_merged += 1
            continue
        relations[triple] = relation
        if head == tail:
            report.note("RX113", record.place, record.content, label=label)
    report.relations_kept += sum(label != NO_RELATION for _, label, _ in relations)
    if not annotated.is_whole:
        report.annotated[annotated] += 1
    set_annotated(doc, annotated)
    set_relations(doc, relations.values())
    set_lang(doc, record.lang)
    for key, value in (("id", record.id), ("meta", record.meta)):
        if value not in ("", None, {}):
            doc.user_data[key] = value
