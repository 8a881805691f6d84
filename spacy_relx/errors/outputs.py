"""Command line, export, graphs and pictures."""

from .classes import (
    DamagedFileError,
    DataError,
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
        "RX185": "Without a pipeline, only relations that documents already have can be shown, so '{path}' must be a "
        ".spacy file. For plain texts, name a pipeline with --model; triples of other files can be browsed (--style browse).",
        "RX325": "The output for {tool} must end in {suffix}, but is {path}.",
        "RX332": "The format of {path} cannot be determined from its ending. Name it with --to, or use one of the "
        "endings {known}.",
        "RX334": "In {where}, {value!r} is not a valid IRI. A base is an http, https or urn IRI without blanks, # and "
        "?, such as http://example.org/. A rule is PREFIX=IRI, =IRI, or one of the names {names}.",
        "RX347": "{option} does not apply to the format {format}. It applies to: {known}.",
        "RX353": "This format writes a folder of files ({names}), which a stream cannot hold. Name a folder.",
        "RX360": "The width of a picture must be {least} to {most} pixels, not {width}.",
        "RX367": "The options contradict each other: {reason}. For arcs in a page use --style arcs, for a picture of "
        "arcs an output that ends in .svg.",
        "RX368": "The output {path} has the wrong ending for {kind}. Use one of: {known}.",
    },
    DataError: {
        "RX183": "{where}: {reason}. Correct the text, or leave out broken ones with --on-error skip.",
        "RX337": "The triple {triple} has a score that is not finite ({value}). Train or predict again, or leave out "
        "the triple.",
        "RX339": "{where}: {reason}. In: {text!r}. Give lines of relx predict, relx facts or relx export; to skip "
        "broken lines, use --on-error skip.",
    },
    MissingFileError: {},
    InputError: {
        "RX182": "The texts of {path} cannot be read: {reason}. Texts are files in .txt (one a line), .jsonl (one "
        '{{"text": ..., "lang": ..., "id": ...}} a line), .spacy or .parquet, also packed as .gz, or - for '
        "lines from standard input.",
        "RX338": "{path} cannot be read as triples: {reason}. Give .spacy files with relations or facts, Parquet "
        "files of relx annotate or relx export, JSON Lines of relx predict, relx facts or relx export (- for "
        "standard input), or folders of these.",
        "RX341": "{path} cannot be read as RDF: {reason}. The ending of the file determines its syntax.",
        "RX350": "The meta.json of the pipeline {path} cannot be read: {reason}. Set --model to a name, or to the "
        "folder of a pipeline.",
    },
    DamagedFileError: {},
    OutputError: {
        "RX181": "The output {path} is in the folder of the pipeline {model}, whose files would be overwritten or "
        "mixed with others. Choose another path with --output.",
        "RX186": "{path} cannot be written: {reason}. Choose another path, or check its permissions and free space.",
        "RX189": "The output {path} is one of the inputs, which would be overwritten. Choose another path with "
        "--output.",
        "RX320": "The output {path} must be a new or an empty folder, so that nothing is overwritten. Choose another "
        "folder.",
        "RX333": "The temporary database in which rows wait failed: {reason}. Make room in the folder for temporary "
        "files, or choose another with the environment variable TMPDIR.",
    },
    QueryError: {
        "RX344": "The query cannot be answered: {reason}. Queries are SPARQL 1.1 and read-only: SELECT, ASK, "
        "CONSTRUCT or DESCRIBE.",
        "RX345": "The query has a SERVICE, but queries cannot access the network. Load data from elsewhere with relx "
        "graph build.",
        "RX346": "The query was stopped: it took more than {seconds:g} seconds. Narrow it, or raise the limit "
        "(--timeout).",
        "RX355": "The query was stopped: it needs more than {gigabytes} GB of memory. Narrow it.",
        "RX564": "The query uses undeclared prefixes: {names}. Declare them (PREFIX name: <IRI>), or use one of "
        "{known}.",
    },
    RelxWarning: {
        "RX184": "{n} texts were left out, the first at {where}: {reason}.",
        "RX336": "There are no triples to export. {path} is valid, but empty.",
        "RX348": "{n} broken lines were left out, the first at {where}: {reason}.",
        "RX349": "There are more than {limit} rows; the rest are left out. Raise --limit, or set it to 0 for all rows.",
        "RX365": "{n} triples do not give the sentence and place of their mentions. They are not on the page.",
        "RX563": "The prefix '{name}' means <{first}> in {path} and <{second}> in {other}. Queries use the first, "
        "unless they declare the prefix themselves.",
        "RX578": "{n} ids belong to several documents, which the output treats as one: {ids}. Give each document its "
        "own id, or none: then the ids are made from file, number and text.",
    },
}
