"""Undo of what only this window knows: settings of a conversation that is not stored yet, attachments of a draft.

What is stored is undone by the store, in its own order. Each step here knows what the newest step of the store was when
it was made, so that undo goes back through both in the order in which things were done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sterna import storage

if TYPE_CHECKING:
    from sterna.storage import Trashed

    from ..context import AppContext

Restore = Callable[[], Awaitable[str | None]]
"""Takes a step back and returns a sentence about it; None where that is not possible any more."""
MOST = 50


class LocalUndo:
    """Steps of this window, the newest last."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._steps: list[tuple[int, Restore]] = []

    async def add(self, restore: Restore) -> None:
        """Remember how to take back what has just been done."""
        newest = await self._context.store.run(storage.Trash.latest)
        self._steps = [*self._steps[1 - MOST :], (newest.token if newest is not None else 0, restore)]

    async def undo(self, newest: Trashed | None) -> str | None:
        """Take the newest step back if it is newer than ``newest`` of the store; return a sentence, or None."""
        while self._steps and self._steps[-1][0] >= (newest.token if newest is not None else 0):
            _, restore = self._steps.pop()
            if (sentence := await restore()) is not None:
                return sentence
        return None
