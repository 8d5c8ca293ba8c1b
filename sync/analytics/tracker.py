"""Tracker of interactions: events are stored at once, sent in batches, and not lost in a crash.

Nothing is sent before a session has started at the server. Nothing here delays a key: ``track`` only appends to a
list, and tasks do the rest. See docs/specification/decisions.md#event-buffer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sterna.storage import Interaction, Interactions, StoreError, Visits

from ..backoff import Backoff
from ..clock import Timing
from ..errors import SignInError
from .client import EVENTS, AnalyticsService, device_info, harmless, harmless_id
from .visits import AnalyticsSession, session_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sterna.storage import StoreThread

log = logging.getLogger("sterna.sync")
milestones = logging.getLogger("sterna.analytics")
milestones.setLevel(logging.INFO)

EVERY: Final = 5.0
"""Seconds for which events are collected."""
MANY: Final = 50
"""Events from which a batch is sent at once."""
BACKOFF: Final = Backoff(EVERY, 600.0)
"""Seconds between two batches."""
END_SECONDS: Final = 1.5


Event = tuple[str, str | None, int | None, dict[str, Any]]
"""Type, content id, duration, data."""
GONE: Final = ("Session not found", "Session has ended")
"""Errors for a session that has ended, or that a restored server does not know."""


class InteractionTracker:
    """Events of one run of the program. Without ``service`` they are stored, and sent after a sign-in.

    ``may_send`` is called before each request and raises :class:`SignInError` where consent was withdrawn.
    """

    def __init__(
        self,
        store: StoreThread,
        service: AnalyticsService | None,
        *,
        chat: AnalyticsSession | None = None,
        may_send: Callable[[], Awaitable[None]] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._store = store
        self._service = service
        self._chat = chat
        self._may_send = may_send
        self._timing = timing or Timing()
        self.session_token = session_token(self._timing.now_ms())
        self.session_id: str | None = None
        """Id of this run's session at the server; None until it has started."""
        self._buffer: list[Event] = []
        self._restarted = False
        self._new, self._some, self._many = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._began = self._timing.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()

    def begin(self, *, started: bool = True) -> None:
        """Start the tasks, in the event loop. ``started``: the program has started, as opposed to a new sign-in."""
        self._tasks = [
            asyncio.create_task(self._store_loop(), name="analytics.keep"),
            asyncio.create_task(self._send_loop(), name="analytics.send"),
        ]
        if started:
            self.track("app_started")
        self._some.set()  # an earlier run may have left some

    def track(
        self,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event; ``duration`` is in milliseconds. Returns at once, and accepts any value."""
        assert event_type in EVENTS, event_type
        self._buffer.append((event_type, harmless_id(content_id), duration, harmless(event_data or {})))
        self._new.set()

    async def end(self, deadline: float = END_SECONDS, *, closed: bool = True) -> None:
        """Send what waits and end the session, within ``deadline`` seconds. The rest is stored for the next run.

        ``closed``: the program ends, as opposed to the sign-in alone.
        """
        if closed:
            self.track("app_closed", duration=int((self._timing.monotonic() - self._began) * 1000))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._write()
        with suppress(TimeoutError, SignInError, StoreError):
            await self._timing.limited(self._finish(), deadline)

    async def flush(self) -> int:
        """Send everything that waits. Return the number of events. Raises :class:`SignInError`."""
        if self._service is None:
            return 0
        sent = 0
        async with self._sending:
            await self._start(self._service)
            while waiting := await self._store.run(Interactions.waiting_interactions):
                sent += await self._send_some(self._service, waiting)
                await self._start(self._service)
        return sent

    async def _finish(self) -> None:
        if self._service is None:
            return
        try:
            await self.flush()
            if self.session_id is not None:
                await self._service.end_user_session(self.session_id)
                await self._store.run(Visits.end_user_session, self.session_id)
        finally:
            await self._service.close()

    async def _store_loop(self) -> None:
        with suppress(StoreError):
            await self._store.run(Visits.close_idle_visits)
        while True:
            await self._new.wait()
            self._new.clear()
            await self._write()

    async def _write(self) -> None:
        events, self._buffer = self._buffer, []
        if events:  # shielded, because the events are not in the buffer any more
            await asyncio.shield(asyncio.create_task(self._store_events(events), name="analytics.store"))

    async def _store_events(self, events: list[Event]) -> None:
        try:
            waiting = await self._store.run(
                Interactions.queue_interactions, self.session_token, events, session_id=self.session_id
            )
        except StoreError as error:
            log.warning("events were not stored: %s", error)
            return
        self._some.set()
        if waiting >= MANY:
            self._many.set()

    async def _send_loop(self) -> None:
        failures = 0
        while True:
            await self._some.wait()
            await self._timing.wait(self._many, BACKOFF.limit(failures))
            self._some.clear()
            self._many.clear()
            try:
                await self.flush()
                failures = 0
            except (SignInError, StoreError) as error:
                log.info("events wait: %s", type(error).__name__)
                self._some.set()
                failures += 1
                await self._timing.sleep(BACKOFF.limit(failures))

    async def _start(self, service: AnalyticsService) -> None:
        """Start the session unless it has started. No event is sent without one."""
        if self._may_send is not None:
            await self._may_send()
        if self.session_id is not None:
            return
        if self._chat is not None:
            await self._chat.start_session()
            self.session_token = self._chat.session_token or self.session_token
        token = self.session_token
        session_id = await service.start_user_session(token)
        milestones.info("[InteractionTracker] Session started successfully")
        await self._store.run(Interactions.begin_visit, service.user_id, device_info(), token, session_id)
        self.session_id = session_id

    async def _send_some(self, service: AnalyticsService, waiting: list[Interaction]) -> int:
        """Send events. Those of an earlier run whose session is gone join this one. Return the number accepted."""
        assert self.session_id is not None
        own = self.session_id
        errors = await service.track_events([event.wire(event.session_id or own) for event in waiting])
        if not self._restarted and any(
            error in GONE and at < len(waiting) and waiting[at].session_id in (None, own)
            for at, error in errors.items()
        ):
            # events accepted now are recognized when they are sent again with the next session
            self._restarted, self.session_id, self._chat = True, None, None
            self.session_token = session_token(self._timing.now_ms())
            return 0
        sent = [(event, event.session_id or own) for at, event in enumerate(waiting) if at not in errors]
        again = [waiting[at] for at in errors if at < len(waiting) and waiting[at].session_id not in (None, own)]
        rejected = [waiting[at] for at in errors if at < len(waiting) and waiting[at].session_id in (None, own)]
        if again:
            errors = await service.track_events([event.wire(own) for event in again])
            sent += [(event, own) for at, event in enumerate(again) if at not in errors]
            rejected += [again[at] for at in errors if at < len(again)]
        for event in rejected:
            log.warning("the server rejected an event: %s", event.event_type)
        await self._store.run(Interactions.interactions_sent, sent, rejected)
        return len(sent)
