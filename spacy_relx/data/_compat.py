"""Optional packages, imported when they are needed and not before."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..errors import RelxError


def optional_import(package: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    package: importable name. extra: the extra of spacy-relx that brings it. purpose: for the message.
    RAISES: RelxError RX005 when it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as err:
        raise RelxError("RX005", package=package, extra=extra, purpose=purpose) from err
