"""The service: addresses, what is refused, and the one thread that does the work."""

# No `from __future__ import annotations` here: FastAPI reads annotations, which name what functions import.
import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Callable

from .._compat import optional_import
from ..about import __version__
from ..errors import RelxError, sentence
from ..loading import use_gpu
from .extract import Extractor, error_record
from .requests import Limits, Refusal
from .schema import ANSWER, HEALTH, INFO, json_content, request_schema, responses

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from spacy.language import Language

#: Seconds in which the body of a request must arrive.
BODY_SECONDS = 30.0
#: Seconds after which a client that was told to come again may do so.
RETRY_SECONDS = 1
#: Seconds that requests have to be answered when the server is to stop.
STOP_SECONDS = 10
#: Digits of a number of bytes that are read.
_DIGITS = 18


def create_app(nlp: "Language", limits: Limits | None = None, *, gpu: int = -1) -> "FastAPI":
    """A service for a pipeline, as an ASGI application: POST /extract, GET /health, /info and /openapi.json.

    nlp: the pipeline; from then on it belongs to the service, which runs it in a thread of its own, one request at a
    time. limits: bounds of requests, None for the defaults of `Limits`. gpu: number of the GPU that the pipeline is on,
    -1 for none.
    RAISES: RelxError RX005 without the extra `serve`, RX531 for a pipeline that finds no relations or facts.
    """
    optional_import("fastapi", extra="serve", purpose="relx serve")
    from fastapi import FastAPI, Request, Response

    extractor = Extractor(nlp, limits or Limits())
    description = extractor.info()
    worker = _Worker(extractor, gpu)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        worker.close()

    # The pages of /docs load their scripts from elsewhere.
    app = FastAPI(title="spacy-relx", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_error_answers(app)

    @app.post(
        "/extract",
        operation_id="extract",
        summary="Relations, and facts where the pipeline finds them, of each text",
        response_class=Response,
        openapi_extra={"requestBody": {"required": True, **json_content(request_schema(extractor.limits))}},
        responses=responses(
            ANSWER,
            _408="The body did not arrive in time",
            _413="Too many texts, or too long ones",
            _415="The body is not JSON",
            _422="The body is not as described",
            _503="Too many requests are waiting",
        ),
    )
    async def extract(request: Request) -> Response:
        _check_content_type(request.headers.get("content-type", ""))
        return Response(await worker.answer(request), media_type="application/json")

    @app.head("/health", include_in_schema=False)
    @app.get("/health", operation_id="health", summary="Whether the service runs", responses=responses(HEALTH))
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/info", operation_id="info", summary="The pipeline and the limits of requests", responses=responses(INFO))
    async def info() -> dict[str, Any]:
        return description

    return app


def run_server(app: "FastAPI", host: str, port: int, started: Callable[[str], None] = lambda address: None) -> None:
    """Run the service until SIGINT or SIGTERM; requests that are there by then are answered, within `STOP_SECONDS`.

    port: 0 for any that is free. started: called with the address (http://...) that is listened to.
    RAISES: RelxError RX005 without the extra `serve`, RX424 where one cannot listen there.
    """
    uvicorn = optional_import("uvicorn", extra="serve", purpose="relx serve")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError, OverflowError) as err:  # an address in use, a name that is none, a port that is none
        raise RelxError("RX424", host=host, port=port, reason=sentence(err)) from err
    config = uvicorn.Config(app, ws="none", server_header=False, timeout_graceful_shutdown=STOP_SECONDS)
    name = f"[{host}]" if ":" in host else host
    with listener:
        started(f"http://{name}:{listener.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # raised again by the server when it has stopped
            uvicorn.Server(config).run(sockets=[listener])


class _Worker:
    """Reads the bodies of requests, and has them answered by one thread, in their order.

    At most 1 + max_waiting requests are there at a time, counted from the first byte of the body, so that memory is
    bounded.
    """

    def __init__(self, extractor: Extractor, gpu: int):
        self.extractor = extractor
        self.n_places = extractor.limits.max_waiting + 1
        self._places = threading.BoundedSemaphore(self.n_places)
        # Which GPU is used is a setting of each thread.
        self._pool = ThreadPoolExecutor(1, "relx", initializer=use_gpu, initargs=(gpu,))

    async def answer(self, request: "Request") -> bytes:
        """RAISES: Refusal RX425 (503) where too many are waiting, or at the end; else what reading the body raises."""
        if not self._places.acquire(blocking=False):
            raise _busy(f"it has {self.n_places} requests at work or waiting.")
        try:
            body = await _read_body(request, self.extractor.limits.max_bytes)
            future = self._pool.submit(self.extractor.answer, body)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError as err:  # the server's time to stop is over
            raise _busy("it is about to stop.") from err

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _busy(reason: str) -> Refusal:
    return Refusal(503, "RX425", {"Retry-After": str(RETRY_SECONDS)}, reason=reason)


async def _read_body(request: "Request", limit: int) -> bytes:
    """The body, of which no more than `limit` bytes are ever in memory. RAISES: Refusal RX420 (408), RX421 (413)."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > _DIGITS or int(length) > limit):
        raise Refusal(413, "RX421", n=length[:_DIGITS], what="bytes", limit=limit)

    async def read() -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            if len(body) + len(chunk) > limit:
                raise Refusal(413, "RX421", n="more", what="bytes", limit=limit)
            body += chunk
        return bytes(body)

    try:
        return await asyncio.wait_for(read(), BODY_SECONDS)
    except asyncio.TimeoutError as err:
        raise Refusal(408, "RX420", reason=f"it did not arrive within {BODY_SECONDS:g} seconds.") from err


def _check_content_type(value: str) -> None:
    """Only what says that it is JSON: a page of another site cannot make a browser send that without asking first.

    RAISES: Refusal RX426 (415).
    """
    kind = value.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refusal(415, "RX426")


def _add_error_answers(app: "FastAPI") -> None:
    """All errors are answered as {"error": {"code": ..., "message": ...}}."""
    from fastapi import Request, Response
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    def answer(status: int, error: RelxError, headers: Any = None) -> Response:
        content = json.dumps({"error": error_record(error)})
        return Response(content, status, headers, media_type="application/json")

    @app.exception_handler(Refusal)
    async def refused(request: Request, err: Refusal) -> Response:
        return answer(err.status, err, err.headers)

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, err: HTTPException) -> Response:
        return answer(err.status_code, RelxError("RX427"), err.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, err: ClientDisconnect) -> Response:
        return Response(status_code=400)  # there is nobody to read it

    @app.exception_handler(Exception)
    async def failed(request: Request, err: Exception) -> Response:
        return answer(500, RelxError("RX429"))  # whoever runs the application logs the error
