"""Knowledge bases, names of entities and embeddings."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    LabelError,
    Messages,
    MissingFileError,
    OutputError,
    PipelineError,
    RelxWarning,
    SettingError,
    TrainingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX208": "The setting '{name}' is {value!r}, but must be {need}.",
        "RX230": "The setting '{name}' is {value!r}, but must be {need}.",
        "RX242": "spacy_relx.ComplExKnowledge.v1 has no 'path'. Give the folder of embeddings that `spacy relx kb "
        "train` made, for instance --paths.knowledge FOLDER.",
        "RX247": "Triples are written as text with tabs, which {path} would not be read as: .nt is for N-Triples. "
        "Choose another ending, such as .tsv.",
        "RX251": "{option} needs {part} to check facts against. Name {need} with {remedy}, or add a 'fact_checker' "
        "that has them to the pipeline.",
        "RX253": "There is no knowledge base to check facts against. Give the folder of its 'embeddings', a file of "
        "its 'triples', or both, in the config of the 'fact_checker'.",
    },
    DataError: {
        "RX200": "{where}: the line has {n} columns, but must have {wanted}, divided by tabs: head, relation, tail, "
        "or those that the first line names. In: {text!r}. Is the file of that kind? N-Triples must end in "
        ".nt. Commands with --on-error can leave broken lines out.",
        "RX201": "{where}: the {column} of the triple is empty. Give an id (commands with --on-error can leave it "
        "out). In: {text!r}",
        "RX202": "{where}: this is no line of N-Triples: <head> <relation> <tail> and a full stop, IRIs without "
        "blanks, with characters escaped as \\u0000. Mend it (commands with --on-error can leave broken lines "
        "out). In: {text!r}",
        "RX206": "This is no knowledge base: {problem}. Numbers are places in the lists of ids, from 0.",
        "RX210": "{where}: the line has {n} columns, but must have 2 to 4, divided by tabs: entity id, name, and if "
        "you like entity type and language. In: {text!r}",
        "RX211": "{where}: {problem}. A line names an entity: id, name, and if you like type and language, divided by "
        "tabs. Mend it, or leave broken lines out (--on-error skip). In: {text!r}",
        "RX232": "The embeddings lack the {kind} {name!r}. {advice} They know the ids of the triples they were "
        "trained on, letter by letter.",
        "RX244": "The triple {triple!r} has an id with a tab, a line break, or a blank at its beginning or end, which "
        "a file of triples cannot hold. Give the entity another id.",
        "RX248": "{path} has finished vectors, but no saved state of their training to go on with (--resume). Leave "
        "out --resume to train anew in their place, or choose another folder.",
        "RX254": "What a knowledge base says of a fact or a relation is 'kb_score', a number in [0, 1], 'known', true "
        "or false, and 'kb_rank', a number from 1, each where there is one, but got {value!r}.",
    },
    EmptyDataError: {
        "RX204": "The knowledge base {path} has no triples.\n{report}",
        "RX220": "{reason}, so no sentence can be labelled. {advice}",
        "RX221": "No sentence mentions two entities that the knowledge base relates, so there are no bags for {path}.\n"
        "{report}",
        "RX233": "None of the {n} triples can be used: there are none, or the embeddings lack an entity or the "
        "relation of each. Are these ids of the same knowledge base?",
        "RX243": "There are no triples in {paths}: facts need bags, or relations whose mentions are linked (kb_id). "
        "{left_out} were left out by --exclude.",
    },
    MissingFileError: {
        "RX250": "'{name}' cannot read its {part}: there is no {path}. Give the {need}. (A saved pipeline has its "
        "knowledge base in its own folder, and reads it from elsewhere only where the config names another "
        "path than when it was saved.)",
    },
    InputError: {
        "RX203": "Cannot read a knowledge base from {path}: {reason}. Give a file of three columns divided by tabs "
        "(head, relation, tail) or of N-Triples (.nt), also packed (.gz, .bz2), or a folder that "
        "KnowledgeBase.save wrote.",
        "RX212": "Cannot read names of entities from {path}: {reason}. Give a file of two to four columns divided by "
        "tabs: entity id, name, and if you like entity type and language.",
    },
    DamagedFileError: {
        "RX205": "{path} is no saved knowledge base, or a broken one: {reason}. Save it anew with KnowledgeBase.save.",
        "RX231": "{path} are no embeddings of a knowledge base, or broken ones: {reason}. Train or save them anew, or "
        "copy the whole folder again.",
        "RX236": "The saved state {path} is of another training: there it was {differ}. Give the same triples and "
        "settings, or another folder, or do not resume.",
    },
    OutputError: {
        "RX238": "{path} cannot be written: {reason}. Is there room, and may you write there?",
        "RX246": "The folder {path} holds something else than embeddings: its meta.json is of another kind. It would "
        "be lost. Choose another folder.",
    },
    PipelineError: {
        "RX222": "The Doc '{text}...' has no sentence boundaries, and a sentence is what is labelled. Give a pipeline "
        "that sets them (a sentencizer, senter or parser), or none for the default.",
    },
    LabelError: {
        "RX240": "The embeddings in {path} have no vectors for the relations {lacking} of the training data, only for "
        "{n} others: {known}. Name relations alike in both, train embeddings on triples with these "
        'relations, or let vectors be drawn with missing = "random" of spacy_relx.ComplExKnowledge.v1.',
    },
    TrainingError: {
        "RX237": "In epoch {epoch} the loss or the vectors are no longer finite numbers. Take a lower learning rate "
        "than {lr}, or smaller first vectors (init_scale).",
    },
    RelxWarning: {
        "RX207": "{path}: {n} IRIs stay whole, since what follows their last / or # is the name of another one. The "
        "first: {first}. Where that does harm, do not shorten IRIs.",
        "RX209": "{wanted} triples were wanted for valid and test, but only {n} of {total} can be spared: the others "
        "are needed in train, so that each entity and relation occurs there. Take smaller shares, or "
        "cover=False.",
        "RX234": "{path}: the embeddings lack an entity or the relation of {unknown} of {n} triples. Their ranks "
        "count as the last.",
        "RX235": "{path}: {same} of its {n} triples are among the training triples, so what is measured is partly "
        "memory. Take them out of one of the two.",
        "RX239": "None of the --filter files is what the embeddings were trained on. So true triples count as wrong "
        "answers, and whether training had the test triples is not known. Give the training triples with "
        "--filter.",
        "RX245": "{n} of {total} test facts are in the knowledge base {path}. Scores of a model that reads it say "
        "little: make the triples anew with --exclude of relx kb triples.",
        "RX252": "'{name}' finds none of the {what} {names} in the {part} of the knowledge base, whose {what} are "
        "{known}, ... So it says nothing of these facts, or takes all for new. Names are compared letter by "
        "letter: use the same in both (relx convert --labels gives the relations of annotated data other "
        "names).",
    },
}
