"""Documents and triples of files, put together to pages that show a whole corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.types import read_support, support_of
from ..errors import warn
from ..formats.docbin import read_docs
from ..formats.texts import LeftOut, OnError
from ..viz.page_data import PageDoc, PageRelation
from ..writers import Triple
from ..writers.from_docs import id_of_doc
from ..writers.from_json import relations_of_row
from ..writers.reading import STDIN, TripleLines
from ..writers.records import document_id


class PageReader:
    """Reads what pages are made of, and counts what it left out.

    Args:
        on_error: What to do with a broken line.
        limit: The most documents that are shown.

    Attributes:
        docs: The first documents, each with all of its triples, wherever they stand: so everything is read, and what
            belongs to no document of these is forgotten at once.
        has_more: Whether there was such.
    """

    def __init__(self, on_error: OnError, limit: int):
        self.docs: list[PageDoc] = []
        self.has_more = False
        self._limit = limit
        self._sentences: dict[tuple[str, str, str], PageDoc] = {}
        self._lines = TripleLines(on_error, broken="RX339", left_out=LeftOut("RX348"))
        self._n_placeless = 0

    def read_files(self, files: Iterable[tuple[Path, str]]) -> Iterator[None]:
        """Read files as `triple_files` gives them. Yields something for each Doc, line or row that was read.

        Raises:
            RelxError: RX132 (.spacy files), RX338 (.parquet files), RX580 for an id that is none, RX339 for a broken
                line.
        """
        for path, name in files:
            if path.suffix == ".spacy":
                # a new vocabulary for each file: with one for all it would grow
                yield from self.read_docs(read_docs(path, Vocab()), name)
            elif path.suffix == ".parquet":
                from ..writers.arrow import triples_of_parquet

                yield from map(self.add_triple, triples_of_parquet(path))
            else:
                for number, row, triples in self._lines.read(path, name):  # which checks the row
                    if "relations" in row:
                        self._add(_prediction(row, number, "" if path == STDIN else name))
                    else:
                        for triple in triples:
                            self.add_triple(triple)
                    yield

    def read_docs(self, docs: Iterable[Doc], name: str = "") -> Iterator[None]:
        """Read Docs, and none behind the limit, but for the first."""
        for number, doc in enumerate(docs, start=1):
            if not self._add(PageDoc.of(doc, id_of_doc(doc, number, name))):
                return
            yield

    def add_triple(self, triple: Triple) -> None:
        """Add a triple to the document of its sentence; to a new one where that was not known yet, and there is
        room."""
        ends = [(part.start, part.end, part.type) for part in (triple.head, triple.tail)]
        if any(start is None or end is None or end > len(triple.sentence) for start, end, _ in ends):
            self._n_placeless += 1
            return
        key = (triple.doc_id, triple.sentence, triple.lang)
        doc = self._sentences.get(key)
        if doc is None:
            name = triple.doc_id or f"sentence {len(self._sentences) + 1}"
            doc = PageDoc(name, triple.sentence, triple.lang, sentences=[(0, len(triple.sentence))])
            if not self._add(doc):
                return
            self._sentences[key] = doc
        places = _places(doc, [(start or 0, end or 0, kind) for start, end, kind in ends])
        relation = PageRelation(places[0], triple.label, places[1], triple.score, support_of(triple))
        doc.relations.append(relation)

    def report(self) -> None:
        """Say what was left out. Warns: RX348, RX365."""
        self._lines.left_out.report()
        if self._n_placeless:
            warn("RX365", n=self._n_placeless)

    def _add(self, doc: PageDoc) -> bool:
        """Whether there is room for a document, which is added then."""
        if len(self.docs) == self._limit:
            self.has_more = True
            return False
        self.docs.append(doc)
        return True


def _prediction(row: dict[str, Any], number: int, source: str) -> PageDoc:
    """A line of `relx predict`, which was checked."""
    text = row.get("text") or ""
    doc = PageDoc(document_id(row.get("id"), number, source, text), text, row.get("lang") or "")
    mentions = row.get("mentions") or []
    places = _places(doc, [(each["start"], each["end"], each.get("label") or "") for each in mentions])
    for each, head, tail in relations_of_row(row):
        score = 1.0 if each.get("score") is None else each["score"]
        doc.relations.append(PageRelation(places[head], each["label"], places[tail], score, read_support(each)))
    return doc


def _places(doc: PageDoc, mentions: list[tuple[int, int, str]]) -> list[int]:
    """The places of mentions among those of a document, to which new ones are added."""
    known = {mention: place for place, mention in enumerate(doc.mentions)}
    places = [known.setdefault(mention, len(known)) for mention in mentions]
    doc.mentions[:] = known
    return places
