"""Cycles in sequence until history and server are up to date: preconditions, choice of the protocol, next attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sterna.storage import AccountLinking, Acknowledgements, Attachments, FenceLost, StoreError, SyncMetadata

from .auth.accounts import check_sign_in
from .backoff import HOUR_MS, MINUTE_MS, RETRY_MS
from .clock import Timing
from .effect_runner import run_effects
from .errors import INVALID_RESPONSE, CannotReach, SignInNeeded, SyncDisabled
from .network.transport import Transport
from .protocol.attachments import CAPABILITY, exchange_files
from .protocol.capabilities import is_old, probe
from .protocol.effects import (
    CycleResult,
    Effect,
    Effects,
    FileProgress,
    Problem,
    Progress,
    Response,
    Unreachable,
)
from .protocol.response_errors import problem_of
from .scheduler import LONGEST_PAUSE_MS, Scheduler
from .status import MOST
from .status_tracker import StatusTracker

if TYPE_CHECKING:
    from sterna.storage import StoreThread, SyncState

    from .auth.accounts import Account
    from .auth.token_session import TokenSession
    from .wire import Capability

log = logging.getLogger("sterna.sync")

LONGEST_RETRY_MS = int(RETRY_MS.longest)
"""Longest delay that the client chooses itself; a longer one was requested by the server."""
PAUSED = "The server asked for a pause. Nothing is sent until it ends."
FAILED = "The last attempt to sync failed."
STORE_RETRY_MS = MINUTE_MS
UNFINISHED = 60.0
"""Seconds after a cycle that neither completed nor made progress."""
USER_ACTION_MS = {"off": MINUTE_MS, "signin": 15 * MINUTE_MS, "update": 6 * HOUR_MS}
"""Delay before a retry where the user has to act first: that may have happened in another process."""


def store_problem(error: StoreError) -> Problem:
    """Return the problem of a history that cannot be read or written, for example because the disk is full."""
    return Problem("blocked", str(error), STORE_RETRY_MS)


class SyncProtocol(Protocol):
    """Protocol between the history and a server."""

    def cycle(self, fence: int) -> Effects[CycleResult]:
        """Send what waits and fetch what is new, or a part of both."""
        ...

    def fetch_newest(self, fence: int) -> Effects[None]:
        """Fetch the list of the newest conversations, before the first cycle."""
        ...

    def fetch_conversation(self, session_id: str, fence: int) -> Effects[None]:
        """Fetch the messages of one conversation now."""
        ...


MakeProtocol = Callable[["Capability | None"], SyncProtocol]


class CycleRunner:
    """Cycles of one history, in the process that syncs it."""

    def __init__(
        self,
        store: StoreThread,
        account: Account,
        session: TokenSession,
        transport: Transport,
        make_protocol: MakeProtocol,
        *,
        scheduler: Scheduler,
        status: StatusTracker,
        timing: Timing,
    ) -> None:
        self._store = store
        self._account = account
        self._session = session
        self._transport = transport
        self._make_protocol = make_protocol
        self._scheduler = scheduler
        self._status = status
        self._timing = timing
        self._protocol: SyncProtocol | None = None
        self._capability: Capability | None = None
        self._is_doubtful = False
        self.fence = 0
        self.cursor = 0
        """Number up to which the server's history is known here."""
        self.fails = 0

    @property
    def capability(self) -> Capability | None:
        """Return the server's capability, once known; None for upstream's protocol too."""
        return self._capability

    @property
    def takes_files(self) -> bool:
        """Return whether the server keeps attached files."""
        return self._capability is not None and CAPABILITY in self._capability.caps

    async def take_over(self) -> None:
        """Become the process that syncs."""
        self.fence = await self._store.run(SyncMetadata.acquire_fence)
        await self._store.run(Attachments.forget_refusals)
        state = await self._store.run(SyncMetadata.state)
        self.cursor, self.fails = state.cursor, state.fails
        now, now_ms = self._timing.monotonic(), self._timing.now_ms()
        self._scheduler.restore(now, now_ms, state.next_at, longest_retry_ms=LONGEST_RETRY_MS)
        problem, until_ms = self.stored_problem(state)
        if problem is not None:
            self._status.watch(problem, until_ms)

    async def run(self) -> CycleResult:
        """Run cycles until nothing more can be done now. Raises :class:`FenceLost`."""
        self._scheduler.clear()
        try:
            return await self._run()
        except FenceLost:
            self._status.abort()
            raise
        except StoreError as error:
            log.warning("the history cannot be read or written: %s", type(error).__name__)
            now, now_ms, problem = self._timing.monotonic(), self._timing.now_ms(), store_problem(error)
            self._scheduler.pause_for(now, now_ms, STORE_RETRY_MS, by_server=False)
            self._scheduler.request(now)
            self._status.finish(problem, now_ms + STORE_RETRY_MS, now_ms)
            return CycleResult(problem=problem)
        except BaseException:
            self._status.abort()
            raise

    async def _run(self) -> CycleResult:
        result = CycleResult()
        counts = await self._store.run(SyncMetadata.counts)
        self._status.update_counts(counts)
        to_push = counts.waiting if counts.waiting < MOST else await self._store.run(SyncMetadata.waiting)
        self._status.start(to_push, self.cursor)
        while result.problem is None and not result.complete:
            cycle = await self._attempt()
            advanced = cycle.pushed + cycle.pulled > 0
            result = replace(cycle, pushed=result.pushed + cycle.pushed, pulled=result.pulled + cycle.pulled)
            if not advanced:
                break
        await self._finish(result)
        return result

    def stored_problem(self, state: SyncState) -> tuple[Problem | None, int | None]:
        """Return the problem of the last attempt of any process, and the time of the next; None after success."""
        left = (state.next_at or 0) - self._timing.now_ms()
        if not state.fails or not 0 < left <= LONGEST_PAUSE_MS:
            return None, None
        if left > LONGEST_RETRY_MS:
            return Problem("paused", PAUSED, left), state.next_at
        return Problem("offline", FAILED, left), state.next_at

    async def fetch_conversation(self, session_id: str) -> bool:
        """Fetch one conversation's messages now. Return whether they are stored.

        Allowed in every process, not only in the one that syncs: merging the same rows twice changes nothing.
        """
        try:
            fence = (await self._store.run(SyncMetadata.state)).fence
            await self._check_sign_in()
            protocol = await self._choose_protocol()
            if isinstance(protocol, Problem):
                return False
            work = protocol.fetch_conversation(session_id, fence)
            await run_effects(work, self._transport, self._store, timing=self._timing)
        except (SignInNeeded, CannotReach, Unreachable, StoreError, ValueError) as error:
            log.info("a conversation was not fetched: %s", type(error).__name__)
        return not await self._store.run(SyncMetadata.is_partial, session_id)

    async def exchange_files(self) -> bool:
        """Exchange attached files with the server; return whether any are left for later.

        Whatever ends it early, the next call continues.
        """
        try:
            await self._check_sign_in()
            return await run_effects(
                exchange_files(), self._transport, self._store, timing=self._timing, observe=self._observe_files
            )
        except (SignInNeeded, CannotReach, Unreachable, StoreError, ValueError) as error:
            log.info("files were not exchanged: %s", type(error).__name__)
            return True
        finally:
            self._status.show_files(0, 0)

    def _observe_files(self, effect: Effect, result: Any) -> None:
        if isinstance(effect, FileProgress):
            self._status.show_files(effect.done, effect.total)

    async def _attempt(self) -> CycleResult:
        try:
            await self._check_sign_in()
            protocol = await self._choose_protocol()
            if isinstance(protocol, Problem):
                return CycleResult(problem=protocol)
            if self.cursor == 0 and not await self._store.run(SyncMetadata.pull_is_complete):
                with suppress(Unreachable, ValueError):  # the cycle meets the same error, and handles it
                    work = protocol.fetch_newest(self.fence)
                    await run_effects(work, self._transport, self._store, timing=self._timing)
            result = await run_effects(
                protocol.cycle(self.fence), self._transport, self._store, timing=self._timing, observe=self._observe
            )
        except SignInNeeded as error:
            phase: Literal["off", "signin"] = "off" if isinstance(error, SyncDisabled) else "signin"
            return CycleResult(problem=Problem(phase, str(error)))
        except CannotReach as error:
            return CycleResult(problem=self._token_problem(error))
        except Unreachable as error:
            return CycleResult(problem=problem_of(error, self._timing.now_ms(), self._retry_ms()))
        except ValueError as error:
            log.error("an unexpected response: %s", type(error).__name__)
            return CycleResult(problem=Problem("blocked", INVALID_RESPONSE, HOUR_MS))
        self.cursor = (await self._store.run(SyncMetadata.state)).cursor
        return result

    async def _check_sign_in(self) -> None:
        """Check that file, account and sign-in belong together, and that there is a token. Raises why not."""
        await check_sign_in(self._session, self._account, await self._store.run(AccountLinking.owner))
        await self._session.token()

    async def _choose_protocol(self) -> SyncProtocol | Problem:
        now_ms, again = self._timing.now_ms(), self._is_doubtful
        if self._protocol is not None and not again and not is_old(await self._store.run(SyncMetadata.account), now_ms):
            return self._protocol
        work = probe(self._account.kind, self._retry_ms(), again=again)
        capability = await run_effects(work, self._transport, self._store, timing=self._timing)
        if isinstance(capability, Problem):
            return capability
        self._is_doubtful = False
        if self._protocol is None or capability != self._capability:
            self._capability, self._protocol = capability, self._make_protocol(capability)
        return self._protocol

    def _observe(self, effect: Effect, result: Any) -> None:
        if isinstance(result, Response) and result.status == 404:
            self._is_doubtful = True  # probe the server again before the next cycle
        if isinstance(effect, Progress):
            self._status.advance(effect)

    def _token_problem(self, error: CannotReach) -> Problem:
        """Return the problem of a sign-in that could not be renewed."""
        wait = int((error.retry_after or 0) * 1000)
        if error.reason == "limited":
            return Problem("paused", str(error), wait or 15 * MINUTE_MS)
        if error.reason == "portal":
            return Problem("portal", str(error), MINUTE_MS)
        if error.reason == "tls":
            return Problem("blocked", str(error), LONGEST_RETRY_MS)
        return Problem("offline", str(error), max(wait, self._retry_ms()))

    def _retry_ms(self) -> int:
        return self._scheduler.retry_ms(self.fails)

    async def _finish(self, result: CycleResult) -> None:
        """Schedule the next attempt, for this process and for others."""
        now, now_ms, problem = self._timing.monotonic(), self._timing.now_ms(), result.problem
        until_ms = None
        if problem is not None:
            self.fails += 1
            wait = problem.wait_ms if problem.wait_ms is not None else USER_ACTION_MS.get(problem.phase, HOUR_MS)
            by_server = problem.phase == "paused" or (problem.phase == "offline" and wait > LONGEST_RETRY_MS)
            wait = self._scheduler.spread_ms(wait) if by_server else wait
            self._scheduler.pause_for(now, now_ms, wait, by_server=by_server)
            self._scheduler.request(now)
            until_ms = None if problem.wait_ms is None else now_ms + wait
            log.info("not up to date: %s, %d in a row, next attempt in %d s", problem.phase, self.fails, wait // 1000)
            # where the user has to act, the next process retries at once: that may be the action
            next_at = now_ms + wait if by_server or wait <= LONGEST_RETRY_MS else None
            await self._store.run(SyncMetadata.schedule, next_at, self.fails, fence=self.fence)
        else:
            state = "up to date" if result.complete else "not complete"
            log.info("%s: %d sent, %d fetched", state, result.pushed, result.pulled)
            if self.fails:
                self.fails = 0
                await self._store.run(SyncMetadata.schedule, None, 0, fence=self.fence)
            if not result.complete:
                self._scheduler.request(now, after=UNFINISHED)
        counts = await self._store.run(SyncMetadata.counts)
        if counts.rejected:
            rejected = await self._store.run(Acknowledgements.rejected)
            times = [item.next_at for item in rejected if item.next_at is not None]
            if times:
                self._scheduler.request(now, after=max(1.0, (min(times) - now_ms) / 1000))
        self._status.finish(problem, until_ms, now_ms, counts)
