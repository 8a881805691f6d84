"""`fact_extractor`: candidate pairs -> facts, one for each pair of entities, from all sentences that mention both."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, cast

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config

from ..core.component.cover import Cover
from ..core.component.order import components_before
from ..core.component.score_weights import weigh_scores
from ..core.component.seen import SeenPairs
from ..core.component.trained import TrainedPipe, extras_of
from ..core.task import AnyModel, layer_of
from ..data.extensions import get_candidates, get_facts, get_sentence_langs
from ..data.facts import Evidence, Fact, FactScores
from ..data.found import add_fact_scores, add_facts
from ..data.grouping import Entities, entity_ids, group_pairs
from ..data.loading import require_extras
from ..data.thresholds import LabelThresholds, check_keys
from ..data.types import NO_RELATION
from ..errors import RelxError, warn

if TYPE_CHECKING:
    from .layer import BagLayer, DocFacts

DEFAULT_MODEL_CONFIG = """
[model]
@architectures = "spacy_relx.BagModel.v1"

[model.words]
@architectures = "spacy_relx.WordTable.v1"

[model.encoder]
@architectures = "spacy_relx.PCNN.v1"

[model.encoder.positions]
@architectures = "spacy_relx.PositionFeatures.v1"

[model.classifier]
@architectures = "spacy_relx.BagClassifier.v1"

[model.classifier.aggregator]
@architectures = "spacy_relx.SelectiveAttention.v1"
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]


@Language.factory(
    "fact_extractor",
    assigns=["doc._.facts", "doc._.fact_scores"],
    requires=["doc._.candidates"],
    default_config={
        "model": DEFAULT_MODEL,
        "threshold": 0.5,
        "label_thresholds": {},
        "max_evidence": 5,
        "keep_scores": True,
        "overwrite": False,
        "scorer": {"@scorers": "spacy_relx.FactScorer.v1"},
    },
    default_score_weights={"fact_ap": 1.0, "fact_auc": None, "fact_max_f": None, "fact_micro_f": None},
)
def make_fact_extractor(
    nlp: Language,
    name: str,
    model: AnyModel,
    threshold: float,
    label_thresholds: LabelThresholds,
    max_evidence: int,
    keep_scores: bool,
    overwrite: bool,
    scorer: Callable[..., Any] | None,
) -> FactExtractor:
    """Make the component that says what the sentences about a pair of entities state together.

    model: `spacy_relx.BagModel.v1`. threshold: a relation becomes a fact when its score is greater. label_thresholds:
    thresholds of single relations, before the common one. max_evidence: sentences kept with each fact, those that
    counted most. keep_scores: set `doc._.fact_scores`, all relations of all pairs, too; precision-recall curves need
    them. overwrite: whether to replace the facts that others have put on a Doc; else they stay, and equal ones become
    one (`found.add_facts`). scorer: as for any component.
    RAISES: RelxError RX021, RX562 for thresholds of another form.
    """
    check_keys(name, label_thresholds)
    return FactExtractor(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        label_thresholds=label_thresholds,
        max_evidence=max_evidence,
        keep_scores=keep_scores,
        overwrite=overwrite,
        scorer=scorer,
    )


class FactExtractor(TrainedPipe):
    """Adds facts to `doc._.facts`, from `doc._.candidates`: of a bag Doc, and of any Doc whose mentions are linked.
    What it found in an earlier run is replaced.

    Needs an `entity_type_marker` before it in the pipeline (with the generator `spacy_relx.BagPairs.v1`).
    Thresholds are settings and not part of the saved weights.
    """

    what = "facts"

    def __init__(
        self,
        vocab: Vocab,
        model: AnyModel,
        name: str = "fact_extractor",
        *,
        threshold: float = 0.5,
        label_thresholds: LabelThresholds | None = None,
        max_evidence: int = 5,
        keep_scores: bool = True,
        overwrite: bool = False,
        scorer: Callable[..., Any] | None = None,
    ):
        super().__init__(vocab, model, name, threshold=threshold, label_thresholds=label_thresholds, scorer=scorer)
        if max_evidence < 0:
            raise RelxError("RX021", name="max_evidence", value=max_evidence, need="0 or more")
        self.max_evidence = max_evidence
        self.keep_scores = keep_scores
        self.overwrite = overwrite
        self._linked_told = False

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Collect the relations, unless given, and the words of all training Docs, and build the model.

        RAISES: RelxError RX053 without relations, RX054 without a marker component.
        WARNS: RX058 where few gold facts have a candidate pair, RX069 where no training sentence is in one of the
        model's languages.
        """
        validate_get_examples(get_examples, "FactExtractor.initialize")
        seen = SeenPairs()
        examples = seen.noting(get_examples())
        self.begin_initialize(labels, lambda: (f.label for eg in examples for f in get_facts(eg.reference)))
        self.keep_seen(seen, get_examples)
        marker = self.read_markers(nlp)
        self.set_task(int(getattr(marker, "n_markers", 1)))
        langs: set[str] = set()
        docs = _noting_langs(weigh_scores(nlp, (eg.x for eg in get_examples()), "fact_"), langs)
        self.model.initialize(X=(docs, None))
        require_extras(nlp, extras_of(self.model))
        self.check_settings()
        self.check_cover(marker, get_examples(), nlp)
        if self._layer.langs:
            deque(docs, maxlen=0)  # a model that collects no words has not read them
            self._check_langs(langs, nlp)

    def _check_langs(self, found: set[str], nlp: Language | None) -> None:
        """Encoders of languages that training does not have would answer at random: say so before hours of training.

        Not where languages are not known yet, because a component before this one sets them. WARNS: RX069.
        """
        missing = [lang for lang in self._layer.langs if lang not in found]
        if missing and not ("" in found and nlp is not None and self._langs_are_set(nlp)):
            warn("RX069", name=self.name, missing=missing, found=sorted(found))

    def _langs_are_set(self, nlp: Language) -> bool:
        """Whether a component before this one sets languages."""
        before = components_before(nlp, self.name)
        return any("doc._.lang" in nlp.get_pipe_meta(name).assigns for name, _ in before)

    @property
    def _layer(self) -> BagLayer:
        return cast("BagLayer", layer_of(self.model))

    @property
    def entities(self) -> Entities:
        """What entities are known by, as of `spacy_relx.BagModel.v1`."""
        return self._layer.entities

    @property
    def langs(self) -> list[str]:
        """The languages that the model tells apart; none where it reads all."""
        return self._layer.langs

    def predict(self, docs: Iterable[Doc]) -> list[DocFacts]:
        """What the model says of each Doc. RAISES: RelxError RX054 for Docs that no marker has seen, RX050 for a model
        that was never initialised."""
        docs = list(docs)
        self.check_marked(docs)
        self.check_built()
        self.checks.predict(docs)
        self._check_linked(docs)
        return self.model.predict((docs, None))

    def _check_linked(self, docs: Sequence[Doc]) -> None:
        """Facts are about linked entities: a Doc whose mentions are not has none, which is said once. WARNS: RX508."""
        if self._linked_told or self._layer.entities != "linked":
            return
        bare = next((doc for doc in docs if len(get_candidates(doc)) and not any(get_candidates(doc).kb_ids)), None)
        if bare is not None:
            self._linked_told = True
            warn("RX508", name=self.name, text=bare.text[:60])

    def cover(self, example: Example) -> Cover:
        """How many gold facts with known labels the Doc has, and how many of them have a candidate pair."""
        facts = [(fact.head, fact.tail) for fact in get_facts(example.reference) if fact.label in self.labels]
        doc = example.predicted
        candidates = get_candidates(doc)
        if not facts or not candidates.n_mentions:
            return Cover(len(facts))
        entities = self._layer.entities
        known, keys = {*entity_ids(doc, candidates, entities)}, {*group_pairs(doc, candidates, entities).keys}
        found = [fact for fact in facts if fact[0] in known and fact[1] in known]
        return Cover(len(facts), len(found), sum(fact in keys for fact in found))

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[DocFacts]) -> None:
        """Set the facts and their scores. RAISES: RelxError RX595 for scores that are not finite."""
        docs = list(docs)
        self.check_scores(docs, [found.scores for found in scores])
        for doc, found in zip(docs, scores):
            add_facts(doc, self.name, self._facts(doc, found), overwrite=self.overwrite)
            kept = FactScores(found.keys, self.labels, found.scores[:, 1:]) if self.keep_scores else None
            add_fact_scores(doc, self.name, kept, overwrite=self.overwrite)

    def _facts(self, doc: Doc, found: DocFacts) -> Iterator[Fact]:
        """The facts over their thresholds, bag by bag."""
        bars = self.thresholds.of_pairs(self.labels, (), ()).astype("float32")
        bags, columns = (found.scores[:, 1:] > bars).nonzero()
        starts = np.cumsum(found.sizes) - found.sizes
        for bag, column in zip(bags.tolist(), columns.tolist()):
            rows = np.arange(starts[bag], starts[bag] + found.sizes[bag])
            evidence = tuple(self._evidence(doc, found, rows, column + 1))
            head, tail = found.keys[bag]
            yield Fact(head, self.labels[column], tail, float(found.scores[bag, column + 1]), evidence)

    def _evidence(self, doc: Doc, found: DocFacts, rows: np.ndarray, query: int) -> Iterator[Evidence]:
        """The instances that counted most, first ones first among equals."""
        weights = found.weights[rows, query]
        candidates = get_candidates(doc)
        for i in np.argsort(-weights, kind="stable")[: self.max_evidence].tolist():
            start, end = found.windows[rows[i]].tolist()
            pair = candidates[int(found.rows[rows[i]])]
            yield Evidence(start, end, pair.head, pair.tail, float(weights[i]))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The scorer's values; of a model with an adversary also `fact_lang_accuracy`, the share of sentences whose
        language its discriminator names. Near the share of the most frequent language it no longer can; whether a
        classifier that was trained afresh could, is another question (docs/multilingual-bags.md).
        """
        examples = list(examples)
        scores = super().score(examples, **kwargs)
        right, n = self.languages_told([eg.predicted for eg in examples])
        return {**scores, "fact_lang_accuracy": right / n} if n else scores

    def reads(self, lang: str) -> bool:
        """Whether the model can read sentences in a language, or in the one that it is a variant of."""
        return self._layer.reads(lang)

    def languages_told(self, docs: Sequence[Doc]) -> tuple[int, int]:
        """Of how many sentences of the Docs' instances the model's discriminator names the language, and how many there
        are; zeros for a model without an adversary."""
        return self._layer.languages_told(docs)

    def get_loss(self, examples: Iterable[Example], scores: Sequence[DocFacts]) -> tuple[float, list[np.ndarray]]:
        """Mean binary cross-entropy of the relations under `predict`'s scores, and its gradient to the scores.

        `update` does not use it: it has the classifier's own loss.
        """
        examples = list(examples)
        targets = self.targets(examples)
        flat = np.concatenate([np.zeros((0, 1 + len(self.labels)), "float32"), *(each.scores for each in scores)])
        if not len(flat):
            return 0.0, [np.zeros_like(each.scores) for each in scores]
        held = np.clip(np.where(targets > 0, flat[:, 1:], 1 - flat[:, 1:]), 1e-8, None)
        gradient = np.pad(np.where(targets > 0, -1.0, 1.0) / held / len(flat), ((0, 0), (1, 0))).astype("float32")
        parts = np.split(gradient, np.cumsum([len(each.scores) for each in scores])[:-1])
        return float(-np.log(held).sum(axis=1).mean()), parts

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """float32 (n_bags, n_labels), 1 where the gold fact holds, for the bags of all Examples in a row.

        RAISES: RelxError RX055.
        """
        columns = {label: i for i, label in enumerate(self.labels)}
        parts = [np.zeros((0, len(columns)), "float32")]
        for eg in examples:
            keys = group_pairs(eg.predicted, get_candidates(eg.predicted), self._layer.entities).keys
            rows = {key: i for i, key in enumerate(keys)}
            target = np.zeros((len(keys), len(columns)), dtype="float32")
            for fact in get_facts(eg.reference):
                if fact.label == NO_RELATION:
                    continue
                if fact.label not in columns:
                    text = eg.reference.text[:60]
                    raise RelxError("RX055", kind="relation", value=fact.label, name=self.name, text=text)
                if (fact.head, fact.tail) in rows:
                    target[rows[fact.head, fact.tail], columns[fact.label]] = 1.0
            parts.append(target)
        return np.concatenate(parts)


def _noting_langs(docs: Iterable[Doc], langs: set[str]) -> Iterator[Doc]:
    """The same Docs; `langs` takes the languages of their sentences, "" for unknown."""
    for doc in docs:
        langs.update(lang for _, _, lang in get_sentence_langs(doc))
        yield doc
