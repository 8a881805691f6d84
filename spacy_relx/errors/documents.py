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
        "RX003": "The mention [{start}, {end}) does not fit a Doc of {length} tokens. Offsets count tokens, end "
        "exclusive, and start must be smaller than end.",
        "RX004": "A relation must be a Relation or a mapping with 'head', 'label' and 'tail', but got {value!r}.",
        "RX006": "A language must be a string such as 'en', or None for unknown, but got {value!r}.",
        "RX007": "doc._.relations takes a list of relations, but got {value!r}. To clear it, assign an empty list.",
        "RX009": "doc._.candidates takes a Candidates object or a list of Candidate, but got {value!r}. To clear it, "
        "assign an empty list.",
        "RX010": "A bag is about an ordered pair of entities: give their ids as {{'head': ..., 'tail': ...}}, two "
        "strings that are not empty, but not {value!r}.",
        "RX011": "Evidence must be an Evidence or a mapping with 'start', 'end', 'head', 'tail' and 'weight', but got "
        "{value!r}.",
        "RX012": "A fact must be a Fact or a mapping with 'head', 'label' and 'tail' (strings that are not empty) and "
        "a 'score', but got {value!r}.",
        "RX013": "doc._.facts takes a list of facts, but got {value!r}. To clear it, assign an empty list.",
        "RX014": "doc._.fact_scores takes a FactScores object, or a list of mappings with 'head', 'tail' and 'scores' "
        "(a number for each relation, the same ones in all), but got {value!r}. To clear it, assign an empty "
        "list.",
        "RX015": "The scores of facts have the shape {shape}, but must have {wanted}: a row for each pair of "
        "entities, a column for each relation.",
        "RX541": "The span {text!r} (characters {start} to {end}) does not begin and end where tokens of the Doc do: "
        "it was read before tokens were merged or split, or from a Doc with other tokens.",
        "RX543": "doc._.removed_relations takes a list of mappings, relations with a 'reason' (a string), but got "
        "{value!r}. To clear it, assign an empty list.",
        "RX544": "Docs, or triples of spacy_relx.writers, can be exported, but got {value!r}. Relations and facts are "
        "exported with the Docs that they are on.",
        "RX580": "In {where}: {reason}. An id is a string or a whole number; null stands for none.",
        "RX581": "This cannot be written as JSON: {reason} JSON has no NaN and no Infinity, and UTF-8 no halves of "
        "characters. Which component sets that?",
    },
    PipelineError: {
        "RX001": "The extension Doc._.{name} already exists and is not spacy_relx's. Another package registered it "
        "first: remove that extension (Doc.remove_extension('{name}')) before importing spacy_relx, or use "
        "one of the two.",
        "RX008": "{name} is read-only, it is made from {source}. Change {source} instead.",
        "RX542": "A {name} cannot be changed. Make another one, with dataclasses.replace or from scratch, and put it "
        "in the place of the old one.",
    },
    RelxWarning: {
        "RX540": "{lost} of {total} {what} of the Doc '{text}...' are left out: the mention {mention!r} does not "
        "begin and end where tokens do. Put components that merge or split tokens before those that find "
        "mentions and relations, or run these again behind them.",
    },
}
