"""Calls that hand on what was found: export, to_frame, to_networkx."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Union

from spacy.tokens import Doc
from typing_extensions import TypeAlias

from ..data._compat import optional_import
from ..data.loading import pipeline_name
from ..data.outputs import check_output
from ..data.tables import data_frame
from ..errors import RelxError
from ..formats.texts import OnError
from ..writers import ExportReport, Settings, Triple, exports, get_writer
from ..writers import export as _export
from ..writers.from_docs import as_triples
from ..writers.iris import DEFAULT_BASE, Iris
from ..writers.reading import file_triples, triple_files, triples_of_files
from ..writers.writers import check_target, format_of
from .inputs import Progress, on_error_of, silent

if TYPE_CHECKING:
    import networkx
    import pandas

#: Docs or triples; or files of them: .spacy, .parquet, .jsonl, and folders of these.
Items: TypeAlias = Union[Doc, str, Path, Iterable[Union[Doc, Triple, str, Path]]]
What = Literal["all", "relations", "facts"]
#: Field of the writers' settings -> the arguments that set it.
_SETTINGS = {"iris": "base, ids and relation_ids", "bare": "bare", "formulas": "formulas"}
_COLUMNS = (
    *("doc", "head", "head_type", "head_kb_id", "label", "tail", "tail_type", "tail_kb_id", "score", "lang"),
    *("sentence", "head_start", "tail_start", "weight", "kb_score", "known", "kb_rank"),
)


def export(
    items: Items,
    output: str | Path | BinaryIO,
    to: str | None = None,
    *,
    what: What = "all",
    min_score: float | None = None,
    merge: bool = True,
    max_evidence: int = 0,
    model: str | Path = "",
    model_version: str = "",
    base: str | None = None,
    ids: Sequence[str] = (),
    relation_ids: Sequence[str] = (),
    bare: bool = False,
    formulas: bool = False,
    on_error: str = "raise",
    progress: Progress = silent,
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
        model: What found the triples: the folder of a pipeline, or a name.
        model_version: Its version, where that is a name.
        base: RDF: the IRI that stands before all names of our own; None for http://example.org/.
        ids: RDF: IRIs of kb_ids, PREFIX=IRI each, or "wikidata".
        relation_ids: RDF: the same for relations.
        bare: RDF: whether to leave evidence out.
        formulas: CSV: whether to leave cells as they are that a spreadsheet would run.
        on_error: "raise", or "skip" lines of files that are broken.
        progress: Shows how far triples are read, and facts written.

    Returns:
        How many triples were read and facts written.

    Raises:
        RelxError: RX347 for a setting that is not for this format, RX332 for an ending that tells no format, RX189 for
            an output that is an input, RX350 for a pipeline without a name.
    """
    format = to or ("" if not isinstance(output, (str, Path)) else format_of(output))
    if format:
        iris = base is not None or bool(ids or relation_ids)
        _check_settings(format, {"iris": iris, "bare": bare, "formulas": formulas})
    files = _files(items)
    if files is not None:
        if what != "all" and not any(path.suffix == ".spacy" for path, _ in files):
            raise RelxError("RX347", option="what", format="JSON Lines", known=".spacy files")
        if isinstance(output, (str, Path)):
            writer = get_writer(format)
            # "-" as a string is standard input there
            check_output(None if writer.files else Path(output), *(str(path) for path, _ in files))
            check_target(Path(output), writer)
    name, version = _made_by(model, model_version)
    triples = progress(_triples(items, what, on_error, {"model": name, "model_version": version}), unit=" triples")
    if min_score is not None:
        triples = (triple for triple in triples if triple.score >= min_score)
    settings = Settings(Iris(DEFAULT_BASE if base is None else base, ids, relation_ids), bare, formulas)
    return _export(
        triples,
        output,
        to,
        settings,
        merge=merge,
        max_evidence=max_evidence,
        progress=lambda facts: progress(facts, unit=" facts"),
    )


def _check_settings(format: str, given: Mapping[str, bool]) -> None:
    """RAISES: RelxError RX347 for settings that are not for this format."""
    writer = get_writer(format)
    for name, is_given in given.items():
        if is_given and name not in writer.settings:
            known = ", ".join(sorted(each for each, other in exports.get_all().items() if name in other.settings))
            raise RelxError("RX347", option=_SETTINGS[name], format=format, known=known)


def _files(items: Items) -> list[tuple[Path, str]] | None:
    """The files that are meant; None where there are Docs or triples. RAISES: RelxError RX338, RX120."""
    given: Any = [items] if isinstance(items, (str, Path)) else items
    if not isinstance(given, list) or not given or not all(isinstance(each, (str, Path)) for each in given):
        return None
    return triple_files([Path(each) for each in given], "RX338")


def _made_by(model: str | Path, version: str) -> tuple[str, str]:
    """Name and version: of the pipeline, where that is its folder. RAISES: RelxError RX350."""
    path = Path(model)
    if not str(model) or not path.is_dir():
        return str(model), version
    try:
        name, found = pipeline_name(json.loads((path / "meta.json").read_text(encoding="utf8")))
        return name, version or found
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise RelxError("RX350", path=path, reason=f"{type(err).__name__}: {err}") from err


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
    files = _files(items)
    if files is not None:
        return triples_of_files(files, what, made.get("model", ""), made.get("model_version", ""), when)
    return as_triples(_opened(items, what, when, made), what=what, **made)


def _opened(items: Any, what: str, on_error: OnError, made: Mapping[str, str]) -> Iterator[Doc | Triple]:
    if not isinstance(items, (Doc, Triple, Iterable)):
        raise RelxError("RX544", value=items)
    for item in [items] if isinstance(items, (Doc, Triple)) else items:
        if isinstance(item, (str, Path)):
            yield from file_triples([Path(item)], what=what, on_error=on_error, **made)
        else:
            yield item
