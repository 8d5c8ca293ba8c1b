"""Ways out of a conversation: files, and the command of the program that it was gathered from."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sterna import storage
from sterna.storage.text import clean, one_line

from .layout import MainLayout
from .navigation import Navigation

if TYPE_CHECKING:
    from sterna.exporters.chat import Chat
    from sterna.storage import AttachmentFiles, Message

PAGE = 200
"""Messages read at once."""


def resume_command(store: storage.Store, conversation_id: str) -> tuple[str, str]:
    """Return the command that opens a conversation in its own program, and the folder there; empty if there is none."""
    settings = store.conversations.settings(conversation_id)
    command, project = settings.get("resume"), settings.get("project")
    return command if isinstance(command, str) else "", project if isinstance(project, str) else ""


class ExportActions:
    """Exports the open conversation, or several."""

    def __init__(self, layout: MainLayout, navigation: Navigation) -> None:
        self._layout = layout
        self._navigation = navigation
        self._context = layout.context

    def export_open(self) -> None:
        """Export the open conversation."""
        if (conversation_id := self._navigation.conversation.id) is None:
            self._layout.notify("Send a message first.")
        else:
            self.export((conversation_id,))

    def export_to(self, path: str) -> bool:
        """Export the open conversation to a new file; return whether there is one."""
        if (conversation_id := self._navigation.conversation.id) is None:
            self._layout.notify("Send a message first.")
            return False
        self._context.spawn(self._export((conversation_id,), Path(os.path.expanduser(path))), "conversation.export")
        return True

    def copy_command_of_open(self) -> None:
        """Copy the command that opens the open conversation in its own program."""
        if (conversation_id := self._navigation.conversation.id) is not None:
            self.copy_command(conversation_id)

    def copy_command(self, conversation_id: str) -> None:
        """Copy the command that opens a conversation in its own program."""
        self._context.spawn(self._copy_command(conversation_id), "conversation.resume")

    async def _copy_command(self, conversation_id: str) -> None:
        command, project = await self._context.store.run(resume_command, conversation_id)
        if not command:
            self._layout.notify("No other program opens this conversation.")
            return
        self._layout.app.copy_to_clipboard(command)
        place = await self._context.copied_to()
        where = f" Run it in {clean(project)}." if project else ""
        self._layout.notify(f"Copied {clean(command)}{place}.{where}", timeout=8)

    def export(self, conversation_ids: Sequence[str]) -> None:
        """Ask where to, and export these conversations."""
        self._layout.start_worker("export", self._ask, tuple(conversation_ids))

    async def _ask(self, conversation_ids: Sequence[str]) -> None:
        from sterna.exporters.preview import preview
        from sterna.storage.conversations.documents import file_name

        from ..dialogs.export import ExportDialog

        if (first := await self._navigation.find(conversation_ids[0])) is None:
            return
        name = file_name(first) if len(conversation_ids) == 1 else f"sterna-{self._context.clock():%Y-%m-%d}"

        async def beginning(form: str) -> str:
            return await self._context.store.run(preview, first.id, form)

        dialog = ExportDialog(Path.home() / name, len(conversation_ids), beginning)
        if (choice := await self._layout.app.push_screen_wait(dialog)) is not None:
            self._context.spawn(self._export(conversation_ids, choice.path, choice.form), "conversation.export")

    async def _export(self, conversation_ids: Sequence[str], path: Path, form: str = "") -> None:
        try:
            await self._write(conversation_ids, path, form or _form_of(path))
        except storage.StoreError as error:
            self._layout.complain(f"Not exported. {error}")
        except OSError as error:
            self._layout.complain(f"Not exported: {one_line(str(path))} cannot be written ({error.strerror}).")
        else:
            self._context.analytics.track("conversation_exported")
            self._layout.notify(f"Exported to {one_line(str(path))}.", timeout=8)

    async def _write(self, conversation_ids: Sequence[str], path: Path, name: str) -> None:
        """Write conversations into a file, or each into a document of its own in a folder."""
        from sterna.exporters.files import StoredFiles
        from sterna.exporters.format import Options
        from sterna.exporters.registry import make
        from sterna.storage.conversations.documents import file_name

        form = await asyncio.to_thread(make, name)
        kept = await self._context.store.run(_attachment_files)
        if name == "markdown" and len(conversation_ids) > 1 and path.suffix != ".md":
            await asyncio.to_thread(path.mkdir, mode=0o700)
            files = StoredFiles(kept, path)
            for conversation_id in conversation_ids:
                chat = await self._read(conversation_id)
                pieces = form.pieces([chat], files, Options())
                await asyncio.to_thread(_write_new, path / file_name(chat.conversation), pieces)
        else:
            chats = [await self._read(conversation_id) for conversation_id in conversation_ids]
            await asyncio.to_thread(_write_new, path, form.pieces(chats, StoredFiles(kept), Options()))

    async def _read(self, conversation_id: str) -> Chat:
        """Return a conversation, reading a page at a time: other things wait for the store, too."""
        from sterna.exporters.chat import read_chat

        store = self._context.store
        messages: list[Message] = []
        while page := await store.run(
            storage.Messages.all_after, conversation_id, messages[-1].key if messages else None, PAGE
        ):
            messages += page
        return await store.run(read_chat, conversation_id, messages)


def _attachment_files(store: storage.Store) -> AttachmentFiles:
    return store.attachment_files


def _form_of(path: Path) -> str:
    """Return the format that the name of a file means: Markdown, where it means none."""
    from sterna.exporters.registry import FORMATS

    return next((name for name, entry in FORMATS.items() if entry.suffix == path.suffix.lower()), "markdown")


def _write_new(path: Path, pieces: Iterable[str]) -> None:
    """Write a file that only its owner may read; one that is there already stays. Raises OSError."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        try:
            file.writelines(pieces)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
