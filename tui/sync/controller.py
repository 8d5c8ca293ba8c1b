"""The messenger of this sitting: made once the file is open, and ended before it is closed.

The chat works without one: before a sign-in there is none, and all it would say is "local only".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sterna.sync.status import SyncReport, line

if TYPE_CHECKING:
    from sterna.storage import Change, StoreThread


SETTLED = 2.0
"""Seconds after which a sign-in in another process is complete."""


class Messenger(Protocol):
    """What the screen needs of ``sync.engine.Engine``."""

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        ...

    async def stop(self) -> None:
        """Send what waits, if that takes but a moment, and end."""
        ...

    def poke(self) -> None:
        """Look at the server now."""
        ...

    async def want(self, session_id: str) -> None:
        """Bring the messages of a conversation that is known by its name only."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A messenger, and whose."""

    account: str = ""
    """An email and a server; empty: nobody's."""
    messenger: Messenger | None = None
    report: SyncReport = field(default_factory=SyncReport)
    """How things stand, as long as the messenger has said nothing."""


LinkFactory = Callable[["StoreThread", Callable[[SyncReport], None]], Awaitable[Made]]
"""Makes the messenger of the account whose file is open."""


class Link:
    """Begins and ends the messenger, and keeps what it said last."""

    def __init__(self, factory: LinkFactory | None, told: Callable[[], None]) -> None:
        self._factory = factory
        self._told = told
        self._messenger: Messenger | None = None
        self._running: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.account = ""
        """Whose history this is; empty: only this computer knows it."""
        self.signed_in: Callable[[], Awaitable[None]] | None = None
        """Called after a sign-in in another terminal was noticed."""
        self.report = SyncReport()

    @property
    def can_sign_in(self) -> bool:
        """False where there is nothing to sign in with, as in a picture of the screen."""
        return self._factory is not None

    def line(self, now: datetime) -> str:
        """For the status line."""
        return line(self.report, now)

    async def begin(self, store: StoreThread) -> None:
        """Let the messenger of the account work: at the start, and after each change of sign-in."""
        await self.end()
        if self._factory is None:
            return
        self._employ(await self._factory(store, self._report))
        self._unsubscribe = store.subscribe(partial(self._heard, store))

    def _employ(self, made: Made) -> None:
        self.account, self._messenger = made.account, made.messenger
        self._report(made.report)
        if made.messenger is not None:
            self._running = asyncio.create_task(made.messenger.run(), name="sync.run")

    def _heard(self, store: StoreThread, change: Change) -> None:
        """Another process wrote: it may have been a sign-in, whose tokens are kept a moment after."""
        if change.elsewhere and self._messenger is None and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look(store), name="sync.look")

    async def _look(self, store: StoreThread) -> None:
        await asyncio.sleep(SETTLED)
        assert self._factory is not None
        made = await self._factory(store, self._report)
        if self._messenger is None and made.account:
            self._employ(made)
            if self.signed_in is not None:
                await self.signed_in()

    def now(self) -> None:
        """Look at the server now."""
        if self._messenger is not None:
            self._messenger.poke()

    async def want(self, session_id: str) -> None:
        """Bring the messages of a conversation that is known by its name only."""
        if self._messenger is not None:
            await self._messenger.want(session_id)

    async def end(self) -> None:
        """Let it send what it can at once, and end."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
        messenger, self._messenger = self._messenger, None
        running, self._running = self._running, None
        if messenger is not None and running is not None:
            await messenger.stop()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def _report(self, report: SyncReport) -> None:
        self.report = report
        self._told()
