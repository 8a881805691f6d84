"""Ids: what may be one, and those of what has none in the data, made of content, so that nothing else changes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from .text_forms import normal_form, normal_forms, surrogate_fault


def stable_hash(*parts: str) -> int:
    """A hash of strings in [0, 2**64), the same in every process and on every machine."""
    data = "".join(f"{len(part)}:{part}" for part in parts).encode("utf8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def content_id(name: str, *content: str) -> str:
    """An id that names alone cannot give: several files and documents have one name.

    Args:
        name: What a reader knows the thing by, "" for nothing.
        content: What tells it from others of that name.

    Returns:
        `NAME~DIGEST`, or the digest alone. It depends on the arguments and on nothing else.
    """
    digest = f"{stable_hash(*content):016x}"
    return f"{name}~{digest}" if name else digest


def document_id(value: Any) -> str | int | None:
    """The id of a document, as every reader takes it.

    Args:
        value: What the data has; null and "" say that there is none.

    Returns:
        A string or a whole number, as it is; None for none.

    Raises:
        ValueError: For anything else. 1.5, NaN, true or a list are mistakes in the data, and two could look alike.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    _check(value)
    return value if isinstance(value, str) else int(value)


def entity_id(value: Any) -> str:
    """The id of an entity or a relation, as every reader takes it.

    Args:
        value: A string, or a whole number, which stands for its digits.

    Returns:
        The id in the form in which all look-ups are, see `text_forms`.

    Raises:
        ValueError: For anything else, and for an empty string.
    """
    _check(value)
    if value == "":
        raise ValueError("the id is empty")
    return normal_form(str(value))


def entity_ids(values: Sequence[Any]) -> list[str]:
    """The same for many. RAISES: ValueError, with the place in the list."""
    if set(map(type, values)) <= {str} and "" not in values and not surrogate_fault("".join(values)):
        return normal_forms(values)
    ids = []
    for number, value in enumerate(values):
        try:
            ids.append(entity_id(value))
        except ValueError as err:
            raise ValueError(f"{number}: {err}") from err
    return ids


def look_up_ids(values: Sequence[Any]) -> list[str]:
    """Ids to look for, in the form in which ids are kept; "" for what is no id."""
    if set(map(type, values)) <= {str}:
        return normal_forms(values)
    return [normal_form(str(value)) if _is_id(value) else "" for value in values]


def optional_entity_id(value: Any) -> str:
    """The same, "" for null or "", which say that there is none. RAISES: ValueError."""
    return "" if value is None or (isinstance(value, str) and not value) else entity_id(value)


def _check(value: Any) -> None:
    if not _is_id(value):
        raise ValueError(f"the id must be a string or a whole number, but is {value!r:.60}")
    if isinstance(value, str) and (fault := surrogate_fault(value)):
        raise ValueError(f"the id is no text, {fault}")


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, Integral)) and not isinstance(value, bool)
