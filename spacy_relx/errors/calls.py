"""Calls from Python."""

from .classes import DamagedFileError, InputError, Messages, SettingError

MESSAGES: Messages = {
    SettingError: {
        "RX610": "A pipeline must be a loaded one (nlp), its folder or its name, but got {value!r}.",
        "RX611": "Documents must be Docs, or the name of a .spacy file or of a folder of such files; where texts are read, "
        "strings and paths may stand among them. But got {value!r}.",
        "RX613": "Each process of a run loads the pipeline for itself: give its folder or its name, but not {value!r}. Save "
        "a pipeline with nlp.to_disk first.",
        "RX614": "Runs to compare must be a mapping of names to scores, to files of relx evaluate, to folders of pipelines "
        "or to lists of these (seeds of one model), but got {value!r}.",
        "RX651": "{options} would do nothing without {view}. Leave it out, or add {view}.",
        "RX652": "The checkpoint {path} is of another config: {names} differ. Go on with the config that it was made with, "
        "or leave out --resume to begin anew.",
        "RX656": "The encoder {encoder!r} cannot be used for the task {task}: {reason}.",
        "RX655": "Training is resumed from a checkpoint in the output. Give the output, too.",
    },
    InputError: {
        "RX615": "There are no such scores in {where}: {reason}. Give what relx evaluate --output writes, of documents"
        " and a pipeline that have them.",
        "RX650": "{path} holds bags, which are divided by their pairs of entities: use relx data bags --test.",
        "RX653": "The checkpoint {path} is of other training data. Go on with the data that it was made with, or leave out "
        "--resume to begin anew.",
    },
    DamagedFileError: {
        "RX654": "The checkpoint {path} cannot be read: {reason}. Leave out --resume to begin anew.",
    },
}
