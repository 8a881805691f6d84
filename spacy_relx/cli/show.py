"""`relx show`, also `relx visualize`: texts and their relations as an HTML page or an SVG picture."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
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
    check_finds,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_ending, check_output, write_output

if TYPE_CHECKING:
    from spacy.tokens import Doc


class Style(str, Enum):
    """How relations are shown."""

    rows = "rows"
    arcs = "arcs"


@relx_app.command("visualize", help="Another name of `show`.")
@relx_app.command("show")
@report_errors
def show_cli(
    model: Annotated[str, typer.Argument(help="Pipeline: folder or name; - to show what a .spacy file holds")],
    texts: TextsArg,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write, or .svg for arcs alone")],
    style: Annotated[
        Style | None, typer.Option("--style", help="Relations as rows below the text, or as arcs over it")
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", help="Of a picture of arcs, in pixels", show_default="920")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most so many texts")] = 100,
    title: Annotated[
        str | None, typer.Option("--title", help="Title of the page or picture", show_default="Relations; none in SVG")
    ] = None,
    triples: Annotated[bool, typer.Option("--triples", help="Print each text and its triples, too")] = False,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Make an HTML page of texts, their mentions and relations, in rows or as arcs (--style arcs), or an SVG picture of
    arcs (-o picture.svg). It needs no network and can be sent by mail.
    """
    from ..viz import arcs_svg, render
    from ..viz.arcs import check_width

    is_svg = output.suffix.lower() == ".svg"
    if is_svg and style is Style.rows:
        raise RelxError("RX367", reason="an .svg file shows arcs, not rows")
    if width is not None and not is_svg and style is not Style.arcs:
        raise RelxError("RX367", reason="--width is for arcs")
    pixels = 920 if width is None else width
    check_width(pixels)
    check_output(output, texts, code, model=model)
    check_ending(output, "a page or a picture of arcs", ".html", ".htm", ".svg")
    use_gpu(gpu)
    import_code(code)
    docs: list[Doc] = []
    for number, doc in progress(enumerate(_docs(model, texts, limit + 1, on_error), start=1)):
        doc.user_data.setdefault("id", number)
        docs.append(doc)
        if triples and number <= limit:
            _print_triples(doc)
    if is_svg:
        picture = arcs_svg(docs[:limit], width=pixels, title=title or "")
    else:
        picture = render(
            docs[:limit], title="Relations" if title is None else title, style=(style or Style.rows).value, width=pixels
        )
    write_output(output, picture)
    typer.secho(f"✔ {output}: {min(len(docs), limit)} texts", fg="green", err=True)
    if len(docs) > limit:
        typer.secho(f"There are more: --limit is {limit}.", fg="yellow", err=True)


def _print_triples(doc: Doc) -> None:
    typer.echo(f"\n{doc._.lang or '??'}  {doc.text}")
    from ..viz.arcs import support_words

    for relation in doc._.relations:
        head, label, tail = relation.triple(doc)
        scores = ", ".join([f"{relation.score:.2f}", *support_words(relation)])
        typer.echo(f"    {head} --{label}--> {tail}  ({scores})")


def _docs(model: str, texts: str, limit: int, on_error: OnError) -> Iterator[Doc]:
    """At most `limit` Docs; no further text is read."""
    if model == "-":
        if Path(texts).suffix != ".spacy":
            raise RelxError("RX185", path=texts)
        from spacy.vocab import Vocab

        yield from islice(read_docs(Path(texts), Vocab()), limit)
        return
    nlp = load_pipeline(model)
    check_finds(nlp, "doc._.relations")
    read = read_texts(texts, nlp.vocab, on_error, tell_blank=True)
    for item, doc in annotate(nlp, islice(read, limit), on_error=on_error):
        doc.user_data["id"] = item.id
        yield doc
