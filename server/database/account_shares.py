"""Bounded shares of the database for each account.

Requests of one account hold at most ``connections`` pooled connections at once; the others wait in order, and when
too many wait already the next one is refused. Without the bound a handful of slow requests of one account would take
every connection, and all other accounts would be answered 503.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from ..errors import ApiError, unavailable

MOST_WAITING = 64
"""Requests of one account that may wait for a connection at a time."""

log = logging.getLogger("sterna.server")


class Share:
    """Slots of one account, and the requests that wait for one."""

    __slots__ = ("__weakref__", "slots", "waiting")

    def __init__(self, connections: int) -> None:
        self.slots = asyncio.Semaphore(connections)
        self.waiting = 0


class Shares:
    """Slots by account. An account is dropped when none of its requests is running."""

    def __init__(self, connections: int, seconds: float) -> None:
        self._connections = connections
        self._seconds = seconds
        self._shares: WeakValueDictionary[UUID, Share] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, user: UUID | None) -> AsyncIterator[None]:
        """Hold one slot of ``user``; None needs no slot. Raises ApiError 429 or 503."""
        if user is None:
            yield
            return
        share = self._shares.setdefault(user, Share(self._connections))
        await self._acquire(share)
        try:
            yield
        finally:
            share.slots.release()

    async def _acquire(self, share: Share) -> None:
        if share.waiting >= MOST_WAITING:
            raise ApiError(
                "too_many_requests", "Too many requests of this account are in progress. Try again.", retry_after=1
            )
        share.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await share.slots.acquire()
        except TimeoutError:
            log.warning("database: no connection became free for one account in %g s", self._seconds)
            raise unavailable() from None
        finally:
            share.waiting -= 1
