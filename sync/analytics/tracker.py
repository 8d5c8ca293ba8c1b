"""Tracker of interactions: events are kept at once, sent now and then, and none is lost in a crash.

Nothing is sent before a session was begun at the server, and none of it holds up a key: ``track`` only notes, the rest
is a task's. See docs/specification/decisions.md#event-buffer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sterna.storage import Interaction, Interactions, StoreError, Visits

from ..clock import Timing
from ..errors import SignInError
from .client import EVENTS, AnalyticsService, device_info, harmless, harmless_id
from .visits import ChatSession, session_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sterna.storage import StoreThread

log = logging.getLogger("sterna.sync")
milestones = logging.getLogger("sterna.analytics")
milestones.setLevel(logging.INFO)

EVERY: Final = 5.0
"""Seconds for which events are gathered."""
MANY: Final = 50
"""So many are sent at once."""
LONGEST_PAUSE: Final = 600.0
END_SECONDS: Final = 1.5


Noted = tuple[str, str | None, int | None, dict[str, Any]]
"""Type, content id, duration, data."""
GONE: Final = ("Session not found", "Session has ended")
"""What a server says of a session that it ended, or of which a backup knows nothing."""


class InteractionTracker:
    """The events of one run of the program. ``service`` None: they are kept, and sent once somebody is signed in.

    ``may_send`` is asked before each request and raises :class:`SignInError` where the person has said no meanwhile.
    """

    def __init__(
        self,
        store: StoreThread,
        service: AnalyticsService | None,
        *,
        chat: ChatSession | None = None,
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
        """The server's id of this run; None until it has begun one."""
        self._noted: list[Noted] = []
        self._begun_anew = False
        self._new, self._some, self._many = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._began = self._timing.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()

    def begin(self, *, started: bool = True) -> None:
        """Let it work. Call it in the event loop. ``started``: the program was, and not only the sign-in changed."""
        self._tasks = [
            asyncio.create_task(self._keep(), name="analytics.keep"),
            asyncio.create_task(self._send(), name="analytics.send"),
        ]
        if started:
            self.track("app_started")
        self._some.set()  # what an earlier run left waits too

    def track(
        self,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note that something happened; ``duration`` in milliseconds. Takes no time, and raises for no value."""
        assert event_type in EVENTS, event_type
        self._noted.append((event_type, harmless_id(content_id), duration, harmless(event_data or {})))
        self._new.set()

    async def end(self, deadline: float = END_SECONDS, *, closed: bool = True) -> None:
        """Send what waits, end the session, for so many seconds at most. What was not sent is kept for the next run.

        ``closed``: the program ends, and not only the sign-in.
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
        """Send everything that waits; how many events that were. Raises :class:`SignInError`."""
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

    async def _keep(self) -> None:
        with suppress(StoreError):
            await self._store.run(Visits.close_idle_visits)
        while True:
            await self._new.wait()
            self._new.clear()
            await self._write()

    async def _write(self) -> None:
        noted, self._noted = self._noted, []
        if noted:  # whoever is cancelled here has given the events away already
            await asyncio.shield(asyncio.create_task(self._store_noted(noted), name="analytics.store"))

    async def _store_noted(self, noted: list[Noted]) -> None:
        try:
            waiting = await self._store.run(
                Interactions.queue_interactions, self.session_token, noted, session_id=self.session_id
            )
        except StoreError as error:
            log.warning("events were not kept: %s", error)
            return
        self._some.set()
        if waiting >= MANY:
            self._many.set()

    async def _send(self) -> None:
        pause = EVERY
        while True:
            await self._some.wait()
            await self._timing.wait(self._many, pause)
            self._some.clear()
            self._many.clear()
            try:
                await self.flush()
                pause = EVERY
            except (SignInError, StoreError) as error:
                log.info("events wait: %s", type(error).__name__)
                self._some.set()
                pause = min(pause * 2, LONGEST_PAUSE)
                await self._timing.sleep(pause)

    async def _start(self, service: AnalyticsService) -> None:
        """Begin the session where that was not done. No event is sent without one."""
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
        """Send these; one of an earlier run whose session is gone belongs to this one. Gives how many were taken."""
        assert self.session_id is not None
        own = self.session_id
        errors = await service.track_events([one.wire(one.session_id or own) for one in waiting])
        if not self._begun_anew and any(
            told in GONE and at < len(waiting) and waiting[at].session_id in (None, own) for at, told in errors.items()
        ):
            # what was taken now is taken once when it comes again, with the next session
            self._begun_anew, self.session_id, self._chat = True, None, None
            self.session_token = session_token(self._timing.now_ms())
            return 0
        sent = [(one, one.session_id or own) for at, one in enumerate(waiting) if at not in errors]
        again = [waiting[at] for at in errors if at < len(waiting) and waiting[at].session_id not in (None, own)]
        refused = [waiting[at] for at in errors if at < len(waiting) and waiting[at].session_id in (None, own)]
        if again:
            errors = await service.track_events([one.wire(own) for one in again])
            sent += [(one, own) for at, one in enumerate(again) if at not in errors]
            refused += [again[at] for at in errors if at < len(again)]
        for one in refused:
            log.warning("the server refused an event: %s", one.event_type)
        await self._store.run(Interactions.interactions_sent, sent, refused)
        return len(sent)
