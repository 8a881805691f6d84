"""Calls that show what was found, and hand it to others: show, export, to_frame, to_networkx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Union

from spacy.tokens import Doc
from spacy.vocab import Vocab
from typing_extensions import TypeAlias

from ..data._compat import optional_import
from ..data.tables import data_frame
from ..errors import RelxError
from ..viz import arcs_svg, render
from ..viz.page import write_page
from ..writers import ExportReport, Settings, Triple
from ..writers import export as _export
from ..writers.from_docs import as_triples
from ..writers.iris import DEFAULT_BASE, Iris
from ..writers.reading import file_triples
from .inputs import Docs, docs_of, on_error_of

if TYPE_CHECKING:
    import networkx
    import pandas

#: Docs or triples; or files of them: .spacy, .parquet, .jsonl, and folders of these.
Items: TypeAlias = Union[Doc, str, Path, Iterable[Union[Doc, Triple, str, Path]]]
_COLUMNS = (
    *("doc", "head", "head_type", "head_kb_id", "label", "tail", "tail_type", "tail_kb_id", "score", "lang"),
    *("sentence", "head_start", "tail_start", "weight", "kb_score", "known", "kb_rank"),
)


class Picture:
    """Docs with their mentions and relations. A notebook shows it; `save` writes it to a file.

    Args:
        docs: The Docs.
        style: "rows" or "arcs".
        width: Of arcs, in pixels.
        title: The heading of the page.
    """

    def __init__(self, docs: Sequence[Doc], style: Literal["rows", "arcs"], width: int, title: str | None):
        self.docs = list(docs)
        self.title = title
        self._settings: dict[str, Any] = {"style": style, "width": width}
        self._html = render(self.docs, page=False, **self._settings)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"Picture({len(self.docs)} Docs)"

    def __str__(self) -> str:
        """Each text, and its relations below."""
        return "\n".join(line for doc in self.docs for line in _lines(doc))

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
        if ending not in (".html", ".htm", ".svg"):
            raise RelxError("RX368", path=path, kind="a page or a picture of arcs", known=".html, .htm, .svg")
        write_page(path, self.to_svg() if ending == ".svg" else self.to_html())


def _lines(doc: Doc) -> Iterator[str]:
    yield doc.text
    for relation in doc._.relations:
        head, label, tail = relation.triple(doc)
        yield f"    {head} --{label}--> {tail}  ({relation.score:.2f})"


def show(
    docs: Docs,
    *,
    style: Literal["rows", "arcs"] = "rows",
    width: int = 920,
    title: str | None = None,
) -> Picture:
    """Show Docs with their mentions and relations; a notebook shows what this returns.

    Args:
        docs: One Doc or several, a .spacy file, or a folder of such.
        style: "rows" below the text, or "arcs" over it.
        width: Of arcs, in pixels.
        title: The heading of the page.

    Raises:
        RelxError: RX021 for another style, RX360 for a width that is too small or large, RX611 for what is no Doc.
    """
    return Picture(list(docs_of(docs, Vocab())), style, width, title)


def export(
    items: Items,
    output: str | Path | BinaryIO,
    to: str | None = None,
    *,
    what: str = "all",
    min_score: float | None = None,
    merge: bool = True,
    max_evidence: int = 0,
    model: str = "",
    model_version: str = "",
    base: str = DEFAULT_BASE,
    ids: Sequence[str] = (),
    relation_ids: Sequence[str] = (),
    bare: bool = False,
    formulas: bool = False,
    on_error: str = "raise",
) -> ExportReport:
    """Write relations and facts in a format that other programs read.

    Args:
        items: Docs, triples, or names of files and folders of them.
        output: The name of the file (a folder for neo4j), or a stream of bytes.
        to: jsonl, csv, parquet, ntriples, turtle, jsonld, graphml or neo4j; None: the ending of the output tells it.
        what: Of Docs: "relations", "facts" or "all".
        min_score: Only triples with such a score or a greater one.
        merge: Whether to make equal triples one fact with all their evidence.
        max_evidence: Pieces of evidence with each fact, best first; 0 for all.
        model: The name of what found the triples.
        model_version: Its version.
        base: RDF: the IRI that stands before all names of our own.
        ids: RDF: IRIs of kb_ids, PREFIX=IRI each, or "wikidata".
        relation_ids: RDF: the same for relations.
        bare: RDF: whether to leave evidence out.
        formulas: CSV: whether to leave cells as they are that a spreadsheet would run.
        on_error: "raise", or "skip" lines of files that are broken.

    Returns:
        How many triples were read and facts written.
    """
    triples = _triples(items, what, on_error, {"model": model, "model_version": model_version})
    if min_score is not None:
        triples = (triple for triple in triples if triple.score >= min_score)
    settings = Settings(Iris(base, ids, relation_ids), bare, formulas)
    return _export(triples, output, to, settings, merge=merge, max_evidence=max_evidence)


def to_frame(items: Items, *, what: str = "all", on_error: str = "raise") -> pandas.DataFrame:
    """Relations and facts as a pandas DataFrame, a row each; of a fact each piece of evidence has a row.

    Args:
        items: Docs, triples, or names of files and folders of them.
        what: Of Docs: "relations", "facts" or "all".
        on_error: "raise", or "skip" lines of files that are broken.

    Returns:
        The columns doc (the id), head, head_type, head_kb_id, label, tail, tail_type, tail_kb_id, score, lang,
        sentence, head_start and tail_start (characters of the sentence), weight (of evidence), kb_score, known,
        kb_rank.

    Raises:
        RelxError: RX005 where pandas is not installed.
    """
    return data_frame(map(_row, _triples(items, what, on_error, {})), _COLUMNS)


def _row(triple: Triple) -> dict[str, Any]:
    head, tail = triple.head, triple.tail
    ends = (head.text, head.type, head.kb_id, triple.label, tail.text, tail.type, tail.kb_id)
    rest = (triple.score, triple.lang, triple.sentence, head.start, tail.start, triple.weight)
    return dict(zip(_COLUMNS, (triple.doc_id, *ends, *rest, triple.kb_score, triple.known, triple.kb_rank)))


def to_networkx(items: Items, *, what: str = "all", on_error: str = "raise") -> networkx.MultiDiGraph:
    """Relations and facts as a networkx graph, whose nodes are entities.

    Args:
        items: Docs, triples, or names of files and folders of them.
        what: Of Docs: "relations", "facts" or "all".
        on_error: "raise", or "skip" lines of files that are broken.

    Returns:
        A graph with the nodes' attributes text, type and kb_id. Equal triples are one edge, whose key is the label,
        with the attributes label, score (the best), n (how many triples) and evidence (a list of doc, sentence, score).

    Raises:
        RelxError: RX005 where networkx is not installed.
    """
    graph = optional_import("networkx", extra="frames", purpose="graphs of networkx").MultiDiGraph()
    for triple in _triples(items, what, on_error, {}):
        for end in (triple.head, triple.tail):
            if end.id not in graph:
                graph.add_node(end.id, text=end.text, type=end.type, kb_id=end.kb_id)
        head, tail = triple.head.id, triple.tail.id
        if not graph.has_edge(head, tail, triple.label):
            graph.add_edge(head, tail, triple.label, label=triple.label, score=triple.score, n=0, evidence=[])
        edge = graph.edges[head, tail, triple.label]
        edge["score"], edge["n"] = max(edge["score"], triple.score), edge["n"] + 1
        if triple.sentence:
            edge["evidence"].append({"doc": triple.doc_id, "sentence": triple.sentence, "score": triple.score})
    return graph


def _triples(items: Items, what: str, on_error: str, made: Mapping[str, str]) -> Iterator[Triple]:
    """The triples of Docs, of triples and of files, in their order."""
    when = on_error_of(on_error)
    if isinstance(items, (str, Path)):
        return file_triples([Path(items)], what=what, on_error=when, **made)
    return as_triples(_opened(items, what, when, made), what=what, **made)


def _opened(items: Any, what: str, on_error: Any, made: Mapping[str, str]) -> Iterator[Doc | Triple]:
    if not isinstance(items, (Doc, Triple, Iterable)):
        raise RelxError("RX544", value=items)
    for item in [items] if isinstance(items, (Doc, Triple)) else items:
        if isinstance(item, (str, Path)):
            yield from file_triples([Path(item)], what=what, on_error=on_error, **made)
        else:
            yield item
