"""Memory limits of request bodies, per account and for all together.

Small bodies are not counted, because the number of connections bounds them. A large body is counted from its first
bytes until its request is answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from ..errors import ApiError
from ..settings import MEGABYTE

MAX_PER_ACCOUNT, MAX_TOTAL = 32 * MEGABYTE, 128 * MEGABYTE
"""Bytes of unanswered requests."""
HUGE = MEGABYTE
"""Bytes from which on few bodies are processed at a time: parsed values take ten times the memory."""
MAX_HUGE = 3
"""Huge bodies that are processed at a time."""


class BodyMemory:
    """Memory of all large bodies of a server."""

    def __init__(self) -> None:
        self._total = 0
        self._by_account: defaultdict[UUID, int] = defaultdict(int)
        self._huge = asyncio.Semaphore(MAX_HUGE)
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def reserve(self, owner: UUID, size: int) -> None:
        """Count bytes of ``owner``. Raises ApiError 429 or 503 without counting them."""
        if self._by_account[owner] + size > MAX_PER_ACCOUNT:
            raise ApiError(
                "too_many_requests",
                "Too many large requests of this account are in progress. Try again.",
                retry_after=5,
            )
        if self._total + size > MAX_TOTAL:
            raise ApiError("service_unavailable", "Too many large requests are in progress. Try again.", retry_after=5)
        self._by_account[owner] += size
        self._total += size

    def release(self, owner: UUID, size: int) -> None:
        """Stop counting reserved bytes."""
        self._total -= size
        self._by_account[owner] -= size
        if not self._by_account[owner]:
            del self._by_account[owner]

    @asynccontextmanager
    async def slot(self, owner: UUID | None, size: int) -> AsyncIterator[None]:
        """Wait until a body of this size may be processed: one huge body per account, and few in total."""
        if owner is None or size < HUGE:
            yield
            return
        async with self._locks.setdefault(owner, asyncio.Lock()), self._huge:
            yield


class Reservation:
    """Memory reserved for one request."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._size = 0
        self.owner: UUID | None = None
        """None without a valid token; such bodies are small."""

    def grow_to(self, size: int) -> None:
        """Raise the reservation to ``size`` bytes. Raises ApiError."""
        if self.owner is not None and size > self._size:
            self._memory.reserve(self.owner, size - self._size)
            self._size = size

    def release(self) -> None:
        """Release the reserved memory."""
        if self.owner is not None and self._size:
            self._memory.release(self.owner, self._size)
            self._size = 0
