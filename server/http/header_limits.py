"""HTTP connections with limits: of the head of a request, of unread answers, and of requests whose client has left.

Uvicorn waits for a head (the first line and the headers) for ever and keeps all of it, so connections that say nothing
would use up the server's sockets, and headers without end its memory. It also lets the work of a client that has left
run to its end.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .connections import UNREAD_SECONDS, Connections
from .deadlines import leave

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Heads(HttpToolsProtocol):
    """One connection."""

    seconds: ClassVar[float] = 30.0
    """From the connection, or from the first byte, to the end of the head."""
    size: ClassVar[int] = 64 * 1024
    """Bytes of a head that is not complete; more are looked at only when they come in one piece."""

    registry: ClassVar[Connections | None] = None
    """Bounds of all connections of the server."""

    address = ""
    waits_since = 0.0
    _came = 0
    _ends: asyncio.TimerHandle | None = None
    _stalls: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None
    """The request that is answered now; ``cycle`` is the last that was read, which may be a later one."""

    @property
    def is_waiting(self) -> bool:
        """Whether the next move is the client's."""
        return self._running is None or self._running.response_complete or self._running.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()
        self.waits_since = time.monotonic()
        self.address = self.client[0] if self.client else ""
        if self.registry is not None:
            self.registry.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._arrived()
        if self._stalls is not None:
            self._stalls.cancel()
        if self.registry is not None:
            self.registry.closed(self)
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            leave(scope_of(self._running))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        scope_of(cycle)["sterna.abort"] = self.transport.abort
        self.waits_since = time.monotonic()
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Stop to write to a client that does not read, and cut it off when it goes on like that."""
        super().pause_writing()
        if self.registry is not None:
            self.registry.is_unread(self)
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        if self._stalls is not None:
            self._stalls.cancel()
            self._stalls = None
        if self.registry is not None:
            self.registry.is_read(self)
        super().resume_writing()

    def _watch(self, left: int) -> None:
        self._stalls = self.loop.call_later(UNREAD_SECONDS, self._stalled, left)

    def _stalled(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._watch(left)
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is more of a head than anybody needs."""
        before, was_complete = self.cycle, not self._has_body_to_come()
        super().data_received(data)
        if self.cycle is not before or not was_complete:
            self._arrived()
            return
        self._came += len(data)
        if self._came > self.size and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._ends is None:
            self._wait()

    def _has_body_to_come(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _wait(self) -> None:
        self._ends = self.loop.call_later(self.seconds, self._late)

    def _arrived(self) -> None:
        self._came = 0
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _late(self) -> None:
        self._ends = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()  # the answer to the request before is still on its way
        else:
            self.transport.close()


def scope_of(cycle: RequestResponseCycle) -> Scope:
    """Return the scope of a request as what it is, with keys of our own."""
    return cast(Scope, cycle.scope)
