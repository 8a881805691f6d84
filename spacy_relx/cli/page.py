"""`relx page`: the triples of a corpus as one HTML page to look through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RelxError, warn
from ..formats.texts import LeftOut
from ._app import OnError, progress, relx_app, report_errors
from ._output import check_ending, check_output, write_output
from .export import INPUTS_HELP

if TYPE_CHECKING:
    from ..viz.page_data import PageDoc
    from ..writers import Triple

LimitOpt = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most so many documents")]


@relx_app.command("page")
@report_errors
def page_cli(
    inputs: Annotated[list[Path], typer.Argument(help=INPUTS_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    title: Annotated[str, typer.Option("--title", help="Title of the page")] = "Relations",
    limit: LimitOpt = 20_000,
    on_error: Annotated[
        OnError, typer.Option("--on-error", help="Broken lines: stop, or leave them out")
    ] = OnError.fail,
) -> None:
    """
    Make an HTML page of the triples of a corpus: filters by relation, language, score and text, and each triple with
    its sentence. One file that needs no network; thousands of documents open at once. See docs/pictures.md.
    """
    from ..viz.page import corpus_page
    from ..writers.reading import triple_files

    files = triple_files(inputs, "RX338")
    check_output(output, *(str(path) for path, _ in files))  # "-" as a string is standard input there
    check_ending(output, "a page", ".html", ".htm")
    reader = _Reader(on_error, limit)
    for _ in progress(reader.read(files)):
        pass
    reader.report()
    docs = reader.docs
    if not docs:
        raise RelxError("RX173", where=", ".join(map(str, inputs)))
    write_output(output, corpus_page(docs, title=title))
    n_triples = sum(len(doc.relations) for doc in docs)
    typer.secho(f"✔ {output}: {len(docs)} documents, {n_triples} triples", fg="green", err=True)
    if reader.has_more:
        typer.secho(f"There are more documents: --limit is {limit}.", fg="yellow", err=True)


class _Reader:
    """Reads what pages are made of, and counts what it left out.

    docs: the first `limit` documents, each with all of its triples, wherever they stand: so everything is read, and
    what belongs to no document of these is forgotten at once. has_more: whether there was such.
    """

    def __init__(self, on_error: OnError, limit: int):
        self.docs: list[PageDoc] = []
        self.has_more = False
        self._limit = limit
        self._sentences: dict[tuple[str, str, str], PageDoc] = {}
        from ..writers.reading import TripleLines

        self._lines = TripleLines(on_error, broken="RX339", left_out=LeftOut("RX348"))
        self._n_placeless = 0

    def read(self, files: Iterable[tuple[Path, str]]) -> Iterator[None]:
        """Something for each Doc, line or row that was read.

        RAISES: RelxError RX132 (.spacy files), RX338 (.parquet files), RX580 for an id that is none, RX339 for a broken
        line.
        """
        from ..writers.reading import STDIN

        for path, name in files:
            if path.suffix == ".spacy":
                yield from self._read_docs(path, name)
            elif path.suffix == ".parquet":
                from ..writers.arrow import triples_of_parquet

                yield from map(self._add_triple, triples_of_parquet(path))
            else:
                for number, row, triples in self._lines.read(path, name):  # which checks the row
                    if "relations" in row:
                        self._add(_prediction(row, number, "" if path == STDIN else name))
                    else:
                        for triple in triples:
                            self._add_triple(triple)
                    yield

    def report(self) -> None:
        """Say what was left out. WARNS: RX348, RX365."""
        self._lines.left_out.report()
        if self._n_placeless:
            warn("RX365", n=self._n_placeless)

    def _read_docs(self, path: Path, name: str) -> Iterator[None]:
        """No Doc behind the limit is looked at, but for the first."""
        from spacy.vocab import Vocab

        from ..formats.docbin import read_docs
        from ..viz.page_data import PageDoc
        from ..writers.from_docs import id_of_doc

        for number, doc in enumerate(read_docs(path, Vocab()), start=1):
            if not self._add(PageDoc.of(doc, id_of_doc(doc, number, name))):
                return
            yield

    def _add(self, doc: PageDoc) -> bool:
        """Whether there is room for a document, which is added then."""
        if len(self.docs) == self._limit:
            self.has_more = True
            return False
        self.docs.append(doc)
        return True

    def _add_triple(self, triple: Triple) -> None:
        """To the document of its sentence; a new one where that was not known yet, and there is room."""
        from ..data.types import support_of
        from ..viz.page_data import PageDoc, PageRelation

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


def _prediction(row: dict[str, Any], number: int, source: str) -> PageDoc:
    """A line of `relx predict`, which was checked."""
    from ..data.types import read_support
    from ..viz.page_data import PageDoc, PageRelation
    from ..writers.from_json import relations_of_row
    from ..writers.records import document_id

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
