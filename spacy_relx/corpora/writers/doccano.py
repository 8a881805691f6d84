"""JSON lines for doccano, project type "sequence labeling" with relations."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc

from ._base import Annotations, LinesWriter, head_of


class DoccanoWriter(LinesWriter):
    """One line a Doc, to be imported as JSONL(Relation): "text", "entities", "relations"; offsets count characters.

    The project must allow overlapping entities where mentions nest. Scores and `kb_id`s have no place in the format.
    """

    def row(self, doc: Doc, annotations: Annotations) -> dict[str, Any]:
        entities = [
            {"id": i, "label": mention.label, "start_offset": start, "end_offset": end}
            for i, (mention, (start, end)) in enumerate(zip(annotations.mentions, annotations.spans))
        ]
        relations = [
            {"id": i, "from_id": head, "to_id": tail, "type": relation.label}
            for i, (head, tail, relation) in enumerate(annotations.relations)
        ]
        return {**head_of(doc), "text": doc.text, "entities": entities, "relations": relations}
