"""Notification of waiting devices when the head of a history moves.

Writes of this process, and those that other processes announce, are noticed at once; for all others the database is
polled every second. One query serves all waiters, so a thousand open streams cost no more than one, and a distributed
database suffices. See docs/specification/sync-protocol.md#news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from ..database.pool import Database
from ..errors import ApiError
from ..identity import SERVER
from .notify_channel import NotifyChannel

POLL_SECONDS = 1.0
MAX_WAITERS = 50
"""Waiters for one history."""
HEADS = "select user_id, seq from public.sync_head where user_id = any(%s)"


class Waiter:
    """One waiting device."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The newest number that the device knows."""
        self.is_over = False
        """True if the server shuts down."""
        self._newest = seq
        self._moved = asyncio.Event()

    def notify(self, seq: int) -> None:
        """Set the current head."""
        if seq != self.seq:
            self._newest = seq
            self._moved.set()

    def end(self) -> None:
        """End the wait."""
        self.is_over = True
        self._moved.set()

    async def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the head to move; return whether it did."""
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        if self.is_over:
            return False
        self._moved.clear()
        self.seq = self._newest
        return True


class ChangeNotifier:
    """Waiters of this process. Polls the database only while there are any."""

    def __init__(self, database: Database, seconds: float = POLL_SECONDS) -> None:
        self._database = database
        database.on_write = self.on_write
        self._seconds = seconds
        self._waiters: dict[UUID, set[Waiter]] = {}
        self._changed: set[UUID] = set()
        self._has_changes = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._is_over = False
        self._channel = NotifyChannel(database, self._on_change)

    def check(self, user: UUID) -> None:
        """Raise ApiError if too many devices already wait for this history."""
        if len(self._waiters.get(user, ())) >= MAX_WAITERS:
            raise ApiError(
                "too_many_requests", "Too many devices of this account are connected. Try again later.", retry_after=60
            )

    @contextmanager
    def waiter(self, user: UUID, seq: int) -> Iterator[Waiter]:
        """Register a waiter for changes of the history of ``user`` after ``seq``."""
        self.check(user)
        waiter = Waiter(seq)
        if self._is_over:
            waiter.end()
        self._waiters.setdefault(user, set()).add(waiter)
        self._channel.listen()
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="poll sync heads")
        try:
            yield waiter
        finally:
            others = self._waiters[user]
            others.discard(waiter)
            if not others:
                del self._waiters[user]

    def on_write(self, user: UUID) -> None:
        """Handle a write of this process to the history of ``user``."""
        self._channel.publish(user)
        self._on_change([user])

    def _on_change(self, users: Iterable[UUID]) -> None:
        """Query the heads of these histories at once, if anybody waits for them."""
        if awaited := self._waiters.keys() & users:
            self._changed |= awaited
            self._has_changes.set()

    def end(self) -> None:
        """End all waits, so that the server can shut down."""
        self._is_over = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.end()

    async def close(self) -> None:
        """Stop polling."""
        self.end()
        await self._channel.close()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        clock = asyncio.get_running_loop().time
        due = 0.0
        while self._waiters:
            try:
                async with asyncio.timeout_at(due):
                    await self._has_changes.wait()
            except TimeoutError:
                due = clock() + self._seconds
                users = list(self._waiters)
            else:
                users = list(self._changed)
            self._changed.clear()
            self._has_changes.clear()
            await self._query(users)

    async def _query(self, users: Iterable[UUID]) -> None:
        try:
            async with self._database.transaction(SERVER) as db:
                rows = await (await db.execute(HEADS, (list(users),))).fetchall()
        except ApiError:
            return  # the database is unreachable; waiters keep waiting
        for row in rows:
            for waiter in self._waiters.get(row["user_id"], ()):
                waiter.notify(row["seq"])
