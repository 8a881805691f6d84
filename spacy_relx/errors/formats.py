"""Data formats and conversion."""

from .classes import (
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
        "RX741": "The columns are given as {columns!r}, but {path} has {n} columns. Name all of them in order, separated "
        "by spaces: 'token' once, 'tag' for each column of tags, '-' for others.",
        "RX122": "The output must be a .spacy file that is neither an input nor a table of names, but is {path}. The "
        "output is an option: relx data convert FORMAT INPUT... --output OUTPUT.spacy",
    },
    DataError: {
        "RX100": "The format '{name}' is unknown. Known formats: {known}.",
        "RX101": "{where}: invalid JSON: {reason}. In: {text!r}. Check that the file has this format. In folders, "
        "select files with a pattern (--pattern '*.jsonl'); to skip broken lines, use --on-error skip.",
        "RX102": "{where}: {problem}. In: {text!r}. docs/formats.md describes the formats of annotated data, "
        "docs/knowledge-base.md those of knowledge bases.",
        "RX103": "{where}: the mention {span} does not fit {length} {unit}. Offsets start at 0, and the end is the "
        "{end_is} mention. In: {text!r}",
        "RX104": "{where}: a relation names the mention {value}, which is not among the {n} mentions. Heads and tails "
        "are indices into the list of mentions, from 0, or ids of mentions. In: {text!r}",
        "RX105": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}. Offsets "
        "count characters (code points, not bytes or UTF-16 units). In: {text!r}",
        "RX108": "{where}: invalid UTF-8 ({reason} at byte {offset}). Save the file as UTF-8. In: {text!r}",
        "RX111": "{where}: the line has {n} columns, but must have {wanted}, separated by tabs: {columns}. To skip "
        "broken lines, use --on-error skip. In: {text!r}",
        "RX114": "{where}: the record cannot be made into a Doc: {reason}. In: {text!r}",
        "RX115": "{where}: the {role} {name!r} is not in the sentence as a word or sequence of words, or only inside "
        "the other entity. To skip lines without their entities, use --on-error skip. In: {text!r}",
        "RX740": "{path}: none of the {n} columns holds tags alone, such as O, B-PER and I-PER, or none is left for the "
        'tokens. Check that the file has one token a line, or name its columns in order, such as --columns "token - '
        'tag". The first line: {text!r}',
        "RX742": "The format '{format}' has no columns to name. --columns is for iob.",
        "RX311": "{where}: {found} cannot be read. Export the document as {wanted}. {text}",
        "RX573": "{where}: the field of the annotated text cannot be determined: {reason}. {advice} In: {text!r}",
        "RX574": "{where}: the mention [{start}, {end}) is {found!r}, but its text is given as {wanted!r}, which is "
        "{shift} characters away. The line ends of the text (CR LF or LF) are mixed, or not those of the "
        "annotated text. Restore the original text; git changes line ends where core.autocrlf is set. In: "
        "{text!r}",
        "RX582": "{where}: the first line names columns, but {problem}. Known names ({known}). Rename the columns; if "
        "the first line is data, put a line with the names of columns before it. In: {text!r}",
        "RX600": "{where}: {key} is not part of the format and is ignored ({n} times in this file).{hint} To make it "
        "an error, use --strict. In: {text!r}",
        "RX601": "{where}: there are no relations, and no pairs marked as unrelated, in {what}. A key may be misspelt "
        "or missing, or the file may have another format. To make it an error, use --strict. {text}",
        "RX602": "{where}: {what} has more than {limit} {unit}, too many for annotated text. Check that the file has "
        "this format. Split it, or leave it out (--on-error skip). In: {text!r}",
    },
    EmptyDataError: {
        "RX119": "There is nothing to convert at {path}: {reason}. Give files of the format, or folders that hold them.",
    },
    MissingFileError: {
        "RX120": "There is no file or folder {path}. Check the path.",
        "RX302": "{where}: these annotations have no text: {name} is missing. brat keeps a text and its annotations "
        "in one folder, under one name. {text}",
    },
    InputError: {
        "RX109": "{where}: the rest of the file cannot be read: {reason}. {text}",
        "RX300": "The format of {path} cannot be detected: {reason}. Name the format instead of 'auto' "
        "(docs/formats.md); in folders, select files with a pattern (--pattern '*.jsonl').",
        "RX301": "The inputs have different formats: {found}. Convert them separately, or select files with a pattern "
        "(--pattern '*.jsonl').",
        "RX577": "The labelling interface {path} cannot be read: {reason}. Copy it again from the settings of the "
        "project, or remove the file.",
    },
    OutputError: {
        "RX121": "Nothing was written to {path}: {reason}.",
    },
    RelxWarning: {
        "RX110": "{where}: the mention [{start}, {end}) {mention!r} does not start and end at token boundaries "
        "({tokens}) and is left out. To keep it, use --alignment expand or contract. In: {text!r}",
        "RX112": "{where}: a relation joins tokens [{start}, {end}), which are not a mention. A mention was made of "
        "them. In: {text!r}",
        "RX113": "{where}: the relation '{label}' joins a mention with itself. It is kept, but no candidate pair "
        "covers it. In: {text!r}",
        "RX116": "{where}: the sentence does not contain {head!r} and {tail!r} at different places. The record is "
        "left out. In: {text!r}",
        "RX117": "{where}: the entity '{role}' is named {name!r}, but the text at {unit} [{start}, {end}) is "
        "{found!r}. The mention is kept. Check that offsets start at 0 and that the end is exclusive. In: "
        "{text!r}",
        "RX126": "The table of {kind} {path} had no effect: {n} {what} were read, and the table does not name their "
        "{kind} ({names}). Check that the table belongs to this data. Its first column must have the {kind} "
        "of the data.",
        "RX303": "{where}: this text has no annotations (.ann, .a1, .a2) and is skipped. {text}",
        "RX304": "{where}: events are skipped, because they are not relations between two mentions; only their "
        "triggers become mentions. This message counts further events. In: {text!r}",
        "RX305": "{where}: {kind} are skipped, because they are neither mentions nor relations. This message counts "
        "further ones. In: {text!r}",
        "RX306": "{where}: the mention {parts!r} is discontinuous. It was replaced by the mention that covers it, "
        "{whole!r}. In: {text!r}",
        "RX307": "{where}: an annotation of zero length at {start} (layer {layer}) is left out, with its relations. "
        "In: {text!r}",
        "RX308": "{where}: a relation without a label is left out. In: {text!r}",
        "RX312": "{where}: this task has {n} annotations. Only number {chosen} is read, the ground truth or the one "
        "changed last. This message counts further tasks. In: {text!r}",
        "RX313": "{where}: this task has no annotations, so its predictions are read. This message counts further "
        "tasks. In: {text!r}",
        "RX314": "{where}: a mention has two links, {taken!r} and {other!r}. The first is kept. In: {text!r}",
        "RX315": "{where}: mentions that are marked as equal have different links: {links}. Each keeps its own, and "
        "mentions without a link get the first. In: {text!r}",
        "RX322": "brat's names of types cannot contain blanks, commas, bars, colons or brackets, and its links no "
        "blanks. In the output {names}. The file {file} keeps the original names: leave it beside the texts, "
        "and relx data convert restores them.",
        "RX323": "{n} texts were left out because they are blank.",
        "RX570": "{where}: the offsets of this text count {read}, as its mentions or other texts of the file show: "
        "[{start}, {end}) is {mention!r}. This message counts further texts. In: {text!r}",
        "RX571": "{where}: the unit of the offsets of this text is ambiguous. They are read as {read}, so that "
        "[{start}, {end}) is {mention!r}; as {other}, it would be {rival!r}. Check the mentions. This "
        "message counts further texts. In: {text!r}",
        "RX572": "{where}: the mention [{start}, {end}) {mention!r} starts or ends with a blank, which is removed. "
        "This message counts further mentions. In: {text!r}",
        "RX575": "{where}: a relation joins mentions in two texts, '{head}' and '{tail}', which are separate "
        "documents. The relation is left out. This message counts further relations. In: {text!r}",
        "RX604": "{where}: the facts of this record are not read, because bags are made of relations (relx data bags). This "
        "message counts further records. In: {text!r}",
        "RX576": "{where}: this text and the one at {other} have the same id, {id!r}, and count as one document "
        "wherever ids are used. Give each document its own id. This message counts further documents. In: "
        "{text!r}",
    },
}
