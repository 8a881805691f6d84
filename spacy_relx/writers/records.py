"""The plain record of one exported triple, and the ids of its entities.

A text is looked at here alone for what UTF-8 cannot hold; what a format forbids besides is its writer's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from typing import Any

from ..data.ids import content_id
from ..data.ids import document_id as given_id
from ..data.text_forms import folded_form
from ..errors import RelxError

#: Begins the id of an entity without a kb_id: its type and its normal form follow.
UNLINKED = "text:"
#: Stands before a kb_id that would be taken for the id of an entity without one.
_ESCAPE = "="
#: Longest passage (characters) that is exported as the sentence of a triple.
MAX_PASSAGE = 2000
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class EntityMention:
    """An entity as a text mentions it.

    Attributes:
        text: The words.
        type: Entity type, "" where unknown.
        kb_id: The entity in a knowledge base, "" where not linked.
        start: Characters of the triple's `sentence`, end exclusive; None where the place is not known.
        end: Characters of the triple's `sentence`, end exclusive; None where the place is not known.
    """

    text: str
    type: str = ""
    kb_id: str = ""
    start: int | None = None
    end: int | None = None

    @property
    def id(self) -> str:
        """The entity's id, see `entity_id`."""
        return entity_id(self.text, self.type, self.kb_id)


@dataclass(slots=True)
class Triple:
    """`head` -label-> `tail`, as one sentence of one document says it.

    Attributes:
        doc_id: The document.
        sentence: The passage that says it, "" where there is none.
        sentence_start: Its place in the document (characters, end exclusive), None where not known. So the head begins
            at character `sentence_start + head.start` of the document.
        sentence_end: Its place in the document (characters, end exclusive), None where not known. So the head begins at
            character `sentence_start + head.start` of the document.
        lang: Of the sentence, "" where unknown.
        score: The model's, in [0, 1].
        weight: How much the sentence counted in the bag that the fact is from, in [0, 1]; None for no bag.
        kb_score: As of `spacy_relx.data.facts.Fact`.
        known: As of `spacy_relx.data.facts.Fact`.
        kb_rank: As of `spacy_relx.data.facts.Fact`.
        model: What made the triple.
        model_version: What made the triple.
        origin: What tells its document from others of the same id, "" where nothing does; it is not exported.
    """

    head: EntityMention
    label: str
    tail: EntityMention
    doc_id: str = ""
    sentence: str = ""
    sentence_start: int | None = None
    sentence_end: int | None = None
    lang: str = ""
    score: float = 1.0
    weight: float | None = None
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None
    model: str = ""
    model_version: str = ""
    origin: str = field(default="", compare=False)

    def check_numbers(self) -> None:
        """RAISES: RelxError RX337 for a score that is not finite."""
        for number in (self.score, self.weight, self.kb_score, self.kb_rank):
            if number is not None and not isfinite(number):
                raise RelxError("RX337", triple=(self.head.text, self.label, self.tail.text), value=number)


@dataclass(slots=True)
class MergedTriple:
    """Equal triples as one: head and tail by their ids, and the label, with all that speaks for it.

    Attributes:
        id: Made of head_id, label and tail_id alone, so that it is the same in each export (of triples that are not
            merged: and of their place).
        score: The best of the evidence.
        kb_score: Of the first piece of evidence that has been checked.
        known: Of the first piece of evidence that has been checked.
        kb_rank: Of the first piece of evidence that has been checked.
        n_evidence: How many there are, also of those that a limit has left out.
        evidence: Best score first, each place once.
    """

    id: str
    head_id: str
    label: str
    tail_id: str
    score: float
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None
    n_evidence: int = 0
    evidence: list[Triple] = field(default_factory=list)


@dataclass(slots=True)
class Entity:
    """An entity with all its mentions.

    Attributes:
        name: The most frequent.
        names: The others, the most frequent first.
        type: The most frequent, "" where none is known.
        types: All.
        kb_id: "" where not linked.
    """

    id: str
    name: str
    names: list[str]
    type: str
    types: list[str]
    kb_id: str


def entity_id(text: str, type: str = "", kb_id: str = "") -> str:
    """The kb_id, else "text:TYPE/NORMAL FORM"; the same for equal entities, in each export.

    Two entities with equal names and types that are not linked are one: nothing tells them apart.
    """
    if kb_id:
        return _ESCAPE + kb_id if kb_id.startswith((UNLINKED, _ESCAPE)) else kb_id
    return _unlinked_id(text, type)


def kb_id_of(id: str) -> str:
    """The kb_id that `entity_id` was made of, "" for an entity without one."""
    return "" if id.startswith(UNLINKED) else id.removeprefix(_ESCAPE)


@lru_cache(maxsize=1 << 15)
def _unlinked_id(text: str, type: str) -> str:
    # "/" ends the type
    return f"{UNLINKED}{type.replace('%', '%25').replace('/', '%2F')}/{folded_form(text)}"


def clean_text(value: Any) -> str:
    """The value as a text that UTF-8 can hold: halves of surrogate pairs become U+FFFD, so that offsets still fit."""
    text = value if isinstance(value, str) else str(value)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def document_id(id: Any, number: int | None, source: str = "", text: str | None = None) -> str:
    """The id of a document: one that is a string as it is.

    A number is that of one file alone, and files in several folders have one name. So it stands behind the name of its
    source and before a digest of the text: `SOURCE#NUMBER~DIGEST`, which no other document changes.

    Args:
        id: What the document has, None or "" for nothing.
        number: Stands for an id that is none; None where the source alone is known.
        source: Name of the file.
        text: The whole text; None where it is not known, so that there is no digest.

    Raises:
        ValueError: For what is no id, see `ids.document_id`.
    """
    given = given_id(id)
    if given is None:
        if number is None:
            return clean_text(source)
        given = number
    if isinstance(given, str):
        return given
    name = clean_text(f"{source}#{given}" if source else given)
    return name if text is None else content_id(name, text)


def text_origin(text: str) -> str:
    """The `Triple.origin` of a text."""
    return content_id("text", text)


def evidence_id(fact: MergedTriple, each: Triple) -> str:
    """The id of a piece of evidence of a fact: made of what tells pieces apart, so that it is the same in each
    export."""
    one, other = each.head, each.tail
    places = (each.sentence_start, one.start, one.end, other.start, other.end)
    texts = (each.doc_id, each.sentence, one.text, one.type, other.text, other.type, each.lang)
    key = repr((texts, each.sentence_end, places, each.model, each.model_version))
    return f"{fact.id}-{blake2b(key.encode(), digest_size=8).hexdigest()}"


def set_model(triple: Triple, model: str, version: str) -> Triple:
    """Say what made a triple that does not say it; a version is that of this model alone. RETURNS: the triple."""
    triple.model = triple.model or model
    if not model or triple.model == model:
        triple.model_version = triple.model_version or version
    return triple


def passage(start: int, end: int, first: int, last: int, max_chars: int = MAX_PASSAGE) -> tuple[int, int]:
    """Cut a passage [start, end) where it is too long to be repeated for each triple of a document.

    first, last: the begin of the first mention and the end of the last. What is cut has max_chars characters at most,
    both mentions in the middle where they fit, else from the first mention on.
    RETURNS: (start, end). All numbers count characters, ends exclusive.
    """
    if end - start > max_chars:
        margin = max(0, max_chars - (last - first)) // 2
        start = max(start, first - margin)
        end = min(end, start + max_chars)
    return start, end


def line_bounds(text: str, first: int, last: int) -> tuple[int, int]:
    """The lines of a text that characters [first, last) are in: (start, end), without the line break."""
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", last)
    return start, len(text) if end < 0 else end
