"""Memory of request bodies: bounds for one sender and for all of them.

Small bodies are not counted: their number is bounded by that of connections. A large one is counted from its first
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

EACH, ALL = 32 * MEGABYTE, 128 * MEGABYTE
"""Bytes that one account, and all together, may have sent in requests that are not answered yet."""
HUGE = MEGABYTE
"""Bytes of a body from which on few are worked on at once: as values they take ten times as much."""
HUGE_AT_ONCE = 3


class BodyMemory:
    """What all large bodies of a server take."""

    def __init__(self) -> None:
        self._total = 0
        self._of: defaultdict[UUID, int] = defaultdict(int)
        self._huge = asyncio.Semaphore(HUGE_AT_ONCE)
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def take(self, owner: UUID, size: int) -> None:
        """Count bytes of ``owner``. Raises ApiError 429 or 503, and then they are not counted."""
        if self._of[owner] + size > EACH:
            raise ApiError("too_many_requests", "Too many large requests of this account at once.", retry_after=5)
        if self._total + size > ALL:
            raise ApiError("service_unavailable", "The server takes no more large requests now.", retry_after=5)
        self._of[owner] += size
        self._total += size

    def give_back(self, owner: UUID, size: int) -> None:
        """Forget bytes that were taken."""
        self._total -= size
        self._of[owner] -= size
        if not self._of[owner]:
            del self._of[owner]

    @asynccontextmanager
    async def turn(self, owner: UUID | None, size: int) -> AsyncIterator[None]:
        """Wait until a body of this size may be worked on: of huge ones, one of an account and few of all."""
        if owner is None or size < HUGE:
            yield
            return
        async with self._turns.setdefault(owner, asyncio.Lock()), self._huge:
            yield


class Claim:
    """The part of one request."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._size = 0
        self.owner: UUID | None = None
        """None for strangers, whose bodies are small."""

    def grow_to(self, size: int) -> None:
        """Count the request as one of ``size`` bytes. Raises ApiError."""
        if self.owner is not None and size > self._size:
            self._memory.take(self.owner, size - self._size)
            self._size = size

    def release(self) -> None:
        """Count it no more."""
        if self.owner is not None and self._size:
            self._memory.give_back(self.owner, self._size)
            self._size = 0
