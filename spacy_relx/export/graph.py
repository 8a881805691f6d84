"""A folder with RDF triples that SPARQL can ask, by Oxigraph (package pyoxigraph, extra `graph`)."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Callable

from .._compat import optional_import
from ..errors import RelxError, warn
from .files import check_folder, whole_export
from .iris import KNOWN_ENTITIES, KNOWN_RELATIONS, Iris
from .rdf import CLASS, PREFIXES, PROPERTY, STATEMENT, TYPE

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
#: A name with a prefix, and the declaration of one, outside of what `_NO_KEYWORDS` finds.
_PREFIXED = re.compile(r"(?<![\w?$:.-])((?!_:)[^\W\d_][\w.-]*)?:")
_DECLARED = re.compile(r"(?<![\w?$:.-])PREFIX\s+([^\s:]*):", re.IGNORECASE)
#: Prefixes that every query knows, besides those of its graph.
COMMON_PREFIXES = {
    **PREFIXES,
    "owl": "http://www.w3.org/2002/07/owl#",
    "wd": KNOWN_ENTITIES["wikidata"][1],
    "wdt": KNOWN_RELATIONS["wikidata"][1],
}
#: Classes whose instances have IRIs of `Iris` in our exports, and the kind of these; so many are looked at.
_OWN_KINDS = ((PROPERTY, "relation"), (CLASS, "type"), (STATEMENT, "fact"))
_LOOKED_AT = 100
Term = Any


def build_graph(
    inputs: Iterable[str | Path], folder: str | Path, wrap: Callable[[BinaryIO, Path], Any] | None = None
) -> int:
    """Make a graph of files of RDF triples; a graph that is there already is replaced, anything else is not.

    inputs: files that end in .nt, .ttl, .jsonld or .rdf; queries will know the prefixes that they declare. wrap: makes
    the stream that is read of the file's own, to watch it.
    RETURNS: how many different triples there are. RAISES: RelxError RX005 (no pyoxigraph), RX335 (folder), RX354 (no
    such file), RX340 (a file of another kind), RX341 (what is in it), RX343 (one of the files is in the folder).
    WARNS: RX563 where files declare a prefix differently.
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
        prefixes = {**_own_prefixes(ox, store), **_declared_prefixes(ox, paths)}
        del store  # closes its files
        meta = {**KIND, "triples": size, "files": [path.name for path in paths], "prefixes": prefixes}
        (temporary / META).write_text(json.dumps(meta, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    return size


def _load(ox: Any, store: Any, path: Path, wrap: Callable[[BinaryIO, Path], Any] | None) -> None:
    try:
        with path.open("rb") as stream:
            source = wrap(stream, path) if wrap else stream
            store.bulk_load(source, getattr(ox.RdfFormat, ENDINGS[path.suffix.lower()]))
    except (SyntaxError, ValueError, OSError) as err:
        raise RelxError("RX341", path=path, reason=_first_line(err)) from err


def _declared_prefixes(ox: Any, paths: Iterable[Path]) -> dict[str, str]:
    """The prefixes that files declare at their beginning. WARNS: RX563."""
    found: dict[str, tuple[str, Path]] = {}
    for path in paths:
        with path.open("rb") as stream:
            parser = ox.parse(stream, getattr(ox.RdfFormat, ENDINGS[path.suffix.lower()]))
            next(parser, None)
            for name, iri in parser.prefixes.items():
                if COMMON_PREFIXES.get(name) == iri:
                    continue
                first, first_path = found.setdefault(name, (iri, path))
                if first != iri:
                    warn("RX563", name=name, first=first, path=first_path, second=iri, other=path)
    return {name: iri for name, (iri, _) in found.items()}


def _own_prefixes(ox: Any, store: Any) -> dict[str, str]:
    """The prefixes of `Iris` with the base that IRIs in the graph have; none where there are no such IRIs."""
    for name, kind in _OWN_KINDS:
        quads = store.quads_for_pattern(None, ox.NamedNode(TYPE), ox.NamedNode(name))
        for quad in islice(quads, _LOOKED_AT):
            base = re.fullmatch(rf"(.+[/:]){kind}/[^/]+", getattr(quad.subject, "value", ""))
            with contextlib.suppress(RelxError):  # no base that an export could have
                if base:
                    return Iris(base[1]).prefixes
    return {}


def graph_prefixes(folder: str | Path) -> dict[str, str]:
    """The prefixes that queries to a graph may use without declaring them.

    Args:
        folder: The graph, from `build_graph`.

    Returns:
        Prefix -> IRI: common ones, those of the files that the graph was built of, and those of our exports.

    Raises:
        RelxError: RX342 for what is no graph.
    """
    return {**COMMON_PREFIXES, **_check_graph(Path(folder)).get("prefixes", {})}


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
    elsewhere (SERVICE). The query may declare prefixes, and knows those of `graph_prefixes`.

    limit: rows at most, 0 for all, which are in memory then. timeout: seconds, None for no limit; the query that is
    given up runs on in its thread until the process ends.
    RAISES: RelxError RX005 (no pyoxigraph), RX342 (no graph), RX344 (the query), RX345 (SERVICE), RX346 (time), RX564
    (an unknown prefix).
    """
    ox = optional_import("pyoxigraph", extra="graph", purpose="graphs")
    folder = Path(folder)
    prefixes = graph_prefixes(folder)
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
            results.append(_collect(ox, store.query(query, prefixes=prefixes), limit))
        except Exception as err:  # handed to the thread that waits
            errors.append(err)

    # Oxigraph lets no query be stopped, but it lets other threads run.
    worker = threading.Thread(target=ask, daemon=True)
    worker.start()
    worker.join(timeout)
    if worker.is_alive():
        raise RelxError("RX346", seconds=timeout)
    if errors:
        unknown = _unknown_prefixes(query, prefixes) if isinstance(errors[0], SyntaxError) else []
        if unknown:
            raise RelxError("RX564", names=", ".join(unknown), known=", ".join(prefixes)) from errors[0]
        raise RelxError("RX344", reason=_first_line(errors[0])) from errors[0]
    return results[0]


def _unknown_prefixes(query: str, known: Iterable[str]) -> list[str]:
    """Prefixes that a query uses and does not declare."""
    text = _NO_KEYWORDS.sub(" ", query)
    used = dict.fromkeys(_PREFIXED.findall(text))
    return [name or "(the empty one)" for name in used if name not in {*known, *_DECLARED.findall(text)}]


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


def _check_graph(folder: Path) -> dict[str, Any]:
    """What is saved beside a graph. RAISES: RelxError RX342 for what `build_graph` has not made."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf8"))
        fits = isinstance(meta, dict) and {name: meta.get(name) for name in KIND} == KIND
    except (OSError, ValueError):
        fits = False
    if not fits:
        raise RelxError("RX342", path=folder, reason=f"its {META} is missing or of something else")
    return meta


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(" .")
