"""`relx page`: the triples of a corpus as one HTML page to look through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..corpora.texts import LeftOut
from ..errors import RelxError, warn
from ._app import OnError, progress, read_docs, relx_app, report_errors
from ._output import check_output, write_output
from ._triples import TripleLines

if TYPE_CHECKING:
    from ..export import Triple
    from ..viz.page_data import PageDoc

INPUTS_HELP = ".spacy files, folders of them, .jsonl of relx predict, facts or export, or -"
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

    check_output(output, *("-" if str(path) == "-" else path for path in inputs))
    reader = _Reader(on_error)
    docs = list(islice(progress(reader.read(inputs)), limit + 1))
    reader.report()
    if not docs:
        raise RelxError("RX366", where=", ".join(map(str, inputs)))
    write_output(output, corpus_page(docs[:limit], title=title))
    n_triples = sum(len(doc.relations) for doc in docs[:limit])
    typer.secho(f"✔ {output}: {min(len(docs), limit)} documents, {n_triples} triples", fg="green", err=True)
    if len(docs) > limit:
        typer.secho(f"There are more documents: --limit is {limit}.", fg="yellow", err=True)


class _Reader:
    """Reads what pages are made of, and counts what it left out."""

    def __init__(self, on_error: OnError):
        self._lines = TripleLines(on_error, broken="RX363", left_out=LeftOut("RX364"))
        self._n_placeless = 0

    def read(self, paths: list[Path]) -> Iterator[PageDoc]:
        """RAISES: RelxError RX131, RX132 (.spacy files), RX362 for another file, RX363 for a broken line."""
        from ..viz.page_data import PageDoc

        for path in paths:
            if path.suffix == ".spacy" or path.is_dir():
                from spacy.vocab import Vocab

                for number, doc in enumerate(read_docs(path, Vocab()), start=1):
                    yield PageDoc.of(doc, str(doc.user_data.get("id", number)))
            elif str(path) == "-":
                yield from self._read_lines(nullcontext(sys.stdin.buffer), "standard input")
            elif path.suffix != ".jsonl":
                raise RelxError("RX362", path=path, reason=f"files that end in {path.suffix!r} are not known")
            elif not path.is_file():
                raise RelxError("RX362", path=path, reason="there is no such file")
            else:
                yield from self._read_lines(path.open("rb"), str(path))

    def report(self) -> None:
        """Say what was left out. WARNS: RX364, RX365."""
        self._lines.left_out.report()
        if self._n_placeless:
            warn("RX365", n=self._n_placeless)

    def _read_lines(self, opened: AbstractContextManager[BinaryIO], name: str) -> Iterator[PageDoc]:
        sentences: dict[tuple[str, str, str], PageDoc] = {}
        for number, row, triples in self._lines.read(opened, name):  # which checks the row
            if "relations" in row:
                yield _prediction(row, number)
            else:
                yield from self._sentences(triples, sentences)

    def _sentences(self, triples: list[Triple], known: dict[tuple[str, str, str], PageDoc]) -> Iterator[PageDoc]:
        """A document for each sentence that was not known yet; the triples of a sentence that was are added to it."""
        from ..types import support_of
        from ..viz.page_data import PageDoc, PageRelation

        for triple in triples:
            ends = [(part.start, part.end, part.type) for part in (triple.subject, triple.object)]
            if any(start is None or end is None or end > len(triple.sentence) for start, end, _ in ends):
                self._n_placeless += 1
                continue
            key = (triple.doc_id, triple.sentence, triple.lang)
            if key not in known:
                known[key] = PageDoc(triple.doc_id or f"sentence {len(known) + 1}", triple.sentence, triple.lang)
                yield known[key]
            doc = known[key]
            places = _places(doc, [(start or 0, end or 0, kind) for start, end, kind in ends])
            relation = PageRelation(places[0], triple.relation, places[1], triple.score, support_of(triple))
            doc.relations.append(relation)


def _prediction(row: dict[str, Any], number: int) -> PageDoc:
    """A line of `relx predict`, which was checked."""
    from ..types import read_support
    from ..viz.page_data import PageDoc, PageRelation

    doc = PageDoc(str(row.get("id", number)), row.get("text") or "", row.get("lang") or "")
    ends = [each[name] for each in row["relations"] for name in ("head", "tail")]
    places = _places(doc, [(part["start"], part["end"], part.get("label") or "") for part in ends])
    for each, head, tail in zip(row["relations"], places[::2], places[1::2]):
        score = 1.0 if each.get("score") is None else each["score"]
        doc.relations.append(PageRelation(head, each["label"], tail, score, read_support(each)))
    return doc


def _places(doc: PageDoc, mentions: list[tuple[int, int, str]]) -> list[int]:
    """The places of mentions among those of a document, to which new ones are added."""
    known = {mention: place for place, mention in enumerate(doc.mentions)}
    places = [known.setdefault(mention, len(known)) for mention in mentions]
    doc.mentions[:] = known
    return places
