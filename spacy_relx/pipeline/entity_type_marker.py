"""`entity_type_marker`: mentions -> candidate pairs with their marker types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples
from thinc.api import Optimizer

from ..errors import RelxError, warn
from ..extensions import get_relations, set_candidates, set_extensions
from ..models.candidates import nearest, spans_of
from ..types import MENTIONS_KEY, CandidateGenerator, Candidates, Mention
from .saving import Saved, read_cfg, save_bytes, save_folder

MARKERS = ("typed", "uniform")


@Language.factory(
    "entity_type_marker",
    assigns=["doc._.candidates"],
    default_config={
        "spans_key": MENTIONS_KEY,
        "generator": {"@misc": "spacy_relx.AllPairs.v1"},
        "max_pairs": 200_000,
        "markers": "typed",
    },
)
def make_entity_type_marker(
    nlp: Language,
    name: str,
    spans_key: str | None,
    generator: CandidateGenerator,
    max_pairs: int,
    markers: str,
) -> EntityTypeMarker:
    """Make the component that proposes candidate pairs.

    spans_key: group of `doc.spans` that holds the mentions, which may overlap. A Doc without such a group, or with
    None here, gives `doc.ents`. generator: which pairs are proposed. max_pairs: at most so many pairs a Doc, nearest
    first; what is left out is counted in `doc._.candidates.dropped` and warned of (RX024). markers: "typed", each
    mention is marked with its entity type, or "uniform", all alike (the ETM and UM of the paper; unknown types fall
    back to the uniform marker).
    """
    return EntityTypeMarker(name, spans_key=spans_key, generator=generator, max_pairs=max_pairs, markers=markers)


class EntityTypeMarker(Pipe):
    """Sets `doc._.candidates`, and owns the marker vocabulary: the entity types seen in training.

    RAISES: RelxError RX021 for settings that make no sense, RX023 for a generator that breaks its contract.
    """

    def __init__(
        self,
        name: str = "entity_type_marker",
        *,
        spans_key: str | None = MENTIONS_KEY,
        generator: CandidateGenerator,
        max_pairs: int = 200_000,
        markers: str = "typed",
    ):
        if markers not in MARKERS:
            raise RelxError("RX021", name="markers", value=markers, need="'typed' or 'uniform'")
        if max_pairs < 1:
            raise RelxError("RX021", name="max_pairs", value=max_pairs, need="1 or more")
        set_extensions()
        self.name = name
        self.spans_key = spans_key
        self.generator = generator
        self.max_pairs = max_pairs
        self.markers = markers
        self.cfg: dict[str, Any] = {"labels": []}
        self._rows: dict[str, int] = {}
        self._warned = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types of the marker vocabulary, in order; type i has the marker i + 1."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        return list(self.labels)

    @property
    def n_markers(self) -> int:
        """Size of the marker vocabulary, the uniform marker (row 0) included."""
        return 1 + len(self.labels)

    def add_label(self, label: str) -> int:
        """Add an entity type. RETURNS: 1 if it was new, else 0."""
        if label in self._rows:
            return 0
        self.cfg["labels"].append(label)
        self._rows[label] = len(self.cfg["labels"])
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Learn the marker vocabulary from the mentions of the training data, or take it from `labels`."""
        if labels is None:
            seen: set[str] = set()
            for eg in get_examples():
                seen.update(mention.label for mention in self.mentions(eg.reference))
                for relation in get_relations(eg.reference):
                    seen.update((relation.head.label, relation.tail.label))
            labels = sorted(seen - {""})
        self._set_labels(labels)

    def _set_labels(self, labels: Iterable[str]) -> None:
        self.cfg["labels"] = []
        self._rows = {}
        for label in labels:
            self.add_label(label)

    def mentions(self, doc: Doc) -> list[Mention]:
        """The Doc's mentions in reading order, each once (same tokens and same type count as one)."""
        spans: Iterable[Span]
        if self.spans_key is not None and self.spans_key in doc.spans:
            spans = doc.spans[self.spans_key]
        else:
            spans = doc.ents
        unique = {(s.start, s.end, s.label_): s.kb_id_ for s in spans if s.end > s.start}
        return [Mention(*key, unique[key]) for key in sorted(unique)]

    def __call__(self, doc: Doc) -> Doc:
        mentions = self.mentions(doc)
        spans = spans_of(mentions)
        pairs, total = nearest(self._proposed(doc, mentions), spans, self.max_pairs)
        dropped = total - len(pairs)
        if dropped:
            warn("RX024", text=doc.text[:60], total=total, limit=self.max_pairs, dropped=dropped)
        rows = np.zeros(len(mentions), dtype="int32")
        if self.markers == "typed":
            rows[:] = [self._rows.get(mention.label, 0) for mention in mentions]
            self._check_known(mentions, rows)
        set_candidates(doc, Candidates(mentions, rows, pairs, dropped))
        return doc

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Mark the Docs of a training step, `example.predicted`, for the components behind this one.

        Nothing is learned here. It spares training configs an entry in `annotating_components`, and each step a copy of
        all words, which spaCy makes of Docs that such a component gives back. RAISES: RelxError RX023.
        """
        examples = list(examples)
        validate_examples(examples, "EntityTypeMarker.update")
        for eg in examples:
            self(eg.predicted)
        return {} if losses is None else losses

    def _proposed(self, doc: Doc, mentions: Sequence[Mention]) -> Iterator[np.ndarray]:
        """The generator's blocks, checked."""
        n = len(mentions)
        for block in self.generator(doc, mentions):
            pairs = np.asarray(block)
            if not len(pairs):
                continue
            shape = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
            if not shape or not 0 <= pairs.min() <= pairs.max() < n or (pairs[:, 0] == pairs[:, 1]).any():
                raise RelxError("RX023", n=n, text=doc.text[:60])
            yield pairs

    def _check_known(self, mentions: Sequence[Mention], rows: np.ndarray) -> None:
        """Say once that a Doc's types are all unknown: another recogniser's names, most likely."""
        if self._rows and len(mentions) > 1 and not rows.any() and not self._warned:
            self._warned = True
            found = ", ".join(sorted({mention.label for mention in mentions}))
            warn("RX025", found=found, known=", ".join(self.labels), name=self.name)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        error_handler = self.get_error_handler()
        for doc in stream:
            try:
                doc = self(doc)
            except Exception as err:
                error_handler(self.name, self, [doc], err)
            else:
                yield doc

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return save_bytes(self, {"cfg": lambda: srsly.json_dumps(self.cfg).encode("utf8")}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> EntityTypeMarker:
        """Load what `to_bytes` gave. RAISES: RelxError RX591, RX592."""
        Saved(self, bytes_data, exclude).read("cfg", self._restore)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        save_folder(self, path, {"cfg": lambda p: srsly.write_json(p, self.cfg)}, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> EntityTypeMarker:
        """Load. RAISES: RelxError RX591 for a file that is not as it was saved, RX592 for what cannot be read."""
        Saved(self, path, exclude).read("cfg", self._restore)
        return self

    def _restore(self, data: bytes) -> None:
        self._set_labels(read_cfg(data, lists=("labels",))["labels"])
