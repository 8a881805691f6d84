"""A folder with RDF triples, kept by Oxigraph (package pyoxigraph, extra `graph`). `query` asks it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Callable

from .._compat import optional_import
from ..errors import RelxError
from .files import check_folder, whole_export

META = "graph.json"
STORE = "store"
KIND = {"kind": "spacy_relx graph", "version": 1}
#: Ending of a file -> name of its format in pyoxigraph.
ENDINGS = {".nt": "N_TRIPLES", ".ttl": "TURTLE", ".jsonld": "JSON_LD", ".rdf": "RDF_XML"}


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
        check_graph(folder)
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


class WatchedFile:
    """A file that tells how many bytes were read of it, and can be interrupted between two reads."""

    def __init__(self, stream: BinaryIO, on_read: Callable[[int], Any]):
        self._stream, self._on_read = stream, on_read

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._on_read(len(data))
        return data


def check_graph(folder: Path) -> None:
    """RAISES: RelxError RX342 for what `build_graph` has not made."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf8"))
        fits = isinstance(meta, dict) and {name: meta.get(name) for name in KIND} == KIND
    except (OSError, ValueError, RecursionError):
        fits = False
    if not fits:
        raise RelxError("RX342", path=folder, reason=f"its {META} is missing or of something else")


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(" .")
