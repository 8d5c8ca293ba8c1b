"""Who waits for news of a history is told when its head moves: at once for what this process wrote, else each second.

One query asks for everybody who waits, so a thousand open streams cost what one does (sync.md 5.3). It needs nothing
of the database that a distributed one lacks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from ..database import Database
from ..errors import ApiError
from ..identity import SERVER

SECONDS = 1.0
HEADS = "select user_id, seq from public.sync_head where user_id = any(%s)"

log = logging.getLogger("sterna.server")


class Waiting:
    """One device that waits."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The newest number that it may be told of."""
        self._moved = asyncio.Event()

    def tell(self, seq: int) -> None:
        """The head is there now."""
        if seq != self.seq:
            self.seq = seq
            self._moved.set()

    async def news(self, seconds: float) -> bool:
        """Whether the head moved, waiting for it so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        self._moved.clear()
        return True


class News:
    """All who wait at this process. Looks at the database only while somebody does."""

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._waiting: dict[UUID, set[Waiting]] = {}
        self._looking: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()
        """Set when the server ends: streams end then, so that nothing waits for them."""

    @contextmanager
    def waiting(self, user: UUID, seq: int) -> Iterator[Waiting]:
        """Wait for news of ``user``, of whose history ``seq`` is known."""
        one = Waiting(seq)
        self._waiting.setdefault(user, set()).add(one)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="sync heads")
        try:
            yield one
        finally:
            others = self._waiting[user]
            others.discard(one)
            if not others:
                del self._waiting[user]

    def tell(self, user: UUID, seq: int) -> None:
        """Somebody's head is there now."""
        for one in self._waiting.get(user, ()):
            one.tell(seq)

    async def close(self) -> None:
        """End every stream, and look no more."""
        self.closing.set()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._seconds)
            users = list(self._waiting)
            try:
                async with self._database.transaction(SERVER) as db:
                    rows = await (await db.execute(HEADS, (users,))).fetchall()
            except ApiError:
                continue  # the database is away; who waits goes on waiting
            for row in rows:
                self.tell(row["user_id"], row["seq"])
