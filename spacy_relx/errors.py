"""All errors and warnings of the package, coded, in one place.

A message says what was wrong, where, and what to do. Tests match the code (`RX101`), users search for it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any

MESSAGES: dict[str, str] = {
    # 001-019: data on the Doc
    "RX001": "The extension Doc._.{name} already exists and is not spacy_relx's. Another package registered it first: "
    "remove that extension (Doc.remove_extension('{name}')) before importing spacy_relx, or use one of the two.",
    "RX002": "A mention must be a Mention, a Span or a mapping with 'start', 'end' and 'label', but got {value!r}.",
    "RX003": "The mention [{start}, {end}) does not fit a Doc of {length} tokens. Offsets count tokens, end exclusive, "
    "and start must be smaller than end.",
    "RX004": "A relation must be a Relation or a mapping with 'head', 'label' and 'tail', but got {value!r}.",
    "RX005": "The package '{package}' is needed for {purpose}. It comes with the extra '{extra}': in a clone of spacy-relx, "
    "pip install -e '.[{extra}]'; without one, pip install 'spacy-relx[{extra}] @ git+ADDRESS', the address of its "
    "repository.",
    "RX006": "A language must be a string such as 'en', or None for unknown, but got {value!r}.",
    "RX007": "doc._.relations takes a list of relations, but got {value!r}. To clear it, assign an empty list.",
    "RX008": "{name} is read-only, it is made from {source}. Change {source} instead.",
    "RX009": "doc._.candidates takes a Candidates object or a list of Candidate, but got {value!r}. To clear it, assign an empty "
    "list.",
    "RX010": "A bag is about an ordered pair of entities: give their ids as {{'head': ..., 'tail': ...}}, two strings that "
    "are not empty, but not {value!r}.",
    "RX011": "Evidence must be an Evidence or a mapping with 'start', 'end', 'head', 'tail' and 'weight', but got {value!r}.",
    "RX012": "A fact must be a Fact or a mapping with 'head', 'label' and 'tail' (strings that are not empty) and a 'score', "
    "but got {value!r}.",
    "RX013": "doc._.facts takes a list of facts, but got {value!r}. To clear it, assign an empty list.",
    "RX014": "doc._.fact_scores takes a FactScores object, or a list of mappings with 'head', 'tail' and 'scores' (a number for each "
    "relation, the same ones in all), but got {value!r}. To clear it, assign an empty list.",
    "RX015": "The scores of facts have the shape {shape}, but must have {wanted}: a row for each pair of entities, a column for "
    "each relation.",
    # 020-039: candidates and the entity type marker
    "RX021": "The setting '{name}' is {value!r}, but must be {need}.",
    "RX022": "spacy_relx.TypedPairs.v1 needs 'allowed' as a list of [head type, tail type], but got {value!r}.",
    "RX023": "A candidate generator broke its contract on the Doc '{text}...': it must yield integer arrays of shape "
    "(n, 2) whose rows are two different places among the {n} mentions.",
    "RX024": "The Doc '{text}...' has {total} candidate pairs; the {limit} nearest are kept and {dropped} are left out. "
    "Raise 'max_pairs' of the entity_type_marker, or choose a generator that proposes fewer pairs.",
    "RX025": "'{name}' was not trained with the entity type '{label}': {n} of the {total} mentions so far have it. They get the "
    "uniform marker, which costs accuracy. Types of training: {known}. {remedy}",
    # 040-049: language router
    "RX040": "The component '{name}' cannot name the language of a text: its Doc has no language set, no metadata "
    "says it, there is no default, and {reason}. Do one of: configure a detector and install its package "
    "(the extra 'langid', in a clone of spacy-relx: pip install -e '.[langid]'), set 'default' in the component's config, or set doc._.lang.",
    "RX041": "The component '{name}' goes on without language detection (default: {default!r}): {reason}",
    "RX042": "In {where}: a language must be an ISO 639 code such as 'en' or 'pt-BR', but got {value!r}.",
    "RX043": "The language detector must return one code (or None) for each of the {texts} texts, but returned "
    "{answers}.",
    "RX044": "The language detector cannot choose from the languages {unknown}. Known codes: {known}.",
    "RX045": "The setting 'min_score' is a probability in [0, 1], but got {min_score!r}.",
    # 050-079: the relation extractor and its model
    "RX050": "The model has not been initialised: it has no weights yet. Train it (nlp.initialize, spacy train) or load a "
    "trained pipeline.",
    "RX051": "The saved weights do not fit the model that the config describes: '{name}' is {found}, but should be "
    "{wanted} ({count} such). The pipeline's config.cfg was changed after training, or the folder mixes two pipelines.",
    "RX052": "The relation '{label}' cannot be added to '{name}': the model is built for its labels. Add all labels "
    "before nlp.initialize, and train anew.",
    "RX053": "No relations found for '{name}': the training data has no Doc with relations. Check the files "
    "(python -m spacy relx convert reports what it wrote), or give the labels in [initialize.components.{name}].",
    "RX054": "'{name}' found no candidate pairs on the Docs: no entity_type_marker ran on them. Put an "
    "'entity_type_marker' before '{name}' in the pipeline. (In training, one under [training] frozen_components marks Docs "
    "only if it is also under annotating_components.)",
    "RX055": "The training data has the relation '{label}', which is not among the labels of '{name}' (Doc '{text}...'). "
    "Labels are fixed at initialisation: initialise with all training data, or add it to the labels file.",
    "RX056": "The loss of '{name}' is {loss}: training has diverged. Lower [training.optimizer] learn_rate, or set "
    "grad_clip = 1.0.",
    "RX057": "'label_thresholds' of '{name}' names relations that it does not know: {names}. They do nothing. Its relations: "
    "{known}.",
    "RX058": "Only {covered} of {gold} gold {what} of the first training Docs have a candidate pair; '{name}' cannot "
    "learn the rest. Check that the mentions are where the entity_type_marker looks ('spans_key'), and that its "
    "'generator' and 'max_pairs' propose what is annotated.",
    "RX059": "'types' of '{name}' names relations that it does not know: {names}. They do nothing. Its relations: {known}.",
    # 060-069: facts from bags
    "RX060": "There are no training Docs to take words from. Check the training data (RX134 says what it lacks).",
    "RX061": "The word vectors '{path}' cannot be used: {reason} Give a text file of vectors (word2vec, GloVe, fastText), a "
    "table of floret (.floret), a pipeline with vectors, 'vocab' for those of this pipeline's vocab, or null for none.",
    "RX062": "'{name}' found no candidate pairs on the Docs: no entity_type_marker ran on them. Put an 'entity_type_marker' "
    "with the generator spacy_relx.BagPairs.v1 before '{name}'. (In training, one under [training] frozen_components marks "
    "Docs only if it is also under annotating_components.)",
    "RX063": "No facts found for '{name}': the training data has no Doc with facts. Bags are made with: python -m spacy relx "
    "bags, or relx align; or give the labels in [initialize.components.{name}].",
    "RX064": "The training data has the relation '{label}' between {head} and {tail}, which is not among the labels of "
    "'{name}'. Labels are fixed at initialisation: initialise with all training data, or add it to the labels file.",
    "RX065": "A sentence in the language '{lang}' ({text}...) cannot be read: the model has encoders for {known}. Set the "
    "language of the Doc or its sentences (doc._.lang, language_router), train with all languages, or leave such "
    "sentences out (langs of the corpus).",
    "RX066": "The settings of spacy_relx.MultilingualBagModel.v1 do not go together: {problem}.",
    "RX067": "The pipeline cannot give facts: it has {names}, but needs an 'entity_type_marker' and behind it a "
    "'fact_extractor'. Train one with configs/bags_pcnn.cfg, and add components that find and link entities.",
    "RX068": "There were no pairs of entities to find facts about: {n_docs} texts have {n_mentions} mentions, of which "
    "{n_linked} are linked (kb_id). Facts are about linked entities: add components that find mentions and link them (an "
    "entity linker, or the names of a knowledge base, docs/bags.md), and a 'sentencizer', before the fact_extractor; or "
    'train with entities = "text".',
    "RX069": "'{name}' has encoders for the languages {missing}, but no training sentence is in one of these: they stay "
    "untrained, and what they say of such sentences means nothing. Training has {found} ('' stands for unknown: relx "
    "convert --lang sets it). Take them out of the model's 'langs', or add training data.",
    # 080-099: transformers and marked texts
    "RX080": "The transformer {name} cannot be loaded: {reason} Give the name of a model of the Hugging Face hub, or a "
    "folder that holds one (config.json, the tokenizer's files, model.safetensors).",
    "RX081": "The settings of spacy_relx.MarkedModel.v1 do not go together: {problem}.",
    "RX082": "The transformer is of the type '{kind}', which cannot have markers beside the text. Types that can: {known}, "
    'with absolute positions. Use mode = "single", or mode = "shared" with inline = true.',
    "RX083": "{count} mentions of the Doc '{text}...' are longer than {limit} subwords and are marked up to there.",
    "RX084": "The transformer is of the type '{kind}', in which {layers} layers are found: layers or freeze_layers = "
    "{wanted}, or layer_decay, cannot be had. Take fewer, or leave them at null, 0 and 1.",
    # 100-119: data formats
    "RX100": "The format '{name}' is unknown. Known formats: {known}.",
    "RX101": "{where}: this is not JSON: {reason}. In: {text!r}. Is the file of this format? In folders, choose files "
    "with a pattern (--pattern '*.jsonl'); to leave broken lines out, skip errors (--on-error skip).",
    "RX102": "{where}: {problem}. In: {text!r}. docs/formats.md describes the formats.",
    "RX103": "{where}: the mention {span} does not fit {length} {unit}. Offsets begin at 0, and the end is the {end_is} "
    "mention. In: {text!r}",
    "RX104": "{where}: a relation names the mention {value}, but there is none such among {n}. Heads and tails are "
    "places in the list of mentions, from 0, or ids of mentions. In: {text!r}",
    "RX105": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}. Offsets count "
    "characters (code points, not bytes or UTF-16 units). In: {text!r}",
    "RX106": "{where}: the sentence must have <e1>..</e1> and <e2>..</e2>, once each, but {problem}. In: {text!r}",
    "RX107": "{where}: the line behind the sentence must be a label such as 'Cause-Effect(e1,e2)', 'Other' or "
    "'no_relation', but is {label!r}. In: {text!r}",
    "RX108": "{where}: this is not UTF-8 ({reason} at byte {offset}). Save the file as UTF-8. In: {text!r}",
    "RX109": "{where}: the file cannot be read on: {reason}. {text}",
    "RX110": "{where}: the mention [{start}, {end}) {mention!r} does not begin and end where tokens do ({tokens}) and is "
    "left out; --alignment expand or contract keeps such mentions. In: {text!r}",
    "RX111": "{where}: the line has {n} columns, but must have {wanted}, divided by tabs: {columns}. In: {text!r}",
    "RX112": "{where}: a relation joins tokens [{start}, {end}), which are no mention; they were made one. In: {text!r}",
    "RX113": "{where}: the relation '{label}' joins a mention with itself; it was kept, but no candidate pair will ever "
    "cover it. In: {text!r}",
    "RX114": "{where}: no Doc can be made of this: {reason}. In: {text!r}",
    # 115-118: data formats without offsets
    "RX115": "{where}: the {role} {name!r} is not in the sentence, neither as a word nor as a sequence of words, or only "
    "where the other entity is. To leave such lines out, skip errors (--on-error skip). In: {text!r}",
    "RX116": "{where}: the sentence does not have both {head!r} and {tail!r}, apart from each other; the record is left "
    "out. In: {text!r}",
    "RX117": "{where}: the entity '{role}' is named {name!r}, but what stands at {unit} [{start}, {end}) is {found!r}. It is kept so. Do "
    "offsets begin at 0, and is the end the first of the {unit} behind the mention? In: {text!r}",
    "RX119": "The setting '{name}' is {value!r}, but must be {need}.",
    # 120-129: conversion
    "RX120": "There is no input at {path}: {reason}.",
    "RX121": "Nothing was written to {path}: {reason}",
    "RX122": "The output must be a file that ends in .spacy and is no input (nor a table of names), but is {path}. The "
    "output comes last: relx convert FORMAT INPUT... OUTPUT.spacy",
    "RX123": "The file {path} cannot be written: {reason}.",
    "RX124": "There is no table of {kind} at {path}. Give a file of two columns divided by a tab, the name of the {thing} in "
    "the data and the name to give it{more}.",
    "RX125": "{where}: {problem}. A line of a table of {kind} is the name of the {thing} in the data, a tab and the name to "
    "give it (nothing, to leave the {thing} out), and each name has one line. In: {text!r}",
    "RX126": "The table of {kind} {path} renamed nothing and left out nothing: {n} {what} were read, with {kind} that it "
    "does not name ({names}). Is it the table for this data? Its first column must have the {kind} of the data.",
    # 130-139: reading training data
    "RX130": "The path of a corpus cannot be None. Maybe you forgot to give it in the config, or on the command line "
    "(--paths.train, --paths.dev)?",
    "RX131": "There are no annotated documents at {path}: {reason}. Give a .spacy file or a folder of such; they are made "
    "with: python -m spacy relx convert",
    "RX132": "{path} is no .spacy file, or a broken one: {reason}. Such files are made with: python -m spacy relx convert",
    "RX133": "{n} Docs of {path} are longer than max_length ({max_length} tokens): they were split between sentences; {lost} "
    "sentences are still too long and are left out, and {relations} relations "
    "went with them or lay across the cut. Raise max_length, or 0 for no limit.",
    "RX134": "{path} has no Docs to train on: {reason}",
    "RX135": "Mentions can only be copied between Docs of the same text (whitespace aside), but these are {reference!r} and "
    "{predicted!r}.",
    # 140-149: bags
    "RX140": "A sentence of a bag must say which entities it is about: the ids (kb_id) of head and tail are missing, or one "
    "of them, for {head!r} and {tail!r} in '{text}...'. Formats with ids are opennre, gids, nyt10, dbpedia_pt, docred and "
    "jsonl ('kb_id'); an entity linker sets them on texts.",
    "RX141": "The sentences of bags wait in temporary files in {folder}, which cannot be written or read: {reason}. Choose a "
    "place with more room by the environment variable TMPDIR.",
    "RX142": "No bags for {path}: {reason}. {advice}",
    "RX143": "{where} is no bag: doc._.bag is not set. Bags are made of annotated sentences with: python -m spacy relx bags "
    "SENTENCES.spacy BAGS.spacy",
    "RX144": "The bag of ({head}, {tail}) that begins with '{text}...' is not made as a bag must be: {reason}. It must have "
    "one or more sentences, with sentence starts set, and in doc.spans['mentions'] two mentions for each, head and tail, with "
    "their ids as kb_id. python -m spacy relx bags makes such bags of annotated sentences.",
    "RX145": "Bags cannot be written to {path}: {reason}. Give a file that ends in .spacy, or a folder that is new or has "
    "nothing but bags in it (bags-00000.spacy, ...).",
    "RX146": "{path} has no sentence in the languages of the setting 'langs', {langs}. Its sentences are in {found} ('' stands "
    "for unknown: relx convert --lang sets it).",
    "RX147": "{path} has no sentence in {missing}, of the languages of the setting 'langs'. Its sentences are in {found}.",
    # 170-219: evaluation, command line, pictures
    "RX170": "Relations cannot be matched by {match!r}. Choose {known}.",
    "RX171": "The pipeline had no entities in any of the {n} documents, so there was nothing to relate and every gold "
    "relation counts as a miss. {advice}",
    "RX172": "{missing} of {n} documents did not come out of the pipeline: the error handler of a component dropped them. "
    "Their gold relations and facts count as misses.",
    "RX173": "There is nothing to evaluate: {where} holds no documents.",
    "RX174": "{lost} gold mentions do not begin and end where the pipeline's tokens do, so the pipeline was not given them. "
    "Relations of theirs count as misses. Without 'retokenize' the gold tokens are used.",
    "RX175": "There is no scoring scheme '{scheme}'. Known: {known}.",
    "RX176": "Cannot take a source from '{arg}': {reason} Give SOURCE=PATH, where PATH is a metrics file of relx evaluate, "
    "the folder of a pipeline (with --test), or a pattern with wildcards for several of these.",
    "RX177": "There are no scores of relations by language in {where}: {reason} Give what relx evaluate --output writes, or "
    "what evaluate(...) returns.",
    "RX178": "Cannot report on transfer between languages: {reason}",
    "RX179": "The runs were not scored alike: {name} is {one} for the source '{first}', {other} for '{second}'. Such F1s "
    "cannot be compared. Evaluate all on the same documents and with the same settings.",
    "RX180": "Cannot load the pipeline '{model}': {reason} Give the folder of a trained pipeline (it has a config.cfg, such "
    "as training/model-best) or the name of an installed pipeline package. If it has components of your "
    "own that are not installed, name their file with --code.",
    "RX181": "The output {path} lies in the folder of the pipeline {model}, whose files would be lost or mixed with others. "
    "Choose another place with --output.",
    "RX182": "Cannot read texts from '{path}': {reason} Give a .txt file (one text a line), a .jsonl file (one "
    '{{"text": ..., "lang": ..., "id": ...}} a line), a .spacy file, or - for lines from standard input.',
    "RX183": "{where}: {reason} Mend it, or leave such texts out with --on-error skip.",
    "RX184": "{n} texts were left out, the first at {where}: {reason}",
    "RX185": "Without a pipeline there are only the relations that the documents have already: '{path}' must be a .spacy "
    "file. For plain texts, name a pipeline instead of -.",
    "RX186": "Cannot write '{path}': {reason} Choose another place with --output.",
    "RX187": "Cannot use GPU {gpu}: {reason} Leave --gpu-id out to run on the CPU.",
    "RX188": "Cannot import the code file '{path}': {reason}",
    "RX189": "The output {path} is one of the inputs, which would be lost. Choose another place with --output.",
    # 190-199: facts from bags, scored, and their curves
    "RX190": "A ranking of facts cannot be scored: {reason}",
    "RX191": "The bag Doc '{text}...' is about the entities ({head}, {tail}), but has a gold fact about ({other_head}, "
    "{other_tail}). The facts of a bag are those of its own pair: mend doc._.facts or doc._.bag.",
    "RX192": "Among the documents are bags (doc._.bag) and others, at document {number}. Bags are given to the pipeline with "
    "their mentions, other documents without: evaluate them apart, or give mentions to all (gold_mentions=True, on the "
    "command line --gold-mentions).",
    "RX193": "Cannot take a curve from '{arg}': {reason} Give NAME=PATH, where PATH is a metrics file of relx evaluate, or a "
    "pattern with wildcards for several runs of that name.",
    "RX194": "There is no curve of facts in {where}: {reason} Give what relx evaluate --output writes for a pipeline that "
    "finds facts.",
    "RX195": "The picture of curves is an .svg or a .png file, but not '{path}'. Choose another name with --output.",
    "RX196": "The runs were not scored on the same data: {first} has {n_first} gold facts, {other} has {n_other}. Such curves "
    "cannot be compared. Evaluate all on the same documents.",
    "RX197": "Curves cannot be drawn: {reason}",
    "RX198": "{unknown} of {gold} gold {what} have labels that no component of the pipeline knows ({labels}), so they count "
    "as misses. The pipeline knows {known}. Is it the pipeline for these data? Labels are compared letter by letter; relx "
    "convert --labels gives them other names.",
    "RX199": "There is nothing to score: the pipeline finds facts and no relations, but none of the {n} documents is a bag or "
    "has a gold fact ({relations} gold relations). Make bags of annotated sentences with: python -m spacy relx bags "
    "SENTENCES.spacy BAGS.spacy, or give a pipeline that finds relations.",
    # 200-229: knowledge bases, names of entities, distant supervision
    "RX200": "{where}: the line has {n} columns, but must have {wanted}, divided by tabs: head, relation, tail, or those that the "
    "first line names. In: {text!r}. Is "
    "the file of that kind? N-Triples must end in .nt. Commands with --on-error can leave broken lines out.",
    "RX201": "{where}: the {column} of the triple is empty. Give an id (commands with --on-error can leave it out). In: "
    "{text!r}",
    "RX202": "{where}: this is no line of N-Triples: <head> <relation> <tail> and a full stop, IRIs without blanks, with "
    "characters escaped as \\u0000. Mend it (commands with --on-error can leave broken lines out). In: {text!r}",
    "RX203": "Cannot read a knowledge base from {path}: {reason}. Give a file of three columns divided by tabs (head, "
    "relation, tail) or of N-Triples (.nt), also packed (.gz, .bz2), or a folder that KnowledgeBase.save wrote.",
    "RX204": "The knowledge base {path} has no triples.\n{report}",
    "RX205": "{path} is no saved knowledge base, or a broken one: {reason}. Save it anew with KnowledgeBase.save.",
    "RX206": "This is no knowledge base: {problem}. Numbers are places in the lists of ids, from 0.",
    "RX207": "{path}: {n} IRIs stay whole, since what follows their last / or # is the name of another one. The first: "
    "{first}. Where that does harm, do not shorten IRIs.",
    "RX208": "The setting '{name}' is {value!r}, but must be {need}.",
    "RX209": "{wanted} triples were wanted for valid and test, but only {n} of {total} can be spared: the others are needed "
    "in train, so that each entity and relation occurs there. Take smaller shares, or cover=False.",
    "RX210": "{where}: the line has {n} columns, but must have 2 to 4, divided by tabs: entity id, name, and if you like "
    "entity type and language. In: {text!r}",
    "RX211": "{where}: {problem}. A line names an entity: id, name, and if you like type and language, divided by tabs. "
    "Mend it, or leave broken lines out (--on-error skip). In: {text!r}",
    "RX212": "Cannot read names of entities from {path}: {reason}. Give a file of two to four columns divided by tabs: "
    "entity id, name, and if you like entity type and language.",
    "RX220": "{reason}, so no sentence can be labelled. {advice}",
    "RX221": "No sentence mentions two entities that the knowledge base relates, so there are no bags for {path}.\n{report}",
    "RX222": "The Doc '{text}...' has no sentence boundaries, and a sentence is what is labelled. Give a pipeline that sets "
    "them (a sentencizer, senter or parser), or none for the default.",
    # 230-249: embeddings of a knowledge base
    "RX230": "The setting '{name}' is {value!r}, but must be {need}.",
    "RX231": "{path} are no embeddings of a knowledge base, or broken ones: {reason}. Train or save them anew, or copy the "
    "whole folder again.",
    "RX232": "The embeddings lack the {kind} {name!r}. {advice} They know the ids of the triples they were trained on, letter "
    "by letter.",
    "RX233": "None of the {n} triples can be used: there are none, or the embeddings lack an entity or the relation of each. "
    "Are these ids of the same knowledge base?",
    "RX234": "{path}: the embeddings lack an entity or the relation of {unknown} of {n} triples. Their ranks count as the last.",
    "RX235": "{path}: {same} of its {n} triples are among the training triples, so what is measured is partly memory. Take "
    "them out of one of the two.",
    "RX236": "The saved state {path} is of another training: there it was {differ}. Give the same triples and settings, or "
    "another folder, or do not resume.",
    "RX237": "In epoch {epoch} the loss or the vectors are no longer finite numbers. Take a lower learning rate than {lr}, or "
    "smaller first vectors (init_scale).",
    "RX238": "{path} cannot be written: {reason}. Is there room, and may you write there?",
    "RX239": "None of the --filter files is what the embeddings were trained on. So true triples count as wrong answers, and "
    "whether training had the test triples is not known. Give the training triples with --filter.",
    "RX240": "The embeddings in {path} have no vectors for the relations {lacking} of the training data, only for {n} others: "
    "{known}. Name relations alike in both, train embeddings on triples with these relations, or let vectors be drawn "
    'with missing = "random" of spacy_relx.ComplExKnowledge.v1.',
    "RX242": "spacy_relx.ComplExKnowledge.v1 has no 'path'. Give the folder of embeddings that `spacy relx kb train` made, for "
    "instance --paths.knowledge FOLDER.",
    "RX243": "There are no triples in {paths}: facts need bags, or relations whose mentions are linked (kb_id). {left_out} were "
    "left out by --exclude.",
    "RX244": "The triple {triple!r} has an id with a tab, a line break, or a blank at its beginning or end, which a file of "
    "triples cannot hold. Give the entity another id.",
    "RX245": "{n} of {total} test facts are in the knowledge base {path}. Scores of a model that reads it say little: make the "
    "triples anew with --exclude of relx kb triples.",
    "RX246": "The folder {path} holds something else than embeddings: its meta.json is of another kind. It would be lost. Choose "
    "another folder.",
    "RX247": "Triples are written as text with tabs, which {path} would not be read as: .nt is for N-Triples. Choose another "
    "ending, such as .tsv.",
    "RX248": "{path} has finished vectors, but no saved state of their training to go on with (--resume). Leave out --resume to train "
    "anew in their place, or choose another folder.",
    # 250-259: how far a knowledge base supports facts
    "RX250": "'{name}' cannot read its {part}: there is no {path}. Give the {need}. (A saved pipeline has its knowledge base in "
    "its own folder, and reads it from elsewhere only where the config names another path than when it was saved.)",
    "RX251": "{option} needs {part} to check facts against. Name {need} with {remedy}, or add a 'fact_checker' that has them to "
    "the pipeline.",
    "RX252": "'{name}' finds none of the {what} {names} in the {part} of the knowledge base, whose {what} are {known}, ... So it "
    "says nothing of these facts, or takes all for new. Names are compared letter by letter: use the same in both (relx "
    "convert --labels gives the relations of annotated data other names).",
    "RX253": "There is no knowledge base to check facts against. Give the folder of its 'embeddings', a file of its 'triples', or "
    "both, in the config of the 'fact_checker'.",
    "RX254": "What a knowledge base says of a fact or a relation is 'kb_score', a number in [0, 1], 'known', true or false, and "
    "'kb_rank', a number from 1, each where there is one, but got {value!r}.",
    # 260-279: mentions and relations from raw text, several languages, training that goes on from another's weights
    "RX260": "Nothing of '{name}' can start from {path}: {reason}",
    "RX261": "The pattern {pattern!r} of what to train names no parameter of '{name}'. It has {n}: {groups}. The nearest: {nearest}.",
    "RX262": "The layer '{layer}' of '{name}' cannot be held still by a pattern, since it is spaCy's own. Put it into a "
    "component of its own and name that under [training] frozen_components, or train it too ('{layer}.*').",
    "RX263": "No relations found for '{name}': the training data has no Doc with relations. Check the data, or give the "
    "labels: [initialize.components.{name}.labels] with a file made by `spacy init labels`.",
    "RX264": "'{name}' is to learn the {kind} '{value}', which it does not know. Initialise it with "
    "labels from all training data. In: {text!r}",
    "RX265": "{lost} of {gold} gold relations among the first training Docs are out of reach for '{name}': {crossing} lie "
    "between sentences (or pieces of max_length tokens), {long} have a mention of more than {limit} tokens (max_mention). "
    "They count as missed.",
    "RX266": "No training Doc for '{name}' has a language (doc._.lang), so its switcher has nothing to switch by. Set "
    "languages in the data (relx convert --lang), or let a 'language_router' with 'languages' name them in training, too: "
    'annotating_components = ["language_router"] under [training].',
    "RX267": "No model here was trained on the language '{lang}' ({known}): such texts take {route}. Said once for each "
    "language.",
    "RX269": "The pipeline has no switcher of language-specific layers, so there are no routes to show. Components with a "
    "model: {names}. A switcher is part of spacy_relx.LanguageEncoder.v1.",
    "RX270": "There is no component '{name}' with a switcher. There are: {known}.",
    "RX271": "Routes are written to .svg (a heatmap) or .json (the numbers), but the output is {path}.",
    "RX272": "A heatmap shows one component, but there are {names}. Name one with --component, or write .json.",
    "RX273": "Gold mentions were to be given (--gold-mentions), but {names} finds mentions and relations together and takes "
    "none. They are not given, and the scores are those of raw text.",
    "RX274": "Texts in the languages {names} ('' is unknown) reached a model with a switcher of {known} and no 'language_router' "
    "that knows them has routed them: they take the average of all routes. Put a language_router before it whose setting "
    "'languages' has those of the model (training learns them), or set doc._.lang.",
    "RX275": "'{name}' holds {n} parameters still that {path} has not, or has in another shape ({names}): they, or their new "
    "rows, stay as they were drawn at random. Let 'train' name them, or keep to the sizes of {path}; new relations and entity "
    "types need rows of their own, too.",
    "RX276": "No training Doc for '{name}' is in {langs}: the routes of these languages stay as they were drawn at random. "
    "Leave them out of the router's languages, and their texts take the route that its setting 'unknown' names.",
    "RX277": "In {n} of {total} documents a component of the pipeline replaced mentions that were given to it, so that what "
    "was asked is not what was answered. Declare what it sets, and it is left out: @Language.component(..., "
    "assigns=['doc.ents', 'doc.spans']).",
    # 300-319: more data formats, and telling them apart
    "RX300": "The format of {path} cannot be told: {reason}. Name the format instead of 'auto', see docs/formats.md; in folders, "
    "choose files with a pattern (--pattern '*.jsonl').",
    "RX301": "The inputs are of different formats: {found}. Convert them one by one, or choose files with a pattern (--pattern "
    "'*.jsonl').",
    "RX302": "{where}: there is no text beside these annotations: {name} is missing. brat keeps a text and its annotations in one "
    "folder, under one name. {text}",
    "RX303": "{where}: there are no annotations beside this text (.ann, .a1, .a2); it is skipped. {text}",
    "RX304": "{where}: events are passed over, which are no relations between two mentions; only their triggers are mentions. "
    "Further ones are counted with this. In: {text!r}",
    "RX305": "{where}: {kind} are passed over, for they are neither mentions nor relations. More such are counted with this. In: "
    "{text!r}",
    "RX306": "{where}: the mention {parts!r} is not in one piece; it was made the one that covers it, {whole!r}. In: {text!r}",
    "RX307": "{where}: an annotation of no width at {start} (layer {layer}) is left out, with its relations. In: {text!r}",
    "RX308": "{where}: a relation without a label is left out. In: {text!r}",
    "RX309": "{where}: the {what} is longer than {limit} bytes. That is no annotated text: is the file of this format? {text}",
    "RX310": "{where}: this is Label Studio's export JSON_MIN, which has lost the relations. Export the project as JSON. In: "
    "{text!r}",
    "RX311": "{where}: this is {found}, which cannot be read. Export the document as {wanted}. {text}",
    "RX312": "{where}: of {n} annotations of this task, one is taken: number {chosen}, the ground truth or the one changed last. Further "
    "such tasks are counted with this. In: {text!r}",
    "RX313": "{where}: these tasks have no annotations: their predictions are read. Further such tasks are counted with this. In: "
    "{text!r}",
    "RX314": "{where}: a mention has two links, {taken!r} and {other!r}; the first is taken. In: {text!r}",
    "RX315": "{where}: these mentions are said to be equal, but their links differ: {links}. Each keeps its own, and those without "
    "one take the first. In: {text!r}",
    "RX316": "{where}: doc._.rel is a {found}, but in this format it is {wanted}. Is the format {other}? In: {text!r}",
    "RX317": "{where}: no document of this file has anything in doc._.rel. If its relations are in doc._.relations, there is nothing "
    "to convert. Was it saved with store_user_data? {text}",
    # 320-329: pre-annotations for annotation tools
    "RX320": "The output {path} must be a folder that is new or empty. Choose another, so that nothing is lost.",
    "RX322": "brat's names of types have no blanks, commas, bars, colons or brackets, its links no blanks. In the output {names}; "
    "the file {file} keeps the true names: leave it beside the texts, and relx convert gives them back.",
    "RX323": "{n} texts of nothing but blanks were left out.",
    "RX324": "{n} texts were read, but there is nothing to write. Give texts that are not empty.",
    "RX325": "The output for {tool} must end in {suffix}, but is {path}.",
    "RX326": "{where}: the mention of the tokens {start} to {last} is listed for sentence {number}, which has the tokens {first} to "
    "{end} of the document. Offsets count tokens of the whole document, ends inclusive. In: {text!r}",
    # 330-359: export of triples, and graphs
    "RX330": "The format '{name}' is unknown. Triples can be written as: {known}.",
    "RX331": "What is exported of a Doc is one of {known}, but not {value!r}.",
    "RX332": "What format {path} shall have cannot be told by its ending. Name it with --to, or let the file end in one of "
    "{known}.",
    "RX333": "Triples wait in a temporary database to be merged, and it failed: {reason}. Is there room in the folder for "
    "temporary files? (TMPDIR names another.)",
    "RX334": "In {where}: {value!r} gives no IRI. A base is an http, https or urn IRI without blanks, # and "
    "?, such as http://example.org/, and a rule is PREFIX=IRI, =IRI, or one of the names {names}.",
    "RX335": "{path} cannot be written: {reason}. Choose another name, or make room there.",
    "RX336": "There are no triples to export: {path} is valid, but empty.",
    "RX337": "The triple {triple} has a number that is not finite ({value}) where a score is expected. Train or predict anew, or "
    "leave the triple out.",
    "RX338": "{path} cannot be exported: {reason}. Give .spacy files with relations or facts, Parquet files of relx annotate or relx "
    "export, JSON Lines of relx predict, relx facts or relx export (- for standard input), or folders of these.",
    "RX339": "{where}: {reason}. In: {text!r}. Lines are those of relx predict, relx facts or relx export; to leave broken ones "
    "out, skip errors (--on-error skip).",
    "RX340": "{path} is no file of RDF triples that a graph can be built of. Such files end in {known}; relx export writes them.",
    "RX341": "{path} cannot be read as RDF: {reason}. The ending of a file says which syntax it has.",
    "RX342": "{path} holds no graph: {reason}. Make one with relx graph build.",
    "RX343": "{path} lies in the folder {folder}, which is replaced by the new graph. Choose another folder.",
    "RX344": "The graph cannot answer: {reason}. Queries are SPARQL 1.1: SELECT, ASK, CONSTRUCT or DESCRIBE, which change nothing.",
    "RX345": "The query has a SERVICE, which would ask another machine. A graph is asked by itself: load what you need from "
    "elsewhere with relx graph build.",
    "RX346": "The query found no answer within {seconds:g} seconds and was given up. Make it narrower, or allow more (--timeout).",
    "RX347": "{option} says nothing about the format {format}. It is for: {known}.",
    "RX348": "{n} broken lines were left out, the first: {where}: {reason}.",
    "RX349": "There are more than {limit} rows, and the others are left out. Ask for more with --limit, 0 for all.",
    "RX350": "The meta.json of the pipeline {path} cannot be read: {reason}. Give --model a name, or the folder of a pipeline.",
    "RX352": "{where}: {reason}. Set doc.user_data['id'] to one, or leave it out.",
    "RX353": "This format is a folder of files ({names}), which a stream cannot hold. Name a folder.",
    "RX354": "There is no file {path} to build a graph of. relx export writes one: relx export INPUT triples.ttl",
    "RX355": "The query needs more than {gigabytes} GB of memory and was ended. Make it narrower.",
    # 360-379: pictures and pages
    "RX360": "A picture can be {least} to {most} pixels wide, not {width}. Give another width.",
    "RX361": "'{style}' is no way to show relations. Known: {known}.",
    "RX362": "No page can be made of {path}: {reason}. Give .spacy files with relations, Parquet files of relx annotate or relx "
    "export, JSON Lines of relx predict, relx facts or relx export (- for standard input), or folders of these.",
    "RX363": "{where}: {reason}. Lines are those of relx predict, relx facts or relx export; to leave broken ones out, skip "
    "errors (--on-error skip).",
    "RX364": "{n} broken lines were left out, the first: {where}: {reason}.",
    "RX365": "{n} triples do not say in which sentence their mentions stand, and where. They are not on the page.",
    "RX366": "There is nothing to show: {where} holds no documents.",
    "RX367": "The options contradict each other: {reason}. For arcs in a page give --style arcs, for a picture of arcs an "
    "output that ends in .svg.",
    "RX368": "{path} is no name for what is written, {kind}. Let it end in one of {known}.",
    # 380-399: how far to trust a relation: calibration, constraints, hard negatives
    "RX380": "The pipeline has no component whose scores can be calibrated: it has {names}. The last one that sets "
    "doc._.relations must be a relation_extractor or a joint_extractor.",
    "RX381": "'{name}' is trained further, which changes its scores: its calibration is dropped. Its thresholds stay, "
    "though they were fitted to calibrated scores. Calibrate it anew (python -m spacy relx calibrate).",
    "RX382": "The saved calibration cannot be read: {reason}. It lies in the file cfg of the component's folder; calibrate the "
    "pipeline anew (python -m spacy relx calibrate).",
    "RX383": "{n} predicted relations have scores that are not in [0, 1]; they are left out of ECE and Brier score.",
    "RX384": "'{name}' names relations that no component before it can find: {names}. Constraints on these do nothing. Relations "
    "that are found: {known}.",
    "RX385": "The settings of '{name}' contradict each other: {reason}.",
    "RX386": "The setting '{setting}' of '{name}' must be {need}, but got {value!r}.",
    "RX387": "Nothing can be fitted: of {n} scored pairs {right} are right, and both right and wrong ones are needed. Give more "
    "documents, with the relations that the pipeline knows; a pipeline that finds no mentions itself needs --gold-mentions.",
    "RX388": "No threshold reaches a precision of {precision} on these data for {names}: such relations are never predicted. Ask "
    "for a lower precision, or give more documents.",
    "RX389": "The output {path} must be a folder that is new or empty, and not in the folder of the pipeline. Choose another, so "
    "that nothing is lost.",
    "RX390": "The calibration cannot be made as asked: {reason}",
    "RX391": "Scores must be finite numbers in [0, 1], at least one, with as many answers, right or wrong: there are {n} scores "
    "and {right} answers.",
    "RX392": "The picture of reliability is an .svg file, but not '{path}'. Choose another name with --reliability.",
    "RX393": "There is nothing to draw: no relation was predicted and no pair was scored.",
    "RX394": "{path} has no relations to learn constraints from. Give annotated documents, as for training.",
    "RX395": "{path} gives no hard negatives: it has {n} documents with {relations} relations. Give annotated documents with "
    "relations that the pipeline knows.",
    "RX396": "There is no way here to deny a sentence in {names}: {n} relations in such languages are left out of the test of "
    "negation. Known: {known}.",
    "RX397": "The {setting} must be relations of the data, but {names} occur nowhere. The data has: {known}.",
    # 400-419: corpora in shards
    "RX400": "Cannot read texts from '{path}': {reason}. Inputs are .jsonl, .txt (also .gz), .parquet and .spacy files, and "
    "folders of them.",
    "RX401": "Cannot write triples to the folder '{path}': {reason}.",
    "RX402": "'{path}' does not say what it should ({reason}). Begin the run anew with --overwrite.",
    "RX403": "Another run is at work in '{path}'. Wait for it, or give another folder.",
    "RX404": "The engine '{engine}' cannot be used so: {names}.",
    "RX405": "{shard}: {n} processes in a row have ended over this shard ({how}) and got no further. Is there enough memory? "
    "Fewer --workers or a smaller --batch-size need less. (A script of your own calls annotate_corpus behind `if __name__ == "
    "'__main__':`, since processes import it.)",
    "RX406": "{engine} has given up: {reason}",
    "RX407": "The run stops: {n} documents could not be used, and {max} may be (--max-errors). The first: {first} With another "
    "field or model, begin anew with --overwrite.",
    "RX408": "{message} (said by a process that annotates)",
    "RX409": "{n} of {total} shards are not done. The first, {name}: {reason} What is done is kept: when this is mended, the same "
    "command goes on.",
    "RX410": "{n} of the files in '{path}' are passed over, the first is {name}: their names end in none of {known}.",
    # 415-419: what annotation tools count, and keep
    "RX417": "{where}: the token at [{start}, {end}) is {found!r} by its offsets, which count UTF-16 units, but is given as "
    "{wanted!r}. Was the file edited since its export? Export the document again, or mend the line.",
    # 420-427, 429: serving over HTTP
    "RX420": 'The request cannot be read: {reason} Send {{"texts": [...]}}, each text a string, or an object with "text" and, '
    'where they are known, "lang" and "id".',
    "RX421": "The request is too large: {n} {what}, where {limit} are the most. Send it in parts.",
    "RX422": "The text cannot be taken: {reason}",
    "RX423": "The pipeline failed on this text ({kind}). The server's log says why.",
    "RX424": "Cannot listen at '{host}', port {port}: {reason} Choose another address or port (--host, --port).",
    "RX425": "The server is busy: {reason} Send the request again in a moment.",
    "RX426": "The body must be JSON, and say so: send it with the header Content-Type: application/json.",
    "RX427": "There is no such address, or it cannot be asked in this way. There are POST /extract, GET /health, GET /info and GET "
    "/openapi.json.",
    "RX428": "'{name}' is a fact_checker beside '{others}': of what both can tell (kb_score by embeddings, known by triples) the "
    "one that runs last holds, and neither gives a kb_rank without both. Give one fact_checker both embeddings and triples, and "
    "remove the other (nlp.remove_pipe).",
    "RX429": "The server failed to answer. Its log says why.",
    # 500-509: pairs as in training, gold relations without candidates, the order of components
    "RX500": "{docs} training Docs with {gold} gold {what} come without mentions, so '{name}' has no candidate pairs to learn "
    "from in them. Mentions must be where the entity_type_marker looks, on `example.predicted`. To train on gold mentions: "
    "in a config the reader spacy_relx.RelationCorpus.v1 with gold_mentions = true, in Python "
    "spacy_relx.formats.gold_example(doc). To train on predicted ones: a recogniser before the entity_type_marker, named "
    "under [training] annotating_components (nlp.update(..., annotates=[...])).",
    "RX501": "{docs} evaluated Docs with {gold} gold {what} have no mentions, so '{name}' finds nothing in them and these count "
    "as misses. Put a recogniser before the entity_type_marker. Or evaluate on gold mentions: python -m spacy relx evaluate "
    "with the option for these, in Python examples of spacy_relx.formats.gold_example(doc), in a config the reader "
    "spacy_relx.RelationCorpus.v1.",
    "RX502": "'{name}' proposes only pairs of mentions {reach}, as in training, where {across} of {relations} gold relations "
    "joined mentions of different sentences. Set its 'generator' to propose others (spacy_relx.AllPairs.v1), or to keep to "
    "one sentence without this message (spacy_relx.SameSentence.v1).",
    "RX503": "'{name}' gets pairs of mentions that lie {far} sentences apart, but training had only pairs {known}: what it says "
    "of the others is a guess. Let the entity_type_marker propose pairs as in training (generator = null), or train with "
    "such pairs. In: '{text}...'",
    "RX504": "'{name}' stands before '{names}' in the pipeline, so it gets Docs without mentions and proposes no pairs. Put it, "
    "and what uses its pairs, behind: nlp.add_pipe('{name}', after='{first}').",
    "RX505": "'{name}' gets a Doc in which nothing has looked for mentions, so there are no pairs and no relations. Put a "
    "recogniser before it in the pipeline (one that stands behind it comes too late), or give the Doc mentions "
    "(doc.ents, or the group '{key}' of doc.spans). In: '{text}...'",
    "RX506": "'{name}' was trained with relations across sentences ({across} of {relations}), but gets pairs within sentences "
    "alone: the others are not found. Use the entity_type_marker of its training, or give its marker a 'generator' such as "
    "spacy_relx.AllPairs.v1. In: '{text}...'",
    "RX507": "{apart} of {gold} gold {what} join mentions that the pipeline has, but of which the entity_type_marker proposes no "
    "pair: '{name}' cannot find them, and they count as misses. Training may have had none such; change the marker's "
    "'generator' or 'max_pairs'.",
    "RX508": "'{name}' gets mentions that are not linked to entities (kb_id), so there are no facts about them. Put an entity "
    'linker before it in the pipeline (one that stands behind it comes too late), or train with entities = "text". In: '
    "'{text}...'",
    "RX509": "In {n} updates in a row no gold {what} had a candidate pair, so '{name}' learns nothing. The mentions that it is "
    "given are not those of the gold data: train the recogniser first, or train on gold mentions (gold_mentions = true of "
    "spacy_relx.RelationCorpus.v1).",
    # 510-519: names of entity types
    "RX510": "The setting 'types' must be the name of a ready table, pairs {{\"recogniser's name\": \"training's name\"}}, or a "
    "list of such, but got {value!r}.",
    "RX511": "There is no ready table of entity types called '{name}'. Choose one of: {known}. Other names go into pairs, such "
    'as {{"PERSON": "PER"}}, or into a file of two columns divided by a tab (relx convert --types FILE).',
    "RX512": "The setting 'types' of '{name}' makes '{label}' into '{new}', an entity type of which training had none: {n} of "
    "the {total} mentions so far have it. They get the uniform marker, which costs accuracy. Types of training: {known}. Map "
    "'{label}' to one of these, or to \"\" to leave its mentions out.",
    "RX513": "'{setting}' of '{name}' has entity types of which training had none: {unknown}. No mention ever has them there. "
    "Types of training: {known}. Use these names: settings see the types as training calls them, whatever the recogniser does.",
    # 520-529: the direction of relations and facts
    "RX520": "{n} candidate pairs lie in two sentences and are left out: bags are made of single sentences. To propose only "
    "pairs of one sentence, give the entity_type_marker the generator spacy_relx.BagPairs.v1.",
    "RX521": "The setting 'symmetric' names relations that the gold data have not: {names}. They have: {known}. Is the name "
    "right, letter by letter?",
    # 530-539: what stands on a Doc, what a pipeline finds itself, and what it is given
    "RX530": "'{name}' was to train on gold mentions, but found none on the Docs: the component that marks them took none of the "
    "annotated documents. An entity_type_marker takes them in each training step: remove it from [training] frozen_components "
    "(it has nothing to train). To train on the mentions that the pipeline finds, name the component that finds them under "
    "[training] annotating_components.",
    "RX531": "The pipeline has no component that finds {what}: it has {names}. Add {advice}. If a component of your own finds "
    "them, let it say so: @Language.component(..., {declared}).",
    "RX532": "Several components find relations, or none has the name that was given. Name one of them with --component: {names}.",
    "RX533": "The predicted Docs already hold all {n} gold relations or facts, which no component found: they stood there before "
    "the pipeline ran, and the scores count them. Give Docs without them, such as Example(nlp.make_doc(gold.text), gold), or those "
    "of spacy_relx.RelationCorpus.v1.",
    "RX534": "[training.score_weights] weighs {wrong}, which is not measured: the pipeline {finds} component that finds mentions. "
    "So every model would score 0, and the first would be the best. Weigh {right} instead.",
    # 540-549: data on the Doc that follows the text
    "RX540": "{lost} of {total} {what} of the Doc '{text}...' are left out: the mention {mention!r} does not begin and end where "
    "tokens do. Put components that merge or split tokens before those that find mentions and relations, or run these "
    "again behind them.",
    "RX541": "The span {text!r} (characters {start} to {end}) does not begin and end where tokens of the Doc do: it was read "
    "before tokens were merged or split, or from a Doc with other tokens.",
    "RX542": "A {name} cannot be changed. Make another one, with dataclasses.replace or from scratch, and put it in the place of "
    "the old one.",
    "RX543": "doc._.removed_relations takes a list of mappings, relations with a 'reason' (a string), but got {value!r}. To clear "
    "it, assign an empty list.",
    "RX544": "Docs, or triples of spacy_relx.writers, can be exported, but got {value!r}. Relations and facts are exported with "
    "the Docs that they are on.",
    # 550-559: pipelines of other people
    "RX550": "The tokenizer of '{model}' is for the language '{base}', but this pipeline's language is '{lang}'. Set [nlp] "
    "lang, or --nlp.lang {base} on the command line.",
    # 560-569: dividing data, thresholds, prefixes
    "RX560": "The documents cannot be divided between {train} and {dev}: {reason}. Nothing was written. Give more data, another "
    "--split-by, or no second file (--dev).",
    "RX561": "'{setting}' of '{name}' must be a list of {form}, but has {value!r}.",
    "RX562": "'label_thresholds' of '{name}' names the relation {label!r}, which a config cannot hold as the name of a value. "
    "Give a list of pairs instead: [{pair!r}].",
    "RX563": "The prefix '{name}' means <{first}> in {path} and <{second}> in {other}. Queries take the first, unless they "
    "declare the prefix themselves.",
    "RX564": "The query uses prefixes that are not known: {names}. Declare them (PREFIX name: <IRI>), or use one of {known}.",
    # 570-579: offsets, fields and ids of annotated data
    "RX570": "{where}: the offsets of this text count {read}. Its mentions show that, or the other texts of the file, and they "
    "are read so: [{start}, {end}) is {mention!r}. Further such texts are counted with this. In: {text!r}",
    "RX571": "{where}: nothing shows what the offsets of this text count. They are read as {read}, so that [{start}, {end}) is "
    "{mention!r}. If they count {other}, it should be {rival!r}: check the mentions. Further such texts are counted with this. "
    "In: {text!r}",
    "RX572": "{where}: the mention [{start}, {end}) {mention!r} begins or ends in a blank; it is kept without. Further such "
    "mentions are counted with this. In: {text!r}",
    "RX573": "{where}: it cannot be told which field holds the annotated text: {reason}. {advice} In: {text!r}",
    "RX574": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}, which stands {shift} "
    "characters from there. The line ends of the text are not those of the text that was annotated (CR LF or LF), or are "
    "mixed. Restore the text as it was; git changes line ends where core.autocrlf is set. In: {text!r}",
    "RX575": "{where}: a relation joins mentions in two texts, '{head}' and '{tail}'; each text is a document of its own, and the "
    "relation is left out. Further such relations are counted with this. In: {text!r}",
    "RX576": "{where}: another text of this run has the same id, {id!r}, at {other}. What goes by ids takes the two for one "
    "document: give each an id of its own. Further such documents are counted with this. In: {text!r}",
    "RX577": "The labelling interface {path} cannot be read: {reason}. Copy it anew from the settings of the project, or remove "
    "the file.",
    "RX578": "{n} ids are those of several documents, which the output takes for one: {ids}. Give documents ids that are unlike "
    "all others, or none: then their file, number and text make them.",
    # 580-589: forms of names, ids, columns
    "RX580": "In {where}: {reason}. An id is a string or a whole number; null stands for none.",
    "RX581": "This cannot be written as JSON: {reason} JSON has no NaN and no Infinity, and UTF-8 no halves of characters. "
    "Which component sets that?",
    "RX582": "{where}: the first line names columns, but not so that they are known: {problem}. Known names ({known}). Name the "
    "columns so; a first line that is data needs one with names of columns before it. In: {text!r}",
    # 591-597: saved pipelines
    "RX591": "The file '{file}' of the saved component '{name}' is damaged: {reason}. Copy the pipeline anew from where it was "
    "saved. To leave out what is damaged, load it with exclude.",
    "RX592": "The file '{file}' of the saved component '{name}' cannot be read: {reason}. The pipeline's config.cfg describes "
    "another model than was saved, or the file was not written by this package.",
    "RX593": "The labels in the file '{file}' of the saved component '{name}' are not those that its weights were trained for. "
    "The folder mixes files of two pipelines: copy the pipeline anew.",
    "RX594": "The weights of '{name}' hold numbers that are not finite (NaN or infinite): '{param}', {count} of {size}. Training "
    "has diverged, or the file was changed: train anew, or take an earlier pipeline.",
    "RX595": "'{name}' computed scores that are not finite (NaN or infinite) for the Doc '{text}...', so nothing can be predicted. "
    "The weights of a component before it that gives it vectors are broken, or the Doc was set up with such vectors.",
    "RX596": "The transformer {name} is refused: its {file} asks for more than data ({reason}). This package never runs code "
    "that comes with a model. Take a model that transformers can load without trust_remote_code.",
    "RX597": "The transformer {name} is refused because of its file '{file}': {reason}. Copy the pipeline anew from where it was "
    "saved, or take a model of another kind.",
    # 598-609: inputs that change, what readers know of a file
    "RX598": "These inputs were changed while the run read them: {names}. Nothing of them counts as done. Wait until they are "
    "written, then give the same command again: it does them anew and keeps what is done of the others.",
    "RX599": "The report '{path}' is damaged ({reason}). Its shard is done anew.",
    "RX600": "{where}: {key} is not of the format, so that nothing of it is read ({n} times in this file).{hint} To make it an "
    "error, give --strict. In: {text!r}",
    "RX601": "{where}: no relation was found, nor any pair marked as not related, in {what}. Is a key misspelt or missing, or "
    "is it the file of another format? To make it an error, give --strict. {text}",
    "RX602": "{where}: {what} has {n} {unit}, and {limit} are the most that is read. Cut it, or leave it out (--on-error skip). "
    "In: {text!r}",
    "RX603": "The work is done, but the process did not end within {seconds:g} seconds and is ended. What its threads were at:",
}


class RelxError(ValueError):
    """An error of this package. `code` is its code (`RX...`); the message starts with it.

    code: key of `MESSAGES`. **values: what the message's fields are filled with.
    """

    def __init__(self, code: str, **values: Any):
        self.code = code
        super().__init__(f"[{code}] {MESSAGES[code].format(**values)}")

    def __reduce__(self) -> tuple[Any, ...]:
        # that of an exception would give the message for the code when another process unpickles it
        return _restore, (self.code, str(self))


def _restore(code: str, message: str) -> RelxError:
    error = RelxError.__new__(RelxError, message)
    error.code = code
    return error


class RelxWarning(UserWarning):
    """A warning of this package; its text starts with the code."""


def sentence(message: object) -> str:
    """A message that ends in a full stop, one."""
    return str(message).rstrip(" .\n") + "."


def listed(names: Iterable[str], limit: int = 10) -> str:
    """The first names, in order, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more


#: Packages whose lines mean nothing to whoever reads a warning: ours, and those that call our components.
_LIBRARIES = {"spacy_relx", "spacy", "thinc"}


def warn(code: str, **values: Any) -> None:
    """Issue the coded warning as a `RelxWarning`, as of the nearest line that is neither ours nor of spaCy."""
    warnings.warn(RelxWarning(f"[{code}] {MESSAGES[code].format(**values)}"), stacklevel=_level_outside())


def _level_outside() -> int:
    """The stacklevel for `warn` of the nearest line outside of `_LIBRARIES`; that of its caller where there is none."""
    frame, level = sys._getframe(2), 2
    while frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
        if frame.f_back is None:
            return 2
        frame, level = frame.f_back, level + 1
    return level
