"""What of a Doc's mentions is annotated: where they are, and which have a type."""

from __future__ import annotations

from spacy.tokens import Doc

from .annotated import ALL, Annotated
from .extensions import get_relations
from .places import current_spans
from .types import MENTIONS_KEY, UNTYPED, Mention


def annotated_mentions(doc: Doc) -> list[Mention]:
    """The mentions of `doc.ents`, of `doc.spans["mentions"]` and of the relations; those at one place perhaps twice."""
    spans = current_spans([*doc.ents, *doc.spans.get(MENTIONS_KEY, ())])
    ends = [end for relation in get_relations(doc) for end in (relation.head, relation.tail)]
    return [*map(Mention.from_any, spans), *ends]


def lacks_type(mention: Mention, annotated: Annotated) -> bool:
    """Whether an annotated mention is of unknown type.

    Args:
        mention: The mention.
        annotated: What the annotation of its Doc covers.
    """
    return mention.label == UNTYPED and annotated.mentions != ALL
