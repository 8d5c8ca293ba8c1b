"""Rate limits shared by all servers of one database, without a commit for each request.

Each process counts its own requests in memory. About once a second, while there are any, it writes the new counts to
the database and reads those of other processes for the same keys. Requests that several processes accept within that
second are the inaccuracy; where it matters, :meth:`SharedWindows.is_within_limit` exchanges the counts at once.
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
from .rate_limit_store import HOUR, MemoryWindows

INTERVAL: Final = 1.0
"""Seconds between two exchanges of counts."""
SLOT: Final = 60
"""Seconds that are counted together for other processes."""
CLEANUP_EVERY: Final = 60
"""Number of exchanges between two removals of expired counts."""
EXCHANGE: Final = "select * from sterna.exchange_rates(%s, %s, %s, %s, %s)"


class SharedWindows(MovingWindowSupport):
    """Moving windows by key; ``pseudonym`` turns a key into the form that is stored."""

    base_exceptions = ValueError
    wrap_exceptions = False

    def __init__(
        self, database: Database, now: Callable[[], float], pseudonym: Callable[[str], str], every: float = INTERVAL
    ) -> None:
        self._database, self._now, self._pseudonym, self._every = database, now, pseudonym, every
        self._origin = secrets.token_hex(8)
        self._own = MemoryWindows(now)
        self._others: dict[str, list[tuple[int, int]]] = {}
        self._pending: Counter[tuple[str, int]] = Counter()
        self._exchanges = 0
        self._task: asyncio.Task[None] | None = None

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Record a request unless the window holds ``limit`` requests; return whether it was recorded."""
        taken = await self._own.acquire_entry(key, limit - self._foreign(key, expiry)[1], expiry, amount)
        if taken:
            self._pending[key, int(self._now()) // SLOT] += amount
            self._schedule_exchange()
        return taken

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return the time of the oldest of the last ``limit`` requests in the window, and their number."""
        start, count = await self._own.get_moving_window(key, limit, expiry)
        first, others = self._foreign(key, expiry)
        return min(start, first), min(limit, count + others)

    async def is_within_limit(self, key: str, limit: int, expiry: int) -> bool:
        """Exchange counts, and return whether all processes together have recorded at most ``limit`` requests."""
        await self.exchange()
        return (await self.get_moving_window(key, limit + 1, expiry))[1] <= limit

    async def exchange(self) -> None:
        """Write the new counts and read those of others. Counts are kept while the database is unreachable."""
        pending, self._pending = self._pending, Counter()
        if not pending:
            return
        names = {self._pseudonym(key): key for key, _ in pending}
        values = (
            self._origin,
            [self._pseudonym(key) for key, _ in pending],
            [slot for _, slot in pending],
            list(pending.values()),
            self._exchanges % CLEANUP_EVERY == 0,
        )

        async def work(db: Connection) -> list[tuple[str, int, int]]:
            rows = await (await db.execute(EXCHANGE, values)).fetchall()
            return [(row["key"], row["slot"], row["hits"]) for row in rows]

        try:
            rows = await self._database.write(SERVER, work)
        except ApiError:
            self._pending.update(pending)
            return
        self._exchanges += 1
        self._update_others(names, rows)

    async def close(self) -> None:
        """Stop the exchange; the last counts are not written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _update_others(self, names: dict[str, str], rows: list[tuple[str, int, int]]) -> None:
        oldest = int(self._now()) // SLOT - HOUR // SLOT
        for key in [key for key, slots in self._others.items() if slots[-1][0] < oldest]:
            del self._others[key]
        for key in names.values():
            self._others.pop(key, None)
        for name, slot, hits in sorted(rows):
            self._others.setdefault(names[name], []).append((slot, hits))

    def _foreign(self, key: str, expiry: int) -> tuple[float, int]:
        """Return the time of the first request of other processes in the window, and their number."""
        now = self._now()
        recent = [(slot * SLOT, hits) for slot, hits in self._others.get(key, ()) if slot * SLOT > now - expiry]
        return (recent[0][0], sum(hits for _, hits in recent)) if recent else (now, 0)

    def _schedule_exchange(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._exchange_repeatedly(), name="share rate limits")

    async def _exchange_repeatedly(self) -> None:
        while self._pending:
            await asyncio.sleep(self._every)
            await self.exchange()
