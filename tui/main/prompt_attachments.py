"""Attachments of the prompt: chosen, pasted, dropped on the terminal, removed, and sent with the next message.

They belong to the draft of a conversation, and are stored with it as soon as they change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sterna import storage

from ..attachment_names import short_name
from ..prompt.attachments import AttachmentRow
from .complaints import DRAFT, PROMPT
from .conversation import OpenConversation
from .layout import MainLayout

if TYPE_CHECKING:
    from sterna.storage import Attachment, Store

CLIPBOARD_NAME = "clipboard.png"


class PromptAttachments:
    """Attachments of the prompt of the open conversation. Files are read in threads."""

    def __init__(self, layout: MainLayout, conversation: OpenConversation) -> None:
        self._layout = layout
        self._context = layout.context
        self._conversation = conversation
        self._items: tuple[Attachment, ...] = ()
        self._waiting: dict[str | None, tuple[Attachment, ...]] = {}
        """Attachments of messages that wait to be sent, by conversation. They stay with the draft until then."""
        self._pending: list[str] = []
        self.offer_undo: Callable[[str], None] = layout.notify
        """Says what was removed, and how to undo that."""

    @property
    def items(self) -> tuple[Attachment, ...]:
        """Attachments of the next message."""
        return self._items

    @property
    def is_reading(self) -> bool:
        """True while a file is being read."""
        return bool(self._pending)

    # Adding

    def add(self, paths: Sequence[Path]) -> None:
        """Attach files, in the background; what cannot be attached is said."""
        for path in paths:
            self._start(path.name, self._attach_file(path))

    def add_paste(self, text: str) -> None:
        """Attach the files that a paste names; if it names none, insert it as text."""
        self._context.spawn(self._add_paste(text), "attachments.paste")

    def paste_image(self) -> None:
        """Attach the image of the clipboard."""
        self._start(CLIPBOARD_NAME, self._attach_clipboard())

    def choose(self) -> None:
        """Ask for the path of a file, and attach it."""
        self._layout.start_worker("attach", self._ask_for_path)

    async def _ask_for_path(self) -> None:
        from ..dialogs.attach import AttachDialog

        if paths := await self._layout.app.push_screen_wait(AttachDialog()):
            self.add(paths)

    async def _add_paste(self, text: str) -> None:
        from sterna.chat import paths_in

        if paths := await asyncio.to_thread(paths_in, text):
            self.add(paths)
        else:
            self._layout.prompt.insert_paste(text)

    async def _attach_file(self, path: Path) -> Attachment:
        from sterna.chat import attach

        return await attach(self._context.store, path)

    async def _attach_clipboard(self) -> Attachment:
        from sterna.chat import attach_bytes
        from sterna.chat.attachments.clipboard import clipboard_image

        return await attach_bytes(self._context.store, CLIPBOARD_NAME, await asyncio.to_thread(clipboard_image))

    def _start(self, name: str, work: Awaitable[Attachment]) -> None:
        self._pending.append(name)
        self._show()
        self._context.spawn(self._finish(name, work, self._conversation.id), "attachments.add")

    async def _finish(self, name: str, work: Awaitable[Attachment], conversation_id: str | None) -> None:
        """Add what ``work`` returns to the draft for which it began, which may not be the open one any more."""
        try:
            await self._context.ready.wait()
            added = await work
            store, is_open = self._context.store, self._conversation.id == conversation_id
            before = self._items if is_open else await store.run(storage.Drafts.attachments, conversation_id)
            if added.id in {item.id for item in before}:
                return
            if len(before) >= storage.MAX_ATTACHMENTS:
                raise storage.Invalid(f"A message can have {storage.MAX_ATTACHMENTS} attachments at most.")
            if is_open:
                self._items = (*before, added)
                self._show()
                before = (*self._waiting.get(conversation_id, ()), *before)
            await store.run(storage.Drafts.attach, conversation_id, _each_once((*before, added)))
        except storage.StoreError as error:
            self._layout.complain(f"Not attached. {error}", PROMPT)
        else:
            self._layout.complaints.end(PROMPT)
        finally:
            self._pending.remove(name)
            self._show()

    # Removing

    def remove(self, attachment_id: str) -> None:
        """Remove one, which undo brings back."""
        for place, item in enumerate(self._items):
            if item.id == attachment_id:
                self._set((*self._items[:place], *self._items[place + 1 :]))
                restore = partial(self._bring_back, self._conversation.id, item, place)
                self._context.spawn(self._conversation.local_undo.add(restore), "attachments.removed")
                self.offer_undo(f"Removed {short_name(item.name)}.")
                return

    async def _bring_back(self, conversation_id: str | None, item: Attachment, place: int) -> str | None:
        """Attach to the draft of a conversation again what was removed; return None where its file is gone."""
        store = self._context.store
        if not await store.run(_is_here, item):
            return None
        if self._conversation.id == conversation_id:
            self._set(_each_once((*self._items[:place], item, *self._items[place:])))
        else:
            others = await store.run(storage.Drafts.attachments, conversation_id)
            await store.run(storage.Drafts.attach, conversation_id, _each_once((*others, item)))
        return f"Attached {short_name(item.name)} again."

    def remove_one(self) -> None:
        """Remove the only one, or ask which."""
        if not self._items:
            self._layout.notify("Nothing is attached.")
        elif len(self._items) == 1:
            self.remove(self._items[0].id)
        else:
            self._layout.start_worker("attach", self._choose_to_remove)

    async def _choose_to_remove(self) -> None:
        from ..dialogs.attach import ChooseAttachment

        chosen = await self._layout.app.push_screen_wait(ChooseAttachment("Remove an attachment", self._items))
        if chosen is not None:
            self.remove(chosen.id)

    # Drafts

    async def open(
        self, conversation_id: str | None, *, carried: Sequence[Attachment] = (), waiting: Sequence[str] = ()
    ) -> None:
        """Show what is attached to the draft of a conversation, and ``carried`` behind it.

        Attachments with the ids ``waiting`` belong to messages that wait.
        """
        saved = await self._context.store.run(storage.Drafts.attachments, conversation_id)
        if self._conversation.id != conversation_id:
            return  # another one was opened meanwhile
        known = {item.id: item for item in saved}
        self._waiting[conversation_id] = tuple(known[each] for each in waiting if each in known)
        self._items = saved = tuple(item for item in saved if item.id not in waiting)
        if new := tuple(item for item in carried if item.id not in known):
            self._set((*saved, *new))
        self._show()

    async def sent(
        self, conversation_id: str | None, attachments: Sequence[Attachment], *, waited: bool = False
    ) -> None:
        """Remove from a draft what was sent with a message, and keep what was added meanwhile or waits still."""
        gone = {item.id for item in attachments}
        if not gone:
            return
        held = list(self._waiting.get(conversation_id, ()))
        if waited:
            for item in attachments:
                held.remove(item)
            self._waiting[conversation_id] = tuple(held)
        if self._conversation.id == conversation_id:
            if not waited:
                self._items = tuple(item for item in self._items if item.id not in gone)
                self._show()
            gone -= {item.id for item in self._items}
        gone -= {item.id for item in held}
        rest = await self._context.store.run(storage.Drafts.attachments, conversation_id)
        await self._context.store.run(
            storage.Drafts.attach, conversation_id, tuple(item for item in rest if item.id not in gone)
        )

    # Messages that wait

    def hold(self) -> tuple[Attachment, ...]:
        """Keep what is attached for a message that waits from now on, and return it."""
        held, self._items = self._items, ()
        conversation_id = self._conversation.id
        self._waiting[conversation_id] = (*self._waiting.get(conversation_id, ()), *held)
        self._show()
        return held

    def held(self, conversation_id: str | None, ids: Collection[str]) -> tuple[Attachment, ...]:
        """Return those attachments of a message that waits."""
        known = {item.id: item for item in self._waiting.get(conversation_id, ())}
        return tuple(known[each] for each in ids if each in known)

    def give_back(self, ids: Collection[str]) -> None:
        """Attach to the prompt again what a message had that does not wait any more."""
        conversation_id = self._conversation.id
        rest = list(self._waiting.get(conversation_id, ()))
        back = self.held(conversation_id, ids)
        for item in back:
            rest.remove(item)
        self._waiting[conversation_id] = tuple(rest)
        self._items = _each_once((*back, *self._items))
        self._show()

    def _set(self, items: tuple[Attachment, ...]) -> None:
        self._items = items
        self._show()
        conversation_id = self._conversation.id
        every = _each_once((*self._waiting.get(conversation_id, ()), *items))
        self._context.spawn(self._save(conversation_id, every), "attachments.save")

    async def _save(self, conversation_id: str | None, items: tuple[Attachment, ...]) -> None:
        try:
            await self._context.store.run(storage.Drafts.attach, conversation_id, items)
        except storage.StoreError as error:
            self._layout.complain(f"The draft is not saved yet. {error}", DRAFT)

    def _show(self) -> None:
        if not self._layout.is_alive:
            return
        self._layout.query_one(AttachmentRow).show(self._items, self._pending, ascii_only=self._context.is_ascii)
        self._layout.prompt.has_attachments = bool(self._items)


def _is_here(store: Store, item: Attachment) -> bool:
    """Return whether the file is there, and note that it is used again."""
    if not store.attachment_files.has(item.id):
        return False
    store.attachments.add(item)
    return True


def _each_once(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    return tuple({item.id: item for item in attachments}.values())
