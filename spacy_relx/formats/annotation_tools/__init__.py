"""Writers of pre-annotations for annotation tools; the importers of `corpora.formats` read them back.

A writer is a class, `Writer(output, name=...)`, that is given Docs one by one and puts nothing under its final name
before all are written; see `_base.Writer`.
"""

from __future__ import annotations

from ._base import Writer
from .brat import BratWriter
from .doccano import DoccanoWriter
from .labelstudio import LabelStudioWriter
from .prodigy import ProdigyWriter

#: The writer of each tool; the name is that of the importer, too.
WRITERS: dict[str, type[Writer]] = {
    "prodigy": ProdigyWriter,
    "brat": BratWriter,
    "labelstudio": LabelStudioWriter,
    "doccano": DoccanoWriter,
}

__all__ = ["WRITERS", "Writer"]
