"""`python -m spacy relx ...`. spaCy imports this module, by entry point, when its command line starts."""

from spacy.cli._util import app

from . import (  # noqa: F401  (they register their commands)
    align,
    annotate,
    bags,
    calibrate,
    challenge,
    constraints,
    convert,
    curves,
    errors,
    evaluate,
    export,
    facts,
    graph,
    kb,
    kb_docs,
    page,
    predict,
    prelabel,
    routes,
    serve,
    show,
    transfer,
)
from ._app import relx_app

app.add_typer(relx_app, name="relx")

__all__ = ["relx_app"]
