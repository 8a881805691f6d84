"""What stands before and behind a component in its pipeline, and whether Docs come with mentions."""

from __future__ import annotations

from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ...data.loading import MENTION_ATTRIBUTES


def components_before(nlp: Language | None, name: str) -> list[tuple[str, Any]]:
    """(name, component) of those before that one, nearest last; none without a pipeline, or in one that lacks it.

    Also of those that are disabled: spaCy disables, while it initialises a pipeline, components that are frozen or come
    from another one.
    """
    if nlp is None or name not in nlp.component_names:
        return []
    return nlp.components[: nlp.component_names.index(name)]


def components_behind(nlp: Language | None, name: str) -> list[tuple[str, Any]]:
    """(name, component) of those behind that one, nearest first; disabled ones too, see `components_before`."""
    if nlp is None or name not in nlp.component_names:
        return []
    return nlp.components[nlp.component_names.index(name) + 1 :]


def recognisers_before(nlp: Language | None, name: str) -> list[str]:
    """Names of the components before that one which set mentions."""
    return _recognisers(nlp, components_before(nlp, name))


def recognisers_behind(nlp: Language | None, name: str) -> list[str]:
    """Names of the components behind that one which set mentions, where none before it does and the Docs get none
    otherwise: a `joint_extractor` sets those of its own relations."""
    if recognisers_before(nlp, name):
        return []
    found = _recognisers(nlp, components_behind(nlp, name))
    return [each for each in found if "doc._.relations" not in nlp.get_pipe_meta(each).assigns]  # type: ignore[union-attr]


def _recognisers(nlp: Language | None, components: list[tuple[str, Any]]) -> list[str]:
    if nlp is None:
        return []
    return [name for name, _ in components if MENTION_ATTRIBUTES.intersection(nlp.get_pipe_meta(name).assigns)]


def has_mentions(doc: Doc, spans_key: str | None) -> bool:
    """Whether anything has looked for the mentions of a Doc, be it that it found none."""
    return (spans_key is not None and spans_key in doc.spans) or doc.has_annotation("ENT_IOB")
