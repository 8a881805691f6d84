"""Command line, export, graphs and pictures."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    Messages,
    MissingFileError,
    OutputError,
    QueryError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX185": "Without a pipeline there are only the relations that the documents have already: '{path}' must be a "
        ".spacy file. For plain texts, name a pipeline instead of -.",
        "RX330": "The format '{name}' is unknown. Triples can be written as: {known}.",
        "RX331": "What is exported of a Doc is one of {known}, but not {value!r}.",
        "RX332": "What format {path} shall have cannot be told by its ending. Name it with --to, or let the file end "
        "in one of {known}.",
        "RX334": "In {where}: {value!r} gives no IRI. A base is an http, https or urn IRI without blanks, # and ?, "
        "such as http://example.org/, and a rule is PREFIX=IRI, =IRI, or one of the names {names}.",
        "RX347": "{option} says nothing about the format {format}. It is for: {known}.",
        "RX353": "This format is a folder of files ({names}), which a stream cannot hold. Name a folder.",
        "RX360": "A picture can be {least} to {most} pixels wide, not {width}. Give another width.",
        "RX361": "'{style}' is no way to show relations. Known: {known}.",
        "RX367": "The options contradict each other: {reason}. For arcs in a page give --style arcs, for a picture of "
        "arcs an output that ends in .svg.",
        "RX368": "{path} is no name for what is written, {kind}. Let it end in one of {known}.",
    },
    DataError: {
        "RX183": "{where}: {reason} Mend it, or leave such texts out with --on-error skip.",
        "RX337": "The triple {triple} has a number that is not finite ({value}) where a score is expected. Train or "
        "predict anew, or leave the triple out.",
        "RX339": "{where}: {reason}. In: {text!r}. Lines are those of relx predict, relx facts or relx export; to "
        "leave broken ones out, skip errors (--on-error skip).",
        "RX352": "{where}: {reason}. Set doc.user_data['id'] to one, or leave it out.",
        "RX363": "{where}: {reason}. Lines are those of relx predict, relx facts or relx export; to leave broken ones "
        "out, skip errors (--on-error skip).",
    },
    EmptyDataError: {
        "RX366": "There is nothing to show: {where} holds no documents.",
    },
    MissingFileError: {
        "RX354": "There is no file {path} to build a graph of. relx export writes one: relx export INPUT triples.ttl",
    },
    InputError: {
        "RX182": "Cannot read texts from '{path}': {reason} Give a .txt file (one text a line), a .jsonl file (one "
        '{{"text": ..., "lang": ..., "id": ...}} a line), a .spacy file, or - for lines from standard input.',
        "RX338": "{path} cannot be exported: {reason}. Give .spacy files with relations or facts, Parquet files of "
        "relx annotate or relx export, JSON Lines of relx predict, relx facts or relx export (- for standard "
        "input), or folders of these.",
        "RX340": "{path} is no file of RDF triples that a graph can be built of. Such files end in {known}; relx "
        "export writes them.",
        "RX362": "No page can be made of {path}: {reason}. Give .spacy files with relations, Parquet files of relx "
        "annotate or relx export, JSON Lines of relx predict, relx facts or relx export (- for standard "
        "input), or folders of these.",
    },
    DamagedFileError: {
        "RX341": "{path} cannot be read as RDF: {reason}. The ending of a file says which syntax it has.",
        "RX342": "{path} holds no graph: {reason}. Make one with relx graph build.",
        "RX350": "The meta.json of the pipeline {path} cannot be read: {reason}. Give --model a name, or the folder "
        "of a pipeline.",
    },
    OutputError: {
        "RX181": "The output {path} lies in the folder of the pipeline {model}, whose files would be lost or mixed "
        "with others. Choose another place with --output.",
        "RX186": "Cannot write '{path}': {reason} Choose another place with --output.",
        "RX189": "The output {path} is one of the inputs, which would be lost. Choose another place with --output.",
        "RX333": "Triples wait in a temporary database to be merged, and it failed: {reason}. Is there room in the "
        "folder for temporary files? (TMPDIR names another.)",
        "RX335": "{path} cannot be written: {reason}. Choose another name, or make room there.",
        "RX343": "{path} lies in the folder {folder}, which is replaced by the new graph. Choose another folder.",
    },
    QueryError: {
        "RX344": "The graph cannot answer: {reason}. Queries are SPARQL 1.1: SELECT, ASK, CONSTRUCT or DESCRIBE, "
        "which change nothing.",
        "RX345": "The query has a SERVICE, which would ask another machine. A graph is asked by itself: load what you "
        "need from elsewhere with relx graph build.",
        "RX346": "The query found no answer within {seconds:g} seconds and was given up. Make it narrower, or allow "
        "more (--timeout).",
        "RX355": "The query needs more than {gigabytes} GB of memory and was ended. Make it narrower.",
        "RX564": "The query uses prefixes that are not known: {names}. Declare them (PREFIX name: <IRI>), or use one "
        "of {known}.",
    },
    RelxWarning: {
        "RX184": "{n} texts were left out, the first at {where}: {reason}",
        "RX336": "There are no triples to export: {path} is valid, but empty.",
        "RX348": "{n} broken lines were left out, the first: {where}: {reason}.",
        "RX349": "There are more than {limit} rows, and the others are left out. Ask for more with --limit, 0 for all.",
        "RX364": "{n} broken lines were left out, the first: {where}: {reason}.",
        "RX365": "{n} triples do not say in which sentence their mentions stand, and where. They are not on the page.",
        "RX563": "The prefix '{name}' means <{first}> in {path} and <{second}> in {other}. Queries take the first, "
        "unless they declare the prefix themselves.",
        "RX578": "{n} ids are those of several documents, which the output takes for one: {ids}. Give documents ids "
        "that are unlike all others, or none: then their file, number and text make them.",
    },
}
