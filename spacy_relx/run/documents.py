"""Texts through a pipeline, in bounded memory, one by one set aside where they break it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..data.ids import document_id as given_id
from ..data.loading import check_finds, pipeline_name
from ..formats.texts import Broken, Text, docs_or_errors
from ..writers.from_docs import triples_of_doc
from ..writers.records import Triple, clean_text
from ..writers.records import document_id as export_id
from .journal import Journal

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

#: Texts that go through the pipeline together have so many characters at most; a longer one goes alone.
MAX_CHARACTERS = 1_000_000
#: Longest message that is kept of an error, in characters.
_MESSAGE = 1000


def check_what_is_found(nlp: Language, what: str) -> None:
    """Make sure that a pipeline finds what is wanted of it.

    Args:
        nlp: The pipeline.
        what: See `export.iter_triples`.

    Raises:
        RelxError: RX531 where no component does.
    """
    check_finds(nlp, *([f"doc._.{what}"] if what != "all" else ()))


@dataclass(slots=True)
class Document:
    """What became of one input: its triples, or the error for which it was set aside.

    id: see `document_id`. where: the file and its line. doc: only where it was asked for.
    """

    id: str
    where: str
    lang: str = ""
    n_characters: int = 0
    triples: list[Triple] = field(default_factory=list)
    error: str = ""
    doc: Doc | None = None


@dataclass
class Extraction:
    """How documents are made of texts.

    what: see `export.iter_triples`. batch_size: texts that go through the pipeline together, at most. keep_docs: give
    the Docs too, with their ids in `doc.user_data`. journal: tells which texts have ended the process before.
    """

    nlp: Language
    what: str = "all"
    batch_size: int = 256
    keep_docs: bool = False
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        self.model, self.version = pipeline_name(self.nlp.meta)

    def __call__(self, items: Iterable[Text | Broken], source: str = "") -> Iterator[Document]:
        """A document for each input, in their order. What fails is set aside with its error, and nothing else.

        source: stands before ids that are made of places, see `document_id`.
        """
        start = 0
        for chunk in _chunks(items, self.batch_size):
            for first, last in self.journal.parts(start, start + len(chunk)):
                part = chunk[first - start : last - start]
                if self.journal.has_killed(first):
                    part = [Broken(part[0].id, part[0].where, "it ended the process that read it, more than once")]
                yield from self._documents(part, source)
            start += len(chunk)

    def _documents(self, items: Sequence[Text | Broken], source: str) -> Iterator[Document]:
        texts = [item for item in items if isinstance(item, Text)]
        found = iter(docs_or_errors(self.nlp, texts))
        for item in items:
            try:
                id, fault = document_id(item, source), ""
            except ValueError as err:
                id, fault = item.where, str(err)
            if isinstance(item, Broken):
                yield Document(id, item.where, error=one_line(item.reason))
            elif fault:
                next(found)
                yield Document(id, item.where, item.lang, len(item.text), error=fault)
            else:
                yield self._document(id, item, next(found))

    def _document(self, id: str, item: Text, found: Doc | Exception) -> Document:
        document = Document(id, item.where, item.lang, len(item.text))
        if not isinstance(found, Exception):
            try:
                document.lang = found._.lang
                document.triples = list(
                    triples_of_doc(found, id, what=self.what, model=self.model, model_version=self.version)
                )
                if self.keep_docs:
                    found.user_data["id"] = id
                    document.doc = found
            except Exception as err:  # relations that a component of the user's has set wrongly
                found = err
        if isinstance(found, Exception):
            document.triples = []
            document.error = one_line(f"{type(found).__name__}: {found}")
        return document


def document_id(item: Text | Broken, source: str) -> str:
    """The id that was given, a whole number as a string; else, or if it is empty, one of the source, the place in it
    and the text, see `export.records.document_id`.

    RAISES: ValueError, as `ids.document_id`.
    """
    given = given_id(item.id)
    if given is None:
        number = int(re.split("[: ]", item.where)[-1])
        return export_id(None, number, source, item.text if isinstance(item, Text) else None)
    return str(given)


def one_line(message: str) -> str:
    """A message without line breaks, and not too long."""
    return clean_text(" ".join(message.split())[:_MESSAGE])


def _chunks(items: Iterable[Text | Broken], batch_size: int) -> Iterator[list[Text | Broken]]:
    """Lists of at most batch_size inputs and `MAX_CHARACTERS` characters."""
    chunk: list[Text | Broken] = []
    characters = 0
    for item in items:
        length = len(item.text) if isinstance(item, Text) else 0
        if chunk and (len(chunk) == batch_size or characters + length > MAX_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(item)
        characters += length
    if chunk:
        yield chunk
