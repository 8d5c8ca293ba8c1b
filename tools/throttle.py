"""Limit on how fast a server may talk: what comes faster waits, and the server with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PER_SECOND = 400.0
BURST = 4_000.0
BYTES = 16_384
"""Bytes that count as much as one message."""


class Throttle:
    """Bucket that fills with time and is emptied by messages."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at = now()
        self._left = BURST

    async def spend(self, messages: int, size: int = 0) -> None:
        """Wait until so much more may be taken in."""
        now = self._now()
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND) - messages - size / BYTES
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / PER_SECOND)
