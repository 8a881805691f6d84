"""`entity_type_marker`: mentions -> candidate pairs with their marker types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
import srsly
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples
from thinc.api import Optimizer

from ..core.component.order import has_mentions, recognisers_behind
from ..core.component.saving import Saved, read_cfg, save_bytes, save_folder
from ..core.component.seen import SeenPairs
from ..core.gaps import spans_of
from ..data.entity_types import TypeNames, TypesSetting
from ..data.extensions import (
    GoldMentions,
    get_gold_mentions,
    get_relations,
    set_candidates,
    set_extensions,
    set_gold_mentions,
)
from ..data.places import current_spans
from ..data.sentences import sentence_places, sentence_starts
from ..data.text_forms import normal_form
from ..data.types import MENTIONS_KEY, CandidateGenerator, Candidates, Mention
from ..errors import RelxError, listed, warn
from .generators import named_types, nearest, pairs_within
from .unknown_types import UnknownTypes

MARKERS = ("typed", "uniform")
_OF_REFERENCE = (GoldMentions.TRAINING, GoldMentions.MARKED)


@Language.factory(
    "entity_type_marker",
    assigns=["doc._.candidates"],
    default_config={
        "spans_key": MENTIONS_KEY,
        "generator": None,
        "max_pairs": 200_000,
        "markers": "typed",
        "types": {},
    },
)
def make_entity_type_marker(
    nlp: Language,
    name: str,
    spans_key: str | None,
    generator: CandidateGenerator | None,
    max_pairs: int,
    markers: str,
    types: TypesSetting,
) -> EntityTypeMarker:
    """Make the component that proposes candidate pairs.

    Args:
        spans_key: Group of `doc.spans` that holds the mentions, which may overlap. A Doc without such a group, or with
            None here, gives `doc.ents`.
        generator: Which pairs are proposed. None: as in training, those of one sentence, or those within the distance
            of the gold relations where training had relations across sentences. Before training: those of one sentence.
        max_pairs: At most so many pairs a Doc, nearest first; what is left out is counted in
            `doc._.candidates.dropped` and warned of (RX024).
        markers: "typed", each mention is marked with its entity type, or "uniform", all alike (the ETM and UM of the
            paper; unknown types fall back to the uniform marker).
        types: What training calls the entity types of the recogniser: {"PERSON": "PER"}, where "" leaves the mentions
            of a type out; or the name of a ready table, "ontonotes", "conll", "docred", "wikidata", "spacy", or "auto"
            for all of them; or a list of these, the first that has a name decides.
    """
    return EntityTypeMarker(
        name, spans_key=spans_key, generator=generator, max_pairs=max_pairs, markers=markers, types=types
    )


class EntityTypeMarker(Pipe):
    """Sets `doc._.candidates`, and owns the marker vocabulary: the entity types seen in training.

    `cfg["seen"]` is what training saw of gold relations (`SeenPairs`); with `generator = None` prediction keeps to it.

    Mentions keep the types that they have on the Doc. What reads types behind this component (markers, generators, the
    setting 'types' of a relation_extractor, relation_constraints) reads those of `doc._.candidates.types`, which are
    named as in training.

    unknown_types: counts of mentions whose type training never showed, since the component was made, training steps
    aside (in this process: others, with n_process, count for themselves).
    RAISES: RelxError RX021 for settings that make no sense, RX021 and RX511 for 'types', RX023 for a generator that
    breaks its contract. WARNS: RX025 and RX512, once a type, see `UnknownTypes`; RX513 for a generator that wants types
    that training never showed.
    """

    def __init__(
        self,
        name: str = "entity_type_marker",
        *,
        spans_key: str | None = MENTIONS_KEY,
        generator: CandidateGenerator | None = None,
        max_pairs: int = 200_000,
        markers: str = "typed",
        types: TypesSetting | None = None,
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
        self.cfg: dict[str, Any] = {"labels": [], "seen": None}
        self._rows: dict[str, int] = {}
        self._seen = SeenPairs()
        self._said: set[str] = set()
        self.unknown_types, self._unknown_in_steps = UnknownTypes(), UnknownTypes()
        self._configured: TypesSetting = {} if types is None else deepcopy(types)
        self.types = deepcopy(self._configured)

    @property
    def types(self) -> TypesSetting:
        """What training calls the types of the recogniser, see `entity_types.TypeNames`; can be set or changed at any
        time."""
        return self._types

    @types.setter
    def types(self, types: TypesSetting) -> None:
        self._types = types
        self._set_names()

    def _set_names(self) -> None:
        self._names = TypeNames(self._types, self.labels)

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
        label = normal_form(label)
        if label in self._rows:
            return 0
        self.cfg["labels"].append(label)
        self._rows[label] = len(self.cfg["labels"])
        self._set_names()
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Learn from the training data which entity types there are, and how far the mentions of relations are apart.

        Types of the data that the setting 'types' has pairs for get their new names first.

        Args:
            get_examples: The training data. All of it is read, or the first Docs where `labels` are given.
            nlp: The pipeline.
            labels: The entity types, None for those of the training data.

        WARNS: RX504 where what finds mentions stands behind this component; RX513.
        """
        if labels is None:
            self._set_labels([])
            types: set[str] = set()
            self._seen = SeenPairs()
            for eg in self._seen.noting(get_examples()):
                types.update(mention.label for mention in self.mentions(eg.reference))
                for relation in get_relations(eg.reference):
                    types.update((relation.head.label, relation.tail.label))
            labels = sorted({self._names(label) for label in types - {""}} - {""})
        else:
            self._seen = SeenPairs.first_of(get_examples())
        self.cfg["seen"] = self._seen.to_dict()
        self._set_labels(labels)
        self.unknown_types, self._unknown_in_steps = UnknownTypes(), UnknownTypes()
        self._said.clear()
        self._check_generator()
        behind = recognisers_behind(nlp, self.name)
        if behind:
            warn("RX504", name=self.name, names=", ".join(behind), first=behind[0])

    def _set_labels(self, labels: Iterable[str]) -> None:
        self.cfg["labels"] = list(dict.fromkeys(labels))
        self._rows = {label: row for row, label in enumerate(self.labels, 1)}
        self._set_names()

    def _check_generator(self) -> None:
        """WARNS: RX513."""
        unknown = named_types(self.generator) - self._rows.keys()
        if unknown and self._rows:
            values = {"unknown": listed(unknown), "known": listed(self.labels)}
            warn("RX513", name=self.name, setting="generator", **values)

    def mentions(self, doc: Doc) -> list[Mention]:
        """The Doc's mentions in reading order, each once (same tokens and same type count as one)."""
        spans: Iterable[Span]
        if self.spans_key is not None and self.spans_key in doc.spans:
            spans = current_spans(doc.spans[self.spans_key])
        else:
            spans = doc.ents
        unique = {(s.start, s.end, s.label_): s.kb_id_ for s in spans if s.end > s.start}
        return [Mention(*key, unique[key]) for key in sorted(unique)]

    def __call__(self, doc: Doc) -> Doc:
        """Propose candidates for a Doc, of the mentions that it has; those of an earlier run are replaced.

        WARNS: RX502, RX505, RX025, RX512, once each; RX024 for pairs over the cap.
        """
        self._look(doc)
        self.unknown_types.warn(self.name, self.labels)
        return doc

    def _look(self, doc: Doc) -> None:
        looked_for = has_mentions(doc, self.spans_key)
        if get_gold_mentions(doc) is GoldMentions.MARKED:
            if not looked_for:
                return  # `update` has done it; a training step runs what is in annotating_components once more
            set_gold_mentions(doc, GoldMentions.TRAINING)
        if not looked_for and "RX505" not in self._said:
            self._said.add("RX505")
            warn("RX505", name=self.name, text=doc.text[:60], key=self.spans_key)
        self._check_apart(*self._mark(doc, self.unknown_types))

    def mark(self, doc: Doc) -> Doc:
        """Propose candidates for a Doc as in training: nothing is said of a Doc without mentions, or of pairs that the
        rule of training leaves out."""
        self._mark(doc, self._unknown_in_steps)
        return doc

    def _mark(
        self, doc: Doc, unknown: UnknownTypes, mentions: Sequence[Mention] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Propose candidates for a Doc, of these mentions; None for those that it has.

        RETURNS: the spans of the mentions, and where the sentences begin.
        """
        named = self._named(self.mentions(doc) if mentions is None else mentions)
        mentions, known = list(named.values()), list(named)
        spans = spans_of(known)
        starts = sentence_starts(doc, spans)
        pairs, total = nearest(self._proposed(doc, known, spans, starts), spans, self.max_pairs)
        dropped = total - len(pairs)
        if dropped:
            warn("RX024", text=doc.text[:60], total=total, limit=self.max_pairs, dropped=dropped)
        rows = np.zeros(len(mentions), dtype="int32")
        types = [mention.label for mention in known]
        if self.markers == "typed":
            rows[:] = [self._rows.get(kind, 0) for kind in types]
            if self._rows:
                unknown.add([mention.label for mention in mentions], types, rows)
        set_candidates(doc, Candidates(mentions, rows, pairs, dropped, types))
        return spans, starts

    def _named(self, mentions: Iterable[Mention]) -> dict[Mention, Mention]:
        """The mentions as training names their types, without those to leave out, each with the one on the Doc.

        Where two types of one span are one in training, the first stands for both.
        """
        if self._types != self._names.setting:  # pairs were added to it
            self._set_names()
        named: dict[Mention, Mention] = {}
        for mention in mentions:
            kind = self._names(mention.label)
            if kind or not mention.label:
                known = mention if kind == mention.label else Mention(mention.start, mention.end, kind, mention.kb_id)
                named.setdefault(known, mention)
        return named

    def _check_apart(self, spans: np.ndarray, starts: np.ndarray) -> None:
        """Say once which pairs are not proposed, since training had none such. WARNS: RX502."""
        if len(starts) < 2 or self.generator is not None or not self._seen.relations or "RX502" in self._said:
            return
        first, last = sentence_places(starts, spans)
        far = self._limits["max_sentences"]
        if len(first) and first[-1] - last.min() > far:
            self._said.add("RX502")
            seen = self._seen
            reach = f"at most {far} sentences and {seen.max_tokens} tokens apart" if far else "of one sentence"
            warn("RX502", name=self.name, reach=reach, across=seen.across_sentences, relations=seen.relations)

    @property
    def _limits(self) -> dict[str, Any]:
        """How far apart mentions may be without a generator, as `pairs_within` takes it."""
        if not self._seen.crosses:
            return {"max_sentences": 0}
        return {"max_sentences": self._seen.max_sentences, "max_tokens": self._seen.max_tokens}

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Mark the Docs of a training step, `example.predicted`, for the components behind this one.

        The mentions are those on the Doc. Where the corpus says so (`GoldMentions.TRAINING`) and no component of the
        pipeline has looked for mentions, they are those of `example.reference`.

        Nothing is learned here. It spares training configs an entry in `annotating_components`, and each step a copy of
        all words, which spaCy makes of Docs that such a component gives back. RAISES: RelxError RX023.
        """
        examples = list(examples)
        validate_examples(examples, "EntityTypeMarker.update")
        for eg in examples:
            if get_gold_mentions(eg.predicted) in _OF_REFERENCE and not has_mentions(eg.predicted, self.spans_key):
                self._mark(eg.predicted, self._unknown_in_steps, self._gold(eg))
                set_gold_mentions(eg.predicted, GoldMentions.MARKED)
            else:
                self.mark(eg.predicted)
        self._unknown_in_steps.warn(self.name, self.labels)
        return {} if losses is None else losses

    def _gold(self, eg: Example) -> list[Mention]:
        """The mentions of the reference, as far as they begin and end where tokens of the predicted Doc do."""
        mentions = self.mentions(eg.reference)
        if np.array_equal(eg.reference.to_array([ORTH]), eg.predicted.to_array([ORTH])):
            return mentions
        spans = (mention.span(eg.reference) for mention in mentions)
        found = (eg.get_aligned_spans_y2x([span], allow_overlap=True) for span in spans)
        aligned = {Mention(s.start, s.end, s.label_, m.kb_id) for part, m in zip(found, mentions) for s in part}
        return sorted(aligned, key=lambda mention: (mention.start, mention.end, mention.label))

    def _proposed(
        self, doc: Doc, mentions: Sequence[Mention], spans: np.ndarray, starts: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Blocks of pairs; those of a generator are checked. starts: of the sentences."""
        if self.generator is None:
            yield from pairs_within(starts, spans, **self._limits)
            return
        n = len(mentions)
        for block in self.generator(doc, mentions):
            pairs = np.asarray(block)
            if not len(pairs):
                continue
            shape = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
            if not shape or not 0 <= pairs.min() <= pairs.max() < n or (pairs[:, 0] == pairs[:, 1]).any():
                raise RelxError("RX023", n=n, text=doc.text[:60])
            yield pairs

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Mark a stream. Types that training never showed are said once a batch, so that the counts say something."""
        error_handler = self.get_error_handler()
        try:
            for number, doc in enumerate(stream, 1):
                try:
                    self._look(doc)
                except Exception as err:
                    error_handler(self.name, self, [doc], err)
                else:
                    yield doc
                if number % batch_size == 0:
                    self.unknown_types.warn(self.name, self.labels)
        finally:  # also where nobody reads the stream to its end
            self.unknown_types.warn(self.name, self.labels)

    # Files. `types` is a setting of the config; what was set on the component since is saved beside it.

    @property
    def _saved(self) -> dict[str, Any]:
        return {**self.cfg, "types": self.types, "configured_types": self._configured}

    def _restore(self, data: bytes) -> None:
        """Take the saved vocabulary, and the saved types unless the config has others than when they were saved."""
        saved = read_cfg(data, lists=("labels",))
        if saved["configured_types"] == self._configured:
            self._types = saved["types"]
        self.cfg["seen"] = saved.get("seen")
        self._seen = SeenPairs.from_dict(self.cfg["seen"])
        self._set_labels(saved["labels"])
        self._check_generator()

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return save_bytes(self, {"cfg": lambda: srsly.json_dumps(self._saved).encode("utf8")}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> EntityTypeMarker:
        """Load what `to_bytes` gave. RAISES: RelxError RX591."""
        Saved(self, bytes_data, exclude).read("cfg", self._restore)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        save_folder(self, path, {"cfg": lambda p: srsly.write_json(p, self._saved)}, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> EntityTypeMarker:
        """Load. RAISES: RelxError RX591 for a file that is not as it was saved, or cannot be read."""
        Saved(self, path, exclude).read("cfg", self._restore)
        return self
