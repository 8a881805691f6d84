"""`relation_extractor`: candidate pairs -> relations. The model is composed in the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate

from ..errors import RelxError, warn
from ..extensions import CANDIDATES, get_candidates, get_relations, has_candidates, set_extensions, set_relations
from ..types import NO_RELATION, Candidates, Relation
from .targets import pair_targets

DEFAULT_MODEL_CONFIG = """
[model]
@architectures = "spacy_relx.RelationModel.v1"

[model.encoder]
@architectures = "spacy_relx.HashBiGRU.v1"

[model.pairs]
@architectures = "spacy_relx.PairFeatures.v1"

[model.head]
@architectures = "spacy_relx.SoftmaxHead.v1"
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
#: Docs that show the model its sizes at initialisation.
N_SAMPLE_DOCS = 10
#: Docs on which the candidates are compared with the gold relations then, and the share that should be covered.
N_COVER_DOCS = 200
MIN_COVER = 0.9
#: Pairs whose scores are held at once in a stream.
PIPE_PAIRS = 200_000


@Language.factory(
    "relation_extractor",
    assigns=["doc._.relations"],
    requires=["doc._.candidates"],
    default_config={
        "model": DEFAULT_MODEL,
        "threshold": None,
        "label_thresholds": {},
        "scorer": {"@scorers": "spacy_relx.RelationScorer.v1"},
    },
    default_score_weights={"rel_micro_f": 1.0, "rel_micro_p": None, "rel_micro_r": None, "rel_macro_f": None},
)
def make_relation_extractor(
    nlp: Language,
    name: str,
    model: Model,
    threshold: float | None,
    label_thresholds: dict[str, float],
    scorer: Callable | None,
) -> RelationExtractor:
    """Make the component that classifies candidate pairs.

    model: `spacy_relx.RelationModel.v1`. threshold: a label is predicted when its score is greater; None: when it
    beats no-relation (with a softmax head the pair's most probable outcome, with a multi-label head over .5).
    label_thresholds: thresholds of single labels, before the common one. scorer: as for any component.
    """
    return RelationExtractor(
        nlp.vocab, model, name, threshold=threshold, label_thresholds=label_thresholds, scorer=scorer
    )


class RelationExtractor(TrainablePipe):
    """Sets `doc._.relations` from `doc._.candidates`.

    Needs an `entity_type_marker` before it in the pipeline, and in `[training] annotating_components` when trained:
    it speaks to the marker only through the Doc. Thresholds are settings and not part of the saved weights, so they
    can be overridden when a pipeline is loaded.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "relation_extractor",
        *,
        threshold: float | None = None,
        label_thresholds: dict[str, float] | None = None,
        scorer: Callable | None = None,
    ):
        set_extensions()
        self.vocab = vocab
        self.model = model
        self.name = name
        self.threshold = threshold
        self.label_thresholds = dict(label_thresholds or {})
        for label, value in {"threshold": threshold, **self.label_thresholds}.items():
            if value is not None and not 0 <= value <= 1:
                raise RelxError("RX021", name=label, value=value, need="a probability, in [0, 1]")
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "n_markers": None, "width": None}

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.cfg["labels"])

    @property
    def _shim(self) -> Any:
        """What holds the torch network: `is_built`, and `module` with its `head`."""
        return self.model.shims[0]

    @property
    def label_data(self) -> list[str]:
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a relation, before initialisation. RETURNS: 1 if it was new, else 0. RAISES: RelxError RX052 later."""
        if label in self.labels:
            return 0
        if self._shim.is_built:
            raise RelxError("RX052", label=label, name=self.name)
        self.cfg["labels"].append(label)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Collect the labels, unless given, and build the model.

        The marker vocabulary's size is asked of the component before this one that sets `doc._.candidates`.
        RAISES: RelxError RX053 without labels, RX054 without a marker component.
        """
        validate_get_examples(get_examples, "RelationExtractor.initialize")
        if self._shim.is_built:  # anew, not on top of what an earlier initialisation found
            self.cfg["labels"] = []
        if labels is None:
            seen = {r.label for eg in get_examples() for r in get_relations(eg.reference)}
            labels = sorted(seen - {NO_RELATION})
        self.cfg["labels"] = list(dict.fromkeys([*self.labels, *labels]))
        if not self.labels:
            raise RelxError("RX053", name=self.name)
        marker = self._find_marker(nlp)
        names = list(getattr(marker, "labels", ()))
        self.cfg["n_markers"] = int(getattr(marker, "n_markers", 1))
        if len(names) + 1 == self.cfg["n_markers"]:
            self.model.attrs["marker_names"] = names  # for models that can make something of an entity type's name
        sample = [eg.x for eg in islice(get_examples(), N_SAMPLE_DOCS)]
        self._set_sizes()
        self.model.initialize(X=(sample, None))
        self.cfg["width"] = self.model.get_dim("nI")
        self._check_thresholds()
        self._check_cover(marker, islice(get_examples(), N_COVER_DOCS))

    def _set_sizes(self) -> None:
        self.model.set_dim("nO", len(self.labels), force=True)
        self.model.set_dim("n_markers", self.cfg["n_markers"], force=True)

    def _check_thresholds(self) -> None:
        unknown = sorted(set(self.label_thresholds) - set(self.labels))
        if unknown:
            warn("RX057", names=", ".join(unknown), name=self.name, known=", ".join(self.labels))

    def _check_cover(self, marker: Callable[[Doc], Doc], examples: Iterable[Example]) -> None:
        """Gold relations that no candidate pair covers cannot be learned: say so before hours of training.

        Only where the Docs come with mentions; others get theirs from components that are trained, too.
        """
        gold = covered = 0
        for eg in examples:
            predicted = marker(eg.predicted.copy())
            if get_candidates(predicted).n_mentions:
                gold += sum(relation.label in self.labels for relation in get_relations(eg.reference))
                covered += int(self.targets([Example(predicted, eg.reference)]).sum())
        if gold and covered < MIN_COVER * gold:
            warn("RX058", covered=covered, gold=gold, name=self.name)

    def _find_marker(self, nlp: Language | None) -> Any:
        """The component before this one that proposes candidates."""
        if nlp is not None:
            for name, pipe in reversed(nlp.pipeline[: nlp.pipe_names.index(self.name)]):
                if "doc._.candidates" in nlp.get_pipe_meta(name).assigns:
                    return pipe
        raise RelxError("RX054", name=self.name)

    def predict(self, docs: Iterable[Doc]) -> list[np.ndarray]:
        """RETURNS: for each Doc float32 (n_pairs, n_labels + 1), column 0 is no-relation.

        RAISES: RelxError RX054 for Docs that no marker has seen, RX050 for a model that was never initialised.
        """
        docs = list(docs)
        self._check_marked(docs)
        if not self._shim.is_built:
            raise RelxError("RX050")
        return self.model.predict((docs, None))

    def _check_marked(self, docs: Iterable[Doc]) -> None:
        if not all(has_candidates(doc) for doc in docs if len(doc)):
            raise RelxError("RX054", name=self.name)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream, `batch_size` Docs at a time, or fewer where they have very many pairs: scores of at most
        about `PIPE_PAIRS` pairs, or of one Doc, are held at once."""
        for batch in minibatch(stream, batch_size):
            group: list[Doc] = []
            pairs = 0
            for doc in batch:
                size = len(doc.user_data.get(CANDIDATES, {"heads": ()})["heads"])
                if group and pairs + size > PIPE_PAIRS:
                    yield from super().pipe(group, batch_size=len(group))
                    group, pairs = [], 0
                group.append(doc)
                pairs += size
            yield from super().pipe(group, batch_size=max(1, len(group)))

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[np.ndarray]) -> None:
        docs = list(docs)
        for doc, relations in zip(docs, self.decode([get_candidates(doc) for doc in docs], scores)):
            set_relations(doc, relations)

    def decode(self, candidates: Sequence[Candidates], scores: Sequence[np.ndarray]) -> list[list[Relation]]:
        """The relations that scores stand for.

        candidates: of each Doc. scores: of each Doc, float32 (n_pairs, n_labels + 1), column 0 is no-relation.
        RETURNS: for each Doc its relations, in the order of the pairs.
        """
        relations: list[list[Relation]] = [[] for _ in candidates]
        flat = np.concatenate(list(scores)) if len(scores) else np.zeros((0, len(self.labels) + 1), "float32")
        pairs, columns = self._taken(flat).nonzero()
        if not len(pairs):
            return relations
        starts = np.cumsum([0] + [len(part) for part in scores])
        owners = np.searchsorted(starts, pairs, side="right") - 1
        values = flat[pairs, columns + 1].tolist()
        for i, pair, column, score in zip(owners.tolist(), (pairs - starts[owners]).tolist(), columns.tolist(), values):
            candidate = candidates[i][pair]
            relations[i].append(Relation(candidate.head, self.labels[column], candidate.tail, score))
        return relations

    def _taken(self, scores: np.ndarray) -> np.ndarray:
        """bool (n_pairs, n_labels): the labels that pass their threshold; with an exclusive head the best of them."""
        labels = scores[:, 1:]
        bars = np.empty_like(labels)
        bars[:] = scores[:, :1] if self.threshold is None else self.threshold
        for label, value in self.label_thresholds.items():
            if label in self.labels:
                bars[:, self.labels.index(label)] = value
        taken = labels > bars
        if not self._shim.module.head.multi_label:
            best = np.where(taken, labels, -1.0).argmax(axis=1)
            taken &= np.arange(labels.shape[1]) == best[:, None]
        return taken

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """One update on the Examples' candidate pairs. Dropout is a setting of the model's parts.

        RAISES: RelxError RX054 when no marker ran on the Docs, RX055 for a relation that is not among the labels.
        """
        examples = list(examples)
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, "RelationExtractor.update")
        docs = [eg.predicted for eg in examples]
        if not any(len(doc) for doc in docs):
            return losses
        self._check_marked(docs)
        targets = self.targets(examples)
        set_dropout_rate(self.model, drop)
        loss, backprop = self.model.begin_update((docs, targets))
        if not np.isfinite(loss):
            raise RelxError("RX056", loss=loss, name=self.name)
        backprop(1.0)
        if sgd is not None:
            self.model.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        """Mean negative log-likelihood of the gold labels under `predict`'s scores, and its gradient to the scores.

        With a multi-label head that is the sum over labels of each one's own. `update` does not use it: it has the
        head's own loss, weights and sampling included.
        """
        targets = self.targets(list(examples))
        flat = np.concatenate(list(scores)) if len(scores) else np.zeros((0, len(self.labels) + 1), "float32")
        if not len(flat):
            return 0.0, [np.zeros_like(part) for part in scores]
        if self._shim.module.head.multi_label:
            held = np.clip(np.where(targets > 0, flat[:, 1:], 1 - flat[:, 1:]), 1e-8, None)
            likelihood = held.prod(axis=1)
            gradient = np.pad(np.where(targets > 0, -1.0, 1.0) / held / len(flat), ((0, 0), (1, 0)))
        else:
            gold = np.concatenate([~targets.any(axis=1, keepdims=True), targets > 0], axis=1)
            likelihood = np.clip((flat * gold).sum(axis=1), 1e-8, None)
            gradient = -(gold / likelihood[:, None]) / len(flat)
        parts = np.split(gradient.astype("float32"), np.cumsum([len(part) for part in scores])[:-1])
        return float(-np.log(likelihood).mean()), parts

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """float32 (n_pairs, n_labels), 1 where the gold relation holds, for all candidate pairs in a row.

        Mentions are matched by their characters, so the two Docs may be tokenized differently.
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        parts = [pair_targets(eg, columns, self.name) for eg in examples]
        return np.concatenate(parts) if parts else np.zeros((0, len(columns)), "float32")

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        serializers = {
            "cfg": lambda: srsly.json_dumps(self.cfg),
            "model": self.model.to_bytes,
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
        }
        return util.to_bytes(serializers, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> RelationExtractor:
        deserializers = {
            "cfg": lambda b: self._restore(srsly.json_loads(b)),
            "model": self.model.from_bytes,
            "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
        }
        util.from_bytes(bytes_data, deserializers, exclude)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        serializers = {
            "cfg": lambda p: srsly.write_json(p, self.cfg),
            "model": lambda p: self.model.to_disk(p),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
        }
        util.to_disk(path, serializers, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> RelationExtractor:
        """Load. RAISES: RelxError RX051 when the weights do not fit the configured model."""
        deserializers: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda p: self._restore(srsly.read_json(p)),
            "model": lambda p: self.model.from_bytes(Path(p).read_bytes()),
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
        }
        util.from_disk(path, deserializers, exclude)
        return self

    def _restore(self, cfg: dict[str, Any]) -> None:
        """Build the module from saved labels and sizes, so that weights have somewhere to go."""
        self.cfg = cfg
        self._check_thresholds()
        if cfg["width"] is None or self._shim.is_built:
            return
        self._set_sizes()
        self.model.attrs["build_network"](self.model, cfg["width"])
