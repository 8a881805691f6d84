"""What trained components have in common: labels, sizes, and saving of a model that is built when these are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Union

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from ..calibration import Calibration, PairScores, items_of
from ..errors import RelxError, warn
from ..extensions import get_candidates, get_lang, has_candidates, set_extensions
from ..types import NO_RELATION, Mention
from .order import components_before
from .saving import Saved, check_finite, labels_digest, read_cfg, save_bytes, save_folder

if TYPE_CHECKING:
    from typing_extensions import Self

#: Training Docs whose gold relations are looked at before training, and the share that should be within reach.
N_COVER_DOCS = 200
MIN_COVER = 0.9
#: Attribute of the model, saved with its weights: a digest of the labels that they were trained for.
_DIGEST = "labels_digest"


class TrainedPipe(TrainablePipe):
    """Base of components with a torch network. `cfg` is what is saved beside the weights: labels, n_markers (size of
    the marker vocabulary) and width (the model's dimension nI)."""

    #: Code of the error where no component has proposed candidates.
    unmarked: str
    cfg: dict[str, Any]
    threshold: float | None
    label_thresholds: dict[str, float]
    #: Fitted on held-out data, saved with the weights; see `calibration`.
    calibration: Calibration | None = None
    #: Called with each Doc and all its scores, where someone asks for them; not saved.
    on_scores: Callable[[Doc, PairScores], None] | None = None

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str,
        *,
        threshold: float | None,
        label_thresholds: Mapping[str, float] | None,
        scorer: Callable | None,
    ):
        """RAISES: RelxError RX021 for thresholds that are no probabilities."""
        set_extensions()
        self.vocab = vocab
        self.model = model
        self.name = name
        self.threshold = threshold
        self.label_thresholds = dict(label_thresholds or {})
        self.check_probabilities({"threshold": threshold, **self.label_thresholds})
        self.scorer = scorer
        self.cfg = {"labels": [], "n_markers": None, "width": None}

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.cfg["labels"])

    @property
    def _shim(self) -> Any:
        """What holds the torch network: `is_built`, and `module`."""
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

    def load_source(self, path: Union[str, Path, None]) -> Any:
        """The component of this name of a saved pipeline to start from, None without one. RAISES: RelxError RX260."""
        if path is None:
            return None
        from .transfer import load_source

        return load_source(path, self.name, type(self))

    def set_languages(
        self, nlp: Language | None, get_examples: Callable[[], Iterable[Example]], source: Any = None
    ) -> list[str]:
        """Tell language-specific layers of the model which languages there are, see `transfer.set_languages`.

        RETURNS: those without training data.
        """
        from .transfer import set_languages

        return set_languages(self, nlp, get_examples, source)

    def finish_initialize(
        self, source: Any, path: Union[str, Path, None], train: Sequence[str] | None, unseen: Sequence[str] = ()
    ) -> None:
        """Take the source's weights, and hold still what is not to be trained. unseen: languages without training data.

        RAISES: RelxError RX260, RX261, RX262, RX021 for an empty `train`. WARNS: RX275 where what is held still is not
        the source's, RX276 where unseen languages have routes.
        """
        from .transfer import check_held, check_routes, copy_weights, train_only

        taken = copy_weights(self, source, path) if source is not None and path is not None else None
        if train is not None:
            train_only(self, train)
        if taken is not None and path is not None:
            check_held(self, taken, path)
        check_routes(self, unseen)

    def begin_initialize(
        self, labels: list[str] | None, find: Callable[[], Iterable[str]], code: str, source: Any = None
    ) -> None:
        """Set the labels: those of the source, and those given or those that are found.

        RAISES: RelxError `code` without any.
        """
        if self._shim.is_built:  # anew, not on top of what an earlier initialisation found
            self.cfg["labels"] = []
        self.set_calibration(None)
        if labels is None:
            labels = sorted(set(find()) - {NO_RELATION})
        known = () if source is None else source.labels
        self.cfg["labels"] = list(dict.fromkeys([*known, *self.labels, *labels]))
        if not self.labels:
            raise RelxError(code, name=self.name)

    def read_markers(self, nlp: Language | None) -> Any:
        """Take the size of the marker vocabulary from the component before this one that proposes candidates.

        RETURNS: that component. RAISES: RelxError `unmarked` where there is none.
        """
        for name, pipe in reversed(components_before(nlp, self.name)):
            if "doc._.candidates" in nlp.get_pipe_meta(name).assigns:  # type: ignore[union-attr]
                names = list(getattr(pipe, "labels", ()))
                self.cfg["n_markers"] = int(getattr(pipe, "n_markers", 1))
                if len(names) + 1 == self.cfg["n_markers"]:
                    self.model.attrs["marker_names"] = names  # for models that can make something of a type's name
                return pipe
        raise RelxError(self.unmarked, name=self.name)

    def check_marked(self, docs: Iterable[Doc]) -> None:
        """RAISES: RelxError `unmarked` for Docs that no marker has seen."""
        if not all(has_candidates(doc) for doc in docs if len(doc)):
            raise RelxError(self.unmarked, name=self.name)

    def set_sizes(self) -> None:
        self.model.set_dim("nO", len(self.labels), force=True)
        self.model.attrs["label_names"] = list(self.labels)  # for models that know of relations by their names
        self.model.set_dim("n_markers", self.cfg["n_markers"], force=True)

    def check_cover(
        self,
        marker: Callable[[Doc], Doc],
        examples: Iterable[Example],
        gold: Callable[[Doc], Iterable[Any]],
        what: str,
    ) -> None:
        """Gold relations or facts that no candidate pair covers cannot be learned: say so before hours of training.

        Only where the Docs come with mentions; others get theirs from components that are trained, too. gold: what is
        annotated in a Doc. what: its name. WARNS: RX058.
        """
        n_gold = covered = 0
        for eg in islice(examples, N_COVER_DOCS):
            predicted = marker(eg.predicted.copy())
            if get_candidates(predicted).n_mentions:
                n_gold += sum(each.label in self.labels for each in gold(eg.reference))
                covered += int(self.targets([Example(predicted, eg.reference)]).sum())
        if n_gold and covered < MIN_COVER * n_gold:
            warn("RX058", covered=covered, gold=n_gold, what=what, name=self.name)

    def check_settings(self) -> None:
        """WARNS: RX057 for thresholds of relations that are not known."""
        unknown = sorted(set(self.label_thresholds) - set(self.labels))
        if unknown:
            warn("RX057", names=", ".join(unknown), name=self.name, known=", ".join(self.labels))

    @staticmethod
    def check_probabilities(settings: Mapping[str, float | None]) -> None:
        """RAISES: RelxError RX021 for a value that is not in [0, 1]; None passes."""
        for name, value in settings.items():
            if value is not None and not 0 <= value <= 1:
                raise RelxError("RX021", name=name, value=value, need="a probability, in [0, 1]")

    def check_built(self) -> None:
        """RAISES: RelxError RX050 for a model that was never initialised."""
        if not self._shim.is_built:
            raise RelxError("RX050")

    def taken(self, scores: np.ndarray, *, multi_label: bool) -> np.ndarray:
        """The labels that pass their threshold; of each pair only the best of them, unless it may have several.

        scores: float32 (n_pairs, n_labels + 1), column 0 is no-relation. RETURNS: bool (n_pairs, n_labels).
        """
        labels = scores[:, 1:]
        bars = np.empty_like(labels)
        bars[:] = scores[:, :1] if self.threshold is None else self.threshold
        for label, value in self.label_thresholds.items():
            if label in self.labels:
                bars[:, self.labels.index(label)] = value
        taken = labels > bars
        if not multi_label:
            best = np.where(taken, labels, -1.0).argmax(axis=1)
            taken &= np.arange(labels.shape[1]) == best[:, None]
        return taken

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Apply and save this calibration; None for none."""
        self.calibration = calibration
        if calibration is None:
            self.cfg.pop("calibration", None)
        else:
            self.cfg["calibration"] = calibration.to_dict()

    @property
    def settings(self) -> dict[str, Any]:
        """The component's own thresholds."""
        return {"threshold": self.threshold, "label_thresholds": dict(self.label_thresholds)}

    def decide(
        self, scores: np.ndarray, *, multi_label: bool, langs: Sequence[str], sizes: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is predicted: rows, columns (both int64) and scores (float64) of labels that pass their threshold.

        scores: as for `taken`, of one Doc after the other. langs, sizes: language and number of pairs of each Doc.
        With a calibration its scores count and its thresholds, unless the component's own have been changed since it
        was fitted: then those. Of a pair that may have one label only the best by the model's own score is considered.
        """
        calibration = self.calibration
        if calibration is None:
            rows, columns = self.taken(scores, multi_label=multi_label).nonzero()
            return rows, columns, scores[rows, columns + 1].astype("float64")
        rows, columns = items_of(scores[:, 1:], multi_label=multi_label)
        raw = scores[rows, columns + 1]
        per_doc = np.diff(np.searchsorted(rows, np.cumsum([0, *sizes]))).tolist()
        fits = calibration.rows(self.labels, columns, langs, per_doc)
        values = calibration.apply(raw, fits)
        if calibration.is_for(self.settings):
            taken = values > calibration.thresholds(fits)
        else:
            bars = np.array([self.label_thresholds.get(label, np.nan) for label in self.labels])[columns]
            rest = raw > scores[rows, 0] if self.threshold is None else values > self.threshold
            taken = np.where(np.isnan(bars), rest, values > bars)
        return rows[taken], columns[taken], values[taken]

    def hand_out(
        self, doc: Doc, mentions: Sequence[Mention], pairs: np.ndarray, scores: np.ndarray, *, multi_label: bool
    ) -> None:
        """Give all scores of a Doc to who asked for them (`on_scores`). scores: as for `taken`."""
        if self.on_scores is not None:
            found = PairScores(
                mentions, pairs, self.labels, scores[:, 1:], multi_label, get_lang(doc), self.calibration
            )
            self.on_scores(doc, found)

    def check_scores(self, docs: Sequence[Doc], scores: Iterable[np.ndarray]) -> None:
        """RAISES: RelxError RX595 for a Doc with scores that are not finite: they say nothing, and would be taken for
        a prediction, or for none."""
        for doc, part in zip(docs, scores):
            if not np.isfinite(part).all():
                raise RelxError("RX595", name=self.name, text=doc.text[:60])

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """float32, 1 where a gold label holds: a row for each thing that is classified, a column for each label."""
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

        RAISES: RelxError `unmarked` when no marker ran on the Docs, RX056 for a loss that is not finite, and what
        `targets` raises.
        """
        examples = list(examples)
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, f"{type(self).__name__}.update")
        docs = [eg.predicted for eg in examples]  # empty ones too: a listener wants the batch that its source had
        if not any(len(doc) for doc in docs):
            return losses
        self.check_marked(docs)
        targets = self.targets(examples)
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

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        getters: dict[str, Callable[[], Any]] = {
            "cfg": lambda: srsly.json_dumps(self.cfg).encode("utf8"),
            "model": self._model_bytes,
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
            "model": lambda p: p.write_bytes(self._model_bytes()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
        }
        save_folder(self, path, writers, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> Self:
        """Load. RAISES: RelxError RX591 for files that are not as they were saved, RX592 for what cannot be read, RX051
        when the weights do not fit the configured model, RX593 when the labels are not theirs, RX594 when they are not
        finite."""
        self._load(Saved(self, path, exclude))
        return self

    def _model_bytes(self) -> bytes:
        self.model.attrs[_DIGEST] = labels_digest(self.label_data)
        return self.model.to_bytes()

    def _load(self, saved: Saved) -> None:
        exclude = saved.exclude
        saved.read("cfg", self._restore)
        self.model.attrs.pop(_DIGEST, None)
        saved.read("model", self.model.from_bytes)
        saved.read_folder(
            "vocab",
            lambda p: self.vocab.from_disk(p, exclude=exclude),
            lambda b: self.vocab.from_bytes(b, exclude=exclude),
        )
        if saved.has("model"):
            check_finite(self.name, self.model)
            if saved.has("cfg") and self.model.attrs.get(_DIGEST) != labels_digest(self.label_data):
                raise RelxError("RX593", file=saved.place("cfg"), name=self.name)

    def _restore(self, data: bytes) -> None:
        """Build the module from saved labels and sizes, so that weights have somewhere to go."""
        cfg = read_cfg(data, lists=("labels",))
        sizes = {name: cfg[name] for name in ("width", "n_markers")}
        if not all(size is None or (type(size) is int and size >= 0) for size in sizes.values()):
            raise ValueError(f"its sizes are {sizes}")
        self.cfg = cfg
        saved = cfg.get("calibration")
        self.calibration = None if saved is None else Calibration.from_dict(saved)
        self.check_settings()
        if cfg["width"] is None or self._shim.is_built:
            return
        self.set_sizes()
        self.model.attrs["build_network"](self.model, cfg["width"])
