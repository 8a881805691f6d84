"""All errors and warnings of the package, coded, in one place.

A message says what was wrong, where, and what to do. Tests match the code (`RX101`), users search for it.
"""

from __future__ import annotations

import warnings
from typing import Any

MESSAGES: dict[str, str] = {
    # 001-019: data on the Doc
    "RX001": "The extension Doc._.{name} already exists and is not spacy_relx's. Another package registered it first: "
    "remove that extension (Doc.remove_extension('{name}')) before importing spacy_relx, or use one of the two.",
    "RX002": "A mention must be a Mention, a Span or a mapping with 'start', 'end' and 'label', but got {value!r}.",
    "RX003": "The mention [{start}, {end}) does not fit a Doc of {length} tokens. Offsets count tokens, end exclusive, "
    "and start must be smaller than end.",
    "RX004": "A relation must be a Relation or a mapping with 'head', 'label' and 'tail', but got {value!r}.",
    "RX005": "The package '{package}' is needed for {purpose}. Install it with: pip install spacy-relx[{extra}]",
    "RX006": "A language must be a string such as 'en', or None for unknown, but got {value!r}.",
    "RX007": "doc._.relations takes a list of relations, but got {value!r}. To clear it, assign an empty list.",
    "RX008": "{name} is read-only, it is made from {source}. Change {source} instead.",
    "RX009": "doc._.candidates takes a Candidates object, but got {value!r}.",
    "RX010": "A bag is about an ordered pair of entities: give their ids as {{'head': ..., 'tail': ...}}, two strings that "
    "are not empty, but not {value!r}.",
    "RX011": "Evidence must be an Evidence or a mapping with 'start', 'end', 'head', 'tail' and 'weight', but got {value!r}.",
    "RX012": "A fact must be a Fact or a mapping with 'head', 'label' and 'tail' (strings that are not empty) and a 'score', "
    "but got {value!r}.",
    "RX013": "doc._.facts takes a list of facts, but got {value!r}. To clear it, assign an empty list.",
    "RX014": "doc._.fact_scores takes a FactScores object, but got {value!r}.",
    # 040-049: language router
    "RX040": "The component '{name}' cannot name the language of a text: its Doc has no language set, no metadata "
    "says it, there is no default, and {reason}. Do one of: configure a detector and install its package "
    "(pip install spacy-relx[langid]), set 'default' in the component's config, or set doc._.lang.",
    "RX041": "The component '{name}' goes on without language detection (default: {default!r}): {reason}",
    "RX042": "In {where}: a language must be an ISO 639 code such as 'en' or 'pt-BR', but got {value!r}.",
    "RX043": "The language detector must return one code (or None) for each of the {texts} texts, but returned "
    "{answers}.",
    "RX044": "The language detector cannot choose from the languages {unknown}. Known codes: {known}.",
    "RX045": "The setting 'min_score' is a probability in [0, 1], but got {min_score!r}.",
    # 020-039: candidates and the entity type marker
    "RX020": "The generator spacy_relx.SameSentence.v1 needs sentence boundaries, but the Doc '{text}...' has none. Add "
    "a 'sentencizer' or a parser before the entity_type_marker, or use spacy_relx.AllPairs.v1.",
    "RX021": "The setting '{name}' is {value!r}, but must be {need}.",
    "RX022": "spacy_relx.TypedPairs.v1 needs 'allowed' as a list of [head type, tail type], but got {value!r}.",
    "RX023": "A candidate generator broke its contract on the Doc '{text}...': it must yield integer arrays of shape "
    "(n, 2) whose rows are two different places among the {n} mentions.",
    "RX024": "The Doc '{text}...' has {total} candidate pairs; the {limit} nearest are kept and {dropped} are left out. "
    "Raise 'max_pairs' of the entity_type_marker, or choose a generator that proposes fewer pairs.",
    # 100-119: data formats
    "RX100": "The format '{name}' is unknown. Known formats: {known}.",
    "RX101": "{where}: this is not JSON: {reason}. In: {text!r}. Is the file of this format? In folders, choose files "
    "with a pattern (--pattern '*.jsonl'); to leave broken lines out, skip errors (--on-error skip).",
    "RX102": "{where}: {problem}. In: {text!r}. docs/formats.md describes the formats.",
    "RX103": "{where}: the mention [{start}, {end}) does not fit {length} {unit}. Offsets begin at 0, and the end is the "
    "first of the {unit} behind the mention. In: {text!r}",
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
    "RX119": "The setting '{name}' is {value!r}, but must be {need}.",
    # 120-129: conversion
    "RX120": "There is no input at {path}: {reason}.",
    "RX121": "Nothing was written to {path}: {reason}",
    "RX122": "The output must be a file that ends in .spacy and is no input (nor the table of labels), but is {path}. The "
    "output comes last: relx convert FORMAT INPUT... OUTPUT.spacy",
    "RX123": "The file {path} cannot be written: {reason}.",
    "RX124": "There is no table of labels at {path}. Give a file of two columns divided by a tab, the name of the relation in "
    "the data and the name to give it.",
    "RX125": "{where}: {problem}. A line of a table of labels is the name of the relation in the data, a tab and the name to "
    "give it (nothing, to leave the relation out), and each name has one line. In: {text!r}",
    "RX126": "The table of labels {path} renamed nothing and left out nothing: {n} relations were read, with labels that it "
    "does not name ({labels}). Is it the table for this data? Its first column must have the labels of the data.",
    # 130-139: reading training data
    "RX130": "The path of a corpus cannot be None. Maybe you forgot to give it in the config, or on the command line "
    "(--paths.train, --paths.dev)?",
    "RX131": "There are no annotated documents at {path}: {reason}. Give a .spacy file or a folder of such; they are made "
    "with: python -m spacy relx convert",
    "RX132": "{path} is no .spacy file, or a broken one: {reason}. Such files are made with: python -m spacy relx convert",
    "RX133": "{n} Docs of {path} are longer than max_length ({max_length} tokens): they were split between sentences; {lost} "
    "sentences or Docs without sentence boundaries are still too long and are left out, and {relations} relations "
    "went with them or lay across the cut. Raise max_length, or 0 for no limit.",
    "RX134": "{path} has no Docs to train on: {reason}",
    "RX135": "Mentions can only be copied between Docs of the same text (whitespace aside), but these are {reference!r} and "
    "{predicted!r}.",
    "RX025": "None of a Doc's entity types ({found}) is among those that '{name}' was trained with ({known}). Its mentions "
    "are marked uniformly, which costs accuracy. Rename the types of your entity recogniser to those of training, or "
    "train with its types.",
    # 050-079: the relation extractor and its model
    "RX050": "The model has not been initialised: it has no weights yet. Train it (nlp.initialize, spacy train) or load a "
    "trained pipeline.",
    "RX051": "The saved weights do not fit the model that the config describes: '{name}' is {found}, but the model wants "
    "{wanted} ({count} such). The pipeline's config.cfg was changed after training, or the folder mixes two pipelines.",
    "RX052": "The relation '{label}' cannot be added to '{name}': the model is built for its labels. Add all labels "
    "before nlp.initialize, and train anew.",
    "RX053": "No relations found for '{name}': the training data has no Doc with relations. Check the files "
    "(python -m spacy relx convert reports what it wrote), or give the labels in [initialize.components.{name}].",
    "RX054": "'{name}' found no candidate pairs on the Docs: no entity_type_marker ran on them. Put an "
    "'entity_type_marker' before '{name}' in the pipeline, and for training name it in the config: [training] "
    'annotating_components = ["entity_type_marker"].',
    "RX055": "The training data has the relation '{label}', which is not among the labels of '{name}' (Doc '{text}...'). "
    "Labels are fixed at initialisation: initialise with all training data, or add it to the labels file.",
    "RX056": "The loss of '{name}' is {loss}: training has diverged. Lower [training.optimizer] learn_rate, or set "
    "grad_clip = 1.0.",
    "RX057": "'label_thresholds' of '{name}' names relations that it does not know: {names}. They do nothing. Its relations: "
    "{known}.",
    "RX058": "Only {covered} of {gold} gold relations of the first training Docs have a candidate pair; '{name}' cannot "
    "learn the rest. Check that the mentions are where the entity_type_marker looks ('spans_key'), and that its "
    "'generator' and 'max_pairs' propose what is annotated.",
    # 080-099: transformers and marked texts
    "RX080": "The transformer {name} cannot be loaded: {reason} Give the name of a model of the Hugging Face hub, or a "
    "folder that holds one (config.json, the tokenizer's files, model.safetensors).",
    "RX081": "The settings of spacy_relx.MarkedModel.v1 do not go together: {problem}.",
    "RX082": "The transformer is of the type '{kind}', which cannot have markers beside the text. Types that can: {known}, "
    'with absolute positions. Use mode = "single", or mode = "shared" with inline = true.',
    "RX083": "{count} mentions of the Doc '{text}...' are longer than {limit} subwords and are marked up to there.",
    "RX084": "The transformer is of the type '{kind}', in which {layers} layers are found: layers or freeze_layers = "
    "{wanted}, or layer_decay, cannot be had. Take fewer, or leave them at null, 0 and 1.",
    # 170-219: evaluation, command line, pictures
    "RX170": "Relations cannot be matched by {match!r}. Choose {known}.",
    "RX171": "The pipeline found no entities in any of the {n} documents, so there was nothing to relate and every gold "
    "relation counts as a miss. Give the gold mentions to the pipeline (evaluate(..., gold_entities=True), on the command "
    "line --gold-entities), or put a component that finds entities before the entity_type_marker.",
    "RX172": "{missing} of {n} documents did not come out of the pipeline: the error handler of a component dropped them. "
    "Their gold relations count as misses.",
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
    "RX182": "Cannot read texts from '{path}': {reason} Give a .txt file (one text a line), a .jsonl file (one "
    '{{"text": ..., "lang": ..., "id": ...}} a line), a .spacy file, or - for lines from standard input.',
    "RX183": "{where}: {reason} Mend it, or leave such texts out with --on-error skip.",
    "RX184": "{n} texts were left out, the first at {where}: {reason}",
    "RX185": "Without a pipeline there are only the relations that the documents have already: '{path}' must be a .spacy "
    "file. For plain texts, name a pipeline instead of -.",
    "RX186": "Cannot write '{path}': {reason} Choose another place with --output.",
    "RX187": "Cannot use GPU {gpu}: {reason} Leave --gpu-id out to run on the CPU.",
    "RX189": "The output {path} is one of the inputs, which would be lost. Choose another place with --output.",
    "RX188": "Cannot import the code file '{path}': {reason}",
}


class RelxError(ValueError):
    """An error of this package. `code` is its code (`RX...`); the message starts with it.

    code: key of `MESSAGES`. **values: what the message's fields are filled with.
    """

    def __init__(self, code: str, **values: Any):
        self.code = code
        super().__init__(f"[{code}] {MESSAGES[code].format(**values)}")


class RelxWarning(UserWarning):
    """A warning of this package; its text starts with the code."""


def warn(code: str, stacklevel: int = 3, **values: Any) -> None:
    """Issue the coded warning as a `RelxWarning`."""
    warnings.warn(RelxWarning(f"[{code}] {MESSAGES[code].format(**values)}"), stacklevel=stacklevel)
