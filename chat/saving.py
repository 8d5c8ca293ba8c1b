"""Saving of replies: while they arrive, and at their end as messages. A disk that is full costs only time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sterna.storage import LiveReplies, NotFound, Settled, StoreError, StoreThread

from .reply import Reply
from .tasks import first

SAVE_SECONDS = 0.5
"""Seconds between two saves of a reply that arrives."""
MAX_PAUSE = 8.0
"""Most seconds between two attempts to save a reply."""


class ReplySaver:
    """Writes replies to the history, and tries again for as long as that fails."""

    def __init__(
        self,
        store: StoreThread,
        *,
        notify: Callable[[Reply], None],
        sleep: Callable[[float], Awaitable[object]],
        closing: asyncio.Event,
    ) -> None:
        """``notify`` tells that a reply has another ``problem``. Once ``closing`` is set, nothing is tried again."""
        self._store = store
        self._notify = notify
        self._sleep = sleep
        self._closing = closing

    async def save(self, reply: Reply) -> None:
        """Save the reply whenever it has changed, until this is cancelled or its conversation is deleted."""
        saved, pause = 0, SAVE_SECONDS
        while True:
            await reply.changed(saved)
            await first(self._sleep(SAVE_SECONDS), reply.save_due.wait())
            version, (content, reasoning) = reply.version, reply.take_unsaved()
            try:
                await self._store.run(LiveReplies.save, reply.id, content, reasoning, dict(reply.details))
            except NotFound:
                return  # deleted with its conversation
            except StoreError as error:
                self._set_problem(reply, reply.unsaved_problem(str(error)))
                await self._sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
            else:
                saved, pause = version, SAVE_SECONDS
                reply.saved = len(content)
                self._set_problem(reply, None)

    async def settle(
        self, reply: Reply, settled: Settled, *, is_behind: Callable[[Reply], bool | None], once: bool
    ) -> bool:
        """Turn the reply into a message, and return whether it is one. ``once``: do not try again.

        Until that succeeds, its text stays in memory, the saved part in its row. ``is_behind`` returns whether another
        reply of its comparison is to be shown.
        """
        pause = SAVE_SECONDS
        while True:
            settled = settled._replace(is_behind=is_behind(reply))
            try:
                reply.message = await self._store.run(LiveReplies.settle, reply.id, settled)
            except NotFound:
                self._set_problem(reply, None)
                return False
            except StoreError as error:
                reply.problem = reply.unsaved_problem(str(error))
                self._notify(reply)  # also where it is the same as while the reply arrived: now it is complete
            else:
                self._set_problem(reply, None)
                return True
            if once or self._closing.is_set():
                return False
            await first(self._sleep(pause), self._closing.wait())
            pause = min(pause * 2, MAX_PAUSE)

    def _set_problem(self, reply: Reply, sentence: str | None) -> None:
        if reply.problem != sentence:
            reply.problem = sentence
            self._notify(reply)
