"""Unsent drafts, one a window and conversation, saved soon after each pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna import storage

if TYPE_CHECKING:
    from sterna.storage import StoreThread

PAUSE_SECONDS = 0.4
"""How long nothing is typed before the draft is kept."""


class Drafts:
    """Keeps one draft a conversation. ``failed`` is told, once, when the file does not take it."""

    def __init__(self, store: Callable[[], StoreThread], failed: Callable[[str], None]) -> None:
        self._store = store
        self._failed = failed
        self._kept: dict[str | None, str] = {}
        self._unsaved: dict[str | None, str] = {}
        self._told = False

    async def read(self, session_id: str | None) -> str:
        """Return this window's draft of a conversation; None: of the one that does not exist yet.

        A draft that a closed or crashed window left is taken over; what other windows are writing is not touched.
        """
        if (unsaved := self._unsaved.get(session_id)) is not None:
            return unsaved
        text = await self._store().run(storage.Store.draft, session_id)
        self._kept[session_id] = text
        return text

    async def keep(self, session_id: str | None, text: str) -> bool:
        """Keep the draft, if it is another than the one that is kept; tells whether it was."""
        if self._kept.get(session_id, "") == text and session_id not in self._unsaved:
            return False
        try:
            await self._store().run(storage.Store.save_draft, session_id, text)
        except storage.StoreError as error:
            self._unsaved[session_id] = text
            if not self._told:
                self._told = True
                self._failed(f"The draft is not saved yet. {error}")
            return False
        self._unsaved.pop(session_id, None)
        self._kept[session_id] = text
        self._told = False
        return True

    def forget(self, session_id: str | None) -> None:
        """Its conversation is gone, its draft with it."""
        self._kept.pop(session_id, None)
        self._unsaved.pop(session_id, None)

    @property
    def unsaved(self) -> list[str]:
        """The drafts that the file does not take now; only this process has them."""
        return [text for text in self._unsaved.values() if text]

    async def left(self) -> int:
        """Return how many unsent new conversations of closed windows wait for a window that takes them over."""
        return await self._store().run(storage.Store.drafts_left)
