"""What a server writes to standard error, in Sterna's log: a little of it, as plain text."""

from __future__ import annotations

import asyncio
import logging

from .plain_text import plain_line

MOST_LINES = 200
"""Lines of one run of a server that are logged."""
LONGEST = 500

_log = logging.getLogger(__name__)


class ServerLog:
    """Log of one run of a server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._left = MOST_LINES
        self._last = b""
        self.is_complete = asyncio.Event()

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Log the lines of ``stream`` until it ends."""
        rest = b""
        while data := await stream.read(4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.add(line)
            rest = rest[: LONGEST * 4]  # of a line without an end only the beginning is kept
            if self._left <= 0:
                await asyncio.sleep(0.01)  # a flood is read slowly
        self.add(rest)
        self.is_complete.set()

    def add(self, line: bytes) -> None:
        """Log one line."""
        if not line.strip():
            return
        self._last = line[: LONGEST * 4]
        self._left -= 1
        if self._left >= 0:
            _log.warning("%s: %s", self._server, self.last)
        if self._left == 0:
            _log.warning("%s: further lines are left out", self._server)

    @property
    def last(self) -> str:
        """Return the last line as plain text: it often says why a server ended."""
        return plain_line(self._last.decode("utf-8", "replace"), LONGEST)
