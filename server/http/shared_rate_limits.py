"""Rate limits counted by all servers of one database together, without a commit for each request.

Each process counts its own requests in memory. About once a second, while there are any, it writes what it counted
since and reads what others did, for the keys that were asked about meanwhile. What several processes let through
before they heard of each other is the inaccuracy; where that matters, :meth:`SharedWindows.agreed` asks at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Final

from limits.aio.storage import MovingWindowSupport

from ..database.pool import Connection, Database
from ..errors import ApiError
from ..identity import SERVER
from .rate_limit_store import HOUR, Recent

SECONDS: Final = 1.0
SLOT: Final = 60
"""Seconds that others' requests are told apart by."""
CLEANING: Final = 60
"""Every so many exchanges, what has left the hour is removed."""
EXCHANGE: Final = "select * from sterna.exchange_rates(%s, %s, %s, %s, %s)"


class SharedWindows(MovingWindowSupport):
    """A moving window per key; ``pseudonym`` makes of a key what may be written down."""

    base_exceptions = ValueError
    wrap_exceptions = False

    def __init__(
        self, database: Database, now: Callable[[], float], pseudonym: Callable[[str], str], every: float = SECONDS
    ) -> None:
        self._database, self._now, self._pseudonym, self._every = database, now, pseudonym, every
        self._origin = secrets.token_hex(8)
        self._own = Recent(now)
        self._others: dict[str, list[tuple[int, int]]] = {}
        self._pending: Counter[tuple[str, int]] = Counter()
        self._exchanges = 0
        self._task: asyncio.Task[None] | None = None

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Record a request, unless ``limit`` of them are in the window already; tells whether it was recorded."""
        taken = await self._own.acquire_entry(key, limit - self._foreign(key, expiry)[1], expiry, amount)
        if taken:
            self._pending[key, int(self._now()) // SLOT] += amount
            self._soon()
        return taken

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest of the latest ``limit`` requests in the window, and how many those are."""
        start, count = await self._own.get_moving_window(key, limit, expiry)
        first, others = self._foreign(key, expiry)
        return min(start, first), min(limit, count + others)

    async def agreed(self, key: str, limit: int, expiry: int) -> bool:
        """Return whether a request that was recorded is within ``limit`` together with what others recorded by now."""
        await self.exchange()
        return (await self.get_moving_window(key, limit + 1, expiry))[1] <= limit

    async def exchange(self) -> None:
        """Write what was counted here, and read what others counted. Where the database is away, nothing is lost."""
        pending, self._pending = self._pending, Counter()
        if not pending:
            return
        names = {self._pseudonym(key): key for key, _ in pending}
        values = (
            self._origin,
            [self._pseudonym(key) for key, _ in pending],
            [slot for _, slot in pending],
            list(pending.values()),
            self._exchanges % CLEANING == 0,
        )

        async def work(db: Connection) -> list[tuple[str, int, int]]:
            rows = await (await db.execute(EXCHANGE, values)).fetchall()
            return [(row["key"], row["slot"], row["hits"]) for row in rows]

        try:
            told = await self._database.write(SERVER, work)
        except ApiError:
            self._pending.update(pending)
            return
        self._exchanges += 1
        self._take(names, told)

    async def close(self) -> None:
        """Write the last counts no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _take(self, names: dict[str, str], told: list[tuple[str, int, int]]) -> None:
        oldest = int(self._now()) // SLOT - HOUR // SLOT
        for key in [key for key, slots in self._others.items() if slots[-1][0] < oldest]:
            del self._others[key]
        for key in names.values():
            self._others.pop(key, None)
        for name, slot, hits in sorted(told):
            self._others.setdefault(names[name], []).append((slot, hits))

    def _foreign(self, key: str, expiry: int) -> tuple[float, int]:
        """When the first of others' requests in the window was, and how many there are."""
        now = self._now()
        recent = [(slot * SLOT, hits) for slot, hits in self._others.get(key, ()) if slot * SLOT > now - expiry]
        return (recent[0][0], sum(hits for _, hits in recent)) if recent else (now, 0)

    def _soon(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._later(), name="share rate limits")

    async def _later(self) -> None:
        while self._pending:
            await asyncio.sleep(self._every)
            await self.exchange()
