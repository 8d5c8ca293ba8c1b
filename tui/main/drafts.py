"""Unsent drafts, one a window and conversation, saved while one types, and the messages that wait behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sterna import storage

from ..prompt.stored_draft import StoredDraft, edit_files, split_files

if TYPE_CHECKING:
    from sterna.storage import StoreThread

SAVE_SECONDS = 0.15
"""Time between two savings of a draft while one types: a key is in the file this much later at most."""
CHARACTERS_A_SECOND = 4_000_000
"""Characters of a long draft for each further second between two savings."""


class Drafts:
    """Saves one draft a conversation.

    ``failed`` is called when the store does not take it, until it returns True, and ``mended`` when it does again.
    """

    def __init__(
        self, store: Callable[[], StoreThread], failed: Callable[[str], bool], mended: Callable[[], None]
    ) -> None:
        self._store = store
        self._failed = failed
        self._mended = mended
        self._saved: dict[str | None, str] = {}
        self._unsaved: dict[str | None, str] = {}
        self._texts: dict[str | None, str] = {}
        """Text of the prompt as it was read or saved last."""
        self._queued: dict[str | None, tuple[str, ...]] = {}
        self._has_failed = False

    async def read(self, conversation_id: str | None) -> str:
        """Return this window's draft of a conversation; None: of the one that does not exist yet.

        A draft that a closed or crashed window left is taken over; what other windows are writing is not touched.
        """
        if not self._is_known(conversation_id):
            stored = await self._store().run(storage.Drafts.get, conversation_id)
            if not self._is_known(conversation_id):  # nothing was written meanwhile
                draft = StoredDraft.parse(stored)
                self._saved[conversation_id] = stored
                self._queued[conversation_id], self._texts[conversation_id] = draft.queued, draft.text
        return self._texts.get(conversation_id, "")

    def _is_known(self, conversation_id: str | None) -> bool:
        """Return whether this window is writing there: then nothing else has a newer draft of it."""
        return bool(self._texts.get(conversation_id) or self._queued.get(conversation_id))

    def queued(self, conversation_id: str | None) -> tuple[str, ...]:
        """Return the messages that wait in a conversation, the next one first."""
        return self._queued.get(conversation_id, ())

    def waiting_files(self, conversation_id: str | None) -> list[str]:
        """Return the ids of what is attached to the messages that wait in a conversation, of each message."""
        return [each for message in self.queued(conversation_id) for each in split_files(message)[1]]

    def edit_files(self, conversation_id: str | None) -> list[str]:
        """Return the ids of what is attached to messages that are being edited in a conversation."""
        return edit_files(self._texts.get(conversation_id, ""))

    async def save(self, conversation_id: str | None, text: str) -> bool:
        """Save a draft if it is not the one that is saved already; return whether it was saved now."""
        self._texts[conversation_id] = text
        return await self._save(conversation_id)

    async def save_queue(self, conversation_id: str | None, queued: Sequence[str], text: str | None = None) -> bool:
        """Save which messages wait, together with the text of the prompt; None: as it is.

        Return whether the store has taken them. If it has not, they wait all the same, in this process alone.
        """
        self._queued[conversation_id] = tuple(queued)
        if text is not None:
            self._texts[conversation_id] = text
        await self._save(conversation_id)
        return conversation_id not in self._unsaved

    async def _save(self, conversation_id: str | None) -> bool:
        stored = str(StoredDraft(self.queued(conversation_id), self._texts.get(conversation_id, "")))
        if self._saved.get(conversation_id, "") == stored and conversation_id not in self._unsaved:
            return False
        try:
            await self._store().run(storage.Drafts.save, conversation_id, stored)
        except storage.StoreError as error:
            self._unsaved[conversation_id] = stored
            if not self._has_failed:
                self._has_failed = self._failed(f"The draft is not saved yet. {error}")
            return False
        self._unsaved.pop(conversation_id, None)
        self._saved[conversation_id] = stored
        if self._has_failed:
            self._has_failed = False
            self._mended()
        return True

    def forget(self, conversation_id: str | None) -> None:
        """Forget the draft of a conversation that is gone."""
        for texts in (self._saved, self._unsaved, self._texts):
            texts.pop(conversation_id, None)
        self._queued.pop(conversation_id, None)

    @property
    def unsaved(self) -> list[str]:
        """Drafts that the store does not take now; only this process has them."""
        return [text for text in self._unsaved.values() if text]

    async def left(self) -> int:
        """Return how many unsent new conversations of closed windows wait for a window that takes them over."""
        return await self._store().run(storage.Drafts.unclaimed)
