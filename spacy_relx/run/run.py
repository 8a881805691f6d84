"""A whole run: planned, gone on with where it was left, and summed up."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ..data.files import write_whole
from ..data.loading import check_pipeline
from ..data.strict_json import dump_json
from ..errors import RelxError, warn
from ..formats.texts import FIELDS, Fields
from ..writers.from_docs import check_what
from .inputs import Input, changed_error, changed_inputs, make_input
from .plan import PLAN, Job, Plan, Shard, identity_of, input_files, make_plan
from .shard import DOCS, DOCUMENTS, MAX_WARNINGS, SHARDS, TRIPLES, WORK, ShardReport, done_report, forget

#: Engine -> its function, which is imported when it is needed.
_ENGINES = {"local": (".local", "run_local"), "spark": (".spark", "run_spark"), "ray": (".ray", "run_ray")}
SUMMARY = "_summary.json"
_LOCK = "_lock"
_FOLDERS = (SHARDS, TRIPLES, DOCUMENTS, DOCS, WORK)
#: Names of files in these: they begin with the number of a shard.
_OURS = re.compile(r"\d{5,}-.*\.(parquet|spacy|json|triples|documents|docs)")


class Engine(Protocol):
    """What runs shards somewhere: gives their reports as they come, and tells progress in documents where it can."""

    def __call__(
        self,
        job: Job,
        shards: Sequence[Shard],
        workers: int,
        options: Mapping[str, str],
        progress: Callable[[int], None],
    ) -> Generator[ShardReport]: ...


class Progress(Protocol):
    """What shows how far a run is."""

    def start(self, total: int | None, done: int) -> None:
        """total: documents of all shards, None where that is not known. done: those of earlier runs."""

    def advance(self, n: int) -> None:
        """So many documents more."""

    def finish(self, report: ShardReport) -> None:
        """A shard is done, or has failed."""


class _Silent:
    def start(self, total: int | None, done: int) -> None:
        pass

    def advance(self, n: int) -> None:
        pass

    def finish(self, report: ShardReport) -> None:
        pass


@dataclass
class Summary:
    """What a run has done, with what earlier runs of the same plan have.

    Attributes:
        documents: All inputs.
        failed: Those that were set aside.
        shards: In all, and of earlier runs.
        resumed: In all, and of earlier runs.
        seconds: Of this run.
        memory: The most that a process has had, in bytes.
        replaced: Files that have changed since, and were done anew.
        broken: Shards that could not be done, with their errors.
    """

    documents: int = 0
    triples: int = 0
    failed: int = 0
    shards: int = 0
    resumed: int = 0
    first_failure: str = ""
    seconds: float = 0.0
    memory: int = 0
    warnings: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """RAISES: RelxError RX409 where shards could not be done."""
        if self.broken:
            name, reason = next(iter(self.broken.items()))
            raise RelxError("RX409", n=len(self.broken), total=self.shards, name=name, reason=reason)

    def add(self, report: ShardReport) -> None:
        """Count a shard."""
        if report.error:
            self.broken[report.name] = report.error
            return
        self.documents += report.documents
        self.triples += report.triples
        self.failed += report.failed
        self.first_failure = self.first_failure or report.first_failure
        self.memory = max(self.memory, report.memory)
        self.warnings = list(dict.fromkeys([*self.warnings, *report.warnings]))[:MAX_WARNINGS]


def engines() -> list[str]:
    """Names of the engines."""
    return list(_ENGINES)


def annotate_corpus(
    model: str,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    engine: str = "local",
    workers: int = 1,
    what: str = "all",
    docs: bool = False,
    fields: Fields = FIELDS,
    shard_size: int = 5000,
    batch_size: int = 256,
    threads: int = 1,
    gpu: int = -1,
    code: str | Path | None = None,
    max_errors: int = 1000,
    overwrite: bool = False,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Run a pipeline over texts, in shards, each of which is done as a whole; what is done already is not done again.

    Args:
        model: Folder or name of a pipeline.
        inputs: Files (see `plan.SUFFIXES`) and folders of them.
        output: A folder; a run that was ended goes on in it.
        engine: One of `engines`.
        workers: Processes; 0, for "local", is this one.
        what: "relations", "facts" or "all".
        docs: Write the Docs as well.
        fields: Names of what is read of rows.
        shard_size: Lines of a shard.
        batch_size: Texts that go through the pipeline together.
        threads: Of PyTorch in each process.
        max_errors: So many documents may be set aside before the run stops.
        overwrite: Begin anew.
        options: Of the engine.

    Raises:
        RelxError: RX182 for inputs, RX186 for an output that holds something else or another run, RX403 where a run is
            at work there, RX404 for an engine or options that are not known, RX407 for too many errors, RX180 for the
            pipeline, RX021 for `what`, RX402 for a damaged plan, RX598 for an input that changes under the run: nothing
            of it counts as done then.

    Warns:
        RelxWarning: What components warn of; RX599 for shards that are done anew since their reports are damaged.
    """
    check_what(what)
    if engine not in _ENGINES:
        raise RelxError("RX404", engine=engine, names=f"the engines are {', '.join(_ENGINES)}")
    begin = time.perf_counter()
    output = Path(output)
    code = Path(code) if code is not None else None
    files = input_files([Path(path) for path in inputs])
    _check_output(output, [Path(path) for path in inputs])
    check_pipeline(model)
    job = Job(
        str(Path(model).resolve()) if Path(model).is_dir() else model,
        str(output.resolve()),
        str(code.resolve()) if code is not None else None,
        what,
        fields,
        docs,
        batch_size,
        threads,
        gpu,
    )
    settings = {"what": what, "fields": list(fields), "docs": docs, "shard_size": shard_size}
    identity = identity_of(model, code, settings)
    with _locked(output):
        plan, replaced = _plan(output, identity, files, shard_size, fields, overwrite)
        job = replace(job, inputs=plan.inputs)
        reports = {shard.name: done_report(output, shard) for shard in plan.shards}
        done = [report for report in reports.values() if report is not None]
        left = [shard for shard in plan.shards if reports[shard.name] is None]
        summary = Summary(shards=len(plan.shards), resumed=len(done), replaced=replaced)
        for report in done:
            summary.add(report)
        shown = progress or _Silent()
        sizes = [shard.n for shard in plan.shards]
        shown.start(None if None in sizes else sum(n or 0 for n in sizes), summary.documents)
        # inputs are read again at the end of a run: there is no summary of one that did not come so far
        read = set(plan.inputs) if not (output / SUMMARY).is_file() else {shard.source for shard in left}
        if left:
            (output / SUMMARY).unlink(missing_ok=True)
            module, name = _ENGINES[engine]
            run: Engine = getattr(import_module(module, __package__), name)
            changed = _collect(run(job, left, workers, options or {}, shown.advance), summary, shown, max_errors)
            _check_inputs(output, plan, {shard.source for shard in left if shard.name in changed})
        _check_inputs(output, plan, changed_inputs({name: plan.inputs[name] for name in plan.inputs if name in read}))
        summary.seconds = time.perf_counter() - begin
        _end(output, summary)
    for message in summary.warnings:
        warn("RX408", message=message)
    return summary


def _plan(
    output: Path,
    identity: dict[str, Any],
    files: Sequence[tuple[Path, str]],
    size: int,
    fields: Fields,
    overwrite: bool,
) -> tuple[Plan, list[str]]:
    """The plan that is there, which must be of this run, with the files that are new or have changed; or a new one.

    Nothing of what is there is touched before the new plan is made. RETURNS: the plan, and the files that have changed.
    """
    before = Plan.load(output) if (output / PLAN).is_file() and not overwrite else None
    known = before.inputs if before is not None else {}
    inputs = {name: make_input(path, known.get(name)) for path, name in files}
    if before is not None:
        _check_plan(output, before, identity, inputs)
    elif not overwrite and any(any((output / name).glob("*")) for name in _FOLDERS):
        raise RelxError("RX186", path=output, reason="it holds shards of no plan. --overwrite begins anew")
    plan = make_plan(identity, inputs, size, fields, before)
    if overwrite:
        _clear(output)
    elif before is not None:
        kept = {shard.name for shard in plan.shards}
        for shard in before.shards:
            if shard.name not in kept:
                forget(output, shard.name)
    if plan != before:
        plan.save(output)
    return plan, [name for name, one in plan.inputs.items() if name in known and known[name].digest != one.digest]


def _check_plan(output: Path, before: Plan, identity: dict[str, Any], inputs: Mapping[str, Input]) -> None:
    """RAISES: RelxError RX186 where the run that is there is another."""
    reason = ""
    if before.identity != identity:
        old, new = before.identity.get("settings", {}), identity["settings"]
        changes = [f"{name} {old.get(name)!r}, not {new[name]!r}" for name in new if old.get(name) != new[name]]
        others = [name for name in ("model", "code") if before.identity.get(name) != identity[name]]
        reason = "; ".join([*changes, *(f"another {name}" for name in others)])
        reason = f"the run there has {reason}. --overwrite begins anew"
    for name, old in before.inputs.items():
        if name not in inputs:
            fault = "which is not among the inputs: give all of them"
        elif inputs[name].path != old.path and inputs[name].digest != old.digest:
            fault = f"and here that is '{inputs[name].path}'"
        else:
            continue
        reason = reason or f"the run there has '{old.path}' as {name}, {fault}"
    if reason:
        raise RelxError("RX186", path=output, reason=reason)


def _collect(reports: Generator[ShardReport], summary: Summary, shown: Progress, max_errors: int) -> set[str]:
    """Count reports as they come, until one says that its input has changed. RETURNS: the name of that shard."""
    with closing(reports):
        for report in reports:
            if report.changed:
                return {report.name}
            summary.add(report)
            shown.finish(report)
            if summary.failed > max_errors:
                raise RelxError("RX407", n=summary.failed, max=max_errors, first=summary.first_failure)
    return set()


def _check_inputs(output: Path, plan: Plan, changed: Collection[str]) -> None:
    """Let nothing of inputs that have changed count as done. RAISES: RelxError RX598, where there are any."""
    if not changed:
        return
    # before all else: the next run must not trust the same size and time
    unknown = {name: one._replace(digest="") if name in changed else one for name, one in plan.inputs.items()}
    replace(plan, inputs=unknown).save(output)
    for shard in plan.shards:
        if shard.source in changed:
            forget(output, shard.name)
    raise changed_error(one.path for name, one in plan.inputs.items() if name in changed)


def _end(output: Path, summary: Summary) -> None:
    """Leave what the output is of, and nothing of the work."""
    if not summary.broken:
        shutil.rmtree(output / WORK, ignore_errors=True)
    write_whole(output / SUMMARY, dump_json(asdict(summary), indent=1).encode("utf8"))


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    """The output's folder, for one run at a time. The lock goes with the process, however that ends."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with (output / _LOCK).open("wb") as stream:
            _lock(stream.fileno(), output)
            yield
    except RelxError:
        raise
    except OSError as err:
        raise RelxError("RX186", path=output, reason=err.strerror or str(err)) from err


def _lock(handle: int, output: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two runs do the same work twice there, and nothing worse
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise RelxError("RX403", path=output) from err


def _check_output(output: Path, inputs: Sequence[Path]) -> None:
    """RAISES: RelxError RX186 for a folder with something that is not of such a run, or that lies among the inputs."""
    reason = ""
    if output.exists() and not output.is_dir():
        reason = "it is a file"
    elif any(path.is_dir() and path.resolve() in [output.resolve(), *output.resolve().parents] for path in inputs):
        reason = "it lies in a folder of inputs, and would be one the next time"
    elif output.is_dir():
        try:
            others = [path.relative_to(output).as_posix() for path in _foreign(output)]
        except OSError as err:
            raise RelxError("RX186", path=output, reason=err.strerror or str(err)) from err
        if others:
            reason = f"it holds {min(others)}, which is of no such run. Give a folder of their own"
    if reason:
        raise RelxError("RX186", path=output, reason=reason)


def _foreign(output: Path) -> Iterator[Path]:
    """What is there that no run has written."""
    names = {PLAN, SUMMARY, _LOCK}
    for path in output.iterdir():
        if path.name in _FOLDERS and path.is_dir():
            yield from (each for each in path.iterdir() if not _OURS.fullmatch(each.name))
        elif path.name not in names:
            yield path


def _clear(output: Path) -> None:
    """Remove what a run has written: first what says that it is done."""
    for name in (SUMMARY, PLAN):
        (output / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        for path in (output / name).glob("*"):
            path.unlink()


def default_workers() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
