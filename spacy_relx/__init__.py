"""Relation extraction for spaCy, in many languages.

`import spacy_relx as sr` gives everything that the command line can do, each as one call. Importing it costs nothing
but spaCy: what a name stands for is imported when the name is used for the first time.
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .about import __version__
from .data.annotated import Annotated
from .data.extensions import merge_docs, set_extensions, span_as_doc
from .data.facts import Bag, Evidence, Fact
from .data.found import add_relations
from .data.types import Candidate, Candidates, Mention, Relation
from .errors import RelxError, RelxWarning
from .registrations import register

if TYPE_CHECKING:
    from .formats.mentions import gold_example as gold_example
    from .library.checks import check as check
    from .library.comparison import compare as compare
    from .library.configs import init_config as init_config
    from .library.corpora import align as align
    from .library.corpora import convert as convert
    from .library.corpora import make_bags as make_bags
    from .library.corpora import read_docs as read_docs
    from .library.corpora import split as split
    from .library.encoders import init_encoder as init_encoder
    from .library.exports import export as export
    from .library.exports import to_frame as to_frame
    from .library.exports import to_networkx as to_networkx
    from .library.extraction import annotate as annotate
    from .library.extraction import facts as facts
    from .library.extraction import predict as predict
    from .library.knowledge import collect_triples as collect_triples
    from .library.knowledge import complete_triple as complete_triple
    from .library.knowledge import evaluate_embeddings as evaluate_embeddings
    from .library.knowledge import train_embeddings as train_embeddings
    from .library.pictures import show as show
    from .library.prelabelling import prelabel as prelabel
    from .library.routes import routes as routes
    from .library.schema import constraints as constraints
    from .library.scoring import calibrate as calibrate
    from .library.scoring import challenge as challenge
    from .library.scoring import error_report as error_report
    from .library.scoring import evaluate as evaluate
    from .library.training import train as train
    from .writers.graph import build_graph as build_graph
    from .writers.query import query_graph as query_graph

register()
# spaCy imports this package for every pipeline it makes, also where nobody uses it: a clash of names with another
# package's extensions may not stop those. Our components check again when they are made, and say it there (RX001).
with contextlib.suppress(RelxError):
    set_extensions()

#: Name -> the module that has it. None of these names is that of a module of this folder: importing the module would
#: put it in the place of the function.
_LAZY = {
    "align": "library.corpora",
    "annotate": "library.extraction",
    "build_graph": "writers.graph",
    "calibrate": "library.scoring",
    "challenge": "library.scoring",
    "check": "library.checks",
    "collect_triples": "library.knowledge",
    "compare": "library.comparison",
    "complete_triple": "library.knowledge",
    "constraints": "library.schema",
    "convert": "library.corpora",
    "error_report": "library.scoring",
    "evaluate": "library.scoring",
    "evaluate_embeddings": "library.knowledge",
    "export": "library.exports",
    "facts": "library.extraction",
    "gold_example": "formats.mentions",
    "init_config": "library.configs",
    "init_encoder": "library.encoders",
    "make_bags": "library.corpora",
    "predict": "library.extraction",
    "prelabel": "library.prelabelling",
    "query_graph": "writers.query",
    "read_docs": "library.corpora",
    "routes": "library.routes",
    "show": "library.pictures",
    "split": "library.corpora",
    "to_frame": "library.exports",
    "to_networkx": "library.exports",
    "train": "library.training",
    "train_embeddings": "library.knowledge",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "Annotated",
    "Bag",
    "Candidate",
    "Candidates",
    "Evidence",
    "Fact",
    "Mention",
    "Relation",
    "RelxError",
    "RelxWarning",
    "__version__",
    "add_relations",
    "align",
    "annotate",
    "build_graph",
    "calibrate",
    "challenge",
    "check",
    "collect_triples",
    "compare",
    "complete_triple",
    "constraints",
    "convert",
    "error_report",
    "evaluate",
    "evaluate_embeddings",
    "export",
    "facts",
    "gold_example",
    "init_config",
    "init_encoder",
    "make_bags",
    "merge_docs",
    "predict",
    "prelabel",
    "query_graph",
    "read_docs",
    "routes",
    "set_extensions",
    "show",
    "span_as_doc",
    "split",
    "to_frame",
    "to_networkx",
    "train",
    "train_embeddings",
]
