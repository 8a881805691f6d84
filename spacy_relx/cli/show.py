"""`relx show`: texts and their relations as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RelxError
from ._app import (
    CodeOpt,
    GpuOpt,
    OnError,
    OnErrorOpt,
    TextsArg,
    annotate,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, write_output

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from ..types import Relation


@relx_app.command("show")
@report_errors
def show_cli(
    model: Annotated[str, typer.Argument(help="Pipeline: folder or name; - to show what a .spacy file holds")],
    texts: TextsArg,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most so many texts")] = 100,
    title: Annotated[str, typer.Option("--title", help="Title of the page")] = "Relations",
    triples: Annotated[bool, typer.Option("--triples", help="Print each text and its triples, too")] = False,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Make an HTML page of texts, their mentions and relations. It needs no network and can be sent by mail.
    """
    from ..viz import render

    check_output(output, texts, code, model=model)
    use_gpu(gpu)
    import_code(code)
    docs: list[Doc] = []
    for number, doc in progress(enumerate(_docs(model, texts, limit + 1, on_error), start=1)):
        doc.user_data.setdefault("id", number)
        docs.append(doc)
        if triples and number <= limit:
            _print_triples(doc)
    write_output(output, render(docs[:limit], title=title))
    typer.secho(f"✔ {output}: {min(len(docs), limit)} texts", fg="green", err=True)
    if len(docs) > limit:
        typer.secho(f"There are more: --limit is {limit}.", fg="yellow", err=True)


def _print_triples(doc: Doc) -> None:
    typer.echo(f"\n{doc._.lang or '??'}  {doc.text}")
    for relation in doc._.relations:
        head, label, tail = relation.triple(doc)
        typer.echo(f"    {head} --{label}--> {tail}  ({', '.join(_scores(relation))})")


def _scores(relation: Relation) -> Iterator[str]:
    """The score, and what a knowledge base says."""
    yield f"{relation.score:.2f}"
    if relation.known is not None:
        yield "known" if relation.known else "new"
    if relation.kb_score is not None:
        yield f"kb_score {relation.kb_score:.2f}"
    if relation.kb_rank is not None:
        yield f"kb_rank {relation.kb_rank:g}"


def _docs(model: str, texts: str, limit: int, on_error: OnError) -> Iterator[Doc]:
    """At most `limit` Docs; no further text is read."""
    if model == "-":
        if Path(texts).suffix != ".spacy":
            raise RelxError("RX185", path=texts)
        from spacy.vocab import Vocab

        yield from islice(read_docs(Path(texts), Vocab()), limit)
        return
    nlp = load_pipeline(model)
    for item, doc in annotate(nlp, islice(read_texts(texts, nlp.vocab, on_error), limit), on_error=on_error):
        doc.user_data["id"] = item.id
        yield doc
