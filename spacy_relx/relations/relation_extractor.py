"""`relation_extractor`: candidate pairs -> relations. The model is composed in the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Callable

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Config

from ..core.component.cover import Cover
from ..core.component.score_weights import weigh_scores
from ..core.component.seen import SeenPairs
from ..core.component.trained import TrainedPipe, extras_of
from ..core.task import AnyModel, layer_of
from ..data.extensions import count_candidates, get_candidates, get_lang, get_relations
from ..data.found import add_relations
from ..data.loading import require_extras
from ..data.thresholds import LabelThresholds, LangThresholds, check_keys
from ..data.types import Candidates, Relation
from ..errors import warn
from .schema import TypeMask, check_types
from .targets import pair_cover, pair_targets

DEFAULT_MODEL_CONFIG = """
[model]
@architectures = "spacy_relx.RelationModel.v1"

[model.encoder]
@architectures = "spacy_relx.WithEntityTypes.v1"

[model.encoder.encoder]
@architectures = "spacy_relx.HashBiGRU.v1"

[model.pairs]
@architectures = "spacy_relx.PairFeatures.v1"

[model.classifier]
@architectures = "spacy_relx.SoftmaxClassifier.v1"
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
#: Docs that show the model its sizes at initialisation.
N_SAMPLE_DOCS = 10
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
        "lang_thresholds": [],
        "types": [],
        "overwrite": False,
        "scorer": {"@scorers": "spacy_relx.RelationScorer.v1"},
    },
    default_score_weights={"rel_micro_f": 1.0, "rel_micro_p": None, "rel_micro_r": None, "rel_macro_f": None},
)
def make_relation_extractor(
    nlp: Language,
    name: str,
    model: AnyModel,
    threshold: float | None,
    label_thresholds: LabelThresholds,
    lang_thresholds: LangThresholds,
    types: list[list[str]],
    overwrite: bool,
    scorer: Callable[..., Any] | None,
) -> RelationExtractor:
    """Make the component that classifies candidate pairs.

    model: `spacy_relx.RelationModel.v1`. threshold: a label is predicted when its score is greater; None: when it
    beats no-relation (with a softmax the pair's most probable outcome, with a multi-label classifier over .5).
    label_thresholds: thresholds of single labels, before the common one; a table, or pairs of a label and a threshold.
    lang_thresholds: [language, label or None for the others, threshold], by the language of the Doc. types: allowed
    [head type, label, tail type], types as training calls them and "*" for any; a label that is not named may have all.
    What is not allowed is not considered, so that the best of the other labels is predicted where it passes. overwrite:
    whether to replace the relations that others have put on a Doc; else they stay, and of equal ones the better score
    holds (`found.add_relations`). scorer: as for any component.
    RAISES: RelxError RX021 (thresholds, types), RX562 (thresholds).
    """
    check_keys(name, label_thresholds)
    return RelationExtractor(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        label_thresholds=label_thresholds,
        lang_thresholds=lang_thresholds,
        types=types,
        overwrite=overwrite,
        scorer=scorer,
    )


class RelationExtractor(TrainedPipe):
    """Adds relations between `doc._.candidates` to `doc._.relations`. What it found in an earlier run is replaced.

    Needs an `entity_type_marker` before it in the pipeline, to which it speaks only through the Doc. Thresholds are
    settings and not part of the saved weights, so they can be overridden when a pipeline is loaded.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: AnyModel,
        name: str = "relation_extractor",
        *,
        threshold: float | None = None,
        label_thresholds: LabelThresholds | None = None,
        lang_thresholds: LangThresholds | None = None,
        types: Sequence[Sequence[str]] = (),
        overwrite: bool = False,
        scorer: Callable[..., Any] | None = None,
    ):
        """RAISES: RelxError RX021 for thresholds that are no probabilities, and for settings of another
        form."""
        self._mask = TypeMask(name, types)
        self.overwrite = overwrite
        super().__init__(
            vocab,
            model,
            name,
            threshold=threshold,
            label_thresholds=label_thresholds,
            lang_thresholds=lang_thresholds,
            scorer=scorer,
        )

    @property
    def types(self) -> Sequence[Sequence[str]]:
        """Allowed [head type, label, tail type]. RAISES, when set: RelxError RX021 for another form."""
        return self._mask.types

    @types.setter
    def types(self, types: Sequence[Sequence[str]]) -> None:
        self._mask = TypeMask(self.name, types)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
        start_from: str | None = None,
        train: list[str] | None = None,
    ) -> None:
        """Collect the labels, unless given, and build the model.

        The marker vocabulary's size is asked of the component before this one that sets `doc._.candidates`.
        start_from, train: as for `JointExtractor.initialize`; entity types must be those of the pipeline to start from.
        RAISES: RelxError RX053 without labels, RX054 without a marker component; RX260, RX261, RX262 for what cannot be
        started from or trained. WARNS: RX275, RX276 as there.
        """
        validate_get_examples(get_examples, "RelationExtractor.initialize")
        source = self.load_source(start_from)
        seen = SeenPairs()
        examples = seen.noting(get_examples())
        self.begin_initialize(labels, lambda: (r.label for eg in examples for r in get_relations(eg.reference)), source)
        self.keep_seen(seen, get_examples)
        langs = self.find_langs(nlp, get_examples, source)
        marker = self.read_markers(nlp)
        docs: Any = weigh_scores(nlp, (eg.x for eg in get_examples()), "rel_")
        if not layer_of(self.model).needs_all_docs:  # a model that collects words reads all of them, once
            docs = list(islice(docs, N_SAMPLE_DOCS))
        self.set_task(int(getattr(marker, "n_markers", 1)), langs)
        self.model.initialize(X=(docs, None))
        require_extras(nlp, extras_of(self.model))
        self.finish_initialize(source, start_from, train, langs.unseen)
        self.check_settings()
        self.check_cover(marker, get_examples(), nlp)

    def check_settings(self) -> None:
        """WARNS: RX057 for thresholds or types of relations that are not known; RX513 for entity types that
        are not."""
        super().check_settings()
        unknown = sorted({label for _, label, _ in self.types} - set(self.labels))
        if unknown:
            warn("RX057", setting="types", names=", ".join(unknown), name=self.name, known=", ".join(self.labels))
        check_types(self.name, self.types, self.entity_types)

    def predict(self, docs: Iterable[Doc]) -> list[np.ndarray]:
        """RETURNS: for each Doc float32 (n_pairs, n_labels + 1), column 0 is no-relation.

        RAISES: RelxError RX054 for Docs that no marker has seen, RX050 for a model that was never initialised.
        """
        docs = list(docs)
        self.check_marked(docs)
        self.check_built()
        self.checks.predict(docs)
        return self.model.predict((docs, None))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream, `batch_size` Docs at a time, or fewer where they have very many pairs: scores of at most
        about `PIPE_PAIRS` pairs, or of one Doc, are held at once."""
        for batch in minibatch(stream, batch_size):
            group: list[Doc] = []
            pairs = 0
            for doc in batch:
                size = count_candidates(doc)
                if group and pairs + size > PIPE_PAIRS:
                    yield from super().pipe(group, batch_size=len(group))
                    group, pairs = [], 0
                group.append(doc)
                pairs += size
            yield from super().pipe(group, batch_size=max(1, len(group)))

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[np.ndarray]) -> None:
        """Set the relations. RAISES: RelxError RX595 for scores that are not finite."""
        docs = list(docs)
        self.check_scores(docs, scores)
        candidates = [get_candidates(doc) for doc in docs]
        if self.types:
            scores = [self._allowed_scores(pairs, part) for pairs, part in zip(candidates, scores)]
        decoded = self.decode(candidates, scores, [get_lang(doc) for doc in docs])
        for doc, pairs, part, relations in zip(docs, candidates, scores, decoded):
            add_relations(doc, self.name, relations, overwrite=self.overwrite)
            if self.on_scores is not None:
                self.hand_out(doc, pairs.mentions, pairs.pairs, part, multi_label=self._multi_label)

    def _allowed_scores(self, candidates: Candidates, scores: np.ndarray) -> np.ndarray:
        """Scores with 0, which passes no threshold, for labels that may not join mentions of such types."""
        scores = scores.copy()
        scores[:, 1:] *= self._mask(candidates, self.labels)
        return scores

    @property
    def _multi_label(self) -> bool:
        return layer_of(self.model).network.classifier.multi_label

    def decode(
        self, candidates: Sequence[Candidates], scores: Sequence[np.ndarray], langs: Sequence[str] | None = None
    ) -> list[list[Relation]]:
        """The relations that scores stand for.

        candidates: of each Doc. scores: of each Doc, float32 (n_pairs, n_labels + 1), column 0 is no-relation. langs:
        language of each Doc, for a calibration by language; None: they are not known.
        RETURNS: for each Doc its relations, in the order of the pairs.
        """
        relations: list[list[Relation]] = [[] for _ in candidates]
        flat = np.concatenate(list(scores)) if len(scores) else np.zeros((0, len(self.labels) + 1), "float32")
        sizes = [len(part) for part in scores]
        langs = [""] * len(sizes) if langs is None else langs
        pairs, columns, values = self.decide(flat, multi_label=self._multi_label, langs=langs, sizes=sizes)
        if not len(pairs):
            return relations
        starts = np.cumsum([0, *sizes])
        owners = np.searchsorted(starts, pairs, side="right") - 1
        places = (owners, pairs - starts[owners], columns, values)
        for i, pair, column, score in zip(*(each.tolist() for each in places)):
            candidate = candidates[i][pair]
            relations[i].append(Relation(candidate.head, self.labels[column], candidate.tail, score))
        return relations

    def get_loss(self, examples: Iterable[Example], scores: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        """Mean negative log-likelihood of the gold labels under `predict`'s scores, and its gradient to the scores.

        With a multi-label classifier that is the sum over labels of each one's own. `update` does not use it: it has
        the classifier's own loss, weights and sampling included.
        """
        targets = self.targets(list(examples))
        flat = np.concatenate(list(scores)) if len(scores) else np.zeros((0, len(self.labels) + 1), "float32")
        if not len(flat):
            return 0.0, [np.zeros_like(part) for part in scores]
        holds, unknown = np.greater(targets, 0), np.less(targets, 0)
        told: np.ndarray = (~unknown).any(axis=1)
        n = max(int(told.sum()), 1)
        if self._multi_label:
            held = np.where(unknown, 1.0, np.clip(np.where(holds, flat[:, 1:], 1 - flat[:, 1:]), 1e-8, None))
            likelihood = held.prod(axis=1)
            sign = np.where(unknown, 0.0, np.where(holds, -1.0, 1.0))
            gradient = np.pad(sign / held / n, ((0, 0), (1, 0)))
        else:
            negative = ~holds.any(axis=1, keepdims=True)
            gold = np.concatenate([negative, holds | (unknown & negative)], axis=1)
            likelihood = np.clip((flat * gold).sum(axis=1), 1e-8, None)
            gradient = -(gold * told[:, None] / likelihood[:, None]) / n
        parts = np.split(gradient.astype("float32"), np.cumsum([len(part) for part in scores])[:-1])
        return float(-np.log(likelihood[told]).sum() / n), parts

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """float32 (n_pairs, n_labels), as of `pair_targets`, for all candidate pairs in a row.

        Mentions are matched by their characters, so the two Docs may be tokenized differently.
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        parts = [pair_targets(eg, columns, self.name) for eg in examples]
        return np.concatenate(parts) if parts else np.zeros((0, len(columns)), "float32")

    def cover(self, example: Example) -> Cover:
        """How many gold relations with known labels the Doc has, and how many of them have a candidate pair."""
        return pair_cover(example, set(self.labels))
