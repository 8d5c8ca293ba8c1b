"""What a person does, told to the tracker, where they said yes; else to nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from sterna import storage

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.storage import StoreThread


class Tracker(Protocol):
    """What the screen needs of ``sync.tracker.InteractionTracker``."""

    @property
    def session_id(self) -> str | None:
        """The server's id of this visit."""
        ...

    def begin(self, *, started: bool = True) -> None:
        """Let it work."""
        ...

    def track(
        self,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: dict[str, Any] | None = None,
    ) -> None:
        """Note that something happened."""
        ...

    async def end(self, *, closed: bool = True) -> None:
        """Send what waits, if that takes but a moment, and end."""
        ...


TrackerFactory = Callable[["StoreThread"], Awaitable[Tracker | None]]
"""Makes the tracker of this sitting; None where the person did not say yes."""


MOST_EARLY = 100


class Analytics:
    """Noting what happens costs nothing, whether or not anybody listens.

    What happens before :meth:`begin` has found out whether anybody does is kept until then.
    """

    def __init__(self, factory: TrackerFactory | None) -> None:
        self._factory = factory
        self._tracker: Tracker | None = None
        self._early: list[tuple[str, str | None, int | None, dict[str, Any]]] | None = []
        self._told = ""

    async def begin(self, store: StoreThread, *, started: bool = True) -> None:
        """Listen, if the person said yes. ``started``: the program was, and not only the sign-in changed."""
        tracker = await self._factory(store) if self._factory is not None else None
        early, self._early = self._early or [], None
        if tracker is not None:
            self._tracker = tracker
            tracker.begin(started=started)
            for event in early:
                tracker.track(*event)

    @property
    def visit(self) -> str | None:
        """The id of this visit; None while no server knows it."""
        return self._tracker.session_id if self._tracker is not None else None

    def track(self, event_type: str, content_id: str | None = None, **data: float) -> None:
        """Something happened; the names are those of ``sync.analytics.EVENTS``."""
        self._note(event_type, content_id, None, data)

    def reply_changed(self, reply: Reply) -> None:
        """A reply began, settled, or could not be kept for a moment."""
        message = reply.message
        if message is None or message.id == self._told:
            return
        self._told = message.id
        data = {"finish": message.finish, "output_tokens": message.output_tokens, "input_tokens": message.input_tokens}
        self._note("reply_finished", message.session_id, message.elapsed_ms, data)

    def _note(self, event_type: str, content_id: str | None, duration: int | None, data: dict[str, Any]) -> None:
        if self._tracker is not None:
            self._tracker.track(event_type, content_id, duration, data)
        elif self._early is not None and len(self._early) < MOST_EARLY:
            self._early.append((event_type, content_id, duration, data))

    async def follow(self, store: StoreThread, enabled: bool) -> None:
        """The person has just said yes, or no: after a no nothing is kept of what waited. Raises StoreError."""
        await self.end()
        if enabled:
            await self.begin(store)
        else:
            await store.run(storage.Store.forget_interactions)

    async def pause(self) -> None:
        """End the session of this sign-in, while its tokens are still good; what happens meanwhile is kept."""
        if self._early is None:
            self._early = []
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            await tracker.end(closed=False)

    async def resume(self, store: StoreThread) -> None:
        """Begin a session of whoever is signed in now."""
        if self._tracker is None:
            await self.begin(store, started=False)

    async def end(self) -> None:
        """Let it send what it can at once, and end."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            await tracker.end()
