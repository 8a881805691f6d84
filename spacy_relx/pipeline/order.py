"""What stands before a component in its pipeline."""

from __future__ import annotations

from typing import Any

from spacy.language import Language


def components_before(nlp: Language | None, name: str) -> list[tuple[str, Any]]:
    """(name, component) of those before that one, nearest last; none without a pipeline, or in one that lacks it.

    Also of those that are disabled: spaCy disables, while it initialises a pipeline, components that are frozen or come
    from another one.
    """
    if nlp is None or name not in nlp.component_names:
        return []
    return nlp.components[: nlp.component_names.index(name)]
