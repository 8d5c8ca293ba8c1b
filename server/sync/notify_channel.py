"""Histories that moved, told between the servers of one database by LISTEN and NOTIFY.

Nothing is notified inside a push: NOTIFY takes a lock of the whole server when its transaction commits. What a process
wrote is gathered for a moment and told in a transaction of its own. A notice may be lost, and a pooler in transaction
mode passes none on; who waits is also looked up once a second (:mod:`sterna.server.sync.change_notifier`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from uuid import UUID

import psycopg

from ..database.pool import Connection, Database
from ..errors import ApiError
from ..identity import SERVER

CHANNEL: Final = "sterna_heads"
GATHERED: Final = 0.05
"""Seconds that notices are gathered for: twenty transactions a second at the most, however many push."""
MOST: Final = 200
"""Accounts of one notice; PostgreSQL takes 8,000 bytes."""
AGAIN: Final = 5.0
"""Seconds after which a connection that broke is tried again, and after which it is looked whether anybody listens."""
LISTENING: Final = "sterna listening "
LISTENERS: Final = """
select exists (
    select 1 from pg_stat_activity
    where datname = current_database() and application_name like %s and application_name <> %s
) as others
"""


class Notices:
    """One process: tells others what it wrote, and calls ``heard`` with accounts that others wrote for."""

    def __init__(self, database: Database, heard: Callable[[Iterable[UUID]], None]) -> None:
        self._database, self._heard = database, heard
        self._origin = secrets.token_hex(4)
        self._name = LISTENING + self._origin
        self._is_heard, self._looked = False, -AGAIN
        self._wrote: set[UUID] = set()
        self._telling: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def tell(self, user: UUID) -> None:
        """Have the other processes told that the history of ``user`` moved."""
        self._wrote.add(user)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="tell of heads")

    def listen(self) -> None:
        """Begin to listen, if this process does not do so yet; it ends with :meth:`close`."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name="listen for heads")

    async def close(self) -> None:
        """Tell and hear no more."""
        tasks = [task for task in (self._telling, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self) -> None:
        while self._wrote:
            await asyncio.sleep(GATHERED)
            if not await self._has_listeners():
                self._wrote.clear()
                return
            users = [self._wrote.pop() for _ in range(min(MOST, len(self._wrote)))]
            payload = f"{self._origin}:{','.join(user.hex for user in users)}"

            async def work(db: Connection, payload: str = payload) -> None:
                await db.execute("select pg_notify(%s, %s)", (CHANNEL, payload))

            with suppress(ApiError):  # who waits looks once a second too
                await self._database.write(SERVER, work)

    async def _has_listeners(self) -> bool:
        """Whether another process listens, as it was some seconds ago: most servers are alone with their database."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= AGAIN:
            self._looked = now

            async def work(db: Connection) -> bool:
                row = await (await db.execute(LISTENERS, (f"{LISTENING}%", self._name))).fetchone()
                return row is not None and bool(row["others"])

            with suppress(ApiError):
                self._is_heard = await self._database.read(SERVER, work)
        return self._is_heard

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                async with self._database.dedicated(self._name) as connection:
                    if connection is None:
                        return
                    await connection.execute(f"listen {CHANNEL}")
                    async for notice in connection.notifies():
                        self._take(notice.payload)
            await asyncio.sleep(AGAIN)

    def _take(self, payload: str) -> None:
        origin, _, users = payload.partition(":")
        if origin != self._origin:
            with suppress(ValueError):  # anybody who may connect may notify
                self._heard([UUID(hex=one) for one in users.split(",") if one])
