"""Formats of exported triples, one writer each, found by name.

A writer is `Writer(function, ...)`, with `function(spool: TripleSpool, path: Path, settings: Settings) -> None`, which
reads what it needs from the spool as a stream, and writes it to a path where nothing is yet. Another package adds one
under the entry point group `spacy_relx_exports`, a script with `@exports.register("name")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Callable

import catalogue

from ..errors import RelxError, warn
from ..registrations import LazyRegistry
from .files import check_folder, streamed_output, whole_export
from .iris import Iris
from .records import Triple
from .spool import TripleSpool


@dataclass(frozen=True)
class Settings:
    """What writers are told. iris: IRIs (RDF). bare: no more than triples, names and types, without the evidence (RDF).
    formulas: leave cells as they are that a spreadsheet would run (CSV)."""

    iris: Iris = field(default_factory=Iris)
    bare: bool = False
    formulas: bool = False


@dataclass(frozen=True)
class Writer:
    """A format. write: see above. ending: of its files. files: names of the files in its folder; () where it is one
    file. settings: fields of `Settings` that it heeds. package, extra: the optional package it needs, and the extra of
    spacy-relx that brings it."""

    write: Callable[[TripleSpool, Path, Settings], None]
    ending: str = ""
    files: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    package: str = ""
    extra: str = ""

    def __call__(self, spool: TripleSpool, path: Path, settings: Settings) -> None:
        self.write(spool, path, settings)


#: Format -> module of this folder and its `Writer`. They are no entry points, see `spacy_relx.registrations`.
EXPORTS = {
    "jsonl": "tables:JSON_LINES",
    "csv": "tables:CSV",
    "parquet": "tables:PARQUET",
    "ntriples": "rdf_syntax:N_TRIPLES",
    "turtle": "rdf_syntax:TURTLE",
    "jsonld": "rdf_syntax:JSON_LD",
    "graphml": "graphml:GRAPHML",
    "neo4j": "neo4j:NEO4J",
}

exports = LazyRegistry(
    catalogue.create("spacy_relx", "exports", entry_points=True),
    {name: f"{__package__}.{place}" for name, place in EXPORTS.items()},
)


def get_writer(name: str) -> Writer:
    """The writer of a format. RAISES: RelxError RX330 for an unknown name; it lists the known ones."""
    if name not in exports:
        raise RelxError("RX330", name=name, known=", ".join(sorted(exports.get_all())))
    return exports.get(name)


def format_of(path: str | Path) -> str:
    """The format whose files end so. RAISES: RelxError RX332."""
    endings = {writer.ending: name for name, writer in exports.get_all().items() if writer.ending}
    found = endings.get(Path(path).suffix.lower())
    if found is None:
        raise RelxError("RX332", path=path, known=", ".join(sorted(endings)))
    return found


@dataclass
class ExportReport:
    """triples: read. facts: written; equal triples are one."""

    triples: int = 0
    facts: int = 0


def export(
    triples: Iterable[Triple],
    output: str | Path | BinaryIO,
    format: str | None = None,
    settings: Settings | None = None,
    *,
    merge: bool = True,
    max_evidence: int = 0,
    progress: Callable[[Iterator[Any]], Iterator[Any]] | None = None,
) -> ExportReport:
    """Write triples to a file (or a folder, format neo4j), whole or not at all, in bounded memory.

    triples: of `iter_triples` or `triples_of_row`. output: its name, or a stream of bytes, which needs a format, and
    one of a single file. format: see docs/export.md; None: the one that the output's ending means. merge,
    max_evidence: see `TripleSpool`. progress: wraps the stream of facts that are written.
    RAISES: RelxError RX330 (format), RX332 (ending), RX333 (no room for temporary files), RX335 (output), RX353 (a
    stream cannot hold a folder), RX005 (the format needs a package). WARNS: RX336 where there are no triples; the
    output is valid and empty.
    """
    path: Path | None = None
    if isinstance(output, (str, Path)):
        path = Path(output)
        place = whole_export(path)
    else:
        place = streamed_output(output)
    writer = get_writer(format or format_of(path or "the stream"))
    check_target(path, writer)
    report = ExportReport()

    def counted(facts: Iterator[Any]) -> Iterator[Any]:
        for fact in progress(facts) if progress else facts:
            report.facts += 1
            yield fact

    with TripleSpool(merge=merge, max_evidence=max_evidence, progress=counted) as spool:
        report.triples = spool.add(triples).n_added
        with place as temporary:
            writer(spool, temporary, settings or Settings())
    if not report.triples:
        warn("RX336", path=path or "the output")
    return report


def check_target(path: Path | None, writer: Writer) -> None:
    """Make sure, before the work, that a writer's package is there and that its output has a place.

    path: None for a stream. RAISES: RelxError RX005, RX335, RX353.
    """
    if writer.package:
        from .._compat import optional_import

        optional_import(writer.package, extra=writer.extra, purpose="this format")
    if path is None:
        if writer.files:
            raise RelxError("RX353", names=", ".join(writer.files))
    elif writer.files:
        check_folder(path, writer.files)
    elif path.is_dir():
        raise RelxError("RX335", path=path, reason="it is a folder, and a file is written")


__all__ = ["ExportReport", "Settings", "Writer", "check_target", "export", "exports", "format_of", "get_writer"]
