"""Calls from Python."""

from .classes import InputError, Messages, SettingError

MESSAGES: Messages = {
    SettingError: {
        "RX610": "A pipeline must be a loaded one (nlp), its folder or its name, but got {value!r}.",
        "RX611": "Documents must be Docs, or the name of a .spacy file or of a folder of such files; where texts are read, "
        "strings and paths may stand among them. But got {value!r}.",
        "RX613": "Each process of a run loads the pipeline for itself: give its folder or its name, but not {value!r}. Save "
        "a pipeline with nlp.to_disk first.",
        "RX614": "Runs to compare must be a mapping of names to scores, to files of relx evaluate, or to lists of these "
        "(seeds of one model), but got {value!r}.",
    },
    InputError: {
        "RX615": "There are no such scores in {where}: {reason}. Give what relx evaluate --output writes, of documents"
        " and a pipeline that have them.",
    },
}
