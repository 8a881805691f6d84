"""The one thread that works on requests, and how a request that nobody waits for any more is given up."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from ...data.loading import use_gpu
from .extract import Abandoned, Extractor
from .requests import Refusal

#: Seconds after which a client that was told to come again may do so.
RETRY_SECONDS = 1


def busy(reason: str) -> Refusal:
    """The refusal of a request for which there is no place."""
    return Refusal(503, "RX425", {"Retry-After": str(RETRY_SECONDS)}, reason=reason)


class Job:
    """A request that waits for its answer or is worked on.

    Args:
        body: The body of the request.
    """

    def __init__(self, body: bytes):
        self.body = body
        self.answer: Future[bytes] = Future()
        self._given_up = threading.Event()

    def is_given_up(self) -> bool:
        return self._given_up.is_set()

    def give_up(self) -> None:
        """Nobody waits for the answer: leave the queue, or stop after the batch that is worked on."""
        self._given_up.set()
        self.answer.cancel()


class Worker:
    """Answers requests in one thread, in their order, since pipelines are not made for several.

    At most `max_waiting` + 1 requests are there at a time, counted from the first byte of the body, so that memory is
    bounded.

    Args:
        extractor: What answers.
        gpu: Number of the GPU that the pipeline is on, -1 for none.
    """

    def __init__(self, extractor: Extractor, gpu: int):
        self.extractor = extractor
        self.n_places = extractor.limits.max_waiting + 1
        self._places = threading.BoundedSemaphore(self.n_places)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._current: Job | None = None
        # A daemon, so that a process that was told to end does not wait for a pipeline.
        self._thread = threading.Thread(target=self._work, args=(gpu,), name="relx", daemon=True)
        self._thread.start()

    async def answer(self, read_body: Callable[[], Awaitable[bytes]], gone: Callable[[], Awaitable[None]]) -> bytes:
        """Answer one request.

        Args:
            read_body: Reads the body.
            gone: Returns when the client has gone.

        Returns:
            The body of the answer, JSON.

        Raises:
            Refusal: RX425 (503) where too many are waiting, or when the server stops; what reading the body raises.
            Abandoned: The client has gone.
        """
        if not self._places.acquire(blocking=False):
            raise busy(f"it has {self.n_places} requests at work or waiting.")
        try:
            job = Job(await read_body())
        except BaseException:
            self._places.release()
            raise
        job.answer.add_done_callback(lambda _: self._places.release())
        self._jobs.put(job)
        answered: asyncio.Future[Any] = asyncio.wrap_future(job.answer)
        left: asyncio.Future[Any] = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({answered, left}, return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                raise Abandoned
            return answered.result()
        except asyncio.CancelledError as err:  # the server's time to stop is over
            raise busy("it is about to stop.") from err
        finally:
            left.cancel()
            job.give_up()

    @property
    def is_busy(self) -> bool:
        return self._current is not None

    def close(self) -> None:
        """Take no more jobs, and stop after the batch that is worked on."""
        current = self._current
        if current is not None:
            current.give_up()
        self._jobs.put(None)

    def _work(self, gpu: int) -> None:
        use_gpu(gpu)  # a setting of each thread
        while (job := self._jobs.get()) is not None:
            if not job.answer.set_running_or_notify_cancel():
                continue
            self._current = job
            try:
                job.answer.set_result(self.extractor.answer(job.body, job.is_given_up))
            except BaseException as err:
                job.answer.set_exception(err)
            finally:
                self._current = None
