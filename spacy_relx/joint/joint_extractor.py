"""`joint_extractor`: raw text -> mentions and relations, in one model that needs no other component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, cast

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config

from ..core.component.cover import MIN_COVER, N_COVER_DOCS
from ..core.component.saving import Saved, read_cfg
from ..core.component.score_weights import weigh_scores
from ..core.component.seen import SeenPairs
from ..core.component.trained import TrainedPipe, extras_of
from ..core.task import AnyModel, Task, layer_of
from ..data.extensions import get_annotated, get_lang, get_relations, get_sentence_langs, primary_code
from ..data.found import add_mentions, add_relations
from ..data.gold import lacks_type
from ..data.loading import require_extras
from ..data.text_forms import normal_forms
from ..data.thresholds import LabelThresholds, LangThresholds, check_keys
from ..data.types import MENTIONS_KEY, NO_RELATION, UNTYPED, Mention, Relation
from ..errors import RelxError, warn
from .targets import GoldMentions, Reach, joint_gold

if TYPE_CHECKING:
    from .layer import DocFound, JointGold, JointLayer

DEFAULT_MODEL_CONFIG = """
[model]
@architectures = "spacy_relx.JointModel.v1"

[model.encoder]
@architectures = "spacy_relx.HashBiGRU.v1"

[model.finder]
@architectures = "spacy_relx.AllTriples.v1"

[model.finder.pairs]
@architectures = "spacy_relx.PairFeatures.v1"

[model.finder.classifier]
@architectures = "spacy_relx.SoftmaxClassifier.v1"
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
#: Docs that show the model its sizes at initialisation.
N_SAMPLE_DOCS = 10


@Language.factory(
    "joint_extractor",
    assigns=["doc._.relations", "doc.ents", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "threshold": None,
        "label_thresholds": {},
        "lang_thresholds": [],
        "spans_key": MENTIONS_KEY,
        "annotate_ents": True,
        "overwrite": False,
        "mask_labels": False,
        "scorer": {"@scorers": "spacy_relx.JointScorer.v1"},
    },
    default_score_weights={"rel_micro_f": 1.0, "rel_micro_p": None, "rel_micro_r": None, "mention_micro_f": None},
)
def make_joint_extractor(
    nlp: Language,
    name: str,
    model: AnyModel,
    threshold: float | None,
    label_thresholds: LabelThresholds,
    lang_thresholds: LangThresholds,
    spans_key: str | None,
    annotate_ents: bool,
    overwrite: bool,
    mask_labels: bool,
    scorer: Callable[..., Any] | None,
) -> JointExtractor:
    """Make the component that finds mentions and relations: see `JointExtractor`. RAISES: RelxError RX562."""
    check_keys(name, label_thresholds)
    return JointExtractor(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        label_thresholds=label_thresholds,
        lang_thresholds=lang_thresholds,
        spans_key=spans_key,
        annotate_ents=annotate_ents,
        overwrite=overwrite,
        mask_labels=mask_labels,
        scorer=scorer,
    )


class JointExtractor(TrainedPipe):
    """Adds to `doc._.relations`, `doc.spans[spans_key]` and `doc.ents` what it finds in the text.

    model: `spacy_relx.JointModel.v1`. threshold: a triple is predicted when its score, the probability that both
    mentions and the relation are right, is greater; None: when it beats no-relation. label_thresholds: of single
    labels, before the common one; lang_thresholds: [language, label or None for the others, threshold]. spans_key:
    group of all mentions found; None for none. annotate_ents: also add to
    `doc.ents` those that overlap no entity there and not each other, the surest first. overwrite: whether to replace
    the mentions of that group, the entities and the relations that others have put on a Doc; else they stay. What this
    component found in an earlier run is replaced in any case. mask_labels: in a language that training showed, predict
    only relations that it showed in that language. scorer: as for any component.

    Thresholds are settings and not part of the saved weights, so they can be overridden when a pipeline is loaded.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: AnyModel,
        name: str = "joint_extractor",
        *,
        threshold: float | None = None,
        label_thresholds: LabelThresholds | None = None,
        lang_thresholds: LangThresholds | None = None,
        spans_key: str | None = MENTIONS_KEY,
        annotate_ents: bool = True,
        overwrite: bool = False,
        mask_labels: bool = False,
        scorer: Callable[..., Any] | None = None,
    ):
        super().__init__(
            vocab,
            model,
            name,
            threshold=threshold,
            label_thresholds=label_thresholds,
            lang_thresholds=lang_thresholds,
            scorer=scorer,
        )
        self.spans_key = spans_key
        self.annotate_ents = annotate_ents
        self.overwrite = overwrite
        self.mask_labels = mask_labels
        self.cfg.update(types=[], lang_labels={})

    @property
    def types(self) -> tuple[str, ...]:
        """Entity types that it can find."""
        return tuple(self.cfg["types"])

    @property
    def label_data(self) -> dict[str, Any]:  # type: ignore[override]
        """Relations, entity types, and the relations of each language."""
        return {name: self.cfg[name] for name in ("labels", "types", "lang_labels")}

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Any] | None = None,
        start_from: str | None = None,
        train: list[str] | None = None,
    ) -> None:
        """Collect relations, entity types and languages, unless given, and build the model.

        labels: as `label_data` gives them; what is missing there is collected. start_from: a saved pipeline, whose
        component of this name gives its labels, languages and, layer by layer, its weights as far as they fit; what is
        new stays as drawn. train: patterns like "language_encoder.switcher.*"; only parameters of such names move in
        training. null: all.
        RAISES: RelxError RX053 without relations, RX260, RX261, RX262 for what cannot be started from or trained, RX021
        for labels of another form, and for labels of languages that are no labels.
        WARNS: RX265 where much of the gold data is out of reach, RX275 where what is held still is not the source's,
        RX276 where languages without training data have routes.
        """
        validate_get_examples(get_examples, "JointExtractor.initialize")
        source = self.load_source(start_from)
        labels = self._label_data(labels, get_examples)
        found = labels["labels"]
        self.begin_initialize(found, lambda: found, source)
        kept = source.cfg if source is not None else {"types": [], "lang_labels": {}}
        self.cfg["types"] = list(dict.fromkeys([*kept["types"], *labels["types"]])) or [UNTYPED]
        self.cfg["lang_labels"] = _merged(kept["lang_labels"], labels["lang_labels"])
        self._check_lang_labels()
        langs = self.find_langs(nlp, get_examples, source)
        self.keep_seen(SeenPairs(), get_examples)
        self.set_task(len(self.types) + 1, langs)
        self._set_masks()
        docs = list(islice(weigh_scores(nlp, (eg.x for eg in get_examples()), "rel_"), N_SAMPLE_DOCS))
        self.model.initialize(X=(docs, None))
        require_extras(nlp, extras_of(self.model))
        self.finish_initialize(source, start_from, train, langs.unseen)
        self.check_settings()
        self._check_reach(islice(get_examples(), N_COVER_DOCS))

    def _label_data(self, given: Any, get_examples: Callable[[], Iterable[Example]]) -> dict[str, Any]:
        """RAISES: RelxError RX021 for labels of another form than `label_data`."""
        given = {} if given is None else given
        lists = {"labels": list, "types": list, "lang_labels": dict}
        if not isinstance(given, dict) or not all(isinstance(given[name], lists.get(name, ())) for name in given):
            need = "{'labels': [...], 'types': [...], 'lang_labels': {language: [...]}}, as of `spacy init labels`"
            raise RelxError("RX021", name="labels", value=given, need=need)
        given = _normalized(given)
        if lists.keys() <= given.keys():
            return given
        found = {**self._collect(get_examples()), **given}
        if "lang_labels" not in given:
            for lang, names in found["lang_labels"].items():
                found["lang_labels"][lang] = [name for name in names if name in found["labels"]]
        return found

    def _collect(self, examples: Iterable[Example]) -> dict[str, Any]:
        found: set[str] = set()
        types: set[str] = set()
        by_lang: dict[str, set[str]] = {}
        for eg in examples:
            doc = eg.reference
            mentions, annotated = GoldMentions(doc, self.spans_key).mentions, get_annotated(doc)
            types.update(mention.label for mention in mentions if not lacks_type(mention, annotated))
            relations = [relation for relation in get_relations(doc) if relation.label != NO_RELATION]
            found |= {relation.label for relation in relations}
            for start, end, lang in get_sentence_langs(doc):
                if lang:
                    names = {relation.label for relation in relations if start <= relation.head.start < end}
                    by_lang.setdefault(primary_code(lang), set()).update(names)
        langs = {lang: sorted(names) for lang, names in sorted(by_lang.items())}
        return {"labels": sorted(found), "types": sorted(types), "lang_labels": langs}

    @property
    def _layer(self) -> JointLayer:
        return cast("JointLayer", layer_of(self.model))

    def is_of_labels(self, task: Task) -> bool:
        return task.labels == self.labels and task.entity_types == self.types

    def _load(self, saved: Saved) -> None:
        super()._load(saved)
        self._set_masks()

    def _restore(self, data: bytes) -> None:
        cfg = read_cfg(data, lists=("labels", "types"))
        langs = cfg["lang_labels"]
        if not isinstance(langs, dict) or not all(isinstance(names, list) for names in langs.values()):
            raise ValueError("'lang_labels' holds no lists of relations")
        unknown = [name for names in langs.values() for name in names if name not in cfg["labels"]]
        if unknown:
            raise ValueError(f"'lang_labels' names {str(unknown[0])[:80]!r}, which is none of the labels")
        super()._restore(data)

    def _set_masks(self) -> None:
        rows = {label: row for row, label in enumerate(self.labels)}
        masks = {lang: [rows[name] for name in names] for lang, names in self.cfg["lang_labels"].items()}
        self._layer.label_masks = masks if self.mask_labels else {}

    def _check_lang_labels(self) -> None:
        """RAISES: RelxError RX021 for relations of languages that are none of the labels."""
        wrong = {name for names in self.cfg["lang_labels"].values() for name in names} - set(self.labels)
        if wrong:
            need = f"relations among the labels ({', '.join(self.labels)})"
            raise RelxError("RX021", name="lang_labels", value=sorted(wrong), need=need)

    # It needs no candidates.

    def check_marked(self, docs: Iterable[Doc]) -> None:
        """Nothing to check."""

    def check_targets(self, examples: Sequence[Example], targets: Any) -> None:
        """Nothing to check."""

    def check_scored(self, examples: Sequence[Example]) -> None:
        """Nothing to check."""

    def check_gold_mentions(self, docs: Iterable[Doc]) -> None:
        """It learns mentions itself."""

    def _check_reach(self, examples: Iterable[Example]) -> None:
        """Gold relations that no prediction can be: say so before hours of training."""
        reach = Reach(self._layer.parts, self._layer.network.max_mention_tokens)
        for eg in examples:
            reach.add(eg.reference)
        if reach.gold and reach.lost > (1 - MIN_COVER) * reach.gold:
            counts = {"lost": reach.lost, "gold": reach.gold, "crossing": reach.crossing, "long": reach.long}
            warn("RX265", name=self.name, limit=reach.max_mention_tokens, **counts)

    def predict(self, docs: Iterable[Doc]) -> list[DocFound]:
        """RAISES: RelxError RX050 for a model that was never initialised."""
        self.check_built()
        return self.model.predict((list(docs), None))

    def set_annotations(self, docs: Iterable[Doc], found: Sequence[DocFound]) -> None:
        """Set mentions and relations. RAISES: RelxError RX595 for scores that are not finite."""
        docs = list(docs)
        self.check_scores(docs, [np.append(part.scores, part.mention_scores) for part in found])
        for doc, part in zip(docs, found):
            self._annotate(doc, part)

    def _annotate(self, doc: Doc, found: DocFound) -> None:
        types = [self.types[row] if row >= 0 else UNTYPED for row in found.types.tolist()]
        mentions = [Mention(start, end, label) for (start, end), label in zip(found.spans.tolist(), types)]
        add_mentions(
            doc,
            self.name,
            mentions,
            found.mention_scores,
            spans_key=self.spans_key,
            annotate_ents=self.annotate_ents,
            overwrite=self.overwrite,
        )
        relations = [
            Relation(mentions[found.pairs[row, 0]], self.labels[column], mentions[found.pairs[row, 1]], score)
            for row, column, score in self._taken(found.scores, get_lang(doc))
        ]
        add_relations(doc, self.name, relations, overwrite=self.overwrite)
        self.hand_out(doc, mentions, found.pairs, found.scores, multi_label=self._layer.network.multi_label)

    def _taken(self, scores: np.ndarray, lang: str) -> Iterator[tuple[int, int, float]]:
        """(row of the pair, row of the label, score) of the triples that pass their threshold."""
        multi_label = self._layer.network.multi_label
        rows, columns, values = self.decide(scores, multi_label=multi_label, langs=[lang], sizes=[len(scores)])
        yield from zip(rows.tolist(), columns.tolist(), values.tolist())

    def get_loss(self, examples: Iterable[Example], found: Sequence[DocFound]) -> tuple[float, None]:
        """Share of the gold triples that `predict`'s output does not hold; training has the model's own loss."""
        gold = hits = 0
        examples = list(examples)
        langs = [get_lang(eg.predicted) for eg in examples]
        for target, part, lang in zip(self.targets(examples), found, langs):
            spans = {tuple(span): row for row, span in enumerate(part.spans.tolist())}
            pairs = {tuple(pair): row for row, pair in enumerate(part.pairs.tolist())}
            taken = {(row, column) for row, column, _ in self._taken(part.scores, lang)}
            for head, column, tail in target.relations[target.relations[:, 1] > 0].tolist():
                ends = [spans.get(tuple(target.spans[each].tolist()), -1) for each in (head, tail)]
                gold += 1
                hits += (pairs.get(tuple(ends), -1), column - 1) in taken
        return (1 - hits / gold if gold else 0.0), None

    def targets(self, examples: Sequence[Example]) -> list[JointGold]:  # type: ignore[override]
        """What is to be found in each Doc. Mentions are matched by their characters, so the two Docs may be tokenized
        differently. RAISES: RelxError RX055 for a relation or a type that is not known."""
        labels = {label: row for row, label in enumerate(self.labels)}
        types = {label: row for row, label in enumerate(self.types)}
        untyped, unrelated = len(types) == 1, self._layer.network.unrelated_pairs
        gold = []
        for eg in examples:
            try:
                gold.append(joint_gold(eg, labels, types, self.spans_key, untyped, unrelated))
            except KeyError as err:
                kind, value = err.args[0]
                text = eg.reference.text[:60]
                raise RelxError("RX055", name=self.name, kind=kind, value=value, text=text) from err
        return gold


def _normalized(given: dict[str, Any]) -> dict[str, Any]:
    """Label data with all names in the form in which they are looked up."""
    found: dict[str, Any] = {name: normal_forms(given[name]) for name in ("labels", "types") if name in given}
    if "lang_labels" in given:
        found["lang_labels"] = {lang: normal_forms(names) for lang, names in given["lang_labels"].items()}
    return found


def _merged(*of_langs: dict[str, list[str]]) -> dict[str, list[str]]:
    """The relations of each language in any of them."""
    langs = sorted({lang for each in of_langs for lang in each})
    return {lang: sorted({name for each in of_langs for name in each.get(lang, ())}) for lang in langs}
