"""Shards on the cores of one machine: processes that are started anew when they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..errors import RelxError
from .plan import Job, Shard
from .shard import ShardReport, journal_path, run_shard

#: A shard is given up when so many processes in a row have ended over it without getting any further.
ATTEMPTS = 3
#: The run is given up when so many shards a worker were given up in a row, and no process has said anything.
_SHARDS = 2
#: Seconds that processes have to end by themselves, and again after they are told to.
PATIENCE = 10.0
#: Variables that say how many threads the numeric libraries start.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class _Worker:
    """A process, the shard that it is at, how often that was tried in vain, and what its journal said then."""

    process: Any
    connection: Connection
    shard: Shard | None = None
    attempts: int = 0
    journal: bytes = b""


def run_local(
    job: Job,
    shards: Sequence[Shard],
    workers: int,
    options: Mapping[str, str],
    progress: Callable[[int], None],
) -> Generator[ShardReport]:
    """Run shards in processes of this machine; the reports come as shards are done.

    A process that ends is replaced, and its shard is done again, from its beginning. workers 0: in this process.
    RAISES: RelxError RX404 for options; RX180, RX187, RX188 where the pipeline cannot be loaded.
    """
    if options:
        raise RelxError("RX404", engine="local", names=f"it takes no options, and {', '.join(options)} is one")
    if workers == 0:
        for shard in shards:
            yield run_shard(job, shard, progress)
        return
    with _Pool(job, list(shards), min(workers, len(shards)), progress) as pool:
        yield from pool.run()


class _Pool:
    def __init__(self, job: Job, shards: list[Shard], n: int, progress: Callable[[int], None]):
        self.job, self.waiting, self.n, self.progress = job, shards[::-1], n, progress
        self.context = multiprocessing.get_context("spawn")
        self.workers: list[_Worker] = []
        self.silent = 0  # processes in a row that have ended without a word

    def __enter__(self) -> _Pool:
        with _threads(self.job.threads):
            self.workers = [self.start() for _ in range(self.n)]
        return self

    def __exit__(self, *rest: object) -> None:
        for worker in self.workers:
            with suppress(OSError):
                worker.connection.send(None)
                worker.connection.close()
            if worker.shard is not None:
                worker.process.terminate()
        _end_all([worker.process for worker in self.workers])
        for worker in self.workers:
            if worker.shard is not None:  # interrupted: no fault of the texts it was at
                journal_path(Path(self.job.output), worker.shard.name).unlink(missing_ok=True)

    def start(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(self.job, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def run(self) -> Iterator[ShardReport]:
        for worker in self.workers:
            self.give(worker)
        while busy := {worker.connection: worker for worker in self.workers if worker.shard is not None}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    self.silent += 1
                    yield from self.replace(worker)
                    continue
                self.silent = 0
                if isinstance(message, int):
                    self.progress(message)
                elif isinstance(message, RelxError):
                    raise message
                else:
                    worker.shard = None
                    yield message
                    self.give(worker)

    def give(self, worker: _Worker) -> None:
        """The next shard, if there is one."""
        if self.waiting and worker.shard is None:
            worker.shard, worker.attempts, worker.journal = self.waiting.pop(), 0, b""
        if worker.shard is not None:
            with suppress(OSError):  # it has ended: `run` notices
                worker.connection.send(worker.shard)

    def replace(self, worker: _Worker) -> Iterator[ShardReport]:
        """A new process for one that has ended, for the same shard, unless that has no prospect."""
        _end_all([worker.process])
        worker.connection.close()
        shard = worker.shard
        if shard is None:
            return
        path = journal_path(Path(self.job.output), shard.name)
        journal = path.read_bytes() if path.is_file() else b""
        # the journal narrows down which text it was: as long as it changes there is progress
        worker.attempts = 1 if journal != worker.journal else worker.attempts + 1
        worker.journal = journal
        if worker.attempts >= ATTEMPTS:
            worker.shard = None
            error = RelxError("RX405", shard=shard.name, n=ATTEMPTS, how=_reason(worker.process.exitcode))
            if self.silent >= _SHARDS * ATTEMPTS * self.n:
                raise error
            yield ShardReport(shard.name, error=str(error))
        with _threads(self.job.threads):
            fresh = self.start()
        worker.process, worker.connection = fresh.process, fresh.connection
        self.give(worker)


def _end_all(processes: Sequence[Any]) -> None:
    """Wait for processes that have nothing to do any more; end those that do not end by themselves."""
    for stop in (lambda process: None, lambda process: process.terminate(), lambda process: process.kill()):
        left = [process for process in processes if process.is_alive()]
        for process in left:
            stop(process)
        end = time.monotonic() + PATIENCE
        for process in left:
            process.join(max(0.0, end - time.monotonic()))
    for process in processes:
        process.join()


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """What processes that are started in this block find in their environment."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(n)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(job: Job, connection: Connection) -> None:
    """What a process does: shards that it is sent, until it is sent None or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's to handle
    at: list[Shard] = []
    threading.Thread(target=_end_with_parent, args=(job, at), daemon=True).start()
    code = 1
    try:
        _serve(job, connection, at)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or none
                stream.flush()
        # at once: what is done is on disk, and threads of components or libraries would hold the interpreter's end
        os._exit(code)


def _serve(job: Job, connection: Connection, at: list[Shard]) -> None:
    """at: the shard that is being done."""
    with suppress(EOFError, OSError):
        while (shard := connection.recv()) is not None:
            at[:] = [shard]
            try:
                connection.send(run_shard(job, shard, connection.send))
            except RelxError as err:
                connection.send(err)
            except KeyboardInterrupt:  # raised by a component: not a matter for a traceback
                os._exit(1)
            at.clear()


def _end_with_parent(job: Job, at: list[Shard]) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    for shard in at:
        journal_path(Path(job.output), shard.name).unlink(missing_ok=True)
    os._exit(1)
