"""Unsent drafts, one a window and conversation, saved soon after each pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna import storage

if TYPE_CHECKING:
    from sterna.storage import StoreThread

PAUSE_SECONDS = 0.4
"""Pause in typing after which the draft is saved."""


class Drafts:
    """Saves one draft a conversation. ``failed`` is called, once, when the store does not take it."""

    def __init__(self, store: Callable[[], StoreThread], failed: Callable[[str], None]) -> None:
        self._store = store
        self._failed = failed
        self._saved: dict[str | None, str] = {}
        self._unsaved: dict[str | None, str] = {}
        self._has_failed = False

    async def read(self, conversation_id: str | None) -> str:
        """Return this window's draft of a conversation; None: of the one that does not exist yet.

        A draft that a closed or crashed window left is taken over; what other windows are writing is not touched.
        """
        if (unsaved := self._unsaved.get(conversation_id)) is not None:
            return unsaved
        text = await self._store().run(storage.Drafts.get, conversation_id)
        self._saved[conversation_id] = text
        return text

    async def save(self, conversation_id: str | None, text: str) -> bool:
        """Save a draft if it is not the one that is saved already; return whether it was saved now."""
        if self._saved.get(conversation_id, "") == text and conversation_id not in self._unsaved:
            return False
        try:
            await self._store().run(storage.Drafts.save, conversation_id, text)
        except storage.StoreError as error:
            self._unsaved[conversation_id] = text
            if not self._has_failed:
                self._has_failed = True
                self._failed(f"The draft is not saved yet. {error}")
            return False
        self._unsaved.pop(conversation_id, None)
        self._saved[conversation_id] = text
        self._has_failed = False
        return True

    def forget(self, conversation_id: str | None) -> None:
        """Forget the draft of a conversation that is gone."""
        self._saved.pop(conversation_id, None)
        self._unsaved.pop(conversation_id, None)

    @property
    def unsaved(self) -> list[str]:
        """Drafts that the store does not take now; only this process has them."""
        return [text for text in self._unsaved.values() if text]

    async def left(self) -> int:
        """Return how many unsent new conversations of closed windows wait for a window that takes them over."""
        return await self._store().run(storage.Drafts.unclaimed)
