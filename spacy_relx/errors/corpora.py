"""Training data, bags and division of data."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    Messages,
    OutputError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX130": "The path of a corpus is None. Set it in the config, or on the command line (--paths.train, "
        "--paths.dev).",
        "RX745": "The sources of a mixed corpus cannot be used: {problem}. Each is a name with a 'reader', "
        "spacy_relx.RelationCorpus.v1, and a 'weight', such as 2.0.",
        "RX747": "The wordings of an augmenter for {lang!r} cannot be used: {problem}. Give lists of texts with {{}} for "
        "the sentence, by kind: negation, hypothesis, question, affirmed.",
    },
    DataError: {
        "RX135": "Mentions can be copied only between Docs of the same text (ignoring whitespace), but the texts are "
        "{reference!r} and {predicted!r}.",
        "RX140": "A sentence of a bag must link its head and tail to entities, but {head!r} or {tail!r} has no id "
        "(kb_id) in '{text}...'. The formats opennre, gids, nyt10, dbpedia_pt, docred and jsonl ('kb_id') "
        "have ids; for texts, an entity linker sets them.",
        "RX143": "{where} is not a bag: doc._.bag is not set. Make bags of annotated sentences with: python -m spacy "
        "relx data bags SENTENCES.spacy --output BAGS.spacy",
        "RX144": "The bag of ({head}, {tail}) that starts with '{text}...' is malformed: {reason}. It must have one "
        "or more sentences, with sentence starts set, and two mentions for each in doc.spans['mentions'], "
        "head and tail, with their ids as kb_id. Make bags of annotated sentences with: python -m spacy relx "
        "data bags SENTENCES.spacy --output BAGS.spacy",
        "RX560": "The documents cannot be divided between {train} and {dev}: {reason}. Nothing was written. Use more "
        "data, another --split-by, or no second file (--dev).",
    },
    EmptyDataError: {
        "RX131": "There are no annotated documents at {path}: {reason}. Give a .spacy file or a folder of .spacy "
        "files, made with: python -m spacy relx data convert",
        "RX134": "{path} has no Docs to train on: {reason}.",
        "RX142": "There are no bags to write to {path}: {reason}.\nA sentence belongs to a bag if it has a relation, or"
        " exactly two mentions, between entities that have different ids (kb_id): see docs/bags.md.",
        "RX146": "{path} has no sentence in the languages of the setting 'langs', {langs}. Its sentences are in "
        "{found} ('' is unknown: set it with relx data convert --lang).",
    },
    DamagedFileError: {
        "RX132": "{path} is not a valid .spacy file: {reason}. Make .spacy files with: python -m spacy relx data convert",
    },
    OutputError: {
        "RX145": "Bags cannot be written to {path}: {reason}. Give a file that ends in .spacy, or a folder that is "
        "new or contains only bags (bags-00000.spacy, ...).",
    },
    RelxWarning: {
        "RX133": "{n} Docs of {path} are longer than max_tokens ({max_tokens} tokens) and were split at sentence "
        "boundaries. {lost} sentences are still too long and are left out; {relations} relations were lost "
        "in them or across the cuts. Raise max_tokens, or set it to 0 for no limit.",
        "RX746": "{n} Docs are needed to show all relations, entity types and languages of the sources of a mixed corpus, "
        "but with max_epochs = -1 components are initialized with {limit}. Set max_epochs to 0, train with relx train, "
        "or give the components their labels under [initialize.components].",
        "RX748": "The augmenter spacy_relx.Unasserted.v1 has no wordings for the languages of the data, {found} ('' is "
        "unknown: set it with relx data convert --lang), so it adds nothing. It has some for: {known}. Others can be "
        "given in its setting 'wordings'.",
        "RX147": "{path} has no sentence in {missing}, which the setting 'langs' names. Its sentences are in {found}.",
    },
}
