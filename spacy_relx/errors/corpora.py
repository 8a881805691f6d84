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
        "RX130": "The path of a corpus cannot be None. Maybe you forgot to give it in the config, or on the command "
        "line (--paths.train, --paths.dev)?",
    },
    DataError: {
        "RX135": "Mentions can only be copied between Docs of the same text (whitespace aside), but these are "
        "{reference!r} and {predicted!r}.",
        "RX140": "A sentence of a bag must say which entities it is about: the ids (kb_id) of head and tail are "
        "missing, or one of them, for {head!r} and {tail!r} in '{text}...'. Formats with ids are opennre, "
        "gids, nyt10, dbpedia_pt, docred and jsonl ('kb_id'); an entity linker sets them on texts.",
        "RX143": "{where} is no bag: doc._.bag is not set. Bags are made of annotated sentences with: python -m spacy "
        "relx bags SENTENCES.spacy BAGS.spacy",
        "RX144": "The bag of ({head}, {tail}) that begins with '{text}...' is not made as a bag must be: {reason}. It "
        "must have one or more sentences, with sentence starts set, and in doc.spans['mentions'] two "
        "mentions for each, head and tail, with their ids as kb_id. python -m spacy relx bags makes such "
        "bags of annotated sentences.",
        "RX560": "The documents cannot be divided between {train} and {dev}: {reason}. Nothing was written. Give more "
        "data, another --split-by, or no second file (--dev).",
    },
    EmptyDataError: {
        "RX131": "There are no annotated documents at {path}: {reason}. Give a .spacy file or a folder of such; they "
        "are made with: python -m spacy relx convert",
        "RX134": "{path} has no Docs to train on: {reason}",
        "RX142": "No bags for {path}: {reason}. {advice}",
        "RX146": "{path} has no sentence in the languages of the setting 'langs', {langs}. Its sentences are in "
        "{found} ('' stands for unknown: relx convert --lang sets it).",
    },
    DamagedFileError: {
        "RX132": "{path} is no .spacy file, or a broken one: {reason}. Such files are made with: python -m spacy relx "
        "convert",
    },
    OutputError: {
        "RX141": "The sentences of bags wait in temporary files in {folder}, which cannot be written or read: "
        "{reason}. Choose a place with more room by the environment variable TMPDIR.",
        "RX145": "Bags cannot be written to {path}: {reason}. Give a file that ends in .spacy, or a folder that is "
        "new or has nothing but bags in it (bags-00000.spacy, ...).",
    },
    RelxWarning: {
        "RX133": "{n} Docs of {path} are longer than max_length ({max_length} tokens): they were split between "
        "sentences; {lost} sentences are still too long and are left out, and {relations} relations went "
        "with them or lay across the cut. Raise max_length, or 0 for no limit.",
        "RX147": "{path} has no sentence in {missing}, of the languages of the setting 'langs'. Its sentences are in "
        "{found}.",
    },
}
