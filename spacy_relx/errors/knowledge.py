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
        "RX242": "spacy_relx.ComplExKnowledge.v1 has no 'path'. Set it to a folder of embeddings made by `spacy relx "
        "kb train`, for example with --paths.knowledge FOLDER.",
        "RX247": "{path} cannot end in .nt, which is for N-Triples: triples are written as tab-separated text. Choose "
        "another ending, such as .tsv.",
        "RX251": "{option} needs {part} to check facts against. Name {need} with {remedy}, or add a 'fact_checker' "
        "that has them to the pipeline.",
        "RX253": "The 'fact_checker' has no knowledge base to check facts against. Set its 'embeddings' (a folder), "
        "its 'triples' (a file), or both in the config.",
    },
    DataError: {
        "RX202": "{where}: invalid N-Triples: a line is <head> <relation> <tail> and a full stop, with IRIs that have "
        "no blanks and characters escaped as \\u0000. Correct it, or skip broken lines (--on-error, where the "
        "command has it). In: {text!r}",
        "RX206": "The arrays are not a valid knowledge base: {problem}. Numbers are indices into the lists of ids, "
        "from 0.",
        "RX232": "The embeddings lack the {kind} {name!r}. {advice} They know the ids of their training triples, "
        "compared literally.",
        "RX244": "The triple {triple!r} has an id with a tab, a line break, or a leading or trailing blank, which a "
        "file of triples cannot hold. Give the entity another id.",
        "RX254": "A fact or relation takes an optional 'kb_score', a number in [0, 1], an optional 'known', true or "
        "false, and an optional 'kb_rank', an integer from 1, but got {value!r}.",
    },
    EmptyDataError: {
        "RX204": "The knowledge base {path} has no triples.\n{report}",
        "RX233": "None of the {n} triples can be used: the embeddings lack an entity or the relation of every one. "
        "Check that the ids belong to the same knowledge base.",
        "RX243": "There are no triples in {paths}: facts need bags, or relations whose mentions are linked (kb_id). "
        "--exclude left out {left_out}.",
    },
    MissingFileError: {
        "RX248": "{path} has finished vectors, but no saved state of their training to resume. Omit --resume to "
        "replace them by a new training, or choose another folder.",
        "RX250": "'{name}' cannot read its {part}: there is no {path}. Give the {need}. (A saved pipeline contains "
        "its knowledge base and reads it from elsewhere only if the config names another path than at "
        "saving.)",
    },
    InputError: {
        "RX212": "The names of entities in {path} cannot be read: {reason}. Give a file of two to four tab-separated "
        "columns: entity id, name, and optionally entity type and language.",
    },
    DamagedFileError: {
        "RX205": "{path} cannot be used: {reason}. The folder is damaged or holds something else: copy it again, or "
        "make it again.",
        "RX236": "The saved state {path} belongs to another training, with {differ}. Use the same triples and "
        "settings, use another folder, or do not resume.",
    },
    OutputError: {
        "RX246": "The folder {path} holds something other than embeddings, which would be lost: its meta.json is of "
        "another kind. Choose another folder.",
    },
    PipelineError: {
        "RX222": "The Doc '{text}...' has no sentence boundaries, but sentences are needed for labelling. Use a "
        "pipeline that sets them (a sentencizer, senter or parser), or none for the default.",
    },
    LabelError: {
        "RX240": "The embeddings in {path} have no vectors for the relations {lacking} of the training data, only for "
        "{n} others: {known}. Use the same names of relations in both, train embeddings on triples with "
        'these relations, or set missing = "random" of spacy_relx.ComplExKnowledge.v1 to draw vectors.',
    },
    TrainingError: {
        "RX237": "Training has diverged in epoch {epoch}: the loss or the vectors are not finite. Use a lower "
        "learning rate than {lr}, or smaller initial vectors (init_scale).",
    },
    RelxWarning: {
        "RX207": "{path}: {n} IRIs are not shortened, because the part after their last / or # is the name of another "
        "one. The first is {first}. If the long names cause problems, turn shortening off.",
        "RX209": "{wanted} triples were requested for valid and test, but only {n} of {total} are available. The "
        "others stay in train, so that each entity and relation occurs there. Use smaller shares, or "
        "cover=False.",
        "RX234": "{path}: the embeddings lack an entity or the relation of {unknown} of {n} triples. Their ranks "
        "count as the last.",
        "RX235": "{path}: {same} of its {n} triples are also training triples, so the scores partly measure memory. "
        "Remove them from one of the two.",
        "RX239": "None of the --known files holds the training triples of the embeddings. True triples count as "
        "wrong answers, and overlap with the test triples cannot be checked. Give the training triples with "
        "--filter.",
        "RX245": "{n} of {total} test facts are in the knowledge base {path}, so scores of a model that reads it mean "
        "little. Make the triples again with --exclude of relx kb triples.",
        "RX252": "'{name}' finds none of the {what} {names} in the {part} of the knowledge base, whose {what} are "
        "{known}, ... It leaves these facts unchecked, or takes all of them for new. Names are compared "
        "literally: use the same names in both (relx data convert --labels renames the relations of annotated "
        "data).",
    },
}
