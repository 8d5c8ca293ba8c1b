"""Cycles, one after the other, until history and server are in step: who may, by which protocol, and when next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sterna.storage import AccountLinking, Acknowledgements, FenceLost, StoreError, SyncMetadata

from .auth.accounts import check
from .clock import Timing
from .effect_runner import run_effects
from .errors import CannotReach, SendingOff, SignInNeeded
from .network.transport import Transport
from .protocol.capabilities import is_old, probe
from .protocol.effects import Cycle, Http, Problem, Step, Unreachable
from .protocol.response_errors import problem_of
from .scheduler import LONGEST_PAUSE_MS, Scheduler
from .status import MOST
from .status_tracker import Telling

if TYPE_CHECKING:
    from sterna.storage import StoreThread, SyncState

    from .auth.accounts import Account
    from .auth.token_session import TokenSession
    from .wire import Capability

log = logging.getLogger("sterna.sync")

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LONGEST_TRY_MS = 5 * MINUTE_MS
"""No try is put off further than this by itself; what is longer, the server wished."""
WISHED = "The server asked for a pause. Nothing is sent before it is over."
STORE_MS = MINUTE_MS
UNFINISHED = 60.0
"""Seconds after a cycle that neither ended nor got any further."""
BY_HAND_MS = {"off": MINUTE_MS, "signin": 15 * MINUTE_MS, "update": 6 * HOUR_MS}
"""When what waits for a person is looked at all the same: they may have done it in another process."""


def stuck(error: StoreError) -> Problem:
    """The history itself is the problem: its disk is full, say."""
    return Problem("blocked", str(error), STORE_MS)


class Syncing(Protocol):
    """A protocol between the history and a server."""

    def cycle(self, fence: int) -> Generator[Step, Any, Cycle]:
        """Send what waits and fetch what is new, some of it at least."""
        ...


MakeSync = Callable[["Capability | None"], Syncing]


class Rounds:
    """Of one history, by the process that syncs it."""

    def __init__(
        self,
        store: StoreThread,
        account: Account,
        session: TokenSession,
        transport: Transport,
        make_sync: MakeSync,
        *,
        scheduler: Scheduler,
        telling: Telling,
        timing: Timing,
    ) -> None:
        self._store = store
        self._account = account
        self._session = session
        self._transport = transport
        self._make_sync = make_sync
        self._scheduler = scheduler
        self._telling = telling
        self._timing = timing
        self._sync: Syncing | None = None
        self._found: Capability | None = None
        self._doubted = False
        self.fence = 0
        self.cur = 0
        """How far the server's history is known here."""
        self.fails = 0

    @property
    def capability(self) -> Capability | None:
        """What the server can, once that is known; None for upstream's protocol too."""
        return self._found

    async def lead(self) -> None:
        """This is the process that syncs now."""
        self.fence = await self._store.run(SyncMetadata.take_fence)
        state = await self._store.run(SyncMetadata.state)
        self.cur, self.fails = state.cur, state.fails
        now, now_ms = self._timing.monotonic(), self._timing.now_ms()
        self._scheduler.restore(now, now_ms, state.next_at, longest_retry_ms=LONGEST_TRY_MS)
        problem, until_ms = self.put_off(state)
        if problem is not None:
            self._telling.watching(problem, until_ms)

    async def until_done(self) -> Cycle:
        """Everything that can be done now. Raises :class:`FenceLost`."""
        self._scheduler.clear()
        try:
            return await self._until_done()
        except FenceLost:
            self._telling.broken_off()
            raise
        except StoreError as error:
            log.warning("the history cannot be read or written: %s", type(error).__name__)
            now, now_ms, problem = self._timing.monotonic(), self._timing.now_ms(), stuck(error)
            self._scheduler.pause_for(now, now_ms, STORE_MS, by_server=False)
            self._scheduler.request(now)
            self._telling.ended(problem, now_ms + STORE_MS, now_ms)
            return Cycle(problem=problem)
        except BaseException:
            self._telling.broken_off()
            raise

    async def _until_done(self) -> Cycle:
        done = Cycle()
        counts = await self._store.run(SyncMetadata.counts)
        self._telling.counted(counts)
        to_push = counts.waiting if counts.waiting < MOST else await self._store.run(SyncMetadata.waiting)
        self._telling.began(to_push, self.cur)
        while done.problem is None and not done.complete:
            cycle = await self._attempt()
            moved = cycle.pushed + cycle.pulled > 0
            done = replace(cycle, pushed=done.pushed + cycle.pushed, pulled=done.pulled + cycle.pulled)
            if not moved:
                break
        await self._after(done)
        return done

    def put_off(self, state: SyncState) -> tuple[Problem | None, int | None]:
        """What a next try that is put off says of the last one, whichever process made that; and when it is due."""
        left = (state.next_at or 0) - self._timing.now_ms()
        if not state.fails or not 0 < left <= LONGEST_PAUSE_MS:
            return None, None
        if left > LONGEST_TRY_MS:
            return Problem("paused", WISHED, left), state.next_at
        return Problem("offline", "The last try did not get through.", left), state.next_at

    async def fetch(self, session_id: str) -> bool:
        """One conversation's messages, out of turn; whether they are here. Also by a process that only watches: what
        comes so is taken once, however often it comes."""
        try:
            fence = (await self._store.run(SyncMetadata.state)).fence
            await self._vouched()
            sync = await self._protocol()
            work = getattr(sync, "conversation", None)
            if isinstance(sync, Problem) or work is None:
                return False
            await run_effects(work(session_id, fence), self._transport, self._store, timing=self._timing)
        except (SignInNeeded, CannotReach, Unreachable, StoreError, ValueError) as error:
            log.info("a conversation was not fetched: %s", type(error).__name__)
        return not await self._store.run(SyncMetadata.is_bodiless, session_id)

    def doubt(self) -> None:
        """Ask the server anew what it can."""
        self._doubted = True

    async def _attempt(self) -> Cycle:
        try:
            await self._vouched()
            sync = await self._protocol()
            if isinstance(sync, Problem):
                return Cycle(problem=sync)
            first = getattr(sync, "newest", None)
            if first is not None and self.cur == 0 and not await self._store.run(SyncMetadata.pull_is_complete):
                with suppress(Unreachable, ValueError):  # the cycle meets the same, and knows what it means
                    await run_effects(first(self.fence), self._transport, self._store, timing=self._timing)
            cycle: Cycle = await run_effects(
                sync.cycle(self.fence), self._transport, self._store, timing=self._timing, seen=self._seen
            )
        except SignInNeeded as error:
            phase: Literal["off", "signin"] = "off" if isinstance(error, SendingOff) else "signin"
            return Cycle(problem=Problem(phase, str(error)))
        except CannotReach as error:
            return Cycle(problem=self._no_token(error))
        except Unreachable as error:
            later = self._scheduler.retry_ms(self.fails, LONGEST_TRY_MS)
            return Cycle(problem=problem_of(error, self._timing.now_ms(), later))
        except ValueError as error:
            log.error("an answer does not fit what was asked: %s", type(error).__name__)
            return Cycle(
                problem=Problem("blocked", "The server's answer makes no sense. Tell whoever runs it.", HOUR_MS)
            )
        self.cur = (await self._store.run(SyncMetadata.state)).cur
        return cycle

    async def _vouched(self) -> None:
        """File, account and sign-in are one and the same, and there is a token; where there is none, this knows why."""
        await check(self._session, self._account, await self._store.run(AccountLinking.owner))
        await self._session.token()

    async def _protocol(self) -> Syncing | Problem:
        now_ms, doubted = self._timing.now_ms(), self._doubted
        if self._sync is not None and not doubted and not is_old(await self._store.run(SyncMetadata.account), now_ms):
            return self._sync
        work = probe(self._account.kind, self._scheduler.retry_ms(self.fails, LONGEST_TRY_MS), again=doubted)
        found = await run_effects(work, self._transport, self._store, timing=self._timing)
        if isinstance(found, Problem):
            return found
        self._doubted = False
        if self._sync is None or found != self._found:
            self._found, self._sync = found, self._make_sync(found)
        return self._sync

    def _seen(self, step: Step, came: Any) -> None:
        if isinstance(step, Http) and came.status == 404:
            self.doubt()
        self._telling.step(step, came)

    def _no_token(self, error: CannotReach) -> Problem:
        wait = int((error.retry_after or 0) * 1000)
        if error.reason == "limited":
            return Problem("paused", str(error), wait or 15 * MINUTE_MS)
        if error.reason == "portal":
            return Problem("portal", str(error), MINUTE_MS)
        if error.reason == "tls":
            return Problem("blocked", str(error), LONGEST_TRY_MS)
        return Problem("offline", str(error), max(wait, self._scheduler.retry_ms(self.fails, LONGEST_TRY_MS)))

    async def _after(self, cycle: Cycle) -> None:
        """Keep when the next one is due, for this process and for others."""
        now, now_ms, problem = self._timing.monotonic(), self._timing.now_ms(), cycle.problem
        until_ms = None
        if problem is not None:
            self.fails += 1
            wait = problem.wait_ms if problem.wait_ms is not None else BY_HAND_MS.get(problem.phase, HOUR_MS)
            wish = problem.phase == "paused" or (problem.phase == "offline" and wait > LONGEST_TRY_MS)
            wait = self._scheduler.spread_ms(wait) if wish else wait
            self._scheduler.pause_for(now, now_ms, wait, by_server=wish)
            self._scheduler.request(now)
            until_ms = None if problem.wait_ms is None else now_ms + wait
            log.info("not in step: %s, %d in a row, next try in %d s", problem.phase, self.fails, wait // 1000)
            # what waits for a person may be looked at by the next process at once: the person may have started it
            kept = now_ms + wait if wish or wait <= LONGEST_TRY_MS else None
            await self._store.run(SyncMetadata.schedule, kept, self.fails, fence=self.fence)
        else:
            log.info("%s: %d sent, %d fetched", "in step" if cycle.complete else "so far", cycle.pushed, cycle.pulled)
            if self.fails:
                self.fails = 0
                await self._store.run(SyncMetadata.schedule, None, 0, fence=self.fence)
            if not cycle.complete:
                self._scheduler.request(now, after=UNFINISHED)
        counts = await self._store.run(SyncMetadata.counts)
        if counts.quarantined:
            times = [
                one.next_at for one in await self._store.run(Acknowledgements.quarantined) if one.next_at is not None
            ]
            if times:
                self._scheduler.request(now, after=max(1.0, (min(times) - now_ms) / 1000))
        self._telling.ended(problem, until_ms, now_ms, counts)
