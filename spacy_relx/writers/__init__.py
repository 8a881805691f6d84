"""Triples out of the pipeline: tables, RDF, property graphs, and SPARQL over them."""

from .from_docs import iter_triples
from .from_json import triples_of_row
from .iris import Iris
from .records import Entity, EntityMention, MergedTriple, Triple, entity_id
from .spool import TripleSpool
from .writers import ExportReport, Settings, Writer, export, exports, get_writer

__all__ = [
    "Entity",
    "EntityMention",
    "ExportReport",
    "Iris",
    "MergedTriple",
    "Settings",
    "Triple",
    "TripleSpool",
    "Writer",
    "entity_id",
    "export",
    "exports",
    "get_writer",
    "iter_triples",
    "triples_of_row",
]
