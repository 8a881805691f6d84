"""The names under which our functions stand in spaCy's registries, each with the place of what it names.

Why not entry points: spaCy and srsly walk through all entry points of an environment at each look-up, srsly several
times for each Doc that is read or written, whether or not anything of this package is in use. So entry points
(setup.cfg) are only the names that spaCy needs before it has imported this package: components, readers, the tokenizer,
the language and the command line. spaCy loads the components' whenever it makes a pipeline, this package with them, and
so the names here are known before a config of a component is read. What they name is imported when it is asked for.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

from catalogue import Registry
from spacy.util import registry

ARCHITECTURES = {
    "spacy_relx.RelationModel.v1": "spacy_relx.relations.architecture:build_relation_model",
    "spacy_relx.HashBiGRU.v1": "spacy_relx.relations.encoders:build_hash_bigru",
    "spacy_relx.PairFeatures.v1": "spacy_relx.relations.pair_features_settings:make_pair_features",
    "spacy_relx.JointModel.v1": "spacy_relx.joint.architecture:build_joint_model",
    "spacy_relx.AllTriples.v1": "spacy_relx.joint.architecture:make_all_triples",
    "spacy_relx.OneTriple.v1": "spacy_relx.joint.architecture:make_one_triple",
    "spacy_relx.LanguageEncoder.v1": "spacy_relx.languages.architecture:build_language_encoder",
    "spacy_relx.LanguageAggregator.v1": "spacy_relx.languages.architecture:make_aggregator",
    "spacy_relx.LanguageSwitcher.v1": "spacy_relx.languages.architecture:make_switcher",
    "spacy_relx.MarkedModel.v1": "spacy_relx.marked.architecture:build_marked_model",
    "spacy_relx.Transformer.v1": "spacy_relx.core.transformers.settings:make_transformer",
    "spacy_relx.TokenTransformer.v1": "spacy_relx.core.transformers.settings:build_token_transformer",
    "spacy_relx.EntityStart.v1": "spacy_relx.marked.pooling_settings:make_entity_start",
    "spacy_relx.EntityEnds.v1": "spacy_relx.marked.pooling_settings:make_entity_ends",
    "spacy_relx.EntityMax.v1": "spacy_relx.marked.pooling_settings:make_entity_max",
    "spacy_relx.SentenceStart.v1": "spacy_relx.marked.pooling_settings:make_sentence_start",
    "spacy_relx.ConcatPairs.v1": "spacy_relx.marked.mention_pairs_settings:make_concat_pairs",
    "spacy_relx.MentionPairs.v1": "spacy_relx.marked.mention_pairs_settings:make_mention_pairs",
    "spacy_relx.SoftmaxHead.v1": "spacy_relx.core.head_settings:make_softmax_head",
    "spacy_relx.MultiLabelHead.v1": "spacy_relx.core.head_settings:make_multilabel_head",
    "spacy_relx.BagModel.v1": "spacy_relx.bags.architecture:build_bag_model",
    "spacy_relx.MultilingualBagModel.v1": "spacy_relx.bags.amnre_architecture:build_multilingual_bag_model",
    "spacy_relx.LanguageAdversary.v1": "spacy_relx.bags.amnre_architecture:make_adversary",
    "spacy_relx.BagHead.v1": "spacy_relx.bags.architecture:make_bag_head",
    "spacy_relx.KnowledgeHead.v1": "spacy_relx.knowledge.hrere_architecture:make_knowledge_head",
    "spacy_relx.ComplExKnowledge.v1": "spacy_relx.knowledge.hrere_architecture:make_complex_knowledge",
    "spacy_relx.SelectiveAttention.v1": "spacy_relx.bags.architecture:make_selective_attention",
    "spacy_relx.AverageSentences.v1": "spacy_relx.bags.architecture:make_average",
    "spacy_relx.AtLeastOne.v1": "spacy_relx.bags.architecture:make_at_least_one",
    "spacy_relx.AdversarialTraining.v1": "spacy_relx.bags.architecture:make_perturbation",
    "spacy_relx.WordTable.v1": "spacy_relx.bags.words_settings:make_word_table",
    "spacy_relx.CNN.v1": "spacy_relx.bags.sentence_encoders_settings:make_cnn",
    "spacy_relx.PCNN.v1": "spacy_relx.bags.sentence_encoders_settings:make_pcnn",
    "spacy_relx.BiGRU.v1": "spacy_relx.bags.sentence_encoders_settings:make_bigru",
    "spacy_relx.BiLSTM.v1": "spacy_relx.bags.sentence_encoders_settings:make_bilstm",
    "spacy_relx.PositionFeatures.v1": "spacy_relx.bags.sentence_encoders_settings:make_position_features",
    "spacy_relx.IndicatorFeatures.v1": "spacy_relx.bags.sentence_encoders_settings:make_indicator_features",
    "spacy_relx.InstanceModel.v1": "spacy_relx.bags.instance_architecture:build_instance_model",
    "spacy_relx.MarkedSubwords.v1": "spacy_relx.bags.subwords_settings:make_marked_subwords",
    "spacy_relx.TransformerEncoder.v1": "spacy_relx.bags.subwords_settings:make_transformer_encoder",
}
MISC = {
    "spacy_relx.BagPairs.v1": "spacy_relx.relations.generators:make_bag_pairs",
    "spacy_relx.AllPairs.v1": "spacy_relx.relations.generators:make_all_pairs",
    "spacy_relx.SameSentence.v1": "spacy_relx.relations.generators:make_same_sentence",
    "spacy_relx.WithinTokens.v1": "spacy_relx.relations.generators:make_within_tokens",
    "spacy_relx.TypedPairs.v1": "spacy_relx.relations.generators:make_typed_pairs",
    "spacy_relx.LangidDetector.v1": "spacy_relx.languages.detectors:make_langid_detector",
}
SCORERS = {
    "spacy_relx.RelationScorer.v1": "spacy_relx.evaluation.scorer:make_relation_scorer",
    "spacy_relx.JointScorer.v1": "spacy_relx.evaluation.joint:make_joint_scorer",
    "spacy_relx.FactScorer.v1": "spacy_relx.evaluation.facts:make_fact_scorer",
}
CALLBACKS = {"spacy_relx.CopyTokenizer.v1": "spacy_relx.core.callbacks:make_copy_tokenizer"}
SCHEDULES = {"spacy_relx.WarmupLinear.v1": "spacy_relx.core.schedules:warmup_linear"}
#: Name of a registry of spaCy -> the names that are ours.
REGISTERED: dict[str, Mapping[str, str]] = {
    "architectures": ARCHITECTURES,
    "misc": MISC,
    "scorers": SCORERS,
    "callbacks": CALLBACKS,
    "schedules": SCHEDULES,
}


class LazyRegistry(Registry):
    """A registry that knows more names than those that are registered: their modules are imported on demand."""

    def __init__(self, base: Registry, places: Mapping[str, str]):
        """Extend a registry.

        Args:
            base: The registry; it stays as it is.
            places: Name -> where its value is, as "module:attribute".
        """
        super().__init__(base.namespace, entry_points=True)
        self.base = base
        self.places = places

    def get_entry_point(self, name: str, default: Any = None) -> Any:
        """The value of a name of ours, found without a walk through the entry points; else that of an entry point."""
        place = self.places.get(name)
        return self.base.get_entry_point(name, default) if place is None else pkgutil.resolve_name(place)

    def get_entry_points(self) -> dict[str, Any]:
        """All values by their names; imports every module that holds one."""
        ours = {name: pkgutil.resolve_name(place) for name, place in self.places.items()}
        return {**self.base.get_entry_points(), **ours}


def register() -> None:
    """Let spaCy's registries know our names. Does nothing when they do already."""
    for kind, places in REGISTERED.items():
        known = getattr(registry, kind)
        if not (isinstance(known, LazyRegistry) and known.places is places):
            setattr(registry, kind, LazyRegistry(known, places))
