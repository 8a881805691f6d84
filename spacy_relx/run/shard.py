"""One shard: read, annotated, written whole or not at all."""

from __future__ import annotations

import glob
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.tokens import DocBin

from ..data.files import open_binary, write_whole
from ..data.loading import pipeline_of_process
from ..data.strict_json import dump_json
from ..errors import RelxError, RelxWarning, warn
from ..formats.docbin import quick_msgpack
from ..formats.texts import Broken, Parse, Text, item_of_row, line_parser, parse_lines, read_doc_texts
from ..writers.arrow import ParquetRows, arrow, parquet
from ..writers.reading import TRIPLES
from .documents import Document, Extraction, check_what_is_found
from .inputs import CHANGED, InputWatch
from .journal import Journal
from .plan import Job, Shard
from .tables import DOCUMENT_COLUMNS, TRIPLE_COLUMNS, document_row, triple_row

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.vocab import Vocab

#: Folders of the output. Names that begin with "_" are passed over by what reads folders of Parquet.
DOCUMENTS, DOCS, SHARDS, WORK = "documents", "docs", "_shards", "_work"
#: Warnings that reports keep.
MAX_WARNINGS = 20
#: Documents between two calls of what shows progress.
_STEP = 64


@dataclass
class ShardReport:
    """What became of a shard; in the folder `SHARDS` of the output it says that the shard is done.

    documents: all inputs, also those that were set aside (failed). first_failure: where and why the first one was.
    seconds: of wall clock. memory: the most that the process has had until then, in bytes, 0 where the system does not
    tell. sizes: of the files that were written, in bytes. error: of a shard that could not be read or written, which is
    not done then. changed: whether that is because its input was changed since the run was planned.
    """

    name: str
    documents: int = 0
    triples: int = 0
    failed: int = 0
    first_failure: str = ""
    seconds: float = 0.0
    memory: int = 0
    process: int = 0
    warnings: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    error: str = ""
    changed: bool = False


def done_report(output: Path, shard: Shard) -> ShardReport | None:
    """The report of a shard that has its output, as it was written; else None.

    WARNS: RX599 for a file that is no report: the shard is not done then.
    """
    path = report_path(output, shard.name)
    if not path.is_file():
        return None
    try:
        report = _read_report(path, shard.name)
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as err:
        warn("RX599", path=path, reason=f"{type(err).__name__}: {err}")
        return None
    return report if all(_has_size(output / name, size) for name, size in report.sizes.items()) else None


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def report_path(output: Path, name: str) -> Path:
    """Where the report of a shard lies."""
    return output / SHARDS / f"{name}.json"


def _read_report(path: Path, name: str) -> ShardReport:
    """name: of the shard. RAISES: OSError, ValueError, TypeError, LookupError for a file that is no report of it."""
    given = json.loads(path.read_text(encoding="utf8"))
    if not isinstance(given, dict) or given.get("name") != name:
        raise ValueError("it is no report of this shard")
    report, empty = ShardReport(**given), ShardReport(name)
    for key, value in asdict(empty).items():
        if not isinstance(given[key], float if key == "seconds" else type(value)):
            raise TypeError(f"'{key}' is {given[key]!r:.60}")
    written = {place.split("/")[0]: size for place, size in report.sizes.items()}
    if not {TRIPLES, DOCUMENTS} <= set(written) or not all(type(size) is int for size in written.values()):
        raise ValueError(f"'sizes' is {report.sizes!r:.200}")
    return report


def forget(output: Path, name: str) -> None:
    """Remove the output of a shard; first what says that it is done."""
    report_path(output, name).unlink(missing_ok=True)
    for folder in (TRIPLES, DOCUMENTS, DOCS):
        for path in (output / folder).glob(f"{glob.escape(name)}.*"):
            path.unlink()


def journal_path(output: Path, name: str) -> Path:
    """Where the journal of a shard lies while it is at work."""
    return output / WORK / f"{name}.json"


def run_shard(job: Job, shard: Shard, progress: Callable[[int], None] | None = None) -> ShardReport:
    """Annotate a shard and write its files; the last of them, its report, says that it is done.

    progress: told how many documents more are done. A shard that cannot be read or written gives a report with an
    error, also where its input is not what the plan says. RAISES: RelxError RX180, RX187, RX188 where the pipeline
    cannot be loaded, RX531 where it finds nothing.
    """
    begin = time.perf_counter()
    nlp = pipeline_of_process(job.model, job.code, job.threads, job.gpu)
    check_what_is_found(nlp, job.what)
    report = ShardReport(shard.name, process=os.getpid())
    watch = InputWatch(job.inputs.get(shard.source))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", RelxWarning)
        try:
            # the vocabulary would grow with each new word of the corpus
            with nlp.memory_zone():
                watch.begin()
                _write(job, shard, nlp, report, begin, progress or (lambda n: None), caught, watch)
        except (RelxError, OSError) as err:
            report.error = str(err)
            # what has changed may be unreadable, too
            report.changed = watch.has_changed or (isinstance(err, RelxError) and err.code == CHANGED)
    return report


def _write(
    job: Job,
    shard: Shard,
    nlp: Language,
    report: ShardReport,
    begin: float,
    progress: Callable[[int], None],
    caught: list[warnings.WarningMessage],
    watch: InputWatch,
) -> None:
    output = Path(job.output)
    journal = Journal(journal_path(output, shard.name))
    extraction = Extraction(nlp, job.what, job.batch_size, job.docs, journal)
    documents = extraction(shard_items(shard, nlp.vocab, job), shard.source)
    with ShardFiles(output, shard.name, job.docs) as files:
        reported = 0
        for document in documents:
            files.write(document)
            report.documents += 1
            report.triples += len(document.triples)
            if document.error:
                report.failed += 1
                report.first_failure = report.first_failure or f"{document.where}: {document.error}"
            if report.documents - reported >= _STEP:
                progress(report.documents - reported)
                reported = report.documents
        progress(report.documents - reported)
        watch.end()  # before the files take their names
    report.sizes = files.sizes
    report.warnings = list(dict.fromkeys(str(each.message) for each in caught))[:MAX_WARNINGS]
    report.seconds, report.memory = time.perf_counter() - begin, peak_memory()
    write_whole(report_path(output, shard.name), dump_json(asdict(report)).encode("utf8"))
    journal.close()


class ShardFiles:
    """The files of a shard, which take their names together when all is written."""

    def __init__(self, output: Path, name: str, docs: bool):
        self.targets = {TRIPLES: f"{name}.parquet", DOCUMENTS: f"{name}.parquet"}
        if docs:
            self.targets[DOCS] = f"{name}.spacy"
        self.output = output
        self.temporary = {folder: output / WORK / f"{name}.{os.getpid()}.{folder}" for folder in self.targets}
        self.docs = DocBin(store_user_data=True) if docs else None
        self.sizes: dict[str, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ShardFiles:
        for folder in (*self.targets, WORK):
            (self.output / folder).mkdir(parents=True, exist_ok=True)
        self._triples = self._stack.enter_context(ParquetRows(self.temporary[TRIPLES], TRIPLE_COLUMNS))
        self._documents = self._stack.enter_context(ParquetRows(self.temporary[DOCUMENTS], DOCUMENT_COLUMNS))
        return self

    def write(self, document: Document) -> None:
        """Add a document."""
        self._triples.write(triple_row(triple, document.where) for triple in document.triples)
        self._documents.write([document_row(document)])
        if self.docs is not None and document.doc is not None:
            with quick_msgpack():
                self.docs.add(document.doc)

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        try:
            self._stack.__exit__(kind, *rest)
            if kind is None:
                if self.docs is not None:
                    self.temporary[DOCS].write_bytes(self.docs.to_bytes())
                for folder, path in self.temporary.items():
                    self.sizes[f"{folder}/{self.targets[folder]}"] = path.stat().st_size
                    os.replace(path, self.output / folder / self.targets[folder])
        finally:
            for path in self.temporary.values():
                path.unlink(missing_ok=True)


def shard_items(shard: Shard, vocab: Vocab, job: Job) -> Iterator[Text | Broken]:
    """The texts of a shard. RAISES: RelxError RX182, RX132 or OSError for what cannot be read at all."""
    path = Path(shard.path)
    if path.suffix == ".parquet":
        yield from _rows(path, shard, job)
        return
    parse = line_parser(path, job.fields)
    if parse is None:
        for item in read_doc_texts(path, vocab, numbered=False):
            yield item._replace(where=item.where.replace(str(path), shard.source, 1))
        return
    stream = open_binary(path)
    if shard.start:
        stream.seek(shard.start)
    # without an id: that of a document is made of its place, and is no number
    nameless: Parse = lambda line, number, where: parse(line, None, where)  # noqa: E731
    yield from parse_lines(stream, shard.source, nameless, first=shard.first, end=shard.end)


def _rows(path: Path, shard: Shard, job: Job) -> Iterator[Text | Broken]:
    with _as_relx_error(path), parquet().ParquetFile(path) as file:
        columns = [name for name in job.fields if name in file.schema_arrow.names]
        groups = range(shard.start, file.metadata.num_row_groups if shard.end is None else shard.end)
        number = shard.first
        for batch in file.iter_batches(batch_size=job.batch_size, row_groups=list(groups), columns=columns):
            for row in batch.to_pylist():
                yield item_of_row(row, None, f"{shard.source}:{number}", job.fields)
                number += 1


@contextmanager
def _as_relx_error(path: Path) -> Iterator[None]:
    try:
        yield
    except arrow().ArrowException as err:
        raise RelxError("RX182", path=path, reason=str(err).splitlines()[0]) from err


def peak_memory() -> int:
    """The most memory that this process has had, in bytes; 0 where the system does not tell."""
    try:
        import resource
        import sys
    except ImportError:  # Windows
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
