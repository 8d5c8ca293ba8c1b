"""The head of a request, its first line and headers, has to come soon and be of a sane size.

Uvicorn waits for it for ever and keeps all of it, so connections that say nothing would use up the server's sockets,
and headers without end its memory.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Heads(HttpToolsProtocol):
    """One connection."""

    seconds: ClassVar[float] = 30.0
    """From the connection, or from the first byte, to the end of the head."""
    size: ClassVar[int] = 64 * 1024
    """Bytes of a head that is not complete; more are looked at only when they come in one piece."""

    _came = 0
    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._arrived()
        super().connection_lost(exc)

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
