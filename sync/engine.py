"""The sync of one history while a program runs: when to talk to the server, and what to say of it meanwhile.

One process syncs a history, whichever has the lock; the others watch, and one of them takes over when it ends. Whoever
syncs hears of changes here from the store, also of those of other processes, and of changes there from the server.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sterna.storage import FenceLost, StoreError, SyncMetadata

from .auth.bearer import Bearer
from .change_feed import ChangeFeed
from .clock import Timing
from .cycle_runner import WISHED, MakeSync, Rounds, stuck
from .lock import SyncLock
from .network.connectivity import way_out
from .network.server_address import server_of
from .network.transport import Auth, Transport
from .protocol.capabilities import client_header
from .protocol.effects import Cycle, Problem
from .scheduler import RETURN_SPREAD, Scheduler
from .status import SyncReport
from .status_tracker import Telling

if TYPE_CHECKING:
    from sterna.storage import Change, StoreThread

    from .auth.accounts import Account
    from .auth.token_session import TokenSession
    from .wire import Capability

log = logging.getLogger("sterna.sync")

BROKEN = "The sync has stopped by a mistake of Sterna's own. Start it again; nothing that you wrote is lost."
FLUSH_SECONDS = 1.5
WATCH = 5.0
"""Seconds between two looks whether the process that syncs has ended."""
TICK, JUMP = 10.0, 30.0
"""Seconds between two looks at clock and network; the clock ahead of the stopwatch by more: the computer slept."""
IN_USE = 600.0
"""Seconds after a change for which the history counts as in use."""
POLL = (60.0, 300.0)
BASELINE = (300.0, 900.0)
"""Seconds between two looks, in use and idle: at a server that has no better way to tell, and at an upstream one."""


class Beside(Protocol):
    """What else is exchanged with the server when history and server are in step."""

    async def refresh(self) -> bool:
        """Exchange it, where it is time for that; whether something came. Raises nothing."""
        ...


class Engine:
    """The messenger of one history. Make it in the event loop that runs it.

    ``make_sync`` gives the protocol for what the server can: for None, upstream's. ``on_report`` is called in the event
    loop whenever :attr:`report` changes. ``interval``: seconds between two looks, where the server does not tell.
    """

    def __init__(
        self,
        store: StoreThread,
        account: Account,
        session: TokenSession,
        make_sync: MakeSync,
        *,
        auth: Auth | None = None,
        timing: Timing | None = None,
        rng: random.Random | None = None,
        on_report: Callable[[SyncReport], None] | None = None,
        interval: float | None = None,
        network: Callable[[], tuple[str, ...]] = way_out,
        beside: Callable[[Transport], Beside] | None = None,
    ) -> None:
        self._store = store
        self._timing = timing or Timing()
        self._rng = rng or random.Random()
        self._network = network
        self._interval = interval
        self._transport = Transport(server_of(account.origin), auth or Bearer(session), timing=self._timing)
        self._beside = beside(self._transport) if beside is not None else None
        self._lock = SyncLock(account.file)
        self._scheduler = Scheduler(self._rng)
        self._telling = Telling(on_report)
        self._rounds = Rounds(
            store,
            account,
            session,
            self._transport,
            make_sync,
            scheduler=self._scheduler,
            telling=self._telling,
            timing=self._timing,
        )
        self._living: asyncio.Task[None] | None = None
        self._feed: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._dirty = asyncio.Event()
        self._online = asyncio.Event()
        self._leads = self._watches = False
        self._used = self._timing.monotonic()
        self._head: int | None = None

    @property
    def report(self) -> SyncReport:
        """How things stand."""
        return self._telling.report

    async def run(self) -> None:
        """Sync until :meth:`stop`. Nothing that a network, a server or a sign-in does ends it."""
        assert self._living is None, "it runs already"
        self._living = asyncio.create_task(self._live(), name="sync.live")
        try:
            await asyncio.wait((self._living,))
        except asyncio.CancelledError:
            self._living.cancel()
            await asyncio.wait((self._living,))
            raise
        if not self._living.cancelled() and (error := self._living.exception()) is not None:
            log.error("the sync broke: %s", type(error).__name__)
            self._telling.watching(Problem("blocked", BROKEN), None)
            raise error

    def poke(self) -> None:
        """Sync at once, whatever was waited for: a person asks. Only a wish of the server stands above that."""
        self._resume()
        self._ask()

    async def stop(self, deadline: float = FLUSH_SECONDS) -> None:
        """Send what waits, for so many seconds at most, and end :meth:`run`."""
        living = self._living
        if living is None or living.done():
            return
        if self._leads and self._telling.problem is None:
            with suppress(TimeoutError, FenceLost, StoreError):
                await self._timing.limited(self._flush(), deadline)
        living.cancel()
        await asyncio.wait((living,))

    async def once(self) -> Cycle:
        """Everything that can be done now, whether or not :meth:`run` runs."""
        self._resume()
        alone = not self._leads
        if alone and not self._lock.take():
            sentence = "Another Sterna on this computer is syncing this history, and this one leaves it to that."
            return Cycle(problem=Problem("paused", sentence))
        try:
            if alone:
                await self._rounds.lead()
                self._resume()
            left = self._scheduler.pause_left(self._timing.monotonic(), self._timing.now_ms())
            if left:
                return Cycle(problem=Problem("paused", WISHED, int(left * 1000)))
            return await self._one()
        finally:
            if alone:
                self._lock.give_back()
                await self._transport.close()

    async def want(self, session_id: str) -> None:
        """Fetch the messages of a conversation that is known from the first list only."""
        wished = self._scheduler.pause is not None and self._scheduler.pause.by_server
        if not wished and await self._store.run(SyncMetadata.is_bodiless, session_id):
            await self._rounds.fetch(session_id)

    # Living

    async def _live(self) -> None:
        unsubscribe = self._store.subscribe(self._heard)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._count(), name="sync.count")
                self._tasks.create_task(self._tick(), name="sync.tick")
                while True:
                    self._watches = not self._lock.take()
                    self._dirty.set()
                    if not self._watches:
                        try:
                            await self._lead()
                        except FenceLost:
                            log.warning("another process syncs this history now")
                        except StoreError as error:
                            self._telling.watching(stuck(error), None)
                        await self._follow()
                    await self._timing.sleep(WATCH)
        finally:
            unsubscribe()
            await self._follow()
            await self._transport.close()

    async def _lead(self) -> None:
        await self._rounds.lead()
        self._leads = True
        self._ask()
        while True:
            self._wake.clear()
            now = self._timing.monotonic()
            due = self._scheduler.due(now, self._timing.now_ms())
            if due is None or due > 0:
                await self._timing.wait(self._wake, due)
            elif self._scheduler.take(now) or await self._waiting():
                await self._one()

    async def _follow(self) -> None:
        self._leads = False
        await self._deafen()
        self._lock.give_back()

    async def _one(self) -> Cycle:
        async with self._turn:
            self._head = None
            cycle = await self._rounds.until_done()
        if cycle.problem is not None:
            self._online.clear()
            if cycle.problem.phase in ("off", "signin"):
                await self._deafen()  # nobody is there any more who wants to hear
            return cycle
        self._online.set()
        if self._beside is not None and cycle.complete and await self._beside.refresh():
            self._telling.again()
        if self._head is not None and self._head != self._rounds.cur:
            self._ask()
        if self._rounds.capability is None:
            self._scheduler.request(self._timing.monotonic(), after=self._every(BASELINE)[self.is_idle()])
        elif self._leads and (self._feed is None or self._feed.done()):
            self._feed = self._tasks.create_task(self._listen(self._rounds.capability), name="sync.feed")
        return cycle

    async def _flush(self) -> None:
        if await self._waiting():
            await self._one()

    async def _waiting(self) -> int:
        return (await self._store.run(SyncMetadata.counts)).waiting

    async def _count(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            with suppress(StoreError):
                self._telling.counted(await self._store.run(SyncMetadata.counts))
                if self._watches:
                    self._telling.watching(*self._rounds.put_off(await self._store.run(SyncMetadata.state)))

    async def _tick(self) -> None:
        """Look whether the computer slept, or is in another network."""
        ahead, ways = self._timing.clock() - self._timing.monotonic(), self._network()
        while True:
            await self._timing.sleep(TICK)
            before, ahead = ahead, self._timing.clock() - self._timing.monotonic()
            ways_before, ways = ways, self._network()
            if ahead - before > JUMP:
                await self._start_over(within=0.0)
            elif ways and ways != ways_before:
                await self._start_over(within=RETURN_SPREAD)

    async def _start_over(self, *, within: float) -> None:
        """Connections of before lead nowhere."""
        log.info("the computer slept, or is in another network")
        await self._deafen()
        await self._transport.close()
        self._resume(within)
        self._ask(within=within)

    def _heard(self, change: Change) -> None:
        """A commit of the store, in this process or in another."""
        self._dirty.set()
        self._used = self._timing.monotonic()
        self._scheduler.note_change(self._used)
        if change.elsewhere and self.report.phase in ("off", "signin"):
            self._resume()  # it may have been a sign-in
            self._scheduler.request(self._used)
        self._wake.set()

    def _ask(self, *, within: float = 0.0) -> None:
        self._scheduler.request(self._timing.monotonic(), within=within)
        self._wake.set()

    def _resume(self, within: float = 0.0) -> None:
        self._scheduler.resume(self._timing.monotonic(), self._timing.now_ms(), within=within)

    def _every(self, usual: tuple[float, float]) -> tuple[float, float]:
        return usual if self._interval is None else (self._interval, self._interval)

    # Listening to the server

    async def _listen(self, capability: Capability) -> None:
        feed = ChangeFeed(
            self._transport,
            self,
            streams="sse" in capability.caps,
            headers=client_header(),
            timing=self._timing,
            rng=self._rng,
            every=self._every(POLL),
        )
        await feed.run()

    async def _deafen(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.cancel()
            await asyncio.wait((feed,))

    async def wait_until_online(self) -> None:
        """See :class:`~.change_feed.Listener`."""
        await self._online.wait()

    async def sync(self) -> None:
        """See :class:`~.change_feed.Listener`."""
        self._online.clear()
        self._ask()
        await self._online.wait()

    def on_head(self, seq: int) -> None:
        """See :class:`~.change_feed.Listener`."""
        self._head = seq
        if seq != self._rounds.cur and not self._turn.locked():
            self._ask()

    async def cursor(self) -> int:
        """See :class:`~.change_feed.Listener`."""
        return self._rounds.cur

    def is_idle(self) -> bool:
        """See :class:`~.change_feed.Listener`."""
        return self._timing.monotonic() - self._used > IN_USE
