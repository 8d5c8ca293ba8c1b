"""Notification of other servers of one database about changed histories, by LISTEN and NOTIFY.

A push does not notify in its own transaction, because NOTIFY locks the whole server at the commit. Changes are
collected for a moment and published in a transaction of their own. Notifications may be lost, and a pooler in
transaction mode passes none on; :mod:`sterna.server.sync.change_notifier` therefore also polls every second.
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
COLLECT_SECONDS: Final = 0.05
"""Time for which changes are collected: at most twenty transactions a second."""
MAX_ACCOUNTS: Final = 200
"""Accounts of one notification, which PostgreSQL limits to 8,000 bytes."""
RETRY_SECONDS: Final = 5.0
"""Delay before a lost connection is opened again, and between two checks for listeners."""
LISTENER_NAME: Final = "sterna listening "
LISTENERS: Final = """
select exists (
    select 1 from pg_stat_activity
    where datname = current_database() and application_name like %s and application_name <> %s
) as others
"""


class NotifyChannel:
    """Channel of one process: publishes its changes, and calls ``on_change`` with accounts that others have changed."""

    def __init__(self, database: Database, on_change: Callable[[Iterable[UUID]], None]) -> None:
        self._database, self._on_change = database, on_change
        self._origin = secrets.token_hex(4)
        self._name = LISTENER_NAME + self._origin
        self._has_listeners, self._checked_at = False, -RETRY_SECONDS
        self._changed: set[UUID] = set()
        self._publisher: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None

    def publish(self, user: UUID) -> None:
        """Announce a change of the history of ``user`` to the other processes."""
        self._changed.add(user)
        if self._publisher is None or self._publisher.done():
            self._publisher = asyncio.create_task(self._publish(), name="publish changes")

    def listen(self) -> None:
        """Start to listen, unless this process does already; it ends with :meth:`close`."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="listen for changes")

    async def close(self) -> None:
        """Stop publishing and listening."""
        tasks = [task for task in (self._publisher, self._listener) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(self) -> None:
        while self._changed:
            await asyncio.sleep(COLLECT_SECONDS)
            if not await self._check_listeners():
                self._changed.clear()
                return
            users = [self._changed.pop() for _ in range(min(MAX_ACCOUNTS, len(self._changed)))]
            payload = f"{self._origin}:{','.join(user.hex for user in users)}"

            async def work(db: Connection, payload: str = payload) -> None:
                await db.execute("select pg_notify(%s, %s)", (CHANNEL, payload))

            with suppress(ApiError):  # waiters also poll every second
                await self._database.write(SERVER, work)

    async def _check_listeners(self) -> bool:
        """Return whether another process listens, at most a few seconds old: most servers are alone."""
        now = asyncio.get_running_loop().time()
        if now - self._checked_at >= RETRY_SECONDS:
            self._checked_at = now

            async def work(db: Connection) -> bool:
                row = await (await db.execute(LISTENERS, (f"{LISTENER_NAME}%", self._name))).fetchone()
                return row is not None and bool(row["others"])

            with suppress(ApiError):
                self._has_listeners = await self._database.read(SERVER, work)
        return self._has_listeners

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                async with self._database.dedicated(self._name) as connection:
                    if connection is None:
                        return
                    await connection.execute(f"listen {CHANNEL}")
                    async for notification in connection.notifies():
                        self._receive(notification.payload)
            await asyncio.sleep(RETRY_SECONDS)

    def _receive(self, payload: str) -> None:
        origin, _, users = payload.partition(":")
        if origin != self._origin:
            with suppress(ValueError):  # every role that can connect can notify
                self._on_change([UUID(hex=user) for user in users.split(",") if user])
