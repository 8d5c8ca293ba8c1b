"""Sync of the running application: started once the history is open, and stopped before it is closed.

Without a sign-in there is no engine, and all that the controller reports is "local only".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sterna.sync.status import SyncReport, short_status, status_line

if TYPE_CHECKING:
    from sterna.storage import Change, StoreThread

SIGN_IN_SECONDS = 2.0
"""Time after which a sign-in in another process is complete."""


class SyncEngine(Protocol):
    """Part of ``sync.engine.Engine`` that the controller uses."""

    async def run(self) -> None:
        """Sync until :meth:`stop`."""
        ...

    async def stop(self) -> None:
        """Send what waits, if that takes but a moment, and end."""
        ...

    def sync_now(self) -> None:
        """Sync now."""
        ...

    async def fetch_conversation(self, session_id: str) -> None:
        """Fetch the messages of a conversation of which only the title is here."""
        ...


@dataclass(frozen=True, slots=True)
class SyncSetup:
    """Engine of an account, where it may sync."""

    account: str = ""
    """Email and server; empty: not signed in."""
    engine: SyncEngine | None = None
    report: SyncReport = field(default_factory=SyncReport)
    """Status before the engine reports any."""


SyncFactory = Callable[["StoreThread", Callable[[SyncReport], None]], Awaitable[SyncSetup]]
"""Makes the engine of the account whose history is open."""


class SyncController:
    """Starts and stops the engine, and keeps its last report."""

    def __init__(self, factory: SyncFactory | None) -> None:
        self._factory = factory
        self._engine: SyncEngine | None = None
        self._running: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self.account = ""
        """Email and server that the history belongs to; empty: it is on this device only."""
        self.signed_in: Callable[[], Awaitable[None]] | None = None
        """Called after a sign-in in another process was noticed."""
        self.report = SyncReport()

    def status_line(self, now: datetime) -> str:
        """Return the text for the status line."""
        return status_line(self.report, now)

    @property
    def short_status(self) -> str:
        """Status in a few characters, for a narrow terminal."""
        return short_status(self.report)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each report; return the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def start(self, store: StoreThread) -> None:
        """Sync the account that is signed in: at the start, and after each change of sign-in."""
        await self.stop()
        if self._factory is None:
            return
        self._take(await self._factory(store, self._set_report))
        self._unsubscribe = store.subscribe(partial(self._store_changed, store))

    def _take(self, setup: SyncSetup) -> None:
        self.account, self._engine = setup.account, setup.engine
        self._set_report(setup.report)
        if setup.engine is not None:
            self._running = asyncio.create_task(setup.engine.run(), name="sync.run")

    def _store_changed(self, store: StoreThread, change: Change) -> None:
        """Check for a sign-in after another process wrote; its tokens are saved a moment later."""
        if change.elsewhere and self._engine is None and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check_sign_in(store), name="sync.check_sign_in")

    async def _check_sign_in(self, store: StoreThread) -> None:
        await asyncio.sleep(SIGN_IN_SECONDS)
        assert self._factory is not None
        setup = await self._factory(store, self._set_report)
        if self._engine is None and setup.account:
            self._take(setup)
            if self.signed_in is not None:
                await self.signed_in()

    def sync_now(self) -> None:
        """Sync without waiting for the next change."""
        if self._engine is not None:
            self._engine.sync_now()

    async def fetch_messages(self, conversation_id: str) -> None:
        """Fetch the messages of a conversation of which only the title is here."""
        if self._engine is not None:
            await self._engine.fetch_conversation(conversation_id)

    async def stop(self) -> None:
        """Let the engine send what it can at once, and end it."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        checking, self._checking = self._checking, None
        if checking is not None:
            checking.cancel()
            with suppress(asyncio.CancelledError):
                await checking
        engine, self._engine = self._engine, None
        running, self._running = self._running, None
        if engine is not None and running is not None:
            await engine.stop()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def _set_report(self, report: SyncReport) -> None:
        self.report = report
        for listener in list(self._listeners):
            listener()
