"""JSON as RFC 8259 has it, in and out: Python's own reader and writer take NaN and Infinity, which others refuse."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from ..errors import RelxError
from .text_forms import surrogate_fault


class DuplicateKeyError(ValueError):
    """A JSON object has a key twice, so that one of the two values would be lost without a word."""


def load_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        DuplicateKeyError: For a key that an object has twice.
        ValueError: For what is not JSON: NaN, Infinity and numbers too large for 64 bits of floating point included.
    """
    return json.loads(text, **STRICT)


def dump_json(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """The value as JSON that every reader takes.

    Args:
        value: Plain data.
        indent: Blanks a level, None for one line.
        ascii_only: Escape characters beyond ASCII, which else stand as they are.

    Raises:
        RelxError: RX581 for a number or a text that JSON in UTF-8 cannot hold, with its place in the value.
    """
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    except ValueError as err:
        raise RelxError("RX581", reason=_fault(value) or f"{err}.") from err
    if surrogate_fault(text) or (ascii_only and "\\ud" in text and _fault(value)):
        raise RelxError("RX581", reason=_fault(value))
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise DuplicateKeyError(f"the key '{key}' is there twice in one object")
    return row


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no value of JSON, where null stands for a number that is not known")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text:.40} is too large")
    return number


#: What makes a reader of `json` strict.
STRICT: dict[str, Any] = {"object_pairs_hook": _object, "parse_constant": _constant, "parse_float": _number}


def _fault(value: Any, path: str = "") -> str:
    """The first part of the value that cannot be written, and where it is; "" where there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{path or 'the value'} is {value}."
    if isinstance(value, str):
        fault = surrogate_fault(value)
        return f"{path or 'the value'} is no text, {fault}" if fault else ""
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        for key, part in value.items():
            parts += [(f"the key {key!a} in {path or 'the value'}", key), (f"{path}.{key!s}".lstrip("."), part)]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{path}[{number}]", part) for number, part in enumerate(value)]
    return next(filter(None, (_fault(part, where) for where, part in parts)), "")
