"""Data formats and conversion."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    Messages,
    MissingFileError,
    OutputError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX119": "The setting '{name}' is {value!r}, but must be {need}.",
        "RX122": "The output must be a file that ends in .spacy and is no input (nor a table of names), but is "
        "{path}. The output comes last: relx convert FORMAT INPUT... OUTPUT.spacy",
        "RX325": "The output for {tool} must end in {suffix}, but is {path}.",
    },
    DataError: {
        "RX100": "The format '{name}' is unknown. Known formats: {known}.",
        "RX101": "{where}: this is not JSON: {reason}. In: {text!r}. Is the file of this format? In folders, choose "
        "files with a pattern (--pattern '*.jsonl'); to leave broken lines out, skip errors (--on-error "
        "skip).",
        "RX102": "{where}: {problem}. In: {text!r}. docs/formats.md describes the formats.",
        "RX103": "{where}: the mention {span} does not fit {length} {unit}. Offsets begin at 0, and the end is the "
        "{end_is} mention. In: {text!r}",
        "RX104": "{where}: a relation names the mention {value}, but there is none such among {n}. Heads and tails "
        "are places in the list of mentions, from 0, or ids of mentions. In: {text!r}",
        "RX105": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}. Offsets "
        "count characters (code points, not bytes or UTF-16 units). In: {text!r}",
        "RX106": "{where}: the sentence must have <e1>..</e1> and <e2>..</e2>, once each, but {problem}. In: {text!r}",
        "RX107": "{where}: the line behind the sentence must be a label such as 'Cause-Effect(e1,e2)', 'Other' or "
        "'no_relation', but is {label!r}. In: {text!r}",
        "RX108": "{where}: this is not UTF-8 ({reason} at byte {offset}). Save the file as UTF-8. In: {text!r}",
        "RX111": "{where}: the line has {n} columns, but must have {wanted}, divided by tabs: {columns}. In: {text!r}",
        "RX114": "{where}: no Doc can be made of this: {reason}. In: {text!r}",
        "RX115": "{where}: the {role} {name!r} is not in the sentence, neither as a word nor as a sequence of words, "
        "or only where the other entity is. To leave such lines out, skip errors (--on-error skip). In: "
        "{text!r}",
        "RX125": "{where}: {problem}. A line of a table of {kind} is the name of the {thing} in the data, a tab and "
        "the name to give it (nothing, to leave the {thing} out), and each name has one line. In: {text!r}",
        "RX300": "The format of {path} cannot be told: {reason}. Name the format instead of 'auto', see "
        "docs/formats.md; in folders, choose files with a pattern (--pattern '*.jsonl').",
        "RX301": "The inputs are of different formats: {found}. Convert them one by one, or choose files with a "
        "pattern (--pattern '*.jsonl').",
        "RX309": "{where}: the {what} is longer than {limit} bytes. That is no annotated text: is the file of this "
        "format? {text}",
        "RX310": "{where}: this is Label Studio's export JSON_MIN, which has lost the relations. Export the project "
        "as JSON. In: {text!r}",
        "RX311": "{where}: this is {found}, which cannot be read. Export the document as {wanted}. {text}",
        "RX316": "{where}: doc._.rel is a {found}, but in this format it is {wanted}. Is the format {other}? In: "
        "{text!r}",
        "RX317": "{where}: no document of this file has anything in doc._.rel. If its relations are in "
        "doc._.relations, there is nothing to convert. Was it saved with store_user_data? {text}",
        "RX326": "{where}: the mention of the tokens {start} to {last} is listed for sentence {number}, which has the "
        "tokens {first} to {end} of the document. Offsets count tokens of the whole document, ends "
        "inclusive. In: {text!r}",
        "RX417": "{where}: the token at [{start}, {end}) is {found!r} by its offsets, which count UTF-16 units, but "
        "is given as {wanted!r}. Was the file edited since its export? Export the document again, or mend "
        "the line.",
        "RX573": "{where}: it cannot be told which field holds the annotated text: {reason}. {advice} In: {text!r}",
        "RX574": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}, which "
        "stands {shift} characters from there. The line ends of the text are not those of the text that was "
        "annotated (CR LF or LF), or are mixed. Restore the text as it was; git changes line ends where "
        "core.autocrlf is set. In: {text!r}",
        "RX582": "{where}: the first line names columns, but not so that they are known: {problem}. Known names "
        "({known}). Name the columns so; a first line that is data needs one with names of columns before "
        "it. In: {text!r}",
        "RX600": "{where}: {key} is not of the format, so that nothing of it is read ({n} times in this file).{hint} "
        "To make it an error, give --strict. In: {text!r}",
        "RX601": "{where}: no relation was found, nor any pair marked as not related, in {what}. Is a key misspelt or "
        "missing, or is it the file of another format? To make it an error, give --strict. {text}",
        "RX602": "{where}: {what} has {n} {unit}, and {limit} are the most that is read. Cut it, or leave it out "
        "(--on-error skip). In: {text!r}",
    },
    EmptyDataError: {
        "RX324": "{n} texts were read, but there is nothing to write. Give texts that are not empty.",
    },
    MissingFileError: {
        "RX120": "There is no input at {path}: {reason}.",
        "RX124": "There is no table of {kind} at {path}. Give a file of two columns divided by a tab, the name of the "
        "{thing} in the data and the name to give it{more}.",
        "RX302": "{where}: there is no text beside these annotations: {name} is missing. brat keeps a text and its "
        "annotations in one folder, under one name. {text}",
    },
    InputError: {
        "RX109": "{where}: the file cannot be read on: {reason}. {text}",
    },
    DamagedFileError: {
        "RX577": "The labelling interface {path} cannot be read: {reason}. Copy it anew from the settings of the "
        "project, or remove the file.",
    },
    OutputError: {
        "RX121": "Nothing was written to {path}: {reason}",
        "RX123": "The file {path} cannot be written: {reason}.",
        "RX320": "The output {path} must be a folder that is new or empty. Choose another, so that nothing is lost.",
    },
    RelxWarning: {
        "RX110": "{where}: the mention [{start}, {end}) {mention!r} does not begin and end where tokens do ({tokens}) "
        "and is left out; --alignment expand or contract keeps such mentions. In: {text!r}",
        "RX112": "{where}: a relation joins tokens [{start}, {end}), which are no mention; they were made one. In: "
        "{text!r}",
        "RX113": "{where}: the relation '{label}' joins a mention with itself; it was kept, but no candidate pair "
        "will ever cover it. In: {text!r}",
        "RX116": "{where}: the sentence does not have both {head!r} and {tail!r}, apart from each other; the record "
        "is left out. In: {text!r}",
        "RX117": "{where}: the entity '{role}' is named {name!r}, but what stands at {unit} [{start}, {end}) is "
        "{found!r}. It is kept so. Do offsets begin at 0, and is the end the first of the {unit} behind the "
        "mention? In: {text!r}",
        "RX126": "The table of {kind} {path} renamed nothing and left out nothing: {n} {what} were read, with {kind} "
        "that it does not name ({names}). Is it the table for this data? Its first column must have the "
        "{kind} of the data.",
        "RX303": "{where}: there are no annotations beside this text (.ann, .a1, .a2); it is skipped. {text}",
        "RX304": "{where}: events are passed over, which are no relations between two mentions; only their triggers "
        "are mentions. Further ones are counted with this. In: {text!r}",
        "RX305": "{where}: {kind} are passed over, for they are neither mentions nor relations. More such are counted "
        "with this. In: {text!r}",
        "RX306": "{where}: the mention {parts!r} is not in one piece; it was made the one that covers it, {whole!r}. "
        "In: {text!r}",
        "RX307": "{where}: an annotation of no width at {start} (layer {layer}) is left out, with its relations. In: "
        "{text!r}",
        "RX308": "{where}: a relation without a label is left out. In: {text!r}",
        "RX312": "{where}: of {n} annotations of this task, one is taken: number {chosen}, the ground truth or the "
        "one changed last. Further such tasks are counted with this. In: {text!r}",
        "RX313": "{where}: these tasks have no annotations: their predictions are read. Further such tasks are "
        "counted with this. In: {text!r}",
        "RX314": "{where}: a mention has two links, {taken!r} and {other!r}; the first is taken. In: {text!r}",
        "RX315": "{where}: these mentions are said to be equal, but their links differ: {links}. Each keeps its own, "
        "and those without one take the first. In: {text!r}",
        "RX322": "brat's names of types have no blanks, commas, bars, colons or brackets, its links no blanks. In the "
        "output {names}; the file {file} keeps the true names: leave it beside the texts, and relx convert "
        "gives them back.",
        "RX323": "{n} texts of nothing but blanks were left out.",
        "RX570": "{where}: the offsets of this text count {read}. Its mentions show that, or the other texts of the "
        "file, and they are read so: [{start}, {end}) is {mention!r}. Further such texts are counted with "
        "this. In: {text!r}",
        "RX571": "{where}: nothing shows what the offsets of this text count. They are read as {read}, so that "
        "[{start}, {end}) is {mention!r}. If they count {other}, it should be {rival!r}: check the mentions. "
        "Further such texts are counted with this. In: {text!r}",
        "RX572": "{where}: the mention [{start}, {end}) {mention!r} begins or ends in a blank; it is kept without. "
        "Further such mentions are counted with this. In: {text!r}",
        "RX575": "{where}: a relation joins mentions in two texts, '{head}' and '{tail}'; each text is a document of "
        "its own, and the relation is left out. Further such relations are counted with this. In: {text!r}",
        "RX576": "{where}: another text of this run has the same id, {id!r}, at {other}. What goes by ids takes the "
        "two for one document: give each an id of its own. Further such documents are counted with this. In: "
        "{text!r}",
    },
}
