"""Tasks with predictions for Label Studio, and the labelling interface that shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from spacy.tokens import Doc

from ...about import __version__
from ...data.types import Relation
from ..records import UNTYPED
from ._base import Annotations, Writer, head_of, to_json

_LABEL, _TEXT = "label", "text"
#: What XML cannot hold.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class LabelStudioWriter(Writer):
    """A JSON list of tasks to import, and beside it, under the same name with .xml, the labelling interface: paste it
    into the project's settings before the import.

    Offsets count characters. A relation points from head to tail; those of one pair are one, with all their labels,
    since the editor keeps a single one of a pair. The score of a task is that of its least certain relation, so that
    Label Studio can sort by it. `kb_id`s have no place in the format.
    """

    def begin(self, folder: Path) -> None:
        self._config = folder / "labels.xml"
        self._labels: tuple[dict[str, None], dict[str, None]] = ({}, {})
        self._stream = (folder / self.output.name).open("w", encoding="utf8", newline="\n")
        self._stream.write("[")

    def write(self, doc: Doc, annotations: Annotations) -> None:
        result: list[dict[str, Any]] = []
        for i, (mention, (start, end)) in enumerate(zip(annotations.mentions, annotations.spans)):
            value = {"start": start, "end": end, "text": doc.text[start:end], "labels": [mention.label]}
            result.append({"id": f"m{i}", "from_name": _LABEL, "to_name": _TEXT, "type": "labels", "value": value})
            self._labels[0][mention.label] = None
        pairs: dict[tuple[int, int], list[Relation]] = {}
        for head, tail, relation in annotations.relations:
            pairs.setdefault((head, tail), []).append(relation)
            self._labels[1][relation.label] = None
        for (head, tail), relations in pairs.items():
            link: dict[str, Any] = {"type": "relation", "from_id": f"m{head}", "to_id": f"m{tail}"}
            labels = list(dict.fromkeys(relation.label for relation in relations))
            score = round(min(relation.score for relation in relations), 4)
            result.append({**link, "direction": "right", "labels": labels, "score": score})
        scores = [round(relation.score, 4) for _, _, relation in annotations.relations]
        prediction: dict[str, Any] = {"model_version": self.name or f"spacy_relx {__version__}", "result": result}
        if scores:
            prediction["score"] = min(scores)
        task = {"data": {**head_of(doc), _TEXT: doc.text}, "predictions": [prediction]}
        self._stream.write((",\n" if self.count else "\n") + to_json(task))

    def end(self, complete: bool) -> None:
        self._stream.write("\n]\n")
        self._stream.close()
        if complete:
            self._config.write_text(_interface(*map(sorted, self._labels)), encoding="utf8")


def _quote(name: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", name))


def _interface(labels: list[str], relations: list[str]) -> str:
    """The labelling interface, as XML. Label Studio refuses one without labels, so that it has ENT then."""
    lines = ["<View>", "  <Relations>"]
    lines += [f"    <Relation value={_quote(name)}/>" for name in relations]
    lines += ["  </Relations>", f'  <Labels name="{_LABEL}" toName="{_TEXT}">']
    lines += [f"    <Label value={_quote(name)}/>" for name in labels or [UNTYPED]]
    lines += ["  </Labels>", f'  <Text name="{_TEXT}" value="${_TEXT}"/>', "</View>", ""]
    return "\n".join(lines)
