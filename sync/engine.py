"""Sync of one history while a program runs.

One process syncs a history: the one that holds the lock. The others watch, and one of them takes over when it ends. The
process that syncs is notified of local changes by the store, also of those by other processes, and of remote changes by
the server.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sterna.storage import FenceLost, StoreError, SyncMetadata

from .auth.bearer import Bearer
from .change_feed import ChangeFeed
from .clock import Timing
from .cycle_runner import PAUSED, CycleRunner, MakeProtocol, store_problem
from .lock import SyncLock
from .network.connectivity import local_addresses
from .network.server_address import server_of
from .network.transport import Auth, Transport
from .protocol.capabilities import client_header
from .protocol.effects import CycleResult, Problem
from .scheduler import RETURN_SPREAD, Scheduler
from .status import SyncReport
from .status_tracker import StatusTracker

if TYPE_CHECKING:
    from sterna.storage import Change, StoreThread

    from .auth.accounts import Account
    from .auth.token_session import TokenSession
    from .wire import Capability

log = logging.getLogger("sterna.sync")

CRASHED = "Sync stopped because of an internal error. Restart Sterna; nothing that you wrote is lost."
LOCKED = "Another Sterna on this device is syncing this history."
FLUSH_SECONDS = 1.5
WATCH = 5.0
"""Seconds between two checks whether the process that syncs has ended."""
TICK, JUMP = 10.0, 30.0
"""Seconds between two checks of clock and network. The clock ahead of the stopwatch by more: the computer slept."""
IN_USE = 600.0
"""Seconds after a change for which the history counts as in use."""
FILE_DELAYS = (5.0, 15.0, 60.0, 300.0)
"""Seconds before each attempt to exchange the files that were left: another device may still be uploading one."""
POLL = (60.0, 300.0)
UPSTREAM_POLL = (300.0, 900.0)
"""Seconds between two polls, in use and idle: of a server without notifications, and of an upstream one."""


class AccountRefresh(Protocol):
    """Exchange of the account's other data after the history is up to date."""

    async def refresh(self) -> bool:
        """Exchange it if that is due. Return whether anything was fetched. Raises nothing."""
        ...


class Engine:
    """Sync engine of one history. Create it in the event loop that runs it.

    ``make_protocol`` returns the protocol for a server's capability, for None upstream's. ``on_report`` is called in
    the event loop whenever :attr:`report` changes. ``interval``: seconds between two polls of a server without
    notifications.
    """

    def __init__(
        self,
        store: StoreThread,
        account: Account,
        session: TokenSession,
        make_protocol: MakeProtocol,
        *,
        auth: Auth | None = None,
        timing: Timing | None = None,
        rng: random.Random | None = None,
        on_report: Callable[[SyncReport], None] | None = None,
        interval: float | None = None,
        network: Callable[[], tuple[str, ...]] = local_addresses,
        account_refresh: Callable[[Transport], AccountRefresh] | None = None,
    ) -> None:
        self._store = store
        self._timing = timing or Timing()
        self._rng = rng or random.Random()
        self._network = network
        self._interval = interval
        self._transport = Transport(server_of(account.origin), auth or Bearer(session), timing=self._timing)
        self._account_refresh = account_refresh(self._transport) if account_refresh is not None else None
        self._lock = SyncLock(account.file)
        self._scheduler = Scheduler(self._rng)
        self._status = StatusTracker(on_report)
        self._cycles = CycleRunner(
            store,
            account,
            session,
            self._transport,
            make_protocol,
            scheduler=self._scheduler,
            status=self._status,
            timing=self._timing,
        )
        self._main: asyncio.Task[None] | None = None
        self._feed: asyncio.Task[None] | None = None
        self._files: asyncio.Task[None] | None = None
        self._files_due = asyncio.Event()
        self._cycle_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._counts_changed = asyncio.Event()
        self._online = asyncio.Event()
        self._leads = self._watches = False
        self._used = self._timing.monotonic()
        self._head: int | None = None

    @property
    def report(self) -> SyncReport:
        """Return the current status."""
        return self._status.report

    async def run(self) -> None:
        """Sync until :meth:`stop`. No failure of network, server or sign-in ends it."""
        assert self._main is None, "the engine is running"
        self._main = asyncio.create_task(self._run(), name="sync.main")
        try:
            await asyncio.wait((self._main,))
        except asyncio.CancelledError:
            self._main.cancel()
            await asyncio.wait((self._main,))
            raise
        if not self._main.cancelled() and (error := self._main.exception()) is not None:
            log.error("sync crashed: %s", type(error).__name__)
            self._status.watch(Problem("blocked", CRASHED), None)
            raise error

    def sync_now(self) -> None:
        """Sync at once, because the user asks. Only a pause that the server asked for stands."""
        self._resume()
        self._request()

    async def stop(self, deadline: float = FLUSH_SECONDS) -> None:
        """Send what waits, for ``deadline`` seconds at most, and end :meth:`run`."""
        main = self._main
        if main is None or main.done():
            return
        if self._leads and self._status.problem is None:
            with suppress(TimeoutError, FenceLost, StoreError):
                await self._timing.limited(self._flush(), deadline)
        main.cancel()
        await asyncio.wait((main,))

    async def run_once(self) -> CycleResult:
        """Sync everything that can be synced now, whether or not :meth:`run` is running."""
        self._resume()
        alone = not self._leads
        if alone and not self._lock.acquire():
            return CycleResult(problem=Problem("paused", LOCKED))
        try:
            if alone:
                await self._cycles.take_over()
                self._resume()
            left = self._scheduler.pause_left(self._timing.monotonic(), self._timing.now_ms())
            if left:
                return CycleResult(problem=Problem("paused", PAUSED, int(left * 1000)))
            return await self._run_cycles()
        finally:
            if alone:
                self._lock.release()
                await self._transport.close()

    async def fetch_conversation(self, session_id: str) -> None:
        """Fetch the messages of a conversation that is known only from the first list."""
        is_paused = self._scheduler.pause is not None and self._scheduler.pause.by_server
        if not is_paused and await self._store.run(SyncMetadata.is_partial, session_id):
            await self._cycles.fetch_conversation(session_id)

    # Tasks

    async def _run(self) -> None:
        unsubscribe = self._store.subscribe(self._on_change)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._count(), name="sync.count")
                self._tasks.create_task(self._tick(), name="sync.tick")
                while True:
                    self._watches = not self._lock.acquire()
                    self._counts_changed.set()
                    if not self._watches:
                        try:
                            await self._lead()
                        except FenceLost:
                            log.warning("another process syncs this history now")
                        except StoreError as error:
                            self._status.watch(store_problem(error), None)
                        await self._follow()
                    await self._timing.sleep(WATCH)
        finally:
            unsubscribe()
            await self._follow()
            await self._transport.close()

    async def _lead(self) -> None:
        """Sync as the one process that does."""
        await self._cycles.take_over()
        self._leads = True
        self._request()
        while True:
            self._wake.clear()
            now = self._timing.monotonic()
            due = self._scheduler.due(now, self._timing.now_ms())
            if due is None or due > 0:
                await self._timing.wait(self._wake, due)
            elif self._scheduler.take(now) or await self._waiting():
                await self._run_cycles()

    async def _follow(self) -> None:
        """Leave sync to another process."""
        self._leads = False
        await self._stop_feed()
        await self._stop_files()
        self._lock.release()

    async def _run_cycles(self) -> CycleResult:
        async with self._cycle_lock:
            self._head = None
            result = await self._cycles.run()
        if result.problem is not None:
            self._online.clear()
            if result.problem.phase in ("off", "signin"):
                await self._stop_feed()  # notifications need a sign-in and consent too
            return result
        self._online.set()
        if self._account_refresh is not None and result.complete and await self._account_refresh.refresh():
            self._status.repeat()
        if result.complete and self._cycles.takes_files:
            await self._start_files()
        if self._head is not None and self._head != self._cycles.cursor:
            self._request()
        if self._cycles.capability is None:
            self._scheduler.request(self._timing.monotonic(), after=self._intervals(UPSTREAM_POLL)[self.is_idle()])
        elif self._leads and (self._feed is None or self._feed.done()):
            self._feed = self._tasks.create_task(self._run_feed(self._cycles.capability), name="sync.feed")
        return result

    async def _flush(self) -> None:
        if await self._waiting():
            await self._run_cycles()

    async def _waiting(self) -> int:
        return (await self._store.run(SyncMetadata.counts)).waiting

    async def _count(self) -> None:
        """Keep the counts of the report up to date."""
        while True:
            await self._counts_changed.wait()
            self._counts_changed.clear()
            with suppress(StoreError):
                self._status.update_counts(await self._store.run(SyncMetadata.counts))
                if self._watches:
                    state = await self._store.run(SyncMetadata.state)
                    self._status.watch(*self._cycles.stored_problem(state))

    async def _tick(self) -> None:
        """Detect that the computer slept, or that the network changed."""
        ahead, addresses = self._timing.clock() - self._timing.monotonic(), self._network()
        while True:
            await self._timing.sleep(TICK)
            ahead_before, ahead = ahead, self._timing.clock() - self._timing.monotonic()
            addresses_before, addresses = addresses, self._network()
            if ahead - ahead_before > JUMP:
                await self._reconnect(within=0.0)
            elif addresses and addresses != addresses_before:
                await self._reconnect(within=RETURN_SPREAD)

    async def _reconnect(self, *, within: float) -> None:
        """Replace connections that are dead by now."""
        log.info("the computer slept, or the network changed")
        await self._stop_feed()
        await self._transport.close()
        self._resume(within)
        self._request(within=within)

    def _on_change(self, change: Change) -> None:
        """Schedule a cycle after a commit of the store, in this process or in another."""
        self._counts_changed.set()
        self._used = self._timing.monotonic()
        self._scheduler.note_change(self._used)
        if change.elsewhere and self.report.phase in ("off", "signin"):
            self._resume()  # the other process may have signed in
            self._scheduler.request(self._used)
        self._wake.set()

    def _request(self, *, within: float = 0.0) -> None:
        self._scheduler.request(self._timing.monotonic(), within=within)
        self._wake.set()

    def _resume(self, within: float = 0.0) -> None:
        self._scheduler.resume(self._timing.monotonic(), self._timing.now_ms(), within=within)

    def _intervals(self, default: tuple[float, float]) -> tuple[float, float]:
        return default if self._interval is None else (self._interval, self._interval)

    # Attached files

    async def _start_files(self) -> None:
        """Exchange files beside the cycles while this process leads, else now."""
        self._files_due.set()
        if not self._leads:
            await self._cycles.exchange_files()
        elif self._files is None or self._files.done():
            self._files = self._tasks.create_task(self._exchange_files(), name="sync.files")

    async def _exchange_files(self) -> None:
        delays = itertools.chain(FILE_DELAYS, itertools.repeat(FILE_DELAYS[-1]))
        while True:
            self._files_due.clear()
            if not await self._cycles.exchange_files():
                return
            await self._timing.wait(self._files_due, next(delays))

    async def _stop_files(self) -> None:
        files, self._files = self._files, None
        if files is not None:
            files.cancel()
            await asyncio.wait((files,))

    # Change feed

    async def _run_feed(self, capability: Capability) -> None:
        feed = ChangeFeed(
            self._transport,
            self,
            streams="sse" in capability.caps,
            headers=client_header(),
            timing=self._timing,
            rng=self._rng,
            every=self._intervals(POLL),
        )
        await feed.run()

    async def _stop_feed(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.cancel()
            await asyncio.wait((feed,))

    async def wait_until_online(self) -> None:
        """See :class:`~.change_feed.Listener`."""
        await self._online.wait()

    async def sync_and_wait(self) -> None:
        """See :class:`~.change_feed.Listener`."""
        self._online.clear()
        self._request()
        await self._online.wait()

    def on_head(self, seq: int) -> None:
        """See :class:`~.change_feed.Listener`."""
        self._head = seq
        if seq != self._cycles.cursor and not self._cycle_lock.locked():
            self._request()

    async def cursor(self) -> int:
        """See :class:`~.change_feed.Listener`."""
        return self._cycles.cursor

    def is_idle(self) -> bool:
        """See :class:`~.change_feed.Listener`."""
        return self._timing.monotonic() - self._used > IN_USE
