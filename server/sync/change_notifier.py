"""Who waits for news of a history is told when its head moves: at once for what this process wrote and for what others
say that they wrote; for the rest the database is looked at each second.

One query asks for everybody who waits, so a thousand open streams cost what one does. It needs nothing of the database
that a distributed one lacks. See docs/specification/sync-protocol.md#news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from ..database.pool import Database
from ..errors import ApiError
from ..identity import SERVER
from .notify_channel import Notices

SECONDS = 1.0
MOST = 50
"""Who may wait for one history at once."""
HEADS = "select user_id, seq from public.sync_head where user_id = any(%s)"


class Waiting:
    """One device that waits."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The newest number that it was told of."""
        self.is_over = False
        """The server ends."""
        self._newest = seq
        self._moved = asyncio.Event()

    def tell(self, seq: int) -> None:
        """The head is there now."""
        if seq != self.seq:
            self._newest = seq
            self._moved.set()

    def end(self) -> None:
        """Wait no longer."""
        self.is_over = True
        self._moved.set()

    async def news(self, seconds: float) -> bool:
        """Whether the head moved, waiting for it so long at most."""
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


class News:
    """All who wait at this process. Looks at the database only while somebody does."""

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        self._database = database
        database.on_write = self.wrote
        self._seconds = seconds
        self._waiting: dict[UUID, set[Waiting]] = {}
        self._written: set[UUID] = set()
        self._wrote = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._is_over = False
        self._notices = Notices(database, self._heard)

    def check(self, user: UUID) -> None:
        """Raises ApiError when too many wait for this history already."""
        if len(self._waiting.get(user, ())) >= MOST:
            raise ApiError("too_many_requests", "Too many devices wait for news at once.", retry_after=60)

    @contextmanager
    def waiting(self, user: UUID, seq: int) -> Iterator[Waiting]:
        """Wait for news of ``user``, of whose history ``seq`` is known."""
        self.check(user)
        one = Waiting(seq)
        if self._is_over:
            one.end()
        self._waiting.setdefault(user, set()).add(one)
        self._notices.listen()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="sync heads")
        try:
            yield one
        finally:
            others = self._waiting[user]
            others.discard(one)
            if not others:
                del self._waiting[user]

    def wrote(self, user: UUID) -> None:
        """This process has written in this history."""
        self._notices.tell(user)
        self._heard([user])

    def _heard(self, users: Iterable[UUID]) -> None:
        """Look at once at these histories, where somebody waits for one."""
        if waited := self._waiting.keys() & users:
            self._written |= waited
            self._wrote.set()

    def end(self) -> None:
        """Let everybody go: the server ends, and would wait for them."""
        self._is_over = True
        for ones in self._waiting.values():
            for one in ones:
                one.end()

    async def close(self) -> None:
        """Look no more."""
        self.end()
        await self._notices.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        due = 0.0
        while self._waiting:
            try:
                async with asyncio.timeout_at(due):
                    await self._wrote.wait()
            except TimeoutError:
                due = clock() + self._seconds
                users = list(self._waiting)
            else:
                users = list(self._written)
            self._written.clear()
            self._wrote.clear()
            await self._ask(users)

    async def _ask(self, users: Iterable[UUID]) -> None:
        try:
            async with self._database.transaction(SERVER) as db:
                rows = await (await db.execute(HEADS, (list(users),))).fetchall()
        except ApiError:
            return  # the database is away; who waits goes on waiting
        for row in rows:
            for one in self._waiting.get(row["user_id"], ()):
                one.tell(row["seq"])
