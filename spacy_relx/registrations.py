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
    "spacy_relx.RelationModel.v1": "spacy_relx.relations.layer:build_relation_model",
    "spacy_relx.HashBiGRU.v1": "spacy_relx.relations.encoders:build_hash_bigru",
    "spacy_relx.WithEntityTypes.v1": "spacy_relx.relations.encoders:build_with_entity_types",
    "spacy_relx.PairFeatures.v1": "spacy_relx.relations.pair_features:PairFeatures.configure",
    "spacy_relx.JointModel.v1": "spacy_relx.joint.layer:build_joint_model",
    "spacy_relx.AllTriples.v1": "spacy_relx.joint.span_triples:AllTriples.configure",
    "spacy_relx.OneTriple.v1": "spacy_relx.joint.pointers:OneTriple.configure",
    "spacy_relx.LanguageEncoder.v1": "spacy_relx.languages.layer:build_language_encoder",
    "spacy_relx.LanguageAggregator.v1": "spacy_relx.languages.aggregator:LanguageAggregator.configure",
    "spacy_relx.LanguageSwitcher.v1": "spacy_relx.languages.switcher:LanguageSwitcher.configure",
    "spacy_relx.MarkedModel.v1": "spacy_relx.marked.layer:build_marked_model",
    "spacy_relx.Transformer.v1": "spacy_relx.core.transformers.loading:TransformerSource.configure",
    "spacy_relx.TokenTransformer.v1": "spacy_relx.core.transformers.token_transformer:build_token_transformer",
    "spacy_relx.EntityStart.v1": "spacy_relx.marked.pooling:EntityStart.configure",
    "spacy_relx.EntityEnds.v1": "spacy_relx.marked.pooling:EntityEnds.configure",
    "spacy_relx.EntityMax.v1": "spacy_relx.marked.pooling:EntityMax.configure",
    "spacy_relx.SentenceStart.v1": "spacy_relx.marked.pooling:SentenceStart.configure",
    "spacy_relx.ConcatPairs.v1": "spacy_relx.marked.mention_pairs:ConcatPairs.configure",
    "spacy_relx.MentionPairs.v1": "spacy_relx.marked.mention_pairs:MentionPairs.configure",
    "spacy_relx.SoftmaxClassifier.v1": "spacy_relx.core.classifiers:SoftmaxClassifier.configure",
    "spacy_relx.MultiLabelClassifier.v1": "spacy_relx.core.classifiers:MultiLabelClassifier.configure",
    "spacy_relx.BagModel.v1": "spacy_relx.bags.layer:build_bag_model",
    "spacy_relx.MultilingualBagModel.v1": "spacy_relx.bags.amnre_layer:build_multilingual_bag_model",
    "spacy_relx.LanguageAdversary.v1": "spacy_relx.bags.language_adversary:Adversary.configure",
    "spacy_relx.BagClassifier.v1": "spacy_relx.bags.bag_classifiers:make_bag_classifier",
    "spacy_relx.KnowledgeClassifier.v1": "spacy_relx.knowledge.hrere:KnowledgeClassifier.configure",
    "spacy_relx.ComplExKnowledge.v1": "spacy_relx.knowledge.hrere_tables:make_complex_knowledge",
    "spacy_relx.SelectiveAttention.v1": "spacy_relx.bags.sentence_weights:SelectiveAttention.configure",
    "spacy_relx.AverageSentences.v1": "spacy_relx.bags.sentence_weights:AverageSentences.configure",
    "spacy_relx.AtLeastOne.v1": "spacy_relx.bags.sentence_weights:AtLeastOne.configure",
    "spacy_relx.AdversarialTraining.v1": "spacy_relx.bags.perturbation:Perturbation.configure",
    "spacy_relx.WordTable.v1": "spacy_relx.bags.words:WordTable.configure",
    "spacy_relx.CNN.v1": "spacy_relx.bags.sentence_encoders:CNN.configure",
    "spacy_relx.PCNN.v1": "spacy_relx.bags.sentence_encoders:PCNN.configure",
    "spacy_relx.BiGRU.v1": "spacy_relx.bags.sentence_encoders:BiGRU.configure",
    "spacy_relx.BiLSTM.v1": "spacy_relx.bags.sentence_encoders:BiLSTM.configure",
    "spacy_relx.PositionFeatures.v1": "spacy_relx.bags.positions:PositionFeatures.configure",
    "spacy_relx.IndicatorFeatures.v1": "spacy_relx.bags.positions:IndicatorFeatures.configure",
    "spacy_relx.InstanceModel.v1": "spacy_relx.bags.instance_layer:build_instance_model",
    "spacy_relx.MarkedSubwords.v1": "spacy_relx.bags.subwords:MarkedSubwords.configure",
    "spacy_relx.TransformerEncoder.v1": "spacy_relx.bags.transformer_instances:TransformerEncoder.configure",
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
AUGMENTERS = {"spacy_relx.Unasserted.v1": "spacy_relx.formats.unasserted:make_unasserted"}
READERS = {"spacy_relx.MixedCorpus.v1": "spacy_relx.formats.mixture:make_mixed_corpus"}
SCHEDULES = {"spacy_relx.WarmupLinear.v1": "spacy_relx.core.schedules:warmup_linear"}
#: Name of a registry of spaCy -> the names that are ours.
REGISTERED: dict[str, Mapping[str, str]] = {
    "architectures": ARCHITECTURES,
    "misc": MISC,
    "scorers": SCORERS,
    "callbacks": CALLBACKS,
    "readers": READERS,
    "augmenters": AUGMENTERS,
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
