"""Navigation between conversations: opening one, and keeping it true after each commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from sterna import storage

from ..context import SWITCHING
from .complaints import DRAFT
from .conversation import OpenConversation
from .drafts import CHARACTERS_A_SECOND, SAVE_SECONDS, Drafts
from .layout import MainLayout
from .notice_bar import NEW
from .prompt_attachments import PromptAttachments
from .sentences import drafts_left, quoted, removed_elsewhere
from .status_display import StatusDisplay

if TYPE_CHECKING:
    from textual.timer import Timer

    from sterna.storage import Attachment, Change, Conversation

LAST_OPEN = "last_conversation"
"""Name of the local value with the conversation that was open last."""

LEFT_OFF = timedelta(minutes=10)
"""Age of its last message from which a reopened conversation says when that was."""


class Navigation:
    """Opens conversations with their drafts."""

    def __init__(
        self,
        layout: MainLayout,
        conversation: OpenConversation,
        display: StatusDisplay,
        attachments: PromptAttachments,
    ) -> None:
        self._layout = layout
        self._display = display
        self._context = layout.context
        self.conversation = conversation
        self._attachments = attachments
        self.drafts = Drafts(
            lambda: self._context.store,
            failed=layout.complaints.add_unsaved,
            mended=lambda: layout.complaints.end(DRAFT),
        )
        self.opened: list[Callable[[], None]] = []
        """Called when another conversation is shown, to show what waits in it."""
        self._draft = ""
        self._draft_timer: Timer | None = None
        self._is_saving = False
        self._next_save = 0.0
        """Time from which on a draft is saved at once."""
        self.being_deleted: set[str] = set()
        """Conversations that an action of this window is deleting."""
        self._stepping = asyncio.Lock()
        """Held during a step: the next one begins where it has led to, however fast the keys come."""

    # Opening

    def is_settled(self) -> bool:
        """Return whether the history is open, or cannot be opened."""
        return self.conversation.reopened or self._display.in_trouble

    async def reopen(self) -> None:
        """Open the conversation that was open last, and put its draft before what has been typed since."""
        store, layout = self._context.store, self._layout
        last = await store.run(storage.LocalState.get, LAST_OPEN)
        record = await self.find(last) if isinstance(last, str) else None
        layout.prompt.join(await self.drafts.read(record.id if record else None))
        self.conversation.record, opened_id = record, record.id if record else None
        await self._open_attachments(opened_id, self._attachments.of_new_message)
        self.conversation.reopened = True
        layout.sidebar.disabled = False
        await layout.sidebar.reload()
        await self.show(record)
        now = self._context.clock()
        if record is not None and now - storage.stored_time(record.last_activity) > LEFT_OFF:
            layout.notice_bar.show_left_off(record.last_activity, record.id, now, self._display.key_name(NEW))
        layout.prompt.history_of_prompts.fill(await store.run(storage.Drafts.prompt_history))
        if left := await self.drafts.left():
            layout.notify(drafts_left(left), timeout=8)

    async def open(
        self, conversation_id: str | None, *, at: str | None = None, query: str | None = None, carry: bool = False
    ) -> None:
        """Open a conversation, at a message if one is named; the words of ``query`` are marked in it.

        The prompt's text stays behind as the draft of the conversation that is left; with ``carry`` it comes along.
        """
        record = await self.find(conversation_id)
        if conversation_id is not None and record is None:
            self._layout.notify("That conversation no longer exists.", severity="warning")
            await self._layout.sidebar.reload()
            return
        if conversation_id != self.conversation.id or not self.conversation.reopened:
            draft = await self.drafts.read(conversation_id)
            prompt, left_id = self._layout.prompt, self.conversation.id
            left_draft = prompt.draft
            carried = self._attachments.of_new_message if carry else ()
            self.conversation.record = record
            self._attachments.leave()
            prompt.put(draft)
            if carry:
                prompt.join(left_draft)
            await self._open_attachments(conversation_id, carried)
            self._context.spawn(self._save_left_draft(left_id, "" if carry else left_draft), "drafts.save")
        await self.show(record, at=at, query=query)

    async def _open_attachments(self, conversation_id: str | None, carried: Sequence[Attachment]) -> None:
        waiting, edited = self.drafts.waiting_files(conversation_id), self.drafts.edit_files(conversation_id)
        await self._attachments.open(conversation_id, carried=carried, waiting=waiting, edited=edited)

    def go_to(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Open a conversation in the background; a later request overtakes an earlier one."""
        self.conversation.requested_id = conversation_id
        self._layout.start_worker("open", self._go_to, conversation_id, message_id)

    async def _go_to(self, conversation_id: str | None, message_id: str | None) -> None:
        try:
            await self.open(conversation_id, at=message_id)
        except storage.StoreError as error:
            self._layout.complain(str(error))

    def step(self, by: int) -> None:
        """Open the conversation that stands ``by`` rows below the open one."""
        self._context.spawn(self._step(by), SWITCHING)

    async def _step(self, by: int) -> None:
        async with self._stepping:
            store, here = self._context.store, self.conversation.requested_id
            position = await store.run(storage.Conversations.position, here) if here else None
            target = 0 if position is None else position + by
            rows = await store.run(storage.Conversations.page, target, 1) if target >= 0 else []
            if rows:
                self.go_to(rows[0].id)
        if not rows:
            self._layout.notify("No more conversations." if by > 0 else "This is the newest conversation.")

    async def find(self, conversation_id: str | None) -> Conversation | None:
        """Return a conversation; None where there is none."""
        if conversation_id is None:
            return None
        try:
            return await self._context.store.run(storage.Conversations.get, conversation_id)
        except storage.NotFound:
            return None

    async def show(self, record: Conversation | None, *, at: str | None = None, query: str | None = None) -> None:
        """Show the conversation that is open now in every part, also where another opening interrupts."""
        try:
            await self._show_parts(record, at, query)
        finally:
            layout = self._layout
            if layout.is_attached and layout.transcript.conversation_id != self.conversation.id:
                layout.call_later(layout.start_worker, "show again", self._show_again)

    async def _show_again(self) -> None:
        if self._layout.is_alive and self._layout.transcript.conversation_id != self.conversation.id:
            await self.show(self.conversation.record)

    async def _show_parts(self, record: Conversation | None, at: str | None, query: str | None) -> None:
        layout, conversation, store = self._layout, self.conversation, self._context.store
        conversation.record = record
        opened_id = conversation.requested_id = record.id if record else None
        choices = await store.run(storage.Conversations.settings, opened_id) if opened_id else {}
        if conversation.id != opened_id:
            return  # another one was opened meanwhile
        conversation.choices = choices
        layout.sidebar.selected = opened_id
        layout.transcript.display = record is not None
        layout.welcome.display = record is None
        for show in self.opened:
            show()
        await layout.transcript.show(opened_id, at=at, query=query)
        if conversation.id != opened_id:
            return
        for reply in conversation.live_replies:
            layout.transcript.attach(reply)
        await store.run(storage.LocalState.set, LAST_OPEN, opened_id)
        layout.notice_bar.clear_unless_about(opened_id)
        if opened_id is not None:
            self._context.analytics.track("conversation_opened", opened_id)
            await store.run(storage.Conversations.mark_read, opened_id)
            self._context.spawn(self._context.sync.fetch_messages(opened_id), "sync.fetch_messages")
        await self._display.refresh()
        if record is None:
            await self._display.show_welcome()

    # Drafts

    @property
    def draft(self) -> str:
        """Text of the prompt as a draft; after the screen is gone, what it was last."""
        return self._layout.prompt.draft if self._layout.query("#prompt") else self._draft

    def save_draft_soon(self) -> None:
        """Save the draft, at once for the first key after a pause, then every so often: not once for each key."""
        self._draft = self._layout.prompt.draft
        if self._draft_timer is not None or self._is_saving:
            return  # what is saved next has this key too
        if (pause := self._next_save - monotonic()) <= 0:
            self._save_draft()
        else:
            self._draft_timer = self._layout.set_timer(pause, self._save_draft)

    async def save_draft(self) -> None:
        """Save the draft now."""
        await self.drafts.save(self.conversation.id, self.draft)

    def _save_draft(self) -> None:
        self._draft_timer = None
        if self.conversation.reopened:
            self._is_saving = True
            self._context.spawn(self._save_typed(), "drafts.save")

    async def _save_typed(self) -> None:
        draft = self.draft
        try:
            await self.save_draft()
        finally:
            self._is_saving = False
            self._next_save = monotonic() + SAVE_SECONDS + len(draft) / CHARACTERS_A_SECOND
        if self._layout.is_alive and self.draft != draft:
            self.save_draft_soon()

    async def _save_left_draft(self, conversation_id: str | None, draft: str) -> None:
        """Save the draft of a conversation that is left, and mark it in the list."""
        saved = await self.drafts.save(conversation_id, draft)
        if saved and conversation_id is not None and self._layout.is_alive:
            await self._layout.sidebar.reload()

    # Changes

    def changed(self, change: Change) -> None:
        """Read again what a commit touched, here or in another process."""
        self._layout.start_worker("changed", self._read_again, change, exclusive=False)

    async def _read_again(self, change: Change) -> None:
        try:
            await self._layout.sidebar.reload(change)
            was_told = await self.show_removals()
            before = self.conversation.record
            if before is not None and (change.elsewhere or before.id in change.sessions):
                record = await self.find(before.id)
                if self.conversation.id != before.id:
                    return  # another one was opened meanwhile
                if before.id in self.being_deleted:
                    return  # whoever deletes it opens another one
                if record is None:
                    await self._leave_deleted(before, elsewhere=change.elsewhere, was_told=was_told)
                    return
                self.conversation.record = record
                await self.conversation.read_settings()
                self._layout.transcript.refresh_session(change)
                await self._display.refresh()
        except storage.StoreError as error:
            self._layout.complain(str(error))

    async def _leave_deleted(self, record: Conversation, *, elsewhere: bool, was_told: bool) -> None:
        """Leave a conversation that is gone; what was typed comes along when it was not deleted in this window."""
        is_typed = bool(self._layout.prompt.text)
        await self.open(None, carry=elsewhere or was_told)
        if elsewhere and not was_told:
            hint = " Your text is still in the prompt." if is_typed else ""
            key, title = self._display.key_name("conversation.undo"), quoted(record.title)
            self._layout.notify(f"{title} was deleted in another window. {key} restores it.{hint}", timeout=12)

    async def show_removals(self) -> bool:
        """Say what other devices removed and how to bring it back; return whether there was anything."""
        removals = await self._context.store.run(storage.RemovedConversations.pop_unreported, "screen")
        if not removals:
            return False
        count = sum(removal.sessions for removal in removals)
        key = self._display.key_name("conversation.undo")
        sentence = removed_elsewhere(count, removals[-1].title, key, in_steps=len(removals) > 1)
        self._layout.notify(sentence, timeout=12)
        return True
