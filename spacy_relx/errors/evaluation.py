"""Evaluation, calibration and comparison."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    Messages,
    OutputError,
    PipelineError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX170": "Relations cannot be matched by {match!r}. Choose {known}.",
        "RX175": "There is no scoring scheme '{scheme}'. Known: {known}.",
        "RX195": "The picture of curves is an .svg or a .png file, but not '{path}'. Choose another name with "
        "--output.",
        "RX385": "The settings of '{name}' contradict each other: {reason}.",
        "RX386": "The setting '{setting}' of '{name}' must be {need}, but got {value!r}.",
        "RX390": "The calibration cannot be made as asked: {reason}",
        "RX392": "The picture of reliability is an .svg file, but not '{path}'. Choose another name with "
        "--reliability.",
        "RX397": "The {setting} must be relations of the data, but {names} occur nowhere. The data has: {known}.",
    },
    DataError: {
        "RX178": "Cannot report on transfer between languages: {reason}",
        "RX190": "A ranking of facts cannot be scored: {reason}",
        "RX191": "The bag Doc '{text}...' is about the entities ({head}, {tail}), but has a gold fact about "
        "({other_head}, {other_tail}). The facts of a bag are those of its own pair: mend doc._.facts or "
        "doc._.bag.",
        "RX192": "Among the documents are bags (doc._.bag) and others, at document {number}. Bags are given to the "
        "pipeline with their mentions, other documents without: evaluate them apart, or give mentions to all "
        "(gold_mentions=True, on the command line --gold-mentions).",
        "RX197": "Curves cannot be drawn: {reason}",
        "RX391": "Scores must be finite numbers in [0, 1], at least one, with as many answers, right or wrong: there "
        "are {n} scores and {right} answers.",
    },
    EmptyDataError: {
        "RX173": "There is nothing to evaluate: {where} holds no documents.",
        "RX177": "There are no scores of relations by language in {where}: {reason} Give what relx evaluate --output "
        "writes, or what evaluate(...) returns.",
        "RX387": "Nothing can be fitted: of {n} scored pairs {right} are right, and both right and wrong ones are "
        "needed. Give more documents, with the relations that the pipeline knows; a pipeline that finds no "
        "mentions itself needs --gold-mentions.",
        "RX393": "There is nothing to draw: no relation was predicted and no pair was scored.",
        "RX394": "{path} has no relations to learn constraints from. Give annotated documents, as for training.",
        "RX395": "{path} gives no hard negatives: it has {n} documents with {relations} relations. Give annotated "
        "documents with relations that the pipeline knows.",
    },
    InputError: {
        "RX176": "Cannot take a source from '{arg}': {reason} Give SOURCE=PATH, where PATH is a metrics file of relx "
        "evaluate, the folder of a pipeline (with --test), or a pattern with wildcards for several of these.",
        "RX193": "Cannot take a curve from '{arg}': {reason} Give NAME=PATH, where PATH is a metrics file of relx "
        "evaluate, or a pattern with wildcards for several runs of that name.",
        "RX194": "There is no curve of facts in {where}: {reason} Give what relx evaluate --output writes for a "
        "pipeline that finds facts.",
    },
    DamagedFileError: {
        "RX382": "The saved calibration cannot be read: {reason}. It lies in the file cfg of the component's folder; "
        "calibrate the pipeline anew (python -m spacy relx calibrate).",
    },
    OutputError: {
        "RX389": "The output {path} must be a folder that is new or empty, and not in the folder of the pipeline. "
        "Choose another, so that nothing is lost.",
    },
    PipelineError: {
        "RX380": "The pipeline has no component whose scores can be calibrated: it has {names}. The last one that "
        "sets doc._.relations must be a relation_extractor or a joint_extractor.",
    },
    RelxWarning: {
        "RX171": "The pipeline had no entities in any of the {n} documents, so there was nothing to relate and every "
        "gold relation counts as a miss. {advice}",
        "RX172": "{missing} of {n} documents did not come out of the pipeline: the error handler of a component "
        "dropped them. Their gold relations and facts count as misses.",
        "RX174": "{lost} gold mentions do not begin and end where the pipeline's tokens do, so the pipeline was not "
        "given them. Relations of theirs count as misses. Without 'retokenize' the gold tokens are used.",
        "RX179": "The runs were not scored alike: {name} is {one} for the source '{first}', {other} for '{second}'. "
        "Such F1s cannot be compared. Evaluate all on the same documents and with the same settings.",
        "RX196": "The runs were not scored on the same data: {first} has {n_first} gold facts, {other} has {n_other}. "
        "Such curves cannot be compared. Evaluate all on the same documents.",
        "RX198": "{unknown} of {gold} gold {what} have labels that no component of the pipeline knows ({labels}), so "
        "they count as misses. The pipeline knows {known}. Is it the pipeline for these data? Labels are "
        "compared letter by letter; relx convert --labels gives them other names.",
        "RX199": "There is nothing to score: the pipeline finds facts and no relations, but none of the {n} documents "
        "is a bag or has a gold fact ({relations} gold relations). Make bags of annotated sentences with: "
        "python -m spacy relx bags SENTENCES.spacy BAGS.spacy, or give a pipeline that finds relations.",
        "RX381": "'{name}' is trained further, which changes its scores: its calibration is dropped. Its thresholds "
        "stay, though they were fitted to calibrated scores. Calibrate it anew (python -m spacy relx "
        "calibrate).",
        "RX383": "{n} predicted relations have scores that are not in [0, 1]; they are left out of ECE and Brier "
        "score.",
        "RX384": "'{name}' names relations that no component before it can find: {names}. Constraints on these do "
        "nothing. Relations that are found: {known}.",
        "RX388": "No threshold reaches a precision of {precision} on these data for {names}: such relations are never "
        "predicted. Ask for a lower precision, or give more documents.",
        "RX396": "There is no way here to deny a sentence in {names}: {n} relations in such languages are left out of "
        "the test of negation. Known: {known}.",
    },
}
