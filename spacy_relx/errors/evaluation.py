"""Evaluation, calibration and comparison."""

from .classes import (
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    Messages,
    PipelineError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX178": "The runs cannot be compared: {reason}.",
        "RX385": "The settings of '{name}' contradict each other: {reason}.",
        "RX390": "The calibration cannot be fitted: {reason}.",
        "RX397": "The {setting} must be relations of the data, but {names} do not occur. The data have: {known}.",
    },
    DataError: {
        "RX190": "A ranking needs a score for each item, none of them NaN, and no more right items than there are gold"
        " ones, but has {n} scores ({n_nan} NaN) for {n_items} items, of which {right} are right, with {gold}"
        " gold ones.",
        "RX191": "The bag Doc '{text}...' is about the entities ({head}, {tail}), but has a gold fact about "
        "({other_head}, {other_tail}). A bag holds facts of its own pair only: correct doc._.facts or "
        "doc._.bag.",
        "RX192": "The documents mix bags (doc._.bag) and others, from document {number} on. Bags are given to the "
        "pipeline with their mentions, other documents without. Evaluate them separately, or give mentions "
        "to all (gold_mentions=True, on the command line --gold-mentions).",
        "RX197": "The curve '{name}' must have as many values of recall as of precision and of spread, but has "
        "{lengths}.",
        "RX391": "Scores must be finite numbers in [0, 1], at least one, with one answer (right or wrong) for each, "
        "but there are {n} scores and {right} answers.",
    },
    EmptyDataError: {
        "RX173": "There is nothing to do: {where} holds no documents.",
        "RX387": "The calibration cannot be fitted: {right} of {n} scored pairs are right, but both right and wrong "
        "pairs are needed. Use more documents, with the relations that the pipeline knows. A pipeline that "
        "finds no mentions itself needs --gold-mentions.",
        "RX393": "There is nothing to draw: {reason}.",
        "RX394": "{path} has no relations to learn constraints from. Give annotated documents, as for training.",
        "RX395": "{path} yields no hard negatives: it has {n} documents with {relations} relations. Give annotated "
        "documents with relations that the pipeline knows.",
    },
    InputError: {
        "RX176": "'{arg}' is not a valid run: {reason}. Give NAME=PATH, where PATH is a metrics file of relx evaluate, "
        "the folder of a pipeline (with --test), or a pattern with wildcards for several runs of that name.",
    },
    DamagedFileError: {
        "RX382": "The saved calibration cannot be read: {reason}. It is in the file cfg of the component's folder. "
        "Calibrate the pipeline again (python -m spacy relx calibrate).",
    },
    PipelineError: {
        "RX380": "The pipeline has no component whose scores can be calibrated: it has {names}. The last component "
        "that sets doc._.relations must be a relation_extractor or a joint_extractor.",
    },
    RelxWarning: {
        "RX171": "The pipeline found no entities in any of the {n} documents, so every gold relation counts as a "
        "miss. {advice}",
        "RX172": "{missing} of {n} documents are missing from the output: the error handler of a component dropped "
        "them. Their gold relations and facts count as misses.",
        "RX174": "{lost} gold mentions do not start and end at token boundaries of the pipeline and were not given to "
        "it. Their relations count as misses. To use the gold tokens, leave out 'retokenize'.",
        "RX179": "The runs were not scored alike: {name} is {one} for the source '{first}' and {other} for "
        "'{second}', so their F1 scores cannot be compared. Evaluate all runs on the same documents and with "
        "the same settings.",
        "RX196": "The runs were not scored on the same data: {first} has {n_first} gold facts, {other} has {n_other}. "
        "Their curves cannot be compared. Evaluate all runs on the same documents.",
        "RX198": "{unknown} of {gold} gold {what} have labels that no component of the pipeline knows ({labels}), so "
        "they count as misses. The pipeline knows {known}. Check that the pipeline belongs to this data. "
        "Labels are compared literally; relx data convert --labels renames them.",
        "RX199": "There is nothing to score: the pipeline finds facts and no relations, but none of the {n} documents "
        "is a bag or has a gold fact ({relations} gold relations). Make bags of annotated sentences with "
        "python -m spacy relx data bags SENTENCES.spacy --output BAGS.spacy, or use a pipeline that finds relations.",
        "RX381": "'{name}' was calibrated and is now trained further, which changes its scores. Its calibration is "
        "dropped; its thresholds stay, although they were fitted to calibrated scores. Calibrate it again "
        "(python -m spacy relx calibrate).",
        "RX383": "{n} predicted relations have scores outside [0, 1]. They are left out of ECE and Brier score.",
        "RX384": "'{name}' names relations that no earlier component can find: {names}. Constraints on them have no "
        "effect. Relations that can be found: {known}.",
        "RX388": "No threshold reaches a precision of {precision} on these data for {names}, so these relations are "
        "never predicted. Lower the precision, or use more documents.",
        "RX396": "Sentences in {names} cannot be negated, so {n} relations in these languages are left out of the "
        "test of negation. Known languages: {known}.",
    },
}
