"""Actions on labels of conversations: pin, archive and tag, one or several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sterna import storage

from ..counts import counted
from .layout import MainLayout
from .navigation import Navigation
from .sentences import quoted

if TYPE_CHECKING:
    from sterna.storage import LabelChange, Trashed


class LabelActions:
    """Each public method without arguments is for the open conversation."""

    def __init__(self, layout: MainLayout, navigation: Navigation, *, offer_undo: Callable[[str], None]) -> None:
        self._layout = layout
        self._context = layout.context
        self._conversation = navigation.conversation
        self._offer_undo = offer_undo

    def toggle_pin(self) -> None:
        """Pin the open conversation, or unpin it."""
        self.pin(self._open())

    def toggle_archive(self) -> None:
        """Archive the open conversation, or put it back into the list."""
        self.archive(self._open())

    def edit_tags(self) -> None:
        """Choose the tags of the open conversation."""
        self.tag(self._open())

    def pin(self, conversation_ids: Sequence[str]) -> None:
        """Pin conversations; if all of them are pinned, unpin them."""
        self._spawn(conversation_ids, storage.ConversationLabels.toggle_pinned, ("Pinned", "Unpinned"))

    def archive(self, conversation_ids: Sequence[str]) -> None:
        """Archive conversations; if all of them are archived, put them back into the list."""
        self._spawn(conversation_ids, storage.ConversationLabels.toggle_archived, ("Archived", "Back in the list:"))

    def tag(self, conversation_ids: Sequence[str]) -> None:
        """Choose tags of conversations."""
        if conversation_ids:
            self._layout.start_worker("tags", self._choose_tags, tuple(conversation_ids))

    async def _choose_tags(self, conversation_ids: Sequence[str]) -> None:
        from ..pickers.tags import TagPicker

        store = self._context.store
        known = await store.run(storage.Tags.all)
        current = await store.run(storage.Tags.of, conversation_ids)
        picker = TagPicker(known, current, len(conversation_ids))
        change = await self._layout.app.push_screen_wait(picker)
        if change is not None:
            self._context.spawn(self._change_tags(conversation_ids, change), "conversation.tag")

    async def _change_tags(self, conversation_ids: Sequence[str], change: LabelChange) -> None:
        try:
            changed = await self._context.store.run(storage.ConversationLabels.change, conversation_ids, change)
            await self._report(changed, "Tagged" if change.add else "Tags removed from")
        except storage.StoreError as error:
            self._layout.complain(str(error))

    def _spawn(
        self,
        conversation_ids: Sequence[str],
        toggle: Callable[[storage.ConversationLabels, Sequence[str]], tuple[bool, Trashed | None]],
        words: tuple[str, str],
    ) -> None:
        if conversation_ids:
            self._context.spawn(self._toggle(conversation_ids, toggle, words), "conversation.label")

    async def _toggle(
        self,
        conversation_ids: Sequence[str],
        toggle: Callable[[storage.ConversationLabels, Sequence[str]], tuple[bool, Trashed | None]],
        words: tuple[str, str],
    ) -> None:
        try:
            is_set, changed = await self._context.store.run(toggle, conversation_ids)
            await self._report(changed, words[0] if is_set else words[1])
        except storage.StoreError as error:
            self._layout.complain(str(error))

    async def _report(self, changed: Trashed | None, what: str) -> None:
        """Show the list as it is now, and say what was done and how to undo it."""
        if changed is None or not self._layout.is_alive:
            return
        self._context.analytics.track("conversation_labelled")
        await self._layout.sidebar.reload()
        several = counted(changed.sessions, "conversation")
        self._offer_undo(f"{what} {quoted(changed.title) if changed.sessions == 1 else several}.")

    def _open(self) -> tuple[str, ...]:
        """Return the id of the open conversation; say why there is none while it does not exist yet."""
        if self._conversation.id is None:
            self._layout.notify("Send a message first.")
            return ()
        return (self._conversation.id,)
