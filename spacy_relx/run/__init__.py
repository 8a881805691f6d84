"""Corpora larger than one process: shards in, triples out, each document exactly once."""

from .annotator import Annotator
from .run import Progress, Summary, annotate_corpus, engines

__all__ = ["Annotator", "Progress", "Summary", "annotate_corpus", "engines"]
