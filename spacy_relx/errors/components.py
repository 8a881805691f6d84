"""Components, their candidate pairs, and what they are trained on."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    LabelError,
    Messages,
    MissingPackageError,
    ModelError,
    PipelineError,
    RelxWarning,
    SettingError,
    TrainingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX021": "The setting '{name}' is {value!r}, but must be {need}.",
        "RX261": "The pattern {pattern!r} of parameters to train matches no parameter of '{name}'. Its {n} "
        "parameters: {groups}. Closest matches: {nearest}.",
        "RX262": "A pattern cannot freeze the layer '{layer}' of '{name}' because it is a layer of spaCy. Move it to "
        "a component of its own and list that under [training] frozen_components, or train it too "
        "('{layer}.*').",
        "RX270": "There is no component '{name}' with a switcher. Components with one: {known}.",
        "RX272": "A heatmap shows one component, but {names} have routes. Choose one with --component, or write .json.",
        "RX511": 'There is no built-in table of entity types called \'{name}\'. Use a mapping such as {{"PERSON": "PER"}}, a file of two tab-separated columns (relx data convert --types FILE), or one of the tables {known}.',
        "RX550": "The tokenizer of '{model}' is for the language '{base}', but the language of this pipeline is "
        "'{lang}'. Set [nlp] lang, or --nlp.lang {base} on the command line.",
        "RX562": "'label_thresholds' of '{name}' names the relation {label!r}, which a config cannot use as a key. "
        "Use a list of pairs instead: [{pair!r}].",
    },
    DataError: {
        "RX042": "The language in {where} must be an ISO 639 code such as 'en' or 'pt-BR', but got {value!r}.",
    },
    EmptyDataError: {
        "RX060": "There are no training Docs to build a vocabulary from. Check the training data (RX134 says what it "
        "lacks).",
    },
    InputError: {
        "RX061": "The word vectors '{path}' cannot be used: {reason}. Set a text file of vectors (word2vec, GloVe, "
        "fastText), a floret table (.floret), a pipeline with vectors, 'vocab' for the vectors of this "
        "pipeline's vocab, or null for no vectors.",
    },
    DamagedFileError: {
        "RX051": "The saved weights do not fit the model that the config describes: '{name}' is {found}, but should "
        "be {wanted} ({count} arrays differ). Either the pipeline's config.cfg was changed after training, "
        "or the folder mixes two pipelines.",
    },
    MissingPackageError: {
        "RX005": "The package '{package}' is needed for {purpose}. Install it with the extra '{extra}': pip install "
        "-e '.[{extra}]' in a clone of spacy-relx, otherwise pip install 'spacy-relx[{extra}] @ "
        "git+ADDRESS', where ADDRESS is that of the repository.",
    },
    PipelineError: {
        "RX023": "A candidate generator broke its contract on the Doc '{text}...'. It must yield integer arrays of "
        "shape (n, 2), and each row must hold the indices of two different mentions among the {n} of the Doc.",
        "RX040": "'{name}' cannot determine the language of a text: the Doc and its metadata do not name one, there "
        "is no default, and {reason}. Configure a detector and install its package (the extra 'langid'; in a "
        "clone of spacy-relx: pip install -e '.[langid]'), set 'default' in the component's config, or set "
        "doc._.lang.",
        "RX043": "The language detector returned {answers} for {texts} texts. It must return one code (or None) for "
        "each text.",
        "RX044": "The language detector does not know the languages {unknown}. Known codes: {known}.",
        "RX050": "The model has no weights because it was not initialised. Train it (nlp.initialize, spacy train), or "
        "load a trained pipeline.",
        "RX054": "'{name}' found no candidate pairs on the Docs because no entity_type_marker ran on them. Add an "
        "'entity_type_marker' before '{name}' to the pipeline; for facts, with the generator "
        "spacy_relx.BagPairs.v1. In training, if the marker is listed under [training] frozen_components, "
        "list it under annotating_components too.",
        "RX065": "The model has no encoder for the language '{lang}' of a sentence ({text}...). It has encoders for "
        "{known}. Set the language of the Doc or its sentences (doc._.lang, language_router), train with all "
        "languages, or leave out other languages ('langs' of the corpus).",
        "RX067": "The pipeline cannot find facts: it has {names}, but needs an 'entity_type_marker' followed by a "
        "'fact_extractor'. Train one with configs/bags.cfg, and add components that find and link "
        "entities.",
        "RX269": "The pipeline has no switcher of language-specific layers, so there are no routes to show. "
        "Components with a model: {names}. A switcher is part of spacy_relx.LanguageEncoder.v1.",
        "RX531": "The pipeline has no component that finds {what}: it has {names}. Add {advice}. If one of your own "
        "components finds them, declare it: @Language.component(..., {declared}).",
        "RX532": "Choose one component with --component: {names}. Either several components find relations, or none "
        "has the given name.",
    },
    LabelError: {
        "RX052": "The relation '{label}' cannot be added to '{name}', whose model is already built. Add all labels "
        "before nlp.initialize, then train again.",
        "RX053": "'{name}' has no labels: no Doc in the training data has relations, or facts for a fact_extractor. "
        "Check the data (python -m spacy relx data check), or set [initialize.components.{name}.labels] to a "
        "file made by `spacy init labels`.",
        "RX055": "The training data has the {kind} '{value}', which '{name}' does not know (Doc '{text}...'). Labels "
        "are fixed at initialisation: initialise with all training data, or add it to the labels file.",
    },
    ModelError: {
        "RX260": "'{name}' cannot start from {path}: {reason}. Give the folder of a pipeline with a trained component "
        "of this name and kind.",
    },
    TrainingError: {
        "RX056": "Training of '{name}' has diverged: the loss is {loss}. Lower [training.optimizer] learn_rate, or "
        "set grad_clip = 1.0.",
        "RX530": "'{name}' was to train on gold mentions, but found none on the Docs: the component that marks them "
        "did not receive the annotated documents. An entity_type_marker takes them in each training step, so "
        "remove it from [training] frozen_components (it has nothing to train). To train on mentions that "
        "the pipeline finds, list the component that finds them under [training] annotating_components.",
    },
    RelxWarning: {
        "RX024": "The Doc '{text}...' has {total} candidate pairs. The {limit} nearest are kept, {dropped} are left "
        "out. Raise 'max_pairs' of the entity_type_marker, or choose a generator that proposes fewer pairs.",
        "RX025": "'{name}' was not trained with the entity type '{label}': {n} of the {total} mentions so far have it. They get the uniform marker, which costs accuracy. Entity types in training: {known}. {remedy}",
        "RX041": "'{name}' continues without language detection (default: {default!r}): {reason}.",
        "RX057": "'{setting}' of '{name}' names relations that are not among its labels and have no effect: {names}. "
        "Labels: {known}.",
        "RX058": "Only {covered} of {gold} gold {what} in the first training Docs have a candidate pair, and '{name}' "
        "cannot learn the rest. Check that the mentions are where the entity_type_marker looks for them "
        "('spans_key'), and that its 'generator' and 'max_pairs' propose the annotated pairs.",
        "RX068": "There were no pairs of entities to find facts about: {n_docs} texts have {n_mentions} mentions, and "
        "{n_linked} of them are linked (kb_id). Before the fact_extractor, add a 'sentencizer' and "
        "components that find and link mentions (an entity linker, or the names of a knowledge base, "
        'docs/bags.md). Or train with entities = "text".',
        "RX069": "'{name}' has encoders for the languages {missing}, but no training sentence is in any of these "
        "languages. These encoders stay untrained, and their predictions are meaningless. Languages in "
        "training: {found} ('' is unknown: set it with relx data convert --lang). Remove the languages from the "
        "model's 'langs', or add training data.",
        "RX265": "'{name}' cannot reach {lost} of {gold} gold relations in the first training Docs: {crossing} cross "
        "sentences (or pieces of max_tokens tokens), {long} have a mention of more than {limit} tokens "
        "(max_mention_tokens). They count as misses.",
        "RX266": "No training Doc of '{name}' has a language (doc._.lang), so its switcher cannot choose a route. Set "
        "languages in the data (relx data convert --lang), or let a 'language_router' with 'langs' set them "
        'during training: annotating_components = ["language_router"] under [training].',
        "RX267": "No model in this pipeline was trained on the language '{lang}' ({known}). Its texts take {route}. "
        "This warning is shown once per language.",
        "RX273": "Gold mentions were requested (--gold-mentions), but {names} finds mentions and relations together "
        "and takes none. The component gets raw text, and so do the scores.",
        "RX274": "Texts in the languages {names} ('' is unknown) reached a model with a switcher for {known}, but no "
        "'language_router' assigned them a route. They take the average of all routes. Put a language_router "
        "before the model, with the model's languages in its setting 'langs' (training sets them), or "
        "set doc._.lang.",
        "RX275": "'{name}' freezes {n} parameters that {path} lacks or has in another shape ({names}). They, or their "
        "new rows, keep their random initialisation. Add them to 'train', or keep the sizes of {path}; new "
        "relations and entity types need new rows.",
        "RX276": "No training Doc of '{name}' is in {langs}, so the routes of these languages keep their random "
        "initialisation. Remove the languages from the router: their texts then take the route that its "
        "setting 'unknown' names.",
        "RX277": "A component of the pipeline replaced the given mentions in {n} of {total} documents, so the scores "
        "are not those of the given mentions. Declare what the component sets, and it is left out: "
        "@Language.component(..., assigns=['doc.ents', 'doc.spans']).",
        "RX500": "{docs} training Docs with {gold} gold {what} have no mentions, so '{name}' has no candidate pairs "
        "to learn from in them. The mentions must be on `example.predicted`, where the entity_type_marker "
        "looks. To train on gold mentions, use the reader spacy_relx.RelationCorpus.v1 with gold_mentions = "
        "true in a config, or spacy_relx.formats.gold_example(doc) in Python. To train on predicted "
        "mentions, put a recogniser before the entity_type_marker and list it under [training] "
        "annotating_components (nlp.update(..., annotates=[...])).",
        "RX501": "{docs} evaluated Docs with {gold} gold {what} have no mentions, so '{name}' finds nothing in them "
        "and the gold ones count as misses. Put a recogniser before the entity_type_marker, or evaluate on "
        "gold mentions: python -m spacy relx evaluate --gold-mentions, spacy_relx.formats.gold_example(doc) "
        "in Python, or the reader spacy_relx.RelationCorpus.v1 in a config.",
        "RX502": "'{name}' proposes only pairs of mentions {reach}, as in training, where {across} of {relations} "
        "gold relations cross sentences. Set its 'generator' to propose other pairs "
        "(spacy_relx.AllPairs.v1), or to stay within sentences without this warning "
        "(spacy_relx.SameSentence.v1).",
        "RX503": "'{name}' gets pairs of mentions that lie {far} sentences apart, but training had only pairs "
        "{known}. Its predictions for other pairs are unreliable. Let the entity_type_marker propose pairs "
        "as in training (generator = null), or train with distant pairs. In: '{text}...'",
        "RX504": "'{name}' runs before '{names}', so it gets Docs without mentions and proposes no pairs. Move it, "
        "and the components that use its pairs, behind: nlp.add_pipe('{name}', after='{first}').",
        "RX505": "'{name}' gets a Doc on which no component has looked for mentions, so there are no pairs and no "
        "relations. Put a recogniser before it in the pipeline, or set the mentions of the Doc (doc.ents, or "
        "the group '{key}' of doc.spans). In: '{text}...'",
        "RX506": "'{name}' was trained with relations across sentences ({across} of {relations}), but gets only pairs "
        "within sentences, so it cannot find the others. Use the entity_type_marker it was trained with, or "
        "set the marker's 'generator', for example to spacy_relx.AllPairs.v1. In: '{text}...'",
        "RX507": "'{name}' cannot find {apart} of {gold} gold {what}: the pipeline has their mentions, but the "
        "entity_type_marker does not propose their pairs. They count as misses. Training may have had no "
        "relations of this kind; change the marker's 'generator' or 'max_pairs'.",
        "RX508": "'{name}' gets mentions that are not linked to entities (kb_id), so there are no facts about them. "
        "Put an entity linker before it in the pipeline, or train with entities = \"text\". In: '{text}...'",
        "RX509": "'{name}' learns nothing: no gold {what} had a candidate pair in {n} updates in a row. The given "
        "mentions are not those of the gold data. Train the recogniser first, or train on gold mentions "
        "(gold_mentions = true of spacy_relx.RelationCorpus.v1).",
        "RX512": "The setting 'types' of '{name}' maps '{label}' to '{new}', an entity type that training did not "
        "have; {n} of the {total} mentions so far have it. They get the uniform marker, which costs "
        "accuracy. Entity types in training: {known}. Map '{label}' to one of these, or to \"\" to leave out "
        "its mentions.",
        "RX513": "'{setting}' of '{name}' names entity types that training did not have, and no mention ever has "
        "them: {unknown}. Entity types in training: {known}. Use these names: settings see the types as "
        "training names them, whatever the recogniser calls them.",
        "RX520": "{n} candidate pairs cross sentences and are left out, because bags hold single sentences. To "
        "propose only pairs within sentences, set the generator of the entity_type_marker to "
        "spacy_relx.BagPairs.v1.",
        "RX521": "The setting 'symmetric' names relations that the gold data do not have: {names}. The data have: "
        "{known}. Check the spelling.",
        "RX533": "The predicted Docs already held all {n} gold relations or facts before the pipeline ran, and the "
        "scores count them. Use predicted Docs without them, such as Example(nlp.make_doc(gold.text), gold) "
        "or those of spacy_relx.RelationCorpus.v1.",
        "RX534": "[training.score_weights] weighs {wrong}, which is not measured because the pipeline {finds} "
        "component that finds mentions. Every model would score 0, and the first would be chosen as the "
        "best. Weigh {right} instead.",
    },
}
