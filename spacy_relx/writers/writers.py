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
from spacy.tokens import Doc

from ..errors import RelxError, warn
from ..registrations import LazyRegistry
from .files import check_folder, streamed_output, whole_export
from .from_docs import as_triples
from .iris import Iris
from .records import Triple
from .spool import TripleSpool

#: Ids that a warning shows.
_SHOWN = 5


@dataclass(frozen=True)
class Settings:
    """What writers are told.

    Attributes:
        iris: IRIs (RDF).
        bare: No more than triples, names and types, without the evidence (RDF).
        formulas: Leave cells as they are that a spreadsheet would run (CSV).
    """

    iris: Iris = field(default_factory=Iris)
    bare: bool = False
    formulas: bool = False


@dataclass(frozen=True)
class Writer:
    """A format.

    Attributes:
        write: See above.
        ending: Of its files.
        files: Names of the files in its folder; () where it is one file.
        settings: Fields of `Settings` that it heeds.
        package: The optional package it needs, and the extra of spacy-relx that brings it.
        extra: The optional package it needs, and the extra of spacy-relx that brings it.
    """

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
    """The writer of a format. RAISES: RelxError RX100 for an unknown name; it lists the known ones."""
    if name not in exports:
        raise RelxError("RX100", name=name, known=", ".join(sorted(exports.get_all())))
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
    items: Doc | Iterable[Doc | Triple],
    output: str | Path | BinaryIO,
    format: str | None = None,
    settings: Settings | None = None,
    *,
    merge: bool = True,
    max_evidence: int = 0,
    progress: Callable[[Iterator[Any]], Iterator[Any]] | None = None,
    what: str = "all",
    source: str = "",
    model: str = "",
    model_version: str = "",
) -> ExportReport:
    """Write the relations and facts of Docs to a file (or a folder, format neo4j), whole or not at all.

    Memory does not grow with their number.

    Args:
        items: Docs, one Doc, or triples of `iter_triples` or `triples_of_row`; a stream of them will do.
        output: The name of the file, or a stream of bytes, which needs a format, and one of a single file.
        format: A name in docs/export.md; None: the one that the output's ending means.
        settings: How the format writes them.
        merge: Make equal triples one fact with its evidence, see `TripleSpool`.
        max_evidence: Pieces of evidence with each fact, 0 for all.
        progress: Wraps the stream of facts that are written.
        what: Of Docs: "relations", "facts" or "all".
        source: Stands before the numbers of Docs that have no `doc.user_data["id"]`.
        model: The name of what found the relations of Docs.
        model_version: Its version.

    Returns:
        How many triples were read and facts written.

    Raises:
        RelxError: RX100 (format), RX332 (ending), RX333 (no room for temporary files), RX186 (output), RX353 (a stream
            cannot hold a folder), RX005 (the format needs a package), RX021 (another `what`), RX580 (an id), RX544
            (neither Docs nor triples).

    Warns:
        RX336: Where there are no triples; the output is valid and empty.
        RX578: Where several documents have one id.
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
        triples = as_triples(items, what=what, source=source, model=model, model_version=model_version)
        report.triples = spool.add(triples).n_added
        with place as temporary:
            writer(spool, temporary, settings or Settings())
        shared = spool.shared_ids()
    if shared:
        warn("RX578", n=len(shared), ids=", ".join(map(repr, shared[:_SHOWN])))
    if not report.triples:
        warn("RX336", path=path or "the output")
    return report


def check_target(path: Path | None, writer: Writer) -> None:
    """Make sure, before the work, that a writer's package is there and that its output has a place.

    path: None for a stream. RAISES: RelxError RX005, RX186, RX353.
    """
    if writer.package:
        from ..data._compat import optional_import

        optional_import(writer.package, extra=writer.extra, purpose="this format")
    if path is None:
        if writer.files:
            raise RelxError("RX353", names=", ".join(writer.files))
    elif writer.files:
        check_folder(path, writer.files)
    elif path.is_dir():
        raise RelxError("RX186", path=path, reason="it is a folder, and a file is written")


__all__ = ["ExportReport", "Settings", "Writer", "check_target", "export", "exports", "format_of", "get_writer"]
