"""Components, their candidate pairs, and what they are trained on."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
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
        "RX022": "spacy_relx.TypedPairs.v1 needs 'allowed' as a list of [head type, tail type], but got {value!r}.",
        "RX045": "The setting 'min_score' is a probability in [0, 1], but got {min_score!r}.",
        "RX066": "The settings of spacy_relx.MultilingualBagModel.v1 do not go together: {problem}.",
        "RX261": "The pattern {pattern!r} of what to train names no parameter of '{name}'. It has {n}: {groups}. The "
        "nearest: {nearest}.",
        "RX262": "The layer '{layer}' of '{name}' cannot be held still by a pattern, since it is spaCy's own. Put it "
        "into a component of its own and name that under [training] frozen_components, or train it too "
        "('{layer}.*').",
        "RX270": "There is no component '{name}' with a switcher. There are: {known}.",
        "RX271": "Routes are written to .svg (a heatmap) or .json (the numbers), but the output is {path}.",
        "RX272": "A heatmap shows one component, but there are {names}. Name one with --component, or write .json.",
        "RX510": "The setting 'types' must be the name of a ready table, pairs {{\"recogniser's name\": \"training's "
        'name"}}, or a list of such, but got {value!r}.',
        "RX511": "There is no ready table of entity types called '{name}'. Choose one of: {known}. Other names go "
        'into pairs, such as {{"PERSON": "PER"}}, or into a file of two columns divided by a tab (relx '
        "convert --types FILE).",
        "RX550": "The tokenizer of '{model}' is for the language '{base}', but this pipeline's language is '{lang}'. "
        "Set [nlp] lang, or --nlp.lang {base} on the command line.",
        "RX561": "'{setting}' of '{name}' must be a list of {form}, but has {value!r}.",
        "RX562": "'label_thresholds' of '{name}' names the relation {label!r}, which a config cannot hold as the name "
        "of a value. Give a list of pairs instead: [{pair!r}].",
    },
    DataError: {
        "RX042": "In {where}: a language must be an ISO 639 code such as 'en' or 'pt-BR', but got {value!r}.",
        "RX061": "The word vectors '{path}' cannot be used: {reason} Give a text file of vectors (word2vec, GloVe, "
        "fastText), a table of floret (.floret), a pipeline with vectors, 'vocab' for those of this "
        "pipeline's vocab, or null for none.",
    },
    EmptyDataError: {
        "RX060": "There are no training Docs to take words from. Check the training data (RX134 says what it lacks).",
    },
    DamagedFileError: {
        "RX051": "The saved weights do not fit the model that the config describes: '{name}' is {found}, but should "
        "be {wanted} ({count} such). The pipeline's config.cfg was changed after training, or the folder "
        "mixes two pipelines.",
    },
    MissingPackageError: {
        "RX005": "The package '{package}' is needed for {purpose}. It comes with the extra '{extra}': in a clone of "
        "spacy-relx, pip install -e '.[{extra}]'; without one, pip install 'spacy-relx[{extra}] @ "
        "git+ADDRESS', the address of its repository.",
    },
    PipelineError: {
        "RX023": "A candidate generator broke its contract on the Doc '{text}...': it must yield integer arrays of "
        "shape (n, 2) whose rows are two different places among the {n} mentions.",
        "RX040": "The component '{name}' cannot name the language of a text: its Doc has no language set, no metadata "
        "says it, there is no default, and {reason}. Do one of: configure a detector and install its package "
        "(the extra 'langid', in a clone of spacy-relx: pip install -e '.[langid]'), set 'default' in the "
        "component's config, or set doc._.lang.",
        "RX043": "The language detector must return one code (or None) for each of the {texts} texts, but returned "
        "{answers}.",
        "RX044": "The language detector cannot choose from the languages {unknown}. Known codes: {known}.",
        "RX050": "The model has not been initialised: it has no weights yet. Train it (nlp.initialize, spacy train) "
        "or load a trained pipeline.",
        "RX054": "'{name}' found no candidate pairs on the Docs: no entity_type_marker ran on them. Put an "
        "'entity_type_marker' before '{name}' in the pipeline. (In training, one under [training] "
        "frozen_components marks Docs only if it is also under annotating_components.)",
        "RX062": "'{name}' found no candidate pairs on the Docs: no entity_type_marker ran on them. Put an "
        "'entity_type_marker' with the generator spacy_relx.BagPairs.v1 before '{name}'. (In training, one "
        "under [training] frozen_components marks Docs only if it is also under annotating_components.)",
        "RX065": "A sentence in the language '{lang}' ({text}...) cannot be read: the model has encoders for {known}. "
        "Set the language of the Doc or its sentences (doc._.lang, language_router), train with all "
        "languages, or leave such sentences out (langs of the corpus).",
        "RX067": "The pipeline cannot give facts: it has {names}, but needs an 'entity_type_marker' and behind it a "
        "'fact_extractor'. Train one with configs/bags_pcnn.cfg, and add components that find and link "
        "entities.",
        "RX269": "The pipeline has no switcher of language-specific layers, so there are no routes to show. "
        "Components with a model: {names}. A switcher is part of spacy_relx.LanguageEncoder.v1.",
        "RX531": "The pipeline has no component that finds {what}: it has {names}. Add {advice}. If a component of "
        "your own finds them, let it say so: @Language.component(..., {declared}).",
        "RX532": "Several components find relations, or none has the name that was given. Name one of them with "
        "--component: {names}.",
    },
    LabelError: {
        "RX052": "The relation '{label}' cannot be added to '{name}': the model is built for its labels. Add all "
        "labels before nlp.initialize, and train anew.",
        "RX053": "No relations found for '{name}': the training data has no Doc with relations. Check the files "
        "(python -m spacy relx convert reports what it wrote), or give the labels in "
        "[initialize.components.{name}].",
        "RX055": "The training data has the relation '{label}', which is not among the labels of '{name}' (Doc "
        "'{text}...'). Labels are fixed at initialisation: initialise with all training data, or add it to "
        "the labels file.",
        "RX063": "No facts found for '{name}': the training data has no Doc with facts. Bags are made with: python -m "
        "spacy relx bags, or relx align; or give the labels in [initialize.components.{name}].",
        "RX064": "The training data has the relation '{label}' between {head} and {tail}, which is not among the "
        "labels of '{name}'. Labels are fixed at initialisation: initialise with all training data, or add "
        "it to the labels file.",
        "RX263": "No relations found for '{name}': the training data has no Doc with relations. Check the data, or "
        "give the labels: [initialize.components.{name}.labels] with a file made by `spacy init labels`.",
        "RX264": "'{name}' is to learn the {kind} '{value}', which it does not know. Initialise it with labels from "
        "all training data. In: {text!r}",
    },
    ModelError: {
        "RX260": "Nothing of '{name}' can start from {path}: {reason}",
    },
    TrainingError: {
        "RX056": "The loss of '{name}' is {loss}: training has diverged. Lower [training.optimizer] learn_rate, or "
        "set grad_clip = 1.0.",
        "RX530": "'{name}' was to train on gold mentions, but found none on the Docs: the component that marks them "
        "took none of the annotated documents. An entity_type_marker takes them in each training step: "
        "remove it from [training] frozen_components (it has nothing to train). To train on the mentions "
        "that the pipeline finds, name the component that finds them under [training] annotating_components.",
    },
    RelxWarning: {
        "RX024": "The Doc '{text}...' has {total} candidate pairs; the {limit} nearest are kept and {dropped} are "
        "left out. Raise 'max_pairs' of the entity_type_marker, or choose a generator that proposes fewer "
        "pairs.",
        "RX025": "'{name}' was not trained with the entity type '{label}': {n} of the {total} mentions so far have "
        "it. They get the uniform marker, which costs accuracy. Types of training: {known}. {remedy}",
        "RX041": "The component '{name}' goes on without language detection (default: {default!r}): {reason}",
        "RX057": "'label_thresholds' of '{name}' names relations that it does not know: {names}. They do nothing. Its "
        "relations: {known}.",
        "RX058": "Only {covered} of {gold} gold {what} of the first training Docs have a candidate pair; '{name}' "
        "cannot learn the rest. Check that the mentions are where the entity_type_marker looks "
        "('spans_key'), and that its 'generator' and 'max_pairs' propose what is annotated.",
        "RX059": "'types' of '{name}' names relations that it does not know: {names}. They do nothing. Its relations: "
        "{known}.",
        "RX068": "There were no pairs of entities to find facts about: {n_docs} texts have {n_mentions} mentions, of "
        "which {n_linked} are linked (kb_id). Facts are about linked entities: add components that find "
        "mentions and link them (an entity linker, or the names of a knowledge base, docs/bags.md), and a "
        "'sentencizer', before the fact_extractor; or train with entities = \"text\".",
        "RX069": "'{name}' has encoders for the languages {missing}, but no training sentence is in one of these: "
        "they stay untrained, and what they say of such sentences means nothing. Training has {found} ('' "
        "stands for unknown: relx convert --lang sets it). Take them out of the model's 'langs', or add "
        "training data.",
        "RX265": "{lost} of {gold} gold relations among the first training Docs are out of reach for '{name}': "
        "{crossing} lie between sentences (or pieces of max_length tokens), {long} have a mention of more "
        "than {limit} tokens (max_mention). They count as missed.",
        "RX266": "No training Doc for '{name}' has a language (doc._.lang), so its switcher has nothing to switch by. "
        "Set languages in the data (relx convert --lang), or let a 'language_router' with 'languages' name "
        'them in training, too: annotating_components = ["language_router"] under [training].',
        "RX267": "No model here was trained on the language '{lang}' ({known}): such texts take {route}. Said once "
        "for each language.",
        "RX273": "Gold mentions were to be given (--gold-mentions), but {names} finds mentions and relations together "
        "and takes none. They are not given, and the scores are those of raw text.",
        "RX274": "Texts in the languages {names} ('' is unknown) reached a model with a switcher of {known} and no "
        "'language_router' that knows them has routed them: they take the average of all routes. Put a "
        "language_router before it whose setting 'languages' has those of the model (training learns them), "
        "or set doc._.lang.",
        "RX275": "'{name}' holds {n} parameters still that {path} has not, or has in another shape ({names}): they, "
        "or their new rows, stay as they were drawn at random. Let 'train' name them, or keep to the sizes "
        "of {path}; new relations and entity types need rows of their own, too.",
        "RX276": "No training Doc for '{name}' is in {langs}: the routes of these languages stay as they were drawn "
        "at random. Leave them out of the router's languages, and their texts take the route that its "
        "setting 'unknown' names.",
        "RX277": "In {n} of {total} documents a component of the pipeline replaced mentions that were given to it, so "
        "that what was asked is not what was answered. Declare what it sets, and it is left out: "
        "@Language.component(..., assigns=['doc.ents', 'doc.spans']).",
        "RX500": "{docs} training Docs with {gold} gold {what} come without mentions, so '{name}' has no candidate "
        "pairs to learn from in them. Mentions must be where the entity_type_marker looks, on "
        "`example.predicted`. To train on gold mentions: in a config the reader spacy_relx.RelationCorpus.v1 "
        "with gold_mentions = true, in Python spacy_relx.formats.gold_example(doc). To train on predicted "
        "ones: a recogniser before the entity_type_marker, named under [training] annotating_components "
        "(nlp.update(..., annotates=[...])).",
        "RX501": "{docs} evaluated Docs with {gold} gold {what} have no mentions, so '{name}' finds nothing in them "
        "and these count as misses. Put a recogniser before the entity_type_marker. Or evaluate on gold "
        "mentions: python -m spacy relx evaluate with the option for these, in Python examples of "
        "spacy_relx.formats.gold_example(doc), in a config the reader spacy_relx.RelationCorpus.v1.",
        "RX502": "'{name}' proposes only pairs of mentions {reach}, as in training, where {across} of {relations} "
        "gold relations joined mentions of different sentences. Set its 'generator' to propose others "
        "(spacy_relx.AllPairs.v1), or to keep to one sentence without this message "
        "(spacy_relx.SameSentence.v1).",
        "RX503": "'{name}' gets pairs of mentions that lie {far} sentences apart, but training had only pairs "
        "{known}: what it says of the others is a guess. Let the entity_type_marker propose pairs as in "
        "training (generator = null), or train with such pairs. In: '{text}...'",
        "RX504": "'{name}' stands before '{names}' in the pipeline, so it gets Docs without mentions and proposes no "
        "pairs. Put it, and what uses its pairs, behind: nlp.add_pipe('{name}', after='{first}').",
        "RX505": "'{name}' gets a Doc in which nothing has looked for mentions, so there are no pairs and no "
        "relations. Put a recogniser before it in the pipeline (one that stands behind it comes too late), "
        "or give the Doc mentions (doc.ents, or the group '{key}' of doc.spans). In: '{text}...'",
        "RX506": "'{name}' was trained with relations across sentences ({across} of {relations}), but gets pairs "
        "within sentences alone: the others are not found. Use the entity_type_marker of its training, or "
        "give its marker a 'generator' such as spacy_relx.AllPairs.v1. In: '{text}...'",
        "RX507": "{apart} of {gold} gold {what} join mentions that the pipeline has, but of which the "
        "entity_type_marker proposes no pair: '{name}' cannot find them, and they count as misses. Training "
        "may have had none such; change the marker's 'generator' or 'max_pairs'.",
        "RX508": "'{name}' gets mentions that are not linked to entities (kb_id), so there are no facts about them. "
        "Put an entity linker before it in the pipeline (one that stands behind it comes too late), or train "
        "with entities = \"text\". In: '{text}...'",
        "RX509": "In {n} updates in a row no gold {what} had a candidate pair, so '{name}' learns nothing. The "
        "mentions that it is given are not those of the gold data: train the recogniser first, or train on "
        "gold mentions (gold_mentions = true of spacy_relx.RelationCorpus.v1).",
        "RX512": "The setting 'types' of '{name}' makes '{label}' into '{new}', an entity type of which training had "
        "none: {n} of the {total} mentions so far have it. They get the uniform marker, which costs "
        "accuracy. Types of training: {known}. Map '{label}' to one of these, or to \"\" to leave its mentions "
        "out.",
        "RX513": "'{setting}' of '{name}' has entity types of which training had none: {unknown}. No mention ever has "
        "them there. Types of training: {known}. Use these names: settings see the types as training calls "
        "them, whatever the recogniser does.",
        "RX520": "{n} candidate pairs lie in two sentences and are left out: bags are made of single sentences. To "
        "propose only pairs of one sentence, give the entity_type_marker the generator "
        "spacy_relx.BagPairs.v1.",
        "RX521": "The setting 'symmetric' names relations that the gold data have not: {names}. They have: {known}. "
        "Is the name right, letter by letter?",
        "RX533": "The predicted Docs already hold all {n} gold relations or facts, which no component found: they "
        "stood there before the pipeline ran, and the scores count them. Give Docs without them, such as "
        "Example(nlp.make_doc(gold.text), gold), or those of spacy_relx.RelationCorpus.v1.",
        "RX534": "[training.score_weights] weighs {wrong}, which is not measured: the pipeline {finds} component that "
        "finds mentions. So every model would score 0, and the first would be the best. Weigh {right} "
        "instead.",
    },
}
