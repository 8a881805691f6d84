"""Importers of training data, one a file, found by name.

An importer is `read_x(path: Path, report: Report) -> Iterator[Record]`. Another package adds one under the entry point
group `spacy_relx_formats`, a script with `@formats.register("name")`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import catalogue

from ...errors import RelxError
from ..records import Record, Report

Importer = Callable[[Path, Report], Iterator[Record]]

formats = catalogue.create("spacy_relx", "formats", entry_points=True)


def get_format(name: str) -> Importer:
    """The importer of a format. RAISES: RelxError RX100 for an unknown name; it lists the known ones."""
    if name not in formats:
        raise RelxError("RX100", name=name, known=", ".join(sorted(formats.get_all())))
    return formats.get(name)


__all__ = ["Importer", "formats", "get_format"]
