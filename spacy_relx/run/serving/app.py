"""The service: addresses, and what is refused."""

# No `from __future__ import annotations` here: FastAPI reads annotations, which name what functions import.
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ...about import __version__
from ...data._compat import optional_import
from ...errors import RelxError
from .extract import Abandoned, Extractor, error_record
from .models import ExtractAnswer, ExtractRequest, Health, Info, responses
from .requests import Limits, Refusal
from .worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from spacy.language import Language

#: Seconds in which the body of a request must arrive.
BODY_SECONDS = 30.0
#: Digits of a number of bytes that are read.
_DIGITS = 18


def create_app(nlp: "Language", limits: Limits | None = None, *, gpu: int = -1) -> "FastAPI":
    """A service for a pipeline, as an ASGI application: POST /extract, GET /health, /info and /openapi.json.

    Args:
        nlp: The pipeline; from then on it belongs to the service, which runs it in a thread of its own, one request at
            a time.
        limits: Bounds of requests, None for the defaults of `Limits`.
        gpu: Number of the GPU that the pipeline is on, -1 for none.

    Raises:
        RelxError: RX005 without the extra `serve`, RX531 for a pipeline that finds no relations or facts.
    """
    optional_import("fastapi", extra="serve", purpose="relx serve")
    from fastapi import FastAPI, Request, Response

    extractor = Extractor(nlp, limits or Limits())
    description = extractor.info()
    schema = ExtractRequest.schema_of(extractor.limits.max_texts)
    worker = Worker(extractor, gpu)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        worker.close()

    # The pages of /docs load their scripts from elsewhere.
    # A redirect of "/extract/" would go where the client's header Host says.
    app = FastAPI(
        title="spacy-relx",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.worker = worker
    _add_error_answers(app)

    @app.post(
        "/extract",
        operation_id="extract",
        summary="Relations, and facts where the pipeline finds them, of each text",
        response_class=Response,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
        responses=responses(
            ExtractAnswer,
            _400="The length of the body is given in two ways",
            _408="The body did not arrive in time",
            _413="Too many texts, or too long ones",
            _415="The body is not JSON",
            _422="The body is not as described",
            _503="Too many requests are waiting",
        ),
    )
    async def extract(request: Request) -> Response:
        _check_content_type(request.headers.get("content-type", ""))
        _check_framing(request)
        read = partial(_read_body, request, extractor.limits.max_bytes)
        return Response(await worker.answer(read, partial(_gone, request)), media_type="application/json")

    @app.head("/health", include_in_schema=False)
    @app.get("/health", operation_id="health", summary="Whether the service runs", responses=responses(Health))
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/info", operation_id="info", summary="The pipeline and the limits of requests", responses=responses(Info))
    async def info() -> dict[str, Any]:
        return description

    return app


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


async def _gone(request: "Request") -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _check_framing(request: "Request") -> None:
    """A body whose length is given in two ways may be read in another way by a proxy (request smuggling).

    RAISES: Refusal RX420 (400).
    """
    if "content-length" in request.headers and "transfer-encoding" in request.headers:
        reason = "it has both a Content-Length and a Transfer-Encoding."
        raise Refusal(400, "RX420", {"Connection": "close"}, reason=reason)


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

    @app.exception_handler(Abandoned)
    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, err: Exception) -> Response:
        return Response(status_code=400)  # there is nobody to read it

    @app.exception_handler(Exception)
    async def failed(request: Request, err: Exception) -> Response:
        return answer(500, RelxError("RX429"))  # whoever runs the application logs the error
