"""JSON lines for Prodigy's `rel.manual`."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc

from ._base import Annotations, LinesWriter, head_of


class ProdigyWriter(LinesWriter):
    """One line a Doc: "text", "tokens", "spans", "relations"; load it as the source of `rel.manual`.

    "token_end" is inclusive, "head" and "child" are last tokens. The score of a relation is its "score", the `kb_id`
    of a mention its "kb_id"; Prodigy keeps both.
    """

    def row(self, doc: Doc, annotations: Annotations) -> dict[str, Any]:
        spans = [
            {
                "start": start,
                "end": end,
                "token_start": mention.start,
                "token_end": mention.end - 1,
                "label": mention.label,
                **({"kb_id": mention.kb_id} if mention.kb_id else {}),
            }
            for mention, (start, end) in zip(annotations.mentions, annotations.spans)
        ]
        relations = [
            {
                "head": spans[head]["token_end"],
                "child": spans[tail]["token_end"],
                "head_span": spans[head],
                "child_span": spans[tail],
                "label": relation.label,
                "score": round(relation.score, 4),
            }
            for head, tail, relation in annotations.relations
        ]
        tokens = [
            {
                "text": token.text,
                "start": token.idx,
                "end": token.idx + len(token),
                "id": token.i,
                "ws": bool(token.whitespace_),
            }
            for token in doc
        ]
        return {**head_of(doc), "text": doc.text, "tokens": tokens, "spans": spans, "relations": relations}
