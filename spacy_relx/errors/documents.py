"""Data on the Doc."""

from .classes import (
    DataError,
    Messages,
    PipelineError,
    RelxWarning,
)

MESSAGES: Messages = {
    DataError: {
        "RX002": "A mention must be a Mention, a Span or a mapping with 'start', 'end' and 'label', but got {value!r}.",
        "RX003": "The mention [{start}, {end}) does not fit a Doc of {length} tokens. Offsets count tokens, the end "
        "is exclusive, and start must be smaller than end.",
        "RX004": "A relation must be a Relation or a mapping with 'head', 'label' and 'tail', but got {value!r}.",
        "RX006": "A language must be a string such as 'en', or None for unknown, but got {value!r}.",
        "RX007": "doc._.relations takes a list of relations, but got {value!r}. Assign an empty list to clear it.",
        "RX009": "doc._.candidates takes a Candidates object or a list of Candidate, but got {value!r}. Assign an "
        "empty list to clear it.",
        "RX010": "A bag takes the ids of an ordered pair of entities, {{'head': ..., 'tail': ...}}, both non-empty "
        "strings, but got {value!r}.",
        "RX011": "Evidence must be an Evidence or a mapping with 'start', 'end', 'head', 'tail' and 'weight', but got "
        "{value!r}.",
        "RX012": "A fact must be a Fact or a mapping with 'head', 'label' and 'tail' (non-empty strings) and a "
        "'score', but got {value!r}.",
        "RX013": "doc._.facts takes a list of facts, but got {value!r}. Assign an empty list to clear it.",
        "RX014": "doc._.fact_scores takes a FactScores object, or a list of mappings with 'head', 'tail' and 'scores' "
        "(a number for each relation, with the same relations in every mapping), but got {value!r}. Assign "
        "an empty list to clear it.",
        "RX015": "The scores of facts have the shape {shape}, but must have {wanted}: one row for each pair of "
        "entities, one column for each relation.",
        "RX541": "The span {text!r} (characters {start} to {end}) does not start and end at token boundaries of the "
        "Doc. It was read before tokens were merged or split, or from a Doc with other tokens.",
        "RX543": "doc._.removed_relations takes a list of mappings, each a relation with a 'reason' (a string), but "
        "got {value!r}. Assign an empty list to clear it.",
        "RX544": "Only Docs and triples of spacy_relx.writers can be exported, but got {value!r}. Relations and facts "
        "are exported with their Doc.",
        "RX580": "The id of {where} cannot be used: {reason}. An id is a string or an integer; omit it, or use null, "
        "for none.",
        "RX581": "The value cannot be written as JSON: {reason}. JSON has no NaN and no Infinity, and UTF-8 has no "
        "lone surrogates. Find the component that sets the value.",
        "RX720": "What the annotation of a Doc covers cannot be read: {problem}. It takes {{'mentions': ..., 'relations': "
        "..., 'pairs': ...}}: of mentions and relations 'all', 'none' or a list of names, of pairs 'all' or 'named'.",
    },
    PipelineError: {
        "RX001": "The extension Doc._.{name} already exists, and another package registered it. Remove it "
        "(Doc.remove_extension('{name}')) before importing spacy_relx, or use only one of the two packages.",
        "RX008": "{name} is read-only because it is made from {source}. Change {source} instead.",
        "RX542": "A {name} cannot be changed. Make a new one, for example with dataclasses.replace, and put it in the "
        "place of the old one.",
    },
    RelxWarning: {
        "RX540": "{lost} of {total} {what} of the Doc '{text}...' are left out: the mention {mention!r} does not "
        "start and end at token boundaries. Put components that merge or split tokens before those that find "
        "mentions and relations, or run the latter again.",
    },
}
