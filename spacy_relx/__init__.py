"""Relation extraction for spaCy, in many languages. Importing it costs nothing but spaCy."""

import contextlib

from .about import __version__
from .data.extensions import merge_docs, set_extensions, span_as_doc
from .data.found import add_relations
from .data.types import Candidate, Candidates, Mention, Relation
from .errors import RelxError
from .registrations import register

register()
# spaCy imports this package for every pipeline it makes, also where nobody uses it: a clash of names with another
# package's extensions may not stop those. Our components check again when they are made, and say it there (RX001).
with contextlib.suppress(RelxError):
    set_extensions()

__all__ = [
    "Candidate",
    "Candidates",
    "Mention",
    "Relation",
    "__version__",
    "add_relations",
    "merge_docs",
    "set_extensions",
    "span_as_doc",
]
