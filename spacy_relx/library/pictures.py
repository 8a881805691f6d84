"""The call that shows documents: show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.loading import check_finds
from ..data.outputs import check_ending
from ..errors import RelxError
from ..formats.texts import OnError
from ..viz import arcs_svg, render
from ..viz.arcs import check_width, support_words
from ..viz.page import corpus_page, write_page
from ..viz.page_data import PageDoc
from ..writers import Triple
from ..writers.reading import triple_files
from .exports import Items
from .inputs import Model, Progress, Texts, annotated, docs_of, on_error_of, pipeline_of, silent
from .pages import PageReader

Style = Literal["rows", "arcs", "browse"]
STYLES = ("rows", "arcs", "browse")
#: The width of arcs, in pixels; and how many documents are shown, and how many on a page to browse.
WIDTH, SHOWN, BROWSED = 920, 100, 20_000


class Picture:
    """Docs with their mentions and relations. A notebook shows it; `save` writes it to a file.

    Args:
        docs: The Docs.
        style: "rows" or "arcs".
        width: Of arcs, in pixels.
        title: The heading of the page.
        has_more: Whether there are more Docs than these.
    """

    def __init__(
        self,
        docs: Sequence[Doc],
        style: Literal["rows", "arcs"] = "rows",
        width: int = WIDTH,
        title: str | None = None,
        has_more: bool = False,
    ):
        self.docs, self.title, self.has_more = list(docs), title, has_more
        self._settings: dict[str, Any] = {"style": style, "width": width}
        self._html = render(self.docs, page=False, **self._settings)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"Picture({len(self.docs)} Docs)"

    def __str__(self) -> str:
        """Each text, and its relations below."""
        return "\n".join(line for doc in self.docs for line in _lines(doc))

    @property
    def contents(self) -> str:
        """What it shows, in words."""
        return f"{len(self.docs)} texts"

    def to_html(self, page: bool = True) -> str:
        """The picture as HTML.

        Args:
            page: Whether to make a whole page, or a fragment for another page.
        """
        title = "Relations" if self.title is None else self.title
        return render(self.docs, title=title, **self._settings) if page else self._html

    def to_svg(self) -> str:
        """The picture as SVG, with relations as arcs."""
        return arcs_svg(self.docs, width=self._settings["width"], title=self.title or "")

    def save(self, path: str | Path) -> None:
        """Write the picture to a file: a page, or SVG with arcs where the name ends in .svg.

        Raises:
            RelxError: RX368 for another kind of file, RX186 where it cannot be written.
        """
        ending = Path(path).suffix.lower()
        check_ending(Path(path), "a page or a picture of arcs", ".html", ".htm", ".svg")
        write_page(path, self.to_svg() if ending == ".svg" else self.to_html())


class Page:
    """The documents of a corpus with their triples, to look through: filters by relation, language, score and text.

    A notebook shows it; `save` writes it to one file that needs no network.

    Args:
        docs: The documents.
        title: The heading of the page.
        has_more: Whether there are more documents than these.
    """

    def __init__(self, docs: Sequence[PageDoc], title: str | None = None, has_more: bool = False):
        self.docs, self.has_more = list(docs), has_more
        self.title = "Relations" if title is None else title

    def __repr__(self) -> str:
        return f"Page({len(self.docs)} documents, {self.n_triples} triples)"

    def __str__(self) -> str:
        """Each text, and its triples below."""
        return "\n".join(line for doc in self.docs for line in _page_lines(doc))

    def _repr_html_(self) -> str:
        style = "width:100%;height:40em;border:0"
        return f'<iframe srcdoc="{escape(self.to_html(), quote=True)}" style="{style}"></iframe>'

    @property
    def contents(self) -> str:
        """What it shows, in words."""
        return f"{len(self.docs)} documents, {self.n_triples} triples"

    @property
    def n_triples(self) -> int:
        """The number of triples."""
        return sum(len(doc.relations) for doc in self.docs)

    def to_html(self) -> str:
        """The page as HTML."""
        return corpus_page(self.docs, title=self.title)

    def save(self, path: str | Path) -> None:
        """Write the page to a file.

        Raises:
            RelxError: RX368 for another ending than .html, RX186 where it cannot be written.
        """
        check_ending(Path(path), "a page", ".html", ".htm")
        write_page(path, self.to_html())


def check_picture(output: Path | None, style: Style | None) -> Style | None:
    """The style that an output means, and whether the two go together.

    Args:
        output: The file to write; None for none.
        style: The style, None for the one that is meant.

    Raises:
        RelxError: RX367 for an .svg file of anything but arcs, RX368 for another ending.
    """
    if output is None:
        return style
    check_ending(output, "a page or a picture of arcs", ".html", ".htm", ".svg")
    if output.suffix.lower() != ".svg":
        return style
    if style not in (None, "arcs"):
        raise RelxError("RX367", reason=f"an .svg file shows arcs, not {style}")
    return "arcs"


def _lines(doc: Doc) -> Iterator[str]:
    yield f"{doc._.lang or '??'}  {doc.text}"
    for relation in doc._.relations:
        head, label, tail = relation.triple(doc)
        scores = ", ".join([f"{relation.score:.2f}", *support_words(relation)])
        yield f"    {head} --{label}--> {tail}  ({scores})"


def _page_lines(doc: PageDoc) -> Iterator[str]:
    yield f"{doc.lang or '??'}  {doc.text}"
    for relation in doc.relations:
        ends = (doc.mentions[relation.head], doc.mentions[relation.tail])
        head, tail = (doc.text[start:end] for start, end, _ in ends)
        yield f"    {head} --{relation.label}--> {tail}  ({relation.score:.2f})"


def show(
    docs: Texts | Items,
    *,
    model: Model | None = None,
    style: Style | None = None,
    width: int | None = None,
    limit: int | None = None,
    title: str | None = None,
    on_error: str = "raise",
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> Picture | Page:
    """Show documents with their mentions and relations.

    Args:
        docs: Without a model: Docs, a .spacy file, or a folder of such; for the style "browse" also triples, and files
            of predictions and triples (.jsonl, .parquet). With a model: texts, or a file of them.
        model: The pipeline that finds relations; None: the documents have them.
        style: "rows" below the text; "arcs" over it; or "browse", a page with filters for the documents of a whole
            corpus. None: "browse" for files that hold no documents, else "rows".
        width: Of arcs, in pixels; None for 920.
        limit: The most documents that are shown; None for 100, or 20,000 to browse.
        title: The heading of the page.
        on_error: "raise", or "skip" texts and lines that cannot be used.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.

    Returns:
        A picture, which a notebook displays; for the style "browse" a page. `save` writes either to a file.

    Raises:
        RelxError: RX021 for another style, RX360 for a width that is too small or large, RX367 for a width without
            arcs, RX185 for files without documents in rows or arcs, RX611 for what is no Doc, RX173 where there is
            nothing to browse.
    """
    when = on_error_of(on_error)
    sources: list[Any] = [docs] if isinstance(docs, (str, Path, Doc, Triple)) else _items(docs, model)
    others = [each for each in sources if isinstance(each, Triple) or _is_triple_file(each, model)]
    style = style or ("browse" if others else "rows")
    if style not in STYLES:
        raise RelxError("RX021", name="style", value=style, need=" or ".join(map(repr, STYLES)))
    if width is not None and style != "arcs":
        raise RelxError("RX367", reason="a width is for arcs")
    check_width(WIDTH if width is None else width)
    if style != "browse" and others:
        raise RelxError("RX185", path=others[0])
    found: Iterator[Doc]
    if model is not None:
        nlp = pipeline_of(model, code, gpu_id)
        check_finds(nlp, "doc._.relations")
        texts: Any = docs if isinstance(docs, (str, Path, Doc)) else sources
        found = (doc for _, doc in annotated(nlp, texts, on_error=on_error))
    else:
        found = _docs(sources, Vocab())
    if style == "browse":
        return _page(found if model is not None else None, sources, when, limit or BROWSED, title, progress)
    most = limit or SHOWN
    shown = list(progress(_numbered(islice(found, most + 1))))
    return Picture(shown[:most], style, WIDTH if width is None else width, title, len(shown) > most)


def _items(docs: Any, model: Model | None) -> list[Any]:
    """RAISES: RelxError RX611 for what is no list, and for texts without a model."""
    if not isinstance(docs, Iterable):
        raise RelxError("RX611", value=docs)
    items = list(docs)
    texts = [item for item in items if isinstance(item, str)]
    if texts and model is None:
        raise RelxError("RX611", value=texts[0])
    return items


def _is_triple_file(item: Any, model: Model | None) -> bool:
    if model is not None or not isinstance(item, (str, Path)):
        return False
    path = Path(item)
    if path.is_dir():
        return not any(path.rglob("*.spacy"))
    return path.suffix != ".spacy"


def _docs(sources: Iterable[Any], vocab: Vocab) -> Iterator[Doc]:
    for item in sources:
        yield from docs_of(item if isinstance(item, (str, Path)) else [item], vocab)


def _numbered(docs: Iterable[Doc]) -> Iterator[Doc]:
    for number, doc in enumerate(docs, start=1):
        doc.user_data.setdefault("id", number)
        yield doc


def _page(
    found: Iterator[Doc] | None,
    sources: Sequence[Any],
    on_error: OnError,
    limit: int,
    title: str | None,
    progress: Progress,
) -> Page:
    """A page of Docs, or of sources: files, Docs and triples. RAISES: RelxError RX173 where there are no documents."""
    reader = PageReader(on_error, limit)

    def read() -> Iterator[None]:
        if found is not None:
            yield from reader.read_docs(found)
            return
        paths = [Path(each) for each in sources if isinstance(each, (str, Path))]
        yield from reader.read_files(triple_files(paths, "RX338") if paths else ())
        for item in sources:
            if isinstance(item, Triple):
                reader.add_triple(item)
                yield
            elif not isinstance(item, (str, Path)):
                yield from reader.read_docs(docs_of([item], Vocab()))

    for _ in progress(read()):
        pass
    reader.report()
    if not reader.docs:
        raise RelxError("RX173", where=", ".join(str(each) for each in sources if isinstance(each, (str, Path))))
    return Page(reader.docs, title, reader.has_more)
