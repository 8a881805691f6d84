"""`python -m spacy relx ...`. spaCy imports this module, by entry point, when its command line starts."""

from spacy.cli._util import app

from . import configs, data, kb, scores, texts, training, triples  # noqa: F401  (they register their commands)
from ._app import relx_app

app.add_typer(relx_app, name="relx")

__all__ = ["relx_app"]
