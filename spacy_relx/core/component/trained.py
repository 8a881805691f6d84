"""What trained components have in common: labels, sizes, and saving of a model that is built when these are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Union

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer, set_dropout_rate

from ...data.calibration import Calibration, PairScores, items_of
from ...data.extensions import GoldMentions, get_candidates, get_gold_mentions, get_lang, has_candidates, set_extensions
from ...data.text_forms import normal_form, normal_forms
from ...data.thresholds import LabelThresholds, LangThresholds, Thresholds
from ...data.types import NO_RELATION, Mention
from ...errors import RelxError, warn
from ..task import AnyModel, Task, layer_of, layers_of, set_task
from .cover import Cover, CoverChecks
from .order import components_before
from .saving import Saved, check_finite, read_cfg, save_bytes, save_folder
from .seen import SeenPairs

if TYPE_CHECKING:
    from typing_extensions import Self

    from .warm_start import Langs


def extras_of(model: AnyModel) -> set[str]:
    """The extras of this package that the parts of a model need."""
    return {layer.package_extra for _, layer in layers_of(model)}


class TrainedPipe(TrainablePipe):
    """Base of components with a torch network. `cfg` is what is saved beside the weights: labels, types (the entity
    types) and seen (what training saw of pairs, see `SeenPairs`)."""

    #: What the component learns, for messages.
    what = "relations"
    cfg: dict[str, Any]
    threshold: float | None
    label_thresholds: LabelThresholds
    lang_thresholds: LangThresholds
    #: Fitted on held-out data, saved with the weights; see `calibration`.
    calibration: Calibration | None = None
    #: Called with each Doc and all its scores, where someone asks for them; not saved.
    on_scores: Callable[[Doc, PairScores], None] | None = None
    #: What proposes candidates before this component, known once it was initialised in a pipeline; not saved.
    marker: Callable[[Doc], Doc] | None = None

    def __init__(
        self,
        vocab: Vocab,
        model: AnyModel,
        name: str,
        *,
        threshold: float | None,
        label_thresholds: LabelThresholds | None,
        lang_thresholds: LangThresholds | None = None,
        scorer: Callable[..., Any] | None,
    ):
        """RAISES: RelxError RX021 for thresholds that are no probabilities, and for settings of another form."""
        set_extensions()
        self.vocab = vocab
        self.model = model
        self.name = name
        self.set_thresholds(Thresholds.from_settings(name, threshold, label_thresholds, lang_thresholds))
        self.scorer = scorer
        self.cfg = {"labels": [], "seen": None}
        self.seen = SeenPairs()
        self.checks = CoverChecks(self)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.cfg["labels"])

    @property
    def entity_types(self) -> tuple[str, ...]:
        """The entity types of training, where they are known."""
        return tuple(self.cfg.get("types", ()))

    @property
    def is_built(self) -> bool:
        """Whether the model has its network, by initialisation or from a saved pipeline."""
        return layer_of(self.model).is_built

    @property
    def label_data(self) -> list[str]:
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a relation, before initialisation. RETURNS: 1 if it was new, else 0. RAISES: RelxError RX052 later."""
        label = normal_form(label)
        if label in self.labels:
            return 0
        if self.is_built:
            raise RelxError("RX052", label=label, name=self.name)
        self.cfg["labels"].append(label)
        return 1

    def load_source(self, path: Union[str, Path, None]) -> Any:
        """The component of this name of a saved pipeline to start from, None without one. RAISES: RelxError RX260."""
        if path is None:
            return None
        from .warm_start import load_source

        return load_source(path, self.name, type(self))

    def find_langs(
        self, nlp: Language | None, get_examples: Callable[[], Iterable[Example]], source: Any = None
    ) -> Langs:
        """The languages that layers of the model tell apart, see `warm_start.find_langs`."""
        from .warm_start import find_langs

        return find_langs(self, nlp, get_examples, source)

    def finish_initialize(
        self, source: Any, path: Union[str, Path, None], train: Sequence[str] | None, unseen: Sequence[str] = ()
    ) -> None:
        """Take the source's weights, and hold still what is not to be trained. unseen: languages without training data.

        RAISES: RelxError RX260, RX261, RX262, RX021 for an empty `train`. WARNS: RX275 where what is held still is not
        the source's, RX276 where unseen languages have routes.
        """
        from .warm_start import check_held, check_routes, copy_weights, train_only

        taken = copy_weights(self, source, path) if source is not None and path is not None else None
        if train is not None:
            train_only(self, train)
        if taken is not None and path is not None:
            check_held(self, taken, path)
        check_routes(self, unseen)

    def begin_initialize(self, labels: list[str] | None, find: Callable[[], Iterable[str]], source: Any = None) -> None:
        """Set the labels: those of the source, and those given or those that are found.

        RAISES: RelxError RX053 without any.
        """
        if self.is_built:  # anew, not on top of what an earlier initialisation found
            self.cfg["labels"] = []
        self.set_calibration(None)
        if labels is None:
            labels = sorted(set(find()) - {NO_RELATION})
        known = () if source is None else source.labels
        self.cfg["labels"] = list(dict.fromkeys(normal_forms([*known, *self.labels, *labels])))
        if not self.labels:
            raise RelxError("RX053", name=self.name)

    def read_markers(self, nlp: Language | None) -> Any:
        """Find the component before this one that proposes candidates; its entity types are kept.

        Raises:
            RelxError: RX054 where there is none.
        """
        for name, pipe in reversed(components_before(nlp, self.name)):
            if "doc._.candidates" in nlp.get_pipe_meta(name).assigns:  # type: ignore[union-attr]
                self.cfg["types"] = list(getattr(pipe, "labels", ()))
                self.marker = pipe
                return pipe
        raise RelxError("RX054", name=self.name)

    def check_marked(self, docs: Iterable[Doc]) -> None:
        """RAISES: RelxError RX054 for Docs that no marker has seen."""
        if not all(has_candidates(doc) for doc in docs if len(doc)):
            raise RelxError("RX054", name=self.name)

    def check_gold_mentions(self, docs: Iterable[Doc]) -> None:
        """RAISES: RelxError RX530 for Docs of a training step that were to get gold mentions, and have none."""
        for doc in docs:
            waiting = get_gold_mentions(doc) is GoldMentions.TRAINING and not get_candidates(doc).n_mentions
            if waiting and not doc.has_annotation("ENT_IOB") and not doc.spans:
                raise RelxError("RX530", name=self.name)

    def mark(self, examples: Iterable[Example]) -> None:
        """Let the marker propose candidates for Docs of a training step that it has not seen.

        In `nlp.update` it has: it marks the Docs itself. Where the component is updated alone (`spacy debug model`), or
        the marker is frozen, nobody else does.
        """
        unmarked = [eg for eg in examples if len(eg.predicted) and not has_candidates(eg.predicted)]
        if self.marker is None or not unmarked:
            return
        if hasattr(self.marker, "update"):
            self.marker.update(unmarked)  # which knows the gold mentions
            return
        for eg in unmarked:
            self.marker(eg.predicted)

    def set_task(self, n_markers: int, langs: Langs | None = None) -> None:
        """Tell the model's layers what they are for, before they are initialised.

        Args:
            n_markers: Rows of the marker vocabulary.
            langs: Languages that layers tell apart.
        """
        named = n_markers == len(self.entity_types) + 1
        task = Task(
            labels=self.labels,
            n_markers=n_markers,
            entity_types=self.entity_types if named else (),
            by_sentence=self.seen.single_sentences,
            by_rule=not self.seen.crosses,
        )
        set_task(self.model, task if langs is None else langs.added_to(task))

    def cover(self, example: Example) -> Cover:
        """How many gold relations with known labels the Doc has, and how many of them have a candidate pair."""
        raise NotImplementedError

    def keep_seen(self, seen: SeenPairs, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Keep what training saw.

        Args:
            seen: Counts of all training Docs; without any, since labels were given, those of the first are taken.
            get_examples: The training data.
        """
        self.seen = seen if seen.docs else SeenPairs.first_of(get_examples())
        self.cfg["seen"] = self.seen.to_dict()

    def check_cover(self, marker: Any, examples: Iterable[Example], nlp: Language | None) -> None:
        """Gold relations or facts that no candidate pair covers cannot be learned: say so before hours of training.

        Of Docs without mentions only where no component before finds any. WARNS: RX058, RX500.
        """
        self.checks.initialize(marker, examples, nlp)
        self.cfg["seen"] = self.seen.to_dict()

    def check_settings(self) -> None:
        """WARNS: RX057 for thresholds of relations that are not known."""
        unknown = sorted(self.thresholds.named - set(self.labels))
        if unknown:
            warn(
                "RX057",
                setting="label_thresholds",
                names=", ".join(unknown),
                name=self.name,
                known=", ".join(self.labels),
            )

    def check_built(self) -> None:
        """RAISES: RelxError RX050 for a model that was never initialised."""
        if not self.is_built:
            raise RelxError("RX050")

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of the settings, which are what holds. RAISES: RelxError RX021."""
        return Thresholds.from_settings(self.name, self.threshold, self.label_thresholds, self.lang_thresholds)

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Set `threshold`, `label_thresholds` and `lang_thresholds`. The pipeline's config is the caller's affair."""
        for name, value in thresholds.to_settings().items():
            setattr(self, name, value)

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Apply and save this calibration; None for none. Thresholds are left as they are."""
        self.calibration = calibration
        if calibration is None:
            self.cfg.pop("calibration", None)
        else:
            self.cfg["calibration"] = calibration.to_dict()

    def decide(
        self, scores: np.ndarray, *, multi_label: bool, langs: Sequence[str], sizes: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is predicted: rows, columns (both int64) and scores (float64) of labels that pass their threshold.

        scores: float32 (n_pairs, n_labels + 1) of one Doc after the other, column 0 is no-relation. langs, sizes:
        language and number of pairs of each Doc. With a calibration its scores count. Of a pair that may have one label
        only the best of those that pass is predicted; with a calibration only the best by the model's own score is
        considered.
        """
        bars = self.thresholds.of_pairs(self.labels, langs, sizes)
        calibration = self.calibration
        if calibration is None:
            labels = scores[:, 1:]
            taken = labels > np.where(np.isnan(bars), scores[:, :1], bars.astype(scores.dtype))
            if not multi_label:
                best = np.where(taken, labels, -1.0).argmax(axis=1)
                taken &= np.arange(labels.shape[1]) == best[:, None]
            rows, columns = taken.nonzero()
            return rows, columns, scores[rows, columns + 1].astype("float64")
        rows, columns = items_of(scores[:, 1:], multi_label=multi_label)
        raw = scores[rows, columns + 1]
        per_doc = np.diff(np.searchsorted(rows, np.cumsum([0, *sizes]))).tolist()
        values = calibration.apply(raw, calibration.rows(self.labels, columns, langs, per_doc))
        bar = bars[rows if len(bars) == len(scores) else 0, columns]
        passed = np.where(np.isnan(bar), raw > scores[rows, 0], values > bar)
        return rows[passed], columns[passed], values[passed]

    def hand_out(
        self, doc: Doc, mentions: Sequence[Mention], pairs: np.ndarray, scores: np.ndarray, *, multi_label: bool
    ) -> None:
        """Give all scores of a Doc to who asked for them (`on_scores`). scores: as for `decide`."""
        if self.on_scores is not None:
            found = PairScores(
                mentions, pairs, self.labels, scores[:, 1:], multi_label, get_lang(doc), self.calibration, self.name
            )
            self.on_scores(doc, found)

    def check_scores(self, docs: Sequence[Doc], scores: Iterable[np.ndarray]) -> None:
        """RAISES: RelxError RX595 for a Doc with scores that are not finite: they say nothing, and would be taken for
        a prediction, or for none."""
        for doc, part in zip(docs, scores):
            if not np.isfinite(part).all():
                raise RelxError("RX595", name=self.name, text=doc.text[:60])

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """float32, a row for each thing that is classified, a column for each label: 1 where a gold label holds, 0
        where it does not, `UNKNOWN` where the annotation does not say it."""
        raise NotImplementedError

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """One update on the Examples' candidate pairs. Dropout is a setting of the model's parts.

        RAISES: RelxError RX054 when no marker ran on the Docs and none is known, RX530 when one ran that had no
        mentions, RX056 for a loss that is not finite, and what `targets` raises.
        """
        examples = list(examples)
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, f"{type(self).__name__}.update")
        docs = [eg.predicted for eg in examples]  # empty ones too: a listener wants the batch that its source had
        if not any(len(doc) for doc in docs):
            return losses
        self.mark(examples)
        self.check_marked(docs)
        self.check_gold_mentions(docs)
        targets = self.targets(examples)
        self.check_targets(examples, targets)
        set_dropout_rate(self.model, drop)
        loss, backprop = self.model.begin_update((docs, targets))
        if not np.isfinite(loss):
            raise RelxError("RX056", loss=loss, name=self.name)
        backprop(1.0)
        if self.calibration is not None:
            warn("RX381", name=self.name)
            self.set_calibration(None)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def check_targets(self, examples: Sequence[Example], targets: Any) -> None:
        """WARNS: RX500, RX509 where gold relations have no candidate pairs, once each."""
        self.checks.update(examples, targets)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The scorer's values. It is told the component's name, to score what this one found apart from the rest.

        WARNS: as `check_scored`.
        """
        examples = list(examples)
        scores = super().score(examples, **{"component": self.name, **kwargs})
        if self.scorer is not None:
            self.check_scored(examples)
        return scores

    def check_scored(self, examples: Sequence[Example]) -> None:
        """WARNS: RX501, RX507 where gold relations have no candidate pairs, once each."""
        self.checks.score(examples)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        getters: dict[str, Callable[[], Any]] = {
            "cfg": lambda: srsly.json_dumps(self.cfg).encode("utf8"),
            "model": self.model.to_bytes,
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
        }
        return save_bytes(self, getters, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load what `to_bytes` gave. RAISES: as `from_disk`."""
        self._load(Saved(self, bytes_data, exclude))
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        writers: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda p: srsly.write_json(p, self.cfg),
            "model": lambda p: p.write_bytes(self.model.to_bytes()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
        }
        save_folder(self, path, writers, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> Self:
        """Load. RAISES: RelxError RX591 for files that are not as they were saved, or cannot be read, or whose labels
        are not those of the weights; RX051 when the weights do not fit the configured model, RX594 when they are not
        finite."""
        self._load(Saved(self, path, exclude))
        return self

    def _load(self, saved: Saved) -> None:
        exclude = saved.exclude
        saved.read("cfg", self._restore)
        saved.read("model", self.model.from_bytes)
        saved.read_folder(
            "vocab",
            lambda p: self.vocab.from_disk(p, exclude=exclude),
            lambda b: self.vocab.from_bytes(b, exclude=exclude),
        )
        if saved.has("model"):
            check_finite(self.name, self.model)
            if saved.has("cfg") and self.is_built and not self.is_of_labels(layer_of(self.model).task):
                reason = "its labels are not those of the weights: the folder mixes files of two pipelines"
                raise RelxError("RX591", file=saved.place("cfg"), name=self.name, reason=reason)

    def is_of_labels(self, task: Task) -> bool:
        """Whether the model was trained for the labels that the component has."""
        return task.labels == self.labels

    def _restore(self, data: bytes) -> None:
        """Take the saved labels; the model takes its sizes from what is saved with the weights."""
        cfg = read_cfg(data, lists=("labels",))
        self.cfg = cfg
        self.seen = SeenPairs.from_dict(cfg.get("seen"))
        saved = cfg.get("calibration")
        self.calibration = None if saved is None else Calibration.from_dict(saved)
        self.check_settings()
