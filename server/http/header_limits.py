"""HTTP protocol with limits: time and size of request headers, unread responses, and disconnected clients.

Uvicorn waits for headers without a time limit and stores all of them, so idle connections could use up the server's
sockets, and endless headers its memory. It also completes the work of a client that has disconnected.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .connections import UNREAD_SECONDS, Connections
from .deadlines import cancel_request

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class LimitedProtocol(HttpToolsProtocol):
    """One connection with limits."""

    seconds: ClassVar[float] = 30.0
    """Time limit of headers, from the connection or from the first byte of the request."""
    size: ClassVar[int] = 64 * 1024
    """Bytes of incomplete headers; more are accepted only in a single piece."""

    registry: ClassVar[Connections | None] = None
    """Connections of the server."""

    address = ""
    waits_since = 0.0
    _header_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None
    """The request being answered; ``cycle`` is the last one that was read, which may be a later one."""

    @property
    def is_waiting(self) -> bool:
        """True if the server waits for the client."""
        return self._running is None or self._running.response_complete or self._running.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for headers."""
        super().connection_made(transport)
        self._start_header_timer()
        self.waits_since = time.monotonic()
        self.address = self.client[0] if self.client else ""
        if self.registry is not None:
            self.registry.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, and cancel the running request."""
        self._stop_header_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()
        if self.registry is not None:
            self.registry.closed(self)
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            cancel_request(scope_of(self._running))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        scope_of(cycle)["sterna.abort"] = self.transport.abort
        self.waits_since = time.monotonic()
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Pause writing to a client that does not read, and disconnect it when it reads nothing for a while."""
        super().pause_writing()
        if self.registry is not None:
            self.registry.is_unread(self)
        self._start_write_timer(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Resume writing after the client has read."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if self.registry is not None:
            self.registry.is_read(self)
        super().resume_writing()

    def _start_write_timer(self, unread: int) -> None:
        self._write_timer = self.loop.call_later(UNREAD_SECONDS, self._on_write_timeout, unread)

    def _on_write_timeout(self, before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread < before:
            self._start_write_timer(unread)
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Process received bytes, unless they exceed the limit of headers."""
        before, was_complete = self.cycle, not self._has_body_to_come()
        super().data_received(data)
        if self.cycle is not before or not was_complete:
            self._stop_header_timer()
            return
        self._header_bytes += len(data)
        if self._header_bytes > self.size and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._header_timer is None:
            self._start_header_timer()

    def _has_body_to_come(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(self.seconds, self._on_header_timeout)

    def _stop_header_timer(self) -> None:
        self._header_bytes = 0
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_header_timeout(self) -> None:
        self._header_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_header_timer()  # the response to the previous request is still being sent
        else:
            self.transport.close()


def scope_of(cycle: RequestResponseCycle) -> Scope:
    """Return the scope of a request, typed to accept keys of this server."""
    return cast(Scope, cycle.scope)
