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
from ...registrations import LazyRegistry
from ..records import Record, Report

Importer = Callable[[Path, Report], Iterator[Record]]

#: Format -> module of this folder and its function. They are no entry points, see `spacy_relx.registrations`.
FORMATS = {
    "jsonl": "jsonl:read_jsonl",
    "crossre": "crossre:read_crossre",
    "semeval2010": "semeval2010:read_semeval2010",
    "opennre": "opennre:read_opennre",
    "docred": "docred:read_docred",
    "redfm": "redfm:read_redfm",
    "smiler": "smiler:read_smiler",
    "prodigy": "prodigy:read_prodigy",
    "gids": "gids:read_gids",
    "nyt10": "gids:read_nyt10",
    "dbpedia_pt": "dbpedia_pt:read_dbpedia_pt",
    "finre": "finre:read_finre",
    "tacred": "tacred:read_tacred",
    "spert": "spert:read_spert",
    "ace": "ace:read_ace",
    "brat": "brat:read_brat",
    "labelstudio": "labelstudio:read_labelstudio",
    "doccano": "doccano:read_doccano",
    "inception": "inception:read_inception",
    "webanno": "webanno:read_webanno",
    "rel_component": "spacy_rel:read_rel_component",
    "spacy_llm": "spacy_rel:read_spacy_llm",
    "iob": "iob:read_iob",
    "stockmark": "stockmark:read_stockmark",
    "fewrel": "fewrel:read_fewrel",
    "klue_re": "klue_re:read_klue_re",
    "knowledgenet": "knowledgenet:read_knowledgenet",
}

formats = LazyRegistry(
    catalogue.create("spacy_relx", "formats", entry_points=True),
    {name: f"{__name__}.{place}" for name, place in FORMATS.items()},
)


def get_format(name: str) -> Importer:
    """The importer of a format. RAISES: RelxError RX100 for an unknown name; it lists the known ones."""
    if name not in formats:
        raise RelxError("RX100", name=name, known=", ".join(sorted(formats.get_all())))
    return formats.get(name)


__all__ = ["Importer", "formats", "get_format"]
