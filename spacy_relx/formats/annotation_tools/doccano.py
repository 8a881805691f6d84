"""JSON lines for doccano, project type "sequence labeling" with relations."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc

from ..importers._counting import utf16_offsets
from ..importers.doccano import UNIT, UTF16
from ._base import Annotations, LinesWriter, head_of


class DoccanoWriter(LinesWriter):
    """One line a Doc, to be imported as JSONL(Relation): "text", "entities", "relations"; offsets count UTF-16 units,
    as doccano's editor does.

    The project must allow overlapping entities where mentions nest. Scores and `kb_id`s have no place in the format.
    Every line has the same keys, a number as "id" where the Doc has none, since doccano refuses a file in which some
    lines lack a key; and all is ASCII, since doccano guesses the encoding where it is not told.
    """

    ascii_only = True

    def row(self, doc: Doc, annotations: Annotations) -> dict[str, Any]:
        offsets = utf16_offsets(doc.text)
        entities = [
            {"id": i, "label": mention.label, "start_offset": int(offsets[start]), "end_offset": int(offsets[end])}
            for i, (mention, (start, end)) in enumerate(zip(annotations.mentions, annotations.spans))
        ]
        relations = [
            {"id": i, "from_id": head, "to_id": tail, "type": relation.label}
            for i, (head, tail, relation) in enumerate(annotations.relations)
        ]
        head = head_of(doc)
        row = {"id": str(head.get("id", self.count + 1)), "lang": head.get("lang", ""), UNIT: UTF16}
        return {**row, "text": doc.text, "entities": entities, "relations": relations}
