"""All errors and warnings of the package: their classes, and their messages by area.

Each code (`RX101`) stands once, in the module of its area, under its class. A message says what is wrong, where, and
what to do.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any

from . import calls, components, corpora, documents, evaluation, formats, knowledge, models, outputs, runs
from .classes import (
    CATALOGUE,
    DamagedFileError,
    DataError,
    EmptyDataError,
    InputError,
    LabelError,
    Messages,
    MissingFileError,
    MissingPackageError,
    ModelError,
    OutputError,
    PipelineError,
    QueryError,
    RelxError,
    RelxWarning,
    RequestError,
    RunError,
    SettingError,
    TrainingError,
    message_of,
)

__all__ = [
    "AREAS",
    "CATALOGUE",
    "MESSAGES",
    "DamagedFileError",
    "DataError",
    "EmptyDataError",
    "InputError",
    "LabelError",
    "MissingFileError",
    "MissingPackageError",
    "ModelError",
    "OutputError",
    "PipelineError",
    "QueryError",
    "RelxError",
    "RelxWarning",
    "RequestError",
    "RunError",
    "SettingError",
    "TrainingError",
    "listed",
    "message_of",
    "sentence",
    "warn",
]

#: Module of messages -> its messages.
AREAS: dict[str, Messages] = {
    module.__name__.rpartition(".")[2]: module.MESSAGES
    for module in (documents, components, models, formats, corpora, evaluation, knowledge, outputs, runs, calls)
}
for _messages in AREAS.values():
    for _kind, _table in _messages.items():
        CATALOGUE.update((code, (_kind, message)) for code, message in _table.items())

#: Code -> message.
MESSAGES: dict[str, str] = {code: message for code, (_, message) in CATALOGUE.items()}


def sentence(message: object) -> str:
    """A message that ends in a full stop, one."""
    return str(message).rstrip(" .\n") + "."


def listed(names: Iterable[str], limit: int = 10) -> str:
    """The first names, in order, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more


#: Packages whose lines mean nothing to whoever reads a warning: ours, and those that call our components.
_LIBRARIES = {"spacy_relx", "spacy", "thinc"}


def warn(code: str, **values: Any) -> None:
    """Issue the coded warning as a `RelxWarning`, as of the nearest line that is neither ours nor of spaCy."""
    warnings.warn(RelxWarning(f"[{code}] {message_of(code, values)}", code), stacklevel=_level_outside())


def _level_outside() -> int:
    """The stacklevel for `warn` of the nearest line outside of `_LIBRARIES`; that of its caller where there is none."""
    frame, level = sys._getframe(2), 2
    while frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
        if frame.f_back is None:
            return 2
        frame, level = frame.f_back, level + 1
    return level
