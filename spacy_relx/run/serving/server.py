"""The server: uvicorn, with bounds on what a client may hold and for how long.

uvicorn speaks HTTP/1.1 by h11 and stops gracefully. It has no bound on the time for a request's headers, none on the
time in which a client takes its answer, and it reads a body to its end after the request was refused; neither have
hypercorn and granian all of these. So this subclass of its protocol keeps times, and the server looks at them each
second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...errors import RelxError, sentence

if TYPE_CHECKING:
    from fastapi import FastAPI

#: Seconds for the headers of a request, from the connection or the first byte.
HEADER_SECONDS = 10.0
#: Seconds in which a client must take something of its answer.
WRITE_SECONDS = 30.0
#: Seconds, and bytes, for the rest of a body after the answer: a client that reads late gets to see why it was refused.
REST_SECONDS = 5.0
REST_BYTES = 16 << 20
#: Seconds that requests have to be answered when the server is to stop.
STOP_SECONDS = 10
#: Connections at a time. One more takes the place of the one that has been silent longest.
MAX_CONNECTIONS = 512
#: Open files that are left for everything but connections.
RESERVED_FILES = 64
#: Lines of the log in a second; others are counted.
LOG_LINES = 50
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Protocol(H11Protocol):
    """One connection. `since` is when it began to wait for what it waits for now."""

    max_connections = MAX_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.since = self.progress = time.monotonic()
        self._unsent = self._rest = 0
        own = transport.get_extra_info("socket")
        with suppress(OSError, AttributeError):  # a small answer must not wait for the acknowledgement of its headers
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            others = [other for other in self.connections if isinstance(other, Protocol) and other is not self]
            silent = [other for other in others if other.is_silent]
            if silent:
                min(silent, key=lambda other: other.since).transport.abort()
            else:
                transport.write(_BUSY)
                transport.close()

    @property
    def is_silent(self) -> bool:
        """Whether the server waits for a request."""
        return self.conn.their_state is h11.IDLE

    @property
    def is_unread(self) -> bool:
        """Whether the request is answered, but its body has not ended."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None and self.is_silent:  # the first bytes of a further request
            self.since = time.monotonic()
        if self.is_unread:
            self._rest += len(data)
            if self._rest > REST_BYTES:
                self.transport.abort()
                return
        super().data_received(data)

    def on_response_complete(self) -> None:
        self.since, self._rest = time.monotonic(), 0
        super().on_response_complete()

    def check_time(self, now: float) -> None:
        """End the connection where the client takes too long. now: of the monotonic clock."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent or not unsent:
            self.progress = now
        self._unsent = unsent
        silent_too_long = self.is_silent and self.timeout_keep_alive_task is None and now - self.since > HEADER_SECONDS
        rest_too_long = self.is_unread and now - self.since > REST_SECONDS
        if silent_too_long or rest_too_long or now - self.progress > WRITE_SECONDS:
            self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn's server, which looks after its connections each second."""

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.check_time(now)
        return await super().on_tick(counter)


class LogLimit(logging.Filter):
    """Lets `LOG_LINES` lines pass in a second, and says then how many it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._lines = 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(record.created)
        if second != self._second:
            left_out, self._second, self._lines = self._lines - LOG_LINES, second, 0
            if left_out > 0:
                record.msg = f"({left_out} lines were left out) {record.getMessage()}"
                record.args = ()
        self._lines += 1
        return self._lines <= LOG_LINES


def connection_limit() -> int:
    """`MAX_CONNECTIONS`, or fewer where the process may not open so many files."""
    try:
        import resource
    except ImportError:  # Windows
        return MAX_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(min(MAX_CONNECTIONS, files - RESERVED_FILES), 1)


def make_server(app: FastAPI, **settings: Any) -> Server:
    """The server of a service. **settings: of `uvicorn.Config`."""
    protocol = type("LimitedProtocol", (Protocol,), {"max_connections": connection_limit()})
    config = uvicorn.Config(
        app, http=protocol, ws="none", server_header=False, timeout_graceful_shutdown=STOP_SECONDS, **settings
    )
    limit = LogLimit()
    for name in ("uvicorn", "uvicorn.access", "asyncio", "spacy_relx.run.serving"):
        logger = logging.getLogger(name)
        for target in (*logger.handlers, logger):
            target.addFilter(limit)
    return Server(config)


def run_server(app: FastAPI, host: str, port: int, started: Callable[[str], None] = lambda address: None) -> None:
    """Run the service until SIGINT or SIGTERM; requests that are there by then are answered, within `STOP_SECONDS`.

    Args:
        app: The service, from `create_app`.
        host: Address to listen to.
        port: Port, 0 for any that is free.
        started: Called with the address (http://...) that is listened to.

    Raises:
        RelxError: RX424 where one cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError, OverflowError) as err:  # an address in use, a name that is none, a port that is none
        raise RelxError("RX424", host=host, port=port, reason=sentence(err)) from err
    server = make_server(app)
    name = f"[{host}]" if ":" in host else host
    with listener:
        started(f"http://{name}:{listener.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # raised again by the server when it has stopped
            server.run(sockets=[listener])
