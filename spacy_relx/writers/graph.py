"""A folder with RDF triples, kept by Oxigraph (package pyoxigraph, extra `graph`). `query` asks it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Callable

from ..data._compat import optional_import
from ..data.strict_json import dump_json
from ..errors import RelxError, warn
from .files import check_folder, whole_export
from .iris import KNOWN_ENTITIES, KNOWN_RELATIONS, Iris
from .rdf import CLASS, PREFIXES, PROPERTY, STATEMENT, TYPE

META = "graph.json"
STORE = "store"
KIND = {"kind": "spacy_relx graph", "version": 1}
#: Ending of a file -> name of its format in pyoxigraph.
ENDINGS = {".nt": "N_TRIPLES", ".ttl": "TURTLE", ".jsonld": "JSON_LD", ".rdf": "RDF_XML"}
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


def build_graph(
    inputs: Iterable[str | Path], folder: str | Path, wrap: Callable[[BinaryIO, Path], Any] | None = None
) -> int:
    """Make a graph from files of RDF triples.

    Args:
        inputs: Files that end in .nt, .ttl, .jsonld or .rdf. Queries can use the prefixes that they declare.
        folder: The folder for the graph. An existing graph is replaced, anything else is an error.
        wrap: Wraps the stream of each file, for example to show progress.

    Returns:
        The number of different triples.

    Raises:
        RelxError: RX005 (no pyoxigraph), RX186 (the folder, or a file in it), RX120 (no such file), RX341 (a file of
            another kind, or what is in it).

    Warns:
        RelxWarning: RX563 where files declare a prefix differently.
    """
    ox = optional_import("pyoxigraph", extra="graph", purpose="graphs")
    paths, folder = [Path(path) for path in inputs], Path(folder)
    check_folder(folder, (META, STORE))
    if folder.is_dir() and any(folder.iterdir()):
        check_graph(folder)
    for path in paths:
        if not path.exists():
            raise RelxError("RX120", path=path)
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            raise RelxError("RX341", path=path, reason=f"its name ends in none of {', '.join(ENDINGS)}")
        if folder.resolve() in path.resolve().parents:
            raise RelxError("RX186", path=folder, reason=f"the new graph would replace {path}, which is in it")
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
        (temporary / META).write_text(dump_json(meta, indent=1) + "\n", encoding="utf8")
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
        RelxError: RX205 for what is no graph.
    """
    return {**COMMON_PREFIXES, **check_graph(Path(folder)).get("prefixes", {})}


class WatchedFile:
    """A file that tells how many bytes were read of it, and can be interrupted between two reads."""

    def __init__(self, stream: BinaryIO, on_read: Callable[[int], Any]):
        self._stream, self._on_read = stream, on_read

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._on_read(len(data))
        return data


def check_graph(folder: Path) -> dict[str, Any]:
    """What is saved beside a graph. RAISES: RelxError RX205 for what `build_graph` has not made."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf8"))
        fits = isinstance(meta, dict) and {name: meta.get(name) for name in KIND} == KIND
    except (OSError, ValueError, RecursionError):
        fits = False
    if not fits:
        raise RelxError("RX205", path=folder, reason=f"its {META} is missing or of something else")
    return meta


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(" .")
