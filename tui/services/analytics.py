"""Usage analytics: events of the chat go to the tracker of the account, where the user has turned it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from sterna import storage

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.storage import StoreThread


class Tracker(Protocol):
    """Part of ``sync.analytics.tracker.InteractionTracker`` that the chat uses."""

    @property
    def session_id(self) -> str | None:
        """The server's id of this visit."""
        ...

    def begin(self, *, started: bool = True) -> None:
        """Start sending."""
        ...

    def track(
        self,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: dict[str, Any] | None = None,
    ) -> None:
        """Record an event."""
        ...

    async def end(self, *, closed: bool = True) -> None:
        """Send what waits, if that takes but a moment, and end."""
        ...


TrackerFactory = Callable[["StoreThread"], Awaitable[Tracker | None]]
"""Makes the tracker of the running application; None where analytics are off."""

MOST_EARLY = 100
"""Events that are kept until it is known whether there is a tracker."""


class Analytics:
    """Records events, also before it is known whether there is a tracker; without one they are dropped."""

    def __init__(self, factory: TrackerFactory | None) -> None:
        self._factory = factory
        self._tracker: Tracker | None = None
        self._early: list[tuple[str, str | None, int | None, dict[str, Any]]] | None = []
        self._last_reply = ""
        """Id of the message of the last reply that was recorded."""

    async def begin(self, store: StoreThread, *, started: bool = True) -> None:
        """Record from now on, if analytics are on; ``started`` is false after a mere change of sign-in."""
        tracker = await self._factory(store) if self._factory is not None else None
        early, self._early = self._early or [], None
        if tracker is not None:
            self._tracker = tracker
            tracker.begin(started=started)
            for event in early:
                tracker.track(*event)

    @property
    def visit(self) -> str | None:
        """Id of this visit; None while no server knows it."""
        return self._tracker.session_id if self._tracker is not None else None

    def track(self, event_type: str, content_id: str | None = None, **data: float) -> None:
        """Record an event with a name of ``sync.analytics.client.EVENTS``."""
        self._record(event_type, content_id, None, data)

    def reply_changed(self, reply: Reply) -> None:
        """Record a reply once it has settled."""
        message = reply.message
        if message is None or message.id == self._last_reply:
            return
        self._last_reply = message.id
        data = {"finish": message.finish, "output_tokens": message.output_tokens, "input_tokens": message.input_tokens}
        self._record("reply_finished", message.session_id, message.elapsed_ms, data)

    def _record(self, event_type: str, content_id: str | None, duration: int | None, data: dict[str, Any]) -> None:
        if self._tracker is not None:
            self._tracker.track(event_type, content_id, duration, data)
        elif self._early is not None and len(self._early) < MOST_EARLY:
            self._early.append((event_type, content_id, duration, data))

    async def set_enabled(self, store: StoreThread, enabled: bool) -> None:
        """Follow the setting that was just changed; when it is turned off, unsent events are deleted.

        Raises StoreError.
        """
        await self.end()
        if enabled:
            await self.begin(store)
        else:
            await store.run(storage.Interactions.forget_interactions)

    async def pause(self) -> None:
        """End the session of this sign-in while its tokens are still valid; events are kept until :meth:`resume`."""
        if self._early is None:
            self._early = []
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            await tracker.end(closed=False)

    async def resume(self, store: StoreThread) -> None:
        """Begin a session of the account that is signed in now."""
        if self._tracker is None:
            await self.begin(store, started=False)

    async def restart(self, store: StoreThread) -> None:
        """End the session and begin one of the account that is signed in now."""
        await self.pause()
        await self.resume(store)

    async def end(self) -> None:
        """Let the tracker send what it can at once, and end it."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            await tracker.end()
