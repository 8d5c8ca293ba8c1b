"""Attachments of the prompt: chosen, pasted, dropped on the terminal, removed, and sent with the next message.

They belong to the draft of a conversation, and are stored with it as soon as they change. While a message is edited,
those of that message stand there instead; they are sent with its new text, and those of the draft come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sterna import storage

from ..attachment_names import short_name
from ..prompt.attachments import AttachmentRow
from ..prompt.stored_draft import with_edited
from .complaints import DRAFT, PROMPT
from .conversation import OpenConversation
from .layout import MainLayout

if TYPE_CHECKING:
    from sterna.storage import Attachment, Store

    from ..prompt import Prompt

RECOGNIZE_SECONDS = 3.0
"""Longest time for which a dropped path is looked at before it is attached."""
CLIPBOARD_NAME = "clipboard.png"


class PromptAttachments:
    """Attachments of the prompt of the open conversation. Files are read in threads."""

    def __init__(self, layout: MainLayout, conversation: OpenConversation) -> None:
        self._layout = layout
        self._context = layout.context
        self._conversation = conversation
        self._new: tuple[Attachment, ...] = ()
        """Attachments of the message that is written anew."""
        self._edits: dict[str, tuple[Attachment, ...]] = {}
        """Attachments of the messages that are edited, by their ids."""
        self._waiting: dict[str | None, tuple[Attachment, ...]] = {}
        """Attachments of messages that wait to be sent, by conversation. They stay with the draft until then."""
        self._pending: list[str] = []
        self.offer_undo: Callable[[str], None] = layout.notify
        """Says what was removed, and how to undo that."""

    @property
    def items(self) -> tuple[Attachment, ...]:
        """Attachments that are shown: of the message that is edited, else of the next one."""
        edited = self._layout.prompt.edited
        return self._new if edited is None else self._edits.get(edited, ())

    @property
    def of_new_message(self) -> tuple[Attachment, ...]:
        """Attachments of the next message, also while another one is edited."""
        return self._new

    def of_edit(self, message_id: str) -> tuple[Attachment, ...] | None:
        """Return the attachments of a message that is edited; None: those that it had."""
        return self._edits.get(message_id)

    @property
    def is_reading(self) -> bool:
        """True while a file is being read."""
        return bool(self._pending)

    # Adding

    def add(self, paths: Sequence[Path]) -> None:
        """Attach files, in the background; what cannot be attached is said."""
        for path in paths:
            self._start(path.name, self._attach_file(path))

    def add_paste(self, paste: Prompt.PathsPasted) -> None:
        """Attach the files that a paste names; if it names none, insert it as text."""
        self._context.spawn(self._add_paste(paste), "attachments.paste")

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

    async def _add_paste(self, paste: Prompt.PathsPasted) -> None:
        from sterna.chat import folder_in, paths_in

        text = paste.text
        try:
            paths = await asyncio.to_thread(paths_in, text)
            folder = None if paths else await asyncio.to_thread(folder_in, text)
            if (found := await self._history_in(paths or ([folder] if folder is not None else []))) is not None:
                self._layout.start_worker("import", self._offer_import, *found, text)
            elif paths:
                self.add(paths)
            else:
                self._layout.prompt.insert_paste(text)
        finally:
            paste.is_done = True

    async def _history_in(self, paths: Sequence[Path]) -> tuple[Path, list[str]] | None:
        """Return a dropped path that is a history of other programs, with their names; soon, or not at all."""
        from ..services.importing import dropped_history

        if len(paths) != 1:
            return None
        with suppress(TimeoutError, OSError):
            return await asyncio.wait_for(asyncio.to_thread(dropped_history, paths), RECOGNIZE_SECONDS)
        return None

    async def _offer_import(self, path: Path, labels: list[str], text: str) -> None:
        """Ask what to do with a dropped path that is a history of other programs."""
        from ..dialogs.import_offer import ImportOffer
        from ..screens.import_page import ImportScreen

        match await self._layout.app.push_screen_wait(ImportOffer(path, labels)):
            case "import":
                self._layout.app.push_screen(ImportScreen(self._context, path))
            case "attach":
                self.add([path])
            case "text":
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
        edited = self._layout.prompt.edited
        self._context.spawn(self._finish(name, work, self._conversation.id, edited), "attachments.add")

    async def _finish(
        self, name: str, work: Awaitable[Attachment], conversation_id: str | None, edited: str | None
    ) -> None:
        """Add what ``work`` returns to the draft for which it began, which may not be the open one any more."""
        try:
            await self._context.ready.wait()
            added = await work
            store, is_open = self._context.store, self._conversation.id == conversation_id
            if is_open and edited is not None and edited not in self._edits:
                await self._read_edit(edited, self._layout.prompt.edit_files)
            if edited is not None and edited in self._edits:
                before = self._edits[edited]
            else:  # it was sent or given up meanwhile
                edited = None
                before = self._new if is_open else await store.run(storage.Drafts.attachments, conversation_id)
            if added.id in {item.id for item in before}:
                return
            if len(before) >= storage.MAX_ATTACHMENTS:
                raise storage.Invalid(f"A message can have {storage.MAX_ATTACHMENTS} attachments at most.")
            if edited is not None:
                self._edits[edited] = (*before, added)
            elif is_open:
                self._new = (*before, added)
            self._show()
            every = self._every(conversation_id) if is_open else _each_once((*before, added))
            await store.run(storage.Drafts.attach, conversation_id, every)
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
        items, edited = self.items, self._layout.prompt.edited
        for place, item in enumerate(items):
            if item.id == attachment_id:
                self._set((*items[:place], *items[place + 1 :]))
                restore = partial(self._bring_back, self._conversation.id, edited, item, place)
                self._context.spawn(self._conversation.local_undo.add(restore), "attachments.removed")
                self.offer_undo(f"Removed {short_name(item.name)}.")
                return

    async def _bring_back(
        self, conversation_id: str | None, edited: str | None, item: Attachment, place: int
    ) -> str | None:
        """Attach again what was removed; return None where its file, or the edit, is gone."""
        store, is_open = self._context.store, self._conversation.id == conversation_id
        if edited is not None and (not is_open or edited != self._layout.prompt.edited):
            return None
        if not await store.run(_is_here, item) and edited is None:
            return None
        if is_open and edited == self._layout.prompt.edited:
            items = self.items
            self._set(_each_once((*items[:place], item, *items[place:])))
        elif is_open:
            self._new = _each_once((*self._new[:place], item, *self._new[place:]))
            await store.run(storage.Drafts.attach, conversation_id, self._every(conversation_id))
        else:
            others = await store.run(storage.Drafts.attachments, conversation_id)
            await store.run(storage.Drafts.attach, conversation_id, _each_once((*others, item)))
        return f"Attached {short_name(item.name)} again."

    def remove_one(self) -> None:
        """Remove the only one, or ask which."""
        if not self.items:
            self._layout.notify("Nothing is attached.")
        elif len(self.items) == 1:
            self.remove(self.items[0].id)
        else:
            self._layout.start_worker("attach", self._choose_to_remove)

    async def _choose_to_remove(self) -> None:
        from ..dialogs.attach import ChooseAttachment

        chosen = await self._layout.app.push_screen_wait(ChooseAttachment("Remove an attachment", self.items))
        if chosen is not None:
            self.remove(chosen.id)

    # Drafts

    def leave(self) -> None:
        """Forget what belongs to the conversation that is left; it is stored."""
        self._new, self._edits = (), {}

    async def open(
        self,
        conversation_id: str | None,
        *,
        carried: Sequence[Attachment] = (),
        waiting: Sequence[str] = (),
        edited: Sequence[str] = (),
    ) -> None:
        """Show what is attached to the draft of a conversation, and ``carried`` behind it.

        Attachments with the ids ``waiting`` belong to messages that wait, those with the ids ``edited`` to edits.
        """
        saved = await self._context.store.run(storage.Drafts.attachments, conversation_id)
        if self._conversation.id != conversation_id:
            return  # another one was opened meanwhile
        known = {item.id: item for item in saved}
        self._waiting[conversation_id] = tuple(known[each] for each in waiting if each in known)
        self._new = saved = tuple(item for item in saved if item.id not in (*waiting, *edited))
        if new := tuple(item for item in carried if item.id not in known):
            self._new = (*saved, *new)
            self._save_soon()
        self._show()

    def show_edit(self, message_id: str | None) -> None:
        """Show what is attached to the message that is edited; None: to the next one again."""
        if message_id is not None and message_id not in self._edits:
            files, prompt = self._layout.prompt.edit_files, self._layout.prompt
            self._context.spawn(self._read_edit(message_id, files), "attachments.edit")
            prompt.has_attachments = False
        elif message_id is None and self._edits:
            self._save_soon()
        self._show()

    async def _read_edit(self, message_id: str, ids: Collection[str] | None) -> None:
        """Read what is attached to a message that is edited: as its draft has it, else as it was sent."""
        store = self._context.store
        await self._context.ready.wait()
        try:
            if ids is None:
                items = (await store.run(storage.Messages.get, message_id)).attachments
            else:
                saved = await store.run(storage.Drafts.attachments, self._conversation.id)
                items = tuple(item for item in saved if item.id in ids)
        except storage.StoreError:
            return  # it is gone; sending it says so
        if self._layout.is_alive and self._layout.prompt.edited == message_id and message_id not in self._edits:
            self._edits[message_id] = items
            if items and ids is None:
                self._save_soon()
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
                self._new = tuple(item for item in self._new if item.id not in gone)
                self._show()
            gone -= {item.id for item in (*self._new, *self._of_edits())}
        gone -= {item.id for item in held}
        rest = await self._context.store.run(storage.Drafts.attachments, conversation_id)
        await self._context.store.run(
            storage.Drafts.attach, conversation_id, tuple(item for item in rest if item.id not in gone)
        )

    # Messages that wait

    def hold(self) -> tuple[Attachment, ...]:
        """Keep what is attached for a message that waits from now on, and return it."""
        held, self._new = self._new, ()
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
        self._set(_each_once((*back, *self.items)))

    def put_back(self, items: Sequence[Attachment]) -> None:
        """Attach to the prompt again what a message had that was taken back."""
        self._set(_each_once((*items, *self.items)))

    def _set(self, items: tuple[Attachment, ...]) -> None:
        if (edited := self._layout.prompt.edited) is None:
            self._new = items
        else:
            self._edits[edited] = items
        self._show()
        self._save_soon()

    def _save_soon(self) -> None:
        conversation_id = self._conversation.id
        self._context.spawn(self._save(conversation_id, self._every(conversation_id)), "attachments.save")

    def _every(self, conversation_id: str | None) -> tuple[Attachment, ...]:
        """Return everything that belongs to the draft of the open conversation."""
        return _each_once((*self._waiting.get(conversation_id, ()), *self._new, *self._of_edits()))

    def _of_edits(self) -> tuple[Attachment, ...]:
        """Return what is attached to edits that are still being written, and forget the others."""
        draft = self._layout.prompt.draft
        self._edits = {each: items for each, items in self._edits.items() if with_edited(each, "") in draft}
        return tuple(item for items in self._edits.values() for item in items)

    async def _save(self, conversation_id: str | None, items: tuple[Attachment, ...]) -> None:
        try:
            await self._context.store.run(storage.Drafts.attach, conversation_id, items)
        except storage.StoreError as error:
            self._layout.complain(f"The draft is not saved yet. {error}", DRAFT)

    def _show(self) -> None:
        if not self._layout.is_alive:
            return
        items, prompt = self.items, self._layout.prompt
        self._layout.query_one(AttachmentRow).show(items, self._pending, ascii_only=self._context.is_ascii)
        prompt.has_attachments = bool(items)
        if prompt.edited in self._edits:
            prompt.set_edit_files(tuple(item.id for item in items))


def _is_here(store: Store, item: Attachment) -> bool:
    """Return whether the file is there, and note that it is used again."""
    if not store.attachment_files.has(item.id):
        return False
    store.attachments.add(item)
    return True


def _each_once(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    return tuple({item.id: item for item in attachments}.values())
