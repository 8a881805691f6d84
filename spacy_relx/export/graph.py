"""A folder with RDF triples that SPARQL can ask, by Oxigraph (package pyoxigraph, extra `graph`)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable

from .._compat import optional_import
from ..errors import RelxError
from .files import check_folder, whole_export
from .rdf import PREFIXES

META = "graph.json"
STORE = "store"
KIND = {"kind": "spacy_relx graph", "version": 1}
#: Ending of a file -> name of its format in pyoxigraph.
ENDINGS = {".nt": "N_TRIPLES", ".ttl": "TURTLE", ".jsonld": "JSON_LD", ".rdf": "RDF_XML"}
#: Strings, IRIs and comments, in which a word is no keyword.
_NO_KEYWORDS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n\r]|\\.)*"|'
    r"'(?:[^'\\\n\r]|\\.)*'|<[^<>\"{}|^`\\\x00-\x20]*>|#[^\n\r]*",
    re.DOTALL,
)
#: The keyword, and no variable, prefix or local name.
_SERVICE = re.compile(r"(?<![\w?$:.-])SERVICE(?![\w:.-])", re.IGNORECASE)
Term = Any


def build_graph(
    inputs: Iterable[str | Path], folder: str | Path, wrap: Callable[[BinaryIO, Path], Any] | None = None
) -> int:
    """Make a graph of files of RDF triples; a graph that is there already is replaced, anything else is not.

    inputs: files that end in .nt, .ttl, .jsonld or .rdf. wrap: makes the stream that is read of the file's own, to
    watch it.
    RETURNS: how many different triples there are. RAISES: RelxError RX005 (no pyoxigraph), RX335 (folder), RX354 (no
    such file), RX340 (a file of another kind), RX341 (what is in it), RX343 (one of the files is in the folder).
    """
    ox = optional_import("pyoxigraph", extra="graph", purpose="graphs")
    paths, folder = [Path(path) for path in inputs], Path(folder)
    check_folder(folder, (META, STORE))
    if folder.is_dir() and any(folder.iterdir()):
        _check_graph(folder)
    for path in paths:
        if not path.exists():
            raise RelxError("RX354", path=path)
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            raise RelxError("RX340", path=path, known=", ".join(ENDINGS))
        if folder.resolve() in path.resolve().parents:
            raise RelxError("RX343", path=path, folder=folder)
    with whole_export(folder) as temporary:
        temporary.mkdir()
        store = ox.Store(str(temporary / STORE))
        for path in paths:
            _load(ox, store, path, wrap)
        store.flush()
        store.optimize()
        size = len(store)
        del store  # closes its files
        meta = {**KIND, "triples": size, "files": [path.name for path in paths]}
        (temporary / META).write_text(json.dumps(meta, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    return size


def _load(ox: Any, store: Any, path: Path, wrap: Callable[[BinaryIO, Path], Any] | None) -> None:
    try:
        with path.open("rb") as stream:
            source = wrap(stream, path) if wrap else stream
            store.bulk_load(source, getattr(ox.RdfFormat, ENDINGS[path.suffix.lower()]))
    except (SyntaxError, ValueError, OSError) as err:
        raise RelxError("RX341", path=path, reason=_first_line(err)) from err


@dataclass
class Answer:
    """The answer to a query. names: columns. rows: terms of pyoxigraph, None where a variable is not bound. cut:
    whether there are more. yes: of ASK, None for other queries."""

    names: list[str]
    rows: list[list[Term | None]]
    cut: bool = False
    yes: bool | None = None


def query_graph(folder: str | Path, query: str, *, limit: int = 1000, timeout: float | None = 60) -> Answer:
    """Ask a graph in SPARQL: SELECT, ASK, CONSTRUCT or DESCRIBE. Nothing can be changed by it, nor fetched from
    elsewhere (SERVICE). The prefixes rdf, rdfs, skos, dcterms, prov and xsd are known.

    limit: rows at most, 0 for all, which are in memory then. timeout: seconds, None for no limit; the query that is
    given up runs on in its thread until the process ends.
    RAISES: RelxError RX005 (no pyoxigraph), RX342 (no graph), RX344 (the query), RX345 (SERVICE), RX346 (time).
    """
    ox = optional_import("pyoxigraph", extra="graph", purpose="graphs")
    folder = Path(folder)
    _check_graph(folder)
    if _SERVICE.search(_NO_KEYWORDS.sub(" ", query)):
        raise RelxError("RX345")
    try:
        store = ox.Store.read_only(str(folder / STORE))
    except (OSError, ValueError) as err:
        raise RelxError("RX342", path=folder, reason=_first_line(err)) from err
    results: list[Answer] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            results.append(_collect(ox, store.query(query, prefixes=PREFIXES), limit))
        except Exception as err:  # handed to the thread that waits
            errors.append(err)

    # Oxigraph lets no query be stopped, but it lets other threads run.
    worker = threading.Thread(target=ask, daemon=True)
    worker.start()
    worker.join(timeout)
    if worker.is_alive():
        raise RelxError("RX346", seconds=timeout)
    if errors:
        raise RelxError("RX344", reason=_first_line(errors[0])) from errors[0]
    return results[0]


def _collect(ox: Any, found: Any, limit: int) -> Answer:
    if isinstance(found, ox.QueryBoolean):
        return Answer(["answer"], [], yes=bool(found))
    if isinstance(found, ox.QueryTriples):
        names, rows = ["subject", "predicate", "object"], ([each[0], each[1], each[2]] for each in found)
    else:
        names = [variable.value for variable in found.variables]
        rows = ([solution[name] for name in names] for solution in found)
    answer = Answer(names, [])
    for row in rows:
        if limit and len(answer.rows) == limit:
            answer.cut = True
            break
        answer.rows.append(row)
    return answer


def term_text(term: Term | None) -> str:
    """A term as one reads it: the IRI, the text of a literal, "_:" and the name of a blank node, "" for none."""
    if term is None:
        return ""
    return f"_:{term.value}" if type(term).__name__ == "BlankNode" else getattr(term, "value", str(term))


def answer_json(answer: Answer) -> str:
    """SPARQL 1.1 Query Results JSON Format."""
    if answer.yes is not None:
        return json.dumps({"head": {}, "boolean": answer.yes})
    rows = [
        {name: _json_term(term) for name, term in zip(answer.names, row) if term is not None} for row in answer.rows
    ]
    return json.dumps({"head": {"vars": answer.names}, "results": {"bindings": rows}}, ensure_ascii=False, indent=1)


def _json_term(term: Term) -> dict[str, Any]:
    kind = type(term).__name__
    if kind == "Triple":
        parts = {"subject": term.subject, "predicate": term.predicate, "object": term.object}
        return {"type": "triple", "value": {name: _json_term(part) for name, part in parts.items()}}
    types = {"NamedNode": "uri", "BlankNode": "bnode"}
    found = {"type": types.get(kind, "literal"), "value": term.value}
    if kind == "Literal" and term.language:
        found["xml:lang"] = term.language
    elif kind == "Literal" and not term.datatype.value.endswith("XMLSchema#string"):
        found["datatype"] = term.datatype.value
    return found


class WatchedFile:
    """A file that tells how many bytes were read of it, and can be interrupted between two reads."""

    def __init__(self, stream: BinaryIO, on_read: Callable[[int], Any]):
        self._stream, self._on_read = stream, on_read

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._on_read(len(data))
        return data


def _check_graph(folder: Path) -> None:
    """RAISES: RelxError RX342 for what `build_graph` has not made."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf8"))
        fits = isinstance(meta, dict) and {name: meta.get(name) for name in KIND} == KIND
    except (OSError, ValueError):
        fits = False
    if not fits:
        raise RelxError("RX342", path=folder, reason=f"its {META} is missing or of something else")


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(" .")
